/* Gaps of a snapshot: each bit, and the count of it in its unit. */
#include "situation.h"
#include "pins.h"

/* The lowest bit that is no gap. */
enum { UNKNOWN = USERNS_GAP_MAPS << 1 };

/* Gaps that count 1. */
#define WITHOUT_UNIT (USERNS_GAP_HIDEPID | USERNS_GAP_PIDNS | USERNS_GAP_NESTED)

/* Each gap that is set has a count; all other bits have 0. Releases the snapshot. */
static void check_counts(struct userns_snapshot *snapshot)
{
    uint32_t gaps = userns_gaps(snapshot);

    CHECK(gaps < UNKNOWN);
    for (uint32_t gap = 1; gap != 0; gap <<= 1) {
        size_t count = userns_gap_count(snapshot, gap);

        CHECK((count > 0) == ((gaps & gap) != 0));
        CHECK(count <= 1 || !(gap & WITHOUT_UNIT));
        for (uint32_t other = gap << 1; other != 0; other <<= 1)
            CHECK_EQ(userns_gap_count(snapshot, gap | other), 0);
    }
    CHECK_EQ(userns_gap_count(snapshot, 0), 0);
    CHECK_EQ(userns_gap_count(snapshot, UINT32_MAX), 0);
    userns_free(snapshot);
}

static void check_counts_as_nobody(void *unused UNUSED)
{
    become_nobody(0);
    check_counts(scan_with(EVERY_FLAG));
    new_user_namespace();
    check_counts(scan_with(EVERY_FLAG));
}

SITUATION(counts, BY_BPF,
          "each gap that is set has a count; unknown bits and several bits have none")
{
    check_counts(scan());
    check_counts(scan_with(EVERY_FLAG));
    if (geteuid() == 0 && !is_by_bpf())
        in_child(check_counts_as_nobody, NULL);
}

/* ---- Gaps without a unit ---- */

static void scan_with_hidepid(void *unused UNUSED)
{
    struct userns_snapshot *snapshot;

    mount_procfs("/proc", "hidepid=2");
    become_nobody(0);
    snapshot = scan();
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_HIDEPID), 1);
    check_counts(snapshot);
}

static void scan_nested(void *unused UNUSED)
{
    struct userns_snapshot *snapshot;

    new_user_namespace();
    snapshot = scan();
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_NESTED), 1);
    check_counts(snapshot);
}

SITUATION(without_a_unit, IN_SANDBOX,
          "hidepid, a nested PID namespace and a nested user namespace count 1")
{
    struct userns_snapshot *snapshot = scan();

    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_PIDNS), 1);
    check_counts(snapshot);
    in_child(scan_nested, NULL);
    if (is_initial_root())
        in_child(scan_with_hidepid, NULL);
}

/* ---- Processes ---- */

/* Process 1 of the sandbox and the holder of a namespace belong to root. */
static void scan_as_nobody(void *roots)
{
    struct held own;
    struct userns_snapshot *snapshot;
    uint32_t expected = USERNS_GAP_UNREADABLE | USERNS_GAP_DESCRIPTORS | USERNS_GAP_MOUNTS;

    become_nobody(0);
    hold_descriptor(&own);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    CHECK_EQ(userns_gaps(snapshot) & expected, expected);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 2);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS), 2);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MOUNTS), 2);
    CHECK(userns_find_inode(snapshot, ((struct held *)roots)->inode) == NULL);
    check_place(snapshot, own.inode);
    check_descriptor(only_pin(snapshot, own.inode), getpid(), getpid(), own.fd);
    check_counts(snapshot);
}

SITUATION(processes, IN_SANDBOX | AS_ROOT, "an ordinary user: unreadable processes of root")
{
    struct held *held = shared(sizeof *held);

    start(hold_descriptor, held);
    in_child(scan_as_nobody, held);
}

/* ---- Links and descriptors ---- */

static void have_second_thread(void *held)
{
    in_thread(do_nothing, held);
}

SITUATION(links, IN_SANDBOX, "another file system is mounted over the links of a thread")
{
    enum { LINKS = 9 };
    struct held *held = shared(sizeof *held);
    pid_t pid = start(have_second_thread, held);
    char directory[64], path[80];
    size_t before = gap_count_now(USERNS_GAP_LINKS);

    snprintf(directory, sizeof directory, "/proc/%d/task/%d/ns", (int)pid, (int)held->tid);
    mount_tmpfs(directory);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "%s/%s", directory, i ? "net" : "uts");
        make_file(path);
    }
    CHECK_EQ(gap_count_now(USERNS_GAP_LINKS), before + LINKS);
}

/* What a scan counts besides the links. */
enum { OTHERS = USERNS_GAP_DESCRIPTORS | USERNS_GAP_MOUNTS };

