//! Security modules that can refuse a step: AppArmor, SELinux, and others that the kernel lists.

use super::ReasonKind;
use super::host;
use super::reasons::{Reasons, describe, errno};
use super::sentence::Bytes;
use crate::error::Error;
use crate::sys::trial::{Call, Step};

/// Modules that never refuse to make, map or use a namespace, or are asked about elsewhere.
const OTHERS: [&[u8]; 11] = [
    b"capability",
    b"yama",
    b"lockdown",
    b"integrity",
    b"ima",
    b"evm",
    b"loadpin",
    b"safesetid",
    b"ipe",
    b"apparmor",
    b"selinux",
];

/// The profile that AppArmor of Ubuntu puts a program into that makes a user namespace.
const RESTRICTED: &[u8] = b"unprivileged_userns";

const RESTRICT: &str = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";

/// What files tell about security modules.
#[derive(Default)]
pub struct Modules {
    /// The label of the caller: proc_pid_attr(5).
    profile: Vec<u8>,
    /// Ubuntu's sysctls `apparmor_restrict_unprivileged_userns` and `apparmor_restrict_unprivileged_unconfined`.
    restricts_userns: bool,
    restricts_unconfined: bool,
    enforces_selinux: bool,
    /// All modules, separated by commas.
    list: Vec<u8>,
}

impl Modules {
    pub fn read() -> Result<Modules, Error> {
        let is_on = |path| Ok::<bool, Error>(host::number(path)? == Some(1));
        Ok(Modules {
            profile: host::read(c"/proc/self/attr/apparmor/current")?.unwrap_or_default(),
            restricts_userns: is_on(c"/proc/sys/kernel/apparmor_restrict_unprivileged_userns")?,
            restricts_unconfined: is_on(c"/proc/sys/kernel/apparmor_restrict_unprivileged_unconfined")?,
            enforces_selinux: is_on(c"/sys/fs/selinux/enforce")?,
            list: host::read(c"/sys/kernel/security/lsm")?.unwrap_or_default(),
        })
    }

    /// EPERM or EACCES that nothing else explains. `label`: that of AppArmor in the new namespace, if it was read.
    pub fn explain(
        &self,
        reasons: &mut Reasons,
        label: &[u8],
        (step, call): (Step, Call),
        error: i32,
    ) -> Result<(), Error> {
        if label.starts_with(RESTRICTED) {
            return reasons.proved(
                ReasonKind::AppArmor,
                format_args!(
                    "AppArmor lets the user namespace be made and takes its capabilities away: it puts the process there into the \
                    profile \"{}\" (/proc/self/attr/apparmor/current), as {RESTRICT} tells it; an administrator permits it with a \
                    profile for the program that has \"userns,\"",
                    Bytes(label)
                ),
            );
        }
        let from = reasons.found.len();
        if !is_unconfined(&self.profile) {
            reasons.likely(
                ReasonKind::AppArmor,
                format_args!(
                    "AppArmor confines the caller by the profile \"{}\" (/proc/self/attr/apparmor/current), which can have refused \
                    {}; an administrator permits it with \"userns,\", \"capability,\" or \"mount,\" in the profile",
                    Bytes(&self.profile),
                    describe(step, call)
                ),
            )?;
        }
        self.explain_restriction(reasons)?;
        if reasons.found.len() == from && error == libc::EACCES && self.enforces_selinux {
            reasons.likely(
                ReasonKind::SeLinux,
                format_args!(
                    "/sys/fs/selinux/enforce is 1, and {} failed with EACCES, as SELinux answers; look for \"denied\" in the audit \
                    log (ausearch -m avc), and permit it by a policy, for example with a module of audit2allow(1)",
                    describe(step, call)
                ),
            )?;
        }
        let is_other = |module: &[u8]| !module.is_empty() && !OTHERS.contains(&module);
        if reasons.found.len() == from && self.list.split(|&byte| byte == b',').any(is_other) {
            reasons.likely(
                ReasonKind::Lsm,
                format_args!(
                    "{} failed with {}, and one of the security modules in /sys/kernel/security/lsm ({}) can have refused it; look \
                    into their logs and policies",
                    describe(step, call),
                    errno(error),
                    Bytes(&self.list)
                ),
            )?;
        }
        Ok(())
    }

