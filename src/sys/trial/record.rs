//! What the processes of a trial tell the caller, in memory that all of them share: mmap(2).

use crate::sys::Errno;
use std::ffi::c_int;
use std::ptr;
use std::sync::atomic::{AtomicI32, AtomicU8, AtomicU32, Ordering};

/// The steps of a probe, in this order. Each but the first includes `Map`, and all include `Create`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Step {
    /// Making a user namespace.
    Create,
    /// Writing its maps: the caller's own ids, or also its subordinate ids.
    Map,
    /// Using a capability there: mounting a tmpfs in a new mount namespace.
    Capable,
    /// Bringing up the loopback interface of a new network namespace.
    Net,
    /// Mounting the procfs of a new PID namespace. Includes `Capable`.
    Pid,
    /// Making one more user namespace there.
    Nested,
}

pub const STEPS: [Step; 6] = [Step::Create, Step::Map, Step::Capable, Step::Net, Step::Pid, Step::Nested];

/// The system calls of a trial that can fail.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// clone(2) without namespaces, as fork(3) makes it.
    Fork,
    /// clone(2) with the flag of a namespace.
    Clone,
    Unshare,
    /// Opening or writing a file in /proc/self, for the first two; a program, for the others.
    UidMap,
    GidMap,
    NewUidMap,
    NewGidMap,
    Mount,
    Socket,
    /// Bringing up the loopback interface: netdevice(7).
    Loopback,
    /// None of a step: those that only find out a reason.
    Experiment,
}

const CALLS: [Call; 11] = [
    Call::Fork,
    Call::Clone,
    Call::Unshare,
    Call::UidMap,
    Call::GidMap,
    Call::NewUidMap,
    Call::NewGidMap,
    Call::Mount,
    Call::Socket,
    Call::Loopback,
    Call::Experiment,
];

/// An experiment: a call that fails in a known way unless something in front of the kernel's own checks answers it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Experiment {
    /// clone(2), or unshare(2), with CLONE_NEWUSER and a flag that never goes with it.
    User,
    /// The same with the flag of a nonuser namespace that could not be made.
    MountNamespace,
    NetworkNamespace,
    PidNamespace,
    /// mount(2) with an address that is none.
    Mount,
    /// Calls that a scan makes, for which a filter can end a process.
    Scan,
    /// Creation from the root directory of the mount namespace: setns(2), which only some may call.
    Unchrooted,
    /// Whether the process in the user namespace has these capabilities: capget(2). Without a security module it has all.
    SysAdmin,
    NetAdmin,
}

impl Experiment {
    /// The one that tells whether something refuses the namespace of a step.
    pub fn of(step: Step) -> Experiment {
        match step {
            Step::Create | Step::Map | Step::Nested => Experiment::User,
            Step::Capable => Experiment::MountNamespace,
            Step::Net => Experiment::NetworkNamespace,
            Step::Pid => Experiment::PidNamespace,
        }
    }
}

pub const EXPERIMENTS: [Experiment; 9] = [
    Experiment::User,
    Experiment::MountNamespace,
    Experiment::NetworkNamespace,
    Experiment::PidNamespace,
    Experiment::Mount,
    Experiment::Scan,
    Experiment::Unchrooted,
    Experiment::SysAdmin,
    Experiment::NetAdmin,
];

/// So many bytes of a label are kept.
pub const LABEL: usize = 128;

/// Values of `errors` and `experiments` that are no errno value.
const UNTRIED: c_int = -1;
const WORKED: c_int = 0;

/// Instead of a signal: the process took too long.
pub const LATE: c_int = -1;

/// Values of `stage`.
pub const BEGUN: u32 = 0;
pub const CREATED: u32 = 1;
pub const MAPPED: u32 = 2;

pub struct Record {
    errors: [AtomicI32; STEPS.len()],
    calls: [AtomicI32; STEPS.len()],
    /// What is being tried.
    step: AtomicI32,
    call: AtomicI32,
    experiments: [AtomicI32; EXPERIMENTS.len()],
    /// How far the maps are: written by the process in the namespace and the one outside in turn.
    pub stage: AtomicU32,
    /// The first process has a descriptor table of its own.
    pub is_separate: AtomicU32,
    /// The signal that ended a process of the trial, or `LATE`; what was tried then.
    signal: AtomicI32,
    fatal_step: AtomicI32,
    fatal_call: AtomicI32,
    /// The status of newuidmap(1) or newgidmap(1), see wait(2).
    pub helper: AtomicI32,
    /// The label of AppArmor in the namespace, if something was refused there.
    label: [AtomicU8; LABEL],
}

impl Record {
    fn new() -> Record {
        Record {
            errors: [const { AtomicI32::new(UNTRIED) }; STEPS.len()],
            calls: [const { AtomicI32::new(0) }; STEPS.len()],
            step: AtomicI32::new(Step::Create as c_int),
            call: AtomicI32::new(Call::Fork as c_int),
            experiments: [const { AtomicI32::new(UNTRIED) }; EXPERIMENTS.len()],
            stage: AtomicU32::new(BEGUN),
            is_separate: AtomicU32::new(0),
            signal: AtomicI32::new(0),
            fatal_step: AtomicI32::new(0),
            fatal_call: AtomicI32::new(0),
            helper: AtomicI32::new(0),
            label: [const { AtomicU8::new(0) }; LABEL],
        }
    }

    /// Notes what is tried next, for the case that it ends the process.
    pub fn begin(&self, step: Step, call: Call) {
        self.step.store(step as c_int, Ordering::Release);
        self.call.store(call as c_int, Ordering::Release);
    }

