//! Records of root directories, each in a mount namespace: threads with the same ones see the same mounts.
//!
//! ```c
//! u32 index_of_root() {
//!     mount = container_of(task->fs->root.mnt, struct mount, mnt);
//!     directory = task->fs->root.dentry;
//!     if (!task->fs->root.mnt)                            // it has exited
//!         return 0;
//!     inode = directory->d_inode->i_ino;
//!     device = directory->d_sb->s_dev;
//!     is_top = directory == mount->mnt.mnt_root;          // inode and device do not tell: all subvolumes of a btrfs begin with 256
//!     slot = &array->root_slots[((u64)mount >> 6) + ((u64)directory >> 6) & (SLOTS - 1)];
//!     if (slot->namespace != generation[MNT] || slot->mount != mount->mnt_id || slot->inode != inode || slot->device != device
//!             || slot->is_top != is_top) {
//!         record = append(roots);
//!         slot->... = record->... = ...;
//!     }
//!     return slot->index;
//! }
//! ```

use super::assembler::{FP, Label, Location, R1, R2, R8, R9, Register, Size};
use super::caches::RootSlot;
use super::process_tables::{Root, Thread};
use super::program::Builder;
use super::registers::{ARRAY, INDEX, RECORD, SLOT, TASK, stack};
use super::schema::{btf_type, member};
use super::tables::Header;

/// As the member `root` of a thread, from the member `set`.
const ROOT: Location = Location::new(Thread::root.offset - Thread::set.offset, Size::W, "holder->root");

/// The generation of the mount namespace.
const NAMESPACE: Location = stack::MNT.shifted(stack::GENERATIONS);

const DIRECTORY: Register = R8;
const MOUNT: Register = R9;

/// What identifies a root directory, besides its mount namespace: on the stack, in a slot and in a record.
const FIELDS: [(Location, Location, Location); 4] = [
    (stack::ROOT_INODE, RootSlot::inode, Root::inode),
    (stack::ROOT_DEVICE, RootSlot::device, Root::device),
    (stack::ROOT_MOUNT, RootSlot::mount, Root::mount),
    (stack::ROOT_IS_TOP, RootSlot::is_top, Root::is_top),
];

impl Builder<'_> {
    /// Records the root directory of TASK, for the current record. Falls through, or goes to `next`.
    pub fn record_root(&mut self, next: Label) {
        let layout = self.context.layout;
        let [unknown] = self.labels(["unknown_root"]);
        self.read_root(next);
        self.number_of_address(SLOT, MOUNT);
        self.number_of_address(R2, DIRECTORY);
        self.add(SLOT, R2);
        self.find_slot_of(SLOT, layout.roots, RootSlot::SIZE, layout.root_slots().start);
        let namespace = (NAMESPACE, RootSlot::namespace);
        let keys = FIELDS.map(|(on_stack, in_slot, _)| (on_stack, in_slot));
        for (on_stack, in_slot) in [namespace].into_iter().chain(keys) {
            self.ldx(R1, FP + on_stack);
            self.ldx(R2, SLOT + in_slot);
            self.jne(R1, R2, unknown);
        }
        self.ldx(INDEX, SLOT + RootSlot::index);
        self.store_in_holder(ROOT, next);
        self.ja(next);
        self.bind(unknown);
        self.append(Header::root_count, layout.roots().start, Root::SIZE, layout.roots, next);
        self.stx(SLOT + RootSlot::index, INDEX);
        self.store_in_holder(ROOT, next);
        self.ldx(R1, FP + NAMESPACE);
        self.stx(SLOT + RootSlot::namespace, R1);
        for (on_stack, in_slot, in_record) in FIELDS {
            self.ldx(R1, FP + on_stack);
            self.stx(SLOT + in_slot, R1);
            self.stx(RECORD + in_record, R1);
        }
    }

    /// `MOUNT = ` the mount and `DIRECTORY = ` the directory that are the root of TASK, and their fields on the stack. Goes to
    /// `none` if there are none.
    fn read_root(&mut self, none: Label) {
        let [not_top] = self.labels(["not_top"]);
        self.read(R1, TASK, member!(task_struct.fs));
        self.read(MOUNT, R1, member!(fs_struct.root.mnt));
        self.jeq(MOUNT, 0, none);
        self.read(DIRECTORY, R1, member!(fs_struct.root.dentry));
        self.read(R2, DIRECTORY, member!(dentry.d_inode -> inode.i_ino));
        self.stx(FP + stack::ROOT_INODE, R2);
        self.read(R2, DIRECTORY, member!(dentry.d_sb -> super_block.s_dev));
        self.stx(FP + stack::ROOT_DEVICE, R2);
        self.container_of(MOUNT, member!(mount.mnt));
        self.cast(MOUNT, MOUNT, btf_type!(mount));
        self.read(R2, MOUNT, member!(mount.mnt_id));
        self.stx(FP + stack::ROOT_MOUNT, R2);
        self.read(R2, MOUNT, member!(mount.mnt.mnt_root));
        self.mov(R1, 0);
        self.jne(R2, DIRECTORY, not_top);
        self.mov(R1, 1);
        self.bind(not_top);
        // From memory it is any number to the verifier, which follows the rest once.
        self.stx(ARRAY + Header::scratch, R1);
        self.ldx(R1, ARRAY + Header::scratch);
        self.stx(FP + stack::ROOT_IS_TOP, R1);
    }
}
