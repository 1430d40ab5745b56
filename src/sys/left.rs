//! Child processes that were killed and do not end: a system call of theirs waits for a file server that has begun to serve
//! it, which no signal ends, see `request_wait_answer()` of the kernel's FUSE. They are left behind, and reaped later.

use super::child;
use std::cell::UnsafeCell;
use std::ffi::c_int;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicI32, Ordering};

/// So many children of the calling process are remembered.
const MOST: usize = 8;

/// Values of `Slot::pid` that are no PID.
const FREE: c_int = 0;
const IN_USE: c_int = -1;

struct Slot {
    pid: AtomicI32,
    memory: UnsafeCell<ManuallyDrop<Vec<u128>>>,
}

// SAFETY: only the thread that has set `pid` to `IN_USE` touches the memory.
unsafe impl Sync for Slot {}

static SLOTS: [Slot; MOST] =
    [const { Slot { pid: AtomicI32::new(FREE), memory: UnsafeCell::new(ManuallyDrop::new(Vec::new())) } }; MOST];

/// Leaves a child behind that was killed. It executes no further instruction, but can write to its memory: a stack, and what
/// the kernel writes when it ends. If as many are remembered as can be, that is never freed.
pub(super) fn keep(pid: c_int, memory: Vec<u128>) {
    let memory = ManuallyDrop::new(memory);
    if let Some(slot) = SLOTS.iter().find(|slot| slot.take(FREE)) {
        // SAFETY: the slot is this thread's now.
        unsafe { *slot.memory.get() = memory };
        slot.pid.store(pid, Ordering::Release);
    }
}

/// Reaps the children that have ended meanwhile. Whether one more can be left behind.
pub fn has_room() -> bool {
    for slot in &SLOTS {
        let pid = slot.pid.load(Ordering::Relaxed);
        // While the slot is in use, no other thread reaps the child, after which its number could be that of another one.
        if pid <= FREE || !slot.take(pid) {
            continue;
        }
        let has_ended = child::has_ended(pid);
        if has_ended {
            // SAFETY: the slot is this thread's, and the child, which used the memory, has ended. It is dropped once, since
            // the slot is free from now on.
            unsafe { ManuallyDrop::drop(&mut *slot.memory.get()) };
        }
        slot.pid.store(if has_ended { FREE } else { pid }, Ordering::Release);
    }
    SLOTS.iter().any(|slot| slot.pid.load(Ordering::Relaxed) == FREE)
}

impl Slot {
    fn take(&self, pid: c_int) -> bool {
        self.pid.compare_exchange(pid, IN_USE, Ordering::Acquire, Ordering::Relaxed).is_ok()
    }
}
