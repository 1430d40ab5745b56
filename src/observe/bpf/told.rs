//! From what the programs told to facts.

use super::candidates::Reason;
use super::file_tables::Descriptor;
use super::layout::Layout;
use super::records::{self, Found, Processes};
use super::{process_tables, tables};
use crate::error::Error;
use crate::facts::{Holder, Maps, Member, NamespaceType, Nonuser, Target};
use crate::observe::Context;
use crate::observe::candidate::{Candidate, Candidates};
use crate::observe::nonusers::Nonusers;
use crate::observe::told::{self, Thread, Told};
use crate::sys::file::{Identity, Place};
use crate::util::arrays::{Ascending, index, push, reserved};
use crate::util::hash::IntMap;

/// Records the nonuser namespaces, and returns what was told about the threads of these processes.
pub fn threads(
    array: &[u8],
    layout: Layout,
    has_ids: bool,
    processes: &Processes,
    nonusers: &mut Nonusers,
) -> Result<Told, Error> {
    let told_nonusers = records::nonusers(array, layout, records::header(array)?.nonuser_count)?;
    let namespaces = record_nonusers(nonusers, &told_nonusers, has_ids, &processes.users)?;
    let mut told = Told::default();
    for set in records::sets(array, layout)? {
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
        push(&mut told.sets, links.map(|number| *namespaces.get(number.checked_sub(1)? as usize)?))?;
    }
    for root in records::roots(array, layout)? {
        // `dev_t` of the kernel: 12 bits and 20 bits.
        let device = libc::makedev(root.device >> 20, root.device & 0xf_ffff) as u64;
        let directory = Place { mount: root.mount.into(), identity: Identity { device, inode: root.inode } };
        push(&mut told.roots, told::root(directory, root.is_top != 0))?;
    }
    for process_tables::Thread { pid, tid, set, root } in records::threads(array, layout)? {
        // 0: it has no number in the caller's PID namespace.
        if tid != 0 {
            push(&mut told.threads, Thread { pid, tid, set: set.checked_sub(1), root: root.checked_sub(1) })?;
        }
    }
    told.sort()?;
    let mut members = Ascending::new(processes.members.iter().map(|member| member.pid));
    told.threads.retain(|thread| members.has(thread.pid));
    Ok(told)
}

/// Adds the extents of namespaces of which no program has told the maps before.
fn add_extents(context: &mut Context, found: &mut Found) -> Result<(), Error> {
    for user in &mut found.users {
        let Some(maps) = user.maps.take() else { continue };
        let known = context.users.find(user.inode);
        if known.is_some_and(|known| context.users.entries()[known as usize].maps.is_some()) {
            continue;
        }
        let [start, .., end] = maps.bounds;
        let told = &found.extents[start as usize..end as usize];
        let extents = &mut context.facts_mut().extents;
        let base = index(extents.len())?;
        index(extents.len() + told.len())?;
        extents.try_reserve(told.len())?;
        extents.extend_from_slice(told);
        user.maps = Some(Maps { bounds: maps.bounds.map(|bound| base + (bound - start)), ..maps });
    }
    Ok(())
}

