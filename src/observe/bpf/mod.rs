//! Processes, their user namespaces with all ancestors, and descriptors of namespaces, from BPF programs that read the
//! kernel's own structures: bpf(2). See docs/bpf.md.
//!
//! | file | content |
//! |------|---------|
//! | `processes.rs`, `tasks.rs`, `walk.rs`, `descriptors.rs`, `candidates.rs`, `leaders.rs`, `opened.rs` | the programs |
//! | `chain.rs`, `kept.rs`, `maps.rs`, `namespaces.rs`, `pid.rs`, `credentials.rs`, `cgroups.rs`, `threads.rs`, `sets.rs`, `roots.rs`, `program.rs` | parts that programs share |
//! | `tables.rs`, `process_tables.rs`, `map_tables.rs`, `file_tables.rs` | the kernel members that they read, and the records that they write |
//! | `caches.rs` | the records that only the programs read |
//! | `registers.rs`, `assembler.rs`, `schema.rs` | the notation of programs and tables |
//! | `btf.rs`, `kernel.rs` | the layout of the running kernel's structs |
//! | `layout.rs`, `records.rs` | the shared array |
//! | `cgroup_paths.rs` | the paths of cgroups, from records of these |
//! | `passes.rs` | which programs for descriptors and leaders run |
//! | `referred.rs` | drops records of namespaces of which no file is recorded |
//! | `told.rs` | from the records of namespaces, threads and descriptors to facts |
//! | `preflight.rs` | the number of threads, for the size of the array |
//! | `refusal.rs` | the verifier's log, if it refuses programs |
//! | `listing.rs` | a disassembler for the tests |

mod assembler;
pub mod btf;
mod caches;
mod candidates;
mod cgroup_paths;
mod cgroups;
mod chain;
mod credentials;
mod descriptors;
mod file_tables;
mod kept;
mod kernel;
mod layout;
mod leaders;
#[cfg(test)]
mod listing;
mod map_tables;
mod maps;
mod namespaces;
mod opened;
mod passes;
mod pid;
mod preflight;
mod process_tables;
mod processes;
mod program;
mod records;
mod referred;
mod refusal;
mod registers;
mod roots;
mod schema;
mod sets;
mod tables;
mod tasks;
#[cfg(test)]
mod tests;
mod threads;
mod told;
mod walk;

use super::Context;
use super::candidate::Candidates;
use super::nonusers::Nonusers;
use crate::error::Error;
use crate::facts::Source;
use crate::options::Wanted;
use crate::sys::bpf::{self, Trigger};
use crate::sys::file::Fd;
use crate::sys::memory::Memory;
use crate::sys::{Errno, nsfs, signal};
use crate::util::arrays::reserved;
use assembler::Program;
use kernel::Kernel;
use layout::{Layout, OfProcess, Threads};
use once_cell::race::OnceBox;
pub use passes::Leaders;
use program::{Ancestors, Target};
use schema::member;
use tables::{Function, Header};

/// `NSFS_MAGIC` and `SOCKFS_MAGIC` of linux/magic.h: the file systems of all namespaces and sockets.
const NSFS_MAGIC: i32 = nsfs::MAGIC as i32;
const SOCKFS_MAGIC: i32 = 0x534f_434b;

/// Of the kernel's include/linux/errno.h, and still returned to programs: there is no JIT compiler.
const ENOTSUPP: i32 = 524;

/// How often a program is loaded again if signals interrupt that.
const MAX_RETRIES: u32 = 10;

/// Records all processes, as `processes.rs` does through procfs, with their names if these are wanted. Records no process
/// and no namespace if it fails. Returns also the thread-group leaders before that, if pins are wanted and they are known.
///
/// # Errors
///
/// Only those of `userns_source_error()` in the C header.
pub fn walk(context: &mut Context, wanted: Wanted) -> Result<(Source, Option<Leaders>), Error> {
    let mut log = Vec::new();
    let walked = try_walk(context, wanted, &mut log);
    if !log.is_empty() {
        let facts = context.facts_mut();
        facts.source_log = Some(facts.text.add(&log)?);
    }
    let found = walked.map_err(|error| match error.errno() {
        libc::EPERM | libc::EXDEV | libc::EOPNOTSUPP | libc::ENOEXEC | libc::ENOMEM | libc::EMFILE | libc::ENFILE => {
            error
        }
        libc::EACCES => Error::FORBIDDEN, // by a security module
        _ => Error::NO_BPF,
    })?;
    context.facts_mut().named = wanted.names;
    Ok(found)
}

