//! What keeps parts of the host out of this caller's sight.

use super::procfs::{Processes, Procfs};
use super::{Holders, parse_number};
use crate::error::Error;
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, if_any, process};

/// `PROC_PID_INIT_INO` of the kernel: the inode number of the initial PID namespace.
const INITIAL_PID_NAMESPACE: &[u8] = b"pid:[4026531836]";
/// `PF_KTHREAD` of the kernel, in the flags of proc_pid_stat(5).
const PF_KTHREAD: u64 = 0x0020_0000;

/// `DEFAULT_OVERFLOWUID` of the kernel.
const DEFAULT_OVERFLOW_UID: u32 = 65534;

/// Why a scan may not show everything. Each is false where nothing was missed for that reason.
///
/// ```
/// let gaps = userns::scan()?.gaps();
/// if gaps != userns::Gaps::default() {
///     eprintln!("the scan may have missed something: {gaps:?}");
/// }
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
#[non_exhaustive]
pub struct Gaps {
    /// Some processes could not be read; [`Snapshot::unreadable`](crate::Snapshot::unreadable) counts them.
    pub unreadable: bool,
    /// The procfs hides processes from this caller (its mount option `hidepid`, see proc(5)), or may hide some.
    pub hidepid: bool,
    /// The procfs belongs to a PID namespace that is not the initial one, or may belong to one: processes outside it
    /// have no directory there.
    pub pidns: bool,
    /// The caller is not in the initial user namespace, or may not be in it: namespaces above and beside its own are
    /// out of its reach.
    pub nested: bool,
    /// Namespaces that some threads are in could not be read or opened, so that what owns them can be missing.
    pub links: bool,
    /// The descriptors of some processes could not be read;
    /// [`Snapshot::unreadable_descriptors`](crate::Snapshot::unreadable_descriptors) counts these.
    pub descriptors: bool,
    /// The network namespaces of some sockets could not be found out.
    pub sockets: bool,
    /// The mounts of some processes, or some mounts of a namespace, could not be read, or some mounted namespaces not be
    /// opened; [`Snapshot::unreadable_mounts`](crate::Snapshot::unreadable_mounts) and
    /// [`Snapshot::unopened_mounts`](crate::Snapshot::unopened_mounts) count these.
    pub mounts: bool,
    /// There are mount namespaces that no process lives in. What is mounted in them was not looked at.
    pub mount_namespaces: bool,
}

impl Gaps {
    pub(crate) fn of(
        procfs: &Procfs,
        through_procfs: bool,
        pidns: bool,
        processes: &Processes,
        holders: &Holders,
        nested: bool,
    ) -> Result<Gaps, Error> {
        let evidence = processes.refused_by_hidepid || (processes.listed_any && !processes.listed_init);
        Ok(Gaps {
            unreadable: processes.unreadable > 0,
            // The options of a procfs are of no concern to a BPF program.
            hidepid: through_procfs && (evidence || hides_processes(procfs, nested)?),
            pidns,
            nested,
            links: holders.missed.links > 0,
            descriptors: holders.missed.descriptors > 0,
            sockets: holders.missed.sockets > 0,
            mounts: holders.missed.mounts > 0 || holders.missed.unopened_mounts > 0,
            mount_namespaces: holders.missed.mount_namespaces > 0,
        })
    }
}

/// Whether the mount options of the procfs hide processes from the calling thread, proc(5). True where the options are
/// out of sight, which they are for a procfs that is not mounted in the caller's mount namespace.
fn hides_processes(procfs: &Procfs, nested: bool) -> Result<bool, Error> {
    if !nested && process::has_cap_sys_ptrace() {
        return Ok(false);
    }
    let mountinfo = match if_any(file::open_at(procfs.root(), c"self/mountinfo", libc::O_RDONLY))? {
        // A procfs of a PID namespace that the caller is not in can be mounted in its mount namespace nevertheless.
        None => if_any(file::open(c"/proc/self/mountinfo", libc::O_RDONLY))?,
        opened => opened,
    };
    let Some(mountinfo) = mountinfo else { return Ok(true) };
    let mountinfo = match file::read_to_end(&mountinfo) {
        Err(error) if !error.is_exhaustion() => return Ok(true),
        read => read?,
    };
    let device = procfs.device() as libc::dev_t;
    let Some(options) = super_options(&mountinfo, (libc::major(device), libc::minor(device))) else {
        return Ok(true);
    };
    match option(options, b"hidepid") {
        None | Some(b"0" | b"off") => Ok(false),
        Some(b"4" | b"ptraceable") => Ok(true), // exempts no group
        Some(_) if nested => Ok(true),          // the group is shown as the initial user namespace numbers it
        Some(_) => {
            let group = option(options, b"gid").and_then(parse_number).unwrap_or(0);
            Ok(!process::is_in_group(group as libc::gid_t)?)
        }
    }
}

