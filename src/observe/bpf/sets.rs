//! Records of the nonuser namespaces of threads: sets of them, since most threads have all in common with others.
//!
//! ```c
//! u32 index_of_set() {
//!     do {                                                // twice at most
//!         nsproxy = task->nsproxy;
//!         ns[...] = nsproxy->...;
//!         generation[...] = generation_of(ns[...]);
//!     } while (task->nsproxy != nsproxy);                 // it may have been freed
//!     ns[PID] = task->thread_pid->numbers[task->thread_pid->level].ns;
//!     generation[PID] = generation_of(ns[PID]);
//!     slot = &array->set_slots[(u64)nsproxy >> 6 & (SLOTS - 1)];
//!     if (slot->...[...] != generation[...]) {
//!         set = append(sets);
//!         slot->index = index;
//!         slot->...[...] = generation[...];
//!         set->...[...] = record_nonuser(ns[...]);
//!     }
//!     return slot->index;
//! }
//!
//! u32 record_nonuser(ns) {
//!     generation = ns->ns.ns_id;                          // before 6.18: (u64)type << 32 | ns->ns.inum
//!     slot = &array->nonuser_slots[generation & (SLOTS - 1)];
//!     if (slot->generation != generation) {
//!         record = append(nonusers);
//!         slot->index = index;
//!         record->generation = slot->generation = generation;
//!         record->inode = ns->ns.inum;
//!         record->flag = type;
//!         link = &record->owner;
//!         record_namespaces(ns->user_ns);                 // chain.rs
//!         if (type == CLONE_NEWPID && ns->level > LEVEL)  // it may be below the caller's own
//!             record->parent = record_nonuser(ns->parent);        // as a loop over an iterator of numbers
//!     }
//!     return slot->index;
//! }
//! ```

use super::assembler::{FP, Label, Location, R0, R1, R2, Register, Size};
use super::caches::{Link as Row, SetSlot, Slot};
use super::kernel::UPID_SIZE;
use super::layout;
use super::process_tables::Set;
use super::program::Builder;
use super::registers::{ARRAY, GENERATION, INDEX, LINK, NS, RECORD, SLOT, TASK, stack};
use super::schema::{Step, btf_type, member};
use super::tables::{Header, Nonuser};
use crate::facts::NamespaceType;

/// A nonuser namespace of a thread.
#[derive(Clone, Copy)]
struct Link {
    kind: NamespaceType,
    /// From the `nsproxy`; nothing for the PID namespace.
    source: &'static [Step],
    inode: &'static [Step],
    id: &'static [Step],
    owner: &'static [Step],
    on_stack: Location,
    in_slot: Location,
}

impl Link {
    fn generation_on_stack(&self) -> Location {
        self.on_stack.shifted(stack::GENERATIONS)
    }
}

macro_rules! link {
    ($kind:ident, $of:ident, $on_stack:ident, $field:ident, $source:expr) => {
        Link {
            kind: NamespaceType::$kind,
            source: $source,
            inode: member!($of.ns.inum),
            id: member!($of.ns.ns_id),
            owner: member!($of.user_ns),
            on_stack: stack::$on_stack,
            in_slot: SetSlot::$field,
        }
    };
}

/// For the PID namespace, its siblings and ancestors.
const PID_LINK: Link = link!(Pid, pid_namespace, PID, pid, &[]);

const LINKS: [Link; 9] = [
    link!(Cgroup, cgroup_namespace, CGROUP, cgroup, member!(nsproxy.cgroup_ns)),
    link!(Ipc, ipc_namespace, IPC, ipc, member!(nsproxy.ipc_ns)),
    link!(Mnt, mnt_namespace, MNT, mnt, member!(nsproxy.mnt_ns)),
    link!(Net, net, NET, net, member!(nsproxy.net_ns)),
    PID_LINK,
    link!(Time, time_namespace, TIME, time, member!(nsproxy.time_ns)),
    link!(Uts, uts_namespace, UTS, uts, member!(nsproxy.uts_ns)),
    link!(Pid, pid_namespace, PID_FOR_CHILDREN, pid_for_children, member!(nsproxy.pid_ns_for_children)),
    link!(Time, time_namespace, TIME_FOR_CHILDREN, time_for_children, member!(nsproxy.time_ns_for_children)),
];

/// More than a set has with the ancestors of two PID namespaces: `MAX_PID_NS_LEVEL` of include/linux/pid_namespace.h is 32.
const MOST_LINKS: i32 = 80;

/// In the holder, and what FIELD_AT points to.
const SET: Location = Location::new(0, Size::W, "holder->set");
const FIELD: Location = Location::new(0, Size::W, "*field");

