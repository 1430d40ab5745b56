//! Errors.

use crate::sys::Errno;
use std::collections::TryReserveError;
use std::fmt;
use std::io;

/// An errno value (errno(3)) with a [message](Error::message).
///
/// ```
/// let error = userns::Options::new().proc_path("/does/not/exist").scan().unwrap_err();
/// assert_eq!(error.errno(), libc::ENOENT);
/// assert!(error.to_string().contains("does not exist"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(i32);

impl Error {
    /// An option is unknown or invalid.
    pub(crate) const INVALID: Error = Error(libc::EINVAL);
    /// The options ask for something that this version lacks.
    #[cfg(feature = "capi")]
    pub(crate) const TOO_BIG: Error = Error(libc::E2BIG);
    /// The directory is not the root of a procfs.
    pub(crate) const NOT_PROCFS: Error = Error(libc::ENODEV);
    /// The file system of the directory does not answer.
    pub(crate) const NO_ANSWER: Error = Error(libc::EIO);
    /// The kernel lacks user namespaces or the ioctls of nsfs.
    pub(crate) const UNSUPPORTED: Error = Error(libc::ENOTTY);
    /// An allocation failed.
    pub(crate) const NO_MEMORY: Error = Error(libc::ENOMEM);
    /// The scan did not see the process.
    pub(crate) const NO_PROCESS: Error = Error(libc::ESRCH);
    /// A child of the caller would be the first process of a PID namespace.
    pub(crate) const NO_CHILD: Error = Error(libc::ECHILD);
    /// The caller may not use BPF.
    pub(crate) const FORBIDDEN: Error = Error(libc::EPERM);
    /// The procfs does not belong to the caller's PID namespace.
    pub(crate) const OTHER_PROCFS: Error = Error(libc::EXDEV);
    /// The kernel lacks a feature of BPF.
    pub(crate) const NO_BPF: Error = Error(libc::EOPNOTSUPP);
    /// The kernel's verifier rejected a BPF program.
    pub(crate) const REFUSED_BPF: Error = Error(libc::ENOEXEC);
    /// A namespace has ended.
    pub(crate) const ENDED: Error = Error(libc::ESTALE);
    /// Nothing permits the caller to open a namespace, which may still exist.
    pub(crate) const OUT_OF_REACH: Error = Error(libc::EACCES);
    /// A snapshot is of another boot, or PID namespace.
    pub(crate) const OTHER_BOOT: Error = Error(libc::EXDEV);
    /// An id is not mapped in a user namespace.
    pub(crate) const NOT_MAPPED: Error = Error(libc::ENOENT);
    /// The snapshot lacks what the answer depends on.
    pub(crate) const NOT_KNOWN: Error = Error(libc::ENODATA);
    /// A file is not a saved snapshot.
    pub(crate) const NOT_SAVED: Error = Error(libc::EBADMSG);
    /// A file is larger than what this version loads.
    pub(crate) const TOO_LARGE: Error = Error(libc::EFBIG);
    /// A file has a later major version of the format.
    pub(crate) const LATER_FORMAT: Error = Error(libc::EPROTONOSUPPORT);
    /// The library has a bug.
    pub(crate) const BUG: Error = Error(libc::ENOTRECOVERABLE);

    /// The error of a system call on the directory of a procfs, other than opening it.
    pub(crate) fn of_directory(errno: Errno) -> Error {
        match errno.0 {
            libc::EACCES | libc::EPERM | libc::ENOSYS => errno.into(),
            _ if errno.is_exhaustion() => errno.into(),
            _ => Error(libc::EIO),
        }
    }

    /// The error of an errno value; `None` for 0.
    pub(crate) fn from_errno(errno: i32) -> Option<Error> {
        (errno != 0).then_some(Error(errno))
    }

    /// The error of a negative errno value, as the C functions return it.
    #[cfg(feature = "capi")]
    pub(crate) fn from_negative(errno: i32) -> Error {
        Error(errno.saturating_neg())
    }

    /// Whether the caller or the system is out of memory or descriptors.
    pub(crate) fn is_exhaustion(self) -> bool {
        Errno(self.0).is_exhaustion()
    }

    /// The errno value, positive.
    pub fn errno(self) -> i32 {
        self.0
    }

