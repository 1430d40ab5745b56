//! Source: open descriptors of namespaces, `/proc/PID/task/TID/fd`, proc_pid_fd(5).

use super::super::answer::Answer;
use super::super::candidate::Candidate;
use super::repeated::Repeated;
use super::tables::{Table, Tables};
use super::threads::{Thread, open_directory};
use crate::error::Error;
use crate::facts::{Gap, Holder, NamespaceType, Target, parse_link};
use crate::observe::Context;
use crate::sys::dir::Directory;
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, nsfs};
use crate::util::parse;
use crate::util::path::ShortPath;
use std::ffi::CStr;
use std::ops::Range;

/// The search through the descriptor tables of all threads.
pub struct Descriptors {
    /// The descriptors to read, in ascending order, if BPF has found them; else all are read.
    candidates: Option<Vec<Candidate>>,
    /// The tables of the current process that were read.
    tables: Tables,
    /// The descriptors of the current process, if its tables cannot be told apart.
    repeated: Repeated,
    /// For reading directories.
    buffer: Vec<u8>,
}

/// A descriptor, and the text of its link.
pub struct Entry<'t> {
    pub number: i32,
    pub link: &'t [u8],
    /// The directory `fd` that it is in.
    table: &'t Fd,
}

/// Handles a descriptor.
pub type Visit<'v> = dyn FnMut(&mut Context, &Thread, Entry) -> Result<(), Error> + 'v;

impl Descriptors {
    pub fn new(candidates: Option<Vec<Candidate>>, same_pids: bool) -> Descriptors {
        let (tables, repeated) = (Tables::new(same_pids), Repeated::default());
        Descriptors { candidates, tables, repeated, buffer: Vec::new() }
    }

    /// Begins with another process.
    pub fn enter_process(&mut self, context: &Context) {
        self.tables.clear();
        self.repeated.clear(context.facts().holds.len());
    }

    /// Whether a process may have a descriptor to read.
    pub fn may_have_any(&self, pid: i32) -> bool {
        let Some(candidates) = &self.candidates else { return true };
        candidates.binary_search_by_key(&pid, |descriptor| descriptor.pid).is_ok()
    }

    /// Visits the descriptors of a thread, unless it shares its table with a thread of the same process that was read
    /// before. False if not all descriptors can be read, since the kernel refuses to show them, or there are too many.
    pub fn read(&mut self, context: &mut Context, thread: &Thread, visit: &mut Visit) -> Result<bool, Error> {
        let candidates = self.candidates_of(thread);
        // A table without candidates need not be compared with others.
        if candidates.as_ref().is_some_and(Range::is_empty) {
            return Ok(true);
        }
        let table = self.tables.find(thread.tid);
        if table == Table::Read {
            return Ok(true);
        }
        let before = context.facts().holds.len();
        let is_shown = self.read_table(context, thread, candidates, visit)?;
        match table {
            Table::New(place) => self.tables.insert(place, thread.tid)?,
            _ => self.repeated.forget(&mut context.facts_mut().holds, before)?,
        }
        Ok(is_shown)
    }

    /// The range of a thread's descriptors in `candidates`.
    fn candidates_of(&self, thread: &Thread) -> Option<Range<usize>> {
        let key = |descriptor: &Candidate| (descriptor.pid, descriptor.tid);
        let (candidates, own) = (self.candidates.as_ref()?, (thread.pid, thread.tid));
        let start = candidates.partition_point(|other| key(other) < own);
        Some(start..candidates.partition_point(|other| key(other) <= own))
    }

    fn read_table(
        &mut self,
        context: &mut Context,
        thread: &Thread,
        candidates: Option<Range<usize>>,
        visit: &mut Visit,
    ) -> Result<bool, Error> {
        let table = match open_directory(context.procfs, &thread.directory, c"fd")? {
            Answer::Is(table) => table,
            Answer::Gone => return Ok(true),
            Answer::Refused(_) => return Ok(false),
        };
        if let Some((candidates, range)) = self.candidates.as_ref().zip(candidates) {
            for descriptor in &candidates[range] {
                if !context.limits.descriptors.take()
                    || !read_descriptor(context, thread, &table, descriptor.number, visit)?
                {
                    return Ok(false);
                }
            }
            return Ok(true);
        }
        let mut names = Directory::new(&table, &mut self.buffer)?;
        loop {
            let name = match Answer::of(names.next_name())? {
                Answer::Is(Some(name)) => name,
                Answer::Is(None) | Answer::Gone => return Ok(true),
                Answer::Refused(_) => return Ok(false),
            };
            let Some(number) = parse::number(name) else { continue };
            if !context.limits.descriptors.take() || !read_descriptor(context, thread, &table, number as i32, visit)? {
                return Ok(false);
            }
        }
    }
}

/// Visits a descriptor; false if the kernel refuses to show it.
fn read_descriptor(
    context: &mut Context,
    thread: &Thread,
    table: &Fd,
    number: i32,
    visit: &mut Visit,
) -> Result<bool, Error> {
    let name = ShortPath::new(format_args!("{number}"));
    let mut text = [0; 48];
    let procfs = context.procfs;
    let read = || procfs.read_link(table, name.as_c_str(), &mut text).map(<[u8]>::len);
    match Answer::settle(read)? {
        Answer::Is(length) => visit(context, thread, Entry { number, link: &text[..length], table }).map(|()| true),
        Answer::Gone => Ok(true),
        Answer::Refused(_) => Ok(false),
    }
}

/// Records a descriptor of a namespace; false if it is of another file.
pub fn record(context: &mut Context, thread: &Thread, entry: &Entry) -> Result<bool, Error> {
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
fn record_mounted(context: &mut Context, thread: &Thread, entry: &Entry, name: &CStr) -> Result<bool, Error> {
    if entry.link.first() != Some(&b'/') {
        return Ok(false);
    }
    let Answer::Is(status) = Answer::of(file::status_at(entry.table, name))? else { return Ok(false) };
    let wanted = status.identity();
    if context.identity(wanted.inode) != Some(wanted) {
        return Ok(false);
    }
    let procfs = context.procfs;
    let opened = file::open_at(entry.table, name, libc::O_PATH).and_then(|file| {
        let namespace = procfs.reopen(&file, wanted)?;
        Ok((nsfs::namespace_type(&namespace)?, namespace))
    });
    let target = match Answer::of(opened)? {
        Answer::Is((flag, namespace)) => match NamespaceType::of_clone_flag(flag) {
            Some(namespace_type) => context.target(namespace_type, wanted.inode, || Ok(namespace))?,
            None => None,
        },
        Answer::Gone => None,
        Answer::Refused(_) => {
            context.miss(Gap::Links, 1);
            None
        }
    };
    hold(context, thread, entry, target)
}

/// Records what is known about a descriptor of a namespace.
fn hold(context: &mut Context, thread: &Thread, entry: &Entry, target: Option<Target>) -> Result<bool, Error> {
    if let Some(target) = target {
        let Thread { pid, tid, .. } = *thread;
        context.hold(target, Holder::Descriptor { pid, tid, number: entry.number })?;
    }
    Ok(true)
}
