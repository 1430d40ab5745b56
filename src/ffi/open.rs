use super::SIZE_LIMIT;
use super::bits;
use super::node::{USERNS_NODE_INITIAL, USERNS_NODE_PARENT_HIDDEN, userns_node};
use super::nonuser::userns_nonuser;
use super::scan::guard;
use crate::describe::{Info, describe_number};
use crate::error::Error;
use std::ffi::c_int;
use std::os::fd::{IntoRawFd, OwnedFd};
use std::panic::{AssertUnwindSafe, UnwindSafe};
use std::ptr;

/// userns_describe(): the calling thread is in the namespace. Not set if the namespace of the thread
/// cannot be opened: by a pidfd (Linux 6.11), or through /proc.
pub const USERNS_INFO_OWN: u32 = 0x10000;
/// userns_describe(): owner_uid is known.
pub const USERNS_INFO_OWNER_UID: u32 = 0x20000;

/// What userns_describe() tells about a namespace. Initialize it with USERNS_INFO_INIT. Later
/// versions add fields at the end. The library fills in the fields that it knows, as far as
/// size reaches, and sets all bytes behind them to zero.
///
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct userns_info {
    /// sizeof(struct userns_info), as the program was compiled; an input, which the library
    /// does not change.
    pub size: u32,
    /// USERNS_NODE_INITIAL: this is the initial user namespace. USERNS_NODE_PARENT_HIDDEN: a
    /// user or PID namespace has a parent that is not visible to the caller. USERNS_INFO_ bits.
    pub flags: u32,
    /// The inode number, as stat(2) of /proc/PID/ns/TYPE returns it.
    pub inode: u64,
    /// The device number of nsfs, the same for all namespaces.
    pub device: u64,
    /// The 64-bit id (NS_GET_ID, Linux 6.18); 0 if it is unknown.
    pub id: u64,
    /// The inode number of the parent of a user or PID namespace; 0 if it has none or that is
    /// not visible to the caller, and for other types.
    pub parent: u64,
    /// The inode number of the user namespace that owns a nonuser namespace; 0 if that is not
    /// visible to the caller, and for a user namespace.
    pub owner: u64,
    /// The type: a flag of clone(2), such as CLONE_NEWUSER; 0 if the kernel does not tell it:
    /// before Linux 4.11, and for 32-bit programs on 64-bit kernels before Linux 6.12. Then
    /// only inode, device and USERNS_INFO_OWN of a user namespace are known.
    pub r#type: u32,
    /// With USERNS_INFO_OWNER_UID: the owner of a user namespace, see userns_owner_uid().
    pub owner_uid: u32,
}

const SIZE: usize = size_of::<userns_info>();
/// The size that struct userns_info had in version 0.1.
const FIRST_SIZE: usize = 56;
const _: () = assert!(SIZE == FIRST_SIZE);

/// == Actions ==
///
/// Open a user namespace of a snapshot, for example for setns(2) or ioctl_ns(2). Unlike other
/// functions on a node, this asks the kernel when it is called.
///
/// The library opens the namespace by its 64-bit id (Linux 6.18). Before, or if the kernel does
/// not permit that, it tries whatever led to the namespace when the snapshot was taken: its
/// members, the descriptors and mounts that the snapshot shows as pins, and those of its
/// descendants and of the nonuser namespaces that it or they own. PIDs are looked up in the procfs
/// that was scanned, again by its path; a relative path depends on the working directory. What was
/// found is returned only if it is the same namespace: if it has the same 64-bit id. Before Linux
/// 6.18, it has the same inode number and, as far as they are visible, the same parent and owner.
/// There a new namespace that reuses the inode number and was created in the same parent by the
/// same user cannot be told from one that has ended.
///
/// A process that blocks its readers is passed over, and a path that could lead to a file server
/// is not walked, as in a scan. After two seconds no further attempt is made.
///
/// Returns a close-on-exec descriptor, to be closed with close(2), or a negative errno value.
///
///     -EINVAL           node is NULL
///     -ESTALE           the namespace has ended
///     -EACCES           the namespace may still exist, but the caller cannot open it
///     -EXDEV            the snapshot is of another boot of the system, or was loaded and does
///                       not say of which (userns_boot_id())
///     -ENOMEM           out of memory
///     -EMFILE           the process has too many open descriptors
///     -ENFILE           the system has too many open files
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// From Linux 6.18 on, -ESTALE is certain for a caller in the initial user and PID namespace that
/// has CAP_SYS_ADMIN, with one exception. From Linux 6.19 on, the kernel refuses to open a
/// namespace that is not in use, so only a socket, credentials, a file system or a pidfd that the
/// snapshot does not show can still keep it. To other callers the kernel does not say whether a
/// namespace has ended or is out of reach. For them it means that everything that led to the
/// namespace has ended, or is in another namespace now; a process or file that the snapshot does
/// not show can still keep it. -EACCES means that something of this is still there but was refused,
/// could not be tried, or is of a kind through which this function does not open a namespace: a
/// socket, credentials, a file system, a pidfd, a mount below another one. It is also the answer if
/// the snapshot shows nothing that leads to the namespace, and for a loaded one if the boot id of
/// the system cannot be read.
///
/// To enter the namespace, setns(2) needs CAP_SYS_ADMIN in it, and a process with one thread.
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_open(node: *const userns_node) -> c_int {
    // SAFETY: the caller passes NULL or a node.
    let node = unsafe { node.as_ref() };
    number(AssertUnwindSafe(|| node.ok_or(Error::INVALID)?.node().open()))
}

