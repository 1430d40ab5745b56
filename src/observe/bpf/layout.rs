//! The layout of the array that the programs share with this process.
//!
//! | part                           | content                                                       |
//! |--------------------------------|---------------------------------------------------------------|
//! | [`Header`]                     | the counts                                                    |
//! | [`Slot`]                       | the cache of user namespaces                                  |
//! | [`Process`], `capacity`        | processes, each followed by what is wanted of it                |
//! | [`Namespace`], `namespaces`    | user namespaces, each followed by [`Maps`] if these are wanted |
//! | [`Slot`]                       | the cache of nonuser namespaces                               |
//! | [`Nonuser`], `nonusers`        | nonuser namespaces                                            |
//! | [`SetSlot`]                    | the cache of sets                                             |
//! | [`Set`], `sets`                | sets of nonuser namespaces                                    |
//! | [`Thread`], `threads`          | threads that differ from their thread-group leader            |
//! | [`RootSlot`]                   | the cache of root directories                                 |
//! | [`Root`], `roots`              | root directories                                              |
//! | [`Link`], [`LINKS`]            | the namespaces of the set that is recorded                    |
//! | [`Descriptor`], `descriptors`  | descriptors                                                   |
//! | [`Leader`], `leaders`          | thread-group leaders                                          |
//! | [`Pid`], `pids`                | PIDs in nested PID namespaces                                 |
//! | [`Extent`], `extents`          | extents of id maps, and room for the longest map              |
//! | [`Slot`]                       | the cache of cgroups                                          |
//! | [`CgroupNode`], `cgroups`      | cgroups, each followed by its name                            |
//!
//! A cache has a slot for each record that there is room for, or more: their number is a power of two. Numbers are in the
//! machine's byte order.

use super::caches::{Link, RootSlot, SetSlot, Slot};
use super::file_tables::{Descriptor, Leader};
use super::map_tables::{Extent, Maps};
use super::process_tables::{CGROUP_NAME_SIZE, Cgroup, CgroupNode, Credentials, Pid, Root, Set, Thread};
use super::tables::{Details, Header, Namespace, Nonuser, Process};
use crate::error::Error;
use std::ops::Range;

/// No array has room for more. With more processes than this, the scan reads procfs.
pub const MAX_CAPACITY: u32 = 1 << 24;

/// Of which threads a program records the nonuser namespaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Threads {
    None,
    /// The thread-group leader stands for all threads.
    Leaders,
    /// All, with their root directories.
    All,
}

/// The number of namespaces in a set.
pub const LINKS: u32 = 9;

/// No array has room for more cgroups.
const MOST_CGROUPS: u64 = 1 << 17;

/// `UID_GID_MAP_MAX_EXTENTS` of the kernel.
pub const MOST_EXTENTS: u32 = 340;

/// What is recorded of a process besides its namespaces, and of a user namespace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OfProcess {
    pub has_names: bool,
    pub has_credentials: bool,
    pub has_cgroups: bool,
    pub has_maps: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Layout {
    /// The room for processes.
    pub capacity: u32,
    /// Whether details follow each process.
    pub has_details: bool,
    /// Whether credentials follow these.
    pub has_credentials: bool,
    /// The room for user namespaces.
    pub namespaces: u32,
    /// The room for nonuser namespaces, sets of them, threads, root directories, descriptors, thread-group leaders, and
    /// PIDs in nested PID namespaces.
    pub nonusers: u32,
    pub sets: u32,
    pub threads: u32,
    pub roots: u32,
    pub descriptors: u32,
    pub leaders: u32,
    pub pids: u32,
    /// The room for extents of id maps; 0: maps are not wanted. The room for cgroups; 0: they are not.
    pub extents: u32,
    pub cgroups: u32,
}

impl Layout {
    /// No room for anything.
    pub const EMPTY: Layout = Layout {
        capacity: 0,
        has_details: false,
        has_credentials: false,
        namespaces: 0,
        nonusers: 0,
        sets: 0,
        threads: 0,
        roots: 0,
        descriptors: 0,
        leaders: 0,
        pids: 0,
        extents: 0,
        cgroups: 0,
    };

    /// A first guess for so many threads on the host. `of` says what is wanted of each process.
    pub fn for_threads(count: u32, wanted: Threads, of: OfProcess) -> Layout {
        let OfProcess { has_names, has_credentials, has_cgroups, has_maps } = of;
        let few = with_spare(count / 8);
        let plain = Layout {
            capacity: with_spare(count),
            has_details: has_names,
            has_credentials,
            namespaces: few,
            pids: if has_credentials { few } else { 0 },
            extents: if has_maps { extents_of(few) } else { 0 },
            cgroups: if has_cgroups { few.min(MOST_CGROUPS as u32) } else { 0 },
            ..Layout::default()
        };
        match wanted {
            Threads::None => plain,
            Threads::Leaders => Layout { has_details: true, nonusers: few, sets: few, ..plain },
            Threads::All => Layout { has_details: true, nonusers: few, sets: few, threads: few, roots: few, ..plain },
        }
    }

    pub fn size(self) -> usize {
        self.cgroups().end
    }

    pub fn processes(self) -> Range<usize> {
        behind(Header::SIZE + slots(self.namespaces) * Slot::SIZE, self.capacity, self.process_size())
    }

    /// The distance between processes.
    pub fn process_size(self) -> usize {
        self.cgroup_at() + if self.cgroups > 0 { Cgroup::SIZE } else { 0 }
    }

    /// Where the cgroup and the credentials of a process are, behind its beginning.
    pub fn cgroup_at(self) -> usize {
        self.credentials_at() + if self.has_credentials { Credentials::SIZE } else { 0 }
    }

    pub fn credentials_at(self) -> usize {
        Process::SIZE + if self.has_details { Details::SIZE } else { 0 }
    }

