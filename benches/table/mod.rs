//! The tables that are printed, and the counts of system calls below them.

use crate::common;
use crate::cost::{self, Cost, median};
use std::ffi::OsStr;

pub fn print_head() {
    println!("|                      |       time | per process |  user CPU | system CPU | peak memory |");
    println!("|:---------------------|-----------:|------------:|----------:|-----------:|------------:|");
}

pub fn print_costs(name: &str, costs: &[Cost], processes: usize) {
    let Cost { wall, user, system, peak } = cost::typical(costs);
    let each = wall * 1e3 / processes as f64;
    let peak = peak.map_or(String::new(), |peak| format!("{peak:.0} KiB"));
    println!("| {name:20} | {wall:7.2} ms | {each:8.2} µs | {user:6.2} ms | {system:7.2} ms | {peak:>11} |");
}

/// How many times as much they take, by the figures above; and the median of the same for each pair of runs.
pub fn print_ratios(theirs: &[Cost], ours: &[Cost]) {
    let (their, our) = (cost::typical(theirs), cost::typical(ours));
    let (wall, user, system) = (their.wall / our.wall, their.user / our.user, their.system / our.system);
    let peak = their.peak.zip(our.peak).map_or(String::new(), |(their, our)| format!("{:.2}", their / our));
    println!("| {:20} | {wall:10.2} | {:11} | {user:9.2} | {system:10.2} | {peak:>11} |", "ratio", "");
    let wall = median(theirs.iter().zip(ours).map(|(their, our)| their.wall / our.wall));
    println!("| {:20} | {wall:10.2} | {:11} | {:9} | {:10} | {:11} |", "ratio, run by run", "", "", "", "");
}

/// Counts the system calls of a run, if strace(1) is installed and may trace; also divided by the number of things of
/// which each costs some.
pub fn print_calls(name: &str, program: &OsStr, things: &str, number: usize) {
    let mut strace = cost::command(&["strace", "-f", "-c", "-U", "calls,name"].map(OsStr::new));
    let (counted, output) = match strace.arg(program).output() {
        Ok(output) => (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()),
        Err(error) => (false, error.to_string()),
    };
    if !counted {
        return common::skip("the count of system calls by strace", &output);
    }
    let calls = |wanted: &str| -> usize {
        let mut rows = output.lines().filter_map(|line| line.trim().split_once(' '));
        rows.find(|(_, name)| *name == wanted).map_or(0, |(calls, _)| calls.parse().unwrap())
    };
    let (total, readlinkat) = (calls("total"), calls("readlinkat"));
    let each = total as f64 / number as f64;
    println!("\nSystem calls of {name}: {total}, {readlinkat} of them readlinkat; {each:.3} per {things}.");
}
