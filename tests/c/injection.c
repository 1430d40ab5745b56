/*
 * Faults: each system call of a scan, or of actions on a snapshot, fails once, with each error that it can return, or from then
 * on. The scan must then say the same, or say less and that it says less, or fail with a documented
 * error. A table of calls, errors and outcomes is printed.
 *
 * A filter sends the calls to this program, which answers them: seccomp_unotify(2). By default only
 * some occurrences of each call fail; with the environment variable INJECT_ALL, all.
 */
#include "situation.h"
#include "pins.h"
#include <poll.h>
#include <stdatomic.h>
#include <sys/uio.h>

enum { SHORT_READ = -1 }; /* in place of an errno value */

#ifdef __NR_newfstatat
enum { FSTATAT = __NR_newfstatat };
#else /* 32 bits */
enum { FSTATAT = __NR_fstatat64 };
#endif

/* A list of errors ends with 0. */
static const struct call {
    const char *name;
    int number;
    int errors[16];
} calls[] = {
#define CALL(name) #name, __NR_##name
    { CALL(openat),
      { EACCES, EPERM, ENOENT, ESRCH, EMFILE, ENFILE, ENOMEM, EIO, ENXIO, ELOOP, EINTR, ENOSYS } },
    { CALL(openat2),
      { EACCES, EPERM, ENOENT, ESRCH, EMFILE, ENFILE, ENOMEM, EIO, EXDEV, EAGAIN, EINVAL, EINTR,
        ENOSYS } },
    { CALL(read), { EIO, EACCES, EPERM, ESRCH, ENOMEM, EINVAL, EINTR, SHORT_READ } },
    { CALL(readlinkat), { EACCES, EPERM, ENOENT, ESRCH, ENOMEM, EINVAL, EIO, ENOSYS } },
    { CALL(getdents64), { EACCES, EPERM, ENOENT, ENOMEM, EIO, EINVAL, ENOSYS } },
    { "fstatat", FSTATAT, { EACCES, EPERM, ENOENT, ENOMEM, EIO, EOVERFLOW, ENOSYS } },
    { CALL(statx), { EACCES, EPERM, ENOENT, ENOMEM, EIO, ENOSYS } },
    { CALL(fstatfs), { EIO, EPERM, ENOMEM, ENOSYS } },
    { CALL(ioctl),
      { EPERM, EACCES, ENOTTY, EINVAL, ENOMEM, EMFILE, ENFILE, EIO, ENOENT, ESRCH, ENOSYS } },
    { CALL(lseek), { EINVAL, ESPIPE } },
    { CALL(pidfd_open), { EPERM, ESRCH, EINVAL, EMFILE, ENFILE, ENOMEM, ENOSYS } },
    { CALL(pidfd_getfd), { EPERM, ESRCH, EBADF, EMFILE, ENFILE, ENOSYS } },
    { CALL(close_range), { EPERM, EINVAL, ENOMEM, EMFILE, ENOSYS } },
    { CALL(kcmp), { EPERM, ESRCH, EBADF, ENOSYS } },
    { CALL(clone), { EAGAIN, ENOMEM, EPERM, ENOSYS } },
    { CALL(clone3), { EPERM, ENOSYS } },
    { CALL(ppoll), { EINTR, EINVAL, ENOMEM, EPERM, ENOSYS } },
    { CALL(pidfd_send_signal), { EPERM, ESRCH, ENOSYS } },
    { CALL(setns), { EPERM, EINVAL, ENOMEM, ENOSYS } },
    { CALL(unshare), { EPERM, ENOMEM, ENOSPC, ENOSYS } },
    { CALL(mount), { EPERM, EINVAL, ENOMEM, ENOSYS } },
    { CALL(umount2), { EPERM, EINVAL, EBUSY, ENOMEM, ENOSYS } },
    { CALL(wait4), { ECHILD, EINTR } },
    { CALL(capget), { EPERM, EINVAL, ENOSYS } },
    { CALL(getgroups), { EPERM, EINVAL, ENOSYS } },
    { CALL(bpf), { EPERM, EINVAL, E2BIG, ENOMEM, EACCES, EAGAIN, EMFILE, ENOSPC, ENOSYS } },
    { CALL(mmap), { ENOMEM, EPERM, ENODEV } },
    { CALL(open_by_handle_at),
      { ESTALE, EACCES, EPERM, EOPNOTSUPP, EINVAL, EBADF, ENOMEM, EMFILE, ENFILE, ENOSYS } },
    { CALL(waitid), { ECHILD, EPERM, ENOSYS } },
    { CALL(prctl), { EPERM, EINVAL, ENOSYS } },
    /* EOVERFLOW is for paths that are too long: mount_views.c. */
    { "statmount", 457, { ENOENT, EPERM, EINVAL, ENOMEM, ENOSYS } },
    { "listmount", 458, { ENOENT, EPERM, EINVAL, ENOMEM, ENOSYS } },
};

