//! What BPF told about threads, so that procfs need not be asked.

use crate::facts::{Holder, Member};
use crate::sys::file::{Identity, Place};
use crate::util::arrays::{Ascending, sort_by_number};
use std::collections::TryReserveError;
use std::ops::Range;

/// What BPF told about threads.
#[derive(Default)]
pub struct Told {
    /// By PID: the thread-group leader, then the threads that differ from it, by TID.
    pub threads: Vec<Thread>,
    pub sets: Vec<Set>,
    /// See [`root`].
    pub roots: Vec<Place>,
}

/// A thread.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Thread {
    pub pid: i32,
    pub tid: i32,
    /// The index of its namespaces; `None` if it has none.
    pub set: Option<u32>,
    /// The index of its root directory; `None` if it has none, or if these are not wanted.
    pub root: Option<u32>,
}

/// The nonuser namespaces of a thread, by their index in `Nonusers`: those of the links in `/proc/PID/ns`, by name, and the
/// `*_for_children` last.
pub type Set = [Option<u32>; LENGTH];

pub const LENGTH: usize = 9;

/// The index of `ns/mnt`, of `ns/pid`, and of the first `*_for_children` link.
pub const MNT: usize = 2;
pub const PID: usize = 4;
pub const FOR_CHILDREN: usize = 7;

/// How a root directory is known, `is_top` if it is the root of its mount: then the mount tells which directory it is.
pub fn root(directory: Place, is_top: bool) -> Place {
    let identity = if is_top { Identity { device: 0, inode: 0 } } else { directory.identity };
    Place { identity, ..directory }
}

/// Whether the link with this index says nothing new of a thread with these other links: its thread-group leader has the same,
/// or the namespace for children is that of the thread itself.
pub fn is_repeated<T: PartialEq>(index: usize, link: &Option<T>, others: &[Option<T>], leader: &[Option<T>]) -> bool {
    leader[index] == *link || (index >= FOR_CHILDREN && others[..FOR_CHILDREN].contains(link))
}

/// The holder of the namespace in the link with this index.
pub fn holder(index: usize, pid: i32, tid: i32) -> Holder {
    if index < FOR_CHILDREN { Holder::Member { pid, tid } } else { Holder::ForChildren { pid, tid } }
}

impl Told {
    /// Sorts the threads. Of two records of one thread, that with more namespaces remains: the other one is of a thread that
    /// has exited, or was the thread-group leader before execve(2).
    pub fn sort(&mut self) -> Result<(), TryReserveError> {
        sort_by_number(&mut self.threads, &|thread| if thread.tid == thread.pid { 0 } else { thread.tid as u64 })?;
        sort_by_number(&mut self.threads, &|thread| thread.pid as u64)?;
        let sets = &self.sets;
        let size = |thread: &Thread| set_of(sets, thread).iter().flatten().count();
        self.threads.dedup_by(|next, kept| {
            let is_same = (next.pid, next.tid) == (kept.pid, kept.tid);
            if is_same && size(next) > size(kept) {
                *kept = *next;
            }
            is_same
        });
        Ok(())
    }

    /// Where the threads of a process are; empty if they were not told.
    pub fn range_of(&self, pid: i32) -> Range<usize> {
        let start = self.threads.partition_point(|thread| thread.pid < pid);
        start..start + self.threads[start..].iter().take_while(|thread| thread.pid == pid).count()
    }

    /// Whether the threads of all these processes, in ascending order, were told.
    pub fn has_all(&self, members: &[Member]) -> bool {
        let mut told = Ascending::new(self.threads.iter().map(|thread| thread.pid));
        members.iter().all(|member| told.has(member.pid))
    }

    /// Forgets some processes, in ascending order. A thread that calls execve(2) can be missing then, see bpf/leaders.rs.
    pub fn forget(&mut self, unsettled: &[i32]) {
        let mut unsettled = Ascending::new(unsettled.iter().copied());
        self.threads.retain(|thread| !unsettled.has(thread.pid));
    }

    /// Forgets processes whose thread-group leader had no namespaces, and so had exited.
    pub fn forget_exited(&mut self) {
        let sets = &self.sets;
        self.threads.retain(|thread| set_of(sets, thread)[MNT].is_some());
    }

    /// The namespaces of a thread; none if it has exited.
    pub fn set_of(&self, thread: &Thread) -> &Set {
        set_of(&self.sets, thread)
    }
}

fn set_of<'s>(sets: &'s [Set], thread: &Thread) -> &'s Set {
    const NONE: &Set = &[None; LENGTH];
    thread.set.and_then(|set| sets.get(set as usize)).unwrap_or(NONE)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn threads_of_a_process_are_found() {
        let thread = |(pid, tid)| Thread { pid, tid, ..Thread::default() };
        let threads = [(2, 2), (2, 7), (5, 5), (8, 8), (8, 9), (8, 10)].map(thread).to_vec();
        let told = Told { threads, ..Told::default() };
        for (pid, expected) in [(1, 0..0), (2, 0..2), (3, 2..2), (5, 2..3), (8, 3..6), (9, 6..6)] {
            assert_eq!(told.range_of(pid), expected, "{pid}");
        }
        let members = |pids: &[i32]| pids.iter().map(|&pid| Member { pid, ..Member::default() }).collect::<Vec<_>>();
        assert!(told.has_all(&members(&[2, 5, 8])) && told.has_all(&members(&[5])) && told.has_all(&[]));
        assert!(!told.has_all(&members(&[2, 4, 5])) && !told.has_all(&members(&[2, 5, 8, 9])));
    }
}
