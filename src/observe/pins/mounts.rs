//! Source: bind mounts of namespaces, proc_pid_mountinfo(5).

use super::super::answer::Answer;
use super::super::mountinfo;
use super::overmounts;
use super::threads::Thread;
use crate::error::Error;
use crate::facts::{Gap, Holder, NamespaceType, Target, TextRef, parse_link};
use crate::observe::Context;
use crate::sys::file::{self, Fd, Place};
use crate::sys::{Errno, if_any};
use crate::util::arrays::push;
use crate::util::hash::IntMap;

/// The mounts found so far.
#[derive(Default)]
pub struct Mounts {
    /// A view is a pair of mount namespace and root directory: mountinfo shows the mounts below the root directory of the
    /// process. These views have been read.
    views: IntMap<(u64, Place), u32>,
    /// The threads with each view.
    viewers: Vec<Viewer>,
    /// For each mount namespace, whether a view of it starts at a mount. If none does, every process is in a chroot(2),
    /// and mounts elsewhere are not visible.
    complete: IntMap<u64, bool>,
    /// Mounts of namespaces that were not found before, and that are not at their path.
    unopened: Vec<Unopened>,
    /// The kernel cannot look paths up without the risk to block (before Linux 5.12), so no path is looked up.
    lacks_lookup: bool,
}

#[derive(Clone, Copy)]
struct Viewer {
    view: u32,
    pid: i32,
    tid: i32,
}

#[derive(Clone, Copy)]
struct Unopened {
    view: u32,
    namespace_type: NamespaceType,
    inode: u64,
    path: TextRef,
    /// The process that showed it.
    pid: i32,
}

impl Mounts {
    /// Reads the mounts that a thread sees, unless a thread with the same view was read before. False if the kernel
    /// refuses to show them.
    pub fn read(&mut self, context: &mut Context, thread: &Thread, mount_namespace: u64) -> Result<bool, Error> {
        let procfs = context.procfs;
        let root = match Answer::settle(|| procfs.place_at(&thread.directory, c"root"))? {
            Answer::Is(root) => root,
            Answer::Gone => return Ok(true),
            Answer::Refused(_) => return Ok(false),
        };
        if let Some(&view) = self.views.get(&(mount_namespace, root)) {
            self.add_viewer(view, thread)?;
            return Ok(true);
        }
        let mountinfo = match Answer::settle(|| procfs.open_file(&thread.directory, c"mountinfo"))? {
            Answer::Is(mountinfo) => mountinfo,
            Answer::Gone => return Ok(true), // the next thread with this view is read
            Answer::Refused(_) => return Ok(false),
        };
        let Some(mountinfo) = if_any(file::read_to_end(&mountinfo))? else { return Ok(false) };
        let view = self.views.len() as u32;
        self.views.try_reserve(1)?;
        self.views.insert((mount_namespace, root), view);
        self.add_viewer(view, thread)?;
        self.read_view(context, thread, view, mount_namespace, &mountinfo)?;
        Ok(true)
    }

    fn read_view(
        &mut self,
        context: &mut Context,
        thread: &Thread,
        view: u32,
        mount_namespace: u64,
        mountinfo: &[u8],
    ) -> Result<(), Error> {
        let mut is_complete = false;
        for mount in mountinfo::mounts(mountinfo) {
            is_complete |= mount.path == b"/";
            if mount.file_system != b"nsfs" {
                continue;
            }
            let Some((namespace_type, inode)) = parse_link(mount.root) else { continue };
            let path = context.facts_mut().text.add_unescaped(mount.path)?;
            let unopened = Unopened { view, namespace_type, inode, path, pid: thread.pid };
            match self.open_at_path(context, thread, unopened)? {
                Some(target) => context.hold(target, Holder::Mount { pid: thread.pid, path })?,
                None => push(&mut self.unopened, unopened)?,
            }
        }
        self.complete.try_reserve(1)?;
        *self.complete.entry(mount_namespace).or_insert(false) |= is_complete;
        Ok(())
    }

