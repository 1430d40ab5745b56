//! What can go wrong.

use crate::sys::Errno;
use std::collections::TryReserveError;
use std::fmt;
use std::io;

/// Why a call failed: an errno value (errno(3)) with the meaning that [`message`](Error::message) spells out.
///
/// ```
/// let error = userns::Options::new().proc_path("/does/not/exist").scan().unwrap_err();
/// assert_eq!(error.errno(), libc::ENOENT);
/// assert!(error.to_string().contains("no such directory"));
/// ```
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Error(i32);

impl Error {
    /// The options are not ones that this version knows.
    pub(crate) const INVALID: Error = Error(libc::EINVAL);
    /// The options are from a later version and ask for what this one lacks.
    pub(crate) const TOO_BIG: Error = Error(libc::E2BIG);
    /// The directory is not the root of a procfs.
    pub(crate) const NOT_PROCFS: Error = Error(libc::ENODEV);
    /// The kernel has no user namespaces, or cannot tell how they are related.
    pub(crate) const UNSUPPORTED: Error = Error(libc::ENOTTY);
    /// An allocation failed.
    pub(crate) const NO_MEMORY: Error = Error(libc::ENOMEM);
    /// The caller has no right to use BPF.
    pub(crate) const FORBIDDEN: Error = Error(libc::EPERM);
    /// The procfs numbers processes otherwise than the caller's own PID namespace.
    pub(crate) const OTHER_PROCFS: Error = Error(libc::EXDEV);
    /// The kernel cannot do with BPF what is wanted.
    pub(crate) const NO_BPF: Error = Error(libc::EOPNOTSUPP);
    /// The kernel's verifier refused a BPF program.
    pub(crate) const REFUSED_BPF: Error = Error(libc::ENOEXEC);
    /// The library has a bug.
    pub(crate) const BUG: Error = Error(libc::ENOTRECOVERABLE);

    /// The error behind a negative errno value, as the C functions return them.
    pub(crate) fn from_negative(errno: i32) -> Error {
        Error(errno.saturating_neg())
    }

    /// The caller or the system is out of memory or descriptors.
    pub(crate) fn is_exhaustion(self) -> bool {
        Errno(self.0).is_exhaustion()
    }

    /// The errno value, positive.
    ///
    /// ```
    /// let error = userns::Options::new().proc_path("/").scan().unwrap_err();
    /// assert_eq!(error.errno(), libc::ENODEV);
    /// ```
    pub fn errno(self) -> i32 {
        self.0
    }

    /// What went wrong and what to do about it, in one sentence without a final full stop.
    ///
    /// ```
    /// let error = userns::Options::new().proc_path("/dev/null").scan().unwrap_err();
    /// assert_eq!(error.message(), c"this is not a directory; the root directory of a procfs is wanted");
    /// ```
    pub fn message(self) -> &'static std::ffi::CStr {
        match self.0 {
            ..=0 => c"no error",
            libc::EINVAL => {
                c"the options are invalid: a size smaller than that of version 0.1, an unknown flag or a NULL output"
            }
            libc::E2BIG => {
                c"the options ask for something that this version of libuserns does not have; a newer one may"
            }
            libc::ENOENT => c"there is no such directory; a procfs is mounted with: mount -t proc proc DIRECTORY",
            libc::ENOTDIR => c"this is not a directory; the root directory of a procfs is wanted",
            libc::EACCES => c"the directory may not be opened; it, or one above it, denies permission",
            libc::EPERM => {
                c"permission is denied; BPF takes CAP_BPF and CAP_PERFMON, before Linux 5.11 also a high RLIMIT_MEMLOCK"
            }
            libc::EXDEV => {
                c"this procfs is not that of the caller's own PID namespace, so BPF was not used; mount one that is"
            }
            libc::EOPNOTSUPP => {
                c"this kernel cannot do it with BPF; Linux 5.8 is needed, /sys/kernel/btf/vmlinux has to be there, and \
                net.core.bpf_jit_enable may not be 0"
            }
            libc::ENOEXEC => {
                c"this kernel does not accept the BPF program of libuserns; unless it is locked down or a security \
                module forbids it, please report its version"
            }
            libc::ELOOP => c"the path of the directory leads through too many symbolic links",
            libc::ENAMETOOLONG => c"the path of the directory is too long",
            libc::EIO | libc::ESTALE | libc::ENOTCONN => c"the file system that the directory is on does not answer",
            libc::ENODEV => {
                c"this is not the root directory of a procfs; one is mounted with: mount -t proc proc DIRECTORY"
            }
            libc::ENOTTY => {
                c"this kernel cannot tell how user namespaces are related; Linux 4.9 with CONFIG_USER_NS is needed"
            }
            libc::ENOMEM => c"there is not enough memory",
            libc::EMFILE => c"the process has too many open descriptors; raise RLIMIT_NOFILE or close some",
            libc::ENFILE => c"the system has too many open files; raise fs.file-max or end some programs",
            libc::ENOTRECOVERABLE => c"libuserns has a bug and gave up; please report what it wrote to standard error",
            _ => c"this is an error that libuserns does not know; its value is an errno value, see errno(3)",
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
