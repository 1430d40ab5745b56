/* A scan for pins must not open FIFOs, devices or leased files, nor wait for a file server. */
#include "situation.h"
#include "findings.h"
#include "fuse.h"
#include "pins.h"
#include <stdatomic.h>

/* ---- Descriptors that a scan must not open ---- */

#define FIFO "/mnt/user:[4026531838]"

/* A FIFO with the name of a namespace; nobody has it open for reading. */
static void make_fifo(void)
{
    mount_tmpfs("/mnt");
    CHECK(mkfifo(FIFO, 0600) == 0);
}

/* Opens the FIFO for writing, again and again; this fails while nobody has it open for reading. */
static void *watch_fifo(void *touched)
{
    for (;;) {
        int fd = open(FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd >= 0 || errno != ENXIO)
            *(atomic_bool *)touched = true;
        if (fd >= 0)
            close(fd);
        sched_yield();
    }
    return NULL;
}

static void start_watching(void *touched)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, watch_fifo, touched) == 0);
}

/* With O_PATH, which itself opens nothing. An open(2) of the leased file would block. */
static void scan_beside_dangers(void *unused UNUSED)
{
    static const char *const paths[] = { FIFO, "/dev/tty", "/dev/ptmx", "/dev/zero" };
    struct findings before = find_all();
    int leased;

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        CHECK(open(paths[i], O_PATH | O_CLOEXEC) >= 0);
    CHECK(open("/dev/zero", O_RDWR | O_CLOEXEC) >= 0);
    leased = open("/mnt/net:[1]", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(leased >= 0 && signal(SIGIO, SIG_IGN) != SIG_ERR);
    CHECK(fcntl(leased, F_SETLEASE, F_WRLCK) == 0);
    for (int i = 0; i < rounds(200); i++) {
        check_nothing_new(&before);
        CHECK(fcntl(leased, F_GETLEASE) == F_WRLCK);
    }
}

SITUATION(dangerous_descriptors, IN_SANDBOX | BY_BPF,
          "a FIFO, devices and a leased file must not be opened")
{
    atomic_bool *touched = shared(sizeof *touched);
    pid_t watcher;

    make_fifo();
    watcher = start(start_watching, touched);
    before_deadline(scan_beside_dangers, NULL);
    end(watcher);
    CHECK(!*touched);
}

/* Two descriptors that take turns on a number. */
struct swap {
    int namespace_fd, other, number;
};

static void *keep_swapping(void *argument)
{
    const struct swap *swap = argument;

    for (;;) {
        CHECK(dup2(swap->namespace_fd, swap->number) == swap->number);
        CHECK(dup2(swap->other, swap->number) == swap->number);
    }
    return NULL;
}

static void start_swapping_with(struct held *held, const char *path)
{
    static struct swap swap = { .number = 100 };
    pthread_t thread;

    hold_descriptor(held);
    /* Must not stay on a lower number, where the scan would see it first. */
    swap.namespace_fd = open_left_user();
    swap.other = open(path, O_PATH | O_CLOEXEC);
    CHECK(swap.other >= 0);
    CHECK(dup2(swap.namespace_fd, swap.number) == swap.number && close(swap.namespace_fd) == 0);
    swap.namespace_fd = fcntl(swap.number, F_DUPFD_CLOEXEC, swap.number + 1);
    CHECK(pthread_create(&thread, NULL, keep_swapping, &swap) == 0);
}

static void start_swapping(void *held)
{
    start_swapping_with(held, FIFO);
}

static void scan_amid_swaps(void *argument)
{
    const struct held *held = argument;

    for (int i = 0; i < rounds(2000); i++)
        CHECK(finds(USERNS_SCAN_PINNED, held->inode));
}

SITUATION(swapped_descriptor, IN_SANDBOX | BY_BPF,
          "a process swaps a namespace for a FIFO on one descriptor number")
{
    struct held *held = shared(sizeof *held);
    atomic_bool *touched = shared(sizeof *touched);
    pid_t swapper, watcher;

    make_fifo();
    swapper = start(start_swapping, held);
    watcher = start(start_watching, touched);
    before_deadline(scan_amid_swaps, held);
    end(watcher);
    end(swapper);
    CHECK(!*touched);
}

/* ---- A file system whose server does not answer ---- */

/* For start(), in the mount namespace of the sandbox. */
static void start_server(void *unused UNUSED)
{
    mount_server("/mnt", S_IFDIR);
}

static void mount_on_server(void *argument)
{
    struct held *held = argument;
    int fd = open_left_user();

    held->inode = inode_of_fd(fd);
    mount_namespace(fd, "/mnt/ns");
}

static void live_on_server(void *held)
{
    mount_on_server(held);
    CHECK(chroot("/mnt") == 0 && chdir("/") == 0);
}

/* Only the number of the namespace is known. */
static void scan_past_server(void *argument)
{
    const struct held *held = argument;
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    const struct userns_node *node = userns_find_inode(snapshot, held->inode);
    size_t count;

    CHECK(node != NULL && userns_parent(node) == NULL);
    CHECK_EQ(userns_flags(node),
             USERNS_NODE_PARENT_HIDDEN | USERNS_NODE_EMPTY | USERNS_NODE_ONLY_PINNED);
    CHECK_EQ(userns_pin_kind(userns_pins(node, &count)[0]), USERNS_PIN_MOUNT);
    CHECK(!userns_pin_is_overmounted(userns_pins(node, &count)[0])); /* as far as is known */
    CHECK(count >= 1);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_UNOPENED_MOUNTS);
    CHECK(userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS) >= 1);
    userns_free(snapshot);
}

