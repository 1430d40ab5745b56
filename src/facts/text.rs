//! A string arena.

use std::collections::TryReserveError;
use std::ffi::CStr;

/// Strings in one allocation, each ended by a NUL byte.
#[derive(Debug, Default)]
pub struct Text(Vec<u8>);

/// A string in a [`Text`]. The default is the empty string.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct TextRef(u32);

impl Text {
    /// Adds a string, up to its first NUL byte if it contains one.
    pub fn add(&mut self, string: &[u8]) -> Result<TextRef, TryReserveError> {
        let start = self.start(string.len())?;
        self.0.extend_from_slice(string);
        self.0.push(0);
        Ok(start)
    }

    /// Adds a string that has the escapes of proc_pid_mountinfo(5), such as `\040`, without these.
    pub fn add_unescaped(&mut self, escaped: &[u8]) -> Result<TextRef, TryReserveError> {
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

    /// The string.
    pub fn get(&self, string: TextRef) -> &CStr {
        CStr::from_bytes_until_nul(self.0.get(string.0 as usize..).unwrap_or_default()).unwrap_or_default()
    }

    /// Reserves memory for a string of this length, and for the empty string at 0.
    fn start(&mut self, length: usize) -> Result<TextRef, TryReserveError> {
        self.0.try_reserve(length + 2)?;
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
    fn escapes_are_resolved() {
        let mut text = Text::default();
        let first = text.add_unescaped(b"/a\\040b\\134\\011\\012").unwrap();
        let second = text.add_unescaped(b"/\\x\\9\\04\xff").unwrap();
        assert_eq!(text.get(first), c"/a b\\\t\n");
        assert_eq!(text.get(second), c"/\\x\\9\\04\xff");
    }
}
