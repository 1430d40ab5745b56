//! Source: the caller's own user namespace.

use super::{Context, Procfs};
use crate::error::Error;
use crate::sys::file::Fd;
use crate::sys::{if_any, pidfd};

/// Records the caller's own user namespace, by the first of these that shows it: the scanned procfs, the procfs at
/// `/proc`, a pidfd (Linux 6.11). A procfs of a PID namespace that the caller is not in does not show it.
/// If none does, the caller may be in a nested user namespace, which is a gap.
pub fn record(context: &mut Context) -> Result<(), Error> {
    if let Some(namespace) = open(context.procfs)? {
        context.facts_mut().own = context.record_user(namespace)?;
    }
    Ok(())
}

fn open(procfs: &Procfs) -> Result<Option<Fd>, Error> {
    if let Some(namespace) = open_in(procfs)? {
        return Ok(Some(namespace));
    }
    if let Some(usual) = Procfs::usual()? {
        if let Some(namespace) = open_in(&usual)? {
            return Ok(Some(namespace));
        }
    }
    Ok(if_any(pidfd::open(pidfd::own_pid(), false).and_then(|own| pidfd::user_namespace(&own)))?)
}

fn open_in(procfs: &Procfs) -> Result<Option<Fd>, Error> {
    match procfs.open_namespace(procfs.root(), c"self/ns/user", None) {
        // With CONFIG_USER_NS every process has this file.
        Err(errno) if errno.is_gone() && procfs.shows_caller() => Err(Error::UNSUPPORTED),
        opened => Ok(if_any(opened)?),
    }
}
