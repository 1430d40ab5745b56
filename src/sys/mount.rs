//! Mounts and mount namespaces: setns(2), unshare(2), umount2(2), mount_namespaces(7).

use super::file::Fd;
use super::{Errno, check};
use std::ffi::{CStr, c_long, c_void};
use std::ptr;

/// Moves the calling process into a mount namespace. Its root and working directory become those of the namespace.
pub fn enter(namespace: &Fd) -> Result<(), Errno> {
    let namespace = c_long::from(namespace.raw());
    // SAFETY: the call takes no pointer.
    check(unsafe { libc::syscall(libc::SYS_setns, namespace, libc::CLONE_NEWNS as c_long) }).map(drop)
}

/// Moves the calling process into a copy of its mount namespace, without any mount propagation.
pub fn unshare_private() -> Result<(), Errno> {
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: all strings are NUL-terminated; the other call takes no pointers.
    unsafe {
        check(libc::syscall(libc::SYS_unshare, libc::CLONE_NEWNS as c_long))?;
        let (none, slash, data) = (c"none".as_ptr(), c"/".as_ptr(), ptr::null::<c_void>());
        check(libc::syscall(libc::SYS_mount, none, slash, none, private, data)).map(drop)
    }
}

/// Unmounts, lazily, the mount that the link `path` in `directory` leads to: a link of `/proc/PID/fd`, so that no path is
/// looked up that another process can change. The directory becomes the working directory of the calling process.
pub fn unmount_target(directory: &Fd, path: &CStr) -> Result<(), Errno> {
    // SAFETY: the path is NUL-terminated; the first call takes no pointer.
    unsafe {
        check(libc::syscall(libc::SYS_fchdir, c_long::from(directory.raw())))?;
        check(libc::syscall(libc::SYS_umount2, path.as_ptr(), c_long::from(libc::MNT_DETACH))).map(drop)
    }
}
