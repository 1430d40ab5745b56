//! What keeps namespaces alive besides members and children, put in order.

use super::{Node, Snapshot};
use crate::arrays::{numbers, reserved, starts, zeros};
use crate::observe::{Hold, Holder, Kind, Other, Target};
use std::cmp::Ordering;
use std::collections::TryReserveError;
use std::ffi::CStr;
use std::fmt;
use std::ops::Range;

/// Something that keeps a namespace alive.
///
/// ```
/// use userns::Pin;
///
/// let snapshot = userns::Options::new().pinned().scan()?;
/// for pin in snapshot.nodes().flat_map(|node| node.pins()) {
///     match pin {
///         Pin::Descriptor { pid, tid, number } => println!("/proc/{pid}/task/{tid}/fd/{number}"),
///         Pin::Mount { pid, path } => println!("/proc/{pid}/root{}", path.to_string_lossy().escape_debug()),
///         Pin::Owned(other) => println!("{other:?}"),
///         _ => {}
///     }
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[non_exhaustive]
pub enum Pin<'s> {
    /// A thread is in it; this pins namespaces of other types than user.
    Process {
        /// The process.
        pid: i32,
        /// Its thread; equal to `pid` for the first one.
        tid: i32,
    },
    /// A thread is elsewhere, but its children would be in it; this pins PID and time namespaces.
    Parent {
        /// The process.
        pid: i32,
        /// Its thread; equal to `pid` for the first one.
        tid: i32,
    },
    /// A descriptor is open, which is `/proc/PID/task/TID/fd/NUMBER`.
    Descriptor {
        /// The process.
        pid: i32,
        /// The thread in whose descriptor table it is; equal to `pid` unless that thread has a table of its own.
        tid: i32,
        /// The number of the descriptor.
        number: i32,
    },
    /// It is mounted.
    Mount {
        /// A process that sees the mount.
        pid: i32,
        /// The path, from that process's root directory.
        path: &'s CStr,
    },
    /// A socket in the network namespace is open, which is `/proc/PID/task/TID/fd/NUMBER`.
    Socket {
        /// The process.
        pid: i32,
        /// The thread in whose descriptor table it is; equal to `pid` unless that thread has a table of its own.
        tid: i32,
        /// The number of the descriptor.
        number: i32,
    },
    /// A namespace of another type that it owns.
    Owned(OtherNamespace<'s>),
    /// A namespace below it, of a type other than user that nests.
    Child(OtherNamespace<'s>),
}

/// A namespace of another type than user, in a [`Snapshot`].
///
/// ```
/// let snapshot = userns::Options::new().owned().scan()?;
/// for other in snapshot.other_namespaces() {
///     println!("{other:?} has {} members", other.member_count());
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct OtherNamespace<'s> {
    snapshot: &'s Snapshot,
    index: u32,
}

/// A pin as a snapshot keeps it.
#[derive(Clone, Copy, Debug)]
enum Kept {
    Held(Holder),
    Owned(u32),
    Child(u32),
}

#[derive(Debug)]
struct Entry {
    /// `owner` and `parent` count as in the snapshot.
    facts: Other,
    members: u32,
}

/// The namespaces of other types, and what holds them and the nodes.
#[derive(Debug, Default)]
pub struct Pins {
    /// By owner, type and inode number.
    others: Vec<Entry>,
    /// Where those begin that a node owns, and where those of the last node end.
    owned: Vec<u32>,
    /// The pins of one node after those of another, then those of one of `others` after those of another.
    kept: Vec<Kept>,
    /// Where the pins of each begin, and where the last ones end.
    starts: Vec<u32>,
}

impl Pins {
    /// Puts in order what was found. `place` says which node an observed user namespace has become.
    pub(super) fn assemble(
        others: &[Other],
        holds: &[Hold],
        text: &[u8],
        place: &[u32],
    ) -> Result<Pins, TryReserveError> {
        let (others, other_place) = arrange(others, place)?;
        let nodes = place.len() as u32;
        let mut kept: Vec<(u32, Kept)> = reserved(holds.len() + 2 * others.len())?;
        kept.extend(holds.iter().map(|hold| {
            let target = match hold.target {
                Target::User(index) => place[index as usize],
                Target::Other(index) => nodes + other_place[index as usize],
            };
            (target, Kept::Held(hold.holder))
        }));
        for (index, other) in (0..).zip(&others) {
            kept.extend(other.facts.owner.map(|owner| (owner, Kept::Owned(index))));
            kept.extend(other.facts.parent.map(|parent| (nodes + parent, Kept::Child(index))));
        }
        kept.sort_unstable_by(|(a_of, a), (b_of, b)| a_of.cmp(b_of).then_with(|| compare(a, b, text)));
        let starts = starts(nodes as usize + others.len(), kept.iter().map(|&(of, _)| of))?;
        let owned = starts_of_owned(nodes, &others)?;
        let mut pins = Pins { others, owned, kept: reserved(kept.len())?, starts };
        pins.kept.extend(kept.into_iter().map(|(_, pin)| pin));
        pins.count_members(nodes);
        Ok(pins)
    }

