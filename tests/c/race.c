/*
 * Races: something happens between two system calls of a scan. This program defines functions of
 * libc, which the library then calls: they count the calls, and trigger the event.
 */
#include "situation.h"
#include "bpf.h"
#include "interpose.h"
#include "owners.h"
#include "pins.h"
#include <limits.h>
#include <stdatomic.h>
#include <sys/ptrace.h>
#include <sys/vfs.h>

/* ---- The calls of the library ---- */

static int calls;
static char awaited[32];  /* the event happens after a call with this path */
static int refused_loads; /* of BPF programs */
static int passes;        /* how many calls with the path come before */
static void (*happening)(void);
static void (*joining)(void); /* happens in each process that joins a namespace */

/* Counts a call; returns the function of libc. */
static void *counted(const char *name)
{
    calls++;
    return function_of_libc(name);
}

static void happen_after(const char *path)
{
    if (happening != NULL && strcmp(path, awaited) == 0 && passes-- == 0) {
        void (*now)(void) = happening;
        happening = NULL;
        now();
    }
}

ssize_t readlinkat(int directory, const char *path, char *buffer, size_t size)
{
    ssize_t (*real)(int, const char *, char *, size_t);
    ssize_t length;

    *(void **)&real = counted("readlinkat");
    length = real(directory, path, buffer, size);
    happen_after(path);
    return length;
}

int ioctl(int fd, ioctl_operation operation, ...)
{
    int (*real)(int, unsigned long, void *);
    va_list arguments;
    void *argument;

    *(void **)&real = counted("ioctl");
    va_start(arguments, operation);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    return real(fd, operation, argument);
}

int fstatat64(int directory, const char *path, struct stat64 *status, int flags)
{
    int (*real)(int, const char *, struct stat64 *, int);

    *(void **)&real = counted("fstatat64");
    return real(directory, path, status, flags);
}

int fstatfs64(int fd, struct statfs64 *status)
{
    int (*real)(int, struct statfs64 *);

    *(void **)&real = counted("fstatfs64");
    return real(fd, status);
}

/* So many programs are tried that tell the same: from Linux 6.7 on, one visits processes itself. */
static int programs(void)
{
    return is_before(6, 7) ? 1 : 2;
}

static bool answer_call(long number, const long arguments[6], long *result)
{
    calls++;
    if (number == SYS_bpf && arguments[0] == BPF_PROG_LOAD && refused_loads > 0) {
        refused_loads--;
        errno = EACCES;
        *result = -1;
        return true;
    }
    *result = pass_call(number, arguments);
    if (number == SYS_openat || number == SYS_openat2)
        happen_after((const char *)arguments[1]);
    if (number == SYS_setns && *result == 0 && joining != NULL)
        joining();
    return true;
}

/* Scans; the event happens as soon as the scan has read the link, or opened the file, of a process. */
static struct userns_snapshot *scan_while_file(uint64_t flags, pid_t read, const char *file,
                                               void (*happens)(void))
{
    struct userns_snapshot *snapshot;

    deny_worker(); /* the event waits for a child of this process */
    snprintf(awaited, sizeof awaited, "%d/%s", (int)read, file);
    passes = 0;
    happening = happens;
    snapshot = scan_with(flags);
    CHECK(happening == NULL);
    return snapshot;
}

static struct userns_snapshot *scan_while(pid_t read, void (*happens)(void))
{
    return scan_while_file(0, read, "ns/user", happens);
}

/* ---- A process on request ---- */

static struct request {
    _Atomic uint64_t inode; /* of the first namespace of the process */
    atomic_bool asked, done;
    uint64_t wanted, id;
} * request;

static void ask(void)
{
    request->asked = true;
    while (!request->done)
        sched_yield();
}

/* Starts a process so many namespaces down; it acts when it is asked. */
static pid_t start_waiting(void (*act)(void), int levels)
{
    pid_t pid = fork_child();

    if (pid == 0) {
        go_down(&levels);
        request->inode = inode_of(getpid());
        while (!request->asked)
            sched_yield();
        act();
        request->done = true;
        for (;;)
            pause();
    }
    while (request->inode == 0)
        if (waitpid(pid, NULL, WNOHANG) != 0)
            skip("cannot make a user namespace");
    return pid;
}

