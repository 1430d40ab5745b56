/* --map: what an id of one namespace is in another one. */
#include "inspect.h"
#include <errno.h>
#include <stdlib.h>

static const char *const kinds[] = { "uid", "gid", "projid" };

static int translate(enum id_kind kind, const struct userns_node *from, uint32_t id,
                     const struct userns_node *to, uint32_t *result)
{
    switch (kind) {
    case UID:
        return userns_translate_uid(from, id, to, result);
    case GID:
        return userns_translate_gid(from, id, to, result);
    default:
        return userns_translate_projid(from, id, to, result);
    }
}

int print_translation(const struct view *view, enum id_kind kind, uint32_t id,
                      const struct userns_node *from, const struct userns_node *to)
{
    uint32_t result;
    int error = translate(kind, from, id, to, &result);
    bool is_initial = (userns_flags(to) & USERNS_NODE_INITIAL) != 0;
    const char *name = error == 0 && is_initial ? name_of_id(view, kind, result) : NULL;

    if (error == -ENOENT && translate(kind, from, id, from, &result) == -ENOENT)
        to = from; /* there is no such id to begin with */
    begin_line("", 0, HANGING);
    put("%s %" PRIu32, kinds[kind], id);
    if (from != to || error == 0)
        put("in %" PRIu64, userns_inode(from));
    if (error == 0)
        put("is %s %" PRIu32, kinds[kind], result);
    else
        put(error == -ENOENT ? "is unmapped" : "is not known");
    if (name != NULL) {
        put("of");
        put_named(name, "");
    }
    put("in %" PRIu64 "%s", userns_inode(to), error == 0 || error == -ENOENT ? "" : ":");
    if (error == -ENODATA)
        put_words("a map is not known");
    else if (error != 0 && error != -ENOENT)
        put_words("%s", userns_strerror(error));
    end_line();
    return error == 0 ? EXIT_SUCCESS : error == -ENOENT ? EXIT_NO : EXIT_UNKNOWN;
}
