//! Reads the records that the programs wrote into the shared array.

use super::cgroup_paths::Paths;
use super::file_tables::{Descriptor, Leader};
use super::layout::Layout;
use super::map_tables::{Extent, Maps};
use super::process_tables::{Cgroup, Credentials, Pid, Root, Set, Thread};
use super::tables::{Details, Header, Namespace, Nonuser, Process};
use crate::error::Error;
use crate::facts::{self, Member, Text, TextRef, add_extents};
use crate::observe::users::{Observed, Users};
use crate::sys::pidfd;
use crate::util::arrays::{index, push, reserved, sort_by_number};
use std::ops::Range;

pub fn header(array: &[u8]) -> Result<Header, Error> {
    Header::parse(array).ok_or(Error::BUG)
}

/// What a program for descriptors told.
pub struct Found {
    /// In ascending order.
    pub descriptors: Vec<Descriptor>,
    pub users: Vec<Observed>,
    pub nonusers: Vec<Nonuser>,
    /// Those of the maps of `users`.
    pub extents: Vec<facts::Extent>,
    /// Whether the generations of the namespaces are ids.
    pub has_ids: bool,
}

/// The processes, and the index in `Users` of each record of a user namespace; `None` if that has ended.
pub struct Processes {
    pub members: Vec<Member>,
    /// Of each member; empty if there are no records of credentials and cgroups.
    pub facts: Vec<facts::Process>,
    /// The PIDs that these refer to.
    pub pids: Vec<i32>,
    pub users: Vec<Option<u32>>,
    /// The extents that the maps of user namespaces refer to.
    pub extents: Vec<facts::Extent>,
}

pub fn descriptors(array: &[u8], layout: Layout, has_ids: bool) -> Result<Found, Error> {
    let Header { namespace_count, nonuser_count, descriptor_count, .. } = header(array)?;
    let mut descriptors = reserved(descriptor_count as usize)?;
    descriptors.extend(records(array, layout.descriptors(), descriptor_count, Descriptor::parse));
    sort_by_number(&mut descriptors, &|descriptor| descriptor.number as u64)?;
    sort_by_number(&mut descriptors, &|descriptor| descriptor.tid as u64)?;
    sort_by_number(&mut descriptors, &|descriptor| descriptor.pid as u64)?;
    let nonusers = nonusers(array, layout, nonuser_count)?;
    let mut extents = Vec::new();
    let users = users(array, layout, namespace_count, has_ids, &mut extents)?;
    Ok(Found { descriptors, users, nonusers, extents, has_ids })
}

pub fn nonusers(array: &[u8], layout: Layout, count: u64) -> Result<Vec<Nonuser>, Error> {
    let mut nonusers = reserved(count as usize)?;
    nonusers.extend(records(array, layout.nonusers(), count, Nonuser::parse));
    Ok(nonusers)
}

/// The sets of nonuser namespaces.
pub fn sets(array: &[u8], layout: Layout) -> Result<impl Iterator<Item = Set>, Error> {
    Ok(records(array, layout.sets(), header(array)?.set_count, Set::parse))
}

pub fn roots(array: &[u8], layout: Layout) -> Result<impl Iterator<Item = Root>, Error> {
    Ok(records(array, layout.roots(), header(array)?.root_count, Root::parse))
}

/// The thread-group leaders, then the threads that differ from them. Without details there are none.
pub fn threads(array: &[u8], layout: Layout) -> Result<impl Iterator<Item = Thread>, Error> {
    let Header { count, thread_count, .. } = header(array)?;
    let leaders = processes_in(array, layout, count).filter_map(move |(Process { pid, .. }, bytes)| {
        let Details { set, root, .. } = details(layout, bytes)?;
        Some(Thread { pid: pid as i32, tid: pid as i32, set, root })
    });
    Ok(leaders.chain(records(array, layout.threads(), thread_count, Thread::parse)))
}

