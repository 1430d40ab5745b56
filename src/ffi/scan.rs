use super::read_options;
use super::snapshot::userns_snapshot;
use crate::error::Error;
use crate::options::Wanted;
use crate::scan::scan_procfs;
use std::ffi::{CStr, c_char, c_int};
use std::panic::{UnwindSafe, catch_unwind};
use std::ptr;

/// options->flags: also find namespaces without processes, and what keeps each namespace
/// alive, see userns_pins(). Includes USERNS_SCAN_OWNED.
///
/// The scan reads the links of all descriptors of all threads, and the mounts of each (mount
/// namespace, root directory) pair. With USERNS_SCAN_BPF, from Linux 6.4 on, BPF programs tell
/// what most descriptors refer to, and which threads share a pair: the scan reads only the other
/// descriptors, and the mounts that one process of each pair sees. It opens only files that it has
/// already identified as namespaces, and never resolves a path that could block on an
/// unresponsive file server. Listing the descriptors of other users needs CAP_DAC_READ_SEARCH,
/// besides CAP_SYS_PTRACE. Opening mounted namespaces needs Linux 5.12. Opening an overmounted
/// one needs CAP_SYS_ADMIN and CAP_SYS_CHROOT, and a mount namespace that the caller's own user
/// namespace owns; a short-lived child process does it in a copy of the mount namespace. A mount is
/// in use while the scan looks at it, so that umount(2) of another process can fail with EBUSY.
///
/// The kernel knows more namespaces than processes show. As root in the initial PID namespace,
/// the scan also reads the mounts in mount namespaces without processes (Linux 6.12), which a
/// short-lived child process enters, and finds all namespaces in use (Linux 6.19), for example
/// those that only a descriptor in flight over a UNIX socket (unix(7)) keeps alive. See
/// userns_empty_source().
pub const USERNS_SCAN_PINNED: u64 = 0x1;
/// options->flags: USERNS_SCAN_PINNED, and also find network namespaces that only a socket
/// keeps alive. With USERNS_SCAN_BPF, from Linux 6.4 on, this duplicates nothing, and needs no
/// more than USERNS_SCAN_BPF does, except for processes that start or execute a program (execve(2))
/// during the scan.
///
/// Without, the scan briefly duplicates every socket of every process, as USERNS_SCAN_PINNED
/// does only with descriptors of tun and tap devices. This needs permission for
/// PTRACE_MODE_ATTACH_REALCREDS (ptrace(2)), CAP_NET_ADMIN in the user namespace that owns the
/// network namespace, Linux 5.9, and a procfs of the caller's own PID namespace.
///
/// A duplicated socket takes the network class of the process that duplicates it. So the scan
/// duplicates nothing if a cgroup controller for these, net_cls or net_prio, is in use
/// (cgroups(7)).
///
/// The process can put a file of a file server in place of its socket. If the server does not
/// answer, to close the duplicate blocks, and no signal ends that. So a child process makes the
/// duplicates. If it does not answer, the scan goes on without it after a second at most, and
/// spends about two seconds on this altogether. The child remains until the server answers
/// or ends, without memory and descriptors of the caller; it delays the end of a PID namespace.
/// It is then a zombie until a later scan needs a child for this. With eight such children, a
/// scan duplicates nothing.
///
/// The scan can be the last to close a socket. Its owner does not wait then, if it has set
/// SO_LINGER (socket(7)).
pub const USERNS_SCAN_SOCKETS: u64 = 0x2;
/// options->flags: also find the nonuser namespaces that each user namespace owns, see
/// userns_owned(), and user namespaces without processes that own a namespace of a process.
pub const USERNS_SCAN_OWNED: u64 = 0x4;
/// options->flags: also read the command names of processes, see userns_process_name().
pub const USERNS_SCAN_NAMES: u64 = 0x8;
/// options->flags: find processes and their user namespaces by a BPF program (bpf(2)) instead
/// of through procfs. This is many times faster with thousands of processes, and slower with a
/// few hundred or less. If BPF cannot be used, the scan reads procfs; this is not an error, see
/// userns_source() and userns_source_error().
///
/// BPF needs Linux 5.8 with CONFIG_DEBUG_INFO_BTF; CAP_BPF and CAP_PERFMON, or
/// CAP_SYS_ADMIN, in the initial user namespace; and a procfs of the caller's own PID
/// namespace. It is fastest from Linux 6.7 on. Some kernels before 6.1 limit it to about
/// 250,000 threads, and to 75,000 with USERNS_SCAN_NAMES or USERNS_SCAN_PINNED. Each scan loads
/// and unloads one program, three with USERNS_SCAN_PINNED, and sometimes a few more. The audit
/// log, if enabled, records each (auditd(8)).
///
/// The result differs only in visibility. BPF shows processes that procfs denies or hides (hidepid,
/// see proc(5)), so USERNS_GAP_UNREADABLE is never set. Processes that a security module
/// hides from BPF are missing and not counted. BPF also tells command names (USERNS_SCAN_NAMES),
/// without the additions of procfs, see userns_process_name(), and credentials
/// (USERNS_SCAN_CREDENTIALS). From Linux 6.4 on it tells the
/// nonuser namespaces of all threads, also a PID namespace in which no process was created yet
/// (unshare(2)), which procfs does not show. And it tells what the descriptors of all processes
/// keep, with kinds of pins that procfs does not show, see USERNS_PIN_CREDENTIALS. Other data for
/// other flags still comes from procfs, with its permission checks. A process that procfs hides is
/// counted in USERNS_GAP_MOUNTS unless a readable one has the same mount namespace and root
/// directory; it is counted in USERNS_GAP_DESCRIPTORS only if it has a descriptor that procfs has
/// to tell: of an io_uring or of a device whose driver has no fixed number, or, before Linux 6.4,
/// of a namespace, a tun or tap device or a socket. All of a process is read through procfs, and
/// also counted in USERNS_GAP_LINKS if procfs hides it, if it starts or executes a program
/// (execve(2)) during the scan, or if its thread-group leader has exited before other threads.
pub const USERNS_SCAN_BPF: u64 = 0x10;
/// options->flags: also read the id maps of user namespaces, see userns_uid_map() and
/// userns_translate_uid(). The maps are known of the caller's own user namespace and of its
/// descendants.
///
/// The scan reads four files of one process in each namespace: proc_pid_uid_map(5),
/// proc_pid_setgroups(5). A namespace without a process is joined by a short-lived child process
/// (setns(2)), of which the scan reads these files. That takes CAP_SYS_ADMIN in the namespace, and
/// a procfs of the caller's own PID namespace. Before Linux 6.18 the scan can open such a namespace
/// only if a descendant has a process or, with USERNS_SCAN_PINNED, through a descriptor or a mount.
/// Unlike other children, this one has a copy of the caller's memory, as after fork(2). All joins of
/// a scan take two seconds at most. Another scan can find the child in the namespace, as any
/// process.
///
/// With USERNS_SCAN_BPF, the maps come from the kernel's own structures instead, from Linux 5.12
/// on: also of a namespace without a process if a descendant has one; with USERNS_SCAN_PINNED if a
/// descriptor keeps it (Linux 6.4); or if the scan opens it by its id (Linux 6.18).
pub const USERNS_SCAN_MAPS: u64 = 0x20;
/// options->flags: also read the credentials of processes and their PIDs in nested PID
/// namespaces, see userns_process_uid() and userns_capable(). This reads /proc/PID/status, which
/// everyone may, also of processes of which the caller may not read the user namespace. With
/// USERNS_SCAN_BPF it reads no file: the user namespace and the credentials of a process are those
/// of one moment.
///
/// The credentials of a process and its user namespace are read while the process has its PID: if
/// the PID is reused during the scan, they are of the same process. There is one exception: with
/// USERNS_SCAN_BPF, the file is read after the user namespace is known where BPF cannot tell the
/// credentials, that is, of processes in nested PID namespaces before Linux 6.7. Then these are
/// unknown if the process with this PID is in another user namespace meanwhile, and can be those of
/// another process if procfs does not show in which it is.
///
/// Capabilities are those that a process has in this namespace: one that has any is in it before
/// and after they are read. If it moves each time, its credentials are unknown
/// (USERNS_GAP_CREDENTIALS).
pub const USERNS_SCAN_CREDENTIALS: u64 = 0x40;
/// options->flags: also read the cgroups of processes, see userns_process_cgroup(). This reads
/// /proc/PID/cgroup, which everyone may. With USERNS_SCAN_BPF it reads only that of the caller,
/// and that only once, from Linux 5.12 on (before Linux 6.4 also those of processes in cgroups
/// with more than 15 ancestors).
pub const USERNS_SCAN_CGROUPS: u64 = 0x80;

