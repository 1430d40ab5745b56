//! The rules of the house (docs/architecture.md), checked on the `use` lines and paths of the source code.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// The floors, from the top down. A file imports only from its own room and from lower floors.
const FLOORS: [&[&str]; 7] =
    [&["lib", "ffi"], &["scan"], &["observe", "snapshot"], &["options"], &["error"], &["facts", "sys"], &["util"]];

/// The sources of facts. They do not know each other.
const SOURCES: [&str; 10] = [
    "observe/bpf",
    "observe/caller",
    "observe/host",
    "observe/names",
    "observe/pins/descriptors",
    "observe/pins/links",
    "observe/pins/mounts",
    "observe/pins/sockets",
    "observe/processes",
    "observe/visibility",
];

/// The path of each file below `src` without its extension, for example `observe/pins/mod`, and its code without unit
/// tests.
fn files() -> BTreeMap<String, String> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = BTreeMap::new();
    let mut directories = vec![source.clone()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(directory).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(&source).unwrap().with_extension("");
                let text = fs::read_to_string(&path).unwrap();
                files.insert(name.to_str().unwrap().to_string(), text);
            }
        }
    }
    assert!(files.len() > 40, "the source code is in src");
    files
}

/// Code up to the unit tests, without comments.
fn code(text: &str) -> String {
    let tests = text.find("#[cfg(test)]\nmod ").unwrap_or(text.len());
    text[..tests].lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

fn is_test(file: &str) -> bool {
    file.ends_with("tests") || file.contains("/tests/")
}

fn floor(file: &str) -> usize {
    let room = file.split('/').next().unwrap();
    FLOORS.iter().position(|rooms| rooms.contains(&room)).unwrap_or_else(|| panic!("{file} is on no floor"))
}

/// The segments of all paths that start with `crate` or `super`, from the crate's root, with `{…}` expanded.
fn imports(file: &str, code: &str) -> Vec<Vec<String>> {
    let mut module: Vec<String> = file.split('/').map(String::from).collect();
    if matches!(module.last().unwrap().as_str(), "mod" | "lib") {
        module.pop();
    }
    let text: String = code.split_whitespace().collect::<Vec<_>>().join(" ").replace(":: ", "::");
    let mut all = Vec::new();
    for (start, _) in text.match_indices("crate::").chain(text.match_indices("super::")) {
        let before = text[..start].chars().next_back().unwrap_or(' ');
        if before.is_alphanumeric() || "_:$".contains(before) {
            continue;
        }
        expand(&text[start..], &mut Vec::new(), &mut all);
    }
    all.into_iter()
        .map(|mut path| {
            let mut base = if path[0] == "crate" { Vec::new() } else { module.clone() };
            while path.first().is_some_and(|segment| segment == "super") {
                base.pop();
                path.remove(0);
            }
            path.retain(|segment| segment != "crate" && segment != "self");
            base.extend(path);
            base
        })
        .collect()
}

/// Adds the paths of a tree such as `a::{b, c::d}`; returns the rest of the text.
fn expand<'t>(text: &'t str, prefix: &mut Vec<String>, all: &mut Vec<Vec<String>>) -> &'t str {
    let text = text.trim_start();
    if let Some(mut rest) = text.strip_prefix('{') {
        loop {
            rest = rest.trim_start();
            if let Some(rest) = rest.strip_prefix('}') {
                return rest;
            }
            rest = rest.strip_prefix(',').unwrap_or(rest);
            if rest.trim_start().starts_with('}') {
                continue;
            }
            let before = rest.len();
            rest = expand(rest, &mut prefix.clone(), all);
            assert!(rest.len() < before, "cannot parse {rest}");
        }
    }
    let end = text.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(text.len());
    let (segment, rest) = text.split_at(end);
    if !segment.is_empty() {
        prefix.push(segment.to_string());
    }
    match rest.strip_prefix("::") {
        Some(rest) if !segment.is_empty() => expand(rest, prefix, all),
        _ => {
            all.push(prefix.clone());
            rest.strip_prefix('*').unwrap_or(rest)
        }
    }
}

