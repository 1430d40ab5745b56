//! Records of processes, and of user namespaces with their ancestors.
//!
//! A program records a namespace when it meets it first. The records of processes and children refer to that record by
//! its index. A cache tells whether a namespace has a record. It is direct-mapped: namespaces that share a slot
//! displace each other and can be recorded twice. The reader then merges the records, by their generations.
//!
//! ```c
//! void record_process() {
//!     number = number_of(pid);                            // pid.rs
//!     record = append(processes);
//!     record->pid = number;
//!     record->details.... = task->...;                    // the fields that tables.rs copies, if wanted
//!     record_credentials();                               // credentials.rs, if wanted
//!     link = &record->namespace;
//!     record_pids();                                      // the same
//!     record_namespaces(cred->user_ns);
//!     record_cgroup();                                    // the same: cgroups.rs
//! }
//!
//! void record_namespaces(ns) {
//!     for (n = 0; n < ANCESTORS && ns; n++) {
//!         generation = ns->ns.ns_id;                      // before 6.18: (u64)ns->level << 32 | ns->ns.inum
//!         slot = &array->slots[generation & (SLOTS - 1)];
//!         if (slot->generation == generation) {           // it has a record, and so have its ancestors
//!             *link = slot->index;
//!             return;
//!         }
//!         record = append(namespaces);
//!         *link = slot->index = index;
//!         slot->generation = record->generation = generation;
//!         record->inode = ns->ns.inum;                    // the fields that tables.rs copies
//!         record->owner = ns->owner;
//!         record->charged = ns->ucounts->ucount[UCOUNT_USER_NAMESPACES];      // if pins are wanted
//!         record->limit = ns->ucount_max[UCOUNT_USER_NAMESPACES] + 1;         // the same
//!         record_maps();                                  // if wanted: maps.rs
//!         link = &record->parent;
//!         ns = ns->parent;
//!     }
//!     if (ns) {                                           // too many: link to a recorded one, or report it
//!         if (slot_of(ns)->generation == generation_of(ns))
//!             *link = slot_of(ns)->index;
//!         else
//!             array->is_cut_off = 1;
//!     }
//! }
//! ```

use super::assembler::{FP, Label, Location, R0, R1, R2, Size};
use super::caches::Slot;
use super::layout::{Threads, slots};
use super::process_tables::Cgroup;
use super::program::{Ancestors, Builder};
use super::registers::{ARRAY, CRED, GENERATION, INDEX, LINK, NS, NUMBER, RECORD, SLOT, TASK, stack};
use super::schema::member;
use super::tables::{Details, Header, Namespace, Process};

/// The field that LINK points to.
const LINKED: Location = Location::new(0, Size::W, "*link");

// SLOT is `ARRAY + index * Slot::SIZE`, so the slots start behind the header from there.
const SLOT_GENERATION: Location = Slot::generation.shifted(Header::SIZE as i16);
const SLOT_INDEX: Location = Slot::index.shifted(Header::SIZE as i16);

const _: () = assert!(Slot::SIZE.is_power_of_two());

