//! The attributes of a nonuser namespace.

use super::{Node, Pin, Snapshot};
use crate::facts::{self, NamespaceType};
use std::fmt;
use std::ops::Range;

/// A namespace of another type than user, in a [`Snapshot`]. A user namespace owns it.
///
/// ```
/// let snapshot = userns::Options::new().owned().scan()?;
/// for nonuser in snapshot.nonusers() {
///     println!("{nonuser:?} has {} members", nonuser.member_count());
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Nonuser<'s> {
    snapshot: &'s Snapshot,
    index: u32,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// `owner` is the index of a node, `parent` that of an entry.
    pub facts: facts::Nonuser,
    pub member_count: u32,
}

impl<'s> Nonuser<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, index: u32) -> Nonuser<'s> {
        Nonuser { snapshot, index }
    }

    /// The type.
    pub fn namespace_type(&self) -> NamespaceType {
        self.entry().facts.namespace_type
    }

    /// The inode number. The kernel reuses it once the namespace has ended.
    pub fn inode(&self) -> u64 {
        self.entry().facts.inode
    }

    /// The 64-bit id, which the kernel never reuses (Linux 6.18).
    pub fn id(&self) -> Option<u64> {
        Some(self.entry().facts.id).filter(|&id| id != 0)
    }

    /// The user namespace that owns it; `None` if the owner is not visible to the caller.
    pub fn owner(&self) -> Option<Node<'s>> {
        self.entry().facts.owner.map(|index| self.snapshot.node(index))
    }

    /// The parent of a PID namespace; `None` if it is not visible to the caller, and for other types.
    pub fn parent(&self) -> Option<Nonuser<'s>> {
        self.entry().facts.parent.map(|index| self.snapshot.nonuser(index))
    }

    /// The number of processes that have a thread in it.
    pub fn member_count(&self) -> usize {
        self.entry().member_count as usize
    }

    /// What keeps it alive, in the order of [`Pin`]'s variants. Without [`Options::pinned`](crate::Options::pinned), only
    /// members and child namespaces are known.
    pub fn pins(&self) -> impl ExactSizeIterator<Item = Pin<'s>> + use<'s> {
        self.snapshot.pins_in(self.pin_range())
    }

    pub(crate) fn pin_range(&self) -> Range<usize> {
        self.snapshot.pins.of_nonuser(self.index)
    }

    pub(crate) fn snapshot(&self) -> &'s Snapshot {
        self.snapshot
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    fn entry(&self) -> &'s Entry {
        &self.snapshot.pins.nonusers[self.index as usize]
    }
}

impl PartialEq for Nonuser<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.snapshot, other.snapshot) && self.index == other.index
    }
}

impl Eq for Nonuser<'_> {}

impl fmt::Debug for Nonuser<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[{}]", self.namespace_type().name().to_string_lossy(), self.inode())
    }
}
