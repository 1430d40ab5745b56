//! What is saved and loaded again gives the same answers.

use crate::error::Error;
use crate::facts::{
    Credentials, EmptySource, Extent, Facts, Gap, Hold, Holder, Maps, Member, NamespaceType, Nonuser, Process, Source,
    Target, UserNamespace,
};
use crate::snapshot::{Node, Pin, Snapshot};
use proptest::prelude::*;
use proptest::sample::Index;
use std::ffi::CStr;
use std::fmt::Write;

pub(super) fn save(snapshot: &Snapshot) -> Vec<u8> {
    let mut json = Vec::new();
    snapshot.write(&mut json);
    json
}

/// The answers to all questions.
fn answers(snapshot: &Snapshot) -> String {
    let mut all = String::new();
    let inode = |node: Option<Node>| node.map(|node| node.inode());
    let inodes = |nodes: &mut dyn Iterator<Item = Node>| nodes.map(|node| node.inode()).collect::<Vec<_>>();
    writeln!(all, "{:?} {:?} {:?}", snapshot.time(), snapshot.boot_id(), snapshot.pid_namespace()).unwrap();
    writeln!(all, "{:?} {:?} {:?}", snapshot.source(), snapshot.source_error(), snapshot.source_log()).unwrap();
    writeln!(all, "{:?} {:?} {:?}", snapshot.empty_source(), snapshot.gaps(), snapshot.proc_path()).unwrap();
    writeln!(all, "{:?} {:?}", inode(snapshot.root()), inode(snapshot.self_node())).unwrap();
    writeln!(all, "{:?} {:?}", inodes(&mut snapshot.roots()), inodes(&mut snapshot.nodes())).unwrap();
    for node in snapshot.nodes() {
        let found = [snapshot.find_inode(node.inode()), node.id().and_then(|id| snapshot.find_id(id))].map(inode);
        writeln!(all, "{node:?} {} {} {found:?}", node.device(), node.depth()).unwrap();
        let flags = [node.is_initial(), node.is_parent_hidden(), node.is_empty(), node.is_only_pinned()];
        writeln!(all, " {flags:?} {:?}", inodes(&mut node.children())).unwrap();
        let setgroups = node.is_setgroups_denied();
        writeln!(all, " {:?} {:?} {:?} {setgroups}", node.uid_map(), node.gid_map(), node.projid_map()).unwrap();
        writeln!(all, " {:?} {:?}", node.charges(), node.limit()).unwrap();
        writeln!(all, " {:?} {:?}", node.pins().collect::<Vec<_>>(), node.owned().collect::<Vec<_>>()).unwrap();
        let ways = snapshot.ways_to(Target::User(node.index())).unwrap();
        let below = snapshot.nodes().map(|other| node.is_ancestor_of(other)).collect::<Vec<_>>();
        let translated = snapshot.nodes().map(|to| (node.translate_uid(0, to), node.translate_gid(3, to)));
        writeln!(all, " {ways:?} {below:?} {:?}", translated.collect::<Vec<_>>()).unwrap();
    }
    for nonuser in snapshot.nonusers() {
        let owner = inode(nonuser.owner());
        writeln!(all, "{nonuser:?} {:?} {owner:?} {:?}", nonuser.id(), nonuser.parent()).unwrap();
        let ways = snapshot.ways_to(Target::Nonuser(nonuser.index())).unwrap();
        writeln!(all, " {} {:?} {ways:?}", nonuser.member_count(), nonuser.pins().collect::<Vec<Pin>>()).unwrap();
    }
    for pid in 0..PIDS + 1 {
        let name = (snapshot.process_name(pid), snapshot.process_cgroup(pid), inode(snapshot.find_pid(pid)));
        let known = (snapshot.process_uid(pid), snapshot.process_capabilities(pid), snapshot.process_pids(pid));
        let verdicts = snapshot.nodes().map(|node| snapshot.capable(pid, 21, node)).collect::<Vec<_>>();
        writeln!(all, "{pid} {name:?} {known:?} {verdicts:?}").unwrap();
    }
    all
}

const PIDS: i32 = 40;

/// What the kernel calls a string: any bytes but NUL. Mostly text.
fn strings() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        "[ -~é\u{0}-\u{1f}\u{7f}\"\\\\]{0,9}".prop_map(String::into_bytes),
        prop::collection::vec(1..=255_u8, 0..9),
    ]
    .prop_map(|mut bytes| {
        bytes.retain(|&byte| byte != 0);
        bytes
    })
}

#[derive(Clone, Debug)]
struct Drawn {
    index: [Index; 4],
    numbers: [u32; 4],
    large: u64,
    choice: u8,
    string: Vec<u8>,
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let large = prop_oneof![0..9_u64, any::<u64>(), Just(1 << 53), Just((1 << 53) - 1)];
    (any::<[Index; 4]>(), any::<[u32; 4]>(), large, any::<u8>(), strings())
        .prop_map(|(index, numbers, large, choice, string)| Drawn { index, numbers, large, choice, string })
}

impl Drawn {
    fn is(&self, bit: u8) -> bool {
        self.choice >> bit & 1 != 0
    }

