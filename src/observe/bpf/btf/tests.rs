//! The tables' members in made types, as kernels arrange them.

use super::*;
use crate::observe::bpf::kernel::UPID_SIZE;
use crate::observe::bpf::schema::member;
use std::io::{self, Write};

const KIND_CONST: u32 = 10;

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
        self.words(&[name, kind << 24 | members.len() as u32, UPID_SIZE]);
        for &(member, id, offset) in members {
            let member = self.name(member);
            self.words(&[member, id, offset * 8]);
        }
        self.count += 1;
        self.count
    }

    /// A typedef, const or the like of a type.
    fn modified(&mut self, kind: u32, id: u32) -> u32 {
        self.words(&[0, kind << 24, id]);
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

/// The offset of the member with this index in a made struct.
fn offset_of(index: usize) -> u32 {
    8 * index as u32
}

/// All structs of the tables, after so many other types. `ns` makes the `struct ns_common`.
fn make(ns: impl Fn(&mut Maker) -> u32, others: u32) -> Maker {
    let mut maker = Maker::default();
    for _ in 0..others {
        maker.plain("other", 2);
    }
    for of in STRUCTS {
        let members: Vec<_> = (0..)
            .zip(of.members)
            .map(|(index, member)| match *member.split('.').skip(1).collect::<Vec<_>>() {
                ["ns", _, ..] => ("ns", ns(&mut maker), offset_of(index)),
                [outer, inner] => {
                    let embedded = maker.structure("embedded", KIND_STRUCT, &[(inner, 0, 0)]);
                    let constant = maker.modified(KIND_CONST, embedded);
                    (outer, maker.modified(KIND_TYPEDEF, constant), offset_of(index))
                }
                [name] => (name, 0, offset_of(index)),
                _ => panic!("{member}: embedded twice"),
            })
            .collect();
        maker.structure(of.name, KIND_STRUCT, &members);
    }
    maker
}

fn old_ns_common(maker: &mut Maker) -> u32 {
    maker.structure("common", KIND_STRUCT, &[("inum", 0, 20)])
}

fn find(bytes: &[u8]) -> Result<Kernel, Error> {
    find_in(Bytes::Mapped(bytes))
}

#[test]
fn members_are_where_the_types_say() {
    let kernel = find(&make(old_ns_common, 0).bytes()).unwrap();
    for (of, layout) in STRUCTS.iter().zip(&kernel.structs) {
        assert!(layout.btf_id.is_some(), "{}", of.name);
        for (index, member) in of.members.iter().enumerate().filter(|(_, member)| !member.contains(".ns.")) {
            assert_eq!(layout.offsets[index], Some(offset_of(index) as i16), "{member}");
        }
    }
    assert!(kernel.has(member!(user_namespace.ns.inum)));
    assert!(!kernel.has(member!(user_namespace.ns.ns_id)));
    assert_eq!(kernel.functions, [None; Function::NAMES.len()]);
}

/// From Linux 6.19 on the id is in a struct in a union, neither of which has a name as a member. All members of a
/// randomised struct are in an unnamed one.
#[test]
fn members_in_unnamed_parts() {
    for others in [0, 1000] {
        let common = |maker: &mut Maker| {
            let inner = maker.structure("ns_tree", KIND_STRUCT, &[("other", 0, 0), ("ns_id", 0, 4)]);
            let union = maker.structure("", KIND_UNION, &[("", inner, 0), ("ns_rcu", 0, 0)]);
            maker.structure("common", KIND_STRUCT, &[("inum", 0, 20), ("", union, 40)])
        };
        let kernel = find(&make(common, others).bytes()).unwrap();
        let [inum, ns_id] = [member!(user_namespace.ns.inum)[0], member!(user_namespace.ns.ns_id)[0]]
            .map(|step| kernel.location(step).unwrap().offset);
        assert_eq!(ns_id - inum, 44 - 20);
    }
}

#[test]
fn functions_are_found_by_their_whole_names() {
    let mut maker = make(old_ns_common, 0);
    maker.plain("bpf_iter_task_vma", KIND_FUNC);
    maker.plain("bpf_iter_task", KIND_STRUCT);
    let expected = maker.plain("bpf_iter_task", KIND_FUNC);
    let kernel = find(&maker.bytes()).unwrap();
    assert_eq!(kernel.function(Function::bpf_iter_task), Some(expected));
    assert_eq!(kernel.functions.iter().flatten().count(), 1);
}

/// A struct that a kernel lacks fails only the programs that read it. Without `struct upid` it is no 64-bit kernel.
#[test]
fn a_missing_struct_is_missing_alone() {
    let mut maker = Maker::default();
    maker.structure("upid", KIND_STRUCT, &[("nr", 0, 0), ("ns", 0, 8)]);
    let kernel = find(&maker.bytes()).unwrap();
    assert!(kernel.has(member!(upid.ns)) && !kernel.has(member!(task_struct.pid)));
    assert_eq!(find(&Maker::default().bytes()), Err(Error::NO_BPF));
}

/// The file is never a reason to panic.
#[test]
fn garbage_is_an_error() {
    let bytes = make(old_ns_common, 3).bytes();
    // Miri needs some seconds for each.
    let step = if cfg!(miri) { 1009 } else { 1 };
    for length in (0..bytes.len()).step_by(step) {
        assert_eq!(find(&bytes[..length]), Err(Error::NO_BPF), "{length}");
    }
    for at in (0..bytes.len()).step_by(step) {
        let mut changed = bytes.clone();
        changed[at] ^= 0xff;
        let _ = find(&changed);
    }
    let mut unknown = make(old_ns_common, 0);
    unknown.plain("", 31);
    assert_eq!(find(&unknown.bytes()), Err(Error::NO_BPF));
}

/// Structs that contain themselves many times are searched, but not for ever: these would take 30,000^8 steps.
#[test]
fn there_is_an_end_to_unnamed_structs() {
    // Miri needs too long for more.
    let (times, most_members) = if cfg!(miri) { (30, 100) } else { (30_000, Types::MOST_MEMBERS) };
    let mut maker = Maker::default();
    maker.structure("upid", KIND_STRUCT, &[("nr", 0, 0), ("", 1, 0)].repeat(times));
    let bytes = maker.bytes();
    let types = Types::new(Bytes::Mapped(&bytes)).unwrap();
    assert_eq!(Types { members_left: most_members, ..types }.find(), Err(Error::NO_BPF));
}

/// A header that points beyond the file, for a 32-bit machine beyond all memory.
#[test]
fn positions_beyond_the_file() {
    for index in [1, 2, 4, 5] {
        let mut bytes = make(old_ns_common, 0).bytes();
        bytes[4 * index..][..4].copy_from_slice(&u32::MAX.to_ne_bytes());
        assert_eq!(find(&bytes), Err(Error::NO_BPF), "word {index} of the header");
    }
}

/// Mapped or read in pieces, the file gives the same result. A quarter of the limit is enough for it.
#[test]
#[cfg_attr(miri, ignore = "makes system calls")]
fn in_pieces_as_mapped() {
    let file = match file::open(c"/sys/kernel/btf/vmlinux", libc::O_RDONLY) {
        Ok(file) => file,
        Err(errno) => return writeln!(io::stderr(), "skipped: in_pieces_as_mapped: {errno:?}").unwrap(),
    };
    let size = file::size(&file).unwrap() as usize;
    let whole = std::fs::read("/sys/kernel/btf/vmlinux").unwrap();
    assert_eq!(find_in(Bytes::read_from(&file, size)), find(&whole));
    let types = Types::new(Bytes::Mapped(&whole)).unwrap();
    assert_eq!(Types { members_left: Types::MOST_MEMBERS / 4, ..types }.find(), find(&whole));
}