/* ---- Between reading a link and opening it ---- */

static pid_t first;

static void end_first(void)
{
    end(first);
}

SITUATION(member_ends, IN_SANDBOX, "the first member ends before its namespace is opened")
{
    pid_t second;
    struct userns_snapshot *snapshot;

    first = start(go_down, &(int){ 1 });
    second = start(join, &first);
    snapshot = scan_while(first, end_first);
    CHECK(userns_find_pid(snapshot, first) == NULL);
    CHECK_EQ(userns_inode(userns_find_pid(snapshot, second)), inode_of(second));
    CHECK(userns_parent(userns_find_pid(snapshot, second)) == userns_self(snapshot));
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 0);
    userns_free(snapshot);
}

/*
 * The scan reads the link of the first member, which then moves; so the scan opens the new namespace.
 * It must still find the other member in the old one.
 */
SITUATION(member_moves, IN_SANDBOX,
          "the first member moves to another namespace before the old one is opened")
{
    pid_t pid;
    struct userns_snapshot *snapshot;
    const struct userns_node *old, *new;

    request = shared(sizeof *request);
    first = start_waiting(new_user_namespace, 1);
    pid = start(join, &first);
    snapshot = scan_while(first, ask);
    old = userns_find_pid(snapshot, pid);
    new = userns_find_pid(snapshot, first);

    CHECK(userns_inode(old) == request->inode && userns_inode(old) == inode_of(pid));
    CHECK_EQ(userns_inode(new), inode_of(first));
    CHECK(userns_parent(new) == old && userns_parent(old) == userns_self(snapshot));
    CHECK(has_members(new, 1, first) && has_members(old, 1, pid));
    userns_free(snapshot);
}

/* ---- Reused inode numbers ---- */

/*
 * Makes a namespace with the wanted number, and a child of it to live in. The kernel reuses the
 * number only some time after the last process of the old namespace has ended.
 */
static void move_below_wanted(void)
{
    for (int attempt = 0; attempt < 1000; attempt++) {
        pid_t pid = start(go_down, &(int){ 1 });

        if (inode_of(pid) == request->wanted) {
            request->id = id_of(pid);
            join_and_go_down(&pid);
            end(pid);
            return;
        }
        end(pid);
        usleep(1000);
    }
}

static void end_first_and_ask(void)
{
    end(first);
    ask();
}

/*
 * A namespace that the scan has already seen ends. A namespace below another parent gets its
 * number, and the scan meets it as the parent of a third one. The 64-bit ids tell them apart.
 */
SITUATION(reused_inode, IN_SANDBOX,
          "a namespace ends during the scan and its inode number is reused")
{
    struct userns_snapshot *snapshot;
    const struct userns_node *node;
    pid_t marker, mover;

    request = shared(sizeof *request);
    first = start(go_down, &(int){ 1 }); /* no deeper: only this number is free then */
    request->wanted = inode_of(first);
    marker = start(go_down, &(int){ 0 });
    mover = start_waiting(move_below_wanted, 1);
    snapshot = scan_while(marker, end_first_and_ask);
    if (request->id == 0)
        skip("the kernel has no ids, or did not reuse the number");
    node = userns_parent(userns_find_pid(snapshot, mover));
    CHECK_EQ(userns_inode(userns_find_pid(snapshot, mover)), inode_of(mover));
    CHECK_EQ(userns_inode(node), request->wanted);
    CHECK_EQ(userns_id(node), request->id);
    CHECK_EQ(userns_inode(userns_parent(node)), request->inode);
    userns_free(snapshot);
}

/* ---- A mount that two processes show ---- */

static char *const target = "/tmp/target";

static void mount_user_namespace(void *unused UNUSED)
{
    pid_t pid = start(go_down, &(int){ 1 });
    char path[32];

    CHECK(unshare(CLONE_NEWNS) == 0);
    CHECK(mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0);
    CHECK(close(creat(target, 0600)) == 0);
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    CHECK(mount(path, target, "none", MS_BIND, NULL) == 0);
    request->wanted = inode_of(pid);
    end(pid);
}

/*
 * The first process that sees the mount ends when the scan has used a path; the other process then
 * shows the mount. The scan has used that path some times before, for process 1, which is in
 * another mount namespace.
 */
