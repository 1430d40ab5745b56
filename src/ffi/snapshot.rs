use super::node::userns_node;
use super::nonuser::userns_nonuser;
use super::pin::userns_pin;
use super::{Handle, allocate, array, enum_or_zero};
use crate::error::Error;
use crate::facts::{EmptySource, Source};
use crate::snapshot::{Node, Nonuser, Snapshot};
use crate::util::arrays::reserved;
use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::ops::Range;
use std::ptr;

/// Where a scan read the processes and the user namespace of each. Later versions can add
/// sources.
#[repr(C)]
pub enum userns_source {
    /// procfs, one link per process.
    USERNS_SOURCE_PROCFS = 1,
    /// A BPF program that iterates over processes (Linux 6.7).
    USERNS_SOURCE_BPF_PROCESSES = 2,
    /// A BPF program that the kernel runs for each thread (Linux 5.8).
    USERNS_SOURCE_BPF_TASKS = 3,
}

/// How far a scan looked for namespaces without processes. A scan with a value
/// tried those before it, too; gaps report what that did not find. Later versions can add
/// values.
#[repr(C)]
pub enum userns_empty_source {
    /// Only the ancestors of the namespaces of processes and, with USERNS_SCAN_OWNED, the
    /// owners of nonuser namespaces.
    USERNS_EMPTY_SOURCE_ANCESTORS = 1,
    /// What the processes hold: descriptors, mounts and other pins (USERNS_SCAN_PINNED).
    USERNS_EMPTY_SOURCE_PINS = 2,
    /// The mounts in all mount namespaces, with and without processes (Linux 6.12).
    USERNS_EMPTY_SOURCE_MOUNT_NAMESPACES = 3,
    /// The kernel's list of all namespaces in use, listns(2) (Linux 6.19).
    USERNS_EMPTY_SOURCE_LISTNS = 4,
}

/// The result of a scan: an immutable tree of user namespaces, or several trees if a common
/// ancestor is not visible.
pub struct userns_snapshot {
    tree: Snapshot,
    #[expect(dead_code, reason = "owned here, used through pointers")]
    node_handles: Vec<userns_node>,
    nodes: Vec<*const userns_node>,
    roots: Vec<*const userns_node>,
    /// The children of all nodes; those of one node are a range, as in the tree.
    children: Vec<*const userns_node>,
    #[expect(dead_code, reason = "owned here, used through pointers")]
    nonuser_handles: Vec<userns_nonuser>,
    nonusers: Vec<*const userns_nonuser>,
    #[expect(dead_code, reason = "owned here, used through pointers")]
    pin_handles: Vec<userns_pin>,
    pins: Vec<*const userns_pin>,
}

impl userns_snapshot {
    /// Moves a tree to the heap, with a handle for each item that C can point to.
    pub(super) fn allocate(tree: Snapshot) -> Result<*mut userns_snapshot, Error> {
        let mut node_handles: Vec<userns_node> = reserved(tree.nodes().len())?;
        let nodes = pointers(node_handles.as_ptr(), 0..tree.nodes().len())?;
        let roots = pointers(node_handles.as_ptr(), tree.roots().map(|node| node.index() as usize))?;
        let children = pointers(node_handles.as_ptr(), tree.child_indices().iter().map(|&index| index as usize))?;
        let mut nonuser_handles: Vec<userns_nonuser> = reserved(tree.nonusers().len())?;
        let nonusers = pointers(nonuser_handles.as_ptr(), 0..tree.nonusers().len())?;
        let mut pin_handles: Vec<userns_pin> = reserved(tree.pin_count())?;
        let pins = pointers(pin_handles.as_ptr(), 0..tree.pin_count())?;

        let snapshot = allocate::<userns_snapshot>()?;
        node_handles.extend((0..nodes.len() as u32).map(|index| userns_node(Handle { snapshot, index })));
        nonuser_handles.extend((0..nonusers.len() as u32).map(|index| userns_nonuser(Handle { snapshot, index })));
        pin_handles.extend((0..pins.len() as u32).map(|index| userns_pin(Handle { snapshot, index })));
        let parts = userns_snapshot {
            tree,
            node_handles,
            nodes,
            roots,
            children,
            nonuser_handles,
            nonusers,
            pin_handles,
            pins,
        };
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

    pub(super) fn nonusers(&self, range: Range<usize>) -> &[*const userns_nonuser] {
        &self.nonusers[range]
    }

    pub(super) fn pins(&self, range: Range<usize>) -> &[*const userns_pin] {
        &self.pins[range]
    }

    pub(super) fn node_of(&self, node: Option<Node<'_>>) -> *const userns_node {
        node.map_or(ptr::null(), |node| self.nodes[node.index() as usize])
    }

    pub(super) fn nonuser_of(&self, nonuser: Option<Nonuser<'_>>) -> *const userns_nonuser {
        nonuser.map_or(ptr::null(), |nonuser| self.nonusers[nonuser.index() as usize])
    }
}

/// Pointers to handles for which memory is reserved but not yet initialized.
fn pointers<T>(handles: *const T, indices: impl ExactSizeIterator<Item = usize>) -> Result<Vec<*const T>, Error> {
    let mut pointers = reserved(indices.len())?;
    pointers.extend(indices.map(|index| handles.wrapping_add(index)));
    Ok(pointers)
}

/// == Snapshots ==
///
/// Get the node to start from: the initial user namespace if it is visible, else the
/// caller's own, else the first root.
///
/// Returns NULL if the snapshot is empty: procfs showed no process and the caller's own
/// namespace is unknown.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_root(snapshot: *const userns_snapshot) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.node_of(snapshot.tree.root()))
}

