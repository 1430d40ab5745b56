//! Namespaces: namespaces(7), user_namespaces(7).

use super::Maps;
use crate::util::parse;
use std::ffi::CStr;

/// `PROC_USER_INIT_INO` of the kernel: the inode number of the initial user namespace.
pub const INITIAL_USER_NAMESPACE: u64 = 4026531837;
/// `PROC_PID_INIT_INO` of the kernel: the inode number of the initial PID namespace.
pub const INITIAL_PID_NAMESPACE: u64 = 4026531836;

/// A user namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct UserNamespace {
    pub device: u64,
    pub inode: u64,
    /// 0 if unknown.
    pub id: u64,
    pub owner_uid: Option<u32>,
    /// The index of its parent; `None` for the initial one, or if the parent is not visible.
    pub parent: Option<u32>,
    /// Its id maps; `None` if they are not known.
    pub maps: Option<Maps>,
    /// How many user namespaces the kernel charges to its owner in its parent, as far as BPF told.
    pub charged: Option<u64>,
    /// How many user namespaces each user may have in it, as far as BPF told.
    pub limit: Option<u64>,
}

impl UserNamespace {
    pub fn is_initial(&self) -> bool {
        self.inode == INITIAL_USER_NAMESPACE
    }
}

/// A namespace of another type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonuser {
    pub namespace_type: NamespaceType,
    pub inode: u64,
    /// 0 if unknown.
    pub id: u64,
    /// The index of the user namespace that owns it; `None` if the owner is not visible.
    pub owner: Option<u32>,
    /// The index of its parent, for PID namespaces; `None` if the parent is not visible.
    pub parent: Option<u32>,
}

/// A type of namespace.
///
/// ```
/// use userns::NamespaceType;
///
/// let link = format!("/proc/self/ns/{}", NamespaceType::Uts.name().to_str()?);
/// println!("{}", std::fs::read_link(link)?.display()); // "uts:[4026531838]"
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are those of namespaces(7)")]
#[non_exhaustive]
pub enum NamespaceType {
    Cgroup,
    Ipc,
    Mnt,
    Net,
    Pid,
    Time,
    User,
    Uts,
}

impl NamespaceType {
    pub(crate) const ALL: [NamespaceType; 8] = [
        NamespaceType::Cgroup,
        NamespaceType::Ipc,
        NamespaceType::Mnt,
        NamespaceType::Net,
        NamespaceType::Pid,
        NamespaceType::Time,
        NamespaceType::User,
        NamespaceType::Uts,
    ];

    /// The name of the file in `/proc/PID/ns`, and in the text of that link.
    pub fn name(self) -> &'static CStr {
        match self {
            NamespaceType::Cgroup => c"cgroup",
            NamespaceType::Ipc => c"ipc",
            NamespaceType::Mnt => c"mnt",
            NamespaceType::Net => c"net",
            NamespaceType::Pid => c"pid",
            NamespaceType::Time => c"time",
            NamespaceType::User => c"user",
            NamespaceType::Uts => c"uts",
        }
    }

    pub(crate) fn of_clone_flag(flag: i32) -> Option<NamespaceType> {
        NamespaceType::ALL.into_iter().find(|known| known.clone_flag() == flag)
    }

    /// The flag of clone(2) and setns(2).
    pub fn clone_flag(self) -> i32 {
        match self {
            NamespaceType::Cgroup => 0x0200_0000,
            NamespaceType::Ipc => 0x0800_0000,
            NamespaceType::Mnt => 0x0002_0000,
            NamespaceType::Net => 0x4000_0000,
            NamespaceType::Pid => 0x2000_0000,
            NamespaceType::Time => 0x0000_0080,
            NamespaceType::User => 0x1000_0000,
            NamespaceType::Uts => 0x0400_0000,
        }
    }
}

/// The type and inode number in `net:[4026531833]`, the text of a link to a namespace. Links to files begin with `/`.
pub fn parse_link(text: &[u8]) -> Option<(NamespaceType, u64)> {
    let colon = text.iter().position(|&byte| byte == b':')?;
    let (name, number) = text.split_at(colon);
    let namespace_type = NamespaceType::ALL.into_iter().find(|known| known.name().to_bytes() == name)?;
    Some((namespace_type, parse::number(number.strip_prefix(b":[")?.strip_suffix(b"]")?)?))
}

/// The inode number in `socket:[26]`, the text of a link to a socket.
pub fn parse_socket_link(text: &[u8]) -> Option<u64> {
    parse::number(text.strip_prefix(b"socket:[")?.strip_suffix(b"]")?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_links_to_namespaces_are_parsed() {
        assert_eq!(parse_link(b"user:[4026531837]"), Some((NamespaceType::User, 4026531837)));
        assert_eq!(parse_link(b"cgroup:[1]"), Some((NamespaceType::Cgroup, 1)));
        for text in [
            &b"socket:[1]"[..],
            b"/user:[1]",
            b"user:[]",
            b"user:[1",
            b"user:[1] (deleted)",
            b"user:1",
            b"/memfd:user:[1] (deleted)",
            b"anon_inode:[eventfd]",
            b"",
        ] {
            assert_eq!(parse_link(text), None, "{text:?}");
        }
    }

    #[test]
    fn clone_flags_are_those_of_the_system() {
        for (namespace_type, flag) in [
            (NamespaceType::Cgroup, libc::CLONE_NEWCGROUP),
            (NamespaceType::Ipc, libc::CLONE_NEWIPC),
            (NamespaceType::Mnt, libc::CLONE_NEWNS),
            (NamespaceType::Net, libc::CLONE_NEWNET),
            (NamespaceType::Pid, libc::CLONE_NEWPID),
            (NamespaceType::User, libc::CLONE_NEWUSER),
            (NamespaceType::Uts, libc::CLONE_NEWUTS),
        ] {
            assert_eq!(namespace_type.clone_flag(), flag);
        }
    }
}
