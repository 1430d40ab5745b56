use super::nonuser::userns_nonuser;
use super::{Handle, enum_or_zero};
use crate::snapshot::Pin;
use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

/// The kinds of pins, in the order in which userns_pins() lists them. Later versions can add
/// kinds.
#[repr(C)]
pub enum userns_pin_kind {
    /// A thread is in the namespace, which is a nonuser namespace. There is one pin for each
    /// process, by its thread-group leader, and one for each other thread that is in another
    /// namespace than the leader. See userns_pin_pid() and userns_pin_tid().
    USERNS_PIN_MEMBER = 1,
    /// Children of a thread will be created in the namespace, which is a PID or time
    /// namespace (pid_for_children and time_for_children in namespaces(7)); the thread itself
    /// is in another one. See userns_pin_pid() and userns_pin_tid().
    USERNS_PIN_FOR_CHILDREN = 2,
    /// A descriptor of the namespace is open. See userns_pin_pid(), userns_pin_tid() and
    /// userns_pin_descriptor(). It can be a descriptor of inotify(7) or fanotify(7) that
    /// watches the namespace, if only USERNS_EMPTY_SOURCE_LISTNS finds the namespace.
    USERNS_PIN_DESCRIPTOR = 3,
    /// The namespace is bind-mounted. See userns_pin_path(), userns_pin_pid(),
    /// userns_pin_nonuser(), userns_pin_is_overmounted() and userns_pin_may_be_locked().
    USERNS_PIN_MOUNT = 4,
    /// A socket of the network namespace (USERNS_SCAN_SOCKETS), or a tun or tap device, is
    /// open. See userns_pin_pid(), userns_pin_tid() and userns_pin_descriptor().
    USERNS_PIN_SOCKET = 5,
    /// The user namespace owns a nonuser namespace. See userns_pin_nonuser().
    USERNS_PIN_OWNED = 6,
    /// The PID namespace has a child PID namespace. See userns_pin_nonuser().
    USERNS_PIN_CHILD_NAMESPACE = 7,
    /// A file of the namespace, or a socket of the network namespace, is registered with an
    /// io_uring (io_uring_register(2)). See userns_pin_pid(), userns_pin_tid() and
    /// userns_pin_descriptor(), which is the descriptor of the io_uring. Before Linux 6.16 the
    /// kernel does not tell.
    USERNS_PIN_IO_URING = 8,
    /// A file is open that was opened with credentials of the user namespace (the kernel's
    /// f_cred). Only BPF shows this kind and the next two (USERNS_SCAN_BPF, from Linux 6.4 on).
    /// They are listed only if the process that has the descriptor is neither in the user
    /// namespace nor in a descendant of it; otherwise it keeps the user namespace anyway. See
    /// userns_pin_pid(), userns_pin_tid() and userns_pin_descriptor().
    USERNS_PIN_CREDENTIALS = 9,
    /// A socket is open whose peer has, or had, credentials of the user namespace (the
    /// kernel's sk_peer_cred, see SO_PEERCRED in unix(7)). The peer can have ended. See
    /// USERNS_PIN_CREDENTIALS.
    USERNS_PIN_PEER = 10,
    /// A file is open on a file system that was mounted in the user namespace, such as a
    /// tmpfs, mqueue or procfs (the kernel's s_user_ns). See USERNS_PIN_CREDENTIALS.
    USERNS_PIN_FILE_SYSTEM = 11,
    /// A pidfd (pidfd_open(2)) is open, of a process that was in the PID namespace and has
    /// ended. Only BPF shows this kind (USERNS_SCAN_BPF, from Linux 6.9 on). See
    /// userns_pin_pid(), userns_pin_tid() and userns_pin_descriptor().
    USERNS_PIN_PIDFD = 12,
    /// The kernel lists the namespace as in use, and the scan has not seen why: a descriptor
    /// in flight over a UNIX socket (unix(7)); a mount in a detached mount tree
    /// (open_tree(2)); another object of the kernel; with USERNS_SCAN_BPF, a watch of
    /// inotify(7) or a mark of fanotify(7) on the namespace; a process, descriptor or mount
    /// that the scan could not read, in which case a gap is set; or a process that entered the
    /// namespace during the scan. Only with USERNS_EMPTY_SOURCE_LISTNS, and only if there is no
    /// other pin.
    USERNS_PIN_OUT_OF_SIGHT = 13,
}

/// A reason why the kernel keeps a namespace.
pub struct userns_pin(pub(super) Handle);

impl userns_pin {
    fn pin(&self) -> Pin<'_> {
        self.0.snapshot().tree().pin(self.0.index)
    }
}

