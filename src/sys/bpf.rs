//! BPF programs and maps: bpf(2). All returned descriptors are close-on-exec.

use super::clock::Start;
use super::file::Fd;
use super::memory::Memory;
use super::{Errno, check};
use std::ffi::{CStr, c_long};

// Of linux/bpf.h.
const BPF_MAP_CREATE: c_long = 0;
const BPF_PROG_LOAD: c_long = 5;
const BPF_PROG_TEST_RUN: c_long = 10;
const BPF_LINK_CREATE: c_long = 28;
const BPF_ITER_CREATE: c_long = 33;
const BPF_MAP_TYPE_ARRAY: u32 = 2;
const BPF_F_MMAPABLE: u32 = 1 << 10;
const BPF_PROG_TYPE_TRACING: u32 = 26;
const BPF_PROG_TYPE_SYSCALL: u32 = 31;
const BPF_F_ANY_ALIGNMENT: u32 = 1 << 1;
const BPF_F_SLEEPABLE: u32 = 1 << 4;
const BPF_TRACE_ITER: u32 = 28;

/// The licence of the programs, which is that of this library. Some kernel functions are only for programs with a
/// licence that is compatible with the GPL: license_is_gpl_compatible() of include/linux/license.h.
const LICENSE: &CStr = c"Dual MIT/GPL";

/// The event that starts a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// A call of [`run`] (Linux 5.14).
    Call,
    /// Each object that [`visit`] visits (Linux 5.8). The BTF id of the function `bpf_iter_…` selects the kind of
    /// object.
    Visit(u32),
}

/// Makes an array map with one element of this size, all zeros, and maps it into memory (Linux 5.5).
pub fn make_array(size: usize) -> Result<(Fd, Memory), Errno> {
    #[repr(C)]
    struct MapCreate {
        map_type: u32,
        key_size: u32,
        value_size: u32,
        max_entries: u32,
        map_flags: u32,
        inner_map_fd: u32,
        numa_node: u32,
        map_name: [u8; 16],
    }
    let value_size = u32::try_from(size).map_err(|_| Errno(libc::E2BIG))?;
    let map = call(
        BPF_MAP_CREATE,
        MapCreate {
            map_type: BPF_MAP_TYPE_ARRAY,
            key_size: size_of::<u32>() as u32,
            value_size,
            max_entries: 1,
            map_flags: BPF_F_MMAPABLE,
            inner_map_fd: 0,
            numa_node: 0,
            map_name: *b"userns_scan\0\0\0\0\0",
        },
    )
    .map(Fd::from_call)?;
    let memory = Memory::map(&map, size, libc::MAP_SHARED)?;
    Ok((map, memory))
}

/// Loads a program. A `log` that is not empty receives the log of the verifier; one that is too small fails with
/// ENOSPC.
pub fn load(instructions: &[u64], trigger: Trigger, log: &mut [u8]) -> Result<Fd, Errno> {
    #[repr(C)]
    struct ProgLoad {
        prog_type: u32,
        insn_cnt: u32,
        insns: u64,
        license: u64,
        log_level: u32,
        log_size: u32,
        log_buf: u64,
        kern_version: u32,
        prog_flags: u32,
        prog_name: [u8; 16],
        prog_ifindex: u32,
        expected_attach_type: u32,
        prog_btf_fd: u32,
        func_info_rec_size: u32,
        func_info: u64,
        func_info_cnt: u32,
        line_info_rec_size: u32,
        line_info: u64,
        line_info_cnt: u32,
        attach_btf_id: u32,
    }
    let (prog_type, prog_flags, expected_attach_type, attach_btf_id) = match trigger {
        Trigger::Call => (BPF_PROG_TYPE_SYSCALL, BPF_F_SLEEPABLE, 0, 0),
        Trigger::Visit(function) => (BPF_PROG_TYPE_TRACING, 0, BPF_TRACE_ITER, function),
    };
    let log_buf = if log.is_empty() { 0 } else { address(log.as_mut_ptr()) };
    call(
        BPF_PROG_LOAD,
        ProgLoad {
            prog_type,
            insn_cnt: instructions.len() as u32,
            insns: address(instructions.as_ptr()),
            license: address(LICENSE.as_ptr()),
            log_level: (!log.is_empty()).into(),
            log_size: log.len() as u32,
            log_buf,
            kern_version: 0,
            // All accesses are aligned, but the verifier of riscv64 cannot see that if the program reads where.
            prog_flags: prog_flags | BPF_F_ANY_ALIGNMENT,
            prog_name: *b"userns_scan\0\0\0\0\0",
            prog_ifindex: 0,
            expected_attach_type,
            prog_btf_fd: 0,
            func_info_rec_size: 0,
            func_info: 0,
            func_info_cnt: 0,
            line_info_rec_size: 0,
            line_info: 0,
            line_info_cnt: 0,
            attach_btf_id,
        },
    )
    .map(Fd::from_call)
}

