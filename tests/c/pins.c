/* What keeps a namespace alive that no process lives in: each thing alone, found and told. */
#include "pins.h"
#include <pthread.h>
#include <sys/socket.h>

/* ---- Descriptors ---- */

/* Starts a process that holds a user namespace, checks how a scan sees that, and ends it. */
static void check_held_by_descriptor(void (*hold)(void *))
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    check_place(snapshot, held->inode);
    check_descriptor(only_pin(snapshot, held->inode), pid, held->tid ? held->tid : pid, held->fd);
    userns_free(snapshot);
    end(pid);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
}

static void descriptor_in_room(void *unused)
{
    (void)unused;
    check_held_by_descriptor(hold_descriptor);
}

static void descriptor(void)
{
    in_clean_room(descriptor_in_room, NULL);
}

/* What a second thread does before it waits for ever. */
struct errand {
    void (*act)(void *);
    struct held *held;
    int ready;
};

static void *do_errand(void *argument)
{
    struct errand *errand = argument;

    errand->held->tid = (pid_t)syscall(SYS_gettid);
    errand->act(errand->held);
    CHECK(write(errand->ready, "", 1) == 1);
    for (;;)
        pause();
    return NULL;
}

/* Lets a second thread do something; returns when it has. */
static void in_thread(void (*act)(void *), struct held *held)
{
    static struct errand errand; /* outlives this call, as the thread does */
    int ready[2];
    pthread_t thread;
    char byte;

    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    errand = (struct errand){ act, held, ready[1] };
    CHECK(pthread_create(&thread, NULL, do_errand, &errand) == 0);
    CHECK(read(ready[0], &byte, 1) == 1);
}

static void hold_privately(void *held)
{
    CHECK(unshare(CLONE_FILES) == 0);
    hold_descriptor(held);
}

static void hold_descriptor_in_thread(void *held)
{
    in_thread(hold_privately, held);
}

static void private_descriptor_in_room(void *unused)
{
    (void)unused;
    check_held_by_descriptor(hold_descriptor_in_thread);
}

/* The descriptor table of a second thread is not that of the first. */
static void thread_private_descriptor(void)
{
    in_clean_room(private_descriptor_in_room, NULL);
}

static void *hold_after_leader(void *held)
{
    ((struct held *)held)->tid = (pid_t)syscall(SYS_gettid);
    for (;;)
        pause();
    return NULL;
}

/* The first thread ends, so that only the others have the descriptor table; the second counts. */
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

static void exited_leader_in_room(void *unused)
{
    struct held *held = shared(sizeof *held);
    pid_t pid = fork_child();
    struct userns_snapshot *snapshot;

    (void)unused;
    if (pid == 0)
        leave_to_thread(held);
    while (*(volatile pid_t *)&held->tid == 0 || lists_descriptors(pid))
        usleep(1000);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    check_place(snapshot, held->inode);
    check_descriptor(only_pin(snapshot, held->inode), pid, held->tid, held->fd);
    userns_free(snapshot);
    end(pid);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
}

/* The first thread has ended, and another one has the descriptors. */
static void descriptor_of_exited_leader(void)
{
    in_clean_room(exited_leader_in_room, NULL);
}

static void chain_in_room(void *unused)
{
    struct userns_snapshot *snapshot;
    const struct userns_node *leaf, *middle;
    int fd = open_left(go_down, &(int){ 2 }, "user");
    uint64_t inode = inode_of_fd(fd);

    (void)unused;
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
    CHECK(!finds(USERNS_SCAN_PINNED, inode));
}

/* The parent of what a descriptor holds has no process either: only its child keeps it. */
static void chain(void)
{
    in_clean_room(chain_in_room, NULL);
}

/* From beside the namespaces of `fds`: the room's, one below that, and one below that one. */
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
    CHECK(count >= 4); /* more if the host has namespaces mounted */
    CHECK(userns_self(snapshot) == roots[initial ? 1 : 0]);
    CHECK(userns_root(snapshot) == roots[0]);
    CHECK(initial == (userns_inode(roots[0]) == INITIAL_INODE));
    for (int i = 0; i < 3; i++) {
        const struct userns_node *node = userns_find_inode(snapshot, inode_of_fd(fds[i]));

        CHECK(node != NULL && userns_parent(node) == NULL && userns_depth(node) == 0);
        CHECK_EQ(userns_flags(node), pinned | (i == 0 && initial ? USERNS_NODE_INITIAL
                                                                 : USERNS_NODE_PARENT_HIDDEN));
        check_descriptor(userns_pins(node, NULL)[0], getpid(), getpid(), fds[i]);
    }
    CHECK(userns_gaps(snapshot) & USERNS_GAP_NESTED);
    userns_free(snapshot);
}

