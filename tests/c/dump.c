/*
 * Prints everything that the library answers about a procfs, dump DIRECTORY, or about making user
 * namespaces, dump probe. The programs of the same name in tests/cpp and bindings do so in their
 * languages, and must print the same. NULL and unknown values are printed as -1.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <userns.h>

static void print_text(const char *what, const char *text)
{
    printf(" %s %s", what, text != NULL ? text : "-1");
}

static void print_node(const char *what, const struct userns_node *node)
{
    if (node != NULL)
        printf(" %s %" PRIu64, what, userns_inode(node));
    else
        print_text(what, NULL);
}

static void print_nonuser(const char *what, const struct userns_nonuser *nonuser)
{
    if (nonuser != NULL)
        printf(" %s %" PRIu64, what, userns_nonuser_inode(nonuser));
    else
        print_text(what, NULL);
}

static void print_nodes(const char *what, const struct userns_node *const *nodes, size_t count)
{
    printf("%s:", what);
    for (size_t i = 0; i < count; i++)
        printf(" %" PRIu64, userns_inode(nodes[i]));
    printf("\n");
}

static void print_nonusers(const char *what, const struct userns_nonuser *const *nonusers,
                           size_t count)
{
    printf("%s:", what);
    for (size_t i = 0; i < count; i++)
        printf(" %" PRIu64, userns_nonuser_inode(nonusers[i]));
    printf("\n");
}

static void print_pins(const struct userns_pin *const *pins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("  pin: kind %d pid %ld tid %ld descriptor %d", (int)userns_pin_kind(pins[i]),
               (long)userns_pin_pid(pins[i]), (long)userns_pin_tid(pins[i]),
               userns_pin_descriptor(pins[i]));
        print_nonuser("nonuser", userns_pin_nonuser(pins[i]));
        print_text("path", userns_pin_path(pins[i]));
        printf(" overmounted %d locked %d\n", userns_pin_is_overmounted(pins[i]),
               userns_pin_may_be_locked(pins[i]));
    }
}

static void print_owner_uid(const struct userns_node *node)
{
    uid_t uid;

    if (userns_owner_uid(node, &uid))
        printf(" owner %lu", (unsigned long)uid);
    else
        print_text("owner", NULL);
}

static void print_map(const char *what, const struct userns_extent *extents, size_t count)
{
    printf(" %s", what);
    for (size_t i = 0; i < count; i++)
        printf(" %" PRIu32 "-%" PRIu32 "-%" PRIu32, extents[i].inside, extents[i].outside,
               extents[i].count);
}

/* -2: an id is not mapped; -1: that is not known. */
static void print_id(int error, uint32_t id)
{
    if (error == 0)
        printf(" %" PRIu32, id);
    else
        printf(" %d", error == -2 ? -2 : -1);
}

/* The maps, and what ids 0 and 1000 of the first node are in it. */
static void dump_maps(const struct userns_node *root, const struct userns_node *node)
{
    size_t count;
    const struct userns_extent *extents = userns_uid_map(node, &count);
    uint32_t id = 0;
    int error;

    printf("  maps:");
    print_map("uid", extents, count);
    extents = userns_gid_map(node, &count);
    print_map("gid", extents, count);
    extents = userns_projid_map(node, &count);
    print_map("projid", extents, count);
    printf(" translated");
    for (uint32_t i = 0; i <= 1000; i += 1000) {
        error = userns_translate_uid(root, i, node, &id);
        print_id(error, id);
        error = userns_translate_gid(root, i, node, &id);
        print_id(error, id);
        error = userns_translate_projid(node, i, root, &id);
        print_id(error, id);
    }
    printf("\n");
}

/* A verdict as 1, 0, or a negative errno value, and its reason. */
static void print_verdict(const char *what, const struct userns_snapshot *snapshot, pid_t pid,
                          const struct userns_node *node)
{
    uint32_t reason = 0;
    int verdict = userns_capable(snapshot, pid, 21, node, &reason);

    printf(" %s %d %" PRIu32, what, verdict < 0 ? -1 : verdict, reason);
}

