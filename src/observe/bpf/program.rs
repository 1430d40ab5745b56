//! The programs, put together from instructions, with the offsets of the running kernel.
//!
//! They only read: what they find they write into an array that this process has mapped. The functions called are those
//! of bpf-helpers(7) and, for the iterator over processes, of Documentation/bpf/kfuncs.rst of the kernel.

use super::assembler::*;
use super::btf::{Functions, Kernel, UPID_SIZE};
use std::ops::Range;

/// How the array is laid out: a header, slots, processes, namespaces; or a header and descriptors.
///
/// A slot remembers which namespace, of those that share it, was met last, so that most are written once. The order of
/// bytes is the machine's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// How many processes, or descriptors, there is room for.
    pub capacity: u32,
    /// How many namespaces there is room for.
    pub namespaces: u32,
}

/// The header: how many there were of each, also beyond the capacity.
pub const COUNT: usize = 0;
pub const NAMESPACE_COUNT: usize = 8;
/// How deep the PID namespace is that the caller is in; 0 in the initial one, or if nothing was to be visited.
pub const OWN_LEVEL: usize = 16;
/// Where the program keeps which one that is.
const OWN_NAMESPACE: usize = 24;
/// Not zero: there were more namespaces above one another than the program may note.
pub const CUT_OFF: usize = 32;
const HEADER: usize = 64;

/// A slot: mark, and the place that follows that of the namespace. It is one of those from HEADER on.
///
/// The mark is the 64-bit id; where the kernel has none, inode number and level: a number can go to another namespace,
/// but so at least no chain of parents comes back to where it began. It is never 0.
const SLOT: usize = 1 << SLOT_SHIFT;
const SLOT_SHIFT: i32 = 4;
const SLOT_MARK: i16 = HEADER as i16;
const SLOT_PLACE: i16 = HEADER as i16 + 8;

/// A process: its PID, and the place that follows that of its namespace; 0: none.
pub const PROCESS: usize = 8;
pub const PROCESS_NAMESPACE: usize = 4;

/// A namespace: mark, inode number, owner, and the place that follows that of its parent; 0: none.
pub const NAMESPACE: usize = 24;
pub const NAMESPACE_MARK: usize = 0;
pub const NAMESPACE_INODE: usize = 8;
pub const NAMESPACE_OWNER: usize = 12;
pub const NAMESPACE_PARENT: usize = 16;

/// A descriptor: PID and TID of the thread in whose table it is, and its number.
pub const DESCRIPTOR: usize = 12;
pub const DESCRIPTOR_THREAD: usize = 4;
pub const DESCRIPTOR_NUMBER: usize = 8;

/// How many namespaces, one above the other, a program notes at once. The verifier follows it through each, so there are
/// few, unless that was not enough: parents mostly have members, who came before. The kernel nests 33 levels below the
/// initial user namespace.
pub const FEW_LEVELS: i32 = 2;
pub const ALL_LEVELS: i32 = 40;

impl Layout {
    /// The size of an array for processes and namespaces.
    pub fn size(self) -> usize {
        self.namespaces().end
    }

    pub fn processes(self) -> Range<usize> {
        let begin = HEADER + self.slots() * SLOT;
        begin..begin + self.capacity as usize * PROCESS
    }

    pub fn namespaces(self) -> Range<usize> {
        let begin = self.processes().end;
        begin..begin + self.namespaces as usize * NAMESPACE
    }

    /// The size of an array for descriptors.
    pub fn size_of_descriptors(self) -> usize {
        self.descriptors().end
    }

    pub fn descriptors(self) -> Range<usize> {
        HEADER..HEADER + self.capacity as usize * DESCRIPTOR
    }

    fn slots(self) -> usize {
        (self.namespaces as usize).next_power_of_two()
    }
}