    /// The error and its remedy in one sentence without a final full stop.
    pub fn message(self) -> &'static std::ffi::CStr {
        match self.0 {
            ..=0 => c"no error",
            libc::EINVAL => {
                c"an argument is invalid: NULL, an options size smaller than that of version 0.1, an unknown flag or capability, or objects of different snapshots"
            }
            libc::E2BIG => c"the options ask for a feature that this version of libuserns lacks; a newer version may have it",
            libc::ENOENT => {
                c"the directory does not exist (mount a procfs with: mount -t proc proc DIRECTORY), or the id is not mapped"
            }
            libc::ENODATA => {
                c"the snapshot lacks what the answer depends on; scan with the flags that it takes, and with more privileges"
            }
            libc::ENOTDIR => c"the path is not a directory; it must be the root directory of a procfs",
            libc::EACCES => {
                c"permission denied: the caller may not open the directory or one of its parents, or whatever leads to the namespace"
            }
            libc::EPERM => c"operation not permitted: the caller lacks a capability, or a security policy forbids it",
            libc::EXDEV => {
                c"from elsewhere: a snapshot is of another boot or PID namespace; or the procfs is not of the caller's PID namespace, so BPF cannot be used"
            }
            libc::EOPNOTSUPP => {
                c"the kernel lacks a feature of BPF; libuserns needs Linux 5.8 and /sys/kernel/btf/vmlinux"
            }
            libc::ENOEXEC => {
                c"the kernel rejects the BPF program of libuserns; unless it is locked down or a security module forbids \
                the program, please report the kernel version"
            }
            libc::ECHILD => {
                c"the caller must make a process first, which becomes process 1 of the PID namespace that it has unshared"
            }
            libc::EAGAIN => c"children of earlier calls cannot end, since a file server does not answer them",
            libc::ESRCH => c"the scan did not see a process with this PID",
            libc::ELOOP => c"the path of the directory contains too many symbolic links",
            libc::ENAMETOOLONG => c"the path of the directory is too long",
            libc::ENOSYS => c"the kernel, or valgrind, lacks a system call that is needed, or a security policy refuses it",
            libc::ESTALE => c"the namespace has ended; or the directory is on a file system that has lost it",
            libc::EBADF => c"the descriptor is not open, or not for this: for writing, for reading, or other than with O_PATH",
            libc::EIO | libc::ENOTCONN => {
                c"input or output failed: a device has an error, or the file system of the directory may not respond"
            }
            libc::EBADMSG => c"the file is not a saved snapshot: it is cut off, is something else, or contradicts itself",
            libc::EPROTONOSUPPORT => {
                c"the saved snapshot has a later format than this version of libuserns loads; a newer version may load it"
            }
            libc::EFBIG => {
                c"the file is too large for libuserns, for the file system or for the limit of the process, RLIMIT_FSIZE"
            }
            libc::EPIPE => c"nobody reads the pipe or socket any more",
            libc::ENOSPC | libc::EDQUOT => c"no space is left on the device, or for the user",
            libc::EISDIR => c"the descriptor is of a directory; it must be of a file, pipe or socket",
            libc::ENODEV => {
                c"the directory is not the root directory of a procfs; mount one with: mount -t proc proc DIRECTORY"
            }
            libc::ENOTTY => {
                c"not a namespace; or the kernel does not report how user namespaces nest: Linux 4.9 with CONFIG_USER_NS is needed, \
                and a 32-bit program may need USERNS_SCAN_BPF"
            },
            libc::ENOMEM => c"out of memory",
            libc::EMFILE => c"the process has too many open descriptors; close some or raise RLIMIT_NOFILE",
            libc::ENFILE => c"the system has too many open files; raise fs.file-max or end some programs",
            libc::ENOTRECOVERABLE => c"libuserns has a bug; please report the message that it wrote to standard error",
            _ => c"unexpected error; the value is an errno value, see errno(3)",
        }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message().to_string_lossy())
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Error({}: {self})", self.0)
    }
}

impl std::error::Error for Error {}

impl From<Errno> for Error {
    fn from(errno: Errno) -> Error {
        Error(errno.0)
    }
}

impl From<TryReserveError> for Error {
    fn from(_: TryReserveError) -> Error {
        Error::NO_MEMORY
    }
}

impl From<Error> for io::Error {
    fn from(error: Error) -> io::Error {
        io::Error::from_raw_os_error(error.0)
    }
}
