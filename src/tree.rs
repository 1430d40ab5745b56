//! From observations to an immutable snapshot. Nothing here asks the kernel.

mod pins;

pub use pins::{OtherNamespace, Pin};

use crate::arrays::{Groups, numbers, reserved, sort_by_number, zeros};
use crate::error::Error;
use crate::observe::{Gaps, Member, Missed, Namespace, Observations, Source};
use pins::Pins;
use std::collections::TryReserveError;
use std::ffi::CStr;
use std::fmt;
use std::ops::Range;

/// The tree of user namespaces as one scan saw it. It never changes.
///
/// ```
/// let snapshot = userns::scan()?;
/// for node in snapshot.nodes() {
///     println!("{:indent$}{} {:?}", "", node.inode(), node.pids(), indent = 4 * node.depth() as usize);
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Debug)]
pub struct Snapshot {
    /// Depth first, so that a subtree is one range.
    entries: Vec<Entry>,
    roots: Vec<u32>,
    /// The children of one node after those of another.
    children: Vec<u32>,
    /// The members of one node after those of another.
    pids: Vec<i32>,
    /// For each of `pids`, where the name of that process begins in `text`; empty if the scan did not read names.
    names: Vec<u32>,
    /// Paths and names, each ended by a NUL byte.
    text: Vec<u8>,
    pins: Pins,
    /// Ascending by inode number.
    by_inode: Vec<u32>,
    /// Ascending by id, without those that have none.
    by_id: Vec<u32>,
    /// Ascending by PID.
    by_pid: Vec<Member>,
    own: Option<u32>,
    gaps: Gaps,
    unreadable: usize,
    missed: Missed,
    source: Source,
    source_error: Option<Error>,
}

#[derive(Debug)]
struct Entry {
    /// `parent` counts in `entries` here.
    facts: Namespace,
    depth: u32,
    /// The node after its last descendant.
    end: u32,
    children: Range<u32>,
    pids: Range<u32>,
    /// Neither it nor a descendant has a member.
    deserted: bool,
    /// It or a descendant is held by a pin.
    pinned: bool,
}

/// One user namespace of a [`Snapshot`].
///
/// ```
/// let snapshot = userns::scan()?;
/// // A path from the namespace of this process up to where no more is to be seen.
/// let mut next = snapshot.own();
/// while let Some(node) = next {
///     println!("{node:?}");
///     next = node.parent();
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy)]
pub struct Node<'s> {
    snapshot: &'s Snapshot,
    index: u32,
}

