//! A PID namespace with a procfs of its own, to be filled with sleeping processes, some of them in user namespaces of
//! their own.

mod sleeper;

use crate::common;
use sleeper::{Furniture, empty_namespace, start_sleeper};
use std::ffi::{CStr, c_int, c_ulong};
use std::io::{self, Error};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fs, process, ptr};

/// What a room holds.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Population {
    /// Sleeping processes.
    pub processes: usize,
    /// User namespaces, in each of which one of them is alone.
    pub namespaces: usize,
    /// Threads of each process.
    pub threads: usize,
    /// Descriptors that each process has open.
    pub descriptors: usize,
    /// User namespaces, each of which only a descriptor of one process keeps alive.
    pub held: usize,
}

impl Population {
    /// Whether it is of processes with nothing special about them.
    pub fn is_plain(&self) -> bool {
        self.threads == 1 && self.held == 0
    }
}

/// The room that this process is process 1 of.
pub struct Room {
    /// Of the PID namespace around it, whose limit holds for those inside too.
    pid_max: usize,
}

/// Where limits are, for whoever wants more processes than there can be.
const LIMITS: &str = "/proc/sys/kernel/pid_max, /proc/sys/kernel/threads-max, RLIMIT_NPROC, pids.max of the cgroup, \
                      /proc/sys/user/max_user_namespaces and memory";
/// What a process and a thread take at least, in KiB; only to be clear of the kernel's killing for want of memory.
const PROCESS_SIZE: usize = 120;
const THREAD_SIZE: usize = 40;
/// How many other processes there can be.
const OTHERS: usize = 500;

/// Does something as process 1 of a new PID namespace, the room; where that cannot be had, says why.
///
/// The kernel ends and reaps all that a PID namespace holds when its process 1 ends, however that happens; see
/// pid_namespaces(7). So nothing stays behind.
pub fn enter(act: impl FnOnce(&Room)) {
    let room = Room { pid_max: number_in("/proc/sys/kernel/pid_max", "").unwrap_or(usize::MAX) };
    in_child(|| {
        new_namespaces()?;
        in_child(|| {
            mount_procfs()?;
            act(&room);
            Ok(())
        });
        Ok(())
    });
}

/// The number that follows this word in a file of procfs.
fn number_in(path: &str, word: &str) -> Option<usize> {
    let text = fs::read_to_string(path).ok()?;
    text.split_once(word)?.1.split_whitespace().next()?.parse().ok()
}

/// Does something in a child process, which dies with this one, and waits for it. A reason to leave it undone is told
/// by the child; if the child panics, so does this.
fn in_child(act: impl FnOnce() -> Result<(), String>) {
    // SAFETY: this process has a single thread, so the child may do whatever its parent could.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", Error::last_os_error());
    if pid == 0 {
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: PR_SET_PDEATHSIG takes a signal number, no pointer.
            unsafe { libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_ulong) };
            act().unwrap_or_else(|reason| common::skip("the benchmark", &reason));
        }));
        process::exit(outcome.is_err().into());
    }
    let mut status = 0;
    // SAFETY: the call writes one `c_int`.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0, "the process in the room failed");
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

/// Processes that sleep in the room until this is dropped.
pub struct Sleepers(());

impl Room {
    /// Starts them all; or says why not.
    pub fn populate(&self, population: Population) -> Result<Sleepers, String> {
        let Population { processes, namespaces, threads, descriptors, held } = population;
        self.have_space(processes * threads)?;
        have_memory(processes * PROCESS_SIZE + processes * (threads - 1) * THREAD_SIZE)?;
        let told = |error: io::Error| format!("cannot furnish the processes: {error}");
        let mut furniture = Furniture::new(threads, descriptors).map_err(told)?;
        let sleepers = Sleepers(());
        for count in 0..processes {
            let mut start = || -> io::Result<()> {
                let namespace = if is_chosen(count, held, processes) { Some(empty_namespace()?) } else { None };
                let alone = is_chosen(count, namespaces, processes);
                start_sleeper(alone, || furniture.install(namespace.as_ref())).map(drop)
            };
            start().map_err(|error| format!("only {count} could be started: {error}; limits are {LIMITS}"))?;
        }
        match furniture.wait().map_err(told)? {
            all if all == processes => Ok(sleepers),
            some => Err(format!("only {some} have all their threads and descriptors; limits are {LIMITS}")),
        }
    }

    fn have_space(&self, tasks: usize) -> Result<(), String> {
        let (wanted, pid_max) = (tasks + OTHERS, self.pid_max);
        let too_few = || format!("it takes `sysctl kernel.pid_max={wanted}`, which is {pid_max}");
        if wanted <= pid_max { Ok(()) } else { Err(too_few()) }
    }
}

fn have_memory(wanted: usize) -> Result<(), String> {
    match number_in("/proc/meminfo", "MemAvailable:") {
        Some(available) if available < wanted => {
            Err(format!("{} MiB of memory are available, which is less than {} MiB", available / 1024, wanted / 1024))
        }
        _ => Ok(()),
    }
}

impl Drop for Sleepers {
    /// Ends all the other processes in the room: this one is their parent, and the process 1 that cannot be killed from
    /// within, see pid_namespaces(7).
    fn drop(&mut self) {
        // Anywhere else it would be the end of all that the caller may kill.
        assert_eq!(process::id(), 1);
        // SAFETY: the calls take no pointer but one that may be null.
        unsafe {
            libc::kill(-1, libc::SIGKILL);
            while libc::waitpid(-1, ptr::null_mut(), libc::__WALL) > 0 {}
        }
    }
}

/// Whether one process is among so many of all, which are spread evenly, as the namespaces of containers are among the
/// processes of a host.
fn is_chosen(count: usize, many: usize, processes: usize) -> bool {
    (count + 1) * many / processes > count * many / processes
}
