#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>
#include <stdlib.h>
#include <userns.h>

int main(int argc, char **argv)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t count;

    if (argc != 2)
        return 2;
    options.flags = USERNS_SCAN_CREDENTIALS;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    for (size_t i = 0; i < count; i++) {
        int may = userns_capable(snapshot, atoi(argv[1]), CAP_SYS_ADMIN, nodes[i], NULL);
        if (may < 0)
            fprintf(stderr, "%" PRIu64 ": %s\n", userns_inode(nodes[i]), userns_strerror(may));
        else if (may)
            printf("process %s may mount in %" PRIu64 "\n", argv[1], userns_inode(nodes[i]));
    }
    userns_free(snapshot);
    return 0;
}
