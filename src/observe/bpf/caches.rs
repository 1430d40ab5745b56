//! The parts of the shared array that only the programs read: caches, and what is kept while a program runs.

use super::assembler::{Location, Size};
use super::schema::{Copied, record};

record! {
    /// A slot of a namespace cache: the namespace that the program found last, of those that share the slot.
    pub struct Slot {
        generation: u64,
        /// The index of the record, plus 1.
        index: u32,
        padding: u32,
    }
}

record! {
    /// A slot of the cache of sets: the generations of the namespaces.
    pub struct SetSlot {
        cgroup: u64,
        ipc: u64,
        mnt: u64,
        net: u64,
        pid: u64,
        time: u64,
        uts: u64,
        pid_for_children: u64,
        time_for_children: u64,
        /// The index of the record, plus 1.
        index: u32,
        padding: u32,
    }
}

record! {
    /// A namespace of the set that is recorded; then its parent, and so on. What the fields mean is as in `Nonuser`.
    pub struct Link {
        generation: u64,
        /// `struct pid_namespace *` and `struct user_namespace *`, while the program runs.
        parent: u64,
        owner: u64,
        inode: u32,
        flag: u32,
        /// Of a PID namespace.
        level: u32,
        padding: u32,
        /// Where the field is that receives the index, from the beginning of the array.
        field: u64,
    }
}

record! {
    /// A slot of the cache of root directories: as in `Root`, and the generation of the mount namespace.
    pub struct RootSlot {
        namespace: u64,
        inode: u64,
        device: u32,
        mount: u32,
        is_top: u32,
        /// The index of the record, plus 1.
        index: u32,
    }
}
