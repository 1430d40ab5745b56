/*
 * libuserns: the tree of user namespaces of a Linux host.
 *
 * userns_scan() observes the host once and returns a snapshot: which user namespaces
 * exist, how they nest, which processes live in each, and who created them. All other
 * functions read that snapshot, except for the actions: userns_open() and
 * userns_nonuser_open() open a namespace of a snapshot if it still exists, userns_describe()
 * describes one namespace without a scan, userns_probe() finds out whether the caller can make
 * a user namespace, and if not, why. userns_compare() finds what changed between two snapshots.
 * userns_save() writes a snapshot as JSON, and userns_load() reads it. The concepts are those of
 * user_namespaces(7) and namespaces(7); a user namespace in a snapshot is called a node, a
 * namespace of another type is called a nonuser namespace, as in namespaces(7).
 *
 *     struct userns_snapshot *snapshot;
 *     int error = userns_scan(NULL, &snapshot);
 *     if (error < 0) {
 *         fprintf(stderr, "/proc: %s\n", userns_strerror(error));
 *         return 1;
 *     }
 *     size_t count;
 *     const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
 *     for (size_t i = 0; i < count; i++)
 *         printf("%*s%" PRIu64 "\n", 4 * (int)userns_depth(nodes[i]), "", userns_inode(nodes[i]));
 *     userns_free(snapshot);
 *
 * LIFETIME. Every pointer that a snapshot returns is valid until userns_free() releases
 * that snapshot. A snapshot never changes: the same question always has the same answer.
 * Changes are released by userns_changes_free(), and are valid while both snapshots are. A
 * probe is released by userns_probe_free(), with its reasons.
 *
 * ARRAYS are returned as a pointer to the first element, and their length in *count. count
 * may be NULL. An empty array is NULL with a count of 0. Arrays have no terminator.
 *
 * NULL is accepted as a snapshot, node, nonuser namespace, pin, change, changes, probe or reason;
 * the answer is then NULL, 0 (also in *count) or false, unless the function documents another.
 * Other outputs are written only on success, and by userns_capable() with -ENODATA;
 * userns_scan(), userns_compare(), userns_load() and userns_probe() set their output to NULL on
 * failure.
 *
 * ERRORS. A function that can fail returns a negative errno value then, and otherwise 0 or what
 * its comment says. The comment lists the values and their meaning. userns_strerror() returns a
 * sentence for each; programs add the path. The library does not define errno: any call may
 * change it. A process that ends or denies access during a scan is not an error: userns_gaps()
 * and userns_gap_count() report what the scan knows that it missed.
 *
 * THREADS. Any number of threads may scan at the same time, and may read the same snapshot at the
 * same time; only the functions that release an object need exclusive access to it. The library
 * takes no locks and keeps no state between calls, except for facts about the running kernel,
 * which are read once: its boot id, whether it shows cgroups of version 2 and, with
 * USERNS_SCAN_BPF, the layout of its structures; and for child processes that cannot end, see
 * below. All functions work in a child of fork(2), even if another thread forked it in the middle
 * of a scan. No function is a cancellation point (pthreads(7)), none may be called with
 * asynchronous cancellation enabled, and none is async-signal-safe (signal-safety(7)).
 *
 * OUTPUT STRUCTS begin with their size, which the caller sets, and flags. The library fills in
 * the fields that it knows, as far as the size reaches, and sets what is behind them to zero.
 * The elements of arrays, struct userns_extent and struct userns_charge, never change.
 *
 * THE PROCESS stays as it is: a scan or action starts no thread, enters no namespace and installs
 * no signal handler. A plain scan opens at most six descriptors at a time, any other and an
 * action at most eleven, all close-on-exec, and closes them before it returns, but for the one
 * that userns_open() or userns_nonuser_open() returns. They read procfs in short-lived child
 * processes, since reading a process can block without end, see USERNS_GAP_UNREADABLE. A child
 * shares memory and descriptors with the caller, sends no SIGCHLD, and is not reported by
 * wait(2), except to a thread that waits for any child with __WALL or __WCLONE, which should not
 * run meanwhile; with USERNS_SCAN_MAPS, one that enters a user namespace has a copy of the
 * memory. Signals of the calling thread are blocked while it runs, mostly for less than 10
 * milliseconds. Where clone3(2) is denied or missing (before Linux 5.3), under valgrind, and
 * after unshare(2) with CLONE_NEWPID until the caller has made process 1 of the new PID
 * namespace, the calling thread reads procfs itself, and duplicates no sockets of others.
 *
 * A child outlives the scan only if no signal ends its system call: a file server has begun to
 * serve it and does not answer, on the way to proc_path (userns_scan() returns -EIO) or for a
 * descriptor that was duplicated, see USERNS_SCAN_SOCKETS; or it waits for a lock of the kernel.
 * It executes nothing more, and a later scan reaps it. Until it ends, one that waits for a lock
 * shares memory and descriptors with the caller; the others do not from Linux 5.9 on. There are
 * at most eight such children.
 *
 * userns_probe() makes namespaces, in child processes with a copy of the memory and an empty
 * descriptor table (a copy of the caller's before Linux 5.9, or if a filter refuses
 * close_range(2)). They end before it returns, unless a system call of one cannot be ended; that
 * one is left behind, as after a scan.
 *
 * USERNS_SCAN_BPF maps memory and loads a BPF program, which the kernel frees shortly after
 * the scan; if a signal interrupts the load, the scan blocks signals and retries.
 *
 * GROWTH. The ABI only grows: functions, constants and fields of structs with a size are added,
 * never changed or removed. A program built with an older header runs with a newer library. With
 * an older library, a request that it does not know fails with -E2BIG or -EINVAL, and a program
 * that uses a newer function does not start. Each function names the version that introduced it;
 * constants and structs are of 0.1 unless their comment names another version. Functions that
 * return a set of bits or an enum can return values that are newer than the program.
 *
 * All constants, structs and functions begin with USERNS_ or userns_; all other names in
 * this header are the system's.
 */

/* Generated from src/ffi by cbindgen. SPDX-License-Identifier: MIT OR Apache-2.0 */

#ifndef USERNS_H
#define USERNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Constants and types ------------------------------------------------------------------ */

/**
 * The version of this header as 0xMMmmpp: major, minor and patch number, eight bits each. The
 * library in use can have another version, see userns_version_number().
 */
#define USERNS_VERSION_NUMBER 0x000100

/**
 * The initial value of a struct userns_options: a plain scan of /proc.
 */
#define USERNS_OPTIONS_INIT { sizeof(struct userns_options), NULL, 0, 0 }

/**
 * The initial value of a struct userns_info.
 */
#define USERNS_INFO_INIT { sizeof(struct userns_info), 0, 0, 0, 0, 0, 0, 0, 0 }

/**
 * The initial value of a struct userns_probe_options: all steps, tried by one call.
 */
#define USERNS_PROBE_OPTIONS_INIT { sizeof(struct userns_probe_options), 0, UINT64_C(0x3f) }

/**
 * Makes the compiler warn if the result of a function is ignored.
 */
#if defined(__GNUC__)
#define USERNS_NODISCARD __attribute__((warn_unused_result))
#else
#define USERNS_NODISCARD
#endif

/**
 * options->flags: also find namespaces without processes, and what keeps each namespace
 * alive, see userns_pins(). Includes USERNS_SCAN_OWNED.
 *
 * The scan reads the links of all descriptors of all threads, and the mounts of each (mount
 * namespace, root directory) pair. With USERNS_SCAN_BPF, from Linux 6.4 on, BPF programs tell
 * what most descriptors refer to, and which threads share a pair: the scan reads only the other
 * descriptors, and the mounts that one process of each pair sees. It opens only files that it has
 * already identified as namespaces, and never resolves a path that could block on an
 * unresponsive file server. Listing the descriptors of other users needs CAP_DAC_READ_SEARCH,
 * besides CAP_SYS_PTRACE. Opening mounted namespaces needs Linux 5.12. Opening an overmounted
 * one needs CAP_SYS_ADMIN and CAP_SYS_CHROOT, and a mount namespace that the caller's own user
 * namespace owns; a short-lived child process does it in a copy of the mount namespace. A mount is
 * in use while the scan looks at it, so that umount(2) of another process can fail with EBUSY.
 *
 * The kernel knows more namespaces than processes show. As root in the initial PID namespace,
 * the scan also reads the mounts in mount namespaces without processes (Linux 6.12), which a
 * short-lived child process enters, and finds all namespaces in use (Linux 6.19), for example
 * those that only a descriptor in flight over a UNIX socket (unix(7)) keeps alive. See
 * userns_empty_source().
 */
#define USERNS_SCAN_PINNED UINT64_C(0x1)

/**
 * options->flags: USERNS_SCAN_PINNED, and also find network namespaces that only a socket
 * keeps alive. With USERNS_SCAN_BPF, from Linux 6.4 on, this duplicates nothing, and needs no
 * more than USERNS_SCAN_BPF does, except for processes that start or execute a program (execve(2))
 * during the scan.
 *
 * Without, the scan briefly duplicates every socket of every process, as USERNS_SCAN_PINNED
 * does only with descriptors of tun and tap devices. This needs permission for
 * PTRACE_MODE_ATTACH_REALCREDS (ptrace(2)), CAP_NET_ADMIN in the user namespace that owns the
 * network namespace, Linux 5.9, and a procfs of the caller's own PID namespace.
 *
 * A duplicated socket takes the network class of the process that duplicates it. So the scan
 * duplicates nothing if a cgroup controller for these, net_cls or net_prio, is in use
 * (cgroups(7)).
 *
 * The process can put a file of a file server in place of its socket. If the server does not
 * answer, to close the duplicate blocks, and no signal ends that. So a child process makes the
 * duplicates. If it does not answer, the scan goes on without it after a second at most, and
 * spends about two seconds on this altogether. The child remains until the server answers
 * or ends, without memory and descriptors of the caller; it delays the end of a PID namespace.
 * It is then a zombie until a later scan needs a child for this. With eight such children, a
 * scan duplicates nothing.
 *
 * The scan can be the last to close a socket. Its owner does not wait then, if it has set
 * SO_LINGER (socket(7)).
 */
#define USERNS_SCAN_SOCKETS UINT64_C(0x2)

/**
 * options->flags: also find the nonuser namespaces that each user namespace owns, see
 * userns_owned(), and user namespaces without processes that own a namespace of a process.
 */
#define USERNS_SCAN_OWNED UINT64_C(0x4)

/**
 * options->flags: also read the command names of processes, see userns_process_name().
 */
#define USERNS_SCAN_NAMES UINT64_C(0x8)

