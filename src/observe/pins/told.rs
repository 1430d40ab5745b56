//! Source: the nonuser namespaces of threads that BPF told.

use crate::error::Error;
use crate::facts::Target;
use crate::observe::Context;
use crate::observe::told::{self, FOR_CHILDREN, Set, Thread, Told};
use crate::options::Wanted;

/// What was told of processes for which it counts. With pins those are the ones that are not `unsettled`.
pub fn take(context: &mut Context, unsettled: Option<&[i32]>, wanted: Wanted) -> Told {
    let mut told = context.told.take().unwrap_or_default();
    match unsettled {
        Some(unsettled) => told.forget(unsettled),
        None if wanted.pinned => return Told::default(),
        // Only leaders were told.
        None => told.forget_exited(),
    }
    told
}

/// Records the namespaces of all threads, except those that a thread has in common with its thread-group leader.
pub fn record(context: &mut Context, told: &Told) -> Result<(), Error> {
    // Most have one of each type. With the last doubling, the array would be twice as large.
    context.facts_mut().holds.try_reserve_exact(told.threads.len().saturating_mul(FOR_CHILDREN))?;
    for threads in told.threads.chunk_by(|one, next| one.pid == next.pid) {
        let mut leader = &Set::default();
        for thread in threads {
            let set = told.set_of(thread);
            record_thread(context, thread, set, leader)?;
            if thread.tid == thread.pid {
                leader = set;
            }
        }
    }
    Ok(())
}

fn record_thread(context: &mut Context, thread: &Thread, set: &Set, leader: &Set) -> Result<(), Error> {
    for (index, link) in set.iter().enumerate() {
        let Some(namespace) = *link else { continue };
        if !told::is_repeated(index, link, set, leader) {
            context.hold(Target::Nonuser(namespace), told::holder(index, thread.pid, thread.tid))?;
        }
    }
    Ok(())
}
