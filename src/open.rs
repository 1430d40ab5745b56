//! An action: opens a namespace of a snapshot, if it still exists.
//!
//! The kernel opens a namespace by its 64-bit id (Linux 6.18). Where it does not, or does not permit it, whatever led the
//! scan to the namespace can lead there again: a process in it, a descriptor or a mount; or one of a descendant, or of what
//! it owns, from which ioctl_ns(2) leads up. All of that can have changed since the scan, so what was found is compared
//! with the snapshot before it is returned.

use crate::error::Error;
use crate::facts::{INITIAL_PID_NAMESPACE, INITIAL_USER_NAMESPACE, NamespaceType, Target};
use crate::observe::Procfs;
use crate::observe::answer::Answer;
use crate::observe::pins::lookup::Lookup;
use crate::observe::reference::Reference;
use crate::observe::sysctl;
use crate::observe::visits::{self, Visits};
use crate::snapshot::{Node, Nonuser, Pin, Snapshot, Way};
use crate::sys::clock::Start;
use crate::sys::file::{self, Fd, Identity};
use crate::sys::process::{self, Capability};
use crate::sys::{Errno, if_any, nsfs, pidfd};
use crate::util::parse;
use crate::util::path::ShortPath;
use std::ffi::CStr;
use std::os::fd::OwnedFd;

/// So many microseconds are spent on ways to a namespace, at most, plus the time that the last one takes.
const MOST_TIME: u64 = 2_000_000;

impl Node<'_> {
    /// Opens the namespace, for example for setns(2). The descriptor is close-on-exec.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// let own = snapshot.self_node().expect("a procfs is mounted at /proc");
    /// let namespace = own.open()?;
    /// assert!(userns::describe(Some(std::os::fd::AsFd::as_fd(&namespace)))?.is_own);
    /// # Ok::<(), userns::Error>(())
    /// ```
    ///
    /// # Errors
    ///
    /// Those of `userns_open()` in the C header: ESTALE if it has ended, EACCES if it is out of reach.
    pub fn open(&self) -> Result<OwnedFd, Error> {
        let sought = Sought {
            namespace_type: NamespaceType::User,
            inode: self.inode(),
            id: self.id(),
            parent: self.parent().map(|parent| parent.inode()),
            owner: None,
            owner_uid: self.owner_uid(),
        };
        open(self.snapshot(), &sought, Target::User(self.index()))
    }
}

impl Nonuser<'_> {
    /// Opens the namespace, like [`Node::open`].
    ///
    /// # Errors
    ///
    /// Those of `userns_nonuser_open()` in the C header.
    pub fn open(&self) -> Result<OwnedFd, Error> {
        let sought = Sought {
            namespace_type: self.namespace_type(),
            inode: self.inode(),
            id: self.id(),
            parent: self.parent().map(|parent| parent.inode()),
            owner: self.owner().map(|owner| owner.inode()),
            owner_uid: None,
        };
        open(self.snapshot(), &sought, Target::Nonuser(self.index()))
    }
}

/// What the snapshot says about a namespace.
struct Sought {
    namespace_type: NamespaceType,
    inode: u64,
    id: Option<u64>,
    /// Inode numbers.
    parent: Option<u64>,
    owner: Option<u64>,
    owner_uid: Option<u32>,
}

/// Whether an open namespace is the sought one.
#[derive(PartialEq, Eq)]
enum Is {
    Sought,
    Another,
    /// That cannot be told.
    Unknown,
}

