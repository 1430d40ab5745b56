//! One view of mounts, those of a mount namespace below a root directory: statmount(2), proc_pid_mountinfo(5).
//!
//! Many processes have the same view, so one is read for all. Which view a process has is known from its root directory:
//! a mount is in one mount namespace, and no other one has its id. But the process can enter another mount namespace or
//! change its root directory between any two system calls of the scan, and change back. If its mounts were then taken for
//! those of the root directory that it had a moment before, or has a moment later, mounts that other processes see would be
//! missing. So the root directory is opened once, and what is read must prove that it is of this directory:
//!
//! - listmount(2) is asked for the mounts below the mount of the opened directory, by an id that is never reused. It fails
//!   if that mount is not in the mount namespace that it is asked about.
//! - `/proc/PID/mountinfo` shows what the process sees when the file is opened. If the root directory is the root of a
//!   mount, the file lists the id of this mount with the path `/`. Else the path of some mount in the file, looked up from
//!   the opened directory, leads to a mount with the id in the file: a directory is in one place only, so no other root
//!   directory has the same path to it.
//!
//! (Ids in mountinfo are reused, but not while the mount exists. So for a process that exists throughout the scan, and keeps
//! its root directory, these conclusions hold.) A view without such a proof is taken for that of one process only, and the
//! next process with the same root directory is read, too.

use super::super::answer::Answer;
use super::super::mountinfo;
use super::lookup::{Effort, Lookup};
use super::threads::Thread;
use crate::error::Error;
use crate::facts::{Known, NamespaceType, Text, TextRef, parse_link};
use crate::observe::Context;
use crate::sys::clock::Start;
use crate::sys::file::{self, Fd, Status};
use crate::sys::statmount::{self, Basics, Buffer, Details};
use crate::sys::{Errno, if_any, nsfs};
use crate::util::arrays::{push, sort_few};
use crate::util::hash::IntMap;

/// So many mounts on which a mount is are looked at.
const MOST_STEPS: usize = 100;
/// So many bytes of mountinfo are read in a scan, and so many for one view.
const MOST_BYTES: usize = 256 << 20;
const MOST_BYTES_OF_VIEW: usize = 32 << 20;
/// The size of all paths of a scan. A mount beyond has no path.
const MOST_TEXT: usize = 64 << 20;
/// The kernel takes tens of milliseconds to tell a path of a million bytes. If it took so long for paths that are too long,
/// in a scan (in microseconds), it is asked for no more paths. In one view it is asked only for a few that are too long.
const MOST_TIME: u64 = 1_000_000;
const MOST_LONG_PATHS: usize = 4;
/// So many lines of a mountinfo are tried as a proof.
const MOST_PROOFS: usize = 4;
/// How many mounts listmount(2) lists at once.
const LISTED: usize = 512;

/// A mount of a namespace.
#[derive(Clone, Copy)]
pub struct Mount {
    pub id: u64,
    pub namespace_type: NamespaceType,
    pub inode: u64,
    /// Empty if it is too long.
    pub path: TextRef,
}

/// A mount can be in many views. These were recorded, by id and inode number; ids are reused, but not while the mount exists.
/// The value is whether the namespace was opened.
pub type KnownMounts = IntMap<(u64, u64), bool>;

impl Mount {
    /// Whether a file can be the root of this mount. Before Linux 5.8 it is not if it is another namespace.
    pub fn may_be_at(&self, found: &Status) -> bool {
        if found.mount != 0 { found.mount == self.id } else { found.inode == self.inode }
    }
}

/// What a thread sees.
pub struct View {
    /// Whether the mounts are proved to be those below the root directory.
    pub is_proved: bool,
    /// Whether the view begins at a mount, as far as can be seen.
    pub begins_at_mount: bool,
    /// False if the limits were reached.
    pub is_whole: bool,
    /// The inode number of the mount namespace, if it is proved.
    pub namespace: Option<u64>,
}

/// Reads views, within limits for all of them together.
#[derive(Default)]
pub struct Reader {
    read_bytes: usize,
    /// The time for paths that were too long.
    time: u64,
    paths: Known,
    lacks_list: bool,
    /// The mounts of namespaces in the last view. Here and not in the view, since a visit can end at any system call.
    pub mounts: Vec<Mount>,
    /// The ids of all mounts in the last view and of their parents, ascending.
    parents: Vec<(u64, u64)>,
    are_parents_sorted: bool,
    /// For statmount(2), listmount(2) and mountinfo.
    buffer: Buffer,
    ids: Vec<u64>,
    lines: Vec<u8>,
}

