//! How long a probe takes whether a user namespace can be made, beside programs that make one and start another program there.

use crate::common;
use crate::cost::{self, Cost, quantile};
use crate::number::time;
use crate::program::compile;
use crate::table::table;
use std::ffi::OsString;

/// So many times each is run, in turn: odd, so that one is the median.
const ROUNDS: usize = 51;
/// A probe in a process that goes on is measured so many times per round, after a first one.
const REPETITIONS: &str = "3";

struct Row {
    name: &'static str,
    argv: Vec<OsString>,
    /// The program times each repetition itself.
    is_in_process: bool,
    costs: Vec<Cost>,
}

/// Measures and prints; returns the table.
pub fn measure() -> String {
    let mut rows = rows();
    let mut left_out = Vec::new();
    rows.retain(|row| match cost::command(&row.argv).output() {
        Ok(output) if output.status.success() => true,
        Ok(output) => {
            left_out.push(format!("{}: {}", row.name, String::from_utf8_lossy(&output.stderr).trim()));
            false
        }
        Err(error) => {
            left_out.push(format!("{}: {error}", row.name));
            false
        }
    });
    for round in 0..ROUNDS {
        let run = |row: &mut Row| {
            let cost = match row.is_in_process {
                true => cost::typical(&cost::of_each_time(&row.argv)[1..]),
                false => cost::of_program(&row.argv),
            };
            row.costs.push(cost);
        };
        match round % 2 {
            0 => rows.iter_mut().for_each(run),
            _ => rows.iter_mut().rev().for_each(run),
        }
    }
    let head = ["", "time", "90 % below", "user CPU", "system CPU"];
    let cells = rows.iter().map(|row| {
        let cost = cost::typical(&row.costs);
        let most = quantile(row.costs.iter().map(|cost| cost.wall), 0.9);
        vec![row.name.to_string(), time(cost.wall), time(most), time(cost.user), time(cost.system)]
    });
    let left_out: String = left_out.iter().map(|reason| format!("\nNot measured: {reason}.\n")).collect();
    let machine = crate::machine::description();
    let text = format!("{machine}; {ROUNDS} rounds\n\n{}{left_out}", table(&head, cells));
    println!("{text}");
    text
}

fn rows() -> Vec<Row> {
    let probe = compile("benches/probe.c");
    let library = common::library().join("libuserns.so");
    let words = |words: &[&str]| words.iter().map(OsString::from).collect::<Vec<_>>();
    let probes = |flags: &[&str]| [vec![probe.clone().into(), library.clone().into()], words(flags)].concat();
    let in_process = |name, flags: &[&str]| Row {
        name,
        argv: probes(&[flags, &[REPETITIONS]].concat()),
        is_in_process: true,
        costs: Vec::new(),
    };
    let whole = |name, argv| Row { name, argv, is_in_process: false, costs: Vec::new() };
    vec![
        in_process("probe, in process", &[]),
        in_process("probe one by one, in process", &["one"]),
        in_process("probe of the first two steps, in process", &["first"]),
        whole("probe", probes(&[])),
        whole("unshare -Ur true", words(&["unshare", "-Ur", "true"])),
        whole("bwrap --unshare-all true", words(&["bwrap", "--unshare-all", "--ro-bind", "/", "/", "true"])),
    ]
}
