/* A storm: all that a scan reads changes all the time. What lasts is found, or a gap says that it may be missing. */
#include "situation.h"
#include "interpose.h"
#include "pins.h"
#include "probe.h"
#include "storm.h"
#include "stuck.h"
#include <linux/stat.h>
#include <malloc.h>
#include <time.h>

/* ---- What lasts ---- */

enum kind { MEMBER, DESCRIPTOR, MOUNT, SOCKET, OWNED, KINDS };

static const struct {
    const char *name;
    uint64_t flags; /* the scans that find it have one of them; 0: all scans */
    uint32_t gaps;  /* those that can cover its loss */
} kinds[KINDS] = {
    [MEMBER] = { "member", 0,
                 USERNS_GAP_UNREADABLE | USERNS_GAP_NAMES | USERNS_GAP_CREDENTIALS |
                     USERNS_GAP_CGROUPS | USERNS_GAP_MAPS },
    [DESCRIPTOR] = { "descriptor", USERNS_SCAN_PINNED, USERNS_GAP_DESCRIPTORS | USERNS_GAP_LINKS },
    [MOUNT] = { "mount", USERNS_SCAN_PINNED,
                USERNS_GAP_MOUNTS | USERNS_GAP_CHROOTED | USERNS_GAP_UNOPENED_MOUNTS },
    [SOCKET] = { "socket", USERNS_SCAN_SOCKETS, USERNS_GAP_SOCKETS | USERNS_GAP_DESCRIPTORS },
    [OWNED] = { "owned", USERNS_SCAN_OWNED | USERNS_SCAN_PINNED, USERNS_GAP_LINKS },
};

struct thing {
    enum kind kind;
    pid_t pid;       /* of the member, or of the process that has the descriptor */
    uint64_t inode;  /* of the user namespace */
    uint64_t parent; /* 0: none is visible */
    uint64_t other;  /* of the nonuser namespace */
};

static struct thing things[300];
static size_t thing_count;

static void add(struct thing thing)
{
    CHECK(thing_count < sizeof things / sizeof *things);
    things[thing_count++] = thing;
}

static pid_t add_member(void (*act)(void *), void *argument, uint64_t parent)
{
    pid_t pid = start(act, argument);

    add((struct thing){ MEMBER, pid, inode_of(pid), parent, 0 });
    return pid;
}

/* Starts a process that holds a new child of this user namespace. */
static pid_t add_held(enum kind kind, void (*hold)(void *))
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold, held);

    add((struct thing){ kind, pid, held->inode, inode_of(getpid()), held->other });
    return pid;
}

static void own(void *argument)
{
    go_down_with(&(int){ CLONE_NEWUTS | CLONE_NEWIPC });
    ((struct held *)argument)->inode = inode_of(getpid());
    ((struct held *)argument)->other = inode_of_link(getpid(), "uts");
}

/* ---- The storm ---- */

enum { DISTURBED = 10 /* mounts in a mount namespace in which other mounts come and go */ };

/* A scan that looks at a mount keeps it busy for a moment. */
static void unmount(const char *path)
{
    while (umount(path) != 0)
        CHECK(errno == EBUSY);
}

/* Covers the mounts, and adds one beside them. */
static _Noreturn void mount_beside(void)
{
    make_file("/mnt/other");
    for (;;) {
        CHECK(mount("/proc/self/ns/user", "/mnt/other", "none", MS_BIND, NULL) == 0);
        mount_tmpfs("/mnt");
        unmount("/mnt");
        unmount("/mnt/other");
    }
}

static void hold_disturbed_mounts(void *argument)
{
    struct held *held = argument;
    char path[32];

    new_mount_namespace();
    mount_tmpfs("/mnt");
    for (int i = 0; i < DISTURBED; i++) {
        snprintf(path, sizeof path, "/mnt/%d", i);
        held[i].inode = mount_left_user(path);
    }
}

static void disturb_mounts(void *holder)
{
    join_mount_namespace(holder);
    start_stress(mount_beside);
}

/* One number refers to a namespace, a socket or a device in turn. */
static _Noreturn void swap_descriptors(void)
{
    int from[] = { open("/dev/null", O_RDONLY), socket(AF_UNIX, SOCK_STREAM, 0), open_left_user() };

    for (unsigned turn = 0;; turn++)
        CHECK(dup2(from[turn % 3], 100) == 100);
}

