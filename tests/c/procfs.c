/* The scanned procfs: of which PID namespace it is, and what hidepid hides. */
#include "situation.h"

/* ---- The procfs of an outer or inner PID namespace ---- */

SITUATION(nested_with_own_procfs, IN_SANDBOX, "a nested PID namespace has its own numbers")
{
    int one = 1;
    pid_t pid = start(go_down, &one);
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *own = userns_self(snapshot);

    CHECK(userns_gaps(snapshot) & USERNS_GAP_PIDNS);
    CHECK_EQ(userns_pid_namespace(snapshot), inode_of_link(getpid(), "pid"));
    CHECK(getpid() == 1 && has_members(own, 1, getpid()));
    CHECK(pid == 2 && has_members(userns_find_pid(snapshot, 2), 1, 2));
    CHECK_EQ(node_count(snapshot), 2);
    userns_free(snapshot);
}

/* A process in the outer PID namespace, as seen by a process in the inner one. */
struct outside {
    pid_t pid;
    uint64_t inode, pid_namespace;
    uint32_t gap;
};

/* In the numbers of the procfs, this process is not number 1. */
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
    /* A security module can deny even root to read process 1. */
    CHECK(userns_pid_namespace(snapshot) == outside->pid_namespace ||
          (userns_pid_namespace(snapshot) == 0 && open_namespace(1, "pid") < 0));
    CHECK(inode_of_link(atoi(self), "pid") != outside->pid_namespace);
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

SITUATION(nested_with_outer_procfs, 0, "in a nested PID namespace, the procfs of the outer one")
{
    struct userns_snapshot *snapshot;
    struct outside outside;

    if (geteuid() != 0)
        new_user_namespace();
    snapshot = scan();
    outside = (struct outside){
        .pid = getpid(),
        .inode = inode_of(getpid()),
        .pid_namespace = inode_of_link(getpid(), "pid"),
        .gap = userns_gaps(snapshot) & USERNS_GAP_PIDNS,
    };
    CHECK_EQ(userns_pid_namespace(snapshot), outside.pid_namespace);
    userns_free(snapshot);
    in_child(unshare_pid_namespace, &outside);
}

/* ---- A procfs that does not show the caller ---- */

/* Mounts there are in a private mount namespace, and so is the directory. */
static char *make_directory(void)
{
    static char path[] = "/tmp/userns-XXXXXX";

    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/tmp", "tmpfs", 0, NULL) != 0)
        skip("cannot mount in a mount namespace: %s", strerror(errno));
    CHECK(mkdtemp(path) != NULL);
    return path;
}

/* The PID namespace of a procfs that does not show the caller: known and right, or unknown. */
static void check_inner_pid_namespace(const struct userns_snapshot *snapshot, uint64_t inode)
{
    CHECK(userns_pid_namespace(snapshot) == inode || userns_pid_namespace(snapshot) == 0);
}

SITUATION(foreign_procfs, AS_ROOT, "the procfs of a PID namespace that does not show the caller")
{
    uint64_t inode = inode_of(getpid());
    struct userns_snapshot *snapshot;
    char *path = make_directory();
    uint64_t pid_namespace = inode_of_link(mount_inner_procfs(path, 0), "pid");

    CHECK(pid_namespace != inode_of_link(getpid(), "pid"));
    snapshot = scan_at(path);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_PIDNS);
    check_inner_pid_namespace(snapshot, pid_namespace);
    CHECK_EQ(userns_inode(userns_self(snapshot)), inode);
    CHECK(has_members(userns_self(snapshot), 1, 1));
    userns_free(snapshot);

    /* If no procfs shows the caller, only a pidfd tells its namespace (Linux 6.11). */
    CHECK(umount2("/proc", MNT_DETACH) == 0);
    snapshot = scan_at(path);
    CHECK(has_members(userns_find_inode(snapshot, inode), 1, 1));
    CHECK(userns_self(snapshot) == NULL || userns_inode(userns_self(snapshot)) == inode);
    CHECK((userns_self(snapshot) == NULL) == !!(userns_gaps(snapshot) & USERNS_GAP_NESTED));
    check_inner_pid_namespace(snapshot, pid_namespace);
    userns_free(snapshot);
}

