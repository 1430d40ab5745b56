//! Source: open descriptors of namespaces, `/proc/PID/task/TID/fd`, proc_pid_fd(5).

use super::super::answer::Answer;
use super::super::candidate::Candidates;
use super::repeated::Repeated;
use super::tables::{Table, Tables};
use super::threads::{Entry, Thread, open_directory};
use crate::error::Error;
use crate::facts::{Gap, Holder, NamespaceType, Target, parse_link};
use crate::observe::{Context, Procfs};
use crate::sys::dir::Directory;
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, nsfs};
use crate::util::arrays::{push, sort_by_number};
use crate::util::parse;
use crate::util::path::ShortPath;
use std::ffi::CStr;
use std::ops::Range;

/// So often a table is listed on the last visit to a process with one thread, until all that it has were read.
const MOST_LISTINGS: usize = 16;

/// The search through the descriptor tables of all threads.
pub struct Descriptors {
    /// The descriptors to read, if BPF has found them; else all are read.
    candidates: Option<Candidates>,
    /// The tables of the current process that were read.
    tables: Tables,
    /// The descriptors of the current process, if its tables cannot be told apart.
    repeated: Repeated,
    /// Whether the table of the current process is listed until it stays as it was read.
    is_repeated: bool,
    /// The descriptors of the current table that were read, in order, if it is listed again.
    seen: Vec<i32>,
    /// How many the last list of a table had, and whether some of these were gone when they were to be read.
    listed: u64,
    are_some_gone: bool,
    /// Whether the kernel tells the size of tables.
    are_tables_sized: bool,
    /// For reading directories.
    buffer: Vec<u8>,
}

/// What a descriptor refers to.
pub enum Kind {
    /// A namespace, which was recorded.
    Namespace,
    /// Another file; with the device, if it is the special file of a character device.
    Other(Option<u64>),
}

/// Handles a descriptor. `Gone`: the thread no longer has it, or has exited.
pub type Visit<'v> = dyn FnMut(&mut Context, &Thread, Entry) -> Result<Answer<()>, Error> + 'v;

impl Descriptors {
    pub fn new(candidates: Option<Candidates>, same_pids: bool) -> Descriptors {
        let (tables, repeated) = (Tables::new(same_pids), Repeated::default());
        Descriptors {
            candidates,
            tables,
            repeated,
            is_repeated: false,
            seen: Vec::new(),
            listed: 0,
            are_some_gone: false,
            are_tables_sized: false,
            buffer: Vec::new(),
        }
    }

    /// Begins a visit to a process.
    pub fn enter_process(&mut self, context: &Context, pid: i32, is_repeated: bool) {
        self.is_repeated = is_repeated && self.are_all_read(pid);
        (self.listed, self.are_some_gone) = (0, false);
        self.tables.clear();
        self.repeated.clear(context.facts().holds.len());
    }

    /// Whether all descriptors of a process are read.
    fn are_all_read(&self, pid: i32) -> bool {
        self.candidates.as_ref().is_none_or(|candidates| candidates.are_all_read(pid))
    }

    /// Whether a process may have a descriptor to read.
    pub fn may_have_any(&self, pid: i32) -> bool {
        self.candidates.as_ref().is_none_or(|candidates| candidates.may_be_of(pid))
    }

    /// Visits the descriptors of a thread, unless it shares its table with a thread of the same process that was read
    /// before. False if not all descriptors can be read, since the kernel refuses to show them, or there are too many.
    pub fn read(&mut self, context: &mut Context, thread: &Thread, visit: &mut Visit) -> Result<bool, Error> {
        let candidates = self.candidates.as_ref().and_then(|candidates| candidates.of_thread(thread.pid, thread.tid));
        // A table without candidates need not be compared with others.
        if candidates.as_ref().is_some_and(Range::is_empty) {
            return Ok(true);
        }
        let table = self.tables.find(thread.tid);
        if table == Table::Read {
            return Ok(true);
        }
        let before = context.facts().holds.len();
        let is_shown = self.read_table(context, thread, candidates, table == Table::Unknown, visit)?;
        match table {
            Table::New(place) => self.tables.insert(place, thread.tid)?,
            _ => self.repeated.forget(&mut context.facts_mut().holds, before)?,
        }
        Ok(is_shown)
    }

