use super::scan::guard;
use super::{allocate, array, enum_or_zero, read_options};
use crate::error::Error;
use crate::probe::{Probe, ProbeOptions, ProbeReason, ReasonKind, Step};
use crate::util::arrays::reserved;
use std::ffi::{CStr, c_char, c_int};
use std::mem::MaybeUninit;
use std::ptr;

/// userns_probe(), options->flags: try nothing, only read files and ask AppArmor and SELinux what
/// they permit, and tell the reasons that this shows. No step works or fails then.
pub const USERNS_PROBE_READ_ONLY: u32 = 0x1;
/// userns_probe(), options->flags: make one namespace after the other by unshare(2), as for
/// example shell scripts do, instead of all by one call of clone(2). Some security policies
/// answer differently.
pub const USERNS_PROBE_ONE_BY_ONE: u32 = 0x2;
/// userns_probe(), options->flags: map the subordinate ids of the caller, too, see
/// subuid(5) and subgid(5): USERNS_STEP_MAP runs newuidmap(1) and newgidmap(1).
pub const USERNS_PROBE_SUBIDS: u32 = 0x4;

/// userns_probe(), options->steps: make a user namespace. All other steps include this one.
pub const USERNS_STEP_CREATE: u64 = 0x1;
/// userns_probe(), options->steps: write the maps of the user namespace, for the effective
/// UID and GID of the caller. All steps that follow include this one, but are tried even if
/// it fails.
pub const USERNS_STEP_MAP: u64 = 0x2;
/// userns_probe(), options->steps: use a capability, which a security policy can take away:
/// mount a tmpfs in a new mount namespace.
pub const USERNS_STEP_CAPABLE: u64 = 0x4;
/// userns_probe(), options->steps: make a network namespace and bring up its loopback
/// interface.
pub const USERNS_STEP_NET: u64 = 0x8;
/// userns_probe(), options->steps: make a PID namespace and mount its procfs. Includes
/// USERNS_STEP_CAPABLE; without its mount namespace the step is not tried.
pub const USERNS_STEP_PID: u64 = 0x10;
/// userns_probe(), options->steps: make one more user namespace inside.
pub const USERNS_STEP_NESTED: u64 = 0x20;

const STEPS: [(u64, Step); 6] = [
    (USERNS_STEP_CREATE, Step::Create),
    (USERNS_STEP_MAP, Step::Map),
    (USERNS_STEP_CAPABLE, Step::Capable),
    (USERNS_STEP_NET, Step::Net),
    (USERNS_STEP_PID, Step::Pid),
    (USERNS_STEP_NESTED, Step::Nested),
];

/// The kinds of reasons why a step of userns_probe() fails. Later versions can add kinds.
#[repr(C)]
#[derive(Clone, Copy)]
pub enum userns_reason_kind {
    /// The kernel was built without namespaces of this type.
    USERNS_REASON_NOT_BUILT = 1,
    /// The root directory of the caller is not that of its mount namespace: chroot(2).
    USERNS_REASON_CHROOT = 2,
    /// A limit in /proc/sys/user is reached, for example max_user_namespaces, in the caller's own
    /// user namespace or in an ancestor.
    USERNS_REASON_LIMIT = 3,
    /// The kernel nests at most 33 user namespaces below the initial one.
    USERNS_REASON_DEPTH = 4,
    /// The effective UID or GID of the caller is not mapped in its own user namespace.
    USERNS_REASON_UNMAPPED = 5,
    /// /proc/sys/kernel/unprivileged_userns_clone is 0. Kernels of Debian and some others have
    /// it.
    USERNS_REASON_SYSCTL = 6,
    /// AppArmor restricts unprivileged user namespaces, or confines the caller by a profile.
    USERNS_REASON_APPARMOR = 7,
    /// The policy of SELinux.
    USERNS_REASON_SELINUX = 8,
    /// A seccomp filter answers a system call, or ends the process that makes it.
    USERNS_REASON_SECCOMP = 9,
    /// newuidmap(1) or newgidmap(1) is missing, has no privileges, or permits no range.
    USERNS_REASON_HELPER = 10,
    /// The procfs at /proc is missing, read-only, or partly hidden by other mounts, as the masked
    /// paths of containers.
    USERNS_REASON_PROC_MASKED = 11,
    /// No process can be created: RLIMIT_NPROC (getrlimit(2)) or pids.max of a cgroup.
    USERNS_REASON_PROCESSES = 12,
    /// A step took longer than some seconds, and was given up.
    USERNS_REASON_TIMEOUT = 13,
    /// Another security module.
    USERNS_REASON_LSM = 14,
    /// None of these; the sentence has what is known.
    USERNS_REASON_UNKNOWN = 15,
}

