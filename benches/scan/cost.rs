//! The cost of running a program: wall clock time, CPU time and memory, see getrusage(2).

use std::ffi::{OsStr, OsString};
use std::io::Error;
use std::mem;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::time::Instant;

/// The cost of one run. Times are in milliseconds.
#[derive(Clone, Copy)]
pub struct Cost {
    pub wall: f64,
    pub user: f64,
    pub system: f64,
    /// Peak resident memory in KiB, for whole processes only.
    pub peak: Option<f64>,
}

/// Runs a program, drops its output, and panics if the program fails.
///
/// By default the standard library starts a program as vfork(2) does: the child shares the memory of this process until
/// execve(2), which preserves resource usage, so the peak of the program would include that of this process. With a
/// `pre_exec` function it uses fork(2) instead, and the peak of the child starts low.
pub fn of_program(argv: &[OsString]) -> Cost {
    let mut command = command(argv);
    // SAFETY: the function does nothing.
    unsafe { command.stdout(Stdio::null()).pre_exec(|| Ok(())) };
    let begin = Instant::now();
    let pid = command.spawn().unwrap().id();
    let usage = wait(pid as libc::pid_t);
    let wall = begin.elapsed().as_secs_f64() * 1e3;
    let (user, system) = (cpu_time(usage.ru_utime), cpu_time(usage.ru_stime));
    Cost { wall, user, system, peak: Some(usage.ru_maxrss as f64) }
}

/// Runs a program that times each repetition itself, see benches/timing.h. Panics if it fails.
pub fn of_each_time(argv: &[OsString]) -> Vec<Cost> {
    let output = command(argv).output().unwrap();
    assert!(output.status.success(), "{argv:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8_lossy(&output.stdout).lines().filter_map(parse_time).collect()
}

pub fn parse_time(line: &str) -> Option<Cost> {
    let microseconds = line.strip_prefix("time ")?.split(' ').map(|number| number.parse::<f64>().unwrap());
    let [wall, user, system] = microseconds.map(|time| time / 1e3).collect::<Vec<f64>>().try_into().unwrap();
    Some(Cost { wall, user, system, peak: None })
}

/// A command without the LD_LIBRARY_PATH that cargo sets: the dynamic loader would search these directories first, see
/// ld.so(8), which it does not do for a program that a shell starts.
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

/// The typical cost: medians of wall clock time and memory, means of CPU times. Most kernels sample CPU time at clock
/// ticks, and few of these fall into a short run; see time(7).
pub fn typical(costs: &[Cost]) -> Cost {
    let mean = |of: fn(&Cost) -> f64| costs.iter().map(of).sum::<f64>() / costs.len() as f64;
    Cost {
        wall: median(costs.iter().map(|cost| cost.wall)),
        user: mean(|cost| cost.user),
        system: mean(|cost| cost.system),
        peak: costs.iter().map(|cost| cost.peak).collect::<Option<Vec<f64>>>().map(median),
    }
}

/// For an even number of values, the lower of the two in the middle.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    quantile(values, 0.5)
}

/// The value at a position from 0 (the lowest) to 1 (the highest); between two values, the lower one.
pub fn quantile(values: impl IntoIterator<Item = f64>, position: f64) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_unstable_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * position) as usize]
}
