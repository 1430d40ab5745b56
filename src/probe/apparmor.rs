//! AppArmor: the profile of the caller, what it permits, and what Ubuntu adds.

use super::ReasonKind;
use super::host;
use super::reasons::{Reasons, Refusal, describe, errno};
use super::sentence::{Bytes, name};
use crate::error::Error;
use crate::sys::trial::Call;
use crate::util::arrays::push;
use crate::util::parse;
use std::ffi::CStr;

/// The profile that AppArmor of Ubuntu puts a program into that makes a user namespace.
const RESTRICTED: &[u8] = b"unprivileged_userns";

const RESTRICT: &CStr = c"/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

/// `AA_CLASS_NS` and `AA_USERNS_CREATE` of the kernel, Linux 6.7: the class and the permission of the rule `userns,`.
const CLASS_NAMESPACE: u8 = 21;
const CREATE: u64 = 8;

/// What files tell about AppArmor.
#[derive(Default)]
pub struct AppArmor {
    /// The label of the caller: proc_pid_attr(5).
    pub label: Vec<u8>,
    /// Ubuntu's sysctls `apparmor_restrict_unprivileged_userns` and `apparmor_restrict_unprivileged_unconfined`.
    pub restricts_userns: bool,
    pub restricts_unconfined: bool,
    /// The kernel has the first one, which only root may read: such files of AppArmor have mode 0600.
    pub hides_restriction: bool,
}

impl AppArmor {
    pub fn read() -> Result<AppArmor, Error> {
        let restriction = host::number(RESTRICT)?;
        let unconfined = host::number(c"/proc/sys/kernel/apparmor_restrict_unprivileged_unconfined")?;
        Ok(AppArmor {
            label: host::read(c"/proc/self/attr/apparmor/current")?.unwrap_or_default(),
            restricts_userns: restriction == Some(1),
            restricts_unconfined: unconfined == Some(1),
            hides_restriction: restriction.is_none() && host::exists(RESTRICT)?,
        })
    }

    pub fn explain(&self, reasons: &mut Reasons, refusal: &Refusal) -> Result<(), Error> {
        let &Refusal { step, call, error, new_label, is_incapable } = refusal;
        if new_label.starts_with(RESTRICTED) {
            return reasons.proved(
                ReasonKind::AppArmor,
                format_args!(
                    "AppArmor lets the user namespace be made and takes its capabilities away: it puts the process there into the \
                    profile \"{}\" (/proc/self/attr/apparmor/current), as {} tells it; an administrator permits it with a \
                    profile for the program that has \"userns,\"",
                    Bytes(new_label),
                    name(RESTRICT)
                ),
            );
        }
        let is_creation = refusal.is_creation();
        // A rule for that is missed with EACCES.
        if is_creation && error == libc::EPERM {
            return Ok(());
        }
        if is_creation && self.explain_profile(reasons)? {
            return Ok(());
        }
        if error == libc::EPERM && is_incapable == Some(true) && is_restrictive(new_label) {
            return reasons.proved(
                ReasonKind::AppArmor,
                format_args!(
                    "AppArmor lets the user namespace be made and takes {} away there, as capget(2) shows: the profile \"{}\" \
                    (/proc/self/attr/apparmor/current) lacks it; an administrator permits it with \"capability,\" in the profile",
                    if call == Call::Loopback { "CAP_NET_ADMIN" } else { "CAP_SYS_ADMIN" },
                    Bytes(new_label)
                ),
            );
        }
        // Nothing but a capability is refused with EPERM.
        if is_restrictive(&self.label) && (error == libc::EACCES || is_incapable.is_none()) {
            reasons.likely(
                ReasonKind::AppArmor,
                format_args!(
                    "AppArmor confines the caller by the profile \"{}\" (/proc/self/attr/apparmor/current), which can have refused \
                    {} with {}; an administrator permits it with \"{}\" in the profile",
                    Bytes(&self.label),
                    describe(step, call),
                    errno(error),
                    match (call, error) {
                        _ if is_creation => "userns,",
                        (_, libc::EPERM) => "capability,",
                        (Call::Mount, _) => "mount,",
                        (Call::UidMap | Call::GidMap, _) => "@{PROC}/*/{uid_map,gid_map,setgroups} rw,",
                        _ => "network,",
                    }
                ),
            )?;
        }
        self.explain_restriction(reasons, true)
    }

    /// What keeps the caller from making user namespaces, as files tell.
    pub fn explain_caller(&self, reasons: &mut Reasons) -> Result<(), Error> {
        match self.explain_profile(reasons)? {
            true => Ok(()),
            false => self.explain_restriction(reasons, false),
        }
    }

