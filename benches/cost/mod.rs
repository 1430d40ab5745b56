//! What it costs to run a program: wall clock time, CPU time and memory, see getrusage(2).

use std::ffi::{OsStr, OsString};
use std::io::Error;
use std::mem;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

/// What one run took; times are in milliseconds.
#[derive(Clone, Copy)]
pub struct Cost {
    pub wall: f64,
    pub user: f64,
    pub system: f64,
    /// The most memory in use at a time, in KiB; of whole processes only.
    pub peak: Option<f64>,
}

/// Runs a program that has to succeed, and drops its output.
///
/// The standard library starts programs in the way of vfork(2): the child shares this process's memory until it
/// executes the program, and its peak would begin with this process's, as execve(2) preserves resource usage. Where
/// something is to be done before that, it uses fork(2), after which a child of a small process begins small.
pub fn of_program(argv: &[OsString]) -> Cost {
    let mut command = command(argv);
    // SAFETY: what the child does is nothing.
    unsafe { command.stdout(Stdio::null()).pre_exec(|| Ok(())) };
    let begin = Instant::now();
    let pid = command.spawn().unwrap().id();
    let usage = wait(pid as libc::pid_t);
    let wall = begin.elapsed().as_secs_f64() * 1e3;
    let (user, system) = (cpu_time(usage.ru_utime), cpu_time(usage.ru_stime));
    Cost { wall, user, system, peak: Some(usage.ru_maxrss as f64) }
}

/// Runs a program that has to succeed and times what it does several times itself, see benches/timing.h.
pub fn of_each_time(argv: &[OsString]) -> Vec<Cost> {
    let output = command(argv).output().unwrap();
    assert!(output.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().filter_map(parse_time).collect()
}

fn parse_time(line: &str) -> Option<Cost> {
    let microseconds = line.strip_prefix("time ")?.split(' ').map(|number| number.parse::<f64>().unwrap());
    let [wall, user, system] = microseconds.map(|time| time / 1e3).collect::<Vec<f64>>().try_into().unwrap();
    Some(Cost { wall, user, system, peak: None })
}

/// A command. In the directories that cargo names to it, the dynamic loader would try many files in vain, which it does
/// not in a shell; see ld.so(8).
pub fn command(argv: &[impl AsRef<OsStr>]) -> Command {
    let mut command = Command::new(&argv[0]);
    command.args(&argv[1..]).env_remove("LD_LIBRARY_PATH");
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

/// Of an even number of values, the lower one of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values[(values.len() - 1) / 2]
}
