/* What BPF tells about threads: namespaces of all types, root directories. No file of a process is read for it. */
#include "situation.h"
#include "bpf.h"
#include "pins.h"
#include <pthread.h>
#include <stdatomic.h>
#include <sys/mount.h>

static const uint64_t all_flags[] = {
    USERNS_SCAN_OWNED,
    USERNS_SCAN_OWNED | USERNS_SCAN_NAMES,
    USERNS_SCAN_PINNED,
    USERNS_SCAN_PINNED | USERNS_SCAN_NAMES,
};
enum { FLAGS = sizeof all_flags / sizeof *all_flags };

/* ---- The same answer as procfs ---- */

struct work {
    void (*act)(void);
    atomic_bool done;
};

static void *work_in_thread(void *argument)
{
    struct work *work = argument;

    work->act();
    work->done = true;
    return wait_forever(NULL);
}

static void start_thread(void (*act)(void))
{
    static struct work works[16];
    static size_t count;
    struct work *work = &works[count++];
    pthread_t thread;

    work->act = act;
    CHECK(pthread_create(&thread, NULL, work_in_thread, work) == 0);
    while (!work->done)
        sched_yield();
}

static void unshare_many(void)
{
    CHECK(unshare(CLONE_NEWNET | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP) == 0);
}

static void unshare_mounts(void)
{
    CHECK(unshare(CLONE_FS | CLONE_NEWNS) == 0);
}

static void change_root(void)
{
    CHECK(unshare(CLONE_FS) == 0 && chroot("/usr") == 0);
}

static void do_little(void)
{
}

static void live_in_threads(void *unused UNUSED)
{
    new_user_namespace();
    start_thread(do_little);
    start_thread(unshare_many);
    start_thread(unshare_mounts);
    start_thread(change_root);
}

static void unshare_for_children(void *has_child)
{
    new_user_namespace();
    CHECK(unshare(CLONE_NEWPID) == 0);
    if (*(bool *)has_child && fork_child() == 0)
        wait_forever(NULL);
    if (unshare(0x80 /* CLONE_NEWTIME, from Linux 5.6 */) != 0)
        CHECK(errno == EINVAL);
}

static void have_zombie(void *unused UNUSED)
{
    pid_t pid;

    new_user_namespace();
    CHECK(unshare(CLONE_NEWUTS | CLONE_NEWPID) == 0);
    pid = fork();
    if (pid == 0)
        _exit(0);
    CHECK(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) == 0);
}

/* The owner of its namespaces has no process, and neither have several user namespaces above that. */
static void live_far_below(void *levels)
{
    go_down(levels);
    CHECK(unshare(CLONE_NEWNET | CLONE_NEWUTS) == 0);
    new_user_namespace();
}

static void enter_chroot(void *path)
{
    CHECK(chroot(path) == 0);
}

/* Two directories of one mount are the root directories of all processes of a mount namespace. */
static void live_in_chroots(void *unused UNUSED)
{
    new_mount_namespace();
    mount_tmpfs("/mnt");
    CHECK(mkdir("/mnt/a", 0700) == 0 && mkdir("/mnt/b", 0700) == 0);
    mount_left_user("/mnt/a/namespace");
    mount_left_user("/mnt/b/namespace");
    start(enter_chroot, "/mnt/a");
    enter_chroot("/mnt/b");
}

/* Only the second thread lives. */
static void exit_leader(void)
{
    char link[64];
    pid_t pid = fork_child();

    if (pid == 0) {
        new_user_namespace();
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        start_thread(unshare_many);
        start_thread(do_little);
        syscall(SYS_exit, 0);
    }
    snprintf(link, sizeof link, "/proc/%d/ns/net", (int)pid);
    while (access(link, F_OK) == 0)
        usleep(1000);
}

static void start_scene(void)
{
    start(live_in_threads, NULL);
    start(unshare_for_children, &(bool){ true });
    start(have_zombie, NULL);
    start(live_in_chroots, NULL);
    exit_leader();
    for (int levels = 1; levels <= 5; levels += 2)
        start(live_far_below, &levels);
}

