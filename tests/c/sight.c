/* Callers that do not see everything, and what the snapshot then says. */
#include "kit.h"
#include <linux/capability.h>

static void need_root(void)
{
    if (geteuid() != 0 || inode_of(getpid()) != INITIAL_INODE)
        skip("needs root in the initial user namespace");
}

/* ---- Refusals ---- */

/* In the room are its process 1 and a namespace of root, both out of reach, and what this makes. */
static void scan_as_nobody(void *roots_pid)
{
    int one = 1;
    struct userns_snapshot *snapshot;
    const struct userns_node *own, *node;
    pid_t pid;
    uid_t owner;

    become_nobody(0);
    pid = start(go_down, &one);
    snapshot = scan();
    own = userns_self(snapshot);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 2);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_UNREADABLE);
    CHECK(!(userns_gaps(snapshot) & (USERNS_GAP_HIDEPID | USERNS_GAP_NESTED)));
    CHECK(userns_find_pid(snapshot, 1) == NULL);
    CHECK(userns_find_pid(snapshot, *(pid_t *)roots_pid) == NULL);
    CHECK(userns_flags(own) == USERNS_NODE_INITIAL && userns_root(snapshot) == own);
    CHECK(has_members(own, 1, getpid()));
    node = userns_find_pid(snapshot, pid);
    CHECK(userns_parent(node) == own && has_members(node, 1, pid));
    CHECK(userns_owner_uid(node, &owner) && owner == NOBODY);
    CHECK_EQ(node_count(snapshot), 2);
    userns_free(snapshot);
}

static void unprivileged_in_room(void *unused)
{
    int one = 1;
    pid_t pid = start(go_down, &one);

    (void)unused;
    in_child(scan_as_nobody, &pid);
}

static void unprivileged(void)
{
    need_root();
    in_clean_room(unprivileged_in_room, NULL);
}

/* Root without CAP_SYS_PTRACE may not read processes that have more capabilities than it has. */
static void scan_without_ptrace(void *unused)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2];
    struct userns_snapshot *snapshot;

    (void)unused;
    CHECK(syscall(SYS_capget, &header, data) == 0);
    data[0].effective &= ~(UINT32_C(1) << CAP_SYS_PTRACE);
    data[0].permitted &= ~(UINT32_C(1) << CAP_SYS_PTRACE);
    CHECK(syscall(SYS_capset, &header, data) == 0);
    snapshot = scan();
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 1);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_UNREADABLE);
    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_HIDEPID));
    CHECK(has_members(userns_self(snapshot), 1, getpid()));
    userns_free(snapshot);
}

static void root_refused_in_room(void *unused)
{
    in_child(scan_without_ptrace, unused);
}

static void root_refused(void)
{
    need_root();
    in_clean_room(root_refused_in_room, NULL);
}

/* Every process of the host is in a node or counted, whoever refuses; process 1 may, even to root. */
static void all_accounted_for(void)
{
    for (int attempt = 0; attempt < 100; attempt++) {
        struct userns_snapshot *snapshot = scan();
        DIR *directory = opendir("/proc");
        size_t listed = 0, seen = userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), count;
        const struct userns_node *const *nodes = userns_nodes(snapshot, &count);

        CHECK(directory != NULL);
        CHECK((userns_gap_count(snapshot, USERNS_GAP_UNREADABLE) > 0) ==
              ((userns_gaps(snapshot) & USERNS_GAP_UNREADABLE) != 0));
        for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
            listed += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
        for (size_t i = 0, members; i < count; i++) {
            userns_pids(nodes[i], &members);
            seen += members;
        }
        closedir(directory);
        userns_free(snapshot);
        if (seen == listed)
            return; /* else a process began or ended in between */
    }
    fail("the numbers never agreed");
}

/* ---- Nested user namespaces ---- */

