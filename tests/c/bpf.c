/* Scans by BPF: the same answer as through procfs, and what happens where BPF cannot be used. */
#include "kit.h"
#include "model.h"
#include "text.h"
#include <linux/bpf.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdatomic.h>
#include <sys/socket.h>

/* Without privileges, or on an old kernel, there is nothing to test here. */
static void need_bpf(void)
{
    setenv("BY_BPF", "1", 1);
    userns_free(scan());
    unsetenv("BY_BPF");
}

static struct userns_snapshot *scan_by(uint64_t flags, uint32_t source)
{
    struct userns_snapshot *snapshot = scan_as(NULL, flags);

    CHECK_EQ(userns_source(snapshot), source);
    CHECK_EQ(userns_source_error(snapshot), 0);
    return snapshot;
}

/* A scan that is allowed to use BPF but cannot. */
static struct userns_snapshot *scan_without(const char *proc_path, int error)
{
    struct userns_snapshot *snapshot = scan_as(proc_path, USERNS_SCAN_BPF);

    CHECK_EQ(userns_source(snapshot), USERNS_SOURCE_PROCFS);
    if (userns_source_error(snapshot) != error)
        fail("not by BPF: %d (%s), not %d", userns_source_error(snapshot),
             userns_strerror(userns_source_error(snapshot)), error);
    return snapshot;
}

/* The iterator over processes is there from Linux 6.7 on. */
static uint32_t best_source(void)
{
    struct userns_snapshot *snapshot = scan_as(NULL, USERNS_SCAN_BPF);
    uint32_t source = userns_source(snapshot);

    CHECK(source == USERNS_SOURCE_BPF_PROCESSES || source == USERNS_SOURCE_BPF_TASKS);
    userns_free(snapshot);
    return source;
}

/* ---- The same answer ---- */

static void compare(uint32_t source)
{
    struct userns_snapshot *by_procfs = scan_by(0, USERNS_SOURCE_PROCFS);
    struct userns_snapshot *by_bpf = scan_by(USERNS_SCAN_BPF, source);

    CHECK(same_snapshot(by_procfs, by_bpf));
    CHECK_EQ(userns_gap_count(by_bpf, USERNS_GAP_UNREADABLE), 0);
    userns_free(by_procfs);
    userns_free(by_bpf);
}

/* For start(): a chain of PID namespaces, with a process in each, and user namespaces of their own. */
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

static void compare_models(void *source)
{
    static struct model model;
    int two = 2;

    for (unsigned seed = 11; seed <= 14; seed++) {
        srand(seed);
        grow(&model);
        start(go_down_with_pids, &two);
        compare(*(uint32_t *)source);
        prune(&model);
        compare(*(uint32_t *)source);
        for (int i = 1; i < model.processes; i++)
            end(model.process[i].pid);
    }
}

static void same_answer(void)
{
    uint32_t source;

    need_bpf();
    source = best_source();
    in_clean_room(compare_models, &source);
}

/* As on a kernel before Linux 6.7: that has no program that is run by a call. */
static void same_answer_by_tasks(void)
{
    uint32_t source = USERNS_SOURCE_BPF_TASKS;

    need_bpf();
    forbid(__NR_bpf, BPF_PROG_TEST_RUN, EINVAL);
    in_clean_room(compare_models, &source);
}

/* ---- Pins ---- */

static void *hold_by_thread(void *ready)
{
    CHECK(unshare(CLONE_FILES) == 0);
    CHECK(open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC) >= 0);
    *(atomic_bool *)ready = true;
    for (;;)
        pause();
    return NULL;
}

