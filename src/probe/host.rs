//! What files tell about the host and the caller. A file that cannot be read tells nothing.
//!
//! They are opened in the calling process, without a worker, whose clone3(2) a filter can punish. A file server that is mounted
//! over one in /proc or /sys is not asked, see `pseudo.rs`; one that has /etc or /usr can make the caller wait.

use super::pseudo;
use super::sentence::{Sentence, sentence};
use crate::error::Error;
use crate::facts::{INITIAL_PID_NAMESPACE, INITIAL_USER_NAMESPACE, add_map};
use crate::idmap::translate;
use crate::observe::mountinfo::{self, Mount};
use crate::sys::file;
use crate::sys::process::{self, Capability};
use crate::sys::trial::Step;
use crate::sys::{Errno, if_any, pidfd, stream};
use crate::util::parse;
use std::ffi::{CStr, c_int};

const FLAGS: c_int = libc::O_RDONLY | libc::O_NONBLOCK | libc::O_NOCTTY;
/// `PROC_SUPER_MAGIC` of linux/magic.h.
const PROC_SUPER_MAGIC: u32 = 0x9fa0;
const WORKING_DIRECTORY: c_int = libc::AT_FDCWD;
/// `DEFAULT_OVERFLOWUID` of linux/highuid.h.
const DEFAULT_OVERFLOW: u64 = 65_534;

/// The caller, as it is seen by the checks of the kernel.
pub struct Caller {
    pub uid: u32,
    pub gid: u32,
    /// `None` if that is unknown.
    pub is_in_initial: Option<bool>,
    /// In the initial PID namespace, whose procfs has all processes; false if that is unknown.
    pub sees_all_processes: bool,
    pub uid_mapping: Mapping,
    pub gid_mapping: Mapping,
    /// CAP_SYS_ADMIN in the caller's own user namespace; true if that is unknown.
    pub is_admin: bool,
    /// prctl(2) PR_GET_DUMPABLE; true if that is unknown.
    pub is_dumpable: bool,
    pub has_no_new_privs: bool,
    /// prctl(2) PR_GET_SECCOMP; true if that is unknown.
    pub may_be_filtered: bool,
    /// Debian's sysctl `kernel.unprivileged_userns_clone`.
    pub clone_sysctl: Option<u64>,
}

impl Caller {
    pub fn find() -> Result<Caller, Error> {
        let (uid, gid) = process::effective_ids();
        let directory = pseudo::open(c"/proc/self/ns", libc::O_PATH);
        let inode = |name| -> Result<Option<u64>, Error> {
            let found =
                directory.as_ref().map_err(|&errno| errno).and_then(|directory| file::status_at(directory, name));
            Ok(if_any(found)?.map(|namespace| namespace.inode))
        };
        Ok(Caller {
            uid,
            gid,
            is_in_initial: inode(c"user")?.map(|own| own == INITIAL_USER_NAMESPACE),
            sees_all_processes: inode(c"pid")? == Some(INITIAL_PID_NAMESPACE),
            uid_mapping: mapping(c"/proc/self/uid_map", uid, c"/proc/sys/kernel/overflowuid")?,
            gid_mapping: mapping(c"/proc/self/gid_map", gid, c"/proc/sys/kernel/overflowgid")?,
            is_admin: !process::lacks(Capability::SysAdmin),
            is_dumpable: process::attribute(libc::PR_GET_DUMPABLE).is_none_or(|value| value == 1),
            has_no_new_privs: process::attribute(libc::PR_GET_NO_NEW_PRIVS) == Some(1),
            may_be_filtered: process::attribute(libc::PR_GET_SECCOMP) != Some(0),
            clone_sysctl: number(c"/proc/sys/kernel/unprivileged_userns_clone")?,
        })
    }

    /// One in the initial user namespace, with or without CAP_SYS_ADMIN.
    #[cfg(test)]
    pub fn made_up(is_admin: bool) -> Caller {
        Caller {
            uid: 1000,
            gid: 1000,
            is_in_initial: Some(true),
            sees_all_processes: true,
            uid_mapping: Mapping::Mapped,
            gid_mapping: Mapping::Mapped,
            is_admin,
            is_dumpable: true,
            has_no_new_privs: false,
            may_be_filtered: false,
            clone_sysctl: None,
        }
    }

    /// Whether the kernel takes the caller for an ordinary user: it lacks CAP_SYS_ADMIN in the initial user namespace.
    pub fn is_ordinary(&self) -> bool {
        !self.is_admin || self.is_in_initial == Some(false)
    }

    /// Whether Debian's sysctl keeps the process that makes a step from making a user namespace. The one inside has no
    /// capability in the initial user namespace, whoever the caller is.
    pub fn is_refused_by_sysctl(&self, step: Step) -> bool {
        self.clone_sysctl == Some(0) && (step == Step::Nested || self.is_ordinary())
    }
}

/// Whether an id of the caller is mapped in its user namespace.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Mapping {
    Unmapped,
    Mapped,
    /// The map has the id that the kernel shows, but it shows the same one for all that are not mapped.
    Ambiguous,
    Unknown,
}

