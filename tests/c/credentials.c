/* Facts about processes: UIDs, capabilities and PIDs from one file, cgroups from another one. */
#include "situation.h"
#include "owners.h"

#define FACTS (USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS)

static uid_t uid_in(const struct userns_snapshot *snapshot, pid_t pid)
{
    uid_t uid;

    CHECK(userns_process_uid(snapshot, pid, NULL) && userns_process_uid(snapshot, pid, &uid));
    return uid;
}

static uint64_t capabilities_in(const struct userns_snapshot *snapshot, pid_t pid)
{
    uint64_t bits;

    CHECK(userns_process_capabilities(snapshot, pid, NULL));
    CHECK(userns_process_capabilities(snapshot, pid, &bits));
    return bits;
}

/* Nothing but, perhaps, a cgroup is known of a process. */
static void check_unknown(const struct userns_snapshot *snapshot, pid_t pid)
{
    uid_t uid = 77;
    uint64_t bits = 77;
    size_t count = 77;

    CHECK(!userns_process_uid(snapshot, pid, &uid) && uid == 77);
    CHECK(!userns_process_capabilities(snapshot, pid, &bits) && bits == 77);
    CHECK(userns_process_pids(snapshot, pid, &count) == NULL && count == 0);
    CHECK(userns_process_pids(snapshot, pid, NULL) == NULL);
}

/* ---- Credentials ---- */

static void become_user(void *uid)
{
    become(*(unsigned *)uid);
    set_capabilities(0x2000000400);
}

static void become_others(void *unused UNUSED)
{
    CHECK(setresuid(1, 2, 3) == 0);
}

SITUATION(users, AS_ROOT | IN_SANDBOX | BY_BPF, "the effective UID and capabilities of processes")
{
    pid_t root = start(do_nothing, NULL), user = start(become_user, &(unsigned){ 4000000000 });
    pid_t nobody = start(become_user, &(unsigned){ NOBODY }), others = start(become_others, NULL);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_CREDENTIALS);

    CHECK_EQ(uid_in(snapshot, root), 0);
    CHECK_EQ(capabilities_in(snapshot, root), effective_capabilities());
    CHECK_EQ(uid_in(snapshot, user), 4000000000);
    CHECK_EQ(capabilities_in(snapshot, user), 0x2000000400);
    CHECK_EQ(uid_in(snapshot, nobody), NOBODY); /* here all UIDs have a mapping */
    CHECK_EQ(uid_in(snapshot, others), 2);      /* not the real or the saved one */
    CHECK_EQ(capabilities_in(snapshot, others), 0);
    CHECK(userns_process_cgroup(snapshot, root) == NULL);
    CHECK_EQ(userns_gaps(snapshot) & (USERNS_GAP_CREDENTIALS | USERNS_GAP_CGROUPS), 0);
    userns_free(snapshot);
}

SITUATION(only_if_wanted, IN_SANDBOX | BY_BPF, "other scans read none; there are none of others")
{
    pid_t pid = start(do_nothing, NULL);
    struct userns_snapshot *with = scan_with(FACTS), *without;

    end(pid);
    without = scan_with(EVERY_FLAG & ~FACTS);
    check_unknown(without, 1);
    check_unknown(without, pid);
    CHECK(userns_process_cgroup(without, 1) == NULL);
    CHECK_EQ(uid_in(with, pid), geteuid());
    CHECK_EQ(capabilities_in(with, 1), effective_capabilities());
    check_unknown(with, 12345678);
    check_unknown(with, -1);
    CHECK(userns_process_cgroup(with, -1) == NULL);
    check_unknown(NULL, 1);
    CHECK(userns_process_cgroup(NULL, 1) == NULL);
    userns_free(with);
    userns_free(without);
}

/* Tabs and newlines that look like lines of the file. */
static void take_odd_name(void *name)
{
    CHECK(prctl(PR_SET_NAME, name) == 0);
}

SITUATION(odd_names, IN_SANDBOX | BY_BPF, "the name of a process is no line of its credentials")
{
    static const char *const names[] = { "\nUid:\t7\t7\t7\t", "x\nCapEff:\tff", "\nNSpid:\t1",
                                         "Tgid:\t1\n",        "CapEff:",        "\\\n\n" };
    pid_t pids[sizeof names / sizeof *names];
    struct userns_snapshot *snapshot;

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        pids[i] = start(take_odd_name, (void *)names[i]);
    snapshot = scan_with(USERNS_SCAN_CREDENTIALS);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        size_t count;

        CHECK_EQ(uid_in(snapshot, pids[i]), geteuid());
        CHECK_EQ(capabilities_in(snapshot, pids[i]), effective_capabilities());
        CHECK_EQ(*userns_process_pids(snapshot, pids[i], &count), pids[i]);
        CHECK_EQ(count, 1);
    }
    userns_free(snapshot);
}

