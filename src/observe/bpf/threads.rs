//! Records of threads that differ from their thread-group leader, and what else there is to record of a process or thread: the
//! set of its nonuser namespaces (sets.rs) and its root directory (roots.rs).
//!
//! Caches tell what has a record. They are direct-mapped, as that of user namespaces (chain.rs), so there can be two records of
//! a set, a namespace or a root directory. The reader merges them. Addresses of the kernel only choose a slot: memory can be
//! freed and reused while the program runs. What a slot has is compared with what the record says.
//!
//! ```c
//! void record_thread() {                                  // not the thread-group leader
//!     leader = task->group_leader;
//!     if (!task->nsproxy)                                 // it has exited
//!         goto next;
//!     if (task->nsproxy == leader->nsproxy && task->fs == leader->fs)
//!         goto next;
//!     record = append(threads);
//!     record->tid = number_of(task->thread_pid);          // pid.rs
//!     record->pid = number_of(process_of(task->thread_pid));
//!     holder = &record->set;                              // of a process: &record->details.set
//! }
//!
//! void record_details() {
//!     holder->set = index_of_set();                       // sets.rs
//!     holder->root = index_of_root();                     // for Threads::All: roots.rs
//! }
//! ```

use super::assembler::{FP, Label, Location, R0, R1, R2, Register};
use super::layout::{Threads, slots};
use super::process_tables::Thread;
use super::program::Builder;
use super::registers::{ARRAY, GENERATION, INDEX, NS, NUMBER, RECORD, TASK, stack};
use super::schema::member;
use super::tables::Header;

impl Builder<'_> {
    /// Records TASK, which is not the thread-group leader, if it differs from that. Goes to `next` if it does not.
    pub fn record_thread(&mut self, next: Label) {
        const LEADER: Register = NS;
        const THREAD: Register = NS;
        let layout = self.context.layout;
        let [differs] = self.labels(["differs"]);
        self.read(LEADER, TASK, member!(task_struct.group_leader));
        self.read(R1, TASK, member!(task_struct.nsproxy));
        self.jeq(R1, 0, next);
        self.read(R2, LEADER, member!(task_struct.nsproxy));
        self.jne(R1, R2, differs);
        self.read(R1, TASK, member!(task_struct.fs));
        self.read(R2, LEADER, member!(task_struct.fs));
        self.jeq(R1, R2, next);
        self.bind(differs);
        self.append(Header::thread_count, layout.threads().start, Thread::SIZE, layout.threads, next);
        self.keep_holder(layout.threads().start, Thread::SIZE, Thread::set);
        self.mov(THREAD, RECORD); // RECORD does not survive calls
        self.record_ids(THREAD, Thread::tid, Thread::pid, next);
    }

    /// `record->tid = ` and `record->pid = ` the numbers of TASK and of its process. Goes to `next` if it has none in the caller's
    /// PID namespace. Destroys RECORD.
    pub fn record_ids(&mut self, record: Register, tid: Location, pid: Location, next: Label) {
        self.read_pid(TASK, member!(task_struct.pid));
        self.read_number(next);
        self.stx(record + tid, NUMBER);
        self.read_pid(TASK, member!(task_struct.tgid));
        self.find_process();
        self.read_number(next);
        self.stx(record + pid, NUMBER);
    }

    /// Keeps where the fields `set` and `root` of the record INDEX are.
    pub fn keep_holder(&mut self, records: usize, size: usize, set: Location) {
        self.find_field(R1, records, size, set);
        self.stx(ARRAY + Header::holder, R1);
    }

    /// `holder->field = index`
    pub fn store_in_holder(&mut self, field: Location, next: Label) {
        self.ldx(R1, ARRAY + Header::holder);
        self.jge(R1, self.context.layout.size() as i32 - Thread::SIZE as i32, next);
        self.add(R1, ARRAY);
        self.stx(R1 + field, INDEX);
    }

    /// Records the namespaces of TASK, and its root directory if that is wanted, for the current record.
    pub fn record_details(&mut self, next: Label) {
        let [recorded] = self.labels(["recorded_set"]);
        self.record_set_of_task(recorded);
        self.bind(recorded);
        if self.context.threads == Threads::All {
            self.record_root(next);
        }
    }

    /// Clears what `record_details` leaves on the stack and in registers: then all rounds of a loop look alike to the verifier.
    pub fn forget_details(&mut self) {
        self.mov(R0, 0);
        for slot in stack::OF_DETAILS {
            self.stx(FP + slot, R0);
        }
        self.forget_set();
        self.mov(TASK, 0);
        self.mov(GENERATION, 0);
        self.mov(NS, 0);
    }

    /// `to = ` where a field of the record INDEX is, from the beginning of the array. In memory this is any number to the
    /// verifier, whichever record it is: what follows is then verified once.
    pub fn find_field(&mut self, to: Register, records: usize, size: usize, field: Location) {
        self.mov(to, INDEX);
        self.mul(to, size as i32);
        self.add(to, records as i32 - size as i32 + i32::from(field.offset));
    }

    /// `slot = start + (slot & (SLOTS - 1)) * size`, an address in the array.
    pub fn find_slot_of(&mut self, slot: Register, count: u32, size: usize, start: usize) {
        self.and(slot, slots(count) as i32 - 1);
        self.mul(slot, size as i32);
        self.add(slot, ARRAY);
        self.add(slot, start as i32);
    }

    /// `to = (u64)address >> 6`. Objects that are neighbours in memory have neighbouring numbers.
    pub fn number_of_address(&mut self, to: Register, address: Register) {
        self.stx(ARRAY + Header::scratch, address);
        self.ldx(to, ARRAY + Header::scratch);
        self.rsh(to, 6);
    }
}
