/* Functions that change what a scan reads, as fast as possible and without end. */
#ifndef STORM_H
#define STORM_H

#include "kit.h"
#include <pthread.h>
#include <semaphore.h>

static UNUSED _Noreturn void fork_all_the_time(void)
{
    for (;;) {
        pid_t pid = fork();
        if (pid == 0)
            _exit(0);
        waitpid(pid, NULL, 0);
    }
}

/* Makes namespaces below its own, some of them nested, and destroys them. */
static UNUSED _Noreturn void unshare_all_the_time(void)
{
    for (unsigned turn = 0;; turn++) {
        pid_t pid = fork();
        if (pid == 0) {
            for (unsigned level = 0; level <= turn % 3; level++)
                new_user_namespace();
            _exit(0);
        }
        waitpid(pid, NULL, 0);
    }
}

/* In a process that ends with this one. */
static UNUSED void start_stress(void (*stress)(void))
{
    if (fork_child() == 0)
        stress();
}

static char again[] = "EXECUTE_AGAIN", closed[] = "CLOSED_DESCRIPTOR";
static sem_t has_own_table;

static void *execute_again(void *unused)
{
    CHECK(unshare(CLONE_FILES) == 0 && sem_post(&has_own_table) == 0);
    execl("/proc/self/exe", "storm", (char *)NULL);
    return unused;
}

/*
 * Executes this program from a second thread, which gets the PID; the program does the same. If a
 * descriptor is named in the environment, only the second thread has it then.
 */
static UNUSED _Noreturn void execute_all_the_time(void)
{
    pthread_t thread;

    CHECK(setenv(again, "", 1) == 0 && sem_init(&has_own_table, 0, 0) == 0);
    CHECK(pthread_create(&thread, NULL, execute_again, NULL) == 0);
    while (sem_wait(&has_own_table) != 0)
        continue;
    if (getenv(closed) != NULL)
        CHECK(close(atoi(getenv(closed))) == 0);
    for (;;)
        pause();
}

/* Before main(). */
static __attribute__((constructor)) void execute_again_if_asked(void)
{
    if (getenv(again) != NULL)
        execute_all_the_time();
}

/* ---- Mounts ---- */

enum { COPIES = 300 };

/* Each mount has 300 copies, by mount propagation, so that it takes the kernel a while. */
static UNUSED _Noreturn void mount_all_the_time(void)
{
    char path[32];

    new_mount_namespace();
    mount_tmpfs("/mnt");
    CHECK(mkdir("/mnt/source", 0700) == 0);
    mount_tmpfs("/mnt/source");
    CHECK(mount("none", "/mnt/source", "none", MS_SHARED, NULL) == 0);
    CHECK(mkdir("/mnt/source/target", 0700) == 0);
    for (int i = 0; i < COPIES; i++) {
        snprintf(path, sizeof path, "/mnt/%d", i);
        CHECK(mkdir(path, 0700) == 0);
        CHECK(mount("/mnt/source", path, "none", MS_BIND, NULL) == 0);
    }
    for (;;) {
        mount_tmpfs("/mnt/source/target");
        CHECK(umount("/mnt/source/target") == 0);
    }
}

#endif
