//! The registers and the stack of all programs, by name.
//!
//! |     | name                   | content                                                                       |
//! |-----|------------------------|------------------------------------------------------------------------------|
//! | R0  |                        | the result of a call; the number of namespaces recorded in a row              |
//! | R1  | `PID`                  | `struct pid *` of a process or thread; at level 0 the number itself           |
//! | R2  | `INDEX`                | the index of a record, plus 1                                                 |
//! | R3  | `RECORD`               | the address of the record that is written                                     |
//! | R4  | `SLOT`                 | the address of a slot of the namespace cache, minus the size of the header    |
//! | R5  | `LINK`                 | the address of the field that receives the index of the current namespace:    |
//! |     |                        | first the `namespace` of the process record, then the `parent` of the child   |
//! | R6  | `ARRAY`                | the address of the shared array                                               |
//! | R7  | `TASK`                 | `struct task_struct *`                                                        |
//! | R8  | `NUMBER`, `GENERATION` | a PID, TID or descriptor; then the generation of a namespace                  |
//! |     | `INODE`, `REASON`      | in the program for descriptors: `struct inode *`; then why there is a record  |
//! | R9  | `CRED`, `NS`           | `struct cred *`, then a namespace                                             |
//! |     | `FILE`, `DESCRIPTOR`   | in the programs for descriptors: `struct file *`, then the record             |
//! |     | `OWN_PID`              | before these: `struct pid *` of the caller                                    |
//! | R10 | `FP`                   | the frame pointer                                                             |
//!
//! R1 to R5 are free for other values where these names are not in use. Calls destroy them.

use super::assembler::{Location, R1, R2, R3, R4, R5, R6, R7, R8, R9, Register, Size};

pub const PID: Register = R1;
pub const INDEX: Register = R2;
pub const RECORD: Register = R3;
pub const SLOT: Register = R4;
pub const LINK: Register = R5;
pub const ARRAY: Register = R6;
pub const TASK: Register = R7;
pub const NUMBER: Register = R8;
pub const GENERATION: Register = R8;
pub const INODE: Register = R8;
pub const REASON: Register = R8;
pub const CRED: Register = R9;
pub const NS: Register = R9;
pub const FILE: Register = R9;
pub const DESCRIPTOR: Register = R9;
pub const OWN_PID: Register = R9;

/// Locations on the stack, relative to `FP`.
pub mod stack {
    use super::{Location, Size};

    /// `struct bpf_iter_task`: 24 bytes.
    pub const TASKS: Location = Location::new(-24, Size::DW, "&tasks");
    /// `struct bpf_iter_num`: 8 bytes.
    pub const NUMBERS: Location = Location::new(-32, Size::DW, "&numbers");
    /// LINK, over calls.
    pub const LINK: Location = Location::new(-40, Size::DW, "link");
    /// The result of `bpf_probe_read_kernel`: at most a `struct upid`, 16 bytes.
    pub const COPY: i16 = -56;
    /// The task that most likely comes next, with its PID and CRED.
    pub const PREFETCHED_TASK: Location = Location::new(-64, Size::DW, "prefetched.task");
    pub const PREFETCHED_PID: Location = Location::new(-72, Size::DW, "prefetched.pid");
    pub const PREFETCHED_CRED: Location = Location::new(-80, Size::DW, "prefetched.cred");

    // In the programs for processes.

    /// `struct nsproxy *`
    pub const NSPROXY: Location = Location::new(-104, Size::DW, "nsproxy");
    /// `struct user_namespace *`: the owner of the namespace that is recorded, over calls.
    pub const OWNER: Location = Location::new(-112, Size::DW, "owner");
    /// The fields of a root directory.
    pub const ROOT_INODE: Location = Location::new(-120, Size::DW, "inode");
    pub const ROOT_DEVICE: Location = Location::new(-128, Size::DW, "device");
    pub const ROOT_MOUNT: Location = Location::new(-136, Size::DW, "mount");
    pub const ROOT_IS_TOP: Location = Location::new(-144, Size::DW, "is_top");
    /// What is left there from one thread to the next.
    pub const OF_DETAILS: [Location; 7] = [LINK, NSPROXY, OWNER, ROOT_INODE, ROOT_DEVICE, ROOT_MOUNT, ROOT_IS_TOP];
    /// `struct bpf_iter_num`, around `NUMBERS`.
    pub const LINKS: Location = Location::new(-152, Size::DW, "&links");
    /// The namespaces of the current thread.
    pub const CGROUP: Location = Location::new(-160, Size::DW, "cgroup");
    pub const IPC: Location = Location::new(-168, Size::DW, "ipc");
    pub const MNT: Location = Location::new(-176, Size::DW, "mnt");
    pub const NET: Location = Location::new(-184, Size::DW, "net");
    pub const PID: Location = Location::new(-192, Size::DW, "pid");
    pub const TIME: Location = Location::new(-200, Size::DW, "time");
    pub const UTS: Location = Location::new(-208, Size::DW, "uts");
    pub const PID_FOR_CHILDREN: Location = Location::new(-216, Size::DW, "pid_for_children");
    pub const TIME_FOR_CHILDREN: Location = Location::new(-224, Size::DW, "time_for_children");
    /// Where the generation of each is, from there.
    pub const GENERATIONS: i16 = -72;

    // In all programs that record user namespaces, behind these.

    /// RECORD, over calls, and the number of namespaces in a row.
    pub const RECORD: Location = Location::new(-304, Size::DW, "record");
    pub const ROUND: Location = Location::new(-312, Size::DW, "round");

    // In the programs for descriptors, at the same place as those for processes.

    /// The descriptor that the program visits: its number, and FILE.
    pub const DESCRIPTOR_NUMBER: Location = Location::new(-88, Size::DW, "number");
    pub const FILE: Location = Location::new(-96, Size::DW, "file");
    /// The namespace that is recorded, over calls: `struct ns_common *` or `struct user_namespace *`.
    pub const TARGET: Location = Location::new(-112, Size::DW, "target");
    /// `struct ns_common *`: the parent of that; 0: none to record.
    pub const PARENT: Location = Location::new(-120, Size::DW, "parent");
    /// The field that receives the index of a nonuser namespace, over calls.
    pub const NONUSER_LINK: Location = Location::new(-128, Size::DW, "nonuser_link");
    /// `struct bpf_iter_num`: 8 bytes.
    pub const NONUSER_NUMBERS: Location = Location::new(-136, Size::DW, "&nonuser_numbers");
    /// The descriptor table that the program walks, and its present memory.
    pub const FILES: Location = Location::new(-152, Size::DW, "files");
    pub const TABLE: Location = Location::new(-160, Size::DW, "table");
    /// `struct bpf_iter_num`: 8 bytes.
    pub const VISITS: Location = Location::new(-176, Size::DW, "&visits");
}
