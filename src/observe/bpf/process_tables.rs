//! More records of processes, and of their threads and cgroups, as `tables.rs` has the first ones.

use super::assembler::{Location, Size};
use super::schema::{Copied, member, record};

record! {
    /// What follows a process and its details, if it is wanted. A copied field starts at the `cred`.
    pub struct Credentials {
        capabilities: u64,
        uid: u32 = cred.euid,
        /// The number of PIDs, from the caller's PID namespace downwards; 0: procfs has to tell, or the process has ended.
        pid_count: u32,
        /// The number of records before the first PID in a nested PID namespace.
        first_pid: u32,
        padding: u32,
    }
}

record! {
    /// What follows that, if it is wanted.
    pub struct Cgroup {
        /// The index of its `CgroupNode`, plus 1; 0: procfs has to tell the path.
        node: u32,
        padding: u32,
    }
}

record! {
    /// A cgroup, followed by its name. A copied field starts at the `cgroup`.
    pub struct CgroupNode {
        id: u64,
        flags: u32 = cgroup.self.flags,
        /// 0 for the root of the hierarchy.
        level: u32 = cgroup.level,
        /// The index of its parent, plus 1; 0: none.
        parent: u32,
        padding: u32,
    }
}

/// The size of a name, with its NUL byte: `NAME_MAX` of linux/limits.h.
pub const CGROUP_NAME_SIZE: usize = 256;

record! {
    /// A PID in a nested PID namespace.
    pub struct Pid {
        number: i32,
    }
}

record! {
    /// A thread that differs from its thread-group leader.
    pub struct Thread {
        pid: i32,
        tid: i32,
        /// The index of the set of its namespaces, plus 1; 0: none.
        set: u32,
        /// The index of its root directory, plus 1; 0: none, or not wanted.
        root: u32,
    }
}

record! {
    /// The nonuser namespaces of threads: the index of each, plus 1; 0: none. The order is that of `told::Set`.
    pub struct Set {
        cgroup: u32,
        ipc: u32,
        mnt: u32,
        net: u32,
        pid: u32,
        time: u32,
        uts: u32,
        pid_for_children: u32,
        time_for_children: u32,
    }
}

record! {
    /// A root directory in a mount namespace.
    pub struct Root {
        inode: u64,
        device: u32,
        mount: u32,
        /// Whether it is the root of the mount.
        is_top: u32,
        padding: u32,
    }
}
