/*
 * Faults: each system call of a function of the library fails once, with each error that it can
 * return, or from then on. The function must then say the same, or say less and that it says less, or
 * fail with a documented error, and leave nothing.
 *
 * A table of calls, errors and outcomes is printed. By default only some occurrences of each call
 * fail; with the environment variable INJECT_ALL, all. `make check-faults` does that, and writes the
 * table to docs/faults.md.
 */
#include "situation.h"
#include "faults.h"
#include "stuck.h"
#include "subids.h"

/* ---- Scans ---- */

static struct userns_snapshot *snapshot, *other;

/* What a function replaces also if it fails. */
static void *const unset = &snapshot;

/* There is a result, or an error. */
static int checked(int error, const void *result)
{
    CHECK((error == 0) == (result != NULL) && result != unset);
    return error;
}

static int act_scan(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    int error;

    options.flags = run->subject->flags;
    snapshot = unset;
    error = userns_scan(&options, &snapshot);
    return checked(error, snapshot);
}

static void tell_scan(FILE *out)
{
    if (snapshot != NULL)
        print_facts(out, snapshot);
    for (int i = 0; i < 32; i++)
        run->gaps[i] = userns_gap_count(snapshot, UINT32_C(1) << i);
    userns_free(snapshot);
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

static void start_scene(void)
{
    start(go_down, &(int){ 2 });
    start(hold_descriptor, shared(sizeof(struct held)));
    start(hold_mounts, NULL);
    start(hold_in_thread, shared(sizeof(struct held)));
}

/* ---- Opening and describing ---- */

enum { MOST = 64, DESCRIBED = 5 };

static const struct userns_node *const *nodes;
static const struct userns_nonuser *const *nonusers;
static size_t nodes_found, nonusers_found;
static int fds[2 * MOST];

static void look_up(void)
{
    nodes = userns_nodes(snapshot, &nodes_found);
    nonusers = userns_nonusers(snapshot, &nonusers_found);
    CHECK(nodes_found + nonusers_found <= LENGTH(fds));
}

static void take_snapshot(void)
{
    snapshot = scan_with(run->subject->flags);
    look_up();
}

static int act_open(void)
{
    for (size_t i = 0; i < nodes_found; i++)
        fds[i] = userns_open(nodes[i]);
    for (size_t i = 0; i < nonusers_found; i++)
        fds[nodes_found + i] = userns_nonuser_open(nonusers[i]);
    return 0;
}

/* What is out of reach counts as a gap, the first one. */
static void tell_open(FILE *out)
{
    for (size_t i = 0; i < nodes_found + nonusers_found; i++) {
        uint64_t inode = i < nodes_found ? userns_inode(nodes[i])
                                         : userns_nonuser_inode(nonusers[i - nodes_found]);

        run->gaps[0] += fds[i] == -EACCES;
        if (fds[i] >= 0) {
            fprintf(out, "opened %" PRIu64 " %" PRIu64 "\n", inode, inode_of_fd(fds[i]));
            close(fds[i]);
        } else if (fds[i] != -EACCES && fds[i] != -ESTALE) {
            run->error = fds[i];
        }
    }
}

/* Where the kernel opens no namespace by its id, as before Linux 6.18. */
static int deny_handles(const struct seccomp_data *data, int occurrence UNUSED)
{
    return data->nr == __NR_open_by_handle_at ? EOPNOTSUPP : 0;
}

static struct userns_info infos[DESCRIBED];
static int described[DESCRIBED], errors[DESCRIBED];

/* The own user namespace, by no descriptor and by one; another one; nonuser namespaces. */
static void open_some(void)
{
    take_snapshot();
    described[0] = -1;
    described[1] = open_namespace(getpid(), "user");
    described[2] = userns_open(nodes[nodes_found - 1]);
    described[3] = open_namespace(getpid(), "pid");
    described[4] = open_namespace(getpid(), "net");
    userns_free(snapshot);
    for (int i = 0; i < DESCRIBED; i++) {
        infos[i] = (struct userns_info)USERNS_INFO_INIT;
        CHECK(i == 0 || described[i] >= 0);
    }
}

static int act_describe(void)
{
    for (int i = 0; i < DESCRIBED; i++)
        errors[i] = userns_describe(described[i], &infos[i]);
    return 0;
}

/* What the kernel does not tell is 0, and counts as a gap, the first one. */
static void tell_describe(FILE *out)
{
    for (int i = 0; i < DESCRIBED; i++) {
        const struct userns_info *info = &infos[i];

        if (errors[i] != 0) {
            run->error = errors[i];
            continue;
        }
        fprintf(out, "inode %d %" PRIu64 " %" PRIu64 "\n", i, info->inode, info->device);
        if (info->id != 0)
            fprintf(out, "id %d %" PRIu64 "\n", i, info->id);
        if (info->parent != 0)
            fprintf(out, "parent %d %" PRIu64 "\n", i, info->parent);
        if (info->owner != 0)
            fprintf(out, "owned %d %" PRIu64 "\n", i, info->owner);
        if (info->type != 0)
            fprintf(out, "type %d %x\n", i, (unsigned)info->type);
        if (info->flags & USERNS_INFO_OWNER_UID)
            fprintf(out, "owner %d %u\n", i, (unsigned)info->owner_uid);
        if (info->flags & USERNS_INFO_OWN)
            fprintf(out, "own %d\n", i);
        if (info->flags & USERNS_NODE_INITIAL)
            fprintf(out, "initial %d\n", i);
        run->gaps[0] += (size_t)(info->id == 0) + (info->parent == 0) + (info->owner == 0) +
                        (info->type == 0) + !(info->flags & USERNS_INFO_OWNER_UID) +
                        !(info->flags & USERNS_INFO_OWN);
    }
}

/* ---- Comparing, saving and loading ---- */

static struct userns_changes *changes;

static void take_two_snapshots(void)
{
    pid_t pid = start(go_down, &(int){ 1 });

    take_snapshot();
    end(pid);
    other = snapshot;
    take_snapshot();
}

static int act_compare(void)
{
    return userns_compare(other, snapshot, &changes);
}

static void tell_compare(FILE *out)
{
    size_t count;
    const struct userns_change *const *all = userns_changes(changes, &count);

    for (size_t i = 0; i < count; i++)
        fprintf(out, "change %d\n", (int)userns_change_kind(all[i]));
    userns_changes_free(changes);
    userns_free(other);
    userns_free(snapshot);
}

/* A saved snapshot, and where one is saved to. */
static int saved, target;

static void save_scan(void *file)
{
    struct userns_snapshot *taken = scan_with(run->subject->flags);
    int error = userns_save(taken, *(int *)file);

    if (error != 0)
        fail("userns_save: %d", error);
}

/* In a process of its own: the boot id is read once in each. */
static void save_scene(void)
{
    start_scene();
    saved = memory_file();
    in_child(save_scan, &saved);
}

static void load_and_make_file(void)
{
    snapshot = load_from(saved);
    target = memory_file();
}

static int act_save(void)
{
    return userns_save(snapshot, target);
}

static void tell_save(FILE *out)
{
    size_t length;
    char *text = text_of(target, &length);

    CHECK(fwrite(text, 1, length, out) == length);
    free(text);
    userns_free(snapshot);
}

static void rewind_file(void)
{
    CHECK(lseek(saved, 0, SEEK_SET) == 0);
}

static int act_load(void)
{
    int error;

    snapshot = unset;
    error = userns_load(saved, &snapshot);
    return checked(error, snapshot);
}

static void load_snapshot(void)
{
    snapshot = load_from(saved);
    look_up();
}

/* As of a descriptor that is non-blocking, and has data or room only when it was waited for. */
static int would_block(const struct seccomp_data *data, int occurrence)
{
    return (data->nr == __NR_read || data->nr == __NR_write) && occurrence % 2 == 0 ? EAGAIN : 0;
}

/* ---- Probes ---- */

static struct userns_probe *probed;

/* By enum userns_reason_kind. */
static const char *const reasons[] = {
    "none",    "NOT_BUILT", "CHROOT", "LIMIT",       "DEPTH",     "UNMAPPED", "SYSCTL", "APPARMOR",
    "SELINUX", "SECCOMP",   "HELPER", "PROC_MASKED", "PROCESSES", "TIMEOUT",  "LSM",    "UNKNOWN",
};

static int act_probe(void)
{
    struct userns_probe_options options = USERNS_PROBE_OPTIONS_INIT;
    int error;

    options.flags = (uint32_t)run->subject->flags;
    probed = unset;
    error = userns_probe(&options, &probed);
    return checked(error, probed);
}

static void tell_probe(FILE *out)
{
    size_t count;
    const struct userns_reason *const *all = userns_probe_reasons(probed, &count);

    for (uint64_t step = 1; step <= USERNS_STEP_NESTED; step <<= 1)
        if (userns_probe_worked(probed) & step)
            fprintf(out, "worked %x\n", (unsigned)step);
    if (userns_probe_failed_step(probed) != 0)
        fprintf(out, "failed %x %d\n", (unsigned)userns_probe_failed_step(probed),
                userns_probe_error(probed));
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s %d %s\n", userns_reason_is_proved(all[i]) ? "proved" : "likely",
                (int)userns_reason_kind(all[i]), userns_reason_text(all[i]));
    userns_probe_free(probed);
}