static void several_roots_in_room(void *unused)
{
    int fds[3];
    pid_t sibling = start(go_down, &(int){ 1 }), below = start(join_and_go_down, &sibling);

    (void)unused;
    fds[0] = open_namespace(getpid(), "user");
    fds[1] = open_namespace(sibling, "user");
    fds[2] = open_namespace(below, "user");
    CHECK(fds[0] >= 0 && fds[1] >= 0 && fds[2] >= 0);
    in_child(check_roots, fds);
}

/* A nested caller holds namespaces above and beside its own, whose parents it may not see. */
static void several_roots(void)
{
    in_clean_room(several_roots_in_room, NULL);
}

/* ---- Mounts ---- */

static void mount_here_in_room(void *unused)
{
    struct userns_snapshot *snapshot;
    uint64_t inode;

    (void)unused;
    mount_tmpfs("/mnt");
    inode = mount_left_user("/mnt/ns");
    snapshot = scan_with(USERNS_SCAN_PINNED);
    check_place(snapshot, inode);
    check_mount(only_pin(snapshot, inode), getpid(), "/mnt/ns");
    userns_free(snapshot);
    CHECK(umount("/mnt/ns") == 0);
    CHECK(!finds(USERNS_SCAN_PINNED, inode));
}

static void mount_here(void)
{
    in_clean_room(mount_here_in_room, NULL);
}

static uint32_t pinned_gaps(void)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    uint32_t gaps = userns_gaps(snapshot);

    userns_free(snapshot);
    return gaps;
}

/* Starts a process that mounts a user namespace, checks how a scan sees that, and ends it. */
static void check_held_by_mount(void (*hold)(void *), const char *path)
{
    struct held *held = shared(sizeof *held);
    uint32_t gaps_before = pinned_gaps(); /* the host can have namespaces mounted */
    pid_t pid = start(hold, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    check_place(snapshot, held->inode);
    check_mount(only_pin(snapshot, held->inode), pid, path);
    CHECK_EQ(userns_gaps(snapshot), gaps_before);
    userns_free(snapshot);
    end(pid);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
}

static void hold_mount(void *argument)
{
    struct held *held = argument;

    new_mount_namespace();
    mount_tmpfs("/mnt");
    held->inode = mount_left_user("/mnt/ns");
}

static void mount_elsewhere_in_room(void *unused)
{
    (void)unused;
    check_held_by_mount(hold_mount, "/mnt/ns");
}

static void mount_elsewhere(void)
{
    in_clean_room(mount_elsewhere_in_room, NULL);
}

static void cover(const char *path)
{
    CHECK(mount("/dev/null", path, "none", MS_BIND, NULL) == 0);
}

static void hold_under_mount(void *held)
{
    hold_mount(held);
    cover("/mnt/ns");
}

static void hold_under_two_mounts(void *held)
{
    hold_under_mount(held);
    cover("/mnt/ns");
}

static void hold_under_directory(void *held)
{
    hold_mount(held);
    mount_tmpfs("/mnt");
}

static void mount_under_mount_in_room(void *unused)
{
    (void)unused;
    check_held_by_mount(hold_under_mount, "/mnt/ns");
    check_held_by_mount(hold_under_two_mounts, "/mnt/ns");
}

/* Other mounts on the same path hide it. */
static void mount_under_mount(void)
{
    in_clean_room(mount_under_mount_in_room, NULL);
}

static void mount_under_directory_in_room(void *unused)
{
    (void)unused;
    check_held_by_mount(hold_under_directory, "/mnt/ns");
}

/* A mount on a directory above hides it. */
static void mount_under_directory(void)
{
    in_clean_room(mount_under_directory_in_room, NULL);
}

/* Mounts beside an empty directory in which a process can be locked up. */
static void hold_beside_jail(void *held)
{
    hold_mount(held);
    CHECK(mkdir("/mnt/jail", 0700) == 0);
}

static void hold_in_jail(void *held)
{
    hold_beside_jail(held);
    CHECK(chroot("/mnt/jail") == 0);
}

static void join_mounts(void *pid)
{
    int fd = open_namespace(*(pid_t *)pid, "mnt");

    CHECK(fd >= 0);
    CHECK(setns(fd, CLONE_NEWNS) == 0);
    close(fd);
}

static void join_mounts_in_jail(void *pid)
{
    join_mounts(pid);
    CHECK(chroot("/mnt/jail") == 0);
}

static void chrooted_in_room(void *first_is_chrooted)
{
    bool first = *(bool *)first_is_chrooted;
    struct held *held = shared(sizeof *held);
    pid_t a = start(first ? hold_in_jail : hold_beside_jail, held);
    pid_t b = start(first ? join_mounts : join_mounts_in_jail, &a);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    check_place(snapshot, held->inode);
    check_mount(only_pin(snapshot, held->inode), first ? b : a, "/mnt/ns");
    userns_free(snapshot);
    end(a);
    end(b);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
}

/* Of two processes of a mount namespace only one sees the mount, the first or the second. */
static void mount_with_chrooted_process(void)
{
    in_clean_room(chrooted_in_room, &(bool){ false });
    in_clean_room(chrooted_in_room, &(bool){ true });
}

#define ODD_NAME "/mnt/a b\\040c\\d\te\nf#g - nsfs nsfs\xff"

static void hold_on_odd_path(void *argument)
{
    struct held *held = argument;

    new_mount_namespace();
    mount_tmpfs("/mnt");
    held->inode = mount_left_user(ODD_NAME);
}

static void escaped_path_in_room(void *unused)
{
    (void)unused;
    check_held_by_mount(hold_on_odd_path, ODD_NAME);
}

/* proc_pid_mountinfo(5) escapes some bytes of paths. */
static void escaped_path(void)
{
    in_clean_room(escaped_path_in_room, NULL);
}

/* ---- Namespaces that it owns ---- */

static void check_process(const struct userns_pin *pin, pid_t pid, pid_t tid)
{
    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_MEMBER);
    CHECK_EQ(userns_pin_pid(pin), pid);
    CHECK_EQ(userns_pin_tid(pin), tid);
    CHECK(userns_pin_descriptor(pin) == -1 && userns_pin_path(pin) == NULL);
    CHECK(userns_pin_nonuser(pin) == NULL);
}

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

