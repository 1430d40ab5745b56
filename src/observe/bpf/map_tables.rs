//! The records of id maps, as `tables.rs` has those of user namespaces.

use super::assembler::{Location, Size};
use super::schema::{Copied, member, record};

record! {
    /// What follows a user namespace, if it is wanted. A copied field starts at the `user_namespace`.
    pub struct Maps {
        flags: u64 = user_namespace.flags,
        /// The number of records before the first extent of the UIDs.
        first: u32,
        /// The number of extents of each kind, one kind behind the other.
        uids: u32,
        gids: u32,
        projids: u32,
    }
}

record! {
    /// An extent: `struct uid_gid_extent` of the kernel.
    pub struct Extent {
        first: u32,
        /// The number in the initial user namespace.
        lower_first: u32,
        count: u32,
    }
}
