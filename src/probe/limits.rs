//! Limits: namespaces(7), user_namespaces(7), getrlimit(2), and the pids controller of cgroups(7).

use super::ReasonKind;
use super::host::{self, FullCgroup};
use super::pseudo;
use super::reasons::Reasons;
use super::sentence::{Bytes, name};
use crate::error::Error;
use crate::facts::Gap;
use crate::options::Options;
use crate::snapshot::Snapshot;
use crate::sys::dir::Directory;
use crate::sys::file;
use crate::sys::process::Capability;
use crate::sys::trial::Step;
use crate::sys::{if_any, process};
use crate::util::parse;
use crate::util::path::ShortPath;
use std::ffi::CStr;
use std::fmt;

/// ENOSPC or EUSERS where a namespace is made. `may_scan`: no filter ends a process that scans.
pub fn explain(reasons: &mut Reasons, step: Step, error: i32, may_scan: bool) -> Result<(), Error> {
    if error == libc::EUSERS {
        return reasons.proved(
            ReasonKind::Depth,
            format_args!(
                "the caller is in 32 nested user namespaces, the most that kernels before Linux 4.9 permit; nest fewer"
            ),
        );
    }
    let file = file_of(step);
    let limit = host::number(file)?;
    if explain_zero(reasons, file, limit)? {
        return Ok(());
    }
    match step {
        Step::Create => {
            if !(may_scan && explain_users(reasons, file, limit)?) {
                explain_reached(reasons, file, limit)?;
                explain_depth(reasons)?;
            }
            Ok(())
        }
        Step::Nested => {
            reasons.likely(
                ReasonKind::Limit,
                format_args!(
                    "one more user namespace does not fit into the limit {} of the caller's user namespace or of an ancestor, which \
                    counts nested ones, too; raise it there",
                    name(file)
                ),
            )?;
            explain_depth(reasons)
        }
        _ => explain_reached(reasons, file, limit),
    }
}

/// A limit that is not 0, of which nothing more is known.
fn explain_reached(reasons: &mut Reasons, file: &CStr, limit: Option<u64>) -> Result<(), Error> {
    reasons.likely(
        ReasonKind::Limit,
        format_args!(
            "the limit {}{} of the caller's user namespace, or that of an ancestor, is reached; end some containers, or raise it",
            name(file),
            Value(limit)
        ),
    )
}

fn file_of(step: Step) -> &'static CStr {
    match step {
        Step::Create | Step::Map | Step::Nested => c"/proc/sys/user/max_user_namespaces",
        Step::Capable => c"/proc/sys/user/max_mnt_namespaces",
        Step::Net => c"/proc/sys/user/max_net_namespaces",
        Step::Pid => c"/proc/sys/user/max_pid_namespaces",
    }
}

/// Whether no namespace at all is permitted, which the file of the caller's own user namespace decides.
fn explain_zero(reasons: &mut Reasons, file: &CStr, limit: Option<u64>) -> Result<bool, Error> {
    if limit != Some(0) {
        return Ok(false);
    }
    let file = name(file);
    reasons.proved(
        ReasonKind::Limit,
        format_args!(
            "{file} is 0 in the caller's own user namespace, so that nobody there may make any; an administrator of it \
            permits 10000, for example, with: echo 10000 >{file}"
        ),
    )?;
    Ok(true)
}

/// As files tell, for the steps that are wanted.
pub fn explain_files(reasons: &mut Reasons, steps: &[bool]) -> Result<(), Error> {
    for step in [Step::Create, Step::Capable, Step::Net, Step::Pid] {
        if steps[step as usize] {
            let file = file_of(step);
            explain_zero(reasons, file, host::number(file)?)?;
        }
    }
    Ok(())
}

