//! A worker process for system calls that can block without end: clone(2), pidfd_open(2), wait4(2).
//!
//! Reading `/proc/PID/ns/*`, `fd/*` or `root` waits for a process that is inside execve(2): for its `exec_update_lock`.
//! That process can itself wait for a file server that does not respond, when it closes a close-on-exec file. Only a
//! fatal signal ends the wait of a reader. So a worker, which shares memory and descriptors with the caller, does such
//! reads. If one of its system calls takes too long, the caller kills it and goes on without it.
//!
//! Time alone does not show that a call blocks: on a busy host the worker may not have run at all. So the worker names a file
//! that shows its state, proc_pid_stat(5), and is killed only if it sleeps.
//!
//! The worker is killed only inside a call of [`guarded`]. So nothing is left half done: it holds no lock of the memory
//! allocator, and its writes to memory are complete, but for one to its stack. Its descriptors are in a table, from which the
//! caller closes them. No destructors run on its stack.
//!
//! There is a gap: if a call that opens a file goes on between the last look at the worker and its death, some
//! microseconds, the kernel may have made a descriptor of which nobody knows. It stays open (SECURITY.md).

use super::clock::Start;
use super::{Errno, check, child, left, signal};
use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU64, Ordering};
use std::{ptr, slice};

/// Enough for a scan, which does not recurse. Unused pages cost nothing.
const STACK_SIZE: usize = 256 * 1024;
/// The most that one system call writes to the stack.
const MOST_WRITTEN: usize = 16 * 1024;
/// The worker never has more descriptors open.
const MOST_DESCRIPTORS: usize = 16;
/// How long the caller waits for the end of a killed worker, and at most between two looks at it, in microseconds.
const LONGEST_WAIT: u64 = 500_000;

/// How the work ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ended {
    /// The function returned.
    Returned,
    /// A system call blocked, and the worker was killed.
    Stuck,
}

/// The state that the worker and the caller share.
struct Shared {
    /// Odd: the worker is in a guarded system call. Each call has another number. `KILLED`: the caller kills the worker.
    call: AtomicU64,
    /// The function has returned, or has panicked.
    has_returned: AtomicBool,
    has_panicked: AtomicBool,
    /// A descriptor of `/proc/PID/stat` of the worker; -1 if unknown. It is closed when the worker has ended.
    state: AtomicI32,
    /// The open descriptors of the worker; -1 for a free slot.
    descriptors: [AtomicI32; MOST_DESCRIPTORS],
}

const KILLED: u64 = u64::MAX;

thread_local! {
    /// Set while a worker runs. It has the thread-local data of the caller's thread, which waits.
    static SHARED: Cell<*const Shared> = const { Cell::new(ptr::null()) };
}

struct Task<T> {
    function: fn(&mut T),
    argument: *mut T,
    shared: *const Shared,
}

/// Calls a function in a worker. Calls it in the calling process if there can be no worker: before Linux 5.3, under a
/// security policy or limit that forbids it, under valgrind, which does not support such processes, and while there is a
/// [`child::Forbidden`].
///
/// A guarded system call may block for so many milliseconds, at most for half as many more, before the worker is killed.
/// `argument` must not keep descriptors that the function opened, unless it then returns. The worker sends no SIGCHLD, and
/// wait(2) does not report it. All signals are blocked until it ends, so the function should return after some milliseconds.
pub fn run<T>(argument: &mut T, function: fn(&mut T), patience: u32) -> Result<Ended, Errno> {
    let mut stack: Vec<u128> = Vec::new();
    stack.try_reserve_exact(STACK_SIZE / size_of::<u128>())?;
    let shared = Shared {
        call: AtomicU64::new(0),
        has_returned: AtomicBool::new(false),
        has_panicked: AtomicBool::new(false),
        state: AtomicI32::new(-1),
        descriptors: [const { AtomicI32::new(-1) }; MOST_DESCRIPTORS],
    };
    let mut task = Task { function, argument: ptr::from_mut(argument), shared: &raw const shared };
    let mut pidfd: c_int = -1;
    let signals = signal::block_all();
    let pid = if is_available() {
        // SAFETY: the worker runs on `stack`, which grows downwards from the end of memory that nothing else uses. Until it
        // ends, this thread only waits, and touches only the atomic fields of `shared`.
        unsafe {
            let top = stack.as_mut_ptr().cast::<u8>().add(STACK_SIZE);
            let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD;
            libc::clone(enter::<T>, top.cast::<c_void>(), flags, (&raw mut task).cast::<c_void>(), &raw mut pidfd)
        }
    } else {
        -1
    };
    if pid < 0 {
        drop(signals);
        function(argument);
        return Ok(Ended::Returned);
    }
    let ended = shared.watch(pid, pidfd, patience);
    close(pidfd);
    SHARED.set(ptr::null());
    drop(signals);
    let Some(ended) = ended else {
        left::keep(pid, stack);
        return Ok(Ended::Stuck);
    };
    assert!(!shared.has_panicked.load(Ordering::Acquire), "the worker panicked");
    Ok(ended)
}

