//! The layout of the array that the programs share with this process.
//!
//! | part                          | content                                                       |
//! |-------------------------------|---------------------------------------------------------------|
//! | [`Header`]                    | the counts                                                    |
//! | [`Slot`], a power of two      | the namespace cache                                           |
//! | [`Process`], `capacity`       | processes, each followed by [`Details`] if these are wanted   |
//! | [`Namespace`], `namespaces`   | user namespaces                                               |
//!
//! The array for descriptors consists of a [`Header`] and `capacity` times [`Descriptor`]. Numbers are in the machine's
//! byte order.

use super::tables::{Descriptor, Details, Header, Namespace, Process, Slot};
use crate::error::Error;
use std::ops::Range;

/// No array has room for more. With more processes than this, the scan reads procfs.
pub const MAX_CAPACITY: u32 = 1 << 24;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The room for processes, or for descriptors.
    pub capacity: u32,
    /// The room for user namespaces.
    pub namespaces: u32,
    /// Whether details follow each process.
    pub has_details: bool,
}

impl Layout {
    /// The size of an array for processes and namespaces.
    pub fn size(self) -> usize {
        self.namespaces().end
    }

    pub fn processes(self) -> Range<usize> {
        let begin = Header::SIZE + self.slots() * Slot::SIZE;
        begin..begin + self.capacity as usize * self.process_size()
    }

    /// The distance between processes.
    pub fn process_size(self) -> usize {
        Process::SIZE + if self.has_details { Details::SIZE } else { 0 }
    }

    pub fn namespaces(self) -> Range<usize> {
        let begin = self.processes().end.next_multiple_of(size_of::<u64>());
        begin..begin + self.namespaces as usize * Namespace::SIZE
    }

    /// The size of an array for descriptors.
    pub fn size_of_descriptors(self) -> usize {
        self.descriptors().end
    }

    pub fn descriptors(self) -> Range<usize> {
        Header::SIZE..Header::SIZE + self.capacity as usize * Descriptor::SIZE
    }

    /// The number of slots, which start behind the header.
    pub fn slots(self) -> usize {
        (self.namespaces as usize).next_power_of_two()
    }

    /// The layout for the next attempt, if something did not fit into this one.
    pub fn grown_for(self, header: &Header) -> Result<Option<Layout>, Error> {
        if header.count <= self.capacity.into() && header.namespace_count <= self.namespaces.into() {
            return Ok(None);
        }
        let grown = |room: u32, count: u64| match u32::try_from(count) {
            Ok(count) if count <= room => Ok(room),
            // A chain of namespaces ends where there is no more room, so there can be many more than the count says.
            Ok(count @ ..=MAX_CAPACITY) => Ok(with_spare(count).max(2 * room)),
            _ => Err(Error::NO_MEMORY),
        };
        let capacity = grown(self.capacity, header.count)?;
        Ok(Some(Layout { capacity, namespaces: grown(self.namespaces, header.namespace_count)?, ..self }))
    }
}

/// Room for new ones that come meanwhile.
pub fn with_spare(count: u32) -> u32 {
    count + count / 8 + 256
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(count: u64, namespace_count: u64) -> Header {
        Header { count, namespace_count, ..Header::parse(&[0; Header::SIZE]).unwrap() }
    }

    #[test]
    fn room_grows_until_it_suffices() {
        let layout = Layout { capacity: 100, namespaces: 10, has_details: false };
        assert_eq!(layout.grown_for(&header(100, 10)), Ok(None));
        let grown = layout.grown_for(&header(100, 11)).unwrap().unwrap();
        assert!(grown.capacity == 100 && grown.namespaces >= 20);
        let grown = layout.grown_for(&header(5000, 0)).unwrap().unwrap();
        assert!(grown.capacity > 5000 && grown.namespaces == 10);
        assert_eq!(layout.grown_for(&header(u64::from(MAX_CAPACITY) + 1, 0)), Err(Error::NO_MEMORY));
    }

    /// The parts are adjacent, and the 64-bit fields are aligned.
    #[test]
    fn parts_do_not_overlap() {
        for (capacity, namespaces, has_details) in [(1, 1, false), (1000, 100, true), (1001, 77, false), (7, 77, true)]
        {
            let layout = Layout { capacity, namespaces, has_details };
            assert!(layout.namespaces().start - layout.processes().end < size_of::<u64>());
            assert_eq!(layout.namespaces().end, layout.size());
            assert_eq!((layout.processes().start % 8, layout.namespaces().start % 8), (0, 0));
            assert_eq!(layout.processes().len(), capacity as usize * layout.process_size());
        }
    }
}
