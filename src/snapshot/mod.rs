//! From facts to answers: an immutable snapshot. Makes no system calls.

mod assemble;
mod charges;
mod maps;
mod node;
mod nonuser;
mod order;
mod pin;
mod pins;
mod process;
mod ways;

pub use charges::Charge;
pub use node::Node;
pub use nonuser::Nonuser;
pub use pin::Pin;
pub use ways::Way;

use crate::error::Error;
use crate::facts::{EmptySource, Extent, Gaps, Member, Process, Source, Text, TextRef};
use pins::Pins;
use std::ffi::CStr;

/// The result of a scan: an immutable tree of user namespaces, or several trees if a common ancestor is not visible.
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
    /// Depth first, so that a subtree is a range.
    entries: Vec<node::Entry>,
    roots: Vec<u32>,
    /// The children of all nodes, sorted by node.
    children: Vec<u32>,
    /// The members of all nodes, sorted by node.
    pids: Vec<i32>,
    pins: Pins,
    /// The extents of all maps.
    extents: Vec<Extent>,
    /// Ascending by inode number.
    by_inode: Vec<u32>,
    /// Ascending by id; without nodes that have none.
    by_id: Vec<u32>,
    /// Ascending by PID.
    by_pid: Vec<Member>,
    /// Ascending by PID.
    processes: Vec<Process>,
    /// The PIDs of processes that have several.
    nested_pids: Vec<i32>,
    /// The UID that stands for those without a mapping.
    unmapped_uid: Option<u32>,
    /// The charges of all nodes, sorted by node.
    charges: Vec<Charge>,
    /// That of the caller's own user namespace.
    limit: Option<u64>,
    own: Option<u32>,
    /// Whether names were read.
    named: bool,
    text: Text,
    gaps: Gaps,
    source: Source,
    source_error: i32,
    source_log: Option<TextRef>,
    empty_source: EmptySource,
    time: u64,
    boot_id: Option<TextRef>,
    proc_path: Option<TextRef>,
    pid_namespace: Option<u64>,
    /// It is not of a scan of this process.
    loaded: bool,
}

