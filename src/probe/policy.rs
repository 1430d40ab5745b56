//! Security modules that can refuse a step: AppArmor, SELinux, and others that the kernel lists.

use super::ReasonKind;
use super::apparmor::AppArmor;
use super::host;
use super::reasons::{Reasons, Refusal, describe, errno};
use super::selinux::SeLinux;
use super::sentence::Bytes;
use crate::error::Error;

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

/// What files tell about security modules.
#[derive(Default)]
pub struct Modules {
    apparmor: AppArmor,
    selinux: SeLinux,
    /// All modules, separated by commas.
    list: Vec<u8>,
}

impl Modules {
    pub fn read() -> Result<Modules, Error> {
        Ok(Modules {
            apparmor: AppArmor::read()?,
            selinux: SeLinux::read()?,
            list: host::read(c"/sys/kernel/security/lsm")?.unwrap_or_default(),
        })
    }

    /// A refusal that nothing else explains.
    pub fn explain(&self, reasons: &mut Reasons, refusal: &Refusal) -> Result<(), Error> {
        let from = reasons.found.len();
        self.apparmor.explain(reasons, refusal)?;
        if reasons.found.len() == from {
            self.selinux.explain(reasons, refusal)?;
        }
        // Landlock has no hook there.
        let has_part = |module: &[u8]| module != b"landlock" || !refusal.is_creation();
        let is_other = |module: &[u8]| !module.is_empty() && !OTHERS.contains(&module) && has_part(module);
        if reasons.found.len() == from && self.list.split(|&byte| byte == b',').any(is_other) {
            reasons.likely(
                ReasonKind::Lsm,
                format_args!(
                    "{} failed with {}, and one of the security modules in /sys/kernel/security/lsm ({}) can have refused it; look \
                    into their logs and policies",
                    describe(refusal.step, refusal.call),
                    errno(refusal.error),
                    Bytes(&self.list)
                ),
            )?;
        }
        Ok(())
    }

    /// What keeps this caller from making user namespaces, as files tell.
    pub fn explain_caller(&self, reasons: &mut Reasons) -> Result<(), Error> {
        self.apparmor.explain_caller(reasons)?;
        self.selinux.explain_caller(reasons)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::host::Caller;
    use crate::sys::trial::{Call, Step};

    /// The kind, whether it is proved, and whether the sentence has these words.
    fn answer(
        modules: &Modules,
        is_admin: bool,
        label: &[u8],
        error: i32,
        words: &str,
    ) -> Vec<(ReasonKind, bool, bool)> {
        let call = (Step::Capable, Call::Mount);
        answer_to(call, modules, is_admin, label, error, words)
    }

    fn answer_to(
        (step, call): (Step, Call),
        modules: &Modules,
        is_admin: bool,
        label: &[u8],
        error: i32,
        words: &str,
    ) -> Vec<(ReasonKind, bool, bool)> {
        let caller = Caller::made_up(is_admin);
        let mut reasons = Reasons { caller: &caller, found: Vec::new() };
        let refusal = Refusal { step, call, error, new_label: label, is_incapable: Some(false) };
        // Another call that is refused for the same reason has no other one.
        for _ in 0..2 {
            modules.explain(&mut reasons, &refusal).unwrap();
        }
        reasons.sort();
        let has_words = |text: &std::ffi::CStr| text.to_str().unwrap().contains(words);
        reasons.found.iter().map(|reason| (reason.kind(), reason.is_proved(), has_words(reason.text()))).collect()
    }

    #[test]
    fn apparmor_is_proved_by_its_label_and_likely_by_its_sysctl() {
        let ubuntu = || AppArmor { restricts_userns: true, ..AppArmor::default() };
        let answer = |apparmor, is_admin, label, error, words| {
            let list = b"capability,landlock,apparmor".to_vec();
            answer(&Modules { apparmor, list, ..Modules::default() }, is_admin, label, error, words)
        };
        let proved = answer(ubuntu(), false, b"unprivileged_userns (enforce)", libc::EPERM, "userns,");
        assert_eq!(proved, [(ReasonKind::AppArmor, true, true)]);
        assert_eq!(answer(ubuntu(), false, b"", libc::EACCES, "is 1"), [(ReasonKind::AppArmor, false, true)]);
        let strict = AppArmor { restricts_unconfined: true, label: b"unconfined".to_vec(), ..ubuntu() };
        assert_eq!(answer(strict, false, b"", libc::EPERM, "choose one"), [(ReasonKind::AppArmor, false, true)]);
        let confined = AppArmor { label: b"docker-default (enforce)".to_vec(), ..ubuntu() };
        assert_eq!(answer(confined, false, b"", libc::EACCES, "docker-default"), [(ReasonKind::AppArmor, false, true)]);
        let hidden = AppArmor { hides_restriction: true, ..AppArmor::default() };
        assert_eq!(answer(hidden, false, b"", libc::EPERM, "can be 1"), [(ReasonKind::AppArmor, false, true)]);
        // Neither root, nor a program with a profile that permits it.
        assert_eq!(answer(ubuntu(), true, b"unconfined", libc::EPERM, "landlock"), [(ReasonKind::Lsm, false, true)]);
        let named = AppArmor { label: b"chrome (unconfined)".to_vec(), ..ubuntu() };
        assert_eq!(answer(named, false, b"", libc::EPERM, "EPERM"), [(ReasonKind::Lsm, false, true)]);
    }

    #[test]
    #[cfg_attr(miri, ignore = "makes system calls")]
    fn others_are_likely_or_unknown() {
        let selinux = SeLinux { is_enforcing: true, ..SeLinux::default() };
        let selinux = Modules { selinux, list: b"capability,selinux".to_vec(), ..Modules::default() };
        assert_eq!(answer(&selinux, true, b"", libc::EACCES, "enforce is 1"), [(ReasonKind::SeLinux, false, true)]);
        // A capability.
        assert_eq!(answer(&selinux, true, b"", libc::EPERM, "EPERM"), [(ReasonKind::SeLinux, false, true)]);
        assert_eq!(answer(&selinux, true, b"", libc::ENOSPC, ""), []);
        let tomoyo = Modules { list: b"capability,yama,tomoyo".to_vec(), ..Modules::default() };
        assert_eq!(answer(&tomoyo, false, b"", libc::EPERM, "tomoyo"), [(ReasonKind::Lsm, false, true)]);
        assert_eq!(answer(&Modules::default(), false, b"", libc::EPERM, ""), []);
    }

    #[test]
    #[cfg_attr(miri, ignore = "makes system calls")]
    fn not_every_module_refuses_creation() {
        let creation = |list: &str, label: &[u8], error| {
            let apparmor = AppArmor { restricts_userns: true, label: label.to_vec(), ..AppArmor::default() };
            let modules = Modules { apparmor, list: list.into(), ..Modules::default() };
            answer_to((Step::Create, Call::Clone), &modules, false, b"", error, "CLONE_NEWUSER")
        };
        let confined = b"docker-default (enforce)";
        assert_eq!(creation("landlock,apparmor", confined, libc::EPERM), []);
        assert_eq!(creation("landlock,apparmor", b"unconfined", libc::EPERM), []);
        assert_eq!(creation("landlock,apparmor", confined, libc::EACCES), [(ReasonKind::AppArmor, false, true)]);
        assert_eq!(creation("landlock,bpf", b"", libc::EPERM), [(ReasonKind::Lsm, false, true)]);
    }
}
