//! Which node of a snapshot is the same namespace as which of another.

use crate::error::Error;
use crate::snapshot::{Node, Snapshot};
use crate::util::arrays::zeros;

/// The nodes of two snapshots that are the same namespace.
pub struct Pairs {
    /// By node of the first snapshot: its index in the second.
    pub after_of: Vec<Option<u32>>,
    /// By node of the second snapshot: its index in the first.
    pub before_of: Vec<Option<u32>>,
}

impl Pairs {
    /// Pairs by id, then by inode number what is not paired yet, if owner and parent permit it.
    pub fn new(before: &Snapshot, after: &Snapshot) -> Result<Pairs, Error> {
        let mut pairs = Pairs { after_of: zeros(before.nodes().len())?, before_of: zeros(after.nodes().len())? };
        merge(&mut by_id(before), &mut by_id(after), &mut |old, new| {
            old.zip(new).into_iter().for_each(|(old, new)| pairs.add(old, new));
            Ok(())
        })?;

        let mut old = by_inode(before).filter(|&(_, index)| pairs.after_of[index as usize].is_none());
        let mut new = by_inode(after).filter(|&(_, index)| pairs.before_of[index as usize].is_none());
        let mut candidates: Vec<Option<u32>> = zeros(before.nodes().len())?;
        merge(&mut old, &mut new, &mut |old, new| {
            old.into_iter().for_each(|old| candidates[old as usize] = new);
            Ok(())
        })?;
        // A parent is before its children in the order of nodes, so it has its pair.
        for (old, new) in (0..).zip(candidates) {
            match new {
                Some(new) if pairs.can_be(before.node(old), after.node(new)) => pairs.add(old, new),
                _ => (),
            }
        }
        Ok(pairs)
    }

    fn add(&mut self, old: u32, new: u32) {
        self.after_of[old as usize] = Some(new);
        self.before_of[new as usize] = Some(old);
    }

    /// Whether two nodes with one inode number can be the same namespace. Its owner and parent never change.
    fn can_be(&self, old: Node<'_>, new: Node<'_>) -> bool {
        let is_of = |parent: Node<'_>, other: Node<'_>| self.after_of[parent.index() as usize] == Some(other.index());
        let have_one_parent = match (old.parent(), new.parent()) {
            (Some(parent), Some(other)) => is_of(parent, other),
            _ => true, // hidden
        };
        have_one_parent && !differ(old.id(), new.id()) && !differ(old.owner_uid(), new.owner_uid())
    }
}

/// Whether both values are known, and differ.
pub fn differ<T: PartialEq>(one: Option<T>, two: Option<T>) -> bool {
    one.zip(two).is_some_and(|(one, two)| one != two)
}

fn by_id(snapshot: &Snapshot) -> impl Iterator<Item = (u64, u32)> {
    snapshot.by_id().iter().map(|&index| (snapshot.node(index).id().unwrap_or_default(), index))
}

fn by_inode(snapshot: &Snapshot) -> impl Iterator<Item = (u64, u32)> {
    snapshot.by_inode().iter().map(|&index| (snapshot.node(index).inode(), index))
}

/// Items with keys, ascending by key.
type Sorted<'i> = &'i mut dyn Iterator<Item = (u64, u32)>;

/// Calls `each` for each item of both, and for two with the same key together. In one copy for all: the library is to be small.
pub fn merge(
    one: Sorted<'_>,
    two: Sorted<'_>,
    each: &mut dyn FnMut(Option<u32>, Option<u32>) -> Result<(), Error>,
) -> Result<(), Error> {
    let (mut one, mut two) = (one.peekable(), two.peekable());
    loop {
        let key = match (one.peek(), two.peek()) {
            (Some(first), Some(second)) => first.0.min(second.0),
            (Some(&(key, _)), None) | (None, Some(&(key, _))) => key,
            (None, None) => return Ok(()),
        };
        let first = one.next_if(|item| item.0 == key).map(|(_, index)| index);
        let second = two.next_if(|item| item.0 == key).map(|(_, index)| index);
        each(first, second)?;
    }
}
