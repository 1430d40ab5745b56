/* Pins: files that are registered with an io_uring are in no descriptor table. */
#include "situation.h"
#include "pins.h"
#include <linux/io_uring.h>

/* Registers files with a new io_uring and closes them; returns its descriptor. */
static int register_files(int *files, unsigned count)
{
    struct io_uring_params parameters = { 0 };
    int ring = (int)syscall(__NR_io_uring_setup, 8, &parameters);

    if (ring < 0)
        return -1;
    CHECK(syscall(__NR_io_uring_register, ring, IORING_REGISTER_FILES, files, count) == 0);
    for (unsigned i = 0; i < count; i++)
        if (files[i] >= 0)
            close(files[i]);
    return ring;
}

/* Whether the kernel names the registered files (Linux 6.16). */
static bool names_files(int ring, const char *name)
{
    char path[64], line[128];
    bool is_named = false;
    FILE *file;

    snprintf(path, sizeof path, "/proc/self/fdinfo/%d", ring);
    file = fopen(path, "r");
    CHECK(file != NULL);
    while (fgets(line, sizeof line, file) != NULL)
        is_named |= strstr(line, name) != NULL;
    fclose(file);
    return is_named;
}

static void need_ring(const struct held *held)
{
    if (held->fd == -1)
        skip("cannot make an io_uring");
    if (held->fd == -2)
        skip("this kernel does not name files that are registered with an io_uring");
}

/* For start(): two registered files are of one namespace. */
static void hold_registered(void *argument)
{
    struct held *held = argument;
    int namespace_fd = open_left_user();
    int files[] = { -1, namespace_fd, open("/dev/null", O_RDONLY | O_CLOEXEC), namespace_fd };

    held->inode = inode_of_fd(namespace_fd);
    held->fd = register_files(files, 4);
    if (held->fd >= 0 && !names_files(held->fd, "user:["))
        held->fd = -2;
}

SITUATION(registered_namespace, IN_SANDBOX, "a user namespace that only an io_uring holds")
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold_registered, held);
    struct userns_snapshot *snapshot;

    need_ring(held);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    check_file(only_pin(snapshot, held->inode), USERNS_PIN_IO_URING, pid, pid, held->fd);
    /* Only its number is known. */
    CHECK(userns_parent(userns_find_inode(snapshot, held->inode)) == NULL);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_LINKS), 1);
    userns_free(snapshot);
    end(pid);
    CHECK(ends(USERNS_SCAN_PINNED, held->inode));
}

/* For start(): the namespace of a process is registered, which is known through that process. */
static void hold_registered_member(void *argument)
{
    struct held *held = argument;
    pid_t member = start(go_down, &(int){ 1 });
    int files[] = { open_namespace(member, "user") };

    held->inode = inode_of_fd(files[0]);
    held->fd = register_files(files, 1);
    if (held->fd >= 0 && !names_files(held->fd, "user:["))
        held->fd = -2;
}

SITUATION(registered_namespace_of_process, IN_SANDBOX,
          "an io_uring holds the user namespace of a process")
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *snapshot;
    const struct userns_pin *const *pins;
    size_t count;

    start(hold_registered_member, held);
    need_ring(held);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    pins = userns_pins(userns_find_inode(snapshot, held->inode), &count);
    CHECK_EQ(count, 1);
    CHECK_EQ(userns_pin_kind(pins[0]), USERNS_PIN_IO_URING);
    CHECK(userns_parent(userns_find_inode(snapshot, held->inode)) == userns_self(snapshot));
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_LINKS), 0);
    userns_free(snapshot);
}

/* For start(): a socket is registered, and stays open if `held->tid` says so. */
static void hold_registered_socket(void *argument)
{
    struct held *held = argument;
    int files[2];

    hold_socket(held);
    if (held->tid != 0)
        CHECK(fcntl(held->fd, F_DUPFD_CLOEXEC, 50) >= 50);
    files[0] = files[1] = held->fd;
    held->fd = register_files(files, 2);
    if (held->fd >= 0 && !names_files(held->fd, "socket:["))
        held->fd = -2;
}

SITUATION(registered_socket, IN_SANDBOX, "a network namespace that a socket in an io_uring holds")
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_SOCKETS);
    size_t gap = userns_gap_count(snapshot, USERNS_GAP_SOCKETS), count;
    const struct userns_pin *const *pins;
    pid_t pid = start(hold_registered_socket, held);

    userns_free(snapshot);
    need_ring(held);
    snapshot = scan_with(USERNS_SCAN_SOCKETS);
    CHECK(userns_find_inode(snapshot, held->inode) == NULL);
    CHECK(userns_gap_count(snapshot, USERNS_GAP_SOCKETS) > gap);
    userns_free(snapshot);
    end(pid);

    held->tid = 1;
    start(hold_registered_socket, held);
    snapshot = scan_with(USERNS_SCAN_SOCKETS);
    pins = userns_nonuser_pins(userns_pin_nonuser(only_pin(snapshot, held->inode)), &count);
    CHECK_EQ(count, 2);
    CHECK_EQ(userns_pin_kind(pins[0]), USERNS_PIN_SOCKET);
    CHECK_EQ(userns_pin_kind(pins[1]), USERNS_PIN_IO_URING);
    CHECK_EQ(userns_pin_descriptor(pins[1]), held->fd);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_SOCKETS), gap);
    userns_free(snapshot);
}

enum { LINES = 8000, COPIES = 4 };

/*
 * For start(): about 24 MB of lines tell the files of a ring, which has more descriptors if
 * `held->tid` says so.
 */
static void hold_large_ring(void *argument)
{
    struct held *held = argument;
    struct rlimit limit = { LINES, LINES };
    int files[LINES], fd;
    char name[201] = "";

    memset(name, 'x', 200);
    CHECK(chdir("/mnt") == 0);
    for (int i = 0; i < 15; i++)
        CHECK((mkdir(name, 0700) == 0 || errno == EEXIST) && chdir(name) == 0);
    fd = open(".", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    for (int i = 0; i < LINES; i++)
        files[i] = fd;
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        skip("cannot have %d files in a ring: %s", LINES, strerror(errno));
    held->fd = register_files(files, LINES);
    if (held->fd >= 0 && !names_files(held->fd, "xxx"))
        held->fd = -2;
    for (int i = 0; held->fd >= 0 && i < held->tid; i++)
        CHECK(dup(held->fd) >= 0);
}

SITUATION(large_ring, IN_SANDBOX,
          "the files of one ring with several descriptors are not read without end")
{
    struct held *held = shared(sizeof *held);
    size_t gap = gap_count_now(USERNS_GAP_LINKS);
    pid_t pid;

    mount_tmpfs("/mnt");
    pid = start(hold_large_ring, held);
    need_ring(held);
    CHECK_EQ(gap_count_now(USERNS_GAP_LINKS), gap);
    end(pid);
    held->tid = COPIES;
    start(hold_large_ring, held);
    CHECK(gap_count_now(USERNS_GAP_LINKS) > gap);
}
