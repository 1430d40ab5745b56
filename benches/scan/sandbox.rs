//! The sandbox: a PID namespace with a procfs of its own.

use crate::common;
use crate::machine;
use std::ffi::{CStr, c_int, c_ulong};
use std::io::{self, Error};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::{fs, process, ptr};

/// Proof that this process is process 1 of the sandbox.
pub struct Sandbox {
    /// The limit of the PID namespace around the sandbox. It applies inside, too: since Linux 6.14 each PID namespace has a
    /// limit of its own, and a process needs a number in all of them.
    pub pid_max: usize,
}

/// Calls a function in process 1 of a new sandbox. If none can be made, prints the reason.
///
/// When process 1 of a PID namespace ends, however that happens, the kernel kills and reaps all other processes there;
/// see pid_namespaces(7). So nothing is left behind.
pub fn enter(act: impl FnOnce(&Sandbox)) {
    let sandbox = Sandbox { pid_max: machine::number_in("/proc/sys/kernel/pid_max", "").unwrap_or(usize::MAX) };
    in_child(|| {
        new_namespaces()?;
        in_child(|| {
            mount_procfs()?;
            act(&sandbox);
            Ok(())
        });
        Ok(())
    });
}

/// Calls a function in a child process, which dies with this one, and waits for it. The child prints the error of the
/// function as the reason to skip the benchmark. If the child panics, so does this process.
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
    assert_eq!(status, 0, "the process in the sandbox failed");
}

/// Moves this process to a new mount namespace, and its future children to a new PID namespace. Without the privilege
/// to do so, it first becomes root in a new user namespace; see user_namespaces(7).
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

pub fn unshare(flags: c_int) -> io::Result<()> {
    // SAFETY: the call takes no pointer.
    succeeded(unsafe { libc::unshare(flags) })
}

/// Mounts the procfs of the new PID namespace on `/proc`, in the new mount namespace only.
fn mount_procfs() -> Result<(), String> {
    mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)
        .and_then(|()| mount(c"proc", c"/proc", 0))
        .map_err(|error| format!("cannot mount a procfs: {error}"))
}

/// Mounts a file system whose type has the name of its source; with MS_PRIVATE, changes a mount; see mount(2).
pub fn mount(source: &CStr, target: &CStr, flags: c_ulong) -> io::Result<()> {
    // SAFETY: the strings end with NUL; no file system used here needs data.
    succeeded(unsafe { libc::mount(source.as_ptr(), target.as_ptr(), source.as_ptr(), flags, ptr::null()) })
}

pub fn succeeded(returned: c_int) -> io::Result<()> {
    if returned >= 0 { Ok(()) } else { Err(Error::last_os_error()) }
}
