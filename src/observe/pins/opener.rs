//! Opens the namespaces of mounts: at their paths, or below overmounts.

use super::lookup::{Effort, Lookup};
use super::overmounts::{self, Overmounts};
use super::view::{Mount, Reader};
use crate::error::Error;
use crate::facts::{Holder, Target};
use crate::observe::Context;
use crate::sys::file::{self, Fd, Place};
use crate::sys::{Errno, if_any};

/// A mount in a view.
#[derive(Clone, Copy)]
pub struct Seen {
    pub view: u32,
    pub mount: Mount,
    /// The process that showed it; 0 if no process sees it.
    pub pid: i32,
    /// The mount namespace.
    pub namespace: Option<u32>,
    /// Whether its path leads to another mount, as far as is known.
    pub is_overmounted: bool,
}

/// Opens namespaces, within limits for all of them together.
pub struct Opener {
    pub lookup: Lookup,
    /// For mounts of namespaces that need not be opened: whether they are overmounted.
    second_lookup: Lookup,
    pub overmounts: Overmounts,
}

impl Default for Opener {
    fn default() -> Opener {
        Opener { lookup: Lookup::default(), second_lookup: Lookup::brief(), overmounts: Overmounts::default() }
    }
}

impl Opener {
    /// Opens (O_PATH) what is at the path of a mount, if nothing on the way can block.
    pub fn look(&mut self, context: &Context, effort: Effort, root: &Fd, mount: Mount) -> Result<Fd, Errno> {
        let path = context.facts().text.get(mount.path).to_bytes();
        if path.is_empty() {
            return Err(Errno(libc::ENAMETOOLONG));
        }
        match context.known(mount.namespace_type, mount.inode) {
            None => self.lookup.find(effort, context.procfs.root(), root, path),
            Some(_) => self.second_lookup.find(Effort::Thorough, context.procfs.root(), root, path),
        }
    }

    /// Whether something else than a mount of the last view is at its path, as far as is known.
    pub fn is_overmounted(
        &mut self,
        context: &Context,
        reader: &mut Reader,
        root: &Fd,
        mount: Mount,
        found: &Result<Fd, Errno>,
    ) -> bool {
        let path = context.facts().text.get(mount.path).to_bytes();
        match found {
            Ok(file) => file::status(file).is_ok_and(|status| !mount.may_be_at(&status)),
            Err(_) if path.is_empty() => false,
            // While nothing else is on the way, the path leads only through mounts that this one is on.
            Err(_) => overmounts::last_mount(&mut self.second_lookup, context.procfs.root(), root, path)
                .is_ok_and(|reached| reached != 0 && reader.is_on(mount.id, reached) == Some(false)),
        }
    }

    /// Records what it can of the mounts that a view shows, and takes these mounts out. The view is that of a root directory
    /// and its mount namespace.
    pub fn in_view(
        &mut self,
        context: &mut Context,
        (root, namespace): (&Fd, &Fd),
        place: Place,
        mounts: &mut [Option<Seen>],
    ) -> Result<(), Error> {
        // If something was mounted in the moment of the first lookup.
        take_out(mounts, |seen| {
            let found = self.look(context, Effort::Thorough, root, seen.mount);
            let target = record(context, seen.mount, found)?;
            hold(context, target, seen)
        })?;
        // One copy of the mount namespace serves for all its mounts. In it a mount can be lost that is below one that was
        // unmounted; it is found in the next copy. The latest mount is first, since it is on top.
        mounts.reverse();
        while self.lookup.is_possible() && mounts.iter().any(Option::is_some) {
            let Some(copy) = if_any(self.overmounts.copy(context, namespace, place))? else { break };
            let found = take_out(mounts, |seen| {
                let mount = seen.mount;
                if let Some(known) = context.known(mount.namespace_type, mount.inode) {
                    return hold(context, Some(known), seen);
                }
                let Some(wanted) = context.identity(mount.inode) else { return Ok(false) };
                let path = context.facts().text.get(mount.path).to_bytes();
                let found = self.overmounts.find(context, &mut self.lookup, &copy, path, wanted);
                let target = record(context, mount, found)?;
                hold(context, target, seen)
            })?;
            if found == 0 {
                break;
            }
        }
        Ok(())
    }
}

/// Takes out the mounts for which `open` returns true, and returns how many.
fn take_out(
    mounts: &mut [Option<Seen>],
    mut open: impl FnMut(&mut Seen) -> Result<bool, Error>,
) -> Result<usize, Error> {
    let mut count = 0;
    for slot in mounts {
        if let Some(seen) = slot {
            if open(seen)? {
                *slot = None;
                count += 1;
            }
        }
    }
    Ok(count)
}

/// Records a mount if its namespace was opened.
pub fn hold(context: &mut Context, target: Option<Target>, seen: &Seen) -> Result<bool, Error> {
    let Seen { mount, pid, namespace, is_overmounted, .. } = *seen;
    if let Some(target) = target {
        context.hold(target, Holder::Mount { pid, path: mount.path, namespace, is_overmounted })?;
    }
    Ok(target.is_some())
}

/// The mounted namespace, if it was met before, or if it is what was found.
pub fn record(context: &mut Context, mount: Mount, found: Result<Fd, Errno>) -> Result<Option<Target>, Error> {
    if let Some(known) = context.known(mount.namespace_type, mount.inode) {
        return Ok(Some(known));
    }
    let Some(wanted) = context.identity(mount.inode) else { return Ok(None) };
    match if_any(found.and_then(|file| context.procfs.reopen(&file, wanted)))? {
        Some(namespace) => Ok(context.target_of(mount.namespace_type, namespace)?.any()),
        None => Ok(None),
    }
}
