/* Which mounts a scan sees while others mount, and change what they see; and what many cost. */
#include "situation.h"
#include "pins.h"
#include "storm.h"
#include <sys/resource.h>

/* ---- Mounts elsewhere ---- */

/* For start(): it mounts and unmounts, in a mount namespace of its own. */
static void start_mounting(void *unused UNUSED)
{
    if (fork_child() == 0)
        mount_all_the_time();
}

/* A scan finds the namespace, its parent, and a single pin. */
static void check_found(uint64_t inode, size_t unopened)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    size_t count;

    check_place(snapshot, inode);
    userns_pins(userns_find_inode(snapshot, inode), &count);
    CHECK_EQ(count, 1);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS), unopened);
    userns_free(snapshot);
}

SITUATION(mounts_elsewhere, IN_SANDBOX | BY_BPF,
          "bind mounts, one below another mount, are found while others mount all the time")
{
    struct held *visible = shared(sizeof *visible), *hidden = shared(sizeof *hidden);
    size_t unopened = gap_count_now(USERNS_GAP_UNOPENED_MOUNTS);

    start(hold_by_mount, visible);
    start(hold_by_overmounted_mount, hidden);
    start(start_mounting, NULL);
    for (int i = 0; i < scan_count(200); i++) {
        check_found(visible->inode, unopened);
        check_found(hidden->inode, unopened);
    }
}

/* ---- A process that changes its view all the time ---- */

/* What it takes turns with: two root directories, or two mount namespaces. */
struct flip {
    const char *roots[2];
    pid_t holder;
    struct held *held;
};

/* For start(): the process has the lowest PID, so it is read before those that stay. */
static void wait_and_flip(void *argument)
{
    const struct flip *flip = argument;
    int roots[2], namespaces[2];
    pid_t holder;

    if (fork_child() != 0)
        return;
    while ((holder = *(volatile pid_t *)&flip->holder) == 0)
        sched_yield();
    namespaces[0] = open_namespace(holder, "mnt");
    namespaces[1] = open_namespace(getpid(), "mnt");
    CHECK(namespaces[0] >= 0 && namespaces[1] >= 0);
    if (flip->roots[0] == NULL)
        for (unsigned turn = 0;; turn++)
            CHECK(setns(namespaces[turn % 2], CLONE_NEWNS) == 0);
    CHECK(setns(namespaces[0], CLONE_NEWNS) == 0);
    for (int i = 0; i < 2; i++)
        CHECK((roots[i] = open(flip->roots[i], O_PATH | O_DIRECTORY | O_CLOEXEC)) >= 0);
    for (unsigned turn = 0;; turn++)
        CHECK(fchdir(roots[turn % 2]) == 0 && chroot(".") == 0);
}

/* In /mnt/a, which is a mount or not, is the namespace, and in /mnt/b nothing. */
static void hold_in_two_directories(struct held *held, bool mounts)
{
    new_mount_namespace();
    mount_tmpfs("/mnt");
    CHECK(mkdir("/mnt/a", 0700) == 0 && mkdir("/mnt/b", 0700) == 0);
    if (mounts) {
        mount_tmpfs("/mnt/a");
        mount_tmpfs("/mnt/b");
    }
    held->inode = mount_left_user("/mnt/a/ns");
}

static void stay_in_namespace(void *flip)
{
    hold_in_two_directories(((struct flip *)flip)->held, false);
}

static void stay_in_directory(void *flip)
{
    stay_in_namespace(flip);
    CHECK(chroot("/mnt/a") == 0);
}

static void stay_in_mount(void *flip)
{
    hold_in_two_directories(((struct flip *)flip)->held, true);
    CHECK(chroot("/mnt/a") == 0);
}

static void scan_beside_flips(const char *one, const char *other, void (*stay)(void *))
{
    struct flip *flip = shared(sizeof *flip);
    size_t unopened = gap_count_now(USERNS_GAP_UNOPENED_MOUNTS);

    *flip = (struct flip){ { one, other }, 0, shared(sizeof *flip->held) };
    start(wait_and_flip, flip);
    flip->holder = start(stay, flip);
    for (int i = 0; i < scan_count(400); i++)
        check_found(flip->held->inode, unopened);
}

static void flip_roots(void *unused UNUSED)
{
    scan_beside_flips("/", "/mnt/b", stay_in_namespace);
}

static void flip_directories(void *unused UNUSED)
{
    scan_beside_flips("/mnt/a", "/mnt/b", stay_in_directory);
}

static void flip_mounts(void *unused UNUSED)
{
    scan_beside_flips("/mnt/a", "/mnt/b", stay_in_mount);
}

static void flip_namespaces(void *unused UNUSED)
{
    scan_beside_flips(NULL, NULL, stay_in_namespace);
}

