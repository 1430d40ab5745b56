//! The C interface, as a C program declares it, and all questions to a snapshot.

use std::ffi::{CStr, c_char, c_int, c_void};
use std::ptr;
use std::slice;

/// All handles are pointers to something unknown.
pub type Snapshot = c_void;
type Node = c_void;
type Nonuser = c_void;
type Pin = c_void;
type Translate = unsafe extern "C" fn(*const Node, u32, *const Node, *mut u32) -> c_int;
type Array<T> = unsafe extern "C" fn(*const c_void, *mut usize) -> *const T;

#[repr(C)]
struct Charge {
    uid: u32,
    count: u32,
}

#[repr(C)]
struct Extent {
    inside: u32,
    outside: u32,
    count: u32,
}

unsafe extern "C" {
    pub fn userns_scan(options: *const c_void, snapshot: *mut *mut Snapshot) -> c_int;
    pub fn userns_free(snapshot: *mut Snapshot);
    pub fn userns_load(fd: c_int, snapshot: *mut *mut Snapshot) -> c_int;
    pub fn userns_save(snapshot: *const Snapshot, fd: c_int) -> c_int;
    pub fn userns_describe(fd: c_int, info: *mut c_void) -> c_int;
    pub fn userns_probe(options: *const c_void, probe: *mut *mut c_void) -> c_int;
    pub fn userns_probe_free(probe: *mut c_void);

    fn userns_root(snapshot: *const Snapshot) -> *const Node;
    fn userns_roots(snapshot: *const Snapshot, count: *mut usize) -> *const *const Node;
    fn userns_nodes(snapshot: *const Snapshot, count: *mut usize) -> *const *const Node;
    fn userns_self(snapshot: *const Snapshot) -> *const Node;
    fn userns_find_inode(snapshot: *const Snapshot, inode: u64) -> *const Node;
    fn userns_find_id(snapshot: *const Snapshot, id: u64) -> *const Node;
    fn userns_find_pid(snapshot: *const Snapshot, pid: i32) -> *const Node;
    fn userns_nonusers(snapshot: *const Snapshot, count: *mut usize) -> *const *const Nonuser;
    fn userns_source(snapshot: *const Snapshot) -> c_int;
    fn userns_source_error(snapshot: *const Snapshot) -> c_int;
    fn userns_source_log(snapshot: *const Snapshot) -> *const c_char;
    fn userns_empty_source(snapshot: *const Snapshot) -> c_int;
    fn userns_boot_id(snapshot: *const Snapshot) -> *const c_char;
    fn userns_time(snapshot: *const Snapshot) -> u64;
    fn userns_pid_namespace(snapshot: *const Snapshot) -> u64;
    fn userns_gaps(snapshot: *const Snapshot) -> u32;
    fn userns_gap_count(snapshot: *const Snapshot, gap: u32) -> usize;
    fn userns_strerror(error: c_int) -> *const c_char;

    fn userns_inode(node: *const Node) -> u64;
    fn userns_id(node: *const Node) -> u64;
    fn userns_device(node: *const Node) -> u64;
    fn userns_flags(node: *const Node) -> u32;
    fn userns_depth(node: *const Node) -> u32;
    fn userns_owner_uid(node: *const Node, uid: *mut u32) -> bool;
    fn userns_parent(node: *const Node) -> *const Node;
    fn userns_children(node: *const Node, count: *mut usize) -> *const *const Node;
    fn userns_pids(node: *const Node, count: *mut usize) -> *const i32;
    fn userns_is_ancestor(ancestor: *const Node, node: *const Node) -> bool;
    fn userns_pins(node: *const Node, count: *mut usize) -> *const *const Pin;
    fn userns_owned(node: *const Node, count: *mut usize) -> *const *const Nonuser;
    fn userns_uid_map(node: *const Node, count: *mut usize) -> *const Extent;
    fn userns_gid_map(node: *const Node, count: *mut usize) -> *const Extent;
    fn userns_projid_map(node: *const Node, count: *mut usize) -> *const Extent;
    fn userns_translate_uid(from: *const Node, id: u32, to: *const Node, result: *mut u32) -> c_int;
    fn userns_translate_gid(from: *const Node, id: u32, to: *const Node, result: *mut u32) -> c_int;
    fn userns_translate_projid(from: *const Node, id: u32, to: *const Node, result: *mut u32) -> c_int;
    fn userns_charges(node: *const Node, count: *mut usize) -> *const Charge;
    fn userns_limit(node: *const Node, limit: *mut u64) -> bool;

    fn userns_process_name(snapshot: *const Snapshot, pid: i32) -> *const c_char;
    fn userns_process_uid(snapshot: *const Snapshot, pid: i32, uid: *mut u32) -> bool;
    fn userns_process_capabilities(snapshot: *const Snapshot, pid: i32, capabilities: *mut u64) -> bool;
    fn userns_process_pids(snapshot: *const Snapshot, pid: i32, count: *mut usize) -> *const i32;
    fn userns_process_cgroup(snapshot: *const Snapshot, pid: i32) -> *const c_char;
    fn userns_capable(
        snapshot: *const Snapshot,
        pid: i32,
        capability: c_int,
        node: *const Node,
        why: *mut u32,
    ) -> c_int;

    fn userns_nonuser_type(nonuser: *const Nonuser) -> c_int;
    fn userns_nonuser_type_name(nonuser: *const Nonuser) -> *const c_char;
    fn userns_nonuser_inode(nonuser: *const Nonuser) -> u64;
    fn userns_nonuser_id(nonuser: *const Nonuser) -> u64;
    fn userns_nonuser_owner(nonuser: *const Nonuser) -> *const Node;
    fn userns_nonuser_parent(nonuser: *const Nonuser) -> *const Nonuser;
    fn userns_nonuser_member_count(nonuser: *const Nonuser) -> usize;
    fn userns_nonuser_pins(nonuser: *const Nonuser, count: *mut usize) -> *const *const Pin;

    fn userns_pin_kind(pin: *const Pin) -> c_int;
    fn userns_pin_pid(pin: *const Pin) -> i32;
    fn userns_pin_tid(pin: *const Pin) -> i32;
    fn userns_pin_descriptor(pin: *const Pin) -> c_int;
    fn userns_pin_path(pin: *const Pin) -> *const c_char;
    fn userns_pin_is_overmounted(pin: *const Pin) -> bool;
    fn userns_pin_may_be_locked(pin: *const Pin) -> bool;
    fn userns_pin_nonuser(pin: *const Pin) -> *const Nonuser;

    fn userns_compare(before: *const Snapshot, after: *const Snapshot, changes: *mut *mut c_void) -> c_int;
    fn userns_changes(changes: *const c_void, count: *mut usize) -> *const *const c_void;
    fn userns_change_kind(change: *const c_void) -> c_int;
    fn userns_change_node(change: *const c_void) -> *const Node;
    fn userns_change_pid(change: *const c_void) -> i32;
    fn userns_changes_free(changes: *mut c_void);
}