/**
 * options->flags: find processes and their user namespaces by a BPF program (bpf(2)) instead
 * of through procfs. This is many times faster with thousands of processes, and slower with a
 * few hundred or less. If BPF cannot be used, the scan reads procfs; this is not an error, see
 * userns_source() and userns_source_error().
 *
 * BPF needs Linux 5.8 with CONFIG_DEBUG_INFO_BTF; CAP_BPF and CAP_PERFMON, or
 * CAP_SYS_ADMIN, in the initial user namespace; and a procfs of the caller's own PID
 * namespace. It is fastest from Linux 6.7 on. Some kernels before 6.1 limit it to about
 * 250,000 threads, and to 75,000 with USERNS_SCAN_NAMES or USERNS_SCAN_PINNED. Each scan loads
 * and unloads one program, three with USERNS_SCAN_PINNED, and sometimes a few more. The audit
 * log, if enabled, records each (auditd(8)).
 *
 * The result differs only in visibility. BPF shows processes that procfs denies or hides (hidepid,
 * see proc(5)), so USERNS_GAP_UNREADABLE is never set. Processes that a security module
 * hides from BPF are missing and not counted. BPF also tells command names (USERNS_SCAN_NAMES),
 * without the additions of procfs, see userns_process_name(), and credentials
 * (USERNS_SCAN_CREDENTIALS). From Linux 6.4 on it tells the
 * nonuser namespaces of all threads, also a PID namespace in which no process was created yet
 * (unshare(2)), which procfs does not show. And it tells what the descriptors of all processes
 * keep, with kinds of pins that procfs does not show, see USERNS_PIN_CREDENTIALS. Other data for
 * other flags still comes from procfs, with its permission checks. A process that procfs hides is
 * counted in USERNS_GAP_MOUNTS unless a readable one has the same mount namespace and root
 * directory; it is counted in USERNS_GAP_DESCRIPTORS only if it has a descriptor that procfs has
 * to tell: of an io_uring or of a device whose driver has no fixed number, or, before Linux 6.4,
 * of a namespace, a tun or tap device or a socket. All of a process is read through procfs, and
 * also counted in USERNS_GAP_LINKS if procfs hides it, if it starts or executes a program
 * (execve(2)) during the scan, or if its thread-group leader has exited before other threads.
 */
#define USERNS_SCAN_BPF UINT64_C(0x10)

/**
 * options->flags: also read the id maps of user namespaces, see userns_uid_map() and
 * userns_translate_uid(). The maps are known of the caller's own user namespace and of its
 * descendants.
 *
 * The scan reads four files of one process in each namespace: proc_pid_uid_map(5),
 * proc_pid_setgroups(5). A namespace without a process is joined by a short-lived child process
 * (setns(2)), of which the scan reads these files. That takes CAP_SYS_ADMIN in the namespace, and
 * a procfs of the caller's own PID namespace. Before Linux 6.18 the scan can open such a namespace
 * only if a descendant has a process or, with USERNS_SCAN_PINNED, through a descriptor or a mount.
 * Unlike other children, this one has a copy of the caller's memory, as after fork(2). All joins of
 * a scan take two seconds at most. Another scan can find the child in the namespace, as any
 * process.
 *
 * With USERNS_SCAN_BPF, the maps come from the kernel's own structures instead, from Linux 5.12
 * on: also of a namespace without a process if a descendant has one; with USERNS_SCAN_PINNED if a
 * descriptor keeps it (Linux 6.4); or if the scan opens it by its id (Linux 6.18).
 */
#define USERNS_SCAN_MAPS UINT64_C(0x20)

/**
 * options->flags: also read the credentials of processes and their PIDs in nested PID
 * namespaces, see userns_process_uid() and userns_capable(). This reads /proc/PID/status, which
 * everyone may, also of processes of which the caller may not read the user namespace. With
 * USERNS_SCAN_BPF it reads no file: the user namespace and the credentials of a process are those
 * of one moment.
 *
 * The credentials of a process and its user namespace are read while the process has its PID: if
 * the PID is reused during the scan, they are of the same process. There is one exception: with
 * USERNS_SCAN_BPF, the file is read after the user namespace is known where BPF cannot tell the
 * credentials, that is, of processes in nested PID namespaces before Linux 6.7. Then these are
 * unknown if the process with this PID is in another user namespace meanwhile, and can be those of
 * another process if procfs does not show in which it is.
 *
 * Capabilities are those that a process has in this namespace: one that has any is in it before
 * and after they are read. If it moves each time, its credentials are unknown
 * (USERNS_GAP_CREDENTIALS).
 */
#define USERNS_SCAN_CREDENTIALS UINT64_C(0x40)

/**
 * options->flags: also read the cgroups of processes, see userns_process_cgroup(). This reads
 * /proc/PID/cgroup, which everyone may. With USERNS_SCAN_BPF it reads only that of the caller,
 * and that only once, from Linux 5.12 on (before Linux 6.4 also those of processes in cgroups
 * with more than 15 ancestors).
 */
#define USERNS_SCAN_CGROUPS UINT64_C(0x80)

/**
 * userns_gaps(): some processes could not be read; they are in no node. The caller may not
 * read them; or something is mounted over their entries in the procfs; or the kernel does
 * not answer: a process inside execve(2) that waits for a file server blocks its readers. A
 * scan waits at most half a second for each of the first three such processes and 10
 * milliseconds for each other, and from Linux 6.11 on finds the user namespace of the process
 * nevertheless. Counts processes.
 */
#define USERNS_GAP_UNREADABLE 0x1u

/**
 * userns_gaps(): the procfs hides, or may hide, processes from this caller (mount option
 * hidepid, see proc(5)), even from root if a security module denies root to read them.
 */
#define USERNS_GAP_HIDEPID 0x2u

/**
 * userns_gaps(): the procfs does not, or may not, belong to the initial PID namespace. It
 * does not show processes outside its PID namespace, see pid_namespaces(7).
 */
#define USERNS_GAP_PIDNS 0x4u

/**
 * userns_gaps(): the caller is not, or may not be, in the initial user namespace. User
 * namespaces that are not descendants of its own are not visible, see user_namespaces(7).
 */
#define USERNS_GAP_NESTED 0x8u

/**
 * userns_gaps(), with USERNS_SCAN_OWNED: some references to namespaces could not be read or
 * opened, so that namespaces and their owners can be missing. Counts references, without those
 * of the processes that USERNS_GAP_UNREADABLE counts: links in /proc/PID/task/TID/ns,
 * descriptors of namespaces, namespaces registered with an io_uring (of which only the inode
 * number is known, if the scan did not find them elsewhere), ids that listns(2) lists, one for
 * all files of an io_uring that is busy, or of one after 64 MiB of text about others, one for all
 * links of a process that blocks its readers, or that BPF shows but procfs hides, one for a
 * process whose threads end or call execve(2) all the time, and one for all threads of a process
 * that are beyond options->limit. With USERNS_SCAN_BPF the links of threads need not be read from
 * Linux 6.4 on.
 */
#define USERNS_GAP_LINKS 0x10u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED: the descriptors of some processes could not be
 * read, or are more than options->limit permits to read. Counts processes, including those of
 * USERNS_GAP_UNREADABLE.
 */
#define USERNS_GAP_DESCRIPTORS 0x20u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED: the network namespace of some descriptors of tun,
 * tap, macvtap or ipvtap devices or, with USERNS_SCAN_SOCKETS, of sockets could not be
 * determined. Counts descriptors, and sockets that are registered with an io_uring.
 */
#define USERNS_GAP_SOCKETS 0x40u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED: the mounts of some processes could not be read, or
 * are more than a scan reads. Counts processes, including those of USERNS_GAP_UNREADABLE.
 */
#define USERNS_GAP_MOUNTS 0x80u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED: some mount namespaces have no process, and their
 * mounts could not be read. The scan reads them from Linux 6.12 on, as root in the initial
 * PID namespace: it needs CAP_SYS_ADMIN and CAP_SYS_CHROOT in the initial user namespace, and
 * a procfs of the initial PID namespace. Otherwise it knows and counts only those that a
 * descriptor or mount shows. Counts mount namespaces.
 */
#define USERNS_GAP_MOUNT_NAMESPACES 0x100u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED: every process of some mount namespaces is in a
 * chroot(2), or has a root directory that is not in the mount namespace, so that mounts outside
 * of it are not visible; or the time that a scan takes for lookups was over before this was
 * known. Before Linux 5.12 not detected if the root directory is itself a mount point. Counts
 * mount namespaces.
 */
#define USERNS_GAP_CHROOTED 0x200u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED: some mounted namespaces could not be opened, or are
 * more than a scan records. Unless the scan found such a namespace elsewhere, only its inode
 * number is known: a user namespace is then a root, a nonuser namespace has no owner. Counts
 * mounts.
 */
#define USERNS_GAP_UNOPENED_MOUNTS 0x400u

/**
 * userns_gaps(): the kernel, or a security policy such as a seccomp filter, refused to report
 * the parent, owner or id of some namespaces. Such a namespace can be a root, or have no
 * owner or id. Counts namespaces.
 */
#define USERNS_GAP_RELATIONS 0x800u

/**
 * userns_gaps(), with USERNS_SCAN_NAMES: the names of some processes could not be read. They
 * are empty. Counts processes.
 */
#define USERNS_GAP_NAMES 0x1000u

/**
 * userns_gaps(), with USERNS_SCAN_OWNED or USERNS_SCAN_PINNED: there are more pins than
 * options->limit, so that some are not recorded. The namespaces that they keep are in the
 * snapshot, each with at least one pin. Counts pins.
 */
#define USERNS_GAP_PINS 0x2000u

/**
 * userns_gaps(), with USERNS_SCAN_MAPS: the maps of some user namespaces, which are the
 * caller's own or below it, could not be read; some of these may have ended meanwhile. The
 * nodes lack USERNS_NODE_MAPS. Counts namespaces.
 */
#define USERNS_GAP_MAPS 0x4000u

/**
 * userns_gaps(), with USERNS_SCAN_CREDENTIALS: the credentials of some processes could not be
 * read. Counts processes, including those of USERNS_GAP_UNREADABLE of which that is true.
 */
#define USERNS_GAP_CREDENTIALS 0x8000u

/**
 * userns_gaps(), with USERNS_SCAN_CGROUPS: the cgroups of some processes could not be read. The
 * kernel tells no path of 4095 bytes or more, or cuts it off. Counts processes, including those
 * of USERNS_GAP_UNREADABLE of which that is true.
 */
#define USERNS_GAP_CGROUPS 0x10000u

/**
 * userns_flags(): this is the initial user namespace, which has no parent.
 */
#define USERNS_NODE_INITIAL 0x1u

/**
 * userns_flags(): the namespace has a parent that is not visible to the caller. It is a
 * root of the snapshot.
 */
#define USERNS_NODE_PARENT_HIDDEN 0x2u

/**
 * userns_flags(): the scan saw no process in the namespace.
 */
#define USERNS_NODE_EMPTY 0x4u

/**
 * userns_flags(): the namespace is known only through pins: the scan saw no process in it
 * or in a descendant, but it or a descendant has a pin, see userns_pins().
 */
#define USERNS_NODE_ONLY_PINNED 0x8u

/**
 * userns_flags(): the maps of the namespace are known (USERNS_SCAN_MAPS). Then an empty map
 * is one that was not written yet.
 */
#define USERNS_NODE_MAPS 0x10u

/**
 * userns_flags(): setgroups(2) is known to be denied in the namespace (USERNS_SCAN_MAPS), see
 * proc_pid_setgroups(5).
 */
#define USERNS_NODE_SETGROUPS_DENIED 0x20u

/**
 * userns_describe(): the calling thread is in the namespace. Not set if the namespace of the thread
 * cannot be opened: by a pidfd (Linux 6.11), or through /proc.
 */
#define USERNS_INFO_OWN 0x10000u

/**
 * userns_describe(): owner_uid is known.
 */
#define USERNS_INFO_OWNER_UID 0x20000u

/**
 * userns_probe(), options->flags: try nothing, only read files and ask AppArmor and SELinux what
 * they permit, and tell the reasons that this shows. No step works or fails then.
 */
#define USERNS_PROBE_READ_ONLY 0x1u

/**
 * userns_probe(), options->flags: make one namespace after the other by unshare(2), as for
 * example shell scripts do, instead of all by one call of clone(2). Some security policies
 * answer differently.
 */
