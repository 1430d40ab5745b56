//! A short-lived child process with memory of its own, which shares only descriptors with its parent: clone(2), prctl(2),
//! wait4(2).

use super::file::Fd;
use super::{Errno, check, child, left, process, signal, worker};
use std::ffi::{c_int, c_long, c_void};
use std::ptr;

/// Enough for a few nested system calls.
const STACK_SIZE: usize = 64 * 1024;

/// So many microseconds a killed child is waited for.
const MOMENT: u64 = 500_000;

struct Call<'c> {
    function: fn(&Fd) -> Result<(), Errno>,
    file: &'c Fd,
}

/// Runs `function` in a child process with memory of its own, and calls `look` with its PID when it has ended, before it is
/// reaped: what procfs shows of a zombie is what it was when it ended. True if `function` succeeded; only then it matters
/// what `look` saw.
///
/// For what changes credentials: that can make the memory of a process not dumpable (`commit_creds()` of the kernel), and so
/// that of the caller if the child shared it. `function` should only make system calls, since other threads of the caller
/// can hold locks in the copy. The child sends no SIGCHLD, and is killed if it does not end within `patience`
/// microseconds: anybody with the rights of the caller can stop it.
///
/// The child is not dumpable. In a user namespace, any process with CAP_SYS_PTRACE there could trace it otherwise
/// (`__ptrace_may_access()` of the kernel), and so use the caller's memory and descriptors.
///
/// EAGAIN: there can be no child, for example before Linux 5.3 or under valgrind.
pub fn run(
    file: &Fd,
    function: fn(&Fd) -> Result<(), Errno>,
    look: &mut dyn FnMut(i32),
    patience: u64,
) -> Result<bool, Errno> {
    if !left::has_room() || !worker::is_available() {
        return Err(Errno(libc::EAGAIN));
    }
    let mut stack: Vec<u128> = Vec::new();
    stack.try_reserve_exact(STACK_SIZE / size_of::<u128>())?;
    let call = Call { function, file };
    let mut pidfd: c_int = -1;
    let signals = signal::block_all();
    // SAFETY: the child has a copy of `stack`, which grows downwards from the end of memory that nothing else uses, and of
    // `call`.
    let pid = unsafe {
        let top = stack.as_mut_ptr().cast::<u8>().add(STACK_SIZE);
        let (flags, call) = (libc::CLONE_FILES | libc::CLONE_PIDFD, (&raw const call).cast_mut().cast::<c_void>());
        libc::clone(enter, top.cast::<c_void>(), flags, call, &raw mut pidfd)
    };
    check(c_long::from(pid)).map_err(|errno| match errno {
        Errno(libc::ENOMEM) => Errno(libc::EAGAIN), // for a copy of the caller's memory, which can be large
        errno => errno,
    })?;
    let pidfd = Fd::from_call(pidfd as usize);
    let mut has_ended = worker::has_ended(pidfd.raw(), patience);
    if has_ended {
        if stay(pid).is_ok() {
            look(pid);
        }
    } else {
        worker::kill(pid, pidfd.raw());
        has_ended = worker::has_ended(pidfd.raw(), MOMENT);
    }
    let status = if has_ended { child::reap(pid) } else { Err(Errno(libc::EAGAIN)) };
    if !has_ended {
        left::keep(pid, Vec::new());
    }
    drop(signals);
    Ok(status == Ok(0))
}

/// Waits until a child has ended, and does not reap it: waitid(2). It may still run if a security policy refuses ppoll(2).
fn stay(child: c_int) -> Result<(), Errno> {
    let (process, child) = (libc::P_PID as c_long, c_long::from(child));
    let flags = c_long::from(libc::WEXITED | libc::WNOWAIT | libc::__WALL);
    let (nothing, wait) = (ptr::null::<c_void>(), libc::SYS_waitid);
    loop {
        // SAFETY: the call writes nothing.
        match check(unsafe { libc::syscall(wait, process, child, nothing, flags, nothing) }) {
            Err(Errno(libc::EINTR)) => (), // by a signal of libc itself
            result => return result.map(drop),
        }
    }
}

extern "C" fn enter(call: *mut c_void) -> c_int {
    // SAFETY: the parent passes its `Call`, of which this process has a copy.
    let call = unsafe { &*call.cast::<Call>() };
    c_int::from(process::forbid_tracing().and_then(|()| (call.function)(call.file)).is_err())
}

#[cfg(test)]
mod tests {
    use super::super::file;
    use super::*;
    use crate::util::parse;
    use std::ffi::CString;

    #[test]
    fn a_child_apart_has_ended_when_it_is_looked_at() {
        let file = file::open(c"/proc", libc::O_RDONLY).unwrap();
        for expected in [true, false] {
            let mut text = [0; 512];
            let mut state = None;
            let function = if expected { |_: &Fd| Ok(()) } else { |_: &Fd| Err(Errno(libc::EPERM)) };
            let mut look = |pid: i32| {
                let name = CString::new(format!("/proc/{pid}/stat")).unwrap();
                let stat = file::read_start(&file::open(&name, libc::O_RDONLY).unwrap(), &mut text).unwrap();
                state = parse::field_of_stat(stat, 3).map(<[u8]>::to_vec);
            };
            match run(&file, function, &mut look, 10_000_000) {
                Err(errno) => assert!(!worker::is_available(), "{errno:?}"),
                Ok(has_succeeded) => assert_eq!((has_succeeded, state.as_deref()), (expected, Some(&b"Z"[..]))),
            }
        }
    }
}
