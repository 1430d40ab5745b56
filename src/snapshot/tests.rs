//! Facts become the answers that they imply.

use super::order::text_keys;
use super::*;
use crate::capability::Reason;
use crate::facts::{Credentials, Facts, UserNamespace};
use proptest::prelude::*;

const INITIAL: u64 = 4026531837;

fn namespace(inode: u64, parent: Option<u32>) -> UserNamespace {
    UserNamespace { device: 4, inode, id: inode + 1000, owner_uid: Some(0), parent, ..UserNamespace::default() }
}

fn member(pid: i32, namespace: u32) -> Member {
    Member { pid, namespace, ..Member::default() }
}

fn assemble(users: &[UserNamespace], members: &[Member], own: Option<u32>) -> Snapshot {
    Snapshot::assemble(Facts { users: users.to_vec(), members: members.to_vec(), own, ..Facts::default() }).unwrap()
}

fn inodes<'s>(nodes: impl Iterator<Item = Node<'s>>) -> Vec<u64> {
    nodes.map(|node| node.inode()).collect()
}

#[test]
fn no_facts() {
    let snapshot = assemble(&[], &[], None);
    assert_eq!(snapshot.nodes().len(), 0);
    assert_eq!(snapshot.roots().len(), 0);
    assert!(snapshot.root().is_none() && snapshot.self_node().is_none());
    assert!(snapshot.find_inode(0).is_none() && snapshot.find_id(0).is_none() && snapshot.find_pid(0).is_none());
}

/// A nested caller with descriptors of outer and sibling namespaces sees several namespaces without a visible parent, see
/// `NS_GET_PARENT` in ioctl_ns(2).
#[test]
fn several_roots() {
    let namespaces = [
        namespace(50, None),
        namespace(40, None),
        namespace(INITIAL, None),
        namespace(30, None),
        namespace(20, Some(3)),
        namespace(10, None),
    ];
    let snapshot = assemble(&namespaces, &[member(7, 0), member(10, 4), member(3, 3), member(9, 1)], Some(1));
    assert_eq!(inodes(snapshot.roots()), [INITIAL, 40, 30, 50, 10], "initial, own, then by the smallest PID as text");
    assert_eq!(inodes(snapshot.nodes()), [INITIAL, 40, 30, 20, 50, 10]);
    assert_eq!(snapshot.root().unwrap().inode(), INITIAL);
    assert_eq!(snapshot.self_node().unwrap().inode(), 40);
    for node in snapshot.nodes() {
        assert_eq!(node.is_initial(), node.inode() == INITIAL);
        assert_eq!(node.is_parent_hidden(), ![INITIAL, 20].contains(&node.inode()));
    }

    let without_initial = assemble(&namespaces[..2], &[member(1, 0)], Some(1));
    assert_eq!(without_initial.root().unwrap().inode(), 40, "the caller's own");
    let own_unknown = assemble(&namespaces[..2], &[member(1, 0)], None);
    assert_eq!(own_unknown.root().unwrap().inode(), 50, "the first root");
}

/// By the smallest PID in each subtree, as text; those without a process last, by inode number.
#[test]
fn siblings_are_ordered_by_pids_as_text() {
    let namespaces = [
        namespace(INITIAL, None),
        namespace(11, Some(0)),
        namespace(12, Some(0)),
        namespace(13, Some(0)),
        namespace(14, Some(3)),
        namespace(16, Some(0)),
        namespace(15, Some(0)),
    ];
    let members = [member(2, 1), member(10, 2), member(9, 2), member(1, 0), member(100, 4)];
    let snapshot = assemble(&namespaces, &members, Some(0));
    assert_eq!(inodes(snapshot.root().unwrap().children()), [12, 13, 11, 15, 16], "10, 100, 2, none, none");
    assert_eq!(inodes(snapshot.nodes()), [INITIAL, 12, 13, 14, 11, 15, 16]);
    assert_eq!(snapshot.find_inode(12).unwrap().pids(), [9, 10]);
    assert!(snapshot.find_inode(13).unwrap().pids().is_empty());
    assert_eq!(snapshot.find_pid(100).unwrap().inode(), 14);
    assert!(snapshot.find_pid(3).is_none());
}

