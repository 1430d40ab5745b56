//! Assembles a snapshot from facts, in linear time but for the sorting of pins.

use super::Snapshot;
use super::charges::charge;
use super::node::Entry;
use super::order::sibling_order;
use super::pins::Pins;
use crate::error::Error;
use crate::facts::{Facts, UserNamespace};
use crate::util::arrays::{Groups, numbers, reserved, sort_by_number, zeros};
use std::collections::TryReserveError;

impl Snapshot {
    pub(crate) fn assemble(facts: Facts) -> Result<Snapshot, Error> {
        let Facts { users, extents, own, nonusers, mut members, processes, named, holds, text, .. } = facts;
        sort_by_number(&mut members, &|member| member.pid as u64)?;
        let order = sibling_order(&users, &members, own)?;
        let parent_of = |index: u32| users[index as usize].parent;
        let mut children = Groups::new(users.len(), &order, |&index| Some((parent_of(index)?, index)))?;
        let pids = Groups::new(users.len(), &members, |member| Some((member.namespace, member.pid)))?;
        let mut roots = order;
        roots.retain(|&index| parent_of(index).is_none());

        // From here on, indices are those of nodes instead of those of the facts.
        let (mut entries, node_of) = lay_out(&users, &roots, &children, &pids)?;
        let renumber = |index: &mut u32| *index = node_of[*index as usize];
        roots.iter_mut().for_each(renumber);
        children.items.iter_mut().for_each(renumber);
        members.iter_mut().for_each(|member| renumber(&mut member.namespace));

        let pins = Pins::assemble(&nonusers, holds, &text, &node_of)?;
        complete_subtrees(&mut entries, &pins);
        let charges = charge(&mut entries)?;

        let mut by_inode = numbers(entries.len())?;
        sort_by_number(&mut by_inode, &|&index| entries[index as usize].facts.inode)?;
        let mut by_id = numbers(entries.len())?;
        by_id.retain(|&index| entries[index as usize].facts.id != 0);
        sort_by_number(&mut by_id, &|&index| entries[index as usize].facts.id)?;
        Ok(Snapshot {
            entries,
            roots,
            children: children.items,
            pids: pids.items,
            pins,
            extents,
            by_inode,
            by_id,
            by_pid: members,
            processes,
            nested_pids: facts.pids,
            unmapped_uid: facts.unmapped_uid,
            charges,
            limit: facts.limit,
            own: own.map(|index| node_of[index as usize]),
            named,
            text,
            gaps: facts.gaps,
            source: facts.source,
            source_error: facts.source_error,
            source_log: facts.source_log,
            empty_source: facts.empty_source,
            time: facts.time,
            boot_id: facts.boot_id,
            proc_path: facts.proc_path,
            pid_namespace: facts.pid_namespace,
            loaded: facts.loaded,
        })
    }
}

/// Numbers the namespaces depth first. Also maps the index of a user namespace in the facts to its node.
fn lay_out(
    users: &[UserNamespace],
    roots: &[u32],
    children: &Groups<u32>,
    pids: &Groups<i32>,
) -> Result<(Vec<Entry>, Vec<u32>), TryReserveError> {
    let mut entries: Vec<Entry> = reserved(users.len())?;
    let mut node_of = zeros(users.len())?;
    let mut stack: Vec<u32> = reserved(users.len())?;
    stack.extend(roots.iter().rev());
    while let Some(index) = stack.pop() {
        let mut facts = users[index as usize];
        facts.parent = facts.parent.map(|parent| node_of[parent as usize]);
        let depth = facts.parent.map_or(0, |parent| entries[parent as usize].depth + 1);
        let node = entries.len() as u32;
        node_of[index as usize] = node;
        let range = children.range(index);
        stack.extend(children.items[range.start as usize..range.end as usize].iter().rev());
        let pids = pids.range(index);
        let is_subtree_empty = pids.is_empty();
        entries.push(Entry {
            facts,
            depth,
            end: node + 1,
            children: range,
            pids,
            charges: 0..0,
            is_subtree_empty,
            is_subtree_pinned: false,
        });
    }
    debug_assert_eq!(entries.len(), users.len(), "every chain of parents ends at a root");
    Ok((entries, node_of))
}

/// Completes the attributes of subtrees, from the leaves up.
fn complete_subtrees(entries: &mut [Entry], pins: &Pins) {
    for index in (0..entries.len()).rev() {
        entries[index].is_subtree_pinned |= !pins.of_node(index as u32).is_empty();
        let Entry { facts, end, is_subtree_empty, is_subtree_pinned, .. } = entries[index];
        if let Some(parent) = facts.parent {
            let parent = &mut entries[parent as usize];
            parent.end = parent.end.max(end);
            parent.is_subtree_empty &= is_subtree_empty;
            parent.is_subtree_pinned |= is_subtree_pinned;
        }
    }
}
