/* Visibility: callers that may not read every process or see every namespace. */
#include "situation.h"
#include <linux/capability.h>

/* ---- Denied ---- */

/* Process 1 of the sandbox and another process belong to root, this one and its child to nobody. */
static void scan_as_nobody(void *roots_pid)
{
    int one = 1;
    struct userns_snapshot *snapshot;
    const struct userns_node *own, *node;
    pid_t pid;
    uid_t owner;

    become_nobody(0);
    pid = start(go_down, &one);
    snapshot = scan();
    own = userns_self(snapshot);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 2);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_UNREADABLE);
    CHECK(!(userns_gaps(snapshot) & (USERNS_GAP_HIDEPID | USERNS_GAP_NESTED)));
    CHECK(userns_find_pid(snapshot, 1) == NULL);
    CHECK(userns_find_pid(snapshot, *(pid_t *)roots_pid) == NULL);
    CHECK(userns_flags(own) == USERNS_NODE_INITIAL && userns_root(snapshot) == own);
    CHECK(has_members(own, 1, getpid()));
    node = userns_find_pid(snapshot, pid);
    CHECK(userns_parent(node) == own && has_members(node, 1, pid));
    CHECK(userns_owner_uid(node, &owner) && owner == NOBODY);
    CHECK_EQ(node_count(snapshot), 2);
    userns_free(snapshot);
}

SITUATION(unprivileged, IN_SANDBOX | AS_ROOT,
          "an ordinary user: processes of root are counted as unreadable")
{
    int one = 1;
    pid_t pid = start(go_down, &one);

    in_child(scan_as_nobody, &pid);
}

/* Root without CAP_SYS_PTRACE may not read processes that have more capabilities than it has. */
static void scan_without_ptrace(void *unused UNUSED)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];
    struct userns_snapshot *snapshot;

    CHECK(syscall(SYS_capget, &header, data) == 0);
    data[0].effective &= ~(UINT32_C(1) << CAP_SYS_PTRACE);
    data[0].permitted &= ~(UINT32_C(1) << CAP_SYS_PTRACE);
    CHECK(syscall(SYS_capset, &header, data) == 0);
    snapshot = scan();
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 1);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_UNREADABLE);
    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_HIDEPID));
    CHECK(has_members(userns_self(snapshot), 1, getpid()));
    userns_free(snapshot);
}

SITUATION(root_denied, IN_SANDBOX | AS_ROOT,
          "root without CAP_SYS_PTRACE may not read processes that have it")
{
    in_child(scan_without_ptrace, NULL);
}

/* A security module can deny even root to read process 1. */
SITUATION(every_process, 0, "each process of the host is in a node or counted as unreadable")
{
    for (int attempt = 0; attempt < 100; attempt++) {
        struct userns_snapshot *snapshot = scan();
        DIR *directory = opendir("/proc");
        size_t listed = 0, seen = userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), count;
        const struct userns_node *const *nodes = userns_nodes(snapshot, &count);

        CHECK(directory != NULL);
        CHECK((userns_gap_count(snapshot, USERNS_GAP_UNREADABLE) > 0) ==
              ((userns_gaps(snapshot) & USERNS_GAP_UNREADABLE) != 0));
        for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
            listed += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
        for (size_t i = 0, members; i < count; i++) {
            userns_pids(nodes[i], &members);
            seen += members;
        }
        closedir(directory);
        userns_free(snapshot);
        if (seen == listed)
            return;     /* else a process started or ended meanwhile */
        usleep(100000); /* another situation can start thousands */
    }
    fail("the numbers never agreed");
}

/* ---- Nested user namespaces ---- */

static void check_nested(uint32_t other_gaps)
{
    int one = 1;
    pid_t pid = start(go_down, &one);
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *own = userns_self(snapshot);
    size_t roots;

    CHECK_EQ(userns_gaps(snapshot) & ~(uint32_t)USERNS_GAP_UNREADABLE,
             USERNS_GAP_NESTED | other_gaps);
    CHECK_EQ(userns_inode(own), inode_of(getpid()));
    CHECK_EQ(userns_flags(own), USERNS_NODE_PARENT_HIDDEN);
    CHECK(userns_parent(own) == NULL && userns_depth(own) == 0);
    CHECK(userns_root(snapshot) == own && userns_roots(snapshot, &roots)[0] == own && roots == 1);
    CHECK(userns_find_inode(snapshot, INITIAL_INODE) == NULL);
    CHECK(userns_parent(userns_find_pid(snapshot, pid)) == own);
    CHECK_EQ(node_count(snapshot), 2);
    userns_free(snapshot);
}

static uint32_t pidns_gap_here(void)
{
    struct userns_snapshot *snapshot = scan();
    uint32_t gap = userns_gaps(snapshot) & USERNS_GAP_PIDNS;

    userns_free(snapshot);
    return gap;
}

/* The caller may not read the outer processes. */
SITUATION(nested_with_outer_procfs, 0,
          "in a nested user namespace, the procfs shows outer processes")
{
    uint32_t gap = pidns_gap_here();
    struct userns_snapshot *snapshot;

    new_user_namespace();
    check_nested(gap);
    snapshot = scan();
    CHECK(userns_find_pid(snapshot, getppid()) == NULL &&
          userns_gap_count(snapshot, USERNS_GAP_UNREADABLE) > 0);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_UNREADABLE);
    userns_free(snapshot);
}

static void check_container(void *unused UNUSED)
{
    check_nested(USERNS_GAP_PIDNS);
}

SITUATION(nested_with_own_procfs, 0,
          "a container: a user namespace, PID namespace and procfs of its own")
{
    new_user_namespace();
    in_sandbox(check_container, NULL);
}

SITUATION(unmapped_owner, 0, "in a namespace without a map, each owner is the overflow UID")
{
    struct userns_snapshot *snapshot;
    uid_t owner = 12345;

    if (unshare(CLONE_NEWUSER) != 0)
        skip("cannot make a user namespace: %s", strerror(errno));
    snapshot = scan();
    CHECK_EQ(userns_inode(userns_self(snapshot)), inode_of(getpid()));
    CHECK(!userns_owner_uid(userns_self(snapshot), &owner) && owner == 12345);
    userns_free(snapshot);
}
