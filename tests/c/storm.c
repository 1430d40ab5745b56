/* Scans while processes and namespaces come and go at full speed. */
#include "kit.h"
#include <linux/bpf.h>
#include <pthread.h>

enum { SCANS = 1000 };

/* ---- What storms ---- */

/* Processes that start and end. */
static _Noreturn void fork_storm(void)
{
    for (;;) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
}

/* Namespaces, some of them nested, that are made and destroyed below the caller's own. */
static _Noreturn void unshare_storm(void)
{
    for (unsigned turn = 0;; turn++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (unsigned level = 0; level <= turn % 3; level++)
                new_user_namespace();
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
}

/* For start(): a process that storms, and ends with the one that started it. */
static void start_storm(void (*storm)(void))
{
    if (fork_child() == 0)
        storm();
}

static char again[] = "exec_again";

static void *execute_again(void *unused)
{
    execl("/proc/self/exe", "storm", again, (char *)NULL);
    return unused;
}

/* A process that executes this program again and again, from a thread, which takes over its PID. */
static _Noreturn void exec_storm(void)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, execute_again, NULL) == 0);
    for (;;)
        pause();
}

static void storm_of_forks(void *unused)
{
    (void)unused;
    start_storm(fork_storm);
}

static void storm_of_namespaces(void *unused)
{
    (void)unused;
    start_storm(unshare_storm);
}

static void storm_of_namespaces_below(void *pid)
{
    join(pid);
    start_storm(unshare_storm);
}

/* ---- What lasts ---- */

/* A process that lives throughout, and what the scan must say of it each time. */
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

/* What holds for every namespace there is. */
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
        CHECK(userns_id(nodes[i]) == 0 || userns_find_id(snapshot, userns_id(nodes[i])) == nodes[i]);
        CHECK((userns_parent(nodes[i]) == NULL) == (i == 0));
        CHECK(i == 0 || (userns_flags(nodes[i]) & ~(uint32_t)USERNS_NODE_EMPTY) == 0);
    }
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 0);
    CHECK_EQ(userns_gaps(snapshot) & (USERNS_GAP_UNREADABLE | USERNS_GAP_HIDEPID), 0);
}

static void scan_in_storm(void *unused)
{
    enum { COUNT = 4 };
    int none = 0, one = 1;
    uint64_t own = inode_of(getpid());
    struct lasting lasting[COUNT];

    (void)unused;
    lasting[0] = last(go_down, &one, own);
    lasting[1] = last(join_and_go_down, &lasting[0].pid, lasting[0].inode);
    lasting[2] = last(join, &lasting[1].pid, lasting[0].inode);
    lasting[3] = last(go_down, &none, 0);
    for (int i = 0; i < 3; i++)
        start(storm_of_forks, NULL);
    start(storm_of_namespaces, NULL);
    start(storm_of_namespaces, NULL);
    start(storm_of_namespaces_below, &lasting[1].pid);

    for (int i = 0; i < often(SCANS); i++) {
        struct userns_snapshot *snapshot = scan();

        check_nodes(snapshot, own);
        for (int j = 0; j < COUNT; j++)
            check_lasting(snapshot, &lasting[j]);
        userns_free(snapshot);
    }
}

static void scan_executing(void *unused)
{
    uint64_t own = inode_of(getpid());
    pid_t storming = fork_child();

    (void)unused;
    if (storming == 0)
        exec_storm();
    for (int i = 0; i < often(4 * SCANS); i++) {
        struct userns_snapshot *snapshot = scan();

        CHECK_EQ(userns_inode(userns_find_pid(snapshot, storming)), own);
        CHECK(has_members(userns_self(snapshot), 2, getpid(), storming));
        userns_free(snapshot);
    }
    CHECK(waitpid(storming, NULL, WNOHANG) == 0);
}

static void executions(void)
{
    in_clean_room(scan_executing, NULL);
}

/* As on a kernel before Linux 6.7: the program for that sees threads, one after the other. */
static void executions_by_tasks(void)
{
    setenv("BY_BPF", "1", 1);
    userns_free(scan());
    forbid(__NR_bpf, BPF_PROG_TEST_RUN, EINVAL);
    in_clean_room(scan_executing, NULL);
}

static void forks_and_unshares(void)
{
    in_clean_room(scan_in_storm, NULL);
}

static bool is_among(const uint64_t *numbers, int count, uint64_t number)
{
    for (int i = 0; i < count; i++)
        if (numbers[i] == number)
            return true;
    return false;
}

/*
 * Namespaces come and go below two different parents, so that inode numbers are used again at
 * once, and below the other parent. What is checked takes over such numbers too: it is made anew
 * before each scan.
 */
static void scan_with_reuse(void *unused)
{
    int one = 1;
    uint64_t own = inode_of(getpid());
    struct lasting parents[2];
    static uint64_t inodes[10 * SCANS];
    int reused = 0;

    (void)unused;
    for (int i = 0; i < 2; i++) {
        parents[i] = last(go_down, &one, own);
        start(storm_of_namespaces_below, &parents[i].pid);
        start(storm_of_namespaces_below, &parents[i].pid);
    }
    /* With few numbers that are used again this would test nothing. */
    for (int i = 0; i < often(SCANS) || reused < often(SCANS) / 10; i++) {
        const struct lasting *parent = &parents[i % 2];
        struct lasting child = last(join_and_go_down, (void *)&parent->pid, parent->inode);
        struct lasting grandchild = last(join_and_go_down, &child.pid, child.inode);
        struct userns_snapshot *snapshot;

        CHECK(i < 10 * SCANS);
        reused += is_among(inodes, i, child.inode);
        inodes[i] = child.inode;
        if (i % 3 == 0)
            end(child.pid); /* then the namespace in the middle is known only from below */
        snapshot = scan();
        check_nodes(snapshot, own);
        check_lasting(snapshot, parent);
        check_lasting(snapshot, &grandchild);
        CHECK_EQ(userns_inode(userns_parent(userns_find_inode(snapshot, child.inode))), parent->inode);
        if (i % 3 != 0) {
            check_lasting(snapshot, &child);
            end(child.pid);
        }
        userns_free(snapshot);
        end(grandchild.pid);
    }
}

static void inodes_used_again(void)
{
    in_clean_room(scan_with_reuse, NULL);
}

/* As with a kernel before Linux 6.18, which has no ids to tell one from the other. */
static void inodes_used_again_without_ids(void)
{
    unlearn_ioctl(NS_GET_ID);
    in_clean_room(scan_with_reuse, NULL);
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "executions", executions },
        { "executions_by_tasks", executions_by_tasks },
        { "forks_and_unshares", forks_and_unshares },
        { "inodes_used_again", inodes_used_again },
        { "inodes_used_again_without_ids", inodes_used_again_without_ids },
        { NULL, NULL },
    };

    if (argc == 2 && strcmp(argv[1], again) == 0)
        exec_storm();
    return run(all, argc, argv);
}
