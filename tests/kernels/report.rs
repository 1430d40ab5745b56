//! What the runs have shown, as Markdown for docs/kernels.md.

use crate::emulator::{Outcome, Run};
use crate::{Band, common};
use std::collections::BTreeMap;
use std::sync::Mutex;

/// A part of the page, between two comments.
pub struct Table {
    /// `kernels` is written by `make check-kernels`.
    pub name: &'static str,
    pub bands: &'static [Band],
}

/// What the page says about one band.
#[derive(Clone)]
pub struct Entry {
    band: &'static str,
    row: String,
    /// Rows of a second table.
    reasons: Vec<String>,
}

impl Entry {
    /// `None` is a kernel that cannot be had.
    pub fn new(band: &'static str, run: Option<&Run>) -> Self {
        let Some(run) = run else {
            return Self::without_run(band, "the mirror has none that can be downloaded");
        };
        let count = |outcome| run.count(outcome);
        let (passed, failed, skipped) = (count(Outcome::Passed), count(Outcome::Failed), count(Outcome::Skipped));
        let (version, run_count, features) = (&run.version, passed + failed, run.features.join(", "));
        let row = format!("| {band} | {version} | {run_count} | {passed} | {failed} | {skipped} | {features} |\n");
        let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
        for result in &run.results {
            let reason = match result.outcome {
                Outcome::Passed => continue,
                Outcome::Failed => format!("{} FAILED", result.name),
                Outcome::Skipped => result.output.lines().last().unwrap_or("no reason").to_string(),
            };
            *reasons.entry(reason).or_default() += 1;
        }
        let reasons = reasons.iter().map(|(reason, count)| format!("| {band} | {count} | {reason} |\n")).collect();
        Self { band, row, reasons }
    }

    fn without_run(band: &'static str, reason: &str) -> Self {
        Self { band, row: format!("| {band} | {reason} | | | | | |\n"), reasons: Vec::new() }
    }

    /// What an earlier run has written: the first line that begins with the band, and the others.
    fn recorded(band: &'static str, text: &str) -> Self {
        let begin = format!("| {band} | ");
        let mut rows = text.split_inclusive('\n').filter(|line| line.starts_with(&begin)).map(String::from);
        match rows.next() {
            Some(row) => Self { band, row, reasons: rows.collect() },
            None => Self::without_run(band, "no run recorded yet"),
        }
    }
}

pub fn text(entries: &[Entry]) -> String {
    let rows: String = entries.iter().map(|entry| &*entry.row).collect();
    let reasons: String = entries.iter().flat_map(|entry| &entry.reasons).map(String::as_str).collect();
    format!(
        "| | kernel | run | passed | failed | skipped | features found |\n|:--|:--|--:|--:|--:|--:|:--|\n{rows}\n\
         | | situations | why they were skipped; which failed |\n|:--|--:|:--|\n{reasons}"
    )
}

/// Writes it into the page. Those of other bands stay.
pub fn update(new: &Entry, table: &Table) {
    static WRITING: Mutex<()> = Mutex::new(());
    let _writing = WRITING.lock().unwrap();
    common::update_page("docs/kernels.md", &format!("make check-{}", table.name), |old| {
        let entry = |band: &Band| if band.name == new.band { new.clone() } else { Entry::recorded(band.name, old) };
        text(&table.bands.iter().map(entry).collect::<Vec<_>>())
    });
}
