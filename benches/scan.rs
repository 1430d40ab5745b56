//! How long scans take and how much memory they need, beside lsns(8) and beside the least that it can take, among the
//! same processes. The figures in the README are what `cargo bench -- --update` put there.

#[path = "../tests/common/mod.rs"]
mod common;
mod cost;
mod figures;
mod goals;
mod plot;
mod program;
mod room;
mod table;

use figures::Figures;
use room::{Population, Room};
use std::ffi::OsString;
use std::{env, fs, process, thread};

const USAGE: &str = "Usage: cargo bench -- [--update] [100 | 200 | 1000 | … | threads | descriptors]…
Measures among so many processes, or among 1,000 with many threads or descriptors; without a choice, among all.

  --update  put the figures into README.md and the plot into benches/scan.svg";

/// The number of processes that the README shows all about.
const IN_DETAIL: usize = 10_000;
const PLOT: &str = "benches/scan.svg";
/// What the figures in the README stand between.
const BEGIN: &str = "<!-- figures: written by cargo bench -- --update -->\n";
const END: &str = "<!-- end of figures -->\n";

/// So many processes, with nothing special about them.
fn among(processes: usize) -> Population {
    Population { processes, namespaces: processes / 10, threads: 1, descriptors: 3, held: 0 }
}

/// What to measure among, and what it is called in the arguments.
fn populations() -> Vec<(String, Population)> {
    let sizes = [100, 200, 1_000, 10_000, 30_000, 100_000].map(|size| (size.to_string(), among(size)));
    let threads = ("threads".to_string(), Population { threads: 50, ..among(1_000) });
    let descriptors = ("descriptors".to_string(), Population { descriptors: 100, held: 100, ..among(1_000) });
    sizes.into_iter().chain([threads, descriptors]).collect()
}

fn main() {
    // The first one is from cargo itself.
    let arguments: Vec<String> = env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let (options, chosen): (Vec<String>, Vec<String>) = arguments.into_iter().partition(|word| word.starts_with("--"));
    let mut populations = populations();
    let known = chosen.iter().all(|word| populations.iter().any(|(name, _)| name == word));
    let update = options == ["--update"];
    if !known || (!update && !options.is_empty()) || (update && !chosen.is_empty()) {
        eprintln!("{USAGE}");
        process::exit(2);
    }
    populations.retain(|(name, _)| chosen.is_empty() || chosen.contains(name));
    room::enter(|room| report(room, &populations, update));
}

/// Measures in a room, prints what comes of it, and draws a plot.
fn report(room: &Room, populations: &[(String, Population)], update: bool) {
    let lsns = tool("the comparison with lsns of util-linux", program::lsns_version());
    let trace = tool("the count of system calls", program::count_calls(&[OsString::from("true")])).is_some();
    let programs = program::all(lsns.is_some());
    let (mut all, mut not_measured) = (Vec::new(), Vec::new());
    for (_, population) in populations {
        let title = table::title(*population);
        match room.populate(*population) {
            Ok(_sleepers) => {
                let figures = Figures::measure(*population, &programs, trace);
                println!("{}", details(&figures));
                all.push(figures);
            }
            Err(reason) => {
                common::skip(&title, &reason);
                not_measured.push(format!("{title}: {reason}"));
            }
        }
    }
    let host = format!("{}; {}", host(), lsns.as_deref().unwrap_or("no lsns"));
    let summary = summary(&host, &all, &not_measured);
    println!("{summary}");
    if let Some(svg) = plot::draw(&all) {
        let path = if update { common::root().join(PLOT) } else { common::scratch("scan.svg") };
        fs::write(&path, svg).unwrap();
        println!("The plot is {}", path.display());
    }
    if update {
        update_readme(&summary);
    }
}

/// All about one population.
fn details(figures: &Figures) -> String {
    let title = table::title(figures.population);
    let left_out: String = figures.left_out.iter().map(|reason| format!("\nNot measured: {reason}.\n")).collect();
    format!("{title}, {} runs of each:\n\n{}{left_out}", figures.rounds(), table::details(figures))
}

/// What goes into the README.
fn summary(host: &str, all: &[Figures], not_measured: &[String]) -> String {
    let mut parts = vec![format!("{host}:\n"), table::times(all)];
    parts.extend(not_measured.iter().map(|reason| format!("Not measured: {reason}.\n")));
    parts.extend(all.iter().filter(|figures| figures.population == among(IN_DETAIL)).map(details));
    parts.push("What is to hold:\n".to_string());
    parts.push(goals::check(all));
    parts.join("\n")
}

fn update_readme(summary: &str) {
    let path = common::root().join("README.md");
    let readme = fs::read_to_string(&path).unwrap();
    let (before, rest) = readme.split_once(BEGIN).expect("where the figures begin in README.md");
    let (_, after) = rest.split_once(END).expect("where the figures end in README.md");
    let plot = format!("![Time of a scan against the number of processes]({PLOT})");
    fs::write(&path, format!("{before}{BEGIN}\n{plot}\n\n{summary}\n{END}{after}")).unwrap();
}

fn tool<T>(what: &str, found: Result<T, String>) -> Option<T> {
    found.map_err(|reason| common::skip(what, &reason)).ok()
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
