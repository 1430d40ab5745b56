//! The caller's own user namespace.

use super::Procfs;
use crate::error::Error;
use crate::sys::file::{self, Fd};
use crate::sys::{if_any, nsfs, pidfd};

/// Opens the caller's own user namespace, by whatever shows it: the procfs that is scanned, the one at `/proc`, a
/// pidfd (Linux 6.11). The first two fail where that procfs belongs to a PID namespace that the caller is not in.
pub fn own_namespace(procfs: &Procfs) -> Result<Option<Fd>, Error> {
    if let Some(namespace) = through(procfs)? {
        return Ok(Some(namespace));
    }
    let usual = match Procfs::open(c"/proc") {
        Ok(usual) => through(&usual)?,
        Err(error) if error.is_exhaustion() => return Err(error),
        Err(_) => None,
    };
    match usual {
        Some(namespace) => Ok(Some(namespace)),
        None => Ok(if_any(pidfd::open(pidfd::own_pid(), false).and_then(|own| pidfd::user_namespace(&own)))?),
    }
}

fn through(procfs: &Procfs) -> Result<Option<Fd>, Error> {
    match procfs.open_namespace(c"self/ns/user") {
        // Every process of a kernel with CONFIG_USER_NS has this file.
        Err(errno) if errno.is_gone() && procfs.shows_caller() => Err(Error::UNSUPPORTED),
        // Something else can be mounted there.
        Ok(file) if file::file_system(&file)? != nsfs::MAGIC => Ok(None),
        opened => Ok(if_any(opened)?),
    }
}
