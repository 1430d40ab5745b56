//! The threads of a process: `/proc/PID/task`, proc_pid_task(5).

use super::super::answer::Answer;
use super::super::visits;
use crate::error::Error;
use crate::facts::{NamespaceType, parse_link};
use crate::observe::{Context, Procfs};
use crate::sys::dir::Directory;
use crate::sys::file::{self, Fd, Place};
use crate::sys::if_any;
use crate::sys::worker::{self, Ended};
use crate::util::arrays::push;
use crate::util::parse;
use crate::util::path::ShortPath;
use std::ffi::CStr;

/// `/proc/PID/task` has one link per thread besides.
const LINKS_WITHOUT_THREADS: u64 = 2;

/// A thread, by a descriptor of its directory. The descriptor never refers to another thread, even if the TID is reused.
pub struct Thread {
    pub pid: i32,
    pub tid: i32,
    pub directory: Fd,
}

/// A descriptor of a thread, and the text of its link.
pub struct Entry<'t> {
    pub number: i32,
    pub link: &'t [u8],
    /// The table may be one that was read before, through another thread of the process.
    pub may_be_repeated: bool,
    /// The directory `fd` that it is in.
    pub table: &'t Fd,
}

impl Thread {
    /// The thread-group leader of a process.
    pub fn leader(procfs: &Procfs, pid: i32) -> Result<Answer<Thread>, Error> {
        Thread::in_directory(procfs, procfs.root(), pid, pid)
    }

    /// A thread that was found before. `None` if it has ended, or can no longer be read.
    pub fn find(procfs: &Procfs, pid: i32, tid: i32) -> Result<Option<Thread>, Error> {
        let Answer::Is(leader) = Thread::leader(procfs, pid)? else { return Ok(None) };
        if tid == pid {
            return Ok(Some(leader));
        }
        match Thread::of_process(procfs, &leader, tid)? {
            Answer::Is(thread) => Ok(Some(thread)),
            _ => Ok(None),
        }
    }

    /// Another thread of a process.
    pub fn of_process(procfs: &Procfs, leader: &Thread, tid: i32) -> Result<Answer<Thread>, Error> {
        match open_directory(procfs, &leader.directory, c"task")? {
            Answer::Is(tasks) => Thread::in_directory(procfs, &tasks, leader.pid, tid),
            Answer::Gone => Ok(Answer::Gone),
            Answer::Refused(errno) => Ok(Answer::Refused(errno)),
        }
    }

    /// A thread by its entry in `/proc` or `/proc/PID/task`.
    pub fn in_directory(procfs: &Procfs, directory: &Fd, pid: i32, tid: i32) -> Result<Answer<Thread>, Error> {
        let name = ShortPath::new(format_args!("{tid}"));
        let found = Answer::settle(|| procfs.find_directory(directory, name.as_c_str()))?;
        Ok(found.map(|directory| Thread { pid, tid, directory }))
    }

    /// Whether this is the only thread of its process.
    pub fn is_only_one(&self, procfs: &Procfs) -> bool {
        procfs.status_at(&self.directory, c"task").is_ok_and(|task| task.links == LINKS_WITHOUT_THREADS + 1)
    }

    /// Whether the thread has not begun to exit: a thread gives up its memory, which is of a program, before its descriptors.
    pub fn has_program(&self, procfs: &Procfs) -> bool {
        let mut text = [0; 1];
        procfs.read_link(&self.directory, c"exe", &mut text).is_ok()
    }

    /// Whether the thread has not exited: it has a mount namespace.
    pub fn is_alive(&self, procfs: &Procfs) -> bool {
        !self.has_lost(procfs, c"ns/mnt")
    }

    /// Whether a link of the thread leads nowhere any more.
    fn has_lost(&self, procfs: &Procfs, link: &CStr) -> bool {
        let mut text = [0; 48];
        let read = || procfs.read_link(&self.directory, link, &mut text).map(<[u8]>::len);
        matches!(Answer::settle(read), Ok(Answer::Gone))
    }