    /// What AppArmor of Ubuntu does to programs without a profile.
    pub fn explain_restriction(&self, reasons: &mut Reasons) -> Result<(), Error> {
        let has_profile = !self.profile.is_empty() && !self.profile.starts_with(b"unconfined");
        if !self.restricts_userns || has_profile || !reasons.caller.is_ordinary() {
            return Ok(());
        }
        reasons.likely(
            ReasonKind::AppArmor,
            format_args!(
                "{RESTRICT} is 1, and the caller has no profile that permits user namespaces{}; an administrator adds one for the \
                program that has \"userns,\", or permits them to all with: sysctl -w \
                kernel.apparmor_restrict_unprivileged_userns=0",
                if self.restricts_unconfined { ", nor may it choose one (apparmor_restrict_unprivileged_unconfined is 1)" } else { "" }
            ),
        )
    }
}

/// No label, `unconfined`, or a profile that only names a program: `NAME (unconfined)`.
fn is_unconfined(profile: &[u8]) -> bool {
    profile.is_empty() || profile.starts_with(b"unconfined") || profile.ends_with(b"(unconfined)")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::host::Caller;

    /// The kind, whether it is proved, and whether the sentence has these words.
    fn answer(
        modules: &Modules,
        is_admin: bool,
        label: &[u8],
        error: i32,
        words: &str,
    ) -> Vec<(ReasonKind, bool, bool)> {
        let caller = Caller::made_up(is_admin);
        let mut reasons = Reasons { caller: &caller, found: Vec::new() };
        modules.explain(&mut reasons, label, (Step::Capable, Call::Mount), error).unwrap();
        let has_words = |text: &std::ffi::CStr| text.to_str().unwrap().contains(words);
        reasons.found.iter().map(|reason| (reason.kind(), reason.is_proved(), has_words(reason.text()))).collect()
    }

    #[test]
    fn apparmor_is_proved_by_its_label_and_likely_by_its_sysctl() {
        let ubuntu =
            || Modules { restricts_userns: true, list: b"capability,landlock,apparmor".to_vec(), ..Modules::default() };
        let proved = answer(&ubuntu(), false, b"unprivileged_userns (enforce)", libc::EPERM, "userns,");
        assert_eq!(proved, [(ReasonKind::AppArmor, true, true)]);
        assert_eq!(answer(&ubuntu(), false, b"", libc::EACCES, "is 1"), [(ReasonKind::AppArmor, false, true)]);
        let strict = Modules { restricts_unconfined: true, profile: b"unconfined".to_vec(), ..ubuntu() };
        assert_eq!(answer(&strict, false, b"", libc::EPERM, "choose one"), [(ReasonKind::AppArmor, false, true)]);
        let confined = Modules { profile: b"docker-default (enforce)".to_vec(), ..ubuntu() };
        assert_eq!(
            answer(&confined, false, b"", libc::EACCES, "docker-default"),
            [(ReasonKind::AppArmor, false, true)]
        );
        // Neither root, nor a program with a profile that permits it.
        assert_eq!(answer(&ubuntu(), true, b"unconfined", libc::EPERM, "landlock"), [(ReasonKind::Lsm, false, true)]);
        let named = Modules { profile: b"chrome (unconfined)".to_vec(), ..ubuntu() };
        assert_eq!(answer(&named, false, b"", libc::EPERM, "EPERM"), [(ReasonKind::Lsm, false, true)]);
    }

    #[test]
    fn others_are_likely_or_unknown() {
        let selinux = Modules { enforces_selinux: true, list: b"capability,selinux".to_vec(), ..Modules::default() };
        assert_eq!(answer(&selinux, true, b"", libc::EACCES, "enforce is 1"), [(ReasonKind::SeLinux, false, true)]);
        assert_eq!(answer(&selinux, true, b"", libc::EPERM, ""), []);
        let tomoyo = Modules { list: b"capability,yama,tomoyo".to_vec(), ..Modules::default() };
        assert_eq!(answer(&tomoyo, false, b"", libc::EPERM, "tomoyo"), [(ReasonKind::Lsm, false, true)]);
        assert_eq!(answer(&Modules::default(), false, b"", libc::EPERM, ""), []);
    }
}
