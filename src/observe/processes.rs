//! Source: the processes that a procfs shows, and the user namespace of each, proc_pid_ns(5), with its credentials if these
//! are wanted.

use super::answer::Answer;
use super::status::Status;
use super::visits::{self, Visits};
use super::{Context, Procfs};
use crate::error::Error;
use crate::facts::{Credentials, Gap, Member, NamespaceType, Process};
use crate::options::Wanted;
use crate::sys::Errno;
use crate::sys::dir::Directory;
use crate::sys::{if_any, pidfd};
use crate::util::arrays::{insert, push, sort_by_number};
use crate::util::parse;
use crate::util::path::ShortPath;
use std::ffi::CStr;

/// So often is a process visited that leaves its user namespace meanwhile.
const MOST_TRIES: u32 = 4;

/// Reads the user namespace of every process, with one system call each, and records new namespaces.
///
/// The kernel lists PIDs in ascending order, so a process that exists throughout is listed exactly once.
pub fn walk(context: &mut Context, wanted: Wanted) -> Result<(), Error> {
    let mut pids = list(context)?;
    let own = context.own_pid();
    // First: between others, the visit to the caller would cost one more worker.
    if let Some(index) = pids.iter().position(|&pid| Some(pid) == own) {
        pids[..=index].rotate_right(1);
    }
    visits::run(&mut Walk { context, wanted, pids, own })?;
    Ok(sort_by_number(&mut context.facts_mut().members, &|member| member.pid as u64)?)
}

struct Walk<'c, 'p> {
    context: &'c mut Context<'p>,
    wanted: Wanted,
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
        let pid = self.pids[index];
        let mut tries = 0;
        loop {
            let status = self.wanted.credentials.then(|| Status::open(self.context, pid));
            let namespace = match find(self.context, pid)? {
                Answer::Is(namespace) => Some(namespace),
                Answer::Gone => return Ok(()),
                Answer::Refused(errno) => {
                    self.context.listing.refused_by_hidepid |= errno == Errno(libc::EPERM);
                    None
                }
            };
            // Before anything is recorded, since a visit that records nothing can be given up.
            let credentials = status.map_or(Ok(None), |status| status.read(self.context))?;
            // A process without capabilities can have created another namespace since, where it has them all.
            let may_have_left = namespace.is_some() && credentials.is_some_and(|known| known.capabilities != 0);
            if !may_have_left || matches!(find(self.context, pid)?, Answer::Is(now) if Some(now) == namespace) {
                return self.record(pid, namespace, credentials);
            }
            tries += 1;
            if tries == MOST_TRIES {
                self.context.miss(Gap::Credentials, 1);
                return self.record(pid, namespace, None);
            }
        }
    }

    /// A pidfd tells the user namespace of a process that procfs blocks on (Linux 6.11).
    fn give_up(&mut self, index: usize) -> Result<(), Error> {
        let pid = self.pids[index];
        push(&mut self.context.stuck, pid)?;
        let status = self.wanted.credentials.then(|| Status::open(self.context, pid));
        let are_equal = self.context.pid_namespaces.are_equal();
        let open = || pidfd::namespace(&pidfd::open(pid, false)?, NamespaceType::User.clone_flag());
        let namespace = match are_equal.then(open).map(if_any).transpose()?.flatten() {
            Some(namespace) => self.context.record_user(namespace)?,
            None => None,
        };
        let credentials = status.map_or(Ok(None), |status| status.read(self.context))?;
        self.record(pid, namespace, credentials)
    }
}

impl Walk<'_, '_> {
    /// Records a process. `None`: its user namespace could not be read.
    fn record(&mut self, pid: i32, namespace: Option<u32>, credentials: Option<Credentials>) -> Result<(), Error> {
        let context = &mut *self.context;
        if self.wanted.has_process_facts() || namespace.is_none() {
            let processes = &mut context.facts_mut().processes;
            // By PID: mostly at the end, or before the caller.
            let place = processes.partition_point(|process| process.pid < pid);
            insert(processes, place, Process { pid, credentials, ..Process::default() })?;
        }
        match namespace {
            Some(namespace) => push(&mut context.facts_mut().members, Member { pid, namespace, ..Member::default() })?,
            None => context.miss(Gap::Unreadable, 1),
        }
        Ok(())
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

/// Finds the user namespace of a process.
fn find(context: &mut Context, pid: i32) -> Result<Answer<u32>, Error> {
    let path = ShortPath::new(format_args!("{pid}/ns/user"));
    let path = path.as_c_str();
    let procfs = context.procfs;
    match Answer::settle(|| procfs.read_user_namespace(path))? {
        Answer::Is(inode) => match context.users.find(inode) {
            Some(known) => Ok(Answer::Is(known)),
            None => record(context, path),
        },
        Answer::Gone => Ok(Answer::Gone),
        Answer::Refused(errno) => Ok(Answer::Refused(errno)),
    }
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
