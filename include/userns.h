/*
 * libuserns: the tree of user namespaces of a Linux host.
 *
 * One call, userns_scan(), observes the host and returns a snapshot: which user namespaces
 * exist, how they nest, which processes live in each, and who made them. Everything else
 * is a question to that snapshot. The concepts are those of user_namespaces(7) and
 * namespaces(7).
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
 * LIFETIME. Every pointer that comes from a snapshot is valid until userns_free() of that
 * snapshot, and no longer. A snapshot never changes; two questions always get the same
 * answer.
 *
 * ARRAYS come as a pointer to the first element and their length in *count. The count
 * argument may be NULL. An empty array is NULL with a count of 0. Arrays are not
 * terminated.
 *
 * NULL as a snapshot or node is allowed everywhere: the answer is then NULL, 0 or false,
 * or another one where the function says so.
 * Outputs are written only on success; only userns_scan() always writes its output, which
 * is NULL on failure.
 *
 * ERRORS. A function that can fail returns 0 on success and a negative errno value
 * otherwise; its comment lists which, and what each means there. userns_strerror() gives a
 * sentence for it, to which the program adds the path. errno itself is not part of the
 * interface; it can be changed by any call. That a process vanished or refused while it
 * was observed is not an error: userns_gaps() and userns_unreadable() tell what could not
 * be seen.
 *
 * THREADS. There is no global state, but for what the running kernel looks like, which
 * USERNS_SCAN_BPF finds out once. Any number of threads may scan, and may read the same
 * snapshot, at the same time; only userns_free() must be alone with its snapshot.
 * Everything may be called in a child of fork(2) too, at whatever moment another thread
 * forked it. No call is a cancellation point (pthreads(7)); with asynchronous cancellation
 * enabled, no function of this library may be called. No call is async-signal-safe, see
 * signal-safety(7).
 *
 * THE PROCESS stays as it is: a scan starts no thread, enters no namespace and installs no
 * handler. It has at most five descriptors open at a time, ten with USERNS_SCAN_PINNED,
 * all close-on-exec, and closes them before it returns. Only where USERNS_SCAN_PINNED
 * meets a mount of a namespace that other mounts hide, it has a child process for a moment
 * and blocks signals meanwhile; the child sends no SIGCHLD and is not seen by wait(2). With
 * USERNS_SCAN_BPF it has memory mapped and a BPF program loaded, which the kernel frees
 * shortly after, and where a signal interrupts the loading, blocks signals for another try.
 *
 * GROWTH. Functions, constants and option fields are only ever added. A program that was
 * built with an older header runs with a newer library; with an older library it gets
 * -E2BIG or -EINVAL for what that does not know. Each function says since which version it
 * is there; constants and structs are there since 0.1 unless they say otherwise.
 *
 * The names of constants, structs and functions begin with USERNS_ and userns_; all other
 * names are the system's.
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
 * The version of this header as 0xMMmmpp: major, minor and patch number in eight bits each.
 * That of the library which is in use can be another; userns_version_number() tells it.
 */
#define USERNS_VERSION_NUMBER 0x000100

/**
 * What a struct userns_options begins as: it asks for a plain scan of /proc.
 */
#define USERNS_OPTIONS_INIT { sizeof(struct userns_options), NULL, 0 }

/**
 * options->flags: also finds namespaces that no process lives in, through descriptors,
 * mounts, threads and the namespaces of other types that they own; and what keeps each
 * namespace alive, see userns_pins(). Includes USERNS_SCAN_OWNED.
 *
 * It reads the links of all descriptors of all processes (where BPF is used, only of those
 * that refer to namespaces, or with USERNS_SCAN_SOCKETS to sockets), and the mounts that
 * each process sees.
 * Nothing is opened but what is known to be a namespace, and no path is walked that could
 * lead to a server which does not answer. Descriptors that are in flight over a socket
 * cannot be found, see unix(7). To open mounts, Linux 5.12 is needed. A mount that others
 * hide is looked for in a short-lived child process, which enters a copy of the mount
 * namespace; that needs CAP_SYS_ADMIN and CAP_SYS_CHROOT, and finds it only if the mount
 * namespace is owned by the caller's own user namespace.
 */
