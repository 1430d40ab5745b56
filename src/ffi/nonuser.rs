use super::node::userns_node;
use super::pin::userns_pin;
use super::snapshot::userns_snapshot;
use super::{Handle, array};
use crate::snapshot::Nonuser;
use std::ffi::{c_char, c_int};
use std::ptr;

/// A nonuser namespace: a namespace of another type than user. A user namespace owns it, see
/// namespaces(7). A snapshot has one pointer for each, so pointers can be compared.
pub struct userns_nonuser(pub(super) Handle);

impl userns_nonuser {
    fn snapshot(&self) -> &userns_snapshot {
        self.0.snapshot()
    }

    pub(super) fn nonuser(&self) -> Nonuser<'_> {
        self.snapshot().tree().nonuser(self.0.index)
    }
}

/// == Nonuser namespaces ==
///
/// Get the type of a namespace as the flag that clone(2) and setns(2) use:
/// CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWTIME
/// (0x80, which older C libraries lack) or CLONE_NEWUTS. <sched.h> defines them with
/// _GNU_SOURCE.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonuser_type(nonuser: *const userns_nonuser) -> c_int {
    // SAFETY: the caller passes NULL or a nonuser namespace.
    unsafe { nonuser.as_ref() }.map_or(0, |nonuser| nonuser.nonuser().namespace_type().clone_flag())
}

/// Get the name of the type of a namespace, as in /proc/PID/ns: "cgroup", "ipc", "mnt",
/// "net", "pid", "time" or "uts".
///
/// Returns NULL only for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonuser_type_name(nonuser: *const userns_nonuser) -> *const c_char {
    // SAFETY: the caller passes NULL or a nonuser namespace.
    unsafe { nonuser.as_ref() }.map_or(ptr::null(), |nonuser| nonuser.nonuser().namespace_type().name().as_ptr())
}

/// Get the inode number of a namespace, as stat(2) of /proc/PID/ns/TYPE returns it. The
/// kernel reuses it once the namespace has ended.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonuser_inode(nonuser: *const userns_nonuser) -> u64 {
    // SAFETY: the caller passes NULL or a nonuser namespace.
    unsafe { nonuser.as_ref() }.map_or(0, |nonuser| nonuser.nonuser().inode())
}

/// Get the 64-bit id of a namespace (NS_GET_ID, Linux 6.18). The kernel never reuses it
/// while the system runs.
///
/// Returns 0 if it is unknown.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonuser_id(nonuser: *const userns_nonuser) -> u64 {
    // SAFETY: the caller passes NULL or a nonuser namespace.
    unsafe { nonuser.as_ref() }.map_or(0, |nonuser| nonuser.nonuser().id().unwrap_or(0))
}

/// Get the user namespace that owns a namespace (NS_GET_USERNS, see ioctl_ns(2)).
///
/// Returns NULL if the owner is not visible to the caller, or the namespace could not be
/// opened.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonuser_owner(nonuser: *const userns_nonuser) -> *const userns_node {
    // SAFETY: the caller passes NULL or a nonuser namespace.
    unsafe { nonuser.as_ref() }.map_or(ptr::null(), |nonuser| nonuser.snapshot().node_of(nonuser.nonuser().owner()))
}

/// Get the parent of a PID namespace (NS_GET_PARENT, see ioctl_ns(2)).
///
/// Returns NULL for a namespace of another type, which has no parent, for the initial PID
/// namespace, and if the parent is not visible to the caller.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonuser_parent(nonuser: *const userns_nonuser) -> *const userns_nonuser {
    // SAFETY: the caller passes NULL or a nonuser namespace.
    let nonuser = unsafe { nonuser.as_ref() };
    nonuser.map_or(ptr::null(), |nonuser| nonuser.snapshot().nonuser_of(nonuser.nonuser().parent()))
}

/// Count the processes that have a thread in a namespace. Without USERNS_SCAN_PINNED, only
/// the thread-group leader of each process is examined.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonuser_member_count(nonuser: *const userns_nonuser) -> usize {
    // SAFETY: the caller passes NULL or a nonuser namespace.
    unsafe { nonuser.as_ref() }.map_or(0, |nonuser| nonuser.nonuser().member_count())
}

/// List what keeps a namespace alive, in the order of userns_pins(). Without
/// USERNS_SCAN_PINNED, only member processes and child namespaces are known.
///
/// Returns an array of *count pins.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonuser_pins(
    nonuser: *const userns_nonuser,
    count: *mut usize,
) -> *const *const userns_pin {
    // SAFETY: the caller passes NULL or a nonuser namespace.
    let nonuser = unsafe { nonuser.as_ref() };
    let pins = nonuser.map_or(&[][..], |nonuser| nonuser.snapshot().pins(nonuser.nonuser().pin_range()));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(pins, count) }
}