enum { CALLS = sizeof calls / sizeof *calls, FACTS = 64 * 1024 };

/* ---- The process that scans ---- */

static struct scanner {
    uint64_t flags;
    bool acts;           /* the scan is over, and actions fail */
    atomic_int listener; /* 0: not yet made */
    atomic_bool is_supervised, has_scanned;
    int error;
    size_t gaps[32];
    char facts[FACTS]; /* a line for each, sorted */
} * scanner;

static int send_calls_to_listener(void)
{
    struct sock_filter filter[CALLS * 2 + 2] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    struct sock_fprog program = { .len = 1, .filter = filter };

    for (int i = 0; i < CALLS; i++) {
        filter[program.len++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                             (unsigned)calls[i].number, 0, 1);
        filter[program.len++] =
            (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    }
    filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

static int compare_lines(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static void sort_lines(char *text)
{
    char *lines[4096], *copy = strdup(text);
    size_t count = 0;

    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        CHECK(count < 4096);
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++)
        text += sprintf(text, "%s\n", lines[i]);
    free(copy);
}

/* Not the pins of this process, and not which process shows a mount. */
static void print_pins_of(FILE *out, uint64_t inode, const struct userns_pin *const *pins,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *path = userns_pin_path(pins[i]);

        if (userns_pin_pid(pins[i]) == getpid() && path == NULL)
            continue;
        fprintf(out, "pin %" PRIu64 " %d", inode, (int)userns_pin_kind(pins[i]));
        if (path != NULL)
            fprintf(out, " %s\n", path);
        else
            fprintf(out, " %d %d %d %" PRIu64 "\n", (int)userns_pin_pid(pins[i]),
                    (int)userns_pin_tid(pins[i]), userns_pin_descriptor(pins[i]),
                    userns_nonuser_inode(userns_pin_nonuser(pins[i])));
    }
}

/*
 * A scan under which mounts change elsewhere looks up the procfs in a helper, before it lists
 * processes. If wait4(2) failed, that helper is a zombie, and so it is listed.
 */
static bool is_helper(pid_t pid)
{
    siginfo_t info;

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

enum { CAP_SYS_ADMIN = 21 };

/* What is known of a process; and the verdicts about it. */
static void print_process(FILE *out, const struct userns_snapshot *snapshot, pid_t pid)
{
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const char *name = userns_process_name(snapshot, pid);
    const char *cgroup = userns_process_cgroup(snapshot, pid);
    const pid_t *pids;
    uint64_t capabilities;
    uid_t uid;

    if (name != NULL && *name != '\0')
        fprintf(out, "name %d %s\n", (int)pid, name);
    if (cgroup != NULL)
        fprintf(out, "cgroup %d %s\n", (int)pid, cgroup);
    if (userns_process_uid(snapshot, pid, &uid))
        fprintf(out, "uid %d %u\n", (int)pid, (unsigned)uid);
    if (userns_process_capabilities(snapshot, pid, &capabilities))
        fprintf(out, "capabilities %d %" PRIx64 "\n", (int)pid, capabilities);
    for (size_t i = 0; i < count; i++) {
        int verdict = userns_capable(snapshot, pid, CAP_SYS_ADMIN, nodes[i], NULL);

        if (verdict >= 0)
            fprintf(out, "verdict %d %" PRIu64 " %d\n", (int)pid, userns_inode(nodes[i]), verdict);
    }
    pids = userns_process_pids(snapshot, pid, &count);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "PID %d %zu of %zu is %d\n", (int)pid, i, count, (int)pids[i]);
}

static void print_map(FILE *out, const char *name, const struct userns_node *node,
                      const struct userns_extent *extents, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s %" PRIu64 " %u %u %u\n", name, userns_inode(node), extents[i].inside,
                extents[i].outside, extents[i].count);
}

