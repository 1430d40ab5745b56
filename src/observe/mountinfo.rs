//! Parses mountinfo: proc_pid_mountinfo(5).

use crate::sys::Errno;
use crate::sys::file::{self, Fd};
use crate::util::parse;
use std::ops::Range;

/// A line such as `63 43 0:4 user:[4026532177] /run/a\040b rw shared:7 - nsfs nsfs rw`. Fields keep their escapes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mount<'t> {
    /// The id, as statx(2) returns it.
    pub id: u64,
    /// The id of the mount that it is on.
    pub parent: u64,
    /// Major and minor number of the device.
    pub device: (u32, u32),
    /// The root of the mount in its file system.
    pub root: &'t [u8],
    /// The mount point, from the root directory of the process.
    pub path: &'t [u8],
    /// Empty if the line is cut off, as the fields that follow.
    pub file_system: &'t [u8],
    /// The options of the file system, separated by commas.
    pub super_options: &'t [u8],
}

/// The mounts that a mountinfo shows.
pub fn mounts(mountinfo: &[u8]) -> impl Iterator<Item = Mount<'_>> {
    mountinfo.split(|&byte| byte == b'\n').filter_map(parse_line)
}

/// A mountinfo that is read piece by piece.
pub struct Reader<'r> {
    file: &'r Fd,
    buffer: &'r mut Vec<u8>,
    /// What was read and not yet parsed.
    start: usize,
    end: usize,
}

impl<'r> Reader<'r> {
    /// As long a line is an error. Paths of some 4,000 bytes (PATH_MAX) and the options of hundreds of layers fit. A fuzzer
    /// tries only short inputs.
    pub const MOST_BYTES: usize = if cfg!(fuzzing) { 256 } else { 128 * 1024 };

    /// The buffer can be reused.
    pub fn new(file: &'r Fd, buffer: &'r mut Vec<u8>) -> Result<Reader<'r>, Errno> {
        buffer.try_reserve_exact(Self::MOST_BYTES.saturating_sub(buffer.len()))?;
        buffer.resize(Self::MOST_BYTES, 0);
        Ok(Reader { file, buffer, start: 0, end: 0 })
    }

    /// The next mount, and the length of its line. EOVERFLOW: the line is too long.
    pub fn next_mount(&mut self) -> Result<Option<(Mount<'_>, usize)>, Errno> {
        loop {
            let Some(line) = self.next_line()? else { return Ok(None) };
            // The borrow checker does not accept that only one of the two results borrows.
            if parse_line(&self.buffer[line.clone()]).is_some() {
                return Ok(parse_line(&self.buffer[line.clone()]).map(|mount| (mount, line.len())));
            }
        }
    }

    /// The range of the next line; `None` at the end of the file.
    fn next_line(&mut self) -> Result<Option<Range<usize>>, Errno> {
        loop {
            let unparsed = &self.buffer[self.start..self.end];
            if let Some(length) = unparsed.iter().position(|&byte| byte == b'\n') {
                let line = self.start..self.start + length;
                self.start = line.end + 1;
                return Ok(Some(line));
            }
            self.buffer.copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
            if self.end == self.buffer.len() {
                return Err(Errno(libc::EOVERFLOW));
            }
            match file::read(self.file, &mut self.buffer[self.end..])? {
                0 => return Ok(None),
                length => self.end += length,
            }
        }
    }
}

/// The value of `name=value` among options that commas separate.
pub fn option<'t>(options: &'t [u8], name: &[u8]) -> Option<&'t [u8]> {
    options.split(|&byte| byte == b',').find_map(|option| option.strip_prefix(name)?.strip_prefix(b"="))
}

fn parse_line(line: &[u8]) -> Option<Mount<'_>> {
    let mut fields = line.split(|&byte| byte == b' ');
    let id = parse::number(fields.next()?)?;
    let parent = parse::number(fields.next()?)?;
    let mut numbers = fields.next()?.splitn(2, |&byte| byte == b':').map(parse::number);
    let mut number = || u32::try_from(numbers.next()??).ok();
    let device = (number()?, number()?);
    let (root, path) = (fields.next()?, fields.next()?);
    // Mount options and a variable number of optional fields, up to a separator.
    fields.find(|&field| field == b"-");
    let file_system = fields.next().unwrap_or_default();
    let super_options = fields.nth(1).unwrap_or_default();
    Some(Mount { id, parent, device, root, path, file_system, super_options })
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &[u8] = b"\
22 27 0:21 / /proc rw,relatime shared:13 master:1 - proc proc rw,gid=7,hidepid=invisible\n\
30 27 0:210 / /a\\040-\\040b rw - tmpfs tmp\xff rw,hidepid=2\n\
31 27 0:4 net:[4026532177] /n rw - nsfs nsfs rw\n";

    #[test]
    fn fields_are_found_behind_optional_ones() {
        let all: Vec<Mount> = mounts(MOUNTINFO).collect();
        let expected = Mount {
            id: 22,
            parent: 27,
            device: (0, 21),
            root: b"/",
            path: b"/proc",
            file_system: b"proc",
            super_options: b"rw,gid=7,hidepid=invisible",
        };
        assert_eq!(all[0], expected);
        assert_eq!((all[1].path, all[1].super_options), (&b"/a\\040-\\040b"[..], &b"rw,hidepid=2"[..]));
        assert_eq!((all[2].root, all[2].file_system), (&b"net:[4026532177]"[..], &b"nsfs"[..]));
        assert_eq!(all.len(), 3);
    }

    #[test]
    fn a_cut_off_line_has_no_file_system() {
        for line in [&b"63 43 0:4 net:[1] /path rw"[..], b"63 43 0:4 net:[1] /path rw -"] {
            assert_eq!(parse_line(line).unwrap().file_system, b"");
        }
        for line in
            [&b""[..], b"63 43", b"63 43 0:4 /", b"63 43 x:4 / / rw", b"63 43 0: / / rw", b"63 43 0:99999999999 / /"]
        {
            assert_eq!(parse_line(line), None);
        }
    }

    #[test]
    fn value_of_an_option() {
        assert_eq!(option(b"rw,gid=7,hidepid=invisible", b"hidepid"), Some(&b"invisible"[..]));
        assert_eq!(option(b"rw,gid=7", b"gid"), Some(&b"7"[..]));
        assert_eq!(option(b"rw,xgid=7,gid", b"gid"), None);
    }
}
