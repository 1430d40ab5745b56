//! From the records of a file to facts. What a file says about facts that follow from others is not read.

use super::link::{From, Link, require};
use super::loader::{Loader, MOST_PARTS, MOST_RECORDS, MapRecord, NO_UID, Namespace, Pin, ProcessRecord, add};
use super::words::PinKind;
use crate::error::Error;
use crate::facts::{
    Credentials, Extent, Gap, Hold, Holder, Maps, NamespaceType, Nonuser, Process, Target, add_extents,
};
use crate::util::arrays::{index, push};

impl MapRecord {
    pub fn clear(&mut self) {
        self.extents.clear();
        self.ranges = Default::default();
        self.is_setgroups_denied = false;
    }
}

impl Loader {
    pub fn add_time(&mut self) -> Result<(), Error> {
        const SECOND: u64 = 1_000_000_000;
        require(self.nanoseconds < SECOND)?;
        let time = self.seconds.checked_mul(SECOND).and_then(|time| time.checked_add(self.nanoseconds));
        self.facts.time = time.ok_or(Error::NOT_SAVED)?;
        Ok(())
    }

    pub fn add_extent(&mut self) -> Result<(), Error> {
        require(self.maps.number_count == 3)?;
        let [inside, outside, count] = self.maps.numbers;
        add(&mut self.maps.extents, Extent { inside, outside, count }, MOST_PARTS)
    }

    /// The members of an object have no order, but the maps of facts have.
    pub fn add_maps(&mut self) -> Result<(), Error> {
        let MapRecord { extents: read, ranges, is_setgroups_denied, .. } = &self.maps;
        let extents = &mut self.facts.extents;
        let mut bounds = [index(extents.len())?; 4];
        for (kind, range) in ranges.iter().enumerate() {
            let map = read[range.clone()].iter().map(|one| Extent::new(one.inside, one.outside, one.count));
            let end = add_extents(extents, map)?.ok_or(Error::NOT_SAVED)?;
            if extents.len() > MOST_PARTS {
                return Err(Error::TOO_LARGE);
            }
            bounds[kind + 1] = end;
        }
        self.namespace.user.maps = Some(Maps { bounds, is_setgroups_denied: *is_setgroups_denied });
        Ok(())
    }

    pub fn add_pin(&mut self) -> Result<(), Error> {
        let Pin { kind, pid, tid, number, path, is_overmounted, nonuser } = self.pin;
        let Some(kind) = kind.ok_or(Error::NOT_SAVED)? else {
            // This version cannot show it.
            self.facts.gaps.add(Gap::Pins, 1);
            return Ok(());
        };
        // A mount can be without a process.
        let (has_thread, has_descriptor) = match kind {
            PinKind::Mount | PinKind::OutOfSight | PinKind::Owned | PinKind::ChildNamespace => (false, false),
            PinKind::Member | PinKind::ForChildren => (true, false),
            _ => (true, true),
        };
        require(!has_thread || pid != 0 && tid != 0)?;
        require(!has_descriptor || number.is_some())?;
        let number = number.unwrap_or_default();
        let holder = match kind {
            PinKind::Member => Holder::Member { pid, tid },
            PinKind::ForChildren => Holder::ForChildren { pid, tid },
            PinKind::Descriptor => Holder::Descriptor { pid, tid, number },
            PinKind::Mount => Holder::Mount { pid, path, namespace: None, is_overmounted },
            PinKind::Socket => Holder::Socket { pid, tid, number },
            PinKind::IoUring => Holder::IoUring { pid, tid, number },
            PinKind::Credentials => Holder::Credentials { pid, tid, number },
            PinKind::Peer => Holder::Peer { pid, tid, number },
            PinKind::FileSystem => Holder::FileSystem { pid, tid, number },
            PinKind::Pidfd => Holder::Pidfd { pid, tid, number },
            PinKind::OutOfSight => Holder::OutOfSight,
            // They follow from the owner and the parent of the other namespace.
            PinKind::Owned | PinKind::ChildNamespace => return Ok(()),
        };
        if let (Holder::Mount { .. }, Some(inode)) = (holder, nonuser) {
            push(&mut self.links, Link { from: From::Mount(self.facts.holds.len() as u32), inode })?;
        }
        // The place tells which namespace it is: both kinds are numbered from zero.
        add(&mut self.facts.holds, Hold { target: Target::User(0), holder }, MOST_PARTS)
    }

    pub fn add_node(&mut self) -> Result<(), Error> {
        let Namespace { user, parent, first_hold, .. } = self.namespace;
        require(user.inode != 0)?;
        let node = self.facts.users.len() as u32;
        if let Some(inode) = parent {
            push(&mut self.links, Link { from: From::Node(node), inode })?;
        }
        self.facts.holds[first_hold..].iter_mut().for_each(|hold| hold.target = Target::User(node));
        add(&mut self.facts.users, user, MOST_RECORDS)
    }

    pub fn add_nonuser(&mut self) -> Result<(), Error> {
        let Namespace { user, namespace_type, parent, owner, first_hold, first_link } = self.namespace;
        require(user.inode != 0)?;
        let Some(namespace_type) = namespace_type.ok_or(Error::NOT_SAVED)? else {
            // This version cannot show it.
            self.facts.holds.truncate(first_hold);
            self.links.truncate(first_link);
            self.facts.gaps.add(Gap::Links, 1);
            return Ok(());
        };
        require(namespace_type != NamespaceType::User)?;
        let nonuser = self.facts.nonusers.len() as u32;
        for (from, inode) in [(From::Owned(nonuser), owner), (From::Nonuser(nonuser), parent)] {
            if let Some(inode) = inode {
                push(&mut self.links, Link { from, inode })?;
            }
        }
        self.facts.holds[first_hold..].iter_mut().for_each(|hold| hold.target = Target::Nonuser(nonuser));
        let facts = Nonuser { namespace_type, inode: user.inode, id: user.id, owner: None, parent: None };
        add(&mut self.facts.nonusers, facts, MOST_RECORDS)
    }

    pub fn add_process(&mut self) -> Result<(), Error> {
        let ProcessRecord { facts: Process { pid, cgroup, .. }, name, uid, capabilities, first_pid } = self.process;
        require(pid != 0)?;
        let pids = &mut self.facts.pids;
        require(pids.get(first_pid).is_none_or(|&first| first == pid))?;
        // One PID is no list of several.
        if pids.len() - first_pid == 1 || capabilities.is_none() {
            pids.truncate(first_pid);
        }
        let pid_count = (pids.len() - first_pid) as u32;
        let credentials = capabilities.map(|capabilities| Credentials {
            uid: uid.unwrap_or(NO_UID),
            capabilities,
            first_pid: first_pid as u32,
            pid_count,
        });
        if let Some(name) = name {
            add(&mut self.names, (pid, name), MOST_RECORDS)?;
        }
        add(&mut self.facts.processes, Process { pid, credentials, cgroup }, MOST_RECORDS)
    }
}
