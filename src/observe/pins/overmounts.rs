//! Opens a file below overmounts, in a short-lived child process with a copy of the mount namespace.

use crate::sys::Errno;
use crate::sys::file::{self, Fd, Identity, Place};
use crate::sys::{child, mount};
use std::ffi::CStr;

/// Give up after this many overmounts on one path.
const MOST_OVERMOUNTS: usize = 64;
/// How often a path lookup is repeated that needs more than cached directories.
const MOST_LOOKUPS: usize = 8;

struct Task<'t> {
    namespace: &'t Fd,
    root: Place,
    /// With its NUL byte.
    path: Vec<u8>,
    wanted: Identity,
    found: Result<Fd, Errno>,
}

/// Opens (O_PATH) the file with this identity below the overmounts on `path` and on its parent directories. `path` starts
/// at the directory `root`, which must be the root of the mount namespace.
///
/// A child process enters the mount namespace, makes a private copy of it and unmounts the overmounts there; the mount
/// namespace itself does not change. Needs CAP_SYS_ADMIN and CAP_SYS_CHROOT.
pub fn open(namespace: &Fd, root: Place, path: &CStr, wanted: Identity) -> Result<Fd, Errno> {
    let mut copy = Vec::new();
    copy.try_reserve_exact(path.to_bytes_with_nul().len())?;
    copy.extend_from_slice(path.to_bytes_with_nul());
    let mut task = Task { namespace, root, path: copy, wanted, found: Err(Errno(libc::EAGAIN)) };
    child::run(&mut task, |task| task.found = enter_copy(task).and_then(|root| uncover(task, &root)))?;
    task.found
}

fn uncover(task: &mut Task, root: &Fd) -> Result<Fd, Errno> {
    for _ in 0..MOST_OVERMOUNTS {
        match find(root, &task.path) {
            Ok(file) if file::status(&file)?.identity() == task.wanted => return Ok(file),
            Ok(_) => unmount(&task.path).or_else(|_| unmount_parent(root, &mut task.path))?,
            Err(errno) if errno.is_exhaustion() => return Err(errno),
            Err(_) => unmount_parent(root, &mut task.path)?,
        }
    }
    Err(Errno(libc::ELOOP))
}

/// Unmounts the topmost mount on the nearest parent directory that is a mount point, except the root.
fn unmount_parent(root: &Fd, path: &mut [u8]) -> Result<(), Errno> {
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

/// Looks a path up among cached directories only, so that no file server can block the lookup.
fn find(root: &Fd, path: &[u8]) -> Result<Fd, Errno> {
    let path = to_c_str(path);
    let mut found = file::find_in_memory(root, path);
    for _ in 0..MOST_LOOKUPS {
        // A concurrent mount or rename fails a lookup, too.
        match found {
            Err(Errno(libc::EAGAIN)) => found = file::find_in_memory(root, path),
            _ => break,
        }
    }
    found
}

fn unmount(path: &[u8]) -> Result<(), Errno> {
    match to_c_str(path) {
        root if root == c"/" => Err(Errno(libc::EINVAL)), // its parent mount is not in the copy
        path => mount::unmount(path),
    }
}

fn to_c_str(path: &[u8]) -> &CStr {
    CStr::from_bytes_until_nul(path).unwrap_or_default()
}

/// Moves the child into a private copy of the mount namespace and returns the root directory there, see
/// mount_namespaces(7). Does not change directory, since a file server can decide on that permission.
fn enter_copy(task: &Task) -> Result<Fd, Errno> {
    mount::enter(task.namespace)?;
    let root = file::open(c"/", libc::O_PATH | libc::O_DIRECTORY)?;
    if !file::status(&root)?.place().may_be(&task.root) {
        return Err(Errno(libc::EXDEV)); // the path starts at another directory
    }
    mount::unshare_private()?;
    file::open(c"/", libc::O_PATH | libc::O_DIRECTORY)
}
