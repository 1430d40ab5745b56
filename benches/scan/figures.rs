//! Figures: what each program costs among one population.

use crate::cost::{self, Cost};
use crate::population::Population;
use crate::program::{Program, Timing};
use std::time::{Duration, Instant};

/// Number of rounds that fit into the time budget, at least and at most: odd, so that one round is the median. If one
/// round exceeds the budget, it is the only one.
const ROUNDS: (usize, usize) = (3, 101);
/// With more threads, strace(1) takes too long.
const MOST_TRACED: usize = 10_000;

pub struct Figures {
    pub population: Population,
    pub rows: Vec<Row>,
    /// Programs that cannot run here, and why.
    pub left_out: Vec<String>,
}

pub struct Row {
    pub name: &'static str,
    /// Whether the program uses the baseline library.
    pub is_baseline: bool,
    pub timing: Timing,
    /// Number of user namespaces that the program shows.
    pub seen: Option<usize>,
    /// Number of system calls of the whole process.
    pub calls: Option<usize>,
    /// One cost per round.
    pub costs: Vec<Cost>,
}

impl Figures {
    /// Runs all programs in turn, round after round, so that other load on the machine affects all of them. Every
    /// second round runs in reverse, so that no program always follows the same one.
    pub fn measure(population: Population, programs: &[Program], trace: bool, budget: Duration) -> Figures {
        let trace = trace && population.processes * population.threads <= MOST_TRACED;
        let (mut able, mut left_out) = (Vec::new(), Vec::new());
        for program in programs {
            // This also warms up: the kernel creates and caches the inodes of a process when they are first used.
            match program.look(population) {
                Ok(seen) => {
                    let row = |&timing| Row::new(program, timing, seen, trace);
                    able.push((program, program.timings.iter().map(row).collect::<Vec<Row>>()));
                }
                Err(reason) => left_out.push(format!("{}: {reason}", program.title())),
            }
        }
        let begin = Instant::now();
        run_round(able.iter_mut());
        for round in 1..number_of_rounds(begin.elapsed(), budget) {
            match round % 2 {
                0 => run_round(able.iter_mut()),
                _ => run_round(able.iter_mut().rev()),
            }
        }
        Figures { population, rows: able.into_iter().flat_map(|(_, rows)| rows).collect(), left_out }
    }

    pub fn row(&self, name: &str, timing: Timing) -> Option<&Row> {
        self.find(name, timing, false)
    }

    /// The row of the same scan with the baseline library.
    pub fn baseline_of(&self, row: &Row) -> Option<&Row> {
        self.find(row.name, row.timing, true)
    }

    fn find(&self, name: &str, timing: Timing, is_baseline: bool) -> Option<&Row> {
        self.rows.iter().find(|row| (row.name, row.timing, row.is_baseline) == (name, timing, is_baseline))
    }

    pub fn rounds(&self) -> usize {
        self.rows.first().map_or(0, |row| row.costs.len())
    }
}

fn run_round<'r, 'p: 'r>(programs: impl Iterator<Item = &'r mut (&'p Program, Vec<Row>)>) {
    for (program, rows) in programs {
        rows.iter_mut().zip(program.run()).for_each(|(row, cost)| row.costs.push(cost));
    }
}

fn number_of_rounds(one: Duration, budget: Duration) -> usize {
    match budget.as_secs_f64() / one.as_secs_f64() {
        ..1.0 => 1,
        fit => (fit as usize).clamp(ROUNDS.0, ROUNDS.1) | 1,
    }
}

impl Row {
    fn new(program: &Program, timing: Timing, seen: Option<usize>, trace: bool) -> Row {
        let calls = (trace && timing == Timing::Whole).then(|| program.count_calls());
        let Program { name, is_baseline, .. } = *program;
        Row { name, is_baseline, timing, seen, calls, costs: Vec::new() }
    }

    pub fn cost(&self) -> Cost {
        cost::typical(&self.costs)
    }

    /// Wall clock time divided by that of another row, round by round.
    pub fn ratios_to(&self, other: &Row) -> Vec<f64> {
        self.costs.iter().zip(&other.costs).map(|(cost, other)| cost.wall / other.wall).collect()
    }

    /// The median of the ratios.
    pub fn ratio_to(&self, other: &Row) -> f64 {
        cost::median(self.ratios_to(other))
    }
}
