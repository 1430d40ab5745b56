//! Where the running kernel keeps what the programs read: its type information, BTF, in `/sys/kernel/btf/vmlinux`.
//!
//! The format is that of Documentation/bpf/btf.rst of the kernel.

use crate::error::Error;
use crate::sys::file::{self, Fd};
use crate::sys::memory::Memory;

/// What is known of the running kernel. It does not change while that runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kernel {
    /// Where the members are, in bytes from the beginning of their structs.
    pub task_pid: i16,
    pub task_tgid: i16,
    pub task_tasks: i16,
    pub task_exit_state: i16,
    pub task_thread_pid: i16,
    pub task_signal: i16,
    pub task_real_cred: i16,
    pub cred_user_ns: i16,
    pub signal_pids: i16,
    /// Of `struct user_namespace`.
    pub parent: i16,
    pub level: i16,
    pub owner: i16,
    pub inode: i16,
    /// Linux 6.18.
    pub id: Option<i16>,
    pub pid_level: i16,
    pub pid_tasks: i16,
    pub pid_numbers: i16,
    pub upid_number: i16,
    pub upid_namespace: i16,
    pub file_inode: i16,
    pub inode_super_block: i16,
    pub super_block_magic: i16,
    /// The BTF ids of `struct task_struct` and `struct file`.
    pub task_type: u32,
    pub file_type: u32,
    /// The BTF id of the function that casts pointers (Linux 6.2).
    pub cast: Option<u32>,
    /// Functions for the iteration over processes (Linux 6.7).
    pub functions: Option<Functions>,
    /// The BTF ids of the functions that stand for what can be visited: threads (Linux 5.8), and their descriptors.
    pub tasks: Option<u32>,
    pub task_files: Option<u32>,
}

/// The BTF ids of functions that a program may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Functions {
    pub new_tasks: u32,
    pub next_task: u32,
    pub end_tasks: u32,
    pub new_numbers: u32,
    pub next_number: u32,
    pub end_numbers: u32,
    pub read_lock: u32,
    pub read_unlock: u32,
}

/// The size of `struct upid` where pointers have 64 bits, which the programs count on.
pub const UPID_SIZE: u32 = 16;

/// The structs that are looked up, with their members.
const STRUCTS: [(&[u8], &[&[u8]]); 10] = [
    (b"task_struct", &[b"tasks", b"pid", b"tgid", b"exit_state", b"thread_pid", b"signal", b"real_cred"]),
    (b"cred", &[b"user_ns"]),
    (b"user_namespace", &[b"parent", b"level", b"owner", b"ns"]),
    (b"ns_common", &[b"inum", b"ns_id"]),
    (b"pid", &[b"level", b"tasks", b"numbers"]),
    (b"upid", &[b"nr", b"ns"]),
    (b"file", &[b"f_inode"]),
    (b"inode", &[b"i_sb"]),
    (b"super_block", &[b"s_magic"]),
    (b"signal_struct", &[b"pids"]),
];
const MOST_MEMBERS: usize = 7;

const FUNCTIONS: [&[u8]; 11] = [
    b"bpf_iter_task",
    b"bpf_iter_task_file",
    b"bpf_iter_task_new",
    b"bpf_iter_task_next",
    b"bpf_iter_task_destroy",
    b"bpf_iter_num_new",
    b"bpf_iter_num_next",
    b"bpf_iter_num_destroy",
    b"bpf_rcu_read_lock",
    b"bpf_rcu_read_unlock",
    b"bpf_rdonly_cast",
];

/// Where a member is, from the beginning of its struct, in bytes.
type Members = [Option<u32>; MOST_MEMBERS];

/// What a look at all types found, in the orders of `STRUCTS` and `FUNCTIONS`.
struct Found {
    ids: [u32; STRUCTS.len()],
    sizes: [u32; STRUCTS.len()],
    members: [Members; STRUCTS.len()],
    functions: [Option<u32>; FUNCTIONS.len()],
}

