/* Processes inside execve(2) that wait for a file server: reading their namespaces blocks without end. */
#ifndef STUCK_H
#define STUCK_H

#include "fuse.h"

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

/* Mounts a file server and starts a process that it blocks. 0: this kernel blocks no readers. */
static UNUSED pid_t try_make_stuck(const char *path)
{
    int device = mount_dead_server(path);
    pid_t stuck = start_stuck(path);

    serve_until_open(device);
    usleep(200000 * time_factor());
    if (blocks_readers(stuck))
        return stuck;
    CHECK(waitpid(stuck, NULL, WNOHANG) == 0);         /* the server has not answered */
    CHECK(umount2(path, MNT_FORCE | MNT_DETACH) == 0); /* the process goes on, and ends */
    CHECK(close(device) == 0 && waitpid(stuck, NULL, 0) == stuck);
    return 0;
}

static UNUSED pid_t make_stuck(const char *path)
{
    pid_t stuck = try_make_stuck(path);

    if (stuck == 0)
        skip("this kernel does not block readers of a process inside execve(2)");
    return stuck;
}

#endif
