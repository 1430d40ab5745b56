/* userns_probe(): callers with threads, signal handlers and children; what it leaves: nothing. */
#include "probe.h"
#include "situation.h"
#include <pthread.h>
#include <sys/time.h>
#include <time.h>

/* ---- Threads ---- */

enum { THREADS = 4, PROBES = 20 };

static volatile bool is_over;

/* Holds the locks of the C library most of the time. */
static void *keep_locks(void *unused UNUSED)
{
    while (!is_over) {
        void *memory = malloc(200000);

        CHECK(memory != NULL);
        free(memory);
        fprintf(stderr, "%s", "");
        tzset();
    }
    return NULL;
}

static void *probe_often(void *unused UNUSED)
{
    for (int i = 0; i < PROBES; i++)
        check_works(i % 2 == 0 ? 0 : USERNS_PROBE_ONE_BY_ONE, ALL_STEPS);
    return NULL;
}

SITUATION(threads, 0, "many threads probe, while others hold locks")
{
    pthread_t threads[THREADS], others[2];
    int before;

    need_namespaces();
    before = open_descriptors();
    for (int i = 0; i < 2; i++)
        CHECK(pthread_create(&others[i], NULL, keep_locks, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_create(&threads[i], NULL, probe_often, NULL) == 0);
    for (int i = 0; i < THREADS; i++)
        CHECK(pthread_join(threads[i], NULL) == 0);
    is_over = true;
    for (int i = 0; i < 2; i++)
        CHECK(pthread_join(others[i], NULL) == 0);
    CHECK(open_descriptors() == before);
}

/* ---- Signals and children ---- */

static volatile sig_atomic_t handled;

static void count_signal(int number UNUSED)
{
    handled++;
}

static void check_both_ways(void)
{
    check_works(0, ALL_STEPS);
    check_works(USERNS_PROBE_ONE_BY_ONE, ALL_STEPS);
}

SITUATION(sigchld, 0, "SIGCHLD is ignored, handled, or reaps children by itself")
{
    struct sigaction action = { .sa_handler = count_signal };

    need_namespaces();
    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    check_both_ways();
    CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
    check_both_ways();
    CHECK(handled == 0);
    action.sa_flags = SA_NOCLDWAIT;
    CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
    check_both_ways();
    CHECK(handled == 0);
    /* Nor is there a child of any kind left. */
    CHECK(waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD);
}

SITUATION(signals, 0, "signals interrupt the caller all the time, and reach only the caller")
{
    struct itimerval timer = { { 0, 200 }, { 0, 200 } };
    struct sigaction action = { .sa_handler = count_signal };
    sigset_t before = { 0 }, after = { 0 }; /* the kernel fills in a part */

    need_namespaces();
    CHECK(sigprocmask(SIG_SETMASK, NULL, &before) == 0);
    CHECK(sigaction(SIGALRM, &action, NULL) == 0);
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    for (int i = 0; i < 10; i++)
        check_both_ways();
    timer = (struct itimerval){ { 0, 0 }, { 0, 0 } };
    CHECK(setitimer(ITIMER_REAL, &timer, NULL) == 0);
    CHECK(handled > 10);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &after) == 0);
    CHECK(memcmp(&before, &after, sizeof before) == 0);
}

/* As a supervisor does: it expects only the child that it knows. */
static void *wait_for_any_child(void *child)
{
    CHECK(waitpid(-1, NULL, 0) == *(pid_t *)child);
    return NULL;
}

SITUATION(waiting_caller, 0, "another thread of the caller waits for any child")
{
    pthread_t waiting;
    pid_t child;

    need_namespaces();
    child = start(do_nothing, NULL);
    CHECK(pthread_create(&waiting, NULL, wait_for_any_child, &child) == 0);
    for (int i = 0; i < PROBES; i++)
        check_both_ways();
    CHECK(kill(child, SIGKILL) == 0);
    CHECK(pthread_join(waiting, NULL) == 0);
}

/* ---- What is left ---- */

static size_t count_mounts(void)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    size_t count = 0;
    int byte;

    CHECK(mounts != NULL);
    while ((byte = fgetc(mounts)) != EOF)
        count += byte == '\n';
    fclose(mounts);
    return count;
}

static size_t count_namespaces(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t users, others;

    options.flags = USERNS_SCAN_PINNED;
    CHECK(userns_scan(&options, &snapshot) == 0);
    userns_nodes(snapshot, &users);
    userns_nonusers(snapshot, &others);
    userns_free(snapshot);
    return users + others;
}

SITUATION(leaves_nothing, IN_SANDBOX,
          "after many probes there is nothing that was not there before")
{
    long count = is_long_run() ? atol(getenv("SCANS")) : rounds(200);
    size_t mounts, namespaces;
    int processes, descriptors;
    long pages;

    /* The sandbox of an ordinary user, too, is the whole view. */
    check_both_ways();
    processes = count_processes();
    descriptors = open_descriptors();
    mounts = count_mounts();
    namespaces = count_namespaces();
    pages = resident_pages();
    for (long i = 0; i < count; i++) {
        struct userns_probe *answer = probe(i % 2 == 0 ? 0 : USERNS_PROBE_ONE_BY_ONE, ALL_STEPS);

        /* The kernel frees namespaces later; there can be too many of them meanwhile. */
        if (userns_probe_worked(answer) != ALL_STEPS)
            print_probe(answer);
        CHECK(userns_probe_worked(answer) == ALL_STEPS);
        userns_probe_free(answer);
    }
    CHECK_EQ(count_processes(), processes);
    CHECK_EQ(open_descriptors(), descriptors);
    CHECK_EQ(count_mounts(), mounts);
    CHECK(resident_pages() < pages + 256);
    for (int i = 0; i < 1000 && count_namespaces() > namespaces; i++)
        usleep(10000);
    CHECK(count_namespaces() <= namespaces);
    CHECK(waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD);
}

SITUATION(ends_with_caller, IN_SANDBOX, "the child ends with the caller, whenever that ends")
{
    int before = count_processes();

    for (int i = 0; i < 50; i++) {
        pid_t caller = fork_child();

        if (caller == 0)
            for (;;)
                userns_probe_free(probe(i % 2 == 0 ? 0 : USERNS_PROBE_ONE_BY_ONE, ALL_STEPS));
        usleep(3000 + (unsigned)i * 137);
        CHECK(kill(caller, SIGKILL) == 0);
        /* This is process 1, so orphans become its children. */
        while (waitpid(-1, NULL, __WALL | WNOHANG) >= 0)
            usleep(100);
    }
    expect_processes(before);
}
