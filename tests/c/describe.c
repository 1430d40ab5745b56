/* userns_describe(): one namespace, without a scan. */
#include "situation.h"
#include "fuse.h"
#include "pins.h"
#include "seccomp.h"

#ifndef CLONE_NEWTIME
#define CLONE_NEWTIME 0x80
#endif

static struct userns_info describe(int fd)
{
    struct userns_info info = USERNS_INFO_INIT;
    int error = userns_describe(fd, &info);

    if (error != 0)
        fail("userns_describe: %d: %s", error, userns_strerror(error));
    CHECK_EQ(info.size, sizeof info);
    return info;
}

static void expect_error_of(int fd, int error)
{
    struct userns_info info = USERNS_INFO_INIT;

    info.inode = 7;
    CHECK_EQ(userns_describe(fd, &info), error);
    CHECK(info.size == sizeof info && info.inode == 7);
}

static uint64_t inode_of_opened(int fd)
{
    uint64_t inode = fd < 0 ? 0 : inode_of_fd(fd);

    if (fd >= 0)
        close(fd);
    return inode;
}

static bool is_same(const struct userns_info *info, const struct userns_info *other)
{
    return memcmp(info, other, sizeof *info) == 0;
}

SITUATION(each_type, 0, "namespaces of all types, as stat(2) and ioctl(2) show them")
{
    static const struct {
        const char *name;
        unsigned type;
    } types[] = {
        { "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC }, { "mnt", CLONE_NEWNS },
        { "net", CLONE_NEWNET },       { "pid", CLONE_NEWPID }, { "time", CLONE_NEWTIME },
        { "user", CLONE_NEWUSER },     { "uts", CLONE_NEWUTS },
    };

    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        int fd = open_namespace(getpid(), types[i].name);
        bool is_user = types[i].type == CLONE_NEWUSER,
             has_parent = is_user || types[i].type == CLONE_NEWPID;
        struct userns_info info;
        struct stat status;
        uint64_t id = 0;

        if (fd < 0)
            continue; /* time namespaces: Linux 5.6 */
        info = describe(fd);
        CHECK(fstat(fd, &status) == 0);
        CHECK_EQ(info.type, types[i].type);
        CHECK_EQ(info.inode, status.st_ino);
        CHECK_EQ(info.device, status.st_dev);
        CHECK_EQ(info.id, ioctl(fd, NS_GET_ID, &id) == 0 ? id : 0);
        CHECK_EQ(info.owner, is_user ? 0 : inode_of_opened(ioctl(fd, NS_GET_USERNS)));
        CHECK_EQ(info.parent, has_parent ? inode_of_opened(ioctl(fd, NS_GET_PARENT)) : 0);
        CHECK(info.flags & USERNS_INFO_OWN);
        CHECK_EQ(!!(info.flags & USERNS_NODE_INITIAL), info.inode == INITIAL_INODE);
        close(fd);
    }
}

SITUATION(own, 0, "the caller's own namespace, by -1 and by a descriptor")
{
    int fd = open_namespace(getpid(), "user");
    struct userns_info own = describe(-1), by_descriptor = describe(fd);
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *node = userns_self(snapshot);
    uid_t owner = 0;

    CHECK(is_same(&own, &by_descriptor));
    CHECK_EQ(own.inode, userns_inode(node));
    CHECK_EQ(own.device, userns_device(node));
    CHECK_EQ(own.id, userns_id(node));
    CHECK_EQ(own.flags & 0xffff,
             userns_flags(node) & (USERNS_NODE_INITIAL | USERNS_NODE_PARENT_HIDDEN));
    CHECK_EQ(!!(own.flags & USERNS_INFO_OWNER_UID), userns_owner_uid(node, &owner));
    CHECK_EQ(own.owner_uid, owner);
    userns_free(snapshot);
    close(fd);
}

SITUATION(another, IN_SANDBOX, "a child namespace and what it owns")
{
    pid_t pid = start(go_down_with, &(int){ CLONE_NEWNET });
    int user = open_namespace(pid, "user"), net = open_namespace(pid, "net");
    struct userns_info child = describe(user), network = describe(net);

    CHECK_EQ(child.flags, USERNS_INFO_OWNER_UID);
    CHECK_EQ(child.owner_uid, geteuid());
    CHECK_EQ(child.parent, inode_of(getpid()));
    CHECK_EQ(network.flags, 0);
    CHECK_EQ(network.owner, child.inode);
    CHECK_EQ(network.parent, 0);
    close(net);
    close(user);
}

