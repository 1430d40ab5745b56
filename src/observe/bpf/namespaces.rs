//! Records of namespaces of any type, with the user namespaces that own them.
//!
//! ```c
//! void record_any_namespace(reason, common) {
//!     record_descriptor(reason);                          // candidates.rs
//!     if (!common)
//!         return;
//!     link = &descriptor->user;
//!     type = common->ns_type;                             // before 6.18: common->ops->type
//!     if (type == CLONE_NEWUSER)
//!         record_namespaces(container_of(common, struct user_namespace, ns));     // chain.rs
//!     else
//!         descriptor->nonuser = record_nonuser(common);
//! }
//!
//! u32 record_nonuser(common) {
//!     generation = common->ns_id;                         // before 6.18: (u64)type << 32 | common->inum
//!     slot = &array->nonuser_slots[generation & (SLOTS - 1)];
//!     if (slot->generation == generation)                 // it has a record, and so have its owner and parent
//!         return slot->index;
//!     parent = NULL;
//!     switch (type) {
//!     case CLONE_NEWPID:
//!         ns = container_of(common, struct pid_namespace, ns);
//!         if (ns->level > LEVEL)                          // it may be below the caller's own
//!             parent = &ns->parent->ns;
//!         owner = ns->user_ns;
//!         break;
//!     case CLONE_NEWNET:
//!         owner = container_of(common, struct net, ns)->user_ns;
//!         break;
//!     ...
//!     default:                                            // a later type: the reader asks procfs
//!         return 0;
//!     }
//!     record = append(nonusers);
//!     slot->index = index;
//!     slot->generation = record->generation = generation;
//!     record->inode = common->inum;
//!     record->flag = type;
//!     link = &record->owner;
//!     record_namespaces(owner);
//!     if (parent)
//!         record->parent = record_nonuser(parent);        // as a loop over an iterator of numbers
//!     return index;
//! }
//! ```
//!
//! The slot is taken before the parents are recorded. So that nothing is missing if the array is full, the reader then has
//! the program run again.

use super::assembler::{FP, Label, Location, R0, R1, R2, Register, Size};
use super::caches::Slot;
use super::file_tables::Descriptor;
use super::program::Builder;
use super::registers::{DESCRIPTOR, GENERATION, INDEX, LINK, NS, REASON, RECORD, SLOT, stack};
use super::schema::{Step, btf_type, member};
use super::tables::{Header, Nonuser};
use crate::facts::NamespaceType;

/// A type of nonuser namespace: the position of its struct in the tables, and the members that are read.
struct Kind {
    namespace_type: NamespaceType,
    btf_type: usize,
    ns: &'static [Step; 1],
    user_ns: &'static [Step; 1],
}

macro_rules! nonusers {
    ($($namespace_type:ident: $of:ident,)+) => {
        const NONUSERS: &[Kind] = &[$(Kind {
            namespace_type: NamespaceType::$namespace_type,
            btf_type: btf_type!($of),
            ns: member!($of.ns),
            user_ns: member!($of.user_ns),
        }),+];
    };
}

nonusers! {
    Cgroup: cgroup_namespace,
    Ipc: ipc_namespace,
    Mnt: mnt_namespace,
    Net: net,
    Pid: pid_namespace,
    Time: time_namespace,
    Uts: uts_namespace,
}

/// The field that receives the index of a nonuser namespace.
const LINKED: Location = Location::new(0, Size::W, "*nonuser_link");