static void check_nested(uint32_t other_gaps)
{
    int one = 1;
    pid_t pid = start(go_down, &one);
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *own = userns_self(snapshot);
    size_t roots;

    CHECK_EQ(userns_gaps(snapshot) & ~(uint32_t)USERNS_GAP_UNREADABLE, USERNS_GAP_NESTED | other_gaps);
    CHECK_EQ(userns_inode(own), inode_of(getpid()));
    CHECK_EQ(userns_flags(own), USERNS_NODE_PARENT_HIDDEN);
    CHECK(userns_parent(own) == NULL && userns_depth(own) == 0);
    CHECK(userns_root(snapshot) == own && userns_roots(snapshot, &roots)[0] == own && roots == 1);
    CHECK(userns_find_inode(snapshot, INITIAL_INODE) == NULL);
    CHECK(userns_parent(userns_find_pid(snapshot, pid)) == own);
    CHECK_EQ(node_count(snapshot), 2);
    userns_free(snapshot);
}

static uint32_t pidns_gap_here(void)
{
    struct userns_snapshot *snapshot = scan();
    uint32_t gap = userns_gaps(snapshot) & USERNS_GAP_PIDNS;

    userns_free(snapshot);
    return gap;
}

/* The procfs shows outer processes, but may not be read by them. */
static void scan_nested(void *unused)
{
    uint32_t gap = pidns_gap_here();
    struct userns_snapshot *snapshot;

    (void)unused;
    new_user_namespace();
    check_nested(gap);
    snapshot = scan();
    CHECK(userns_find_pid(snapshot, getppid()) == NULL && userns_gap_count(snapshot, USERNS_GAP_UNREADABLE) > 0);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_UNREADABLE);
    userns_free(snapshot);
}

static void nested_with_outer_procfs(void)
{
    in_child(scan_nested, NULL);
}

static void scan_nested_in_room(void *unused)
{
    (void)unused;
    check_nested(USERNS_GAP_PIDNS);
}

/* A container: user and PID namespace of its own, and a procfs of these. */
static void nested_with_own_procfs(void)
{
    pid_t pid = fork_child();

    if (pid == 0) {
        new_user_namespace();
        in_clean_room(scan_nested_in_room, NULL);
        exit(0);
    }
    expect_success(pid);
}

/* In a namespace that maps no UID, every owner shows as the overflow UID. */
static void scan_unmapped(void *unused)
{
    struct userns_snapshot *snapshot;
    uid_t owner = 12345;

    (void)unused;
    if (unshare(CLONE_NEWUSER) != 0)
        skip("cannot make a user namespace: %s", strerror(errno));
    snapshot = scan();
    CHECK_EQ(userns_inode(userns_self(snapshot)), inode_of(getpid()));
    CHECK(!userns_owner_uid(userns_self(snapshot), &owner) && owner == 12345);
    userns_free(snapshot);
}

static void owner_out_of_sight(void)
{
    in_child(scan_unmapped, NULL);
}

/* ---- PID namespaces ---- */

/* What a process of the host tells one in the room. */
struct outside {
    pid_t pid;
    uint64_t inode;
    uint32_t gap;
};

static void scan_own_procfs(void *unused)
{
    int one = 1;
    pid_t pid = start(go_down, &one);
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *own = userns_self(snapshot);

    (void)unused;
    CHECK(userns_gaps(snapshot) & USERNS_GAP_PIDNS);
    CHECK(getpid() == 1 && has_members(own, 1, getpid()));
    CHECK(pid == 2 && has_members(userns_find_pid(snapshot, 2), 1, 2));
    CHECK_EQ(node_count(snapshot), 2);
    userns_free(snapshot);
}

static void child_pid_namespace_with_own_procfs(void)
{
    in_clean_room(scan_own_procfs, NULL);
}

