//! Files that are mapped into memory: mmap(2), madvise(2).

use super::Errno;
use super::file::Fd;
use std::ffi::{c_int, c_void};
use std::{ptr, slice};

/// A read-only mapping of the beginning of a file.
pub struct Memory {
    address: *mut c_void,
    length: usize,
}

impl Memory {
    /// Maps the first `length` bytes of a file. The file has to have them, and nothing may change them while they are
    /// read. `flags`: some files support only MAP_SHARED (BPF arrays), others only MAP_PRIVATE
    /// (`/sys/kernel/btf/vmlinux`).
    pub fn map(file: &Fd, length: usize, flags: c_int) -> Result<Memory, Errno> {
        // SAFETY: the kernel chooses an unused address range, so no existing memory changes.
        let address = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, flags, file.raw(), 0) };
        if address == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        // MADV_DONTFORK: a child that another thread forks meanwhile need not inherit the pages. A failure is harmless.
        // SAFETY: the range was mapped just now, and nothing else uses it.
        unsafe { libc::madvise(address, length, libc::MADV_DONTFORK) };
        Ok(Memory { address, length })
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: the range is mapped until `self` is dropped, which the borrow prevents. Nothing writes to it
        // meanwhile: it belongs to a constant file of the kernel, or to an array whose program has returned. (A process
        // with full privileges can open the array by its id and write to it. It can write to any memory of this process
        // too.)
        unsafe { slice::from_raw_parts(self.address.cast(), self.length) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: only `self` owns the range, and no borrow of it is left.
        unsafe { libc::munmap(self.address, self.length) };
    }
}
