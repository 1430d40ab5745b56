//! The files of `make install`, and programs that use only these.

mod common;

use common::{Situation, cc, expect_success, header, root, scratch, skip};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The maximum size of the stripped release library, and the libraries that it may need.
///
/// The Makefile leaves out 200 KiB that print a backtrace. If a new compiler raises the size by this, its recipe of userns.o did
/// not find the function.
const SIZE_LIMIT: u64 = 600 * 1024;
const NEEDED: [&str; 3] = ["libc.so.", "libgcc_s.so.", "ld-linux"];

/// Runs a command that must succeed. Returns `None` and reports a skip if the program does not exist.
fn output(what: &str, command: &mut Command) -> Option<String> {
    let Output { status, stdout, stderr } = match command.output() {
        Ok(output) => output,
        Err(error) if error.kind() == ErrorKind::NotFound => {
            skip(what, &format!("{}: {error}", command.get_program().to_string_lossy()));
            return None;
        }
        Err(error) => panic!("{command:?}: {error}"),
    };
    let (stdout, stderr) = (String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    assert!(status.success(), "{command:?}: {status}\n{stdout}{stderr}");
    Some(stdout.into_owned())
}

/// `make` in the top directory. It builds in its usual directory, so only the first build takes long.
fn make(arguments: &[&str]) -> Command {
    let mut make = Command::new("make");
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap();
    make.current_dir(root()).args(arguments).env("CARGO_TARGET_DIR", target).env_remove("LD_LIBRARY_PATH");
    make
}

/// The prefix with which the library was installed; `None` without make.
fn installed() -> Option<&'static Path> {
    static PREFIX: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
        let prefix = scratch("installed");
        let _ = fs::remove_dir_all(&prefix);
        output("what is installed", &mut make(&["install", &format!("PREFIX={}", prefix.display())]))?;
        Some(prefix)
    });
    PREFIX.as_deref()
}

/// The files below a directory, with the targets of symbolic links.
fn files(directory: &Path) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut directories = vec![directory.to_path_buf()];
    while let Some(next) = directories.pop() {
        for entry in fs::read_dir(next).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = path.strip_prefix(directory).unwrap().display();
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else if let Ok(target) = fs::read_link(&path) {
                found.insert(format!("{name} -> {}", target.display()));
            } else {
                found.insert(name.to_string());
            }
        }
    }
    found
}

#[test]
fn all_files_are_installed_and_uninstalled() {
    // This builds everything, so two tests do not build at the same time.
    if installed().is_none() {
        return;
    }
    let stage = scratch("stage");
    let _ = fs::remove_dir_all(&stage);
    let destination = format!("DESTDIR={}", stage.display());
    let arguments = [&destination, "PREFIX=/usr", "LIBDIR=/usr/lib/abi"];
    output("install", make(&["install"]).args(arguments));
    let expected = [
        "usr/bin/userns_check".to_string(),
        "usr/bin/userns_inspect".to_string(),
        "usr/bin/userns_tree".to_string(),
        "usr/include/userns.h".to_string(),
        "usr/include/userns.hpp".to_string(),
        "usr/lib/abi/cmake/userns/userns-config-version.cmake".to_string(),
        "usr/lib/abi/cmake/userns/userns-config.cmake".to_string(),
        "usr/lib/abi/libuserns.a".to_string(),
        format!("usr/lib/abi/libuserns.so -> libuserns.so.{VERSION}"),
        format!("usr/lib/abi/libuserns.so.0 -> libuserns.so.{VERSION}"),
        format!("usr/lib/abi/libuserns.so.{VERSION}"),
        "usr/lib/abi/pkgconfig/userns.pc".to_string(),
        "usr/share/bash-completion/completions/userns_check".to_string(),
        "usr/share/bash-completion/completions/userns_inspect".to_string(),
        "usr/share/bash-completion/completions/userns_tree".to_string(),
        "usr/share/fish/vendor_completions.d/userns_check.fish".to_string(),
        "usr/share/fish/vendor_completions.d/userns_inspect.fish".to_string(),
        "usr/share/fish/vendor_completions.d/userns_tree.fish".to_string(),
        "usr/share/zsh/site-functions/_userns_check".to_string(),
        "usr/share/zsh/site-functions/_userns_inspect".to_string(),
        "usr/share/zsh/site-functions/_userns_tree".to_string(),
    ];
    let manuals = files(&root().join("man")).into_iter().map(|page| format!("usr/share/man/{page}"));
    assert_eq!(files(&stage), expected.into_iter().chain(manuals).collect());
    for file in ["pkgconfig/userns.pc", "cmake/userns/userns-config.cmake"] {
        let text = fs::read_to_string(stage.join("usr/lib/abi").join(file)).unwrap();
        assert!(!text.contains('@') && !text.contains(stage.to_str().unwrap()), "{text}");
    }
    output("uninstall", make(&["uninstall"]).args(arguments));
    assert_eq!(files(&stage), BTreeSet::new());
}