/* The procfs numbers processes as outside; there, this process is not number 1. */
static void scan_outer_procfs(const struct outside *outside)
{
    struct userns_snapshot *snapshot = scan();
    char self[16] = "";

    CHECK(getpid() == 1);
    CHECK(readlink("/proc/self", self, sizeof self - 1) > 0);
    CHECK_EQ(userns_gaps(snapshot) & USERNS_GAP_PIDNS, outside->gap);
    CHECK(userns_find_pid(snapshot, atoi(self)) == userns_self(snapshot));
    CHECK(userns_find_pid(snapshot, outside->pid) == userns_self(snapshot));
    CHECK_EQ(userns_inode(userns_self(snapshot)), outside->inode);
    userns_free(snapshot);
}

static void unshare_pid_namespace(void *outside)
{
    pid_t pid;

    if (unshare(CLONE_NEWPID) != 0)
        skip("cannot make a PID namespace: %s", strerror(errno));
    pid = fork_child();
    if (pid == 0) {
        scan_outer_procfs(outside);
        exit(0);
    }
    expect_success(pid);
}

static void child_pid_namespace_with_outer_procfs(void)
{
    struct outside outside;

    if (geteuid() != 0)
        new_user_namespace();
    outside = (struct outside){ getpid(), inode_of(getpid()), pidns_gap_here() };
    in_child(unshare_pid_namespace, &outside);
}

/* ---- Procfs mounts that are not the caller's ---- */

static char *make_directory(void)
{
    static char path[] = "/tmp/userns-XXXXXX";

    /* Nothing outside this mount namespace sees what is mounted here, or keeps the directory. */
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/tmp", "tmpfs", 0, NULL) != 0)
        skip("cannot mount in a mount namespace: %s", strerror(errno));
    CHECK(mkdtemp(path) != NULL);
    return path;
}

static void mount_procfs(void *path)
{
    if (mount("proc", path, "proc", 0, NULL) != 0)
        skip("cannot mount a procfs: %s", strerror(errno));
}

/* Mounts the procfs of a PID namespace that the caller is not in; returns its process 1. */
static pid_t mount_foreign_procfs(char *path)
{
    if (unshare(CLONE_NEWPID) != 0)
        skip("cannot make a PID namespace: %s", strerror(errno));
    return start(mount_procfs, path);
}

static void foreign_procfs(void)
{
    uint64_t inode = inode_of(getpid());
    struct userns_snapshot *snapshot;
    char *path;

    need_root();
    path = make_directory();
    mount_foreign_procfs(path);
    snapshot = scan_at(path);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_PIDNS);
    CHECK_EQ(userns_inode(userns_self(snapshot)), inode);
    CHECK(has_members(userns_self(snapshot), 1, 1));
    userns_free(snapshot);

    /* Without any procfs that shows it, only a pidfd tells a process where it is (Linux 6.11). */
    CHECK(umount2("/proc", MNT_DETACH) == 0);
    snapshot = scan_at(path);
    CHECK(has_members(userns_find_inode(snapshot, inode), 1, 1));
    CHECK(userns_self(snapshot) == NULL || userns_inode(userns_self(snapshot)) == inode);
    CHECK((userns_self(snapshot) == NULL) == !!(userns_gaps(snapshot) & USERNS_GAP_NESTED));
    userns_free(snapshot);
}

static void no_procfs(void)
{
    struct userns_snapshot *snapshot = (void *)1;

    if (geteuid() != 0)
        new_user_namespace();
    make_directory();
    if (mount("tmpfs", "/proc", "tmpfs", 0, NULL) != 0)
        skip("cannot mount over /proc: %s", strerror(errno));
    CHECK(userns_scan(NULL, &snapshot) == -ENODEV && snapshot == NULL);
}

/* ---- hidepid ---- */

/* One of the ways to mount a procfs, and what nobody then sees of the two processes of root. */
struct hiding {
    const char *options;
    gid_t gid;
    bool gap;
    size_t unreadable;
};

