//! The tree of user namespaces of a Linux host: which exist, how they nest, which processes live in each and who made
//! them. See user_namespaces(7) and namespaces(7).
//!
//! [`scan`] observes the host once and returns a [`Snapshot`]; everything else is a question to that.
//!
//! ```
//! let snapshot = userns::scan()?;
//! for node in snapshot.nodes() {
//!     println!("{} at depth {}: {} processes", node.inode(), node.depth(), node.pids().len());
//! }
//! # Ok::<(), userns::Error>(())
//! ```
//!
//! # The contract
//!
//! - A scan never fails because processes vanish or refuse. What it could not see, [`Snapshot::gaps`] and
//!   [`Snapshot::unreadable`] tell.
//! - Whatever lives from before a scan until after it is in the right place of the tree. Processes and namespaces that
//!   appear or end meanwhile can be missing.
//! - The same observations give the same snapshot, in the same order.
//! - A scan starts no thread, changes nothing about the process and closes every descriptor that it opened; it never
//!   has more than five open, ten with [pins](Options::pinned). Any number can run at once, also in a child of fork(2).
//! - No lock is held and no state kept between calls, but for what the running kernel looks like, once a scan was
//!   allowed to use [BPF](Options::bpf).
//!
//! The same is there for C, as `libuserns.so` and `libuserns.a` with the header `userns.h`.

mod arrays;
mod error;
// The comments in it are C documentation; rustdoc would take their examples for Rust.
#[cfg(not(doctest))]
mod ffi;
mod observe;
mod scan;
mod sys;
mod tree;

pub use error::Error;
pub use observe::{Gaps, Kind, Source};
pub use scan::Options;
pub use tree::{Node, OtherNamespace, Pin, Snapshot};

/// Observes the procfs at `/proc`, as [`Options::scan`] does with the default options.
///
/// # Errors
///
/// Those of [`Options::scan`].
///
/// ```
/// let snapshot = userns::scan()?;
/// println!("{} user namespaces", snapshot.nodes().len());
/// # Ok::<(), userns::Error>(())
/// ```
pub fn scan() -> Result<Snapshot, Error> {
    Options::new().scan()
}
