//! An action: describes one namespace, without a scan.

use crate::error::Error;
use crate::facts::{INITIAL_PID_NAMESPACE, INITIAL_USER_NAMESPACE, NamespaceType};
use crate::observe::{Procfs, sysctl, visits};
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, if_any, nsfs, worker};
use std::os::fd::{AsRawFd, BorrowedFd};

/// What [`describe`] tells about a namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Info {
    /// The type; `None` if the kernel does not tell it: before Linux 4.11, and for 32-bit programs on 64-bit kernels before
    /// Linux 6.12.
    pub namespace_type: Option<NamespaceType>,
    /// The inode number.
    pub inode: u64,
    /// The device number of nsfs.
    pub device: u64,
    /// The 64-bit id (Linux 6.18).
    pub id: Option<u64>,
    /// The inode number of the parent of a user or PID namespace, if it is visible to the caller.
    pub parent: Option<u64>,
    /// Whether it has a parent that is not visible to the caller.
    pub is_parent_hidden: bool,
    /// The inode number of the user namespace that owns a nonuser namespace, if it is visible to the caller.
    pub owner: Option<u64>,
    /// The effective UID of the creator of a user namespace, as the caller's user namespace maps it.
    pub owner_uid: Option<u32>,
    /// Whether it is the initial user namespace.
    pub is_initial: bool,
    /// Whether the calling thread is in it.
    pub is_own: bool,
}

/// Describes the namespace that a descriptor refers to, or the caller's own user namespace. Takes a few system calls,
/// whatever the number of processes.
///
/// ```
/// let own = userns::describe(None)?;
/// if !own.is_initial {
///     println!("this process is in the user namespace {}", own.inode);
/// }
/// # Ok::<(), userns::Error>(())
/// ```
///
/// # Errors
///
/// Those of `userns_describe()` in the C header: ENOTTY if the descriptor is not of a namespace, EBADF if it was opened with
/// O_PATH.
pub fn describe(fd: Option<BorrowedFd<'_>>) -> Result<Info, Error> {
    describe_number(fd.map(|fd| fd.as_raw_fd()))
}

/// The same for a number that may be none of a descriptor.
pub(crate) fn describe_number(number: Option<i32>) -> Result<Info, Error> {
    let own = Procfs::open_own_namespace(NamespaceType::User);
    let Some(number) = number else {
        let own = own?;
        return ask(&own, Some(NamespaceType::User), Some(&own));
    };
    if number < 0 {
        return Err(Errno(libc::EBADF).into());
    }
    let namespace = file::borrow(number);
    // All namespaces are on one device. Without it, the file system is asked, which can be that of a file server.
    let device = file::status(&namespace)?.device;
    let is_namespace = match &own {
        Ok(own) => file::identity(own)?.device == device,
        Err(error) if error.is_exhaustion() => return Err(*error),
        Err(_) => is_on_nsfs(&namespace)?,
    };
    if !is_namespace {
        return Err(Error::UNSUPPORTED);
    }
    let namespace_type = match nsfs::namespace_type(&namespace) {
        Err(Errno(libc::EBADF)) => return Err(Errno(libc::EBADF).into()), // O_PATH
        flag => if_any(flag)?.and_then(NamespaceType::of_clone_flag),
    };
    ask(&namespace, namespace_type, own.ok().as_ref())
}

/// In a worker, since a file server may never answer. Nsfs always does.
fn is_on_nsfs(file: &Fd) -> Result<bool, Error> {
    struct Task<'f> {
        file: &'f Fd,
        answer: Result<u32, Errno>,
    }
    let mut task = Task { file, answer: Ok(0) };
    worker::run(&mut task, |task| task.answer = file::file_system(task.file), visits::PATIENCE)?;
    Ok(task.answer? == nsfs::MAGIC)
}

/// `own` is the caller's own user namespace, if it is known.
fn ask(namespace: &Fd, namespace_type: Option<NamespaceType>, own: Option<&Fd>) -> Result<Info, Error> {
    let identity = file::identity(namespace)?;
    let own = own.map(file::identity).transpose()?;
    let is = |other: Result<Fd, Error>| match other {
        Ok(other) => Ok(file::identity(&other)? == identity),
        Err(error) if error.is_exhaustion() => Err(error),
        Err(_) => Ok(false),
    };
    let mut info = Info {
        namespace_type,
        inode: identity.inode,
        device: identity.device,
        id: if_any(nsfs::id(namespace))?,
        parent: None,
        is_parent_hidden: false,
        owner: None,
        owner_uid: None,
        is_initial: identity.inode == INITIAL_USER_NAMESPACE,
        is_own: own == Some(identity),
    };
    match namespace_type {
        Some(NamespaceType::User) => {
            info.parent = nsfs::inode_if_any(nsfs::parent(namespace))?;
            info.is_parent_hidden = info.parent.is_none() && !info.is_initial;
            let is_own_initial = own.is_some_and(|own| own.inode == INITIAL_USER_NAMESPACE);
            info.owner_uid = if_any(nsfs::owner(namespace))?;
            // See `Users::into_list`.
            if info.parent.is_none() && !is_own_initial && info.owner_uid == Some(sysctl::overflow_uid(None)?) {
                info.owner_uid = None;
            }
        }
        Some(namespace_type) => {
            if namespace_type == NamespaceType::Pid {
                info.parent = nsfs::inode_if_any(nsfs::parent(namespace))?;
                info.is_parent_hidden = info.parent.is_none() && info.inode != INITIAL_PID_NAMESPACE;
            }
            info.owner = nsfs::inode_if_any(nsfs::owning_user_namespace(namespace))?;
            info.is_own = is(Procfs::open_own_namespace(namespace_type))?;
        }
        None => (),
    }
    Ok(info)
}
