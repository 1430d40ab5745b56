/* Namespaces without processes: what holds them, and what a scan must say about it. */
#ifndef PINS_H
#define PINS_H

#include "kit.h"
#include <pthread.h>
#include <sys/socket.h>

/* ---- Holding namespaces ---- */

/* A process that holds a namespace fills this in for the process that scans; in shared memory. */
struct held {
    uint64_t inode; /* of the user namespace */
    uint64_t other; /* of a nonuser namespace that it owns */
    int fd;
    pid_t tid;
};

/* The inode number of the user namespace that owns a nonuser namespace. */
static UNUSED uint64_t owner_of_fd(int fd)
{
    int owner = ioctl(fd, NS_GET_USERNS);
    uint64_t inode;

    CHECK(owner >= 0);
    inode = inode_of_fd(owner);
    close(owner);
    return inode;
}

/* For open_left(): enters a new user namespace, and in it new ones of these types (CLONE_NEW*). */
static UNUSED void go_down_with(void *types)
{
    new_user_namespace();
    CHECK(unshare(*(int *)types) == 0);
}

/* Opens a namespace of a new process, which then ends: only the descriptor holds the namespace. */
static UNUSED int open_left(void (*act)(void *), void *argument, const char *type)
{
    pid_t pid = start(act, argument);
    int fd = open_namespace(pid, type);

    CHECK(fd >= 0);
    end(pid);
    return fd;
}

static UNUSED int open_left_user(void)
{
    int one = 1;

    return open_left(go_down, &one, "user");
}

/* Opens a network namespace; sets both inode numbers. */
static UNUSED int open_left_network(struct held *held)
{
    int fd = open_left(go_down_with, &(int){ CLONE_NEWNET }, "net");

    held->inode = owner_of_fd(fd);
    held->other = inode_of_fd(fd);
    return fd;
}

/* For start(): a descriptor holds a user namespace. */
static UNUSED void hold_descriptor(void *argument)
{
    struct held *held = argument;

    held->fd = open_left_user();
    held->inode = inode_of_fd(held->fd);
}

/* How a process opens a file in a new network namespace. */
struct opening {
    struct held *held;
    int (*open)(void);
};

static UNUSED void *open_in_network(void *argument)
{
    struct opening *opening = argument;
    int network = open_left_network(opening->held);

    CHECK(setns(network, CLONE_NEWNET) == 0);
    opening->held->fd = opening->open();
    close(network);
    return NULL;
}

/*
 * Opens a file that holds a new network namespace. In a thread that ends, because an ordinary user
 * cannot leave the namespace again.
 */
static UNUSED void hold_network_by(struct held *held, int (*open_file)(void))
{
    struct opening opening = { held, open_file };
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, open_in_network, &opening) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
}

static UNUSED int open_inet_socket(void)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    CHECK(fd >= 0);
    return fd;
}

/* For start(): a socket holds a network namespace. */
static UNUSED void hold_socket(void *held)
{
    hold_network_by(held, open_inet_socket);
}

static UNUSED int open_tun(void)
{
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

    if (fd < 0)
        skip("cannot open /dev/net/tun: %s", strerror(errno));
    return fd;
}

/* For start(): a descriptor of /dev/net/tun holds a network namespace. */
static UNUSED void hold_tun(void *held)
{
    hold_network_by(held, open_tun);
}

/* Sends a descriptor, which is in flight until the other socket receives it or is closed. */
static UNUSED void send_descriptor(int socket, int fd)
{
    char buffer[CMSG_SPACE(sizeof fd)] = { 0 };
    struct msghdr message = {
        .msg_iov = &(struct iovec){ .iov_base = "", .iov_len = 1 },
        .msg_iovlen = 1,
        .msg_control = buffer,
        .msg_controllen = sizeof buffer,
    };
    struct cmsghdr *control = CMSG_FIRSTHDR(&message);

    control->cmsg_level = SOL_SOCKET;
    control->cmsg_type = SCM_RIGHTS;
    control->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(control), &fd, sizeof fd);
    CHECK(sendmsg(socket, &message, 0) == 1);
}

/* The function that a second thread runs before it sleeps. */
struct task {
    void (*act)(void *);
    struct held *held;
    int ready;
};

