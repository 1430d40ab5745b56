/*
 * Namespaces that no process, descriptor or visible mount shows, but that the kernel lists: those that
 * are mounted in a mount namespace without processes, and those that a descriptor in flight or a watch keeps.
 *
 * The kernel lists all namespaces only for root in the initial PID namespace. So these situations run
 * outside of a sandbox, where other namespaces come and go meanwhile.
 */
#include "situation.h"
#include "pins.h"
#include <sys/fanotify.h>
#include <sys/inotify.h>

/* Skips the situation unless the kernel lists all mount namespaces for this caller. */
static void need_list_of_mount_namespaces(void)
{
    uint64_t info[2]; /* struct mnt_ns_info */
    int own = open_namespace(getpid(), "mnt");
    int next = ioctl(own, NS_MNT_GET_NEXT, info);

    if (inode_of_link(getpid(), "pid") != INITIAL_PID_INODE)
        skip("needs the initial PID namespace");
    if (next < 0 && errno != ENOENT)
        skip("the kernel does not list mount namespaces: %s", strerror(errno));
    close(own);
    close(next);
}

/* Lets a descriptor be in flight as long as the returned socket is open, and closes it. */
static int let_fly(int fd)
{
    int sockets[2];

    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    send_descriptor(sockets[0], fd);
    close(sockets[0]);
    close(fd);
    return sockets[1];
}

/* ---- Mount namespaces without processes ---- */

static void check_mount_in(const struct userns_pin *pin, uint64_t mount_namespace)
{
    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_MOUNT);
    CHECK(userns_pin_pid(pin) == 0 && userns_pin_tid(pin) == 0);
    CHECK(userns_pin_descriptor(pin) == -1 && strcmp(userns_pin_path(pin), "/mnt/ns") == 0);
    CHECK_EQ(userns_nonuser_type(userns_pin_nonuser(pin)), CLONE_NEWNS);
    CHECK_EQ(userns_nonuser_inode(userns_pin_nonuser(pin)), mount_namespace);
}

enum { MOST_TRIES = 100 };

/* Whether no other process is in a namespace, or has a descriptor of it, and there are not more pins than one. */
static bool is_alone(const struct userns_snapshot *snapshot, uint64_t inode)
{
    const struct userns_node *node = userns_find_inode(snapshot, inode);
    size_t count, member_count;
    const struct userns_pin *const *pins =
        node != NULL ? userns_pins(node, &count)
                     : userns_nonuser_pins(find_nonuser(snapshot, inode), &count);

    userns_pids(node, &member_count);
    return member_count == 0 && count <= 1 &&
           (count == 0 || userns_pin_pid(pins[0]) == 0 || userns_pin_pid(pins[0]) == getpid());
}

/*
 * A scan beside which no other scan on this host refers to these namespaces: one opens what the kernel lists, joins a namespace
 * to read its maps, and copies a mount namespace to look below the upper mount, so that there is a mount in the copy, too; each
 * for a moment.
 */
static struct userns_snapshot *scan_alone(const uint64_t *inodes, size_t count)
{
    for (int tries = 0; tries < MOST_TRIES; tries++) {
        struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
        size_t alone = 0;

        for (size_t i = 0; i < count; i++)
            alone += is_alone(snapshot, inodes[i]);
        if (alone == count)
            return snapshot;
        userns_free(snapshot);
    }
    fail("others always refer to the namespaces");
}

/* A scan finds a user namespace by a mount that no process sees. */
static void check_unseen_mount(uint64_t inode, uint64_t mount_namespace, bool is_overmounted)
{
    struct userns_snapshot *snapshot = scan_alone((uint64_t[]){ inode, mount_namespace }, 2);

    CHECK(userns_empty_source(snapshot) >= USERNS_EMPTY_SOURCE_MOUNT_NAMESPACES);
    check_place(snapshot, inode);
    check_mount_in(only_pin(snapshot, inode), mount_namespace);
    CHECK(userns_pin_is_overmounted(only_pin(snapshot, inode)) == is_overmounted);
    userns_free(snapshot);
}

static void check_left_mount_namespace(void (*make_mounts)(void *), bool is_overmounted)
{
    struct held *held = shared(sizeof *held);
    uint64_t inode;
    int fd;

    need_list_of_mount_namespaces();
    fd = open_left(make_mounts, held, "mnt");
    inode = inode_of_fd(fd);
    check_unseen_mount(held->inode, inode, is_overmounted);
    let_fly(fd);
    check_unseen_mount(held->inode, inode, is_overmounted);
}