#[test]
fn only_some_ids_are_known() {
    let unknown = UserNamespace { id: 0, ..namespace(11, Some(0)) };
    let snapshot = assemble(&[namespace(INITIAL, None), unknown], &[], None);
    assert_eq!(snapshot.find_inode(11).unwrap().id(), None);
    assert!(snapshot.find_id(0).is_none());
    assert_eq!(snapshot.find_id(INITIAL + 1000).unwrap().inode(), INITIAL);
}

#[test]
fn nodes_of_different_snapshots_are_unrelated() {
    let namespaces = [namespace(INITIAL, None), namespace(11, Some(0))];
    let (one, other) = (assemble(&namespaces, &[], None), assemble(&namespaces, &[], None));
    assert!(one.root().unwrap().is_ancestor_of(one.find_inode(11).unwrap()));
    assert!(!one.root().unwrap().is_ancestor_of(other.find_inode(11).unwrap()));
    assert_ne!(one.root(), other.root());
}

#[test]
fn processes_are_found_whether_or_not_they_are_members() {
    let known = |uid, first_pid, pid_count| Some(Credentials { uid, capabilities: 1 << 21, first_pid, pid_count });
    let mut text = Text::default();
    let cgroup = text.add(b"/a").unwrap();
    let processes = vec![
        Process { pid: 3, credentials: known(65534, 1, 2), ..Process::default() },
        Process { pid: 4, ..Process::default() },
        Process { pid: 9, credentials: known(7, 0, 0), cgroup },
    ];
    let snapshot = Snapshot::assemble(Facts {
        users: vec![namespace(11, None), namespace(12, Some(0))],
        members: vec![member(3, 0), member(5, 1)],
        processes,
        pids: vec![0, 3, 1],
        unmapped_uid: Some(65534),
        text,
        own: Some(0),
        limit: Some(70),
        ..Facts::default()
    })
    .unwrap();
    let (above, below) = (snapshot.find_inode(11).unwrap(), snapshot.find_inode(12).unwrap());
    assert_eq!([9, 3, 4, 5].map(|pid| snapshot.process_uid(pid)), [Some(7), None, None, None]);
    assert_eq!([9, 3].map(|pid| snapshot.process_capabilities(pid)), [Some(1 << 21); 2]);
    assert_eq!([9, 3, 4, 6].map(|pid| snapshot.process_pids(pid)), [&[9][..], &[3, 1], &[], &[]]);
    assert_eq!([9, 3, 6].map(|pid| snapshot.process_cgroup(pid)), [Some(c"/a"), None, None]);
    assert_eq!((above.limit(), below.limit()), (Some(70), None));

    let verdict =
        |pid, capability, node| snapshot.capable(pid, capability, node).map(|known| (known.holds, known.reason));
    assert_eq!(verdict(3, 21, below), Ok((Some(true), Reason::Ancestor)));
    assert_eq!(verdict(3, 20, below), Ok((Some(false), Reason::Ancestor)));
    assert_eq!(verdict(9, 21, above), Ok((None, Reason::Hidden)));
    assert_eq!(verdict(5, 21, above), Ok((Some(false), Reason::Outside)));
    assert_eq!(verdict(5, 21, below), Ok((None, Reason::Hidden)));
    assert_eq!(verdict(6, 21, above), Err(Error::NO_PROCESS));
    assert_eq!(verdict(3, 64, above), Err(Error::INVALID));
    let other = assemble(&[namespace(11, None)], &[], None);
    assert_eq!(verdict(3, 21, other.root().unwrap()), Err(Error::INVALID));
}

