//! What a file in a descriptor table keeps, and the program to which the kernel shows each such file (`iter/task_file`, Linux
//! 6.4), and at the end none. The kernel skips threads that share the table of their thread-group leader. From Linux 6.7 on
//! the program of `walk.rs` passes the tables itself.
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
//!     inode = file->f_inode;
//!     record_file();
//!     return 0;
//! last:
//!     array->own_pid_namespace = NULL;
//!     return 0;
//! }
//!
//! void record_file()                                      // of both programs
//! {
//!     switch (inode->i_sb->s_magic) {
//!     case NSFS_MAGIC:
//!         record_any_namespace(NAMESPACE, inode->i_private);      // namespaces.rs
//!         break;
//!     case SOCKFS_MAGIC:
//!         sock = container_of(inode, struct socket_alloc, vfs_inode)->socket.sk;
//!         record_user(PEER, sock->sk_peer_cred->user_ns);
//!         if (SOCKETS)
//!             record_any_namespace(SOCKET, &sock->sk_net->ns);
//!         break;
//!     case PID_FS_MAGIC:
//!         pid = inode->i_private;
//!         if (!pid->tasks[PIDTYPE_PID].first)             // it has ended, so it does not keep its PID namespace itself
//!             record_any_namespace(PIDFD, &pid->numbers[pid->level].ns->ns);
//!         break;
//!     case ANON_INODE_FS_MAGIC:
//!         if (!strcmp(file->f_path.dentry->d_name, "[io_uring]"))
//!             record_descriptor(CANDIDATE);               // candidates.rs; its fdinfo names files
//!         break;
//!     default:
//!         if (inode->i_rdev == TUN) {                     // its private_data begins with a struct sock
//!             sock = file->private_data;
//!             record_any_namespace(SOCKET, &sock->sk_net->ns);
//!         } else if (is_dynamic(MAJOR(inode->i_rdev))) {
//!             record_descriptor(CANDIDATE);               // perhaps a macvtap, which has no number of its own
//!         }
//!     }
//!     record_user(CREDENTIALS, file->f_cred->user_ns);
//!     record_user(FILE_SYSTEM, inode->i_sb->s_user_ns);
//! }
//!
//! void record_user(reason, ns) {
//!     // The process itself keeps its own user namespace and its ancestors. The reader compares with all of them; these are
//!     // the most frequent ones.
//!     if (ns->level == 0 || ns == task->real_cred->user_ns)
//!         return;
//!     record_descriptor(reason);                          // candidates.rs
//!     link = &descriptor->user;
//!     record_namespaces(ns);                              // chain.rs
//! }
//! ```

use super::assembler::{Assembler, FP, Label, Program, R1, R2, R3};
use super::candidates::{ANON_INODE_FS_MAGIC, Reason};
use super::file_tables::Descriptor;
use super::kernel::UPID_SIZE;
use super::program::{Builder, Target};
use super::registers::{DESCRIPTOR, FILE, GENERATION, INODE, LINK, NS, REASON, TASK, stack};
use super::schema::{btf_type, member};
use super::{NSFS_MAGIC, SOCKFS_MAGIC};
use crate::error::Error;

/// `PID_FS_MAGIC` of linux/magic.h: the file system of pidfds (Linux 6.9).
const PID_FS_MAGIC: i32 = 0x5049_4446;

/// The first bytes of the name of the file of an io_uring, which no other anonymous file of that length has.
const RING_START: [u8; 4] = *b"[io_";

pub fn program(target: Target, sockets: bool) -> Result<Program, Error> {
    let mut code = Assembler::new(target);
    let [next, last] = code.labels(["next", "last"]);
    code.read_context(next, last);
    code.stx(FP + stack::FILE, FILE);
    code.prologue(next);
    code.ldx(FILE, FP + stack::FILE);
    code.read(INODE, FILE, member!(file.f_inode));
    code.stx(FP + stack::INODE, INODE);
    code.record_file(sockets, next);
    code.epilogue(next, last);
    code.finish()
}

