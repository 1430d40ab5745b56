//! What each thing that a hostile process can make costs a scan that looks at everything: time and memory.

use crate::cost::{self, median};
use crate::growth::{AXES, costs_of, mount_own_tmpfs, raise_limit};
use crate::number::{thousands, time};
use crate::program;
use crate::sandbox::{Sandbox, mount, succeeded};
use crate::sleeper::start_sleeper;
use crate::sleepers::Sleepers;
use crate::table::table;
use crate::{common, machine};
use std::ffi::{CString, OsString, c_int};
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read};
use std::mem;
use std::os::fd::AsRawFd;
use std::os::unix::net::UnixDatagram;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// So many things of a kind are made.
const MANY: usize = 10_000;
/// Processes with a long path, of which each is a copy.
const PATHS: usize = 1_000;
/// User namespaces with two maps of `EXTENTS`, the most that the kernel allows.
const MAPPED: usize = 100;
const EXTENTS: usize = 340;
/// Processes inside execve(2).
const STUCK: usize = 10;
const REPETITIONS: usize = 3;

/// Makes things, or returns why it cannot.
type Make<'t> = Box<dyn Fn(&Sandbox) -> Result<Sleepers, String> + 't>;

struct Thing<'t> {
    name: &'t str,
    count: usize,
    /// Whether a scan waits for it, so that not the CPU time counts.
    waits: bool,
    make: Make<'t>,
}

impl<'t> Thing<'t> {
    fn new(name: &'t str, count: usize, make: impl Fn(&Sandbox) -> Result<Sleepers, String> + 't) -> Thing<'t> {
        Thing { name, count, waits: false, make: Box::new(make) }
    }
}

/// The things whose growth is measured, and others.
fn things(cgroup: &Result<Cgroup, String>) -> Vec<Thing<'_>> {
    let axes = AXES.iter().map(|axis| Thing::new(axis.things, MANY, |sandbox| (axis.make)(sandbox, MANY)));
    let others = [
        Thing::new("sockets of a process", MANY, |sandbox| sandbox.make(|| open_sockets(MANY))),
        Thing::new("namespaces registered with an io_uring", MANY, |sandbox| sandbox.make(|| register(MANY))),
        Thing::new("watches of an inotify(7) descriptor", MANY, |sandbox| sandbox.make(|| watch(MANY))),
        Thing::new("processes in a cgroup with a path of 3,778 bytes", PATHS, |sandbox| {
            let cgroup = cgroup.as_ref().map_err(Clone::clone)?;
            sandbox.make(|| start_in(cgroup, PATHS))
        }),
        Thing::new("extents of id maps, 680 of each namespace", MAPPED * EXTENTS * 2, |sandbox| {
            sandbox.make(|| (0..MAPPED).try_for_each(|_| start_mapped()))
        }),
    ];
    let stuck =
        Thing::new("processes stuck in execve(2): waiting", STUCK, |sandbox| sandbox.make(|| start_stuck(STUCK)));
    axes.chain(others).chain([Thing { waits: true, ..stuck }]).collect()
}

/// A chain of cgroups, in a mount of its own.
struct Cgroup {
    top: PathBuf,
    bottom: PathBuf,
}

impl Cgroup {
    fn make() -> io::Result<Cgroup> {
        const NAME: usize = 250;
        const LEVELS: usize = 16;
        mount(c"cgroup2", c"/mnt", 0)?;
        let top = PathBuf::from("/mnt/userns-bench");
        let bottom = (1..LEVELS).fold(top.clone(), |path, _| path.join("c".repeat(NAME)));
        fs::create_dir_all(&bottom)?;
        Ok(Cgroup { top, bottom })
    }
}

impl Drop for Cgroup {
    /// When its processes have ended.
    fn drop(&mut self) {
        let chain = self.bottom.ancestors().take_while(|path| path.starts_with(&self.top));
        chain.for_each(|path| fs::remove_dir(path).unwrap());
        // SAFETY: the path ends with NUL.
        succeeded(unsafe { libc::umount2(c"/mnt".as_ptr(), 0) }).unwrap();
    }
}

fn open_sockets(count: usize) -> io::Result<()> {
    raise_limit(count)?;
    (0..count).try_for_each(|_| UnixDatagram::unbound().map(mem::forget))
}

/// Registers one namespace so many times.
fn register(count: usize) -> io::Result<()> {
    raise_limit(count)?;
    let namespace = File::open("/proc/self/ns/user")?;
    let files = vec![namespace.as_raw_fd(); count];
    // The size of `struct io_uring_params`, see io_uring_setup(2).
    let mut parameters = [0u32; 30];
    // SAFETY: the calls get a structure and an array, with their length.
    unsafe {
        let ring = libc::syscall(libc::SYS_io_uring_setup, 8, parameters.as_mut_ptr());
        succeeded(ring as c_int)?;
        let register_files = 2;
        let registered = libc::syscall(libc::SYS_io_uring_register, ring, register_files, files.as_ptr(), count);
        succeeded(registered as c_int)
    }
}