SITUATION(mounted, AS_ROOT | BY_BPF, "a mount in a mount namespace that only a descriptor keeps")
{
    check_left_mount_namespace(hold_by_mount, false);
}

SITUATION(mounted_without_listmount, AS_ROOT, "the same, without listmount(2)")
{
    deny_listmount();
    check_left_mount_namespace(hold_by_mount, false);
}

SITUATION(overmounted, AS_ROOT, "another mount is on the same path")
{
    check_left_mount_namespace(hold_by_overmounted_mount, true);
}

/* Holds a namespace in a mount namespace that a new user namespace owns. */
static void hold_below(void *held)
{
    new_user_namespace();
    hold_by_mount(held);
}

SITUATION(owned_below, AS_ROOT | BY_BPF, "another user namespace owns the mount namespace")
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *snapshot;
    const struct userns_node *owner;
    const struct userns_nonuser *ns;
    uint64_t inode;
    int fd;

    need_list_of_mount_namespaces();
    fd = open_left(hold_below, held, "mnt");
    inode = inode_of_fd(fd);
    snapshot = scan_alone((uint64_t[]){ held->inode, inode }, 2);
    owner = userns_parent(userns_find_inode(snapshot, held->inode));
    check_mount_in(only_pin(snapshot, held->inode), inode);
    CHECK_EQ(userns_inode(owner), owner_of_fd(fd));
    check_place(snapshot, userns_inode(owner));
    check_descriptor(check_owned(only_pin(snapshot, userns_inode(owner)), CLONE_NEWNS, inode),
                     getpid(), getpid(), fd);
    userns_free(snapshot);

    let_fly(fd);
    snapshot = scan_alone((uint64_t[]){ held->inode, inode }, 2);
    ns = find_nonuser(snapshot, inode);
    CHECK(ns != NULL &&
          userns_nonuser_owner(ns) == userns_parent(userns_find_inode(snapshot, held->inode)));
    CHECK_EQ(userns_nonuser_member_count(ns), 0);
    check_mount_in(only_pin(snapshot, held->inode), inode);
    userns_free(snapshot);
}

static bool is_out_of_sight_or_unknown(const struct userns_snapshot *snapshot, uint64_t inode)
{
    if (userns_empty_source(snapshot) < USERNS_EMPTY_SOURCE_LISTNS)
        return userns_find_inode(snapshot, inode) == NULL;
    return userns_pin_kind(only_pin(snapshot, inode)) == USERNS_PIN_OUT_OF_SIGHT;
}

SITUATION(unreadable, AS_ROOT, "a policy denies to enter a mount namespace without processes")
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *snapshot;

    need_list_of_mount_namespaces();
    let_fly(open_left(hold_by_mount, held, "mnt"));
    deny_syscall(__NR_setns, ANY_ARGUMENT, 0, EPERM);
    snapshot = scan_alone(&held->inode, 1);
    CHECK(is_out_of_sight_or_unknown(snapshot, held->inode));
    CHECK(userns_gap_count(snapshot, USERNS_GAP_MOUNT_NAMESPACES) > 0);
    userns_free(snapshot);
}

SITUATION(without_list, IN_SANDBOX, "in a nested PID namespace the kernel lists no namespaces")
{
    struct held *held = shared(sizeof *held);
    size_t before = gap_count_now(USERNS_GAP_MOUNT_NAMESPACES);
    struct userns_snapshot *snapshot;

    open_left(hold_by_mount, held, "mnt");
    snapshot = scan_with(USERNS_SCAN_PINNED);
    CHECK_EQ(userns_empty_source(snapshot), USERNS_EMPTY_SOURCE_PINS);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MOUNT_NAMESPACES), before + 1);
    userns_free(snapshot);
    snapshot = scan();
    CHECK_EQ(userns_empty_source(snapshot), USERNS_EMPTY_SOURCE_ANCESTORS);
    userns_free(snapshot);
}

/* ---- Namespaces that nothing shows ---- */

enum { LISTNS = 470 };