impl Snapshot {
    /// The initial user namespace where it is visible, else the caller's own, else the first root.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// assert_eq!(snapshot.root(), snapshot.nodes().next());
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn root(&self) -> Option<Node<'_>> {
        self.roots().next()
    }

    /// The namespaces without a visible parent: the initial one, the caller's own, then in the order of siblings.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// assert!(snapshot.roots().all(|root| root.is_initial() || root.is_parent_hidden()));
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn roots(&self) -> impl ExactSizeIterator<Item = Node<'_>> {
        self.roots.iter().map(|&index| self.node(index))
    }

    /// All namespaces, depth first. Siblings come in the order of the smallest PID, compared as text, in their
    /// subtrees; those without any process come last, by inode number.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// let processes: usize = snapshot.nodes().map(|node| node.pids().len()).sum();
    /// println!("{processes} processes in {} user namespaces", snapshot.nodes().len());
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> {
        (0..self.entries.len() as u32).map(|index| self.node(index))
    }

    /// The namespace that the scanning process is in; `None` where the kernel did not tell.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// match snapshot.own() {
    ///     Some(own) => println!("this process is in user namespace {}", own.inode()),
    ///     None => println!("the kernel does not tell where this process is"),
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn own(&self) -> Option<Node<'_>> {
        self.own.map(|index| self.node(index))
    }

    /// The namespace with this inode number.
    ///
    /// ```
    /// use std::os::unix::fs::MetadataExt;
    ///
    /// let inode = std::fs::metadata("/proc/self/ns/user").expect("a file of every process").ino();
    /// let snapshot = userns::scan()?;
    /// assert_eq!(snapshot.find(inode), snapshot.own());
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn find(&self, inode: u64) -> Option<Node<'_>> {
        let at = self.by_inode.binary_search_by_key(&inode, |&index| self.facts(index).inode).ok()?;
        Some(self.node(self.by_inode[at]))
    }

    /// The namespace with this 64-bit id.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// for node in snapshot.nodes() {
    ///     // An id is known from Linux 6.18 on.
    ///     assert_eq!(node.id().and_then(|id| snapshot.find_id(id)), node.id().map(|_| node));
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn find_id(&self, id: u64) -> Option<Node<'_>> {
        let at = self.by_id.binary_search_by_key(&id, |&index| self.facts(index).id).ok()?;
        Some(self.node(self.by_id[at]))
    }

    /// The namespace that a process is in, by the PID that the scanned procfs shows.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// match snapshot.find_pid(1) {
    ///     Some(node) => println!("process 1 is in user namespace {}", node.inode()),
    ///     None => println!("process 1 may not be read"),
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn find_pid(&self, pid: i32) -> Option<Node<'_>> {
        let at = self.by_pid.binary_search_by_key(&pid, |member| member.pid).ok()?;
        Some(self.node(self.by_pid[at].namespace))
    }

    /// Why the scan may not have seen everything.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// if snapshot.gaps().hidepid {
    ///     eprintln!("processes may be hidden");
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn gaps(&self) -> Gaps {
        self.gaps
    }

    /// How many processes were seen but could not be read.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// assert_eq!(snapshot.unreadable() > 0, snapshot.gaps().unreadable);
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn unreadable(&self) -> usize {
        self.unreadable
    }

    /// Where the scan read which processes there are, and the namespace of each.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// assert_eq!(snapshot.source(), userns::Source::Procfs);
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn source(&self) -> Source {
        self.source
    }

    /// Why that is procfs although the scan was allowed to use [BPF](crate::Options::bpf).
    ///
    /// ```
    /// let snapshot = userns::Options::new().bpf().scan()?;
    /// assert_eq!(snapshot.source_error().is_some(), snapshot.source() == userns::Source::Procfs);
    /// assert_eq!(userns::scan()?.source_error(), None);
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn source_error(&self) -> Option<Error> {
        self.source_error
    }

    /// How many processes have descriptors that the scan wanted to see but could not read.
    ///
    /// ```
    /// let snapshot = userns::Options::new().pinned().scan()?;
    /// assert!(snapshot.unreadable_descriptors() >= snapshot.unreadable());
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn unreadable_descriptors(&self) -> usize {
        self.missed.descriptors
    }

    /// How many processes have mounts that the scan wanted to see but could not read, and in how many mount namespaces
    /// all processes are locked up below some directory (chroot(2)), so that none shows all mounts.
    ///
    /// ```
    /// let snapshot = userns::Options::new().pinned().scan()?;
    /// if snapshot.unreadable_mounts() > 0 {
    ///     assert!(snapshot.gaps().mounts);
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn unreadable_mounts(&self) -> usize {
        self.missed.mounts
    }

    /// How many mounts of namespaces the scan saw but could not open. No more than the inode number is known of these,
    /// unless they were met elsewhere.
    ///
    /// ```
    /// let snapshot = userns::Options::new().pinned().scan()?;
    /// if snapshot.unopened_mounts() > 0 {
    ///     assert!(snapshot.gaps().mounts);
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn unopened_mounts(&self) -> usize {
        self.missed.unopened_mounts
    }

    /// All namespaces of other types than user: those of one owner after those of another, by type and inode number,
    /// then those whose owner is out of sight.
    ///
    /// ```
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// let networks = snapshot.other_namespaces().filter(|other| other.kind() == userns::Kind::Net);
    /// println!("{} network namespaces", networks.count());
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn other_namespaces(&self) -> impl ExactSizeIterator<Item = OtherNamespace<'_>> {
        (0..self.other_count() as u32).map(|index| self.other(index))
    }

    pub(crate) fn node(&self, index: u32) -> Node<'_> {
        Node { snapshot: self, index }
    }

    /// The names of the members of one node after those of another; none if names were not read.
    pub(crate) fn names(&self) -> impl ExactSizeIterator<Item = &CStr> {
        self.names.iter().map(|&at| pins::string(&self.text, at))
    }

    pub(crate) fn child_indices(&self) -> &[u32] {
        &self.children
    }

    fn facts(&self, index: u32) -> &Namespace {
        &self.entries[index as usize].facts
    }
}

