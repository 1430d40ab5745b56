//! The order of siblings: by the smallest PID in their subtrees, compared as text, then by inode number.

use crate::facts::{Member, UserNamespace};
use crate::util::arrays::{numbers, reserved, sort_by_number};
use std::collections::TryReserveError;

/// The sort key of a namespace among its siblings, before the inode number. Roots are siblings of each other.
#[derive(Clone, Copy)]
struct Rank {
    /// For roots: the initial namespace, the caller's own, the others.
    root: u64,
    /// The smallest text key of a PID in its subtree; `u64::MAX` if there is none.
    text: u64,
}

/// All namespaces, with siblings in their order. `members` must be sorted by PID.
pub fn sibling_order(
    users: &[UserNamespace],
    members: &[Member],
    own: Option<u32>,
) -> Result<Vec<u32>, TryReserveError> {
    let mut ranks = reserved(users.len())?;
    ranks.extend((0..).zip(users).map(|(index, user)| {
        let root = match user.parent {
            None if !user.is_initial() => 2 - u64::from(own == Some(index)),
            _ => 0,
        };
        Rank { root, text: u64::MAX }
    }));
    for (namespace, text) in text_keys(members) {
        let mut next = Some(namespace);
        while let Some(index) = next.filter(|&index| text < ranks[index as usize].text) {
            ranks[index as usize].text = text;
            next = users[index as usize].parent;
        }
    }
    let mut order = numbers(users.len())?;
    // Stable sorts, the least significant key first.
    sort_by_number(&mut order, &|&index| users[index as usize].inode)?;
    sort_by_number(&mut order, &|&index| ranks[index as usize].text)?;
    sort_by_number(&mut order, &|&index| ranks[index as usize].root)?;
    Ok(order)
}

/// The namespace of each member, and a number that sorts PIDs as their decimal text: 1, 10, 100, 11, 2. `members` must be
/// sorted by PID.
pub fn text_keys(members: &[Member]) -> impl Iterator<Item = (u32, u64)> + '_ {
    // A PID has at most ten digits.
    let (mut length, mut next_longer, mut scale) = (0, 10, 10_u64.pow(10));
    members.iter().map(move |member| {
        let pid = u64::from(member.pid.unsigned_abs());
        while pid >= next_longer {
            (length, next_longer, scale) = (length + 1, next_longer * 10, scale / 10);
        }
        // Padded with zeros, 1 equals 10; the length makes the shorter one the smaller.
        (member.namespace, pid * scale + length)
    })
}