/* Skips the situation unless the kernel lists all namespaces for this caller. */
static void need_listns(void)
{
    if (syscall(LISTNS, NULL, NULL, 0, 0) != 0 && errno == ENOSYS)
        skip("the kernel has no listns(2)");
    if (inode_of_link(getpid(), "pid") != INITIAL_PID_INODE)
        skip("needs the initial PID namespace");
}

static void check_out_of_sight(const struct userns_pin *pin)
{
    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_OUT_OF_SIGHT);
    CHECK(userns_pin_pid(pin) == 0 && userns_pin_tid(pin) == 0);
    CHECK(userns_pin_descriptor(pin) == -1 && userns_pin_path(pin) == NULL);
    CHECK(userns_pin_nonuser(pin) == NULL);
}

SITUATION(in_flight, AS_ROOT | BY_BPF, "a descriptor of a user namespace is in flight")
{
    struct userns_snapshot *snapshot;
    uint64_t inode;
    int fd, socket;

    need_listns();
    fd = open_left_user();
    inode = inode_of_fd(fd);
    socket = let_fly(fd);
    snapshot = scan_alone(&inode, 1);
    CHECK_EQ(userns_empty_source(snapshot), USERNS_EMPTY_SOURCE_LISTNS);
    check_place(snapshot, inode);
    check_out_of_sight(only_pin(snapshot, inode));
    userns_free(snapshot);
    close(socket);
    CHECK(ends(USERNS_SCAN_PINNED, inode));
}

SITUATION(owned_in_flight, AS_ROOT | BY_BPF, "a descriptor of a network namespace is in flight")
{
    struct held held;
    struct userns_snapshot *snapshot;

    need_listns();
    let_fly(open_left_network(&held));
    snapshot = scan_alone((uint64_t[]){ held.inode, held.other }, 2);
    check_place(snapshot, held.inode);
    check_out_of_sight(check_owned(only_pin(snapshot, held.inode), CLONE_NEWNET, held.other));
    userns_free(snapshot);
}

SITUATION(chain_in_flight, AS_ROOT, "a descriptor of a grandchild is in flight")
{
    struct userns_snapshot *snapshot;
    const struct userns_node *child;
    uint64_t inodes[2];
    size_t count;
    int fd;

    need_listns();
    fd = open_left(go_down, &(int){ 2 }, "user");
    inodes[0] = inode_of_fd(fd);
    inodes[1] = owner_of_fd(fd);
    let_fly(fd);
    snapshot = scan_alone(inodes, 2);
    check_out_of_sight(only_pin(snapshot, inodes[0]));
    child = userns_find_inode(snapshot, inodes[1]);
    CHECK(userns_parent(userns_find_inode(snapshot, inodes[0])) == child);
    check_place(snapshot, inodes[1]);
    CHECK(userns_pins(child, &count) == NULL && count == 0);
    userns_free(snapshot);
}

struct refusal {
    long number;
    int error;
};

static uint64_t in_flight; /* the inode number of a namespace */

/* Only memory and descriptors that run out fail a scan. */
static void scan_refused(void *argument)
{
    const struct refusal *refusal = argument;
    bool runs_out = refusal->error == ENOMEM || refusal->error == EMFILE;
    bool has_list = refusal->number != LISTNS;
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t links_before = gap_count_now(USERNS_GAP_LINKS);
    int error;

    deny_syscall(refusal->number, ANY_ARGUMENT, 0, refusal->error);
    options.flags = USERNS_SCAN_PINNED;
    error = userns_scan(&options, &snapshot);
    for (int tries = 0; error == 0 && !is_alone(snapshot, in_flight); tries++) {
        CHECK(tries < MOST_TRIES);
        userns_free(snapshot);
        error = userns_scan(&options, &snapshot);
    }
    if (error != (runs_out ? -refusal->error : 0))
        fail("call %ld fails with %s: %d", refusal->number, error_name(refusal->error), error);
    if (error != 0)
        return;
    CHECK(userns_find_inode(snapshot, in_flight) == NULL);
    CHECK((userns_empty_source(snapshot) == USERNS_EMPTY_SOURCE_LISTNS) == has_list);
    CHECK(!has_list || userns_gap_count(snapshot, USERNS_GAP_LINKS) > links_before);
    userns_free(snapshot);
}

