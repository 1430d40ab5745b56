use super::node::userns_node;
use super::pin::{userns_namespace, userns_pin};
use super::{Handle, array};
use crate::arrays::reserved;
use crate::error::Error;
use crate::observe::Source;
use crate::tree::{Node, Snapshot};
use std::alloc::{Layout, alloc};
use std::ffi::{CStr, c_char, c_int};
use std::ops::Range;
use std::ptr;

/// userns_gaps(): some processes could not be read. userns_unreadable() counts them.
pub const USERNS_GAP_UNREADABLE: u32 = 1;
/// userns_gaps(): the procfs hides processes from this caller (its mount option hidepid,
/// see proc(5)), or may hide some.
pub const USERNS_GAP_HIDEPID: u32 = 2;
/// userns_gaps(): the procfs belongs, or may belong, to a PID namespace that is not the
/// initial one. Processes outside that namespace are not shown, see pid_namespaces(7).
pub const USERNS_GAP_PIDNS: u32 = 4;
/// userns_gaps(): the caller is not, or may not be, in the initial user namespace.
/// Namespaces above and beside its own are out of its reach, see user_namespaces(7).
pub const USERNS_GAP_NESTED: u32 = 8;
/// userns_gaps(), with USERNS_SCAN_PINNED or USERNS_SCAN_OWNED: namespaces that some
/// threads are in could not be read or opened, so that what owns them can be missing.
pub const USERNS_GAP_LINKS: u32 = 16;
/// userns_gaps(), with USERNS_SCAN_PINNED: the descriptors of some processes could not be
/// read. userns_unreadable_descriptors() counts these.
pub const USERNS_GAP_DESCRIPTORS: u32 = 32;
/// userns_gaps(), with USERNS_SCAN_SOCKETS: the network namespaces of some sockets could
/// not be found out.
pub const USERNS_GAP_SOCKETS: u32 = 64;
/// userns_gaps(), with USERNS_SCAN_PINNED: the mounts of some processes could not be read,
/// or some mounted namespaces not be opened. userns_unreadable_mounts() and
/// userns_unopened_mounts() count these.
pub const USERNS_GAP_MOUNTS: u32 = 128;
/// userns_gaps(), with USERNS_SCAN_PINNED: there are mount namespaces that no process
/// lives in. What is mounted in them was not looked at.
pub const USERNS_GAP_MOUNT_NAMESPACES: u32 = 256;

/// userns_source(): procfs, one link after the other.
pub const USERNS_SOURCE_PROCFS: u32 = 1;
/// userns_source(): a BPF program that visited all processes (Linux 6.7).
pub const USERNS_SOURCE_BPF_PROCESSES: u32 = 2;
/// userns_source(): a BPF program that visited all threads (Linux 5.8).
pub const USERNS_SOURCE_BPF_TASKS: u32 = 3;

/// What one scan observed: an immutable tree of user namespaces, or several where a common
/// ancestor is out of sight.
pub struct userns_snapshot {
    tree: Snapshot,
    /// What the caller's pointers to nodes point to: one for each node of the tree, in its
    /// order.
    #[expect(dead_code, reason = "owned here, used through pointers")]
    handles: Vec<userns_node>,
    nodes: Vec<*const userns_node>,
    roots: Vec<*const userns_node>,
    /// The children of one node after those of another, as in the tree.
    children: Vec<*const userns_node>,
    /// For each member, in the order of the PIDs in the tree; empty if names were not read.
    names: Vec<*const c_char>,
    #[expect(dead_code, reason = "owned here, used through pointers")]
    other_handles: Vec<userns_namespace>,
    others: Vec<*const userns_namespace>,
    #[expect(dead_code, reason = "owned here, used through pointers")]
    pin_handles: Vec<userns_pin>,
    pins: Vec<*const userns_pin>,
}

impl userns_snapshot {
    /// Moves a tree to where C can point to it.
    pub(super) fn allocate(tree: Snapshot) -> Result<*mut userns_snapshot, Error> {
        let mut handles: Vec<userns_node> = reserved(tree.nodes().len())?;
        let nodes = pointers(handles.as_ptr(), 0..tree.nodes().len())?;
        let roots = pointers(handles.as_ptr(), tree.roots().map(|node| node.index() as usize))?;
        let children = pointers(handles.as_ptr(), tree.child_indices().iter().map(|&index| index as usize))?;
        let mut other_handles: Vec<userns_namespace> = reserved(tree.other_count())?;
        let others = pointers(other_handles.as_ptr(), 0..tree.other_count())?;
        let mut pin_handles: Vec<userns_pin> = reserved(tree.pin_count())?;
        let pins = pointers(pin_handles.as_ptr(), 0..tree.pin_count())?;
        let mut names = reserved(tree.names().len())?;
        names.extend(tree.names().map(CStr::as_ptr));

        // SAFETY: the layout's size is not zero.
        let snapshot = unsafe { alloc(Layout::new::<userns_snapshot>()) }.cast::<userns_snapshot>();
        if snapshot.is_null() {
            return Err(Error::NO_MEMORY);
        }
        handles.extend((0..nodes.len() as u32).map(|index| userns_node(Handle { snapshot, index })));
        other_handles.extend((0..others.len() as u32).map(|index| userns_namespace(Handle { snapshot, index })));
        pin_handles.extend((0..pins.len() as u32).map(|index| userns_pin(Handle { snapshot, index })));
        let parts =
            userns_snapshot { tree, handles, nodes, roots, children, names, other_handles, others, pin_handles, pins };
        // SAFETY: the memory was allocated for this type.
        unsafe { snapshot.write(parts) };
        Ok(snapshot)
    }