impl Reader {
    /// Reads the mounts of namespaces that a thread sees, without those that were opened. `root` is its root directory.
    pub fn read(
        &mut self,
        context: &mut Context,
        lookup: &mut Lookup,
        thread: &Thread,
        root: &Fd,
        known: &KnownMounts,
    ) -> Result<Answer<View>, Error> {
        let status = match Answer::of(file::status(root))? {
            Answer::Is(status) => status,
            Answer::Gone => return Ok(Answer::Gone),
            Answer::Refused(errno) => return Ok(Answer::Refused(errno)),
        };
        let procfs = context.procfs;
        if status.is_mount_root && !self.lacks_list {
            let namespace = procfs.open_namespace(&thread.directory, c"ns/mnt", context.users.device());
            if let Some(namespace) = if_any(namespace)? {
                if let Some(view) = self.list(context, &namespace, root, known)? {
                    return Ok(Answer::Is(view));
                }
            }
        }
        match Answer::settle(|| procfs.open_file(&thread.directory, c"mountinfo"))? {
            Answer::Is(file) => self.read_mountinfo(context, lookup, &file, (root, status), known),
            Answer::Gone => Ok(Answer::Gone),
            // A process that ends has no mount namespace.
            Answer::Refused(Errno(libc::EINVAL)) => Ok(Answer::Gone),
            Answer::Refused(errno) => Ok(Answer::Refused(errno)),
        }
    }

    fn clear(&mut self) {
        self.mounts.clear();
        self.parents.clear();
        self.are_parents_sorted = false;
    }

    /// Whether a mount is, in the last view, on another one, or on one that is on that, and so on. `None`: it is on too many.
    pub fn is_on(&mut self, mount: u64, below: u64) -> Option<bool> {
        if !self.are_parents_sorted {
            sort_few(&mut self.parents);
            self.are_parents_sorted = true;
        }
        let parent_of = |mount| {
            let at = self.parents.binary_search_by_key(&mount, |&(id, _)| id).ok()?;
            Some(self.parents[at].1).filter(|&parent| parent != mount)
        };
        // The list can change while it is read, and ids can be reused, so the steps can go in a circle.
        let mut above = mount;
        for _ in 0..MOST_STEPS {
            match parent_of(above) {
                None => return Some(false),
                Some(parent) if parent == below => return Some(true),
                Some(parent) => above = parent,
            }
        }
        None
    }

    /// Reads the mounts of a mount namespace without processes, through its root directory and its mountinfo.
    pub fn read_empty(
        &mut self,
        context: &mut Context,
        lookup: &mut Lookup,
        namespace: &Fd,
        (root, mountinfo): (&Fd, &Fd),
        known: &KnownMounts,
    ) -> Result<Answer<View>, Error> {
        if let Some(view) = self.list(context, namespace, root, known)? {
            return Ok(Answer::Is(view));
        }
        // Before Linux 7.0 statmount(2) takes the first mount on the root of the mount namespace for the root. That is right
        // unless the host still runs in its initial RAM file system.
        let Some(status) = if_any(file::status(root))? else { return Ok(Answer::Gone) };
        self.read_mountinfo(context, lookup, mountinfo, (root, status), known)
    }

    /// Asks listmount(2) about a mount namespace and its root directory. `None`: it does not serve, for example because the
    /// directory is not the root directory, from which the kernel counts paths.
    fn list(
        &mut self,
        context: &mut Context,
        namespace: &Fd,
        root: &Fd,
        known: &KnownMounts,
    ) -> Result<Option<View>, Error> {
        self.clear();
        let ids = statmount::id_of_namespace(namespace)
            .and_then(|id| Ok((id, statmount::id_of(root)?, file::status(namespace)?.inode)));
        self.lacks_list = matches!(ids, Err(Errno(libc::ENOTTY | libc::ENOSYS)));
        let Some((namespace, top, inode)) = if_any(ids)? else { return Ok(None) };
        if if_any(self.buffer.ask(namespace, top, true))?.is_none() || self.buffer.details().point != c"/" {
            return Ok(None);
        }
        let mut view = View { is_proved: true, begins_at_mount: true, is_whole: true, namespace: Some(inode) };
        self.ids.try_reserve_exact(LISTED)?;
        self.ids.resize(LISTED, 0);
        let (mut last, mut long_paths) = (0, 0);
        loop {
            let Some(count) = if_any(statmount::below(namespace, top, last, &mut self.ids))? else { return Ok(None) };
            for index in 0..count {
                if !context.limits.mounts.take() {
                    view.is_whole = false;
                    return Ok(Some(view));
                }
                match self.ask(context, (namespace, self.ids[index]), &mut long_paths, known)? {
                    Answer::Is(mount) => push(&mut self.mounts, mount)?,
                    Answer::Gone => (),
                    Answer::Refused(_) => return Ok(None),
                }
            }
            if count < LISTED {
                return Ok(Some(view));
            }
            last = self.ids[count - 1];
        }
    }

