//! What the runs have shown, as Markdown for docs/kernels.md.

use crate::emulator::{Outcome, Run};
use crate::{Band, common, output};
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;
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
    /// Which situations failed, and why others were skipped; with their numbers.
    reasons: BTreeMap<String, usize>,
}

/// The first column of the second table.
const REASONS: &str = "which situations failed; why so many were skipped";

impl Entry {
    /// `None` is a kernel that cannot be had.
    pub fn new(band: &'static str, run: Option<&Run>) -> Self {
        let Some(run) = run else {
            return Self::without_run(band, "the mirror has none that can be downloaded");
        };
        let count = |outcome| run.count(outcome);
        let (passed, failed, skipped) = (count(Outcome::Passed), count(Outcome::Failed), count(Outcome::Skipped));
        let (version, run_count, features) = (&run.version, passed + failed, run.features.join(", "));
        let day = output(Command::new("date").args(["-u", "+%F"])).unwrap();
        let day = day.trim_end();
        let row =
            format!("| {band} | {version} | {day} | {run_count} | {passed} | {failed} | {skipped} | {features} |\n");
        let mut reasons = BTreeMap::new();
        for result in &run.results {
            let reason = match result.outcome {
                Outcome::Passed => continue,
                Outcome::Failed => format!("{} FAILED", result.name),
                Outcome::Skipped => result.output.lines().last().unwrap_or("no reason").to_string(),
            };
            *reasons.entry(reason).or_default() += 1;
        }
        Self { band, row, reasons }
    }

    fn without_run(band: &'static str, reason: &str) -> Self {
        Self { band, row: format!("| {band} | {reason} | | | | | | |\n"), reasons: BTreeMap::new() }
    }

    /// What an earlier run has written.
    fn recorded(band: &'static str, text: &str) -> Self {
        let begin = format!("| {band} | ");
        let Some(row) = text.split_inclusive('\n').find(|line| line.starts_with(&begin)) else {
            return Self::without_run(band, "no run recorded yet");
        };
        let mut lines = text.lines().map(cells).skip_while(|line| line[0] != REASONS);
        let column = lines.next().and_then(|bands| bands.iter().position(|cell| *cell == band));
        let count = |line: &[&str]| line.get(column?)?.parse().ok();
        let reasons = lines.filter_map(|line| Some((line[0].to_string(), count(&line)?))).collect();
        Self { band, row: row.to_string(), reasons }
    }
}

/// The texts in one line of a table.
fn cells(line: &str) -> Vec<&str> {
    line.trim_start_matches('|').trim_end_matches('|').split('|').map(str::trim).collect()
}

pub fn text(entries: &[Entry]) -> String {
    let rows: String = entries.iter().map(|entry| &*entry.row).collect();
    let line = |cells: Vec<&str>| format!("| {} |\n", cells.join(" | "));
    let bands = line([REASONS].into_iter().chain(entries.iter().map(|entry| entry.band)).collect());
    let all: BTreeSet<_> = entries.iter().flat_map(|entry| entry.reasons.keys()).collect();
    let reasons = all.into_iter().map(|reason| {
        let counts = entries.iter().map(|entry| entry.reasons.get(reason).map(usize::to_string).unwrap_or_default());
        let counts: Vec<_> = counts.collect();
        line([&**reason].into_iter().chain(counts.iter().map(|count| &**count)).collect())
    });
    let reasons: String = reasons.collect();
    format!(
        "| | kernel | day | run | passed | failed | skipped | features found |\n\
         |:--|:--|:--|--:|--:|--:|--:|:--|\n{rows}\n{bands}|:--|{}\n{reasons}",
        "--:|".repeat(entries.len())
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
