//! User namespaces and their ancestors, from descriptors of them: ioctl_ns(2).

use super::Namespace;
use crate::arrays::reserved;
use crate::error::Error;
use crate::sys::file::{self, Fd, Identity};
use crate::sys::{Errno, if_any, nsfs};
use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Hashes numbers that the kernel gives out, which nobody can choose so that they collide: neither with random keys, which
/// would cost a system call, nor as thoroughly as strangers' data would need it.
#[derive(Default)]
pub struct NumberHasher(u64);

impl Hasher for NumberHasher {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write_u64(&mut self, number: u64) {
        // Tables look at the highest bits and at the lowest ones; a product has mixed only the highest.
        const GOLDEN_RATIO: u64 = 0x9e37_79b9_7f4a_7c15;
        let mixed = (self.0 ^ number).wrapping_mul(GOLDEN_RATIO);
        self.0 = mixed ^ (mixed >> 32);
    }

    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_u64(byte.into());
        }
    }
}

pub type NumberMap<K, V> = HashMap<K, V, BuildHasherDefault<NumberHasher>>;
pub type Map = NumberMap<u64, u32>;

/// The user namespaces seen so far, each entered together with all its visible ancestors.
///
/// At most two descriptors are open at a time, whatever the depth: each parent is obtained from its child, which is
/// closed then. A descriptor keeps its namespace and all above it alive, so a chain cannot change while it is walked.
///
/// Entries are found by inode number, since that is all that the link of a process tells. A number can have been used
/// again since it was entered (kernel-wide, the lowest free one comes next); then processes of the new namespace are
/// taken for members of the old one. Where the new one is met as an ancestor and the kernel has 64-bit ids, which are
/// never used again, this is noticed, and the entry then tells of the new one. None of this can happen to a namespace
/// that has a member, or a descendant with one, from before the scan until after it: that keeps its number.
#[derive(Default)]
pub struct Namespaces {
    entries: Vec<Namespace>,
    by_inode: Map,
    /// Those that were opened.
    by_id: Map,
    /// The device of nsfs, which all namespaces share; known from the first one on.
    device: Option<u64>,
    /// NS_GET_ID was refused, so the kernel lacks it (Linux 6.17 and older) and is not asked again.
    lacks_ids: bool,
}

/// A namespace as the kernel's own structures show it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Observed {
    pub inode: u64,
    /// 0 where the kernel has none.
    pub id: u64,
    /// Tells apart namespaces that had the same number one after the other, as far as that can be done; equal for equal
    /// ones. Of a chain of parents no two have the same number and mark.
    pub mark: u64,
    pub owner: u32,
    /// Which of those that were observed is its parent.
    pub parent: Option<u32>,
}

/// An entry, and whether its parent has still to be found.
struct Entered {
    index: u32,
    fresh: bool,
}

impl Namespaces {
    /// Where the namespace with this inode number is.
    pub fn find(&self, inode: u64) -> Option<u32> {
        self.by_inode.get(&inode).copied()
    }

    /// The device of nsfs, once a namespace has been opened.
    pub fn device(&self) -> Option<u64> {
        self.device
    }

    /// Whether an entry is the initial user namespace.
    pub fn is_initial(&self, index: u32) -> bool {
        self.entries[index as usize].is_initial()
    }

    /// Enters the namespace that a process file of procfs led to, with its ancestors.
    ///
    /// `None`: it is no namespace, because something is mounted over that file.
    pub fn record(&mut self, namespace: Fd) -> Result<Option<u32>, Error> {
        let identity = file::identity(&namespace)?;
        if !self.is_namespace(&namespace, identity.device)? {
            return Ok(None);
        }
        let id = self.id_of(&namespace);
        let first = self.enter(&namespace, identity, id)?;
        self.record_ancestors(namespace, &first)?;
        Ok(Some(first.index))
    }

    /// Enters a namespace that could not be opened, so that no more than its inode number is known.
    pub fn record_unopened(&mut self, inode: u64) -> Result<u32, Error> {
        match self.find(inode) {
            Some(index) => Ok(index),
            None => self.push(Namespace { device: self.device.unwrap_or(0), inode, ..Namespace::default() }),
        }
    }

    /// Enters namespaces that were observed one after the other, with all that is above them, and says where each is;
    /// `None` for one that has ended meanwhile.
    ///
    /// That one has ended shows when its number has gone to another one.
    pub fn record_observed(&mut self, observed: &[Observed]) -> Result<Vec<Option<u32>>, Error> {
        let mut last = Map::default();
        last.try_reserve(observed.len())?;
        self.by_inode.try_reserve(observed.len())?;
        self.entries.try_reserve(observed.len())?;
        last.extend((0..).zip(observed).map(|(place, seen)| (seen.inode, place)));
        let mut replaced: Vec<bool> = reserved(observed.len())?;
        replaced.extend(observed.iter().map(|seen| observed[last[&seen.inode] as usize].mark != seen.mark));
        let has_ended = |place: usize| {
            let mut next = Some(place);
            while let Some(place) = next.filter(|&place| place < observed.len()) {
                if replaced[place] {
                    return true;
                }
                next = observed[place].parent.map(|parent| parent as usize);
            }
            false
        };
        let mut places = reserved(observed.len())?;
        for (place, seen) in observed.iter().enumerate() {
            places.push(if has_ended(place) { None } else { Some(self.enter_observed(seen)?) });
        }
        for (seen, &index) in observed.iter().zip(&places) {
            if let Some(index) = index {
                self.entries[index as usize].parent = seen.parent.and_then(|place| *places.get(place as usize)?);
            }
        }
        Ok(places)
    }

