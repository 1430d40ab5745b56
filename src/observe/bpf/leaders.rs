//! The programs that record thread-group leaders, before threads and after descriptors are read.
//!
//! If a thread that is not the leader calls execve(2), it ends the leader, and then takes its TID: de_thread() of fs/exec.c.
//! In between, an iterator over threads finds a leader without a descriptor table, and goes on to higher TIDs; the thread has
//! none of these when the iterator gets there. So a process can keep its descriptors all the time and show none; likewise its
//! namespaces.
//!
//! A leader with equal records, before and after, was the leader all the time, and had a descriptor table: that goes first
//! when a thread ends (exit_files() of kernel/exit.c), and never returns. The thread that takes its place is another
//! `task_struct`. One at the same address, once that is free, belongs to a thread that the new program started. If that
//! thread becomes the leader in its turn, it has a larger `self_exec_id`.
//!
//! ```c
//! SEC("syscall") int leaders(void *ctx)                       // Linux 6.7
//! {
//!     struct bpf_iter_task tasks;
//!
//!     keep_own_pid_namespace();                               // pid.rs
//!     bpf_rcu_read_lock();
//!     bpf_iter_task_new(&tasks, NULL, BPF_TASK_ITER_ALL_PROCS);
//!     while ((task = bpf_iter_task_next(&tasks)))
//!         record_leader();
//!     bpf_iter_task_destroy(&tasks);
//!     bpf_rcu_read_unlock();
//!     array->own_pid_namespace = NULL;
//!     return 0;
//! }
//!
//! SEC("iter/task") int leaders_by_visits(struct bpf_iter__task *ctx)      // Linux 5.8
//! {
//!     task = ctx->task;
//!     if (!task)
//!         goto last;
//!     if (task->pid != task->tgid)
//!         return 0;
//!     keep_own_pid_namespace();
//!     record_leader();
//!     return 0;
//! last:
//!     array->own_pid_namespace = NULL;
//!     return 0;
//! }
//!
//! void record_leader() {
//!     if (!task->files && task->signal->nr_threads != 1)      // without other threads the process has ended
//!         return;
//!     pid = task->thread_pid;                                 // at level 0 task->tgid
//!     leader = append(leaders);
//!     leader->pid = number_of(pid);                           // pid.rs
//!     leader->task = task;
//!     leader->exec_id = task->self_exec_id;                   // the field that tables.rs copies
//! }
//! ```

use super::assembler::{Assembler, Label, Program, R1, R2, R3};
use super::file_tables::Leader;
use super::program::{Builder, Target};
use super::registers::{ARRAY, NUMBER, RECORD, TASK};
use super::schema::member;
use super::tables::Header;
use super::tasks::CTX_TASK;
use crate::error::Error;

pub fn program(target: Target) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [next, end, other_level] = code.labels(["next", "end", "other_level"]);
    code.ld_map_value(ARRAY, target.array);
    code.keep_own_pid_namespace(other_level);
    code.begin_processes();
    code.bind(next);
    code.next_process(end);
    code.record_leader(next);
    code.ja(next);
    code.bind(end);
    code.end_processes();
    code.forget_own_pid_namespace();
    code.bind(other_level);
    code.return_0();
    code.finish()
}

pub fn program_by_visits(target: Target) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [next, last] = code.labels(["next", "last"]);
    code.ldx(TASK, R1 + CTX_TASK);
    code.jeq(TASK, 0, last);
    code.read(R2, TASK, member!(task_struct.pid));
    code.read(R3, TASK, member!(task_struct.tgid));
    code.jne(R2, R3, next);
    code.prologue(next);
    code.record_leader(next);
    code.epilogue(next, last);
    code.finish()
}

impl Builder<'_> {
    /// Records the thread-group leader TASK. Goes to `next` if it has lost its descriptor table, if the process has no number
    /// in the caller's PID namespace, or if the array is full.
    fn record_leader(&mut self, next: Label) {
        let layout = self.context.layout;
        let [settled] = self.labels(["settled"]);
        self.read(R2, TASK, member!(task_struct.files));
        self.jne(R2, 0, settled);
        self.read(R2, TASK, member!(task_struct.signal -> signal_struct.nr_threads));
        self.jne(R2, 1, next);
        self.bind(settled);
        self.read_pid(TASK, member!(task_struct.tgid));
        self.find_process();
        self.read_number(next);
        self.append(Header::leader_count, layout.leaders().start, Leader::SIZE, layout.leaders, next);
        self.stx(RECORD + Leader::pid, NUMBER);
        self.stx(RECORD + Leader::task, TASK);
        self.copy_fields(Leader::COPIED, TASK, 0);
    }
}
