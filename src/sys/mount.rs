//! Mounts that other mounts hide: looked at in a short-lived child that has a copy of the mount namespace.

use super::file::{self, Fd, Identity, Place};
use super::{Errno, check, signal};
use crate::error::Error;
use std::ffi::{CStr, c_int, c_long, c_void};
use std::ptr;

/// Enough for a few system calls.
const STACK_SIZE: usize = 64 * 1024;
/// Whoever piles up more mounts on one path hides what is below them.
const PILE_LIMIT: usize = 64;
/// How often a path is looked for again.
const PATIENCE: usize = 8;

struct Task<'t> {
    namespace: &'t Fd,
    root: Place,
    /// With its NUL byte.
    path: &'t mut [u8],
    wanted: Identity,
    found: Result<Fd, Errno>,
}

/// Finds the file with this identity below the mounts on `path` or on a directory above it; nothing is opened yet
/// (O_PATH). `path` begins at the root directory `root`, which has to be that of the mount namespace.
///
/// The work is done in a child process, as clone(2) with CLONE_VM, CLONE_VFORK and CLONE_FILES makes it: it enters the
/// mount namespace, makes a private copy of it and unmounts what hides the file there. The caller's thread stays where
/// it is, nothing is unmounted for anyone else, and no signal reaches a handler meanwhile. Needs CAP_SYS_ADMIN.
pub fn uncover(namespace: &Fd, root: Place, path: &CStr, wanted: Identity) -> Result<Result<Fd, Errno>, Error> {
    let mut stack: Vec<u128> = Vec::new();
    stack.try_reserve_exact(STACK_SIZE / size_of::<u128>())?;
    let mut copy = Vec::new();
    copy.try_reserve_exact(path.to_bytes_with_nul().len())?;
    copy.extend_from_slice(path.to_bytes_with_nul());
    let mut task = Task { namespace, root, path: &mut copy, wanted, found: Err(Errno(libc::EAGAIN)) };
    let signals = signal::block_all();
    // SAFETY: the child runs on `stack`, which grows downwards from the end of memory that is not used otherwise, and
    // has `task` for itself: this thread waits until it has ended (CLONE_VFORK).
    let pid = unsafe {
        let top = stack.as_mut_ptr().cast::<u8>().add(STACK_SIZE);
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
        libc::clone(run, top.cast::<c_void>(), flags, (&raw mut task).cast::<c_void>())
    };
    let started = check(c_long::from(pid));
    if started.is_ok() {
        wait_for(pid);
    }
    drop(signals);
    Ok(started.and(task.found))
}

/// Waits until the child has ended. Some signals cannot be blocked: libc keeps them for itself.
fn wait_for(child: c_int) {
    loop {
        let (child, all) = (c_long::from(child), c_long::from(libc::__WALL));
        // SAFETY: the call writes nothing. __WALL, because a child without an exit signal is waited for only so.
        let waited = check(unsafe { libc::syscall(libc::SYS_wait4, child, 0 as c_long, all, 0 as c_long) });
        if waited != Err(Errno(libc::EINTR)) {
            return;
        }
    }
}

extern "C" fn run(task: *mut c_void) -> c_int {
    // SAFETY: the parent passes its task, and waits.
    let task = unsafe { &mut *task.cast::<Task>() };
    task.found = enter_copy(task).and_then(|root| unpile(task, &root));
    0
}

fn unpile(task: &mut Task, root: &Fd) -> Result<Fd, Errno> {
    for _ in 0..PILE_LIMIT {
        match find(root, task.path) {
            Ok(file) if file::status(&file)?.identity() == task.wanted => return Ok(file),
            Ok(_) => unmount(task.path).or_else(|_| unmount_above(root, task.path))?,
            Err(errno) if errno.is_exhaustion() => return Err(errno),
            Err(_) => unmount_above(root, task.path)?,
        }
    }
    Err(Errno(libc::ELOOP))
}

/// Unmounts what is on top of the nearest directory above the path that something is mounted on, but for the root.
fn unmount_above(root: &Fd, path: &mut [u8]) -> Result<(), Errno> {
    for slash in (1..path.len()).rev() {
        if path[slash] == b'/' {
            path[slash] = 0;
            let done = find(root, path).is_ok() && unmount(path).is_ok();
            path[slash] = b'/';
            if done {
                return Ok(());
            }
        }
    }
    Err(Errno(libc::ENOENT))
}

/// Finds a path without having to wait for a server, nor for one again right after that.
fn find(root: &Fd, path: &[u8]) -> Result<Fd, Errno> {
    let path = CStr::from_bytes_until_nul(path).unwrap_or_default();
    let mut found = file::find_in_memory(root, path);
    for _ in 0..PATIENCE {
        // Someone else's mount or rename has the same effect as a directory that is not in memory.
        match found {
            Err(Errno(libc::EAGAIN)) => found = file::find_in_memory(root, path),
            _ => break,
        }
    }
    found
}

fn unmount(path: &[u8]) -> Result<(), Errno> {
    if path == b"/\0" {
        return Err(Errno(libc::EINVAL)); // the only mount whose parent is not in the copy
    }
    let flags = c_long::from(libc::MNT_DETACH | libc::UMOUNT_NOFOLLOW);
    // SAFETY: the path ends in a NUL byte.
    check(unsafe { libc::syscall(libc::SYS_umount2, path.as_ptr(), flags) }).map(drop)
}

/// Moves the child into a copy of the mount namespace from which nothing propagates, see mount_namespaces(7). Its root
/// directory is then that of the mount namespace, which is returned.
///
/// No directory is entered: permission to do so can be a server's to give.
fn enter_copy(task: &Task) -> Result<Fd, Errno> {
    let namespace = c_long::from(task.namespace.raw());
    // SAFETY: the call takes no pointer.
    check(unsafe { libc::syscall(libc::SYS_setns, namespace, libc::CLONE_NEWNS as c_long) })?;
    let root = file::open(c"/", libc::O_PATH | libc::O_DIRECTORY)?;
    if file::status(&root)?.place() != task.root {
        return Err(Errno(libc::EXDEV)); // the path begins elsewhere
    }
    let private = libc::MS_REC | libc::MS_PRIVATE;
    // SAFETY: all strings are NUL-terminated; the other call takes no pointers.
    unsafe {
        check(libc::syscall(libc::SYS_unshare, libc::CLONE_NEWNS as c_long))?;
        let (none, slash, data) = (c"none".as_ptr(), c"/".as_ptr(), ptr::null::<c_void>());
        check(libc::syscall(libc::SYS_mount, none, slash, none, private, data))?;
    }
    file::open(c"/", libc::O_PATH | libc::O_DIRECTORY)
}
