//! The programs to measure, and a check that each sees what it should.

use crate::common;
use crate::cost::{self, Cost};
use crate::population::Population;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::Command;

/// The part of a program that is timed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// The whole process, from start to end.
    Whole,
    /// The first repetition in a process, by the program's own clock.
    First,
    /// The repetitions after the first one.
    Later,
}

/// The format of a program's output.
enum Output {
    /// Lines `name value`, as benches/scan.c prints them.
    Report,
    /// Lines with a brace: one per namespace.
    Tree,
    /// A head, then one line per namespace.
    List,
    /// A line with an inode number, `"ns": `, for each namespace.
    Json,
}

pub const LINKS: &str = "readlinkat loop";
pub const LINKS_NS: &str = "readlinkat loop over ns";
pub const LINKS_FD: &str = "readlinkat loop over ns and fd";
pub const PLAIN: &str = "plain scan";
pub const TREE: &str = "userns_tree";
/// The program with which all others are compared.
pub const LSNS: &str = "lsns -t user";
pub const LSNS_JSON: &str = "lsns -t user --json";
pub const SAVE: &str = "save of a plain scan";
pub const LOAD: &str = "load of a plain scan";
pub const SAVE_OWNED: &str = "save of an owned scan with names";
pub const LOAD_OWNED: &str = "load of an owned scan with names";
pub const WALK: &str = "BPF walk";
pub const WALK_FILES: &str = "BPF walk over files";
pub const WALK_FACTS: &str = "BPF walk over facts";
pub const BPF: &str = "BPF scan";
pub const NAMES_BPF: &str = "BPF scan with names";
pub const OWNED: &str = "owned scan";
pub const OWNED_NAMES_BPF: &str = "owned BPF scan with names";
pub const PINNED: &str = "pinned scan";
pub const PINNED_BPF: &str = "pinned BPF scan";
pub const FULL_BPF: &str = "pinned BPF scan with names and sockets";

/// The program itself, and the process of the benchmark.
const OWN_PROCESSES: usize = 2;
/// `USERNS_SOURCE_PROCFS`.
const SOURCE_PROCFS: usize = 1;

pub struct Program {
    pub name: &'static str,
    /// Whether it uses the baseline library.
    pub is_baseline: bool,
    argv: Vec<OsString>,
    output: Output,
    /// Number of repetitions per process for `First` and `Later`; 0 if the program cannot repeat.
    repetitions: usize,
    pub timings: &'static [Timing],
}

use Timing::{First, Later, Whole};

/// All programs of the report; lsns(8) of util-linux if it is installed.
pub fn all(lsns: bool) -> Vec<Program> {
    let scan = Scanner::new(&this_library(), false);
    let tree = common::compile(
        &common::root().join("examples-c/userns_tree.c"),
        &["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O2"],
    );
    let lister =
        |name, argv, output| Program { name, is_baseline: false, argv, output, repetitions: 0, timings: &[Whole] };
    let lsns = lsns.then(|| lister(LSNS, ["lsns", "-t", "user"].map(OsString::from).to_vec(), Output::List));
    let mut programs = vec![
        reference(LINKS, "benches/links.c", &[], 3, &[Later, Whole]),
        scan.program(PLAIN, &[], 3, &[Later, Whole]),
        lister(TREE, vec![tree.into()], Output::Tree),
    ];
    let has_lsns = lsns.is_some();
    programs.extend(lsns);
    let json = ["lsns", "-t", "user", "--json"].map(OsString::from).to_vec();
    programs.extend(has_lsns.then(|| lister(LSNS_JSON, json, Output::Json)));
    programs.extend([
        scan.program(SAVE, &["save"], 3, &[Later]),
        scan.program(LOAD, &["load"], 3, &[Later]),
        scan.program(SAVE_OWNED, &["names", "owned", "save"], 3, &[Later]),
        scan.program(LOAD_OWNED, &["names", "owned", "load"], 3, &[Later]),
        reference(LINKS_NS, "benches/links.c", &["ns"], 2, &[Later]),
        scan.program(OWNED, &["owned"], 2, &[Later]),
        reference(LINKS_FD, "benches/links.c", &["fd"], 2, &[Later]),
        scan.program(PINNED, &["pinned"], 2, &[Later, Whole]),
        reference(WALK, "benches/walk.c", &[], 9, &[Later]),
        scan.program(BPF, &["bpf"], 9, &[First, Later, Whole]),
        scan.program(NAMES_BPF, &["names", "bpf"], 5, &[Later]),
        scan.program(OWNED_NAMES_BPF, &["owned", "names", "bpf"], 3, &[Later]),
        reference(WALK_FILES, "benches/walk.c", &["files"], 5, &[Later]),
        scan.program(PINNED_BPF, &["pinned", "bpf"], 3, &[Later, Whole]),
        reference(WALK_FACTS, "benches/walk.c", &["facts"], 5, &[Later]),
        scan.program(FULL_BPF, &["names", "pinned", "sockets", "bpf"], 3, &[Later]),
    ]);
    programs
}