/* From a nested namespace: its own is not the initial one; of another one less is visible. */
static void describe_from_below(void *argument)
{
    int *fds = argument;
    struct userns_info own, outer;

    new_user_namespace();
    own = describe(-1);
    CHECK_EQ(own.flags & ~USERNS_INFO_OWNER_UID, USERNS_NODE_PARENT_HIDDEN | USERNS_INFO_OWN);
    CHECK_EQ(own.parent, 0);
    outer = describe(fds[0]);
    CHECK_EQ(outer.inode, inode_of_fd(fds[0]));
    CHECK(!(outer.flags & USERNS_INFO_OWN));
    CHECK_EQ(!!(outer.flags & USERNS_NODE_PARENT_HIDDEN), outer.inode != INITIAL_INODE);
    /* The owner of the network namespace is not visible. */
    CHECK_EQ(describe(fds[1]).owner, 0);
    CHECK(describe(fds[1]).flags == USERNS_INFO_OWN);
}

SITUATION(from_below, IN_SANDBOX, "what a nested user namespace hides")
{
    int fds[] = { open_namespace(getpid(), "user"), open_namespace(getpid(), "net") };

    in_child(describe_from_below, fds);
}

SITUATION(hidden_owner, AS_ROOT, "an owner without a mapping is not known")
{
    pid_t pid = start(go_down, &(int){ 1 });
    int user = open_namespace(pid, "user");
    pid_t child = fork_child();

    CHECK(describe(user).flags & USERNS_INFO_OWNER_UID);
    if (child == 0) {
        CHECK(unshare(CLONE_NEWUSER) == 0); /* without maps */
        CHECK(!(describe(user).flags & USERNS_INFO_OWNER_UID));
        CHECK_EQ(describe(user).owner_uid, 0);
        exit(0);
    }
    expect_success(child);
}

SITUATION(no_namespaces, 0, "files, closed descriptors and O_PATH")
{
    int null = open("/dev/null", O_RDONLY | O_CLOEXEC), pipes[2];
    int path = open("/proc/self/ns/user", O_PATH | O_CLOEXEC);
    int file_path = open("/", O_PATH | O_CLOEXEC),
        directory = open("/proc/self/ns", O_RDONLY | O_CLOEXEC);

    CHECK(pipe2(pipes, O_CLOEXEC) == 0);
    expect_error_of(null, -ENOTTY);
    expect_error_of(directory, -ENOTTY);
    expect_error_of(pipes[0], -ENOTTY);
    expect_error_of(file_path, -ENOTTY);
    expect_error_of(path, -EBADF);
    close(null);
    expect_error_of(null, -EBADF);
    expect_error_of(-2, -EBADF);
    expect_error_of(AT_FDCWD, -EBADF);
    expect_error_of(INT32_MIN, -EBADF);
    CHECK_EQ(userns_describe(-1, NULL), -EINVAL);
}

SITUATION(sizes, 0, "structures of older and newer versions")
{
    struct {
        struct userns_info info;
        uint64_t newer, behind;
    } answer;
    struct userns_info own = describe(-1);
    static const uint32_t wrong[] = { 0, 8, 55, 4096, UINT32_MAX };

    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        memset(&answer, 0xaa, sizeof answer);
        answer.info.size = wrong[i];
        CHECK_EQ(userns_describe(-1, &answer.info), wrong[i] < 4096 ? -EINVAL : -E2BIG);
        CHECK_EQ(answer.info.size, wrong[i]);
        CHECK_EQ(answer.info.inode, UINT64_C(0xaaaaaaaaaaaaaaaa));
    }
    memset(&answer, 0xaa, sizeof answer);
    answer.info.size = sizeof own + 8;
    CHECK_EQ(userns_describe(-1, &answer.info), 0);
    CHECK_EQ(answer.info.size, sizeof own + 8);
    CHECK(answer.newer == 0 && answer.behind == UINT64_C(0xaaaaaaaaaaaaaaaa));
    answer.info.size = sizeof own;
    CHECK(is_same(&answer.info, &own));
}

