//! Descriptors of a process whose tables the kernel does not tell apart.

use crate::facts::{Hold, Holder, Target};
use crate::util::hash::IntMap;
use std::collections::TryReserveError;

/// If kcmp(2) is denied, it is unknown whether a thread has a table of its own, so each is read. Equal entries in the tables
/// of one process then count once.
#[derive(Default)]
pub struct Repeated {
    /// The namespaces and numbers of the descriptors so far, and whether these are of io_urings.
    known: IntMap<(Target, i32, bool), ()>,
    /// The first hold that is not in `known`.
    next: usize,
}

impl Repeated {
    /// Begins with another process, whose first hold will be the one with this index.
    pub fn clear(&mut self, start: usize) {
        self.known.clear();
        self.next = start;
    }

    /// Removes from the holds with this index and higher ones those that the process had before.
    pub fn forget(&mut self, holds: &mut Vec<Hold>, from: usize) -> Result<(), TryReserveError> {
        let mut kept = from;
        for index in self.next..holds.len() {
            let hold = holds[index];
            let is_new = self.enter(&hold)?;
            if index >= from && is_new {
                holds[kept] = hold;
                kept += 1;
            }
        }
        holds.truncate(kept);
        self.next = kept;
        Ok(())
    }

    fn enter(&mut self, hold: &Hold) -> Result<bool, TryReserveError> {
        match hold.holder {
            Holder::Descriptor { number, .. } => self.enter_number(hold.target, number, false),
            Holder::IoUring { number, .. } => self.enter_number(hold.target, number, true),
            _ => Ok(true),
        }
    }

    fn enter_number(&mut self, target: Target, number: i32, is_ring: bool) -> Result<bool, TryReserveError> {
        self.known.try_reserve(1)?;
        Ok(self.known.insert((target, number, is_ring), ()).is_none())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(target: u32, tid: i32, number: i32) -> Hold {
        Hold { target: Target::User(target), holder: Holder::Descriptor { pid: 1, tid, number } }
    }

    #[test]
    fn equal_entries_count_once() {
        let other = Hold { target: Target::User(0), holder: Holder::Member { pid: 1, tid: 3 } };
        let mut holds = vec![hold(0, 0, 3), hold(0, 1, 3), hold(0, 1, 4), hold(1, 1, 5)];
        let mut repeated = Repeated::default();
        repeated.clear(1); // the first is of another process
        holds.extend([hold(0, 2, 3), hold(0, 2, 5), hold(1, 2, 5), other, other]);
        repeated.forget(&mut holds, 4).unwrap();
        let expected = [hold(0, 0, 3), hold(0, 1, 3), hold(0, 1, 4), hold(1, 1, 5), hold(0, 2, 5), other, other];
        assert_eq!(holds, expected);
        holds.extend([hold(0, 3, 5), hold(0, 3, 6)]);
        repeated.forget(&mut holds, 7).unwrap();
        assert_eq!(holds[7..], [hold(0, 3, 6)]);
    }
}
