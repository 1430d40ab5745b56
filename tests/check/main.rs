//! The command `userns_check`, and docs/troubleshooting.md, which explains its reasons.

#[path = "../common/mod.rs"]
mod common;

mod report;
mod request;
mod situations;
mod troubleshooting;

use common::userns_check;
use std::process::{Command, Output};

fn check(arguments: &[&str]) -> Command {
    let mut command = Command::new(userns_check());
    plain(command.args(arguments));
    command
}

/// An environment in which the output does not depend on the terminal of the tests.
fn plain(command: &mut Command) -> &mut Command {
    command.env("LC_ALL", "C").env("COLUMNS", "80").env("TERM", "xterm")
}

/// Exit status, standard output and standard error.
fn result(output: Output) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = output;
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    result(check(arguments).output().unwrap())
}
