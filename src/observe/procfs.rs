//! A procfs: proc(5).

use crate::error::Error;
use crate::sys::Errno;
use crate::sys::file::{self, Fd, Identity};
use crate::util::path::ShortPath;
use std::ffi::CStr;

/// `PROC_SUPER_MAGIC` of linux/magic.h.
const PROC_SUPER_MAGIC: u32 = 0x9fa0;
/// The inode number of the root of a procfs. Directories below it, for example `self/task`, do not list processes.
const ROOT_INODE: u64 = 1;

/// The root directory of a procfs, verified to be one.
pub struct Procfs {
    root: Fd,
    device: u64,
}

impl Procfs {
    /// Opens the root directory of a procfs; ENODEV if `path` is another directory.
    pub fn open(path: &CStr) -> Result<Procfs, Error> {
        let root = file::open(path, libc::O_RDONLY | libc::O_DIRECTORY)?;
        let identity = file::identity(&root)?;
        if file::file_system(&root)? != PROC_SUPER_MAGIC || identity.inode != ROOT_INODE {
            return Err(Error::NOT_PROCFS);
        }
        Ok(Procfs { root, device: identity.device })
    }

    pub fn root(&self) -> &Fd {
        &self.root
    }

    pub fn device(&self) -> u64 {
        self.device
    }

    /// Opens a file in the directory of a process, without blocking, and only if it is of this procfs: another file can be
    /// mounted over it.
    pub fn open_file(&self, directory: &Fd, path: &CStr) -> Result<Fd, Errno> {
        let file = file::open_at(directory, path, libc::O_RDONLY | libc::O_NONBLOCK)?;
        if file::status(&file)?.identity().device == self.device { Ok(file) } else { Err(Errno(libc::EACCES)) }
    }

    /// Opens a file below the root directory in the same way; that of the procfs at `/proc` if this one has none.
    pub fn open_here_or_in_proc(&self, path: &CStr) -> Result<Fd, Errno> {
        self.open_file(&self.root, path).or_else(|_| {
            let usual = Procfs::open(c"/proc").map_err(|error| Errno(error.errno()))?;
            usual.open_file(&usual.root, path)
        })
    }

    /// Opens the target of a link to a namespace, without blocking: a FIFO can be mounted over it.
    pub fn open_namespace(&self, path: &CStr) -> Result<Fd, Errno> {
        file::open_at(&self.root, path, libc::O_RDONLY | libc::O_NONBLOCK)
    }

    /// Opens the namespace of an O_PATH descriptor for ioctls, if it has this identity. ESRCH, as for a process that has
    /// ended, if it is another file, of which only cached attributes are read.
    pub fn reopen(&self, file: &Fd, wanted: Identity) -> Result<Fd, Errno> {
        if file::status(file)?.identity() != wanted {
            return Err(Errno(libc::ESRCH));
        }
        // Not `self`: the calling thread can have a descriptor table of its own.
        let path = ShortPath::new(format_args!("thread-self/fd/{}", file.number()));
        match file::open_at(&self.root, path.as_c_str(), libc::O_RDONLY) {
            Err(errno) if errno.is_gone() => {
                let usual = Procfs::open(c"/proc").map_err(|error| Errno(error.errno()))?;
                file::open_at(&usual.root, path.as_c_str(), libc::O_RDONLY)
            }
            opened => opened,
        }
    }

    /// Whether the procfs shows the calling process. `self` is dangling in the procfs of a PID namespace that the caller is
    /// not in.
    pub fn shows_caller(&self) -> bool {
        file::read_link_at(&self.root, c"self", &mut [0; 16]).is_ok()
    }
}
