//! The files of procfs and sysfs, opened so that nothing can wait, in the calling process.
//!
//! Anything can be mounted over such a file, see `observe/files.rs`. That file needs openat2(2) and a worker, for which a
//! filter can end the caller. Here each component of a path is opened by O_PATH, which neither asks a file server nor opens a
//! FIFO or device, and the next one is only looked up if this one is on a file system of the kernel. Only a mount that comes
//! between the last look-up and the open that follows can make the caller wait.

use crate::observe::mountinfo;
use crate::sys::Errno;
use crate::sys::file::{self, Fd};
use crate::util::arrays::push;
use std::ffi::{CStr, c_int};

/// As openat2(2) returns it.
pub const COVERED: Errno = Errno(libc::EXDEV);

/// File systems that are mounted below /proc: parts of the same procfs, or of another one.
const BELOW_PROC: [&[u8]; 1] = [b"proc"];
/// And below /sys. A tmpfs is there for version 1 of cgroups(7).
const BELOW_SYS: [&[u8]; 6] = [b"sysfs", b"tmpfs", b"cgroup", b"cgroup2", b"securityfs", b"selinuxfs"];

/// Opens a file. One below /proc is only opened on the procfs itself, and one below /sys on a file system of the kernel.
/// `COVERED`: something else is mounted there.
pub fn open(path: &CStr, flags: c_int) -> Result<Fd, Errno> {
    let text = path.to_bytes();
    if let Some(rest) = text.strip_prefix(b"/proc/") {
        return open_in_proc(&open_proc()?, rest, flags);
    }
    match text.strip_prefix(b"/sys/") {
        Some(rest) => {
            let sys = file::open(c"/sys", libc::O_PATH)?;
            is_one_of(file::status(&sys)?.device, &BELOW_SYS).then_some(()).ok_or(COVERED)?;
            open_below(&sys, rest, flags, &BELOW_SYS)
        }
        None => file::open(path, flags),
    }
}

/// Opens /proc by O_PATH. A file server is known by the permissions of its root directory, as far as that is possible without
/// asking it.
pub fn open_proc() -> Result<Fd, Errno> {
    let proc = file::open(c"/proc", libc::O_PATH)?;
    let mode = libc::S_IFDIR | 0o555;
    if file::status(&proc)?.mode == mode { Ok(proc) } else { Err(COVERED) }
}

/// Opens a file of a procfs.
pub fn open_in_proc(proc: &Fd, path: &[u8], flags: c_int) -> Result<Fd, Errno> {
    open_below(proc, path, flags, &BELOW_PROC)
}

fn open_below(directory: &Fd, path: &[u8], flags: c_int, permitted: &[&[u8]]) -> Result<Fd, Errno> {
    // Asked once for each file system on the way.
    let mut device = file::status(directory)?.device;
    let mut parent: Option<Fd> = None;
    let mut components = path.split(|&byte| byte == b'/').filter(|component| !component.is_empty()).peekable();
    while let Some(component) = components.next() {
        let from = parent.as_ref().unwrap_or(directory);
        let mut name = Vec::new();
        component.iter().chain(b"\0").try_for_each(|&byte| push(&mut name, byte))?;
        let name = CStr::from_bytes_until_nul(&name).unwrap_or_default();
        let is_last = components.peek().is_none();
        let no_follow = if is_last { flags & libc::O_NOFOLLOW } else { 0 };
        let found = file::open_at(from, name, libc::O_PATH | no_follow)?;
        let found_device = file::status(&found)?.device;
        if found_device != device && !is_one_of(found_device, permitted) {
            return Err(COVERED);
        }
        device = found_device;
        if !is_last {
            parent = Some(found);
        } else if flags & libc::O_PATH != 0 {
            return Ok(found);
        } else {
            return file::open_at(from, name, flags | libc::O_NONBLOCK | libc::O_NOCTTY);
        }
    }
    Err(Errno(libc::ENOENT))
}

/// Whether a device number is that of a file system of one of these types.
fn is_one_of(device: u64, types: &[&[u8]]) -> bool {
    if types.is_empty() {
        return false;
    }
    // Without types: what is mounted over this file decides nothing.
    let opened = open_proc().and_then(|proc| open_below(&proc, b"self/mountinfo", libc::O_RDONLY, &[]));
    let Ok(mounts) = opened.and_then(|file| read_text(&file)) else { return false };
    let found = mountinfo::mounts(&mounts).find(|mount| libc::makedev(mount.device.0, mount.device.1) == device);
    found.is_some_and(|mount| types.contains(&mount.file_system))
}

/// The text of an open file, at most its first MiB.
pub fn read_text(file: &Fd) -> Result<Vec<u8>, Errno> {
    const MOST: usize = 1024 * 1024;
    let mut text = Vec::new();
    let mut filled = 0;
    while filled < MOST {
        text.try_reserve(4096)?;
        text.resize(filled + 4096, 0);
        match file::read(file, &mut text[filled..])? {
            0 => break,
            length => filled += length,
        }
    }
    text.truncate(filled);
    Ok(text)
}
