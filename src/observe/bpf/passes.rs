//! Drives the programs for descriptors.

use super::layout::{Layout, with_spare};
use super::program::{Ancestors, Target};
use super::records::{self, Told};
use super::schema::member;
use super::tables::Function;
use super::{Scope, candidates, descriptors, leaders, load, load_visitor, referred, running_kernel, visit, walk};
use crate::error::Error;
use crate::observe::Context;
use crate::sys::Errno;
use crate::sys::bpf::{self, Trigger};
use crate::sys::file::Fd;
use crate::sys::memory::Memory;

/// The initial capacity for descriptors: the kernel gives no estimate.
const DEFAULT_DESCRIPTORS: u32 = 16384;

/// Finds what descriptors keep. Returns also the PIDs of processes whose descriptors were all passed, in ascending order;
/// `None`: those of all processes were, unless a record says something else.
pub fn find_descriptors(context: &Context, sockets: bool) -> Result<(Told, Option<Vec<i32>>), Error> {
    let mut scope = Scope::of_caller(context);
    match scope.find(context, sockets, Scope::walk_tables) {
        Ok(mut told) => {
            referred::keep_referred(&mut told)?;
            return Ok((told, None));
        }
        Err(error) if error.is_exhaustion() => return Err(error),
        Err(_) => (),
    }
    let leaders = scope.record_leaders(context.facts().members.len() as u32)?;
    let told = scope.find(context, sockets, Scope::visit_descriptors)?;
    Ok((told, Some(leaders.find_settled()?)))
}

/// Runs programs for descriptors.
type Pass = fn(&Scope, Layout, bool) -> Result<Memory, Error>;

impl Scope {
    /// Repeats the pass until all fits into the array.
    fn find(&mut self, context: &Context, sockets: bool, pass: Pass) -> Result<Told, Error> {
        // Most processes have a socket or two.
        let socket_count = if sockets { 2 * context.facts().members.len() as u32 } else { 0 };
        let mut layout = Layout {
            capacity: 0,
            namespaces: with_spare(context.users.count() as u32),
            nonusers: with_spare(context.nonusers.entries().len() as u32),
            descriptors: DEFAULT_DESCRIPTORS + socket_count,
            ..Layout::default()
        };
        loop {
            let array = pass(self, layout, sockets)?;
            let header = records::header(array.bytes())?;
            if self.correct_level(&header) {
                continue;
            }
            if !context.limits.descriptors.has(header.descriptor_count) {
                return Err(Error::NO_MEMORY);
            }
            match layout.grown_for(&header)? {
                None => {
                    let has_ids = running_kernel()?.has(member!(user_namespace.ns.ns_id));
                    return records::descriptors(array.bytes(), layout, has_ids);
                }
                Some(larger) => layout = larger,
            }
        }
    }

    /// Runs the program that passes the tables itself.
    fn walk_tables(&self, layout: Layout, sockets: bool) -> Result<Memory, Error> {
        let (map, array) = bpf::make_array(layout.size())?;
        let kernel = running_kernel()?;
        let target = Target { kernel, level: self.level, array: map.number(), layout, ancestors: Ancestors::All };
        bpf::run(&load(&walk::program(target, sockets)?, Trigger::Call, &mut [])?)?;
        let header = records::header(array.bytes())?;
        // On another level it does nothing else than to say so.
        let is_other_level = header.own_level != u64::from(self.level);
        if is_other_level || header.is_walk_complete != 0 { Ok(array) } else { Err(Error::NO_BPF) }
    }

    /// Runs the program that tells all, or the one for older kernels.
    fn visit_descriptors(&self, layout: Layout, sockets: bool) -> Result<Memory, Error> {
        let (map, array) = bpf::make_array(layout.size())?;
        let kernel = running_kernel()?;
        let target = Target { kernel, level: self.level, array: map.number(), layout, ancestors: Ancestors::All };
        let iterator = Function::bpf_iter_task_file;
        let told = visit(target, iterator, |target| match target.kernel.has_number_iterator() {
            true => descriptors::program(target, sockets),
            false => candidates::program(target, sockets),
        });
        match told {
            Err(error) if error.is_exhaustion() => return Err(error),
            Err(_) => visit(target, iterator, |target| candidates::program(target, sockets))?,
            Ok(()) => (),
        }
        Ok(array)
    }

    /// Records the thread-group leaders of all processes, of which there are about so many, for the first time.
    fn record_leaders(&mut self, count: u32) -> Result<Leaders, Error> {
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
        let target = Target { kernel, level: self.level, array: map.number(), layout, ancestors: Ancestors::Few };
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
        Ok(Leaders { program, run, array, layout })
    }
}

/// Runs a loaded program.
type Run = fn(&Fd) -> Result<(), Errno>;

/// The thread-group leaders before descriptors are read, and the program that records them.
struct Leaders {
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
