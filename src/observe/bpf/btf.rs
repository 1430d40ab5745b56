//! Finds the declared structs, members and functions in the type information of the running kernel, BTF, in
//! `/sys/kernel/btf/vmlinux`. The format is that of Documentation/bpf/btf.rst of the kernel.

mod reader;
#[cfg(test)]
mod tests;

use super::kernel::{Kernel, StructLayout};
use super::tables::{Function, STRUCTS};
use crate::error::Error;
use crate::observe::files::{COVERED, Files};
use crate::sys::file;
use crate::sys::memory::Memory;
use reader::Part;
use std::slice;

pub use reader::Bytes;

/// `SYSFS_MAGIC` of linux/magic.h.
const SYSFS_MAGIC: u32 = 0x6265_6572;

/// Looks up the running kernel. EOPNOTSUPP: it has no BTF, or is not a 64-bit kernel.
pub fn look_up() -> Result<Kernel, Error> {
    let sysfs = Files::open(c"/sys", SYSFS_MAGIC, None)?.ok_or(Error::NO_BPF)?;
    let file = match sysfs.open_at(sysfs.root(), c"kernel/btf/vmlinux", libc::O_RDONLY) {
        Err(errno) if errno.is_gone() || errno == COVERED => return Err(Error::NO_BPF),
        opened => opened?,
    };
    let size = file::size(&file)? as usize;
    let memory = Memory::map(&file, size, libc::MAP_PRIVATE);
    find_in(match &memory {
        Ok(memory) => Bytes::Mapped(memory.bytes()),
        Err(_) => Bytes::read_from(&file, size),
    })
}

/// The same in the bytes of the file.
pub fn find_in(bytes: Bytes) -> Result<Kernel, Error> {
    let kernel = Types::new(bytes)?.find()?;
    if kernel.has_64_bits() { Ok(kernel) } else { Err(Error::NO_BPF) }
}

/// The string at this offset, and all that follows it.
#[inline(always)]
fn text_at(strings: &[u8], offset: u32) -> &[u8] {
    strings.get(offset as usize..).unwrap_or_default()
}

/// Whether the string at the start is this one.
#[inline(always)]
fn is_name(text: &[u8], name: &str) -> bool {
    let name = name.as_bytes();
    // The first byte differs for most strings. This saves a call.
    text.first() == name.first().or(Some(&0)) && text.starts_with(name) && text.get(name.len()) == Some(&0)
}

/// The first bytes of a name, with the NUL byte if that is short.
type Head = [u8; 4];

/// Those of all structs.
const HEADS: [Head; STRUCTS.len()] = {
    let (mut heads, mut index) = ([[0; 4]; STRUCTS.len()], 0);
    while index < STRUCTS.len() {
        let name = STRUCTS[index].name.as_bytes();
        let mut at = 0;
        while at < name.len() && at < heads[index].len() {
            heads[index][at] = name[at];
            at += 1;
        }
        assert!(at >= 3, "the head of a shorter name would reach beyond its NUL byte");
        index += 1;
    }
    heads
};

/// The index of the struct with the name at the start. Most types have other first bytes, so these are compared first.
#[inline(always)]
fn struct_named_by(text: &[u8]) -> Option<usize> {
    let head: &Head = text.first_chunk()?;
    HEADS.iter().zip(STRUCTS).position(|(known, of)| known == head && is_name(text, of.name))
}

/// The result of a pass over the types.
#[derive(Default)]
struct Found {
    kernel: Kernel,
    /// The positions of the structs in the file.
    positions: [usize; STRUCTS.len()],
    /// The number of structs and functions found.
    count: usize,
}

impl Found {
    #[inline(always)]
    fn look_at(&mut self, id: u32, at: usize, this: &Type, strings: &[u8]) {
        let text = || text_at(strings, this.name);
        if this.kind == KIND_STRUCT {
            if let Some(index) = struct_named_by(text()) {
                if self.kernel.structs[index].btf_id.is_none() {
                    self.kernel.structs[index] =
                        StructLayout { btf_id: Some(id), size: this.size, ..Default::default() };
                    self.positions[index] = at;
                    self.count += 1;
                }
            }
        } else if this.kind == KIND_FUNC && text().first_chunk() == Some(b"bpf_") {
            if let Some(index) = Function::NAMES.iter().position(|name| is_name(text(), name)) {
                self.count += usize::from(self.kernel.functions[index].is_none());
                self.kernel.functions[index].get_or_insert(id);
            }
        }
    }
}

