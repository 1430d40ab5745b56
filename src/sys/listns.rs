//! All namespaces in use, by their 64-bit ids: listns(2), Linux 6.19.

use super::{Errno, check};
use std::ffi::c_long;

/// Not in all versions of libc; the number is that of all architectures but alpha.
pub(super) const SYS_LISTNS: c_long = 470;

/// `struct ns_id_req` of linux/nsfs.h.
#[repr(C)]
struct Request {
    size: u32,
    spare: u32,
    /// The last id so far; 0 to begin.
    last: u64,
    /// Flags of clone(2); 0 for all types.
    types: u32,
    spare2: u32,
    /// The owner; 0 for any.
    user_namespace: u64,
}

/// Lists the ids of all namespaces in use, in ascending order, and returns how many. A full buffer means that there can be
/// more. The kernel lists none that the caller may not see; ENOSYS before Linux 6.19.
///
/// There is no list from some id on: before Linux 7.3 such a list can end too early.
pub fn list(ids: &mut [u64]) -> Result<usize, Errno> {
    let size = size_of::<Request>() as u32;
    let request = Request { size, spare: 0, last: 0, types: 0, spare2: 0, user_namespace: 0 };
    // SAFETY: the kernel reads `request` and writes at most `len` ids.
    check(unsafe { libc::syscall(SYS_LISTNS, &raw const request, ids.as_mut_ptr(), ids.len(), 0 as c_long) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_structure_has_the_layout_of_the_kernel() {
        assert_eq!((size_of::<Request>(), std::mem::offset_of!(Request, user_namespace)), (32, 24));
    }
}
