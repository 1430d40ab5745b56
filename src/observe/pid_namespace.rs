//! The PID namespace that a procfs belongs to: pid_namespaces(7).

use super::Procfs;
use super::visits::PATIENCE;
use crate::error::Error;
use crate::facts::{INITIAL_PID_NAMESPACE, NamespaceType, parse_link};
use crate::sys::{file, if_any, worker};
use crate::util::parse;
use std::ffi::CStr;

/// `PF_KTHREAD` of the kernel, in the flags of proc_pid_stat(5).
const PF_KTHREAD: u64 = 0x0020_0000;

/// The inode numbers of PID namespaces, as far as they are known.
#[derive(Clone, Copy, Default)]
pub struct PidNamespaces {
    /// The caller's own. Unknown if the procfs does not show the caller.
    own: Option<u64>,
    /// That of the procfs, whose numbers the PIDs are.
    pub procfs: Option<u64>,
}

impl PidNamespaces {
    pub fn find(procfs: &Procfs) -> Result<PidNamespaces, Error> {
        let own = link_to_pid_namespace(procfs, c"self/ns/pid");
        // `self` leads only to a process of this PID namespace or of a descendant. The initial one is no descendant.
        if own == Some(INITIAL_PID_NAMESPACE) {
            return Ok(PidNamespaces { own, procfs: own });
        }
        let procfs = match own.is_some() && shows_callers_pid_namespace(procfs)? {
            true => own,
            false => ask(procfs, |procfs| link_to_pid_namespace(procfs, c"1/ns/pid"))?.flatten(),
        };
        Ok(PidNamespaces { own, procfs })
    }

    /// Whether the caller is in the initial PID namespace.
    pub fn is_own_initial(self) -> bool {
        self.own == Some(INITIAL_PID_NAMESPACE)
    }

    /// Whether both are the initial PID namespace, so that the procfs can show all processes.
    pub fn are_initial(self) -> bool {
        self.own == Some(INITIAL_PID_NAMESPACE) && self.procfs == self.own
    }

    /// Whether the procfs is of the caller's PID namespace.
    pub fn are_equal(self) -> bool {
        self.own.is_some() && self.own == self.procfs
    }
}

fn link_to_pid_namespace(procfs: &Procfs, path: &CStr) -> Option<u64> {
    let mut text = [0; 32];
    match parse_link(procfs.read_link(procfs.root(), path, &mut text).ok()?)? {
        (NamespaceType::Pid, inode) => Some(inode),
        _ => None,
    }
}

/// Whether the procfs is of the caller's PID namespace: then NSpid in proc_pid_status(5) has one number.
fn shows_callers_pid_namespace(procfs: &Procfs) -> Result<bool, Error> {
    let opened = procfs.open_file(procfs.root(), c"self/status");
    let Some(status) = if_any(opened.and_then(|file| file::read_to_end(&file)))? else { return Ok(false) };
    Ok(parse::value_of(&status, b"NSpid").and_then(parse::number).is_some())
}

/// Whether the procfs is of the initial PID namespace: only that one has kernel threads, of which kthreadd has PID 2.
pub fn is_initial(procfs: &Procfs, known: PidNamespaces) -> Result<bool, Error> {
    if let Some(inode) = known.procfs {
        return Ok(inode == INITIAL_PID_NAMESPACE);
    }
    // A kernel thread is never inside execve(2), so it answers.
    Ok(ask(procfs, has_kernel_thread)?.transpose()?.unwrap_or(false))
}

fn has_kernel_thread(procfs: &Procfs) -> Result<bool, Error> {
    let mut stat = [0; 512];
    let opened = procfs.open_file(procfs.root(), c"2/stat");
    let stat = if_any(opened.and_then(|file| file::read_start(&file, &mut stat)))?;
    let flags = stat.and_then(|stat| parse::number(parse::field_of_stat(stat, 9)?));
    Ok(flags.is_some_and(|flags| flags & PF_KTHREAD != 0))
}

struct Question<'p, T> {
    procfs: &'p Procfs,
    read: fn(&Procfs) -> T,
    answer: Option<T>,
}

/// Reads process 1 or 2 in a worker, since in a container that can be any process. `None`: it does not answer.
fn ask<T>(procfs: &Procfs, read: fn(&Procfs) -> T) -> Result<Option<T>, Error> {
    let mut question = Question { procfs, read, answer: None };
    worker::run(&mut question, |question| question.answer = Some((question.read)(question.procfs)), PATIENCE)?;
    Ok(question.answer)
}