/// == Pins ==
///
/// Get the kind of a pin.
///
/// Returns 0 only for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_kind(pin: *const userns_pin) -> MaybeUninit<userns_pin_kind> {
    // SAFETY: the caller passes NULL or a pin.
    let pin = unsafe { pin.as_ref() };
    enum_or_zero(pin.map(|pin| match pin.pin() {
        Pin::Member { .. } => userns_pin_kind::USERNS_PIN_MEMBER,
        Pin::ForChildren { .. } => userns_pin_kind::USERNS_PIN_FOR_CHILDREN,
        Pin::Descriptor { .. } => userns_pin_kind::USERNS_PIN_DESCRIPTOR,
        Pin::Mount { .. } => userns_pin_kind::USERNS_PIN_MOUNT,
        Pin::Socket { .. } => userns_pin_kind::USERNS_PIN_SOCKET,
        Pin::Owned(_) => userns_pin_kind::USERNS_PIN_OWNED,
        Pin::ChildNamespace(_) => userns_pin_kind::USERNS_PIN_CHILD_NAMESPACE,
        Pin::IoUring { .. } => userns_pin_kind::USERNS_PIN_IO_URING,
        Pin::Credentials { .. } => userns_pin_kind::USERNS_PIN_CREDENTIALS,
        Pin::Peer { .. } => userns_pin_kind::USERNS_PIN_PEER,
        Pin::FileSystem { .. } => userns_pin_kind::USERNS_PIN_FILE_SYSTEM,
        Pin::Pidfd { .. } => userns_pin_kind::USERNS_PIN_PIDFD,
        Pin::OutOfSight => userns_pin_kind::USERNS_PIN_OUT_OF_SIGHT,
    }))
}

/// Get the process of a pin: the member, the process whose thread will create children, the
/// holder of the descriptor or file, or the process with the smallest PID that sees the
/// mount. A kernel thread stands for a mount only if no other process sees it.
///
/// Returns a PID as the scanned procfs numbers it; 0 for the other kinds, and for a mount in
/// a mount namespace without processes.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_pid(pin: *const userns_pin) -> libc::pid_t {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.and_then(|pin| pin.pin().pid()).unwrap_or(0)
}

/// Get the thread of a pin, for USERNS_PIN_MEMBER, USERNS_PIN_FOR_CHILDREN and all kinds that
/// have a descriptor. It differs from userns_pin_pid() if the thread has namespaces or a
/// descriptor table of its own.
///
/// Returns a TID as the scanned procfs numbers it; 0 for the other kinds.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_tid(pin: *const userns_pin) -> libc::pid_t {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.and_then(|pin| pin.pin().tid()).unwrap_or(0)
}

/// Get the descriptor number of a pin whose kind has one, see enum userns_pin_kind. The
/// descriptor is /proc/PID/task/TID/fd/NUMBER.
///
/// Returns -1 for the other kinds and for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_descriptor(pin: *const userns_pin) -> c_int {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.and_then(|pin| pin.pin().descriptor()).unwrap_or(-1)
}

/// Get the path of a USERNS_PIN_MOUNT, from the root directory of the process
/// userns_pin_pid() (/proc/PID/root), or from that of the mount namespace if no process sees
/// the mount. See userns_pin_is_overmounted(). The path can contain any
/// byte except NUL. Escape it before printing. It is empty if it is longer than PATH_MAX
/// (4,096 bytes), or beyond 64 MiB of paths in one snapshot.
///
/// Returns NULL for the other kinds.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_path(pin: *const userns_pin) -> *const c_char {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.and_then(|pin| pin.pin().path()).map_or(ptr::null(), CStr::as_ptr)
}

/// Check whether a USERNS_PIN_MOUNT is known to be overmounted: its path leads to something else,
/// because another mount is on the same path or on a directory above it. umount(2) then removes
/// that other mount.
///
/// Returns false for the other kinds, and if that is unknown: the path is empty or could block,
/// or the limits of a scan are reached.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_is_overmounted(pin: *const userns_pin) -> bool {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.is_some_and(|pin| pin.pin().is_overmounted())
}

/// Check whether a USERNS_PIN_MOUNT can be locked, see mount_namespaces(7): if a mount namespace is
/// created in a new user namespace, the mounts that are copied into it cannot be unmounted
/// there (umount(2) fails with EINVAL). The end of the mount namespace removes them, that is
/// the end of its processes; so does umount(2) of the original, if mount namespaces share it.
///
/// The kernel does not tell which mounts are locked. This function infers it from owners: a
/// mount can be locked unless the owner of the mount namespace is the initial user namespace,
/// or is the owner of the mounted namespace (of a user namespace: its parent) or an ancestor
/// of that, and so probably made the mount itself. A mount that came by propagation is not
/// locked. To know it, try umount(2).
///
/// Returns false for the other kinds; true if the mount namespace or its owner is unknown.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_may_be_locked(pin: *const userns_pin) -> bool {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.is_some_and(|pin| pin.pin().may_be_locked())
}

/// Get the namespace of a pin: the mount namespace of a USERNS_PIN_MOUNT, which setns(2)
/// enters to unmount it; the namespace of a USERNS_PIN_OWNED or USERNS_PIN_CHILD_NAMESPACE.
/// userns_nonuser_pins() lists what keeps that namespace alive.
///
/// Returns NULL for the other kinds, and if the mount namespace is unknown: it could not be
/// opened, or the process changed it during the scan.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pin_nonuser(pin: *const userns_pin) -> *const userns_nonuser {
    // SAFETY: the caller passes NULL or a pin.
    unsafe { pin.as_ref() }.map_or(ptr::null(), |pin| pin.0.snapshot().nonuser_of(pin.pin().nonuser()))
}