/// The options of userns_probe(). Initialize with USERNS_PROBE_OPTIONS_INIT, then set fields.
/// Later versions add fields at the end. A field that is zero selects the behaviour of earlier
/// versions.
///
/// Since 0.1.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct userns_probe_options {
    /// sizeof(struct userns_probe_options), as the program was compiled.
    pub size: u32,
    /// USERNS_PROBE_ bits.
    pub flags: u32,
    /// The steps that are wanted, USERNS_STEP_ bits. 0 means all steps of version 0.1.
    pub steps: u64,
}

const SIZE: usize = size_of::<userns_probe_options>();
/// The size that struct userns_probe_options had in version 0.1.
const FIRST_SIZE: usize = 16;
// Without padding, since callers need not zero padding bytes.
const _: () = assert!(SIZE == FIRST_SIZE);

/// What came of userns_probe(). It never changes.
pub struct userns_probe {
    probe: Probe,
    #[expect(dead_code, reason = "owned here, used through pointers")]
    handles: Vec<userns_reason>,
    reasons: Vec<*const userns_reason>,
}

/// A reason why a step of userns_probe() fails.
pub struct userns_reason(*const ProbeReason);

impl userns_reason {
    fn reason(&self) -> &ProbeReason {
        // SAFETY: a handle is owned by the probe that owns the reason, which never changes.
        unsafe { &*self.0 }
    }
}

/// == Probing ==
///
/// Find out whether the caller can make a user namespace, and why not. The library tries it in
/// child processes.
///
/// The caller itself makes calls of clone(2), as fork(2) does, mostly one, and calls that read
/// files below /proc, /sys and /etc, and that write questions to two files by which AppArmor and
/// SELinux tell what they permit. A policy can refuse that, and log it. A seccomp filter that kills
/// for one of these, also for statx(2) or prctl(2), ends the caller; one that kills for any other
/// call ends only a child. If a limit is reached, and a child has found that no filter kills for
/// the calls of userns_scan(), the caller also scans, to tell who has used it up. The child sends
/// no SIGCHLD: neither wait(2) nor a handler of signals notices it, except for a thread that waits
/// for any child with __WALL or __WCLONE, which should not run meanwhile. The child has a copy of
/// the caller's memory, as after fork(2). It and its own children end with the calling thread, and
/// before this function returns, with all that they have made; only a setuid newuidmap(1) or
/// newgidmap(1) (USERNS_PROBE_SUBIDS) goes on for some seconds at most if the calling thread ends
/// meanwhile. A step that takes too long is given up after some seconds (-ETIMEDOUT,
/// USERNS_REASON_TIMEOUT). Mostly the function takes a few milliseconds, longer if the caller has
/// much memory, as fork(2) does, and about ten seconds at most for each child, of which a filter
/// that kills causes up to five; longer for the scan, and if /etc or /usr is on a file server that
/// does not answer.
///
/// The answer is about the calling thread, with its credentials, namespaces and filters, and about
/// the program that it executes: AppArmor, for example, has a profile for each program.
///
/// The caller should be dumpable (PR_GET_DUMPABLE in prctl(2)), which a process is not that has
/// changed its user or was executed with privileges. Otherwise the maps of its children belong to
/// root, and USERNS_STEP_MAP fails with EACCES unless the caller is root: that is a mistake of the
/// caller's and says nothing about the host. The library does not change it, since the child has a
/// copy of the caller's memory, which others could read then. prctl(PR_SET_DUMPABLE, 1) does.
///
/// options: what to try; NULL means USERNS_PROBE_OPTIONS_INIT.
/// probe: receives the result, to be released with userns_probe_free(); NULL if the call fails.
///
/// Returns 0 if the answer is known, whatever it is, or a negative errno value.
///
///     -EINVAL           probe is NULL; or options->size is smaller than in version 0.1; or
///                       options->flags or options->steps has a bit that this version does not
///                       know
///     -E2BIG            options has a non-zero field that this version does not know; or
///                       options->size is 4096 or more
///     -EAGAIN           eight children of earlier calls, or of scans, cannot end
///     -ECHILD           the caller has called unshare(2) with CLONE_NEWPID and made no process
///                       yet: a child would become process 1 of the new PID namespace
///     -ENOSYS           the program runs under valgrind, which does not support such children
///     -ENOMEM           out of memory
///     -EMFILE           the process has too many open descriptors
///     -ENFILE           the system has too many open files
///     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
///
/// Since 0.1.
#[must_use]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_probe(options: *const userns_probe_options, probe: *mut *mut userns_probe) -> c_int {
    if probe.is_null() {
        return -Error::INVALID.errno();
    }
    let probed = guard(|| {
        // SAFETY: the caller passes options that are NULL or as large as their size says.
        let options = unsafe { parse_options(options) }?;
        userns_probe::allocate(options.probe()?)
    });
    // SAFETY: `probe` is not NULL, so the caller lets us write there.
    unsafe { *probe = probed.unwrap_or(ptr::null_mut()) };
    probed.err().map_or(0, |error| -error.errno())
}

