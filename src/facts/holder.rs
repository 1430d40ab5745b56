//! What keeps namespaces alive.

use super::TextRef;

/// A namespace, by its index in the facts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    User(u32),
    Nonuser(u32),
}

/// What keeps a namespace alive. The order of the variants is that of pins in all interfaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A thread is in it.
    Member { pid: i32, tid: i32 },
    /// Children of a thread will be created in it; the thread itself is in another one.
    ForChildren { pid: i32, tid: i32 },
    /// A descriptor in the table of a thread.
    Descriptor { pid: i32, tid: i32, number: i32 },
    /// A bind mount on a path, as a process sees it. `namespace` is the mount namespace, a nonuser namespace.
    Mount { pid: i32, path: TextRef, namespace: Option<u32>, is_overmounted: bool },
    /// A socket in the table of a thread.
    Socket { pid: i32, tid: i32, number: i32 },
    /// It owns a nonuser namespace. Sources do not write this: it follows from the facts about that namespace.
    Owned { nonuser: u32 },
    /// It is the parent of a nonuser namespace. Follows from the facts about that namespace, too.
    ChildNamespace { nonuser: u32 },
    /// A file that is registered with an io_uring, whose descriptor is in the table of a thread.
    IoUring { pid: i32, tid: i32, number: i32 },
    /// The credentials with which a file in the table of a thread was opened.
    Credentials { pid: i32, tid: i32, number: i32 },
    /// The credentials of the peer of a socket in the table of a thread.
    Peer { pid: i32, tid: i32, number: i32 },
    /// The file system of a file in the table of a thread.
    FileSystem { pid: i32, tid: i32, number: i32 },
    /// A pidfd in the table of a thread; its process was in the namespace and has ended.
    Pidfd { pid: i32, tid: i32, number: i32 },
    /// The kernel lists it as in use, and the scan has not seen why.
    OutOfSight,
}

/// A holder and the namespace that it keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hold {
    pub target: Target,
    pub holder: Holder,
}
