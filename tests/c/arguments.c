/* Arguments: NULL, outputs that may be NULL, numbers that do not exist, options and flags. */
#include "situation.h"
#include "pins.h"
#include <limits.h>

/* ---- NULL ---- */

static void check_null_snapshot(void)
{
    size_t count = 7; /* any number but 0 */

    CHECK(userns_root(NULL) == NULL);
    CHECK(userns_roots(NULL, NULL) == NULL);
    CHECK(userns_roots(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_nodes(NULL, NULL) == NULL);
    CHECK(userns_nodes(NULL, &count) == NULL && count == 0);
    CHECK(userns_self(NULL) == NULL);
    CHECK(userns_find_inode(NULL, INITIAL_INODE) == NULL);
    CHECK(userns_find_id(NULL, 1) == NULL);
    CHECK(userns_find_pid(NULL, getpid()) == NULL);
    CHECK_EQ(userns_gaps(NULL), 0);
    for (int bit = 0; bit < 32; bit++)
        CHECK_EQ(userns_gap_count(NULL, UINT32_C(1) << bit), 0);
    CHECK_EQ(userns_source(NULL), 0);
    CHECK_EQ(userns_source_error(NULL), 0);
    CHECK(userns_source_log(NULL) == NULL);
    CHECK_EQ(userns_empty_source(NULL), 0);
    CHECK_EQ(userns_time(NULL), 0);
    CHECK(userns_boot_id(NULL) == NULL);
    CHECK_EQ(userns_pid_namespace(NULL), 0);
    CHECK(userns_process_name(NULL, getpid()) == NULL);
    userns_free(NULL);
}

static void check_null_node(const struct userns_node *other)
{
    size_t count = 7;
    uid_t uid = 12345;

    CHECK_EQ(userns_inode(NULL), 0);
    CHECK_EQ(userns_device(NULL), 0);
    CHECK_EQ(userns_id(NULL), 0);
    CHECK_EQ(userns_flags(NULL), 0);
    CHECK_EQ(userns_depth(NULL), 0);
    CHECK(!userns_owner_uid(NULL, NULL));
    CHECK(!userns_owner_uid(NULL, &uid) && uid == 12345);
    CHECK(userns_parent(NULL) == NULL);
    CHECK(userns_children(NULL, NULL) == NULL);
    CHECK(userns_children(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_pids(NULL, NULL) == NULL);
    CHECK(userns_pids(NULL, &count) == NULL && count == 0);
    CHECK(!userns_is_ancestor(NULL, NULL));
    CHECK(!userns_is_ancestor(other, NULL));
    CHECK(!userns_is_ancestor(NULL, other));
}

SITUATION(null_snapshots_and_nodes, 0, "functions of snapshots and nodes accept NULL")
{
    struct userns_snapshot *snapshot = scan();

    check_null_snapshot();
    check_null_node(userns_self(snapshot));
    userns_free(snapshot);
}

SITUATION(null_nonusers_and_pins, 0, "functions of nonuser namespaces and pins accept NULL")
{
    size_t count = 7;

    CHECK(userns_nonusers(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_pins(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_owned(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_nonuser_pins(NULL, &count) == NULL && count == 0);
    CHECK(userns_nonusers(NULL, NULL) == NULL && userns_pins(NULL, NULL) == NULL);
    CHECK(userns_owned(NULL, NULL) == NULL && userns_nonuser_pins(NULL, NULL) == NULL);
    CHECK(userns_pin_kind(NULL) == 0 && userns_pin_pid(NULL) == 0 && userns_pin_tid(NULL) == 0);
    CHECK(userns_pin_path(NULL) == NULL && userns_pin_nonuser(NULL) == NULL);
    CHECK(!userns_pin_is_overmounted(NULL) && !userns_pin_may_be_locked(NULL));
    CHECK_EQ(userns_pin_descriptor(NULL), -1);
    CHECK(userns_nonuser_type(NULL) == 0 && userns_nonuser_type_name(NULL) == NULL);
    CHECK(userns_nonuser_inode(NULL) == 0 && userns_nonuser_id(NULL) == 0);
    CHECK(userns_nonuser_member_count(NULL) == 0 && userns_nonuser_owner(NULL) == NULL);
    CHECK(userns_nonuser_parent(NULL) == NULL);
}

SITUATION(null_outputs, 0, "outputs may be NULL")
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *own = userns_self(snapshot);
    size_t count;
    uid_t uid;

    CHECK_EQ(userns_scan(NULL, NULL), -EINVAL);
    CHECK_EQ(userns_scan(&options, NULL), -EINVAL);
    CHECK(userns_roots(snapshot, NULL) == userns_roots(snapshot, &count) && count > 0);
    CHECK(userns_nodes(snapshot, NULL) == userns_nodes(snapshot, &count) && count > 0);
    CHECK(userns_pids(own, NULL) == userns_pids(own, &count) && count > 0);
    CHECK(userns_children(own, NULL) == userns_children(own, &count));
    CHECK((userns_children(own, NULL) == NULL) == (count == 0));
    CHECK(userns_owner_uid(own, NULL) == userns_owner_uid(own, &uid));
    userns_free(snapshot);
}

SITUATION(nothing_found, 0, "numbers that no namespace or process has")
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_NAMES);

    CHECK(userns_find_inode(snapshot, 0) == NULL);
    CHECK(userns_find_inode(snapshot, UINT64_MAX) == NULL);
    CHECK(userns_find_inode(snapshot, INITIAL_INODE + (UINT64_C(1) << 32)) == NULL);
    CHECK(userns_find_id(snapshot, 0) == NULL);
    CHECK(userns_find_id(snapshot, UINT64_MAX) == NULL);
    CHECK(userns_find_pid(snapshot, 0) == NULL);
    CHECK(userns_find_pid(snapshot, -1) == NULL);
    CHECK(userns_find_pid(snapshot, INT_MIN) == NULL);
    CHECK(userns_find_pid(snapshot, INT_MAX) == NULL); /* above the kernel's limit for PIDs */
    CHECK(userns_process_name(snapshot, 0) == NULL);
    CHECK(userns_process_name(snapshot, -1) == NULL);
    CHECK(userns_process_name(snapshot, INT_MIN) == NULL);
    CHECK(userns_process_name(snapshot, INT_MAX) == NULL);
    userns_free(snapshot);
}

/* ---- Options ---- */

/* Zeroed memory at the end of a page. The next page is inaccessible: reading it is fatal. */
static struct userns_options *before_inaccessible(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED && size <= page);
    CHECK(mprotect(memory + page, page, PROT_NONE) == 0);
    return (void *)(memory + page - size);
}

/* For these sizes, the library must read only the size itself. */
static void check_refused_sizes(void)
{
    struct userns_options *options = before_inaccessible(sizeof options->size);

    for (size_t size = 0; size < sizeof *options; size++) {
        options->size = size;
        expect_error("a smaller size", options, -EINVAL);
    }
    options->size = 4096;
    expect_error("size 4096", options, -E2BIG);
    options->size = SIZE_MAX;
    expect_error("size SIZE_MAX", options, -E2BIG);
}

static void check_longer_options(size_t size)
{
    struct userns_options *options = before_inaccessible(size);
    struct userns_snapshot *snapshot;

    options->size = size;
    CHECK_EQ(userns_scan(options, &snapshot), 0);
    userns_free(snapshot);
    for (size_t i = sizeof *options; i < size; i++) {
        ((unsigned char *)options)[i] = i % 2 == 0 ? 1 : 0x80;
        expect_error("an unknown field", options, -E2BIG);
        ((unsigned char *)options)[i] = 0;
    }
}

SITUATION(option_sizes, 0, "options of each size, before inaccessible memory")
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_options *exact = before_inaccessible(sizeof *exact);
    struct userns_snapshot *snapshot;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    userns_free(scan());
    CHECK_EQ(userns_scan(&options, &snapshot), 0);
    userns_free(snapshot);

    *exact = options;
    exact->proc_path = "/proc";
    CHECK(mprotect((char *)(exact + 1) - page, page, PROT_READ) == 0);
    CHECK_EQ(userns_scan(exact, &snapshot), 0);
    userns_free(snapshot);

    check_refused_sizes();
    check_longer_options(sizeof options + 8);
    check_longer_options(sizeof options + 64);
    check_longer_options(4096 - 8);
}

