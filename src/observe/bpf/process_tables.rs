//! More records of processes, as `tables.rs` has the first ones.

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
    /// What follows that, if it is wanted. A copied field starts at the `task_struct`.
    pub struct Cgroup {
        /// That of version 2. Ids are not reused.
        id: u64 = task_struct.cgroups -> css_set.dfl_cgrp -> cgroup.kn -> kernfs_node.id,
    }
}

record! {
    /// A PID in a nested PID namespace.
    pub struct Pid {
        number: i32,
    }
}