impl Builder<'_> {
    /// Records what the file keeps that is in FILE and on the stack, with its INODE. Goes to `next` if the process has no number
    /// in the caller's PID namespace, or the array is full.
    pub fn record_file(&mut self, sockets: bool, next: Label) {
        let [credentials, namespace, socket, device, sock] =
            self.labels(["credentials", "namespace", "socket", "device", "sock"]);
        let [pidfd, any, candidate] = self.labels(["pidfd", "any", "candidate"]);
        self.read(R2, INODE, member!(inode.i_sb -> super_block.s_magic));
        self.jeq(R2, NSFS_MAGIC, namespace);
        self.jeq(R2, SOCKFS_MAGIC, socket);
        self.find_device(INODE, device, candidate);
        self.jeq(R2, PID_FS_MAGIC, pidfd);
        self.jne(R2, ANON_INODE_FS_MAGIC, credentials);
        self.find_ring(credentials);
        self.bind(candidate);
        self.record_descriptor(Reason::Candidate as i32, next);
        self.ja(credentials);

        self.bind(socket);
        self.container_of(INODE, member!(socket_alloc.vfs_inode));
        self.cast_untrusted(INODE, INODE, btf_type!(socket_alloc));
        self.read(R1, INODE, member!(socket_alloc.socket.sk));
        self.stx(FP + stack::SOCK, R1);
        self.read(R1, R1, member!(sock.sk_peer_cred -> cred.user_ns));
        self.record_user(Reason::Peer, next);
        if sockets {
            self.ldx(R1, FP + stack::SOCK);
            self.ja(sock);
        } else {
            self.ja(credentials);
        }
        self.bind(device);
        self.read(R1, FILE, member!(file.private_data));
        self.cast_untrusted(R1, R1, btf_type!(sock));
        self.bind(sock);
        self.read(R1, R1, member!(sock.__sk_common.skc_net));
        self.jeq(R1, 0, credentials);
        let ns = self.location(member!(net.ns)[0]);
        self.add_location(R1, ns);
        self.cast_untrusted(NS, R1, btf_type!(ns_common));
        self.mov(REASON, 0);
        self.stx(FP + stack::SOCK, REASON);
        self.mov(REASON, Reason::Socket as i32);
        self.ja(any);

        self.bind(pidfd);
        self.find_pid_namespace(credentials);
        self.ja(any);

        self.bind(namespace);
        self.read(R1, INODE, member!(inode.i_private));
        self.cast_untrusted(NS, R1, btf_type!(ns_common));
        self.mov(REASON, Reason::Namespace as i32);
        self.bind(any);
        self.record_any_namespace(credentials, next);

        self.bind(credentials);
        self.forget(&[INODE, FILE], &[stack::LINK, stack::SOCK, stack::TARGET, stack::PARENT, stack::NONUSER_LINK]);
        self.ldx(R1, FP + stack::FILE);
        self.read(R1, R1, member!(file.f_cred -> cred.user_ns));
        self.record_user(Reason::Credentials, next);
        self.ldx(R1, FP + stack::INODE);
        self.read(R1, R1, member!(inode.i_sb -> super_block.s_user_ns));
        self.record_user(Reason::FileSystem, next);
    }

    /// Goes to `otherwise` if FILE is not an io_uring.
    fn find_ring(&mut self, otherwise: Label) {
        self.may_be_ring(otherwise); // R1 is the dentry
        self.read(R1, R1, member!(dentry.d_name.name));
        // The verifier knows no strings. Any struct that begins with a number lets the program read the first bytes.
        self.cast_untrusted(R1, R1, btf_type!(upid));
        self.read(R1, R1, member!(upid.nr));
        self.jne(R1, i32::from_ne_bytes(RING_START), otherwise);
    }

    /// `NS = ` the PID namespace of the ended process of the pidfd INODE. Goes to `otherwise` if the process has not ended.
    fn find_pid_namespace(&mut self, otherwise: Label) {
        let (numbers, ns) = (self.location(member!(pid.numbers)[0]), self.location(member!(pid_namespace.ns)[0]));
        self.read(INODE, INODE, member!(inode.i_private));
        self.cast_untrusted(R1, INODE, btf_type!(pid));
        self.read(R2, R1, member!(pid.tasks));
        self.jne(R2, 0, otherwise);
        // The index is not constant, so it is added before the cast.
        self.read(R1, R1, member!(pid.level));
        self.mul(R1, UPID_SIZE as i32);
        self.add(R1, INODE);
        self.add_location(R1, numbers);
        self.cast_untrusted(R1, R1, btf_type!(upid));
        self.read(R1, R1, member!(upid.ns));
        self.jeq(R1, 0, otherwise);
        self.add_location(R1, ns);
        self.cast_untrusted(NS, R1, btf_type!(ns_common));
        self.mov(REASON, Reason::Pidfd as i32);
    }

    /// Records the user namespace in R1 unless it is the initial one or that of the process. Goes to `next` if the process has no
    /// number in the caller's PID namespace, or the array is full.
    fn record_user(&mut self, reason: Reason, next: Label) {
        let [done] = self.labels(["done"]);
        self.read(R2, R1, member!(user_namespace.level));
        self.jeq(R2, 0, done);
        self.read(R3, TASK, member!(task_struct.real_cred -> cred.user_ns));
        self.jeq(R1, R3, done);
        self.stx(FP + stack::TARGET, R1);
        self.record_descriptor(reason as i32, next);
        self.lea(LINK, DESCRIPTOR + Descriptor::user);
        self.ldx(NS, FP + stack::TARGET);
        self.record_namespaces_by_iterator(done);
        self.bind(done);
        self.forget(&[GENERATION, NS], &[stack::LINK, stack::TARGET]);
    }
}