impl<'s> Node<'s> {
    /// The inode number. It is used again once the namespace has ended.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// assert!(snapshot.nodes().all(|node| snapshot.find(node.inode()) == Some(node)));
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn inode(&self) -> u64 {
        self.entry().facts.inode
    }

    /// The device number of nsfs, to which all namespaces belong.
    ///
    /// ```
    /// use std::os::unix::fs::MetadataExt;
    ///
    /// let device = std::fs::metadata("/proc/self/ns/user").expect("a file of every process").dev();
    /// assert!(userns::scan()?.own().is_none_or(|own| own.device() == device));
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn device(&self) -> u64 {
        self.entry().facts.device
    }

    /// The kernel's 64-bit id, which is never used again (Linux 6.18).
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// match snapshot.root().and_then(|root| root.id()) {
    ///     Some(id) => println!("the tree begins with the namespace with id {id}"),
    ///     None => println!("this kernel is older than Linux 6.18"),
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn id(&self) -> Option<u64> {
        Some(self.entry().facts.id).filter(|&id| id != 0)
    }

    /// Whether this is the initial user namespace.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// let initial = snapshot.nodes().find(|node| node.is_initial());
    /// assert!(initial.is_none_or(|node| Some(node) == snapshot.root()));
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn is_initial(&self) -> bool {
        self.entry().facts.is_initial()
    }

    /// Whether there is a parent that the scan could not see.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// if snapshot.own().is_some_and(|own| own.is_parent_hidden()) {
    ///     println!("this process is in a user namespace, and cannot see the one in which that was made");
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn is_parent_hidden(&self) -> bool {
        self.parent().is_none() && !self.is_initial()
    }

    /// How many visible ancestors there are.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// for node in snapshot.nodes() {
    ///     assert_eq!(node.depth(), node.parent().map_or(0, |parent| parent.depth() + 1));
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn depth(&self) -> u32 {
        self.entry().depth
    }

    /// The UID that made the namespace, as the caller's own namespace numbers it; `None` where that is unknown.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// for node in snapshot.nodes() {
    ///     match node.owner() {
    ///         Some(uid) => println!("{} was made by UID {uid}", node.inode()),
    ///         None => println!("who made {} is not known", node.inode()),
    ///     }
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn owner(&self) -> Option<u32> {
        self.entry().facts.owner
    }

    /// The namespace in which this one was made.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// for child in snapshot.nodes().filter_map(|node| node.children().next()) {
    ///     let parent = child.parent().expect("a child has a parent");
    ///     assert!(parent.is_ancestor_of(child));
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn parent(&self) -> Option<Node<'s>> {
        self.entry().facts.parent.map(|index| self.snapshot.node(index))
    }

    /// The namespaces made in this one, in the order of [`Snapshot::nodes`].
    ///
    /// ```
    /// fn show(node: userns::Node) {
    ///     println!("{:indent$}{}", "", node.inode(), indent = 4 * node.depth() as usize);
    ///     node.children().for_each(show);
    /// }
    ///
    /// userns::scan()?.roots().for_each(show);
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn children(&self) -> impl ExactSizeIterator<Item = Node<'s>> + use<'s> {
        let snapshot = self.snapshot;
        snapshot.children[self.child_range()].iter().map(|&index| snapshot.node(index))
    }

    /// The processes in the namespace, ascending.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// for node in snapshot.nodes() {
    ///     assert!(node.pids().is_sorted());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn pids(&self) -> &'s [i32] {
        &self.snapshot.pids[self.pid_range()]
    }

    /// The command names of the processes in the namespace, in the order of [`Node::pids`], see proc_pid_comm(5);
    /// empty unless the scan was to read [names](crate::Options::names). That of a process that has gone is empty.
    ///
    /// ```
    /// let snapshot = userns::Options::new().names().scan()?;
    /// for node in snapshot.nodes() {
    ///     for (pid, name) in node.pids().iter().zip(node.names()) {
    ///         println!("{pid} {}", name.to_string_lossy().escape_debug());
    ///     }
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn names(&self) -> impl ExactSizeIterator<Item = &'s CStr> + use<'s> {
        let Snapshot { text, names, .. } = self.snapshot;
        names.get(self.pid_range()).unwrap_or_default().iter().map(|&at| pins::string(text, at))
    }

    /// Whether no process lives in it.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// for node in snapshot.nodes().filter(|node| node.is_empty()) {
    ///     println!("nobody lives in {}, only below it: {}", node.inode(), node.children().len());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn is_empty(&self) -> bool {
        self.entry().pids.is_empty()
    }

    /// Whether the scan knows it only through [pins](Node::pins): no process lives in it or in a descendant.
    ///
    /// ```
    /// // A plain scan looks for no pins.
    /// assert!(!userns::scan()?.nodes().any(|node| node.is_known_by_pin()));
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn is_known_by_pin(&self) -> bool {
        self.entry().deserted && self.entry().pinned
    }

    /// Where in [`Snapshot::names`] those of its members are.
    pub(crate) fn pid_range(&self) -> Range<usize> {
        let Range { start, end } = self.entry().pids;
        start as usize..end as usize
    }

    /// Whether this is the parent of `node`, or the parent's parent, and so on.
    ///
    /// ```
    /// let snapshot = userns::scan()?;
    /// for node in snapshot.nodes() {
    ///     let below = snapshot.nodes().filter(|other| node.is_ancestor_of(*other));
    ///     println!("{} namespaces are below {}", below.count(), node.inode());
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn is_ancestor_of(&self, node: Node<'_>) -> bool {
        std::ptr::eq(self.snapshot, node.snapshot) && self.index < node.index && node.index < self.entry().end
    }

    pub(crate) fn index(&self) -> u32 {
        self.index
    }

    /// Where in [`Snapshot::child_indices`] its children are.
    pub(crate) fn child_range(&self) -> Range<usize> {
        let Range { start, end } = self.entry().children;
        start as usize..end as usize
    }

    fn entry(&self) -> &'s Entry {
        &self.snapshot.entries[self.index as usize]
    }
}