static UNUSED void *do_task(void *argument)
{
    struct task *task = argument;

    task->held->tid = (pid_t)syscall(SYS_gettid);
    task->act(task->held);
    CHECK(write(task->ready, "", 1) == 1);
    return wait_forever(NULL);
}

/* Runs a function in a second thread, which then sleeps; returns when the function has returned. */
static UNUSED void in_thread(void (*act)(void *), struct held *held)
{
    static struct task task; /* the thread still reads it after this call */
    int ready[2];
    pthread_t thread;
    char byte;

    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    task = (struct task){ act, held, ready[1] };
    CHECK(pthread_create(&thread, NULL, do_task, &task) == 0);
    CHECK(read(ready[0], &byte, 1) == 1);
}

static void hold_private_descriptor(void *held)
{
    CHECK(unshare(CLONE_FILES) == 0);
    hold_descriptor(held);
}

/* A thread has the descriptor, in a table of its own. */
static UNUSED void hold_in_thread(void *held)
{
    in_thread(hold_private_descriptor, held);
}

/* ---- TIDs ---- */

/* Opens the file that sets the number before that of the next thread or process: pid_namespaces(7). */
static UNUSED int open_last_number(void)
{
    int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY | O_CLOEXEC);

    if (fd < 0)
        skip("cannot set the last TID: %s", strerror(errno));
    return fd;
}

static UNUSED void set_last_number(int fd, int number)
{
    char text[16];
    int length = snprintf(text, sizeof text, "%d", number);

    CHECK(pwrite(fd, text, (size_t)length, 0) == length);
}

/* ---- Mounts; all of them below /mnt, in a private mount namespace ---- */

static UNUSED void make_file(const char *path)
{
    int fd = open(path, O_RDONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

    CHECK(fd >= 0);
    close(fd);
}

/* Mounts a namespace on a file, and closes it. */
static UNUSED void mount_namespace(int fd, const char *path)
{
    char source[64];

    snprintf(source, sizeof source, "/proc/self/fd/%d", fd);
    CHECK(mount(source, path, "none", MS_BIND, NULL) == 0);
    close(fd);
}

/* Mounts a new user namespace on a new file; returns the inode number of the namespace. */
static UNUSED uint64_t mount_left_user(const char *path)
{
    int fd = open_left_user();
    uint64_t inode = inode_of_fd(fd);

    make_file(path);
    mount_namespace(fd, path);
    return inode;
}

static UNUSED void overmount(const char *path)
{
    CHECK(mount("/dev/null", path, "none", MS_BIND, NULL) == 0);
}

/* For start(): a mount in a private mount namespace holds a user namespace. */
static UNUSED void hold_by_mount(void *argument)
{
    struct held *held = argument;

    new_mount_namespace();
    mount_tmpfs("/mnt");
    held->inode = mount_left_user("/mnt/ns");
}

/* For start(): the same, and another mount is on the same path. */
static UNUSED void hold_by_overmounted_mount(void *held)
{
    hold_by_mount(held);
    overmount("/mnt/ns");
}

/*
 * Lets a descriptor, a mount and an overmounted mount hold namespaces, one of them that of a
 * process, which then ends; opens a socket. A scan for pins then does all that it can do.
 */
static UNUSED void hold_in_all_ways(pid_t pid)
{
    pid_t other = start(go_down, &(int){ 2 });

    CHECK(open_namespace(pid, "user") >= 0);
    CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    mount_tmpfs("/mnt");
    make_file("/mnt/visible");
    mount_namespace(open_namespace(pid, "user"), "/mnt/visible");
    make_file("/mnt/hidden");
    mount_namespace(open_namespace(other, "user"), "/mnt/hidden");
    CHECK(mount("/mnt/visible", "/mnt/hidden", "none", MS_BIND, NULL) == 0);
    end(other);
    end(pid);
}

/* ---- Checks ---- */

/* The only pin of a node that a plain scan does not find. */
static UNUSED const struct userns_pin *only_pin(const struct userns_snapshot *snapshot,
                                                uint64_t inode)
{
    size_t count;
    const struct userns_pin *const *pins = userns_pins(userns_find_inode(snapshot, inode), &count);

    CHECK(userns_find_inode(snapshot, inode) != NULL);
    CHECK_EQ(count, 1);
    CHECK(!finds(USERNS_SCAN_NAMES, inode));
    return pins[0];
}

/* A child of the caller's namespace that is known only through pins. */
static UNUSED void check_place(const struct userns_snapshot *snapshot, uint64_t inode)
{
    const struct userns_node *node = userns_find_inode(snapshot, inode);
    uid_t owner;

    CHECK(userns_parent(node) == userns_self(snapshot));
    CHECK_EQ(userns_depth(node), userns_depth(userns_self(snapshot)) + 1);
    CHECK_EQ(userns_flags(node), USERNS_NODE_EMPTY | USERNS_NODE_ONLY_PINNED);
    CHECK(has_members(node, 0));
    CHECK(userns_owner_uid(node, &owner) && owner == geteuid());
}

static UNUSED void check_member(const struct userns_pin *pin, pid_t pid, pid_t tid)
{
    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_MEMBER);
    CHECK_EQ(userns_pin_pid(pin), pid);
    CHECK_EQ(userns_pin_tid(pin), tid);
    CHECK(userns_pin_descriptor(pin) == -1 && userns_pin_path(pin) == NULL);
    CHECK(userns_pin_nonuser(pin) == NULL);
}

