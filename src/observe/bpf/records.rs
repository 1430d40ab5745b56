//! Reads the records that the programs wrote into the shared array.

use super::layout::Layout;
use super::tables::{Descriptor, Header, Leader, Namespace, Nonuser, Process};
use crate::error::Error;
use crate::facts::Member;
use crate::observe::users::{Observed, Users};
use crate::sys::pidfd;
use crate::util::arrays::{reserved, sort_by_number};
use std::ops::Range;

pub fn header(array: &[u8]) -> Result<Header, Error> {
    Header::parse(array).ok_or(Error::BUG)
}

/// What a program for descriptors told.
pub struct Told {
    /// In ascending order.
    pub descriptors: Vec<Descriptor>,
    pub users: Vec<Observed>,
    pub nonusers: Vec<Nonuser>,
    /// Whether the generations of the namespaces are ids.
    pub has_ids: bool,
}

pub fn descriptors(array: &[u8], layout: Layout, has_ids: bool) -> Result<Told, Error> {
    let Header { namespace_count, nonuser_count, descriptor_count, .. } = header(array)?;
    let mut descriptors = reserved(descriptor_count as usize)?;
    descriptors.extend(records(array, layout.descriptors(), descriptor_count, Descriptor::parse));
    sort_by_number(&mut descriptors, &|descriptor| descriptor.number as u64)?;
    sort_by_number(&mut descriptors, &|descriptor| descriptor.tid as u64)?;
    sort_by_number(&mut descriptors, &|descriptor| descriptor.pid as u64)?;
    let mut nonusers = reserved(nonuser_count as usize)?;
    nonusers.extend(records(array, layout.nonusers(), nonuser_count, Nonuser::parse));
    Ok(Told { descriptors, users: users(array, layout, namespace_count, has_ids)?, nonusers, has_ids })
}

fn users(array: &[u8], layout: Layout, count: u64, has_ids: bool) -> Result<Vec<Observed>, Error> {
    let mut observed = reserved(count as usize)?;
    observed.extend(records(array, layout.namespaces(), count, Namespace::parse).map(|record| Observed {
        inode: record.inode.into(),
        id: if has_ids { record.generation } else { 0 },
        generation: record.generation,
        owner_uid: record.owner,
        parent: record.parent.checked_sub(1),
    }));
    Ok(observed)
}

/// Records the user namespaces, and returns the processes with their namespaces. Records nothing if it fails.
pub fn processes(array: &[u8], layout: Layout, has_ids: bool, users: &mut Users) -> Result<Vec<Member>, Error> {
    let Header { count, namespace_count, .. } = header(array)?;
    let observed = self::users(array, layout, namespace_count, has_ids)?;
    // As large as the array, not as the count. From 128 KiB on, glibc then keeps freed memory for the next scan, see
    // mallopt(3).
    let mut members = reserved(layout.capacity as usize)?;
    members.extend(records(array, layout.processes(), count, Process::parse).filter_map(|record| {
        // For now the index of the record.
        let namespace = record.namespace.checked_sub(1)?;
        Some(Member { pid: record.pid as i32, namespace, ..Member::default() })
    }));
    sort_by_number(&mut members, &|member| member.pid as u64)?;
    // Some kernels under lockdown return zeros for memory that programs may not read.
    if members.binary_search_by_key(&pidfd::own_pid(), |member| member.pid).is_err() {
        return Err(Error::NO_BPF);
    }
    let recorded = users.record_observed(&observed)?;
    members.retain_mut(|member| match recorded.get(member.namespace as usize) {
        Some(&Some(namespace)) => {
            member.namespace = namespace;
            true
        }
        _ => false, // the namespace has ended, so the process has ended or moved
    });
    // A PID may have been reused meanwhile, or taken over by another thread in execve(2).
    members.dedup_by_key(|member| member.pid);
    Ok(members)
}

/// The PIDs of thread-group leaders that have equal records before and after, in ascending order. The first `before` records
/// are those before.
pub fn settled(array: &[u8], layout: Layout, before: u64) -> Result<Vec<i32>, Error> {
    // The counts are also of those that did not fit. These are not settled.
    let room = u64::from(layout.leaders);
    let before = before.min(room);
    let after = header(array)?.leader_count.clamp(before, room);
    let (before, after) =
        array[layout.leaders()][..after as usize * Leader::SIZE].split_at(before as usize * Leader::SIZE);
    let (before, after) = (leaders(before)?, leaders(after)?);
    let is_same = |leader: &&Leader| {
        let found = before.binary_search_by_key(&leader.pid, |other| other.pid);
        found.is_ok_and(|index| before[index] == **leader)
    };
    let mut settled = reserved(after.len())?;
    settled.extend(after.iter().filter(is_same).map(|leader| leader.pid));
    Ok(settled)
}

