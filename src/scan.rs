//! One observation of the host: its options, and which sources run in which order.

use crate::error::Error;
use crate::observe::{Gaps, Namespaces, Observations, Processes, Procfs, overflow_uid, own_namespace};
use crate::tree::Snapshot;
use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// What to scan.
///
/// ```
/// let snapshot = userns::Options::new().proc_path("/proc").scan()?;
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    proc_path: Option<PathBuf>,
}

impl Options {
    /// The options of [`scan`](crate::scan): the procfs at `/proc`.
    pub fn new() -> Options {
        Options::default()
    }

    /// Scans the procfs that is mounted here instead of the one at `/proc`.
    pub fn proc_path(mut self, path: impl Into<PathBuf>) -> Options {
        self.proc_path = Some(path.into());
        self
    }

    /// Observes the host.
    ///
    /// # Errors
    ///
    /// Those of `userns_scan()` in the C header, and EINVAL for a path that contains a NUL byte. Processes that vanish
    /// or refuse are no error, see [`Snapshot::gaps`].
    pub fn scan(&self) -> Result<Snapshot, Error> {
        match &self.proc_path {
            None => scan_procfs(c"/proc"),
            Some(path) => {
                let path = OsString::from(path).into_vec();
                scan_procfs(&CString::new(path).map_err(|_| Error::INVALID)?)
            }
        }
    }
}

/// Observes the processes of the procfs at `proc_path`.
pub(crate) fn scan_procfs(proc_path: &CStr) -> Result<Snapshot, Error> {
    let procfs = Procfs::open(proc_path)?;
    let mut namespaces = Namespaces::default();
    let own = match own_namespace(&procfs)? {
        Some(namespace) => namespaces.record(namespace)?,
        None => None,
    };
    let processes = Processes::walk(&procfs, &mut namespaces)?;
    let nested = !own.is_some_and(|own| namespaces.is_initial(own));
    let gaps = Gaps::of(&procfs, &processes, nested)?;
    // The initial namespace maps every UID, so there the overflow UID is an owner like any other.
    let unmapped = if nested { Some(overflow_uid(&procfs)?) } else { None };
    Snapshot::assemble(Observations {
        namespaces: namespaces.into_list(unmapped),
        members: processes.members,
        own,
        gaps,
        unreadable: processes.unreadable,
    })
}
