//! Source: the host and the PID namespace that a snapshot is of.

use super::{Context, Procfs, pid_namespace};
use crate::error::Error;
use crate::sys::file;
use crate::util::parse;
use std::ffi::CStr;
use std::time::SystemTime;

/// `DEFAULT_OVERFLOWUID` of the kernel.
const DEFAULT_OVERFLOW_UID: u32 = 65534;

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
    context.facts_mut().pid_namespace = pid_namespace::of(context.procfs)?;
    Ok(())
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
    Ok(file::read_start(opened, buffer)?.map(<[u8]>::trim_ascii_end))
}
