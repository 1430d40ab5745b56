//! Source: the host and the PID namespace that a snapshot describes.

use super::Context;
use super::pid_namespace::PidNamespaces;
use super::sysctl::{boot_id, max_user_namespaces};
use crate::error::Error;
use crate::sys::clock;

/// Records the time, the boot, and the PID namespace of the procfs.
pub fn record(context: &mut Context) -> Result<(), Error> {
    context.facts_mut().time = clock::realtime();
    if let Some(id) = boot_id(Some(context.procfs))? {
        let facts = context.facts_mut();
        facts.boot_id = Some(facts.text.add(id)?);
    }
    context.pid_namespaces = PidNamespaces::find(context.procfs)?;
    context.facts_mut().pid_namespace = context.pid_namespaces.procfs;
    Ok(())
}

/// Records how many user namespaces each user may have in the caller's own one: namespaces(7).
pub fn record_limit(context: &mut Context) -> Result<(), Error> {
    context.facts_mut().limit = max_user_namespaces(context.procfs)?;
    Ok(())
}
