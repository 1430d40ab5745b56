//! The programs that are compared, and what each has to see.

use crate::common;
use crate::cost::{self, Cost};
use crate::room::Population;
use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;

/// What of a program is timed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Timing {
    /// All of it, from its start to its end.
    Whole,
    /// The first scan that a process does, by its own clock.
    First,
    /// Those that it does after that.
    Later,
}

/// How the output tells what was seen.
enum Output {
    /// Lines `what value`, as benches/scan.c prints them.
    Report,
    /// A namespace in each line that has a brace.
    Tree,
    /// A namespace in each line but the first.
    List,
}

pub const LINKS: &str = "readlinkat loop";
pub const PLAIN: &str = "plain scan";
pub const TREE: &str = "userns_tree";
/// The one that all others are compared with.
pub const LSNS: &str = "lsns -t user";
pub const WALK: &str = "BPF walk";
pub const BPF: &str = "BPF scan";
pub const PINNED: &str = "pinned scan";
pub const PINNED_BPF: &str = "pinned BPF scan";

/// Its own process and that of the benchmark.
const OWN_PROCESSES: usize = 2;
/// `USERNS_SOURCE_PROCFS`.
const SOURCE_PROCFS: usize = 1;

pub struct Program {
    pub name: &'static str,
    argv: Vec<OsString>,
    output: Output,
    /// How many scans it does for `First` and `Later`.
    scans: usize,
    pub timings: &'static [Timing],
}

/// All of them; lsns(8) of util-linux if it is there.
pub fn all(lsns: bool) -> Vec<Program> {
    use Timing::{First, Later, Whole};
    let compile = |source: &str, flags: &[&str]| common::compile(&common::root().join(source), flags);
    // The yardsticks have nothing to do with the library, so they do not load it.
    let compile_alone = |source| compile(source, &["-std=gnu11", "-O2", "-Wl,--as-needed"]);
    let scan = compile("benches/scan.c", &["-std=gnu11", "-O2"]);
    let tree = compile("examples-c/userns_tree.c", &["-std=c99", "-D_POSIX_C_SOURCE=200809L", "-O2"]);
    let (links, walk) = (compile_alone("benches/links.c"), compile_alone("benches/walk.c"));

    let report = |name, program: &PathBuf, words: &[&str], scans, timings| {
        let argv = [program.into()].into_iter().chain(words.iter().map(OsString::from)).collect();
        Program { name, argv, output: Output::Report, scans, timings }
    };
    let mut programs = vec![
        report(LINKS, &links, &[], 3, &[Later, Whole]),
        report(PLAIN, &scan, &[], 3, &[Later, Whole]),
        Program { name: TREE, argv: vec![tree.into()], output: Output::Tree, scans: 0, timings: &[Whole] },
    ];
    if lsns {
        let argv = ["lsns", "-t", "user"].map(OsString::from).to_vec();
        programs.push(Program { name: LSNS, argv, output: Output::List, scans: 0, timings: &[Whole] });
    }
    programs.extend([
        report(WALK, &walk, &[], 9, &[Later]),
        report(BPF, &scan, &["bpf"], 9, &[First, Later, Whole]),
        report(PINNED, &scan, &["pinned"], 2, &[Later, Whole]),
        report(PINNED_BPF, &scan, &["pinned", "bpf"], 2, &[Later, Whole]),
    ]);
    programs
}

impl Program {
    /// What it takes to do it once, or so often in one process.
    fn argv(&self, scans: usize) -> Vec<OsString> {
        let times = (self.scans > 0).then(|| scans.to_string().into());
        self.argv.iter().cloned().chain(times).collect()
    }

    fn is_to(&self, word: &str) -> bool {
        self.argv.iter().any(|argument| argument == word)
    }

    /// Runs it once, and says how many user namespaces it shows; or why it is left out. What it has to see it sees.
    pub fn look(&self, population: Population) -> Result<Option<usize>, String> {
        let output = cost::command(&self.argv(1)).output().map_err(|error| error.to_string())?;
        let (printed, errors) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        if output.status.code() == Some(common::SKIPPED) {
            return Err(errors.lines().next().unwrap_or_default().to_string());
        }
        assert!(output.status.success(), "{}: {errors}", self.name);
        match self.output {
            Output::Report => self.check(&printed, population),
            Output::Tree => Ok(Some(printed.lines().filter(|line| line.contains('{')).count())),
            Output::List => Ok(Some(printed.lines().count() - 1)),
        }
    }

    fn check(&self, printed: &str, population: Population) -> Result<Option<usize>, String> {
        let told = |what: &str| printed.lines().find_map(|line| line.strip_prefix(what)?.strip_prefix(' '));
        let number = |what: &str| told(what).map(|value| value.parse::<usize>().unwrap());
        if self.is_to("bpf") && number("source") == Some(SOURCE_PROCFS) {
            return Err(told("no-bpf").unwrap().to_string());
        }
        let Population { processes, namespaces, held, .. } = population;
        assert_eq!(number("processes"), Some(processes + OWN_PROCESSES), "{}", self.name);
        let seen = number("namespaces");
        if seen.is_some() {
            let held = if self.is_to("pinned") { held } else { 0 };
            assert_eq!(seen, Some(namespaces + 1 + held), "{}", self.name);
            assert!(number("pins") >= Some(held), "{}", self.name);
        }
        Ok(seen)
    }

    /// What it costs, for each of the timings.
    pub fn run(&self) -> Vec<Cost> {
        let each = if self.scans > 0 { cost::of_each_time(&self.argv(self.scans)) } else { Vec::new() };
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
