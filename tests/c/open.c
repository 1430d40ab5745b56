/* userns_open(), userns_nonuser_open(): by each route, never another namespace. */
#include "situation.h"
#include "fuse.h"
#include "pins.h"
#include "seccomp.h"
#include "stuck.h"
#include <linux/sched.h> /* struct clone_args */
#include <time.h>

/* From now on the kernel is one before Linux 6.18 or 6.19: it opens no namespace by its id. */
static void deny_handles(void)
{
    deny_syscall(__NR_open_by_handle_at, ANY_ARGUMENT, 0, EOPNOTSUPP);
}

/* From now on the kernel has no 64-bit ids, as before Linux 6.18. */
static void deny_ids(void)
{
    deny_handles();
    deny_ioctl((uint32_t)NS_GET_ID);
}

static uint64_t id_of_fd(int fd)
{
    uint64_t id = 0;

    return ioctl(fd, NS_GET_ID, &id) == 0 ? id : 0;
}

/* A namespace to be found again: who has it when the test asks the kernel. */
struct known {
    uint64_t inode, id;
};

static struct known known_of(pid_t pid, const char *link)
{
    int fd = open_namespace(pid, link);
    struct known known;

    CHECK(fd >= 0);
    known = (struct known){ inode_of_fd(fd), id_of_fd(fd) };
    close(fd);
    return known;
}

/* Takes what a function returned: a close-on-exec descriptor of this namespace. */
static void expect_namespace(int fd, struct known known)
{
    if (fd < 0)
        fail("the namespace was not opened: %d: %s", fd, userns_strerror(fd));
    CHECK_EQ(inode_of_fd(fd), known.inode);
    CHECK_EQ(id_of_fd(fd), known.id);
    CHECK(fcntl(fd, F_GETFD) == FD_CLOEXEC);
    close(fd);
}

static void expect_user(const struct userns_snapshot *snapshot, struct known known)
{
    const struct userns_node *node = userns_find_inode(snapshot, known.inode);
    int before = open_descriptors();

    CHECK(node != NULL);
    expect_namespace(userns_open(node), known);
    CHECK_EQ(open_descriptors(), before);
}

static void expect_errno(const struct userns_snapshot *snapshot, uint64_t inode, int error)
{
    const struct userns_node *node = userns_find_inode(snapshot, inode);
    int before = open_descriptors();

    CHECK(node != NULL);
    CHECK_EQ(userns_open(node), error);
    CHECK_EQ(open_descriptors(), before);
}

/* The kernel releases a namespace some time after its last process has ended. */
static void expect_ended(const struct userns_snapshot *snapshot, uint64_t inode)
{
    int fd = userns_open(userns_find_inode(snapshot, inode));

    for (int i = 0; i < 5000 && fd >= 0; i++) {
        close(fd);
        usleep(1000);
        fd = userns_open(userns_find_inode(snapshot, inode));
    }
    CHECK_EQ(fd, -ESTALE);
}

/* ---- Routes ---- */

SITUATION(member, IN_SANDBOX | BY_BPF, "by its id; without, through a process in it")
{
    pid_t pid = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot = scan();
    struct known known = known_of(pid, "user");

    expect_user(snapshot, known);
    deny_handles();
    expect_user(snapshot, known);
    deny_ioctl((uint32_t)NS_GET_ID);
    known.id = 0;
    expect_user(snapshot, known);
    userns_free(snapshot);
}

/* Scans for pins, then opens a user namespace with and without ids. */
static void open_held(uint64_t inode)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    int fd = userns_open(userns_find_inode(snapshot, inode));
    struct known known;

    CHECK(fd >= 0);
    known = (struct known){ inode, id_of_fd(fd) };
    expect_namespace(fd, known);
    deny_handles();
    expect_user(snapshot, known);
    userns_free(snapshot);
}

SITUATION(descriptor, IN_SANDBOX | BY_BPF, "through a descriptor of another process")
{
    struct held *held = shared(sizeof *held);

    start(hold_descriptor, held);
    open_held(held->inode);
}

SITUATION(own_descriptor, IN_SANDBOX | BY_BPF, "through a descriptor of the caller")
{
    struct held held;

    hold_descriptor(&held);
    open_held(held.inode);
}

