//! The mounts of any mount namespace, by ids that the kernel never reuses: listmount(2), statmount(2), Linux 6.8. Those of
//! another mount namespace can be listed since Linux 6.11, with CAP_SYS_ADMIN in its owner.

use super::file::Fd;
use super::{Errno, check};
use std::ffi::{CStr, c_long};
use std::mem::MaybeUninit;

/// Not in all versions of libc; the numbers are those of all architectures but alpha.
pub(super) const SYS_STATMOUNT: c_long = 457;
pub(super) const SYS_LISTMOUNT: c_long = 458;
/// `NS_GET_MNTNS_ID` of linux/nsfs.h (Linux 6.11).
const NS_GET_MNTNS_ID: libc::Ioctl = libc::_IOR::<u64>(0xb7, 5);
/// `STATX_MNT_ID_UNIQUE` of linux/stat.h (Linux 6.8).
const STATX_MNT_ID_UNIQUE: u32 = 0x4000;

/// `STATMOUNT_SB_BASIC`, `_MNT_BASIC`, `_MNT_ROOT` and `_MNT_POINT` of linux/mount.h.
const SB_BASIC: u64 = 0x01;
const MNT_BASIC: u64 = 0x02;
const MNT_ROOT: u64 = 0x08;
const MNT_POINT: u64 = 0x10;

/// The caller's own mount namespace.
pub const OWN: u64 = 0;

/// `struct mnt_id_req`.
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    mount: u64,
    /// For listmount(2) the last id so far, for statmount(2) what is asked for.
    parameter: u64,
    namespace: u64,
}

impl Request {
    fn new(namespace: u64, mount: u64, parameter: u64) -> Request {
        Request { size: size_of::<Request>() as u32, spare: 0, mount, parameter, namespace }
    }
}

/// `struct statmount`, without the strings behind it.
#[repr(C)]
struct Answer {
    size: u32,
    options: u32,
    mask: u64,
    device_major: u32,
    device_minor: u32,
    magic: u64,
    flags: u32,
    file_system: u32,
    id: u64,
    parent: u64,
    old_id: u32,
    old_parent: u32,
    attributes: u64,
    propagation: u64,
    peer_group: u64,
    master: u64,
    propagate_from: u64,
    /// Offsets in the strings.
    root: u32,
    point: u32,
    more: [u64; 50],
}

/// Enough for a path of PATH_MAX bytes and the root of a namespace.
const STRINGS: usize = 4096 + 64;

/// Memory for an answer of statmount(2).
#[repr(C)]
pub struct Buffer {
    answer: Answer,
    strings: [u8; STRINGS],
}

impl Default for Buffer {
    fn default() -> Buffer {
        // SAFETY: the structure consists of numbers.
        unsafe { MaybeUninit::zeroed().assume_init() }
    }
}

impl Buffer {
    fn string(&self, offset: u32) -> &CStr {
        CStr::from_bytes_until_nul(self.strings.get(offset as usize..).unwrap_or_default()).unwrap_or_default()
    }

    /// Fills in what `mask` asks for, with `size` bytes of this structure.
    fn fill(&mut self, namespace: u64, mount: u64, mask: u64, size: usize) -> Result<(), Errno> {
        let request = Request::new(namespace, mount, mask);
        // SAFETY: the kernel reads `request` and writes at most `size` bytes, of which the structure has as many.
        check(unsafe {
            let buffer = (&raw mut *self).cast::<u8>();
            libc::syscall(SYS_STATMOUNT, &raw const request, buffer, size, 0 as c_long)
        })?;
        // The kernel leaves out what it does not know.
        if self.answer.mask & mask == mask { Ok(()) } else { Err(Errno(libc::ENOSYS)) }
    }
}

/// The id of a mount namespace.
pub fn id_of_namespace(namespace: &Fd) -> Result<u64, Errno> {
    let mut id: u64 = 0;
    // SAFETY: the operation writes one `u64`.
    check(unsafe { libc::ioctl(namespace.raw(), NS_GET_MNTNS_ID, &raw mut id) }.into())?;
    Ok(id)
}

