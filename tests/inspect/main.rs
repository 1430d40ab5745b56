//! The command `userns_inspect`: its output for real namespaces.

#[path = "../common/mod.rs"]
mod common;

mod completion;
mod graph;
mod leaks;
mod list;
mod maps;
mod members;
mod metrics;
mod pins;
mod questions;
mod request;
mod saved;
mod terminal;
mod tree;
mod watch;

use common::{has_utf8, scratch, skip, userns_inspect};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};

fn inspect(arguments: &[&str]) -> Command {
    let mut command = Command::new(userns_inspect());
    command.args(arguments).env("LC_ALL", "C").env("COLUMNS", "300").env("TERM", "xterm").env_remove("NO_COLOR");
    command
}

/// Exit status, standard output and standard error.
fn result(output: Output) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = output;
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    result(inspect(arguments).output().unwrap())
}

/// The output of a run that must succeed. Runs again while it shows a descriptor of another scan: other tests scan at the same
/// time, which opens namespaces for a moment.
fn shown(arguments: &[&str]) -> String {
    let show = || {
        let (status, output, errors) = run(arguments);
        assert_eq!(status, Some(0), "{arguments:?}: {errors}");
        output
    };
    (0..100).map(|_| show()).find(|output| !has_other_scan(output)).unwrap_or_else(show)
}

/// Whether a line ends like "userns_inspect 12 fd 7", or has that before other descriptors.
fn has_other_scan(output: &str) -> bool {
    let is_descriptor = |rest: &str| rest.trim_start_matches(|it: char| it.is_ascii_digit()).starts_with(" fd ");
    output.split("userns_inspect ").skip(1).any(is_descriptor)
}

#[test]
fn another_scan_is_noticed() {
    let held = |by: &str| format!("4026532180\n   held by  descriptor: {by}\n");
    assert!(
        has_other_scan(&held("userns_inspect 7651 fd 3")) && has_other_scan(&held("cat 1 fd 2, userns_inspect 7 fd 3"))
    );
    assert!(!has_other_scan(&held("cat 7651 fd 3")) && !has_other_scan("members 2: userns_inspect 12, cat 13"));
}

/// A process that waits for the end of its input, which comes at the latest when this test process ends.
struct Waiting(Child);

impl Waiting {
    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn inode(&self, kind: &str) -> String {
        fs::metadata(format!("/proc/{}/ns/{kind}", self.0.id())).unwrap().ino().to_string()
    }

    /// Waits until the process executes cat. Fails if it ends before.
    fn wait_until_cat(&self) {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).unwrap();
        while read("comm") != "cat\n" {
            assert!(!read("status").contains("State:\tZ"), "the process has ended");
        }
    }

    fn open(&self, kind: &str) -> File {
        File::open(format!("/proc/{}/ns/{kind}", self.0.id())).unwrap()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command in new namespaces.
fn unshare(command: &mut Command, flags: libc::c_int) -> &mut Command {
    // SAFETY: between fork and exec there is only one system call, which is async-signal-safe.
    unsafe {
        command.pre_exec(move || match libc::unshare(flags) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        })
    }
}

/// Lets the command inherit an open file, which keeps its number: any other number may be in use in the child.
fn inherit<'a>(command: &'a mut Command, file: &File) -> &'a mut Command {
    let descriptor = file.as_raw_fd();
    // SAFETY: between fork and exec there is only one system call, which is async-signal-safe.
    unsafe {
        command.pre_exec(move || match libc::fcntl(descriptor, libc::F_SETFD, 0) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        })
    }
}

/// Starts cat in new namespaces. Returns `None` and reports a skip if they cannot be created.
fn waiting_as(test: &str, program: &OsStr, flags: libc::c_int) -> Option<Waiting> {
    let mut command = Command::new(program);
    command.arg0("cat").stdin(Stdio::piped()).stdout(Stdio::null());
    match unshare(&mut command, flags).spawn() {
        Ok(child) => Some(Waiting(child)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSPC | libc::EINVAL)) => {
            skip(test, &format!("cannot create namespaces: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn waiting(test: &str, flags: libc::c_int) -> Option<Waiting> {
    waiting_as(test, OsStr::new("cat"), flags)
}

/// Starts a process with any command name, by means of a symbolic link.
fn named(test: &str, name: &[u8]) -> Option<Waiting> {
    let directory = scratch("hostile");
    fs::create_dir_all(&directory).unwrap();
    let program = directory.join(OsStr::from_bytes(name));
    let cat = ["/bin/cat", "/usr/bin/cat"].into_iter().find(|path| fs::exists(path).unwrap()).unwrap();
    let _ = fs::remove_file(&program);
    symlink(cat, &program).unwrap();
    waiting_as(test, program.as_os_str(), libc::CLONE_NEWUSER)
}

/// Starts a shell script with unshare(1). Returns it and its first line of output.
fn script(test: &str, options: &[&str], script: &str, argument: &OsStr) -> Option<(Waiting, String)> {
    if Command::new("unshare").args(options).arg("true").output().map_or(true, |output| !output.status.success()) {
        skip(test, "unshare(1) is missing or cannot create these namespaces");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(options).args(["sh", "-ec", script, "sh"]).arg(argument);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let waiting = Waiting(child);
    assert!(line.ends_with('\n'), "the script of {test} failed");
    if !options.contains(&"--fork") {
        waiting.wait_until_cat(); // a script prints this line before it ends with `exec cat`
    }
    Some((waiting, line.trim_end().to_string()))
}

/// The lines of an output, without those about the cgroup in which the tests happen to run.
fn lines(output: &str) -> Vec<&str> {
    output.lines().filter(|line| !line.contains("part of  ")).collect()
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// Whether a number or name occurs as a whole word.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|other| other == word)
}

/// A process with two child namespaces.
const FAMILY: &str = "exec 3<&0; for i in 1 2; do unshare -Ur cat <&3 >/dev/null &
    until [ \"$(cat /proc/$!/comm)\" = cat ]; do :; done; done
    echo ready; exec cat";

/// A process with 60 children.
const MANY: &str = "exec 3<&0; i=0
    while [ $i -lt 60 ]; do cat <&3 >/dev/null & i=$((i + 1))
    until [ \"$(cat /proc/$!/comm)\" = cat ]; do :; done; done
    echo ready; exec cat";