static void scan_hidden_as_nobody(void *argument)
{
    const struct hiding *hiding = argument;
    struct userns_snapshot *snapshot;
    int one = 1;
    pid_t pid;

    become_nobody(hiding->gid);
    pid = start(go_down, &one);
    snapshot = scan();
    CHECK_EQ(!!(userns_gaps(snapshot) & USERNS_GAP_HIDEPID), hiding->gap);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), hiding->unreadable);
    CHECK(has_members(userns_self(snapshot), 1, getpid()));
    CHECK(has_members(userns_find_pid(snapshot, pid), 1, pid));
    userns_free(snapshot);
}

static void scan_hidden(void *hiding)
{
    struct userns_snapshot *snapshot;

    if (mount("proc", "/proc", "proc", 0, ((const struct hiding *)hiding)->options) != 0)
        skip("cannot mount a procfs: %s", strerror(errno));
    snapshot = scan(); /* root is exempt */
    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_HIDEPID));
    CHECK(has_members(userns_self(snapshot), 1, 1));
    userns_free(snapshot);
    start(do_nothing, NULL);
    in_child(scan_hidden_as_nobody, hiding);
}

static void hidepid(void)
{
    static struct hiding all[] = {
        { "hidepid=0", 0, false, 2 },
        { "hidepid=1", 0, true, 2 },
        { "hidepid=2", 0, true, 0 },
        { "hidepid=1,gid=4321", 4321, false, 2 },
        { "hidepid=2,gid=4321", 4321, false, 2 },
        { "hidepid=2,gid=4321", 1234, true, 0 },
    };

    need_root();
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        in_clean_room(scan_hidden, &all[i]);
}

static void hidepid_ptraceable(void)
{
    static struct hiding ptraceable = { "hidepid=4,gid=4321", 4321, true, 0 };

    need_root();
    in_clean_room(scan_hidden, &ptraceable);
}

/* The group that hidepid exempts is numbered for the initial namespace, so a nested caller cannot tell. */
static void scan_nested_hidepid(void *unused)
{
    struct userns_snapshot *snapshot;

    (void)unused;
    if (mount("proc", "/proc", "proc", 0, "hidepid=2") != 0)
        skip("cannot mount a procfs: %s", strerror(errno));
    snapshot = scan();
    CHECK(userns_gaps(snapshot) & USERNS_GAP_HIDEPID);
    CHECK(has_members(userns_self(snapshot), 1, 1));
    userns_free(snapshot);
}

static void hidepid_nested(void)
{
    new_user_namespace();
    in_clean_room(scan_nested_hidepid, NULL);
}

/* A procfs whose PID namespace has ended shows nothing, but hides nothing. */
static void procfs_of_the_past(void)
{
    struct userns_snapshot *snapshot;
    char *path;

    need_root();
    path = make_directory();
    end(mount_foreign_procfs(path));
    snapshot = scan_at(path);
    CHECK_EQ(userns_gaps(snapshot), USERNS_GAP_PIDNS);
    CHECK_EQ(userns_inode(userns_self(snapshot)), inode_of(getpid()));
    CHECK(has_members(userns_self(snapshot), 0));
    userns_free(snapshot);
}

/* Without hidepid, nothing is hidden from a caller that the procfs does not show, either. */
static void scan_foreign_as_nobody(void *path)
{
    struct userns_snapshot *snapshot;

    become_nobody(0);
    snapshot = scan_at(path);
    CHECK_EQ(userns_gaps(snapshot), USERNS_GAP_PIDNS | USERNS_GAP_UNREADABLE);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 1);
    userns_free(snapshot);
}

static void foreign_procfs_as_nobody(void)
{
    char *path;
    pid_t pid, scanner;

    need_root();
    path = make_directory();
    scanner = fork_child(); /* which is in this PID namespace still */
    if (scanner == 0) {
        CHECK(raise(SIGSTOP) == 0);
        scan_foreign_as_nobody(path);
        exit(0);
    }
    pid = mount_foreign_procfs(path);
    CHECK(waitpid(scanner, NULL, WUNTRACED) == scanner);
    CHECK(kill(scanner, SIGCONT) == 0);
    expect_success(scanner);
    end(pid);
}

