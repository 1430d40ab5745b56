//! One sleeping process, with its threads and descriptors.

use crate::sandbox::succeeded;
use std::ffi::{c_int, c_long, c_uint, c_void};
use std::fs::File;
use std::io::{self, Error, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::{mem, ptr};

/// So many user namespaces are made in the name of one user, since the kernel limits them: `user.max_user_namespaces`.
const PER_USER: usize = 50_000;

/// Starts a process that equips itself and sleeps, and is alone in a new user namespace if that has a number. It exists, and is
/// in its namespace, when the call returns.
pub fn start_sleeper(alone: Option<usize>, equip: impl FnOnce() -> io::Result<()>) -> io::Result<libc::pid_t> {
    match alone.map_or(0, |number| number / PER_USER) {
        0 => clone_sleeper(alone.is_some(), equip),
        other => {
            become_user(other as libc::uid_t)
                .map_err(|error| Error::other(format!("more than {PER_USER} user namespaces need root: {error}")))?;
            let started = clone_sleeper(true, equip);
            become_user(0)?;
            started
        }
    }
}

/// Changes the effective UID of this process, which has a single thread. That clears two attributes which are set again: it is
/// dumpable, and dies with its parent, see prctl(2).
fn become_user(user: libc::uid_t) -> io::Result<()> {
    // SAFETY: the calls take no pointer.
    succeeded(unsafe { libc::seteuid(user) })
        .and_then(|()| succeeded(unsafe { libc::prctl(libc::PR_SET_DUMPABLE, 1) }))
        .and_then(|()| succeeded(unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) }))
}

fn clone_sleeper(alone: bool, equip: impl FnOnce() -> io::Result<()>) -> io::Result<libc::pid_t> {
    let flags = if alone { libc::CLONE_NEWUSER as u64 } else { 0 };
    // The first version of `struct clone_args`, see clone(2). The fifth field is `exit_signal`.
    let arguments: [u64; 8] = [flags, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
    // SAFETY: the child has a copy of this process's memory, and only makes system calls.
    match unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), mem::size_of_val(&arguments)) } {
        -1 => Err(Error::last_os_error()),
        0 if equip().is_ok() => sleep(),
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

/// A user namespace without processes, which has this number.
pub fn empty_namespace(number: usize) -> io::Result<File> {
    let pid = start_sleeper(Some(number), || Ok(()))?;
    let namespace = File::open(format!("/proc/{pid}/ns/user"));
    // SAFETY: the only pointer may be null. The child has not been reaped, so its PID has not been reused.
    let reaped = unsafe { libc::kill(pid, libc::SIGKILL) == 0 && libc::waitpid(pid, ptr::null_mut(), 0) == pid };
    if reaped { namespace } else { Err(Error::last_os_error()) }
}

/// A stack that suffices to call one function. The type of its elements aligns it.
type Stack = [u128; 256];

/// The threads and descriptors of a process.
pub struct Equipment {
    /// One for each thread except the first.
    stacks: Vec<Stack>,
    descriptors: c_int,
    /// A file and a socket, which are duplicated in turn. Their own numbers are above those of the duplicates.
    patterns: [OwnedFd; 2],
    /// The read and write end of a pipe, also with higher numbers. A process that has its equipment writes one byte and
    /// closes both ends.
    pipe: [OwnedFd; 2],
}

impl Equipment {
    pub fn new(threads: usize, descriptors: usize) -> io::Result<Equipment> {
        let descriptors = descriptors as c_int;
        let raised = |descriptor: BorrowedFd| raised(descriptor, descriptors);
        let (file, socket) = (File::open("/dev/null")?, UnixDatagram::unbound()?);
        let [from, to] = pipe()?;
        Ok(Equipment {
            stacks: vec![[0; 256]; threads - 1],
            descriptors,
            patterns: [raised(file.as_fd())?, raised(socket.as_fd())?],
            pipe: [raised(from.as_fd())?, raised(to.as_fd())?],
        })
    }

    /// Gives the calling process these threads, and exactly these descriptors. If there is a namespace, the last
    /// descriptor refers to it.
    pub fn install(&mut self, namespace: Option<&File>) -> io::Result<()> {
        self.stacks.iter_mut().try_for_each(|stack| start_thread(stack, libc::CLONE_FILES))?;
        let last = self.descriptors - 1;
        // First, because its own number may be one of those that the duplicates replace.
        if let Some(namespace) = namespace {
            duplicate_to(namespace.as_fd(), last);
        }
        let numbers = 0..if namespace.is_some() { last } else { self.descriptors };
        for (number, pattern) in numbers.zip(self.patterns.iter().cycle()) {
            duplicate_to(pattern.as_fd(), number);
        }
        // SAFETY: the buffer has one byte.
        let written = unsafe { libc::write(self.pipe[1].as_raw_fd(), b".".as_ptr().cast(), 1) };
        let (from, to) = (c_long::from(self.descriptors), c_long::from(c_uint::MAX));
        // SAFETY: the call (Linux 5.9) takes no pointer.
        let closed = unsafe { libc::syscall(libc::SYS_close_range, from, to, 0 as c_long) };
        if written == 1 && closed == 0 { Ok(()) } else { Err(Error::last_os_error()) }
    }

    /// Waits until every process has its equipment or has ended. Returns how many have it.
    pub fn wait(self) -> io::Result<usize> {
        let [from, to] = self.pipe;
        drop(to);
        File::from(from).read_to_end(&mut Vec::new())
    }
}

pub fn pipe() -> io::Result<[OwnedFd; 2]> {
    let mut ends = [-1; 2];
    // SAFETY: the call writes two numbers.
    succeeded(unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) })?;
    // SAFETY: the call has just made these descriptors.
    Ok(ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) }))
}

