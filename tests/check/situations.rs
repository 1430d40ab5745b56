//! Real hosts and callers where user namespaces do not work, and one where they do.

use crate::common::{SKIPPED, has_utf8, on_terminal, root, skip, userns_check};
use crate::{check, plain, result, run};
use std::fs;
use std::io;
use std::os::unix::process::CommandExt;
use std::process::{Command, Output};

/// The program, from a shell that prepares something in namespaces that unshare(1) makes with these options.
fn shell(options: &[&str], preparation: &str, arguments: &[&str]) -> Command {
    let script = format!("{{ {preparation}\n}} || exit {SKIPPED}; exec \"$@\"");
    let mut command = Command::new("unshare");
    plain(command.args(options).args(["sh", "-c", &script, "sh"]).arg(userns_check()).args(arguments));
    command
}

/// Runs it. Returns `None` and reports a skip if the shell cannot prepare that.
fn within(test: &str, options: &[&str], preparation: &str, arguments: &[&str]) -> Option<Output> {
    let mut command = shell(options, preparation, arguments);
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => {
            skip(test, &format!("unshare(1): {error}"));
            return None;
        }
    };
    let errors = String::from_utf8_lossy(&output.stderr);
    if output.status.code() == Some(SKIPPED) || errors.starts_with("unshare: ") {
        skip(test, &errors);
        return None;
    }
    Some(output)
}

/// Asserts that a step fails for a reason, in all formats; `reason` is how the line of the reason begins.
fn fails(test: &str, options: &[&str], preparation: &str, step: &str, reason: &str) {
    let run = |arguments: &[&str]| within(test, options, preparation, arguments).map(result);
    let Some((status, output, errors)) = run(&[]) else { return };
    assert_eq!((status, errors.as_str()), (Some(1), ""), "{output}");
    let failed = output.lines().find_map(|line| line.strip_prefix("  FAIL ")).unwrap_or_default();
    assert!(failed.starts_with(step) && failed.contains(": "), "{output}");
    assert!(output.contains(&format!("\n{reason}")) && !output.contains("(unknown)"), "{output}");
    let (is_proved, kind) =
        (!reason.starts_with("Likely"), &reason[reason.find('(').unwrap() + 1..reason.find(')').unwrap()]);
    let Some((status, json, _)) = run(&["--json"]) else { return };
    assert_eq!(status, Some(1));
    assert!(
        json.contains("\"works\":false")
            && json.contains(&format!("\"step\":\"{step}\",\"result\":\"fails\",\"errno\":")),
        "{json}"
    );
    let kind = kind.replace(' ', "_");
    assert!(json.contains(&format!("{{\"kind\":\"{kind}\",\"proved\":{is_proved},\"text\":\"")), "{json}");
    let Some(quiet) = run(&["--quiet"]) else { return };
    assert_eq!(quiet, (Some(1), String::new(), String::new()));
}

/// Options of unshare(1) for a mount namespace, if need be in a user namespace.
fn with_mounts() -> &'static [&'static str] {
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } == 0 { &["-m"] } else { &["-Ur", "-m"] }
}

/// As this host permits it: what the program says is true.
#[test]
fn here() {
    let may = Command::new("unshare").args(["-Ur", "-n", "true"]).output().is_ok_and(|output| output.status.success());
    let (status, output, errors) = run(&["--steps=net"]);
    assert_eq!((status, errors.as_str()), (Some(if may { 0 } else { 1 }), ""), "{output}");
    for arguments in [&["--one-by-one", "--quiet"][..], &["--quiet"], &["--read-only", "--quiet"]] {
        let (status, output, errors) = run(arguments);
        assert!(matches!(status, Some(0 | 1)) && output.is_empty() && errors.is_empty(), "{status:?}: {errors}");
    }
}

