//! All questions to a snapshot. The answers agree with each other, and with the number of facts.

use crate::error::Error;
use crate::facts::{Facts, Target};
use crate::snapshot::{Node, Pin, Snapshot};

/// How many facts there are.
pub struct Counts {
    users: usize,
    nonusers: usize,
    members: usize,
    /// With those that follow from owners and parents.
    pins: usize,
    /// Whether the kernel told no charges.
    are_charges_counted: bool,
}

impl Counts {
    pub fn of(facts: &Facts) -> Counts {
        let relations = facts.nonusers.iter().flat_map(|nonuser| [nonuser.owner, nonuser.parent]).flatten();
        Counts {
            users: facts.users.len(),
            nonusers: facts.nonusers.len(),
            members: facts.members.len(),
            pins: facts.holds.len() + relations.count(),
            are_charges_counted: facts.users.iter().all(|user| user.charged.is_none()),
        }
    }
}

pub fn ask(snapshot: &Snapshot, counts: &Counts) {
    let _ = (snapshot.time(), snapshot.boot_id(), snapshot.pid_namespace(), snapshot.source(), snapshot.source_log());
    let _ = (snapshot.source_error().map(Error::message), snapshot.empty_source(), snapshot.gaps().is_empty());
    assert_eq!(snapshot.nodes().len(), counts.users);
    assert_eq!(snapshot.nonusers().len(), counts.nonusers);
    assert_eq!(snapshot.nodes().map(|node| node.pids().len()).sum::<usize>(), counts.members);
    assert_eq!(
        snapshot.nodes().map(|node| node.children().len()).sum::<usize>() + snapshot.roots().len(),
        counts.users
    );
    assert_eq!(snapshot.root(), snapshot.roots().next());
    assert!(snapshot.self_node().is_none_or(|own| snapshot.nodes().any(|node| node == own)));
    snapshot.nodes().for_each(|node| ask_node(snapshot, node, counts));
    ask_nonusers(snapshot, counts);
    ask_processes(snapshot);
}

fn ask_node(snapshot: &Snapshot, node: Node, counts: &Counts) {
    assert_eq!(snapshot.find_inode(node.inode()), Some(node));
    assert_eq!(node.id().map(|id| snapshot.find_id(id).unwrap().id()), node.id().map(Some));
    assert_eq!(node.depth(), node.parent().map_or(0, |parent| parent.depth() + 1));
    assert!(node.parent().is_none_or(|parent| parent.children().any(|child| child == node)));
    assert!(node.children().all(|child| child.parent() == Some(node)));
    assert!(node.pids().iter().all(|&pid| snapshot.find_pid(pid) == Some(node)) && node.pids().is_sorted());
    assert!(node.owned().all(|nonuser| nonuser.owner() == Some(node)));

    let above = |other: Node| std::iter::successors(other.parent(), |at| at.parent()).any(|at| at == node);
    assert!(snapshot.nodes().all(|other| node.is_ancestor_of(other) == above(other)));
    let below = snapshot.nodes().filter(|&other| node.is_ancestor_of(other));
    let subtree: Vec<Node> = std::iter::once(node).chain(below).collect();
    let is_empty = subtree.iter().all(|node| node.is_empty());
    let is_pinned = subtree.iter().any(|node| node.pins().len() > 0);
    assert_eq!(node.is_only_pinned(), is_empty && is_pinned);
    let charged: u64 = node.charges().iter().map(|charge| u64::from(charge.count)).sum();
    assert!(!counts.are_charges_counted || charged == subtree.len() as u64 - 1);
    assert!(node.charges().is_sorted_by(|one, two| one.uid < two.uid));
    let _ = (node.device(), node.owner_uid(), node.limit(), node.is_initial(), node.is_parent_hidden());
    let _ = (node.gid_map(), node.projid_map(), node.is_setgroups_denied());

    let first = node.uid_map().and_then(|map| map.first());
    for (id, to) in first.into_iter().flat_map(|extent| snapshot.nodes().map(|to| (extent.inside, to))) {
        match node.translate_uid(id, to) {
            Ok(there) => assert_eq!(to.translate_uid(there, node), Ok(id)),
            Err(error) => assert!([Error::NOT_MAPPED, Error::NOT_KNOWN].contains(&error)),
        }
    }
    let ways = snapshot.ways_to(Target::User(node.index())).unwrap();
    assert!(ways.len() >= node.pids().len());
}

fn ask_nonusers(snapshot: &Snapshot, counts: &Counts) {
    let owned: usize = snapshot.nodes().map(|node| node.owned().len()).sum();
    let without_owner = snapshot.nonusers().filter(|nonuser| nonuser.owner().is_none()).count();
    assert_eq!(owned + without_owner, counts.nonusers);
    let of_nodes: usize = snapshot.nodes().map(|node| node.pins().len()).sum();
    let of_nonusers: usize = snapshot.nonusers().map(|nonuser| nonuser.pins().len()).sum();
    assert_eq!(of_nodes + of_nonusers, counts.pins);
    for nonuser in snapshot.nonusers() {
        let members = nonuser.pins().filter_map(|pin| if let Pin::Member { pid, .. } = pin { Some(pid) } else { None });
        let mut pids: Vec<i32> = members.collect();
        pids.sort_unstable();
        pids.dedup();
        assert_eq!(nonuser.member_count(), pids.len());
        let child = Pin::ChildNamespace(nonuser);
        assert!(nonuser.parent().is_none_or(|parent| parent.pins().any(|pin| pin == child)));
        let _ = (nonuser.inode(), nonuser.id(), nonuser.namespace_type());
        let _ = snapshot.ways_to(Target::Nonuser(nonuser.index())).unwrap();
    }
}

fn ask_processes(snapshot: &Snapshot) {
    for pid in snapshot.members().iter().map(|member| member.pid) {
        assert!(snapshot.find_pid(pid).is_some_and(|node| node.pids().contains(&pid)));
        let _ = snapshot.process_name(pid);
    }
    for process in snapshot.processes() {
        let pids = snapshot.process_pids(process.pid);
        assert!(pids.first().is_none_or(|&first| first == process.pid));
        assert_eq!(pids.is_empty(), process.credentials.is_none());
        let _ = (snapshot.process_cgroup(process.pid), snapshot.process_uid(process.pid));
        let all = snapshot.process_capabilities(process.pid);
        assert_eq!(all, process.credentials.map(|credentials| credentials.capabilities));
        for node in snapshot.nodes() {
            let verdict = snapshot.capable(process.pid, 21, node).unwrap();
            let has = all.map(|all| all >> 21 & 1 != 0);
            let is_member = snapshot.find_pid(process.pid) == Some(node);
            assert!(!is_member || verdict.holds == has, "in its own namespace, its own capabilities count");
        }
    }
}
