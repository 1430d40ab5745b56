//! A procfs: proc(5).
//!
//! `files.rs` opens its files so that it does not matter what is mounted over them. But the plain scan reads one link per
//! process, with one system call, and the links to namespaces lead to another file system. So once per scan `covers.rs`
//! looks whether something is mounted over the entries of processes. If so, or if that is unknown, the procfs counts as
//! covered: each such link is first opened by itself (O_PATH and O_NOFOLLOW), as proof that nothing is mounted over it, and
//! read through that descriptor. What is mounted over fails with EXDEV and so is counted as unreadable.
//!
//! Otherwise a mount that comes during the scan is not noticed. In the caller's own mount namespace only an administrator
//! of it makes mounts, and a procfs of any other counts as covered.

use super::covers;
use super::files::{COVERED, Files};
use crate::error::Error;
use crate::facts::{NamespaceType, parse_link};
use crate::sys::child::Forbidden;
use crate::sys::file::{self, Fd, Identity, Place, Status};
use crate::sys::{Errno, if_any, nsfs, pidfd, worker};
use crate::util::parse;
use crate::util::path::ShortPath;
use once_cell::unsync::OnceCell;
use std::ffi::{CStr, c_int};

/// `PROC_SUPER_MAGIC` of linux/magic.h.
const PROC_SUPER_MAGIC: u32 = 0x9fa0;
/// The inode number of the root of a procfs. Directories below it, for example `self/task`, do not list processes.
const ROOT_INODE: u64 = 1;

/// Neither this procfs nor the one at `/proc` shows the caller. Not ENOENT, which means that a process has ended.
const CALLER_HIDDEN: Errno = Errno(libc::EACCES);

/// The root directory of a procfs, verified to be one.
pub struct Procfs {
    files: Files,
    is_covered: bool,
    /// Directories of the calling thread.
    own_descriptors: OnceCell<Fd>,
    own_information: OnceCell<Fd>,
    /// If a child would be the first process of a PID namespace.
    _no_children: Option<Forbidden>,
}

impl Procfs {
    /// Opens the root directory of a procfs; ENODEV if `path` is another directory.
    pub fn open(path: &CStr) -> Result<Procfs, Error> {
        let mut procfs = Procfs::open_unchecked(path)?;
        procfs._no_children = procfs.would_child_be_first()?.then(Forbidden::new);
        procfs.is_covered = covers::exist(procfs.root(), || procfs.read_mountinfo())?;
        Ok(procfs)
    }

