//! The program that passes the descriptor tables of all threads itself (Linux 6.7).
//!
//! The kernel's own iterator over descriptors (`descriptors.rs`) takes references to each thread and file. This program
//! takes none, so it is several times faster. It looks afterwards whether what it read was the file in the table.
//!
//! ```c
//! SEC("syscall") int walk(void *ctx)
//! {
//!     struct bpf_iter_task tasks;
//!     struct bpf_iter_num visits;
//!
//!     keep_own_pid_namespace();                               // pid.rs
//!     bpf_rcu_read_lock();
//!     bpf_iter_task_new(&tasks, NULL, BPF_TASK_ITER_ALL_THREADS);
//!     bpf_iter_num_new(&visits, 0, MOST_VISITS);
//!     while ((task = bpf_iter_task_next(&tasks))) {
//!         files = task->files;
//!         leader = task->group_leader;
//!         if (!files || (leader != task && leader->files == files))
//!             continue;
//!         if (leader == task)
//!             touch_next();
//!         table = files->fdt;
//!         array->word = array->word_index = array->sum = array->is_read_again = 0;
//!         pid = task->thread_pid;                             // not at level 0
//!         if (!number_of(pid))                                // pid.rs
//!             continue;
//!         for (;;) {
//!             if (!bpf_iter_num_next(&visits))
//!                 goto end;                                   // too many
//!             if (array->kept) {
//!                 record_kept();                              // kept.rs
//!                 if (!array->kept)
//!                     look_again();
//!                 continue;
//!             }
//!             if (!array->word) {
//!                 if (array->word_index >= table->max_fds / 64) {
//!                     if (array->is_read_again)
//!                         break;
//!                     smp_mb();
//!                     array->is_read_again = 1;
//!                     array->sum_before = array->sum;
//!                     array->word_index = array->sum = 0;
//!                     continue;
//!                 }
//!                 array->number = array->word_index * 64;
//!                 word = table->open_fds[array->word_index++];
//!                 array->sum = 31 * array->sum + word;
//!                 array->word = array->is_read_again ? 0 : word;
//!                 continue;
//!             }
//!             number = array->number++;
//!             is_open = array->word & 1;
//!             array->word >>= 1;
//!             if (!is_open)
//!                 continue;
//!             file = table->fd[number];
//!             if (!file)
//!                 continue;
//!             inode = file->f_inode;
//!             find_kept();                                    // kept.rs
//!             array->recorded = array->descriptor_count;
//!         }
//!         if (array->sum != array->sum_before || files->fdt != table || task->files != files)
//!             record_change();                                // candidates.rs
//!     }
//!     array->is_walk_complete = 1;
//! end:
//!     bpf_iter_num_destroy(&visits);
//!     bpf_iter_task_destroy(&tasks);
//!     bpf_rcu_read_unlock();
//!     array->own_pid_namespace = NULL;
//!     return 0;
//! }
//!
//! void touch_next() {                                         // for the cache alone: processes.rs
//!     next = container_of(task->tasks.next, struct task_struct, tasks);
//!     (void)next->tasks.next, next->files, next->group_leader;
//! }
//!
//! void look_again() {
//!     smp_mb();
//!     file = array->file;
//!     if (files->fdt->fd[number] == file && file->f_inode == array->inode && task->files == files)
//!         return;
//!     array->descriptor_count = array->recorded;
//!     record_descriptor(CANDIDATE);                           // candidates.rs
//! }
//! ```
//!
//! # Why this is sound
//!
//! The program holds the RCU read lock all the time. Until it ends, the kernel does not reuse the memory of threads, inodes,
//! credentials, super blocks and network namespaces, nor that of a table that has grown: expand_fdtable() of fs/file.c. But
//! a `struct file`, and at the end of a thread its `files_struct`, is reused at once.
//!
//! *No descriptor is lost that stays in one table.* Its bit in the bitmap and its pointer stay the same, also in the copy when
//! the table grows. The program passes all threads, and of a process that counts the leader had a table all the time:
//! leaders.rs. If a thread takes a copy of its table (unshare(2), close_range(2), execve(2)), another one may clear the
//! original while the program reads it. If a thread ends while the program reads its table, another thread may keep that, and
//! end in turn before the program has passed it. In both cases the record CHANGED has procfs read the process.
//!
//! A descriptor that gets another number while the program reads can be passed by. The bitmap is then not as it was, and procfs
//! reads the process.
//!
//! *Nothing is recorded that is not in the table.* A file that is in the table before and after, with the same inode, has kept
//! the inode, because an inode's memory is not reused, and an inode that the kernel evicts never returns. So the namespace,
//! socket or PID of the inode was valid all the time. If the file has changed, the records about it are taken back, and procfs
//! has to tell. A lasting descriptor cannot change. Records of namespaces are not taken back, but without a descriptor that
//! refers to them the reader ignores them.

