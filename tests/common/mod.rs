//! Builds C programs against the shared library that `cargo test` made, and runs them.

#![allow(dead_code, reason = "no test uses all of this")]

pub mod header;

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Output, Stdio};
use std::sync::{Mutex, OnceLock};
use std::{env, fs, ptr};

/// The exit status of a program that cannot test here; its output says why.
pub const SKIPPED: i32 = 77;

/// The top directory of the project.
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The directory of this test program and of the library, for example `target/debug/deps`.
fn built() -> PathBuf {
    env::current_exe().unwrap().parent().unwrap().to_path_buf()
}

/// A path in a directory for temporary files. Debug and release builds have different ones.
pub fn scratch(name: &str) -> PathBuf {
    let profile = built().parent().unwrap().file_name().unwrap().to_owned();
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join(profile);
    fs::create_dir_all(&directory).unwrap();
    directory.join(name)
}

/// Reports a test that cannot run. The test harness captures the output of `println!`, but not this.
pub fn skip(what: &str, reason: &str) {
    #[allow(clippy::explicit_write, reason = "eprintln! is captured")]
    writeln!(io::stderr(), "skipped: {what}: {}", reason.trim()).unwrap();
}

/// A directory with `libuserns.so`, and the link to it that the dynamic loader looks for.
///
/// `cargo test` leaves the library beside the test programs, without such a link.
pub fn library() -> PathBuf {
    static LIBRARY: OnceLock<PathBuf> = OnceLock::new();
    LIBRARY.get_or_init(link_library).clone()
}

