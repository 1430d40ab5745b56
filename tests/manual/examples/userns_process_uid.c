#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <userns.h>

/* Prints the credentials, the cgroup and the PIDs of a process. */
int main(int argc, char **argv)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    uint64_t capabilities;
    size_t count;
    uid_t uid;

    if (argc != 2)
        return 2;
    options.flags = USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    pid_t pid = (pid_t)atol(argv[1]);
    if (userns_process_uid(snapshot, pid, &uid))
        printf("effective UID %lu\n", (unsigned long)uid);
    if (userns_process_capabilities(snapshot, pid, &capabilities))
        printf("effective capabilities %#" PRIx64 "\n", capabilities);
    const char *cgroup = userns_process_cgroup(snapshot, pid);
    if (cgroup != NULL)
        printf("cgroup %s\n", cgroup);
    const pid_t *pids = userns_process_pids(snapshot, pid, &count);
    for (size_t i = 1; i < count; i++)
        printf("PID %ld in the PID namespace %zu below\n", (long)pids[i], i);
    userns_free(snapshot);
    return 0;
}
