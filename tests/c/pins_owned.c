/* Pins: nonuser namespaces, which hold the user namespace that owns them, and their own pins. */
#include "situation.h"
#include "pins.h"

/* For start(): is in the network namespace, but not in its owner. */
static void live_in_network(void *argument)
{
    int fd = open_left_network(argument);

    CHECK(setns(fd, CLONE_NEWNET) == 0);
    close(fd);
}

static void live_in_network_in_thread(void *held)
{
    in_thread(live_in_network, held);
}

static void check_held_by_network(void (*live)(void *))
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(live, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    const struct userns_pin *pin = only_pin(snapshot, held->inode);
    const struct userns_nonuser *ns = userns_pin_nonuser(pin);

    check_place(snapshot, held->inode);
    check_member(check_owned(pin, CLONE_NEWNET, held->other), pid, held->tid ? held->tid : pid);
    CHECK_EQ(userns_nonuser_member_count(ns), 1);
    CHECK(strcmp(userns_nonuser_type_name(ns), "net") == 0);
    CHECK(userns_nonuser_owner(ns) == userns_find_inode(snapshot, held->inode));
    CHECK(userns_owned(userns_find_inode(snapshot, held->inode), NULL)[0] == ns);
    userns_free(snapshot);
    end(pid);
    CHECK(ends(USERNS_SCAN_PINNED, held->inode));
}

SITUATION(network_namespace, IN_SANDBOX | BY_BPF,
          "a network namespace with a member in another user namespace")
{
    check_held_by_network(live_in_network);
}

SITUATION(network_namespace_of_thread, IN_SANDBOX | BY_BPF,
          "a network namespace with only a second thread in it")
{
    check_held_by_network(live_in_network_in_thread);
}

/* ---- An exited thread-group leader ---- */

static void *enter_network(void *ready)
{
    CHECK(unshare(CLONE_NEWNET) == 0);
    *(_Atomic uint64_t *)ready = inode_of_link((pid_t)syscall(SYS_gettid), "net");
    return wait_forever(NULL);
}

static void leave_to_thread(void *inode)
{
    pthread_t thread;

    new_user_namespace();
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    CHECK(pthread_create(&thread, NULL, enter_network, inode) == 0);
    while (*(_Atomic uint64_t *)inode == 0)
        usleep(1000);
    syscall(SYS_exit, 0);
}

SITUATION(exited_leader, IN_SANDBOX | BY_BPF,
          "the leader has exited; a thread is in a network namespace of its own")
{
    _Atomic uint64_t *inode = shared(sizeof *inode);
    pid_t pid = fork_child();
    struct userns_snapshot *snapshot;
    const struct userns_nonuser *const *owned;
    size_t count, found = 0;
    char link[64];

    if (pid == 0)
        leave_to_thread((void *)inode);
    snprintf(link, sizeof link, "/proc/%d/ns/net", (int)pid);
    while (*inode == 0 || access(link, F_OK) == 0)
        usleep(1000);
    snapshot = scan_with(USERNS_SCAN_OWNED);
    owned = userns_owned(userns_find_pid(snapshot, pid), &count);
    for (size_t i = 0; i < count; i++)
        found +=
            userns_nonuser_inode(owned[i]) == *inode && userns_nonuser_member_count(owned[i]) == 1;
    CHECK_EQ(found, 1);
    userns_free(snapshot);
}

/* ---- Threads that come and go ---- */

enum { FIRST_TID = 1001, TIDS = 3 };
static int last_number = -1; /* if new threads have only these TIDs, again and again */

/* The first thread creates the namespace. */
static void *hand_on(void *inode)
{
    pthread_t next;

    if (last_number >= 0 && syscall(SYS_gettid) >= FIRST_TID + TIDS - 1)
        set_last_number(last_number, FIRST_TID - 1);
    if (inode != NULL) {
        CHECK(unshare(CLONE_NEWUTS) == 0);
        *(_Atomic uint64_t *)inode = inode_of_link((pid_t)syscall(SYS_gettid), "uts");
    }
    CHECK(pthread_create(&next, NULL, hand_on, NULL) == 0 && pthread_detach(next) == 0);
    return NULL;
}

static void hand_on_to_threads(void *inode)
{
    pthread_t lasting, first;

    CHECK(pthread_create(&lasting, NULL, wait_forever, NULL) == 0);
    CHECK(pthread_create(&first, NULL, hand_on, inode) == 0 && pthread_detach(first) == 0);
    while (*(_Atomic uint64_t *)inode == 0)
        usleep(1000);
}

static void check_handed_on(void)
{
    _Atomic uint64_t *inode = shared(sizeof *inode);

    start(hand_on_to_threads, (void *)inode);
    for (int i = scan_count(100); i > 0; i--) {
        struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

        CHECK(find_nonuser(snapshot, *inode) != NULL ||
              userns_gap_count(snapshot, USERNS_GAP_LINKS) > 0);
        userns_free(snapshot);
    }
}