/// Namespaces, each a root or a child of an earlier one, and members; then the same facts in another order.
fn all_facts() -> impl Strategy<Value = (Vec<UserNamespace>, Vec<Member>, Vec<UserNamespace>, Vec<Member>)> {
    let parents = prop::collection::vec(prop::option::weighted(0.9, any::<prop::sample::Index>()), 1..40);
    let members = prop::collection::btree_map(1..5000_i32, any::<prop::sample::Index>(), 0..60);
    (parents, members)
        .prop_flat_map(|(parents, members)| {
            let indices: Vec<u32> = (0..parents.len() as u32).collect();
            (Just(parents), Just(members), Just(indices).prop_shuffle())
        })
        .prop_flat_map(|(parents, members, indices)| {
            let namespaces: Vec<UserNamespace> = (0..)
                .zip(&parents)
                .map(|(index, parent)| {
                    let parent = parent.as_ref().filter(|_| index > 0).map(|parent| parent.index(index) as u32);
                    namespace(4026532000 + index as u64, parent)
                })
                .collect();
            let members: Vec<Member> =
                members.iter().map(|(&pid, home)| member(pid, home.index(parents.len()) as u32)).collect();
            let mut moved = namespaces.clone();
            for (namespace, &index) in namespaces.iter().zip(&indices) {
                let parent = namespace.parent.map(|parent| indices[parent as usize]);
                moved[index as usize] = UserNamespace { parent, ..*namespace };
            }
            let moved_members: Vec<Member> =
                members.iter().map(|old| member(old.pid, indices[old.namespace as usize])).collect();
            (Just(namespaces), Just(members), Just(moved), Just(moved_members).prop_shuffle())
        })
}

/// The answers that depend on an order.
fn answers(snapshot: &Snapshot) -> Vec<(Vec<u64>, Vec<i32>)> {
    let roots = (inodes(snapshot.roots()), vec![]);
    let nodes = snapshot.nodes().map(|node| {
        let mut numbers = vec![node.inode(), node.depth().into(), node.parent().map_or(0, |parent| parent.inode())];
        numbers.extend(inodes(node.children()));
        (numbers, node.pids().to_vec())
    });
    std::iter::once(roots).chain(nodes).collect()
}

fn ancestors(namespaces: &[UserNamespace], mut index: u32) -> Vec<u64> {
    let mut above = Vec::new();
    while let Some(parent) = namespaces[index as usize].parent {
        above.push(namespaces[parent as usize].inode);
        index = parent;
    }
    above
}

/// The specification of the order of siblings.
fn sort_key(namespaces: &[UserNamespace], members: &[Member], inode: u64) -> (bool, String, u64) {
    let smallest = members
        .iter()
        .filter(|member| {
            namespaces[member.namespace as usize].inode == inode
                || ancestors(namespaces, member.namespace).contains(&inode)
        })
        .map(|member| member.pid.to_string())
        .min();
    (smallest.is_none(), smallest.unwrap_or_default(), inode)
}

#[test]
fn the_kernel_tells_more_charges_than_there_are_nodes() {
    let child = |inode, owner_uid, charged| UserNamespace { owner_uid, charged, ..namespace(inode, Some(0)) };
    let namespaces = [
        UserNamespace { limit: Some(9), ..namespace(10, None) },
        child(11, Some(5), None),
        child(12, Some(5), Some(2)),
        child(13, Some(5), Some(4)),
        child(14, Some(6), Some(1 << 40)),
        child(15, Some(7), None),
        child(16, None, Some(3)),
    ];
    let snapshot = assemble(&namespaces, &[], None);
    let root = snapshot.find_inode(10).unwrap();
    let charges: Vec<_> = root.charges().iter().map(|charge| (charge.uid, charge.count)).collect();
    assert_eq!(charges, [(5, 4), (6, u32::MAX), (7, 1), (u32::MAX, 1)]);
    assert_eq!((root.limit(), snapshot.find_inode(11).unwrap().limit()), (Some(9), None));
}

