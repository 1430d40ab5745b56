//! Mounts by their id: statmount(2), listmount(2), both Linux 6.8. They ask no file server.

use super::file::Fd;
use super::{Errno, check};
use std::ffi::{CStr, c_int, c_long, c_uint};
use std::mem::MaybeUninit;

// System call numbers, the same on all architectures but Alpha, and constants of linux/mount.h and linux/stat.h.
const SYS_STATMOUNT: c_long = 457;
const SYS_LISTMOUNT: c_long = 458;
const STATMOUNT_SB_BASIC: u64 = 0x01;
const STATMOUNT_MNT_POINT: u64 = 0x10;
const STATX_MNT_ID_UNIQUE: c_uint = 0x4000;

/// `struct mnt_id_req`, in its first version.
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    mount: u64,
    /// What to tell, or the last mount of the previous list.
    parameter: u64,
}

impl Request {
    fn new(mount: u64, parameter: u64) -> Request {
        Request { size: size_of::<Request>() as u32, spare: 0, mount, parameter }
    }
}

/// The size of the fixed part of `struct statmount`, which strings follow, and the offsets of its fields.
const FIXED_SIZE: usize = 512;
const MAGIC_OFFSET: usize = 24;
const POINT_OFFSET: usize = 108;
/// Room for the path of a mount point.
const PATH_SIZE: usize = 1024;

/// A mount of the caller's mount namespace.
pub struct Mount([u8; FIXED_SIZE + PATH_SIZE]);

impl Mount {
    /// The magic number of the file system, as fstatfs(2) returns it.
    pub fn file_system(&self) -> u32 {
        // It is a 64-bit number; all magic numbers have 32 bits.
        let [low, high] = [self.number(MAGIC_OFFSET), self.number(MAGIC_OFFSET + 4)];
        if cfg!(target_endian = "little") { low } else { high }
    }

    /// The path from the caller's root directory.
    pub fn point(&self) -> &[u8] {
        let from = FIXED_SIZE.saturating_add(self.number(POINT_OFFSET) as usize);
        CStr::from_bytes_until_nul(self.0.get(from..).unwrap_or_default()).unwrap_or_default().to_bytes()
    }

    fn number(&self, at: usize) -> u32 {
        u32::from_ne_bytes([self.0[at], self.0[at + 1], self.0[at + 2], self.0[at + 3]])
    }
}

/// The id of the mount that a file was reached through.
pub fn id_of(file: &Fd) -> Result<u64, Errno> {
    const FLAGS: c_int = libc::AT_STATX_DONT_SYNC | libc::AT_EMPTY_PATH;
    let mut statx = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path is a NUL-terminated string; `statx` has the size that the call writes.
    check(unsafe {
        let file = c_long::from(file.raw());
        libc::syscall(libc::SYS_statx, file, c"".as_ptr(), FLAGS, STATX_MNT_ID_UNIQUE, statx.as_mut_ptr())
    })?;
    // SAFETY: the structure consists of numbers, all initialized.
    let statx = unsafe { statx.assume_init() };
    if statx.stx_mask & STATX_MNT_ID_UNIQUE != 0 { Ok(statx.stx_mnt_id) } else { Err(Errno(libc::ENOSYS)) }
}

/// A mount by its id. ENOENT: it is not in the caller's mount namespace. EOVERFLOW: its path is too long.
pub fn mount(id: u64) -> Result<Mount, Errno> {
    let request = Request::new(id, STATMOUNT_SB_BASIC | STATMOUNT_MNT_POINT);
    let mut mount = Mount([0; FIXED_SIZE + PATH_SIZE]);
    let (buffer, size) = (mount.0.as_mut_ptr(), mount.0.len());
    // SAFETY: `request` is as large as it says; the kernel writes at most `size` bytes into the buffer.
    check(unsafe { libc::syscall(SYS_STATMOUNT, &raw const request, buffer, size, 0 as c_long) })?;
    Ok(mount)
}

/// The ids of the mounts below a mount, as many as `ids` has room for.
pub fn below(id: u64, ids: &mut [u64]) -> Result<&[u64], Errno> {
    let request = Request::new(id, 0);
    // SAFETY: `request` is as large as it says; the kernel writes at most `len` ids.
    let count =
        check(unsafe { libc::syscall(SYS_LISTMOUNT, &raw const request, ids.as_mut_ptr(), ids.len(), 0 as c_long) })?;
    Ok(&ids[..count])
}