/// What the programs are made for.
#[derive(Clone, Copy)]
pub struct Target<'k> {
    pub kernel: &'k Kernel,
    /// How deep the caller's PID namespace is, 0 for the initial one. Where it is another one, the program tells so, and
    /// nothing else.
    pub level: u32,
    /// The descriptor of the array.
    pub array: i32,
    pub layout: Layout,
    /// How many namespaces are followed from a process upwards.
    pub levels: i32,
}

impl Target<'_> {
    /// Where a `struct pid` has the number for the caller's PID namespace, if it has one.
    fn own_number(&self) -> i16 {
        self.kernel.pid_numbers + (self.level * UPID_SIZE) as i16
    }
}

/// Visits all processes by itself, when called.
///
/// Nearly all the time it takes is waiting for memory. So at each process it already looks at the one that follows in the
/// kernel's list, which the iterator most likely shows next: then the processor fetches what two need at the same time.
pub fn processes(target: Target, functions: &Functions) -> Code {
    let kernel = target.kernel;
    let mut code = Assembler::default();
    let [head, end, as_foreseen, other_level] = [code.label(), code.label(), code.label(), code.label()];
    code.map_value(ARRAY, target.array);
    code.remember_own(&target, other_level);
    code.call_kernel(functions.read_lock);
    code.address(R1, TASKS);
    code.set(R2, 0);
    code.set(R3, 0); // BPF_TASK_ITER_ALL_PROCS
    code.call_kernel(functions.new_tasks);
    code.set(R0, 0);
    code.foresee(&target);
    code.bind(head);
    code.address(R1, TASKS);
    code.call_kernel(functions.next_task);
    code.jump_if(Is::Equal, R0, 0, end);
    code.distrust(TASK, R0, kernel.cast, kernel.task_type);
    code.load(Size::Long, R2, STACK, FORESEEN_TASK);
    code.load(Size::Long, NUMBER, STACK, FORESEEN_THREAD);
    code.load(Size::Long, OBJECT, STACK, FORESEEN_CREDENTIALS);
    code.jump_if_equal(R2, TASK, as_foreseen);
    code.begin(&target);
    code.copy(NUMBER, R1);
    code.bind(as_foreseen);
    code.load(Size::Long, R0, TASK, kernel.task_tasks);
    code.calculate(Operation::Add, R0, -i32::from(kernel.task_tasks));
    code.foresee(&target);
    code.copy(R1, NUMBER);
    code.note_process(&target, head);
    if target.levels < ALL_LEVELS {
        code.note_few(&target, head);
        code.jump(head);
    } else {
        code.note_chain(&target, functions, head);
    }
    code.bind(end);
    code.address(R1, TASKS);
    code.call_kernel(functions.end_tasks);
    code.call_kernel(functions.read_unlock);
    code.forget_own(&target);
    code.bind(other_level);
    code.leave();
    code.finish()
}

/// Is started for every thread, and once more with none.
pub fn tasks(target: Target) -> Code {
    const CONTEXT_TASK: i16 = 8;
    let mut code = Assembler::default();
    let [end, last, process] = [code.label(), code.label(), code.label()];
    code.load(Size::Long, TASK, R1, CONTEXT_TASK);
    code.jump_if(Is::Equal, TASK, 0, last);
    // Processes: first threads, whose TID is the PID. In an execve(2) by another thread the first one, which has ended
    // before, gives that up, perhaps just before the visit; so threads that have ended stand for their process too.
    code.load(Size::Word, R2, TASK, target.kernel.task_pid);
    code.load(Size::Word, R3, TASK, target.kernel.task_tgid);
    code.jump_if_equal(R2, R3, process);
    code.load(Size::Word, R2, TASK, target.kernel.task_exit_state);
    code.jump_if(Is::Equal, R2, 0, end);
    code.bind(process);
    code.distrust(TASK, TASK, target.kernel.cast, target.kernel.task_type);
    code.map_value(ARRAY, target.array);
    code.remember_own(&target, end);
    code.begin(&target);
    code.note_process(&target, end);
    code.note_few(&target, end);
    code.end_visits(&target, end, last);
    code.finish()
}