/// Open a nonuser namespace of a snapshot, like userns_open(). What leads to it are the threads in
/// it, descriptors and mounts; for a PID namespace also those of its descendants.
///
/// Returns a close-on-exec descriptor, or a negative errno value: those of userns_open().
///
///     -EINVAL           nonuser is NULL
///     -ESTALE           the namespace has ended
///     -EACCES           the namespace may still exist, but the caller cannot open it
///     -EXDEV            the snapshot is of another boot of the system, or was loaded and does
///                       not say of which (userns_boot_id())
///     -ENOMEM           out of memory
///     -EMFILE           the process has too many open descriptors
///     -ENFILE           the system has too many open files
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_nonuser_open(nonuser: *const userns_nonuser) -> c_int {
    // SAFETY: the caller passes NULL or a nonuser namespace.
    let nonuser = unsafe { nonuser.as_ref() };
    number(AssertUnwindSafe(|| nonuser.ok_or(Error::INVALID)?.nonuser().open()))
}

/// A descriptor as C expects it: its number, or a negative errno value.
fn number(open: impl FnOnce() -> Result<OwnedFd, Error> + UnwindSafe) -> c_int {
    guard(open).map_or_else(|error| -error.errno(), IntoRawFd::into_raw_fd)
}

/// Describe the namespace of a descriptor, or the caller's own user namespace: the same facts
/// as in a snapshot, without a scan. This takes a few system calls, however many processes there
/// are. From Linux 6.11 on it needs no procfs.
///
/// fd: a descriptor of a namespace of any type, for example of /proc/PID/ns/net; -1 for the
/// caller's own user namespace, so check first what open(2) returned. A descriptor that was opened
/// with O_PATH is refused; open(2) /proc/self/fd/N to get another one.
/// info: receives the answer; info->size has to be set, see USERNS_INFO_INIT.
///
/// The initial user namespace (USERNS_NODE_INITIAL) is recognized by its inode number 4026531837,
/// which is a constant of the kernel. From Linux 6.19 on its id is 3. A kernel that gives each
/// container namespaces with the numbers of the initial ones, as those of OpenVZ can, shows a
/// container as if it were the host. To be in the initial user namespace does not mean to be on
/// the host, or to have its privileges: containers need no user namespace of their own.
///
/// Returns 0, or a negative errno value: one of these; another one with which fstat(2) or statx(2)
/// failed for the descriptor; or, before Linux 6.11 and where a security policy denies pidfds, an
/// error that userns_scan() returns about /proc.
///
///     -EINVAL           info is NULL, or info->size is smaller than in version 0.1
///     -E2BIG            info->size is 4096 or more
///     -EBADF            fd is not open, or was opened with O_PATH
///     -ENOTTY           fd does not refer to a namespace; with -1, the kernel has no user
///                       namespaces
///     -ENOMEM           out of memory
///     -EMFILE           the process has too many open descriptors
///     -ENFILE           the system has too many open files
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_describe(fd: c_int, info: *mut userns_info) -> c_int {
    if info.is_null() {
        return -Error::INVALID.errno();
    }
    // SAFETY: not NULL, and every version's structure begins with its size.
    let size = unsafe { (&raw const (*info).size).read() };
    match size as usize {
        ..FIRST_SIZE => return -Error::INVALID.errno(),
        SIZE_LIMIT.. => return -Error::TOO_BIG.errno(),
        _ => (),
    }
    match guard(|| describe_number((fd != -1).then_some(fd))) {
        Ok(told) => {
            let told = convert(&told, size);
            let (from, to, size) = ((&raw const told).cast::<u8>(), info.cast::<u8>(), size as usize);
            // SAFETY: `size` bytes are the caller's, and `told` has `SIZE`. They do not overlap.
            unsafe {
                ptr::copy_nonoverlapping(from, to, size.min(SIZE));
                ptr::write_bytes(to.add(size.min(SIZE)), 0, size - size.min(SIZE));
            }
            0
        }
        Err(error) => -error.errno(),
    }
}

fn convert(info: &Info, size: u32) -> userns_info {
    userns_info {
        size,
        flags: bits([
            (info.is_initial, USERNS_NODE_INITIAL),
            (info.is_parent_hidden, USERNS_NODE_PARENT_HIDDEN),
            (info.is_own, USERNS_INFO_OWN),
            (info.owner_uid.is_some(), USERNS_INFO_OWNER_UID),
        ]),
        inode: info.inode,
        device: info.device,
        id: info.id.unwrap_or(0),
        parent: info.parent.unwrap_or(0),
        owner: info.owner.unwrap_or(0),
        r#type: info.namespace_type.map_or(0, |namespace_type| namespace_type.clone_flag() as u32),
        owner_uid: info.owner_uid.unwrap_or(0),
    }
}
