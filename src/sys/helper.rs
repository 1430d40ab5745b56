//! A disposable process for descriptors whose last close(2) can block without end: clone(2), close_range(2), futex(2).
//!
//! A duplicate of another process's descriptor can be of any file, since the owner can replace its file at any time. To
//! close a file of a file server that does not answer blocks, and no signal ends that. So only a helper makes duplicates. It
//! shares the memory of the caller and has a descriptor table of its own. If it does not answer, the caller kills it and
//! goes on. A process that is killed leaves the memory before it closes its files (`exit_mm()` and `exit_files()` in
//! `do_exit()`): a helper that cannot end keeps a file, but nothing of the caller.
//!
//! The caller does not wait for such a helper. It becomes a zombie when the file server answers or ends, and a later call
//! of [`run`] reaps it. If [`MOST_ABANDONED`] helpers have not ended, there is no other one.

use super::clock::Start;
use super::file::Fd;
use super::{Errno, check, child, pidfd, signal, worker};
use std::alloc::{Layout, alloc_zeroed, dealloc};
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_long, c_void};
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicPtr, AtomicU32, Ordering};

/// Enough for a few nested system calls.
const STACK_SIZE: usize = 64 * 1024;
/// So many helpers of the calling process may be unable to end.
const MOST_ABANDONED: usize = 4;
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
    has_returned: AtomicBool,
}

/// The memory of a helper. It is kept until the helper has ended.
struct Block {
    port: Port,
    pid: AtomicI32,
    stack: UnsafeCell<[u8; STACK_SIZE]>,
}

/// The memory of helpers that were killed and did not end.
static ABANDONED: [AtomicPtr<Block>; MOST_ABANDONED] = [const { AtomicPtr::new(ptr::null_mut()) }; MOST_ABANDONED];

struct Task<'t, T> {
    work: fn(&T, &Port),
    argument: &'t T,
    port: &'t Port,
}

/// Calls `work` in a helper, and `take` with each descriptor that it offers. False if the helper ended before `work`
/// returned.
///
/// `work` calls [`Port::step`] before each part that can block; a part may take so many milliseconds (less than 1000), at
/// most twice as many. The helper can be killed at any time, so `work` must not allocate memory, and only atomic writes
/// to `argument` are certain to be complete. It begins without descriptors.
///
/// All signals are blocked in this thread meanwhile, so `work` should return after some milliseconds. The helper sends no
/// SIGCHLD, and wait(2) does not report it. EAGAIN: there can be no helper.
pub fn run<T>(
    argument: &T,
    work: fn(&T, &Port),
    take: &mut dyn FnMut(Result<Fd, Errno>),
    patience: u32,
) -> Result<bool, Errno> {
    if !reap() || !worker::is_available() {
        return Err(Errno(libc::EAGAIN));
    }
    let block = Block::new()?;
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
        block.free();
        return Err(if errno.is_exhaustion() { errno } else { Errno(libc::EAGAIN) });
    }
    let pidfd = Fd::from_call(pidfd as usize);
    block.pid.store(pid, Ordering::Relaxed);
    if !block.port.watch(&pidfd, take, patience) {
        worker::kill(pid, pidfd.raw());
    }
    let has_returned = block.port.has_returned.load(Ordering::Acquire);
    if worker::has_ended(pidfd.raw(), u64::from(patience) * 1000) {
        child::wait_for(pid);
        block.free();
    } else {
        block.abandon();
    }
    drop(signals);
    Ok(has_returned)
}

/// Reaps the abandoned helpers that have ended. Whether there may be another one.
fn reap() -> bool {
    for slot in &ABANDONED {
        // SAFETY: a block in a slot is not freed, and is here in no slot, so no other thread finds it.
        let Some(block) = (unsafe { slot.swap(ptr::null_mut(), Ordering::AcqRel).as_ref() }) else { continue };
        if child::has_ended(block.pid.load(Ordering::Relaxed)) {
            block.free();
        } else {
            block.abandon();
        }
    }
    ABANDONED.iter().any(|slot| slot.load(Ordering::Relaxed).is_null())
}

extern "C" fn enter<T>(task: *mut c_void) -> c_int {
    // SAFETY: the caller passes a task and waits.
    let Task { work, argument, port } = unsafe { &*task.cast::<Task<T>>() };
    // A table of its own, and nothing in it. A copy of the caller's descriptors would have to be closed, which can block.
    let (all, unshare) = (u32::MAX as c_long, libc::CLOSE_RANGE_UNSHARE as c_long);
    // SAFETY: the call takes no pointer. If it fails, the table is still the caller's, and nothing is closed.
    let left = check(unsafe { libc::syscall(libc::SYS_close_range, 0 as c_long, all, unshare) });
    if left.is_ok() {
        work(argument, port);
        port.has_returned.store(true, Ordering::Release);
    }
    0
}

impl Port {
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
                    let step = Some(self.step.load(Ordering::Acquire));
                    if step == last {
                        return false;
                    }
                    (last, start) = (step, Start::now());
                }
            }
        }
    }
}

impl Block {
    fn new() -> Result<&'static Block, Errno> {
        // SAFETY: the layout has a size. Zeros are a valid block.
        let block = unsafe { alloc_zeroed(Layout::new::<Block>()).cast::<Block>().as_ref() };
        let block = block.ok_or(Errno(libc::ENOMEM))?;
        block.port.turn.store(WORKING, Ordering::Relaxed);
        Ok(block)
    }

    /// Keeps the memory of a helper that was killed and has not ended.
    fn abandon(&'static self) {
        let block = ptr::from_ref(self).cast_mut();
        let is_free = |slot: &AtomicPtr<Block>| {
            slot.compare_exchange(ptr::null_mut(), block, Ordering::AcqRel, Ordering::Relaxed).is_ok()
        };
        // Other threads can have filled all slots just now. Then the memory is never freed.
        let _ = ABANDONED.iter().any(is_free);
    }

    /// Frees the memory. The helper has ended, and nothing else refers to the block.
    fn free(&'static self) {
        // SAFETY: it was allocated with this layout, and only callers of this function could use it.
        unsafe { dealloc(ptr::from_ref(self).cast_mut().cast::<u8>(), Layout::new::<Block>()) };
    }
}

/// Waits for some milliseconds (less than 1000) while a word has a value; less if something else ends the wait.
///
/// Sets errno, which is thread-local data and so shared. If the caller's wait ends just when a system call of the helper
/// has failed, the helper can see another error; it took too long then.
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
