//! Properties of comparisons of generated facts.

use super::{assemble, changes, facts, initial, member, namespace};
use crate::changes::{Change, compare};
use crate::facts::{Facts, Process, UserNamespace};
use crate::snapshot::{Node, Snapshot};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};

/// Generated namespaces, of which some have one inode number, and what two scans see of them.
#[derive(Clone, Debug)]
struct World {
    namespaces: Vec<UserNamespace>,
    seen: [Seen; 2],
}

#[derive(Clone, Debug)]
struct Seen {
    /// The namespace of the process with this index.
    processes: Vec<Option<usize>>,
    /// Namespaces that have no process, as far as their numbers are not taken.
    empty: Vec<usize>,
    /// Of which namespaces the id is known.
    has_id: Vec<bool>,
    unreadable: Vec<bool>,
}

const PROCESSES: usize = 8;

fn worlds() -> impl Strategy<Value = World> {
    let namespaces = vec((0..4_u64, 0..2_u32, any::<usize>()), 1..8).prop_map(|all| {
        let mut namespaces = vec![initial()];
        for (inode, owner, parent) in all {
            let index = namespaces.len();
            let parent = Some((parent % index) as u32);
            namespaces
                .push(UserNamespace { owner_uid: Some(owner), ..namespace(10 + inode, 100 + index as u64, parent) });
        }
        namespaces
    });
    namespaces.prop_flat_map(|namespaces| {
        let count = namespaces.len();
        let seen = || {
            let processes = vec(proptest::option::of(0..count), PROCESSES);
            (processes, vec(0..count, 0..4), vec(any::<bool>(), count), vec(any::<bool>(), PROCESSES))
                .prop_map(|(processes, empty, has_id, unreadable)| Seen { processes, empty, has_id, unreadable })
        };
        (Just(namespaces), seen(), seen()).prop_map(|(namespaces, one, two)| World { namespaces, seen: [one, two] })
    })
}

impl World {
    /// The facts of a scan: at most one namespace with each number.
    fn facts(&self, which: usize, has_all_ids: bool, is_hindered: bool) -> Facts {
        let seen = &self.seen[which];
        let mut present: BTreeMap<u64, usize> = BTreeMap::new();
        let mut add = |index: usize| {
            let chain: Vec<usize> = self.chain(index);
            let is_free = |index: &usize| {
                let is_twice = chain.iter().filter(|&&other| self.inode(other) == self.inode(*index)).count() > 1;
                !is_twice && present.get(&self.inode(*index)).is_none_or(|other| other == index)
            };
            let may = chain.iter().all(is_free);
            if may {
                present.extend(chain.iter().map(|&index| (self.inode(index), index)));
            }
            may
        };
        add(0);
        let is_unreadable = |process: usize| is_hindered && seen.unreadable[process];
        let placed: Vec<(usize, usize)> = (0..PROCESSES)
            .filter_map(|process| Some((process, seen.processes[process].filter(|&index| add(index))?)))
            .filter(|&(process, _)| !is_unreadable(process))
            .collect();
        seen.empty.iter().for_each(|&index| {
            add(index);
        });
        let indices: Vec<usize> = present.into_values().collect();
        let at = |index: usize| indices.iter().position(|&other| other == index).unwrap() as u32;
        let users: Vec<_> = indices
            .iter()
            .map(|&index| {
                let known = self.namespaces[index];
                let id = if has_all_ids || seen.has_id[index] { known.id } else { 0 };
                UserNamespace { id, parent: known.parent.map(|parent| at(parent as usize)), ..known }
            })
            .collect();
        let members: Vec<_> = placed.iter().map(|&(process, index)| member(process as i32 + 1, at(index))).collect();
        let pid = |process| Process { pid: process as i32 + 1, ..Process::default() };
        let processes = (0..PROCESSES).filter(|&process| is_unreadable(process)).map(pid).collect();
        Facts { processes, ..facts(&users, &members) }
    }

    fn inode(&self, index: usize) -> u64 {
        self.namespaces[index].inode
    }

    fn chain(&self, index: usize) -> Vec<usize> {
        let mut chain = vec![index];
        while let Some(parent) = self.namespaces[chain[chain.len() - 1]].parent {
            chain.push(parent as usize);
        }
        chain
    }

    fn snapshots(&self) -> [Snapshot; 2] {
        [0, 1].map(|which| assemble(self.facts(which, true, false)))
    }
}

/// The specification of identity.
fn is_same(one: Node, two: Node) -> bool {
    match (one.id(), two.id()) {
        (Some(first), Some(second)) => first == second,
        _ => {
            let parents = match (one.parent(), two.parent()) {
                (Some(first), Some(second)) => is_same(first, second),
                _ => true,
            };
            one.inode() == two.inode() && one.owner_uid() == two.owner_uid() && parents
        }
    }
}

/// The namespaces by id, with the parent and the processes of each.
type State = BTreeMap<u64, (Option<u64>, BTreeSet<i32>)>;

fn state(snapshot: &Snapshot) -> State {
    let parent = |node: Node| node.parent().and_then(|parent| parent.id());
    snapshot.nodes().map(|node| (node.id().unwrap(), (parent(node), node.pids().iter().copied().collect()))).collect()
}

