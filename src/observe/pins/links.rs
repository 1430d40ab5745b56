//! Source: the nonuser namespaces of a thread, `/proc/PID/task/TID/ns`, proc_pid_ns(5).

use super::super::answer::Answer;
use super::threads::Thread;
use crate::error::Error;
use crate::facts::{Gap, NamespaceType, parse_link};
use crate::observe::Context;
use crate::observe::told::{self, FOR_CHILDREN, LENGTH, MNT, PID, Told};
use crate::sys::file::Fd;
use std::ffi::CStr;

/// In the order of a set.
const LINKS: [(NamespaceType, &CStr); LENGTH] = [
    (NamespaceType::Cgroup, c"cgroup"),
    (NamespaceType::Ipc, c"ipc"),
    (NamespaceType::Mnt, c"mnt"),
    (NamespaceType::Net, c"net"),
    (NamespaceType::Pid, c"pid"),
    (NamespaceType::Time, c"time"),
    (NamespaceType::Uts, c"uts"),
    (NamespaceType::Pid, c"pid_for_children"),
    (NamespaceType::Time, c"time_for_children"),
];

/// The inode numbers in the links of a thread; `None` where a link is missing or could not be read.
#[derive(Default)]
pub struct Links {
    inodes: [Option<u64>; LENGTH],
    pub are_some_refused: bool,
}

impl Links {
    pub fn mount_namespace(&self) -> Option<u64> {
        self.inodes[MNT]
    }

    /// Whether the thread has exited, as a thread-group leader can before other threads: then only the links `user` and
    /// `pid` are left.
    pub fn is_of_exited_thread(&self) -> bool {
        self.inodes[MNT].is_none() && self.inodes[PID].is_some()
    }

    fn refuse(&mut self, context: &mut Context, count: usize) {
        self.are_some_refused = true;
        context.miss(Gap::Links, count);
    }

    pub fn is_empty(&self) -> bool {
        self.inodes == <[Option<u64>; LENGTH]>::default()
    }
}

/// The links that a kernel has.
#[derive(Default)]
pub struct Kinds([bool; LENGTH]);

impl Kinds {
    /// Those of threads that were told.
    pub fn of(told: &Told) -> Kinds {
        let mut kinds = Kinds::default();
        for set in &told.sets {
            for (has, link) in kinds.0.iter_mut().zip(set) {
                *has |= link.is_some();
            }
        }
        kinds
    }

    /// Whether a thread has some links, and all that another one has. If not, it had exited when some of them were read. But
    /// `pid_for_children` is also missing while a new PID namespace has no process.
    pub fn are_in(&mut self, links: &Links) -> bool {
        for (has, link) in self.0.iter_mut().zip(links.inodes) {
            *has |= link.is_some();
        }
        let mut all = (0..).zip(self.0).zip(links.inodes);
        let has_all = all.all(|((index, has), link)| link.is_some() || !has || index == FOR_CHILDREN);
        links.are_some_refused || (!links.is_empty() && has_all)
    }
}

/// Reads the links of a thread, and records its namespaces, except those of the thread-group leader.
pub fn of_thread(context: &mut Context, thread: &Thread, leader: &Links) -> Result<Links, Error> {
    match Answer::settle(|| context.procfs.find_directory(&thread.directory, c"ns"))? {
        Answer::Is(directory) => read(context, (thread.pid, thread.tid), &directory, leader),
        Answer::Gone => Ok(Links::default()),
        Answer::Refused(_) => {
            let mut links = Links::default();
            links.refuse(context, LENGTH);
            Ok(links)
        }
    }
}

/// The same, by the directory of the links. From there the kernel needs a fifth less for each than from that of the thread.
pub fn read(context: &mut Context, (pid, tid): (i32, i32), directory: &Fd, leader: &Links) -> Result<Links, Error> {
    let mut links = Links::default();
    for (index, (namespace_type, name)) in LINKS.into_iter().enumerate() {
        let mut text = [0; 48];
        let procfs = context.procfs;
        let read = || procfs.read_link(directory, name, &mut text).map(<[u8]>::len);
        let text = match Answer::settle(read)? {
            Answer::Is(length) => &text[..length],
            Answer::Gone => continue, // a zombie, or a kernel without this type
            Answer::Refused(_) => {
                links.refuse(context, 1);
                continue;
            }
        };
        let Some((_, inode)) = parse_link(text) else {
            links.refuse(context, 1); // something is mounted over it
            continue;
        };
        if !told::is_repeated(index, &Some(inode), &links.inodes, &leader.inodes) {
            let nsfs = context.users.device();
            let target = context.target(namespace_type, inode, || procfs.open_namespace(directory, name, nsfs))?;
            match target {
                Answer::Is(target) => context.hold(target, told::holder(index, pid, tid))?,
                Answer::Gone => continue,
                Answer::Refused(_) => (),
            }
        }
        links.inodes[index] = Some(inode);
    }
    Ok(links)
}
