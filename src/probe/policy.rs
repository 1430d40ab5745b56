//! Security modules that can refuse a step: AppArmor, SELinux, and others that the kernel lists.

use super::ReasonKind;
use super::host;
use super::reasons::{Reasons, describe, errno};
use super::sentence::Bytes;
use crate::error::Error;
use crate::sys::trial::{Call, Outcome, Step};

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

/// EPERM or EACCES that nothing else explains.
pub fn explain(reasons: &mut Reasons, outcome: &Outcome, step: Step, error: i32, call: Call) -> Result<(), Error> {
    let from = reasons.found.len();
    let label = outcome.label.split(|&byte| byte == b'\0' || byte == b'\n').next().unwrap_or_default();
    if label.starts_with(RESTRICTED) {
        return reasons.proved(
            ReasonKind::AppArmor,
            format_args!(
                "AppArmor lets the user namespace be made and takes its capabilities away: it puts the process there into the \
                profile \"{}\" (/proc/self/attr/apparmor/current), since {RESTRICT} is 1; an administrator permits it with a \
                profile for the program that has \"userns,\"",
                Bytes(label)
            ),
        );
    }
    explain_apparmor(reasons)?;
    if reasons.found.len() == from && error == libc::EACCES && host::number(c"/sys/fs/selinux/enforce")? == Some(1) {
        reasons.likely(
            ReasonKind::SeLinux,
            format_args!(
                "/sys/fs/selinux/enforce is 1, and {} failed with EACCES, as SELinux answers; look for \"denied\" in the audit \
                log (ausearch -m avc), and permit it by a policy, for example with a module of audit2allow(1)",
                describe(step, call)
            ),
        )?;
    }
    if reasons.found.len() > from {
        return Ok(());
    }
    let modules = host::read(c"/sys/kernel/security/lsm")?.unwrap_or_default();
    let is_other = |module: &&[u8]| !module.is_empty() && !OTHERS.contains(module);
    if modules.split(|&byte| byte == b',').any(|module| is_other(&module)) {
        reasons.likely(
            ReasonKind::Lsm,
            format_args!(
                "{} failed with {}, and one of the security modules in /sys/kernel/security/lsm ({}) can have refused it; look \
                into their logs and policies",
                describe(step, call),
                errno(error),
                Bytes(&modules)
            ),
        )?;
    }
    Ok(())
}

/// What the files of AppArmor say about the caller.
pub fn explain_apparmor(reasons: &mut Reasons) -> Result<(), Error> {
    let profile = host::read(c"/proc/self/attr/apparmor/current")?.unwrap_or_default();
    let is_unconfined = profile.is_empty() || profile.starts_with(b"unconfined");
    if !is_unconfined {
        return reasons.likely(
            ReasonKind::AppArmor,
            format_args!(
                "AppArmor confines the caller by the profile \"{}\" (/proc/self/attr/apparmor/current), which can refuse it; an \
                administrator permits it with \"userns,\", \"capability,\" or \"mount,\" in the profile",
                Bytes(&profile)
            ),
        );
    }
    let is_restricted = host::number(c"/proc/sys/kernel/apparmor_restrict_unprivileged_userns")? == Some(1);
    if is_restricted && reasons.caller.is_ordinary() {
        return reasons.likely(
            ReasonKind::AppArmor,
            format_args!(
                "{RESTRICT} is 1, and the caller has no profile that permits user namespaces; an administrator adds one for the \
                program that has \"userns,\", or permits them to all with: sysctl -w \
                kernel.apparmor_restrict_unprivileged_userns=0"
            ),
        );
    }
    Ok(())
}
