use super::node::userns_node;
use super::{array, write_if_some};
use crate::snapshot::Charge;
use std::mem::offset_of;

/// How many user namespaces the kernel charges to a user, see userns_charges().
///
/// Since 0.1.
#[repr(C)]
pub struct userns_charge {
    /// The user, as the caller's user namespace maps it; UINT32_MAX for all users whose UID is
    /// unknown together.
    pub uid: libc::uid_t,
    /// The number of user namespaces.
    pub count: u32,
}

// The same as in Rust, so that an array of these is also an array of those.
const _: () = assert!(size_of::<userns_charge>() == size_of::<Charge>());
const _: () = assert!(offset_of!(userns_charge, uid) == offset_of!(Charge, uid));
const _: () = assert!(offset_of!(userns_charge, count) == offset_of!(Charge, count));

/// == Limits ==
///
/// List how many user namespaces the kernel charges to each user in this one: those that count for
/// max_user_namespaces, see namespaces(7). Each user namespace below the node is charged there: its
/// children to their owners, and each other one to the owner of the child of the node that is its
/// ancestor. User namespaces above the node have limits of their own.
///
/// With USERNS_SCAN_BPF and USERNS_SCAN_PINNED (from Linux 6.4 on) a count is the kernel's own
/// number. It counts each user namespace until the kernel has freed it. Two kinds of counts are as
/// without BPF: of a user of whom BPF has seen no child of the node, and of users whose UID is
/// unknown. A user who only has children that no scan finds is missing.
///
/// Other counts are those of the namespaces in the snapshot. The kernel can charge more: namespaces
/// without processes, which only USERNS_SCAN_PINNED finds; those that gaps count (userns_gaps()):
/// USERNS_GAP_UNREADABLE, _HIDEPID, _PIDNS, _LINKS, _DESCRIPTORS, _SOCKETS, _MOUNTS,
/// _MOUNT_NAMESPACES, _CHROOTED and _UNOPENED_MOUNTS; those whose parent is unknown
/// (USERNS_GAP_RELATIONS, _UNOPENED_MOUNTS), which are charged to nobody here; and those that only
/// the kernel knows, for example through the credentials of an open file, of which USERNS_SCAN_BPF
/// with USERNS_SCAN_PINNED tells some.
///
/// Returns an array of *count charges, ascending by UID; valid as long as the snapshot.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_charges(node: *const userns_node, count: *mut usize) -> *const userns_charge {
    // SAFETY: the caller passes NULL or a node.
    let charges = unsafe { node.as_ref() }.map_or(&[][..], |node| node.node().charges());
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(charges, count) }.cast()
}

/// Get the limit of user namespaces for each user in this one (USERNS_SCAN_PINNED): the value of
/// /proc/sys/user/max_user_namespaces, see namespaces(7). Compare it with userns_charges(). The
/// file shows only that of the caller's own user namespace; USERNS_SCAN_BPF tells that of others,
/// too (from Linux 6.4 on).
///
/// limit: receives the limit; may be NULL.
///
/// Returns false, and leaves *limit unchanged, if it is unknown: the scan did not look for
/// namespaces without processes; or BPF did not tell it, and the node is not userns_self(), or
/// neither the scanned procfs nor the one at /proc shows the file.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_limit(node: *const userns_node, limit: *mut u64) -> bool {
    // SAFETY: the caller passes NULL or a node.
    let known = unsafe { node.as_ref() }.and_then(|node| node.node().limit());
    // SAFETY: the caller passes NULL or where to write.
    unsafe { write_if_some(known, limit) }
}