static void print_maps(FILE *out, const struct userns_node *node)
{
    size_t count;
    const struct userns_extent *extents = userns_uid_map(node, &count);

    print_map(out, "UIDs", node, extents, count);
    extents = userns_gid_map(node, &count);
    print_map(out, "GIDs", node, extents, count);
    extents = userns_projid_map(node, &count);
    print_map(out, "projids", node, extents, count);
    if (userns_flags(node) & USERNS_NODE_MAPS)
        fprintf(out, "maps %" PRIu64 " %d\n", userns_inode(node),
                !!(userns_flags(node) & USERNS_NODE_SETGROUPS_DENIED));
}

static void print_node(FILE *out, const struct userns_snapshot *snapshot,
                       const struct userns_node *node)
{
    uint64_t inode = userns_inode(node);
    size_t count;
    const pid_t *pids = userns_pids(node, &count);
    const struct userns_pin *const *pins;
    uid_t owner;

    fprintf(out, "user %" PRIu64 "\n", inode);
    if (userns_parent(node) != NULL)
        fprintf(out, "parent %" PRIu64 " %" PRIu64 "\n", inode, userns_inode(userns_parent(node)));
    if (userns_owner_uid(node, &owner))
        fprintf(out, "owner %" PRIu64 " %u\n", inode, (unsigned)owner);
    if (userns_id(node) != 0)
        fprintf(out, "id %" PRIu64 " %" PRIu64 "\n", inode, userns_id(node));
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == getpid() || is_helper(pids[i]))
            continue;
        fprintf(out, "member %" PRIu64 " %d\n", inode, (int)pids[i]);
        print_process(out, snapshot, pids[i]);
    }
    pins = userns_pins(node, &count);
    print_pins_of(out, inode, pins, count);
    print_maps(out, node);
}

static void print_nonuser(FILE *out, const struct userns_nonuser *nonuser)
{
    uint64_t inode = userns_nonuser_inode(nonuser);
    size_t count;
    const struct userns_pin *const *pins = userns_nonuser_pins(nonuser, &count);

    fprintf(out, "%s %" PRIu64 "\n", userns_nonuser_type_name(nonuser), inode);
    if (userns_nonuser_owner(nonuser) != NULL)
        fprintf(out, "owned %" PRIu64 " %" PRIu64 "\n", inode,
                userns_inode(userns_nonuser_owner(nonuser)));
    if (userns_nonuser_parent(nonuser) != NULL)
        fprintf(out, "parent %" PRIu64 " %" PRIu64 "\n", inode,
                userns_nonuser_inode(userns_nonuser_parent(nonuser)));
    if (userns_nonuser_id(nonuser) != 0)
        fprintf(out, "id %" PRIu64 " %" PRIu64 "\n", inode, userns_nonuser_id(nonuser));
    print_pins_of(out, inode, pins, count);
}

static void record(const struct userns_snapshot *snapshot)
{
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const struct userns_nonuser *const *nonusers;
    FILE *out = fmemopen(scanner->facts, FACTS, "w");

    CHECK(out != NULL);
    if (userns_self(snapshot) != NULL)
        fprintf(out, "self %" PRIu64 "\n", userns_inode(userns_self(snapshot)));
    for (size_t i = 0; i < count; i++)
        print_node(out, snapshot, nodes[i]);
    nonusers = userns_nonusers(snapshot, &count);
    for (size_t i = 0; i < count; i++)
        print_nonuser(out, nonusers[i]);
    CHECK(fclose(out) == 0);
    CHECK(strlen(scanner->facts) < FACTS - 1);
    sort_lines(scanner->facts);
    for (int i = 0; i < 32; i++)
        scanner->gaps[i] = userns_gap_count(snapshot, UINT32_C(1) << i);
}

static void begin_supervision(void)
{
    int listener = send_calls_to_listener();

    CHECK(listener >= 0);
    scanner->listener = listener;
    while (!scanner->is_supervised)
        sched_yield();
}

/* Takes what userns_open() returned. What is out of reach counts as a gap. */
static void record_opened(FILE *out, int fd, uint64_t inode)
{
    scanner->gaps[0] += fd == -EACCES;
    if (fd >= 0) {
        fprintf(out, "opened %" PRIu64 " %" PRIu64 "\n", inode, inode_of_fd(fd));
        close(fd);
    } else if (fd != -EACCES && fd != -ESTALE) {
        scanner->error = fd;
    }
}

