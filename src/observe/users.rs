//! The user namespaces found so far, with their ancestors: ioctl_ns(2).

use crate::error::Error;
use crate::facts::{Maps, UserNamespace};
use crate::sys::file::{self, Fd, Identity};
use crate::sys::{Errno, if_any, nsfs};
use crate::util::arrays::{index, reserved};
use crate::util::hash::IntMap;

/// The user namespaces found so far, each with all its visible ancestors.
///
/// At most two descriptors are open at a time, at any depth: a parent is opened through its child, which is then closed. A
/// descriptor keeps its namespace and all ancestors alive, so the chain cannot change during the walk.
///
/// Entries are found by inode number, the only identity in the link of a process. The kernel reuses inode numbers at once,
/// the lowest first. If a number was reused since it was recorded, processes of the new namespace are taken for members of
/// the old one. If the new one is found as an ancestor and the kernel has 64-bit ids, which are never reused, the entry is
/// replaced. A namespace that has a member, or a descendant with one, throughout the scan keeps its number.
#[derive(Default)]
pub struct Users {
    entries: Vec<UserNamespace>,
    by_inode: IntMap<u64, u32>,
    /// Those that were opened.
    by_id: IntMap<u64, u32>,
    /// The device of nsfs, the same for all namespaces; known once one was opened.
    device: Option<u64>,
    /// The kernel lacks NS_GET_ID (Linux 6.17 and older), so it is not asked again.
    lacks_ids: bool,
    /// The kernel lacks NS_GET_PARENT, at least for programs of this kind.
    lacks_parents: bool,
    /// For the inode number of a namespace: what the kernel did not tell about it.
    untold: IntMap<u64, Untold>,
}

/// Why the kernel does not tell a fact about a namespace. The last of several counts.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Untold {
    /// EPERM for the parent of a PID namespace. It is visible to a caller in the initial PID namespace.
    OutsidePidNamespace,
    /// EPERM for a user namespace. It is visible to a caller in the initial user namespace.
    OutsideUserNamespace,
    /// Another error.
    Refused,
}

/// A namespace as read from the kernel's own structures.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Observed {
    pub inode: u64,
    /// 0 if the kernel has none.
    pub id: u64,
    /// Generation tag: distinguishes successive namespaces that reused one inode number (best effort). No two ancestors in a
    /// chain share inode number and tag.
    pub generation: u64,
    pub owner_uid: u32,
    /// The index of its parent among the observed namespaces.
    pub parent: Option<u32>,
    /// As in `UserNamespace`.
    pub charged: Option<u64>,
    pub limit: Option<u64>,
    pub maps: Option<Maps>,
}

/// An entry, and whether its parent is still to be found.
struct Entered {
    index: u32,
    fresh: bool,
}

impl Users {
    /// The index of the namespace with this inode number.
    pub fn find(&self, inode: u64) -> Option<u32> {
        self.by_inode.get(&inode).copied()
    }

    /// The device of nsfs, once a namespace has been opened.
    pub fn device(&self) -> Option<u64> {
        self.device
    }

    /// Whether the kernel lacks the operation that tells the parent of a namespace: before Linux 4.9, for 32-bit programs on
    /// some 64-bit kernels before Linux 6.12, or under a security policy.
    pub fn lacks_parents(&self) -> bool {
        self.lacks_parents
    }

    /// The number of namespaces found so far.
    pub fn count(&self) -> usize {
        self.entries.len()
    }

    /// Whether an entry is another one or an ancestor of it.
    pub fn is_at_or_above(&self, index: u32, other: u32) -> bool {
        let mut next = Some(other);
        while let Some(at) = next.filter(|&at| at != index) {
            next = self.entries[at as usize].parent;
        }
        next.is_some()
    }

    /// Whether an entry is the initial user namespace.
    pub fn is_initial(&self, index: u32) -> bool {
        self.entries[index as usize].is_initial()
    }

    pub fn set_maps(&mut self, index: u32, maps: Maps) {
        self.entries[index as usize].maps = Some(maps);
    }

