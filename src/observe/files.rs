//! The files of a pseudo file system, procfs or sysfs, opened so that nothing can wait.
//!
//! Anything can be mounted over such a file: lxcfs and sysbox mount files of a FUSE server, container runtimes /dev/null and
//! tmpfs, and a container whatever it likes over its own procfs, while that is scanned. An open of it can wait for ever (a
//! FIFO, a file server that does not answer), have side effects (a device), or return lies. So a file is opened in a way
//! that proves that nothing is mounted over its path, and opens nothing else:
//!
//! - openat2(2) with RESOLVE_NO_XDEV (Linux 5.6) does both in one call.
//! - Without openat2(2) the path is looked up one component at a time, by O_PATH, which waits for nothing, and each must be
//!   on the mount of the one before. A mount that comes between this and the open that follows is noticed afterwards.
//!   Before Linux 5.8 the mount is unknown and the device decides, so that a bind mount of another entry of the same
//!   file system is not noticed.

use crate::error::Error;
use crate::sys::child::{self, Forbidden};
use crate::sys::file::{self, Fd, Status};
use crate::sys::helper::{self, Port};
use crate::sys::statmount::{self, Buffer};
use crate::sys::{Errno, left, process, worker};
use crate::util::path::ShortPath;
use std::ffi::{CStr, c_int};

/// As openat2(2) returns it: something is mounted over the file.
pub const COVERED: Errno = Errno(libc::EXDEV);

/// How long the server of a file system may take to answer, in milliseconds.
const PATIENCE: u32 = 500;

/// A directory of a pseudo file system.
pub struct Files {
    root: Fd,
    device: u64,
    is_stepwise: bool,
}

impl Files {
    /// Opens a directory for reading. `None` if it is on a file system with another magic number, or has another inode
    /// number than `inode`. Before it is known to be the right one, a file server can be asked, but is not waited for long.
    pub fn open(path: &CStr, magic: u32, inode: Option<u64>) -> Result<Option<Files>, Error> {
        const FLAGS: c_int = libc::O_RDONLY | libc::O_DIRECTORY;
        let Found { directory: found, status, magic: found_magic } = find(path)?;
        if inode.is_some_and(|inode| inode != status.inode) || found_magic != magic {
            // An open of it would have failed with EACCES.
            return if process::may_read(&status)? { Ok(None) } else { Err(Errno(libc::EACCES).into()) };
        }
        let (root, is_stepwise) = match file::open_on_mount(&found, c".", FLAGS) {
            // Linux 5.5 and older, or a security policy.
            Err(Errno(libc::ENOSYS | libc::EPERM)) => (file::open_at(&found, c".", FLAGS)?, true),
            opened => (opened?, false),
        };
        Ok(Some(Files { root, device: status.device, is_stepwise }))
    }

    pub fn root(&self) -> &Fd {
        &self.root
    }

    pub fn device(&self) -> u64 {
        self.device
    }

    /// Opens a file below `directory`, which is one of these.
    pub fn open_at(&self, directory: &Fd, path: &CStr, flags: c_int) -> Result<Fd, Errno> {
        match self.is_stepwise {
            false => file::open_on_mount(directory, path, flags),
            true => open_stepwise(directory, path, flags),
        }
    }
}

/// A directory that is open by O_PATH, with the magic number of its file system.
struct Found {
    directory: Fd,
    status: Status,
    magic: u32,
}

/// Finds a directory without waiting for ever: from what the kernel has cached or, if that is not enough, in a worker. The
/// servers of file systems on the path can be asked for names, and the last one by fstatfs(2).
fn find(path: &CStr) -> Result<Found, Error> {
    struct Lookup<'p> {
        path: &'p CStr,
        result: Result<Found, Error>,
    }
    match find_in_memory(path) {
        Ok(found) => return Ok(found),
        Err(errno) if errno.is_exhaustion() => return Err(errno.into()),
        Err(_) if worker::is_running() => return look_up(path),
        Err(_) => (),
    }
    // No procfs is open that would tell more.
    let _no_children = child::can_be_elsewhere().then(Forbidden::new);
    if !is_answered(path)? {
        return Err(Error::NO_ANSWER);
    }
    let mut lookup = Lookup { path, result: Err(Error::NO_ANSWER) };
    if left::has_room() {
        // If it is stuck, the result stays what it is.
        worker::run(&mut lookup, |lookup| lookup.result = look_up(lookup.path), PATIENCE)?;
    }
    lookup.result
}