/// Release a probe and everything that it returned. NULL is accepted and does nothing.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_probe_free(probe: *mut userns_probe) {
    if !probe.is_null() {
        // SAFETY: the caller passes what userns_probe() returned, once, and uses it no more.
        drop(unsafe { Box::from_raw(probe) });
    }
}

/// Get the steps that were tried. Those that were wanted and are not among them need something that
/// failed or took too long: all need USERNS_STEP_CREATE, for example, and USERNS_STEP_PID needs the
/// mount namespace of USERNS_STEP_CAPABLE.
///
/// Returns USERNS_STEP_ bits; 0 for NULL and with USERNS_PROBE_READ_ONLY.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_probe_tried(probe: *const userns_probe) -> u64 {
    // SAFETY: the caller passes NULL or a probe.
    bits(unsafe { probe.as_ref() }, Probe::tried)
}

/// Get the steps that worked.
///
/// Returns USERNS_STEP_ bits; 0 for NULL and with USERNS_PROBE_READ_ONLY.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_probe_worked(probe: *const userns_probe) -> u64 {
    // SAFETY: the caller passes NULL or a probe.
    bits(unsafe { probe.as_ref() }, Probe::worked)
}

/// Get the first step that was tried and failed.
///
/// Returns one USERNS_STEP_ bit; 0 if no step failed, and for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_probe_failed_step(probe: *const userns_probe) -> u64 {
    // SAFETY: the caller passes NULL or a probe.
    let failed = unsafe { probe.as_ref() }.and_then(|probe| probe.probe.failed_step());
    STEPS.iter().find(|(_, step)| Some(*step) == failed).map_or(0, |(bit, _)| *bit)
}

/// Get the error of the first step that failed.
///
/// Returns a negative errno value, that of the system call; -EINTR if a signal ended the process
/// that tried the step, such as SIGSYS of a seccomp filter; -ETIMEDOUT if it took too long; 0 if no
/// step failed, and for NULL. With USERNS_PROBE_SUBIDS, a helper program that failed counts as
/// -EPERM, and one that is not installed, or a user without a range of ids, as -ENOENT.
/// strerror(3) describes the value; the sentences of userns_strerror() are about scans.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_probe_error(probe: *const userns_probe) -> c_int {
    // SAFETY: the caller passes NULL or a probe.
    let error = unsafe { probe.as_ref() }.and_then(|probe| probe.probe.error());
    error.map_or(0, |error| -error.errno())
}

/// Get the reasons why steps failed, those that are proved first. A step can have several.
///
/// With USERNS_PROBE_READ_ONLY, the reasons why the steps would fail.
///
/// count: receives the number of reasons; may be NULL.
///
/// Returns an array of *count reasons; empty if none was found.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_probe_reasons(
    probe: *const userns_probe,
    count: *mut usize,
) -> *const *const userns_reason {
    // SAFETY: the caller passes NULL or a probe.
    let reasons = unsafe { probe.as_ref() }.map_or(&[][..], |probe| &probe.reasons);
    // SAFETY: the caller passes NULL or where to write.
    unsafe { array(reasons, count) }
}

/// Get the kind of a reason.
///
/// Returns 0 only for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_reason_kind(reason: *const userns_reason) -> MaybeUninit<userns_reason_kind> {
    // SAFETY: the caller passes NULL or a reason.
    let reason = unsafe { reason.as_ref() };
    enum_or_zero(reason.map(|reason| kind(reason.reason().kind())))
}

/// Find out whether a reason is proved: by an experiment, or by a file that decides. Otherwise it is
/// likely: other reasons are possible, and the sentence says so.
///
/// Returns false also for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_reason_is_proved(reason: *const userns_reason) -> bool {
    // SAFETY: the caller passes NULL or a reason.
    unsafe { reason.as_ref() }.is_some_and(|reason| reason.reason().is_proved())
}