/// Whether this thread may make children, and the kernel has clone3(2), and so CLONE_PIDFD. Valgrind has neither.
pub(super) fn is_available() -> bool {
    if !child::is_permitted() {
        return false;
    }
    // SAFETY: the kernel reads nothing from a structure without a size, and refuses it.
    let refusal = check(unsafe { libc::syscall(libc::SYS_clone3, ptr::null::<c_void>(), 0 as c_long) });
    refusal == Err(Errno(libc::EINVAL))
}

extern "C" fn enter<T>(task: *mut c_void) -> c_int {
    // SAFETY: the caller passes a task and waits.
    let (function, argument, shared) = unsafe {
        let task = &*task.cast::<Task<T>>();
        (task.function, &mut *task.argument, &*task.shared)
    };
    SHARED.set(shared);
    // Unwinding out of this function would abort the process.
    let panicked = catch_unwind(AssertUnwindSafe(|| function(argument))).is_err();
    shared.has_panicked.store(panicked, Ordering::Release);
    shared.has_returned.store(true, Ordering::Release);
    0
}

impl Shared {
    /// Waits until the worker ends, and kills it if it is stuck. `None`: it does not end.
    fn watch(&self, pid: c_int, pidfd: c_int, patience: u32) -> Option<Ended> {
        let mut is_left = false;
        if self.is_stuck(pidfd, patience) {
            kill(pid, pidfd);
            is_left = !has_ended(pidfd, LONGEST_WAIT);
        }
        if !is_left {
            child::wait_for(pid);
        }
        close(self.state.load(Ordering::Acquire));
        if self.has_returned.load(Ordering::Acquire) {
            return Some(Ended::Returned);
        }
        for slot in &self.descriptors {
            close(slot.load(Ordering::Acquire));
        }
        if is_left { None } else { Some(Ended::Stuck) }
    }

