//! The user namespaces that the kernel charges to each user: namespaces(7), `inc_ucount()` of the kernel.

use super::Snapshot;
use super::node::{Entry, Node};
use crate::util::arrays::{numbers, reserved, sort_by_number};
use std::collections::TryReserveError;

/// How many user namespaces a user has in a user namespace, see [`Node::charges`].
#[repr(C)]
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Charge {
    /// The user, as the caller's user namespace maps it; `u32::MAX` for all users whose UID is unknown together.
    pub uid: u32,
    /// The number of user namespaces.
    pub count: u32,
}

const UNKNOWN: u32 = u32::MAX;

/// The charges of all nodes, sorted by node and user. Sets the range of each node.
///
/// A user namespace is charged in its parent to its owner, in the parent of that to the owner of the parent, and so on: in each
/// ancestor, to the owner of the child on the way.
pub fn charge(entries: &mut [Entry]) -> Result<Vec<Charge>, TryReserveError> {
    let mut charges: Vec<Charge> = reserved(entries.len())?;
    let mut order = numbers(entries.len())?;
    let facts = |&index: &u32| entries[index as usize].facts;
    sort_by_number(&mut order, &|index| facts(index).owner_uid.unwrap_or(UNKNOWN).into())?;
    sort_by_number(&mut order, &|index| facts(index).parent.map_or(u64::MAX, u64::from))?;
    for index in order {
        let Entry { facts, end, .. } = &entries[index as usize];
        let (Some(parent), uid) = (facts.parent, facts.owner_uid.unwrap_or(UNKNOWN)) else { continue };
        let count = end - index;
        let range = &mut entries[parent as usize].charges;
        let is_first = range.start == range.end;
        match charges.last_mut() {
            Some(last) if !is_first && last.uid == uid => last.count += count,
            _ => {
                let start = if is_first { charges.len() as u32 } else { range.start };
                charges.push(Charge { uid, count });
                *range = start..charges.len() as u32;
            }
        }
    }
    Ok(charges)
}

impl<'s> Node<'s> {
    /// How many user namespaces below this one the kernel charges in it to each user, by UID: the scan knows of so many that
    /// count for `max_user_namespaces`, see namespaces(7). There can be more, see [`Snapshot::gaps`] and the C header.
    ///
    /// ```
    /// let snapshot = userns::Options::new().pinned().scan()?;
    /// for charge in snapshot.root().expect("the procfs shows this process").charges() {
    ///     println!("UID {} has {} user namespaces", charge.uid, charge.count);
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn charges(&self) -> &'s [Charge] {
        let range = &self.entry().charges;
        &self.snapshot().charges[range.start as usize..range.end as usize]
    }

    /// How many user namespaces each user may have in this one: `max_user_namespaces`. Known of the caller's own user namespace
    /// after a scan for [pins](crate::Options::pinned), which finds namespaces without processes, too.
    pub fn limit(&self) -> Option<u64> {
        let Snapshot { limit, own, .. } = self.snapshot();
        limit.filter(|_| *own == Some(self.index()))
    }
}