// Kinds of types.
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_TYPEDEF: u32 = 8;
const KIND_RESTRICT: u32 = 11;
const KIND_FUNC: u32 = 12;

/// The beginning of every type: `struct btf_type`.
#[derive(Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    /// The number of members, parameters or values.
    length: usize,
    /// The offsets of members contain the sizes of bit fields.
    has_bit_fields: bool,
    /// The size; for some kinds the id of another type.
    size: u32,
}

const TYPE_SIZE: usize = 12;
/// The size of `struct btf_member`: name, type and offset.
const MEMBER_SIZE: usize = 12;

impl Type {
    #[inline(always)]
    fn parse(bytes: &[u8; TYPE_SIZE]) -> Type {
        let info = word(bytes, 1);
        Type {
            name: word(bytes, 0),
            kind: info >> 24 & 0x1f,
            length: (info & 0xffff) as usize,
            has_bit_fields: info >> 31 == 1,
            size: word(bytes, 2),
        }
    }

    /// The number of bytes before the next type; `None` for an unknown kind.
    #[inline(always)]
    fn rest(&self) -> Option<usize> {
        match self.kind {
            1 | 14 | 17 => Some(4),          // INT, VAR, DECL_TAG
            2 | 7..=12 | 16 | 18 => Some(0), // PTR, FWD to FUNC, FLOAT, TYPE_TAG
            3 => Some(12),                   // ARRAY
            KIND_STRUCT | KIND_UNION => Some(self.length * MEMBER_SIZE),
            6 | 13 => Some(self.length * 8),   // ENUM, FUNC_PROTO
            15 | 19 => Some(self.length * 12), // DATASEC, ENUM64
            _ => None,
        }
    }
}

#[inline(always)]
fn word(bytes: &[u8], index: usize) -> u32 {
    let at = index * 4;
    u32::from_ne_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// The types of a kernel. Their ids are their positions in the file, counted from 1.
struct Types<'f> {
    bytes: Bytes<'f>,
    strings: Part<'f>,
    begin: usize,
    end: usize,
    /// The position of every `STRIDE`th type, as far as they have been walked.
    milestones: Vec<usize>,
    /// So many members may still be looked at.
    members_left: u32,
}

impl<'f> Types<'f> {
    const STRIDE: u32 = 256;
    /// The limit for unnamed structs in unnamed structs.
    const MAX_DEPTH: usize = 8;
    /// Several times as many as kernels have in all structs of the tables. In a file that is no kernel's, unnamed structs can
    /// contain each other many times.
    const MOST_MEMBERS: u32 = 1 << 14;

