//! An action: finds out whether the caller can make a user namespace, and if not, why.

mod apparmor;
mod explain;
mod helpers;
mod host;
mod limits;
mod policy;
mod pseudo;
mod reasons;
mod selinux;
mod sentence;
mod subids;

use crate::error::Error;
use crate::sys::trial::{self, Call, Mapper, Outcome, STEPS, Wish};
use host::Caller;
use reasons::Reasons;
use sentence::Sentence;
use std::ffi::CStr;
use subids::Source;

pub use crate::sys::trial::Step;

/// What a probe is asked for. The default tries all steps.
///
/// ```
/// use userns::{ProbeOptions, Step};
///
/// let probe = ProbeOptions::new().steps(&[Step::Create, Step::Map]).probe()?;
/// for reason in probe.reasons() {
///     println!("{:?}: {}", reason.kind(), reason.text().to_string_lossy());
/// }
/// assert_eq!(probe.failed_step().is_none(), probe.worked(Step::Map));
/// # Ok::<(), userns::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct ProbeOptions {
    steps: [bool; STEPS.len()],
    read_only: bool,
    one_by_one: bool,
    subids: bool,
}

impl Default for ProbeOptions {
    fn default() -> ProbeOptions {
        ProbeOptions { steps: [true; STEPS.len()], read_only: false, one_by_one: false, subids: false }
    }
}

impl ProbeOptions {
    /// All steps, with all namespaces made by one system call.
    pub fn new() -> ProbeOptions {
        ProbeOptions::default()
    }

    /// Tries these steps, and those that they include, see [`Step`].
    pub fn steps(mut self, steps: &[Step]) -> ProbeOptions {
        let wants = |wanted: &[Step]| steps.iter().any(|step| wanted.contains(step));
        self.steps = [
            true,
            steps.iter().any(|&step| step != Step::Create),
            wants(&[Step::Capable, Step::Pid]),
            wants(&[Step::Net]),
            wants(&[Step::Pid]),
            wants(&[Step::Nested]),
        ];
        self
    }

    /// Tries nothing: only reads files and asks AppArmor and SELinux what they permit, and tells the reasons that this shows.
    pub fn read_only(mut self) -> ProbeOptions {
        self.read_only = true;
        self
    }

    /// Makes one namespace after the other, by unshare(2), instead of all by one call of clone(2). Some security policies
    /// answer differently.
    pub fn one_by_one(mut self) -> ProbeOptions {
        self.one_by_one = true;
        self
    }

    /// Maps the subordinate ids of the caller, too, through newuidmap(1) and newgidmap(1).
    pub fn subids(mut self) -> ProbeOptions {
        self.subids = true;
        self
    }

    /// Tries it, in a child process that leaves nothing.
    ///
    /// # Errors
    ///
    /// Those of `userns_probe()` in the C header. That a step fails is not an error.
    pub fn probe(&self) -> Result<Probe, Error> {
        probe(self)
    }
}

/// The kind of a reason why a user namespace cannot be made or used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ReasonKind {
    /// The kernel has no such namespaces.
    NotBuilt,
    /// The root directory of the caller is not that of its mount namespace: chroot(2).
    Chroot,
    /// A limit such as `max_user_namespaces` is reached, in the caller's own user namespace or in an ancestor.
    Limit,
    /// User namespaces are nested too deeply.
    Depth,
    /// The user or group id of the caller is not mapped in its own user namespace.
    Unmapped,
    /// Debian's `kernel.unprivileged_userns_clone` is 0.
    Sysctl,
    /// AppArmor restricts unprivileged user namespaces.
    AppArmor,
    /// SELinux.
    SeLinux,
    /// A seccomp filter answers a system call, or kills its caller.
    Seccomp,
    /// newuidmap(1) or newgidmap(1) cannot map subordinate ids.
    Helper,
    /// The procfs at `/proc` is missing, read-only, or partly hidden by other mounts.
    ProcMasked,
    /// No process can be created: RLIMIT_NPROC or the pids cgroup.
    Processes,
    /// A step took too long.
    Timeout,
    /// Another security module.
    Lsm,
    /// Something else.
    Unknown,
}

/// A reason why a step fails.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProbeReason {
    kind: ReasonKind,
    is_proved: bool,
    text: Sentence,
}

impl ProbeReason {
    /// The kind of reason.
    pub fn kind(&self) -> ReasonKind {
        self.kind
    }

    /// Whether an experiment or a file proves it. Otherwise it is likely.
    pub fn is_proved(&self) -> bool {
        self.is_proved
    }

    /// A sentence that names the file and its value, and what an administrator can do.
    pub fn text(&self) -> &CStr {
        self.text.as_c_str()
    }
}

/// What came of a probe.
#[derive(Clone, Debug)]
pub struct Probe {
    /// The errno value of each step, 0 if it worked; `None` if it was not tried.
    steps: [Option<i32>; STEPS.len()],
    reasons: Vec<ProbeReason>,
}

impl Probe {
    /// Whether a step was tried. One that needs another one that failed is not.
    pub fn tried(&self, step: Step) -> bool {
        self.steps[step as usize].is_some()
    }

