//! Puts BPF programs together: instructions, as RFC 9669 has them, and places to jump to.

use std::collections::TryReserveError;

/// The instructions of a program as the kernel takes them: `struct bpf_insn`.
pub type Code = Result<Vec<u64>, TryReserveError>;

/// Registers. A call leaves its result in R0, and nothing in R1 to R5, which take its arguments. Those from R6 on keep
/// their values over calls.
pub const R0: u8 = 0;
pub const R1: u8 = 1;
pub const R2: u8 = 2;
pub const R3: u8 = 3;
pub const R4: u8 = 4;
pub const R5: u8 = 5;
pub const R6: u8 = 6;
pub const R7: u8 = 7;
pub const R8: u8 = 8;
pub const R9: u8 = 9;
/// Points to the end of the stack.
pub const STACK: u8 = 10;

/// The size of what is read or written.
#[derive(Clone, Copy)]
pub enum Size {
    Word = 0x00,
    Long = 0x18,
}

/// When to jump; numbers count as unsigned.
#[derive(Clone, Copy)]
pub enum Is {
    Equal = 0x10,
    NotLess = 0x30,
    Different = 0x50,
    Less = 0xa0,
}

#[derive(Clone, Copy)]
pub enum Operation {
    Add = 0x00,
    Multiply = 0x20,
    Or = 0x40,
    And = 0x50,
    ShiftLeft = 0x60,
}

/// A place in the program, known once it is bound.
#[derive(Clone, Copy)]
pub struct Label(usize);

/// Puts instructions together.
#[derive(Default)]
pub struct Assembler {
    instructions: Vec<Instruction>,
    /// Where each label is bound.
    labels: Vec<usize>,
    failed: Option<TryReserveError>,
}

#[derive(Clone, Copy)]
struct Instruction {
    code: u8,
    destination: u8,
    source: u8,
    offset: i16,
    constant: i32,
    jump: Option<Label>,
}

impl Assembler {
    fn emit(&mut self, instruction: Instruction) {
        match self.instructions.try_reserve(1) {
            Ok(()) => self.instructions.push(instruction),
            Err(error) => self.failed = Some(error),
        }
    }

    fn plain(&mut self, code: u8, destination: u8, source: u8, offset: i16, constant: i32) {
        self.emit(Instruction { code, destination, source, offset, constant, jump: None });
    }

    pub fn label(&mut self) -> Label {
        if let Err(error) = self.labels.try_reserve(1) {
            self.failed = Some(error);
            return Label(0);
        }
        self.labels.push(0);
        Label(self.labels.len() - 1)
    }

    pub fn bind(&mut self, label: Label) {
        if let Some(place) = self.labels.get_mut(label.0) {
            *place = self.instructions.len();
        }
    }

    pub fn load(&mut self, size: Size, destination: u8, source: u8, offset: i16) {
        self.plain(0x61 | size as u8, destination, source, offset, 0);
    }

    pub fn store(&mut self, size: Size, destination: u8, offset: i16, source: u8) {
        self.plain(0x63 | size as u8, destination, source, offset, 0);
    }

    pub fn set(&mut self, destination: u8, constant: i32) {
        self.plain(0xb7, destination, 0, 0, constant);
    }

    pub fn copy(&mut self, destination: u8, source: u8) {
        self.plain(0xbf, destination, source, 0, 0);
    }

    pub fn combine(&mut self, operation: Operation, destination: u8, source: u8) {
        self.plain(0x0f | operation as u8, destination, source, 0, 0);
    }

    pub fn calculate(&mut self, operation: Operation, destination: u8, constant: i32) {
        self.plain(0x07 | operation as u8, destination, 0, 0, constant);
    }

    /// The address of a place on the stack.
    pub fn address(&mut self, destination: u8, offset: i16) {
        self.copy(destination, STACK);
        self.calculate(Operation::Add, destination, offset.into());
    }

    /// The address of the element of an array.
    pub fn map_value(&mut self, destination: u8, array: i32) {
        const PSEUDO_MAP_VALUE: u8 = 2;
        self.plain(0x18, destination, PSEUDO_MAP_VALUE, 0, array);
        self.plain(0, 0, 0, 0, 0);
    }

    pub fn jump(&mut self, to: Label) {
        self.emit(Instruction { code: 0x05, destination: 0, source: 0, offset: 0, constant: 0, jump: Some(to) });
    }

    pub fn jump_if(&mut self, is: Is, left: u8, right: i32, to: Label) {
        let code = 0x05 | is as u8;
        self.emit(Instruction { code, destination: left, source: 0, offset: 0, constant: right, jump: Some(to) });
    }

    pub fn jump_if_equal(&mut self, left: u8, right: u8, to: Label) {
        self.jump_between(Is::Equal, left, right, to);
    }

    pub fn jump_if_not_equal(&mut self, left: u8, right: u8, to: Label) {
        self.jump_between(Is::Different, left, right, to);
    }

    fn jump_between(&mut self, is: Is, left: u8, right: u8, to: Label) {
        let code = 0x0d | is as u8;
        self.emit(Instruction { code, destination: left, source: right, offset: 0, constant: 0, jump: Some(to) });
    }

    /// Calls a function of bpf-helpers(7), which leaves nothing in R1 to R5.
    pub fn call_helper(&mut self, number: u32) {
        self.plain(0x85, 0, 0, 0, number as i32);
    }

    /// Calls a function of the kernel by its BTF id; as above.
    pub fn call_kernel(&mut self, id: u32) {
        const PSEUDO_KFUNC_CALL: u8 = 2;
        self.plain(0x85, 0, PSEUDO_KFUNC_CALL, 0, id as i32);
    }

    pub fn leave(&mut self) {
        self.set(R0, 0);
        self.plain(0x95, 0, 0, 0, 0);
    }

    /// Where all jumps lead is known now.
    pub fn finish(self) -> Code {
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut code = Vec::new();
        code.try_reserve_exact(self.instructions.len())?;
        for (place, instruction) in self.instructions.iter().enumerate() {
            let offset = match instruction.jump {
                Some(Label(label)) => (self.labels[label] as i64 - place as i64 - 1) as i16,
                None => instruction.offset,
            };
            code.push(encode(instruction, offset));
        }
        Ok(code)
    }
}

fn encode(instruction: &Instruction, offset: i16) -> u64 {
    let &Instruction { code, destination, source, constant, .. } = instruction;
    // Two bit fields, which C lays out in the order of bytes.
    let registers = if cfg!(target_endian = "little") { source << 4 | destination } else { destination << 4 | source };
    let ([a, b], [c, d, e, f]) = (offset.to_ne_bytes(), constant.to_ne_bytes());
    u64::from_ne_bytes([code, registers, a, b, c, d, e, f])
}
