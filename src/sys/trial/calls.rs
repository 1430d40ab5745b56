//! The system calls of the processes of a trial. They take no lock and allocate no memory: another thread of the caller can
//! hold any lock in the copy of its memory.

use crate::sys::clock::Start;
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, check, child, listns, mount, statmount};
use std::ffi::{CStr, c_char, c_int, c_long, c_void};
use std::ptr;

/// A function that a child runs.
pub type Function = extern "C" fn(*mut c_void) -> c_int;

/// Makes a child that runs `function` on a stack of its own. It sends no signal when it ends.
///
/// # Safety
///
/// `top` is the end of memory for a stack, which nothing uses that the child uses. Without CLONE_VM, the child has copies of
/// it, and of what `argument` points to.
pub unsafe fn clone(
    function: Function,
    top: *mut c_void,
    flags: c_int,
    argument: *const c_void,
) -> Result<c_int, Errno> {
    // SAFETY: as this function's.
    let pid = unsafe { libc::clone(function, top, flags, argument.cast_mut()) };
    check(c_long::from(pid)).map(|pid| pid as c_int)
}

pub fn unshare(flags: c_int) -> Result<usize, Errno> {
    // SAFETY: the call takes no pointer.
    check(unsafe { libc::syscall(libc::SYS_unshare, c_long::from(flags)) })
}

/// Moves the calling process into its own mount namespace again. Its root directory becomes that of the namespace; whether
/// it was another one.
pub fn leave_chroot() -> Result<bool, Errno> {
    let root = || file::status_at(&file::borrow(libc::AT_FDCWD), c"/").map(|root| root.place());
    let (before, own) = (root()?, file::open(c"/proc/self/ns/mnt", libc::O_RDONLY)?);
    mount::enter(&own)?;
    Ok(root()? != before)
}

/// Mounts a new file system over the root directory, where it is not in the way: paths still begin below it.
pub fn mount(file_system: &CStr, flags: libc::c_ulong) -> Result<usize, Errno> {
    mount_at(c"/".as_ptr(), file_system, flags)
}

/// Calls mount(2) with an address that is none. EFAULT, before the kernel or a security module decides about anything.
pub fn mount_nowhere() -> Result<usize, Errno> {
    mount_at(ptr::without_provenance(1), c"tmpfs", libc::MS_RDONLY)
}

fn mount_at(path: *const c_char, file_system: &CStr, flags: libc::c_ulong) -> Result<usize, Errno> {
    let (none, data) = (c"none".as_ptr(), ptr::null::<c_void>());
    // SAFETY: the kernel only reads strings: `path` is one, or an address that it finds invalid.
    check(unsafe { libc::syscall(libc::SYS_mount, none, path, file_system.as_ptr(), flags, data) })
}

/// Makes the calls of a scan that other programs seldom make, with arguments that are none, so that they do nothing.
pub fn survive_scan() {
    const CALLS: [c_long; 16] = [
        libc::SYS_pread64,
        libc::SYS_clone3,
        libc::SYS_openat2,
        libc::SYS_statx,
        libc::SYS_waitid,
        libc::SYS_kcmp,
        libc::SYS_getdents64,
        libc::SYS_open_by_handle_at,
        libc::SYS_setns,
        libc::SYS_unshare,
        libc::SYS_pidfd_open,
        libc::SYS_pidfd_getfd,
        libc::SYS_pidfd_send_signal,
        statmount::SYS_STATMOUNT,
        statmount::SYS_LISTMOUNT,
        listns::SYS_LISTNS,
    ];
    let none = -1 as c_long;
    for number in CALLS {
        // SAFETY: the kernel reads and writes nothing at an address that is none.
        unsafe { libc::syscall(number, none, none, none, none, none) };
    }
    // Their numbers differ between architectures.
    let nothing = file::borrow(-1);
    let _ = (file::identity(&nothing), file::file_system(&nothing));
}

/// A socket through which the loopback interface is brought up. Any does, see netdevice(7).
pub fn socket() -> Result<Fd, Errno> {
    let kind = c_long::from(libc::SOCK_DGRAM | libc::SOCK_CLOEXEC);
    // SAFETY: the call takes no pointer.
    check(unsafe { libc::syscall(libc::SYS_socket, c_long::from(libc::AF_UNIX), kind, 0 as c_long) }).map(Fd::from_call)
}