/// The scans that are compared: each with this build of the library, then with the baseline.
pub fn pairs(baseline: &Path) -> Vec<Program> {
    let scanners = [Scanner::new(&this_library(), false), Scanner::new(baseline, true)];
    let pair = |name, flags: &[&str], repetitions, timings| {
        scanners.each_ref().map(|scan| scan.program(name, flags, repetitions, timings))
    };
    let pairs = [
        pair(PLAIN, &[], 5, &[Later, Whole]),
        pair("scan with names", &["names"], 5, &[Later]),
        pair(OWNED, &["owned"], 3, &[Later]),
        pair(PINNED, &["pinned"], 2, &[Later]),
        pair(BPF, &["bpf"], 9, &[First, Later, Whole]),
        pair(NAMES_BPF, &["names", "bpf"], 5, &[Later]),
        pair(OWNED_NAMES_BPF, &["owned", "names", "bpf"], 3, &[Later]),
        pair(PINNED_BPF, &["pinned", "bpf"], 2, &[Later]),
    ];
    pairs.into_iter().flatten().collect()
}

/// The scans whose growth is measured, each as the arguments of benches/scan.c.
pub fn scans() -> [(&'static str, Vec<OsString>); 4] {
    let scan = Scanner::new(&this_library(), false);
    let argv = |flags: &[&str]| scan.argv.iter().cloned().chain(flags.iter().map(OsString::from)).collect();
    [(PLAIN, argv(&[])), (BPF, argv(&["bpf"])), (PINNED, argv(&["pinned"])), (PINNED_BPF, argv(&["pinned", "bpf"]))]
}

/// Scans that look at everything, through procfs and by BPF, as the arguments of benches/scan.c.
pub fn full_scans() -> [Vec<OsString>; 2] {
    const FLAGS: [&str; 7] = ["names", "owned", "pinned", "sockets", "maps", "credentials", "cgroups"];
    let scan = Scanner::new(&this_library(), false);
    let argv: Vec<OsString> = scan.argv.into_iter().chain(FLAGS.map(OsString::from)).collect();
    [argv.clone(), argv.into_iter().chain(["bpf".into()]).collect()]
}

/// The library that cargo built with this benchmark.
fn this_library() -> PathBuf {
    common::library().join("libuserns.so")
}

/// A program of benches/ that does not load the library.
pub fn compile(source: &str) -> PathBuf {
    common::compile(&common::root().join(source), &["-std=gnu11", "-O2", "-Wl,--as-needed"])
}

fn reference(
    name: &'static str,
    source: &str,
    words: &[&str],
    repetitions: usize,
    timings: &'static [Timing],
) -> Program {
    let argv = [compile(source).into()].into_iter().chain(words.iter().map(OsString::from)).collect();
    Program { name, is_baseline: false, argv, output: Output::Report, repetitions, timings }
}

/// benches/scan.c with one build of the library.
struct Scanner {
    argv: [OsString; 2],
    is_baseline: bool,
}

impl Scanner {
    fn new(library: &Path, is_baseline: bool) -> Scanner {
        Scanner { argv: [compile("benches/scan.c").into(), library.into()], is_baseline }
    }

    fn program(&self, name: &'static str, flags: &[&str], repetitions: usize, timings: &'static [Timing]) -> Program {
        let argv = self.argv.iter().cloned().chain(flags.iter().map(OsString::from)).collect();
        Program { name, is_baseline: self.is_baseline, argv, output: Output::Report, repetitions, timings }
    }
}

impl Program {
    pub fn title(&self) -> String {
        if self.is_baseline { format!("{} (baseline)", self.name) } else { self.name.to_string() }
    }

    fn argv(&self, repetitions: usize) -> Vec<OsString> {
        let times = (self.repetitions > 0).then(|| repetitions.to_string().into());
        self.argv.iter().cloned().chain(times).collect()
    }

    fn has_flag(&self, flag: &str) -> bool {
        self.argv.iter().any(|argument| argument == flag)
    }

    /// Runs the program once. Returns the number of user namespaces that it shows, or the reason why it cannot run
    /// here. Panics if it sees anything else than it should.
    pub fn look(&self, population: Population) -> Result<Option<usize>, String> {
        let output = cost::command(&self.argv(1)).output().map_err(|error| error.to_string())?;
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.code() == Some(common::SKIPPED) {
            return Err(errors.lines().next().unwrap_or_default().to_string());
        }
        assert!(output.status.success(), "{}: {errors}", self.title());
        match self.output {
            Output::Report => self.check(&printed, population),
            Output::Tree => Ok(Some(printed.lines().filter(|line| line.contains('{')).count())),
            Output::List => Ok(Some(printed.lines().count() - 1)),
            Output::Json => Ok(Some(printed.lines().filter(|line| line.contains("\"ns\":")).count())),
        }
    }

    fn check(&self, printed: &str, population: Population) -> Result<Option<usize>, String> {
        let value = |name: &str| printed.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        let number = |name: &str| value(name).map(|value| value.parse::<usize>().unwrap());
        if self.has_flag("bpf") && number("source") == Some(SOURCE_PROCFS) {
            return Err(value("no-bpf").unwrap().to_string());
        }
        let Population { processes, namespaces, threads, descriptors, held } = population;
        assert_eq!(number("processes"), Some(processes + OWN_PROCESSES), "{}", self.title());
        // The references that count them.
        assert!(number("threads").is_none_or(|seen| seen >= processes * threads), "{}", self.title());
        assert!(number("files").is_none_or(|seen| seen >= processes * descriptors), "{}", self.title());
        let seen = number("namespaces");
        if seen.is_some() {
            let held = if self.has_flag("pinned") { held } else { 0 };
            assert_eq!(seen, Some(namespaces + 1 + held), "{}", self.title());
            assert!(number("pins") >= Some(held), "{}", self.title());
        }
        Ok(seen)
    }

    /// Runs the program for each of its timings.
    pub fn run(&self) -> Vec<Cost> {
        let each = if self.repetitions > 0 { cost::of_each_time(&self.argv(self.repetitions)) } else { Vec::new() };
        let of = |timing: &Timing| match timing {
            Timing::Whole => cost::of_program(&self.argv(1)),
            Timing::First => each[0],
            Timing::Later => cost::typical(&each[1..]),
        };
        self.timings.iter().map(of).collect()
    }

    pub fn count_calls(&self) -> usize {
        count_calls(&self.argv(1)).unwrap()
    }
}

/// Counts the system calls of a program, if strace(1) is installed and may trace.
pub fn count_calls(argv: &[OsString]) -> Result<usize, String> {
    let strace = ["strace", "-f", "-c", "-U", "calls,name"].map(OsString::from);
    let output = cost::command(&[&strace, argv].concat()).output().map_err(|error| error.to_string())?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let total = errors.lines().find_map(|line| line.trim().strip_suffix(" total")?.trim().parse().ok());
    total.ok_or_else(|| errors.trim().to_string())
}

pub fn lsns_version() -> Result<String, String> {
    let output = Command::new("lsns").arg("--version").output().map_err(|error| error.to_string())?;
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_string())
}