/// If the verifier refuses the programs, `log` receives what it says.
fn try_walk(context: &mut Context, wanted: Wanted, log: &mut Vec<u8>) -> Result<(Source, Option<Leaders>), Error> {
    if !context.pid_namespaces.are_equal() {
        return Err(Error::OTHER_PROCFS);
    }
    let mut scope = Scope::of_caller(context);
    let count = preflight::count_threads(context.procfs);
    let leaders = if wanted.pinned { scope.record_leaders(count).ok() } else { None };
    let mut threads = match wanted {
        // What is told of threads counts only for processes that keep their leader, see leaders.rs.
        Wanted { pinned: true, .. } if leaders.is_some() => Threads::All,
        Wanted { pinned: false, owned: true, .. } => Threads::Leaders,
        _ => Threads::None,
    };
    let has_names = wanted.names;
    let plain = OfProcess { has_names, ..OfProcess::default() };
    // Ids in the kernel are those of the initial user namespace.
    let has_maps = wanted.maps && context.facts().own.is_some_and(|own| context.users.is_initial(own));
    let mut of = OfProcess { has_names, has_credentials: wanted.credentials, has_cgroups: wanted.cgroups, has_maps };
    let mut layout = Layout::for_threads(count, threads, of);
    let mut ancestors = Ancestors::Few;
    loop {
        let (array, source) = match scope.walk(layout, threads, ancestors, log) {
            // Without a JIT compiler, or before Linux 6.4. Procfs tells about threads then.
            Err(error) if !error.is_exhaustion() && (threads != Threads::None || of != plain) => {
                // Or without other facts, of which procfs tells then: first without those that take Linux 5.12.
                if of.has_cgroups || of.has_maps {
                    of = OfProcess { has_cgroups: false, has_maps: false, ..of };
                } else if threads != Threads::None {
                    threads = Threads::None;
                } else {
                    of = plain;
                }
                layout = Layout::for_threads(count, threads, of);
                continue;
            }
            walked => walked?,
        };
        let header = records::header(array.bytes())?;
        if scope.correct_level(&header) {
            continue;
        }
        let is_cut_off = header.is_cut_off != 0;
        match layout.grown_for(&header)? {
            None if is_cut_off && ancestors == Ancestors::Few => (),
            None => {
                record(context, array.bytes(), layout, threads)?;
                return Ok((source, leaders));
            }
            Some(larger) => layout = larger,
        }
        if is_cut_off {
            ancestors = Ancestors::All;
        }
    }
}

fn record(context: &mut Context, array: &[u8], layout: Layout, threads: Threads) -> Result<(), Error> {
    let has_ids = running_kernel()?.has(member!(user_namespace.ns.ns_id));
    let (users, text) = context.users_and_text();
    let processes = records::processes(array, layout, has_ids, users, text)?;
    if threads != Threads::None {
        match told::threads(array, layout, has_ids, &processes, &mut context.nonusers) {
            Ok(told) => context.told = Some(told),
            // There is no memory for it. Procfs is read instead, which needs less at a time.
            Err(_) => context.nonusers = Nonusers::default(),
        }
    }
    let facts = context.facts_mut();
    facts.members = processes.members;
    (facts.processes, facts.pids, facts.extents) = (processes.facts, processes.pids, processes.extents);
    Ok(())
}

/// Records all descriptors of namespaces, and of sockets if `sockets` is set, in the tables of all threads, and what other
/// files keep user namespaces. Returns the descriptors that have to be read through procfs. `None`: a program cannot be used,
/// so that all have to be read. `leaders`: what [`walk`] returned.
pub fn record_descriptors(context: &mut Context, leaders: Leaders, sockets: bool) -> Result<Option<Candidates>, Error> {
    match passes::find_descriptors(context, leaders, sockets) {
        Ok((found, settled)) => told::descriptors(context, found, settled).map(Some),
        Err(_) => Ok(None),
    }
}

/// Records the maps of user namespaces that the other programs have not met, where BPF tells maps. If it fails, procfs tells
/// the rest.
pub fn record_maps(context: &mut Context) {
    let _ = opened::record_maps(context);
}

/// The processes that the programs see: those of the caller's PID namespace.
#[derive(Clone, Copy)]
struct Scope {
    /// The level of that, see pid_namespaces(7).
    level: u32,
}

impl Scope {
    /// Only the kernel's structures tell the level of a PID namespace other than the initial one. Most have level 1.
    fn of_caller(context: &Context) -> Scope {
        Scope { level: u32::from(!context.pid_namespaces.is_own_initial()) }
    }

    /// Whether a program found another level, and so did nothing else.
    fn correct_level(&mut self, header: &Header) -> bool {
        let found = header.own_level as u32;
        // 0: it is the initial one, or there was nothing to visit.
        let is_other = found != 0 && found != self.level;
        if is_other {
            self.level = found;
        }
        is_other
    }

