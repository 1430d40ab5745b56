//! The pinned scan among processes with many descriptors, few of which are of namespaces.

use crate::common;
use crate::cost::{self, Cost};
use crate::room::{self, Population};
use crate::table;
use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use userns::{Options, Pin, Snapshot};

const POPULATION: Population = Population { processes: 1_000, namespaces: 100, descriptors: 100, held: 100 };
/// How often everything runs: an odd number of times, so that one run is the median.
const RUNS: usize = 15;

/// Measures in a room of its own, and prints a table.
pub fn report(lsns: Option<&str>) {
    let source = common::root().join("benches/pinned_scan.c");
    let program = common::compile(&source, &["-std=c99", "-O2"]);
    room::within(POPULATION, |held| report_within(held, &program, lsns));
}

fn report_within(held: &[u64], program: &Path, lsns: Option<&str>) {
    let argv = [program.as_os_str()];
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // The first to look at a descriptor has the kernel build what it then remembers of it; so that one does not count.
    let seen = output_of(&argv);
    // In turn: what disturbs the host meanwhile disturbs both.
    for _ in 0..RUNS {
        ours.push(cost::of_program(&argv));
        theirs.extend(lsns.map(|_| cost::of_program(&["lsns".as_ref()])));
    }
    // Last: the programs are children of this process and begin with the memory that it has, so it stays small before.
    let pinned: Vec<Cost> = (0..RUNS).map(|_| pinned_scan(held)).collect();
    let plain: Vec<Cost> = (0..RUNS).map(|_| plain_scan(held)).collect();

    let Population { processes, descriptors, .. } = POPULATION;
    print_caption(&seen, held, lsns);
    table::print_head();
    table::print_costs("plain scan", &plain, processes);
    table::print_costs("pinned scan", &pinned, processes);
    table::print_costs("pinned_scan", &ours, processes);
    if lsns.is_some() {
        table::print_costs("lsns", &theirs, processes);
        table::print_ratios(&theirs, &ours);
    }
    table::print_calls("pinned_scan", program.as_os_str(), "descriptor", processes * descriptors);
}

/// Says what is measured: a reader has to know that lsns may do less.
fn print_caption(seen: &str, held: &[u64], lsns: Option<&str>) {
    let Population { processes, namespaces, descriptors, .. } = POPULATION;
    let (all, held_count) = (processes * descriptors, held.len());
    println!("\n{processes} processes with {descriptors} descriptors each, {RUNS} runs of each:\n");
    println!("{namespaces} of the processes are each in a user namespace of its own. Of the {all} descriptors,");
    println!("{held_count} are of user namespaces that nothing else keeps alive, at most one in a process; the others");
    println!("are of one file and one socket. A pinned scan reads them all, and finds all {held_count}; a plain scan");
    println!("reads none. The program pinned_scan does a pinned scan and prints: {seen}.");
    if let Some(version) = lsns {
        let shown = shown_by_lsns(held);
        println!("Plain lsns lists namespaces of all types; {version} shows {shown} of the {held_count}.");
        println!("It reads descriptors since util-linux pull request 2902 of 2024; before, it has less to do.");
    }
    println!();
}

/// How many of these namespaces lsns shows.
fn shown_by_lsns(held: &[u64]) -> usize {
    let listed = output_of(&["lsns", "--noheadings", "--output", "NS"].map(OsStr::new));
    let listed: Vec<u64> = listed.lines().filter_map(|line| line.trim().parse().ok()).collect();
    held.iter().filter(|inode| listed.contains(inode)).count()
}

fn output_of(argv: &[&OsStr]) -> String {
    let output = cost::command(argv).stdout(Stdio::piped()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

/// One scan in this process. It has to find every namespace that is held, and what holds it.
fn pinned_scan(held: &[u64]) -> Cost {
    let (cost, snapshot) = cost::of_call(|| Options::new().pinned().scan().unwrap());
    assert!(held.iter().all(|&inode| is_held(&snapshot, inode)), "a namespace or its pin is missing");
    assert_eq!(snapshot.unreadable_descriptors(), 0);
    cost
}

/// Whether a namespace is seen without members, and with one descriptor as all that keeps it alive.
fn is_held(snapshot: &Snapshot, inode: u64) -> bool {
    snapshot.find(inode).is_some_and(|node| {
        let mut pins = node.pins();
        let held = pins.len() == 1 && matches!(pins.next(), Some(Pin::Descriptor { .. }));
        held && node.pids().is_empty()
    })
}

/// One scan in this process that looks at no descriptor, so that it must not find what only those hold.
fn plain_scan(held: &[u64]) -> Cost {
    let (cost, snapshot) = cost::of_call(|| userns::scan().unwrap());
    assert!(held.iter().all(|&inode| snapshot.find(inode).is_none()));
    assert_eq!(snapshot.nodes().len(), POPULATION.namespaces + 1);
    cost
}