static _Noreturn void set_namespaces(void)
{
    static const struct {
        const char *name;
        int type;
    } types[] = { { "uts", CLONE_NEWUTS }, { "mnt", CLONE_NEWNS } };
    int fds[2][2];

    /* New ones: an ordinary user may not return to those outside of the sandbox. */
    for (int i = 0; i < 4; i++) {
        CHECK(unshare(types[i / 2].type) == 0);
        fds[i / 2][i % 2] = open_namespace(getpid(), types[i / 2].name);
    }
    for (unsigned turn = 0;; turn++)
        CHECK(setns(fds[turn / 2 % 2][turn % 2], types[turn / 2 % 2].type) == 0);
}

static _Noreturn void change_root(void)
{
    int roots[2] = { open("/", O_PATH | O_CLOEXEC), open("/usr", O_PATH | O_CLOEXEC) };

    for (unsigned turn = 0;; turn++)
        CHECK(fchdir(roots[turn % 2]) == 0 && chroot(".") == 0);
}

/*
 * Starts a process that executes a program all the time, in a UTS namespace of its own, and passes on
 * a socket, and the descriptor of a new user namespace. Returns its PID, and the namespaces.
 */
static pid_t start_executing(bool only_thread_has_it, struct held *namespaces)
{
    volatile struct held *held = shared(sizeof *held);
    pid_t pid = fork_child();

    if (pid == 0) {
        struct held own;
        char number[16];

        hold_descriptor(&own);
        CHECK(fcntl(own.fd, F_SETFD, 0) == 0 && unshare(CLONE_NEWUTS) == 0);
        CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
        snprintf(number, sizeof number, "%d", own.fd);
        CHECK(!only_thread_has_it || setenv(closed, number, 1) == 0);
        held->other = inode_of_link(getpid(), "uts");
        held->inode = own.inode;
        execute_all_the_time();
    }
    while (held->inode == 0)
        sched_yield();
    *namespaces = *held;
    return pid;
}

static void add_executing(bool only_thread_has_it)
{
    struct held held;
    pid_t pid = start_executing(only_thread_has_it, &held);

    add((struct thing){ MEMBER, pid, inode_of(getpid()), 0, 0 });
    add((struct thing){ DESCRIPTOR, pid, held.inode, inode_of(getpid()), 0 });
}

static void add_storm(void (*stress)(void))
{
    pid_t pid = fork_child();

    if (pid == 0)
        stress();
    add((struct thing){ MEMBER, pid, inode_of(getpid()), 0, 0 });
}

/* About 200 things. */
static void populate(pid_t *disturbed)
{
    uint64_t own_inode = inode_of(getpid());
    struct held *held = shared(DISTURBED * sizeof *held);

    for (int i = 0; i < 20; i++) {
        pid_t pid = add_member(go_down, &(int){ 1 }, own_inode);
        uint64_t inode = inode_of(pid);

        add_member(join_and_go_down, &pid, inode);
        add_member(join, &pid, own_inode);
        add_member(go_down, &(int){ 0 }, 0);
        add_held(DESCRIPTOR, hold_descriptor);
        add_held(DESCRIPTOR, hold_in_thread);
        add_held(MOUNT, hold_by_mount);
        add_held(MOUNT, hold_by_overmounted_mount);
        add_held(SOCKET, hold_socket);
        add_held(OWNED, own);
    }
    *disturbed = start(hold_disturbed_mounts, held);
    for (int i = 0; i < DISTURBED; i++)
        add((struct thing){ MOUNT, *disturbed, held[i].inode, own_inode, 0 });
}

static void start_storm(pid_t disturbed)
{
    add_executing(false);
    add_executing(true);
    add_storm(fork_all_the_time);
    add_storm(unshare_all_the_time);
    add_storm(mount_all_the_time);
    add_storm(swap_descriptors);
    add_storm(set_namespaces);
    add_storm(change_root);
    start(disturb_mounts, &disturbed);
}

/* ---- The scans ---- */