/* ---- Outcomes ---- */

enum outcome {
    SAME,   /* the same answer, whatever the gaps */
    LESS,   /* fewer facts, and a gap; a step of a probe that fails, with a reason */
    GONE,   /* fewer facts: what the error says has ended is left out */
    OLD,    /* fewer owners or ids: older kernels do not tell them */
    FAILED, /* a documented error */
    /* Faults of the library: */
    SILENT, /* fewer facts, and no gap */
    FALSE_, /* other facts */
    UNDOCUMENTED,
    CRASH, /* also a hang, and something that is left */
};

static const char *const outcome_names[] = { "same",   "less",  "gone",         "old",  "error",
                                             "SILENT", "FALSE", "UNDOCUMENTED", "CRASH" };

/* The run without a fault. */
static struct run expected;

static const char *name_of_error(int error)
{
    if (error == ENOTSUPP)
        return "ENOTSUPP"; /* which libc does not know */
    return error == SHORT ? "cut short" : error == END ? "end" : error_name(error);
}

/* How often each outcome was met. */
static struct tally {
    char label[48];
    int count;
} tallies[64];

static void count(const char *format, ...)
{
    char label[sizeof tallies->label];
    struct tally *tally = tallies;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(label, sizeof label, format, arguments);
    va_end(arguments);
    while (tally->count > 0 && strcmp(tally->label, label) != 0)
        tally++;
    CHECK(tally < tallies + LENGTH(tallies) - 1);
    strcpy(tally->label, label);
    tally->count++;
}