    fn add_viewer(&mut self, view: u32, thread: &Thread) -> Result<(), Error> {
        Ok(push(&mut self.viewers, Viewer { view, pid: thread.pid, tid: thread.tid })?)
    }

    /// The mounted namespace, if it was found before, or if it is at its path and nothing on the way can block.
    fn open_at_path(
        &mut self,
        context: &mut Context,
        thread: &Thread,
        mount: Unopened,
    ) -> Result<Option<Target>, Error> {
        if let Some(known) = context.known(mount.namespace_type, mount.inode) {
            return Ok(Some(known));
        }
        let Some(wanted) = context.identity(mount.inode) else { return Ok(None) };
        let path = context.facts().text.get(mount.path);
        let found =
            context.procfs.find_target(&thread.directory, c"root").and_then(|root| file::find_in_memory(&root, path));
        self.lacks_lookup |= matches!(found, Err(Errno(libc::ENOSYS | libc::EINVAL)));
        let opened = found.and_then(|file| context.procfs.reopen(&file, wanted));
        record(context, mount, if_any(opened)?)
    }

    /// Opens the overmounted namespaces, if possible. The others are known by inode number only.
    pub fn finish(mut self, context: &mut Context) -> Result<(), Error> {
        context.miss(Gap::Chrooted, self.complete.values().filter(|&&is_complete| !is_complete).count());
        let mut unreachable = Vec::new();
        for mount in std::mem::take(&mut self.unopened) {
            let (target, pid) = self.open_overmounted(context, mount)?;
            let holder = Holder::Mount { pid, path: mount.path };
            match target {
                Some(target) => context.hold(target, holder)?,
                None => push(&mut unreachable, (mount, holder))?,
            }
        }
        // Last, since another mount or a descriptor may have shown the same namespace.
        for (mount, holder) in unreachable {
            let target = match context.known(mount.namespace_type, mount.inode) {
                Some(known) => known,
                None => context.record_unopened(mount.namespace_type, mount.inode)?,
            };
            context.miss(Gap::UnopenedMounts, 1);
            context.hold(target, holder)?;
        }
        Ok(())
    }

    /// The mounted namespace, through a thread that still has the view that showed it; and the PID of that thread.
    fn open_overmounted(&mut self, context: &mut Context, mount: Unopened) -> Result<(Option<Target>, i32), Error> {
        for index in 0..self.viewers.len() {
            let Viewer { view, pid, tid } = self.viewers[index];
            if view != mount.view {
                continue;
            }
            let Some(thread) = Thread::find(context.procfs, pid, tid)? else { continue };
            if let Some(target) = self.open_at_path(context, &thread, mount)? {
                return Ok((Some(target), pid));
            }
            if self.lacks_lookup {
                return Ok((None, pid));
            }
            let nsfs = context.users.device();
            let opened = context
                .procfs
                .open_namespace(&thread.directory, c"ns/mnt", nsfs)
                .and_then(|namespace| Ok((namespace, context.procfs.place_at(&thread.directory, c"root")?)));
            let (Some((namespace, root)), Some(wanted)) = (if_any(opened)?, context.identity(mount.inode)) else {
                continue;
            };
            let path = context.facts().text.get(mount.path);
            let found = overmounts::open(&namespace, root, path, wanted);
            let opened = if_any(found.and_then(|file| context.procfs.reopen(&file, wanted)))?;
            return Ok((record(context, mount, opened)?, pid));
        }
        Ok((None, mount.pid))
    }
}

fn record(context: &mut Context, mount: Unopened, opened: Option<Fd>) -> Result<Option<Target>, Error> {
    match opened {
        Some(namespace) => context.target(mount.namespace_type, mount.inode, || Ok(namespace)),
        None => Ok(None),
    }
}
