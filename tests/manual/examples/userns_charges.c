#include <inttypes.h>
#include <stdio.h>
#include <userns.h>

/* Prints how many user namespaces each user has, and how many it may have. */
int main(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t count;
    uint64_t limit;

    options.flags = USERNS_SCAN_PINNED | USERNS_SCAN_BPF;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    const struct userns_node *self = userns_self(snapshot);
    const struct userns_charge *charges = userns_charges(self, &count);
    for (size_t i = 0; i < count; i++) {
        printf("user %lu has %" PRIu32 " user namespaces", (unsigned long)charges[i].uid,
               charges[i].count);
        if (userns_limit(self, &limit))
            printf(" of %" PRIu64, limit);
        putchar('\n');
    }
    userns_free(snapshot);
    return 0;
}