static bool has_pin(const struct userns_pin *const *pins, size_t count, int kind, pid_t pid)
{
    for (size_t i = 0; i < count; i++)
        if ((int)userns_pin_kind(pins[i]) == kind && (pid == 0 || userns_pin_pid(pins[i]) == pid))
            return true;
    return false;
}

/* Whether the snapshot has what the scan was asked for about a member of a node. */
static bool knows_member(const struct userns_snapshot *snapshot, uint64_t flags, pid_t pid,
                         const struct userns_node *node)
{
    bool has_cgroups = userns_process_cgroup(snapshot, getpid()) != NULL; /* of version 2 */
    uid_t uid;

    return (!(flags & USERNS_SCAN_NAMES) || userns_process_name(snapshot, pid) != NULL) &&
           (!(flags & USERNS_SCAN_CREDENTIALS) || userns_process_uid(snapshot, pid, &uid)) &&
           (!has_cgroups || userns_process_cgroup(snapshot, pid) != NULL) &&
           (!(flags & USERNS_SCAN_MAPS) || userns_flags(node) & USERNS_NODE_MAPS);
}

/* Whether the snapshot has it, in its place. */
static bool has(const struct userns_snapshot *snapshot, uint64_t flags, const struct thing *thing)
{
    const struct userns_nonuser *ns = find_nonuser(snapshot, thing->other);
    const struct userns_node *node = thing->kind == MEMBER
                                         ? userns_find_pid(snapshot, thing->pid)
                                         : userns_find_inode(snapshot, thing->inode);
    size_t count;
    const struct userns_pin *const *pins = userns_pins(node, &count);

    if (userns_inode(node) != thing->inode || userns_inode(userns_parent(node)) != thing->parent)
        return false;
    switch (thing->kind) {
    case MEMBER:
        return knows_member(snapshot, flags, thing->pid, node);
    case DESCRIPTOR:
        return has_pin(pins, count, USERNS_PIN_DESCRIPTOR, thing->pid);
    case MOUNT:
        return has_pin(pins, count, USERNS_PIN_MOUNT, 0);
    case SOCKET:
        pins = userns_nonuser_pins(ns, &count);
        return userns_nonuser_owner(ns) == node &&
               has_pin(pins, count, USERNS_PIN_SOCKET, thing->pid);
    default:
        return userns_nonuser_owner(ns) == node && userns_nonuser_member_count(ns) == 1;
    }
}

static const uint64_t flags_of_scans[] = {
    0,
    USERNS_SCAN_NAMES,
    USERNS_SCAN_OWNED,
    USERNS_SCAN_PINNED,
    USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS,
    USERNS_SCAN_MAPS,
    USERNS_SCAN_CREDENTIALS,
    USERNS_SCAN_CGROUPS,
    EVERY_FLAG,
};
enum {
    SETS = sizeof flags_of_scans / sizeof *flags_of_scans,
    WAYS = 2 * SETS, /* the second half: the same by BPF */
    GAPS = 32,
};

static uint64_t flags_of(int way)
{
    return flags_of_scans[way % SETS] | (way < SETS ? 0 : USERNS_SCAN_BPF);
}

/* The gaps before the storm: without and with a process that is stuck. */
static size_t gaps_before[2][WAYS][GAPS];
static bool is_one_stuck;

/* Scans that wait for a process that is stuck leave time for others. */
enum { SCANNERS = 16 };
enum { THREADS = 8 }; /* of endurance */

/* What the scans of one process with one set of flags gave. */
static struct tally {
    int scans, covered[KINDS], lost[KINDS];
    uint64_t longest; /* microseconds */
} (*results)[WAYS];   /* shared; of each scanner */

static bool has_more_gaps(const struct userns_snapshot *snapshot, int way, uint32_t gaps)
{
    for (int i = 0; i < GAPS; i++)
        if (gaps >> i & 1 &&
            userns_gap_count(snapshot, UINT32_C(1) << i) > gaps_before[is_one_stuck][way][i])
            return true;
    return false;
}

static uint64_t now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (uint64_t)time.tv_sec * 1000000 + (uint64_t)time.tv_nsec / 1000;
}

static bool is_found_by(uint64_t flags, enum kind kind)
{
    return kinds[kind].flags == 0 || kinds[kind].flags & flags;
}

