//! A Rust package that depends on the crate without its default features: a library, and the program in `examples`.

mod common;

use common::{root, scratch, skip};
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::OnceLock;

const MANIFEST: &str = r#"[package]
name = "consumer"
version = "0.0.0"
edition = "2024"

[lib]
crate-type = ["cdylib"]

[dependencies]
userns = { path = "ROOT", default-features = false }

[workspace]
"#;

/// Builds the package. Returns the directory with the library and program, and the output of cargo.
fn build() -> &'static (PathBuf, String) {
    static BUILT: OnceLock<(PathBuf, String)> = OnceLock::new();
    BUILT.get_or_init(build_once)
}

fn build_once() -> (PathBuf, String) {
    let package = scratch("rust_consumer");
    let _ = fs::remove_dir_all(&package);
    fs::create_dir_all(package.join("src/bin")).unwrap();
    let root = root().to_str().expect("a path in UTF-8");
    fs::write(package.join("Cargo.toml"), MANIFEST.replace("ROOT", root)).unwrap();
    fs::copy(Path::new(root).join("tests/consumer/lib.rs"), package.join("src/lib.rs")).unwrap();
    fs::copy(Path::new(root).join("examples/lsns.rs"), package.join("src/bin/lsns.rs")).unwrap();
    // The dependencies have the versions that this test was built with, so cargo has downloaded them.
    if let Err(error) = fs::copy(Path::new(root).join("Cargo.lock"), package.join("Cargo.lock")) {
        skip("the versions of Cargo.lock", &error.to_string());
    }
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or("cargo".into()));
    cargo.args(["build", "--offline", "--target-dir", "target"]).current_dir(&package);
    // cargo sets variables for this test that would apply to the other package.
    cargo.env_remove("CARGO_MANIFEST_DIR").env_remove("CARGO_BUILD_TARGET").env("CARGO_TERM_COLOR", "never");
    let output = cargo.output().unwrap();
    let messages = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{messages}");
    (package.join("target/debug"), messages)
}

/// Calls consumer_count().
fn count(library: &Path) -> i64 {
    let path = CString::new(library.as_os_str().as_bytes()).unwrap();
    // SAFETY: both names are C strings. The function has this type, and the library stays open.
    unsafe {
        let handle = libc::dlopen(path.as_ptr(), libc::RTLD_NOW | libc::RTLD_LOCAL);
        assert!(!handle.is_null());
        let function = libc::dlsym(handle, c"consumer_count".as_ptr());
        assert!(!function.is_null());
        std::mem::transmute::<*mut libc::c_void, extern "C" fn() -> i64>(function)()
    }
}

#[test]
fn has_neither_cbindgen_nor_the_c_interface() {
    let (directory, messages) = build();
    let library = directory.join("libconsumer.so");
    assert!(messages.contains("Compiling userns "), "{messages}");
    assert!(!messages.contains("cbindgen"), "{messages}");
    assert!(count(&library) >= 1);
    let output = match Command::new("nm").args(["-D", "--defined-only"]).arg(library).output() {
        Ok(output) => output,
        Err(error) => return skip("the symbols of a Rust library", &format!("nm: {error}")),
    };
    let listing = String::from_utf8(output.stdout).unwrap();
    let symbols: Vec<&str> = listing.lines().filter_map(|line| line.split(' ').next_back()).collect();
    assert_eq!(symbols, ["consumer_count"]);
}

/// Namespaces side by side and below each other, with one process and with several, of several users.
const ROOM: &str = r#"
sleep 100 & sleep 100 &
unshare -U sleep 100 &
unshare -Ur sh -c 'sleep 100 & unshare -U sleep 100 & exec sleep 100' &
count=6
for uid in 1 12345; do
    if setpriv --reuid=$uid --clear-groups unshare -U true; then
        setpriv --reuid=$uid --clear-groups unshare -U sleep 100 &
        count=$((count + 1))
    fi
done 2> /dev/null
until [ "$(cat /proc/[0-9]*/comm | grep -c '^sleep$')" = $count ]; do :; done
lsns --list --type user && echo - && "$0" && exit
"#;

/// A line of lsns with the command name in place of the command line, which is the last column.
fn with_name(line: &str, command_at: usize) -> String {
    let (start, command) = line.split_at(command_at);
    let program = command.split(' ').next().unwrap();
    format!("{start}{}", program.rsplit('/').next().unwrap())
}

/// Such a program is short in Rust.
#[test]
fn the_example_is_short() {
    let example = fs::read_to_string(root().join("examples/lsns.rs")).unwrap();
    assert!(example.lines().count() < 80);
}

#[test]
fn the_example_prints_what_lsns_prints() {
    let skip = |reason: &str| skip("the_example_prints_what_lsns_prints", reason);
    if Command::new("lsns").arg("--version").output().is_err() {
        return skip("there is no lsns");
    }
    let program = build().0.join("lsns");
    let room = |options: &[&str]| {
        let mut unshare = Command::new("timeout");
        unshare.args(["60", "unshare"]).args(options).args(["--pid", "--fork", "--mount-proc", "--kill-child"]);
        unshare.args(["sh", "-c", ROOM]).arg(&program).output().ok()
    };
    let rooms = [&[][..], &["-Ur"]].map(room);
    let Some(output) = rooms.into_iter().flatten().find(|output| output.status.success()) else {
        return skip("unshare(1) or lsns(8) failed");
    };
    let printed = String::from_utf8(output.stdout).unwrap();
    let (expected, found) = printed.split_once("-\n").unwrap();
    let command_at = expected.find("COMMAND").unwrap();
    let expected: String = expected.lines().map(|line| with_name(line, command_at) + "\n").collect();
    assert_eq!(found, expected);
    assert!(expected.lines().count() >= 5, "{expected}");
}
