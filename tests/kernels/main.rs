//! Boots kernels of Debian under QEMU and runs the situations of `tests/c` on each: `make check-kernels`, and
//! `make check-architectures` for those of other architectures.
//!
//! The programs are those of `cargo test`. They are not linked statically, because some of them replace functions of libc
//! that the library calls. So the file system of the machine has them, the library and libc at the same paths as this
//! machine; for another architecture, `foreign.rs` builds them again. `init.c` runs them there.

mod architecture;
#[path = "../common/mod.rs"]
mod common;
mod debian;
mod emulator;
mod foreign;
mod policies;
mod report;

use architecture::{Architecture, Machine, X86_64};
use debian::{Kernel, Pool};
use emulator::{Image, Outcome, Run};
use foreign::Foreign;
use report::{Entry, Table};
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

const USAGE: &str = "\
Usage: cargo test --test kernels -- [--update | --if-possible] [--only TEXT]... [--skip TEXT]... [5.10 | ... | newest]...
       cargo test --test kernels -- [...] i686 | aarch64 | s390x | riscv64 | musl
       cargo test --test kernels -- [--if-possible] policies
Runs the situations whose names contain a text (--only), or none (--skip), on these kernels. The default is everything.
policies: those about security modules, on kernels with their policies.
With --if-possible, a machine without QEMU or a mirror of Debian is no failure.
With --update, writes the rows of these kernels into docs/kernels.md; needs a run of all situations.";

/// Kernels of which the newest build is taken; a row in a table of docs/kernels.md.
struct Band {
    name: &'static str,
    /// The first and the last version, as `(major, minor)`.
    versions: ((u32, u32), (u32, u32)),
    /// Whether the check fails if there is none. The kernels with listns(2) count together.
    required: bool,
    /// Features without which a run has not passed: situations would be skipped for want of them.
    features: &'static [&'static str],
}

const PROCESSES: &str = "BPF over processes";

const KERNELS: Table = Table {
    name: "kernels",
    bands: &[
        Band { name: "5.10", versions: ((5, 10), (5, 10)), required: true, features: &["BPF over threads"] },
        Band { name: "6.1", versions: ((6, 1), (6, 1)), required: false, features: &["BPF over threads"] },
        Band { name: "6.12", versions: ((6, 12), (6, 12)), required: false, features: &[PROCESSES] },
        Band { name: "6.18", versions: ((6, 16), (6, 18)), required: false, features: &[PROCESSES, "ids"] },
        Band { name: "6.19", versions: ((6, 19), (6, 19)), required: false, features: &[PROCESSES, "ids", "listns"] },
        Band { name: "7.0", versions: ((7, 0), (7, 0)), required: false, features: &[PROCESSES, "ids", "listns"] },
        Band { name: "newest", versions: NEWEST, required: true, features: &[PROCESSES, "ids", "listns"] },
    ],
};

/// The newest kernel on other architectures, and with another libc. Debian has no newer ones of 32 bits.
const ARCHITECTURES: Table = Table {
    name: "architectures",
    bands: &[
        Band { name: "i686", versions: ((6, 1), (u32::MAX, 0)), required: true, features: &[] },
        Band { name: "aarch64", versions: NEWEST, required: true, features: &[PROCESSES, "ids", "listns"] },
        Band { name: "s390x", versions: NEWEST, required: true, features: &["BPF over threads", "listns"] },
        Band { name: "riscv64", versions: NEWEST, required: true, features: &[PROCESSES, "ids", "listns"] },
        Band { name: "musl", versions: NEWEST, required: true, features: &[PROCESSES, "ids", "listns"] },
    ],
};

const NEWEST: ((u32, u32), (u32, u32)) = ((7, 0), (u32::MAX, 0));

/// Programs that this needs, and the packages of Debian that have them.
const TOOLS: [(&str, &str); 4] = [("cpio", "cpio"), ("xz", "xz-utils"), ("apt-get", "apt"), ("dpkg-deb", "dpkg")];

/// Which situations run: those whose names contain one of the texts (or all), but none of the others.
#[derive(Clone, Default)]
struct Selection {
    only: Vec<String>,
    skip: Vec<String>,
}

impl Selection {
    fn is_everything(&self) -> bool {
        self.only.is_empty() && self.skip.is_empty()
    }

    /// Whether it can have situations of a file of `tests/c`.
    fn may_have(&self, file: &str) -> bool {
        let ends = |end: &str| file.ends_with(end) || format!("{file}_by_bpf").ends_with(end);
        self.only.is_empty() || self.only.iter().any(|text| text.split_once("::").is_none_or(|(end, _)| ends(end)))
    }

    fn has(&self, name: &str) -> bool {
        let is_in = |texts: &[String]| texts.iter().any(|text| name.contains(&**text));
        (self.only.is_empty() || is_in(&self.only)) && !is_in(&self.skip)
    }
}

