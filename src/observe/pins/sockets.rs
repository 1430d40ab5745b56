//! Source: the network namespaces of sockets, and of tun and tap devices, SIOCGSKNS in netdevice(7).
//!
//! The kernel tells it about a descriptor of the caller's own, so descriptors of other processes are duplicated. Two things
//! can go wrong:
//!
//! - The owner can replace the file meanwhile, and the last close(2) of a file can block without end: of a file server that
//!   does not answer. So a helper makes the duplicates, which can be abandoned (`sys/helper.rs`).
//! - The kernel gives a socket the network class and priority of the process that receives it (`__receive_sock()`), see
//!   cgroups(7). So nothing is duplicated if there are any: if a controller for them is in use.

use super::super::answer::Answer;
use super::super::devices::TUN;
use super::super::visits::{PATIENCE, TIME_SLICE};
use super::closed::{self, Suspect};
use super::threads::{Entry, Thread};
use crate::error::Error;
use crate::facts::{Gap, Holder, NamespaceType};
use crate::observe::{Context, Procfs};
use crate::sys::clock::Start;
use crate::sys::file::{self, Fd};
use crate::sys::helper::{self, Port};
use crate::sys::{Errno, pidfd};
use crate::util::arrays::{push, reserved, sort_by_number, sort_few};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// A scan spends so many microseconds with helpers that do not answer, at most.
const MOST_LOST_TIME: u64 = 2_000_000;

/// Answers that are no inode number. Those from `FAILED` on contain an errno value.
const UNASKED: u64 = 0;
const FAILED: u64 = u64::MAX - 0xffff;
/// The socket is registered with an io_uring.
const NO_DESCRIPTOR: Errno = Errno(libc::EOPNOTSUPP);
/// The process has ended, or has closed or replaced the descriptor.
const GONE: Errno = Errno(libc::ESRCH);
/// The descriptor keeps no network namespace.
const NOTHING: Errno = Errno(libc::ENODATA);

/// The sockets found so far.
pub struct Sockets {
    found: Vec<Found>,
    /// Some were found in tables that may have been read before, through other threads of the same process.
    may_be_repeated: bool,
    /// Whether the procfs numbers threads as the caller's PID namespace does, so that pidfd_open(2) knows their TIDs.
    same_pids: bool,
}

/// A descriptor of a socket or of a tun or tap device.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    pid: i32,
    number: i32,
    /// The inode number of the socket; 0 for a device.
    socket: u64,
    /// The descriptor is of an io_uring, with which the socket is registered: it cannot be duplicated.
    is_registered: bool,
    tid: i32,
}

/// The questions of a scan, in the order of the sockets.
struct Questions<'q> {
    found: &'q [Found],
    /// Inode numbers of network namespaces.
    answers: &'q [AtomicU64],
    /// The question that is asked now.
    current: AtomicUsize,
    /// The network namespaces that need not be opened, in ascending order; and the last one that a helper offered.
    known: Vec<u64>,
    offered: AtomicU64,
}

impl Sockets {
    pub fn new(same_pids: bool) -> Sockets {
        Sockets { found: Vec::new(), may_be_repeated: false, same_pids }
    }

    /// Notes a descriptor of a socket; 0 for one of a tun or tap device.
    pub fn add(&mut self, thread: &Thread, entry: &Entry, socket: u64) -> Result<(), Error> {
        let Thread { pid, tid, .. } = *thread;
        self.may_be_repeated |= entry.may_be_repeated;
        Ok(push(&mut self.found, Found { pid, tid, number: entry.number, socket, is_registered: false })?)
    }

    /// Forgets what was noted of a process, which was the last one.
    pub fn forget(&mut self, pid: i32) {
        let rest = self.found.iter().rposition(|found| found.pid != pid).map_or(0, |last| last + 1);
        self.found.truncate(rest);
    }