/* Whether a line says that a thread of a process is in a namespace, or has it for its children. */
static bool is_membership(const char *line, uint64_t *inode, int *pid)
{
    int kind;

    if (sscanf(line, "pin %" SCNu64 " %d %d", inode, &kind, pid) == 3)
        return kind == USERNS_PIN_MEMBER || kind == USERNS_PIN_FOR_CHILDREN;
    return sscanf(line, "member %" SCNu64 " %d", inode, pid) == 2;
}

/*
 * A scan does not say in which namespaces a thread is that its leader is in, too, and not what is
 * for children and for the process itself. It says so where it could not read the first of the two.
 */
static bool is_redundant(const char *line)
{
    uint64_t inode, other_inode;
    int pid, other_pid;

    if (!is_membership(line, &inode, &pid))
        return false;
    for (line = expected.facts; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (is_membership(line, &other_inode, &other_pid) && inode == other_inode &&
            pid == other_pid)
            return true;
    return false;
}

static const char *without_redundant_pins(const char *facts)
{
    static char rest[FACTS];
    size_t used = 0;

    for (const char *line = facts; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (!is_redundant(line))
            used += (size_t)sprintf(rest + used, "%.*s\n", (int)strcspn(line, "\n"), line);
    rest[used] = '\0';
    return rest;
}

/* Counts the gaps that have grown, and returns them. */
static uint32_t count_gaps(void)
{
    uint32_t grown = 0;

    for (size_t i = 0; i < LENGTH(run->gaps); i++)
        if (run->gaps[i] > expected.gaps[i]) {
            CHECK(gap_names[i] != NULL);
            if (run->subject->act == act_open)
                count("-EACCES");
            else if (run->subject->act == act_describe)
                count("not told");
            else
                count("gap %s", gap_names[i]);
            grown |= UINT32_C(1) << i;
        }
    return grown;
}

static bool is_call(const struct fault *fault, const char *name)
{
    return fault->call >= 0 && strcmp(known_calls[fault->call].name, name) == 0;
}

static bool is_one_of(const struct fault *fault, const char *const names[], size_t length)
{
    for (size_t i = 0; i < length; i++)
        if (is_call(fault, names[i]))
            return true;
    return false;
}

/* To a caller in a nested user namespace the kernel refuses the namespaces outside of it. */
static bool says_outside(const struct fault *fault)
{
    return is_call(fault, "ioctl") && fault->error == EPERM &&
           expected.gaps[__builtin_ctzll(USERNS_GAP_NESTED)] != 0;
}

/* A process or a mount can end at any time; then its files, its links and its PID are not there. */
static bool says_gone(const struct fault *fault)
{
    static const char *const names[] = { "openat",      "openat2",    "readlinkat", "statx",
                                         "fstatat",     "getdents64", "read",       "pidfd_open",
                                         "pidfd_getfd", "statmount" };

    return is_one_of(fault, names, LENGTH(names)) &&
           (fault->error == ENOENT || fault->error == ESRCH ||
            (is_call(fault, "pidfd_getfd") && fault->error == EBADF)); /* it is closed */
}

/* NS_GET_OWNER_UID and NS_GET_ID are newer than NS_GET_PARENT. */
static bool says_old_kernel(const struct fault *fault, const char *line)
{
    return is_call(fault, "ioctl") && fault->error == ENOTTY &&
           (strncmp(line, "id ", 3) == 0 || strncmp(line, "owner ", 6) == 0);
}

static bool is_exhaustion(int error)
{
    return error == ENOMEM || error == EMFILE || error == ENFILE;
}

/* Whether userns.h documents the error of a scan. Only the first calls are about the whole procfs. */
static bool is_of_scan(const struct fault *fault)
{
    int error = -run->error;

    if (is_exhaustion(error))
        return error == fault->error || is_call(fault, "mmap");
    if (error == ENOTTY) /* of the first user namespace, or of any parent */
        return is_call(fault, "ioctl") || is_call(fault, "openat");
    if (is_call(fault, "getdents64"))
        return error == fault->error || error == EIO;
    if (is_call(fault, "openat") || is_call(fault, "openat2"))
        return fault->occurrence < 2 && error == fault->error;
    return (is_call(fault, "statx") || is_call(fault, "fstatat") || is_call(fault, "fstatfs")) &&
           fault->occurrence < 2 && (error == fault->error || error == EIO || error == ENODEV);
}

/* That of userns_open(), but for what is no error here, see tell_open(). */
static bool is_of_open(const struct fault *fault)
{
    return is_exhaustion(-run->error) && -run->error == fault->error;
}

/* Errors of fstat(2) and statx(2), and those of a scan about /proc. */
static bool is_of_describe(const struct fault *fault)
{
    bool is_stat = is_call(fault, "fstatat") || is_call(fault, "statx");
    bool is_proc =
        is_call(fault, "openat") || is_call(fault, "openat2") || is_call(fault, "fstatfs");
    int error = -run->error;

    if (is_stat || is_proc)
        return error == fault->error || (is_proc && error == EIO) ||
               (error == ENOTTY && (fault->error == ENOENT || fault->error == ESRCH));
    return is_of_scan(fault);
}

/* Those of read(2) and write(2). */
static bool is_of_file(const struct fault *fault)
{
    if (fault->error == END)
        return run->error == -EBADMSG;
    if (is_call(fault, "ppoll"))
        return run->error == -EAGAIN;
    return -run->error == fault->error;
}

static bool is_of_probe(const struct fault *fault)
{
    if (run->error == -ECHILD) /* the link for children leads nowhere */
        return is_call(fault, "readlinkat") && fault->error == ENOENT;
    return is_of_open(fault) || (run->error == -ENOMEM && is_call(fault, "mmap"));
}

static bool is_documented(const struct fault *fault)
{
    int (*act)(void) = run->subject->act;

    if (act == act_scan)
        return is_of_scan(fault);
    if (act == act_describe)
        return is_of_describe(fault);
    if (act == act_probe)
        return is_of_probe(fault);
    return act == act_open ? is_of_open(fault) : is_of_file(fault);
}

enum {
    OF_PROCESSES = USERNS_GAP_UNREADABLE | USERNS_GAP_HIDEPID,
    OF_MOUNTS = OF_PROCESSES | USERNS_GAP_MOUNTS | USERNS_GAP_MOUNT_NAMESPACES |
                USERNS_GAP_CHROOTED | USERNS_GAP_UNOPENED_MOUNTS,
    OF_DESCRIPTORS = OF_PROCESSES | USERNS_GAP_LINKS | USERNS_GAP_DESCRIPTORS | USERNS_GAP_SOCKETS,
    OF_NAMESPACES = OF_MOUNTS | OF_DESCRIPTORS | USERNS_GAP_RELATIONS | USERNS_GAP_NESTED,
};

/* The gaps that can say why the pin of a line is missing. */
static uint32_t gaps_of_pin(const char *line)
{
    int kind = 0;

    CHECK(sscanf(line, "pin %*u %d", &kind) == 1);
    switch (kind) {
    case USERNS_PIN_MEMBER:
    case USERNS_PIN_FOR_CHILDREN:
        return OF_PROCESSES | USERNS_GAP_LINKS;
    case USERNS_PIN_DESCRIPTOR:
    case USERNS_PIN_SOCKET:
        return OF_DESCRIPTORS;
    case USERNS_PIN_MOUNT:
        return OF_MOUNTS;
    default:
        return OF_NAMESPACES;
    }
}

/* The gaps that can say why the fact of a line is missing; without those of what it is about. */
static uint32_t gaps_of(const char *line)
{
    static const struct {
        const char *begin;
        uint32_t gaps;
    } kinds[] = {
        { "name ", OF_PROCESSES | USERNS_GAP_NAMES },
        { "cgroup ", OF_PROCESSES | USERNS_GAP_CGROUPS },
        { "uid ", OF_PROCESSES | USERNS_GAP_CREDENTIALS },
        { "capabilities ", OF_PROCESSES | USERNS_GAP_CREDENTIALS },
        { "PID ", OF_PROCESSES | USERNS_GAP_CREDENTIALS },
        { "verdict ", OF_NAMESPACES | USERNS_GAP_CREDENTIALS | USERNS_GAP_MAPS },
        { "member ", OF_PROCESSES },
        { "UIDs ", OF_NAMESPACES | USERNS_GAP_MAPS },
        { "GIDs ", OF_NAMESPACES | USERNS_GAP_MAPS },
        { "projids ", OF_NAMESPACES | USERNS_GAP_MAPS },
        { "maps ", OF_NAMESPACES | USERNS_GAP_MAPS },
    };

    if (strncmp(line, "pin ", 4) == 0)
        return gaps_of_pin(line);
    for (size_t i = 0; i < LENGTH(kinds); i++)
        if (strncmp(line, kinds[i].begin, strlen(kinds[i].begin)) == 0)
            return kinds[i].gaps;
    return OF_NAMESPACES;
}

static bool has_whole_line(const char *facts, const char *line)
{
    size_t length = strcspn(line, "\n") + 1;

    for (; *facts != '\0'; facts += strcspn(facts, "\n") + 1)
        if (strncmp(facts, line, length) == 0)
            return true;
    return false;
}

/* Whether something says why this fact is missing. There is only one gap but for scans. */
static bool is_explained(const struct fault *fault, const char *line, uint32_t gaps)
{
    if (run->subject->act == act_scan)
        gaps &= gaps_of(line);
    return gaps != 0 || says_gone(fault) || says_outside(fault) || says_old_kernel(fault, line);
}

/* Whether a scan does not say any more that it cannot see everything, though nothing has told it so. */
static bool hides_gap(void)
{
    static const uint32_t always = USERNS_GAP_HIDEPID | USERNS_GAP_PIDNS | USERNS_GAP_NESTED;

    for (int i = 0; i < 32; i++)
        if (always & UINT32_C(1) << i && expected.gaps[i] > 0 && run->gaps[i] == 0) {
            printf("    lost: gap %s\n", gap_names[i]);
            return true;
        }
    return false;
}

/* The process that a line is about; 0: none, or also another namespace. */
static int process_of(const char *line)
{
    static const char *const names[] = { "name", "cgroup", "uid", "capabilities", "PID" };
    uint64_t inode;
    char name[16];
    int pid;

    if (is_membership(line, &inode, &pid))
        return pid;
    if (sscanf(line, "%15s %d", name, &pid) == 2)
        for (size_t i = 0; i < LENGTH(names); i++)
            if (strcmp(name, names[i]) == 0)
                return pid;
    return 0;
}

/* How many processes can be missing: one that has ended, and as many as gaps tell of. */
static size_t most_missing(const struct fault *fault)
{
    size_t most = says_gone(fault) || says_outside(fault);

    if (fault->always || run->gaps[__builtin_ctzll(USERNS_GAP_HIDEPID)] != 0)
        return SIZE_MAX;
    for (size_t i = 0; i < LENGTH(run->gaps); i++)
        most += run->gaps[i] > expected.gaps[i] ? run->gaps[i] - expected.gaps[i] : 0;
    return most;
}

/* Whether a scan misses more processes than it can after one fault. */
static bool misses_too_many(const struct fault *fault)
{
    int missing[64];
    size_t count = 0, most = most_missing(fault);

    for (const char *line = expected.facts; *line != '\0'; line += strcspn(line, "\n") + 1) {
        int pid = process_of(line);
        size_t i = 0;

        if (pid == 0 || has_whole_line(run->facts, line))
            continue;
        while (i < count && missing[i] != pid)
            i++;
        if (i < count)
            continue;
        CHECK(count < LENGTH(missing));
        missing[count++] = pid;
        if (count > most) {
            printf("    also lost: %.*s\n", (int)strcspn(line, "\n"), line);
            return true;
        }
    }
    return false;
}

/* What a snapshot, or an action, says. */
static enum outcome judge_facts(const struct fault *fault)
{
    uint32_t gaps = count_gaps();
    bool is_same = true;

    if (!is_subset(without_redundant_pins(run->facts), expected.facts, "false"))
        return FALSE_;
    for (const char *line = expected.facts; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (!has_whole_line(run->facts, line)) {
            is_same = false;
            if (!is_explained(fault, line, gaps)) {
                printf("    lost: %.*s\n", (int)strcspn(line, "\n"), line);
                return SILENT;
            }
        }
    if (run->subject->act == act_scan && (hides_gap() || misses_too_many(fault)))
        return SILENT;
    if (is_same)
        return SAME;
    if (gaps != 0)
        return LESS;
    return says_gone(fault) || says_outside(fault) ? GONE : OLD;
}

static bool has_line(const char *facts, const char *format, ...)
{
    char line[32];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(line, sizeof line, format, arguments);
    va_end(arguments);
    for (; *facts != '\0'; facts += strcspn(facts, "\n") + 1)
        if (strncmp(facts, line, strlen(line)) == 0)
            return true;
    return false;
}

/* Whether the error says what a reason says: then the reason is as true as the error. */
static bool says_reason(const struct fault *fault, int kind)
{
    bool makes = is_call(fault, "clone") || is_call(fault, "unshare");
    bool is_missing = (fault->error == ENOENT || fault->error == ENOTDIR) &&
                      (is_call(fault, "openat") || is_call(fault, "statx"));

    switch (kind) {
    case USERNS_REASON_SECCOMP: /* an impossible call is answered, too */
        return (makes || is_call(fault, "mount")) && !is_exhaustion(fault->error) &&
               (fault->always || has_line(expected.facts, "failed"));
    case USERNS_REASON_LIMIT:
        return makes && fault->error == ENOSPC;
    case USERNS_REASON_DEPTH:
        return makes && fault->error == EUSERS;
    case USERNS_REASON_NOT_BUILT:
    case USERNS_REASON_PROC_MASKED:
    case USERNS_REASON_HELPER:
        return is_missing;
    case USERNS_REASON_TIMEOUT: /* on an emulated machine */
        return stretched(1) > 1 && run->seconds >= 4;
    default:
        return false;
    }
}

/* Calls without which a step does not work. Others are repeated, or replaced by others. */
static bool is_needed(const struct fault *fault)
{
    static const char *const names[] = { "clone", "unshare", "mount", "write", "socket" };

    return fault->call >= 0 && is_one_of(fault, names, LENGTH(names));
}

/* Whether a step that works is not said to work, and none is said to fail. */
static bool loses_step(void)
{
    for (const char *line = expected.facts; *line != '\0'; line += strcspn(line, "\n") + 1)
        if (strncmp(line, "worked", 6) == 0 && !has_whole_line(run->facts, line))
            return !has_line(run->facts, "failed");
    return false;
}

/* A probe must not say that more works, nor prove another reason. */
static enum outcome judge_probe(const struct fault *fault)
{
    static char rest[FACTS];
    size_t used = 0;
    bool is_same = strcmp(run->facts, expected.facts) == 0, has_reason = false;

    for (const char *line = run->facts; *line != '\0'; line += strcspn(line, "\n") + 1) {
        int length = (int)strcspn(line, "\n"), kind = 0;
        bool is_proved = sscanf(line, "proved %d", &kind) == 1;

        if (!is_same && (is_proved || sscanf(line, "likely %d", &kind) == 1)) {
            has_reason = true;
            count("reason %s%s", reasons[kind], is_proved ? " (proved)" : "");
        }
        if (strncmp(line, "worked", 6) == 0 || (is_proved && !says_reason(fault, kind) &&
                                                !has_line(expected.facts, "proved %d ", kind)))
            used += (size_t)sprintf(rest + used, "%.*s\n", length, line);
    }
    rest[used] = '\0';
    if (!is_subset(rest, expected.facts, "false"))
        return FALSE_;
    if (is_same)
        return is_needed(fault) && !has_line(expected.facts, "failed") ? FALSE_ : SAME;
    if (loses_step())
        return SILENT;
    return has_reason || !has_line(run->facts, "failed") ? LESS : SILENT;
}

/* What was written is the beginning of the file. */
static enum outcome judge_file(void)
{
    size_t length = strlen(run->facts);

    if (strncmp(run->facts, expected.facts, length) != 0)
        return FALSE_;
    return length == strlen(expected.facts) ? SAME : SILENT;
}

static enum outcome outcome_of(const struct fault *fault)
{
    if (!run_with(fault))
        return CRASH;
    if (run->blocks > expected.blocks) {
        fprintf(stderr, "%ld blocks of memory are left\n", run->blocks - expected.blocks);
        return CRASH;
    }
    if (run->error != 0) {
        count("-%s", error_name(-run->error));
        if (run->subject->is_file && judge_file() == FALSE_)
            return FALSE_;
        return is_documented(fault) ? FAILED : UNDOCUMENTED;
    }
    if (run->subject->act == act_probe)
        return judge_probe(fault);
    return run->subject->is_file ? judge_file() : judge_facts(fault);
}

/* On a busy host, a child can end too late. So what fails must fail twice. */
static enum outcome surely_outcome_of(const struct fault *fault)
{
    struct tally before[LENGTH(tallies)];
    enum outcome outcome;

    memcpy(before, tallies, sizeof before);
    outcome = outcome_of(fault);
    if (outcome < SILENT)
        return outcome;
    memcpy(tallies, before, sizeof before);
    is_alone(stretched(SECONDS));
    return outcome_of(fault);
}

/* ---- The table ---- */

static bool is_long_form(void)
{
    return getenv("INJECT_ALL") != NULL;
}

/* A call that waits is made more or less often. */
static bool is_selected(int call, int occurrence, int made)
{
    bool is_long = is_long_form() && run->subject->only[0] == NULL;

    return occurrence == 0 || (!waits(call) && (occurrence == made - 1 || is_long));
}

/* What is repeated until it works, so that it must not always fail. */
static bool is_repeated(int call, int error)
{
    bool moves = known_calls[call].number == __NR_read || known_calls[call].number == __NR_write;

    return error == EINTR || (error == EAGAIN && moves);
}

/* Only a saved snapshot can be cut off; and maps are written as a whole, or not. */
static bool can_be(int call, int error)
{
    bool is_load = run->subject->act == act_load, is_probe = run->subject->act == act_probe;
    const char *const *only = run->subject->only, *name = known_calls[call].name;

    if (only[0] != NULL && strcmp(only[0], name) != 0 && strcmp(only[1], name) != 0)
        return false;
    return (error != END || is_load) &&
           (error != SHORT || !is_probe || known_calls[call].number == __NR_read);
}

/* One cell: each selected occurrence fails, and then all from the first one on. */
static bool inject(int call, int made, int error)
{
    bool passed = true;

    memset(tallies, 0, sizeof tallies);
    for (int i = 0; i <= made; i++) {
        struct fault fault = { call, i == made ? 0 : i, error, i == made };
        enum outcome outcome;

        if (i == made ? is_repeated(call, error) : !is_selected(call, i, made))
            continue;
        outcome = surely_outcome_of(&fault);
        if (outcome < SILENT) {
            if (outcome == SAME || outcome == GONE || outcome == OLD)
                count("%s", outcome_names[outcome]);
            continue;
        }
        passed = false;
        printf("%s: %s %d%s fails with %s: %s %d\n", run->subject->function, known_calls[call].name,
               fault.occurrence, fault.always ? " and later" : "", name_of_error(error),
               outcome_names[outcome], run->error);
    }
    printf("cell\t%s\t%s\t%s", run->subject->function, known_calls[call].name,
           name_of_error(error));
    for (struct tally *tally = tallies; tally->count > 0; tally++)
        printf("\t%s\t%d", tally->label, tally->count);
    putchar('\n');
    return passed;
}

/* Whether two runs without a fault make the same calls, except for those that wait. */
static bool same_calls(const int made[CALLS])
{
    for (int call = 0; call < CALLS; call++)
        if (!waits(call) && made[call] != occurrences[call])
            return false;
    return true;
}

static void inject_all(void *subject)
{
    static const struct fault none = { .call = -1 };
    int made[CALLS];
    bool passed = true;

    close_inherited_descriptors();
    run = shared(sizeof *run);
    run->subject = subject;
    if (run->subject->set_scene != NULL)
        run->subject->set_scene();
    processes_of_scene = count_processes();
    /* A path lookup can fail while anything is mounted elsewhere, and is repeated then. */
    do {
        CHECK(run_with(&none) && run->error == 0);
        memcpy(&expected, run, sizeof expected);
        memcpy(made, occurrences, sizeof made);
        CHECK(run_with(&none) && run->error == 0);
    } while (!same_calls(made) || strcmp(run->facts, expected.facts) != 0);
    for (int call = 0; call < CALLS; call++)
        printf("known\t%s\n", known_calls[call].name);
    for (int call = 0; call < CALLS; call++)
        for (int i = 0; made[call] > 0 && known_calls[call].errors[i] != 0; i++)
            if (can_be(call, known_calls[call].errors[i]))
                passed &= inject(call, made[call], known_calls[call].errors[i]);
    CHECK(passed);
}

static void inject_into(struct subject subject)
{
    alarm(is_long_form() ? 0 : stretched(PATIENCE));
    in_sandbox(inject_all, &subject);
}

/* ---- Situations ---- */

#define SCAN(scanned) \
    ((struct subject){ .function = "userns_scan()", \
                       .flags = scanned, \
                       .set_scene = start_scene, \
                       .act = act_scan, \
                       .tell = tell_scan })

SITUATION(plain, 0, "faults in a plain scan")
{
    inject_into(SCAN(0));
}

SITUATION(names, 0, "faults in a scan with names")
{
    inject_into(SCAN(USERNS_SCAN_NAMES));
}

SITUATION(credentials, 0, "faults in a scan with credentials and cgroups")
{
    inject_into(SCAN(USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS));
}

SITUATION(owned, 0, "faults in a scan with nonuser namespaces")
{
    inject_into(SCAN(USERNS_SCAN_OWNED));
}

SITUATION(pinned, 0, "faults in a scan with pins and sockets")
{
    inject_into(SCAN(USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS));
}

SITUATION(maps, 0, "faults in a scan with maps")
{
    inject_into(SCAN(USERNS_SCAN_MAPS));
}

/* In a process of its own: the type information of the kernel is read once in each. */
static void scan_by_bpf(void *unused UNUSED)
{
    need_bpf();
}

SITUATION(by_bpf, 0, "faults in a scan by BPF, with everything")
{
    in_child(scan_by_bpf, NULL);
    inject_into(SCAN(EVERY_FLAG | USERNS_SCAN_BPF));
}

/* As before Linux 6.16. */
static int deny_mapping(const struct seccomp_data *data, int occurrence UNUSED)
{
    bool is_file = (data->args[3] & (MAP_PRIVATE | MAP_ANONYMOUS)) == MAP_PRIVATE;

    return strcmp(known_calls[index_of_call(data->nr)].name, "mmap") == 0 && is_file ? ENODEV : 0;
}

static void start_beside_stuck(void)
{
    start(go_down, &(int){ 1 });
    mount_tmpfs("/mnt");
    make_stuck("/mnt/file");
}

/* A scan that looks at the state of its worker, and kills it by its descriptor. */
SITUATION(stuck, AS_ROOT, "faults in a scan beside a process inside execve(2)")
{
    struct subject subject = SCAN(0);

    subject.set_scene = start_beside_stuck;
    subject.only[0] = "pread64";
    subject.only[1] = "pidfd_send_signal";
    inject_into(subject);
}

SITUATION(by_bpf_read, 0, "faults in a scan by BPF that reads the type information")
{
    struct subject subject = SCAN(USERNS_SCAN_BPF);

    in_child(scan_by_bpf, NULL);
    subject.standing = deny_mapping;
    subject.only[0] = "lseek";
    subject.only[1] = "read";
    inject_into(subject);
}

enum { GROUP = 1234 };

static void hide_processes(void)
{
    char options[64];

    start_scene();
    snprintf(options, sizeof options, "hidepid=2,gid=%d", GROUP);
    CHECK(mount("proc", "/proc", "proc", MS_REMOUNT, options) == 0);
}

static void join_group(void)
{
    become_nobody(GROUP);
}

SITUATION(exempted, AS_ROOT, "faults in a scan of a user from whose group no process is hidden")
{
    struct subject subject = SCAN(USERNS_SCAN_NAMES);

    subject.set_scene = hide_processes;
    subject.prepare = join_group;
    inject_into(subject);
}

#define OPEN(scanned) \
    { \
        .function = "userns_open()", .flags = scanned, .set_scene = start_scene, \
        .prepare = take_snapshot, .act = act_open, .tell = tell_open \
    }

SITUATION(open, 0, "faults while namespaces are opened")
{
    inject_into((struct subject)OPEN(USERNS_SCAN_OWNED));
}

SITUATION(open_ways, 0, "faults while namespaces are opened without handles")
{
    struct subject subject = OPEN(USERNS_SCAN_PINNED);

    subject.standing = deny_handles;
    inject_into(subject);
}

SITUATION(open_loaded, 0, "faults while namespaces of a loaded snapshot are opened")
{
    struct subject subject = OPEN(0);

    subject.set_scene = save_scene;
    subject.prepare = load_snapshot;
    inject_into(subject);
}

#define DESCRIBE \
    { \
        .function = "userns_describe()", .set_scene = start_scene, .prepare = open_some, \
        .act = act_describe, .tell = tell_describe \
    }

SITUATION(describe, 0, "faults while namespaces are described")
{
    inject_into((struct subject)DESCRIBE);
}

/* As before Linux 5.3. */
static int deny_pidfds(const struct seccomp_data *data, int occurrence UNUSED)
{
    return data->nr == __NR_pidfd_open ? ENOSYS : 0;
}

SITUATION(describe_by_proc, 0, "faults while namespaces are described without pidfds")
{
    struct subject subject = DESCRIBE;

    subject.standing = deny_pidfds;
    inject_into(subject);
}

SITUATION(compare, 0, "a comparison makes no system call that can fail")
{
    inject_into((struct subject){ .function = "userns_compare()",
                                  .set_scene = start_scene,
                                  .prepare = take_two_snapshots,
                                  .act = act_compare,
                                  .tell = tell_compare });
}

#define SAVE \
    { \
        .function = "userns_save()", .flags = EVERY_FLAG, .set_scene = save_scene, \
        .prepare = load_and_make_file, .act = act_save, .tell = tell_save, .is_file = true \
    }

#define LOAD \
    { \
        .function = "userns_load()", .flags = EVERY_FLAG, .set_scene = save_scene, \
        .prepare = rewind_file, .act = act_load, .tell = tell_scan \
    }

SITUATION(save, 0, "faults while a snapshot is saved")
{
    inject_into((struct subject)SAVE);
}

SITUATION(save_waiting, 0, "faults while a snapshot is saved to a non-blocking descriptor")
{
    struct subject subject = SAVE;

    subject.standing = would_block;
    inject_into(subject);
}

/* A pipe that nobody reads. */
static void load_and_break_pipe(void)
{
    int ends[2];

    snapshot = load_from(saved);
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    close(ends[0]);
    target = ends[1];
}

/* The error that there is without a fault, too. */
static int act_save_broken(void)
{
    int error = userns_save(snapshot, target);

    return error == -EPIPE ? 0 : error;
}

static void tell_save_broken(FILE *out)
{
    sigset_t pending;

    CHECK(sigpending(&pending) == 0);
    if (sigismember(&pending, SIGPIPE))
        fprintf(out, "SIGPIPE\n");
    userns_free(snapshot);
}

SITUATION(save_broken, 0, "faults while a snapshot is saved to a pipe that nobody reads")
{
    inject_into((struct subject){ .function = "userns_save()",
                                  .flags = EVERY_FLAG,
                                  .set_scene = save_scene,
                                  .prepare = load_and_break_pipe,
                                  .act = act_save_broken,
                                  .tell = tell_save_broken });
}

SITUATION(load, 0, "faults while a snapshot is loaded")
{
    inject_into((struct subject)LOAD);
}

SITUATION(load_waiting, 0, "faults while a snapshot is loaded from a non-blocking descriptor")
{
    struct subject subject = LOAD;

    subject.standing = would_block;
    inject_into(subject);
}

/* Which is read once, if a probe scans. */
static void read_boot_id(void)
{
    userns_free(scan());
}

static void inject_into_probe(uint32_t flags, void (*set_scene)(void))
{
    inject_into((struct subject){ .function = "userns_probe()",
                                  .flags = flags,
                                  .set_scene = set_scene,
                                  .prepare = read_boot_id,
                                  .act = act_probe,
                                  .tell = tell_probe });
}

SITUATION(probe, 0, "faults in a probe")
{
    inject_into_probe(0, NULL);
}

SITUATION(probe_one_by_one, 0, "faults in a probe that makes one namespace after the other")
{
    inject_into_probe(USERNS_PROBE_ONE_BY_ONE, NULL);
}

SITUATION(probe_read_only, 0, "faults in a probe that tries nothing")
{
    inject_into_probe(USERNS_PROBE_READ_ONLY, NULL);
}

static void reach_limit(void)
{
    new_user_namespace();
    start(go_down, &(int){ 1 });
    CHECK(write_file("/proc/sys/user/max_user_namespaces", "1"));
}

SITUATION(probe_limit, 0, "faults in a probe that reaches a limit")
{
    inject_into_probe(0, reach_limit);
}

static void be_chrooted(void)
{
    enter_chroot(true);
}

SITUATION(probe_chroot, 0, "faults in a probe in a chroot")
{
    inject_into_probe(0, be_chrooted);
}

static void mask_proc(void)
{
    mount_tmpfs("/proc/fs");
}

SITUATION(probe_masked, 0, "faults in a probe where a part of /proc is hidden")
{
    inject_into_probe(0, mask_proc);
}

/* As AppArmor does; the probe is of a process that is dumpable. */
static int deny_maps(const struct seccomp_data *data, int occurrence UNUSED)
{
    return data->nr == __NR_write ? EACCES : 0;
}

SITUATION(probe_unmapped, 0, "faults in a probe whose maps cannot be written")
{
    inject_into((struct subject){ .function = "userns_probe()",
                                  .prepare = read_boot_id,
                                  .act = act_probe,
                                  .tell = tell_probe,
                                  .standing = deny_maps });
}

static void have_mappers(void)
{
    have_programs(map_ids, 0755);
}

SITUATION(probe_subids, AS_ROOT, "faults in a probe that maps subordinate ids")
{
    inject_into_probe(USERNS_PROBE_SUBIDS, have_mappers);
}

SITUATION(probe_read_subids, AS_ROOT, "faults in a probe that looks for subordinate ids")
{
    inject_into_probe(USERNS_PROBE_SUBIDS | USERNS_PROBE_READ_ONLY, have_mappers);
}

static void be_capable(void)
{
    read_boot_id();
    become_capable_nobody();
}

SITUATION(probe_file_capabilities, AS_ROOT,
          "faults in a probe that looks for the privileges of programs")
{
    inject_into((struct subject){ .function = "userns_probe()",
                                  .flags = USERNS_PROBE_SUBIDS | USERNS_PROBE_READ_ONLY,
                                  .set_scene = have_mappers,
                                  .prepare = be_capable,
                                  .act = act_probe,
                                  .tell = tell_probe });
}