/// The id of the mount of a file; ENOSYS before Linux 6.8.
pub fn id_of(file: &Fd) -> Result<u64, Errno> {
    const FLAGS: c_long = (libc::AT_EMPTY_PATH | libc::AT_STATX_DONT_SYNC) as c_long;
    let mut statx = MaybeUninit::<libc::statx>::zeroed();
    // SAFETY: the path is NUL-terminated; `statx` has the size that the call writes.
    check(unsafe {
        let (file, mask) = (c_long::from(file.raw()), STATX_MNT_ID_UNIQUE as c_long);
        libc::syscall(libc::SYS_statx, file, c"".as_ptr(), FLAGS, mask, statx.as_mut_ptr())
    })?;
    // SAFETY: the structure consists of numbers, all initialized.
    let statx = unsafe { statx.assume_init() };
    if statx.stx_mask & STATX_MNT_ID_UNIQUE != 0 { Ok(statx.stx_mnt_id) } else { Err(Errno(libc::ENOSYS)) }
}

/// Lists the mounts below the mount `top`, at any depth, by ascending id from above `last` on. A full buffer means that
/// there can be more.
pub fn below(namespace: u64, top: u64, last: u64, ids: &mut [u64]) -> Result<usize, Errno> {
    let request = Request::new(namespace, top, last);
    // SAFETY: the kernel reads `request` and writes at most `len` ids.
    check(unsafe { libc::syscall(SYS_LISTMOUNT, &raw const request, ids.as_mut_ptr(), ids.len(), 0 as c_long) })
}

/// What most mounts are asked for.
pub struct Basics {
    /// The magic number of the file system.
    pub file_system: u32,
    /// As mountinfo gives them.
    pub old_id: u64,
    pub old_parent: u64,
}

/// ENOENT: there is no such mount (any more).
pub fn basics(buffer: &mut Buffer, namespace: u64, mount: u64) -> Result<Basics, Errno> {
    buffer.fill(namespace, mount, SB_BASIC | MNT_BASIC, size_of::<Answer>())?;
    let Answer { magic, old_id, old_parent, .. } = buffer.answer;
    Ok(Basics { file_system: magic as u32, old_id: old_id.into(), old_parent: old_parent.into() })
}

/// About a mount.
#[derive(Debug)]
pub struct Details<'d> {
    /// As mountinfo and `stx_mnt_id` give it.
    pub old_id: u64,
    /// The root of the mount in its file system.
    pub root: &'d CStr,
    /// The mount point, from the root directory of the mount namespace, or from that of the caller for its own mount
    /// namespace. Empty if it is not below that, or was not asked for.
    pub point: &'d CStr,
}

impl Buffer {
    /// Asks for more about a mount. EOVERFLOW: its mount point, which was asked for, is longer than PATH_MAX.
    pub fn ask(&mut self, namespace: u64, mount: u64, with_point: bool) -> Result<(), Errno> {
        let mask = MNT_BASIC | MNT_ROOT | if with_point { MNT_POINT } else { 0 };
        self.fill(namespace, mount, mask, size_of::<Buffer>())
    }

    /// The answer to the last question.
    pub fn details(&self) -> Details<'_> {
        let Answer { mask, old_id, root, point, .. } = self.answer;
        let point = if mask & MNT_POINT != 0 { self.string(point) } else { c"" };
        Details { old_id: old_id.into(), root: self.string(root), point }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::mem::offset_of;

    #[test]
    fn structures_have_the_layout_of_the_kernel() {
        assert_eq!(size_of::<Request>(), 32);
        assert_eq!([offset_of!(Answer, magic), offset_of!(Answer, old_id), offset_of!(Answer, root)], [24, 56, 104]);
        assert_eq!(offset_of!(Buffer, strings), 512);
    }
}
