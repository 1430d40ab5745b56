#include <inttypes.h>
#include <stdio.h>
#include <userns.h>

int main(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    size_t count;

    options.flags = USERNS_SCAN_OWNED;
    int error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "/proc: %s\n", userns_strerror(error));
        return 1;
    }
    const struct userns_nonuser *const *owned = userns_owned(userns_self(snapshot), &count);
    for (size_t i = 0; i < count; i++)
        printf("%s:[%" PRIu64 "] has %zu processes\n", userns_nonuser_type_name(owned[i]),
               userns_nonuser_inode(owned[i]), userns_nonuser_member_count(owned[i]));
    userns_free(snapshot);
    return 0;
}
