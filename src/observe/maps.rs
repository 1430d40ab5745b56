//! Source: the id maps of user namespaces, proc_pid_uid_map(5), proc_pid_setgroups(5).
//!
//! The maps are files of each process, and show those of its user namespace. Their numbers are those of the reader's own
//! user namespace, except for a reader in the namespace itself: he sees numbers of its parent (`uid_m_show()` of the
//! kernel).
//!
//! BPF tells the maps of the namespaces that it finds. Another one without a process is joined by a child process, of which
//! the caller then reads the files. The child itself would see numbers of the parent.

use super::answer::Answer;
use super::pins::lookup::Lookup;
use super::reference::Reference;
use super::visits::{self, Visits};
use super::{Context, Procfs};
use crate::error::Error;
use crate::facts::{Extent, Gap, Hold, Holder, Maps, Member, NamespaceType, Target, add_map, parse_link};
use crate::sys::clock::Start;
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, apart, if_any, nsfs, pidfd, worker};
use crate::util::arrays::{push, zeros};
use crate::util::parse;
use crate::util::path::ShortPath;
use std::ffi::CStr;
use std::mem;

/// So many processes of a namespace are read, until one is still in it.
const MOST_TRIES: u8 = 4;
/// A map has at most 340 lines of 33 bytes.
const SIZE: usize = 4 * PAGE;
const PAGE: usize = 4096;
/// All joins of namespaces take so many microseconds, at most.
const MOST_TIME: u64 = 2_000_000;

/// Reads the maps of the caller's own user namespace and of those below it, unless BPF told them. Others are not visible.
pub fn read(context: &mut Context) -> Result<(), Error> {
    let own = context.own_pid();
    let extents = mem::take(&mut context.facts_mut().extents);
    let mut search = Search { context, members: Vec::new(), own, extents };
    search.read_own()?;
    search.choose_members()?;
    visits::run(&mut search)?;
    search.join_rest()?;
    search.context.facts_mut().extents = search.extents;
    Ok(())
}

struct Search<'c, 'p> {
    context: &'c mut Context<'p>,
    /// The processes to read.
    members: Vec<Member>,
    /// The PID of the caller.
    own: Option<i32>,
    extents: Vec<Extent>,
}

impl Visits for Search<'_, '_> {
    fn procfs(&self) -> &Procfs {
        self.context.procfs
    }

    fn count(&self) -> usize {
        self.members.len()
    }

    fn is_to_caller(&self, index: usize) -> bool {
        Some(self.members[index].pid) == self.own
    }

    /// Reads the maps of the namespace that a process was found in, if it is still in it. That is so if it is both before and
    /// afterwards, since a process cannot leave a user namespace and come back: setns(2) takes a capability there.
    fn visit(&mut self, index: usize) -> Result<(), Error> {
        let Member { pid, namespace, .. } = self.members[index];
        if !self.is_wanted(namespace) || self.context.stuck.contains(&pid) {
            return Ok(());
        }
        let procfs = self.context.procfs;
        let link = Some((NamespaceType::User, self.context.users.entries()[namespace as usize].inode));
        let is_own = self.context.facts().own == Some(namespace);
        let path = ShortPath::new(format_args!("{pid}"));
        let read = || {
            let directory = procfs.find_directory(procfs.root(), path.as_c_str())?;
            let is_in = || match parse_link(procfs.read_link(&directory, c"ns/user", &mut [0; 32])?) {
                found if found == link => Ok(()),
                _ => Err(Errno(libc::ESRCH)),
            };
            is_in()?;
            let maps = read_files(procfs, &directory, is_own, &mut self.extents)?;
            is_in()?;
            Ok(maps)
        };
        if let Answer::Is(maps) = Answer::settle(read)? {
            self.context.users.set_maps(namespace, maps);
        }
        Ok(())
    }

    fn give_up(&mut self, _: usize) -> Result<(), Error> {
        Ok(())
    }
}

impl Search<'_, '_> {
    /// Whether the maps of a namespace are visible, and not known yet.
    fn is_wanted(&self, index: u32) -> bool {
        let users = &self.context.users;
        // The caller sees numbers of its own namespace in any that is below it. All are below the initial one.
        let is_visible = |own| users.is_initial(own) || users.is_at_or_above(own, index);
        users.entries()[index as usize].maps.is_none() && self.context.facts().own.is_some_and(is_visible)
    }

