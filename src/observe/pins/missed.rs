//! Counts what could not be read of a process.

use super::Search;
use crate::error::Error;
use crate::facts::Gap;
use crate::util::arrays::push;

/// The parts of a process that could not be read.
#[derive(Clone, Copy, Default)]
pub struct Missed {
    pub descriptors: bool,
    pub mounts: bool,
    /// A thread ended while it was read.
    pub has_ended: bool,
}

impl Search<'_, '_> {
    pub fn count_missed(&mut self, missed: Missed) {
        self.context.miss(Gap::Descriptors, missed.descriptors.into());
        self.context.miss(Gap::Mounts, missed.mounts.into());
    }

    /// Counts a process that BPF shows and procfs hides, unless it has ended.
    pub fn miss_hidden(&mut self, pid: i32) -> Result<(), Error> {
        if self.context.is_hidden(pid)? { self.miss(pid) } else { Ok(()) }
    }

    /// Counts a process of which nothing can be read.
    pub fn miss(&mut self, pid: i32) -> Result<(), Error> {
        let told = self.told.range_of(pid);
        let is_told = !told.is_empty();
        self.context.miss(Gap::Links, (!is_told).into());
        if self.wanted.pinned {
            self.context.miss(Gap::Descriptors, self.descriptors.may_have_any(pid).into());
            self.context.miss(Gap::Mounts, (!is_told).into());
        }
        for index in told {
            push(&mut self.unread, index)?;
        }
        Ok(())
    }

    /// Counts threads of which nothing can be read.
    pub fn miss_thread(&mut self, pid: i32, missed: &mut Missed) {
        self.context.miss(Gap::Links, self.told.range_of(pid).is_empty().into());
        missed.descriptors |= self.descriptors.may_have_any(pid);
        missed.mounts = true;
    }
}