/// Is started for every descriptor of every thread that has a table of its own or is the first of its process, and once
/// more with none. Notes those of files on file systems with one of these magic numbers.
pub fn descriptors(target: Target, magics: &[u32]) -> Code {
    const CONTEXT_TASK: i16 = 8;
    const CONTEXT_NUMBER: i16 = 16;
    const CONTEXT_FILE: i16 = 24;
    let kernel = target.kernel;
    let mut code = Assembler::default();
    let [end, wanted, last] = [code.label(), code.label(), code.label()];
    code.load(Size::Long, TASK, R1, CONTEXT_TASK);
    code.jump_if(Is::Equal, TASK, 0, last);
    code.load(Size::Long, OBJECT, R1, CONTEXT_FILE);
    code.jump_if(Is::Equal, OBJECT, 0, end);
    code.load(Size::Word, NUMBER, R1, CONTEXT_NUMBER);
    code.distrust(OBJECT, OBJECT, kernel.cast, kernel.file_type);
    code.load(Size::Long, R2, OBJECT, kernel.file_inode);
    code.load(Size::Long, R2, R2, kernel.inode_super_block);
    code.load(Size::Long, R2, R2, kernel.super_block_magic);
    for &magic in magics {
        code.jump_if(Is::Equal, R2, magic as i32, wanted);
    }
    code.jump(end);
    code.bind(wanted);
    code.distrust(TASK, TASK, kernel.cast, kernel.task_type);
    code.map_value(ARRAY, target.array);
    code.remember_own(&target, end);
    code.append(COUNT, target.layout.descriptors().start, DESCRIPTOR, target.layout.capacity, end);
    code.copy(OBJECT, R3);
    code.store(Size::Word, OBJECT, DESCRIPTOR_NUMBER as i16, NUMBER);
    code.load_thread(&target, TASK, kernel.task_pid);
    code.read_number(&target, end);
    code.store(Size::Word, OBJECT, DESCRIPTOR_THREAD as i16, NUMBER);
    code.load_thread(&target, TASK, kernel.task_tgid);
    code.find_process(&target);
    code.read_number(&target, end);
    code.store(Size::Word, OBJECT, 0, NUMBER);
    code.end_visits(&target, end, last);
    code.finish()
}

// Registers of these programs; the others are at hand for anything.
const ARRAY: u8 = R6;
const TASK: u8 = R7;
const NUMBER: u8 = R8;
/// The user namespace that is looked at, or, in the program for descriptors, first the file and then the record.
const OBJECT: u8 = R9;

/// On the stack: the kernel's iterators, where the place of a namespace belongs, and a copy of what is read, of a `struct
/// upid` at most.
const TASKS: i16 = -24;
const NUMBERS: i16 = -32;
const LINK: i16 = -40;
const COPY: i16 = -56;
/// What is known of the process that most likely comes next.
const FORESEEN_TASK: i16 = -64;
const FORESEEN_THREAD: i16 = -72;
const FORESEEN_CREDENTIALS: i16 = -80;

/// `PIDTYPE_TGID` of the kernel: in which way a process is known by its PID.
const PIDTYPE_TGID: i16 = 1;

/// Functions of bpf-helpers(7).
const PROBE_READ_KERNEL: u32 = 113;
const GET_CURRENT_TASK: u32 = 35;

impl Assembler {
    /// Copies a pointer so that the verifier forgets that it trusts it: about those it looks for more, by name among all
    /// types of the kernel, at every step from there (Linux 6.3), which takes it milliseconds. What is read may be read
    /// anyway.
    fn distrust(&mut self, copy: u8, pointer: u8, cast: Option<u32>, kind: u32) {
        if let Some(cast) = cast {
            self.copy(R1, pointer);
            self.set(R2, kind as i32);
            self.call_kernel(cast);
            self.copy(copy, R0);
        } else if copy != pointer {
            self.copy(copy, pointer);
        }
    }

