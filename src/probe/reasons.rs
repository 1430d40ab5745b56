//! The reasons that are found, and words for their sentences.

use super::host::Caller;
use super::sentence::sentence;
use super::{ProbeReason, ReasonKind};
use crate::error::Error;
use crate::sys::trial::{Call, Step};
use crate::util::arrays::push;
use std::fmt;

/// A call that was refused, with EPERM or EACCES.
pub struct Refusal<'r> {
    pub step: Step,
    pub call: Call,
    pub error: i32,
    /// The label of AppArmor in the new namespace; empty if it was not read.
    pub new_label: &'r [u8],
    /// Whether the capability that the call needs is missing in the new namespace; `None` if that is unknown.
    pub is_incapable: Option<bool>,
}

impl Refusal<'_> {
    /// Whether a user namespace could not be made. Security modules have a hook for that: `security_create_user_ns()`.
    pub fn is_creation(&self) -> bool {
        matches!((self.step, self.call), (Step::Create | Step::Nested, Call::Clone | Call::Unshare))
    }
}

/// The reasons found so far.
pub struct Reasons<'r> {
    pub caller: &'r Caller,
    pub found: Vec<ProbeReason>,
}

impl Reasons<'_> {
    pub fn proved(&mut self, kind: ReasonKind, text: fmt::Arguments<'_>) -> Result<(), Error> {
        self.add(kind, true, text)
    }

    pub fn likely(&mut self, kind: ReasonKind, text: fmt::Arguments<'_>) -> Result<(), Error> {
        self.add(kind, false, text)
    }

    pub fn add(&mut self, kind: ReasonKind, is_proved: bool, text: fmt::Arguments<'_>) -> Result<(), Error> {
        let text = sentence(text)?;
        Ok(push(&mut self.found, ProbeReason { kind, is_proved, text })?)
    }

    /// Those that are proved first, each once: several steps can fail for the same reason. Until then each step has its own, so
    /// that nobody looks for another one.
    pub fn sort(&mut self) {
        let mut index = 0;
        while index < self.found.len() {
            let (earlier, rest) = self.found.split_at(index);
            match earlier.contains(&rest[0]) {
                true => drop(self.found.remove(index)),
                false => index += 1,
            }
        }
        // A stable sort would need memory, and code.
        let mut proved = 0;
        for index in 0..self.found.len() {
            if self.found[index].is_proved {
                self.found[proved..=index].rotate_right(1);
                proved += 1;
            }
        }
    }

    /// Whether a reason was proved since so many were found.
    pub fn has_proof(&self, from: usize) -> bool {
        self.found[from..].iter().any(|reason| reason.is_proved)
    }
}

/// A call of a step, as a part of a sentence.
pub fn describe(step: Step, call: Call) -> &'static str {
    match (call, step) {
        (Call::Fork, _) => "clone(2) without namespaces",
        (Call::Clone, Step::Create | Step::Map | Step::Nested) => "clone(2) with CLONE_NEWUSER",
        (Call::Clone, Step::Capable) => "clone(2) with CLONE_NEWNS",
        (Call::Clone, Step::Net) => "clone(2) with CLONE_NEWNET",
        (Call::Clone, Step::Pid) => "clone(2) with CLONE_NEWPID",
        (Call::Unshare, Step::Create | Step::Map | Step::Nested) => "unshare(2) with CLONE_NEWUSER",
        (Call::Unshare, Step::Capable) => "unshare(2) with CLONE_NEWNS",
        (Call::Unshare, Step::Net) => "unshare(2) with CLONE_NEWNET",
        (Call::Unshare, Step::Pid) => "unshare(2) with CLONE_NEWPID",
        (Call::UidMap, _) => "write(2) to /proc/self/uid_map",
        (Call::GidMap, _) => "write(2) to /proc/self/gid_map",
        (Call::NewUidMap, _) => "newuidmap(1)",
        (Call::NewGidMap, _) => "newgidmap(1)",
        (Call::Mount, Step::Pid) => "mount(2) of a procfs",
        (Call::Mount, _) => "mount(2) of a tmpfs",
        (Call::Socket, _) => "socket(2)",
        (Call::Loopback, _) => "ioctl(2) SIOCSIFFLAGS of the loopback interface",
        (Call::Experiment, _) => "an experiment",
    }
}

/// The name of an errno value.
pub fn errno(error: i32) -> Named {
    Named(error)
}

pub struct Named(i32);

impl fmt::Display for Named {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self.0 {
            0 => "success",
            libc::EPERM => "EPERM",
            libc::ENOENT => "ENOENT",
            libc::EAGAIN => "EAGAIN",
            libc::ENOMEM => "ENOMEM",
            libc::EACCES => "EACCES",
            libc::EFAULT => "EFAULT",
            libc::EINVAL => "EINVAL",
            libc::ENOSPC => "ENOSPC",
            libc::EROFS => "EROFS",
            libc::ENOSYS => "ENOSYS",
            libc::EUSERS => "EUSERS",
            number => return write!(f, "errno {number}"),
        };
        f.write_str(name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proved_reasons_come_first_and_each_once() {
        use ReasonKind::{AppArmor, Limit, Lsm, Seccomp, Sysctl};
        let mut reasons = Reasons { caller: &Caller::made_up(false), found: Vec::new() };
        let found = [
            (Lsm, false),
            (Sysctl, true),
            (AppArmor, false),
            (Sysctl, true),
            (Limit, true),
            (Lsm, true),
            (Seccomp, false),
        ];
        for (kind, is_proved) in found {
            reasons.add(kind, is_proved, format_args!("{kind:?}")).unwrap();
        }
        reasons.sort();
        let sorted: Vec<_> = reasons.found.iter().map(|reason| (reason.kind, reason.is_proved)).collect();
        let expected = [(Sysctl, true), (Limit, true), (Lsm, true), (Lsm, false), (AppArmor, false), (Seccomp, false)];
        assert_eq!(sorted, expected);
    }
}