/* Returns the snapshot. */
static struct userns_snapshot *scan_once(int way, struct tally *tally)
{
    uint64_t flags = flags_of(way), begin = now();
    struct userns_snapshot *snapshot = scan_with(flags);
    uint64_t time = now() - begin;

    tally->scans++;
    if (time > tally->longest)
        tally->longest = time;
    for (const struct thing *thing = things; thing < things + thing_count; thing++) {
        enum kind kind = thing->kind;

        if (!is_found_by(flags, kind) || has(snapshot, flags, thing))
            continue;
        if (has_more_gaps(snapshot, way, kinds[kind].gaps)) {
            tally->covered[kind]++;
            continue;
        }
        tally->lost[kind]++;
        fprintf(stderr, "flags %#" PRIx64 ": lost %s of process %d, number %d\n", flags,
                kinds[kind].name, (int)thing->pid, (int)(thing - things));
    }
    return snapshot;
}

/* For how long endurance is tested; 0: it is not. */
static unsigned minutes(void)
{
    const char *text = getenv("MINUTES");

    return text != NULL ? (unsigned)atoi(text) : 0;
}

/* In a storm a scan can take seconds. The last set has all flags; the others run where there is time. */
static int first_way(void)
{
    return is_long_run() || minutes() > 0 ? 0 : SETS - 1;
}

enum { TRIES = 3 /* on a busy machine a scan can reach its limits on the time */ };

/* Without a storm all are found. */
static void scan_before_storm(int ways)
{
    for (int way = first_way(); way < ways; way++) {
        size_t *least = gaps_before[is_one_stuck][way];

        for (int turn = 0; turn < TRIES; turn++) {
            struct userns_snapshot *snapshot = scan_with(flags_of(way));

            for (int i = 0; i < GAPS; i++) {
                size_t count = userns_gap_count(snapshot, UINT32_C(1) << i);

                least[i] = turn == 0 || count < least[i] ? count : least[i];
            }
            userns_free(snapshot);
        }
        userns_free(scan_once(way, &results[0][way]));
    }
}

static void scan_in_storm(int count)
{
    int scanners = is_long_run() ? SCANNERS : 1;
    pid_t pids[SCANNERS];

    for (int scanner = 0; scanner < scanners; scanner++) {
        pids[scanner] = fork_child();
        if (pids[scanner] != 0)
            continue;
        for (int i = scanner; i < count; i += scanners)
            for (int way = first_way(); way < SETS; way++)
                userns_free(scan_once(way, &results[scanner][way]));
        exit(0);
    }
    for (int scanner = 0; scanner < scanners; scanner++)
        expect_success(pids[scanner]);
}

static void add_tally(struct tally *sum, const struct tally *tally)
{
    sum->scans += tally->scans;
    sum->longest = sum->longest > tally->longest ? sum->longest : tally->longest;
    for (int kind = 0; kind < KINDS; kind++) {
        sum->covered[kind] += tally->covered[kind];
        sum->lost[kind] += tally->lost[kind];
    }
}

enum {
    LONGEST = 5 * 1000 * 1000, /* microseconds for a scan, in a long run */
    SHORT_RUN = 5              /* minutes */
};

/* Returns the number of things that scans lost without a gap. */
static int print_results(void)
{
    struct tally all = { 0 };
    int lost = 0;

    for (int way = 0; way < WAYS; way++) {
        struct tally sum = { 0 };

        for (int scanner = 0; scanner < SCANNERS; scanner++)
            add_tally(&sum, &results[scanner][way]);
        add_tally(&all, &sum);
        if (sum.scans == 0)
            continue;
        fprintf(stderr, "flags %#" PRIx64 ": %d scans, the longest %" PRIu64 " ms; lost (covered):",
                flags_of(way), sum.scans, sum.longest / 1000);
        for (int kind = 0; kind < KINDS; kind++) {
            fprintf(stderr, " %s %d (%d)", kinds[kind].name, sum.lost[kind], sum.covered[kind]);
            lost += sum.lost[kind];
        }
        fputc('\n', stderr);
        CHECK(sum.longest < LONGEST || (!is_long_run() && minutes() < SHORT_RUN));
        CHECK(sum.covered[MEMBER] == 0 || minutes() == 0); /* endurance has no stuck process */
    }
    fprintf(stderr, "%d scans, the longest %" PRIu64 " ms\n", all.scans, all.longest / 1000);
    return lost;
}