    /// Waits until the worker ends; or until it is stuck, from when on it executes no more than the current system call.
    /// That is if it is in one system call at three looks, and asleep at the last two.
    fn is_stuck(&self, pidfd: c_int, patience: u32) -> bool {
        let mut pause = u64::from(patience) * 500;
        let (mut last, mut suspicions) = (0, 0);
        loop {
            let start = Start::now();
            if has_ended(pidfd, pause) {
                return false;
            }
            let waited = start.elapsed_microseconds().min(LONGEST_WAIT);
            let call = self.call.load(Ordering::Acquire);
            let is_suspect = call % 2 == 1
                && call == last
                && self.is_asleep().unwrap_or_else(|| {
                    // Its state is unknown. The caller's own delay tells how busy the host is.
                    let was_in_time = waited < 2 * pause;
                    pause = waited.max(pause);
                    was_in_time
                });
            suspicions = if is_suspect { suspicions + 1 } else { 0 };
            last = call;
            if suspicions == 2 && self.call.compare_exchange(call, KILLED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
            {
                return true;
            }
        }
    }

    /// Whether the worker sleeps, which it does not if it waits for a processor or was stopped; `None` if that is unknown.
    fn is_asleep(&self) -> Option<bool> {
        /// For the PID and the command name of at most 15 bytes, in parentheses. The state follows.
        const SIZE: usize = 64;
        let number @ 0.. = self.state.load(Ordering::Acquire) else { return None };
        let mut text = [0u8; SIZE];
        let (to, size) = (text.as_mut_ptr(), SIZE as c_long);
        // The offset, two registers on 32-bit machines and sometimes aligned, is 0. Does not fail, and so does not change
        // errno: the worker was not waited for.
        // SAFETY: the kernel writes at most `SIZE` bytes into `text`.
        unsafe {
            libc::syscall(libc::SYS_pread64, c_long::from(number), to, size, 0 as c_long, 0 as c_long, 0 as c_long)
        };
        let end = text.iter().rposition(|&byte| byte == b')')?;
        Some(matches!(text.get(end + 2)?, b'S' | b'D'))
    }
}

/// Waits for some microseconds; true if the worker has ended, or if the caller may only wait without a limit, since a
/// security policy refuses ppoll(2). Should not change errno, which the worker uses: it is thread-local data. ppoll(2) does
/// not if the time is over, and almost no signal can interrupt it: only those of libc itself, see [`child::reap`].
pub(super) fn has_ended(pidfd: c_int, microseconds: u64) -> bool {
    // Seconds and nanoseconds, as the system call has them; `libc::timespec` can have 64 bits on 32-bit machines.
    let mut time: [c_long; 2] = [(microseconds / 1_000_000) as c_long, (microseconds % 1_000_000 * 1000) as c_long];
    loop {
        match poll(pidfd, &mut time) {
            0 => return false,
            1.. => return true,
            // Interrupted, or refused; errno may be the worker's. A call that need not wait is hardly ever interrupted.
            _ if (0..10).all(|_| poll(pidfd, &mut [0, 0]) < 0) => return true,
            _ => (),
        }
    }
}

/// ppoll(2), without a change of the signal mask. Leaves the rest of the time in `time`.
fn poll(pidfd: c_int, time: &mut [c_long; 2]) -> c_long {
    let mut poll = libc::pollfd { fd: pidfd, events: libc::POLLIN, revents: 0 };
    let (poll, one, time, no_mask) = (&raw mut poll, 1 as c_long, time.as_mut_ptr(), ptr::null::<c_void>());
    // SAFETY: `poll` and `time` may be written.
    unsafe { libc::syscall(libc::SYS_ppoll, poll, one, time, no_mask, 0 as c_long) }
}

pub(super) fn kill(pid: c_int, pidfd: c_int) {
    let (number, none) = (c_long::from(libc::SIGKILL), ptr::null::<c_void>());
    // SAFETY: the call takes no other pointer.
    let sent = unsafe { libc::syscall(libc::SYS_pidfd_send_signal, c_long::from(pidfd), number, none, 0 as c_long) };
    if sent != 0 {
        // A security policy refuses it. The worker was not waited for, so the number is still its own.
        // SAFETY: the call takes no pointer.
        unsafe { libc::syscall(libc::SYS_kill, c_long::from(pid), number) };
    }
}

fn close(number: c_int) {
    if number >= 0 {
        // SAFETY: the descriptor was the worker's, which executes no further instruction, or tells about it.
        unsafe { libc::syscall(libc::SYS_close, c_long::from(number)) };
    }
}

/// Whether the caller is a worker.
pub fn is_running() -> bool {
    !SHARED.get().is_null()
}

/// Names a descriptor that shows the state of the worker which calls this. False if the caller is no worker; otherwise the
/// descriptor is closed when the worker has ended.
pub(super) fn show_state(number: c_int) -> bool {
    // SAFETY: not NULL only in a worker. Its caller waits until it ends, or executes no further instruction.
    let Some(shared) = (unsafe { SHARED.get().as_ref() }) else { return false };
    closing(number); // but by the caller
    shared.state.store(number, Ordering::Release);
    true
}

/// Runs a system call that can block without end. In a worker, the caller can end it, but not always the call: one that waits
/// for a file server or a lock of the kernel can still write when the caller has gone on. So it writes only to the stack, which
/// is kept ([`left::keep`]). A call that makes a descriptor also remembers it ([`opened`]): what follows the call may not be executed.
pub(super) fn guarded<R>(call: impl FnOnce() -> R) -> R {
    // SAFETY: not NULL only in a worker. Its caller waits until it ends, or executes no further instruction.
    let Some(shared) = (unsafe { SHARED.get().as_ref() }) else { return call() };
    let number = shared.call.load(Ordering::Relaxed) + 1;
    shared.call.store(number, Ordering::Release);
    let result = call();
    if shared.call.compare_exchange(number, number + 1, Ordering::AcqRel, Ordering::Relaxed).is_err() {
        loop {
            // SAFETY: the call takes nothing. SIGKILL ends it.
            unsafe { libc::syscall(libc::SYS_ppoll, ptr::null::<c_void>(), 0 as c_long, 0 as c_long, 0 as c_long) };
        }
    }
    result
}

/// Runs a system call that can block without end, and that writes to memory of any kind. It returns how many bytes.
pub(super) fn guarded_into(
    buffer: &mut [u8],
    call: impl FnOnce(*mut u8, usize) -> Result<usize, Errno>,
) -> Result<usize, Errno> {
    if !is_running() {
        return call(buffer.as_mut_ptr(), buffer.len());
    }
    let mut stack = [const { MaybeUninit::<u8>::uninit() }; MOST_WRITTEN];
    let size = buffer.len().min(MOST_WRITTEN);
    let written = guarded(|| call(stack.as_mut_ptr().cast(), size))?;
    // SAFETY: the call has written so many bytes.
    buffer[..written].copy_from_slice(unsafe { slice::from_raw_parts(stack.as_ptr().cast(), written) });
    Ok(written)
}

/// Remembers a new descriptor, so that the caller can close it.
pub(super) fn opened(number: c_int) {
    replace(-1, number);
}

/// Forgets a descriptor that is about to be closed.
pub(super) fn closing(number: c_int) {
    replace(number, -1);
}

fn replace(old: c_int, new: c_int) {
    // SAFETY: not NULL only in a worker. Its caller waits until it ends, or executes no further instruction.
    let Some(shared) = (unsafe { SHARED.get().as_ref() }) else { return };
    if let Some(slot) = shared.descriptors.iter().find(|slot| slot.load(Ordering::Relaxed) == old) {
        slot.store(new, Ordering::Release);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::{file, pidfd};

    const PATIENCE: u32 = 20;

    #[test]
    fn a_worker_returns() {
        let mut pid = 0;
        assert_eq!(run(&mut pid, |pid| *pid = pidfd::own_pid(), PATIENCE), Ok(Ended::Returned));
        assert_eq!(pid == pidfd::own_pid(), !is_available());
    }

    /// As on a busy host, where a call takes long because the worker does not get a processor.
    #[test]
    fn a_worker_that_does_not_sleep_is_left_alone() {
        let mut is_over = false;
        let ended = run(
            &mut is_over,
            |is_over| {
                file::open(c"/proc/thread-self/stat", libc::O_RDONLY).unwrap().show_state_of_worker();
                let start = Start::now();
                guarded(|| while start.elapsed_microseconds() < 10_000 * u64::from(PATIENCE) {});
                *is_over = true;
            },
            PATIENCE,
        );
        assert_eq!((ended, is_over), (Ok(Ended::Returned), true));
    }

    /// A FIFO without a writer blocks open(2).
    #[test]
    fn a_stuck_worker_is_ended_and_leaves_nothing() {
        if !is_available() {
            return;
        }
        let path = std::env::temp_dir().join(format!("userns-fifo-{}", std::process::id()));
        let name = std::ffi::CString::new(path.to_str().unwrap()).unwrap();
        // SAFETY: the path is NUL-terminated.
        assert_eq!(unsafe { libc::mkfifo(name.as_ptr(), 0o600) }, 0);
        let mut state = (name, 0);
        let ended = run(
            &mut state,
            |(name, kept)| {
                let file = file::open(c"/proc/loadavg", libc::O_RDONLY).unwrap();
                *kept = file.number();
                let _ = file::open(name, libc::O_RDONLY);
            },
            PATIENCE,
        );
        std::fs::remove_file(path).unwrap();
        assert_eq!(ended, Ok(Ended::Stuck));
        // Another test can have a descriptor of this number by now, but not of this file.
        let file = std::fs::read_link(format!("/proc/self/fd/{}", state.1)).ok();
        assert_ne!(file.as_deref(), Some(std::path::Path::new("/proc/loadavg")), "the descriptor is closed");
    }
}
