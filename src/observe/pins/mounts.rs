//! Source: bind mounts of namespaces.

use super::super::answer::Answer;
use super::kernel_threads;
use super::lookup::Effort;
use super::opener::{Opener, Seen, hold, record};
use super::roots::Roots;
use super::threads::{Opened, Thread, open_view};
use super::view::{KnownMounts, Reader, View};
use crate::error::Error;
use crate::facts::{Gap, Gaps, NamespaceType};
use crate::observe::Context;
use crate::sys::file::{self, Fd, Place};
use crate::sys::{Errno, if_any};
use crate::util::arrays::{Groups, index, push, reserved};
use crate::util::hash::IntMap;

/// So many directories are climbed to leave a chroot(2).
const MOST_LEVELS: usize = 1000;

/// The mounts met so far.
#[derive(Default)]
pub struct Mounts {
    /// The views that need not be read again, by mount namespace and root directory.
    views: IntMap<(u64, Place), u32>,
    roots: Roots,
    kinds: Vec<Kind>,
    /// The threads with each view.
    viewers: Vec<Viewer>,
    /// A view that begins at a mount, by mount namespace.
    complete: IntMap<u64, u32>,
    chroots: Vec<Chroot>,
    known: KnownMounts,
    /// Mounts of namespaces that were not met before, and that are not at their path.
    unopened: Vec<Seen>,
    /// The number of threads that blocked those who opened their mount namespace.
    stuck: usize,
    opener: Opener,
    reader: Reader,
    /// What the views lack. A process is visited again if it changes, but not a view that is known by then.
    gaps: Gaps,
}

/// A view.
#[derive(Clone, Copy)]
struct Kind {
    root: Place,
    /// Whether all its mounts were read.
    is_whole: bool,
    /// Whether a thread was found through which to open mounts that are not at their path.
    is_tried: bool,
}

#[derive(Clone, Copy)]
struct Viewer {
    view: u32,
    pid: i32,
    tid: i32,
}

/// A view that does not begin at the root directory of its mount namespace.
struct Chroot {
    namespace: u64,
    /// That root directory, if it could be looked up, and is proved to be of the namespace.
    top: Option<Place>,
}

impl Mounts {
    /// Reads the mounts that a thread sees, unless they are known from a thread with the same view. False if they could not
    /// be read, `None` if the thread has ended.
    pub fn read(
        &mut self,
        context: &mut Context,
        thread: &Thread,
        mount_namespace: u64,
    ) -> Result<Option<bool>, Error> {
        let procfs = context.procfs;
        match Answer::settle(|| procfs.place_at(&thread.directory, c"root"))? {
            Answer::Is(root) => {
                let view = self.views.get(&(mount_namespace, root)).copied();
                if let Some(is_whole) = self.add_viewer(view, thread.pid, thread.tid)? {
                    return Ok(Some(is_whole));
                }
            }
            Answer::Gone => return Ok(None),
            Answer::Refused(_) => return Ok(Some(false)),
        }
        let root = match Answer::settle(|| procfs.find_target(&thread.directory, c"root"))? {
            Answer::Is(root) => root,
            Answer::Gone => return Ok(None),
            Answer::Refused(_) => return Ok(Some(false)),
        };
        match self.reader.read(context, &mut self.opener.lookup, thread, &root, &self.known)? {
            // If the thread has ended meanwhile, the next one with this view shows the mounts.
            Answer::Is(_) if procfs.status_at(&thread.directory, c"root").is_err_and(Errno::is_gone) => Ok(None),
            Answer::Is(view) => self.record(context, thread, mount_namespace, &root, view).map(Some),
            Answer::Gone => Ok(None),
            Answer::Refused(_) => Ok(Some(false)),
        }
    }

    /// Adds a thread, as BPF told it, to a known view, and returns whether that is whole.
    pub fn add_told(&mut self, pid: i32, tid: i32, mount_namespace: u64, root: Place) -> Result<Option<bool>, Error> {
        self.add_viewer(self.roots.find(mount_namespace, root), pid, tid)
    }

    /// Adds a thread to a view, if that is known, and returns whether it is whole.
    fn add_viewer(&mut self, view: Option<u32>, pid: i32, tid: i32) -> Result<Option<bool>, Error> {
        let Some(view) = view else { return Ok(None) };
        push(&mut self.viewers, Viewer { view, pid, tid })?;
        Ok(Some(self.kinds[view as usize].is_whole))
    }

