//! Records of cgroups of version 2, with their ancestors: cgroups(7).
//!
//! As with user namespaces, a program records a cgroup when it meets it first, and a direct-mapped cache tells whether it has a
//! record. The reader makes paths of the names, see `cgroup_paths.rs`.
//!
//! The RCU read lock keeps the `css_set` of a thread, and all cgroups above it: a cgroup is released a grace period after the
//! last `css_set` or child of it (css_free_rwork_fn() of kernel/cgroup/cgroup.c), and keeps its parent and its name until
//! then. Cgroups of version 2 are not renamed.
//!
//! ```c
//! void record_root_cgroup() {                             // of the caller's cgroup namespace
//!     field = &array->root_cgroup;
//!     record_cgroups(bpf_get_current_task()->nsproxy->cgroup_ns->root_cset->dfl_cgrp);
//! }
//!
//! void record_cgroup() {                                  // of a process
//!     field = &record->cgroup.node;
//!     record_cgroups(task->cgroups->dfl_cgrp);
//! }
//!
//! void record_cgroups(cgroup) {
//!     bpf_for (n, 0, 2048) {
//!         slot = &array->cgroup_slots[cgroup->kn->id & (SLOTS - 1)];
//!         if (slot->generation == cgroup->kn->id) {       // it has a record, and so have its ancestors
//!             *field = slot->index;
//!             break;
//!         }
//!         record = append(cgroups);
//!         *field = slot->index = index;
//!         slot->generation = record->id = cgroup->kn->id;
//!         record->flags = cgroup->self.flags;             // the fields that tables.rs copies
//!         record->level = cgroup->level;
//!         bpf_probe_read_kernel_str(record->name, 256, cgroup->kn->name);
//!         field = &record->parent;
//!         cgroup = cgroup->self.parent->cgroup;
//!         if (!cgroup)
//!             break;
//!     }
//! }
//! ```

use super::assembler::{FP, Label, Location, R0, R1, R2, R3, R9, Register, Size};
use super::caches::Slot;
use super::layout::Layout;
use super::process_tables::{CGROUP_NAME_SIZE, CgroupNode};
use super::program::{BPF_GET_CURRENT_TASK_BTF, BPF_PROBE_READ_KERNEL_STR, Builder};
use super::registers::{ARRAY, GENERATION, INDEX, RECORD, SLOT, TASK, stack};
use super::schema::{btf_type, member};
use super::tables::Header;

/// A path of more cgroups is longer than `PATH_MAX`, the longest that the kernel shows.
const MOST_LEVELS: i32 = 2048;
/// Before Linux 6.4 the verifier follows each round. Procfs tells about cgroups in which this is not enough.
const FEW_LEVELS: i32 = 16;

/// The field that receives the index.
const FIELD: Location = Location::new(0, Size::W, "*field");

const CGROUP: Register = R9;

