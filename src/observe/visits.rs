//! Visits processes in a worker, which can be ended if the kernel does not answer.

use super::Procfs;
use crate::error::Error;
use crate::sys::clock::Start;
use crate::sys::worker::{self, Ended};

/// How long a system call may block, in milliseconds, for the first processes and for others. A process inside execve(2)
/// blocks readers until its files are closed.
pub const PATIENCE: u32 = 250;
const LESS_PATIENCE: u32 = 5;
const FIRST: usize = 3;
/// How long the caller's signals may be blocked, in microseconds.
const TIME_SLICE: u64 = 10_000;

/// How long a system call may block, in milliseconds, after so many processes that were stuck.
pub fn patience(stuck: usize) -> u32 {
    if stuck < FIRST { PATIENCE } else { LESS_PATIENCE }
}

/// A sequence of visits.
pub trait Visits {
    /// The procfs that is visited.
    fn procfs(&self) -> &Procfs;

    /// The number of visits.
    fn count(&self) -> usize;

    /// Whether a visit is to the caller, which is made without a worker: that is another process, and may not read the
    /// caller if that is not dumpable, see prctl(2).
    fn is_to_caller(&self, index: usize) -> bool;

    /// Makes a visit. Keeps no descriptor open, and allocates only what `self` owns: if a system call blocks, this function
    /// does not return, and nothing on its stack is dropped.
    fn visit(&mut self, index: usize) -> Result<(), Error>;

    /// Records what is known without a visit, which blocked.
    fn give_up(&mut self, index: usize) -> Result<(), Error>;
}

struct State<'v, V> {
    visits: &'v mut V,
    next: usize,
    result: Result<(), Error>,
}

/// Makes all visits in order.
pub fn run<V: Visits>(visits: &mut V) -> Result<(), Error> {
    let mut state = State { visits, next: 0, result: Ok(()) };
    let mut stuck = 0;
    while state.next < state.visits.count() {
        if state.visits.is_to_caller(state.next) {
            state.visits.visit(state.next)?;
            state.next += 1;
            continue;
        }
        match worker::run(&mut state, run_for_a_while, patience(stuck))? {
            Ended::Returned => state.result?,
            Ended::Stuck => {
                stuck += 1;
                state.visits.give_up(state.next)?;
                state.next += 1;
            }
        }
    }
    Ok(())
}

fn run_for_a_while<V: Visits>(state: &mut State<V>) {
    let start = Start::now();
    if worker::is_running() {
        if let Ok(file) = state.visits.procfs().open_here_or_in_proc(c"thread-self/stat") {
            file.show_state_of_worker();
        }
    }
    let has_work = |state: &State<V>| {
        state.next < state.visits.count() && !state.visits.is_to_caller(state.next) && state.result.is_ok()
    };
    while has_work(state) && start.elapsed_microseconds() < TIME_SLICE {
        state.result = state.visits.visit(state.next);
        state.next += 1;
    }
}
