//! Pins and gaps.

use crate::common::{scratch, userns_inspect};
use crate::{MANY, Waiting, has_word, inspect, result, run, script, shown, skip, waiting};
use std::ffi::OsStr;
use std::fs;
use std::os::fd::AsRawFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};

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
    assert!(lines[2].starts_with("   held by  descriptor"), "{output}");
    assert!(lines[2].contains(&holder), "{holder}: {output}");
    assert!(!output.contains("members") && !has_word(&output, &net), "{output}");
}

/// A descriptor of this test program keeps the network namespace of the user namespace alive.
#[test]
fn held_by_what_it_owns() {
    let Some(child) = waiting("held_by_what_it_owns", libc::CLONE_NEWUSER | libc::CLONE_NEWNET) else { return };
    let (held, inode, net) = (child.open("net"), child.inode("user"), child.inode("net"));
    drop(child);
    let output = shown(&["--pinned", "--inode", &inode]);
    let lines: Vec<&str> = output.lines().collect();
    assert!(lines[0].ends_with(" [empty] [known only through a pin]"), "{output}");
    assert!(lines[1].starts_with("   maps     not "), "{output}");
    assert_eq!(lines[2], format!("   owns     net    {net}      0 processes"));
    assert!(lines[3].starts_with("              descriptor"), "{output}");
    assert!(lines[3].contains(&format!(" {} fd {}", std::process::id(), held.as_raw_fd())), "{output}");
    assert_eq!(lines.len(), 5, "{output}");
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
    let output = shown(&["--pinned", "--pid", &parent.pid()]);
    let path = format!("{}/a b\\x1b[1m", fs::canonicalize(&directory).unwrap().display());
    let namespace = parent.inode("mnt");
    let expected = format!("held by  mount \"{path}\" seen by cat {} mnt {namespace}\n", parent.pid());
    assert!(output.contains(&expected), "{expected}{output}");
    assert!(output.contains("      held by") && output.contains(" [known only through a pin]\n"), "{output}");
    // A path that is longer than the width has a line of its own.
    let narrow = result(inspect(&["--pinned", "--pid", &parent.pid()]).env("COLUMNS", "40").output().unwrap()).1;
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
    let output = shown(&["--pinned", "--pid", &parent.pid()]);
    let owned = output.lines().find(|line| line.contains(" net ")).unwrap_or_else(|| panic!("{output}"));
    assert!(owned.contains("    61 processes: cat ") && owned.ends_with(" and 57 more"), "{output}");
    assert_eq!(owned.matches("cat ").count(), 4, "{output}");
}

/// Two network namespaces: the process is in one, and its socket keeps the other alive.
#[test]
fn held_by_a_socket() {
    let mut command = Command::new("cat");
    command.stdin(Stdio::piped()).stdout(Stdio::null());
    // SAFETY: between fork and exec there are only system calls, which are async-signal-safe.
    unsafe {
        command.pre_exec(|| {
            let made = libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET) == 0
                && libc::socket(libc::AF_UNIX, libc::SOCK_STREAM, 0) >= 0
                && libc::unshare(libc::CLONE_NEWNET) == 0;
            if made { Ok(()) } else { Err(std::io::Error::last_os_error()) }
        });
    }
    let Ok(child) = command.spawn() else {
        return skip("held_by_a_socket", "cannot create namespaces");
    };
    let child = Waiting(child);
    let (status, output, errors) = run(&["--sockets", &child.pid()]);
    assert_eq!(status, Some(0), "{errors}");
    let holder = format!("socket: cat {} fd ", child.pid());
    if !output.contains(&holder) && errors.contains("sockets whose network namespace is unknown") {
        return skip("held_by_a_socket", &errors);
    }
    assert!(output.contains(&holder) && output.contains(" 0 processes\n"), "{output}");
    assert!(!shown(&["--pinned", &child.pid()]).contains("socket"));
}
