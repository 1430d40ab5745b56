//! Performance goals, and whether the figures meet them. A missed goal does not fail the benchmark.

use crate::cost::Cost;
use crate::figures::{Figures, Row};
use crate::number::{ratio, thousands, time};
use crate::program::Timing::{self, First, Later, Whole};
use crate::program::{BPF, LINKS, LSNS, PLAIN, TREE, WALK};
use crate::table::{label, table};

struct Goal {
    measure: String,
    among: String,
    at_most: f64,
    measured: Option<f64>,
    /// Formats both values.
    format: fn(f64) -> String,
}

/// Number of processes, and of threads per process.
type Among = (usize, usize);
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
        vec![
            self.ratio((10_000, 1), (PLAIN, Whole), (LSNS, Whole), 1.0 / 7.0),
            self.ratio((10_000, 1), (TREE, Whole), (LSNS, Whole), 1.0 / 7.0),
            self.ratio((10_000, 1), (BPF, Whole), (LSNS, Whole), 1.0 / 60.0),
            self.ratio((10_000, 1), (PLAIN, Later), (LINKS, Later), 1.35),
            self.ratio((10_000, 1), (BPF, Later), (WALK, Later), 2.0),
            self.ratio((1_000, 50), (BPF, Later), (PLAIN, Later), 1.0),
            self.time((200, 1), (BPF, First), 3.0),
            self.ratio((100, 1), (TREE, Whole), (LINKS, Whole), 2.0),
            self.peak((10_000, 1), (PLAIN, Whole), 6.0),
            self.peak((10_000, 1), (BPF, Whole), 6.0),
            self.growth((30_000, 10_000), (PLAIN, Later), 1.3),
            self.growth((30_000, 10_000), (BPF, Later), 1.3),
            self.user_share((30_000, 1), (PLAIN, Later), 0.1),
        ]
    }

    fn row(&self, (processes, threads): Among, (name, timing): Which) -> Option<&Row> {
        let is_among = |figures: &&Figures| {
            let population = figures.population;
            (population.processes, population.threads, population.held) == (processes, threads, 0)
        };
        self.0.iter().find(is_among)?.row(name, timing)
    }

    fn ratio(&self, among: Among, one: Which, other: Which, at_most: f64) -> Goal {
        let measured = self.row(among, one).zip(self.row(among, other)).map(|(one, other)| one.ratio_to(other));
        let measure = format!("{} / {}", label(one), label(other));
        Goal { measure, among: title(among), at_most, measured, format: ratio }
    }

    fn time(&self, among: Among, which: Which, at_most: f64) -> Goal {
        let measured = self.row(among, which).map(|row| row.cost().wall);
        Goal { measure: label(which), among: title(among), at_most, measured, format: time }
    }

    /// Peak memory in MB.
    fn peak(&self, among: Among, which: Which, at_most: f64) -> Goal {
        let measured = self.row(among, which).and_then(|row| row.cost().peak).map(|kib| kib * 1024.0 / 1e6);
        let measure = format!("peak memory of {}", label(which));
        Goal { measure, among: title(among), at_most, measured, format: |mb| format!("{mb:.1} MB") }
    }

    /// Time per process among many processes, divided by that among few: whether the cost is linear.
    fn growth(&self, (many, few): (usize, usize), which: Which, at_most: f64) -> Goal {
        let per_process = |processes| Some(self.row((processes, 1), which)?.cost().wall / processes as f64);
        let measured = per_process(many).zip(per_process(few)).map(|(many, few)| many / few);
        let measure = format!("time per process of {}", label(which));
        let among = format!("{} / {}", thousands(many), thousands(few));
        Goal { measure, among, at_most, measured, format: ratio }
    }

    /// User CPU time divided by all CPU time. This limits the cost of assembling the tree, which is done in user space.
    fn user_share(&self, among: Among, which: Which, at_most: f64) -> Goal {
        let measured = self.row(among, which).map(Row::cost).map(|Cost { user, system, .. }| user / (user + system));
        let measure = format!("user CPU time / CPU time of {}", label(which));
        Goal { measure, among: title(among), at_most, measured, format: ratio }
    }
}

fn title((processes, threads): Among) -> String {
    let processes = thousands(processes);
    if threads == 1 { processes } else { format!("{processes} × {threads} threads") }
}
