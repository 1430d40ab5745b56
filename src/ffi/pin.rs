use super::node::userns_node;
use super::snapshot::userns_snapshot;
use super::{Handle, array};
use crate::tree::{OtherNamespace, Pin};
use std::ffi::{CStr, c_char, c_int};
use std::ptr;

/// userns_pin_kind(): a descriptor is open; see userns_pin_pid(), userns_pin_tid() and
/// userns_pin_descriptor().
pub const USERNS_PIN_DESCRIPTOR: u32 = 1;
/// userns_pin_kind(): it is mounted; see userns_pin_path() and userns_pin_pid().
pub const USERNS_PIN_MOUNT: u32 = 2;
/// userns_pin_kind(): the user namespace owns a namespace of another type; see
/// userns_pin_namespace().
pub const USERNS_PIN_OWNED: u32 = 3;
/// userns_pin_kind(): a socket in the network namespace is open; see userns_pin_pid(),
/// userns_pin_tid() and userns_pin_descriptor().
pub const USERNS_PIN_SOCKET: u32 = 4;
/// userns_pin_kind(): a thread is in the namespace, which is of another type than user; see
/// userns_pin_pid() and userns_pin_tid().
pub const USERNS_PIN_PROCESS: u32 = 5;
/// userns_pin_kind(): the namespace, which is of another type than user, is the parent of
/// one of its type; see userns_pin_namespace().
pub const USERNS_PIN_CHILD: u32 = 6;
/// userns_pin_kind(): a thread is elsewhere, but its children would be in the namespace,
/// which is a PID or time namespace (pid_for_children and time_for_children in
/// namespaces(7)); see userns_pin_pid() and userns_pin_tid().
pub const USERNS_PIN_PARENT: u32 = 7;

/// A namespace of another type than user, which a user namespace owns. There is one handle
/// for each, so pointers can be compared.
pub struct userns_namespace(pub(super) Handle);

/// Something that keeps a namespace alive.
pub struct userns_pin(pub(super) Handle);

impl userns_namespace {
    fn snapshot(&self) -> &userns_snapshot {
        self.0.snapshot()
    }

    fn namespace(&self) -> OtherNamespace<'_> {
        self.snapshot().tree().other(self.0.index)
    }
}

impl userns_pin {
    fn pin(&self) -> Pin<'_> {
        self.0.snapshot().tree().pin(self.0.index)
    }
}

/// == Questions to a pin ==
///
/// What kind of thing a pin is.
///
/// Returns one of the USERNS_PIN_ constants. Later versions can return others.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_kind(pin: *const userns_pin) -> u32 {
    // SAFETY: the caller passes NULL or a pin.
    let Some(pin) = (unsafe { pin.as_ref() }) else { return 0 };
    match pin.pin() {
        Pin::Descriptor { .. } => USERNS_PIN_DESCRIPTOR,
        Pin::Mount { .. } => USERNS_PIN_MOUNT,
        Pin::Owned(_) => USERNS_PIN_OWNED,
        Pin::Socket { .. } => USERNS_PIN_SOCKET,
        Pin::Process { .. } => USERNS_PIN_PROCESS,
        Pin::Child(_) => USERNS_PIN_CHILD,
        Pin::Parent { .. } => USERNS_PIN_PARENT,
    }
}

/// The process that has the descriptor or the socket open, or sees the mount (its root
/// directory, /proc/PID/root, is what userns_pin_path() begins at), or is in the namespace,
/// or whose children would be.
///
/// Returns a PID as the procfs numbers it, 0 for the other kinds.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_pid(pin: *const userns_pin) -> libc::pid_t {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.map_or(0, |pin| match pin.pin() {
        Pin::Process { pid, .. } | Pin::Parent { pid, .. } | Pin::Descriptor { pid, .. } => pid,
        Pin::Mount { pid, .. } | Pin::Socket { pid, .. } => pid,
        Pin::Owned(_) | Pin::Child(_) => 0,
    })
}

/// The thread of that process which is meant, for USERNS_PIN_DESCRIPTOR, USERNS_PIN_SOCKET,
/// USERNS_PIN_PROCESS and USERNS_PIN_PARENT. It differs from userns_pin_pid() where a
/// thread has a descriptor table or namespaces of its own.
///
/// Returns a TID as the procfs numbers it, 0 for the other kinds.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_tid(pin: *const userns_pin) -> libc::pid_t {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.map_or(0, |pin| match pin.pin() {
        Pin::Process { tid, .. } | Pin::Parent { tid, .. } => tid,
        Pin::Descriptor { tid, .. } | Pin::Socket { tid, .. } => tid,
        Pin::Mount { .. } | Pin::Owned(_) | Pin::Child(_) => 0,
    })
}

