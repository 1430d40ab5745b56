#include <inttypes.h>
#include <stdio.h>
#include <userns.h>

/* Prints which UIDs each user namespace maps, as this program numbers them. */
int main(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t node_count, count;

    options.flags = USERNS_SCAN_MAPS;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    const struct userns_node *const *nodes = userns_nodes(snapshot, &node_count);
    for (size_t i = 0; i < node_count; i++) {
        printf("%" PRIu64 ":", userns_inode(nodes[i]));
        if (!(userns_flags(nodes[i]) & USERNS_NODE_MAPS))
            printf(" not known");
        const struct userns_extent *map = userns_uid_map(nodes[i], &count);
        for (size_t j = 0; j < count; j++)
            printf(" %" PRIu32 "-%" PRIu32 " are %" PRIu32 "-%" PRIu32, map[j].inside,
                   map[j].inside + (map[j].count - 1), map[j].outside,
                   map[j].outside + (map[j].count - 1));
        putchar('\n');
    }
    userns_free(snapshot);
    return 0;
}