/// Few: each question is asked, but not about all pairs of what a large file has.
const SOME: usize = 16;

/// The array that a function returns.
unsafe fn all<'a, T>(of: Array<T>, object: *const c_void) -> &'a [T] {
    let mut count = usize::MAX;
    // SAFETY: the caller passes a function, and an object of the type that it takes.
    let first = unsafe { of(object, &mut count) };
    assert_eq!(first.is_null(), count == 0);
    // SAFETY: the function returns an array of this length, which lives as long as the snapshot.
    if count == 0 { &[] } else { unsafe { slice::from_raw_parts(first, count) } }
}

/// The length of a string, 0 for NULL.
unsafe fn length(string: *const c_char) -> usize {
    // SAFETY: the caller passes NULL or a string of the library.
    if string.is_null() { 0 } else { unsafe { CStr::from_ptr(string) }.count_bytes() }
}

/// Asks everything that opens nothing.
///
/// # Safety
///
/// `snapshot` is one that the library returned.
pub unsafe fn ask(snapshot: *const Snapshot) {
    // SAFETY: as this function's; all other handles come from the snapshot.
    unsafe {
        let nodes = all(userns_nodes, snapshot);
        let roots = all(userns_roots, snapshot);
        let nonusers = all(userns_nonusers, snapshot);
        assert_eq!(userns_root(snapshot), roots.first().copied().unwrap_or(ptr::null()));
        assert!(userns_self(snapshot).is_null() || nodes.contains(&userns_self(snapshot)));
        assert!((0..=3).contains(&userns_source(snapshot)) && userns_empty_source(snapshot) > 0);
        assert!(length(userns_strerror(userns_source_error(snapshot))) > 0);
        length(userns_source_log(snapshot));
        length(userns_boot_id(snapshot));
        let _ = (userns_time(snapshot), userns_pid_namespace(snapshot));
        for bit in 0..32 {
            let count = userns_gap_count(snapshot, 1 << bit);
            assert_eq!(count > 0, userns_gaps(snapshot) >> bit & 1 != 0);
        }
        let children: usize = nodes.iter().map(|&node| all(userns_children, node).len()).sum();
        assert_eq!(children + roots.len(), nodes.len());
        let owned: usize = nodes.iter().map(|&node| all(userns_owned, node).len()).sum();
        let without_owner = nonusers.iter().filter(|&&nonuser| userns_nonuser_owner(nonuser).is_null()).count();
        assert_eq!(owned + without_owner, nonusers.len());
        for &node in nodes {
            ask_node(snapshot, node, &nodes[..nodes.len().min(SOME)]);
        }
        for &nonuser in nonusers {
            assert!(userns_nonuser_type(nonuser) > 0 && length(userns_nonuser_type_name(nonuser)) > 0);
            assert!(userns_nonuser_inode(nonuser) > 0);
            let _ = userns_nonuser_id(nonuser);
            let parent = userns_nonuser_parent(nonuser);
            assert!(parent.is_null() || nonusers.contains(&parent));
            let pins = all(userns_nonuser_pins, nonuser);
            assert!(userns_nonuser_member_count(nonuser) <= pins.len());
            pins.iter().for_each(|&pin| ask_pin(pin, nonusers));
        }
        let pins = nodes.iter().flat_map(|&node| all(userns_pins, node));
        pins.for_each(|&pin| ask_pin(pin, nonusers));
    }
}

