//! The program to which the kernel shows each file in a descriptor table (`iter/task_file`, Linux 6.4), and at the end none. The
//! kernel skips threads that share the table of their thread-group leader. From Linux 6.7 on the program of `walk.rs` passes
//! the tables itself.
//!
//! ```c
//! SEC("iter/task_file") int descriptors(struct bpf_iter__task_file *ctx)
//! {
//!     task = ctx->task;
//!     if (!task)
//!         goto last;
//!     file = ctx->file;
//!     if (!file)
//!         return 0;
//!     number = ctx->fd;
//!     keep_own_pid_namespace();                           // pid.rs
//!     record_thread_change();                             // candidates.rs
//!     inode = file->f_inode;
//!     find_kept();                                        // kept.rs
//!     bpf_iter_num_new(&visits, 0, MOST_KEPT);
//!     while (array->kept && bpf_iter_num_next(&visits))
//!         record_kept();
//!     bpf_iter_num_destroy(&visits);
//!     return 0;
//! last:
//!     watch_numbers();                                    // pid.rs
//!     array->own_pid_namespace = NULL;
//!     return 0;
//! }
//! ```

use super::assembler::{Assembler, FP, Program, R1};
use super::kept::MOST_KEPT;
use super::program::Target;
use super::registers::{ARRAY, FILE, INODE, NS, stack};
use super::schema::member;
use super::tables::Header;
use crate::error::Error;

pub fn program(target: Target, sockets: bool) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [next, last, next_reason, end] = code.labels(["next", "last", "next_reason", "end"]);
    code.read_context(next, last);
    code.prologue(next);
    code.record_thread_change(next);
    code.ldx(FILE, FP + stack::FILE);
    code.read(INODE, FILE, member!(file.f_inode));
    code.find_kept(sockets, next);
    code.begin_numbers(stack::VISITS, MOST_KEPT);
    code.bind(next_reason);
    code.forget(&[INODE, NS], &[stack::FILE, stack::LINK, stack::TARGET, stack::PARENT, stack::NONUSER_LINK]);
    code.next_number(stack::VISITS, end);
    code.ldx(R1, ARRAY + Header::kept);
    code.jeq(R1, 0, end);
    code.record_kept(next_reason, end);
    code.bind(end);
    code.end_numbers(stack::VISITS);
    code.end_visits(next, last);
    code.finish()
}