impl Kernel {
    /// Looks up the running kernel. EOPNOTSUPP: it does not tell, or it lacks what the programs read.
    pub fn look_up() -> Result<Kernel, Error> {
        let file = match file::open(c"/sys/kernel/btf/vmlinux", libc::O_RDONLY) {
            Err(errno) if errno.is_gone() => return Err(Error::NO_BPF),
            opened => opened?,
        };
        let size = file::size(&file)? as usize;
        // From Linux 6.16 on; what is mapped is in the kernel's memory anyhow.
        let memory = Memory::map(&file, size, libc::MAP_PRIVATE);
        let bytes = match &memory {
            Ok(memory) => Bytes::Mapped(memory.bytes()),
            Err(_) => Bytes::Read { file: &file, size, window: Vec::new(), from: 0 },
        };
        Kernel::find_in(bytes)
    }

    fn find_in(bytes: Bytes) -> Result<Kernel, Error> {
        Types::new(bytes)?.find()?.kernel().ok_or(Error::NO_BPF)
    }
}

impl Found {
    fn kernel(&self) -> Option<Kernel> {
        let near = |of: &[u8], name: &[u8]| i16::try_from(self.member(of, name)?).ok();
        let common = self.member(b"user_namespace", b"ns")?;
        let in_common = |name: &[u8]| i16::try_from(common + self.member(b"ns_common", name)?).ok();
        if self.sizes[place_of_struct(b"upid")?] != UPID_SIZE {
            return None;
        }
        Some(Kernel {
            task_pid: near(b"task_struct", b"pid")?,
            task_tgid: near(b"task_struct", b"tgid")?,
            task_tasks: near(b"task_struct", b"tasks")?,
            task_exit_state: near(b"task_struct", b"exit_state")?,
            task_thread_pid: near(b"task_struct", b"thread_pid")?,
            task_signal: near(b"task_struct", b"signal")?,
            task_real_cred: near(b"task_struct", b"real_cred")?,
            cred_user_ns: near(b"cred", b"user_ns")?,
            signal_pids: near(b"signal_struct", b"pids")?,
            parent: near(b"user_namespace", b"parent")?,
            level: near(b"user_namespace", b"level")?,
            owner: near(b"user_namespace", b"owner")?,
            inode: in_common(b"inum")?,
            id: in_common(b"ns_id"),
            pid_level: near(b"pid", b"level")?,
            pid_tasks: near(b"pid", b"tasks")?,
            pid_numbers: near(b"pid", b"numbers")?,
            upid_number: near(b"upid", b"nr")?,
            upid_namespace: near(b"upid", b"ns")?,
            file_inode: near(b"file", b"f_inode")?,
            inode_super_block: near(b"inode", b"i_sb")?,
            super_block_magic: near(b"super_block", b"s_magic")?,
            task_type: self.ids[place_of_struct(b"task_struct")?],
            file_type: self.ids[place_of_struct(b"file")?],
            cast: self.function(b"bpf_rdonly_cast"),
            functions: self.iteration(),
            tasks: self.function(b"bpf_iter_task"),
            task_files: self.function(b"bpf_iter_task_file"),
        })
    }

    fn iteration(&self) -> Option<Functions> {
        Some(Functions {
            new_tasks: self.function(b"bpf_iter_task_new")?,
            next_task: self.function(b"bpf_iter_task_next")?,
            end_tasks: self.function(b"bpf_iter_task_destroy")?,
            new_numbers: self.function(b"bpf_iter_num_new")?,
            next_number: self.function(b"bpf_iter_num_next")?,
            end_numbers: self.function(b"bpf_iter_num_destroy")?,
            read_lock: self.function(b"bpf_rcu_read_lock")?,
            read_unlock: self.function(b"bpf_rcu_read_unlock")?,
        })
    }

    fn member(&self, of: &[u8], name: &[u8]) -> Option<u32> {
        let place = place_of_struct(of)?;
        self.members[place][STRUCTS[place].1.iter().position(|&member| member == name)?]
    }

