//! The lines of a file of procfs.

use crate::sys::Errno;
use crate::sys::file::{self, Fd};
use std::mem;

/// As long and longer lines are left out. The longest that matters has the path of a cgroup, of less than 4096 bytes. A fuzzer
/// tries only short inputs.
pub const LONGEST: usize = if cfg!(fuzzing) { 256 } else { 8192 };

/// Passes each line to `take`, without its newline and as soon as it is read, until that returns false. The second argument
/// says whether it is the last one: nothing was read behind it, though there was room (`seq_read_iter()`). What follows the
/// last newline is cut off, and so left out.
pub fn each(file: &Fd, take: &mut dyn FnMut(&[u8], bool) -> bool) -> Result<(), Errno> {
    split(&mut |buffer| file::read(file, buffer), take)
}

fn split(
    read: &mut dyn FnMut(&mut [u8]) -> Result<usize, Errno>,
    take: &mut dyn FnMut(&[u8], bool) -> bool,
) -> Result<(), Errno> {
    let mut buffer = [0; LONGEST];
    let (mut kept, mut is_too_long) = (0, false);
    loop {
        if kept == LONGEST {
            (kept, is_too_long) = (0, true);
        }
        let filled = kept + read(&mut buffer[kept..])?;
        if filled == kept {
            return Ok(());
        }
        let mut start = 0;
        while let Some(length) = buffer[start..filled].iter().position(|&byte| byte == b'\n') {
            let line = &buffer[start..start + length];
            start += length + 1;
            if !mem::take(&mut is_too_long) && !take(line, start == filled && filled < LONGEST) {
                return Ok(());
            }
        }
        buffer.copy_within(start..filled, 0);
        kept = filled - start;
    }
}

/// The lines of a text that is read in pieces of these lengths, and then as a whole.
#[cfg(any(test, fuzzing))]
pub fn each_of(text: &[u8], mut pieces: impl Iterator<Item = usize>, take: &mut dyn FnMut(&[u8], bool) -> bool) {
    let mut rest = text;
    let read = &mut |buffer: &mut [u8]| {
        let length = pieces.next().unwrap_or(usize::MAX).min(rest.len()).min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        rest = &rest[length..];
        Ok(length)
    };
    split(read, take).unwrap();
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// All lines of a text that is read in pieces.
    fn lines(text: &[u8], pieces: impl Iterator<Item = usize>) -> Vec<Vec<u8>> {
        let mut lines = Vec::new();
        each_of(text, pieces, &mut |line, _| {
            lines.push(line.to_vec());
            true
        });
        lines
    }

    #[test]
    fn a_line_that_is_too_long_is_left_out() {
        let long = |length| [vec![b'x'; length], b"\nnext\n".to_vec()].concat();
        assert_eq!(lines(&long(LONGEST), std::iter::empty()), [b"next"]);
        assert_eq!(lines(&long(3 * LONGEST + 7), std::iter::empty()), [b"next"]);
        assert_eq!(lines(&long(LONGEST - 1), std::iter::empty())[0].len(), LONGEST - 1);
        assert!(lines(&vec![b'x'; LONGEST], std::iter::empty()).is_empty());
    }

    #[test]
    fn reading_ends_when_enough_is_known() {
        let mut reads = 0;
        let read = &mut |buffer: &mut [u8]| {
            reads += 1;
            buffer[..6].copy_from_slice(b"a\nb\nc\n");
            Ok(6)
        };
        let mut seen = Vec::new();
        split(read, &mut |line, is_last| {
            seen.push((line.to_vec(), is_last));
            line != b"c"
        })
        .unwrap();
        assert_eq!((reads, seen.len(), seen[0].1, seen[2].1), (1, 3, false, true));
        assert_eq!(split(&mut |_| Err(Errno(5)), &mut |_, _| true), Err(Errno(5)));
    }

    /// The file can go on where the buffer ends.
    #[test]
    fn a_line_at_the_end_of_a_full_buffer_is_not_the_last_one() {
        let text = [vec![b'x'; LONGEST - 3], b"\na\nb\n".to_vec()].concat();
        let mut last = Vec::new();
        each_of(&text, std::iter::empty(), &mut |line, is_last| {
            last.extend(is_last.then(|| line.to_vec()));
            true
        });
        assert_eq!(last, [b"b"]);
    }

    proptest! {
        #[test]
        fn lines_do_not_depend_on_the_pieces(
            text in prop::collection::vec(prop_oneof![Just(b'\n'), any::<u8>()], 0..200),
            pieces in prop::collection::vec(1..9_usize, 0..60),
        ) {
            let mut expected: Vec<_> = text.split(|&byte| byte == b'\n').map(<[u8]>::to_vec).collect();
            expected.pop();
            prop_assert_eq!(lines(&text, pieces.into_iter()), expected);
        }
    }
}
