//! Builds C programs against the shared library that `cargo test` made, and runs them.

#![allow(dead_code, reason = "no test uses all of this")]

pub mod header;

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::{env, fs};

/// The exit status by which a program says that it cannot test here; what it printed says why.
pub const SKIPPED: i32 = 77;

/// The top directory of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where cargo put this test program and the library: `target/debug/deps`, say.
fn built() -> PathBuf {
    env::current_exe().unwrap().parent().unwrap().to_path_buf()
}

/// A file or directory below a scratch directory, which tests of a debug and of a release build do not share.
pub fn scratch(name: &str) -> PathBuf {
    let profile = built().parent().unwrap().file_name().unwrap().to_owned();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(profile);
    fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}

/// Reports a test that cannot run. The test harness swallows what passing tests print, but not this.
pub fn skip(what: &str, reason: &str) {
    #[allow(clippy::explicit_write, reason = "eprintln! is swallowed")]
    writeln!(io::stderr(), "skipped: {what}: {}", reason.trim()).unwrap();
}

/// A directory with `libuserns.so`, and the link to it that the dynamic loader looks for.
///
/// `cargo test` leaves the library beside the test programs, without such a link.
pub fn library() -> PathBuf {
    let built = built().join("libuserns.so");
    assert!(built.exists(), "{} is missing", built.display());
    let directory = scratch("lib");
    fs::create_dir_all(&directory).unwrap();
    for name in ["libuserns.so", "libuserns.so.0"] {
        // Made aside and moved into place: other tests may use the old one right now.
        let aside = directory.join(format!("{name}.{}", std::process::id()));
        std::os::unix::fs::symlink(&built, &aside).unwrap();
        fs::rename(&aside, directory.join(name)).unwrap();
    }
    directory
}

/// The C compiler: what the environment variable `CC` names, else `cc`.
pub fn cc() -> Command {
    Command::new(env::var_os("CC").unwrap_or("cc".into()))
}

/// Whether a compiler makes 32-bit programs here; says so if it does not.
pub fn knows_32_bits(compiler: &str, what: &str) -> bool {
    let source = scratch(&format!("{compiler}-32.c"));
    fs::write(&source, "#include <stdbool.h>\n#include <stdint.h>\n#include <sys/types.h>\n").unwrap();
    let reason = match Command::new(compiler).args(["-m32", "-fsyntax-only"]).arg(source).output() {
        Ok(output) if output.status.success() => return true,
        Ok(output) => String::from_utf8_lossy(&output.stderr).into_owned(),
        Err(error) => error.to_string(),
    };
    let reason = reason.lines().find(|line| line.contains("error")).unwrap_or(&reason);
    skip(what, &format!("{compiler} -m32: {reason}"));
    false
}

/// Compiles a C program, without any warning, and links it with the shared library; once in each test process.
pub fn compile(source: &Path, flags: &[&str]) -> PathBuf {
    static COMPILED: Mutex<BTreeMap<PathBuf, PathBuf>> = Mutex::new(BTreeMap::new());
    // A failed compilation fails each test that needs the program, with its own message.
    let mut compiled = COMPILED.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    compiled.entry(source.to_path_buf()).or_insert_with(|| compile_and_link(source, flags)).clone()
}

fn compile_and_link(source: &Path, flags: &[&str]) -> PathBuf {
    let library = library();
    let name = source.file_stem().unwrap().to_str().unwrap();
    let program = scratch(name);
    let aside = scratch(&format!("{name}.{}", std::process::id()));
    let output = cc()
        .args(["-g", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread", "-I"])
        .arg(root().join("include"))
        .args(flags)
        .arg("-o")
        .arg(&aside)
        .arg(source)
        .arg("-L")
        .arg(&library)
        // As DT_RPATH, which comes before LD_LIBRARY_PATH: cargo puts the directory of another build there, see ld.so(8).
        .arg(format!("-Wl,--disable-new-dtags,-rpath,{}", library.display()))
        .arg("-luserns")
        .output()
        .expect("a C compiler");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    fs::rename(aside, &program).unwrap();
    program
}

/// The program `userns_tree`.
pub fn userns_tree() -> PathBuf {
    compile(&root().join("examples-c/userns_tree.c"), &["-std=c99", "-D_POSIX_C_SOURCE=200809L"])
}

/// The program `userns_inspect`, which has several source files.
pub fn userns_inspect() -> PathBuf {
    let parts = ["gaps", "line", "node", "pins"].map(|part| root().join(format!("examples-c/inspect/{part}.c")));
    let mut flags = vec!["-std=c99", "-D_POSIX_C_SOURCE=200809L"];
    flags.extend(parts.iter().map(|part| part.to_str().unwrap()));
    compile(&root().join("examples-c/userns_inspect.c"), &flags)
}

/// Runs one situation of a C program in `tests/c`, which builds it, scans it and checks the result; if wanted, with all
/// scans by BPF.
pub fn situation(file: &str, name: &str, by_bpf: bool) {
    let mut variables = vec![("USERNS_TREE", userns_tree())];
    variables.extend(by_bpf.then(|| ("BY_BPF", "1".into())));
    situation_with(file, name, &variables);
}

/// Runs a situation with these environment variables, most of which name programs.
pub fn situation_with(file: &str, name: &str, variables: &[(&str, PathBuf)]) {
    let program = compile(&root().join(format!("tests/c/{file}.c")), &["-std=gnu11"]);
    let by_bpf = if variables.iter().any(|(variable, _)| *variable == "BY_BPF") { " by BPF" } else { "" };
    let mut command = Command::new(program);
    expect_success(&format!("{file}: {name}{by_bpf}"), command.arg(name).envs(variables.iter().cloned()));
}

/// Runs a program that says with its exit status whether a test passed.
pub fn expect_success(what: &str, program: &mut Command) {
    let Output { status, stdout, stderr } = program.output().unwrap();
    let told = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    match status.code() {
        Some(0) => {}
        Some(SKIPPED) => skip(what, &told),
        _ => panic!("{what}: {status}\n{told}"),
    }
}

/// One test for each situation that a C program in `tests/c` knows; after `by_bpf`, the same with all scans by BPF.
#[macro_export]
macro_rules! situations {
    ($file:ident: $($name:ident),+ $(,)?) => {
        $crate::situations!(in $file, $file, false: $($name),+);
    };
    (by_bpf $module:ident, $file:ident: $($name:ident),+ $(,)?) => {
        $crate::situations!(in $module, $file, true: $($name),+);
    };
    (in $module:ident, $file:ident, $by_bpf:literal: $($name:ident),+) => {
        mod $module {
            $(#[test]
            fn $name() {
                $crate::common::situation(stringify!($file), stringify!($name), $by_bpf);
            })+
        }
    };
}
