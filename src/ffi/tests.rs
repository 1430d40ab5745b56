//! The C functions on made-up facts: without the kernel, so that Miri can check what they do with pointers.

use super::probe::{self, userns_probe, userns_probe_options};
use super::scan::{self, userns_options};
use super::snapshot::{self, userns_snapshot};
use super::{capability, changes, gap, limits, maps, node, nonuser, pin, process};
use crate::probe::{Probe, ReasonKind};
use crate::saved::words;
use crate::snapshot::Snapshot;
use node::userns_node;
use nonuser::userns_nonuser;
use pin::userns_pin;
use serde_json::{Map, Value, from_slice, json};
use std::ffi::{CStr, c_char};
use std::mem::MaybeUninit;
use std::{ptr, slice};

const RECORDED: &str = include_str!("../../tests/snapshot.json");

fn load(json: &str) -> *mut userns_snapshot {
    userns_snapshot::allocate(Snapshot::load_json(json.as_bytes()).unwrap()).unwrap()
}

/// The members of an object that are not null.
fn object(members: &[(&str, Value)]) -> Value {
    let present = members.iter().filter(|(_, value)| !value.is_null());
    Value::Object(present.map(|(name, value)| (name.to_string(), value.clone())).collect::<Map<_, _>>())
}

/// A string as userns-json(5) has it.
unsafe fn text(string: *const c_char) -> Value {
    if string.is_null() {
        return Value::Null;
    }
    // SAFETY: it is a string of the snapshot.
    let bytes = unsafe { CStr::from_ptr(string) }.to_bytes();
    if let Ok(text) = std::str::from_utf8(bytes) {
        return json!(text);
    }
    let mut parts = Vec::new();
    for chunk in bytes.utf8_chunks() {
        parts.extend(Some(json!(chunk.valid())).filter(|text| *text != ""));
        parts.extend(chunk.invalid().iter().map(|byte| json!(byte)));
    }
    Value::Array(parts)
}

/// What `ask` returns as an array, each element converted.
unsafe fn list<T>(ask: impl FnOnce(*mut usize) -> *const T, convert: impl Fn(&T) -> Value) -> Value {
    let mut count = usize::MAX;
    let first = ask(&raw mut count);
    if count == 0 {
        assert!(first.is_null());
        return Value::Null;
    }
    // SAFETY: the snapshot has so many of them.
    unsafe { slice::from_raw_parts(first, count) }.iter().map(convert).collect()
}

/// What `ask` writes, if it is known.
fn known<T: Default + Into<Value>>(ask: impl FnOnce(*mut T) -> bool) -> Value {
    let mut value = T::default();
    if ask(&raw mut value) { value.into() } else { Value::Null }
}

/// An enum as C sees it.
fn number<T>(value: MaybeUninit<T>) -> usize {
    const { assert!(size_of::<T>() == size_of::<u32>()) };
    // SAFETY: it has the size of the number, which is 0 if it is no value of the enum.
    unsafe { value.as_ptr().cast::<u32>().read() as usize }
}

