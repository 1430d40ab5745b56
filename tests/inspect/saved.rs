//! `--json` and `--load`: a saved snapshot answers as the host did.

use crate::common::{on_terminal, scratch};
use crate::{FAMILY, inspect, lines, named, result, run, script, shown, waiting};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::PathBuf;
use std::process::Stdio;

/// A saved snapshot, in a file.
fn saved(name: &str, arguments: &[&str]) -> PathBuf {
    let file = scratch(&format!("{name}.json"));
    fs::write(&file, shown(&[&["--json"], arguments].concat())).unwrap();
    file
}

/// The same output from the host and from the file, in each form that shows one namespace.
#[test]
fn each_form_is_the_same() {
    let Some((parent, _)) = script("each_form_is_the_same", &["-Ur", "-n"], FAMILY, OsStr::new("")) else { return };
    let file = saved("forms", &["--pinned"]);
    let (file, pid) = (file.to_str().unwrap(), parent.pid());
    let forms: [&[&str]; 9] = [
        &[&pid],
        &["--pinned", &pid],
        &["--all", "--no-pids", &pid],
        &["--list", "--pinned", "-o", "NS,ID,PNS,OUID,OWNER,NPROCS,PID,UID,COMMAND,UIDMAP,OWNED,PINS", &pid],
        &["--dot", "--pinned", &pid],
        &["--map", "0", "--from", &pid],
        &["--map", "0", "--from", &pid, "--to", "self", "--gid"],
        &["--can", &pid, "sys_admin"],
        &["--limits", &pid],
    ];
    for form in forms {
        let (status, live, _) = run(form);
        let (loaded_status, loaded, errors) = run(&[form, &["--load", file]].concat());
        assert_eq!((loaded_status, &loaded), (status, &live), "{form:?}: {errors}");
        assert!(!loaded.is_empty(), "{form:?}");
    }
    // It is still there when the processes are not.
    drop(parent);
    assert!(shown(&["--load", file, &pid]).contains("\ntotal    3 user namespaces (0 empty), 3 processes"));
    assert_eq!(fs::read(file).unwrap(), shown(&["--load", file, "--json"]).as_bytes());
}

#[test]
fn from_standard_input() {
    let Some(child) = waiting("from_standard_input", libc::CLONE_NEWUSER) else { return };
    let file = saved("input", &[]);
    let mut command = inspect(&["--load", "-", &child.pid()]);
    let (status, output, errors) = result(command.stdin(File::open(file).unwrap()).output().unwrap());
    assert_eq!(status, Some(0), "{errors}");
    assert!(output.starts_with(&child.inode("user")), "{output}");
}

/// Users of another host have other names, and paths are of that host.
#[test]
fn of_another_host() {
    let Some(child) = waiting("of_another_host", libc::CLONE_NEWUSER) else { return };
    let file = saved("other", &[]);
    let text = fs::read_to_string(&file).unwrap();
    let (_, rest) = text.split_once("\"boot_id\":\"").expect("a boot id");
    let boot_id = rest.split('"').next().unwrap();
    fs::write(&file, text.replace(boot_id, "00000000-0000-4000-8000-000000000000")).unwrap();
    let file = file.to_str().unwrap();
    let (here, there) = (shown(&[&child.pid()]), shown(&["--load", file, &child.pid()]));
    // SAFETY: the call has no arguments and cannot fail.
    let uid = unsafe { libc::geteuid() };
    assert!(there.lines().next().unwrap().contains(&format!(" UID {uid} ")), "{there}");
    assert_eq!(lines(&here)[1..], lines(&there)[1..]);
    assert_eq!(shown(&["--load", file, "-lnr", "-o", "OWNER", &child.pid()]), format!("{uid}\n"));
    let metrics = shown(&["--load", file, "--openmetrics"]);
    assert!(!metrics.contains("user=\"root\""), "{metrics}");
}