/// A copy of what was built, where make builds with other flags. Only the C compiler runs there, not cargo.
fn copy_of_the_build(name: &str) -> Option<PathBuf> {
    installed()?;
    let target = scratch(name);
    let _ = fs::remove_dir_all(&target);
    fs::create_dir_all(&target).unwrap();
    let built = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().unwrap().join("install");
    let mut copy = Command::new("cp");
    copy.arg("-a").arg(built).arg(&target);
    output("a copy", &mut copy).map(|_| target)
}

/// What was built with the flags of yesterday is not installed today.
#[test]
fn other_flags_build_again() {
    let Some(target) = copy_of_the_build("other-flags") else { return };
    let build = |arguments: &[&str]| {
        let mut make = make(arguments);
        make.arg("CARGO=false").env("CARGO_TARGET_DIR", &target).env_remove("MAKEFLAGS");
        output("other flags", &mut make).unwrap()
    };
    let runpath = |file: &str| {
        let mut readelf = Command::new("readelf");
        let listing = output("other flags", readelf.args(["-dW"]).arg(target.join("install").join(file)))?;
        Some(listing.lines().any(|line| line.contains("(RUNPATH)") || line.contains("(RPATH)")))
    };
    let home = "LDFLAGS=-Wl,-rpath,'/home/a developer/lib'";
    for (flags, expected) in [(&[home][..], true), (&[], false), (&[home], true)] {
        let log = build(flags);
        assert!(log.contains("-o"), "nothing was built with {flags:?}: {log}");
        for file in ["libuserns.so", "userns_tree", "userns_inspect", "userns_check"] {
            let Some(found) = runpath(file) else { return };
            assert_eq!(found, expected, "RUNPATH of {file} with {flags:?}");
        }
        let again = build(flags);
        assert!(!again.contains("-o"), "the same flags {flags:?} build again: {again}");
    }
    for variable in ["CFLAGS=-O1", "CPPFLAGS=-DOTHER", "CC=cc -pipe"] {
        assert!(build(&[home, variable]).contains("userns_tree.c"), "{variable}");
        assert!(!build(&[home, variable]).contains("userns_tree.c"), "{variable}");
    }
    // Rust's flags: CARGO=false fails, which shows that make calls it.
    let mut rust = make(&["CARGO=false", "RUSTFLAGS=-Cdebuginfo=0"]);
    let result = rust.env("CARGO_TARGET_DIR", &target).output().unwrap();
    assert!(!result.status.success(), "{result:?}");
}

#[test]
fn make_explains_itself_and_cleans() {
    let Some(help) = output("make help", &mut make(&["help"])) else { return };
    let makefile = fs::read_to_string(root().join("Makefile")).unwrap();
    let phony = makefile.lines().find_map(|line| line.strip_prefix(".PHONY: ")).unwrap();
    for target in phony.split(' ').filter(|target| !["build", "always"].contains(target)) {
        assert!(help.contains(&format!("make {target} ")), "{target}: {help}");
    }
    let Some(target) = copy_of_the_build("clean") else { return };
    // Another directory for the programs of examples-c, which a developer may be using.
    let top = scratch("clean-top");
    let _ = fs::remove_dir_all(&top);
    fs::create_dir_all(top.join("examples-c")).unwrap();
    for file in ["Makefile", "Cargo.toml", "build.rs", "examples-c/Makefile"] {
        fs::copy(root().join(file), top.join(file)).unwrap();
    }
    fs::create_dir(top.join("src")).unwrap();
    fs::write(top.join("examples-c/userns_tree"), "").unwrap();
    output("make clean", make(&["clean"]).current_dir(&top).env("CARGO_TARGET_DIR", &target));
    assert_eq!(files(&target), BTreeSet::new());
    assert!(!top.join("examples-c/userns_tree").exists());
}

