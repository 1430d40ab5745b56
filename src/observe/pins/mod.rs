//! The driver for pins: visits all threads of all members and runs the sources of pins on each.

mod closed;
mod descriptors;
mod kernel_threads;
mod links;
pub mod lookup;
mod missed;
mod mount_namespaces;
mod mounts;
mod opener;
mod overmounts;
mod repeated;
mod rest;
pub mod rings;
mod roots;
mod sockets;
mod tables;
mod threads;
mod told;
mod view;
pub mod watches;

use super::answer::Answer;
use super::devices::{Devices, TUN};
use super::told::Told;
use super::visits::{self, Visits};
use super::{Context, Leaders, Procfs, bpf, listed};
use crate::error::Error;
use crate::facts::{EmptySource, Gap, parse_socket_link};
use crate::options::Wanted;
use crate::sys::file::{self, Fd};
use crate::util::path::ShortPath;
use descriptors::{Descriptors, Kind};
use links::Links;
use missed::Missed;
use mounts::Mounts;
use rings::Rings;
use sockets::Sockets;
use threads::{Entry, Progress, Thread, Threads};
use watches::Watches;

/// So often a process is visited whose threads call execve(2) or end meanwhile.
const MOST_VISITS: usize = 4;
/// So often the threads of a process are listed on one visit, until all were read.
const MOST_LISTS: usize = 8;

struct Search<'c, 'p> {
    context: &'c mut Context<'p>,
    wanted: Wanted,
    descriptors: Descriptors,
    sockets: Sockets,
    devices: Devices,
    rings: Rings,
    mounts: Mounts,
    watches: Watches,
    /// What need not be read.
    told: Told,
    /// The threads that BPF told of which the mounts could not be read. Later ones can show them.
    unread: Vec<usize>,
    /// The PID of the caller.
    own: Option<i32>,
    /// Those of the current process.
    threads: Threads,
    /// The links that some thread has.
    kinds: links::Kinds,
}

/// Records what keeps namespaces alive besides the members of user namespaces.
pub fn find(context: &mut Context, wanted: Wanted, leaders: Option<Leaders>) -> Result<(), Error> {
    let same_pids = context.pid_namespaces.are_equal();
    // All descriptors are read if BPF cannot tell what they are.
    let candidates = match leaders {
        Some(leaders) => bpf::record_descriptors(context, leaders, wanted.sockets)?,
        None => None,
    };
    let told = told::take(context, candidates.as_ref().map(|candidates| candidates.unsettled.as_slice()), wanted);
    told::record(context, &told)?;
    if !wanted.pinned && told.has_all(&context.facts().members) {
        context.told = Some(told);
        return Ok(());
    }
    let own = context.own_pid();
    let mut search = Search {
        context,
        wanted,
        descriptors: Descriptors::new(candidates, same_pids),
        sockets: Sockets::new(same_pids),
        devices: Devices::default(),
        rings: Rings::default(),
        mounts: Mounts::default(),
        watches: Watches::default(),
        kinds: links::Kinds::of(&told),
        told,
        unread: Vec::new(),
        own,
        threads: Threads::default(),
    };
    visits::run(&mut search)?;
    search.finish()
}

impl Visits for Search<'_, '_> {
    fn procfs(&self) -> &Procfs {
        self.context.procfs
    }

    fn count(&self) -> usize {
        self.context.facts().members.len()
    }

    fn is_to_caller(&self, index: usize) -> bool {
        Some(self.context.facts().members[index].pid) == self.own
    }

    fn visit(&mut self, index: usize) -> Result<(), Error> {
        match self.context.facts().members[index].pid {
            pid if self.context.stuck.contains(&pid) => self.miss(pid),
            pid => self.visit_process(pid),
        }
    }

    fn give_up(&mut self, index: usize) -> Result<(), Error> {
        self.miss(self.context.facts().members[index].pid)
    }
}

impl Search<'_, '_> {
    /// Visits the threads of a process, unless it has ended.
    fn visit_process(&mut self, pid: i32) -> Result<(), Error> {
        let (start, gaps) = (self.context.facts().holds.len(), self.context.facts().gaps);
        let (unread, told) = (self.unread.len(), self.told.range_of(pid));
        let is_told = !told.is_empty();
        if is_told && !self.wanted.pinned {
            return Ok(());
        }
        for attempt in 1..=MOST_VISITS {
            let is_last = attempt == MOST_VISITS;
            let is_settled = match attempt {
                _ if is_told => self.visit_told(pid, told.clone(), is_last)?,
                // Without pins the leader stands for all threads, as long as it lives.
                1 if !self.wanted.pinned => self.visit_leader(pid)?,
                _ => self.visit_once(pid, is_last)?,
            };
            if is_settled {
                break;
            }
            self.context.forget_holds(start);
            self.context.facts_mut().gaps = gaps;
            self.sockets.forget(pid);
            self.rings.forget(pid);
            self.unread.truncate(unread);
        }
        Ok(())
    }

