/* userns_compare(): what changed between two snapshots. */
#include "situation.h"
#include "idmaps.h"
#include "pins.h"

#define APPEARED USERNS_CHANGE_APPEARED
#define ENDED USERNS_CHANGE_ENDED
#define EMPTIED USERNS_CHANGE_EMPTIED
#define MAPPED USERNS_CHANGE_MAPPED
#define JOINED USERNS_CHANGE_JOINED
#define LEFT USERNS_CHANGE_LEFT

struct expected {
    enum userns_change_kind kind;
    uint64_t inode;
    pid_t pid;
};

static struct userns_changes *compare(const struct userns_snapshot *before,
                                      const struct userns_snapshot *after)
{
    struct userns_changes *changes;
    int error = userns_compare(before, after, &changes);

    if (error != 0)
        fail("userns_compare: %d: %s", error, userns_strerror(error));
    return changes;
}

/* Whether the node of a change is one of a snapshot. */
static bool is_of(const struct userns_snapshot *snapshot, const struct userns_node *node)
{
    return userns_find_inode(snapshot, userns_inode(node)) == node;
}

static void check_changes(const struct userns_snapshot *before, const struct userns_snapshot *after,
                          const struct expected *expected, size_t expected_count)
{
    struct userns_changes *changes = compare(before, after);
    size_t count;
    const struct userns_change *const *all = userns_changes(changes, &count);

    for (size_t i = 0; i < count && i < expected_count; i++) {
        const struct userns_node *node = userns_change_node(all[i]);
        enum userns_change_kind kind = userns_change_kind(all[i]);

        if (kind != expected[i].kind || userns_inode(node) != expected[i].inode ||
            userns_change_pid(all[i]) != expected[i].pid)
            fail("change %zu is %d of %" PRIu64 ", %d", i, (int)kind, userns_inode(node),
                 (int)userns_change_pid(all[i]));
        CHECK(is_of(kind == ENDED || kind == LEFT ? before : after, node));
    }
    CHECK_EQ(count, expected_count);
    CHECK((all == NULL) == (count == 0) && userns_changes(changes, NULL) == all);
    userns_changes_free(changes);
}

/* The changes are exactly these, in this order. */
#define CHECK_CHANGES(before, after, ...) \
    check_changes(before, after, (const struct expected[]){ __VA_ARGS__ }, \
                  sizeof((const struct expected[]){ __VA_ARGS__ }) / sizeof(struct expected))

static void check_no_changes(const struct userns_snapshot *before,
                             const struct userns_snapshot *after)
{
    check_changes(before, after, NULL, 0);
}

static void free_both(struct userns_snapshot *before, struct userns_snapshot *after)
{
    userns_free(before);
    userns_free(after);
}

/* ---- Namespaces ---- */

SITUATION(appeared_and_ended, IN_SANDBOX | BY_BPF, "two nested namespaces are made, and end")
{
    struct userns_snapshot *before = scan(), *between, *after;
    pid_t pid = start(go_down, &(int){ 2 });
    uint64_t inner = inode_of(pid), outer;

    between = scan();
    outer = userns_inode(userns_parent(userns_find_pid(between, pid)));
    end(pid);
    after = scan();
    CHECK_CHANGES(before, between, { APPEARED, outer, 0 }, { APPEARED, inner, 0 },
                  { JOINED, inner, pid });
    CHECK_CHANGES(between, after, { LEFT, inner, pid }, { ENDED, inner, 0 }, { ENDED, outer, 0 });
    CHECK_CHANGES(after, between, { APPEARED, outer, 0 }, { APPEARED, inner, 0 },
                  { JOINED, inner, pid });
    check_no_changes(before, after);
    check_no_changes(between, between);
    userns_free(before);
    free_both(between, after);
}

SITUATION(emptied, IN_SANDBOX | BY_BPF, "the last process leaves a namespace with a child")
{
    pid_t pid = start(go_down, &(int){ 1 }), child = start(join_and_go_down, &pid);
    uint64_t inode = inode_of(pid);
    struct userns_snapshot *before = scan(), *after;

    CHECK(userns_parent(userns_find_pid(before, child)) == userns_find_pid(before, pid));
    end(pid);
    after = scan();
    CHECK_CHANGES(before, after, { LEFT, inode, pid }, { EMPTIED, inode, 0 });
    free_both(before, after);
}