#[test]
fn the_release_library_is_small_and_hardened() {
    let Some(prefix) = installed() else { return };
    let library = prefix.join("lib/libuserns.so");
    let stripped = scratch("stripped.so");
    if output("the size of the library", Command::new("strip").arg("-o").arg(&stripped).arg(&library)).is_some() {
        let size = fs::metadata(stripped).unwrap().len();
        assert!(size <= SIZE_LIMIT, "{size} bytes, the limit is {SIZE_LIMIT}");
    }
    let Some(listing) = output("how it is linked", Command::new("readelf").args(["-dlW"]).arg(&library)) else {
        return;
    };
    let dynamic = |tag: &str| listing.lines().filter(|line| line.contains(tag)).collect::<Vec<_>>();
    assert_eq!(dynamic("(SONAME)").len(), 1, "{listing}");
    assert!(dynamic("(SONAME)")[0].contains("[libuserns.so.0]"), "{listing}");
    for needed in dynamic("(NEEDED)") {
        assert!(NEEDED.iter().any(|name| needed.contains(&format!("[{name}"))), "{needed}");
    }
    assert!(dynamic("(FLAGS)").concat().contains("BIND_NOW"), "{listing}");
    let flags = dynamic("(FLAGS_1)").concat();
    assert!(flags.contains("NOW") && flags.contains("NODELETE"), "{listing}");
    assert!(dynamic("(TEXTREL)").is_empty() && listing.contains("GNU_RELRO"), "{listing}");
    let stack = dynamic("GNU_STACK").concat();
    assert!(stack.contains(" RW ") && !stack.contains('E'), "the stack is executable: {stack}");
    let notes = output("the build id", Command::new("readelf").arg("-n").arg(&library)).unwrap();
    assert!(notes.contains("NT_GNU_BUILD_ID"), "{notes}");
}

/// Each function carries the version that include/libuserns.map states, and there are no other symbols.
#[test]
fn the_shared_library_has_symbol_versions() {
    let Some(prefix) = installed() else { return };
    let mut command = Command::new("nm");
    command.args(["-D", "--defined-only", "--with-symbol-versions"]).arg(prefix.join("lib/libuserns.so"));
    let Some(listing) = output("the symbols of libuserns.so", &mut command) else { return };
    let symbols: Vec<&str> = listing.lines().filter_map(|line| line.split(' ').next_back()).collect();
    let functions = symbols.iter().filter_map(|symbol| symbol.split_once("@@"));
    let functions: BTreeMap<String, String> = functions.map(|(name, version)| (name.into(), version.into())).collect();
    assert_eq!(functions, header::versions());
    // The linker adds one symbol for each version.
    let versions: BTreeSet<&str> = functions.values().map(String::as_str).collect();
    let others: BTreeSet<&str> = symbols.into_iter().filter(|symbol| !symbol.contains("@@")).collect();
    assert_eq!(others, versions);
}

/// The dynamic loader refuses a program that needs a newer version, before the program runs.
#[test]
fn a_program_that_needs_a_newer_library_does_not_start() {
    let Some(prefix) = installed() else { return };
    let consumer = |file: &str| root().join("tests/consumer").join(file);
    let newer = scratch("newer");
    fs::create_dir_all(&newer).unwrap();
    let library = newer.join("libuserns.so.0");
    let mut command = cc();
    command.args(["-shared", "-fPIC", "-Wl,-soname,libuserns.so.0", "-o"]).arg(&library);
    command.arg(format!("-Wl,--version-script={}", consumer("newer_library.map").display()));
    output("a newer library", command.arg(consumer("newer_library.c"))).unwrap();
    let program = newer.join("program");
    let mut command = cc();
    command.arg("-I").arg(prefix.join("include")).arg("-o").arg(&program);
    output("a program", command.arg(consumer("newer_program.c")).arg(&library)).unwrap();
    let run_with = |directory: &Path| {
        Command::new(&program).env("LD_LIBRARY_PATH", directory).env("LC_ALL", "C").output().unwrap()
    };
    assert!(run_with(&newer).status.success());
    let refused = run_with(&prefix.join("lib"));
    let message = String::from_utf8_lossy(&refused.stderr);
    assert!(!refused.status.success(), "{refused:?}");
    assert!(message.contains("version `LIBUSERNS_0.9' not found"), "{message}");
}

