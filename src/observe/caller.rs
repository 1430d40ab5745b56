//! Source: the caller's own user namespace.

use super::{Context, Procfs};
use crate::error::Error;
use crate::sys::file::{self, Fd};
use crate::sys::{if_any, nsfs, pidfd};

/// Records the caller's own user namespace, by the first of these that shows it: the scanned procfs, the procfs at
/// `/proc`, a pidfd (Linux 6.11). A procfs of a PID namespace that the caller is not in does not show it.
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
    let usual = match Procfs::open(c"/proc") {
        Ok(usual) => open_in(&usual)?,
        Err(error) if error.is_exhaustion() => return Err(error),
        Err(_) => None,
    };
    match usual {
        Some(namespace) => Ok(Some(namespace)),
        None => Ok(if_any(pidfd::open(pidfd::own_pid(), false).and_then(|own| pidfd::user_namespace(&own)))?),
    }
}

fn open_in(procfs: &Procfs) -> Result<Option<Fd>, Error> {
    match procfs.open_namespace(c"self/ns/user") {
        // With CONFIG_USER_NS every process has this file.
        Err(errno) if errno.is_gone() && procfs.shows_caller() => Err(Error::UNSUPPORTED),
        // Something is mounted over it.
        Ok(file) if file::file_system(&file)? != nsfs::MAGIC => Ok(None),
        opened => Ok(if_any(opened)?),
    }
}
