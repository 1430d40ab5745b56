//! Files that are mapped into memory: mmap(2), madvise(2).

use super::Errno;
use super::file::Fd;
use std::ffi::{c_int, c_void};
use std::{ptr, slice};

/// The beginning of a file as memory, for reading.
pub struct Memory {
    address: *mut c_void,
    length: usize,
}

impl Memory {
    /// Maps as many bytes of a file, which has to be as long as that and is not to be changed while they are read. Some
    /// files can only be mapped with MAP_SHARED, others only with MAP_PRIVATE.
    pub fn map(file: &Fd, length: usize, flags: c_int) -> Result<Memory, Errno> {
        // SAFETY: the kernel chooses an address at which nothing was.
        let address = unsafe { libc::mmap(ptr::null_mut(), length, libc::PROT_READ, flags, file.raw(), 0) };
        if address == libc::MAP_FAILED {
            return Err(Errno::last());
        }
        // SAFETY: the pages were mapped just now. A child that another thread forks meanwhile does not get them; if that
        // cannot be had, it has what its parent may see anyhow.
        unsafe { libc::madvise(address, length, libc::MADV_DONTFORK) };
        Ok(Memory { address, length })
    }

    pub fn bytes(&self) -> &[u8] {
        // SAFETY: these bytes are mapped until `self` is dropped. They are of a file of the kernel's that is never
        // written, or of an array of ours, which a program writes that does not run while they are borrowed. (Who may do
        // everything to this kernel can open the array by its id and write too, as he can write to any memory.)
        unsafe { slice::from_raw_parts(self.address.cast(), self.length) }
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        // SAFETY: the mapping is ours alone, and nobody borrows from it any more.
        unsafe { libc::munmap(self.address, self.length) };
    }
}
