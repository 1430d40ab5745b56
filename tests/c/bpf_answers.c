/* Scans by BPF give the same answer as scans through procfs. */
#include "situation.h"
#include "bpf.h"
#include "model.h"
#include "owners.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* ---- The tree ---- */

/* For start(): a chain of PID namespaces, each with a process in a user namespace of its own. */
static void go_down_with_pids(void *levels)
{
    int left = *(int *)levels;

    if (left == 0)
        return;
    new_user_namespace();
    CHECK(unshare(CLONE_NEWPID) == 0);
    left--;
    start(go_down_with_pids, &left);
}

/* For start(): another user, with some of the capabilities. */
static void become_some(void *seed)
{
    unsigned number = *(unsigned *)seed * 2654435761;

    become(number);
    set_capabilities((uint64_t)number << 20 | number);
}

static void compare_models(uint32_t source)
{
    static struct model model;
    int two = 2;

    for (unsigned seed = 11; seed < 11 + (unsigned)rounds(4); seed++) {
        srand(seed);
        grow(&model);
        start(go_down_with_pids, &two);
        start(become_some, &seed);
        compare(source);
        prune(&model);
        compare(source);
        for (int i = 1; i < model.processes; i++)
            end(model.process[i].pid);
    }
}

SITUATION(trees, IN_SANDBOX, "random trees and nested PID namespaces")
{
    need_bpf();
    compare_models(best_source());
}

SITUATION(trees_by_tasks, IN_SANDBOX, "the same, with the BPF program for kernels before Linux 6.7")
{
    need_bpf();
    imitate_kernel_before_6_7();
    compare_models(USERNS_SOURCE_BPF_TASKS);
}

SITUATION(on_the_host, 0, "outside of a sandbox")
{
    int two = 2;
    pid_t pid;
    struct userns_snapshot *by_procfs, *by_bpf;

    need_bpf();
    pid = start(go_down, &two);
    by_procfs = scan_by(0, USERNS_SOURCE_PROCFS);
    by_bpf = scan_by(USERNS_SCAN_BPF, best_source());
    CHECK_EQ(userns_inode(userns_find_pid(by_bpf, pid)), inode_of(pid));
    CHECK_EQ(userns_id(userns_find_pid(by_bpf, pid)), id_of(pid));
    CHECK_EQ(userns_depth(userns_find_pid(by_bpf, pid)), 2);
    CHECK(userns_find_pid(by_bpf, getpid()) == userns_self(by_bpf));
    CHECK_EQ(userns_inode(userns_self(by_bpf)), userns_inode(userns_self(by_procfs)));
    CHECK_EQ(userns_gaps(by_bpf) & USERNS_GAP_PIDNS, userns_gaps(by_procfs) & USERNS_GAP_PIDNS);
    CHECK(userns_find_pid(by_bpf, 0) == NULL); /* the idle task */
    userns_free(by_procfs);
    userns_free(by_bpf);
}

/* procfs adds to the name of a kernel worker what it works on. */
SITUATION(names_on_the_host, 0, "names of all processes, kernel threads included")
{
    struct userns_snapshot *by_procfs, *by_bpf;
    const struct userns_node *const *nodes;
    size_t count, compared = 0, same = 0;

    need_bpf();
    by_procfs = scan_by(USERNS_SCAN_NAMES, USERNS_SOURCE_PROCFS);
    by_bpf = scan_by(USERNS_SCAN_NAMES | USERNS_SCAN_BPF, best_source());
    nodes = userns_nodes(by_bpf, &count);
    for (size_t i = 0; i < count; i++) {
        size_t processes;
        const pid_t *pids = userns_pids(nodes[i], &processes);

        for (size_t j = 0; j < processes; j++) {
            const char *one = userns_process_name(by_procfs, pids[j]);
            const char *other = userns_process_name(by_bpf, pids[j]);

            CHECK(strlen(other) <= 15);
            if (one == NULL)
                continue; /* it started between the scans */
            compared++;
            same += strncmp(one, other, strlen(other)) == 0;
        }
    }
    CHECK(compared > 0 && 10 * same >= 9 * compared); /* others changed their names meanwhile */
    CHECK_EQ(userns_gap_count(by_bpf, USERNS_GAP_NAMES), 0);
    userns_free(by_procfs);
    userns_free(by_bpf);
}

/* ---- Pins ---- */

static void *hold_by_thread(void *ready)
{
    CHECK(unshare(CLONE_FILES) == 0);
    CHECK(open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC) >= 0);
    *(atomic_bool *)ready = true;
    return wait_forever(NULL);
}

/* For start(): descriptors of namespaces and of other files, also in tables of single threads. */
static void hold_much(void *unused UNUSED)
{
    atomic_bool ready = false;
    pthread_t thread;
    int one = 1;

    go_down(&one);
    for (int i = 0; i < 3; i++) {
        CHECK(open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC) >= 0);
        CHECK(open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC) >= 0);
        CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
        CHECK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    }
    for (int i = 0; i < 2; i++) {
        ready = false;
        CHECK(pthread_create(&thread, NULL, hold_by_thread, &ready) == 0);
        while (!ready)
            sched_yield();
    }
}