static void compare_flags(uint64_t flags, uint32_t source)
{
    struct userns_snapshot *by_procfs = scan_by(flags, USERNS_SOURCE_PROCFS);
    struct userns_snapshot *by_bpf = scan_by(flags | USERNS_SCAN_BPF, source);

    CHECK(same_snapshot(by_procfs, by_bpf));
    CHECK(same_text(pins_of(by_procfs), pins_of(by_bpf)));
    CHECK_EQ(userns_gaps(by_procfs), userns_gaps(by_bpf));
    userns_free(by_procfs);
    userns_free(by_bpf);
}

SITUATION(threads, IN_SANDBOX,
          "namespaces and root directories of single threads, zombies, exited leaders")
{
    need_bpf();
    start_scene();
    for (int i = 0; i < FLAGS; i++)
        compare_flags(all_flags[i], best_source());
    imitate_kernel_before_6_7();
    for (int i = 0; i < FLAGS; i++)
        compare_flags(all_flags[i], USERNS_SOURCE_BPF_TASKS);
}

static void compare_below(void *levels)
{
    int left = *(int *)levels - 1;

    start_scene();
    for (int i = 0; i < FLAGS; i++)
        compare_flags(all_flags[i], best_source());
    if (left > 0)
        in_sandbox(compare_below, &left);
}

SITUATION(nested, IN_SANDBOX, "the same in PID namespaces in PID namespaces")
{
    need_bpf();
    compare_below(&(int){ 2 });
}

enum { CROWD = 700 };

/* Has another UTS namespace and root directory than all others, and the rest in common with them. */
static void differ_a_little(void *number)
{
    char path[32];

    snprintf(path, sizeof path, "/mnt/%d", *(int *)number);
    CHECK(chroot(path) == 0);
    CHECK(unshare(CLONE_NEWUTS) == 0);
}

/* Directories of which the kernel keeps the addresses apart, by others in between. */
static void make_directories(void)
{
    char path[32];

    for (int i = 0, other = 0; i < CROWD; i++) {
        snprintf(path, sizeof path, "/mnt/%d", i);
        CHECK(mkdir(path, 0700) == 0);
        for (int others = rand() % 8; others > 0; others--) {
            snprintf(path, sizeof path, "/mnt/other%d", other++);
            CHECK(mkdir(path, 0700) == 0);
        }
    }
}

/* Only the process in the directory sees a mount there. */
static void live_in_crowd(void *unused UNUSED)
{
    char path[32];

    new_mount_namespace();
    mount_tmpfs("/mnt");
    make_directories();
    for (int i = 0; i < CROWD; i += 7) {
        snprintf(path, sizeof path, "/mnt/%d/namespace", i);
        mount_left_user(path);
    }
    for (int i = 1; i < CROWD; i++)
        start(differ_a_little, &i);
    enter_chroot("/mnt/0");
}

SITUATION(crowd, IN_SANDBOX,
          "more sets of namespaces and root directories than the caches of the programs have slots")
{
    need_bpf();
    start(live_in_crowd, NULL);
    for (int i = 0; i < FLAGS; i++)
        compare_flags(all_flags[i], best_source());
}

static void join_pids(void *fd)
{
    CHECK(setns(*(int *)fd, CLONE_NEWPID) == 0);
}

/* For fork_child(): a chain of processes, each in a PID namespace of its own below that of its parent. */
static void nest(int levels, int ready)
{
    pid_t pid = 0;

    while (levels-- > 0 && pid == 0) {
        CHECK(unshare(CLONE_NEWPID) == 0);
        pid = fork();
    }
    if (pid == 0)
        CHECK(write(ready, "", 1) == 1);
    wait_forever(NULL);
}

