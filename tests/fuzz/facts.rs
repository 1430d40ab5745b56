//! Snapshots of any facts that sources can write: all questions, saved and loaded, compared.

use super::draw::Draw;
use super::questions::{self, Counts};
use crate::changes::{Change, compare};
use crate::facts::{
    Credentials, EmptySource, Extent, Facts, Gap, Hold, Holder, INITIAL_USER_NAMESPACE, Maps, Member, NamespaceType,
    Nonuser, Process, Source, Target, TextRef, UserNamespace, add_extents,
};
use crate::snapshot::Snapshot;

/// No PID of a member is larger.
pub const PIDS: usize = 12;

pub fn check(bytes: &[u8]) {
    let mut draw = Draw(bytes);
    let before = assemble(&mut draw);
    let after = assemble(&mut draw);
    check_changes(&before, &after);
    check_changes(&after, &before);
}

fn assemble(draw: &mut Draw) -> Snapshot {
    let facts = facts(draw);
    let counts = Counts::of(&facts);
    let snapshot = Snapshot::assemble(facts).unwrap();
    questions::ask(&snapshot, &counts);

    let (mut saved, mut again) = (Vec::new(), Vec::new());
    snapshot.write(&mut saved);
    let loaded = Snapshot::load_json(&saved).unwrap();
    loaded.write(&mut again);
    assert_eq!(String::from_utf8(saved), String::from_utf8(again));
    assert_eq!(compare(&snapshot, &loaded), Ok(Vec::new()));
    assert_eq!(compare(&loaded, &snapshot), Ok(Vec::new()));
    snapshot
}

fn check_changes(before: &Snapshot, after: &Snapshot) {
    let Ok(changes) = compare(before, after) else { return };
    let (mut appeared, mut ended, mut members) = (0, 0, before.members().len());
    for change in changes {
        match change {
            Change::Appeared(node) => appeared += usize::from(after.nodes().any(|other| other == node)),
            Change::Ended(node) => ended += usize::from(before.nodes().any(|other| other == node)),
            Change::Emptied(node) => assert!(node.is_empty() && after.nodes().any(|other| other == node)),
            Change::Mapped(node) => assert!(node.uid_map().is_some()),
            Change::Joined { node, pid } => {
                assert_eq!(after.find_pid(pid), Some(node));
                members += 1;
            }
            Change::Left { node, pid } => {
                assert_eq!(before.find_pid(pid), Some(node));
                members -= 1;
            }
        }
    }
    // What is out of sight has not ended, and a process that could not be read has not left.
    assert!(before.nodes().len() + appeared >= after.nodes().len() + ended);
    assert!(members >= after.members().len());
}

/// Any facts that sources can write.
pub fn facts(draw: &mut Draw) -> Facts {
    let mut facts = Facts { named: draw.is(), ..Facts::default() };
    add_users(&mut facts, draw);
    add_nonusers(&mut facts, draw);
    add_holds(&mut facts, draw);
    add_processes(&mut facts, draw);
    facts.own = draw.index(facts.users.len());
    facts.unmapped_uid = draw.option(|_| 3);
    facts.limit = draw.option(Draw::number);
    for gap in Gap::ALL {
        facts.gaps.add(gap, draw.byte().into());
    }
    facts.source = draw.one_of(&[Source::Procfs, Source::BpfProcesses, Source::BpfTasks]);
    facts.source_error = draw.one_of(&[0, libc::EPERM, libc::ENOEXEC, libc::EDOM, 4095]);
    facts.empty_source = draw.one_of(&[EmptySource::Ancestors, EmptySource::Pins, EmptySource::Listns]);
    facts.time = draw.number();
    facts.pid_namespace = draw.option(|draw| draw.below(4) as u64);
    facts.source_log = add_text(&mut facts, draw);
    facts.boot_id = add_text(&mut facts, draw);
    facts.proc_path = add_text(&mut facts, draw);
    facts
}

fn add_text(facts: &mut Facts, draw: &mut Draw) -> Option<TextRef> {
    draw.option(|draw| facts.text.add(draw.string()).unwrap())
}

/// No chain of parents is a circle.
fn has_end(count: usize, parent_of: impl Fn(u32) -> Option<u32>) -> bool {
    (0..count as u32).all(|index| (0..=count).try_fold(index, |at, _| parent_of(at)).is_none())
}

/// An inode number that no other index has.
fn numbered(index: usize, draw: &mut Draw) -> u64 {
    draw.number() / 16 * 16 + 16 + index as u64
}

