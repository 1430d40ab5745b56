//! The processes, and the user namespace of each with all above it, in one pass through the kernel's own structures; and
//! the descriptors that hold namespaces: bpf(2).

mod assembler;
mod btf;
mod program;

use super::candidate::Candidate;
use super::users::{Observed, Users};
use super::{Context, Procfs, pid_namespace};
use crate::error::Error;
use crate::facts::{Member, Source};
use crate::sys::bpf::{self, Trigger};
use crate::sys::file::{self, Fd};
use crate::sys::memory::Memory;
use crate::sys::{Errno, nsfs, pidfd, signal};
use crate::util::arrays::{reserved, sort_by_number};
use crate::util::parse;
use btf::Kernel;
use once_cell::race::OnceBox;
use program::{Layout, Target};
use std::ops::Range;

/// `SOCKFS_MAGIC` of linux/magic.h: the file system of all sockets.
const SOCKFS_MAGIC: u32 = 0x534f_434b;

/// How many threads, and how many descriptors of namespaces, are reckoned with where the kernel does not tell.
const USUAL_THREADS: u32 = 30_000;
const USUAL_DESCRIPTORS: u32 = 4096;
/// How often a program that signals keep from being loaded is loaded again.
const MOST_TRIES: u32 = 10;
/// No array is made for more; whoever needs that goes through procfs.
const MOST: u32 = 1 << 24;

/// Which processes a pass is about: those of the caller's PID namespace.
struct Scope {
    /// How deep that is, see pid_namespaces(7).
    level: u32,
}

/// Walks through all processes, as [`Processes::walk`] does through procfs; `is_nested` says that the caller is in a PID
/// namespace that is not the initial one.
///
/// Nothing is entered into `namespaces` before all has been seen. Whatever the reason for a failure is, procfs can serve
/// instead.
///
/// # Errors
///
/// Only those of `userns_source_error()` in the C header.
pub fn walk(context: &mut Context) -> Result<Source, Error> {
    let is_nested = !pid_namespace::is_caller_in_initial_pid_namespace(context.procfs);
    let (members, source) =
        walk_all(context.procfs, is_nested, &mut context.users).map_err(|error| match error.errno() {
            libc::EPERM
            | libc::EXDEV
            | libc::EOPNOTSUPP
            | libc::ENOEXEC
            | libc::ENOMEM
            | libc::EMFILE
            | libc::ENFILE => error,
            libc::EACCES => Error::FORBIDDEN, // by a security module
            _ => Error::NO_BPF,
        })?;
    context.facts_mut().members = members;
    Ok(source)
}

fn walk_all(procfs: &Procfs, is_nested: bool, users: &mut Users) -> Result<(Vec<Member>, Source), Error> {
    // Only the procfs of the initial PID namespace shows a process that is in that.
    if is_nested && !pid_namespace::shows_callers_pid_namespace(procfs)? {
        return Err(Error::OTHER_PROCFS);
    }
    let mut scope = Scope::of_caller(is_nested);
    let threads = count_threads(procfs);
    let mut layout = Layout { capacity: larger(threads), namespaces: larger(threads / 8) };
    let mut levels = program::FEW_LEVELS;
    loop {
        let (array, source) = scope.walk(layout, levels)?;
        if scope.correct_level(array.bytes()) {
            continue;
        }
        let counts = [program::COUNT, program::NAMESPACE_COUNT].map(|at| long(array.bytes(), at));
        let is_cut_off = long(array.bytes(), program::CUT_OFF) != 0;
        match layout.grown_for(counts)? {
            None if is_cut_off && levels < program::ALL_LEVELS => (),
            None => {
                let has_ids = running_kernel()?.id.is_some();
                let processes = collect(array.bytes(), layout, counts, has_ids, users)?;
                return Ok((processes, source));
            }
            Some(larger) => layout = larger,
        }
        if is_cut_off {
            levels = program::ALL_LEVELS;
        }
    }
}

/// Finds all descriptors of namespaces, and if wanted of sockets, in the tables of all threads; in ascending order. Only
/// for a procfs for which [`walk`] has succeeded.
pub fn find_descriptors(procfs: &Procfs, sockets: bool) -> Result<Vec<Candidate>, Error> {
    let mut scope = Scope::of_caller(!pid_namespace::is_caller_in_initial_pid_namespace(procfs));
    let magics = [nsfs::MAGIC, SOCKFS_MAGIC];
    let mut layout = Layout { capacity: USUAL_DESCRIPTORS, namespaces: 0 };
    loop {
        let array = scope.visit_descriptors(layout, if sockets { &magics } else { &magics[..1] })?;
        if scope.correct_level(array.bytes()) {
            continue;
        }
        let count = long(array.bytes(), program::COUNT);
        match layout.grown_for([count, 0])? {
            None => return collect_descriptors(array.bytes(), layout, count as usize),
            Some(larger) => layout = larger,
        }
    }
}

