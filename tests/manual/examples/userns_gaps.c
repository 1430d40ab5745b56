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
    if (userns_gaps(snapshot) & USERNS_GAP_UNREADABLE)
        printf("processes that could not be read: %zu\n",
               userns_gap_count(snapshot, USERNS_GAP_UNREADABLE));
    if (userns_gaps(snapshot) & USERNS_GAP_HIDEPID)
        printf("the procfs may hide more processes\n");
    if (userns_gaps(snapshot) & USERNS_GAP_NESTED)
        printf("outer user namespaces are not visible\n");
    userns_free(snapshot);
    return 0;
}
