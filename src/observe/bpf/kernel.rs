//! What the programs need to know about a kernel: where the declared members are, and the BTF ids.

use super::assembler::Location;
use super::schema::{Step, most_members, position_of_struct};
use super::tables::{Function, STRUCTS};

pub const MOST_MEMBERS: usize = most_members(STRUCTS);

/// The size of `struct upid` on a 64-bit kernel. The programs know no other kernels.
pub const UPID_SIZE: u32 = 16;

/// The layout of one kernel's structs. A kernel that lacks something fails only the programs that need it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kernel {
    /// In the order of `STRUCTS`.
    pub structs: [StructLayout; STRUCTS.len()],
    /// BTF ids in the order of `Function`.
    pub functions: [Option<u32>; Function::NAMES.len()],
}

/// The layout of a struct.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StructLayout {
    pub btf_id: Option<u32>,
    pub size: u32,
    /// The offsets of the declared members, in bytes.
    pub offsets: [Option<i16>; MOST_MEMBERS],
}

impl Kernel {
    /// Where a member is in its struct.
    pub fn location(&self, step: Step) -> Option<Location> {
        const POINTER: i16 = size_of::<u64>() as i16;
        let offset = self.structs[usize::from(step.of)].offsets[usize::from(step.member)]?;
        Some(Location {
            offset: offset + step.index * POINTER,
            size: step.size,
            #[cfg(test)]
            name: step.name,
        })
    }

    /// Whether the kernel has all members on this path.
    pub fn has(&self, path: &[Step]) -> bool {
        path.iter().all(|&step| self.location(step).is_some())
    }

    /// The BTF id of a function.
    pub fn function(&self, function: Function) -> Option<u32> {
        self.functions[function as usize]
    }

    /// The same kernel for programs that call no kernel functions, which need a JIT compiler.
    pub fn without_functions(&self) -> Kernel {
        Kernel { functions: [None; Function::NAMES.len()], ..*self }
    }

    /// The same kernel with the structs of older ones: without ids of namespaces, with capabilities as before Linux 6.3, and
    /// with counts of 32 bits.
    #[cfg(test)]
    pub fn with_old_structs(&self) -> Kernel {
        let mut old = self.clone();
        for (of, layout) in STRUCTS.iter().zip(&mut old.structs) {
            let of_member = |name: &str| of.members.iter().position(|member| *member == name);
            if let (Some(old), Some(new)) = (of_member("cred.cap_effective.cap"), of_member("cred.cap_effective.val")) {
                layout.offsets[old] = layout.offsets[new].take();
            }
            for (member, offset) in of.members.iter().zip(&mut layout.offsets) {
                *offset = offset.filter(|_| !member.ends_with(".ns_id") && !member.ends_with(".rlimit"));
            }
        }
        old
    }

    /// Whether programs can iterate over processes themselves (Linux 6.7).
    pub fn has_task_iterator(&self) -> bool {
        self.function(Function::bpf_iter_task_new).is_some()
    }

    /// Whether programs can iterate over numbers (Linux 6.4), and so follow long chains.
    pub fn has_number_iterator(&self) -> bool {
        self.function(Function::bpf_iter_num_new).is_some()
    }

    /// Whether pointers have 64 bits, as the programs expect.
    pub fn has_64_bits(&self) -> bool {
        const UPID: usize = position_of_struct(STRUCTS, "upid");
        self.structs[UPID].size == UPID_SIZE
    }
}