    /// Whether the table that was read of a process with one thread has all that the process has: it is read as an empty one
    /// once the thread has exited, and another one, with a table of its own, can have taken its place since.
    pub fn are_complete(&mut self, procfs: &Procfs, leader: &Thread) -> Result<bool, Error> {
        // A table that was listed until it stayed the same lacks none.
        if self.is_repeated {
            return Ok(true);
        }
        Ok(!self.are_some_gone && self.is_still_read(procfs, leader)?)
    }

    /// Whether a process has one thread, with no more descriptors than the last list of its table.
    fn is_still_read(&mut self, procfs: &Procfs, leader: &Thread) -> Result<bool, Error> {
        // In this order: the table of a thread that took the place of the leader is the larger one.
        if !leader.is_only_one(procfs) {
            return Ok(false);
        }
        if self.are_all_read(leader.pid) {
            // Twice: the kernel counts without a lock, and can miss a descriptor that gets another number meanwhile.
            for _ in 0..2 {
                if self.size(procfs, leader)? > self.listed {
                    return Ok(false);
                }
            }
        }
        Ok(true)
    }

    /// The number of descriptors that a thread has.
    fn size(&mut self, procfs: &Procfs, thread: &Thread) -> Result<u64, Error> {
        // The size of the directory (Linux 6.2).
        let mut size = procfs.status_at(&thread.directory, c"fd").map_or(0, |table| table.size);
        self.are_tables_sized |= size > 0;
        if self.are_tables_sized {
            return Ok(size);
        }
        let Answer::Is(table) = open_directory(procfs, &thread.directory, c"fd")? else { return Ok(0) };
        let mut names = Directory::new(&table, &mut self.buffer)?;
        while let Ok(Some(name)) = names.next_name() {
            size += u64::from(parse::number(name).is_some());
        }
        Ok(size)
    }

