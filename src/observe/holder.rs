//! What holds namespaces besides the processes that a plain scan meets: threads, descriptors, mounts and sockets.

use super::bpf::{Descriptor, find_descriptors};
use super::mount::{self, Mounts};
use super::namespace::NumberMap;
use super::other::{self, Kind, Others};
use super::procfs::{Procfs, Seen, seen, settle};
use super::{Hold, Holder, Namespaces, Other, ShortPath, Target, parse_number};
use crate::arrays::zeros;
use crate::error::Error;
use crate::sys::dir::Directory;
use crate::sys::file::{self, Fd, Identity};
use crate::sys::{Errno, if_any, pidfd};
use std::ffi::CStr;
use std::ops::Range;

/// How far to look.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    /// Descriptors and mounts, and the namespaces of threads other than the first.
    pub pinned: bool,
    /// The network namespaces of sockets.
    pub sockets: bool,
}

/// What is out of sight, as numbers of processes or of things.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Missed {
    pub links: usize,
    pub descriptors: usize,
    pub sockets: usize,
    /// Processes whose mounts could not be read, and mount namespaces of which nobody shows all.
    pub mounts: usize,
    /// Mounts that were seen, of namespaces that could not be opened.
    pub unopened_mounts: usize,
    /// Mount namespaces that no thread is in.
    pub mount_namespaces: usize,
}

/// All that was found to hold something, and what was found that way.
#[derive(Default)]
pub struct Holders {
    pub others: Others,
    pub holds: Vec<Hold>,
    /// The paths of mounts, each ended by a NUL byte.
    pub text: Vec<u8>,
    pub missed: Missed,
}

impl Holders {
    fn deserted_mount_namespaces(&self) -> Result<usize, Error> {
        let others = self.others.entries();
        let mut inhabited: Vec<bool> = zeros(others.len())?;
        for hold in &self.holds {
            if let (Target::Other(index), Holder::Process { .. }) = (hold.target, hold.holder) {
                inhabited[index as usize] = true;
            }
        }
        let is_deserted = |(other, inhabited): &(&Other, bool)| other.kind == Kind::Mnt && !inhabited;
        Ok(others.iter().zip(inhabited).filter(is_deserted).count())
    }
}

/// The links of `/proc/PID/ns`, but for the user namespace, which the plain scan has read. The last two are of
/// namespaces that children would be born into.
const LINKS: [(Kind, &CStr); 9] = [
    (Kind::Cgroup, c"ns/cgroup"),
    (Kind::Ipc, c"ns/ipc"),
    (Kind::Mnt, c"ns/mnt"),
    (Kind::Net, c"ns/net"),
    (Kind::Pid, c"ns/pid"),
    (Kind::Time, c"ns/time"),
    (Kind::Uts, c"ns/uts"),
    (Kind::Pid, c"ns/pid_for_children"),
    (Kind::Time, c"ns/time_for_children"),
];

/// Where in `LINKS` that of the mount namespace is, and where those for children begin.
const MNT: usize = 2;
const FOR_CHILDREN: usize = 7;

/// One thread that is looked at, by a descriptor of its directory: that never leads to another one, even if the PID is
/// used again.
pub struct Thread {
    pub pid: i32,
    pub tid: i32,
    pub directory: Fd,
}

/// A search through all processes.
pub struct Search<'s> {
    pub procfs: &'s Procfs,
    pub namespaces: &'s mut Namespaces,
    pub holders: Holders,
    depth: Depth,
    /// Where among `holders.holds` those by the process begin that is being looked at.
    process_from: usize,
    /// Threads of that process, each with another descriptor table, which has been read.
    tables: Vec<i32>,
    pub mounts: Mounts,
    /// Whether the caller's own PID namespace numbers processes as the procfs does, so that calls may be given its PIDs.
    same_pids: bool,
    /// The network namespaces of the sockets, by inode number, that have been asked for theirs already.
    sockets: NumberMap<u64, Option<Target>>,
    /// A BPF program has found the processes, so that there can be some that the procfs hides.
    by_bpf: bool,
    /// The descriptors that are worth reading, in ascending order, if that is known; else all are.
    worthy: Option<Vec<Descriptor>>,
    tasks: Vec<u8>,
    descriptors: Vec<u8>,
}