    fn count_members(&mut self, nodes: u32) {
        for index in 0..self.others.len() as u32 {
            let (mut members, mut last) = (0, None);
            for pin in &self.kept[self.range(nodes + index)] {
                // In order of PID, so that the threads of a process follow each other.
                if let Kept::Held(Holder::Process { pid, .. }) = *pin {
                    members += u32::from(last != Some(pid));
                    last = Some(pid);
                }
            }
            self.others[index as usize].members = members;
        }
    }

    fn range(&self, group: u32) -> Range<usize> {
        match self.starts.get(group as usize..group as usize + 2) {
            Some(bounds) => bounds[0] as usize..bounds[1] as usize,
            None => 0..0, // nothing of this kind was looked for
        }
    }

    /// Whether any pin holds a node.
    pub(super) fn hold(&self, node: u32) -> bool {
        !self.range(node).is_empty()
    }
}

/// Sorts by owner, type and inode number, those whose owner is out of sight last; also says, for each old number, the
/// new one.
fn arrange(others: &[Other], place: &[u32]) -> Result<(Vec<Entry>, Vec<u32>), TryReserveError> {
    let mut order = numbers(others.len())?;
    let owner_of = |other: &Other| other.owner.map(|owner| place[owner as usize]);
    order.sort_unstable_by_key(|&index| {
        let other = &others[index as usize];
        (other.owner.is_none(), owner_of(other), other.kind, other.inode)
    });
    let mut new = zeros(others.len())?;
    for (index, &old) in (0..).zip(&order) {
        new[old as usize] = index;
    }
    let mut entries = reserved(order.len())?;
    entries.extend(order.iter().map(|&old| {
        let other = &others[old as usize];
        let parent = other.parent.map(|parent| new[parent as usize]);
        Entry { facts: Other { owner: owner_of(other), parent, ..*other }, members: 0 }
    }));
    Ok((entries, new))
}

fn starts_of_owned(nodes: u32, others: &[Entry]) -> Result<Vec<u32>, TryReserveError> {
    starts(nodes as usize, others.iter().filter_map(|other| other.facts.owner))
}

/// The order of the pins of one namespace: by kind as [`Pin`] lists them, then by numbers or paths.
fn compare(a: &Kept, b: &Kept, text: &[u8]) -> Ordering {
    let rank = |pin: &Kept| match pin {
        Kept::Held(Holder::Process { .. }) => 0,
        Kept::Held(Holder::Parent { .. }) => 1,
        Kept::Held(Holder::Descriptor { .. }) => 2,
        Kept::Held(Holder::Mount { .. }) => 3,
        Kept::Held(Holder::Socket { .. }) => 4,
        Kept::Owned(_) => 5,
        Kept::Child(_) => 6,
    };
    match (a, b) {
        (&Kept::Held(Holder::Mount { pid: a, path: p }), &Kept::Held(Holder::Mount { pid: b, path: q })) => {
            string(text, p).cmp(string(text, q)).then(a.cmp(&b))
        }
        (Kept::Held(a), Kept::Held(b)) if rank_is_equal(a, b) => a.cmp(b),
        (Kept::Owned(a), Kept::Owned(b)) | (Kept::Child(a), Kept::Child(b)) => a.cmp(b),
        _ => rank(a).cmp(&rank(b)),
    }
}

fn rank_is_equal(a: &Holder, b: &Holder) -> bool {
    std::mem::discriminant(a) == std::mem::discriminant(b)
}

/// The string that begins here among strings that end in NUL bytes; empty if there are none at all.
pub(super) fn string(text: &[u8], at: u32) -> &CStr {
    CStr::from_bytes_until_nul(text.get(at as usize..).unwrap_or_default()).unwrap_or_default()
}

impl<'s> Node<'s> {
    /// What keeps the namespace alive besides members and children, in the order of [`Pin`]'s variants and then of
    /// their numbers; empty unless the scan looked for [pins](crate::Options::pinned).
    ///
    /// ```
    /// let snapshot = userns::Options::new().pinned().scan()?;
    /// for node in snapshot.nodes() {
    ///     println!("{} is held by {:?}", node.inode(), node.pins().collect::<Vec<_>>());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn pins(&self) -> impl ExactSizeIterator<Item = Pin<'s>> + use<'s> {
        self.snapshot.pins_in(self.pin_range())
    }

    /// The namespaces of other types that it owns, by type and inode number; empty unless the scan looked for
    /// [them](crate::Options::owned) or for [pins](crate::Options::pinned).
    ///
    /// ```
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// for node in snapshot.nodes() {
    ///     assert!(node.owned().all(|other| other.owner() == Some(node)));
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn owned(&self) -> impl ExactSizeIterator<Item = OtherNamespace<'s>> + use<'s> {
        let snapshot = self.snapshot;
        self.owned_range().map(|index| OtherNamespace { snapshot, index: index as u32 })
    }

    pub(crate) fn pin_range(&self) -> Range<usize> {
        self.snapshot.pins.range(self.index)
    }

    pub(crate) fn owned_range(&self) -> Range<usize> {
        match self.snapshot.pins.owned.get(self.index as usize..self.index as usize + 2) {
            Some(bounds) => bounds[0] as usize..bounds[1] as usize,
            None => 0..0,
        }
    }
}

