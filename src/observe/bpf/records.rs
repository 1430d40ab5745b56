//! Reads the records that the programs wrote into the shared array.

use super::layout::Layout;
use super::tables::{self, Descriptor, Details, Header, Namespace, Process};
use crate::error::Error;
use crate::facts::{Member, NamespaceType, Nonuser, Text, TextRef};
use crate::observe::candidate::Candidate;
use crate::observe::nonusers::Nonusers;
use crate::observe::told::{Root, Thread, Told};
use crate::observe::users::{Observed, Users};
use crate::sys::pidfd;
use crate::util::arrays::{push, reserved, sort_by_number};
use crate::util::hash::IntMap;
use std::ops::Range;

pub fn header(array: &[u8]) -> Result<Header, Error> {
    Header::parse(array).ok_or(Error::BUG)
}

/// The descriptors, in ascending order.
pub fn descriptors(array: &[u8], layout: Layout) -> Result<Vec<Candidate>, Error> {
    let count = header(array)?.count as usize;
    let mut found = reserved(count)?;
    let all = records(array, layout.descriptors(), count, Descriptor::parse);
    found.extend(all.map(|Descriptor { pid, tid, number }| Candidate { pid, tid, number }));
    sort_by_number(&mut found, &|candidate| candidate.number as u64)?;
    sort_by_number(&mut found, &|candidate| candidate.tid as u64)?;
    sort_by_number(&mut found, &|candidate| candidate.pid as u64)?;
    Ok(found)
}

/// The processes, and the index in `Users` of each record of a user namespace; `None` if that has ended.
pub struct Processes {
    pub members: Vec<Member>,
    pub users: Vec<Option<u32>>,
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
    let (count, namespace_count) = (count as usize, namespace_count as usize);
    let mut observed = reserved(namespace_count)?;
    observed.extend(records(array, layout.namespaces(), namespace_count, Namespace::parse).map(|record| Observed {
        inode: record.inode.into(),
        id: if has_ids { record.generation } else { 0 },
        generation: record.generation,
        owner_uid: record.owner,
        parent: record.parent.checked_sub(1),
    }));
    // As large as the array, not as the count. From 128 KiB on, glibc then keeps freed memory for the next scan, see
    // mallopt(3).
    let mut members = reserved(layout.capacity as usize)?;
    for bytes in array[layout.processes()].chunks_exact(layout.process_size()).take(count) {
        let Some(process) = Process::parse(bytes) else { break };
        // For now the index of the record.
        let Some(namespace) = process.namespace.checked_sub(1) else { continue };
        let name = match Details::parse(&bytes[Process::SIZE..]) {
            Some(details) => add_name(text, &details)?,
            None => TextRef::default(),
        };
        members.push(Member { pid: process.pid as i32, namespace, name });
    }
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
    Ok(Processes { members, users: recorded })
}

/// Records the nonuser namespaces, and returns what was told about the threads of these processes.
pub fn told(
    array: &[u8],
    layout: Layout,
    has_ids: bool,
    processes: &Processes,
    nonusers: &mut Nonusers,
) -> Result<Told, Error> {
    let header = header(array)?;
    let namespaces = record_nonusers(array, layout, has_ids, processes, nonusers)?;
    let index = |number: u32| Some(number.checked_sub(1)? as usize);
    let mut told = Told::default();
    for set in records(array, layout.sets(), header.set_count as usize, tables::Set::parse) {
        let links = [
            set.cgroup,
            set.ipc,
            set.mnt,
            set.net,
            set.pid,
            set.time,
            set.uts,
            set.pid_for_children,
            set.time_for_children,
        ];
        let known = links.map(|number| index(number).and_then(|index| namespaces.get(index).copied()));
        let is_whole = !known.contains(&Some(Known::Unresolved));
        let set = known.map(|known| if let Some(Known::At(index)) = known { Some(index) } else { None });
        push(&mut told.sets, is_whole.then_some(set))?;
    }
    for root in records(array, layout.roots(), header.root_count as usize, tables::Root::parse) {
        push(
            &mut told.roots,
            Root {
                mount: root.mount.into(),
                is_top: root.is_top != 0,
                // `dev_t` of the kernel: 12 bits and 20 bits.
                device: libc::makedev(root.device >> 20, root.device & 0xf_ffff) as u64,
                inode: root.inode,
            },
        )?;
    }
    let mut add = |pid: i32, tid: i32, set: u32, root: u32| -> Result<(), Error> {
        let is_member = processes.members.binary_search_by_key(&pid, |member| member.pid).is_ok();
        // 0: it has no number in the caller's PID namespace.
        if is_member && tid != 0 {
            push(&mut told.threads, Thread { pid, tid, set: set.checked_sub(1), root: root.checked_sub(1) })?;
        }
        Ok(())
    };
    for bytes in array[layout.processes()].chunks_exact(layout.process_size()).take(header.count as usize) {
        if let Some((process, details)) = Process::parse(bytes).zip(Details::parse(&bytes[Process::SIZE..])) {
            add(process.pid as i32, process.pid as i32, details.set, details.root)?;
        }
    }
    for thread in records(array, layout.threads(), header.thread_count as usize, tables::Thread::parse) {
        add(thread.pid, thread.tid, thread.set, thread.root)?;
    }
    told.sort()?;
    Ok(told)
}

