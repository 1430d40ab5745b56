//! Processes.

use super::TextRef;

/// A process and its user namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub pid: i32,
    /// The index of its user namespace.
    pub namespace: u32,
    /// Its command name; empty if it was not read.
    pub name: TextRef,
}