/// The options of a scan. Initialize with USERNS_OPTIONS_INIT, then set fields:
///
///     struct userns_options options = USERNS_OPTIONS_INIT;
///     options.proc_path = "/mnt/proc";
///
/// Later versions add fields at the end. A field that is zero selects the behaviour of
/// earlier versions.
///
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct userns_options {
    /// sizeof(struct userns_options), as the program was compiled.
    pub size: usize,
    /// The root directory of the procfs to scan; NULL means "/proc". Only used during the
    /// call.
    pub proc_path: *const c_char,
    /// USERNS_SCAN_ bits; 0 is a plain scan.
    pub flags: u64,
    /// The scan records at most so many pins, and reads at most four times as many threads,
    /// descriptors and mounts each; 0 means 1,000,000. What is beyond is counted in gaps, such
    /// as USERNS_GAP_PINS. Always recorded are the first pin of each namespace, and those that
    /// thread-group leaders are themselves, several for each process. Processes and namespaces
    /// are not limited. A pin takes some 40 bytes.
    pub limit: u64,
}

/// The size that struct userns_options had in version 0.1.
const FIRST_SIZE: usize = size_of::<usize>() + size_of::<*const c_char>() + 2 * size_of::<u64>();

// Without padding, since callers need not zero padding bytes.
const _: () = assert!(size_of::<userns_options>() == FIRST_SIZE);

