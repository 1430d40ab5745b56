//! Records what the programs for descriptors told.

use super::records::Told;
use super::tables::{Descriptor, Reason};
use crate::error::Error;
use crate::facts::{Holder, Member, NamespaceType, Nonuser, Target};
use crate::observe::Context;
use crate::observe::candidate::{Candidate, Candidates};
use crate::util::arrays::{push, reserved};
use crate::util::hash::IntMap;

/// Records namespaces, and the descriptors that keep them. `settled`: the processes whose descriptors were all passed; `None`:
/// all but those of which a record says that. Of others, only what procfs does not show is recorded. Returns the descriptors that
/// have to be read through procfs.
pub fn record(context: &mut Context, told: &Told, settled: Option<&[i32]>) -> Result<Candidates, Error> {
    let users = context.users.record_observed(&told.users)?;
    let nonusers = record_nonusers(context, told, &users)?;
    let unsettled = match settled {
        Some(settled) => unsettled(&context.facts().members, settled)?,
        None => changed(&told.descriptors)?,
    };
    let mut candidates = Candidates { unsettled, ..Candidates::default() };
    let mut tables = Tables::default();
    for descriptor in &told.descriptors {
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

/// The processes besides the settled ones, in ascending order.
fn unsettled(members: &[Member], settled: &[i32]) -> Result<Vec<i32>, Error> {
    let (mut unsettled, mut settled) = (Vec::new(), settled.iter().peekable());
    for &Member { pid, .. } in members {
        while settled.next_if(|&&other| other < pid).is_some() {}
        if settled.peek() != Some(&&pid) {
            push(&mut unsettled, pid)?;
        }
    }
    Ok(unsettled)
}

/// The processes whose table has changed, in ascending order. Also those of which procfs has to read a table that is not that of
/// the thread-group leader: in execve(2) its thread gets another TID.
fn changed(descriptors: &[Descriptor]) -> Result<Vec<i32>, Error> {
    let mut changed = Vec::new();
    for &Descriptor { pid, tid, reason, .. } in descriptors {
        let has_changed = match Reason::of(reason) {
            Some(Reason::Changed) => true,
            Some(Reason::Candidate) => tid != pid,
            _ => false,
        };
        if has_changed && changed.last() != Some(&pid) {
            push(&mut changed, pid)?;
        }
    }
    Ok(changed)
}

/// Whether procfs shows such a pin, too.
fn is_in_procfs(reason: Reason) -> bool {
    match reason {
        Reason::Candidate | Reason::Changed | Reason::Namespace | Reason::Socket => true,
        Reason::Credentials | Reason::Peer | Reason::FileSystem | Reason::Pidfd => false,
    }
}

/// Returns the index of each nonuser namespace. `None`: it has ended, since the inode number of its owner was reused.
fn record_nonusers(context: &mut Context, told: &Told, users: &[Option<u32>]) -> Result<Vec<Option<u32>>, Error> {
    let mut indices = reserved(told.nonusers.len())?;
    for record in &told.nonusers {
        let owner = record.owner.checked_sub(1).and_then(|owner| *users.get(owner as usize)?);
        let seen = NamespaceType::of_clone_flag(record.flag as i32).zip(owner).map(|(namespace_type, owner)| Nonuser {
            namespace_type,
            inode: record.inode.into(),
            id: if told.has_ids { record.generation } else { 0 },
            owner: Some(owner),
            parent: None,
        });
        indices.push(seen.map(|seen| context.nonusers.record_observed(seen)).transpose()?);
    }
    for (record, &index) in told.nonusers.iter().zip(&indices) {
        let parent = record.parent.checked_sub(1).and_then(|parent| *indices.get(parent as usize)?);
        if let Some((child, parent)) = index.zip(parent) {
            context.nonusers.set_parent(child, parent);
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
    tids: IntMap<u64, i32>,
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
        Ok(*self.tids.entry(descriptor.table).or_insert(descriptor.tid) == descriptor.tid)
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
}