    fn function(&self, name: &[u8]) -> Option<u32> {
        self.functions[FUNCTIONS.iter().position(|&function| function == name)?]
    }
}

fn place_of_struct(name: &[u8]) -> Option<usize> {
    STRUCTS.iter().position(|&(other, _)| other == name)
}

/// The bytes of the file.
enum Bytes<'f> {
    Mapped(&'f [u8]),
    /// In pieces, so that they never are in memory all at once.
    Read {
        file: &'f Fd,
        size: usize,
        window: Vec<u8>,
        /// Where in the file the window begins.
        from: usize,
    },
}

impl Bytes<'_> {
    /// How much is read at a time, if it is read.
    const WINDOW: usize = 64 * 1024;

    /// So many bytes, at least, from there on.
    fn at(&mut self, offset: usize, length: usize) -> Result<&[u8], Error> {
        let rest = match self {
            Bytes::Mapped(bytes) => bytes.get(offset..),
            Bytes::Read { file, size, window, from } => {
                let end = offset.checked_add(length).filter(|end| end <= size).ok_or(Error::NO_BPF)?;
                if offset < *from || end > *from + window.len() {
                    *window = read_at(file, offset, length.max(Self::WINDOW).min(*size - offset))?;
                    *from = offset;
                }
                window.get(offset - *from..)
            }
        };
        rest.filter(|rest| rest.len() >= length).ok_or(Error::NO_BPF)
    }
}

fn read_at(file: &Fd, offset: usize, length: usize) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::new();
    bytes.try_reserve_exact(length)?;
    bytes.resize(length, 0);
    file::seek(file, offset as u64)?;
    let mut filled = 0;
    while filled < length {
        match file::read(file, &mut bytes[filled..])? {
            0 => return Err(Error::NO_BPF),
            more => filled += more,
        }
    }
    Ok(bytes)
}

/// The names of types, all in one: they are looked up here and there.
enum Strings<'f> {
    Mapped(&'f [u8]),
    Read(Vec<u8>),
}

impl Strings<'_> {
    fn bytes(&self) -> &[u8] {
        match self {
            Strings::Mapped(strings) => strings,
            Strings::Read(strings) => strings,
        }
    }
}

/// What begins with the name there; nothing if there is none.
#[inline(always)]
fn text_at(strings: &[u8], offset: u32) -> &[u8] {
    strings.get(offset as usize..).unwrap_or_default()
}

/// Whether the string that begins there is this one.
#[inline(always)]
fn is_name(text: &[u8], name: &[u8]) -> bool {
    // The first byte tells most apart, without a call.
    text.first() == name.first().or(Some(&0)) && text.starts_with(name) && text.get(name.len()) == Some(&0)
}

/// What is looked for among the types, in the orders of `STRUCTS` and `FUNCTIONS`.
#[derive(Default)]
struct Sought {
    /// The id of each, where it is, and its size.
    structs: [Option<(u32, usize, u32)>; STRUCTS.len()],
    functions: [Option<u32>; FUNCTIONS.len()],
    /// How many of all have been found.
    found: usize,
}

impl Sought {
    fn look_at(&mut self, id: u32, at: usize, this: &Type, strings: &[u8]) {
        let text = || text_at(strings, this.name);
        if this.kind == KIND_STRUCT {
            if let Some(place) = STRUCTS.iter().position(|(name, _)| is_name(text(), name)) {
                self.found += usize::from(self.structs[place].is_none());
                self.structs[place].get_or_insert((id, at, this.size));
            }
        } else if this.kind == KIND_FUNC && text().starts_with(b"bpf_") {
            if let Some(place) = FUNCTIONS.iter().position(|name| is_name(text(), name)) {
                self.found += usize::from(self.functions[place].is_none());
                self.functions[place].get_or_insert(id);
            }
        }
    }
}

// Kinds of types.
const KIND_STRUCT: u32 = 4;
const KIND_UNION: u32 = 5;
const KIND_FUNC: u32 = 12;

