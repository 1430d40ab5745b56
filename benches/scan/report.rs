//! The report: measures all programs among each population, and prints tables, goals and a plot.

use crate::common;
use crate::figures::Figures;
use crate::population::Population;
use crate::program::{self, Program};
use crate::sandbox::Sandbox;
use crate::{goals, machine, plot, table};
use std::ffi::OsString;
use std::fs;
use std::time::Duration;

/// Time budget per population.
const BUDGET: Duration = Duration::from_secs(20);
/// The number of processes for which the summary shows every column.
const IN_DETAIL: usize = 10_000;

pub struct Report {
    /// Tables and goals, as Markdown.
    pub summary: String,
    /// An SVG; `None` with fewer than two plain populations.
    pub plot: Option<String>,
}

/// Measures and prints.
pub fn measure(sandbox: &Sandbox, populations: &[Population]) -> Report {
    let lsns = tool("the comparison with lsns of util-linux", program::lsns_version());
    let trace = tool("the count of system calls", program::count_calls(&[OsString::from("true")])).is_some();
    let programs = program::all(lsns.is_some());
    let (mut all, mut not_measured) = (Vec::new(), Vec::new());
    for &population in populations {
        match measure_one(sandbox, population, &programs, trace) {
            Ok(figures) => {
                println!("{}", details(&figures));
                all.push(figures);
            }
            Err(reason) => not_measured.push(format!("{}: {reason}", population.title())),
        }
    }
    let machine = format!("{}; {}", machine::description(), lsns.as_deref().unwrap_or("no lsns"));
    let summary = summarize(&machine, &all, &not_measured);
    println!("{summary}");
    let plot = plot::draw(&all);
    if let Some(svg) = &plot {
        let path = common::scratch("scan.svg");
        fs::write(&path, svg).unwrap();
        println!("The plot is {}", path.display());
    }
    Report { summary, plot }
}

/// Prints a reason not to measure, too.
fn measure_one(
    sandbox: &Sandbox,
    population: Population,
    programs: &[Program],
    trace: bool,
) -> Result<Figures, String> {
    let _sleepers = sandbox.populate(population).inspect_err(|reason| common::skip(&population.title(), reason))?;
    Ok(Figures::measure(population, programs, trace, BUDGET))
}

fn tool<T>(what: &str, found: Result<T, String>) -> Option<T> {
    found.map_err(|reason| common::skip(what, &reason)).ok()
}

/// Everything about one population.
fn details(figures: &Figures) -> String {
    let left_out: String = figures.left_out.iter().map(|reason| format!("\nNot measured: {reason}.\n")).collect();
    let title = figures.population.title();
    format!("### {title}, {} rounds\n\n{}{left_out}", figures.rounds(), table::details(figures))
}

fn summarize(machine: &str, all: &[Figures], not_measured: &[String]) -> String {
    let mut parts = vec![format!("### Time by number of processes\n\n{machine}\n"), table::times(all)];
    parts.extend(not_measured.iter().map(|reason| format!("Not measured: {reason}.\n")));
    parts.extend(all.iter().filter(|figures| figures.population == Population::plain(IN_DETAIL)).map(details));
    parts.push(format!("### Performance goals\n\n{}", goals::check(all)));
    parts.join("\n")
}