    /// Whether the process of this thread-group leader has ended. The leader can also have exited before another thread that
    /// takes its place by execve(2); one file tells whether there is one.
    pub fn has_process_ended(&self, procfs: &Procfs) -> Result<bool, Error> {
        let mut text = [0; 512];
        let read = || file::read_start(&procfs.open_file(&self.directory, c"stat")?, &mut text).map(<[u8]>::len);
        Ok(match Answer::settle(read)? {
            Answer::Is(length) => is_of_ended_process(&text[..length]),
            Answer::Gone => true,
            Answer::Refused(_) => false,
        })
    }

    /// The inode number of the mount namespace; `None` if the thread has exited.
    pub fn mount_namespace(&self, procfs: &Procfs) -> Result<Option<u64>, Error> {
        let mut text = [0; 48];
        let link = if_any(procfs.read_link(&self.directory, c"ns/mnt", &mut text))?;
        Ok(link.and_then(parse_link).filter(|link| link.0 == NamespaceType::Mnt).map(|link| link.1))
    }

    /// Whether the thread has this mount namespace and root directory.
    pub fn has_view(&self, procfs: &Procfs, mount_namespace: u64, root: Place) -> Result<bool, Error> {
        let is_in = self.mount_namespace(procfs)? == Some(mount_namespace);
        Ok(is_in && if_any(procfs.place_at(&self.directory, c"root"))? == Some(root))
    }
}

/// What was done about a listed thread.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    Nothing,
    /// It was read. The inode number of its directory: another thread with the same TID has another one.
    Done(u64),
    Refused,
}

/// How far the threads of a process were read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    Complete,
    /// There are others.
    Incomplete,
    /// A thread has the TID of another one that was read. What these have cannot be told apart.
    Lost,
}

/// The threads of a process that were listed. Kept while other processes are visited: a visit can end at any system call.
#[derive(Default)]
pub struct Threads {
    /// In the order of the kernel, which lists the newest last.
    listed: Vec<(i32, Reading)>,
    /// How many of them the first list had.
    first: usize,
    buffer: Vec<u8>,
}

impl Threads {
    /// Lists the threads of a process. Returns its directory, and whether all were listed.
    pub fn list(&mut self, procfs: &Procfs, leader: &Thread) -> Result<Answer<(Fd, bool)>, Error> {
        self.listed.clear();
        let tasks = match open_directory(procfs, &leader.directory, c"task")? {
            Answer::Is(tasks) => tasks,
            other => return Ok(other.map(|tasks| (tasks, false))),
        };
        let are_all_listed = self.add_new(&tasks)?;
        self.first = self.listed.len();
        Ok(Answer::Is((tasks, are_all_listed)))
    }

    /// Lists the threads once more, and adds those that are new. False if not all could be listed.
    pub fn list_again(&mut self, tasks: &Fd) -> Result<bool, Error> {
        match Answer::settle(|| file::seek(tasks, 0))? {
            Answer::Is(()) => self.add_new(tasks),
            _ => Ok(false),
        }
    }

    /// How many threads were listed.
    pub fn count(&self) -> usize {
        self.listed.len()
    }

    /// The TID of a listed thread that was not read.
    pub fn to_read(&self, index: usize) -> Option<i32> {
        let (tid, reading) = self.listed[index];
        (reading == Reading::Nothing).then_some(tid)
    }

    /// Notes that a listed thread is read.
    pub fn note(&mut self, index: usize, thread: &Thread) {
        if let Ok(directory) = file::status(&thread.directory) {
            self.listed[index].1 = Reading::Done(directory.inode);
        }
    }

    /// Notes that a listed thread cannot be read.
    pub fn note_refusal(&mut self, index: usize) {
        self.listed[index].1 = Reading::Refused;
    }

