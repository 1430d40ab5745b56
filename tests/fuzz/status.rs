//! The status of a process, and other files with a value in a line.

use crate::observe::status::parse;
use crate::util::parse::{field_of_stat, value_of};
use std::iter::{empty, repeat_n};

/// The first byte is the PID, the second one the length of the pieces in which the file is read.
pub fn check(bytes: &[u8]) {
    let &[pid, piece, ref text @ ..] = bytes else { return };
    let pid = pid.into();
    let whole = parse(text, empty(), pid);
    assert_eq!(parse(text, repeat_n(piece.max(1).into(), 64), pid), whole, "in pieces of {piece} bytes");

    let start = &text[..usize::from(piece).min(text.len())];
    if let Some(of_start) = parse(start, empty(), pid) {
        assert_eq!(Some(of_start), whole, "a file that is cut off tells nothing else");
    }

    if let Some((uid, capabilities, pids)) = &whole {
        assert!(pids.len() <= 33 && pids.first().is_none_or(|&first| first == pid));
        let set = format!("{capabilities:016x}");
        assert!(text.windows(16).any(|digits| digits.eq_ignore_ascii_case(set.as_bytes())), "all digits are there");
        let line = pids.iter().fold("NSpid:".to_string(), |line, pid| format!("{line}\t{pid}"));
        let line = if pids.is_empty() { String::new() } else { line };
        let written = format!("Tgid:\t{pid}\nUid:\t9\t{uid}\t9\t9\n{line}\nCapEff:\t{set}\n");
        assert_eq!(parse(written.as_bytes(), empty(), pid), whole, "written and parsed again");
    }

    let value = value_of(text, b"NSpid");
    assert!(value.is_none_or(|value| !value.contains(&b'\n') && value == value.trim_ascii()));
    let field = field_of_stat(text, 3 + usize::from(piece));
    assert!(field.is_none_or(|field| !field.contains(&b' ')));
}
