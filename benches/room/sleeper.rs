//! Processes that do nothing but to be there, with the threads and descriptors that they are to have.

use super::succeeded;
use std::ffi::{c_int, c_long, c_uint, c_void};
use std::fs::File;
use std::io::{self, Error, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::{mem, ptr};

/// Starts a process that furnishes itself and sleeps, if wanted in a user namespace of its own. It is there when the
/// call returns.
pub fn start_sleeper(alone: bool, furnish: impl FnOnce() -> io::Result<()>) -> io::Result<libc::pid_t> {
    let flags = if alone { libc::CLONE_NEWUSER as u64 } else { 0 };
    // `struct clone_args` as it was at first, see clone(2): the fifth is `exit_signal`, the others are as for fork(2).
    let arguments: [u64; 8] = [flags, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
    // SAFETY: the child has a copy of this process's memory, and does nothing but system calls.
    match unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), mem::size_of_val(&arguments)) } {
        -1 => Err(Error::last_os_error()),
        0 if furnish().is_ok() => sleep(),
        // SAFETY: the call takes no pointer.
        0 => unsafe { libc::_exit(1) },
        pid => Ok(pid as libc::pid_t),
    }
}

fn sleep() -> ! {
    loop {
        // SAFETY: the call takes no pointer.
        unsafe { libc::pause() };
    }
}

/// A user namespace in which no process lives any more.
pub fn empty_namespace() -> io::Result<File> {
    let pid = start_sleeper(true, || Ok(()))?;
    let namespace = File::open(format!("/proc/{pid}/ns/user"));
    // SAFETY: the one pointer may be null; the child has not been reaped before, so the PID is still its own.
    let reaped = unsafe { libc::kill(pid, libc::SIGKILL) == 0 && libc::waitpid(pid, ptr::null_mut(), 0) == pid };
    if reaped { namespace } else { Err(Error::last_os_error()) }
}

/// As large as it takes to call one function; the elements are for the alignment.
type Stack = [u128; 256];

/// What a process is to have.
pub struct Furniture {
    /// For each thread but the first.
    stacks: Vec<Stack>,
    descriptors: c_int,
    /// A file and a socket, in turn; their own descriptors have higher numbers than those that are to be.
    patterns: [OwnedFd; 2],
    /// The ends of a pipe to read from and to write to, with higher numbers too. Every process that is started has them
    /// until it is furnished, which it says with a byte.
    pipe: [OwnedFd; 2],
}

impl Furniture {
    pub fn new(threads: usize, descriptors: usize) -> io::Result<Furniture> {
        let descriptors = descriptors as c_int;
        let raised = |descriptor: BorrowedFd| raised(descriptor, descriptors);
        let (file, socket) = (File::open("/dev/null")?, UnixDatagram::unbound()?);
        let [from, to] = pipe()?;
        Ok(Furniture {
            stacks: vec![[0; 256]; threads - 1],
            descriptors,
            patterns: [raised(file.as_fd())?, raised(socket.as_fd())?],
            pipe: [raised(from.as_fd())?, raised(to.as_fd())?],
        })
    }

    /// Gives it to the calling process: threads, and these descriptors and no others, the last one of them of a
    /// namespace if there is one.
    pub fn install(&mut self, namespace: Option<&File>) -> io::Result<()> {
        self.stacks.iter_mut().try_for_each(start_thread)?;
        let last = self.descriptors - 1;
        // First, because its own number may be one of those that are to be.
        if let Some(namespace) = namespace {
            duplicate_to(namespace.as_fd(), last);
        }
        let numbers = 0..if namespace.is_some() { last } else { self.descriptors };
        for (number, pattern) in numbers.zip(self.patterns.iter().cycle()) {
            duplicate_to(pattern.as_fd(), number);
        }
        // SAFETY: one byte is to be read there.
        let told = unsafe { libc::write(self.pipe[1].as_raw_fd(), b".".as_ptr().cast(), 1) };
        let (from, to) = (c_long::from(self.descriptors), c_long::from(c_uint::MAX));
        // SAFETY: the call, there since Linux 5.9, takes no pointer.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, from, to, 0 as c_long) };
        if told == 1 && closed == 0 { Ok(()) } else { Err(Error::last_os_error()) }
    }

    /// Waits until no other process can write any more; how many are furnished.
    pub fn wait(self) -> io::Result<usize> {
        let [from, to] = self.pipe;
        drop(to);
        File::from(from).read_to_end(&mut Vec::new())
    }
}

fn pipe() -> io::Result<[OwnedFd; 2]> {
    let mut ends = [-1; 2];
    // SAFETY: the call writes two numbers.
    succeeded(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: the call has just made these descriptors.
    Ok(ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) }))
}

/// Starts a thread of this process that sleeps. It has no thread-local data of its own, and no use for any.
fn start_thread(stack: &mut Stack) -> io::Result<()> {
    extern "C" fn act(_: *mut c_void) -> c_int {
        sleep()
    }
    const FLAGS: c_int = libc::CLONE_VM
        | libc::CLONE_FS
        | libc::CLONE_FILES
        | libc::CLONE_SIGHAND
        | libc::CLONE_THREAD
        | libc::CLONE_SYSVSEM;
    let top = stack.as_mut_ptr_range().end.cast();
    // SAFETY: the stack is the thread's alone as long as the process lives: what it belongs to is never dropped there.
    if unsafe { libc::clone(act, top, FLAGS, ptr::null_mut()) } < 0 { Err(Error::last_os_error()) } else { Ok(()) }
}

/// A duplicate that has this number or a higher one.
fn raised(descriptor: BorrowedFd, lowest: c_int) -> io::Result<OwnedFd> {
    // SAFETY: the command takes a number.
    let returned = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) };
    if returned < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the call has just made this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(returned) })
}

/// Closes what has that number. Cannot fail: the number is below one that this process could use before.
fn duplicate_to(descriptor: BorrowedFd, number: c_int) {
    // SAFETY: the call takes no pointer.
    unsafe { libc::dup2(descriptor.as_raw_fd(), number) };
}
