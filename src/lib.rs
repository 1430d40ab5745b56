//! The tree of user namespaces of a Linux host: which exist, how they nest, which processes live in each, who created
//! them and what keeps them alive. See user_namespaces(7) and namespaces(7).
//!
//! [`scan`] observes the host once and returns a [`Snapshot`], an immutable tree of [`Node`]s. [`Options`] selects more:
//! [pins](Options::pinned), [nonuser namespaces](Options::owned), [names](Options::names), [credentials](Options::credentials),
//! [cgroups](Options::cgroups), [BPF](Options::bpf).
//!
//! [`compare`] finds what changed between two snapshots. [`Node::open`] and [`Nonuser::open`] open a namespace of a snapshot,
//! if it still exists. [`describe`] describes one namespace without a scan. [`Snapshot::save`] and [`Snapshot::load`] write
//! and read a snapshot as JSON. [`ProbeOptions::probe`] finds out whether a user namespace can be made here, and if not, why.
//!
//! ```
//! let snapshot = userns::scan()?;
//! for node in snapshot.nodes() {
//!     println!("{} at depth {}: {} processes", node.inode(), node.depth(), node.pids().len());
//! }
//! # Ok::<(), userns::Error>(())
//! ```
//!
//! The contract is that of the C header, `include/userns.h`, with the lifetimes and threads that Rust's types express:
//!
//! - A scan never fails because a process ends or denies access. [`Snapshot::gaps`] reports what it could not see.
//! - What exists before a scan and until it returns is in its right place in the tree.
//! - The same facts yield the same snapshot, in the same order.
//! - A scan starts no thread, leaves the process as it is, and closes all descriptors that it opens. Any number of scans
//!   can run at the same time, also in a child of fork(2).
//!
//! The default feature `capi` adds the C interface: `libuserns.so`, `libuserns.a` and the header. Rust programs can turn it
//! off; then the crate exports no C symbols and does not build cbindgen.

mod capability;
mod changes;
mod describe;
mod error;
mod facts;
// Its comments are C documentation; rustdoc would take their examples for Rust.
#[cfg(all(feature = "capi", not(doctest)))]
mod ffi;
// Not for users of the crate: see tests/README.md.
#[cfg(any(test, fuzzing))]
#[path = "../tests/fuzz/mod.rs"]
pub mod fuzz;
mod idmap;
mod observe;
mod open;
mod options;
mod probe;
mod saved;
mod scan;
mod snapshot;
mod sys;
mod util;

pub use capability::{Reason, Verdict};
pub use changes::{Change, compare};
pub use describe::{Info, describe};
pub use error::Error;
pub use facts::{EmptySource, Extent, Gap, Gaps, NamespaceType, Source};
pub use options::Options;
pub use probe::{Probe, ProbeOptions, ProbeReason, ReasonKind, Step};
pub use snapshot::{Charge, Node, Nonuser, Pin, Snapshot};

/// Scans the procfs at `/proc` with the default options.
///
/// # Errors
///
/// Those of [`Options::scan`].
pub fn scan() -> Result<Snapshot, Error> {
    Options::new().scan()
}
