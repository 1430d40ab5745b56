//! What is left to read of processes whose namespaces BPF told: selected descriptors, and mounts that no other process with the
//! same root directory has shown.

use super::super::answer::Answer;
use super::Search;
use super::missed::Missed;
use super::threads::Thread;
use crate::error::Error;
use crate::observe::told::MNT;
use crate::sys::file;
use crate::util::arrays::push;
use std::ops::Range;

impl Search<'_, '_> {
    /// Visits a process whose namespaces BPF told, only if it has a descriptor or mounts to read. `told`: its threads, in
    /// `self.told`. False as `visit_once`.
    pub fn visit_told(&mut self, pid: i32, told: Range<usize>, is_last: bool) -> Result<bool, Error> {
        let (mut missed, unread) = (Missed::default(), self.unread.len());
        let mut is_known = !self.descriptors.may_have_any(pid);
        for index in told.clone() {
            is_known &= self.add_told(index, &mut missed)?;
        }
        if !is_known {
            let leader = match Thread::leader(self.context.procfs, pid)? {
                Answer::Is(leader) if file::status(&leader.directory).is_ok() => leader,
                Answer::Is(_) | Answer::Gone => return self.miss_hidden(pid).map(|()| true),
                Answer::Refused(_) => return self.miss(pid).map(|()| true),
            };
            let is_settled = self.read_told_descriptors(&leader, is_last, &mut missed)?;
            self.read_told_mounts(&leader, told, &mut missed)?;
            if (!is_settled || missed.has_ended) && !leader.has_process_ended(self.context.procfs)? {
                if !is_last {
                    return Ok(false);
                }
                missed.mounts |= missed.has_ended;
                self.miss_thread(pid, &mut missed);
            }
        }
        if missed.mounts {
            self.unread.truncate(unread); // to count the process once
        }
        self.count_missed(missed);
        Ok(true)
    }

    /// Whether a thread that BPF told has no mounts to read: then another thread with the same root directory showed them.
    fn add_told(&mut self, index: usize, missed: &mut Missed) -> Result<bool, Error> {
        let thread = self.told.threads[index];
        let Some((namespace, root)) = self.mount_namespace(index).zip(thread.root) else { return Ok(true) };
        let Some(&root) = self.told.roots.get(root as usize) else { return Ok(true) };
        let is_whole = self.mounts.add_told(thread.pid, thread.tid, namespace, root)?;
        missed.mounts |= is_whole == Some(false);
        Ok(is_whole.is_some())
    }

    /// The inode number of the mount namespace of a thread that BPF told.
    fn mount_namespace(&self, index: usize) -> Option<u64> {
        let namespace = self.told.set_of(&self.told.threads[index])[MNT]?;
        Some(self.context.nonusers.entries()[namespace as usize].inode)
    }

    fn read_told_descriptors(&mut self, leader: &Thread, is_last: bool, missed: &mut Missed) -> Result<bool, Error> {
        if !self.descriptors.may_have_any(leader.pid) {
            return Ok(true);
        }
        let is_alone = leader.is_only_one(self.context.procfs);
        self.descriptors.enter_process(self.context, leader.pid, is_alone && is_last);
        // Before the leader is read, as in `visit_once`.
        let tasks = if is_alone { None } else { self.list_threads(leader, missed)? };
        self.read_descriptors(leader, missed)?;
        match tasks {
            Some(tasks) => Ok(self.visit_threads(&tasks, leader, missed, &Self::read_descriptors)?
                && self.threads.has_living(self.context.procfs, &tasks, leader.pid)),
            None => Ok(!is_alone || self.is_still_alone(leader, missed)?),
        }
    }

    fn read_told_mounts(&mut self, leader: &Thread, told: Range<usize>, missed: &mut Missed) -> Result<(), Error> {
        let mut has_one_ended = false;
        for index in told {
            if self.add_told(index, missed)? {
                continue;
            }
            let other;
            let thread = match self.told.threads[index].tid {
                tid if tid == leader.tid => leader,
                tid => match Thread::of_process(self.context.procfs, leader, tid)? {
                    Answer::Is(thread) => {
                        other = thread;
                        &other
                    }
                    Answer::Gone => {
                        has_one_ended = true;
                        continue;
                    }
                    Answer::Refused(_) => {
                        push(&mut self.unread, index)?;
                        continue;
                    }
                },
            };
            // It can have moved meanwhile.
            let present = thread.mount_namespace(self.context.procfs)?;
            let is_read = match present.or(self.mount_namespace(index)) {
                Some(inode) => self.mounts.read(self.context, thread, inode)?,
                None => None,
            };
            if is_read == Some(false) {
                push(&mut self.unread, index)?;
            }
            has_one_ended |= is_read.is_none() || !thread.is_alive(self.context.procfs);
        }
        if has_one_ended {
            // It may have called execve(2), and so have taken the place of the leader. Or the leader has ended, and other
            // threads see the same as it did.
            let tasks = self.list_threads(leader, missed)?;
            self.read_present_mounts(leader, missed)?;
            if let Some(tasks) = tasks {
                missed.has_ended |= !self.visit_threads(&tasks, leader, missed, &Self::read_present_mounts)?;
            }
        }
        Ok(())
    }

    fn read_present_mounts(&mut self, thread: &Thread, missed: &mut Missed) -> Result<(), Error> {
        let namespace = thread.mount_namespace(self.context.procfs)?;
        self.read_mounts(thread, namespace, missed)
    }

    /// Counts the processes that BPF told, and whose mounts neither they nor others have shown.
    pub fn count_unread(&mut self) -> Result<(), Error> {
        let mut last = 0;
        for index in std::mem::take(&mut self.unread) {
            let mut missed = Missed::default();
            missed.mounts |= !self.add_told(index, &mut missed)?;
            let pid = self.told.threads[index].pid;
            if missed.mounts && pid != last {
                self.count_missed(missed);
                last = pid;
            }
        }
        Ok(())
    }
}