/* For start(): descriptors of namespaces, also in tables that only one thread has, and others. */
static void hold_much(void *unused)
{
    atomic_bool ready = false;
    pthread_t thread;
    int one = 1;

    (void)unused;
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

static void compare_pinned(uint64_t flags)
{
    struct userns_snapshot *by_procfs = scan_by(flags, USERNS_SOURCE_PROCFS);
    struct userns_snapshot *by_bpf = scan_by(flags | USERNS_SCAN_BPF, best_source());

    CHECK(same_snapshot(by_procfs, by_bpf));
    CHECK(same_text(pins_of(by_procfs), pins_of(by_bpf)));
    userns_free(by_procfs);
    userns_free(by_bpf);
}

static void compare_pins(void *unused)
{
    (void)unused;
    for (int i = 0; i < 5; i++)
        start(hold_much, NULL);
    compare_pinned(USERNS_SCAN_PINNED | USERNS_SCAN_NAMES);
    compare_pinned(USERNS_SCAN_SOCKETS);
}

static void same_pins(void)
{
    need_bpf();
    in_clean_room(compare_pins, NULL);
}

/* ---- PID namespaces and threads ---- */

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

/* What one process keeps alive, to be released with free(). */
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

/* Where the test runs, in the initial PID namespace for example, there are others than our own. */
static void pins_on_the_host(void)
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
    CHECK(held >= 8); /* three times a user and a network namespace, and two in tables of threads */
    CHECK(same_text(pins_by(pid, by_procfs), pins));
    userns_free(by_procfs);
    userns_free(by_bpf);
}

static void on_the_host(void)
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

static void compare_deeper(void *levels)
{
    int left = *(int *)levels - 1;

    start(hold_much, NULL);
    compare(best_source());
    compare_pinned(USERNS_SCAN_PINNED);
    if (left > 0)
        in_clean_room(compare_deeper, &left);
    compare(best_source());
}

static void deeper_pid_namespace(void)
{
    int four = 4;

    need_bpf();
    in_clean_room(compare_deeper, &four);
}

static void *wait_forever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

static void have_threads(void *count)
{
    pthread_attr_t small;
    pthread_t thread;
    int error = 0;

    CHECK(pthread_attr_init(&small) == 0);
    CHECK(pthread_attr_setstacksize(&small, 64 * 1024) == 0);
    for (int i = 0; i < *(int *)count && error == 0; i++)
        error = pthread_create(&thread, &small, wait_forever, NULL);
    if (error != 0)
        skip("cannot have %d threads more: %s", *(int *)count, strerror(error));
}

static void compare_with_threads(void *source)
{
    for (int i = 0; i < 20; i++)
        start(have_threads, &(int){ 50 });
    compare(*(uint32_t *)source);
}

static void threads_count_once(void)
{
    uint32_t source, tasks = USERNS_SOURCE_BPF_TASKS;

    need_bpf();
    source = best_source();
    in_clean_room(compare_with_threads, &source);
    forbid(__NR_bpf, BPF_PROG_TEST_RUN, EINVAL);
    in_clean_room(compare_with_threads, &tasks);
}

/*
 * Where there are thousands of threads. The last process of all is seen too, whether or not others
 * are in the namespaces above it: the program has looked at each already when it was at the one before.
 */
static void compare_among_many(void *source)
{
    enum { LAST = 4 };
    pid_t last;

    for (int i = 0; i < 13; i++)
        start(have_threads, &(int){ 500 });
    compare_models(source);
    for (int levels = 0; levels < LAST; levels++) {
        last = start(go_down, &levels);
        compare(*(uint32_t *)source);
        end(last);
    }
}

static void same_answer_among_many(void)
{
    uint32_t source;

    need_bpf();
    source = best_source();
    in_clean_room(compare_among_many, &source);
}

/* ---- More than there was room for ---- */

/* Few processes, each with as many namespaces of its own above it as the kernel allows. */
static void compare_chains(void *unused)
{
    enum { CHAINS = 40, LEVELS = 33 };
    int levels = LEVELS;

    (void)unused;
    for (int i = 0; i < CHAINS; i++)
        start(go_down, &levels);
    compare(best_source());
}

static void more_than_expected(void)
{
    need_bpf();
    in_clean_room(compare_chains, NULL);
}

