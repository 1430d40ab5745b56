//! The generated header, and the shared library that cargo builds.

mod common;

use common::{header, root, scratch, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The build replaces a header that is not current, so this compares it with the last commit.
#[test]
fn committed_header_is_current() {
    let committed = Command::new("git").args(["show", "HEAD:./include/userns.h"]).current_dir(root()).output();
    let committed = match committed {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        Ok(output) => return skip("committed_header_is_current", &String::from_utf8_lossy(&output.stderr)),
        Err(error) => return skip("committed_header_is_current", &format!("git: {error}")),
    };
    let current = fs::read_to_string(root().join("include/userns.h")).unwrap();
    assert!(committed == current, "the build has replaced include/userns.h: commit it");
}

#[test]
fn compiles_without_a_warning() {
    let c = scratch("header.c");
    let cpp = scratch("header.cpp");
    let program = "#include <userns.h>\n#include <userns.h>\n\
                   struct userns_options options = USERNS_OPTIONS_INIT;\n\
                   int main(void) { return USERNS_VERSION_NUMBER == 0 || options.flags != 0; }\n";
    fs::write(&c, program).unwrap();
    fs::write(&cpp, program).unwrap();
    for (compiler, source, standards) in [
        ("gcc", &c, ["c99", "c11", "c2x"]),
        ("clang", &c, ["c99", "c11", "c2x"]),
        ("g++", &cpp, ["c++11", "c++17", "c++20"]),
        ("clang++", &cpp, ["c++11", "c++17", "c++20"]),
    ] {
        for standard in standards {
            expect_accepted(compiler, &[&format!("-std={standard}")], source);
        }
        if common::knows_32_bits(compiler, "compiles_without_a_warning") {
            expect_accepted(compiler, &[&format!("-std={}", standards[0]), "-m32"], source);
        }
    }
}

fn expect_accepted(compiler: &str, flags: &[&str], source: &Path) {
    let mut command = Command::new(compiler);
    command.args(["-Wall", "-Wextra", "-Wpedantic", "-Werror", "-fsyntax-only", "-I"]).arg(root().join("include"));
    match command.args(flags).arg(source).output() {
        Ok(output) => {
            assert!(output.status.success(), "{compiler} {flags:?}: {}", String::from_utf8_lossy(&output.stderr));
        }
        Err(error) => skip("compiles_without_a_warning", &format!("{compiler} {flags:?}: {error}")),
    }
}

#[test]
fn exports_only_the_functions_of_the_header() {
    let library = common::library().join("libuserns.so");
    let output = match Command::new("nm").args(["-D", "--defined-only"]).arg(library).output() {
        Ok(output) => output,
        Err(error) => return skip("exports", &format!("nm: {error}")),
    };
    assert!(output.status.success());
    let listing = String::from_utf8(output.stdout).unwrap();
    let exported: BTreeSet<String> =
        listing.lines().filter_map(|line| line.split_whitespace().last()).map(String::from).collect();
    assert!(exported.contains("userns_scan"), "{exported:?}");
    assert_eq!(exported, header::functions());
}

/// The map lists each function of the header in the node of the version that introduced it.
#[test]
fn the_version_map_agrees_with_the_header() {
    let header = header::items(&header::header());
    let since = |item: &header::Item| {
        let line = item.comment.iter().find_map(|line| line.strip_prefix("Since ")?.strip_suffix('.'));
        format!("LIBUSERNS_{}", line.unwrap_or_else(|| panic!("{} lacks a line \"Since\"", item.name())))
    };
    let functions = header.iter().filter(|item| item.is_function());
    let expected: BTreeMap<String, String> = functions.map(|item| (item.name().to_string(), since(item))).collect();
    assert_eq!(header::versions(), expected);
}

#[test]
fn the_soname_has_the_number_of_the_abi() {
    let library = common::library().join("libuserns.so");
    let output = match Command::new("readelf").args(["-dW"]).arg(library).output() {
        Ok(output) => output,
        Err(error) => return skip("the_soname_has_the_number_of_the_abi", &format!("readelf: {error}")),
    };
    let listing = String::from_utf8(output.stdout).unwrap();
    let build = fs::read_to_string(root().join("build.rs")).unwrap();
    let abi = build.lines().find_map(|line| line.strip_prefix("const ABI: u32 = ")?.strip_suffix(';')).unwrap();
    assert!(listing.contains(&format!("soname: [libuserns.so.{abi}]")), "{listing}");
    assert!(listing.contains("NODELETE"), "{listing}");
}
