//! Namespace descriptors: ioctl_ns(2).

use super::file::Fd;
use super::{Errno, check};

/// `NSFS_MAGIC` of linux/magic.h: the file system of all namespaces.
pub const MAGIC: u32 = 0x6e73_6673;

/// `NS_GET_ID` (Linux 6.18).
const NS_GET_ID: libc::Ioctl = libc::_IOR::<u64>(0xb7, 13);

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
