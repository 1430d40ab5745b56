//! Processes that a procfs does not list: proc_tid_children(5).

use super::Context;
use super::answer::Answer;
use crate::error::Error;
use crate::facts::Source;
use crate::sys::dir::Directory;
use crate::sys::file::{self, Fd};
use crate::sys::{Errno, if_any};
use crate::util::arrays::{push, sort_by_number};
use crate::util::parse;
use crate::util::path::ShortPath;

/// Whether a process that exists was not listed, as far as that shows: the procfs tells the children of each process that it
/// lists, also those that it does not list. Not found are processes without a listed ancestor, such as those that entered a
/// PID namespace by setns(2). True if the kernel does not tell the children (CONFIG_PROC_CHILDREN).
///
/// Processes that BPF lists are counted where data about them is missing.
pub fn has_any(context: &Context) -> Result<bool, Error> {
    if context.facts().source != Source::Procfs {
        return Ok(false);
    }
    if if_any(context.procfs.open_here_or_in_proc(c"thread-self/children"))?.is_none() {
        return Ok(true);
    }
    let mut buffer = Vec::new();
    for member in &context.facts().members {
        let path = ShortPath::new(format_args!("{}/task", member.pid));
        let tasks = Answer::settle(|| context.procfs.open_directory(context.procfs.root(), path.as_c_str()))?;
        let Answer::Is(tasks) = tasks else { continue };
        let mut names = Directory::new(&tasks, &mut buffer)?;
        while let Answer::Is(Some(name)) = Answer::of(names.next_name())? {
            let Some(tid) = parse::number(name) else { continue };
            if hides_child(context, &tasks, tid)? {
                return Ok(true);
            }
        }
    }
    Ok(false)
}

/// Whether a thread has a child that is not listed.
fn hides_child(context: &Context, tasks: &Fd, tid: u64) -> Result<bool, Error> {
    let Answer::Is(children) = Answer::of(read_children(context, tasks, tid))? else { return Ok(false) };
    let mut unseen = Vec::new();
    for child in numbers(&children) {
        // Not the directory of the process: it can be found as long as the kernel remembers it.
        let path = ShortPath::new(format_args!("{child}/status"));
        let members = &context.facts().members;
        if members.binary_search_by_key(&child, |member| member.pid as u64).is_ok() {
            continue;
        }
        // Those that started after the list was read can be opened.
        if if_any(context.procfs.open_file(context.procfs.root(), path.as_c_str()))?.is_none() {
            push(&mut unseen, child)?;
        }
    }
    if unseen.is_empty() {
        return Ok(false);
    }
    // Unless they have ended meanwhile. Not for each of them: a parent can end very many.
    let Answer::Is(now) = Answer::of(read_children(context, tasks, tid))? else { return Ok(false) };
    sort_by_number(&mut unseen, &|&child| child)?;
    Ok(numbers(&now).any(|child| unseen.binary_search(&child).is_ok()))
}

fn read_children(context: &Context, tasks: &Fd, tid: u64) -> Result<Vec<u8>, Errno> {
    let path = ShortPath::new(format_args!("{tid}/children"));
    file::read_to_end(&context.procfs.open_file(tasks, path.as_c_str())?)
}

/// The numbers in `7 12 `.
fn numbers(text: &[u8]) -> impl Iterator<Item = u64> {
    text.split(|&byte| byte == b' ').filter_map(parse::number)
}