/// List all nodes without a visible parent: the initial user namespace, the caller's own,
/// then the others in the order of siblings (see userns_nodes()). There are several if their
/// common ancestor is not visible to the caller.
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

/// List all nodes, depth first: each node is followed by its descendants. Siblings are
/// ordered by the smallest PID in their subtrees, compared as text ("10" is before "9"), as
/// sort(1) does without -n; the order is part of the ABI.
/// Those without a process in their subtree are last, by inode number.
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

/// Get the user namespace of the process that called userns_scan(), regardless of the
/// scanned procfs.
///
/// Returns NULL if the caller's namespace is unknown. This happens only if neither proc_path
/// nor /proc shows the caller, and pidfds do not help (before Linux 6.11, or denied by
/// seccomp(2)).
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_self(snapshot: *const userns_snapshot) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.node_of(snapshot.tree.self_node()))
}

/// Find the node with an inode number, as userns_inode() and stat(2) of /proc/PID/ns/user
/// return it. The kernel reuses inode numbers: use a fresh snapshot, or userns_find_id().
///
/// Returns NULL if there is none.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_find_inode(snapshot: *const userns_snapshot, inode: u64) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.node_of(snapshot.tree.find_inode(inode)))
}

/// Find the node with a 64-bit id, as userns_id() returns it.
///
/// Returns NULL if there is none, for an id of 0, and always before Linux 6.18.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_find_id(snapshot: *const userns_snapshot, id: u64) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.node_of(snapshot.tree.find_id(id)))
}

/// Find the node of a process.
///
/// pid: the PID of a process (not of a thread), as the PID namespace of the scanned procfs
/// numbers it.
///
/// Returns NULL if the scan did not see the process, or could not read it.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_find_pid(snapshot: *const userns_snapshot, pid: libc::pid_t) -> *const userns_node {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(ptr::null(), |snapshot| snapshot.node_of(snapshot.tree.find_pid(pid)))
}

/// List all nonuser namespaces (USERNS_SCAN_OWNED or USERNS_SCAN_PINNED): those that
/// userns_owned() lists for each node, then those whose owner is not visible to the caller.
///
/// Returns an array of *count nonuser namespaces.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonusers(
    snapshot: *const userns_snapshot,
    count: *mut usize,
) -> *const *const userns_nonuser {
    // SAFETY: the caller passes NULL or a snapshot.
    let nonusers = unsafe { snapshot.as_ref() }.map_or(&[][..], |snapshot| &snapshot.nonusers);
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(nonusers, count) }
}

/// Get the source of a snapshot. Without USERNS_SCAN_BPF it is USERNS_SOURCE_PROCFS.
///
/// Returns 0 for NULL, and for a loaded snapshot whose file names no source that this version
/// knows.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_source(snapshot: *const userns_snapshot) -> MaybeUninit<userns_source> {
    // SAFETY: the caller passes NULL or a snapshot.
    let snapshot = unsafe { snapshot.as_ref() };
    enum_or_zero(snapshot.and_then(|snapshot| match snapshot.tree.source() {
        Source::Procfs => Some(userns_source::USERNS_SOURCE_PROCFS),
        Source::BpfProcesses => Some(userns_source::USERNS_SOURCE_BPF_PROCESSES),
        Source::BpfTasks => Some(userns_source::USERNS_SOURCE_BPF_TASKS),
        Source::Unknown => None,
    }))
}

