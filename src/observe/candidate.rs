//! Descriptors that have to be read through procfs, though BPF passes all.

use std::ops::Range;

/// A descriptor whose file procfs has to tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Candidate {
    pub pid: i32,
    /// The thread with the descriptor table: the thread-group leader, or a thread with a table of its own.
    pub tid: i32,
    pub number: i32,
}

/// What procfs has to tell about descriptors.
#[derive(Default)]
pub struct Candidates {
    /// Those that BPF selected, sorted by process, thread and number.
    pub selected: Vec<Candidate>,
    /// The PIDs of processes that BPF may not have passed as a whole, in ascending order: all their descriptors are read.
    pub unsettled: Vec<i32>,
}

impl Candidates {
    pub fn are_all_read(&self, pid: i32) -> bool {
        self.unsettled.binary_search(&pid).is_ok()
    }

    /// Whether a process may have a descriptor to read.
    pub fn may_be_of(&self, pid: i32) -> bool {
        self.are_all_read(pid) || self.selected.binary_search_by_key(&pid, |descriptor| descriptor.pid).is_ok()
    }

    /// The range of a thread's descriptors in `selected`. `None`: all are read.
    pub fn of_thread(&self, pid: i32, tid: i32) -> Option<Range<usize>> {
        if self.are_all_read(pid) {
            return None;
        }
        let (key, own) = (|descriptor: &Candidate| (descriptor.pid, descriptor.tid), (pid, tid));
        let start = self.selected.partition_point(|other| key(other) < own);
        Some(start..self.selected.partition_point(|other| key(other) <= own))
    }
}
