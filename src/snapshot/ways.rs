//! The ways to a namespace: through which it, or a namespace that leads to it, can be opened.

use super::{Pin, Snapshot};
use crate::facts::{NamespaceType, Target};
use crate::util::arrays::push;
use std::collections::TryReserveError;
use std::ops::Range;

/// A process or a pin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A member of a user namespace, by its PID.
    Member(i32),
    /// A pin, by its index.
    Pin(u32),
}

impl Snapshot {
    /// All ways to a namespace; its own members first. To a user namespace lead its descendants and what these or it own, to
    /// a PID namespace its descendants.
    pub(crate) fn ways_to(&self, target: Target) -> Result<Vec<Way>, TryReserveError> {
        let mut ways = Vec::new();
        match target {
            Target::User(node) => {
                let end = self.entries[node as usize].end;
                let below = self.by_pid.iter().filter(|member| (node + 1..end).contains(&member.namespace));
                for &pid in self.node(node).pids().iter().chain(below.map(|member| &member.pid)) {
                    push(&mut ways, Way::Member(pid))?;
                }
                // Nodes are sorted depth first, and nonuser namespaces by owner.
                self.add_pins(&mut ways, self.pins.of_node(node).start..self.pins.of_node(end - 1).end)?;
                for nonuser in self.pins.owned_by(node).start..self.pins.owned_by(end - 1).end {
                    self.add_pins(&mut ways, self.pins.of_nonuser(nonuser as u32))?;
                }
            }
            Target::Nonuser(nonuser) => {
                for index in (0..self.pins.nonusers.len() as u32).filter(|&index| self.leads_to(index, nonuser)) {
                    self.add_pins(&mut ways, self.pins.of_nonuser(index))?;
                }
            }
        }
        Ok(ways)
    }

    /// The type and the inode number of what a pin keeps.
    pub(crate) fn pinned(&self, pin: u32) -> (NamespaceType, u64) {
        match self.pins.target(pin) {
            Target::User(node) => (NamespaceType::User, self.node(node).inode()),
            Target::Nonuser(nonuser) => {
                let nonuser = self.nonuser(nonuser);
                (nonuser.namespace_type(), nonuser.inode())
            }
        }
    }

    /// Adds pins, but not relations between namespaces: these have pins of their own.
    fn add_pins(&self, ways: &mut Vec<Way>, range: Range<usize>) -> Result<(), TryReserveError> {
        for index in range {
            if !matches!(self.pin(index as u32), Pin::Owned(_) | Pin::ChildNamespace(_)) {
                push(ways, Way::Pin(index as u32))?;
            }
        }
        Ok(())
    }

    /// Whether a nonuser namespace is another one or a descendant of it.
    fn leads_to(&self, index: u32, other: u32) -> bool {
        let mut next = Some(index);
        while let Some(at) = next.filter(|&at| at != other) {
            next = self.pins.nonusers[at as usize].facts.parent;
        }
        next.is_some()
    }
}
