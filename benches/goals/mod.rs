//! What is to hold, and whether it does. A goal that is missed does not fail the benchmark.

use crate::cost::Cost;
use crate::figures::{Figures, Row};
use crate::program::Timing::{self, First, Later, Whole};
use crate::program::{BPF, LINKS, LSNS, PLAIN, TREE, WALK};
use crate::table::{label, ratio, table, thousands, time};

struct Goal {
    /// Among which population.
    among: String,
    measure: String,
    most: f64,
    measured: Option<f64>,
    /// How both are written.
    write: fn(f64) -> String,
}

type Which = (&'static str, Timing);

/// A table of all, also of those that cannot be told from these figures.
pub fn check(all: &[Figures]) -> String {
    let head = ["", "processes", "at most", "measured", ""].map(String::from).to_vec();
    let rows = All(all).goals().into_iter().map(|Goal { among, measure, most, measured, write }| {
        let verdict = match measured {
            Some(measured) if measured <= most => "ok",
            Some(_) => "MISSED",
            None => "not measured",
        };
        vec![measure, among, write(most), measured.map_or(String::new(), write), verdict.to_string()]
    });
    table(&[head].into_iter().chain(rows).collect::<Vec<_>>())
}

/// A number of processes, and of the threads of each.
type Among = (usize, usize);

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
        let is_it = |figures: &&Figures| {
            let population = figures.population;
            (population.processes, population.threads, population.held) == (processes, threads, 0)
        };
        self.0.iter().find(is_it)?.row(name, timing)
    }

    fn ratio(&self, among: Among, one: Which, other: Which, most: f64) -> Goal {
        let measured = self.row(among, one).zip(self.row(among, other)).map(|(one, other)| one.ratio_to(other));
        let measure = format!("{}, to {}", label(one), label(other));
        Goal { among: name(among), measure, most, measured, write: ratio }
    }

    fn time(&self, among: Among, which: Which, most: f64) -> Goal {
        let measured = self.row(among, which).map(|row| row.cost().wall);
        Goal { among: name(among), measure: label(which), most, measured, write: time }
    }

    fn peak(&self, among: Among, which: Which, most: f64) -> Goal {
        let measured = self.row(among, which).and_then(|row| row.cost().peak).map(|kib| kib * 1024.0 / 1e6);
        let measure = format!("peak memory of {}", label(which));
        Goal { among: name(among), measure, most, measured, write: |mb| format!("{mb:.1} MB") }
    }

    fn growth(&self, (many, few): (usize, usize), which: Which, most: f64) -> Goal {
        let each = |processes| Some(self.row((processes, 1), which)?.cost().wall / processes as f64);
        let measured = each(many).zip(each(few)).map(|(many, few)| many / few);
        let among = format!("{} to {}", thousands(many), thousands(few));
        let measure = format!("time per process of {}", label(which));
        Goal { among, measure, most, measured, write: ratio }
    }

    /// The tree is assembled outside the kernel, so that takes no more than the share of time that a scan is there.
    fn user_share(&self, among: Among, which: Which, most: f64) -> Goal {
        let measured = self.row(among, which).map(Row::cost).map(|Cost { user, system, .. }| user / (user + system));
        let measure = format!("user CPU (tree and more) to all CPU, {}", label(which));
        Goal { among: name(among), measure, most, measured, write: ratio }
    }
}

fn name((processes, threads): Among) -> String {
    let processes = thousands(processes);
    if threads == 1 { processes } else { format!("{processes} × {threads} threads") }
}