impl PartialEq for Node<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.snapshot, other.snapshot) && self.index == other.index
    }
}

impl Eq for Node<'_> {}

impl fmt::Debug for Node<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node")
            .field("inode", &self.inode())
            .field("id", &self.id())
            .field("owner", &self.owner())
            .field("parent", &self.parent().map(|parent| parent.inode()))
            .field("pids", &self.pids())
            .finish()
    }
}

impl Snapshot {
    /// Puts a tree together, in time that grows as the observations do.
    pub(crate) fn assemble(observed: Observations) -> Result<Snapshot, Error> {
        let Observations { namespaces, mut members, own, gaps, unreadable, .. } = observed;
        let Observations { others, holds, text, missed, source, source_error, .. } = observed;
        sort_by_number(&mut members, |member| member.pid as u64)?;
        let order = sibling_order(&namespaces, &members, own)?;
        let parent_of = |index: u32| namespaces[index as usize].parent;
        let mut children = Groups::new(namespaces.len(), &order, |&index| Some((parent_of(index)?, index)))?;
        let pids = Groups::new(namespaces.len(), &members, |member| Some((member.namespace, member.pid)))?;
        let named = if observed.named { &members[..] } else { &[] };
        let names = Groups::new(namespaces.len(), named, |member| Some((member.namespace, member.name)))?.items;
        let mut roots = order;
        roots.retain(|&index| parent_of(index).is_none());

        // Until here namespaces are numbered as they were observed, from here on depth first.
        let (mut entries, place) = lay_out(&namespaces, &roots, &children, &pids)?;
        let renumber = |index: &mut u32| *index = place[*index as usize];
        roots.iter_mut().for_each(renumber);
        children.items.iter_mut().for_each(renumber);
        members.iter_mut().for_each(|member| renumber(&mut member.namespace));

        let pins = Pins::assemble(&others, &holds, &text, &place)?;
        spread(&mut entries, &pins);

        let mut by_inode = numbers(entries.len())?;
        sort_by_number(&mut by_inode, |&index| entries[index as usize].facts.inode)?;
        let mut by_id = numbers(entries.len())?;
        by_id.retain(|&index| entries[index as usize].facts.id != 0);
        sort_by_number(&mut by_id, |&index| entries[index as usize].facts.id)?;
        Ok(Snapshot {
            entries,
            roots,
            children: children.items,
            pids: pids.items,
            names,
            text,
            pins,
            by_inode,
            by_id,
            by_pid: members,
            own: own.map(|index| place[index as usize]),
            gaps,
            unreadable,
            missed,
            source,
            source_error,
        })
    }
}

