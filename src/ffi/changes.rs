use super::node::userns_node;
use super::scan::guard;
use super::snapshot::userns_snapshot;
use super::{allocate, array, enum_or_zero};
use crate::changes::{Change, compare};
use crate::error::Error;
use crate::util::arrays::reserved;
use std::ffi::c_int;
use std::mem::MaybeUninit;
use std::panic::AssertUnwindSafe;
use std::ptr;

/// The kinds of changes. Later versions can add kinds.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum userns_change_kind {
    /// The namespace is new: only the second snapshot has it.
    USERNS_CHANGE_APPEARED = 1,
    /// The namespace has ended, as far as the second scan looked, see userns_compare().
    USERNS_CHANGE_ENDED = 2,
    /// The namespace had processes, and has none.
    USERNS_CHANGE_EMPTIED = 3,
    /// At least one of the three id maps of the namespace was not written yet, and is written now
    /// (USERNS_SCAN_MAPS for both scans).
    USERNS_CHANGE_MAPPED = 4,
    /// A process is in the namespace, and was not. See userns_change_pid().
    USERNS_CHANGE_JOINED = 5,
    /// A process was in the namespace, and is not: it has ended, or has moved to another one,
    /// which it has joined then. See userns_change_pid().
    USERNS_CHANGE_LEFT = 6,
}

/// The differences between two snapshots.
pub struct userns_changes {
    #[expect(dead_code, reason = "owned here, used through pointers")]
    handles: Vec<userns_change>,
    pointers: Vec<*const userns_change>,
}

/// A difference between two snapshots.
pub struct userns_change {
    kind: userns_change_kind,
    pid: libc::pid_t,
    node: *const userns_node,
}

impl userns_changes {
    fn allocate(before: &userns_snapshot, after: &userns_snapshot) -> Result<*mut userns_changes, Error> {
        let changes = compare(before.tree(), after.tree())?;
        let mut handles: Vec<userns_change> = reserved(changes.len())?;
        handles.extend(changes.iter().map(|change| {
            let (kind, snapshot) = match change {
                Change::Appeared(_) => (userns_change_kind::USERNS_CHANGE_APPEARED, after),
                Change::Ended(_) => (userns_change_kind::USERNS_CHANGE_ENDED, before),
                Change::Emptied(_) => (userns_change_kind::USERNS_CHANGE_EMPTIED, after),
                Change::Mapped(_) => (userns_change_kind::USERNS_CHANGE_MAPPED, after),
                Change::Joined { .. } => (userns_change_kind::USERNS_CHANGE_JOINED, after),
                Change::Left { .. } => (userns_change_kind::USERNS_CHANGE_LEFT, before),
            };
            userns_change { kind, pid: change.pid().unwrap_or(0), node: snapshot.node_of(Some(change.node())) }
        }));
        let mut pointers = reserved(handles.len())?;
        pointers.extend(handles.iter().map(ptr::from_ref));
        let allocated = allocate::<userns_changes>()?;
        // SAFETY: the memory was allocated for this type.
        unsafe { allocated.write(userns_changes { handles, pointers }) };
        Ok(allocated)
    }
}

