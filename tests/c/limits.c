/* What a scan reads and records is limited: what is beyond is counted. */
#include "situation.h"
#include "pins.h"

enum {
    /* The option `limit` permits to read so many times more things than to record pins. */
    READ_PER_PIN = 4,
    /* A limit that is enough for the mounts and descriptors of the host, and the pins beyond. */
    LIMIT = 300,
    MORE = 400,
};

static struct userns_snapshot *scan_limited(uint64_t flags, uint64_t limit)
{
    struct userns_options options = USERNS_OPTIONS_INIT;

    options.flags = flags;
    options.limit = limit;
    return scan_with_options(options);
}

static size_t pin_count(const struct userns_snapshot *snapshot, uint64_t inode)
{
    size_t count;

    CHECK(userns_find_inode(snapshot, inode) != NULL);
    userns_pins(userns_find_inode(snapshot, inode), &count);
    return count;
}

/* All pins but those of the processes themselves, which are not limited. */
static size_t count_limited_pins(const struct userns_snapshot *snapshot)
{
    size_t nodes, others, count, limited = 0;
    const struct userns_node *const *node = userns_nodes(snapshot, &nodes);
    const struct userns_nonuser *const *other = userns_nonusers(snapshot, &others);

    for (size_t i = 0; i < nodes + others; i++) {
        const struct userns_pin *const *pins = i < nodes
                                                   ? userns_pins(node[i], &count)
                                                   : userns_nonuser_pins(other[i - nodes], &count);

        for (size_t j = 0; j < count; j++) {
            uint32_t kind = userns_pin_kind(pins[j]);
            bool is_own = (kind == USERNS_PIN_MEMBER || kind == USERNS_PIN_FOR_CHILDREN) &&
                          userns_pin_pid(pins[j]) == userns_pin_tid(pins[j]);
            bool follows = kind == USERNS_PIN_OWNED || kind == USERNS_PIN_CHILD_NAMESPACE;

            limited += !is_own && !follows;
        }
    }
    return limited;
}

/* ---- Pins ---- */

/* For start(): many descriptors hold one namespace, a mount another one. */
static void hold_by_many(void *argument)
{
    struct held *held = argument;

    hold_by_mount(&held[1]);
    hold_descriptor(&held[0]);
    for (int i = 1; i < MORE; i++)
        CHECK(fcntl(held[0].fd, F_DUPFD_CLOEXEC, 0) >= 0);
}

SITUATION(pins, IN_SANDBOX | BY_BPF,
          "there are more pins than the limit: all namespaces are found, the rest is counted")
{
    struct held *held = shared(2 * sizeof *held);
    struct userns_snapshot *all, *some;

    start(hold_by_many, held);
    all = scan_with(USERNS_SCAN_PINNED);
    CHECK_EQ(userns_gap_count(all, USERNS_GAP_PINS), 0);
    CHECK_EQ(pin_count(all, held[0].inode), MORE);

    some = scan_limited(USERNS_SCAN_PINNED, LIMIT);
    CHECK(userns_gap_count(some, USERNS_GAP_PINS) > 0);
    CHECK_EQ(userns_gap_count(some, USERNS_GAP_PINS),
             count_limited_pins(all) - count_limited_pins(some));
    CHECK_EQ(userns_gaps(some), userns_gaps(all) | USERNS_GAP_PINS);
    CHECK(pin_count(some, held[0].inode) > 0 && pin_count(some, held[0].inode) <= LIMIT);
    CHECK_EQ(pin_count(some, held[1].inode), 1);
    check_place(some, held[0].inode);
    check_place(some, held[1].inode);
    CHECK_EQ(node_count(some), node_count(all));
    userns_free(some);
    userns_free(all);
}

/* For start(): many mounts hold one namespace; the last one holds another. */
static void mount_many_namespaces(void *argument)
{
    struct held *held = argument;

    hold_by_mount(&held[0]);
    for (int i = 1; i < MORE; i++) {
        char path[64];

        snprintf(path, sizeof path, "/mnt/%d", i);
        make_file(path);
        CHECK(mount("/mnt/ns", path, "none", MS_BIND, NULL) == 0);
    }
    held[1].inode = mount_left_user("/mnt/last");
}

SITUATION(mounted_namespaces, IN_SANDBOX | BY_BPF,
          "more mounts of namespaces than the limit: the namespace of the last one is found")
{
    struct held *held = shared(2 * sizeof *held);
    struct userns_snapshot *snapshot;

    start(mount_many_namespaces, held);
    for (int i = 0; i < 2; i++) {
        snapshot = scan_limited(USERNS_SCAN_PINNED, LIMIT);
        CHECK_EQ(pin_count(snapshot, held[1].inode), 1);
        CHECK(pin_count(snapshot, held[0].inode) <= LIMIT);
        CHECK(userns_gap_count(snapshot, USERNS_GAP_PINS) >= MORE - LIMIT);
        CHECK(!(userns_gaps(snapshot) & USERNS_GAP_UNOPENED_MOUNTS));
        check_place(snapshot, held[1].inode);
        userns_free(snapshot);
        deny_listmount();
    }
}

SITUATION(huge, IN_SANDBOX, "the largest limit, and the default")
{
    struct held *held = shared(2 * sizeof *held);
    const uint64_t limits[] = { 0, 1000000, UINT64_MAX };

    start(hold_by_many, held);
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        struct userns_snapshot *snapshot = scan_limited(USERNS_SCAN_PINNED, limits[i]);

        CHECK_EQ(pin_count(snapshot, held[0].inode), MORE);
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_PINS), 0);
        userns_free(snapshot);
    }
}

