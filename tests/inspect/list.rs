//! `--list`: columns, alignment, order, names that could break a table.

use crate::common::skip;
use crate::{FAMILY, Waiting, inspect, named, result, run, script, shown, unshare, waiting};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

fn own() -> String {
    fs::metadata("/proc/self/ns/user").unwrap().ino().to_string()
}

/// The only line of a list of one namespace, as words.
fn row(columns: &str, pid: &str) -> Vec<String> {
    let output = shown(&["--list", "--noheadings", "--raw", "--output", columns, pid]);
    assert_eq!(output.lines().count(), 1, "{output}");
    output.trim_end().split(' ').map(String::from).collect()
}

/// Each column says what the kernel says.
#[test]
fn each_column() {
    let Some(child) = waiting("each_column", libc::CLONE_NEWUSER | libc::CLONE_NEWNET) else { return };
    child.wait_until_cat();
    let (pid, inode) = (child.pid(), child.inode("user"));
    // SAFETY: the call has no arguments and cannot fail.
    let uid = unsafe { libc::geteuid() };
    assert_eq!(row("ns,nprocs,pid,command,ouid", &pid), [&*inode, "1", &pid, "cat", &uid.to_string()]);
    assert_eq!(row("UIDMAP,GIDMAP,SETGROUPS,OWNED", &pid), ["-", "-", "allow", "1"]);
    assert_eq!(row("STATE", &pid), ["-"]);
    let cgroup = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    if let Some(path) = cgroup.lines().find_map(|line| line.strip_prefix("0::")) {
        assert_eq!(row("CGROUP", &pid), [path.replace(' ', r"\x20")]);
    }
    // The parent is known where the caller may see it.
    let initial = shown(&["-lnr", "-o", "ns,pns,depth,state", "self"]);
    if initial.contains("initial") {
        assert_eq!(initial.lines().next().unwrap(), format!("{} - 0 initial", own()));
    }
    assert_eq!(row("PNS", &pid), [own()]);
    let held = child.open("user");
    // A process that another test starts has the descriptor, too, until it executes its program.
    let pins = row("PINS", &pid);
    assert!(pins[0].starts_with("descriptor:") && pins[0].ends_with(",owned:1"), "{pins:?}");
    drop(held);
}

#[test]
fn maps_are_written_as_engines_do() {
    let Some((parent, _)) = script("maps_are_written", &["-Ur"], FAMILY, OsStr::new("")) else { return };
    // SAFETY: the calls have no arguments and cannot fail.
    let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
    let output = shown(&["-lnr", "-o", "UIDMAP,GIDMAP,SETGROUPS", &parent.pid()]);
    assert_eq!(output.lines().next().unwrap(), format!("0:{uid}:1 0:{gid}:1 deny"), "{output}");
    assert_eq!(output.lines().count(), 3, "{output}");
}

/// Numbers are at the right, text is at the left, and no line ends with a blank.
#[test]
fn alignment() {
    let Some(child) = waiting("alignment", libc::CLONE_NEWUSER) else { return };
    child.wait_until_cat();
    let output = shown(&["--list", "-o", "OWNER,PID,COMMAND,NS"]);
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with("OWNER ") && lines[0].ends_with(" NS"), "{output}");
    let width = lines[0].len();
    assert!(lines.iter().all(|line| line.len() == width && !line.ends_with(' ')), "{output}");
    let end = lines[0].find("PID").unwrap() + 3;
    let line = lines.iter().find(|line| line.ends_with(&child.inode("user"))).unwrap();
    assert!(line[..end].ends_with(&format!(" {}", child.pid())) && line[end..].starts_with(" cat "), "{output}");
    let plain = shown(&["--list"]);
    let headings: Vec<&str> = plain.lines().next().unwrap().split_whitespace().collect();
    assert_eq!(headings, ["NS", "PNS", "OWNER", "NPROCS", "PID", "COMMAND"]);
    assert!(!plain.lines().any(|line| line.ends_with(' ')), "{plain}");
    let more = shown(&["-l", "-r", "-o", "+depth"]);
    assert!(more.starts_with("NS PNS OWNER NPROCS PID COMMAND DEPTH\n"), "{more}");
}

