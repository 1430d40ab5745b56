use super::snapshot::userns_snapshot;
use crate::error::Error;
use crate::scan::{Wanted, scan_procfs};
use std::ffi::{CStr, c_char, c_int};
use std::panic::{UnwindSafe, catch_unwind};
use std::ptr;

/// options->flags: also finds namespaces that no process lives in, through descriptors,
/// mounts, threads and the namespaces of other types that they own; and what keeps each
/// namespace alive, see userns_pins(). Includes USERNS_SCAN_OWNED.
///
/// It reads the links of all descriptors of all processes (where BPF is used, only of those
/// that refer to namespaces, or with USERNS_SCAN_SOCKETS to sockets), and the mounts that
/// each process sees.
/// Nothing is opened but what is known to be a namespace, and no path is walked that could
/// lead to a server which does not answer. Descriptors that are in flight over a socket
/// cannot be found, see unix(7). To open mounts, Linux 5.12 is needed. A mount that others
/// hide is looked for in a short-lived child process, which enters a copy of the mount
/// namespace; that needs CAP_SYS_ADMIN and CAP_SYS_CHROOT, and finds it only if the mount
/// namespace is owned by the caller's own user namespace.
pub const USERNS_SCAN_PINNED: u64 = 1;
/// options->flags: USERNS_SCAN_PINNED, and finds network namespaces that only a socket
/// keeps alive. This duplicates every socket of every process for a moment, for which the
/// kernel asks for the right of PTRACE_MODE_ATTACH_REALCREDS, see ptrace(2), and for
/// CAP_NET_ADMIN in the namespace. If the owner closes its descriptor at that moment, the
/// scan is the last to close it, which can have to wait: SO_LINGER, see socket(7), or, where
/// the owner has put a file there instead, a file server. Needs Linux 5.6, and that the
/// procfs numbers processes as the caller's own PID namespace does.
pub const USERNS_SCAN_SOCKETS: u64 = 2;
/// options->flags: also finds the namespaces of other types that each user namespace owns,
/// see userns_owned(); and user namespaces that own one in which a process lives.
pub const USERNS_SCAN_OWNED: u64 = 4;
/// options->flags: also reads the command names of processes, see userns_names().
pub const USERNS_SCAN_NAMES: u64 = 8;

/// options->flags: lets the scan use a BPF program, see bpf(2), which is many times as quick
/// as reading procfs and gives the same answer. Where that cannot be done, procfs is read
/// instead, which is no error: userns_source() and userns_source_error() tell.
///
/// It takes Linux 5.8 with CONFIG_DEBUG_INFO_BTF, and is quickest from Linux 6.7 on (before
/// 6.1 some kernels can do it only up to some 250,000 threads); CAP_BPF and CAP_PERFMON, or
/// CAP_SYS_ADMIN, in the initial user namespace; and a procfs of the caller's own PID
/// namespace. Each such scan loads a program into the kernel and unloads it, with
/// USERNS_SCAN_PINNED two, and sometimes a few more. Each leaves records in the audit log
/// where there is one, see auditd(8).
///
/// Whether the caller may read a process is not asked then, so that the scan also shows
/// those that procfs refuses or hides (hidepid, see proc(5)). What a security module hides
/// from the program is missing and not counted: userns_unreadable() is 0. What other flags
/// want to know beyond that is read from procfs, with the rights that it takes; a process
/// that it hides has an empty name, and counts, whatever its state, as one whose mounts
/// could not be read, and its descriptors if any refers to a namespace.
pub const USERNS_SCAN_BPF: u64 = 16;

/// What to scan. Begin with USERNS_OPTIONS_INIT, then set what differs:
///
///     struct userns_options options = USERNS_OPTIONS_INIT;
///     options.proc_path = "/mnt/proc";
///
/// Later versions add fields at the end; a field that is zero asks for what earlier
/// versions did.
///
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct userns_options {
    /// sizeof(struct userns_options), as the program was compiled.
    pub size: usize,
    /// The root directory of the procfs to read; NULL means "/proc". Only used during the
    /// call.
    pub proc_path: *const c_char,
    /// USERNS_SCAN_ constants, combined with |; 0 asks for a plain scan.
    pub flags: u64,
}

/// The size that struct userns_options had in version 0.1.
const FIRST_SIZE: usize = size_of::<usize>() + size_of::<*const c_char>() + size_of::<u64>();
/// No version's options are larger than this; a larger size is garbage, and what it spans
/// is not read.
const SIZE_LIMIT: usize = 4096;

// No padding, whose bytes a caller need not have set to zero.
const _: () = assert!(size_of::<userns_options>() == FIRST_SIZE);