    /// Asks statmount(2) about a mount. `Gone` if it is not of a namespace, or is no more, or was opened.
    fn ask(
        &mut self,
        context: &mut Context,
        (namespace, id): (u64, u64),
        long_paths: &mut usize,
        known: &KnownMounts,
    ) -> Result<Answer<Mount>, Error> {
        match Answer::of(statmount::basics(&mut self.buffer, namespace, id))? {
            Answer::Is(Basics { file_system, old_id, old_parent }) => {
                push(&mut self.parents, (old_id, old_parent))?;
                if file_system != nsfs::MAGIC {
                    return Ok(Answer::Gone);
                }
            }
            Answer::Gone => return Ok(Answer::Gone),
            Answer::Refused(errno) => return Ok(Answer::Refused(errno)),
        }
        let start = Start::now();
        let may_ask = *long_paths < MOST_LONG_PATHS && self.time < MOST_TIME;
        let mut details = self.buffer.ask(namespace, id, may_ask);
        if details == Err(Errno(libc::EOVERFLOW)) {
            self.time += start.elapsed_microseconds();
            *long_paths += 1;
            details = self.buffer.ask(namespace, id, false);
        }
        match Answer::of(details)? {
            Answer::Is(()) => (),
            Answer::Gone => return Ok(Answer::Gone),
            Answer::Refused(errno) => return Ok(Answer::Refused(errno)),
        }
        let Details { old_id, root, point } = self.buffer.details();
        let Some((namespace_type, inode)) = parse_link(root.to_bytes()) else { return Ok(Answer::Gone) };
        if known.get(&(old_id, inode)) == Some(&true) {
            return Ok(Answer::Gone);
        }
        let text = &mut context.facts_mut().text;
        let path = match point.to_bytes() {
            path if fits(text, path.len()) => text.add_once(path, &mut self.paths)?,
            _ => TextRef::default(),
        };
        Ok(Answer::Is(Mount { id: old_id, namespace_type, inode, path }))
    }

    fn read_mountinfo(
        &mut self,
        context: &mut Context,
        lookup: &mut Lookup,
        file: &Fd,
        (root, status): (&Fd, Status),
        known: &KnownMounts,
    ) -> Result<Answer<View>, Error> {
        self.clear();
        let mut view = View { is_proved: false, begins_at_mount: false, is_whole: true, namespace: None };
        if self.time >= MOST_TIME {
            view.is_whole = false;
            return Ok(Answer::Is(view));
        }
        let start = Start::now();
        let mut lines = mountinfo::Reader::new(file, &mut self.lines)?;
        let (mut proofs, mut bytes) = (0, 0);
        loop {
            let (mount, length) = match lines.next_mount() {
                Ok(Some(mount)) => mount,
                Ok(None) => return Ok(Answer::Is(view)),
                Err(Errno(libc::EOVERFLOW)) => {
                    self.time += start.elapsed_microseconds();
                    view.is_whole = false;
                    return Ok(Answer::Is(view));
                }
                Err(errno) if errno.is_exhaustion() => return Err(errno.into()),
                Err(errno) => return Ok(Answer::Refused(errno)),
            };
            (bytes, self.read_bytes) = (bytes + length, self.read_bytes + length);
            if bytes > MOST_BYTES_OF_VIEW || self.read_bytes > MOST_BYTES || !context.limits.mounts.take() {
                view.is_whole = false;
                return Ok(Answer::Is(view));
            }
            push(&mut self.parents, (mount.id, mount.parent))?;
            let begins = mount.path == b"/";
            view.begins_at_mount |= begins;
            if !view.is_proved && status.mount != 0 {
                if status.is_mount_root {
                    view.is_proved = begins && mount.id == status.mount;
                } else if proofs < MOST_PROOFS {
                    proofs += 1;
                    view.is_proved = leads_to(context, lookup, root, &mount)?;
                }
            }
            if mount.file_system != b"nsfs" {
                continue;
            }
            let Some((namespace_type, inode)) = parse_link(mount.root) else { continue };
            if known.get(&(mount.id, inode)) == Some(&true) {
                continue;
            }
            let text = &mut context.facts_mut().text;
            let path = match fits(text, mount.path.len()) {
                true => text.add_unescaped_once(mount.path, &mut self.paths)?,
                false => TextRef::default(),
            };
            push(&mut self.mounts, Mount { id: mount.id, namespace_type, inode, path })?;
        }
    }
}

/// Whether a path is short enough, and there is room for it.
fn fits(text: &Text, length: usize) -> bool {
    length < libc::PATH_MAX as usize && text.size() < MOST_TEXT
}

/// Whether the path in a line, looked up from `root`, leads to the mount in the line.
fn leads_to(context: &Context, lookup: &mut Lookup, root: &Fd, mount: &mountinfo::Mount) -> Result<bool, Error> {
    // Few paths have escapes.
    if mount.path.contains(&b'\\') {
        return Ok(false);
    }
    let found = if_any(lookup.find(Effort::Quick, context.procfs.root(), root, mount.path))?;
    Ok(found.is_some_and(|found| file::status(&found).is_ok_and(|found| found.mount == mount.id)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mount_is_on_its_parents() {
        // 1 is below the root directory of the process; 5 and 6 are a circle, of ids that were reused.
        let mut reader = Reader { parents: vec![(4, 3), (2, 1), (3, 2), (6, 5), (5, 6), (7, 7)], ..Reader::default() };
        for (mount, below, is_on) in
            [(4, 3, true), (4, 1, true), (2, 4, false), (4, 7, false), (7, 7, false), (9, 1, false)]
        {
            assert_eq!(reader.is_on(mount, below), Some(is_on), "{mount} {below}");
        }
        assert_eq!(reader.is_on(5, 1), None);
    }
}
