//! The program for kernels whose programs cannot follow `inode->i_private` (before Linux 6.2) or a long chain of namespaces
//! (before Linux 6.4). The kernel starts it for each descriptor (`iter/task_file`), and once more without one at the end. It
//! selects what procfs has to tell. It skips threads that share the table of their thread-group leader. Before Linux 5.11
//! procfs tells about all descriptors, see `passes.rs`.
//!
//! ```c
//! SEC("iter/task_file") int candidates(struct bpf_iter__task_file *ctx)
//! {
//!     task = ctx->task;
//!     if (!task)
//!         goto last;
//!     file = ctx->file;
//!     if (!file)
//!         return 0;
//!     number = ctx->fd;
//!     keep_own_pid_namespace();                   // pid.rs
//!     record_thread_change();
//!     inode = file->f_inode;
//!     switch (inode->i_sb->s_magic) {
//!     case NSFS_MAGIC:
//!     case SOCKFS_MAGIC:                          // if SOCKETS
//!         break;
//!     case ANON_INODE_FS_MAGIC:                   // perhaps an io_uring
//!         if (file->f_path.dentry->d_name.len != strlen("[io_uring]"))
//!             return 0;
//!         break;
//!     default:                                    // perhaps a macvtap
//!         if (inode->i_rdev != TUN && !is_dynamic(MAJOR(inode->i_rdev)))
//!             return 0;
//!     }
//!     record_descriptor(CANDIDATE);
//!     return 0;
//! last:
//!     watch_numbers();                            // pid.rs
//!     array->own_pid_namespace = NULL;
//!     return 0;
//! }
//!
//! void record_descriptor(reason) {
//!     descriptor = append(descriptors);
//!     descriptor->table = task->files;            // the field that tables.rs copies
//!     descriptor->reason = reason;
//!     descriptor->number = number;
//!     pid = task->thread_pid;                     // at level 0 task->pid
//!     descriptor->tid = number_of(pid);           // pid.rs
//!     pid = process_of(task->thread_pid);         // at level 0 task->tgid
//!     descriptor->pid = number_of(pid);
//! }
//! ```
//!
//! If the thread or process has no number in the caller's PID namespace, the record keeps TID or PID 0.
//!
//! The kernel goes by TID. If a thread ends while its files are shown, the rest is not shown; and the thread that keeps the
//! table can have a smaller TID, with which the kernel does not begin again. So procfs reads a process one of whose threads
//! has a table of its own. It reads all if small TIDs were given to new threads, which the kernel has passed: none of those
//! that had a table may have been shown.
//!
//! ```c
//! void record_thread_change() {
//!     if (task->pid == array->thread)
//!         return;
//!     array->thread = task->pid;
//!     find_own_pid_namespace();                   // as keep_own_pid_namespace(), also at level 0
//!     watch_numbers();
//!     if (task->pid != task->tgid)
//!         record_descriptor(CHANGED);
//! }
//! ```

use super::assembler::{Assembler, FP, Label, Location, Operand, Program, R1, R2, Register, Size};
use super::file_tables::Descriptor;
use super::program::{Builder, Target};
use super::registers::{ARRAY, DESCRIPTOR, FILE, INODE, NUMBER, RECORD, TASK, stack};
use super::schema::{btf_type, member};
use super::tables::Header;
use super::{NSFS_MAGIC, SOCKFS_MAGIC};
use crate::error::Error;
use crate::observe::devices::{DYNAMIC, TUN_MAJOR, TUN_MINOR};

// `struct bpf_iter__task_file` of kernel/bpf/task_iter.c.
const CTX_TASK: Location = Location::new(8, Size::DW, "bpf_iter__task_file.task");
const CTX_FD: Location = Location::new(16, Size::W, "bpf_iter__task_file.fd");
const CTX_FILE: Location = Location::new(24, Size::DW, "bpf_iter__task_file.file");

/// `ANON_INODE_FS_MAGIC` of linux/magic.h.
pub const ANON_INODE_FS_MAGIC: i32 = 0x0904_1934;

/// The name of the file of an io_uring.
const RING: &str = "[io_uring]";

/// Why a file is recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum Reason {
    /// Procfs has to tell whether it keeps a namespace.
    Candidate = 1,
    /// It is a namespace.
    Namespace = 2,
    /// It is a socket of a network namespace.
    Socket = 3,
    /// The credentials with which it was opened.
    Credentials = 4,
    /// The credentials of the peer of the socket.
    Peer = 5,
    /// Its file system.
    FileSystem = 6,
    /// It is a pidfd of a process that has ended.
    Pidfd = 7,
    /// Procfs has to read the process: a thread took another descriptor table meanwhile, or may have handed on its own. The
    /// number of the descriptor means nothing.
    Changed = 8,
}

impl Reason {
    pub fn of(number: u32) -> Option<Reason> {
        use Reason::{Candidate, Changed, Credentials, FileSystem, Namespace, Peer, Pidfd, Socket};
        let all = [Candidate, Namespace, Socket, Credentials, Peer, FileSystem, Pidfd, Changed];
        all.into_iter().find(|&known| known as u32 == number)
    }
}