/* Takes what userns_describe() told. What the kernel does not tell is 0, and counts as a gap. */
static void record_described(FILE *out, int error, const struct userns_info *info, const char *name)
{
    bool has_owner = info->flags & USERNS_INFO_OWNER_UID;

    if (error != 0) {
        scanner->error = error;
        return;
    }
    scanner->gaps[0] +=
        (size_t)(info->id == 0) + (info->parent == 0) + (info->type == 0) + !has_owner;
    fprintf(out, "inode %s %" PRIu64 " %" PRIu64 "\n", name, info->inode, info->device);
    if (info->id != 0)
        fprintf(out, "id %s %" PRIu64 "\n", name, info->id);
    if (info->parent != 0)
        fprintf(out, "parent %s %" PRIu64 "\n", name, info->parent);
    if (info->type != 0)
        fprintf(out, "type %s %x\n", name, (unsigned)info->type);
    if (has_owner)
        fprintf(out, "owner %s %u\n", name, (unsigned)info->owner_uid);
    if (info->flags & USERNS_INFO_OWN)
        fprintf(out, "own %s\n", name);
}

/* The calls fail only during the actions. */
static void act_supervised(void)
{
    enum { MOST = 64 };
    struct userns_snapshot *snapshot = scan_with(scanner->flags);
    size_t count, nonuser_count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const struct userns_nonuser *const *nonusers = userns_nonusers(snapshot, &nonuser_count);
    struct userns_info own = USERNS_INFO_INIT, other = USERNS_INFO_INIT;
    int fds[MOST], nonuser_fds[MOST], errors[2], below;
    FILE *out = fmemopen(scanner->facts, FACTS, "w");

    CHECK(out != NULL && count <= MOST && nonuser_count <= MOST);
    below = userns_open(nodes[count - 1]);
    CHECK(below >= 0);
    scanner->error = 0;
    begin_supervision();
    for (size_t i = 0; i < count; i++)
        fds[i] = userns_open(nodes[i]);
    for (size_t i = 0; i < nonuser_count; i++)
        nonuser_fds[i] = userns_nonuser_open(nonusers[i]);
    errors[0] = userns_describe(-1, &own);
    errors[1] = userns_describe(below, &other);
    scanner->has_scanned = true;
    for (size_t i = 0; i < count; i++)
        record_opened(out, fds[i], userns_inode(nodes[i]));
    for (size_t i = 0; i < nonuser_count; i++)
        record_opened(out, nonuser_fds[i], userns_nonuser_inode(nonusers[i]));
    record_described(out, errors[0], &own, "own");
    record_described(out, errors[1], &other, "other");
    CHECK(fclose(out) == 0);
    sort_lines(scanner->facts);
    userns_free(snapshot);
}

/* Runs in a process of its own. The calls fail only during the scan. */
static void scan_supervised(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;

    begin_supervision();
    options.flags = scanner->flags;
    scanner->error = userns_scan(&options, &snapshot);
    scanner->has_scanned = true;
    if (scanner->error == 0)
        record(snapshot);
    userns_free(snapshot);
}

/* ---- The supervisor ---- */

/* The call that fails: the occurrence of it from 0 on; -1: none. */
struct fault {
    int call, occurrence, error;
    bool always; /* from then on */
};

static int occurrences[CALLS];

/* Answers a read(2) with one byte of what it would have read. */
static bool read_short(int process, pid_t pid, const struct seccomp_notif *notification,
                       struct seccomp_notif_resp *response)
{
    int fd = (int)syscall(SYS_pidfd_getfd, process, (int)notification->data.args[0], 0);
    char byte;
    struct iovec from = { &byte, 1 }, to = { (void *)(uintptr_t)notification->data.args[1], 1 };

    CHECK(fd >= 0);
    response->val = read(fd, &byte, 1);
    close(fd);
    return response->val >= 0 &&
           (response->val == 0 || process_vm_writev(pid, &from, 1, &to, 1, 0) == 1);
}

