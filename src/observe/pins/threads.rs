//! The threads of a process: `/proc/PID/task`, proc_pid_task(5).

use super::super::answer::Answer;
use crate::error::Error;
use crate::observe::Procfs;
use crate::sys::file::{self, Fd};
use crate::util::path::ShortPath;
use std::ffi::CStr;

/// A thread, by a descriptor of its directory. The descriptor never refers to another thread, even if the TID is reused.
pub struct Thread {
    pub pid: i32,
    pub tid: i32,
    pub directory: Fd,
}

impl Thread {
    /// The thread-group leader of a process. `None` if the procfs does not show the process.
    pub fn leader(procfs: &Procfs, pid: i32) -> Result<Option<Thread>, Error> {
        Thread::in_directory(procfs.root(), pid, pid)
    }

    /// A thread that was found before. `None` if it has ended.
    pub fn find(procfs: &Procfs, pid: i32, tid: i32) -> Result<Option<Thread>, Error> {
        let Some(leader) = Thread::leader(procfs, pid)? else { return Ok(None) };
        if tid == pid {
            return Ok(Some(leader));
        }
        match open_directory(&leader.directory, c"task")? {
            Answer::Is(tasks) => Thread::in_directory(&tasks, pid, tid),
            _ => Ok(None),
        }
    }

    /// A thread by its entry in `/proc` or `/proc/PID/task`.
    pub fn in_directory(directory: &Fd, pid: i32, tid: i32) -> Result<Option<Thread>, Error> {
        let name = ShortPath::new(format_args!("{tid}"));
        match Answer::settle(|| file::open_at(directory, name.as_c_str(), libc::O_PATH | libc::O_DIRECTORY))? {
            Answer::Is(directory) => Ok(Some(Thread { pid, tid, directory })),
            _ => Ok(None),
        }
    }

    /// Whether this is the only thread of its process: `task` has one link per thread and two more.
    pub fn is_only_one(&self) -> bool {
        file::status_at(&self.directory, c"task").is_ok_and(|task| task.links == 3)
    }
}

/// Opens a directory of a process for reading.
pub fn open_directory(parent: &Fd, name: &CStr) -> Result<Answer<Fd>, Error> {
    Answer::settle(|| file::open_at(parent, name, libc::O_RDONLY | libc::O_DIRECTORY))
}
