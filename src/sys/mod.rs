//! System calls, one file per kernel interface.
//!
//! A scan may run in a thread that another one cancels, and a forced unwind through Rust frames ends the
//! process. So nothing here is a cancellation point (pthreads(7)): `openat`, `close` and `getdents64` go through
//! `syscall(2)`, which is none; the other wrappers used here are none in glibc and musl.

pub mod dir;
pub mod file;
pub mod nsfs;
pub mod process;

use std::ffi::c_long;
use std::io;

/// A positive errno value, see errno(3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

impl Errno {
    fn last() -> Errno {
        Errno(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }

    /// The process that the call named has gone. ESRCH comes from procfs too, when the process ends in the call.
    pub fn is_gone(self) -> bool {
        matches!(self.0, libc::ENOENT | libc::ESRCH)
    }

    /// The caller or the system is out of something that the rest of a scan needs as well.
    pub fn is_exhaustion(self) -> bool {
        matches!(self.0, libc::ENOMEM | libc::EMFILE | libc::ENFILE)
    }
}

/// What a system call returned, or why it failed.
fn check(returned: c_long) -> Result<usize, Errno> {
    usize::try_from(returned).map_err(|_| Errno::last())
}