/* A process in the network namespace, but in the user namespace of the room. */
static void check_held_by_network(void (*live)(void *))
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(live, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    const struct userns_pin *pin = only_pin(snapshot, held->inode);
    const struct userns_nonuser *ns = userns_pin_nonuser(pin);

    check_place(snapshot, held->inode);
    check_process(check_owned(pin, CLONE_NEWNET, held->other), pid, held->tid ? held->tid : pid);
    CHECK_EQ(userns_nonuser_member_count(ns), 1);
    CHECK(strcmp(userns_nonuser_type_name(ns), "net") == 0);
    CHECK(userns_nonuser_owner(ns) == userns_find_inode(snapshot, held->inode));
    CHECK(userns_owned(userns_find_inode(snapshot, held->inode), NULL)[0] == ns);
    userns_free(snapshot);
    end(pid);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
}

static void network_in_room(void *unused)
{
    (void)unused;
    check_held_by_network(live_in_network);
}

static void owned_network_namespace(void)
{
    in_clean_room(network_in_room, NULL);
}

static void thread_network_in_room(void *unused)
{
    (void)unused;
    check_held_by_network(live_in_network_in_thread);
}

/* Threads can be in other namespaces than the first one. */
static void thread_network_namespace(void)
{
    in_clean_room(thread_network_in_room, NULL);
}

static void owned_mounts_in_room(void *unused)
{
    struct userns_snapshot *snapshot;
    const struct userns_pin *pin;
    uint32_t gaps_before;
    uint64_t inode;
    int fd;

    (void)unused;
    gaps_before = pinned_gaps();
    fd = open_left(go_down_with, &(int){ CLONE_NEWNS }, "mnt");
    inode = owner_of_fd(fd);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    pin = only_pin(snapshot, inode);
    check_place(snapshot, inode);
    check_descriptor(check_owned(pin, CLONE_NEWNS, inode_of_fd(fd)), getpid(), getpid(), fd);
    CHECK_EQ(userns_nonuser_member_count(userns_pin_nonuser(pin)), 0);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_MOUNT_NAMESPACES);
    userns_free(snapshot);
    close(fd);
    CHECK(!finds(USERNS_SCAN_PINNED, inode));
    CHECK_EQ(pinned_gaps(), gaps_before);
}

/* What is mounted in a mount namespace without processes is not looked at, which is a gap. */
static void owned_mount_namespace_by_descriptor(void)
{
    in_clean_room(owned_mounts_in_room, NULL);
}

static void *open_socket(void *argument)
{
    struct held *held = argument;
    int network = open_left_network(held);

    CHECK(setns(network, CLONE_NEWNET) == 0);
    held->fd = socket(AF_INET, SOCK_DGRAM, 0);
    CHECK(held->fd >= 0);
    close(network);
    return NULL;
}