static void flip_all(void)
{
    in_sandbox(flip_roots, NULL);
    in_sandbox(flip_directories, NULL);
    in_sandbox(flip_mounts, NULL);
    in_sandbox(flip_namespaces, NULL);
}

SITUATION(flipping_process, BY_BPF,
          "a process changes its root directory or mount namespace all the time; others stay")
{
    flip_all();
}

SITUATION(flipping_process_by_mountinfo, BY_BPF, "the same without listmount(2)")
{
    deny_listmount();
    flip_all();
}

/* ---- chroot(2) ---- */

static void hold_outside_of_mounted_jail(void *held)
{
    hold_by_mount(held);
    CHECK(mkdir("/mnt/jail", 0700) == 0);
    mount_tmpfs("/mnt/jail");
    CHECK(chroot("/mnt/jail") == 0);
}

SITUATION(chrooted_onto_mount, IN_SANDBOX,
          "the only process of a mount namespace is chrooted onto a mount point")
{
    size_t before = gap_count_now(USERNS_GAP_CHROOTED);
    pid_t pid = start(hold_outside_of_mounted_jail, shared(sizeof(struct held)));

    CHECK_EQ(gap_count_now(USERNS_GAP_CHROOTED), before + 1);
    start(join_mount_namespace, &pid);
    CHECK_EQ(gap_count_now(USERNS_GAP_CHROOTED), before);
}

struct foreign {
    struct held held;
    const char *path;
};

/* Every process of a new mount namespace has its root directory in the old one. */
static void hold_outside_of_foreign_root(void *argument)
{
    struct foreign *foreign = argument;
    int directory = open(foreign->path, O_PATH | O_DIRECTORY | O_CLOEXEC);

    CHECK(directory >= 0);
    hold_by_mount(&foreign->held);
    CHECK(fchdir(directory) == 0 && chroot(".") == 0);
    close(directory);
}

static void check_foreign_root(const char *path)
{
    struct foreign *foreign = shared(sizeof *foreign);
    size_t before = gap_count_now(USERNS_GAP_CHROOTED);
    pid_t pid;

    foreign->path = path;
    pid = start(hold_outside_of_foreign_root, foreign);
    CHECK_EQ(gap_count_now(USERNS_GAP_CHROOTED), before + 1);
    start(join_mount_namespace, &pid);
    CHECK_EQ(gap_count_now(USERNS_GAP_CHROOTED), before);
    check_found(foreign->held.inode, 0);
}

SITUATION(root_in_another_namespace, IN_SANDBOX | BY_BPF,
          "the only process of a mount namespace has the root directory of another one")
{
    check_foreign_root("/");
}

SITUATION(root_below_another_namespace, IN_SANDBOX | BY_BPF,
          "the only process of a mount namespace has a directory of another one as its root")
{
    check_foreign_root("/usr");
}

static void hold_outside_of_detached_root(void *held)
{
    hold_by_mount(held);
    CHECK(mkdir("/mnt/jail", 0700) == 0);
    mount_tmpfs("/mnt/jail");
    CHECK(chdir("/mnt/jail") == 0);
    CHECK(umount2("/mnt/jail", MNT_DETACH) == 0 && chroot(".") == 0);
}

SITUATION(detached_root, IN_SANDBOX | BY_BPF,
          "the root directory of the only process of a mount namespace was unmounted")
{
    size_t before = gap_count_now(USERNS_GAP_CHROOTED);

    start(hold_outside_of_detached_root, shared(sizeof(struct held)));
    CHECK_EQ(gap_count_now(USERNS_GAP_CHROOTED), before + 1);
}

enum { JAILS = 50 };

/* /mnt/1/2/3/…, with the namespace in the last one. */
static void hold_in_nested_directories(void *argument)
{
    struct held *held = argument;

    new_mount_namespace();
    mount_tmpfs("/mnt");
    CHECK(chdir("/mnt") == 0);
    for (int i = 0; i < JAILS; i++)
        CHECK(mkdir("j", 0700) == 0 && chdir("j") == 0);
    held->inode = mount_left_user("ns");
    CHECK(chdir("/mnt") == 0);
}

struct jailed {
    pid_t holder;
    int levels;
};

static void join_and_chroot(void *argument)
{
    struct jailed *jailed = argument;

    join_mount_namespace(&jailed->holder);
    CHECK(chdir("/mnt") == 0);
    for (int i = 0; i < jailed->levels; i++)
        CHECK(chdir("j") == 0);
    CHECK(chroot(".") == 0);
}

