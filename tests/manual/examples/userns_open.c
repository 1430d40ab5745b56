#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <userns.h>

/* Runs a program in the user namespace of a process. */
int main(int argc, char **argv)
{
    struct userns_snapshot *snapshot;
    int error = userns_scan(NULL, &snapshot);

    if (error < 0 || argc < 3) {
        fprintf(stderr, "%s\n", error < 0 ? userns_strerror(error) : "usage: PID PROGRAM ...");
        userns_free(snapshot);
        return 1;
    }
    int fd = userns_open(userns_find_pid(snapshot, (pid_t)atol(argv[1])));
    userns_free(snapshot);
    if (fd < 0) {
        fprintf(stderr, "%s\n", userns_strerror(fd));
        return 1;
    }
    if (setns(fd, CLONE_NEWUSER) < 0) {
        perror("setns");
        return 1;
    }
    execvp(argv[2], argv + 2);
    perror(argv[2]);
    return 1;
}
