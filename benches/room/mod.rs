//! A PID namespace with a procfs of its own, full of sleeping processes, some of them in user namespaces of their own.

use crate::common;
use std::ffi::{CStr, c_int, c_ulong};
use std::io::{self, Error};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fs, mem, process, ptr};

/// How many sleeping processes a room holds, and in how many user namespaces some of them are alone.
#[derive(Clone, Copy)]
pub struct Population {
    pub processes: usize,
    pub namespaces: usize,
}

/// Does something as process 1 of a new PID namespace among sleeping processes; where that cannot be had, says why.
///
/// The kernel ends and reaps all that a PID namespace holds when its process 1 ends, however that happens; see
/// pid_namespaces(7). So nothing stays behind.
pub fn within(population: Population, act: impl FnOnce()) {
    let what = format!("{} processes", population.processes);
    in_child(&what, || {
        new_namespaces()?;
        in_child(&what, || {
            mount_procfs()?;
            populate(population)?;
            act();
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

fn populate(Population { processes, namespaces }: Population) -> Result<(), String> {
    for count in 0..processes {
        // Spread evenly, as the namespaces of containers are among the processes of a host.
        let alone = (count + 1) * namespaces / processes > count * namespaces / processes;
        start_sleeper(alone).map_err(|error| {
            format!(
                "only {count} could be started: {error}; limits are RLIMIT_NPROC, pids.max of the cgroup, \
                 /proc/sys/kernel/pid_max and /proc/sys/user/max_user_namespaces"
            )
        })?;
    }
    Ok(())
}

/// Starts a process that sleeps, if wanted in a user namespace of its own. It is there when the call returns.
fn start_sleeper(alone: bool) -> io::Result<()> {
    let flags = if alone { libc::CLONE_NEWUSER as u64 } else { 0 };
    // `struct clone_args` as it was at first, see clone(2): the fifth is `exit_signal`, the others are as for fork(2).
    let arguments: [u64; 8] = [flags, 0, 0, 0, libc::SIGCHLD as u64, 0, 0, 0];
    // SAFETY: the child has a copy of this process's memory, and does nothing with it.
    match unsafe { libc::syscall(libc::SYS_clone3, arguments.as_ptr(), mem::size_of_val(&arguments)) } {
        -1 => Err(Error::last_os_error()),
        0 => loop {
            // SAFETY: the call takes no pointer.
            unsafe { libc::pause() };
        },
        _ => Ok(()),
    }
}