#define USERNS_PROBE_ONE_BY_ONE 0x2u

/**
 * userns_probe(), options->flags: map the subordinate ids of the caller, too, see
 * subuid(5) and subgid(5): USERNS_STEP_MAP runs newuidmap(1) and newgidmap(1).
 */
#define USERNS_PROBE_SUBIDS 0x4u

/**
 * userns_probe(), options->steps: make a user namespace. All other steps include this one.
 */
#define USERNS_STEP_CREATE UINT64_C(0x1)

/**
 * userns_probe(), options->steps: write the maps of the user namespace, for the effective
 * UID and GID of the caller. All steps that follow include this one, but are tried even if
 * it fails.
 */
#define USERNS_STEP_MAP UINT64_C(0x2)

/**
 * userns_probe(), options->steps: use a capability, which a security policy can take away:
 * mount a tmpfs in a new mount namespace.
 */
#define USERNS_STEP_CAPABLE UINT64_C(0x4)

/**
 * userns_probe(), options->steps: make a network namespace and bring up its loopback
 * interface.
 */
#define USERNS_STEP_NET UINT64_C(0x8)

/**
 * userns_probe(), options->steps: make a PID namespace and mount its procfs. Includes
 * USERNS_STEP_CAPABLE; without its mount namespace the step is not tried.
 */
#define USERNS_STEP_PID UINT64_C(0x10)

/**
 * userns_probe(), options->steps: make one more user namespace inside.
 */
#define USERNS_STEP_NESTED UINT64_C(0x20)

/**
 * Where a scan read the processes and the user namespace of each. Later versions can add
 * sources.
 */
enum userns_source {
    /**
     * procfs, one link per process.
     */
    USERNS_SOURCE_PROCFS = 1,
    /**
     * A BPF program that iterates over processes (Linux 6.7).
     */
    USERNS_SOURCE_BPF_PROCESSES = 2,
    /**
     * A BPF program that the kernel runs for each thread (Linux 5.8).
     */
    USERNS_SOURCE_BPF_TASKS = 3,
};

/**
 * How far a scan looked for namespaces without processes. A scan with a value
 * tried those before it, too; gaps report what that did not find. Later versions can add
 * values.
 */
enum userns_empty_source {
    /**
     * Only the ancestors of the namespaces of processes and, with USERNS_SCAN_OWNED, the
     * owners of nonuser namespaces.
     */
    USERNS_EMPTY_SOURCE_ANCESTORS = 1,
    /**
     * What the processes hold: descriptors, mounts and other pins (USERNS_SCAN_PINNED).
     */
    USERNS_EMPTY_SOURCE_PINS = 2,
    /**
     * The mounts in all mount namespaces, with and without processes (Linux 6.12).
     */
    USERNS_EMPTY_SOURCE_MOUNT_NAMESPACES = 3,
    /**
     * The kernel's list of all namespaces in use, listns(2) (Linux 6.19).
     */
    USERNS_EMPTY_SOURCE_LISTNS = 4,
};

/**
 * The kinds of pins, in the order in which userns_pins() lists them. Later versions can add
 * kinds.
 */
enum userns_pin_kind {
    /**
     * A thread is in the namespace, which is a nonuser namespace. There is one pin for each
     * process, by its thread-group leader, and one for each other thread that is in another
     * namespace than the leader. See userns_pin_pid() and userns_pin_tid().
     */
    USERNS_PIN_MEMBER = 1,
    /**
     * Children of a thread will be created in the namespace, which is a PID or time
     * namespace (pid_for_children and time_for_children in namespaces(7)); the thread itself
     * is in another one. See userns_pin_pid() and userns_pin_tid().
     */
    USERNS_PIN_FOR_CHILDREN = 2,
    /**
     * A descriptor of the namespace is open. See userns_pin_pid(), userns_pin_tid() and
     * userns_pin_descriptor(). It can be a descriptor of inotify(7) or fanotify(7) that
     * watches the namespace, if only USERNS_EMPTY_SOURCE_LISTNS finds the namespace.
     */
    USERNS_PIN_DESCRIPTOR = 3,
    /**
     * The namespace is bind-mounted. See userns_pin_path(), userns_pin_pid(),
     * userns_pin_nonuser(), userns_pin_is_overmounted() and userns_pin_may_be_locked().
     */
    USERNS_PIN_MOUNT = 4,
    /**
     * A socket of the network namespace (USERNS_SCAN_SOCKETS), or a tun or tap device, is
     * open. See userns_pin_pid(), userns_pin_tid() and userns_pin_descriptor().
     */
    USERNS_PIN_SOCKET = 5,
    /**
     * The user namespace owns a nonuser namespace. See userns_pin_nonuser().
     */
    USERNS_PIN_OWNED = 6,
    /**
     * The PID namespace has a child PID namespace. See userns_pin_nonuser().
     */
    USERNS_PIN_CHILD_NAMESPACE = 7,
    /**
     * A file of the namespace, or a socket of the network namespace, is registered with an
     * io_uring (io_uring_register(2)). See userns_pin_pid(), userns_pin_tid() and
     * userns_pin_descriptor(), which is the descriptor of the io_uring. Before Linux 6.16 the
     * kernel does not tell.
     */
    USERNS_PIN_IO_URING = 8,
    /**
     * A file is open that was opened with credentials of the user namespace (the kernel's
     * f_cred). Only BPF shows this kind and the next two (USERNS_SCAN_BPF, from Linux 6.4 on).
     * They are listed only if the process that has the descriptor is neither in the user
     * namespace nor in a descendant of it; otherwise it keeps the user namespace anyway. See
     * userns_pin_pid(), userns_pin_tid() and userns_pin_descriptor().
     */
    USERNS_PIN_CREDENTIALS = 9,
    /**
     * A socket is open whose peer has, or had, credentials of the user namespace (the
     * kernel's sk_peer_cred, see SO_PEERCRED in unix(7)). The peer can have ended. See
     * USERNS_PIN_CREDENTIALS.
     */
    USERNS_PIN_PEER = 10,
    /**
     * A file is open on a file system that was mounted in the user namespace, such as a
     * tmpfs, mqueue or procfs (the kernel's s_user_ns). See USERNS_PIN_CREDENTIALS.
     */
    USERNS_PIN_FILE_SYSTEM = 11,
    /**
     * A pidfd (pidfd_open(2)) is open, of a process that was in the PID namespace and has
     * ended. Only BPF shows this kind (USERNS_SCAN_BPF, from Linux 6.9 on). See
     * userns_pin_pid(), userns_pin_tid() and userns_pin_descriptor().
     */
    USERNS_PIN_PIDFD = 12,
    /**
     * The kernel lists the namespace as in use, and the scan has not seen why: a descriptor
     * in flight over a UNIX socket (unix(7)); a mount in a detached mount tree
     * (open_tree(2)); another object of the kernel; with USERNS_SCAN_BPF, a watch of
     * inotify(7) or a mark of fanotify(7) on the namespace; a process, descriptor or mount
     * that the scan could not read, in which case a gap is set; or a process that entered the
     * namespace during the scan. Only with USERNS_EMPTY_SOURCE_LISTNS, and only if there is no
     * other pin.
     */
    USERNS_PIN_OUT_OF_SIGHT = 13,
};

/**
 * The kinds of changes. Later versions can add kinds.
 */
enum userns_change_kind {
    /**
     * The namespace is new: only the second snapshot has it.
     */
    USERNS_CHANGE_APPEARED = 1,
    /**
     * The namespace has ended, as far as the second scan looked, see userns_compare().
     */
    USERNS_CHANGE_ENDED = 2,
    /**
     * The namespace had processes, and has none.
     */
    USERNS_CHANGE_EMPTIED = 3,
    /**
     * At least one of the three id maps of the namespace was not written yet, and is written now
     * (USERNS_SCAN_MAPS for both scans).
     */
    USERNS_CHANGE_MAPPED = 4,
    /**
     * A process is in the namespace, and was not. See userns_change_pid().
     */
    USERNS_CHANGE_JOINED = 5,
    /**
     * A process was in the namespace, and is not: it has ended, or has moved to another one,
     * which it has joined then. See userns_change_pid().
     */
    USERNS_CHANGE_LEFT = 6,
};

/**
 * The kinds of reasons why a step of userns_probe() fails. Later versions can add kinds.
 */
enum userns_reason_kind {
    /**
     * The kernel was built without namespaces of this type.
     */
    USERNS_REASON_NOT_BUILT = 1,
    /**
     * The root directory of the caller is not that of its mount namespace: chroot(2).
     */
    USERNS_REASON_CHROOT = 2,
    /**
     * A limit in /proc/sys/user is reached, for example max_user_namespaces, in the caller's own
     * user namespace or in an ancestor.
     */
    USERNS_REASON_LIMIT = 3,
    /**
     * The kernel nests at most 33 user namespaces below the initial one.
     */
    USERNS_REASON_DEPTH = 4,
    /**
     * The effective UID or GID of the caller is not mapped in its own user namespace.
     */
    USERNS_REASON_UNMAPPED = 5,
    /**
     * /proc/sys/kernel/unprivileged_userns_clone is 0. Kernels of Debian and some others have
     * it.
     */
    USERNS_REASON_SYSCTL = 6,
    /**
     * AppArmor restricts unprivileged user namespaces, or confines the caller by a profile.
     */
    USERNS_REASON_APPARMOR = 7,
    /**
     * The policy of SELinux.
     */
    USERNS_REASON_SELINUX = 8,
    /**
     * A seccomp filter answers a system call, or ends the process that makes it.
     */
    USERNS_REASON_SECCOMP = 9,
    /**
     * newuidmap(1) or newgidmap(1) is missing, has no privileges, or permits no range.
     */
    USERNS_REASON_HELPER = 10,
    /**
     * The procfs at /proc is missing, read-only, or partly hidden by other mounts, as the masked
     * paths of containers.
     */
    USERNS_REASON_PROC_MASKED = 11,
    /**
     * No process can be created: RLIMIT_NPROC (getrlimit(2)) or pids.max of a cgroup.
     */
    USERNS_REASON_PROCESSES = 12,
    /**
     * A step took longer than some seconds, and was given up.
     */
    USERNS_REASON_TIMEOUT = 13,
    /**
     * Another security module.
     */
    USERNS_REASON_LSM = 14,
    /**
     * None of these; the sentence has what is known.
     */
    USERNS_REASON_UNKNOWN = 15,
};

/**
 * What decides whether a process has a capability in a user namespace, see userns_capable().
 * Later versions can add values.
 */
enum userns_why {
    /**
     * The process is in the namespace, so its effective capabilities decide.
     */
    USERNS_WHY_MEMBER = 1,
    /**
     * The process is in an ancestor of the namespace, so its effective capabilities decide.
     */
    USERNS_WHY_ANCESTOR = 2,
    /**
     * The process is in the parent of the namespace, or of an ancestor of the namespace, and its
     * effective UID is that of the owner there. It has all capabilities.
     */
    USERNS_WHY_OWNER = 3,
    /**
     * The process is neither in the namespace nor in an ancestor. It has no capability.
     */
    USERNS_WHY_OUTSIDE = 4,
    /**
     * A parent, owner or credential that decides is out of sight, or the scan did not read
     * credentials.
     */
    USERNS_WHY_HIDDEN = 5,
};

/**
 * A difference between two snapshots.
 */
struct userns_change;

/**
 * The differences between two snapshots.
 */
struct userns_changes;

/**
 * A user namespace in a snapshot. A snapshot has one pointer for each, so pointers can be
 * compared.
 */
struct userns_node;