    fn record(
        &mut self,
        context: &mut Context,
        thread: &Thread,
        mount_namespace: u64,
        root: &Fd,
        read: View,
    ) -> Result<bool, Error> {
        let View { is_proved, begins_at_mount, is_whole, namespace } = read;
        let Some(place) = if_any(context.procfs.place_of(root))? else { return Ok(false) };
        let view = index(self.kinds.len())?;
        push(&mut self.kinds, Kind { root: place, is_whole, is_tried: false })?;
        push(&mut self.viewers, Viewer { view, pid: thread.pid, tid: thread.tid })?;
        // Before Linux 5.8 there is no proof of the root directory.
        let lacks_ids = lacks_ids(root);
        self.find_chroot(context, (mount_namespace, view), (root, place), is_proved || lacks_ids, begins_at_mount)?;
        // Without proof a process counts as one that has not changed its view if it has it again.
        let is_same = || thread.has_view(context.procfs, mount_namespace, place);
        let namespace = match namespace {
            None if is_same()? => Some(mount_namespace),
            proved => proved,
        };
        let is_proved = is_proved || (lacks_ids && namespace.is_some());
        let namespace = namespace.and_then(|inode| context.nonusers.find(NamespaceType::Mnt, inode));
        let gaps = context.facts().gaps;
        for index in 0..self.reader.mounts.len() {
            let mount = self.reader.mounts[index];
            let seen = Seen { view, mount, pid: thread.pid, namespace, is_overmounted: false };
            self.record_mount(context, root, seen)?;
        }
        let all = std::mem::replace(&mut context.facts_mut().gaps, gaps);
        self.gaps.add_since(&gaps, &all);
        // A view that is not whole is not read again: each process with it is counted. This is last, since a visit can end
        // at any system call; then the next process with this view is read.
        if is_proved || !is_whole {
            self.views.try_reserve(1)?;
            if let Some(status) = if_any(file::status(root))? {
                self.roots.add(mount_namespace, &status, view)?;
            }
            self.views.insert((mount_namespace, place), view);
        }
        Ok(is_whole)
    }

    fn record_mount(&mut self, context: &mut Context, root: &Fd, mut seen: Seen) -> Result<(), Error> {
        let key = (seen.mount.id, seen.mount.inode);
        let known = self.known.get(&key).copied();
        if known == Some(true) {
            return Ok(());
        }
        let found = self.opener.look(context, Effort::Quick, root, seen.mount);
        seen.is_overmounted = self.opener.is_overmounted(context, &mut self.reader, root, seen.mount, &found);
        let target = record(context, seen.mount, found)?;
        let is_beyond = known.is_none() && self.known.len() >= context.limits.pins;
        let is_held = hold(context, target, &seen)?;
        if is_beyond {
            context.miss(Gap::UnopenedMounts, (!is_held).into());
            return Ok(());
        }
        if !is_held && known.is_none() {
            push(&mut self.unopened, seen)?;
        }
        self.known.try_reserve(1)?;
        self.known.insert(key, target.is_some());
        Ok(())
    }

    /// Reads the mounts of a mount namespace without processes. False if they could not be read, or not all. `nonuser`: its
    /// index.
    pub fn read_empty(&mut self, context: &mut Context, namespace: &Fd, nonuser: u32) -> Result<bool, Error> {
        let Some((root, mountinfo)) = if_any(self.opener.overmounts.enter(context, namespace))? else {
            return Ok(false);
        };
        let Some(place) = if_any(context.procfs.place_of(&root))? else { return Ok(false) };
        let (lookup, known) = (&mut self.opener.lookup, &self.known);
        let read = self.reader.read_empty(context, lookup, namespace, (&root, &mountinfo), known)?;
        let Answer::Is(View { is_whole, .. }) = read else { return Ok(false) };
        drop(mountinfo);
        // No thread shows this view later, so what is not at its path is opened now.
        let view = index(self.kinds.len())?;
        push(&mut self.kinds, Kind { root: place, is_whole, is_tried: true })?;
        let first = self.unopened.len();
        for index in 0..self.reader.mounts.len() {
            let mount = self.reader.mounts[index];
            let seen = Seen { view, mount, pid: 0, namespace: Some(nonuser), is_overmounted: false };
            self.record_mount(context, &root, seen)?;
        }
        let mut pending = reserved(self.unopened.len() - first)?;
        pending.extend(self.unopened.drain(first..).map(Some));
        self.opener.in_view(context, (&root, namespace), place, &mut pending)?;
        self.unopened.extend(pending.into_iter().flatten());
        Ok(is_whole)
    }

