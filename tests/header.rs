//! The header: generated, current, and accepted by every C and C++ compiler that is here.

mod common;

use common::{root, scratch, skip};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The build rewrites a header that is not current, so only what was committed can show that it was not.
#[test]
fn committed_header_is_current() {
    let committed = Command::new("git").args(["show", "HEAD:./include/userns.h"]).current_dir(root()).output();
    let committed = match committed {
        Ok(output) if output.status.success() => String::from_utf8(output.stdout).unwrap(),
        Ok(output) => return skip("committed_header_is_current", &String::from_utf8_lossy(&output.stderr)),
        Err(error) => return skip("committed_header_is_current", &format!("git: {error}")),
    };
    let current = fs::read_to_string(root().join("include/userns.h")).unwrap();
    assert!(committed == current, "commit include/userns.h, which the build has generated anew");
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
fn exports_the_functions_of_the_header_and_nothing_else() {
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
    assert_eq!(exported, common::header::functions());
}

#[test]
fn the_library_is_named_for_its_abi() {
    let library = common::library().join("libuserns.so");
    let output = match Command::new("readelf").args(["-dW"]).arg(library).output() {
        Ok(output) => output,
        Err(error) => return skip("the_library_is_named_for_its_abi", &format!("readelf: {error}")),
    };
    let listing = String::from_utf8(output.stdout).unwrap();
    assert!(listing.contains("soname: [libuserns.so.0]"), "{listing}");
    assert!(listing.contains("NODELETE"), "{listing}");
}
