//! Source: the cgroups of processes, proc_pid_cgroup(5).

use super::answer::Answer;
use super::{Context, lines};
use crate::error::Error;
use crate::facts::{Gap, Known, Process, TextRef};
use crate::util::arrays::{index, push};
use crate::util::hash::IntMap;
use crate::util::path::ShortPath;

/// `PATH_MAX` of the kernel, the size of its buffer. It refuses to tell a longer path, or cuts it off (Linux 6.18).
const PATH_MAX: usize = 4096;

/// Reads the path of the cgroup of every process: of one for each cgroup, if BPF told which processes share one. Returns the
/// indices of those that stand for others.
pub fn read(context: &mut Context) -> Result<Vec<u32>, Error> {
    let (mut known, mut first, mut read) = (Known::default(), IntMap::default(), Vec::new());
    for at in 0..index(context.facts().processes.len())? {
        let Process { pid, cgroup_id, .. } = process(context, at);
        first.try_reserve(1)?;
        let cgroup = match first.get(&cgroup_id) {
            Some(&other) => process(context, other).cgroup,
            None => read_one(context, pid, &mut known)?,
        };
        if cgroup_id != 0 && cgroup != TextRef::default() && first.insert(cgroup_id, at).is_none() {
            push(&mut read, at)?;
        }
        context.facts_mut().processes[at as usize].cgroup = cgroup;
    }
    Ok(read)
}

/// Reads the path of every process in a cgroup for which another process stood that was not there all the time. `stood` is
/// what [`read`] returned, `after` are all processes after that, ascending by PID.
pub fn read_again(context: &mut Context, stood: &[u32], after: &[Process]) -> Result<(), Error> {
    let (mut known, mut moved) = (Known::default(), IntMap::default());
    for &stood in stood {
        let Process { pid, cgroup_id, .. } = process(context, stood);
        let now = after.binary_search_by_key(&pid, |process| process.pid);
        moved.try_reserve(1)?;
        if !now.is_ok_and(|now| after[now].cgroup_id == cgroup_id) {
            moved.insert(cgroup_id, stood);
        }
    }
    for at in 0..context.facts().processes.len() {
        let Process { pid, cgroup_id, cgroup, .. } = context.facts().processes[at];
        if moved.contains_key(&cgroup_id) && cgroup != TextRef::default() {
            context.facts_mut().processes[at].cgroup = read_one(context, pid, &mut known)?;
        }
    }
    Ok(())
}

fn process(context: &Context, index: u32) -> Process {
    context.facts().processes[index as usize]
}

/// The empty string: the process has ended, or is in no cgroup of version 2; or the file could not be read, which is counted.
fn read_one(context: &mut Context, pid: i32, known: &mut Known) -> Result<TextRef, Error> {
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
        Answer::Is(()) if !is_cut_off => Ok(cgroup),
        Answer::Gone if !context.is_hidden(pid)? => Ok(TextRef::default()),
        _ => {
            context.miss(Gap::Cgroups, 1);
            Ok(TextRef::default())
        }
    }
}
