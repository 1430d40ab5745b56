//! What the report says, and how it looks. A false library gives answers that no host of a test gives, see `fake.c`.

use crate::common::{compile_with_parts, expect_json, has_utf8, on_terminal, root, skip};
use crate::{plain, result};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

/// The program with the false library. These are its answers, by the names of the variables in `fake.c`.
fn fake(answers: &[(&str, &str)], arguments: &[&str]) -> Command {
    let main = root().join("examples-c/userns_check.c");
    let program = compile_with_parts(&root().join("tests/check/fake.c"), "check", &[main.to_str().unwrap()]);
    let mut command = Command::new(program);
    plain(command.args(arguments)).envs(answers.iter().copied());
    command
}

fn shown(answers: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String) {
    let (status, output, errors) = result(fake(answers, arguments).output().unwrap());
    assert_eq!(errors, "");
    (status, output)
}

const APPARMOR: [(&str, &str); 7] = [
    ("TRIED", "47"),
    ("WORKED", "11"),
    ("FAILED", "4"),
    ("ERROR", "-13"),
    ("KIND", "7"),
    ("PROVED", "0"),
    (
        "TEXT",
        "a sentence that is longer than the eighty columns of a line, since it has to say what can be done; do it",
    ),
];

#[test]
fn the_report() {
    // SAFETY: the call has no arguments and cannot fail.
    let uid = unsafe { libc::geteuid() };
    let expected = format!(
        "User namespaces work here only in part for UID {uid}.

  ok   create   create a user namespace
  ok   map      map this user and group into it
  FAIL capable  mount a file system in it: Permission denied
  ok   net      create a network namespace with a loopback device
  -    pid      create a PID namespace with its own /proc: not tried
  FAIL nested   create one more user namespace inside

Likely reason (apparmor): a sentence that is longer than the eighty columns of a
    line, since it has to say what can be done; do it.

Such a module decides for each program. This is the answer for userns_check.

userns_check(1) explains the steps and the reasons.
"
    );
    assert_eq!(shown(&APPARMOR, &[]), (Some(1), expected));
    assert_eq!(shown(&APPARMOR, &["--quiet"]), (Some(1), String::new()));
    assert_eq!(shown(&[("TRIED", "63"), ("WORKED", "63")], &["--quiet"]), (Some(0), String::new()));

    let (status, output) = shown(&[("TRIED", "63"), ("WORKED", "63")], &[]);
    assert_eq!(status, Some(0));
    assert!(output.starts_with(&format!("User namespaces work here for UID {uid}.\n\n  ok ")), "{output}");
    assert_eq!(output.contains("\nRoot may do more than other users."), uid == 0);
    assert!(!output.contains("FAIL") && !output.contains("userns_check(1)"), "{output}");
}

#[test]
fn steps_that_were_not_tried() {
    let show = |[tried, worked, failed, error]: [&str; 4]| {
        shown(&[("TRIED", tried), ("WORKED", worked), ("FAILED", failed), ("ERROR", error)], &[]).1
    };
    let cases = [
        (["1", "0", "1", "-1"], "FAIL - - - - -"),
        (["47", "41", "2", "-1"], "ok FAIL FAIL ok - ok"),
        (["63", "7", "8", "-1"], "ok ok ok FAIL FAIL FAIL"),
        (["15", "7", "8", "-4"], "ok ok ok FAIL - -"),
        (["15", "7", "8", "-110"], "ok ok ok FAIL - -"),
    ];
    for (answers, expected) in cases {
        let output = show(answers);
        let marks = output.lines().filter_map(|line| line.strip_prefix("  ")?.split(' ').next());
        assert_eq!(marks.collect::<Vec<_>>().join(" "), expected, "{output}");
    }
    let killed = show(cases[3].0);
    assert!(killed.contains("loopback device: a signal ended the process that tried it\n"), "{killed}");
    let late = show(cases[4].0);
    assert!(late.contains("loopback device: it took too long\n"), "{late}");
}