fn words_of(bits: u32, words: &[&'static str]) -> Value {
    words.iter().enumerate().filter(|(bit, _)| bits >> bit & 1 != 0).map(|(_, word)| *word).collect()
}

/// A reference to a namespace.
unsafe fn inode_of(node: *const userns_node) -> Value {
    // SAFETY: it is NULL or a node.
    if node.is_null() { Value::Null } else { json!(unsafe { node::userns_inode(node) }) }
}

/// As the file has it.
unsafe fn node(node: *const userns_node) -> Value {
    let triple = |extent: &maps::userns_extent| json!([extent.inside, extent.outside, extent.count]);
    // SAFETY: it is a node.
    unsafe {
        let flags = node::userns_flags(node);
        let map = |map: Value| if map.is_null() { json!([]) } else { map };
        let maps = json!({
            "uid": map(list(|count| maps::userns_uid_map(node, count), triple)),
            "gid": map(list(|count| maps::userns_gid_map(node, count), triple)),
            "projid": map(list(|count| maps::userns_projid_map(node, count), triple)),
            "setgroups": if flags & node::USERNS_NODE_SETGROUPS_DENIED == 0 { "allow" } else { "deny" },
        });
        let charge = |charge: &limits::userns_charge| json!({ "uid": charge.uid, "count": charge.count });
        let flag_words = ["initial", "parent_hidden", "empty", "only_pinned", "maps", "setgroups_denied"];
        object(&[
            ("inode", inode_of(node)),
            ("id", json!(node::userns_id(node).to_string())),
            ("device", json!(node::userns_device(node))),
            ("parent", inode_of(node::userns_parent(node))),
            ("depth", json!(node::userns_depth(node))),
            ("owner_uid", known(|uid| node::userns_owner_uid(node, uid))),
            ("flags", words_of(flags, &flag_words)),
            ("maps", maps),
            ("limit", known(|limit| limits::userns_limit(node, limit))),
            ("charges", list(|count| limits::userns_charges(node, count), charge)),
            ("pids", list(|count| node::userns_pids(node, count), |pid| json!(pid))),
            ("pins", list(|count| node::userns_pins(node, count), |pin| pin_of(*pin))),
        ])
    }
}

unsafe fn name_of(nonuser: *const userns_nonuser) -> Value {
    if nonuser.is_null() {
        return Value::Null;
    }
    // SAFETY: it is a nonuser namespace.
    unsafe {
        json!({
            "type": text(nonuser::userns_nonuser_type_name(nonuser)),
            "inode": nonuser::userns_nonuser_inode(nonuser),
        })
    }
}

unsafe fn nonuser(nonuser: *const userns_nonuser) -> Value {
    // SAFETY: it is a nonuser namespace.
    unsafe {
        assert_ne!(nonuser::userns_nonuser_type(nonuser), 0);
        object(&[
            ("type", name_of(nonuser)["type"].clone()),
            ("inode", name_of(nonuser)["inode"].clone()),
            ("id", json!(nonuser::userns_nonuser_id(nonuser).to_string())),
            ("owner", inode_of(nonuser::userns_nonuser_owner(nonuser))),
            ("parent", name_of(nonuser::userns_nonuser_parent(nonuser))["inode"].clone()),
            ("member_count", json!(nonuser::userns_nonuser_member_count(nonuser))),
            ("pins", list(|count| nonuser::userns_nonuser_pins(nonuser, count), |pin| pin_of(*pin))),
        ])
    }
}

unsafe fn pin_of(pin: *const userns_pin) -> Value {
    let positive = |number: i32| if number > 0 { json!(number) } else { Value::Null };
    // SAFETY: it is a pin.
    unsafe {
        let (kind, _) = words::PINS[number(pin::userns_pin_kind(pin)) - 1];
        let is_mount = |value| if kind == "mount" { json!(value) } else { Value::Null };
        object(&[
            ("kind", json!(kind)),
            ("pid", positive(pin::userns_pin_pid(pin))),
            ("tid", positive(pin::userns_pin_tid(pin))),
            ("descriptor", positive(pin::userns_pin_descriptor(pin))),
            ("path", text(pin::userns_pin_path(pin))),
            ("overmounted", is_mount(pin::userns_pin_is_overmounted(pin))),
            ("may_be_locked", is_mount(pin::userns_pin_may_be_locked(pin))),
            ("nonuser", name_of(pin::userns_pin_nonuser(pin))),
        ])
    }
}

unsafe fn process(snapshot: *const userns_snapshot, pid: i32) -> Value {
    // SAFETY: it is a snapshot.
    unsafe {
        let mut capabilities = 0;
        assert!(process::userns_process_capabilities(snapshot, pid, &raw mut capabilities));
        object(&[
            ("pid", json!(pid)),
            ("name", text(process::userns_process_name(snapshot, pid))),
            ("uid", known(|uid| process::userns_process_uid(snapshot, pid, uid))),
            ("capabilities", json!(format!("{capabilities:016x}"))),
            ("pids", list(|count| process::userns_process_pids(snapshot, pid, count), |pid| json!(pid))),
            ("cgroup", text(process::userns_process_cgroup(snapshot, pid))),
        ])
    }
}

#[test]
fn the_functions_tell_all_that_a_file_says() {
    let file: Value = from_slice(RECORDED.as_bytes()).unwrap();
    let snapshot = load(RECORDED);
    // SAFETY: the snapshot is released at the end.
    unsafe {
        assert_eq!(list(|count| snapshot::userns_nodes(snapshot, count), |each| node(*each)), file["nodes"]);
        assert_eq!(list(|count| snapshot::userns_nonusers(snapshot, count), |each| nonuser(*each)), file["nonusers"]);
        let pids = file["processes"].as_array().unwrap().iter().map(|process| process["pid"].as_i64().unwrap() as i32);
        assert_eq!(pids.map(|pid| process(snapshot, pid)).collect::<Value>(), file["processes"]);

        assert_eq!(text(snapshot::userns_boot_id(snapshot)), file["boot_id"]);
        assert_eq!(json!(snapshot::userns_pid_namespace(snapshot)), file["pid_namespace"]);
        let time = snapshot::userns_time(snapshot);
        assert_eq!(json!({ "seconds": time / 1_000_000_000, "nanoseconds": time % 1_000_000_000 }), file["time"]);
        assert_eq!(words::SOURCES[number(snapshot::userns_source(snapshot)) - 1].0, file["source"]);
        assert_eq!(words::EMPTY_SOURCES[number(snapshot::userns_empty_source(snapshot)) - 1].0, file["empty_source"]);
        assert_eq!(snapshot::userns_source_error(snapshot), -libc::EOPNOTSUPP);
        assert!(snapshot::userns_source_log(snapshot).is_null());
        let gaps = gap::userns_gaps(snapshot);
        let counts = words::GAPS.iter().enumerate().filter(|(bit, _)| gaps >> bit & 1 != 0);
        let counts = counts.map(|(bit, word)| (word.to_string(), json!(gap::userns_gap_count(snapshot, 1 << bit))));
        assert_eq!(Value::Object(counts.collect()), file["gaps"]);
        scan::userns_free(snapshot);
    }
}

#[test]
fn what_follows_from_a_file_is_told() {
    let snapshot = load(RECORDED);
    // SAFETY: the snapshot is released at the end.
    unsafe {
        let nodes = slice::from_raw_parts(snapshot::userns_nodes(snapshot, ptr::null_mut()), 3);
        let &[root, first, second] = nodes else { panic!("{nodes:?}") };
        assert_eq!(snapshot::userns_root(snapshot), root);
        assert_eq!(snapshot::userns_self(snapshot), root);
        assert_eq!(*snapshot::userns_roots(snapshot, ptr::null_mut()), root);
        for &node in nodes {
            assert_eq!(snapshot::userns_find_inode(snapshot, node::userns_inode(node)), node);
            assert_eq!(snapshot::userns_find_id(snapshot, node::userns_id(node)), node);
            assert_eq!(snapshot::userns_find_pid(snapshot, *node::userns_pids(node, ptr::null_mut())), node);
            assert_eq!(node::userns_is_ancestor(root, node), node != root);
        }
        let same = |nodes: &[*const userns_node], ask: &dyn Fn(*mut usize) -> *const *const userns_node| {
            assert_eq!(list(ask, |node| inode_of(*node)), nodes.iter().map(|&node| inode_of(node)).collect::<Value>());
        };
        same(&[first, second], &|count| node::userns_children(root, count));
        assert!(node::userns_children(first, ptr::null_mut()).is_null());
        let owned = list(|count| node::userns_owned(first, count), |nonuser| name_of(*nonuser)["type"].clone());
        assert_eq!(owned, json!(["mnt", "net"]));

        let mut id = u32::MAX;
        assert_eq!((maps::userns_translate_uid(first, 0, root, &raw mut id), id), (0, 0));
        assert_eq!(maps::userns_translate_gid(root, 1, first, &raw mut id), -libc::ENOENT);
        assert_eq!(maps::userns_translate_projid(root, 1, first, ptr::null_mut()), -libc::EINVAL);
        let mut why = 0;
        assert_eq!((capability::userns_capable(snapshot, 1, 21, second, &raw mut why), why), (1, 3));
        assert_eq!(capability::userns_capable(snapshot, 4, 21, second, ptr::null_mut()), 0);
        assert_eq!(capability::userns_capable(snapshot, 1, -1, second, ptr::null_mut()), -libc::EINVAL);
        scan::userns_free(snapshot);
    }
}

#[test]
fn changes_point_into_both_snapshots() {
    let other = RECORDED.replace("4026532292", "4026532300").replace("\"29466393\"", "\"30\"");
    let (before, after) = (load(RECORDED), load(&other));
    let mut compared = ptr::null_mut();
    // SAFETY: all is released at the end.
    unsafe {
        assert_eq!(changes::userns_compare(before, after, &raw mut compared), 0);
        let told = list(
            |count| changes::userns_changes(compared, count),
            |&change| {
                let kind = number(changes::userns_change_kind(change));
                json!([kind, inode_of(changes::userns_change_node(change)), changes::userns_change_pid(change)])
            },
        );
        let (new, old) = (4026532300_u64, 4026532292_u64);
        let moved = [5, 7, 9].map(|pid| [json!([6, old, pid]), json!([5, new, pid])]).concat();
        assert_eq!(told, Value::Array([&[json!([1, new, 0])], &moved[..], &[json!([2, old, 0])]].concat()));
        changes::userns_changes_free(compared);
        scan::userns_free(after);
        scan::userns_free(before);
    }
}

#[test]
fn a_probe_keeps_its_reasons() {
    let made_up = Probe::made_up(libc::EPERM, &[(ReasonKind::Sysctl, "one"), (ReasonKind::Unknown, "two")]);
    let probe = userns_probe::allocate(made_up).unwrap();
    // SAFETY: the probe is released at the end.
    unsafe {
        let told = list(
            |count| probe::userns_probe_reasons(probe, count),
            |&reason| {
                let (kind, text) = (number(probe::userns_reason_kind(reason)), text(probe::userns_reason_text(reason)));
                json!([kind, probe::userns_reason_is_proved(reason), text])
            },
        );
        assert_eq!(told, json!([[6, true, "one"], [15, true, "two"]]));
        assert_eq!(probe::userns_probe_tried(probe), probe::USERNS_STEP_CREATE);
        assert_eq!(probe::userns_probe_worked(probe), 0);
        assert_eq!(probe::userns_probe_failed_step(probe), probe::USERNS_STEP_CREATE);
        assert_eq!(probe::userns_probe_error(probe), -libc::EPERM);
        probe::userns_probe_free(probe);
    }
}

/// Memory that has as many bytes as `size` says, but only the size itself if that is not valid. Nothing may be read beyond.
/// Otherwise all flags are set, so that nothing is scanned or probed.
fn check_sizes(first: usize, set_size: impl Fn(*mut u64, usize), mut call: impl FnMut(*mut u64) -> i32) {
    let mut attempt = |size: usize, allocated: usize, fill: &dyn Fn(*mut u8)| {
        let mut memory = vec![0_u64; allocated.div_ceil(size_of::<u64>())];
        fill(memory.as_mut_ptr().cast());
        set_size(memory.as_mut_ptr(), size);
        call(memory.as_mut_ptr())
    };
    for size in [0, first - 1] {
        assert_eq!(attempt(size, size_of::<usize>(), &|_| ()), -libc::EINVAL, "{size}");
    }
    for size in [4096, u32::MAX as usize] {
        assert_eq!(attempt(size, size_of::<usize>(), &|_| ()), -libc::E2BIG, "{size}");
    }
    for size in (first..first + 17).chain([4095]) {
        // SAFETY: the memory has `size` bytes.
        let set_all_flags = |bytes: *mut u8| unsafe { bytes.write_bytes(0xff, first) };
        assert_eq!(attempt(size, size, &set_all_flags), -libc::EINVAL, "{size}");
        // SAFETY: as above.
        let set_last = |bytes: *mut u8| unsafe { bytes.add(size - 1).write(1) };
        if size > first {
            assert_eq!(attempt(size, size, &set_last), -libc::E2BIG, "{size}");
        }
    }
}

#[test]
fn options_of_all_sizes_are_read() {
    // SAFETY: the options begin with their size, and have so many bytes where it is valid.
    unsafe {
        let mut snapshot = ptr::null_mut();
        let scan = |options: *mut u64| scan::userns_scan(options.cast_const().cast(), &raw mut snapshot);
        check_sizes(size_of::<userns_options>(), |to, size| to.cast::<usize>().write(size), scan);
        let mut probe = ptr::null_mut();
        let probe = |options: *mut u64| probe::userns_probe(options.cast_const().cast(), &raw mut probe);
        check_sizes(size_of::<userns_probe_options>(), |to, size| to.cast::<u32>().write(size as u32), probe);
    }
}