/// Records namespaces, and the descriptors that keep them. `settled`: the processes that have kept their leader. Those whose tables
/// have not changed either have shown all of their descriptors. Of others, only what procfs does not show is recorded. Returns the
/// descriptors that have to be read through procfs.
pub fn descriptors(context: &mut Context, mut found: Found, mut settled: Vec<i32>) -> Result<Candidates, Error> {
    add_extents(context, &mut found)?;
    keep_unchanged(&mut settled, &found.descriptors);
    let users = context.users.record_observed(&found.users)?;
    let nonusers = record_nonusers(&mut context.nonusers, &found.nonusers, found.has_ids, &users)?;
    let mut candidates =
        Candidates { unsettled: unsettled(&context.facts().members, &settled)?, ..Candidates::default() };
    let mut tables = Tables::default();
    for descriptor in &found.descriptors {
        let Some(member) = member(context, descriptor.pid) else { continue };
        let Some(reason) = Reason::of(descriptor.reason).filter(|_| descriptor.tid > 0) else { continue };
        if !tables.are_of(descriptor)? || (is_in_procfs(reason) && candidates.are_all_read(descriptor.pid)) {
            continue;
        }
        let (user, nonuser) = (descriptor.user.checked_sub(1), descriptor.nonuser.checked_sub(1));
        let target = match (user, nonuser) {
            (Some(user), _) => users.get(user as usize).copied().flatten().map(Target::User),
            (None, Some(nonuser)) => nonusers.get(nonuser as usize).copied().flatten().map(Target::Nonuser),
            // The program only selected it, or does not know the type of its namespace.
            (None, None) => {
                let Descriptor { pid, tid, number, .. } = *descriptor;
                push(&mut candidates.selected, Candidate { pid, tid, number })?;
                continue;
            }
        };
        // Without a target, the namespace has ended.
        if let Some(target) = target {
            hold(context, member, descriptor, reason, target)?;
        }
    }
    Ok(candidates)
}

/// Keeps only processes whose descriptor tables have not changed. The table of a thread that is not the leader may be passed on to
/// one with another TID, under which procfs then shows the descriptor.
fn keep_unchanged(settled: &mut Vec<i32>, descriptors: &[Descriptor]) {
    let has_changed = |descriptor: &&Descriptor| match Reason::of(descriptor.reason) {
        Some(Reason::Changed) => true,
        Some(Reason::Candidate) => descriptor.tid != descriptor.pid,
        _ => false,
    };
    let mut changed = Ascending::new(descriptors.iter().filter(has_changed).map(|descriptor| descriptor.pid));
    settled.retain(|&pid| !changed.has(pid));
}

/// The processes besides the settled ones, in ascending order.
fn unsettled(members: &[Member], settled: &[i32]) -> Result<Vec<i32>, Error> {
    let (mut unsettled, mut settled) = (Vec::new(), Ascending::new(settled.iter().copied()));
    for &Member { pid, .. } in members {
        if !settled.has(pid) {
            push(&mut unsettled, pid)?;
        }
    }
    Ok(unsettled)
}

/// Whether procfs shows such a pin, too.
fn is_in_procfs(reason: Reason) -> bool {
    match reason {
        Reason::Candidate | Reason::Changed | Reason::Namespace | Reason::Socket => true,
        Reason::Credentials | Reason::Peer | Reason::FileSystem | Reason::Pidfd => false,
    }
}

/// Records nonuser namespaces, with the parents of PID namespaces, and returns the index of each. `None`: it has ended, since
/// its inode number was reused later in the list, or that of its owner. By inode numbers alone, PID namespaces could be parents
/// of each other. `users`: the index of each owner in `Users`.
fn record_nonusers(
    nonusers: &mut Nonusers,
    told: &[tables::Nonuser],
    has_ids: bool,
    users: &[Option<u32>],
) -> Result<Vec<Option<u32>>, Error> {
    let key = |record: &tables::Nonuser| (record.flag, record.inode);
    let mut last: IntMap<(u32, u32), u64> = IntMap::default();
    last.try_reserve(told.len())?;
    last.extend(told.iter().map(|record| (key(record), record.generation)));
    let mut indices = reserved(told.len())?;
    for record in told {
        let owner = record.owner.checked_sub(1).and_then(|owner| *users.get(owner as usize)?);
        let owner = owner.filter(|_| last.get(&key(record)) == Some(&record.generation));
        let seen = NamespaceType::of_clone_flag(record.flag as i32).zip(owner).map(|(namespace_type, owner)| Nonuser {
            namespace_type,
            inode: record.inode.into(),
            id: if has_ids { record.generation } else { 0 },
            owner: Some(owner),
            parent: None,
        });
        indices.push(seen.map(|seen| nonusers.record_observed(seen)).transpose()?);
    }
    for (record, &index) in told.iter().zip(&indices) {
        let parent = record.parent.checked_sub(1).and_then(|parent| *indices.get(parent as usize)?);
        if let Some((child, parent)) = index.zip(parent) {
            nonusers.set_parent(child, parent);
        }
    }
    Ok(indices)
}

