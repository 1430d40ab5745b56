//! The command `userns_inspect`: its output for real namespaces.

mod common;

use common::{scratch, skip, userns_inspect};
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, symlink};
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Output, Stdio};
use std::{io, ptr};

fn inspect(arguments: &[&str]) -> Command {
    let mut command = Command::new(userns_inspect());
    command.args(arguments).env("LC_ALL", "C").env("COLUMNS", "300").env_remove("NO_COLOR");
    command
}

/// Exit status, standard output and standard error.
fn result(output: Output) -> (Option<i32>, String, String) {
    let Output { status, stdout, stderr } = output;
    (status.code(), String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap())
}

fn run(arguments: &[&str]) -> (Option<i32>, String, String) {
    result(inspect(arguments).output().unwrap())
}

/// The output of a run that must succeed.
fn shown(arguments: &[&str]) -> String {
    let (status, output, errors) = run(arguments);
    assert_eq!(status, Some(0), "{arguments:?}: {errors}");
    output
}

/// A process that waits for the end of its input, which comes at the latest when this test process ends.
struct Waiting(Child);

impl Waiting {
    fn pid(&self) -> String {
        self.0.id().to_string()
    }

    fn inode(&self, kind: &str) -> String {
        fs::metadata(format!("/proc/{}/ns/{kind}", self.0.id())).unwrap().ino().to_string()
    }

    /// Waits until the process executes cat. Fails if it ends before.
    fn wait_until_cat(&self) {
        let read = |file: &str| fs::read_to_string(format!("/proc/{}/{file}", self.0.id())).unwrap();
        while read("comm") != "cat\n" {
            assert!(!read("status").contains("State:\tZ"), "the process has ended");
        }
    }

    fn open(&self, kind: &str) -> File {
        File::open(format!("/proc/{}/ns/{kind}", self.0.id())).unwrap()
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        drop(self.0.stdin.take());
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Runs a command in new namespaces.
fn unshare(command: &mut Command, flags: libc::c_int) -> &mut Command {
    // SAFETY: between fork and exec there is only one system call, which is async-signal-safe.
    unsafe {
        command.pre_exec(move || match libc::unshare(flags) {
            0 => Ok(()),
            _ => Err(io::Error::last_os_error()),
        })
    }
}

/// Starts cat in new namespaces. Returns `None` and reports a skip if they cannot be created.
fn waiting_as(test: &str, program: &OsStr, flags: libc::c_int) -> Option<Waiting> {
    let mut command = Command::new(program);
    command.arg0("cat").stdin(Stdio::piped()).stdout(Stdio::null());
    match unshare(&mut command, flags).spawn() {
        Ok(child) => Some(Waiting(child)),
        Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSPC | libc::EINVAL)) => {
            skip(test, &format!("cannot create namespaces: {error}"));
            None
        }
        Err(error) => panic!("{error}"),
    }
}

fn waiting(test: &str, flags: libc::c_int) -> Option<Waiting> {
    waiting_as(test, OsStr::new("cat"), flags)
}

/// Starts a shell script with unshare(1). Returns it and its first line of output.
fn script(test: &str, options: &[&str], script: &str, argument: &OsStr) -> Option<(Waiting, String)> {
    if Command::new("unshare").args(options).arg("true").output().map_or(true, |output| !output.status.success()) {
        skip(test, "unshare(1) is missing or cannot create these namespaces");
        return None;
    }
    let mut command = Command::new("unshare");
    command.args(options).args(["sh", "-ec", script, "sh"]).arg(argument);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let waiting = Waiting(child);
    assert!(line.ends_with('\n'), "the script of {test} failed");
    Some((waiting, line.trim_end().to_string()))
}

fn widest(text: &str) -> usize {
    text.lines().map(|line| line.chars().count()).max().unwrap_or(0)
}

/// Whether a number or name occurs as a whole word.
fn has_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_alphanumeric()).any(|other| other == word)
}