/// A limit on user namespaces that is not 0: the caller's own, an ancestor's, or that on the depth. A scan tells how many there
/// are of the caller in its own user namespace, as far as it sees, and who is in them or keeps them. False if there can be no
/// scan.
fn explain_users(reasons: &mut Reasons, file: &CStr, limit: Option<u64>) -> Result<bool, Error> {
    let uid = reasons.caller.uid;
    let snapshot = match Options::new().pinned().names().scan() {
        Err(error) if error.is_exhaustion() => return Err(error),
        Err(_) => return Ok(false),
        Ok(snapshot) => snapshot,
    };
    let Some(own) = snapshot.self_node() else { return Ok(false) };
    let charge = own.charges().iter().find(|charge| charge.uid == uid).map_or(0, |charge| charge.count);
    let is_initial = reasons.caller.is_in_initial == Some(true);
    let is_reached = limit.is_some_and(|limit| u64::from(charge) >= limit);
    if is_initial || is_reached {
        let users = Users(&snapshot, uid);
        reasons.proved(
            ReasonKind::Limit,
            format_args!(
                "{}{} is reached by UID {uid} in the caller's own user namespace: a scan sees {charge} in use{users}{}; \
                end them, or raise the limit",
                name(file),
                Value(limit),
                if is_reached { "" } else { ", and something keeps others, which it does not see" }
            ),
        )?;
        return Ok(true);
    }
    reasons.likely(
        ReasonKind::Limit,
        format_args!(
            "as far as a scan sees, max_user_namespaces of an ancestor of the caller's user namespace is reached, for the user \
            who owns the namespace there: of that of its own one{}, it sees {charge} in use{}; raise it outside",
            Value(limit),
            if can_hide(&snapshot) { ", but not all processes, descriptors or mounts" } else { "" }
        ),
    )?;
    explain_depth(reasons)?;
    Ok(true)
}

/// Whether a scan can have missed namespaces below the caller's own one.
fn can_hide(snapshot: &Snapshot) -> bool {
    // What is outside is not charged there; names and cgroups are no namespaces.
    let has_no_part = |gap| matches!(gap, Gap::Nested | Gap::Names | Gap::Maps | Gap::Credentials | Gap::Cgroups);
    snapshot.gaps().iter().any(|gap| !has_no_part(gap))
}

fn explain_depth(reasons: &mut Reasons) -> Result<(), Error> {
    if reasons.caller.is_in_initial == Some(true) {
        return Ok(());
    }
    reasons.likely(
        ReasonKind::Depth,
        format_args!(
            "user namespaces are nested 33 times, the most that the kernel permits, which no file tells: ENOSPC means this or a limit \
            of an ancestor; nest fewer"
        ),
    )
}

/// The value of a file, if it is known.
struct Value(Option<u64>);

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.map_or(Ok(()), |value| write!(f, " ({value})"))
    }
}

/// Some processes in the user namespaces that a user owns, or that keep these without being there.
struct Users<'s>(&'s Snapshot, u32);

impl fmt::Display for Users<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const MOST: usize = 3;
        let Users(snapshot, uid) = *self;
        let is_below = |node| snapshot.self_node().is_some_and(|own| own.is_ancestor_of(node));
        let of_user = snapshot.nodes().filter(|&node| node.owner_uid() == Some(uid) && is_below(node));
        let first = of_user.filter_map(|node| {
            let member = node.pids().first().map(|&pid| ("of", pid));
            member.or_else(|| node.pins().find_map(|pin| Some(("kept by", pin.pid()?))))
        });
        for (index, (how, pid)) in first.take(MOST).enumerate() {
            let name = snapshot.process_name(pid).unwrap_or_default();
            f.write_str(if index == 0 { ", for example " } else { ", " })?;
            write!(f, "{how} process {pid}")?;
            if !name.is_empty() {
                write!(f, " ({})", Bytes(name.to_bytes()))?;
            }
        }
        Ok(())
    }
}

