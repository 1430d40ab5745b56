/* Pins: descriptors that hold a user namespace. */
#include "situation.h"
#include "pins.h"

/* Starts a process that holds a user namespace; checks what a scan says; ends it. */
static void check_held_by_descriptor(void (*hold)(void *))
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    check_place(snapshot, held->inode);
    check_descriptor(only_pin(snapshot, held->inode), pid, held->tid ? held->tid : pid, held->fd);
    userns_free(snapshot);
    end(pid);
    CHECK(ends(USERNS_SCAN_PINNED, held->inode));
}

SITUATION(alone, IN_SANDBOX | BY_BPF, "only a descriptor holds the namespace")
{
    check_held_by_descriptor(hold_descriptor);
}

/* ---- Links that do not name the namespace ---- */

/* Opens the namespace through its mount, which then goes: the link of the descriptor is "/". */
static void hold_by_mounted_file(void *argument)
{
    struct held *held = argument;

    hold_by_mount(held);
    held->fd = open("/mnt/ns", O_RDONLY | O_CLOEXEC);
    CHECK(held->fd >= 0 && umount2("/mnt/ns", MNT_DETACH) == 0);
}

SITUATION(opened_through_mount, IN_SANDBOX | BY_BPF,
          "the descriptor was opened through a mount, which is gone")
{
    check_held_by_descriptor(hold_by_mounted_file);
}

static void hold_by_detached_mount(void *argument)
{
    enum { CLONE = 1 /* OPEN_TREE_CLONE */ };
    struct held *held = argument;

    hold_by_mount(held);
    held->fd = (int)syscall(__NR_open_tree, AT_FDCWD, "/mnt/ns", CLONE | O_CLOEXEC);
    if (held->fd < 0 && errno == ENOSYS) /* before Linux 5.2 */
        skip("the kernel has no open_tree(2)");
    CHECK(held->fd >= 0 && umount2("/mnt/ns", MNT_DETACH) == 0);
}

SITUATION(detached_mount, IN_SANDBOX | BY_BPF, "only a detached mount holds the namespace")
{
    check_held_by_descriptor(hold_by_detached_mount);
}

/* Files that are not namespaces, on whatever device, must not be taken for some. */
static void hold_files(void *unused UNUSED)
{
    CHECK(open("/", O_RDONLY | O_CLOEXEC) >= 0);
    CHECK(open("/proc/self/ns", O_RDONLY | O_CLOEXEC) >= 0);
    CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
}

SITUATION(other_files, IN_SANDBOX | BY_BPF, "descriptors of directories and devices are no pins")
{
    struct userns_snapshot *before = scan_with(USERNS_SCAN_PINNED), *after;
    size_t count_before, count_after;

    start(hold_files, NULL);
    after = scan_with(USERNS_SCAN_PINNED);
    userns_pins(userns_self(before), &count_before);
    userns_pins(userns_self(after), &count_after);
    CHECK_EQ(count_after, count_before);
    userns_free(before);
    userns_free(after);
}