/// The same columns have the same values as those of lsns(8).
#[test]
fn like_lsns() {
    let Some(child) = waiting("like_lsns", libc::CLONE_NEWUSER) else { return };
    let columns = ["-rn", "-o", "NS,PNS,NPROCS,PID"];
    let row = |output: &str| output.lines().find(|line| line.starts_with(&child.inode("user"))).map(String::from);
    // lsns(8) fails if a process ends meanwhile.
    for _ in 0..20 {
        let Ok(lsns) = Command::new("lsns").args(["-t", "user"]).args(columns).output() else {
            return skip("like_lsns", "lsns(8) is missing");
        };
        if let Some(expected) = row(&String::from_utf8_lossy(&lsns.stdout)) {
            assert_eq!(row(&shown(&[&["--list"], &columns[..]].concat())), Some(expected));
            return;
        }
    }
    skip("like_lsns", "lsns(8) does not show the namespace");
}

/// A name with blanks is one word, and one that looks like a sign of the table is escaped.
#[test]
fn hostile_names() {
    let cases: [(&[u8], &str, &str); 6] = [
        (b"a b", r"a\x20b", "\"a b\""),
        (b"-", r"\x2d", r"\x2d"),
        (b"?", r"\x3f", r"\x3f"),
        (b"x\ny\t\x1b[1m", r"x\x0ay\x09\x1b[1m", r"x\x0ay\x09\x1b[1m"),
        (b"\xff\xfe", r"\xff\xfe", r"\xff\xfe"),
        (b"a\\x20", r"a\x5cx20", r"a\x5cx20"),
    ];
    for (name, raw, aligned) in cases {
        let Some(child) = named("hostile_names", name) else { return };
        assert_eq!(row("command", &child.pid()), [raw]);
        assert_eq!(shown(&["-ln", "-o", "command", &child.pid()]), format!("{aligned}\n"));
    }
}

/// Rows are in the order of the tree; with `--sort`, by their own values.
#[test]
fn order() {
    let Some((parent, _)) = script("order", &["-Ur"], FAMILY, OsStr::new("")) else { return };
    let Some(other) = waiting("order", libc::CLONE_NEWUSER) else { return };
    let rows = |arguments: &[&str]| -> Vec<u64> {
        let output = shown(&[&["-lnr", "-o", "NS"], arguments].concat());
        output.lines().map(|line| line.parse().unwrap()).collect()
    };
    let tree = rows(&[&parent.pid()]);
    assert_eq!((tree.len(), tree[0].to_string()), (3, parent.inode("user")));
    assert!(rows(&["--sort=inode"]).is_sorted());
    let place = |rows: &[u64], child: &Waiting| rows.iter().position(|inode| inode.to_string() == child.inode("user"));
    let all = rows(&[]);
    // The kernel begins again with low PIDs when the highest has been given away.
    let is_later = other.0.id() > parent.0.id();
    assert_eq!(place(&all, &parent) < place(&all, &other), is_later, "{all:?}");
    let most = shown(&["-lnr", "-o", "NPROCS", "--sort=processes"]);
    assert!(most.lines().map(|line| -line.parse::<i64>().unwrap()).is_sorted(), "{most}");
}

/// What is selected, and what is not found.
#[test]
fn selection() {
    let Some(child) = waiting("selection", libc::CLONE_NEWUSER | libc::CLONE_NEWNET) else { return };
    let inode = child.inode("user");
    assert_eq!(shown(&["-lnr", "-o", "ns", "--inode", &inode]), format!("{inode}\n"));
    let (status, output, errors) = run(&["--list", "--inode", &child.inode("net")]);
    assert_eq!((status, output.as_str()), (Some(1), ""));
    assert!(errors.contains("was found"), "{errors}");
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return skip("selection", "only root can create namespaces with other owners");
    }
    let mut command = Command::new("cat");
    command.uid(54321).gid(54321).stdin(Stdio::piped()).stdout(Stdio::null());
    let Ok(other) = unshare(&mut command, libc::CLONE_NEWUSER).spawn().map(Waiting) else { return };
    let output = shown(&["-lnr", "-o", "ns,ouid,owner,uid,user", "--user", "54321"]);
    assert_eq!(output, format!("{} 54321 54321 54321 54321\n", other.inode("user")));
}

/// Inside a namespace, its parent and owner are not known.
#[test]
fn what_is_not_known() {
    if waiting("what_is_not_known", libc::CLONE_NEWUSER).is_none() {
        return;
    }
    let arguments = ["-lnr", "-o", "PNS,OUID,OWNER,STATE", "self"];
    let mut command = inspect(&arguments);
    let (status, output, errors) = result(unshare(&mut command, libc::CLONE_NEWUSER).output().unwrap());
    assert_eq!((status, output.as_str()), (Some(0), "? ? ? parent_hidden\n"), "{errors}");
}