/**
 * A nonuser namespace: a namespace of another type than user. A user namespace owns it, see
 * namespaces(7). A snapshot has one pointer for each, so pointers can be compared.
 */
struct userns_nonuser;

/**
 * A reason why the kernel keeps a namespace.
 */
struct userns_pin;

/**
 * What came of userns_probe(). It never changes.
 */
struct userns_probe;

/**
 * A reason why a step of userns_probe() fails.
 */
struct userns_reason;

/**
 * The result of a scan: an immutable tree of user namespaces, or several trees if a common
 * ancestor is not visible.
 */
struct userns_snapshot;

/**
 * The options of a scan. Initialize with USERNS_OPTIONS_INIT, then set fields:
 *
 *     struct userns_options options = USERNS_OPTIONS_INIT;
 *     options.proc_path = "/mnt/proc";
 *
 * Later versions add fields at the end. A field that is zero selects the behaviour of
 * earlier versions.
 *
 * Since 0.1.
 */
struct userns_options {
    /**
     * sizeof(struct userns_options), as the program was compiled.
     */
    size_t size;
    /**
     * The root directory of the procfs to scan; NULL means "/proc". Only used during the
     * call.
     */
    const char *proc_path;
    /**
     * USERNS_SCAN_ bits; 0 is a plain scan.
     */
    uint64_t flags;
    /**
     * The scan records at most so many pins, and reads at most four times as many threads,
     * descriptors and mounts each; 0 means 1,000,000. What is beyond is counted in gaps, such
     * as USERNS_GAP_PINS. Always recorded are the first pin of each namespace, and those that
     * thread-group leaders are themselves, several for each process. Processes and namespaces
     * are not limited. A pin takes some 40 bytes.
     */
    uint64_t limit;
};

/**
 * A range of ids in a map: inside, inside + 1 and so on of the namespace are outside,
 * outside + 1 and so on of the caller's own user namespace.
 */
struct userns_extent {
    /**
     * The first id in the namespace.
     */
    uint32_t inside;
    /**
     * The same id in the user namespace of the process that scanned. An id that a namespace
     * maps is mapped in each of its ancestors, so it is never UINT32_MAX.
     */
    uint32_t outside;
    /**
     * The number of ids.
     */
    uint32_t count;
};

/**
 * How many user namespaces the kernel charges to a user, see userns_charges().
 *
 * Since 0.1.
 */
struct userns_charge {
    /**
     * The user, as the caller's user namespace maps it; UINT32_MAX for all users whose UID is
     * unknown together.
     */
    uid_t uid;
    /**
     * The number of user namespaces.
     */
    uint32_t count;
};

/**
 * What userns_describe() tells about a namespace. Initialize it with USERNS_INFO_INIT. Later
 * versions add fields at the end. The library fills in the fields that it knows, as far as
 * size reaches, and sets all bytes behind them to zero.
 *
 * Since 0.1.
 */
struct userns_info {
    /**
     * sizeof(struct userns_info), as the program was compiled; an input, which the library
     * does not change.
     */
    uint32_t size;
    /**
     * USERNS_NODE_INITIAL: this is the initial user namespace. USERNS_NODE_PARENT_HIDDEN: a
     * user or PID namespace has a parent that is not visible to the caller. USERNS_INFO_ bits.
     */
    uint32_t flags;
    /**
     * The inode number, as stat(2) of /proc/PID/ns/TYPE returns it.
     */
    uint64_t inode;
    /**
     * The device number of nsfs, the same for all namespaces.
     */
    uint64_t device;
    /**
     * The 64-bit id (NS_GET_ID, Linux 6.18); 0 if it is unknown.
     */
    uint64_t id;
    /**
     * The inode number of the parent of a user or PID namespace; 0 if it has none or that is
     * not visible to the caller, and for other types.
     */
    uint64_t parent;
    /**
     * The inode number of the user namespace that owns a nonuser namespace; 0 if that is not
     * visible to the caller, and for a user namespace.
     */
    uint64_t owner;
    /**
     * The type: a flag of clone(2), such as CLONE_NEWUSER; 0 if the kernel does not tell it:
     * before Linux 4.11, and for 32-bit programs on 64-bit kernels before Linux 6.12. Then
     * only inode, device and USERNS_INFO_OWN of a user namespace are known.
     */
    uint32_t type;
    /**
     * With USERNS_INFO_OWNER_UID: the owner of a user namespace, see userns_owner_uid().
     */
    uint32_t owner_uid;
};

/**
 * The options of userns_probe(). Initialize with USERNS_PROBE_OPTIONS_INIT, then set fields.
 * Later versions add fields at the end. A field that is zero selects the behaviour of earlier
 * versions.
 *
 * Since 0.1.
 */
struct userns_probe_options {
    /**
     * sizeof(struct userns_probe_options), as the program was compiled.
     */
    uint32_t size;
    /**
     * USERNS_PROBE_ bits.
     */
    uint32_t flags;
    /**
     * The steps that are wanted, USERNS_STEP_ bits. 0 means all steps of version 0.1.
     */
    uint64_t steps;
};