/* In a thread that ends: an ordinary user cannot go back to the network namespace of the host. */
static void hold_socket(void *held)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, open_socket, held) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static void socket_in_room(void *unused)
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold_socket, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_SOCKETS);
    const struct userns_pin *pin;

    (void)unused;
    check_place(snapshot, held->inode);
    pin = check_owned(only_pin(snapshot, held->inode), CLONE_NEWNET, held->other);
    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_SOCKET);
    CHECK(userns_pin_pid(pin) == pid && userns_pin_tid(pin) == pid);
    CHECK_EQ(userns_pin_descriptor(pin), held->fd);
    CHECK(userns_pin_path(pin) == NULL && userns_pin_nonuser(pin) == NULL);
    userns_free(snapshot);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
    end(pid);
    CHECK(!finds(USERNS_SCAN_SOCKETS, held->inode));
}

static void share_socket(void *held)
{
    hold_socket(held);
    start(do_nothing, NULL); /* which has a copy of the descriptor table */
}

/* Whoever has the socket open holds the namespace: both have to let go. */
static void shared_socket_in_room(void *unused)
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(share_socket, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_SOCKETS);
    const struct userns_nonuser *ns;
    const struct userns_pin *const *pins;
    size_t count;

    (void)unused;
    ns = userns_pin_nonuser(only_pin(snapshot, held->inode));
    pins = userns_nonuser_pins(ns, &count);
    CHECK_EQ(count, 2);
    CHECK(userns_pin_pid(pins[0]) == pid && userns_pin_pid(pins[1]) > pid);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(userns_pin_kind(pins[i]), USERNS_PIN_SOCKET);
        CHECK_EQ(userns_pin_descriptor(pins[i]), held->fd);
    }
    userns_free(snapshot);
}

static void shared_socket(void)
{
    in_clean_room(shared_socket_in_room, NULL);
}

/* Where children would be born is not where a process lives. */
static void unshare_for_children(void *unused)
{
    (void)unused;
    CHECK(unshare(CLONE_NEWPID) == 0);
    start(do_nothing, NULL); /* without a first process it is no namespace yet */
}

static void for_children_in_room(void *unused)
{
    pid_t pid = start(unshare_for_children, unused);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    uint64_t inode = inode_of_link(pid, "pid_for_children");
    const struct userns_nonuser *const *all;
    const struct userns_pin *const *pins;
    size_t count, i = 0, pin_count;

    all = userns_nonusers(snapshot, &count);
    while (i < count && userns_nonuser_inode(all[i]) != inode)
        i++;
    CHECK(i < count);
    pins = userns_nonuser_pins(all[i], &pin_count);
    CHECK(userns_nonuser_member_count(all[i]) == 1 && pin_count == 2);
    CHECK_EQ(userns_pin_kind(pins[0]), USERNS_PIN_MEMBER);
    CHECK_EQ(userns_pin_kind(pins[1]), USERNS_PIN_FOR_CHILDREN);
    CHECK(userns_pin_pid(pins[1]) == pid && userns_pin_tid(pins[1]) == pid);
    userns_free(snapshot);
}

static void for_children(void)
{
    in_clean_room(for_children_in_room, NULL);
}

/* The namespaces of other types that a nested caller is in belong to someone above it. */
static void scan_ownerless(void *unused)
{
    struct userns_snapshot *snapshot;
    const struct userns_nonuser *const *all;
    uint64_t network = inode_of_link(getpid(), "net");
    size_t count, owned, i = 0;

    (void)unused;
    new_user_namespace();
    snapshot = scan_with(USERNS_SCAN_OWNED);
    all = userns_nonusers(snapshot, &count);
    while (i < count && userns_nonuser_inode(all[i]) != network)
        i++;
    CHECK(i < count && userns_nonuser_owner(all[i]) == NULL);
    CHECK(userns_nonuser_member_count(all[i]) == 1);
    CHECK(userns_owned(userns_self(snapshot), &owned) == NULL && owned == 0);
    userns_free(snapshot);
}

static void owner_above(void)
{
    in_child(scan_ownerless, NULL);
}

static void socket_network_namespace(void)
{
    in_clean_room(socket_in_room, NULL);
}

/* ---- Out of reach ---- */

static void send_descriptor(int socket, int fd)
{
    char control[CMSG_SPACE(sizeof fd)] = { 0 };
    struct iovec data = { .iov_base = "", .iov_len = 1 };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1,
                              .msg_control = control, .msg_controllen = sizeof control };
    struct cmsghdr *header = CMSG_FIRSTHDR(&message);

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = SCM_RIGHTS;
    header->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(header), &fd, sizeof fd);
    CHECK(sendmsg(socket, &message, 0) == 1);
}