static void scan_while_viewer_ends(const char *at, int times_before)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    const struct userns_pin *const *pins;
    pid_t other;
    size_t count;

    deny_worker(); /* the event waits for a child of this process */
    request = shared(sizeof *request);
    first = start(mount_user_namespace, NULL);
    other = start(join_mount_namespace, &first);
    snprintf(awaited, sizeof awaited, "%s", at);
    passes = times_before;
    happening = end_first;
    options.flags = USERNS_SCAN_PINNED;
    CHECK(userns_scan(&options, &snapshot) == 0);
    CHECK(happening == NULL);
    CHECK(userns_parent(userns_find_inode(snapshot, request->wanted)) == userns_self(snapshot));
    pins = userns_pins(userns_find_inode(snapshot, request->wanted), &count);
    CHECK_EQ(count, 1);
    CHECK(userns_pin_kind(pins[0]) == USERNS_PIN_MOUNT && userns_pin_pid(pins[0]) == other);
    CHECK(strcmp(userns_pin_path(pins[0]), target) == 0);
    CHECK(!(userns_gaps(snapshot) &
            (USERNS_GAP_MOUNTS | USERNS_GAP_CHROOTED | USERNS_GAP_UNOPENED_MOUNTS)));
    userns_free(snapshot);
}

static void viewer_ends_early(void *unused UNUSED)
{
    scan_while_viewer_ends("time_for_children", 1);
}

/* Before the directory is opened; before mountinfo is opened. */
static void viewer_ends_later(void *unused UNUSED)
{
    deny_listmount();
    scan_while_viewer_ends("root", 1);
}

static void viewer_ends_late(void *unused UNUSED)
{
    deny_listmount();
    scan_while_viewer_ends("mountinfo", 1);
}

SITUATION(viewer_ends, 0, "the first process that sees a mount ends during the scan")
{
    in_sandbox(viewer_ends_early, NULL);
    in_sandbox(viewer_ends_later, NULL);
    in_sandbox(viewer_ends_late, NULL);
}

/* ---- Between two files of a process ---- */

/* Into a namespace with other maps. */
static void move_to_other_maps(void)
{
    unsigned uid = geteuid(), gid = getegid();

    CHECK(unshare(CLONE_NEWUSER) == 0);
    CHECK(write_file("/proc/self/uid_map", "7 %u 1", uid));
    CHECK(write_file("/proc/self/gid_map", "7 %u 1", gid));
}

SITUATION(mapped_member_moves, IN_SANDBOX,
          "the first member moves to another namespace while its maps are read")
{
    static const char *const files[] = { "uid_map", "gid_map", "projid_map", "setgroups" };
    pid_t pid;

    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        struct userns_snapshot *snapshot;
        const struct userns_node *node;
        const struct userns_extent *uids, *gids;
        size_t counts[2];

        request = shared(sizeof *request);
        first = start_waiting(move_to_other_maps, 1);
        pid = start(join, &first);
        if (i == 0)
            deny_worker(); /* see scan_while() */
        snprintf(awaited, sizeof awaited, "%s", files[i]);
        passes = 1; /* the caller's own maps are read first */
        happening = ask;
        snapshot = scan_with(USERNS_SCAN_MAPS);
        CHECK(happening == NULL);
        node = userns_find_inode(snapshot, request->inode);
        uids = userns_uid_map(node, &counts[0]);
        gids = userns_gid_map(node, &counts[1]);
        CHECK(userns_flags(node) & USERNS_NODE_MAPS && counts[0] == 1 && counts[1] == 1);
        CHECK(uids->inside == 0 && gids->inside == 0);
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
        userns_free(snapshot);
        end(first);
        end(pid);
    }
}

/* ---- While the library is in another namespace ---- */

static struct ambush {
    _Atomic pid_t pid; /* of the process that has joined */
    atomic_int error;  /* of ptrace(2) */
    atomic_bool is_over;
    uint64_t inode;
} * ambush;

static void remain_until_traced(void)
{
    ambush->pid = getpid();
    while (!ambush->is_over) /* the library ends this process after some time */
        usleep(1000);
}

