//! Which views of mounts were read, by what BPF tells of root directories.
//!
//! BPF and statx(2) tell the same id of a mount. If the directory is the root of its mount, the mount tells which one it is.
//! Else device and inode number have to be the same too, which they are not on some file systems, such as overlayfs: then
//! the view is not found here, and the process is visited.

use crate::observe::told;
use crate::sys::file::{Place, Status};
use crate::util::hash::IntMap;
use std::collections::TryReserveError;

/// The views, by mount namespace and root directory.
#[derive(Default)]
pub struct Roots(IntMap<(u64, Place), u32>);

impl Roots {
    /// Adds a view with this root directory.
    pub fn add(&mut self, mount_namespace: u64, root: &Status, view: u32) -> Result<(), TryReserveError> {
        self.0.try_reserve(1)?;
        // Without a mount id there is none to compare with.
        if root.mount != 0 {
            self.0.insert((mount_namespace, told::root(root.place(), root.is_mount_root)), view);
        }
        Ok(())
    }

    /// The view with this root directory.
    pub fn find(&self, mount_namespace: u64, root: Place) -> Option<u32> {
        self.0.get(&(mount_namespace, root)).copied()
    }
}