static int receive_descriptor(int socket)
{
    char control[CMSG_SPACE(sizeof(int))], byte;
    struct iovec data = { .iov_base = &byte, .iov_len = 1 };
    struct msghdr message = { .msg_iov = &data, .msg_iovlen = 1,
                              .msg_control = control, .msg_controllen = sizeof control };
    int fd;

    CHECK(recvmsg(socket, &message, MSG_CMSG_CLOEXEC) == 1 && CMSG_FIRSTHDR(&message) != NULL);
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof fd);
    return fd;
}

static void in_flight_in_room(void *unused)
{
    int sockets[2], fd = open_left_user();
    uint64_t inode = inode_of_fd(fd);

    (void)unused;
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    send_descriptor(sockets[0], fd);
    CHECK(finds(USERNS_SCAN_PINNED, inode));
    close(fd);
    CHECK(!finds(USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS, inode));
    fd = receive_descriptor(sockets[1]);
    CHECK_EQ(inode_of_fd(fd), inode);
    CHECK(finds(USERNS_SCAN_PINNED, inode));
}

/* A descriptor that was sent and not received yet cannot be found, as the header says. */
static void in_flight(void)
{
    in_clean_room(in_flight_in_room, NULL);
}

/* ---- What a namespace owns, and names ---- */

/* Ordered by name, as userns_owned() is; the second ones are what children are born into. */
static const struct {
    const char *name, *link;
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

/* Makes one of each type; a child is the first to be in the last ones. */
static void own_all(void *unused)
{
    (void)unused;
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
        CHECK(userns_pin_kind(pins[1]) == USERNS_PIN_FOR_CHILDREN && userns_pin_pid(pins[1]) == pid);
    else
        check_process(pins[0], pid, pid);
    close(fd);
}

static void owned_in_room(void *unused)
{
    pid_t pid = start(own_all, unused);
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

/* All types, each with two processes. */
static void owned(void)
{
    in_clean_room(owned_in_room, NULL);
}

static const char *const odd_names[] = { "a) S 1 (b", "\n", "a\n\n", "\x1b[31m\x01\xff\t\\n", "" };
enum { NAMES = sizeof odd_names / sizeof *odd_names };

static void take_name(void *name)
{
    CHECK(prctl(PR_SET_NAME, name) == 0);
}

static void names_in_room(void *unused)
{
    pid_t pids[NAMES];
    struct userns_snapshot *snapshot;
    const struct userns_node *own;
    size_t count, names;

    (void)unused;
    for (int i = 0; i < NAMES; i++)
        pids[i] = start(take_name, (void *)odd_names[i]);
    snapshot = scan_with(USERNS_SCAN_NAMES);
    own = userns_self(snapshot);
    userns_pids(own, &count);
    CHECK(userns_names(own, &names) != NULL);
    CHECK_EQ(count, NAMES + 1); /* and process 1 */
    CHECK_EQ(names, count);
    for (int i = 0; i < NAMES; i++) {
        CHECK_EQ(userns_pids(own, NULL)[i + 1], pids[i]);
        CHECK(strcmp(userns_names(own, NULL)[i + 1], odd_names[i]) == 0);
    }
    userns_free(snapshot);
}

/* Names are the bytes that prctl(2) took. */
static void names(void)
{
    in_clean_room(names_in_room, NULL);
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "descriptor", descriptor },
        { "thread_private_descriptor", thread_private_descriptor },
        { "descriptor_of_exited_leader", descriptor_of_exited_leader },
        { "chain", chain },
        { "several_roots", several_roots },
        { "mount_here", mount_here },
        { "mount_elsewhere", mount_elsewhere },
        { "mount_under_mount", mount_under_mount },
        { "mount_under_directory", mount_under_directory },
        { "mount_with_chrooted_process", mount_with_chrooted_process },
        { "escaped_path", escaped_path },
        { "owned_network_namespace", owned_network_namespace },
        { "thread_network_namespace", thread_network_namespace },
        { "owned_mount_namespace_by_descriptor", owned_mount_namespace_by_descriptor },
        { "socket_network_namespace", socket_network_namespace },
        { "shared_socket", shared_socket },
        { "for_children", for_children },
        { "owner_above", owner_above },
        { "in_flight", in_flight },
        { "owned", owned },
        { "names", names },
        { NULL, NULL },
    };

    return run(all, argc, argv);
}