/// Runs a program with [`Trigger::Call`] once.
pub fn run(program: &Fd) -> Result<(), Errno> {
    run_with(program, 0)
}

/// The same, with an argument.
pub fn run_with(program: &Fd, mut argument: u64) -> Result<(), Errno> {
    #[repr(C)]
    struct TestRun {
        prog_fd: u32,
        retval: u32,
        data_size_in: u32,
        data_size_out: u32,
        data_in: u64,
        data_out: u64,
        repeat: u32,
        duration: u32,
        ctx_size_in: u32,
        ctx_size_out: u32,
        ctx_in: u64,
        ctx_out: u64,
    }
    let attributes = TestRun {
        prog_fd: number(program),
        retval: 0,
        data_size_in: 0,
        data_size_out: 0,
        data_in: 0,
        data_out: 0,
        repeat: 0,
        duration: 0,
        ctx_size_in: size_of::<u64>() as u32,
        ctx_size_out: 0,
        ctx_in: address(&raw mut argument),
        ctx_out: 0,
    };
    call(BPF_PROG_TEST_RUN, attributes).map(drop)
}

/// Runs a program with [`Trigger::Visit`] once for each object in the PID namespace of the calling process.
pub fn visit(program: &Fd) -> Result<(), Errno> {
    visit_for(program, u64::MAX)
}

/// The same, for about so many microseconds: ETIME if a million objects later there are still more.
pub fn visit_for(program: &Fd, most_time: u64) -> Result<(), Errno> {
    #[repr(C)]
    struct LinkCreate {
        prog_fd: u32,
        target_fd: u32,
        attach_type: u32,
        flags: u32,
    }
    #[repr(C)]
    struct IterCreate {
        link_fd: u32,
        flags: u32,
    }
    let attributes = LinkCreate { prog_fd: number(program), target_fd: 0, attach_type: BPF_TRACE_ITER, flags: 0 };
    let link = call(BPF_LINK_CREATE, attributes).map(Fd::from_call)?;
    let visits = call(BPF_ITER_CREATE, IterCreate { link_fd: number(&link), flags: 0 }).map(Fd::from_call)?;
    let start = Start::now();
    loop {
        // The programs write no output, so the first read that returns is at the end. The kernel interrupts it after a
        // million objects (EAGAIN: bpf_seq_read() of kernel/bpf/bpf_iter.c), and for signals.
        match super::file::read(&visits, &mut [0; 8]) {
            Err(Errno(libc::EAGAIN | libc::EINTR)) if start.elapsed_microseconds() <= most_time => continue,
            Err(Errno(libc::EAGAIN | libc::EINTR)) => return Err(Errno(libc::ETIME)),
            visited => return visited.map(drop),
        }
    }
}

/// Calls bpf(2) with the first attributes of this command. The kernel takes the rest for zeros.
fn call<T>(command: c_long, mut attributes: T) -> Result<usize, Errno> {
    // SAFETY: `attributes` is exclusively borrowed and has the size that the call passes. Only `load` and `run_with` put
    // pointers into it: to slices with the lengths that they pass, to a C string, and to an argument. The kernel writes
    // only to `log`, which is `&mut`, and to the argument, to which the pointer is `mut`.
    check(unsafe { libc::syscall(libc::SYS_bpf, command, &raw mut attributes, size_of::<T>()) })
}

fn address<T>(pointer: *const T) -> u64 {
    pointer.addr() as u64
}

fn number(fd: &Fd) -> u32 {
    fd.raw() as u32
}