static void answer_call(int listener, int process, pid_t pid, const struct fault *fault)
{
    struct seccomp_notif notification = { 0 };
    struct seccomp_notif_resp response = { 0 };
    int call = 0, occurrence;

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0)
        return; /* the process has ended */
    response.id = notification.id;
    response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    while (call < CALLS && calls[call].number != notification.data.nr)
        call++;
    CHECK(call < CALLS);
    if (!scanner->has_scanned) {
        occurrence = occurrences[call]++;
        if (call == fault->call &&
            (fault->always ? occurrence >= fault->occurrence : occurrence == fault->occurrence)) {
            response.flags = 0;
            if (fault->error != SHORT_READ)
                response.error = -fault->error;
            else
                CHECK(read_short(process, pid, &notification, &response));
        }
    }
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

enum { SECONDS = 20 };

/* Scans with a fault. False if the process crashed or hung; the result is in `scanner`. */
static bool scan_with_fault(const struct fault *fault)
{
    int process, listener, status;
    pid_t pid;
    bool ended = false;

    scanner->listener = 0;
    scanner->is_supervised = scanner->has_scanned = false;
    scanner->facts[0] = '\0';
    memset(scanner->gaps, 0, sizeof scanner->gaps);
    memset(occurrences, 0, sizeof occurrences);
    pid = fork_child();
    if (pid == 0) {
        if (scanner->acts)
            act_supervised();
        else
            scan_supervised();
        _exit(0);
    }
    process = (int)syscall(SYS_pidfd_open, pid, 0);
    CHECK(process >= 0);
    while (scanner->listener == 0 && waitpid(pid, NULL, WNOHANG) == 0)
        sched_yield();
    listener = (int)syscall(SYS_pidfd_getfd, process, scanner->listener, 0);
    if (listener < 0)
        skip("cannot supervise system calls: %s", strerror(errno));
    scanner->is_supervised = true;
    for (;;) {
        struct pollfd polled[] = { { .fd = listener, .events = POLLIN },
                                   { .fd = process, .events = POLLIN } };

        if (poll(polled, 2, (int)stretched(SECONDS) * 1000) == 0)
            break;
        if (polled[0].revents & POLLIN)
            answer_call(listener, process, pid, fault);
        else if (polled[1].revents != 0) {
            ended = true;
            break;
        }
    }
    close(listener); /* what still waits for an answer fails */
    close(process);
    if (!ended)
        kill(pid, SIGKILL);
    CHECK(waitpid(pid, &status, 0) == pid);
    /* A helper of the scan, whose wait4(2) failed, has ended or is about to. */
    if (fault->call >= 0 && calls[fault->call].number == __NR_wait4)
        usleep(50000);
    while (waitpid(-1, NULL, WNOHANG) > 0)
        ;
    return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

/* ---- Outcomes ---- */

enum outcome {
    SAME,    /* all facts, whatever the gaps */
    COUNTED, /* fewer facts, and a gap */
    GONE,    /* fewer facts: what the error says has ended is left out */
    OLD,     /* fewer owners or ids: older kernels do not tell them */
    ERROR,   /* a documented error */
    /* Faults of the library: */
    SILENT, /* fewer facts, and no gap */
    FALSE_, /* other facts */
    UNDOCUMENTED,
    CRASH,
    OUTCOMES
};

static const char *const outcome_names[] = { "same",   "counted", "gone",         "old",  "error",
                                             "SILENT", "FALSE",   "UNDOCUMENTED", "CRASH" };

static struct scanner expected;

/* Whether each line of one sorted text is in another one. Prints the first one that is not. */
static bool is_subset(const char *text, const char *of, const char *what)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n") + 1, other;
        int order = 1;

        while (*of != '\0' && order > 0) {
            other = strcspn(of, "\n") + 1;
            order = strncmp(text, of, length > other ? length : other);
            if (order >= 0)
                of += other;
        }
        if (order != 0) {
            if (what != NULL)
                printf("    %s: %.*s\n", what, (int)length - 1, text);
            return false;
        }
        text += length;
    }
    return true;
}

/*
 * A scan does not say in which namespaces a thread is that its leader is in, too, and not what is
 * for children and for the process itself. It says so where it could not read the first of the two.
 */