/// Watches so many files of a new tmpfs.
fn watch(count: usize) -> io::Result<()> {
    mount_own_tmpfs()?;
    // SAFETY: the call takes no pointer.
    let descriptor = unsafe { libc::inotify_init1(libc::IN_CLOEXEC) };
    succeeded(descriptor)?;
    (0..count).try_for_each(|number| {
        let path = format!("/mnt/{number}");
        fs::write(&path, "")?;
        let path = CString::new(path)?;
        // SAFETY: the path ends with NUL.
        succeeded(unsafe { libc::inotify_add_watch(descriptor, path.as_ptr(), libc::IN_OPEN) })
    })
}

fn start_in(cgroup: &Cgroup, count: usize) -> io::Result<()> {
    fs::write(cgroup.bottom.join("cgroup.procs"), "0")?;
    (0..count).try_for_each(|_| start_sleeper(None, || Ok(())).map(drop))
}

/// Starts a process in a new user namespace with as many extents as possible.
fn start_mapped() -> io::Result<()> {
    let mut map = String::new();
    for id in 0..EXTENTS {
        // Every other one, so that the kernel does not see one range.
        writeln!(map, "{id} {} 1", 2 * id).unwrap();
    }
    let pid = start_sleeper(Some(0), || Ok(()))?;
    ["uid_map", "gid_map"].iter().try_for_each(|file| fs::write(format!("/proc/{pid}/{file}"), &map))
}

/// Starts a program that makes processes stuck, and file servers that do not answer.
fn start_stuck(count: usize) -> io::Result<()> {
    let mut command = Command::new(program::compile("benches/stuck.c"));
    let child = command.arg(count.to_string()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let mut line = String::new();
    BufReader::new(child.stdout.unwrap()).read_line(&mut line)?;
    if line == "ready\n" {
        return Ok(());
    }
    let mut reason = String::new();
    child.stderr.unwrap().read_to_string(&mut reason)?;
    Err(io::Error::other(reason.trim().to_string()))
}

/// A scan: times in milliseconds, peak memory in KiB.
#[derive(Clone, Copy)]
struct Figures {
    cpu: f64,
    wall: f64,
    peak: f64,
}

fn figures(argv: &[OsString]) -> Result<Figures, String> {
    let costs = costs_of(argv)?;
    let once: Vec<OsString> = argv.iter().cloned().chain(["1".into()]).collect();
    Ok(Figures {
        cpu: costs.iter().map(|cost| cost.user + cost.system).fold(f64::INFINITY, f64::min),
        wall: costs.iter().map(|cost| cost.wall).fold(f64::INFINITY, f64::min),
        peak: median((0..REPETITIONS).map(|_| cost::of_program(&once).peak.unwrap())),
    })
}

/// Two scans of the same things differ by about this share of one.
const DIFFERENCE: f64 = 0.05;

/// What one thing adds.
fn cells(thing: &Thing, none: Figures, some: Figures) -> [String; 2] {
    let (none_time, some_time) = if thing.waits { (none.wall, some.wall) } else { (none.cpu, some.cpu) };
    let each = |none: f64, some: f64, text: fn(f64) -> String| {
        let least = none * DIFFERENCE;
        match some - none < least {
            true => format!("less than {}", text(least / thing.count as f64)),
            false => text((some - none) / thing.count as f64),
        }
    };
    [each(none_time, some_time, time), each(none.peak, some.peak, |kib| format!("{:.0} bytes", kib * 1024.0))]
}

/// Measures and prints; returns a table as Markdown.
pub fn measure(sandbox: &Sandbox) -> String {
    let scans = program::full_scans();
    let mut rows = Vec::new();
    let mut left_out = String::new();
    let none = scans.each_ref().map(|argv| figures(argv));
    let cgroup = Cgroup::make().map_err(|error| format!("needs a cgroup of version 2: {error}"));
    for thing in things(&cgroup) {
        let title = format!("{} {}", thousands(thing.count), thing.name);
        let mut leave_out = |reason: String| {
            common::skip(&title, &reason);
            writeln!(left_out, "\nNot measured: {title}: {reason}.").unwrap();
        };
        let _sleepers = match (thing.make)(sandbox) {
            Ok(sleepers) => sleepers,
            Err(reason) => {
                leave_out(reason);
                continue;
            }
        };
        let mut row = vec![thing.name.to_string(), thousands(thing.count)];
        for (argv, none) in scans.iter().zip(&none) {
            let measured = none.clone().and_then(|none| Ok(cells(&thing, none, figures(argv)?)));
            row.extend(measured.unwrap_or_else(|reason| {
                leave_out(reason);
                Default::default()
            }));
        }
        eprintln!("{}", row.join(", "));
        rows.push(row);
    }
    let head = ["each of these", "made", "CPU time, procfs", "memory, procfs", "CPU time, BPF", "memory, BPF"];
    let text = format!("{}\n\n{}{left_out}", machine::description(), table(&head, rows));
    println!("{text}");
    text
}
