//! Source: the cgroups of processes, proc_pid_cgroup(5), unless BPF told them.

use super::answer::Answer;
use super::{Context, lines};
use crate::error::Error;
use crate::facts::{Gap, Known, Process, TextRef};
use crate::util::path::ShortPath;
use once_cell::race::OnceBool;

/// `PATH_MAX` of the kernel, the size of its buffer. It refuses to tell a longer path, or cuts it off (Linux 6.18).
const PATH_MAX: usize = 4096;

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
    let text = &mut context.facts_mut().text;
    let (mut cgroup, mut is_cut_off) = (Ok(TextRef::default()), false);
    // The line is the last one. In a path of version 1, kernels before 5.13 permit a newline, and then this text.
    let mut take = |line: &[u8], is_last: bool| match line.strip_prefix(b"0::") {
        Some(path @ [b'/', ..]) => {
            is_cut_off = path.len() >= PATH_MAX - 1;
            cgroup = text.add_once(path, known);
            !is_last
        }
        _ => true,
    };
    let read = Answer::settle(|| lines::each(&procfs.open_file(procfs.root(), path.as_c_str())?, &mut take))?;
    let cgroup = cgroup?;
    match read {
        Answer::Is(()) if !is_cut_off => Ok(Some(cgroup)),
        Answer::Gone if !context.is_hidden(pid)? => Ok(Some(TextRef::default())),
        _ => Ok(None),
    }
}