/* As many groups as there can be: a line of 65536 numbers. */
static void join_groups(void *unused UNUSED)
{
    enum { GROUPS = 65536 };
    static gid_t groups[GROUPS];

    for (int i = 0; i < GROUPS; i++)
        groups[i] = 4000000000 + (unsigned)i;
    CHECK(setgroups(GROUPS, groups) == 0);
}

SITUATION(many_groups, AS_ROOT | IN_SANDBOX | BY_BPF, "a file of 700 kilobytes has the same lines")
{
    pid_t pid = start(join_groups, NULL);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_CREDENTIALS);

    CHECK_EQ(uid_in(snapshot, pid), 0);
    CHECK_EQ(capabilities_in(snapshot, pid), effective_capabilities());
    CHECK_EQ(*userns_process_pids(snapshot, pid, NULL), pid);
    userns_free(snapshot);
}

/* ---- PIDs ---- */

enum { LEVELS = 3 };

/* For start(): makes processes in nested PID namespaces, and tells the PID of the last one there. */
static void nest(void *levels)
{
    int left = *(int *)levels;

    if (left == 0)
        return;
    CHECK(unshare(CLONE_NEWPID) == 0);
    left--;
    start(nest, &left);
}

/* The PIDs of a process, from NSpid in proc_pid_status(5). */
static size_t read_pids(pid_t pid, pid_t pids[], size_t size)
{
    char path[64], line[256];
    size_t count = 0;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    file = fopen(path, "re");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL) {
        if (strncmp(line, "NSpid:", 6) != 0)
            continue;
        for (char *next = strtok(line + 6, "\t\n"); next != NULL; next = strtok(NULL, "\t\n")) {
            CHECK(count < size);
            pids[count++] = atoi(next);
        }
    }
    fclose(file);
    return count;
}

SITUATION(nested_pids, IN_SANDBOX | BY_BPF, "PIDs from the PID namespace of the procfs downwards")
{
    struct userns_snapshot *snapshot;
    size_t deepest = 0, count;
    const pid_t *members;

    start(nest, &(int){ LEVELS });
    snapshot = scan_with(USERNS_SCAN_CREDENTIALS);
    members = userns_pids(userns_self(snapshot), &count);
    CHECK_EQ(count, 1 + 1 + LEVELS);
    for (size_t i = 0; i < count; i++) {
        pid_t expected[40];
        size_t expected_count = read_pids(members[i], expected, 40), known;
        const pid_t *pids = userns_process_pids(snapshot, members[i], &known);

        CHECK_EQ(known, expected_count);
        CHECK(memcmp(pids, expected, known * sizeof *pids) == 0);
        CHECK_EQ(pids[0], members[i]);
        deepest = known > deepest ? known : deepest;
    }
    CHECK_EQ(deepest, 1 + LEVELS);
    userns_free(snapshot);
}

/* ---- What cannot be read ---- */

static void scan_as_nobody(void *pid)
{
    pid_t other = *(pid_t *)pid;
    struct userns_snapshot *snapshot;
    uint32_t reason = 0;

    become_nobody(0);
    snapshot = scan_with(FACTS);
    CHECK(userns_find_pid(snapshot, other) == NULL);
    CHECK(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE) >= 2);
    CHECK_EQ(uid_in(snapshot, other), 0);
    CHECK_EQ(*userns_process_pids(snapshot, other, NULL), other);
    CHECK(capabilities_in(snapshot, other) != 0);
    CHECK_EQ(capabilities_in(snapshot, getpid()), 0);
    CHECK((userns_process_cgroup(snapshot, other) == NULL) ==
          (userns_process_cgroup(snapshot, getpid()) == NULL));
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CREDENTIALS), 0);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CGROUPS), 0);
    CHECK_EQ(userns_capable(snapshot, other, CAP_KILL, userns_self(snapshot), &reason), -ENODATA);
    CHECK_EQ(reason, USERNS_WHY_HIDDEN);
    userns_free(snapshot);

    snapshot = scan();
    check_unknown(snapshot, other);
    CHECK_EQ(userns_capable(snapshot, other, CAP_KILL, userns_self(snapshot), NULL), -ENODATA);
    CHECK_EQ(userns_capable(snapshot, 12345678, CAP_KILL, userns_self(snapshot), NULL), -ESRCH);
    userns_free(snapshot);
}

