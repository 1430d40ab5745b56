//! Signals: pthread_sigmask(3).

use std::mem::MaybeUninit;
use std::ptr;

/// Blocks signals in this thread until it is dropped.
pub struct Blocked(libc::sigset_t);

/// Blocks all signals, except those that libc reserves for itself.
pub fn block_all() -> Blocked {
    let mut all = MaybeUninit::uninit();
    // SAFETY: the call fills the set, and cannot fail.
    let all = unsafe {
        libc::sigfillset(all.as_mut_ptr());
        all.assume_init()
    };
    block(&all)
}

/// Blocks these signals, too.
pub fn block(signals: &libc::sigset_t) -> Blocked {
    let mut before = MaybeUninit::uninit();
    // SAFETY: the call reads one set and fills the other; it cannot fail with these arguments.
    unsafe {
        libc::pthread_sigmask(libc::SIG_BLOCK, signals, before.as_mut_ptr());
        Blocked(before.assume_init())
    }
}

impl Drop for Blocked {
    fn drop(&mut self) {
        // SAFETY: the set is the one that was in force before.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &raw const self.0, ptr::null_mut()) };
    }
}