impl Builder<'_> {
    /// The next cgroup is that of the record INDEX. Destroys R1.
    pub fn keep_cgroup_field(&mut self, records: usize, size: usize, field: Location) {
        self.find_field(R1, records, size, field);
        self.stx(ARRAY + Header::cgroup_field, R1);
    }

    /// Records the root of the caller's cgroup namespace. Keeps ARRAY and TASK.
    pub fn record_root_cgroup(&mut self) {
        let [done] = self.labels(["recorded_root"]);
        self.mov(R1, i32::from(Header::root_cgroup.offset));
        self.stx(ARRAY + Header::cgroup_field, R1);
        self.call_helper(BPF_GET_CURRENT_TASK_BTF);
        self.cast_untrusted(CGROUP, R0, btf_type!(task_struct));
        self.read(CGROUP, CGROUP, member!(task_struct.nsproxy -> nsproxy.cgroup_ns));
        self.read(CGROUP, CGROUP, member!(cgroup_namespace.root_cset -> css_set.dfl_cgrp));
        self.record_cgroups(done);
        self.bind(done);
    }

    /// Records the user namespaces of a process, and the cgroup of TASK if it is wanted, and goes to `next`. Keeps ARRAY and
    /// TASK.
    pub fn record_namespaces_and_cgroup(&mut self, next: Label) {
        if self.context.layout.cgroups == 0 {
            return self.record_namespaces(next);
        }
        let [cgroup] = self.labels(["cgroup"]);
        self.record_namespaces(cgroup);
        self.bind(cgroup);
        self.read(CGROUP, TASK, member!(task_struct.cgroups -> css_set.dfl_cgrp));
        self.record_cgroups(next);
    }

    /// Records CGROUP and its unknown ancestors, and goes to `next`.
    fn record_cgroups(&mut self, next: Label) {
        let [upwards, unknown, end] = self.labels(["upwards_cgroups", "unknown_cgroup", "end_cgroups"]);
        // Most have a record.
        self.find_slot_of_cgroup(unknown);
        self.link_to_cgroup(next);
        self.bind(unknown);
        if self.kernel().has_number_iterator() {
            self.begin_numbers(stack::NUMBERS, MOST_LEVELS);
            self.bind(upwards);
            self.forget(&[GENERATION], &[]);
            self.next_number(stack::NUMBERS, end);
            self.record_one_cgroup(end);
            self.ja(upwards);
            self.bind(end);
            self.end_numbers(stack::NUMBERS);
        } else {
            self.mov(R1, 0);
            self.bind(upwards);
            self.stx(FP + stack::ROUND, R1);
            self.record_one_cgroup(end);
            self.ldx(R1, FP + stack::ROUND);
            self.add(R1, 1);
            self.jlt(R1, FEW_LEVELS, upwards);
            self.bind(end);
            self.mov(R0, 0);
            self.stx(FP + stack::ROUND, R0);
        }
        self.forget(&[GENERATION, CGROUP], &[]);
        self.ja(next);
    }

    /// Records CGROUP, and sets CGROUP and the field for its parent. Goes to `end` if there is none, if CGROUP has a record, or
    /// if the array is full.
    fn record_one_cgroup(&mut self, end: Label) {
        let layout = self.context.layout;
        let [unknown] = self.labels(["unknown_ancestor_cgroup"]);
        self.find_slot_of_cgroup(unknown);
        self.link_to_cgroup(end);
        self.bind(unknown);
        self.append(Header::cgroup_count, layout.cgroups().start, Layout::CGROUP_SIZE, layout.cgroups, end);
        self.stx(SLOT + Slot::index, INDEX);
        self.stx(SLOT + Slot::generation, GENERATION);
        self.stx(RECORD + CgroupNode::id, GENERATION);
        self.store_in_cgroup_field(end);
        self.keep_cgroup_field(layout.cgroups().start, Layout::CGROUP_SIZE, CgroupNode::parent);
        self.copy_fields(CgroupNode::COPIED, CGROUP, 0);
        self.mov(R1, RECORD);
        self.add(R1, CgroupNode::SIZE as i32); // the name
        self.mov(R2, CGROUP_NAME_SIZE as i32);
        self.read(R3, CGROUP, member!(cgroup.kn -> kernfs_node.name));
        self.call_helper(BPF_PROBE_READ_KERNEL_STR);
        self.read(CGROUP, CGROUP, member!(cgroup.self.parent -> cgroup_subsys_state.cgroup));
        self.jeq(CGROUP, 0, end);
    }

    /// `GENERATION = ` the id of CGROUP, `SLOT = ` its slot. Goes to `otherwise` if another cgroup is in the slot.
    fn find_slot_of_cgroup(&mut self, otherwise: Label) {
        let layout = self.context.layout;
        self.read(GENERATION, CGROUP, member!(cgroup.kn -> kernfs_node.id));
        self.mov(SLOT, GENERATION);
        self.find_slot_of(SLOT, layout.cgroups, Slot::SIZE, layout.cgroup_slots().start);
        self.ldx(R2, SLOT + Slot::generation);
        self.jne(R2, GENERATION, otherwise);
    }

    /// `*field = slot->index; goto next;`
    fn link_to_cgroup(&mut self, next: Label) {
        self.ldx(INDEX, SLOT + Slot::index);
        self.store_in_cgroup_field(next);
        self.ja(next);
    }

    /// `*field = index`
    fn store_in_cgroup_field(&mut self, next: Label) {
        self.ldx(R1, ARRAY + Header::cgroup_field);
        self.jge(R1, self.context.layout.size() as i32 - size_of::<u32>() as i32, next);
        self.add(R1, ARRAY);
        self.stx(R1 + FIELD, INDEX);
    }
}