    fn pid(&self, n: usize) -> i32 {
        self.index[n].index(PIDS as usize) as i32
    }
}

fn add_users(facts: &mut Facts, drawn: &[Drawn]) {
    const INITIAL: u64 = crate::facts::INITIAL_USER_NAMESPACE;
    for (at, drawn) in drawn.iter().enumerate() {
        let mut user = UserNamespace {
            device: drawn.index[3].index(3) as u64,
            inode: INITIAL + at as u64,
            id: if drawn.is(0) { u64::from(drawn.numbers[0]) << 28 | at as u64 } else { 0 },
            owner_uid: drawn.is(1).then_some(drawn.numbers[1] % 4),
            parent: (at > 0 && drawn.is(2)).then(|| drawn.index[0].index(at) as u32),
            maps: None,
            charged: drawn.is(3).then_some(drawn.large),
            limit: drawn.is(4).then_some(drawn.large),
        };
        if drawn.is(5) {
            let start = facts.extents.len() as u32;
            let counts = drawn.numbers.map(|number| number % 3);
            for (at, count) in (0..3).zip(counts) {
                facts.extents.extend((0..count).map(|n| Extent { inside: 9 * n, outside: 9 * n + at, count: 1 + at }));
            }
            let [one, two, three, _] = counts;
            let bounds = [start, start + one, start + one + two, start + one + two + three];
            user.maps = Some(Maps { bounds, is_setgroups_denied: drawn.is(6) });
        }
        facts.users.push(user);
    }
}

fn add_nonusers(facts: &mut Facts, drawn: &[Drawn]) {
    for (at, drawn) in drawn.iter().enumerate() {
        let mut types = NamespaceType::ALL.into_iter().filter(|known| *known != NamespaceType::User).cycle();
        let namespace_type = types.nth(drawn.choice.into()).unwrap();
        let parent = (0..at as u32).rfind(|&at| facts.nonusers[at as usize].namespace_type == NamespaceType::Pid);
        let parent = parent.filter(|_| namespace_type == NamespaceType::Pid && drawn.is(6));
        facts.nonusers.push(Nonuser {
            namespace_type,
            inode: if drawn.is(7) { 7 } else { drawn.large >> 8 } + at as u64 * 1000 + 1,
            id: if drawn.is(2) { drawn.large } else { 0 },
            owner: drawn.is(3).then(|| drawn.index[0].index(facts.users.len()) as u32),
            parent,
        });
    }
}

fn add_holds(facts: &mut Facts, drawn: &[Drawn]) {
    let mounts = |kind: NamespaceType, facts: &Facts| {
        (0..facts.nonusers.len() as u32).rfind(|&at| facts.nonusers[at as usize].namespace_type == kind)
    };
    for drawn in drawn {
        let (pid, tid, number) = (drawn.pid(0) + 1, drawn.pid(1) + 1, drawn.pid(2));
        let target = match facts.nonusers.len() {
            count @ 1.. if drawn.is(7) => Target::Nonuser(drawn.index[3].index(count) as u32),
            _ => Target::User(drawn.index[3].index(facts.users.len()) as u32),
        };
        let holder = match drawn.numbers[0] % 12 {
            0 => Holder::Member { pid, tid },
            1 => Holder::ForChildren { pid, tid },
            2 => Holder::Descriptor { pid, tid, number },
            3 => Holder::Socket { pid, tid, number },
            4 => Holder::IoUring { pid, tid, number },
            5 => Holder::Credentials { pid, tid, number },
            6 => Holder::Peer { pid, tid, number },
            7 => Holder::FileSystem { pid, tid, number },
            8 => Holder::Pidfd { pid, tid, number },
            9 => Holder::OutOfSight,
            _ => Holder::Mount {
                pid: if drawn.is(0) { 0 } else { pid },
                path: facts.text.add(&drawn.string).unwrap(),
                namespace: mounts(NamespaceType::Mnt, facts).filter(|_| drawn.is(1)),
                is_overmounted: drawn.is(2),
            },
        };
        facts.holds.push(Hold { target, holder });
    }
}

fn add_processes(facts: &mut Facts, drawn: &[Drawn]) {
    for (pid, drawn) in (1..PIDS).zip(drawn) {
        if drawn.is(0) {
            let namespace = drawn.index[0].index(facts.users.len()) as u32;
            let name = if facts.named { facts.text.add(&drawn.string).unwrap() } else { Default::default() };
            facts.members.push(Member { pid, namespace, name });
        }
        if drawn.is(1) {
            let first_pid = facts.pids.len() as u32;
            let pid_count = if drawn.is(2) { 2 + drawn.numbers[0] % 3 } else { 0 };
            facts.pids.extend((0..pid_count as i32).map(|level| pid + 7 * level));
            let credentials =
                Credentials { uid: drawn.numbers[1] % 5, capabilities: drawn.large, first_pid, pid_count };
            let cgroup = if drawn.is(4) { facts.text.add(&drawn.string).unwrap() } else { Default::default() };
            facts.processes.push(Process { pid, credentials: drawn.is(3).then_some(credentials), cgroup });
        }
    }
}

