//! The layout of the array that the programs share with this process.
//!
//! | part                           | content                          |
//! |--------------------------------|----------------------------------|
//! | [`Header`]                     | the counts                       |
//! | [`Slot`]                       | the cache of user namespaces     |
//! | [`Process`], `capacity`        | processes                        |
//! | [`Namespace`], `namespaces`    | user namespaces                  |
//! | [`Slot`]                       | the cache of nonuser namespaces  |
//! | [`Nonuser`], `nonusers`        | nonuser namespaces               |
//! | [`Descriptor`], `descriptors`  | descriptors                      |
//! | [`Leader`], `leaders`          | thread-group leaders             |
//!
//! A cache has a slot for each record that there is room for, or more: their number is a power of two. Numbers are in the
//! machine's byte order.

use super::tables::{Descriptor, Header, Leader, Namespace, Nonuser, Process, Slot};
use crate::error::Error;
use std::ops::Range;

/// No array has room for more. With more processes than this, the scan reads procfs.
pub const MAX_CAPACITY: u32 = 1 << 24;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The room for processes.
    pub capacity: u32,
    /// The room for user namespaces.
    pub namespaces: u32,
    /// The room for nonuser namespaces, and for descriptors.
    pub nonusers: u32,
    pub descriptors: u32,
    /// The room for thread-group leaders.
    pub leaders: u32,
}

impl Layout {
    pub fn size(self) -> usize {
        self.leaders().end
    }

    pub fn processes(self) -> Range<usize> {
        behind(Header::SIZE + slots(self.namespaces) * Slot::SIZE, self.capacity, Process::SIZE)
    }

    pub fn namespaces(self) -> Range<usize> {
        behind(self.processes().end, self.namespaces, Namespace::SIZE)
    }

    pub fn nonuser_slots(self) -> Range<usize> {
        behind(self.namespaces().end, slots(self.nonusers) as u32, Slot::SIZE)
    }

    pub fn nonusers(self) -> Range<usize> {
        behind(self.nonuser_slots().end, self.nonusers, Nonuser::SIZE)
    }

    pub fn descriptors(self) -> Range<usize> {
        behind(self.nonusers().end, self.descriptors, Descriptor::SIZE)
    }

    pub fn leaders(self) -> Range<usize> {
        behind(self.descriptors().end, self.leaders, Leader::SIZE)
    }

    /// The layout for the next attempt, if something did not fit into this one.
    pub fn grown_for(self, header: &Header) -> Result<Option<Layout>, Error> {
        let grown = |room: u32, count: u64| match u32::try_from(count) {
            Ok(count) if count <= room => Ok(room),
            // A chain of namespaces ends where there is no more room, so there can be many more than the count says.
            Ok(count @ ..=MAX_CAPACITY) => Ok(with_spare(count).max(2 * room)),
            _ => Err(Error::NO_MEMORY),
        };
        let layout = Layout {
            capacity: grown(self.capacity, header.count)?,
            namespaces: grown(self.namespaces, header.namespace_count)?,
            nonusers: grown(self.nonusers, header.nonuser_count)?,
            descriptors: grown(self.descriptors, header.descriptor_count)?,
            leaders: self.leaders,
        };
        Ok((layout != self).then_some(layout))
    }
}

/// The number of slots for so many records.
pub fn slots(count: u32) -> usize {
    if count == 0 { 0 } else { (count as usize).next_power_of_two() }
}

/// A part that begins behind another one.
fn behind(end: usize, count: u32, size: usize) -> Range<usize> {
    let begin = end.next_multiple_of(size_of::<u64>());
    begin..begin + count as usize * size
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
        let layout = Layout { capacity: 100, namespaces: 10, ..Layout::default() };
        assert_eq!(layout.grown_for(&header(100, 10)), Ok(None));
        let grown = layout.grown_for(&header(100, 11)).unwrap().unwrap();
        assert!(grown.capacity == 100 && grown.namespaces >= 20);
        let grown = layout.grown_for(&header(5000, 0)).unwrap().unwrap();
        assert!(grown.capacity > 5000 && grown.namespaces == 10);
        assert_eq!(layout.grown_for(&header(u64::from(MAX_CAPACITY) + 1, 0)), Err(Error::NO_MEMORY));
        let grown = layout.grown_for(&Header { descriptor_count: 1, ..header(0, 0) }).unwrap().unwrap();
        assert!(grown.descriptors > 1 && grown.nonusers == 0);
    }

    /// The parts are adjacent, and the 64-bit fields are aligned.
    #[test]
    fn parts_do_not_overlap() {
        for [capacity, namespaces, nonusers, descriptors, leaders] in
            [[1, 1, 0, 0, 0], [1000, 100, 7, 100, 7], [1001, 77, 1, 1, 1], [0, 0, 0, 0, 9]]
        {
            let layout = Layout { capacity, namespaces, nonusers, descriptors, leaders };
            assert_eq!(layout.processes().len(), capacity as usize * Process::SIZE);
            let parts = [
                layout.processes(),
                layout.namespaces(),
                layout.nonuser_slots(),
                layout.nonusers(),
                layout.descriptors(),
                layout.leaders(),
            ];
            for pair in parts.windows(2) {
                assert!(pair[1].start % 8 == 0 && pair[0].end.next_multiple_of(8) == pair[1].start);
            }
            assert_eq!(layout.leaders().end, layout.size());
        }
    }
}
