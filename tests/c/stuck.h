/* Processes inside execve(2) that wait for a file server: reading their namespaces blocks without end. */
#ifndef STUCK_H
#define STUCK_H

#include "fuse.h"

/* Answers until the file has been opened; nobody answers FLUSH. */
static UNUSED void serve_until_open(int device)
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
static UNUSED pid_t start_stuck(const char *path)
{
    pid_t pid = fork_child();

    if (pid == 0) {
        CHECK(open(path, O_RDONLY | O_CLOEXEC) >= 0);
        execl("/bin/true", "true", NULL);
        fail("cannot execute /bin/true");
    }
    return pid;
}

static UNUSED bool blocks_readers(pid_t pid)
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

/* Mounts a file server and starts as many processes that it blocks. */
static UNUSED pid_t make_stuck(const char *path, int count)
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

#endif
