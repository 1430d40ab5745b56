//! The caller's files, pipes and sockets: read(2), write(2), ppoll(2), and the signal SIGPIPE: rt_sigtimedwait(2), sigaction(2).

use super::file::Fd;
use super::signal::{self, Blocked};
use super::{Errno, check};
use std::ffi::{c_long, c_short};
use std::mem::MaybeUninit;
use std::ptr;

/// Reads up to the size of `buffer`; 0 at the end of the file. Waits for data, also if the descriptor is non-blocking.
pub fn read(fd: &Fd, buffer: &mut [u8]) -> Result<usize, Errno> {
    wait_for(fd, libc::POLLIN, || {
        // SAFETY: the kernel writes at most `len` bytes into `buffer`.
        check(unsafe { libc::syscall(libc::SYS_read, c_long::from(fd.raw()), buffer.as_mut_ptr(), buffer.len()) })
    })
}

/// Writes all bytes. Waits for room, also if the descriptor is non-blocking.
pub fn write_all(fd: &Fd, mut bytes: &[u8]) -> Result<(), Errno> {
    while !bytes.is_empty() {
        let written = wait_for(fd, libc::POLLOUT, || {
            // SAFETY: the kernel reads at most `len` bytes from `bytes`.
            check(unsafe { libc::syscall(libc::SYS_write, c_long::from(fd.raw()), bytes.as_ptr(), bytes.len()) })
        })?;
        // A device that takes nothing would do so for ever.
        bytes = bytes.get(written..).filter(|_| written > 0).ok_or(Errno(libc::EIO))?;
    }
    Ok(())
}

/// Repeats a call until it is neither interrupted by a signal nor refused since it would block.
fn wait_for(fd: &Fd, event: c_short, mut call: impl FnMut() -> Result<usize, Errno>) -> Result<usize, Errno> {
    loop {
        match call() {
            Err(Errno(libc::EINTR)) => (),
            Err(Errno(libc::EAGAIN)) => poll(fd, event)?,
            result => return result,
        }
    }
}

fn poll(fd: &Fd, events: c_short) -> Result<(), Errno> {
    let mut poll = libc::pollfd { fd: fd.raw(), events, revents: 0 };
    let none = ptr::null::<u8>();
    // SAFETY: `poll` is one structure; without a time and a mask the call waits as long as it takes.
    match check(unsafe { libc::syscall(libc::SYS_ppoll, &raw mut poll, 1 as c_long, none, none, 0 as c_long) }) {
        Err(Errno(libc::EINTR)) | Ok(_) => Ok(()),
        // A security policy refuses it.
        Err(_) => Err(Errno(libc::EAGAIN)),
    }
}

/// While it exists, a write of this thread to a pipe or socket without a reader sends no SIGPIPE, which would end the process:
/// write(2) returns EPIPE.
pub struct WithoutSigpipe {
    _blocked: Blocked,
    /// A signal that others have sent, which is left alone.
    was_pending: bool,
}

/// The size of the kernel's own `sigset_t`, of `_NSIG` bits.
const SIGSET_SIZE: c_long = if cfg!(any(target_arch = "mips", target_arch = "mips64")) { 16 } else { 8 };

impl WithoutSigpipe {
    pub fn begin() -> WithoutSigpipe {
        WithoutSigpipe { _blocked: signal::block(&sigpipe()), was_pending: is_pending() }
    }
}

impl Drop for WithoutSigpipe {
    fn drop(&mut self) {
        if !self.was_pending && take_sigpipe().is_err() {
            ignore_sigpipe();
        }
    }
}

/// Takes the signal if it is pending.
fn take_sigpipe() -> Result<(), Errno> {
    let sigpipe = sigpipe();
    // Zero seconds, as 32 or 64 bits. Not sigtimedwait(3), which is a cancellation point.
    let now = [0_u64; 2];
    let (set, none, time) = (&raw const sigpipe, ptr::null::<u8>(), now.as_ptr());
    // SAFETY: libc's set begins with the kernel's; the call changes neither set nor time.
    match check(unsafe { libc::syscall(libc::SYS_rt_sigtimedwait, set, none, time, SIGSET_SIZE) }) {
        Err(Errno(libc::EAGAIN)) | Ok(_) => Ok(()),
        Err(errno) => Err(errno),
    }
}

/// Where a security policy refuses that call: a signal is not pending any more once the process ignores it, see
/// sigaction(2). It does so for a moment.
fn ignore_sigpipe() {
    let mut before = MaybeUninit::uninit();
    // SAFETY: an action of zeros is one without flags and a mask; the first call fills `before`.
    unsafe {
        let mut ignore: libc::sigaction = MaybeUninit::zeroed().assume_init();
        ignore.sa_sigaction = libc::SIG_IGN;
        if libc::sigaction(libc::SIGPIPE, &raw const ignore, before.as_mut_ptr()) == 0 {
            libc::sigaction(libc::SIGPIPE, before.as_ptr(), ptr::null_mut());
        }
    }
}

fn sigpipe() -> libc::sigset_t {
    let mut set = MaybeUninit::uninit();
    // SAFETY: the first call fills the set.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGPIPE);
        set.assume_init()
    }
}

fn is_pending() -> bool {
    const _: () = assert!(size_of::<libc::sigset_t>() >= SIGSET_SIZE as usize);
    let mut set = MaybeUninit::uninit();
    // SAFETY: the call fills the set.
    unsafe { libc::sigpending(set.as_mut_ptr()) == 0 && libc::sigismember(set.as_ptr(), libc::SIGPIPE) == 1 }
}
