/* Pins that only BPF shows, and descriptors that it tells without opening them. */
#include "situation.h"
#include "bpf.h"
#include "pins.h"
#include <linux/sockios.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/un.h>

/* Scans by BPF, and skips where that tells less. */
static struct userns_snapshot *scan_told(uint64_t flags)
{
    if (!calls_functions())
        skip("before Linux 6.4, and without a JIT compiler, the program only selects descriptors");
    return scan_by(flags | USERNS_SCAN_BPF, best_source());
}

/* Runs a function in a child that shares the descriptor table, and ends. */
static void in_child_with_files(void (*act)(struct held *), struct held *held)
{
    pid_t pid = fork_with(CLONE_FILES | SIGCHLD);

    CHECK(pid >= 0);
    if (pid == 0) {
        act(held);
        _exit(0);
    }
    expect_success(pid);
}

/* For in_child_with_files(): enters a user namespace, of which only the inode number stays known. */
static void enter_user_namespace(struct held *held)
{
    new_user_namespace();
    held->inode = inode_of(getpid());
}

/* Starts a process that keeps a namespace by a file; checks what a scan by BPF says; ends it. */
static void check_kept(void (*keep)(void *), enum userns_pin_kind kind)
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *snapshot;
    pid_t pid;

    need_bpf();
    pid = start(keep, held);
    snapshot = scan_told(USERNS_SCAN_PINNED);
    check_place(snapshot, held->inode);
    check_file(only_pin(snapshot, held->inode), kind, pid, pid, held->fd);
    userns_free(snapshot);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode)); /* through procfs */
    end(pid);
    CHECK(!finds(USERNS_SCAN_PINNED | USERNS_SCAN_BPF, held->inode));
}

/* ---- Credentials ---- */

static void open_with_credentials(struct held *held)
{
    enter_user_namespace(held);
    held->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
    CHECK(held->fd >= 0);
}

static void keep_by_credentials(void *held)
{
    in_child_with_files(open_with_credentials, held);
}

SITUATION(credentials, IN_SANDBOX, "the process that opened a file has ended")
{
    check_kept(keep_by_credentials, USERNS_PIN_CREDENTIALS);
}

static void keep_in_thread(void *held)
{
    CHECK(unshare(CLONE_FILES) == 0);
    keep_by_credentials(held);
}

static void keep_by_thread(void *held)
{
    in_thread(keep_in_thread, held);
}

SITUATION(thread_private_file, IN_SANDBOX, "the file is in a table that only one thread has")
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *snapshot;
    pid_t pid;

    need_bpf();
    pid = start(keep_by_thread, held);
    snapshot = scan_told(USERNS_SCAN_PINNED);
    check_file(only_pin(snapshot, held->inode), USERNS_PIN_CREDENTIALS, pid, held->tid, held->fd);
    userns_free(snapshot);
}

/* ---- Peers ---- */

static const struct sockaddr_un abstract = { .sun_family = AF_UNIX, .sun_path = "\0pins_bpf" };

static void connect_and_end(void *held)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    enter_user_namespace(held);
    CHECK(connect(fd, (const struct sockaddr *)&abstract, sizeof abstract) == 0);
}

static void keep_by_peer(void *argument)
{
    struct held *held = argument;
    int server = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(bind(server, (const struct sockaddr *)&abstract, sizeof abstract) == 0);
    CHECK(listen(server, 1) == 0);
    in_child(connect_and_end, held);
    held->fd = accept4(server, NULL, NULL, SOCK_CLOEXEC);
    CHECK(held->fd >= 0);
}

SITUATION(peer, IN_SANDBOX, "the process that connected to a UNIX socket has ended")
{
    check_kept(keep_by_peer, USERNS_PIN_PEER);
}

/* ---- File systems ---- */

static void open_new_tmpfs(struct held *held)
{
    enter_user_namespace(held);
    CHECK(unshare(CLONE_NEWNS) == 0);
    CHECK(mount("none", "/mnt", "tmpfs", 0, NULL) == 0);
    held->fd = open("/mnt", O_PATH | O_CLOEXEC);
    CHECK(held->fd >= 0);
}

/* Opens the directory once more, so that only its file system is of the namespace. */
static void keep_by_file_system(void *argument)
{
    struct held *held = argument;
    char path[64];
    int fd;

    in_child_with_files(open_new_tmpfs, held);
    snprintf(path, sizeof path, "/proc/self/fd/%d", held->fd);
    fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    CHECK(fd >= 0);
    close(held->fd);
    held->fd = fd;
}

SITUATION(file_system, IN_SANDBOX, "a directory of a tmpfs that was mounted in the namespace")
{
    check_kept(keep_by_file_system, USERNS_PIN_FILE_SYSTEM);
}

/* ---- What is no pin ---- */

