#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>
#include <userns.h>

/* Opens all network namespaces: with CAP_SYS_ADMIN in them, setns(2) enters each. */
int main(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t count;

    options.flags = USERNS_SCAN_PINNED;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    const struct userns_nonuser *const *all = userns_nonusers(snapshot, &count);
    for (size_t i = 0; i < count; i++) {
        if (strcmp(userns_nonuser_type_name(all[i]), "net") != 0)
            continue;
        int fd = userns_nonuser_open(all[i]);
        printf("%" PRIu64 ": %s\n", userns_nonuser_inode(all[i]),
               fd >= 0 ? "open" : userns_strerror(fd));
        if (fd >= 0)
            close(fd);
    }
    userns_free(snapshot);
    return 0;
}