proptest! {
    #[test]
    fn the_order_of_facts_does_not_matter((namespaces, members, moved, moved_members) in all_facts()) {
        let (one, other) = (assemble(&namespaces, &members, None), assemble(&moved, &moved_members, None));
        prop_assert_eq!(answers(&one), answers(&other));
    }

    #[test]
    fn every_relation_is_that_of_the_facts((namespaces, members, ..) in all_facts()) {
        let snapshot = assemble(&namespaces, &members, Some(0));
        prop_assert_eq!(snapshot.nodes().len(), namespaces.len());
        for (index, observed) in (0..).zip(&namespaces) {
            let node = snapshot.find_inode(observed.inode).unwrap();
            let above = ancestors(&namespaces, index);
            prop_assert_eq!(snapshot.find_id(observed.id), Some(node));
            prop_assert_eq!(node.parent().map(|parent| parent.inode()), above.first().copied());
            prop_assert_eq!(node.depth() as usize, above.len());
            prop_assert_eq!(node.owner_uid(), observed.owner_uid);
            for other in snapshot.nodes() {
                prop_assert_eq!(other.is_ancestor_of(node), above.contains(&other.inode()));
            }
            let mut pids: Vec<i32> = members.iter().filter(|m| m.namespace == index).map(|m| m.pid).collect();
            pids.sort();
            prop_assert_eq!(node.pids(), &pids[..]);
            for pid in pids {
                prop_assert_eq!(snapshot.find_pid(pid), Some(node));
            }
        }
    }

    /// As the kernel charges each namespace when it is made, from its parent upwards: `inc_ucount()`.
    #[test]
    fn charges_are_those_of_the_kernel((mut namespaces, ..) in all_facts()) {
        for (index, namespace) in (0..).zip(&mut namespaces) {
            namespace.owner_uid = Some(index % 3).filter(|_| index % 5 != 0);
        }
        let mut charged = std::collections::BTreeMap::new();
        for made in &namespaces {
            let (mut owner, mut next) = (made.owner_uid, made.parent);
            while let Some(parent) = next {
                *charged.entry((parent, owner.unwrap_or(u32::MAX))).or_insert(0) += 1;
                (owner, next) = (namespaces[parent as usize].owner_uid, namespaces[parent as usize].parent);
            }
        }
        let snapshot = assemble(&namespaces, &[], None);
        for (index, observed) in (0..).zip(&namespaces) {
            let charges = snapshot.find_inode(observed.inode).unwrap().charges();
            let expected: Vec<Charge> = charged
                .range((index, 0)..=(index, u32::MAX))
                .map(|(&(_, uid), &count)| Charge { uid, count })
                .collect();
            prop_assert_eq!(charges, expected);
        }
    }

    #[test]
    fn nodes_are_depth_first_and_siblings_in_order((namespaces, members, ..) in all_facts()) {
        let snapshot = assemble(&namespaces, &members, None);
        let mut stack: Vec<Node> = snapshot.roots().collect();
        stack.reverse();
        let mut walked = Vec::new();
        while let Some(node) = stack.pop() {
            walked.push(node);
            let children: Vec<Node> = node.children().collect();
            let keys: Vec<_> = children.iter().map(|n| sort_key(&namespaces, &members, n.inode())).collect();
            prop_assert!(keys.is_sorted(), "{keys:?}");
            prop_assert!(children.iter().all(|child| child.parent() == Some(node)));
            stack.extend(children.into_iter().rev());
        }
        prop_assert_eq!(walked, snapshot.nodes().collect::<Vec<_>>());
    }

    #[test]
    fn text_keys_order_as_text(one in 0..=i32::MAX, other in 0..=i32::MAX, digits in 0..9_u32) {
        let shorter = one / 10_i32.pow(digits);
        for (a, b) in [(one, other), (shorter, one), (shorter, other), (one, one)] {
            let members = [member(a.min(b), 0), member(a.max(b), 1)];
            let names: Vec<_> = text_keys(&members).map(|(_, name)| name).collect();
            let texts = members.map(|member| member.pid.to_string());
            prop_assert_eq!(names[0].cmp(&names[1]), texts[0].cmp(&texts[1]), "{:?}", texts);
        }
    }
}