#[derive(Default)]
struct Request {
    update: bool,
    if_possible: bool,
    selection: Selection,
    names: Vec<String>,
    policies: bool,
}

impl Request {
    fn bands(&self, table: &Table) -> Vec<&'static Band> {
        table.bands.iter().filter(|band| self.names.iter().any(|name| name == band.name)).collect()
    }
}

fn main() -> ExitCode {
    let request = match parse(env::args().skip(1)) {
        Ok(request) => request,
        Err(message) => {
            eprintln!("{message}\n{USAGE}");
            return ExitCode::from(2);
        }
    };
    match check(&request) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(message) => {
            eprintln!("error: {message}");
            ExitCode::FAILURE
        }
    }
}

fn parse(mut arguments: impl Iterator<Item = String>) -> Result<Request, String> {
    let mut request = Request::default();
    while let Some(argument) = arguments.next() {
        match &*argument {
            "--update" => request.update = true,
            "--if-possible" => request.if_possible = true,
            "--only" => request.selection.only.push(arguments.next().ok_or("--only needs a text")?),
            "--skip" => request.selection.skip.push(arguments.next().ok_or("--skip needs a text")?),
            "policies" => request.policies = true,
            name if [KERNELS, ARCHITECTURES].iter().flat_map(|table| table.bands).any(|band| band.name == name) => {
                request.names.push(argument);
            }
            other => return Err(format!("unknown argument {other}")),
        }
    }
    if request.policies && !(request.names.is_empty() && request.selection.is_everything() && !request.update) {
        return Err("policies has kernels and situations of its own".into());
    }
    match request.update && !request.selection.is_everything() {
        true => Err("--update needs a run of all situations".into()),
        false => Ok(request),
    }
}

/// False if a test failed, or a kernel that is needed cannot be had.
fn check(request: &Request) -> Result<bool, String> {
    if request.policies {
        let pool = find_pool(request, &X86_64)?;
        return pool.map_or(Ok(true), |pool| policies::check(&pool));
    }
    let mut passed = true;
    let (kernels, others) = (request.bands(&KERNELS), request.bands(&ARCHITECTURES));
    let architecture_of = |band: &Band| architecture::ALL.iter().find(|each| each.name == band.name).unwrap();
    // Not after hours.
    for band in others.iter().filter(|_| !request.if_possible) {
        find_tools(&architecture_of(band).machine)?;
    }
    let is_everything = request.names.is_empty();
    let kernels = if is_everything { KERNELS.bands.iter().collect() } else { kernels };
    if !kernels.is_empty() {
        passed &= check_bands(request, &KERNELS, &kernels, &X86_64, None)?;
    }
    for some in others.chunks(machines()) {
        let check = |band: &&'static Band| {
            let architecture = architecture_of(band);
            check_bands(request, &ARCHITECTURES, &[*band], &architecture.machine, Some(architecture))
        };
        let results = thread::scope(|scope| {
            let running: Vec<_> = some.iter().map(|band| scope.spawn(move || check(band))).collect();
            running.into_iter().map(|running| running.join().unwrap()).collect::<Vec<_>>()
        });
        for result in results {
            passed &= result?;
        }
    }
    Ok(passed)
}

/// One emulated machine uses one processor, so so many run at a time if there is enough memory.
fn machines() -> usize {
    thread::available_parallelism().map_or(1, usize::from).min(emulator::room())
}

/// What runs on other architectures by default. The injection of faults takes longer than everything else.
fn selection_of(request: &Request) -> Selection {
    match request.selection.is_everything() {
        true => Selection { skip: vec!["injection::".into()], ..Selection::default() },
        false => request.selection.clone(),
    }
}

/// `None`: this machine cannot emulate another one, or finds no kernels, and the request permits that.
fn find_pool(request: &Request, machine: &'static Machine) -> Result<Option<Pool>, String> {
    match find_tools(machine).and_then(|()| Pool::read(&common::scratch(machine.debian), machine)) {
        Err(reason) if request.if_possible => {
            common::skip("kernels", &reason);
            Ok(None)
        }
        pool => pool.map(Some),
    }
}