/// Applies changes one after the other, and checks that each can happen at this point.
fn apply(mut state: State, changes: &[Change]) -> State {
    for change in changes {
        let (id, parent) = (change.node().id().unwrap(), change.node().parent().and_then(|parent| parent.id()));
        match *change {
            Change::Appeared(_) => {
                assert!(parent.is_none_or(|parent| state.contains_key(&parent)), "{change:?}: no parent");
                assert!(state.insert(id, (parent, BTreeSet::new())).is_none(), "{change:?}: there already");
            }
            Change::Ended(_) => {
                assert!(state.values().all(|other| other.0 != Some(id)), "{change:?}: has children");
                assert!(state.remove(&id).unwrap().1.is_empty(), "{change:?}: has processes");
            }
            Change::Emptied(_) => assert!(state[&id].1.is_empty(), "{change:?}: has processes"),
            Change::Mapped(_) => assert!(state.contains_key(&id), "{change:?}"),
            Change::Joined { pid, .. } => {
                assert!(state.values().all(|other| !other.1.contains(&pid)), "{change:?}: is elsewhere");
                state.get_mut(&id).unwrap().1.insert(pid);
            }
            Change::Left { pid, .. } => assert!(state.get_mut(&id).unwrap().1.remove(&pid), "{change:?}: is not there"),
        }
    }
    state
}

proptest! {
    #[test]
    fn nothing_changes_without_a_change(world in worlds(), has_all_ids: bool, is_hindered: bool) {
        let [one, same] = [0, 0].map(|which| assemble(world.facts(which, has_all_ids, is_hindered)));
        prop_assert_eq!(compare(&one, &one).unwrap(), []);
        prop_assert_eq!(compare(&one, &same).unwrap(), []);
    }

    #[test]
    fn changes_lead_from_one_snapshot_to_the_other(world in worlds()) {
        let [before, after] = world.snapshots();
        let told = compare(&before, &after).unwrap();
        prop_assert_eq!(apply(state(&before), &told), state(&after));
        let emptied: Vec<_> = told.iter().filter(|change| matches!(change, Change::Emptied(_))).map(|change| change.node()).collect();
        let expected = after.nodes().filter(|node| {
            node.is_empty() && before.find_id(node.id().unwrap()).is_some_and(|old| !old.is_empty())
        });
        prop_assert_eq!(emptied, expected.collect::<Vec<_>>());
    }

    #[test]
    fn the_way_back_is_the_mirror(world in worlds(), has_all_ids: bool) {
        let [before, after] = [0, 1].map(|which| assemble(world.facts(which, has_all_ids, false)));
        let mirrored: BTreeSet<_> = changes(&before, &after).into_iter().filter_map(|(name, inode, pid)| {
            let mirror = match name {
                "appeared" => "ended",
                "ended" => "appeared",
                "joined" => "left",
                "left" => "joined",
                _ => return None,
            };
            Some((mirror, inode, pid))
        }).collect();
        let mut back: BTreeSet<_> = changes(&after, &before).into_iter().collect();
        back.retain(|change| change.0 != "emptied");
        prop_assert_eq!(mirrored, back);
    }

    #[test]
    fn identity_rests_on_ids_or_else_on_inode_owner_and_parent(world in worlds()) {
        let [before, after] = [0, 1].map(|which| assemble(world.facts(which, false, false)));
        let told = compare(&before, &after).unwrap();
        let of = |wanted: fn(&Change) -> bool| told.iter().filter(|change| wanted(change)).map(|change| change.node().inode()).collect::<Vec<_>>();
        let new = after.nodes().filter(|&node| !before.nodes().any(|old| is_same(old, node)));
        let gone = before.nodes().filter(|&old| !after.nodes().any(|node| is_same(old, node)));
        let mut gone: Vec<_> = gone.map(|node| node.inode()).collect();
        gone.reverse();
        prop_assert_eq!(of(|change| matches!(change, Change::Appeared(_))), new.map(|node| node.inode()).collect::<Vec<_>>());
        prop_assert_eq!(of(|change| matches!(change, Change::Ended(_))), gone);
        for pid in 1..=PROCESSES as i32 {
            let (old, new) = (before.find_pid(pid), after.find_pid(pid));
            let is_moved = match old.zip(new) {
                Some((old, new)) => !is_same(old, new),
                None => true,
            };
            let left = told.contains(&Change::Left { node: old.unwrap_or(before.root().unwrap()), pid });
            let joined = told.contains(&Change::Joined { node: new.unwrap_or(after.root().unwrap()), pid });
            prop_assert_eq!((left, joined), (old.is_some() && is_moved, new.is_some() && is_moved));
        }
    }

    /// A process that could not be read has not left, and nothing above it has ended.
    #[test]
    fn the_unreadable_have_not_gone(world in worlds()) {
        let before = assemble(world.facts(0, true, false));
        let after = || world.facts(1, true, true);
        let hindered = assemble(after());
        let unaware = assemble(Facts { processes: Vec::new(), ..after() });
        let is_unread = |pid: &i32| after().processes.iter().any(|process| process.pid == *pid);
        let has_unread = |inode| before.find_inode(inode).is_some_and(|node| node.pids().iter().any(is_unread));
        let is_above = |inode| before.find_inode(inode).is_some_and(|node| {
            before.nodes().any(|other| node.is_ancestor_of(other) && has_unread(other.inode()))
        });
        let mut expected = changes(&before, &unaware);
        expected.retain(|&(name, inode, pid)| match name {
            "left" => !is_unread(&pid),
            "emptied" => !has_unread(inode),
            "ended" => !has_unread(inode) && !is_above(inode),
            _ => true,
        });
        prop_assert_eq!(changes(&before, &hindered), expected);
    }
}