    pub fn entries(&self) -> &[UserNamespace] {
        &self.entries
    }

    /// Records a namespace and its ancestors. `None`: the file is not a namespace, since something was mounted over the link,
    /// or the kernel does not tell which one it is. To be counted by the caller.
    pub fn record(&mut self, namespace: Fd) -> Result<Option<u32>, Error> {
        let Some(identity) = if_any(file::identity(&namespace))? else { return Ok(None) };
        if !self.is_namespace(&namespace, identity.device)? {
            return Ok(None);
        }
        let id = self.id_of(&namespace)?;
        let first = self.enter(&namespace, identity, id)?;
        self.record_ancestors(namespace, &first)?;
        Ok(Some(first.index))
    }

    /// Records a namespace of which only the inode number is known.
    pub fn record_unopened(&mut self, inode: u64) -> Result<u32, Error> {
        match self.find(inode) {
            Some(index) => Ok(index),
            None => self.push(UserNamespace { device: self.device.unwrap_or(0), inode, ..UserNamespace::default() }),
        }
    }

    /// Records namespaces in the order in which they were observed, with their ancestors, and returns the index of each.
    /// `None`: its inode number was reused later in the list, so it or an ancestor has ended meanwhile.
    pub fn record_observed(&mut self, observed: &[Observed]) -> Result<Vec<Option<u32>>, Error> {
        let mut last: IntMap<u64, u32> = IntMap::default();
        last.try_reserve(observed.len())?;
        self.by_inode.try_reserve(observed.len())?;
        self.entries.try_reserve(observed.len())?;
        last.extend((0..).zip(observed).map(|(index, seen)| (seen.inode, index)));
        let mut replaced: Vec<bool> = reserved(observed.len())?;
        replaced.extend(observed.iter().map(|seen| observed[last[&seen.inode] as usize].generation != seen.generation));
        let has_ended = |index: usize| {
            let mut next = Some(index);
            while let Some(index) = next.filter(|&index| index < observed.len()) {
                if replaced[index] {
                    return true;
                }
                next = observed[index].parent.map(|parent| parent as usize);
            }
            false
        };
        let mut indices = reserved(observed.len())?;
        for (index, seen) in observed.iter().enumerate() {
            indices.push(if has_ended(index) { None } else { Some(self.enter_observed(seen)?) });
            self.untold.remove(&seen.inode); // here everything is told
        }
        for (seen, &index) in observed.iter().zip(&indices) {
            if let Some(index) = index {
                self.entries[index as usize].parent = seen.parent.and_then(|parent| *indices.get(parent as usize)?);
            }
        }
        Ok(indices)
    }

    fn enter_observed(&mut self, seen: &Observed) -> Result<u32, Error> {
        let Observed { inode, id, owner_uid, charged, limit, maps, .. } = *seen;
        let Some(index) = self.find(inode) else {
            let (device, owner_uid) = (self.device.unwrap_or(0), Some(owner_uid));
            let new = UserNamespace { device, inode, id, owner_uid, charged, limit, maps, ..UserNamespace::default() };
            return self.insert(new);
        };
        let entry = &mut self.entries[index as usize];
        if entry.id != 0 && id != 0 && entry.id != id {
            // Another one had the inode number, and has ended.
            (entry.id, entry.owner_uid) = (id, Some(owner_uid));
            (entry.charged, entry.limit, entry.maps) = (None, None, None);
        }
        // Of the caller's own, and of one that was found through procfs, the kernel may have told less.
        entry.owner_uid = entry.owner_uid.or(Some(owner_uid));
        if entry.id == 0 {
            entry.id = id;
        }
        (entry.charged, entry.limit) = (charged.or(entry.charged), limit.or(entry.limit));
        entry.maps = maps.or(entry.maps);
        Ok(index)
    }