    /// Notes a socket that is registered with the io_uring of a descriptor.
    pub fn add_registered(&mut self, thread: &Thread, entry: &Entry, socket: u64) -> Result<(), Error> {
        let Thread { pid, tid, .. } = *thread;
        self.may_be_repeated |= entry.may_be_repeated;
        Ok(push(&mut self.found, Found { pid, tid, number: entry.number, socket, is_registered: true })?)
    }

    /// If kcmp(2) is denied, equal entries in the tables of one process count once.
    fn forget_repeated(&mut self) {
        if self.may_be_repeated {
            let key = |found: &Found| (found.pid, found.number, found.socket, found.is_registered);
            sort_few(&mut self.found);
            self.found.dedup_by_key(|found| key(found));
        }
    }

    /// Asks for the network namespaces of all sockets, and records them.
    pub fn finish(mut self, context: &mut Context) -> Result<(), Error> {
        if self.found.is_empty() {
            return Ok(());
        }
        self.forget_repeated();
        if !self.same_pids || are_classified(context.procfs)? {
            context.miss(Gap::Sockets, self.found.len());
            return Ok(());
        }
        sort_by_number(&mut self.found, &|found| found.socket)?;
        let mut answers = reserved(self.found.len())?;
        let first = |found: &Found| if found.is_registered { failure(NO_DESCRIPTOR) } else { UNASKED };
        answers.extend(self.found.iter().map(|found| AtomicU64::new(first(found))));
        let current = AtomicUsize::new(0);
        let (known, offered) = (Vec::new(), AtomicU64::new(0));
        let mut questions = Questions { found: &self.found, answers: &answers, current, known, offered };
        questions.ask_own(context.own_pid());
        questions.ask_others(context)?;
        questions.doubt(context)?;
        questions.record(context)
    }
}

/// Whether a duplicate could change a socket: the controller net_cls or net_prio is in use, see cgroups(7). True if that is
/// unknown. One that comes during the scan is not noticed.
fn are_classified(procfs: &Procfs) -> Result<bool, Error> {
    let text = procfs.open_file(procfs.root(), c"thread-self/cgroup").and_then(|file| file::read_to_end(&file));
    match Answer::of(text)? {
        Answer::Is(text) => Ok(lists_class(&text)),
        Answer::Gone => Ok(false), // a kernel without cgroups
        Answer::Refused(_) => Ok(true),
    }
}

/// Looks for the controllers in proc_pid_cgroup(5).
fn lists_class(text: &[u8]) -> bool {
    text.split(|&byte| byte == b'\n')
        .filter_map(|line| line.split(|&byte| byte == b':').nth(1))
        .flat_map(|controllers| controllers.split(|&byte| byte == b','))
        .any(|controller| matches!(controller, b"net_cls" | b"net_prio"))
}

