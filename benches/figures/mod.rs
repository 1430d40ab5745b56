//! What the programs took among one population.

use crate::cost::{self, Cost};
use crate::program::{Program, Timing};
use crate::room::Population;
use std::time::{Duration, Instant};

/// How long everything may run among one population, as long as that is often enough; where it is not, but once takes
/// longer, then only once.
const PATIENCE: Duration = Duration::from_secs(12);
/// How often it is to run: an odd number of times, so that one run is the median.
const ROUNDS: (usize, usize) = (3, 101);
/// Above, strace(1) takes too long.
const MOST_TRACED: usize = 10_000;

pub struct Figures {
    pub population: Population,
    pub rows: Vec<Row>,
    /// What could not be measured, and why.
    pub left_out: Vec<String>,
}

pub struct Row {
    pub name: &'static str,
    pub timing: Timing,
    /// User namespaces that it shows.
    pub seen: Option<usize>,
    /// System calls, of whole processes.
    pub calls: Option<usize>,
    /// One for each round.
    pub costs: Vec<Cost>,
}

impl Figures {
    /// Runs all programs in turn, again and again: what disturbs the host meanwhile disturbs all.
    pub fn measure(population: Population, programs: &[Program], trace: bool) -> Figures {
        let trace = trace && population.processes * population.threads <= MOST_TRACED;
        let (mut able, mut rows, mut left_out) = (Vec::new(), Vec::new(), Vec::new());
        for program in programs {
            // Not only to see: the first to look at a process has the kernel build what it then remembers of it.
            match program.look(population) {
                Ok(seen) => {
                    able.push(program);
                    rows.extend(program.timings.iter().map(|&timing| Row::new(program, timing, seen, trace)));
                }
                Err(reason) => left_out.push(format!("{}: {reason}", program.name)),
            }
        }
        let mut run = || {
            let costs = able.iter().flat_map(|program| program.run());
            rows.iter_mut().zip(costs).for_each(|(row, cost)| row.costs.push(cost));
        };
        let begin = Instant::now();
        run();
        (1..rounds_like(begin.elapsed())).for_each(|_| run());
        Figures { population, rows, left_out }
    }

    pub fn row(&self, name: &str, timing: Timing) -> Option<&Row> {
        self.rows.iter().find(|row| (row.name, row.timing) == (name, timing))
    }

    pub fn rounds(&self) -> usize {
        self.rows.first().map_or(0, |row| row.costs.len())
    }
}

/// How many rounds there are to be, if each takes so long.
fn rounds_like(one: Duration) -> usize {
    match PATIENCE.as_secs_f64() / one.as_secs_f64() {
        ..1.0 => 1,
        fit => (fit as usize).clamp(ROUNDS.0, ROUNDS.1) | 1,
    }
}

impl Row {
    fn new(program: &Program, timing: Timing, seen: Option<usize>, trace: bool) -> Row {
        let calls = (trace && timing == Timing::Whole).then(|| program.count_calls());
        Row { name: program.name, timing, seen, calls, costs: Vec::new() }
    }

    pub fn cost(&self) -> Cost {
        cost::typical(&self.costs)
    }

    /// How many times as long it takes as another one, in the median of the rounds.
    pub fn ratio_to(&self, other: &Row) -> f64 {
        cost::median(self.costs.iter().zip(&other.costs).map(|(cost, other)| cost.wall / other.wall))
    }
}