/// What is known about a record of a nonuser namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Known {
    /// Its index in `Nonusers`.
    At(u32),
    Ended,
    /// It is a PID namespace, and its parent was not found: none that is told is in that.
    Unresolved,
}

fn record_nonusers(
    array: &[u8],
    layout: Layout,
    has_ids: bool,
    processes: &Processes,
    nonusers: &mut Nonusers,
) -> Result<Vec<Known>, Error> {
    let count = header(array)?.nonuser_count as usize;
    let all = || records(array, layout.nonusers(), count, tables::Nonuser::parse);
    // By generation.
    let mut indices: IntMap<u64, u32> = IntMap::default();
    indices.try_reserve(count)?;
    indices.extend((0..).zip(all()).map(|(index, record)| (record.generation, index)));
    let mut known = reserved(count)?;
    for record in all() {
        let owner = match record.owner.checked_sub(1) {
            Some(owner) => processes.users.get(owner as usize).copied().flatten(),
            None => None,
        };
        let namespace_type = NamespaceType::ALL.into_iter().find(|known| *known as u32 == record.kind);
        known.push(match (namespace_type, owner) {
            _ if record.parent != 0 && !indices.contains_key(&record.parent) => Known::Unresolved,
            (Some(namespace_type), Some(owner)) if record.inode != 0 => {
                let (inode, id) = (record.inode.into(), if has_ids { record.generation } else { 0 });
                let seen = Nonuser { namespace_type, inode, id, owner: Some(owner), parent: None };
                Known::At(nonusers.record_observed(seen)?)
            }
            _ => Known::Ended, // so has its owner
        });
    }
    for (record, child) in all().zip(&known) {
        let parent = indices.get(&record.parent).map(|&parent| known[parent as usize]);
        if let (Known::At(child), Some(Known::At(parent))) = (*child, parent) {
            nonusers.set_parent(child, parent);
        }
    }
    Ok(known)
}

/// Adds a `comm`, which ends with its first NUL byte.
fn add_name(text: &mut Text, details: &Details) -> Result<TextRef, Error> {
    let name = [details.name_0.to_ne_bytes(), details.name_1.to_ne_bytes()];
    let name = name.as_flattened().split(|&byte| byte == 0).next().unwrap_or_default();
    Ok(text.add(name)?)
}

/// The first records in a part of the array.
fn records<R>(
    array: &[u8],
    part: Range<usize>,
    count: usize,
    parse: impl Fn(&[u8]) -> Option<R>,
) -> impl Iterator<Item = R> {
    array[part].chunks_exact(size_of::<R>()).take(count).filter_map(parse)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observe::bpf::tables::Slot;

    /// Processes out of order, one PID twice, one without a namespace; and a namespace that has ended.
    #[test]
    fn only_members_of_live_namespaces_remain() {
        let layout = Layout { capacity: 8, namespaces: 4, has_details: true, ..Layout::default() };
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
        let [a, b, c, d] = [*b"long", *b"er n", *b"ame\0", *b"rest"].map(u32::from_ne_bytes);
        let name = [a, b, c, d];
        for (index, [pid, namespace]) in
            [[own + 2, 3], [own, 2], [own + 1, 1], [own, 2], [own + 3, 0]].into_iter().enumerate()
        {
            let [a, b, c, d] = if pid == own { name } else { [0; 4] };
            let at = layout.processes().start + index * layout.process_size();
            put(at, &[pid, namespace, a, b, c, d, 0, 0]);
        }
        let (mut users, mut text) = (Users::default(), Text::default());
        let found = processes(&array, layout, true, &mut users, &mut text).unwrap();
        let members: Vec<_> =
            found.members.iter().map(|member| (member.pid, member.namespace, text.get(member.name))).collect();
        assert_eq!(members, [(own as i32, 0, c"longer name"), (own as i32 + 2, 1, c"")]);
        assert_eq!((users.find(5), users.find(100)), (Some(0), Some(1)));
    }

    /// Fields have the same locations on 32-bit machines as in the programs.
    #[test]
    fn records_have_no_hidden_padding() {
        assert_eq!((Header::SIZE, Slot::SIZE), (88, 16));
        assert_eq!((Process::SIZE, Details::SIZE, Namespace::SIZE), (8, 24, 24));
        assert_eq!((Descriptor::SIZE, tables::Thread::SIZE, tables::Set::SIZE), (12, 16, 36));
        assert_eq!((tables::SetSlot::SIZE, tables::Nonuser::SIZE), (80, 32));
        assert_eq!((tables::Root::SIZE, tables::RootSlot::SIZE), (24, 32));
    }
}
