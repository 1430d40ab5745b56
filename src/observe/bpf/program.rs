//! What all programs have in common.
//!
//! The programs only read the kernel, and write nothing but the shared array. They call helper functions of
//! bpf-helpers(7) and kernel functions of Documentation/bpf/kfuncs.rst of the kernel.

use super::assembler::{Assembler, FP, Label, Location, R0, R1, R2, R3, R4, R5, Register, Size};
use super::kernel::Kernel;
use super::layout::{Layout, Threads};
use super::registers::{ARRAY, INDEX, RECORD, TASK, stack};
use super::schema::{Copied, Step, btf_type, member};
use super::tables::Function;
use crate::error::Error;

/// What a program is specialised for.
#[derive(Clone, Copy)]
pub struct Target<'k> {
    pub kernel: &'k Kernel,
    /// The level of the caller's PID namespace, 0 for the initial one. If it is another one, the program reports it and
    /// does nothing else.
    pub level: u32,
    /// The descriptor of the array.
    pub array: i32,
    pub layout: Layout,
    pub threads: Threads,
    /// How many namespaces a program records at most from a process upwards.
    pub ancestors: Ancestors,
}

/// How many namespaces a program records in one walk up the ancestors: a namespace and its ancestors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ancestors {
    /// The verifier follows the program through each of them, so a low number keeps loading quick. It mostly suffices:
    /// most parents have members of their own, and the kernel lists older processes first.
    Few,
    /// More than the kernel nests, which is 33 below the initial user namespace: create_user_ns() of
    /// kernel/user_namespace.c.
    All,
}

impl Ancestors {
    pub fn count(self) -> i32 {
        match self {
            Ancestors::Few => 2,
            Ancestors::All => 40,
        }
    }
}

/// Helper functions: bpf-helpers(7), with the numbers of linux/bpf.h.
pub const BPF_GET_CURRENT_TASK: i32 = 35;
pub const BPF_PROBE_READ_KERNEL: i32 = 113;
pub const BPF_PROBE_READ_KERNEL_STR: i32 = 115;
pub const BPF_GET_CURRENT_TASK_BTF: i32 = 158; // Linux 5.11

// Of kernel/bpf/task_iter.c. With the second, each process is followed by its other threads.
const BPF_TASK_ITER_ALL_PROCS: i32 = 0;
const BPF_TASK_ITER_ALL_THREADS: i32 = 1;

/// Builds a program.
pub type Builder<'k> = Assembler<Target<'k>>;