/// Compiles a program with the flags of `pkg-config` and with others; returns `None` without `pkg-config`.
fn compile(prefix: &Path, name: &str, source: &str, flags: &[&str], pkg_config: &str) -> Option<PathBuf> {
    let query = |arguments: &str| {
        let mut command = Command::new("pkg-config");
        command.args(arguments.split(' ')).arg("userns").env("PKG_CONFIG_PATH", prefix.join("lib/pkgconfig"));
        output(name, &mut command)
    };
    let program = scratch(name);
    let mut command = cc();
    command.args(["-Wall", "-Werror"]).args(flags).arg("-o").arg(&program);
    command.arg(root().join("tests/consumer").join(source)).args(query("--cflags")?.split_whitespace());
    if !pkg_config.is_empty() {
        command.args(query(pkg_config)?.split_whitespace());
    } else {
        command.arg("-L").arg(query("--variable=libdir")?.trim()).arg("-l:libuserns.a");
    }
    output(name, &mut command)?;
    Some(program)
}

/// Runs the consumer, checks its output, and checks the libraries that it needs at run time.
fn expect_consumer(program: &Path, prefix: &Path, needs: impl Fn(&str) -> bool) {
    use std::os::unix::fs::MetadataExt;
    let printed = Command::new(program).env("LD_LIBRARY_PATH", prefix.join("lib")).output().unwrap();
    let inode = fs::metadata("/proc/self/ns/user").unwrap().ino();
    assert!(printed.status.success(), "{}: {printed:?}", program.display());
    assert_eq!(String::from_utf8(printed.stdout).unwrap(), format!("{VERSION} {inode}\n"));
    if let Some(listing) = output("what a program needs", Command::new("readelf").args(["-dW"]).arg(program)) {
        let needed: Vec<&str> = listing.lines().filter(|line| line.contains("(NEEDED)")).collect();
        assert!(needs(&needed.join("\n")), "{}: {needed:?}", program.display());
        if shared(&needed.join("\n")) {
            let versions = output("the symbol versions", Command::new("readelf").args(["-VW"]).arg(program)).unwrap();
            assert!(versions.contains("Name: LIBUSERNS_0.1"), "{}: {versions}", program.display());
        }
    }
}

fn shared(needed: &str) -> bool {
    needed.contains("[libuserns.so.0]")
}

fn userns_static(needed: &str) -> bool {
    needed.contains("[libc.so.") && !needed.contains("libuserns")
}

fn all_static(needed: &str) -> bool {
    needed.is_empty()
}

/// Whether there is a static C library. Reports a skip if there is none.
fn has_static_libc(what: &str) -> bool {
    static LINKED: LazyLock<Output> = LazyLock::new(|| {
        let source = scratch("static.c");
        fs::write(&source, "int main(void) { return 0; }\n").unwrap();
        cc().arg("-static").arg("-o").arg(scratch("static")).arg(source).output().unwrap()
    });
    if !LINKED.status.success() {
        skip(what, &String::from_utf8_lossy(&LINKED.stderr));
    }
    LINKED.status.success()
}

#[test]
fn programs_through_pkg_config() {
    let Some(prefix) = installed() else { return };
    let consumer = |name, flags: &[&str], query| compile(prefix, name, "consumer.c", flags, query);
    let Some(program) = consumer("pkg_config_shared", &[], "--libs") else { return };
    expect_consumer(&program, prefix, shared);
    let program = consumer("pkg_config_userns_static", &[], "").unwrap();
    expect_consumer(&program, prefix, userns_static);
    if has_static_libc("all static through pkg-config") {
        let program = consumer("pkg_config_all_static", &["-static"], "--static --libs").unwrap();
        expect_consumer(&program, prefix, all_static);
    }
}

