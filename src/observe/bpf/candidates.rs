//! The program that the kernel's iterator starts for each descriptor (Linux 5.8), and once more without one at the end.
//! It skips threads that share the table of their thread-group leader.
//!
//! ```c
//! SEC("iter/task_file") int descriptors(struct bpf_iter__task_file *ctx)
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
//!     descriptor = append(descriptors);
//!     descriptor->number = number;
//!     pid = task->thread_pid;                     // at level 0 task->pid
//!     descriptor->tid = number_of(pid);           // pid.rs
//!     pid = process_of(task->thread_pid);         // at level 0 task->tgid
//!     descriptor->pid = number_of(pid);
//!     return 0;
//! last:
//!     array->own_pid_namespace = NULL;
//!     return 0;
//! }
//! ```
//!
//! If the thread or process has no number in the caller's PID namespace, the record keeps TID or PID 0.

use super::assembler::{Assembler, Location, Program, R1, R2, Size};
use super::program::Target;
use super::registers::{DESCRIPTOR, FILE, NUMBER, RECORD, TASK};
use super::schema::{btf_type, member};
use super::tables::{Descriptor, Header};
use crate::error::Error;

// `struct bpf_iter__task_file` of kernel/bpf/task_iter.c.
const CTX_TASK: Location = Location::new(8, Size::DW, "bpf_iter__task_file.task");
const CTX_FD: Location = Location::new(16, Size::W, "bpf_iter__task_file.fd");
const CTX_FILE: Location = Location::new(24, Size::DW, "bpf_iter__task_file.file");

/// Records the descriptors of files on file systems with one of these magic numbers.
pub fn program(target: Target, magics: &[u32]) -> Result<Program, Error> {
    let layout = target.layout;
    let mut code = Assembler::new(target);
    let [next, candidate, last] = code.labels(["next", "candidate", "last"]);
    code.ldx(TASK, R1 + CTX_TASK);
    code.jeq(TASK, 0, last);
    code.ldx(FILE, R1 + CTX_FILE);
    code.jeq(FILE, 0, next);
    code.ldx(NUMBER, R1 + CTX_FD);
    code.cast_untrusted(FILE, FILE, btf_type!(file));
    code.read(R2, FILE, member!(file.f_inode -> inode.i_sb -> super_block.s_magic));
    for &magic in magics {
        code.jeq(R2, magic as i32, candidate);
    }
    code.ja(next);
    code.bind(candidate);
    code.prologue(next);
    code.append(Header::count, layout.descriptors().start, Descriptor::SIZE, layout.capacity, next);
    code.mov(DESCRIPTOR, RECORD); // RECORD does not survive calls
    code.stx(DESCRIPTOR + Descriptor::number, NUMBER);
    code.read_pid(TASK, member!(task_struct.pid));
    code.read_number(next);
    code.stx(DESCRIPTOR + Descriptor::tid, NUMBER);
    code.read_pid(TASK, member!(task_struct.tgid));
    code.find_process();
    code.read_number(next);
    code.stx(DESCRIPTOR + Descriptor::pid, NUMBER);
    code.epilogue(next, last);
    code.finish()
}
