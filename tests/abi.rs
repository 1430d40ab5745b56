//! The binary interface: `tests/c/abi.c` records it, and nothing that stands there may change.

mod common;

use common::{cc, header, root, scratch, skip};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

fn header() -> String {
    fs::read_to_string(root().join("include/userns.h")).unwrap()
}

fn record() -> String {
    fs::read_to_string(root().join("tests/c/abi.c")).unwrap()
}

/// Compared by the compiler and linked with the library of this build.
#[test]
fn nothing_recorded_has_changed() {
    let program = common::compile(&root().join("tests/c/abi.c"), &["-std=c11"]);
    common::expect_success("abi", &mut Command::new(program));
}

/// Field offsets and the types of constants are others there.
#[test]
fn nothing_recorded_has_changed_on_32_bits() {
    for compiler in ["gcc", "clang"] {
        if !common::knows_32_bits(compiler, "nothing_recorded_has_changed_on_32_bits") {
            continue;
        }
        let mut command = Command::new(compiler);
        command.args(["-m32", "-std=c11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"]);
        common::expect_success("abi", command.arg(root().join("include")).arg(root().join("tests/c/abi.c")));
    }
}

/// What a release has, the next ones must have too, so it has to be recorded by then.
#[test]
fn what_is_released_is_recorded() {
    let header = header();
    let constants = header.lines().filter_map(|line| line.strip_prefix("#define ")?.split_whitespace().next());
    let mut names: BTreeSet<String> = constants.filter(|name| *name != "USERNS_H").map(String::from).collect();
    names.remove("USERNS_VERSION_NUMBER"); // changes with each release
    names.extend(header::functions());
    assert!(names.contains("userns_scan") && names.contains("USERNS_SCAN_PINNED"), "{names:?}");
    let record = record();
    let words: BTreeSet<&str> = record.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    names.retain(|name| !words.contains(name.as_str()));
    if names.is_empty() {
        return;
    }
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let version = changelog.lines().find(|line| line.starts_with("## ")).unwrap();
    assert!(version.ends_with("- unreleased"), "{version}: record these in tests/c/abi.c: {names:?}");
    skip("what_is_released_is_recorded", &format!("to be recorded in tests/c/abi.c by the release: {names:?}"));
}

/// Whether the record agrees with a header in which something was replaced.
fn agrees_after(before: &str, after: &str) -> bool {
    let header = header();
    assert_eq!(header.matches(before).count(), 1, "{before}");
    let include = scratch("changed");
    fs::create_dir_all(&include).unwrap();
    fs::write(include.join("userns.h"), header.replace(before, after)).unwrap();
    let mut command = cc();
    command.args(["-std=c11", "-fsyntax-only", "-I"]).arg(include).arg(root().join("tests/c/abi.c"));
    command.output().unwrap().status.success()
}

#[test]
fn the_record_lets_additions_pass_and_nothing_else() {
    for (before, after) in [
        ("\nuint32_t userns_depth(const struct userns_node *node);", ""),
        ("bool userns_is_ancestor(", "int userns_is_ancestor("),
        ("\nconst char *userns_version(void);", "\nchar *userns_version(void);"),
        ("const char *userns_strerror(int error);", "const char *userns_strerror(long error);"),
        ("void userns_free(struct userns_snapshot *snapshot);", "void userns_free(struct userns_snapshot *, int);"),
        ("    size_t size;", "    int size;"),
        ("    const char *proc_path;", "    uint64_t between;\n    const char *proc_path;"),
        ("    uint64_t flags;\n", ""),
        ("#define USERNS_SCAN_NAMES UINT64_C(8)", "#define USERNS_SCAN_NAMES UINT64_C(32)"),
        ("#define USERNS_SCAN_NAMES UINT64_C(8)", "#define USERNS_SCAN_NAMES 8"),
        ("#define USERNS_GAP_HIDEPID 2u\n", ""),
        ("#define USERNS_OPTIONS_INIT", "#define USERNS_OPTIONS_NONE"),
    ] {
        assert!(!agrees_after(before, after), "not noticed: '{before}' is '{after}'");
    }
    for (before, after) in [
        ("void userns_free(", "int userns_added(const char *name);\nvoid userns_free("),
        ("    uint64_t flags;\n", "    uint64_t flags;\n    uint64_t added;\n"),
        ("#define USERNS_SCAN_NAMES", "#define USERNS_SCAN_ADDED UINT64_C(1024)\n#define USERNS_SCAN_NAMES"),
    ] {
        assert!(agrees_after(before, after), "no addition: '{before}' is '{after}'");
    }
}
