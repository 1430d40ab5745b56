//! Source: the cgroups of processes, proc_pid_cgroup(5), unless BPF told them.

use super::answer::Answer;
use super::{Context, lines};
use crate::error::Error;
use crate::facts::{Gap, Known, Process, Text, TextRef};
use crate::util::path::ShortPath;
use once_cell::race::OnceBool;
use std::collections::TryReserveError;

/// `PATH_MAX` of the kernel, the size of its buffer. It refuses to tell a longer path, or cuts it off (Linux 6.18).
pub const PATH_MAX: usize = if cfg!(fuzzing) { 128 } else { 4096 };

/// Reads the path of the cgroup of every process of which BPF has not told it.
pub fn read(context: &mut Context) -> Result<(), Error> {
    let is_told = |process: &Process| process.cgroup != TextRef::default();
    if context.facts().processes.iter().any(is_told) && !are_shown(context)? {
        context.facts_mut().processes.iter_mut().for_each(|process| process.cgroup = TextRef::default());
    }
    let mut known = Known::default();
    for at in 0..context.facts().processes.len() {
        let process = context.facts().processes[at];
        if !is_told(&process) {
            context.facts_mut().processes[at].cgroup = read_one(context, process.pid, &mut known)?;
        }
    }
    Ok(())
}

/// Whether procfs shows cgroups of version 2: once they have been mounted somewhere (proc_cgroup_show() of the kernel). BPF tells
/// the root of them before. Known for good once it is so.
fn are_shown(context: &mut Context) -> Result<bool, Error> {
    static ARE_SHOWN: OnceBool = OnceBool::new();
    if ARE_SHOWN.get() == Some(true) {
        return Ok(true);
    }
    let Some(own) = context.own_pid() else { return Ok(false) };
    let is_shown = ask(context, own, &mut Known::default())?.is_some_and(|path| path != TextRef::default());
    if is_shown {
        // It fails if another thread was first.
        let _ = ARE_SHOWN.set(true);
    }
    Ok(is_shown)
}

/// The empty string: the process has ended, or is in no cgroup of version 2; or the file could not be read, which is counted.
fn read_one(context: &mut Context, pid: i32, known: &mut Known) -> Result<TextRef, Error> {
    let read = ask(context, pid, known)?;
    if read.is_none() {
        context.miss(Gap::Cgroups, 1);
    }
    Ok(read.unwrap_or_default())
}

/// The same; `None`: the file could not be read.
fn ask(context: &mut Context, pid: i32, known: &mut Known) -> Result<Option<TextRef>, Error> {
    let path = ShortPath::new(format_args!("{pid}/cgroup"));
    let procfs = context.procfs;
    let mut found = Found::new(&mut context.facts_mut().text, known);
    let mut take = |line: &[u8], is_last: bool| found.take(line, is_last);
    let read = Answer::settle(|| lines::each(&procfs.open_file(procfs.root(), path.as_c_str())?, &mut take))?;
    let found = found.path()?;
    match read {
        Answer::Is(()) => Ok(found),
        Answer::Gone if !context.is_hidden(pid)? => Ok(Some(TextRef::default())),
        _ => Ok(None),
    }
}

/// What the lines of the file say, as far as they were read.
struct Found<'t> {
    text: &'t mut Text,
    known: &'t mut Known,
    path: Result<TextRef, TryReserveError>,
    is_cut_off: bool,
}

impl<'t> Found<'t> {
    fn new(text: &'t mut Text, known: &'t mut Known) -> Found<'t> {
        Found { text, known, path: Ok(TextRef::default()), is_cut_off: false }
    }

    /// Takes a line. False if it was the one of version 2, which is the last one: in a path of version 1, kernels before 5.13
    /// permit a newline, and then the same text.
    fn take(&mut self, line: &[u8], is_last: bool) -> bool {
        let Some(path @ [b'/', ..]) = line.strip_prefix(b"0::") else { return true };
        self.is_cut_off = path.len() >= PATH_MAX - 1;
        self.path = self.text.add_once(path, self.known);
        !is_last
    }

    /// `None`: it is cut off.
    fn path(self) -> Result<Option<TextRef>, TryReserveError> {
        Ok(Some(self.path?).filter(|_| !self.is_cut_off))
    }
}

/// The path in a text, or the empty string; `None` if it is cut off.
#[cfg(any(test, fuzzing))]
pub fn parse(bytes: &[u8]) -> Option<std::ffi::CString> {
    let (mut text, mut known) = (Text::default(), Known::default());
    let mut found = Found::new(&mut text, &mut known);
    lines::each_of(bytes, std::iter::empty(), &mut |line, is_last| found.take(line, is_last));
    found.path().unwrap().map(|path| text.get(path).to_owned())
}
