//! The process of a trial that is in the new namespaces.

use super::calls;
use super::record::{CREATED, Call, Experiment, LABEL, LATE, Record, STEPS, Step};
use super::{MOMENT, MOST_TIME, Wish};
use crate::sys::clock::Start;
use crate::sys::file;
use crate::sys::process::Capability;
use crate::sys::{Errno, if_any, process};
use crate::util::path::ShortPath;
use std::ffi::{c_int, c_void};
use std::sync::atomic::Ordering;

/// What each process of a trial knows. Each has a copy.
#[derive(Clone, Copy)]
pub struct Task<'t> {
    pub wish: &'t Wish<'t>,
    pub record: &'t Record,
    /// When the trial has begun.
    pub start: Start,
    /// The PID of the caller.
    pub caller: c_int,
    /// The caller shares its descriptor table with the first process.
    pub shares_descriptors: bool,
    /// The ends of the stacks of the first, second and third process.
    pub stacks: [*mut c_void; 3],
    /// The namespaces that the second process was made with: flags of clone(2).
    pub made: c_int,
}

/// Namespaces that a process makes one after the other, if it was made without any.
pub const ONE_BY_ONE: c_int = 0;

/// The second process.
pub extern "C" fn enter(task: *mut c_void) -> c_int {
    // SAFETY: the first process passes its task, of which this process has a copy.
    let task = unsafe { &*task.cast::<Task>() };
    process::end_with_parent();
    task.create();
    0
}

/// The third process: in the PID namespace that the second one has made.
extern "C" fn enter_pid_namespace(task: *mut c_void) -> c_int {
    // SAFETY: the second process passes its task, of which this process has a copy.
    let task = unsafe { &*task.cast::<Task>() };
    process::end_with_parent();
    task.mount_procfs();
    0
}

/// The third process, earlier: in one more user namespace.
extern "C" fn enter_nested(task: *mut c_void) -> c_int {
    // SAFETY: the second process passes its task, of which this process has a copy.
    let task = unsafe { &*task.cast::<Task>() };
    process::end_with_parent();
    if task.enter(Step::Nested, libc::CLONE_NEWUSER) {
        task.record.succeed(Step::Nested);
    }
    0
}

/// A process that ends at once. It makes no system call but the last, and so does not touch errno.
pub extern "C" fn end(_: *mut c_void) -> c_int {
    0
}