/* readlink(2) of its first descriptor fails: the path is longer than a page. */
static void hold_behind_long_path(void *held)
{
    char name[200] = "";

    memset(name, 'x', sizeof name - 1);
    new_mount_namespace();
    mount_tmpfs("/mnt");
    CHECK(chdir("/mnt") == 0);
    for (int i = 0; i < 30; i++)
        CHECK(mkdir(name, 0700) == 0 && chdir(name) == 0);
    CHECK(open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
    hold_descriptor(held);
}

SITUATION(behind_long_path, IN_SANDBOX | BY_BPF,
          "another descriptor of the process has a path that the kernel does not tell")
{
    check_held_by_descriptor(hold_behind_long_path);
}

/* ---- Threads ---- */

static void hold_privately(void *held)
{
    CHECK(unshare(CLONE_FILES) == 0);
    hold_descriptor(held);
}

static void hold_descriptor_in_thread(void *held)
{
    in_thread(hold_privately, held);
}

SITUATION(thread_private_descriptor, IN_SANDBOX | BY_BPF,
          "a descriptor in a table that only the second thread has")
{
    check_held_by_descriptor(hold_descriptor_in_thread);
}

static void *hold_after_leader(void *held)
{
    ((struct held *)held)->tid = (pid_t)syscall(SYS_gettid);
    return wait_forever(NULL);
}

/* The thread-group leader ends. A scan reports the descriptors of the second thread. */
static void leave_to_thread(struct held *held)
{
    static struct held others[3];
    pthread_t thread;

    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    hold_descriptor(held);
    CHECK(pthread_create(&thread, NULL, hold_after_leader, held) == 0);
    for (int i = 0; i < 3; i++)
        CHECK(pthread_create(&thread, NULL, hold_after_leader, &others[i]) == 0);
    syscall(SYS_exit, 0);
}

static bool lists_descriptors(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/fd/0", (int)pid);
    return access(path, F_OK) == 0;
}

SITUATION(exited_leader, IN_SANDBOX | BY_BPF,
          "the thread-group leader has ended, others have the descriptor")
{
    struct held *held = shared(sizeof *held);
    pid_t pid = fork_child();
    struct userns_snapshot *snapshot;

    if (pid == 0)
        leave_to_thread(held);
    while (*(volatile pid_t *)&held->tid == 0 || lists_descriptors(pid))
        usleep(1000);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    check_place(snapshot, held->inode);
    check_descriptor(only_pin(snapshot, held->inode), pid, held->tid, held->fd);
    userns_free(snapshot);
    end(pid);
    CHECK(ends(USERNS_SCAN_PINNED, held->inode));
}

/* Threads with a table each; the last one holds a namespace. */
static void *have_own_table(void *ready)
{
    CHECK(unshare(CLONE_FILES) == 0 && write(*(int *)ready, "", 1) == 1);
    return wait_forever(NULL);
}

static void hold_in_last_of_many(void *held)
{
    enum { THREADS = 2000, STACK = 128 * 1024 };
    pthread_attr_t small;
    pthread_t thread;
    int ready[2];

    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    CHECK(pthread_attr_init(&small) == 0 && pthread_attr_setstacksize(&small, STACK) == 0);
    for (int i = 0; i < THREADS; i++) {
        char byte;
        int error = pthread_create(&thread, &small, have_own_table, &ready[1]);

        if (error == EAGAIN)
            skip("no more than %d threads are permitted", i);
        CHECK(error == 0 && read(ready[0], &byte, 1) == 1);
    }
    in_thread(hold_privately, held);
}

SITUATION(many_tables, IN_SANDBOX | BY_BPF,
          "2,000 threads have a table each; another one holds the namespace")
{
    check_held_by_descriptor(hold_in_last_of_many);
}

/* The process opens the descriptor before it starts a thread, so both share it. */
static void hold_and_start_threads(void *argument)
{
    struct held *held = argument, other;

    hold_descriptor(held);
    for (int i = 0; i < 3; i++)
        in_thread(do_nothing, &other);
}

SITUATION(unknown_tables, IN_SANDBOX | BY_BPF,
          "kcmp(2) is denied; a table is read through each thread, and counts once")
{
    deny_syscall(__NR_kcmp, ANY_ARGUMENT, 0, EPERM);
    check_held_by_descriptor(hold_and_start_threads);
    check_held_by_descriptor(hold_descriptor_in_thread);
}

/* ---- Parents ---- */

SITUATION(chain, IN_SANDBOX | BY_BPF, "a descriptor holds a namespace, which holds its parent")
{
    struct userns_snapshot *snapshot;
    const struct userns_node *leaf, *middle;
    int fd = open_left(go_down, &(int){ 2 }, "user");
    uint64_t inode = inode_of_fd(fd);

    snapshot = scan_with(USERNS_SCAN_PINNED);
    leaf = userns_find_inode(snapshot, inode);
    middle = userns_parent(leaf);
    check_descriptor(only_pin(snapshot, inode), getpid(), getpid(), fd);
    check_place(snapshot, userns_inode(middle));
    CHECK(userns_pins(middle, NULL) == NULL);
    CHECK_EQ(userns_depth(leaf), userns_depth(userns_self(snapshot)) + 2);
    CHECK_EQ(userns_flags(leaf), USERNS_NODE_EMPTY | USERNS_NODE_ONLY_PINNED);
    userns_free(snapshot);
    close(fd);
    CHECK(ends(USERNS_SCAN_PINNED, inode));
}

/*
 * In a child of the sandbox's namespace. The descriptors are of that namespace, of another child of
 * it, and of a grandchild.
 */
static void check_roots(void *argument)
{
    const int *fds = argument;
    struct userns_snapshot *snapshot;
    const struct userns_node *const *roots;
    uint32_t pinned = USERNS_NODE_EMPTY | USERNS_NODE_ONLY_PINNED;
    bool initial = inode_of_fd(fds[0]) == INITIAL_INODE;
    size_t count;

    new_user_namespace();
    snapshot = scan_with(USERNS_SCAN_PINNED);
    roots = userns_roots(snapshot, &count);
    CHECK(count >= 4); /* more if namespaces are mounted on the host */
    CHECK(userns_self(snapshot) == roots[initial ? 1 : 0]);
    CHECK(userns_root(snapshot) == roots[0]);
    CHECK(initial == (userns_inode(roots[0]) == INITIAL_INODE));
    for (int i = 0; i < 3; i++) {
        const struct userns_node *node = userns_find_inode(snapshot, inode_of_fd(fds[i]));

        CHECK(node != NULL && userns_parent(node) == NULL && userns_depth(node) == 0);
        CHECK_EQ(userns_flags(node),
                 pinned | (i == 0 && initial ? USERNS_NODE_INITIAL : USERNS_NODE_PARENT_HIDDEN));
        check_descriptor(userns_pins(node, NULL)[0], getpid(), getpid(), fds[i]);
    }
    CHECK(userns_gaps(snapshot) & USERNS_GAP_NESTED);
    userns_free(snapshot);
}

SITUATION(several_roots, IN_SANDBOX, "descriptors hold namespaces above and beside a nested caller")
{
    int fds[3];
    pid_t sibling = start(go_down, &(int){ 1 }), below = start(join_and_go_down, &sibling);

    fds[0] = open_namespace(getpid(), "user");
    fds[1] = open_namespace(sibling, "user");
    fds[2] = open_namespace(below, "user");
    CHECK(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0);
    in_child(check_roots, fds);
}

/* ---- Detached mounts ---- */

/* Detaches a copy of the mounts below a path, as open_tree(2) does; skips without that (Linux 5.2). */
static int detach(const char *path)
{
    enum { OPEN_TREE = 428, CLONE = 1, RECURSIVE = 0x8000 };
    int tree = (int)syscall(OPEN_TREE, AT_FDCWD, path, CLONE | RECURSIVE | O_CLOEXEC);

    if (tree < 0)
        skip("cannot detach mounts: %s", strerror(errno));
    return tree;
}

SITUATION(detached_tree, IN_SANDBOX,
          "a namespace inside detached mounts is visible only through a descriptor of its own")
{
    uint64_t inode;
    int tree;

    mount_tmpfs("/mnt");
    inode = mount_left_user("/mnt/ns");
    tree = detach("/mnt");
    CHECK(umount2("/mnt/ns", MNT_DETACH) == 0);
    CHECK(!finds(USERNS_SCAN_PINNED, inode)); /* as docs/visibility.md says */
    CHECK(openat(tree, "ns", O_PATH | O_CLOEXEC) >= 0);
    CHECK(finds(USERNS_SCAN_PINNED, inode));
}

/* ---- In flight ---- */

static int receive_descriptor(int socket)
{
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec data = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = {
        .msg_iov = &data, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control
    };
    int fd;

    CHECK(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != NULL);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

SITUATION(in_flight, IN_SANDBOX | BY_BPF,
          "a descriptor in flight is not visible, as the header says")
{
    int sockets[2], fd = open_left_user();
    uint64_t inode = inode_of_fd(fd);

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    send_descriptor(sockets[0], fd);
    CHECK(finds(USERNS_SCAN_PINNED, inode));
    close(fd);
    CHECK(!finds(USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS, inode));
    fd = receive_descriptor(sockets[1]);
    CHECK_EQ(inode_of_fd(fd), inode);
    CHECK(finds(USERNS_SCAN_PINNED, inode));
}
