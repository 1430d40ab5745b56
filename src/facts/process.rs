//! Processes.

use super::TextRef;

/// A process and its user namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub pid: i32,
    /// The index of its user namespace.
    pub namespace: u32,
    /// Its command name; empty if it was not read.
    pub name: TextRef,
}

/// What a scan read about a process besides its user namespace and name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Process {
    pub pid: i32,
    pub credentials: Option<Credentials>,
    /// The path of its cgroup; empty if that is unknown.
    pub cgroup: TextRef,
}

/// Of the thread-group leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Credentials {
    /// The effective UID, as the kernel shows it to the caller.
    pub uid: u32,
    /// The effective capabilities, a bit for each.
    pub capabilities: u64,
    /// The index of its first PID in `pids` of the facts, and how many there are; 0 if it has only one.
    pub first_pid: u32,
    pub pid_count: u32,
}