/// The processes, each with all that is recorded of it.
fn processes_in(array: &[u8], layout: Layout, count: u64) -> impl Iterator<Item = (Process, &[u8])> {
    let bytes = array[layout.processes()].chunks_exact(layout.process_size()).take(count as usize);
    bytes.filter_map(|bytes| Some((Process::parse(bytes)?, bytes)))
}

fn details(layout: Layout, process: &[u8]) -> Option<Details> {
    Details::parse(process.get(Process::SIZE..).filter(|_| layout.has_details)?)
}

fn users(
    array: &[u8],
    layout: Layout,
    count: u64,
    has_ids: bool,
    extents: &mut Vec<facts::Extent>,
) -> Result<Vec<Observed>, Error> {
    let mut observed = reserved(count as usize)?;
    for bytes in array[layout.namespaces()].chunks_exact(layout.namespace_size()).take(count as usize) {
        let record = Namespace::parse(bytes).ok_or(Error::BUG)?;
        observed.push(Observed {
            inode: record.inode.into(),
            id: if has_ids { record.generation } else { 0 },
            generation: record.generation,
            owner_uid: record.owner,
            parent: record.parent.checked_sub(1),
            charged: Some(record.charged).filter(|&count| count > 0),
            limit: record.limit.checked_sub(1),
            maps: maps(array, layout, &bytes[Namespace::SIZE..], extents)?,
        });
    }
    Ok(observed)
}

/// The maps of the only namespace, if it has this id.
pub fn opened(
    array: &[u8],
    layout: Layout,
    id: u64,
    extents: &mut Vec<facts::Extent>,
) -> Result<Option<facts::Maps>, Error> {
    let record = &array[layout.namespaces()];
    let is_same = header(array)?.namespace_count == 1
        && Namespace::parse(record).is_some_and(|namespace| namespace.generation == id);
    if is_same { maps(array, layout, &record[Namespace::SIZE..], extents) } else { Ok(None) }
}

/// The maps in the record behind a namespace. `None`: they are not recorded, or are no maps.
fn maps(
    array: &[u8],
    layout: Layout,
    record: &[u8],
    extents: &mut Vec<facts::Extent>,
) -> Result<Option<facts::Maps>, Error> {
    /// `USERNS_SETGROUPS_ALLOWED` of the kernel.
    const SETGROUPS_ALLOWED: u64 = 1;
    let Some(Maps { flags, first, uids, gids, projids }) = Maps::parse(record) else { return Ok(None) };
    let start = extents.len();
    let mut bounds = [index(start)?; 4];
    let mut at = u64::from(first);
    for (kind, count) in [uids, gids, projids].into_iter().enumerate() {
        let part = records(array, from(layout.extents(), at, Extent::SIZE), count.into(), Extent::parse);
        let part = part.map(|Extent { first, lower_first, count }| facts::Extent::new(first, lower_first, count));
        match add_extents(extents, part)? {
            Some(end) if end - bounds[kind] == count => bounds[kind + 1] = end,
            _ => {
                extents.truncate(start);
                return Ok(None);
            }
        }
        at += u64::from(count);
    }
    Ok(Some(facts::Maps { bounds, is_setgroups_denied: flags & SETGROUPS_ALLOWED == 0 }))
}