/* For start(): as in containers, files of above, of the namespace itself, and of a child in it. */
static void have_files(void *argument)
{
    struct held *held = argument;

    CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, (int[2]){ 0 }) == 0);
    new_user_namespace();
    CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, (int[2]){ 0 }) == 0);
    CHECK(unshare(CLONE_NEWNS) == 0);
    CHECK(mount("none", "/mnt", "tmpfs", 0, NULL) == 0);
    CHECK(open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC) >= 0);
    held->inode = inode_of(getpid());
    start(go_down, &(int){ 2 });
}

SITUATION(ordinary_files, IN_SANDBOX,
          "files do not keep the namespaces of their process or those above it")
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *snapshot;
    const struct userns_node *const *nodes;
    size_t node_count, count;

    need_bpf();
    start(have_files, held);
    snapshot = scan_told(USERNS_SCAN_PINNED);
    CHECK(userns_find_inode(snapshot, held->inode) != NULL);
    nodes = userns_nodes(snapshot, &node_count);
    for (size_t i = 0; i < node_count; i++) {
        const struct userns_pin *const *pins = userns_pins(nodes[i], &count);

        for (size_t j = 0; j < count; j++)
            CHECK(userns_pin_kind(pins[j]) < USERNS_PIN_CREDENTIALS);
    }
    userns_free(snapshot);
}

/* ---- Sockets ---- */

struct expected {
    struct held *held;
    pid_t pid;
};

/* The owner is a child of the caller's own namespace; the caller is another user than its owner. */
static void check_owner(const struct userns_snapshot *snapshot, const struct held *held)
{
    const struct userns_node *node = userns_find_inode(snapshot, held->inode);
    uid_t owner;

    CHECK(node != NULL && userns_parent(node) == userns_self(snapshot));
    CHECK_EQ(userns_flags(node), USERNS_NODE_EMPTY | USERNS_NODE_ONLY_PINNED);
    CHECK(userns_owner_uid(node, &owner) && owner == 0);
}

static void scan_sockets(void *argument)
{
    struct expected *expected = argument;
    struct held *held = expected->held;
    struct userns_snapshot *snapshot;

    deny_syscall(__NR_pidfd_getfd, ANY_ARGUMENT, 0, EPERM);
    deny_ioctl(SIOCGSKNS);
    keep_bpf_alone();
    snapshot = scan_told(USERNS_SCAN_SOCKETS);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_SOCKETS), 0);
    check_owner(snapshot, held);
    check_file(only_nonuser_pin(find_nonuser(snapshot, held->other)), USERNS_PIN_SOCKET,
               expected->pid, expected->pid, held->fd);
    userns_free(snapshot);
}

/* The scan has neither the right to trace the process nor CAP_NET_ADMIN, and duplicates nothing. `flags` suffice to see the file. */
static void check_network_kept(void (*hold)(void *), uint64_t flags)
{
    struct held *held = shared(sizeof *held);
    struct expected expected = { held, 0 };

    need_bpf();
    expected.pid = start(hold, held);
    in_child(scan_sockets, &expected);
    CHECK_EQ(finds(USERNS_SCAN_PINNED | USERNS_SCAN_BPF, held->inode), flags == USERNS_SCAN_PINNED);
    end(expected.pid);
    CHECK(ends(USERNS_SCAN_SOCKETS | USERNS_SCAN_BPF, held->inode));
}

SITUATION(socket_untouched, IN_SANDBOX, "a socket's network namespace, without a duplicate")
{
    check_network_kept(hold_socket, USERNS_SCAN_SOCKETS);
}

SITUATION(tun_untouched, IN_SANDBOX, "the same for a descriptor of /dev/net/tun")
{
    check_network_kept(hold_tun, USERNS_SCAN_PINNED);
}

/* ---- Descriptors of namespaces ---- */

/* For start(): namespaces of all types but user, of a process that has ended. */
static void hold_every_type(void *argument)
{
    static const char *const types[] = { "cgroup", "ipc", "mnt", "net", "time", "uts" };
    struct held *held = argument;
    int types_of_child = CLONE_NEWCGROUP | CLONE_NEWIPC | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWUTS;
    pid_t pid = start(go_down_with, &types_of_child);

    held->inode = inode_of(pid);
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        held->fd = open_namespace(pid, types[i]);
    end(pid);
}

static void scan_hidden(void *argument)
{
    struct expected *expected = argument;
    struct userns_snapshot *snapshot;
    const struct userns_nonuser *const *owned;
    size_t count;

    keep_bpf_alone();
    snapshot = scan_told(USERNS_SCAN_PINNED);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS), 0);
    check_owner(snapshot, expected->held);
    owned = userns_owned(userns_find_inode(snapshot, expected->held->inode), &count);
    CHECK_EQ(count, 5);
    for (size_t i = 0; i < count; i++) {
        const struct userns_pin *pin = only_nonuser_pin(owned[i]);

        CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_DESCRIPTOR);
        CHECK_EQ(userns_pin_pid(pin), expected->pid);
    }
    userns_free(snapshot);
}

