//! What changed between two snapshots. Pure.

mod identity;

use crate::error::Error;
use crate::facts::{Gap, IdKind, Member};
use crate::snapshot::{Node, Snapshot};
use crate::util::arrays::{push, zeros};
use identity::{Pairs, differ, merge};

/// A difference between two snapshots, see [`compare`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change<'s> {
    /// A namespace is in the second snapshot only. A node of that.
    Appeared(Node<'s>),
    /// A namespace has ended, as far as the second scan looked. A node of the first snapshot.
    Ended(Node<'s>),
    /// A namespace had processes, and has none. A node of the second snapshot.
    Emptied(Node<'s>),
    /// An id map of a namespace was written. A node of the second snapshot.
    Mapped(Node<'s>),
    /// A process is in a namespace in which it was not. A node of the second snapshot.
    Joined {
        /// The namespace.
        node: Node<'s>,
        /// The process.
        pid: i32,
    },
    /// A process is no longer in a namespace. A node of the first snapshot.
    Left {
        /// The namespace.
        node: Node<'s>,
        /// The process.
        pid: i32,
    },
}

impl<'s> Change<'s> {
    /// The user namespace.
    pub fn node(&self) -> Node<'s> {
        match *self {
            Change::Appeared(node) | Change::Ended(node) | Change::Emptied(node) | Change::Mapped(node) => node,
            Change::Joined { node, .. } | Change::Left { node, .. } => node,
        }
    }

    /// The process that joined or left.
    pub fn pid(&self) -> Option<i32> {
        match *self {
            Change::Joined { pid, .. } | Change::Left { pid, .. } => Some(pid),
            _ => None,
        }
    }
}

/// Finds what changed between two snapshots of one host.
///
/// Two nodes are the same namespace if they have the same [id](Node::id). If an id is unknown (before Linux 6.18), they are
/// taken for the same if they have the same inode number, owner and parent. That is uncertain: a namespace can have ended and
/// a new one of the same user have got its number.
///
/// The order is one in which the changes can have happened: namespaces that appeared, ancestors first; those that were mapped;
/// processes that left or joined, by PID, a process that moved leaves first; namespaces that were emptied; those that ended,
/// descendants first. The processes of a namespace that appeared have joined it, those of one that ended have left it.
///
/// What `after` could not see is not said to have left or ended, and everything that only `after` shows is a change; the
/// comment of `userns_compare()` in the C header has the rules.
///
/// ```
/// let before = userns::scan()?;
/// let after = userns::scan()?;
/// for change in userns::compare(&before, &after)? {
///     println!("{change:?}");
/// }
/// # Ok::<(), userns::Error>(())
/// ```
///
/// # Errors
///
/// EXDEV if the snapshots are of different boots or PID namespaces, as far as these are known. ENOMEM.
pub fn compare<'s>(before: &'s Snapshot, after: &'s Snapshot) -> Result<Vec<Change<'s>>, Error> {
    if differ(before.boot_id(), after.boot_id()) || differ(before.pid_namespace(), after.pid_namespace()) {
        return Err(Error::OTHER_BOOT);
    }
    let pairs = Pairs::new(before, after)?;
    let has_unread = zeros(before.nodes().len())?;
    let mut comparison = Comparison { before, after, pairs, has_unread, changes: Vec::new() };
    comparison.add_new()?;
    comparison.add_moves()?;
    comparison.add_emptied()?;
    comparison.add_ended()?;
    Ok(comparison.changes)
}

struct Comparison<'s> {
    before: &'s Snapshot,
    after: &'s Snapshot,
    pairs: Pairs,
    /// By node of `before`: whether it had a process whose user namespace `after` could not read.
    has_unread: Vec<bool>,
    changes: Vec<Change<'s>>,
}

impl<'s> Comparison<'s> {
    fn add(&mut self, change: Change<'s>) -> Result<(), Error> {
        Ok(push(&mut self.changes, change)?)
    }

    /// A node of `after`, and that of `before` which is the same namespace.
    fn node(&self, index: u32) -> (Option<Node<'s>>, Node<'s>) {
        (self.pairs.before_of[index as usize].map(|old| self.before.node(old)), self.after.node(index))
    }

    fn add_new(&mut self) -> Result<(), Error> {
        let count = self.after.nodes().len() as u32;
        for index in 0..count {
            if let (None, node) = self.node(index) {
                self.add(Change::Appeared(node))?;
            }
        }
        for index in 0..count {
            let (old, node) = self.node(index);
            if old.is_some_and(|old| is_mapped(old, node)) {
                self.add(Change::Mapped(node))?;
            }
        }
        Ok(())
    }

    fn add_moves(&mut self) -> Result<(), Error> {
        let (before, after) = (self.before.members(), self.after.members());
        let by_pid = |members: &'s [Member]| (0..).zip(members).map(|(index, member)| (member.pid as u64, index));
        let mut processes = self.after.processes().iter().map(|process| process.pid).peekable();
        merge(&mut by_pid(before), &mut by_pid(after), &mut |old, new| {
            let old = old.map(|index| before[index as usize]);
            let new = new.map(|index| after[index as usize]);
            let pid = old.or(new).map_or(0, |member| member.pid);
            while processes.next_if(|&other| other < pid).is_some() {}
            // The scan has seen the process, but not its user namespace.
            let is_unread = new.is_none() && processes.peek() == Some(&pid);
            self.add_move(old, new, is_unread)
        })
    }

    /// Compares where a process is.
    fn add_move(&mut self, old: Option<Member>, new: Option<Member>, is_unread: bool) -> Result<(), Error> {
        let target = old.and_then(|old| self.pairs.after_of[old.namespace as usize]);
        if target.is_some() && target == new.map(|new| new.namespace) {
            return Ok(());
        }
        match old {
            Some(old) if is_unread => self.has_unread[old.namespace as usize] = true,
            Some(old) => self.add(Change::Left { node: self.before.node(old.namespace), pid: old.pid })?,
            None => (),
        }
        match new {
            Some(new) => self.add(Change::Joined { node: self.after.node(new.namespace), pid: new.pid }),
            None => Ok(()),
        }
    }

    fn add_emptied(&mut self) -> Result<(), Error> {
        for index in 0..self.after.nodes().len() as u32 {
            let (Some(old), node) = self.node(index) else { continue };
            if !old.is_empty() && node.is_empty() && !self.has_unread[old.index() as usize] {
                self.add(Change::Emptied(node))?;
            }
        }
        Ok(())
    }

    /// A namespace exists as long as a descendant or process of it.
    fn add_ended(&mut self) -> Result<(), Error> {
        let is_out_of_sight = out_of_sight(self.before, self.after);
        let mut exists = std::mem::take(&mut self.has_unread);
        for index in (0..exists.len()).rev() {
            let node = self.before.node(index as u32);
            exists[index] |= self.pairs.after_of[index].is_some();
            if let Some(parent) = node.parent().filter(|_| exists[index]) {
                exists[parent.index() as usize] = true;
            }
            if !exists[index] && !is_out_of_sight(node) {
                self.add(Change::Ended(node))?;
            }
        }
        Ok(())
    }
}

/// Whether an id map was written. The kernel lets each be written once, and not be empty.
fn is_mapped(old: Node<'_>, new: Node<'_>) -> bool {
    let is_written = |kind| matches!((old.map(kind), new.map(kind)), (Some([]), Some([_, ..])));
    [IdKind::Uid, IdKind::Gid, IdKind::Projid].into_iter().any(is_written)
}

/// Tells of a node of `before` whether `after` could not see what showed it.
fn out_of_sight<'s>(before: &'s Snapshot, after: &'s Snapshot) -> impl Fn(Node<'s>) -> bool {
    // Each host has nonuser namespaces: without one, a scan did not look for them.
    let looks_less_far =
        after.empty_source() < before.empty_source() || (after.nonusers().len() == 0 && before.nonusers().len() > 0);
    let misses_more = HIDING.into_iter().any(|gap| after.gaps().count(gap) > before.gaps().count(gap));
    move |node| {
        let is_empty = node.is_subtree_empty();
        (looks_less_far && (is_empty || node.is_subtree_pinned())) || (misses_more && is_empty)
    }
}

/// Gaps that can hide a namespace without processes.
const HIDING: [Gap; 8] = [
    Gap::Links,
    Gap::Descriptors,
    Gap::Sockets,
    Gap::Mounts,
    Gap::MountNamespaces,
    Gap::Chrooted,
    Gap::UnopenedMounts,
    Gap::Relations,
];

#[cfg(test)]
mod tests;
