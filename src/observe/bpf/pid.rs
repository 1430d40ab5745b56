//! Numbers of processes and threads in the caller's PID namespace, see pid_namespaces(7).
//!
//! The initial PID namespace has level 0. A program for it reads numbers from the `task_struct`. A program for another
//! one finds them through `struct pid`, and needs to know which PID namespace is the caller's:
//!
//! ```c
//! void keep_own_pid_namespace() {
//!     if (array->own_pid_namespace)                       // a visit before this one found it
//!         return;
//!     own_pid = bpf_get_current_task()->thread_pid;
//!     array->own_level = own_pid->level;
//!     if (own_pid->level != LEVEL)
//!         goto otherwise;
//!     array->own_pid_namespace = own_pid->numbers[LEVEL].ns;
//! }
//!
//! void read_number() {                                    // at level 0: number = pid
//!     if (pid->level < LEVEL)
//!         goto otherwise;
//!     number = pid->numbers[LEVEL].nr;
//!     if (pid->numbers[LEVEL].ns != array->own_pid_namespace)
//!         goto otherwise;
//!     if (!number)
//!         goto otherwise;
//! }
//! ```
//!
//! New threads get ever larger numbers, until these begin again with small ones:
//!
//! ```c
//! void watch_numbers() {
//!     if (!array->own_pid_namespace)
//!         return;
//!     next = array->own_pid_namespace->idr.idr_next;
//!     if (next < array->next_number)
//!         array->has_begun_again = 1;
//!     array->next_number = next;
//! }
//! ```

use super::assembler::{FP, Label, Location, R0, R1, R2, Register};
use super::kernel::UPID_SIZE;
use super::program::{BPF_GET_CURRENT_TASK, Builder};
use super::registers::{ARRAY, NUMBER, OWN_PID, PID, TASK, stack};
use super::schema::{Step, btf_type, member};
use super::tables::{Function, Header};

/// `enum pid_type` of include/linux/pid.h: the use of a `struct pid` as the number of a process.
pub const PIDTYPE_TGID: i16 = 1;

