//! What is to hold, and whether it does. A goal that is missed does not fail the benchmark.

use crate::cost::Cost;
use crate::figures::{Figures, Row};
use crate::program::Timing::{self, First, Later, Whole};
use crate::program::{BPF, LINKS, LSNS, PLAIN, TREE, WALK};
use crate::table::{label, ratio, table, thousands, time};

struct Goal {
    measure: String,
    most: f64,
    measured: Option<f64>,
    /// How both are written.
    write: fn(f64) -> String,
}

type Which = (&'static str, Timing);

/// A table of all, also of those that cannot be told from these figures.
pub fn check(all: &[Figures]) -> String {
    let head = ["", "at most", "measured", ""].map(String::from).to_vec();
    let rows = All(all).goals().into_iter().map(|Goal { measure, most, measured, write }| {
        let verdict = match measured {
            Some(measured) if measured <= most => "ok",
            Some(_) => "MISSED",
            None => "not measured",
        };
        vec![measure, write(most), measured.map_or(String::new(), write), verdict.to_string()]
    });
    table(&[head].into_iter().chain(rows).collect::<Vec<_>>())
}

struct All<'f>(&'f [Figures]);

impl All<'_> {
    #[rustfmt::skip]
    fn goals(&self) -> Vec<Goal> {
        vec![
            self.ratio(10_000, (PLAIN, Whole), (LSNS, Whole), 1.0 / 7.0),
            self.ratio(10_000, (TREE, Whole), (LSNS, Whole), 1.0 / 7.0),
            self.ratio(10_000, (BPF, Whole), (LSNS, Whole), 1.0 / 60.0),
            self.ratio(10_000, (PLAIN, Later), (LINKS, Later), 1.35),
            self.ratio(10_000, (BPF, Later), (WALK, Later), 2.0),
            self.threads((BPF, Later), (PLAIN, Later), 1.0),
            self.time(200, (BPF, First), 3.0),
            self.ratio(100, (TREE, Whole), (LINKS, Whole), 2.0),
            self.peak(10_000, (PLAIN, Whole), 6.0),
            self.peak(10_000, (BPF, Whole), 6.0),
            self.growth((PLAIN, Later), 1.3),
            self.growth((BPF, Later), 1.3),
            self.assembly(0.1),
        ]
    }

    fn row(&self, (processes, threads): (usize, usize), (name, timing): Which) -> Option<&Row> {
        let is_it = |figures: &&Figures| {
            let population = figures.population;
            (population.processes, population.threads, population.held) == (processes, threads, 0)
        };
        self.0.iter().find(is_it)?.row(name, timing)
    }

    fn ratio(&self, processes: usize, one: Which, other: Which, most: f64) -> Goal {
        let measured = self.ratio_among((processes, 1), one, other);
        let measure = format!("{} processes: {} to {}", thousands(processes), label(one), label(other));
        Goal { measure, most, measured, write: ratio }
    }

    fn ratio_among(&self, among: (usize, usize), one: Which, other: Which) -> Option<f64> {
        Some(self.row(among, one)?.ratio_to(self.row(among, other)?))
    }

    fn threads(&self, one: Which, other: Which, most: f64) -> Goal {
        let measured = self.ratio_among((1_000, 50), one, other);
        let measure = format!("1,000 processes with 50 threads each: {} to {}", label(one), label(other));
        Goal { measure, most, measured, write: ratio }
    }

    fn time(&self, processes: usize, which: Which, most: f64) -> Goal {
        let measured = self.row((processes, 1), which).map(|row| row.cost().wall);
        let measure = format!("{} processes: {}", thousands(processes), label(which));
        Goal { measure, most, measured, write: time }
    }

    fn peak(&self, processes: usize, which: Which, most: f64) -> Goal {
        let measured = self.row((processes, 1), which).and_then(|row| row.cost().peak);
        let measure = format!("{} processes: peak memory, {}", thousands(processes), label(which));
        Goal { measure, most, measured: measured.map(|kib| kib * 1024.0 / 1e6), write: |mb| format!("{mb:.1} MB") }
    }

    fn growth(&self, which: Which, most: f64) -> Goal {
        let each = |processes| Some(self.row((processes, 1), which)?.cost().wall / processes as f64);
        let measured = each(30_000).zip(each(10_000)).map(|(many, few)| many / few);
        let measure = format!("30,000 to 10,000 processes: time per process, {}", label(which));
        Goal { measure, most, measured, write: ratio }
    }

    /// The tree is assembled outside the kernel, so it takes no more than the share of time that a scan is there.
    fn assembly(&self, most: f64) -> Goal {
        let row = self.row((30_000, 1), (PLAIN, Later));
        let measured = row.map(Row::cost).map(|Cost { user, system, .. }| user / (user + system));
        let measure = "30,000 processes: share of user CPU, tree assembly and more, plain scan".to_string();
        Goal { measure, most, measured, write: |share| format!("{:.1} %", share * 1e2) }
    }
}