#[test]
fn files_that_cannot_be_loaded() {
    let file = saved("broken", &[]);
    let text = fs::read(&file).unwrap();
    fs::write(&file, &text[..text.len() / 2]).unwrap();
    let broken = file.to_str().unwrap();
    for (path, message) in [
        (broken, "the file is not a saved snapshot"),
        ("/does/not/exist", "No such file or directory"),
        ("/etc/passwd", "the file is not a saved snapshot"),
        ("/", ""),
        ("/dev/null", "the file is not a saved snapshot"),
    ] {
        let (status, output, errors) = run(&["--load", path]);
        assert_eq!((status, output.as_str()), (Some(1), ""), "{path}: {errors}");
        assert!(errors.starts_with(&format!("userns_inspect: {path}: ")) && errors.contains(message), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
    let (status, _, errors) = run(&["--load", "\x1b[31m"]);
    assert!(status == Some(1) && errors.contains(r"\x1b[31m") && !errors.contains('\x1b'), "{errors:?}");
}

/// What the kernel says about BPF is plain text in a scan.
#[test]
fn hostile_log() {
    let file = scratch("log.json");
    let log = r#""source_error":"EPERM","source_log":"a\t\u001b]0;b\u0007\u009b2J\nc""#;
    fs::write(&file, format!(r#"{{"format":{{"major":1}},{log},"nodes":[{{"inode":5}}]}}"#)).unwrap();
    let (status, _, errors) = run(&["--load", file.to_str().unwrap()]);
    assert_eq!(status, Some(0), "{errors}");
    assert!(errors.ends_with("for the report:\na\t\\x1b]0;b\\x07\\xc2\\x9b2J\nc\n"), "{errors:?}");
}

/// Nothing that walks through a tree may be led too deep by a file.
#[test]
fn a_tree_that_is_too_deep() {
    let Some(child) = waiting("a_tree_that_is_too_deep", libc::CLONE_NEWUSER) else { return };
    let text = fs::read_to_string(saved("deep", &[])).unwrap();
    let place = text.find(&format!("{{\"inode\":{},", child.inode("user"))).unwrap();
    let deep = |count: u64| {
        let node = |i: u64| {
            let parent = if i == 0 { child.inode("user") } else { (5_000_000_000 + i - 1).to_string() };
            format!("{{\"inode\":{},\"device\":4,\"parent\":{parent},\"flags\":[],\"pids\":[]}}", 5_000_000_000 + i)
        };
        let end = place + text[place..].find('\n').unwrap();
        let line = text[place..end].trim_end_matches("],").trim_end_matches(',');
        let all: Vec<String> = (0..count).map(node).collect();
        let file = scratch("deeper.json");
        let rest = &text[place + line.len()..];
        fs::write(&file, format!("{}{line},\n{}{rest}", &text[..place], all.join(",\n"))).unwrap();
        run(&["--load", file.to_str().unwrap()])
    };
    let (status, output, errors) = deep(20);
    assert_eq!(status, Some(0), "{errors}");
    assert!(output.contains("5000000019"), "{output}");
    let (status, _, errors) = deep(50);
    assert_eq!(status, Some(1));
    assert!(errors.contains("namespaces are nested more deeply than the kernel permits"), "{errors}");
    assert_eq!(deep(200_000).0, Some(1));
}

#[test]
fn pins_that_were_not_saved() {
    let file = saved("unpinned", &[]);
    let pinned = saved("pinned", &["--pinned"]);
    let warns = |file: &PathBuf, arguments: &[&str]| {
        let (status, _, errors) = run(&[&["--load", file.to_str().unwrap()], arguments].concat());
        assert_eq!(status, Some(0), "{errors}");
        errors.contains(": this was saved without --pinned\n")
    };
    for arguments in [&["--pinned"][..], &["--limits"], &["--openmetrics"], &["-l", "-o", "PINS"]] {
        assert!(warns(&file, arguments) && !warns(&pinned, arguments), "{arguments:?}");
    }
    for arguments in [&[][..], &["-l"], &["--json"]] {
        assert!(!warns(&file, arguments), "{arguments:?}");
    }
    let missing = run(&["--load", file.to_str().unwrap(), "--pid", "2147483647"]).2;
    assert!(missing.contains(&format!("{}: process 2147483647 was not found", file.display())), "{missing}");
}

/// A terminal must not take the names of processes for commands.
#[test]
fn on_a_terminal() {
    let names: [&[u8]; 3] = ["\u{9b}31m".as_bytes(), "é\u{202e}".as_bytes(), b"\x7f\xff\x1b]"];
    for name in names {
        let Some(child) = named("on_a_terminal", name) else { return };
        let (status, text) = on_terminal(&mut inspect(&["--json"]), 80);
        assert!(status.success());
        assert!(text.bytes().all(|byte| byte == b'\n' || (0x20..0x7f).contains(&byte)), "{text:?}");
        // It is the same JSON: what the file says about the process can be loaded.
        let file = scratch("terminal.json");
        fs::write(&file, &text).unwrap();
        let loaded = shown(&["--load", file.to_str().unwrap(), &child.pid()]);
        assert_eq!(lines(&loaded)[2], lines(&shown(&[&child.pid()]))[2]);
    }
}

#[test]
fn output_that_cannot_be_written() {
    let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
    let output = inspect(&["--json"]).stdout(full).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.starts_with("userns_inspect: standard output: no space is left"), "{errors}");
}