static void hold_thousands(void *unused)
{
    enum { COUNT = 5000 };
    struct rlimit limit = { COUNT + 64, COUNT + 64 };
    int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);

    (void)unused;
    CHECK(fd >= 0);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        skip("cannot have %d descriptors: %s", COUNT, strerror(errno));
    for (int i = 0; i < COUNT; i++)
        CHECK(dup(fd) >= 0);
}

static void count_pins(void *unused)
{
    (void)unused;
    start(hold_thousands, NULL);
    compare_pinned(USERNS_SCAN_PINNED);
}

static void more_descriptors_than_expected(void)
{
    need_bpf();
    in_clean_room(count_pins, NULL);
}

/* ---- Where BPF cannot be used ---- */

static void scan_unprivileged(void *unused)
{
    (void)unused;
    if (geteuid() == 0)
        become_nobody(0);
    userns_free(scan_without(NULL, -EPERM));
}

static void unprivileged(void)
{
    in_child(scan_unprivileged, NULL);
}

static void scan_nested(void *unused)
{
    struct userns_snapshot *snapshot;

    (void)unused;
    new_user_namespace();
    snapshot = scan_without(NULL, -EPERM);
    CHECK_EQ(userns_inode(userns_self(snapshot)), inode_of(getpid()));
    userns_free(snapshot);
}

/* All capabilities in a namespace of one's own are none in the initial one. */
static void nested(void)
{
    in_child(scan_nested, NULL);
}

static void scan_outer_procfs(void *unused)
{
    struct userns_snapshot *snapshot = scan_without("/proc", -EXDEV);
    char self[16] = "";

    (void)unused;
    CHECK(readlink("/proc/self", self, sizeof self - 1) > 0);
    CHECK(getpid() == 1 && atoi(self) > 1);
    CHECK(userns_find_pid(snapshot, atoi(self)) == userns_self(snapshot));
    userns_free(snapshot);
}

/* The procfs that the parent sees, in a PID namespace below. */
static void foreign_procfs(void)
{
    pid_t pid;

    if (geteuid() != 0)
        new_user_namespace();
    if (unshare(CLONE_NEWPID) != 0)
        skip("cannot make a PID namespace: %s", strerror(errno));
    pid = fork_child();
    if (pid == 0) {
        scan_outer_procfs(NULL);
        exit(0);
    }
    expect_success(pid);
}

struct refusal {
    int command, error, expected;
};

static void scan_refused(void *argument)
{
    struct refusal *refusal = argument;
    struct userns_snapshot *before = scan_by(0, USERNS_SOURCE_PROCFS), *after;

    forbid(__NR_bpf, refusal->command, refusal->error);
    after = scan_without(NULL, refusal->expected);
    CHECK(same_snapshot(before, after));
    userns_free(before);
    userns_free(after);
}

/* A kernel without BPF, filters, and limits on the way; each leaves procfs. */
static void without_bpf(void)
{
    struct refusal refusals[] = {
        { -1, ENOSYS, -EOPNOTSUPP },
        { -1, EPERM, -EPERM },
        { BPF_MAP_CREATE, EPERM, -EPERM },
        { BPF_MAP_CREATE, EACCES, -EPERM },
        { BPF_MAP_CREATE, EINVAL, -EOPNOTSUPP },
        { BPF_MAP_CREATE, E2BIG, -EOPNOTSUPP },
        { BPF_MAP_CREATE, EIO, -EOPNOTSUPP },
        { BPF_MAP_CREATE, ENOMEM, -ENOMEM },
        { BPF_PROG_LOAD, EACCES, -ENOEXEC },
        { BPF_PROG_LOAD, EINVAL, -ENOEXEC },
        { BPF_PROG_LOAD, EPERM, -EPERM },
        { BPF_PROG_LOAD, 524, -EOPNOTSUPP }, /* the kernel's ENOTSUPP: without its compiler */
    };

    need_bpf();
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        in_clean_room(scan_refused, &refusals[i]);
}