SITUATION(one_mount_in_many_views, IN_SANDBOX,
          "50 processes with a root directory each above one mount: it is one pin")
{
    struct held *held = shared(sizeof *held);
    struct jailed jailed = { start(hold_in_nested_directories, held), 0 };

    for (; jailed.levels < JAILS; jailed.levels++)
        start(join_and_chroot, &jailed);
    check_found(held->inode, 0);
}

/* ---- Many mounts, and long paths ---- */

enum { LIMIT = 10 * 1000 * 1000 /* microseconds for a scan of what a process can make */ };

static uint64_t microseconds(const struct timeval *time)
{
    return (uint64_t)time->tv_sec * 1000000 + (uint64_t)time->tv_usec;
}

/* The CPU time of this process and of the children that scans have waited for: what others do is not in it. */
static uint64_t cpu_time(void)
{
    struct rusage own, children;

    CHECK(getrusage(RUSAGE_SELF, &own) == 0 && getrusage(RUSAGE_CHILDREN, &children) == 0);
    return microseconds(&own.ru_utime) + microseconds(&own.ru_stime) +
           microseconds(&children.ru_utime) + microseconds(&children.ru_stime);
}

/* The CPU time of the shortest of some scans, in microseconds. */
static uint64_t time_of_scan(void)
{
    uint64_t best = UINT64_MAX;

    for (int i = 0; i < 3; i++) {
        uint64_t start = cpu_time(), time;

        userns_free(scan_with(USERNS_SCAN_PINNED));
        time = cpu_time() - start;
        best = time < best ? time : best;
    }
    return best;
}

/* Mounts so many new UTS namespaces in /mnt, and covers them all by one mount. */
static void mount_below_cover(void *count)
{
    char path[32];

    new_mount_namespace();
    mount_tmpfs("/mnt");
    for (int i = 0; i < *(int *)count; i++) {
        snprintf(path, sizeof path, "/mnt/%d", i);
        CHECK(unshare(CLONE_NEWUTS) == 0);
        make_file(path);
        mount_namespace(open_namespace(getpid(), "uts"), path);
    }
    mount_tmpfs("/mnt");
}

SITUATION(many_below_one_cover, IN_SANDBOX,
          "ten times as many mounts below one cover take at most thirty times as long")
{
    enum { FEW = 100, MANY = 10 * FEW };
    size_t unopened = gap_count_now(USERNS_GAP_UNOPENED_MOUNTS);
    uint64_t few, many;
    pid_t pid;

    need_real_time();
    for (int tries = 1;; tries++) {
        pid = start(mount_below_cover, &(int){ FEW });
        few = time_of_scan();
        end(pid);
        pid = start(mount_below_cover, &(int){ MANY });
        many = time_of_scan();
        if (many < 30 * few)
            break;
        CHECK(tries < 5); /* another situation can have begun to mount all the time */
        end(pid);
    }
    CHECK_EQ(gap_count_now(USERNS_GAP_UNOPENED_MOUNTS), unopened);
}

/* Makes nested directories with one name and enters the last one. */
static void enter_deep(const char *name, int levels)
{
    for (int i = 0; i < levels; i++)
        CHECK(mkdir(name, 0700) == 0 && chdir(name) == 0);
}

/* On a path of almost PATH_MAX bytes, below a cover in the middle of the path. */
static void mount_deep(void *argument)
{
    struct held *held = argument;
    char cover[4 + 2 * 1000 + 1] = "/mnt";

    new_mount_namespace();
    mount_tmpfs("/mnt");
    CHECK(chdir("/mnt") == 0);
    enter_deep("d", 1990);
    for (int i = 0; i < 100; i++) {
        char path[32];

        snprintf(path, sizeof path, "%d", i);
        held[i].inode = mount_left_user(path);
    }
    CHECK(chdir("/") == 0);
    for (int i = 0; i < 1000; i++)
        memcpy(cover + 4 + 2 * i, "/d", 3);
    mount_tmpfs(cover);
}

SITUATION(deep_path_below_cover, IN_SANDBOX, "a hundred mounts on a path of 1,990 directories")
{
    struct held *held = shared(100 * sizeof *held);

    need_real_time();
    start(mount_deep, held);
    CHECK(time_of_scan() < LIMIT);
    check_found(held[99].inode, 0);
}

enum { LONG_NAME = 250, LONG_LEVELS = 4000, LONG_MOUNTS = 100 };

/* Mounts one namespace many times on a path of a million bytes. */
static void mount_at_long_path(void *argument)
{
    struct held *held = argument;
    char name[LONG_NAME + 1], file[32];

    memset(name, 'l', LONG_NAME);
    name[LONG_NAME] = '\0';
    new_mount_namespace();
    mount_tmpfs("/mnt");
    held->inode = mount_left_user("/mnt/ns");
    CHECK(chdir("/mnt") == 0);
    enter_deep(name, LONG_LEVELS);
    for (int i = 0; i < LONG_MOUNTS; i++) {
        snprintf(file, sizeof file, "%d", i);
        make_file(file);
        CHECK(mount("/mnt/ns", file, "none", MS_BIND, NULL) == 0);
    }
    CHECK(chdir("/") == 0 && umount("/mnt/ns") == 0);
}

