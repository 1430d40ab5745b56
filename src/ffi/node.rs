use super::nonuser::userns_nonuser;
use super::pin::userns_pin;
use super::snapshot::userns_snapshot;
use super::{Handle, array, bits, write_if_some};
use crate::snapshot::Node;
use std::ptr;

/// userns_flags(): this is the initial user namespace, which has no parent.
pub const USERNS_NODE_INITIAL: u32 = 0x1;
/// userns_flags(): the namespace has a parent that is not visible to the caller. It is a
/// root of the snapshot.
pub const USERNS_NODE_PARENT_HIDDEN: u32 = 0x2;
/// userns_flags(): the scan saw no process in the namespace.
pub const USERNS_NODE_EMPTY: u32 = 0x4;
/// userns_flags(): the namespace is known only through pins: the scan saw no process in it
/// or in a descendant, but it or a descendant has a pin, see userns_pins().
pub const USERNS_NODE_ONLY_PINNED: u32 = 0x8;

/// A user namespace in a snapshot. A snapshot has one pointer for each, so pointers can be
/// compared.
pub struct userns_node(pub(super) Handle);

impl userns_node {
    fn snapshot(&self) -> &userns_snapshot {
        self.0.snapshot()
    }

    pub(super) fn node(&self) -> Node<'_> {
        self.snapshot().tree().node(self.0.index)
    }
}

/// == Nodes ==
///
/// Get the inode number of a user namespace, as stat(2) of /proc/PID/ns/user returns it. It
/// is unique among all existing namespaces. The kernel reuses it once the namespace has
/// ended.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_inode(node: *const userns_node) -> u64 {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(0, |node| node.node().inode())
}

/// Get the device number of a user namespace, as stat(2) of /proc/PID/ns/user returns it. It
/// is that of nsfs, the same for all namespaces.
///
/// Returns 0 if the scan could open no namespace.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_device(node: *const userns_node) -> u64 {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(0, |node| node.node().device())
}

/// Get the 64-bit id of a user namespace (NS_GET_ID, Linux 6.18). The kernel never reuses it
/// while the system runs.
///
/// Returns 0 if it is unknown.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_id(node: *const userns_node) -> u64 {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(0, |node| node.node().id().unwrap_or(0))
}

/// Get the properties of a node.
///
/// Returns USERNS_NODE_ bits.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_flags(node: *const userns_node) -> u32 {
    // SAFETY: the caller passes NULL or a node.
    let Some(node) = (unsafe { node.as_ref() }).map(|node| node.node()) else { return 0 };
    bits([
        (node.is_initial(), USERNS_NODE_INITIAL),
        (node.is_parent_hidden(), USERNS_NODE_PARENT_HIDDEN),
        (node.is_empty(), USERNS_NODE_EMPTY),
        (node.is_only_pinned(), USERNS_NODE_ONLY_PINNED),
    ])
}

/// Get the depth of a node: the number of its ancestors in the snapshot, 0 for a root. The
/// kernel allows 33 levels below the initial user namespace.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_depth(node: *const userns_node) -> u32 {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(0, |node| node.node().depth())
}

/// Get the owner of a user namespace: the effective UID of its creator (NS_GET_OWNER_UID,
/// see ioctl_ns(2); Linux 4.11), as the caller's user namespace maps it.
///
/// uid: receives the UID; may be NULL.
///
/// Returns false, and leaves *uid unchanged, if the owner is unknown: the kernel did not
/// report it; or the caller is in a nested user namespace that shows the owner as the
/// overflow UID, which stands for all unmapped UIDs.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_owner_uid(node: *const userns_node, uid: *mut libc::uid_t) -> bool {
    // SAFETY: the caller passes NULL or a node.
    let owner = unsafe { node.as_ref() }.and_then(|node| node.node().owner_uid());
    // SAFETY: the caller passes NULL or where to write.
    unsafe { write_if_some(owner, uid) }
}

/// Get the parent of a user namespace: the user namespace in which it was created
/// (NS_GET_PARENT, see ioctl_ns(2)).
///
/// Returns NULL for a root.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_parent(node: *const userns_node) -> *const userns_node {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(ptr::null(), |node| node.snapshot().node_of(node.node().parent()))
}

/// List the children of a user namespace: the user namespaces created in it, in the order of
/// userns_nodes().
///
/// Returns an array of *count nodes.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_children(node: *const userns_node, count: *mut usize) -> *const *const userns_node {
    // SAFETY: the caller passes NULL or a node.
    let children = unsafe { node.as_ref() }.map_or(&[][..], |node| node.snapshot().children_of(node.node()));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(children, count) }
}

/// List the processes in a user namespace, including zombies, without those in descendants.
/// A thread is always in the user namespace of its process.
///
/// Returns an array of *count PIDs, ascending, as the PID namespace of the scanned procfs
/// numbers them.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pids(node: *const userns_node, count: *mut usize) -> *const libc::pid_t {
    // SAFETY: the caller passes NULL or a node.
    let pids = unsafe { node.as_ref() }.map_or(&[][..], |node| node.node().pids());
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(pids, count) }
}

/// Check whether a node is an ancestor of another one: its parent, or the parent of its
/// parent, and so on. A process with capabilities in an ancestor has them in the descendant
/// too, see user_namespaces(7).
///
/// Returns false also if both are the same node, if they are of different snapshots, or if
/// either is NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_is_ancestor(ancestor: *const userns_node, node: *const userns_node) -> bool {
    // SAFETY: the caller passes NULL or nodes.
    let (ancestor, node) = unsafe { (ancestor.as_ref(), node.as_ref()) };
    ancestor.zip(node).is_some_and(|(ancestor, node)| ancestor.node().is_ancestor_of(node.node()))
}

/// List what keeps a user namespace alive besides member processes and child user namespaces
/// (USERNS_SCAN_PINNED). Pins are ordered by kind; within a kind by PID, TID and descriptor
/// number, mounts by path and PID, namespaces as in userns_owned().
///
/// Returns an array of *count pins. With USERNS_SCAN_OWNED alone, it contains only
/// USERNS_PIN_OWNED.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pins(node: *const userns_node, count: *mut usize) -> *const *const userns_pin {
    // SAFETY: the caller passes NULL or a node.
    let pins = unsafe { node.as_ref() }.map_or(&[][..], |node| node.snapshot().pins(node.node().pin_range()));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(pins, count) }
}

/// List the nonuser namespaces that a user namespace owns (USERNS_SCAN_OWNED or
/// USERNS_SCAN_PINNED), ordered by the name of the type and by inode number, see
/// namespaces(7).
///
/// Returns an array of *count nonuser namespaces. Without USERNS_SCAN_PINNED, namespaces
/// without processes are missing.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_owned(node: *const userns_node, count: *mut usize) -> *const *const userns_nonuser {
    // SAFETY: the caller passes NULL or a node.
    let owned = unsafe { node.as_ref() }.map_or(&[][..], |node| node.snapshot().nonusers(node.node().owned_range()));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(owned, count) }
}
