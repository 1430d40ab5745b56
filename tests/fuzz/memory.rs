//! How much memory a call needs.

use std::cell::Cell;

thread_local! {
    /// The bytes that this thread has allocated, less those that it has freed; and the most that there were.
    static USED: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

/// The allocator of the system, which also counts. The fuzzer has it; in `cargo test` nothing is counted.
#[cfg(fuzzing)]
pub struct Counting;

#[cfg(fuzzing)]
mod counting {
    use super::{Counting, MOST, USED};
    use std::alloc::{GlobalAlloc, Layout, System};

    fn count(change: isize) {
        let used = USED.get() + change;
        USED.set(used);
        MOST.set(MOST.get().max(used));
    }

    // SAFETY: all calls go to the allocator of the system.
    unsafe impl GlobalAlloc for Counting {
        unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
            count(layout.size() as isize);
            // SAFETY: as this function's.
            unsafe { System.alloc(layout) }
        }

        unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
            count(-(layout.size() as isize));
            // SAFETY: as this function's.
            unsafe { System.dealloc(memory, layout) }
        }

        unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
            // Both blocks count, since it may have to be copied.
            count(size as isize);
            count(-(layout.size() as isize));
            // SAFETY: as this function's.
            unsafe { System.realloc(memory, layout, size) }
        }
    }
}

/// The bytes that this thread has in use.
pub fn used() -> isize {
    USED.get()
}

/// Makes a call. It may need at most so many bytes at a time.
pub fn within<T>(most: usize, call: impl FnOnce() -> T) -> T {
    let before = USED.get();
    MOST.set(before);
    let result = call();
    let needed = MOST.get() - before;
    assert!(needed <= most as isize, "{needed} bytes are needed, and not at most {most}");
    result
}
