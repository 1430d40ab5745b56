//! Descriptors: openat(2), openat2(2), close(2), fstat(2), statx(2), fstatfs(2), getxattr(2), lseek(2), read(2), readlinkat(2).

use super::{Errno, check, worker};
use std::ffi::{CStr, c_int, c_long, c_uint};
use std::mem::{self, ManuallyDrop, MaybeUninit};
use std::os::fd::{FromRawFd, OwnedFd};

/// An open descriptor, closed when dropped.
///
/// Not `std::os::fd::OwnedFd`: that closes through `close(3)`, which is a cancellation point.
#[derive(Debug)]
pub struct Fd(c_int);

impl Fd {
    /// Takes ownership of a descriptor that a system call returned.
    pub(super) fn from_call(returned: usize) -> Fd {
        worker::opened(returned as c_int);
        Fd(returned as c_int)
    }

    /// The number, as `/proc/thread-self/fd` names it.
    pub fn number(&self) -> c_int {
        self.0
    }

    pub(super) fn raw(&self) -> c_int {
        self.0
    }

    /// Keeps this file, `thread-self/stat` of a procfs, open for the caller of the worker that calls this.
    pub fn show_state_of_worker(self) {
        if worker::show_state(self.0) {
            mem::forget(self);
        }
    }
}

impl From<Fd> for OwnedFd {
    fn from(fd: Fd) -> OwnedFd {
        let number = ManuallyDrop::new(fd).0;
        // SAFETY: the descriptor is open, and `Fd` does not close it.
        unsafe { OwnedFd::from_raw_fd(number) }
    }
}

/// The caller's descriptor, which is not closed.
pub fn borrow(number: c_int) -> ManuallyDrop<Fd> {
    ManuallyDrop::new(Fd(number))
}

impl Drop for Fd {
    fn drop(&mut self) {
        worker::closing(self.0);
        // SAFETY: the descriptor is owned and not used again. Linux closes it whatever close(2) returns.
        unsafe { libc::syscall(libc::SYS_close, c_long::from(self.0)) };
    }
}

/// Opens `path`, relative to the working directory, close-on-exec.
pub fn open(path: &CStr, flags: c_int) -> Result<Fd, Errno> {
    open_raw(libc::AT_FDCWD, path, flags)
}

/// Opens `path`, relative to `directory`, close-on-exec.
pub fn open_at(directory: &Fd, path: &CStr, flags: c_int) -> Result<Fd, Errno> {
    open_raw(directory.0, path, flags)
}

fn open_raw(directory: c_int, path: &CStr, flags: c_int) -> Result<Fd, Errno> {
    let flags = c_long::from(flags | libc::O_CLOEXEC);
    loop {
        let open = || {
            // SAFETY: `path` is a NUL-terminated string; no flag asks for a mode argument.
            check(unsafe { libc::syscall(libc::SYS_openat, c_long::from(directory), path.as_ptr(), flags) })
                .map(Fd::from_call)
        };
        match worker::guarded(open) {
            Err(Errno(libc::EINTR)) => continue, // a signal during an open on a slow file system
            result => return result,
        }
    }
}

/// `struct open_how` of linux/openat2.h.
#[repr(C)]
struct OpenHow {
    flags: u64,
    mode: u64,
    resolve: u64,
}

// Of linux/openat2.h.
const RESOLVE_NO_XDEV: u64 = 0x01;
const RESOLVE_NO_MAGICLINKS: u64 = 0x02;
const RESOLVE_NO_SYMLINKS: u64 = 0x04;
const RESOLVE_IN_ROOT: u64 = 0x10;
const RESOLVE_CACHED: u64 = 0x20;
/// Follows no links, and does not wait for a file server.
const RESOLVE_IN_MEMORY: u64 = RESOLVE_NO_MAGICLINKS | RESOLVE_NO_SYMLINKS | RESOLVE_CACHED;

