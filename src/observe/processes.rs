//! Source: the processes that a procfs shows, and the user namespace of each, proc_pid_ns(5).

use super::answer::Answer;
use super::visits::{self, Visits};
use super::{Context, Procfs};
use crate::error::Error;
use crate::facts::{Gap, Member, NamespaceType, parse_link};
use crate::sys::Errno;
use crate::sys::dir::Directory;
use crate::sys::{if_any, pidfd};
use crate::util::arrays::{push, sort_by_number};
use crate::util::parse;
use crate::util::path::ShortPath;
use std::ffi::CStr;

/// Reads the user namespace of every process, with one system call each, and records new namespaces.
///
/// The kernel lists PIDs in ascending order, so a process that exists throughout is listed exactly once.
pub fn walk(context: &mut Context) -> Result<(), Error> {
    let mut pids = list(context)?;
    let own = context.own_pid();
    // First: between others, the visit to the caller would cost one more worker.
    if let Some(index) = pids.iter().position(|&pid| Some(pid) == own) {
        pids[..=index].rotate_right(1);
    }
    visits::run(&mut Walk { context, pids, own })?;
    Ok(sort_by_number(&mut context.facts_mut().members, &|member| member.pid as u64)?)
}

struct Walk<'c, 'p> {
    context: &'c mut Context<'p>,
    pids: Vec<i32>,
    own: Option<i32>,
}

impl Visits for Walk<'_, '_> {
    fn procfs(&self) -> &Procfs {
        self.context.procfs
    }

    fn count(&self) -> usize {
        self.pids.len()
    }

    fn is_to_caller(&self, index: usize) -> bool {
        Some(self.pids[index]) == self.own
    }

    fn visit(&mut self, index: usize) -> Result<(), Error> {
        visit(self.context, self.pids[index])
    }

    /// A pidfd tells the user namespace of a process that procfs blocks on (Linux 6.11).
    fn give_up(&mut self, index: usize) -> Result<(), Error> {
        let pid = self.pids[index];
        push(&mut self.context.stuck, pid)?;
        let are_equal = self.context.pid_namespaces.are_equal();
        let open = || pidfd::namespace(&pidfd::open(pid, false)?, NamespaceType::User.clone_flag());
        let namespace = match are_equal.then(open).map(if_any).transpose()?.flatten() {
            Some(namespace) => self.context.record_user(namespace)?,
            None => None,
        };
        match namespace {
            Some(namespace) => {
                Ok(push(&mut self.context.facts_mut().members, Member { pid, namespace, ..Member::default() })?)
            }
            None => {
                self.context.miss(Gap::Unreadable, 1);
                Ok(())
            }
        }
    }
}

/// The PIDs of all processes, in ascending order.
fn list(context: &mut Context) -> Result<Vec<i32>, Error> {
    let mut pids = Vec::new();
    let mut buffer = Vec::new();
    let mut directory = Directory::new(context.procfs.root(), &mut buffer)?;
    while let Some(name) = directory.next_name().map_err(Error::of_directory)? {
        if let Some(pid) = parse::number(name).and_then(|number| i32::try_from(number).ok()) {
            push(&mut pids, pid)?;
        }
    }
    context.listing.any = !pids.is_empty();
    context.listing.init = pids.contains(&1);
    Ok(pids)
}

fn visit(context: &mut Context, pid: i32) -> Result<(), Error> {
    let path = ShortPath::new(format_args!("{pid}/ns/user"));
    let path = path.as_c_str();
    let procfs = context.procfs;
    let namespace = match Answer::settle(|| read_inode(procfs, path))? {
        Answer::Is(inode) => match context.users.find(inode) {
            Some(known) => Answer::Is(known),
            None => record(context, path)?,
        },
        Answer::Gone => Answer::Gone,
        Answer::Refused(errno) => Answer::Refused(errno),
    };
    match namespace {
        Answer::Is(namespace) => {
            push(&mut context.facts_mut().members, Member { pid, namespace, ..Member::default() })?;
        }
        Answer::Gone => (),
        Answer::Refused(errno) => {
            context.miss(Gap::Unreadable, 1);
            context.listing.refused_by_hidepid |= errno == Errno(libc::EPERM);
        }
    }
    Ok(())
}

/// Opens and records a namespace that was not found before, through the process that showed it.
///
/// The process may have moved to another namespace since, or its PID may have been reused: the open descriptor, not the
/// link, tells the namespace. If the process has ended, the next member that the walk meets is used.
fn record(context: &mut Context, path: &CStr) -> Result<Answer<u32>, Error> {
    let procfs = context.procfs;
    let nsfs = context.users.device();
    match Answer::settle(|| procfs.open_namespace(procfs.root(), path, nsfs))? {
        Answer::Is(namespace) => {
            Ok(context.record_user(namespace)?.map_or(Answer::Refused(Errno(libc::EINVAL)), Answer::Is))
        }
        Answer::Gone => Ok(Answer::Gone),
        Answer::Refused(errno) => Ok(Answer::Refused(errno)),
    }
}

fn read_inode(procfs: &Procfs, path: &CStr) -> Result<u64, Errno> {
    let mut text = [0; 32];
    match parse_link(procfs.read_link(procfs.root(), path, &mut text)?) {
        Some((NamespaceType::User, inode)) => Ok(inode),
        _ => Err(Errno(libc::EINVAL)), // something is mounted over it
    }
}
