//! The tables of the kernel members that the programs read, and of the records that they write.
//!
//! To record one more field, change only this file: docs/bpf.md shows an example.

use super::assembler::{Location, Size};
use super::schema::{Copied, Kind, Struct, kernel_functions, kernel_structs, member, record};

kernel_structs! {
    /// include/linux/sched.h: a thread.
    struct task_struct {
        exit_state: u32,
        tasks.next: u64,
        pid: u32,
        tgid: u32,
        comm: u64, // an array of 16 bytes
        group_leader: *task_struct,
        nsproxy: *nsproxy,
        fs: *fs_struct,
        thread_pid: *pid,
        files: *files_struct,
        cgroups: *css_set,
        real_cred: *cred,
        signal: *signal_struct,
        self_exec_id: u64,
    }

    /// include/linux/sched/signal.h: what the threads of a process share.
    struct signal_struct {
        nr_threads: u32,
        pids: *pid, // an array, by enum pid_type
    }

    /// include/linux/cgroup-defs.h: the cgroups of a thread.
    struct css_set {
        dfl_cgrp: *cgroup,
    }

    /// include/linux/cgroup-defs.h
    struct cgroup {
        self.flags: u32,
        self.parent: *cgroup_subsys_state,
        level: u32,
        kn: *kernfs_node,
    }

    /// include/linux/cgroup-defs.h: a part of a cgroup.
    struct cgroup_subsys_state {
        cgroup: *cgroup,
    }

    /// include/linux/kernfs.h
    struct kernfs_node {
        id: u64, // never reused
        name: u64, // const char *
    }

    /// include/linux/cred.h
    struct cred {
        user_ns: *user_namespace,
        euid: u32, // kuid_t
        cap_effective.cap: u32, // an array of two, until cap_effective.val took its place
        cap_effective.val: u64, // Linux 6.3
    }

    /// include/linux/user_namespace.h
    struct user_namespace {
        uid_map.nr_extents: u32,
        uid_map.extent: uid_gid_extent, // an array of 5, if there are no more
        uid_map.forward: u64, // struct uid_gid_extent *, if there are
        gid_map.nr_extents: u32,
        gid_map.extent: uid_gid_extent,
        gid_map.forward: u64,
        projid_map.nr_extents: u32,
        projid_map.extent: uid_gid_extent,
        projid_map.forward: u64,
        flags: u64,
        parent: *user_namespace,
        level: u32,
        owner: u32, // kuid_t
        ucounts: *ucounts, // of its owner in its parent
        ucount_max: u64, // an array, by enum ucount_type: the first is UCOUNT_USER_NAMESPACES
        ns: ns_common,
        ns.inum: u32,
        ns.ns_id: u64, // Linux 6.18
    }

    /// include/linux/user_namespace.h: what a user has in a user namespace.
    struct ucounts {
        ucount: u64, // the same array
        rlimit: u64, // a kernel with it has 64-bit counts (about Linux 6.0)
    }

    /// include/linux/nsproxy.h: the nonuser namespaces of a thread, except its PID namespace.
    struct nsproxy {
        uts_ns: *uts_namespace,
        ipc_ns: *ipc_namespace,
        mnt_ns: *mnt_namespace,
        pid_ns_for_children: *pid_namespace,
        net_ns: *net,
        time_ns: *time_namespace,
        time_ns_for_children: *time_namespace,
        cgroup_ns: *cgroup_namespace,
    }

    /// include/linux/uts_namespace.h, before include/linux/utsname.h
    struct uts_namespace {
        user_ns: *user_namespace,
        ns: ns_common,
        ns.inum: u32,
        ns.ns_id: u64,
    }

    /// include/linux/ipc_namespace.h
    struct ipc_namespace {
        user_ns: *user_namespace,
        ns: ns_common,
        ns.inum: u32,
        ns.ns_id: u64,
    }

    /// fs/mount.h
    struct mnt_namespace {
        user_ns: *user_namespace,
        ns: ns_common,
        ns.inum: u32,
        ns.ns_id: u64,
    }

    /// include/linux/pid_namespace.h
    struct pid_namespace {
        idr.idr_next: u32, // above the newest number
        parent: *pid_namespace,
        level: u32,
        user_ns: *user_namespace,
        ns: ns_common,
        ns.inum: u32,
        ns.ns_id: u64,
    }

    /// include/net/net_namespace.h
    struct net {
        user_ns: *user_namespace,
        ns: ns_common,
        ns.inum: u32,
        ns.ns_id: u64,
    }

    /// include/linux/time_namespace.h
    struct time_namespace {
        user_ns: *user_namespace,
        ns: ns_common,
        ns.inum: u32,
        ns.ns_id: u64,
    }

    /// include/linux/cgroup_namespace.h, before include/linux/cgroup.h
    struct cgroup_namespace {
        root_cset: *css_set,
        user_ns: *user_namespace,
        ns: ns_common,
        ns.inum: u32,
        ns.ns_id: u64,
    }

    /// include/linux/fs_struct.h: the root directory of a thread.
    struct fs_struct {
        root.mnt: *vfsmount,
        root.dentry: *dentry,
    }

    /// fs/mount.h
    struct mount {
        mnt: vfsmount,
        mnt.mnt_root: *dentry,
        mnt_id: u32,
    }

    /// include/linux/dcache.h
    struct dentry {
        d_inode: *inode,
        d_sb: *super_block,
        d_name.len: u32,
        d_name.name: u64,
    }

    /// include/linux/pid.h: the numbers of a process or thread.
    struct pid {
        level: u32,
        tasks: u64, // an array of hlist_head, by enum pid_type
        numbers: upid, // an array, by level of the PID namespace
    }

    /// include/linux/pid.h: a number in one PID namespace.
    struct upid {
        nr: u32,
        ns: *pid_namespace,
    }

    /// include/linux/ns_common.h, before Linux 6.18 also include/linux/proc_ns.h: the common part of all namespaces.
    struct ns_common {
        inum: u32,
        ns_id: u64, // Linux 6.18
        ns_type: u32, // Linux 6.18
        ops: *proc_ns_operations,
    }

    /// include/linux/proc_ns.h
    struct proc_ns_operations {
        type: u32, // until ns_common.ns_type took its place
    }

    /// include/linux/fs.h
    struct file {
        f_inode: *inode,
        f_cred: *cred,
        f_path.dentry: *dentry,
        private_data: u64,
    }

    /// include/linux/fdtable.h: a descriptor table.
    struct files_struct {
        fdt: *fdtable,
    }

    struct bpf_iter_seq_task_file_info {
        files: *files_struct, // kernel/bpf/task_iter.c, before Linux 5.11
    }

    /// include/linux/fdtable.h: its present memory.
    struct fdtable {
        max_fds: u32,
        fd: u64, // struct file **
        open_fds: u64, // unsigned long *
    }

    /// include/linux/fs.h
    struct inode {
        i_sb: *super_block,
        i_ino: u64,
        i_rdev: u32,
        i_private: u64,
    }

    /// include/linux/fs.h, from Linux 6.19 on include/linux/fs/super_types.h
    struct super_block {
        s_magic: u64,
        s_dev: u32, // dev_t
        s_user_ns: *user_namespace,
    }

    /// include/net/sock.h: a socket and its inode.
    struct socket_alloc {
        socket.sk: *sock,
        vfs_inode: inode,
    }

    /// include/net/sock.h
    struct sock {
        __sk_common.skc_net: *net, // possible_net_t
        sk_peer_cred: *cred,
    }
}