pub fn bring_up_loopback(socket: &Fd) -> Result<usize, Errno> {
    // SAFETY: the structure consists of numbers.
    let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
    for (to, from) in request.ifr_name.iter_mut().zip(*b"lo") {
        *to = from as c_char;
    }
    request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
    // SAFETY: the kernel reads the structure.
    check(unsafe { libc::ioctl(socket.raw(), libc::SIOCSIFFLAGS as libc::Ioctl, &raw const request) }.into())
}

/// Writes a file, as a whole.
pub fn write_file(path: &CStr, text: &[u8]) -> Result<usize, Errno> {
    let file = file::open(path, libc::O_WRONLY)?;
    // SAFETY: the kernel reads `text`.
    check(unsafe { libc::syscall(libc::SYS_write, c_long::from(file.raw()), text.as_ptr(), text.len()) })
}

/// Makes a filter that kills leave no core dump. A limit of one byte, since a limit of 0 does not keep a program from
/// receiving the dump, see core(5).
pub fn leave_no_core() {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the calls write and read the structure.
    unsafe {
        libc::getrlimit(libc::RLIMIT_CORE, &raw mut limit);
        limit.rlim_cur = limit.rlim_max.min(1);
        libc::setrlimit(libc::RLIMIT_CORE, &raw const limit);
    }
}

pub fn parent() -> c_int {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::getppid() }
}

/// Ends a child. It is waited for elsewhere.
pub fn kill(pid: c_int) {
    // SAFETY: the call takes no pointer.
    unsafe { libc::syscall(libc::SYS_kill, c_long::from(pid), c_long::from(libc::SIGKILL)) };
}

/// Waits until a child has ended, for so many microseconds. ETIMEDOUT: it has not. ECHILD: it has, and another thread of the
/// caller has reaped it.
pub fn wait_for(pid: c_int, patience: u64) -> Result<c_int, Errno> {
    let start = Start::now();
    let mut pause = 50;
    loop {
        match child::status(pid) {
            Ok(Some(status)) => return Ok(status),
            Err(Errno(libc::ECHILD)) => return Err(Errno(libc::ECHILD)),
            _ => (), // or a filter refuses to say
        }
        if start.elapsed_microseconds() > patience {
            return Err(Errno(libc::ETIMEDOUT));
        }
        sleep(pause);
        pause = (2 * pause).min(1000);
    }
}

/// Waits for less than a second.
pub fn sleep(microseconds: u32) {
    // As the system call has them; `libc::timespec` can have 64 bits on 32-bit machines.
    let mut time: [c_long; 2] = [0, 1000 * microseconds as c_long];
    let (none, zero) = (ptr::null::<c_void>(), 0 as c_long);
    // SAFETY: `time` may be written.
    unsafe { libc::syscall(libc::SYS_ppoll, none, zero, time.as_mut_ptr(), none, zero) };
}

/// Puts a file in place of standard input, output and error.
pub fn redirect(file: &Fd) {
    for number in 0..3 {
        // SAFETY: the calls take no pointer.
        unsafe {
            match file.raw() == number {
                true => libc::syscall(libc::SYS_fcntl, c_long::from(number), c_long::from(libc::F_SETFD), 0 as c_long),
                false => libc::syscall(libc::SYS_dup3, c_long::from(file.raw()), c_long::from(number), 0 as c_long),
            };
        }
    }
}

/// Executes a program in place of this process, with no signal blocked and nothing in its environment. Returns only if that
/// fails.
pub fn execute(program: &CStr, arguments: &[*const c_char]) -> Errno {
    let environment = [ptr::null::<c_char>()];
    // SAFETY: the arguments are strings, and end with NULL, as the environment does. An empty set of signals is one.
    unsafe {
        let mut nothing: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut nothing);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const nothing, ptr::null_mut());
        libc::syscall(libc::SYS_execve, program.as_ptr(), arguments.as_ptr(), environment.as_ptr());
    }
    Errno::last()
}