/// Whether all servers on a path answer. Asks in a helper: if a server has begun to answer, no signal ends the wait, and the
/// process that waits must not keep descriptors of the caller. A server that falls silent afterwards is waited for in vain
/// by a worker.
fn is_answered(path: &CStr) -> Result<bool, Error> {
    fn ask(path: &&CStr, port: &Port) {
        port.step();
        if let Ok(directory) = file::open(path, libc::O_PATH | libc::O_DIRECTORY) {
            port.step();
            // Only whether there is an answer matters.
            let _ = (file::status(&directory), file::file_system(&directory));
        }
    }
    match helper::run(&path, ask, &mut |_| (), PATIENCE) {
        Ok(has_returned) => Ok(has_returned),
        Err(errno) if errno.is_exhaustion() => Err(errno.into()),
        Err(_) => Ok(true), // there can be no helper: the worker finds out
    }
}

fn find_in_memory(path: &CStr) -> Result<Found, Errno> {
    let directory = file::open_in_memory(path, libc::O_PATH | libc::O_DIRECTORY)?;
    let (status, magic) = (file::status(&directory)?, ask_mount(&directory)?);
    Ok(Found { directory, status, magic })
}

fn look_up(path: &CStr) -> Result<Found, Error> {
    let directory = file::open(path, libc::O_PATH | libc::O_DIRECTORY)?;
    let status = file::status(&directory).map_err(Error::of_directory)?;
    let magic = match ask_mount(&directory) {
        Ok(magic) => Ok(magic),
        Err(errno) if errno.is_exhaustion() => Err(errno),
        Err(_) => file::file_system(&directory),
    };
    Ok(Found { directory, status, magic: magic.map_err(Error::of_directory)? })
}

/// The magic number of the file system of a mount in the caller's mount namespace (Linux 6.8), without asking its server.
fn ask_mount(directory: &Fd) -> Result<u32, Errno> {
    Ok(statmount::basics(&mut Buffer::default(), statmount::OWN, statmount::id_of(directory)?)?.file_system)
}

/// Like `file::open_on_mount`.
fn open_stepwise(directory: &Fd, path: &CStr, flags: c_int) -> Result<Fd, Errno> {
    let mut parent: Option<Fd> = None;
    let mut components = path.to_bytes().split(|&byte| byte == b'/').peekable();
    while let Some(component) = components.next() {
        let from = parent.as_ref().unwrap_or(directory);
        let name = ShortPath::new(format_args!("{}", component.escape_ascii()));
        let name = name.as_c_str();
        let found = file::open_at(from, name, libc::O_PATH | libc::O_NOFOLLOW)?;
        let status = status_on_mount(from, &found)?;
        match components.peek() {
            Some(_) if status.is_link() => parent = Some(follow(from, &found)?),
            Some(_) => parent = Some(found),
            None if flags & libc::O_NOFOLLOW != 0 => return Ok(found),
            None if status.is_link() => return Err(Errno(libc::ELOOP)),
            None => {
                let opened = file::open_at(from, name, flags | libc::O_NOFOLLOW)?;
                let is_same = status_on_mount(from, &opened)?.identity() == status.identity();
                return if is_same { Ok(opened) } else { Err(COVERED) };
            }
        }
    }
    Err(Errno(libc::ENOENT))
}

/// The status of a file that was looked up in `directory`, if it is on the same mount.
fn status_on_mount(directory: &Fd, file: &Fd) -> Result<Status, Errno> {
    let (directory, status) = (file::status(directory)?, file::status(file)?);
    if status.device == directory.device && status.mount == directory.mount { Ok(status) } else { Err(COVERED) }
}

/// Follows `self` or `thread-self` of a procfs, whose text is a path of directories.
fn follow(directory: &Fd, link: &Fd) -> Result<Fd, Errno> {
    let mut text = [0; ShortPath::SIZE];
    let text = file::read_link_at(link, c"", &mut text)?;
    if !text.first().is_some_and(u8::is_ascii_digit) {
        return Err(Errno(libc::ELOOP));
    }
    let path = ShortPath::new(format_args!("{}", text.escape_ascii()));
    open_stepwise(directory, path.as_c_str(), libc::O_PATH | libc::O_DIRECTORY)
}