impl<'k> Builder<'k> {
    pub fn kernel(&self) -> &'k Kernel {
        self.context.kernel
    }

    /// The location of a member. A kernel without it cannot run the program.
    pub fn location(&mut self, step: Step) -> Location {
        self.kernel().location(step).unwrap_or_else(|| {
            self.fail(Error::NO_BPF);
            Location::new(0, Size::DW, "")
        })
    }

    /// `to = from->path`, one load per step. A load from a bad address, such as NULL, yields 0: BPF_PROBE_MEM of
    /// include/linux/filter.h.
    pub fn read(&mut self, to: Register, from: Register, path: &[Step]) {
        let mut from = from;
        for &step in path {
            let location = self.location(step);
            self.ldx(to, from + location);
            from = to;
        }
    }

    /// `pointer = container_of(pointer, ...)`: from a member to its struct.
    pub fn container_of(&mut self, pointer: Register, [step]: &[Step; 1]) {
        let offset = self.location(*step).offset;
        self.add(pointer, -i32::from(offset));
    }

    /// Copies what the tables have the programs copy into a record that begins so many bytes behind RECORD.
    pub fn copy_fields(&mut self, fields: &[Copied], from: Register, behind: i16) {
        for field in fields {
            self.read(R2, from, field.path);
            self.stx(RECORD + field.to.shifted(behind), R2);
        }
    }

    /// Calls a kernel function. A kernel without it cannot run the program.
    pub fn call(&mut self, function: Function) {
        match self.kernel().function(function) {
            Some(id) => self.call_btf_id(id),
            None => self.fail(Error::NO_BPF),
        }
    }

    /// `to = bpf_rdonly_cast(pointer, btf_type)`: makes a trusted pointer untrusted.
    ///
    /// The program may read the same through both. But from Linux 6.3 on the verifier looks up each load through a
    /// trusted pointer by name among all types of the kernel, which makes loading slower:
    /// btf_nested_type_is_trusted() of kernel/bpf/btf.c. A kernel without the function (before 6.2) does not do that.
    pub fn cast_untrusted(&mut self, to: Register, pointer: Register, btf_type: usize) {
        if self.kernel().function(Function::bpf_rdonly_cast).is_some() {
            self.cast(to, pointer, btf_type);
        } else if to != pointer {
            self.mov(to, pointer);
        }
    }

    /// `to = bpf_rdonly_cast(address, btf_type)`: makes a pointer of an address. A kernel without the function cannot run
    /// the program.
    pub fn cast(&mut self, to: Register, address: Register, btf_type: usize) {
        self.mov(R1, address);
        match self.kernel().structs[btf_type].btf_id {
            Some(id) => self.mov(R2, id as i32),
            None => self.fail(Error::NO_BPF),
        }
        self.call(Function::bpf_rdonly_cast);
        self.mov(to, R0);
    }

    /// `bpf_probe_read_kernel(&copy, length, address)`; the length is at most that of a `struct upid`.
    pub fn probe_read(&mut self, address: Register, location: Location, length: i32) {
        self.mov(R3, address);
        self.add_location(R3, location);
        self.lea(R1, FP + Location::new(stack::COPY, Size::DW, "&copy"));
        self.mov(R2, length);
        self.call_helper(BPF_PROBE_READ_KERNEL);
    }

    /// `INDEX = ++array->count; RECORD = &array->records[INDEX - 1];` or, if the array is full, `goto otherwise`.
    ///
    /// The range check lets the verifier know that the record is in the array. The count stays in memory: in a register
    /// its values would differ at each round of a loop, so that the verifier would follow every round.
    pub fn append(&mut self, count: Location, records: usize, size: usize, capacity: u32, otherwise: Label) {
        self.ldx(RECORD, ARRAY + count);
        self.mov(INDEX, RECORD);
        self.add(INDEX, 1);
        self.stx(ARRAY + count, INDEX);
        self.jge(RECORD, capacity as i32, otherwise);
        self.mul(RECORD, size as i32);
        self.add(RECORD, ARRAY);
        self.add(RECORD, records as i32);
    }

    /// `bpf_iter_task_new(&tasks, ...)`: begins with the processes of the host (Linux 6.7), or with all threads if these are
    /// wanted. RCU keeps each until the end.
    pub fn begin_processes(&mut self) {
        let are_threads_visited = self.context.threads == Threads::All;
        self.call(Function::bpf_rcu_read_lock);
        self.lea(R1, FP + stack::TASKS);
        self.mov(R2, 0);
        self.mov(R3, if are_threads_visited { BPF_TASK_ITER_ALL_THREADS } else { BPF_TASK_ITER_ALL_PROCS });
        self.call(Function::bpf_iter_task_new);
    }

    /// `TASK = bpf_iter_task_next(&tasks)`: the leader of the next process, or the next thread. Goes to `end` if there is none.
    pub fn next_process(&mut self, end: Label) {
        self.lea(R1, FP + stack::TASKS);
        self.call(Function::bpf_iter_task_next);
        self.jeq(R0, 0, end);
        self.cast_untrusted(TASK, R0, btf_type!(task_struct));
    }

    /// `to = ` the process behind TASK, a thread-group leader, in the kernel's list.
    pub fn read_next_in_list(&mut self, to: Register) {
        self.read(to, TASK, member!(task_struct.tasks.next));
        self.container_of(to, member!(task_struct.tasks.next));
        self.cast_untrusted(to, to, btf_type!(task_struct));
    }

    pub fn end_processes(&mut self) {
        self.lea(R1, FP + stack::TASKS);
        self.call(Function::bpf_iter_task_destroy);
        self.call(Function::bpf_rcu_read_unlock);
    }

    /// Begins a loop of up to `most` rounds, with an open-coded iterator over numbers: the verifier follows only two or three
    /// rounds, and not each, as with a counter: process_iter_next_call() of kernel/bpf/verifier.c.
    pub fn begin_numbers(&mut self, numbers: Location, most: i32) {
        self.lea(R1, FP + numbers);
        self.mov(R2, 0);
        self.mov(R3, most);
        self.call(Function::bpf_iter_num_new);
    }

    /// Begins a round, or goes to `end` after the last one.
    pub fn next_number(&mut self, numbers: Location, end: Label) {
        self.lea(R1, FP + numbers);
        self.call(Function::bpf_iter_num_next);
        self.jeq(R0, 0, end);
    }

    pub fn end_numbers(&mut self, numbers: Location) {
        self.lea(R1, FP + numbers);
        self.call(Function::bpf_iter_num_destroy);
    }

    /// Clears these registers, those that calls destroy, and these variables. In a loop over an iterator the verifier follows
    /// what comes after a join once for each different state there, also if they differ only in what is not used any more:
    /// is_state_visited() of kernel/bpf/verifier.c.
    pub fn forget(&mut self, registers: &[Register], variables: &[Location]) {
        for &register in [R0, R1, R2, R3, R4, R5].iter().chain(registers) {
            self.mov(register, 0);
        }
        for &variable in variables {
            self.stx(FP + variable, R0);
        }
    }

    /// `return 0`
    pub fn return_0(&mut self) {
        self.mov(R0, 0);
        self.exit();
    }

    /// The beginning of a program that an iterator of the kernel starts for each object, with the task in TASK.
    pub fn prologue(&mut self, otherwise: Label) {
        self.cast_untrusted(TASK, TASK, btf_type!(task_struct));
        self.ld_map_value(ARRAY, self.context.array);
        self.keep_own_pid_namespace(otherwise);
    }

    /// The end of such a program: `next` ends the visit to one object, `last` all visits.
    pub fn epilogue(&mut self, next: Label, last: Label) {
        self.bind(next);
        self.return_0();
        self.bind(last);
        self.ld_map_value(ARRAY, self.context.array);
        self.forget_own_pid_namespace();
        self.return_0();
    }
}