fn collect_descriptors(array: &[u8], layout: Layout, count: usize) -> Result<Vec<Candidate>, Error> {
    let mut found = reserved(count)?;
    found.extend(records(array, layout.descriptors(), program::DESCRIPTOR, count).map(|record| Candidate {
        pid: word(record, 0) as i32,
        tid: word(record, program::DESCRIPTOR_THREAD) as i32,
        number: word(record, program::DESCRIPTOR_NUMBER) as i32,
    }));
    found.sort_unstable();
    Ok(found)
}

impl Scope {
    /// Only the kernel's structures tell how deep a PID namespace is that is not the initial one. Most are one below.
    fn of_caller(is_nested: bool) -> Scope {
        Scope { level: is_nested.into() }
    }

    /// Whether a program found that the level is another one, so that it did nothing else.
    fn correct_level(&mut self, array: &[u8]) -> bool {
        let found = long(array, program::OWN_LEVEL) as u32;
        // 0: it is the initial one, or there was nothing to visit.
        let is_other = found != 0 && found != self.level;
        if is_other {
            self.level = found;
        }
        is_other
    }

    /// Runs the quickest program that this kernel accepts.
    fn walk(&self, layout: Layout, levels: i32) -> Result<(Memory, Source), Error> {
        // First, because a caller without the privilege gets no further; nor where arrays cannot be mapped (before Linux
        // 5.5), or not ones as large (before 6.1 some kernels allow 4 MB).
        let (map, array) = bpf::make_array(layout.size())?;
        let kernel = running_kernel()?;
        let target = Target { kernel, level: self.level, array: map.number(), layout, levels };
        let run = |functions| -> Result<(), Error> {
            Ok(bpf::run(&load(&program::processes(target, functions)?, Trigger::Call)?)?)
        };
        let visit =
            |tasks| -> Result<(), Error> { Ok(bpf::visit(&load(&program::tasks(target)?, Trigger::Visit(tasks))?)?) };
        let refusal = match kernel.functions.as_ref().ok_or(Error::NO_BPF).and_then(run) {
            Ok(()) => return Ok((array, Source::BpfProcesses)),
            Err(error) if error.is_exhaustion() => return Err(error),
            Err(error) => error,
        };
        kernel.tasks.ok_or(refusal).and_then(visit)?;
        Ok((array, Source::BpfTasks))
    }

    fn visit_descriptors(&self, layout: Layout, magics: &[u32]) -> Result<Memory, Error> {
        let (map, array) = bpf::make_array(layout.size_of_descriptors())?;
        let kernel = running_kernel()?;
        let target = Target { kernel, level: self.level, array: map.number(), layout, levels: 0 };
        let files = kernel.task_files.ok_or(Error::NO_BPF)?;
        bpf::visit(&load(&program::descriptors(target, magics)?, Trigger::Visit(files))?)?;
        Ok(array)
    }
}

/// What the running kernel looks like, found out once.
fn running_kernel() -> Result<&'static Kernel, Error> {
    static KERNEL: OnceBox<[Kernel; 1]> = OnceBox::new();
    let [kernel] = KERNEL.get_or_try_init(|| {
        // The one way to put something into a box that can fail.
        let mut kernel = reserved(1)?;
        kernel.push(Kernel::look_up()?);
        kernel.into_boxed_slice().try_into().map_err(|_| Error::NO_MEMORY)
    })?;
    Ok(kernel)
}

fn load(code: &[u64], trigger: Trigger) -> Result<Fd, Error> {
    let mut loaded = bpf::load(code, trigger, &mut []);
    for _ in 0..MOST_TRIES {
        if loaded.as_ref().err() != Some(&Errno(libc::EAGAIN)) {
            break;
        }
        // The verifier gives up when a signal comes. For a millisecond signals can wait, but for those that stop or
        // freeze this thread: it goes on after these.
        let _blocked = signal::block_all();
        loaded = bpf::load(code, trigger, &mut []);
    }
    match loaded {
        // What the verifier says, and security modules. That the caller lacks privileges is EPERM, and that the compiler
        // behind it is off, which calls of the kernel's functions take, is ENOTSUPP.
        Err(Errno(libc::EACCES | libc::EINVAL | libc::E2BIG | libc::EFAULT | libc::ENOENT)) => Err(Error::REFUSED_BPF),
        loaded => Ok(loaded?),
    }
}

