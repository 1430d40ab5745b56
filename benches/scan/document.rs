//! Writes a report into the documentation.

use crate::common::{root, update_page};
use crate::report::Report;
use std::fs;

const PAGE: &str = "docs/performance.md";
const PLOT: &str = "docs/scan.svg";

pub fn update(report: &Report) {
    update_page(PAGE, "cargo bench -- --update", |_| report.summary.clone());
    if let Some(svg) = &report.plot {
        fs::write(root().join(PLOT), svg).unwrap();
        println!("Updated {PLOT}");
    }
}

pub fn update_growth(table: String) {
    update_page(PAGE, "cargo bench -- growth --update", |_| table);
}

pub fn update_probe(table: String) {
    update_page(PAGE, "cargo bench -- probe --update", |_| table);
}

pub fn update_hostile(table: String) {
    update_page("SECURITY.md", "cargo bench -- hostile --update", |_| table);
}