/// The file that an import leads to: the longest path that is one.
fn target<'f>(import: &[String], files: &'f BTreeMap<String, String>) -> Option<&'f str> {
    (1..=import.len()).rev().find_map(|length| {
        let path = import[..length].join("/");
        let module = format!("{path}/mod");
        files.keys().find(|file| **file == path || **file == module).map(String::as_str)
    })
}

/// Each file, and the files that it imports from.
fn arrows() -> Vec<(String, String)> {
    let files = files();
    let mut arrows = Vec::new();
    for (file, text) in files.iter().filter(|(file, _)| !is_test(file)) {
        for import in imports(file, &code(text)) {
            let Some(target) = target(&import, &files) else { continue };
            if target != file {
                arrows.push((file.clone(), target.to_string()));
            }
        }
    }
    arrows.sort();
    arrows.dedup();
    assert!(arrows.len() > 100, "imports are found");
    arrows
}

#[test]
fn arrows_go_down() {
    for (from, to) in arrows() {
        let (own, other) = (from.split('/').next().unwrap(), to.split('/').next().unwrap());
        assert!(
            own == other || floor(&from) < floor(&to),
            "src/{from}.rs imports from src/{to}.rs, on or above its floor"
        );
    }
}

#[test]
fn snapshots_are_pure() {
    for (from, to) in arrows() {
        let is_pure = ["snapshot/", "idmap", "capability", "changes"].iter().any(|room| from.starts_with(room));
        let asks_kernel = to.starts_with("sys/") || to.starts_with("observe/");
        assert!(!(is_pure && asks_kernel), "src/{from}.rs imports from src/{to}.rs");
    }
}

#[test]
fn facts_import_only_tools() {
    for (from, to) in arrows().into_iter().filter(|(from, _)| from.starts_with("facts/")) {
        assert!(to.starts_with("facts/") || to.starts_with("util/"), "src/{from}.rs imports from src/{to}.rs");
    }
}

fn source_of(file: &str) -> Option<&'static str> {
    SOURCES.into_iter().find(|source| file == *source || file.starts_with(&format!("{source}/")))
}

#[test]
fn sources_do_not_import_each_other() {
    let files = files();
    for source in SOURCES {
        assert!(files.keys().any(|file| source_of(file) == Some(source)), "there is no source {source}");
    }
    for (from, to) in arrows() {
        if let (Some(own), Some(other)) = (source_of(&from), source_of(&to)) {
            assert_eq!(own, other, "src/{from}.rs imports from another source, src/{to}.rs");
        }
    }
}

/// The handle types of `ffi` point to each other.
#[test]
fn no_two_files_import_each_other() {
    let arrows = arrows();
    for (from, to) in &arrows {
        let is_parent = |file: &str| file.ends_with("/mod") || file == "lib";
        if from.starts_with("ffi/") || is_parent(from) || is_parent(to) {
            continue;
        }
        let back = arrows.iter().any(|(other, target)| other == to && target == from);
        assert!(!back, "src/{from}.rs and src/{to}.rs import each other");
    }
}

#[test]
fn unsafe_code_is_in_sys_and_ffi() {
    for (file, text) in files() {
        let may = file.starts_with("sys/") || file.starts_with("ffi/");
        let words = code(&text);
        let has = words.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == "unsafe");
        assert!(may || !has, "src/{file}.rs has unsafe code");
    }
}

#[test]
fn no_file_is_long() {
    for (file, text) in files() {
        let lines = text.lines().count();
        assert!(lines <= 400, "src/{file}.rs has {lines} lines");
    }
}

#[test]
fn the_parser_of_imports_finds_all_forms() {
    let text = "use crate::sys::{self, file::{Fd, Identity}};\nuse super::{Context, pins::*};\nlet x = crate::a::b();";
    let found: Vec<String> = imports("observe/names", text).into_iter().map(|path| path.join("::")).collect();
    let expected = ["sys", "sys::file::Fd", "sys::file::Identity", "a::b", "observe::Context", "observe::pins"];
    assert_eq!(found, expected);
}
