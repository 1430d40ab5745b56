//! The examples of userns-leaks(7), each of which finds a leaked namespace and frees it.

use crate::common::{root, scratch, skip, userns_inspect};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

/// What happened before the commands of each section.
const SCENES: [(&str, &str); 9] = [
    ("A descriptor", "container 10; at 20 monitor /run/monitor infinity 7</proc/10/ns/user; end 10"),
    ("A bind mount", "container 10; : >/run/saved; mount --bind /proc/10/ns/user /run/saved; end 10"),
    (
        "A bind mount below another mount",
        "container 10; : >/run/saved; mount --bind /proc/10/ns/user /run/saved; end 10
         mount --bind /dev/null /run/saved",
    ),
    (
        "A bind mount in another mount namespace",
        "container 10; : >/run/saved; mount --bind /proc/10/ns/user /run/saved; end 10
         at 20 proxy unshare --mount /run/proxy infinity
         at 30 build unshare --user --map-root-user --mount /run/build infinity",
    ),
    (
        "A namespace that it owns",
        "container 10 --net; mkdir /run/netns; : >/run/netns/blue
         mount --bind /proc/10/ns/net /run/netns/blue; end 10",
    ),
    (
        "A socket",
        "container 10 --net; program='import os, socket
held = socket.socket()
os.dup2(held.fileno(), 7)
os.execvp(\"nsenter\", [\"nsenter\", \"--target\", \"1\", \"--net\", \"/run/proxy\", \"infinity\"])'
         at 20 proxy nsenter --target 10 --net python3 -c \"$program\"; end 10",
    ),
    (
        "Future children of a process",
        "at 10 unshare unshare --user --map-root-user --pid --fork /run/web infinity
         named 11 web; at 20 monitor nsenter --target 11 --pid --no-fork /run/monitor infinity
         kill -9 11; wait 10 || :",
    ),
    (
        "A PID namespace below it",
        "at 10 unshare unshare --user --map-root-user --pid --fork sh -c \\
             'unshare --user --map-root-user --pid --fork /run/build infinity & exec /run/web infinity'
         named 11 web; named 13 build; : >/run/inner; mount --bind /proc/13/ns/pid /run/inner
         kill -9 11; wait 10 || :",
    ),
    (
        "A process that has ended",
        "at 10 monitor sh -c 'unshare --user --map-root-user /run/web 0 & exec /run/monitor infinity'
         named 11 web; until stat 11; [ $state = Z ]; do :; done",
    ),
];

/// `at PID NAME COMMAND...` runs a command with this PID and waits until it has become the program NAME. Waiting starts no
/// process, so that the children of that command get the next PIDs.
const PRELUDE: &str = r#"
    mount -t tmpfs -o mode=755 tmpfs /run
    printf init >/proc/$$/comm
    for name in web monitor proxy build; do ln -s "$(command -v sleep)" /run/$name; done
    stat() { read -r _ comm state _ </proc/$1/stat || comm=; } 2>/dev/null
    named() { i=0; until stat $1; [ "$comm" = "($2)" ]; do i=$((i + 1)); [ $i -lt 1000000 ]; done; }
    next() { echo $(($1 - 1)) >/proc/sys/kernel/ns_last_pid; }
    at() { pid=$1; name=$2; shift 2; next $pid; "$@" </dev/null >/dev/null & named $pid $name; }
    container() { pid=$1; shift; at $pid web unshare --user --map-root-user "$@" /run/web infinity; }
    end() { kill $1; wait $1 || :; }
"#;

/// The text of an example, by its section.
fn examples(page: &str) -> Vec<(String, String)> {
    let sections = page.split("\n.Ss ").skip(1).filter_map(|section| {
        let (title, text) = section.split_once('\n')?;
        let (_, from) = text.split_once(".Bd -literal\n")?;
        let (example, _) = from.split_once(".Ed\n")?;
        let text = example.replace("\\-", "-").replace("\\(ga", "`").replace("\\e", "\\");
        Some((title.trim_matches('"').to_string(), text))
    });
    sections.collect()
}

/// Text without the numbers of namespaces, which differ, without the root, which differs in a nested namespace, without the
/// cgroup of this test, and without names of ids, which only the initial user namespace has.
fn comparable(text: &str) -> String {
    let is_root = |line: &&str| line.starts_with("40265") || line.contains("part of  ");
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let is_number = |word: &str| word.trim_end_matches(',').len() == 10 && word.starts_with("40265");
        let mut kept = Vec::new();
        for (i, word) in words.iter().enumerate() {
            let is_id = *word == "id" || i > 0 && words[i - 1] == "id";
            if !is_id {
                kept.push(if is_number(word) { "INODE" } else { word });
            }
        }
        kept.join(" ") + "\n"
    };
    let text = text.replace("uid 0 -> root (0), gid 0 -> root (0)", "uid and gid 0 -> 0");
    text.lines().filter(|line| !is_root(line)).map(line).collect()
}

#[test]
fn examples_of_the_manual() {
    let mut options = vec!["-m", "-n", "-p", "--fork", "--kill-child", "--mount-proc"];
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        options.push("-Ur");
    }
    if Command::new("unshare").args(&options).arg("true").output().map_or(true, |output| !output.status.success()) {
        return skip("examples_of_the_manual", "unshare(1) is missing or cannot create these namespaces");
    }
    // The command without its notes about what a container hides.
    let programs = scratch("leak-programs");
    fs::create_dir_all(&programs).unwrap();
    let wrapper = programs.join("userns_inspect");
    fs::write(&wrapper, format!("#!/bin/sh\nexec '{}' \"$@\" 2>/dev/null\n", userns_inspect().display())).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();

    let page = fs::read_to_string(root().join("man/man7/userns-leaks.7")).unwrap();
    let examples = examples(&page);
    let titles: Vec<&str> = examples.iter().map(|(title, _)| title.as_str()).collect();
    assert_eq!(titles, SCENES.map(|(title, _)| title));
    for ((title, text), (_, scene)) in examples.iter().zip(SCENES) {
        if title == "A socket" && Command::new("python3").arg("-V").output().is_err() {
            skip(title, "python3 is missing");
            continue;
        }
        let mut script = format!("{PRELUDE}\n{scene}\nnext 100\nPATH={}:$PATH\n", programs.display());
        for command in text.lines().filter_map(|line| line.strip_prefix("# ")) {
            // Of umount(8) the page also shows what it says.
            let errors = if command.contains("umount ") { "2>&1" } else { "" };
            script += &format!("echo '# {command}'\n{command} {errors} || :\n");
            if let Some(pid) = command.strip_prefix("kill ") {
                script += &format!("wait {pid} || :\n");
            }
        }
        let mut sandbox = Command::new("unshare");
        sandbox.args(&options).args(["sh", "-ec", &script]).env("LC_ALL", "C").env("COLUMNS", "76");
        let output = sandbox.output().unwrap();
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{title}: {errors}{printed}");
        assert_eq!(comparable(&printed), comparable(text), "{title}: {errors}{printed}");
    }
}
