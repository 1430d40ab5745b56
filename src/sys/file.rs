//! Descriptors: openat(2), close(2), fstat(2), fstatfs(2), read(2), readlinkat(2).

use super::{Errno, check};
use crate::error::Error;
use std::ffi::{CStr, c_int, c_long};
use std::mem::MaybeUninit;

/// An open descriptor, closed when dropped.
///
/// Not `std::os::fd::OwnedFd`: that closes through `close(3)`, which is a cancellation point.
#[derive(Debug)]
pub struct Fd(c_int);

impl Fd {
    /// Takes over a descriptor that a system call has just returned.
    pub(super) fn from_call(returned: usize) -> Fd {
        Fd(returned as c_int)
    }

    pub(super) fn raw(&self) -> c_int {
        self.0
    }
}

impl Drop for Fd {
    fn drop(&mut self) {
        // SAFETY: the descriptor is ours alone and is not used again. The result says nothing to act on:
        // Linux releases the descriptor whatever close returns.
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
            Err(Errno(libc::EINTR)) => continue, // a slow file system and a signal handler of the caller
            result => return result.map(Fd::from_call),
        }
    }
}

/// Reads into `buffer`; fewer bytes than it holds may come, none at the end of the file.
pub fn read(fd: &Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    // SAFETY: the kernel writes at most `len` bytes into `buffer`.
    check(unsafe { libc::syscall(libc::SYS_read, c_long::from(fd.0), buffer.as_mut_ptr(), buffer.len()) })
}

/// Reads all that is left of a file.
pub fn read_to_end(fd: &Fd) -> Result<Vec<u8>, Error> {
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

/// The text of the link `path`, cut off where `buffer` ends.
pub fn read_link_at<'b>(directory: &Fd, path: &CStr, buffer: &'b mut [u8]) -> Result<&'b [u8], Errno> {
    // SAFETY: `path` is a NUL-terminated string; the kernel writes at most `len` bytes into `buffer`.
    let length = check(unsafe {
        libc::readlinkat(directory.0, path.as_ptr(), buffer.as_mut_ptr().cast(), buffer.len()) as c_long
    })?;
    Ok(&buffer[..length])
}

/// What identifies a file: the device it is on, and its inode number there.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    pub device: u64,
    pub inode: u64,
}

/// Which file is open, see fstat(2).
pub fn identity(fd: &Fd) -> Result<Identity, Errno> {
    let mut stat = MaybeUninit::<libc::stat64>::uninit();
    // SAFETY: `stat` has the size that the call writes.
    check(unsafe { libc::fstat64(fd.0, stat.as_mut_ptr()) }.into())?;
    // SAFETY: the call succeeded, so it filled `stat`.
    let stat = unsafe { stat.assume_init() };
    #[allow(clippy::unnecessary_cast, reason = "these types differ between architectures")]
    Ok(Identity { device: stat.st_dev as u64, inode: stat.st_ino as u64 })
}

/// The magic number of the file system that the file is on, see fstatfs(2).
pub fn file_system(fd: &Fd) -> Result<u32, Errno> {
    let mut statfs = MaybeUninit::<libc::statfs64>::uninit();
    // SAFETY: `statfs` has the size that the call writes.
    check(unsafe { libc::fstatfs64(fd.0, statfs.as_mut_ptr()) }.into())?;
    // SAFETY: the call succeeded, so it filled `statfs`.
    Ok(unsafe { statfs.assume_init() }.f_type as u32)
}
