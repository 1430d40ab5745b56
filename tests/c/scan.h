/* Scans, and short questions to a snapshot. */
#ifndef SCAN_H
#define SCAN_H

#include "process.h"
#include "saved.h"
#include <userns.h>

/* The names of the gaps, by the numbers of their bits. */
static UNUSED const char *const gap_names[32] = {
    "UNREADABLE",
    "HIDEPID",
    "PIDNS",
    "NESTED",
    "LINKS",
    "DESCRIPTORS",
    "SOCKETS",
    "MOUNTS",
    "MOUNT_NAMESPACES",
    "CHROOTED",
    "UNOPENED_MOUNTS",
    "RELATIONS",
    "NAMES",
    "PINS",
    "MAPS",
    "CREDENTIALS",
    "CGROUPS",
};

/*
 * Whether this run is the second one of a situation that is tagged BY_BPF: all its scans then use
 * BPF. The environment variable BY_BPF says so.
 */
static UNUSED bool is_by_bpf(void)
{
    return getenv("BY_BPF") != NULL;
}

/* Skips the situation if BPF cannot be used here. */
static UNUSED void expect_bpf(const struct userns_snapshot *snapshot)
{
    int error = userns_source_error(snapshot);

    if (error == -EPERM || error == -EOPNOTSUPP || error == -EXDEV)
        skip("BPF cannot be used: %s", userns_strerror(error));
    if (error != 0)
        fail("BPF was not used: %d: %s", error, userns_strerror(error));
}

static UNUSED struct userns_snapshot *scan_with_options(struct userns_options options)
{
    struct userns_snapshot *snapshot;
    int error;

    if (is_by_bpf())
        options.flags |= USERNS_SCAN_BPF;
    error = userns_scan(&options, &snapshot);
    if (error != 0)
        fail("userns_scan: %d: %s", error, userns_strerror(error));
    if (is_by_bpf())
        expect_bpf(snapshot);
    return is_saved() ? saved_and_loaded(snapshot) : snapshot;
}

static UNUSED struct userns_snapshot *scan_as(const char *proc_path, uint64_t flags)
{
    struct userns_options options = USERNS_OPTIONS_INIT;

    options.proc_path = proc_path;
    options.flags = flags;
    return scan_with_options(options);
}

static UNUSED struct userns_snapshot *scan(void)
{
    return scan_as(NULL, 0);
}

static UNUSED struct userns_snapshot *scan_at(const char *proc_path)
{
    return scan_as(proc_path, 0);
}

static UNUSED struct userns_snapshot *scan_with(uint64_t flags)
{
    return scan_as(NULL, flags);
}

/*
 * Whether BPF programs can call functions of the kernel: from Linux 6.4 on, if it has a JIT compiler.
 * From 6.7 on a scan shows that.
 */
static UNUSED bool calls_functions(void)
{
    struct userns_snapshot *snapshot;
    bool calls;

    if (is_before(6, 7))
        return !is_before(6, 4);
    snapshot = scan_with(USERNS_SCAN_BPF);
    calls = userns_source(snapshot) == USERNS_SOURCE_BPF_PROCESSES;
    userns_free(snapshot);
    return calls;
}

/* Skips a situation that is about BPF where it cannot be used. */
static UNUSED void need_bpf(void)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_BPF);

    expect_bpf(snapshot);
    userns_free(snapshot);
}

/*
 * How often to do what is the same each time: on an emulated machine less often, and by BPF, since
 * loading a program takes longer under stress. At least once.
 */
static UNUSED int rounds(int count)
{
    int fewer = count / (is_by_bpf() ? 4 : 1) / (int)time_factor();

    return fewer > 1 ? fewer : 1;
}

/* The same, or in a long run the number in the environment variable SCANS. */
static UNUSED int scan_count(int count)
{
    return is_long_run() ? atoi(getenv("SCANS")) : rounds(count);
}

#define EVERY_FLAG \
    (USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS | USERNS_SCAN_OWNED | USERNS_SCAN_NAMES | \
     USERNS_SCAN_MAPS | USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS)

/* ---- Questions ---- */

/* Whether a new scan finds a user namespace. */
static UNUSED bool finds(uint64_t flags, uint64_t inode)
{
    struct userns_snapshot *snapshot = scan_with(flags);
    bool found = userns_find_inode(snapshot, inode) != NULL;

    userns_free(snapshot);
    return found;
}

/* Whether scans find a user namespace no more. The kernel lets it go some time after a watch, a socket or a ring. */
static UNUSED bool ends(uint64_t flags, uint64_t inode)
{
    enum { SECONDS = 10 };

    for (unsigned i = 0; i < stretched(SECONDS) * 100; i++) {
        if (!finds(flags, inode))
            return true;
        usleep(10000);
    }
    return false;
}

static UNUSED size_t node_count(const struct userns_snapshot *snapshot)
{
    size_t count;

    userns_nodes(snapshot, &count);
    return count;
}

/* Whether the members of a node are exactly these PIDs. */
static UNUSED bool has_members(const struct userns_node *node, size_t expected, ...)
{
    size_t count, i;
    const pid_t *pids = userns_pids(node, &count);
    va_list arguments;
    bool same = count == expected;

    va_start(arguments, expected);
    for (i = 0; same && i < count; i++)
        same = pids[i] == va_arg(arguments, pid_t);
    va_end(arguments);
    return same;
}

/* The nonuser namespace with an inode number; NULL if the snapshot has none. */
static UNUSED const struct userns_nonuser *find_nonuser(const struct userns_snapshot *snapshot,
                                                        uint64_t inode)
{
    size_t count;
    const struct userns_nonuser *const *all = userns_nonusers(snapshot, &count);

    for (size_t i = 0; i < count; i++)
        if (userns_nonuser_inode(all[i]) == inode)
            return all[i];
    return NULL;
}

/* ---- Errors ---- */

/* A scan that must fail with this error. */
static UNUSED void expect_error(const char *what, const struct userns_options *options,
                                int expected)
{
    static char garbage;
    struct userns_snapshot *snapshot = (void *)&garbage;
    int error = userns_scan(options, &snapshot);

    if (error != expected)
        fail("%s: the scan returned %d, not %d", what, error, expected);
    if (snapshot != NULL)
        fail("%s: the snapshot is not NULL", what);
}

static UNUSED void expect_path_error(const char *path, int expected)
{
    struct userns_options options = USERNS_OPTIONS_INIT;

    options.proc_path = path;
    expect_error(path, &options, expected);
}

#endif
