//! Processes, which are identified by their PIDs.

use super::{Node, Snapshot};
use crate::capability::{self, Subject, Verdict};
use crate::error::Error;
use crate::facts::{Credentials, Process};
use std::ffi::CStr;
use std::slice;

/// What is known of a process, including one of which the user namespace could not be read. All answers are of its
/// thread-group leader. They need [credentials](crate::Options::credentials) or [cgroups](crate::Options::cgroups), and
/// are unknown for a process that the scan did not see, that ended early or that could not be read.
impl Snapshot {
    /// The effective UID of a process, as the caller's user namespace maps it. `None` also for one without a mapping.
    ///
    /// ```
    /// let snapshot = userns::Options::new().credentials().scan()?;
    /// let pid = std::process::id() as i32;
    /// println!("{:?} has the capabilities {:x?}", snapshot.process_uid(pid), snapshot.process_capabilities(pid));
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn process_uid(&self, pid: i32) -> Option<u32> {
        self.credentials(pid).map(|known| known.uid).filter(|&uid| self.unmapped_uid != Some(uid))
    }

    /// The effective capabilities of a process in its user namespace, as bits: 1 << 21 for CAP_SYS_ADMIN, see
    /// capabilities(7).
    pub fn process_capabilities(&self, pid: i32) -> Option<u64> {
        self.credentials(pid).map(|known| known.capabilities)
    }

    /// The PIDs of a process: in the PID namespace of the procfs, in its child, and so on to its own PID namespace. Empty if
    /// unknown.
    pub fn process_pids(&self, pid: i32) -> &[i32] {
        let Some(process) = self.process(pid) else { return &[] };
        match process.credentials {
            None => &[],
            Some(Credentials { pid_count: 0, .. }) => slice::from_ref(&process.pid),
            Some(Credentials { first_pid, pid_count, .. }) => {
                &self.nested_pids[first_pid as usize..][..pid_count as usize]
            }
        }
    }

    /// The path of the cgroup (version 2) of a process, as the caller's cgroup namespace shows it, see proc_pid_cgroup(5).
    /// `None` also if the host has only cgroups of version 1.
    ///
    /// ```
    /// let snapshot = userns::Options::new().cgroups().scan()?;
    /// println!("{:?}", snapshot.process_cgroup(std::process::id() as i32));
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn process_cgroup(&self, pid: i32) -> Option<&CStr> {
        self.process(pid).map(|process| self.text.get(process.cgroup)).filter(|path| !path.is_empty())
    }

    /// Whether a process has a capability in a user namespace, as the kernel decides it, see user_namespaces(7); and why.
    /// This needs [credentials](crate::Options::credentials).
    ///
    /// ```
    /// const CAP_SYS_ADMIN: u32 = 21;
    ///
    /// let snapshot = userns::Options::new().credentials().scan()?;
    /// let node = snapshot.self_node().expect("the procfs shows this process");
    /// let verdict = snapshot.capable(std::process::id() as i32, CAP_SYS_ADMIN, node)?;
    /// println!("may this process mount? {:?}: {:?}", verdict.holds, verdict.reason);
    /// # Ok::<(), userns::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// ESRCH if the scan did not see the process; EINVAL for a capability above 63, or a node of another snapshot.
    pub fn capable(&self, pid: i32, capability: u32, node: Node<'_>) -> Result<Verdict, Error> {
        if capability >= u64::BITS || !std::ptr::eq(node.snapshot(), self) {
            return Err(Error::INVALID);
        }
        let (member, process) = (self.member(pid), self.process(pid));
        if member.is_none() && process.is_none() {
            return Err(Error::NO_PROCESS);
        }
        let credentials = process.and_then(|process| process.credentials);
        let subject = Subject {
            namespace: member.map(|member| member.namespace),
            uid: credentials.map(|known| known.uid),
            has_capability: credentials.map(|known| known.capabilities >> capability & 1 != 0),
            unmapped_uid: self.unmapped_uid,
        };
        Ok(capability::decide(&subject, node.index(), &|index| self.entries[index as usize].facts))
    }

    fn process(&self, pid: i32) -> Option<&Process> {
        let at = self.processes.binary_search_by_key(&pid, |process| process.pid).ok()?;
        Some(&self.processes[at])
    }

    fn credentials(&self, pid: i32) -> Option<Credentials> {
        self.process(pid)?.credentials
    }
}
