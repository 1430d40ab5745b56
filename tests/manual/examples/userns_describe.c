#include <inttypes.h>
#include <stdio.h>
#include <userns.h>

/* Tells whether this program runs in a user namespace of its own. */
int main(void)
{
    struct userns_info info = USERNS_INFO_INIT;
    int error = userns_describe(-1, &info);

    if (error < 0) {
        fprintf(stderr, "%s\n", userns_strerror(error));
        return 1;
    }
    if (info.flags & USERNS_NODE_INITIAL)
        puts("in the initial user namespace");
    else
        printf("in the user namespace %" PRIu64 "\n", info.inode);
    return 0;
}