/* For start(): makes an empty namespace, has all capabilities there, and traces who joins it. */
static void lie_in_wait(void *unused UNUSED)
{
    new_user_namespace();
    ambush->inode = inode_of_fd(open_left_user());
    if (fork_child() != 0)
        return;
    while (ambush->pid == 0)
        usleep(1000);
    ambush->error = ptrace(PTRACE_SEIZE, ambush->pid, NULL, NULL) == 0 ? 0 : errno;
    ambush->is_over = true;
    _exit(0); /* which sets free what is traced */
}

SITUATION(traced_in_namespace, IN_SANDBOX,
          "who has all capabilities in a namespace cannot trace what joins it for a scan")
{
    struct userns_snapshot *snapshot;
    const struct userns_node *node;

    ambush = shared(sizeof *ambush);
    start(lie_in_wait, NULL);
    joining = remain_until_traced;
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
    node = userns_find_inode(snapshot, ambush->inode);
    CHECK(ambush->is_over);
    CHECK_EQ(ambush->error, EPERM);
    CHECK(node != NULL && userns_flags(node) & USERNS_NODE_MAPS);
    userns_free(snapshot);
}

/* ---- Between the user namespace of a process and its credentials ---- */

/* The first process ends, and another one gets its PID. */
static void replace_first(void)
{
    pid_t pid;

    end(first);
    if (!write_file("/proc/sys/kernel/ns_last_pid", "%d", (int)first - 1))
        skip("cannot choose the next PID: %s", strerror(errno));
    pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        for (;;)
            pause();
    }
    CHECK(pid == first);
}

/* Scans; the process is replaced meanwhile. Its credentials must not be those of the other one. */
static void check_replaced(uint64_t flags, pid_t read, const char *file)
{
    pid_t holder = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot;
    const struct userns_node *node;

    first = start(join, &holder);
    snapshot = scan_while_file(flags, read != 0 ? read : first, file, replace_first);
    node = userns_find_pid(snapshot, holder);
    CHECK(userns_find_pid(snapshot, first) == node);
    CHECK(!userns_process_uid(snapshot, first, NULL));
    CHECK(!userns_process_capabilities(snapshot, first, NULL));
    CHECK_EQ(userns_capable(snapshot, first, 0, node, NULL), -ENODATA);
    CHECK_EQ(userns_capable(snapshot, holder, 0, node, NULL), 1);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CREDENTIALS), 0);
    userns_free(snapshot);
    kill(first, SIGKILL);
}

SITUATION(other_credentials, IN_SANDBOX,
          "the PID belongs to another process before its credentials are read")
{
    check_replaced(USERNS_SCAN_CREDENTIALS, 0, "ns/user");
}

SITUATION(other_credentials_after_bpf, IN_SANDBOX,
          "the same of credentials that BPF has not told, before and after their file is opened")
{
    need_bpf();
    refused_loads = programs();
    check_replaced(USERNS_SCAN_CREDENTIALS | USERNS_SCAN_BPF, 1, "status");
    refused_loads = programs();
    check_replaced(USERNS_SCAN_CREDENTIALS | USERNS_SCAN_BPF, 0, "status");
}

/* Scans; the process leaves its user namespace meanwhile, and has all capabilities in the new one. */
static void check_left(uint64_t flags, const char *file)
{
    struct userns_snapshot *snapshot;
    const struct userns_node *old;
    uint64_t capabilities;

    request = shared(sizeof *request);
    first = start_waiting(new_user_namespace, 0);
    snapshot = scan_while_file(flags, first, file, ask);
    old = userns_find_inode(snapshot, request->inode);
    CHECK(old != NULL);
    CHECK_EQ(userns_capable(snapshot, first, CAP_SYS_ADMIN, old, NULL),
             flags & USERNS_SCAN_BPF ? -ENODATA : 0);
    if (!(flags & USERNS_SCAN_BPF)) {
        CHECK_EQ(userns_inode(userns_find_pid(snapshot, first)), inode_of(first));
        CHECK(userns_process_capabilities(snapshot, first, &capabilities) && capabilities != 0);
        CHECK_EQ(
            userns_capable(snapshot, first, CAP_SYS_ADMIN, userns_find_pid(snapshot, first), NULL),
            1);
    }
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CREDENTIALS), 0);
    userns_free(snapshot);
}

SITUATION(left_before_credentials, IN_SANDBOX,
          "a process makes a user namespace before its credentials are read")
{
    check_left(USERNS_SCAN_CREDENTIALS, "ns/user");
}