impl Builder<'_> {
    /// Records the descriptor for REASON, and the namespace of the `struct ns_common *` in NS, or none. Goes to `done`, or to
    /// `next` if the process has no number in the caller's PID namespace, or the array is full.
    pub fn record_any_namespace(&mut self, done: Label, next: Label) {
        let [nonuser] = self.labels(["nonuser"]);
        self.stx(FP + stack::TARGET, NS);
        self.record_descriptor(REASON, next);
        self.ldx(R1, FP + stack::TARGET);
        self.jeq(R1, 0, done);
        self.lea(LINK, DESCRIPTOR + Descriptor::nonuser);
        self.stx(FP + stack::NONUSER_LINK, LINK);
        self.lea(LINK, DESCRIPTOR + Descriptor::user);
        self.ldx(R1, FP + stack::TARGET);
        self.read_type(R2, R1);
        self.jne(R2, NamespaceType::User.clone_flag(), nonuser);
        self.container_of(R1, member!(user_namespace.ns));
        self.stx(FP + stack::LINK, LINK);
        self.cast_untrusted(NS, R1, btf_type!(user_namespace));
        self.ldx(LINK, FP + stack::LINK);
        self.record_namespaces_by_iterator(done);
        self.bind(nonuser);
        self.record_nonusers(done);
    }

    /// Records the nonuser namespace of TARGET, with its owner, and the unknown ancestors of a PID namespace. The loop is like
    /// that of chain.rs.
    fn record_nonusers(&mut self, done: Label) {
        let [first, unknown] = self.labels(["unknown_nonuser", "next_unknown_nonuser"]);
        let [upwards, recorded, end] = self.labels(["next_nonuser", "recorded", "destroy_nonusers"]);
        self.find_nonuser_slot(first);
        self.link_to_nonuser(done);
        self.bind(first);
        self.begin_numbers(stack::NONUSER_NUMBERS, self.context.ancestors.count());
        self.bind(upwards);
        self.forget(&[GENERATION, NS], &[stack::LINK, stack::PARENT]);
        self.next_number(stack::NONUSER_NUMBERS, end);
        self.find_nonuser_slot(unknown);
        self.link_to_nonuser(end);
        self.bind(unknown);
        self.find_owner(end);
        self.record_nonuser(end);
        self.record_namespaces_by_iterator(recorded);
        self.bind(recorded);
        self.ldx(R1, FP + stack::PARENT);
        self.jeq(R1, 0, end);
        self.stx(FP + stack::TARGET, R1);
        self.ja(upwards);
        self.bind(end);
        self.end_numbers(stack::NONUSER_NUMBERS);
        self.ja(done);
    }

    /// `NS = TARGET; GENERATION = ` that of it, `SLOT = ` its slot. Goes to `otherwise` if another namespace is in the slot.
    fn find_nonuser_slot(&mut self, otherwise: Label) {
        self.ldx(NS, FP + stack::TARGET);
        self.read_common_generation(GENERATION, NS);
        self.find_slot_of_nonuser();
        self.ldx(R2, SLOT + Slot::generation);
        self.jne(R2, GENERATION, otherwise);
    }

    /// `SLOT = ` that of GENERATION.
    pub fn find_slot_of_nonuser(&mut self) {
        let layout = self.context.layout;
        self.mov(SLOT, GENERATION);
        self.find_slot_of(SLOT, layout.nonusers, Slot::SIZE, layout.nonuser_slots().start);
    }

    fn link_to_nonuser(&mut self, next: Label) {
        self.ldx(INDEX, SLOT + Slot::index);
        self.ldx(LINK, FP + stack::NONUSER_LINK);
        self.stx(LINK + LINKED, INDEX);
        self.ja(next);
    }

    /// `NS = ` the user namespace that owns the one in NS, and keeps the parent of a PID namespace. Goes to `otherwise` if
    /// the type is unknown.
    fn find_owner(&mut self, otherwise: Label) {
        let [owner] = self.labels(["owner"]);
        self.mov(R1, 0);
        self.stx(FP + stack::PARENT, R1);
        for nonuser in NONUSERS {
            if !self.kernel().has(nonuser.ns) {
                continue; // a kernel without namespaces of this type
            }
            let [other] = self.labels(["other_type"]);
            self.read_type(R1, NS);
            self.jne(R1, nonuser.namespace_type.clone_flag(), other);
            self.container_of(NS, nonuser.ns);
            self.cast_untrusted(NS, NS, nonuser.btf_type);
            if nonuser.namespace_type == NamespaceType::Pid {
                self.find_parent();
            }
            self.read(NS, NS, nonuser.user_ns);
            self.ja(owner);
            self.bind(other);
        }
        self.ja(otherwise);
        self.bind(owner);
        self.forget(&[], &[]);
    }

    /// Keeps the `struct ns_common` of the parent of the PID namespace in NS, if it may be below the caller's own.
    fn find_parent(&mut self) {
        let [none] = self.labels(["no_parent"]);
        let ns = self.location(member!(pid_namespace.ns)[0]);
        self.read(R1, NS, member!(pid_namespace.level));
        self.jlt(R1, self.context.level as i32 + 1, none);
        self.read(R1, NS, member!(pid_namespace.parent));
        self.jeq(R1, 0, none);
        self.add_location(R1, ns);
        self.cast_untrusted(R1, R1, btf_type!(ns_common));
        self.stx(FP + stack::PARENT, R1);
        self.bind(none);
    }

    /// Appends a record for the namespace of TARGET and GENERATION, and leaves LINK for its owner. Goes to `otherwise` if the array
    /// is full.
    fn record_nonuser(&mut self, otherwise: Label) {
        let layout = self.context.layout;
        self.append(Header::nonuser_count, layout.nonusers().start, Nonuser::SIZE, layout.nonusers, otherwise);
        self.ldx(LINK, FP + stack::NONUSER_LINK);
        self.stx(LINK + LINKED, INDEX);
        self.find_slot_of_nonuser(); // once more, after the calls
        self.stx(SLOT + Slot::index, INDEX);
        self.stx(SLOT + Slot::generation, GENERATION);
        self.stx(RECORD + Nonuser::generation, GENERATION);
        self.ldx(R1, FP + stack::TARGET);
        self.read(R2, R1, member!(ns_common.inum));
        self.stx(RECORD + Nonuser::inode, R2);
        self.read_type(R2, R1);
        self.stx(RECORD + Nonuser::flag, R2);
        self.lea(LINK, RECORD + Nonuser::parent);
        self.stx(FP + stack::NONUSER_LINK, LINK);
        self.lea(LINK, RECORD + Nonuser::owner);
    }

    /// `to = ` the type of a `struct ns_common *`.
    fn read_type(&mut self, to: Register, common: Register) {
        if self.kernel().has(member!(ns_common.ns_type)) {
            self.read(to, common, member!(ns_common.ns_type));
        } else {
            self.read(to, common, member!(ns_common.ops -> proc_ns_operations.type));
        }
    }

    /// `to = ` the generation of a nonuser namespace. Destroys R0.
    fn read_common_generation(&mut self, to: Register, common: Register) {
        if self.kernel().has(member!(ns_common.ns_id)) {
            return self.read(to, common, member!(ns_common.ns_id));
        }
        self.read_type(to, common);
        self.lsh(to, 32);
        self.read(R0, common, member!(ns_common.inum));
        self.or(to, R0);
    }
}