#define USERNS_SCAN_PINNED UINT64_C(1)

/**
 * options->flags: USERNS_SCAN_PINNED, and finds network namespaces that only a socket
 * keeps alive. This duplicates every socket of every process for a moment, for which the
 * kernel asks for the right of PTRACE_MODE_ATTACH_REALCREDS, see ptrace(2), and for
 * CAP_NET_ADMIN in the namespace. If the owner closes its descriptor at that moment, the
 * scan is the last to close it, which can have to wait: SO_LINGER, see socket(7), or, where
 * the owner has put a file there instead, a file server. Needs Linux 5.6, and that the
 * procfs numbers processes as the caller's own PID namespace does.
 */
#define USERNS_SCAN_SOCKETS UINT64_C(2)

/**
 * options->flags: also finds the namespaces of other types that each user namespace owns,
 * see userns_owned(); and user namespaces that own one in which a process lives.
 */
#define USERNS_SCAN_OWNED UINT64_C(4)

/**
 * options->flags: also reads the command names of processes, see userns_names().
 */
#define USERNS_SCAN_NAMES UINT64_C(8)

/**
 * options->flags: lets the scan use a BPF program, see bpf(2), which is many times as quick
 * as reading procfs and gives the same answer. Where that cannot be done, procfs is read
 * instead, which is no error: userns_source() and userns_source_error() tell.
 *
 * It takes Linux 5.8 with CONFIG_DEBUG_INFO_BTF, and is quickest from Linux 6.7 on (before
 * 6.1 some kernels can do it only up to some 250,000 threads); CAP_BPF and CAP_PERFMON, or
 * CAP_SYS_ADMIN, in the initial user namespace; and a procfs of the caller's own PID
 * namespace. Each such scan loads a program into the kernel and unloads it, with
 * USERNS_SCAN_PINNED two, and sometimes a few more. Each leaves records in the audit log
 * where there is one, see auditd(8).
 *
 * Whether the caller may read a process is not asked then, so that the scan also shows
 * those that procfs refuses or hides (hidepid, see proc(5)). What a security module hides
 * from the program is missing and not counted: userns_unreadable() is 0. What other flags
 * want to know beyond that is read from procfs, with the rights that it takes; a process
 * that it hides has an empty name, and counts, whatever its state, as one whose mounts
 * could not be read, and its descriptors if any refers to a namespace.
 */
#define USERNS_SCAN_BPF UINT64_C(16)

/**
 * userns_gaps(): some processes could not be read. userns_unreadable() counts them.
 */
#define USERNS_GAP_UNREADABLE 1u

/**
 * userns_gaps(): the procfs hides processes from this caller (its mount option hidepid,
 * see proc(5)), or may hide some.
 */
#define USERNS_GAP_HIDEPID 2u

/**
 * userns_gaps(): the procfs belongs, or may belong, to a PID namespace that is not the
 * initial one. Processes outside that namespace are not shown, see pid_namespaces(7).
 */
#define USERNS_GAP_PIDNS 4u

/**
 * userns_gaps(): the caller is not, or may not be, in the initial user namespace.
 * Namespaces above and beside its own are out of its reach, see user_namespaces(7).
 */
#define USERNS_GAP_NESTED 8u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED or USERNS_SCAN_OWNED: namespaces that some
 * threads are in could not be read or opened, so that what owns them can be missing.
 */
#define USERNS_GAP_LINKS 16u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED: the descriptors of some processes could not be
 * read. userns_unreadable_descriptors() counts these.
 */
#define USERNS_GAP_DESCRIPTORS 32u

/**
 * userns_gaps(), with USERNS_SCAN_SOCKETS: the network namespaces of some sockets could
 * not be found out.
 */
