//! Listings of the programs for a recorded kernel, so that a change to a program can be reviewed: `listings/*.txt`.
//!
//! A listing is disassembled from the instructions, in the notation of the verifier. Only the comments, which name what
//! an instruction accesses, and the labels come from the assembler. There are no positions, so that a difference shows
//! what has changed and not what has moved.

use super::assembler::{Program, Size};
use super::kernel::Kernel;
use super::layout::{Layout, Threads};
use super::program::{Ancestors, Target};
use super::tables::{Function, STRUCTS};
use super::{btf, candidates, descriptors, leaders, opened, processes, tasks, walk};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// Set to rewrite the listings, instead of comparing them.
const UPDATE: &str = "USERNS_UPDATE_LISTINGS";

/// Why a program cannot be built for the recorded kernel.
const UNRECORDED: &str = "kernel.txt lacks something that the tables declare; run with USERNS_UPDATE_LISTINGS=1";

/// Helper functions that the programs call, by number: linux/bpf.h.
const HELPERS: [(i32, &str); 4] = [
    (35, "bpf_get_current_task"),
    (113, "bpf_probe_read_kernel"),
    (115, "bpf_probe_read_kernel_str"),
    (158, "bpf_get_current_task_btf"),
];

/// `struct bpf_insn`
#[derive(Clone, Copy)]
struct Instruction {
    opcode: u8,
    destination: u8,
    source: u8,
    offset: i16,
    immediate: i32,
}

impl Instruction {
    fn decode(word: u64) -> Instruction {
        let [opcode, registers, a, b, c, d, e, f] = word.to_ne_bytes();
        let (low, high) = (registers & 0xf, registers >> 4);
        let (destination, source) = if cfg!(target_endian = "little") { (low, high) } else { (high, low) };
        let (offset, immediate) = (i16::from_ne_bytes([a, b]), i32::from_ne_bytes([c, d, e, f]));
        Instruction { opcode, destination, source, offset, immediate }
    }

    /// The second operand: bit 3 of the opcode is set if that is a register.
    fn operand(self) -> String {
        if self.opcode & 0x08 != 0 { format!("r{}", self.source) } else { self.immediate.to_string() }
    }

    fn length(self) -> usize {
        if self.opcode == 0x18 { 2 } else { 1 }
    }

    fn memory(self, base: u8) -> String {
        let size = if self.opcode & 0x18 == Size::DW as u8 { "u64" } else { "u32" };
        let sign = if self.offset < 0 { '-' } else { '+' };
        format!("*({size} *)(r{base} {sign} {})", self.offset.unsigned_abs())
    }

    /// The instruction in the notation of the verifier. `target` is where a jump leads.
    fn text(self, kernel: &Kernel, target: &str) -> String {
        let Instruction { opcode, destination: to, source: from, immediate, .. } = self;
        let operand = self.operand();
        match opcode {
            0x18 => format!("r{to} = map_value({immediate})"),
            0x61 | 0x79 => format!("r{to} = {}", self.memory(from)),
            0x63 | 0x7b => format!("{} = r{from}", self.memory(to)),
            0x07 | 0x0f => format!("r{to} += {operand}"),
            0x27 => format!("r{to} *= {operand}"),
            0x47 | 0x4f => format!("r{to} |= {operand}"),
            0x57 => format!("r{to} &= {operand}"),
            0x67 => format!("r{to} <<= {operand}"),
            0x77 => format!("r{to} >>= {operand}"),
            0xdb => format!("r{from} = atomic64_fetch_add((u64 *)(r{to} + {}), r{from})", self.offset),
            0xb7 | 0xbf => format!("r{to} = {operand}"),
            0x05 => format!("goto {target}"),
            0x15 | 0x1d => format!("if r{to} == {operand} goto {target}"),
            0x35 | 0x3d => format!("if r{to} >= {operand} goto {target}"),
            0x55 | 0x5d => format!("if r{to} != {operand} goto {target}"),
            0xa5 => format!("if r{to} < {operand} goto {target}"),
            0x85 => format!("call {}", function_name(kernel, from, immediate)),
            0x95 => "exit".into(),
            _ => panic!("unknown opcode {opcode:#x}"),
        }
    }
}