impl Task<'_> {
    fn wants(&self, step: Step) -> bool {
        self.wish.steps[step as usize]
    }

    /// Makes a system call of a step; whether it worked.
    pub fn try_call(&self, step: Step, call: Call, make: impl FnOnce() -> Result<usize, Errno>) -> bool {
        self.record.begin(step, call);
        make().map_err(|errno| self.fail(step, call, errno)).is_ok()
    }

    fn fail(&self, step: Step, call: Call, errno: Errno) {
        self.record.fail(step, call, errno);
    }

    fn create(&self) {
        if self.made == ONE_BY_ONE && !self.enter(Step::Create, libc::CLONE_NEWUSER) {
            return;
        }
        self.record.succeed(Step::Create);
        if self.wants(Step::Map) {
            self.map();
        }
        // Before something is mounted over the root directory: the kernel would take this process for one in a chroot(2), see
        // `current_chrooted()`.
        if self.wants(Step::Nested) {
            self.nest();
        }
        let can_mount = self.wants(Step::Capable) && self.enter(Step::Capable, libc::CLONE_NEWNS);
        if can_mount && self.try_call(Step::Capable, Call::Mount, || calls::mount(c"tmpfs", 0)) {
            self.record.succeed(Step::Capable);
        }
        if self.wants(Step::Net) && self.enter(Step::Net, libc::CLONE_NEWNET) {
            self.bring_up_loopback();
        }
        if self.wants(Step::Pid) && can_mount && self.enter(Step::Pid, libc::CLONE_NEWPID) {
            match self.made {
                ONE_BY_ONE => self.fork_into_pid_namespace(),
                _ => self.mount_procfs(),
            }
        }
        if STEPS.iter().any(|&step| matches!(self.record.error(step), Some(libc::EACCES | libc::EPERM))) {
            self.note_label();
            self.note_capabilities();
        }
    }

    /// Moves this process into a new namespace, unless it was made there; whether it is there.
    fn enter(&self, step: Step, flag: c_int) -> bool {
        match self.made {
            ONE_BY_ONE => self.try_call(step, Call::Unshare, || calls::unshare(flag)),
            made => made & flag != 0, // otherwise the first process has noted the error
        }
    }

    /// Maps the ids: the caller's own, or by programs, which the first process runs.
    fn map(&self) {
        if self.wish.mappers.is_some() {
            self.record.begin(Step::Map, Call::NewUidMap);
            self.record.stage.store(CREATED, Ordering::Release);
            // It ends if the first process has ended before this one asked to end with it.
            self.wait_while(CREATED);
            return;
        }
        let Wish { uid, gid, .. } = self.wish;
        let [uid, gid] = [uid, gid].map(|id| ShortPath::new(format_args!("0 {id} 1")));
        // Without this, only a caller with CAP_SETGID may map a group. The file is missing before Linux 3.19.
        let denied = match calls::write_file(c"/proc/self/setgroups", b"deny") {
            Err(Errno(libc::ENOENT)) => Ok(0),
            result => result,
        };
        let [uid, gid] = [&uid, &gid].map(|text| text.as_c_str().to_bytes());
        let is_mapped = self.try_call(Step::Map, Call::UidMap, || calls::write_file(c"/proc/self/uid_map", uid))
            && self.try_call(Step::Map, Call::GidMap, || denied)
            && self.try_call(Step::Map, Call::GidMap, || calls::write_file(c"/proc/self/gid_map", gid));
        if is_mapped {
            self.record.succeed(Step::Map);
        }
    }

    fn bring_up_loopback(&self) {
        self.record.begin(Step::Net, Call::Socket);
        match calls::socket() {
            Err(errno) => self.fail(Step::Net, Call::Socket, errno),
            Ok(socket) => {
                if self.try_call(Step::Net, Call::Loopback, || calls::bring_up_loopback(&socket)) {
                    self.record.succeed(Step::Net);
                }
            }
        }
    }

    /// Only a child of this process is in its new PID namespace, see pid_namespaces(7).
    fn fork_into_pid_namespace(&self) {
        self.record.begin(Step::Pid, Call::Fork);
        // SAFETY: only the new process uses the third stack.
        match unsafe { calls::clone(enter_pid_namespace, self.stacks[2], 0, (&raw const *self).cast()) } {
            Err(errno) => self.fail(Step::Pid, Call::Fork, errno),
            Ok(child) => self.wait_for(child),
        }
    }

    fn mount_procfs(&self) {
        let flags = libc::MS_NOSUID | libc::MS_NODEV | libc::MS_NOEXEC;
        if self.try_call(Step::Pid, Call::Mount, || calls::mount(c"proc", flags)) {
            self.record.succeed(Step::Pid);
        }
    }

    /// In a child, so that this process stays where it is.
    fn nest(&self) {
        let (function, flags, call): (calls::Function, _, _) = match self.made {
            ONE_BY_ONE => (enter_nested, 0, Call::Fork),
            // It shares the memory, of which a copy takes time.
            _ => (end, libc::CLONE_NEWUSER | libc::CLONE_VM, Call::Clone),
        };
        self.record.begin(Step::Nested, call);
        // SAFETY: only the new process uses the third stack.
        match unsafe { calls::clone(function, self.stacks[2], flags, (&raw const *self).cast()) } {
            Err(errno) => self.fail(Step::Nested, call, errno),
            Ok(child) => {
                self.wait_for(child);
                if call == Call::Clone {
                    self.record.succeed(Step::Nested);
                }
            }
        }
    }

    /// Waits for a child, and notes the signal that ended it. One that does not end is killed with this process.
    pub fn wait_for(&self, child: c_int) {
        match calls::wait_for(child, self.time_left()) {
            Ok(status) => self.note_end(status),
            Err(Errno(libc::ECHILD)) => (),
            Err(_) => {
                self.record.interrupt(LATE);
                calls::kill(child);
                let _ = calls::wait_for(child, MOMENT);
            }
        }
    }

    /// One deadline for all, so that slow steps together take no longer than the caller waits, which would blame a later one.
    pub fn time_left(&self) -> u64 {
        MOST_TIME.saturating_sub(self.start.elapsed_microseconds())
    }

    /// Waits while the stage is this one.
    fn wait_while(&self, stage: u32) {
        while self.record.stage.load(Ordering::Acquire) == stage && self.time_left() > 0 {
            calls::sleep(100);
        }
    }

    pub fn note_end(&self, status: c_int) {
        if libc::WIFSIGNALED(status) {
            self.record.interrupt(libc::WTERMSIG(status));
        }
    }

    /// Notes the profile that AppArmor has put this process into: proc_pid_attr(5).
    fn note_label(&self) {
        let paths = [c"/proc/self/attr/apparmor/current", c"/proc/self/attr/current"];
        let opened = paths.iter().find_map(|path| if_any(file::open(path, libc::O_RDONLY)).ok().flatten());
        let mut text = [0; LABEL];
        if let Some(Ok(text)) = opened.map(|file| file::read(&file, &mut text).map(|length| &text[..length])) {
            self.record.set_label(text);
        }
    }

    fn note_capabilities(&self) {
        let experiments = [(Experiment::SysAdmin, Capability::SysAdmin), (Experiment::NetAdmin, Capability::NetAdmin)];
        for (experiment, capability) in experiments {
            if let Ok(has_it) = process::find(capability) {
                self.record.set_experiment(experiment, if has_it { Ok(0) } else { Err(Errno(libc::EPERM)) });
            }
        }
    }
}