SITUATION(mount_elsewhere, IN_SANDBOX | BY_BPF, "through a mount in another mount namespace")
{
    struct held *held = shared(sizeof *held);

    start(hold_by_mount, held);
    open_held(held->inode);
}

SITUATION(child_namespace, IN_SANDBOX | BY_BPF, "up from a grandchild, the only one with a process")
{
    pid_t pid = start(go_down, &(int){ 3 });
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *node = userns_parent(userns_parent(userns_find_pid(snapshot, pid)));
    int fd = userns_open(node);
    struct known known = { userns_inode(node), fd < 0 ? 0 : id_of_fd(fd) };

    CHECK_EQ(userns_depth(node), userns_depth(userns_self(snapshot)) + 1);
    expect_namespace(fd, known);
    deny_handles();
    expect_user(snapshot, known);
    end(pid);
    expect_errno(snapshot, known.inode, -ESTALE);
    userns_free(snapshot);
}

/* For start(): a descriptor holds a network namespace, and so its owner. */
static void hold_network_descriptor(void *held)
{
    open_left_network(held);
}

SITUATION(owned_namespace, IN_SANDBOX | BY_BPF, "through a network namespace that it owns")
{
    struct held *held = shared(sizeof *held);

    start(hold_network_descriptor, held);
    open_held(held->inode);
}

SITUATION(own_namespace, IN_SANDBOX, "the caller's own namespace, without a procfs")
{
    struct userns_snapshot *snapshot = scan();
    struct known known = known_of(getpid(), "user");
    int fd;

    deny_handles();
    mount_tmpfs("/proc");
    fd = userns_open(userns_self(snapshot));
    if (fd == -EACCES) /* pidfds tell it from Linux 6.11 on */
        skip("this kernel does not tell the namespace of a pidfd");
    expect_namespace(fd, known);
    userns_free(snapshot);
}

SITUATION(in_flight, AS_ROOT | BY_BPF, "only its id opens a namespace that a message contains")
{
    pid_t pid = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot = scan();
    struct known known = known_of(pid, "user");
    int fd = open_namespace(pid, "user"), sockets[2], opened;

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    send_descriptor(sockets[0], fd);
    close(fd);
    end(pid);
    opened = userns_open(userns_find_inode(snapshot, known.inode));
    if (known.id == 0)
        skip("this kernel has no ids of namespaces");
    expect_namespace(opened, known);
    close(sockets[0]);
    close(sockets[1]);
    expect_ended(snapshot, known.inode);
    userns_free(snapshot);
}

/* ---- Nonuser namespaces ---- */

static void expect_nonuser(const struct userns_snapshot *snapshot, struct known known)
{
    const struct userns_nonuser *ns = find_nonuser(snapshot, known.inode);
    int before = open_descriptors();

    CHECK(ns != NULL);
    expect_namespace(userns_nonuser_open(ns), known);
    CHECK_EQ(open_descriptors(), before);
}

SITUATION(nonuser_members, IN_SANDBOX | BY_BPF, "namespaces of other types, through a process")
{
    static const char *const types[] = { "cgroup", "ipc", "mnt", "net", "uts" };
    int all = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS;
    pid_t pid = start(go_down_with, &all);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_OWNED);

    for (int i = 0; i < 2; i++) {
        for (size_t j = 0; j < sizeof types / sizeof *types; j++)
            expect_nonuser(snapshot, known_of(pid, types[j]));
        deny_handles();
    }
    userns_free(snapshot);
}

static void mount_inner(void *unused UNUSED)
{
    CHECK(unshare(CLONE_NEWPID) == 0);
    start(do_nothing, NULL);
}

SITUATION(pid_namespaces, IN_SANDBOX | BY_BPF,
          "a PID namespace without visible members, from below")
{
    pid_t pid = start(mount_inner, NULL);
    struct known known = known_of(pid, "pid_for_children"), own = known_of(getpid(), "pid");
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    for (int i = 0; i < 2; i++) {
        expect_nonuser(snapshot, known);
        expect_nonuser(snapshot, own);
        deny_handles();
    }
    userns_free(snapshot);
}

SITUATION(nonuser_descriptor, IN_SANDBOX | BY_BPF, "a network namespace, through a descriptor")
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold_network_descriptor, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    const struct userns_nonuser *ns = find_nonuser(snapshot, held->other);
    int fd = userns_nonuser_open(ns);
    struct known known = { held->other, fd < 0 ? 0 : id_of_fd(fd) };

    expect_namespace(fd, known);
    deny_handles();
    expect_nonuser(snapshot, known);
    end(pid);
    CHECK_EQ(userns_nonuser_open(ns), -ESTALE);
    userns_free(snapshot);
}