/// What a file such as proc_pid_uid_map(5) tells about an id that the kernel shows, and the file with the id that it shows for
/// those that are not mapped.
fn mapping(path: &CStr, id: u32, overflow: &CStr) -> Result<Mapping, Error> {
    let Some(text) = text(path)? else { return Ok(Mapping::Unknown) };
    Ok(mapping_in(&text, id, number(overflow)?.unwrap_or(DEFAULT_OVERFLOW))?)
}

fn mapping_in(text: &[u8], id: u32, overflow: u64) -> Result<Mapping, Errno> {
    let mut map = Vec::new();
    // Inside and outside are the same here, so that the translation finds the id.
    if add_map(&mut map, text, true)?.is_none() {
        return Ok(Mapping::Unknown);
    }
    let is_whole = translate(Some(&map), u32::MAX - 1, Some(&map)).is_ok(); // as in the initial user namespace
    Ok(match translate(Some(&map), id, Some(&map)) {
        Err(_) => Mapping::Unmapped,
        Ok(_) if u64::from(id) == overflow && !is_whole => Mapping::Ambiguous,
        Ok(_) => Mapping::Mapped,
    })
}

/// Whether a child of the calling thread would be the first process of a PID namespace, see `Procfs::would_child_be_first()`:
/// the link for children leads nowhere, or to a namespace without process 1, but that of the thread itself does.
pub fn would_child_be_first() -> Result<bool, Error> {
    let directory = pseudo::open(c"/proc/thread-self/ns", libc::O_PATH);
    let Some(directory) = if_any(directory)? else {
        // Without a procfs, by a pidfd. A filter can end the caller for it.
        let is_filtered = process::attribute(libc::PR_GET_SECCOMP) != Some(0);
        return Ok(!is_filtered && pidfd::would_child_be_first()?);
    };
    const FOR_CHILDREN: &CStr = c"pid_for_children"; // since Linux 4.12
    let (mut own, mut for_children) = ([0; 32], [0; 32]);
    let Some(own) = if_any(file::read_link_at(&directory, c"pid", &mut own))? else { return Ok(false) };
    match file::read_link_at(&directory, FOR_CHILDREN, &mut for_children) {
        Err(errno) if errno.is_exhaustion() => Err(errno.into()),
        Err(Errno(libc::ENOENT)) => {
            Ok(if_any(file::open_at(&directory, FOR_CHILDREN, libc::O_PATH | libc::O_NOFOLLOW))?.is_some())
        }
        // In Linux 7.3 the link leads to the namespace.
        Ok(link) if link != own => {
            let opened = if_any(file::open_at(&directory, FOR_CHILDREN, libc::O_RDONLY))?;
            Ok(opened.is_some_and(|namespace| pidfd::lacks_first_process(&namespace)))
        }
        _ => Ok(false),
    }
}

/// The text of a file, at most its first MiB.
fn text(path: &CStr) -> Result<Option<Vec<u8>>, Error> {
    Ok(if_any(open_and_read(path))?)
}

fn open_and_read(path: &CStr) -> Result<Vec<u8>, Errno> {
    pseudo::read_text(&pseudo::open(path, FLAGS)?)
}

/// The same, empty if there is no such file; `None` if it cannot be read.
pub fn read_or_empty(path: &CStr) -> Result<Option<Vec<u8>>, Error> {
    match open_and_read(path) {
        Err(Errno(libc::ENOENT)) => Ok(Some(Vec::new())),
        result => Ok(if_any(result)?),
    }
}

/// The same, without blanks at the end.
pub fn read(path: &CStr) -> Result<Option<Vec<u8>>, Error> {
    let mut text = text(path)?;
    if let Some(text) = &mut text {
        text.truncate(text.trim_ascii_end().len());
    }
    Ok(text)
}

/// The number in a file.
pub fn number(path: &CStr) -> Result<Option<u64>, Error> {
    Ok(read(path)?.as_deref().and_then(parse::number))
}

/// Writes a question to a file that answers it, and reads the answer.
pub fn ask(path: &CStr, question: &[u8]) -> Result<Option<Vec<u8>>, Error> {
    let Some(file) = if_any(pseudo::open(path, FLAGS | libc::O_RDWR))? else { return Ok(None) };
    if if_any(stream::write_all(&file, question))?.is_none() {
        return Ok(None);
    }
    Ok(if_any(pseudo::read_text(&file))?)
}

/// Whether a capability is missing in the effective set of the caller, whatever a security module takes away.
pub fn lacks(capability: Capability) -> Result<bool, Error> {
    Ok(is_in_set(b"CapEff", capability)? == Some(false))
}

/// Whether the caller keeps a capability when it executes a program without privileges.
pub fn is_ambient(capability: Capability) -> Result<bool, Error> {
    Ok(is_in_set(b"CapAmb", capability)? == Some(true))
}

/// `None`: the set cannot be read.
fn is_in_set(name: &[u8], capability: Capability) -> Result<Option<bool>, Error> {
    let status = text(c"/proc/self/status")?.unwrap_or_default();
    let set = parse::value_of(&status, name).and_then(parse::hexadecimal);
    Ok(set.map(|set| set & (1 << capability as u32) != 0))
}