    pub fn namespaces(self) -> Range<usize> {
        behind(self.processes().end, self.namespaces, self.namespace_size())
    }

    /// The distance between user namespaces.
    pub fn namespace_size(self) -> usize {
        Namespace::SIZE + if self.extents > 0 { Maps::SIZE } else { 0 }
    }

    pub fn nonuser_slots(self) -> Range<usize> {
        behind(self.namespaces().end, slots(self.nonusers) as u32, Slot::SIZE)
    }

    pub fn nonusers(self) -> Range<usize> {
        behind(self.nonuser_slots().end, self.nonusers, Nonuser::SIZE)
    }

    pub fn set_slots(self) -> Range<usize> {
        behind(self.nonusers().end, slots(self.sets) as u32, SetSlot::SIZE)
    }

    pub fn sets(self) -> Range<usize> {
        behind(self.set_slots().end, self.sets, Set::SIZE)
    }

    pub fn threads(self) -> Range<usize> {
        behind(self.sets().end, self.threads, Thread::SIZE)
    }

    pub fn root_slots(self) -> Range<usize> {
        behind(self.threads().end, slots(self.roots) as u32, RootSlot::SIZE)
    }

    pub fn roots(self) -> Range<usize> {
        behind(self.root_slots().end, self.roots, Root::SIZE)
    }

    /// The namespaces of one set, if there are sets.
    pub fn links(self) -> Range<usize> {
        behind(self.roots().end, if self.sets == 0 { 0 } else { LINKS }, Link::SIZE)
    }

    pub fn descriptors(self) -> Range<usize> {
        behind(self.links().end, self.descriptors, Descriptor::SIZE)
    }

    pub fn leaders(self) -> Range<usize> {
        behind(self.descriptors().end, self.leaders, Leader::SIZE)
    }

    pub fn pids(self) -> Range<usize> {
        behind(self.leaders().end, self.pids, Pid::SIZE)
    }

    /// With room for the longest map behind the last one that is recorded.
    pub fn extents(self) -> Range<usize> {
        let count = if self.extents > 0 { self.extents + MOST_EXTENTS } else { 0 };
        behind(self.pids().end, count, Extent::SIZE)
    }

    pub fn cgroup_slots(self) -> Range<usize> {
        behind(self.extents().end, slots(self.cgroups) as u32, Slot::SIZE)
    }

    pub fn cgroups(self) -> Range<usize> {
        behind(self.cgroup_slots().end, self.cgroups, Layout::CGROUP_SIZE)
    }

    /// The distance between cgroups.
    pub const CGROUP_SIZE: usize = CgroupNode::SIZE + CGROUP_NAME_SIZE;

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
            has_details: self.has_details,
            has_credentials: self.has_credentials,
            namespaces: grown(self.namespaces, header.namespace_count)?,
            nonusers: grown(self.nonusers, header.nonuser_count)?,
            sets: grown(self.sets, header.set_count)?,
            threads: grown(self.threads, header.thread_count)?,
            roots: grown(self.roots, header.root_count)?,
            descriptors: grown(self.descriptors, header.descriptor_count)?,
            leaders: self.leaders,
            pids: grown(self.pids, header.pid_count)?,
            extents: grown(self.extents, header.extent_count)?,
            // Many cgroups below each other can displace each other in the cache. Procfs tells about those that do not fit.
            cgroups: grown(self.cgroups, header.cgroup_count.min(MOST_CGROUPS))?.min(MOST_CGROUPS as u32),
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

/// Room for the extents of so many user namespaces: most maps have two or fewer.
pub fn extents_of(namespaces: u32) -> u32 {
    4 * namespaces + MOST_EXTENTS
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
        let grown = layout.grown_for(&Header { root_count: 1, descriptor_count: 1, ..header(0, 0) }).unwrap().unwrap();
        assert!(grown.roots > 1 && grown.descriptors > 1 && grown.sets == 0);
        let many = Header { cgroup_count: u64::MAX, ..header(0, 0) };
        let grown = Layout { cgroups: 300, ..layout }.grown_for(&many).unwrap().unwrap();
        assert_eq!((grown.cgroups, grown.grown_for(&many)), (MOST_CGROUPS as u32, Ok(None)));
    }

    /// The parts are adjacent, and the 64-bit fields are aligned.
    #[test]
    fn parts_do_not_overlap() {
        for (capacity, namespaces, has_details) in [(1, 1, false), (1000, 100, true), (1001, 77, false), (7, 77, true)]
        {
            let [nonusers, sets, threads, roots, descriptors, leaders, pids, extents, cgroups] =
                [3, 1, 5, 7, 9, 11, 13, 15, 17].map(|room| if has_details { room } else { 0 });
            let layout = Layout {
                capacity,
                has_details,
                has_credentials: has_details,
                namespaces,
                nonusers,
                sets,
                threads,
                roots,
                descriptors,
                leaders,
                pids,
                extents,
                cgroups,
            };
            assert_eq!(layout.processes().len(), capacity as usize * layout.process_size());
            let parts = [
                layout.processes(),
                layout.namespaces(),
                layout.nonuser_slots(),
                layout.nonusers(),
                layout.set_slots(),
                layout.sets(),
                layout.threads(),
                layout.root_slots(),
                layout.roots(),
                layout.links(),
                layout.descriptors(),
                layout.leaders(),
                layout.pids(),
                layout.extents(),
                layout.cgroup_slots(),
                layout.cgroups(),
            ];
            for pair in parts.windows(2) {
                assert!(pair[1].start % 8 == 0 && pair[0].end.next_multiple_of(8) == pair[1].start);
            }
            assert_eq!(layout.cgroups().end, layout.size());
        }
    }
}
