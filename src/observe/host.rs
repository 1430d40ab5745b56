//! Source: the host and the PID namespace that a snapshot is of.

use super::{Context, Procfs};
use crate::error::Error;
use crate::facts::{NamespaceType, parse_link};
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, if_any};
use crate::util::parse;
use std::ffi::CStr;
use std::time::SystemTime;

/// `PROC_PID_INIT_INO` of the kernel: the inode number of the initial PID namespace.
const INITIAL_PID_NAMESPACE: u64 = 4026531836;
/// `DEFAULT_OVERFLOWUID` of the kernel.
const DEFAULT_OVERFLOW_UID: u32 = 65534;
/// `PF_KTHREAD` of the kernel, in the flags of proc_pid_stat(5).
const PF_KTHREAD: u64 = 0x0020_0000;

/// Records the time, the boot, and the PID namespace of the procfs.
pub fn record(context: &mut Context) -> Result<(), Error> {
    // Before 1970 and after 2554 the time is unknown.
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    context.facts_mut().time = u64::try_from(now.as_nanos()).unwrap_or(0);
    let mut text = [0; 64];
    if let Some(id) = read_sysctl(context.procfs, c"sys/kernel/random/boot_id", &mut text)? {
        let facts = context.facts_mut();
        facts.boot_id = Some(facts.text.add(id)?);
    }
    context.facts_mut().pid_namespace = pid_namespace(context.procfs)?;
    Ok(())
}

/// The PID namespace whose numbers a procfs shows.
fn pid_namespace(procfs: &Procfs) -> Result<Option<u64>, Error> {
    // `self` leads only to a process of this PID namespace or of a descendant. The initial one is no descendant.
    let own = callers_pid_namespace(procfs);
    if own == Some(INITIAL_PID_NAMESPACE) {
        return Ok(own);
    }
    match link_to_pid_namespace(procfs, c"1/ns/pid") {
        None if shows_callers_pid_namespace(procfs)? => Ok(own),
        init => Ok(init),
    }
}

/// Whether the caller is in the initial PID namespace and the procfs shows it. Then the procfs is of that namespace, too.
pub fn is_caller_in_initial_pid_namespace(procfs: &Procfs) -> bool {
    callers_pid_namespace(procfs) == Some(INITIAL_PID_NAMESPACE)
}

/// The caller's PID namespace, if the procfs shows the caller.
fn callers_pid_namespace(procfs: &Procfs) -> Option<u64> {
    link_to_pid_namespace(procfs, c"self/ns/pid")
}

fn link_to_pid_namespace(procfs: &Procfs, path: &CStr) -> Option<u64> {
    let mut text = [0; 32];
    match parse_link(file::read_link_at(procfs.root(), path, &mut text).ok()?)? {
        (NamespaceType::Pid, inode) => Some(inode),
        _ => None,
    }
}

/// Whether the procfs is of the caller's PID namespace: then NSpid in proc_pid_status(5) has one number.
pub fn shows_callers_pid_namespace(procfs: &Procfs) -> Result<bool, Error> {
    let Some(status) = if_any(file::open_at(procfs.root(), c"self/status", libc::O_RDONLY))? else { return Ok(false) };
    let status = file::read_to_end(&status)?;
    Ok(parse::value_of(&status, b"NSpid").and_then(parse::number).is_some())
}

/// Whether the procfs is of the initial PID namespace: only that one has kernel threads, of which kthreadd has PID 2.
pub fn is_of_initial_pid_namespace(procfs: &Procfs, inode: Option<u64>) -> Result<bool, Error> {
    if inode == Some(INITIAL_PID_NAMESPACE) {
        return Ok(true);
    }
    let mut stat = [0; 512];
    let stat = read_start(file::open_at(procfs.root(), c"2/stat", libc::O_RDONLY), &mut stat)?;
    Ok(stat.and_then(flags_of).is_some_and(|flags| flags & PF_KTHREAD != 0))
}

/// The UID that the kernel shows for UIDs without a mapping, see proc_sys_kernel(5).
pub fn overflow_uid(procfs: &Procfs) -> Result<u32, Error> {
    let mut text = [0; 16];
    let text = read_sysctl(procfs, c"sys/kernel/overflowuid", &mut text)?;
    let uid = text.and_then(|text| parse::number(text)?.try_into().ok());
    Ok(uid.unwrap_or(DEFAULT_OVERFLOW_UID))
}

/// The text of a file below `sys`, without its newline. The procfs at `/proc` serves if this one is mounted with
/// subset=pid.
fn read_sysctl<'b>(procfs: &Procfs, path: &CStr, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Error> {
    let opened = file::open_at(procfs.root(), path, libc::O_RDONLY).or_else(|_| {
        let usual = file::open(c"/proc", libc::O_PATH | libc::O_DIRECTORY)?;
        file::open_at(&usual, path, libc::O_RDONLY)
    });
    Ok(read_start(opened, buffer)?.map(<[u8]>::trim_ascii_end))
}

/// The start of a file, up to the size of the buffer; `None` if it cannot be read.
fn read_start(opened: Result<Fd, Errno>, buffer: &mut [u8]) -> Result<Option<&[u8]>, Error> {
    let read = opened.and_then(|file| file::read(&file, buffer));
    Ok(if_any(read)?.map(|length| &buffer[..length]))
}

/// The flags in proc_pid_stat(5). They follow the name, which is in parentheses and can contain blanks and parentheses.
fn flags_of(stat: &[u8]) -> Option<u64> {
    let after_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    parse::number(stat[after_name..].split(|&byte| byte == b' ').nth(7)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_follow_any_name() {
        assert_eq!(flags_of(b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0\n"), Some(2129984));
        assert_eq!(flags_of(b"2 (a) S 1 (b)) S 0 0 0 0 -1 64 0 0\n"), Some(64));
        assert_eq!(flags_of(b"2 (cut"), None);
    }
}
