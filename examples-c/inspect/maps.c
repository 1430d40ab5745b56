/* The id maps of a namespace in one line. */
#include "inspect.h"
#include <grp.h>
#include <pwd.h>
#include <string.h>

enum { FOLDED = 3 }; /* extents that are shown of many */

/* Names belong to ids of the initial user namespace of this host. */
static bool has_names(const struct view *view)
{
    return !view->is_foreign &&
           (userns_flags(userns_self(view->snapshot)) & USERNS_NODE_INITIAL) != 0;
}

const char *name_of_id(const struct view *view, enum id_kind kind, uint32_t id)
{
    const struct passwd *user = NULL;
    const struct group *group = NULL;

    if (has_names(view) && kind == UID)
        user = getpwuid(id);
    if (has_names(view) && kind == GID)
        group = getgrgid(id);
    return user != NULL ? user->pw_name : group != NULL ? group->gr_name : NULL;
}

const char *name_of_owner(const struct view *view, uid_t uid)
{
    const struct passwd *user = view->is_foreign ? NULL : getpwuid(uid);

    return user != NULL ? user->pw_name : NULL;
}

void put_extents(FILE *out, const struct userns_extent *extents, size_t count)
{
    if (count == 0)
        fputs("-", out);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s%" PRIu32 ":%" PRIu32 ":%" PRIu32, i == 0 ? "" : ",", extents[i].inside,
                extents[i].outside, extents[i].count);
}

bool is_everything(const struct userns_extent *extents, size_t count)
{
    return count == 1 && extents[0].inside == 0 && extents[0].outside == 0 &&
           extents[0].count == UINT32_MAX;
}

const char *range(char text[40], uint32_t first, uint32_t count)
{
    int length = snprintf(text, 40, "%" PRIu32, first);

    if (count > 1)
        snprintf(text + length, 40 - (size_t)length, "%s%" PRIu32, glyph(DASH), first + count - 1);
    return text;
}

/* The name of the only id of an extent. */
static const char *name_of_extent(const struct view *view, enum id_kind kind,
                                  const struct userns_extent *extent)
{
    return extent->count == 1 ? name_of_id(view, kind, extent->outside) : NULL;
}

static void put_extent(const struct view *view, const char *kinds, enum id_kind kind,
                       const struct userns_extent *extent, const char *comma)
{
    char inside[40], outside[40];
    const char *name = name_of_extent(view, kind, extent);

    range(inside, extent->inside, extent->count);
    range(outside, extent->outside, extent->count);
    if (name == NULL) {
        put("%s%s %s %s%s", kinds, inside, glyph(ARROW), outside, comma);
        return;
    }
    put("%s%s %s", kinds, inside, glyph(ARROW));
    put_named(name, " (%s)%s", outside, comma);
}

static void put_map(const struct view *view, const char *kinds, enum id_kind kind,
                    const struct userns_extent *extents, size_t count, const char *comma)
{
    size_t shown = view->all || count <= FOLDED + 1 ? count : FOLDED;

    if (count == 0)
        put("%snot written yet%s", kinds, comma);
    if (is_everything(extents, count)) {
        put("%sall unchanged%s", kinds, comma);
        return;
    }
    for (size_t i = 0; i < shown; i++)
        put_extent(view, i == 0 ? kinds : "", kind, &extents[i],
                   i + 1 < shown    ? ","
                   : shown == count ? comma
                                    : "");
    if (shown < count)
        put("and %zu more%s", count - shown, comma);
}

/* Whether one text can stand for both maps: they are equal, and no id has a name to show. */
static bool can_share(const struct view *view, const struct userns_extent *uids, size_t uid_count,
                      const struct userns_extent *gids, size_t gid_count)
{
    if (uid_count != gid_count)
        return false;
    for (size_t i = 0; i < uid_count; i++)
        if (memcmp(&uids[i], &gids[i], sizeof *uids) != 0 ||
            name_of_extent(view, UID, &uids[i]) != NULL ||
            name_of_extent(view, GID, &gids[i]) != NULL)
            return false;
    return true;
}

void print_maps(const struct view *view, const struct userns_node *node)
{
    size_t uid_count, gid_count, projid_count;
    const struct userns_extent *uids = userns_uid_map(node, &uid_count);
    const struct userns_extent *gids = userns_gid_map(node, &gid_count);
    const struct userns_extent *projids = userns_projid_map(node, &projid_count);
    bool is_denied = (userns_flags(node) & USERNS_NODE_SETGROUPS_DENIED) != 0;
    const char *last = is_denied || view->all ? "," : "";

    begin_line("maps", LABEL, HANGING);
    if (!(userns_flags(node) & USERNS_NODE_MAPS)) {
        put("not known");
        end_line();
        return;
    }
    if (uid_count == 0 && gid_count == 0) {
        put("not written yet%s", last);
    } else if (can_share(view, uids, uid_count, gids, gid_count)) {
        put_map(view, "uid and gid ", UID, uids, uid_count, last);
    } else {
        put_map(view, "uid ", UID, uids, uid_count, ",");
        put_map(view, "gid ", GID, gids, gid_count, last);
    }
    if (view->all)
        put_map(view, "projid ", PROJID, projids, projid_count, is_denied ? "," : "");
    if (is_denied)
        put("setgroups denied");
    end_line();
}
