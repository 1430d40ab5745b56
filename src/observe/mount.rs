//! Bind mounts of namespaces: proc_pid_mountinfo(5).

use super::holder::{Search, Thread};
use super::namespace::NumberMap;
use super::other::{self, Kind};
use super::procfs::{Seen, settle};
use super::{Holder, Target, add_text};
use crate::error::Error;
use crate::sys::file::{self, Fd, Place};
use crate::sys::{Errno, if_any, mount};
use std::ffi::CStr;

/// What is known of mounts while the search goes on.
#[derive(Default)]
pub struct Mounts {
    /// `/proc/PID/mountinfo` shows what is below the root directory of the process, so there is a view for every pair
    /// of mount namespace and root directory. These have been read.
    views: NumberMap<(u64, Place), u32>,
    /// The view that a thread has: its number, PID and TID.
    viewers: Vec<(u32, i32, i32)>,
    /// For each mount namespace, whether some view of it begins at a mount. All processes of one can be locked up in
    /// ordinary directories (chroot(2)); then what is mounted elsewhere in it is out of sight.
    seen: NumberMap<u64, bool>,
    /// Mounts of namespaces that were not met before and that no path led to.
    hidden: Vec<Hidden>,
    /// The kernel cannot look for a path without a risk to wait, so none is looked for (before Linux 5.12).
    blind: bool,
}

struct Hidden {
    view: u32,
    kind: Kind,
    inode: u64,
    /// Where its path begins in the texts of what was found.
    path: u32,
    /// The process that showed it.
    pid: i32,
}

/// Reads what mounts a thread shows, unless another one has shown the same; false if the kernel refuses to tell.
pub fn read(search: &mut Search, thread: &Thread, namespace: u64) -> Result<bool, Error> {
    let root = match settle(|| file::status_at(&thread.directory, c"root"))? {
        Seen::Is(root) => root.place(),
        Seen::Gone => return Ok(true),
        Seen::Refused(_) => return Ok(false),
    };
    if let Some(&view) = search.mounts.views.get(&(namespace, root)) {
        search.mounts.add_viewer(view, thread)?;
        return Ok(true);
    }
    let mountinfo = match settle(|| search.procfs.open_file(&thread.directory, c"mountinfo"))? {
        Seen::Is(mountinfo) => mountinfo,
        Seen::Gone => return Ok(true), // the next thread with this view serves
        Seen::Refused(_) => return Ok(false),
    };
    let mountinfo = match file::read_to_end(&mountinfo) {
        Err(error) if !error.is_exhaustion() => return Ok(false),
        read => read?,
    };
    let view = search.mounts.views.len() as u32;
    search.mounts.views.try_reserve(1)?;
    search.mounts.views.insert((namespace, root), view);
    search.mounts.add_viewer(view, thread)?;
    let mut whole = false;
    for line in mountinfo.split(|&byte| byte == b'\n') {
        whole |= line.split(|&byte| byte == b' ').nth(4) == Some(b"/");
        if let Some((kind, inode, path)) = parse_line(line) {
            let path = add_path(&mut search.holders.text, path)?;
            note(search, thread, Hidden { view, kind, inode, path, pid: thread.pid })?;
        }
    }
    search.mounts.note_namespace(namespace, whole)?;
    Ok(true)
}

impl Mounts {
    fn add_viewer(&mut self, view: u32, thread: &Thread) -> Result<(), Error> {
        self.viewers.try_reserve(1)?;
        self.viewers.push((view, thread.pid, thread.tid));
        Ok(())
    }

    fn note_namespace(&mut self, namespace: u64, whole: bool) -> Result<(), Error> {
        self.seen.try_reserve(1)?;
        *self.seen.entry(namespace).or_insert(false) |= whole;
        Ok(())
    }
}

fn note(search: &mut Search, thread: &Thread, mount: Hidden) -> Result<(), Error> {
    match reach(search, thread, &mount)? {
        Some(target) => search.hold(target, Holder::Mount { pid: thread.pid, path: mount.path }),
        None => {
            search.mounts.hidden.try_reserve(1)?;
            search.mounts.hidden.push(mount);
            Ok(())
        }
    }
}

/// The mounted namespace, if it was met before, or if its path leads to it and nothing on the way can make us wait.
fn reach(search: &mut Search, thread: &Thread, mount: &Hidden) -> Result<Option<Target>, Error> {
    if let Some(known) = search.known(mount.kind, mount.inode) {
        return Ok(Some(known));
    }
    let Some(wanted) = search.identity(mount.inode) else { return Ok(None) };
    let path = path_at(&search.holders.text, mount.path);
    let found = file::open_at(&thread.directory, c"root", libc::O_PATH | libc::O_DIRECTORY)
        .and_then(|root| file::find_in_memory(&root, path));
    search.mounts.blind |= matches!(found, Err(Errno(libc::ENOSYS | libc::EINVAL)));
    let opened = found.and_then(|file| search.procfs.reopen(&file, wanted));
    enter(search, mount, if_any(opened)?)
}