    /// Reads the maps of the caller's own namespace, through the calling thread.
    fn read_own(&mut self) -> Result<(), Error> {
        let Some(own) = self.context.facts().own.filter(|&own| self.is_wanted(own)) else { return Ok(()) };
        let extents = &mut self.extents;
        let mut read = |procfs: &Procfs| -> Result<Maps, Errno> {
            let directory = procfs.find_directory(procfs.root(), c"thread-self")?;
            read_files(procfs, &directory, true, extents)
        };
        let mut maps = if_any(read(self.context.procfs))?;
        if maps.is_none() {
            if let Some(usual) = Procfs::usual()? {
                maps = if_any(read(&usual))?;
            }
        }
        if let Some(maps) = maps {
            self.context.users.set_maps(own, maps);
        }
        Ok(())
    }

    fn choose_members(&mut self) -> Result<(), Error> {
        let mut tries: Vec<u8> = zeros(self.context.users.count())?;
        for index in 0..self.context.facts().members.len() {
            let member = self.context.facts().members[index];
            let tries = &mut tries[member.namespace as usize];
            if *tries < MOST_TRIES && self.is_wanted(member.namespace) {
                *tries += 1;
                push(&mut self.members, member)?;
            }
        }
        Ok(())
    }

    /// Joins the namespaces of which no process has shown the maps.
    fn join_rest(&mut self) -> Result<(), Error> {
        let start = Start::now();
        let mut joiner: Option<Joiner> = None;
        for index in 0..self.context.users.count() as u32 {
            if !self.is_wanted(index) {
                continue;
            }
            let joiner = match &mut joiner {
                Some(joiner) => joiner,
                none => none.insert(Joiner::new(self.context)?),
            };
            let patience = MOST_TIME.saturating_sub(start.elapsed_microseconds());
            match joiner.read(self.context, index, &mut self.extents, patience)? {
                Answer::Is(maps) => self.context.users.set_maps(index, maps),
                Answer::Gone => (),
                Answer::Refused(_) => self.context.miss(Gap::Maps, 1),
            }
        }
        Ok(())
    }
}

/// Joins namespaces in a child process.
struct Joiner {
    /// The procfs at `/proc`, if the scanned one does not show the children.
    usual: Option<Procfs>,
    /// The caller may open every namespace that is in use (Linux 6.19.14).
    may_open_all: bool,
    lookup: Lookup,
}

impl Joiner {
    fn new(context: &Context) -> Result<Joiner, Error> {
        let usual = if context.pid_namespaces.are_equal() { None } else { Procfs::usual()? };
        Ok(Joiner { usual, may_open_all: context.may_list_all(), lookup: Lookup::default() })
    }

    /// Waits so many microseconds for a child, at most: on a busy host it may not run at once.
    fn read(
        &mut self,
        context: &Context,
        index: u32,
        extents: &mut Vec<Extent>,
        patience: u64,
    ) -> Result<Answer<Maps>, Error> {
        let refused = Ok(Answer::Refused(Errno(libc::EACCES)));
        let Joiner { usual, may_open_all, lookup } = self;
        let Some(procfs) = procfs_of_children(context, usual.as_ref()) else { return refused };
        let user = context.users.entries()[index as usize];
        if patience == 0 {
            return refused;
        }
        let opened = match user.id {
            0 => find(context, index, lookup)?,
            id => match nsfs::open(id, libc::CLONE_NEWUSER, user.inode) {
                Err(Errno(libc::ESTALE)) if *may_open_all && has_member(context, index) => return Ok(Answer::Gone),
                // From Linux 6.19.14 on, the kernel refuses this outside the initial PID namespace.
                opened => match if_any(opened)? {
                    None => find(context, index, lookup)?,
                    opened => opened,
                },
            },
        };
        let Some(namespace) = opened else { return refused };
        let mut read = Err(Errno(libc::ESRCH));
        let mut look = |pid: i32| {
            let path = ShortPath::new(format_args!("{pid}"));
            let directory = procfs.find_directory(procfs.root(), path.as_c_str());
            read = directory.and_then(|directory| read_files(procfs, &directory, false, extents));
        };
        let joined = apart::run(&namespace, nsfs::enter_user_namespace, &mut look, patience);
        let maps = if if_any(joined)? == Some(true) { if_any(read)? } else { None };
        Ok(maps.map_or(Answer::Refused(Errno(libc::EACCES)), Answer::Is))
    }
}

/// The procfs in which children have the PIDs that the caller knows.
fn procfs_of_children<'p>(context: &'p Context, usual: Option<&'p Procfs>) -> Option<&'p Procfs> {
    if context.pid_namespaces.are_equal() {
        return Some(context.procfs);
    }
    let usual = usual?;
    let mut text = [0; 16];
    let link = usual.read_link(usual.root(), c"self", &mut text).ok()?;
    (parse::number(link)? == pidfd::own_pid() as u64).then_some(usual)
}

/// Whether a process was found in a namespace, so that it was in use (Linux 6.19 opens no other one).
fn has_member(context: &Context, index: u32) -> bool {
    context.facts().members.iter().any(|member| member.namespace == index)
}