    /// All entries. `unmapped` is the UID that the kernel shows in place of one that has no mapping in the caller's own
    /// namespace. An owner can be such a UID only in a namespace without a visible parent: a namespace below the caller's
    /// own was made in the caller's own or below it, by a UID with a mapping there (user_namespaces(7)), and the ids of a
    /// namespace are mapped in each of its ancestors.
    pub fn into_list(mut self, unmapped: Option<u32>) -> Vec<UserNamespace> {
        for namespace in &mut self.entries {
            if namespace.parent.is_none() && namespace.owner_uid == unmapped {
                namespace.owner_uid = None;
            }
        }
        self.entries
    }

    /// Records that the kernel does not tell something about a namespace.
    pub fn miss(&mut self, inode: u64, untold: Untold) -> Result<(), Error> {
        self.untold.try_reserve(1)?;
        let known = self.untold.entry(inode).or_insert(untold);
        *known = untold.max(*known);
        Ok(())
    }

    /// The number of namespaces about which the kernel refused to tell a fact that it tells a caller in these namespaces.
    pub fn count_refused(&self, is_user_initial: bool, is_pid_initial: bool) -> usize {
        let is_refusal = |untold: &&Untold| match untold {
            Untold::OutsidePidNamespace => is_pid_initial,
            Untold::OutsideUserNamespace => is_user_initial,
            Untold::Refused => true,
        };
        self.untold.values().filter(is_refusal).count()
    }

    fn record_ancestors(&mut self, namespace: Fd, first: &Entered) -> Result<(), Error> {
        let mut below = namespace;
        let mut index = first.index;
        let mut fresh = first.fresh;
        while fresh {
            let above = match nsfs::parent(&below) {
                Ok(above) => above,
                Err(errno) => {
                    let entry = self.entries[index as usize];
                    self.lacks_parents |= errno == Errno(libc::ENOTTY);
                    // It has no parent.
                    if errno != Errno(libc::EPERM) || !entry.is_initial() {
                        self.miss_for(entry.inode, errno, Untold::OutsideUserNamespace)?;
                    }
                    break;
                }
            };
            let Some(entered) = self.enter_ancestor(&above)? else {
                self.miss(self.entries[index as usize].inode, Untold::Refused)?;
                break;
            };
            self.entries[index as usize].parent = Some(entered.index);
            (below, index, fresh) = (above, entered.index, entered.fresh);
        }
        Ok(())
    }

    /// Like `enter`, but without the system call for the identity if the id is known. `None` if that fails.
    fn enter_ancestor(&mut self, namespace: &Fd) -> Result<Option<Entered>, Error> {
        let id = self.id_of(namespace)?;
        match self.by_id.get(&id.unwrap_or(0)) {
            Some(&index) => Ok(Some(Entered { index, fresh: false })),
            None => match if_any(file::identity(namespace))? {
                Some(identity) => self.enter(namespace, identity, id).map(Some),
                None => Ok(None),
            },
        }
    }

    /// Records an error about a namespace. EPERM has the meaning `denied`.
    pub fn miss_for(&mut self, inode: u64, errno: Errno, denied: Untold) -> Result<(), Error> {
        match errno {
            Errno(libc::EPERM) => self.miss(inode, denied),
            errno if errno.is_exhaustion() => Err(errno.into()),
            _ => self.miss(inode, Untold::Refused),
        }
    }

    fn enter(&mut self, namespace: &Fd, identity: Identity, id: Option<u64>) -> Result<Entered, Error> {
        let Identity { device, inode } = identity;
        let known = self.find(inode);
        // BPF can tell ids that the ioctl does not.
        let is_same = |index: &u32| id.is_none_or(|id| self.lacks_ids || self.entries[*index as usize].id == id);
        if let Some(index) = known.filter(is_same) {
            return Ok(Entered { index, fresh: false });
        }
        if id.is_none() {
            self.miss(inode, Untold::Refused)?;
        }
        let id = id.unwrap_or(0);
        let owner_uid = match nsfs::owner(namespace) {
            Ok(uid) => Some(uid),
            Err(Errno(libc::ENOTTY)) => None, // before Linux 4.11
            Err(errno) => {
                self.miss_for(inode, errno, Untold::Refused)?;
                None
            }
        };
        let entry = UserNamespace { device, inode, id, owner_uid, ..UserNamespace::default() };
        let index = match known {
            Some(index) => {
                self.entries[index as usize] = entry;
                self.remember_id(id, index)?;
                index
            }
            None => self.push(entry)?,
        };
        Ok(Entered { index, fresh: true })
    }