    /// Keeps the caller's PID namespace, unless it has done so before; goes on elsewhere if it is on another level.
    fn remember_own(&mut self, target: &Target, otherwise: Label) {
        if target.level == 0 {
            return;
        }
        let kernel = target.kernel;
        let known = self.label();
        self.load(Size::Long, R1, ARRAY, OWN_NAMESPACE as i16);
        self.jump_if(Is::Different, R1, 0, known);
        self.call_helper(GET_CURRENT_TASK);
        let own = target.own_number() + kernel.upid_namespace;
        if kernel.functions.is_some() {
            self.distrust(OBJECT, R0, kernel.cast, kernel.task_type);
            self.load(Size::Long, OBJECT, OBJECT, kernel.task_thread_pid);
            self.load(Size::Word, R1, OBJECT, kernel.pid_level);
            self.store(Size::Long, ARRAY, OWN_LEVEL as i16, R1);
            self.jump_if(Is::Different, R1, target.level as i32, otherwise);
            self.load(Size::Long, R1, OBJECT, own);
        } else {
            self.read_kernel(R0, kernel.task_thread_pid, 8);
            self.load(Size::Long, OBJECT, STACK, COPY);
            self.read_kernel(OBJECT, kernel.pid_level, 4);
            self.load(Size::Word, R1, STACK, COPY);
            self.store(Size::Long, ARRAY, OWN_LEVEL as i16, R1);
            self.jump_if(Is::Different, R1, target.level as i32, otherwise);
            self.read_kernel(OBJECT, own, 8);
            self.load(Size::Long, R1, STACK, COPY);
        }
        self.store(Size::Long, ARRAY, OWN_NAMESPACE as i16, R1);
        self.bind(known);
    }

    /// Leaves no addresses of the kernel behind, in memory that is mapped.
    fn forget_own(&mut self, target: &Target) {
        if target.level > 0 {
            self.set(R1, 0);
            self.store(Size::Long, ARRAY, OWN_NAMESPACE as i16, R1);
        }
    }

    /// Ends a visit at one place, and all of them at the other.
    fn end_visits(&mut self, target: &Target, end: Label, last: Label) {
        self.bind(end);
        self.leave();
        self.bind(last);
        self.map_value(ARRAY, target.array);
        self.forget_own(target);
        self.leave();
    }

    /// Copies so many bytes, not more than there is room for, at an offset from an address.
    fn read_kernel(&mut self, address: u8, offset: i16, length: i32) {
        self.copy(R3, address);
        self.calculate(Operation::Add, R3, offset.into());
        self.address(R1, COPY);
        self.set(R2, length);
        self.call_helper(PROBE_READ_KERNEL);
    }

    /// Loads what leads from the task in TASK to its process, see `load_thread`, into R1; and its credentials into
    /// OBJECT.
    fn begin(&mut self, target: &Target) {
        self.load_thread(target, TASK, target.kernel.task_tgid);
        self.load(Size::Long, OBJECT, TASK, target.kernel.task_real_cred);
    }

    /// Keeps the same of the task that R0 points to; of none, all of it is 0.
    fn foresee(&mut self, target: &Target) {
        let kernel = target.kernel;
        self.distrust(R2, R0, kernel.cast, kernel.task_type);
        self.store(Size::Long, STACK, FORESEEN_TASK, R2);
        self.load_thread(target, R2, kernel.task_tgid);
        self.store(Size::Long, STACK, FORESEEN_THREAD, R1);
        self.load(Size::Long, R1, R2, kernel.task_real_cred);
        self.store(Size::Long, STACK, FORESEEN_CREDENTIALS, R1);
    }

    /// Loads into R1 the `struct pid` of a task; in the initial PID namespace its number, which is a member.
    fn load_thread(&mut self, target: &Target, task: u8, member: i16) {
        match target.level {
            0 => self.load(Size::Word, R1, task, member),
            _ => self.load(Size::Long, R1, task, target.kernel.task_thread_pid),
        }
    }

