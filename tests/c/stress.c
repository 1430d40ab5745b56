/* Scans while processes and namespaces come and go at full speed. */
#include "situation.h"
#include "bpf.h"
#include "storm.h"

enum { SCANS = 1000 };

/* ---- Stress ---- */

static void stress_forks(void *unused UNUSED)
{
    start_stress(fork_all_the_time);
}

static void stress_namespaces(void *unused UNUSED)
{
    start_stress(unshare_all_the_time);
}

static void stress_namespaces_below(void *pid)
{
    join(pid);
    start_stress(unshare_all_the_time);
}

/* ---- What stays ---- */

/* A process that each scan must find, in this namespace with this parent. */
struct lasting {
    pid_t pid;
    uint64_t inode, parent;
};

static struct lasting last(void (*act)(void *), void *argument, uint64_t parent)
{
    struct lasting lasting = { .pid = start(act, argument), .parent = parent };

    lasting.inode = inode_of(lasting.pid);
    return lasting;
}

static void check_lasting(const struct userns_snapshot *snapshot, const struct lasting *lasting)
{
    const struct userns_node *node = userns_find_pid(snapshot, lasting->pid);

    CHECK_EQ(userns_inode(node), lasting->inode);
    CHECK_EQ(userns_inode(userns_parent(node)), lasting->parent);
}

/* Checks that hold for all namespaces. */
static void check_nodes(const struct userns_snapshot *snapshot, uint64_t own)
{
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);

    CHECK(userns_inode(nodes[0]) == own && userns_inode(userns_self(snapshot)) == own);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(userns_device(nodes[i]), userns_device(nodes[0]));
        CHECK(userns_inode(nodes[i]) > UINT64_C(0xefffffff) || i == 0);
        CHECK(userns_depth(nodes[i]) <= 6);
        CHECK(userns_find_inode(snapshot, userns_inode(nodes[i])) == nodes[i]);
        CHECK(userns_id(nodes[i]) == 0 ||
              userns_find_id(snapshot, userns_id(nodes[i])) == nodes[i]);
        CHECK((userns_parent(nodes[i]) == NULL) == (i == 0));
        CHECK(i == 0 || (userns_flags(nodes[i]) & ~(uint32_t)USERNS_NODE_EMPTY) == 0);
    }
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 0);
    CHECK_EQ(userns_gaps(snapshot) & (USERNS_GAP_UNREADABLE | USERNS_GAP_HIDEPID), 0);
}

/* ---- Situations ---- */

SITUATION(forks_and_unshares, IN_SANDBOX | BY_BPF,
          "processes and namespaces come and go at full speed")
{
    enum { COUNT = 4 };
    int none = 0, one = 1;
    uint64_t own = inode_of(getpid());
    struct lasting lasting[COUNT];

    lasting[0] = last(go_down, &one, own);
    lasting[1] = last(join_and_go_down, &lasting[0].pid, lasting[0].inode);
    lasting[2] = last(join, &lasting[1].pid, lasting[0].inode);
    lasting[3] = last(go_down, &none, 0);
    for (int i = 0; i < 3; i++)
        start(stress_forks, NULL);
    start(stress_namespaces, NULL);
    start(stress_namespaces, NULL);
    start(stress_namespaces_below, &lasting[1].pid);

    for (int i = 0; i < rounds(SCANS); i++) {
        struct userns_snapshot *snapshot = scan();

        check_nodes(snapshot, own);
        for (int j = 0; j < COUNT; j++)
            check_lasting(snapshot, &lasting[j]);
        userns_free(snapshot);
    }
}

static void scan_executing(void)
{
    uint64_t own = inode_of(getpid());
    pid_t executing = fork_child();

    if (executing == 0)
        execute_all_the_time();
    for (int i = 0; i < rounds(4 * SCANS); i++) {
        struct userns_snapshot *snapshot = scan();

        CHECK_EQ(userns_inode(userns_find_pid(snapshot, executing)), own);
        CHECK(has_members(userns_self(snapshot), 2, getpid(), executing));
        userns_free(snapshot);
    }
    CHECK(waitpid(executing, NULL, WNOHANG) == 0);
}

SITUATION(executions, IN_SANDBOX | BY_BPF,
          "a process that executes a program from a thread, again and again")
{
    scan_executing();
}

SITUATION(executions_by_tasks, IN_SANDBOX,
          "the same, with the BPF program for kernels before Linux 6.7")
{
    need_bpf();
    CHECK(setenv("BY_BPF", "1", 1) == 0);
    imitate_kernel_before_6_7();
    scan_executing();
}

static bool is_among(const uint64_t *numbers, int count, uint64_t number)
{
    for (int i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

/*
 * Namespaces come and go below two parents, so that the kernel reuses inode numbers at once, and
 * below the other parent. The namespaces that are checked get such numbers, too: each scan has new
 * ones.
 */
static void scan_with_reuse(void)
{
    int one = 1;
    uint64_t own = inode_of(getpid());
    struct lasting parents[2];
    static uint64_t inodes[10 * SCANS];
    int reused = 0;

    for (int i = 0; i < 2; i++) {
        parents[i] = last(go_down, &one, own);
        start(stress_namespaces_below, &parents[i].pid);
        start(stress_namespaces_below, &parents[i].pid);
    }
    /* With few reused numbers this would test nothing. */
    for (int i = 0; i < rounds(SCANS) || reused < rounds(SCANS) / 10; i++) {
        const struct lasting *parent = &parents[i % 2];
        struct lasting child = last(join_and_go_down, (void *)&parent->pid, parent->inode);
        struct lasting grandchild = last(join_and_go_down, &child.pid, child.inode);
        struct userns_snapshot *snapshot;

        CHECK(i < 10 * SCANS);
        reused += is_among(inodes, i, child.inode);
        inodes[i] = child.inode;
        if (i % 3 == 0)
            end(child.pid); /* then only its child leads to the namespace in the middle */
        snapshot = scan();
        check_nodes(snapshot, own);
        check_lasting(snapshot, parent);
        check_lasting(snapshot, &grandchild);
        CHECK_EQ(userns_inode(userns_parent(userns_find_inode(snapshot, child.inode))),
                 parent->inode);
        if (i % 3 != 0) {
            check_lasting(snapshot, &child);
            end(child.pid);
        }
        userns_free(snapshot);
        end(grandchild.pid);
    }
}

SITUATION(reused_inodes, IN_SANDBOX | BY_BPF,
          "inode numbers are reused at once, below another parent")
{
    scan_with_reuse();
}

SITUATION(reused_inodes_without_ids, IN_SANDBOX,
          "the same on a kernel before Linux 6.18, without 64-bit ids")
{
    deny_ioctl(NS_GET_ID);
    scan_with_reuse();
}
