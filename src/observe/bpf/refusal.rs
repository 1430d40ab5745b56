//! What the verifier says about programs that it refuses.

use super::program::Target;
use super::tables::Function;
use super::{load, load_visitor, processes, tasks};
use crate::error::Error;
use crate::sys::bpf::Trigger;
use crate::sys::file::Fd;
use crate::util::arrays::{push, zeros};

/// The size of the memory for a log. Since Linux 6.4 the kernel keeps the end of a longer log, before only its start.
const MOST_BYTES: usize = 1 << 20;
/// So much of the end of each log is kept: the error is there.
const KEPT: usize = 8 << 10;

/// Loads the programs that find processes again, with a log, and returns the logs of those that are refused as plain text.
pub fn explain(target: Target) -> Result<Vec<u8>, Error> {
    let mut text = Vec::new();
    append(&mut text, "processes", |log| load(&processes::program(target)?, Trigger::Call, log))?;
    append(&mut text, "threads", |log| load_visitor(target, Function::bpf_iter_task, tasks::program, log))?;
    Ok(text)
}

fn append(text: &mut Vec<u8>, name: &str, load: impl FnOnce(&mut [u8]) -> Result<Fd, Error>) -> Result<(), Error> {
    let mut log = zeros(MOST_BYTES)?;
    if load(&mut log).is_ok() {
        return Ok(());
    }
    let length = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
    let end = end_of(&log[..length]);
    if end.is_empty() {
        return Ok(()); // something else refused it
    }
    for &byte in [b"program of ", name.as_bytes(), b":\n", end].into_iter().flatten() {
        push(text, plain(byte))?;
    }
    Ok(())
}

/// The last whole lines.
fn end_of(log: &[u8]) -> &[u8] {
    let Some(cut) = log.len().checked_sub(KEPT) else { return log };
    let rest = &log[cut..];
    let start = rest.iter().position(|&byte| byte == b'\n').map_or(0, |end| end + 1);
    &rest[start..]
}

/// The verifier writes ASCII text.
fn plain(byte: u8) -> u8 {
    if byte == b'\n' || byte == b'\t' || (b' '..=b'~').contains(&byte) { byte } else { b'?' }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(log: &[u8]) -> String {
        let mut text = Vec::new();
        append(&mut text, "x", |buffer| {
            buffer[..log.len()].copy_from_slice(log);
            Err(Error::REFUSED_BPF)
        })
        .unwrap();
        String::from_utf8(text).unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes long")]
    fn the_end_of_a_log_is_kept_as_plain_text() {
        assert_eq!(text_of(b""), "");
        assert_eq!(text_of(b"0: (95)\texit\nR0\x1b\xff !read_ok\n"), "program of x:\n0: (95)\texit\nR0?? !read_ok\n");
        let long: Vec<u8> = (0..4000).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
        let text = text_of(&long);
        assert!(text.len() <= KEPT + 20 && text.ends_with("\nline 3999\n"), "{text}");
        let first = text.lines().nth(1).unwrap();
        assert!(long.windows(first.len() + 2).any(|part| part == format!("\n{first}\n").as_bytes()), "{first}");
        // A line that is longer than what is kept, and a log that fills all memory for it.
        assert_eq!(text_of(&[b'a'; KEPT + 1]).len(), "program of x:\n".len() + KEPT);
        assert_eq!(text_of(&[b'a'; MOST_BYTES]).len(), "program of x:\n".len() + KEPT);
    }

    #[test]
    #[cfg_attr(miri, ignore = "makes system calls")]
    fn an_accepted_program_has_no_log() {
        let mut text = Vec::new();
        let file = crate::sys::file::open(c"/", libc::O_PATH).unwrap();
        append(&mut text, "x", |buffer| {
            buffer[0] = b'a';
            Ok(file)
        })
        .unwrap();
        assert_eq!(text, b"");
    }
}
