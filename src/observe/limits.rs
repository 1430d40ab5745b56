//! What a scan reads and records at most, so that no process makes it take long, or much memory.
//!
//! Processes and namespaces are not limited here: the kernel limits both, and each takes more memory there than in a scan.

use crate::facts::{Holder, Target};
use std::collections::TryReserveError;

/// If the caller sets no limit.
const DEFAULT: u64 = 1_000_000;
/// With this many pins and the members of all processes, indices still have 32 bits.
const MOST: u64 = 1 << 29;
/// So many times more things are read than pins recorded.
const READ_PER_PIN: usize = 4;

/// The limits of one scan.
pub struct Limits {
    /// So many pins are recorded.
    pub pins: usize,
    /// The pins of processes themselves, which are recorded in any case.
    own: usize,
    /// Whether a user or a nonuser namespace has a pin, by index.
    held_users: Vec<bool>,
    held_nonusers: Vec<bool>,
    /// So many threads besides thread-group leaders, descriptors and mounts may still be read.
    pub threads: Rest,
    pub descriptors: Rest,
    pub mounts: Rest,
}

/// What is left of a limit.
pub struct Rest(usize);

impl Rest {
    /// Whether there are as many left.
    pub fn has(&self, count: u64) -> bool {
        self.0 as u64 >= count
    }

    /// Takes one; false if nothing is left.
    pub fn take(&mut self) -> bool {
        let left = self.0.checked_sub(1);
        self.0 = left.unwrap_or(0);
        left.is_some()
    }
}

impl Limits {
    /// The largest number of pins; 0 stands for the default.
    pub fn new(limit: u64) -> Limits {
        let pins = if limit == 0 { DEFAULT } else { limit.min(MOST) } as usize;
        let rest = || Rest(READ_PER_PIN.saturating_mul(pins));
        Limits {
            pins,
            own: 0,
            held_users: Vec::new(),
            held_nonusers: Vec::new(),
            threads: rest(),
            descriptors: rest(),
            mounts: rest(),
        }
    }

    /// Whether a pin may be recorded, after `recorded` others: yes for the first one of each namespace, and for those of
    /// processes themselves.
    #[inline]
    pub fn may_hold(&mut self, target: Target, holder: &Holder, recorded: usize) -> Result<bool, TryReserveError> {
        let is_first = self.is_first(target)?;
        let is_own = is_own(holder);
        self.own = self.own.saturating_add(is_own.into());
        Ok(is_first || is_own || recorded.saturating_sub(self.own) < self.pins)
    }

    /// Takes back that a pin was recorded. The next one of its namespace counts as the first.
    pub fn forget(&mut self, target: Target, holder: &Holder) {
        let (held, index) = self.held(target);
        if let Some(held) = held.get_mut(index) {
            *held = false;
        }
        self.own -= usize::from(is_own(holder)).min(self.own);
    }

    #[inline]
    fn held(&mut self, target: Target) -> (&mut Vec<bool>, usize) {
        match target {
            Target::User(index) => (&mut self.held_users, index as usize),
            Target::Nonuser(index) => (&mut self.held_nonusers, index as usize),
        }
    }

    fn is_first(&mut self, target: Target) -> Result<bool, TryReserveError> {
        let (held, index) = self.held(target);
        if index >= held.len() {
            held.try_reserve(index - held.len() + 1)?;
            held.resize(index + 1, false);
        }
        Ok(!std::mem::replace(&mut held[index], true))
    }
}

/// Whether a pin is one of a process itself.
fn is_own(holder: &Holder) -> bool {
    matches!(*holder, Holder::Member { pid, tid } | Holder::ForChildren { pid, tid } if pid == tid)
}

#[cfg(test)]
mod tests {
    use super::*;

    const DESCRIPTOR: Holder = Holder::Descriptor { pid: 1, tid: 1, number: 3 };
    const LEADER: Holder = Holder::Member { pid: 1, tid: 1 };
    const THREAD: Holder = Holder::Member { pid: 1, tid: 2 };

    #[test]
    fn a_limit_is_reached() {
        let mut limits = Limits::new(2);
        let all = [
            (Target::User(3), DESCRIPTOR, true),
            (Target::User(3), LEADER, true), // does not count
            (Target::User(3), THREAD, true),
            (Target::User(3), DESCRIPTOR, false),
            (Target::User(3), THREAD, false),
            (Target::User(3), LEADER, true),
            (Target::Nonuser(3), DESCRIPTOR, true), // the first of its namespace
            (Target::Nonuser(3), DESCRIPTOR, false),
            (Target::User(0), DESCRIPTOR, true),
        ];
        let mut recorded = 0;
        for (index, (target, holder, expected)) in all.into_iter().enumerate() {
            assert_eq!(limits.may_hold(target, &holder, recorded), Ok(expected), "{index}");
            recorded += usize::from(expected);
        }
        for rest in [&mut limits.threads, &mut limits.descriptors, &mut limits.mounts] {
            assert_eq!((0..10).filter(|_| rest.take()).count(), 2 * READ_PER_PIN);
            assert!(!rest.take());
        }
    }

    #[test]
    fn limits_do_not_wrap() {
        assert_eq!((Limits::new(0).pins, Limits::new(1).pins), (DEFAULT as usize, 1));
        let largest = Limits::new(u64::MAX);
        assert_eq!(largest.pins, MOST as usize);
        // Nine links of each of 2^22 processes, the most that the kernel permits (PID_MAX_LIMIT).
        assert!(MOST + 9 * (1 << 22) < u64::from(u32::MAX));
        assert!(largest.descriptors.has(MOST) && !largest.descriptors.has(u64::MAX));
    }
}