    fn enter_observed(&mut self, seen: &Observed) -> Result<u32, Error> {
        let Observed { inode, id, owner, .. } = *seen;
        match self.find(inode) {
            Some(index) => Ok(index),
            None => {
                let device = self.device.unwrap_or(0);
                self.insert(Namespace { device, inode, id, owner: Some(owner), parent: None })
            }
        }
    }

    /// All that was entered; an owner equal to `unmapped` counts as unknown.
    pub fn into_list(mut self, unmapped: Option<u32>) -> Vec<Namespace> {
        for namespace in &mut self.entries {
            namespace.owner = namespace.owner.filter(|_| namespace.owner != unmapped);
        }
        self.entries
    }

    fn record_ancestors(&mut self, namespace: Fd, first: &Entered) -> Result<(), Error> {
        let mut below = namespace;
        let mut index = first.index;
        let mut fresh = first.fresh;
        while fresh {
            let Some(above) = parent_of(&below)? else { break };
            let entered = self.enter_ancestor(&above)?;
            self.entries[index as usize].parent = Some(entered.index);
            (below, index, fresh) = (above, entered.index, entered.fresh);
        }
        Ok(())
    }

    /// Like `enter`, but spares the call for the identity where the id tells which namespace this is.
    fn enter_ancestor(&mut self, namespace: &Fd) -> Result<Entered, Error> {
        let id = self.id_of(namespace);
        match self.by_id.get(&id) {
            Some(&index) => Ok(Entered { index, fresh: false }),
            None => self.enter(namespace, file::identity(namespace)?, id),
        }
    }

    fn enter(&mut self, namespace: &Fd, identity: Identity, id: u64) -> Result<Entered, Error> {
        let known = self.find(identity.inode);
        if let Some(index) = known.filter(|&index| self.entries[index as usize].id == id) {
            return Ok(Entered { index, fresh: false });
        }
        let Identity { device, inode } = identity;
        let entry = Namespace { device, inode, id, owner: nsfs::owner(namespace).ok(), parent: None };
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

    fn push(&mut self, entry: Namespace) -> Result<u32, Error> {
        let index = self.insert(entry)?;
        self.remember_id(entry.id, index)?;
        Ok(index)
    }

    fn insert(&mut self, entry: Namespace) -> Result<u32, Error> {
        let index = self.entries.len() as u32;
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

    pub fn is_namespace(&mut self, file: &Fd, device: u64) -> Result<bool, Error> {
        if self.device.is_none() && file::file_system(file)? == nsfs::MAGIC {
            self.device = Some(device);
        }
        Ok(self.device == Some(device))
    }

    /// The 64-bit id, 0 where the kernel gives none.
    pub fn id_of(&mut self, namespace: &Fd) -> u64 {
        if self.lacks_ids {
            return 0;
        }
        let id = nsfs::id(namespace);
        self.lacks_ids = id == Err(Errno(libc::ENOTTY));
        id.unwrap_or(0)
    }
}

/// The parent, `None` where the kernel does not show it: the namespace is the initial one, or the caller's own, or not
/// below the caller's own.
fn parent_of(namespace: &Fd) -> Result<Option<Fd>, Error> {
    match nsfs::parent(namespace) {
        Err(Errno(libc::ENOTTY)) => Err(Error::UNSUPPORTED),
        parent => Ok(if_any(parent)?),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn observed(inode: u64, mark: u64, parent: Option<u32>) -> Observed {
        Observed { inode, id: mark, mark, owner: 7, parent }
    }

    fn parents(namespaces: &Namespaces) -> Vec<(u64, Option<u64>)> {
        let entries = &namespaces.entries;
        let inode = |index: u32| entries[index as usize].inode;
        entries.iter().map(|entry| (entry.inode, entry.parent.map(inode))).collect()
    }

    #[test]
    fn what_was_observed_twice_is_one() {
        let mut namespaces = Namespaces::default();
        // Met again, because another one has taken its slot meanwhile.
        let seen = [observed(10, 1, Some(1)), observed(5, 0, None), observed(11, 2, Some(3)), observed(5, 0, None)];
        assert_eq!(namespaces.record_observed(&seen), Ok(vec![Some(0), Some(1), Some(2), Some(1)]));
        assert_eq!(parents(&namespaces), [(10, Some(5)), (5, None), (11, Some(5))]);
        assert_eq!(namespaces.find(11), Some(2));
        assert_eq!(namespaces.entries[0].owner, Some(7));
    }

    /// One whose number has gone to another one has ended, and what was below it too: also where numbers have changed
    /// places, 20 and 21 here, so that a chain of parents would come back to where it began.
    #[test]
    fn what_has_ended_is_left_out() {
        let mut namespaces = Namespaces::default();
        let seen = [
            observed(22, 3, Some(1)),
            observed(21, 2, Some(2)),
            observed(20, 1, Some(3)),
            observed(5, 0, None),
            observed(20, 9, Some(5)),
            observed(21, 8, Some(3)),
        ];
        let places = namespaces.record_observed(&seen).unwrap();
        assert_eq!(places, [None, None, None, Some(0), Some(1), Some(2)]);
        assert_eq!(parents(&namespaces), [(5, None), (20, Some(21)), (21, Some(5))]);
        assert_eq!(namespaces.entries[1].id, 9);
    }
}
