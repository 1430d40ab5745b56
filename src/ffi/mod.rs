//! libuserns: the tree of user namespaces of a Linux host.
//!
//! userns_scan() observes the host once and returns a snapshot: which user namespaces
//! exist, how they nest, which processes live in each, and who created them. All other
//! functions read that snapshot, except for the actions: userns_open() and
//! userns_nonuser_open() open a namespace of a snapshot if it still exists, userns_describe()
//! describes one namespace without a scan, userns_probe() finds out whether the caller can make
//! a user namespace, and if not, why. userns_compare() finds what changed between two snapshots.
//! userns_save() writes a snapshot as JSON, and userns_load() reads it. The concepts are those of
//! user_namespaces(7) and namespaces(7); a user namespace in a snapshot is called a node, a
//! namespace of another type is called a nonuser namespace, as in namespaces(7).
//!
//!     struct userns_snapshot *snapshot;
//!     int error = userns_scan(NULL, &snapshot);
//!     if (error < 0) {
//!         fprintf(stderr, "/proc: %s\n", userns_strerror(error));
//!         return 1;
//!     }
//!     size_t count;
//!     const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
//!     for (size_t i = 0; i < count; i++)
//!         printf("%*s%" PRIu64 "\n", 4 * (int)userns_depth(nodes[i]), "", userns_inode(nodes[i]));
//!     userns_free(snapshot);
//!
//! LIFETIME. Every pointer that a snapshot returns is valid until userns_free() releases
//! that snapshot. A snapshot never changes: the same question always has the same answer.
//! Changes are released by userns_changes_free(), and are valid while both snapshots are. A
//! probe is released by userns_probe_free(), with its reasons.
//!
//! ARRAYS are returned as a pointer to the first element, and their length in *count. count
//! may be NULL. An empty array is NULL with a count of 0. Arrays have no terminator.
//!
//! NULL is accepted as a snapshot, node, nonuser namespace, pin, change, changes, probe or reason;
//! the answer is then NULL, 0 (also in *count) or false, unless the function documents another.
//! Other outputs are written only on success, and by userns_capable() with -ENODATA;
//! userns_scan(), userns_compare(), userns_load() and userns_probe() set their output to NULL on
//! failure.
//!
//! ERRORS. A function that can fail returns a negative errno value then, and otherwise 0 or what
//! its comment says. The comment lists the values and their meaning. userns_strerror() returns a
//! sentence for each; programs add the path. The library does not define errno: any call may
//! change it. A process that ends or denies access during a scan is not an error: userns_gaps()
//! and userns_gap_count() report what the scan knows that it missed.
//!
//! THREADS. Any number of threads may scan at the same time, and may read the same snapshot at the
//! same time; only the functions that release an object need exclusive access to it. The library
//! takes no locks and keeps no state between calls, except for facts about the running kernel,
//! which are read once: its boot id, whether it shows cgroups of version 2 and, with
//! USERNS_SCAN_BPF, the layout of its structures; and for child processes that cannot end, see
//! below. All functions work in a child of fork(2), even if another thread forked it in the middle
//! of a scan. No function is a cancellation point (pthreads(7)), none may be called with
//! asynchronous cancellation enabled, and none is async-signal-safe (signal-safety(7)).
//!
//! OUTPUT STRUCTS begin with their size, which the caller sets, and flags. The library fills in
//! the fields that it knows, as far as the size reaches, and sets what is behind them to zero.
//! The elements of arrays, struct userns_extent and struct userns_charge, never change.
//!
//! THE PROCESS stays as it is: a scan or action starts no thread, enters no namespace and installs
//! no signal handler. A plain scan opens at most six descriptors at a time, any other and an
//! action at most eleven, all close-on-exec, and closes them before it returns, but for the one
//! that userns_open() or userns_nonuser_open() returns. They read procfs in short-lived child
//! processes, since reading a process can block without end, see USERNS_GAP_UNREADABLE. A child
//! shares memory and descriptors with the caller, sends no SIGCHLD, and is not reported by
//! wait(2), except to a thread that waits for any child with __WALL or __WCLONE, which should not
//! run meanwhile; with USERNS_SCAN_MAPS, one that enters a user namespace has a copy of the
//! memory. Signals of the calling thread are blocked while it runs, mostly for less than 10
//! milliseconds. Where clone3(2) is denied or missing (before Linux 5.3), under valgrind, and
//! after unshare(2) with CLONE_NEWPID until the caller has made process 1 of the new PID
//! namespace, the calling thread reads procfs itself, and duplicates no sockets of others.
//!
//! A child outlives the scan only if no signal ends its system call: a file server has begun to
//! serve it and does not answer, on the way to proc_path (userns_scan() returns -EIO) or for a
//! descriptor that was duplicated, see USERNS_SCAN_SOCKETS; or it waits for a lock of the kernel.
//! It executes nothing more, and a later scan reaps it. Until it ends, one that waits for a lock
//! shares memory and descriptors with the caller; the others do not from Linux 5.9 on. There are
//! at most eight such children.
//!
//! userns_probe() makes namespaces, in child processes with a copy of the memory and an empty
//! descriptor table (a copy of the caller's before Linux 5.9, or if a filter refuses
//! close_range(2)). They end before it returns, unless a system call of one cannot be ended; that
//! one is left behind, as after a scan.
//!
//! USERNS_SCAN_BPF maps memory and loads a BPF program, which the kernel frees shortly after
//! the scan; if a signal interrupts the load, the scan blocks signals and retries.
//!
//! GROWTH. The ABI only grows: functions, constants and fields of structs with a size are added,
//! never changed or removed. A program built with an older header runs with a newer library. With
//! an older library, a request that it does not know fails with -E2BIG or -EINVAL, and a program
//! that uses a newer function does not start. Each function names the version that introduced it;
//! constants and structs are of 0.1 unless their comment names another version. Functions that
//! return a set of bits or an enum can return values that are newer than the program.
//!
//! All constants, structs and functions begin with USERNS_ or userns_; all other names in
//! this header are the system's.

