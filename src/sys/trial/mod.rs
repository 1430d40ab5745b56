//! Makes namespaces for a trial, in child processes: clone(2), unshare(2), mount(2).
//!
//! The caller makes a first process, as fork(3) makes one: only a seccomp filter that ends a process for that ends the
//! caller. All else is done by the first process and its children. Each has memory of its own, since they change
//! credentials, see `apart.rs`, and so that a filter which kills with a core dump does not kill the caller. They send no
//! SIGCHLD, and tell the caller what they find in shared memory.
//!
//! The first process has an empty descriptor table of its own, where it can. It and its children end with the caller.

mod calls;
mod monitor;
mod record;
mod steps;

pub use record::{Call, Experiment, LABEL, STEPS, Step};

use super::clock::Start;
use super::{Errno, left, signal, worker};
use record::{EXPERIMENTS, LATE, Record, Shared};
use std::ffi::{CStr, c_int, c_void};
use std::sync::atomic::Ordering;
use steps::Task;

/// So many microseconds after the beginning of a trial, no process of it is waited for any more by its parent.
const MOST_TIME: u64 = 8_000_000;
/// So long the programs that write maps are waited for, together.
const HELPER_TIME: u64 = 5_000_000;
/// So long the caller waits for the first process: it ends earlier by itself, unless a system call blocks.
const CALLER_TIME: u64 = 10_000_000;
/// And so long a process that has been killed.
const MOMENT: u64 = 500_000;

/// Enough for a few nested system calls, and for formatting numbers.
const STACK_SIZE: usize = 32 * 1024;

/// What is to be tried.
#[derive(Clone, Copy)]
pub struct Wish<'w> {
    pub steps: [bool; STEPS.len()],
    /// One namespace after the other, by unshare(2), instead of all by one clone(2).
    pub one_by_one: bool,
    /// The caller's effective ids, to be mapped to 0.
    pub uid: u32,
    pub gid: u32,
    /// The programs that map more ids, instead.
    pub mappers: Option<[Mapper<'w>; 2]>,
}

/// How newuidmap(1) or newgidmap(1) is called.
#[derive(Clone, Copy)]
pub struct Mapper<'w> {
    pub program: &'w CStr,
    pub id: u32,
    /// The further ids.
    pub start: u32,
    pub count: u32,
}

/// What came of it.
pub struct Outcome {
    /// The errno value and the call that failed; 0 if it worked; `None` if the step was not tried.
    pub steps: [Option<(i32, Call)>; STEPS.len()],
    /// The signal that ended a process of the trial, and what it has ended; instead of a signal, `None` if that took too
    /// long.
    pub interruption: Option<(Option<i32>, Step, Call)>,
    /// The status of a program that failed, see wait(2); otherwise 0.
    pub helper: i32,
    /// The label of AppArmor after something was refused, up to a NUL byte.
    pub label: [u8; LABEL],
    experiments: [Option<i32>; EXPERIMENTS.len()],
}

impl Outcome {
    /// The errno value of an experiment, 0 if it worked; `None` if it was not made.
    pub fn experiment(&self, experiment: Experiment) -> Option<i32> {
        self.experiments[experiment as usize]
    }

    fn of(record: &Record, status: Result<c_int, Errno>) -> Outcome {
        if let Ok(status) = status {
            if libc::WIFSIGNALED(status) {
                record.interrupt(libc::WTERMSIG(status));
            }
        }
        Outcome {
            steps: STEPS.map(|step| record.error(step).map(|error| (error, record.failed_call(step)))),
            interruption: record
                .interruption()
                .map(|(signal, step, call)| ((signal != LATE).then_some(signal), step, call)),
            helper: record.helper.load(Ordering::Acquire),
            label: record.label(),
            experiments: EXPERIMENTS.map(|experiment| record.experiment(experiment)),
        }
    }
}

