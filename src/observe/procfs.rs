//! The processes that a procfs shows, and the user namespace of each: proc_pid_ns(5).

use super::other::{Kind, parse_link};
use super::{Member, Namespaces, ShortPath, add_text, parse_number};
use crate::error::Error;
use crate::sys::Errno;
use crate::sys::dir::Directory;
use crate::sys::file::{self, Fd, Identity};
use std::ffi::CStr;

/// `PROC_SUPER_MAGIC` of linux/magic.h.
const PROC_SUPER_MAGIC: u32 = 0x9fa0;
/// The inode number of a procfs root; directories below it, `self/task` for one, list other things than processes.
const ROOT_INODE: u64 = 1;

/// The root directory of a procfs, proven to be one.
pub struct Procfs {
    root: Fd,
    device: u64,
}

impl Procfs {
    /// Opens the root directory of a procfs; ENODEV if `path` leads to another directory.
    pub fn open(path: &CStr) -> Result<Procfs, Error> {
        let root = file::open(path, libc::O_RDONLY | libc::O_DIRECTORY)?;
        let identity = file::identity(&root)?;
        if file::file_system(&root)? != PROC_SUPER_MAGIC || identity.inode != ROOT_INODE {
            return Err(Error::NOT_PROCFS);
        }
        Ok(Procfs { root, device: identity.device })
    }

    pub fn root(&self) -> &Fd {
        &self.root
    }

    pub fn device(&self) -> u64 {
        self.device
    }

    /// Opens a file in the directory of a process. Without waiting, and only if it is one of this procfs: whoever may
    /// mount can put something else in its place.
    pub fn open_file(&self, directory: &Fd, path: &CStr) -> Result<Fd, Errno> {
        let file = file::open_at(directory, path, libc::O_RDONLY | libc::O_NONBLOCK)?;
        if file::status(&file)?.identity().device == self.device { Ok(file) } else { Err(Errno(libc::EACCES)) }
    }

    /// Opens the namespace that a link here leads to. Without waiting: whoever may mount can put a FIFO there.
    pub fn open_namespace(&self, path: &CStr) -> Result<Fd, Errno> {
        file::open_at(&self.root, path, libc::O_RDONLY | libc::O_NONBLOCK)
    }

    /// Opens for its ioctls what an O_PATH descriptor refers to, provided that it is the namespace with this identity;
    /// ESRCH, as for a process that has gone, if it is something else. Of that nothing is asked that a server would
    /// have to answer.
    pub fn reopen(&self, file: &Fd, wanted: Identity) -> Result<Fd, Errno> {
        if file::status(file)?.identity() != wanted {
            return Err(Errno(libc::ESRCH));
        }
        // Not `self`: a thread can have a descriptor table of its own.
        let path = ShortPath::new(format_args!("thread-self/fd/{}", file.number()));
        match file::open_at(&self.root, path.as_c_str(), libc::O_RDONLY) {
            Err(errno) if errno.is_gone() => {
                let usual = Procfs::open(c"/proc").map_err(|error| Errno(error.errno()))?;
                file::open_at(&usual.root, path.as_c_str(), libc::O_RDONLY)
            }
            opened => opened,
        }
    }

    /// Whether the calling process has a directory here: `self` leads nowhere in the procfs of a PID namespace that it
    /// is not in.
    pub fn shows_caller(&self) -> bool {
        file::read_link_at(&self.root, c"self", &mut [0; 16]).is_ok()
    }
}

/// What a walk through all processes found.
#[derive(Default)]
pub struct Processes {
    pub members: Vec<Member>,
    /// Those that exist and refused.
    pub unreadable: usize,
    /// There was a refusal of the kind that only the mount option hidepid=1 gives.
    pub refused_by_hidepid: bool,
    /// Some process was listed, whether or not it could be read then.
    pub listed_any: bool,
    /// Process 1 was listed. It exists as long as its PID namespace has processes.
    pub listed_init: bool,
}

impl Processes {
    /// Reads the user namespace of every process, with one system call each, and enters those met for the first time
    /// into `namespaces`.
    ///
    /// The kernel lists PIDs in ascending order, so a process that lives throughout is met exactly once.
    pub fn walk(procfs: &Procfs, namespaces: &mut Namespaces) -> Result<Processes, Error> {
        let mut processes = Processes::default();
        let mut buffer = Vec::new();
        let mut directory = Directory::new(&procfs.root, &mut buffer)?;
        while let Some(name) = directory.next_name()? {
            if let Some(pid) = parse_number(name).and_then(|number| i32::try_from(number).ok()) {
                processes.listed_any = true;
                processes.listed_init |= pid == 1;
                processes.visit(procfs, pid, namespaces)?;
            }
        }
        Ok(processes)
    }

