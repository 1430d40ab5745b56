use super::pin::{userns_namespace, userns_pin};
use super::snapshot::userns_snapshot;
use super::{Handle, array};
use crate::tree::Node;
use std::ffi::c_char;
use std::ptr;

/// userns_flags(): this is the initial user namespace, the one that has no parent.
pub const USERNS_NODE_INITIAL: u32 = 1;
/// userns_flags(): the namespace has a parent that the scan could not see. It is a root of
/// the snapshot.
pub const USERNS_NODE_PARENT_HIDDEN: u32 = 2;

/// userns_flags(): the scan saw no process in the namespace.
pub const USERNS_NODE_EMPTY: u32 = 4;
/// userns_flags(): the scan knows the namespace only through pins, see userns_pins(): it
/// saw no process in it or in a descendant.
pub const USERNS_NODE_PINNED: u32 = 8;

/// One user namespace of a snapshot. There is one node for each, so pointers can be
/// compared.
pub struct userns_node(pub(super) Handle);

impl userns_node {
    fn snapshot(&self) -> &userns_snapshot {
        self.0.snapshot()
    }

    fn node(&self) -> Node<'_> {
        self.snapshot().tree().node(self.0.index)
    }
}

/// == Questions to a node ==
///
/// The inode number, as stat(2) of /proc/PID/ns/user gives it. At any one time it is unique
/// among all namespaces.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_inode(node: *const userns_node) -> u64 {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(0, |node| node.node().inode())
}

/// The device number, as stat(2) of /proc/PID/ns/user gives it: that of nsfs, the same for
/// all namespaces.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_device(node: *const userns_node) -> u64 {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(0, |node| node.node().device())
}

/// The kernel's 64-bit id (NS_GET_ID, Linux 6.18), which is never used again while the
/// system runs.
///
/// Returns 0 where it is unknown.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_id(node: *const userns_node) -> u64 {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(0, |node| node.node().id().unwrap_or(0))
}

/// What is special about a node, see user_namespaces(7).
///
/// Returns USERNS_NODE_ constants, combined with |. Later versions can return more bits.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_flags(node: *const userns_node) -> u32 {
    // SAFETY: the caller passes NULL or a node.
    let Some(node) = (unsafe { node.as_ref() }).map(|node| node.node()) else { return 0 };
    [
        (node.is_initial(), USERNS_NODE_INITIAL),
        (node.is_parent_hidden(), USERNS_NODE_PARENT_HIDDEN),
        (node.is_empty(), USERNS_NODE_EMPTY),
        (node.is_known_by_pin(), USERNS_NODE_PINNED),
    ]
    .iter()
    .filter(|(is_set, _)| *is_set)
    .fold(0, |bits, (_, bit)| bits | bit)
}

/// How many ancestors the snapshot shows above a node: 0 for a root. The kernel nests at
/// most 33 below the initial one.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_depth(node: *const userns_node) -> u32 {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(0, |node| node.node().depth())
}

/// Who made a namespace: the effective UID of its creator (NS_GET_OWNER_UID, see
/// ioctl_ns(2); Linux 4.11), as the caller's own user namespace numbers it.
///
/// uid: where to put the UID; may be NULL.
///
/// Returns false, and leaves *uid as it is, where the owner is unknown: the kernel did not
/// tell; or the caller is not in the initial user namespace, and its own shows the owner as
/// the overflow UID, which is what it shows for all UIDs that it does not map.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_owner(node: *const userns_node, uid: *mut libc::uid_t) -> bool {
    // SAFETY: the caller passes NULL or a node.
    let Some(owner) = (unsafe { node.as_ref() }).and_then(|node| node.node().owner()) else { return false };
    if !uid.is_null() {
        // SAFETY: not NULL, so the caller lets us write there.
        unsafe { *uid = owner };
    }
    true
}

/// The namespace in which a namespace was made (NS_GET_PARENT, see ioctl_ns(2)).
///
/// Returns NULL for a root.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_parent(node: *const userns_node) -> *const userns_node {
    // SAFETY: the caller passes NULL or a node.
    unsafe { node.as_ref() }.map_or(ptr::null(), |node| node.snapshot().handle(node.node().parent()))
}

/// The namespaces that were made in a namespace, ordered as in userns_nodes(); see
/// user_namespaces(7).
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

/// The processes that live in a namespace itself, not those in its descendants: zombies
/// included, threads not.
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

/// Whether ancestor is the parent of node, or the parent of its parent, and so on. A
/// process with capabilities in an ancestor has them in the node too, see
/// user_namespaces(7).
///
/// Returns false also for ancestor == node, for nodes of different snapshots, and if either
/// is NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_is_ancestor(ancestor: *const userns_node, node: *const userns_node) -> bool {
    // SAFETY: the caller passes NULL or nodes.
    let (ancestor, node) = unsafe { (ancestor.as_ref(), node.as_ref()) };
    ancestor.zip(node).is_some_and(|(ancestor, node)| ancestor.node().is_ancestor_of(node.node()))
}

/// With USERNS_SCAN_NAMES, the command names of the processes in a namespace: the bytes as
/// /proc/PID/comm gives them, see proc_pid_comm(5). They can be anything but NUL bytes, so
/// make them safe before printing them.
///
/// Returns an array of *count strings, the first one for the first of userns_pids(), and so
/// on; an empty string for a process that ended before its name was read, or that the procfs
/// hides (which USERNS_SCAN_BPF may show). If its PID has gone to a new process meanwhile, it
/// is the name of that. Without USERNS_SCAN_NAMES the array is empty.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_names(node: *const userns_node, count: *mut usize) -> *const *const c_char {
    // SAFETY: the caller passes NULL or a node.
    let names = unsafe { node.as_ref() }.map_or(&[][..], |node| node.snapshot().names_of(node.node()));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(names, count) }
}

/// With USERNS_SCAN_PINNED, what keeps a namespace alive besides members and children:
/// descriptors, then mounts, then namespaces of other types that it owns. Descriptors are
/// ordered by PID, TID and number; mounts by path and PID; namespaces as in
/// userns_owned().
///
/// Returns an array of *count pins. With USERNS_SCAN_OWNED alone, only namespaces are
/// among them.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pins(node: *const userns_node, count: *mut usize) -> *const *const userns_pin {
    // SAFETY: the caller passes NULL or a node.
    let pins = unsafe { node.as_ref() }.map_or(&[][..], |node| node.snapshot().pins(node.node().pin_range()));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(pins, count) }
}

/// With USERNS_SCAN_OWNED or USERNS_SCAN_PINNED, the namespaces of other types that a user
/// namespace owns, see namespaces(7); ordered by the name of the type and inode number.
///
/// Returns an array of *count namespaces. Those that only pins keep alive are among them
/// only with USERNS_SCAN_PINNED.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_owned(node: *const userns_node, count: *mut usize) -> *const *const userns_namespace {
    // SAFETY: the caller passes NULL or a node.
    let owned = unsafe { node.as_ref() }.map_or(&[][..], |node| node.snapshot().others(node.node().owned_range()));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(owned, count) }
}