fn all_facts() -> impl Strategy<Value = Facts> {
    let lists = [1..9_usize, 0..9, 0..20, 0..PIDS as usize].map(|size| prop::collection::vec(drawn(), size));
    (lists, drawn(), prop::collection::vec(any::<Option<u8>>(), Gap::ALL.len())).prop_map(
        |([users, nonusers, holds, processes], rest, gaps)| {
            let mut facts = Facts { named: rest.is(0), ..Facts::default() };
            add_users(&mut facts, &users);
            add_nonusers(&mut facts, &nonusers);
            add_holds(&mut facts, &holds);
            add_processes(&mut facts, &processes);
            facts.own = rest.is(1).then(|| rest.index[0].index(facts.users.len()) as u32);
            facts.unmapped_uid = rest.is(2).then_some(3);
            facts.limit = rest.is(3).then_some(rest.large);
            for (gap, count) in Gap::ALL.into_iter().zip(gaps) {
                facts.gaps.add(gap, count.unwrap_or(0).into());
            }
            facts.source = [Source::Procfs, Source::BpfProcesses, Source::BpfTasks][rest.index[1].index(3)];
            let errors = [0, libc::EPERM, libc::ENOEXEC, libc::EOPNOTSUPP, libc::EDOM];
            facts.source_error = errors[rest.index[2].index(5)];
            facts.empty_source =
                [EmptySource::Ancestors, EmptySource::Pins, EmptySource::Listns][rest.index[3].index(3)];
            facts.time = rest.large;
            facts.pid_namespace = rest.is(4).then_some(rest.large);
            facts.source_log = rest.is(5).then(|| facts.text.add(&rest.string).unwrap());
            facts.boot_id = rest.is(6).then(|| facts.text.add(&rest.string).unwrap());
            facts.proc_path = rest.is(7).then(|| facts.text.add(&rest.string).unwrap());
            facts
        },
    )
}

proptest! {
    #[test]
    fn the_answers_stay_the_same(facts in all_facts()) {
        let snapshot = Snapshot::assemble(facts).unwrap();
        let json = save(&snapshot);
        let loaded = Snapshot::load_json(&json).unwrap();
        prop_assert_eq!(answers(&snapshot), answers(&loaded));
        prop_assert_eq!(String::from_utf8(json), String::from_utf8(save(&loaded)));
    }

    /// As other programs write them: in another order, with other escapes and blanks.
    #[test]
    fn the_order_of_members_does_not_matter(facts in all_facts()) {
        let snapshot = Snapshot::assemble(facts).unwrap();
        let sorted: serde_json::Value = serde_json::from_slice(&save(&snapshot)).unwrap();
        let pretty = serde_json::to_string_pretty(&sorted).unwrap();
        prop_assert!(pretty.find("\"boot_id\"").is_none_or(|at| at < pretty.find("\"format\"").unwrap()), "sorted");
        let escaped: String = pretty.chars().map(|c| match c {
            '\u{80}'..='\u{ffff}' => format!("\\u{:04x}", u32::from(c)),
            _ => c.to_string(),
        }).collect();
        prop_assert_eq!(save(&Snapshot::load_json(escaped.as_bytes()).unwrap()), save(&snapshot));
    }

    /// Plain text is a string; other text is one, too, or its parts are.
    #[test]
    fn strings_are_bytes(bytes in strings()) {
        let mut facts = Facts::default();
        facts.boot_id = Some(facts.text.add(&bytes).unwrap());
        let snapshot = Snapshot::assemble(facts).unwrap();
        let whole: serde_json::Value = serde_json::from_slice(&save(&snapshot)).unwrap();
        match std::str::from_utf8(&bytes) {
            Ok(text) => prop_assert_eq!(whole["boot_id"].as_str(), Some(text)),
            Err(_) => {
                let mut together = Vec::new();
                for part in whole["boot_id"].as_array().unwrap() {
                    match part.as_str() {
                        Some(text) => together.extend_from_slice(text.as_bytes()),
                        None => together.push(u8::try_from(part.as_u64().unwrap()).unwrap()),
                    }
                }
                prop_assert_eq!(together, &bytes[..]);
            }
        }
        let loaded = Snapshot::load_json(&save(&snapshot)).unwrap();
        prop_assert_eq!(loaded.boot_id().map(CStr::to_bytes), Some(&bytes[..]));
    }
}

/// The recorded file was saved on x86-64. It is loaded by all machines that run this test, of 32 bits and big endian, too.
#[test]
fn a_recorded_file_is_loaded_everywhere() {
    let recorded = include_bytes!("../../tests/snapshot.json");
    let snapshot = Snapshot::load_json(recorded).unwrap();
    assert_eq!(save(&snapshot), recorded);
    assert_eq!(snapshot.source_error(), Error::from_errno(libc::EOPNOTSUPP), "the number differs between machines");
    let names: Vec<_> = snapshot.members().iter().filter_map(|member| snapshot.process_name(member.pid)).collect();
    assert!(names.contains(&c"caf\xe9 \"\\\n"), "{names:?}");
    assert!(snapshot.nodes().len() > 2 && snapshot.nonusers().len() > 5);
}