    /// The procfs at `/proc`, if there is one.
    pub fn usual() -> Result<Option<Procfs>, Error> {
        match Procfs::open(c"/proc") {
            Ok(usual) => Ok(Some(usual)),
            Err(error) if error.is_exhaustion() => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// Without a look at what is mounted over its entries: it counts as covered.
    fn open_unchecked(path: &CStr) -> Result<Procfs, Error> {
        let files = Files::open(path, PROC_SUPER_MAGIC, Some(ROOT_INODE))?.ok_or(Error::NOT_PROCFS)?;
        let (own_descriptors, own_information) = (OnceCell::new(), OnceCell::new());
        Ok(Procfs { files, is_covered: true, own_descriptors, own_information, _no_children: None })
    }

    /// Whether children of the calling thread will be created in a PID namespace that has had no process: its link exists
    /// (Linux 4.12) and leads nowhere. In Linux 7.3 it leads to the namespace, which tells that it has no process 1. False if
    /// neither this procfs nor the one at `/proc` shows the caller.
    fn would_child_be_first(&self) -> Result<bool, Error> {
        const LINKS: [&CStr; 2] = [c"thread-self/ns/pid_for_children", c"thread-self/ns/pid"];
        let usual;
        let (procfs, link) = match if_any(self.prove(self.root(), LINKS[0]))? {
            Some(link) => (self, link),
            None => {
                usual = Procfs::open_unchecked(c"/proc").ok();
                let Some(usual) = &usual else { return Ok(false) };
                let Some(link) = if_any(usual.prove(usual.root(), LINKS[0]))? else { return Ok(false) };
                (usual, link)
            }
        };
        let (mut for_children, mut own) = ([0; 32], [0; 32]);
        let for_children = match file::read_link_at(&link, c"", &mut for_children) {
            Err(errno) if errno.is_exhaustion() => return Err(errno.into()),
            Err(errno) => return Ok(errno.is_gone()),
            Ok(for_children) => for_children,
        };
        let link = if_any(procfs.prove(procfs.root(), LINKS[1]))?;
        let own = link.map(|link| if_any(file::read_link_at(&link, c"", &mut own))).transpose()?.flatten();
        Ok(own.is_some_and(|own| own != for_children) && pidfd::would_child_be_first()?)
    }

    pub fn root(&self) -> &Fd {
        self.files.root()
    }

    pub fn device(&self) -> u64 {
        self.files.device()
    }

    /// Opens a file for reading. `directory` is of this procfs.
    pub fn open_file(&self, directory: &Fd, path: &CStr) -> Result<Fd, Errno> {
        self.files.open_at(directory, path, libc::O_RDONLY | libc::O_NONBLOCK)
    }

    /// Opens a file below the root directory for reading; that of the procfs at `/proc` if this one has none, or if
    /// something is mounted over it.
    pub fn open_here_or_in_proc(&self, path: &CStr) -> Result<Fd, Errno> {
        self.open_file(self.root(), path).or_else(|_| Procfs::open_in_proc(path))
    }

    /// Opens a file of the procfs at `/proc` for reading.
    pub fn open_in_proc(path: &CStr) -> Result<Fd, Errno> {
        let usual = Procfs::open_unchecked(c"/proc").map_err(|error| Errno(error.errno()))?;
        usual.open_file(usual.root(), path)
    }

    /// Opens a namespace of the calling thread: by a pidfd (Linux 6.11), without any procfs, or in the procfs at `/proc`.
    pub fn open_own_namespace(namespace_type: NamespaceType) -> Result<Fd, Error> {
        let flag = namespace_type.clone_flag();
        match pidfd::own_namespace(flag) {
            Err(errno) if !errno.is_exhaustion() => (),
            opened => return Ok(opened?),
        }
        let usual = Procfs::open_unchecked(c"/proc")?;
        let own = usual.find_directory(usual.root(), c"thread-self/ns").map_err(Error::of_directory)?;
        match usual.open_namespace(&own, namespace_type.name(), None) {
            Err(errno) if errno.is_gone() => Err(Error::UNSUPPORTED),
            opened => opened.map_err(Error::of_directory),
        }
    }

    /// Opens a directory for reading.
    pub fn open_directory(&self, directory: &Fd, path: &CStr) -> Result<Fd, Errno> {
        self.files.open_at(directory, path, libc::O_RDONLY | libc::O_DIRECTORY)
    }

    /// Opens a directory only for the lookup of its entries, which needs no permission to read it.
    pub fn find_directory(&self, directory: &Fd, path: &CStr) -> Result<Fd, Errno> {
        self.files.open_at(directory, path, libc::O_PATH | libc::O_DIRECTORY)
    }

    /// The text of a link, truncated to the size of `buffer`.
    pub fn read_link<'b>(&self, directory: &Fd, path: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
        match self.is_covered {
            false => file::read_link_at(directory, path, buffer),
            true => file::read_link_at(&self.prove(directory, path)?, c"", buffer),
        }
    }

    /// The inode number of the user namespace that a link `PID/ns/user` leads to.
    pub fn read_user_namespace(&self, path: &CStr) -> Result<u64, Errno> {
        let mut text = [0; 32];
        match parse_link(self.read_link(self.root(), path, &mut text)?) {
            Some((NamespaceType::User, inode)) => Ok(inode),
            _ => Err(Errno(libc::EINVAL)), // something is mounted over it
        }
    }

    /// Opens the target of a link to a namespace, without blocking. `nsfs`: the device of all namespaces, if known.
    ///
    /// A mount on the link can come after the proof. So the target of a link in a covered procfs is opened by O_PATH, and
    /// then for reading if it is on the right device. What remains: if that mount is of a symbolic link, the kernel follows
    /// it, and can wait for a file server on the way.
    pub fn open_namespace(&self, directory: &Fd, path: &CStr, nsfs: Option<u64>) -> Result<Fd, Errno> {
        const FLAGS: c_int = libc::O_RDONLY | libc::O_NONBLOCK;
        if !self.is_covered {
            return file::open_at(directory, path, FLAGS);
        }
        let target = self.find_target(directory, path)?;
        let is_namespace = match nsfs {
            Some(device) => file::status(&target)?.device == device,
            None => file::file_system(&target)? == nsfs::MAGIC,
        };
        if is_namespace { self.open_again(&target, FLAGS) } else { Err(COVERED) }
    }

    /// Looks up the target of a link, by O_PATH.
    pub fn find_target(&self, directory: &Fd, path: &CStr) -> Result<Fd, Errno> {
        if self.is_covered {
            self.prove(directory, path)?;
        }
        file::open_at(directory, path, libc::O_PATH)
    }

    /// The status of a directory, or of the target of a link.
    pub fn status_at(&self, directory: &Fd, path: &CStr) -> Result<Status, Errno> {
        if self.is_covered {
            self.prove(directory, path)?;
        }
        file::status_at(directory, path)
    }

    /// The directory that a link leads to.
    pub fn place_at(&self, directory: &Fd, path: &CStr) -> Result<Place, Errno> {
        let status = self.status_at(directory, path)?;
        if status.mount != 0 {
            return Ok(status.place());
        }
        self.place_of(&file::open_at(directory, path, libc::O_PATH)?)
    }

    /// The place of a directory that is open by O_PATH.
    pub fn place_of(&self, directory: &Fd) -> Result<Place, Errno> {
        let status = file::status(directory)?;
        let mount = if status.mount != 0 { status.mount } else { if_any(self.mount_of(directory))?.unwrap_or(0) };
        Ok(status.place_on(mount))
    }

    /// Opens the namespace of an O_PATH descriptor for ioctls, if it has this identity. ESRCH, as for a process that has
    /// ended, if it is another file, of which only cached attributes are read.
    pub fn reopen(&self, file: &Fd, wanted: Identity) -> Result<Fd, Errno> {
        if file::status(file)?.identity() != wanted {
            return Err(Errno(libc::ESRCH));
        }
        self.open_again(file, libc::O_RDONLY)
    }

    /// Whether the procfs shows the calling process. `self` is dangling in the procfs of a PID namespace that the caller is
    /// not in.
    pub fn shows_caller(&self) -> bool {
        self.read_link(self.root(), c"self", &mut [0; 16]).is_ok()
    }

    /// The mounts of the caller's mount namespace, if this procfs shows the caller: proc_pid_mountinfo(5).
    fn read_mountinfo(&self) -> Result<(u64, Vec<u8>), Errno> {
        let file = self.open_file(self.root(), c"thread-self/mountinfo")?;
        Ok((self.mount_of(self.root())?, file::read_to_end(&file)?))
    }

    /// Opens a link by itself, or a directory, which proves that nothing is mounted over it.
    fn prove(&self, directory: &Fd, path: &CStr) -> Result<Fd, Errno> {
        self.files.open_at(directory, path, libc::O_PATH | libc::O_NOFOLLOW)
    }

    /// Opens what an O_PATH descriptor refers to.
    fn open_again(&self, file: &Fd, flags: c_int) -> Result<Fd, Errno> {
        let name = ShortPath::new(format_args!("{}", file.number()));
        self.with_own(&self.own_descriptors, c"thread-self/fd", |own| file::open_at(own, name.as_c_str(), flags))
    }

    /// The id of the mount of a descriptor. Kernels without it in statx(2) tell it in proc_pid_fdinfo(5).
    fn mount_of(&self, file: &Fd) -> Result<u64, Errno> {
        let Status { mount, .. } = file::status(file)?;
        if mount != 0 {
            return Ok(mount);
        }
        let name = ShortPath::new(format_args!("{}", file.number()));
        let mut text = [0; 256];
        let open = |own: &Fd| self.files.open_at(own, name.as_c_str(), libc::O_RDONLY);
        let information = self.with_own(&self.own_information, c"thread-self/fdinfo", open)?;
        let text = file::read_start(&information, &mut text)?;
        parse::value_of(text, b"mnt_id").and_then(parse::number).ok_or(Errno(libc::ENOSYS))
    }

    /// Uses a directory of the calling thread, which is kept open; but not in a worker: that has directories of its own, may
    /// not read those of the caller if the caller is not dumpable, and must not keep descriptors.
    fn with_own<T>(
        &self,
        kept: &OnceCell<Fd>,
        path: &CStr,
        use_own: impl FnOnce(&Fd) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        match worker::is_running() {
            true => use_own(&self.open_own(path)?),
            false => use_own(kept.get_or_try_init(|| self.open_own(path))?),
        }
    }

    /// Opens a directory of the calling thread in this procfs or, if that does not show it, in the one at `/proc`. The path
    /// begins with `thread-self`, not `self`: the calling thread can have a descriptor table of its own.
    fn open_own(&self, path: &CStr) -> Result<Fd, Errno> {
        match self.find_directory(self.root(), path) {
            Ok(own) => Ok(own),
            Err(errno) if errno.is_exhaustion() => Err(errno),
            Err(_) => {
                let usual = Procfs::open_unchecked(c"/proc").map_err(|error| Errno(error.errno()));
                if_any(usual.and_then(|usual| usual.find_directory(usual.root(), path)))?.ok_or(CALLER_HIDDEN)
            }
        }
    }
}