/// The process with this PID, unless it has started since the processes were recorded.
fn member(context: &Context, pid: i32) -> Option<Member> {
    let members = &context.facts().members;
    members.binary_search_by_key(&pid, |member| member.pid).ok().map(|index| members[index])
}

/// Which thread stands for each descriptor table of a process.
#[derive(Default)]
struct Tables {
    pid: i32,
    /// TIDs by table.
    tids: IntMap<u64, u32>,
}

impl Tables {
    /// Whether the descriptor is that of the thread that stands for its table: the first one. To be asked in ascending
    /// order.
    fn are_of(&mut self, descriptor: &Descriptor) -> Result<bool, Error> {
        if self.pid != descriptor.pid {
            self.pid = descriptor.pid;
            self.tids.clear();
        }
        self.tids.try_reserve(1)?;
        Ok(*self.tids.entry(descriptor.table).or_insert(descriptor.tid as u32) == descriptor.tid as u32)
    }
}

fn hold(
    context: &mut Context,
    member: Member,
    descriptor: &Descriptor,
    reason: Reason,
    target: Target,
) -> Result<(), Error> {
    let Descriptor { pid, tid, number, .. } = *descriptor;
    let holder = match reason {
        Reason::Candidate | Reason::Changed => return Ok(()),
        Reason::Namespace => Holder::Descriptor { pid, tid, number },
        Reason::Socket => Holder::Socket { pid, tid, number },
        Reason::Credentials => Holder::Credentials { pid, tid, number },
        Reason::Peer => Holder::Peer { pid, tid, number },
        Reason::FileSystem => Holder::FileSystem { pid, tid, number },
        Reason::Pidfd => Holder::Pidfd { pid, tid, number },
    };
    // The process itself keeps its own user namespace and the ancestors of that.
    let is_kept = matches!(reason, Reason::Credentials | Reason::Peer | Reason::FileSystem)
        && matches!(target, Target::User(user) if context.users.is_at_or_above(user, member.namespace));
    if is_kept { Ok(()) } else { context.hold(target, holder) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn members_that_are_not_settled() {
        let members = [2, 3, 5, 8].map(|pid| Member { pid, ..Member::default() });
        for (settled, expected) in
            [(&[1, 2, 3, 4, 5, 8, 9][..], &[][..]), (&[3, 4, 8], &[2, 5]), (&[2, 3], &[5, 8]), (&[], &[2, 3, 5, 8])]
        {
            assert_eq!(unsettled(&members, settled).unwrap(), expected);
        }
    }

    /// Here the numbers 20 and 21 of a PID namespace and its parent were swapped.
    #[test]
    fn reused_numbers_make_no_circle() {
        let told = |inode, generation, parent| {
            let flag = libc::CLONE_NEWPID as u32;
            tables::Nonuser { generation, inode, flag, owner: 1, parent }
        };
        let all = [told(20, 1, 2), told(21, 2, 5), told(21, 8, 4), told(20, 9, 5), told(5, 0, 0), told(5, 0, 0)];
        let mut nonusers = Nonusers::default();
        let indices = record_nonusers(&mut nonusers, &all, true, &[Some(0)]).unwrap();
        assert_eq!(indices, [None, None, Some(0), Some(1), Some(2), Some(2)]);
        let inode = |index: u32| nonusers.entries()[index as usize].inode;
        let parents: Vec<_> = nonusers.entries().iter().map(|one| (one.inode, one.id, one.parent.map(inode))).collect();
        assert_eq!(parents, [(21, 8, Some(20)), (20, 9, Some(5)), (5, 0, None)]);
    }
}