    /// Tells whether all threads were read, besides the leader: as many of those live as the process has. A list does not show
    /// that: the kernel ends it at a thread that exits meanwhile.
    pub fn progress(&self, procfs: &Procfs, tasks: &Fd, leader: &Thread) -> Progress {
        // In this order: those that live later lived then.
        let count = file::status(tasks).map_or(0, |tasks| tasks.links);
        let mut living = 0;
        for &(tid, reading) in &self.listed {
            let name = ShortPath::new(format_args!("{tid}"));
            let Ok(directory) = procfs.status_at(tasks, name.as_c_str()) else { continue };
            match reading {
                _ if tid == leader.pid => living += 1,
                Reading::Done(inode) if inode != directory.inode => return Progress::Lost,
                Reading::Done(_) | Reading::Refused => living += 1,
                Reading::Nothing => (),
            }
        }
        if living + LINKS_WITHOUT_THREADS == count { Progress::Complete } else { Progress::Incomplete }
    }

    fn add_new(&mut self, tasks: &Fd) -> Result<bool, Error> {
        let (mut at, known) = (0, self.listed.len());
        let mut names = Directory::new(tasks, &mut self.buffer)?;
        loop {
            let name = match Answer::of(names.next_name())? {
                Answer::Is(Some(name)) => name,
                Answer::Is(None) | Answer::Gone => return Ok(true),
                Answer::Refused(_) => return Ok(false),
            };
            let Some(tid) = parse::number(name).map(|number| number as i32) else { continue };
            // Those in between have ended.
            match self.listed[at..known].iter().position(|&(other, _)| other == tid) {
                Some(ended) => at += ended + 1,
                None => {
                    at = known;
                    push(&mut self.listed, (tid, Reading::Nothing))?;
                }
            }
        }
    }

    /// Whether a thread of the first list, besides the thread-group leader, still lives. Then no thread called execve(2)
    /// meanwhile, which ends all others, and gives the thread that calls it the TID of the leader. Nor has this one begun to
    /// give up its descriptors, which another thread, that was not listed, may have, too.
    pub fn has_living(&self, procfs: &Procfs, tasks: &Fd, pid: i32) -> bool {
        let lives = |&(tid, _): &(i32, Reading)| match Thread::in_directory(procfs, tasks, pid, tid) {
            Ok(Answer::Is(thread)) => tid != pid && !thread.has_lost(procfs, c"exe"),
            _ => false,
        };
        self.listed[..self.first].iter().any(lives)
    }
}

/// What a thread has: its root directory and its mount namespace.
pub struct Opened {
    pub root: Fd,
    pub namespace: Fd,
}

/// Opens what a thread has, unless it has ended, or blocks its readers. `stuck`: the number of threads that did so before.
pub fn open_view(context: &Context, pid: i32, tid: i32, stuck: &mut usize) -> Result<Option<Opened>, Error> {
    struct Task<'t, 'p> {
        context: &'t Context<'p>,
        pid: i32,
        tid: i32,
        result: Result<Option<Opened>, Error>,
    }
    let mut task = Task { context, pid, tid, result: Ok(None) };
    // The result is set when the work is done. If the worker is ended before, its descriptors are closed and none is kept.
    let open = |task: &mut Task| task.result = open_directly(task.context, task.pid, task.tid);
    let ended = worker::run(&mut task, open, visits::patience(*stuck))?;
    *stuck += usize::from(ended == Ended::Stuck);
    task.result
}

fn open_directly(context: &Context, pid: i32, tid: i32) -> Result<Option<Opened>, Error> {
    let procfs = context.procfs;
    let Some(thread) = Thread::find(procfs, pid, tid)? else { return Ok(None) };
    let Some(root) = if_any(procfs.find_target(&thread.directory, c"root"))? else { return Ok(None) };
    let namespace = procfs.open_namespace(&thread.directory, c"ns/mnt", context.users.device());
    Ok(if_any(namespace)?.map(|namespace| Opened { root, namespace }))
}

/// Whether proc_pid_stat(5) shows a zombie that is the only thread of its process.
fn is_of_ended_process(stat: &[u8]) -> bool {
    let field = |number| parse::field_of_stat(stat, number);
    field(3) == Some(b"Z") && field(20) == Some(b"1")
}

/// Opens a directory of a process for reading.
pub fn open_directory(procfs: &Procfs, parent: &Fd, name: &CStr) -> Result<Answer<Fd>, Error> {
    Answer::settle(|| procfs.open_directory(parent, name))
}
