//! The nonuser namespaces found so far, with their owners: namespaces(7), ioctl_ns(2).

use super::users::{Untold, Users};
use crate::error::Error;
use crate::facts::{INITIAL_PID_NAMESPACE, NamespaceType, Nonuser};
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, if_any, nsfs};
use crate::util::arrays::{index, push};
use crate::util::hash::IntMap;

/// The nonuser namespaces found so far.
#[derive(Default)]
pub struct Nonusers {
    entries: Vec<Nonuser>,
    /// Of each type: a number can be reused by a namespace of another type, and then again by one of the first.
    by_inode: [IntMap<u64, u32>; NamespaceType::ALL.len()],
}

impl Nonusers {
    /// The index of the namespace with this type and inode number.
    pub fn find(&self, namespace_type: NamespaceType, inode: u64) -> Option<u32> {
        self.by_inode[namespace_type as usize].get(&inode).copied()
    }

    /// Records a namespace with its owner, and the ancestors of a PID namespace. `None`: the file is not a namespace, or
    /// the kernel does not tell which one it is. To be counted by the caller.
    pub fn record(
        &mut self,
        namespace_type: NamespaceType,
        namespace: Fd,
        users: &mut Users,
    ) -> Result<Option<u32>, Error> {
        let mut below = namespace;
        let mut first = None;
        let mut child: Option<u32> = None;
        loop {
            let identity = match if_any(file::identity(&below))? {
                Some(identity) if users.is_namespace(&below, identity.device)? => identity,
                _ => {
                    if let Some(child) = child {
                        users.miss(self.entries[child as usize].inode, Untold::Refused)?;
                    }
                    return Ok(first);
                }
            };
            // One of which only type and inode number are known is completed.
            let is_complete = |&index: &u32| {
                let Nonuser { id, owner, .. } = self.entries[index as usize];
                id != 0 || owner.is_some()
            };
            let known = self.find(namespace_type, identity.inode).filter(is_complete);
            let index = match known {
                Some(index) => index,
                None => self.enter(namespace_type, &below, identity.inode, users)?,
            };
            first = first.or(Some(index));
            if let Some(child) = child {
                self.entries[child as usize].parent = Some(index);
            }
            if known.is_some() || namespace_type != NamespaceType::Pid {
                return Ok(first);
            }
            match nsfs::parent(&below) {
                Ok(parent) => below = parent,
                Err(errno) => {
                    // The initial one has no parent.
                    if errno != Errno(libc::EPERM) || identity.inode != INITIAL_PID_NAMESPACE {
                        users.miss_for(identity.inode, errno, Untold::OutsidePidNamespace)?;
                    }
                    return Ok(first);
                }
            }
            child = Some(index);
        }
    }

    /// Records a namespace of which only type and inode number are known.
    pub fn record_unopened(&mut self, namespace_type: NamespaceType, inode: u64) -> Result<u32, Error> {
        match self.find(namespace_type, inode) {
            Some(index) => Ok(index),
            None => self.push(Nonuser { namespace_type, inode, id: 0, owner: None, parent: None }),
        }
    }

    /// Records a namespace as read from the kernel's own structures; the owner is an index of `Users`. The parent can be
    /// recorded later, with [`set_parent`](Self::set_parent). What was known of another namespace with the same inode number,
    /// which has ended, is replaced.
    pub fn record_observed(&mut self, seen: Nonuser) -> Result<u32, Error> {
        let Some(index) = self.find(seen.namespace_type, seen.inode) else { return self.push(seen) };
        let known = &mut self.entries[index as usize];
        let parent = seen.parent.or(known.parent.filter(|_| known.id == seen.id));
        *known = Nonuser { parent, ..seen };
        Ok(index)
    }

    /// Records the parent of a PID namespace.
    pub fn set_parent(&mut self, child: u32, parent: u32) {
        self.entries[child as usize].parent = Some(parent);
    }

    fn enter(
        &mut self,
        namespace_type: NamespaceType,
        namespace: &Fd,
        inode: u64,
        users: &mut Users,
    ) -> Result<u32, Error> {
        let id = users.id_of(namespace)?;
        if id.is_none() {
            users.miss(inode, Untold::Refused)?;
        }
        let owner = match nsfs::owning_user_namespace(namespace) {
            Ok(owner) => {
                let owner = users.record(owner)?;
                if owner.is_none() {
                    users.miss(inode, Untold::Refused)?;
                }
                owner
            }
            // EPERM: the owner is neither the caller's user namespace nor a descendant of it.
            Err(errno) => {
                users.miss_for(inode, errno, Untold::OutsideUserNamespace)?;
                None
            }
        };
        let entry = Nonuser { namespace_type, inode, id: id.unwrap_or(0), owner, parent: None };
        match self.find(namespace_type, inode) {
            Some(index) => {
                self.entries[index as usize] = entry;
                Ok(index)
            }
            None => self.push(entry),
        }
    }

    fn push(&mut self, nonuser: Nonuser) -> Result<u32, Error> {
        let index = index(self.entries.len())?;
        let by_inode = &mut self.by_inode[nonuser.namespace_type as usize];
        by_inode.try_reserve(1)?;
        push(&mut self.entries, nonuser)?;
        by_inode.insert(nonuser.inode, index);
        Ok(index)
    }

    pub fn entries(&self) -> &[Nonuser] {
        &self.entries
    }

    pub fn into_list(self) -> Vec<Nonuser> {
        self.entries
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pid_namespace(inode: u64, id: u64, owner: Option<u32>) -> Nonuser {
        Nonuser { namespace_type: NamespaceType::Pid, inode, id, owner, parent: None }
    }

    #[test]
    fn what_is_observed_completes_or_replaces_an_entry() {
        let mut nonusers = Nonusers::default();
        let mounted = nonusers.record_unopened(NamespaceType::Pid, 7).unwrap();
        let parent = nonusers.record_observed(pid_namespace(5, 50, Some(0))).unwrap();
        assert_eq!(nonusers.record_observed(pid_namespace(7, 70, Some(1))), Ok(mounted));
        nonusers.set_parent(mounted, parent);
        // Observed once more, and after its inode number was reused.
        nonusers.record_observed(pid_namespace(7, 70, Some(1))).unwrap();
        assert_eq!(
            nonusers.entries()[mounted as usize],
            Nonuser { parent: Some(parent), ..pid_namespace(7, 70, Some(1)) }
        );
        nonusers.record_observed(pid_namespace(7, 71, None)).unwrap();
        assert_eq!(nonusers.entries()[mounted as usize], pid_namespace(7, 71, None));
        assert_eq!(nonusers.entries().len(), 2);
    }

    /// The kernel reuses the lowest numbers at once, for all types.
    #[test]
    fn a_number_is_reused_by_another_type_and_then_by_the_first() {
        let mut nonusers = Nonusers::default();
        let of = |namespace_type, id| Nonuser { namespace_type, ..pid_namespace(7, id, None) };
        let first = nonusers.record_observed(of(NamespaceType::Mnt, 70)).unwrap();
        let other = nonusers.record_observed(of(NamespaceType::Uts, 71)).unwrap();
        assert_eq!(nonusers.record_observed(of(NamespaceType::Mnt, 72)), Ok(first));
        assert_eq!(nonusers.record_unopened(NamespaceType::Uts, 7), Ok(other));
        assert_eq!(nonusers.entries(), [of(NamespaceType::Mnt, 72), of(NamespaceType::Uts, 71)]);
    }
}