    /// # Safety
    ///
    /// `snapshot` comes from `allocate` and is not used any more.
    pub(super) unsafe fn release(snapshot: *mut userns_snapshot) {
        // SAFETY: `allocate` took the memory from the global allocator, with the layout of this type.
        drop(unsafe { Box::from_raw(snapshot) });
    }

    pub(super) fn tree(&self) -> &Snapshot {
        &self.tree
    }

    pub(super) fn children_of(&self, node: Node<'_>) -> &[*const userns_node] {
        &self.children[node.child_range()]
    }

    pub(super) fn names_of(&self, node: Node<'_>) -> &[*const c_char] {
        self.names.get(node.pid_range()).unwrap_or_default()
    }

    pub(super) fn others(&self, range: Range<usize>) -> &[*const userns_namespace] {
        &self.others[range]
    }

    pub(super) fn pins(&self, range: Range<usize>) -> &[*const userns_pin] {
        &self.pins[range]
    }

    pub(super) fn handle(&self, node: Option<Node<'_>>) -> *const userns_node {
        node.map_or(ptr::null(), |node| self.nodes[node.index() as usize])
    }
}

/// Pointers to handles that are still to be filled in, for which there is room already.
fn pointers<T>(handles: *const T, indices: impl ExactSizeIterator<Item = usize>) -> Result<Vec<*const T>, Error> {
    let mut pointers = reserved(indices.len())?;
    pointers.extend(indices.map(|index| handles.wrapping_add(index)));
    Ok(pointers)
}

/// == Questions to a snapshot ==
///
/// The node to begin with: the initial user namespace where it is visible, else the
/// caller's own, else the first root.
///
/// Returns NULL if the snapshot has no node, which takes a procfs that shows nothing and a
/// caller whose own namespace is unknown.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_root(snapshot: *const userns_snapshot) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.handle(snapshot.tree.root()))
}

/// All nodes whose parent the scan did not see: the initial user namespace, the caller's
/// own, then the others, ordered like siblings (see userns_nodes()). Several occur where
/// their common ancestor is out of the caller's reach.
///
/// Returns an array of *count nodes.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_roots(
    snapshot: *const userns_snapshot,
    count: *mut usize,
) -> *const *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    let roots = unsafe { snapshot.as_ref() }.map_or(&[][..], |snapshot| &snapshot.roots);
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(roots, count) }
}

/// All nodes, depth first: each root, and each node, is followed by its descendants.
/// Siblings are ordered by the smallest PID in their subtrees, compared as text ("10" comes
/// before "9"); those in whose subtrees no process lives come last, by inode number.
///
/// Returns an array of *count nodes.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nodes(
    snapshot: *const userns_snapshot,
    count: *mut usize,
) -> *const *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    let nodes = unsafe { snapshot.as_ref() }.map_or(&[][..], |snapshot| &snapshot.nodes);
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(nodes, count) }
}

/// The user namespace of the process that called userns_scan(), whichever procfs it read.
///
/// Returns NULL where the kernel did not tell: that takes a procfs of a PID namespace that
/// the caller is not in, no other one at /proc, and a kernel before Linux 6.11 or a filter
/// (seccomp(2)) that denies pidfds.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_self(snapshot: *const userns_snapshot) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.handle(snapshot.tree.own()))
}

/// The node with an inode number, as userns_inode() and stat(2) of /proc/PID/ns/user give
/// it. The kernel uses the number of a namespace that has ended for a new one: ask this of
/// a fresh snapshot only, or use userns_find_id().
///
/// Returns NULL if there is none.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_find(snapshot: *const userns_snapshot, inode: u64) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.handle(snapshot.tree.find(inode)))
}

/// The node with a 64-bit id, as userns_id() gives it. Ids are never used again while the
/// system runs.
///
/// Returns NULL if there is none, as always before Linux 6.18, and for an id of 0.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_find_id(snapshot: *const userns_snapshot, id: u64) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.handle(snapshot.tree.find_id(id)))
}

/// The node that a process lives in.
///
/// pid: the PID of a process (not of a thread), as the PID namespace of the scanned procfs
/// numbers it.
///
/// Returns NULL if the scan did not see such a process, or could not read it.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_find_pid(snapshot: *const userns_snapshot, pid: libc::pid_t) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.handle(snapshot.tree.find_pid(pid)))
}