pub fn program(target: Target, sockets: bool) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [next, candidate, last] = code.labels(["next", "candidate", "last"]);
    code.read_context(next, last);
    code.prologue(next);
    code.record_thread_change(next);
    code.ldx(FILE, FP + stack::FILE);
    code.read(INODE, FILE, member!(file.f_inode));
    code.read(R2, INODE, member!(inode.i_sb -> super_block.s_magic));
    code.jeq(R2, NSFS_MAGIC, candidate);
    if sockets {
        code.jeq(R2, SOCKFS_MAGIC, candidate);
    }
    code.find_device(INODE, candidate, candidate);
    code.jne(R2, ANON_INODE_FS_MAGIC, next);
    code.may_be_ring(next);
    code.bind(candidate);
    code.record_descriptor(Reason::Candidate as i32, next);
    code.end_visits(next, last);
    code.finish()
}

impl Builder<'_> {
    /// Reads task, file and number of the descriptor, and keeps file and number on the stack.
    pub fn read_context(&mut self, next: Label, last: Label) {
        self.ldx(TASK, R1 + CTX_TASK);
        self.jeq(TASK, 0, last);
        self.ldx(FILE, R1 + CTX_FILE);
        self.jeq(FILE, 0, next);
        self.ldx(R2, R1 + CTX_FD);
        self.stx(FP + stack::DESCRIPTOR_NUMBER, R2);
        self.cast_untrusted(FILE, FILE, btf_type!(file));
        self.stx(FP + stack::FILE, FILE);
    }

    /// Has procfs read the process if TASK is not its thread-group leader: it has a table of its own.
    pub fn record_thread_change(&mut self, next: Label) {
        let [done] = self.labels(["done"]);
        self.read(R1, TASK, member!(task_struct.pid));
        self.ldx(R2, ARRAY + Header::thread);
        self.jeq(R1, R2, done);
        self.stx(ARRAY + Header::thread, R1);
        self.find_own_pid_namespace(next);
        self.watch_numbers();
        self.read(R1, TASK, member!(task_struct.pid));
        self.read(R2, TASK, member!(task_struct.tgid));
        self.jeq(R1, R2, done);
        self.record_change(next);
        self.bind(done);
    }

    /// The end of a program to which the kernel shows descriptors.
    pub fn end_visits(&mut self, next: Label, last: Label) {
        self.bind(next);
        self.return_0();
        self.bind(last);
        self.ld_map_value(ARRAY, self.context.array);
        self.watch_numbers();
        self.forget_own_pid_namespace();
        self.return_0();
    }

    /// Goes to `tun` if the inode is the device /dev/net/tun, and to `dynamic` if it is a device with a major number that the
    /// kernel allots when a driver is loaded, such as a macvtap.
    pub fn find_device(&mut self, inode: Register, tun: Label, dynamic: Label) {
        self.read(R1, inode, member!(inode.i_rdev));
        // As the kernel has numbers: `MKDEV` of include/linux/kdev_t.h.
        let number = |major: u32, minor: u32| (major << 20 | minor) as i32;
        self.jeq(R1, number(TUN_MAJOR, TUN_MINOR), tun);
        for majors in DYNAMIC {
            let [outside] = self.labels(["other_major"]);
            self.jlt(R1, number(*majors.start(), 0), outside);
            self.jlt(R1, number(majors.end() + 1, 0), dynamic);
            self.bind(outside);
        }
    }

    /// `R1 = ` the dentry of FILE, an anonymous file. Goes to `otherwise` if its name is not as long
    /// as that of an io_uring.
    pub fn may_be_ring(&mut self, otherwise: Label) {
        self.read(R1, FILE, member!(file.f_path.dentry));
        self.read(R2, R1, member!(dentry.d_name.len));
        self.jne(R2, RING.len() as i32, otherwise);
    }

    /// Records the descriptor, in DESCRIPTOR. Goes to `next` if the process has no number in the caller's PID namespace, or
    /// the array is full.
    pub fn record_descriptor(&mut self, reason: impl Into<Operand>, next: Label) {
        self.append_descriptor(reason, next);
        self.record_ids(DESCRIPTOR, Descriptor::tid, Descriptor::pid, next);
    }

    /// Records that the process has to be read through procfs, although TASK may have ended: then it has no number.
    pub fn record_change(&mut self, next: Label) {
        self.append_descriptor(Reason::Changed as i32, next);
        self.read_process_pid();
        self.read_number(next);
        self.stx(DESCRIPTOR + Descriptor::tid, NUMBER);
        self.stx(DESCRIPTOR + Descriptor::pid, NUMBER);
    }

    /// Appends a record without the numbers of thread and process.
    fn append_descriptor(&mut self, reason: impl Into<Operand>, next: Label) {
        let layout = self.context.layout;
        self.append(Header::descriptor_count, layout.descriptors().start, Descriptor::SIZE, layout.descriptors, next);
        self.copy_fields(Descriptor::COPIED, TASK, 0);
        self.mov(R2, reason);
        self.stx(RECORD + Descriptor::reason, R2);
        self.mov(R2, 0); // there can have been another record
        for field in [Descriptor::pid, Descriptor::tid, Descriptor::user, Descriptor::nonuser] {
            self.stx(RECORD + field, R2);
        }
        self.ldx(R2, FP + stack::DESCRIPTOR_NUMBER);
        self.stx(RECORD + Descriptor::number, R2);
        self.mov(DESCRIPTOR, RECORD); // RECORD does not survive calls
    }
}
