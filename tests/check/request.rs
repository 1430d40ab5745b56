//! The command line: options, exit status, errors.

use crate::{check, result, run};
use std::ffi::OsStr;
use std::fs::File;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixStream;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::Stdio;

#[test]
fn help_and_version() {
    for option in ["-h", "--help"] {
        let (status, help, errors) = run(&[option]);
        assert_eq!((status, errors.as_str()), (Some(0), ""));
        assert!(help.starts_with("Usage: userns_check"), "{help}");
        for word in
            "--steps STEP create map capable net pid nested --subids --one-by-one --read-only --json --quiet".split(' ')
        {
            assert!(help.contains(&format!(" {word}")), "{word}: {help}");
        }
        assert!(help.lines().all(|line| line.len() <= 80), "{help}");
    }
    for option in ["-V", "--version"] {
        let version = format!("userns_check {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(run(&[option]), (Some(0), version, String::new()));
    }
}

/// Wrong usage has one line that begins with the option, and a hint.
#[test]
fn wrong_usage() {
    let wrong: [(&[&str], &str); 12] = [
        (&["-x"], "-x: there is no such option"),
        (&["--nonsense"], "--nonsense: there is no such option"),
        (&["--s"], "--s: there is no such option, or it is ambiguous"),
        (&["--steps"], "--steps: this option needs an argument"),
        (&["--json=yes"], "--json=yes: this option has no argument"),
        (&["--steps="], "--steps : the steps are create, map, capable, net, pid and nested"),
        (&["--steps", "nets"], "--steps nets: the steps are create, map,"),
        (&["--steps", "net,,pid"], "--steps net,,pid: the steps are"),
        (&["--steps", "net,"], "--steps net,: the steps are"),
        (&["--json", "--quiet"], "--json: this cannot be combined with --quiet"),
        (&["--quiet", "--json"], "--json: this cannot be combined with --quiet"),
        (&["net"], "net: unexpected argument; steps are named by --steps"),
    ];
    for (arguments, message) in wrong {
        // The name of the program does not depend on how it was called.
        let (status, output, errors) = result(check(arguments).arg0("./other").output().unwrap());
        assert_eq!((status, output.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(errors.starts_with(&format!("userns_check: {message}")), "{errors}");
        assert!(errors.ends_with("\nTry 'userns_check --help'.\n") && errors.lines().count() == 2, "{errors}");
    }
}

/// Arguments can come from a script that does not check them.
#[test]
fn hostile_arguments() {
    for arguments in [&["--steps", "\x1b[31m"][..], &["--\x1b[31m"], &["--json=\x1b[31m"], &["\x1b[31m"]] {
        let (status, _, errors) = run(arguments);
        assert!(status == Some(2) && errors.contains("?[31m") && !errors.contains('\x1b'), "{errors:?}");
    }
    let (status, _, errors) = result(check(&[]).arg(OsStr::from_bytes(b"-\x9b")).output().unwrap());
    assert!(status == Some(2) && errors.starts_with("userns_check: -?: there is no such option"), "{errors:?}");
}

/// A step includes those that it needs.
#[test]
fn steps() {
    let cases = [
        ("create", "create"),
        ("map", "create map"),
        ("capable", "create map capable"),
        ("net", "create map net"),
        ("pid", "create map capable pid"),
        ("nested", "create map nested"),
        ("pid,net", "create map capable net pid"),
        ("net,net", "create map net"),
    ];
    for (wanted, expected) in cases {
        let (_, output, errors) = run(&["--steps", wanted]);
        assert_eq!(errors, "");
        let steps: Vec<&str> = output.lines().filter_map(|line| line.strip_prefix("  ")?.get(5..13)).collect();
        let steps: Vec<&str> = steps.into_iter().map(str::trim).filter(|step| !step.is_empty()).collect();
        assert_eq!(steps, expected.split(' ').collect::<Vec<_>>(), "{wanted}: {output}");
    }
    let twice = run(&["--steps=net", "--steps=pid"]);
    assert_eq!(twice, run(&["--steps", "pid,net"]));
}

#[test]
fn output_that_cannot_be_written() {
    for arguments in [&[][..], &["--json"], &["--read-only"], &["-h"], &["-V"]] {
        let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
        let (status, _, errors) = result(check(arguments).stdout(full).output().unwrap());
        assert_eq!(status, Some(1), "{arguments:?}");
        assert_eq!(errors, "userns_check: standard output: No space left on device\n");
        let (nobody, closed) = UnixStream::pair().unwrap();
        drop(nobody);
        let status = check(arguments).stdout(OwnedFd::from(closed)).status().unwrap();
        assert_eq!(status.signal(), Some(libc::SIGPIPE), "{arguments:?}: nobody reads");
    }
}