SITUATION(left_before_credentials_after_bpf, IN_SANDBOX,
          "the same of credentials that BPF has not told")
{
    need_bpf();
    refused_loads = programs();
    check_left(USERNS_SCAN_CREDENTIALS | USERNS_SCAN_BPF, "ns/user");
}

/* ---- Before the cgroup of a process is read ---- */

static char groups[2][64];

/* The hierarchy is that of the host, so that other situations see these cgroups, too. */
static void make_groups(void)
{
    if (mount("none", "/mnt", "cgroup2", 0, NULL) != 0)
        skip("cannot mount cgroup2: %s", strerror(errno));
    for (int i = 0; i < 2; i++) {
        snprintf(groups[i], sizeof groups[i], "/mnt/userns-race-XXXXXX");
        CHECK(mkdtemp(groups[i]) != NULL);
    }
}

static void join_cgroup_of(pid_t pid, const char *group)
{
    char path[96];

    snprintf(path, sizeof path, "%s/cgroup.procs", group);
    CHECK(write_file(path, "%d", (int)pid));
}

static void move_first(void)
{
    join_cgroup_of(first, groups[1]);
}

SITUATION(moved_cgroup, AS_ROOT | IN_SANDBOX,
          "BPF has not told cgroups: a process moves to another one before its path is read")
{
    struct userns_snapshot *snapshot;
    pid_t pids[3];

    need_bpf();
    refused_loads = programs();
    make_groups();
    for (int i = 0; i < 3; i++) {
        pids[i] = start(do_nothing, NULL);
        join_cgroup_of(pids[i], groups[0]);
    }
    first = pids[0];
    snapshot = scan_while_file(USERNS_SCAN_CGROUPS | USERNS_SCAN_BPF, first, "cgroup", move_first);
    for (int i = 0; i < 3; i++)
        CHECK(strcmp(strrchr(userns_process_cgroup(snapshot, pids[i]), '/'),
                     strrchr(groups[i == 0], '/')) == 0);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CGROUPS), 0);
    userns_free(snapshot);
    for (int i = 0; i < 3; i++)
        end(pids[i]);
    for (int i = 0; i < 2; i++)
        CHECK(rmdir(groups[i]) == 0);
}

/* ---- The number of system calls ---- */

/* A scan that takes longer than usual begins another child process, so the fewest of some scans. */
static int calls_of_a_scan_with(uint64_t flags)
{
    int fewest = INT_MAX;

    for (int i = 0; i < 10; i++) {
        calls = 0;
        userns_free(scan_with(flags));
        if (calls < fewest)
            fewest = calls;
    }
    return fewest;
}

static int calls_of_a_scan(void)
{
    return calls_of_a_scan_with(0);
}

static void lose_capabilities(void *unused UNUSED)
{
    set_capabilities(0);
}

/* How many more calls a scan makes with flags if there are more processes, each. They run a function first. */
static int calls_per_process_after(void (*act)(void *), uint64_t flags)
{
    enum { MORE = 10 };
    int before = calls_of_a_scan_with(flags), more;

    need_real_time(); /* or each scan needs several child processes */
    for (int i = 0; i < MORE; i++)
        start(act, NULL);
    more = calls_of_a_scan_with(flags) - before;
    CHECK_EQ(more % MORE, 0);
    return more / MORE;
}

static int calls_per_process(uint64_t flags)
{
    return calls_per_process_after(lose_capabilities, flags);
}

SITUATION(calls_for_facts, IN_SANDBOX,
          "credentials and cgroups take three system calls per process each, capabilities one more")
{
    char text[4096];

    start(do_nothing, NULL); /* process 2: the scan checks whether it is kthreadd */
    calls_of_a_scan();
    CHECK_EQ(calls_per_process(0), 1);
    CHECK_EQ(calls_per_process(USERNS_SCAN_CREDENTIALS), 1 + 3);
    CHECK_EQ(calls_per_process_after(do_nothing, USERNS_SCAN_CREDENTIALS), 1 + 3 + 1);
    read_all(open("/proc/self/cgroup", O_RDONLY | O_CLOEXEC), text, sizeof text);
    if (strstr(text, "0::/") == NULL)
        skip("there are no cgroups of version 2");
    CHECK_EQ(calls_per_process(USERNS_SCAN_CGROUPS), 1 + 3);
    CHECK_EQ(calls_per_process(USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS), 1 + 3 + 3);
}