kernel_functions! {
    /// The BTF id of this function stands for an iterator over threads (Linux 5.8): kernel/bpf/task_iter.c.
    bpf_iter_task,
    /// The same for an iterator over the descriptors of threads.
    bpf_iter_task_file,
    // Open-coded iterators over processes (Linux 6.7): kernel/bpf/task_iter.c.
    bpf_iter_task_new,
    bpf_iter_task_next,
    bpf_iter_task_destroy,
    // Open-coded iterators over numbers (Linux 6.4): kernel/bpf/bpf_iter.c.
    bpf_iter_num_new,
    bpf_iter_num_next,
    bpf_iter_num_destroy,
    // kernel/bpf/helpers.c (Linux 6.2)
    bpf_rcu_read_lock,
    bpf_rcu_read_unlock,
    bpf_rdonly_cast,
}

record! {
    /// The beginning of the shared array.
    pub struct Header {
        /// The numbers of processes and of user namespaces. They count those that did not fit, too.
        count: u64,
        namespace_count: u64,
        /// The same of nonuser namespaces, sets, threads, root directories, descriptors, leaders, PIDs in nested namespaces.
        nonuser_count: u64,
        set_count: u64,
        thread_count: u64,
        root_count: u64,
        descriptor_count: u64,
        leader_count: u64,
        pid_count: u64,
        /// A pointer that becomes a number, while the program runs.
        scratch: u64,
        /// Where the fields `set` and `root` of the current thread are, from the beginning of the array.
        holder: u64,
        /// The number of the link that is recorded.
        link: u64,
        /// The level of the caller's PID namespace; 0 for the initial one, or if the program visited nothing.
        own_level: u64,
        /// `struct pid_namespace *` of the caller, while the program runs.
        own_pid_namespace: u64,
        /// Not 0: a process has more unknown ancestors than the program follows.
        is_cut_off: u64,
        /// Where the program is that walks descriptor tables: the rest of a word of the bitmap of descriptors, the descriptor
        /// that this begins with, and the index of the next word.
        word: u64,
        number: u64,
        word_index: u64,
        /// A sum of the words so far, that of the whole bitmap when its files were read, and not 0: it is read again.
        sum: u64,
        sum_before: u64,
        is_read_again: u64,
        /// Not 0: it has passed all of them.
        is_walk_complete: u64,
        /// What a file keeps that is still to be recorded: bits of kept.rs; the file and its inode; and the number of
        /// descriptors before.
        kept: u64,
        file: u64,
        inode: u64,
        recorded: u64,
        /// The number of extents of id maps, and of cgroups. It counts those that did not fit, too.
        extent_count: u64,
        cgroup_count: u64,
        /// Where the field is that receives the index of the current cgroup, from the beginning of the array.
        cgroup_field: u64,
        /// The index of the root of the caller's cgroup namespace, plus 1; 0: it is not recorded.
        root_cgroup: u32,
        /// The thread whose descriptors the kernel shows: its TID in the initial PID namespace.
        thread: u32,
        /// The number after the newest one in the caller's PID namespace.
        next_number: u32,
        /// Not 0: it has become smaller.
        has_begun_again: u32,
    }
}

