//! Assembles pins and nonuser namespaces.

use super::nonuser::Entry;
use crate::facts::{Hold, Holder, Nonuser, Target, Text};
use crate::util::arrays::{index, numbers, push, reserved, sort_by_number, starts, zeros};
use std::cmp::Ordering;
use std::collections::TryReserveError;
use std::ops::Range;

/// The nonuser namespaces, and the pins of all namespaces.
#[derive(Debug)]
pub struct Pins {
    /// By owner, type and inode number; those without a visible owner last.
    pub nonusers: Vec<Entry>,
    /// For each node, the start of the range of `nonusers` that it owns, plus a final end.
    owned: Vec<u32>,
    /// The pins of all nodes, then those of all nonuser namespaces.
    pub holders: Vec<Holder>,
    /// For each namespace, the start of the range of its pins, plus a final end.
    starts: Vec<u32>,
    node_count: u32,
}

impl Pins {
    /// Sorts the facts. `node_of` maps the index of a user namespace in the facts to its node. There can be a million holds,
    /// so they are copied only once.
    pub fn assemble(
        nonusers: &[Nonuser],
        mut holds: Vec<Hold>,
        text: &Text,
        node_of: &[u32],
    ) -> Result<Pins, TryReserveError> {
        let (nonusers, nonuser_of) = sort_nonusers(nonusers, node_of)?;
        let node_count = node_of.len() as u32;
        index(node_of.len() + nonusers.len())?;
        for Hold { target, holder } in &mut holds {
            match target {
                Target::User(index) => *index = node_of[*index as usize],
                Target::Nonuser(index) => *index = nonuser_of[*index as usize],
            }
            if let Holder::Mount { namespace: Some(namespace), .. } = holder {
                *namespace = nonuser_of[*namespace as usize];
            }
        }
        for (nonuser, entry) in (0..).zip(&nonusers) {
            if let Some(owner) = entry.facts.owner {
                push(&mut holds, Hold { target: Target::User(owner), holder: Holder::Owned { nonuser } })?;
            }
            if let Some(parent) = entry.facts.parent {
                push(&mut holds, Hold { target: Target::Nonuser(parent), holder: Holder::ChildNamespace { nonuser } })?;
            }
        }
        index(holds.len())?;
        let number_of = |hold: &Hold| match hold.target {
            Target::User(node) => node,
            Target::Nonuser(nonuser) => node_count + nonuser,
        };
        let starts = starts(node_of.len() + nonusers.len(), holds.iter().map(number_of))?;
        let mut holders = group(holds, &starts, number_of)?;
        for range in starts.windows(2) {
            holders[range[0] as usize..range[1] as usize].sort_unstable_by(|a, b| compare(a, b, text));
        }
        let owned = starts_of_owned(node_count, &nonusers)?;
        let mut pins = Pins { nonusers, owned, holders, starts, node_count };
        pins.count_members();
        Ok(pins)
    }

    /// The range of a node's pins.
    pub fn of_node(&self, node: u32) -> Range<usize> {
        range(&self.starts, node)
    }

    /// The range of a nonuser namespace's pins.
    pub fn of_nonuser(&self, nonuser: u32) -> Range<usize> {
        range(&self.starts, self.node_count + nonuser)
    }

    /// What a pin keeps: a node or a nonuser namespace.
    pub fn target(&self, pin: u32) -> Target {
        let after = self.starts.partition_point(|&start| start <= pin) as u32;
        let namespace = after.saturating_sub(1);
        match namespace.checked_sub(self.node_count) {
            None => Target::User(namespace),
            Some(nonuser) => Target::Nonuser(nonuser),
        }
    }

    /// The range of the nonuser namespaces that a node owns.
    pub fn owned_by(&self, node: u32) -> Range<usize> {
        range(&self.owned, node)
    }

    fn count_members(&mut self) {
        for nonuser in 0..self.nonusers.len() as u32 {
            let (mut count, mut last) = (0, None);
            for holder in &self.holders[self.of_nonuser(nonuser)] {
                // Sorted by PID, so the threads of a process are adjacent.
                if let Holder::Member { pid, .. } = *holder {
                    count += u32::from(last != Some(pid));
                    last = Some(pid);
                }
            }
            self.nonusers[nonuser as usize].member_count = count;
        }
    }
}

/// Sorts holders by namespace. Sources find most holders of one namespace in order, so that little is left to sort.
fn group(holds: Vec<Hold>, starts: &[u32], number_of: impl Fn(&Hold) -> u32) -> Result<Vec<Holder>, TryReserveError> {
    let mut next: Vec<u32> = reserved(starts.len())?;
    next.extend_from_slice(starts);
    let mut holders: Vec<Holder> = reserved(holds.len())?;
    holders.resize(holds.len(), Holder::Owned { nonuser: 0 });
    for hold in holds {
        let position = &mut next[number_of(&hold) as usize];
        holders[*position as usize] = hold.holder;
        *position += 1;
    }
    Ok(holders)
}

fn range(starts: &[u32], group: u32) -> Range<usize> {
    starts[group as usize] as usize..starts[group as usize + 1] as usize
}

/// Sorts by owner, type and inode number. Also maps the index of a nonuser namespace in the facts to its entry.
fn sort_nonusers(nonusers: &[Nonuser], node_of: &[u32]) -> Result<(Vec<Entry>, Vec<u32>), TryReserveError> {
    let mut order = numbers(nonusers.len())?;
    let owner_of = |nonuser: &Nonuser| nonuser.owner.map(|owner| node_of[owner as usize]);
    sort_by_number(&mut order, &|&index| nonusers[index as usize].inode)?;
    sort_by_number(&mut order, &|&index| nonusers[index as usize].namespace_type as u64)?;
    sort_by_number(&mut order, &|&index| owner_of(&nonusers[index as usize]).map_or(u64::MAX, u64::from))?;
    let mut entry_of = zeros(nonusers.len())?;
    for (entry, &index) in (0..).zip(&order) {
        entry_of[index as usize] = entry;
    }
    let mut entries = reserved(order.len())?;
    entries.extend(order.iter().map(|&index| {
        let nonuser = &nonusers[index as usize];
        let parent = nonuser.parent.map(|parent| entry_of[parent as usize]);
        Entry { facts: Nonuser { owner: owner_of(nonuser), parent, ..*nonuser }, member_count: 0 }
    }));
    Ok((entries, entry_of))
}

fn starts_of_owned(node_count: u32, nonusers: &[Entry]) -> Result<Vec<u32>, TryReserveError> {
    starts(node_count as usize, nonusers.iter().filter_map(|entry| entry.facts.owner))
}

/// The order of the pins of one namespace: that of [`Holder`], but mounts by path before PID.
#[inline(never)] // It would be inlined several times.
fn compare(a: &Holder, b: &Holder, text: &Text) -> Ordering {
    match (a, b) {
        (
            &Holder::Mount { path: p, pid: a, namespace: m, is_overmounted: x },
            &Holder::Mount { path: q, pid: b, namespace: n, is_overmounted: y },
        ) => {
            // Paths are long, and most are stored once.
            let order = if p == q { Ordering::Equal } else { text.get(p).cmp(text.get(q)) };
            order.then_with(|| (a, m, x).cmp(&(b, n, y)))
        }
        _ => a.cmp(b),
    }
}
