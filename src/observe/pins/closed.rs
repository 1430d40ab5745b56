//! Whether processes have closed the sockets that could not be duplicated. When a thread that is not the thread-group leader
//! calls execve(2), it gets the TID of the leader, and the leader has no descriptors for a moment: the process still has them.

use super::super::answer::Answer;
use super::super::visits::{self, Visits};
use super::threads::Thread;
use crate::error::Error;
use crate::facts::parse_socket_link;
use crate::observe::{Context, Procfs};
use crate::util::arrays::{push, zeros};
use crate::util::path::ShortPath;

/// A descriptor of a socket, by the inode number of that; 0: of a tun or tap device.
pub struct Suspect {
    pub pid: i32,
    pub number: i32,
    pub socket: u64,
}

struct Check<'c, 'p> {
    context: &'c Context<'p>,
    suspects: &'c [Suspect],
    /// 1 for those that are closed.
    closed: Vec<u8>,
}

/// The indices of the descriptors that may still be open.
pub fn find_open(context: &Context, suspects: &[Suspect]) -> Result<Vec<usize>, Error> {
    let mut check = Check { context, suspects, closed: zeros(suspects.len())? };
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
        let is_closed = is_closed(self.context.procfs, &self.suspects[index])?;
        self.closed[index] = is_closed.into();
        Ok(())
    }

    fn give_up(&mut self, _index: usize) -> Result<(), Error> {
        Ok(()) // it may be open
    }
}

fn is_closed(procfs: &Procfs, suspect: &Suspect) -> Result<bool, Error> {
    let leader = match Thread::leader(procfs, suspect.pid)? {
        Answer::Is(leader) => leader,
        Answer::Gone => return Ok(true),
        Answer::Refused(_) => return Ok(false),
    };
    let name = ShortPath::new(format_args!("fd/{}", suspect.number));
    let mut text = [0; 48];
    let mut is_open = || {
        let read = Answer::settle(|| procfs.read_link(&leader.directory, name.as_c_str(), &mut text).map(<[u8]>::len))?;
        Ok::<_, Error>(match read {
            Answer::Is(length) => suspect.may_be(&text[..length]),
            Answer::Gone => false,
            Answer::Refused(_) => true,
        })
    };
    if is_open()? {
        return Ok(false);
    }
    // Only if the leader lives, it has closed the descriptor.
    match leader.is_alive(procfs) {
        true => Ok(!is_open()?),
        false => leader.has_process_ended(procfs),
    }
}

impl Suspect {
    /// Whether this can be the link of the descriptor.
    fn may_be(&self, link: &[u8]) -> bool {
        match self.socket {
            0 => link.starts_with(b"/"),
            socket => parse_socket_link(link) == Some(socket),
        }
    }
}
