#include <inttypes.h>
#include <stdio.h>
#include <userns.h>

int main(void)
{
    struct userns_snapshot *snapshot;
    int error = userns_scan(NULL, &snapshot);

    if (error < 0)
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
    for (const struct userns_node *node = userns_self(snapshot); node != NULL;
         node = userns_parent(node))
        printf("%" PRIu64 "\n", userns_inode(node));
    userns_free(snapshot);
    return error < 0;
}
