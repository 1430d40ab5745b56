/* --load: a saved snapshot, which can be of another host and come from anybody. */
#include "inspect.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The kernel nests 33 user namespaces below the initial one, see user_namespaces(7). */
enum { DEEPEST = 33 };

/* Whether a snapshot is of this host, since it booted. */
static bool is_of_this_boot(const struct userns_snapshot *snapshot)
{
    const char *boot_id = userns_boot_id(snapshot);
    char own[64] = "";
    FILE *file = fopen("/proc/sys/kernel/random/boot_id", "re");

    if (file != NULL && fgets(own, sizeof own, file) != NULL)
        own[strcspn(own, "\n")] = '\0';
    if (file != NULL)
        fclose(file);
    return boot_id != NULL && *own != '\0' && strcmp(boot_id, own) == 0;
}

/* The functions of this program that walk through the tree call themselves. */
static bool is_too_deep(const struct userns_snapshot *snapshot)
{
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);

    for (size_t i = 0; i < count; i++)
        if (userns_depth(nodes[i]) > DEEPEST)
            return true;
    return false;
}

struct userns_snapshot *load(struct request *request)
{
    const char *path = request->file;
    bool is_input = strcmp(path, "-") == 0;
    struct userns_snapshot *snapshot = NULL;
    int file = is_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC), error;

    if (file < 0) {
        report(path, "%s", strerror(errno));
        return NULL;
    }
    error = userns_load(file, &snapshot);
    if (!is_input)
        close(file);
    if (error < 0) {
        report(path, "%s", userns_strerror(error));
        return NULL;
    }
    if (is_too_deep(snapshot)) {
        report(path, "namespaces are nested more deeply than the kernel permits");
        userns_free(snapshot);
        return NULL;
    }
    request->view.is_foreign = !is_of_this_boot(snapshot);
    if ((request->options.flags & USERNS_SCAN_PINNED) != 0 &&
        userns_empty_source(snapshot) == USERNS_EMPTY_SOURCE_ANCESTORS)
        report(path, "this was saved without --pinned");
    return snapshot;
}
