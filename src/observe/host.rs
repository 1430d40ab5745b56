//! Source: the host and the PID namespace that a snapshot describes.

use super::Context;
use super::pid_namespace::PidNamespaces;
use super::sysctl::boot_id;
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
