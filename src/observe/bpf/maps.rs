//! Records of the id maps of a user namespace, and of whether setgroups(2) is denied there: user_namespaces(7).
//!
//! The kernel writes each map once: map_write() of kernel/user_namespace.c puts the extents, or the pointer to them, in place
//! before their number. So this reads the number first, as map_id_range_down() does. If it is 0 the map is not written yet;
//! else the extents are complete, and they stay until the namespace ends. It cannot end while the program looks at it: the RCU
//! read lock keeps the credentials of the process that lead there, these keep their namespace, and that keeps its ancestors.
//!
//! ```c
//! void record_maps() {
//!     record->maps.flags = ns->flags;                         // the field that tables.rs copies
//!     record->maps.first = array->extent_count;
//!     for (map in ns->uid_map, ns->gid_map, ns->projid_map) { // unrolled
//!         count = map->nr_extents;
//!         smp_rmb();
//!         record->maps.uids = count;                          // and so on
//!         if (count > 340)
//!             continue;                                       // the reader does not believe it
//!         first = array->extent_count;
//!         array->extent_count += count;
//!         if (first >= EXTENTS)
//!             continue;                                       // the array is full
//!         bpf_probe_read_kernel(&array->extents[first], count * sizeof(struct uid_gid_extent),
//!                               count <= 5 ? map->extent : map->forward);
//!     }
//! }
//! ```

use super::assembler::{FP, Location, R0, R1, R2, R3, R4, R5, R8, Register};
use super::layout::MOST_EXTENTS;
use super::map_tables::{Extent, Maps};
use super::program::{BPF_PROBE_READ_KERNEL, Builder};
use super::registers::{ARRAY, NS, RECORD, stack};
use super::schema::{Step, member};
use super::tables::{Header, Namespace};

/// `UID_GID_MAP_MAX_BASE_EXTENTS` of the kernel: so many are in the map itself.
const MOST_INSIDE: i32 = 5;

/// A map in the kernel, and the field for the number of its extents.
struct Map {
    count: &'static [Step; 1],
    inside: &'static [Step; 1],
    forward: &'static [Step; 1],
    field: Location,
}

const MAPS: [Map; 3] = [
    Map {
        count: member!(user_namespace.uid_map.nr_extents),
        inside: member!(user_namespace.uid_map.extent),
        forward: member!(user_namespace.uid_map.forward),
        field: Maps::uids,
    },
    Map {
        count: member!(user_namespace.gid_map.nr_extents),
        inside: member!(user_namespace.gid_map.extent),
        forward: member!(user_namespace.gid_map.forward),
        field: Maps::gids,
    },
    Map {
        count: member!(user_namespace.projid_map.nr_extents),
        inside: member!(user_namespace.projid_map.extent),
        forward: member!(user_namespace.projid_map.forward),
        field: Maps::projids,
    },
];

impl Builder<'_> {
    /// Records the maps of NS behind its record RECORD. Keeps ARRAY, TASK, NS and RECORD, and destroys other registers.
    pub fn record_maps(&mut self) {
        const COUNT: Register = R8;
        const BEHIND: i16 = Namespace::SIZE as i16;
        let layout = self.context.layout;
        self.copy_fields(Maps::COPIED, NS, BEHIND);
        self.ldx(R1, ARRAY + Header::extent_count);
        self.stx(RECORD + Maps::first.shifted(BEHIND), R1);
        self.stx(FP + stack::RECORD, RECORD);
        for map in MAPS {
            let [copy, done] = self.labels(["copy_extents", "recorded_map"]);
            self.read(COUNT, NS, map.count);
            self.mov(R1, 0);
            self.fetch_add(ARRAY + Header::scratch, R1);
            self.ldx(RECORD, FP + stack::RECORD);
            self.stx(RECORD + map.field.shifted(BEHIND), COUNT);
            self.jge(COUNT, MOST_EXTENTS as i32 + 1, done);
            self.ldx(R1, ARRAY + Header::extent_count);
            self.mov(R2, R1);
            self.add(R2, COUNT);
            self.stx(ARRAY + Header::extent_count, R2);
            self.jge(R1, layout.extents as i32, done);
            self.mul(R1, Extent::SIZE as i32);
            self.add(R1, ARRAY);
            self.add(R1, layout.extents().start as i32);
            self.mov(R2, COUNT);
            self.mul(R2, Extent::SIZE as i32);
            let inside = self.location(map.inside[0]);
            self.lea(R3, NS + inside);
            self.jlt(COUNT, MOST_INSIDE + 1, copy);
            self.read(R3, NS, map.forward);
            self.bind(copy);
            self.call_helper(BPF_PROBE_READ_KERNEL);
            self.bind(done);
            // Both ways look alike to the verifier from here on.
            for register in [R0, R1, R2, R3, R4, R5, COUNT] {
                self.mov(register, 0);
            }
        }
        self.ldx(RECORD, FP + stack::RECORD);
        self.stx(FP + stack::RECORD, R0);
    }
}
