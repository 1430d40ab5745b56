//! Writes a report into the documentation.

use crate::common;
use crate::report::Report;
use std::fs;

const PAGE: &str = "docs/performance.md";
const PLOT: &str = "docs/scan.svg";

pub fn update(report: &Report) {
    replace(PAGE, "cargo bench -- --update", &report.summary);
    if let Some(svg) = &report.plot {
        fs::write(common::root().join(PLOT), svg).unwrap();
    }
    println!("Updated {PAGE} and {PLOT}");
}

pub fn update_growth(table: &str) {
    replace(PAGE, "cargo bench -- growth --update", table);
    println!("Updated {PAGE}");
}

pub fn update_probe(table: &str) {
    replace(PAGE, "cargo bench -- probe --update", table);
    println!("Updated {PAGE}");
}

pub fn update_hostile(table: &str) {
    const PAGE: &str = "SECURITY.md";
    replace(PAGE, "cargo bench -- hostile --update", table);
    println!("Updated {PAGE}");
}

/// Replaces the part of a page that a command generates.
fn replace(page_name: &str, command: &str, text: &str) {
    let (begin, end) =
        (format!("<!-- begin: written by {command} -->\n"), format!("<!-- end: written by {command} -->\n"));
    let path = common::root().join(page_name);
    let page = fs::read_to_string(&path).unwrap();
    let parts = page.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?.1)));
    let (before, after) = parts.unwrap_or_else(|| panic!("{page_name} lacks the lines\n{begin}{end}"));
    fs::write(path, format!("{before}{begin}\n{text}\n{end}{after}")).unwrap();
}