fn enter(search: &mut Search, mount: &Hidden, opened: Option<Fd>) -> Result<Option<Target>, Error> {
    match opened {
        Some(namespace) => search.target(mount.kind, mount.inode, || Ok(namespace)),
        None => Ok(None),
    }
}

/// Finds, if it can, what no path led to: a mount can be hidden under others.
///
/// What cannot be found is known by its inode number only, and counted as missed.
pub fn finish(search: &mut Search) -> Result<(), Error> {
    search.holders.missed.mounts += search.mounts.seen.values().filter(|&&whole| !whole).count();
    let hidden = std::mem::take(&mut search.mounts.hidden);
    let viewers = std::mem::take(&mut search.mounts.viewers);
    let mut unreachable = Vec::new();
    for mount in hidden {
        let (target, pid) = uncover(search, &viewers, &mount)?;
        let holder = Holder::Mount { pid, path: mount.path };
        match target {
            Some(target) => search.hold(target, holder)?,
            None => {
                unreachable.try_reserve(1)?;
                unreachable.push((mount, holder));
            }
        }
    }
    // Only now: what one mount hides another one, or a descriptor, can have shown.
    for (mount, holder) in unreachable {
        let target = match search.known(mount.kind, mount.inode) {
            Some(known) => known,
            None => search.unopened(mount.kind, mount.inode)?,
        };
        search.holders.missed.unopened_mounts += 1;
        search.hold(target, holder)?;
    }
    Ok(())
}

/// The mounted namespace, through a thread that still has the view in which it was seen; and the PID of that.
fn uncover(search: &mut Search, viewers: &[(u32, i32, i32)], mount: &Hidden) -> Result<(Option<Target>, i32), Error> {
    for &(_, pid, tid) in viewers.iter().filter(|viewer| viewer.0 == mount.view) {
        let Some(thread) = search.thread_of(pid, tid)? else { continue };
        if let Some(target) = reach(search, &thread, mount)? {
            return Ok((Some(target), pid));
        }
        if search.mounts.blind {
            return Ok((None, pid));
        }
        let opened = file::open_at(&thread.directory, c"ns/mnt", libc::O_RDONLY | libc::O_NONBLOCK)
            .and_then(|namespace| Ok((namespace, file::status_at(&thread.directory, c"root")?.place())));
        let (Some((namespace, root)), Some(wanted)) = (if_any(opened)?, search.identity(mount.inode)) else { continue };
        let path = path_at(&search.holders.text, mount.path);
        let found = mount::uncover(&namespace, root, path, wanted)?;
        let opened = if_any(found.and_then(|file| search.procfs.reopen(&file, wanted)))?;
        return Ok((enter(search, mount, opened)?, pid));
    }
    Ok((None, mount.pid))
}

/// Keeps a path; undoes the escapes of mountinfo in place, which only make it longer.
fn add_path(text: &mut Vec<u8>, escaped: &[u8]) -> Result<u32, Error> {
    let at = add_text(text, escaped)?;
    let mut end = at as usize;
    let mut rest = escaped;
    while let Some((&first, tail)) = rest.split_first() {
        let (byte, tail) = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), tail)
            }
            _ => (first, tail),
        };
        text[end] = byte;
        end += 1;
        rest = tail;
    }
    text.truncate(end);
    text.push(0);
    Ok(at)
}

fn path_at(paths: &[u8], at: u32) -> &CStr {
    CStr::from_bytes_until_nul(&paths[at as usize..]).unwrap_or_default()
}

/// The namespace that a line of mountinfo shows, and the path, with the escapes it has there:
/// `63 43 0:4 user:[4026532177] /path rw - nsfs nsfs rw`.
fn parse_line(line: &[u8]) -> Option<(Kind, u64, &[u8])> {
    let mut fields = line.split(|&byte| byte == b' ');
    let root = fields.nth(3)?;
    let path = fields.next()?;
    fields.find(|&field| field == b"-")?;
    if fields.next()? != b"nsfs" {
        return None;
    }
    let (kind, inode) = other::parse_link(root)?;
    Some((kind, inode, path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_namespaces_and_other_lines() {
        let line = b"63 43 0:4 net:[4026532177] /run/a\\040b rw shared:7 - nsfs nsfs rw";
        assert_eq!(parse_line(line), Some((Kind::Net, 4026532177, &b"/run/a\\040b"[..])));
        for line in [
            &b"63 43 0:4 net:[1] /nsfs rw - tmpfs nsfs rw"[..],
            b"63 43 0:4 / /a\\040-\\040nsfs rw - tmpfs tmp rw",
            b"63 43 0:4 /user:[1] /path rw - ext4 nsfs rw",
            b"63 43 0:4 net:[1] /path rw",
            b"",
        ] {
            assert_eq!(parse_line(line), None);
        }
    }

    #[test]
    fn escapes_in_paths() {
        let mut paths = Vec::new();
        let first = add_path(&mut paths, b"/a\\040b\\134\\011\\012").unwrap();
        let second = add_path(&mut paths, b"/\\x\\9\\04\xff").unwrap();
        assert_eq!(path_at(&paths, first), c"/a b\\\t\n");
        assert_eq!(path_at(&paths, second), c"/\\x\\9\\04\xff");
    }
}
