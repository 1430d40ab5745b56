//! The driver of a scan: which sources run, and in which order.

use crate::error::Error;
use crate::facts::{Gap, Member, Process, Source};
use crate::observe::{
    Context, Leaders, Procfs, caller, cgroups, credentials, host, listed, maps, maps_by_bpf, names, pins, processes,
    sysctl, visibility, walk_by_bpf,
};
use crate::options::{Options, Wanted};
use crate::snapshot::Snapshot;
use std::ffi::{CStr, CString, OsString};
use std::os::unix::ffi::OsStringExt;

impl Options {
    /// Scans the host.
    ///
    /// # Errors
    ///
    /// Those of `userns_scan()` in the C header, and EINVAL for a path that contains a NUL byte. A process that ends or
    /// denies access is not an error, see [`Snapshot::gaps`].
    pub fn scan(&self) -> Result<Snapshot, Error> {
        match &self.proc_path {
            None => scan_procfs(c"/proc", self.wanted),
            Some(path) => {
                let path = OsString::from(path).into_vec();
                scan_procfs(&CString::new(path).map_err(|_| Error::INVALID)?, self.wanted)
            }
        }
    }
}

/// Scans the procfs at `proc_path`.
pub(crate) fn scan_procfs(proc_path: &CStr, wanted: Wanted) -> Result<Snapshot, Error> {
    let procfs = Procfs::open(proc_path)?;
    let mut context = Context::new(&procfs, wanted.limit);
    if proc_path != c"/proc" {
        let path = context.facts_mut().text.add(proc_path.to_bytes())?;
        context.facts_mut().proc_path = Some(path);
    }
    host::record(&mut context)?;
    caller::record(&mut context)?;
    if wanted.pinned {
        listed::list(&mut context)?;
        host::record_limit(&mut context)?;
    }
    let leaders = find_processes(&mut context, wanted)?;
    if wanted.pinned || wanted.owned {
        pins::find(&mut context, wanted, leaders)?;
    }
    if wanted.names && !context.facts().named {
        names::read(&mut context)?;
    }
    if wanted.maps {
        if context.facts().source != Source::Procfs {
            maps_by_bpf(&mut context);
        }
        maps::read(&mut context)?;
    }
    if wanted.cgroups {
        cgroups::read(&mut context)?;
    }
    visibility::record(&mut context, wanted)?;
    // The initial user namespace maps all UIDs, so there the overflow UID is an owner like any other.
    let nested = context.facts().gaps.has(Gap::Nested);
    let unmapped = if nested { Some(sysctl::overflow_uid(Some(&procfs))?) } else { None };
    Snapshot::assemble(context.into_facts(unmapped))
}

/// Finds all processes by the fastest source that is allowed and works. By BPF also the thread-group leaders, for pins.
fn find_processes(context: &mut Context, wanted: Wanted) -> Result<Option<Leaders>, Error> {
    if wanted.bpf {
        match walk_by_bpf(context, wanted) {
            Ok((source, leaders)) => {
                context.facts_mut().source = source;
                add_process_facts(context, wanted)?;
                return Ok(leaders);
            }
            Err(error) => context.facts_mut().source_error = error.errno(),
        }
    }
    context.facts_mut().source = Source::Procfs;
    processes::walk(context, wanted)?;
    // Only BPF programs do not need that.
    if context.users.lacks_parents() { Err(Error::UNSUPPORTED) } else { Ok(None) }
}

/// Adds what BPF has not told about processes.
fn add_process_facts(context: &mut Context, wanted: Wanted) -> Result<(), Error> {
    let facts = context.facts_mut();
    if wanted.has_process_facts() && facts.processes.is_empty() {
        facts.processes.try_reserve_exact(facts.members.len())?;
        facts.processes.extend(facts.members.iter().map(|&Member { pid, .. }| Process { pid, ..Process::default() }));
    }
    if wanted.credentials {
        credentials::read(context)?;
    }
    Ok(())
}
