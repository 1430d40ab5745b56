//! `--watch`: a line for each change, and how it ends.

use crate::common::{expect_json, scratch, userns_inspect};
use crate::{Waiting, inspect, named, waiting};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(60);

struct Watch {
    child: Child,
    lines: Receiver<String>,
}

impl Watch {
    fn begin(arguments: &[&str]) -> Watch {
        let mut command = inspect(&["--watch", "1"]);
        let mut child = command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        Watch { child, lines }
    }

    /// Waits for the next line with all of these words.
    fn find(&self, words: &[&str], patience: Duration) -> Option<String> {
        loop {
            let line = self.lines.recv_timeout(patience).ok()?;
            if words.iter().all(|word| line.contains(word)) {
                return Some(line);
            }
        }
    }

    /// Starts processes in new namespaces until the first round is over, so that one of them has appeared.
    fn appear(&self, start: &dyn Fn() -> Option<Waiting>) -> Option<(Waiting, String)> {
        for _ in 0..20 {
            let child = start()?;
            if let Some(line) = self.find(&["appeared", &child.inode("user")], Duration::from_secs(3)) {
                return Some((child, line));
            }
        }
        panic!("nothing appears");
    }

    /// Ends it by a signal. It must say nothing more and exit with success.
    fn end(mut self, signal: libc::c_int) {
        // SAFETY: this process has a child with this PID, for which nobody has waited.
        unsafe { libc::kill(self.child.id() as i32, signal) };
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The life of a namespace.
#[test]
fn each_change_has_a_line() {
    let watch = Watch::begin(&["--pinned"]);
    let start = || waiting("each_change_has_a_line", libc::CLONE_NEWUSER);
    let Some((child, appeared)) = watch.appear(&start) else { return };
    let (inode, pid) = (child.inode("user"), child.pid());
    let own = fs::read_link("/proc/self/ns/user").unwrap();
    let own = own.to_str().unwrap().trim_start_matches("user:[").trim_end_matches(']').to_string();
    assert!(appeared.contains(&format!("Z appeared {inode} in {own} of ")), "{appeared}");
    let joined = watch.find(&["joined", &inode], PATIENCE).unwrap();
    assert!(joined.ends_with(&format!("Z joined   {inode} cat {pid}")), "{joined}");
    fs::write(format!("/proc/{pid}/setgroups"), "deny").unwrap();
    // SAFETY: the call has no arguments and cannot fail.
    let uid = unsafe { libc::geteuid() };
    fs::write(format!("/proc/{pid}/uid_map"), format!("5 {uid} 1")).unwrap();
    let mapped = watch.find(&["mapped", &inode], PATIENCE).unwrap();
    assert!(mapped.ends_with(&format!("Z mapped   {inode} uid 5:{uid}:1 gid -")), "{mapped}");
    let held = child.open("user");
    drop(child);
    let left = watch.find(&["left", &inode], PATIENCE).unwrap();
    assert!(left.ends_with(&format!(" cat {pid}")), "{left}");
    assert!(watch.find(&["emptied", &inode], PATIENCE).is_some());
    drop(held);
    assert!(watch.find(&["ended", &inode], PATIENCE).is_some());
    watch.end(libc::SIGTERM);
}

/// Names are strings or arrays, as in a saved snapshot; nothing of them is left raw.
#[test]
fn json_lines() {
    let name = b"a\"\\\x1b\xc2\x9b\xff\xf0\x9f\x90\xb1\xed\xa0\x80";
    let watch = Watch::begin(&["--json"]);
    let Some((child, appeared)) = watch.appear(&|| named("json_lines", name)) else { return };
    let (inode, pid) = (child.inode("user"), child.pid());
    assert!(appeared.starts_with("{\"time\":{\"seconds\":") && appeared.ends_with('}'), "{appeared}");
    assert!(appeared.contains(&format!(",\"change\":\"appeared\",\"inode\":{inode},")), "{appeared}");
    let joined = watch.find(&["joined", &inode], PATIENCE).unwrap();
    // The kernel cuts a name after 15 bytes.
    let expected = r#","name":["a\"\\\u001b\u009b",255,"\ud83d\udc31",237,160,128]}"#;
    assert!(joined.ends_with(expected) && joined.is_ascii(), "{joined}");
    assert!(joined.contains(&format!(",\"pid\":{pid},")), "{joined}");
    [appeared, joined].iter().for_each(|line| expect_json("json_lines", line));
    watch.end(libc::SIGINT);
}

#[test]
fn without_processes() {
    let watch = Watch::begin(&["--no-pids"]);
    let Some((child, _)) = watch.appear(&|| waiting("without_processes", libc::CLONE_NEWUSER)) else { return };
    let inode = child.inode("user");
    drop(child);
    loop {
        let line = watch.lines.recv_timeout(PATIENCE).expect("the end");
        assert!(!line.contains("joined") && !line.contains("left"), "{line}");
        if line.contains("ended") && line.contains(&inode) {
            break;
        }
    }
}

/// It ends when nobody reads it, also if nothing changes.
#[test]
fn a_closed_pipe() {
    let mut command = inspect(&["--watch", "86400"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    assert_eq!(child.wait().unwrap().code(), Some(0));
    let mut errors = String::new();
    child.stderr.take().unwrap().read_to_string(&mut errors).unwrap();
    assert!(!errors.contains("standard output"), "{errors}");
}

#[test]
fn without_standard_output() {
    let mut command = Command::new("sh");
    let output = command.args(["-c", "exec \"$0\" --watch 86400 >&-"]).arg(userns_inspect()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.ends_with(b"userns_inspect: standard output: Bad file descriptor\n"), "{output:?}");
}

#[test]
fn what_cannot_be_scanned_or_written() {
    let output = inspect(&["--watch", "1", "--proc", "/does/not/exist"]).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stderr.starts_with(b"userns_inspect: /does/not/exist: the directory does not exist"), "{output:?}");
    // Something changes at the latest when this test starts namespaces.
    let full = File::options().write(true).open("/dev/full").unwrap();
    let errors = scratch("watch-errors");
    let mut command = inspect(&["--watch", "1"]);
    let mut child = command.stdout(full).stderr(File::create(&errors).unwrap()).spawn().unwrap();
    for _ in 0..30 {
        let Some(_change) = waiting("what_cannot_be_scanned_or_written", libc::CLONE_NEWUSER) else { break };
        thread::sleep(Duration::from_secs(2));
        if child.try_wait().unwrap().is_some() {
            break;
        }
    }
    let _ = child.kill();
    assert_eq!(child.wait().unwrap().code(), Some(1));
    let errors = fs::read_to_string(errors).unwrap();
    assert!(errors.contains("userns_inspect: standard output: No space left on device\n"), "{errors}");
}