impl Builder<'_> {
    /// Records the namespaces of TASK for the current record. Goes to `done`.
    pub fn record_set_of_task(&mut self, done: Label) {
        let [unknown] = self.labels(["unknown_set"]);
        self.read_set();
        self.find_set(unknown);
        self.ldx(INDEX, SLOT + SetSlot::index);
        self.store_in_holder(SET, done);
        self.ja(done);
        self.bind(unknown);
        self.record_set(done);
    }

    /// Clears the namespaces on the stack, with R0.
    pub fn forget_set(&mut self) {
        for link in LINKS {
            self.stx(FP + link.on_stack, R0);
            self.stx(FP + link.generation_on_stack(), R0);
        }
    }

    /// Puts the namespaces of TASK on the stack, all of the same moment, with their generations.
    fn read_set(&mut self) {
        let [stable] = self.labels(["stable"]);
        self.read_nsproxy();
        self.read(R1, TASK, member!(task_struct.nsproxy));
        self.ldx(R2, FP + stack::NSPROXY);
        self.jeq(R1, R2, stable);
        self.read_nsproxy();
        self.bind(stable);
        // Of the array `numbers`, which has an element for each level: the last one.
        const LAST: Register = NS;
        let numbers = self.location(member!(pid.numbers)[0]);
        self.read(LAST, TASK, member!(task_struct.thread_pid));
        self.read(R1, LAST, member!(pid.level));
        self.and(R1, 63); // lets the verifier know its range
        self.lsh(R1, UPID_SIZE.ilog2() as i32);
        self.add(LAST, R1);
        self.add_location(LAST, numbers);
        self.cast(LAST, LAST, btf_type!(upid));
        self.read(R1, LAST, member!(upid.ns));
        self.keep(PID_LINK);
    }

    /// `NS = task->nsproxy`, and its namespaces on the stack.
    fn read_nsproxy(&mut self) {
        self.read(NS, TASK, member!(task_struct.nsproxy));
        self.stx(FP + stack::NSPROXY, NS);
        for link in LINKS {
            if link.source.is_empty() {
                continue;
            }
            // A kernel that is built without a type of namespaces lacks these.
            if self.kernel().has(link.source) && self.kernel().has(link.inode) {
                self.read(R1, NS, link.source);
                self.keep(link);
            } else {
                self.mov(R1, 0);
                self.stx(FP + link.on_stack, R1);
                self.stx(FP + link.generation_on_stack(), R1);
            }
        }
    }

    /// Puts a namespace, in R1, and its generation on the stack.
    fn keep(&mut self, link: Link) {
        self.stx(FP + link.on_stack, R1);
        self.read_nonuser_generation(R2, R1, link);
        self.stx(FP + link.generation_on_stack(), R2);
    }

    /// `SLOT = ` that of the set on the stack. Goes to `otherwise` if another set is in the slot.
    fn find_set(&mut self, otherwise: Label) {
        let layout = self.context.layout;
        self.ldx(R1, FP + stack::NSPROXY);
        self.number_of_address(SLOT, R1);
        self.find_slot_of(SLOT, layout.sets, SetSlot::SIZE, layout.set_slots().start);
        for link in LINKS {
            self.ldx(R1, FP + link.generation_on_stack());
            self.ldx(R2, SLOT + link.in_slot);
            self.jne(R1, R2, otherwise);
        }
    }

    /// Records the set on the stack, in SLOT.
    fn record_set(&mut self, done: Label) {
        const FIELD_OFFSET: Register = SLOT;
        let layout = self.context.layout;
        self.append(Header::set_count, layout.sets().start, Set::SIZE, layout.sets, done);
        self.stx(SLOT + SetSlot::index, INDEX);
        self.store_in_holder(SET, done);
        for link in LINKS {
            self.ldx(R1, FP + link.generation_on_stack());
            self.stx(SLOT + link.in_slot, R1);
        }
        self.find_field(FIELD_OFFSET, layout.sets().start, Set::SIZE, Set::cgroup);
        self.mov(LINK, ARRAY);
        self.add(LINK, layout.links().start as i32);
        for link in LINKS {
            self.stx(LINK + Row::field, FIELD_OFFSET);
            self.add(FIELD_OFFSET, size_of::<u32>() as i32);
            self.read_link(link);
            self.add(LINK, Row::SIZE as i32);
        }
        self.record_links(done);
    }

    /// Reads what there is to record of a namespace on the stack. Without branches, each of which costs the verifier time.
    fn read_link(&mut self, link: Link) {
        self.mov(R1, link.kind.clone_flag());
        self.stx(LINK + Row::flag, R1);
        if self.kernel().has(link.inode) {
            self.ldx(NS, FP + link.on_stack);
            self.ldx(R1, FP + link.generation_on_stack());
            self.stx(LINK + Row::generation, R1);
            self.read_row(LINK, NS, link);
        } else {
            self.mov(R1, 0);
            self.stx(LINK + Row::inode, R1);
        }
    }

    /// `row->... = ns->...`, except the generation.
    fn read_row(&mut self, row: Register, ns: Register, link: Link) {
        self.read(R1, ns, link.owner);
        self.stx(row + Row::owner, R1);
        self.read(R1, ns, link.inode);
        self.stx(row + Row::inode, R1);
        if link.kind == NamespaceType::Pid {
            self.read(R1, ns, member!(pid_namespace.level));
            self.stx(row + Row::level, R1);
            self.read(R1, ns, member!(pid_namespace.parent));
            self.stx(row + Row::parent, R1);
        }
    }

    /// Records these namespaces in the current set, and the unknown ancestors of PID namespaces.
    fn record_links(&mut self, done: Label) {
        let [next, end] = self.labels(["next_link", "destroy_links"]);
        self.mov(R1, 0);
        self.stx(ARRAY + Header::link, R1);
        self.begin_numbers(stack::LINKS, MOST_LINKS);
        self.bind(next);
        self.next_number(stack::LINKS, end);
        self.ldx(R1, ARRAY + Header::link);
        self.jge(R1, LINKS.len() as i32, end);
        self.record_link(next);
        self.bind(end);
        self.end_numbers(stack::LINKS);
        self.ja(done);
    }

    /// Records the namespace with the number R1.
    fn record_link(&mut self, next: Label) {
        const ROW: Register = NS;
        const FIELD_AT: Register = LINK;
        let layout = self.context.layout;
        let [unknown, no_parent] = self.labels(["unknown_nonuser", "no_parent"]);
        self.mov(ROW, R1);
        self.mul(ROW, Row::SIZE as i32);
        self.add(ROW, ARRAY);
        self.add(ROW, layout.links().start as i32);
        self.add(R1, 1);
        self.stx(ARRAY + Header::link, R1);
        self.ldx(R1, ROW + Row::inode);
        self.jeq(R1, 0, next);
        self.ldx(FIELD_AT, ROW + Row::field);
        self.jge(FIELD_AT, layout.links().start as i32, next);
        self.add(FIELD_AT, ARRAY);
        self.ldx(GENERATION, ROW + Row::generation);
        self.find_slot_of_nonuser();
        self.ldx(R2, SLOT + Slot::generation);
        self.jne(R2, GENERATION, unknown);
        self.ldx(INDEX, SLOT + Slot::index);
        self.stx(FIELD_AT + FIELD, INDEX);
        self.ja(next);
        self.bind(unknown);
        self.append(Header::nonuser_count, layout.nonusers().start, Nonuser::SIZE, layout.nonusers, next);
        self.stx(FIELD_AT + FIELD, INDEX);
        self.stx(SLOT + Slot::index, INDEX);
        self.stx(SLOT + Slot::generation, GENERATION);
        self.stx(RECORD + Nonuser::generation, GENERATION);
        for (from, to) in [(Row::inode, Nonuser::inode), (Row::flag, Nonuser::flag)] {
            self.ldx(R1, ROW + from);
            self.stx(RECORD + to, R1);
        }
        self.lea(LINK, RECORD + Nonuser::owner);
        self.stx(FP + stack::LINK, LINK);
        self.ldx(R1, ROW + Row::owner);
        self.stx(FP + stack::OWNER, R1);
        self.read_parent(ROW, no_parent);
        self.bind(no_parent);
        self.ldx(R1, FP + stack::OWNER);
        self.jeq(R1, 0, next);
        self.cast(NS, R1, btf_type!(user_namespace));
        self.ldx(LINK, FP + stack::LINK);
        self.record_namespaces(next);
    }

    /// Replaces the PID namespace in a row by its parent, which is then recorded next, for the record INDEX. Goes to `none` if
    /// there is no parent in the caller's PID namespace.
    fn read_parent(&mut self, row: Register, none: Label) {
        const PARENT: Register = GENERATION;
        self.ldx(R1, row + Row::flag);
        self.jne(R1, NamespaceType::Pid.clone_flag(), none);
        self.ldx(R1, row + Row::level);
        self.jlt(R1, self.context.level as i32 + 1, none);
        let layout = self.context.layout;
        self.find_field(SLOT, layout.nonusers().start, Nonuser::SIZE, Nonuser::parent);
        self.stx(row + Row::field, SLOT);
        self.ldx(R1, row + Row::parent);
        self.cast(PARENT, R1, btf_type!(pid_namespace));
        self.read_nonuser_generation(R1, PARENT, PID_LINK);
        self.stx(row + Row::generation, R1);
        self.read_row(row, PARENT, PID_LINK);
        self.ldx(R1, ARRAY + Header::link);
        self.add(R1, -1);
        self.stx(ARRAY + Header::link, R1);
    }

    /// `to = ` the generation of a nonuser namespace, as in namespaces.rs. Destroys R0.
    fn read_nonuser_generation(&mut self, to: Register, ns: Register, link: Link) {
        if self.kernel().has(link.id) {
            return self.read(to, ns, link.id);
        }
        self.mov(to, link.kind.clone_flag());
        self.lsh(to, 32);
        self.read(R0, ns, link.inode);
        self.or(to, R0);
    }
}

const _: () = assert!(UPID_SIZE.is_power_of_two());
const _: () = assert!(LINKS.len() == layout::LINKS as usize);
