//! What the kernel shows, one file per source. A source knows nothing of trees: it yields plain observations.

mod namespace;
mod own;
mod procfs;
mod sight;

pub use namespace::Namespaces;
pub use own::own_namespace;
pub use procfs::{Processes, Procfs};
pub use sight::{Gaps, overflow_uid};

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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Member {
    pub pid: i32,
    pub namespace: u32,
}

/// A decimal number without a sign.
fn parse_number(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
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
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_digits_and_nothing_else() {
        assert_eq!(parse_number(b"4026531837"), Some(4026531837));
        for text in [&b""[..], b"+1", b"-1", b" 1", b"1a", b"self", b"\xff", b"99999999999999999999"] {
            assert_eq!(parse_number(text), None, "{text:?}");
        }
    }
}