    /// Adds the command name of every member to `text`, see proc_pid_comm(5).
    pub fn read_names(&mut self, procfs: &Procfs, text: &mut Vec<u8>) -> Result<(), Error> {
        for member in &mut self.members {
            let path = ShortPath::new(format_args!("{}/comm", member.pid));
            let mut name = [0; 256];
            let read = || procfs.open_file(&procfs.root, path.as_c_str()).and_then(|file| file::read(&file, &mut name));
            let Seen::Is(length) = settle(read)? else { continue };
            let name = name[..length].strip_suffix(b"\n").unwrap_or(&name[..length]);
            member.name = add_text(text, name)?;
        }
        Ok(())
    }

    fn visit(&mut self, procfs: &Procfs, pid: i32, namespaces: &mut Namespaces) -> Result<(), Error> {
        let path = ShortPath::new(format_args!("{pid}/ns/user"));
        let path = path.as_c_str();
        let namespace = match settle(|| read_inode(procfs, path))? {
            Seen::Is(inode) => match namespaces.find(inode) {
                Some(known) => Seen::Is(known),
                None => enter(procfs, path, namespaces)?,
            },
            Seen::Gone => Seen::Gone,
            Seen::Refused(errno) => Seen::Refused(errno),
        };
        match namespace {
            Seen::Is(namespace) => {
                self.members.try_reserve(1)?;
                self.members.push(Member { pid, namespace, name: 0 });
            }
            Seen::Gone => (),
            Seen::Refused(errno) => {
                self.unreadable += 1;
                self.refused_by_hidepid |= errno == Errno(libc::EPERM);
            }
        }
        Ok(())
    }
}

/// Opens a namespace that was not met before, through the process in which it was read.
///
/// The process can have moved to another namespace since, or its PID can belong to a new one: the descriptor, not the
/// link read before, tells where it is. If it has gone, the next member that the walk meets serves.
fn enter(procfs: &Procfs, path: &CStr, namespaces: &mut Namespaces) -> Result<Seen<u32>, Error> {
    match settle(|| procfs.open_namespace(path))? {
        Seen::Is(namespace) => Ok(namespaces.record(namespace)?.map_or(Seen::Refused(Errno(libc::EINVAL)), Seen::Is)),
        Seen::Gone => Ok(Seen::Gone),
        Seen::Refused(errno) => Ok(Seen::Refused(errno)),
    }
}

/// What came of asking for one process.
pub enum Seen<T> {
    Is(T),
    Gone,
    Refused(Errno),
}

/// Asks again after EACCES, which means not only a refusal: procfs also gives it when the process ends in the call.
pub fn settle<T>(mut ask: impl FnMut() -> Result<T, Errno>) -> Result<Seen<T>, Error> {
    let mut answer = ask();
    if matches!(answer, Err(Errno(libc::EACCES))) {
        answer = ask();
    }
    seen(answer)
}

pub fn seen<T>(answer: Result<T, Errno>) -> Result<Seen<T>, Error> {
    match answer {
        Ok(value) => Ok(Seen::Is(value)),
        Err(errno) if errno.is_gone() => Ok(Seen::Gone),
        Err(errno) if errno.is_exhaustion() => Err(errno.into()),
        Err(errno) => Ok(Seen::Refused(errno)),
    }
}

fn read_inode(procfs: &Procfs, path: &CStr) -> Result<u64, Errno> {
    let mut text = [0; 32];
    match parse_link(file::read_link_at(&procfs.root, path, &mut text)?) {
        Some((Kind::User, inode)) => Ok(inode),
        _ => Err(Errno(libc::EINVAL)), // something is mounted over it
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_refusal_is_final_and_a_process_that_ends_is_gone() {
        let answers = |errors: [i32; 2]| {
            let mut errors = errors.into_iter();
            settle(move || Err::<(), _>(Errno(errors.next().unwrap())))
        };
        assert!(matches!(answers([libc::EACCES, libc::EACCES]), Ok(Seen::Refused(Errno(libc::EACCES)))));
        assert!(matches!(answers([libc::EACCES, libc::ENOENT]), Ok(Seen::Gone)));
        assert!(matches!(answers([libc::EACCES, libc::ESRCH]), Ok(Seen::Gone)));
        assert!(matches!(answers([libc::EPERM, 0]), Ok(Seen::Refused(Errno(libc::EPERM)))));
        assert!(matches!(answers([libc::EMFILE, 0]), Err(error) if error.errno() == libc::EMFILE));
    }
}