#![allow(non_camel_case_types, reason = "these are the names in C")]

mod capability;
mod changes;
mod gap;
mod limits;
mod maps;
mod node;
mod nonuser;
mod open;
mod pin;
mod probe;
mod process;
mod saved;
mod scan;
mod snapshot;
#[cfg(test)]
mod tests;
mod version;

use crate::error::Error;
use snapshot::userns_snapshot;
use std::alloc::{Layout, alloc};
use std::mem::MaybeUninit;
use std::ptr;

/// The target of a C pointer: an item of a snapshot, by its index.
struct Handle {
    snapshot: *const userns_snapshot,
    index: u32,
}

impl Handle {
    fn snapshot(&self) -> &userns_snapshot {
        // SAFETY: a handle is owned by the snapshot that it points to, which never changes.
        unsafe { &*self.snapshot }
    }
}

/// Memory for an object that C gets a pointer to. Once it has a value, `Box::from_raw()` frees it. Unlike `Box::new()`, this fails
/// if there is no memory.
fn allocate<T>() -> Result<*mut T, Error> {
    const { assert!(size_of::<T>() > 0) };
    // SAFETY: the layout's size is not zero.
    let allocated = unsafe { alloc(Layout::new::<T>()) }.cast::<T>();
    if allocated.is_null() { Err(Error::NO_MEMORY) } else { Ok(allocated) }
}

/// No version of a structure with a size is larger. A larger size is garbage, and the memory is not touched.
const SIZE_LIMIT: usize = 4096;

/// Reads options that have this size, and in version 0.1 had `first_size`. What a program leaves out is as in `known`.
///
/// # Safety
///
/// `options` points to `size` bytes, if that is less than `SIZE_LIMIT`. A `T` has no padding, since callers need not zero it,
/// and any bytes are valid for it.
unsafe fn read_options<T: Copy>(options: *const T, size: usize, first_size: usize, mut known: T) -> Result<T, Error> {
    if size < first_size {
        return Err(Error::INVALID);
    }
    let bytes = options.cast::<u8>();
    // SAFETY: `size` bytes are the caller's. Those beyond a `T` are fields of a later version.
    let asks_for_more = |offset| unsafe { bytes.add(offset).read() } != 0;
    if size >= SIZE_LIMIT || (size_of::<T>()..size).any(asks_for_more) {
        return Err(Error::TOO_BIG);
    }
    // SAFETY: the caller's bytes and `known` do not overlap, and both are as long. Any value is valid for any field.
    unsafe { ptr::copy_nonoverlapping(bytes, (&raw mut known).cast::<u8>(), size.min(size_of::<T>())) };
    Ok(known)
}

/// Returns an array as C expects it: NULL if it is empty, and its length in `*count`.
///
/// # Safety
///
/// `count` is NULL or may be written.
unsafe fn array<T>(elements: &[T], count: *mut usize) -> *const T {
    if !count.is_null() {
        // SAFETY: as this function's.
        unsafe { *count = elements.len() };
    }
    if elements.is_empty() { ptr::null() } else { elements.as_ptr() }
}

/// Writes an optional value to an optional output; false if there is no value.
///
/// # Safety
///
/// `output` is NULL or may be written.
unsafe fn write_if_some<T>(value: Option<T>, output: *mut T) -> bool {
    let Some(value) = value else { return false };
    if !output.is_null() {
        // SAFETY: as this function's.
        unsafe { *output = value };
    }
    true
}

/// Returns an enum as C expects it: 0 if there is none. In Rust 0 is no value of the enum, so this is not the enum itself.
/// The header has the enum.
fn enum_or_zero<T>(value: Option<T>) -> MaybeUninit<T> {
    value.map_or_else(MaybeUninit::zeroed, MaybeUninit::new)
}

/// The union of the bits whose condition holds.
fn bits<const N: usize>(conditions: [(bool, u32); N]) -> u32 {
    conditions.iter().filter(|(holds, _)| *holds).fold(0, |all, (_, bit)| all | bit)
}
