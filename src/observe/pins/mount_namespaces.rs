//! Source: the mount namespaces without processes, NS_MNT_GET_NEXT of linux/nsfs.h (Linux 6.12).
//!
//! A descriptor or a mount keeps such a mount namespace, for example. The mounts in it keep other namespaces, and no process
//! shows them.

use super::super::answer::Answer;
use crate::error::Error;
use crate::facts::{EmptySource, Gap, Holder, NamespaceType, Target};
use crate::observe::Context;
use crate::sys::clock::Start;
use crate::sys::file::{self, Fd};
use crate::sys::nsfs::{self, Direction};
use crate::sys::{Errno, if_any};
use crate::util::hash::IntMap;

/// A walk takes so many microseconds, at most: others can create mount namespaces all the time.
const MOST_TIME: u64 = 2_000_000;

/// Reads the mounts of a mount namespace, given with its index; false if they could not be read.
pub type Read<'r> = dyn FnMut(&mut Context, &Fd, u32) -> Result<bool, Error> + 'r;

/// By inode number.
type Set = IntMap<u64, ()>;

struct Search {
    /// The mount namespaces whose mounts are known.
    done: Set,
    /// The number of mount namespaces whose mounts could not be read, plus one if there can be more.
    unread: usize,
}

/// Records the mount namespaces without members, calls `read` for each, and counts those whose mounts are unknown. If the
/// kernel does not list all mount namespaces, only those are known that were found before.
pub fn find(context: &mut Context, read: &mut Read) -> Result<(), Error> {
    let mut search = Search { done: with_member(context)?, unread: 0 };
    if context.may_list_all() && search.walk(context, read)? {
        context.found_empty_by(EmptySource::MountNamespaces);
        context.miss(Gap::MountNamespaces, search.unread);
        return Ok(());
    }
    let nonusers = context.nonusers.entries().iter();
    let mounts = nonusers.filter(|nonuser| nonuser.namespace_type == NamespaceType::Mnt);
    let unread = mounts.filter(|nonuser| !search.done.contains_key(&nonuser.inode)).count();
    context.miss(Gap::MountNamespaces, search.unread + unread);
    Ok(())
}

/// The mount namespaces with a member: the processes have shown their mounts.
fn with_member(context: &Context) -> Result<Set, Error> {
    let (mut set, nonusers) = (Set::default(), context.nonusers.entries());
    for hold in &context.facts().holds {
        if let (Target::Nonuser(index), Holder::Member { .. }) = (hold.target, hold.holder) {
            set.try_reserve(1)?;
            set.insert(nonusers[index as usize].inode, ());
        }
    }
    Ok(set)
}

impl Search {
    /// Walks through all mount namespaces, from the caller's own in both directions: first those that are older, then those
    /// that are newer. False if the kernel does not list all.
    fn walk(&mut self, context: &mut Context, read: &mut Read) -> Result<bool, Error> {
        let start = Start::now();
        for direction in [Direction::Previous, Direction::Next] {
            let (procfs, nsfs) = (context.procfs, context.users.device());
            let own = if_any(procfs.open_namespace(procfs.root(), c"thread-self/ns/mnt", nsfs))?;
            let Some(mut namespace) = own else { return Ok(false) };
            loop {
                if start.elapsed_microseconds() > MOST_TIME {
                    self.unread += 1;
                    break;
                }
                self.visit(context, &namespace, read)?;
                namespace = match nsfs::mount_namespace_beside(&namespace, direction) {
                    Err(Errno(libc::ENOENT)) => break,
                    next => match if_any(next)? {
                        Some(next) => next,
                        None => return Ok(false),
                    },
                };
            }
        }
        Ok(true)
    }

    /// Records a mount namespace and its mounts, unless they are known.
    fn visit(&mut self, context: &mut Context, namespace: &Fd, read: &mut Read) -> Result<(), Error> {
        let Some(identity) = if_any(file::identity(namespace))? else {
            self.unread += 1;
            return Ok(());
        };
        if self.done.contains_key(&identity.inode) {
            return Ok(());
        }
        let procfs = context.procfs;
        let target = context.target(NamespaceType::Mnt, identity.inode, || procfs.reopen(namespace, identity))?;
        let is_read = match target {
            Answer::Is(Target::Nonuser(index)) => read(context, namespace, index)?,
            _ => false,
        };
        self.unread += usize::from(!is_read);
        self.done.try_reserve(1)?;
        self.done.insert(identity.inode, ());
        Ok(())
    }
}