SITUATION(handed_on, IN_SANDBOX | BY_BPF,
          "only the newest thread of a process has a UTS namespace: it is found, or a gap")
{
    check_handed_on();
}

SITUATION(handed_on_with_same_numbers, IN_SANDBOX | BY_BPF, "the same, and TIDs are reused")
{
    last_number = open_last_number();
    set_last_number(last_number, FIRST_TID - 1);
    check_handed_on();
}

SITUATION(handed_on_without_lseek, IN_SANDBOX, "the same, and threads cannot be listed again")
{
    if (is_saved())
        skip("these tests load a snapshot from the beginning of a file: lseek(2)");
    deny_syscall(__NR_lseek, ANY_ARGUMENT, 0, EPERM);
    check_handed_on();
}

SITUATION(mount_namespace_by_descriptor, IN_SANDBOX | BY_BPF, "its mounts are not visible: a gap")
{
    struct userns_snapshot *snapshot;
    const struct userns_pin *pin;
    uint32_t gaps_before = pinned_gaps();
    size_t before = gap_count_now(USERNS_GAP_MOUNT_NAMESPACES);
    int fd = open_left(go_down_with, &(int){ CLONE_NEWNS }, "mnt");
    uint64_t inode = owner_of_fd(fd);

    snapshot = scan_with(USERNS_SCAN_PINNED);
    pin = only_pin(snapshot, inode);
    check_place(snapshot, inode);
    check_descriptor(check_owned(pin, CLONE_NEWNS, inode_of_fd(fd)), getpid(), getpid(), fd);
    CHECK_EQ(userns_nonuser_member_count(userns_pin_nonuser(pin)), 0);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_MOUNT_NAMESPACES);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MOUNT_NAMESPACES), before + 1);
    userns_free(snapshot);
    close(fd);
    CHECK(ends(USERNS_SCAN_PINNED, inode));
    CHECK_EQ(pinned_gaps(), gaps_before);
}

SITUATION(owner_above, 0, "a nested caller is in namespaces that an ancestor owns")
{
    struct userns_snapshot *snapshot;
    const struct userns_nonuser *network;
    size_t owned;

    new_user_namespace();
    snapshot = scan_with(USERNS_SCAN_OWNED);
    network = find_nonuser(snapshot, inode_of_link(getpid(), "net"));
    CHECK(network != NULL && userns_nonuser_owner(network) == NULL);
    CHECK(userns_nonuser_member_count(network) == 1);
    CHECK(userns_owned(userns_self(snapshot), &owned) == NULL && owned == 0);
    userns_free(snapshot);
}

/* ---- Namespaces of children ---- */

/* For start(): does not enter the PID namespace itself, only its children do. */
static void unshare_for_children(void *unused UNUSED)
{
    CHECK(unshare(CLONE_NEWPID) == 0);
    start(do_nothing, NULL); /* the namespace exists from its first process on */
}

SITUATION(for_children, IN_SANDBOX | BY_BPF,
          "a process whose children will be in another PID namespace")
{
    pid_t pid = start(unshare_for_children, NULL);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    const struct userns_nonuser *inner =
        find_nonuser(snapshot, inode_of_link(pid, "pid_for_children"));
    const struct userns_pin *const *pins;
    size_t count;

    CHECK(inner != NULL);
    pins = userns_nonuser_pins(inner, &count);
    CHECK(userns_nonuser_member_count(inner) == 1 && count == 2);
    CHECK_EQ(userns_pin_kind(pins[0]), USERNS_PIN_MEMBER);
    CHECK_EQ(userns_pin_kind(pins[1]), USERNS_PIN_FOR_CHILDREN);
    CHECK(userns_pin_pid(pins[1]) == pid && userns_pin_tid(pins[1]) == pid);
    userns_free(snapshot);
}

/* ---- All types ---- */

/* Ordered by name, like userns_owned(). Of two types, unshare(2) moves only children. */
static const struct {
    const char *name, *link; /* in /proc/PID/ns */
    int type;
} types[] = {
    { "cgroup", "cgroup", CLONE_NEWCGROUP },
    { "ipc", "ipc", CLONE_NEWIPC },
    { "mnt", "mnt", CLONE_NEWNS },
    { "net", "net", CLONE_NEWNET },
    { "pid", "pid_for_children", CLONE_NEWPID },
    { "time", "time_for_children", 0x80 /* CLONE_NEWTIME */ },
    { "uts", "uts", CLONE_NEWUTS },
};
enum { TYPES = sizeof types / sizeof *types };

/* For start(): makes one of each type; a child is the first member of the last ones. */
static void own_all(void *unused UNUSED)
{
    new_user_namespace();
    for (int i = 0; i < TYPES; i++)
        CHECK(unshare(types[i].type) == 0);
    start(do_nothing, NULL);
}

