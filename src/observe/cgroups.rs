//! Source: the cgroups of processes, proc_pid_cgroup(5).

use super::answer::Answer;
use super::{Context, lines};
use crate::error::Error;
use crate::facts::{Gap, Known, TextRef};
use crate::util::path::ShortPath;

/// `PATH_MAX` of the kernel, the size of its buffer. It refuses to tell a longer path, or cuts it off (Linux 6.18).
const PATH_MAX: usize = 4096;

/// Reads the path of the cgroup of every process.
pub fn read(context: &mut Context) -> Result<(), Error> {
    let mut known = Known::default();
    for index in 0..context.facts().processes.len() {
        let pid = context.facts().processes[index].pid;
        context.facts_mut().processes[index].cgroup = read_one(context, pid, &mut known)?;
    }
    Ok(())
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