/// == Changes ==
///
/// Find out what changed between two snapshots: namespaces that appeared, ended, were emptied or
/// mapped, and processes that joined or left a namespace. Both scans should have the same
/// options, by callers in the same user namespace with the same privileges.
///
/// Two nodes are the same namespace if they have the same 64-bit id (userns_id()): one that
/// reuses the inode number of another has appeared, and the other has ended. If the id of one
/// node or both is unknown, as before Linux 6.18, they are taken for the same if they have the
/// same inode number, owner (UID) and parent, as far as both snapshots know these. That is
/// uncertain: a namespace can have ended, and the same user can have created one in the same
/// parent that got its inode number. A process is identified by its PID. A process that got the
/// PID of another one is taken for that; if it is in another namespace, for one that moved.
///
/// A process that moved has left one namespace and joined another. The processes of a namespace
/// that appeared have joined it, and those of one that ended have left it. So the changes tell
/// everything that differs between userns_pids() of all nodes, except for what is left out:
///
/// What after could not see is not said to have left or ended. If after knows of a process
/// whose user namespace it could not read (USERNS_GAP_UNREADABLE), the process has not left, and
/// the namespace in which it was has neither been emptied nor ended. A namespace with a
/// descendant in after has not ended. One that had pins, or had no process in it or below, has
/// not ended if after looked less far: if its userns_empty_source() is smaller, or only before
/// has nonuser namespaces. One that had no process in it or below has not ended if after missed
/// more, that is, if userns_gap_count() is larger for USERNS_GAP_LINKS, USERNS_GAP_DESCRIPTORS,
/// USERNS_GAP_SOCKETS, USERNS_GAP_MOUNTS, USERNS_GAP_MOUNT_NAMESPACES, USERNS_GAP_CHROOTED,
/// USERNS_GAP_UNOPENED_MOUNTS or USERNS_GAP_RELATIONS. A comparison of after with a later
/// snapshot does not tell such a change; one of before with a later snapshot does.
///
/// Everything else rests on what the scans saw. A process that became hidden
/// (USERNS_GAP_HIDEPID) has left. After a scan without USERNS_SCAN_PINNED, a namespace has ended
/// if only a descriptor or mount keeps it. What only after shows is a change, even if before
/// could not see it.
///
/// before: the snapshot from which to start.
/// after: the other one, usually of a later scan.
/// changes: receives the changes, or NULL on failure. They are valid until
///   userns_changes_free(), and only as long as both snapshots are.
///
/// Returns 0, or a negative errno value.
///
///     -EINVAL           before, after or changes is NULL
///     -EXDEV            the snapshots are of different boots (userns_boot_id()), or their PIDs
///                       of different PID namespaces (userns_pid_namespace()). What one of
///                       them does not know is assumed to be the same.
///     -ENOMEM           out of memory
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_compare(
    before: *const userns_snapshot,
    after: *const userns_snapshot,
    changes: *mut *mut userns_changes,
) -> c_int {
    if changes.is_null() {
        return -Error::INVALID.errno();
    }
    // SAFETY: the caller passes NULL or snapshots.
    let snapshots = unsafe { before.as_ref() }.zip(unsafe { after.as_ref() });
    let compared = guard(AssertUnwindSafe(|| {
        let (before, after) = snapshots.ok_or(Error::INVALID)?;
        userns_changes::allocate(before, after)
    }));
    // SAFETY: `changes` is not NULL, so the caller lets us write there.
    unsafe { *changes = compared.unwrap_or(ptr::null_mut()) };
    compared.err().map_or(0, |error| -error.errno())
}

/// Release changes, before or after the snapshots. NULL is accepted and does nothing.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_changes_free(changes: *mut userns_changes) {
    if !changes.is_null() {
        // SAFETY: the caller passes what userns_compare() returned, once, and uses it no more; that took the memory from
        // the global allocator, with the layout of this type.
        drop(unsafe { Box::from_raw(changes) });
    }
}

/// List changes, in an order in which they can have happened. First USERNS_CHANGE_APPEARED, then
/// USERNS_CHANGE_MAPPED, in the order of userns_nodes(): ancestors first. Then
/// USERNS_CHANGE_JOINED and USERNS_CHANGE_LEFT, ascending by PID; a process that moved leaves
/// first. Then USERNS_CHANGE_EMPTIED, in the order of userns_nodes(), and USERNS_CHANGE_ENDED,
/// in the reverse of that order: descendants first. The order is part of the ABI.
///
/// Returns an array of *count changes.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_changes(
    changes: *const userns_changes,
    count: *mut usize,
) -> *const *const userns_change {
    // SAFETY: the caller passes NULL or changes.
    let pointers = unsafe { changes.as_ref() }.map_or(&[][..], |changes| &changes.pointers);
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(pointers, count) }
}

/// Get the kind of a change.
///
/// Returns 0 only for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_change_kind(change: *const userns_change) -> MaybeUninit<userns_change_kind> {
    // SAFETY: the caller passes NULL or a change.
    enum_or_zero(unsafe { change.as_ref() }.map(|change| change.kind))
}

/// Get the user namespace of a change. It is a node of the snapshot before if the namespace has
/// ended or a process has left it, else of the snapshot after.
///
/// Returns NULL only for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_change_node(change: *const userns_change) -> *const userns_node {
    // SAFETY: the caller passes NULL or a change.
    unsafe { change.as_ref() }.map_or(ptr::null(), |change| change.node)
}

/// Get the process of a USERNS_CHANGE_JOINED or USERNS_CHANGE_LEFT.
///
/// Returns a PID as the scanned procfs numbers it; 0 for the other kinds.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_change_pid(change: *const userns_change) -> libc::pid_t {
    // SAFETY: the caller passes NULL or a change.
    unsafe { change.as_ref() }.map_or(0, |change| change.pid)
}
