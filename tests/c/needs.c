/*
 * What each feature needs: the capabilities without which it sees less, and the system calls that it makes. It then runs
 * with exactly these, and sees the same.
 *
 * The caller is an ordinary user with some of root's capabilities: as the owner of files, root would not need them. A filter
 * reports the system calls to this program: seccomp_unotify(2). Prints lines for tests/security.rs.
 */
#include "situation.h"
#include "owners.h"
#include "pins.h"
#include "seccomp.h"
#include "stuck.h"
#include <sys/inotify.h>

/* ---- Features ---- */

enum action { SCAN, SCAN_HOST, OPEN, DESCRIBE, SAVE, LOAD, PROBE };

struct feature {
    const char *name;
    enum action action;
    uint64_t flags;
};

#define FLAG(name) \
    { \
#name, SCAN, name \
    }

static const struct feature scans[] = {
    { "a scan", SCAN, 0 },
    FLAG(USERNS_SCAN_NAMES),
    FLAG(USERNS_SCAN_CREDENTIALS),
    FLAG(USERNS_SCAN_CGROUPS),
    FLAG(USERNS_SCAN_MAPS),
    FLAG(USERNS_SCAN_OWNED),
    FLAG(USERNS_SCAN_PINNED),
    { "USERNS_SCAN_SOCKETS", SCAN, USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS },
};

/* Of all that changes on the host meanwhile, only how far it got counts. */
static const struct feature scan_of_host = { "USERNS_SCAN_PINNED in the initial PID namespace",
                                             SCAN_HOST, USERNS_SCAN_PINNED };

static const struct feature actions[] = {
    { "userns_open(), userns_nonuser_open()", OPEN, 0 },
    { "userns_describe()", DESCRIBE, 0 },
    { "userns_save()", SAVE, 0 },
    { "userns_load()", LOAD, 0 },
    { "userns_probe()", PROBE, 0 },
};

/* What a feature has told. */
struct answer {
    int error, source_error, empty_source;
    size_t gaps[32], nodes, parents, owners, ids, members, nonusers, owned, pins, names,
        credentials, cgroups, maps;
    int opened, out_of_reach, described;
    uint64_t worked;
};

enum { CALLS = 1024 };

/* Of the process that runs a feature; in shared memory. */
static struct run {
    atomic_int listener; /* 0: not yet made */
    atomic_bool is_supervised, has_begun, is_over;
    struct answer answer;
} * run;

/* Not those of this program itself, which vary. */
static size_t count_pins(const struct userns_pin *const *pins, size_t count)
{
    size_t others = 0;

    for (size_t i = 0; i < count; i++)
        others += userns_pin_pid(pins[i]) != getpid() && userns_pin_pid(pins[i]) != getppid();
    return others;
}

static void count_members(struct answer *answer, const struct userns_snapshot *snapshot,
                          const struct userns_node *node)
{
    size_t count;
    const pid_t *pids = userns_pids(node, &count);
    uid_t uid;

    answer->members += count;
    for (size_t i = 0; i < count; i++) {
        answer->names += userns_process_name(snapshot, pids[i]) != NULL;
        answer->credentials += userns_process_uid(snapshot, pids[i], &uid);
        answer->cgroups += userns_process_cgroup(snapshot, pids[i]) != NULL;
    }
}

static void count_facts(struct answer *answer, const struct userns_snapshot *snapshot)
{
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &answer->nodes);
    const struct userns_nonuser *const *nonusers = userns_nonusers(snapshot, &answer->nonusers);
    const struct userns_pin *const *pins;
    uid_t uid;

    for (size_t i = 0; i < answer->nodes; i++) {
        answer->parents += userns_parent(nodes[i]) != NULL;
        answer->owners += userns_owner_uid(nodes[i], &uid);
        answer->ids += userns_id(nodes[i]) != 0;
        answer->maps += (userns_flags(nodes[i]) & USERNS_NODE_MAPS) != 0;
        count_members(answer, snapshot, nodes[i]);
        pins = userns_pins(nodes[i], &count);
        answer->pins += count_pins(pins, count);
    }
    for (size_t i = 0; i < answer->nonusers; i++) {
        answer->owned += userns_nonuser_owner(nonusers[i]) != NULL;
        pins = userns_nonuser_pins(nonusers[i], &count);
        answer->pins += count_pins(pins, count);
    }
    for (int i = 0; i < 32; i++)
        answer->gaps[i] = userns_gap_count(snapshot, UINT32_C(1) << i);
    answer->source_error = userns_source_error(snapshot);
}