SITUATION(unknown_flags, 0, "each unknown flag is refused")
{
    for (int bit = 0; bit < 64; bit++) {
        struct userns_options options = USERNS_OPTIONS_INIT;

        options.flags = UINT64_C(1) << bit;
        if (!(options.flags & (EVERY_FLAG | USERNS_SCAN_BPF)))
            expect_error("an unknown flag", &options, -EINVAL);
    }
}

/* ---- Flags ---- */

enum { PINS = 1, OWNED = 2, NAMES = 4 };

/* How many processes of a node have a name; an unknown name is "", not NULL. */
static size_t count_names(const struct userns_snapshot *snapshot, const struct userns_node *node)
{
    size_t count, names = 0;
    const pid_t *pids = userns_pids(node, &count);

    for (size_t i = 0; i < count; i++)
        names += userns_process_name(snapshot, pids[i]) != NULL;
    CHECK(names == 0 || names == count);
    return names;
}

/* Whether any node shows PINS, OWNED namespaces and NAMES. */
static unsigned shown(uint64_t flags)
{
    struct userns_snapshot *snapshot = scan_with(flags);
    uint32_t gaps = USERNS_GAP_DESCRIPTORS | USERNS_GAP_SOCKETS | USERNS_GAP_MOUNTS |
                    USERNS_GAP_MOUNT_NAMESPACES | USERNS_GAP_CHROOTED | USERNS_GAP_UNOPENED_MOUNTS;
    size_t count, pins, owned;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    unsigned bits = 0;

    for (size_t i = 0; i < count; i++) {
        CHECK((userns_pins(nodes[i], &pins) == NULL) == (pins == 0));
        CHECK((userns_owned(nodes[i], &owned) == NULL) == (owned == 0));
        bits |= (pins > 0 ? PINS : 0) | (owned > 0 ? OWNED : 0);
        bits |= count_names(snapshot, nodes[i]) > 0 ? NAMES : 0;
        CHECK(flags & USERNS_SCAN_PINNED || !(userns_flags(nodes[i]) & USERNS_NODE_ONLY_PINNED));
    }
    if (!(flags & USERNS_SCAN_PINNED)) {
        CHECK(!(userns_gaps(snapshot) & gaps));
        for (uint32_t gap = 1; gap != 0; gap <<= 1)
            CHECK(!(gap & gaps) || userns_gap_count(snapshot, gap) == 0);
    }
    userns_free(snapshot);
    return bits;
}

SITUATION(flags_do_not_mix, IN_SANDBOX, "each flag adds only what it asks for")
{
    start(hold_descriptor, shared(sizeof(struct held)));
    CHECK_EQ(shown(0), 0);
    CHECK_EQ(shown(USERNS_SCAN_NAMES), NAMES);
    CHECK_EQ(shown(USERNS_SCAN_OWNED) & (OWNED | NAMES), OWNED);
    CHECK_EQ(shown(USERNS_SCAN_PINNED), PINS | OWNED);
    CHECK_EQ(shown(USERNS_SCAN_PINNED | USERNS_SCAN_NAMES), PINS | OWNED | NAMES);
}