    pub fn succeed(&self, step: Step) {
        self.errors[step as usize].store(WORKED, Ordering::Release);
    }

    /// Notes the first error of a step.
    pub fn fail(&self, step: Step, call: Call, errno: Errno) {
        if self.error(step).is_none_or(|error| error == WORKED) {
            self.calls[step as usize].store(call as c_int, Ordering::Release);
            self.errors[step as usize].store(errno.0, Ordering::Release);
        }
    }

    /// The errno value of a step, 0 if it worked; `None` if it was not tried.
    pub fn error(&self, step: Step) -> Option<c_int> {
        let error = self.errors[step as usize].load(Ordering::Acquire);
        (error != UNTRIED).then_some(error)
    }

    pub fn failed_call(&self, step: Step) -> Call {
        call(self.calls[step as usize].load(Ordering::Acquire))
    }

    /// Notes that a signal, or the caller (`LATE`), ends what is tried now. Only the first time.
    pub fn interrupt(&self, signal: c_int) {
        if self.signal.compare_exchange(0, signal, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
            self.fatal_step.store(self.step.load(Ordering::Acquire), Ordering::Release);
            self.fatal_call.store(self.call.load(Ordering::Acquire), Ordering::Release);
        }
    }

    /// The signal, or `LATE`, and what it has ended.
    pub fn interruption(&self) -> Option<(c_int, Step, Call)> {
        let signal = self.signal.load(Ordering::Acquire);
        let step = usize::try_from(self.fatal_step.load(Ordering::Acquire)).ok();
        let step = step.and_then(|step| STEPS.get(step).copied()).unwrap_or(Step::Create);
        (signal != 0).then(|| (signal, step, call(self.fatal_call.load(Ordering::Acquire))))
    }

    pub fn set_experiment(&self, experiment: Experiment, result: Result<usize, Errno>) {
        let errno = result.map_or_else(|errno| errno.0, |_| WORKED);
        self.experiments[experiment as usize].store(errno, Ordering::Release);
    }

    /// The errno value of an experiment, 0 if it worked; `None` if it was not made.
    pub fn experiment(&self, experiment: Experiment) -> Option<c_int> {
        let errno = self.experiments[experiment as usize].load(Ordering::Acquire);
        (errno != UNTRIED).then_some(errno)
    }

    pub fn set_label(&self, text: &[u8]) {
        for (to, &from) in self.label.iter().zip(text) {
            to.store(from, Ordering::Release);
        }
    }

    pub fn label(&self) -> [u8; LABEL] {
        std::array::from_fn(|index| self.label[index].load(Ordering::Acquire))
    }
}

fn call(number: c_int) -> Call {
    usize::try_from(number).ok().and_then(|number| CALLS.get(number).copied()).unwrap_or(Call::Fork)
}

/// A record in memory of its own, which children share.
pub struct Shared(*mut Record);

impl Shared {
    pub fn new() -> Result<Shared, Errno> {
        let (access, flags) = (libc::PROT_READ | libc::PROT_WRITE, libc::MAP_SHARED | libc::MAP_ANONYMOUS);
        // SAFETY: the kernel chooses an unused address range, so no existing memory changes.
        let address = unsafe { libc::mmap(ptr::null_mut(), size_of::<Record>(), access, flags, -1, 0) };
        if address == libc::MAP_FAILED {
            let errno = Errno::last();
            return Err(if errno.is_exhaustion() { errno } else { Errno(libc::ENOMEM) });
        }
        let record = address.cast::<Record>();
        // SAFETY: the range was mapped just now, is as large as a record, and aligned to pages.
        unsafe { record.write(Record::new()) };
        Ok(Shared(record))
    }

    pub fn record(&self) -> &Record {
        // SAFETY: the range is mapped until `self` is dropped, and has a record, which only consists of atomic fields.
        unsafe { &*self.0 }
    }
}

impl Drop for Shared {
    fn drop(&mut self) {
        // SAFETY: only `self` owns the range, and no borrow of it is left. Children have mappings of their own.
        unsafe { libc::munmap(self.0.cast(), size_of::<Record>()) };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_tells_the_first_error_and_what_was_interrupted() {
        let shared = Shared::new().unwrap();
        let record = shared.record();
        assert_eq!((record.error(Step::Map), record.interruption()), (None, None));
        record.succeed(Step::Create);
        record.begin(Step::Map, Call::GidMap);
        record.fail(Step::Map, Call::UidMap, Errno(libc::EACCES));
        record.fail(Step::Map, Call::GidMap, Errno(libc::EPERM));
        assert_eq!((record.error(Step::Create), record.error(Step::Map)), (Some(0), Some(libc::EACCES)));
        record.interrupt(libc::SIGSYS);
        record.begin(Step::Create, Call::Experiment);
        record.interrupt(LATE);
        assert_eq!(record.failed_call(Step::Map), Call::UidMap);
        assert_eq!(record.interruption(), Some((libc::SIGSYS, Step::Map, Call::GidMap)));
    }

    #[test]
    fn numbers_come_back() {
        for (number, known) in CALLS.into_iter().enumerate() {
            assert_eq!((known as usize, call(number as c_int)), (number, known));
        }
        assert!((0..STEPS.len()).all(|number| STEPS[number] as usize == number));
        assert!((0..EXPERIMENTS.len()).all(|number| EXPERIMENTS[number] as usize == number));
    }
}
