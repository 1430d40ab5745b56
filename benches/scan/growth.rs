//! How the time of a scan grows with the number of things of one kind.

use crate::cost::{self, Cost};
use crate::number::{ratio, thousands, time};
use crate::population::Population;
use crate::program;
use crate::sandbox::{Sandbox, mount, succeeded, unshare};
use crate::sleeper::{empty_namespace, start_threads_with_tables};
use crate::sleepers::Sleepers;
use crate::table::table;
use crate::{common, machine};
use std::ffi::{CString, OsString};
use std::fs::{self, File};
use std::io::{self, Error};
use std::mem;
use std::ops::Range;
use std::os::fd::AsRawFd;

/// A goal: the time per thing may grow so much over the last decade.
const AT_MOST: f64 = 1.3;
/// Seconds for all repetitions of one scan.
const PATIENCE: &str = "40";
/// A scan that is expected to take longer, in milliseconds, is not measured.
const LONGEST: f64 = 20_000.0;
const REPETITIONS: usize = 3;
const COUNTS: [usize; 4] = [100, 1_000, 10_000, 100_000];
/// A mount namespace has no more mounts here: `fs.mount-max` is 100,000, and propagation can double them.
const MOST_MOUNTS: usize = 50_000;
/// A process has no more descriptors here: few systems permit less. All those of benches/scan/hostile.rs are in one process.
const MOST_DESCRIPTORS: usize = 10_000;

/// What there are many of.
pub struct Axis {
    pub things: &'static str,
    /// Makes so many; returns the reason if that is impossible.
    pub make: fn(&Sandbox, usize) -> Result<Sleepers, String>,
}

#[rustfmt::skip]
pub const AXES: [Axis; 9] = [
    Axis { things: "processes", make: |sandbox, count| {
        sandbox.populate(Population { namespaces: 0, ..Population::plain(count) })
    } },
    Axis { things: "user namespaces with a process each", make: |sandbox, count| {
        sandbox.populate(Population { namespaces: count, ..Population::plain(count) })
    } },
    Axis { things: "user namespaces kept by descriptors", make: |sandbox, count| {
        sandbox.make_in_parts(count, MOST_DESCRIPTORS, hold_namespaces)
    } },
    Axis { things: "threads of a process", make: |sandbox, count| {
        sandbox.populate(Population { threads: count, namespaces: 0, ..Population::plain(1) })
    } },
    Axis { things: "threads with descriptor tables", make: |sandbox, count| {
        sandbox.check_pids(count)?;
        sandbox.make(|| start_threads_with_tables(count))
    } },
    Axis { things: "descriptors of files", make: |sandbox, count| {
        sandbox.make_in_parts(count, MOST_DESCRIPTORS, |part| open_often("/dev/null", part.len()))
    } },
    Axis { things: "descriptors of namespaces", make: |sandbox, count| {
        sandbox.make_in_parts(count, MOST_DESCRIPTORS, |part| open_often("/proc/self/ns/user", part.len()))
    } },
    Axis { things: "mounts of namespaces", make: |sandbox, count| {
        sandbox.make_in_parts(count, MOST_MOUNTS, |part| mount_often(part.len(), false))
    } },
    Axis { things: "mounts below a cover", make: |sandbox, count| {
        sandbox.make_in_parts(count, MOST_MOUNTS, |part| mount_often(part.len(), true))
    } },
];

pub fn raise_limit(descriptors: usize) -> io::Result<()> {
    let most = (descriptors + 100) as libc::rlim_t;
    let limit = libc::rlimit { rlim_cur: most, rlim_max: most };
    // SAFETY: the call reads one `rlimit`.
    let raised = succeeded(unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) });
    raised.map_err(|error| io::Error::other(format!("needs RLIMIT_NOFILE (`ulimit -n`) of {most}: {error}")))
}

/// Descriptors stay open, and this process sleeps.
fn hold_namespaces(part: Range<usize>) -> io::Result<()> {
    raise_limit(part.len())?;
    part.into_iter().try_for_each(|number| empty_namespace(number).map(mem::forget))
}

fn open_often(path: &str, count: usize) -> io::Result<()> {
    raise_limit(count)?;
    let file = File::open(path)?;
    (0..count).try_for_each(|_| {
        // SAFETY: the call takes no pointer.
        let duplicate = unsafe { libc::dup(file.as_raw_fd()) };
        if duplicate < 0 { Err(Error::last_os_error()) } else { Ok(()) }
    })?;
    mem::forget(file);
    Ok(())
}

/// Mounts a tmpfs on `/mnt`, in a mount namespace of its own.
pub fn mount_own_tmpfs() -> io::Result<()> {
    unshare(libc::CLONE_NEWNS)?;
    mount(c"none", c"/", libc::MS_REC | libc::MS_PRIVATE)?;
    mount(c"tmpfs", c"/mnt", 0)
}