SITUATION(of_others, AS_ROOT | IN_SANDBOX,
          "everyone may read the credentials of processes that are in no node")
{
    pid_t other = start(do_nothing, NULL);

    in_child(scan_as_nobody, &other);
}

SITUATION(hidepid, AS_ROOT | IN_SANDBOX, "with hidepid=1 nothing about others can be read")
{
    pid_t other = start(do_nothing, NULL);
    struct userns_snapshot *snapshot;

    CHECK(mount("proc", "/proc", "proc", MS_REMOUNT, "hidepid=1") == 0);
    become_nobody(0);
    snapshot = scan_with(FACTS);
    check_unknown(snapshot, other);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 1);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CREDENTIALS), 1);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CGROUPS), 1);
    CHECK_EQ(userns_capable(snapshot, other, CAP_KILL, userns_self(snapshot), NULL), -ENODATA);
    userns_free(snapshot);
}

/* Leaves a zombie, which is one when this returns. */
static void leave_zombie(void (*act)(void *), void *argument)
{
    pid_t pid = fork_child();
    siginfo_t info;

    if (pid == 0) {
        act(argument);
        _exit(0);
    }
    CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
}

/* For start(). */
static void die(void *unused)
{
    leave_zombie(do_nothing, unused);
}

SITUATION(zombie, IN_SANDBOX | BY_BPF, "a process that has ended, and whose parent does not wait")
{
    struct userns_snapshot *snapshot;
    const pid_t *pids;
    size_t count;
    pid_t zombie;

    start(die, NULL);
    snapshot = scan_with(FACTS);
    pids = userns_pids(userns_self(snapshot), &count);
    CHECK_EQ(count, 3);
    zombie = pids[2];
    CHECK_EQ(uid_in(snapshot, zombie), geteuid());
    CHECK_EQ(capabilities_in(snapshot, zombie), effective_capabilities());
    CHECK_EQ(*userns_process_pids(snapshot, zombie, NULL), zombie);
    userns_free(snapshot);
}

static void mount_fifo_over(pid_t pid, const char *file)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    mount_tmpfs("/mnt");
    CHECK(mkfifo("/mnt/fifo", 0600) == 0);
    CHECK(mount("/mnt/fifo", path, "none", MS_BIND, NULL) == 0);
}

SITUATION(covered, IN_SANDBOX | BY_BPF, "a FIFO is mounted over the files of a process")
{
    pid_t first = start(do_nothing, NULL), second = start(do_nothing, NULL);
    struct userns_snapshot *snapshot;

    mount_fifo_over(first, "status");
    mount_fifo_over(second, "cgroup");
    snapshot = scan_with(FACTS);
    CHECK(userns_find_pid(snapshot, first) == userns_self(snapshot));
    CHECK_EQ(uid_in(snapshot, second), geteuid());
    if (is_by_bpf() && !is_before(5, 12)) { /* BPF tells the path */
        CHECK(userns_process_cgroup(snapshot, second) == userns_process_cgroup(snapshot, first));
    } else {
        CHECK(userns_process_cgroup(snapshot, second) == NULL);
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CGROUPS), 1);
    }
    if (is_by_bpf()) {
        CHECK_EQ(uid_in(snapshot, first), geteuid());
    } else {
        check_unknown(snapshot, first);
        CHECK_EQ(userns_capable(snapshot, first, CAP_KILL, userns_self(snapshot), NULL), -ENODATA);
    }
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CREDENTIALS), is_by_bpf() ? 0 : 1);
    userns_free(snapshot);
}

/* ---- Cgroups ---- */

/* The path in the last line of proc_pid_cgroup(5), "" if that is not of version 2. */
static const char *read_cgroup(pid_t pid)
{
    static char text[64 * 1024];
    char path[64], *line, *end;
    int fd;

    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    read_all(fd, text, sizeof text);
    line = strstr(text, "0::/");
    if (line == NULL || (line != text && line[-1] != '\n'))
        return "";
    end = strchr(line, '\n');
    CHECK(end != NULL && end[1] == '\0');
    *end = '\0';
    return line + 3;
}

