use super::snapshot::userns_snapshot;
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