static void print_process(const struct userns_snapshot *snapshot, pid_t pid)
{
    size_t count;
    const pid_t *pids = userns_process_pids(snapshot, pid, &count);
    uint64_t capabilities;
    uid_t uid;

    printf("  process: %ld", (long)pid);
    print_text("name", userns_process_name(snapshot, pid));
    print_text("cgroup", userns_process_cgroup(snapshot, pid));
    if (userns_process_uid(snapshot, pid, &uid))
        printf(" uid %lu", (unsigned long)uid);
    else
        print_text("uid", NULL);
    if (userns_process_capabilities(snapshot, pid, &capabilities))
        printf(" capabilities %" PRIx64, capabilities);
    else
        print_text("capabilities", NULL);
    printf(" pids");
    for (size_t i = 0; i < count; i++)
        printf(" %ld", (long)pids[i]);
    print_verdict("in root", snapshot, pid, userns_root(snapshot));
    print_verdict("in self", snapshot, pid, userns_self(snapshot));
    printf("\n");
}

static void print_limits(const struct userns_node *node)
{
    size_t count;
    const struct userns_charge *charges = userns_charges(node, &count);
    uint64_t limit;

    if (userns_limit(node, &limit))
        printf("  limit: %" PRIu64, limit);
    else
        printf("  limit: -1");
    for (size_t i = 0; i < count; i++)
        printf(" %ld: %" PRIu32, charges[i].uid == UINT32_MAX ? -1 : (long)charges[i].uid,
               charges[i].count);
    printf("\n");
}

static void dump_node(const struct userns_snapshot *snapshot, const struct userns_node *node)
{
    size_t count, node_count, below = 0;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &node_count);
    const struct userns_nonuser *const *owned;
    const struct userns_pin *const *pins;
    const pid_t *pids = userns_pids(node, &count);

    for (size_t i = 0; i < node_count; i++)
        below += userns_is_ancestor(node, nodes[i]);
    printf("node: inode %" PRIu64 " device %" PRIu64 " id %" PRIu64 " flags %" PRIu32
           " depth %" PRIu32 " below %zu",
           userns_inode(node), userns_device(node), userns_id(node), userns_flags(node),
           userns_depth(node), below);
    print_owner_uid(node);
    print_node("parent", userns_parent(node));
    print_node("by inode", userns_find_inode(snapshot, userns_inode(node)));
    print_node("by id", userns_find_id(snapshot, userns_id(node)));
    print_node("by PID", count > 0 ? userns_find_pid(snapshot, pids[count - 1]) : NULL);
    printf("\n");
    for (size_t i = 0; i < count; i++)
        print_process(snapshot, pids[i]);
    dump_maps(userns_root(snapshot), node);
    print_limits(node);
    nodes = userns_children(node, &count);
    print_nodes("  children", nodes, count);
    owned = userns_owned(node, &count);
    print_nonusers("  owned", owned, count);
    pins = userns_pins(node, &count);
    print_pins(pins, count);
}

static void dump_nonuser(const struct userns_nonuser *nonuser)
{
    size_t count;
    const struct userns_pin *const *pins = userns_nonuser_pins(nonuser, &count);

    printf("nonuser: type %d name %s inode %" PRIu64 " id %" PRIu64 " members %zu",
           userns_nonuser_type(nonuser), userns_nonuser_type_name(nonuser),
           userns_nonuser_inode(nonuser), userns_nonuser_id(nonuser),
           userns_nonuser_member_count(nonuser));
    print_node("owner", userns_nonuser_owner(nonuser));
    print_nonuser("parent", userns_nonuser_parent(nonuser));
    printf("\n");
    print_pins(pins, count);
}

/* Every gap bit, and those of later versions too. */
static void dump_gaps(const struct userns_snapshot *snapshot)
{
    printf("gaps: %" PRIu32, userns_gaps(snapshot));
    for (int bit = 0; bit < 32; bit++)
        printf(" %zu", userns_gap_count(snapshot, UINT32_C(1) << bit));
    printf("\n");
}

