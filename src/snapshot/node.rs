//! The attributes of a user namespace.

use super::{Nonuser, Pin, Snapshot};
use crate::facts::UserNamespace;
use std::fmt;
use std::ops::Range;

/// A user namespace in a [`Snapshot`].
///
/// ```
/// let snapshot = userns::scan()?;
/// // From the user namespace of this process up to the last visible ancestor.
/// let mut next = snapshot.self_node();
/// while let Some(node) = next {
///     println!("{node:?}");
///     next = node.parent();
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Node<'s> {
    snapshot: &'s Snapshot,
    index: u32,
}

#[derive(Debug)]
pub(super) struct Entry {
    /// `parent` is an index of a node.
    pub facts: UserNamespace,
    pub depth: u32,
    /// The end of its subtree, which starts at this node.
    pub end: u32,
    pub children: Range<u32>,
    pub pids: Range<u32>,
    pub charges: Range<u32>,
    /// Neither this node nor a descendant has a member.
    pub is_subtree_empty: bool,
    /// This node or a descendant has a pin.
    pub is_subtree_pinned: bool,
}

impl<'s> Node<'s> {
    pub(super) fn new(snapshot: &'s Snapshot, index: u32) -> Node<'s> {
        Node { snapshot, index }
    }

    /// The inode number. The kernel reuses it once the namespace has ended.
    pub fn inode(&self) -> u64 {
        self.entry().facts.inode
    }

    /// The device number of nsfs, the same for all namespaces.
    pub fn device(&self) -> u64 {
        self.entry().facts.device
    }

    /// The 64-bit id, which the kernel never reuses (Linux 6.18).
    pub fn id(&self) -> Option<u64> {
        Some(self.entry().facts.id).filter(|&id| id != 0)
    }

    /// Whether this is the initial user namespace.
    pub fn is_initial(&self) -> bool {
        self.entry().facts.is_initial()
    }

    /// Whether the namespace has a parent that is not visible to the caller.
    pub fn is_parent_hidden(&self) -> bool {
        self.parent().is_none() && !self.is_initial()
    }

    /// Whether the scan saw no process in the namespace.
    pub fn is_empty(&self) -> bool {
        self.entry().pids.is_empty()
    }

    /// Whether the namespace is known only through [pins](Node::pins): neither it nor a descendant has a process.
    pub fn is_only_pinned(&self) -> bool {
        self.is_subtree_empty() && self.is_subtree_pinned()
    }

    /// Whether neither the namespace nor a descendant has a process.
    pub(crate) fn is_subtree_empty(&self) -> bool {
        self.entry().is_subtree_empty
    }

    /// Whether the namespace or a descendant has a pin.
    pub(crate) fn is_subtree_pinned(&self) -> bool {
        self.entry().is_subtree_pinned
    }

    /// The number of visible ancestors.
    pub fn depth(&self) -> u32 {
        self.entry().depth
    }

    /// The effective UID of the creator, as the caller's user namespace maps it; `None` if unknown.
    pub fn owner_uid(&self) -> Option<u32> {
        self.entry().facts.owner_uid
    }

    /// The user namespace in which this one was created.
    pub fn parent(&self) -> Option<Node<'s>> {
        self.entry().facts.parent.map(|index| self.snapshot.node(index))
    }

    /// The user namespaces created in this one, in the order of [`Snapshot::nodes`].
    ///
    /// ```
    /// fn show(node: userns::Node) {
    ///     println!("{:indent$}{}", "", node.inode(), indent = 4 * node.depth() as usize);
    ///     node.children().for_each(show);
    /// }
    ///
    /// userns::scan()?.roots().for_each(show);
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn children(&self) -> impl ExactSizeIterator<Item = Node<'s>> + use<'s> {
        let snapshot = self.snapshot;
        snapshot.children[self.child_range()].iter().map(|&index| snapshot.node(index))
    }

    /// The processes in the namespace, ascending.
    pub fn pids(&self) -> &'s [i32] {
        let Range { start, end } = self.entry().pids;
        &self.snapshot.pids[start as usize..end as usize]
    }

    /// Whether this is the parent of `node`, or the parent of its parent, and so on.
    pub fn is_ancestor_of(&self, node: Node<'_>) -> bool {
        std::ptr::eq(self.snapshot, node.snapshot) && self.index < node.index && node.index < self.entry().end
    }

    /// What keeps the namespace alive besides members and children, in the order of [`Pin`]'s variants; empty unless the
    /// scan looked for [pins](crate::Options::pinned).
    ///
    /// ```
    /// let snapshot = userns::Options::new().pinned().scan()?;
    /// for node in snapshot.nodes() {
    ///     println!("{} is kept by {:?}", node.inode(), node.pins().collect::<Vec<_>>());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn pins(&self) -> impl ExactSizeIterator<Item = Pin<'s>> + use<'s> {
        self.snapshot.pins_in(self.pin_range())
    }

    /// The nonuser namespaces that this one owns, by type and inode number; empty unless the scan looked for
    /// [them](crate::Options::owned).
    pub fn owned(&self) -> impl ExactSizeIterator<Item = Nonuser<'s>> + use<'s> {
        let snapshot = self.snapshot;
        self.owned_range().map(|index| snapshot.nonuser(index as u32))
    }

    pub(crate) fn pin_range(&self) -> Range<usize> {
        self.snapshot.pins.of_node(self.index)
    }

    pub(crate) fn owned_range(&self) -> Range<usize> {
        self.snapshot.pins.owned_by(self.index)
    }

    /// The range of its children in the children of all nodes.
    pub(crate) fn child_range(&self) -> Range<usize> {
        let Range { start, end } = self.entry().children;
        start as usize..end as usize
    }

    pub(crate) fn snapshot(&self) -> &'s Snapshot {
        self.snapshot
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(super) fn facts(&self) -> &'s UserNamespace {
        &self.entry().facts
    }

    pub(super) fn entry(&self) -> &'s Entry {
        &self.snapshot.entries[self.index as usize]
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.snapshot, other.snapshot) && self.index == other.index
    }
}

impl Eq for Node<'_> {}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("inode", &self.inode())
            .field("id", &self.id())
            .field("owner_uid", &self.owner_uid())
            .field("parent", &self.parent().map(|parent| parent.inode()))
            .field("pids", &self.pids())
            .finish()
    }
}