/* A caller with no other right than to load programs; see capset(2). */
static void keep_bpf_alone(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };

    CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
    become_nobody(1234);
    data[1].effective = data[1].permitted = CAP_TO_MASK(CAP_BPF) | CAP_TO_MASK(CAP_PERFMON);
    CHECK(syscall(SYS_capset, &header, data) == 0);
}

static void need_bpf_there(void *unused)
{
    (void)unused;
    need_bpf();
}

static void scan_without_types(void *unused)
{
    (void)unused;
    if (mount("tmpfs", "/sys/kernel/btf", "tmpfs", 0, NULL) != 0)
        skip("cannot hide the kernel's types: %s", strerror(errno));
    userns_free(scan_without(NULL, -EOPNOTSUPP));
    CHECK(umount("/sys/kernel/btf") == 0);
    userns_free(scan_by(USERNS_SCAN_BPF, best_source())); /* which looks again */
}

/* As with a kernel that was built without BTF. This process must not know the types already. */
static void without_types(void)
{
    in_child(need_bpf_there, NULL);
    in_clean_room(scan_without_types, NULL);
}

/* Neither the options of a procfs nor ptrace(2) are asked. */
static void scan_hidden(void *holder)
{
    const struct userns_node *init;
    struct userns_snapshot *snapshot, *other;

    keep_bpf_alone();
    snapshot = scan_by(0, USERNS_SOURCE_PROCFS);
    CHECK(userns_find_pid(snapshot, 1) == NULL);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_HIDEPID);
    userns_free(snapshot);
    snapshot = scan_by(USERNS_SCAN_BPF, best_source());
    CHECK(userns_find_pid(snapshot, 1) == userns_self(snapshot));
    CHECK_EQ(userns_gaps(snapshot) & (USERNS_GAP_HIDEPID | USERNS_GAP_UNREADABLE), 0);
    userns_free(snapshot);

    /* What BPF alone does not tell is counted: of two processes the mounts, of one of these the descriptors. */
    snapshot = scan_by(USERNS_SCAN_BPF | USERNS_SCAN_PINNED | USERNS_SCAN_NAMES, best_source());
    init = userns_find_pid(snapshot, 1);
    CHECK(init && init == userns_find_pid(snapshot, *(pid_t *)holder));
    CHECK_EQ(userns_gaps(snapshot) & (USERNS_GAP_HIDEPID | USERNS_GAP_LINKS), USERNS_GAP_HIDEPID | USERNS_GAP_LINKS);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS), 1);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MOUNTS), 2);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 0);

    /* Also where nothing tells that they have not ended meanwhile. */
    forbid(__NR_pidfd_open, -1, EPERM);
    other = scan_by(USERNS_SCAN_BPF | USERNS_SCAN_PINNED | USERNS_SCAN_NAMES, best_source());
    CHECK(same_snapshot(snapshot, other));
    CHECK(same_text(pins_of(snapshot), pins_of(other)));
    userns_free(other);
    userns_free(snapshot);
}

static void hold_descriptor(void *unused)
{
    (void)unused;
    CHECK(open_namespace(getpid(), "net") >= 0);
}

static void room_with_hidepid(void *options)
{
    pid_t holder;

    if (mount("proc", "/proc", "proc", 0, options) != 0)
        skip("cannot mount a procfs with %s: %s", (char *)options, strerror(errno));
    holder = start(hold_descriptor, NULL);
    in_child(scan_hidden, &holder);
}

static void hidepid(void)
{
    static char options[][sizeof "hidepid=1"] = { "hidepid=1", "hidepid=2", "hidepid=4" };

    need_bpf();
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        in_clean_room(room_with_hidepid, options[i]);
}