#[test]
fn read_only() {
    let prevent = "echo 0 >/proc/sys/user/max_user_namespaces";
    let run = |arguments: &[&str]| within("read_only", &["-Ur"], prevent, arguments).map(result);
    let Some((status, output, _)) = run(&["--read-only"]) else { return };
    assert_eq!(status, Some(1), "{output}");
    assert!(
        output.starts_with(
            "Nothing was tried. Files show these reasons against user namespaces for UID 0:\n\nReason (limit): "
        ),
        "{output}"
    );
    assert!(!output.contains("FAIL") && !output.contains("  create"), "{output}");
    let Some((status, output, _)) = run(&["--read-only", "--json"]) else { return };
    assert!(
        status == Some(1)
            && output.contains("\"works\":false,\"steps\":[{\"step\":\"create\",\"result\":\"not_tried\"}"),
        "{output}"
    );
    let within = |arguments: &[&str]| within("read_only", &["-Ur"], ":", arguments).map(result);
    let Some((status, output, _)) = within(&["--read-only", "--steps=net"]) else { return };
    assert_eq!(
        (status, output.as_str()),
        (Some(0), "Nothing was tried. Files show no reason against user namespaces for UID 0.\n")
    );
}

/// Inside a user namespace with one id, as in most sandboxes.
#[test]
fn nested() {
    let Some(output) = within("nested", &["-Ur"], ":", &["--steps=map,nested"]) else { return };
    let (status, output, _) = result(output);
    assert_eq!(status, Some(0), "{output}");
}

#[test]
fn limit() {
    let prevent = "echo 0 >/proc/sys/user/max_user_namespaces";
    fails("limit", &["-Ur"], prevent, "create", "Reason (limit): /proc/sys/user/max_user_namespaces is 0");
    let prevent = "echo 0 >/proc/sys/user/max_net_namespaces";
    fails("limit", &["-Ur"], prevent, "net", "Reason (limit): /proc/sys/user/max_net_namespaces is 0");
}

/// chroot(8) is not always where an ordinary user looks for programs.
const CHROOT: &str = "PATH=$PATH:/usr/sbin:/sbin; mount --rbind / /mnt && set -- chroot /mnt \"$@\"";

#[test]
fn chroot() {
    fails("chroot", with_mounts(), CHROOT, "create", "Reason (chroot): ");
}

/// The documents show what the program prints on a terminal, in a chroot.
#[test]
fn examples_in_documents() {
    if within("examples_in_documents", with_mounts(), CHROOT, &[]).is_none() || !has_utf8() {
        return skip("examples_in_documents", "this needs mounts, and the locale C.UTF-8");
    }
    let (_, output) = on_terminal(shell(with_mounts(), CHROOT, &[]).env("LC_ALL", "C.UTF-8"), 80);
    let (_, rest) = output.split_once(" for UID ").unwrap();
    let expected =
        format!("$ userns_check\nUser namespaces do not work here for UID 1000{}", &rest[rest.find('.').unwrap()..]);
    for document in ["README.md", "docs/troubleshooting.md", "man/man1/userns_check.1"] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        let text = text.replace("\\[u2717]", "✗").replace("\\[en]", "–").replace("\\-", "-");
        let without_indent: String =
            text.lines().map(|line| format!("{}\n", line.strip_prefix("    ").unwrap_or(line))).collect();
        assert!(text.contains(&expected) || without_indent.contains(&expected), "{document} lacks {expected}");
    }
}

#[test]
fn unmapped() {
    fails("unmapped", &["-U"], ":", "create", "Reason (unmapped): ");
}

#[test]
fn masked_proc() {
    // Another procfs that is fully visible would be enough, see mnt_already_visible() in fs/namespace.c.
    let script = r#"while read -r _ _ _ root point rest; do
            case "$root $point ${rest#* - }" in
            "/ /proc "*) ;;
            "/ $point proc "*) mount -t tmpfs none "$point" || exit 77 ;;
            esac
        done </proc/self/mountinfo
        mount -t tmpfs none /proc/fs || mount --bind /dev/null /proc/kcore"#;
    fails("masked_proc", with_mounts(), script, "pid", "Reason (proc masked): something is mounted over /proc/");
}

#[test]
fn no_proc() {
    let script = "mount -t tmpfs none /proc";
    fails("no_proc", with_mounts(), script, "map", "Reason (proc masked): no procfs is mounted at /proc");
}

#[test]
fn read_only_proc() {
    let script = "mount -o remount,bind,ro /proc";
    fails("read_only_proc", with_mounts(), script, "map", "Reason (proc masked): /proc is mounted read-only");
}