/* ---- One run ---- */

/* What root prepares for actions. */
struct prepared {
    struct userns_snapshot *snapshot;
    int file, below;
};

static struct prepared prepare(void)
{
    struct prepared prepared = { scan_with(USERNS_SCAN_PINNED), -1, -1 };
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(prepared.snapshot, &count);

    prepared.file = save(prepared.snapshot);
    CHECK(lseek(prepared.file, 0, SEEK_SET) == 0);
    prepared.below = userns_open(nodes[count - 1]);
    CHECK(prepared.below >= 0);
    return prepared;
}

static void count_opened(struct answer *answer, int fd)
{
    answer->opened += fd >= 0;
    answer->out_of_reach += fd == -EACCES;
}

static void open_all(struct answer *answer, const struct userns_snapshot *snapshot)
{
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const struct userns_nonuser *const *nonusers;

    for (size_t i = 0; i < count; i++)
        count_opened(answer, userns_open(nodes[i]));
    nonusers = userns_nonusers(snapshot, &count);
    for (size_t i = 0; i < count; i++)
        count_opened(answer, userns_nonuser_open(nonusers[i]));
}

static void act(const struct feature *feature, const struct prepared *prepared)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_info own = USERNS_INFO_INIT, other = USERNS_INFO_INIT;
    struct userns_snapshot *snapshot = NULL;
    struct userns_probe *probe = NULL;
    struct answer answer = { 0 };

    options.flags = feature->flags;
    run->has_begun = true;
    switch (feature->action) {
    case SCAN:
    case SCAN_HOST:
        answer.error = userns_scan(&options, &snapshot);
        break;
    case OPEN:
        open_all(&answer, prepared->snapshot);
        break;
    case DESCRIBE:
        answer.described =
            (userns_describe(-1, &own) == 0) + (userns_describe(prepared->below, &other) == 0);
        break;
    case SAVE:
        answer.error = userns_save(prepared->snapshot, prepared->file);
        break;
    case LOAD:
        answer.error = userns_load(prepared->file, &snapshot);
        break;
    case PROBE:
        answer.error = userns_probe(NULL, &probe);
        answer.worked = userns_probe_worked(probe);
        break;
    }
    run->is_over = true;
    answer.empty_source = (int)userns_empty_source(snapshot);
    if (snapshot != NULL && feature->action != SCAN_HOST)
        count_facts(&answer, snapshot);
    answer.ids += own.id != 0;
    answer.parents += other.parent != 0;
    run->answer = answer;
    _exit(0);
}

static void limit_capabilities(uint64_t set)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];

    CHECK(syscall(SYS_capget, &header, data) == 0);
    for (int i = 0; i < 2; i++) {
        data[i].permitted &= (uint32_t)(set >> 32 * i);
        data[i].effective = data[i].permitted;
        data[i].inheritable = 0;
    }
    CHECK(syscall(SYS_capset, &header, data) == 0);
}

/* Memory and the end of processes, as libc manages them; the end of a child process that takes too long. */
static const int by_chance[] = {
    SYS_brk,  SYS_mmap,       SYS_munmap,       SYS_mremap, SYS_madvise,           SYS_futex,
    SYS_exit, SYS_exit_group, SYS_rt_sigreturn, SYS_kill,   SYS_pidfd_send_signal,
};

/* Reports all system calls but those that are allowed; returns the listener. */
static int report_calls(const bool *allowed)
{
    int numbers[CALLS];
    size_t count = 0;

    for (int i = 0; i < CALLS; i++)
        if (allowed[i])
            numbers[count++] = i;
    return report_syscalls(numbers, count);
}

