//! The program that the kernel's iterator starts for each thread (Linux 5.8), and once more without one at the end.
//!
//! ```c
//! SEC("iter/task") int tasks(struct bpf_iter__task *ctx)
//! {
//!     task = ctx->task;
//!     if (!task)
//!         goto last;
//!     if (task->pid != task->tgid && !task->exit_state)
//!         return 0;                               // not the thread-group leader; record_thread() if threads are wanted
//!     keep_own_pid_namespace();                   // pid.rs
//!     pid = task->thread_pid;                     // at level 0 task->tgid
//!     cred = task->real_cred;
//!     record_process();                           // chain.rs
//!     record_cgroup();                            // if wanted: cgroups.rs, after record_root_cgroup()
//!     record_details();                           // the same: threads.rs
//!     return 0;
//! last:
//!     array->own_pid_namespace = NULL;
//!     return 0;
//! }
//! ```
//!
//! The thread-group leader stands for its process. If another thread calls execve(2), the leader ends and hands over its
//! TID, perhaps just before the visit: de_thread() of fs/exec.c. So a thread that has ended stands for its process, too;
//! the reader drops duplicates.

use super::assembler::{Assembler, Location, Program, R1, R2, R3, Size};
use super::layout::Threads;
use super::program::Target;
use super::registers::{ARRAY, TASK};
use super::schema::member;
use super::tables::Header;
use crate::error::Error;

/// `struct bpf_iter__task` of kernel/bpf/task_iter.c.
pub const CTX_TASK: Location = Location::new(8, Size::DW, "bpf_iter__task.task");

pub fn program(target: Target) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [next, last, process, details] = code.labels(["next", "last", "process", "details"]);
    let has_details = target.threads != Threads::None;
    code.ldx(TASK, R1 + CTX_TASK);
    code.jeq(TASK, 0, last);
    code.read(R2, TASK, member!(task_struct.pid));
    code.read(R3, TASK, member!(task_struct.tgid));
    code.jeq(R2, R3, process);
    code.read(R2, TASK, member!(task_struct.exit_state));
    if target.threads == Threads::All {
        code.jne(R2, 0, process);
        code.prologue(next);
        code.record_thread(next);
        code.ja(details);
    } else {
        code.jeq(R2, 0, next);
    }
    code.bind(process);
    code.prologue(next);
    if target.layout.cgroups > 0 {
        let [known_root] = code.labels(["known_root"]);
        code.ldx(R2, ARRAY + Header::root_cgroup);
        code.jne(R2, 0, known_root);
        code.record_root_cgroup();
        code.bind(known_root);
    }
    code.read_process();
    code.record_process(next);
    let rest = if has_details { details } else { next };
    code.record_namespaces_and_cgroup(rest);
    if has_details {
        code.bind(details);
        code.record_details(next);
    }
    code.epilogue(next, last);
    code.finish()
}
