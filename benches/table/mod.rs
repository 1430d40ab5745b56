//! The tables, as Markdown.

use crate::figures::{Figures, Row};
use crate::program::{LSNS, Timing};
use crate::room::Population;

/// A table of cells; the first row is the head. All columns but the first are of numbers.
pub fn table(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let line = |row: &Vec<String>| {
        let cell = |(column, &width): (usize, &usize)| match (column, &row[column]) {
            (0, text) => format!("| {text:width$} "),
            (_, text) => format!("| {text:>width$} "),
        };
        widths.iter().enumerate().map(cell).collect::<String>() + "|\n"
    };
    let rule = |(column, &width): (usize, &usize)| match column {
        0 => format!("|:{}", "-".repeat(width + 1)),
        _ => format!("|{}:", "-".repeat(width + 1)),
    };
    let rule = widths.iter().enumerate().map(rule).collect::<String>() + "|\n";
    line(&rows[0]) + &rule + &rows[1..].iter().map(line).collect::<String>()
}

/// The time that each row takes among each population.
pub fn times(all: &[Figures]) -> String {
    let head = [String::new()].into_iter().chain(all.iter().map(|figures| short_title(figures.population)));
    let mut rows = vec![head.collect()];
    let mut names: Vec<(&str, Timing)> = Vec::new();
    for row in all.iter().flat_map(|figures| &figures.rows) {
        if !names.contains(&(row.name, row.timing)) {
            names.push((row.name, row.timing));
        }
    }
    for (name, timing) in names {
        let time = |figures: &Figures| figures.row(name, timing).map_or(String::new(), |row| time(row.cost().wall));
        rows.push([label((name, timing))].into_iter().chain(all.iter().map(time)).collect());
    }
    table(&rows)
}

/// All about each row among one population.
pub fn details(figures: &Figures) -> String {
    let head = ["", "time", "to lsns", "per process", "user CPU", "system CPU", "memory", "calls", "seen"];
    let mut rows = vec![head.map(String::from).to_vec()];
    let lsns = figures.row(LSNS, Timing::Whole);
    rows.extend(figures.rows.iter().map(|row| detail(row, lsns, figures.population.processes)));
    table(&rows)
}

fn detail(row: &Row, lsns: Option<&Row>, processes: usize) -> Vec<String> {
    let cost = row.cost();
    let number = |number: Option<usize>| number.map_or(String::new(), thousands);
    vec![
        label((row.name, row.timing)),
        time(cost.wall),
        lsns.map_or(String::new(), |lsns| ratio(row.ratio_to(lsns))),
        time(cost.wall / processes as f64),
        time(cost.user),
        time(cost.system),
        cost.peak.map_or(String::new(), |peak| format!("{peak:.0} KiB")),
        number(row.calls),
        number(row.seen),
    ]
}

/// What a row is called.
pub fn label((name, timing): (&str, Timing)) -> String {
    match timing {
        Timing::Whole => name.to_string(),
        Timing::First => format!("{name}, first in process"),
        Timing::Later => format!("{name}, in process"),
    }
}

/// What a population is called in a heading.
pub fn title(population: Population) -> String {
    let processes = format!("{} processes", thousands(population.processes));
    match speciality(population) {
        Some(speciality) => format!("{processes} with {speciality} each"),
        None => processes,
    }
}

fn short_title(population: Population) -> String {
    let processes = thousands(population.processes);
    speciality(population).map_or(processes.clone(), |speciality| format!("{processes} × {speciality}"))
}

fn speciality(Population { threads, descriptors, held, .. }: Population) -> Option<String> {
    match (threads, held) {
        (1, 0) => None,
        (1, _) => Some(format!("{descriptors} descriptors")),
        _ => Some(format!("{threads} threads")),
    }
}

pub fn thousands(number: usize) -> String {
    match number {
        0..1_000 => number.to_string(),
        _ => format!("{},{:03}", thousands(number / 1_000), number % 1_000),
    }
}

/// Three digits of a time in milliseconds.
pub fn time(milliseconds: f64) -> String {
    match milliseconds {
        ..0.001 => format!("{:.0} ns", milliseconds * 1e6),
        ..1.0 => digits(milliseconds * 1e3) + " µs",
        ..1e3 => digits(milliseconds) + " ms",
        _ => digits(milliseconds / 1e3) + " s",
    }
}

fn digits(number: f64) -> String {
    match number {
        ..9.995 => format!("{number:.2}"),
        ..99.95 => format!("{number:.1}"),
        _ => format!("{number:.0}"),
    }
}

/// `1/12` for what is less than another, else `1.2`.
pub fn ratio(ratio: f64) -> String {
    if ratio < 0.995 { format!("1/{}", digits(1.0 / ratio)) } else { digits(ratio) }
}
