//! Assembles BPF programs: instructions with the mnemonics of RFC 9669 become `struct bpf_insn` of linux/bpf.h.
//!
//! Loads and stores name a location, which has offset and size: `code.ldx(R1, TASK + location)` becomes
//! `r1 = *(u64 *)(r7 + 1368)`.

use crate::error::Error;
use std::ops::Add;

/// A register. R0 holds the result of a call, R1 to R5 its arguments. A call destroys R0 to R5 and keeps R6 to R9.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Register(u8);

pub const R0: Register = Register(0);
pub const R1: Register = Register(1);
pub const R2: Register = Register(2);
pub const R3: Register = Register(3);
pub const R4: Register = Register(4);
pub const R5: Register = Register(5);
pub const R6: Register = Register(6);
pub const R7: Register = Register(7);
pub const R8: Register = Register(8);
pub const R9: Register = Register(9);
/// The frame pointer, which is the end of the stack. It is read-only.
pub const FP: Register = Register(10);

/// The size of a load or store: 4 or 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Size {
    W = 0x00,
    DW = 0x18,
}

/// A location in memory, relative to a register.
#[derive(Clone, Copy)]
pub struct Location {
    pub offset: i16,
    pub size: Size,
    /// For listings.
    #[cfg(test)]
    pub name: &'static str,
}

impl Location {
    #[cfg_attr(not(test), allow(unused_variables))]
    pub const fn new(offset: i16, size: Size, name: &'static str) -> Location {
        Location {
            offset,
            size,
            #[cfg(test)]
            name,
        }
    }

    /// The same location as seen from an address that is so many bytes lower.
    pub const fn shifted(self, bytes: i16) -> Location {
        Location { offset: self.offset + bytes, ..self }
    }
}

/// A register plus a location.
#[derive(Clone, Copy)]
pub struct Address(Register, Location);

impl Add<Location> for Register {
    type Output = Address;

    fn add(self, location: Location) -> Address {
        Address(self, location)
    }
}

/// The second operand of an instruction: a register or an immediate value.
#[derive(Clone, Copy)]
pub enum Operand {
    Register(Register),
    Immediate(i32),
}

impl From<Register> for Operand {
    fn from(register: Register) -> Operand {
        Operand::Register(register)
    }
}

impl From<i32> for Operand {
    fn from(value: i32) -> Operand {
        Operand::Immediate(value)
    }
}

/// A target of jumps. [`Assembler::bind`] gives it its position.
#[derive(Clone, Copy)]
pub struct Label(usize);

/// An assembled program.
pub struct Program {
    /// One `struct bpf_insn` each.
    pub instructions: Vec<u64>,
    #[cfg(test)]
    pub symbols: Symbols,
}

