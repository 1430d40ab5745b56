//! The tree: members, order, selection and totals.

use crate::common::{scratch, userns_inspect};
use crate::{
    FAMILY, Waiting, has_utf8, has_word, inspect, lines, named, result, script, shown, skip, unshare, waiting,
};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

#[test]
fn the_live_tree() {
    for arguments in [&[][..], &["--pinned"], &["--pinned", "--proc", "/proc"], &["--no-pids"]] {
        let output = shown(arguments);
        let own = fs::metadata("/proc/self/ns/user").unwrap().ino().to_string();
        assert!(output.lines().any(|line| line.trim_start().starts_with(&own)), "{output}");
        assert!(output.contains("members  ") && output.contains("owns     cgroup "), "{output}");
        assert!(output.is_ascii() && !output.contains(|c: char| c.is_ascii_control() && c != '\n'), "{output}");
        assert!(!output.lines().any(|line| line.ends_with(' ') || line.is_empty()), "{output}");
    }
}

#[test]
fn only_names() {
    let Some(child) = waiting("only_names", libc::CLONE_NEWUSER) else { return };
    let pid = child.pid();
    let output = shown(&["--no-pids", "--pid", &pid]);
    assert!(output.contains("members  1: cat (1)\n") && !has_word(&output, &pid), "{output}");
    assert!(has_word(&shown(&["--pid", &pid]), &pid));
}

#[test]
fn hostile_names() {
    let cases: [(&[u8], &str, &str); 8] = [
        (b"\x1b[31m\n)", r"\x1b[31m\x0a)", r"\x1b[31m\x0a)"),
        (b"\xff\xfe\x80", r"\xff\xfe\x80", r"\xff\xfe\x80"),
        (b"a\\x1b\"", r"a\x5cx1b\x22", r"a\x5cx1b\x22"),
        (b"a 1, b", "\"a 1, b\"", "\"a 1, b\""),
        (b"\r\t\x07\x7f", r"\x0d\x09\x07\x7f", r"\x0d\x09\x07\x7f"),
        ("é猫".as_bytes(), r"\xc3\xa9\xe7\x8c\xab", "é猫"),
        // U+202E turns the direction of writing, U+009B begins an escape sequence.
        ("\u{202e}x".as_bytes(), r"\xe2\x80\xaex", r"\xe2\x80\xaex"),
        ("\u{9b}1m".as_bytes(), r"\xc2\x9b1m", r"\xc2\x9b1m"),
    ];
    let locales = if has_utf8() { 2 } else { 1 };
    if locales == 1 {
        skip("hostile_names", "there is no locale C.UTF-8, so only C is tested");
    }
    for (name, ascii, utf8) in cases {
        let Some(child) = named("hostile_names", name) else { return };
        let pid = child.pid();
        assert_eq!(fs::read(format!("/proc/{pid}/comm")).unwrap(), [name, b"\n"].concat());
        for (locale, expected) in [("C", ascii), ("C.UTF-8", utf8)].into_iter().take(locales) {
            let (status, output, _) = result(inspect(&["--pid", &pid]).env("LC_ALL", locale).output().unwrap());
            assert_eq!(status, Some(0));
            assert_eq!(lines(&output)[2], format!("   members  1: {expected} {pid}"), "{locale}");
            assert!(!output.contains(|c: char| c.is_control() && c != '\n'), "{output:?}");
        }
    }
}

/// A process that has ended and that its parent, this test, has not waited for.
#[test]
fn zombies_are_marked() {
    let mut command = Command::new("true");
    let Ok(child) = unshare(&mut command, libc::CLONE_NEWUSER).spawn() else {
        return skip("zombies_are_marked", "cannot create a user namespace");
    };
    let zombie = Waiting(child);
    let pid = zombie.pid();
    while !fs::read_to_string(format!("/proc/{pid}/status")).unwrap().contains("State:\tZ") {}
    let output = shown(&[&pid]);
    assert!(output.contains(&format!("\n   members  1: true {pid} (zombie)\n")), "{output}");
    let output = shown(&["--no-pids", &pid]);
    assert!(output.contains("\n   members  1: true (1, 1 zombie)\n"), "{output}");
    let Some(child) = waiting("zombies_are_marked", libc::CLONE_NEWUSER) else { return };
    assert!(!shown(&[&child.pid()]).contains("zombie"));
}

