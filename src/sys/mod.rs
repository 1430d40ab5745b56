//! System calls, one file per kernel interface.
//!
//! A scan may run in a thread that another one cancels, and a forced unwind through Rust frames ends the
//! process. So nothing here is a cancellation point (pthreads(7)): `openat`, `close`, `read` and `getdents64` go through
//! `syscall(2)`, which is none; the other wrappers used here are none in glibc and musl.

pub mod bpf;
pub mod dir;
pub mod file;
pub mod memory;
pub mod mount;
pub mod nsfs;
pub mod pidfd;
pub mod process;
pub mod signal;

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

/// Takes a failed call for an absence, unless a limit was exhausted: that says nothing about what was asked for.
pub fn if_any<T>(result: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(errno) if errno.is_exhaustion() => Err(errno),
        Err(_) => Ok(None),
    }
}

/// What a system call returned, or why it failed.
fn check(returned: c_long) -> Result<usize, Errno> {
    usize::try_from(returned).map_err(|_| Errno::last())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_exhaustion_is_no_absence() {
        assert_eq!(if_any(Ok(1)), Ok(Some(1)));
        for errno in [libc::ENOENT, libc::ESRCH, libc::EACCES, libc::EPERM, libc::ENOTTY, libc::EINVAL] {
            assert_eq!(if_any(Err::<(), _>(Errno(errno))), Ok(None));
        }
        for errno in [libc::ENOMEM, libc::EMFILE, libc::ENFILE] {
            assert_eq!(if_any(Err::<(), _>(Errno(errno))), Err(Errno(errno)));
        }
    }
}