/// Get a reason as an English sentence without a final full stop: the file that decides, its value,
/// and what an administrator can do. The text can change in any version.
///
/// Returns a string; NULL only for NULL.
///
/// Since 0.1.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn userns_reason_text(reason: *const userns_reason) -> *const c_char {
    // SAFETY: the caller passes NULL or a reason.
    unsafe { reason.as_ref() }.map_or(ptr::null(), |reason| CStr::as_ptr(reason.reason().text()))
}

impl userns_probe {
    /// Moves a probe to the heap, with a handle for each reason.
    pub(super) fn allocate(probe: Probe) -> Result<*mut userns_probe, Error> {
        let mut handles: Vec<userns_reason> = reserved(probe.reasons().len())?;
        handles.extend(probe.reasons().iter().map(|reason| userns_reason(reason)));
        let mut reasons = reserved(handles.len())?;
        reasons.extend(handles.iter().map(ptr::from_ref));
        let allocated = allocate::<userns_probe>()?;
        // SAFETY: the memory has the layout of a probe. What the handles point to does not move with it.
        unsafe { allocated.write(userns_probe { probe, handles, reasons }) };
        Ok(allocated)
    }
}

/// The bits of the steps that have a property.
fn bits(probe: Option<&userns_probe>, has: fn(&Probe, Step) -> bool) -> u64 {
    let Some(probe) = probe else { return 0 };
    STEPS.iter().filter(|(_, step)| has(&probe.probe, *step)).fold(0, |all, (bit, _)| all | bit)
}

/// Checks and converts the options.
///
/// # Safety
///
/// `options` is NULL or points to as many bytes as its first field says.
unsafe fn parse_options(options: *const userns_probe_options) -> Result<ProbeOptions, Error> {
    const KNOWN: u32 = USERNS_PROBE_READ_ONLY | USERNS_PROBE_ONE_BY_ONE | USERNS_PROBE_SUBIDS;
    let all = STEPS.iter().fold(0, |all, (bit, _)| all | bit);
    let mut known = userns_probe_options { size: SIZE as u32, flags: 0, steps: 0 };
    if !options.is_null() {
        // SAFETY: as this function's. Every version's options begin with their size.
        known = unsafe { read_options(options, options.cast::<u32>().read() as usize, FIRST_SIZE, known) }?;
    }
    let userns_probe_options { flags, steps, .. } = known;
    if flags & !KNOWN != 0 || steps & !all != 0 {
        return Err(Error::INVALID);
    }
    let mut wanted = [Step::Create; STEPS.len()];
    for (wanted, (bit, step)) in wanted.iter_mut().zip(STEPS) {
        if steps == 0 || steps & bit != 0 {
            *wanted = step;
        }
    }
    let mut parsed = ProbeOptions::new().steps(&wanted);
    if flags & USERNS_PROBE_READ_ONLY != 0 {
        parsed = parsed.read_only();
    }
    if flags & USERNS_PROBE_ONE_BY_ONE != 0 {
        parsed = parsed.one_by_one();
    }
    Ok(if flags & USERNS_PROBE_SUBIDS != 0 { parsed.subids() } else { parsed })
}

fn kind(kind: ReasonKind) -> userns_reason_kind {
    match kind {
        ReasonKind::NotBuilt => userns_reason_kind::USERNS_REASON_NOT_BUILT,
        ReasonKind::Chroot => userns_reason_kind::USERNS_REASON_CHROOT,
        ReasonKind::Limit => userns_reason_kind::USERNS_REASON_LIMIT,
        ReasonKind::Depth => userns_reason_kind::USERNS_REASON_DEPTH,
        ReasonKind::Unmapped => userns_reason_kind::USERNS_REASON_UNMAPPED,
        ReasonKind::Sysctl => userns_reason_kind::USERNS_REASON_SYSCTL,
        ReasonKind::AppArmor => userns_reason_kind::USERNS_REASON_APPARMOR,
        ReasonKind::SeLinux => userns_reason_kind::USERNS_REASON_SELINUX,
        ReasonKind::Seccomp => userns_reason_kind::USERNS_REASON_SECCOMP,
        ReasonKind::Helper => userns_reason_kind::USERNS_REASON_HELPER,
        ReasonKind::ProcMasked => userns_reason_kind::USERNS_REASON_PROC_MASKED,
        ReasonKind::Processes => userns_reason_kind::USERNS_REASON_PROCESSES,
        ReasonKind::Timeout => userns_reason_kind::USERNS_REASON_TIMEOUT,
        ReasonKind::Lsm => userns_reason_kind::USERNS_REASON_LSM,
        ReasonKind::Unknown => userns_reason_kind::USERNS_REASON_UNKNOWN,
    }
}
