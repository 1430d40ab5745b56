//! References of a file: namespaces by inode number become indices.

use crate::error::Error;
use crate::facts::{Facts, Holder, NamespaceType};
use crate::util::arrays::{numbers, sort_by_number};

/// The kernel nests user and PID namespaces 33 levels deep.
const MOST_LEVELS: usize = 64;

/// What refers to a namespace.
#[derive(Clone, Copy, Debug)]
pub enum From {
    /// The snapshot, to the user namespace of the process that scanned.
    Own,
    /// A user namespace, to its parent; by its index.
    Node(u32),
    /// A nonuser namespace, to its owner.
    Owned(u32),
    /// A PID namespace, to its parent.
    Nonuser(u32),
    /// A mount, to its mount namespace.
    Mount(u32),
}

/// A reference and the inode number of what it refers to.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    pub from: From,
    pub inode: u64,
}

/// Resolves all references. An error if one leads nowhere or in a circle, or if two namespaces of one type have the same
/// number or id.
pub fn resolve(facts: &mut Facts, links: &[Link]) -> Result<(), Error> {
    let mut users = numbers(facts.users.len())?;
    let id_of = |index: u32| facts.users[index as usize].id;
    sort_by_number(&mut users, &|&index| id_of(index))?;
    require(users.windows(2).all(|two| id_of(two[0]) == 0 || id_of(two[0]) < id_of(two[1])))?;
    let inode_of = |facts: &Facts, index: u32| facts.users[index as usize].inode;
    sort_by_number(&mut users, &|&index| inode_of(facts, index))?;
    require(users.windows(2).all(|two| inode_of(facts, two[0]) < inode_of(facts, two[1])))?;

    let mut nonusers = numbers(facts.nonusers.len())?;
    let id_of = |index: u32| {
        let nonuser = &facts.nonusers[index as usize];
        (nonuser.namespace_type, nonuser.id)
    };
    sort_by_number(&mut nonusers, &|&index| id_of(index).1)?;
    sort_by_number(&mut nonusers, &|&index| id_of(index).0 as u64)?;
    require(nonusers.windows(2).all(|two| id_of(two[0]).1 == 0 || id_of(two[0]) < id_of(two[1])))?;
    let key_of = |facts: &Facts, index: u32| {
        let nonuser = &facts.nonusers[index as usize];
        (nonuser.namespace_type, nonuser.inode)
    };
    sort_by_number(&mut nonusers, &|&index| key_of(facts, index).1)?;
    sort_by_number(&mut nonusers, &|&index| key_of(facts, index).0 as u64)?;
    require(nonusers.windows(2).all(|two| key_of(facts, two[0]) < key_of(facts, two[1])))?;

    for &Link { from, inode } in links {
        let user = |facts: &Facts| {
            let at = users.binary_search_by_key(&inode, |&index| inode_of(facts, index)).ok()?;
            Some(users[at])
        };
        let nonuser = |facts: &Facts, namespace_type| {
            let at = nonusers.binary_search_by_key(&(namespace_type, inode), |&index| key_of(facts, index)).ok()?;
            Some(nonusers[at])
        };
        let found = match from {
            From::Own | From::Node(_) | From::Owned(_) => user(facts),
            From::Nonuser(_) => nonuser(facts, NamespaceType::Pid),
            From::Mount(_) => nonuser(facts, NamespaceType::Mnt),
        };
        require(found.is_some())?;
        match from {
            From::Own => facts.own = found,
            From::Node(index) => facts.users[index as usize].parent = found,
            From::Owned(index) => facts.nonusers[index as usize].owner = found,
            From::Nonuser(index) => {
                require(facts.nonusers[index as usize].namespace_type == NamespaceType::Pid)?;
                facts.nonusers[index as usize].parent = found;
            }
            From::Mount(index) => {
                if let Holder::Mount { namespace, .. } = &mut facts.holds[index as usize].holder {
                    *namespace = found;
                }
            }
        }
    }
    require_levels(facts.users.len(), |index| facts.users[index as usize].parent)?;
    require_levels(facts.nonusers.len(), |index| facts.nonusers[index as usize].parent)
}

/// A chain of parents that does not end is too long, too.
fn require_levels(count: usize, parent_of: impl Fn(u32) -> Option<u32>) -> Result<(), Error> {
    for index in 0..count as u32 {
        let mut next = Some(index);
        for _ in 0..MOST_LEVELS {
            next = next.and_then(&parent_of);
        }
        require(next.is_none())?;
    }
    Ok(())
}

pub fn require(holds: bool) -> Result<(), Error> {
    if holds { Ok(()) } else { Err(Error::NOT_SAVED) }
}