/// Names for a listing.
#[cfg(test)]
#[derive(Default)]
pub struct Symbols {
    /// Positions and names of labels.
    pub labels: Vec<(usize, &'static str)>,
    /// Positions of instructions and the names of what they access.
    pub locations: Vec<(usize, &'static str)>,
}

/// Collects instructions. `C` is what the caller specialises its programs for.
pub struct Assembler<C> {
    pub context: C,
    instructions: Vec<Instruction>,
    /// The position of each label.
    labels: Vec<usize>,
    /// The first error. It is kept until [`Assembler::finish`], so that no line of a program has to handle it.
    error: Option<Error>,
    #[cfg(test)]
    label_names: Vec<&'static str>,
    #[cfg(test)]
    locations: Vec<(usize, &'static str)>,
}

#[derive(Clone, Copy)]
struct Instruction {
    opcode: u8,
    destination: Register,
    source: Register,
    offset: i16,
    immediate: i32,
    jump: Option<Label>,
}

// Opcodes: RFC 9669, section 3.1 (instruction classes), 4.1 (arithmetic), 4.3 (jumps) and 5 (load and store).
const LD: u8 = 0x00;
const LDX: u8 = 0x01;
const STX: u8 = 0x03;
const JMP: u8 = 0x05;
const ALU64: u8 = 0x07;
const MEM: u8 = 0x60;
const ATOMIC: u8 = 0xc0;
const X: u8 = 0x08;
const ADD: u8 = 0x00;
const MUL: u8 = 0x20;
const OR: u8 = 0x40;
const AND: u8 = 0x50;
const LSH: u8 = 0x60;
const RSH: u8 = 0x70;
const MOV: u8 = 0xb0;
const JA: u8 = 0x00;
const JEQ: u8 = 0x10;
const JGE: u8 = 0x30;
const JNE: u8 = 0x50;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;
const JLT: u8 = 0xa0;

/// `BPF_ADD | BPF_FETCH`: the immediate of an atomic addition that returns the old value.
const FETCH_ADD: i32 = 0x01;

/// `BPF_PSEUDO_MAP_VALUE` of linux/bpf.h: the immediate is a map, the result the address of its element.
const PSEUDO_MAP_VALUE: Register = Register(2);
/// `BPF_PSEUDO_KFUNC_CALL` of linux/bpf.h: the immediate is the BTF id of a function.
const PSEUDO_KFUNC_CALL: Register = Register(2);

impl<C> Assembler<C> {
    pub fn new(context: C) -> Assembler<C> {
        Assembler {
            context,
            instructions: Vec::new(),
            labels: Vec::new(),
            error: None,
            #[cfg(test)]
            label_names: Vec::new(),
            #[cfg(test)]
            locations: Vec::new(),
        }
    }

    /// New labels. The names are for listings.
    #[cfg_attr(not(test), allow(unused_variables))]
    pub fn labels<const N: usize>(&mut self, names: [&'static str; N]) -> [Label; N] {
        let first = self.labels.len();
        match self.labels.try_reserve(N) {
            Ok(()) => self.labels.resize(first + N, 0),
            Err(error) => self.fail(error.into()),
        }
        #[cfg(test)]
        self.label_names.extend(names);
        std::array::from_fn(|index| Label(first + index))
    }

    /// The next instruction is where this label leads.
    pub fn bind(&mut self, label: Label) {
        if let Some(position) = self.labels.get_mut(label.0) {
            *position = self.instructions.len();
        }
    }

    /// `to = *(size *)(address)`
    pub fn ldx(&mut self, to: Register, Address(base, location): Address) {
        self.name(location);
        self.emit(LDX | MEM | location.size as u8, to, base, location.offset, 0);
    }

    /// `*(size *)(address) = from`
    pub fn stx(&mut self, Address(base, location): Address, from: Register) {
        self.name(location);
        self.emit(STX | MEM | location.size as u8, base, from, location.offset, 0);
    }

    /// `value = atomic_fetch_add((u64 *)(address), value)`: also a full memory barrier.
    pub fn fetch_add(&mut self, Address(base, location): Address, value: Register) {
        self.name(location);
        self.emit(STX | ATOMIC | Size::DW as u8, base, value, location.offset, FETCH_ADD);
    }

    /// `to = value`
    pub fn mov(&mut self, to: Register, value: impl Into<Operand>) {
        self.alu(MOV, to, value.into());
    }

    /// `to += value`
    pub fn add(&mut self, to: Register, value: impl Into<Operand>) {
        self.alu(ADD, to, value.into());
    }

    /// `to *= value`
    pub fn mul(&mut self, to: Register, value: impl Into<Operand>) {
        self.alu(MUL, to, value.into());
    }

    /// `to |= value`
    pub fn or(&mut self, to: Register, value: impl Into<Operand>) {
        self.alu(OR, to, value.into());
    }

    /// `to &= value`
    pub fn and(&mut self, to: Register, value: impl Into<Operand>) {
        self.alu(AND, to, value.into());
    }

    /// `to <<= value`
    pub fn lsh(&mut self, to: Register, value: impl Into<Operand>) {
        self.alu(LSH, to, value.into());
    }

    /// `to >>= value`, unsigned
    pub fn rsh(&mut self, to: Register, value: impl Into<Operand>) {
        self.alu(RSH, to, value.into());
    }

    /// `to = &location`, if `to` is the base.
    pub fn add_location(&mut self, to: Register, location: Location) {
        self.name(location);
        self.add(to, i32::from(location.offset));
    }

    /// `to = &location`, in two instructions.
    pub fn lea(&mut self, to: Register, Address(base, location): Address) {
        self.mov(to, base);
        self.add_location(to, location);
    }

    /// `goto label`
    pub fn ja(&mut self, label: Label) {
        self.jump(JA, R0, 0.into(), label);
    }

    /// `if (left == right) goto label`
    pub fn jeq(&mut self, left: Register, right: impl Into<Operand>, label: Label) {
        self.jump(JEQ, left, right.into(), label);
    }

    /// `if (left != right) goto label`
    pub fn jne(&mut self, left: Register, right: impl Into<Operand>, label: Label) {
        self.jump(JNE, left, right.into(), label);
    }

    /// `if (left >= right) goto label`, unsigned
    pub fn jge(&mut self, left: Register, right: impl Into<Operand>, label: Label) {
        self.jump(JGE, left, right.into(), label);
    }

    /// `if (left < right) goto label`, unsigned
    pub fn jlt(&mut self, left: Register, right: impl Into<Operand>, label: Label) {
        self.jump(JLT, left, right.into(), label);
    }

    /// `to = ` the address of the only element of an array map. This instruction has twice the usual length.
    pub fn ld_map_value(&mut self, to: Register, map: i32) {
        self.emit(LD | Size::DW as u8, to, PSEUDO_MAP_VALUE, 0, map);
        self.emit(0, R0, R0, 0, 0);
    }

    /// Calls a helper function by its number in bpf-helpers(7).
    pub fn call_helper(&mut self, number: i32) {
        self.emit(JMP | CALL, R0, R0, 0, number);
    }

    /// Calls a kernel function by its BTF id.
    pub fn call_btf_id(&mut self, id: u32) {
        self.emit(JMP | CALL, R0, PSEUDO_KFUNC_CALL, 0, id as i32);
    }

    /// `return r0`
    pub fn exit(&mut self) {
        self.emit(JMP | EXIT, R0, R0, 0, 0);
    }

    /// Makes [`finish`](Self::finish) fail.
    pub fn fail(&mut self, error: Error) {
        self.error.get_or_insert(error);
    }

    /// Resolves the jumps.
    pub fn finish(self) -> Result<Program, Error> {
        if let Some(error) = self.error {
            return Err(error);
        }
        let mut instructions = Vec::new();
        instructions.try_reserve_exact(self.instructions.len())?;
        for (position, instruction) in self.instructions.iter().enumerate() {
            let offset = match instruction.jump {
                Some(Label(label)) => (self.labels[label] as i64 - position as i64 - 1) as i16,
                None => instruction.offset,
            };
            instructions.push(encode(instruction, offset));
        }
        Ok(Program {
            instructions,
            #[cfg(test)]
            symbols: Symbols {
                labels: self.labels.into_iter().zip(self.label_names).collect(),
                locations: self.locations,
            },
        })
    }

    fn alu(&mut self, operation: u8, to: Register, value: Operand) {
        match value {
            Operand::Register(value) => self.emit(ALU64 | X | operation, to, value, 0, 0),
            Operand::Immediate(value) => self.emit(ALU64 | operation, to, R0, 0, value),
        }
    }

    // Not inlined at each of the many calls, for a small library: also `emit`.
    #[inline(never)]
    fn jump(&mut self, condition: u8, left: Register, right: Operand, label: Label) {
        let (opcode, source, immediate) = match right {
            Operand::Register(right) => (JMP | X | condition, right, 0),
            Operand::Immediate(right) => (JMP | condition, R0, right),
        };
        self.push(Instruction { opcode, destination: left, source, offset: 0, immediate, jump: Some(label) });
    }

    #[inline(never)]
    fn emit(&mut self, opcode: u8, destination: Register, source: Register, offset: i16, immediate: i32) {
        self.push(Instruction { opcode, destination, source, offset, immediate, jump: None });
    }

    fn push(&mut self, instruction: Instruction) {
        match self.instructions.try_reserve(1) {
            Ok(()) => self.instructions.push(instruction),
            Err(error) => self.fail(error.into()),
        }
    }

    /// The next instruction accesses this location.
    #[cfg_attr(not(test), allow(unused_variables, clippy::unused_self))]
    fn name(&mut self, location: Location) {
        #[cfg(test)]
        self.locations.push((self.instructions.len(), location.name));
    }
}

fn encode(instruction: &Instruction, offset: i16) -> u64 {
    let &Instruction { opcode, destination: Register(destination), source: Register(source), immediate, .. } =
        instruction;
    // Two bit fields, which C lays out in byte order.
    let registers = if cfg!(target_endian = "little") { source << 4 | destination } else { destination << 4 | source };
    let ([a, b], [c, d, e, f]) = (offset.to_ne_bytes(), immediate.to_ne_bytes());
    u64::from_ne_bytes([opcode, registers, a, b, c, d, e, f])
}
