//! The tables, as Markdown.

use crate::figures::{Figures, Row};
use crate::number::{ratio, thousands, time};
use crate::program::{LSNS, Timing};

/// A table with a head. The first column is aligned to the left, all others to the right.
pub fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let head = head.iter().map(|cell| cell.to_string()).collect();
    let rows: Vec<Vec<String>> = [head].into_iter().chain(rows).collect();
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

/// The time of each program (rows) among each population (columns).
pub fn times(all: &[Figures]) -> String {
    let titles: Vec<String> = all.iter().map(|figures| figures.population.short_title()).collect();
    let head: Vec<&str> = [""].into_iter().chain(titles.iter().map(String::as_str)).collect();
    let mut names: Vec<(&str, Timing)> = Vec::new();
    for row in all.iter().flat_map(|figures| &figures.rows) {
        if !names.contains(&(row.name, row.timing)) {
            names.push((row.name, row.timing));
        }
    }
    let rows = names.into_iter().map(|(name, timing)| {
        let time = |figures: &Figures| figures.row(name, timing).map_or(String::new(), |row| time(row.cost().wall));
        [label((name, timing))].into_iter().chain(all.iter().map(time)).collect()
    });
    table(&head, rows)
}

/// All figures of each program among one population.
pub fn details(figures: &Figures) -> String {
    let head = ["", "time", "/ lsns", "per process", "user CPU", "system CPU", "memory", "calls", "seen"];
    let lsns = figures.row(LSNS, Timing::Whole);
    table(&head, figures.rows.iter().map(|row| detail(row, lsns, figures.population.processes)))
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

/// The label of a row.
pub fn label((name, timing): (&str, Timing)) -> String {
    match timing {
        Timing::Whole => name.to_string(),
        Timing::First => format!("{name}, first in process"),
        Timing::Later => format!("{name}, in process"),
    }
}