fn link_library() -> PathBuf {
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

/// Asserts that another program reads this as JSON.
pub fn expect_json(test: &str, text: &str) {
    let mut python = Command::new("python3");
    let Ok(mut child) = python.args(["-m", "json.tool"]).stdin(Stdio::piped()).stdout(Stdio::null()).spawn() else {
        return skip(test, "there is no python3");
    };
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
}

/// The C compiler: the environment variable `CC`, or `cc`; with the flags in `CFLAGS`.
pub fn cc() -> Command {
    let mut compiler = Command::new(env::var_os("CC").unwrap_or("cc".into()));
    compiler.args(env::var("CFLAGS").unwrap_or_default().split_whitespace());
    compiler
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
    let build = || compile_and_link(source, flags).unwrap_or_else(|message| panic!("{message}"));
    compiled.entry(source.to_path_buf()).or_insert_with(build).clone()
}

/// The program, or the messages of the compiler.
fn compile_and_link(source: &Path, flags: &[&str]) -> Result<PathBuf, String> {
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
        .map_err(|error| format!("no C compiler: {error}"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    fs::rename(aside, &program).unwrap();
    Ok(program)
}

/// The program `userns_tree`.
pub fn userns_tree() -> PathBuf {
    compile(&root().join("examples-c/userns_tree.c"), &["-std=c99", "-D_POSIX_C_SOURCE=200809L"])
}

/// The program `userns_inspect`.
pub fn userns_inspect() -> PathBuf {
    userns_program("inspect")
}

/// The program `userns_check`.
pub fn userns_check() -> PathBuf {
    userns_program("check")
}

/// A program that has several source files.
fn userns_program(name: &str) -> PathBuf {
    compile_with_parts(&root().join(format!("examples-c/userns_{name}.c")), name, &[])
}

/// Compiles a source file with these flags, and with the sources in the directories `common` and `NAME` of the examples.
pub fn compile_with_parts(source: &Path, name: &str, flags: &[&str]) -> PathBuf {
    let list = |name: &str| fs::read_dir(root().join("examples-c").join(name)).unwrap();
    let parts = list("common").chain(list(name)).map(|entry| entry.unwrap().path());
    let parts: Vec<PathBuf> = parts.filter(|path| path.extension().is_some_and(|name| name == "c")).collect();
    let mut flags = [&["-std=c99", "-D_POSIX_C_SOURCE=200809L"], flags].concat();
    flags.extend(parts.iter().map(|part| part.to_str().unwrap()));
    compile(source, &flags)
}

/// Programs that need what other Rust tests build, or print what these read, and that these run.
const RUN_ELSEWHERE: [&str; 3] = ["bindings", "loader", "needs"];
/// Programs without situations, which other Rust tests use.
const WITHOUT_SITUATIONS: [&str; 2] = ["abi", "dump"];

/// Programs that scan seldom or never, count or refuse what a scan does, or take minutes.
pub const NOT_SAVED: [&str; 17] = [
    "bpf_refusal",
    "describe",
    "display",
    "errors",
    "injection",
    "leaks",
    "memory",
    "probe",
    "probe_apparmor",
    "probe_callers",
    "probe_seccomp",
    "probe_selinux",
    "probe_subids",
    "probe_sysctl",
    "race",
    "storm",
    "stress",
];

/// The files of `tests/c` that have situations: `tree` for `tests/c/tree.c`.
pub fn situation_files() -> Vec<String> {
    let paths = fs::read_dir(root().join("tests/c")).unwrap().map(|entry| entry.unwrap().path());
    let sources = paths.filter(|path| path.extension().is_some_and(|extension| extension == "c"));
    let names = sources.map(|path| path.file_stem().unwrap().to_str().unwrap().to_string());
    names.filter(|name| ![&RUN_ELSEWHERE[..], &WITHOUT_SITUATIONS].concat().contains(&&**name)).collect()
}

/// Builds a program of situations, `tests/c/FILE.c`.
pub fn build_situations(file: &str) -> Result<PathBuf, String> {
    compile_and_link(&root().join(format!("tests/c/{file}.c")), &["-std=gnu11"])
}

/// What a program of situations tells about one of them.
pub struct Situation {
    pub name: String,
    /// Whether it also runs with all scans by BPF.
    pub by_bpf: bool,
}

/// Asks a program for its situations, see `tests/c/situation.h`.
pub fn situations_of(program: &Path) -> Result<Vec<Situation>, String> {
    let Output { status, stdout, stderr } =
        Command::new(program).arg("--list").output().map_err(|error| error.to_string())?;
    let list = String::from_utf8_lossy(&stdout);
    let parse = |line: &str| {
        let mut columns = line.split('\t');
        let (name, tags) = (columns.next()?.to_string(), columns.next()?);
        Some(Situation { name, by_bpf: tags.split(' ').any(|tag| tag == "BY_BPF") })
    };
    match list.lines().map(parse).collect::<Option<Vec<_>>>() {
        Some(situations) if status.success() && !situations.is_empty() => Ok(situations),
        _ => Err(format!("--list: {status}\n{list}{}", String::from_utf8_lossy(&stderr))),
    }
}

/// Runs a situation of `tests/c/FILE.c` with these environment variables, most of which name programs.
pub fn situation_with(file: &str, name: &str, variables: &[(&str, PathBuf)]) {
    let program = compile(&root().join(format!("tests/c/{file}.c")), &["-std=gnu11"]);
    let mut command = Command::new(program);
    expect_success(&format!("{file}: {name}"), command.arg(name).envs(variables.iter().cloned()));
}

/// Runs a program that says with its exit status whether a test passed.
pub fn expect_success(what: &str, program: &mut Command) {
    let Output { status, stdout, stderr } = program.output().unwrap();
    let output = format!("{}{}", String::from_utf8_lossy(&stdout), String::from_utf8_lossy(&stderr));
    match status.code() {
        Some(0) => {}
        Some(SKIPPED) => skip(what, &output),
        _ => panic!("{what}: {status}\n{output}"),
    }
}

/// Writes a text into a page, between the lines that say which command writes it, in place of the old one.
pub fn update_page(page: &str, command: &str, text: impl FnOnce(&str) -> String) {
    let [begin, end] = ["begin", "end"].map(|word| format!("<!-- {word}: written by {command} -->\n"));
    let path = root().join(page);
    let all = fs::read_to_string(&path).unwrap();
    let parts = all.split_once(&begin).and_then(|(before, rest)| Some((before, rest.split_once(&end)?)));
    let (before, (old, after)) = parts.unwrap_or_else(|| panic!("{page} lacks the lines\n{begin}{end}"));
    fs::write(path, format!("{before}{begin}\n{}\n\n{end}{after}", text(old).trim_end())).unwrap();
    println!("Updated {page}");
}

/// Whether there is the locale C.UTF-8.
pub fn has_utf8() -> bool {
    // SAFETY: the name is a C string, and NULL means that there is no base locale.
    let locale = unsafe { libc::newlocale(libc::LC_CTYPE_MASK, c"C.UTF-8".as_ptr(), ptr::null_mut()) };
    if !locale.is_null() {
        // SAFETY: newlocale() returned it, and nothing uses it.
        unsafe { libc::freelocale(locale) };
    }
    !locale.is_null()
}

/// Runs a program on a terminal. Returns its output without the carriage returns that the terminal adds.
pub fn on_terminal(command: &mut Command, columns: u16) -> (ExitStatus, String) {
    // Not openpty(3): programs that other tests start meanwhile would keep the terminal open.
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_CLOEXEC;
    let checked = |result: libc::c_int| match result {
        ..0 => panic!("{}", io::Error::last_os_error()),
        _ => result,
    };
    let size = libc::winsize { ws_row: 24, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: the result is a new descriptor, which nothing else owns.
    let master = unsafe { File::from_raw_fd(checked(libc::posix_openpt(flags))) };
    // SAFETY: the descriptor is open, and the result of TIOCGPTPEER is a new one.
    let slave = unsafe {
        checked(libc::unlockpt(master.as_raw_fd()));
        OwnedFd::from_raw_fd(checked(libc::ioctl(master.as_raw_fd(), libc::TIOCGPTPEER, flags)))
    };
    // SAFETY: the descriptor is open, and the size is valid.
    checked(unsafe { libc::ioctl(slave.as_raw_fd(), libc::TIOCSWINSZ, &size) });
    let mut child = command.stdout(Stdio::from(slave)).stderr(Stdio::null()).spawn().unwrap();
    // The command keeps its end of the terminal open until its standard output is replaced. Reading ends with an error.
    command.stdout(Stdio::null());
    let mut bytes = Vec::new();
    let _ = (&master).read_to_end(&mut bytes);
    (child.wait().unwrap(), String::from_utf8(bytes).unwrap().replace('\r', ""))
}