fn open_how(directory: c_int, path: &CStr, flags: c_int, resolve: u64) -> Result<Fd, Errno> {
    let how = OpenHow { flags: (flags | libc::O_CLOEXEC) as u64, mode: 0, resolve };
    let directory = c_long::from(directory);
    loop {
        let open = || {
            let (path, how) = (path.as_ptr(), &raw const how);
            // SAFETY: `path` is a NUL-terminated string, and `how` is as large as the call is told.
            check(unsafe { libc::syscall(libc::SYS_openat2, directory, path, how, size_of::<OpenHow>()) })
                .map(Fd::from_call)
        };
        match worker::guarded(open) {
            Err(Errno(libc::EINTR)) => continue,
            result => return result,
        }
    }
}

/// Opens `path`, relative to the working directory, if the kernel has cached all of it; see openat2(2), Linux 5.12.
///
/// EAGAIN: it has not; or something was mounted or unmounted meanwhile, anywhere.
pub fn open_in_memory(path: &CStr, flags: c_int) -> Result<Fd, Errno> {
    open_how(libc::AT_FDCWD, path, flags, RESOLVE_CACHED)
}

/// Looks up `path` with `root` as the root directory, without opening the file (O_PATH); see openat2(2), Linux 5.12.
///
/// EAGAIN: a component of the path is not cached, so that the lookup could block on an unresponsive file server; or
/// something was mounted or unmounted meanwhile, anywhere.
pub fn find_in_memory(root: &Fd, path: &CStr) -> Result<Fd, Errno> {
    open_how(root.0, path, libc::O_PATH, RESOLVE_IN_ROOT | RESOLVE_IN_MEMORY)
}

/// Like [`find_in_memory`], for the directory above `directory`, which can be outside of a chroot(2). The topmost directory
/// is above itself.
pub fn find_above_in_memory(directory: &Fd) -> Result<Fd, Errno> {
    open_how(directory.0, c"..", libc::O_PATH, RESOLVE_IN_MEMORY)
}

/// Opens `path` on the mount of `directory`, close-on-exec; see openat2(2), Linux 5.6.
///
/// EXDEV: something is mounted over a component. It was not opened.
pub fn open_on_mount(directory: &Fd, path: &CStr, flags: c_int) -> Result<Fd, Errno> {
    open_how(directory.0, path, flags, RESOLVE_NO_XDEV | RESOLVE_NO_MAGICLINKS)
}

/// Reads up to the size of `buffer`, in a worker at most 16 KiB; 0 at the end of the file.
pub fn read(fd: &Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    loop {
        let read = |to: *mut u8, size: usize| {
            // SAFETY: the kernel writes at most `size` bytes, for which there is room.
            check(unsafe { libc::syscall(libc::SYS_read, c_long::from(fd.0), to, size) })
        };
        match worker::guarded_into(buffer, read) {
            Err(Errno(libc::EINTR)) => continue,
            result => return result,
        }
    }
}

