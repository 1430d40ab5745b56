/*
 * scan [bpf] [pinned] [TIMES]: scans so often, each time as a monitoring agent would, and
 * prints what that took and how much the last scan saw.
 */
#include "timing.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <userns.h>

static void print_seen(const struct userns_snapshot *snapshot)
{
    size_t nodes, processes = 0, pins = 0;
    const struct userns_node *const *node = userns_nodes(snapshot, &nodes);

    for (size_t i = 0; i < nodes; i++) {
        size_t count;
        userns_pids(node[i], &count);
        processes += count;
        userns_pins(node[i], &count);
        pins += count;
    }
    printf("namespaces %zu\nprocesses %zu\npins %zu\n", nodes, processes, pins);
    printf("source %" PRIu32 "\n", userns_source(snapshot));
    if (userns_source_error(snapshot) < 0)
        printf("no-bpf %s\n", userns_strerror(userns_source_error(snapshot)));
}

int main(int argc, char *argv[])
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot = NULL;
    int times = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "bpf") == 0)
            options.flags |= USERNS_SCAN_BPF;
        else if (strcmp(argv[i], "pinned") == 0)
            options.flags |= USERNS_SCAN_PINNED;
        else
            times = atoi(argv[i]);
    }
    for (int i = 0; i < times; i++) {
        struct moment start;

        begin(&start);
        userns_free(snapshot);
        int error = userns_scan(&options, &snapshot);
        end(&start);
        if (error < 0) {
            fprintf(stderr, "/proc: %s\n", userns_strerror(error));
            return EXIT_FAILURE;
        }
    }
    print_seen(snapshot);
    userns_free(snapshot);
    return EXIT_SUCCESS;
}
