//! Every system call of the library fails, at each occurrence and with each error: `make check-faults`.
//!
//! Runs the situations of `tests/c/injection.c` in their long form. Prints the table of what came of it; with --update, writes
//! it into docs/faults.md.

mod common;

use common::SKIPPED;
use std::collections::{BTreeMap, BTreeSet};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::time::Instant;
use std::{env, thread};

/// In the order of the table.
const FUNCTIONS: [&str; 7] = [
    "userns_scan()",
    "userns_open()",
    "userns_describe()",
    "userns_compare()",
    "userns_save()",
    "userns_load()",
    "userns_probe()",
];

/// How often each outcome was met.
type Outcomes = BTreeMap<String, usize>;
/// By the name of the call, and by the error.
type Calls = BTreeMap<String, BTreeMap<String, Outcomes>>;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let update = arguments.iter().any(|argument| argument == "--update");
    let filters: Vec<&String> = arguments.iter().filter(|argument| *argument != "--update").collect();
    if update && !filters.is_empty() {
        eprintln!("--update needs all situations");
        return ExitCode::from(2);
    }
    let program = common::build_situations("injection").unwrap();
    let mut names: Vec<_> = common::situations_of(&program).unwrap().into_iter().map(|each| each.name).collect();
    names.retain(|name| filters.is_empty() || filters.iter().any(|filter| name.contains(filter.as_str())));
    if names.is_empty() {
        eprintln!("no situation has such a name");
        return ExitCode::from(2);
    }
    let (waiting, results) = (Mutex::new(names), Mutex::new((BTreeMap::new(), BTreeSet::new(), true)));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                // The lock is released before the situation runs.
                while let Some(name) = { waiting.lock().unwrap().pop() } {
                    let lines = run(&mut Command::new(&program), &name);
                    let (functions, known, complete) = &mut *results.lock().unwrap();
                    for line in lines.iter().flatten() {
                        if let Some(call) = line.strip_prefix("known\t") {
                            known.insert(call.to_string());
                        } else {
                            add(line, functions);
                        }
                    }
                    *complete &= lines.is_some();
                }
            });
        }
    });
    let (functions, known, complete) = results.into_inner().unwrap();
    let table = table(&functions) + &never_made(known, &functions);
    println!("\n{table}");
    if update && complete {
        common::update_page("docs/faults.md", "make check-faults", |_| table);
    }
    if complete { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Of the calls that are known, those that nothing made here.
fn never_made(mut known: BTreeSet<String>, functions: &BTreeMap<String, Calls>) -> String {
    for call in functions.values().flat_map(BTreeMap::keys) {
        known.remove(call);
    }
    let names: Vec<_> = known.iter().map(|call| format!("`{call}`")).collect();
    format!("### Not met\n\nCalls that no function made in this run: {}.\n", names.join(", "))
}

/// Runs a situation, and returns its cells and the names of known calls; `None` if it failed or was skipped.
fn run(program: &mut Command, name: &str) -> Option<Vec<String>> {
    let start = Instant::now();
    let output = program.arg(name).env("INJECT_ALL", "1").env_remove("BY_BPF").env_remove("SAVED").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    let (lines, messages): (Vec<_>, Vec<_>) =
        text.lines().partition(|line| line.starts_with("cell\t") || line.starts_with("known\t"));
    let word = match output.status.code() {
        Some(0) => "ok",
        Some(SKIPPED) => "skipped",
        _ => "FAILED",
    };
    println!("{name}: {word}, {:.0} s", start.elapsed().as_secs_f64());
    if word != "ok" {
        println!("{}\n{}", messages.join("\n"), String::from_utf8_lossy(&output.stderr));
    }
    (word == "ok").then(|| lines.into_iter().map(str::to_string).collect())
}

/// Adds a line `cell FUNCTION CALL ERROR OUTCOME COUNT ...`, separated by tabs.
fn add(cell: &str, functions: &mut BTreeMap<String, Calls>) {
    let fields: Vec<&str> = cell.split('\t').collect();
    let [_, function, call, error, counts @ ..] = &fields[..] else { panic!("{cell}") };
    let errors = functions.entry(function.to_string()).or_default().entry(call.to_string()).or_default();
    let outcomes = errors.entry(error.to_string()).or_default();
    for count in counts.chunks_exact(2) {
        *outcomes.entry(count[0].to_string()).or_default() += count[1].parse::<usize>().unwrap();
    }
}

/// A section for each function, with a row for all errors of a call that have the same outcomes.
fn table(functions: &BTreeMap<String, Calls>) -> String {
    let mut text = String::new();
    for function in FUNCTIONS {
        let Some(calls) = functions.get(function) else {
            text += &format!("### `{function}`\n\nMakes no system call that can fail.\n\n");
            continue;
        };
        text += &format!("### `{function}`\n\n| call | errors | outcomes |\n|:--|:--|:--|\n");
        for (call, errors) in calls {
            let mut rows: BTreeMap<Vec<&String>, (Vec<&str>, Outcomes)> = BTreeMap::new();
            for (error, outcomes) in errors {
                let (names, sums) = rows.entry(outcomes.keys().collect()).or_default();
                names.push(error);
                outcomes.iter().for_each(|(outcome, count)| *sums.entry(outcome.clone()).or_default() += count);
            }
            let mut rows: Vec<_> = rows.into_values().collect();
            rows.sort();
            for (names, sums) in rows {
                let sums: Vec<_> = sums.iter().map(|(outcome, count)| format!("{outcome} {count}")).collect();
                text += &format!("| `{call}` | {} | {} |\n", names.join(", "), sums.join(", "));
            }
        }
        text.push('\n');
    }
    text
}
