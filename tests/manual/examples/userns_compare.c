#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include <userns.h>

static const char *const names[] = {
    [USERNS_CHANGE_APPEARED] = "appeared",    [USERNS_CHANGE_ENDED] = "has ended",
    [USERNS_CHANGE_EMPTIED] = "is empty",     [USERNS_CHANGE_MAPPED] = "is mapped",
    [USERNS_CHANGE_JOINED] = "was joined by", [USERNS_CHANGE_LEFT] = "was left by"
};

/* Prints what changes within a second. */
int main(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *before = NULL, *after = NULL;
    struct userns_changes *changes = NULL;
    size_t count;

    options.flags = USERNS_SCAN_MAPS;
    int error = userns_scan(&options, &before);
    if (error == 0) {
        sleep(1);
        error = userns_scan(&options, &after);
    }
    if (error == 0)
        error = userns_compare(before, after, &changes);
    if (error < 0)
        fprintf(stderr, "%s\n", userns_strerror(error));
    const struct userns_change *const *all = userns_changes(changes, &count);
    for (size_t i = 0; i < count; i++) {
        enum userns_change_kind kind = userns_change_kind(all[i]);
        if (kind >= sizeof names / sizeof names[0])
            continue; /* of a newer library */
        printf("%" PRIu64 " %s", userns_inode(userns_change_node(all[i])), names[kind]);
        if (userns_change_pid(all[i]) != 0)
            printf(" process %ld", (long)userns_change_pid(all[i]));
        putchar('\n');
    }
    userns_changes_free(changes);
    userns_free(after);
    userns_free(before);
    return error < 0;
}
