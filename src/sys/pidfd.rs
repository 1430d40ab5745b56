//! Processes by descriptor and by PID: pidfd_open(2), pidfd_getfd(2), kcmp(2).

use super::file::Fd;
use super::{Errno, check, worker};
use std::cmp::Ordering;
use std::ffi::{c_int, c_long};
use std::mem::MaybeUninit;

/// `PIDFD_GET_USER_NAMESPACE` (Linux 6.11).
const PIDFD_GET_USER_NAMESPACE: libc::Ioctl = libc::_IO(0xff, 9);
/// `SIOCGSKNS` of linux/sockios.h (Linux 4.10).
const SIOCGSKNS: libc::Ioctl = 0x894c;
/// `KCMP_FILES` of linux/kcmp.h.
const KCMP_FILES: c_long = 2;

/// The PID of the calling process in its own PID namespace.
pub fn own_pid() -> i32 {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::getpid() }
}

/// Opens a process by its PID in the caller's PID namespace, close-on-exec (Linux 5.3), or a thread that is not a
/// thread-group leader (Linux 6.9).
pub fn open(pid: i32, is_thread: bool) -> Result<Fd, Errno> {
    const PIDFD_THREAD: c_int = libc::O_EXCL;
    let flags = if is_thread { PIDFD_THREAD } else { 0 };
    // SAFETY: the call takes no pointer.
    check(unsafe { libc::syscall(libc::SYS_pidfd_open, c_long::from(pid), c_long::from(flags)) }).map(Fd::from_call)
}

/// The user namespace of a process, without any procfs (Linux 6.11).
pub fn user_namespace(process: &Fd) -> Result<Fd, Errno> {
    // SAFETY: the operation takes 0 as its argument.
    check(unsafe { libc::ioctl(process.raw(), PIDFD_GET_USER_NAMESPACE, 0 as c_long) }.into()).map(Fd::from_call)
}

/// Duplicates a descriptor of another process, close-on-exec (Linux 5.6). Needs permission for
/// PTRACE_MODE_ATTACH_REALCREDS.
pub fn duplicate(process: &Fd, number: i32) -> Result<Fd, Errno> {
    let (process, number) = (c_long::from(process.raw()), c_long::from(number));
    // SAFETY: the call takes no pointer.
    let duplicate = || check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, number, 0 as c_long) });
    worker::guarded(duplicate).map(Fd::from_call)
}

/// The network namespace of a socket, or of a tun or tap device, close-on-exec; needs CAP_NET_ADMIN there.
pub fn network_namespace(socket: &Fd) -> Result<Fd, Errno> {
    // The driver of tun and tap devices reads a `struct ifreq`, whatever the operation.
    let request = MaybeUninit::<libc::ifreq>::zeroed();
    // SAFETY: the kernel reads at most the structure.
    check(unsafe { libc::ioctl(socket.raw(), SIOCGSKNS, request.as_ptr()) }.into()).map(Fd::from_call)
}

/// Compares the descriptor tables of two threads, see kcmp(2). The TIDs are those of the caller's PID namespace.
pub fn compare_descriptors(one: i32, other: i32) -> Result<Ordering, Errno> {
    let (one, other) = (c_long::from(one), c_long::from(other));
    // SAFETY: the call takes no pointer.
    let compare = || check(unsafe { libc::syscall(libc::SYS_kcmp, one, other, KCMP_FILES, 0 as c_long, 0 as c_long) });
    match worker::guarded(compare)? {
        0 => Ok(Ordering::Equal),
        1 => Ok(Ordering::Less),
        2 => Ok(Ordering::Greater),
        _ => Err(Errno(libc::ENOSYS)), // not equal, and without an order
    }
}
