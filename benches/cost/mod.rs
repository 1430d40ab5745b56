//! What it costs to run something: wall clock time, CPU time and memory, see getrusage(2).

use std::ffi::OsStr;
use std::io::Error;
use std::mem;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What one run took; times are in milliseconds.
pub struct Cost {
    pub wall: f64,
    pub user: f64,
    pub system: f64,
    /// The most memory in use at a time, in KiB; of whole processes only.
    pub peak: Option<f64>,
}

/// Does something in this process.
pub fn of_call<T>(act: impl FnOnce() -> T) -> (Cost, T) {
    let before = own_usage();
    let begin = Instant::now();
    let result = act();
    let wall = milliseconds(begin);
    let after = own_usage();
    let user = cpu_time(after.ru_utime) - cpu_time(before.ru_utime);
    let system = cpu_time(after.ru_stime) - cpu_time(before.ru_stime);
    (Cost { wall, user, system, peak: None }, result)
}

/// Runs a program that has to succeed, and drops its output.
///
/// The standard library starts programs in the way of vfork(2): the child shares this process's memory until it
/// executes the program, and its peak would begin with this process's, as execve(2) preserves resource usage. Where
/// something is to be done before that, it uses fork(2), after which a child of a small process begins small.
pub fn of_program(argv: &[&OsStr]) -> Cost {
    let mut command = command(argv);
    // SAFETY: what the child does is nothing.
    unsafe { command.pre_exec(|| Ok(())) };
    let begin = Instant::now();
    let pid = command.spawn().unwrap().id();
    let usage = wait(pid as libc::pid_t);
    let wall = milliseconds(begin);
    let (user, system) = (cpu_time(usage.ru_utime), cpu_time(usage.ru_stime));
    Cost { wall, user, system, peak: Some(usage.ru_maxrss as f64) }
}

/// A command whose output is dropped. In the directories that cargo names to it, the dynamic loader would try many
/// files in vain, which it does not in a shell; see ld.so(8).
pub fn command(argv: &[&OsStr]) -> Command {
    let mut command = Command::new(argv[0]);
    command.args(&argv[1..]).env_remove("LD_LIBRARY_PATH").stdout(Stdio::null());
    command
}

fn wait(pid: libc::pid_t) -> libc::rusage {
    let mut status = 0;
    // SAFETY: the structure consists of numbers.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the call writes one `c_int` and one `rusage`.
    let waited = unsafe { libc::wait4(pid, &raw mut status, 0, &raw mut usage) };
    assert_eq!(waited, pid, "wait4: {}", Error::last_os_error());
    assert_eq!(status, 0, "the program failed");
    usage
}

fn own_usage() -> libc::rusage {
    // SAFETY: the structure consists of numbers.
    let mut usage: libc::rusage = unsafe { mem::zeroed() };
    // SAFETY: the call writes one `rusage`.
    assert_eq!(unsafe { libc::getrusage(libc::RUSAGE_SELF, &raw mut usage) }, 0);
    usage
}

fn milliseconds(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

fn cpu_time(time: libc::timeval) -> f64 {
    time.tv_sec as f64 * 1e3 + time.tv_usec as f64 / 1e3
}

/// What a run typically takes: medians, but means of the CPU times. Most kernels find out what a process is at only at
/// the ticks of their clock, of which few fall into a short run; see time(7).
pub fn typical(costs: &[Cost]) -> Cost {
    let mean = |of: fn(&Cost) -> f64| costs.iter().map(of).sum::<f64>() / costs.len() as f64;
    Cost {
        wall: median(costs.iter().map(|cost| cost.wall)),
        user: mean(|cost| cost.user),
        system: mean(|cost| cost.system),
        peak: costs.iter().map(|cost| cost.peak).collect::<Option<Vec<f64>>>().map(median),
    }
}

pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values[values.len() / 2]
}
