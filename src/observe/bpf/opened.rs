//! The program that records the user namespace of a descriptor of the caller, with its maps. It is for namespaces that no other
//! program meets: those without processes that only a mount or something out of sight keeps.
//!
//! ```c
//! SEC("syscall") int opened(u64 *number)
//! {
//!     array->namespace_count = array->extent_count = 0;
//!     bpf_rcu_read_lock();                                    // keeps the table; the descriptor keeps the namespace
//!     file = bpf_get_current_task_btf()->files->fdt->fd[*number];
//!     ns = container_of(file->f_inode->i_private, struct user_namespace, ns);
//!     record_namespace();                                     // chain.rs
//!     bpf_rcu_read_unlock();
//!     return 0;
//! }
//! ```

use super::assembler::{Assembler, FP, Location, Program, R0, R1, R2, Size};
use super::layout::{Layout, MOST_EXTENTS, Threads};
use super::program::{Ancestors, BPF_GET_CURRENT_TASK_BTF, Target};
use super::records;
use super::registers::{ARRAY, FILE, LINK, NS, NUMBER, stack};
use super::schema::{btf_type, member};
use super::tables::{Function, Header};
use super::{load, running_kernel};
use crate::error::Error;
use crate::observe::Context;
use crate::sys::bpf::{self, Trigger};
use crate::sys::{if_any, nsfs};

/// The room for one namespace. Each map begins where there is room for the longest one.
pub const LAYOUT: Layout = Layout { namespaces: 1, extents: 3 * MOST_EXTENTS, ..Layout::EMPTY };

/// What the program is called with.
const CTX: Location = Location::new(0, Size::DW, "*number");

pub fn program(target: Target) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [end] = code.labels(["end"]);
    code.ldx(NUMBER, R1 + CTX);
    code.ld_map_value(ARRAY, target.array);
    code.mov(R1, 0);
    code.stx(ARRAY + Header::namespace_count, R1);
    code.stx(ARRAY + Header::extent_count, R1);
    code.call(Function::bpf_rcu_read_lock);
    code.call_helper(BPF_GET_CURRENT_TASK_BTF);
    code.cast_untrusted(R2, R0, btf_type!(task_struct));
    code.read(R2, R2, member!(task_struct.files -> files_struct.fdt -> fdtable.fd));
    code.read_element(R2, NUMBER);
    code.cast(FILE, R2, btf_type!(file));
    code.read(R1, FILE, member!(file.f_inode -> inode.i_private));
    code.container_of(R1, member!(user_namespace.ns));
    code.cast(NS, R1, btf_type!(user_namespace));
    code.lea(LINK, FP + stack::LINK);
    code.record_namespace(end);
    code.bind(end);
    code.call(Function::bpf_rcu_read_unlock);
    code.return_0();
    code.finish()
}

/// Records the maps of namespaces that no other program has met, if those told maps. Needs their ids (Linux 6.18).
pub fn record_maps(context: &mut Context) -> Result<(), Error> {
    let is_untold = |context: &Context, index: usize| context.users.entries()[index].maps.is_none();
    let count = context.users.count();
    let untold = (0..count).filter(|&index| is_untold(context, index)).count();
    if untold == 0 || untold == count {
        return Ok(());
    }
    let (map, array) = bpf::make_array(LAYOUT.size())?;
    let (kernel, threads, ancestors) = (running_kernel()?, Threads::None, Ancestors::Few);
    let target = Target { kernel, level: 0, array: map.number(), layout: LAYOUT, threads, ancestors };
    let program = load(&program(target)?, Trigger::Call, &mut [])?;
    for index in 0..count {
        let user = context.users.entries()[index];
        if user.maps.is_some() || user.id == 0 {
            continue;
        }
        let Some(namespace) = if_any(nsfs::open(user.id, libc::CLONE_NEWUSER, user.inode))? else { continue };
        bpf::run_with(&program, namespace.number() as u64)?;
        let extents = &mut context.facts_mut().extents;
        if let Some(maps) = records::opened(array.bytes(), LAYOUT, user.id, extents)? {
            context.users.set_maps(index as u32, maps);
        }
    }
    Ok(())
}
