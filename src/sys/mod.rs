//! System calls, one file per kernel interface.
//!
//! Nothing here is a cancellation point (pthreads(7)), since a forced unwind through Rust frames aborts the process:
//! `openat`, `close`, `read` and `getdents64` go through `syscall(2)`. The other libc functions used here are no
//! cancellation points in glibc and musl.

pub mod apart;
pub mod bpf;
pub mod child;
pub mod clock;
pub mod dir;
pub mod file;
pub mod helper;
pub mod left;
pub mod listns;
pub mod memory;
pub mod mount;
pub mod nsfs;
pub mod pidfd;
pub mod process;
pub mod signal;
pub mod statmount;
pub mod stream;
pub mod trial;
pub mod worker;

use std::collections::TryReserveError;
use std::ffi::c_long;
use std::io;

/// A positive errno value, see errno(3).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Errno(pub i32);

impl Errno {
    fn last() -> Errno {
        Errno(io::Error::last_os_error().raw_os_error().unwrap_or(libc::EIO))
    }

    /// The process has ended. procfs also returns ESRCH if it ends during the call.
    pub fn is_gone(self) -> bool {
        matches!(self.0, libc::ENOENT | libc::ESRCH)
    }

    /// The caller or the system is out of a resource that the rest of a scan needs, too.
    pub fn is_exhaustion(self) -> bool {
        matches!(self.0, libc::ENOMEM | libc::EMFILE | libc::ENFILE)
    }
}

impl From<TryReserveError> for Errno {
    fn from(_: TryReserveError) -> Errno {
        Errno(libc::ENOMEM)
    }
}

/// Converts a failure to `None`, except for exhaustion, which says nothing about the object.
///
/// Only where `None` is an answer that the result shows or counts as unknown. Elsewhere the errno value matters.
pub fn if_any<T>(result: Result<T, Errno>) -> Result<Option<T>, Errno> {
    match result {
        Ok(value) => Ok(Some(value)),
        Err(errno) if errno.is_exhaustion() => Err(errno),
        Err(_) => Ok(None),
    }
}

/// The result of a system call.
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
