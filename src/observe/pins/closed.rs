//! Whether processes have closed the sockets that could not be duplicated. When a thread that is not the thread-group leader
//! calls execve(2), it gets the TID of the leader, and the leader has no descriptors for a moment: the process still has them.

use super::super::answer::Answer;
use super::super::visits::{self, Visits};
use super::threads::{Progress, Thread, Threads};
use crate::error::Error;
use crate::facts::parse_socket_link;
use crate::observe::{Context, Procfs};
use crate::sys::clock::Start;
use crate::util::arrays::{push, zeros};
use crate::util::path::ShortPath;

/// A descriptor of a socket, by the inode number of that; 0: of a tun or tap device.
pub struct Suspect {
    pub pid: i32,
    pub number: i32,
    pub socket: u64,
}

/// All looks take so many microseconds, at most: each is at all threads of a process.
const MOST_TIME: u64 = 2_000_000;
/// So often does a descriptor have to be closed. Few are suspects.
const LOOKS: usize = 6;

struct Check<'c, 'p> {
    start: Start,
    context: &'c Context<'p>,
    suspects: &'c [Suspect],
    /// 1 for those that are closed.
    closed: Vec<u8>,
    threads: Threads,
}

/// The indices of the descriptors that may still be open.
pub fn find_open(context: &Context, suspects: &[Suspect]) -> Result<Vec<usize>, Error> {
    let mut check =
        Check { start: Start::now(), context, suspects, closed: zeros(suspects.len())?, threads: Threads::default() };
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
        if self.start.elapsed_microseconds() > MOST_TIME {
            return Ok(()); // it may be open
        }
        // Between the looks at a process with one thread, a thread can have been created, and called execve(2).
        for _ in 0..LOOKS {
            if !is_closed(self.context.procfs, &self.suspects[index], &mut self.threads)? {
                return Ok(());
            }
        }
        self.closed[index] = 1;
        Ok(())
    }

    fn give_up(&mut self, _index: usize) -> Result<(), Error> {
        Ok(()) // it may be open
    }
}

fn is_closed(procfs: &Procfs, suspect: &Suspect, threads: &mut Threads) -> Result<bool, Error> {
    let leader = match Thread::leader(procfs, suspect.pid)? {
        Answer::Is(leader) => leader,
        Answer::Gone => return Ok(true),
        Answer::Refused(_) => return Ok(false),
    };
    let tasks = match threads.list(procfs, &leader)? {
        Answer::Is((tasks, true)) => tasks,
        Answer::Is(_) | Answer::Refused(_) => return Ok(false),
        Answer::Gone => return leader.has_process_ended(procfs),
    };
    for index in 0..threads.count() {
        let Some(tid) = threads.to_read(index) else { continue };
        let is_open = match Thread::in_directory(procfs, &tasks, suspect.pid, tid)? {
            Answer::Is(thread) => {
                threads.note(index, &thread);
                suspect.is_open(procfs, &thread)?
            }
            Answer::Gone => false,
            Answer::Refused(_) => true,
        };
        if is_open {
            return Ok(false);
        }
    }
    // Not yet: a thread that calls execve(2) makes the leader exit first, so that it has no descriptors.
    let has_program = leader.has_program(procfs);
    let is_same = match threads.count() {
        1 => leader.is_only_one(procfs),
        _ => {
            threads.progress(procfs, &tasks, &leader) == Progress::Complete
                && threads.has_living(procfs, &tasks, suspect.pid)
        }
    };
    if has_program && is_same { Ok(true) } else { leader.has_process_ended(procfs) }
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