    /// Puts into NUMBER how the caller's PID namespace numbers what R1 tells; goes on elsewhere if it does not.
    fn read_number(&mut self, target: &Target, otherwise: Label) {
        let kernel = target.kernel;
        if target.level > 0 {
            self.load(Size::Word, R2, R1, kernel.pid_level);
            self.jump_if(Is::Less, R2, target.level as i32, otherwise);
            let (number, namespace) = (kernel.upid_number, kernel.upid_namespace);
            if kernel.functions.is_some() {
                self.load(Size::Word, NUMBER, R1, target.own_number() + number);
                self.load(Size::Long, R1, R1, target.own_number() + namespace);
            } else {
                // Before Linux 6.5 the verifier lets no program read more than the first of these numbers.
                self.read_kernel(R1, target.own_number(), UPID_SIZE as i32);
                self.load(Size::Word, NUMBER, STACK, COPY + number);
                self.load(Size::Long, R1, STACK, COPY + namespace);
            }
            self.load(Size::Long, R2, ARRAY, OWN_NAMESPACE as i16);
            self.jump_if_not_equal(R1, R2, otherwise);
        } else {
            self.copy(NUMBER, R1);
        }
        self.jump_if(Is::Equal, NUMBER, 0, otherwise); // the idle task
    }

    /// Puts into R1 the `struct pid` of a process instead of that of its first thread.
    ///
    /// It is the same one, but for a moment in the middle of an execve(2) by another thread, when that one is not known
    /// as a process: then `signal`, which is far away, still tells it.
    fn find_process(&mut self, target: &Target) {
        const POINTER: i16 = size_of::<u64>() as i16;
        let kernel = target.kernel;
        if target.level == 0 {
            return;
        }
        let found = self.label();
        self.load(Size::Long, R2, R1, kernel.pid_tasks + PIDTYPE_TGID * POINTER);
        self.jump_if(Is::Different, R2, 0, found);
        self.load(Size::Long, R1, TASK, kernel.task_signal);
        self.load(Size::Long, R1, R1, kernel.signal_pids + PIDTYPE_TGID * POINTER);
        self.bind(found);
    }

    /// Counts one more; leaves in R2 how many there are then, and in R3 where its record is to be; goes on elsewhere if
    /// there is no room.
    fn append(&mut self, count: usize, begin: usize, size: usize, capacity: u32, otherwise: Label) {
        self.load(Size::Long, R3, ARRAY, count as i16);
        self.copy(R2, R3);
        self.calculate(Operation::Add, R2, 1);
        self.store(Size::Long, ARRAY, count as i16, R2);
        self.jump_if(Is::NotLess, R3, capacity as i32, otherwise);
        self.calculate(Operation::Multiply, R3, size as i32);
        self.combine(Operation::Add, R3, ARRAY);
        self.calculate(Operation::Add, R3, begin as i32);
    }

    /// Writes down the process that TASK, R1 and OBJECT tell of, see `begin`. Its namespace is then in OBJECT. R5 always
    /// points to where the place of the namespace at hand belongs: here in the process, then in the child.
    fn note_process(&mut self, target: &Target, next: Label) {
        let Target { kernel, layout, .. } = target;
        self.find_process(target);
        self.read_number(target, next);
        self.append(COUNT, layout.processes().start, PROCESS, layout.capacity, next);
        self.store(Size::Word, R3, 0, NUMBER);
        self.load(Size::Long, OBJECT, OBJECT, kernel.cred_user_ns);
        self.copy(R5, R3);
        self.calculate(Operation::Add, R5, PROCESS_NAMESPACE as i32);
    }

    /// Writes down a namespace and, as far as they were not met before, those above; goes on at `next`, or behind this if
    /// there are more than it may follow. The verifier follows each round.
    fn note_few(&mut self, target: &Target, next: Label) {
        let upwards = self.label();
        self.set(R0, 0);
        self.bind(upwards);
        self.note_namespace(target, next);
        self.calculate(Operation::Add, R0, 1);
        self.jump_if(Is::Less, R0, target.levels, upwards);
        let unknown = self.label();
        self.find_slot(target, unknown);
        self.note_place(next);
        self.bind(unknown);
        self.set(R0, 1);
        self.store(Size::Long, ARRAY, CUT_OFF as i16, R0);
    }

