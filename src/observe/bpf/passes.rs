//! Drives the programs for descriptors, and those for thread-group leaders before and after them.

use super::assembler::Program;
use super::layout::{Layout, Threads, extents_of, with_spare};
use super::program::{Ancestors, Target};
use super::records::{self, Found};
use super::schema::member;
use super::tables::Function;
use super::{Scope, candidates, descriptors, leaders, load, load_visitor, referred, running_kernel, walk};
use crate::error::Error;
use crate::observe::Context;
use crate::sys::Errno;
use crate::sys::bpf::{self, Trigger};
use crate::sys::file::Fd;
use crate::sys::memory::Memory;

/// The initial capacity for descriptors: the kernel gives no estimate.
const DEFAULT_DESCRIPTORS: u32 = 16384;
/// In microseconds: so long the kernel shows one descriptor after the other; then procfs is read. A process that hands a table
/// from thread to thread can go on for as long as there are new TIDs.
const MOST_TIME: u64 = 2_000_000;

/// Finds what descriptors keep. Returns also the PIDs of processes that have kept their leader, in ascending order.
pub fn find_descriptors(context: &Context, leaders: Leaders, sockets: bool) -> Result<(Found, Vec<i32>), Error> {
    // Most processes have a socket or two.
    let socket_count = if sockets { 2 * context.facts().members.len() as u32 } else { 0 };
    let namespaces = with_spare(context.users.count() as u32);
    // The maps, if the first program has told them.
    let has_maps = context.users.entries().iter().any(|user| user.maps.is_some());
    let mut layout = Layout {
        namespaces,
        extents: if has_maps { extents_of(namespaces) } else { 0 },
        nonusers: with_spare(context.nonusers.entries().len() as u32),
        descriptors: DEFAULT_DESCRIPTORS + socket_count,
        ..Layout::default()
    };
    let mut can_walk = true;
    loop {
        let array = match leaders.scope.pass_tables(layout, sockets, can_walk) {
            Err(error) if can_walk && !error.is_exhaustion() => {
                can_walk = false;
                continue;
            }
            array => array?,
        };
        let header = records::header(array.bytes())?;
        if !context.limits.descriptors.has(header.descriptor_count) {
            return Err(Error::NO_MEMORY);
        }
        match layout.grown_for(&header)? {
            None => {
                let settled = leaders.find_settled()?;
                let has_ids = running_kernel()?.has(member!(user_namespace.ns.ns_id));
                let mut found = records::descriptors(array.bytes(), layout, has_ids)?;
                if can_walk {
                    referred::keep_referred(&mut found)?;
                }
                return Ok((found, settled));
            }
            Some(larger) => layout = larger,
        }
    }
}

impl Scope {
    /// Runs the program that walks the tables itself if it `can_walk` them; else the one that the kernel starts for each
    /// descriptor, or that for older kernels.
    fn pass_tables(&self, layout: Layout, sockets: bool, can_walk: bool) -> Result<Memory, Error> {
        let (map, array) = bpf::make_array(layout.size())?;
        let kernel = running_kernel()?;
        let (threads, ancestors) = (Threads::All, Ancestors::All);
        let target = Target { kernel, level: self.level, array: map.number(), layout, threads, ancestors };
        if can_walk {
            bpf::run(&load(&walk::program(target, sockets)?, Trigger::Call, &mut [])?)?;
            let is_complete = records::header(array.bytes())?.is_walk_complete != 0;
            return if is_complete { Ok(array) } else { Err(Error::NO_BPF) };
        }
        // Before Linux 5.11, the iterator stays in the table that a thread had when it came to that. If the thread has a copy
        // by then, another one can clear the original: task_file_seq_get_next() of kernel/bpf/task_iter.c. Procfs asks the
        // thread for each descriptor.
        if kernel.has(member!(bpf_iter_seq_task_file_info.files)) {
            return Err(Error::NO_BPF);
        }
        let iterator = Function::bpf_iter_task_file;
        let visit = |build: fn(Target, bool) -> Result<Program, Error>| -> Result<(), Error> {
            let program = load_visitor(target, iterator, |target| build(target, sockets), &mut [])?;
            Ok(bpf::visit_for(&program, MOST_TIME)?)
        };
        let told = if kernel.has_number_iterator() { visit(descriptors::program) } else { Err(Error::NO_BPF) };
        match told {
            Err(error) if error.is_exhaustion() || error.errno() == libc::ETIME => return Err(error),
            Err(_) => visit(candidates::program)?,
            Ok(()) => (),
        }
        // A thread can have handed its table to one with a small TID, which the kernel has passed.
        let has_begun_again = records::header(array.bytes())?.has_begun_again != 0;
        if has_begun_again { Err(Error::NO_BPF) } else { Ok(array) }
    }

    /// Records the thread-group leaders of all processes for the first time. There are at most about so many.
    pub fn record_leaders(&mut self, count: u32) -> Result<Leaders, Error> {
        let layout = Layout { leaders: 2 * with_spare(count), ..Layout::default() };
        loop {
            let leaders = self.run_leaders(layout)?;
            if !self.correct_level(&records::header(leaders.array.bytes())?) {
                return Ok(leaders);
            }
        }
    }

    /// Runs the fastest program that this kernel accepts.
    fn run_leaders(&self, layout: Layout) -> Result<Leaders, Error> {
        let (map, array) = bpf::make_array(layout.size())?;
        let kernel = running_kernel()?;
        let (threads, ancestors) = (Threads::None, Ancestors::Few);
        let target = Target { kernel, level: self.level, array: map.number(), layout, threads, ancestors };
        let run = |run: Run, load: &dyn Fn() -> Result<Fd, Error>| -> Result<(Fd, Run), Error> {
            let program = load()?;
            run(&program)?;
            Ok((program, run))
        };
        let called = run(bpf::run, &|| load(&leaders::program(target)?, Trigger::Call, &mut []));
        let (program, run) = match called {
            Err(error) if !error.is_exhaustion() => {
                run(bpf::visit, &|| load_visitor(target, Function::bpf_iter_task, leaders::program_by_visits, &mut []))?
            }
            called => called?,
        };
        Ok(Leaders { scope: *self, program, run, array, layout })
    }
}

/// Runs a loaded program.
type Run = fn(&Fd) -> Result<(), Errno>;

/// The thread-group leaders before threads and descriptors are read, and the program that records them.
pub struct Leaders {
    scope: Scope,
    program: Fd,
    run: Run,
    array: Memory,
    layout: Layout,
}

impl Leaders {
    /// Records the leaders for the second time, after descriptors were read. Returns the PIDs of the processes that have kept
    /// their leader and its descriptor table, in ascending order.
    fn find_settled(self) -> Result<Vec<i32>, Error> {
        let before = records::header(self.array.bytes())?.leader_count;
        (self.run)(&self.program)?;
        records::settled(self.array.bytes(), self.layout, before)
    }
}