impl Snapshot {
    /// The initial user namespace if it is visible, else the caller's own, else the first root.
    pub fn root(&self) -> Option<Node<'_>> {
        self.roots().next()
    }

    /// The nodes without a visible parent: the initial user namespace, the caller's own, then the others in the order of
    /// siblings.
    pub fn roots(&self) -> impl ExactSizeIterator<Item = Node<'_>> {
        self.roots.iter().map(|&index| self.node(index))
    }

    /// All nodes, depth first. Siblings are ordered by the smallest PID in their subtrees, compared as text. Those without
    /// a process in their subtree are last, by inode number.
    pub fn nodes(&self) -> impl ExactSizeIterator<Item = Node<'_>> {
        (0..self.entries.len() as u32).map(|index| self.node(index))
    }

    /// The user namespace of the process that scanned. (`self` is a keyword; the other languages say `self`.) `None` if it
    /// is unknown.
    pub fn self_node(&self) -> Option<Node<'_>> {
        self.own.map(|index| self.node(index))
    }

    /// The node with an inode number.
    ///
    /// ```
    /// use std::os::unix::fs::MetadataExt;
    ///
    /// let inode = std::fs::metadata("/proc/self/ns/user").expect("every process has this file").ino();
    /// let snapshot = userns::scan()?;
    /// assert_eq!(snapshot.find_inode(inode), snapshot.self_node());
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn find_inode(&self, inode: u64) -> Option<Node<'_>> {
        let at = self.by_inode.binary_search_by_key(&inode, |&index| self.entries[index as usize].facts.inode).ok()?;
        Some(self.node(self.by_inode[at]))
    }

    /// The node with a 64-bit id (Linux 6.18).
    pub fn find_id(&self, id: u64) -> Option<Node<'_>> {
        let at = self.by_id.binary_search_by_key(&id, |&index| self.entries[index as usize].facts.id).ok()?;
        Some(self.node(self.by_id[at]))
    }

    /// The node of a process, by its PID in the PID namespace of the scanned procfs.
    pub fn find_pid(&self, pid: i32) -> Option<Node<'_>> {
        self.member(pid).map(|member| self.node(member.namespace))
    }

    /// The command name of a process, see proc_pid_comm(5). Empty if the process ended before its name was read. `None` if
    /// the scan did not see the process or did not read [names](crate::Options::names).
    ///
    /// ```
    /// let snapshot = userns::Options::new().names().scan()?;
    /// for node in snapshot.nodes() {
    ///     for &pid in node.pids() {
    ///         println!("{pid} {:?}", snapshot.process_name(pid));
    ///     }
    /// }
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn process_name(&self, pid: i32) -> Option<&CStr> {
        self.member(pid).filter(|_| self.named).map(|member| self.text.get(member.name))
    }

    /// The nonuser namespaces of all nodes, sorted by owner, type and inode number; then those whose owner is not visible.
    ///
    /// ```
    /// let snapshot = userns::Options::new().owned().scan()?;
    /// let networks = snapshot.nonusers().filter(|ns| ns.namespace_type() == userns::NamespaceType::Net);
    /// println!("{} network namespaces", networks.count());
    /// # Ok::<(), userns::Error>(())
    /// ```
    pub fn nonusers(&self) -> impl ExactSizeIterator<Item = Nonuser<'_>> {
        (0..self.pins.nonusers.len() as u32).map(|index| self.nonuser(index))
    }

    /// The reasons why the snapshot can be incomplete.
    pub fn gaps(&self) -> Gaps {
        self.gaps
    }

    /// Where the scan read the processes and the user namespace of each.
    pub fn source(&self) -> Source {
        self.source
    }

    /// Why a scan with [BPF](crate::Options::bpf) used procfs.
    pub fn source_error(&self) -> Option<Error> {
        Error::from_errno(self.source_error)
    }

    /// What the kernel's verifier said about the BPF programs, if it refused them: lines of ASCII text.
    pub fn source_log(&self) -> Option<&CStr> {
        self.source_log.map(|log| self.text.get(log))
    }

    /// How far the scan looked for namespaces without processes.
    pub fn empty_source(&self) -> EmptySource {
        self.empty_source
    }

    /// When the scan began: CLOCK_REALTIME in nanoseconds since the Epoch.
    pub fn time(&self) -> u64 {
        self.time
    }

    /// The boot id of the host, a UUID; `None` if it could not be read.
    pub fn boot_id(&self) -> Option<&CStr> {
        self.boot_id.map(|id| self.text.get(id))
    }

    /// The inode number of the PID namespace whose numbers the PIDs are; `None` if it is unknown.
    pub fn pid_namespace(&self) -> Option<u64> {
        self.pid_namespace
    }

    /// The path of the scanned procfs.
    pub(crate) fn proc_path(&self) -> &CStr {
        self.proc_path.map_or(c"/proc", |path| self.text.get(path))
    }

    /// Whether the snapshot comes from a file, which anybody can have written.
    pub(crate) fn is_loaded(&self) -> bool {
        self.loaded
    }

    pub(crate) fn node(&self, index: u32) -> Node<'_> {
        Node::new(self, index)
    }

    pub(crate) fn nonuser(&self, index: u32) -> Nonuser<'_> {
        Nonuser::new(self, index)
    }

    fn member(&self, pid: i32) -> Option<&Member> {
        let at = self.by_pid.binary_search_by_key(&pid, |member| member.pid).ok()?;
        Some(&self.by_pid[at])
    }
}

/// For comparisons: everything in the order of a key.
impl Snapshot {
    /// The indices of the nodes, ascending by inode number.
    pub(crate) fn by_inode(&self) -> &[u32] {
        &self.by_inode
    }

    /// The indices of the nodes that have an id, ascending by it.
    pub(crate) fn by_id(&self) -> &[u32] {
        &self.by_id
    }

    /// The processes of all nodes, ascending by PID.
    pub(crate) fn members(&self) -> &[Member] {
        &self.by_pid
    }

    /// The processes of which more is known than their user namespace, and those whose user namespace could not be read;
    /// ascending by PID.
    pub(crate) fn processes(&self) -> &[Process] {
        &self.processes
    }
}

/// For saved snapshots: facts that no answer shows as they are.
impl Snapshot {
    pub(crate) fn are_names_known(&self) -> bool {
        self.named
    }

    pub(crate) fn unmapped_uid(&self) -> Option<u32> {
        self.unmapped_uid
    }
}

/// For the C interface, which has an array of pointers for each of these.
#[cfg(feature = "capi")]
impl Snapshot {
    pub(crate) fn child_indices(&self) -> &[u32] {
        &self.children
    }

    pub(crate) fn pin_count(&self) -> usize {
        self.pins.holders.len()
    }
}

#[cfg(test)]
mod tests;
