/* Threads: scans beside other threads, fork(2), cancellation and signals. */
#include "situation.h"
#include <pthread.h>
#include <stdatomic.h>

enum { SCANNERS = 8, READERS = 2 };

static atomic_bool done;
static atomic_int scans;

static pthread_t start_thread(void *(*act)(void *), void *argument)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, act, argument) == 0);
    return thread;
}

static void join_thread(pthread_t thread)
{
    CHECK(pthread_join(thread, NULL) == 0);
}

static void await_scans(int count)
{
    for (int target = scans + count; scans < target;)
        usleep(100);
}

/* ---- Side by side ---- */

/* Two namespaces, one below the other, each with a member; they exist all the time. */
struct staying {
    pid_t upper, lower;
    uint64_t own_inode, upper_inode, lower_inode;
};

static struct staying start_staying(void)
{
    int one = 1;
    struct staying staying = { .own_inode = inode_of(getpid()) };

    staying.upper = start(go_down, &one);
    staying.lower = start(join_and_go_down, &staying.upper);
    staying.upper_inode = inode_of(staying.upper);
    staying.lower_inode = inode_of(staying.lower);
    return staying;
}

static void check_staying(const struct userns_snapshot *snapshot, const struct staying *staying)
{
    const struct userns_node *own = userns_self(snapshot);
    const struct userns_node *upper = userns_find_pid(snapshot, staying->upper);
    const struct userns_node *lower = userns_find_pid(snapshot, staying->lower);

    CHECK_EQ(userns_inode(own), staying->own_inode);
    CHECK_EQ(userns_inode(upper), staying->upper_inode);
    CHECK_EQ(userns_inode(lower), staying->lower_inode);
    CHECK(userns_find_pid(snapshot, getpid()) == own);
    CHECK(userns_parent(upper) == own && userns_parent(lower) == upper);
    CHECK(userns_is_ancestor(own, lower));
    CHECK(has_members(upper, 1, staying->upper) && has_members(lower, 1, staying->lower));
}

/* The answers of a snapshot agree with each other. */
static void check_answers(const struct userns_snapshot *snapshot)
{
    size_t count, children, members;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);

    CHECK(count >= 3);
    for (size_t i = 0; i < count; i++) {
        const struct userns_node *const *below = userns_children(nodes[i], &children);
        const pid_t *pids = userns_pids(nodes[i], &members);

        CHECK(userns_find_inode(snapshot, userns_inode(nodes[i])) == nodes[i]);
        for (size_t j = 0; j < children; j++)
            CHECK(userns_parent(below[j]) == nodes[i]);
        for (size_t j = 0; j < members; j++)
            CHECK(userns_find_pid(snapshot, pids[j]) == nodes[i]);
    }
}

struct reading {
    const struct userns_snapshot *snapshot;
    const struct staying *staying;
};

static void *read_shared(void *argument)
{
    struct reading *reading = argument;

    do {
        check_staying(reading->snapshot, reading->staying);
        check_answers(reading->snapshot);
    } while (!done);
    return NULL;
}

static void *scan_and_check(void *staying)
{
    for (int i = 0; i < rounds(100); i++) {
        struct userns_snapshot *snapshot = scan();

        check_staying(snapshot, staying);
        check_answers(snapshot);
        userns_free(snapshot);
    }
    return NULL;
}

/* A process that makes namespaces, one after the other. */
static pid_t start_unsharing(void)
{
    pid_t pid = fork_child();

    while (pid == 0) {
        pid_t child = fork_child();

        if (child == 0)
            _exit(unshare(CLONE_NEWUSER) != 0);
        expect_success(child);
    }
    return pid;
}

SITUATION(eight_scanners, IN_SANDBOX | BY_BPF, "eight threads scan, two read one snapshot")
{
    struct staying staying = start_staying();
    pid_t unsharing = start_unsharing();
    struct userns_snapshot *snapshot = scan();
    struct reading reading = { snapshot, &staying };
    pthread_t scanners[SCANNERS], readers[READERS];
    int descriptors = open_descriptors();

    need_real_time();
    for (int i = 0; i < READERS; i++)
        readers[i] = start_thread(read_shared, &reading);
    for (int i = 0; i < SCANNERS; i++)
        scanners[i] = start_thread(scan_and_check, &staying);
    for (int i = 0; i < SCANNERS; i++)
        join_thread(scanners[i]);
    done = true;
    for (int i = 0; i < READERS; i++)
        join_thread(readers[i]);
    userns_free(snapshot);
    CHECK_EQ(open_descriptors(), descriptors);
    CHECK(waitpid(unsharing, NULL, WNOHANG) == 0);
    end(unsharing);
}