fn open(snapshot: &Snapshot, sought: &Sought, target: Target) -> Result<OwnedFd, Error> {
    // A snapshot of this process has the boot id that was read then, if any could be. One from a file has to say it.
    if snapshot.is_loaded() || snapshot.boot_id().is_some() {
        let boot_id = snapshot.boot_id().map(CStr::to_bytes).ok_or(Error::OTHER_BOOT)?;
        match sysctl::boot_id(None)? {
            Some(now) if now == boot_id => (),
            Some(_) => return Err(Error::OTHER_BOOT),
            None => return Err(Error::OUT_OF_REACH),
        }
    }
    let mut is_over = false;
    if let Some(id) = sought.id {
        match nsfs::open(id, sought.namespace_type.clone_flag(), sought.inode) {
            Ok(namespace) => return Ok(namespace.into()),
            Err(errno) if errno.is_exhaustion() => return Err(errno.into()),
            // The kernel says so also if this is not permitted.
            Err(errno) => is_over = errno == Errno(libc::ESTALE) && may_open_all()?,
        }
    }
    if snapshot.self_node().is_some_and(|own| target == Target::User(own.index())) {
        if let Some(own) = any(Procfs::open_own_namespace(sought.namespace_type))? {
            if sought.compare(&own)? == Is::Sought {
                return Ok(own.into());
            }
        }
    }
    let mut ways = snapshot.ways_to(target)?;
    if is_over {
        ways.retain(|&way| matches!(way, Way::Pin(index) if is_closed(snapshot.pin(index))));
    }
    if ways.is_empty() {
        return Err(if is_over { Error::ENDED } else { Error::OUT_OF_REACH });
    }
    let procfs = any(Procfs::open(snapshot.proc_path()))?.ok_or(Error::OUT_OF_REACH)?;
    let mut search = Search::new(snapshot, &procfs, sought, ways)?;
    visits::run(&mut search)?;
    match search.found {
        Some(namespace) => Ok(namespace.into()),
        None => Err(if search.is_refused { Error::OUT_OF_REACH } else { Error::ENDED }),
    }
}

/// Whether a pin keeps even a namespace that is not in use. Nobody can open a namespace through it.
fn is_closed(pin: Pin) -> bool {
    matches!(
        pin,
        Pin::Socket { .. } | Pin::Credentials { .. } | Pin::Peer { .. } | Pin::FileSystem { .. } | Pin::Pidfd { .. }
    )
}

/// Converts an error to `None`, except for exhaustion.
fn any<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Err(error) if error.is_exhaustion() => Err(error),
        result => Ok(result.ok()),
    }
}

/// Whether the kernel permits the caller to open any namespace that is in use: `may_see_all_namespaces()` of Linux 6.19.14 and,
/// stricter than that, before.
fn may_open_all() -> Result<bool, Error> {
    let is_in = |namespace_type, initial| {
        let own = any(Procfs::open_own_namespace(namespace_type))?;
        Ok::<bool, Error>(own.is_some_and(|own| file::identity(&own).is_ok_and(|own| own.inode == initial)))
    };
    Ok(process::has(Capability::SysAdmin)
        && is_in(NamespaceType::User, INITIAL_USER_NAMESPACE)?
        && is_in(NamespaceType::Pid, INITIAL_PID_NAMESPACE)?)
}

impl Sought {
    fn compare(&self, namespace: &Fd) -> Result<Is, Error> {
        match if_any(file::identity(namespace))? {
            Some(identity) if identity.inode == self.inode => (),
            Some(_) => return Ok(Is::Another),
            None => return Ok(Is::Unknown), // a security policy refuses fstat(2)
        }
        match nsfs::id(namespace) {
            Ok(id) if self.id == Some(id) => Ok(Is::Sought),
            Ok(_) if self.id.is_some() => Ok(Is::Another),
            // The scan could not open it. The initial one never ends.
            Ok(_) if self.inode == INITIAL_USER_NAMESPACE => Ok(Is::Sought),
            Err(Errno(libc::ENOTTY)) => self.compare_relations(namespace),
            Err(errno) if errno.is_exhaustion() => Err(errno.into()),
            _ => Ok(Is::Unknown),
        }
    }

    /// Without ids, before Linux 6.18: the inode number is the same. The kernel can have reused it for a namespace with the
    /// same relations.
    fn compare_relations(&self, namespace: &Fd) -> Result<Is, Error> {
        let differs = |known: Option<u64>, now: Option<u64>| known.is_some() && now.is_some() && known != now;
        let flag = if_any(nsfs::namespace_type(namespace))?;
        let owner_uid = if_any(nsfs::owner(namespace))?;
        let parent = nsfs::inode_if_any(nsfs::parent(namespace))?;
        let owner = nsfs::inode_if_any(nsfs::owning_user_namespace(namespace))?;
        let is_another = flag.is_some_and(|flag| flag != self.namespace_type.clone_flag())
            || differs(self.owner_uid.map(u64::from), owner_uid.map(u64::from))
            || differs(self.parent, parent)
            || differs(self.owner, owner);
        Ok(if is_another { Is::Another } else { Is::Sought })
    }
}