    fn read_table(
        &mut self,
        context: &mut Context,
        thread: &Thread,
        candidates: Option<Range<usize>>,
        may_be_repeated: bool,
        visit: &mut Visit,
    ) -> Result<bool, Error> {
        self.seen.clear();
        for _ in 0..MOST_LISTINGS {
            let table = match open_directory(context.procfs, &thread.directory, c"fd")? {
                Answer::Is(table) => table,
                Answer::Gone => return Ok(true),
                Answer::Refused(_) => return Ok(false),
            };
            let before = self.seen.len();
            self.are_some_gone = false;
            if !self.read_listed(context, thread, (&table, may_be_repeated), candidates.clone(), visit)? {
                return Ok(false);
            }
            let is_new = self.seen.len() > before;
            sort_by_number(&mut self.seen, &|&number| number as u64)?;
            let has_changed = is_new || self.are_some_gone;
            if !self.is_repeated || (!has_changed && self.is_still_read(context.procfs, thread)?) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Visits the descriptors that are listed now and were not before.
    fn read_listed(
        &mut self,
        context: &mut Context,
        thread: &Thread,
        (table, may_be_repeated): (&Fd, bool),
        candidates: Option<Range<usize>>,
        visit: &mut Visit,
    ) -> Result<bool, Error> {
        let mut read = |number| match context.limits.descriptors.take() {
            true => read_descriptor(context, thread, table, number, may_be_repeated, visit),
            false => Ok(Answer::Refused(Errno(libc::E2BIG))),
        };
        if let Some((candidates, range)) = self.candidates.as_ref().zip(candidates) {
            for descriptor in &candidates.selected[range] {
                match read(descriptor.number)? {
                    Answer::Is(()) => (),
                    Answer::Gone => self.are_some_gone = true,
                    Answer::Refused(_) => return Ok(false),
                }
            }
            return Ok(true);
        }
        self.listed = 0;
        let before = self.seen.len();
        let mut names = Directory::new(table, &mut self.buffer)?;
        loop {
            let name = match Answer::of(names.next_name())? {
                Answer::Is(Some(name)) => name,
                Answer::Is(None) | Answer::Gone => return Ok(true),
                Answer::Refused(_) => return Ok(false),
            };
            let Some(number) = parse::number(name).map(|number| number as i32) else { continue };
            self.listed += 1;
            if self.seen[..before].binary_search(&number).is_ok() {
                continue;
            }
            match read(number)? {
                Answer::Is(()) if self.is_repeated => push(&mut self.seen, number)?,
                Answer::Is(()) => (),
                Answer::Gone => self.are_some_gone = true,
                Answer::Refused(_) => return Ok(false),
            }
        }
    }
}

/// Visits a descriptor.
fn read_descriptor(
    context: &mut Context,
    thread: &Thread,
    table: &Fd,
    number: i32,
    may_be_repeated: bool,
    visit: &mut Visit,
) -> Result<Answer<()>, Error> {
    let name = ShortPath::new(format_args!("{number}"));
    let mut text = [0; 48];
    let procfs = context.procfs;
    let read = || match procfs.read_link(table, name.as_c_str(), &mut text) {
        Err(Errno(libc::ENAMETOOLONG)) => Ok(None),
        read => Ok(Some(read?.len())),
    };
    match Answer::settle(read)? {
        Answer::Is(length) => {
            // A path that is too long for a page is one all the same.
            let link = length.map_or(&b"/"[..], |length| &text[..length]);
            visit(context, thread, Entry { number, link, may_be_repeated, table })
        }
        Answer::Gone => Ok(Answer::Gone),
        Answer::Refused(errno) => Ok(Answer::Refused(errno)),
    }
}

/// Records a descriptor if it is of a namespace.
pub fn record(context: &mut Context, thread: &Thread, entry: &Entry) -> Result<Answer<Kind>, Error> {
    let procfs = context.procfs;
    let name = ShortPath::new(format_args!("{}", entry.number));
    let Some((namespace_type, inode)) = parse_link(entry.link) else {
        return record_mounted(context, thread, entry, name.as_c_str());
    };
    let wanted = context.identity(inode);
    // The owner can replace the file at any time. Opening an unknown file could block or have side effects, so it is
    // opened with O_PATH and identified first.
    let open = || {
        let file = procfs.find_target(entry.table, name.as_c_str())?;
        procfs.reopen(&file, wanted.ok_or(Errno(libc::ESRCH))?)
    };
    let target = context.target(namespace_type, inode, open)?;
    hold(context, thread, entry, target)
}

/// Records a descriptor that was opened through a bind mount of a namespace, as ip-netns(8) does. Its link is the path of
/// the mount, or `/` once that is unmounted, so only its device tells that it is a namespace.
fn record_mounted(context: &mut Context, thread: &Thread, entry: &Entry, name: &CStr) -> Result<Answer<Kind>, Error> {
    if entry.link.first() != Some(&b'/') {
        return Ok(Answer::Is(Kind::Other(None)));
    }
    let wanted = match Answer::settle(|| file::status_at(entry.table, name))? {
        Answer::Is(status) if context.identity(status.inode) == Some(status.identity()) => status.identity(),
        Answer::Is(status) => return Ok(Answer::Is(Kind::Other(status.character_device()))),
        Answer::Gone => return Ok(Answer::Gone),
        Answer::Refused(_) => return Ok(Answer::Is(Kind::Other(None))),
    };
    let procfs = context.procfs;
    let open = || {
        let namespace = procfs.reopen(&file::open_at(entry.table, name, libc::O_PATH)?, wanted)?;
        Ok((nsfs::namespace_type(&namespace)?, namespace))
    };
    let target = match Answer::settle(open)? {
        Answer::Is((flag, namespace)) => match NamespaceType::of_clone_flag(flag) {
            Some(namespace_type) => context.target_of(namespace_type, namespace)?,
            None => return Ok(Answer::Is(Kind::Namespace)),
        },
        Answer::Gone => Answer::Gone,
        Answer::Refused(errno) => {
            context.miss(Gap::Links, 1);
            Answer::Refused(errno)
        }
    };
    hold(context, thread, entry, target)
}

/// Records what is known about a descriptor of a namespace.
fn hold(context: &mut Context, thread: &Thread, entry: &Entry, target: Answer<Target>) -> Result<Answer<Kind>, Error> {
    match target {
        Answer::Is(target) => {
            let Thread { pid, tid, .. } = *thread;
            context.hold(target, Holder::Descriptor { pid, tid, number: entry.number })?;
        }
        Answer::Gone => return Ok(Answer::Gone),
        Answer::Refused(_) => (), // it was counted
    }
    Ok(Answer::Is(Kind::Namespace))
}
