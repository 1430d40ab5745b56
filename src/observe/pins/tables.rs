//! Which threads of a process share a descriptor table: kcmp(2).

use crate::sys::{Errno, pidfd};
use crate::util::arrays::insert;
use std::cmp::Ordering;
use std::collections::TryReserveError;

/// The descriptor tables of one process that were read, each by a thread that has it.
pub struct Tables {
    /// In the order of kcmp(2). That is an order of addresses in the kernel, in disguise: it does not change while the tables
    /// exist. If a thread changes its table meanwhile, a table can be taken for a new one, and so be read twice.
    threads: Vec<i32>,
    /// Whether the procfs numbers threads as the caller's PID namespace does, so that kcmp(2) knows their TIDs.
    same_pids: bool,
}

/// What is known about the table of a thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Table {
    /// Another thread has it, too, and it was read.
    Read,
    /// It was not read; with its place in the order.
    New(usize),
    /// The kernel does not tell.
    Unknown,
}

impl Tables {
    pub fn new(same_pids: bool) -> Tables {
        Tables { threads: Vec::new(), same_pids }
    }

    /// Begins with another process.
    pub fn clear(&mut self) {
        self.threads.clear();
    }

    pub fn find(&mut self, tid: i32) -> Table {
        match self.same_pids || self.threads.is_empty() {
            true => self.search(tid, &mut pidfd::compare_descriptors),
            false => Table::Unknown,
        }
    }

    /// Remembers the table of a thread, which was just searched for, as read.
    pub fn insert(&mut self, place: usize, tid: i32) -> Result<(), TryReserveError> {
        insert(&mut self.threads, place, tid)
    }

    /// A bisection, with the logarithm of the number of tables as the number of comparisons.
    fn search(&mut self, tid: i32, compare: &mut dyn FnMut(i32, i32) -> Result<Ordering, Errno>) -> Table {
        let (mut low, mut high) = (0, self.threads.len());
        while low < high {
            let middle = low + (high - low) / 2;
            let other = self.threads[middle];
            match compare(other, tid) {
                Ok(Ordering::Equal) => return Table::Read,
                Ok(Ordering::Less) => low = middle + 1,
                Ok(Ordering::Greater) => high = middle,
                // The other thread has ended, and perhaps its table.
                Err(errno) if errno.is_gone() && compare(other, other).is_err() => {
                    self.threads.remove(middle);
                    high -= 1;
                }
                Err(_) => return Table::Unknown,
            }
        }
        Table::New(low)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Threads with these tables, in the order in which they are read; `None` has ended.
    fn read_all(tables: &[Option<u64>], read: &mut Tables) -> (Vec<i32>, usize) {
        let (mut found, mut calls) = (Vec::new(), 0);
        for tid in 0..tables.len() as i32 {
            let table = read.search(tid, &mut |one, other| {
                calls += 1;
                let table = |tid: i32| tables[tid as usize].ok_or(Errno(libc::ESRCH));
                Ok(table(one)?.cmp(&table(other)?))
            });
            if let Table::New(place) = table {
                read.insert(place, tid).unwrap();
                found.push(tid);
            }
        }
        (found, calls)
    }

    #[test]
    fn each_table_is_read_once() {
        let mut read = Tables::new(true);
        let tables = [7, 3, 7, 9, 3, 1, 9, 7].map(Some);
        assert_eq!(read_all(&tables, &mut read).0, [0, 1, 3, 5]);
        assert_eq!(read.threads, [5, 1, 0, 3]);
    }

    #[test]
    fn the_number_of_comparisons_is_not_quadratic() {
        const COUNT: u64 = if cfg!(miri) { 100 } else { 10_000 }; // Miri needs too long for more.
        let scattered = |number: u64| Some(number.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let tables: Vec<_> = (0..COUNT).map(scattered).collect();
        let (found, calls) = read_all(&tables, &mut Tables::new(true));
        assert_eq!(found.len(), COUNT as usize);
        assert!(calls < 14 * COUNT as usize, "{calls}"); // 2^14 is more than 10,000
    }

    /// A thread that was read can end; the others are still compared.
    #[test]
    fn threads_that_ended_are_forgotten() {
        let mut read = Tables::new(true);
        read_all(&[5, 2, 8].map(Some), &mut read);
        let now = |one: i32, other: i32| -> Result<Ordering, Errno> {
            let table = |tid: i32| [None, Some(2), Some(8), Some(8), None][tid as usize].ok_or(Errno(libc::ESRCH));
            Ok(table(one)?.cmp(&table(other)?))
        };
        assert_eq!(read.search(3, &mut { now }), Table::Read);
        assert_eq!(read.threads, [1, 2]);
        assert_eq!(read.search(4, &mut { now }), Table::Unknown, "it has ended itself");
        assert_eq!(read.threads, [1, 2]);
    }

    #[test]
    fn without_an_answer_nothing_is_known() {
        let mut read = Tables::new(true);
        let mut refuse = |_, _| Err(Errno(libc::EPERM));
        assert_eq!(read.search(1, &mut refuse), Table::New(0), "the first is compared with no other");
        read.insert(0, 1).unwrap();
        assert_eq!(read.search(2, &mut refuse), Table::Unknown);
        let mut other = Tables::new(false);
        assert_eq!(other.find(1), Table::New(0));
        other.insert(0, 1).unwrap();
        assert_eq!(other.find(2), Table::Unknown, "of another PID namespace");
    }
}