/// Records the user namespaces and the names, and returns the processes. Records no namespace if it fails.
pub fn processes(
    array: &[u8],
    layout: Layout,
    has_ids: bool,
    users: &mut Users,
    text: &mut Text,
) -> Result<Processes, Error> {
    let Header { count, namespace_count, .. } = header(array)?;
    let mut extents = Vec::new();
    let observed = self::users(array, layout, namespace_count, has_ids, &mut extents)?;
    let mut paths = Paths::new(array, layout)?;
    // As large as the array, not as the count. From 128 KiB on, glibc then keeps freed memory for the next scan, see
    // mallopt(3).
    let mut members = reserved(layout.capacity as usize)?;
    let has_facts = layout.has_credentials || layout.cgroups > 0;
    let mut facts = reserved(if has_facts { layout.capacity as usize } else { 0 })?;
    let mut pids = Vec::new();
    for (process, bytes) in processes_in(array, layout, count) {
        // For now the index of the record.
        let Some(namespace) = process.namespace.checked_sub(1) else { continue };
        let name = match details(layout, bytes) {
            Some(details) => add_name(text, &details)?,
            None => TextRef::default(),
        };
        let pid = process.pid as i32;
        members.push(Member { pid, namespace, name });
        if has_facts {
            let credentials = credentials(array, layout, pid, bytes, &mut pids)?;
            let cgroup = bytes.get(layout.cgroup_at()..).filter(|_| layout.cgroups > 0).and_then(Cgroup::parse);
            let cgroup = paths.path(cgroup.unwrap_or_default().node, text)?;
            facts.push(facts::Process { pid, credentials, cgroup });
        }
    }
    // In the same way, so that they remain in the same order, and the same ones remain of several with one PID.
    sort_by_number(&mut members, &|member| member.pid as u64)?;
    sort_by_number(&mut facts, &|process| process.pid as u64)?;
    // Some kernels under lockdown return zeros for memory that programs may not read.
    if members.binary_search_by_key(&pidfd::own_pid(), |member| member.pid).is_err() {
        return Err(Error::NO_BPF);
    }
    let recorded = users.record_observed(&observed)?;
    let mut namespaces = members.iter().map(|member| recorded.get(member.namespace as usize));
    facts.retain(|_| matches!(namespaces.next(), Some(Some(Some(_)))));
    facts.dedup_by_key(|process| process.pid);
    members.retain_mut(|member| match recorded.get(member.namespace as usize) {
        Some(&Some(namespace)) => {
            member.namespace = namespace;
            true
        }
        _ => false, // the namespace has ended, so the process has ended or moved
    });
    // A PID may have been reused meanwhile, or taken over by another thread in execve(2).
    members.dedup_by_key(|member| member.pid);
    Ok(Processes { members, facts, pids, users: recorded, extents })
}

/// Adds the PIDs of a process, if it has several. `None`: procfs has to tell.
fn credentials(
    array: &[u8],
    layout: Layout,
    pid: i32,
    process: &[u8],
    pids: &mut Vec<i32>,
) -> Result<Option<facts::Credentials>, Error> {
    let bytes = process.get(layout.credentials_at()..).filter(|_| layout.has_credentials);
    let parsed = bytes.and_then(Credentials::parse);
    let Some(told) = parsed.filter(|told| told.pid_count > 0) else { return Ok(None) };
    let Credentials { capabilities, uid, pid_count, first_pid, .. } = told;
    let mut known = facts::Credentials { uid, capabilities, first_pid: 0, pid_count: 0 };
    if pid_count > 1 {
        (known.first_pid, known.pid_count) = (index(pids.len())?, pid_count);
        push(pids, pid)?;
        let part = from(layout.pids(), first_pid.into(), Pid::SIZE);
        for nested in records(array, part, u64::from(pid_count) - 1, Pid::parse) {
            push(pids, nested.number)?;
        }
        if pids.len() - known.first_pid as usize != pid_count as usize {
            return Ok(None);
        }
    }
    Ok(Some(known))
}

