//! A short-lived child process that shares memory and descriptors with its parent: clone(2), wait4(2), waitid(2).

use super::{Errno, check, signal};
use std::cell::Cell;
use std::ffi::{c_int, c_long, c_void};
use std::marker::PhantomData;
use std::mem;

/// Enough for a few nested system calls.
const STACK_SIZE: usize = 64 * 1024;

thread_local! {
    static FORBIDDEN: Cell<u32> = const { Cell::new(0) };
}

/// While it exists, this thread makes no children.
///
/// After unshare(2) or setns(2) with CLONE_NEWPID, the first child of the caller becomes process 1 of the new PID namespace.
/// When that ends, the caller can make no more, see pid_namespaces(7): it must be a child of its own.
pub struct Forbidden(PhantomData<*const ()>);

impl Forbidden {
    pub fn new() -> Forbidden {
        FORBIDDEN.set(FORBIDDEN.get() + 1);
        Forbidden(PhantomData)
    }
}

impl Drop for Forbidden {
    fn drop(&mut self) {
        FORBIDDEN.set(FORBIDDEN.get() - 1);
    }
}

pub(super) fn is_permitted() -> bool {
    FORBIDDEN.get() == 0
}

/// `struct clone_args` of linux/sched.h, Linux 5.5.
#[repr(C)]
#[derive(Default)]
struct CloneArgs {
    flags: u64,
    pidfd: u64,
    child_tid: u64,
    parent_tid: u64,
    exit_signal: u64,
    stack: u64,
    stack_size: u64,
    tls: u64,
    set_tid: u64,
    set_tid_size: u64,
}

/// Whether children of this thread can be in another PID namespace than the thread is, so that one can be the first there.
/// It needs no procfs, which may have to be opened by a child, but cannot tell whether there has been one.
///
/// Asks for a thread, which the kernel refuses with EINVAL if they are (`copy_process()`). Otherwise it refuses because of
/// the TID, which is that of the caller: that is in use (EEXIST), or the caller may not choose TIDs (EPERM). Linux 5.5;
/// before, and under a security policy, this is true.
pub fn can_be_elsewhere() -> bool {
    // SAFETY: gettid(2) has no arguments.
    let own = unsafe { libc::syscall(libc::SYS_gettid) } as libc::pid_t;
    let request = CloneArgs {
        flags: (libc::CLONE_VM | libc::CLONE_SIGHAND | libc::CLONE_THREAD) as u64,
        set_tid: (&raw const own) as u64,
        set_tid_size: 1,
        ..CloneArgs::default()
    };
    // SAFETY: the kernel reads the request and `own`. It makes no thread, which would have no stack: the TID is in use.
    let refusal = check(unsafe { libc::syscall(libc::SYS_clone3, &raw const request, mem::size_of_val(&request)) });
    !matches!(refusal, Err(Errno(libc::EEXIST | libc::EPERM)))
}

struct Call<'c, T> {
    function: fn(&T),
    argument: &'c T,
}

/// Runs `function` in a child process that has the namespaces of its own choice: setns(2) and unshare(2) there do not
/// affect the caller. It shares memory and descriptors with the caller, whose thread waits meanwhile (CLONE_VM,
/// CLONE_FILES and CLONE_VFORK).
///
/// The child sends no SIGCHLD, and wait(2) does not report it. No signal reaches a handler in it. `function` should only
/// make system calls: a panic in it ends the child.
///
/// A seccomp filter can end the child at any system call. Descriptors that it has opened then stay open. So `function` puts
/// each into a cell of its argument before the next system call, where the caller finds and closes it.
///
/// EPERM: the thread may make no children now.
pub fn run<T>(argument: &T, function: fn(&T)) -> Result<(), Errno> {
    if !is_permitted() {
        return Err(Errno(libc::EPERM));
    }
    let mut stack: Vec<u128> = Vec::new();
    stack.try_reserve_exact(STACK_SIZE / size_of::<u128>())?;
    let call = Call { function, argument };
    let signals = signal::block_all();
    // SAFETY: the child runs on `stack`, which grows downwards from the end of memory that nothing else uses. It has
    // `call` for itself, since this thread waits until it has ended (CLONE_VFORK).
    let pid = unsafe {
        let top = stack.as_mut_ptr().cast::<u8>().add(STACK_SIZE);
        let flags = libc::CLONE_VM | libc::CLONE_VFORK | libc::CLONE_FILES;
        libc::clone(enter::<T>, top.cast::<c_void>(), flags, (&raw const call).cast_mut().cast::<c_void>())
    };
    let started = check(c_long::from(pid));
    if started.is_ok() {
        wait_for(pid);
    }
    drop(signals);
    started.map(drop)
}