static const char *without_redundant_pins(const char *facts)
{
    static char rest[FACTS];
    size_t used = 0;
    int kind;

    for (const char *line = facts; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (sscanf(line, "pin %*u %d", &kind) != 1 ||
            (kind != USERNS_PIN_MEMBER && kind != USERNS_PIN_FOR_CHILDREN))
            used += (size_t)sprintf(rest + used, "%.*s\n", (int)strcspn(line, "\n"), line);
    rest[used] = '\0';
    return rest;
}

static bool has_more_gaps(void)
{
    for (int i = 0; i < 32; i++)
        if (scanner->gaps[i] > expected.gaps[i])
            return true;
    return false;
}

/* To a caller in a nested user namespace the kernel refuses the namespaces outside of it. */
static bool says_outside(const struct fault *fault)
{
    return calls[fault->call].number == __NR_ioctl && fault->error == EPERM &&
           expected.gaps[__builtin_ctzll(USERNS_GAP_NESTED)] != 0;
}

/* A process or a mount can end at any time; then its files, its links and its PID are not there. */
static bool says_gone(const struct fault *fault)
{
    static const int numbers[] = { __NR_openat, __NR_openat2,    __NR_readlinkat,
                                   __NR_statx,  FSTATAT,         __NR_getdents64,
                                   __NR_read,   __NR_pidfd_open, __NR_pidfd_getfd,
                                   457 /* statmount */ };
    int number = calls[fault->call].number;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        if (numbers[i] == number)
            return fault->error == ENOENT || fault->error == ESRCH ||
                   (number == __NR_pidfd_getfd && fault->error == EBADF); /* it is closed */
    return false;
}

/* NS_GET_OWNER_UID and NS_GET_ID are newer than NS_GET_PARENT; all else must be there. */
static bool says_old_kernel(const struct fault *fault)
{
    static char rest[FACTS];
    size_t used = 0;

    for (const char *line = expected.facts; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strncmp(line, "id ", 3) != 0 && strncmp(line, "owner ", 6) != 0)
            used += (size_t)sprintf(rest + used, "%.*s\n", (int)strcspn(line, "\n"), line);
    rest[used] = '\0';
    return calls[fault->call].number == __NR_ioctl && fault->error == ENOTTY &&
           is_subset(rest, scanner->facts, NULL);
}

/* userns_scan() documents them. Only the first calls are about the whole procfs, or a descriptor. */
static bool is_documented(const struct fault *fault)
{
    int number = calls[fault->call].number, error = -scanner->error;

    if (error == ENOMEM || error == EMFILE || error == ENFILE)
        return error == fault->error || number == __NR_mmap;
    if (error == ENOTTY) /* of the first user namespace, or of any parent */
        return number == __NR_ioctl || number == __NR_openat;
    if (number == __NR_getdents64)
        return error == fault->error || error == EIO;
    if (number == __NR_openat || number == __NR_openat2)
        return fault->occurrence < 2 && error == fault->error;
    return (number == __NR_statx || number == FSTATAT || number == __NR_fstatfs) &&
           (fault->occurrence < 2 || scanner->acts) &&
           (error == fault->error || error == EIO || error == ENODEV);
}

static enum outcome outcome_of(const struct fault *fault)
{
    if (!scan_with_fault(fault))
        return CRASH;
    if (scanner->error != 0)
        return is_documented(fault) ? ERROR : UNDOCUMENTED;
    if (!is_subset(without_redundant_pins(scanner->facts), expected.facts, "false"))
        return FALSE_;
    if (is_subset(expected.facts, scanner->facts, NULL))
        return SAME;
    if (has_more_gaps())
        return COUNTED;
    if (says_gone(fault) || says_outside(fault))
        return GONE;
    return says_old_kernel(fault) ? OLD : SILENT;
}

/* ---- The table ---- */

static bool is_sampled(int occurrence, int count)
{
    static const int some[] = { 0, 1, 2, 5, 11, 23 };

    if (getenv("INJECT_ALL") != NULL || occurrence == count - 1)
        return true;
    if (time_factor() > 1)
        return occurrence == 0;
    for (size_t i = 0; i < sizeof some / sizeof *some; i++)
        if (some[i] == occurrence)
            return true;
    return false;
}

static const char *name_of_error(int error)
{
    return error == SHORT_READ ? "short" : strerrorname_np(error);
}

/* One cell: each sampled occurrence fails, and then all from the first one on. */
static bool inject(int call, int count, int error)
{
    int counts[OUTCOMES] = { 0 };
    bool passed = true;

    for (int i = 0; i <= count; i++) {
        struct fault fault = { call, i, error, false };
        enum outcome outcome;

        if (i == count)
            fault = (struct fault){ call, 0, error, true };
        if (i == count ? error == EINTR : !is_sampled(i, count))
            continue; /* a scan repeats a call that a signal interrupts */
        outcome = outcome_of(&fault);
        counts[outcome]++;
        if (outcome < SILENT)
            continue;
        passed = false;
        printf("%s %d%s fails with %s: %s", calls[call].name, fault.occurrence,
               fault.always ? " and later" : "", name_of_error(error), outcome_names[outcome]);
        printf(" %d\n", scanner->error);
        if (outcome == SILENT)
            is_subset(expected.facts, scanner->facts, "lost");
    }
    printf("%-12s %-10s", calls[call].name, name_of_error(error));
    for (int i = 0; i < OUTCOMES; i++)
        if (counts[i] != 0)
            printf(" %s %d", outcome_names[i], counts[i]);
    putchar('\n');
    return passed;
}

/* ---- The scene ---- */

static void hold_mounts(void *unused UNUSED)
{
    new_mount_namespace();
    mount_tmpfs("/mnt");
    mount_left_user("/mnt/visible");
    mount_left_user("/mnt/covered");
    CHECK(mount("/mnt/visible", "/mnt/covered", "none", MS_BIND, NULL) == 0);
    CHECK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
}

static void hold_private_descriptor(void *held)
{
    CHECK(unshare(CLONE_FILES) == 0);
    hold_descriptor(held);
}

static void hold_in_thread(void *held)
{
    in_thread(hold_private_descriptor, held);
}

static void start_scene(void)
{
    start(go_down, &(int){ 2 });
    start(hold_descriptor, shared(sizeof(struct held)));
    start(hold_mounts, NULL);
    start(hold_in_thread, shared(sizeof(struct held)));
}

/* For inject_all(). */
struct subject {
    uint64_t flags;
    bool acts;
};

static void inject_all(void *argument)
{
    const struct subject *subject = argument;

    static const struct fault none = { .call = -1 };
    int counts[CALLS];
    bool passed = true;

    close_inherited_descriptors();
    start_scene();
    scanner = shared(sizeof *scanner);
    scanner->flags = subject->flags;
    scanner->acts = subject->acts;
    /* A path lookup can fail while anything is mounted elsewhere, and is repeated then. */
    do {
        CHECK(scan_with_fault(&none) && scanner->error == 0);
        expected = *scanner;
        memcpy(counts, occurrences, sizeof counts);
        CHECK(scan_with_fault(&none) && scanner->error == 0);
    } while (memcmp(counts, occurrences, sizeof counts) != 0 ||
             strcmp(scanner->facts, expected.facts) != 0);
    for (int call = 0; call < CALLS; call++)
        for (int i = 0; counts[call] > 0 && calls[call].errors[i] != 0; i++)
            passed &= inject(call, counts[call], calls[call].errors[i]);
    CHECK(passed);
}

static void inject_into(uint64_t flags)
{
    alarm(getenv("INJECT_ALL") != NULL ? 0 : stretched(PATIENCE));
    in_sandbox(inject_all, &(struct subject){ flags, false });
}

SITUATION(plain, 0, "faults in a plain scan")
{
    inject_into(0);
}

SITUATION(names, 0, "faults in a scan with names")
{
    inject_into(USERNS_SCAN_NAMES);
}

SITUATION(credentials, 0, "faults in a scan with credentials and cgroups")
{
    inject_into(USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS);
}

SITUATION(owned, 0, "faults in a scan with nonuser namespaces")
{
    inject_into(USERNS_SCAN_OWNED);
}

SITUATION(pinned, 0, "faults in a scan with pins and sockets")
{
    inject_into(USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS);
}

SITUATION(maps, 0, "faults in a scan with maps")
{
    inject_into(USERNS_SCAN_MAPS);
}

SITUATION(actions, 0, "faults while namespaces are opened and described")
{
    alarm(getenv("INJECT_ALL") != NULL ? 0 : stretched(PATIENCE));
    in_sandbox(inject_all, &(struct subject){ USERNS_SCAN_OWNED, true });
}

SITUATION(by_bpf, 0, "faults in a scan by BPF, with everything")
{
    need_bpf();
    inject_into(EVERY_FLAG | USERNS_SCAN_BPF);
}