    /// Runs the fastest program that this kernel accepts.
    fn walk(
        &self,
        layout: Layout,
        threads: Threads,
        ancestors: Ancestors,
        log: &mut Vec<u8>,
    ) -> Result<(Memory, Source), Error> {
        // First, because it fails without privileges. It fails too if arrays cannot be mapped (before Linux 5.5), or
        // none as large (some kernels before 6.1 have a limit of 4 MB).
        let (map, array) = bpf::make_array(layout.size())?;
        let kernel = running_kernel()?;
        let target = Target { kernel, level: self.level, array: map.number(), layout, threads, ancestors };
        let run =
            || -> Result<(), Error> { Ok(bpf::run(&load(&processes::program(target)?, Trigger::Call, &mut [])?)?) };
        let refusal = match run() {
            Ok(()) => return Ok((array, Source::BpfProcesses)),
            Err(error) if error.is_exhaustion() => return Err(error),
            Err(error) => error,
        };
        let visit = || -> Result<(), Error> {
            Ok(bpf::visit(&load_visitor(target, Function::bpf_iter_task, tasks::program, &mut [])?)?)
        };
        let error = match visit() {
            Ok(()) => return Ok((array, Source::BpfTasks)),
            Err(Error::NO_BPF) => refusal,
            Err(error) => error,
        };
        let is_plain = !layout.has_credentials && layout.cgroups == 0 && layout.extents == 0;
        if error == Error::REFUSED_BPF && threads == Threads::None && is_plain {
            // Without a log, for which there may be no memory, procfs is read too.
            *log = refusal::explain(target).unwrap_or_default();
        }
        Err(error)
    }
}

/// The layout of the running kernel's structs, looked up once.
fn running_kernel() -> Result<&'static Kernel, Error> {
    static KERNEL: OnceBox<[Kernel; 1]> = OnceBox::new();
    let [kernel] = KERNEL.get_or_try_init(|| {
        // A fallible allocation of a box: through an array of one.
        let mut kernel = reserved(1)?;
        kernel.push(btf::look_up()?);
        kernel.into_boxed_slice().try_into().map_err(|_| Error::NO_MEMORY)
    })?;
    Ok(kernel)
}

/// Loads a program for an iterator. Without a JIT compiler the kernel refuses programs that call its functions, but
/// interprets the same program without such calls. EINVAL from Linux 7.2 on riscv64: it does not interpret
/// `bpf_get_current_task()` either, by which a program finds a nested PID namespace. The compiler would replace that call.
fn load_visitor(
    target: Target,
    iterator: Function,
    build: impl Fn(Target) -> Result<Program, Error>,
    log: &mut [u8],
) -> Result<Fd, Error> {
    let trigger = Trigger::Visit(target.kernel.function(iterator).ok_or(Error::NO_BPF)?);
    match load(&build(target)?, trigger, log) {
        Err(error) if error.errno() == ENOTSUPP => {
            let kernel = target.kernel.without_functions();
            match try_load(&build(Target { kernel: &kernel, ..target })?, trigger, log) {
                Err(Errno(libc::EINVAL)) => Err(Error::NO_BPF),
                loaded => or_refused(loaded),
            }
        }
        loaded => loaded,
    }
}

/// Loads a program; see [`bpf::load`] about `log`.
fn load(program: &Program, trigger: Trigger, log: &mut [u8]) -> Result<Fd, Error> {
    or_refused(try_load(program, trigger, log))
}

fn try_load(program: &Program, trigger: Trigger, log: &mut [u8]) -> Result<Fd, Errno> {
    let mut loaded = bpf::load(&program.instructions, trigger, log);
    for _ in 0..MAX_RETRIES {
        if loaded.as_ref().err() != Some(&Errno(libc::EAGAIN)) {
            break;
        }
        // The verifier gives up when a signal is pending. Signals can wait for a millisecond. Those that cannot be
        // blocked stop or freeze this thread, which continues afterwards.
        let _blocked = signal::block_all();
        loaded = bpf::load(&program.instructions, trigger, log);
    }
    loaded
}

fn or_refused(loaded: Result<Fd, Errno>) -> Result<Fd, Error> {
    match loaded {
        // From the verifier or a security module. Missing privileges are EPERM; a missing JIT compiler, without which
        // programs cannot call kernel functions, is ENOTSUPP.
        Err(Errno(libc::EACCES | libc::EINVAL | libc::E2BIG | libc::EFAULT | libc::ENOENT)) => Err(Error::REFUSED_BPF),
        loaded => Ok(loaded?),
    }
}