SITUATION(no_procfs, IN_SANDBOX, "-1 without any procfs (Linux 6.11)")
{
    struct userns_info before = describe(-1), after = USERNS_INFO_INIT;
    int fd = open_namespace(getpid(), "net"), pidfd = (int)syscall(SYS_pidfd_open, getpid(), 0);
    int user = pidfd < 0 ? -1 : ioctl(pidfd, _IO(0xff, 9), 0), error;

    mount_tmpfs("/proc");
    error = userns_describe(-1, &after);
    if (user < 0) {
        CHECK(error == -ENODEV || error == -EIO);
        skip("this kernel does not tell the namespace of a pidfd");
    }
    CHECK_EQ(error, 0);
    CHECK(is_same(&before, &after));
    CHECK(describe(fd).flags & USERNS_INFO_OWN);
}

SITUATION(own_unknown, IN_SANDBOX, "nothing shows the caller's own namespace: others are described")
{
    int fd = open_namespace(getpid(), "user"), net = open_namespace(getpid(), "net");
    struct userns_info info = USERNS_INFO_INIT;
    int error;

    mount_tmpfs("/proc");
    deny_syscall(__NR_pidfd_open, ANY_ARGUMENT, 0, ENOSYS);
    error = userns_describe(-1, &info);
    CHECK(error == -ENODEV || error == -EIO);
    info = describe(fd);
    CHECK(info.inode == inode_of_fd(fd) && info.type == CLONE_NEWUSER);
    CHECK(!(info.flags & USERNS_INFO_OWN));
    CHECK(describe(net).type == CLONE_NEWNET && !(describe(net).flags & USERNS_INFO_OWN));
    expect_error_of(open("/dev/null", O_RDONLY | O_CLOEXEC), -ENOTTY);
}

static void describe_unserved(void *fd)
{
    mount_tmpfs("/proc");
    deny_syscall(__NR_pidfd_open, ANY_ARGUMENT, 0, ENOSYS);
    expect_error_of(*(int *)fd, -ENOTTY);
}

SITUATION(unserved, IN_SANDBOX, "the same, and a file whose server does not answer")
{
    int fd;

    mount_tmpfs("/mnt");
    mount_dead_server("/mnt/file");
    fd = open("/mnt/file", O_PATH | O_CLOEXEC);
    CHECK(fd >= 0);
    before_deadline(describe_unserved, &fd);
}

SITUATION(no_pidfds, 0, "before Linux 6.11, through the procfs")
{
    struct userns_info before = describe(-1), after;
    int fd = open_namespace(getpid(), "net");

    deny_syscall(__NR_pidfd_open, ANY_ARGUMENT, 0, ENOSYS);
    after = describe(-1);
    CHECK(is_same(&before, &after));
    CHECK(describe(fd).flags & USERNS_INFO_OWN);
    expect_error_of(open("/dev/null", O_RDONLY | O_CLOEXEC), -ENOTTY);
}

SITUATION(no_ioctls, 0, "what is known without ioctl(2), as for 32-bit programs before Linux 6.12")
{
    struct userns_info before = describe(-1), after;
    int fd = open_namespace(getpid(), "user"), net = open_namespace(getpid(), "net");

    deny_syscall(__NR_ioctl, ANY_ARGUMENT, 0, ENOTTY);
    after = describe(-1);
    CHECK_EQ(after.inode, before.inode);
    CHECK_EQ(after.type, CLONE_NEWUSER);
    CHECK_EQ(after.flags & ~USERNS_NODE_PARENT_HIDDEN,
             before.flags & (USERNS_NODE_INITIAL | USERNS_INFO_OWN));
    CHECK(after.id == 0 && after.parent == 0 && after.owner == 0);
    after = describe(fd);
    CHECK(after.inode == before.inode && after.type == 0 && after.flags & USERNS_INFO_OWN);
    after = describe(net);
    CHECK(after.inode == inode_of_fd(net) && after.type == 0 && after.owner == 0);
    CHECK_EQ(after.flags, 0);
}

SITUATION(leaves_nothing, 0, "many answers leave no descriptor")
{
    int fd = open_namespace(getpid(), "net"), before = open_descriptors();

    for (int i = 0; i < rounds(1000); i++) {
        describe(-1);
        describe(fd);
        expect_error_of(1000, -EBADF);
    }
    CHECK_EQ(open_descriptors(), before);
}