/// Opens a namespace that the kernel does not open by its id, through what refers to it or to one below it. In a worker, since
/// a process can block its readers.
fn find(context: &Context, index: u32, lookup: &mut Lookup) -> Result<Option<Fd>, Error> {
    struct Task<'t, 'p> {
        context: &'t Context<'p>,
        index: u32,
        lookup: &'t mut Lookup,
        found: Result<Option<Fd>, Errno>,
    }
    let mut task = Task { context, index, lookup, found: Ok(None) };
    let search = |task: &mut Task| task.found = search(task.context, task.index, task.lookup);
    worker::run(&mut task, search, visits::PATIENCE)?;
    Ok(task.found?)
}

fn search(context: &Context, index: u32, lookup: &mut Lookup) -> Result<Option<Fd>, Errno> {
    let user = context.users.entries()[index as usize];
    let Some(wanted) = context.identity(user.inode) else { return Ok(None) };
    let ascend = |opened: Result<Fd, Errno>| {
        let mut at = opened?;
        while file::identity(&at)? != wanted {
            at = nsfs::owning_user_namespace(&at)?; // of a user namespace: its parent
        }
        // Another one can have the inode number by now.
        match user.id == 0 || nsfs::id(&at)? == user.id {
            true => Ok(at),
            false => Err(Errno(libc::ESTALE)),
        }
    };
    let facts = context.facts();
    let own = |hold: &&Hold| hold.target == Target::User(index);
    let below = |hold: &&Hold| match hold.target {
        Target::User(user) => user != index && context.users.is_at_or_above(index, user),
        Target::Nonuser(nonuser) => {
            let owner = context.nonusers.entries()[nonuser as usize].owner;
            owner.is_some_and(|owner| context.users.is_at_or_above(index, owner))
        }
    };
    let held = |hold: &Hold| Some((reference(context, hold)?, context.target_identity(hold.target)?));
    let member = |member: &Member| {
        let target = Target::User(member.namespace);
        let link = Reference::Link { pid: member.pid, tid: member.pid, name: c"user" };
        Some((link, context.target_identity(target)?))
    };
    let is_at_or_below = |member: &&Member| context.users.is_at_or_above(index, member.namespace);
    let few = usize::from(MOST_TRIES);
    let references = facts.holds.iter().filter(own).filter_map(held).take(few);
    let references = references.chain(facts.holds.iter().filter(below).filter_map(held).take(few));
    let members = facts.members.iter().filter(is_at_or_below).filter_map(member).take(few);
    for (reference, target) in references.chain(members) {
        if let Some(found) = if_any(ascend(reference.open(context.procfs, lookup, target)))? {
            return Ok(Some(found));
        }
    }
    Ok(None)
}

/// What can be opened of a holder.
fn reference<'c>(context: &'c Context, hold: &Hold) -> Option<Reference<'c>> {
    match hold.holder {
        Holder::Descriptor { pid, tid, number } => Some(Reference::Descriptor { pid, tid, number }),
        Holder::Mount { pid: pid @ 1.., path, .. } => {
            Some(Reference::Mount { pid, path: context.facts().text.get(path).to_bytes() })
        }
        _ => None,
    }
}

/// Reads the files of a process or thread. EINVAL: one is not as the kernel writes it.
fn read_files(procfs: &Procfs, directory: &Fd, is_own: bool, extents: &mut Vec<Extent>) -> Result<Maps, Errno> {
    let mut bounds = [extents.len() as u32; 4];
    for (index, name) in [c"uid_map", c"gid_map", c"projid_map"].into_iter().enumerate() {
        let mut text = [0; SIZE];
        let text = read_file(procfs, directory, name, &mut text)?;
        match add_map(extents, text, is_own)? {
            Some(end) => bounds[index + 1] = end,
            None => return Err(Errno(libc::EINVAL)),
        }
    }
    let mut text = [0; 16];
    let is_setgroups_denied = match read_file(procfs, directory, c"setgroups", &mut text)? {
        b"allow\n" => false,
        b"deny\n" => true,
        _ => return Err(Errno(libc::EINVAL)),
    };
    Ok(Maps { bounds, is_setgroups_denied })
}

fn read_file<'t>(procfs: &Procfs, directory: &Fd, name: &CStr, text: &'t mut [u8]) -> Result<&'t [u8], Errno> {
    let file = procfs.open_file(directory, name)?;
    let mut filled = 0;
    while filled < text.len() {
        let length = file::read(&file, &mut text[filled..])?;
        filled += length;
        // The kernel fills a page as far as whole lines fit (`seq_read_iter()`): less is the end.
        if length < PAGE / 2 {
            break;
        }
    }
    Ok(&text[..filled])
}
