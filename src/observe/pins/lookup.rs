//! Looks paths up without waiting for a file server: openat2(2) with RESOLVE_CACHED.
//!
//! The kernel answers EAGAIN in two cases that it does not tell apart. Either a component of the path is not in memory, or
//! its file system has to be asked whether it still is; that stays so. Or something was mounted, unmounted or renamed while
//! the lookup ran, anywhere on the host; then the next lookup can succeed.
//!
//! What leads to a mount point is always in memory: a mount keeps its mount point, and that all directories above it. So on
//! file systems of this host only the second case occurs, and a lookup is repeated until it succeeds. The first case is
//! recognized by another lookup, of a directory that is always in memory: a failure between two successes of that one is
//! most likely not caused by a mount. After many such failures the path counts as not in memory.

use crate::sys::clock::Start;
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, process};
use std::ffi::CStr;

/// So many components are looked up at once. A lookup of a few microseconds is seldom disturbed.
const MOST_COMPONENTS: usize = 32;
/// How long a lookup is repeated.
#[derive(Clone, Copy)]
pub enum Effort {
    /// For a path that is looked up again later.
    Quick,
    Thorough,
}

impl Effort {
    /// So many failures between two successes of the other lookup mean that a path is not in memory. If a mount caused one
    /// in two of these failures, a thorough lookup would give up wrongly once in 10^9 times.
    fn most_failures(self) -> u32 {
        match self {
            Effort::Quick => 3,
            Effort::Thorough => 30,
        }
    }

    /// So often it is repeated at most, whatever disturbs it.
    fn most_rounds(self) -> u32 {
        match self {
            Effort::Quick => 50,
            Effort::Thorough => u32::MAX,
        }
    }
}

/// All lookups of a scan wait so many microseconds together, at most, for mounts elsewhere to end.
const PATIENCE: u64 = 1_000_000;
/// All lookups of a scan take so many microseconds together, at most.
const MOST_TIME: u64 = 2_000_000;

/// Looks up paths, within limits for all of them together.
pub struct Lookup {
    patience: u64,
    time: u64,
    /// The kernel cannot look paths up without the risk to block (before Linux 5.12), so none is looked up.
    is_lacking: bool,
}

impl Default for Lookup {
    fn default() -> Lookup {
        Lookup { patience: PATIENCE, time: MOST_TIME, is_lacking: false }
    }
}

impl Lookup {
    /// With smaller limits, for what matters less.
    pub fn brief() -> Lookup {
        Lookup { patience: PATIENCE / 4, time: MOST_TIME / 4, is_lacking: false }
    }

    /// Opens (O_PATH) what is at `path`, which begins at the directory `root`. `calm` is a directory of a procfs.
    ///
    /// EAGAIN: it is not in memory, or the limits are reached.
    pub fn find(&mut self, effort: Effort, calm: &Fd, root: &Fd, path: &[u8]) -> Result<Fd, Errno> {
        let mut found: Option<Fd> = None;
        let mut piece = [0; libc::PATH_MAX as usize];
        let mut rest = path;
        loop {
            let (first, other) = split(rest);
            let Some(text) = piece.get_mut(..=first.len()) else { return Err(Errno(libc::ENAMETOOLONG)) };
            text[..first.len()].copy_from_slice(first);
            text[first.len()] = 0;
            let text = CStr::from_bytes_with_nul(text).map_err(|_| Errno(libc::EINVAL))?;
            let from = found.as_ref().unwrap_or(root);
            let next = self.repeat(effort, calm, || match text {
                text if text.is_empty() => file::find_in_memory(from, c"."),
                text => file::find_in_memory(from, text),
            })?;
            if other.is_empty() {
                return Ok(next);
            }
            (found, rest) = (Some(next), other);
        }
    }

    /// Opens (O_PATH) the directory above `directory`, as `..` leads there.
    pub fn find_above(&mut self, calm: &Fd, directory: &Fd) -> Result<Fd, Errno> {
        self.repeat(Effort::Thorough, calm, || file::find_above_in_memory(directory))
    }

    /// Whether the kernel can look paths up without the risk to block, as far as is known.
    pub fn is_possible(&self) -> bool {
        !self.is_lacking
    }

    fn repeat(&mut self, effort: Effort, calm: &Fd, look: impl Fn() -> Result<Fd, Errno>) -> Result<Fd, Errno> {
        if self.is_lacking || self.time == 0 {
            return Err(Errno(libc::EAGAIN));
        }
        let start = Start::now();
        let mut found = look();
        let mut failures = 0;
        for _ in 0..effort.most_rounds() {
            let may_repeat = failures < effort.most_failures() && self.patience > 0;
            if !(may_repeat && matches!(found, Err(Errno(libc::EAGAIN)))) {
                break;
            }
            let round = Start::now();
            let before = is_calm(calm);
            found = look();
            if before && is_calm(calm) {
                failures += 1;
            } else {
                process::yield_processor();
                self.patience = self.patience.saturating_sub(round.elapsed_microseconds());
            }
        }
        self.is_lacking = matches!(found, Err(Errno(libc::ENOSYS | libc::EINVAL)));
        self.time = self.time.saturating_sub(start.elapsed_microseconds());
        found
    }
}

/// Whether nothing disturbs a lookup just now. The kernel has what it needs for this one.
fn is_calm(directory: &Fd) -> bool {
    file::find_in_memory(directory, c".").is_ok()
}

/// Splits a path after some components. Neither part begins with a slash.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let start = path.iter().position(|&byte| byte != b'/').unwrap_or(path.len());
    let path = &path[start..];
    let mut slashes = (0..path.len()).filter(|&index| path[index] == b'/');
    match slashes.nth(MOST_COMPONENTS - 1) {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (path, &[]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::file::status;

    #[test]
    fn paths_are_split_after_some_components() {
        assert_eq!(split(b"/a/b"), (&b"a/b"[..], &b""[..]));
        assert_eq!((split(b"/"), split(b"")), ((&b""[..], &b""[..]), (&b""[..], &b""[..])));
        let (long, rest) = (b"/a".repeat(MOST_COMPONENTS), [b"/a".repeat(MOST_COMPONENTS), b"/b/c".to_vec()].concat());
        assert_eq!(split(&long), (&long[1..], &b""[..]));
        assert_eq!(split(&rest), (&long[1..], &b"b/c"[..]));
    }

    #[test]
    #[cfg_attr(miri, ignore = "makes system calls")]
    fn a_path_leads_where_it_does() {
        let open = |path| file::open(path, libc::O_PATH | libc::O_DIRECTORY).unwrap();
        let (root, proc) = (open(c"/"), open(c"/proc"));
        let mut lookup = Lookup::default();
        for (path, expected) in [(&b"/"[..], &root), (b"/proc", &proc)] {
            let found = match lookup.find(Effort::Thorough, &proc, &root, path) {
                Err(_) if !lookup.is_possible() => return,
                found => found.unwrap(),
            };
            assert_eq!(status(&found).unwrap().place(), status(expected).unwrap().place());
        }
        assert_eq!(lookup.find(Effort::Thorough, &proc, &root, b"/proc/no such file").unwrap_err().0, libc::EAGAIN);
        assert!(
            lookup.patience > PATIENCE / 2,
            "a path that is not in memory costs no patience while nothing is mounted"
        );
    }
}