/// Gives the calling process so many threads, with a descriptor table each.
pub fn start_threads_with_tables(threads: usize) -> io::Result<()> {
    let mut stacks: Vec<Stack> = vec![[0; 256]; threads - 1];
    stacks.iter_mut().try_for_each(|stack| start_thread(stack, 0))?;
    mem::forget(stacks);
    Ok(())
}

/// Starts a sleeping thread of this process. It has no thread-local data of its own, and uses none.
/// `files`: CLONE_FILES, or 0 for a descriptor table of its own.
fn start_thread(stack: &mut Stack, files: c_int) -> io::Result<()> {
    extern "C" fn act(_: *mut c_void) -> c_int {
        sleep()
    }
    const FLAGS: c_int =
        libc::CLONE_VM | libc::CLONE_FS | libc::CLONE_SIGHAND | libc::CLONE_THREAD | libc::CLONE_SYSVSEM;
    let top = stack.as_mut_ptr_range().end.cast();
    // SAFETY: only this thread uses the stack, and a process that sleeps never drops its equipment.
    if unsafe { libc::clone(act, top, FLAGS | files, ptr::null_mut()) } < 0 {
        Err(Error::last_os_error())
    } else {
        Ok(())
    }
}

/// A duplicate with this number or a higher one.
fn raised(descriptor: BorrowedFd, lowest: c_int) -> io::Result<OwnedFd> {
    // SAFETY: the command takes a number.
    let returned = unsafe { libc::fcntl(descriptor.as_raw_fd(), libc::F_DUPFD_CLOEXEC, lowest) };
    if returned < 0 {
        return Err(Error::last_os_error());
    }
    // SAFETY: the call has just made this descriptor.
    Ok(unsafe { OwnedFd::from_raw_fd(returned) })
}

/// Replaces the descriptor with that number. Cannot fail: the number is below one that this process already has.
fn duplicate_to(descriptor: BorrowedFd, number: c_int) {
    // SAFETY: the call takes no pointer.
    unsafe { libc::dup2(descriptor.as_raw_fd(), number) };
}
