//! The attributes of a pin.

use super::{Nonuser, Snapshot};
use crate::facts::{Holder, Target};
use std::ffi::CStr;
use std::ops::Range;

/// A reason why the kernel keeps a namespace.
///
/// ```
/// use userns::Pin;
///
/// let snapshot = userns::Options::new().pinned().scan()?;
/// for pin in snapshot.nodes().flat_map(|node| node.pins()) {
///     match pin {
///         Pin::Descriptor { pid, tid, number } => println!("/proc/{pid}/task/{tid}/fd/{number}"),
///         Pin::Mount { pid, path, .. } => println!("/proc/{pid}/root{}", path.to_string_lossy().escape_debug()),
///         Pin::Owned(nonuser) => println!("{nonuser:?}"),
///         _ => {}
///     }
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Pin<'s> {
    /// A thread is in the namespace, which is a nonuser namespace.
    Member {
        /// The process.
        pid: i32,
        /// Its thread; equal to `pid` for the thread-group leader.
        tid: i32,
    },
    /// Children of a thread will be created in the namespace, which is a PID or time namespace; the thread itself is in
    /// another one.
    ForChildren {
        /// The process.
        pid: i32,
        /// Its thread; equal to `pid` for the thread-group leader.
        tid: i32,
    },
    /// A descriptor is open: `/proc/PID/task/TID/fd/NUMBER`.
    Descriptor {
        /// The process.
        pid: i32,
        /// The thread with the descriptor table; equal to `pid` unless that thread has a table of its own.
        tid: i32,
        /// The number of the descriptor.
        number: i32,
    },
    /// The namespace is bind-mounted.
    Mount {
        /// A process that sees the mount; 0 if it is in a mount namespace without processes.
        pid: i32,
        /// The path, from the root directory of that process, or of the mount namespace.
        path: &'s CStr,
        /// The mount namespace, if it is known.
        namespace: Option<Nonuser<'s>>,
        /// Whether the path is known to lead to something else: another mount is on it, or on a directory above it.
        is_overmounted: bool,
        /// Whether the mount can be locked, see mount_namespaces(7), so that only the end of the mount namespace removes
        /// it. The kernel does not tell; see `userns_pin_may_be_locked()` in the C header.
        may_be_locked: bool,
    },
    /// A socket of the network namespace, or a tun or tap device, is open: `/proc/PID/task/TID/fd/NUMBER`.
    Socket {
        /// The process.
        pid: i32,
        /// The thread with the descriptor table; equal to `pid` unless that thread has a table of its own.
        tid: i32,
        /// The number of the descriptor.
        number: i32,
    },
    /// The user namespace owns a nonuser namespace.
    Owned(Nonuser<'s>),
    /// The PID namespace has a child.
    ChildNamespace(Nonuser<'s>),
    /// A file is registered with an io_uring, which has the descriptor `/proc/PID/task/TID/fd/NUMBER`: a file of the
    /// namespace, or a socket of the network namespace.
    IoUring {
        /// The process.
        pid: i32,
        /// The thread with the descriptor table; equal to `pid` unless that thread has a table of its own.
        tid: i32,
        /// The number of the descriptor.
        number: i32,
    },
    /// A file is open that was opened with credentials of the user namespace: `/proc/PID/task/TID/fd/NUMBER`.
    Credentials {
        /// The process.
        pid: i32,
        /// The thread with the descriptor table; equal to `pid` unless that thread has a table of its own.
        tid: i32,
        /// The number of the descriptor.
        number: i32,
    },
    /// A socket is open whose peer has, or had, credentials of the user namespace: `/proc/PID/task/TID/fd/NUMBER`.
    Peer {
        /// The process.
        pid: i32,
        /// The thread with the descriptor table; equal to `pid` unless that thread has a table of its own.
        tid: i32,
        /// The number of the descriptor.
        number: i32,
    },
    /// A file is open on a file system that was mounted in the user namespace: `/proc/PID/task/TID/fd/NUMBER`.
    FileSystem {
        /// The process.
        pid: i32,
        /// The thread with the descriptor table; equal to `pid` unless that thread has a table of its own.
        tid: i32,
        /// The number of the descriptor.
        number: i32,
    },
    /// A pidfd is open, of a process that was in the PID namespace and has ended: `/proc/PID/task/TID/fd/NUMBER`.
    Pidfd {
        /// The process.
        pid: i32,
        /// The thread with the descriptor table; equal to `pid` unless that thread has a table of its own.
        tid: i32,
        /// The number of the descriptor.
        number: i32,
    },
    /// The kernel lists the namespace as in use, and the scan has not seen why: `USERNS_PIN_OUT_OF_SIGHT` in C.
    OutOfSight,
}

impl Pin<'_> {
    pub(crate) fn pid(self) -> Option<i32> {
        match self {
            Pin::Member { pid, .. } | Pin::ForChildren { pid, .. } | Pin::Mount { pid, .. } => Some(pid),
            _ => self.file().map(|(pid, ..)| pid),
        }
    }

    /// The process, the thread and the number of the descriptor of a pin that has one.
    fn file(self) -> Option<(i32, i32, i32)> {
        match self {
            Pin::Descriptor { pid, tid, number }
            | Pin::Socket { pid, tid, number }
            | Pin::IoUring { pid, tid, number }
            | Pin::Credentials { pid, tid, number }
            | Pin::Peer { pid, tid, number }
            | Pin::FileSystem { pid, tid, number }
            | Pin::Pidfd { pid, tid, number } => Some((pid, tid, number)),
            Pin::Member { .. } | Pin::ForChildren { .. } | Pin::Mount { .. } => None,
            Pin::Owned(_) | Pin::ChildNamespace(_) | Pin::OutOfSight => None,
        }
    }

    pub(crate) fn tid(self) -> Option<i32> {
        match self {
            Pin::Member { tid, .. } | Pin::ForChildren { tid, .. } => Some(tid),
            _ => self.file().map(|(_, tid, _)| tid),
        }
    }

    pub(crate) fn descriptor(self) -> Option<i32> {
        self.file().map(|(.., number)| number)
    }
}