/* ---- Fork ---- */

static void *scan_on(void *staying)
{
    while (!done) {
        struct userns_snapshot *snapshot = scan();

        check_staying(snapshot, staying);
        userns_free(snapshot);
        scans++;
    }
    return NULL;
}

static void scan_and_find_self(void)
{
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *own = userns_self(snapshot);

    CHECK(own != NULL && userns_find_pid(snapshot, getpid()) == own);
    CHECK_EQ(userns_inode(own), inode_of(getpid()));
    userns_free(snapshot);
}

static _Noreturn void scan_in_fork(void)
{
    alarm(stretched(60)); /* ends a process that is stuck */
    scan_and_find_self();
    (void)unshare(CLONE_NEWUSER); /* where allowed: the scan must notice it */
    unsetenv("BY_BPF");           /* needs privileges in the initial user namespace */
    scan_and_find_self();
    _exit(0);
}

SITUATION(fork_while_scanning, IN_SANDBOX | BY_BPF,
          "children of fork(2) scan while a thread of the parent scans")
{
    struct staying staying = start_staying();
    pthread_t scanner = start_thread(scan_on, &staying);
    int before;

    await_scans(1);
    before = scans;
    for (int i = 0; i < rounds(500); i++) {
        pid_t pid;

        usleep((useconds_t)(i % 50 * 20));
        pid = fork_child();
        if (pid == 0)
            scan_in_fork();
        expect_success(pid);
    }
    CHECK(scans > before);
    done = true;
    join_thread(scanner);
}

/* ---- Cancellation ---- */

static void not_in_a_scan(void *in_scan)
{
    CHECK(!*(volatile bool *)in_scan);
}

/* Scans until it is cancelled between two scans. */
static void *scan_until_cancelled(void *unused)
{
    volatile bool in_scan = false;

    pthread_cleanup_push(not_in_a_scan, (void *)&in_scan);
    for (;;) {
        struct userns_snapshot *snapshot;

        in_scan = true;
        snapshot = scan();
        userns_free(snapshot);
        in_scan = false;
        scans++;
        pthread_testcancel();
    }
    pthread_cleanup_pop(0);
    return unused;
}

SITUATION(cancel_while_scanning, IN_SANDBOX | BY_BPF, "a scan is no cancellation point")
{
    int two = 2, descriptors = open_descriptors();

    start(go_down, &two);
    for (int i = 0; i < rounds(200); i++) {
        pthread_t thread = start_thread(scan_until_cancelled, NULL);
        void *result;

        await_scans(1);
        usleep((useconds_t)(i * 7));
        CHECK(pthread_cancel(thread) == 0);
        CHECK(pthread_join(thread, &result) == 0);
        CHECK(result == PTHREAD_CANCELED);
    }
    CHECK_EQ(open_descriptors(), descriptors);
}

/* ---- Signals ---- */

static atomic_int signals_handled;

static void count_signal(int unused UNUSED)
{
    signals_handled++;
}

static void *send_signals(void *thread)
{
    while (!done) {
        CHECK(pthread_kill(*(pthread_t *)thread, SIGUSR1) == 0);
        usleep(200);
    }
    return NULL;
}

SITUATION(signals, IN_SANDBOX | BY_BPF, "signals interrupt system calls of a scan")
{
    struct sigaction action = { .sa_handler = count_signal }; /* without SA_RESTART */
    struct staying staying = start_staying();
    pthread_t self = pthread_self(), sender;

    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    sender = start_thread(send_signals, &self);
    for (int i = 0; i < rounds(1000) || signals_handled < 100; i++) {
        struct userns_snapshot *snapshot = scan();

        check_staying(snapshot, &staying);
        userns_free(snapshot);
    }
    done = true;
    join_thread(sender);
}