/* Without hidepid, the procfs hides nothing, even from a caller that it does not show. */
static void scan_foreign_as_nobody(void *path)
{
    struct userns_snapshot *snapshot;

    become_nobody(0);
    snapshot = scan_at(path);
    CHECK_EQ(userns_gaps(snapshot), USERNS_GAP_PIDNS | USERNS_GAP_UNREADABLE);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 1);
    userns_free(snapshot);
}

SITUATION(foreign_procfs_as_nobody, AS_ROOT,
          "an ordinary user scans a procfs that does not show it")
{
    char *path = make_directory();
    pid_t pid, scanner = fork_child(); /* still in this PID namespace */

    if (scanner == 0) {
        CHECK(raise(SIGSTOP) == 0);
        scan_foreign_as_nobody(path);
        exit(0);
    }
    pid = mount_inner_procfs(path, 0);
    CHECK(waitpid(scanner, NULL, WUNTRACED) == scanner);
    CHECK(kill(scanner, SIGCONT) == 0);
    expect_success(scanner);
    end(pid);
}

SITUATION(ended_pid_namespace, AS_ROOT, "the PID namespace of the procfs has ended")
{
    struct userns_snapshot *snapshot;
    char *path = make_directory();
    pid_t pid = mount_inner_procfs(path, 0);
    uint64_t pid_namespace = inode_of_link(pid, "pid");

    end(pid);
    snapshot = scan_at(path);
    CHECK_EQ(userns_gaps(snapshot), USERNS_GAP_PIDNS);
    check_inner_pid_namespace(snapshot, pid_namespace);
    CHECK_EQ(userns_inode(userns_self(snapshot)), inode_of(getpid()));
    CHECK(has_members(userns_self(snapshot), 0));
    userns_free(snapshot);
}

SITUATION(no_procfs, 0, "another file system is mounted at /proc")
{
    if (geteuid() != 0)
        new_user_namespace();
    make_directory();
    if (mount("tmpfs", "/proc", "tmpfs", 0, NULL) != 0)
        skip("cannot mount over /proc: %s", strerror(errno));
    expect_error("a tmpfs at /proc", NULL, -ENODEV);
}

/* ---- hidepid ---- */

/* Mount options of a procfs, and what a scan by nobody says about the two processes of root. */
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

    mount_procfs("/proc", ((const struct hiding *)hiding)->options);
    snapshot = scan(); /* root is exempt */
    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_HIDEPID));
    CHECK(has_members(userns_self(snapshot), 1, 1));
    userns_free(snapshot);
    start(do_nothing, NULL);
    in_child(scan_hidden_as_nobody, hiding);
}

SITUATION(hidepid, AS_ROOT, "each hidepid option, with and without the exempt group")
{
    static struct hiding all[] = {
        { "hidepid=0", 0, false, 2 },
        { "hidepid=1", 0, true, 2 },
        { "hidepid=2", 0, true, 0 },
        { "hidepid=1,gid=4321", 4321, false, 2 },
        { "hidepid=2,gid=4321", 4321, false, 2 },
        { "hidepid=2,gid=4321", 1234, true, 0 },
    };

    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        in_sandbox(scan_hidden, &all[i]);
}

SITUATION(hidepid_ptraceable, AS_ROOT, "hidepid=4 exempts no group")
{
    static struct hiding ptraceable = { "hidepid=4,gid=4321", 4321, true, 0 };

    in_sandbox(scan_hidden, &ptraceable);
}

/* The procfs shows the number of the group in the initial user namespace. */
static void scan_nested_hidepid(void *unused UNUSED)
{
    struct userns_snapshot *snapshot;

    mount_procfs("/proc", "hidepid=2");
    snapshot = scan();
    CHECK(userns_gaps(snapshot) & USERNS_GAP_HIDEPID);
    CHECK(has_members(userns_self(snapshot), 1, 1));
    userns_free(snapshot);
}

SITUATION(hidepid_nested, 0, "a nested caller cannot know which group hidepid exempts")
{
    new_user_namespace();
    in_sandbox(scan_nested_hidepid, NULL);
}

SITUATION(hidden_even_from_root, AS_ROOT,
          "a security module denies root a process, so hidepid=4 hides it")
{
    struct userns_snapshot *snapshot;
    char *path = make_directory();

    if (open_namespace(1, "user") >= 0)
        skip("root may read process 1 here");
    mount_procfs(path, "hidepid=4"); /* exempts no group */
    snapshot = scan_at(path);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 0);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_HIDEPID);
    userns_free(snapshot);
}