/// Mounts the user namespace on files of such a tmpfs.
fn mount_often(count: usize, is_covered: bool) -> io::Result<()> {
    mount_own_tmpfs()?;
    for number in 0..count {
        let path = format!("/mnt/{number}");
        fs::write(&path, "")?;
        mount(c"/proc/self/ns/user", &CString::new(path)?, libc::MS_BIND)?;
    }
    if is_covered { mount(c"tmpfs", c"/mnt", 0) } else { Ok(()) }
}

/// The time of each scan at one count, in milliseconds; `None` if it was not measured.
type Times = [Option<f64>; 4];

struct Point {
    count: usize,
    times: Times,
}

/// Measures and prints; returns a table as Markdown.
pub fn measure(sandbox: &Sandbox) -> String {
    let scans = program::scans();
    let (mut rows, mut left_out) = (Vec::new(), Vec::new());
    for axis in &AXES {
        let points = measure_axis(sandbox, axis, &scans, &mut left_out);
        for (index, (name, _)) in scans.iter().enumerate() {
            rows.push(row(axis, name, &points, index));
        }
    }
    let [first, second, third, last] = COUNTS.map(thousands);
    let head = ["time per thing", "scan", &first, &second, &third, &last, "growth", ""];
    let left_out: String = left_out.iter().map(|reason| format!("\nNot measured: {reason}.\n")).collect();
    let text = format!("{}\n\n{}{left_out}", machine::description(), table(&head, rows));
    println!("{text}");
    text
}

fn measure_axis(
    sandbox: &Sandbox,
    axis: &Axis,
    scans: &[(&'static str, Vec<OsString>); 4],
    left_out: &mut Vec<String>,
) -> Vec<Point> {
    let mut points: Vec<Point> = Vec::new();
    for count in COUNTS {
        let title = format!("{} {}", thousands(count), axis.things);
        let mut leave_out = |what: &str, reason: &str| {
            common::skip(what, reason);
            left_out.push(format!("{what}: {reason}"));
        };
        let _sleepers = match (axis.make)(sandbox, count) {
            Ok(sleepers) => sleepers,
            Err(reason) => {
                leave_out(&title, &reason);
                break;
            }
        };
        let mut times = [None; 4];
        for (index, (name, argv)) in scans.iter().enumerate() {
            let measured = match points.last() {
                Some(last) => expect(last, index, count).and_then(|()| measure_scan(argv)),
                None => measure_scan(argv),
            };
            match measured {
                Ok(time) => times[index] = Some(time),
                Err(reason) => leave_out(&format!("{name}, {title}"), &reason),
            }
        }
        eprintln!("{title}: {}", times.map(|it| it.map_or("-".to_string(), time)).join(", "));
        points.push(Point { count, times });
    }
    points
}

/// Whether a scan is expected to end soon, by that of fewer things.
fn expect(last: &Point, index: usize, count: usize) -> Result<(), String> {
    let before = last.times[index].ok_or("fewer were not measured either")?;
    let expected = before * count as f64 / last.count as f64;
    if expected < LONGEST { Ok(()) } else { Err(format!("would take at least {}", time(expected))) }
}

/// The shortest time, in milliseconds.
fn measure_scan(argv: &[OsString]) -> Result<f64, String> {
    Ok(costs_of(argv)?.iter().map(|cost| cost.wall).fold(f64::INFINITY, f64::min))
}

/// Scans several times in one process.
pub fn costs_of(argv: &[OsString]) -> Result<Vec<Cost>, String> {
    let limited = ["timeout", "--signal=KILL", PATIENCE].map(OsString::from);
    let output = cost::command(&[&limited, argv, &[REPETITIONS.to_string().into()]].concat()).output();
    let output = output.map_err(|error| error.to_string())?;
    let printed = String::from_utf8_lossy(&output.stdout);
    if let Some(reason) = printed.lines().find_map(|line| line.strip_prefix("no-bpf ")) {
        return Err(reason.to_string());
    }
    let costs: Vec<Cost> = printed.lines().filter_map(cost::parse_time).collect();
    if costs.len() < REPETITIONS || !output.status.success() {
        return Err(format!("{REPETITIONS} scans take more than {PATIENCE} s, or fail: {}", output.status));
    }
    Ok(costs)
}

fn row(axis: &Axis, name: &str, points: &[Point], index: usize) -> Vec<String> {
    let each: Vec<(usize, f64)> =
        points.iter().filter_map(|point| Some((point.count, point.times[index]? / point.count as f64))).collect();
    let at = |count| each.iter().find(|point| point.0 == count).map_or(String::new(), |point| time(point.1));
    let growth = match each[..] {
        [.., (_, few), (_, many)] => Some(many / few),
        _ => None,
    };
    let verdict = match growth {
        Some(growth) if growth <= AT_MOST => "ok",
        Some(_) => "MISSED",
        None => "not measured",
    };
    let counts = COUNTS.map(at);
    let ends = [growth.map_or(String::new(), ratio), verdict.to_string()];
    [axis.things.to_string(), name.to_string()].into_iter().chain(counts).chain(ends).collect()
}
