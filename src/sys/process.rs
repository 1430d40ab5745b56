//! The calling thread: capget(2), getuid(2), getgroups(2), getrlimit(2), prctl(2), sched_yield(2).

use super::file::Status;
use super::{Errno, check, if_any};
use std::ffi::c_long;

/// Capabilities, by their numbers in linux/capability.h.
#[derive(Clone, Copy)]
pub enum Capability {
    SetGid = 6,
    SetUid = 7,
    NetAdmin = 12,
    SysPtrace = 19,
    SysAdmin = 21,
    SysResource = 24,
    SetFileCap = 31,
}

/// `_LINUX_CAPABILITY_VERSION_3`.
const VERSION_3: u32 = 0x2008_0522;

#[repr(C)]
struct CapHeader {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default)]
struct CapData {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Whether a capability is in the calling thread's effective set. False if a security policy refuses to tell.
pub fn has(capability: Capability) -> bool {
    find(capability).unwrap_or(false)
}

/// The same, or why the kernel does not tell. AppArmor takes away what the profile of the thread does not permit:
/// `apparmor_capget()` of the kernel. /proc/self/status has the set without that.
pub fn find(capability: Capability) -> Result<bool, Errno> {
    let mut header = CapHeader { version: VERSION_3, pid: 0 };
    let mut data = [CapData::default(); 2];
    // SAFETY: version 3 reads one header and writes two data structures.
    check(unsafe { libc::syscall(libc::SYS_capget, &raw mut header, data.as_mut_ptr()) })?;
    Ok(data[0].effective & (1 << capability as u32) != 0)
}

/// Whether it is known not to be there.
pub fn lacks(capability: Capability) -> bool {
    find(capability) == Ok(false)
}

/// The effective UID and GID of the calling thread.
pub fn effective_ids() -> (libc::uid_t, libc::gid_t) {
    // SAFETY: the calls take nothing and cannot fail.
    unsafe { (libc::geteuid(), libc::getegid()) }
}

/// The real UID of the calling thread, of which processes are counted for RLIMIT_NPROC.
pub fn real_uid() -> libc::uid_t {
    // SAFETY: the call takes nothing and cannot fail.
    unsafe { libc::getuid() }
}

/// The soft limit RLIMIT_NPROC, see getrlimit(2); `None` if it is unlimited.
pub fn process_limit() -> Option<u64> {
    let mut limit = libc::rlimit64 { rlim_cur: libc::RLIM64_INFINITY, rlim_max: libc::RLIM64_INFINITY };
    // SAFETY: the call writes the structure.
    unsafe { libc::getrlimit64(libc::RLIMIT_NPROC, &raw mut limit) };
    (limit.rlim_cur != libc::RLIM64_INFINITY).then_some(limit.rlim_cur)
}

/// An attribute of the calling process or thread, see prctl(2): PR_GET_DUMPABLE, PR_GET_NO_NEW_PRIVS or PR_GET_SECCOMP.
pub fn attribute(operation: libc::c_int) -> Option<usize> {
    prctl(operation, 0).ok()
}

/// Makes the calling process not dumpable.
pub fn forbid_tracing() -> Result<(), Errno> {
    prctl(libc::PR_SET_DUMPABLE, 0).map(drop)
}

/// Makes sure that the calling process ends with its parent, unless that has ended already.
pub fn end_with_parent() {
    let _ = prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL as c_long);
}

fn prctl(operation: libc::c_int, argument: c_long) -> Result<usize, Errno> {
    let none = 0 as c_long;
    // SAFETY: the operations used here take no pointer.
    check(unsafe { libc::syscall(libc::SYS_prctl, c_long::from(operation), argument, none, none, none) })
}

/// Whether a group is the effective or a supplementary group of the calling process; false if a security policy refuses
/// getgroups(2).
pub fn is_in_group(gid: libc::gid_t) -> Result<bool, Errno> {
    // SAFETY: the call takes no pointer.
    if unsafe { libc::getegid() } == gid {
        return Ok(true);
    }
    Ok(if_any(groups())?.is_some_and(|groups| groups.contains(&gid)))
}

/// Lets other threads run first.
pub fn yield_processor() {
    // SAFETY: the call takes no argument.
    unsafe { libc::sched_yield() };
}

/// Whether the permission bits of a file let the calling process read it, except for access control lists and
/// capabilities other than root's.
pub fn may_read(file: &Status) -> Result<bool, Errno> {
    // SAFETY: the call takes nothing and cannot fail.
    let bits = match unsafe { libc::geteuid() } {
        0 => return Ok(true),
        uid if uid == file.uid => file.mode >> 6,
        _ if is_in_group(file.gid)? => file.mode >> 3,
        _ => file.mode,
    };
    Ok(bits & libc::S_IROTH != 0)
}

fn groups() -> Result<Vec<libc::gid_t>, Errno> {
    loop {
        // SAFETY: a size of 0 asks only for the number of groups.
        let count = check(unsafe { libc::getgroups(0, std::ptr::null_mut()) }.into())?;
        let mut groups: Vec<libc::gid_t> = Vec::new();
        groups.try_reserve_exact(count)?;
        groups.resize(count, 0);
        // SAFETY: the kernel writes at most `count` groups.
        match check(unsafe { libc::getgroups(count as libc::c_int, groups.as_mut_ptr()) } as c_long) {
            Ok(filled) => groups.truncate(filled),
            Err(Errno(libc::EINVAL)) => continue, // more groups than a moment ago
            Err(error) => return Err(error),
        }
        return Ok(groups);
    }
}
