//! Fills the sandbox with sleeping processes.

use crate::machine;
use crate::population::Population;
use crate::sandbox::Sandbox;
use crate::sleeper::{Equipment, empty_namespace, pipe, start_sleeper};
use std::fs::File;
use std::io::{self, Read, Write};
use std::ops::Range;
use std::{mem, process, ptr};

/// The limits that a large population can reach.
const LIMITS: &str = "/proc/sys/kernel/pid_max, /proc/sys/kernel/threads-max, RLIMIT_NPROC, pids.max of the cgroup, \
                      /proc/sys/user/max_user_namespaces and memory";
/// Lower bounds of the memory of a process and of a thread, in KiB. They keep the benchmark clear of the OOM killer.
const PROCESS_SIZE: usize = 120;
const THREAD_SIZE: usize = 40;
/// PIDs to leave to other processes.
const OTHERS: usize = 500;

/// Processes that sleep in the sandbox until this is dropped.
pub struct Sleepers(());

impl Sandbox {
    /// Starts the processes of a population; returns the reason if that is impossible.
    pub fn populate(&self, population: Population) -> Result<Sleepers, String> {
        let Population { processes, namespaces, threads, descriptors, held } = population;
        self.check_pids(processes * threads)?;
        check_memory(processes * PROCESS_SIZE + processes * (threads - 1) * THREAD_SIZE)?;
        let failed = |error: io::Error| format!("cannot equip the processes: {error}");
        let mut equipment = Equipment::new(threads, descriptors).map_err(failed)?;
        let sleepers = Sleepers(());
        for count in 0..processes {
            let mut start = || -> io::Result<()> {
                let held = number_of_chosen(count, held, processes).map(empty_namespace).transpose()?;
                let alone = number_of_chosen(count, namespaces, processes);
                start_sleeper(alone, || equipment.install(held.as_ref())).map(drop)
            };
            start().map_err(|error| format!("only {count} processes could be started: {error}; limits: {LIMITS}"))?;
        }
        match equipment.wait().map_err(failed)? {
            all if all == processes => Ok(sleepers),
            some => Err(format!("only {some} processes got all threads and descriptors; limits: {LIMITS}")),
        }
    }

    /// Starts processes that each make a part of so many things, and then sleep.
    pub fn make_in_parts(
        &self,
        count: usize,
        most: usize,
        make: impl Fn(Range<usize>) -> io::Result<()>,
    ) -> Result<Sleepers, String> {
        let sleepers = Sleepers(());
        for start in (0..count).step_by(most) {
            mem::forget(self.make(|| make(start..count.min(start + most)))?);
        }
        Ok(sleepers)
    }

    /// Starts one process that makes things and then sleeps.
    pub fn make(&self, make: impl FnOnce() -> io::Result<()>) -> Result<Sleepers, String> {
        let [mut from, to] = pipe().map_err(|error| error.to_string())?.map(File::from);
        let sleepers = Sleepers(());
        let act = || {
            let text = make().map_or_else(|error| error.to_string(), |()| "done".to_string());
            (&to).write_all(text.as_bytes())
        };
        start_sleeper(None, act).map_err(|error| error.to_string())?;
        drop(to);
        let mut text = [0; 256];
        match from.read(&mut text).map(|length| String::from_utf8_lossy(&text[..length]).into_owned()) {
            Ok(text) if text == "done" => Ok(sleepers),
            Ok(text) if text.is_empty() => Err("the process ended early".to_string()),
            Ok(text) => Err(text),
            Err(error) => Err(error.to_string()),
        }
    }

    pub fn check_pids(&self, tasks: usize) -> Result<(), String> {
        let (wanted, pid_max) = (tasks + OTHERS, self.pid_max);
        let too_few = || format!("needs `sysctl kernel.pid_max={wanted}`, which is {pid_max}");
        if wanted <= pid_max { Ok(()) } else { Err(too_few()) }
    }
}

fn check_memory(wanted: usize) -> Result<(), String> {
    match machine::number_in("/proc/meminfo", "MemAvailable:") {
        Some(available) if available < wanted => {
            Err(format!("needs {} MiB of memory, {} MiB are available", wanted / 1024, available / 1024))
        }
        _ => Ok(()),
    }
}

impl Drop for Sleepers {
    /// Kills all other processes in the sandbox. This process is their parent, and process 1, which cannot be killed
    /// from within; see pid_namespaces(7).
    fn drop(&mut self) {
        // Outside the sandbox this would kill everything that the caller may kill.
        assert_eq!(process::id(), 1);
        // SAFETY: the only pointer may be null.
        unsafe {
            libc::kill(-1, libc::SIGKILL);
            while libc::waitpid(-1, ptr::null_mut(), libc::__WALL) > 0 {}
        }
    }
}

/// Which one process number `count` is of `chosen`, which are spread evenly over all, as containers are on a host.
fn number_of_chosen(count: usize, chosen: usize, processes: usize) -> Option<usize> {
    let before = count * chosen / processes;
    ((count + 1) * chosen / processes > before).then_some(before)
}
