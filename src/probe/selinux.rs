//! SELinux: the domain of the caller, and what the policy permits it.

use super::ReasonKind;
use super::host;
use super::reasons::{Reasons, Refusal, describe, errno};
use super::sentence::{Bytes, sentence};
use crate::error::Error;
use crate::sys::trial::{Call, Step};
use crate::util::parse;

/// What files tell about SELinux.
#[derive(Default)]
pub struct SeLinux {
    pub is_enforcing: bool,
    /// That of the caller: proc_pid_attr(5).
    pub context: Vec<u8>,
}

/// A permission of a policy, with its class.
type Permission = (&'static str, &'static str);

const CREATION: Permission = ("user_namespace", "create");

/// What the kernel asks the policy for first, and the error if that is refused. A capability is refused with EPERM,
/// everything else with EACCES.
fn needed(step: Step, call: Call) -> Option<(Permission, i32)> {
    match (call, step) {
        (Call::Clone | Call::Unshare, Step::Create | Step::Nested) => Some((CREATION, libc::EACCES)),
        (Call::UidMap | Call::GidMap | Call::Clone | Call::Unshare | Call::Mount, _) => {
            Some((("cap_userns", "sys_admin"), libc::EPERM))
        }
        (Call::Loopback, _) => Some((("cap_userns", "net_admin"), libc::EPERM)),
        _ => None,
    }
}

impl SeLinux {
    pub fn read() -> Result<SeLinux, Error> {
        Ok(SeLinux {
            is_enforcing: host::number(c"/sys/fs/selinux/enforce")? == Some(1),
            context: host::read(c"/proc/self/attr/current")?.unwrap_or_default(),
        })
    }

    pub fn explain(&self, reasons: &mut Reasons, refusal: &Refusal) -> Result<(), Error> {
        let &Refusal { step, call, error, .. } = refusal;
        if !self.is_enforcing {
            return Ok(());
        }
        let needed = needed(step, call).filter(|&(_, refusal)| refusal == error);
        let answer = needed.map_or(Ok(None), |(permission, _)| self.permits(permission))?;
        match (answer, needed) {
            (Some(true), _) => Ok(()),
            (Some(false), Some((permission, _))) => self.prove(reasons, permission),
            _ if error == libc::EACCES || needed.is_some() => reasons.likely(
                ReasonKind::SeLinux,
                format_args!(
                    "/sys/fs/selinux/enforce is 1, and {} failed with {}, as SELinux answers; look for \"denied\" in the audit \
                    log (ausearch -m avc), and permit it by a policy, for example with a module of audit2allow(1)",
                    describe(step, call),
                    errno(error),
                ),
            ),
            _ => Ok(()),
        }
    }

    /// Whether the policy keeps the caller from making user namespaces, as the kernel answers.
    pub fn explain_caller(&self, reasons: &mut Reasons) -> Result<(), Error> {
        match self.is_enforcing && self.permits(CREATION)? == Some(false) {
            true => self.prove(reasons, CREATION),
            false => Ok(()),
        }
    }

    fn prove(&self, reasons: &mut Reasons, (class, permission): Permission) -> Result<(), Error> {
        reasons.proved(
            ReasonKind::SeLinux,
            format_args!(
                "the policy of SELinux denies \"{permission}\" (class {class}) to the caller, whose context is \"{}\" \
                (/proc/self/attr/current), as /sys/fs/selinux/access answers; an administrator permits it by a module of the \
                policy, for example of audit2allow(1)",
                Bytes(&self.context)
            ),
        )
    }

    /// Asks the kernel about an action of the caller on itself: selinuxfs, as `security_compute_av()` of libselinux does.
    /// `None`: it does not say, since the file system is not mounted, the policy does not know the class, or does not permit
    /// the question.
    fn permits(&self, (class, permission): Permission) -> Result<Option<bool>, Error> {
        let number = |path: std::fmt::Arguments<'_>| host::number(sentence(path)?.as_c_str());
        let class_number = number(format_args!("/sys/fs/selinux/class/{class}/index"))?;
        let bit = number(format_args!("/sys/fs/selinux/class/{class}/perms/{permission}"))?;
        let bit = bit.and_then(|number| u32::try_from(number).ok()?.checked_sub(1));
        let (Some(class_number), Some(bit)) = (class_number, bit) else { return Ok(None) };
        let context = Bytes(&self.context);
        let question = sentence(format_args!("{context} {context} {class_number}"))?;
        let answer = host::ask(c"/sys/fs/selinux/access", question.as_c_str().to_bytes())?.unwrap_or_default();
        Ok(granted(&answer).map(|granted| granted.checked_shr(bit).is_some_and(|bits| bits & 1 != 0)))
    }
}

/// The permissions in an answer: the first number, or all if the last one says that the domain is permissive.
fn granted(answer: &[u8]) -> Option<u64> {
    let mut numbers = answer.split(|&byte| byte == b' ');
    let mut number = |skipped| parse::hexadecimal(numbers.nth(skipped)?);
    let (permitted, flags) = (number(0)?, number(4)?);
    Some(if flags & PERMISSIVE == 0 { permitted } else { u64::MAX })
}

/// `AVD_FLAGS_PERMISSIVE` of the kernel.
const PERMISSIVE: u64 = 1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_permissions() {
        assert_eq!(granted(b"5 ffffffff 0 ffffffff 1 0"), Some(5));
        assert_eq!(granted(b"5 ffffffff 0 ffffffff 1 1"), Some(u64::MAX));
        assert_eq!(
            (granted(b""), granted(b"5 ffffffff 0 ffffffff 1"), granted(b"x ffffffff 0 0 1 0")),
            (None, None, None)
        );
    }
}
