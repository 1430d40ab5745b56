//! What a file in a descriptor table keeps. A program first finds out what that is: a set of reasons, in the header. Most files
//! keep nothing. Then it records one reason after the other, each in a round of a loop. So there is one copy of the code that
//! records, which is most of the program: the verifier takes the longer, the more code there is.
//!
//! ```c
//! void find_kept() {
//!     array->kept = 0;
//!     switch (inode->i_sb->s_magic) {
//!     case NSFS_MAGIC:
//!         array->kept |= NAMESPACE;
//!         break;
//!     case SOCKFS_MAGIC:
//!         if (SOCKETS)
//!             array->kept |= SOCKET;
//!         if (is_other(sock_of(inode)->sk_peer_cred->user_ns))
//!             array->kept |= PEER;
//!         break;
//!     case PID_FS_MAGIC:
//!         pid = inode->i_private;
//!         if (!pid->tasks[PIDTYPE_PID].first)             // it has ended, so it does not keep its PID namespace itself
//!             array->kept |= PIDFD;
//!         break;
//!     case ANON_INODE_FS_MAGIC:
//!         if (!strcmp(file->f_path.dentry->d_name, "[io_uring]"))
//!             array->kept |= CANDIDATE;                   // its fdinfo names files
//!         break;
//!     default:
//!         if (inode->i_rdev == TUN)
//!             array->kept |= TUN;
//!         else if (is_dynamic(MAJOR(inode->i_rdev)))
//!             array->kept |= CANDIDATE;                   // perhaps a macvtap, which has no number of its own
//!     }
//!     if (is_other(file->f_cred->user_ns))
//!         array->kept |= CREDENTIALS;
//!     if (is_other(inode->i_sb->s_user_ns))
//!         array->kept |= FILE_SYSTEM;
//!     array->file = file;
//!     array->inode = inode;
//! }
//!
//! // The process itself keeps its own user namespace and its ancestors. The reader compares with all of them; these are the
//! // most frequent ones.
//! bool is_other(ns) {
//!     return ns->level != 0 && ns != task->real_cred->user_ns;
//! }
//!
//! void record_kept() {
//!     reason = first_of(array->kept);
//!     array->kept &= ~reason;
//!     switch (reason) {
//!     case CANDIDATE:
//!         common = NULL;
//!         break;
//!     case NAMESPACE:
//!         common = inode->i_private;
//!         break;
//!     case SOCKET:
//!         common = &sock_of(inode)->sk_net->ns;
//!         break;
//!     case TUN:                                           // its private_data begins with a struct sock
//!         common = &file->private_data->sk_net->ns;
//!         reason = SOCKET;
//!         break;
//!     case PEER:
//!         common = &sock_of(inode)->sk_peer_cred->user_ns->ns;
//!         break;
//!     case CREDENTIALS:
//!         common = &file->f_cred->user_ns->ns;
//!         break;
//!     case FILE_SYSTEM:
//!         common = &inode->i_sb->s_user_ns->ns;
//!         break;
//!     case PIDFD:
//!         pid = inode->i_private;
//!         common = &pid->numbers[pid->level].ns->ns;
//!         break;
//!     }
//!     record_any_namespace(reason, common);               // namespaces.rs
//! }
//! ```

use super::assembler::{Label, R1, R2, R3, Register};
use super::candidates::{ANON_INODE_FS_MAGIC, Reason};
use super::kernel::UPID_SIZE;
use super::program::Builder;
use super::registers::{ARRAY, FILE, INODE, NS, REASON, TASK};
use super::schema::{Step, btf_type, member};
use super::tables::Header;
use super::{NSFS_MAGIC, SOCKFS_MAGIC};

/// `PID_FS_MAGIC` of linux/magic.h: the file system of pidfds (Linux 6.9).
const PID_FS_MAGIC: i32 = 0x5049_4446;

/// The first bytes of the name of the file of an io_uring, which no other anonymous file of that length has.
const RING_START: [u8; 4] = *b"[io_";

/// A reason, or that the file is the device /dev/net/tun, for which a socket is recorded.
#[derive(Clone, Copy)]
enum Kept {
    For(Reason),
    Tun,
}