/// The number of the descriptor, for USERNS_PIN_DESCRIPTOR and USERNS_PIN_SOCKET: it is
/// /proc/PID/task/TID/fd/NUMBER.
///
/// Returns -1 for the other kinds, and for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_descriptor(pin: *const userns_pin) -> c_int {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.map_or(-1, |pin| match pin.pin() {
        Pin::Descriptor { number, .. } | Pin::Socket { number, .. } => number,
        _ => -1,
    })
}

/// Where it is mounted, for USERNS_PIN_MOUNT: the path as the process userns_pin_pid() sees
/// it. Another mount can hide it there. It can contain any byte but NUL, so make it safe
/// before printing it.
///
/// Returns NULL for the other kinds.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_path(pin: *const userns_pin) -> *const c_char {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.map_or(ptr::null(), |pin| match pin.pin() {
        Pin::Mount { path, .. } => CStr::as_ptr(path),
        _ => ptr::null(),
    })
}

/// The namespace that is owned, for USERNS_PIN_OWNED, or is the child, for
/// USERNS_PIN_CHILD. What in turn keeps that alive, userns_namespace_pins() tells.
///
/// Returns NULL for the other kinds.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_namespace(pin: *const userns_pin) -> *const userns_namespace {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.map_or(ptr::null(), |pin| match pin.pin() {
        Pin::Owned(other) | Pin::Child(other) => {
            let index = other.index() as usize;
            pin.0.snapshot().others(index..index + 1)[0]
        }
        _ => ptr::null(),
    })
}

/// == Questions to a namespace of another type ==
///
/// The type, as the flag that clone(2) and setns(2) know it by: CLONE_NEWCGROUP,
/// CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWTIME or CLONE_NEWUTS.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_namespace_type(ns: *const userns_namespace) -> c_int {
    // SAFETY: the caller passes NULL or a namespace.
    unsafe { ns.as_ref() }.map_or(0, |namespace| namespace.namespace().kind().clone_flag())
}

/// The name of the type, as in /proc/PID/ns: "cgroup", "ipc", "mnt", "net", "pid", "time"
/// or "uts".
///
/// Returns NULL only for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_namespace_name(ns: *const userns_namespace) -> *const c_char {
    // SAFETY: the caller passes NULL or a namespace.
    unsafe { ns.as_ref() }.map_or(ptr::null(), |namespace| namespace.namespace().kind().name().as_ptr())
}

/// The inode number, as stat(2) of /proc/PID/ns/TYPE gives it.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_namespace_inode(ns: *const userns_namespace) -> u64 {
    // SAFETY: the caller passes NULL or a namespace.
    unsafe { ns.as_ref() }.map_or(0, |namespace| namespace.namespace().inode())
}

/// The kernel's 64-bit id (NS_GET_ID, Linux 6.18), which is never used again while the
/// system runs.
///
/// Returns 0 where it is unknown.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_namespace_id(ns: *const userns_namespace) -> u64 {
    // SAFETY: the caller passes NULL or a namespace.
    unsafe { ns.as_ref() }.map_or(0, |namespace| namespace.namespace().id().unwrap_or(0))
}

/// How many processes have a thread in the namespace. Other threads than the first of each
/// process are looked at with USERNS_SCAN_PINNED only.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_namespace_members(ns: *const userns_namespace) -> usize {
    // SAFETY: the caller passes NULL or a namespace.
    unsafe { ns.as_ref() }.map_or(0, |namespace| namespace.namespace().member_count())
}

/// The user namespace that owns the namespace.
///
/// Returns NULL if that is out of the caller's sight, or the namespace could not be opened.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_namespace_owner(ns: *const userns_namespace) -> *const userns_node {
    // SAFETY: the caller passes NULL or a namespace.
    unsafe { ns.as_ref() }.map_or(ptr::null(), |namespace| namespace.snapshot().handle(namespace.namespace().owner()))
}

/// What keeps the namespace alive: processes, those whose children would be in it,
/// descriptors, mounts, sockets, and child namespaces if it is a PID namespace; in this
/// order, ordered otherwise as userns_pins() does. Without USERNS_SCAN_PINNED there are only
/// processes and child namespaces.
///
/// Returns an array of *count pins.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_namespace_pins(
    ns: *const userns_namespace,
    count: *mut usize,
) -> *const *const userns_pin {
    // SAFETY: the caller passes NULL or a namespace.
    let namespace = unsafe { ns.as_ref() };
    let pins = namespace.map_or(&[][..], |namespace| namespace.snapshot().pins(namespace.namespace().pin_range()));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(pins, count) }
}
