//! Enters mount namespaces in a child process, and finds files below overmounts in private copies of them.

use super::lookup::{Effort, Lookup};
use crate::observe::{Context, Procfs};
use crate::sys::clock::Start;
use crate::sys::file::{self, Fd, Identity, Place};
use crate::sys::{Errno, child, mount};
use crate::util::arrays::push;
use crate::util::path::ShortPath;
use std::cell::{Cell, OnceCell};

/// Give up after this many overmounts on one path.
const MOST_OVERMOUNTS: usize = 64;
/// All this takes so long in a scan, at most.
const MOST_TIME: u64 = 2_000_000; // microseconds

/// Makes copies of mount namespaces, within limits for all of them together.
pub struct Overmounts {
    time: u64,
    /// The procfs at `/proc`, if the scanned one does not show the caller.
    usual: Option<Procfs>,
}

impl Default for Overmounts {
    fn default() -> Overmounts {
        Overmounts { time: MOST_TIME, usual: None }
    }
}

/// A copy of a mount namespace, which ends when this is dropped.
pub struct Copy {
    namespace: Fd,
    root: Fd,
}

struct EnterTask<'t> {
    namespace: &'t Fd,
    procfs: &'t Procfs,
    root: OnceCell<Fd>,
    mountinfo: OnceCell<Fd>,
    result: Cell<Result<(), Errno>>,
}

struct CopyTask<'t> {
    namespace: &'t Fd,
    /// The root directory of a procfs that shows the caller.
    procfs: &'t Fd,
    expected: Place,
    /// The root directory, and that of the copy.
    root: OnceCell<Fd>,
    copied_root: OnceCell<Fd>,
    /// The copy, by O_PATH.
    copy: OnceCell<Fd>,
    result: Cell<Result<(), Errno>>,
}

struct UnmountTask<'t> {
    namespace: &'t Fd,
    procfs: &'t Fd,
    /// The link in `procfs` to the mount.
    link: ShortPath,
    result: Cell<Result<(), Errno>>,
}

impl Overmounts {
    /// Copies a mount namespace, if `root` is its root directory. Needs CAP_SYS_ADMIN and CAP_SYS_CHROOT.
    ///
    /// A child process enters the mount namespace and makes the copy. The mount namespace itself does not change.
    pub fn copy(&mut self, context: &Context, namespace: &Fd, root: Place) -> Result<Copy, Errno> {
        if self.usual.is_none() && !context.procfs.shows_caller() {
            self.usual = Some(Procfs::open(c"/proc").map_err(|error| Errno(error.errno()))?);
        }
        self.in_time(|overmounts| {
            let mut task = CopyTask {
                namespace,
                procfs: overmounts.procfs(context),
                expected: root,
                root: OnceCell::new(),
                copied_root: OnceCell::new(),
                copy: OnceCell::new(),
                result: Cell::new(Err(KILLED)),
            };
            child::run(&task, |task| task.result.set(task.run()))?;
            task.result.get()?;
            let (copy, root) = (task.copy.take().ok_or(KILLED)?, task.copied_root.take().ok_or(KILLED)?);
            let identity = file::status(&copy)?.identity();
            // Something can be mounted over the link.
            if context.identity(identity.inode) != Some(identity) {
                return Err(Errno(libc::EXDEV));
            }
            Ok(Copy { namespace: context.procfs.reopen(&copy, identity)?, root })
        })
    }

    /// Opens the root directory (O_PATH) of a mount namespace, and its mountinfo: a child process enters it. Needs
    /// CAP_SYS_ADMIN and CAP_SYS_CHROOT, and a procfs that shows the caller.
    pub fn enter(&mut self, context: &Context, namespace: &Fd) -> Result<(Fd, Fd), Errno> {
        self.in_time(|_| {
            let (root, mountinfo, result) = (OnceCell::new(), OnceCell::new(), Cell::new(Err(KILLED)));
            let mut task = EnterTask { namespace, procfs: context.procfs, root, mountinfo, result };
            child::run(&task, |task| task.result.set(task.run()))?;
            task.result.get()?;
            task.root.take().zip(task.mountinfo.take()).ok_or(KILLED)
        })
    }

    /// Opens (O_PATH) the file with this identity below the overmounts on `path` and on its parent directories, which are
    /// unmounted in the copy.
    pub fn find(
        &mut self,
        context: &Context,
        lookup: &mut Lookup,
        copy: &Copy,
        path: &[u8],
        wanted: Identity,
    ) -> Result<Fd, Errno> {
        self.in_time(|overmounts| {
            let mut search = Search { lookup, calm: context.procfs.root(), root: &copy.root, path, ends: ends(path)? };
            for _ in 0..MOST_OVERMOUNTS {
                match search.find(search.ends.len() - 1) {
                    Ok(file) if file::status(&file)?.identity() == wanted => return Ok(file),
                    Err(errno) if errno.is_exhaustion() => return Err(errno),
                    _ => unmount(copy, overmounts.procfs(context), &search.overmount()?)?,
                }
            }
            Err(Errno(libc::ELOOP))
        })
    }

    fn procfs<'a>(&'a self, context: &'a Context) -> &'a Fd {
        self.usual.as_ref().unwrap_or(context.procfs).root()
    }