/// The start of a file, up to the size of the buffer. One read(2) can return less.
pub fn read_start<'b>(fd: &Fd, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let mut filled = 0;
    while filled < buffer.len() {
        match read(fd, &mut buffer[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    Ok(&buffer[..filled])
}

/// Sets the offset of the next read.
pub fn seek(fd: &Fd, offset: u64) -> Result<(), Errno> {
    // SAFETY: the call takes no pointer.
    match unsafe { libc::lseek64(fd.0, offset as libc::off64_t, libc::SEEK_SET) } {
        -1 => Err(Errno::last()),
        _ => Ok(()),
    }
}

/// Reads the rest of a file.
pub fn read_to_end(fd: &Fd) -> Result<Vec<u8>, Errno> {
    let mut bytes = Vec::new();
    let mut filled = 0;
    loop {
        if filled == bytes.len() {
            bytes.try_reserve(4096)?;
            bytes.resize(bytes.capacity(), 0);
        }
        match read(fd, &mut bytes[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    bytes.truncate(filled);
    Ok(bytes)
}

/// The text of the link `path`, truncated to the size of `buffer`, which is on the stack, see [`worker::guarded`].
pub fn read_link_at<'b>(directory: &Fd, path: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    let length = worker::guarded(|| {
        let (text, size) = (buffer.as_mut_ptr().cast(), buffer.len());
        // SAFETY: `path` is a NUL-terminated string; the kernel writes at most `size` bytes into `buffer`.
        check(unsafe { libc::readlinkat(directory.0, path.as_ptr(), text, size) } as c_long)
    })?;
    Ok(&buffer[..length])
}

/// The identity of a file: device and inode number.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
}

/// The identity of an open file.
pub fn identity(fd: &Fd) -> Result<Identity, Errno> {
    Ok(identity_of(&stat_at(fd, c"")?))
}

/// The size of a file in bytes.
pub fn size(fd: &Fd) -> Result<u64, Errno> {
    Ok(stat_at(fd, c"")?.st_size as u64)
}

fn identity_of(stat: &libc::stat64) -> Identity {
    #[allow(clippy::unnecessary_cast, reason = "these types differ between architectures")]
    Identity { device: stat.st_dev as u64, inode: stat.st_ino as u64 }
}

/// See fstatat(2). An empty path means the directory itself.
fn stat_at(directory: &Fd, path: &CStr) -> Result<libc::stat64, Errno> {
    const FLAGS: c_int = libc::AT_NO_AUTOMOUNT | libc::AT_EMPTY_PATH;
    let mut stat = MaybeUninit::<libc::stat64>::uninit();
    worker::guarded(|| {
        // SAFETY: `path` is a NUL-terminated string, and `stat` has the size that the call writes.
        check(unsafe { libc::fstatat64(directory.0, path.as_ptr(), stat.as_mut_ptr(), FLAGS) }.into())
    })?;
    // SAFETY: the call succeeded, so it filled `stat`.
    Ok(unsafe { stat.assume_init() })
}

/// The status of the target of a path, from cached attributes: no file server is asked; see statx(2), Linux 4.11.
///
/// Older kernels, and security policies that refuse statx(2), leave fstatat(2). It can ask a file server.
pub fn status_at(directory: &Fd, path: &CStr) -> Result<Status, Errno> {
    match statx_at(directory, path) {
        Err(Errno(libc::ENOSYS | libc::EPERM)) => (),
        result => return result,
    }
    let stat = stat_at(directory, path)?;
    let Identity { device, inode } = identity_of(&stat);
    #[allow(clippy::unnecessary_cast, reason = "the type of st_nlink differs between architectures")]
    let links = stat.st_nlink as u64;
    Ok(Status {
        mount: 0,
        device,
        inode,
        links,
        size: stat.st_size as u64,
        is_mount_root: false,
        uid: stat.st_uid,
        gid: stat.st_gid,
        mode: stat.st_mode,
        #[allow(clippy::unnecessary_cast, reason = "the type of st_rdev differs between architectures")]
        special: stat.st_rdev as u64,
    })
}

fn statx_at(directory: &Fd, path: &CStr) -> Result<Status, Errno> {
    const FLAGS: c_int = libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC | libc::AT_EMPTY_PATH;
    const MASK: c_uint = libc::STATX_BASIC_STATS | libc::STATX_MNT_ID;
    let mut statx = MaybeUninit::<libc::statx>::zeroed();
    worker::guarded(|| {
        let (directory, to) = (c_long::from(directory.0), statx.as_mut_ptr());
        // SAFETY: `path` is a NUL-terminated string; `statx` has the size that the call writes.
        check(unsafe { libc::syscall(libc::SYS_statx, directory, path.as_ptr(), FLAGS, MASK, to) })
    })?;
    // SAFETY: the structure consists of numbers, all initialized.
    let statx = unsafe { statx.assume_init() };
    Ok(Status {
        mount: statx.stx_mnt_id,
        device: libc::makedev(statx.stx_dev_major, statx.stx_dev_minor),
        inode: statx.stx_ino,
        links: statx.stx_nlink.into(),
        size: statx.stx_size,
        is_mount_root: statx.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0,
        uid: statx.stx_uid,
        gid: statx.stx_gid,
        mode: statx.stx_mode.into(),
        special: libc::makedev(statx.stx_rdev_major, statx.stx_rdev_minor),
    })
}

/// The status of a file, also of an O_PATH descriptor, from cached attributes.
pub fn status(file: &Fd) -> Result<Status, Errno> {
    status_at(file, c"")
}

/// Attributes from statx(2) or fstatat(2).
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// 0 if unknown: before Linux 5.8, or without statx(2).
    pub mount: u64,
    pub device: u64,
    pub inode: u64,
    pub links: u64,
    pub size: u64,
    /// Whether the file is the root of its mount. False before Linux 5.8.
    pub is_mount_root: bool,
    pub uid: libc::uid_t,
    pub gid: libc::gid_t,
    /// The file type and permissions, see inode(7).
    pub mode: u32,
    /// The device that a special file stands for.
    special: u64,
}

