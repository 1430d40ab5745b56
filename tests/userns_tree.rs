//! The command `userns_tree`: options, exit status, standard output and standard error.

mod common;

use common::{scratch, skip, userns_tree};
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    result(Command::new(userns_tree()).args(arguments).output().unwrap())
}

/// Exit status, standard output and standard error.
fn result(output: Output) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = output;
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

#[test]
fn the_live_tree() {
    let (status, output, errors) = run(&[]);
    assert_eq!(status, Some(0));
    assert!(output.starts_with('{') && output.contains("PIDs: "), "{output}");
    assert!(errors.lines().count() <= 1, "{errors}");
    for option in ["-p", "--proc"] {
        let (status, same, _) = run(&[option, "/proc"]);
        assert_eq!((status, same.lines().next()), (Some(0), output.lines().next()));
    }
}

#[test]
fn help_and_version() {
    for option in ["-h", "--help"] {
        let (status, help, errors) = run(&[option]);
        assert_eq!((status, errors.as_str()), (Some(0), ""));
        assert!(help.starts_with("Usage: userns_tree") && help.contains("-p, --proc DIR"), "{help}");
    }
    for option in ["-V", "--version"] {
        let version = format!("userns_tree {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(run(&[option]), (Some(0), version, String::new()));
    }
}

#[test]
fn wrong_usage() {
    for arguments in [&["-x"][..], &["--nonsense"], &["-p"], &["--proc"], &["/proc"], &["-p", "/proc", "more"]] {
        // The name of the program does not depend on how it was called.
        let output = Command::new(userns_tree()).arg0("./other").args(arguments).output().unwrap();
        let (status, output, errors) = result(output);
        assert_eq!((status, output.as_str()), (Some(2), ""), "{arguments:?}");
        let last = arguments.last().unwrap().trim_start_matches('-');
        assert!(errors.starts_with("userns_tree: ") && errors.contains(last), "{errors}");
        assert!(errors.ends_with("\nTry 'userns_tree --help'.\n") && errors.lines().count() == 2, "{errors}");
    }
}

/// A directory whose file names are those of a procfs.
fn fake_procfs() -> String {
    let path = scratch("fake-procfs");
    fs::create_dir_all(path.join("1/ns")).unwrap();
    fs::create_dir_all(path.join("self/ns")).unwrap();
    fs::write(path.join("1/ns/user"), "").unwrap();
    path.to_str().unwrap().to_string()
}

#[test]
fn not_a_procfs() {
    let file = common::root().join("Cargo.toml");
    let fake = fake_procfs();
    let cases = [
        ("/does/not/exist", "the directory does not exist"),
        ("", "the directory does not exist"),
        ("/", "the directory is not the root directory of a procfs"),
        (&fake, "the directory is not the root directory of a procfs"),
        ("/proc/self/task", "the directory is not the root directory of a procfs"),
        (file.to_str().unwrap(), "the path is not a directory"),
    ];
    for (path, cause) in cases {
        let (status, output, errors) = run(&["-p", path]);
        assert_eq!((status, output.as_str()), (Some(1), ""), "{path}");
        assert!(errors.starts_with(&format!("userns_tree: {path}: {cause}")), "{errors}");
        assert_eq!(errors.lines().count(), 1, "{errors}");
    }
}

#[test]
fn output_that_cannot_be_written() {
    for arguments in [&[][..], &["-h"], &["-V"]] {
        let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
        let output = Command::new(userns_tree()).args(arguments).stdout(full).output().unwrap();
        let (status, _, errors) = result(output);
        assert_eq!(status, Some(1), "{arguments:?}");
        assert!(errors.contains("userns_tree: standard output: No space left on device"), "{errors}");
    }
}

/// An ordinary user sees the processes that are readable, and one line with the number of the others.
#[test]
fn an_ordinary_user() {
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return the_live_tree();
    }
    let program = userns_tree();
    if !is_accessible_to_all(&program) {
        return skip("an_ordinary_user", "other users may not enter the directory of the program");
    }
    let (status, output, errors) = result(Command::new(program).uid(65534).gid(65534).output().unwrap());
    assert_eq!(status, Some(0), "{errors}");
    assert!(output.starts_with('{'), "{output}");
    let lines: Vec<&str> = errors.lines().collect();
    assert_eq!(lines.len(), 1, "{errors}");
    assert!(lines[0].starts_with("userns_tree: ") && lines[0].contains(" could not be read"), "{errors}");
}

/// Standard output is the tree; one line on standard error says what it does not show.
#[test]
fn in_a_container() {
    let options = ["-Ur", "-m", "-p", "--fork", "--kill-child", "--mount-proc"];
    let sandbox = |program: &Path| Command::new("unshare").args(options).arg(program).output();
    if sandbox(Path::new("true")).map_or(true, |output| !output.status.success()) {
        return skip("in_a_container", "unshare(1) is missing or cannot create these namespaces");
    }
    let (status, output, errors) = result(sandbox(&userns_tree()).unwrap());
    assert_eq!(status, Some(0), "{errors}");
    assert!(output.starts_with('{') && output.ends_with("}\n            PIDs: 1 \n"), "{output}");
    let expected = "userns_tree: namespaces above and beside your own are not visible; \
                    processes outside the PID namespace of this procfs are not visible\n";
    assert_eq!(errors, expected);
}

fn is_accessible_to_all(program: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    program.ancestors().skip(1).all(|path| fs::metadata(path).unwrap().permissions().mode() & 0o001 != 0)
}