/// Whether a path exists, also if it may not be looked up, or something else is mounted there.
pub fn exists(path: &CStr) -> Result<bool, Error> {
    match pseudo::open(path, libc::O_PATH | libc::O_NOFOLLOW) {
        Err(errno) if errno.is_exhaustion() => Err(errno.into()),
        opened => Ok(!matches!(opened, Err(Errno(libc::ENOENT | libc::ENOTDIR)))),
    }
}

/// Whether the root directory of the caller is below that of a mount, which that of a mount namespace never is. `None` if that
/// is unknown: before Linux 5.8.
pub fn is_root_below_mount() -> Result<Option<bool>, Error> {
    let root = if_any(file::status_at(&file::borrow(WORKING_DIRECTORY), c"/"))?;
    Ok(root.filter(|root| root.mount != 0).map(|root| !root.is_mount_root))
}

/// What is mounted at /proc.
pub enum MountedProc {
    Nothing,
    /// Something is mounted over a path in it.
    Masked {
        path: Vec<u8>,
        /// No other procfs is mounted that shows all, which would do as well.
        is_only: bool,
    },
    /// A procfs, or that cannot be told.
    Whole,
}

pub fn mounted_proc() -> Result<MountedProc, Error> {
    let opened = pseudo::open_proc();
    if matches!(opened, Err(Errno(libc::ENOENT) | Errno(libc::ENOTDIR) | pseudo::COVERED)) {
        return Ok(MountedProc::Nothing);
    }
    let Some(proc) = if_any(opened)? else { return Ok(MountedProc::Whole) };
    if if_any(file::file_system(&proc))?.is_some_and(|magic| magic != PROC_SUPER_MAGIC) {
        return Ok(MountedProc::Nothing);
    }
    let id = if_any(file::status(&proc))?.map_or(0, |status| status.mount);
    let mounts = read(c"/proc/self/mountinfo")?.unwrap_or_default();
    // `mnt_already_visible()` of the kernel looks at every procfs of the mount namespace.
    let masking = |id: u64| mountinfo::mounts(&mounts).find(|mount| id != 0 && mount.parent == id && hides(mount.path));
    let Some(found) = masking(id) else { return Ok(MountedProc::Whole) };
    let is_other = |mount: &Mount| mount.id != id && mount.file_system == b"proc" && mount.root == b"/";
    let is_only = !mountinfo::mounts(&mounts).any(|mount| is_other(&mount) && masking(mount.id).is_none());
    let mut path = Vec::new();
    path.try_reserve_exact(found.path.len())?;
    path.extend_from_slice(found.path);
    Ok(MountedProc::Masked { path, is_only })
}

/// Whether a mount in a procfs can hide something. The kernel has empty directories for some: `proc_create_mount_point()`.
fn hides(path: &[u8]) -> bool {
    ![&b"/binfmt_misc"[..], b"/nfsd", b"/xen", b"/openprom"].iter().any(|name| path.ends_with(name))
}

/// A limit on processes, and how many there are.
pub struct FullCgroup {
    /// The path of the file with the limit.
    pub file: Sentence,
    pub limit: u64,
    pub count: u64,
}

/// The first cgroup, of the caller or above it, without room for so many more processes.
pub fn full_cgroup(more: u64) -> Result<Option<FullCgroup>, Error> {
    let cgroups = read(c"/proc/self/cgroup")?.unwrap_or_default();
    for line in cgroups.split(|&byte| byte == b'\n') {
        let mut fields = line.splitn(3, |&byte| byte == b':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { continue };
        let root = match controllers {
            b"" => "/sys/fs/cgroup",
            _ if controllers.split(|&byte| byte == b',').any(|name| name == b"pids") => "/sys/fs/cgroup/pids",
            _ => continue,
        };
        let Ok(mut path) = std::str::from_utf8(path) else { continue };
        while let Some(parent) = path.rfind('/') {
            let file = |name: &str| sentence(format_args!("{root}{}/{name}", path.trim_end_matches('/')));
            let (limit_file, count_file) = (file("pids.max")?, file("pids.current")?);
            if let (Some(limit), Some(count)) = (number(limit_file.as_c_str())?, number(count_file.as_c_str())?) {
                if count.saturating_add(more) > limit {
                    return Ok(Some(FullCgroup { file: limit_file, limit, count }));
                }
            }
            path = &path[..parent];
        }
    }
    Ok(None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_that_stands_for_all_others_is_ambiguous() {
        let mapping = |text: &str, id| mapping_in(text.as_bytes(), id, 65_534).unwrap();
        assert!(mapping("0 100000 65536\n", 65_534) == Mapping::Ambiguous);
        assert!(mapping("0 100000 65536\n", 65_533) == Mapping::Mapped);
        assert!(mapping("0 100000 65534\n", 65_534) == Mapping::Unmapped);
        assert!(mapping("0 0 4294967295\n", 65_534) == Mapping::Mapped);
        assert!(mapping("", 0) == Mapping::Unmapped && mapping("x\n", 0) == Mapping::Unknown);
    }
}