impl Status {
    pub fn identity(&self) -> Identity {
        Identity { device: self.device, inode: self.inode }
    }

    /// The identity of a directory including its mount: one directory can be mounted at several paths.
    pub fn place(&self) -> Place {
        self.place_on(self.mount)
    }

    /// The same, if the mount is known from elsewhere.
    pub fn place_on(&self, mount: u64) -> Place {
        Place { mount, identity: self.identity() }
    }

    pub fn is_socket(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFSOCK
    }

    /// The device, if this is the special file of a character device.
    pub fn character_device(&self) -> Option<u64> {
        (self.mode & libc::S_IFMT == libc::S_IFCHR).then_some(self.special)
    }

    pub fn is_link(&self) -> bool {
        self.mode & libc::S_IFMT == libc::S_IFLNK
    }
}

/// A directory and the mount that it was reached through.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    pub mount: u64,
    pub identity: Identity,
}

impl Place {
    /// Whether these can be the same place: a mount can be unknown.
    pub fn may_be(&self, other: &Place) -> bool {
        self.identity == other.identity && (self.mount == other.mount || self.mount == 0 || other.mount == 0)
    }
}

/// Whether a file has capabilities, see capabilities(7), or that is not known.
pub fn may_have_capabilities(path: &CStr) -> bool {
    let name = c"security.capability".as_ptr();
    // SAFETY: both are strings, and a size of 0 asks only for the size of the value.
    let size = unsafe { libc::getxattr(path.as_ptr(), name, std::ptr::null_mut(), 0) };
    check(size as c_long).map_or_else(|errno| !matches!(errno.0, libc::ENODATA | libc::EOPNOTSUPP), |size| size > 0)
}

/// The magic number of the file system of a file, see fstatfs(2).
pub fn file_system(fd: &Fd) -> Result<u32, Errno> {
    Ok(statistics(fd)?.f_type as u32)
}

/// Whether programs on the mount of a file get no privileges from it: `nosuid` in mount(8).
pub fn is_nosuid(fd: &Fd) -> Result<bool, Errno> {
    Ok(statistics(fd)?.f_flags as libc::c_ulong & libc::ST_NOSUID != 0)
}

fn statistics(fd: &Fd) -> Result<libc::statfs64, Errno> {
    let mut statfs = MaybeUninit::<libc::statfs64>::uninit();
    worker::guarded(|| {
        // SAFETY: `statfs` has the size that the call writes.
        check(unsafe { libc::fstatfs64(fd.0, statfs.as_mut_ptr()) }.into())
    })?;
    // SAFETY: the call succeeded, so it filled `statfs`.
    Ok(unsafe { statfs.assume_init() })
}