/// Checks rows of one table, all of one architecture.
fn check_bands(
    request: &Request,
    table: &Table,
    bands: &[&'static Band],
    machine: &'static Machine,
    architecture: Option<&'static Architecture>,
) -> Result<bool, String> {
    // All build the same programs first.
    static BUILDING: Mutex<()> = Mutex::new(());
    let building = BUILDING.lock().unwrap();
    let Some(pool) = find_pool(request, machine)? else { return Ok(true) };
    let image = match architecture {
        None => emulator::build_image(&pool.directory, &request.selection, machine, None)?,
        Some(architecture) => {
            let files = pool.files("files", &foreign::SUITES, foreign::packages(architecture.libc))?;
            let foreign = Foreign { architecture, files: &files };
            let replace = |root: &Path, programs: &[PathBuf]| foreign.build(root, programs);
            emulator::build_image(&pool.directory, &selection_of(request), machine, Some(&replace))?
        }
    };
    drop(building);
    let (found, are_newest): (Vec<_>, Vec<_>) = bands.iter().map(|band| pool.newest(band.versions)).unzip();
    let mut kernels: Vec<&Kernel> = found.iter().flatten().collect();
    // The bands go up, so two of the same kernel are neighbours.
    kernels.dedup_by(|second, first| second.version == first.version);
    let is_of =
        |run: &Run, kernel: &Option<Kernel>| kernel.as_ref().is_some_and(|kernel| kernel.version == run.version);
    let runs = run_all(&kernels, &image, |run| {
        let rows = bands.iter().zip(&found).filter(|(_, kernel)| is_of(run, kernel));
        for (band, _) in rows.filter(|_| request.update && run.is_complete) {
            report::update(&Entry::new(band.name, Some(run)), table);
        }
    });
    let is_whole = |(band, &is_newest): (&&Band, &bool)| is_newest || !band.required || request.if_possible;
    let (mut entries, mut passed) = (Vec::new(), bands.iter().zip(&are_newest).all(is_whole));
    for (band, kernel) in bands.iter().zip(&found) {
        let run = runs.iter().find(|run| is_of(run, kernel));
        // One on which nothing could be tested has not passed.
        let has_passed = |run: &Run| {
            let lacking: Vec<_> = band.features.iter().filter(|feature| !run.has(feature)).collect();
            if !lacking.is_empty() {
                println!("kernel {} has not shown {lacking:?}", run.version);
            }
            run.is_complete && run.count(Outcome::Failed) == 0 && run.count(Outcome::Passed) > 0 && lacking.is_empty()
        };
        passed &= run.map_or(!band.required, has_passed);
        let entry = Entry::new(band.name, run);
        if request.update && run.is_none() {
            report::update(&entry, table);
        }
        entries.push(entry);
    }
    println!("\n{}", report::text(&entries));
    let may_have_listns = table.name == KERNELS.name && bands.iter().any(|band| band.versions.1 >= (6, 19));
    if may_have_listns && !runs.iter().any(|run| run.has("listns")) {
        println!("no kernel with listns(2) could be tested");
        passed = false;
    }
    Ok(passed)
}

/// Runs the situations on each kernel. What one shows is said at its end, and then `ended` is called.
fn run_all(kernels: &[&Kernel], image: &Image, ended: impl Fn(&Run) + Sync) -> Vec<Run> {
    let machines = machines().min(kernels.len());
    let (next, runs) = (AtomicUsize::new(0), Mutex::new(Vec::new()));
    println!("{} situations on {} kernels, {machines} at a time", image.tests, kernels.len());
    thread::scope(|scope| {
        for _ in 0..machines {
            scope.spawn(|| {
                while let Some(kernel) = kernels.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let begin = Instant::now();
                    let run = emulator::run(kernel, image);
                    let mut runs = runs.lock().unwrap();
                    tell(&run, begin.elapsed());
                    ended(&run);
                    runs.push(run);
                }
            });
        }
    });
    runs.into_inner().unwrap()
}

fn tell(run: &Run, duration: Duration) {
    let (passed, seconds) = (run.count(Outcome::Passed), duration.as_secs());
    println!("kernel {}: {passed} situations passed, in {seconds} seconds", run.version);
    for failure in run.results.iter().filter(|result| result.outcome == Outcome::Failed) {
        println!("kernel {}: {} FAILED\n{}", run.version, failure.name, failure.output);
    }
}

fn find_tools(machine: &Machine) -> Result<(), String> {
    if env::consts::ARCH != "x86_64" {
        return Err("this needs an x86-64 machine".into());
    }
    let is_missing = |tool: &str| {
        let found = Command::new("sh").args(["-c", "command -v \"$0\" >/dev/null", tool]).status();
        !found.is_ok_and(|status| status.success())
    };
    let tools = TOOLS.into_iter().chain(machine.tools.iter().copied());
    let missing: Vec<_> = tools.filter(|(tool, _)| is_missing(tool)).map(|(_, package)| package).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("not installed: {}", missing.join(" "))) }
}

/// Runs a command to its end; its output, or its messages.
fn output(command: &mut Command) -> Result<String, String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output = command.output().map_err(|error| format!("{name}: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => Err(format!("{name}: {}\n{}", output.status, String::from_utf8_lossy(&output.stderr))),
    }
}