SITUATION(mapped, IN_SANDBOX | BY_BPF, "maps are written, one after the other")
{
    pid_t pid = start(go_down_unmapped, NULL);
    uint64_t inode = inode_of(pid);
    struct userns_snapshot *plain = scan(), *before = scan_with(USERNS_SCAN_MAPS), *between, *after;
    const struct id_map map = { 1, { { 0, geteuid(), 1 } } };

    if (!has_maps(userns_find_pid(before, pid)))
        skip("the maps are not known");
    CHECK(write_map(pid, "uid_map", &map));
    between = scan_with(USERNS_SCAN_MAPS);
    CHECK(write_map(pid, "gid_map", &map));
    after = scan_with(USERNS_SCAN_MAPS);
    CHECK_CHANGES(before, between, { MAPPED, inode, 0 });
    CHECK_CHANGES(before, after, { MAPPED, inode, 0 });
    CHECK_CHANGES(between, after, { MAPPED, inode, 0 });
    check_no_changes(plain, after);
    check_no_changes(between, before);
    userns_free(plain);
    userns_free(between);
    free_both(before, after);
}

/* ---- Processes ---- */

/* A process that goes to other namespaces when it is told so. */
struct mover {
    int order[2], done[2];
    pid_t pid;
};

/* A PID: joins the user namespace of that process; 0: makes a new one. */
static void obey(const struct mover *mover)
{
    pid_t target;

    while (read(mover->order[0], &target, sizeof target) == sizeof target) {
        if (target != 0)
            join(&target);
        else
            new_user_namespace();
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        CHECK(write(mover->done[1], "", 1) == 1);
    }
    exit(0);
}

static void start_mover(struct mover *mover)
{
    CHECK(pipe2(mover->order, O_CLOEXEC) == 0 && pipe2(mover->done, O_CLOEXEC) == 0);
    mover->pid = fork_child();
    if (mover->pid == 0)
        obey(mover);
}

static void move(const struct mover *mover, pid_t target)
{
    char byte;

    CHECK(write(mover->order[1], &target, sizeof target) == sizeof target);
    CHECK(read(mover->done[0], &byte, 1) == 1);
}

SITUATION(joined_and_left, IN_SANDBOX | BY_BPF, "a process joins a namespace, then makes one")
{
    pid_t pid = start(go_down, &(int){ 1 });
    uint64_t own = inode_of(getpid()), inode = inode_of(pid);
    struct userns_snapshot *before, *joined, *after;
    struct mover mover;

    start_mover(&mover);
    before = scan();
    move(&mover, pid);
    joined = scan();
    move(&mover, 0);
    after = scan();
    CHECK_CHANGES(before, joined, { LEFT, own, mover.pid }, { JOINED, inode, mover.pid });
    CHECK_CHANGES(joined, after, { APPEARED, inode_of(mover.pid), 0 }, { LEFT, inode, mover.pid },
                  { JOINED, inode_of(mover.pid), mover.pid });
    userns_free(before);
    free_both(joined, after);
}

/* The PIDs of all processes in a snapshot, each with the inode number of its namespace. */
enum { MOST_PIDS = 1000 };

struct membership {
    uint64_t inode[MOST_PIDS];
};

static void read_membership(const struct userns_snapshot *snapshot, struct membership *membership)
{
    for (pid_t pid = 0; pid < MOST_PIDS; pid++)
        membership->inode[pid] = userns_inode(userns_find_pid(snapshot, pid));
}

static void apply(const struct userns_changes *changes, struct membership *membership)
{
    size_t count;
    const struct userns_change *const *all = userns_changes(changes, &count);

    for (size_t i = 0; i < count; i++) {
        uint64_t inode = userns_inode(userns_change_node(all[i]));
        pid_t pid = userns_change_pid(all[i]);

        CHECK(pid >= 0 && pid < MOST_PIDS);
        if (userns_change_kind(all[i]) == LEFT) {
            CHECK_EQ(membership->inode[pid], inode);
            membership->inode[pid] = 0;
        } else if (userns_change_kind(all[i]) == JOINED) {
            CHECK_EQ(membership->inode[pid], 0);
            membership->inode[pid] = inode;
        }
    }
}

