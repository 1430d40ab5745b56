//! Namespaces of the other types, each owned by a user namespace: namespaces(7), ioctl_ns(2).

use super::namespace::Map;
use super::{Namespaces, Other, parse_number};
use crate::error::Error;
use crate::sys::file::{self, Fd};
use crate::sys::{if_any, nsfs};
use std::ffi::CStr;

/// A type of namespace.
///
/// ```
/// assert_eq!(userns::Kind::Net.name(), c"net");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are those of namespaces(7)")]
#[non_exhaustive]
pub enum Kind {
    Cgroup,
    Ipc,
    Mnt,
    Net,
    Pid,
    Time,
    User,
    Uts,
}

impl Kind {
    const ALL: [Kind; 8] =
        [Kind::Cgroup, Kind::Ipc, Kind::Mnt, Kind::Net, Kind::Pid, Kind::Time, Kind::User, Kind::Uts];

    /// The name in `/proc/PID/ns` and in what its links read.
    ///
    /// ```
    /// let path = format!("/proc/self/ns/{}", userns::Kind::Uts.name().to_str()?);
    /// println!("{}", std::fs::read_link(path)?.display()); // "uts:[4026531838]"
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn name(self) -> &'static CStr {
        match self {
            Kind::Cgroup => c"cgroup",
            Kind::Ipc => c"ipc",
            Kind::Mnt => c"mnt",
            Kind::Net => c"net",
            Kind::Pid => c"pid",
            Kind::Time => c"time",
            Kind::User => c"user",
            Kind::Uts => c"uts",
        }
    }

    /// The flag by which clone(2) and setns(2) know this type.
    ///
    /// ```
    /// assert_eq!(userns::Kind::Mnt.clone_flag(), libc::CLONE_NEWNS);
    /// ```
    pub fn clone_flag(self) -> i32 {
        match self {
            Kind::Cgroup => libc::CLONE_NEWCGROUP,
            Kind::Ipc => libc::CLONE_NEWIPC,
            Kind::Mnt => libc::CLONE_NEWNS,
            Kind::Net => libc::CLONE_NEWNET,
            Kind::Pid => libc::CLONE_NEWPID,
            Kind::Time => 0x80, // CLONE_NEWTIME
            Kind::User => libc::CLONE_NEWUSER,
            Kind::Uts => libc::CLONE_NEWUTS,
        }
    }
}

/// The type and inode number in `net:[4026531833]`, which is what a link to a namespace reads. Files are told apart
/// by the `/` that their paths begin with.
pub fn parse_link(text: &[u8]) -> Option<(Kind, u64)> {
    let colon = text.iter().position(|&byte| byte == b':')?;
    let (name, number) = text.split_at(colon);
    let kind = Kind::ALL.into_iter().find(|kind| kind.name().to_bytes() == name)?;
    Some((kind, parse_number(number.strip_prefix(b":[")?.strip_suffix(b"]")?)?))
}

/// The namespaces of other types seen so far.
#[derive(Default)]
pub struct Others {
    entries: Vec<Other>,
    by_inode: Map,
}

impl Others {
    /// Where the namespace with this inode number is.
    pub fn find(&self, kind: Kind, inode: u64) -> Option<u32> {
        let index = *self.by_inode.get(&inode)?;
        (self.entries[index as usize].kind == kind).then_some(index)
    }

    /// Enters a namespace, its owner, and what is above it if namespaces of its type nest.
    pub fn record(&mut self, kind: Kind, namespace: Fd, namespaces: &mut Namespaces) -> Result<Option<u32>, Error> {
        let mut below = namespace;
        let mut first = None;
        let mut child: Option<u32> = None;
        loop {
            let identity = file::identity(&below)?;
            if !namespaces.is_namespace(&below, identity.device)? {
                return Ok(None);
            }
            let known = self.find(kind, identity.inode);
            let index = match known {
                Some(index) => index,
                None => self.enter(kind, &below, identity.inode, namespaces)?,
            };
            first = first.or(Some(index));
            if let Some(child) = child {
                self.entries[child as usize].parent = Some(index);
            }
            if known.is_some() || kind != Kind::Pid {
                return Ok(first);
            }
            // EPERM: the initial PID namespace, or out of the caller's sight.
            match if_any(nsfs::parent(&below))? {
                Some(parent) => below = parent,
                None => return Ok(first),
            }
            child = Some(index);
        }
    }

    /// Enters a namespace that could not be opened, so that its owner is unknown.
    pub fn record_unopened(&mut self, kind: Kind, inode: u64) -> Result<u32, Error> {
        match self.find(kind, inode) {
            Some(index) => Ok(index),
            None => self.push(Other { kind, inode, id: 0, owner: None, parent: None }),
        }
    }

    fn enter(&mut self, kind: Kind, namespace: &Fd, inode: u64, namespaces: &mut Namespaces) -> Result<u32, Error> {
        let id = namespaces.id_of(namespace);
        // EPERM: the owner is not in the caller's user namespace or below it.
        let owner = match if_any(nsfs::owning_user_namespace(namespace))? {
            Some(owner) => namespaces.record(owner)?,
            None => None,
        };
        self.push(Other { kind, inode, id, owner, parent: None })
    }

    fn push(&mut self, other: Other) -> Result<u32, Error> {
        let index = self.entries.len() as u32;
        self.by_inode.try_reserve(1)?;
        self.by_inode.insert(other.inode, index);
        self.entries.try_reserve(1)?;
        self.entries.push(other);
        Ok(index)
    }

    pub fn entries(&self) -> &[Other] {
        &self.entries
    }

    pub fn into_list(self) -> Vec<Other> {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_of_namespaces_and_other_text() {
        assert_eq!(parse_link(b"user:[4026531837]"), Some((Kind::User, 4026531837)));
        assert_eq!(parse_link(b"cgroup:[1]"), Some((Kind::Cgroup, 1)));
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
}