/// EAGAIN: RLIMIT_NPROC, or a cgroup.
pub fn explain_processes(reasons: &mut Reasons, step: Step) -> Result<(), Error> {
    let from = reasons.found.len();
    let needed = needed(step);
    explain_cgroup(reasons, needed)?;
    let uid = process::real_uid();
    // Below the initial user namespace, a limit is one of each of them, of which only some processes are in sight.
    let is_initial = reasons.caller.is_in_initial == Some(true);
    let is_exempt = is_initial && is_exempt(reasons, step, uid);
    if let Some(limit) = process::process_limit().filter(|_| !is_exempt) {
        let count = count_threads(uid)?;
        let is_reached = is_initial && count.saturating_add(needed) > limit;
        let is_counted = is_initial && reasons.caller.sees_all_processes;
        if is_reached || (!is_counted && reasons.found.len() == from) {
            reasons.add(
                ReasonKind::Processes,
                is_reached,
                format_args!(
                    "RLIMIT_NPROC of the caller is {limit} (\"Max processes\" in /proc/self/limits), and UID {uid} has {count} processes and \
                    threads in sight, to which a probe adds {needed}; end some, or raise the limit in limits.conf(5) or by LimitNPROC= of systemd"
                ),
            )?;
        }
    }
    if reasons.found.len() == from {
        reasons.likely(
            ReasonKind::Processes,
            format_args!(
                "the system can have no more processes: /proc/sys/kernel/threads-max, /proc/sys/kernel/pid_max, or pids.max of a \
                cgroup that cannot be read; end some, or raise it"
            ),
        )?;
    }
    Ok(())
}

/// Whether RLIMIT_NPROC does not hold for the process that makes a step: for root, and with capabilities in the initial user
/// namespace. A process in the new user namespace has none there. See `copy_process()` of the kernel.
fn is_exempt(reasons: &Reasons, step: Step, uid: u32) -> bool {
    let is_outside = matches!(step, Step::Create | Step::Map);
    uid == 0 || (is_outside && (reasons.caller.is_admin || process::has(Capability::SysResource)))
}

/// How many processes a trial has at a time until a step has one: they have ended when the limits are read. The third one is
/// inside of the namespaces, or is a program that maps ids.
fn needed(step: Step) -> u64 {
    if step == Step::Create { 2 } else { 3 }
}

/// `more`: how many processes the caller needs.
pub fn explain_cgroup(reasons: &mut Reasons, more: u64) -> Result<(), Error> {
    let Some(FullCgroup { file, limit, count }) = host::full_cgroup(more)? else { return Ok(()) };
    reasons.proved(
        ReasonKind::Processes,
        format_args!(
            "{} is {limit}, and the cgroup has {count} processes and threads, to which a probe adds {more}; end some, or raise \
            it: TasksMax= of systemd, --pids-limit of container engines",
            name(file.as_c_str())
        ),
    )
}

/// How many threads a user has, in the procfs at /proc.
fn count_threads(uid: u32) -> Result<u64, Error> {
    let mut count = 0u64;
    let Some(root) = if_any(pseudo::open_proc())? else { return Ok(0) };
    let opened = file::open_at(&root, c".", libc::O_RDONLY | libc::O_DIRECTORY);
    let Some(proc) = if_any(opened)? else { return Ok(0) };
    let mut buffer = Vec::new();
    let mut names = Directory::new(&proc, &mut buffer)?;
    let mut text = [0; 2048];
    while let Some(Some(name)) = if_any(names.next_name())? {
        let Some(pid) = parse::number(name) else { continue };
        let path = ShortPath::new(format_args!("{pid}/status"));
        let opened = pseudo::open_in_proc(&root, path.as_c_str().to_bytes(), libc::O_RDONLY);
        let Some(status) = if_any(opened.and_then(|file| file::read_start(&file, &mut text)))? else { continue };
        let real = parse::value_of(status, b"Uid").and_then(|ids| ids.split(|&byte| byte == b'\t').next());
        if real.and_then(parse::number) == Some(uid.into()) {
            let threads = parse::value_of(status, b"Threads").and_then(parse::number);
            count = count.saturating_add(threads.unwrap_or(1));
        }
    }
    Ok(count)
}