SITUATION(applied, IN_SANDBOX | BY_BPF,
          "changes, applied in their order, lead to the later members")
{
    enum { PROCESSES = 12 };
    pid_t pids[PROCESSES] = { 0 };
    static struct membership expected, found;
    struct userns_snapshot *before = scan(), *after;
    size_t total = 0, count;

    srand(1);
    for (int round = 0; round < rounds(40); round++) {
        struct userns_changes *changes;

        for (int i = 0; i < 4; i++) {
            pid_t *pid = &pids[rand() % PROCESSES], other = pids[rand() % PROCESSES];

            if (*pid != 0)
                end(*pid);
            if (*pid != 0 && *pid == other)
                other = 0;
            *pid = 0;
            if (other != 0)
                *pid = start(rand() % 2 ? join : join_and_go_down, &other);
            else if (rand() % 4 != 0)
                *pid = start(go_down, &(int){ 1 + rand() % 2 });
        }
        after = scan();
        changes = compare(before, after);
        read_membership(before, &expected);
        apply(changes, &expected);
        read_membership(after, &found);
        CHECK(memcmp(&expected, &found, sizeof found) == 0);
        userns_changes(changes, &count);
        total += count;
        userns_changes_free(changes);
        userns_free(before);
        before = after;
    }
    CHECK(total >= (size_t)rounds(40));
    userns_free(before);
}

/* ---- Identity ---- */

/*
 * Starts a process in a new user namespace with this inode number, which was that of an ended one.
 * The kernel takes the lowest free number; a test that runs meanwhile can have it for a while.
 */
static pid_t reuse(uint64_t inode, void (*act)(void *), void *argument)
{
    for (int i = 0; i < 10000; i++) {
        pid_t pid = start(act, argument);

        if (inode_of(pid) == inode)
            return pid;
        end(pid);
    }
    skip("the kernel does not reuse the inode number");
}

SITUATION(reused_inode, IN_SANDBOX | BY_BPF, "a new namespace has the inode number of an old one")
{
    int one = 1;
    pid_t old = start(go_down, &one), new;
    uint64_t inode = inode_of(old), id = id_of(old);
    struct userns_snapshot *before = scan(), *after;

    end(old);
    new = reuse(inode, go_down, &one);
    after = scan();
    if (userns_id(userns_find_pid(before, old)) == 0) /* uncertain */
        CHECK_CHANGES(before, after, { LEFT, inode, old }, { JOINED, inode, new });
    else
        CHECK_CHANGES(before, after, { APPEARED, inode, 0 }, { LEFT, inode, old },
                      { JOINED, inode, new }, { ENDED, inode, 0 });
    CHECK(id == 0 || id_of(new) != id);
    free_both(before, after);
}

/* In the time of this process there are no ids. */
static void reuse_without_ids(void *unused UNUSED)
{
    int one = 1;
    pid_t old = start(go_down, &one), other, new;
    uint64_t inode = inode_of(old), child;
    struct userns_snapshot *before, *with_id = scan(), *after;

    deny_ioctl((uint32_t)NS_GET_ID);
    before = scan();
    CHECK_EQ(userns_id(userns_find_pid(before, old)), 0);
    check_no_changes(with_id, before);
    check_no_changes(before, with_id);

    /* The same owner and parent: taken for the same. */
    end(old);
    new = reuse(inode, go_down, &one);
    after = scan();
    CHECK_CHANGES(before, after, { LEFT, inode, old }, { JOINED, inode, new });
    CHECK_CHANGES(with_id, after, { LEFT, inode, old }, { JOINED, inode, new });
    userns_free(after);

    /* Another parent, which has the number of another namespace. */
    other = start(go_down, &one);
    child = inode_of(other);
    userns_free(before);
    before = scan();
    old = new;
    end(old);
    new = reuse(inode, join_and_go_down, &other);
    after = scan();
    CHECK_CHANGES(before, after, { APPEARED, inode, 0 }, { LEFT, inode, old },
                  { JOINED, inode, new }, { ENDED, inode, 0 });
    CHECK_EQ(userns_inode(userns_parent(userns_find_pid(after, new))), child);
    userns_free(with_id);
    free_both(before, after);
}

SITUATION(without_ids, IN_SANDBOX, "without ids, identity rests on inode, owner and parent")
{
    in_child(reuse_without_ids, NULL);
}

/* For start(). */
static void go_down_as_nobody(void *unused UNUSED)
{
    become_nobody(0);
    new_user_namespace();
}

static void reuse_by_another_user(void *unused UNUSED)
{
    pid_t old = start(go_down, &(int){ 1 }), new;
    uint64_t inode = inode_of(old);
    struct userns_snapshot *before, *after;

    deny_ioctl((uint32_t)NS_GET_ID);
    before = scan();
    end(old);
    new = reuse(inode, go_down_as_nobody, NULL);
    after = scan();
    CHECK_CHANGES(before, after, { APPEARED, inode, 0 }, { LEFT, inode, old },
                  { JOINED, inode, new }, { ENDED, inode, 0 });
    free_both(before, after);
}

SITUATION(another_owner, IN_SANDBOX | AS_ROOT, "the same, where another user made the new one")
{
    in_child(reuse_by_another_user, NULL);
}

/* ---- What is out of sight ---- */