SITUATION(one_link, IN_SANDBOX, "a file is mounted over a link of a process with one thread")
{
    pid_t pid = start(do_nothing, NULL);
    uint32_t others = pinned_gaps() & OTHERS;
    size_t before = gap_count_now(USERNS_GAP_LINKS);
    int tree = (int)syscall(SYS_open_tree, AT_FDCWD, "/proc/version", 1 /* CLONE */);
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/uts", (int)pid);
    /* mount(2) would follow the link. */
    if (tree < 0 || syscall(SYS_move_mount, tree, "", AT_FDCWD, path, 4 /* F_EMPTY_PATH */) != 0)
        skip("move_mount(2) (Linux 5.2) failed: %s", strerror(errno));
    CHECK_EQ(gap_count_now(USERNS_GAP_LINKS), before + 1);
    CHECK_EQ(pinned_gaps() & OTHERS, others);
}

static void unshare_pids(void *unused UNUSED)
{
    CHECK(unshare(CLONE_NEWPID) == 0);
}

SITUATION(no_child_yet, IN_SANDBOX | BY_BPF, "a process has a PID namespace for its first child")
{
    uint32_t others = pinned_gaps() & OTHERS;
    size_t before = gap_count_now(USERNS_GAP_LINKS);

    start(unshare_pids, NULL);
    CHECK_EQ(gap_count_now(USERNS_GAP_LINKS), before);
    CHECK_EQ(pinned_gaps() & OTHERS, others);
}

static size_t count_sockets_gap(void)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_SOCKETS);
    size_t count = userns_gap_count(snapshot, USERNS_GAP_SOCKETS);

    check_counts(snapshot);
    return count;
}

SITUATION(sockets, IN_SANDBOX, "descriptors of sockets, without pidfd_getfd(2)")
{
    size_t before;

    deny_syscall(__NR_pidfd_getfd, ANY_ARGUMENT, 0, EPERM);
    before = count_sockets_gap(); /* the standard streams can be sockets */
    for (int i = 0; i < 3; i++)
        CHECK(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0) >= 0);
    CHECK_EQ(count_sockets_gap(), before + 3);
    CHECK_EQ(gap_count_now(USERNS_GAP_SOCKETS), 0);
}

/* ---- Mounts ---- */

/* Counts of the four gaps that are about mounts; the host can have some, too. */
struct mount_gaps {
    size_t processes, namespaces, chrooted, unopened;
};

static struct mount_gaps mount_gaps_now(void)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    struct mount_gaps gaps = {
        .processes = userns_gap_count(snapshot, USERNS_GAP_MOUNTS),
        .namespaces = userns_gap_count(snapshot, USERNS_GAP_MOUNT_NAMESPACES),
        .chrooted = userns_gap_count(snapshot, USERNS_GAP_CHROOTED),
        .unopened = userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS),
    };

    check_counts(snapshot);
    return gaps;
}

/* A new scan counts this much more than before. */
static void check_more(const struct mount_gaps *before, struct mount_gaps more)
{
    struct mount_gaps now = mount_gaps_now();

    CHECK_EQ(now.processes, before->processes + more.processes);
    CHECK_EQ(now.namespaces, before->namespaces + more.namespaces);
    CHECK_EQ(now.chrooted, before->chrooted + more.chrooted);
    CHECK_EQ(now.unopened, before->unopened + more.unopened);
}

SITUATION(unreadable_mounts, IN_SANDBOX,
          "a FIFO is mounted over /proc/PID/mountinfo, and there is no listmount(2)")
{
    struct mount_gaps before = mount_gaps_now();
    pid_t pid = start(hold_by_mount, shared(sizeof(struct held)));
    char path[64];

    deny_listmount();
    snprintf(path, sizeof path, "/proc/%d/mountinfo", (int)pid);
    mount_tmpfs("/mnt");
    CHECK(mkfifo("/mnt/fifo", 0600) == 0 && mount("/mnt/fifo", path, "none", MS_BIND, NULL) == 0);
    check_more(&before, (struct mount_gaps){ .processes = 1 });
}

SITUATION(mount_namespaces, IN_SANDBOX, "descriptors hold mount namespaces without processes")
{
    struct mount_gaps before = mount_gaps_now();

    for (int i = 0; i < 2; i++)
        open_left(go_down_with, &(int){ CLONE_NEWNS }, "mnt");
    check_more(&before, (struct mount_gaps){ .namespaces = 2 });
}

static void hold_outside_of_jail(void *held)
{
    hold_by_mount(held);
    CHECK(mkdir("/mnt/jail", 0700) == 0 && chroot("/mnt/jail") == 0);
}

SITUATION(chrooted, IN_SANDBOX, "the only process of a mount namespace is chrooted")
{
    struct mount_gaps before = mount_gaps_now();

    start(hold_outside_of_jail, shared(sizeof(struct held)));
    check_more(&before, (struct mount_gaps){ .chrooted = 1 });
}

static void overmount_in_other_owner(void *unused UNUSED)
{
    new_user_namespace();
    new_mount_namespace();
    mount_tmpfs("/mnt");
    mount_left_user("/mnt/ns");
    mount_tmpfs("/mnt");
}

SITUATION(unopened_mounts, IN_SANDBOX,
          "overmounted in a mount namespace that another user namespace owns")
{
    struct mount_gaps before = mount_gaps_now();

    start(overmount_in_other_owner, NULL);
    check_more(&before, (struct mount_gaps){ .unopened = 1 });
}