SITUATION(cgroup, IN_SANDBOX | BY_BPF, "the cgroup of this process, as the kernel shows it")
{
    const char *expected = read_cgroup(getpid());
    struct userns_snapshot *snapshot = scan_with(FACTS);
    const char *path = userns_process_cgroup(snapshot, getpid());

    CHECK(strcmp(path != NULL ? path : "", expected) == 0);
    CHECK(path == NULL || userns_process_cgroup(snapshot, getpid()) == path);
    userns_free(snapshot);
}

/* For start(): joins a cgroup. */
static void join_cgroup(void *directory)
{
    char path[8192];

    snprintf(path, sizeof path, "%s/cgroup.procs", (const char *)directory);
    CHECK(write_file(path, "0"));
}

/* Makes a cgroup, which nobody else has. Returns its path. */
static char *make_cgroup(const char *suffix)
{
    static char path[128];

    if (mount("none", "/mnt", "cgroup2", 0, NULL) != 0)
        skip("cannot mount cgroup2: %s", strerror(errno));
    snprintf(path, sizeof path, "/mnt/userns%s-XXXXXX", suffix);
    CHECK(mkdtemp(path) != NULL);
    return path;
}

/* The processes in it have ended, or are about to. */
static void remove_cgroup(const char *path)
{
    for (int i = 0; i < 100 && rmdir(path) != 0; i++)
        usleep(10000);
    CHECK(access(path, F_OK) != 0);
}

SITUATION(odd_cgroup, AS_ROOT | IN_SANDBOX | BY_BPF,
          "a path with odd bytes, shared by two processes")
{
    char *group = make_cgroup(" a\\n\t\"\x01\xff 0::");
    struct userns_snapshot *snapshot;
    const char *path;
    pid_t one, other;

    one = start(join_cgroup, group);
    other = start(join_cgroup, group);
    snapshot = scan_with(USERNS_SCAN_CGROUPS);
    path = userns_process_cgroup(snapshot, one);
    CHECK(path != NULL && strcmp(path, read_cgroup(one)) == 0);
    CHECK(strcmp(strrchr(path, '/'), strrchr(group, '/')) == 0);
    CHECK(userns_process_cgroup(snapshot, other) == path); /* one copy */
    check_unknown(snapshot, one);
    userns_free(snapshot);
    end(one);
    end(other);
    remove_cgroup(group);
}

static void enter_cgroup_namespace(void *directory)
{
    join_cgroup(directory);
    CHECK(unshare(CLONE_NEWCGROUP) == 0);
}

static void scan_in_cgroup_namespace(void *argument)
{
    struct userns_snapshot *snapshot;

    enter_cgroup_namespace(argument);
    snapshot = scan_with(USERNS_SCAN_CGROUPS);
    CHECK(strcmp(userns_process_cgroup(snapshot, getpid()), "/") == 0);
    CHECK(strncmp(userns_process_cgroup(snapshot, 1), "/..", 3) == 0);
    userns_free(snapshot);
}

SITUATION(cgroup_namespace, AS_ROOT | IN_SANDBOX | BY_BPF,
          "paths are relative to that of the caller")
{
    char *group = make_cgroup("");
    struct userns_snapshot *snapshot;
    pid_t pid;

    in_child(scan_in_cgroup_namespace, group);
    pid = start(enter_cgroup_namespace, group);
    snapshot = scan_with(USERNS_SCAN_CGROUPS);
    CHECK(strcmp(userns_process_cgroup(snapshot, pid), "/") != 0);
    CHECK(strcmp(userns_process_cgroup(snapshot, pid), read_cgroup(pid)) == 0);
    userns_free(snapshot);
    end(pid);
    remove_cgroup(group);
}

SITUATION(own_cgroup_covered, AS_ROOT | IN_SANDBOX | BY_BPF,
          "something is mounted over the caller's own file, which says whether there are cgroups")
{
    char *group = make_cgroup("-other"), path[64];
    pid_t other = start(join_cgroup, group);
    struct userns_snapshot *snapshot;

    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)getpid());
    CHECK(mount("/dev/null", path, "none", MS_BIND, NULL) == 0);
    snapshot = scan_with(USERNS_SCAN_CGROUPS);
    CHECK(userns_process_cgroup(snapshot, getpid()) == NULL);
    CHECK(strcmp(userns_process_cgroup(snapshot, other), read_cgroup(other)) == 0);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CGROUPS), 1);
    userns_free(snapshot);
    end(other);
    remove_cgroup(group);
}

