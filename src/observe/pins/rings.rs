//! Source: files that are registered with an io_uring, `/proc/PID/fdinfo/N`, proc_pid_fdinfo(5).
//!
//! Such a file is in no descriptor table. The kernel writes its path, which for a namespace is `user:[4026531837]`, from
//! Linux 6.16 on. It writes all lines at once, at the first read(2), for which it does not wait for the lock of the ring
//! (`mutex_trylock()` in `io_uring_show_fdinfo()`): a ring that is busy shows no files.

use super::super::answer::Answer;
use super::threads::{Entry, Thread};
use crate::error::Error;
use crate::facts::{Gap, Holder, NamespaceType, parse_link, parse_socket_link};
use crate::observe::Context;
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, process};
use crate::util::arrays::push;
use crate::util::hash::IntMap;
use crate::util::parse;
use crate::util::path::ShortPath;

/// The text of a link to an io_uring.
pub const LINK: &[u8] = b"anon_inode:[io_uring]";
/// How often the files of a busy ring are read.
const MOST_TRIES: usize = 20;
/// No more is read of all rings: two million files on short paths. The same ring can be at any number of descriptors.
const MOST_BYTES: usize = 64 << 20;

/// The rings of all threads.
#[derive(Default)]
pub struct Rings {
    /// Namespaces that were not met before. Nothing opens a namespace by its number.
    unknown: Vec<Unknown>,
    /// What the current ring has. Here, and not in the function that reads: a visit can end at any system call.
    met: IntMap<(bool, u64), ()>,
    read_bytes: usize,
}

struct Unknown {
    namespace_type: NamespaceType,
    inode: u64,
    pid: i32,
    holder: Holder,
}

/// A registered file that is of interest.
#[derive(Clone, Copy)]
enum Registered {
    Namespace(NamespaceType, u64),
    /// A socket, by its inode number.
    Socket(u64),
}

impl Rings {
    /// Records the namespaces among the files of a ring, and passes on the inode numbers of sockets.
    pub fn record(
        &mut self,
        context: &mut Context,
        thread: &Thread,
        entry: &Entry,
        visit_socket: &mut dyn FnMut(u64) -> Result<(), Error>,
    ) -> Result<Answer<()>, Error> {
        let Thread { pid, tid, .. } = *thread;
        let holder = Holder::IoUring { pid, tid, number: entry.number };
        let name = ShortPath::new(format_args!("fdinfo/{}", entry.number));
        self.met.clear();
        for _ in 0..MOST_TRIES {
            if self.read_bytes == MOST_BYTES {
                break;
            }
            let procfs = context.procfs;
            let opened = Answer::settle(|| procfs.open_file(&thread.directory, name.as_c_str()))?;
            let file = match opened {
                Answer::Is(file) => file,
                Answer::Gone => return Ok(Answer::Gone),
                Answer::Refused(_) => break,
            };
            let mut rest = MOST_BYTES - self.read_bytes;
            let mut visit = |registered| {
                let Some(registered) = self.meet(context, registered)? else { return Ok(()) };
                match registered {
                    Registered::Namespace(namespace_type, inode) => {
                        self.hold(context, Unknown { namespace_type, inode, pid, holder })
                    }
                    Registered::Socket(inode) => visit_socket(inode),
                }
            };
            let is_read = read(&file, &mut rest, &mut visit);
            self.read_bytes = MOST_BYTES - rest;
            match Answer::of(is_read)? {
                Answer::Is(true) => return Ok(Answer::Is(())),
                Answer::Gone => return Ok(Answer::Gone),
                Answer::Is(false) => process::yield_processor(),
                Answer::Refused(_) => break,
            }
        }
        context.miss(Gap::Links, 1);
        Ok(Answer::Is(()))
    }

    /// `None`: the ring has it already. EFBIG: there are too many.
    fn meet(&mut self, context: &mut Context, registered: Registered) -> Result<Option<Registered>, Error> {
        let key = match registered {
            Registered::Namespace(_, inode) => (false, inode),
            Registered::Socket(inode) => (true, inode),
        };
        self.met.try_reserve(1)?;
        if self.met.insert(key, ()).is_some() {
            return Ok(None);
        }
        if context.limits.descriptors.take() { Ok(Some(registered)) } else { Err(Errno(libc::EFBIG).into()) }
    }

    fn hold(&mut self, context: &mut Context, unknown: Unknown) -> Result<(), Error> {
        match context.known(unknown.namespace_type, unknown.inode) {
            Some(known) => context.hold(known, unknown.holder),
            None => Ok(push(&mut self.unknown, unknown)?),
        }
    }

