/* A process inside execve(2) that waits for a file server: reading its namespaces blocks without end. */
#include "situation.h"
#include "stuck.h"
#include <pthread.h>

struct scene {
    pid_t stuck, lasting;
};

static void scan_beside_stuck(void *argument)
{
    static const uint64_t flags[] = {
        0,
        USERNS_SCAN_NAMES,
        USERNS_SCAN_OWNED,
        USERNS_SCAN_PINNED,
        USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS | USERNS_SCAN_NAMES,
        USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS,
    };
    const struct scene *scene = argument;
    int descriptors = open_descriptors();

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct userns_snapshot *snapshot = scan_with(flags[i]);
        const struct userns_node *home = userns_find_pid(snapshot, scene->lasting);
        const struct userns_node *found = userns_find_pid(snapshot, scene->stuck);

        CHECK_EQ(userns_inode(home), inode_of(scene->lasting));
        if (found == NULL) /* before Linux 6.11 */
            CHECK(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE) > 0);
        else
            CHECK(found == userns_self(snapshot));
        if (userns_source(snapshot) == USERNS_SOURCE_BPF_PROCESSES) {
            /* BPF tells all, and that other processes see the same mounts. */
            CHECK(!(userns_gaps(snapshot) & (USERNS_GAP_LINKS | USERNS_GAP_MOUNTS)));
        } else if (flags[i] & (USERNS_SCAN_OWNED | USERNS_SCAN_PINNED)) {
            CHECK(userns_gap_count(snapshot, USERNS_GAP_LINKS) > 0 || found == NULL);
            CHECK(userns_gap_count(snapshot, USERNS_GAP_LINKS) < 20);
            if (flags[i] & USERNS_SCAN_PINNED)
                CHECK(userns_gap_count(snapshot, USERNS_GAP_MOUNTS) > 0);
        }
        /* These files do not block. */
        CHECK(userns_process_uid(snapshot, scene->stuck, NULL) ==
              ((flags[i] & USERNS_SCAN_CREDENTIALS) != 0));
        userns_free(snapshot);
        CHECK_EQ(open_descriptors(), descriptors);
        CHECK(waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD);
    }
}

SITUATION(inside_execve, IN_SANDBOX | BY_BPF | AS_ROOT,
          "a process inside execve(2) waits for a file server; a scan does not")
{
    struct scene scene = { .lasting = start(go_down, &(int){ 1 }) };

    mount_tmpfs("/mnt");
    scene.stuck = make_stuck("/mnt/file");
    before_deadline(scan_beside_stuck, &scene);
}

SITUATION(process_2, IN_SANDBOX | BY_BPF | AS_ROOT,
          "the same with PID 2, which is kthreadd in the initial PID namespace")
{
    struct scene scene;

    mount_tmpfs("/mnt");
    scene.stuck = make_stuck("/mnt/file");
    CHECK_EQ(scene.stuck, 2);
    scene.lasting = start(go_down, &(int){ 1 });
    before_deadline(scan_beside_stuck, &scene);
}

static void *change_user(void *unused)
{
    for (;;)
        CHECK(setuid(getuid()) == 0);
    return unused;
}

static void scan_interrupted(void *argument)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, change_user, NULL) == 0);
    scan_beside_stuck(argument);
}

SITUATION(interrupted, IN_SANDBOX | AS_ROOT,
          "the same while libc sends all threads signals that nothing can block")
{
    struct scene scene = { .lasting = start(go_down, &(int){ 1 }) };

    mount_tmpfs("/mnt");
    scene.stuck = make_stuck("/mnt/file");
    before_deadline(scan_interrupted, &scene);
}
