//! The rules of the house (docs/architecture.md), checked on the `use` lines and paths of the source code.

mod source;

use source::{File, Source, texts, tokens};
use std::collections::BTreeSet;
use std::sync::LazyLock;

static SOURCE: LazyLock<Source> = LazyLock::new(Source::read);

/// The floors, from the top down. A file imports only from its own room and from lower floors.
const FLOORS: [&[&str]; 8] = [
    &["lib", "ffi"],
    &["probe"],
    &["changes", "describe", "open", "saved", "scan"],
    &["observe", "snapshot"],
    &["options", "idmap", "capability"],
    &["error"],
    &["facts", "sys"],
    &["util"],
];

/// The files that call sources; `observe/mod` names them for `scan`.
const DRIVERS: [&str; 3] = ["scan", "observe/mod", "observe/pins/mod"];

/// Files of types that contain each other: objects of a snapshot.
const HANDLES: [&str; 4] = ["ffi/", "snapshot/node", "snapshot/nonuser", "snapshot/pin"];

/// Modules of the standard library that make system calls. They belong to `sys`: a call can be a cancellation point, or
/// abort without memory.
const SYSTEM_CALLS: [&str; 6] = ["env", "fs", "net", "process", "thread", "time"];

fn room(file: &str) -> &str {
    file.split('/').next().unwrap()
}

fn floor(file: &str) -> usize {
    let room = room(file);
    FLOORS.iter().position(|rooms| rooms.contains(&room)).unwrap_or_else(|| panic!("{file} is on no floor"))
}

#[test]
fn arrows_go_down() {
    for (from, to) in SOURCE.arrows() {
        assert!(
            room(from) == room(to) || floor(from) < floor(to),
            "src/{from}.rs imports from src/{to}.rs, on or above its floor"
        );
    }
}

#[test]
fn snapshots_are_pure() {
    for (from, to) in SOURCE.arrows() {
        let is_pure = ["snapshot/", "idmap", "capability", "changes"].iter().any(|room| from.starts_with(room));
        let asks_kernel = to.starts_with("sys/") || to.starts_with("observe/");
        assert!(!(is_pure && asks_kernel), "src/{from}.rs imports from src/{to}.rs");
    }
}

#[test]
fn facts_import_only_tools() {
    for (from, to) in SOURCE.arrows().into_iter().filter(|(from, _)| from.starts_with("facts/")) {
        assert!(to.starts_with("facts/") || to.starts_with("util/"), "src/{from}.rs imports from src/{to}.rs");
    }
}

/// The source of facts that a file belongs to: itself if its first line says so, or `observe/bpf`.
fn source_of(file: &str) -> Option<&str> {
    match file.starts_with("observe/bpf/") {
        true => Some("observe/bpf"),
        false => SOURCE.0[file].first_line.starts_with("//! Source: ").then_some(file),
    }
}

#[test]
fn only_drivers_import_sources() {
    let sources: BTreeSet<&str> = SOURCE.0.keys().filter_map(|file| source_of(file)).collect();
    assert!(sources.len() >= 10, "{sources:?}");
    assert!(sources.iter().all(|file| file.starts_with("observe/")), "{sources:?}");
    for (from, to) in SOURCE.arrows() {
        let called = source_of(to);
        let may = called.is_none() || called == source_of(from) || DRIVERS.contains(&from);
        assert!(may, "src/{from}.rs imports from a source, src/{to}.rs");
    }
}

/// A module and its parts do.
#[test]
fn files_do_not_import_each_other() {
    let is_free = |file: &str| {
        file.ends_with("/mod")
            || file == "lib"
            || HANDLES.iter().any(|handle| file == *handle || (handle.ends_with('/') && file.starts_with(handle)))
    };
    let mut arrows = SOURCE.arrows();
    // `btf.rs` contains the modules in `btf`.
    arrows.retain(|(from, to)| !is_free(from) && !is_free(to) && !from.starts_with(&format!("{to}/")));
    loop {
        let importing: BTreeSet<&str> = arrows.iter().map(|(from, _)| *from).collect();
        let before = arrows.len();
        arrows.retain(|(_, to)| importing.contains(to));
        if arrows.len() == before {
            break;
        }
    }
    assert!(arrows.is_empty(), "these files import each other: {arrows:?}");
}

/// `use super::*` hides what a file imports.
#[test]
fn imports_have_names() {
    for (name, file) in &SOURCE.0 {
        let globs = file.inner.iter().filter(|path| path.last().is_some_and(|last| last == "*"));
        assert_eq!(globs.count(), 0, "src/{name}.rs imports *");
    }
}

#[test]
fn system_calls_are_in_sys() {
    for (name, file) in SOURCE.0.iter().filter(|(name, _)| !name.starts_with("sys/")) {
        let calls =
            |path: &&Vec<String>| path[0] == "std" && path.get(1).is_some_and(|part| SYSTEM_CALLS.contains(&&**part));
        let found: Vec<_> = file.outer.iter().filter(calls).collect();
        assert!(found.is_empty(), "src/{name}.rs uses {found:?}");
    }
}

#[test]
fn unsafe_code_is_in_sys_and_ffi() {
    for (name, file) in &SOURCE.0 {
        let may = name.starts_with("sys/") || name.starts_with("ffi/");
        assert!(may || !file.tokens.iter().any(|token| token == "unsafe"), "src/{name}.rs has unsafe code");
    }
}

#[test]
fn no_file_is_long() {
    for (name, text) in texts() {
        let lines = text.lines().count();
        assert!(lines <= 400, "src/{name}.rs has {lines} lines");
    }
}

#[test]
fn the_parser_finds_all_forms_of_paths() {
    let text = r##"
        use crate::sys::{self, file::{Fd, Identity as Id}};
        use super::{Context, pins::*};
        use crate as root;
        fn f(&'a self) -> impl Iterator<Item = u8> + use<'a> {
            // crate::comment::a, "
            let text = ("crate::string::a // \" ", b"\\", r#"crate::raw::a " "#, '"', '\'', c"");
            (crate :: a::b(), sys::nsfs::id(), root::c::d(), Id::new(), $crate::e, std::fs::read())
        }
        #[cfg(test)]
        mod tests { use crate::test::a; }
        fn g() { names::h() }
    "##;
    let file = File::parse("observe/names", text, &BTreeSet::from(["observe", "observe/names"]));
    let found: BTreeSet<String> = file.inner.iter().map(|path| path.join("::")).collect();
    let expected = [
        "",
        "a::b",
        "c::d",
        "e",
        "observe::Context",
        "observe::pins::*",
        "sys",
        "sys::file::Fd",
        "sys::file::Identity",
        "sys::file::Identity::new",
        "sys::nsfs::id",
    ];
    assert_eq!(found, BTreeSet::from(expected.map(String::from)));
    let outer: Vec<String> = file.outer.iter().map(|path| path.join("::")).collect();
    assert_eq!(outer, ["std::fs::read", "names::h"]);
    assert_eq!(tokens("a /* b */ 'x' \"y\" c::d"), ["a", "c", "::", "d"]);
}