/// What a type begins with: `struct btf_type`.
#[derive(Clone, Copy)]
struct Type {
    name: u32,
    kind: u32,
    /// How many members, parameters or values it has.
    length: usize,
    /// The offsets of members contain the sizes of bit fields.
    has_bit_fields: bool,
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

    /// How many bytes follow before the next type; `None` for a kind of which nothing is known.
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

/// The types of a kernel. They are numbered from 1 on, in the order in which they stand there.
struct Types<'f> {
    bytes: Bytes<'f>,
    strings: Strings<'f>,
    begin: usize,
    end: usize,
    /// Where every `STRIDE`th type is, as far as they have been walked.
    milestones: Vec<usize>,
}

impl<'f> Types<'f> {
    const STRIDE: u32 = 256;

    fn new(mut bytes: Bytes<'f>) -> Result<Types<'f>, Error> {
        const MAGIC: u16 = 0xeb9f;
        // `struct btf_header`: magic, version, flags; its own length; offset and length of types, then of strings.
        let header = bytes.at(0, 24)?;
        if u16::from_ne_bytes([header[0], header[1]]) != MAGIC {
            return Err(Error::NO_BPF);
        }
        let [length, types, types_length, strings, strings_length] =
            [1, 2, 3, 4, 5].map(|index| word(header, index) as usize);
        let strings = match &mut bytes {
            Bytes::Mapped(all) => {
                let strings = all.get(length + strings..).and_then(|rest| rest.get(..strings_length));
                Strings::Mapped(strings.ok_or(Error::NO_BPF)?)
            }
            Bytes::Read { file, .. } => Strings::Read(read_at(file, length + strings, strings_length)?),
        };
        let begin = length + types;
        Ok(Types { bytes, strings, begin, end: begin + types_length, milestones: Vec::new() })
    }

    fn find(mut self) -> Result<Found, Error> {
        let sought = self.walk()?;
        let (none, members) = ([0; STRUCTS.len()], [[None; MOST_MEMBERS]; STRUCTS.len()]);
        let mut found = Found { ids: none, sizes: none, members, functions: sought.functions };
        for (index, (_, names)) in STRUCTS.iter().enumerate() {
            let (id, at, size) = sought.structs[index].ok_or(Error::NO_BPF)?;
            (found.ids[index], found.sizes[index]) = (id, size);
            self.find_members(at, 0, names, &mut found.members[index], DEEPEST)?;
        }
        Ok(found)
    }

    /// Looks at the types one after the other, until all that is sought has been found.
    fn walk(&mut self) -> Result<Sought, Error> {
        let Types { bytes, strings, begin, end, milestones } = self;
        let strings = strings.bytes();
        let mut sought = Sought::default();
        let (mut id, mut at) = (1, *begin);
        while at < *end && sought.found < STRUCTS.len() + FUNCTIONS.len() {
            // As many as are at hand.
            let some = bytes.at(at, TYPE_SIZE.min(*end - at))?;
            let some = &some[..some.len().min(*end - at).min(Bytes::WINDOW)];
            let mut next = 0;
            while let Some(head) = some.get(next..).and_then(|rest| rest.first_chunk()) {
                if id % Self::STRIDE == 0 {
                    milestones.try_reserve(1)?;
                    milestones.push(at + next);
                }
                let this = Type::parse(head);
                sought.look_at(id, at + next, &this, strings);
                next += TYPE_SIZE + this.rest().ok_or(Error::NO_BPF)?;
                id += 1;
            }
            if next == 0 {
                return Err(Error::NO_BPF); // what is left is shorter than a type
            }
            at += next;
        }
        Ok(sought)
    }

    /// Looks for members, also in structs and unions without a name that are members themselves.
    fn find_members(
        &mut self,
        at: usize,
        base: u32,
        names: &[&[u8]],
        found: &mut Members,
        depth: usize,
    ) -> Result<(), Error> {
        let this = self.type_at(at)?;
        let is_whole = matches!(this.kind, KIND_STRUCT | KIND_UNION);
        for index in 0..if is_whole { this.length } else { 0 } {
            let member = self.bytes.at(at + TYPE_SIZE + index * MEMBER_SIZE, MEMBER_SIZE)?;
            let (name, id, bits) = (word(member, 0), word(member, 1), word(member, 2));
            let offset = base + if this.has_bit_fields { bits & 0x00ff_ffff } else { bits } / 8;
            let text = text_at(self.strings.bytes(), name);
            if let Some(place) = names.iter().position(|name| is_name(text, name)) {
                found[place] = found[place].or(Some(offset));
            } else if is_name(text, b"") && depth > 0 {
                let at = self.place_of(id)?;
                self.find_members(at, offset, names, found, depth - 1)?;
            }
        }
        Ok(())
    }

    fn type_at(&mut self, at: usize) -> Result<Type, Error> {
        self.bytes.at(at, TYPE_SIZE)?.first_chunk().map(Type::parse).ok_or(Error::NO_BPF)
    }

    /// Where a type is: not far from one of those walked before, or from the last of them on.
    fn place_of(&mut self, id: u32) -> Result<usize, Error> {
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

/// How deep structs without a name are looked for in others.
const DEEPEST: usize = 8;

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{self, Write};

    /// Puts types together in the format of BTF.
    #[derive(Default)]
    struct Maker {
        types: Vec<u8>,
        strings: Vec<u8>,
        count: u32,
    }

    impl Maker {
        fn name(&mut self, name: &str) -> u32 {
            if self.strings.is_empty() {
                self.strings.push(0);
            }
            if name.is_empty() {
                return 0;
            }
            let at = self.strings.len();
            self.strings.extend(name.bytes().chain([0]));
            at as u32
        }

        fn words(&mut self, words: &[u32]) {
            self.types.extend(words.iter().flat_map(|word| word.to_ne_bytes()));
        }

        fn plain(&mut self, name: &str, kind: u32) -> u32 {
            let name = self.name(name);
            self.words(&[name, kind << 24, 0]);
            self.count += 1;
            self.count
        }

        /// Members are a name, a type and an offset in bytes.
        fn structure(&mut self, name: &str, kind: u32, members: &[(&str, u32, u32)]) -> u32 {
            let name = self.name(name);
            self.words(&[name, kind << 24 | members.len() as u32, 16]);
            for &(member, id, offset) in members {
                let member = self.name(member);
                self.words(&[member, id, offset * 8]);
            }
            self.count += 1;
            self.count
        }

        fn bytes(&self) -> Vec<u8> {
            let (types, strings) = (self.types.len() as u32, self.strings.len() as u32);
            let magic = u16::to_ne_bytes(0xeb9f);
            let header = [24, 0, types, types, strings].map(u32::to_ne_bytes);
            [&[magic[0], magic[1], 1, 0][..], header.as_flattened(), &self.types, &self.strings].concat()
        }
    }

    /// Types as a kernel has them, with what differs between kernels, after so many others.
    fn make(common: impl FnOnce(&mut Maker) -> u32, others: u32) -> Maker {
        let mut maker = Maker::default();
        for _ in 0..others {
            maker.plain("other", 2);
        }
        let common = common(&mut maker);
        let numbers = [("nr", 0, 0), ("ns", 0, 8)];
        let task = [
            ("tasks", 0, 18),
            ("pid", 0, 1),
            ("tgid", 0, 2),
            ("exit_state", 0, 17),
            ("thread_pid", 0, 3),
            ("signal", 0, 4),
            ("real_cred", 0, 5),
        ];
        maker.structure("task_struct", KIND_STRUCT, &task);
        maker.structure("cred", KIND_STRUCT, &[("user_ns", 0, 6)]);
        let user = [("parent", 0, 7), ("level", 0, 8), ("owner", 0, 9), ("ns", common, 100)];
        maker.structure("user_namespace", KIND_STRUCT, &user);
        maker.structure("pid", KIND_STRUCT, &[("level", 0, 10), ("tasks", 0, 16), ("numbers", 0, 11)]);
        maker.structure("upid", KIND_STRUCT, &numbers);
        maker.structure("file", KIND_STRUCT, &[("f_inode", 0, 12)]);
        maker.structure("inode", KIND_STRUCT, &[("i_sb", 0, 13)]);
        maker.structure("super_block", KIND_STRUCT, &[("s_magic", 0, 14)]);
        maker.structure("signal_struct", KIND_STRUCT, &[("pids", 0, 15)]);
        maker
    }

    fn find(bytes: &[u8]) -> Result<Kernel, Error> {
        Kernel::find_in(Bytes::Mapped(bytes))
    }

    #[test]
    fn members_are_where_the_types_say() {
        let maker = make(|maker| maker.structure("ns_common", KIND_STRUCT, &[("inum", 0, 20)]), 0);
        let kernel = find(&maker.bytes()).unwrap();
        assert_eq!((kernel.task_pid, kernel.task_real_cred, kernel.cred_user_ns), (1, 5, 6));
        assert_eq!((kernel.parent, kernel.level, kernel.owner, kernel.inode, kernel.id), (7, 8, 9, 120, None));
        assert_eq!((kernel.upid_namespace, kernel.super_block_magic), (8, 14));
        assert_eq!((kernel.tasks, kernel.functions, kernel.cast), (None, None, None));
    }

    /// From Linux 6.19 on the id is in a struct in a union, neither of which has a name as a member; and randomised
    /// structs have all members in such a one.
    #[test]
    fn members_in_parts_without_a_name() {
        for others in [0, 1000] {
            let common = |maker: &mut Maker| {
                let inner = maker.structure("ns_tree", KIND_STRUCT, &[("other", 0, 0), ("ns_id", 0, 4)]);
                let union = maker.structure("", KIND_UNION, &[("", inner, 0), ("ns_rcu", 0, 0)]);
                maker.structure("ns_common", KIND_STRUCT, &[("inum", 0, 20), ("", union, 40)])
            };
            let maker = make(common, others);
            assert_eq!(find(&maker.bytes()).unwrap().id, Some(144));
        }
    }

    #[test]
    fn functions_are_found_by_their_whole_names() {
        let mut maker = make(|maker| maker.structure("ns_common", KIND_STRUCT, &[("inum", 0, 20)]), 0);
        maker.plain("bpf_iter_task_vma", KIND_FUNC);
        maker.plain("bpf_iter_task", KIND_STRUCT);
        let expected = maker.plain("bpf_iter_task", KIND_FUNC);
        let kernel = find(&maker.bytes()).unwrap();
        assert_eq!((kernel.tasks, kernel.task_files, kernel.functions), (Some(expected), None, None));
    }

    /// Whatever is in that file, it is no reason to fail otherwise than by an error.
    #[test]
    fn garbage_is_an_error() {
        let maker = make(|maker| maker.structure("ns_common", KIND_STRUCT, &[("inum", 0, 20)]), 3);
        let bytes = maker.bytes();
        for length in 0..bytes.len() {
            assert_eq!(find(&bytes[..length]), Err(Error::NO_BPF), "{length}");
        }
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 0xff;
            let _ = find(&changed);
        }
        let mut unknown = make(|maker| maker.structure("ns_common", KIND_STRUCT, &[("inum", 0, 20)]), 0);
        unknown.plain("", 31);
        assert_eq!(find(&unknown.bytes()), Err(Error::NO_BPF));
    }

    /// Both ways to have the bytes lead to the same.
    #[test]
    fn in_pieces_as_mapped() {
        let file = match file::open(c"/sys/kernel/btf/vmlinux", libc::O_RDONLY) {
            Ok(file) => file,
            Err(errno) => return writeln!(io::stderr(), "skipped: in_pieces_as_mapped: {errno:?}").unwrap(),
        };
        let size = file::size(&file).unwrap() as usize;
        let whole = std::fs::read("/sys/kernel/btf/vmlinux").unwrap();
        let pieces = Bytes::Read { file: &file, size, window: Vec::new(), from: 0 };
        assert_eq!(Kernel::find_in(pieces), find(&whole));
    }
}