static void check_namespace(const struct userns_nonuser *ns, pid_t pid, int type)
{
    bool for_children = strcmp(types[type].name, types[type].link) != 0;
    int fd = open_namespace(pid, types[type].link);
    const struct userns_pin *const *pins;
    uint64_t id = 0;
    size_t count;

    CHECK(fd >= 0);
    if (ioctl(fd, NS_GET_ID, &id) != 0)
        id = 0;
    CHECK_EQ(userns_nonuser_type(ns), types[type].type);
    CHECK(strcmp(userns_nonuser_type_name(ns), types[type].name) == 0);
    CHECK_EQ(userns_nonuser_inode(ns), inode_of_fd(fd));
    CHECK_EQ(userns_nonuser_id(ns), id);
    pins = userns_nonuser_pins(ns, &count);
    CHECK_EQ(count, 2);
    CHECK_EQ(userns_nonuser_member_count(ns), for_children ? 1 : 2);
    if (for_children)
        CHECK(userns_pin_kind(pins[1]) == USERNS_PIN_FOR_CHILDREN &&
              userns_pin_pid(pins[1]) == pid);
    else
        check_member(pins[0], pid, pid);
    close(fd);
}

SITUATION(every_type, IN_SANDBOX | BY_BPF, "a namespace of each type, each with two processes")
{
    pid_t pid = start(own_all, NULL);
    static const uint64_t flags[] = { USERNS_SCAN_OWNED, USERNS_SCAN_PINNED };

    for (int i = 0; i < 2; i++) {
        struct userns_snapshot *snapshot = scan_with(flags[i]);
        const struct userns_node *node = userns_find_pid(snapshot, pid);
        size_t count;
        const struct userns_nonuser *const *owned = userns_owned(node, &count);

        CHECK_EQ(count, TYPES);
        for (int type = 0; type < TYPES; type++) {
            CHECK(userns_nonuser_owner(owned[type]) == node);
            check_namespace(owned[type], pid, type);
        }
        CHECK_EQ(userns_flags(node), 0);
        userns_free(snapshot);
    }
}

/* ---- Parents ---- */

enum { DEPTH = 3 };

/* Inode numbers of PID namespaces, from the outer one to the inner ones; in shared memory. */
struct pid_namespaces {
    int count;
    uint64_t inode[DEPTH];
};

/* For start(): a chain of PID namespaces, with a process in each. */
static void nest_pid_namespaces(void *argument)
{
    struct pid_namespaces *chain = argument;
    struct stat status;

    CHECK(stat("/proc/self/ns/pid", &status) == 0);
    chain->inode[chain->count++] = status.st_ino;
    if (chain->count < DEPTH) {
        CHECK(unshare(CLONE_NEWPID) == 0);
        start(nest_pid_namespaces, chain);
    }
}

/* Whether the last pin of a namespace is this child namespace. */
static bool is_pinned_by_child(const struct userns_nonuser *parent,
                               const struct userns_nonuser *child)
{
    size_t count;
    const struct userns_pin *const *pins = userns_nonuser_pins(parent, &count);

    return count > 0 && userns_pin_kind(pins[count - 1]) == USERNS_PIN_CHILD_NAMESPACE &&
           userns_pin_nonuser(pins[count - 1]) == child && userns_pin_pid(pins[count - 1]) == 0;
}

SITUATION(parents, IN_SANDBOX | BY_BPF, "nested PID namespaces have parents, other types have none")
{
    static const uint64_t flags[] = { USERNS_SCAN_OWNED, USERNS_SCAN_PINNED };
    struct pid_namespaces *chain = shared(sizeof *chain);

    start(nest_pid_namespaces, chain);
    CHECK_EQ(chain->count, DEPTH);
    for (int i = 0; i < 2; i++) {
        struct userns_snapshot *snapshot = scan_with(flags[i]);
        const struct userns_nonuser *outer = find_nonuser(snapshot, chain->inode[0]), *inner;

        CHECK(outer != NULL && userns_nonuser_parent(outer) == NULL); /* out of sight */
        CHECK_EQ(userns_nonuser_inode(outer), userns_pid_namespace(snapshot));
        for (int depth = 1; depth < DEPTH; depth++, outer = inner) {
            inner = find_nonuser(snapshot, chain->inode[depth]);
            CHECK(inner != NULL && userns_nonuser_parent(inner) == outer);
            CHECK(is_pinned_by_child(outer, inner));
        }
        for (int type = 0; type < TYPES; type++) {
            const struct userns_nonuser *ns =
                find_nonuser(snapshot, inode_of_link(1, types[type].name));

            CHECK(ns != NULL && userns_nonuser_parent(ns) == NULL);
        }
        userns_free(snapshot);
    }
}