use super::assembler::{Assembler, FP, Label, Location, Program, R0, R1, R2, R3, Register};
use super::candidates::Reason;
use super::program::{Builder, Target};
use super::registers::{ARRAY, FILE, INODE, TASK, stack};
use super::schema::{btf_type, member};
use super::tables::Header;
use crate::error::Error;

/// The program looks at no more bits and words of bitmaps, since it keeps the processor while it runs: about 0.2 s.
const MOST_VISITS: i32 = 1 << 22;

/// The bits of a word, as a power of two, and its bytes.
const WORD_SHIFT: i32 = 6;
const WORD_SIZE: i32 = 8;

/// What is left on the stack from a record.
const LEFT: [Location; 4] = [stack::LINK, stack::TARGET, stack::PARENT, stack::NONUSER_LINK];

pub fn program(target: Target, sockets: bool) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [next_task, next_visit, bit, end_table] = code.labels(["next_task", "next_visit", "bit", "end_table"]);
    let [kept, recorded, abandon] = code.labels(["kept", "recorded", "abandon"]);
    let [whole_table, complete, end, other_level] = code.labels(["whole_table", "complete", "end", "other_level"]);
    code.ld_map_value(ARRAY, target.array);
    code.keep_own_pid_namespace(other_level);
    code.begin_walk();
    code.bind(next_task);
    code.forget_file();
    code.next_process(complete);
    code.find_table(next_task);

    code.bind(next_visit);
    code.forget_file();
    code.next_number(stack::VISITS, end);
    code.ldx(R1, ARRAY + Header::kept);
    code.jne(R1, 0, kept);
    code.ldx(R1, ARRAY + Header::word);
    code.jne(R1, 0, bit);
    code.take_word(end_table);
    code.ja(next_visit);
    code.bind(bit);
    code.take_bit(next_visit);
    code.pass_file(sockets, next_visit);
    code.ja(next_visit);
    code.bind(kept);
    code.find_number();
    code.record_kept(recorded, abandon);
    code.bind(recorded);
    code.look_again(next_visit);
    code.ja(next_visit);
    code.bind(abandon);
    code.mov(R1, 0);
    code.stx(ARRAY + Header::kept, R1);
    code.ja(next_visit);
    code.bind(end_table);
    code.read_again(whole_table);
    code.ja(next_visit);
    code.bind(whole_table);
    code.look_for_change(next_task);
    code.ja(next_task);

    code.bind(complete);
    code.mov(R1, 1);
    code.stx(ARRAY + Header::is_walk_complete, R1);
    code.bind(end);
    code.end_walk();
    code.forget_own_pid_namespace();
    code.bind(other_level);
    code.return_0();
    code.finish()
}

