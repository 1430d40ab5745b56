/* Scans beside other threads, forks, cancellations and signals. */
#include "kit.h"

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

/* Two namespaces, one below the other, and a member of each: they stay all the time. */
struct lasting {
    pid_t upper, lower;
    uint64_t own_inode, upper_inode, lower_inode;
};

static struct lasting start_lasting(void)
{
    int one = 1;
    struct lasting lasting = { .own_inode = inode_of(getpid()) };

    lasting.upper = start(go_down, &one);
    lasting.lower = start(join_and_go_down, &lasting.upper);
    lasting.upper_inode = inode_of(lasting.upper);
    lasting.lower_inode = inode_of(lasting.lower);
    return lasting;
}

static void check_lasting(const struct userns_snapshot *snapshot, const struct lasting *lasting)
{
    const struct userns_node *own = userns_self(snapshot);
    const struct userns_node *upper = userns_find_pid(snapshot, lasting->upper);
    const struct userns_node *lower = userns_find_pid(snapshot, lasting->lower);

    CHECK_EQ(userns_inode(own), lasting->own_inode);
    CHECK_EQ(userns_inode(upper), lasting->upper_inode);
    CHECK_EQ(userns_inode(lower), lasting->lower_inode);
    CHECK(userns_find_pid(snapshot, getpid()) == own);
    CHECK(userns_parent(upper) == own && userns_parent(lower) == upper);
    CHECK(userns_is_ancestor(own, lower));
    CHECK(has_members(upper, 1, lasting->upper) && has_members(lower, 1, lasting->lower));
}

/* Every answer of a snapshot fits the others. */
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
    const struct lasting *lasting;
};

static void *read_shared(void *argument)
{
    struct reading *reading = argument;

    do {
        check_lasting(reading->snapshot, reading->lasting);
        check_answers(reading->snapshot);
    } while (!done);
    return NULL;
}

static void *scan_and_check(void *lasting)
{
    for (int i = 0; i < 100; i++) {
        struct userns_snapshot *snapshot = scan();

        check_lasting(snapshot, lasting);
        check_answers(snapshot);
        userns_free(snapshot);
    }
    return NULL;
}

/* A process that makes namespaces and ends them, one after the other, without end. */
static pid_t start_to_come_and_go(void)
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

static void scan_side_by_side(void *unused)
{
    struct lasting lasting = start_lasting();
    pid_t restless = start_to_come_and_go();
    struct userns_snapshot *snapshot = scan();
    struct reading reading = { snapshot, &lasting };
    pthread_t scanners[SCANNERS], readers[READERS];
    int descriptors = open_descriptors();

    (void)unused;
    for (int i = 0; i < READERS; i++)
        readers[i] = start_thread(read_shared, &reading);
    for (int i = 0; i < SCANNERS; i++)
        scanners[i] = start_thread(scan_and_check, &lasting);
    for (int i = 0; i < SCANNERS; i++)
        join_thread(scanners[i]);
    done = true;
    for (int i = 0; i < READERS; i++)
        join_thread(readers[i]);
    userns_free(snapshot);
    CHECK_EQ(open_descriptors(), descriptors);
    CHECK(waitpid(restless, NULL, WNOHANG) == 0);
    end(restless);
}

static void eight_scanners(void)
{
    in_clean_room(scan_side_by_side, NULL);
}

/* ---- Fork ---- */