/* BPF needs a descriptor or two more than procfs, which serves where these cannot be had. */
static void scan_with_few_descriptors(void *unused)
{
    struct userns_snapshot *reference = scan_by(0, USERNS_SOURCE_PROCFS), *snapshot;
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct rlimit limit, lower;
    int sources[4] = { 0 };

    (void)unused;
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
        close(fd);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    lower = limit;
    options.flags = USERNS_SCAN_BPF;
    for (rlim_t left = 0; left <= 6; left++) {
        int error;

        lower.rlim_cur = STDERR_FILENO + 1 + left;
        CHECK(setrlimit(RLIMIT_NOFILE, &lower) == 0);
        error = userns_scan(&options, &snapshot);
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        CHECK_EQ(open_descriptors(), STDERR_FILENO + 1);
        CHECK(error == 0 || (error == -EMFILE && left < 5));
        if (error != 0)
            continue;
        CHECK(same_snapshot(reference, snapshot));
        CHECK_EQ(userns_source_error(snapshot),
                 userns_source(snapshot) == USERNS_SOURCE_PROCFS ? -EMFILE : 0);
        CHECK(left < 5 || userns_source(snapshot) != USERNS_SOURCE_PROCFS);
        sources[userns_source(snapshot)]++;
        userns_free(snapshot);
    }
    CHECK(sources[USERNS_SOURCE_PROCFS] > 0); /* else this tested nothing */
    userns_free(reference);
}

static void few_descriptors(void)
{
    need_bpf();
    in_clean_room(scan_with_few_descriptors, NULL);
}

/* Without the flag BPF is not used, whoever calls. */
static void not_asked_for(void)
{
    CHECK_EQ(userns_source(NULL), 0);
    CHECK_EQ(userns_source_error(NULL), 0);
    forbid(__NR_bpf, -1, EFAULT);
    userns_free(scan_by(0, USERNS_SOURCE_PROCFS));
    userns_free(scan_by(USERNS_SCAN_SOCKETS, USERNS_SOURCE_PROCFS));
}

/* ---- What is left ---- */

static int lines_of(const char *path)
{
    FILE *file = fopen(path, "re");
    int lines = 0, c;

    CHECK(file != NULL);
    while ((c = fgetc(file)) != EOF)
        lines += c == '\n';
    fclose(file);
    return lines;
}

static void scan_many_times(void *unused)
{
    enum { SCANS = 1000 };
    uint32_t source = best_source();
    int descriptors, mappings;
    long pages;

    (void)unused;
    start(go_down, &(int){ 3 });
    for (int i = 0; i < 20; i++)
        userns_free(scan_by(USERNS_SCAN_PINNED | USERNS_SCAN_BPF, source));
    descriptors = open_descriptors();
    mappings = lines_of("/proc/self/maps");
    pages = resident_pages();
    for (int i = 0; i < SCANS; i++)
        userns_free(scan_by(USERNS_SCAN_BPF | (i % 8 == 0 ? USERNS_SCAN_PINNED : 0), source));
    CHECK_EQ(open_descriptors(), descriptors);
    /* Where other tests have thousands of threads, glibc keeps more of what is freed, or otherwise. */
    CHECK(lines_of("/proc/self/maps") < mappings + 10);
    CHECK(resident_pages() < pages + 256);
}

static void nothing_is_left(void)
{
    need_bpf();
    in_clean_room(scan_many_times, NULL);
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "same_answer", same_answer },
        { "same_answer_by_tasks", same_answer_by_tasks },
        { "same_pins", same_pins },
        { "on_the_host", on_the_host },
        { "pins_on_the_host", pins_on_the_host },
        { "deeper_pid_namespace", deeper_pid_namespace },
        { "threads_count_once", threads_count_once },
        { "same_answer_among_many", same_answer_among_many },
        { "more_than_expected", more_than_expected },
        { "more_descriptors_than_expected", more_descriptors_than_expected },
        { "unprivileged", unprivileged },
        { "nested", nested },
        { "foreign_procfs", foreign_procfs },
        { "without_bpf", without_bpf },
        { "without_types", without_types },
        { "hidepid", hidepid },
        { "few_descriptors", few_descriptors },
        { "not_asked_for", not_asked_for },
        { "nothing_is_left", nothing_is_left },
        { NULL, NULL },
    };

    return run(all, argc, argv);
}