/// Why the scan may not have seen everything.
///
/// Returns USERNS_GAP_ constants, combined with |; 0 if the scan knows of nothing that it
/// looks for and that was out of its sight. Later versions can return more bits.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_gaps(snapshot: *const userns_snapshot) -> u32 {
    // SAFETY: the caller passes NULL or a snapshot.
    let Some(snapshot) = (unsafe { snapshot.as_ref() }) else { return 0 };
    let gaps = snapshot.tree.gaps();
    [
        (gaps.unreadable, USERNS_GAP_UNREADABLE),
        (gaps.hidepid, USERNS_GAP_HIDEPID),
        (gaps.pidns, USERNS_GAP_PIDNS),
        (gaps.nested, USERNS_GAP_NESTED),
        (gaps.links, USERNS_GAP_LINKS),
        (gaps.descriptors, USERNS_GAP_DESCRIPTORS),
        (gaps.sockets, USERNS_GAP_SOCKETS),
        (gaps.mounts, USERNS_GAP_MOUNTS),
        (gaps.mount_namespaces, USERNS_GAP_MOUNT_NAMESPACES),
    ]
    .iter()
    .filter(|(is_set, _)| *is_set)
    .fold(0, |bits, (_, bit)| bits | bit)
}

/// How many processes the procfs showed that the caller was not allowed to read. They are
/// in no node. 0 where the source is BPF, see USERNS_SCAN_BPF.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_unreadable(snapshot: *const userns_snapshot) -> usize {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.tree.unreadable())
}

/// With USERNS_SCAN_PINNED, how many processes have descriptors that could not be read,
/// those of userns_unreadable() included.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_unreadable_descriptors(snapshot: *const userns_snapshot) -> usize {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.tree.unreadable_descriptors())
}

/// With USERNS_SCAN_PINNED, how many processes have mounts that could not be read, those
/// of userns_unreadable() included; plus in how many mount namespaces all processes are
/// locked up below some directory, see chroot(2), so that none shows all mounts. That is
/// not noticed where this directory is a mount itself.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_unreadable_mounts(snapshot: *const userns_snapshot) -> usize {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.tree.unreadable_mounts())
}

/// With USERNS_SCAN_PINNED, how many mounts of namespaces were seen but could not be
/// opened. Unless such a namespace was met elsewhere too, only its inode number is known:
/// a user namespace is then a root, one of another type is among userns_namespaces()
/// without an owner.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_unopened_mounts(snapshot: *const userns_snapshot) -> usize {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.tree.unopened_mounts())
}

/// With USERNS_SCAN_OWNED or USERNS_SCAN_PINNED, all namespaces of other types than user:
/// those that userns_owned() tells for each node, and then those whose owner is out of the
/// caller's sight.
///
/// Returns an array of *count namespaces.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_namespaces(
    snapshot: *const userns_snapshot,
    count: *mut usize,
) -> *const *const userns_namespace {
    // SAFETY: the caller passes NULL or a snapshot.
    let others = unsafe { snapshot.as_ref() }.map_or(&[][..], |snapshot| &snapshot.others);
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(others, count) }
}

/// Where the scan read which processes there are, and the user namespace of each.
///
/// Returns a USERNS_SOURCE_ constant; later versions can return others. Without
/// USERNS_SCAN_BPF it is USERNS_SOURCE_PROCFS. 0 if the snapshot is NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_source(snapshot: *const userns_snapshot) -> u32 {
    // SAFETY: the caller passes NULL or a snapshot.
    match unsafe { snapshot.as_ref() }.map(|snapshot| snapshot.tree.source()) {
        None => 0,
        Some(Source::Procfs) => USERNS_SOURCE_PROCFS,
        Some(Source::BpfProcesses) => USERNS_SOURCE_BPF_PROCESSES,
        Some(Source::BpfTasks) => USERNS_SOURCE_BPF_TASKS,
    }
}

/// With USERNS_SCAN_BPF, why the source is procfs all the same; see bpf(2).
///
///     options.flags = USERNS_SCAN_BPF;
///     if (userns_scan(&options, &snapshot) == 0 && userns_source_error(snapshot) < 0)
///         fprintf(stderr, "slower, without BPF: %s\n",
///                 userns_strerror(userns_source_error(snapshot)));
///
/// Returns 0 if the source is BPF, or was not to be; otherwise one of these negative errno
/// values.
///
///     -EPERM                     the caller lacks CAP_BPF or CAP_PERFMON in the initial
///                                user namespace; or BPF is forbidden, by seccomp(2) say;
///                                or RLIMIT_MEMLOCK is too low (before Linux 5.11)
///     -EXDEV                     the procfs is not that of the caller's own PID namespace
///     -EOPNOTSUPP                the kernel has no BPF, no type information (BTF, in
///                                /sys/kernel/btf/vmlinux), or not what the program needs,
///                                its compiler for example (net.core.bpf_jit_enable)
///     -ENOEXEC                   the kernel's verifier does not accept the program: in a
///                                nested PID namespace also because the kernel is locked
///                                down, see kernel_lockdown(7)
///     -ENOMEM, -EMFILE, -ENFILE  there was not enough memory or no descriptor for it
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_source_error(snapshot: *const userns_snapshot) -> c_int {
    // SAFETY: the caller passes NULL or a snapshot.
    let error = unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.tree.source_error());
    error.map_or(0, |error| -error.errno())
}
