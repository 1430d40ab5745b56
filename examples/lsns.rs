//! Prints what `lsns --list --type user` prints, with the command name in place of the command line:
//!
//!     cargo run --example lsns
//!
//! Names of users come from /etc/passwd only.

use std::collections::HashMap;
use std::fs;
use std::io::{self, Write};
use std::process::ExitCode;
use userns::{Node, Options, Snapshot};

/// The cells of a line.
type Row = [String; 6];

fn main() -> ExitCode {
    let snapshot = match Options::new().names().credentials().scan() {
        Ok(snapshot) => snapshot,
        Err(error) => {
            eprintln!("lsns: /proc: {error}");
            return ExitCode::FAILURE;
        }
    };
    if !snapshot.gaps().is_empty() {
        eprintln!("lsns: incomplete: {:?}", snapshot.gaps());
    }
    match io::stdout().write_all(table(&snapshot).as_bytes()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

/// The whole output.
fn table(snapshot: &Snapshot) -> String {
    let users = users();
    // A namespace without processes has no PID to show.
    let mut nodes: Vec<Node> = snapshot.nodes().filter(|node| !node.is_empty()).collect();
    nodes.sort_by_key(Node::inode);
    let mut rows = vec![["NS", "TYPE", "NPROCS", "PID", "USER", "COMMAND"].map(String::from)];
    rows.extend(nodes.into_iter().map(|node| row(snapshot, node, &users)));

    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let [ns, processes, pid, user] = [width(0), width(2), width(3), width(4)];
    let line = |row: &Row| {
        let [a, b, c, d, e, command] = row;
        format!("{a:>ns$} {b:5} {c:>processes$} {d:>pid$} {e:user$} {command}\n")
    };
    rows.iter().map(line).collect()
}

/// The first process stands for a namespace.
fn row(snapshot: &Snapshot, node: Node, users: &HashMap<u32, String>) -> Row {
    let pid = node.pids()[0];
    let user = match snapshot.process_uid(pid) {
        Some(uid) => users.get(&uid).cloned().unwrap_or(uid.to_string()),
        None => "?".to_string(), // not mapped here: the kernel tells lsns the overflow UID
    };
    let name = snapshot.process_name(pid).unwrap_or_default().to_string_lossy();
    let command = name.replace(char::is_control, "?");
    [node.inode().to_string(), "user".to_string(), node.pids().len().to_string(), pid.to_string(), user, command]
}

/// The names of users by UID; the first one counts, as in getpwuid(3).
fn users() -> HashMap<u32, String> {
    let passwd = fs::read("/etc/passwd").unwrap_or_default();
    let mut users = HashMap::new();
    for line in String::from_utf8_lossy(&passwd).lines() {
        let mut fields = line.split(':');
        if let (Some(name), Some(Ok(uid))) = (fields.next(), fields.nth(1).map(str::parse)) {
            users.entry(uid).or_insert(name.to_string());
        }
    }
    users
}
