//! A PID namespace with a procfs of its own, full of sleeping processes, some of them in user namespaces of their own.

use crate::common;
use std::ffi::{CStr, c_int, c_long, c_uint, c_ulong};
use std::fs::File;
use std::io::{self, Error, Read};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd};
use std::os::unix::fs::MetadataExt;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fs, mem, process, ptr};

/// What a room holds.
#[derive(Clone, Copy)]
pub struct Population {
    /// Sleeping processes.
    pub processes: usize,
    /// User namespaces, in each of which one of them is alone.
    pub namespaces: usize,
    /// Descriptors that each process has open; 0: those that it happens to inherit.
    pub descriptors: usize,
    /// User namespaces, each of which only a descriptor of one process keeps alive.
    pub held: usize,
}

/// Does something as process 1 of a new PID namespace among sleeping processes, given the inode numbers of the
/// namespaces that are only held; where that cannot be had, says why.
///
/// The kernel ends and reaps all that a PID namespace holds when its process 1 ends, however that happens; see
/// pid_namespaces(7). So nothing stays behind.
pub fn within(population: Population, act: impl FnOnce(&[u64])) {
    let what = format!("{} processes", population.processes);
    in_child(&what, || {
        new_namespaces()?;
        in_child(&what, || {
            mount_procfs()?;
            act(&populate(population)?);
            Ok(())
        });
        Ok(())
    });
}

/// Does something in a child process, which dies with this one, and waits for it. A reason to leave it undone is told
/// by the child; if the child panics, so does this.
fn in_child(what: &str, act: impl FnOnce() -> Result<(), String>) {
    // SAFETY: this process has a single thread, so the child may do whatever its parent could.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", Error::last_os_error());
    if pid == 0 {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: PR_SET_PDEATHSIG takes a signal number, no pointer.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong) };
            act().unwrap_or_else(|reason| common::skip(what, &reason));
        }));
        process::exit(outcome.is_err().into());
    }
    let mut status = 0;
    // SAFETY: the call writes one `c_int`.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0, "the process for {what} failed");
}

/// Gives this process a mount namespace, and its children a PID namespace. Without the privilege to make those, it
/// becomes root in a user namespace of its own, where everyone has it; see user_namespaces(7).
fn new_namespaces() -> Result<(), String> {
    const WANTED: c_int = libc::CLONE_NEWPID | libc::CLONE_NEWNS;
    if unshare(WANTED).is_ok() {
        return Ok(());
    }
    // SAFETY: neither call takes a pointer.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    unshare(libc::CLONE_NEWUSER | WANTED)
        .and_then(|()| fs::write("/proc/self/setgroups", "deny"))
        .and_then(|()| fs::write("/proc/self/uid_map", format!("0 {uid} 1")))
        .and_then(|()| fs::write("/proc/self/gid_map", format!("0 {gid} 1")))
        .map_err(|error| format!("cannot make user, PID and mount namespaces: {error}; limits are in /proc/sys/user"))
}

fn unshare(flags: c_int) -> io::Result<()> {
    // SAFETY: the call takes no pointer.
    succeeded(unsafe { libc::unshare(flags) })
}

/// Puts the procfs of the new PID namespace at `/proc`, for the new mount namespace only.
fn mount_procfs() -> Result<(), String> {
    mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)
        .and_then(|()| mount(c"proc", c"/proc", 0))
        .map_err(|error| format!("cannot mount a procfs: {error}"))
}

/// Mounts a file system that has the name of its source, or with MS_PRIVATE changes a mount; see mount(2).
fn mount(source: &CStr, target: &CStr, flags: c_ulong) -> io::Result<()> {
    // SAFETY: the strings end in NUL bytes; no file system used here needs data.
    succeeded(unsafe { libc::mount(source.as_ptr(), target.as_ptr(), source.as_ptr(), flags, ptr::null()) })
}

fn succeeded(returned: c_int) -> io::Result<()> {
    if returned == 0 { Ok(()) } else { Err(Error::last_os_error()) }
}

