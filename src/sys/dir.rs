//! Reading directories: getdents64(2).

use super::file::Fd;
use super::{Errno, check};
use std::ffi::c_long;

/// Holds about 2,700 processes.
const BUFFER_SIZE: usize = 64 * 1024;

/// The offsets of `d_reclen` and `d_name` in `struct linux_dirent64`.
const RECORD_LENGTH: usize = 16;
const RECORD_NAME: usize = 19;

/// The names in a directory, in the kernel's order.
pub struct Directory<'d> {
    fd: &'d Fd,
    buffer: &'d mut Vec<u8>,
    filled: usize,
    next: usize,
}

impl<'d> Directory<'d> {
    /// Reads from the current offset of `fd`. The buffer can be reused.
    pub fn new(fd: &'d Fd, buffer: &'d mut Vec<u8>) -> Result<Directory<'d>, Errno> {
        if buffer.len() < BUFFER_SIZE {
            buffer.try_reserve_exact(BUFFER_SIZE - buffer.len())?;
            buffer.resize(BUFFER_SIZE, 0);
        }
        Ok(Directory { fd, buffer, filled: 0, next: 0 })
    }

    /// The next name, `.` and `..` included; `None` at the end.
    pub fn next_name(&mut self) -> Result<Option<&[u8]>, Errno> {
        if self.next == self.filled {
            self.next = 0;
            self.filled = self.fill()?;
            if self.filled == 0 {
                return Ok(None);
            }
        }
        let record = &self.buffer[self.next..self.filled];
        let length = usize::from(u16::from_ne_bytes([record[RECORD_LENGTH], record[RECORD_LENGTH + 1]]));
        self.next += length;
        let name = &record[RECORD_NAME..length];
        let end = name.iter().position(|&byte| byte == 0).unwrap_or(name.len());
        Ok(Some(&name[..end]))
    }

    fn fill(&mut self) -> Result<usize, Errno> {
        let fd = c_long::from(self.fd.raw());
        // SAFETY: the kernel writes at most `len` bytes into the buffer.
        check(unsafe { libc::syscall(libc::SYS_getdents64, fd, self.buffer.as_mut_ptr(), self.buffer.len()) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;
    use std::ffi::CString;
    use std::os::unix::ffi::OsStrExt;

    #[test]
    fn names_of_a_directory_larger_than_the_buffer() {
        let path = std::env::temp_dir().join(format!("userns-dir-{}", std::process::id()));
        std::fs::create_dir(&path).unwrap();
        let mut expected: Vec<String> = (0..3000).map(|number| format!("{number:040}")).collect();
        for name in &expected {
            std::fs::write(path.join(name), "").unwrap();
        }
        let fd = file::open(&CString::new(path.as_os_str().as_bytes()).unwrap(), libc::O_RDONLY | libc::O_DIRECTORY)
            .unwrap();
        let mut buffer = Vec::new();
        let mut directory = Directory::new(&fd, &mut buffer).unwrap();
        let mut names = Vec::new();
        while let Some(name) = directory.next_name().unwrap() {
            names.push(String::from_utf8(name.to_vec()).unwrap());
        }
        std::fs::remove_dir_all(&path).unwrap();
        expected.extend([".".to_string(), "..".to_string()]);
        expected.sort();
        names.sort();
        assert_eq!(names, expected);
    }
}