/* The namespace is found, or the mounts are counted. */
static void scan_past_long_path(void *argument)
{
    const struct held *held = argument;
    long pages = resident_pages();
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    const struct userns_node *node = userns_find_inode(snapshot, held->inode);
    size_t count;

    if (node == NULL) {
        CHECK(userns_gap_count(snapshot, USERNS_GAP_MOUNTS) >= 1);
    } else {
        const struct userns_pin *const *pins = userns_pins(node, &count);

        CHECK(userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS) >= LONG_MOUNTS);
        CHECK_EQ(count, LONG_MOUNTS);
        CHECK(userns_pin_path(pins[0])[0] == '\0');
    }
    CHECK((resident_pages() - pages) * sysconf(_SC_PAGESIZE) < 16 << 20);
    userns_free(snapshot);
}

static void scan_long_path_by_mountinfo(void *held)
{
    deny_listmount();
    scan_past_long_path(held);
    CHECK(time_of_scan() < LIMIT);
}

SITUATION(long_path, IN_SANDBOX, "a hundred mounts on a path of a million bytes")
{
    struct held *held = shared(sizeof *held);

    start(mount_at_long_path, held);
    CHECK(time_of_scan() < LIMIT);
    in_child(scan_past_long_path, held);
    in_child(scan_long_path_by_mountinfo, held);
}

/* ---- Peer groups ---- */

enum { PEERS = 1200, SERVICES = 20 };

static void be_service(void *unused UNUSED)
{
    CHECK(unshare(CLONE_NEWNS) == 0);
    CHECK(mount("none", "/", "none", MS_REC | MS_SLAVE, NULL) == 0);
}

static void read_whole(const char *path)
{
    static char text[1 << 16];
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    while (read(fd, text, sizeof text) > 0)
        ;
    close(fd);
}

SITUATION(peer_groups, IN_SANDBOX,
          "slave mount namespaces: a scan takes less time than a look into their mountinfo")
{
    char path[64];
    pid_t pids[SERVICES];

    if (time_factor() > 1)
        skip("an emulated machine does not show what costs the kernel more time");
    mount_tmpfs("/mnt");
    CHECK(mkdir("/mnt/source", 0700) == 0);
    mount_tmpfs("/mnt/source");
    CHECK(mount("none", "/mnt/source", "none", MS_SHARED, NULL) == 0);
    for (int i = 0; i < PEERS; i++) {
        snprintf(path, sizeof path, "/mnt/%d", i);
        CHECK(mkdir(path, 0700) == 0);
        CHECK(mount("/mnt/source", path, "none", MS_BIND, NULL) == 0);
    }
    mount_left_user("/mnt/ns"); /* visible in all of them */
    for (int i = 0; i < SERVICES; i++)
        pids[i] = start(be_service, NULL);
    if (syscall(458, NULL, NULL, 0, 0) != 0 && errno == ENOSYS)
        skip("the kernel has no listmount(2)");
    for (int tries = 1;; tries++) {
        uint64_t start_time = cpu_time(), time;

        for (int i = 0; i < SERVICES; i++) {
            snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)pids[i]);
            read_whole(path);
        }
        time = cpu_time() - start_time;
        if (time_of_scan() < time)
            break;
        CHECK(tries < 5); /* another situation can have begun to mount all the time */
    }
}

/* ---- The child process that looks below overmounts ---- */

/* From now on this system call ends the process that makes it. */
static void kill_at_syscall(long number)
{
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        skip("cannot filter system calls: %s", strerror(errno));
}

static void scan_with_killed_child(void *number)
{
    int before;

    pinned_gaps();
    before = open_descriptors();
    kill_at_syscall(*(long *)number);
    for (int i = 0; i < 10; i++)
        CHECK(pinned_gaps() & USERNS_GAP_UNOPENED_MOUNTS);
    CHECK_EQ(open_descriptors(), before);
}

SITUATION(killed_child, IN_SANDBOX, "a seccomp filter ends the child: no descriptor stays open")
{
    long numbers[] = { SYS_setns, SYS_unshare, SYS_umount2 };

    /* coredump_wait() of the kernel */
    if (is_before(5, 16))
        skip("before Linux 5.16, a core dump ends all processes that share the memory");
    start(hold_by_overmounted_mount, shared(sizeof(struct held)));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        in_child(scan_with_killed_child, &numbers[i]);
}