static void scan_beside_stopped_server(void (*live)(void *))
{
    struct held *held = shared(sizeof *held);
    pid_t server = start(start_server, NULL), pid = start(live, held);

    stop(server);
    before_deadline(scan_past_server, held);
    end(server);
    end(pid);
}

SITUATION(hanging_path, IN_SANDBOX, "a mount on a file system whose server does not answer")
{
    scan_beside_stopped_server(mount_on_server);
}

SITUATION(hanging_root, IN_SANDBOX, "the root directory of a process is on such a file system")
{
    scan_beside_stopped_server(live_on_server);
}

static void start_overmount(void *argument)
{
    struct held *held = argument;

    mount_tmpfs("/mnt");
    held->inode = mount_left_user("/mnt/ns");
    mount_server("/mnt/ns", S_IFREG);
}

static void scan_held(void *argument)
{
    CHECK(finds(USERNS_SCAN_PINNED, ((const struct held *)argument)->inode));
}

SITUATION(hanging_overmount, IN_SANDBOX, "such a file system is mounted over a namespace")
{
    struct held *held = shared(sizeof *held);
    pid_t server = start(start_overmount, held);

    stop(server);
    before_deadline(scan_held, held);
    end(server);
}

static void start_swapping_file(void *argument)
{
    start_swapping_with(argument, "/mnt/ns");
}

SITUATION(hanging_swap, IN_SANDBOX, "a process swaps a namespace for a file of such a file system")
{
    struct held *held = shared(sizeof *held);
    pid_t server = start(start_server, NULL), swapper = start(start_swapping_file, held);

    stop(server);
    before_deadline(scan_amid_swaps, held);
    end(server);
    end(swapper);
}

/* ---- proc_path ---- */

static void *swallow(void *device)
{
    char request[FUSE_MIN_READ_BUFFER + 4096];

    serve_one(*(int *)device); /* FUSE_INIT */
    while (read(*(int *)device, request, sizeof request) > 0)
        ;
    return NULL;
}

/* This server reads requests and does not answer: then not even SIGKILL ends who waits for it. */
static void start_swallowing(void *unused UNUSED)
{
    mount_server_with("/mnt", S_IFDIR, swallow);
}

static void refuse_paths(void *unused UNUSED)
{
    static const char *const paths[] = { "/mnt", "/mnt/x", "/mnt/x/proc" };

    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        struct userns_options options = USERNS_OPTIONS_INIT;
        struct userns_snapshot *snapshot;
        time_t start = time(NULL);
        int error, descriptors = open_descriptors();

        options.proc_path = paths[i];
        error = userns_scan(&options, &snapshot);
        if (error != -EIO && (i > 0 || error != -ENODEV))
            fail("%s: %d: %s", paths[i], error, userns_strerror(error));
        CHECK(time(NULL) - start <= (time_t)stretched(3));
        CHECK_EQ(open_descriptors(), descriptors);
    }
    userns_free(scan());
}

static void refuse_paths_by_fstatfs(void *unused UNUSED)
{
    enum { STATMOUNT = 457 };

    deny_syscall(STATMOUNT, ANY_ARGUMENT, 0, ENOSYS); /* before Linux 6.8 */
    refuse_paths(NULL);
    deny_syscall(__NR_openat2, ANY_ARGUMENT, 0, ENOSYS); /* before Linux 5.6 */
    refuse_paths(NULL);
}

SITUATION(hanging_proc_path, IN_SANDBOX, "the procfs is looked up where a file server has stopped")
{
    pid_t server = start(start_server, NULL);

    stop(server);
    before_deadline(refuse_paths, NULL);
    before_deadline(refuse_paths_by_fstatfs, NULL);
    end(server);
}

SITUATION(unkillable_proc_path, IN_SANDBOX, "the server has read the request and does not answer")
{
    pid_t server = start(start_swallowing, NULL);

    before_deadline(refuse_paths, NULL);
    before_deadline(refuse_paths_by_fstatfs, NULL);
    end(server);
}