#[cfg(feature = "capi")]
impl<'s> Pin<'s> {
    pub(crate) fn path(self) -> Option<&'s CStr> {
        match self {
            Pin::Mount { path, .. } => Some(path),
            _ => None,
        }
    }

    pub(crate) fn is_overmounted(self) -> bool {
        matches!(self, Pin::Mount { is_overmounted: true, .. })
    }

    pub(crate) fn may_be_locked(self) -> bool {
        matches!(self, Pin::Mount { may_be_locked: true, .. })
    }

    pub(crate) fn nonuser(self) -> Option<Nonuser<'s>> {
        match self {
            Pin::Owned(nonuser) | Pin::ChildNamespace(nonuser) => Some(nonuser),
            Pin::Mount { namespace, .. } => namespace,
            _ => None,
        }
    }
}

impl Snapshot {
    pub(crate) fn pin(&self, index: u32) -> Pin<'_> {
        match self.pins.holders[index as usize] {
            Holder::Member { pid, tid } => Pin::Member { pid, tid },
            Holder::ForChildren { pid, tid } => Pin::ForChildren { pid, tid },
            Holder::Descriptor { pid, tid, number } => Pin::Descriptor { pid, tid, number },
            Holder::Mount { pid, path, namespace, is_overmounted } => Pin::Mount {
                pid,
                path: self.text.get(path),
                namespace: namespace.map(|namespace| self.nonuser(namespace)),
                is_overmounted,
                may_be_locked: self.may_be_locked(index, namespace),
            },
            Holder::Socket { pid, tid, number } => Pin::Socket { pid, tid, number },
            Holder::Owned { nonuser } => Pin::Owned(self.nonuser(nonuser)),
            Holder::ChildNamespace { nonuser } => Pin::ChildNamespace(self.nonuser(nonuser)),
            Holder::IoUring { pid, tid, number } => Pin::IoUring { pid, tid, number },
            Holder::Credentials { pid, tid, number } => Pin::Credentials { pid, tid, number },
            Holder::Peer { pid, tid, number } => Pin::Peer { pid, tid, number },
            Holder::FileSystem { pid, tid, number } => Pin::FileSystem { pid, tid, number },
            Holder::Pidfd { pid, tid, number } => Pin::Pidfd { pid, tid, number },
            Holder::OutOfSight => Pin::OutOfSight,
        }
    }

    /// Whether a mount can be a copy that came with the mount namespace from another user namespace. Those who have the
    /// capabilities for a mount namespace can make mounts of what was created below its owner, and hardly others.
    fn may_be_locked(&self, pin: u32, mount_namespace: Option<u32>) -> bool {
        let Some(owner) = mount_namespace.and_then(|namespace| self.nonuser(namespace).owner()) else { return true };
        let creator = match self.pins.target(pin) {
            Target::User(node) => self.node(node).parent(),
            Target::Nonuser(nonuser) => self.nonuser(nonuser).owner(),
        };
        let is_at_home = creator.is_some_and(|creator| owner == creator || owner.is_ancestor_of(creator));
        !owner.is_initial() && !is_at_home
    }

    pub(super) fn pins_in(&self, range: Range<usize>) -> impl ExactSizeIterator<Item = Pin<'_>> {
        range.map(|index| self.pin(index as u32))
    }
}