/// == Scanning ==
///
/// Scan the user namespaces of the host through a procfs, see proc(5) and ioctl_ns(2).
///
/// A plain scan finds the user namespace of every process that the procfs shows and the
/// caller may read (PTRACE_MODE_READ_FSCREDS, see ptrace(2)), the caller's own user
/// namespace, and each ancestor of these that is a descendant of the caller's own. It does not
/// find a user namespace if neither it nor a descendant contains a process.
///
/// A process or namespace that exists before the call and until it returns is in its right
/// place in the tree. A process that starts, moves or ends during the call, or a namespace that
/// is created or ends, is in its place, missing, or in or below a namespace that had the same
/// inode number a moment before.
///
/// options: what to scan; NULL means USERNS_OPTIONS_INIT.
/// snapshot: receives the result, to be released with userns_free(); NULL if the call fails.
///
/// Returns 0, or a negative errno value: one of these, or another one with which open(2)
/// failed for proc_path.
///
///     -EINVAL           snapshot is NULL; or options->size is smaller than in version 0.1;
///                       or options->flags has a bit that this version does not know
///     -E2BIG            options has a non-zero field that this version does not know; or
///                       options->size is 4096 or more
///     -ENOENT           proc_path does not exist
///     -ENOTDIR          proc_path, or a component of it, is not a directory
///     -EACCES, -EPERM   the caller may not open or read proc_path
///     -ENOSYS           a security policy, such as a seccomp filter, refuses a system call on
///                       proc_path
///     -EIO              proc_path could not be read, or a file system on it does not answer
///     -ELOOP            proc_path contains too many symbolic links
///     -ENAMETOOLONG     proc_path is too long
///     -ENODEV           proc_path is not the root directory of a procfs
///     -ENOTTY           the kernel has no user namespaces; or BPF was not used and the kernel
///                       lacks ioctl_ns(2): before Linux 4.9, and for 32-bit programs on
///                       64-bit kernels before Linux 6.12
///     -ENOMEM           out of memory
///     -EMFILE           the process has too many open descriptors (RLIMIT_NOFILE, see
///                       getrlimit(2))
///     -ENFILE           the system has too many open files
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Needs Linux 4.9. Owners need Linux 4.11, 64-bit ids Linux 6.18.
///
/// Since 0.1.
#[must_use]
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

/// Release a snapshot and everything that it returned. NULL is accepted and does nothing.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_free(snapshot: *mut userns_snapshot) {
    if !snapshot.is_null() {
        // SAFETY: the caller passes what userns_scan() returned, once, and uses it no more.
        unsafe { userns_snapshot::release(snapshot) };
    }
}

/// Converts a panic to an error. Unwinding into C would abort the process.
pub(super) fn guard<T>(call: impl FnOnce() -> Result<T, Error> + UnwindSafe) -> Result<T, Error> {
    catch_unwind(call).unwrap_or(Err(Error::BUG))
}

/// Checks and converts the options.
///
/// # Safety
///
/// `options` is NULL or points to as many bytes as its first field says; the path in it is
/// NULL or a string.
unsafe fn parse_options<'a>(options: *const userns_options) -> Result<(&'a CStr, Wanted), Error> {
    const KNOWN: u64 = USERNS_SCAN_PINNED
        | USERNS_SCAN_SOCKETS
        | USERNS_SCAN_OWNED
        | USERNS_SCAN_NAMES
        | USERNS_SCAN_BPF
        | USERNS_SCAN_MAPS
        | USERNS_SCAN_CREDENTIALS
        | USERNS_SCAN_CGROUPS;
    let mut known = userns_options { size: size_of::<userns_options>(), proc_path: ptr::null(), flags: 0, limit: 0 };
    if !options.is_null() {
        // SAFETY: as this function's. Every version's options begin with their size.
        known = unsafe { read_options(options, options.cast::<usize>().read(), FIRST_SIZE, known) }?;
    }
    let options = known;
    if options.flags & !KNOWN != 0 {
        return Err(Error::INVALID);
    }
    let wanted = Wanted {
        pinned: options.flags & (USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS) != 0,
        sockets: options.flags & USERNS_SCAN_SOCKETS != 0,
        owned: options.flags & USERNS_SCAN_OWNED != 0,
        names: options.flags & USERNS_SCAN_NAMES != 0,
        bpf: options.flags & USERNS_SCAN_BPF != 0,
        maps: options.flags & USERNS_SCAN_MAPS != 0,
        credentials: options.flags & USERNS_SCAN_CREDENTIALS != 0,
        cgroups: options.flags & USERNS_SCAN_CGROUPS != 0,
        limit: options.limit,
    };
    if options.proc_path.is_null() {
        return Ok((c"/proc", wanted));
    }
    // SAFETY: not NULL, so a string, which the caller keeps until the scan ends.
    Ok((unsafe { CStr::from_ptr(options.proc_path) }, wanted))
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
