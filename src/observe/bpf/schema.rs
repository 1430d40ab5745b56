//! The notation of `tables.rs`: what a declaration there becomes.

use super::assembler::{Location, Size};

/// A kernel struct and those of its members that the programs read.
pub struct Struct {
    pub name: &'static str,
    /// With the name of the struct: `user_namespace.ns.inum`, a member of a struct that is itself a member.
    pub members: &'static [&'static str],
}

/// The type of a member.
#[derive(Clone, Copy)]
pub enum Kind {
    U32,
    U64,
    /// A pointer to the struct with this name.
    Pointer(&'static str),
    /// A struct, or an array of structs, with this name. A program cannot load it as a whole.
    Embedded,
}

impl Kind {
    pub const fn of(name: &str) -> Kind {
        match name.as_bytes() {
            b"u32" => Kind::U32,
            b"u64" => Kind::U64,
            _ => Kind::Embedded,
        }
    }

    pub const fn size(self) -> Size {
        match self {
            Kind::U32 => Size::W,
            Kind::U64 | Kind::Pointer(_) | Kind::Embedded => Size::DW,
        }
    }
}

/// One load on the way to a value: a member that `tables.rs` declares.
#[derive(Clone, Copy)]
pub struct Step {
    pub of: u8,
    pub member: u8,
    /// The index, if the member is an array of pointers.
    pub index: i16,
    pub size: Size,
    /// For listings.
    #[cfg(test)]
    pub name: &'static str,
}

/// A step as `member!` passes it on: the names of struct and member, the index, and all of it as it was written.
pub type Written = (&'static str, &'static str, i16, &'static str);

/// Finds declared members by name, when the library is compiled. Each pointer has to lead to the struct of the next
/// step.
pub const fn steps<const N: usize>(structs: &[Struct], kinds: &[&[Kind]], written: [Written; N]) -> [Step; N] {
    let mut steps = [step(structs, kinds, written[0]); N];
    let mut at = 1;
    while at < N {
        match kinds[steps[at - 1].of as usize][steps[at - 1].member as usize] {
            Kind::Pointer(target) => assert!(is_same(target, written[at].0), "the pointer leads to another struct"),
            _ => panic!("only a pointer leads to another struct"),
        }
        steps[at] = step(structs, kinds, written[at]);
        at += 1;
    }
    steps
}

#[cfg_attr(not(test), allow(unused_variables))]
const fn step(structs: &[Struct], kinds: &[&[Kind]], (of, member, index, name): Written) -> Step {
    let of = position_of_struct(structs, of);
    let member = position_of_member(structs[of].members, member);
    assert!(of <= u8::MAX as usize && member <= u8::MAX as usize);
    Step {
        of: of as u8,
        member: member as u8,
        index,
        size: kinds[of][member].size(),
        #[cfg(test)]
        name,
    }
}

pub const fn position_of_struct(structs: &[Struct], name: &str) -> usize {
    let mut at = 0;
    while at < structs.len() {
        if is_same(structs[at].name, name) {
            return at;
        }
        at += 1;
    }
    panic!("tables.rs does not declare this struct")
}

const fn position_of_member(members: &[&str], name: &str) -> usize {
    let mut at = 0;
    while at < members.len() {
        if is_same(members[at], name) {
            return at;
        }
        at += 1;
    }
    panic!("tables.rs does not declare this member")
}

pub const fn most_members(structs: &[Struct]) -> usize {
    let (mut at, mut most) = (0, 0);
    while at < structs.len() {
        if structs[at].members.len() > most {
            most = structs[at].members.len();
        }
        at += 1;
    }
    most
}

const fn is_same(a: &str, b: &str) -> bool {
    let (a, b) = (a.as_bytes(), b.as_bytes());
    if a.len() != b.len() {
        return false;
    }
    let mut at = 0;
    while at < a.len() {
        if a[at] != b[at] {
            return false;
        }
        at += 1;
    }
    true
}

/// A field of a record that a program copies from the kernel.
pub struct Copied {
    pub to: Location,
    pub path: &'static [Step],
}

impl Copied {
    pub const fn new(to: Location, path: &'static [Step]) -> Copied {
        assert!(path[path.len() - 1].size as u8 == to.size as u8, "field and kernel member differ in size");
        Copied { to, path }
    }
}

/// Declares kernel structs with their members, in C's order of things: `struct NAME { MEMBER: TYPE, … }`. TYPE is u32,
/// u64, `*STRUCT` or the name of an embedded struct.
macro_rules! kernel_structs {
    ($(
        $(#[$comment:meta])*
        struct $of:ident { $($member:ident $(.$inner:ident)*: $(*$target:ident)? $($kind:ident)?,)+ }
    )+) => {
        pub const STRUCTS: &[Struct] = &[$(Struct {
            name: stringify!($of),
            members: &[$(concat!(stringify!($of), ".", stringify!($member) $(, ".", stringify!($inner))*)),+],
        }),+];

        /// The types of the members, which nothing asks for at run time.
        pub const KINDS: &[&[Kind]] = &[$(&[$(kernel_structs!(@kind $(*$target)? $($kind)?)),+]),+];
    };
    (@kind *$target:ident) => { Kind::Pointer(stringify!($target)) };
    (@kind $kind:ident) => { Kind::of(stringify!($kind)) };
}

/// Declares kernel functions, which the programs find by name.
macro_rules! kernel_functions {
    ($($(#[$comment:meta])* $name:ident,)+) => {
        #[allow(non_camel_case_types)]
        #[derive(Clone, Copy, Debug)]
        pub enum Function {
            $($(#[$comment])* $name,)+
        }

        impl Function {
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];
        }
    };
}

/// The loads that lead to a value in the kernel, in its own names: `member!(task_struct.real_cred -> cred.user_ns)`.
macro_rules! member {
    ($($of:ident $(.$member:ident)+ $([$index:expr])?)->+) => {
        const {
            use $crate::observe::bpf::{schema::steps, tables::{KINDS, STRUCTS}};
            &steps(
                STRUCTS,
                KINDS,
                [$((
                    stringify!($of),
                    concat!(stringify!($of) $(, ".", stringify!($member))+),
                    0 $(+ $index)?,
                    concat!(stringify!($of) $(, ".", stringify!($member))+ $(, "[", stringify!($index), "]")?),
                )),+],
            )
        }
    };
}

/// The position of a struct in the tables, for its BTF id.
macro_rules! btf_type {
    ($of:ident) => {
        const {
            use $crate::observe::bpf::{schema::position_of_struct, tables::STRUCTS};
            position_of_struct(STRUCTS, stringify!($of))
        }
    };
}

/// Declares a part of the shared array: a struct that a program writes and this library reads.
///
/// `Record::field` is the location of the field in the record. `field: u32 = PATH` has the programs copy it from the
/// kernel.
macro_rules! record {
    (
        $(#[$comment:meta])*
        pub struct $record:ident {
            $($(#[$about:meta])* $field:ident: $kind:ident
                $(= $($of:ident $(.$member:ident)+ $([$index:expr])?)->+)?,)+
        }
    ) => {
        $(#[$comment])*
        #[repr(C)]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
        pub struct $record {
            $($(#[$about])* pub $field: $kind,)+
        }

        #[allow(non_upper_case_globals, dead_code)]
        impl $record {
            pub const SIZE: usize = size_of::<$record>();

            $(pub const $field: Location = {
                let offset = std::mem::offset_of!($record, $field);
                assert!(offset % size_of::<$kind>() == 0, "32-bit machines need explicit padding here");
                let size = if size_of::<$kind>() == 8 { Size::DW } else { Size::W };
                Location::new(offset as i16, size, concat!(stringify!($record), ".", stringify!($field)))
            };)+

            /// The fields that are copied from the kernel.
            pub const COPIED: &'static [Copied] = &[
                $($(Copied::new($record::$field, member!($($of $(.$member)+ $([$index])?)->+)),)?)+
            ];

            /// Reads a record; `None` if there are fewer bytes.
            pub fn parse(bytes: &[u8]) -> Option<$record> {
                let bytes: &[u8; $record::SIZE] = bytes.first_chunk()?;
                Some($record {
                    $($field: {
                        const AT: usize = std::mem::offset_of!($record, $field);
                        let mut value = [0; size_of::<$kind>()];
                        value.copy_from_slice(&bytes[AT..AT + size_of::<$kind>()]);
                        $kind::from_ne_bytes(value)
                    },)+
                })
            }
        }
    };
}

pub(super) use {btf_type, kernel_functions, kernel_structs, member, record};
