//! A disposable process for descriptors whose last close(2) can block without end: clone(2), close_range(2), futex(2).
//!
//! A duplicate of another process's descriptor can be of any file, since the owner can replace its file at any time. To
//! close a file of a file server that does not answer blocks, and no signal ends that. So only a helper makes duplicates. It
//! shares the memory of the caller and has a descriptor table of its own. If it does not answer, the caller kills it and
//! goes on. A process that is killed leaves the memory before it closes its files (`exit_mm()` and `exit_files()` in
//! `do_exit()`): a helper that cannot end keeps a file, but nothing of the caller.
//!
//! The caller does not wait for such a helper, but leaves it behind (`left.rs`).

use super::clock::Start;
use super::file::Fd;
use super::{Errno, child, left, pidfd, signal, worker};
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_long, c_void};
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};

/// Enough for a few nested system calls.
const STACK_SIZE: usize = 64 * 1024;
/// The helper ends if the caller does not take a descriptor for three times so many milliseconds: it may have ended.
const OFFER: u32 = 900;

/// Values of `Port::turn`. The kernel writes `LEFT` when the helper has left the memory (CLONE_CHILD_CLEARTID).
const LEFT: u32 = 0;
const WORKING: u32 = 1;
const OFFERING: u32 = 2;

/// What the helper and the caller share.
pub struct Port {
    turn: AtomicU32,
    /// Counts the steps of the work.
    step: AtomicU32,
    offered: AtomicI32,
    /// Whether `work` was called, and whether it has returned.
    has_begun: AtomicBool,
    has_returned: AtomicBool,
}

/// The memory of a helper. It is kept until the helper has ended.
struct Block {
    port: Port,
    stack: UnsafeCell<MaybeUninit<[u128; STACK_SIZE / size_of::<u128>()]>>,
}

struct Task<'t, T> {
    work: fn(&T, &Port),
    argument: &'t T,
    port: &'t Port,
}

/// Calls `work` in a helper, and `take` with each descriptor that it offers. False if the helper ended before `work`
/// returned.
///
/// `work` calls [`Port::step`] before each part that can block; a part may take so many milliseconds (less than 1000), at
/// most twice as many, and longer while the caller itself gets no processor. The helper can be killed at any time, so `work`
/// must not allocate memory, and only atomic writes to `argument` are certain to be complete. It begins without descriptors.
///
/// All signals are blocked in this thread meanwhile, so `work` should return after some milliseconds. The helper sends no
/// SIGCHLD, and wait(2) does not report it. EAGAIN: there can be no helper, for example because it would share descriptors
/// with the caller (before Linux 5.9).
pub fn run<T>(
    argument: &T,
    work: fn(&T, &Port),
    take: &mut dyn FnMut(Result<Fd, Errno>),
    patience: u32,
) -> Result<bool, Errno> {
    if !left::has_room() || !worker::is_available() {
        return Err(Errno(libc::EAGAIN));
    }
    let mut memory: Vec<u128> = Vec::new();
    memory.try_reserve_exact(size_of::<Block>().div_ceil(size_of::<u128>()))?;
    // SAFETY: the memory is aligned and large enough for a block, of which only the port is initialized. It is kept until
    // the helper has ended, and only accessed through the block.
    let block = unsafe {
        let block = memory.as_mut_ptr().cast::<Block>();
        (&raw mut (*block).port).write(Port::new());
        &*block
    };
    let task = Task { work, argument, port: &block.port };
    let mut pidfd: c_int = -1;
    let signals = signal::block_all();
    // CLONE_FILES: the helper then leaves the table, which copies nothing, see `enter`.
    let flags = libc::CLONE_VM | libc::CLONE_FILES | libc::CLONE_PIDFD | libc::CLONE_CHILD_CLEARTID;
    // SAFETY: the helper runs on the stack of `block`, which grows downwards from its end. `block` is kept until the helper
    // has ended, `task` until it has left the memory or waits in the kernel and is killed.
    let pid = unsafe {
        let top = block.stack.get().cast::<u8>().add(STACK_SIZE).cast::<c_void>();
        let (task, tls) = ((&raw const task).cast_mut().cast::<c_void>(), ptr::null_mut::<c_void>());
        libc::clone(enter::<T>, top, flags, task, &raw mut pidfd, tls, block.port.turn.as_ptr())
    };
    if pid < 0 {
        let errno = Errno::last();
        return Err(if errno.is_exhaustion() { errno } else { Errno(libc::EAGAIN) });
    }
    let pidfd = Fd::from_call(pidfd as usize);
    if !block.port.watch(&pidfd, take, patience) {
        worker::kill(pid, pidfd.raw());
    }
    let has_begun = block.port.has_begun.load(Ordering::Acquire);
    let has_returned = block.port.has_returned.load(Ordering::Acquire);
    match worker::has_ended(pidfd.raw(), u64::from(patience) * 1000) {
        true => child::wait_for(pid),
        false => left::keep(pid, memory),
    }
    drop(signals);
    if has_begun { Ok(has_returned) } else { Err(Errno(libc::EAGAIN)) }
}