impl Questions<'_> {
    /// Asks about the caller itself, which a helper may not do if the caller is not dumpable, see prctl(2).
    fn ask_own(&self, own: Option<i32>) {
        for (found, answer) in self.found.iter().zip(self.answers) {
            if Some(found.pid) == own && !found.is_registered {
                answer.store(inode_or_failure(&ask(found, drop)), Ordering::Relaxed);
            }
        }
    }

    /// Asks about other processes, in helpers.
    fn ask_others(&mut self, context: &mut Context) -> Result<(), Error> {
        let mut lost_time = 0;
        while let Some(next) = self.next() {
            self.current.store(next, Ordering::Relaxed);
            self.known = known_networks(context)?;
            let mut opened = Ok(());
            let mut take = |network| {
                if opened.is_ok() {
                    opened = open(context, network);
                }
            };
            let start = Start::now();
            let has_returned = match helper::run(&*self, Questions::work, &mut take, PATIENCE) {
                Ok(has_returned) => has_returned,
                Err(errno) if errno.is_exhaustion() => return Err(errno.into()),
                Err(_) => return Ok(()), // there can be no helper, or no other one
            };
            opened?;
            if has_returned {
                continue;
            }
            // It was killed, or has ended by itself because the file was another one.
            let answer = &self.answers[self.current.load(Ordering::Relaxed)];
            if answer.load(Ordering::Acquire) == UNASKED {
                answer.store(failure(Errno(libc::EAGAIN)), Ordering::Relaxed);
            }
            lost_time += start.elapsed_microseconds();
            if lost_time > MOST_LOST_TIME {
                return Ok(());
            }
        }
        Ok(())
    }

    /// The first question without an answer.
    fn next(&self) -> Option<usize> {
        let start = self.current.load(Ordering::Relaxed);
        let is_open = |answer: &AtomicU64| answer.load(Ordering::Acquire) == UNASKED;
        Some(start + self.answers[start..].iter().position(is_open)?)
    }

    /// Asks one question after the other, in a helper.
    fn work(&self, port: &Port) {
        let time = Start::now();
        let first = self.current.load(Ordering::Relaxed);
        for index in first..self.found.len() {
            if time.elapsed_microseconds() > TIME_SLICE {
                return;
            }
            if self.answers[index].load(Ordering::Relaxed) == UNASKED {
                self.current.store(index, Ordering::Relaxed);
                port.step();
                self.answer(index, port);
            }
        }
    }

    fn answer(&self, index: usize, port: &Port) {
        let (found, answer) = (&self.found[index], &self.answers[index]);
        let is_same = |other: &Found| found.socket != 0 && found.socket == other.socket;
        if let Some(before) = index.checked_sub(1).filter(|&before| is_same(&self.found[before])) {
            let known = self.answers[before].load(Ordering::Relaxed);
            if known < FAILED && known != UNASKED {
                answer.store(known, Ordering::Release);
                return;
            }
        }
        let replaced = |_other: Fd| {
            answer.store(failure(GONE), Ordering::Release);
            port.exit() // without closing it
        };
        let told = ask(found, replaced);
        let inode = inode_or_failure(&told);
        if let Ok(told) = &told {
            // Many sockets of one process have the same network namespace.
            let is_known = self.known.binary_search(&inode).is_ok() || self.offered.load(Ordering::Relaxed) == inode;
            if !is_known {
                port.step();
                port.offer(&told.network);
                self.offered.store(inode, Ordering::Relaxed);
            }
        }
        answer.store(inode, Ordering::Release); // before the duplicate is closed
    }

    /// Counts a descriptor as unread if it was not there for a moment only.
    fn doubt(&self, context: &Context) -> Result<(), Error> {
        let (mut suspects, mut suspect_answers) = (Vec::new(), Vec::new());
        for (&Found { pid, number, socket, .. }, answer) in self.found.iter().zip(self.answers) {
            if answer.load(Ordering::Relaxed) == failure(GONE) {
                push(&mut suspects, Suspect { pid, number, socket })?;
                push(&mut suspect_answers, answer)?;
            }
        }
        for index in closed::find_open(context, &suspects)? {
            suspect_answers[index].store(failure(Errno(libc::EAGAIN)), Ordering::Relaxed);
        }
        Ok(())
    }

    /// Records what is known about each socket: what one descriptor of it told is true for all of them.
    fn record(&self, context: &mut Context) -> Result<(), Error> {
        let (mut index, start) = (0, context.facts().holds.len());
        for group in self.found.chunk_by(|one, other| one.socket != 0 && one.socket == other.socket) {
            let answers =
                || self.answers[index..index + group.len()].iter().map(|answer| answer.load(Ordering::Relaxed));
            if let Some(errno) = answers().filter_map(errno_of).find(|errno| errno.is_exhaustion()) {
                return Err(errno.into());
            }
            let inode = answers().find(|&answer| answer < FAILED && answer != UNASKED);
            let target = inode.and_then(|inode| context.known(NamespaceType::Net, inode));
            let gone = answers().filter(|&answer| answer == failure(GONE) || answer == failure(NOTHING)).count();
            match target {
                Some(target) => {
                    for &Found { pid, tid, number, is_registered, .. } in group {
                        let holder = match is_registered {
                            true => Holder::IoUring { pid, tid, number },
                            false => Holder::Socket { pid, tid, number },
                        };
                        context.hold(target, holder)?;
                    }
                }
                None => context.miss(Gap::Sockets, group.len() - gone),
            }
            index += group.len();
        }
        context.forget_repeated_holds(start)?; // of rings with many sockets
        Ok(())
    }
}