#ifdef __cplusplus
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wshadow" /* a struct and a function */
extern "C" {
#endif /* __cplusplus */

/* Version and errors ------------------------------------------------------------------- */

/**
 * Get the version of the library in use, for example "0.1.0".
 *
 * Returns a string that is valid while the library is loaded.
 *
 * Since 0.1.
 */
const char *userns_version(void);

/**
 * Get the version of the library in use as 0xMMmmpp: major, minor and patch number, eight
 * bits each.
 *
 * Returns a number to compare with USERNS_VERSION_NUMBER, the version of the header.
 *
 * Since 0.1.
 */
uint32_t userns_version_number(void);

/**
 * Describe an error and its remedy in one English sentence without a final full stop.
 *
 * error: a negative value that a function of this library returned. For 0 and above, the
 * sentence says that there was no error. For a value that no function documents, it says
 * that the value is an errno value.
 *
 * Returns a string that is valid while the library is loaded; never NULL.
 *
 * Since 0.1.
 */
const char *userns_strerror(int error);

/* Scanning ----------------------------------------------------------------------------- */

/**
 * Scan the user namespaces of the host through a procfs, see proc(5) and ioctl_ns(2).
 *
 * A plain scan finds the user namespace of every process that the procfs shows and the
 * caller may read (PTRACE_MODE_READ_FSCREDS, see ptrace(2)), the caller's own user
 * namespace, and each ancestor of these that is a descendant of the caller's own. It does not
 * find a user namespace if neither it nor a descendant contains a process.
 *
 * A process or namespace that exists before the call and until it returns is in its right
 * place in the tree. A process that starts, moves or ends during the call, or a namespace that
 * is created or ends, is in its place, missing, or in or below a namespace that had the same
 * inode number a moment before.
 *
 * options: what to scan; NULL means USERNS_OPTIONS_INIT.
 * snapshot: receives the result, to be released with userns_free(); NULL if the call fails.
 *
 * Returns 0, or a negative errno value: one of these, or another one with which open(2)
 * failed for proc_path.
 *
 *     -EINVAL           snapshot is NULL; or options->size is smaller than in version 0.1;
 *                       or options->flags has a bit that this version does not know
 *     -E2BIG            options has a non-zero field that this version does not know; or
 *                       options->size is 4096 or more
 *     -ENOENT           proc_path does not exist
 *     -ENOTDIR          proc_path, or a component of it, is not a directory
 *     -EACCES, -EPERM   the caller may not open or read proc_path
 *     -ENOSYS           a security policy, such as a seccomp filter, refuses a system call on
 *                       proc_path
 *     -EIO              proc_path could not be read, or a file system on it does not answer
 *     -ELOOP            proc_path contains too many symbolic links
 *     -ENAMETOOLONG     proc_path is too long
 *     -ENODEV           proc_path is not the root directory of a procfs
 *     -ENOTTY           the kernel has no user namespaces; or BPF was not used and the kernel
 *                       lacks ioctl_ns(2): before Linux 4.9, and for 32-bit programs on
 *                       64-bit kernels before Linux 6.12
 *     -ENOMEM           out of memory
 *     -EMFILE           the process has too many open descriptors (RLIMIT_NOFILE, see
 *                       getrlimit(2))
 *     -ENFILE           the system has too many open files
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Needs Linux 4.9. Owners need Linux 4.11, 64-bit ids Linux 6.18.
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_scan(const struct userns_options *options,
                struct userns_snapshot **snapshot);

/**
 * Release a snapshot and everything that it returned. NULL is accepted and does nothing.
 *
 * Since 0.1.
 */
void userns_free(struct userns_snapshot *snapshot);

/* Snapshots ---------------------------------------------------------------------------- */

/**
 * Get the node to start from: the initial user namespace if it is visible, else the
 * caller's own, else the first root.
 *
 * Returns NULL if the snapshot is empty: procfs showed no process and the caller's own
 * namespace is unknown.
 *
 * Since 0.1.
 */
const struct userns_node *userns_root(const struct userns_snapshot *snapshot);

/**
 * List all nodes without a visible parent: the initial user namespace, the caller's own,
 * then the others in the order of siblings (see userns_nodes()). There are several if their
 * common ancestor is not visible to the caller.
 *
 * Returns an array of *count nodes.
 *
 * Since 0.1.
 */
const struct userns_node *const *userns_roots(const struct userns_snapshot *snapshot,
                                              size_t *count);

/**
 * List all nodes, depth first: each node is followed by its descendants. Siblings are
 * ordered by the smallest PID in their subtrees, compared as text ("10" is before "9"), as
 * sort(1) does without -n; the order is part of the ABI.
 * Those without a process in their subtree are last, by inode number.
 *
 * Returns an array of *count nodes.
 *
 * Since 0.1.
 */
const struct userns_node *const *userns_nodes(const struct userns_snapshot *snapshot,
                                              size_t *count);

/**
 * Get the user namespace of the process that called userns_scan(), regardless of the
 * scanned procfs.
 *
 * Returns NULL if the caller's namespace is unknown. This happens only if neither proc_path
 * nor /proc shows the caller, and pidfds do not help (before Linux 6.11, or denied by
 * seccomp(2)).
 *
 * Since 0.1.
 */
const struct userns_node *userns_self(const struct userns_snapshot *snapshot);

/**
 * Find the node with an inode number, as userns_inode() and stat(2) of /proc/PID/ns/user
 * return it. The kernel reuses inode numbers: use a fresh snapshot, or userns_find_id().
 *
 * Returns NULL if there is none.
 *
 * Since 0.1.
 */
const struct userns_node *userns_find_inode(const struct userns_snapshot *snapshot,
                                            uint64_t inode);

/**
 * Find the node with a 64-bit id, as userns_id() returns it.
 *
 * Returns NULL if there is none, for an id of 0, and always before Linux 6.18.
 *
 * Since 0.1.
 */
const struct userns_node *userns_find_id(const struct userns_snapshot *snapshot,
                                         uint64_t id);

/**
 * Find the node of a process.
 *
 * pid: the PID of a process (not of a thread), as the PID namespace of the scanned procfs
 * numbers it.
 *
 * Returns NULL if the scan did not see the process, or could not read it.
 *
 * Since 0.1.
 */
const struct userns_node *userns_find_pid(const struct userns_snapshot *snapshot,
                                          pid_t pid);

/**
 * List all nonuser namespaces (USERNS_SCAN_OWNED or USERNS_SCAN_PINNED): those that
 * userns_owned() lists for each node, then those whose owner is not visible to the caller.
 *
 * Returns an array of *count nonuser namespaces.
 *
 * Since 0.1.
 */
const struct userns_nonuser *const *userns_nonusers(const struct userns_snapshot *snapshot,
                                                    size_t *count);

/**
 * Get the source of a snapshot. Without USERNS_SCAN_BPF it is USERNS_SOURCE_PROCFS.
 *
 * Returns 0 for NULL, and for a loaded snapshot whose file names no source that this version
 * knows.
 *
 * Since 0.1.
 */
enum userns_source userns_source(const struct userns_snapshot *snapshot);

/**
 * Get the reason why a scan with USERNS_SCAN_BPF used procfs, see bpf(2).
 *
 *     options.flags = USERNS_SCAN_BPF;
 *     if (userns_scan(&options, &snapshot) == 0 && userns_source_error(snapshot) < 0)
 *         fprintf(stderr, "slower, without BPF: %s\n",
 *                 userns_strerror(userns_source_error(snapshot)));
 *
 * Returns 0 if the source is BPF, or if BPF was not requested; otherwise one of these
 * negative errno values.
 *
 *     -EPERM                     the caller lacks CAP_BPF or CAP_PERFMON in the initial
 *                                user namespace; or a security policy forbids BPF, for
 *                                example seccomp(2); or RLIMIT_MEMLOCK is too low (before
 *                                Linux 5.11)
 *     -EXDEV                     the procfs does not belong to the caller's own PID
 *                                namespace
 *     -EOPNOTSUPP                the kernel has no BPF, no type information (BTF, in
 *                                /sys/kernel/btf/vmlinux), or lacks a feature that the
 *                                program needs, for example a JIT compiler (sysctl
 *                                net.core.bpf_jit_enable)
 *     -ENOEXEC                   the kernel's verifier rejects the program, see
 *                                userns_source_log(); in a nested PID namespace also because
 *                                the kernel is locked down, see kernel_lockdown(7)
 *     -ENOMEM, -EMFILE, -ENFILE  not enough memory or descriptors
 *
 * Since 0.1.
 */
int userns_source_error(const struct userns_snapshot *snapshot);

/**
 * Get what the kernel's verifier said about the BPF programs, if it rejected them
 * (userns_source_error() is -ENOEXEC). Attach it to a report of the problem, with the version
 * of the kernel: the library builds the programs for each kernel, and this one is new to it.
 *
 * Returns lines of printable ASCII text: the end of the verifier's log of each rejected
 * program, at most 17 KiB in all. It can contain addresses of the kernel's memory. NULL if
 * the verifier rejected nothing or said nothing, as in all other cases of
 * userns_source_error().
 *
 * Since 0.1.
 */
const char *userns_source_log(const struct userns_snapshot *snapshot);

/**
 * Get how far a scan looked for namespaces without processes. With USERNS_SCAN_PINNED it
 * looks as far as the kernel permits: USERNS_EMPTY_SOURCE_MOUNT_NAMESPACES and
 * USERNS_EMPTY_SOURCE_LISTNS need CAP_SYS_ADMIN in the initial user namespace, and a caller
 * and a procfs of the initial PID namespace.
 *
 * Returns 0 only for NULL.
 *
 * Since 0.1.
 */
enum userns_empty_source userns_empty_source(const struct userns_snapshot *snapshot);

/**
 * Get the time at which a scan began: CLOCK_REALTIME (clock_gettime(2)) in nanoseconds since
 * the Epoch.
 *
 * Returns 0 if the clock is before 1970 or after 2554.
 *
 * Since 0.1.
 */
uint64_t userns_time(const struct userns_snapshot *snapshot);

/**
 * Get the boot id of the scanned host, which differs for each boot:
 * /proc/sys/kernel/random/boot_id, see proc_sys_kernel(5). Inode numbers and ids of
 * different boots are unrelated.
 *
 * Returns a UUID in text form, or NULL if it could not be read.
 *
 * Since 0.1.
 */
const char *userns_boot_id(const struct userns_snapshot *snapshot);

/**
 * Get the inode number of the PID namespace whose numbers the PIDs in a snapshot are: that
 * of the scanned procfs, see pid_namespaces(7).
 *
 * Returns 0 if it is unknown.
 *
 * Since 0.1.
 */
uint64_t userns_pid_namespace(const struct userns_snapshot *snapshot);

/* Gaps --------------------------------------------------------------------------------- */

/**
 * Get the reasons why a snapshot can be incomplete.
 *
 * Returns USERNS_GAP_ bits; 0 if the scan noticed no gap. Some things cannot be noticed:
 * processes that a security module hides from BPF, for example, and, unless
 * userns_empty_source() is USERNS_EMPTY_SOURCE_LISTNS, descriptors in flight over a UNIX
 * socket.
 *
 * Since 0.1.
 */
uint32_t userns_gaps(const struct userns_snapshot *snapshot);

/**
 * Count the things that a gap concerns.
 *
 * gap: one of the USERNS_GAP_ bits.
 *
 * Returns a number of things, in the unit that the comment of the bit states, or 1 for a
 * gap without a unit; 0 if the gap is not set, or if gap is not exactly one known bit.
 *
 * Since 0.1.
 */
size_t userns_gap_count(const struct userns_snapshot *snapshot, uint32_t gap);

/* Nodes -------------------------------------------------------------------------------- */

/**
 * Get the inode number of a user namespace, as stat(2) of /proc/PID/ns/user returns it. It
 * is unique among all existing namespaces. The kernel reuses it once the namespace has
 * ended.
 *
 * Since 0.1.
 */
uint64_t userns_inode(const struct userns_node *node);

/**
 * Get the device number of a user namespace, as stat(2) of /proc/PID/ns/user returns it. It
 * is that of nsfs, the same for all namespaces.
 *
 * Returns 0 if the scan could open no namespace.
 *
 * Since 0.1.
 */
uint64_t userns_device(const struct userns_node *node);

/**
 * Get the 64-bit id of a user namespace (NS_GET_ID, Linux 6.18). The kernel never reuses it
 * while the system runs.
 *
 * Returns 0 if it is unknown.
 *
 * Since 0.1.
 */
uint64_t userns_id(const struct userns_node *node);

/**
 * Get the properties of a node.
 *
 * Returns USERNS_NODE_ bits.
 *
 * Since 0.1.
 */
uint32_t userns_flags(const struct userns_node *node);

/**
 * Get the depth of a node: the number of its ancestors in the snapshot, 0 for a root. The
 * kernel allows 33 levels below the initial user namespace.
 *
 * Since 0.1.
 */
uint32_t userns_depth(const struct userns_node *node);

/**
 * Get the owner of a user namespace: the effective UID of its creator (NS_GET_OWNER_UID,
 * see ioctl_ns(2); Linux 4.11), as the caller's user namespace maps it.
 *
 * uid: receives the UID; may be NULL.
 *
 * Returns false, and leaves *uid unchanged, if the owner is unknown: the kernel did not
 * report it; or the caller is in a nested user namespace that shows the owner as the
 * overflow UID, which stands for all unmapped UIDs.
 *
 * Since 0.1.
 */
bool userns_owner_uid(const struct userns_node *node, uid_t *uid);

/**
 * Get the parent of a user namespace: the user namespace in which it was created
 * (NS_GET_PARENT, see ioctl_ns(2)).
 *
 * Returns NULL for a root.
 *
 * Since 0.1.
 */
const struct userns_node *userns_parent(const struct userns_node *node);

/**
 * List the children of a user namespace: the user namespaces created in it, in the order of
 * userns_nodes().
 *
 * Returns an array of *count nodes.
 *
 * Since 0.1.
 */
const struct userns_node *const *userns_children(const struct userns_node *node,
                                                 size_t *count);

/**
 * List the processes in a user namespace, including zombies, without those in descendants.
 * A thread is always in the user namespace of its process.
 *
 * Returns an array of *count PIDs, ascending, as the PID namespace of the scanned procfs
 * numbers them.
 *
 * Since 0.1.
 */
const pid_t *userns_pids(const struct userns_node *node, size_t *count);

/**
 * Check whether a node is an ancestor of another one: its parent, or the parent of its
 * parent, and so on. A process with capabilities in an ancestor has them in the descendant
 * too, see user_namespaces(7).
 *
 * Returns false also if both are the same node, if they are of different snapshots, or if
 * either is NULL.
 *
 * Since 0.1.
 */
bool userns_is_ancestor(const struct userns_node *ancestor, const struct userns_node *node);

/**
 * List what keeps a user namespace alive besides member processes and child user namespaces
 * (USERNS_SCAN_PINNED). Pins are ordered by kind; within a kind by PID, TID and descriptor
 * number, mounts by path and PID, namespaces as in userns_owned().
 *
 * Returns an array of *count pins. With USERNS_SCAN_OWNED alone, it contains only
 * USERNS_PIN_OWNED.
 *
 * Since 0.1.
 */
const struct userns_pin *const *userns_pins(const struct userns_node *node, size_t *count);

/**
 * List the nonuser namespaces that a user namespace owns (USERNS_SCAN_OWNED or
 * USERNS_SCAN_PINNED), ordered by the name of the type and by inode number, see
 * namespaces(7).
 *
 * Returns an array of *count nonuser namespaces. Without USERNS_SCAN_PINNED, namespaces
 * without processes are missing.
 *
 * Since 0.1.
 */
const struct userns_nonuser *const *userns_owned(const struct userns_node *node,
                                                 size_t *count);

/* Maps --------------------------------------------------------------------------------- */

/**
 * List the UIDs that a user namespace maps (USERNS_SCAN_MAPS), see proc_pid_uid_map(5). The
 * numbers outside are those of the caller's own user namespace, not of the parent. The map of
 * the caller's own namespace maps each id to itself.
 *
 * Returns an array of *count extents, in the order of the file; at most 340. No two of them
 * have an id in common, on either side. It is empty if the map was not written yet and, without
 * USERNS_NODE_MAPS in userns_flags(), if the map is not known: the scan did not read maps; or
 * the namespace is neither the caller's own nor a descendant of it; or the map could not be
 * read, see USERNS_GAP_MAPS.
 *
 * Since 0.1.
 */
const struct userns_extent *userns_uid_map(const struct userns_node *node,
                                           size_t *count);

/**
 * List the GIDs that a user namespace maps (USERNS_SCAN_MAPS), see userns_uid_map().
 *
 * Returns an array of *count extents.
 *
 * Since 0.1.
 */
const struct userns_extent *userns_gid_map(const struct userns_node *node, size_t *count);

/**
 * List the project ids (quotactl(2)) that a user namespace maps (USERNS_SCAN_MAPS), see
 * userns_uid_map().
 *
 * Returns an array of *count extents.
 *
 * Since 0.1.
 */
const struct userns_extent *userns_projid_map(const struct userns_node *node,
                                              size_t *count);

/**
 * Translate a UID of one user namespace to another one: what the kernel shows in `to` for the
 * user that has this UID in `from`, as the owner of a file, for example. Needs
 * USERNS_SCAN_MAPS. The namespaces can be nested in any way.
 *
 *     uid_t uid;
 *     int error = userns_translate_uid(container, 0, userns_root(snapshot), &uid);
 *     if (error == 0)
 *         printf("root in the container is %lu on the host\n", (unsigned long)uid);
 *     else
 *         printf("%s\n", userns_strerror(error));
 *
 * from: a node.
 * uid: a UID in that user namespace. (uid_t)-1 is never one, and not mapped.
 * to: a node of the same snapshot.
 * result: receives the UID in `to`.
 *
 * Returns 0, or a negative errno value.
 *
 *     -ENOENT           one of the namespaces does not map the UID. stat(2) shows the overflow
 *                       UID in its place, see user_namespaces(7)
 *     -ENODATA          a map that decides is not known: a node lacks USERNS_NODE_MAPS
 *     -EINVAL           from, to or result is NULL, or the nodes are of different snapshots
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_translate_uid(const struct userns_node *from,
                         uid_t uid,
                         const struct userns_node *to,
                         uid_t *result);

/**
 * Translate a GID of one user namespace to another one, see userns_translate_uid().
 *
 * from: a node.
 * gid: a GID in that user namespace.
 * to: a node of the same snapshot.
 * result: receives the GID in `to`.
 *
 * Returns 0, or one of the errors of userns_translate_uid().
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_translate_gid(const struct userns_node *from,
                         gid_t gid,
                         const struct userns_node *to,
                         gid_t *result);

/**
 * Translate a project id of one user namespace to another one, see userns_translate_uid().
 *
 * from: a node.
 * projid: a project id in that user namespace.
 * to: a node of the same snapshot.
 * result: receives the project id in `to`.
 *
 * Returns 0, or one of the errors of userns_translate_uid().
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_translate_projid(const struct userns_node *from,
                            uint32_t projid,
                            const struct userns_node *to,
                            uint32_t *result);

/* Processes ---------------------------------------------------------------------------- */

/**
 * Get the command name of a process (USERNS_SCAN_NAMES): the bytes of /proc/PID/comm, see
 * proc_pid_comm(5): at most 15 of a program, more of some kernel threads. With USERNS_SCAN_BPF
 * they are at most 15 of any: the file adds to the name of a kernel worker what it works on. They
 * can be any bytes except NUL. Escape them before printing.
 *
 * pid: the PID of a process in the snapshot.
 *
 * Returns an empty string if the process ended before its name was read, or if its name
 * could not be read (USERNS_GAP_NAMES); NULL if the scan did not see the process
 * or did not read names. If the PID was reused during the scan, the name can be that of the
 * new process.
 *
 * Since 0.1.
 */
const char *userns_process_name(const struct userns_snapshot *snapshot,
                                pid_t pid);

/**
 * Get the effective UID of a process (USERNS_SCAN_CREDENTIALS), see credentials(7), as the
 * caller's user namespace maps it. It is that of the thread-group leader: the kernel lets each
 * thread have credentials of its own.
 *
 * The scan also reads the credentials of processes whose user namespace it cannot read
 * (USERNS_GAP_UNREADABLE). userns_find_pid() then returns NULL.
 *
 * pid: the PID of a process in the snapshot, or of one that is in no node.
 * uid: receives the UID; may be NULL.
 *
 * Returns false, and leaves *uid unchanged, if the UID is unknown: the scan did not see the
 * process or did not read credentials; the process ended before they were read; they could not
 * be read (USERNS_GAP_CREDENTIALS); or the caller is in a nested user namespace that shows the
 * UID as the overflow UID, which stands for all unmapped UIDs.
 *
 * Since 0.1.
 */
bool userns_process_uid(const struct userns_snapshot *snapshot,
                        pid_t pid,
                        uid_t *uid);

/**
 * Get the effective capabilities of a process (USERNS_SCAN_CREDENTIALS), which it has in its user
 * namespace, see capabilities(7): the bit 1 << 21 is CAP_SYS_ADMIN. They are those of the
 * thread-group leader. userns_capable() answers what they permit.
 *
 * pid: as for userns_process_uid().
 * capabilities: receives the bits; may be NULL.
 *
 * Returns false, and leaves *capabilities unchanged, if they are unknown, as for
 * userns_process_uid(); but they do not depend on the caller's user namespace.
 *
 * Since 0.1.
 */
bool userns_process_capabilities(const struct userns_snapshot *snapshot,
                                 pid_t pid,
                                 uint64_t *capabilities);

/**
 * List the PIDs that a process has (USERNS_SCAN_CREDENTIALS), see pid_namespaces(7): in the PID
 * namespace of the scanned procfs, which is pid itself, then in each nested PID namespace down to
 * its own.
 *
 * pid: as for userns_process_uid().
 *
 * Returns an array of *count PIDs; empty if they are unknown, as for userns_process_uid().
 *
 * Since 0.1.
 */
const pid_t *userns_process_pids(const struct userns_snapshot *snapshot,
                                 pid_t pid,
                                 size_t *count);

/**
 * Get the cgroup of a process (USERNS_SCAN_CGROUPS): its path in the hierarchy of cgroup
 * version 2, as /proc/PID/cgroup shows it to the caller, see cgroups(7). A path outside the
 * caller's cgroup namespace begins with "/..", see cgroup_namespaces(7). The path ends with
 * " (deleted)" if the cgroup was removed and the process is a zombie. It can contain any bytes
 * except NUL and newline. Escape them before printing.
 *
 * pid: as for userns_process_uid().
 *
 * Returns NULL if the path is unknown: the scan did not see the process or did not read cgroups;
 * the process ended before its path was read; the path could not be read (USERNS_GAP_CGROUPS);
 * or the host has used no cgroups of version 2 since it started. On a host with both versions,
 * controllers can be in hierarchies of version 1, whose paths are not told. If the PID was reused
 * during the scan, the path can be that of the new process.
 *
 * Since 0.1.
 */
const char *userns_process_cgroup(const struct userns_snapshot *snapshot,
                                  pid_t pid);

/* Capabilities ------------------------------------------------------------------------- */

/**
 * Find out whether a process has a capability in a user namespace (USERNS_SCAN_CREDENTIALS), as
 * the kernel decides it, see user_namespaces(7). A process needs CAP_SYS_ADMIN (21) to enter the
 * namespace or to mount in it, for example.
 *
 * The answer is about the thread-group leader at the time of the scan. A security module can
 * refuse what the capability permits.
 *
 * pid: the PID of a process in the snapshot, or of one whose user namespace could not be read.
 * capability: a number of linux/capability.h, at most 63. A capability that the running kernel
 *   does not know is in no effective set.
 * node: the user namespace, of the same snapshot.
 * why: receives an enum userns_why, if the function returns 1, 0 or -ENODATA; may be NULL.
 *
 * Returns 1 if the process has the capability, 0 if it has not, or a negative errno value.
 *
 *     -ENODATA          it cannot be known (USERNS_WHY_HIDDEN): the user namespace of the
 *                       process, its credentials, or the owner or parent of node or of one of
 *                       its ancestors is unknown; or the process and the owner both have the
 *                       overflow UID, which can stand for different ones
 *     -ESRCH            the scan did not see the process
 *     -EINVAL           snapshot or node is NULL, node is of another snapshot, or there is no
 *                       such capability
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_capable(const struct userns_snapshot *snapshot,
                   pid_t pid,
                   int capability,
                   const struct userns_node *node,
                   uint32_t *why);

/* Limits ------------------------------------------------------------------------------- */

/**
 * List how many user namespaces the kernel charges to each user in this one: those that count for
 * max_user_namespaces, see namespaces(7). Each user namespace below the node is charged there: its
 * children to their owners, and each other one to the owner of the child of the node that is its
 * ancestor. User namespaces above the node have limits of their own.
 *
 * With USERNS_SCAN_BPF and USERNS_SCAN_PINNED (from Linux 6.4 on) a count is the kernel's own
 * number. It counts each user namespace until the kernel has freed it. Two kinds of counts are as
 * without BPF: of a user of whom BPF has seen no child of the node, and of users whose UID is
 * unknown. A user who only has children that no scan finds is missing.
 *
 * Other counts are those of the namespaces in the snapshot. The kernel can charge more: namespaces
 * without processes, which only USERNS_SCAN_PINNED finds; those that gaps count (userns_gaps()):
 * USERNS_GAP_UNREADABLE, _HIDEPID, _PIDNS, _LINKS, _DESCRIPTORS, _SOCKETS, _MOUNTS,
 * _MOUNT_NAMESPACES, _CHROOTED and _UNOPENED_MOUNTS; those whose parent is unknown
 * (USERNS_GAP_RELATIONS, _UNOPENED_MOUNTS), which are charged to nobody here; and those that only
 * the kernel knows, for example through the credentials of an open file, of which USERNS_SCAN_BPF
 * with USERNS_SCAN_PINNED tells some.
 *
 * Returns an array of *count charges, ascending by UID; valid as long as the snapshot.
 *
 * Since 0.1.
 */
const struct userns_charge *userns_charges(const struct userns_node *node,
                                           size_t *count);

/**
 * Get the limit of user namespaces for each user in this one (USERNS_SCAN_PINNED): the value of
 * /proc/sys/user/max_user_namespaces, see namespaces(7). Compare it with userns_charges(). The
 * file shows only that of the caller's own user namespace; USERNS_SCAN_BPF tells that of others,
 * too (from Linux 6.4 on).
 *
 * limit: receives the limit; may be NULL.
 *
 * Returns false, and leaves *limit unchanged, if it is unknown: the scan did not look for
 * namespaces without processes; or BPF did not tell it, and the node is not userns_self(), or
 * neither the scanned procfs nor the one at /proc shows the file.
 *
 * Since 0.1.
 */
bool userns_limit(const struct userns_node *node,
                  uint64_t *limit);

/* Nonuser namespaces ------------------------------------------------------------------- */

/**
 * Get the type of a namespace as the flag that clone(2) and setns(2) use:
 * CLONE_NEWCGROUP, CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWTIME
 * (0x80, which older C libraries lack) or CLONE_NEWUTS. <sched.h> defines them with
 * _GNU_SOURCE.
 *
 * Since 0.1.
 */
int userns_nonuser_type(const struct userns_nonuser *nonuser);

/**
 * Get the name of the type of a namespace, as in /proc/PID/ns: "cgroup", "ipc", "mnt",
 * "net", "pid", "time" or "uts".
 *
 * Returns NULL only for NULL.
 *
 * Since 0.1.
 */
const char *userns_nonuser_type_name(const struct userns_nonuser *nonuser);

/**
 * Get the inode number of a namespace, as stat(2) of /proc/PID/ns/TYPE returns it. The
 * kernel reuses it once the namespace has ended.
 *
 * Since 0.1.
 */
uint64_t userns_nonuser_inode(const struct userns_nonuser *nonuser);

/**
 * Get the 64-bit id of a namespace (NS_GET_ID, Linux 6.18). The kernel never reuses it
 * while the system runs.
 *
 * Returns 0 if it is unknown.
 *
 * Since 0.1.
 */
uint64_t userns_nonuser_id(const struct userns_nonuser *nonuser);

/**
 * Get the user namespace that owns a namespace (NS_GET_USERNS, see ioctl_ns(2)).
 *
 * Returns NULL if the owner is not visible to the caller, or the namespace could not be
 * opened.
 *
 * Since 0.1.
 */
const struct userns_node *userns_nonuser_owner(const struct userns_nonuser *nonuser);

/**
 * Get the parent of a PID namespace (NS_GET_PARENT, see ioctl_ns(2)).
 *
 * Returns NULL for a namespace of another type, which has no parent, for the initial PID
 * namespace, and if the parent is not visible to the caller.
 *
 * Since 0.1.
 */
const struct userns_nonuser *userns_nonuser_parent(const struct userns_nonuser *nonuser);

/**
 * Count the processes that have a thread in a namespace. Without USERNS_SCAN_PINNED, only
 * the thread-group leader of each process is examined.
 *
 * Since 0.1.
 */
size_t userns_nonuser_member_count(const struct userns_nonuser *nonuser);

/**
 * List what keeps a namespace alive, in the order of userns_pins(). Without
 * USERNS_SCAN_PINNED, only member processes and child namespaces are known.
 *
 * Returns an array of *count pins.
 *
 * Since 0.1.
 */
const struct userns_pin *const *userns_nonuser_pins(const struct userns_nonuser *nonuser,
                                                    size_t *count);

/* Pins --------------------------------------------------------------------------------- */

/**
 * Get the kind of a pin.
 *
 * Returns 0 only for NULL.
 *
 * Since 0.1.
 */
enum userns_pin_kind userns_pin_kind(const struct userns_pin *pin);

/**
 * Get the process of a pin: the member, the process whose thread will create children, the
 * holder of the descriptor or file, or the process with the smallest PID that sees the
 * mount. A kernel thread stands for a mount only if no other process sees it.
 *
 * Returns a PID as the scanned procfs numbers it; 0 for the other kinds, and for a mount in
 * a mount namespace without processes.
 *
 * Since 0.1.
 */
pid_t userns_pin_pid(const struct userns_pin *pin);

/**
 * Get the thread of a pin, for USERNS_PIN_MEMBER, USERNS_PIN_FOR_CHILDREN and all kinds that
 * have a descriptor. It differs from userns_pin_pid() if the thread has namespaces or a
 * descriptor table of its own.
 *
 * Returns a TID as the scanned procfs numbers it; 0 for the other kinds.
 *
 * Since 0.1.
 */
pid_t userns_pin_tid(const struct userns_pin *pin);

/**
 * Get the descriptor number of a pin whose kind has one, see enum userns_pin_kind. The
 * descriptor is /proc/PID/task/TID/fd/NUMBER.
 *
 * Returns -1 for the other kinds and for NULL.
 *
 * Since 0.1.
 */
int userns_pin_descriptor(const struct userns_pin *pin);

/**
 * Get the path of a USERNS_PIN_MOUNT, from the root directory of the process
 * userns_pin_pid() (/proc/PID/root), or from that of the mount namespace if no process sees
 * the mount. See userns_pin_is_overmounted(). The path can contain any
 * byte except NUL. Escape it before printing. It is empty if it is longer than PATH_MAX
 * (4,096 bytes), or beyond 64 MiB of paths in one snapshot.
 *
 * Returns NULL for the other kinds.
 *
 * Since 0.1.
 */
const char *userns_pin_path(const struct userns_pin *pin);

/**
 * Check whether a USERNS_PIN_MOUNT is known to be overmounted: its path leads to something else,
 * because another mount is on the same path or on a directory above it. umount(2) then removes
 * that other mount.
 *
 * Returns false for the other kinds, and if that is unknown: the path is empty or could block,
 * or the limits of a scan are reached.
 *
 * Since 0.1.
 */
bool userns_pin_is_overmounted(const struct userns_pin *pin);

/**
 * Check whether a USERNS_PIN_MOUNT can be locked, see mount_namespaces(7): if a mount namespace is
 * created in a new user namespace, the mounts that are copied into it cannot be unmounted
 * there (umount(2) fails with EINVAL). The end of the mount namespace removes them, that is
 * the end of its processes; so does umount(2) of the original, if mount namespaces share it.
 *
 * The kernel does not tell which mounts are locked. This function infers it from owners: a
 * mount can be locked unless the owner of the mount namespace is the initial user namespace,
 * or is the owner of the mounted namespace (of a user namespace: its parent) or an ancestor
 * of that, and so probably made the mount itself. A mount that came by propagation is not
 * locked. To know it, try umount(2).
 *
 * Returns false for the other kinds; true if the mount namespace or its owner is unknown.
 *
 * Since 0.1.
 */
bool userns_pin_may_be_locked(const struct userns_pin *pin);

/**
 * Get the namespace of a pin: the mount namespace of a USERNS_PIN_MOUNT, which setns(2)
 * enters to unmount it; the namespace of a USERNS_PIN_OWNED or USERNS_PIN_CHILD_NAMESPACE.
 * userns_nonuser_pins() lists what keeps that namespace alive.
 *
 * Returns NULL for the other kinds, and if the mount namespace is unknown: it could not be
 * opened, or the process changed it during the scan.
 *
 * Since 0.1.
 */
const struct userns_nonuser *userns_pin_nonuser(const struct userns_pin *pin);

/* Changes ------------------------------------------------------------------------------ */

/**
 * Find out what changed between two snapshots: namespaces that appeared, ended, were emptied or
 * mapped, and processes that joined or left a namespace. Both scans should have the same
 * options, by callers in the same user namespace with the same privileges.
 *
 * Two nodes are the same namespace if they have the same 64-bit id (userns_id()): one that
 * reuses the inode number of another has appeared, and the other has ended. If the id of one
 * node or both is unknown, as before Linux 6.18, they are taken for the same if they have the
 * same inode number, owner (UID) and parent, as far as both snapshots know these. That is
 * uncertain: a namespace can have ended, and the same user can have created one in the same
 * parent that got its inode number. A process is identified by its PID. A process that got the
 * PID of another one is taken for that; if it is in another namespace, for one that moved.
 *
 * A process that moved has left one namespace and joined another. The processes of a namespace
 * that appeared have joined it, and those of one that ended have left it. So the changes tell
 * everything that differs between userns_pids() of all nodes, except for what is left out:
 *
 * What after could not see is not said to have left or ended. If after knows of a process
 * whose user namespace it could not read (USERNS_GAP_UNREADABLE), the process has not left, and
 * the namespace in which it was has neither been emptied nor ended. A namespace with a
 * descendant in after has not ended. One that had pins, or had no process in it or below, has
 * not ended if after looked less far: if its userns_empty_source() is smaller, or only before
 * has nonuser namespaces. One that had no process in it or below has not ended if after missed
 * more, that is, if userns_gap_count() is larger for USERNS_GAP_LINKS, USERNS_GAP_DESCRIPTORS,
 * USERNS_GAP_SOCKETS, USERNS_GAP_MOUNTS, USERNS_GAP_MOUNT_NAMESPACES, USERNS_GAP_CHROOTED,
 * USERNS_GAP_UNOPENED_MOUNTS or USERNS_GAP_RELATIONS. A comparison of after with a later
 * snapshot does not tell such a change; one of before with a later snapshot does.
 *
 * Everything else rests on what the scans saw. A process that became hidden
 * (USERNS_GAP_HIDEPID) has left. After a scan without USERNS_SCAN_PINNED, a namespace has ended
 * if only a descriptor or mount keeps it. What only after shows is a change, even if before
 * could not see it.
 *
 * before: the snapshot from which to start.
 * after: the other one, usually of a later scan.
 * changes: receives the changes, or NULL on failure. They are valid until
 *   userns_changes_free(), and only as long as both snapshots are.
 *
 * Returns 0, or a negative errno value.
 *
 *     -EINVAL           before, after or changes is NULL
 *     -EXDEV            the snapshots are of different boots (userns_boot_id()), or their PIDs
 *                       of different PID namespaces (userns_pid_namespace()). What one of
 *                       them does not know is assumed to be the same.
 *     -ENOMEM           out of memory
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_compare(const struct userns_snapshot *before,
                   const struct userns_snapshot *after,
                   struct userns_changes **changes);

/**
 * Release changes, before or after the snapshots. NULL is accepted and does nothing.
 *
 * Since 0.1.
 */
void userns_changes_free(struct userns_changes *changes);

/**
 * List changes, in an order in which they can have happened. First USERNS_CHANGE_APPEARED, then
 * USERNS_CHANGE_MAPPED, in the order of userns_nodes(): ancestors first. Then
 * USERNS_CHANGE_JOINED and USERNS_CHANGE_LEFT, ascending by PID; a process that moved leaves
 * first. Then USERNS_CHANGE_EMPTIED, in the order of userns_nodes(), and USERNS_CHANGE_ENDED,
 * in the reverse of that order: descendants first. The order is part of the ABI.
 *
 * Returns an array of *count changes.
 *
 * Since 0.1.
 */
const struct userns_change *const *userns_changes(const struct userns_changes *changes,
                                                  size_t *count);

/**
 * Get the kind of a change.
 *
 * Returns 0 only for NULL.
 *
 * Since 0.1.
 */
enum userns_change_kind userns_change_kind(const struct userns_change *change);

/**
 * Get the user namespace of a change. It is a node of the snapshot before if the namespace has
 * ended or a process has left it, else of the snapshot after.
 *
 * Returns NULL only for NULL.
 *
 * Since 0.1.
 */
const struct userns_node *userns_change_node(const struct userns_change *change);

/**
 * Get the process of a USERNS_CHANGE_JOINED or USERNS_CHANGE_LEFT.
 *
 * Returns a PID as the scanned procfs numbers it; 0 for the other kinds.
 *
 * Since 0.1.
 */
pid_t userns_change_pid(const struct userns_change *change);

/* Actions ------------------------------------------------------------------------------ */

/**
 * Open a user namespace of a snapshot, for example for setns(2) or ioctl_ns(2). Unlike other
 * functions on a node, this asks the kernel when it is called.
 *
 * The library opens the namespace by its 64-bit id (Linux 6.18). Before, or if the kernel does
 * not permit that, it tries whatever led to the namespace when the snapshot was taken: its
 * members, the descriptors and mounts that the snapshot shows as pins, and those of its
 * descendants and of the nonuser namespaces that it or they own. PIDs are looked up in the procfs
 * that was scanned, again by its path; a relative path depends on the working directory. What was
 * found is returned only if it is the same namespace: if it has the same 64-bit id. Before Linux
 * 6.18, it has the same inode number and, as far as they are visible, the same parent and owner.
 * There a new namespace that reuses the inode number and was created in the same parent by the
 * same user cannot be told from one that has ended.
 *
 * A process that blocks its readers is passed over, and a path that could lead to a file server
 * is not walked, as in a scan. After two seconds no further attempt is made.
 *
 * Returns a close-on-exec descriptor, to be closed with close(2), or a negative errno value.
 *
 *     -EINVAL           node is NULL
 *     -ESTALE           the namespace has ended
 *     -EACCES           the namespace may still exist, but the caller cannot open it
 *     -EXDEV            the snapshot is of another boot of the system, or was loaded and does
 *                       not say of which (userns_boot_id())
 *     -ENOMEM           out of memory
 *     -EMFILE           the process has too many open descriptors
 *     -ENFILE           the system has too many open files
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * From Linux 6.18 on, -ESTALE is certain for a caller in the initial user and PID namespace that
 * has CAP_SYS_ADMIN, with one exception. From Linux 6.19 on, the kernel refuses to open a
 * namespace that is not in use, so only a socket, credentials, a file system or a pidfd that the
 * snapshot does not show can still keep it. To other callers the kernel does not say whether a
 * namespace has ended or is out of reach. For them it means that everything that led to the
 * namespace has ended, or is in another namespace now; a process or file that the snapshot does
 * not show can still keep it. -EACCES means that something of this is still there but was refused,
 * could not be tried, or is of a kind through which this function does not open a namespace: a
 * socket, credentials, a file system, a pidfd, a mount below another one. It is also the answer if
 * the snapshot shows nothing that leads to the namespace, and for a loaded one if the boot id of
 * the system cannot be read.
 *
 * To enter the namespace, setns(2) needs CAP_SYS_ADMIN in it, and a process with one thread.
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_open(const struct userns_node *node);

/**
 * Open a nonuser namespace of a snapshot, like userns_open(). What leads to it are the threads in
 * it, descriptors and mounts; for a PID namespace also those of its descendants.
 *
 * Returns a close-on-exec descriptor, or a negative errno value: those of userns_open().
 *
 *     -EINVAL           nonuser is NULL
 *     -ESTALE           the namespace has ended
 *     -EACCES           the namespace may still exist, but the caller cannot open it
 *     -EXDEV            the snapshot is of another boot of the system, or was loaded and does
 *                       not say of which (userns_boot_id())
 *     -ENOMEM           out of memory
 *     -EMFILE           the process has too many open descriptors
 *     -ENFILE           the system has too many open files
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_nonuser_open(const struct userns_nonuser *nonuser);

/**
 * Describe the namespace of a descriptor, or the caller's own user namespace: the same facts
 * as in a snapshot, without a scan. This takes a few system calls, however many processes there
 * are. From Linux 6.11 on it needs no procfs.
 *
 * fd: a descriptor of a namespace of any type, for example of /proc/PID/ns/net; -1 for the
 * caller's own user namespace, so check first what open(2) returned. A descriptor that was opened
 * with O_PATH is refused; open(2) /proc/self/fd/N to get another one.
 * info: receives the answer; info->size has to be set, see USERNS_INFO_INIT.
 *
 * The initial user namespace (USERNS_NODE_INITIAL) is recognized by its inode number 4026531837,
 * which is a constant of the kernel. From Linux 6.19 on its id is 3. A kernel that gives each
 * container namespaces with the numbers of the initial ones, as those of OpenVZ can, shows a
 * container as if it were the host. To be in the initial user namespace does not mean to be on
 * the host, or to have its privileges: containers need no user namespace of their own.
 *
 * Returns 0, or a negative errno value: one of these; another one with which fstat(2) or statx(2)
 * failed for the descriptor; or, before Linux 6.11 and where a security policy denies pidfds, an
 * error that userns_scan() returns about /proc.
 *
 *     -EINVAL           info is NULL, or info->size is smaller than in version 0.1
 *     -E2BIG            info->size is 4096 or more
 *     -EBADF            fd is not open, or was opened with O_PATH
 *     -ENOTTY           fd does not refer to a namespace; with -1, the kernel has no user
 *                       namespaces
 *     -ENOMEM           out of memory
 *     -EMFILE           the process has too many open descriptors
 *     -ENFILE           the system has too many open files
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_describe(int fd,
                    struct userns_info *info);

/* Saved snapshots ---------------------------------------------------------------------- */

/**
 * Write a snapshot as JSON to a file, pipe or socket: all that it knows, in the format that
 * userns-json(5) describes. userns_load() reads it, on this or another machine.
 *
 * fd: a descriptor that is open for writing. The library writes from its offset on, closes
 * nothing, and does not call fsync(2).
 *
 * The memory that this takes does not depend on the size of the snapshot. If the descriptor is
 * non-blocking, the library waits until it can write again, as for one that is not. A reader
 * that has gone is an error, also if SIGPIPE (signal(7)) is not ignored: no signal is sent. A
 * signal handler does not interrupt the call.
 *
 * Returns 0, or a negative errno value: one of these, or another one with which write(2)
 * failed. What was written until then is not removed.
 *
 *     -EINVAL           snapshot is NULL
 *     -EBADF            fd is not open for writing
 *     -EPIPE            fd is a pipe or socket that nobody reads any more
 *     -ENOSPC, -EDQUOT  no space is left on the device, or for the user
 *     -EFBIG            the file would be larger than the file system permits, or than
 *                       RLIMIT_FSIZE if SIGXFSZ is ignored (getrlimit(2))
 *     -EIO              an error of the device
 *     -ENOMEM           out of memory
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_save(const struct userns_snapshot *snapshot,
                int fd);

/**
 * Read a snapshot that userns_save() wrote, on this or another machine, from a file, pipe or
 * socket. It answers every question as the saved one does. userns_open() and
 * userns_nonuser_open() open its namespaces if it is of the same boot (userns_boot_id()).
 *
 * fd: a descriptor that is open for reading. The library reads from its offset to the end, and
 * waits for that, also if the descriptor is non-blocking. It closes nothing.
 * snapshot: receives the result, to be released with userns_free(); NULL if the call fails.
 *
 * The file can come from anybody: the library checks it, needs no more memory than some thirty
 * times its size, and no stack that grows with it. It does not check that a snapshot is true:
 * userns_open() looks where the file says, and returns the namespace that the file names.
 *
 * A file of a later minor version of the format can be loaded; what this version of the library
 * does not know is ignored.
 *
 * Returns 0, or a negative errno value: one of these, or another one with which read(2) failed.
 *
 *     -EINVAL           snapshot is NULL
 *     -EBADMSG          the file is not a saved snapshot: it is cut off, is not JSON or is
 *                       something else, or its namespaces and processes contradict each other
 *     -EPROTONOSUPPORT  the file has a later major version of the format
 *     -EFBIG            the file is larger than 1 GiB, or has more than 4,194,304 user
 *                       namespaces, nonuser namespaces or processes each, or more than
 *                       16,777,216 pins or extents of maps each
 *     -EBADF            fd is not open for reading
 *     -EISDIR           fd is a directory
 *     -EIO              an error of the device
 *     -ENOMEM           out of memory
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_load(int fd,
                struct userns_snapshot **snapshot);

/* Probing ------------------------------------------------------------------------------ */

/**
 * Find out whether the caller can make a user namespace, and why not. The library tries it in
 * child processes.
 *
 * The caller itself makes calls of clone(2), as fork(2) does, mostly one, and calls that read
 * files below /proc, /sys and /etc, and that write questions to two files by which AppArmor and
 * SELinux tell what they permit. A policy can refuse that, and log it. A seccomp filter that kills
 * for one of these, also for statx(2) or prctl(2), ends the caller; one that kills for any other
 * call ends only a child. If a limit is reached, and a child has found that no filter kills for
 * the calls of userns_scan(), the caller also scans, to tell who has used it up. The child sends
 * no SIGCHLD: neither wait(2) nor a handler of signals notices it, except for a thread that waits
 * for any child with __WALL or __WCLONE, which should not run meanwhile. The child has a copy of
 * the caller's memory, as after fork(2). It and its own children end with the calling thread, and
 * before this function returns, with all that they have made; only a setuid newuidmap(1) or
 * newgidmap(1) (USERNS_PROBE_SUBIDS) goes on for some seconds at most if the calling thread ends
 * meanwhile. A step that takes too long is given up after some seconds (-ETIMEDOUT,
 * USERNS_REASON_TIMEOUT). Mostly the function takes a few milliseconds, longer if the caller has
 * much memory, as fork(2) does, and about ten seconds at most for each child, of which a filter
 * that kills causes up to five; longer for the scan, and if /etc or /usr is on a file server that
 * does not answer.
 *
 * The answer is about the calling thread, with its credentials, namespaces and filters, and about
 * the program that it executes: AppArmor, for example, has a profile for each program.
 *
 * The caller should be dumpable (PR_GET_DUMPABLE in prctl(2)), which a process is not that has
 * changed its user or was executed with privileges. Otherwise the maps of its children belong to
 * root, and USERNS_STEP_MAP fails with EACCES unless the caller is root: that is a mistake of the
 * caller's and says nothing about the host. The library does not change it, since the child has a
 * copy of the caller's memory, which others could read then. prctl(PR_SET_DUMPABLE, 1) does.
 *
 * options: what to try; NULL means USERNS_PROBE_OPTIONS_INIT.
 * probe: receives the result, to be released with userns_probe_free(); NULL if the call fails.
 *
 * Returns 0 if the answer is known, whatever it is, or a negative errno value.
 *
 *     -EINVAL           probe is NULL; or options->size is smaller than in version 0.1; or
 *                       options->flags or options->steps has a bit that this version does not
 *                       know
 *     -E2BIG            options has a non-zero field that this version does not know; or
 *                       options->size is 4096 or more
 *     -EAGAIN           eight children of earlier calls, or of scans, cannot end
 *     -ECHILD           the caller has called unshare(2) with CLONE_NEWPID and made no process
 *                       yet: a child would become process 1 of the new PID namespace
 *     -ENOSYS           the program runs under valgrind, which does not support such children
 *     -ENOMEM           out of memory
 *     -EMFILE           the process has too many open descriptors
 *     -ENFILE           the system has too many open files
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Since 0.1.
 */
USERNS_NODISCARD
int userns_probe(const struct userns_probe_options *options,
                 struct userns_probe **probe);

/**
 * Release a probe and everything that it returned. NULL is accepted and does nothing.
 *
 * Since 0.1.
 */
void userns_probe_free(struct userns_probe *probe);

/**
 * Get the steps that were tried. Those that were wanted and are not among them need something that
 * failed or took too long: all need USERNS_STEP_CREATE, for example, and USERNS_STEP_PID needs the
 * mount namespace of USERNS_STEP_CAPABLE.
 *
 * Returns USERNS_STEP_ bits; 0 for NULL and with USERNS_PROBE_READ_ONLY.
 *
 * Since 0.1.
 */
uint64_t userns_probe_tried(const struct userns_probe *probe);

/**
 * Get the steps that worked.
 *
 * Returns USERNS_STEP_ bits; 0 for NULL and with USERNS_PROBE_READ_ONLY.
 *
 * Since 0.1.
 */
uint64_t userns_probe_worked(const struct userns_probe *probe);

/**
 * Get the first step that was tried and failed.
 *
 * Returns one USERNS_STEP_ bit; 0 if no step failed, and for NULL.
 *
 * Since 0.1.
 */
uint64_t userns_probe_failed_step(const struct userns_probe *probe);

/**
 * Get the error of the first step that failed.
 *
 * Returns a negative errno value, that of the system call; -EINTR if a signal ended the process
 * that tried the step, such as SIGSYS of a seccomp filter; -ETIMEDOUT if it took too long; 0 if no
 * step failed, and for NULL. With USERNS_PROBE_SUBIDS, a helper program that failed counts as
 * -EPERM, and one that is not installed, or a user without a range of ids, as -ENOENT.
 * strerror(3) describes the value; the sentences of userns_strerror() are about scans.
 *
 * Since 0.1.
 */
int userns_probe_error(const struct userns_probe *probe);

/**
 * Get the reasons why steps failed, those that are proved first. A step can have several.
 *
 * With USERNS_PROBE_READ_ONLY, the reasons why the steps would fail.
 *
 * count: receives the number of reasons; may be NULL.
 *
 * Returns an array of *count reasons; empty if none was found.
 *
 * Since 0.1.
 */
const struct userns_reason *const *userns_probe_reasons(const struct userns_probe *probe,
                                                        size_t *count);

/**
 * Get the kind of a reason.
 *
 * Returns 0 only for NULL.
 *
 * Since 0.1.
 */
enum userns_reason_kind userns_reason_kind(const struct userns_reason *reason);

/**
 * Find out whether a reason is proved: by an experiment, or by a file that decides. Otherwise it is
 * likely: other reasons are possible, and the sentence says so.
 *
 * Returns false also for NULL.
 *
 * Since 0.1.
 */
bool userns_reason_is_proved(const struct userns_reason *reason);

/**
 * Get a reason as an English sentence without a final full stop: the file that decides, its value,
 * and what an administrator can do. The text can change in any version.
 *
 * Returns a string; NULL only for NULL.
 *
 * Since 0.1.
 */
const char *userns_reason_text(const struct userns_reason *reason);

#ifdef __cplusplus
} /* extern "C" */
#pragma GCC diagnostic pop
#endif /* __cplusplus */

#endif  /* USERNS_H */
