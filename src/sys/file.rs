//! Descriptors: openat(2), close(2), fstat(2), fstatfs(2), lseek(2), read(2), readlinkat(2).

use super::{Errno, check, if_any};
use std::ffi::{CStr, c_int, c_long, c_uint};
use std::mem::MaybeUninit;

/// An open descriptor, closed when dropped.
///
/// Not `std::os::fd::OwnedFd`: that closes through `close(3)`, which is a cancellation point.
#[derive(Debug)]
pub struct Fd(c_int);

impl Fd {
    /// Takes ownership of a descriptor that a system call returned.
    pub(super) fn from_call(returned: usize) -> Fd {
        Fd(returned as c_int)
    }

    /// The number, as `/proc/thread-self/fd` names it.
    pub fn number(&self) -> c_int {
        self.0
    }

    pub(super) fn raw(&self) -> c_int {
        self.0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
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
        // SAFETY: `path` is a NUL-terminated string; no flag asks for a mode argument.
        let returned = unsafe { libc::syscall(libc::SYS_openat, c_long::from(directory), path.as_ptr(), flags) };
        match check(returned) {
            Err(Errno(libc::EINTR)) => continue, // a signal during an open on a slow file system
            result => return result.map(Fd::from_call),
        }
    }
}

/// Looks up `path` with `root` as the root directory, without opening the file (O_PATH); see openat2(2), Linux 5.12.
///
/// EAGAIN: a component of the path is not cached, so that the lookup could block on an unresponsive file server; or
/// something was mounted or unmounted meanwhile, anywhere.
pub fn find_in_memory(root: &Fd, path: &CStr) -> Result<Fd, Errno> {
    /// `RESOLVE_IN_ROOT` of linux/openat2.h.
    const IN_ROOT: u64 = 0x10;
    open_cached(root, path, IN_ROOT)
}

/// Like [`find_in_memory`], for the directory above `directory`, which can be outside of a chroot(2). The topmost directory
/// is above itself.
pub fn find_above_in_memory(directory: &Fd) -> Result<Fd, Errno> {
    open_cached(directory, c"..", 0)
}

fn open_cached(directory: &Fd, path: &CStr, resolve: u64) -> Result<Fd, Errno> {
    #[repr(C)]
    struct OpenHow {
        flags: u64,
        mode: u64,
        resolve: u64,
    }
    /// `RESOLVE_NO_MAGICLINKS`, `RESOLVE_NO_SYMLINKS` and `RESOLVE_CACHED` of linux/openat2.h.
    const ALWAYS: u64 = 0x02 | 0x04 | 0x20;
    let how = OpenHow { flags: (libc::O_PATH | libc::O_CLOEXEC) as u64, mode: 0, resolve: ALWAYS | resolve };
    // SAFETY: `path` is a NUL-terminated string, and `how` is as large as the call is told.
    let returned = unsafe {
        let directory = c_long::from(directory.0);
        libc::syscall(libc::SYS_openat2, directory, path.as_ptr(), &raw const how, size_of::<OpenHow>())
    };
    check(returned).map(Fd::from_call)
}

/// Reads up to the size of `buffer`; 0 at the end of the file.
pub fn read(fd: &Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `len` bytes into `buffer`.
    check(unsafe { libc::syscall(libc::SYS_read, c_long::from(fd.0), buffer.as_mut_ptr(), buffer.len()) })
}

/// The start of a file, up to the size of the buffer; `None` if it could not be opened or read.
pub fn read_start(opened: Result<Fd, Errno>, buffer: &mut [u8]) -> Result<Option<&[u8]>, Errno> {
    let read = opened.and_then(|file| read(&file, buffer));
    Ok(if_any(read)?.map(|length| &buffer[..length]))
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

/// The text of the link `path`, truncated to the size of `buffer`.
pub fn read_link_at<'b>(directory: &Fd, path: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    // SAFETY: `path` is a NUL-terminated string; the kernel writes at most `len` bytes into `buffer`.
    let length = check(unsafe {
        libc::readlinkat(directory.0, path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) as c_long
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
    let stat = stat(fd)?;
    #[allow(clippy::unnecessary_cast, reason = "these types differ between architectures")]
    Ok(Identity { device: stat.st_dev as u64, inode: stat.st_ino as u64 })
}

/// The size of a file in bytes.
pub fn size(fd: &Fd) -> Result<u64, Errno> {
    Ok(stat(fd)?.st_size as u64)
}

/// See fstat(2).
fn stat(fd: &Fd) -> Result<libc::stat64, Errno> {
    let mut stat = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: `stat` has the size that the call writes.
    check(unsafe { libc::fstat64(fd.0, stat.as_mut_ptr()) }.into())?;
    // SAFETY: the call succeeded, so it filled `stat`.
    Ok(unsafe { stat.assume_init() })
}

/// The status of the target of a path, from cached attributes: no file server is asked; see statx(2).
pub fn status_at(directory: &Fd, path: &CStr) -> Result<Status, Errno> {
    const FLAGS: c_int = libc::AT_NO_AUTOMOUNT | libc::AT_STATX_DONT_SYNC | libc::AT_EMPTY_PATH;
    const MASK: c_uint = libc::STATX_TYPE | libc::STATX_INO | libc::STATX_NLINK | libc::STATX_MNT_ID;
    let mut statx = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: `path` is a NUL-terminated string; `statx` has the size that the call writes.
    check(unsafe {
        let directory = c_long::from(directory.0);
        libc::syscall(libc::SYS_statx, directory, path.as_ptr(), FLAGS, MASK, statx.as_mut_ptr())
    })?;
    // SAFETY: the structure consists of numbers, all initialized.
    let statx = unsafe { statx.assume_init() };
    Ok(Status {
        mount: statx.stx_mnt_id,
        device: libc::makedev(statx.stx_dev_major, statx.stx_dev_minor),
        inode: statx.stx_ino,
        links: statx.stx_nlink,
        is_mount_root: statx.stx_attributes & libc::STATX_ATTR_MOUNT_ROOT as u64 != 0,
        is_socket: u32::from(statx.stx_mode) & libc::S_IFMT == libc::S_IFSOCK,
    })
}

/// The status of a file, also of an O_PATH descriptor, from cached attributes.
pub fn status(file: &Fd) -> Result<Status, Errno> {
    status_at(file, c"")
}

/// Attributes from statx(2).
#[derive(Clone, Copy, Debug)]
pub struct Status {
    /// 0 before Linux 5.8.
    pub mount: u64,
    pub device: u64,
    pub inode: u64,
    pub links: u32,
    /// Whether the file is the root of its mount. False before Linux 5.8.
    pub is_mount_root: bool,
    pub is_socket: bool,
}

impl Status {
    pub fn identity(&self) -> Identity {
        Identity { device: self.device, inode: self.inode }
    }

    /// The identity of a directory including its mount: one directory can be mounted at several paths.
    pub fn place(&self) -> Place {
        Place { mount: self.mount, identity: self.identity() }
    }
}

/// A directory and the mount that it was reached through.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Place {
    mount: u64,
    identity: Identity,
}

/// The magic number of the file system of a file, see fstatfs(2).
pub fn file_system(fd: &Fd) -> Result<u32, Errno> {
    let mut statfs = MaybeUninit::<libc::statfs64>::uninit();
    // SAFETY: `statfs` has the size that the call writes.
    check(unsafe { libc::fstatfs64(fd.0, statfs.as_mut_ptr()) }.into())?;
    // SAFETY: the call succeeded, so it filled `statfs`.
    Ok(unsafe { statfs.assume_init() }.f_type as u32)
}