#[test]
fn the_live_tree() {
    for arguments in [&[][..], &["--pinned"], &["-P", "-p", "/proc"], &["--no-pids"]] {
        let output = shown(arguments);
        let own = fs::metadata("/proc/self/ns/user").unwrap().ino().to_string();
        assert!(output.lines().any(|line| line.trim_start().starts_with(&own)), "{output}");
        assert!(output.contains("members  ") && output.contains("owns     cgroup "), "{output}");
        assert!(output.is_ascii() && !output.contains(|c: char| c.is_ascii_control() && c != '\n'), "{output}");
        assert!(!output.lines().any(|line| line.ends_with(' ') || line.is_empty()), "{output}");
    }
}

#[test]
fn help_and_version() {
    for option in ["-h", "--help"] {
        let (status, help, errors) = run(&[option]);
        assert_eq!((status, errors.as_str()), (Some(0), ""));
        assert!(help.starts_with("Usage: userns_inspect"), "{help}");
        for option in ["--pinned", "--no-pids", "--pid PID", "--inode INODE", "--proc DIR"] {
            assert!(help.contains(option), "{help}");
        }
        assert!(widest(&help) <= 80, "{help}");
    }
    for option in ["-V", "--version"] {
        let version = format!("userns_inspect {}\n", env!("CARGO_PKG_VERSION"));
        assert_eq!(run(&[option]), (Some(0), version, String::new()));
    }
}

#[test]
fn wrong_usage() {
    let wrong: [&[&str]; 12] = [
        &["-x"],
        &["--nonsense"],
        &["-p"],
        &["/proc"],
        &["--pid", ""],
        &["--pid", "-1"],
        &["--pid", "0"],
        &["--pid", "4294967297"],
        &["--pid", " 1"],
        &["--inode", "12x"],
        &["--inode", "18446744073709551616"],
        &["--pinned=yes"],
    ];
    for arguments in wrong {
        let (status, output, errors) = run(arguments);
        assert_eq!((status, output.as_str()), (Some(2), ""), "{arguments:?}: {errors}");
        assert!(errors.contains("Usage: userns_inspect"), "{errors}");
    }
}

#[test]
fn missing_things() {
    let cases: [(&[&str], &str); 4] = [
        (&["-p", "/does/not/exist"], "userns_inspect: /does/not/exist: the directory does not exist"),
        (&["-p", "/"], "userns_inspect: /: the directory is not the root directory of a procfs"),
        (&["--pid", "2147483647"], "userns_inspect: /proc: process 2147483647 was not found"),
        (&["--inode", "1"], "userns_inspect: no user namespace 1 was found (--pinned can find more)\n"),
    ];
    for (arguments, message) in cases {
        let (status, output, errors) = run(arguments);
        assert_eq!((status, output.as_str()), (Some(1), ""), "{arguments:?}");
        assert!(errors.starts_with(message), "{errors}");
    }
    let (status, _, errors) = run(&["--pinned", "--inode", "1"]);
    assert_eq!(status, Some(1));
    assert!(errors.starts_with("userns_inspect: no user namespace 1 was found\n"), "{errors}");
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
        let lines: Vec<&str> = output.lines().collect();
        assert_eq!(lines.len(), 3, "{output}");
        assert!(lines[0].starts_with(&inode) && lines[0].contains("UID "), "{output}");
        assert!(!lines[0].contains('['), "{output}");
        assert_eq!(lines[1], format!("   members  1: cat {pid}"));
        assert_eq!(lines[2], format!("   owns     net    {}      1 process", child.inode("net")));
    }
    // The last option wins.
    assert!(shown(&["--inode", "1", "--pid", &pid]).starts_with(&inode));
}

#[test]
fn only_names() {
    let Some(child) = waiting("only_names", libc::CLONE_NEWUSER) else { return };
    let pid = child.pid();
    let output = shown(&["--no-pids", "--pid", &pid]);
    assert!(output.contains("members  1: cat (1)\n") && !has_word(&output, &pid), "{output}");
    assert!(has_word(&shown(&["--pid", &pid]), &pid));
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
    let lines: Vec<&str> = output.lines().collect();
    assert_eq!(lines.len(), 2, "{output}");
    assert!(!lines[0].starts_with(&own) && lines[0].contains(" owner unknown "), "{output}");
    assert!(lines[0].ends_with(" [parent hidden]") && lines[1].contains("members  1: userns_inspect "), "{output}");
    assert!(errors.contains("userns_inspect: namespaces above and beside your own are not visible\n"), "{errors}");
    assert!(errors.lines().all(|line| line.starts_with("userns_inspect: ")), "{errors}");
}