SITUATION(pins, IN_SANDBOX, "descriptors, also in tables of single threads")
{
    need_bpf();
    for (int i = 0; i < 5; i++)
        start(hold_much, NULL);
    compare_pinned(USERNS_SCAN_PINNED | USERNS_SCAN_NAMES);
    compare_pinned(USERNS_SCAN_SOCKETS);
}

static void print_pins_by(pid_t pid, FILE *out, uint64_t inode,
                          const struct userns_pin *const *pins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (userns_pin_pid(pins[i]) == pid) {
            fprintf(out, "%" PRIu64, inode);
            print_pins(out, &pins[i], 1);
        }
    }
}

/* The pins of one process, as text; to be released with free(). */
static char *pins_by(pid_t pid, const struct userns_snapshot *snapshot)
{
    size_t count, each, length;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const struct userns_nonuser *const *namespaces;
    const struct userns_pin *const *pins;
    char *text;
    FILE *out = open_memstream(&text, &length);

    CHECK(out != NULL);
    for (size_t i = 0; i < count; i++) {
        pins = userns_pins(nodes[i], &each);
        print_pins_by(pid, out, userns_inode(nodes[i]), pins, each);
    }
    namespaces = userns_nonusers(snapshot, &count);
    for (size_t i = 0; i < count; i++) {
        pins = userns_nonuser_pins(namespaces[i], &each);
        print_pins_by(pid, out, userns_nonuser_inode(namespaces[i]), pins, each);
    }
    CHECK(fclose(out) == 0);
    return text;
}

/* Other processes come and go there, so only the pins of one process are compared. */
SITUATION(pins_on_the_host, 0, "pins outside of a sandbox")
{
    struct userns_snapshot *by_procfs, *by_bpf;
    pid_t pid;
    char *pins;
    int held = 0;

    need_bpf();
    pid = start(hold_much, NULL);
    by_procfs = scan_by(USERNS_SCAN_PINNED, USERNS_SOURCE_PROCFS);
    by_bpf = scan_by(USERNS_SCAN_PINNED | USERNS_SCAN_BPF, best_source());
    pins = pins_by(pid, by_bpf);
    for (const char *line = pins; (line = strstr(line, "kind ")) != NULL; line++)
        held++;
    /* Three times a user and a network namespace, and one for each of two threads. */
    CHECK(held >= 8);
    CHECK(same_text(pins_by(pid, by_procfs), pins));
    userns_free(by_procfs);
    userns_free(by_bpf);
}

/* ---- PID namespaces and threads ---- */

static void compare_deeper(void *levels)
{
    int left = *(int *)levels - 1;

    start(hold_much, NULL);
    compare(best_source());
    compare_pinned(USERNS_SCAN_PINNED);
    if (left > 0)
        in_sandbox(compare_deeper, &left);
    compare(best_source());
}

SITUATION(nested_pid_namespaces, IN_SANDBOX, "PID namespaces in PID namespaces, at each level")
{
    need_bpf();
    compare_deeper(&(int){ 4 });
}

static void have_threads(void *count)
{
    pthread_attr_t small;
    pthread_t thread;
    int error = 0;

    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstacksize(&small, 128 * 1024) == 0);
    for (int i = 0; i < *(int *)count && error == 0; i++)
        error = pthread_create(&thread, &small, wait_forever, NULL);
    if (error != 0)
        skip("cannot start %d threads: %s", *(int *)count, strerror(error));
}

SITUATION(threads_count_once, IN_SANDBOX, "processes with many threads")
{
    need_bpf();
    for (int i = 0; i < 20; i++)
        start(have_threads, &(int){ 50 });
    compare(best_source());
    imitate_kernel_before_6_7();
    compare(USERNS_SOURCE_BPF_TASKS);
}

/*
 * When the program visits a process, it has already looked at the namespaces above the next one. So
 * the last process must be found whether or not other processes are in the namespaces above it.
 */
SITUATION(thousands_of_threads, IN_SANDBOX,
          "thousands of threads, and last processes at several depths")
{
    enum { LAST = 4 };
    uint32_t source;

    need_bpf();
    source = best_source();
    for (int i = 0; i < 13; i++)
        start(have_threads, &(int){ rounds(500) });
    compare_models(source);
    for (int levels = 0; levels < LAST; levels++) {
        pid_t last = start(go_down, &levels);

        compare(source);
        end(last);
    }
}

/* ---- Buffers that are too small ---- */

SITUATION(more_namespaces_than_processes, IN_SANDBOX,
          "chains of namespaces, as long as the kernel allows")
{
    enum { CHAINS = 12, LEVELS = 33 };

    need_bpf();
    need_real_time(); /* to join them, for their maps */
    for (int i = 0; i < CHAINS; i++)
        start(go_down, &(int){ LEVELS });
    compare(best_source());
}

static void hold_thousands(void *unused UNUSED)
{
    enum { COUNT = 5000 };
    struct rlimit limit = { COUNT + 64, COUNT + 64 };
    int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        skip("cannot have %d descriptors: %s", COUNT, strerror(errno));
    for (int i = 0; i < COUNT; i++)
        CHECK(dup(fd) >= 0);
}

SITUATION(thousands_of_descriptors, IN_SANDBOX,
          "a process with thousands of descriptors of namespaces")
{
    need_bpf();
    start(hold_thousands, NULL);
    compare_pinned(USERNS_SCAN_PINNED);
}
