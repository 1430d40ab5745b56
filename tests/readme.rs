//! The first programs that the README shows work as they stand there, with the commands that it gives.

mod common;

use common::{library, root, scratch, skip};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;

/// The program of a section, and the commands that follow it.
fn section(title: &str) -> (String, String) {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let (_, section) = readme.split_once(&format!("\n## {title}\n")).expect("a section");
    let section = section.split("\n## ").next().unwrap();
    let (_, from) = section.split_once("```").expect("a program");
    let (program, rest) = from.split_once("```").unwrap();
    let (_language, program) = program.split_once('\n').unwrap();
    // The first block of commands; others can take an installation.
    let commands = rest.lines().skip_while(|line| !line.starts_with("    "));
    let commands = commands.map_while(|line| line.strip_prefix("    ")).collect::<Vec<_>>().join("\n");
    (program.to_string(), commands)
}

/// A directory like the top one after the release build, with the library that `cargo test` made.
fn top(name: &str) -> PathBuf {
    let top = scratch(&format!("readme-{name}"));
    let _ = fs::remove_dir_all(&top);
    fs::create_dir_all(top.join("target/release")).unwrap();
    symlink(library().join("libuserns.so"), top.join("target/release/libuserns.so")).unwrap();
    for directory in ["include", "tests"] {
        symlink(root().join(directory), top.join(directory)).unwrap();
    }
    top
}

/// What the commands of a section print; nothing where a tool is missing, which is reported.
fn run(title: &str, file: &str, tool: &str) -> Option<String> {
    if !Command::new("sh").args(["-c", &format!("command -v {tool}")]).output().unwrap().status.success() {
        skip(title, &format!("there is no {tool}"));
        return None;
    }
    let (program, commands) = section(title);
    let top = top(file);
    fs::write(top.join(file), program).unwrap();
    symlink("libuserns.so", top.join("target/release/libuserns.so.0")).unwrap();
    let commands = commands
        .replace("cargo build --release && ", "")
        .replace(" -Iinclude", " -Wall -Wextra -Wpedantic -Werror -Iinclude");
    let output = Command::new("sh")
        .args(["-ec", &commands])
        .current_dir(&top)
        .env_remove("LD_LIBRARY_PATH")
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("GOCACHE", std::env::var_os("GOCACHE").unwrap_or(scratch("go-build").into()))
        .envs([("GOPROXY", "off"), ("GOTOOLCHAIN", "local"), ("GOWORK", "off"), ("GOFLAGS", "")])
        .output()
        .unwrap();
    assert!(output.status.success(), "{commands}\n{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

#[test]
fn first_program_in_c() {
    let printed = run("C", "first.c", "cc").expect("a C compiler");
    assert!(printed.starts_with("I am in user namespace 40265"), "{printed}");
}

#[test]
fn first_program_in_cpp() {
    let Some(printed) = run("C++", "first.cpp", "c++") else { return };
    assert!(printed.starts_with("40265") && printed.ends_with(" processes\n"), "{printed}");
}

#[test]
fn first_program_in_python() {
    let Some(printed) = run("Python", "first.py", "python3") else { return };
    assert!(printed.starts_with("40265") && printed.contains(" was made by UID "), "{printed}");
}

#[test]
fn first_program_in_go() {
    let Some(printed) = run("Go", "first.go", "go") else { return };
    assert!(printed.starts_with("0 40265") && printed.contains('['), "{printed}");
}
