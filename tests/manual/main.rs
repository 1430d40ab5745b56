//! The manual in `man`. The pages of section 3, one for each function, are made from the comments of the header: those that
//! are not current are written anew, so that running this test brings them up to date. The others are written by hand.

#[path = "../common/mod.rs"]
mod common;
mod mdoc;
mod section3;

use common::header::{Item, header, items};
use common::{compile, root, scratch, skip};
use section3::pages;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::Command;

#[test]
fn section_3_is_current() {
    let directory = root().join("man/man3");
    let pages = pages();
    let mut stale = Vec::new();
    for (file, page) in &pages {
        if fs::read_to_string(directory.join(file)).is_ok_and(|current| current == *page) {
            continue;
        }
        stale.push(file);
        fs::write(directory.join(file), page).expect("a page that is not current can be written");
    }
    assert!(stale.is_empty(), "commit these pages, which were written anew: {stale:?}");
    let found = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let left: Vec<String> = found.filter(|file| !pages.contains_key(file)).collect();
    assert!(left.is_empty(), "these are pages of no function: {left:?}");
}

/// All pages, by their path from the top directory.
fn manual() -> BTreeMap<String, String> {
    let sections = ["man1", "man3", "man7"].map(|section| format!("man/{section}"));
    let entries = sections.iter().flat_map(|section| fs::read_dir(root().join(section)).unwrap());
    let paths = entries.map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| {
        let page = fs::read_to_string(&path).unwrap();
        (path.strip_prefix(root()).unwrap().to_str().unwrap().to_string(), page)
    };
    paths.map(read).collect()
}

#[test]
fn formats_without_a_warning() {
    let mut command = Command::new("mandoc");
    command.args(["-T", "lint", "-W", "warning"]).args(manual().keys()).current_dir(root());
    match command.output() {
        Ok(output) => {
            let told = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
            assert!(output.status.success() && told.is_empty(), "{told}");
        }
        Err(error) => skip("formats_without_a_warning", &format!("mandoc: {error}")),
    }
}

/// What they refer to is there, and they say which version they are of.
#[test]
fn pages_belong_together() {
    let manual = manual();
    let version = format!(".Os \"libuserns {}\"", env!("CARGO_PKG_VERSION"));
    for (path, page) in &manual {
        assert!(page.lines().any(|line| line == version), "{path} is not of this version");
        let references = page.lines().filter_map(|line| line.split_once("Xr userns"));
        for (_, reference) in references {
            let mut words = reference.split(' ');
            let (name, section) = (words.next().unwrap(), words.next().unwrap());
            let target = format!("man/man{section}/userns{name}.{section}");
            assert!(manual.contains_key(&target), "{path} refers to {target}");
        }
    }
}

/// The page of concepts tells of every struct, flag and gap.
#[test]
fn concepts_are_complete() {
    let page = &manual()["man/man7/userns.7"];
    let is_concept = |item: &&Item| {
        let name = item.name();
        ["USERNS_SCAN_", "USERNS_GAP_"].iter().any(|kind| name.starts_with(kind)) || !item.is_constant()
    };
    for item in items(&header()).iter().filter(|item| !item.is_function()).filter(is_concept) {
        assert!(page.contains(item.name()), "userns.7 does not tell of {}", item.name());
    }
}

#[test]
fn example_of_the_concepts_runs() {
    let manual = manual();
    let (_, from) = manual["man/man7/userns.7"].split_once(".Bd -literal -offset indent\n").unwrap();
    let program = from.split_once(".Ed").unwrap().0.replace("\\e", "\\").replace("\\-", "-");
    let source = scratch("manual.c");
    fs::write(&source, program).unwrap();
    let output = Command::new(compile(&source, &["-std=c99"])).output().unwrap();
    assert!(output.status.success() && output.stdout.starts_with(b"40265"), "{output:?}");
}

#[test]
fn commands_have_all_their_options_explained() {
    for name in ["userns_tree", "userns_inspect"] {
        let source = root().join(format!("examples-c/{name}.c"));
        let program = compile(&source, &["-std=c99", "-D_POSIX_C_SOURCE=200809L"]);
        let help = Command::new(program).arg("-h").output().unwrap();
        let help = String::from_utf8(help.stdout).unwrap();
        let page = &manual()[&format!("man/man1/{name}.1")];
        let explained: BTreeSet<&str> =
            page.lines().filter_map(|line| line.strip_prefix(".It Fl ")).flat_map(|line| line.split(' ')).collect();
        let options = help.split_whitespace().map(|word| word.trim_end_matches(','));
        let options: Vec<&str> = options.filter_map(|word| word.strip_prefix('-')).collect();
        assert!(options.len() >= 3, "{help}");
        for option in options {
            assert!(explained.contains(option), "{name}.1 does not explain -{option}");
        }
    }
}
