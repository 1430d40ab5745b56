/* What the situations of pins.c and pins_safety.c share: namespaces that no process lives in. */
#ifndef PINS_H
#define PINS_H

#include "kit.h"
#include <linux/nsfs.h>

/* What a process that holds something tells the one that scans; in shared memory. */
struct held {
    uint64_t inode; /* of the user namespace */
    uint64_t other; /* of a namespace that it owns */
    int fd;
    pid_t tid;
};

static UNUSED struct userns_snapshot *scan_with(uint64_t flags)
{
    return scan_as(NULL, flags);
}

static UNUSED bool finds(uint64_t flags, uint64_t inode)
{
    struct userns_snapshot *snapshot = scan_with(flags);
    bool found = userns_find_inode(snapshot, inode) != NULL;

    userns_free(snapshot);
    return found;
}

static UNUSED uint64_t inode_of_fd(int fd)
{
    struct stat status;

    CHECK(fstat(fd, &status) == 0);
    return status.st_ino;
}

static UNUSED uint64_t inode_of_link(pid_t pid, const char *link)
{
    int fd = open_namespace(pid, link);
    uint64_t inode;

    CHECK(fd >= 0);
    inode = inode_of_fd(fd);
    close(fd);
    return inode;
}

/* The inode number of the user namespace that owns another namespace. */
static UNUSED uint64_t owner_of_fd(int fd)
{
    int owner = ioctl(fd, NS_GET_USERNS);
    uint64_t inode;

    CHECK(owner >= 0);
    inode = inode_of_fd(owner);
    close(owner);
    return inode;
}

/* For open_left(): makes a user namespace, and in it what the int says that the argument names. */
static UNUSED void go_down_with(void *flags)
{
    new_user_namespace();
    CHECK(unshare(*(int *)flags) == 0);
}

/* Opens a namespace of a process, which then ends: only the descriptor keeps it. */
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

/* Opens a network namespace, and tells which it is and who owns it. */
static UNUSED int open_left_network(struct held *held)
{
    int fd = open_left(go_down_with, &(int){ CLONE_NEWNET }, "net");

    held->inode = owner_of_fd(fd);
    held->other = inode_of_fd(fd);
    return fd;
}

/* For start(): a user namespace that a descriptor holds. */
static UNUSED void hold_descriptor(void *argument)
{
    struct held *held = argument;

    held->fd = open_left_user();
    held->inode = inode_of_fd(held->fd);
}

/* ---- Mounts; all of them below /mnt, in a mount namespace of the room ---- */

static UNUSED void mount_tmpfs(const char *path)
{
    CHECK(mount("none", path, "tmpfs", 0, NULL) == 0);
}

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

/* Moves this process into a mount namespace of its own. */
static UNUSED void new_mount_namespace(void)
{
    CHECK(unshare(CLONE_NEWNS) == 0);
    CHECK(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
}

/* ---- What must be found ---- */

/* The only pin of a node whose inode number is given, which a plain scan does not find. */
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

/* A node below the caller's namespace which only something other than a process holds. */
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

static UNUSED void check_descriptor(const struct userns_pin *pin, pid_t pid, pid_t tid, int number)
{
    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_DESCRIPTOR);
    CHECK_EQ(userns_pin_pid(pin), pid);
    CHECK_EQ(userns_pin_tid(pin), tid);
    CHECK_EQ(userns_pin_descriptor(pin), number);
    CHECK(userns_pin_path(pin) == NULL && userns_pin_nonuser(pin) == NULL);
}

static UNUSED void check_mount(const struct userns_pin *pin, pid_t pid, const char *path)
{
    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_MOUNT);
    CHECK_EQ(userns_pin_pid(pin), pid);
    CHECK(strcmp(userns_pin_path(pin), path) == 0);
    CHECK(userns_pin_tid(pin) == 0 && userns_pin_descriptor(pin) == -1);
    CHECK(userns_pin_nonuser(pin) == NULL);
}

/* A pin that is an owned namespace; returns the only pin of that. */
static UNUSED const struct userns_pin *check_owned(const struct userns_pin *pin, int type,
                                                   uint64_t inode)
{
    const struct userns_nonuser *ns = userns_pin_nonuser(pin);
    size_t count;
    const struct userns_pin *const *pins = userns_nonuser_pins(ns, &count);

    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_OWNED);
    CHECK(userns_pin_pid(pin) == 0 && userns_pin_tid(pin) == 0);
    CHECK(userns_pin_descriptor(pin) == -1 && userns_pin_path(pin) == NULL);
    CHECK_EQ(userns_nonuser_type(ns), type);
    CHECK_EQ(userns_nonuser_inode(ns), inode);
    CHECK_EQ(count, 1);
    return pins[0];
}

#endif