#[test]
fn json() {
    // SAFETY: the call has no arguments and cannot fail.
    let uid = unsafe { libc::geteuid() };
    let head = |flags: &str| format!("{{\"version\":\"{}\",\"uid\":{uid},{flags},", env!("CARGO_PKG_VERSION"));
    let none = "\"read_only\":false,\"one_by_one\":false,\"subids\":false";
    let steps = [
        r#"{"step":"create","result":"works"}"#,
        r#"{"step":"map","result":"works"}"#,
        r#"{"step":"capable","result":"fails","errno":13,"error":"Permission denied"}"#,
        r#"{"step":"net","result":"works"}"#,
        r#"{"step":"pid","result":"not_tried"}"#,
        r#"{"step":"nested","result":"fails"}"#,
    ];
    let reason = format!(r#"{{"kind":"apparmor","proved":false,"text":"{}"}}"#, APPARMOR[6].1);
    let expected = format!("{}\"works\":false,\"steps\":[{}],\"reasons\":[{reason}]}}\n", head(none), steps.join(","));
    assert_eq!(shown(&APPARMOR, &["--json"]), (Some(1), expected));

    let steps = [r#"{"step":"create","result":"works"}"#, r#"{"step":"map","result":"works"}"#];
    let expected = format!("{}\"works\":true,\"steps\":[{}],\"reasons\":[]}}\n", head(none), steps.join(","));
    assert_eq!(shown(&[("TRIED", "3"), ("WORKED", "3")], &["--json", "--steps=map"]), (Some(0), expected));

    let all = ["--json", "--steps=create", "--read-only", "--one-by-one", "--subids"];
    let flags = none.replace("false", "true");
    let steps = r#"{"step":"create","result":"not_tried"}"#;
    let expected = format!("{}\"works\":null,\"steps\":[{steps}],\"reasons\":[]}}\n", head(&flags));
    assert_eq!(shown(&[], &all), (Some(0), expected));
    let (status, output) = shown(&[("KIND", "3"), ("PROVED", "1"), ("TEXT", "so")], &all);
    assert_eq!(status, Some(1));
    assert!(output.contains(r#""works":false"#), "{output}");
    assert!(output.ends_with("\"reasons\":[{\"kind\":\"limit\",\"proved\":true,\"text\":\"so\"}]}\n"), "{output}");
}

/// Reasons contain names of files, profiles and processes. Their bytes reach neither the terminal nor the JSON unescaped.
#[test]
fn hostile_texts() {
    let text = b"\x1b[31m \"q\" \\ \x7f \x07\t\xff\xc3( \xc3\xa9 \xe2\x80\xae \xf0\x9f\x98\x80 \xed\xa0\x80 \xc0\x80 \xf4\x90\x80\x80 \xe2\x82";
    let answer = |arguments: &[&str], locale: &str| {
        let mut command = fake(&[("KIND", "99"), ("TRIED", "1"), ("FAILED", "1"), ("ERROR", "-1")], arguments);
        command.env("TEXT", OsStr::from_bytes(text)).env("LC_ALL", locale).output().unwrap().stdout
    };
    let json = String::from_utf8(answer(&["--json"], "C.UTF-8")).unwrap();
    let string = concat!(
        r#""text":"\u001b[31m \"q\" \\ \u007f \u0007\u0009\ufffd\ufffd( \u00e9 \u202e \ud83d\ude00 "#,
        r#"\ufffd\ufffd\ufffd \ufffd\ufffd \ufffd\ufffd\ufffd\ufffd \ufffd\ufffd"}]}"#
    );
    assert!(json.is_ascii() && json.contains(r#""kind":"unknown""#) && json.trim_end().ends_with(string), "{json}");
    expect_json("hostile_texts", &json);
    let report = String::from_utf8(answer(&[], "C")).unwrap();
    assert!(report.contains("(unknown): ?[31m \"q\" \\ ? ????( ?? ??? ???? ??? ?? ???? ??.\n"), "{report:?}");
    if !has_utf8() {
        return skip("hostile_texts", "there is no locale C.UTF-8");
    }
    let report = String::from_utf8(answer(&[], "C.UTF-8")).unwrap();
    assert!(report.contains("(unknown): ?[31m \"q\" \\ ? ????( é ? 😀 ??? ?? ?"), "{report:?}");
}

#[test]
fn kinds_have_names() {
    let names = "not built,chroot,limit,depth,unmapped,sysctl,apparmor,selinux,seccomp,helper,proc masked,processes,timeout,lsm,unknown";
    for (number, name) in names.split(',').enumerate() {
        let kind = (number + 1).to_string();
        let answers =
            [("KIND", kind.as_str()), ("PROVED", "1"), ("TEXT", "so it is"), ("FAILED", "1"), ("ERROR", "-1")];
        let output = shown(&answers, &[]).1;
        assert!(output.contains(&format!("\nReason ({name}): so it is.\n")), "{output}");
        let json = shown(&answers, &["--json"]).1;
        assert!(json.contains(&format!("{{\"kind\":\"{}\",", name.replace(' ', "_"))), "{json}");
        assert_eq!(output.contains("decides for each program"), name == "apparmor" || name == "selinux");
    }
    let header = fs::read_to_string(root().join("include/userns.h")).unwrap();
    assert_eq!(header.matches("    USERNS_REASON_").count(), names.split(',').count());
}

/// An error of the probe itself.
#[test]
fn no_answer() {
    for arguments in [&[][..], &["--json"], &["--quiet"]] {
        let (status, output, errors) = result(fake(&[("PROBE", "-11")], arguments).output().unwrap());
        assert_eq!((status, output.as_str()), (Some(1), ""));
        assert!(errors.starts_with("userns_check: ") && errors.lines().count() == 1, "{errors}");
    }
}

/// Signs only where the terminal is expected to show them.
#[test]
fn marks() {
    if !has_utf8() {
        return skip("marks", "there is no locale C.UTF-8");
    }
    let on = |locale: &str, terminal: Option<&str>| {
        let mut command = fake(&APPARMOR, &[]);
        command.env("LC_ALL", locale).env_remove("TERM").envs(terminal.map(|terminal| ("TERM", terminal)));
        let (status, output) = on_terminal(&mut command, 50);
        assert_eq!(status.code(), Some(1));
        output
    };
    let drawn = on("C.UTF-8", Some("xterm"));
    assert!(drawn.contains("\n  ✓ create   create a user namespace\n  ✓ map "), "{drawn}");
    assert!(drawn.contains("\n  ✗ capable  "), "{drawn}");
    // The width is that of the terminal, 50 columns.
    assert!(drawn.contains("\nLikely reason (apparmor): a sentence that is\n    longer than the eighty "), "{drawn}");
    for plain in [on("C", Some("xterm")), on("C.UTF-8", Some("dumb")), on("C.UTF-8", Some("")), on("C.UTF-8", None)] {
        assert!(plain.is_ascii() && plain.contains("\n  FAIL capable  "), "{plain}");
    }
    let output = fake(&APPARMOR, &[]).env("LC_ALL", "C.UTF-8").output().unwrap();
    assert!(output.stdout.is_ascii());
}

#[test]
fn width() {
    for (columns, expected) in [("20", 25), ("60", 60), ("200", 200), ("", 80), ("x", 80)] {
        let output = fake(&APPARMOR, &[]).env("COLUMNS", columns).output().unwrap();
        let output = String::from_utf8(output.stdout).unwrap();
        let (_, from) = output.split_once("Likely").unwrap();
        let paragraph = format!("Likely{}", from.split_once("\n\n").unwrap().0);
        assert!(paragraph.lines().all(|line| line.len() <= expected), "{columns}: {paragraph}");
        let words: Vec<&str> = paragraph.split_whitespace().collect();
        assert_eq!(words.join(" "), format!("Likely reason (apparmor): {}.", APPARMOR[6].1));
    }
}