static void *scan_on(void *lasting)
{
    while (!done) {
        struct userns_snapshot *snapshot = scan();

        check_lasting(snapshot, lasting);
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
    alarm(60); /* ends a process that is stuck */
    scan_and_find_self();
    (void)unshare(CLONE_NEWUSER); /* where that is allowed, nothing from before may count */
    unsetenv("BY_BPF");           /* which is not allowed there */
    scan_and_find_self();
    _exit(0);
}

static void scan_beside_forks(void *unused)
{
    struct lasting lasting = start_lasting();
    pthread_t scanner = start_thread(scan_on, &lasting);
    int before;

    (void)unused;
    await_scans(1);
    before = scans;
    for (int i = 0; i < 500; i++) {
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

static void fork_while_scanning(void)
{
    in_clean_room(scan_beside_forks, NULL);
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

static void cancel_scanners(void *unused)
{
    int two = 2, descriptors = open_descriptors();

    (void)unused;
    start(go_down, &two);
    for (int i = 0; i < 200; i++) {
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

static void cancel_while_scanning(void)
{
    in_clean_room(cancel_scanners, NULL);
}

/* ---- Signals ---- */

static atomic_int signals_taken;

static void take_signal(int unused)
{
    (void)unused;
    signals_taken++;
}

static void *send_signals(void *thread)
{
    while (!done) {
        CHECK(pthread_kill(*(pthread_t *)thread, SIGUSR1) == 0);
        usleep(200);
    }
    return NULL;
}

static void scan_amid_signals(void *unused)
{
    struct sigaction action = { .sa_handler = take_signal }; /* without SA_RESTART */
    struct lasting lasting = start_lasting();
    pthread_t self = pthread_self(), sender;

    (void)unused;
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    sender = start_thread(send_signals, &self);
    for (int i = 0; i < 1000 || signals_taken < 100; i++) {
        struct userns_snapshot *snapshot = scan();

        check_lasting(snapshot, &lasting);
        userns_free(snapshot);
    }
    done = true;
    join_thread(sender);
}

static void signals(void)
{
    in_clean_room(scan_amid_signals, NULL);
}

/* ---- The process stays as it is ---- */

/* Credentials, threads, umask, signal mask and dispositions: proc_pid_status(5). */
static void print_status(FILE *out)
{
    static const char *const lasting[] = {
        "Umask:",  "Uid:",    "Gid:",    "Groups:", "Threads:",    "SigPnd:",
        "SigBlk:", "SigIgn:", "SigCgt:", "Cap",     "NoNewPrivs:", "Seccomp",
    };
    FILE *status = fopen("/proc/self/status", "re");
    char line[512];

    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL)
        for (size_t i = 0; i < sizeof lasting / sizeof *lasting; i++)
            if (strncmp(line, lasting[i], strlen(lasting[i])) == 0)
                fputs(line, out);
    fclose(status);
}

static void print_link(FILE *out, const char *path)
{
    char target[4096];
    ssize_t length = readlink(path, target, sizeof target);

    fprintf(out, "%s: %.*s\n", path, length < 0 ? 0 : (int)length, target);
}

/* What a scan could change about the process, as text. */
static char *state_of_process(void)
{
    static const char *const links[] = {
        "/proc/thread-self/ns/user", "/proc/thread-self/ns/pid", "/proc/thread-self/ns/mnt",
        "/proc/thread-self/ns/net",  "/proc/thread-self/ns/ipc", "/proc/thread-self/ns/uts",
        "/proc/thread-self/ns/cgroup", "/proc/self/cwd", "/proc/self/root",
    };
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    stack_t stack;

    CHECK(out != NULL);
    print_status(out);
    for (size_t i = 0; i < sizeof links / sizeof *links; i++)
        print_link(out, links[i]);
    CHECK(sigaltstack(NULL, &stack) == 0);
    fprintf(out, "dumpable: %d\nalternate stack: %p\ndescriptors: %d\n",
            prctl(PR_GET_DUMPABLE), stack.ss_sp, open_descriptors());
    CHECK(fclose(out) == 0);
    return text;
}

static void no_state_changes(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    struct sigaction action = { .sa_handler = take_signal };
    sigset_t mask;
    char *before, *after;

    CHECK(sigemptyset(&mask) == 0 && sigaddset(&mask, SIGUSR2) == 0);
    CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
    CHECK(sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(chdir("/proc/self") == 0);
    umask(0137);

    before = state_of_process();
    userns_free(scan());
    options.proc_path = "/";
    CHECK_EQ(userns_scan(&options, &snapshot), -ENODEV);
    after = state_of_process();
    if (strcmp(before, after) != 0)
        fail("before:\n%safter:\n%s", before, after);
    free(before);
    free(after);
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "eight_scanners", eight_scanners },
        { "fork_while_scanning", fork_while_scanning },
        { "cancel_while_scanning", cancel_while_scanning },
        { "signals", signals },
        { "no_state_changes", no_state_changes },
        { NULL, NULL },
    };

    return run(all, argc, argv);
}