/// How many threads there are, which processes are not more than; see proc_loadavg(5): `0.20 0.18 0.12 1/80 11206`.
fn count_threads(procfs: &Procfs) -> u32 {
    let mut text = [0; 64];
    let read = file::open_at(procfs.root(), c"loadavg", libc::O_RDONLY).and_then(|file| file::read(&file, &mut text));
    let threads = read.ok().and_then(|length| {
        let numbers = text[..length].split(|&byte| byte == b' ').nth(3)?;
        u32::try_from(parse::number(numbers.split(|&byte| byte == b'/').nth(1)?)?).ok()
    });
    threads.unwrap_or(USUAL_THREADS).min(MOST / 2)
}

/// Some more than there are: meanwhile others can come.
fn larger(count: u32) -> u32 {
    count + count / 8 + 256
}

impl Layout {
    /// What to make room for instead, if there was more of something.
    fn grown_for(self, [count, namespaces]: [u64; 2]) -> Result<Option<Layout>, Error> {
        if count <= self.capacity.into() && namespaces <= self.namespaces.into() {
            return Ok(None);
        }
        let grown = |room: u32, count: u64| match u32::try_from(count) {
            Ok(count) if count <= room => Ok(room),
            // Chains of namespaces are cut off where there is no more room, so there can be many more than were counted.
            Ok(count @ ..=MOST) => Ok(larger(count).max(2 * room)),
            _ => Err(Error::NO_MEMORY),
        };
        Ok(Some(Layout { capacity: grown(self.capacity, count)?, namespaces: grown(self.namespaces, namespaces)? }))
    }
}

/// Enters what the program wrote: namespaces, and members of these; nothing if it fails.
fn collect(
    array: &[u8],
    layout: Layout,
    counts: [u64; 2],
    has_ids: bool,
    users: &mut Users,
) -> Result<Vec<Member>, Error> {
    let [process_count, namespace_count] = counts.map(|count| count as usize);
    let mut observed = reserved(namespace_count)?;
    observed.extend(records(array, layout.namespaces(), program::NAMESPACE, namespace_count).map(|record| {
        let mark = long(record, program::NAMESPACE_MARK);
        Observed {
            inode: word(record, program::NAMESPACE_INODE).into(),
            id: if has_ids { mark } else { 0 },
            generation: mark,
            owner_uid: word(record, program::NAMESPACE_OWNER),
            parent: word(record, program::NAMESPACE_PARENT).checked_sub(1),
        }
    }));
    // With some to spare, as in the array. From 128 KiB on, glibc then keeps freed memory for the next scan, see mallopt(3).
    let mut members = reserved(layout.capacity as usize)?;
    members.extend(records(array, layout.processes(), program::PROCESS, process_count).filter_map(|record| {
        // For now the place among those that were observed.
        let namespace = word(record, program::PROCESS_NAMESPACE).checked_sub(1)?;
        Some(Member { pid: word(record, 0) as i32, namespace, ..Member::default() })
    }));
    sort_by_number(&mut members, |member| member.pid as u64)?;
    // Some kernels that are locked down give zeros for what they do not let programs read.
    if members.binary_search_by_key(&pidfd::own_pid(), |member| member.pid).is_err() {
        return Err(Error::NO_BPF);
    }
    let places = users.record_observed(&observed)?;
    members.retain_mut(|member| match places.get(member.namespace as usize) {
        Some(&Some(namespace)) => {
            member.namespace = namespace;
            true
        }
        _ => false, // the namespace has ended, so the process has too, or it has moved
    });
    // A PID can have gone from one process, or in execve(2) from one thread, to another one meanwhile.
    members.dedup_by_key(|member| member.pid);
    Ok(members)
}

fn records(array: &[u8], range: Range<usize>, size: usize, count: usize) -> impl Iterator<Item = &[u8]> {
    array[range].chunks_exact(size).take(count)
}