SITUATION(unreadable, IN_SANDBOX, "a process that cannot be read has not left its namespace")
{
    pid_t pid = start(go_down, &(int){ 2 }), other = start(go_down, &(int){ 1 });
    uint64_t inode = inode_of(pid), left = inode_of(other);
    struct userns_snapshot *before = scan(), *hidden, *after;
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns", (int)pid);
    mount_tmpfs(path);
    end(other);
    hidden = scan();
    CHECK_EQ(userns_gap_count(hidden, USERNS_GAP_UNREADABLE), 1);
    CHECK(userns_find_inode(hidden, inode) == NULL);
    CHECK_CHANGES(before, hidden, { LEFT, left, other }, { ENDED, left, 0 });
    CHECK(umount(path) == 0);
    after = scan();
    CHECK_CHANGES(before, after, { LEFT, left, other }, { ENDED, left, 0 });
    /* All that a snapshot shows for the first time is new. */
    CHECK_CHANGES(hidden, after,
                  { APPEARED, userns_inode(userns_parent(userns_find_pid(after, pid))), 0 },
                  { APPEARED, inode, 0 }, { JOINED, inode, pid });
    userns_free(hidden);
    free_both(before, after);
}

SITUATION(only_pinned, IN_SANDBOX | BY_BPF,
          "only a descriptor keeps a namespace; scans that look for it or not")
{
    struct userns_snapshot *before, *plain, *pinned, *after, *member;
    pid_t pid = start(go_down, &(int){ 1 });
    uint64_t inode = inode_of(pid);
    int fd = open_namespace(pid, "user");

    member = scan();
    end(pid);
    before = scan_with(USERNS_SCAN_PINNED);
    plain = scan();
    pinned = scan_with(USERNS_SCAN_PINNED);
    close(fd);
    after = scan_with(USERNS_SCAN_PINNED);
    CHECK_CHANGES(member, plain, { LEFT, inode, pid }, { ENDED, inode, 0 });
    CHECK_CHANGES(member, pinned, { LEFT, inode, pid }, { EMPTIED, inode, 0 });
    check_no_changes(before, plain);
    check_no_changes(before, pinned);
    CHECK_CHANGES(plain, pinned, { APPEARED, inode, 0 });
    CHECK_CHANGES(pinned, after, { ENDED, inode, 0 });
    userns_free(member);
    free_both(plain, pinned);
    free_both(before, after);
}

/* ---- Errors ---- */

static void expect_compare_error(const struct userns_snapshot *before,
                                 const struct userns_snapshot *after, int expected)
{
    static char garbage;
    struct userns_changes *changes = (void *)&garbage;

    CHECK_EQ(userns_compare(before, after, &changes), expected);
    CHECK(changes == NULL);
}

SITUATION(null, 0, "NULL as a snapshot, output, changes or change")
{
    struct userns_snapshot *snapshot = scan();
    struct userns_changes *changes = compare(snapshot, snapshot);
    size_t count = 7;

    CHECK_EQ(userns_compare(snapshot, snapshot, NULL), -EINVAL);
    CHECK_EQ(userns_compare(NULL, NULL, NULL), -EINVAL);
    expect_compare_error(NULL, snapshot, -EINVAL);
    expect_compare_error(snapshot, NULL, -EINVAL);
    expect_compare_error(NULL, NULL, -EINVAL);
    CHECK(userns_changes(changes, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_changes(NULL, &count) == NULL && count == 0);
    CHECK(userns_changes(NULL, NULL) == NULL);
    CHECK_EQ(userns_change_kind(NULL), 0);
    CHECK(userns_change_node(NULL) == NULL && userns_change_pid(NULL) == 0);
    userns_changes_free(NULL);
    userns_changes_free(changes);
    userns_free(snapshot);
}

SITUATION(other_pid_namespace, IN_SANDBOX, "snapshots of two PID namespaces")
{
    struct userns_snapshot *outer = scan(), *inner;

    mount_inner_procfs("/tmp", 0);
    inner = scan_at("/tmp");
    expect_compare_error(outer, inner, -EXDEV);
    expect_compare_error(inner, outer, -EXDEV);
    check_no_changes(inner, inner);
    free_both(outer, inner);
}

SITUATION(no_boot_id, IN_SANDBOX, "the boot ids are not known")
{
    struct userns_snapshot *before, *after;

    mount_tmpfs("/proc/sys/kernel/random");
    before = scan();
    after = scan();
    CHECK(userns_boot_id(before) == NULL && userns_boot_id(after) == NULL);
    check_no_changes(before, after);
    free_both(before, after);
}
