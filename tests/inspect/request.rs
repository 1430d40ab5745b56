//! The command line: options, selected namespaces, errors.

use crate::common::userns_inspect;
use crate::{inspect, lines, result, run, shown, skip, unshare, waiting, widest};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

#[test]
fn help_and_version() {
    for option in ["-h", "--help"] {
        let (status, help, errors) = run(&[option]);
        assert_eq!((status, errors.as_str()), (Some(0), ""));
        assert!(help.starts_with("Usage: userns_inspect"), "{help}");
        let options = "--pinned,--sockets,--bpf,--proc DIR,--pid PID,--inode INODE,--empty,--user USER,--sort ORDER,--no-pids,\
                       --all,-l, --list,-o, --output COLUMNS,-n, --noheadings,-r, --raw,--dot,--openmetrics,--json,\
                       --watch SECONDS,--load FILE,\
                       --map ID --from NAMESPACE --to NAMESPACE,--gid,--projid,--can PID CAP,--limits";
        for option in options.split(',') {
            assert!(help.contains(option), "{help}");
        }
        assert!(widest(&help) <= 80, "{help}");
    }
    for option in ["-V", "--version"] {
        let version = format!("userns_inspect {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(run(&[option]), (Some(0), version, String::new()));
    }
}

/// Wrong usage has one line that begins with the option, and a hint.
#[test]
fn wrong_usage() {
    let wrong: [(&[&str], &str); 62] = [
        (&["-x"], "-x: there is no such option"),
        (&["--nonsense"], "--nonsense: there is no such option"),
        (&["--pin", "--p"], "--p: there is no such option, or it is ambiguous"),
        (&["-p", "/proc"], "-p: there is no such option; there are --pid, --pinned and --proc"),
        (&["-P"], "-P: there is no such option; there are --pid, --pinned and --proc"),
        (&["--proc"], "--proc: this option needs an argument"),
        (&["--pinned=yes"], "--pinned=yes: this option has no argument"),
        (&["--pid", ""], "--pid \"\": not a PID"),
        (&["--pid", "-1"], "--pid -1: not a PID"),
        (&["--pid", "0"], "--pid 0: not a PID"),
        (&["--pid", "4294967297"], "--pid 4294967297: not a PID"),
        (&["--pid", " 1"], "--pid \" 1\": not a PID"),
        (&["--inode", "12x"], "--inode 12x: not an inode number"),
        (&["--inode", "user:[12"], "--inode user:[12: not an inode number"),
        (&["--inode", "18446744073709551616"], "--inode 18446744073709551616: not an inode number"),
        (&["--pid", "1", "--inode", "1"], "--inode: only one namespace can be selected"),
        (&["--inode", "1", "self"], "--pid: only one namespace can be selected"),
        (&["1", "user:[4026531837]"], "user:[4026531837]: only one namespace can be selected"),
        (&["--sort", "age"], "--sort age: the orders are pid, inode, processes and owner"),
        (&["--user", "no such user"], "--user \"no such user\": there is no such user"),
        (&["--user", "4294967295"], "--user 4294967295: there is no such user"),
        (&["--map", "x", "--to", "1"], "--map x: not an id"),
        (&["--map", "4294967295", "--to", "1"], "--map 4294967295: not an id"),
        (&["--map", "0"], "--map: --from or --to is missing"),
        (&["--map", "0", "--to", "1", "2"], "NAMESPACE: this cannot be combined with --map"),
        (&["--map", "0", "--to", "1", "--to", "1"], "--pid: only one namespace can be selected"),
        (&["--map", "0", "--map", "0"], "--map: this can be given only once"),
        (&["--map", "0", "--limits"], "--limits: this cannot be combined with --map"),
        (&["--map", "0", "--to", "1", "--user", "0"], "--user: this cannot be combined with --map"),
        (&["--map", "0", "--to", "1", "--gid", "--projid"], "--projid: this cannot be combined with --gid"),
        (&["--from", "1"], "--from: this needs --map"),
        (&["--gid"], "--gid: this needs --map"),
        (&["--can", "1"], "--can 1: a capability is missing"),
        (&["--can", "0", "0"], "--can 0: not a PID"),
        (&["--can", "1", "64"], "--can 64: there is no such capability, see capabilities(7)"),
        (&["--can", "1", "cap_none"], "--can cap_none: there is no such capability, see capabilities(7)"),
        (&["--can", "1", "0", "--all"], "--all: this cannot be combined with --can"),
        (&["--limits", "--sort=pid"], "--sort: this cannot be combined with --limits"),
        (&["--list", "--dot"], "--dot: this cannot be combined with --list"),
        (&["--dot", "--no-pids"], "--no-pids: this cannot be combined with --dot"),
        (&["--openmetrics", "self"], "NAMESPACE: this cannot be combined with --openmetrics"),
        (&["--raw"], "--raw: this needs --list"),
        (&["-o", "ns"], "--output: this needs --list"),
        (&["-lo"], "-o: this option needs an argument"),
        (&["-l", "--raw=1"], "--raw=1: this option has no argument"),
        (&["-lo", "ns,x\x1b"], "--output x\\x1b: there is no such column; there are NS ID PNS "),
        (&["-lo", "ns,,pid"], "--output \"\": there is no such column; there are NS "),
        (&["--watch", "0"], "--watch 0: not a number of seconds from 1 to 86400"),
        (&["--watch", "1x"], "--watch 1x: not a number of seconds from 1 to 86400"),
        (&["--watch", "1", "--list"], "--watch: this cannot be combined with --list"),
        (&["--watch", "1", "--user", "0"], "--user: this cannot be combined with --watch"),
        (&["--watch", "1", "--load", "x"], "--load: this cannot be combined with --watch"),
        (&["--json", "--dot"], "--json: this cannot be combined with --dot"),
        (&["--json", "--limits"], "--limits: this cannot be combined with --json"),
        (&["--json", "self"], "NAMESPACE: this cannot be combined with --json"),
        (&["--load", "x", "--load", "y"], "--load: this can be given only once"),
        (&["--load", "x", "--bpf"], "--load: this cannot be combined with --bpf"),
        (&["--load", "x", "--proc", "/proc"], "--load: this cannot be combined with --proc"),
        (&["--load", "x", "--sockets"], "--load: this cannot be combined with --sockets"),
        (&["--load", "x", "/proc/self"], "--load: a namespace is a PID or an inode number here, not a path"),
        (&["--load", "x", "--can", "self", "0"], "--load: 'self' is not a process of a saved snapshot"),
        (&["-lo", ""], "--output \"\": there is no such column; there are NS "),
    ];
    for (arguments, message) in wrong {
        // The name of the program does not depend on how it was called.
        let (status, output, errors) = result(inspect(arguments).arg0("./other").output().unwrap());
        assert_eq!((status, output.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(errors.starts_with(&format!("userns_inspect: {message}")), "{errors}");
        assert!(errors.ends_with("\nTry 'userns_inspect --help'.\n"), "{errors}");
        assert_eq!(errors.lines().count(), 2, "{errors}");
    }
}

/// Arguments can come from a script that does not check them.
#[test]
fn hostile_arguments() {
    let cases: [&[&str]; 6] = [
        &["--proc", "/\x1b[31m"],
        &["--pid", "\x1b[31m"],
        &["--user", "\x1b[31m"],
        &["--\x1b[31m"],
        &["--pinned=\x1b[31m"],
        &["\x1b[31m"],
    ];
    for arguments in cases {
        let (status, _, errors) = run(arguments);
        assert!(status != Some(0) && errors.starts_with("userns_inspect: "), "{arguments:?}: {errors}");
        assert!(errors.contains(r"\x1b[31m") && !errors.contains('\x1b'), "{errors:?}");
    }
    let (status, _, errors) = result(inspect(&[]).arg(OsStr::from_bytes(b"-\x9b")).output().unwrap());
    assert_eq!(
        (status, errors.lines().next()),
        (Some(2), Some(r"userns_inspect: -\x9b: there is no such option, or it is ambiguous"))
    );
}

#[test]
fn missing_things() {
    let cases: [(&[&str], &str); 7] = [
        (&["--proc", "/does/not/exist"], "userns_inspect: /does/not/exist: the directory does not exist"),
        (&["--proc", "/"], "userns_inspect: /: the directory is not the root directory of a procfs"),
        (&["--pid", "2147483647"], "userns_inspect: /proc: process 2147483647 was not found"),
        (&["--inode", "1"], "userns_inspect: no namespace 1 was found (--pinned can find more)\n"),
        (&["/does/not/exist"], "userns_inspect: /does/not/exist: No such file or directory\n"),
        (&["/proc"], "userns_inspect: /proc: this is not a namespace\n"),
        (&["/proc/self/status"], "userns_inspect: /proc/self/status: this is not a namespace\n"),
    ];
    for (arguments, message) in cases {
        let (status, output, errors) = run(arguments);
        assert_eq!((status, output.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(errors.starts_with(message), "{errors}");
    }
    let (status, _, errors) = run(&["--pinned", "--inode", "1"]);
    assert_eq!(status, Some(1));
    assert!(errors.starts_with("userns_inspect: no namespace 1 was found\n"), "{errors}");
}

/// What people type: a PID, the number of a namespace, the name that readlink(1) prints, a path.
#[test]
fn one_argument_selects() {
    let Some(child) = waiting("one_argument_selects", libc::CLONE_NEWUSER | libc::CLONE_NEWNET) else { return };
    let (pid, inode, net) = (child.pid(), child.inode("user"), child.inode("net"));
    let expected = shown(&["--pid", &pid]);
    assert!(expected.starts_with(&inode), "{expected}");
    let same =
        [pid.clone(), inode.clone(), format!("user:[{inode}]"), format!("/proc/{pid}/ns/user"), format!("/proc/{pid}")];
    for argument in &same {
        assert_eq!(shown(&[argument]), expected, "{argument}");
    }
    assert_eq!(shown(&["--inode", &same[2]]), expected);

    // A namespace of another type, with its owner and its holders.
    let held = child.open("net");
    for argument in [net.clone(), format!("net:[{net}]"), format!("/proc/{pid}/ns/net")] {
        let output = shown(&[&argument]);
        let lines: Vec<&str> = output.lines().collect();
        assert!(lines[0].starts_with(&format!("net {net}")), "{output}");
        assert!(lines[1].starts_with(&format!("   owner    {inode} ")) && lines[1].contains("UID "), "{output}");
        assert_eq!(lines[2..], [format!("   members  1: cat {pid}")], "{output}");
    }
    let output = shown(&["--pinned", &net]);
    assert!(output.contains(&format!(" {} fd {}", std::process::id(), held.as_raw_fd())), "{output}");
    assert!(output.lines().nth(3).is_some_and(|line| line.starts_with("   held by  descriptor")), "{output}");
}

/// With BPF the answer is the same; without it, a line says so.
#[test]
fn by_bpf() {
    let Some(child) = waiting("by_bpf", libc::CLONE_NEWUSER) else { return };
    let (status, output, errors) = run(&["--bpf", "--pid", &child.pid()]);
    assert_eq!((status, output), (Some(0), shown(&["--pid", &child.pid()])), "{errors}");
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        assert!(errors.contains("userns_inspect: processes were found without BPF: "), "{errors}");
    }
}

#[test]
fn output_that_cannot_be_written() {
    for arguments in [&[][..], &["--pinned"], &["-h"], &["-V"]] {
        let full = Stdio::from(File::options().write(true).open("/dev/full").unwrap());
        let (status, _, errors) = result(inspect(arguments).stdout(full).output().unwrap());
        assert_eq!(status, Some(1), "{arguments:?}");
        assert!(errors.contains("userns_inspect: standard output: No space left on device"), "{errors}");
    }
}

#[test]
fn one_namespace() {
    let Some(child) = waiting("one_namespace", libc::CLONE_NEWUSER | libc::CLONE_NEWNET) else { return };
    let (pid, inode) = (child.pid(), child.inode("user"));
    for arguments in [["--pid", &pid], ["--inode", &inode]] {
        let output = shown(&arguments);
        let lines = lines(&output);
        assert_eq!(lines.len(), 5, "{output}");
        assert!(lines[0].starts_with(&inode) && lines[0].contains("UID "), "{output}");
        assert!(!lines[0].contains('['), "{output}");
        assert!(lines[1].starts_with("   maps     not written yet"), "{output}");
        assert_eq!(lines[2], format!("   members  1: cat {pid}"));
        assert_eq!(lines[3], format!("   owns     net    {}      1 process", child.inode("net")));
        assert_eq!(lines[4], "total    1 user namespace (0 empty), 1 process, 1 owned namespace");
    }
}

/// The program alone in a new namespace.
#[test]
fn its_own_namespace() {
    let own = fs::metadata("/proc/self/ns/user").unwrap().ino().to_string();
    assert!(shown(&["--pid", "self"]).starts_with(&own));
    if waiting("its_own_namespace", libc::CLONE_NEWUSER).is_none() {
        return;
    }
    let (status, output, errors) =
        result(unshare(&mut inspect(&["--pid", "self"]), libc::CLONE_NEWUSER).output().unwrap());
    assert_eq!(status, Some(0), "{errors}");
    let lines = lines(&output);
    assert_eq!(lines.len(), 4, "{output}");
    assert!(!lines[0].starts_with(&own) && lines[0].contains(" owner unknown "), "{output}");
    assert!(lines[0].ends_with(" [parent hidden]") && lines[2].contains("members  1: userns_inspect "), "{output}");
    let hidden: Vec<&str> = errors.lines().filter(|line| line.contains("not visible")).collect();
    let expected = "userns_inspect: not visible: namespaces above and beside your own";
    assert!(hidden.len() == 1 && hidden[0].starts_with(expected), "{errors}");
    assert!(errors.lines().all(|line| line.starts_with("userns_inspect: ")), "{errors}");
}

/// In a container, one line says what is not visible.
#[test]
fn in_a_container() {
    let options = ["-Ur", "-m", "-p", "--fork", "--kill-child", "--mount-proc"];
    let mut command = Command::new("unshare");
    command.args(options).arg(userns_inspect());
    if Command::new("unshare").args(options).arg("true").output().map_or(true, |output| !output.status.success()) {
        return skip("in_a_container", "unshare(1) is missing or cannot create these namespaces");
    }
    let (status, output, errors) = result(command.output().unwrap());
    assert_eq!(status, Some(0), "{errors}");
    assert!(output.contains(" [parent hidden]\n"), "{output}");
    let expected = "userns_inspect: not visible: namespaces above and beside your own; \
                    processes outside the PID namespace of this procfs\n";
    assert_eq!(errors, expected);
}