#define USERNS_GAP_SOCKETS 64u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED: the mounts of some processes could not be read,
 * or some mounted namespaces not be opened. userns_unreadable_mounts() and
 * userns_unopened_mounts() count these.
 */
#define USERNS_GAP_MOUNTS 128u

/**
 * userns_gaps(), with USERNS_SCAN_PINNED: there are mount namespaces that no process
 * lives in. What is mounted in them was not looked at.
 */
#define USERNS_GAP_MOUNT_NAMESPACES 256u

/**
 * userns_source(): procfs, one link after the other.
 */
#define USERNS_SOURCE_PROCFS 1u

/**
 * userns_source(): a BPF program that visited all processes (Linux 6.7).
 */
#define USERNS_SOURCE_BPF_PROCESSES 2u

/**
 * userns_source(): a BPF program that visited all threads (Linux 5.8).
 */
#define USERNS_SOURCE_BPF_TASKS 3u

/**
 * userns_flags(): this is the initial user namespace, the one that has no parent.
 */
#define USERNS_NODE_INITIAL 1u

/**
 * userns_flags(): the namespace has a parent that the scan could not see. It is a root of
 * the snapshot.
 */
#define USERNS_NODE_PARENT_HIDDEN 2u

/**
 * userns_flags(): the scan saw no process in the namespace.
 */
#define USERNS_NODE_EMPTY 4u

/**
 * userns_flags(): the scan knows the namespace only through pins, see userns_pins(): it
 * saw no process in it or in a descendant.
 */
#define USERNS_NODE_PINNED 8u

/**
 * userns_pin_kind(): a descriptor is open; see userns_pin_pid(), userns_pin_tid() and
 * userns_pin_descriptor().
 */
#define USERNS_PIN_DESCRIPTOR 1u

/**
 * userns_pin_kind(): it is mounted; see userns_pin_path() and userns_pin_pid().
 */
#define USERNS_PIN_MOUNT 2u

/**
 * userns_pin_kind(): the user namespace owns a namespace of another type; see
 * userns_pin_namespace().
 */
#define USERNS_PIN_OWNED 3u

/**
 * userns_pin_kind(): a socket in the network namespace is open; see userns_pin_pid(),
 * userns_pin_tid() and userns_pin_descriptor().
 */
#define USERNS_PIN_SOCKET 4u

/**
 * userns_pin_kind(): a thread is in the namespace, which is of another type than user; see
 * userns_pin_pid() and userns_pin_tid().
 */
#define USERNS_PIN_PROCESS 5u

/**
 * userns_pin_kind(): the namespace, which is of another type than user, is the parent of
 * one of its type; see userns_pin_namespace().
 */
#define USERNS_PIN_CHILD 6u

/**
 * userns_pin_kind(): a thread is elsewhere, but its children would be in the namespace,
 * which is a PID or time namespace (pid_for_children and time_for_children in
 * namespaces(7)); see userns_pin_pid() and userns_pin_tid().
 */
#define USERNS_PIN_PARENT 7u

/**
 * A namespace of another type than user, which a user namespace owns. There is one handle
 * for each, so pointers can be compared.
 */
struct userns_namespace;

/**
 * One user namespace of a snapshot. There is one node for each, so pointers can be
 * compared.
 */
struct userns_node;

/**
 * Something that keeps a namespace alive.
 */
struct userns_pin;

/**
 * What one scan observed: an immutable tree of user namespaces, or several where a common
 * ancestor is out of sight.
 */
struct userns_snapshot;

/**
 * What to scan. Begin with USERNS_OPTIONS_INIT, then set what differs:
 *
 *     struct userns_options options = USERNS_OPTIONS_INIT;
 *     options.proc_path = "/mnt/proc";
 *
 * Later versions add fields at the end; a field that is zero asks for what earlier
 * versions did.
 *
 * Since 0.1.
 */