/* ---- What is read ---- */

static void open_many(void *unused UNUSED)
{
    for (int i = 0; i < 100; i++)
        CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

SITUATION(descriptors, IN_SANDBOX, "processes have more descriptors than the limit permits to read")
{
    size_t before = gap_count_now(USERNS_GAP_DESCRIPTORS);
    struct userns_snapshot *snapshot;

    for (int i = 0; i < 3; i++)
        start(open_many, NULL);
    snapshot = scan_limited(USERNS_SCAN_PINNED, 250 / READ_PER_PIN);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS), before + 1);
    CHECK(!(userns_gaps(snapshot) & (USERNS_GAP_PINS | USERNS_GAP_LINKS)));
    userns_free(snapshot);
    snapshot = scan_limited(USERNS_SCAN_PINNED, 150 / READ_PER_PIN);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS), before + 2);
    userns_free(snapshot);
}

static void start_threads(void *held)
{
    for (int i = 0; i < 10; i++)
        in_thread(do_nothing, held);
}

SITUATION(threads, IN_SANDBOX, "a process has more threads than the limit permits to visit")
{
    struct userns_snapshot *snapshot;
    size_t before = gap_count_now(USERNS_GAP_LINKS);

    start(start_threads, shared(sizeof(struct held)));
    CHECK_EQ(gap_count_now(USERNS_GAP_LINKS), before);
    snapshot = scan_limited(USERNS_SCAN_PINNED, 2);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_LINKS), before + 1);
    CHECK(userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS) > 0);
    userns_free(snapshot);
    /* Without pins, threads are not visited. */
    snapshot = scan_limited(USERNS_SCAN_OWNED, 1);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_LINKS), before);
    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_PINS));
    userns_free(snapshot);
}

/* For start(): in a mount namespace of its own. */
static void mount_many(void *unused UNUSED)
{
    new_mount_namespace();
    for (int i = 0; i < 1000; i++)
        mount_tmpfs("/mnt");
}

static void check_mounts(void)
{
    struct userns_snapshot *snapshot = scan_limited(USERNS_SCAN_PINNED, 1000 / READ_PER_PIN);

    CHECK(userns_gap_count(snapshot, USERNS_GAP_MOUNTS) > 0);
    CHECK(!(userns_gaps(snapshot) & (USERNS_GAP_PINS | USERNS_GAP_DESCRIPTORS)));
    userns_free(snapshot);
}

SITUATION(mounts, IN_SANDBOX, "a process sees more mounts than the limit permits to read")
{
    CHECK_EQ(gap_count_now(USERNS_GAP_MOUNTS), 0);
    start(mount_many, NULL);
    CHECK_EQ(gap_count_now(USERNS_GAP_MOUNTS), 0);
    check_mounts();
    deny_listmount();
    CHECK_EQ(gap_count_now(USERNS_GAP_MOUNTS), 0);
    check_mounts();
}

/* For in_thread() */
static void copy_mounts(void *unused UNUSED)
{
    CHECK(unshare(CLONE_NEWNS) == 0);
}

/* For start(): a thread has a mount namespace of its own. */
static void copy_mounts_in_thread(void *held)
{
    in_thread(copy_mounts, held);
}

/* For start(): another process shares the mounts, and has a copy of them. */
static void mount_many_twice(void *held)
{
    mount_many(NULL);
    start(copy_mounts_in_thread, held);
}

SITUATION(mounts_of_threads, IN_SANDBOX | BY_BPF,
          "a process whose threads have two views beyond the limit counts once")
{
    struct userns_snapshot *snapshot;

    start(mount_many_twice, shared(sizeof(struct held)));
    CHECK_EQ(gap_count_now(USERNS_GAP_MOUNTS), 0);
    snapshot = scan_limited(USERNS_SCAN_PINNED, 1000 / READ_PER_PIN);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MOUNTS), 2);
    userns_free(snapshot);
}

/* ---- Processes that share ---- */

enum { PROCESSES = 100 };

/* For start(): the process forks with its descriptors. */
static void share_by_fork(void *argument)
{
    struct held *held = argument;

    hold_by_many(held);
    for (int i = 1; i < PROCESSES; i++)
        if (fork_child() == 0)
            wait_forever(NULL);
}

SITUATION(forked, IN_SANDBOX | BY_BPF, "100 processes share 400 descriptors of a namespace")
{
    struct held *held = shared(2 * sizeof *held);
    struct userns_snapshot *snapshot;

    start(share_by_fork, held);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    CHECK_EQ(pin_count(snapshot, held[0].inode), PROCESSES * MORE);
    CHECK_EQ(pin_count(snapshot, held[1].inode), 1);
    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_PINS));
    userns_free(snapshot);
    snapshot = scan_limited(USERNS_SCAN_PINNED, PROCESSES * MORE / 2);
    CHECK(pin_count(snapshot, held[0].inode) <= PROCESSES * MORE / 2);
    CHECK(userns_gap_count(snapshot, USERNS_GAP_PINS) >= PROCESSES * MORE / 2);
    CHECK_EQ(pin_count(snapshot, held[1].inode), 1);
    userns_free(snapshot);
}