/* A pin by a file with this number in a table of descriptors. */
static UNUSED void check_file(const struct userns_pin *pin, enum userns_pin_kind kind, pid_t pid,
                              pid_t tid, int number)
{
    CHECK_EQ(userns_pin_kind(pin), kind);
    CHECK_EQ(userns_pin_pid(pin), pid);
    CHECK_EQ(userns_pin_tid(pin), tid);
    CHECK_EQ(userns_pin_descriptor(pin), number);
    CHECK(userns_pin_path(pin) == NULL && userns_pin_nonuser(pin) == NULL);
}

static UNUSED void check_descriptor(const struct userns_pin *pin, pid_t pid, pid_t tid, int number)
{
    check_file(pin, USERNS_PIN_DESCRIPTOR, pid, tid, number);
}

static UNUSED void check_mount(const struct userns_pin *pin, pid_t pid, const char *path)
{
    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_MOUNT);
    CHECK_EQ(userns_pin_pid(pin), pid);
    CHECK(strcmp(userns_pin_path(pin), path) == 0);
    CHECK(userns_pin_tid(pin) == 0 && userns_pin_descriptor(pin) == -1);
    CHECK_EQ(userns_nonuser_type(userns_pin_nonuser(pin)), CLONE_NEWNS);
    CHECK_EQ(userns_nonuser_inode(userns_pin_nonuser(pin)), inode_of_link(pid, "mnt"));
}

static UNUSED const struct userns_pin *only_nonuser_pin(const struct userns_nonuser *ns)
{
    size_t count;
    const struct userns_pin *const *pins = userns_nonuser_pins(ns, &count);

    CHECK_EQ(count, 1);
    return pins[0];
}

/* A pin by an owned nonuser namespace; returns the only pin of that namespace. */
static UNUSED const struct userns_pin *check_owned(const struct userns_pin *pin, int type,
                                                   uint64_t inode)
{
    const struct userns_nonuser *ns = userns_pin_nonuser(pin);

    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_OWNED);
    CHECK(userns_pin_pid(pin) == 0 && userns_pin_tid(pin) == 0);
    CHECK(userns_pin_descriptor(pin) == -1 && userns_pin_path(pin) == NULL);
    CHECK_EQ(userns_nonuser_type(ns), type);
    CHECK_EQ(userns_nonuser_inode(ns), inode);
    return only_nonuser_pin(ns);
}

/* The count of a gap in a new scan for pins. */
static UNUSED size_t gap_count_now(uint32_t gap)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    size_t count = userns_gap_count(snapshot, gap);

    userns_free(snapshot);
    return count;
}

/* The gaps of a new scan for pins. */
static UNUSED uint32_t pinned_gaps(void)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    uint32_t gaps = userns_gaps(snapshot);

    userns_free(snapshot);
    return gaps;
}

#endif
