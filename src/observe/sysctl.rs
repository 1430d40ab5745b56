//! Parameters of the kernel: proc_sys_kernel(5).

use super::Procfs;
use crate::error::Error;
use crate::sys::{file, if_any};
use crate::util::arrays::reserved;
use crate::util::parse;
use once_cell::race::OnceBox;
use std::ffi::CStr;

/// The length of `f6a1a3d6-7cb8-4bb1-9f5c-0d6e1f1b6f0e`.
const UUID_LENGTH: usize = 36;
/// `DEFAULT_OVERFLOWUID` of the kernel.
const DEFAULT_OVERFLOW_UID: u32 = 65534;

/// The boot id, which is read once.
pub fn boot_id(procfs: Option<&Procfs>) -> Result<Option<&'static [u8]>, Error> {
    static BOOT_ID: OnceBox<[u8; UUID_LENGTH]> = OnceBox::new();
    if let Some(id) = BOOT_ID.get() {
        return Ok(Some(id));
    }
    let mut text = [0; 64];
    let Some(id) = read_sysctl(procfs, c"sys/kernel/random/boot_id", &mut text)? else { return Ok(None) };
    // A fallible allocation of a box: through an array.
    let mut array = reserved(id.len())?;
    array.extend_from_slice(id);
    let Ok(id) = array.into_boxed_slice().try_into() else { return Ok(None) };
    Ok(Some(BOOT_ID.get_or_init(|| id)))
}

/// The UID that the kernel shows for UIDs without a mapping, see proc_sys_kernel(5).
pub fn overflow_uid(procfs: Option<&Procfs>) -> Result<u32, Error> {
    let mut text = [0; 16];
    let text = read_sysctl(procfs, c"sys/kernel/overflowuid", &mut text)?;
    let uid = text.and_then(|text| parse::number(text)?.try_into().ok());
    Ok(uid.unwrap_or(DEFAULT_OVERFLOW_UID))
}

/// The text of a file below `sys`, without its newline; `None` if it is unknown. The procfs at `/proc` is used if none is
/// given, if the given one is mounted with subset=pid, or if something is mounted over the file.
fn read_sysctl<'b>(procfs: Option<&Procfs>, path: &CStr, buffer: &'b mut [u8]) -> Result<Option<&'b [u8]>, Error> {
    let opened = procfs.map_or_else(|| Procfs::open_in_proc(path), |procfs| procfs.open_here_or_in_proc(path));
    Ok(if_any(opened.and_then(|file| file::read_start(&file, buffer)))?.map(<[u8]>::trim_ascii_end))
}