struct userns_options {
    /**
     * sizeof(struct userns_options), as the program was compiled.
     */
    size_t size;
    /**
     * The root directory of the procfs to read; NULL means "/proc". Only used during the
     * call.
     */
    const char *proc_path;
    /**
     * USERNS_SCAN_ constants, combined with |; 0 asks for a plain scan.
     */
    uint64_t flags;
};

#ifdef __cplusplus
extern "C" {
#endif /* __cplusplus */

/* Version and errors ------------------------------------------------------------------- */

/**
 * The version of the library that is in use, "0.1.0" for example.
 *
 * Returns a string that is valid as long as the library is loaded.
 *
 * Since 0.1.
 */
const char *userns_version(void);

/**
 * The version of the library that is in use as 0xMMmmpp: major, minor and patch number in
 * eight bits each.
 *
 * Returns a number to compare with USERNS_VERSION_NUMBER, the version of the header.
 *
 * Since 0.1.
 */
uint32_t userns_version_number(void);

/**
 * What an error means and what to do about it, in one English sentence without a final
 * full stop.
 *
 * error: a negative value that a function of this library returned. For 0 and above the
 * sentence says that there was no error; for a value without a sentence of its own, that
 * it is an errno value.
 *
 * Returns a string that is valid as long as the library is loaded; never NULL.
 *
 * Since 0.1.
 */
const char *userns_strerror(int error);

/* Scanning ----------------------------------------------------------------------------- */

/**
 * Observes the user namespaces of the host through a procfs, see proc(5) and ioctl_ns(2).
 *
 * Found are the namespace of every process that the procfs shows and the caller may read
 * (the right is that of PTRACE_MODE_READ_FSCREDS, see ptrace(2)), all ancestors of these
 * that lie below the caller's own namespace, and the caller's own namespace. A namespace
 * that no process lives in, and none below it, is not found.
 *
 * Whatever lives from before the call until after it is in its right place in the tree.
 * What appears, moves or ends meanwhile is in the place where it was seen, or missing; or
 * it is shown in or below a namespace that had the same inode number a moment before.
 *
 * options: what to scan; NULL means USERNS_OPTIONS_INIT.
 * snapshot: where to put the result, to be released with userns_free(); set to NULL if the
 * call fails.
 *
 * Returns 0, or a negative errno value: one of these, or another one with which open(2)
 * failed for proc_path.
 *
 *     -EINVAL           snapshot is NULL; or options->size is smaller than in version 0.1;
 *                       or options->flags has a flag that this version does not know
 *     -E2BIG            options are those of a later version and ask for what this one
 *                       lacks; or options->size is 4096 or more
 *     -ENOENT           proc_path does not exist
 *     -ENOTDIR          proc_path, or what leads to it, is not a directory
 *     -EACCES, -EPERM   proc_path may not be opened by this caller
 *     -ELOOP            proc_path leads through too many symbolic links
 *     -ENAMETOOLONG     proc_path is too long
 *     -ENODEV           proc_path is a directory, but not the root of a procfs
 *     -ENOTTY           the kernel has no user namespaces, or is older than Linux 4.9
 *     -ENOMEM           out of memory
 *     -EMFILE           the process has too many descriptors open (RLIMIT_NOFILE, see
 *                       getrlimit(2))
 *     -ENFILE           the system has too many files open
 *     -ENOTRECOVERABLE  a bug in this library; it wrote a message to standard error
 *
 * Needs Linux 4.9; owners need Linux 4.11, 64-bit ids Linux 6.18.
 *
 * Since 0.1.
 */
int userns_scan(const struct userns_options *options, struct userns_snapshot **snapshot);

/**
 * Releases a snapshot and everything that came from it. NULL is allowed and does nothing.
 *
 * Since 0.1.
 */
void userns_free(struct userns_snapshot *snapshot);

/* Questions to a snapshot -------------------------------------------------------------- */

/**
 * The node to begin with: the initial user namespace where it is visible, else the
 * caller's own, else the first root.
 *
 * Returns NULL if the snapshot has no node, which takes a procfs that shows nothing and a
 * caller whose own namespace is unknown.
 *
 * Since 0.1.
 */
const struct userns_node *userns_root(const struct userns_snapshot *snapshot);

/**
 * All nodes whose parent the scan did not see: the initial user namespace, the caller's
 * own, then the others, ordered like siblings (see userns_nodes()). Several occur where
 * their common ancestor is out of the caller's reach.
 *
 * Returns an array of *count nodes.
 *
 * Since 0.1.
 */
const struct userns_node *const *userns_roots(const struct userns_snapshot *snapshot,
                                              size_t *count);

/**
 * All nodes, depth first: each root, and each node, is followed by its descendants.
 * Siblings are ordered by the smallest PID in their subtrees, compared as text ("10" comes
 * before "9"); those in whose subtrees no process lives come last, by inode number.
 *
 * Returns an array of *count nodes.
 *
 * Since 0.1.
 */
const struct userns_node *const *userns_nodes(const struct userns_snapshot *snapshot,
                                              size_t *count);

/**
 * The user namespace of the process that called userns_scan(), whichever procfs it read.
 *
 * Returns NULL where the kernel did not tell: that takes a procfs of a PID namespace that
 * the caller is not in, no other one at /proc, and a kernel before Linux 6.11 or a filter
 * (seccomp(2)) that denies pidfds.
 *
 * Since 0.1.
 */
const struct userns_node *userns_self(const struct userns_snapshot *snapshot);

/**
 * The node with an inode number, as userns_inode() and stat(2) of /proc/PID/ns/user give
 * it. The kernel uses the number of a namespace that has ended for a new one: ask this of
 * a fresh snapshot only, or use userns_find_id().
 *
 * Returns NULL if there is none.
 *
 * Since 0.1.
 */
const struct userns_node *userns_find(const struct userns_snapshot *snapshot,
                                      uint64_t inode);

/**
 * The node with a 64-bit id, as userns_id() gives it. Ids are never used again while the
 * system runs.
 *
 * Returns NULL if there is none, as always before Linux 6.18, and for an id of 0.
 *
 * Since 0.1.
 */
const struct userns_node *userns_find_id(const struct userns_snapshot *snapshot,
                                         uint64_t id);

/**
 * The node that a process lives in.
 *
 * pid: the PID of a process (not of a thread), as the PID namespace of the scanned procfs
 * numbers it.
 *
 * Returns NULL if the scan did not see such a process, or could not read it.
 *
 * Since 0.1.
 */
const struct userns_node *userns_find_pid(const struct userns_snapshot *snapshot,
                                          pid_t pid);

/**
 * Why the scan may not have seen everything.
 *
 * Returns USERNS_GAP_ constants, combined with |; 0 if the scan knows of nothing that it
 * looks for and that was out of its sight. Later versions can return more bits.
 *
 * Since 0.1.
 */
uint32_t userns_gaps(const struct userns_snapshot *snapshot);

/**
 * How many processes the procfs showed that the caller was not allowed to read. They are
 * in no node. 0 where the source is BPF, see USERNS_SCAN_BPF.
 *
 * Since 0.1.
 */
size_t userns_unreadable(const struct userns_snapshot *snapshot);

/**
 * With USERNS_SCAN_PINNED, how many processes have descriptors that could not be read,
 * those of userns_unreadable() included.
 *
 * Since 0.1.
 */
size_t userns_unreadable_descriptors(const struct userns_snapshot *snapshot);

/**
 * With USERNS_SCAN_PINNED, how many processes have mounts that could not be read, those
 * of userns_unreadable() included; plus in how many mount namespaces all processes are
 * locked up below some directory, see chroot(2), so that none shows all mounts. That is
 * not noticed where this directory is a mount itself.
 *
 * Since 0.1.
 */
size_t userns_unreadable_mounts(const struct userns_snapshot *snapshot);

/**
 * With USERNS_SCAN_PINNED, how many mounts of namespaces were seen but could not be
 * opened. Unless such a namespace was met elsewhere too, only its inode number is known:
 * a user namespace is then a root, one of another type is among userns_namespaces()
 * without an owner.
 *
 * Since 0.1.
 */
size_t userns_unopened_mounts(const struct userns_snapshot *snapshot);

/**
 * With USERNS_SCAN_OWNED or USERNS_SCAN_PINNED, all namespaces of other types than user:
 * those that userns_owned() tells for each node, and then those whose owner is out of the
 * caller's sight.
 *
 * Returns an array of *count namespaces.
 *
 * Since 0.1.
 */
const struct userns_namespace *const *userns_namespaces(const struct userns_snapshot *snapshot,
                                                        size_t *count);

/**
 * Where the scan read which processes there are, and the user namespace of each.
 *
 * Returns a USERNS_SOURCE_ constant; later versions can return others. Without
 * USERNS_SCAN_BPF it is USERNS_SOURCE_PROCFS. 0 if the snapshot is NULL.
 *
 * Since 0.1.
 */
uint32_t userns_source(const struct userns_snapshot *snapshot);

/**
 * With USERNS_SCAN_BPF, why the source is procfs all the same; see bpf(2).
 *
 *     options.flags = USERNS_SCAN_BPF;
 *     if (userns_scan(&options, &snapshot) == 0 && userns_source_error(snapshot) < 0)
 *         fprintf(stderr, "slower, without BPF: %s\n",
 *                 userns_strerror(userns_source_error(snapshot)));
 *
 * Returns 0 if the source is BPF, or was not to be; otherwise one of these negative errno
 * values.
 *
 *     -EPERM                     the caller lacks CAP_BPF or CAP_PERFMON in the initial
 *                                user namespace; or BPF is forbidden, by seccomp(2) say;
 *                                or RLIMIT_MEMLOCK is too low (before Linux 5.11)
 *     -EXDEV                     the procfs is not that of the caller's own PID namespace
 *     -EOPNOTSUPP                the kernel has no BPF, no type information (BTF, in
 *                                /sys/kernel/btf/vmlinux), or not what the program needs,
 *                                its compiler for example (net.core.bpf_jit_enable)
 *     -ENOEXEC                   the kernel's verifier does not accept the program: in a
 *                                nested PID namespace also because the kernel is locked
 *                                down, see kernel_lockdown(7)
 *     -ENOMEM, -EMFILE, -ENFILE  there was not enough memory or no descriptor for it
 *
 * Since 0.1.
 */
int userns_source_error(const struct userns_snapshot *snapshot);

/* Questions to a node ------------------------------------------------------------------ */

/**
 * The inode number, as stat(2) of /proc/PID/ns/user gives it. At any one time it is unique
 * among all namespaces.
 *
 * Since 0.1.
 */
uint64_t userns_inode(const struct userns_node *node);

/**
 * The device number, as stat(2) of /proc/PID/ns/user gives it: that of nsfs, the same for
 * all namespaces.
 *
 * Since 0.1.
 */
uint64_t userns_device(const struct userns_node *node);

/**
 * The kernel's 64-bit id (NS_GET_ID, Linux 6.18), which is never used again while the
 * system runs.
 *
 * Returns 0 where it is unknown.
 *
 * Since 0.1.
 */
uint64_t userns_id(const struct userns_node *node);

/**
 * What is special about a node, see user_namespaces(7).
 *
 * Returns USERNS_NODE_ constants, combined with |. Later versions can return more bits.
 *
 * Since 0.1.
 */
uint32_t userns_flags(const struct userns_node *node);

/**
 * How many ancestors the snapshot shows above a node: 0 for a root. The kernel nests at
 * most 33 below the initial one.
 *
 * Since 0.1.
 */
uint32_t userns_depth(const struct userns_node *node);

/**
 * Who made a namespace: the effective UID of its creator (NS_GET_OWNER_UID, see
 * ioctl_ns(2); Linux 4.11), as the caller's own user namespace numbers it.
 *
 * uid: where to put the UID; may be NULL.
 *
 * Returns false, and leaves *uid as it is, where the owner is unknown: the kernel did not
 * tell; or the caller is not in the initial user namespace, and its own shows the owner as
 * the overflow UID, which is what it shows for all UIDs that it does not map.
 *
 * Since 0.1.
 */
bool userns_owner(const struct userns_node *node, uid_t *uid);

/**
 * The namespace in which a namespace was made (NS_GET_PARENT, see ioctl_ns(2)).
 *
 * Returns NULL for a root.
 *
 * Since 0.1.
 */
const struct userns_node *userns_parent(const struct userns_node *node);

/**
 * The namespaces that were made in a namespace, ordered as in userns_nodes(); see
 * user_namespaces(7).
 *
 * Returns an array of *count nodes.
 *
 * Since 0.1.
 */
const struct userns_node *const *userns_children(const struct userns_node *node,
                                                 size_t *count);

/**
 * The processes that live in a namespace itself, not those in its descendants: zombies
 * included, threads not.
 *
 * Returns an array of *count PIDs, ascending, as the PID namespace of the scanned procfs
 * numbers them.
 *
 * Since 0.1.
 */
const pid_t *userns_pids(const struct userns_node *node, size_t *count);

/**
 * Whether ancestor is the parent of node, or the parent of its parent, and so on. A
 * process with capabilities in an ancestor has them in the node too, see
 * user_namespaces(7).
 *
 * Returns false also for ancestor == node, for nodes of different snapshots, and if either
 * is NULL.
 *
 * Since 0.1.
 */
bool userns_is_ancestor(const struct userns_node *ancestor, const struct userns_node *node);

/**
 * With USERNS_SCAN_NAMES, the command names of the processes in a namespace: the bytes as
 * /proc/PID/comm gives them, see proc_pid_comm(5). They can be anything but NUL bytes, so
 * make them safe before printing them.
 *
 * Returns an array of *count strings, the first one for the first of userns_pids(), and so
 * on; an empty string for a process that ended before its name was read, or that the procfs
 * hides (which USERNS_SCAN_BPF may show). If its PID has gone to a new process meanwhile, it
 * is the name of that. Without USERNS_SCAN_NAMES the array is empty.
 *
 * Since 0.1.
 */
const char *const *userns_names(const struct userns_node *node,
                                size_t *count);

/**
 * With USERNS_SCAN_PINNED, what keeps a namespace alive besides members and children:
 * descriptors, then mounts, then namespaces of other types that it owns. Descriptors are
 * ordered by PID, TID and number; mounts by path and PID; namespaces as in
 * userns_owned().
 *
 * Returns an array of *count pins. With USERNS_SCAN_OWNED alone, only namespaces are
 * among them.
 *
 * Since 0.1.
 */
const struct userns_pin *const *userns_pins(const struct userns_node *node, size_t *count);

/**
 * With USERNS_SCAN_OWNED or USERNS_SCAN_PINNED, the namespaces of other types that a user
 * namespace owns, see namespaces(7); ordered by the name of the type and inode number.
 *
 * Returns an array of *count namespaces. Those that only pins keep alive are among them
 * only with USERNS_SCAN_PINNED.
 *
 * Since 0.1.
 */
const struct userns_namespace *const *userns_owned(const struct userns_node *node,
                                                   size_t *count);

/* Questions to a pin ------------------------------------------------------------------- */

/**
 * What kind of thing a pin is.
 *
 * Returns one of the USERNS_PIN_ constants. Later versions can return others.
 *
 * Since 0.1.
 */
uint32_t userns_pin_kind(const struct userns_pin *pin);

/**
 * The process that has the descriptor or the socket open, or sees the mount (its root
 * directory, /proc/PID/root, is what userns_pin_path() begins at), or is in the namespace,
 * or whose children would be.
 *
 * Returns a PID as the procfs numbers it, 0 for the other kinds.
 *
 * Since 0.1.
 */
pid_t userns_pin_pid(const struct userns_pin *pin);

/**
 * The thread of that process which is meant, for USERNS_PIN_DESCRIPTOR, USERNS_PIN_SOCKET,
 * USERNS_PIN_PROCESS and USERNS_PIN_PARENT. It differs from userns_pin_pid() where a
 * thread has a descriptor table or namespaces of its own.
 *
 * Returns a TID as the procfs numbers it, 0 for the other kinds.
 *
 * Since 0.1.
 */
pid_t userns_pin_tid(const struct userns_pin *pin);

/**
 * The number of the descriptor, for USERNS_PIN_DESCRIPTOR and USERNS_PIN_SOCKET: it is
 * /proc/PID/task/TID/fd/NUMBER.
 *
 * Returns -1 for the other kinds, and for NULL.
 *
 * Since 0.1.
 */
int userns_pin_descriptor(const struct userns_pin *pin);

/**
 * Where it is mounted, for USERNS_PIN_MOUNT: the path as the process userns_pin_pid() sees
 * it. Another mount can hide it there. It can contain any byte but NUL, so make it safe
 * before printing it.
 *
 * Returns NULL for the other kinds.
 *
 * Since 0.1.
 */
const char *userns_pin_path(const struct userns_pin *pin);

/**
 * The namespace that is owned, for USERNS_PIN_OWNED, or is the child, for
 * USERNS_PIN_CHILD. What in turn keeps that alive, userns_namespace_pins() tells.
 *
 * Returns NULL for the other kinds.
 *
 * Since 0.1.
 */
const struct userns_namespace *userns_pin_namespace(const struct userns_pin *pin);

/* Questions to a namespace of another type --------------------------------------------- */

/**
 * The type, as the flag that clone(2) and setns(2) know it by: CLONE_NEWCGROUP,
 * CLONE_NEWIPC, CLONE_NEWNET, CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWTIME or CLONE_NEWUTS.
 *
 * Since 0.1.
 */
int userns_namespace_type(const struct userns_namespace *ns);

/**
 * The name of the type, as in /proc/PID/ns: "cgroup", "ipc", "mnt", "net", "pid", "time"
 * or "uts".
 *
 * Returns NULL only for NULL.
 *
 * Since 0.1.
 */
const char *userns_namespace_name(const struct userns_namespace *ns);

/**
 * The inode number, as stat(2) of /proc/PID/ns/TYPE gives it.
 *
 * Since 0.1.
 */
uint64_t userns_namespace_inode(const struct userns_namespace *ns);

/**
 * The kernel's 64-bit id (NS_GET_ID, Linux 6.18), which is never used again while the
 * system runs.
 *
 * Returns 0 where it is unknown.
 *
 * Since 0.1.
 */
uint64_t userns_namespace_id(const struct userns_namespace *ns);

/**
 * How many processes have a thread in the namespace. Other threads than the first of each
 * process are looked at with USERNS_SCAN_PINNED only.
 *
 * Since 0.1.
 */
size_t userns_namespace_members(const struct userns_namespace *ns);

/**
 * The user namespace that owns the namespace.
 *
 * Returns NULL if that is out of the caller's sight, or the namespace could not be opened.
 *
 * Since 0.1.
 */
const struct userns_node *userns_namespace_owner(const struct userns_namespace *ns);

/**
 * What keeps the namespace alive: processes, those whose children would be in it,
 * descriptors, mounts, sockets, and child namespaces if it is a PID namespace; in this
 * order, ordered otherwise as userns_pins() does. Without USERNS_SCAN_PINNED there are only
 * processes and child namespaces.
 *
 * Returns an array of *count pins.
 *
 * Since 0.1.
 */
const struct userns_pin *const *userns_namespace_pins(const struct userns_namespace *ns,
                                                      size_t *count);

#ifdef __cplusplus
} /* extern "C" */
#endif /* __cplusplus */

#endif  /* USERNS_H */
