//! What the runs have shown, as Markdown for docs/kernels.md.

use crate::emulator::{Outcome, Run};
use crate::{Selection, common};
use std::collections::BTreeMap;
use std::fs;

const PAGE: &str = "docs/kernels.md";
const BEGIN: &str = "<!-- begin: written by make check-kernels -->\n";
const END: &str = "<!-- end: written by make check-kernels -->\n";

/// A row for each kernel, and the reasons why situations were skipped.
pub fn text(runs: &[Run], missing: &[&str], selection: &Selection) -> String {
    let mut text = String::new();
    if !missing.is_empty() {
        text += &format!("These kernels could not be had: {}.\n\n", missing.join(", "));
    }
    if !selection.only.is_empty() {
        text += &format!("Only situations whose names contain one of these: {}.\n\n", selection.only.join(", "));
    }
    if !selection.skip.is_empty() {
        text += &format!("Without situations whose names contain one of these: {}.\n\n", selection.skip.join(", "));
    }
    text += "| kernel | run | passed | failed | skipped | features found |\n|:--|--:|--:|--:|--:|:--|\n";
    for run in runs {
        let count = |outcome| run.count(outcome);
        text += &format!(
            "| {} | {} | {} | {} | {} | {} |\n",
            run.version,
            run.results.len() - count(Outcome::Skipped),
            count(Outcome::Passed),
            count(Outcome::Failed),
            count(Outcome::Skipped),
            run.features.join(", ")
        );
    }
    text + "\n" + &reasons(runs)
}

fn reasons(runs: &[Run]) -> String {
    let mut reasons: BTreeMap<&str, BTreeMap<usize, usize>> = BTreeMap::new();
    for (index, run) in runs.iter().enumerate() {
        for skipped in run.results.iter().filter(|result| result.outcome == Outcome::Skipped) {
            let reason = skipped.output.lines().last().unwrap_or("no reason");
            *reasons.entry(reason).or_default().entry(index).or_default() += 1;
        }
    }
    let mut text = String::from("| why situations were skipped | on (number of situations) |\n|:--|:--|\n");
    for (reason, kernels) in reasons {
        let on: Vec<_> = kernels.iter().map(|(&index, count)| format!("{} ({count})", runs[index].version)).collect();
        text += &format!("| {reason} | {} |\n", on.join(", "));
    }
    text
}

/// Writes it into the page.
pub fn update(text: &str) {
    let path = common::root().join(PAGE);
    let page = fs::read_to_string(&path).unwrap();
    let parts = page.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) = parts.unwrap_or_else(|| panic!("{PAGE} lacks the lines\n{BEGIN}{END}"));
    fs::write(path, format!("{before}{BEGIN}\n{text}\n{END}{after}")).unwrap();
    println!("Updated {PAGE}");
}
