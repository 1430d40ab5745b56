#include <inttypes.h>
#include <stdio.h>
#include <userns.h>

int main(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t node_count, pin_count;

    options.flags = USERNS_SCAN_PINNED;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    const struct userns_node *const *nodes = userns_nodes(snapshot, &node_count);
    for (size_t i = 0; i < node_count; i++) {
        const struct userns_pin *const *pins = userns_pins(nodes[i], &pin_count);
        for (size_t j = 0; j < pin_count; j++)
            if (userns_pin_kind(pins[j]) == USERNS_PIN_DESCRIPTOR)
                printf("%" PRIu64 " is held by descriptor %d of process %ld\n",
                       userns_inode(nodes[i]), userns_pin_descriptor(pins[j]),
                       (long)userns_pin_pid(pins[j]));
    }
    userns_free(snapshot);
    return 0;
}