const FAMILY: &str = "exec 3<&0; unshare -Ur cat <&3 >/dev/null & unshare -Ur cat <&3 >/dev/null &
    while ! { [ -r /proc/$!/ns/user ] && [ \"$(cat /proc/$!/comm)\" = cat ]; }; do :; done
    sleep 0.2; echo ready; exec cat";

/// Whether there is a UTF-8 locale.
fn has_utf8() -> bool {
    // SAFETY: the name is a C string, and NULL means that there is no base locale.
    let locale = unsafe { libc::newlocale(libc::LC_CTYPE_MASK, c"C.UTF-8".as_ptr(), ptr::null_mut()) };
    if !locale.is_null() {
        // SAFETY: newlocale() returned it, and nothing uses it.
        unsafe { libc::freelocale(locale) };
    }
    !locale.is_null()
}

/// The lines of the tree depend on the locale.
#[test]
fn drawn_lines() {
    let Some((parent, _)) = script("drawn_lines", &["-Ur"], FAMILY, OsStr::new("")) else { return };
    let pid = parent.pid();
    let beginnings = |locale: &str| -> Vec<String> {
        let (status, output, errors) = result(inspect(&["--pid", &pid]).env("LC_ALL", locale).output().unwrap());
        assert_eq!(status, Some(0), "{errors}");
        let until_text = |line: &str| line.chars().take_while(|c| !c.is_ascii_alphanumeric()).collect();
        output.lines().map(until_text).collect()
    };
    assert_eq!(beginnings("C"), ["", "   ", "   ", "      ", "   ", "      "]);
    if !has_utf8() {
        return skip("drawn_lines", "there is no locale C.UTF-8");
    }
    assert_eq!(beginnings("C.UTF-8"), ["", "│  ", "├─ ", "│     ", "└─ ", "      "]);
}

const MANY: &str = "exec 3<&0; i=0
    while [ $i -lt 60 ]; do cat <&3 >/dev/null & i=$((i + 1)); done
    while ! [ \"$(cat /proc/$!/comm)\" = cat ]; do :; done; sleep 0.2
    echo ready; exec cat";

/// COLUMNS is the width if standard output is not a terminal.
#[test]
fn width() {
    let Some((parent, _)) = script("width", &["-Ur", "-n"], MANY, OsStr::new("")) else { return };
    // Among consecutive widths, some line uses the last column.
    let mut widths: Vec<(String, usize)> = (60..=68).map(|limit| (limit.to_string(), limit)).collect();
    widths.extend([("33".into(), 33), ("120".into(), 120)]);
    widths.extend(["", "x", "-5", "0"].map(|columns| (columns.into(), 80)));
    for (columns, limit) in widths {
        for arguments in [&["--pid", &parent.pid()][..], &["--pinned", "--pid", &parent.pid()]] {
            let (status, output, _) = result(inspect(arguments).env("COLUMNS", &columns).output().unwrap());
            assert_eq!(status, Some(0));
            let members: Vec<&str> = output.lines().skip_while(|line| !line.contains("members")).collect();
            let one_item = |line: &&str| line.trim_start().starts_with("owns     net ");
            let narrow: Vec<&str> = output.lines().filter(|line| !one_item(line)).collect();
            assert!(widest(&narrow.join("\n")) <= limit, "{columns}: {output}");
            assert!(members[0].starts_with("   members  61: cat "), "{output}");
            // The first item of the next line did not fit.
            let next = members[1].split_whitespace().next().unwrap();
            assert!(members[0].len() + 1 + next.len() > limit, "{output}");
            assert!(members[1].starts_with("              ") && members.len() > 3, "{output}");
        }
    }
    let one_line = result(inspect(&["--pid", &parent.pid()]).env("COLUMNS", "9999").output().unwrap()).1;
    assert_eq!(one_line.lines().count(), 3, "{one_line}");
    // Items longer than the width are not cut off.
    let narrowest = result(inspect(&["--pid", &parent.pid()]).env("COLUMNS", "1").output().unwrap()).1;
    assert!(narrowest.lines().count() > 61 && widest(&narrowest) < 50, "{narrowest}");
}

/// Starts a process with any command name, by means of a symbolic link.
fn named(test: &str, name: &[u8]) -> Option<Waiting> {
    let directory = scratch("hostile");
    fs::create_dir_all(&directory).unwrap();
    let program = directory.join(OsStr::from_bytes(name));
    let cat = ["/bin/cat", "/usr/bin/cat"].into_iter().find(|path| fs::exists(path).unwrap()).unwrap();
    let _ = fs::remove_file(&program);
    symlink(cat, &program).unwrap();
    waiting_as(test, program.as_os_str(), libc::CLONE_NEWUSER)
}

#[test]
fn hostile_names() {
    let cases: [(&[u8], &str, &str); 8] = [
        (b"\x1b[31m\n)", r"\x1b[31m\x0a)", r"\x1b[31m\x0a)"),
        (b"\xff\xfe\x80", r"\xff\xfe\x80", r"\xff\xfe\x80"),
        (b"a\\x1b\"", r"a\x5cx1b\x22", r"a\x5cx1b\x22"),
        (b"a 1, b", "\"a 1, b\"", "\"a 1, b\""),
        (b"\r\t\x07\x7f", r"\x0d\x09\x07\x7f", r"\x0d\x09\x07\x7f"),
        ("é猫".as_bytes(), r"\xc3\xa9\xe7\x8c\xab", "é猫"),
        // U+202E turns the direction of writing, U+009B begins an escape sequence.
        ("\u{202e}x".as_bytes(), r"\xe2\x80\xaex", r"\xe2\x80\xaex"),
        ("\u{9b}1m".as_bytes(), r"\xc2\x9b1m", r"\xc2\x9b1m"),
    ];
    let locales = if has_utf8() { 2 } else { 1 };
    if locales == 1 {
        skip("hostile_names", "there is no locale C.UTF-8, so only C is tested");
    }
    for (name, ascii, utf8) in cases {
        let Some(child) = named("hostile_names", name) else { return };
        let pid = child.pid();
        assert_eq!(fs::read(format!("/proc/{pid}/comm")).unwrap(), [name, b"\n"].concat());
        for (locale, expected) in [("C", ascii), ("C.UTF-8", utf8)].into_iter().take(locales) {
            let (status, output, _) = result(inspect(&["--pid", &pid]).env("LC_ALL", locale).output().unwrap());
            assert_eq!(status, Some(0));
            assert_eq!(output.lines().nth(1), Some(format!("   members  1: {expected} {pid}").as_str()), "{locale}");
            assert!(!output.contains(|c: char| c.is_control() && c != '\n'), "{output:?}");
        }
    }
}

/// The output of a program on a terminal of 50 columns, without the carriage returns that the terminal adds.
fn on_terminal(command: &mut Command) -> String {
    let (mut master, mut slave) = (-1, -1);
    let size = libc::winsize { ws_row: 24, ws_col: 50, ws_xpixel: 0, ws_ypixel: 0 };
    // SAFETY: all pointers are valid, or NULL where openpty() permits it.
    let status = unsafe { libc::openpty(&mut master, &mut slave, ptr::null_mut(), ptr::null(), &size) };
    assert_eq!(status, 0, "{}", io::Error::last_os_error());
    // SAFETY: openpty() opened them, and nothing else owns them.
    let (master, slave) = unsafe { (File::from_raw_fd(master), OwnedFd::from_raw_fd(slave)) };
    let mut child = command.stdout(Stdio::from(slave)).stderr(Stdio::null()).spawn().unwrap();
    // The command keeps its end of the terminal open until its standard output is replaced. Reading ends with an error.
    command.stdout(Stdio::null());
    let mut bytes = Vec::new();
    let _ = (&master).read_to_end(&mut bytes);
    assert!(child.wait().unwrap().success());
    String::from_utf8(bytes).unwrap().replace('\r', "")
}

fn without_colours(text: &str) -> String {
    let mut parts = text.split('\x1b');
    let first = parts.next().unwrap_or_default().to_string();
    parts.fold(first, |plain, part| plain + part.split_once('m').unwrap().1)
}

#[test]
fn colours() {
    let own = fs::metadata("/proc/self/ns/user").unwrap().ino().to_string();
    let Some(child) = waiting("colours", libc::CLONE_NEWUSER) else { return };
    let arguments = ["--pid", &child.pid()];
    for empty in [false, true] {
        let mut command = inspect(&arguments);
        if empty {
            command.env("NO_COLOR", "");
        }
        let coloured = on_terminal(&mut command);
        assert!(coloured.contains(&format!("\x1b[1m{}\x1b[0m", child.inode("user"))), "{coloured:?}");
        assert!(coloured.ends_with(&format!("1: cat {}\n", child.pid())), "{coloured:?}");
    }
    let plain = on_terminal(inspect(&["--pid", "self", "-P"]).env("NO_COLOR", "1"));
    assert!(plain.starts_with(&own) && !plain.contains('\x1b'), "{plain:?}");
    let plain = shown(&arguments);
    assert!(!plain.contains('\x1b'), "{plain:?}");
}

/// The width of the terminal has precedence over COLUMNS, and colours do not count.
#[test]
fn width_of_the_terminal() {
    let Some((parent, _)) = script("width_of_the_terminal", &["-Ur"], MANY, OsStr::new("")) else { return };
    let coloured = on_terminal(&mut inspect(&["--pid", &parent.pid()]));
    let plain = on_terminal(inspect(&["--pid", &parent.pid()]).env("NO_COLOR", "1"));
    assert_eq!(without_colours(&coloured), plain);
    assert!(coloured != plain && widest(&plain) <= 50 && widest(&plain) > 41, "{plain}");
}

/// A descriptor of this test program keeps the namespace alive.
#[test]
fn held_by_a_descriptor() {
    let Some(child) = waiting("held_by_a_descriptor", libc::CLONE_NEWUSER | libc::CLONE_NEWNET) else { return };
    let (held, inode, net) = (child.open("user"), child.inode("user"), child.inode("net"));
    drop(child);
    let (status, output, errors) = run(&["--inode", &inode]);
    assert_eq!((status, output.as_str()), (Some(1), ""), "{errors}");
    let output = shown(&["--pinned", "--inode", &inode]);
    let holder = format!(" {} fd {}", std::process::id(), held.as_raw_fd());
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].starts_with(&inode), "{output}");
    assert!(lines[0].ends_with(" [empty] [known only through a pin]"), "{output}");
    assert!(lines[1].starts_with("   held by  descriptor"), "{output}");
    assert!(lines[1].contains(&holder), "{holder}: {output}");
    assert!(!output.contains("members") && !has_word(&output, &net), "{output}");
}

/// A descriptor of this test program keeps the network namespace of the user namespace alive.
#[test]
fn held_by_what_it_owns() {
    let Some(child) = waiting("held_by_what_it_owns", libc::CLONE_NEWUSER | libc::CLONE_NEWNET) else { return };
    let (held, inode, net) = (child.open("net"), child.inode("user"), child.inode("net"));
    drop(child);
    let output = shown(&["-P", "--inode", &inode]);
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].ends_with(" [empty] [known only through a pin]"), "{output}");
    assert_eq!(lines[1], format!("   owns     net    {net}      0 processes"));
    assert!(lines[2].starts_with("              descriptor"), "{output}");
    assert!(lines[2].contains(&format!(" {} fd {}", std::process::id(), held.as_raw_fd())), "{output}");
    assert_eq!(lines.len(), 3, "{output}");
}