impl<'s> Search<'s> {
    pub fn new(procfs: &'s Procfs, namespaces: &'s mut Namespaces, depth: Depth) -> Search<'s> {
        let mut text = [0; 16];
        let own = file::read_link_at(procfs.root(), c"self", &mut text).ok().and_then(parse_number);
        Search {
            procfs,
            namespaces,
            holders: Holders::default(),
            depth,
            process_from: 0,
            tables: Vec::new(),
            mounts: Mounts::default(),
            same_pids: own == u64::try_from(pidfd::own_pid()).ok(),
            sockets: NumberMap::default(),
            by_bpf: false,
            worthy: None,
            tasks: Vec::new(),
            descriptors: Vec::new(),
        }
    }

    /// For processes that a BPF program found. Has another one find out which descriptors there are to read; if it cannot,
    /// all are read.
    pub fn use_bpf(&mut self) {
        self.by_bpf = true;
        self.worthy = if self.depth.pinned { find_descriptors(self.procfs, self.depth.sockets).ok() } else { None };
    }

    /// Looks at one process, unless it has gone.
    pub fn visit(&mut self, pid: i32) -> Result<(), Error> {
        let Some(leader) = self.thread(self.procfs.root(), pid, pid)? else {
            return self.miss_hidden(pid);
        };
        self.process_from = self.holders.holds.len();
        self.tables.clear();
        let links = self.read_links(&leader, &[None; LINKS.len()])?;
        if links == [None; LINKS.len()] && file::status(&leader.directory).is_err() {
            return self.miss_hidden(pid);
        }
        if !self.depth.pinned {
            return Ok(());
        }
        let mut missed = self.look_at(&leader, &links)?;
        // A directory of tasks has two links more than there are threads.
        if !file::status_at(&leader.directory, c"task").is_ok_and(|task| task.links == 3) {
            self.visit_threads(&leader, &links, &mut missed)?;
        }
        self.holders.missed.descriptors += usize::from(missed.descriptors > 0);
        self.holders.missed.mounts += usize::from(missed.mounts > 0);
        self.holders.missed.sockets += missed.sockets;
        Ok(())
    }

    /// Counts a process that the procfs does not show, unless it has ended.
    fn miss_hidden(&mut self, pid: i32) -> Result<(), Error> {
        if !self.by_bpf || matches!(seen(pidfd::open(pid, false))?, Seen::Gone) {
            return Ok(());
        }
        self.holders.missed.links += 1;
        if self.depth.pinned {
            self.holders.missed.descriptors += usize::from(self.may_hold(pid));
            self.holders.missed.mounts += 1;
        }
        Ok(())
    }

    fn visit_threads(&mut self, leader: &Thread, links: &Inodes, missed: &mut Missed) -> Result<(), Error> {
        let tasks = match open_directory(&leader.directory, c"task")? {
            Seen::Is(tasks) => tasks,
            Seen::Gone => return Ok(()),
            Seen::Refused(_) => {
                missed.descriptors += usize::from(self.may_hold(leader.pid));
                missed.mounts += 1;
                return Ok(());
            }
        };
        let mut buffer = std::mem::take(&mut self.tasks);
        let mut names = Directory::new(&tasks, &mut buffer)?;
        while let Some(name) = next_name(&mut names)? {
            let tid = match parse_number(name) {
                Some(tid) if tid != leader.pid as u64 => tid as i32,
                _ => continue,
            };
            let Some(thread) = self.thread(&tasks, leader.pid, tid)? else { continue };
            let own = self.read_links(&thread, links)?;
            let more = self.look_at(&thread, &own)?;
            missed.descriptors += more.descriptors;
            missed.mounts += more.mounts;
            missed.sockets += more.sockets;
        }
        self.tasks = buffer;
        Ok(())
    }

    /// A thread that was met before, if it is still there.
    pub fn thread_of(&self, pid: i32, tid: i32) -> Result<Option<Thread>, Error> {
        let Some(leader) = self.thread(self.procfs.root(), pid, pid)? else { return Ok(None) };
        if tid == pid {
            return Ok(Some(leader));
        }
        match open_directory(&leader.directory, c"task")? {
            Seen::Is(tasks) => self.thread(&tasks, pid, tid),
            _ => Ok(None),
        }
    }

    fn thread(&self, directory: &Fd, pid: i32, tid: i32) -> Result<Option<Thread>, Error> {
        let name = ShortPath::new(format_args!("{tid}"));
        match settle(|| file::open_at(directory, name.as_c_str(), libc::O_PATH | libc::O_DIRECTORY))? {
            Seen::Is(directory) => Ok(Some(Thread { pid, tid, directory })),
            _ => Ok(None),
        }
    }

    /// Reads the namespaces that a thread is in; notes those that are not `leader`'s.
    fn read_links(&mut self, thread: &Thread, leader: &Inodes) -> Result<Inodes, Error> {
        let mut inodes = [None; LINKS.len()];
        for (place, (kind, path)) in LINKS.into_iter().enumerate() {
            let mut text = [0; 48];
            let text = match settle(|| file::read_link_at(&thread.directory, path, &mut text).map(|text| text.len()))? {
                Seen::Is(length) => &text[..length],
                Seen::Gone => continue, // a zombie, or a kernel without this type
                Seen::Refused(_) => {
                    self.holders.missed.links += 1;
                    continue;
                }
            };
            let Some((_, inode)) = other::parse_link(text) else { continue };
            inodes[place] = Some(inode);
            // What children would be born into is of interest only where it is another one.
            let for_children = place >= FOR_CHILDREN;
            let noted = leader[place] == Some(inode) || (for_children && inodes[..FOR_CHILDREN].contains(&Some(inode)));
            if !noted {
                let opened = || file::open_at(&thread.directory, path, libc::O_RDONLY | libc::O_NONBLOCK);
                if let Some(target) = self.target(kind, inode, opened)? {
                    let Thread { pid, tid, .. } = *thread;
                    let holder = if for_children { Holder::Parent { pid, tid } } else { Holder::Process { pid, tid } };
                    self.hold(target, holder)?;
                }
            }
        }
        Ok(inodes)
    }

    /// The descriptors and mounts that a thread shows.
    fn look_at(&mut self, thread: &Thread, links: &Inodes) -> Result<Missed, Error> {
        let mut missed = Missed::default();
        // A table in which nothing is to be read need not be told from others.
        let worthy = self.worthy_of(thread);
        let shared = if worthy.as_ref().is_some_and(Range::is_empty) { Ok(true) } else { self.shares_table(thread) };
        if shared != Ok(true) {
            let before = self.holders.holds.len();
            self.read_descriptors(thread, worthy, &mut missed)?;
            if shared.is_err() {
                self.forget_repeated(before);
            }
            self.tables.try_reserve(1)?;
            self.tables.push(thread.tid);
        }
        let refused = match links[MNT] {
            Some(inode) => !mount::read(self, thread, inode)?,
            None => matches!(settle(|| file::status_at(&thread.directory, c"root"))?, Seen::Refused(_)),
        };
        missed.mounts += usize::from(refused);
        Ok(missed)
    }

    /// Whether the descriptor table of a thread is one that has been read already; an error if the kernel does not tell.
    fn shares_table(&self, thread: &Thread) -> Result<bool, Errno> {
        for &other in &self.tables {
            if !self.same_pids {
                return Err(Errno(libc::ENOSYS));
            }
            if pidfd::share_descriptors(other, thread.tid)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Where the kernel does not tell whether a thread has a descriptor table of its own (kcmp(2) can be denied), what
    /// is the same in the table of another thread of the process, which was read before, counts once.
    fn forget_repeated(&mut self, from: usize) {
        let holds = &mut self.holders.holds;
        let mut kept = from;
        for index in from..holds.len() {
            let new = holds[index];
            if !holds[self.process_from..from].iter().any(|old| is_same_number(old, &new)) {
                holds[kept] = new;
                kept += 1;
            }
        }
        holds.truncate(kept);
    }

    /// Where in `worthy` the descriptors of a thread are.
    fn worthy_of(&self, thread: &Thread) -> Option<Range<usize>> {
        let place = |descriptor: &Descriptor| (descriptor.pid, descriptor.tid);
        let (worthy, own) = (self.worthy.as_ref()?, (thread.pid, thread.tid));
        let begin = worthy.partition_point(|other| place(other) < own);
        Some(begin..worthy.partition_point(|other| place(other) <= own))
    }

    /// Whether a thread of a process may have a descriptor that is worth reading.
    fn may_hold(&self, pid: i32) -> bool {
        let Some(worthy) = &self.worthy else { return true };
        worthy.binary_search_by_key(&pid, |descriptor| descriptor.pid).is_ok()
    }

    fn read_descriptors(
        &mut self,
        thread: &Thread,
        worthy: Option<Range<usize>>,
        missed: &mut Missed,
    ) -> Result<(), Error> {
        let directory = match open_directory(&thread.directory, c"fd")? {
            Seen::Is(directory) => directory,
            Seen::Gone => return Ok(()),
            Seen::Refused(_) => {
                missed.descriptors += 1;
                return Ok(());
            }
        };
        match worthy {
            Some(range) => {
                for index in range {
                    let number = self.worthy.as_ref().map_or(0, |worthy| worthy[index].number);
                    if !self.read_descriptor(thread, &directory, number, missed)? {
                        missed.descriptors += 1;
                        break;
                    }
                }
                Ok(())
            }
            None => self.read_all_descriptors(thread, &directory, missed),
        }
    }

    fn read_all_descriptors(&mut self, thread: &Thread, directory: &Fd, missed: &mut Missed) -> Result<(), Error> {
        let mut buffer = std::mem::take(&mut self.descriptors);
        let mut names = Directory::new(directory, &mut buffer)?;
        while let Some(name) = next_name(&mut names)? {
            let Some(number) = parse_number(name) else { continue };
            if !self.read_descriptor(thread, directory, number as i32, missed)? {
                missed.descriptors += 1;
                break;
            }
        }
        self.descriptors = buffer;
        Ok(())
    }

    /// Notes a descriptor if it is one of a namespace; false if the kernel refuses to tell.
    fn read_descriptor(
        &mut self,
        thread: &Thread,
        table: &Fd,
        number: i32,
        missed: &mut Missed,
    ) -> Result<bool, Error> {
        let name = ShortPath::new(format_args!("{number}"));
        let mut text = [0; 48];
        let text = match settle(|| file::read_link_at(table, name.as_c_str(), &mut text).map(|text| text.len()))? {
            Seen::Is(length) => &text[..length],
            Seen::Gone => return Ok(true),
            Seen::Refused(_) => return Ok(false),
        };
        let Thread { pid, tid, .. } = *thread;
        if let Some((kind, inode)) = other::parse_link(text) {
            let procfs = self.procfs;
            let wanted = self.identity(inode);
            let opened = || {
                // Nothing is opened for reading or writing before it is known to be a namespace, whatever the owner of
                // the descriptor puts there meanwhile: that could wait, or have effects.
                let file = file::open_at(table, name.as_c_str(), libc::O_PATH)?;
                procfs.reopen(&file, wanted.ok_or(Errno(libc::ESRCH))?)
            };
            if let Some(target) = self.target(kind, inode, opened)? {
                self.hold(target, Holder::Descriptor { pid, tid, number })?;
            }
        } else if self.depth.sockets {
            if let Some(inode) = text.strip_prefix(b"socket:[").and_then(|rest| parse_number(rest.strip_suffix(b"]")?))
            {
                missed.sockets += usize::from(!self.read_socket(thread, number, inode)?);
            }
        }
        Ok(true)
    }

    /// Notes the network namespace of a socket; false if the kernel refuses to tell.
    fn read_socket(&mut self, thread: &Thread, number: i32, inode: u64) -> Result<bool, Error> {
        let target = match self.sockets.get(&inode) {
            Some(&known) => known,
            None if !self.same_pids => return Ok(false),
            None => match seen(duplicate_and_ask(thread, number))? {
                Seen::Is(namespace) => {
                    let identity = file::identity(&namespace)?;
                    self.target(Kind::Net, identity.inode, || Ok(namespace))?
                }
                Seen::Gone => return Ok(true),
                Seen::Refused(_) => return Ok(false),
            },
        };
        self.sockets.try_reserve(1)?;
        self.sockets.insert(inode, target);
        if let Some(target) = target {
            self.hold(target, Holder::Socket { pid: thread.pid, tid: thread.tid, number })?;
        }
        Ok(true)
    }

    /// The namespace with this type and inode number, if it has been opened already.
    pub fn known(&self, kind: Kind, inode: u64) -> Option<Target> {
        match kind {
            Kind::User => self.namespaces.find(inode).map(Target::User),
            _ => self.holders.others.find(kind, inode).map(Target::Other),
        }
    }

    /// The namespace with this type and inode number, which is opened if it was not met before. `None`: it has gone.
    pub fn target(
        &mut self,
        kind: Kind,
        inode: u64,
        open: impl FnOnce() -> Result<Fd, Errno>,
    ) -> Result<Option<Target>, Error> {
        if let Some(known) = self.known(kind, inode) {
            return Ok(Some(known));
        }
        let Holders { others, missed, .. } = &mut self.holders;
        match seen(open())? {
            Seen::Gone => Ok(None),
            Seen::Is(namespace) if kind == Kind::User => Ok(self.namespaces.record(namespace)?.map(Target::User)),
            Seen::Is(namespace) => Ok(others.record(kind, namespace, self.namespaces)?.map(Target::Other)),
            Seen::Refused(_) => {
                missed.links += 1;
                Ok(None)
            }
        }
    }

    /// What a namespace with this inode number is known by; `None` if no namespace at all has been opened.
    pub fn identity(&self, inode: u64) -> Option<Identity> {
        Some(Identity { device: self.namespaces.device()?, inode })
    }

    /// A namespace of which no more than type and inode number can be known.
    pub fn unopened(&mut self, kind: Kind, inode: u64) -> Result<Target, Error> {
        match kind {
            Kind::User => self.namespaces.record_unopened(inode).map(Target::User),
            _ => self.holders.others.record_unopened(kind, inode).map(Target::Other),
        }
    }

    pub fn hold(&mut self, target: Target, holder: Holder) -> Result<(), Error> {
        self.holders.holds.try_reserve(1)?;
        self.holders.holds.push(Hold { target, holder });
        Ok(())
    }

    /// What was found, once all processes have been visited but those that could not be read at all.
    pub fn finish(mut self, unreadable: usize) -> Result<Holders, Error> {
        mount::finish(&mut self)?;
        if self.depth.pinned {
            self.holders.missed.descriptors += unreadable;
            self.holders.missed.mounts += unreadable;
            self.holders.missed.mount_namespaces = self.holders.deserted_mount_namespaces()?;
        }
        Ok(self.holders)
    }
}

/// The inode numbers that the links read, in the order of `LINKS`.
type Inodes = [Option<u64>; LINKS.len()];

/// The network namespace of a socket in the table of a thread.
fn duplicate_and_ask(thread: &Thread, number: i32) -> Result<Fd, Errno> {
    let process = pidfd::open(thread.tid, thread.tid != thread.pid)?;
    let file = pidfd::duplicate(&process, number)?;
    match file::status(&file)?.is_socket {
        true => pidfd::network_namespace(&file),
        false => Err(Errno(libc::ESRCH)), // its owner has put something else there
    }
}

/// Whether descriptors of the same number hold the same namespace, in one process.
fn is_same_number(one: &Hold, other: &Hold) -> bool {
    let number = |hold: &Hold| match hold.holder {
        Holder::Descriptor { number, .. } | Holder::Socket { number, .. } => Some(number),
        Holder::Process { .. } | Holder::Parent { .. } | Holder::Mount { .. } => None,
    };
    one.target == other.target && number(one).is_some() && number(one) == number(other)
}

fn open_directory(parent: &Fd, name: &CStr) -> Result<Seen<Fd>, Error> {
    settle(|| file::open_at(parent, name, libc::O_RDONLY | libc::O_DIRECTORY))
}

/// The next name in the directory of a process; none if the process has ended.
fn next_name<'d>(names: &'d mut Directory) -> Result<Option<&'d [u8]>, Error> {
    Ok(if_any(names.next_name())?.flatten())
}
