//! Short paths below /proc.

use std::ffi::CStr;
use std::fmt;
use std::io::Write;

/// A path of numbers and short names, without an allocation.
pub struct ShortPath([u8; ShortPath::SIZE]);

impl ShortPath {
    /// With the final NUL byte.
    pub const SIZE: usize = 32;

    /// The longest path used is `thread-self/fd/` with a number of ten digits; a longer one would be cut off.
    pub fn new(path: fmt::Arguments<'_>) -> ShortPath {
        let mut bytes = [0; ShortPath::SIZE];
        let _ = (&mut bytes[..ShortPath::SIZE - 1]).write_fmt(path);
        ShortPath(bytes)
    }

    pub fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shortest_and_the_longest_path() {
        assert_eq!(ShortPath::new(format_args!("{}", 1)).as_c_str(), c"1");
        assert_eq!(ShortPath::new(format_args!("{}/ns/user", i32::MAX)).as_c_str(), c"2147483647/ns/user");
        assert_eq!(
            ShortPath::new(format_args!("thread-self/fd/{}", i32::MAX)).as_c_str(),
            c"thread-self/fd/2147483647"
        );
    }
}