SITUATION(descriptors_of_others, IN_SANDBOX,
          "descriptors of a process that the caller may not read")
{
    struct held *held = shared(sizeof *held);
    struct expected expected = { held, 0 };

    need_bpf();
    expected.pid = start(hold_every_type, held);
    in_child(scan_hidden, &expected);
}

/* ---- PID namespaces ---- */

static void open_pidfd(struct held *held)
{
    pid_t pid;

    enter_user_namespace(held);
    CHECK(unshare(CLONE_NEWPID) == 0);
    pid = start(do_nothing, NULL);
    held->other = inode_of_link(getpid(), "pid_for_children");
    held->fd = (int)syscall(__NR_pidfd_open, pid, 0);
    CHECK(held->fd >= 0);
    end(pid);
}

static void keep_by_pidfd(void *held)
{
    in_child_with_files(open_pidfd, held);
}

static bool has_pid_file_system(int pidfd)
{
    enum { PID_FS_MAGIC = 0x50494446 };
    struct statfs status;

    CHECK(fstatfs(pidfd, &status) == 0);
    return (unsigned)status.f_type == PID_FS_MAGIC;
}

SITUATION(pidfd, IN_SANDBOX, "a pidfd of a process that has ended holds its PID namespace")
{
    struct held *held = shared(sizeof *held);
    const struct userns_nonuser *own;
    const struct userns_pin *const *pins, *pin;
    struct userns_snapshot *snapshot;
    size_t count;
    pid_t pid;

    need_bpf();
    if (!has_pid_file_system((int)syscall(__NR_pidfd_open, getpid(), 0)))
        skip("before Linux 6.9 a pidfd is an anonymous file");
    pid = start(keep_by_pidfd, held);
    snapshot = scan_told(USERNS_SCAN_PINNED);
    check_place(snapshot, held->inode);
    /* The other pin is by the credentials with which the pidfd was opened. */
    pins = userns_pins(userns_find_inode(snapshot, held->inode), &count);
    CHECK_EQ(count, 2);
    pin = check_owned(pins[0], CLONE_NEWPID, held->other);
    check_file(pin, USERNS_PIN_PIDFD, pid, pid, held->fd);
    own = find_nonuser(snapshot, inode_of_link(getpid(), "pid"));
    CHECK(own && userns_nonuser_parent(find_nonuser(snapshot, held->other)) == own);
    userns_free(snapshot);
    end(pid);
    CHECK(ends(USERNS_SCAN_PINNED | USERNS_SCAN_BPF, held->inode));
}

/* A chain of PID namespaces, each in a user namespace of its own; in shared memory. */
struct chain {
    struct held held; /* the descriptor of the innermost one */
    int count;
    uint64_t user[2], pid[2];
};

/* Not by PID, which is another one in the procfs of the sandbox. */
static uint64_t inode_of_own(const char *type)
{
    char path[64];
    struct stat status;

    snprintf(path, sizeof path, "/proc/self/ns/%s", type);
    CHECK(stat(path, &status) == 0);
    return status.st_ino;
}

/* For in_child_with_files(): goes one level down, and in the end opens the PID namespace. */
static void nest(struct held *argument)
{
    struct chain *chain = (struct chain *)argument;

    if (chain->count > 0)
        chain->pid[chain->count - 1] = inode_of_own("pid");
    if (chain->count == 2) {
        chain->held.fd = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
        CHECK(chain->held.fd >= 0);
        return;
    }
    new_user_namespace();
    CHECK(unshare(CLONE_NEWPID) == 0);
    chain->user[chain->count++] = inode_of_own("user");
    in_child_with_files(nest, argument);
}

static void hold_chain(void *chain)
{
    in_child_with_files(nest, chain);
}

SITUATION(ended_pid_namespaces, IN_SANDBOX,
          "PID namespaces without processes, and a descriptor of the innermost one")
{
    struct chain *chain = shared(sizeof *chain);
    struct userns_snapshot *snapshot;

    need_bpf();
    start(hold_chain, chain);
    snapshot = scan_told(USERNS_SCAN_PINNED);
    for (int i = 0; i < 2; i++) {
        const struct userns_nonuser *ns = find_nonuser(snapshot, chain->pid[i]);

        CHECK(ns && userns_nonuser_type(ns) == CLONE_NEWPID);
        CHECK_EQ(userns_inode(userns_nonuser_owner(ns)), chain->user[i]);
        CHECK_EQ(userns_nonuser_inode(userns_nonuser_parent(ns)),
                 i == 0 ? inode_of_link(getpid(), "pid") : chain->pid[0]);
    }
    userns_free(snapshot);
}
