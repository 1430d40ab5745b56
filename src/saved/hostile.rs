//! Files that nobody saved.

use super::tests::save;
use crate::error::Error;
use crate::facts::{EmptySource, Gap, Source};
use crate::snapshot::Snapshot;
use proptest::prelude::*;

fn load(json: impl AsRef<[u8]>) -> Result<Snapshot, Error> {
    Snapshot::load_json(json.as_ref())
}

/// A file with these members besides the version.
fn with(members: &str) -> String {
    format!("{{\"format\":{{\"major\":1,\"minor\":0}},{members}}}")
}

fn assert_bad(json: impl AsRef<[u8]>) {
    let json = json.as_ref();
    let start = String::from_utf8_lossy(&json[..json.len().min(200)]);
    assert_eq!(load(json).err(), Some(Error::NOT_SAVED), "{start}");
}

#[test]
fn what_is_no_snapshot() {
    for json in
        ["", " ", "{}", "[]", "null", "7", "\"\"", "{\"format\":1}", "{\"format\":{}}", "{\"format\":{\"major\":0}}"]
    {
        assert_bad(json);
    }
    assert_bad("\u{feff}{\"format\":{\"major\":1}}");
    assert!(load("\n {\"format\":{\"major\":1}}\t\r\n").is_ok());
    for after in ["{}", "x", "\0", ","] {
        assert_bad(format!("{{\"format\":{{\"major\":1}}}}{after}"));
    }
}

#[test]
fn facts_that_contradict_each_other() {
    for members in [
        r#""nodes":[{}]"#,
        r#""nodes":[{"inode":0}]"#,
        r#""nodes":[{"inode":5},{"inode":5}]"#,
        r#""nodes":[{"inode":5,"id":"7"},{"inode":6,"id":"0"},{"inode":8,"id":"0"},{"inode":9,"id":"7"}]"#,
        r#""nonusers":[{"type":"net","inode":5,"id":"7"},{"type":"pid","inode":6},{"type":"net","inode":8,"id":"7"}]"#,
        r#""nodes":[{"inode":5,"parent":5}]"#,
        r#""nodes":[{"inode":5,"parent":6},{"inode":6,"parent":7},{"inode":7,"parent":5}]"#,
        r#""nodes":[{"inode":5,"parent":6}]"#,
        r#""nodes":[{"inode":5,"parent":[6,7]},{"inode":6},{"inode":7}]"#,
        r#""nodes":[{"inode":5,"pids":[1]},{"inode":6,"pids":[1]}]"#,
        r#""nodes":[{"inode":5,"pids":[1,1]}]"#,
        r#""self":5"#,
        r#""nonusers":[{"inode":5}]"#,
        r#""nonusers":[{"type":"user","inode":5}]"#,
        r#""nonusers":[{"type":"net","inode":5},{"type":"net","inode":5}]"#,
        r#""nonusers":[{"type":"net","inode":5,"owner":6}]"#,
        r#""nonusers":[{"type":"net","inode":5,"parent":6},{"type":"pid","inode":6}]"#,
        r#""nonusers":[{"type":"pid","inode":5,"parent":5}]"#,
        r#""nonusers":[{"type":"pid","inode":5,"parent":6},{"type":"net","inode":6}]"#,
        r#""nodes":[{"inode":5,"pins":[{"kind":"mount","path":"/","nonuser":{"type":"mnt","inode":9}}]}]"#,
        r#""nodes":[{"inode":5,"pins":[{"pid":5}]}]"#,
        r#""nodes":[{"inode":5,"pins":[{"kind":"member","pid":5}]}]"#,
        r#""nodes":[{"inode":5,"pins":[{"kind":"for_children","tid":5}]}]"#,
        r#""nodes":[{"inode":5,"pins":[{"kind":"socket","pid":5,"tid":5}]}]"#,
        r#""processes":[{}]"#,
        r#""processes":[{"pid":5},{"pid":5}]"#,
        r#""processes":[{"pid":5,"capabilities":"0000000000000000"}]"#, // no UID, and none that stands for it
        r#""processes":[{"pid":5,"uid":1,"capabilities":"0000000000000000","pids":[6]}]"#,
        r#""time":{"seconds":1,"nanoseconds":1000000000}"#,
        r#""time":{"seconds":18446744074}"#,
    ] {
        assert_bad(with(members));
    }
}

