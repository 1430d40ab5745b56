//! Source: the reasons why a procfs does not show everything to this caller.

use super::{Context, Procfs, mountinfo, pid_namespace};
use crate::error::Error;
use crate::facts::{Gap, Source};
use crate::options::Wanted;
use crate::sys::{file, if_any, process};
use crate::util::parse;

/// Records the gaps that concern the whole procfs.
pub fn record(context: &mut Context, wanted: Wanted) -> Result<(), Error> {
    let nested = !context.facts().own.is_some_and(|own| context.users.is_initial(own));
    let is_initial = pid_namespace::is_initial(context.procfs, context.pid_namespaces)?;
    // Mount options do not concern BPF.
    let uses_procfs = context.facts().source == Source::Procfs || wanted.pinned || wanted.owned || wanted.names;
    let hides = uses_procfs && (context.listing.is_restricted() || hides_processes(context.procfs, nested)?);
    let gaps = &mut context.facts_mut().gaps;
    gaps.set(Gap::Nested, nested);
    gaps.set(Gap::Pidns, !is_initial);
    gaps.set(Gap::Hidepid, hides);
    Ok(())
}

/// Whether the mount options of the procfs hide processes from the calling thread, see proc(5). True if the options are
/// unknown, as for a procfs that is not mounted in the caller's mount namespace.
fn hides_processes(procfs: &Procfs, nested: bool) -> Result<bool, Error> {
    if !nested && process::has_cap_sys_ptrace() {
        return Ok(false);
    }
    // The procfs of a PID namespace that the caller is not in can be mounted in the caller's mount namespace.
    let Some(mountinfo) = if_any(procfs.open_here_or_in_proc(c"self/mountinfo"))? else { return Ok(true) };
    let Some(mountinfo) = if_any(file::read_to_end(&mountinfo))? else { return Ok(true) };
    let device = procfs.device() as libc::dev_t;
    let device = (libc::major(device), libc::minor(device));
    let Some(mount) = mountinfo::mounts(&mountinfo).find(|mount| mount.device == device) else { return Ok(true) };
    match mountinfo::option(mount.super_options, b"hidepid") {
        None | Some(b"0" | b"off") => Ok(false),
        Some(b"4" | b"ptraceable") => Ok(true), // exempts no group
        Some(_) if nested => Ok(true),          // the GID is that of the initial user namespace
        Some(_) => {
            let group = mountinfo::option(mount.super_options, b"gid").and_then(parse::number).unwrap_or(0);
            Ok(!process::is_in_group(group as libc::gid_t)?)
        }
    }
}
