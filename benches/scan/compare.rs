//! Compares this build of the library with another one, the baseline: the same scans in turn, among the same processes.

use crate::common;
use crate::cost::quantile;
use crate::figures::{Figures, Row};
use crate::number::time;
use crate::population::Population;
use crate::program;
use crate::sandbox::Sandbox;
use crate::table::{label, table};
use std::path::Path;
use std::time::Duration;

/// Time budget per population.
const BUDGET: Duration = Duration::from_secs(60);

/// Measures and prints. In each round both builds run every scan: one pair, and so one ratio, per scan.
pub fn measure(sandbox: &Sandbox, populations: &[Population], baseline: &Path) {
    println!("Baseline: {}\nRatio: time of this build / time of the baseline\n", baseline.display());
    let programs = program::pairs(baseline);
    for &population in populations {
        match sandbox.populate(population) {
            Ok(_sleepers) => print(&Figures::measure(population, &programs, false, BUDGET)),
            Err(reason) => common::skip(&population.title(), &reason),
        }
    }
}

fn print(figures: &Figures) {
    let title = figures.population.title();
    let rows = figures.rows.iter().filter(|row| !row.is_baseline);
    let pairs: Vec<(&Row, &Row)> = rows.filter_map(|row| Some((row, figures.baseline_of(row)?))).collect();
    let head = ["scan", "this build", "baseline", "median ratio", "first quartile", "third quartile"];
    let rows = pairs.iter().map(|(row, baseline)| {
        let times = [time(row.cost().wall), time(baseline.cost().wall)];
        let ratios = row.ratios_to(baseline);
        let ratios = [0.5, 0.25, 0.75].map(|position| format!("{:.3}", quantile(ratios.iter().copied(), position)));
        [name(row)].into_iter().chain(times).chain(ratios).collect()
    });
    println!("### {title}, {} pairs\n\n{}", figures.rounds(), table(&head, rows));
    figures.left_out.iter().for_each(|reason| println!("Not measured: {reason}."));
    println!("Ratio of each pair:\n");
    for (row, baseline) in &pairs {
        let ratios: Vec<String> = row.ratios_to(baseline).iter().map(|ratio| format!("{ratio:.3}")).collect();
        println!("- {}: {}", name(row), ratios.join(" "));
    }
    println!();
}

fn name(row: &Row) -> String {
    label((row.name, row.timing))
}