    fn new(mut bytes: Bytes<'f>) -> Result<Types<'f>, Error> {
        const MAGIC: u16 = 0xeb9f;
        // `struct btf_header`: magic, version, flags; its own length; offset and length of types, then of strings.
        let header = bytes.at(0, 24)?;
        if u16::from_ne_bytes([header[0], header[1]]) != MAGIC {
            return Err(Error::NO_BPF);
        }
        let [length, types, types_length, strings, strings_length] =
            [1, 2, 3, 4, 5].map(|index| word(header, index) as usize);
        // A position beyond the file is none, also on a 32-bit machine.
        let strings = bytes.part(length.saturating_add(strings), strings_length)?;
        let begin = length.saturating_add(types);
        let end = begin.saturating_add(types_length);
        Ok(Types { bytes, strings, begin, end, milestones: Vec::new(), members_left: Self::MOST_MEMBERS })
    }

    fn find(mut self) -> Result<Kernel, Error> {
        let Found { mut kernel, positions, .. } = self.walk()?;
        for ((of, layout), at) in STRUCTS.iter().zip(&mut kernel.structs).zip(positions) {
            if layout.btf_id.is_some() {
                let mut search = Search { wanted: of.members, from: of.name.len() + 1, offsets: &mut layout.offsets };
                self.find_members(at, 0, &mut search, Self::MAX_DEPTH)?;
            }
        }
        Ok(kernel)
    }

    /// Looks at one type after the other, until everything has been found.
    fn walk(&mut self) -> Result<Found, Error> {
        let Types { bytes, strings, begin, end, milestones, .. } = self;
        let strings = strings.bytes();
        let mut found = Found::default();
        let (mut id, mut at) = (1, *begin);
        while at < *end && found.count < STRUCTS.len() + Function::NAMES.len() {
            // All types in the current window.
            let some = bytes.at(at, TYPE_SIZE.min(*end - at))?;
            let some = &some[..some.len().min(*end - at).min(Bytes::WINDOW)];
            let mut next = 0;
            while let Some(head) = some.get(next..).and_then(|rest| rest.first_chunk()) {
                if id % Self::STRIDE == 0 {
                    milestones.try_reserve(1)?;
                    milestones.push(at + next);
                }
                let this = Type::parse(head);
                found.look_at(id, at + next, &this, strings);
                next += TYPE_SIZE + this.rest().ok_or(Error::NO_BPF)?;
                id += 1;
            }
            if next == 0 {
                return Err(Error::NO_BPF); // the rest is shorter than a type
            }
            at += next;
        }
        Ok(found)
    }

    /// Looks for members of the type at this position, also in its unnamed structs and unions.
    fn find_members(&mut self, at: usize, base: u32, search: &mut Search, depth: usize) -> Result<(), Error> {
        let this = self.type_at(at)?;
        // A typedef, volatile, const or restrict.
        if matches!(this.kind, KIND_TYPEDEF..=KIND_RESTRICT) && depth > 0 {
            let at = self.position_of(this.size)?;
            return self.find_members(at, base, search, depth - 1);
        }
        let has_members = matches!(this.kind, KIND_STRUCT | KIND_UNION);
        for index in 0..if has_members { this.length } else { 0 } {
            self.members_left = self.members_left.checked_sub(1).ok_or(Error::NO_BPF)?;
            let member = self.bytes.at(at + TYPE_SIZE + index * MEMBER_SIZE, MEMBER_SIZE)?;
            let (name, id, bits) = (word(member, 0), word(member, 1), word(member, 2));
            let offset = base.saturating_add(if this.has_bit_fields { bits & 0x00ff_ffff } else { bits } / 8);
            let text = text_at(self.strings.bytes(), name);
            if is_name(text, "") {
                if depth > 0 {
                    let at = self.position_of(id)?;
                    self.find_members(at, offset, search, depth - 1)?;
                }
                continue;
            }
            // Not only the first one: several wanted members can be in one embedded struct.
            for (wanted, found) in search.wanted.iter().zip(search.offsets.iter_mut()) {
                let text = text_at(self.strings.bytes(), name);
                let path = &wanted[search.from..];
                // The first byte differs for most members.
                if text.first() != path.as_bytes().first() {
                    continue;
                }
                match path.split_once('.') {
                    None if is_name(text, path) => *found = found.or(i16::try_from(offset).ok()),
                    Some((outer, _)) if is_name(text, outer) => {
                        let (wanted, offsets) = (slice::from_ref(wanted), slice::from_mut(found));
                        let mut inner = Search { wanted, from: search.from + outer.len() + 1, offsets };
                        let at = self.position_of(id)?;
                        self.find_members(at, offset, &mut inner, Self::MAX_DEPTH)?;
                    }
                    _ => (),
                }
            }
        }
        Ok(())
    }

    fn type_at(&mut self, at: usize) -> Result<Type, Error> {
        self.bytes.at(at, TYPE_SIZE)?.first_chunk().map(Type::parse).ok_or(Error::NO_BPF)
    }

    /// The position of a type: close behind a milestone, or behind the last one.
    fn position_of(&mut self, id: u32) -> Result<usize, Error> {
        let milestone = (id / Self::STRIDE).min(self.milestones.len() as u32);
        let (mut next, mut at) = match milestone.checked_sub(1) {
            None => (1, self.begin),
            Some(index) => (milestone * Self::STRIDE, *self.milestones.get(index as usize).ok_or(Error::NO_BPF)?),
        };
        while next < id {
            at += TYPE_SIZE + self.type_at(at)?.rest().ok_or(Error::NO_BPF)?;
            next += 1;
        }
        Ok(at)
    }
}

/// A search for members of one struct.
struct Search<'s> {
    wanted: &'s [&'static str],
    /// Where in their names the path in this struct begins.
    from: usize,
    /// The results, in the order of `wanted`.
    offsets: &'s mut [Option<i16>],
}