extern "C" fn enter<T>(call: *mut c_void) -> c_int {
    // SAFETY: the parent passes its `Call<T>`, and waits.
    let call = unsafe { &*call.cast::<Call<T>>() };
    (call.function)(call.argument);
    0
}

/// Reaps the child.
pub(super) fn wait_for(child: c_int) {
    let _ = reap(child);
}

/// Reaps the child, and returns its status, see wait(2). The signals that libc reserves for itself cannot be blocked and can
/// interrupt this.
pub(super) fn reap(child: c_int) -> Result<c_int, Errno> {
    loop {
        match wait(child, 0) {
            Ok(Some(status)) => return Ok(status),
            Ok(None) | Err(Errno(libc::EINTR)) => (),
            Err(errno) => return Err(errno),
        }
    }
}

/// Reaps a child if it has ended, and returns its status then.
pub(super) fn status(child: c_int) -> Result<Option<c_int>, Errno> {
    wait(child, libc::WNOHANG)
}

/// A child without an exit signal is only waited for with __WALL.
fn wait(child: c_int, flags: c_int) -> Result<Option<c_int>, Errno> {
    let (id, flags) = (c_long::from(child), c_long::from(libc::__WALL | flags));
    let mut status: c_int = 0;
    // SAFETY: `status` may be written.
    match check(unsafe { libc::syscall(libc::SYS_wait4, id, &raw mut status, flags, 0 as c_long) }) {
        Ok(ended) => Ok((ended != 0).then_some(status)),
        Err(errno @ Errno(libc::ECHILD | libc::EINTR)) => Err(errno),
        Err(_) => wait_by_id(id, flags), // a seccomp filter can know only one of them
    }
}

/// By waitid(2).
fn wait_by_id(child: c_long, flags: c_long) -> Result<Option<c_int>, Errno> {
    let (process, flags) = (libc::P_PID as c_long, c_long::from(libc::WEXITED) | flags);
    // SAFETY: the structure consists of numbers.
    let mut info: libc::siginfo_t = unsafe { mem::zeroed() };
    // SAFETY: `info` may be written.
    check(unsafe { libc::syscall(libc::SYS_waitid, process, child, &raw mut info, flags, 0 as c_long) })?;
    // SAFETY: the structure is about a child that has ended, or still 0.
    let (pid, status) = unsafe { (info.si_pid(), info.si_status()) };
    let status = match info.si_code {
        libc::CLD_EXITED => status << 8,
        libc::CLD_DUMPED => status | 0x80,
        _ => status,
    };
    Ok((pid != 0).then_some(status))
}

/// Reaps a child if it has ended; true if there is none.
pub(super) fn has_ended(child: c_int) -> bool {
    status(child) != Ok(None)
}

/// Gives the calling process, which shares the descriptor table of its parent, an empty one of its own (Linux 5.9). A copy of the
/// parent's descriptors would have to be closed, which can block.
pub(super) fn leave_descriptors() -> Result<(), Errno> {
    let (all, unshare) = (u32::MAX as c_long, libc::CLOSE_RANGE_UNSHARE as c_long);
    // SAFETY: the call takes no pointer. If it fails, the table is still the parent's, and nothing is closed.
    check(unsafe { libc::syscall(libc::SYS_close_range, 0 as c_long, all, unshare) }).map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    #[test]
    fn a_child_is_another_process_and_shares_memory() {
        let pid = Cell::new(0);
        run(&pid, |pid| pid.set(super::super::pidfd::own_pid())).unwrap();
        assert_ne!(pid.get(), 0);
        assert_ne!(pid.get(), super::super::pidfd::own_pid());
    }
}
