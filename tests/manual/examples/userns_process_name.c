#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <userns.h>

int main(int argc, char **argv)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t node_count, pid_count;

    options.flags = USERNS_SCAN_NAMES;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    const struct userns_node *const *nodes = userns_nodes(snapshot, &node_count);
    for (size_t i = 0; i < node_count; i++) {
        const pid_t *pids = userns_pids(nodes[i], &pid_count);
        for (size_t j = 0; j < pid_count; j++)
            if (argc == 2 && strcmp(userns_process_name(snapshot, pids[j]), argv[1]) == 0)
                printf("process %ld is in %" PRIu64 "\n", (long)pids[j], userns_inode(nodes[i]));
    }
    userns_free(snapshot);
    return 0;
}
