//! Processes by descriptor and by PID: pidfd_open(2), pidfd_getfd(2), kcmp(2).

use super::file::Fd;
use super::{Errno, check, if_any, worker};
use std::cmp::Ordering;
use std::ffi::{c_int, c_long};
use std::mem::MaybeUninit;

/// The numbers of `PIDFD_GET_CGROUP_NAMESPACE` and its like (Linux 6.11), by flags of clone(2).
const NAMESPACES: [(c_int, u32); 8] = [
    (libc::CLONE_NEWCGROUP, 1),
    (libc::CLONE_NEWIPC, 2),
    (libc::CLONE_NEWNS, 3),
    (libc::CLONE_NEWNET, 4),
    (libc::CLONE_NEWPID, 5),
    (0x80, 7), // CLONE_NEWTIME, which not all versions of libc have
    (libc::CLONE_NEWUSER, 9),
    (libc::CLONE_NEWUTS, 10),
];
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

/// The namespace of a process or thread that has the type of a flag of clone(2), close-on-exec, without any procfs (Linux
/// 6.11).
pub fn namespace(process: &Fd, clone_flag: c_int) -> Result<Fd, Errno> {
    let Some(&(_, number)) = NAMESPACES.iter().find(|(flag, _)| *flag == clone_flag) else {
        return Err(Errno(libc::EINVAL));
    };
    // SAFETY: the operation takes 0 as its argument.
    check(unsafe { libc::ioctl(process.raw(), libc::_IO(0xff, number), 0 as c_long) }.into()).map(Fd::from_call)
}

/// The same of the calling thread.
pub fn own_namespace(clone_flag: c_int) -> Result<Fd, Errno> {
    namespace(&own_thread()?, clone_flag)
}

fn own_thread() -> Result<Fd, Errno> {
    // SAFETY: the call takes nothing and cannot fail.
    open(unsafe { libc::syscall(libc::SYS_gettid) as i32 }, true)
}

/// Whether a child of the calling thread would be the first process of a PID namespace, without any procfs. False if the
/// kernel does not tell (before Linux 6.11).
pub fn would_child_be_first() -> Result<bool, Errno> {
    Ok(if_any(namespace_for_children())?.is_some_and(|namespace| lacks_first_process(&namespace)))
}

/// The PID namespace of children of the calling thread, close-on-exec, without any procfs (Linux 6.11).
fn namespace_for_children() -> Result<Fd, Errno> {
    const FOR_CHILDREN: u32 = 6;
    let own = own_thread()?;
    // SAFETY: the operation takes 0 as its argument.
    check(unsafe { libc::ioctl(own.raw(), libc::_IO(0xff, FOR_CHILDREN), 0 as c_long) }.into()).map(Fd::from_call)
}

/// Whether a PID namespace lacks its first process: `NS_GET_PID_FROM_PIDNS`, see ioctl_nsfs(2) (Linux 6.11).
///
/// ESRCH: it does. Some kernels up to 6.19 answer ENOTTY instead, as those that do not know the operation; whether this one
/// does, `NS_GET_PID_IN_PIDNS` tells, which has another answer for the caller.
pub fn lacks_first_process(namespace: &Fd) -> bool {
    let ask = |operation: u32, pid: c_long| {
        // SAFETY: the operation takes a number.
        check(unsafe { libc::ioctl(namespace.raw(), libc::_IOR::<c_int>(0xb7, operation), pid) }.into())
    };
    match ask(0x6, 1) {
        Err(Errno(libc::ENOTTY)) => ask(0x8, own_pid().into()) == Err(Errno(libc::ESRCH)),
        first => first == Err(Errno(libc::ESRCH)),
    }
}

/// Duplicates a descriptor of another process, close-on-exec (Linux 5.6). Needs permission for
/// PTRACE_MODE_ATTACH_REALCREDS.
pub fn duplicate(process: &Fd, number: i32) -> Result<Fd, Errno> {
    let (process, number) = (c_long::from(process.raw()), c_long::from(number));
    worker::guarded(|| {
        // SAFETY: the call takes no pointer.
        check(unsafe { libc::syscall(libc::SYS_pidfd_getfd, process, number, 0 as c_long) }).map(Fd::from_call)
    })
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
