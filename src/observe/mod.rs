//! What the kernel shows, one file per source. A source knows nothing of trees: it yields plain observations.

mod bpf;
mod holder;
mod mount;
mod namespace;
mod other;
mod own;
mod procfs;
mod sight;

pub use bpf::walk as walk_by_bpf;
pub use holder::{Depth, Holders, Missed, Search};
pub use namespace::Namespaces;
pub use other::Kind;
pub use own::own_namespace;
pub use procfs::{Processes, Procfs};
pub use sight::{Gaps, is_caller_in_initial_pid_namespace, overflow_uid, shows_kthreadd};

use crate::error::Error;
use std::collections::TryReserveError;
use std::ffi::CStr;
use std::fmt;
use std::io::Write;

/// `PROC_USER_INIT_INO` of the kernel: the inode number of the initial user namespace.
const INITIAL_USER_NAMESPACE: u64 = 4026531837;

/// A user namespace, as far as the kernel told about it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespace {
    pub device: u64,
    pub inode: u64,
    /// 0 where the kernel gives none.
    pub id: u64,
    pub owner: Option<u32>,
    /// Where in the same list its parent is; `None` if it has none or the kernel did not show it.
    pub parent: Option<u32>,
}

impl Namespace {
    /// Whether this is the initial user namespace, the one that has no parent; see user_namespaces(7).
    pub fn is_initial(&self) -> bool {
        self.inode == INITIAL_USER_NAMESPACE
    }
}

/// A process, and where in the list of namespaces the one is that it lives in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Member {
    pub pid: i32,
    pub namespace: u32,
    /// Where its name begins in [`Observations::text`]; 0 if it was not read.
    pub name: u32,
}

/// A namespace of another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Other {
    pub kind: Kind,
    pub inode: u64,
    /// 0 where the kernel gives none.
    pub id: u64,
    /// Where in the list of user namespaces its owner is; `None` where the kernel did not show it.
    pub owner: Option<u32>,
    /// Where in the same list its parent is, if namespaces of its type nest and the kernel showed it.
    pub parent: Option<u32>,
}

/// Where a namespace is, in the one list or the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    User(u32),
    Other(u32),
}

/// What keeps a namespace alive.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holder {
    /// A thread is in it.
    Process { pid: i32, tid: i32 },
    /// A thread is elsewhere, but its children would be in it.
    Parent { pid: i32, tid: i32 },
    /// A descriptor in the table of a thread.
    Descriptor { pid: i32, tid: i32, number: i32 },
    /// A mount on a path, which begins here in [`Observations::text`], as a process sees it.
    Mount { pid: i32, path: u32 },
    /// A socket in the table of a thread.
    Socket { pid: i32, tid: i32, number: i32 },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hold {
    pub target: Target,
    pub holder: Holder,
}

/// A path of numbers and short names below a directory, without an allocation.
struct ShortPath([u8; ShortPath::SIZE]);

impl ShortPath {
    const SIZE: usize = 32;

    fn new(path: fmt::Arguments<'_>) -> ShortPath {
        let mut bytes = [0; ShortPath::SIZE];
        // Cannot fail: a number has ten digits at most, and the longest name is `thread-self/fd/`.
        let _ = (&mut bytes[..ShortPath::SIZE - 1]).write_fmt(path);
        ShortPath(bytes)
    }

    fn as_c_str(&self) -> &CStr {
        CStr::from_bytes_until_nul(&self.0).unwrap_or_default()
    }
}

/// A decimal number without a sign.
fn parse_number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// Where a scan read which processes there are, and the user namespace of each.
///
/// ```
/// match userns::Options::new().bpf().scan()?.source() {
///     userns::Source::Procfs => println!("read from procfs"),
///     source => println!("many times as quick: {source:?}"),
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Source {
    /// The links of `/proc/PID/ns/user`, one after the other.
    #[default]
    Procfs,
    /// A BPF program that visited all processes (Linux 6.7).
    BpfProcesses,
    /// A BPF program that visited all threads (Linux 5.8).
    BpfTasks,
}

/// All that one scan saw.
#[derive(Debug, Default)]
pub struct Observations {
    pub namespaces: Vec<Namespace>,
    pub members: Vec<Member>,
    /// Where in `namespaces` the caller's own is.
    pub own: Option<u32>,
    pub gaps: Gaps,
    /// Processes that were seen but could not be read.
    pub unreadable: usize,
    pub others: Vec<Other>,
    pub holds: Vec<Hold>,
    /// Paths and names, each ended by a NUL byte, after an empty one.
    pub text: Vec<u8>,
    /// The names of the members were read.
    pub named: bool,
    pub missed: Missed,
    pub source: Source,
    /// Why it is not the source that was asked for.
    pub source_error: Option<Error>,
}

/// Adds a string without its NUL byte to [`Observations::text`]; says where it begins, which is never 0.
fn add_text(text: &mut Vec<u8>, string: &[u8]) -> Result<u32, TryReserveError> {
    text.try_reserve(string.len() + 2)?;
    if text.is_empty() {
        text.push(0);
    }
    let at = text.len() as u32;
    text.extend_from_slice(string);
    text.push(0);
    Ok(at)
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

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(parse_number(b"4026531837"), Some(4026531837));
        for text in [&b""[..], b"+1", b"-1", b" 1", b"1a", b"self", b"\xff", b"99999999999999999999"] {
            assert_eq!(parse_number(text), None, "{text:?}");
        }
    }
}
