//! The id maps of namespaces.

use crate::{Waiting, has_utf8, inherit, inspect, result, shown, skip, waiting};
use std::fmt::Write;
use std::fs;
use std::os::unix::process::CommandExt;

/// The line about maps of a namespace with these maps, which only root can write. Returns `None` after a skip.
fn line(test: &str, uids: &str, gids: &str, locale: &str, options: &[&str]) -> Option<String> {
    let child = mapped(test, uids, gids)?;
    let (status, output, errors) =
        result(inspect(options).arg(child.pid()).env("LC_ALL", locale).env("COLUMNS", "9999").output().unwrap());
    assert_eq!(status, Some(0), "{errors}");
    Some(output.lines().nth(1).unwrap().to_string())
}

/// A process in a namespace with these maps.
pub fn mapped(test: &str, uids: &str, gids: &str) -> Option<Waiting> {
    let own = fs::read_to_string("/proc/self/uid_map").unwrap();
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 || !own.trim_end().ends_with(&u32::MAX.to_string()) {
        skip(test, "only root in the initial user namespace can write these maps");
        return None;
    }
    let child = waiting(test, libc::CLONE_NEWUSER)?;
    for (file, map) in [("uid_map", uids), ("gid_map", gids)] {
        if !map.is_empty() {
            fs::write(format!("/proc/{}/{file}", child.pid()), map).unwrap();
        }
    }
    Some(child)
}

#[test]
fn ranges() {
    let cases = [
        ("0 100000 65536", "0 100000 65536", "uid and gid 0-65535 -> 100000-165535"),
        ("0 100000 65536", "", "uid 0-65535 -> 100000-165535, gid not written yet"),
        ("0 100000 10\n10 300010 2", "5 70000 1", "uid 0-9 -> 100000-100009, 10-11 -> 300010-300011, gid 5 -> 70000"),
        ("0 0 4294967295", "0 0 4294967295", "uid and gid all unchanged"),
        ("0 0 4294967295", "0 1 4294967294", "uid all unchanged, gid 0-4294967293 -> 1-4294967294"),
        ("", "", "not written yet"),
        // Names stand for ids that stand alone.
        ("7 0 1", "0 70000 1", "uid 7 -> root (0), gid 0 -> 70000"),
    ];
    for (uids, gids, expected) in cases {
        let Some(shown) = line("ranges", uids, gids, "C", &[]) else { return };
        assert_eq!(shown, format!("   maps     {expected}"));
        if has_utf8() {
            let shown = line("ranges", uids, gids, "C.UTF-8", &[]).unwrap();
            let drawn = expected.replace('-', "–").replace("–>", "→");
            assert_eq!(shown, format!("   maps     {drawn}"));
        }
    }
}

#[test]
fn many_extents_are_folded() {
    let map = |count: u32| {
        (0..count).fold(String::new(), |mut text, i| {
            writeln!(text, "{} {} 1", 2 * i, 70000 + 2 * i).unwrap();
            text
        })
    };
    let Some(folded) = line("many_extents_are_folded", &map(340), &map(340), "C", &[]) else { return };
    let expected = "   maps     uid and gid 0 -> 70000, 2 -> 70002, 4 -> 70004 and 337 more";
    assert_eq!(folded, expected);
    let all = line("many_extents_are_folded", &map(340), &map(340), "C", &["--all"]).unwrap();
    assert!(all.starts_with("   maps     uid and gid 0 -> 70000, ") && all.contains(" 678 -> 70678, projid "), "{all}");
    assert_eq!(all.matches(" -> ").count(), 340);
    // It takes no less space to say that there is one more.
    let four = line("many_extents_are_folded", &map(4), &map(4), "C", &[]).unwrap();
    assert!(four.ends_with(", 6 -> 70006"), "{four}");
    let five = line("many_extents_are_folded", &map(5), &map(5), "C", &[]).unwrap();
    assert!(five.ends_with(", 4 -> 70004 and 2 more"), "{five}");
}

#[test]
fn setgroups() {
    let Some(child) = waiting("setgroups", libc::CLONE_NEWUSER) else { return };
    let inherited = fs::read_to_string("/proc/self/setgroups").unwrap() == "deny\n";
    assert_eq!(shown(&[&child.pid()]).contains("setgroups"), inherited);
    fs::write(format!("/proc/{}/setgroups", child.pid()), "deny").unwrap();
    let output = shown(&[&child.pid()]);
    assert!(output.contains("\n   maps     not written yet, setgroups denied\n"), "{output}");
}

/// An ordinary user cannot join a namespace of root to read its maps.
#[test]
fn maps_that_are_not_known() {
    let Some(child) = mapped("maps_that_are_not_known", "0 100000 1", "0 100000 1") else { return };
    let (held, inode) = (child.open("user"), child.inode("user"));
    drop(child);
    let mut command = inspect(&["--pinned", &inode]);
    inherit(&mut command, &held).uid(65534).gid(65534);
    let (status, output, errors) = match command.output() {
        Ok(output) => result(output),
        Err(error) => return skip("maps_that_are_not_known", &format!("other users cannot run the program: {error}")),
    };
    assert_eq!(status, Some(0), "{errors}");
    assert!(output.contains("\n   maps     not known\n"), "{output}");
    assert!(errors.contains("userns_inspect: namespaces whose maps could not be read: "), "{errors}");
    // Root can.
    let output = shown(&["--pinned", &inode]);
    assert!(output.contains("\n   maps     uid and gid 0 -> 100000\n"), "{output}");
}

/// An arrow or dash of UTF-8 takes one column.
#[test]
fn width_of_arrows() {
    if !has_utf8() {
        return skip("width_of_arrows", "there is no locale C.UTF-8");
    }
    let Some(child) = mapped("width_of_arrows", "0 100000 65536", "0 200000 65536") else { return };
    let expected = "   maps     uid 0–65535 → 100000–165535, gid 0–65535 → 200000–265535";
    let width = expected.chars().count();
    for (columns, fits) in [(width, true), (width - 1, false)] {
        let mut command = inspect(&[&child.pid()]);
        let output = result(command.env("LC_ALL", "C.UTF-8").env("COLUMNS", columns.to_string()).output().unwrap()).1;
        assert_eq!(output.lines().any(|line| line == expected), fits, "{output}");
    }
}