/* ---- Errors ---- */

SITUATION(no_node, 0, "NULL is no namespace")
{
    CHECK_EQ(userns_open(NULL), -EINVAL);
    CHECK_EQ(userns_nonuser_open(NULL), -EINVAL);
}

SITUATION(ended, BY_BPF, "a namespace that has ended, for each kind of caller")
{
    pid_t pid = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot = scan();
    uint64_t inode = inode_of(pid);

    end(pid);
    expect_ended(snapshot, inode);
    deny_handles();
    expect_errno(snapshot, inode, -ESTALE);
    userns_free(snapshot);
}

static void open_as_nobody(void *snapshot_and_inode)
{
    void **arguments = snapshot_and_inode;

    become_nobody(0);
    expect_errno(arguments[0], *(uint64_t *)arguments[1], -EACCES);
}

static void open_ended_as_nobody(void *snapshot_and_inode)
{
    void **arguments = snapshot_and_inode;

    become_nobody(0);
    expect_errno(arguments[0], *(uint64_t *)arguments[1], -ESTALE);
}

SITUATION(refused, AS_ROOT | BY_BPF, "an ordinary user opens no namespace of root")
{
    pid_t pid = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot = scan();
    uint64_t inode = inode_of(pid);
    void *arguments[] = { snapshot, &inode };

    in_child(open_as_nobody, arguments);
    end(pid);
    in_child(open_ended_as_nobody, arguments);
    userns_free(snapshot);
}

SITUATION(hidden, IN_SANDBOX | AS_ROOT, "a process that hidepid hides has not ended")
{
    pid_t pid = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot = scan();
    uint64_t inode = inode_of(pid);
    void *arguments[] = { snapshot, &inode };

    if (mount("proc", "/proc", "proc", MS_REMOUNT, "hidepid=2") != 0)
        skip("cannot mount a procfs with hidepid: %s", strerror(errno));
    in_child(open_as_nobody, arguments);
    userns_free(snapshot);
}

SITUATION(below_another_mount, IN_SANDBOX, "a mount below another one is out of reach without ids")
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *snapshot;

    start(hold_by_overmounted_mount, held);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    if (userns_find_inode(snapshot, held->inode) == NULL)
        skip("this caller cannot see what is below a mount");
    deny_handles();
    expect_errno(snapshot, held->inode, -EACCES);
    userns_free(snapshot);
}

static void unmount_in(void *pid)
{
    join_mount_namespace(pid);
    CHECK(umount2("/mnt/ns", MNT_DETACH) == 0);
}

SITUATION(unmounted, IN_SANDBOX | AS_ROOT, "a mount that is gone: the file below it is not opened")
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold_by_mount, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    in_child(unmount_in, &pid);
    deny_handles();
    expect_errno(snapshot, held->inode, -EACCES);
    userns_free(snapshot);
}

static void open_stuck(void *snapshot_and_inode)
{
    void **arguments = snapshot_and_inode;
    time_t begin = time(NULL);

    deny_handles();
    expect_errno(arguments[0], *(uint64_t *)arguments[1], -EACCES);
    CHECK(time(NULL) - begin < (time_t)stretched(60));
}

/* For start(): fails to end its execve(2) after it has entered a namespace. */
static void go_down_and_stick(void *path)
{
    new_user_namespace();
    start_stuck(path);
}

SITUATION(stuck, IN_SANDBOX | AS_ROOT, "a member inside execve(2) blocks its readers, but not this")
{
    int device;
    pid_t pid;
    struct userns_snapshot *snapshot;
    uint64_t inode;
    void *arguments[2];
    const pid_t *pids;
    size_t count;

    mount_tmpfs("/mnt");
    device = mount_dead_server("/mnt/fuse");
    pid = start(go_down_and_stick, "/mnt/fuse");
    inode = inode_of(pid);
    snapshot = scan();
    serve_until_open(device);
    usleep(200000);
    pids = userns_pids(userns_find_inode(snapshot, inode), &count);
    CHECK_EQ(count, 2);
    if (!blocks_readers(pids[0] == pid ? pids[1] : pids[0]))
        skip("this kernel does not block readers of a process inside execve(2)");
    end(pid); /* only the other process keeps the namespace */
    arguments[0] = snapshot;
    arguments[1] = &inode;
    before_deadline(open_stuck, arguments);
    userns_free(snapshot);
}