    /// Whether a step was tried and worked.
    pub fn worked(&self, step: Step) -> bool {
        self.steps[step as usize] == Some(0)
    }

    /// The first step that failed.
    pub fn failed_step(&self) -> Option<Step> {
        STEPS.into_iter().find(|&step| self.steps[step as usize].is_some_and(|error| error != 0))
    }

    /// The error of the first step that failed.
    pub fn error(&self) -> Option<Error> {
        self.failed_step().and_then(|step| Error::from_errno(self.steps[step as usize]?))
    }

    /// The reasons, those that are proved first.
    pub fn reasons(&self) -> &[ProbeReason] {
        &self.reasons
    }

    /// One whose first step failed, for reasons that are proved.
    #[cfg(test)]
    pub(crate) fn made_up(error: i32, reasons: &[(ReasonKind, &str)]) -> Probe {
        let text = |text: &str| sentence::sentence(format_args!("{text}")).unwrap();
        let reason = |&(kind, words): &(ReasonKind, &str)| ProbeReason { kind, is_proved: true, text: text(words) };
        let mut steps = [None; STEPS.len()];
        steps[Step::Create as usize] = Some(error);
        Probe { steps, reasons: reasons.iter().map(reason).collect() }
    }
}

fn probe(options: &ProbeOptions) -> Result<Probe, Error> {
    let caller = Caller::find()?;
    let mut reasons = Reasons { caller: &caller, found: Vec::new() };
    if options.read_only {
        reasons.read(options.steps, options.subids)?;
        return Ok(Probe { steps: [None; STEPS.len()], reasons: reasons.found });
    }
    if host::would_child_be_first()? {
        return Err(Error::NO_CHILD);
    }
    let (mappers, missing) = if options.subids { mappers(&caller)? } else { (None, None) };
    // Without programs that map more, the own ids are mapped, so that the other steps tell something.
    let wish = Wish { steps: options.steps, one_by_one: options.one_by_one, uid: caller.uid, gid: caller.gid, mappers };
    let mut outcome = try_all(&wish)?;
    let map = &mut outcome.steps[Step::Map as usize];
    if let (Some(_), Some(call)) = (*map, missing) {
        *map = Some((libc::ENOENT, call));
    }
    reasons.explain(&outcome)?;
    Ok(Probe { steps: steps(&outcome), reasons: reasons.found })
}

/// Makes a trial. If a filter kills the process that makes all namespaces by one call, that does not tell which one it
/// dislikes: then more trials, with one namespace more each.
fn try_all(wish: &Wish) -> Result<Outcome, Error> {
    const MORE: [Step; 3] = [Step::Capable, Step::Net, Step::Pid];
    let is_killed = |outcome: &Outcome| matches!(outcome.interruption, Some((Some(_), Step::Create, Call::Clone)));
    let all = trial::run(wish)?;
    if wish.one_by_one || !is_killed(&all) {
        return Ok(all);
    }
    let mut fewer = *wish;
    MORE.iter().for_each(|&step| fewer.steps[step as usize] = false);
    let mut best = trial::run(&fewer)?;
    if is_killed(&best) {
        return Ok(all);
    }
    let mut killed = [None; STEPS.len()];
    for step in MORE.into_iter().filter(|&step| wish.steps[step as usize]) {
        let mut more = fewer;
        more.steps[step as usize] = true;
        // A procfs is only mounted in a mount namespace.
        if step == Step::Pid && !more.steps[Step::Capable as usize] {
            continue;
        }
        let outcome = trial::run(&more)?;
        match is_killed(&outcome) {
            true => killed[step as usize] = Some((libc::EINTR, Call::Clone)),
            false => (fewer, best) = (more, outcome),
        }
    }
    let first = STEPS.into_iter().find(|&step| killed[step as usize].is_some());
    if let (Some(first), Some((signal, ..))) = (first, all.interruption) {
        best.interruption = Some((signal, first, Call::Clone));
        killed[first as usize] = None; // otherwise explained twice
    }
    for (step, killed) in best.steps.iter_mut().zip(killed) {
        *step = killed.or(*step);
    }
    Ok(best)
}

/// How the programs are called; or the one that is missing, or has no range for the caller.
fn mappers(caller: &Caller) -> Result<(Option<[Mapper<'static>; 2]>, Option<Call>), Error> {
    let [uids, gids] = subids::find()?;
    let mapper = |source: Source, id| {
        let ((start, count), program) = (source.range?, source.program?);
        Some(Mapper { program, id, start, count })
    };
    Ok(match (mapper(uids, caller.uid), mapper(gids, caller.gid)) {
        (None, _) => (None, Some(Call::NewUidMap)),
        (_, None) => (None, Some(Call::NewGidMap)),
        (Some(uids), Some(gids)) => (Some([uids, gids]), None),
    })
}

fn steps(outcome: &Outcome) -> [Option<i32>; STEPS.len()] {
    let mut steps = outcome.steps.map(|step| step.map(|(error, _)| error));
    if let Some((signal, step, call)) = outcome.interruption {
        if call != Call::Experiment {
            let error = if signal.is_some() { libc::EINTR } else { libc::ETIMEDOUT };
            steps[step as usize].get_or_insert(error);
        }
    }
    steps
}
