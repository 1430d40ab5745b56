//! Source: the reasons why a procfs does not show everything to this caller.

use super::{Context, Procfs, hidden, mountinfo, pid_namespace};
use crate::error::Error;
use crate::facts::{Gap, Source};
use crate::options::Wanted;
use crate::sys::process::{self, Capability};
use crate::sys::{Errno, file, if_any};
use crate::util::parse;

/// Records the gaps that concern the whole procfs.
pub fn record(context: &mut Context, wanted: Wanted) -> Result<(), Error> {
    let nested = !context.facts().own.is_some_and(|own| context.users.is_initial(own));
    let is_initial = pid_namespace::is_initial(context.procfs, context.pid_namespaces)?;
    let refused = context.users.count_refused(!nested, context.pid_namespaces.is_own_initial());
    // Mount options do not concern BPF, which tells names, too, and mostly nonuser namespaces.
    let has_told = context.told.is_some();
    let uses_procfs = context.facts().source == Source::Procfs || wanted.pinned || (wanted.owned && !has_told);
    let hides = uses_procfs && (context.listing.is_restricted() || hides_processes(context, nested)?);
    let gaps = &mut context.facts_mut().gaps;
    gaps.set(Gap::Nested, nested);
    gaps.set(Gap::Pidns, !is_initial);
    gaps.set(Gap::Hidepid, hides);
    gaps.add(Gap::Relations, refused);
    Ok(())
}

/// Whether the procfs hides processes from the calling thread, or may do so, see proc(5).
fn hides_processes(context: &Context, nested: bool) -> Result<bool, Error> {
    let restriction = Restriction::of(context.procfs, nested)?;
    if nested || !process::has(Capability::SysPtrace) {
        return Ok(restriction != Restriction::None);
    }
    // A security module, for example Landlock, can deny even root to read a process. The options then hide it.
    match restriction {
        Restriction::None | Restriction::Denied => Ok(false),
        Restriction::Hidden | Restriction::Unknown => hidden::has_any(context),
    }
}

/// What the mount options do with processes that the caller may not read.
#[derive(PartialEq, Eq)]
enum Restriction {
    None,
    /// They are listed, and so counted if they cannot be read: hidepid=1.
    Denied,
    /// They are not listed: hidepid=2 and hidepid=4.
    Hidden,
    /// As for a procfs that is not mounted in the caller's mount namespace.
    Unknown,
}

impl Restriction {
    fn of(procfs: &Procfs, nested: bool) -> Result<Restriction, Error> {
        let mut options = Vec::new();
        if if_any(read_options(procfs, &mut options))? != Some(true) {
            return Ok(Restriction::Unknown);
        }
        let exempts_caller = || -> Result<bool, Error> {
            let group = mountinfo::option(&options, b"gid").and_then(parse::number).unwrap_or(0);
            // The GID is that of the initial user namespace.
            Ok(!nested && process::is_in_group(group as libc::gid_t)?)
        };
        Ok(match mountinfo::option(&options, b"hidepid") {
            None | Some(b"0" | b"off") => Restriction::None,
            Some(b"4" | b"ptraceable") => Restriction::Hidden, // exempts no group
            Some(_) if exempts_caller()? => Restriction::None,
            Some(b"1" | b"noaccess") => Restriction::Denied,
            Some(_) => Restriction::Hidden,
        })
    }
}

/// Reads the mount options of a procfs; false if it is not mounted in the caller's mount namespace.
///
/// The mounts are read only up to the first one of this procfs, which is among the first ones on most hosts: there can be
/// thousands.
fn read_options(procfs: &Procfs, options: &mut Vec<u8>) -> Result<bool, Errno> {
    const PIECE: usize = 4096;
    // The procfs of a PID namespace that the caller is not in can be mounted in the caller's mount namespace.
    let file = procfs.open_here_or_in_proc(c"self/mountinfo")?;
    let device = procfs.device() as libc::dev_t;
    let device = (libc::major(device), libc::minor(device));
    let mut text: Vec<u8> = Vec::new();
    loop {
        let kept = text.len();
        text.try_reserve(PIECE)?;
        text.resize(kept + PIECE, 0);
        let length = file::read(&file, &mut text[kept..])?;
        text.truncate(kept + length);
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |end| end + 1);
        if let Some(mount) = mountinfo::mounts(&text[..whole]).find(|mount| mount.device == device) {
            options.try_reserve(mount.super_options.len())?;
            options.extend_from_slice(mount.super_options);
            return Ok(true);
        }
        if length == 0 {
            return Ok(false);
        }
        text.drain(..whole);
    }
}
