/* One pinned scan, and of what it saw the two numbers that tell how much that was. */
#include <stdio.h>
#include <userns.h>

int main(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t nodes, pins = 0;

    options.flags = USERNS_SCAN_PINNED;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    const struct userns_node *const *node = userns_nodes(snapshot, &nodes);
    for (size_t i = 0; i < nodes; i++) {
        size_t count;
        userns_pins(node[i], &count);
        pins += count;
    }
    printf("%zu nodes, %zu pins\n", nodes, pins);
    userns_free(snapshot);
    return 0;
}
