//! The program that visits all processes itself, with the open-coded iterator over processes (Linux 6.7).
//!
//! ```c
//! SEC("syscall") int processes(void *ctx)
//! {
//!     struct bpf_iter_task tasks;
//!     struct { struct task_struct *task; struct pid *pid; const struct cred *cred; } prefetched;
//!
//!     keep_own_pid_namespace();                               // pid.rs
//!     bpf_rcu_read_lock();                                    // and then record_root_cgroup(), if wanted: cgroups.rs
//!     bpf_iter_task_new(&tasks, NULL, BPF_TASK_ITER_ALL_PROCS);
//!     prefetch(NULL);
//!     while ((task = bpf_iter_task_next(&tasks))) {
//!         (void)task->fs->root.mnt;                           // if threads are wanted: BPF_TASK_ITER_ALL_THREADS
//!         if (task != task->group_leader) {                   // the same
//!             record_thread();                                // threads.rs
//!             record_details();
//!             continue;
//!         }
//!         if (task == prefetched.task)
//!             pid = prefetched.pid, cred = prefetched.cred;
//!         else
//!             pid = task->thread_pid, cred = task->real_cred; // at level 0 pid = task->tgid
//!         prefetch(container_of(task->tasks.next, struct task_struct, tasks));
//!         record_process();                                   // chain.rs
//!         record_cgroup();                                    // if wanted: cgroups.rs
//!         record_details();                                   // the same: threads.rs
//!     }
//!     bpf_iter_task_destroy(&tasks);
//!     bpf_rcu_read_unlock();
//!     array->own_pid_namespace = NULL;
//!     return 0;
//! }
//!
//! void prefetch(struct task_struct *task)
//! {
//!     prefetched.task = task;
//!     prefetched.pid = task->thread_pid;                      // at level 0 task->tgid
//!     prefetched.cred = task->real_cred;
//!     (void)task->tasks.next;
//!     (void)task->nsproxy;                                    // if details are wanted
//! }
//! ```
//!
//! Most of the time goes to cache misses. So at each process the program reads from the next one in the kernel's list,
//! which the iterator most likely shows next. Then the processor waits for both processes at the same time. For the same
//! reason it reads the root directory early, although that is needed last.

use super::assembler::{Assembler, FP, Program, R0, R1, R2};
use super::layout::Threads;
use super::program::{Builder, Target};
use super::registers::{ARRAY, CRED, NUMBER, PID, TASK, stack};
use super::schema::{btf_type, member};
use crate::error::Error;

pub fn program(target: Target) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [next, end, prefetched, other_level] = code.labels(["next", "end", "prefetched", "other_level"]);
    let [thread, details] = code.labels(["thread", "details"]);
    let (has_details, has_threads) = (target.threads != Threads::None, target.threads == Threads::All);
    code.ld_map_value(ARRAY, target.array);
    code.keep_own_pid_namespace(other_level);
    code.begin_processes();
    if target.layout.cgroups > 0 {
        code.record_root_cgroup();
    }
    code.mov(R0, 0);
    code.cast_untrusted(R2, R0, btf_type!(task_struct));
    code.prefetch();

    code.bind(next);
    if has_details {
        code.forget_details();
    }
    code.next_process(end);
    if has_threads {
        code.read(R1, TASK, member!(task_struct.fs -> fs_struct.root.mnt)); // for the cache alone
        code.read(R1, TASK, member!(task_struct.group_leader));
        code.jne(R1, TASK, thread);
    }
    // NUMBER holds PID over the calls below.
    code.ldx(R2, FP + stack::PREFETCHED_TASK);
    code.ldx(NUMBER, FP + stack::PREFETCHED_PID);
    code.ldx(CRED, FP + stack::PREFETCHED_CRED);
    code.jeq(R2, TASK, prefetched);
    code.read_process();
    code.mov(NUMBER, PID);
    code.bind(prefetched);
    code.read_next_in_list(R2);
    code.prefetch();
    code.mov(PID, NUMBER);
    code.record_process(next);
    let rest = if has_details { details } else { next };
    code.record_namespaces_and_cgroup(rest);
    if has_threads {
        code.bind(thread);
        code.record_thread(next);
    }
    if has_details {
        code.bind(details);
        code.record_details(next);
        code.ja(next);
    }

    code.bind(end);
    code.end_processes();
    code.forget_own_pid_namespace();
    code.bind(other_level);
    code.return_0();
    code.finish()
}

impl Builder<'_> {
    /// Keeps on the stack what the program needs of the task in R2; all zeros for NULL.
    fn prefetch(&mut self) {
        self.stx(FP + stack::PREFETCHED_TASK, R2);
        self.read_pid(R2, member!(task_struct.tgid));
        self.stx(FP + stack::PREFETCHED_PID, PID);
        self.read(R1, R2, member!(task_struct.real_cred));
        self.stx(FP + stack::PREFETCHED_CRED, R1);
        // What the program and the iterator read later, for the cache alone.
        self.read(R1, R2, member!(task_struct.tasks.next));
        if self.context.threads != Threads::None {
            self.read(R1, R2, member!(task_struct.nsproxy));
        }
    }
}
