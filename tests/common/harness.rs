//! Runs tests that are known only at run time, as the standard harness runs `#[test]` functions: with the same options,
//! output and exit status, so that cargo, cargo-nextest and people need to know nothing new.

use crate::common::skip;
use std::io::Write;
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::Instant;
use std::{env, io, thread};

pub struct Test {
    pub name: String,
    /// Whether to capture the output is the argument.
    pub run: Box<dyn Fn(bool) -> Outcome + Send + Sync>,
}

pub enum Outcome {
    Passed,
    /// With the captured output.
    Failed(String),
    /// With the reason.
    Skipped(String),
}

/// The options that make a difference here. The others of the standard harness are accepted.
#[derive(Default)]
pub struct Options {
    filters: Vec<String>,
    skipped: Vec<String>,
    exact: bool,
    list: bool,
    terse: bool,
    quiet: bool,
    nocapture: bool,
    /// Only tests that the attribute `#[ignore]` excludes: none.
    ignored: bool,
    /// A filter that selects nothing, or only tests that are skipped, is an error. As cargo-nextest calls it; the standard
    /// harness has no such option.
    no_tests_fail: bool,
    threads: usize,
}

impl Options {
    fn parse(arguments: impl Iterator<Item = String>) -> Result<Self, String> {
        let threads = env::var("RUST_TEST_THREADS").ok().and_then(|number| number.parse().ok());
        let default = || thread::available_parallelism().map_or(1, usize::from);
        let nocapture = env::var_os("RUST_TEST_NOCAPTURE").is_some_and(|value| value != "0");
        let mut options = Options { nocapture, threads: threads.unwrap_or_else(default), ..Options::default() };
        let mut arguments = arguments.flat_map(|argument| match argument.split_once('=') {
            Some((option, value)) if option.starts_with("--") => vec![option.to_string(), value.to_string()],
            _ => vec![argument],
        });
        while let Some(argument) = arguments.next() {
            let mut value = || arguments.next().ok_or(format!("{argument} needs a value"));
            match &*argument {
                "--exact" => options.exact = true,
                "--list" => options.list = true,
                "-q" | "--quiet" => options.quiet = true,
                "--nocapture" | "--no-capture" => options.nocapture = true,
                "--ignored" => options.ignored = true,
                "--skip" => options.skipped.push(value()?),
                "--no-tests" => options.no_tests_fail = value()? == "fail",
                "--format" => options.terse = value()? == "terse",
                "--test-threads" => options.threads = value()?.parse().map_err(|error| format!("threads: {error}"))?,
                "--include-ignored" | "--show-output" | "--test" | "--bench" | "--report-time" => {}
                "--color" | "--logfile" | "-Z" => drop(value()?),
                option if option.starts_with('-') => return Err(format!("unknown option {option}")),
                _ => options.filters.push(argument),
            }
        }
        Ok(options)
    }

    fn matches(&self, name: &str, filter: &str) -> bool {
        if self.exact { name == filter } else { name.contains(filter) }
    }

    fn selects(&self, name: &str) -> bool {
        let matches = |filter: &String| self.matches(name, filter);
        !self.ignored
            && (self.filters.is_empty() || self.filters.iter().any(matches))
            && !self.skipped.iter().any(matches)
    }

    /// A filter that must select a test, but none with these names.
    fn idle_filter(&self, names: impl Iterator<Item = impl AsRef<str>> + Clone) -> Option<&String> {
        let is_idle = |filter: &&String| !names.clone().any(|name| self.matches(name.as_ref(), filter));
        self.filters.iter().filter(|_| self.no_tests_fail).find(is_idle)
    }

    /// Whether tests of a module can be among those that are selected; for tests that are costly to make.
    pub fn may_select_from(&self, module: &str) -> bool {
        let matches = |filter: &String| filter.split_once("::").is_none_or(|(end, _)| module.ends_with(end));
        !self.ignored && (self.filters.is_empty() || self.filters.iter().any(matches))
    }
}

/// The main function of a test program.
pub fn main(make: impl FnOnce(&Options) -> Vec<Test>) -> ExitCode {
    let options = match Options::parse(env::args().skip(1)) {
        Ok(options) => options,
        Err(message) => {
            eprintln!("error: {message}");
            return ExitCode::FAILURE;
        }
    };
    let mut tests = make(&options);
    let all = tests.len();
    tests.retain(|test| options.selects(&test.name));
    if let Some(filter) = options.idle_filter(tests.iter().map(|test| &test.name)) {
        eprintln!("error: no test matches {filter}");
        return ExitCode::FAILURE;
    }
    tests.sort_by(|one, other| one.name.cmp(&other.name));
    if options.list {
        tests.iter().for_each(|test| println!("{}: test", test.name));
        if !options.terse {
            println!("\n{}, 0 benchmarks", counted(tests.len()));
        }
        return ExitCode::SUCCESS;
    }
    run(&tests, all - tests.len(), &options)
}

fn counted(tests: usize) -> String {
    format!("{tests} test{}", if tests == 1 { "" } else { "s" })
}

fn run(tests: &[Test], filtered: usize, options: &Options) -> ExitCode {
    let begin = Instant::now();
    println!("\nrunning {}", counted(tests.len()));
    let (mut passed, mut skipped, mut failures) = (Vec::new(), 0, Vec::new());
    in_threads(tests, options, |test, outcome| {
        let (word, letter) = match outcome {
            Outcome::Passed => ("ok", '.'),
            Outcome::Skipped(_) => ("ignored", 'i'),
            Outcome::Failed(_) => ("FAILED", 'F'),
        };
        match options.quiet || options.terse {
            true => print!("{letter}"),
            false => println!("test {} ... {word}", test.name),
        }
        io::stdout().flush().unwrap();
        match outcome {
            Outcome::Passed => passed.push(&test.name),
            Outcome::Failed(output) => failures.push((&test.name, output)),
            Outcome::Skipped(reason) => {
                skipped += 1;
                skip(&test.name, &reason);
            }
        }
    });
    failures.sort();
    if !failures.is_empty() {
        println!("\nfailures:\n");
        failures.iter().for_each(|(name, output)| println!("---- {name} stdout ----\n{output}"));
        println!("\nfailures:");
        failures.iter().for_each(|(name, _)| println!("    {name}"));
    }
    let (word, passed_count, failed) =
        (if failures.is_empty() { "ok" } else { "FAILED" }, passed.len(), failures.len());
    println!(
        "\ntest result: {word}. {passed_count} passed; {failed} failed; {skipped} ignored; 0 measured; {filtered} filtered out; \
         finished in {:.2}s\n",
        begin.elapsed().as_secs_f64()
    );
    if !failures.is_empty() {
        return ExitCode::from(101);
    }
    match options.idle_filter(passed.iter()) {
        Some(filter) => {
            eprintln!("error: all tests that match {filter} were skipped");
            ExitCode::FAILURE
        }
        None => ExitCode::SUCCESS,
    }
}

/// Runs the tests in as many threads as wanted; the caller's thread reports.
fn in_threads<'t>(tests: &'t [Test], options: &Options, mut report: impl FnMut(&'t Test, Outcome)) {
    let next = AtomicUsize::new(0);
    thread::scope(|scope| {
        let (sender, outcomes) = mpsc::channel();
        for _ in 0..options.threads.clamp(1, tests.len().max(1)) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some(test) = tests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    sender.send((test, (test.run)(!options.nocapture))).unwrap();
                }
            });
        }
        drop(sender);
        outcomes.into_iter().for_each(|(test, outcome)| report(test, outcome));
    });
}
