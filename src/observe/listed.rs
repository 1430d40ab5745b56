//! Source: the kernel's list of all namespaces in use, listns(2), Linux 6.19.
//!
//! A namespace is in use, in the words of the kernel "active", if a process or a file refers to it: a descriptor, also one in
//! flight over a socket, a mount, a watch. Or if it owns one in use, or is the parent of one. So the list shows namespaces
//! that nothing else shows. It does not say what holds them.
//!
//! The list is made when the scan begins, and namespaces are opened when the other sources have finished. So a namespace that
//! no other source found was in use throughout the scan.

use super::Context;
use super::answer::Answer;
use crate::error::Error;
use crate::facts::{EmptySource, Gap, Holder, NamespaceType, Target};
use crate::sys::file::Fd;
use crate::sys::{Errno, if_any, listns, nsfs};
use crate::util::arrays::{push, reserved, sort_by_number, zeros};

/// The kernel lists so many at once, at most.
const MOST: usize = 1_000_000;
/// Enough for a host without thousands of containers.
const FIRST: usize = 4096;

/// Lists the namespaces, if the kernel permits it.
pub fn list(context: &mut Context) -> Result<(), Error> {
    if context.may_list_all() {
        context.listed = if_any(list_all())?.unwrap_or_default();
    }
    Ok(())
}

fn list_all() -> Result<Vec<u64>, Errno> {
    let mut size = FIRST;
    loop {
        let mut ids = zeros(size)?;
        let count = listns::list(&mut ids)?;
        if count < size {
            ids.truncate(count);
            return Ok(ids);
        }
        if size == MOST {
            return Err(Errno(libc::EOVERFLOW));
        }
        size = MOST.min(4 * size);
    }
}

/// Opens and records the listed namespaces that no other source has found, and returns them.
pub fn find(context: &mut Context) -> Result<Vec<Target>, Error> {
    let (ids, mut found) = (std::mem::take(&mut context.listed), Vec::new());
    if ids.is_empty() {
        return Ok(found);
    }
    let mut known = reserved(context.users.entries().len() + context.nonusers.entries().len())?;
    known.extend(context.users.entries().iter().map(|user| user.id));
    known.extend(context.nonusers.entries().iter().map(|nonuser| nonuser.id));
    sort_by_number(&mut known, &|&id| id)?;
    for id in ids.into_iter().filter(|id| known.binary_search(id).is_err()) {
        match Answer::of(open(id))? {
            Answer::Is((namespace_type, namespace)) => match context.record(namespace_type, namespace)? {
                Some(target) => push(&mut found, target)?,
                None => context.miss(Gap::Links, 1),
            },
            Answer::Gone => (),
            Answer::Refused(_) => context.miss(Gap::Links, 1),
        }
    }
    context.found_empty_by(EmptySource::Listns);
    Ok(found)
}

fn open(id: u64) -> Result<(NamespaceType, Fd), Errno> {
    let namespace = match nsfs::open(id, 0, 0) {
        // It has ended. The kernel says so also if it is not permitted; but then it does not list the namespace.
        Err(Errno(libc::ESTALE)) => return Err(Errno(libc::ESRCH)),
        namespace => namespace?,
    };
    let flag = nsfs::namespace_type(&namespace)?;
    Ok((NamespaceType::of_clone_flag(flag).ok_or(Errno(libc::EINVAL))?, namespace))
}

/// Records a pin for each found namespace that nothing else keeps, as far as the scan has seen.
pub fn explain(context: &mut Context, found: &[Target]) -> Result<(), Error> {
    if found.is_empty() {
        return Ok(());
    }
    let mut users: Vec<bool> = zeros(context.users.entries().len())?;
    let mut nonusers: Vec<bool> = zeros(context.nonusers.entries().len())?;
    let facts = context.facts();
    let parents = context.users.entries().iter().filter_map(|user| user.parent);
    let owners = context.nonusers.entries().iter().filter_map(|nonuser| nonuser.owner);
    let members = facts.members.iter().map(|member| member.namespace);
    for user in parents.chain(owners).chain(members) {
        users[user as usize] = true;
    }
    for parent in context.nonusers.entries().iter().filter_map(|nonuser| nonuser.parent) {
        nonusers[parent as usize] = true;
    }
    for hold in &facts.holds {
        match hold.target {
            Target::User(index) => users[index as usize] = true,
            Target::Nonuser(index) => nonusers[index as usize] = true,
        }
    }
    for &target in found {
        let is_kept = match target {
            Target::User(index) => users[index as usize],
            Target::Nonuser(index) => nonusers[index as usize],
        };
        if !is_kept {
            context.hold(target, Holder::OutOfSight)?;
        }
    }
    Ok(())
}