#[test]
fn programs_through_cmake() {
    let Some(prefix) = installed() else { return };
    let build = scratch("cmake");
    let _ = fs::remove_dir_all(&build);
    let configure = |wanted: &str| {
        let mut cmake = Command::new("cmake");
        cmake.arg("-S").arg(root().join("tests/consumer")).arg("-B").arg(&build);
        cmake.arg(format!("-DCMAKE_PREFIX_PATH={}", prefix.display())).arg(format!("-DWANTED={wanted}"));
        cmake
    };
    if output("programs_through_cmake", &mut configure("0.1")).is_none() {
        return;
    }
    for other in ["0.99", "1.0"] {
        assert!(!configure(other).output().unwrap().status.success(), "version {VERSION} passes for {other}");
    }
    output("programs_through_cmake", &mut configure(VERSION));
    let consumer = |target: &str, needs: fn(&str) -> bool| {
        output(target, Command::new("cmake").arg("--build").arg(&build).args(["--target", target]));
        expect_consumer(&build.join(target), prefix, needs);
    };
    consumer("shared", shared);
    consumer("userns_static", userns_static);
    if has_static_libc("all static through CMake") {
        consumer("all_static", all_static);
    }
}

/// 1,000 times in one thread, and 1,000 times in a thread each.
#[test]
fn loaded_and_closed_again_and_again() {
    let Some(prefix) = installed() else { return };
    let loader = scratch("loader");
    let mut command = cc();
    command.args(["-std=gnu11", "-Wall", "-Wextra", "-Wpedantic", "-Werror", "-pthread"]);
    // Without the functions of tests/c that the program does not use, since these need the library.
    command.args(["-ffunction-sections", "-Wl,--gc-sections"]);
    command.arg("-I").arg(prefix.join("include")).arg("-o").arg(&loader);
    output("loader", command.arg(root().join("tests/c/loader.c")).arg("-ldl")).unwrap();
    for Situation { name, .. } in common::situations_of(&loader).unwrap() {
        let mut command = Command::new(&loader);
        command.arg(&name).env("USERNS_LIBRARY", prefix.join("lib/libuserns.so.0"));
        common::expect_success(&format!("loader: {name}"), &mut command);
    }
}

#[test]
fn the_static_library_defines_only_the_functions_of_the_header() {
    let Some(prefix) = installed() else { return };
    let mut command = Command::new("nm");
    command.args(["--extern-only", "--defined-only", "--format=posix"]).arg(prefix.join("lib/libuserns.a"));
    let Some(listing) = output("the names in libuserns.a", &mut command) else { return };
    let names = listing.lines().filter(|line| !line.ends_with(':')).filter_map(|line| line.split_whitespace().next());
    assert_eq!(names.map(String::from).collect::<BTreeSet<_>>(), header::functions());
}

#[test]
fn beside_another_static_library_in_rust() {
    let Some(prefix) = installed() else { return };
    let other = scratch("libother.a");
    let mut rustc = Command::new(std::env::var_os("RUSTC").unwrap_or("rustc".into()));
    rustc.args(["--edition=2024", "--crate-type=staticlib", "-o"]).arg(&other);
    output("another library", rustc.arg(root().join("tests/consumer/other.rs"))).unwrap();
    let program = scratch("two_libraries");
    let mut command = cc();
    command.arg("-I").arg(prefix.join("include")).arg("-o").arg(&program);
    command.arg(root().join("tests/consumer/two_libraries.c"));
    command.arg(prefix.join("lib/libuserns.a")).arg(other).args(["-lpthread", "-ldl", "-lm"]);
    output("two libraries", &mut command).unwrap();
    output("two libraries", &mut Command::new(program)).unwrap();
}

/// Of musl there is no shared library on other hosts. make says so, and builds the rest.
#[test]
fn make_for_musl_builds_static_programs() {
    let target = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    let libraries = Command::new("rustc").args(["--print", "target-libdir", "--target", &target]).output();
    let has_target = libraries.is_ok_and(|output| Path::new(String::from_utf8_lossy(&output.stdout).trim()).exists());
    if !has_target || Command::new("musl-gcc").arg("--version").output().is_err() {
        return skip("make for musl", &format!("needs musl-gcc and the Rust target {target}"));
    }
    let directory = scratch("musl");
    let mut command = make(&["CC=musl-gcc", &format!("CARGO_BUILD_TARGET={target}")]);
    let program = directory.join("install/userns_tree");
    command.arg(&program).env("CARGO_TARGET_DIR", &directory);
    let Some(messages) = output("make for musl", &mut command) else { return };
    assert!(messages.contains("libuserns.so is not built"), "{messages}");
    expect_success("userns_tree with musl", &mut Command::new(program));
}
