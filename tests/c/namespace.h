/* Namespaces: making, joining and identifying them; the sandbox. */
#ifndef NAMESPACE_H
#define NAMESPACE_H

#include "process.h"
#include <linux/nsfs.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>

#ifndef NS_GET_ID /* since Linux 6.18 */
#define NS_GET_ID _IOR(NSIO, 13, uint64_t)
#endif

#ifndef NS_MNT_GET_NEXT /* since Linux 6.12 */
#define NS_MNT_GET_NEXT _IOR(NSIO, 11, uint64_t[2])
#endif

#define INITIAL_INODE UINT64_C(4026531837)
#define INITIAL_PID_INODE UINT64_C(4026531836)

static UNUSED bool write_file(const char *path, const char *format, ...)
{
    char text[128];
    va_list arguments;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int length;
    bool done;

    if (fd < 0)
        return false;
    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    done = write(fd, text, (size_t)length) == length;
    close(fd);
    return done;
}

/* ---- Making ---- */

/* Moves this process into a new child of its user namespace, as root there. */
static UNUSED void new_user_namespace(void)
{
    unsigned uid = geteuid(), gid = getegid();

    if (unshare(CLONE_NEWUSER) != 0)
        skip("cannot make a user namespace: %s", strerror(errno));
    if (!write_file("/proc/self/setgroups", "deny") ||
        !write_file("/proc/self/uid_map", "0 %u 1", uid) ||
        !write_file("/proc/self/gid_map", "0 %u 1", gid))
        skip("cannot map ids in a user namespace: %s", strerror(errno));
}

/* For start(): enters a chain of new user namespaces; the argument points to its length, an int. */
static UNUSED void go_down(void *levels)
{
    for (int i = 0; i < *(int *)levels; i++)
        new_user_namespace();
}

/* Moves this process into a private mount namespace. */
static UNUSED void new_mount_namespace(void)
{
    CHECK(unshare(CLONE_NEWNS) == 0);
    CHECK(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
}

static UNUSED void mount_tmpfs(const char *path)
{
    CHECK(mount("none", path, "tmpfs", 0, NULL) == 0);
}

static UNUSED void mount_procfs(const char *path, const char *options)
{
    if (mount("proc", path, "proc", 0, options) != 0)
        skip("cannot mount a procfs with '%s': %s", options != NULL ? options : "",
             strerror(errno));
}

/* For mount_and_go_down(). */
struct inner_procfs {
    const char *path;
    int levels;
};

/* For start(): mounts a procfs, then enters a chain of new user namespaces. */
static UNUSED void mount_and_go_down(void *argument)
{
    struct inner_procfs *inner = argument;

    mount_procfs(inner->path, NULL);
    go_down(&inner->levels);
}

/*
 * Makes a PID namespace below that of this process, and mounts its procfs. Returns process 1 of it,
 * which goes so many user namespaces down. Later children of this process are in it, too.
 */
static UNUSED pid_t mount_inner_procfs(const char *path, int levels)
{
    if (unshare(CLONE_NEWPID) != 0)
        skip("cannot make a PID namespace: %s", strerror(errno));
    return start(mount_and_go_down, &(struct inner_procfs){ path, levels });
}

/* ---- Opening and joining ---- */

static UNUSED int open_namespace(pid_t pid, const char *type)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, type);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* For start(): joins the user namespace of a process; the argument points to its PID. */
static UNUSED void join(void *pid)
{
    int fd = open_namespace(*(pid_t *)pid, "user");

    CHECK(fd >= 0);
    CHECK(setns(fd, CLONE_NEWUSER) == 0);
    close(fd);
}

/* For start(): joins it, and makes a child of it. */
static UNUSED void join_and_go_down(void *pid)
{
    int one = 1;

    join(pid);
    go_down(&one);
}

/* For start(): joins the mount namespace of a process; the argument points to its PID. */
static UNUSED void join_mount_namespace(void *pid)
{
    int fd = open_namespace(*(pid_t *)pid, "mnt");

    CHECK(fd >= 0);
    CHECK(setns(fd, CLONE_NEWNS) == 0);
    close(fd);
}

/* ---- Identity ---- */

static UNUSED uint64_t inode_of_fd(int fd)
{
    struct stat status;

    CHECK(fstat(fd, &status) == 0);
    return status.st_ino;
}

/* The inode number of a namespace of a process, as stat(2) of /proc/PID/ns/LINK returns it. */
static UNUSED uint64_t inode_of_link(pid_t pid, const char *link)
{
    char path[64];
    struct stat status;

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, link);
    CHECK(stat(path, &status) == 0);
    return status.st_ino;
}

/* The inode number of the user namespace of a process. */
static UNUSED uint64_t inode_of(pid_t pid)
{
    return inode_of_link(pid, "user");
}

/* The 64-bit id of the user namespace of a process; 0 if the kernel has no ids. */
static UNUSED uint64_t id_of(pid_t pid)
{
    int fd = open_namespace(pid, "user");
    uint64_t id = 0;

    CHECK(fd >= 0);
    if (ioctl(fd, NS_GET_ID, &id) != 0)
        id = 0;
    close(fd);
    return id;
}

/*
 * Whether the kernel opens the namespace of another process by its handle: since Linux 6.18; from
 * 6.19.14 on only in the initial PID namespace.
 */
static UNUSED bool opens_by_handle(pid_t pid)
{
    struct file_handle *handle = malloc(sizeof *handle + MAX_HANDLE_SZ);
    int fd = open_namespace(pid, "user"), mount_id, opened = -1;

    CHECK(handle != NULL);
    handle->handle_bytes = MAX_HANDLE_SZ;
    if (name_to_handle_at(fd, "", handle, &mount_id, AT_EMPTY_PATH) == 0)
        opened = open_by_handle_at(fd, handle, O_RDONLY | O_CLOEXEC);
    if (opened >= 0)
        close(opened);
    close(fd);
    free(handle);
    return opened >= 0;
}

static UNUSED bool is_initial_root(void)
{
    return geteuid() == 0 && inode_of(getpid()) == INITIAL_INODE;
}

/* ---- The sandbox ---- */

/*
 * Runs a function as process 1 of a new PID namespace, with a private mount namespace and a procfs
 * of its own at /proc: it sees no other processes than those that it starts. An ordinary user gets
 * a new user namespace, too, because this needs privileges.
 */
static UNUSED void in_sandbox(void (*act)(void *), void *argument)
{
    pid_t outer = fork_child(), inner;

    if (outer != 0) {
        expect_success(outer);
        return;
    }
    if (geteuid() != 0)
        new_user_namespace();
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0)
        skip("cannot make a PID and a mount namespace: %s", strerror(errno));
    inner = fork_child();
    if (inner == 0) {
        CHECK(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
        mount_procfs("/proc", NULL);
        act(argument);
        exit(0);
    }
    expect_success(inner);
    exit(0);
}

#endif
