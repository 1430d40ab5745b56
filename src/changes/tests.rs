mod worlds;

use super::*;
use crate::facts::{EmptySource, Extent, Facts, INITIAL_USER_NAMESPACE, Maps, Member, UserNamespace};
use crate::facts::{Hold, Holder, NamespaceType, Nonuser, Target};

fn namespace(inode: u64, id: u64, parent: Option<u32>) -> UserNamespace {
    UserNamespace { inode, id, owner_uid: Some(0), parent, ..UserNamespace::default() }
}

fn member(pid: i32, namespace: u32) -> Member {
    Member { pid, namespace, ..Member::default() }
}

fn initial() -> UserNamespace {
    namespace(INITIAL_USER_NAMESPACE, 1, None)
}

fn facts(users: &[UserNamespace], members: &[Member]) -> Facts {
    Facts { users: users.to_vec(), members: members.to_vec(), ..Facts::default() }
}

fn assemble(facts: Facts) -> Snapshot {
    Snapshot::assemble(facts).unwrap()
}

/// The changes, with inode numbers in place of nodes.
fn changes(before: &Snapshot, after: &Snapshot) -> Vec<(&'static str, u64, i32)> {
    let told = compare(before, after).unwrap();
    let name = |change: &Change| match change {
        Change::Appeared(_) => "appeared",
        Change::Ended(_) => "ended",
        Change::Emptied(_) => "emptied",
        Change::Mapped(_) => "mapped",
        Change::Joined { .. } => "joined",
        Change::Left { .. } => "left",
    };
    told.iter().map(|change| (name(change), change.node().inode(), change.pid().unwrap_or(0))).collect()
}

#[test]
fn all_kinds_in_their_order() {
    let written = |extents: u32| Some(Maps { bounds: [0, extents, extents, extents], is_setgroups_denied: false });
    let mapped = |extents| UserNamespace { maps: written(extents), ..namespace(10, 2, Some(0)) };
    let (kept, ended) = (namespace(11, 3, Some(0)), [namespace(12, 4, Some(0)), namespace(13, 5, Some(3))]);
    let new = [namespace(14, 6, Some(0)), namespace(15, 7, Some(3))];
    let before = assemble(facts(
        &[initial(), mapped(0), kept, ended[0], ended[1]],
        &[member(1, 0), member(7, 2), member(5, 3), member(9, 4)],
    ));
    let after = assemble(Facts {
        extents: vec![Extent { inside: 0, outside: 0, count: 1 }],
        ..facts(
            &[initial(), mapped(1), kept, new[0], new[1]],
            &[member(1, 0), member(5, 1), member(6, 4), member(8, 0)],
        )
    });
    let expected = [
        ("appeared", 14, 0),
        ("appeared", 15, 0),
        ("mapped", 10, 0),
        ("left", 12, 5),
        ("joined", 10, 5),
        ("joined", 15, 6),
        ("left", 11, 7),
        ("joined", INITIAL_USER_NAMESPACE, 8),
        ("left", 13, 9),
        ("emptied", 11, 0),
        ("ended", 13, 0),
        ("ended", 12, 0),
    ];
    assert_eq!(changes(&before, &after), expected);
    let told = compare(&before, &after).unwrap();
    for change in told {
        let is_old = matches!(change, Change::Ended(_) | Change::Left { .. });
        assert!(std::ptr::eq(change.node().snapshot(), if is_old { &before } else { &after }));
    }
}

#[test]
fn a_reused_inode_is_another_namespace() {
    let with =
        |id, owner_uid| assemble(facts(&[initial(), UserNamespace { owner_uid, ..namespace(10, id, Some(0)) }], &[]));
    let replaced = [("appeared", 10, 0), ("ended", 10, 0)];
    assert_eq!(changes(&with(5, Some(0)), &with(6, Some(0))), replaced);
    assert_eq!(changes(&with(5, Some(0)), &with(5, Some(0))), []);
    for ids in [(0, 0), (5, 0), (0, 5)] {
        assert_eq!(changes(&with(ids.0, Some(0)), &with(ids.1, Some(0))), [], "uncertain");
        assert_eq!(changes(&with(ids.0, Some(0)), &with(ids.1, None)), [], "what is not known does not differ");
        assert_eq!(changes(&with(ids.0, Some(0)), &with(ids.1, Some(1))), replaced, "another owner");
    }
}

/// A parent that is another namespace has other children, whatever their numbers are.
#[test]
fn parents_are_compared_as_namespaces() {
    let chain =
        |id| assemble(facts(&[initial(), namespace(10, id, Some(0)), namespace(11, 0, Some(1))], &[member(2, 2)]));
    let replaced = [
        ("appeared", 10, 0),
        ("appeared", 11, 0),
        ("left", 11, 2),
        ("joined", 11, 2),
        ("ended", 11, 0),
        ("ended", 10, 0),
    ];
    assert_eq!(changes(&chain(5), &chain(6)), replaced);
    assert_eq!(changes(&chain(5), &chain(5)), []);
    let hidden = assemble(facts(&[initial(), namespace(10, 5, Some(0)), namespace(11, 0, None)], &[member(2, 2)]));
    assert_eq!(changes(&chain(5), &hidden), [], "a hidden parent");
    assert_eq!(changes(&hidden, &chain(5)), []);
    let moved = assemble(facts(&[initial(), namespace(10, 5, Some(0)), namespace(11, 0, Some(0))], &[member(2, 2)]));
    assert_eq!(changes(&moved, &chain(5)).len(), 4, "a parent with another number");
}