    /// Whether the profile does not permit user namespaces, as the kernel answers.
    fn explain_profile(&self, reasons: &mut Reasons) -> Result<bool, Error> {
        if !is_restrictive(&self.label) || self.permits_userns()? != Some(false) {
            return Ok(false);
        }
        reasons.proved(
            ReasonKind::AppArmor,
            format_args!(
                "AppArmor confines the caller by the profile \"{}\" (/proc/self/attr/apparmor/current), which does not permit user \
                namespaces, as /sys/kernel/security/apparmor/.access answers; an administrator permits them with \"userns,\" in \
                the profile",
                Bytes(&self.label)
            ),
        )?;
        Ok(true)
    }

    /// `None`: the file cannot be had or used, for example in a container; or the kernel does not restrict user namespaces,
    /// before Linux 6.7.
    fn permits_userns(&self) -> Result<Option<bool>, Error> {
        let restricted = host::read(c"/sys/kernel/security/apparmor/features/namespaces/mask")?.unwrap_or_default();
        if !restricted.split(|&byte| byte == b' ').any(|name| name == b"userns_create") {
            return Ok(None);
        }
        let mut question = Vec::new();
        let profile = self.label.rsplitn(2, |&byte| byte == b' ').last().unwrap_or_default();
        for &byte in b"label\0".iter().chain(profile).chain(&[0, CLASS_NAMESPACE]) {
            push(&mut question, byte)?;
        }
        let answer = host::ask(c"/sys/kernel/security/apparmor/.access", &question)?.unwrap_or_default();
        Ok(granted(&answer).map(|granted| granted & CREATE != 0))
    }

    /// What AppArmor of Ubuntu does to programs without a profile. `has_failed`: something was refused.
    fn explain_restriction(&self, reasons: &mut Reasons, has_failed: bool) -> Result<(), Error> {
        let has_profile = !self.label.is_empty() && !self.label.starts_with(b"unconfined");
        let may_restrict = self.restricts_userns || (has_failed && self.hides_restriction);
        if !may_restrict || has_profile || !reasons.caller.is_ordinary() {
            return Ok(());
        }
        reasons.likely(
            ReasonKind::AppArmor,
            format_args!(
                "{} {}, and the caller has no profile that permits user namespaces{}; an administrator adds one for the \
                program that has \"userns,\", or permits them to all with: sysctl -w \
                kernel.apparmor_restrict_unprivileged_userns=0",
                name(RESTRICT),
                if self.restricts_userns { "is 1" } else { "can be 1, which only root may read" },
                if self.restricts_unconfined { ", nor may it choose one (apparmor_restrict_unprivileged_unconfined is 1)" } else { "" }
            ),
        )
    }
}

/// Whether a label can refuse anything. Not if it is empty, `unconfined`, a profile that only names a program, `NAME
/// (unconfined)`, or one that only records what it would refuse, `NAME (complain)`.
fn is_restrictive(label: &[u8]) -> bool {
    let modes = [&b"(unconfined)"[..], b"(complain)"];
    !label.is_empty() && !label.starts_with(b"unconfined") && !modes.iter().any(|mode| label.ends_with(mode))
}

/// The permissions in an answer: lines such as `allow 0x00000008`, and `deny` for what is refused nevertheless.
fn granted(answer: &[u8]) -> Option<u64> {
    let bits = |name: &[u8]| {
        let line = answer.split(|&byte| byte == b'\n').find_map(|line| line.strip_prefix(name))?;
        parse::hexadecimal(line)
    };
    Some(bits(b"allow 0x")? & !bits(b"deny 0x")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_has_permissions() {
        let answer =
            |allow, deny| format!("allow 0x{allow:08x}\ndeny 0x{deny:08x}\naudit 0x00000000\nquiet 0x00000000\n");
        assert_eq!(granted(answer(8, 0).as_bytes()), Some(8));
        assert_eq!(granted(answer(0x1f, 8).as_bytes()), Some(0x17));
        assert_eq!((granted(b""), granted(b"allow 0x8\n")), (None, None));
    }

    #[test]
    fn some_labels_refuse_nothing() {
        for label in [&b""[..], b"unconfined", b"chrome (unconfined)", b"my shell (complain)"] {
            assert!(!is_restrictive(label));
        }
        assert!(is_restrictive(b"docker-default (enforce)") && is_restrictive(b"a//&:b:unconfined (mixed)"));
    }
}