use Kept::{For, Tun};

/// In the order in which they are recorded.
const ALL: [Kept; 8] = [
    For(Reason::Candidate),
    For(Reason::Namespace),
    For(Reason::Socket),
    Tun,
    For(Reason::Peer),
    For(Reason::Credentials),
    For(Reason::FileSystem),
    For(Reason::Pidfd),
];

/// The most that a file can keep: a socket its network namespace, and three user namespaces.
pub const MOST_KEPT: i32 = 4;

impl Kept {
    /// No reason has the number 0.
    fn bit(self) -> i32 {
        match self {
            For(reason) => 1 << reason as u32,
            Tun => 1,
        }
    }
}

impl Builder<'_> {
    /// Finds out what FILE with its INODE keeps. Goes to `nothing` if that is nothing.
    pub fn find_kept(&mut self, sockets: bool, nothing: Label) {
        let [namespace, socket, pidfd] = self.labels(["namespace", "socket", "pidfd"]);
        let [tun, candidate, users] = self.labels(["tun", "candidate", "users"]);
        self.mov(R1, 0);
        self.stx(ARRAY + Header::kept, R1);
        self.read(R2, INODE, member!(inode.i_sb -> super_block.s_magic));
        self.jeq(R2, NSFS_MAGIC, namespace);
        self.jeq(R2, SOCKFS_MAGIC, socket);
        self.find_device(INODE, tun, candidate);
        self.jeq(R2, PID_FS_MAGIC, pidfd);
        self.jne(R2, ANON_INODE_FS_MAGIC, users);
        self.find_ring(users);
        self.bind(candidate);
        self.add_reason(For(Reason::Candidate));
        self.ja(users);

        self.bind(namespace);
        self.add_reason(For(Reason::Namespace));
        self.ja(users);
        self.bind(tun);
        self.add_reason(Tun);
        self.ja(users);
        self.bind(pidfd);
        self.read(R1, INODE, member!(inode.i_private));
        self.cast_untrusted(R1, R1, btf_type!(pid));
        self.read(R1, R1, member!(pid.tasks));
        self.jne(R1, 0, users);
        self.add_reason(For(Reason::Pidfd));
        self.ja(users);
        self.bind(socket);
        if sockets {
            self.add_reason(For(Reason::Socket));
        }
        self.read_sock(R1);
        self.read(R1, R1, member!(sock.sk_peer_cred -> cred.user_ns));
        self.add_if_other(Reason::Peer);

        self.bind(users);
        self.forget(&[], &[]);
        self.read(R1, FILE, member!(file.f_cred -> cred.user_ns));
        self.add_if_other(Reason::Credentials);
        self.read(R1, INODE, member!(inode.i_sb -> super_block.s_user_ns));
        self.add_if_other(Reason::FileSystem);
        self.ldx(R1, ARRAY + Header::kept);
        self.jeq(R1, 0, nothing);
        self.stx(ARRAY + Header::file, FILE);
        self.stx(ARRAY + Header::inode, INODE);
    }

    fn add_reason(&mut self, kept: Kept) {
        self.ldx(R1, ARRAY + Header::kept);
        self.or(R1, kept.bit());
        self.stx(ARRAY + Header::kept, R1);
    }

    /// Keeps this reason if the user namespace in R1 is neither the initial one nor that of the process.
    fn add_if_other(&mut self, reason: Reason) {
        let [own] = self.labels(["own"]);
        self.read(R2, R1, member!(user_namespace.level));
        self.jeq(R2, 0, own);
        self.read(R3, TASK, member!(task_struct.real_cred -> cred.user_ns));
        self.jeq(R1, R3, own);
        self.add_reason(For(reason));
        self.bind(own);
    }

    /// `to = ` the `struct sock *` of the socket INODE.
    fn read_sock(&mut self, to: Register) {
        self.mov(R1, INODE);
        self.container_of(R1, member!(socket_alloc.vfs_inode));
        self.cast_untrusted(to, R1, btf_type!(socket_alloc));
        self.read(to, to, member!(socket_alloc.socket.sk));
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

    /// Records the first of the reasons that are left, for the descriptor whose number is on the stack. Goes to `done`; or to
    /// `next` if the process has no number in the caller's PID namespace, or the array is full.
    pub fn record_kept(&mut self, done: Label, next: Label) {
        let [sock, user, record] = self.labels(["sock", "user", "record"]);
        self.ldx(R1, ARRAY + Header::file);
        self.cast(FILE, R1, btf_type!(file));
        self.ldx(R1, ARRAY + Header::inode);
        self.cast(INODE, R1, btf_type!(inode));
        for kept in ALL {
            let [other] = self.labels(["other_reason"]);
            self.ldx(R1, ARRAY + Header::kept);
            self.mov(R2, R1);
            self.and(R2, kept.bit());
            self.jeq(R2, 0, other);
            self.and(R1, !kept.bit());
            self.stx(ARRAY + Header::kept, R1);
            let target = match kept {
                For(Reason::Socket) | Tun => sock,
                For(Reason::Peer | Reason::Credentials | Reason::FileSystem) => user,
                For(_) => record,
            };
            self.find_namespace(kept, done);
            self.ja(target);
            self.bind(other);
        }
        self.ja(done);

        self.bind(sock);
        self.read(R1, R1, member!(sock.__sk_common.skc_net));
        self.point_to(member!(net.ns), done);
        self.ja(record);
        self.bind(user);
        self.point_to(member!(user_namespace.ns), done);
        self.bind(record);
        self.forget(&[], &[]);
        self.record_any_namespace(done, next);
    }

    /// `REASON = ` that which is recorded. `NS = ` the `struct ns_common *`, or `R1 = ` the `struct sock *` or
    /// `struct user_namespace *`, that leads to it. Goes to `otherwise` if there is none any more.
    fn find_namespace(&mut self, kept: Kept, otherwise: Label) {
        let reason = match kept {
            For(reason) => reason,
            Tun => Reason::Socket,
        };
        match kept {
            For(Reason::Namespace) => {
                self.read(R1, INODE, member!(inode.i_private));
                self.jeq(R1, 0, otherwise);
                self.cast_untrusted(NS, R1, btf_type!(ns_common));
            }
            For(Reason::Socket) => self.read_sock(R1),
            Tun => {
                self.read(R1, FILE, member!(file.private_data));
                self.cast_untrusted(R1, R1, btf_type!(sock));
            }
            For(Reason::Peer) => {
                self.read_sock(R1);
                self.read(R1, R1, member!(sock.sk_peer_cred -> cred.user_ns));
            }
            For(Reason::Credentials) => self.read(R1, FILE, member!(file.f_cred -> cred.user_ns)),
            For(Reason::FileSystem) => self.read(R1, INODE, member!(inode.i_sb -> super_block.s_user_ns)),
            For(Reason::Pidfd) => self.find_pid_namespace(otherwise),
            For(_) => self.mov(NS, 0),
        }
        self.mov(REASON, reason as i32);
    }

    /// `NS = ` the PID namespace of the ended process of the pidfd INODE.
    fn find_pid_namespace(&mut self, otherwise: Label) {
        let numbers = self.location(member!(pid.numbers)[0]);
        self.read(INODE, INODE, member!(inode.i_private));
        self.cast_untrusted(R1, INODE, btf_type!(pid));
        // The index is not constant, so it is added before the cast.
        self.read(R1, R1, member!(pid.level));
        self.mul(R1, UPID_SIZE as i32);
        self.add(R1, INODE);
        self.add_location(R1, numbers);
        self.cast_untrusted(R1, R1, btf_type!(upid));
        self.read(R1, R1, member!(upid.ns));
        self.point_to(member!(pid_namespace.ns), otherwise);
    }

    /// `NS = ` the `struct ns_common *` in the namespace R1. Goes to `none` if that is NULL.
    fn point_to(&mut self, ns: &[Step; 1], none: Label) {
        let ns = self.location(ns[0]);
        self.jeq(R1, 0, none);
        self.add_location(R1, ns);
        self.cast_untrusted(NS, R1, btf_type!(ns_common));
    }
}