unsafe fn ask_node(snapshot: *const Snapshot, node: *const Node, some: &[*const Node]) {
    // SAFETY: as `ask`.
    unsafe {
        let parent = userns_parent(node);
        assert_eq!(userns_find_inode(snapshot, userns_inode(node)), node);
        assert!(userns_id(node) == 0 || userns_id(userns_find_id(snapshot, userns_id(node))) == userns_id(node));
        assert_eq!(userns_depth(node), if parent.is_null() { 0 } else { userns_depth(parent) + 1 });
        assert!(parent.is_null() || all(userns_children, parent).contains(&node) && userns_is_ancestor(parent, node));
        let (mut uid, mut limit, mut why) = (0, 0, 0);
        let _ = (userns_owner_uid(node, &mut uid), userns_limit(node, &mut limit), userns_flags(node));
        let _ = userns_device(node);
        let maps = [userns_uid_map, userns_gid_map, userns_projid_map].map(|map| all(map, node));
        for extent in maps.into_iter().flatten() {
            assert!(
                extent.inside.checked_add(extent.count).is_some() && extent.outside.checked_add(extent.count).is_some()
            );
        }
        let translations: [Translate; 3] = [userns_translate_uid, userns_translate_gid, userns_translate_projid];
        for (map, translate) in maps.into_iter().zip(translations) {
            for (extent, &to) in map.iter().flat_map(|extent| some.iter().map(move |to| (extent, to))) {
                let (mut there, mut back) = (0, 0);
                if translate(node, extent.inside, to, &mut there) == 0 {
                    assert_eq!((translate(to, there, node, &mut back), back), (0, extent.inside));
                }
            }
        }
        let charges = all(userns_charges, node);
        assert!(charges.is_sorted_by(|one, two| one.uid < two.uid));
        for &pid in all(userns_pids, node) {
            assert_eq!(userns_find_pid(snapshot, pid), node);
            length(userns_process_name(snapshot, pid));
            length(userns_process_cgroup(snapshot, pid));
            let (mut process_uid, mut capabilities) = (0, 0);
            let is_known = userns_process_capabilities(snapshot, pid, &mut capabilities);
            assert!(is_known || !userns_process_uid(snapshot, pid, &mut process_uid));
            let mut count = 0;
            assert_eq!(userns_process_pids(snapshot, pid, &mut count).is_null(), !is_known);
            assert!(some.iter().all(|&node| userns_capable(snapshot, pid, 21, node, &mut why) != -libc::EINVAL));
        }
    }
}

unsafe fn ask_pin(pin: *const Pin, nonusers: &[*const Nonuser]) {
    // SAFETY: as `ask`.
    unsafe {
        assert!(userns_pin_kind(pin) > 0);
        let _ = (userns_pin_pid(pin), userns_pin_tid(pin), userns_pin_descriptor(pin), length(userns_pin_path(pin)));
        let _ = (userns_pin_is_overmounted(pin), userns_pin_may_be_locked(pin));
        let nonuser = userns_pin_nonuser(pin);
        assert!(nonuser.is_null() || nonusers.contains(&nonuser));
    }
}

/// The number of changes between two snapshots.
///
/// # Safety
///
/// As `ask`.
pub unsafe fn changes(before: *const Snapshot, after: *const Snapshot) -> usize {
    let mut changes = ptr::null_mut();
    // SAFETY: as this function's; the changes are released once.
    unsafe {
        assert_eq!(userns_compare(before, after, &mut changes), 0);
        let all = all(userns_changes, changes);
        for &change in all {
            assert!(userns_change_kind(change) > 0 && !userns_change_node(change).is_null());
            assert!(userns_change_pid(change) >= 0);
        }
        let count = all.len();
        userns_changes_free(changes);
        count
    }
}