SITUATION(
    everything_lasts, IN_SANDBOX | BY_BPF,
    "mounts, programs, descriptors, namespaces and processes change; nothing that lasts is lost")
{
    int count = scan_count(4);
    pid_t disturbed;

    results = shared(SCANNERS * sizeof *results);
    populate(&disturbed);
    scan_before_storm(SETS);
    if (is_initial_root() && access("/dev/fuse", R_OK | W_OK) == 0) {
        mount_tmpfs("/mnt");
        is_one_stuck = try_make_stuck("/mnt/file") != 0;
    }
    if (is_one_stuck)
        scan_before_storm(SETS);
    else
        fprintf(stderr, "no process is stuck inside execve(2)\n");
    start_storm(disturbed);
    if (is_one_stuck) {
        scan_in_storm(count);
        CHECK(umount2("/mnt/file", MNT_FORCE | MNT_DETACH) == 0); /* the process goes on */
        is_one_stuck = false;
        count = is_long_run() ? count / 10 : count; /* endurance is long without one */
    }
    scan_in_storm(count);
    CHECK_EQ(print_results(), 0);
}

/* ---- Endurance: scans of all kinds, from threads of one process ---- */

static int ways; /* those by BPF only where it can be used */
static uint64_t round_end, probe_worked;
static bool is_over;
static pthread_barrier_t barrier;
static struct thread {
    int number;
    unsigned saved, probes;
} threads[THREADS];

static const struct thing *find_thing(uint64_t inode)
{
    for (size_t i = 0; i < thing_count; i++)
        if (things[i].inode == inode)
            return &things[i];
    return NULL;
}

/*
 * Whether a change must not be. A namespace without processes has one while another thread reads its maps by
 * USERNS_SCAN_MAPS; without the flag that finds the namespace, a scan finds it only then. If a scan missed something, what keeps
 * the namespace can be missing, and it counts as ended: docs/visibility.md.
 */
static bool is_wrong(enum userns_change_kind kind, const struct thing *thing, uint64_t flags,
                     bool is_whole)
{
    if (thing->kind == MEMBER)
        return kind == USERNS_CHANGE_ENDED || kind == USERNS_CHANGE_EMPTIED;
    return kind == USERNS_CHANGE_ENDED && is_whole && is_found_by(flags, thing->kind);
}

/* Nothing that lasts ends, or loses a member. */
static void compare_with(const struct userns_snapshot *before, const struct userns_snapshot *after,
                         int way)
{
    bool is_whole = !has_more_gaps(after, way, UINT32_MAX);
    struct userns_changes *changes;
    size_t count;
    const struct userns_change *const *all;

    CHECK(userns_compare(before, after, &changes) == 0);
    all = userns_changes(changes, &count);
    for (size_t i = 0; i < count; i++) {
        enum userns_change_kind kind = userns_change_kind(all[i]);
        const struct thing *thing = find_thing(userns_inode(userns_change_node(all[i])));

        if (thing != NULL && is_wrong(kind, thing, flags_of(way), is_whole))
            fail("change %d of %s, number %d", (int)kind, kinds[thing->kind].name,
                 (int)(thing - things));
        for (size_t j = 0; j < thing_count && kind == USERNS_CHANGE_LEFT; j++)
            CHECK(things[j].kind != MEMBER || things[j].pid != userns_change_pid(all[i]));
    }
    userns_changes_free(changes);
}

static void save_and_load(const struct userns_snapshot *snapshot)
{
    int fd = save(snapshot);
    struct userns_snapshot *loaded = load_from(fd);
    struct userns_changes *changes;
    size_t count;

    close(fd);
    CHECK(userns_compare(snapshot, loaded, &changes) == 0);
    userns_changes(changes, &count);
    CHECK_EQ(count, 0);
    userns_changes_free(changes);
    userns_free(loaded);
}

static void open_and_describe(const struct userns_snapshot *snapshot, const struct thing *thing)
{
    struct userns_info info = USERNS_INFO_INIT;
    int fd = userns_open(userns_find_pid(snapshot, thing->pid));

    CHECK(fd >= 0 && userns_describe(fd, &info) == 0 && info.inode == thing->inode);
    close(fd);
}