static void nest_pids(void *unused UNUSED)
{
    CHECK(unshare(CLONE_NEWPID) == 0);
    start(do_nothing, NULL);
}

/* For start(): a namespace in a cgroup. */
static void go_down_in_cgroup(void *group)
{
    join_cgroup_of(getpid(), group);
    go_down(&(int){ 1 });
}

SITUATION(calls_for_facts_by_bpf, IN_SANDBOX | AS_ROOT,
          "BPF tells credentials, cgroups and maps without a call")
{
    static const uint64_t flags[] = { USERNS_SCAN_BPF, USERNS_SCAN_BPF | USERNS_SCAN_CREDENTIALS,
                                      USERNS_SCAN_BPF | USERNS_SCAN_CREDENTIALS |
                                          USERNS_SCAN_CGROUPS | USERNS_SCAN_MAPS };
    pid_t pids[4];
    int before;

    need_bpf();
    if (best_source() != USERNS_SOURCE_BPF_PROCESSES)
        skip("before Linux 6.7 procfs tells PIDs in nested PID namespaces");
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        CHECK_EQ(calls_per_process(flags[i]), 0);
    before = calls_of_a_scan_with(flags[1]);
    CHECK_EQ(before, calls_of_a_scan_with(flags[0]));
    for (int i = 0; i < 10; i++)
        start(nest_pids, NULL);
    CHECK_EQ(calls_of_a_scan_with(flags[1]), before);
    make_groups();
    for (int i = 0; i < 4; i++)
        pids[i] = start(go_down_in_cgroup, groups[i % 2]);
    CHECK_EQ(calls_of_a_scan_with(flags[2]), before);
    CHECK_EQ(calls_of_a_scan_with(flags[2] | USERNS_SCAN_OWNED),
             calls_of_a_scan_with(flags[0] | USERNS_SCAN_OWNED));
    for (int i = 0; i < 4; i++)
        end(pids[i]);
    for (int i = 0; i < 2; i++)
        CHECK(rmdir(groups[i]) == 0);
}

SITUATION(number_of_calls, IN_SANDBOX,
          "system calls of a scan: one per process, at most eight per namespace")
{
    enum { MORE = 10, PER_NAMESPACE = 8, LEVELS = 3 };
    int alone, with_members, with_namespaces;

    need_real_time();
    start(go_down, &(int){ 0 }); /* process 2: the scan checks whether it is kthreadd */
    calls_of_a_scan();           /* the first scan also reads the boot id */
    alone = calls_of_a_scan();
    for (int i = 0; i < MORE; i++)
        start(go_down, &(int){ 0 });
    with_members = calls_of_a_scan();
    CHECK_EQ(with_members, alone + MORE);
    for (int i = 0; i < MORE; i++)
        start(go_down, &(int){ 1 });
    with_namespaces = calls_of_a_scan();
    CHECK(with_namespaces > with_members + MORE);
    CHECK(with_namespaces <= with_members + MORE * (1 + PER_NAMESPACE));
    start(go_down, &(int){ LEVELS });
    CHECK(calls_of_a_scan() <= with_namespaces + 1 + LEVELS * PER_NAMESPACE);
}

SITUATION(number_of_calls_for_maps, IN_SANDBOX,
          "system calls for the maps of a namespace: 16, whatever the number of processes")
{
    enum { MORE = 10, PER_NAMESPACE = 16 };
    int alone, with_namespaces;
    pid_t pid;

    need_real_time();
    start(go_down, &(int){ 0 }); /* as above */
    calls_of_a_scan();
    alone = calls_of_a_scan_with(USERNS_SCAN_MAPS) - calls_of_a_scan();
    for (int i = 0; i < MORE; i++) {
        pid = start(go_down, &(int){ 1 });
        start(join, &pid);
    }
    with_namespaces = calls_of_a_scan_with(USERNS_SCAN_MAPS) - calls_of_a_scan();
    /* A worker of its own reads them. */
    CHECK(with_namespaces <= alone + MORE * PER_NAMESPACE + 20);
}