record! {
    /// A process. A copied field starts at the `task_struct`.
    pub struct Process {
        pid: u32,
        /// The index of its user namespace, plus 1; 0: none.
        namespace: u32,
    }
}

record! {
    /// What follows a process, if it is wanted. A copied field starts at the `task_struct`.
    pub struct Details {
        name_0: u64 = task_struct.comm,
        name_1: u64 = task_struct.comm[1],
        /// As in `Thread`.
        set: u32,
        root: u32,
    }
}

record! {
    /// A user namespace. A copied field starts at the `user_namespace`.
    pub struct Namespace {
        /// The 64-bit id, which is never reused. A kernel without ids has inode number and level instead: inode numbers
        /// are reused, but no two ancestors in a chain share both. It is never 0.
        generation: u64,
        inode: u32 = user_namespace.ns.inum,
        owner: u32 = user_namespace.owner,
        /// The index of its parent, plus 1; 0: none.
        parent: u32,
        padding: u32,
        /// The number of user namespaces that are charged to the owner in the parent; 0: not recorded.
        charged: u64,
        /// `max_user_namespaces`, plus 1; 0: not recorded.
        limit: u64,
    }
}

record! {
    /// A nonuser namespace.
    pub struct Nonuser {
        /// As in `Namespace`. In a kernel without ids: inode number and type.
        generation: u64,
        inode: u32,
        /// A flag `CLONE_NEW…`.
        flag: u32,
        /// The index of the user namespace that owns it, plus 1.
        owner: u32,
        /// The index of the parent of a PID namespace, plus 1; 0: none, or outside of the caller's.
        parent: u32,
    }
}