/* On a busy machine a step can take too long. */
static void probe_once(void)
{
    struct userns_probe *answer = probe(0, ALL_STEPS);

    if (userns_probe_worked(answer) != probe_worked &&
        reason_of(answer, USERNS_REASON_TIMEOUT) == NULL) {
        print_probe(answer);
        fail("a probe worked with %#" PRIx64 " before", probe_worked);
    }
    userns_probe_free(answer);
}

static struct userns_snapshot *scan_in_thread(const struct thread *thread, int way)
{
    struct userns_snapshot *snapshot = scan_once(way, &results[thread->number][way]);

    if (userns_source_error(snapshot) != 0)
        fail("BPF was not used: %d", userns_source_error(snapshot));
    return snapshot;
}

/* Each round begins and ends when all threads wait. */
static void *scan_in_rounds(void *argument)
{
    struct thread *thread = argument;

    for (int turn = thread->number, way = turn % ways;; turn++) {
        struct userns_snapshot *last, *next;

        pthread_barrier_wait(&barrier);
        if (is_over)
            return NULL;
        do {
            way = (way + 1) % ways;
            userns_free(scan_in_thread(thread, way));
        } while (now() < round_end);
        last = scan_in_thread(thread, way);
        next = scan_in_thread(thread, way);
        compare_with(last, next, way);
        save_and_load(next);
        open_and_describe(next, &things[0]);
        thread->saved++;
        userns_free(last);
        userns_free(next);
        if (turn % THREADS == 0) {
            probe_once();
            thread->probes++;
        }
        pthread_barrier_wait(&barrier);
    }
}

static long resident_kib(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
    return resident_pages() * (sysconf(_SC_PAGESIZE) / 1024);
}

/* A child of a scan that did not end in time is reaped by one of the next scans. */
static void expect_no_zombie(void)
{
    for (int i = 0; i < 1000; i++) {
        siginfo_t info = { 0 };

        CHECK(waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0);
        if (info.si_pid == 0)
            return;
        userns_free(scan_with(USERNS_SCAN_SOCKETS));
        usleep(10000);
    }
    fail("a scan leaves a zombie");
}

/* Lets the threads scan for so many seconds; returns the most memory after a round, in KiB. */
static long run_rounds(unsigned seconds, int descriptors)
{
    uint64_t end = now() + seconds * UINT64_C(1000000);
    long most = 0;

    do {
        long size;

        round_end = now() + seconds * UINT64_C(1000000) / 20;
        pthread_barrier_wait(&barrier);
        pthread_barrier_wait(&barrier);
        size = resident_kib();
        most = size > most ? size : most;
        CHECK_EQ(open_descriptors(), descriptors);
        expect_no_zombie();
    } while (now() < end);
    return most;
}

/* KiB. malloc(3) keeps some freed memory for each thread, the more the fewer scans there were before. */
enum { GROWTH = 1024, GROWTH_IN_SHORT_RUN = 16384 };

static void endure(void *unused UNUSED)
{
    unsigned seconds = minutes() * 60, saved = 0, probes = 0;
    int descriptors;
    long first, last;
    struct userns_probe *answer = probe(0, ALL_STEPS);
    struct userns_snapshot *snapshot;
    pthread_t ids[THREADS];
    pid_t disturbed;

    probe_worked = userns_probe_worked(answer);
    userns_probe_free(answer);
    results = shared(SCANNERS * sizeof *results);
    populate(&disturbed);
    snapshot = scan_with(USERNS_SCAN_BPF);
    ways = userns_source_error(snapshot) == 0 ? WAYS : SETS;
    if (ways == SETS)
        fprintf(stderr, "no scan by BPF: %s\n", userns_strerror(userns_source_error(snapshot)));
    userns_free(snapshot);
    scan_before_storm(ways);
    start_storm(disturbed);
    CHECK(pthread_barrier_init(&barrier, NULL, THREADS + 1) == 0);
    for (int i = 0; i < THREADS; i++) {
        threads[i].number = i;
        CHECK(pthread_create(&ids[i], NULL, scan_in_rounds, &threads[i]) == 0);
    }
    descriptors = open_descriptors();
    first = run_rounds(seconds / 3, descriptors);
    last = run_rounds(seconds - seconds / 3, descriptors);
    is_over = true;
    pthread_barrier_wait(&barrier);
    for (int i = 0; i < THREADS; i++) {
        CHECK(pthread_join(ids[i], NULL) == 0);
        saved += threads[i].saved;
        probes += threads[i].probes;
    }
    CHECK_EQ(print_results(), 0);
    CHECK(last < first + (minutes() < SHORT_RUN ? GROWTH_IN_SHORT_RUN : GROWTH));
    fprintf(
        stderr,
        "no failure; %u saved, loaded, compared and opened; %u probes; memory %ld KiB in the first "
        "third of the time, %ld KiB at most later; %d descriptors\n",
        saved, probes, first, last, descriptors);
}