/// The options of the file system on `device`, from proc_pid_mountinfo(5):
/// `22 27 0:21 / /proc rw,relatime - proc proc rw,hidepid=invisible`.
fn super_options(mountinfo: &[u8], device: (u32, u32)) -> Option<&[u8]> {
    mountinfo.split(|&byte| byte == b'\n').find_map(|line| {
        let mut fields = line.split(|&byte| byte == b' ');
        let mut numbers = fields.nth(2)?.splitn(2, |&byte| byte == b':').map(parse_number);
        let same = numbers.next()?? == u64::from(device.0) && numbers.next()?? == u64::from(device.1);
        fields.find(|&field| field == b"-")?;
        fields.nth(2).filter(|_| same)
    })
}

/// The value of `name=value` among options that commas separate.
fn option<'t>(options: &'t [u8], name: &[u8]) -> Option<&'t [u8]> {
    options.split(|&byte| byte == b',').find_map(|option| option.strip_prefix(name)?.strip_prefix(b"="))
}

/// Whether the caller is in the initial PID namespace, and is shown. Then this is the procfs of that, as `self` leads only
/// to a process of its PID namespace or of one below.
pub fn is_caller_in_initial_pid_namespace(procfs: &Procfs) -> bool {
    let mut text = [0; 32];
    matches!(file::read_link_at(procfs.root(), c"self/ns/pid", &mut text), Ok(INITIAL_PID_NAMESPACE))
}

/// Whether this procfs shows kthreadd. A caller in another PID namespace knows that of the initial one by it: kernel
/// threads live only there.
pub fn shows_kthreadd(procfs: &Procfs) -> Result<bool, Error> {
    let mut stat = [0; 512];
    let stat = read_start(file::open_at(procfs.root(), c"2/stat", libc::O_RDONLY), &mut stat)?;
    Ok(stat.and_then(flags_of).is_some_and(|flags| flags & PF_KTHREAD != 0))
}

/// What the kernel shows in place of a UID that the caller's namespace does not map, see proc_sys_kernel(5).
pub fn overflow_uid(procfs: &Procfs) -> Result<u32, Error> {
    let mut text = [0; 16];
    let opened = file::open_at(procfs.root(), c"sys/kernel/overflowuid", libc::O_RDONLY)
        // A procfs that is mounted with subset=pid has no such file.
        .or_else(|_| file::open(c"/proc/sys/kernel/overflowuid", libc::O_RDONLY));
    let text = read_start(opened, &mut text)?;
    let uid = text.and_then(|text| parse_number(text.trim_ascii_end())?.try_into().ok());
    Ok(uid.unwrap_or(DEFAULT_OVERFLOW_UID))
}

/// As much of a file as `buffer` holds; `None` if it cannot be read.
fn read_start(opened: Result<Fd, Errno>, buffer: &mut [u8]) -> Result<Option<&[u8]>, Error> {
    let read = opened.and_then(|file| file::read(&file, buffer));
    Ok(if_any(read)?.map(|length| &buffer[..length]))
}

/// The flags in proc_pid_stat(5); the name before them stands in parentheses and can contain spaces and more of these.
fn flags_of(stat: &[u8]) -> Option<u64> {
    let after_name = stat.iter().rposition(|&byte| byte == b')')? + 1;
    parse_number(stat[after_name..].split(|&byte| byte == b' ').nth(7)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MOUNTINFO: &[u8] = b"\
22 27 0:21 / /proc rw,relatime shared:13 master:1 - proc proc rw,gid=7,hidepid=invisible\n\
30 27 0:210 / /a\\040-\\040b rw - tmpfs tmp\xff rw,hidepid=2\n\
31 27 0:4 net:[4026532177] /n rw - nsfs nsfs rw\n";

    #[test]
    fn options_of_the_file_system_on_a_device() {
        assert_eq!(super_options(MOUNTINFO, (0, 21)), Some(&b"rw,gid=7,hidepid=invisible"[..]));
        assert_eq!(super_options(MOUNTINFO, (0, 210)), Some(&b"rw,hidepid=2"[..]));
        assert_eq!(super_options(MOUNTINFO, (1, 21)), None);
        assert_eq!(super_options(b"", (0, 21)), None);
    }

    #[test]
    fn value_of_an_option() {
        assert_eq!(option(b"rw,gid=7,hidepid=invisible", b"hidepid"), Some(&b"invisible"[..]));
        assert_eq!(option(b"rw,gid=7", b"gid"), Some(&b"7"[..]));
        assert_eq!(option(b"rw,xgid=7,gid", b"gid"), None);
    }

    #[test]
    fn flags_behind_any_name() {
        assert_eq!(flags_of(b"2 (kthreadd) S 0 0 0 0 -1 2129984 0 0\n"), Some(2129984));
        assert_eq!(flags_of(b"2 (a) S 1 (b)) S 0 0 0 0 -1 64 0 0\n"), Some(64));
        assert_eq!(flags_of(b"2 (cut"), None);
    }
}