extern "C" fn enter<T>(task: *mut c_void) -> c_int {
    // SAFETY: the caller passes a task and waits.
    let Task { work, argument, port } = unsafe { &*task.cast::<Task<T>>() };
    if child::leave_descriptors().is_ok() {
        port.has_begun.store(true, Ordering::Release);
        work(argument, port);
        port.has_returned.store(true, Ordering::Release);
    }
    0
}

impl Port {
    fn new() -> Port {
        Port {
            turn: AtomicU32::new(WORKING),
            step: AtomicU32::new(0),
            offered: AtomicI32::new(-1),
            has_begun: AtomicBool::new(false),
            has_returned: AtomicBool::new(false),
        }
    }

    /// Begins the next part of the work.
    pub fn step(&self) {
        self.step.fetch_add(1, Ordering::Release);
    }

    /// Lets the caller take a descriptor, and waits for that.
    pub fn offer(&self, file: &Fd) {
        self.offered.store(file.raw(), Ordering::Relaxed);
        self.turn.store(OFFERING, Ordering::Release);
        wake(&self.turn);
        for _ in 0..3 {
            wait(&self.turn, OFFERING, OFFER); // the wakeup for an earlier offer can end it
            if self.turn.load(Ordering::Acquire) != OFFERING {
                return;
            }
        }
        self.exit();
    }

    /// Ends the helper. Closes its descriptors when it has left the memory, so that it keeps nothing of the caller if that
    /// blocks.
    pub fn exit(&self) -> ! {
        // SAFETY: the call takes no pointer and does not return.
        unsafe { libc::syscall(libc::SYS_exit_group, 0 as c_long) };
        unreachable!("exit_group(2) does not return")
    }

    /// Waits until the helper leaves; false if a step takes too long.
    fn watch(&self, helper: &Fd, take: &mut dyn FnMut(Result<Fd, Errno>), patience: u32) -> bool {
        let mut last = None;
        let mut start = Start::now();
        loop {
            wait(&self.turn, WORKING, patience);
            match self.turn.load(Ordering::Acquire) {
                LEFT => return true,
                OFFERING => {
                    take(pidfd::duplicate(helper, self.offered.load(Ordering::Relaxed)));
                    // It can have left meanwhile.
                    let _ = self.turn.compare_exchange(OFFERING, WORKING, Ordering::AcqRel, Ordering::Relaxed);
                    wake(&self.turn);
                }
                // The wait can have been interrupted.
                _ if start.elapsed_microseconds() < u64::from(patience) * 1000 => (),
                _ => {
                    // If the caller itself is late, the host is so busy that the helper may not have run at all.
                    let is_late = start.elapsed_microseconds() >= u64::from(patience) * 2000;
                    let step = Some(self.step.load(Ordering::Acquire));
                    if step == last && !is_late {
                        return false;
                    }
                    (last, start) = (step, Start::now());
                }
            }
        }
    }
}

/// Waits for some milliseconds (less than 1000) while a word has a value; less if something else ends the wait.
///
/// Sets errno, which is thread-local data and so shared. If the caller's wait ends just when a system call of the helper
/// has failed, the helper can see another error. A socket then counts as not told.
fn wait(word: &AtomicU32, value: u32, milliseconds: u32) {
    // As the system call has them; `libc::timespec` can have 64 bits on 32-bit machines.
    let time: [c_long; 2] = [0, c_long::from(milliseconds as i32) * 1_000_000];
    // Not FUTEX_PRIVATE_FLAG: the kernel wakes without it when the helper leaves the memory.
    let (operation, value) = (c_long::from(libc::FUTEX_WAIT), value as c_long);
    // SAFETY: the kernel reads `word` and `time`.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, value, time.as_ptr()) };
}

fn wake(word: &AtomicU32) {
    let (operation, one) = (c_long::from(libc::FUTEX_WAKE), 1 as c_long);
    // SAFETY: the kernel only uses the address.
    unsafe { libc::syscall(libc::SYS_futex, word.as_ptr(), operation, one) };
}
