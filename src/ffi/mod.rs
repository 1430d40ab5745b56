//! libuserns: the tree of user namespaces of a Linux host.
//!
//! One call, userns_scan(), observes the host and returns a snapshot: which user namespaces
//! exist, how they nest, which processes live in each, and who made them. Everything else
//! is a question to that snapshot. The concepts are those of user_namespaces(7) and
//! namespaces(7).
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
//! LIFETIME. Every pointer that comes from a snapshot is valid until userns_free() of that
//! snapshot, and no longer. A snapshot never changes; two questions always get the same
//! answer.
//!
//! ARRAYS come as a pointer to the first element and their length in *count. The count
//! argument may be NULL. An empty array is NULL with a count of 0. Arrays are not
//! terminated.
//!
//! NULL as a snapshot or node is allowed everywhere: the answer is then NULL, 0 or false,
//! or another one where the function says so.
//! Outputs are written only on success; only userns_scan() always writes its output, which
//! is NULL on failure.
//!
//! ERRORS. A function that can fail returns 0 on success and a negative errno value
//! otherwise; its comment lists which, and what each means there. userns_strerror() gives a
//! sentence for it, to which the program adds the path. errno itself is not part of the
//! interface; it can be changed by any call. That a process vanished or refused while it
//! was observed is not an error: userns_gaps() and userns_unreadable() tell what could not
//! be seen.
//!
//! THREADS. There is no global state, but for what the running kernel looks like, which
//! USERNS_SCAN_BPF finds out once. Any number of threads may scan, and may read the same
//! snapshot, at the same time; only userns_free() must be alone with its snapshot.
//! Everything may be called in a child of fork(2) too, at whatever moment another thread
//! forked it. No call is a cancellation point (pthreads(7)); with asynchronous cancellation
//! enabled, no function of this library may be called. No call is async-signal-safe, see
//! signal-safety(7).
//!
//! THE PROCESS stays as it is: a scan starts no thread, enters no namespace and installs no
//! handler. It has at most five descriptors open at a time, ten with USERNS_SCAN_PINNED,
//! all close-on-exec, and closes them before it returns. Only where USERNS_SCAN_PINNED
//! meets a mount of a namespace that other mounts hide, it has a child process for a moment
//! and blocks signals meanwhile; the child sends no SIGCHLD and is not seen by wait(2). With
//! USERNS_SCAN_BPF it has memory mapped and a BPF program loaded, which the kernel frees
//! shortly after, and where a signal interrupts the loading, blocks signals for another try.
//!
//! GROWTH. Functions, constants and option fields are only ever added. A program that was
//! built with an older header runs with a newer library; with an older library it gets
//! -E2BIG or -EINVAL for what that does not know. Each function says since which version it
//! is there; constants and structs are there since 0.1 unless they say otherwise.
//!
//! The names of constants, structs and functions begin with USERNS_ and userns_; all other
//! names are the system's.

#![allow(non_camel_case_types, reason = "these are the names in C")]

mod node;
mod pin;
mod scan;
mod snapshot;
mod version;

use snapshot::userns_snapshot;
use std::ptr;

/// What a pointer of the caller's points to: something with a number in a snapshot.
struct Handle {
    snapshot: *const userns_snapshot,
    index: u32,
}

impl Handle {
    fn snapshot(&self) -> &userns_snapshot {
        // SAFETY: a handle is part of the snapshot that it points to, and nothing of that changes.
        unsafe { &*self.snapshot }
    }
}

/// An array as C gets it: a pointer that is NULL if the array is empty, and its length in
/// `*count` unless that is NULL.
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
