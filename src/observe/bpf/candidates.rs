//! The program for kernels whose programs cannot follow `inode->i_private` (before Linux 6.2) or a long chain of namespaces
//! (before Linux 6.4). The kernel starts it for each descriptor (`iter/task_file`, Linux 5.8), and once more without one at
//! the end. It selects what procfs has to tell. It skips threads that share the table of their thread-group leader.
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
//!     magic = file->f_inode->i_sb->s_magic;
//!     if (magic != NSFS_MAGIC && magic != SOCKFS_MAGIC)
//!         return 0;
//!     keep_own_pid_namespace();                   // pid.rs
//!     record_descriptor(CANDIDATE);
//!     return 0;
//! last:
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

use super::assembler::{Assembler, FP, Label, Location, Operand, Program, R1, R2, Size};
use super::program::{Builder, Target};
use super::registers::{DESCRIPTOR, FILE, NUMBER, RECORD, TASK, stack};
use super::schema::{btf_type, member};
use super::tables::{Descriptor, Header};
use super::{NSFS_MAGIC, SOCKFS_MAGIC};
use crate::error::Error;

// `struct bpf_iter__task_file` of kernel/bpf/task_iter.c.
const CTX_TASK: Location = Location::new(8, Size::DW, "bpf_iter__task_file.task");
const CTX_FD: Location = Location::new(16, Size::W, "bpf_iter__task_file.fd");
const CTX_FILE: Location = Location::new(24, Size::DW, "bpf_iter__task_file.file");

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
}

impl Reason {
    pub fn of(number: u32) -> Option<Reason> {
        use Reason::{Candidate, Credentials, FileSystem, Namespace, Peer, Pidfd, Socket};
        let all = [Candidate, Namespace, Socket, Credentials, Peer, FileSystem, Pidfd];
        all.into_iter().find(|&known| known as u32 == number)
    }
}

pub fn program(target: Target, sockets: bool) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [next, candidate, last] = code.labels(["next", "candidate", "last"]);
    code.read_context(next, last);
    code.read(R2, FILE, member!(file.f_inode -> inode.i_sb -> super_block.s_magic));
    code.jeq(R2, NSFS_MAGIC, candidate);
    if sockets {
        code.jeq(R2, SOCKFS_MAGIC, candidate);
    }
    code.ja(next);
    code.bind(candidate);
    code.prologue(next);
    code.record_descriptor(Reason::Candidate as i32, next);
    code.epilogue(next, last);
    code.finish()
}

impl Builder<'_> {
    /// Reads task, file and number of the descriptor, which it keeps on the stack.
    pub fn read_context(&mut self, next: Label, last: Label) {
        self.ldx(TASK, R1 + CTX_TASK);
        self.jeq(TASK, 0, last);
        self.ldx(FILE, R1 + CTX_FILE);
        self.jeq(FILE, 0, next);
        self.ldx(R2, R1 + CTX_FD);
        self.stx(FP + stack::DESCRIPTOR_NUMBER, R2);
        self.cast_untrusted(FILE, FILE, btf_type!(file));
    }

    /// Records the descriptor, in DESCRIPTOR. Goes to `next` if the process has no number in the caller's PID namespace, or
    /// the array is full.
    pub fn record_descriptor(&mut self, reason: impl Into<Operand>, next: Label) {
        let layout = self.context.layout;
        self.append(Header::descriptor_count, layout.descriptors().start, Descriptor::SIZE, layout.descriptors, next);
        self.copy_fields(Descriptor::COPIED, TASK, 0);
        self.mov(R2, reason);
        self.stx(RECORD + Descriptor::reason, R2);
        self.ldx(R2, FP + stack::DESCRIPTOR_NUMBER);
        self.stx(RECORD + Descriptor::number, R2);
        self.mov(DESCRIPTOR, RECORD); // RECORD does not survive calls
        self.read_pid(TASK, member!(task_struct.pid));
        self.read_number(next);
        self.stx(DESCRIPTOR + Descriptor::tid, NUMBER);
        self.read_pid(TASK, member!(task_struct.tgid));
        self.find_process();
        self.read_number(next);
        self.stx(DESCRIPTOR + Descriptor::pid, NUMBER);
    }
}