impl Builder<'_> {
    /// `PID = task->thread_pid; CRED = task->real_cred;`
    pub fn read_process(&mut self) {
        self.read_pid(TASK, member!(task_struct.tgid));
        self.read(CRED, TASK, member!(task_struct.real_cred));
    }

    /// Records the process of TASK, PID and CRED, and leaves NS and LINK. Goes to `next` if the process has no number
    /// in the caller's PID namespace, or the array is full.
    pub fn record_process(&mut self, next: Label) {
        let layout = self.context.layout;
        self.find_process();
        self.read_number(next);
        self.append(Header::count, layout.processes().start, layout.process_size(), layout.capacity, next);
        self.stx(RECORD + Process::pid, NUMBER);
        if self.context.threads != Threads::None {
            self.keep_holder(layout.processes().start + Process::SIZE, layout.process_size(), Details::set);
        }
        if layout.cgroups > 0 {
            let field = Cgroup::node.shifted(layout.cgroup_at() as i16);
            self.keep_cgroup_field(layout.processes().start, layout.process_size(), field);
        }
        if layout.has_details {
            self.copy_fields(Details::COPIED, TASK, Process::SIZE as i16);
        }
        if layout.has_credentials {
            self.record_credentials();
        }
        self.read(NS, CRED, member!(cred.user_ns));
        self.lea(LINK, RECORD + Process::namespace);
        if layout.has_credentials {
            self.record_pids();
        }
    }

    /// Records the user namespace NS and its unknown ancestors, and the index of the first at LINK. Goes to `next`. Keeps
    /// ARRAY and TASK, and destroys other registers.
    pub fn record_namespaces(&mut self, next: Label) {
        match self.context.ancestors {
            Ancestors::All if self.kernel().has_task_iterator() => self.record_namespaces_by_iterator(next),
            _ => self.record_namespaces_by_loop(next),
        }
    }

    /// The loop is bounded by a register, so the verifier follows each round.
    fn record_namespaces_by_loop(&mut self, next: Label) {
        let [upwards, unknown] = self.labels(["upwards", "unknown_ancestor"]);
        let has_maps = self.context.layout.extents > 0;
        // On the stack while maps are recorded, and cleared afterwards: then all rounds of loops around this one look alike.
        let end = if has_maps { self.labels(["forget_round"])[0] } else { next };
        self.mov(R0, 0);
        self.bind(upwards);
        if has_maps {
            self.stx(FP + stack::ROUND, R0);
        }
        self.record_namespace(end);
        if has_maps {
            self.ldx(R0, FP + stack::ROUND);
        }
        self.add(R0, 1);
        self.jlt(R0, self.context.ancestors.count(), upwards);
        self.find_slot(unknown);
        self.link_to_slot(end);
        self.bind(unknown);
        self.mov(R0, 1);
        self.stx(ARRAY + Header::is_cut_off, R0);
        if has_maps {
            self.bind(end);
            self.forget(&[GENERATION, NS], &[stack::ROUND]);
        }
        self.ja(next);
    }

    /// The same, for many ancestors.
    pub fn record_namespaces_by_iterator(&mut self, next: Label) {
        let [unknown, upwards, end] = self.labels(["unknown_namespace", "upwards", "destroy_numbers"]);
        self.find_slot(unknown);
        self.link_to_slot(next);
        self.bind(unknown);
        self.stx(FP + stack::LINK, LINK);
        self.begin_numbers(stack::NUMBERS, self.context.ancestors.count());
        self.bind(upwards);
        self.forget(&[GENERATION], &[]);
        self.next_number(stack::NUMBERS, end);
        self.ldx(LINK, FP + stack::LINK);
        self.record_namespace(end);
        self.stx(FP + stack::LINK, LINK);
        self.ja(upwards);
        self.bind(end);
        self.end_numbers(stack::NUMBERS);
        self.ja(next);
    }

    /// Records NS, and sets NS and LINK for its parent. Goes to `end` if there is none, if NS has a record, or if the array
    /// is full.
    pub fn record_namespace(&mut self, end: Label) {
        let layout = self.context.layout;
        let [unknown] = self.labels(["unknown"]);
        self.find_slot(unknown);
        self.link_to_slot(end);
        self.bind(unknown);
        let start = layout.namespaces().start;
        self.append(Header::namespace_count, start, layout.namespace_size(), layout.namespaces, end);
        self.stx(LINK + LINKED, INDEX);
        self.stx(SLOT + SLOT_INDEX, INDEX);
        self.stx(SLOT + SLOT_GENERATION, GENERATION);
        self.stx(RECORD + Namespace::generation, GENERATION);
        self.copy_fields(Namespace::COPIED, NS, 0);
        if self.context.threads == Threads::All && self.kernel().has(member!(ucounts.rlimit)) {
            self.read(R2, NS, member!(user_namespace.ucounts -> ucounts.ucount));
            self.stx(RECORD + Namespace::charged, R2);
            self.read(R2, NS, member!(user_namespace.ucount_max));
            self.add(R2, 1);
            self.stx(RECORD + Namespace::limit, R2);
        }
        if layout.extents > 0 {
            self.record_maps();
        }
        self.read(NS, NS, member!(user_namespace.parent));
        self.jeq(NS, 0, end);
        self.lea(LINK, RECORD + Namespace::parent);
    }

    /// `GENERATION = ` that of NS, `SLOT = ` its slot. Goes to `otherwise` if another namespace is in the slot.
    fn find_slot(&mut self, otherwise: Label) {
        if self.kernel().has(member!(user_namespace.ns.ns_id)) {
            self.read(GENERATION, NS, member!(user_namespace.ns.ns_id));
        } else {
            self.read(GENERATION, NS, member!(user_namespace.level));
            self.read(R1, NS, member!(user_namespace.ns.inum));
            self.lsh(GENERATION, 32);
            self.or(GENERATION, R1);
        }
        self.mov(SLOT, GENERATION);
        self.and(SLOT, slots(self.context.layout.namespaces) as i32 - 1);
        self.lsh(SLOT, Slot::SIZE.ilog2() as i32);
        self.add(SLOT, ARRAY);
        self.ldx(R2, SLOT + SLOT_GENERATION);
        self.jne(R2, GENERATION, otherwise);
    }

    /// `*link = slot->index; goto next;`
    fn link_to_slot(&mut self, next: Label) {
        self.ldx(INDEX, SLOT + SLOT_INDEX);
        self.stx(LINK + LINKED, INDEX);
        self.ja(next);
    }
}
