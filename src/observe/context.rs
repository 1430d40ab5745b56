//! The state of one scan, through which all sources write.

use super::answer::Answer;
use super::limits::Limits;
use super::nonusers::Nonusers;
use super::pid_namespace::PidNamespaces;
use super::procfs::Procfs;
use super::told::Told;
use super::users::Users;
use crate::error::Error;
use crate::facts::{EmptySource, Facts, Gap, Hold, Holder, NamespaceType, Source, Target, Text};
use crate::sys::file::{Fd, Identity};
use crate::sys::process::{self, Capability};
use crate::sys::{Errno, pidfd};
use crate::util::arrays::{push, reserved, sort_few};
use crate::util::parse;

/// The procfs, the namespaces found so far, and the facts under construction.
pub struct Context<'p> {
    pub procfs: &'p Procfs,
    pub users: Users,
    pub nonusers: Nonusers,
    pub listing: Listing,
    /// The processes of which the kernel does not tell the namespaces without waiting.
    pub stuck: Vec<i32>,
    pub pid_namespaces: PidNamespaces,
    pub limits: Limits,
    /// What BPF told about threads; `None` if procfs had to be asked about one.
    pub told: Option<Told>,
    /// The ids of all namespaces in use when the scan began, in ascending order; empty if the kernel did not list them.
    pub listed: Vec<u64>,
    /// Without the namespaces, until the scan ends.
    facts: Facts,
}

