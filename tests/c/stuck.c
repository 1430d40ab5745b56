/* A process inside execve(2) that waits for a file server: reading its namespaces blocks without end. */
#include "situation.h"
#include "fuse.h"
#include "pins.h"

/* Answers until the file has been opened; nobody answers FLUSH. */
static void serve_until_open(int device)
{
    char request[FUSE_MIN_READ_BUFFER + 4096];
    const struct fuse_in_header *header = (void *)request;
    struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
    struct fuse_attr_out attributes = { .attr_valid = 3600, .attr = attributes_of(FUSE_ROOT_ID) };
    struct fuse_open_out opened = { .fh = 1 };

    attributes.attr.mode = S_IFREG | 0755;
    do {
        CHECK(read(device, request, sizeof request) > 0);
        if (header->opcode == FUSE_INIT)
            answer(device, header->unique, &init, sizeof init);
        else if (header->opcode == FUSE_GETATTR)
            answer(device, header->unique, &attributes, sizeof attributes);
        else if (header->opcode == FUSE_OPEN)
            answer(device, header->unique, &opened, sizeof opened);
    } while (header->opcode != FUSE_OPEN);
}

/* Opens the file and executes a program, for which the kernel closes the file and waits. */
static pid_t start_stuck(const char *path)
{
    pid_t pid = fork_child();

    if (pid == 0) {
        CHECK(open(path, O_RDONLY | O_CLOEXEC) >= 0);
        execl("/bin/true", "true", NULL);
        fail("cannot execute /bin/true");
    }
    return pid;
}

static bool blocks_readers(pid_t pid)
{
    pid_t reader = fork_child();
    bool has_ended = false;

    if (reader == 0) {
        char path[64], text[64];

        snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
        _exit(readlink(path, text, sizeof text) > 0 ? 0 : 1);
    }
    for (int i = 0; i < 100 && !has_ended; i++) {
        has_ended = waitpid(reader, NULL, WNOHANG) == reader;
        usleep(has_ended ? 0 : 5000);
    }
    if (!has_ended)
        end(reader);
    return !has_ended;
}

struct scene {
    pid_t stuck, lasting;
};

static int count_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = 0;

    CHECK(directory != NULL);
    while (readdir(directory) != NULL)
        count++;
    closedir(directory);
    return count;
}

static void scan_beside_stuck(void *argument)
{
    static const uint64_t flags[] = {
        0,
        USERNS_SCAN_NAMES,
        USERNS_SCAN_OWNED,
        USERNS_SCAN_PINNED,
        USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS | USERNS_SCAN_NAMES,
    };
    const struct scene *scene = argument;
    int descriptors = count_descriptors();

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct userns_snapshot *snapshot = scan_with(flags[i]);
        const struct userns_node *home = userns_find_pid(snapshot, scene->lasting);

        CHECK_EQ(userns_inode(home), inode_of(scene->lasting));
        if (userns_find_pid(snapshot, scene->stuck) == NULL) /* before Linux 6.11 */
            CHECK(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE) > 0);
        else
            CHECK(userns_find_pid(snapshot, scene->stuck) == userns_self(snapshot));
        if (userns_source(snapshot) == USERNS_SOURCE_BPF_PROCESSES) {
            /* BPF tells all, and that other processes see the same mounts. */
            CHECK(!(userns_gaps(snapshot) & (USERNS_GAP_LINKS | USERNS_GAP_MOUNTS)));
        } else if (flags[i] & (USERNS_SCAN_OWNED | USERNS_SCAN_PINNED)) {
            CHECK(userns_gap_count(snapshot, USERNS_GAP_LINKS) > 0);
            CHECK(userns_gap_count(snapshot, USERNS_GAP_LINKS) < 20);
            if (flags[i] & USERNS_SCAN_PINNED)
                CHECK(userns_gap_count(snapshot, USERNS_GAP_MOUNTS) > 0);
        }
        userns_free(snapshot);
        CHECK_EQ(count_descriptors(), descriptors);
        CHECK(waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD);
    }
}

/* Mounts a file server and starts as many processes that it blocks. */
static pid_t make_stuck(const char *path, int count)
{
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    char options[64];
    pid_t stuck = 0;

    if (device < 0)
        skip("cannot open /dev/fuse: %s", strerror(errno));
    CHECK(close(open(path, O_CREAT | O_WRONLY, 0666)) == 0);
    snprintf(options, sizeof options, "fd=%d,rootmode=%o,user_id=0,group_id=0", device,
             S_IFREG | 0755);
    CHECK(mount("none", path, "fuse", 0, options) == 0);
    for (int i = 0; i < count; i++) {
        stuck = start_stuck(path);
        serve_until_open(device);
    }
    usleep(200000);
    if (!blocks_readers(stuck))
        skip("this kernel does not block readers of a process inside execve(2)");
    return stuck;
}

SITUATION(inside_execve, IN_SANDBOX | BY_BPF | AS_ROOT,
          "a process inside execve(2) waits for a file server; a scan does not")
{
    struct scene scene = { .lasting = start(go_down, &(int){ 1 }) };

    mount_tmpfs("/mnt");
    scene.stuck = make_stuck("/mnt/file", 1);
    before_deadline(scan_beside_stuck, &scene);
}