impl Builder<'_> {
    fn begin_walk(&mut self) {
        self.begin_processes();
        self.begin_numbers(stack::VISITS, MOST_VISITS);
    }

    fn end_walk(&mut self) {
        self.end_numbers(stack::VISITS);
        self.end_processes();
    }

    /// Begins with the descriptor table of TASK. Goes to `next` if it has none, if its leader has the same one, or if it has
    /// no number in the caller's PID namespace.
    fn find_table(&mut self, next: Label) {
        let [leader, own] = self.labels(["leader", "own_table"]);
        self.read(R1, TASK, member!(task_struct.files));
        self.jeq(R1, 0, next);
        self.stx(FP + stack::FILES, R1);
        self.read(R2, TASK, member!(task_struct.group_leader));
        self.jeq(R2, TASK, leader);
        self.read(R2, R2, member!(task_struct.files));
        self.jeq(R2, R1, next);
        self.ja(own);
        self.bind(leader);
        self.touch_next();
        self.bind(own);
        self.ldx(R2, FP + stack::FILES);
        self.read(R2, R2, member!(files_struct.fdt));
        self.stx(FP + stack::TABLE, R2);
        self.mov(R1, 0);
        for field in [Header::word, Header::word_index, Header::sum, Header::is_read_again] {
            self.stx(ARRAY + field, R1);
        }
        if self.context.level > 0 {
            self.read_pid(TASK, member!(task_struct.pid));
            self.read_number(next);
        }
    }

    /// Reads what the next process in the kernel's list needs first, for the cache alone: see processes.rs.
    fn touch_next(&mut self) {
        self.read_next_in_list(R2);
        self.read(R1, R2, member!(task_struct.tasks.next));
        self.read(R1, R2, member!(task_struct.files));
        self.read(R1, R2, member!(task_struct.group_leader));
    }

    /// Takes the next word of the bitmap, or only adds it to the sum when it is read again. Goes to `end` if there is none.
    fn take_word(&mut self, end: Label) {
        let [take] = self.labels(["take"]);
        self.ldx(R1, ARRAY + Header::word_index);
        self.ldx(R2, FP + stack::TABLE);
        self.read(R3, R2, member!(fdtable.max_fds));
        self.rsh(R3, WORD_SHIFT);
        self.jge(R1, R3, end);
        self.mov(R3, R1);
        self.add(R3, 1);
        self.stx(ARRAY + Header::word_index, R3);
        self.mov(R3, R1);
        self.lsh(R3, WORD_SHIFT);
        self.stx(ARRAY + Header::number, R3);
        self.read(R2, R2, member!(fdtable.open_fds));
        self.read_element(R2, R1);
        self.ldx(R1, ARRAY + Header::sum);
        self.mul(R1, 31);
        self.add(R1, R2);
        self.stx(ARRAY + Header::sum, R1);
        self.ldx(R1, ARRAY + Header::is_read_again);
        self.jeq(R1, 0, take);
        self.mov(R2, 0);
        self.bind(take);
        self.stx(ARRAY + Header::word, R2);
    }

    /// Begins to read the bitmap again; or, if that was done, goes to `done`.
    fn read_again(&mut self, done: Label) {
        self.ldx(R1, ARRAY + Header::is_read_again);
        self.jne(R1, 0, done);
        self.order_loads();
        self.mov(R1, 1);
        self.stx(ARRAY + Header::is_read_again, R1);
        self.ldx(R1, ARRAY + Header::sum);
        self.stx(ARRAY + Header::sum_before, R1);
        self.mov(R1, 0);
        self.stx(ARRAY + Header::sum, R1);
        self.stx(ARRAY + Header::word_index, R1);
    }

    /// Takes the next bit of the word. Goes to `next` if there is no descriptor with this number.
    fn take_bit(&mut self, next: Label) {
        self.ldx(R1, ARRAY + Header::word);
        self.mov(R2, R1);
        self.rsh(R2, 1);
        self.stx(ARRAY + Header::word, R2);
        self.ldx(R2, ARRAY + Header::number);
        self.mov(R3, R2);
        self.add(R3, 1);
        self.stx(ARRAY + Header::number, R3);
        self.and(R1, 1);
        self.jeq(R1, 0, next);
        self.stx(FP + stack::DESCRIPTOR_NUMBER, R2);
    }

    /// Finds out what the file with this number keeps. Goes to `next` if that is nothing, or falls through.
    fn pass_file(&mut self, sockets: bool, next: Label) {
        self.ldx(R2, FP + stack::TABLE);
        self.read_file(next);
        self.cast_untrusted(FILE, R2, btf_type!(file));
        self.read(INODE, FILE, member!(file.f_inode));
        self.find_kept(sockets, next);
        self.ldx(R1, ARRAY + Header::descriptor_count);
        self.stx(ARRAY + Header::recorded, R1);
    }

    /// Keeps the number of the file on the stack.
    fn find_number(&mut self) {
        self.ldx(R1, ARRAY + Header::number);
        self.add(R1, -1);
        self.stx(FP + stack::DESCRIPTOR_NUMBER, R1);
    }

    /// Once all is recorded that the file keeps: takes the records back if it is not there any more. Goes to `next`, or falls
    /// through.
    fn look_again(&mut self, next: Label) {
        let [changed] = self.labels(["changed_file"]);
        self.forget(&[INODE, FILE], &LEFT);
        self.ldx(R1, ARRAY + Header::kept);
        self.jne(R1, 0, next);
        self.order_loads();
        self.ldx(R2, FP + stack::FILES);
        self.read(R2, R2, member!(files_struct.fdt));
        self.read_file(changed);
        self.ldx(R1, ARRAY + Header::file);
        self.jne(R2, R1, changed);
        self.cast(FILE, R1, btf_type!(file));
        self.read(R1, FILE, member!(file.f_inode));
        self.ldx(R2, ARRAY + Header::inode);
        self.jne(R1, R2, changed);
        self.read(R1, TASK, member!(task_struct.files));
        self.ldx(R2, FP + stack::FILES);
        self.jeq(R1, R2, next);
        self.bind(changed);
        self.forget(&[INODE, FILE], &[]);
        self.ldx(R1, ARRAY + Header::recorded);
        self.stx(ARRAY + Header::descriptor_count, R1);
        self.record_descriptor(Reason::Candidate as i32, next);
    }

    /// Clears all that is left from a file.
    fn forget_file(&mut self) {
        self.forget(&[INODE, FILE], &LEFT);
        self.stx(FP + stack::DESCRIPTOR_NUMBER, R0);
    }

    /// `R2 = ` the address of the file with this number, if R2 is the memory of a table. Goes to `otherwise` if there is
    /// none.
    fn read_file(&mut self, otherwise: Label) {
        self.read(R2, R2, member!(fdtable.fd));
        self.ldx(R1, FP + stack::DESCRIPTOR_NUMBER);
        self.read_element(R2, R1);
        self.jeq(R2, 0, otherwise);
    }

    /// `R2 = array[index]`, if R2 is the address of an array of words. The verifier does not know such an array. Any struct with
    /// a number as long as a word lets the program read an element.
    pub fn read_element(&mut self, array: Register, index: Register) {
        let number = member!(fdtable.fd);
        self.mul(index, WORD_SIZE);
        self.add(array, index);
        self.container_of(array, number);
        self.cast_untrusted(R2, array, btf_type!(fdtable));
        self.read(R2, R2, number);
    }

    /// Has procfs read the process if the bitmap has changed, or TASK has another table now, or none. Goes to `next` if nothing
    /// has changed, or there is no room for that.
    fn look_for_change(&mut self, next: Label) {
        let [changed] = self.labels(["changed_table"]);
        self.ldx(R1, ARRAY + Header::sum);
        self.ldx(R2, ARRAY + Header::sum_before);
        self.jne(R1, R2, changed);
        self.ldx(R2, FP + stack::FILES);
        self.read(R1, R2, member!(files_struct.fdt));
        self.ldx(R3, FP + stack::TABLE);
        self.jne(R1, R3, changed);
        self.read(R1, TASK, member!(task_struct.files));
        self.jeq(R1, R2, next);
        self.bind(changed);
        self.mov(R1, 0);
        self.stx(FP + stack::DESCRIPTOR_NUMBER, R1);
        self.record_change(next);
    }

    /// `smp_mb()`: processors other than x86 may read in another order than the program says.
    fn order_loads(&mut self) {
        self.mov(R1, 0);
        self.fetch_add(ARRAY + Header::word, R1);
    }
}
