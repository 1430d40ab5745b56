//! Kernel threads: kthreadd, which has PID 2 in the initial PID namespace, and its children.

use crate::error::Error;
use crate::facts::Holder;
use crate::observe::{Context, pid_namespace};
use crate::sys::{file, if_any};
use crate::util::parse;
use crate::util::path::ShortPath;

const KTHREADD: i32 = 2;

/// Lets another process with the same view stand for the mounts that kthreadd showed. That happens if process 1 has another
/// view; then kthreadd is the first with the view that it started with.
///
/// `viewers`: views and PIDs, in the order of the visits.
pub fn replace(context: &mut Context, viewers: impl Iterator<Item = (u32, i32)> + Clone) -> Result<(), Error> {
    let is_shown = |holder: &Holder| matches!(holder, Holder::Mount { pid: KTHREADD, .. });
    if !context.facts().holds.iter().any(|hold| is_shown(&hold.holder))
        || !pid_namespace::is_initial(context.procfs, context.pid_namespaces)?
    {
        return Ok(());
    }
    let Some((shown, _)) = viewers.clone().find(|&(_, pid)| pid == KTHREADD) else { return Ok(()) };
    let others = viewers.filter(|&(view, _)| view == shown).map(|(_, pid)| pid);
    let Some(other) = first_process(others, |pid| parent_of(context, pid))? else { return Ok(()) };
    for hold in &mut context.facts_mut().holds {
        if let Holder::Mount { pid: pid @ KTHREADD, .. } = &mut hold.holder {
            *pid = other;
        }
    }
    Ok(())
}

/// The first that is no kernel thread and has a parent, so has not ended.
fn first_process(
    mut pids: impl Iterator<Item = i32>,
    parent_of: impl Fn(i32) -> Result<Option<i32>, Error>,
) -> Result<Option<i32>, Error> {
    let is_process = |pid| Ok(pid != KTHREADD && parent_of(pid)?.is_some_and(|parent| parent != KTHREADD));
    pids.find_map(|pid| is_process(pid).map(|is_one| is_one.then_some(pid)).transpose()).transpose()
}

/// Of proc_pid_status(5), which never waits; proc_pid_stat(5), with the flags of threads, can.
fn parent_of(context: &Context, pid: i32) -> Result<Option<i32>, Error> {
    let name = ShortPath::new(format_args!("{pid}/status"));
    let opened = context.procfs.open_file(context.procfs.root(), name.as_c_str());
    let status = if_any(opened.and_then(|file| file::read_to_end(&file)))?;
    let parent = status.and_then(|status| parse::value_of(&status, b"PPid").and_then(parse::number));
    Ok(parent.and_then(|parent| parent.try_into().ok()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_process_is_no_kernel_thread() {
        // 5 has ended.
        let parent_of = |pid| Ok([None, Some(0), Some(0), Some(2), Some(2), None, Some(1), Some(6)][pid as usize]);
        let first = |pids: &[i32]| first_process(pids.iter().copied(), parent_of);
        assert_eq!(first(&[2, 3, 4, 5, 6, 7]), Ok(Some(6)));
        assert_eq!(first(&[1, 2, 3]), Ok(Some(1)));
        assert_eq!(first(&[2, 3, 4, 5]), Ok(None));
    }
}
