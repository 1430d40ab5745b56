//! Width, colours and lines, which depend on the terminal and the locale.

use crate::{FAMILY, MANY, common, has_utf8, inspect, lines, result, script, shown, skip, waiting, widest};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::Command;

/// The lines of the tree depend on the locale.
#[test]
fn drawn_lines() {
    let Some((parent, _)) = script("drawn_lines", &["-Ur"], FAMILY, OsStr::new("")) else { return };
    let pid = parent.pid();
    let beginnings = |locale: &str, columns: &str| -> Vec<String> {
        let (status, output, errors) =
            result(inspect(&["--pid", &pid]).env("LC_ALL", locale).env("COLUMNS", columns).output().unwrap());
        assert_eq!(status, Some(0), "{errors}");
        let until_text = |line: &str| line.chars().take_while(|c| !c.is_ascii_alphanumeric() && *c != '[').collect();
        lines(&output).into_iter().map(until_text).collect()
    };
    assert_eq!(beginnings("C", "300"), ["", "|  ", "|  ", "|- ", "|     ", "|     ", "`- ", "      ", "      ", ""]);
    if !has_utf8() {
        return skip("drawn_lines", "there is no locale C.UTF-8");
    }
    assert_eq!(
        beginnings("C.UTF-8", "300"),
        ["", "│  ", "│  ", "├─ ", "│     ", "│     ", "└─ ", "      ", "      ", ""]
    );
    // A heading that does not fit goes on beside its branch, and beside the line to its children.
    let narrow = beginnings("C.UTF-8", "30");
    let headings: Vec<&str> = narrow.iter().map(|beginning| &**beginning).filter(|text| text.len() < 18).collect();
    assert_eq!(narrow.iter().filter(|beginning| beginning.contains(['├', '└'])).count(), 2, "{headings:?}");
    assert!(narrow[1] == "│  " && narrow[2] == "│  ", "{narrow:?}");
}

/// COLUMNS is the width if standard output is not a terminal.
#[test]
fn width() {
    let Some((parent, _)) = script("width", &["-Ur", "-n"], MANY, OsStr::new("")) else { return };
    // Among consecutive widths, some line uses the last column.
    let mut widths: Vec<(String, usize)> = (60..=68).map(|limit| (limit.to_string(), limit)).collect();
    widths.extend([("40".into(), 40), ("120".into(), 120)]);
    widths.extend(["", "x", "-5", "0"].map(|columns| (columns.into(), 80)));
    for (columns, limit) in widths {
        for arguments in [&["--all", "--pid", &parent.pid()][..], &["--all", "--pinned", "--pid", &parent.pid()]] {
            let (status, output, _) = result(inspect(arguments).env("COLUMNS", &columns).output().unwrap());
            assert_eq!(status, Some(0));
            let members: Vec<&str> = output.lines().skip_while(|line| !line.contains("members")).collect();
            let one_item = |line: &&str| line.trim_start().starts_with("owns     net ");
            let narrow: Vec<&str> = lines(&output).into_iter().filter(|line| !one_item(line)).collect();
            assert!(widest(&narrow.join("\n")) <= limit, "{columns}: {output}");
            assert!(members[0].starts_with("   members  61: cat "), "{output}");
            // The first item of the next line did not fit.
            let next = members[1].split_whitespace().next().unwrap();
            assert!(members[0].len() + 1 + next.len() > limit, "{output}");
            assert!(members[1].starts_with("              ") && members.len() > 3, "{output}");
        }
    }
    let one_line = result(inspect(&["--all", "--pid", &parent.pid()]).env("COLUMNS", "9999").output().unwrap()).1;
    assert_eq!(lines(&one_line).len(), 5, "{one_line}");
    // Items longer than the width are not cut off.
    let narrowest = result(inspect(&["--all", "--pid", &parent.pid()]).env("COLUMNS", "1").output().unwrap()).1;
    assert!(narrowest.lines().count() > 61 && widest(&narrowest) < 50, "{narrowest}");
}

/// The output of a program on a terminal of 50 columns.
fn on_terminal(command: &mut Command) -> String {
    let (status, output) = common::on_terminal(command, 50);
    assert!(status.success());
    output
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
        assert!(coloured.contains(&format!("1: cat {}\n", child.pid())), "{coloured:?}");
    }
    let plain = on_terminal(inspect(&["--pid", "self", "--pinned"]).env("NO_COLOR", "1"));
    assert!(plain.starts_with(&own) && !plain.contains('\x1b'), "{plain:?}");
    for terminal in ["dumb", ""] {
        let plain = on_terminal(inspect(&arguments).env("TERM", terminal));
        assert!(plain.starts_with(&child.inode("user")) && !plain.contains('\x1b'), "{plain:?}");
    }
    let plain = on_terminal(inspect(&arguments).env_remove("TERM"));
    assert!(plain.starts_with(&child.inode("user")) && !plain.contains('\x1b'), "{plain:?}");
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