/// Get the reason why a scan with USERNS_SCAN_BPF used procfs, see bpf(2).
///
///     options.flags = USERNS_SCAN_BPF;
///     if (userns_scan(&options, &snapshot) == 0 && userns_source_error(snapshot) < 0)
///         fprintf(stderr, "slower, without BPF: %s\n",
///                 userns_strerror(userns_source_error(snapshot)));
///
/// Returns 0 if the source is BPF, or if BPF was not requested; otherwise one of these
/// negative errno values.
///
///     -EPERM                     the caller lacks CAP_BPF or CAP_PERFMON in the initial
///                                user namespace; or a security policy forbids BPF, for
///                                example seccomp(2); or RLIMIT_MEMLOCK is too low (before
///                                Linux 5.11)
///     -EXDEV                     the procfs does not belong to the caller's own PID
///                                namespace
///     -EOPNOTSUPP                the kernel has no BPF, no type information (BTF, in
///                                /sys/kernel/btf/vmlinux), or lacks a feature that the
///                                program needs, for example a JIT compiler (sysctl
///                                net.core.bpf_jit_enable)
///     -ENOEXEC                   the kernel's verifier rejects the program, see
///                                userns_source_log(); in a nested PID namespace also because
///                                the kernel is locked down, see kernel_lockdown(7)
///     -ENOMEM, -EMFILE, -ENFILE  not enough memory or descriptors
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_source_error(snapshot: *const userns_snapshot) -> c_int {
    // SAFETY: the caller passes NULL or a snapshot.
    let error = unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.tree.source_error());
    error.map_or(0, |error| -error.errno())
}

/// Get what the kernel's verifier said about the BPF programs, if it rejected them
/// (userns_source_error() is -ENOEXEC). Attach it to a report of the problem, with the version
/// of the kernel: the library builds the programs for each kernel, and this one is new to it.
///
/// Returns lines of printable ASCII text: the end of the verifier's log of each rejected
/// program, at most 17 KiB in all. It can contain addresses of the kernel's memory. NULL if
/// the verifier rejected nothing or said nothing, as in all other cases of
/// userns_source_error().
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_source_log(snapshot: *const userns_snapshot) -> *const c_char {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.tree.source_log()).map_or(ptr::null(), CStr::as_ptr)
}

/// Get how far a scan looked for namespaces without processes. With USERNS_SCAN_PINNED it
/// looks as far as the kernel permits: USERNS_EMPTY_SOURCE_MOUNT_NAMESPACES and
/// USERNS_EMPTY_SOURCE_LISTNS need CAP_SYS_ADMIN in the initial user namespace, and a caller
/// and a procfs of the initial PID namespace.
///
/// Returns 0 only for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_empty_source(snapshot: *const userns_snapshot) -> MaybeUninit<userns_empty_source> {
    // SAFETY: the caller passes NULL or a snapshot.
    let snapshot = unsafe { snapshot.as_ref() };
    enum_or_zero(snapshot.map(|snapshot| match snapshot.tree.empty_source() {
        EmptySource::Ancestors => userns_empty_source::USERNS_EMPTY_SOURCE_ANCESTORS,
        EmptySource::Pins => userns_empty_source::USERNS_EMPTY_SOURCE_PINS,
        EmptySource::MountNamespaces => userns_empty_source::USERNS_EMPTY_SOURCE_MOUNT_NAMESPACES,
        EmptySource::Listns => userns_empty_source::USERNS_EMPTY_SOURCE_LISTNS,
    }))
}

/// Get the time at which a scan began: CLOCK_REALTIME (clock_gettime(2)) in nanoseconds since
/// the Epoch.
///
/// Returns 0 if the clock is before 1970 or after 2554.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_time(snapshot: *const userns_snapshot) -> u64 {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.map_or(0, |snapshot| snapshot.tree.time())
}

/// Get the boot id of the scanned host, which differs for each boot:
/// /proc/sys/kernel/random/boot_id, see proc_sys_kernel(5). Inode numbers and ids of
/// different boots are unrelated.
///
/// Returns a UUID in text form, or NULL if it could not be read.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_boot_id(snapshot: *const userns_snapshot) -> *const c_char {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.tree.boot_id()).map_or(ptr::null(), CStr::as_ptr)
}

/// Get the inode number of the PID namespace whose numbers the PIDs in a snapshot are: that
/// of the scanned procfs, see pid_namespaces(7).
///
/// Returns 0 if it is unknown.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_pid_namespace(snapshot: *const userns_snapshot) -> u64 {
    // SAFETY: the caller passes NULL or a snapshot.
    unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.tree.pid_namespace()).unwrap_or(0)
}
