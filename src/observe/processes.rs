//! Source: the processes that a procfs shows, and the user namespace of each, proc_pid_ns(5).

use super::answer::Answer;
use super::{Context, Procfs};
use crate::error::Error;
use crate::facts::{Gap, Member, NamespaceType, parse_link};
use crate::sys::Errno;
use crate::sys::dir::Directory;
use crate::util::arrays::push;
use crate::util::parse;
use crate::util::path::ShortPath;
use std::ffi::CStr;

/// Reads the user namespace of every process, with one system call each, and records new namespaces.
///
/// The kernel lists PIDs in ascending order, so a process that exists throughout is met exactly once.
pub fn walk(context: &mut Context) -> Result<(), Error> {
    let mut buffer = Vec::new();
    let mut directory = Directory::new(context.procfs.root(), &mut buffer)?;
    while let Some(name) = directory.next_name().map_err(Error::of_directory)? {
        if let Some(pid) = parse::number(name).and_then(|number| i32::try_from(number).ok()) {
            context.listing.any = true;
            context.listing.init |= pid == 1;
            visit(context, pid)?;
        }
    }
    Ok(())
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

/// Opens and records a namespace that was not met before, through the process that showed it.
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
