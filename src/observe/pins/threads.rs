//! The threads of a process: `/proc/PID/task`, proc_pid_task(5).

use super::super::answer::Answer;
use crate::error::Error;
use crate::observe::Procfs;
use crate::sys::file::Fd;
use crate::util::path::ShortPath;
use std::ffi::CStr;

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
        let Answer::Is(tasks) = open_directory(procfs, &leader.directory, c"task")? else { return Ok(None) };
        match Thread::in_directory(procfs, &tasks, pid, tid)? {
            Answer::Is(thread) => Ok(Some(thread)),
            _ => Ok(None),
        }
    }

    /// A thread by its entry in `/proc` or `/proc/PID/task`.
    pub fn in_directory(procfs: &Procfs, directory: &Fd, pid: i32, tid: i32) -> Result<Answer<Thread>, Error> {
        let name = ShortPath::new(format_args!("{tid}"));
        let found = Answer::settle(|| procfs.find_directory(directory, name.as_c_str()))?;
        Ok(found.map(|directory| Thread { pid, tid, directory }))
    }

    /// Whether this is the only thread of its process: `task` has one link per thread and two more.
    pub fn is_only_one(&self, procfs: &Procfs) -> bool {
        procfs.status_at(&self.directory, c"task").is_ok_and(|task| task.links == 3)
    }
}

/// Opens a directory of a process for reading.
pub fn open_directory(procfs: &Procfs, parent: &Fd, name: &CStr) -> Result<Answer<Fd>, Error> {
    Answer::settle(|| procfs.open_directory(parent, name))
}
