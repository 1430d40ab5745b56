use super::scan::guard;
use super::snapshot::userns_snapshot;
use crate::error::Error;
use crate::snapshot::Snapshot;
use std::ffi::c_int;
use std::panic::AssertUnwindSafe;
use std::ptr;

/// == Saved snapshots ==
///
/// Write a snapshot as JSON to a file, pipe or socket: all that it knows, in the format that
/// userns-json(5) describes. userns_load() reads it, on this or another machine.
///
/// fd: a descriptor that is open for writing. The library writes from its offset on, closes
/// nothing, and does not call fsync(2).
///
/// The memory that this takes does not depend on the size of the snapshot. If the descriptor is
/// non-blocking, the library waits until it can write again, as for one that is not. A reader
/// that has gone is an error, also if SIGPIPE (signal(7)) is not ignored: no signal is sent. A
/// signal handler does not interrupt the call.
///
/// Returns 0, or a negative errno value: one of these, or another one with which write(2)
/// failed. What was written until then is not removed.
///
///     -EINVAL           snapshot is NULL
///     -EBADF            fd is not open for writing
///     -EPIPE            fd is a pipe or socket that nobody reads any more
///     -ENOSPC, -EDQUOT  no space is left on the device, or for the user
///     -EFBIG            the file would be larger than the file system permits, or than
///                       RLIMIT_FSIZE if SIGXFSZ is ignored (getrlimit(2))
///     -EIO              an error of the device
///     -ENOMEM           out of memory
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_save(snapshot: *const userns_snapshot, fd: c_int) -> c_int {
    // SAFETY: the caller passes NULL or a snapshot.
    let snapshot = unsafe { snapshot.as_ref() };
    let saved = guard(AssertUnwindSafe(|| snapshot.ok_or(Error::INVALID)?.tree().save_to_number(fd)));
    saved.err().map_or(0, |error| -error.errno())
}

/// Read a snapshot that userns_save() wrote, on this or another machine, from a file, pipe or
/// socket. It answers every question as the saved one does. userns_open() and
/// userns_nonuser_open() open its namespaces if it is of the same boot (userns_boot_id()).
///
/// fd: a descriptor that is open for reading. The library reads from its offset to the end, and
/// waits for that, also if the descriptor is non-blocking. It closes nothing.
/// snapshot: receives the result, to be released with userns_free(); NULL if the call fails.
///
/// The file can come from anybody: the library checks it, needs no more memory than some thirty
/// times its size, and no stack that grows with it. It does not check that a snapshot is true:
/// userns_open() looks where the file says, and returns the namespace that the file names.
///
/// A file of a later minor version of the format can be loaded; what this version of the library
/// does not know is ignored.
///
/// Returns 0, or a negative errno value: one of these, or another one with which read(2) failed.
///
///     -EINVAL           snapshot is NULL
///     -EBADMSG          the file is not a saved snapshot: it is cut off, is not JSON or is
///                       something else, or its namespaces and processes contradict each other
///     -EPROTONOSUPPORT  the file has a later major version of the format
///     -EFBIG            the file is larger than 1 GiB, or has more than 4,194,304 user
///                       namespaces, nonuser namespaces or processes each, or more than
///                       16,777,216 pins or extents of maps each
///     -EBADF            fd is not open for reading
///     -EISDIR           fd is a directory
///     -EIO              an error of the device
///     -ENOMEM           out of memory
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_load(fd: c_int, snapshot: *mut *mut userns_snapshot) -> c_int {
    if snapshot.is_null() {
        return -Error::INVALID.errno();
    }
    let loaded = guard(|| userns_snapshot::allocate(Snapshot::load_from_number(fd)?));
    // SAFETY: `snapshot` is not NULL, so the caller lets us write there.
    unsafe { *snapshot = loaded.unwrap_or(ptr::null_mut()) };
    loaded.err().map_or(0, |error| -error.errno())
}
