/* A program outside of this project: prints the version of the library and its user namespace. */
#include <inttypes.h>
#include <stdio.h>
#include <userns.h>

int main(void)
{
    struct userns_snapshot *snapshot;
    int error = userns_scan(NULL, &snapshot);

    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    if (userns_version_number() != USERNS_VERSION_NUMBER) {
        fprintf(stderr, "the header and the library have different versions\n");
        return 1;
    }
    printf("%s %" PRIu64 "\n", userns_version(), userns_inode(userns_self(snapshot)));
    userns_free(snapshot);
    return 0;
}