SITUATION(endurance, 0, "eight threads scan in all ways, save, load, compare, open and probe")
{
    if (minutes() == 0)
        skip("runs alone, for MINUTES: make check-endurance");
    alarm(stretched((unsigned)minutes() * 60 + PATIENCE));
    in_sandbox(endure, NULL);
}

enum { EXECUTING = 4 };

/* Returns how many namespaces, descriptors and sockets of these processes a scan does not find. */
static int count_lost(const struct userns_snapshot *snapshot, uint64_t flags, const pid_t *pids,
                      const struct held *held)
{
    size_t count;
    const struct userns_pin *const *pins =
        userns_nonuser_pins(find_nonuser(snapshot, inode_of_link(getpid(), "net")), &count);
    int lost = 0;

    for (int i = 0; i < EXECUTING; i++) {
        const struct thing thing = { DESCRIPTOR, pids[i], held[i].inode, inode_of(getpid()), 0 };

        lost += userns_nonuser_member_count(find_nonuser(snapshot, held[i].other)) != 1;
        lost += flags & USERNS_SCAN_PINNED && !has(snapshot, flags, &thing);
        lost += flags & USERNS_SCAN_SOCKETS && !has_pin(pins, count, USERNS_PIN_SOCKET, pids[i]);
    }
    return lost;
}

static size_t count_gaps(const struct userns_snapshot *snapshot)
{
    return userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS) +
           userns_gap_count(snapshot, USERNS_GAP_LINKS) +
           userns_gap_count(snapshot, USERNS_GAP_SOCKETS);
}

static void scan_executing(void)
{
    const uint64_t ways[] = { USERNS_SCAN_OWNED, USERNS_SCAN_PINNED,
                              USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS };
    enum { COUNT = sizeof ways / sizeof *ways };
    struct held held[EXECUTING];
    pid_t pids[EXECUTING];
    size_t before[COUNT];
    int covered = 0, scans = scan_count(300);
    struct userns_snapshot *snapshot;

    for (int way = 0; way < COUNT; way++) {
        snapshot = scan_with(ways[way]);
        before[way] = count_gaps(snapshot);
        userns_free(snapshot);
    }
    for (int i = 0; i < EXECUTING; i++)
        pids[i] = start_executing(i % 2 == 1, &held[i]);
    for (int i = 0; i < scans; i++) {
        int lost, way = i % COUNT;

        snapshot = scan_with(ways[way]);
        lost = count_lost(snapshot, ways[way], pids, held);
        if (lost > 0 && count_gaps(snapshot) == before[way])
            fail("scan %d of %d with flags %#" PRIx64 " lost %d of a process", i, scans, ways[way],
                 lost);
        covered += lost;
        userns_free(snapshot);
    }
    fprintf(stderr, "%d scans; gaps tell of %d that were not found\n", scans, covered);
}

SITUATION(executing, IN_SANDBOX | BY_BPF,
          "processes that execute programs from a thread all the time keep all that they have")
{
    scan_executing();
}

static bool hides_sizes;

static bool answer_call(long number, const long arguments[6], long *result)
{
    if (number != SYS_statx || !hides_sizes)
        return false;
    *result = pass_call(number, arguments);
    ((struct statx *)arguments[4])->stx_size = 0;
    return true;
}

SITUATION(executing_without_sizes, IN_SANDBOX,
          "the same before Linux 6.2, which does not tell the number of descriptors")
{
    hides_sizes = true;
    scan_executing();
}