/// The inode numbers of the network namespaces found so far, in ascending order.
fn known_networks(context: &Context) -> Result<Vec<u64>, Error> {
    let mut inodes = Vec::new();
    for nonuser in context.nonusers.entries() {
        if nonuser.namespace_type == NamespaceType::Net {
            push(&mut inodes, nonuser.inode)?;
        }
    }
    sort_by_number(&mut inodes, &|&inode| inode)?;
    Ok(inodes)
}

/// Records a network namespace that a helper offers.
fn open(context: &mut Context, network: Result<Fd, Errno>) -> Result<(), Error> {
    if let Answer::Is(network) = Answer::of(network)? {
        context.target_of(NamespaceType::Net, network)?;
    }
    Ok(())
}

fn failure(errno: Errno) -> u64 {
    FAILED + u64::from(errno.0.unsigned_abs()) % 0xffff
}

fn errno_of(answer: u64) -> Option<Errno> {
    Some(Errno(answer.checked_sub(FAILED)?.try_into().ok()?))
}

fn inode_or_failure(told: &Result<Told, Errno>) -> u64 {
    let inode = told.as_ref().map_err(|&errno| errno).and_then(|told| Ok(file::identity(&told.network)?.inode));
    inode.unwrap_or_else(failure)
}

/// The network namespace of a socket, and the duplicate that told it. To close that can block.
struct Told {
    network: Fd,
    _duplicate: Fd,
}

/// Opens the network namespace of a socket of another thread. `replaced` gets the file if its owner has replaced it.
fn ask(found: &Found, replaced: impl FnOnce(Fd)) -> Result<Told, Errno> {
    // The thread has ended, or has become the leader, if it called execve(2).
    let by_leader = |_| duplicate(found, found.pid);
    let file = duplicate(found, found.tid).or_else(by_leader)?;
    let is_expected = file::status(&file).is_ok_and(|status| match found.socket {
        0 => status.character_device() == Some(TUN),
        socket => status.is_socket() && status.inode == socket,
    });
    if !is_expected {
        replaced(file);
        return Err(GONE);
    }
    match pidfd::network_namespace(&file) {
        Err(Errno(libc::EBADF)) => Err(NOTHING), // opened with O_PATH, or a device without a network interface
        // The descriptor is the scan's own, so an error about it does not say that the process has ended.
        Err(errno) if errno.is_gone() => Err(Errno(libc::EIO)),
        network => Ok(Told { network: network?, _duplicate: file }),
    }
}

fn duplicate(found: &Found, tid: i32) -> Result<Fd, Errno> {
    let process = pidfd::open(tid, tid != found.pid)?;
    pidfd::duplicate(&process, found.number).map_err(|errno| match errno {
        Errno(libc::EBADF) => GONE, // closed meanwhile
        errno => errno,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_of_classes_are_found() {
        for line in ["3:net_cls,net_prio:/", "0::/\n12:net_prio:/a", "4:cpu,net_cls:/x:y"] {
            assert!(lists_class(line.as_bytes()), "{line}");
        }
        for line in ["", "0::/net_cls", "1:name=net_cls:/", "2:cpu:/net_cls,x", "3:freezer:net_cls:net_cls"] {
            assert!(!lists_class(line.as_bytes()), "{line}");
        }
    }
}
