//! Whether anything is mounted over the entries of processes in a procfs: listmount(2), proc_pid_mountinfo(5).

use super::mountinfo::{self, Mount};
use crate::error::Error;
use crate::sys::file::Fd;
use crate::sys::statmount::{self, Buffer};
use crate::sys::{Errno, if_any};
use crate::util::parse;

/// More mounts than this below a procfs are not looked at. Container runtimes make about 15.
const MOST_MOUNTS: usize = 64;

/// Whether something is mounted over the entry of a process, or may be, or over `self` or `thread-self`, in the procfs with
/// this root directory. Mounts over other entries do not count: the files there are opened so that they do not matter.
///
/// True if the mount of the procfs is not in the caller's mount namespace: others make mounts there.
/// `read_mountinfo` returns the id of the mount and the mounts of the caller's mount namespace.
pub fn exist(root: &Fd, read_mountinfo: impl FnOnce() -> Result<(u64, Vec<u8>), Errno>) -> Result<bool, Error> {
    match ask_kernel(root) {
        Ok(exist) => Ok(exist),
        // It lacks the system calls (before Linux 6.8), or a security policy refuses them.
        Err(Errno(libc::ENOSYS | libc::EPERM | libc::EINVAL)) => {
            Ok(if_any(read_mountinfo())?.is_none_or(|(id, text)| exist_in(&text, id)))
        }
        Err(errno) if errno.is_exhaustion() => Err(errno.into()),
        Err(_) => Ok(true),
    }
}

fn ask_kernel(root: &Fd) -> Result<bool, Errno> {
    let id = statmount::id_of(root)?;
    let mut ids = [0; MOST_MOUNTS];
    let count = statmount::below(statmount::OWN, id, 0, &mut ids)?;
    if count == 0 {
        return Ok(false);
    }
    let (mut root, mut mount) = (Buffer::default(), Buffer::default());
    root.ask(statmount::OWN, id, true)?;
    for &id in &ids[..count] {
        mount.ask(statmount::OWN, id, true)?;
        if is_of_process(root.details().point.to_bytes(), mount.details().point.to_bytes()) {
            return Ok(true);
        }
    }
    Ok(count == MOST_MOUNTS)
}

fn exist_in(mountinfo: &[u8], root: u64) -> bool {
    let Some(root) = mountinfo::mounts(mountinfo).find(|mount| mount.id == root) else { return true };
    let covers = |mount: Mount| mount.id != root.id && is_of_process(root.path, mount.path);
    mountinfo::mounts(mountinfo).any(covers)
}

/// Whether a mount point is, in a procfs at `root`, `self` or `thread-self` or the entry of a process, or below it.
fn is_of_process(root: &[u8], point: &[u8]) -> bool {
    let root = root.strip_suffix(b"/").unwrap_or(root);
    let Some(below) = point.strip_prefix(root).and_then(|rest| rest.strip_prefix(b"/")) else {
        return false;
    };
    let first = below.split(|&byte| byte == b'/').next().unwrap_or_default();
    matches!(first, b"self" | b"thread-self") || parse::number(first).is_some()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_entries_of_processes_count() {
        for point in [&b"/proc/1"[..], b"/proc/1/ns/user", b"/proc/self", b"/proc/thread-self/x"] {
            assert!(is_of_process(b"/proc", point), "{point:?}");
        }
        for point in [&b"/proc"[..], b"/proc/sys/fs/binfmt_misc", b"/proc/1a", b"/process/1", b"/1", b""] {
            assert!(!is_of_process(b"/proc", point), "{point:?}");
        }
        assert!(is_of_process(b"/", b"/1"));
    }

    #[test]
    fn the_mount_of_the_procfs_is_found_by_its_id() {
        let text =
            |point: &str| format!("22 1 0:21 / /proc rw - proc proc rw\n23 22 0:30 / {point} rw - tmpfs none rw\n");
        assert!(exist_in(text("/proc/7").as_bytes(), 22));
        assert!(!exist_in(text("/proc/sys").as_bytes(), 22));
        assert!(exist_in(text("/proc/sys").as_bytes(), 99), "it is in another mount namespace");
    }
}
