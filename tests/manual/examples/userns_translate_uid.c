#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <userns.h>

/* Prints who a user in the user namespace of a process is here: PID UID */
int main(int argc, char **argv)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    uid_t here;

    if (argc != 3)
        return 2;
    options.flags = USERNS_SCAN_MAPS;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    const struct userns_node *inside = userns_find_pid(snapshot, (pid_t)atol(argv[1]));
    uid_t uid = (uid_t)strtoul(argv[2], NULL, 10);
    error = userns_translate_uid(inside, uid, userns_self(snapshot), &here);
    if (error == 0)
        printf("user %lu\n", (unsigned long)here);
    else if (error == -ENOENT)
        printf("nobody\n");
    else
        printf("not known: %s\n", userns_strerror(error));
    userns_free(snapshot);
    return 0;
}