/// No scan records two namespaces with one number, and no file has them. With ids they would still be two.
#[test]
fn two_with_one_inode() {
    let both = assemble(facts(
        &[initial(), namespace(10, 5, Some(0)), namespace(10, 6, Some(0))],
        &[member(2, 1), member(3, 2)],
    ));
    let one = assemble(facts(&[initial(), namespace(10, 6, Some(0))], &[member(3, 1)]));
    assert_eq!(changes(&both, &one), [("left", 10, 2), ("ended", 10, 0)]);
    assert_eq!(changes(&one, &both), [("appeared", 10, 0), ("joined", 10, 2)]);
}

#[test]
fn other_boots_and_pid_namespaces() {
    let of = |boot: Option<&str>, pid_namespace| {
        let mut facts = facts(&[initial()], &[]);
        facts.boot_id = boot.map(|id| facts.text.add(id.as_bytes()).unwrap());
        assemble(Facts { pid_namespace, ..facts })
    };
    let (known, unknown) = (of(Some("a"), Some(7)), of(None, None));
    for (other, is_comparable) in [
        (&known, true),
        (&unknown, true),
        (&of(Some("b"), Some(7)), false),
        (&of(Some("b"), None), false),
        (&of(Some("a"), Some(8)), false),
        (&of(None, Some(8)), false),
        (&of(None, Some(7)), true),
    ] {
        assert_eq!(compare(&known, other).is_ok(), is_comparable, "{other:?}");
        assert_eq!(compare(other, &known).is_ok(), is_comparable, "{other:?}");
        assert!(compare(&unknown, other).is_ok());
    }
    assert_eq!(compare(&known, &of(Some("b"), None)).unwrap_err().errno(), libc::EXDEV);
}

/// The maps before and after, by the number of extents of each kind.
#[test]
fn only_a_map_that_was_not_written_is_mapped() {
    let with = |counts: Option<[u32; 3]>| {
        let bounds = |[uids, gids, projids]: [u32; 3]| [0, uids, uids + gids, uids + gids + projids];
        let maps = counts.map(|counts| Maps { bounds: bounds(counts), is_setgroups_denied: false });
        let users = [initial(), UserNamespace { maps, ..namespace(10, 2, Some(0)) }];
        assemble(Facts { extents: vec![Extent::default(); 9], ..facts(&users, &[]) })
    };
    for (before, after, is_mapped) in [
        (Some([0, 0, 0]), Some([1, 0, 0]), true),
        (Some([0, 0, 0]), Some([0, 2, 0]), true),
        (Some([1, 1, 0]), Some([1, 1, 1]), true),
        (Some([0, 0, 0]), Some([3, 3, 3]), true),
        (Some([0, 0, 0]), Some([0, 0, 0]), false),
        (Some([1, 0, 0]), Some([1, 0, 0]), false),
        (Some([1, 0, 0]), Some([0, 0, 0]), false),
        (None, Some([1, 1, 1]), false),
        (Some([0, 0, 0]), None, false),
    ] {
        let expected: &[_] = if is_mapped { &[("mapped", 10, 0)] } else { &[] };
        assert_eq!(changes(&with(before), &with(after)), expected, "{before:?} {after:?}");
    }
}

#[test]
fn what_was_looked_for_less_has_not_ended() {
    let of = |count: usize, empty_source, nonusers: &[Nonuser], holds: &[Hold]| {
        let users = [initial(), namespace(10, 2, Some(0)), namespace(11, 3, Some(0))];
        let mut facts = facts(&users[..count], &[member(1, 0), member(5, 2)]);
        facts.members.retain(|member| (member.namespace as usize) < count);
        assemble(Facts { empty_source, nonusers: nonusers.to_vec(), holds: holds.to_vec(), ..facts })
    };
    let (plain, pins) = (EmptySource::Ancestors, EmptySource::Pins);
    let all = [("left", 11, 5), ("ended", 10, 0), ("ended", 11, 0)];
    let shown_by_a_process = [all[0], all[2]];
    for (first, second) in [(plain, plain), (plain, pins), (pins, pins)] {
        assert_eq!(changes(&of(3, first, &[], &[]), &of(1, second, &[], &[])), all);
    }
    assert_eq!(changes(&of(3, pins, &[], &[]), &of(1, plain, &[], &[])), shown_by_a_process);

    let pin = Hold { target: Target::User(2), holder: Holder::Descriptor { pid: 1, tid: 1, number: 3 } };
    assert_eq!(changes(&of(3, pins, &[], &[pin]), &of(1, pins, &[], &[])), all);
    assert_eq!(changes(&of(3, pins, &[], &[pin]), &of(1, plain, &[], &[])), [all[0]], "the pin can still be there");

    let owned = |owner| [Nonuser { namespace_type: NamespaceType::Net, inode: 20, id: 0, owner, parent: None }];
    assert_eq!(changes(&of(3, plain, &owned(Some(1)), &[]), &of(1, plain, &owned(None), &[])), all);
    assert_eq!(changes(&of(3, plain, &owned(Some(1)), &[]), &of(1, plain, &[], &[])), shown_by_a_process);
}

#[test]
fn what_was_missed_has_not_ended() {
    let of = |count: usize, gap: Gap, missed: usize| {
        let users = [initial(), namespace(10, 2, Some(0)), namespace(11, 3, Some(0))];
        let mut facts = facts(&users[..count], &[member(1, 0), member(5, 2)]);
        facts.members.retain(|member| (member.namespace as usize) < count);
        facts.gaps.add(gap, missed);
        assemble(facts)
    };
    for gap in Gap::ALL {
        let ended =
            |one, two| changes(&of(3, gap, one), &of(1, gap, two)).iter().filter(|change| change.0 == "ended").count();
        assert_eq!((ended(2, 2), ended(2, 1)), (2, 2), "{gap:?}");
        assert_eq!(ended(2, 3), if HIDING.contains(&gap) { 1 } else { 2 }, "{gap:?}");
    }
}