/// Adds a `comm`, which ends with its first NUL byte.
fn add_name(text: &mut Text, details: &Details) -> Result<TextRef, Error> {
    let name = [details.name_0.to_ne_bytes(), details.name_1.to_ne_bytes()];
    let name = name.as_flattened().split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(text.add(name)?)
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

/// A part of the array without the first records.
fn from(part: Range<usize>, first: u64, size: usize) -> Range<usize> {
    part.start.saturating_add((first as usize).saturating_mul(size)).min(part.end)..part.end
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::bpf::caches::{RootSlot, SetSlot, Slot};
    use crate::observe::bpf::process_tables::CgroupNode;

    /// Processes out of order, one PID twice, one without a namespace; and a namespace that has ended.
    #[test]
    fn only_members_of_live_namespaces_remain() {
        let layout = Layout {
            capacity: 8,
            namespaces: 4,
            has_details: true,
            has_credentials: true,
            pids: 3,
            ..Layout::default()
        };
        let mut array = vec![0; layout.size()];
        let mut put = |at: usize, words: &[u32]| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            array[at..at + bytes.len()].copy_from_slice(&bytes);
        };
        let long = |number: u32| if cfg!(target_endian = "little") { [number, 0] } else { [0, number] };
        put(0, [long(7), long(3)].as_flattened());
        let [low, high] = long(7);
        for (index, record) in [[low, high, 100, 0, 2, 0], [0, 0, 5, 0, 0, 0], [0, 0, 100, 0, 2, 0]].iter().enumerate()
        {
            put(layout.namespaces().start + index * Namespace::SIZE, record);
        }
        let own = pidfd::own_pid() as u32;
        let [a, b, c, d] = [*b"long", *b"er n", *b"ame\0", *b"rest"].map(u32::from_ne_bytes);
        let name = [a, b, c, d];
        let [capabilities, none] = long(9);
        // The last one has more PIDs than fit, and is the second with its number.
        for (index, [pid, namespace, count, first]) in [
            [own + 2, 3, 3, 1],
            [own, 2, 1, 0],
            [own + 1, 1, 1, 0],
            [own, 2, 0, 0],
            [own + 3, 0, 1, 0],
            [own + 4, 3, 0, 0],
            [own + 5, 3, 2, 3],
        ]
        .into_iter()
        .enumerate()
        {
            let [a, b, c, d] = if pid == own { name } else { [0; 4] };
            let at = layout.processes().start + index * layout.process_size();
            put(at, &[pid, namespace, a, b, c, d, 0, 0, capabilities, none, pid + 7, count, first]);
        }
        put(layout.pids().start, &[11, 12, 13]);
        let (mut users, mut text) = (Users::default(), Text::default());
        let found = processes(&array, layout, true, &mut users, &mut text).unwrap();
        let members: Vec<_> =
            found.members.iter().map(|member| (member.pid, member.namespace, text.get(member.name))).collect();
        let own = own as i32;
        let unnamed = [2, 4, 5].map(|more| (own + more, 1, c""));
        assert_eq!(members, [&[(own, 0, c"longer name")][..], &unnamed].concat());
        let credentials: Vec<_> = found.facts.iter().map(|process| (process.pid, process.credentials)).collect();
        let known = |uid, first_pid, pid_count| Some(facts::Credentials { uid, capabilities: 9, first_pid, pid_count });
        let expected = [
            (own, known(own as u32 + 7, 0, 0)),
            (own + 2, known(own as u32 + 9, 0, 3)),
            (own + 4, None),
            (own + 5, None),
        ];
        assert_eq!(credentials, expected);
        assert_eq!(found.pids[..3], [own + 2, 12, 13]);
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
        assert_eq!(settled(&before[..1], &[(6, 60, 1)]), [0; 0]);
        // Not all records fit.
        assert_eq!(settled(&before, &before), [2, 3, 4, 9]);
        assert_eq!(settled(&[before, before].concat(), &before), [0; 0]);
        assert_eq!(settled(&[], &[]), [0; 0]);
    }

    /// Fields have the same locations on 32-bit machines as in the programs.
    #[test]
    fn records_have_no_hidden_padding() {
        assert_eq!((Header::SIZE, Slot::SIZE, Leader::SIZE), (248, 16, 24));
        assert_eq!((Process::SIZE, Details::SIZE, Namespace::SIZE), (8, 24, 40));
        assert_eq!((Credentials::SIZE, Pid::SIZE), (24, 4));
        assert_eq!((Cgroup::SIZE, CgroupNode::SIZE), (8, 24));
        assert_eq!((Maps::SIZE, Extent::SIZE), (24, 12));
        assert_eq!((Descriptor::SIZE, Thread::SIZE, Set::SIZE), (32, 16, 36));
        assert_eq!((SetSlot::SIZE, Nonuser::SIZE), (80, 24));
        assert_eq!((Root::SIZE, RootSlot::SIZE), (24, 32));
    }
}
