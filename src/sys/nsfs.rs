//! Namespace descriptors: ioctl_ns(2), and what pidfds tell of namespaces.

use super::file::Fd;
use super::{Errno, check};
use std::ffi::c_long;

/// `NSFS_MAGIC` of linux/magic.h: the file system of all namespaces.
pub const MAGIC: u32 = 0x6e73_6673;

/// `NS_GET_ID` (Linux 6.18).
const NS_GET_ID: libc::Ioctl = libc::_IOR::<u64>(0xb7, 13);
/// `PIDFD_GET_USER_NAMESPACE` (Linux 6.11).
const PIDFD_GET_USER_NAMESPACE: libc::Ioctl = libc::_IO(0xff, 9);

/// The parent of a user namespace: `NS_GET_PARENT` (Linux 4.9), close-on-exec.
///
/// EPERM: it has none, or it is out of the caller's sight. ENOTTY: the kernel lacks the operation.
pub fn parent(namespace: &Fd) -> Result<Fd, Errno> {
    // SAFETY: the operation takes no argument.
    check(unsafe { libc::ioctl(namespace.raw(), libc::NS_GET_PARENT) }.into()).map(Fd::from_call)
}

/// The UID that made a user namespace, as the caller's own namespace shows it: `NS_GET_OWNER_UID` (Linux 4.11).
pub fn owner(namespace: &Fd) -> Result<u32, Errno> {
    let mut uid: libc::uid_t = 0;
    // SAFETY: the operation writes one `uid_t`.
    check(unsafe { libc::ioctl(namespace.raw(), libc::NS_GET_OWNER_UID, &raw mut uid) }.into())?;
    Ok(uid)
}

/// The 64-bit id of a namespace, which is never used again: `NS_GET_ID` (Linux 6.18, else ENOTTY).
pub fn id(namespace: &Fd) -> Result<u64, Errno> {
    let mut id: u64 = 0;
    // SAFETY: the operation writes one `u64`.
    check(unsafe { libc::ioctl(namespace.raw(), NS_GET_ID, &raw mut id) }.into())?;
    Ok(id)
}

/// The user namespace of the calling process, without any procfs: pidfd_open(2) and an ioctl on it (Linux 6.11).
pub fn own() -> Result<Fd, Errno> {
    // SAFETY: neither call takes a pointer.
    let pid = unsafe { libc::getpid() };
    // SAFETY: as above.
    let pidfd = Fd::from_call(check(unsafe { libc::syscall(libc::SYS_pidfd_open, c_long::from(pid), 0 as c_long) })?);
    // SAFETY: the operation wants its argument to be 0.
    check(unsafe { libc::ioctl(pidfd.raw(), PIDFD_GET_USER_NAMESPACE, 0 as c_long) }.into()).map(Fd::from_call)
}
