//! Times scans, lsns(8) and reference programs among the same sleeping processes. docs/performance.md describes the
//! method; all figures there come from `cargo bench -- --update`.

#[path = "../../tests/common/mod.rs"]
mod common;
mod compare;
mod cost;
mod document;
mod figures;
mod goals;
mod growth;
mod hostile;
mod machine;
mod number;
mod plot;
mod population;
mod probes;
mod program;
mod report;
mod sandbox;
mod sleeper;
mod sleepers;
mod table;

use std::path::PathBuf;
use std::{env, fs, process};

const USAGE: &str = "\
Usage: cargo bench -- [--update | --baseline LIBRARY] [100 | 200 | 1000 | ... | threads | descriptors]...
       cargo bench -- growth [--update]
       cargo bench -- probe [--update]
       cargo bench -- hostile [--update]
Measures among so many processes, or among 1,000 with many threads or descriptors each. The default is all of them.
With growth, measures how the time grows with the number of threads, descriptors, mounts and others.
With probe, measures how long it takes to find out whether a user namespace can be made.
With hostile, measures what each thing that a process can make costs a scan.

  --update            write the figures to docs/performance.md and the plot to docs/scan.svg; always measures all
  --baseline LIBRARY  compare with another build of libuserns.so: run the same scans with both, in turn";

enum Task {
    Report,
    Update,
    Compare(PathBuf),
    Growth,
    UpdateGrowth,
    Probe,
    UpdateProbe,
    Hostile,
    UpdateHostile,
}

fn main() {
    // Cargo adds `--bench`.
    let words = env::args().skip(1).filter(|word| word != "--bench");
    let (task, chosen) = parse(words).unwrap_or_else(|error| {
        eprintln!("{error}\n{USAGE}");
        process::exit(2);
    });
    // Not in a sandbox: that of a user can keep others from making namespaces.
    match task {
        Task::Probe => return drop(probes::measure()),
        Task::UpdateProbe => return document::update_probe(probes::measure()),
        _ => (),
    }
    let mut populations = population::all();
    populations.retain(|(name, _)| chosen.is_empty() || chosen.contains(name));
    let populations: Vec<_> = populations.into_iter().map(|(_, population)| population).collect();
    sandbox::enter(|sandbox| match task {
        Task::Report => {
            report::measure(sandbox, &populations);
        }
        Task::Update => document::update(&report::measure(sandbox, &populations)),
        Task::Growth => drop(growth::measure(sandbox)),
        Task::UpdateGrowth => document::update_growth(growth::measure(sandbox)),
        Task::Hostile => drop(hostile::measure(sandbox)),
        Task::UpdateHostile => document::update_hostile(hostile::measure(sandbox)),
        Task::Probe | Task::UpdateProbe => unreachable!("measured above"),
        Task::Compare(baseline) => compare::measure(sandbox, &populations, &baseline),
    });
}

/// The task, and the names of the chosen populations.
fn parse(mut words: impl Iterator<Item = String>) -> Result<(Task, Vec<String>), String> {
    let known: Vec<String> = population::all().into_iter().map(|(name, _)| name).collect();
    let (mut task, mut chosen) = (Task::Report, Vec::new());
    while let Some(word) = words.next() {
        match word.as_str() {
            "growth" => task = if matches!(task, Task::Update) { Task::UpdateGrowth } else { Task::Growth },
            "hostile" => task = if matches!(task, Task::Update) { Task::UpdateHostile } else { Task::Hostile },
            "probe" => task = if matches!(task, Task::Update) { Task::UpdateProbe } else { Task::Probe },
            "--update" => {
                task = match task {
                    Task::Growth => Task::UpdateGrowth,
                    Task::Probe => Task::UpdateProbe,
                    Task::Hostile => Task::UpdateHostile,
                    _ => Task::Update,
                }
            }
            "--baseline" => {
                let path = words.next().ok_or("--baseline needs a path")?;
                // Absolute: dlopen(3) searches for a name without a slash.
                task = Task::Compare(fs::canonicalize(&path).map_err(|error| format!("{path}: {error}"))?);
            }
            _ if known.contains(&word) => chosen.push(word),
            _ => return Err(format!("unknown argument: {word}")),
        }
    }
    match task {
        Task::Update if !chosen.is_empty() => Err("--update measures all populations".to_string()),
        Task::Growth | Task::UpdateGrowth if !chosen.is_empty() => Err("growth has populations of its own".to_string()),
        Task::Probe | Task::UpdateProbe if !chosen.is_empty() => Err("probe has no populations".to_string()),
        Task::Hostile | Task::UpdateHostile if !chosen.is_empty() => Err("hostile has things of its own".to_string()),
        task => Ok((task, chosen)),
    }
}