/* ---- Never another one ---- */

enum { MOST_TRIES = 2000 };

/* Starts processes in new namespaces until one has the inode number of an ended one; ends others. */
static pid_t start_with_inode(uint64_t inode, void (*act)(void *), void *argument)
{
    for (int i = 0; i < MOST_TRIES; i++) {
        pid_t pid = start(act, argument);

        if (inode_of(pid) == inode)
            return pid;
        end(pid);
    }
    skip("no new namespace has got the inode number of an ended one");
}

/* Starts a process with this PID in a new namespace. */
static pid_t start_with_pid(pid_t wanted)
{
    struct clone_args args = {
        .exit_signal = SIGCHLD,
        .set_tid = (uintptr_t)&wanted,
        .set_tid_size = 1,
    };
    int ready[2];
    char byte;
    pid_t pid;

    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    pid = (pid_t)syscall(SYS_clone3, &args, sizeof args);
    if (pid == 0) {
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        new_user_namespace();
        CHECK(write(ready[1], "", 1) == 1);
        for (;;)
            pause();
    }
    if (pid < 0)
        skip("cannot choose the PID of a process: %s", strerror(errno)); /* Linux 5.5 */
    close(ready[1]);
    CHECK(pid == wanted && read(ready[0], &byte, 1) == 1);
    close(ready[0]);
    return pid;
}

SITUATION(reused_pid, IN_SANDBOX | BY_BPF, "PID and inode number are those of another namespace")
{
    pid_t pid = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot = scan(), *later;
    struct known known = known_of(pid, "user");

    if (known.id == 0)
        skip("this kernel has no ids of namespaces");
    for (int i = 0; i == 0 || inode_of(pid) != known.inode; i++) {
        if (i == MOST_TRIES)
            skip("no new namespace has got the inode number of an ended one");
        end(pid);
        usleep(2000); /* the kernel frees the number a moment later */
        pid = start_with_pid(pid);
    }
    CHECK(known_of(pid, "user").id != known.id);
    expect_errno(snapshot, known.inode, -ESTALE);
    later = scan();
    expect_user(later, known_of(pid, "user"));
    userns_free(later);
    userns_free(snapshot);
}

/* A descriptor table, changed on demand. */
struct table {
    int fd, request[2], answer[2];
    void (*act)(void *); /* what makes the second namespace; with the PID of a process in another */
    struct known known;
};

/* Keeps the namespace of a process, which then ends, open at this number. */
static void put(struct table *table, pid_t pid)
{
    int fd = open_namespace(pid, "user");

    CHECK(fd >= 0 && dup2(fd, table->fd) == table->fd);
    close(fd);
    table->known = known_of(pid, "user");
    end(pid);
}

static void change_table(struct table *table)
{
    pid_t elsewhere;
    char byte;

    if (fork_child() != 0)
        return;
    elsewhere = start(go_down, &(int){ 1 });
    put(table, start(go_down, &(int){ 1 }));
    CHECK(write(table->answer[1], "", 1) == 1);
    CHECK(read(table->request[0], &byte, 1) == 1);
    close(table->fd);
    put(table, start_with_inode(table->known.inode, table->act, &elsewhere));
    CHECK(write(table->answer[1], "", 1) == 1);
    for (;;)
        pause();
}

/* Waits for a change. If the process has ended, it has said why. */
static void await_change(struct table *table)
{
    char byte;

    if (read(table->answer[0], &byte, 1) != 1)
        exit(SKIPPED);
}

/* The same process has another namespace with the same inode number at the same descriptor. */
static void expect_another_in_table(void (*act)(void *))
{
    struct table *table = shared(sizeof *table);
    struct userns_snapshot *snapshot;
    uint64_t first;

    CHECK(pipe2(table->request, O_CLOEXEC) == 0 && pipe2(table->answer, O_CLOEXEC) == 0);
    table->fd = 50;
    table->act = act;
    change_table(table);
    close(table->answer[1]);
    await_change(table);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    first = table->known.id;
    expect_user(snapshot, table->known);
    CHECK(write(table->request[1], "", 1) == 1);
    await_change(table);
    CHECK(first == 0 || first != table->known.id);
    expect_errno(snapshot, table->known.inode, -ESTALE);
    deny_handles();
    expect_errno(snapshot, table->known.inode, -ESTALE);
    userns_free(snapshot);
}