static pid_t start_run(const struct feature *feature, uint64_t capabilities, const bool *allowed)
{
    pid_t pid;

    memset(run, 0, sizeof *run);
    pid = fork_child();
    if (pid == 0) {
        struct prepared prepared = { NULL, -1, -1 };

        if (feature->action > SCAN_HOST)
            prepared = prepare();
        become(NOBODY);
        limit_capabilities(capabilities);
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
        if (allowed != NULL) {
            int listener = report_calls(allowed);

            /* A write with a failed check would be reported, too, before anybody listens. */
            run->listener = listener >= 0 ? listener : -1;
            while (!run->is_supervised)
                ;
        }
        act(feature, &prepared);
    }
    return pid;
}

/* Answers one call, and records it. Calls that are not allowed fail if others are. */
static void answer_call(int listener, bool is_enforced, bool *seen)
{
    struct seccomp_notif notification = { 0 };
    struct seccomp_notif_resp response = { 0 };

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0)
        return; /* the process has ended */
    response.id = notification.id;
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    if (run->has_begun && !run->is_over) {
        CHECK(notification.data.nr >= 0 && notification.data.nr < CALLS);
        seen[notification.data.nr] = true;
        if (is_enforced) {
            response.flags = 0;
            response.error = -EPERM;
        }
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

/*
 * Runs a feature with these capabilities; `run` has the answer. With `allowed`, records other system calls in `seen`; they
 * fail if is_enforced.
 */
static void run_feature(const struct feature *feature, uint64_t capabilities, const bool *allowed,
                        bool is_enforced, bool *seen)
{
    pid_t pid = start_run(feature, capabilities, allowed);
    int process = (int)syscall(SYS_pidfd_open, pid, 0), listener, event;

    CHECK(process >= 0);
    if (allowed != NULL) {
        listener = take_listener(pid, process, &run->listener);
        run->is_supervised = true;
        while ((event = wait_for_syscall(listener, process, stretched(DEADLINE))) > 0)
            answer_call(listener, is_enforced, seen);
        CHECK_EQ(event, 0);
        close(listener);
    }
    close(process);
    expect_success(pid);
}

/* ---- Capabilities ---- */

static const char *const capability_names[] = {
    "CAP_CHOWN",
    "CAP_DAC_OVERRIDE",
    "CAP_DAC_READ_SEARCH",
    "CAP_FOWNER",
    "CAP_FSETID",
    "CAP_KILL",
    "CAP_SETGID",
    "CAP_SETUID",
    "CAP_SETPCAP",
    "CAP_LINUX_IMMUTABLE",
    "CAP_NET_BIND_SERVICE",
    "CAP_NET_BROADCAST",
    "CAP_NET_ADMIN",
    "CAP_NET_RAW",
    "CAP_IPC_LOCK",
    "CAP_IPC_OWNER",
    "CAP_SYS_MODULE",
    "CAP_SYS_RAWIO",
    "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE",
    "CAP_SYS_PACCT",
    "CAP_SYS_ADMIN",
    "CAP_SYS_BOOT",
    "CAP_SYS_NICE",
    "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME",
    "CAP_SYS_TTY_CONFIG",
    "CAP_MKNOD",
    "CAP_LEASE",
    "CAP_AUDIT_WRITE",
    "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP",
    "CAP_MAC_OVERRIDE",
    "CAP_MAC_ADMIN",
    "CAP_SYSLOG",
    "CAP_WAKE_ALARM",
    "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ",
    "CAP_PERFMON",
    "CAP_BPF",
    "CAP_CHECKPOINT_RESTORE",
};
enum { CAPABILITIES = sizeof capability_names / sizeof *capability_names };

#define ALL_CAPABILITIES ((UINT64_C(1) << CAPABILITIES) - 1)

static struct answer expected;

/* A look-up can fail while anything is mounted elsewhere; so three runs. */
static bool suffices(const struct feature *feature, uint64_t capabilities)
{
    for (int i = 0; i < 3; i++) {
        run_feature(feature, capabilities, NULL, false, NULL);
        if (memcmp(&run->answer, &expected, sizeof expected) == 0)
            return true;
    }
    return false;
}

/* Drops those that make no difference from a set. */
static uint64_t drop(const struct feature *feature, uint64_t set, unsigned first, unsigned count)
{
    uint64_t dropped = ((UINT64_C(1) << count) - 1) << first;

    if ((set & dropped) == 0 || suffices(feature, set & ~dropped))
        return set & ~dropped;
    if (count == 1)
        return set;
    set = drop(feature, set, first, count / 2);
    return drop(feature, set, first + count / 2, count - count / 2);
}

/* Those that can do what others do, too, are dropped first. */
static uint64_t least_capabilities(const struct feature *feature)
{
    uint64_t set = drop(feature, ALL_CAPABILITIES, CAP_SYS_ADMIN, 1);

    set = drop(feature, set, CAP_DAC_OVERRIDE, 1);
    return drop(feature, set, 0, CAPABILITIES);
}

/* Prints what a run without a capability told; it must say what it did not see. */
static void print_loss(const struct feature *feature)
{
    const struct answer *answer = &run->answer;
    int reasons = 0;

    if (answer->error != 0)
        reasons += printf(" `%s`", error_name(-answer->error));
    if (answer->source_error != 0)
        reasons += printf(" `userns_source_error()`");
    for (int i = 0; i < 32 && answer->source_error == 0; i++)
        if (answer->gaps[i] > expected.gaps[i])
            reasons += printf(" `USERNS_GAP_%s`", gap_names[i]);
    if (answer->empty_source < expected.empty_source)
        reasons += printf(" `userns_empty_source()`");
    if (answer->out_of_reach > expected.out_of_reach)
        reasons += printf(" `EACCES`");
    if (reasons == 0)
        fail("%s: less is seen, and nothing says so", feature->name);
}

/* What is lost with all others; if they can do the same, with only those of the set. */
static void print_capabilities(const struct feature *feature, const char *source, uint64_t set)
{
    for (int i = 0; i < CAPABILITIES; i++) {
        uint64_t one = UINT64_C(1) << i;

        if (!(set & one))
            continue;
        CHECK(!suffices(feature, ALL_CAPABILITIES & ~one) || !suffices(feature, set & ~one));
        printf("capability\t%s\t%s\t%s\t", feature->name, source, capability_names[i]);
        print_loss(feature);
        putchar('\n');
    }
}

/* ---- System calls ---- */

/*
 * Sees the same with these calls as with all. On a busy machine, processes are late, and a scan then sees less or does
 * something else; so three tries.
 */
static void check_calls(const struct feature *feature, uint64_t capabilities, const bool *allowed)
{
    bool denied[CALLS];

    for (int i = 0; i < 3; i++) {
        memset(denied, 0, sizeof denied);
        run_feature(feature, capabilities, NULL, false, NULL);
        expected = run->answer;
        run_feature(feature, capabilities, allowed, true, denied);
        if (memcmp(&run->answer, &expected, sizeof expected) == 0 &&
            memchr(denied, true, sizeof denied) == NULL)
            return;
    }
    for (int i = 0; i < CALLS; i++)
        if (denied[i])
            fprintf(stderr, "the system call %d was not seen before\n", i);
    fail("%s: with exactly the calls that were seen, it sees less", feature->name);
}

/* Not those that are always allowed. */
static void print_calls(const struct feature *feature, const char *source, bool *seen)
{
    for (size_t i = 0; i < sizeof by_chance / sizeof *by_chance; i++)
        seen[by_chance[i]] = false;
    printf("calls\t%s\t%s\t", feature->name, source);
    for (int i = 0; i < CALLS; i++)
        if (seen[i])
            printf(" %d", i);
    putchar('\n');
}

/* ---- The scene ---- */

static void live_as_user(void *levels)
{
    become(1000);
    go_down(levels);
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static void be_user(void *unused UNUSED)
{
    become(1000);
    set_capabilities(0);
}

static void live_in_chroot(void *unused UNUSED)
{
    new_mount_namespace();
    mount_tmpfs("/mnt");
    CHECK(mkdir("/mnt/root", 0755) == 0 && chroot("/mnt/root") == 0);
}

static void watch(void *unused UNUSED)
{
    int fd = inotify_init1(IN_CLOEXEC);

    CHECK(fd >= 0 && inotify_add_watch(fd, "/", IN_CREATE) >= 0);
}

static void start_scene(void)
{
    run = shared(sizeof *run);
    start(go_down, &(int){ 2 });
    start(live_as_user, &(int){ 1 });
    start(be_user, NULL);
    start(live_in_chroot, NULL);
    start(hold_descriptor, shared(sizeof(struct held)));
    start(hold_in_thread, shared(sizeof(struct held)));
    start(hold_by_mount, shared(sizeof(struct held)));
    start(hold_by_overmounted_mount, shared(sizeof(struct held)));
    start(hold_socket, shared(sizeof(struct held)));
    start(go_down_with, &(int){ CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWNET });
    start(watch, NULL);
}

static void check_feature(struct feature feature, const char *source)
{
    bool seen[CALLS] = { 0 }, none[CALLS] = { 0 }, is_stuck = false;
    uint64_t set;

    /* Twice the same: on a busy machine a scan can see less. */
    do {
        run_feature(&feature, ALL_CAPABILITIES, NULL, false, NULL);
        expected = run->answer;
        CHECK(expected.error == 0 && expected.source_error == 0);
        run_feature(&feature, ALL_CAPABILITIES, NULL, false, NULL);
    } while (memcmp(&run->answer, &expected, sizeof expected) != 0);
    set = least_capabilities(&feature);
    print_capabilities(&feature, source, set);
    for (size_t i = 0; i < sizeof by_chance / sizeof *by_chance; i++)
        seen[by_chance[i]] = true;
    for (int i = 0; i < 3; i++)
        run_feature(&feature, set, none, false, seen);
    check_calls(&feature, set, seen);
    if (feature.action == SCAN) {
        /* The answer is another one: only the calls count, for example to look for the caller's groups. */
        CHECK(mount("proc", "/proc", "proc", MS_REMOUNT, "hidepid=2,gid=1234") == 0);
        run_feature(&feature, set, none, false, seen);
        CHECK(mount("proc", "/proc", "proc", MS_REMOUNT, "hidepid=0,gid=0") == 0);
    }
    if (feature.action == SCAN && access("/dev/fuse", R_OK | W_OK) == 0) {
        mount_tmpfs("/mnt");
        is_stuck = try_make_stuck("/mnt/file") != 0;
        if (is_stuck) {
            run_feature(&feature, set, none, false, seen);
            check_calls(&feature, set, seen);
            CHECK(umount2("/mnt/file", MNT_FORCE | MNT_DETACH) == 0); /* the process goes on */
            CHECK(wait(NULL) > 0);
        }
        CHECK(umount2("/mnt", MNT_DETACH) == 0);
    }
    if (feature.action == SCAN && !is_stuck && getenv("USERNS_UPDATE") != NULL)
        fail("no process can be made that is stuck inside execve(2): the table would lack calls");
    print_calls(&feature, source, seen);
}

SITUATION(scans_of_procfs, IN_SANDBOX | AS_ROOT, "the capabilities and system calls of scans")
{
    start_scene();
    for (size_t i = 0; i < sizeof scans / sizeof *scans; i++)
        check_feature(scans[i], "procfs");
}

SITUATION(scans_by_bpf, IN_SANDBOX | AS_ROOT, "the same of scans by BPF")
{
    need_bpf();
    start_scene();
    for (size_t i = 0; i < sizeof scans / sizeof *scans; i++) {
        struct feature feature = scans[i];

        feature.flags |= USERNS_SCAN_BPF;
        check_feature(feature, "BPF");
    }
}

SITUATION(actions, IN_SANDBOX | AS_ROOT, "the same of actions, and of saved snapshots")
{
    start_scene();
    for (size_t i = 0; i < sizeof actions / sizeof *actions; i++)
        check_feature(actions[i], "");
}

SITUATION(scans_of_host, AS_ROOT, "the same of scans in the initial PID namespace")
{
    int fd;

    if (inode_of_link(getpid(), "pid") != INITIAL_PID_INODE)
        skip("needs the initial PID namespace");
    run = shared(sizeof *run);
    fd = open_left(hold_by_mount, shared(sizeof(struct held)), "mnt");
    check_feature(scan_of_host, "procfs");
    close(fd);
}
