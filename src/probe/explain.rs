//! Why a step fails: what its error can mean, and what decides between the meanings.
//!
//! `create_user_ns()` of the kernel checks in this order: the depth and the limits (ENOSPC), a chroot(2) (EPERM), the ids of
//! the caller (EPERM), security modules (EPERM or EACCES). Debian's patch comes before (EPERM), and a seccomp filter before all
//! of them.

use super::host::{self, Mapping, MountedProc};
use super::policy::Modules;
use super::reasons::{Reasons, Refusal, describe, errno};
use super::sentence::{Bytes, name};
use super::{ReasonKind, limits};
use crate::error::Error;
use crate::sys::Errno;
use crate::sys::process::Capability;
use crate::sys::trial::{Call, Experiment, Outcome, STEPS, Step};

impl Reasons<'_> {
    /// Explains all steps that failed, except for those that fail because another one does.
    pub fn explain(&mut self, outcome: &Outcome) -> Result<(), Error> {
        // An experiment that is ended keeps a reason from being found, and is none.
        if let Some(interruption) = outcome.interruption.filter(|(.., call)| *call != Call::Experiment) {
            self.explain_interruption(interruption)?;
        }
        let failed = |step: Step| outcome.steps[step as usize].is_some_and(|(error, _)| error != 0);
        for step in STEPS.into_iter().filter(|&step| failed(step)) {
            // An unmapped user may make no user namespaces.
            if step == Step::Nested && failed(Step::Map) {
                continue;
            }
            // Where a procfs is missing or read-only, none can be mounted.
            if step == Step::Pid && self.found.iter().any(|reason| reason.kind == ReasonKind::ProcMasked) {
                continue;
            }
            if let Some((error, call)) = outcome.steps[step as usize] {
                self.explain_step(outcome, step, error, call)?;
            }
        }
        self.sort();
        Ok(())
    }

    fn explain_interruption(&mut self, (signal, step, call): (Option<i32>, Step, Call)) -> Result<(), Error> {
        let what = describe(step, call);
        match signal {
            None => self.proved(
                ReasonKind::Timeout,
                format_args!("{what} took more than some seconds; the system is overloaded, or the call is blocked: try again"),
            ),
            Some(libc::SIGSYS) => self.proved(
                ReasonKind::Seccomp,
                format_args!(
                    "a seccomp filter ends the process with SIGSYS that calls {what} (\"Seccomp\" in /proc/self/status); the \
                    sandbox, container or service that has set the filter has to permit the call"
                ),
            ),
            Some(signal) => self.likely(
                ReasonKind::Unknown,
                format_args!("signal {signal} ended the process that called {what}; the log of the kernel can tell why"),
            ),
        }
    }

    fn explain_step(&mut self, outcome: &Outcome, step: Step, error: i32, call: Call) -> Result<(), Error> {
        // From `try_all()`: clone(2) does not return that.
        if let (Call::Clone, libc::EINTR, Some((signal, ..))) = (call, error, outcome.interruption) {
            return self.explain_interruption((signal, step, call));
        }
        let from = self.found.len();
        let (experiment, expected) = match call {
            Call::Clone | Call::Unshare => (Some(Experiment::of(step)), libc::EINVAL),
            Call::Mount => (Some(Experiment::Mount), libc::EFAULT),
            _ => (None, 0),
        };
        let answer = experiment.and_then(|experiment| outcome.experiment(experiment));
        // Exhaustion says nothing about a filter. In unshare(2), Debian asks its sysctl before the kernel looks at the flags.
        let is_of_filter = |answer| answer != expected && !Errno(answer).is_exhaustion();
        let is_asked_first = call == Call::Unshare && experiment == Some(Experiment::User);
        let is_sysctl = is_asked_first && answer == Some(libc::EPERM) && self.caller.is_refused_by_sysctl(step);
        let may_be_filter = self.caller.may_be_filtered && !is_sysctl;
        if let Some(answer) = answer.filter(|&answer| may_be_filter && is_of_filter(answer)) {
            let what = describe(step, call);
            self.proved(
                ReasonKind::Seccomp,
                format_args!(
                    "a seccomp filter answers {what} with {} (\"Seccomp\" in /proc/self/status): an impossible call, too, which \
                    the kernel itself answers with {}; the sandbox, container or service that has set the filter has to permit \
                    the call",
                    errno(answer),
                    errno(expected)
                ),
            )?;
            return if experiment == Some(Experiment::User) { self.explain_sysctl(step) } else { Ok(()) };
        }
        match (call, error) {
            (Call::Fork | Call::Clone | Call::Unshare | Call::NewUidMap | Call::NewGidMap, libc::EAGAIN) => {
                limits::explain_processes(self, step)?;
            }
            (Call::Clone | Call::Unshare, libc::ENOSPC | libc::EUSERS) => {
                limits::explain(self, step, error, outcome.experiment(Experiment::Scan) == Some(0))?;
            }
            (Call::Clone | Call::Unshare, libc::EINVAL) => self.explain_missing(step)?,
            (Call::Clone | Call::Unshare, _) if step == Step::Create => self.explain_creation(outcome)?,
            (Call::Clone | Call::Unshare, libc::EPERM) if step == Step::Nested => self.explain_sysctl(step)?,
            (Call::UidMap | Call::GidMap, _) => self.explain_map(error)?,
            (Call::NewUidMap | Call::NewGidMap, _) => {
                self.explain_helper(usize::from(call == Call::NewGidMap), Some((outcome.helper, error)))?;
            }
            (Call::Mount, libc::EPERM) if step == Step::Pid => self.explain_procfs(true)?,
            _ => (),
        }
        if !self.has_proof(from) && matches!(error, libc::EPERM | libc::EACCES) {
            if (step, error) == (Step::Create, libc::EPERM) && outcome.experiment(Experiment::Unchrooted).is_none() {
                self.explain_possible_chroot()?;
            }
            let new_label = outcome.label.split(|&byte| byte == b'\0').next().unwrap_or_default();
            let capability = if call == Call::Loopback { Experiment::NetAdmin } else { Experiment::SysAdmin };
            let is_incapable = outcome.experiment(capability).map(|answer| answer != 0);
            Modules::read()?.explain(self, &Refusal { step, call, error, new_label, is_incapable })?;
        }
        if self.found.len() == from {
            let what = describe(step, call);
            self.likely(
                ReasonKind::Unknown,
                format_args!(
                    "{what} failed with {}, and no file tells why; the log of the kernel can tell more",
                    errno(error)
                ),
            )?;
        }
        Ok(())
    }

    /// EPERM or EACCES where a user namespace is made.
    fn explain_creation(&mut self, outcome: &Outcome) -> Result<(), Error> {
        if outcome.experiment(Experiment::Unchrooted) == Some(0) {
            self.proved(
                ReasonKind::Chroot,
                format_args!(
                    "the caller is in a chroot(2), where the kernel makes no user namespaces: from the root directory of the \
                    mount namespace it works; start the program with pivot_root(2) instead"
                ),
            )?;
        }
        self.explain_caller()?;
        if self.has_proof(0) {
            return Ok(());
        }
        let ids =
            [("uid", self.caller.uid, self.caller.uid_mapping), ("gid", self.caller.gid, self.caller.gid_mapping)];
        for (what, id, _) in ids.into_iter().filter(|&(.., mapping)| mapping == Mapping::Ambiguous) {
            self.likely(
                ReasonKind::Unmapped,
                format_args!(
                    "the effective {what} of the caller, which is shown as {id}, need not be mapped in its user namespace: the kernel \
                    shows each that is not mapped so (/proc/sys/kernel/overflow{what}), and /proc/self/{what}_map has this one; \
                    run the program as another user, or write a map that has its own"
                ),
            )?;
        }
        Ok(())
    }

    /// A caller who may not leave a chroot cannot find out about one to the root of a mount.
    fn explain_possible_chroot(&mut self) -> Result<(), Error> {
        self.likely(
            ReasonKind::Chroot,
            format_args!(
                "the caller can be in a chroot(2) to the root directory of a mount, which only root can find out: there the kernel \
                makes no user namespaces, with this error, EPERM; a security module can answer so, too: compare with a shell \
                outside, and start the program with pivot_root(2) instead"
            ),
        )
    }

    /// What keeps this caller from making any user namespace, as files tell.
    pub fn explain_caller(&mut self) -> Result<(), Error> {
        let is_chrooted = self.found.iter().any(|reason| reason.kind == ReasonKind::Chroot);
        if !is_chrooted && host::is_root_below_mount()? == Some(true) {
            self.proved(
                ReasonKind::Chroot,
                format_args!(
                    "the caller is in a chroot(2), where the kernel makes no user namespaces: its root directory / is not the \
                    root of a mount; start the program with pivot_root(2) instead"
                ),
            )?;
        }
        let (uid, gid) = (self.caller.uid, self.caller.gid);
        for (what, id, mapping) in [("uid", uid, self.caller.uid_mapping), ("gid", gid, self.caller.gid_mapping)] {
            if mapping == Mapping::Unmapped {
                self.proved(
                    ReasonKind::Unmapped,
                    format_args!(
                        "the effective {what} of the caller is not mapped in its user namespace, where it is shown as {id}, so \
                        it may make none: /proc/self/{what}_map does not have it; write a map that has it when the namespace is made"
                    ),
                )?;
            }
        }
        self.explain_sysctl(Step::Create)
    }

    fn explain_sysctl(&mut self, step: Step) -> Result<(), Error> {
        if !self.caller.is_refused_by_sysctl(step) {
            return Ok(());
        }
        self.proved(
            ReasonKind::Sysctl,
            format_args!(
                "/proc/sys/kernel/unprivileged_userns_clone is 0, so only root in the initial user namespace may make user \
                namespaces; an administrator permits them with: sysctl -w kernel.unprivileged_userns_clone=1"
            ),
        )
    }

    /// EINVAL: the kernel does not know the flag.
    pub fn explain_missing(&mut self, step: Step) -> Result<(), Error> {
        let (link, option) = match step {
            Step::Create | Step::Nested | Step::Map => (c"/proc/self/ns/user", "CONFIG_USER_NS"),
            Step::Capable => (c"/proc/self/ns/mnt", "CONFIG_NAMESPACES"),
            Step::Net => (c"/proc/self/ns/net", "CONFIG_NET_NS"),
            Step::Pid => (c"/proc/self/ns/pid", "CONFIG_PID_NS"),
        };
        if host::exists(link)? || !host::exists(c"/proc/self/ns")? {
            return Ok(());
        }
        self.proved(
            ReasonKind::NotBuilt,
            format_args!("the kernel is built without {option}: there is no {}; use another kernel", name(link)),
        )
    }

    /// The files /proc/self/uid_map and gid_map.
    fn explain_map(&mut self, error: i32) -> Result<(), Error> {
        match error {
            libc::ENOENT | libc::ENOTDIR => self.explain_procfs(false),
            libc::EROFS => self.proved(
                ReasonKind::ProcMasked,
                format_args!("/proc is mounted read-only, so that /proc/self/uid_map cannot be written; remount it read-write"),
            ),
            // `verify_root_map()` of the kernel, Linux 5.12. Which error an older one has is a matter of something else.
            libc::EPERM if self.caller.uid == 0 && host::lacks(Capability::SetFileCap)? => self.likely(
                ReasonKind::Unknown,
                format_args!(
                    "root without CAP_SETFCAP (\"CapEff\" in /proc/self/status) may not map its UID 0; start the program with \
                    this capability, for example by --cap-add=SETFCAP of container engines, or as another user"
                ),
            ),
            libc::EACCES if !self.caller.is_dumpable => self.proved(
                ReasonKind::Unknown,
                format_args!(
                    "the caller is not dumpable (PR_GET_DUMPABLE in prctl(2)), so /proc/self/uid_map belongs to root, also that of \
                    its children, and the step tells nothing about the host; a program that is executed is dumpable, or call \
                    prctl(PR_SET_DUMPABLE, 1)"
                ),
            ),
            _ => Ok(()),
        }
    }

    /// A procfs is missing, or cannot be mounted.
    pub fn explain_procfs(&mut self, is_mount: bool) -> Result<(), Error> {
        match host::mounted_proc()? {
            MountedProc::Nothing => self.proved(
                ReasonKind::ProcMasked,
                format_args!(
                    "no procfs is mounted at /proc, through which id maps are written, and without which none can be mounted in a \
                    user namespace; mount one with: mount -t proc proc /proc"
                ),
            ),
            MountedProc::Masked { path, is_only } if is_mount => self.add(
                ReasonKind::ProcMasked,
                is_only,
                format_args!(
                    "something is mounted over {} (/proc/self/mountinfo), so the kernel lets no user namespace mount a procfs \
                    that would show it; unmount it, or run the container without masked paths (Docker: --security-opt \
                    systempaths=unconfined, Podman: --security-opt unmask=ALL)",
                    Bytes(&path)
                ),
            ),
            _ => Ok(()),
        }
    }

    /// Without a trial: the reasons that files show, for the steps that are wanted.
    pub fn read(&mut self, steps: [bool; STEPS.len()], subids: bool) -> Result<(), Error> {
        for step in STEPS.into_iter().filter(|&step| steps[step as usize]) {
            self.explain_missing(step)?;
        }
        self.explain_caller()?;
        if steps[Step::Nested as usize] {
            self.explain_sysctl(Step::Nested)?; // the same reason as above is told once
        }
        limits::explain_files(self, &steps)?;
        Modules::read()?.explain_caller(self)?;
        limits::explain_cgroup(self, 1)?;
        if steps[Step::Map as usize] {
            self.explain_procfs(steps[Step::Pid as usize])?;
        }
        if subids {
            self.explain_helper(0, None)?;
            self.explain_helper(1, None)?;
        }
        self.sort();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::probe::host::Caller;

    /// The kinds of what keeps a caller from making user namespaces; not whether the tests run in a chroot.
    fn kinds(caller: &Caller) -> Vec<ReasonKind> {
        let mut reasons = Reasons { caller, found: Vec::new() };
        reasons.explain_caller().unwrap();
        assert!(reasons.found.iter().all(|reason| reason.is_proved()));
        reasons.found.iter().map(|reason| reason.kind()).filter(|&kind| kind != ReasonKind::Chroot).collect()
    }

    #[test]
    #[cfg_attr(miri, ignore = "makes system calls")]
    fn files_prove_what_concerns_the_caller() {
        let caller = Caller::made_up;
        assert_eq!(kinds(&caller(false)), []);
        assert_eq!(kinds(&Caller { clone_sysctl: Some(1), ..caller(false) }), []);
        assert_eq!(kinds(&Caller { clone_sysctl: Some(0), ..caller(false) }), [ReasonKind::Sysctl]);
        assert_eq!(kinds(&Caller { clone_sysctl: Some(0), ..caller(true) }), []);
        let nested = Caller { clone_sysctl: Some(0), is_in_initial: Some(false), ..caller(true) };
        assert_eq!(kinds(&nested), [ReasonKind::Sysctl]);
        let root = Caller { clone_sysctl: Some(0), ..caller(true) };
        assert!(root.is_refused_by_sysctl(Step::Nested) && !root.is_refused_by_sysctl(Step::Create));
        assert_eq!(kinds(&Caller { gid_mapping: Mapping::Unmapped, ..caller(true) }), [ReasonKind::Unmapped]);
        for uid_mapping in [Mapping::Unknown, Mapping::Ambiguous] {
            assert_eq!(kinds(&Caller { uid_mapping, ..caller(true) }), []);
        }
    }
}