    /// As `note_few`, but as many as there are: with an iterator over numbers, of which the verifier follows only two or
    /// three rounds.
    fn note_chain(&mut self, target: &Target, functions: &Functions, next: Label) {
        let [unknown, upwards, end] = [self.label(), self.label(), self.label()];
        self.find_slot(target, unknown);
        self.note_place(next);
        self.bind(unknown);
        self.store(Size::Long, STACK, LINK, R5);
        self.address(R1, NUMBERS);
        self.set(R2, 0);
        self.set(R3, target.levels);
        self.call_kernel(functions.new_numbers);
        self.bind(upwards);
        self.address(R1, NUMBERS);
        self.call_kernel(functions.next_number);
        self.jump_if(Is::Equal, R0, 0, end);
        self.load(Size::Long, R5, STACK, LINK);
        self.note_namespace(target, end);
        self.store(Size::Long, STACK, LINK, R5);
        self.jump(upwards);
        self.bind(end);
        self.address(R1, NUMBERS);
        self.call_kernel(functions.end_numbers);
        self.jump(next);
    }

    /// Writes down the namespace in OBJECT, and its place where R5 points to; goes on with its parent in the
    /// same way, or at `end` if there is none, if it was known, or if there is no room.
    fn note_namespace(&mut self, target: &Target, end: Label) {
        let Target { kernel, layout, .. } = target;
        let unknown = self.label();
        self.find_slot(target, unknown);
        self.note_place(end);
        self.bind(unknown);
        self.append(NAMESPACE_COUNT, layout.namespaces().start, NAMESPACE, layout.namespaces, end);
        self.store(Size::Word, R5, 0, R2);
        self.store(Size::Word, R4, SLOT_PLACE, R2);
        self.store(Size::Long, R4, SLOT_MARK, NUMBER);
        self.store(Size::Long, R3, NAMESPACE_MARK as i16, NUMBER);
        self.load(Size::Word, R2, OBJECT, kernel.inode);
        self.store(Size::Word, R3, NAMESPACE_INODE as i16, R2);
        // What else is to be known of a namespace belongs here.
        self.load(Size::Word, R2, OBJECT, kernel.owner);
        self.store(Size::Word, R3, NAMESPACE_OWNER as i16, R2);
        self.load(Size::Long, OBJECT, OBJECT, kernel.parent);
        self.jump_if(Is::Equal, OBJECT, 0, end);
        self.copy(R5, R3);
        self.calculate(Operation::Add, R5, NAMESPACE_PARENT as i32);
    }

    /// Leaves in NUMBER the mark of the namespace in OBJECT, and in R4 the slot; goes on elsewhere if that has another
    /// one.
    fn find_slot(&mut self, target: &Target, otherwise: Label) {
        let Target { kernel, layout, .. } = target;
        match kernel.id {
            Some(id) => self.load(Size::Long, NUMBER, OBJECT, id),
            None => {
                self.load(Size::Word, NUMBER, OBJECT, kernel.level);
                self.load(Size::Word, R1, OBJECT, kernel.inode);
                self.calculate(Operation::ShiftLeft, NUMBER, 32);
                self.combine(Operation::Or, NUMBER, R1);
            }
        }
        self.copy(R4, NUMBER);
        self.calculate(Operation::And, R4, layout.slots() as i32 - 1);
        self.calculate(Operation::ShiftLeft, R4, SLOT_SHIFT);
        self.combine(Operation::Add, R4, ARRAY);
        self.load(Size::Long, R2, R4, SLOT_MARK);
        self.jump_if_not_equal(R2, NUMBER, otherwise);
    }

    /// Writes the place that the slot in R4 tells where R5 points to.
    fn note_place(&mut self, next: Label) {
        self.load(Size::Word, R2, R4, SLOT_PLACE);
        self.store(Size::Word, R5, 0, R2);
        self.jump(next);
    }
}