/// Tries the ways to a namespace.
struct Search<'s> {
    snapshot: &'s Snapshot,
    procfs: &'s Procfs,
    sought: &'s Sought,
    ways: Vec<Way>,
    /// The device of all namespaces; `None` if none could be opened.
    device: Option<u64>,
    own_pid: Option<u64>,
    /// The caller's own namespace of the sought type, if it is known. It sees none above.
    top: Option<Identity>,
    lookup: Lookup,
    start: Start,
    found: Option<Fd>,
    /// The namespace can still be there: a way could not be tried.
    is_refused: bool,
}

impl<'s> Search<'s> {
    fn new(snapshot: &'s Snapshot, procfs: &'s Procfs, sought: &'s Sought, ways: Vec<Way>) -> Result<Self, Error> {
        let mut text = [0; 16];
        let link = procfs.read_link(procfs.root(), c"self", &mut text).ok();
        let own = any(Procfs::open_own_namespace(sought.namespace_type))?;
        let top = own.and_then(|own| file::identity(&own).ok());
        let device = match top {
            Some(own) => Some(own.device),
            // It can name the device of any file.
            None if snapshot.is_loaded() => None,
            None => snapshot.nodes().map(|node| node.device()).find(|&device| device != 0),
        };
        Ok(Search {
            snapshot,
            procfs,
            sought,
            ways,
            device,
            own_pid: link.and_then(parse::number),
            top,
            lookup: Lookup::default(),
            start: Start::now(),
            found: None,
            is_refused: false,
        })
    }

    /// The process that a way leads through; 0 for none.
    fn pid(&self, way: Way) -> i32 {
        match way {
            Way::Member(pid) => pid,
            Way::Pin(index) => self.snapshot.pin(index).pid().unwrap_or(0),
        }
    }

    /// Opens what a way leads to. EACCES: this way is closed. ENOENT, ESRCH: it has gone.
    fn open(&mut self, way: Way) -> Result<Fd, Errno> {
        let (procfs, Some(device)) = (self.procfs, self.device) else { return Err(Errno(libc::EACCES)) };
        let index = match way {
            Way::Member(pid) => {
                let path = ShortPath::new(format_args!("{pid}/ns/user"));
                return procfs.open_namespace(procfs.root(), path.as_c_str(), Some(device));
            }
            Way::Pin(index) => index,
        };
        let (namespace_type, inode) = self.snapshot.pinned(index);
        let reference = match self.snapshot.pin(index) {
            Pin::Member { pid, tid } => Reference::Link { pid, tid, name: namespace_type.name() },
            Pin::ForChildren { pid, tid } => {
                let is_pid = namespace_type == NamespaceType::Pid;
                let name = if is_pid { c"pid_for_children" } else { c"time_for_children" };
                Reference::Link { pid, tid, name }
            }
            Pin::Descriptor { pid, tid, number } => Reference::Descriptor { pid, tid, number },
            Pin::Mount { pid: pid @ 1.., path, .. } => Reference::Mount { pid, path: path.to_bytes() },
            _ => match self.pid(way) {
                0 => return Err(Errno(libc::EACCES)),
                pid => {
                    let process = ShortPath::new(format_args!("{pid}"));
                    procfs.find_directory(procfs.root(), process.as_c_str())?;
                    return Err(Errno(libc::EACCES));
                }
            },
        };
        reference.open(procfs, &mut self.lookup, Identity { device, inode })
    }

    fn is_top(&self, namespace: &Fd) -> bool {
        file::identity(namespace).is_ok_and(|identity| self.top == Some(identity))
    }

    fn refuse(&mut self) -> Result<(), Error> {
        self.is_refused = true;
        Ok(())
    }