/// In the order of their PIDs.
fn leaders(records: &[u8]) -> Result<Vec<Leader>, Error> {
    let mut leaders = reserved(records.len() / Leader::SIZE)?;
    leaders.extend(records.chunks_exact(Leader::SIZE).filter_map(Leader::parse));
    sort_by_number(&mut leaders, &|leader| leader.pid as u64)?;
    Ok(leaders)
}

/// The first records in a part of the array.
fn records<R>(
    array: &[u8],
    part: Range<usize>,
    count: u64,
    parse: impl Fn(&[u8]) -> Option<R>,
) -> impl Iterator<Item = R> {
    array[part].chunks_exact(size_of::<R>()).take(count as usize).filter_map(parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::bpf::tables::Slot;

    /// Processes out of order, one PID twice, one without a namespace; and a namespace that has ended.
    #[test]
    fn only_members_of_live_namespaces_remain() {
        let layout = Layout { capacity: 8, namespaces: 4, ..Layout::default() };
        let mut array = vec![0; layout.size()];
        let mut put = |at: usize, words: &[u32]| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            array[at..at + bytes.len()].copy_from_slice(&bytes);
        };
        let long = |number: u32| if cfg!(target_endian = "little") { [number, 0] } else { [0, number] };
        put(0, [long(5), long(3)].as_flattened());
        let [low, high] = long(7);
        for (index, record) in [[low, high, 100, 0, 2, 0], [0, 0, 5, 0, 0, 0], [0, 0, 100, 0, 2, 0]].iter().enumerate()
        {
            put(layout.namespaces().start + index * Namespace::SIZE, record);
        }
        let own = pidfd::own_pid() as u32;
        for (index, record) in [[own + 2, 3], [own, 2], [own + 1, 1], [own, 2], [own + 3, 0]].iter().enumerate() {
            put(layout.processes().start + index * Process::SIZE, record);
        }
        let mut users = Users::default();
        let found = processes(&array, layout, true, &mut users).unwrap();
        let members: Vec<_> = found.iter().map(|member| (member.pid, member.namespace)).collect();
        assert_eq!(members, [(own as i32, 0), (own as i32 + 2, 1)]);
        assert_eq!((users.find(5), users.find(100)), (Some(0), Some(1)));
    }

    #[test]
    fn equal_records_before_and_after_are_settled() {
        let layout = Layout { leaders: 9, ..Layout::default() };
        let settled = |before: &[(u32, u64, u64)], after: &[(u32, u64, u64)]| {
            let mut array = vec![0; Header::SIZE];
            let count = (before.len() + after.len()) as u64;
            array[Header::leader_count.offset as usize..][..8].copy_from_slice(&count.to_ne_bytes());
            for &(pid, task, exec_id) in before.iter().chain(after) {
                array.extend([task, exec_id].map(u64::to_ne_bytes).as_flattened());
                array.extend([pid, 0].map(u32::to_ne_bytes).as_flattened());
            }
            array.resize(layout.size(), 0);
            super::settled(&array, layout, before.len() as u64).unwrap()
        };
        let before = [(9, 90, 1), (2, 20, 1), (3, 30, 1), (4, 40, 1), (5, 50, 1)];
        // 3 is another thread, 4 has executed a program, 5 has ended, and 6 has started.
        assert_eq!(settled(&before, &[(2, 20, 1), (9, 90, 1), (3, 31, 1), (4, 40, 2)]), [2, 9]);
        assert_eq!(settled(&before[..1], &[(6, 60, 1)]), []);
        // Not all records fit.
        assert_eq!(settled(&before, &before), [2, 3, 4, 9]);
        assert_eq!(settled(&[before, before].concat(), &before), []);
        assert_eq!(settled(&[], &[]), []);
    }

    /// Fields have the same locations on 32-bit machines as in the programs.
    #[test]
    fn records_have_no_hidden_padding() {
        assert_eq!((Header::SIZE, Slot::SIZE, Leader::SIZE), (96, 16, 24));
        assert_eq!((Process::SIZE % 4, Namespace::SIZE % 8, Nonuser::SIZE % 8, Descriptor::SIZE % 8), (0, 0, 0, 0));
    }
}
