//! How long a scan takes and how much memory it needs, beside lsns(8) among the same processes. The figures in the
//! README are what `cargo bench` prints.

#[path = "../tests/common/mod.rs"]
mod common;
mod cost;
mod pinned;
mod room;
mod table;

use cost::Cost;
use room::Population;
use std::ffi::OsStr;
use std::process::Command;
use std::{fs, thread};

/// How many processes there are, a tenth of them each in a user namespace of its own, and how often everything runs
/// among them: an odd number of times, so that one run is the median.
const SIZES: [(usize, usize); 2] = [(1_000, 151), (10_000, 41)];

fn main() {
    let source = common::root().join("examples-c/userns_tree.c");
    let userns_tree = common::compile(&source, &["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O2"]);
    let lsns = lsns_version();
    println!("{}; {}", host(), lsns.as_deref().unwrap_or("no lsns"));
    for (processes, runs) in SIZES {
        let population = Population { processes, namespaces: processes / 10, descriptors: 0, held: 0 };
        room::within(population, |_| report(population, runs, userns_tree.as_os_str(), lsns.is_some()));
    }
    pinned::report(lsns.as_deref());
}

fn lsns_version() -> Option<String> {
    match Command::new("lsns").arg("--version").output() {
        Ok(output) => Some(String::from_utf8_lossy(&output.stdout).trim().to_string()),
        Err(error) => {
            common::skip("the comparison with lsns of util-linux", &error.to_string());
            None
        }
    }
}

/// What all figures depend on: the kernel and the processors.
fn host() -> String {
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap();
    let cpuinfo = fs::read_to_string("/proc/cpuinfo").unwrap();
    let model = cpuinfo.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
    let model = model.map_or("unknown CPU model", |(_, model)| model);
    let cpus = thread::available_parallelism().unwrap();
    format!("Linux {}; {model}, {cpus} CPUs", kernel.trim())
}

/// Measures in a room with this population, and prints a table.
fn report(population: Population, runs: usize, userns_tree: &OsStr, with_lsns: bool) {
    let lsns = ["lsns", "-t", "user"].map(OsStr::new);
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first to look at a process has the kernel build what it then remembers of it; so that one does not count.
    cost::of_program(&[userns_tree]);
    // In turn: what disturbs the host meanwhile disturbs both.
    for _ in 0..runs {
        ours.push(cost::of_program(&[userns_tree]));
        theirs.extend(with_lsns.then(|| cost::of_program(&lsns)));
    }
    // Last: the programs are children of this process and begin with the memory that it has, so it stays small before.
    let scans: Vec<Cost> = (0..runs).map(|_| scan(population)).collect();

    let Population { processes, namespaces, .. } = population;
    println!("\n{processes} processes, {namespaces} user namespaces, {runs} runs of each:\n");
    table::print_head();
    table::print_costs("userns::scan()", &scans, processes);
    table::print_costs("userns_tree", &ours, processes);
    if with_lsns {
        table::print_costs("lsns -t user", &theirs, processes);
        table::print_ratios(&theirs, &ours);
    }
    table::print_calls("userns_tree", userns_tree, "process", processes);
}

/// One scan in this process, which is in the room too. It has to see all that is there.
fn scan(Population { processes, namespaces, .. }: Population) -> Cost {
    let (cost, snapshot) = cost::of_call(|| userns::scan().unwrap());
    assert_eq!(snapshot.nodes().len(), namespaces + 1);
    assert_eq!(snapshot.nodes().map(|node| node.pids().len()).sum::<usize>(), processes + 1);
    cost
}
