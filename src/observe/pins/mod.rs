//! The driver for pins: visits all threads of all members and runs the sources of pins on each.

mod descriptors;
mod links;
mod lookup;
mod mounts;
mod overmounts;
mod sockets;
mod threads;
mod view;

use super::answer::Answer;
use super::{Context, bpf};
use crate::error::Error;
use crate::facts::{Gap, Holder, NamespaceType, Source, Target};
use crate::options::Wanted;
use crate::sys::dir::Directory;
use crate::sys::{file, if_any, pidfd};
use crate::util::arrays::zeros;
use crate::util::parse;
use descriptors::Descriptors;
use links::Links;
use mounts::Mounts;
use sockets::Sockets;
use threads::{Thread, open_directory};

/// What of one process could not be seen.
#[derive(Clone, Copy, Default)]
struct Missed {
    descriptors: bool,
    mounts: bool,
}

struct Search<'c, 'p> {
    context: &'c mut Context<'p>,
    wanted: Wanted,
    descriptors: Descriptors,
    sockets: Sockets,
    mounts: Mounts,
    /// For reading `task`.
    buffer: Vec<u8>,
}

/// Records what keeps namespaces alive besides the members of user namespaces.
pub fn find(context: &mut Context, wanted: Wanted) -> Result<(), Error> {
    let same_pids = context.pid_namespaces.are_equal();
    let by_bpf = context.facts().source != Source::Procfs;
    // All descriptors are read if BPF cannot tell which are of namespaces.
    let candidates = (by_bpf && wanted.pinned).then(|| bpf::find_descriptors(context, wanted.sockets).ok());
    let mut search = Search {
        context,
        wanted,
        descriptors: Descriptors::new(candidates.flatten(), same_pids),
        sockets: Sockets::new(same_pids),
        mounts: Mounts::default(),
        buffer: Vec::new(),
    };
    for index in 0..search.context.facts().members.len() {
        let pid = search.context.facts().members[index].pid;
        search.visit(pid)?;
    }
    search.finish()
}

impl Search<'_, '_> {
    /// Visits the threads of a process, unless it has ended.
    fn visit(&mut self, pid: i32) -> Result<(), Error> {
        let Some(leader) = Thread::leader(self.context.procfs, pid)? else { return self.miss_hidden(pid) };
        self.descriptors.enter_process(self.context);
        let links = links::read(self.context, &leader, &Links::default())?;
        if links.is_empty() && file::status(&leader.directory).is_err() {
            return self.miss_hidden(pid);
        }
        if !self.wanted.pinned {
            return Ok(());
        }
        let mut missed = Missed::default();
        self.read_thread(&leader, &links, &mut missed)?;
        if !leader.is_only_one() {
            self.visit_threads(&leader, &links, &mut missed)?;
        }
        self.context.miss(Gap::Descriptors, missed.descriptors.into());
        self.context.miss(Gap::Mounts, missed.mounts.into());
        Ok(())
    }

    /// Counts a process that BPF shows and procfs hides, unless it has ended.
    fn miss_hidden(&mut self, pid: i32) -> Result<(), Error> {
        let by_bpf = self.context.facts().source != Source::Procfs;
        if !by_bpf || matches!(Answer::of(pidfd::open(pid, false))?, Answer::Gone) {
            return Ok(());
        }
        self.context.miss(Gap::Links, 1);
        if self.wanted.pinned {
            self.context.miss(Gap::Descriptors, self.descriptors.may_have_any(pid).into());
            self.context.miss(Gap::Mounts, 1);
        }
        Ok(())
    }

    fn visit_threads(&mut self, leader: &Thread, links: &Links, missed: &mut Missed) -> Result<(), Error> {
        let tasks = match open_directory(&leader.directory, c"task")? {
            Answer::Is(tasks) => tasks,
            Answer::Gone => return Ok(()),
            Answer::Refused(_) => {
                missed.descriptors |= self.descriptors.may_have_any(leader.pid);
                missed.mounts = true;
                return Ok(());
            }
        };
        let mut buffer = std::mem::take(&mut self.buffer);
        let mut names = Directory::new(&tasks, &mut buffer)?;
        // An error means that the process has ended.
        while let Some(name) = if_any(names.next_name())?.flatten() {
            let tid = match parse::number(name) {
                Some(tid) if tid != leader.pid as u64 => tid as i32,
                _ => continue,
            };
            let Some(thread) = Thread::in_directory(&tasks, leader.pid, tid)? else { continue };
            let own = links::read(self.context, &thread, links)?;
            self.read_thread(&thread, &own, missed)?;
        }
        self.buffer = buffer;
        Ok(())
    }

    /// Reads the descriptors and mounts of a thread.
    fn read_thread(&mut self, thread: &Thread, links: &Links, missed: &mut Missed) -> Result<(), Error> {
        let (sockets, wanted) = (&mut self.sockets, self.wanted);
        let mut visit = |context: &mut Context, thread: &Thread, entry: descriptors::Entry| -> Result<(), Error> {
            if descriptors::record(context, thread, &entry)? || !wanted.sockets {
                return Ok(());
            }
            if let Some(inode) = sockets::parse_link(entry.link) {
                let is_known = sockets.record(context, thread, entry.number, inode)?;
                context.miss(Gap::Sockets, usize::from(!is_known));
            }
            Ok(())
        };
        missed.descriptors |= !self.descriptors.read(self.context, thread, &mut visit)?;
        missed.mounts |= match links.mount_namespace() {
            Some(inode) => !self.mounts.read(self.context, thread, inode)?,
            None => {
                matches!(Answer::settle(|| file::status_at(&thread.directory, c"root"))?, Answer::Refused(_))
            }
        };
        Ok(())
    }

    fn finish(self) -> Result<(), Error> {
        let Search { context, wanted, mounts, .. } = self;
        if !wanted.pinned {
            return Ok(());
        }
        mounts.finish(context)?;
        let unreadable = context.facts().gaps.count(Gap::Unreadable);
        context.miss(Gap::Descriptors, unreadable);
        context.miss(Gap::Mounts, unreadable);
        let empty = empty_mount_namespaces(context)?;
        context.miss(Gap::MountNamespaces, empty);
        Ok(())
    }
}

/// The number of mount namespaces without a member.
fn empty_mount_namespaces(context: &Context) -> Result<usize, Error> {
    let nonusers = context.nonusers.entries();
    let mut has_member: Vec<bool> = zeros(nonusers.len())?;
    for hold in &context.facts().holds {
        if let (Target::Nonuser(index), Holder::Member { .. }) = (hold.target, hold.holder) {
            has_member[index as usize] = true;
        }
    }
    let all = nonusers.iter().zip(has_member);
    Ok(all.filter(|(nonuser, has_member)| nonuser.namespace_type == NamespaceType::Mnt && !has_member).count())
}