impl<'p> Context<'p> {
    /// `limit` is that of the options.
    pub fn new(procfs: &'p Procfs, limit: u64) -> Context<'p> {
        Context {
            procfs,
            users: Users::default(),
            nonusers: Nonusers::default(),
            listing: Listing::default(),
            stuck: Vec::new(),
            pid_namespaces: PidNamespaces::default(),
            limits: Limits::new(limit),
            told: None,
            listed: Vec::new(),
            facts: Facts::default(),
        }
    }

    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    pub fn facts_mut(&mut self) -> &mut Facts {
        &mut self.facts
    }

    /// The user namespaces and the strings, to be written together.
    pub fn users_and_text(&mut self) -> (&mut Users, &mut Text) {
        (&mut self.users, &mut self.facts.text)
    }

    /// Ends the scan. `unmapped` is the UID that the kernel shows for those without a mapping.
    pub fn into_facts(self, unmapped: Option<u32>) -> Facts {
        let (users, nonusers) = (self.users.into_list(unmapped), self.nonusers.into_list());
        Facts { users, nonusers, unmapped_uid: unmapped, ..self.facts }
    }

    /// Whether the kernel lists all namespaces for the caller, and the procfs shows all processes in them. The kernel
    /// requires CAP_SYS_ADMIN in the initial user namespace, and the initial PID namespace.
    pub fn may_list_all(&self) -> bool {
        let is_initial = self.facts.own.is_some_and(|own| self.users.is_initial(own));
        is_initial && self.pid_namespaces.are_initial() && process::has(Capability::SysAdmin)
    }

    /// Notes how far the scan looked for namespaces without processes.
    pub fn found_empty_by(&mut self, source: EmptySource) {
        self.facts.empty_source = self.facts.empty_source.max(source);
    }

    /// Counts something that could not be seen.
    pub fn miss(&mut self, gap: Gap, count: usize) {
        self.facts.gaps.add(gap, count);
    }

    /// Records what keeps a namespace alive, within the limits.
    #[inline]
    pub fn hold(&mut self, target: Target, holder: Holder) -> Result<(), Error> {
        let holds = &mut self.facts.holds;
        match self.limits.may_hold(target, &holder, holds.len())? {
            true => push(holds, Hold { target, holder })?,
            false => self.miss(Gap::Pins, 1),
        }
        Ok(())
    }

    /// Forgets the holds after the first so many; but not mounts, which other processes have, too.
    pub fn forget_holds(&mut self, start: usize) {
        let holds = &mut self.facts.holds;
        let mut kept = start;
        for index in start..holds.len() {
            let Hold { target, holder } = holds[index];
            if matches!(holder, Holder::Mount { .. }) {
                holds[kept] = holds[index];
                kept += 1;
            } else {
                self.limits.forget(target, &holder);
            }
        }
        holds.truncate(kept);
    }

    /// Leaves one of equal holds, of those recorded after the first so many.
    pub fn forget_repeated_holds(&mut self, start: usize) -> Result<(), Error> {
        let holds = &mut self.facts.holds;
        let mut last = reserved(holds.len() - start)?;
        last.extend(holds.drain(start..));
        sort_few(&mut last);
        last.dedup();
        holds.extend(last);
        Ok(())
    }

    /// The caller's PID in the procfs.
    pub fn own_pid(&self) -> Option<i32> {
        if self.pid_namespaces.are_equal() {
            return Some(pidfd::own_pid());
        }
        let mut text = [0; 16];
        let link = self.procfs.read_link(self.procfs.root(), c"self", &mut text).ok()?;
        parse::number(link)?.try_into().ok()
    }

    /// Records a user namespace, with its ancestors. `None`: the file is not a namespace.
    pub fn record_user(&mut self, namespace: Fd) -> Result<Option<u32>, Error> {
        self.users.record(namespace)
    }

    /// The namespace with this type and inode number, if it was found before.
    pub fn known(&self, namespace_type: NamespaceType, inode: u64) -> Option<Target> {
        match namespace_type {
            NamespaceType::User => self.users.find(inode).map(Target::User),
            _ => self.nonusers.find(namespace_type, inode).map(Target::Nonuser),
        }
    }

    /// The namespace with this type and inode number; opens it if it was not found before. `Gone`: the process has ended, or
    /// has another namespace. `Refused` was counted.
    pub fn target(
        &mut self,
        namespace_type: NamespaceType,
        inode: u64,
        open: impl FnMut() -> Result<Fd, Errno>,
    ) -> Result<Answer<Target>, Error> {
        if let Some(known) = self.known(namespace_type, inode) {
            return Ok(Answer::Is(known));
        }
        match Answer::settle(open)? {
            Answer::Is(namespace) => self.target_of(namespace_type, namespace),
            Answer::Gone => Ok(Answer::Gone),
            Answer::Refused(errno) => {
                self.miss(Gap::Links, 1);
                Ok(Answer::Refused(errno))
            }
        }
    }

    /// An open namespace. `Refused`, if it cannot be identified, was counted.
    pub fn target_of(&mut self, namespace_type: NamespaceType, namespace: Fd) -> Result<Answer<Target>, Error> {
        match self.record(namespace_type, namespace)? {
            Some(target) => Ok(Answer::Is(target)),
            None => {
                self.miss(Gap::Links, 1);
                Ok(Answer::Refused(Errno(libc::EINVAL)))
            }
        }
    }

    /// Records an open namespace. `None`: it is none, or cannot be identified.
    pub fn record(&mut self, namespace_type: NamespaceType, namespace: Fd) -> Result<Option<Target>, Error> {
        match namespace_type {
            NamespaceType::User => Ok(self.users.record(namespace)?.map(Target::User)),
            _ => Ok(self.nonusers.record(namespace_type, namespace, &mut self.users)?.map(Target::Nonuser)),
        }
    }

    /// Whether a process of which procfs shows nothing exists: BPF has shown it, and procfs hides it.
    pub fn is_hidden(&self, pid: i32) -> Result<bool, Error> {
        let by_bpf = self.facts.source != Source::Procfs;
        Ok(by_bpf && !matches!(Answer::of(pidfd::open(pid, false))?, Answer::Gone))
    }

    pub fn inode_of(&self, target: Target) -> u64 {
        match target {
            Target::User(index) => self.users.entries()[index as usize].inode,
            Target::Nonuser(index) => self.nonusers.entries()[index as usize].inode,
        }
    }

    /// Records a namespace of which only type and inode number are known.
    pub fn record_unopened(&mut self, namespace_type: NamespaceType, inode: u64) -> Result<Target, Error> {
        match namespace_type {
            NamespaceType::User => self.users.record_unopened(inode).map(Target::User),
            _ => self.nonusers.record_unopened(namespace_type, inode).map(Target::Nonuser),
        }
    }

    /// The device and inode number of a namespace; `None` if no namespace was opened yet.
    pub fn identity(&self, inode: u64) -> Option<Identity> {
        Some(Identity { device: self.users.device()?, inode })
    }

    /// The same of a namespace of the facts.
    pub fn target_identity(&self, target: Target) -> Option<Identity> {
        self.identity(match target {
            Target::User(index) => self.users.entries()[index as usize].inode,
            Target::Nonuser(index) => self.nonusers.entries()[index as usize].inode,
        })
    }
}

/// What the list of processes tells about the mount option hidepid.
#[derive(Clone, Copy, Default)]
pub struct Listing {
    /// A process was listed, whether or not it could be read.
    pub any: bool,
    /// Process 1 was listed. It exists while its PID namespace has processes.
    pub init: bool,
    /// A refusal of the kind that only hidepid=1 causes.
    pub refused_by_hidepid: bool,
}

impl Listing {
    /// Whether the procfs certainly hides processes.
    pub fn is_restricted(self) -> bool {
        self.refused_by_hidepid || (self.any && !self.init)
    }
}