    /// Notes whether a view begins below the root directory of its mount namespace: then mounts elsewhere are not visible.
    /// Nor are any if the directory is not in the mount namespace: one of another, or of a mount that was detached.
    fn find_chroot(
        &mut self,
        context: &Context,
        (namespace, view): (u64, u32),
        (root, place): (&Fd, Place),
        is_in_namespace: bool,
        begins_at_mount: bool,
    ) -> Result<(), Error> {
        let top = if is_in_namespace { self.find_top(context, root, place)? } else { None };
        // Whoever has made the lookups reach their limits must not make this view look complete.
        let may_be_top = top == Some(place) || (is_in_namespace && !self.opener.lookup.is_possible());
        if begins_at_mount && may_be_top {
            self.complete.try_reserve(1)?;
            self.complete.insert(namespace, view);
        } else {
            push(&mut self.chroots, Chroot { namespace, top })?;
        }
        Ok(())
    }

    /// The directory in which `..` leads no further up from a root directory.
    fn find_top(&mut self, context: &Context, root: &Fd, place: Place) -> Result<Option<Place>, Error> {
        let mut above = if_any(self.opener.lookup.find_above(context.procfs.root(), root))?;
        let mut below = place;
        for _ in 0..MOST_LEVELS {
            let Some(directory) = above else { break };
            let Some(place) = if_any(context.procfs.place_of(&directory))? else { break };
            if place == below {
                return Ok(Some(place));
            }
            below = place;
            above = if_any(self.opener.lookup.find_above(context.procfs.root(), &directory))?;
        }
        Ok(None)
    }

    /// The number of mount namespaces of which every view begins in a chroot(2).
    fn count_chrooted(&self) -> Result<usize, Error> {
        // Views in any mount namespace, by root directory, and the number of views by mount namespace.
        let mut roots: IntMap<(u64, Place), u32> = IntMap::default();
        let mut chrooted: IntMap<u64, u32> = IntMap::default();
        if !self.chroots.is_empty() {
            roots.try_reserve(self.views.len())?;
            roots.extend(self.views.iter().map(|(&(_, root), &view)| ((0, root), view)));
        }
        for Chroot { namespace, top } in &self.chroots {
            // The mount namespace that the kernel named can be that of a moment ago; the root directory is not.
            let is_seen = match top {
                Some(top) => roots.contains_key(&(0, *top)),
                None => self.complete.contains_key(namespace),
            };
            if !is_seen {
                chrooted.try_reserve(1)?;
                *chrooted.entry(*namespace).or_insert(0) += 1;
            }
        }
        Ok(chrooted.len())
    }

    /// Opens the overmounted namespaces, if possible. The others are known by inode number only.
    pub fn finish(mut self, context: &mut Context) -> Result<(), Error> {
        context.facts_mut().gaps.add_since(&Gaps::default(), &self.gaps);
        context.miss(Gap::Chrooted, self.count_chrooted()?);
        let known = std::mem::take(&mut self.known);
        self.unopened.retain(|seen| !known[&(seen.mount.id, seen.mount.inode)]);
        let mut pending = Groups::new(self.kinds.len(), &self.unopened, |seen| Some((seen.view, Some(*seen))))?;
        let viewers = std::mem::take(&mut self.viewers);
        for &viewer in &viewers {
            let range = pending.range(viewer.view);
            let mounts = &mut pending.items[range.start as usize..range.end as usize];
            if !mounts.is_empty() && !self.kinds[viewer.view as usize].is_tried {
                self.open_in_view(context, viewer, mounts)?;
            }
        }
        // Last, since another mount or a descriptor may have shown the same namespace.
        for seen in pending.items.into_iter().flatten() {
            let mount = seen.mount;
            let target = match context.known(mount.namespace_type, mount.inode) {
                Some(known) => known,
                None => context.record_unopened(mount.namespace_type, mount.inode)?,
            };
            context.miss(Gap::UnopenedMounts, 1);
            hold(context, Some(target), &seen)?;
        }
        kernel_threads::replace(context, viewers.iter().map(|viewer| (viewer.view, viewer.pid)))
    }

    /// Opens what it can of the mounts of a view, through a thread that still has the view, and takes these mounts out.
    fn open_in_view(
        &mut self,
        context: &mut Context,
        Viewer { view, pid, tid }: Viewer,
        mounts: &mut [Option<Seen>],
    ) -> Result<(), Error> {
        let Some(Opened { root, namespace }) = open_view(context, pid, tid, &mut self.stuck)? else { return Ok(()) };
        let kind = &mut self.kinds[view as usize];
        if !if_any(context.procfs.place_of(&root))?.is_some_and(|place| place.may_be(&kind.root)) {
            return Ok(());
        }
        kind.is_tried = true;
        self.opener.in_view(context, (&root, &namespace), kind.root, mounts)
    }
}

/// Whether the kernel lacks the ids of mounts in statx(2), or it is refused.
fn lacks_ids(root: &Fd) -> bool {
    file::status(root).is_ok_and(|status| status.mount == 0)
}
