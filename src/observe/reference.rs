//! Opens a namespace once more, through what was found to refer to it.

use super::Procfs;
use super::pins::lookup::{Effort, Lookup};
use crate::sys::Errno;
use crate::sys::file::{Fd, Identity};
use crate::util::path::ShortPath;
use std::ffi::CStr;

pub enum Reference<'r> {
    /// A link in the directory `ns` of a thread, proc_pid_ns(5).
    Link { pid: i32, tid: i32, name: &'r CStr },
    /// A descriptor in the table of a thread.
    Descriptor { pid: i32, tid: i32, number: i32 },
    /// A mount at a path, as a process sees it.
    Mount { pid: i32, path: &'r [u8] },
}

impl Reference<'_> {
    /// Opens the namespace; a link can lead to another one by now. EACCES: it cannot be reached so. ENOENT,
    /// ESRCH: the reference has gone.
    pub fn open(&self, procfs: &Procfs, lookup: &mut Lookup, wanted: Identity) -> Result<Fd, Errno> {
        match *self {
            Reference::Link { pid, tid, name } => {
                procfs.open_namespace(&thread(procfs, pid, tid, c"ns")?, name, Some(wanted.device))
            }
            Reference::Descriptor { pid, tid, number } => {
                let name = ShortPath::new(format_args!("{number}"));
                procfs.reopen(&procfs.find_target(&thread(procfs, pid, tid, c"fd")?, name.as_c_str())?, wanted)
            }
            Reference::Mount { pid, path } => {
                let root = ShortPath::new(format_args!("{pid}/root"));
                let root = procfs.find_target(procfs.root(), root.as_c_str())?;
                let file = lookup.find(Effort::Thorough, procfs.root(), &root, path)?;
                // The mount can be below what is there.
                procfs.reopen(&file, wanted).map_err(|errno| if errno.is_gone() { Errno(libc::EACCES) } else { errno })
            }
        }
    }
}

/// A directory of a thread.
fn thread(procfs: &Procfs, pid: i32, tid: i32, name: &CStr) -> Result<Fd, Errno> {
    let thread = ShortPath::new(format_args!("{pid}/task/{tid}"));
    procfs.find_directory(&procfs.find_directory(procfs.root(), thread.as_c_str())?, name)
}