/// Starts all the processes; the inode numbers of the namespaces that are only held.
fn populate(population: Population) -> Result<Vec<u64>, String> {
    let Population { processes, namespaces, descriptors, held } = population;
    let told = |error: io::Error| format!("cannot furnish the processes: {error}");
    let furniture = Furniture::new(descriptors).map_err(told)?;
    let mut inodes = Vec::new();
    for count in 0..processes {
        let start = || -> io::Result<Option<u64>> {
            let namespace = if is_chosen(count, held, processes) { Some(empty_namespace()?) } else { None };
            start_sleeper(is_chosen(count, namespaces, processes), &furniture, namespace.as_ref())?;
            namespace.map(|namespace| Ok(namespace.metadata()?.ino())).transpose()
        };
        inodes.extend(start().map_err(|error| {
            format!(
                "only {count} could be started: {error}; limits are RLIMIT_NPROC, pids.max of the cgroup, \
                 /proc/sys/kernel/pid_max and /proc/sys/user/max_user_namespaces"
            )
        })?);
    }
    furniture.wait().map_err(told)?;
    Ok(inodes)
}

/// Whether one process is among so many of all, which are spread evenly, as the namespaces of containers are among the
/// processes of a host.
fn is_chosen(count: usize, many: usize, processes: usize) -> bool {
    (count + 1) * many / processes > count * many / processes
}

/// Starts a process that sleeps, if wanted in a user namespace of its own. It is there when the call returns.
fn start_sleeper(alone: bool, furniture: &Furniture, namespace: Option<&File>) -> io::Result<libc::pid_t> {
    let flags = if alone { libc::CLONE_NEWUSER as u64 } else { 0 };
    // `struct clone_args` as it was at first, see clone(2): the fifth is `exit_signal`, the others are as for fork(2).
    let arguments: [u64; 8] = [flags, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
    // SAFETY: the child has a copy of this process's memory, and does nothing but system calls.
    match unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), mem::size_of_val(&arguments)) } {
        -1 => Err(Error::last_os_error()),
        0 => {
            furniture.install(namespace);
            loop {
                // SAFETY: the call takes no pointer.
                unsafe { libc::pause() };
            }
        }
        pid => Ok(pid as libc::pid_t),
    }
}

/// A user namespace in which no process lives any more.
fn empty_namespace() -> io::Result<File> {
    let pid = start_sleeper(true, &Furniture::default(), None)?;
    let namespace = File::open(format!("/proc/{pid}/ns/user"));
    // SAFETY: the one pointer may be null; the child has not been reaped before, so the PID is still its own.
    let reaped = unsafe { libc::kill(pid, libc::SIGKILL) == 0 && libc::waitpid(pid, ptr::null_mut(), 0) == pid };
    if reaped { namespace } else { Err(Error::last_os_error()) }
}

/// What the descriptors of a process are to be.
#[derive(Default)]
struct Furniture {
    descriptors: c_int,
    /// A file and a socket, in turn; their own descriptors have higher numbers than those that are to be.
    patterns: Vec<OwnedFd>,
    /// Two ends of a stream. Every process that is started has the second one, which has a higher number too, until it
    /// is furnished.
    stream: Option<(UnixStream, UnixStream)>,
}

impl Furniture {
    fn new(descriptors: usize) -> io::Result<Furniture> {
        if descriptors == 0 {
            return Ok(Furniture::default());
        }
        let descriptors = descriptors as c_int;
        let (file, socket) = (File::open("/dev/null")?, UnixDatagram::unbound()?);
        let patterns = vec![raised(file.as_fd(), descriptors)?, raised(socket.as_fd(), descriptors)?];
        let (first, second) = UnixStream::pair()?;
        let second = UnixStream::from(raised(second.as_fd(), descriptors)?);
        Ok(Furniture { descriptors, patterns, stream: Some((first, second)) })
    }

    /// Gives the calling process these descriptors and no others, the last one of them of a namespace if there is one.
    fn install(&self, namespace: Option<&File>) {
        if self.patterns.is_empty() {
            return;
        }
        let last = self.descriptors - 1;
        // First, because its own number may be one of those that are to be.
        if let Some(namespace) = namespace {
            duplicate_to(namespace.as_fd(), last);
        }
        let numbers = 0..if namespace.is_some() { last } else { self.descriptors };
        for (number, pattern) in numbers.zip(self.patterns.iter().cycle()) {
            duplicate_to(pattern.as_fd(), number);
        }
        // SAFETY: neither call takes a pointer. Without the first one (Linux 5.9), the process had better not stay.
        unsafe {
            let (from, to) = (c_long::from(self.descriptors), c_long::from(c_uint::MAX));
            if libc::syscall(libc::SYS_close_range, from, to, 0 as c_long) != 0 {
                libc::_exit(1);
            }
        }
    }

    /// Waits until all processes are furnished: then no one has the second end any more.
    fn wait(self) -> io::Result<()> {
        if let Some((mut first, second)) = self.stream {
            drop(second);
            first.read_to_end(&mut Vec::new())?;
        }
        Ok(())
    }
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
