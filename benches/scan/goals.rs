//! Performance goals, and whether the figures meet them. A missed goal does not fail the benchmark.

use crate::cost::Cost;
use crate::figures::{Figures, Row};
use crate::number::{ratio, thousands, time};
use crate::population::Population;
use crate::program::Timing::{self, First, Later, Whole};
use crate::program::{
    BPF, FULL_BPF, LINKS, LINKS_FD, LINKS_NS, LOAD, LOAD_OWNED, LSNS, NAMES_BPF, OWNED, OWNED_NAMES_BPF, PINNED,
    PINNED_BPF, PLAIN, SAVE, SAVE_OWNED, TREE, WALK, WALK_FACTS, WALK_FILES,
};
use crate::table::{label, table};

struct Goal {
    measure: String,
    among: String,
    at_most: f64,
    measured: Option<f64>,
    /// Formats both values.
    format: fn(f64) -> String,
}

/// Name and timing of a row.
type Which = (&'static str, Timing);

/// A table of all goals, including those that these figures do not cover.
pub fn check(all: &[Figures]) -> String {
    let rows = All(all).goals().into_iter().map(|Goal { measure, among, at_most, measured, format }| {
        let verdict = match measured {
            Some(measured) if measured <= at_most => "ok",
            Some(_) => "MISSED",
            None => "not measured",
        };
        vec![measure, among, format(at_most), measured.map_or(String::new(), format), verdict.to_string()]
    });
    table(&["", "processes", "at most", "measured", ""], rows)
}

struct All<'f>(&'f [Figures]);

impl All<'_> {
    #[rustfmt::skip]
    fn goals(&self) -> Vec<Goal> {
        let plain = Population::plain;
        let (threads, descriptors) = (Population::threads(), Population::descriptors());
        vec![
            self.ratio(plain(10_000), (PLAIN, Whole), (LSNS, Whole), 1.0 / 7.0),
            self.ratio(plain(10_000), (TREE, Whole), (LSNS, Whole), 1.0 / 7.0),
            self.ratio(plain(10_000), (BPF, Whole), (LSNS, Whole), 1.0 / 60.0),
            self.ratio(plain(10_000), (PINNED_BPF, Whole), (LSNS, Whole), 1.0 / 40.0),
            self.ratio(plain(10_000), (PLAIN, Later), (LINKS, Later), 1.35),
            self.ratio(plain(10_000), (SAVE, Later), (PLAIN, Later), 1.0 / 5.0),
            self.ratio(plain(10_000), (LOAD, Later), (PLAIN, Later), 1.0 / 3.0),
            // A scan without names takes less time, so these goals are harder than with their own.
            self.ratio(plain(10_000), (SAVE_OWNED, Later), (OWNED, Later), 1.0 / 5.0),
            self.ratio(plain(10_000), (LOAD_OWNED, Later), (OWNED, Later), 1.0 / 3.0),
            self.ratio(plain(10_000), (OWNED, Later), (LINKS_NS, Later), 1.35),
            self.ratio(plain(10_000), (PINNED, Later), (LINKS_FD, Later), 1.35),
            self.ratio(plain(10_000), (BPF, Later), (WALK, Later), 2.0),
            self.ratio(plain(10_000), (FULL_BPF, Later), (WALK_FACTS, Later), 2.0),
            self.ratio(plain(10_000), (NAMES_BPF, Later), (BPF, Later), 1.5),
            self.ratio(plain(10_000), (OWNED_NAMES_BPF, Later), (BPF, Later), 2.5),
            self.ratio(plain(10_000), (PINNED_BPF, Later), (BPF, Later), 4.0),
            self.ratio(threads, (PINNED_BPF, Later), (BPF, Later), 10.0),
            self.ratio_or(descriptors, (PINNED_BPF, Later), (BPF, Later), 10.0, (WALK_FILES, Later), 1.5),
            self.ratio(threads, (BPF, Later), (PLAIN, Later), 1.0),
            self.time(plain(200), (BPF, First), 3.0),
            self.ratio(plain(100), (TREE, Whole), (LINKS, Whole), 2.0),
            self.peak(plain(10_000), (PLAIN, Whole), 6.0),
            self.peak(plain(10_000), (BPF, Whole), 6.0),
            self.peak(plain(10_000), (PINNED_BPF, Whole), 8.0),
            self.growth((30_000, 10_000), (PLAIN, Later), 1.3),
            self.growth((30_000, 10_000), (BPF, Later), 1.3),
            self.user_share(plain(30_000), (PLAIN, Later), 0.1),
        ]
    }

    fn row(&self, among: Population, (name, timing): Which) -> Option<&Row> {
        self.0.iter().find(|figures| figures.population == among)?.row(name, timing)
    }

    fn ratio_of(&self, among: Population, one: Which, other: Which) -> Option<f64> {
        Some(self.row(among, one)?.ratio_to(self.row(among, other)?))
    }

    fn ratio(&self, among: Population, one: Which, other: Which, at_most: f64) -> Goal {
        let measured = self.ratio_of(among, one, other);
        let measure = format!("{} / {}", label(one), label(other));
        Goal { measure, among: among.short_title(), at_most, measured, format: ratio }
    }

    /// The same, but the limit is higher if a multiple of a floor is.
    fn ratio_or(&self, among: Population, one: Which, other: Which, at_most: f64, floor: Which, times: f64) -> Goal {
        let goal = self.ratio(among, one, other, at_most);
        let measure = format!("{}, or {times} × {}", goal.measure, label(floor));
        let at_most = self.ratio_of(among, floor, other).map_or(at_most, |floor| at_most.max(times * floor));
        Goal { measure, at_most, ..goal }
    }

    fn time(&self, among: Population, which: Which, at_most: f64) -> Goal {
        let measured = self.row(among, which).map(|row| row.cost().wall);
        Goal { measure: label(which), among: among.short_title(), at_most, measured, format: time }
    }

    /// Peak memory in MB.
    fn peak(&self, among: Population, which: Which, at_most: f64) -> Goal {
        let measured = self.row(among, which).and_then(|row| row.cost().peak).map(|kib| kib * 1024.0 / 1e6);
        let measure = format!("peak memory of {}", label(which));
        Goal { measure, among: among.short_title(), at_most, measured, format: |mb| format!("{mb:.1} MB") }
    }

    /// Time per process among many processes, divided by that among few: whether the cost is linear.
    fn growth(&self, (many, few): (usize, usize), which: Which, at_most: f64) -> Goal {
        let per_process =
            |processes| Some(self.row(Population::plain(processes), which)?.cost().wall / processes as f64);
        let measured = per_process(many).zip(per_process(few)).map(|(many, few)| many / few);
        let measure = format!("time per process of {}", label(which));
        let among = format!("{} / {}", thousands(many), thousands(few));
        Goal { measure, among, at_most, measured, format: ratio }
    }

    /// User CPU time divided by all CPU time. This limits the cost of assembling the tree, which is done in user space.
    fn user_share(&self, among: Population, which: Which, at_most: f64) -> Goal {
        let measured = self.row(among, which).map(Row::cost).map(|Cost { user, system, .. }| user / (user + system));
        let measure = format!("user CPU time / CPU time of {}", label(which));
        Goal { measure, among: among.short_title(), at_most, measured, format: ratio }
    }
}