static void go_down_once(void *unused UNUSED)
{
    new_user_namespace();
}

SITUATION(reused_descriptor, IN_SANDBOX | BY_BPF,
          "another namespace with all numbers of an ended one")
{
    if (id_of(getpid()) == 0)
        skip("this kernel has no ids of namespaces");
    expect_another_in_table(go_down_once);
}

static void go_down_by_other_user(void *unused UNUSED)
{
    CHECK(setresuid(1, 1, 1) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
    if (unshare(CLONE_NEWUSER) != 0)
        skip("an ordinary user cannot make a user namespace: %s", strerror(errno));
}

SITUATION(reused_by_other_user, IN_SANDBOX | AS_ROOT,
          "before Linux 6.18, the owner tells them apart")
{
    deny_ids();
    expect_another_in_table(go_down_by_other_user);
}

SITUATION(reused_elsewhere, IN_SANDBOX | AS_ROOT, "before Linux 6.18, the parent tells them apart")
{
    deny_ids();
    expect_another_in_table(join_and_go_down);
}

/* ---- Under a storm ---- */

/* Makes namespaces and ends them, without end. */
static void make_and_end(void)
{
    if (fork_child() != 0)
        return;
    for (;;) {
        pid_t pid = fork();

        if (pid == 0) {
            int unused_result = unshare(CLONE_NEWUSER | CLONE_NEWUTS);

            (void)unused_result;
            usleep(200);
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
}

/* Has one new namespace after the other at the same descriptor, without end. */
static void swap_descriptor(void)
{
    if (fork_child() != 0)
        return;
    for (;;) {
        pid_t pid;
        int fd;

        usleep(1000);
        close(50);
        /* The next one gets the inode number, which the kernel frees a moment later. */
        usleep(1000);
        pid = start(go_down, &(int){ 1 });
        fd = open_namespace(pid, "user");
        CHECK(fd >= 0 && dup2(fd, 50) == 50);
        close(fd);
        end(pid);
    }
}

/* Whether a function has opened a namespace. If not, it has ended. */
static bool is_opened(int fd, struct known known)
{
    if (fd < 0) {
        CHECK(fd == -ESTALE || fd == -EACCES);
        return false;
    }
    expect_namespace(fd, known);
    return true;
}

static bool open_user(const struct userns_node *node)
{
    return is_opened(userns_open(node), (struct known){ userns_inode(node), userns_id(node) });
}

static bool open_nonuser(const struct userns_nonuser *ns)
{
    return is_opened(userns_nonuser_open(ns),
                     (struct known){ userns_nonuser_inode(ns), userns_nonuser_id(ns) });
}

/*
 * Opens the namespaces of many snapshots, the user namespaces ten times, until that was tried so
 * often; returns how often one of these had ended.
 */
static int open_all(int wanted)
{
    int opened = 0, missed = 0, missed_nonusers = 0;

    while (opened + missed < wanted) {
        struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
        size_t count, nonuser_count;
        const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
        const struct userns_nonuser *const *nonusers = userns_nonusers(snapshot, &nonuser_count);

        for (int round = 0; round < 10; round++) {
            for (size_t i = 0; i < count; i++)
                *(open_user(nodes[i]) ? &opened : &missed) += 1;
            for (size_t i = (size_t)round; i < nonuser_count; i += 10)
                missed_nonusers += !open_nonuser(nonusers[i]);
            usleep(1000);
        }
        userns_free(snapshot);
    }
    CHECK(opened > 0);
    printf("%d user namespaces opened, %d had ended, %d others had\n", opened, missed,
           missed_nonusers);
    return missed;
}

SITUATION(storm, IN_SANDBOX | BY_BPF, "thousands of times while namespaces are made and end")
{
    int before;

    for (int i = 0; i < 2; i++) {
        make_and_end();
        swap_descriptor();
    }
    before = open_descriptors();
    open_all(rounds(10000));
    deny_handles();
    CHECK(open_all(rounds(10000)) > 0);
    CHECK_EQ(open_descriptors(), before);
}