    /// Goes up from what was opened to the sought namespace.
    fn ascend(&mut self, mut namespace: Fd) -> Result<(), Error> {
        // Chains of namespaces end: the kernel limits both kinds of nesting to 33 levels.
        loop {
            match self.sought.compare(&namespace)? {
                Is::Sought => {
                    self.found = Some(namespace);
                    return Ok(());
                }
                Is::Unknown => return self.refuse(),
                Is::Another => (),
            }
            let above = match self.sought.namespace_type {
                NamespaceType::User => nsfs::owning_user_namespace(&namespace), // of a user namespace: its parent
                NamespaceType::Pid => nsfs::parent(&namespace),
                _ => return Ok(()),
            };
            namespace = match Answer::of(above)? {
                Answer::Is(above) => above,
                // Nothing above the caller's own one is visible. Elsewhere, the sought one can be what is not.
                Answer::Refused(Errno(libc::EPERM)) if self.is_top(&namespace) => return Ok(()),
                _ => return self.refuse(),
            };
        }
    }

    /// Whether the procfs hides a process that has not ended, see `hidepid` in proc(5). In a procfs of another PID namespace,
    /// the PID can be that of another process.
    fn hides(&self, pid: i32) -> Result<bool, Error> {
        let name = ShortPath::new(format_args!("{pid}/task"));
        let shown = Answer::of(self.procfs.find_directory(self.procfs.root(), name.as_c_str()))?;
        Ok(matches!(shown, Answer::Gone) && pid > 0 && !matches!(Answer::of(pidfd::open(pid, false))?, Answer::Gone))
    }
}

impl Visits for Search<'_> {
    fn procfs(&self) -> &Procfs {
        self.procfs
    }

    fn count(&self) -> usize {
        if self.found.is_some() { 0 } else { self.ways.len() }
    }

    fn is_to_caller(&self, index: usize) -> bool {
        u64::try_from(self.pid(self.ways[index])).ok().filter(|&pid| pid != 0) == self.own_pid
    }

    fn visit(&mut self, index: usize) -> Result<(), Error> {
        let way = self.ways[index];
        if self.start.elapsed_microseconds() > MOST_TIME {
            return self.give_up(index);
        }
        match Answer::settle(|| self.open(way))? {
            Answer::Is(namespace) => self.ascend(namespace)?,
            Answer::Gone => self.is_refused |= self.hides(self.pid(way))?,
            Answer::Refused(_) => self.is_refused = true,
        }
        Ok(())
    }

    fn give_up(&mut self, _: usize) -> Result<(), Error> {
        self.refuse()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::facts::{Facts, UserNamespace};

    fn snapshot_of(boot_id: &[u8]) -> Snapshot {
        let initial = UserNamespace { inode: INITIAL_USER_NAMESPACE, ..UserNamespace::default() };
        let mut facts = Facts { users: vec![initial], ..Facts::default() };
        facts.boot_id = Some(facts.text.add(boot_id).unwrap());
        Snapshot::assemble(facts).unwrap()
    }

    #[test]
    #[cfg_attr(miri, ignore = "makes system calls")]
    fn a_snapshot_of_another_boot_opens_nothing() {
        let snapshot = snapshot_of(b"00000000-0000-0000-0000-000000000000");
        assert_eq!(snapshot.root().unwrap().open().unwrap_err(), Error::OTHER_BOOT);
        // Of this boot, but nothing leads to it.
        if let Some(now) = sysctl::boot_id(None).unwrap() {
            let snapshot = snapshot_of(now);
            assert_eq!(snapshot.root().unwrap().open().unwrap_err(), Error::OUT_OF_REACH);
        }
        // It can be of any machine.
        let initial = UserNamespace { inode: INITIAL_USER_NAMESPACE, ..UserNamespace::default() };
        let facts = Facts { users: vec![initial], own: Some(0), loaded: true, ..Facts::default() };
        let loaded = Snapshot::assemble(facts).unwrap();
        assert_eq!(loaded.root().unwrap().open().unwrap_err(), Error::OTHER_BOOT);
    }
}
