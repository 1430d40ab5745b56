//! A string arena.

use crate::util::arrays::index;
use crate::util::hash::{IntHasher, IntMap};
use std::collections::TryReserveError;
use std::ffi::CStr;
use std::hash::Hasher;

/// Strings in one allocation, each ended by a NUL byte.
#[derive(Debug, Default)]
pub struct Text(Vec<u8>);

/// A string in a [`Text`]. The default is the empty string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextRef(u32);

/// Strings in a [`Text`], by their hash. Who writes a file or mounts something can choose them, so the hash begins with a
/// number that others do not know: many strings with the same place in the table would make it slow.
#[derive(Debug)]
pub struct Known {
    seed: u64,
    starts: IntMap<u64, u32>,
}

impl Default for Known {
    /// The kernel chooses addresses at random: `randomize_va_space` in proc_sys_kernel(5). This takes no system call.
    fn default() -> Known {
        static PLACED: u8 = 0;
        let on_stack = 0u8;
        let (placed, on_stack) = ((&raw const PLACED).addr() as u64, (&raw const on_stack).addr() as u64);
        Known { seed: placed.rotate_left(32) ^ on_stack, starts: IntMap::default() }
    }
}

impl Text {
    /// Adds a string, up to its first NUL byte if it contains one.
    pub fn add(&mut self, string: &[u8]) -> Result<TextRef, TryReserveError> {
        let start = self.start(string.len())?;
        self.0.extend_from_slice(string);
        self.0.push(0);
        Ok(start)
    }

    /// Adds a string, unless it is known.
    pub fn add_once(&mut self, string: &[u8], known: &mut Known) -> Result<TextRef, TryReserveError> {
        let added = self.add(string)?;
        self.keep_once(added, known)
    }

    /// Adds a string that has the escapes of proc_pid_mountinfo(5), such as `\040`, without these, unless it is known.
    pub fn add_unescaped_once(&mut self, escaped: &[u8], known: &mut Known) -> Result<TextRef, TryReserveError> {
        let added = self.add_unescaped(escaped)?;
        self.keep_once(added, known)
    }

    /// Removes the string that was added last if it is known.
    fn keep_once(&mut self, added: TextRef, known: &mut Known) -> Result<TextRef, TryReserveError> {
        let mut hasher = IntHasher::default();
        hasher.write_u64(known.seed);
        hasher.write(self.get(added).to_bytes());
        known.starts.try_reserve(1)?;
        let first = TextRef(*known.starts.entry(hasher.finish()).or_insert(added.0));
        // Of two strings with the same hash only the first is known.
        if first != added && self.get(first) == self.get(added) {
            self.0.truncate(added.0 as usize);
            return Ok(first);
        }
        Ok(added)
    }

    fn add_unescaped(&mut self, escaped: &[u8]) -> Result<TextRef, TryReserveError> {
        let start = self.start(escaped.len())?;
        let mut rest = escaped;
        while let Some((&first, tail)) = rest.split_first() {
            let (byte, tail) = match (first, tail) {
                (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                    ((a - b'0') << 6 | (b - b'0') << 3 | (c - b'0'), tail)
                }
                _ => (first, tail),
            };
            self.0.push(byte);
            rest = tail;
        }
        self.0.push(0);
        Ok(start)
    }

    /// The size of all strings, with their NUL bytes.
    pub fn size(&self) -> usize {
        self.0.len()
    }

    /// The string.
    pub fn get(&self, string: TextRef) -> &CStr {
        CStr::from_bytes_until_nul(self.0.get(string.0 as usize..).unwrap_or_default()).unwrap_or_default()
    }

    /// Reserves memory for a string of this length, and for the empty string at 0.
    fn start(&mut self, length: usize) -> Result<TextRef, TryReserveError> {
        let needed = length.saturating_add(2);
        index(self.0.len().saturating_add(needed))?;
        self.0.try_reserve(needed)?;
        if self.0.is_empty() {
            self.0.push(0);
        }
        Ok(TextRef(self.0.len() as u32))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_come_back() {
        let mut text = Text::default();
        assert_eq!(text.get(TextRef::default()), c"");
        let [first, second] = [b"one".as_slice(), b""].map(|string| text.add(string).unwrap());
        assert_eq!((text.get(first), text.get(second), text.get(TextRef::default())), (c"one", c"", c""));
    }

    #[test]
    fn a_known_string_is_stored_once() {
        let (mut text, mut known) = (Text::default(), Known::default());
        let first = text.add_once(b"/a b", &mut known).unwrap();
        let size = text.size();
        assert_eq!(text.add_unescaped_once(b"/a\\040b", &mut known), Ok(first));
        assert_eq!(text.size(), size);
        assert_ne!(text.add_once(b"/a", &mut known), Ok(first));
        assert_eq!((text.get(first), text.size()), (c"/a b", size + 3));
    }

    #[test]
    fn there_is_an_end_to_offsets() {
        let mut text = Text::default();
        assert!(text.start(u32::MAX as usize).is_err());
        assert!(text.start(usize::MAX).is_err());
    }

    #[test]
    fn escapes_are_resolved() {
        let mut text = Text::default();
        let first = text.add_unescaped(b"/a\\040b\\134\\011\\012").unwrap();
        let second = text.add_unescaped(b"/\\x\\9\\04\xff").unwrap();
        assert_eq!(text.get(first), c"/a b\\\t\n");
        assert_eq!(text.get(second), c"/\\x\\9\\04\xff");
    }
}