enum { CGROUPS = 24 };

static struct {
    char *path;
    pid_t pid;
} tree[CGROUPS];

static void scan_tree_from(void *path)
{
    struct userns_snapshot *snapshot;

    enter_cgroup_namespace(path);
    snapshot = scan_with(USERNS_SCAN_CGROUPS);
    for (int i = 0; i < CGROUPS; i++)
        CHECK(strcmp(userns_process_cgroup(snapshot, tree[i].pid), read_cgroup(tree[i].pid)) == 0);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CGROUPS), 0);
    userns_free(snapshot);
}

SITUATION(cgroup_tree, AS_ROOT | IN_SANDBOX | BY_BPF,
          "a random tree of cgroups, seen from the cgroup namespace of each of them")
{
    char *group = make_cgroup("-tree");

    srand(5);
    tree[0].path = strdup(group);
    for (int i = 0; i < CGROUPS; i++) {
        if (i > 0) {
            CHECK(asprintf(&tree[i].path, "%s/%d", tree[rand() % i].path, i) > 0);
            CHECK(mkdir(tree[i].path, 0700) == 0);
        }
        tree[i].pid = start(join_cgroup, tree[i].path);
    }
    for (int i = 0; i < CGROUPS; i++)
        in_child(scan_tree_from, tree[i].path);
    for (int i = CGROUPS - 1; i >= 0; i--) {
        end(tree[i].pid);
        remove_cgroup(tree[i].path);
        free(tree[i].path);
    }
}

enum { LONGEST_PATH = 4094 };

/* Whether the kernel tells the whole path: a longer one it cuts off, or does not tell. */
static bool tells_cgroup(pid_t pid)
{
    char path[64], byte;
    int fd;
    ssize_t length;

    snprintf(path, sizeof path, "/proc/%d/cgroup", (int)pid);
    fd = open(path, O_RDONLY | O_CLOEXEC);
    length = read(fd, &byte, 1);
    CHECK(length == 1 || errno == ENAMETOOLONG);
    close(fd);
    return length == 1 && strlen(read_cgroup(pid)) <= LONGEST_PATH;
}

SITUATION(long_cgroup, AS_ROOT | IN_SANDBOX | BY_BPF,
          "paths of up to 4094 bytes; a longer one, which the kernel does not tell")
{
    char *group = make_cgroup("");
    enum { NAME = 200, MOST = 40 };
    char name[NAME + 1] = { 0 };
    struct userns_snapshot *snapshot;
    pid_t pids[MOST];
    int made = 0;

    memset(name, 'x', NAME);
    CHECK(chdir(group) == 0);
    do {
        CHECK(made < MOST && mkdir(name, 0700) == 0 && chdir(name) == 0);
        pids[made++] = start(join_cgroup, ".");
    } while (tells_cgroup(pids[made - 1]));
    snapshot = scan_with(USERNS_SCAN_CGROUPS);
    for (int i = 0; i < made - 1; i++)
        CHECK(strcmp(userns_process_cgroup(snapshot, pids[i]), read_cgroup(pids[i])) == 0);
    CHECK(strlen(userns_process_cgroup(snapshot, pids[made - 2])) > LONGEST_PATH - 1 - NAME);
    CHECK(userns_process_cgroup(snapshot, pids[made - 1]) == NULL);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_CGROUPS), 1);
    userns_free(snapshot);
    while (made-- > 0) {
        end(pids[made]);
        CHECK(chdir("..") == 0);
        remove_cgroup(name);
    }
    remove_cgroup(group);
}

/* For start(): leaves a zombie in a cgroup. */
static void die_in_cgroup(void *directory)
{
    leave_zombie(join_cgroup, directory);
}

SITUATION(deleted_cgroup, AS_ROOT | IN_SANDBOX | BY_BPF,
          "a zombie, the cgroup of which was removed")
{
    char *group = make_cgroup("-deleted");
    struct userns_snapshot *snapshot;
    const char *path;
    const pid_t *pids;
    size_t count;

    start(die_in_cgroup, group);
    remove_cgroup(group);
    snapshot = scan_with(USERNS_SCAN_CGROUPS);
    pids = userns_pids(userns_self(snapshot), &count);
    CHECK_EQ(count, 3);
    path = userns_process_cgroup(snapshot, pids[2]);
    CHECK(strcmp(path, read_cgroup(pids[2])) == 0);
    CHECK(strstr(path, " (deleted)") != NULL);
    userns_free(snapshot);
}