/// Other programs take the first or the last one of two.
#[test]
fn repeated_members() {
    let once = [
        (r#"{"$}"#, "format", r#"{"major":1}"#),
        (r#"{"format":{"$}}"#, "major", "1"),
        (r#"{"format":{"major":1},"time":{"$}}"#, "seconds", "1"),
        (r#"{"format":{"major":1},"gaps":{"$}}"#, "unreadable", "1"),
        (r#"{"format":{"major":1},"gaps":{"$}}"#, "cgroups", "1"),
        (r#"{"format":{"major":1},"$}"#, "nodes", "[]"),
        (r#"{"format":{"major":1},"$}"#, "processes", "[]"),
        (r#"{"format":{"major":1},"$,"nodes":[{"inode":5}]}"#, "self", "5"),
        (r#"{"format":{"major":1},"nodes":[{"$}]}"#, "inode", "5"),
        (r#"{"format":{"major":1},"nodes":[{"inode":4},{"inode":5,"$}]}"#, "parent", "4"),
        (r#"{"format":{"major":1},"nodes":[{"inode":5,"$}]}"#, "pids", "[]"),
        (r#"{"format":{"major":1},"nodes":[{"inode":5,"$}]}"#, "pins", "[]"),
        (r#"{"format":{"major":1},"nodes":[{"inode":5,"maps":{"$}}]}"#, "projid", "[]"),
        (r#"{"format":{"major":1},"nodes":[{"inode":5,"pins":[{"kind":"mount","$}]}]}"#, "path", r#""/""#),
        (r#"{"format":{"major":1},"nonusers":[{"inode":5,"$}]}"#, "type", r#""net""#),
        (r#"{"format":{"major":1},"processes":[{"pid":5,"$}]}"#, "name", r#""a""#),
    ];
    for (file, name, value) in once {
        let with_members = |members: &str| file.replace("\"$", members);
        let member = format!("\"{name}\":{value}");
        assert!(load(with_members(&member)).is_ok(), "{member}");
        assert_bad(with_members(&format!("{member},{member}")));
        assert_bad(with_members(&format!("{member},\"new\":1,\"{name}\":null")));
        let escaped = format!("\\u{:04x}{}", name.as_bytes()[0], &name[1..]);
        assert_bad(with_members(&format!("{member},\"{escaped}\":{value}")));
    }
    // Nobody reads these.
    let unread = r#""new":1,"new":2,"nodes":[{"inode":5,"depth":0,"depth":1,"new":{"new":1,"new":1}}]"#;
    assert!(load(with(unread)).is_ok());
}

#[test]
fn null_is_nothing() {
    let (null, missing) = (
        r#""time":null,"self":null,"known":[null],"processes":[null,{"pid":7,"cgroup":null}],
            "nodes":[null,{"inode":5,"id":null,"parent":null,"maps":null,"pids":[null,7],"pins":null}]"#,
        r#""processes":[{"pid":7}],"nodes":[{"inode":5,"pids":[7]}]"#,
    );
    assert_eq!(save(&load(with(null)).unwrap()), save(&load(with(missing)).unwrap()));
    assert_bad(with(r#""nodes":[{"inode":null}]"#));
}

#[test]
fn values_out_of_range() {
    for (place, values) in [
        (
            r#""nodes":[{"inode":$}]"#,
            &["-1", "1.5", "1e3", "1e400", "18446744073709551616", "\"5\"", "\"x\"", "true", "{}"][..],
        ),
        (r#""nodes":[{"inode":5,"pids":[$]}]"#, &["0", "-1", "2147483648", "1.0", "\"1\"", "[1]"]),
        (r#""nodes":[{"inode":5,"pids":$}]"#, &["1", "{}", "\"\""]),
        (r#""nodes":[{"inode":5,"owner_uid":$}]"#, &["4294967295", "-1"]),
        (r#""nodes":[{"inode":5,"id":$}]"#, &["5", "\"\"", "\"-1\"", "\"18446744073709551616\"", "\"0x5\""]),
        (
            r#""nodes":[{"inode":5,"maps":{"uid":[$]}}]"#,
            &[
                "0",
                "[]",
                "[0,0]",
                "[0,0,1,1]",
                "[0,0,0]",
                "[0,4294967295,1]",
                "[1,0,4294967295]",
                "[0,0,2],[1,5,1]",
                "[0,0,\"1\"]",
            ],
        ),
        (r#""processes":[{"pid":$}]"#, &["0", "-1", "2147483648"]),
        (
            r#""processes":[{"pid":5,"capabilities":$}]"#,
            &["0", "\"\"", "\"+000000000000000\"", "\"00000000000000000\"", "\"g000000000000000\""],
        ),
        (
            r#""processes":[{"pid":5,"cgroup":$}]"#,
            &[
                "\"\\u0000\"",
                "\"\\ud800\"",
                "[0]",
                "[256]",
                "[-1]",
                "[[1]]",
                "[null,\"\\u0000\"]",
                "5",
                "\"\\x\"",
                "\"\n\"",
            ],
        ),
        (r#""source":$"#, &["1", "[]"]),
        (r#""source_error":$"#, &["0", "4096", "\"EVERYTHING\""]),
        (r#""empty_source":$"#, &["1", "[]"]),
        (r#""gaps":{"links":$}"#, &["-1", "[]"]),
        (r#""gaps":$"#, &["5", "[]"]),
        (
            r#""nodes":[{"inode":5,"pins":[{"kind":"descriptor","descriptor":0,"tid":5,"pid":$}]}]"#,
            &["-1", "0", "2147483648"],
        ),
        (r#""nodes":[{"inode":5,"pins":[{"kind":"mount","pid":$}]}]"#, &["0"]),
        (r#""nodes":[{"inode":5,"pins":[{"kind":"member","pid":5,"tid":$}]}]"#, &["0"]),
        (r#""nodes":[{"inode":5,"pins":[{"kind":$}]}]"#, &["1", "[]"]),
        (r#""nodes":$"#, &["{}", "5", "[5]", "[[]]"]),
    ] {
        for value in values {
            assert_bad(with(&place.replace('$', value)));
        }
    }
    let pins = r#""pins":[{"kind":"mount"},{"kind":"descriptor","descriptor":0,"tid":5,"pid":5}]"#;
    assert!(load(with(&format!(r#""nodes":[{{"inode":5,{pins}}}]"#))).is_ok());
    assert!(load(with("\"processes\":[{\"pid\":5,\"cgroup\":\"\u{fffd}\"}]")).is_ok());
    assert_bad([with("\"processes\":[{\"pid\":5,\"cgroup\":\"").as_bytes(), b"\xff\"}]}"].concat());
    // Too many bytes for any path.
    assert_bad(with(&format!("\"processes\":[{{\"pid\":5,\"cgroup\":\"{}\"}}]", "\\n".repeat(40_000))));
    // Neither in parts: it could be saved as one string.
    let parts = |length| with(&format!("\"boot_id\":[{:?},{:?},\"\\u0001\"]", "a".repeat(5_000), "b".repeat(length)));
    let longest = load(parts(5_921)).unwrap();
    assert_eq!(save(&load(save(&longest)).unwrap()), save(&longest));
    assert_bad(parts(5_922));
    // Most numbers can be strings if they are large.
    let large = load(with(r#""nodes":[{"inode":"9007199254740992","limit":9007199254740993}]"#)).unwrap();
    assert!(large.find_inode(1 << 53).is_some_and(|node| node.limit() == Some((1 << 53) + 1)));
}

#[test]
fn nesting_has_an_end() {
    // Miri needs too long for more.
    let levels = if cfg!(miri) { 1_000 } else { 1_000_000 };
    for (open, close) in [("[", "]"), ("{\"a\":", "}"), ("[{\"b\":", "}]")] {
        for place in ["\"other\":", "\"nodes\":", "\"processes\":[{\"name\":"] {
            assert_bad(with(&format!("{place}{}1{}", open.repeat(levels), close.repeat(levels))));
            assert_bad(with(&format!("{place}{}", open.repeat(levels))));
        }
    }
    assert!(load(with(&format!("\"other\":{}{}", "[".repeat(100), "]".repeat(100)))).is_ok());
}

fn chain(length: u64, kind: &str) -> String {
    let record = |at| match at {
        1 => "{\"type\":\"pid\",\"inode\":1}".to_string(),
        _ => format!("{{\"type\":\"pid\",\"inode\":{at},\"parent\":{}}}", at - 1),
    };
    let records: Vec<String> = (1..=length).map(record).collect();
    with(&format!("\"{kind}\":[{}]", records.join(",")))
}

#[test]
fn a_million_namespaces() {
    // Miri needs too long for more.
    let (wide, deep) = if cfg!(miri) { (1_000, 100) } else { (1_000_000, 100_000) };
    let nodes: Vec<String> = (1..=wide).map(|inode| format!("{{\"inode\":{inode},\"parent\":1000001}}")).collect();
    let json = with(&format!("\"nodes\":[{{\"inode\":1000001}},{}]", nodes.join(",")));
    assert_eq!(load(json).unwrap().nodes().len(), wide + 1);
    for kind in ["nodes", "nonusers"] {
        assert!(load(chain(33, kind)).is_ok());
        assert_bad(chain(deep, kind));
    }
}

#[test]
#[cfg_attr(miri, ignore = "takes long")]
fn there_is_an_end_to_counts() {
    let members = with(&format!("\"nodes\":[{{\"inode\":1,\"pids\":[1{}]}}]", ",1".repeat(1 << 22)));
    assert_eq!(load(members).err(), Some(Error::TOO_LARGE));
}

#[test]
fn a_later_minor_version_is_loaded() {
    let later = r#"{"format":{"major":1,"minor":9,"new":[{}]},"new":{"deep":[[1.5e9,null,true,"\ud83d\ude00"]]},"gaps":{"new":3},
        "source":"new","empty_source":"new",
        "nodes":[{"inode":5,"new":{},"flags":["new"],"pids":[7],"pins":[{"kind":"new","new":-1},{"kind":"out_of_sight"}]}],
        "nonusers":[{"type":"new","inode":5,"owner":5,"pins":[{"kind":"mount","path":"/","nonuser":{"type":"mnt","inode":8}}]},
            {"type":"net","inode":5,"owner":5}],
        "known":["new","names"],"processes":[{"pid":7,"name":"a","new":"b"},{"pid":8,"new":"b","cgroup":null}]}"#;
    let snapshot = load(later).unwrap();
    assert_eq!((snapshot.nodes().len(), snapshot.nonusers().len()), (1, 1));
    assert_eq!((snapshot.source(), snapshot.empty_source()), (Source::Unknown, EmptySource::Listns));
    assert_eq!(snapshot.root().unwrap().pins().len(), 2, "out of sight, owned");
    assert_eq!([Gap::Pins, Gap::Links].map(|gap| snapshot.gaps().count(gap)), [1, 1]);
    assert_eq!(snapshot.process_name(7), Some(c"a"));
    assert_eq!(save(&load(save(&snapshot)).unwrap()), save(&snapshot));
}

#[test]
fn a_later_major_version_is_not() {
    for other in [r#"{"format":{"major":2,"minor":0}}"#, r#"{"nodes":7,"format":{"minor":0,"major":4294967296}}"#] {
        assert_eq!(load(other).err(), Some(Error::LATER_FORMAT), "{other}");
    }
    assert_bad(r#"{"nodes":7,"format":{"major":1}}"#);
}

const SMALL: &str = include_str!("../../tests/snapshot.json");

#[test]
fn a_file_that_is_cut_off() {
    // Miri needs some seconds for each.
    let step = if cfg!(miri) { 997 } else { 7 };
    for end in (0..SMALL.trim_end().len()).step_by(step) {
        assert_bad(&SMALL.as_bytes()[..end]);
    }
}

proptest! {
    /// Whatever is changed, the file is loaded or is bad; what is loaded can be saved and loaded.
    #[test]
    fn any_change_is_survived(changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), 0..4_u8), 1..6)) {
        let mut json = SMALL.as_bytes().to_vec();
        for (at, byte, kind) in changes {
            let at = at.index(json.len());
            match kind {
                0 => json[at] = byte,
                1 => drop(json.remove(at)),
                2 => json.insert(at, b"0123456789\"\\[]{},:-."[usize::from(byte) % 20]),
                _ => {
                    let end = json.len().min(at + usize::from(byte));
                    json.copy_within(at..end, at / 2);
                }
            }
        }
        match load(&json) {
            Ok(snapshot) => {
                let saved = save(&snapshot);
                prop_assert_eq!(save(&load(&saved).unwrap()), saved);
            }
            Err(error) => prop_assert!([Error::NOT_SAVED, Error::LATER_FORMAT].contains(&error)),
        }
    }
}
