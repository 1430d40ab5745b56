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
/// ancestor, to the owner of the child on the way. So the children of a node that have one owner are one charge. The kernel's
/// own number is preferred, which also counts namespaces that are not in the snapshot.
pub fn charge(entries: &mut [Entry]) -> Result<Vec<Charge>, TryReserveError> {
    let mut charges: Vec<Charge> = reserved(entries.len())?;
    let mut order = numbers(entries.len())?;
    let key = |index: u32| {
        let facts = &entries[index as usize].facts;
        (facts.parent, facts.owner_uid.unwrap_or(UNKNOWN))
    };
    sort_by_number(&mut order, &|&index| key(index).1.into())?;
    sort_by_number(&mut order, &|&index| key(index).0.map_or(u64::MAX, u64::from))?;
    let mut rest = &order[..];
    while let Some(&first) = rest.first() {
        let entry = |index: &u32| &entries[*index as usize];
        let (parent, uid) = (entry(&first).facts.parent, entry(&first).facts.owner_uid);
        let is_same = |index: &&u32| entry(index).facts.parent == parent && entry(index).facts.owner_uid == uid;
        let (siblings, others) = rest.split_at(rest.iter().take_while(is_same).count());
        rest = others;
        let Some(parent) = parent else { continue };
        let found = siblings.iter().map(|index| entry(index).end - index).sum();
        // If they were read one after the other, the last one may be larger.
        let told = siblings.iter().filter_map(|index| entry(index).facts.charged).max().filter(|_| uid.is_some());
        let count = told.map_or(found, |count| count.try_into().unwrap_or(u32::MAX));
        let end = charges.len() as u32;
        let range = &mut entries[parent as usize].charges;
        *range = if range.start == range.end { end } else { range.start }..end + 1;
        charges.push(Charge { uid: uid.unwrap_or(UNKNOWN), count });
    }
    Ok(charges)
}

impl<'s> Node<'s> {
    /// How many user namespaces below this one the kernel charges in it to each user, by UID: the scan knows of so many that
    /// count for `max_user_namespaces`, see namespaces(7). There can be more, see [`Snapshot::gaps`] and the C header; with
    /// [`bpf`](crate::Options::bpf) and [`pinned`](crate::Options::pinned) the kernel tells the number.
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

    /// How many user namespaces each user may have in this one: `max_user_namespaces`. Known after a scan for
    /// [pins](crate::Options::pinned), which finds namespaces without processes, too: of the caller's own user namespace, and with
    /// [`bpf`](crate::Options::bpf) of others.
    pub fn limit(&self) -> Option<u64> {
        let Snapshot { limit, own, .. } = self.snapshot();
        self.facts().limit.or(limit.filter(|_| *own == Some(self.index())))
    }

    /// How many user namespaces the kernel charges to its owner in its parent, as far as BPF told.
    pub(crate) fn charged(&self) -> Option<u64> {
        self.facts().charged
    }
}