fn word(bytes: &[u8], at: usize) -> u32 {
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

fn long(bytes: &[u8], at: usize) -> u64 {
    let mut long = [0; 8];
    long.copy_from_slice(&bytes[at..at + 8]);
    u64::from_ne_bytes(long)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    /// Of the kernel, not meant for programs, which get it all the same: there is no compiler for BPF.
    const ENOTSUPP: i32 = 524;

    /// Not `eprintln!`: that is swallowed where the test passes.
    fn tell(text: &str) {
        writeln!(std::io::stderr(), "{text}").unwrap();
    }

    /// Shows what the verifier says of a program, all of it if it refuses.
    fn verify(name: &str, code: &[u64], trigger: Trigger) {
        let mut log = vec![0; 1 << 20];
        let loaded = bpf::load(code, trigger, &mut log);
        let end = log.iter().position(|&byte| byte == 0).unwrap_or(log.len());
        let log = String::from_utf8_lossy(&log[..end]);
        if loaded.as_ref().err() == Some(&Errno(ENOTSUPP)) {
            return tell(&format!("skipped: {name}: {}", log.lines().next_back().unwrap_or_default()));
        }
        assert!(loaded.is_ok(), "{name}: {loaded:?}\n{log}");
        tell(&format!("{name}: {} instructions; {}", code.len(), log.lines().last().unwrap_or_default()));
    }

    #[test]
    fn the_verifier_accepts_all_programs() {
        let layout = Layout { capacity: 1000, namespaces: 100 };
        let made = bpf::make_array(layout.size().max(layout.size_of_descriptors()));
        let ((map, _memory), kernel) = match (made, running_kernel()) {
            (Ok(made), Ok(kernel)) => (made, kernel),
            (made, kernel) => {
                let errors = (made.err(), kernel.err());
                return tell(&format!("skipped: the_verifier_accepts_all_programs: {errors:?}"));
            }
        };
        let old = Kernel { functions: None, ..*kernel };
        for (level, levels) in [0, 1, 32]
            .into_iter()
            .flat_map(|level| [program::FEW_LEVELS, program::ALL_LEVELS].map(|levels| (level, levels)))
        {
            let target = Target { kernel, level, array: map.number(), layout, levels };
            let name = |what: &str| format!("{what}, PID namespace on level {level}, {levels} levels");
            match &kernel.functions {
                Some(functions) => {
                    verify(&name("processes"), &program::processes(target, functions).unwrap(), Trigger::Call);
                }
                None => tell("skipped: the program that visits processes: this kernel has no iterator over them"),
            }
            if let (Some(tasks), Some(files)) = (kernel.tasks, kernel.task_files) {
                for (kernel, age) in [(kernel, ""), (&old, ", as on older kernels")] {
                    let target = Target { kernel, ..target };
                    let descriptors = program::descriptors(target, &[nsfs::MAGIC, SOCKFS_MAGIC]).unwrap();
                    let name = |what: &str| name(what) + age;
                    verify(&name("tasks"), &program::tasks(target).unwrap(), Trigger::Visit(tasks));
                    verify(&name("descriptors"), &descriptors, Trigger::Visit(files));
                }
            } else {
                tell("skipped: the programs that visit threads: this kernel has no iterators over them");
            }
        }
    }

    #[test]
    fn room_grows_until_it_suffices() {
        let layout = Layout { capacity: 100, namespaces: 10 };
        assert_eq!(layout.grown_for([100, 10]), Ok(None));
        let grown = layout.grown_for([100, 11]).unwrap().unwrap();
        assert!(grown.capacity == 100 && grown.namespaces >= 20);
        let grown = layout.grown_for([5000, 0]).unwrap().unwrap();
        assert!(grown.capacity > 5000 && grown.namespaces == 10);
        assert_eq!(layout.grown_for([u64::from(MOST) + 1, 0]), Err(Error::NO_MEMORY));
    }

    /// Processes out of order, one PID twice, one without a namespace; and a namespace that has ended.
    #[test]
    fn members_are_those_of_what_lasts() {
        let layout = Layout { capacity: 8, namespaces: 4 };
        let mut array = vec![0; layout.size()];
        let mut put = |at: usize, words: &[u32]| {
            let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_ne_bytes()).collect();
            array[at..at + bytes.len()].copy_from_slice(&bytes);
        };
        let [low, high] = if cfg!(target_endian = "little") { [7, 0] } else { [0, 7] };
        for (place, record) in [[low, high, 100, 0, 2, 0], [0, 0, 5, 0, 0, 0], [0, 0, 100, 0, 2, 0]].iter().enumerate()
        {
            put(layout.namespaces().start + place * program::NAMESPACE, record);
        }
        let own = pidfd::own_pid() as u32;
        for (place, record) in [[own + 2, 3], [own, 2], [own + 1, 1], [own, 2], [own + 3, 0]].iter().enumerate() {
            put(layout.processes().start + place * program::PROCESS, record);
        }
        let mut users = Users::default();
        let found = collect(&array, layout, [5, 3], true, &mut users).unwrap();
        let members: Vec<_> = found.iter().map(|member| (member.pid, member.namespace)).collect();
        assert_eq!(members, [(own as i32, 0), (own as i32 + 2, 1)]);
        assert_eq!((users.find(5), users.find(100)), (Some(0), Some(1)));
    }

    /// The parts of an array lie behind one another, and numbers in them where a machine may want them.
    #[test]
    fn layouts_have_no_overlap() {
        for (capacity, namespaces) in [(1, 1), (1000, 100), (1001, 77)] {
            let layout = Layout { capacity, namespaces };
            assert_eq!(layout.processes().end, layout.namespaces().start);
            assert_eq!(layout.namespaces().end, layout.size());
            assert_eq!((layout.processes().start % 8, layout.namespaces().start % 8), (0, 0));
            assert_eq!(layout.processes().len(), capacity as usize * program::PROCESS);
        }
    }
}
