//! Source: the caller's own user namespace.

use super::{Context, Procfs};
use crate::error::Error;
use crate::facts::NamespaceType;
use crate::sys::{if_any, pidfd};

/// Records the caller's own user namespace, by the first of these that shows it: the scanned procfs, the procfs at
/// `/proc`, a pidfd (Linux 6.11). A procfs of a PID namespace that the caller is not in does not show it.
/// If none does, the caller may be in a nested user namespace, which is a gap.
pub fn record(context: &mut Context) -> Result<(), Error> {
    if record_from(context, context.procfs)? {
        return Ok(());
    }
    if let Some(usual) = Procfs::usual()? {
        if record_from(context, &usual)? {
            return Ok(());
        }
    }
    if let Some(namespace) = if_any(pidfd::own_namespace(NamespaceType::User.clone_flag()))? {
        context.facts_mut().own = context.record_user(namespace)?;
    }
    Ok(())
}

/// False if this procfs does not show the namespace.
fn record_from(context: &mut Context, procfs: &Procfs) -> Result<bool, Error> {
    let opened = match procfs.open_namespace(procfs.root(), c"self/ns/user", None) {
        // With CONFIG_USER_NS every process has this file.
        Err(errno) if errno.is_gone() && procfs.shows_caller() => return Err(Error::UNSUPPORTED),
        opened => if_any(opened)?,
    };
    let Some(namespace) = opened else { return Ok(false) };
    context.facts_mut().own = context.record_user(namespace)?;
    Ok(context.facts().own.is_some())
}