/// Whether the program runs under valgrind, which ends it if it calls clone(2) in another way than libc. Valgrind hides the vDSO,
/// see vdso(7), and does not know clone3(2). Only without a vDSO clone3(2) is called, for which a filter can end the caller.
fn is_under_valgrind() -> bool {
    // SAFETY: the call takes no pointer.
    let has_vdso = unsafe { libc::getauxval(libc::AT_SYSINFO_EHDR) } != 0;
    !has_vdso && !worker::is_available()
}

/// Makes a trial. ENOSYS: the program runs under valgrind. EAGAIN: too many processes of the caller are left behind, see `left.rs`.
pub fn run(wish: &Wish) -> Result<Outcome, Errno> {
    if is_under_valgrind() {
        return Err(Errno(libc::ENOSYS));
    }
    if !left::has_room() {
        return Err(Errno(libc::EAGAIN));
    }
    match attempt(wish, true)? {
        Some(outcome) => Ok(outcome),
        // Before Linux 5.9, or a filter refuses close_range(2). The first process then has copies of all descriptors.
        None => attempt(wish, false)?.ok_or(Errno(libc::EAGAIN)),
    }
}

/// `None`: the first process has no descriptor table of its own, and has done nothing.
fn attempt(wish: &Wish, shares_descriptors: bool) -> Result<Option<Outcome>, Errno> {
    let shared = Shared::new()?;
    let record = shared.record();
    let mut stacks: Vec<u128> = Vec::new();
    stacks.try_reserve_exact(3 * STACK_SIZE / size_of::<u128>())?;
    let top =
        |number: usize| stacks.as_ptr().cast::<u8>().wrapping_add(number * STACK_SIZE).cast_mut().cast::<c_void>();
    let caller = super::pidfd::own_pid();
    let stacks = [top(1), top(2), top(3)];
    let task = Task { wish, record, start: Start::now(), caller, shares_descriptors, stacks, made: 0 };
    let flags = if shares_descriptors { libc::CLONE_FILES } else { 0 };
    // No handler of the caller runs in the child, which keeps them blocked.
    let signals = signal::block_all();
    // SAFETY: the child has copies of the stacks, which nothing else uses, and of `task`.
    let started = unsafe { calls::clone(monitor::enter, task.stacks[0], flags, (&raw const task).cast()) };
    drop(signals);
    let status = match started {
        Ok(pid) => wait_for(pid, record),
        Err(errno) if errno.is_exhaustion() => return Err(errno),
        Err(errno) => {
            record.fail(Step::Create, Call::Fork, errno);
            return Ok(Some(Outcome::of(record, Ok(0))));
        }
    };
    let is_separate = record.is_separate.load(Ordering::Acquire) != 0;
    // A filter can kill the first process before that, though not the second time for close_range(2).
    let is_killed = !shares_descriptors && status.is_ok_and(|status| libc::WIFSIGNALED(status));
    Ok((is_separate || is_killed).then(|| Outcome::of(record, status)))
}

/// Waits for the first process, and kills it if that takes too long.
fn wait_for(pid: c_int, record: &Record) -> Result<c_int, Errno> {
    let ended = calls::wait_for(pid, CALLER_TIME);
    if ended != Err(Errno(libc::ETIMEDOUT)) {
        return ended;
    }
    record.interrupt(LATE);
    calls::kill(pid);
    let ended = calls::wait_for(pid, MOMENT);
    if ended == Err(Errno(libc::ETIMEDOUT)) {
        left::keep(pid, Vec::new());
    }
    ended
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trial_tells_what_works() {
        // SAFETY: the calls take nothing and cannot fail.
        let (uid, gid) = unsafe { (libc::geteuid(), libc::getegid()) };
        for one_by_one in [false, true] {
            let wish = Wish { steps: [true; STEPS.len()], one_by_one, uid, gid, mappers: None };
            let outcome = run(&wish).unwrap();
            let [first, ..] = outcome.steps;
            assert!(first.is_some() && outcome.interruption.is_none());
        }
    }
}