fn function_name(kernel: &Kernel, kind: u8, number: i32) -> &'static str {
    let name = match kind {
        0 => HELPERS.iter().find(|helper| helper.0 == number).map(|helper| helper.1),
        _ => {
            let id = Some(number as u32);
            kernel.functions.iter().position(|&function| function == id).map(|index| Function::NAMES[index])
        }
    };
    name.unwrap_or_else(|| panic!("unknown function {number}"))
}

fn disassemble(program: &Program, kernel: &Kernel) -> String {
    let Program { instructions, symbols } = program;
    let label = |position| symbols.labels.iter().find(|label| label.0 == position).map(|label| label.1);
    let location =
        |position| symbols.locations.iter().find(|location| location.0 == position).map(|location| location.1);
    let mut listing = format!("; {} instructions\n", instructions.len());
    let mut position = 0;
    while let Some(&word) = instructions.get(position) {
        if let Some(label) = label(position) {
            writeln!(listing, "{label}:").unwrap();
        }
        let instruction = Instruction::decode(word);
        let target = position as i64 + 1 + i64::from(instruction.offset);
        let text = instruction.text(kernel, label(target as usize).unwrap_or("nowhere"));
        match location(position) {
            Some(location) => writeln!(listing, "    {text:40} ; {location}").unwrap(),
            None => writeln!(listing, "    {text}").unwrap(),
        }
        position += instruction.length();
    }
    listing
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("src/observe/bpf/listings")
}

/// The recorded kernel: `kernel.txt` has a line with name and number for each offset, BTF id and size. It is x86-64
/// 6.18.
fn recorded_kernel() -> Kernel {
    let path = directory().join("kernel.txt");
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut numbers: BTreeMap<String, u32> = text
        .lines()
        .filter_map(|line| line.split_once(' '))
        .map(|(name, number)| (name.into(), number.parse().unwrap()))
        .collect();
    if env::var_os(UPDATE).is_some() {
        // What the file lacks comes from the running kernel.
        numbers = numbers_of(&btf::look_up().unwrap()).into_iter().chain(numbers).collect();
        let lines: String = numbers.iter().map(|(name, number)| format!("{name} {number}\n")).collect();
        fs::write(path, lines).unwrap();
    }
    let mut kernel = Kernel::default();
    for (of, layout) in STRUCTS.iter().zip(&mut kernel.structs) {
        layout.btf_id = numbers.get(&format!("struct:{}", of.name)).copied();
        layout.size = numbers.get(&format!("sizeof:{}", of.name)).copied().unwrap_or_default();
        for (member, offset) in of.members.iter().zip(&mut layout.offsets) {
            *offset = numbers.get(*member).map(|&offset| offset as i16);
        }
    }
    for (name, id) in Function::NAMES.iter().zip(&mut kernel.functions) {
        *id = numbers.get(*name).copied();
    }
    kernel
}

/// All that a kernel has of the tables.
fn numbers_of(kernel: &Kernel) -> BTreeMap<String, u32> {
    let mut numbers = BTreeMap::new();
    for (of, layout) in STRUCTS.iter().zip(&kernel.structs) {
        numbers.extend(layout.btf_id.map(|id| (format!("struct:{}", of.name), id)));
        numbers.insert(format!("sizeof:{}", of.name), layout.size);
        for (member, offset) in of.members.iter().zip(layout.offsets) {
            numbers.extend(offset.map(|offset| ((*member).into(), offset as u32)));
        }
    }
    for (name, id) in Function::NAMES.iter().zip(kernel.functions) {
        numbers.extend(id.map(|id| ((*name).into(), id)));
    }
    numbers
}