/// A PID namespace with child namespaces whose first processes are 9, 11 and 100. That of process 11 has two processes.
const SIBLINGS: &str = "exec 3<&0
    at() { echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; shift; \"$@\" <&3 >/dev/null & }
    at 100 unshare -U cat; at 11 unshare -U sh -c 'cat <&3 & exec cat <&3'; at 9 unshare -U cat
    until [ $(grep -lx cat /proc/[0-9]*/comm | wc -l) = 4 ]; do :; done
    for order in pid inode processes owner; do echo $order; \"$1\" --sort=$order; done >$2 2>$2.errors; echo ready; exec cat";

#[test]
fn siblings_are_in_order() {
    let options = ["-Ur", "-m", "-p", "--fork", "--kill-child", "--mount-proc"];
    let file = scratch("siblings");
    let siblings = SIBLINGS.replace("$2", file.to_str().unwrap());
    let script = script("siblings_are_in_order", &options, &siblings, userns_inspect().as_os_str());
    let Some(_sandbox) = script else { return };
    let output = fs::read_to_string(file).unwrap();
    let section = |order: &str| -> Vec<String> {
        let lines = output.lines().skip_while(|line| *line != order).skip(1);
        lines.take_while(|line| !line.starts_with("total")).map(String::from).collect()
    };
    let number = |text: &str| -> u64 {
        text.split(|c: char| !c.is_ascii_digit()).find(|word| !word.is_empty()).unwrap().parse().unwrap()
    };
    let headings = |order: &str| -> Vec<u64> {
        let lines = section(order);
        lines.iter().filter(|line| line.contains("─ ") || line.contains("- ")).map(|line| number(line)).collect()
    };
    let first_pids = |order: &str| -> Vec<u64> {
        let lines = section(order);
        let members = lines.iter().skip(2).filter_map(|line| line.split_once(": cat ")).map(|(_, pids)| number(pids));
        members.collect()
    };
    // The shell may or may not have started processes in between.
    let pids = first_pids("pid");
    assert!(pids.is_sorted() && pids.len() == 3 && pids[2] == 100, "{output}");
    assert_eq!(first_pids("processes"), [pids[1], pids[0], 100], "{output}");
    assert_eq!(first_pids("owner"), pids, "{output}");
    assert!(headings("inode").is_sorted() && headings("inode").len() == 3, "{output}");
}

/// Namespaces of two owners. The headings of ancestors show where they are.
#[test]
fn by_owner() {
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return skip("by_owner", "only root can create namespaces with other owners");
    }
    let start = |uid: u32| {
        let mut command = Command::new("cat");
        command.uid(uid).gid(uid).stdin(Stdio::piped()).stdout(Stdio::null());
        unshare(&mut command, libc::CLONE_NEWUSER).spawn().map(Waiting)
    };
    let (Ok(high), Ok(low)) = (start(54332), start(54331)) else {
        return skip("by_owner", "cannot create user namespaces");
    };
    let own = fs::metadata("/proc/self/ns/user").unwrap().ino().to_string();
    let output = shown(&["--user", "54331"]);
    let lines = lines(&output);
    assert!(lines[0].starts_with(&own) && lines.len() == 5, "{output}");
    assert!(lines[1].starts_with(&format!("`- {} UID 54331", low.inode("user"))), "{output}");
    assert_eq!(lines[3], format!("      members  1: cat {}", low.pid()));
    assert_eq!(lines[4], "total    1 user namespace (0 empty), 1 process, 0 owned namespaces");
    let place = |output: &str, child: &Waiting| output.find(&format!("- {}", child.inode("user"))).unwrap();
    let output = shown(&["--sort=owner"]);
    assert!(place(&output, &low) < place(&output, &high), "{output}");
    assert_eq!(shown(&["--user", "54333"]), "total    0 user namespaces (0 empty), 0 processes, 0 owned namespaces\n");
}

#[test]
fn only_empty_namespaces() {
    let Some(child) = waiting("only_empty_namespaces", libc::CLONE_NEWUSER) else { return };
    let Some(other) = waiting("only_empty_namespaces", libc::CLONE_NEWUSER) else { return };
    let (held, inode) = (child.open("user"), child.inode("user"));
    drop(child);
    let output = shown(&["--empty"]);
    assert!(has_word(&output, &inode) && !has_word(&output, &other.inode("user")), "{output}");
    assert!(!output.contains("members  ") && output.contains("   held by  descriptor"), "{output}");
    let total = output.lines().last().unwrap();
    let count = total.split_whitespace().nth(1).unwrap();
    assert!(total.contains(&format!("({count} empty), 0 processes, ")), "{output}");
    drop(held);
}

/// The last line counts what is above it.
#[test]
fn totals() {
    let Some((parent, _)) = script("totals", &["-Ur", "-n"], FAMILY, OsStr::new("")) else { return };
    let output = shown(&["--pid", &parent.pid()]);
    let total = "\ntotal    3 user namespaces (0 empty), 3 processes, 1 owned namespace\n";
    assert!(output.ends_with(total), "{output}");
}