SITUATION(refused_list, AS_ROOT, "a policy denies to list namespaces, or to open those of the list")
{
    struct refusal refusals[] = {
        { LISTNS, EPERM },
        { LISTNS, EINVAL },
        { LISTNS, ENOSYS },
        { LISTNS, ENOMEM },
        { __NR_open_by_handle_at, EPERM },
        { __NR_open_by_handle_at, EINVAL },
        { __NR_open_by_handle_at, EMFILE },
    };
    int fd;

    need_listns();
    fd = open_left_user();
    in_flight = inode_of_fd(fd);
    let_fly(fd);
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        in_child(scan_refused, &refusals[i]);
}

/* ---- Watches ---- */

static int watch_by_inotify(const char *path)
{
    int fd = inotify_init1(IN_CLOEXEC);

    CHECK(fd >= 0);
    CHECK(inotify_add_watch(fd, "/", IN_ATTRIB) >= 0);
    CHECK(inotify_add_watch(fd, path, IN_ATTRIB) >= 0);
    return fd;
}

static int watch_by_fanotify(const char *path)
{
    int fd = fanotify_init(FAN_CLASS_NOTIF | FAN_CLOEXEC, O_RDONLY);

    if (fd < 0)
        skip("the kernel has no fanotify(7): %s", strerror(errno));
    CHECK(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, "/") == 0);
    CHECK(fanotify_mark(fd, FAN_MARK_ADD, FAN_OPEN, AT_FDCWD, path) == 0);
    return fd;
}

static void check_watched(int (*watch)(const char *))
{
    struct userns_snapshot *snapshot;
    uint64_t inode;
    char path[64];
    int fd, watcher;

    need_listns();
    fd = open_left_user();
    inode = inode_of_fd(fd);
    snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
    watcher = watch(path);
    close(fd);
    snapshot = scan_alone(&inode, 1);
    check_place(snapshot, inode);
    check_descriptor(only_pin(snapshot, inode), getpid(), getpid(), watcher);
    userns_free(snapshot);
    close(watcher);
    CHECK(ends(USERNS_SCAN_PINNED, inode));
}

SITUATION(watched, AS_ROOT, "inotify(7) and fanotify(7) watch a user namespace")
{
    check_watched(watch_by_inotify);
    check_watched(watch_by_fanotify);
}

/* ---- The list of the kernel ---- */

/* A file that was opened in a new user namespace keeps it, which the kernel does not list. */
static void send_opened_file(void *socket)
{
    int fd;

    new_user_namespace();
    fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    send_descriptor(*(int *)socket, fd);
}

SITUATION(unlisted_between, AS_ROOT, "namespaces that the kernel does not list are between others")
{
    enum { COUNT = 20 };
    uint64_t inodes[COUNT];
    int sockets[2];
    struct userns_snapshot *snapshot;

    need_listns();
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    for (int i = 0; i < COUNT; i++) {
        int fd = open_left_user();

        inodes[i] = inode_of_fd(fd);
        let_fly(fd);
        end(start(send_opened_file, &sockets[0]));
    }
    snapshot = scan_alone(inodes, COUNT);
    for (int i = 0; i < COUNT; i++)
        check_place(snapshot, inodes[i]);
    userns_free(snapshot);
}

static void check_in_sight(const struct userns_snapshot *snapshot, uint64_t inode)
{
    size_t count;
    const struct userns_node *node = userns_find_inode(snapshot, inode);
    const struct userns_pin *const *pins = userns_pins(node, &count);

    CHECK(node != NULL);
    for (size_t i = 0; i < count; i++)
        CHECK(userns_pin_kind(pins[i]) != USERNS_PIN_OUT_OF_SIGHT);
}

SITUATION(in_sight, AS_ROOT | BY_BPF,
          "processes, a zombie, a descriptor and a mount hold namespaces")
{
    struct held *held = shared(2 * sizeof *held);
    pid_t member = start(go_down, &(int){ 2 }), zombie = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot;

    start(hold_descriptor, &held[0]);
    start(hold_by_mount, &held[1]);
    kill(zombie, SIGKILL);
    CHECK(waitid(P_PID, (id_t)zombie, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) == 0);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    check_in_sight(snapshot, inode_of(member));
    check_in_sight(snapshot, userns_inode(userns_parent(userns_find_pid(snapshot, member))));
    check_in_sight(snapshot, inode_of(zombie));
    check_in_sight(snapshot, held[0].inode);
    check_in_sight(snapshot, held[1].inode);
    userns_free(snapshot);
}
