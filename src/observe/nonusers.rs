//! The nonuser namespaces found so far, with their owners: namespaces(7), ioctl_ns(2).

use super::users::Users;
use crate::error::Error;
use crate::facts::{NamespaceType, Nonuser};
use crate::sys::file::{self, Fd};
use crate::sys::{if_any, nsfs};
use crate::util::arrays::push;
use crate::util::hash::IntMap;

/// The nonuser namespaces found so far.
#[derive(Default)]
pub struct Nonusers {
    entries: Vec<Nonuser>,
    by_inode: IntMap<u64, u32>,
}

impl Nonusers {
    /// The index of the namespace with this type and inode number.
    pub fn find(&self, namespace_type: NamespaceType, inode: u64) -> Option<u32> {
        let index = *self.by_inode.get(&inode)?;
        (self.entries[index as usize].namespace_type == namespace_type).then_some(index)
    }

    /// Records a namespace with its owner, and the ancestors of a PID namespace. `None`: the file is not a namespace.
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
            let identity = file::identity(&below)?;
            if !users.is_namespace(&below, identity.device)? {
                return Ok(None);
            }
            let known = self.find(namespace_type, identity.inode);
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
            // EPERM: it is the initial one, or the parent is not visible.
            match if_any(nsfs::parent(&below))? {
                Some(parent) => below = parent,
                None => return Ok(first),
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

    fn enter(
        &mut self,
        namespace_type: NamespaceType,
        namespace: &Fd,
        inode: u64,
        users: &mut Users,
    ) -> Result<u32, Error> {
        let id = users.id_of(namespace);
        // EPERM: the owner is neither the caller's user namespace nor a descendant of it.
        let owner = match if_any(nsfs::owning_user_namespace(namespace))? {
            Some(owner) => users.record(owner)?,
            None => None,
        };
        self.push(Nonuser { namespace_type, inode, id, owner, parent: None })
    }

    fn push(&mut self, nonuser: Nonuser) -> Result<u32, Error> {
        let index = self.entries.len() as u32;
        self.by_inode.try_reserve(1)?;
        self.by_inode.insert(nonuser.inode, index);
        push(&mut self.entries, nonuser)?;
        Ok(index)
    }

    pub fn entries(&self) -> &[Nonuser] {
        &self.entries
    }

    pub fn into_list(self) -> Vec<Nonuser> {
        self.entries
    }
}
