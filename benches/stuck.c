/*
 * stuck COUNT: makes so many processes that are inside execve(2) and wait for a file server, which block their readers.
 * Prints "ready", and sleeps.
 */
#include "../tests/c/stuck.h"

int main(int argc, char *argv[])
{
    char path[32];

    (void)argc;
    new_mount_namespace();
    mount_tmpfs("/mnt");
    for (int i = 0; i < atoi(argv[1]); i++) {
        snprintf(path, sizeof path, "/mnt/%d", i);
        make_stuck(path);
    }
    puts("ready");
    fflush(stdout);
    for (;;)
        pause();
}