fn add_users(facts: &mut Facts, draw: &mut Draw) {
    let count = draw.below(8);
    for at in 0..count {
        let is_initial = at == 0 && draw.is();
        // Each has another number.
        let inode = if is_initial { INITIAL_USER_NAMESPACE } else { numbered(at, draw) };
        let id = draw.below(6) as u64;
        let is_new = facts.users.iter().all(|other| other.id != id);
        facts.users.push(UserNamespace {
            device: draw.below(3) as u64,
            inode,
            id: if is_new { id } else { 0 },
            owner_uid: draw.option(|draw| draw.below(4) as u32),
            parent: None,
            maps: draw.is().then(|| add_maps(&mut facts.extents, draw)).flatten(),
            charged: draw.option(Draw::number),
            limit: draw.option(Draw::number),
        });
    }
    for at in 0..count {
        facts.users[at].parent = draw.index(count).filter(|_| !facts.users[at].is_initial());
        if !has_end(count, |index| facts.users[index as usize].parent) {
            facts.users[at].parent = None;
        }
    }
}

fn add_maps(extents: &mut Vec<Extent>, draw: &mut Draw) -> Option<Maps> {
    let mut bounds = [extents.len() as u32; 4];
    for kind in 0..3 {
        let drawn =
            (0..draw.below(4)).map(|_| Extent::new(draw.number() as u32, draw.number() as u32, draw.number() as u32));
        match add_extents(extents, drawn).unwrap() {
            Some(end) => bounds[kind + 1] = end,
            None => {
                extents.truncate(bounds[0] as usize);
                return None;
            }
        }
    }
    Some(Maps { bounds, is_setgroups_denied: draw.is() })
}

fn add_nonusers(facts: &mut Facts, draw: &mut Draw) {
    let count = draw.below(6);
    for at in 0..count {
        let drawn = draw.one_of(&NamespaceType::ALL);
        let namespace_type = if drawn == NamespaceType::User { NamespaceType::Pid } else { drawn };
        let (inode, id, owner) = (numbered(at, draw), draw.number(), draw.index(facts.users.len()));
        // Each has another number, but for those of different types.
        let inode = if facts.nonusers.iter().any(|other| other.namespace_type == namespace_type) { inode } else { 1 };
        let is_new = facts.nonusers.iter().all(|other| (other.namespace_type, other.id) != (namespace_type, id));
        let id = if is_new { id } else { 0 };
        facts.nonusers.push(Nonuser { namespace_type, inode, id, owner, parent: None });
    }
    let is_pid = |facts: &Facts, at: usize| facts.nonusers[at].namespace_type == NamespaceType::Pid;
    for at in (0..count).filter(|&at| is_pid(facts, at)).collect::<Vec<_>>() {
        facts.nonusers[at].parent = draw.index(count).filter(|&parent| is_pid(facts, parent as usize));
        if !has_end(count, |index| facts.nonusers[index as usize].parent) {
            facts.nonusers[at].parent = None;
        }
    }
}

fn add_holds(facts: &mut Facts, draw: &mut Draw) {
    for _ in 0..draw.below(12) {
        let (users, nonusers) = (facts.users.len(), facts.nonusers.len());
        let target = match draw.index(nonusers) {
            Some(nonuser) => Target::Nonuser(nonuser),
            None if users == 0 => return,
            None => Target::User(draw.below(users) as u32),
        };
        let [pid, tid, number] = [1, 1, 0].map(|least| (least + draw.below(PIDS)) as i32);
        let holder = match draw.below(12) {
            0 | 1 => Holder::Member { pid, tid },
            2 => Holder::ForChildren { pid, tid },
            3 => Holder::Descriptor { pid, tid, number },
            4 => Holder::Socket { pid, tid, number },
            5 => Holder::IoUring { pid, tid, number },
            6 => Holder::Credentials { pid, tid, number },
            7 => Holder::Peer { pid, tid, number },
            8 => Holder::FileSystem { pid, tid, number },
            9 => Holder::Pidfd { pid, tid, number },
            10 => Holder::OutOfSight,
            _ => {
                let is_mount = |&at: &u32| facts.nonusers[at as usize].namespace_type == NamespaceType::Mnt;
                let namespace = draw.index(nonusers).filter(is_mount);
                let path = facts.text.add(draw.string()).unwrap();
                Holder::Mount { pid: pid - 1, path, namespace, is_overmounted: draw.is() }
            }
        };
        facts.holds.push(Hold { target, holder });
    }
}

fn add_processes(facts: &mut Facts, draw: &mut Draw) {
    for pid in 1..=draw.below(PIDS) as i32 {
        if let Some(namespace) = draw.index(facts.users.len()) {
            let name = if facts.named { add_text(facts, draw) } else { None };
            facts.members.push(Member { pid, namespace, name: name.unwrap_or_default() });
        }
        if draw.is() {
            let first_pid = facts.pids.len() as u32;
            let pid_count = draw.one_of(&[0, 0, 2, 3]);
            facts.pids.extend((0..pid_count as i32).map(|level| pid + 7 * level));
            let (uid, capabilities) = (draw.below(5) as u32, draw.number());
            let credentials = draw.option(|_| Credentials { uid, capabilities, first_pid, pid_count });
            let cgroup = add_text(facts, draw).unwrap_or_default();
            facts.processes.push(Process { pid, credentials, cgroup });
        }
    }
}
