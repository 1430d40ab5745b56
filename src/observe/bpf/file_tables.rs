//! The records that the programs for descriptors and thread-group leaders write, as `tables.rs` has those of others.

use super::assembler::{Location, Size};
use super::schema::{Copied, member, record};

record! {
    /// A file in a descriptor table that keeps a namespace, or that has to be read through procfs. A copied field starts at
    /// the `task_struct`.
    pub struct Descriptor {
        /// `struct files_struct *`: which threads of a process share a table.
        table: u64 = task_struct.files,
        pid: i32,
        /// The thread with the descriptor table: the thread-group leader, or a thread with a table of its own.
        tid: i32,
        number: i32,
        /// A `Reason`.
        reason: u32,
        /// The index of the user or nonuser namespace, plus 1; 0: none.
        user: u32,
        nonuser: u32,
    }
}

record! {
    /// A thread-group leader. A copied field starts at the `task_struct`.
    pub struct Leader {
        /// `struct task_struct *`
        task: u64,
        /// How many programs the thread, and those that it was forked from, have executed.
        exec_id: u64 = task_struct.self_exec_id,
        pid: i32,
        padding: u32,
    }
}
