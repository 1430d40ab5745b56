//! Questions instead of the tree: --map, --can, --limits.

use crate::maps::mapped;
use crate::{result, run, script, shown, skip, unshare, waiting};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

/// The answer and the exit status.
fn answer(arguments: &[&str]) -> (Option<i32>, String) {
    let (status, output, errors) = run(arguments);
    assert!(!output.is_empty(), "{errors}");
    (status, output.trim_end().to_string())
}

fn own_inode() -> u64 {
    fs::metadata("/proc/self/ns/user").unwrap().ino()
}

#[test]
fn ids_elsewhere() {
    let Some(child) = mapped("ids_elsewhere", "0 100000 1000\n1000 0 1", "0 200000 1000") else { return };
    let (pid, inode, own) = (child.pid(), child.inode("user"), own_inode());
    let cases: [(&[&str], i32, String); 9] = [
        (&["--map=0", "--from", &pid, "--to=self"], 0, format!("uid 0 in {inode} is uid 100000 in {own}")),
        (&["--map=0", "--from", &pid], 0, format!("uid 0 in {inode} is uid 100000 in {own}")),
        (&["--map=1000", "--from", &pid], 0, format!("uid 1000 in {inode} is uid 0 of root in {own}")),
        (&["--map=999", "--from", &pid, "--gid"], 0, format!("gid 999 in {inode} is gid 200999 in {own}")),
        (&["--map=0", "--to", &inode], 0, format!("uid 0 in {own} is uid 1000 in {inode}")),
        (&["--map=1001", "--from", &pid], 3, format!("uid 1001 is unmapped in {inode}")),
        (&["--map=99999", "--to", &pid], 3, format!("uid 99999 in {own} is unmapped in {inode}")),
        (&["--map=0", "--from", &pid, "--projid"], 3, format!("projid 0 is unmapped in {inode}")),
        (&["--map=1000", "--from", &pid, "--to", &pid], 0, format!("uid 1000 in {inode} is uid 1000 in {inode}")),
    ];
    for (arguments, status, expected) in cases {
        assert_eq!(answer(arguments), (Some(status), expected), "{arguments:?}");
    }
    let (status, output, errors) = run(&["--map", "0", "--from", "4194304"]);
    assert_eq!((status, output.as_str()), (Some(1), ""));
    assert!(errors.starts_with("userns_inspect: /proc: process 4194304 was not found"), "{errors}");
}

/// From a namespace below, an id of the initial namespace is not known: its maps are out of sight.
#[test]
fn id_that_is_not_known() {
    let Some(child) = waiting("id_that_is_not_known", libc::CLONE_NEWUSER) else { return };
    let (held, inode) = (child.open("user"), child.inode("user"));
    let mut command = crate::inspect(&["--pinned", "--map=0", "--from", &inode, "--to=self"]);
    // The program is in a sibling of the namespace, and has a descriptor of it.
    unshare(crate::inherit(&mut command, &held), libc::CLONE_NEWUSER);
    let (status, output, errors) = result(command.output().unwrap());
    assert_eq!(status, Some(4), "{errors}{output}");
    assert!(output.starts_with(&format!("uid 0 in {inode} is not known in ")), "{output}");
    assert!(output.ends_with(": a map is not known\n"), "{output}");
}

#[test]
fn verdicts() {
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return skip("verdicts", "the test needs root");
    }
    let Some(child) = waiting("verdicts", libc::CLONE_NEWUSER) else { return };
    let (pid, inode, own) = (child.pid(), child.inode("user"), own_inode());
    let start = |uid: u32| {
        let mut command = Command::new("cat");
        command.uid(uid).gid(uid).stdin(Stdio::piped()).stdout(Stdio::null());
        command.spawn().map(crate::Waiting)
    };
    let Ok(user) = start(54341) else { return skip("verdicts", "cannot become another user") };
    let me = std::process::id().to_string();
    let mut command = Command::new("cat");
    command.uid(54341).gid(54341).stdin(Stdio::piped()).stdout(Stdio::null());
    let Ok(owned) = unshare(&mut command, libc::CLONE_NEWUSER).spawn().map(crate::Waiting) else {
        return skip("verdicts", "cannot create a user namespace");
    };
    let owned_inode = owned.inode("user");
    let cases: [(&[&str], i32, String); 7] = [
        // The program cat was executed without root in the namespace, so it has no capabilities.
        (
            &["--can", &pid, "CAP_SYS_ADMIN"],
            3,
            format!("cat {pid} does not have cap_sys_admin in {inode}: it is in this namespace, and lacks it there"),
        ),
        (
            &["--can", &me, "sys_admin", &pid],
            0,
            format!(" {me} has cap_sys_admin in {inode}: it is in the parent of {inode}, and has the UID of its owner"),
        ),
        (
            &["--can", &me, "21", "self"],
            0,
            format!(" {me} has cap_sys_admin in {own}: it is in this namespace, and has it there"),
        ),
        (
            &["--can", &me, "0", &owned_inode],
            0,
            format!(" {me} has cap_chown in {owned_inode}: it is in an ancestor, {own}, and has it there"),
        ),
        (
            &["--can", &pid, "chown", &owned_inode],
            3,
            format!(
                "cat {pid} does not have cap_chown in {owned_inode}: it is neither in this namespace nor in an ancestor"
            ),
        ),
        (
            &["--can", &user.pid(), "cap_bpf", &owned_inode],
            0,
            format!(
                "cat {} has cap_bpf in {owned_inode}: it is in the parent of {owned_inode}, and has the UID of its owner",
                user.pid()
            ),
        ),
        (
            &["--can", &user.pid(), "63", &pid],
            3,
            format!(
                "cat {} does not have capability 63 in {inode}: it is in an ancestor, {own}, and lacks it there",
                user.pid()
            ),
        ),
    ];
    for (arguments, status, expected) in cases {
        let (found, sentence) = answer(arguments);
        assert!(found == Some(status) && sentence.ends_with(&expected), "{arguments:?}: {found:?} {sentence}");
    }
}