    fn push(&mut self, entry: UserNamespace) -> Result<u32, Error> {
        let index = self.insert(entry)?;
        self.remember_id(entry.id, index)?;
        Ok(index)
    }

    fn insert(&mut self, entry: UserNamespace) -> Result<u32, Error> {
        let index = index(self.entries.len())?;
        self.entries.try_reserve(1)?;
        self.by_inode.try_reserve(1)?;
        self.by_inode.insert(entry.inode, index);
        self.entries.push(entry);
        Ok(index)
    }

    fn remember_id(&mut self, id: u64, index: u32) -> Result<(), Error> {
        if id != 0 {
            self.by_id.try_reserve(1)?;
            self.by_id.insert(id, index);
        }
        Ok(())
    }

    /// Whether a file on this device is a namespace. All namespaces are on the device of nsfs. False if that is unknown.
    pub fn is_namespace(&mut self, file: &Fd, device: u64) -> Result<bool, Error> {
        if self.device.is_none() && if_any(file::file_system(file))? == Some(nsfs::MAGIC) {
            self.device = Some(device);
        }
        Ok(self.device == Some(device))
    }

    /// The 64-bit id, 0 if the kernel has none. `None` if it is refused.
    pub fn id_of(&mut self, namespace: &Fd) -> Result<Option<u64>, Error> {
        if self.lacks_ids {
            return Ok(Some(0));
        }
        match nsfs::id(namespace) {
            Err(Errno(libc::ENOTTY)) => {
                self.lacks_ids = true;
                Ok(Some(0))
            }
            id => Ok(if_any(id)?),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(inode: u64, generation: u64, parent: Option<u32>) -> Observed {
        Observed { inode, id: generation, generation, owner_uid: 7, parent, ..Observed::default() }
    }

    fn parents(namespaces: &Users) -> Vec<(u64, Option<u64>)> {
        let entries = &namespaces.entries;
        let inode = |index: u32| entries[index as usize].inode;
        entries.iter().map(|entry| (entry.inode, entry.parent.map(inode))).collect()
    }

    #[test]
    fn a_namespace_observed_twice_has_one_entry() {
        let mut namespaces = Users::default();
        // Observed twice, since another namespace evicted it from the direct-mapped cache.
        let seen = [observed(10, 1, Some(1)), observed(5, 0, None), observed(11, 2, Some(3)), observed(5, 0, None)];
        assert_eq!(namespaces.record_observed(&seen), Ok(vec![Some(0), Some(1), Some(2), Some(1)]));
        assert_eq!(parents(&namespaces), [(10, Some(5)), (5, None), (11, Some(5))]);
        assert_eq!(namespaces.find(11), Some(2));
        assert_eq!(namespaces.entries[0].owner_uid, Some(7));
    }

    /// A namespace whose inode number was reused has ended, with its descendants. Here 20 and 21 were swapped: by inode
    /// numbers alone, the chain of parents would be a cycle.
    #[test]
    fn ended_namespaces_are_left_out() {
        let mut namespaces = Users::default();
        let seen = [
            observed(22, 3, Some(1)),
            observed(21, 2, Some(2)),
            observed(20, 1, Some(3)),
            observed(5, 0, None),
            observed(20, 9, Some(5)),
            observed(21, 8, Some(3)),
        ];
        let indices = namespaces.record_observed(&seen).unwrap();
        assert_eq!(indices, [None, None, None, Some(0), Some(1), Some(2)]);
        assert_eq!(parents(&namespaces), [(5, None), (20, Some(21)), (21, Some(5))]);
        assert_eq!(namespaces.entries[1].id, 9);
    }
}
