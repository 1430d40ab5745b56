//! A Rust library that depends on the crate without its default features.

mod common;

use common::{root, scratch, skip};
use std::ffi::CString;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::process::Command;

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

/// Builds tests/consumer/lib.rs as a package of its own. Returns the library and the output of cargo.
fn build() -> (PathBuf, String) {
    let package = scratch("rust_consumer");
    let _ = fs::remove_dir_all(&package);
    fs::create_dir_all(package.join("src")).unwrap();
    let root = root().to_str().expect("a path in UTF-8");
    fs::write(package.join("Cargo.toml"), MANIFEST.replace("ROOT", root)).unwrap();
    fs::copy(Path::new(root).join("tests/consumer/lib.rs"), package.join("src/lib.rs")).unwrap();
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
    (package.join("target/debug/libconsumer.so"), messages)
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
    let (library, messages) = build();
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