/// An ordinary user may not read the user namespace of a process of root.
#[test]
fn verdict_that_is_not_known() {
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return skip("verdict_that_is_not_known", "the test needs root");
    }
    let Some(child) = waiting("verdict_that_is_not_known", libc::CLONE_NEWUTS) else { return };
    let mut command = crate::inspect(&["--can", &child.pid(), "kill", "self"]);
    let (status, output, errors) = match command.uid(65534).gid(65534).output() {
        Ok(output) => result(output),
        Err(error) => return skip("verdict_that_is_not_known", &format!("other users cannot run it: {error}")),
    };
    assert_eq!(status, Some(4), "{errors}{output}");
    let expected = format!("process {} may or may not have cap_kill in {}: ", child.pid(), own_inode());
    assert!(output.starts_with(&expected) && output.ends_with(" out of sight\n"), "{output}");
}

/// The owner of a namespace owns what is below it.
#[test]
fn verdict_for_a_descendant() {
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return skip("verdict_for_a_descendant", "the test needs root");
    }
    let Some((parent, _)) = script("verdict_for_a_descendant", &["-Ur"], crate::FAMILY, OsStr::new("")) else { return };
    let (inode, tree) = (parent.inode("user"), shown(&[&parent.pid()]));
    let below = tree.lines().find_map(|line| line.strip_prefix("|- ")).unwrap().split(' ').next().unwrap();
    let (status, sentence) = answer(&["--can", &std::process::id().to_string(), "kill", below]);
    let expected = format!(" has cap_kill in {below}: it is in the parent of {inode}, and has the UID of its owner");
    assert!(status == Some(0) && sentence.ends_with(&expected), "{sentence}");
}

/// The names of capabilities are those of the C library's headers.
#[test]
fn names_of_capabilities() {
    let Ok(header) = fs::read_to_string("/usr/include/linux/capability.h") else {
        return skip("names_of_capabilities", "linux/capability.h is missing");
    };
    let mut count = 0;
    for line in header.lines() {
        let words: Vec<&str> = line.split_whitespace().collect();
        if let ["#define", name, number] = words[..] {
            if name.starts_with("CAP_") && number.parse::<u32>().is_ok() {
                let (_, sentence) = answer(&["--can", "self", name]);
                assert_eq!(
                    answer(&["--can", "self", number]).1.split(' ').skip(2).collect::<Vec<_>>(),
                    sentence.split(' ').skip(2).collect::<Vec<_>>()
                );
                assert!(sentence.contains(&format!(" {} in ", name.to_lowercase())), "{sentence}");
                count += 1;
            }
        }
    }
    assert!(count >= 38, "{count}");
}

/// A namespace with two namespaces of UID 0 in it.
#[test]
fn limits() {
    let Some((parent, _)) = script("limits", &["-Ur"], crate::FAMILY, OsStr::new("")) else { return };
    let output = shown(&["--limits", &parent.pid()]);
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines.len() == 2 && lines[0].starts_with(&parent.inode("user")), "{output}");
    let user = lines[1].strip_prefix("   charged  ").unwrap();
    assert!(user.contains("UID ") && user.ends_with(" at least 2"), "{output}");
    // Of its own namespace the limit is known.
    let limit = fs::read_to_string("/proc/sys/user/max_user_namespaces").unwrap();
    let output = shown(&["--limits", "self"]);
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with(&own_inode().to_string()), "{output}");
    assert!(lines[1].contains(" at least ") && lines[1].ends_with(&format!(" of {}", limit.trim_end())), "{output}");
    let (_, none) = answer(&["--limits", "--user", "54399"]);
    assert_eq!(none, "nobody is charged for a user namespace that is visible");
}