impl Builder<'_> {
    /// Keeps the caller's PID namespace in the header, if numbers are of one. Goes to `otherwise` if it is not on the level that
    /// was expected.
    pub fn keep_own_pid_namespace(&mut self, otherwise: Label) {
        if self.context.level > 0 {
            self.find_own_pid_namespace(otherwise);
        }
    }

    /// The same also at level 0.
    pub fn find_own_pid_namespace(&mut self, otherwise: Label) {
        let level = self.context.level;
        let [known] = self.labels(["known"]);
        self.ldx(R1, ARRAY + Header::own_pid_namespace);
        self.jne(R1, 0, known);
        self.call_helper(BPF_GET_CURRENT_TASK);
        let ns = self.own_upid(member!(upid.ns));
        if self.can_read_upids() {
            self.cast_untrusted(OWN_PID, R0, btf_type!(task_struct));
            self.read(OWN_PID, OWN_PID, member!(task_struct.thread_pid));
            self.read(R1, OWN_PID, member!(pid.level));
            self.stx(ARRAY + Header::own_level, R1);
            self.jne(R1, level as i32, otherwise);
            self.ldx(R1, OWN_PID + ns);
        } else {
            let thread_pid = self.location(member!(task_struct.thread_pid)[0]);
            let pid_level = self.location(member!(pid.level)[0]);
            self.probe_read(R0, thread_pid, 8);
            self.ldx(OWN_PID, FP + copy_of(thread_pid, 0));
            self.probe_read(OWN_PID, pid_level, 4);
            self.ldx(R1, FP + copy_of(pid_level, 0));
            self.stx(ARRAY + Header::own_level, R1);
            self.jne(R1, level as i32, otherwise);
            self.probe_read(OWN_PID, ns, 8);
            self.ldx(R1, FP + copy_of(ns, 0));
        }
        self.stx(ARRAY + Header::own_pid_namespace, R1);
        self.bind(known);
    }

    /// `array->own_pid_namespace = NULL`: removes the kernel address from mapped memory.
    pub fn forget_own_pid_namespace(&mut self) {
        self.mov(R1, 0);
        self.stx(ARRAY + Header::own_pid_namespace, R1);
    }

    /// Notices that numbers have begun again since the last time.
    pub fn watch_numbers(&mut self) {
        let [done] = self.labels(["done"]);
        let next = self.location(member!(pid_namespace.idr.idr_next)[0]);
        self.ldx(R0, ARRAY + Header::own_pid_namespace);
        self.jeq(R0, 0, done); // the end of an iterator can come twice
        if self.kernel().function(Function::bpf_rdonly_cast).is_some() {
            self.cast(R1, R0, btf_type!(pid_namespace));
            self.ldx(R1, R1 + next);
        } else {
            self.probe_read(R0, next, 4);
            self.ldx(R1, FP + copy_of(next, 0));
        }
        self.ldx(R2, ARRAY + Header::next_number);
        self.stx(ARRAY + Header::next_number, R1);
        self.jge(R1, R2, done);
        self.mov(R1, 1);
        self.stx(ARRAY + Header::has_begun_again, R1);
        self.bind(done);
    }

    /// `PID = task->thread_pid`; at level 0 `PID = task->number`, where `number` is `pid` or `tgid`.
    pub fn read_pid(&mut self, task: Register, number: &[Step]) {
        match self.context.level {
            0 => self.read(PID, task, number),
            _ => self.read(PID, task, member!(task_struct.thread_pid)),
        }
    }

    /// `PID = task->signal->pids[PIDTYPE_TGID]`, that of the process, also if TASK has ended; at level 0 `PID = task->tgid`.
    pub fn read_process_pid(&mut self) {
        match self.context.level {
            0 => self.read(PID, TASK, member!(task_struct.tgid)),
            _ => self.read(PID, TASK, member!(task_struct.signal -> signal_struct.pids[PIDTYPE_TGID])),
        }
    }

    /// `NUMBER = ` the number of PID in the caller's PID namespace. Goes to `otherwise` if it has none there.
    pub fn read_number(&mut self, otherwise: Label) {
        if self.context.level > 0 {
            let (nr, ns) = (self.own_upid(member!(upid.nr)), self.own_upid(member!(upid.ns)));
            self.read(R2, PID, member!(pid.level));
            self.jlt(R2, self.context.level as i32, otherwise);
            if self.can_read_upids() {
                self.ldx(NUMBER, PID + nr);
                self.ldx(R1, PID + ns);
            } else {
                let upid = self.own_upid(&[]);
                self.probe_read(PID, upid, UPID_SIZE as i32);
                self.ldx(NUMBER, FP + copy_of(nr, nr.offset - upid.offset));
                self.ldx(R1, FP + copy_of(ns, ns.offset - upid.offset));
            }
            self.ldx(R2, ARRAY + Header::own_pid_namespace);
            self.jne(R1, R2, otherwise);
        } else {
            self.mov(NUMBER, PID);
        }
        self.jeq(NUMBER, 0, otherwise); // the idle task
    }

    /// `if (!pid->tasks[PIDTYPE_TGID].first) PID = task->signal->pids[PIDTYPE_TGID];`
    ///
    /// PID, of the thread-group leader, becomes that of the process. They are the same, except for a moment when another
    /// thread calls execve(2): de_thread() of fs/exec.c. `signal` is always right, but is in a cache line of its own.
    pub fn find_process(&mut self) {
        if self.context.level == 0 {
            return;
        }
        let [found] = self.labels(["found"]);
        self.read(R2, PID, member!(pid.tasks[PIDTYPE_TGID]));
        self.jne(R2, 0, found);
        self.read_process_pid();
        self.bind(found);
    }

    /// The location of `numbers[LEVEL]`, or of its member, in a `struct pid`.
    pub fn own_upid(&mut self, member: &[Step]) -> Location {
        let numbers = self.location(member!(pid.numbers)[0]).shifted((self.context.level * UPID_SIZE) as i16);
        match member {
            [] => numbers,
            [step, ..] => self.location(*step).shifted(numbers.offset),
        }
    }

    /// Before Linux 6.5 the verifier lets no program read `numbers[1]`, which is in a flexible array:
    /// btf_struct_walk() of kernel/bpf/btf.c. The iterator over processes came soon after.
    pub fn can_read_upids(&self) -> bool {
        self.kernel().has_task_iterator()
    }
}

/// A location in the result of a probe read that has this offset from what was read.
fn copy_of(location: Location, offset: i16) -> Location {
    Location { offset: stack::COPY + offset, ..location }
}