/// == Scanning ==
///
/// Observes the user namespaces of the host through a procfs, see proc(5) and ioctl_ns(2).
///
/// Found are the namespace of every process that the procfs shows and the caller may read
/// (the right is that of PTRACE_MODE_READ_FSCREDS, see ptrace(2)), all ancestors of these
/// that lie below the caller's own namespace, and the caller's own namespace. A namespace
/// that no process lives in, and none below it, is not found.
///
/// Whatever lives from before the call until after it is in its right place in the tree.
/// What appears, moves or ends meanwhile is in the place where it was seen, or missing; or
/// it is shown in or below a namespace that had the same inode number a moment before.
///
/// options: what to scan; NULL means USERNS_OPTIONS_INIT.
/// snapshot: where to put the result, to be released with userns_free(); set to NULL if the
/// call fails.
///
/// Returns 0, or a negative errno value: one of these, or another one with which open(2)
/// failed for proc_path.
///
///     -EINVAL           snapshot is NULL; or options->size is smaller than in version 0.1;
///                       or options->flags has a flag that this version does not know
///     -E2BIG            options are those of a later version and ask for what this one
///                       lacks; or options->size is 4096 or more
///     -ENOENT           proc_path does not exist
///     -ENOTDIR          proc_path, or what leads to it, is not a directory
///     -EACCES, -EPERM   proc_path may not be opened by this caller
///     -ELOOP            proc_path leads through too many symbolic links
///     -ENAMETOOLONG     proc_path is too long
///     -ENODEV           proc_path is a directory, but not the root of a procfs
///     -ENOTTY           the kernel has no user namespaces, or is older than Linux 4.9
///     -ENOMEM           out of memory
///     -EMFILE           the process has too many descriptors open (RLIMIT_NOFILE, see
///                       getrlimit(2))
///     -ENFILE           the system has too many files open
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Needs Linux 4.9; owners need Linux 4.11, 64-bit ids Linux 6.18.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_scan(options: *const userns_options, snapshot: *mut *mut userns_snapshot) -> c_int {
    if snapshot.is_null() {
        return -Error::INVALID.errno();
    }
    let scanned = guard(|| {
        // SAFETY: the caller passes options that are NULL or as large as their size says, with a proc_path that is
        // NULL or a string.
        let (proc_path, wanted) = unsafe { parse_options(options) }?;
        userns_snapshot::allocate(scan_procfs(proc_path, wanted)?)
    });
    // SAFETY: `snapshot` is not NULL, so the caller lets us write there.
    unsafe { *snapshot = scanned.unwrap_or(ptr::null_mut()) };
    scanned.err().map_or(0, |error| -error.errno())
}

/// Releases a snapshot and everything that came from it. NULL is allowed and does nothing.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_free(snapshot: *mut userns_snapshot) {
    if !snapshot.is_null() {
        // SAFETY: the caller passes what userns_scan() returned, once, and uses it no more.
        unsafe { userns_snapshot::release(snapshot) };
    }
}

/// Runs what could panic. An unwinding panic must not reach C, and would end the process at
/// the boundary.
fn guard<T>(call: impl FnOnce() -> Result<T, Error> + UnwindSafe) -> Result<T, Error> {
    catch_unwind(call).unwrap_or(Err(Error::BUG))
}

/// What the options say, after a check of all that this version does not know.
///
/// # Safety
///
/// `options` is NULL or points to as many bytes as its first field says; the path in it is
/// NULL or a string.
unsafe fn parse_options<'a>(options: *const userns_options) -> Result<(&'a CStr, Wanted), Error> {
    const KNOWN: u64 =
        USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS | USERNS_SCAN_OWNED | USERNS_SCAN_NAMES | USERNS_SCAN_BPF;
    // SAFETY: as this function's.
    let options = unsafe { read_options(options) }?;
    if options.flags & !KNOWN != 0 {
        return Err(Error::INVALID);
    }
    let wanted = Wanted {
        pinned: options.flags & (USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS) != 0,
        sockets: options.flags & USERNS_SCAN_SOCKETS != 0,
        owned: options.flags & USERNS_SCAN_OWNED != 0,
        names: options.flags & USERNS_SCAN_NAMES != 0,
        bpf: options.flags & USERNS_SCAN_BPF != 0,
    };
    if options.proc_path.is_null() {
        return Ok((c"/proc", wanted));
    }
    // SAFETY: not NULL, so a string, which the caller keeps until the scan ends.
    Ok((unsafe { CStr::from_ptr(options.proc_path) }, wanted))
}

/// # Safety
///
/// `options` is NULL or points to as many bytes as its first field says.
unsafe fn read_options(options: *const userns_options) -> Result<userns_options, Error> {
    const KNOWN: usize = size_of::<userns_options>();
    let mut known = userns_options { size: KNOWN, proc_path: ptr::null(), flags: 0 };
    if options.is_null() {
        return Ok(known);
    }
    // SAFETY: every version's options begin with their size.
    let size = unsafe { options.cast::<usize>().read() };
    match size {
        ..FIRST_SIZE => return Err(Error::INVALID),
        SIZE_LIMIT.. => return Err(Error::TOO_BIG),
        _ => (),
    }
    let bytes = options.cast::<u8>();
    // SAFETY: `size` bytes are the caller's. Those beyond `KNOWN` are fields of a later version, without padding.
    let asks_for_more = (KNOWN..size).any(|offset| unsafe { bytes.add(offset).read() } != 0);
    if asks_for_more {
        return Err(Error::TOO_BIG);
    }
    // SAFETY: the caller's bytes and `known` do not overlap, and both are as long. Any value is valid for any field.
    unsafe { ptr::copy_nonoverlapping(bytes, (&raw mut known).cast::<u8>(), size.min(KNOWN)) };
    Ok(known)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_becomes_an_error() {
        let result = guard(|| -> Result<(), Error> { panic!("meant to be seen: this test panics on purpose") });
        assert_eq!(result, Err(Error::BUG));
        assert_eq!(guard(|| Ok(1)), Ok(1));
        assert_eq!(guard(|| Err::<(), _>(Error::INVALID)), Err(Error::INVALID));
    }
}
