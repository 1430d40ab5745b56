//! What the library does with any input. Each target has a check, which panics if a promise is broken.
//!
//! `cargo test` runs the checks with the inputs in `corpus`; `make check-fuzz` has libFuzzer look for others. They are a
//! module of the library, since parsers are private.

mod btf;
#[cfg(feature = "capi")]
mod c;
mod cgroup;
#[cfg(test)]
mod corpus;
pub(crate) mod draw;
pub(crate) mod facts;
mod fdinfo;
#[cfg(feature = "capi")]
mod json;
mod links;
mod maps;
pub mod memory;
mod mountinfo;
#[cfg(feature = "capi")]
mod options;
mod questions;
mod status;

use std::fs::File;
use std::io::{Seek, Write};
use std::os::fd::FromRawFd;

/// Panics if a promise is broken.
pub type Check = fn(&[u8]);

/// The names of the targets, which are those of the directories in `corpus`, and their checks.
pub const TARGETS: &[(&str, Check)] = &[
    ("btf", btf::check),
    ("cgroup", cgroup::check),
    ("facts", facts::check),
    ("fdinfo", fdinfo::check),
    #[cfg(feature = "capi")]
    ("json", json::check),
    ("links", links::check),
    ("maps", maps::check),
    ("mountinfo", mountinfo::check),
    #[cfg(feature = "capi")]
    ("options", options::check),
    ("status", status::check),
];

/// A file in memory with these bytes, and its offset at their start.
fn file_of(bytes: &[u8]) -> File {
    // SAFETY: the name is a C string.
    let number = unsafe { libc::memfd_create(c"input".as_ptr(), libc::MFD_CLOEXEC) };
    assert!(number >= 0, "memfd_create(2) fails");
    // SAFETY: the descriptor is new, so nothing else closes it.
    let mut file = unsafe { File::from_raw_fd(number) };
    file.write_all(bytes).unwrap();
    file.rewind().unwrap();
    file
}