/// Where a namespace stands among its siblings, before the inode number; the roots count as siblings of each other.
#[derive(Clone, Copy)]
struct Rank {
    /// Among the roots: the initial namespace, the caller's own, the others.
    root: u64,
    /// The smallest of `name_orders` of a PID in its subtree, `u64::MAX` without any.
    name: u64,
}

/// All namespaces, in an order that puts those with the same parent into the order of siblings.
fn sibling_order(namespaces: &[Namespace], members: &[Member], own: Option<u32>) -> Result<Vec<u32>, TryReserveError> {
    let mut ranks = reserved(namespaces.len())?;
    ranks.extend((0..).zip(namespaces).map(|(index, namespace)| {
        let root = match namespace.parent {
            None if !namespace.is_initial() => 2 - u64::from(own == Some(index)),
            _ => 0,
        };
        Rank { root, name: u64::MAX }
    }));
    for (namespace, name) in name_orders(members) {
        let mut next = Some(namespace);
        while let Some(index) = next.filter(|&index| name < ranks[index as usize].name) {
            ranks[index as usize].name = name;
            next = namespaces[index as usize].parent;
        }
    }
    let mut order = numbers(namespaces.len())?;
    // By the least important first.
    sort_by_number(&mut order, |&index| namespaces[index as usize].inode)?;
    sort_by_number(&mut order, |&index| ranks[index as usize].name)?;
    sort_by_number(&mut order, |&index| ranks[index as usize].root)?;
    Ok(order)
}

/// The namespace of each member, with a number that orders PIDs as their decimal digits order as text: 1, 10, 100, 11, 2.
/// The PIDs come in ascending order.
fn name_orders(members: &[Member]) -> impl Iterator<Item = (u32, u64)> + '_ {
    // A PID has ten digits at most.
    let (mut shorter, mut next_longer, mut scale) = (0, 10, 10_u64.pow(10));
    members.iter().map(move |member| {
        let pid = u64::from(member.pid.unsigned_abs());
        while pid >= next_longer {
            (shorter, next_longer, scale) = (shorter + 1, next_longer * 10, scale / 10);
        }
        // Aligned to the left, a shorter number equals a longer one that goes on in zeros; it comes before that.
        (member.namespace, pid * scale + shorter)
    })
}

/// Numbers the namespaces depth first; also says, for each old number, the new one.
fn lay_out(
    namespaces: &[Namespace],
    roots: &[u32],
    children: &Groups<u32>,
    pids: &Groups<i32>,
) -> Result<(Vec<Entry>, Vec<u32>), TryReserveError> {
    let mut entries: Vec<Entry> = reserved(namespaces.len())?;
    let mut place = zeros(namespaces.len())?;
    let mut waiting: Vec<u32> = reserved(namespaces.len())?;
    waiting.extend(roots.iter().rev());
    while let Some(old) = waiting.pop() {
        let mut facts = namespaces[old as usize];
        facts.parent = facts.parent.map(|parent| place[parent as usize]);
        let depth = facts.parent.map_or(0, |parent| entries[parent as usize].depth + 1);
        let new = entries.len() as u32;
        place[old as usize] = new;
        let range = children.range(old);
        waiting.extend(children.items[range.start as usize..range.end as usize].iter().rev());
        let pids = pids.range(old);
        let deserted = pids.is_empty();
        entries.push(Entry { facts, depth, end: new + 1, children: range, pids, deserted, pinned: false });
    }
    debug_assert_eq!(entries.len(), namespaces.len(), "every chain of parents ends at a root");
    Ok((entries, place))
}

/// Makes every node know what its descendants say of it.
fn spread(entries: &mut [Entry], pins: &Pins) {
    for index in (0..entries.len()).rev() {
        entries[index].pinned |= pins.hold(index as u32);
        let Entry { facts, end, deserted, pinned, .. } = entries[index];
        if let Some(parent) = facts.parent {
            let parent = &mut entries[parent as usize];
            parent.end = parent.end.max(end);
            parent.deserted &= deserted;
            parent.pinned |= pinned;
        }
    }
}

#[cfg(test)]
mod tests;
