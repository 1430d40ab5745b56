//! What is saved and loaded again gives the same answers.

use crate::error::Error;
use crate::facts::{Facts, Target};
use crate::fuzz::draw::Draw;
use crate::fuzz::facts::{PIDS, facts};
use crate::snapshot::{Node, Pin, Snapshot};
use proptest::prelude::*;
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
    for pid in 0..=PIDS as i32 {
        let name = (snapshot.process_name(pid), snapshot.process_cgroup(pid), inode(snapshot.find_pid(pid)));
        let known = (snapshot.process_uid(pid), snapshot.process_capabilities(pid), snapshot.process_pids(pid));
        let verdicts = snapshot.nodes().map(|node| snapshot.capable(pid, 21, node)).collect::<Vec<_>>();
        writeln!(all, "{pid} {name:?} {known:?} {verdicts:?}").unwrap();
    }
    all
}

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

fn all_facts() -> impl Strategy<Value = Facts> {
    prop::collection::vec(any::<u8>(), 0..600).prop_map(|bytes| facts(&mut Draw(&bytes)))
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
