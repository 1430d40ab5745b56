//! Namespace descriptors: ioctl_ns(2), open_by_handle_at(2).

use super::file::{self, Fd};
use super::{Errno, check, if_any};
use std::ffi::c_long;

/// `NSFS_MAGIC` of linux/magic.h: the file system of all namespaces.
pub const MAGIC: u32 = 0x6e73_6673;

/// `NS_GET_ID` (Linux 6.18).
const NS_GET_ID: libc::Ioctl = libc::_IOR::<u64>(0xb7, 13);
/// `NS_MNT_GET_NEXT` and `NS_MNT_GET_PREV` (Linux 6.12).
const NS_MNT_GET_NEXT: libc::Ioctl = libc::_IOR::<MountNamespaceInfo>(0xb7, 11);
const NS_MNT_GET_PREV: libc::Ioctl = libc::_IOR::<MountNamespaceInfo>(0xb7, 12);

/// `struct mnt_ns_info`, of 16 bytes. The kernel fills it in; Linux 6.19 fails without it.
type MountNamespaceInfo = [u64; 2];

/// The parent of a user or PID namespace: `NS_GET_PARENT` (Linux 4.9), close-on-exec.
///
/// EPERM: it has none, or it is not visible to the caller. ENOTTY: the kernel lacks the operation.
pub fn parent(namespace: &Fd) -> Result<Fd, Errno> {
    // SAFETY: the operation takes no argument.
    check(unsafe { libc::ioctl(namespace.raw(), libc::NS_GET_PARENT) }.into()).map(Fd::from_call)
}

/// The owner UID of a user namespace, as the caller's user namespace maps it: `NS_GET_OWNER_UID` (Linux 4.11).
pub fn owner(namespace: &Fd) -> Result<u32, Errno> {
    let mut uid: libc::uid_t = 0;
    // SAFETY: the operation writes one `uid_t`.
    check(unsafe { libc::ioctl(namespace.raw(), libc::NS_GET_OWNER_UID, &raw mut uid) }.into())?;
    Ok(uid)
}

/// The 64-bit id of a namespace, which is never reused: `NS_GET_ID` (Linux 6.18, else ENOTTY).
pub fn id(namespace: &Fd) -> Result<u64, Errno> {
    let mut id: u64 = 0;
    // SAFETY: the operation writes one `u64`.
    check(unsafe { libc::ioctl(namespace.raw(), NS_GET_ID, &raw mut id) }.into())?;
    Ok(id)
}

/// The type of a namespace as a flag of clone(2): `NS_GET_NSTYPE` (Linux 4.11).
pub fn namespace_type(namespace: &Fd) -> Result<i32, Errno> {
    // SAFETY: the operation takes no argument.
    check(unsafe { libc::ioctl(namespace.raw(), libc::NS_GET_NSTYPE) }.into()).map(|flag| flag as i32)
}

/// The user namespace that owns a nonuser namespace: `NS_GET_USERNS` (Linux 4.9), close-on-exec.
///
/// EPERM: it is not visible to the caller.
pub fn owning_user_namespace(namespace: &Fd) -> Result<Fd, Errno> {
    // SAFETY: the operation takes no argument.
    check(unsafe { libc::ioctl(namespace.raw(), libc::NS_GET_USERNS) }.into()).map(Fd::from_call)
}

/// The inode number of a namespace that an operation has opened; `None` if that, or fstat(2), failed.
pub fn inode_if_any(opened: Result<Fd, Errno>) -> Result<Option<u64>, Errno> {
    if_any(opened.and_then(|namespace| Ok(file::identity(&namespace)?.inode)))
}

/// `FD_NSFS_ROOT` of linux/fcntl.h and `FILEID_NSFS` of linux/exportfs.h (Linux 6.18).
const FD_NSFS_ROOT: c_long = -10003;
const FILEID_NSFS: i32 = 0xf1;

/// `struct file_handle` with `struct nsfs_file_handle` of linux/nsfs.h.
#[repr(C)]
struct Handle {
    size: u32,
    handle_type: i32,
    id: u64,
    /// 0 for any, since Linux 6.19.
    namespace_type: u32,
    inode: u32,
}

/// Moves the calling process into a user namespace, which gives it all capabilities there: setns(2). Needs CAP_SYS_ADMIN
/// there.
pub fn enter_user_namespace(namespace: &Fd) -> Result<(), Errno> {
    let namespace = c_long::from(namespace.raw());
    // SAFETY: the call takes no pointer.
    check(unsafe { libc::syscall(libc::SYS_setns, namespace, libc::CLONE_NEWUSER as c_long) }).map(drop)
}

/// Opens a namespace by its 64-bit id, close-on-exec. Its type, as a flag of clone(2), and its inode number can be 0 since
/// Linux 6.19; Linux 6.18 compares them.
///
/// ESTALE: it has ended, it is not in use (Linux 6.19), or this is not permitted.
pub fn open(id: u64, clone_flag: i32, inode: u64) -> Result<Fd, Errno> {
    // Inode numbers of namespaces have 32 bits, `ns_common.inum`.
    let (namespace_type, inode) = (clone_flag as u32, inode as u32);
    let handle = Handle { size: 16, handle_type: FILEID_NSFS, id, namespace_type, inode };
    let flags = c_long::from(libc::O_RDONLY | libc::O_CLOEXEC);
    // SAFETY: the kernel reads the handle, which is as long as it says.
    check(unsafe { libc::syscall(libc::SYS_open_by_handle_at, FD_NSFS_ROOT, &raw const handle, flags) })
        .map(Fd::from_call)
}

/// A direction in the list of all mount namespaces.
#[derive(Clone, Copy)]
pub enum Direction {
    Next,
    Previous,
}

/// The mount namespace next to one in the list of all, close-on-exec (Linux 6.12). Needs CAP_SYS_ADMIN in the initial user
/// namespace, and the initial PID namespace.
///
/// ENOENT: there is none. EPERM: not permitted. ENOTTY: the kernel lacks the operation.
pub fn mount_namespace_beside(namespace: &Fd, direction: Direction) -> Result<Fd, Errno> {
    let operation = match direction {
        Direction::Next => NS_MNT_GET_NEXT,
        Direction::Previous => NS_MNT_GET_PREV,
    };
    let mut info: MountNamespaceInfo = [0; 2];
    // SAFETY: the operation writes one structure.
    check(unsafe { libc::ioctl(namespace.raw(), operation, &raw mut info) }.into()).map(Fd::from_call)
}
