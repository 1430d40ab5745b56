/* Older kernels: seccomp(2) denies the calls that they do not know. */
#include "situation.h"
#include "bpf.h"
#include "interpose.h"
#include "pins.h"

#ifndef PIDFD_GET_USER_NAMESPACE /* in linux/pidfd.h, since Linux 6.11 */
#define PIDFD_GET_USER_NAMESPACE _IO(0xff, 9)
#endif

static void scan_without_parents(void *unused UNUSED)
{
    userns_free(scan());
    deny_ioctl(NS_GET_PARENT);
    expect_error("a kernel before Linux 4.9", NULL, -ENOTTY);
}

SITUATION(no_parents, 0, "before Linux 4.9, NS_GET_PARENT does not exist")
{
    in_sandbox(scan_without_parents, NULL);
    start(go_down, &(int){ 2 });
    in_child(scan_without_parents, NULL);
}

static bool has_relations_gap(const struct userns_snapshot *snapshot)
{
    return userns_gaps(snapshot) & USERNS_GAP_RELATIONS;
}

/* As for 32-bit programs on 64-bit kernels before Linux 6.12. */
SITUATION(no_ioctls, IN_SANDBOX, "BPF tells all about user namespaces without ioctl(2)")
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *before, *all, *after, *owned, *pinned;
    const struct userns_node *left;

    need_bpf();
    start(go_down, &(int){ 3 });
    start(hold_descriptor, held);
    before = scan_with(USERNS_SCAN_BPF);
    all = scan_with(USERNS_SCAN_BPF | USERNS_SCAN_OWNED);
    deny_syscall(__NR_ioctl, ANY_ARGUMENT, 0, ENOTTY);
    expect_error("a kernel without these ioctls", NULL, -ENOTTY);
    after = scan_with(USERNS_SCAN_BPF);
    CHECK_EQ(userns_source_error(after), 0);
    CHECK(same_snapshot(before, after));
    CHECK_EQ(userns_gaps(before), userns_gaps(after));

    owned = scan_with(USERNS_SCAN_BPF | USERNS_SCAN_OWNED);
    CHECK(same_text(facts_of(before), facts_of(owned)));
    CHECK(!has_relations_gap(after));
    /* From Linux 6.4 on, BPF tells the nonuser namespaces, too. */
    if (!has_relations_gap(owned))
        CHECK(same_text(pins_of(all), pins_of(owned)));
    else
        CHECK_EQ(userns_source(owned), USERNS_SOURCE_BPF_TASKS);

    pinned = scan_with(USERNS_SCAN_BPF | USERNS_SCAN_PINNED);
    left = userns_find_inode(pinned, held->inode);
    if (left == NULL)
        CHECK(userns_gap_count(pinned, USERNS_GAP_LINKS) > 0);
    else
        CHECK(userns_parent(left) != NULL || has_relations_gap(pinned));
    userns_free(before);
    userns_free(all);
    userns_free(after);
    userns_free(owned);
    userns_free(pinned);
}

SITUATION(no_owners_and_ids, IN_SANDBOX, "Linux 4.9 has neither owners nor ids")
{
    int three = 3;
    struct userns_snapshot *newer, *older;
    const struct userns_node *const *nodes;
    size_t count;
    pid_t lowest;

    lowest = start(go_down, &three);
    newer = scan();
    deny_ioctl(NS_GET_ID);
    deny_ioctl(NS_GET_OWNER_UID);
    older = scan();
    CHECK(same_text(shape_of(newer), shape_of(older)));
    CHECK(userns_owner_uid(userns_find_pid(newer, lowest), NULL));
    CHECK_EQ(node_count(older), 4);
    nodes = userns_nodes(older, &count);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(userns_id(nodes[i]), 0);
        CHECK(!userns_owner_uid(nodes[i], NULL));
    }
    nodes = userns_nodes(newer, &count);
    for (size_t i = 0; i < count; i++)
        CHECK(userns_find_id(older, userns_id(nodes[i])) == NULL);
    userns_free(newer);
    userns_free(older);
}

/* Only a procfs that shows the caller then tells its namespace. */
SITUATION(no_namespaces_of_pidfds, IN_SANDBOX,
          "before Linux 6.11, a pidfd does not tell its user namespace")
{
    uint64_t own = inode_of(getpid());
    struct userns_snapshot *snapshot;

    mount_inner_procfs("/tmp", 3);
    deny_ioctl(PIDFD_GET_USER_NAMESPACE);
    snapshot = scan_at("/tmp");
    CHECK_EQ(userns_inode(userns_self(snapshot)), own);
    CHECK_EQ(node_count(snapshot), 4);
    userns_free(snapshot);

    CHECK(mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
    snapshot = scan_at("/tmp");
    CHECK(userns_self(snapshot) == NULL);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_NESTED);
    CHECK_EQ(userns_inode(userns_root(snapshot)), own);
    CHECK_EQ(node_count(snapshot), 4);
    userns_free(snapshot);
}

static bool lacks_user_namespaces; /* then no process has a link to one */

static bool answer_call(long number, const long arguments[6], long *result)
{
    if (!lacks_user_namespaces || number != SYS_openat ||
        strstr((const char *)arguments[1], "ns/user") == NULL)
        return false;
    errno = ENOENT;
    *result = -1;
    return true;
}

SITUATION(no_user_namespaces, IN_SANDBOX, "without CONFIG_USER_NS, /proc/PID/ns has no link to one")
{
    userns_free(scan());
    lacks_user_namespaces = true;
    expect_error("a kernel without user namespaces", NULL, -ENOTTY);
}
