//! Writes a report into the documentation.

use crate::common;
use crate::report::Report;
use std::fs;

const PAGE: &str = "docs/performance.md";
const PLOT: &str = "docs/scan.svg";
/// The generated part of the page is between these lines.
const BEGIN: &str = "<!-- begin: written by cargo bench -- --update -->\n";
const END: &str = "<!-- end: written by cargo bench -- --update -->\n";

pub fn update(report: &Report) {
    let path = common::root().join(PAGE);
    let page = replace(&fs::read_to_string(&path).unwrap(), &report.summary);
    fs::write(path, page.unwrap_or_else(|| panic!("{PAGE} lacks the lines\n{BEGIN}{END}"))).unwrap();
    if let Some(svg) = &report.plot {
        fs::write(common::root().join(PLOT), svg).unwrap();
    }
    println!("Updated {PAGE} and {PLOT}");
}

fn replace(page: &str, summary: &str) -> Option<String> {
    let (before, rest) = page.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    Some(format!("{before}{BEGIN}\n{summary}\n{END}{after}"))
}