    fn in_time<T>(&mut self, act: impl FnOnce(&Overmounts) -> Result<T, Errno>) -> Result<T, Errno> {
        if self.time == 0 {
            return Err(Errno(libc::ETIME));
        }
        let start = Start::now();
        let result = act(self);
        self.time = self.time.saturating_sub(start.elapsed_microseconds());
        result
    }
}

/// The child was killed, by a seccomp filter for example.
const KILLED: Errno = Errno(libc::EPERM);

impl EnterTask<'_> {
    fn run(&self) -> Result<(), Errno> {
        mount::enter(self.namespace)?;
        keep(&self.root, file::open(c"/", libc::O_PATH | libc::O_DIRECTORY)?);
        keep(&self.mountinfo, self.procfs.open_file(self.procfs.root(), c"thread-self/mountinfo")?);
        Ok(())
    }
}

impl CopyTask<'_> {
    /// Moves the child into a private copy of the mount namespace, see mount_namespaces(7). Does not change directory, since
    /// a file server can decide on that permission.
    fn run(&self) -> Result<(), Errno> {
        mount::enter(self.namespace)?;
        let root = keep(&self.root, file::open(c"/", libc::O_PATH | libc::O_DIRECTORY)?);
        if !file::status(root)?.place().may_be(&self.expected) {
            return Err(Errno(libc::EXDEV)); // paths begin at another directory
        }
        mount::unshare_private()?;
        keep(&self.copied_root, file::open(c"/", libc::O_PATH | libc::O_DIRECTORY)?);
        keep(&self.copy, file::open_at(self.procfs, c"thread-self/ns/mnt", libc::O_PATH)?);
        Ok(())
    }
}

/// Puts a descriptor where the parent finds it if the child is killed.
fn keep(cell: &OnceCell<Fd>, opened: Fd) -> &Fd {
    cell.get_or_init(|| opened)
}

/// Unmounts, in a copy, a mount by its root directory.
fn unmount(copy: &Copy, procfs: &Fd, root: &Fd) -> Result<(), Errno> {
    let link = ShortPath::new(format_args!("thread-self/fd/{}", root.number()));
    let task = UnmountTask { namespace: &copy.namespace, procfs, link, result: Cell::new(Err(KILLED)) };
    child::run(&task, |task| {
        let entered = mount::enter(task.namespace);
        task.result.set(entered.and_then(|()| mount::unmount_target(task.procfs, task.link.as_c_str())));
    })?;
    task.result.get()
}

/// A search for what is below overmounts on a path.
struct Search<'s> {
    lookup: &'s mut Lookup,
    calm: &'s Fd,
    root: &'s Fd,
    path: &'s [u8],
    /// Where each component of the path ends, after a first 0 for the root directory.
    ends: Vec<usize>,
}

impl Search<'_> {
    /// Looks up the first components of the path.
    fn find(&mut self, components: usize) -> Result<Fd, Errno> {
        let end = *self.ends.get(components).ok_or(Errno(libc::ENOENT))?;
        self.lookup.find(Effort::Thorough, self.calm, self.root, &self.path[..end])
    }

    /// How many components lead anywhere, and the mount there.
    fn reached(&mut self) -> Result<(usize, u64), Errno> {
        let end = last(self.ends.len(), |count| Ok(self.find(count).is_ok()))?;
        Ok((end, file::status(&self.find(end)?)?.mount))
    }

    /// The root of the last mount that the path leads to, as far as it leads anywhere. While the path does not lead to what
    /// is looked for, this mount is an overmount: if the path led only through mounts that this one is mounted on, it would
    /// go on.
    fn overmount(&mut self) -> Result<Fd, Errno> {
        let (end, mount) = self.reached()?;
        // A path that has left a mount does not come back to it.
        let before = last(end + 1, |count| Ok(file::status(&self.find(count)?)?.mount != mount))?;
        match self.find(before + 1) {
            Ok(root) if before < end && file::status(&root)?.is_mount_root => Ok(root),
            _ => Err(Errno(libc::ENOENT)),
        }
    }
}

/// The last number below `count` for which `is_true`, which holds for 0, and for no number above one for which it does not.
fn last(count: usize, mut is_true: impl FnMut(usize) -> Result<bool, Errno>) -> Result<usize, Errno> {
    let (mut low, mut high) = (0, count);
    while high - low > 1 {
        let middle = low + (high - low) / 2;
        if is_true(middle)? {
            low = middle;
        } else {
            high = middle;
        }
    }
    Ok(low)
}

/// The last mount that a path leads to, as far as it leads anywhere. 0 if that is unknown.
pub fn last_mount(lookup: &mut Lookup, calm: &Fd, root: &Fd, path: &[u8]) -> Result<u64, Errno> {
    Ok(Search { lookup, calm, root, path, ends: ends(path)? }.reached()?.1)
}

fn ends(path: &[u8]) -> Result<Vec<usize>, Errno> {
    let mut ends = Vec::new();
    push(&mut ends, 0)?;
    for slash in (2..path.len()).filter(|&index| path[index] == b'/') {
        push(&mut ends, slash)?;
    }
    push(&mut ends, path.len())?;
    Ok(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_end_at_slashes() {
        assert_eq!(ends(b"/a/bc/d"), Ok(vec![0, 2, 5, 7]));
        assert_eq!(ends(b"/a"), Ok(vec![0, 2]));
    }

    #[test]
    fn the_last_number_is_found() {
        for count in 1..9 {
            for end in 0..count {
                assert_eq!(last(count, |number| Ok(number <= end)), Ok(end));
            }
        }
    }
}