const MOUNTED: &str = "exec 3<&0; mount -t tmpfs none \"$1\"; file=\"$1/a b$(printf '\\033[1m')\"; : >\"$file\"
    unshare -U cat <&3 >/dev/null & own=$(readlink /proc/self/ns/user)
    while [ \"$(readlink /proc/$!/ns/user)\" = \"$own\" ]; do :; done
    mount --bind /proc/$!/ns/user \"$file\"; stat -L -c %i /proc/$!/ns/user; kill $!; wait $! || :; exec cat";

/// A mount in another mount namespace keeps the namespace alive. Its path contains a control character.
#[test]
fn held_by_a_mount() {
    let directory = scratch("mounted");
    fs::create_dir_all(&directory).unwrap();
    let Some((parent, _)) = script("held_by_a_mount", &["-Ur", "-m"], MOUNTED, directory.as_os_str()) else { return };
    parent.wait_until_cat();
    let output = shown(&["-P", "--pid", &parent.pid()]);
    let path = format!("{}/a b\\x1b[1m", fs::canonicalize(&directory).unwrap().display());
    assert!(output.contains(&format!("held by  mount \"{path}\" seen by cat {}\n", parent.pid())), "{output}");
    assert!(output.contains("      held by") && output.contains(" [known only through a pin]\n"), "{output}");
    // A path that is longer than the width has a line of its own.
    let narrow = result(inspect(&["-P", "--pid", &parent.pid()]).env("COLUMNS", "40").output().unwrap()).1;
    assert!(narrow.lines().any(|line| line.trim() == format!("\"{path}\"")), "{narrow}");
}

/// The process on the left is alone in a mount namespace. It prints its PID as soon as it is chrooted.
const CHROOTED: &str = "PATH=$PATH:/usr/sbin
    unshare -m sh -ec '
        for directory in bin lib lib64 usr; do
            if [ -e /$directory ]; then mkdir -p $1/$directory; mount --rbind /$directory $1/$directory; fi
        done
        exec chroot $1 sh -c \"echo \\$\\$; exec sleep 60\"' sh \"$1\" |
    { read pid; status=0; \"$2\" --pinned --pid self >/dev/null || status=$?; kill $pid; exit $status; }";

/// Each gap has a sentence and a unit of its own: here, the number of mount namespaces with only chrooted processes.
#[test]
fn chrooted_mount_namespaces() {
    let options = ["-Ur", "-m", "-p", "--fork", "--kill-child", "--mount-proc"];
    if Command::new("unshare").args(options).arg("true").output().map_or(true, |output| !output.status.success()) {
        return skip("chrooted_mount_namespaces", "unshare(1) is missing or cannot create these namespaces");
    }
    let directory = scratch("chrooted");
    fs::create_dir_all(&directory).unwrap();
    let mut command = Command::new("unshare");
    command.args(options).args(["sh", "-ec", CHROOTED, "sh"]).arg(directory).arg(userns_inspect());
    let (status, _, errors) = result(command.output().unwrap());
    assert_eq!(status, Some(0), "{errors}");
    let sentence = "userns_inspect: mount namespaces with only chrooted processes, which do not see all mounts: 1\n";
    assert!(errors.contains(sentence), "{errors}");
    assert!(!errors.contains("processes whose mounts could not be read"), "{errors}");
}

/// A gap that is counted in processes does not exceed the number of processes.
#[test]
fn gaps_of_an_ordinary_user() {
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return skip("gaps_of_an_ordinary_user", "the test needs root");
    }
    let mut command = inspect(&["--pinned"]);
    let (status, _, errors) = match command.uid(65534).gid(65534).output() {
        Ok(output) => result(output),
        Err(error) => return skip("gaps_of_an_ordinary_user", &format!("other users cannot run the program: {error}")),
    };
    assert_eq!(status, Some(0), "{errors}");
    let count = |sentence: &str| -> usize {
        let count = errors.lines().find_map(|line| line.strip_prefix(&format!("userns_inspect: {sentence}: ")));
        count.unwrap_or_else(|| panic!("{errors}")).parse().unwrap()
    };
    let unreadable = count("processes that could not be read");
    let processes = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().file_name());
    let processes = processes.filter(|name| name.as_bytes().iter().all(u8::is_ascii_digit)).count();
    for sentence in ["processes whose descriptors could not be read", "processes whose mounts could not be read"] {
        assert!((unreadable..=processes + 100).contains(&count(sentence)), "{errors}");
    }
    assert!(!errors.contains("other gaps"), "{errors}");
}

/// Of many processes in an owned namespace, a few are named.
#[test]
fn long_lists_are_folded() {
    let Some((parent, _)) = script("long_lists_are_folded", &["-Ur", "-n"], MANY, OsStr::new("")) else { return };
    let output = shown(&["-P", "--pid", &parent.pid()]);
    let owned = output.lines().find(|line| line.contains(" net ")).unwrap_or_else(|| panic!("{output}"));
    assert!(owned.contains("    61 processes: cat ") && owned.ends_with(" and 57 more"), "{output}");
    assert_eq!(owned.matches("cat ").count(), 4, "{output}");
}