    /// Forgets what was noted of a process, which was the last one.
    pub fn forget(&mut self, pid: i32) {
        let rest = self.unknown.iter().rposition(|unknown| unknown.pid != pid).map_or(0, |last| last + 1);
        self.unknown.truncate(rest);
    }

    /// Records the namespaces that no other source has found either, by their numbers. Runs after those.
    pub fn finish(self, context: &mut Context) -> Result<(), Error> {
        for Unknown { namespace_type, inode, holder, .. } in self.unknown {
            let target = match context.known(namespace_type, inode) {
                Some(known) => known,
                None => {
                    context.miss(Gap::Links, 1);
                    context.record_unopened(namespace_type, inode)?
                }
            };
            context.hold(target, holder)?;
        }
        Ok(())
    }
}

/// Reads the information about a ring, of which the rest may be so many bytes. False if it does not tell the files.
fn read(file: &Fd, rest: &mut usize, visit: &mut dyn FnMut(Registered) -> Result<(), Error>) -> Result<bool, Errno> {
    let mut table = Table::default();
    let mut buffer = [0; 4096];
    loop {
        let text = match file::read(file, &mut buffer)? {
            0 => return Ok(table.is_found),
            length => &buffer[..length],
        };
        *rest = rest.saturating_sub(text.len());
        if *rest == 0 {
            return Err(Errno(libc::EFBIG));
        }
        for &byte in text {
            if let Some(registered) = table.add(byte) {
                visit(registered).map_err(|error| Errno(error.errno()))?;
            }
        }
    }
}

/// The parser: finds the lines between `UserFiles:` and `UserBufs:`, such as `    0: user:[4026531837]`.
#[derive(Default)]
struct Table {
    line: ShortLine,
    is_found: bool,
    is_open: bool,
}

/// The beginning of a line. The lines that matter are short.
struct ShortLine {
    text: [u8; 48],
    length: usize,
}

impl Default for ShortLine {
    fn default() -> ShortLine {
        ShortLine { text: [0; 48], length: 0 }
    }
}

impl Table {
    fn add(&mut self, byte: u8) -> Option<Registered> {
        if byte != b'\n' {
            if let Some(end) = self.line.text.get_mut(self.line.length) {
                *end = byte;
            }
            self.line.length += 1;
            return None;
        }
        let line = std::mem::take(&mut self.line);
        let line = line.text.get(..line.length)?.trim_ascii_start();
        if line.starts_with(b"UserFiles:") {
            (self.is_found, self.is_open) = (true, true);
        } else if line.starts_with(b"UserBufs:") {
            self.is_open = false;
        }
        if self.is_open { registered(line) } else { None }
    }
}

/// The file in a line of the table. Paths begin with a slash, so none looks like a namespace or socket.
fn registered(line: &[u8]) -> Option<Registered> {
    let colon = line.iter().position(|&byte| byte == b':')?;
    parse::number(&line[..colon])?;
    let file = line[colon + 1..].trim_ascii_start();
    match parse_link(file) {
        Some((namespace_type, inode)) => Some(Registered::Namespace(namespace_type, inode)),
        None => parse_socket_link(file).map(Registered::Socket),
    }
}

/// Whether a text has the table of files, and the namespaces and sockets there, as links of procfs name them.
#[cfg(any(test, fuzzing))]
pub fn files_in(text: &[u8]) -> (bool, Vec<String>) {
    let mut table = Table::default();
    let name = |registered| match registered {
        Registered::Namespace(namespace_type, inode) => {
            format!("{}:[{inode}]", namespace_type.name().to_str().unwrap())
        }
        Registered::Socket(inode) => format!("socket:[{inode}]"),
    };
    let names = text.iter().filter_map(|&byte| table.add(byte)).map(name).collect();
    (table.is_found, names)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_in_their_table_only() {
        let text = b"pos:\t0\n    0: user:[1]\nSQEs:\t1\n    1: net:[2]\nUserFiles:\t4\n    0: user:[4026531837]\n\
            \n    1: /a:_user:[3]\n    2: socket:[26]\n    3: /a_very_long_path/user:[4]/user:[4026531837]\n  12345: net:[5]\n\
            UserBufs:\t1\n    0: user:[6]\n";
        let found = ["user:[4026531837]", "socket:[26]", "net:[5]"].map(String::from).to_vec();
        assert_eq!(files_in(text), (true, found));
        assert_eq!(files_in(b"pos:\t0\nflags:\t02000002\n"), (false, Vec::new()));
    }
}
