//! Whether processes have closed the sockets that could not be duplicated. When a thread that is not the thread-group leader
//! calls execve(2), it gets the TID of the leader, and the leader has no descriptors for a moment: the process still has them.

use super::super::answer::Answer;
use super::super::visits::{self, Visits};
use super::threads::{Thread, open_directory};
use crate::error::Error;
use crate::facts::parse_socket_link;
use crate::observe::{Context, Procfs};
use crate::sys::dir::Directory;
use crate::util::arrays::{push, zeros};
use crate::util::parse;
use crate::util::path::ShortPath;

/// A descriptor of a socket, by the inode number of that; 0: of a tun or tap device.
pub struct Suspect {
    pub pid: i32,
    pub tid: i32,
    pub number: i32,
    pub socket: u64,
}

struct Check<'c, 'p> {
    context: &'c Context<'p>,
    suspects: &'c [Suspect],
    /// 1 for those that are closed.
    closed: Vec<u8>,
    /// For reading `task`. Here, and not in the function that reads: a visit can end at any system call.
    buffer: Vec<u8>,
}

/// The indices of the descriptors that may still be open.
pub fn find_open(context: &Context, suspects: &[Suspect]) -> Result<Vec<usize>, Error> {
    let mut check = Check { context, suspects, closed: zeros(suspects.len())?, buffer: Vec::new() };
    visits::run(&mut check)?;
    let mut open = Vec::new();
    for (index, &is_closed) in check.closed.iter().enumerate() {
        if is_closed == 0 {
            push(&mut open, index)?;
        }
    }
    Ok(open)
}

impl Visits for Check<'_, '_> {
    fn procfs(&self) -> &Procfs {
        self.context.procfs
    }

    fn count(&self) -> usize {
        self.suspects.len()
    }

    fn is_to_caller(&self, index: usize) -> bool {
        Some(self.suspects[index].pid) == self.context.own_pid()
    }

    fn visit(&mut self, index: usize) -> Result<(), Error> {
        let is_closed = is_closed(self.context.procfs, &self.suspects[index], &mut self.buffer)?;
        self.closed[index] = is_closed.into();
        Ok(())
    }

    fn give_up(&mut self, _index: usize) -> Result<(), Error> {
        Ok(()) // it may be open
    }
}

fn is_closed(procfs: &Procfs, suspect: &Suspect, buffer: &mut Vec<u8>) -> Result<bool, Error> {
    let leader = match Thread::leader(procfs, suspect.pid)? {
        Answer::Is(leader) => leader,
        Answer::Gone => return Ok(true),
        Answer::Refused(_) => return Ok(false),
    };
    if suspect.tid != suspect.pid {
        if let Some(thread) = find_thread(procfs, &leader, buffer, |tid| tid == suspect.tid)? {
            if suspect.is_open(procfs, &thread)? {
                return Ok(false);
            }
            if thread.is_alive(procfs) {
                return Ok(true);
            }
        }
    }
    // While this thread lives, none calls execve(2) with success.
    let witness = find_thread(procfs, &leader, buffer, |tid| tid != suspect.pid)?;
    if suspect.is_open(procfs, &leader)? {
        return Ok(false);
    }
    let is_alive = leader.is_alive(procfs);
    let is_same = match witness {
        Some(thread) => thread.is_alive(procfs),
        None => leader.is_only_one(procfs),
    };
    if is_alive && is_same { Ok(true) } else { leader.has_process_ended(procfs) }
}

/// Finds a thread by its TID.
fn find_thread(
    procfs: &Procfs,
    leader: &Thread,
    buffer: &mut Vec<u8>,
    is_wanted: impl Fn(i32) -> bool,
) -> Result<Option<Thread>, Error> {
    let Answer::Is(tasks) = open_directory(procfs, &leader.directory, c"task")? else { return Ok(None) };
    let mut names = Directory::new(&tasks, buffer)?;
    while let Answer::Is(Some(name)) = Answer::of(names.next_name())? {
        let tid = parse::number(name).map(|tid| tid as i32);
        if let Some(tid) = tid.filter(|&tid| is_wanted(tid)) {
            return Ok(Thread::in_directory(procfs, &tasks, leader.pid, tid)?.any());
        }
    }
    Ok(None)
}

impl Suspect {
    fn is_open(&self, procfs: &Procfs, thread: &Thread) -> Result<bool, Error> {
        let name = ShortPath::new(format_args!("fd/{}", self.number));
        let mut text = [0; 48];
        let read = || procfs.read_link(&thread.directory, name.as_c_str(), &mut text).map(<[u8]>::len);
        Ok(match Answer::settle(read)? {
            Answer::Is(length) => self.may_be(&text[..length]),
            Answer::Gone => false,
            Answer::Refused(_) => true,
        })
    }

    /// Whether this can be the link of the descriptor.
    fn may_be(&self, link: &[u8]) -> bool {
        match self.socket {
            0 => link.starts_with(b"/"),
            socket => parse_socket_link(link) == Some(socket),
        }
    }
}