/// The lines that differ, from the first one to the last one, after some that precede them.
fn difference(expected: &str, found: &str) -> String {
    let (expected, found): (Vec<_>, Vec<_>) = (expected.lines().collect(), found.lines().collect());
    let same = expected.iter().zip(&found).take_while(|(expected, found)| expected == found).count();
    // Lines that are the same again at the end.
    let rest = expected[same..].iter().rev().zip(found[same..].iter().rev()).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    for line in &expected[same.saturating_sub(3)..same] {
        writeln!(text, " {line}").unwrap();
    }
    for line in &expected[same..expected.len() - rest] {
        writeln!(text, "-{line}").unwrap();
    }
    for line in &found[same..found.len() - rest] {
        writeln!(text, "+{line}").unwrap();
    }
    text
}

#[test]
#[cfg_attr(miri, ignore = "takes long")]
fn programs_are_as_listed() {
    let kernel = recorded_kernel();
    // As before Linux 6.2: without the cast, the iterator over processes and the ids of namespaces.
    let mut old = kernel.with_old_structs();
    old.functions = kernel.functions.map(|_| None);
    let plain = Layout { capacity: 1000, namespaces: 100, ..Layout::default() };
    let layout = Layout { has_details: true, ..plain };
    let of_descriptors = Layout { capacity: 0, nonusers: 100, descriptors: 1000, ..plain };
    let of_leaders = Layout { leaders: 1000, ..Layout::default() };
    let mut differences = String::new();
    for level in [0, 1] {
        let plain = Target {
            kernel: &kernel,
            level,
            array: 3,
            layout: plain,
            threads: Threads::None,
            ancestors: Ancestors::Few,
        };
        let target = Target { layout, ..plain };
        let all = Target { ancestors: Ancestors::All, ..target };
        let old = Target { kernel: &old, ..target };
        let credentials = Layout { has_credentials: true, pids: 200, ..layout };
        let facts = Layout { extents: 300, cgroups: 60, ..credentials };
        let many = Layout { nonusers: 50, sets: 40, threads: 30, roots: 20, ..layout };
        let [owned, pinned] =
            [Threads::Leaders, Threads::All].map(|threads| Target { layout: many, threads, ..target });
        for (name, program) in [
            ("processes-plain", processes::program(plain)),
            ("processes", processes::program(target)),
            ("processes-all-ancestors", processes::program(all)),
            ("processes-owned", processes::program(owned)),
            ("processes-credentials", processes::program(Target { layout: credentials, ..target })),
            ("processes-facts", processes::program(Target { layout: facts, ..target })),
            ("processes-pinned", processes::program(pinned)),
            ("tasks", tasks::program(target)),
            ("tasks-facts-old-kernel", tasks::program(Target { layout: facts, ..old })),
            ("tasks-pinned", tasks::program(pinned)),
            ("tasks-old-kernel", tasks::program(old)),
            ("tasks-credentials-old-kernel", tasks::program(Target { layout: credentials, ..old })),
            ("walk", walk::program(Target { layout: of_descriptors, threads: Threads::All, ..all }, true)),
            ("descriptors", descriptors::program(Target { layout: of_descriptors, ..all }, true)),
            ("opened", opened::program(Target { layout: opened::LAYOUT, ..target })),
            ("leaders", leaders::program(Target { layout: of_leaders, ..target })),
            ("leaders-old-kernel", leaders::program_by_visits(Target { layout: of_leaders, ..old })),
            ("candidates-old-kernel", candidates::program(Target { layout: of_descriptors, ..old }, true)),
        ] {
            let found = disassemble(&program.expect(UNRECORDED), &kernel);
            let path = directory().join(format!("{name}-level-{level}.txt"));
            if env::var_os(UPDATE).is_some() {
                fs::write(path, found).unwrap();
                continue;
            }
            let expected = fs::read_to_string(&path).unwrap_or_default();
            if expected != found {
                writeln!(differences, "{name}, level {level}:\n{}", difference(&expected, &found)).unwrap();
            }
        }
    }
    assert!(
        differences.is_empty(),
        "a program differs from its listing; if it should, run with {UPDATE}=1\n{differences}"
    );
}
