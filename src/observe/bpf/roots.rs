//! Records of root directories, each in a mount namespace: threads with the same ones see the same mounts.
//!
//! ```c
//! void record_root() {
//!     mount = task->fs->root.mnt;
//!     directory = task->fs->root.dentry;
//!     if (!mount)                                         // it has exited
//!         return;
//!     slot = &array->root_slots[((u64)mount >> 6) + ((u64)directory >> 6) & (SLOTS - 1)];
//!     if (slot->namespace != ns[MNT] || slot->mount != mount || slot->directory != directory) {
//!         record = append(roots);
//!         slot->... = ...;
//!         record->inode = directory->d_inode->i_ino;
//!         record->device = directory->d_sb->s_dev;
//!         record->is_top = directory == mount->mnt_root;
//!         record->mount = container_of(mount, struct mount, mnt)->mnt_id;
//!     }
//!     holder->root = slot->index;
//! }
//! ```

use super::assembler::{FP, Label, Location, R0, R1, R2, R5, R8, R9, Register, Size};
use super::caches::RootSlot;
use super::program::Builder;
use super::registers::{INDEX, RECORD, SLOT, TASK, stack};
use super::schema::{btf_type, member};
use super::tables::{Header, Root, Thread};

/// As the member `root` of a thread, from the member `set`.
const ROOT: Location = Location::new(Thread::root.offset - Thread::set.offset, Size::W, "holder->root");

const DIRECTORY: Register = R8;
const MOUNT: Register = R9;
/// The mount namespace.
const NAMESPACE: Register = R5;

impl Builder<'_> {
    /// Records the root directory of TASK, for the current record. Falls through, or goes to `next`.
    pub fn record_root(&mut self, next: Label) {
        let layout = self.context.layout;
        let [unknown, not_top] = self.labels(["unknown_root", "not_top"]);
        self.read(R1, TASK, member!(task_struct.fs));
        self.read(MOUNT, R1, member!(fs_struct.root.mnt));
        self.jeq(MOUNT, 0, next);
        self.read(DIRECTORY, R1, member!(fs_struct.root.dentry));
        self.number_of_address(SLOT, MOUNT);
        self.number_of_address(R2, DIRECTORY);
        self.add(SLOT, R2);
        self.find_slot_of(SLOT, layout.roots, RootSlot::SIZE, layout.root_slots().start);
        self.ldx(NAMESPACE, FP + stack::MNT);
        for (key, field) in
            [(NAMESPACE, RootSlot::namespace), (MOUNT, RootSlot::mount), (DIRECTORY, RootSlot::directory)]
        {
            self.ldx(R2, SLOT + field);
            self.jne(R2, key, unknown);
        }
        self.ldx(INDEX, SLOT + RootSlot::index);
        self.store_in_holder(ROOT, next);
        self.ja(next);
        self.bind(unknown);
        self.append(Header::root_count, layout.roots().start, Root::SIZE, layout.roots, next);
        self.stx(SLOT + RootSlot::index, INDEX);
        self.stx(SLOT + RootSlot::namespace, NAMESPACE);
        self.stx(SLOT + RootSlot::mount, MOUNT);
        self.stx(SLOT + RootSlot::directory, DIRECTORY);
        self.store_in_holder(ROOT, next);
        self.read(R2, DIRECTORY, member!(dentry.d_inode -> inode.i_ino));
        self.stx(RECORD + Root::inode, R2);
        self.read(R2, DIRECTORY, member!(dentry.d_sb -> super_block.s_dev));
        self.stx(RECORD + Root::device, R2);
        self.read(R2, MOUNT, member!(vfsmount.mnt_root));
        self.jne(R2, DIRECTORY, not_top);
        self.mov(R0, 1);
        self.stx(RECORD + Root::is_top, R0);
        self.bind(not_top);
        self.stx(FP + stack::RECORD, RECORD);
        self.container_of(MOUNT, member!(mount.mnt));
        self.cast(MOUNT, MOUNT, btf_type!(mount));
        self.read(R2, MOUNT, member!(mount.mnt_id));
        self.ldx(RECORD, FP + stack::RECORD);
        self.stx(RECORD + Root::mount, R2);
    }
}