/*
 * Whoever may mount can put other files where the namespaces of a process are looked for: one
 * that a link like that of a namespace leads to, or a FIFO, which nothing must wait for.
 */
static void look_at_false_files(void *pid)
{
    struct userns_snapshot *snapshot;
    char path[32], link[64], file[64];

    for (mode_t type = S_IFREG; type != 0; type = type == S_IFREG ? S_IFIFO : 0) {
        snprintf(path, sizeof path, "/proc/%d/ns", (int)*(pid_t *)pid);
        CHECK(mount("tmpfs", path, "tmpfs", 0, NULL) == 0);
        snprintf(link, sizeof link, "%s/user", path);
        snprintf(file, sizeof file, "%s/user:[1]", path);
        CHECK(symlink("user:[1]", link) == 0 && mknod(file, type | 0600, 0) == 0);
        snapshot = scan();
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 1);
        CHECK(userns_find_inode(snapshot, 1) == NULL && userns_find_pid(snapshot, *(pid_t *)pid) == NULL);
        CHECK(userns_find_pid(snapshot, 1) == userns_self(snapshot));
        userns_free(snapshot);
        CHECK(umount(path) == 0);
    }
}

static void false_files_in_room(void *unused)
{
    pid_t pid = start(do_nothing, unused), own = getpid();

    look_at_false_files(&pid);
    /* The own namespace is then found in another way. */
    if (userns_id(userns_self(scan())) != 0) { /* Linux 6.18, so 6.11, too */
        struct userns_snapshot *snapshot;
        CHECK(mount("tmpfs", "/proc/self/ns", "tmpfs", 0, NULL) == 0);
        CHECK(mknod("/proc/self/ns/user", S_IFIFO | 0600, 0) == 0);
        snapshot = scan();
        CHECK(userns_self(snapshot) != NULL);
        CHECK(userns_find_pid(snapshot, own) == NULL && userns_gap_count(snapshot, USERNS_GAP_UNREADABLE) == 1);
        userns_free(snapshot);
    }
}

static void false_files(void)
{
    in_clean_room(false_files_in_room, NULL);
}

/* A security module can refuse even root; then hidepid hides the process altogether. */
static void scan_without_init(void *unused)
{
    struct userns_snapshot *snapshot;
    char *path = make_directory();

    (void)unused;
    if (open_namespace(1, "user") >= 0)
        skip("root may read process 1 here");
    if (mount("proc", path, "proc", 0, "hidepid=4") != 0) /* which exempts no group */
        skip("cannot mount a procfs: %s", strerror(errno));
    snapshot = scan_at(path);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 0);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_HIDEPID);
    userns_free(snapshot);
}

static void hidden_even_from_root(void)
{
    need_root();
    in_child(scan_without_init, NULL);
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "unprivileged", unprivileged },
        { "root_refused", root_refused },
        { "all_accounted_for", all_accounted_for },
        { "nested_with_outer_procfs", nested_with_outer_procfs },
        { "nested_with_own_procfs", nested_with_own_procfs },
        { "owner_out_of_sight", owner_out_of_sight },
        { "child_pid_namespace_with_own_procfs", child_pid_namespace_with_own_procfs },
        { "child_pid_namespace_with_outer_procfs", child_pid_namespace_with_outer_procfs },
        { "foreign_procfs", foreign_procfs },
        { "no_procfs", no_procfs },
        { "hidepid", hidepid },
        { "hidepid_ptraceable", hidepid_ptraceable },
        { "hidepid_nested", hidepid_nested },
        { "procfs_of_the_past", procfs_of_the_past },
        { "foreign_procfs_as_nobody", foreign_procfs_as_nobody },
        { "false_files", false_files },
        { "hidden_even_from_root", hidden_even_from_root },
        { NULL, NULL },
    };

    return run(all, argc, argv);
}
