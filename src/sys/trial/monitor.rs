//! The first process of a trial: a child of the caller that makes the process in the new namespaces, waits for it, and finds
//! out why something failed.

use super::calls;
use super::record::{CREATED, Call, Experiment, MAPPED, Step};
use super::steps::{self, ONE_BY_ONE, Task};
use super::{HELPER_TIME, MOMENT, Mapper};
use crate::sys::clock::Start;
use crate::sys::{Errno, child, file, process};
use crate::util::path::ShortPath;
use std::ffi::{c_int, c_void};
use std::mem::ManuallyDrop;
use std::ptr;
use std::sync::atomic::Ordering;

/// The nonuser namespaces of a trial, by the step that needs them.
const NAMESPACES: [(Step, c_int); 3] =
    [(Step::Capable, libc::CLONE_NEWNS), (Step::Net, libc::CLONE_NEWNET), (Step::Pid, libc::CLONE_NEWPID)];

const fn flag(number: usize) -> c_int {
    NAMESPACES[number].1
}

/// Which of them are left if not all can be made, as many as possible first.
const KEPT: [c_int; 7] = [flag(0) | flag(1), flag(0) | flag(2), flag(1) | flag(2), flag(0), flag(1), flag(2), 0];

pub extern "C" fn enter(task: *mut c_void) -> c_int {
    // SAFETY: the caller passes its task, of which this process has a copy.
    let task = unsafe { &*task.cast::<Task>() };
    process::end_with_parent();
    // 0: the caller makes its children in another PID namespace, where it has no number itself. Its successor has one.
    if ![task.caller, 0].contains(&calls::parent()) {
        return 0;
    }
    calls::leave_no_core();
    if task.shares_descriptors && child::leave_descriptors().is_err() {
        return 0;
    }
    task.record.is_separate.store(1, Ordering::Release);
    task.make_trial();
    task.record.begin(Step::Create, Call::Experiment);
    task.make_experiments();
    0
}

