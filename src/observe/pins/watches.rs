//! Source: namespaces that inotify(7) or fanotify(7) watches, `/proc/PID/task/TID/fdinfo`, proc_pid_fdinfo(5).
//!
//! A watch keeps the inode of a namespace, and so the namespace. It costs time to read all watches, so they are read only if
//! the kernel lists a namespace that no other source has found.

use super::super::visits::PATIENCE;
use super::threads::Thread;
use crate::error::Error;
use crate::facts::{Holder, Target};
use crate::observe::Context;
use crate::sys::clock::Start;
use crate::sys::file;
use crate::sys::worker::{self, Ended};
use crate::sys::{Errno, if_any};
use crate::util::arrays::{push, reserved, sort_few, zeros};
use crate::util::parse;
use crate::util::path::ShortPath;

/// So many descriptors are kept in mind, and so many bytes are read about each.
const MOST_DESCRIPTORS: usize = 10_000;
const MOST_BYTES: usize = 1 << 20;
/// All take so many microseconds, at most: the kernel looks at all watches of a descriptor, and a process can have made the
/// same one many times.
const MOST_TIME: u64 = 2_000_000;

/// The descriptors of inotify(7) and fanotify(7).
#[derive(Default)]
pub struct Watches(Vec<Watcher>);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Watcher {
    pid: i32,
    tid: i32,
    number: i32,
}

impl Watches {
    /// Keeps a descriptor in mind if it is one of these.
    pub fn note(&mut self, thread: &Thread, number: i32, link: &[u8]) -> Result<(), Error> {
        let is_one = matches!(link, b"anon_inode:inotify" | b"anon_inode:[fanotify]");
        if is_one && self.0.len() < MOST_DESCRIPTORS {
            push(&mut self.0, Watcher { pid: thread.pid, tid: thread.tid, number })?;
        }
        Ok(())
    }

    /// Records which of these namespaces are watched.
    pub fn find(mut self, context: &mut Context, namespaces: &[Target]) -> Result<(), Error> {
        if namespaces.is_empty() {
            return Ok(());
        }
        let mut by_inode = reserved(namespaces.len())?;
        by_inode.extend(namespaces.iter().map(|&target| (context.inode_of(target), target)));
        sort_few(&mut by_inode);
        // A process can have been visited twice.
        sort_few(&mut self.0);
        self.0.dedup();
        let mut buffer = zeros(MOST_BYTES)?;
        let start = Start::now();
        for watcher in self.0 {
            if start.elapsed_microseconds() > MOST_TIME {
                break; // what is not found stays out of sight
            }
            let mut task = Task { context, watcher, buffer: &mut buffer, length: Ok(0) };
            if worker::run(&mut task, |task| task.length = task.read(), PATIENCE)? == Ended::Stuck {
                break; // the others can be stuck, too
            }
            let Some(length) = if_any(task.length)? else { continue };
            let text = &buffer[..length];
            let end = text.iter().rposition(|&byte| byte == b'\n').unwrap_or(0);
            record(context, watcher, &text[..end], &by_inode)?;
        }
        Ok(())
    }
}

/// Records the namespaces that the lines of a file name, each once.
fn record(context: &mut Context, watcher: Watcher, text: &[u8], by_inode: &[(u64, Target)]) -> Result<(), Error> {
    let (device, mut found) = (context.users.device(), Vec::new());
    for (on, inode) in text.split(|&byte| byte == b'\n').filter_map(parse) {
        if let Ok(index) = by_inode.binary_search_by_key(&inode, |&(inode, _)| inode) {
            if Some(on) == device {
                push(&mut found, index)?;
            }
        }
    }
    sort_few(&mut found);
    found.dedup();
    let Watcher { pid, tid, number } = watcher;
    for index in found {
        context.hold(by_inode[index].1, Holder::Descriptor { pid, tid, number })?;
    }
    Ok(())
}

struct Task<'t, 'p> {
    context: &'t Context<'p>,
    watcher: Watcher,
    buffer: &'t mut [u8],
    length: Result<usize, Errno>,
}

impl Task<'_, '_> {
    fn read(&mut self) -> Result<usize, Errno> {
        let (procfs, Watcher { pid, tid, number }) = (self.context.procfs, self.watcher);
        let path = ShortPath::new(format_args!("{pid}/task/{tid}"));
        let thread = procfs.find_directory(procfs.root(), path.as_c_str())?;
        let name = ShortPath::new(format_args!("fdinfo/{number}"));
        let file = procfs.open_file(&thread, name.as_c_str())?;
        Ok(file::read_start(&file, self.buffer)?.len())
    }
}

/// The device and inode number in `inotify wd:1 ino:2a sdev:4 mask:…` or `fanotify ino:2a sdev:4 mflags:…`.
pub fn parse(line: &[u8]) -> Option<(u64, u64)> {
    let mut words = line.split(|&byte| byte == b' ');
    let is_watch = matches!(words.next()?, b"inotify" | b"fanotify");
    let mut number = |name: &[u8]| {
        let word = words.find(|word| word.starts_with(name))?;
        parse::hexadecimal(&word[name.len()..])
    };
    let (inode, device) = (number(b"ino:")?, number(b"sdev:")?);
    // The kernel's own form of a device number, `dev_t` of linux/kdev_t.h.
    let (major, minor) = (u32::try_from(device >> 20).ok()?, (device & 0xf_ffff) as u32);
    is_watch.then_some((libc::makedev(major, minor), inode))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_fdinfo() {
        let inotify =
            b"inotify wd:1 ino:f0000046 sdev:4 mask:4 ignored_mask:0 fhandle-bytes:10 fhandle-type:f1 f_handle:0";
        assert_eq!(parse(inotify), Some((4, 0xf000_0046)));
        assert_eq!(
            parse(b"fanotify ino:2a sdev:800001 mflags:0 mask:20 ignored_mask:0"),
            Some((libc::makedev(8, 1), 42))
        );
        for line in
            [&b"fanotify sdev:4 mflags:0"[..], b"pos:\t0", b"", b"inotify wd:1 ino: sdev:4", b"other ino:1 sdev:4"]
        {
            assert_eq!(parse(line), None, "{line:?}");
        }
    }
}