SITUATION(empty_pid_namespaces, IN_SANDBOX, "a PID namespace and its parent have no process")
{
    int ready[2], fd = -1;
    char byte;
    pid_t outer;

    need_bpf();
    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    outer = fork_child();
    if (outer == 0)
        nest(2, ready[1]);
    CHECK(read(ready[0], &byte, 1) == 1);
    /* The innermost process has the largest PID. */
    for (pid_t pid = outer + 1; pid <= outer + 2; pid++)
        fd = open_namespace(pid, "pid");
    /* From the inside: the end of an init process ends all below it. */
    for (pid_t pid = outer + 2; pid >= outer; pid--)
        CHECK(kill(pid, SIGKILL) == 0);
    while (waitpid(-1, NULL, 0) > 0)
        ;
    start(join_pids, &fd);
    for (int i = 0; i < FLAGS; i++)
        compare_flags(all_flags[i], best_source());
}

/* ---- More than procfs ---- */

/* procfs shows a PID namespace only when it has, or had, a process: pidns_for_children_get() of the kernel. */
SITUATION(unused_pid_namespace, IN_SANDBOX, "a PID namespace that never had a process")
{
    struct userns_snapshot *snapshot;
    const struct userns_nonuser *const *owned;
    const struct userns_pin *const *pins;
    size_t count, found = 0;
    pid_t pid;

    need_bpf();
    if (best_source() != USERNS_SOURCE_BPF_PROCESSES)
        skip("this kernel has no iterator over processes");
    pid = start(unshare_for_children, &(bool){ false });
    snapshot = scan_by(USERNS_SCAN_PINNED | USERNS_SCAN_BPF, USERNS_SOURCE_BPF_PROCESSES);
    owned = userns_owned(userns_find_pid(snapshot, pid), &count);
    for (size_t i = 0; i < count; i++) {
        if (userns_nonuser_type(owned[i]) != CLONE_NEWPID)
            continue;
        found++;
        CHECK_EQ(userns_nonuser_member_count(owned[i]), 0);
        CHECK_EQ(userns_nonuser_inode(userns_nonuser_parent(owned[i])), inode_of_link(pid, "pid"));
        pins = userns_nonuser_pins(owned[i], &(size_t){ 0 });
        CHECK(pins != NULL && userns_pin_kind(pins[0]) == USERNS_PIN_FOR_CHILDREN);
        CHECK_EQ(userns_pin_pid(pins[0]), pid);
    }
    CHECK_EQ(found, 1);
    userns_free(snapshot);
}

/* ---- Without procfs ---- */

static void live_in_network(void *unused UNUSED)
{
    go_down_with(&(int){ CLONE_NEWNET | CLONE_NEWUTS });
    CHECK(prctl(PR_SET_NAME, "hidden") == 0);
}

SITUATION(no_procfs, IN_SANDBOX,
          "nothing of a process is read, not even its mounts if others see the same")
{
    struct userns_snapshot *snapshot;
    char path[64];
    size_t count;
    pid_t pid;
    uint64_t inode;

    need_bpf();
    if (best_source() != USERNS_SOURCE_BPF_PROCESSES)
        skip("this kernel has no iterator over processes");
    pid = start(live_in_network, NULL);
    inode = inode_of(pid);
    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    mount_tmpfs(path);
    for (int i = 0; i < FLAGS; i++) {
        const struct userns_node *node;

        snapshot = scan_by(all_flags[i] | USERNS_SCAN_BPF, USERNS_SOURCE_BPF_PROCESSES);
        node = userns_find_pid(snapshot, pid);
        CHECK_EQ(userns_inode(node), inode);
        CHECK(userns_owned(node, &count) != NULL);
        CHECK_EQ(count, 2);
        CHECK(!(userns_gaps(snapshot) & (USERNS_GAP_LINKS | USERNS_GAP_NAMES | USERNS_GAP_MOUNTS)));
        if (all_flags[i] & USERNS_SCAN_NAMES)
            CHECK(strcmp(userns_process_name(snapshot, pid), "hidden") == 0);
        userns_free(snapshot);
    }
}