impl<'s> OtherNamespace<'s> {
    /// The type.
    ///
    /// ```
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// let mounts = snapshot.other_namespaces().filter(|other| other.kind() == userns::Kind::Mnt);
    /// println!("{} mount namespaces", mounts.count());
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn kind(&self) -> Kind {
        self.entry().facts.kind
    }

    /// The inode number. It is used again once the namespace has ended.
    ///
    /// ```
    /// use std::os::unix::fs::MetadataExt;
    ///
    /// let inode = std::fs::metadata("/proc/self/ns/net").expect("a file of every process").ino();
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// let own = snapshot.other_namespaces().find(|other| other.inode() == inode);
    /// println!("{:?}", own.map(|own| own.member_count()));
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn inode(&self) -> u64 {
        self.entry().facts.inode
    }

    /// The kernel's 64-bit id, which is never used again (Linux 6.18).
    ///
    /// ```
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// for other in snapshot.other_namespaces() {
    ///     println!("{other:?} has id {:?}", other.id());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn id(&self) -> Option<u64> {
        Some(self.entry().facts.id).filter(|&id| id != 0)
    }

    /// How many processes have a thread in it.
    ///
    /// ```
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// let largest = snapshot.other_namespaces().max_by_key(|other| other.member_count());
    /// println!("most processes are in {largest:?}");
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn member_count(&self) -> usize {
        self.entry().members as usize
    }

    /// The user namespace that owns it; `None` if that is out of the caller's sight.
    ///
    /// ```
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// for other in snapshot.other_namespaces().filter(|other| other.owner().is_none()) {
    ///     println!("what owns {other:?} is out of sight");
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn owner(&self) -> Option<Node<'s>> {
        self.entry().facts.owner.map(|index| self.snapshot.node(index))
    }

    /// What keeps it alive, in the order of [`Pin`]'s variants and then of their numbers. Without
    /// [`Options::pinned`](crate::Options::pinned), only processes are known.
    ///
    /// ```
    /// use userns::Pin;
    ///
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// for other in snapshot.other_namespaces() {
    ///     let is_process = |pin: &Pin| matches!(pin, Pin::Process { pid, tid } if pid == tid);
    ///     assert!(other.pins().filter(is_process).count() <= other.member_count());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn pins(&self) -> impl ExactSizeIterator<Item = Pin<'s>> + use<'s> {
        self.snapshot.pins_in(self.pin_range())
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    pub(crate) fn pin_range(&self) -> Range<usize> {
        self.snapshot.pins.range(self.snapshot.entries.len() as u32 + self.index)
    }

    fn entry(&self) -> &'s Entry {
        &self.snapshot.pins.others[self.index as usize]
    }
}

impl PartialEq for OtherNamespace<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.snapshot, other.snapshot) && self.index == other.index
    }
}

impl Eq for OtherNamespace<'_> {}

impl fmt::Debug for OtherNamespace<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:[{}]", self.kind().name().to_string_lossy(), self.inode())
    }
}

impl Snapshot {
    pub(crate) fn other_count(&self) -> usize {
        self.pins.others.len()
    }

    pub(crate) fn pin_count(&self) -> usize {
        self.pins.kept.len()
    }

    pub(crate) fn other(&self, index: u32) -> OtherNamespace<'_> {
        OtherNamespace { snapshot: self, index }
    }

    pub(crate) fn pin(&self, index: u32) -> Pin<'_> {
        match self.pins.kept[index as usize] {
            Kept::Held(Holder::Process { pid, tid }) => Pin::Process { pid, tid },
            Kept::Held(Holder::Parent { pid, tid }) => Pin::Parent { pid, tid },
            Kept::Held(Holder::Descriptor { pid, tid, number }) => Pin::Descriptor { pid, tid, number },
            Kept::Held(Holder::Mount { pid, path }) => Pin::Mount { pid, path: string(&self.text, path) },
            Kept::Held(Holder::Socket { pid, tid, number }) => Pin::Socket { pid, tid, number },
            Kept::Owned(index) => Pin::Owned(self.other(index)),
            Kept::Child(index) => Pin::Child(self.other(index)),
        }
    }

    fn pins_in(&self, range: Range<usize>) -> impl ExactSizeIterator<Item = Pin<'_>> {
        range.map(|index| self.pin(index as u32))
    }
}