impl Task<'_> {
    fn make_trial(&self) {
        let call = if self.wish.one_by_one { Call::Fork } else { Call::Clone };
        self.record.begin(Step::Create, call);
        let made = if self.wish.one_by_one { self.begin(ONE_BY_ONE) } else { self.begin_by_one_call() };
        match made {
            Ok(child) => self.watch(child),
            Err(errno) => self.record.fail(Step::Create, call, errno),
        }
    }

    /// Makes the second process, in these namespaces.
    fn begin(&self, flags: c_int) -> Result<c_int, Errno> {
        self.clone(steps::enter, flags, &Task { made: flags, ..*self })
    }

    fn clone(&self, function: calls::Function, flags: c_int, task: &Task) -> Result<c_int, Errno> {
        // SAFETY: only the new process uses the second stack.
        unsafe { calls::clone(function, self.stacks[1], flags, (&raw const *task).cast()) }
    }

    /// Makes all namespaces at once. The error of that does not tell which one the kernel refuses. So then as many as it
    /// makes: all but one, but two, or the user namespace only.
    fn begin_by_one_call(&self) -> Result<c_int, Errno> {
        let all = NAMESPACES.map(|(step, flag)| if self.wish.steps[step as usize] { flag } else { 0 });
        let all = all.iter().fold(0, |all, flag| all | flag);
        let mut made = self.begin(libc::CLONE_NEWUSER | all);
        let Err(errno) = made else { return made };
        for &kept in KEPT.iter().filter(|&&kept| all & !kept != 0 && kept & !all == 0) {
            made = self.begin(libc::CLONE_NEWUSER | kept);
            let Ok(child) = made else { continue };
            for (step, flag) in NAMESPACES.iter().filter(|(_, flag)| all & !kept & flag != 0) {
                // Alone: several can fail, for different reasons.
                let alone = self.make(libc::CLONE_NEWUSER | flag);
                self.record.fail(*step, Call::Clone, alone.err().unwrap_or(errno));
            }
            return Ok(child);
        }
        made // the error of the user namespace alone
    }

    /// Makes these namespaces, with a process that ends at once.
    fn make(&self, flags: c_int) -> Result<usize, Errno> {
        let child = self.clone(steps::end, flags, self)?;
        self.wait_for(child);
        Ok(0)
    }

    /// Writes the maps of the process in the namespace, if a program has to, and waits for its end.
    fn watch(&self, child: c_int) {
        if let Some(mappers) = &self.wish.mappers {
            while self.record.stage.load(Ordering::Acquire) != CREATED && self.time_left() > 0 {
                match child::status(child) {
                    Ok(None) => calls::sleep(100),
                    Ok(Some(status)) => return self.note_end(status),
                    Err(_) => return,
                }
            }
            let calls = [Call::NewUidMap, Call::NewGidMap];
            let start = Start::now();
            let time_left = || self.time_left().min(HELPER_TIME.saturating_sub(start.elapsed_microseconds()));
            if mappers.iter().zip(calls).all(|(mapper, call)| self.run_mapper(mapper, call, child, time_left())) {
                self.record.succeed(Step::Map);
            }
            self.record.stage.store(MAPPED, Ordering::Release);
        }
        self.wait_for(child);
    }

    /// Runs newuidmap(1) or newgidmap(1): it maps 0 to the caller's own id, and a range of further ids.
    fn run_mapper(&self, mapper: &Mapper, call: Call, child: c_int, patience: u64) -> bool {
        let (id, start, count) = (mapper.id, mapper.start, mapper.count);
        let texts = [child as u32, 0, id, 1, 1, start, count].map(|number| ShortPath::new(format_args!("{number}")));
        let mut arguments = [ptr::null(); 9];
        arguments[0] = mapper.program.as_ptr();
        for (argument, text) in arguments[1..].iter_mut().zip(&texts) {
            *argument = text.as_c_str().as_ptr();
        }
        let program = Program { mapper, arguments };
        // SAFETY: only the new process uses the third stack.
        let started = unsafe { calls::clone(run_program, self.stacks[2], 0, (&raw const program).cast()) };
        let status = started.and_then(|program| {
            calls::wait_for(program, patience).inspect_err(|_| {
                calls::kill(program);
                let _ = calls::wait_for(program, MOMENT);
            })
        });
        match status {
            Ok(0) => return true,
            Ok(status) => {
                self.record.helper.store(status, Ordering::Release);
                self.record.fail(Step::Map, call, Errno(libc::EPERM));
            }
            Err(errno) => self.record.fail(Step::Map, call, errno),
        }
        false
    }

    /// Finds out whether something in front of the kernel's own checks has refused a call.
    fn make_experiments(&self) {
        let failed = |step| matches!(self.record.error(step), Some(error) if error != 0);
        let is_of = |step, calls: &[Call]| failed(step) && calls.contains(&self.record.failed_call(step));
        let creation = [Call::Clone, Call::Unshare];
        if is_of(Step::Create, &creation) || is_of(Step::Nested, &creation) {
            self.record.set_experiment(Experiment::User, self.make_impossible(0));
        }
        for (step, flag) in NAMESPACES.iter().filter(|(step, _)| is_of(*step, &creation)) {
            self.record.set_experiment(Experiment::of(*step), self.make_impossible(*flag));
        }
        if is_of(Step::Capable, &[Call::Mount]) || is_of(Step::Pid, &[Call::Mount]) {
            self.record.set_experiment(Experiment::Mount, calls::mount_nowhere());
        }
        if self.record.error(Step::Create) == Some(libc::ENOSPC) {
            calls::survive_scan();
            self.record.set_experiment(Experiment::Scan, Ok(0));
        }
        if self.record.error(Step::Create) == Some(libc::EPERM) {
            match calls::leave_chroot() {
                Ok(true) => self.record.set_experiment(Experiment::Unchrooted, self.make_user_namespace()),
                // It has failed from there.
                Ok(false) => self.record.set_experiment(Experiment::Unchrooted, Err(Errno(libc::EPERM))),
                Err(_) => (), // an ordinary user may not
            }
        }
    }

    fn make_user_namespace(&self) -> Result<usize, Errno> {
        match self.wish.one_by_one {
            true => calls::unshare(libc::CLONE_NEWUSER),
            false => self.make(libc::CLONE_NEWUSER),
        }
    }

    /// Asks for namespaces with a flag that never goes with CLONE_NEWUSER, and so is refused first (EINVAL):
    /// `copy_process()` and `check_unshare_flags()` of the kernel.
    fn make_impossible(&self, flag: c_int) -> Result<usize, Errno> {
        match self.wish.one_by_one {
            true => calls::unshare(if flag == 0 { libc::CLONE_NEWUSER } else { flag } | NEVER),
            false => self.make(flag | libc::CLONE_NEWUSER | libc::CLONE_FS),
        }
    }
}

/// A bit that unshare(2) does not know: part of `CSIGNAL`.
const NEVER: c_int = 1;

struct Program<'p> {
    mapper: &'p Mapper<'p>,
    arguments: [*const std::ffi::c_char; 9],
}

extern "C" fn run_program(program: *mut c_void) -> c_int {
    // SAFETY: the first process passes its program, of which this process has a copy.
    let program = unsafe { &*program.cast::<Program>() };
    process::end_with_parent();
    // Descriptors 0, 1 and 2, which are free, or the caller's: nobody reads what the program writes.
    if let Ok(null) = file::open(c"/dev/null", libc::O_RDWR) {
        calls::redirect(&ManuallyDrop::new(null));
    }
    calls::execute(program.mapper.program, &program.arguments);
    127
}
