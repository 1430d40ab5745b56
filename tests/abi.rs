//! The binary interface. `tests/c/abi.c` is its record, of which no line may change after a release.

mod common;

use common::{cc, header, root, scratch, skip};
use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

fn record() -> String {
    fs::read_to_string(root().join("tests/c/abi.c")).unwrap()
}

/// The compiler compares the header with the record. The program is linked with the library of this build.
#[test]
fn nothing_recorded_has_changed() {
    let program = common::compile(&root().join("tests/c/abi.c"), &["-std=c11"]);
    common::expect_success("abi", &mut Command::new(program));
}

/// Field offsets and the types of constants differ on 32 bits.
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

/// A release records its whole interface, since all later ones must keep it.
#[test]
fn a_release_is_recorded() {
    let mut names = header::constants();
    names.remove("USERNS_VERSION_NUMBER"); // Each release changes it.
    names.extend(header::functions());
    for name in ["userns_scan", "USERNS_SCAN_PINNED", "USERNS_PIN_MEMBER"] {
        assert!(names.contains(name), "{names:?}");
    }
    let record = record();
    let words: BTreeSet<&str> = record.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    names.retain(|name| !words.contains(name.as_str()));
    if names.is_empty() {
        return;
    }
    let changelog = fs::read_to_string(root().join("CHANGELOG.md")).unwrap();
    let version = changelog.lines().find(|line| line.starts_with("## ")).unwrap();
    assert!(version.ends_with("- unreleased"), "{version}: tests/c/abi.c does not record {names:?}");
    skip("a_release_is_recorded", &format!("tests/c/abi.c does not record {names:?} until the release"));
}

/// Whether the record agrees with a header in which `before` is replaced by `after`.
fn agrees_after(before: &str, after: &str) -> bool {
    let header = header::header();
    assert_eq!(header.matches(before).count(), 1, "{before}");
    let include = scratch("changed");
    fs::create_dir_all(&include).unwrap();
    fs::write(include.join("userns.h"), header.replace(before, after)).unwrap();
    let mut command = cc();
    command.args(["-std=c11", "-fsyntax-only", "-I"]).arg(include).arg(root().join("tests/c/abi.c"));
    command.output().unwrap().status.success()
}

#[test]
fn the_record_accepts_only_additions() {
    for (before, after) in [
        ("\nuint32_t userns_depth(const struct userns_node *node);", ""),
        ("bool userns_is_ancestor(", "int userns_is_ancestor("),
        ("\nconst char *userns_version(void);", "\nchar *userns_version(void);"),
        ("const char *userns_strerror(int error);", "const char *userns_strerror(long error);"),
        ("void userns_free(struct userns_snapshot *snapshot);", "void userns_free(struct userns_snapshot *, int);"),
        ("\nenum userns_source userns_source(", "\nuint64_t userns_source("),
        ("    size_t size;", "    int size;"),
        ("    const char *proc_path;", "    uint64_t between;\n    const char *proc_path;"),
        ("    uint64_t flags;\n", ""),
        ("    uint64_t limit;\n", "    uint32_t limit;\n"),
        ("#define USERNS_SCAN_NAMES UINT64_C(0x8)", "#define USERNS_SCAN_NAMES UINT64_C(0x20)"),
        ("#define USERNS_SCAN_NAMES UINT64_C(0x8)", "#define USERNS_SCAN_NAMES 0x8"),
        ("#define USERNS_GAP_HIDEPID 0x2u\n", ""),
        ("#define USERNS_OPTIONS_INIT", "#define USERNS_OPTIONS_NONE"),
        ("    USERNS_PIN_MOUNT = 4,\n", ""),
        ("    USERNS_PIN_MOUNT = 4,\n", "    USERNS_PIN_MOUNT = 8,\n"),
        ("    USERNS_SOURCE_BPF_TASKS = 3,\n", "    USERNS_SOURCE_BPF_TASKS = 3,\n    USERNS_SOURCE_NONE = -1,\n"),
        ("    USERNS_SOURCE_BPF_TASKS = 3,\n", "    USERNS_SOURCE_BPF_TASKS = 3,\n    USERNS_SOURCE_BIG = 1L << 40,\n"),
    ] {
        assert!(!agrees_after(before, after), "accepted: '{after}' instead of '{before}'");
    }
    for (before, after) in [
        ("void userns_free(", "int userns_added(const char *name);\nvoid userns_free("),
        ("    uint64_t limit;\n", "    uint64_t limit;\n    uint64_t added;\n"),
        ("#define USERNS_SCAN_NAMES", "#define USERNS_SCAN_ADDED UINT64_C(0x400)\n#define USERNS_SCAN_NAMES"),
        ("    USERNS_PIN_MOUNT = 4,\n", "    USERNS_PIN_MOUNT = 4,\n    USERNS_PIN_ADDED = 8,\n"),
    ] {
        assert!(agrees_after(before, after), "rejected: '{after}' instead of '{before}'");
    }
}