#[test]
fn no_subordinate_ids() {
    // With the name of the user: otherwise ranges could be for another name.
    let preparation = "mount -t tmpfs none /etc && echo user:x:$(id -u):0::/:/bin/sh >/etc/passwd || exit 77";
    let Some(output) = within("no_subordinate_ids", with_mounts(), preparation, &["--subids", "--steps=map"]) else {
        return;
    };
    let (status, output, errors) = result(output);
    assert_eq!((status, errors.as_str()), (Some(1), ""), "{output}");
    assert!(output.contains("  FAIL map      map this user and group into it, and subordinate ids: "), "{output}");
    assert!(output.contains("\nReason (helper): "), "{output}");
}

/// Runs the program with a seccomp filter that answers calls of clone(2) and unshare(2) with a flag.
fn filtered(arguments: &[&str], flag: i32, answer: u32) -> Command {
    const LOW_WORD: u32 = 16 + if cfg!(target_endian = "big") { 4 } else { 0 }; // of the first argument
    let (load, jump_if, jump_any, end) = (
        libc::BPF_LD | libc::BPF_W | libc::BPF_ABS,
        libc::BPF_JMP | libc::BPF_JEQ,
        libc::BPF_JMP | libc::BPF_JSET,
        libc::BPF_RET,
    );
    let step = |code: u32, jt, jf, k| libc::sock_filter { code: code as u16, jt, jf, k };
    let filter = [
        step(load, 0, 0, 0),
        step(jump_if, 1, 0, libc::SYS_clone as u32),
        step(jump_if, 0, 3, libc::SYS_unshare as u32),
        step(load, 0, 0, LOW_WORD),
        step(jump_any, 0, 1, flag as u32),
        step(end, 0, 0, answer),
        step(end, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let mut command = check(arguments);
    // SAFETY: between fork and exec there are only two system calls, which are async-signal-safe.
    unsafe {
        command.pre_exec(move || {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
            let status = libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            if status != 0 || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &program) != 0 {
                return Err(io::Error::last_os_error());
            }
            Ok(())
        });
    }
    command
}

#[test]
fn seccomp() {
    if cfg!(target_arch = "s390x") {
        return skip("seccomp", "the arguments of clone(2) are in another order");
    }
    let cases = [
        (libc::SECCOMP_RET_ERRNO | libc::EPERM as u32, "Operation not permitted"),
        (libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32, "Function not implemented"),
        (libc::SECCOMP_RET_KILL_PROCESS, "a signal ended the process that tried it"),
    ];
    for (answer, error) in cases {
        for arguments in [&[][..], &["--one-by-one"]] {
            let (status, output, errors) = result(filtered(arguments, libc::CLONE_NEWUSER, answer).output().unwrap());
            assert_eq!((status, errors.as_str()), (Some(1), ""), "{output}");
            assert!(output.contains(&format!("  FAIL create   create a user namespace: {error}\n")), "{output}");
            assert!(output.contains("\nReason (seccomp): a seccomp filter "), "{output}");
        }
    }
    for arguments in [&[][..], &["--one-by-one"]] {
        let kill = libc::SECCOMP_RET_KILL_PROCESS;
        let (status, output, _) = result(filtered(arguments, libc::CLONE_NEWNET, kill).output().unwrap());
        assert_eq!(status, Some(1), "{output}");
        assert!(output.contains("\n  ok   create ") && output.contains("\n  FAIL net "), "{output}");
        assert!(output.contains("\nReason (seccomp): a seccomp filter ends "), "{output}");
    }
}

/// What root can do, others may not.
#[test]
fn an_ordinary_user() {
    // SAFETY: the call has no arguments and cannot fail.
    if unsafe { libc::geteuid() } != 0 {
        return here();
    }
    let mut command = check(&[]);
    let Ok(output) = command.uid(65534).gid(65534).output() else {
        return skip("an_ordinary_user", "other users may not enter the directory of the program");
    };
    let (status, output, errors) = result(output);
    assert!(matches!(status, Some(0 | 1)) && errors.is_empty(), "{errors}");
    assert!(output.contains(" for UID 65534.\n") && !output.contains("Root may do more"), "{output}");
}