    /// Reads the links of the thread-group leader. False if some could not be read.
    fn visit_leader(&mut self, pid: i32) -> Result<bool, Error> {
        let path = ShortPath::new(format_args!("{pid}/ns"));
        let procfs = self.context.procfs;
        let Answer::Is(directory) = Answer::settle(|| procfs.find_directory(procfs.root(), path.as_c_str()))? else {
            return Ok(false);
        };
        let links = links::read(self.context, (pid, pid), &directory, &Links::default())?;
        Ok(self.has_lived_on(&links))
    }

    /// Whether the thread with these links had not exited when they were read.
    fn has_lived_on(&mut self, links: &Links) -> bool {
        !links.is_of_exited_thread() && self.kinds.are_in(links)
    }

    /// False if a TID was reused, or a thread may have called execve(2) meanwhile. That thread takes the place of the
    /// thread-group leader, which can have been read after it had exited, and the thread not at all.
    fn visit_once(&mut self, pid: i32, is_last: bool) -> Result<bool, Error> {
        let leader = match Thread::leader(self.context.procfs, pid)? {
            Answer::Is(leader) => leader,
            Answer::Gone => return self.miss_hidden(pid).map(|()| true),
            Answer::Refused(_) => return self.miss(pid).map(|()| true),
        };
        let is_alone = leader.is_only_one(self.context.procfs);
        self.descriptors.enter_process(self.context, pid, is_alone && is_last);
        let mut missed = Missed::default();
        // Before the leader is read, see `Threads::has_living`.
        let tasks = if is_alone { None } else { self.list_threads(&leader, &mut missed)? };
        let links = links::of_thread(self.context, &leader, &Links::default())?;
        if links.is_empty() && file::status(&leader.directory).is_err() {
            return self.miss_hidden(pid).map(|()| true);
        }
        let lives_on = self.has_lived_on(&links);
        self.read_thread(&leader, &links, &mut missed)?;
        let is_settled = match is_alone {
            true => lives_on && !missed.has_ended && self.is_still_alone(&leader, &missed)?,
            false => match tasks {
                Some(tasks) => {
                    let read = |search: &mut Self, thread: &Thread, missed: &mut Missed| {
                        let own = links::of_thread(search.context, thread, &links)?;
                        search.read_thread(thread, &own, missed)
                    };
                    self.visit_threads(&tasks, &leader, &mut missed, &read)?
                        && self.threads.has_living(self.context.procfs, &tasks, pid)
                }
                None => true,
            },
        };
        if !is_settled && !leader.has_process_ended(self.context.procfs)? {
            if !is_last {
                return Ok(false);
            }
            self.miss_thread(pid, &mut missed);
        }
        if self.wanted.pinned {
            self.count_missed(missed);
        }
        Ok(true)
    }

    /// Whether a process with one thread has no other one that had its descriptors while the leader was read.
    fn is_still_alone(&mut self, leader: &Thread, missed: &Missed) -> Result<bool, Error> {
        if !self.wanted.pinned || missed.descriptors {
            return Ok(true);
        }
        self.descriptors.are_complete(self.context.procfs, leader)
    }

    /// Reads the listed threads besides the leader, and those that are new since: a thread can hand on to a new one what no
    /// other has. False if they have to be read again from the beginning.
    fn visit_threads(
        &mut self,
        tasks: &Fd,
        leader: &Thread,
        missed: &mut Missed,
        read: &dyn Fn(&mut Self, &Thread, &mut Missed) -> Result<(), Error>,
    ) -> Result<bool, Error> {
        for _ in 0..MOST_LISTS {
            for index in 0..self.threads.count() {
                let Some(tid) = self.threads.to_read(index).filter(|&tid| tid != leader.pid) else { continue };
                if !self.context.limits.threads.take() {
                    self.miss_thread(leader.pid, missed);
                    return Ok(true);
                }
                match Thread::in_directory(self.context.procfs, tasks, leader.pid, tid)? {
                    Answer::Is(thread) => {
                        self.threads.note(index, &thread);
                        read(self, &thread, missed)?;
                    }
                    Answer::Gone => (),
                    Answer::Refused(_) => {
                        self.threads.note_refusal(index);
                        self.miss_thread(leader.pid, missed);
                    }
                }
            }
            match self.threads.progress(self.context.procfs, tasks, leader) {
                Progress::Complete => return Ok(true),
                Progress::Incomplete => (),
                Progress::Lost => return Ok(false),
            }
            if !self.threads.list_again(tasks)? {
                break;
            }
        }
        if !leader.has_process_ended(self.context.procfs)? {
            self.miss_thread(leader.pid, missed);
        }
        Ok(true)
    }

