//! Real processes in real user namespaces, scanned through the C ABI: the situations of `tests/c`, see `tests/README.md`.
//!
//! Each program there lists its situations. Each is a test, `FILE::NAME`, and `FILE_by_bpf::NAME` if it is tagged BY_BPF.
//! In `FILE_saved::NAME`, all snapshots of a situation are saved and loaded before it checks them.

mod common;
#[path = "common/harness.rs"]
mod harness;

use common::{NOT_SAVED, SKIPPED, Situation, build_situations, root, situation_files, situations_of, userns_tree};
use harness::{Options, Outcome, Test};
use std::path::Path;
use std::process::{Command, ExitCode, Output};
use std::sync::Mutex;
use std::{fs, thread};

fn main() -> ExitCode {
    harness::main(tests)
}

fn tests(options: &Options) -> Vec<Test> {
    let mut files = situation_files();
    let readme = readme_names(files.clone());
    files.retain(|file| {
        options.may_select_from(file) || options.may_select_from(&by_bpf(file)) || options.may_select_from(&saved(file))
    });
    let (waiting, tests) = (Mutex::new(files), Mutex::new(vec![readme]));
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, usize::from) {
            scope.spawn(|| {
                // The lock is released before the file is compiled.
                while let Some(file) = { waiting.lock().unwrap().pop() } {
                    let made = tests_of(&file);
                    tests.lock().unwrap().extend(made);
                }
            });
        }
    });
    tests.into_inner().unwrap()
}

/// A test that `tests/README.md` says of each file what it is about.
fn readme_names(files: Vec<String>) -> Test {
    let run = move |_| {
        let readme = fs::read_to_string(root().join("tests/README.md")).unwrap();
        let missing: Vec<_> = files.iter().filter(|file| !readme.contains(&format!("\n| `{file}.c` | "))).collect();
        if missing.is_empty() { Outcome::Passed } else { Outcome::Failed(format!("tests/README.md lacks {missing:?}")) }
    };
    Test { name: "readme::names_every_file".into(), run: Box::new(run) }
}

fn by_bpf(file: &str) -> String {
    format!("{file}_by_bpf")
}

fn saved(file: &str) -> String {
    format!("{file}_saved")
}

/// The tests of a file. If it cannot be compiled, that is a test that fails.
fn tests_of(file: &str) -> Vec<Test> {
    let listed = build_situations(file).and_then(|program| Ok((situations_of(&program)?, program)));
    let (situations, program) = match listed {
        Ok(listed) => listed,
        Err(message) => {
            let run = Box::new(move |_| Outcome::Failed(message.clone()));
            return vec![Test { name: format!("{file}::compiles_and_lists"), run }];
        }
    };
    let modes = |situation: Situation| {
        let bpf = situation.by_bpf.then(|| test(by_bpf(file), &situation.name, &program, Some("BY_BPF")));
        let is_saved = !NOT_SAVED.contains(&file);
        let saved = is_saved.then(|| test(saved(file), &situation.name, &program, Some("SAVED")));
        [test(file.to_string(), &situation.name, &program, None)].into_iter().chain(bpf).chain(saved)
    };
    situations.into_iter().flat_map(modes).collect()
}

fn test(module: String, situation: &str, program: &Path, mode: Option<&'static str>) -> Test {
    let (situation, program) = (situation.to_string(), program.to_path_buf());
    let name = format!("{module}::{situation}");
    let run = Box::new(move |captures| {
        let mut command = Command::new(&program);
        command.arg(&situation).env("USERNS_TREE", userns_tree()).env_remove("BY_BPF").env_remove("SAVED");
        if let Some(mode) = mode {
            command.env(mode, "1");
        }
        run(&mut command, captures)
    });
    Test { name, run }
}

fn run(command: &mut Command, captures: bool) -> Outcome {
    let result = match captures {
        true => command.output(),
        false => command.status().map(|status| Output { status, stdout: Vec::new(), stderr: Vec::new() }),
    };
    let Output { status, stdout, stderr } = match result {
        Ok(output) => output,
        Err(error) => return Outcome::Failed(error.to_string()),
    };
    let output = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    match status.code() {
        Some(0) => Outcome::Passed,
        Some(SKIPPED) => Outcome::Skipped(output),
        _ => Outcome::Failed(format!("{output}{status}")),
    }
}