/* The time differs from scan to scan: whether it is that of this one. */
static void dump_host(const struct userns_snapshot *snapshot, const struct timespec *before)
{
    uint64_t earliest = before->tv_sec * UINT64_C(1000000000) + before->tv_nsec;
    uint64_t time = userns_time(snapshot);

    printf("host: time %d", earliest <= time && time <= earliest + UINT64_C(60000000000));
    print_text("boot", userns_boot_id(snapshot));
    printf(" PID namespace %" PRIu64 " source %d error %d", userns_pid_namespace(snapshot),
           (int)userns_source(snapshot), userns_source_error(snapshot));
    print_text("log", userns_source_log(snapshot));
    printf(" empty source %d\n", (int)userns_empty_source(snapshot));
}

static void dump(const struct userns_snapshot *snapshot)
{
    size_t count, nonuser_count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const struct userns_nonuser *const *nonusers = userns_nonusers(snapshot, &nonuser_count);

    dump_gaps(snapshot);
    printf("found:");
    print_node("root", userns_root(snapshot));
    print_node("self", userns_self(snapshot));
    print_node("no inode", userns_find_inode(snapshot, 1));
    print_node("no id", userns_find_id(snapshot, 0));
    print_node("no PID", userns_find_pid(snapshot, -1));
    print_text("no name", userns_process_name(snapshot, -1));
    print_verdict("no verdict", snapshot, -1, userns_root(snapshot));
    printf("\n");
    print_nodes("nodes", nodes, count);
    print_nonusers("nonusers", nonusers, nonuser_count);
    for (size_t i = 0; i < count; i++)
        dump_node(snapshot, nodes[i]);
    for (size_t i = 0; i < nonuser_count; i++)
        dump_nonuser(nonusers[i]);
    nodes = userns_roots(snapshot, &count);
    print_nodes("roots", nodes, count);
}

static int scan_and_dump(const char *proc_path, uint64_t flags)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    struct timespec before;
    int error;

    options.proc_path = proc_path;
    options.flags = flags;
    clock_gettime(CLOCK_REALTIME, &before);
    error = userns_scan(&options, &snapshot);
    if (error < 0) {
        printf("error %d %s\n", -error, userns_strerror(error));
        return 1;
    }
    dump_host(snapshot, &before);
    dump(snapshot);
    userns_free(snapshot);
    return 0;
}

static int probe_and_dump(uint32_t flags, uint64_t steps)
{
    struct userns_probe_options options = USERNS_PROBE_OPTIONS_INIT;
    const struct userns_reason *const *reasons;
    struct userns_probe *probe;
    size_t count;
    int error;

    options.flags = flags;
    options.steps = steps;
    error = userns_probe(&options, &probe);
    if (error < 0) {
        printf("error %d %s\n", -error, userns_strerror(error));
        return 1;
    }
    reasons = userns_probe_reasons(probe, &count);
    printf("probe: tried %" PRIu64 " worked %" PRIu64 " failed %" PRIu64 " error %d reasons %zu\n",
           userns_probe_tried(probe), userns_probe_worked(probe), userns_probe_failed_step(probe),
           -userns_probe_error(probe), count);
    for (size_t i = 0; i < count; i++)
        printf("  kind %d proved %d text %s\n", (int)userns_reason_kind(reasons[i]),
               userns_reason_is_proved(reasons[i]), userns_reason_text(reasons[i]));
    userns_probe_free(probe);
    return 0;
}

static int dump_probes(void)
{
    probe_and_dump(0, 0);
    probe_and_dump(USERNS_PROBE_READ_ONLY, 0);
    probe_and_dump(USERNS_PROBE_ONE_BY_ONE | USERNS_PROBE_SUBIDS,
                   USERNS_STEP_NET | USERNS_STEP_NESTED);
    return probe_and_dump(0, UINT64_C(1) << 40);
}

int main(int argc, char *argv[])
{
    const uint64_t all_flags = USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS | USERNS_SCAN_OWNED |
                               USERNS_SCAN_NAMES | USERNS_SCAN_BPF | USERNS_SCAN_MAPS |
                               USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS;

    if (argc != 2)
        return 2;
    if (strcmp(argv[1], "probe") == 0)
        return dump_probes();
    printf("version: %s %" PRIu32 "\n", userns_version(), userns_version_number());
    if (scan_and_dump(argv[1], all_flags) != 0)
        return 1;
    return scan_and_dump(argv[1], 0);
}