    /// Lists the threads of a process. `None`: the kernel does not show them, or the process has ended.
    fn list_threads(&mut self, leader: &Thread, missed: &mut Missed) -> Result<Option<Fd>, Error> {
        let listed = self.threads.list(self.context.procfs, leader)?;
        if let Answer::Refused(_) | Answer::Is((_, false)) = listed {
            self.miss_thread(leader.pid, missed);
        }
        Ok(listed.any().map(|(tasks, _)| tasks))
    }

    /// Reads the descriptors and mounts of a thread, for pins.
    fn read_thread(&mut self, thread: &Thread, links: &Links, missed: &mut Missed) -> Result<(), Error> {
        if !self.wanted.pinned {
            return Ok(());
        }
        self.read_descriptors(thread, missed)?;
        let namespace = links.mount_namespace();
        // Whose mounts these are is not known then.
        missed.mounts |= namespace.is_none() && links.are_some_refused;
        self.read_mounts(thread, namespace, missed)
    }

    fn read_descriptors(&mut self, thread: &Thread, missed: &mut Missed) -> Result<(), Error> {
        let Search { sockets, devices, rings, watches, wanted, .. } = self;
        let mut visit = |context: &mut Context, thread: &Thread, entry: Entry| match descriptors::record(
            context, thread, &entry,
        )? {
            Answer::Is(Kind::Other(device)) => {
                watches.note(thread, entry.number, entry.link)?;
                read_other(context, (sockets, devices, rings), wanted.sockets, thread, &entry, device)
            }
            other => Ok(other.map(drop)),
        };
        missed.descriptors |= !self.descriptors.read(self.context, thread, &mut visit)?;
        Ok(())
    }

    fn read_mounts(&mut self, thread: &Thread, namespace: Option<u64>, missed: &mut Missed) -> Result<(), Error> {
        missed.mounts |= match namespace {
            Some(inode) => {
                let is_read = self.mounts.read(self.context, thread, inode)?;
                missed.has_ended |= is_read.is_none();
                is_read == Some(false)
            }
            None => {
                let procfs = self.context.procfs;
                matches!(Answer::settle(|| procfs.status_at(&thread.directory, c"root"))?, Answer::Refused(_))
            }
        };
        Ok(())
    }

    fn finish(mut self) -> Result<(), Error> {
        if !self.wanted.pinned {
            return Ok(());
        }
        self.count_unread()?;
        let Search { context, mut mounts, sockets, rings, watches, .. } = self;
        sockets.finish(context)?;
        context.found_empty_by(EmptySource::Pins);
        let listed = listed::find(context)?;
        mount_namespaces::find(context, &mut |context, namespace, nonuser| {
            mounts.read_empty(context, namespace, nonuser)
        })?;
        mounts.finish(context)?;
        rings.finish(context)?;
        watches.find(context, &listed)?;
        listed::explain(context, &listed)?;
        let unreadable = context.facts().gaps.count(Gap::Unreadable);
        context.miss(Gap::Descriptors, unreadable);
        context.miss(Gap::Mounts, unreadable);
        Ok(())
    }
}

/// Reads what a descriptor that is of no namespace holds.
fn read_other(
    context: &mut Context,
    (sockets, devices, rings): (&mut Sockets, &mut Devices, &mut Rings),
    with_sockets: bool,
    thread: &Thread,
    entry: &Entry,
    device: Option<u64>,
) -> Result<Answer<()>, Error> {
    if entry.link == rings::LINK {
        return rings.record(context, thread, entry, &mut |socket| match with_sockets {
            true => sockets.add_registered(thread, entry, socket),
            false => Ok(()),
        });
    }
    match (parse_socket_link(entry.link), device) {
        (Some(socket), _) if with_sockets => sockets.add(thread, entry, socket)?,
        (None, Some(TUN)) => sockets.add(thread, entry, 0)?,
        (None, Some(device)) => context.miss(Gap::Sockets, devices.may_be_tap(context.procfs, device)?.into()),
        _ => (),
    }
    Ok(Answer::Is(()))
}
