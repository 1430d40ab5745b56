use super::snapshot::userns_snapshot;
use super::{array, write_if_some};
use std::ffi::{CStr, c_char};
use std::ptr;

/// == Processes ==
///
/// Get the command name of a process (USERNS_SCAN_NAMES): the bytes of /proc/PID/comm, see
/// proc_pid_comm(5): at most 15 of a program, more of some kernel threads. With USERNS_SCAN_BPF
/// they are at most 15 of any: the file adds to the name of a kernel worker what it works on. They
/// can be any bytes except NUL. Escape them before printing.
///
/// pid: the PID of a process in the snapshot.
///
/// Returns an empty string if the process ended before its name was read, or if its name
/// could not be read (USERNS_GAP_NAMES); NULL if the scan did not see the process
/// or did not read names. If the PID was reused during the scan, the name can be that of the
/// new process.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_process_name(snapshot: *const userns_snapshot, pid: libc::pid_t) -> *const c_char {
    // SAFETY: the caller passes NULL or a snapshot.
    let name = unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.tree().process_name(pid));
    name.map_or(ptr::null(), CStr::as_ptr)
}

/// Get the effective UID of a process (USERNS_SCAN_CREDENTIALS), see credentials(7), as the
/// caller's user namespace maps it. It is that of the thread-group leader: the kernel lets each
/// thread have credentials of its own.
///
/// The scan also reads the credentials of processes whose user namespace it cannot read
/// (USERNS_GAP_UNREADABLE). userns_find_pid() then returns NULL.
///
/// pid: the PID of a process in the snapshot, or of one that is in no node.
/// uid: receives the UID; may be NULL.
///
/// Returns false, and leaves *uid unchanged, if the UID is unknown: the scan did not see the
/// process or did not read credentials; the process ended before they were read; they could not
/// be read (USERNS_GAP_CREDENTIALS); or the caller is in a nested user namespace that shows the
/// UID as the overflow UID, which stands for all unmapped UIDs.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_process_uid(
    snapshot: *const userns_snapshot,
    pid: libc::pid_t,
    uid: *mut libc::uid_t,
) -> bool {
    // SAFETY: the caller passes NULL or a snapshot.
    let known = unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.tree().process_uid(pid));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { write_if_some(known, uid) }
}

/// Get the effective capabilities of a process (USERNS_SCAN_CREDENTIALS), which it has in its user
/// namespace, see capabilities(7): the bit 1 << 21 is CAP_SYS_ADMIN. They are those of the
/// thread-group leader. userns_capable() answers what they permit.
///
/// pid: as for userns_process_uid().
/// capabilities: receives the bits; may be NULL.
///
/// Returns false, and leaves *capabilities unchanged, if they are unknown, as for
/// userns_process_uid(); but they do not depend on the caller's user namespace.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_process_capabilities(
    snapshot: *const userns_snapshot,
    pid: libc::pid_t,
    capabilities: *mut u64,
) -> bool {
    // SAFETY: the caller passes NULL or a snapshot.
    let known = unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.tree().process_capabilities(pid));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { write_if_some(known, capabilities) }
}

/// List the PIDs that a process has (USERNS_SCAN_CREDENTIALS), see pid_namespaces(7): in the PID
/// namespace of the scanned procfs, which is pid itself, then in each nested PID namespace down to
/// its own.
///
/// pid: as for userns_process_uid().
///
/// Returns an array of *count PIDs; empty if they are unknown, as for userns_process_uid().
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_process_pids(
    snapshot: *const userns_snapshot,
    pid: libc::pid_t,
    count: *mut usize,
) -> *const libc::pid_t {
    // SAFETY: the caller passes NULL or a snapshot.
    let pids = unsafe { snapshot.as_ref() }.map_or(&[][..], |snapshot| snapshot.tree().process_pids(pid));
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(pids, count) }
}

/// Get the cgroup of a process (USERNS_SCAN_CGROUPS): its path in the hierarchy of cgroup
/// version 2, as /proc/PID/cgroup shows it to the caller, see cgroups(7). A path outside the
/// caller's cgroup namespace begins with "/..", see cgroup_namespaces(7). The path ends with
/// " (deleted)" if the cgroup was removed and the process is a zombie. It can contain any bytes
/// except NUL and newline. Escape them before printing.
///
/// pid: as for userns_process_uid().
///
/// Returns NULL if the path is unknown: the scan did not see the process or did not read cgroups;
/// the process ended before its path was read; the path could not be read (USERNS_GAP_CGROUPS);
/// or the host has used no cgroups of version 2 since it started. On a host with both versions,
/// controllers can be in hierarchies of version 1, whose paths are not told. If the PID was reused
/// during the scan, the path can be that of the new process.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_process_cgroup(snapshot: *const userns_snapshot, pid: libc::pid_t) -> *const c_char {
    // SAFETY: the caller passes NULL or a snapshot.
    let path = unsafe { snapshot.as_ref() }.and_then(|snapshot| snapshot.tree().process_cgroup(pid));
    path.map_or(ptr::null(), CStr::as_ptr)
}
