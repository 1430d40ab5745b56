/*
 * Containers and units, by the paths of cgroups. A path shows who made the cgroup: each container
 * engine and systemd(1) have a pattern for the names of theirs. This is a convention, not a proof:
 * whoever may create a cgroup chooses its name.
 */
#include "inspect.h"
#include <stdlib.h>
#include <string.h>

enum { ID_LENGTH = 64, SHORT_ID = 12 }; /* digits; the engines themselves print 12 */

/* What is between the prefix and the suffix of a name. */
enum content {
    ID,          /* the id of a container: 64 hexadecimal digits */
    NAME,        /* a name */
    APPLICATION, /* a name, then "-RANDOM" in a scope, or "@RANDOM" in a service */
};

/*
 * Of the directories in a path, the innermost with a pattern counts. Documented are those of
 * Docker (docs.docker.com/engine/containers/runmetrics), LXC (announcement of LXC 4.0), systemd
 * (systemd.special(7), systemd-nspawn(1)) and desktops (systemd.io/DESKTOP_ENVIRONMENTS). The
 * others are what systemd-cgls(1) shows on hosts with these engines.
 */
static const struct pattern {
    const char *engine;
    const char *parent; /* the directory above, of which "*" stands for any end; NULL is any */
    const char *prefix, *suffix;
    enum content content;
} patterns[] = {
    { "docker", NULL, "docker-", ".scope", ID },
    { "docker", "docker", "", "", ID },
    { "podman", NULL, "libpod-", ".scope", ID },
    { "podman", NULL, "libpod-", "", ID },
    { "podman", NULL, "libpod-payload-", "", ID },
    { "podman monitor", NULL, "libpod-conmon-", ".scope", ID },
    { "cri-o", NULL, "crio-", ".scope", ID },
    { "cri-o", NULL, "crio-", "", ID },
    { "cri-o monitor", NULL, "crio-conmon-", ".scope", ID },
    { "cri-o monitor", NULL, "crio-conmon-", "", ID },
    { "containerd", NULL, "cri-containerd-", ".scope", ID },
    { "nerdctl", NULL, "nerdctl-", ".scope", ID },
    { "kubernetes", "pod*", "", "", ID },
    { "lxc", NULL, "lxc.payload.", "", NAME },
    { "lxc", "lxc.payload", "", "", NAME },
    { "lxc", "lxc", "", "", NAME },
    { "lxc monitor", NULL, "lxc.monitor.", "", NAME },
    { "lxc monitor", "lxc.monitor", "", "", NAME },
    { "nspawn", "machine.slice", "systemd-nspawn@", ".service", NAME },
    { "machine", "machine.slice", "machine-", ".scope", NAME },
    { "flatpak", "app*", "app-flatpak-", ".scope", APPLICATION },
    { "app", "app*", "app-", ".scope", APPLICATION },
    { "app", "app*", "app-", ".service", APPLICATION },
};

/* A part of a path. */
struct part {
    const char *text;
    size_t length;
};

/* The last directory of a path, which is empty if there is none. Shortens the path by it. */
static struct part take_last(struct part *path)
{
    struct part last = { path->text + path->length, 0 };

    for (; path->length > 0 && path->text[path->length - 1] != '/'; path->length--) {
        last.text--;
        last.length++;
    }
    while (path->length > 0 && path->text[path->length - 1] == '/')
        path->length--;
    return last;
}

static bool begins_with(struct part part, const char *prefix)
{
    return part.length >= strlen(prefix) && memcmp(part.text, prefix, strlen(prefix)) == 0;
}

static bool ends_with(struct part part, const char *suffix)
{
    size_t length = strlen(suffix);

    return part.length >= length && memcmp(part.text + part.length - length, suffix, length) == 0;
}

static bool is_parent(struct part part, const char *parent)
{
    char prefix[32];
    size_t length = strcspn(parent, "*");

    snprintf(prefix, sizeof prefix, "%.*s", (int)length, parent);
    return begins_with(part, prefix) && (parent[length] == '*' || part.length == length);
}

static bool is_id(struct part part)
{
    for (size_t i = 0; i < part.length; i++)
        if (strchr("0123456789abcdef", part.text[i]) == NULL)
            return false;
    return part.length == ID_LENGTH;
}

/* Removes what is random in the name of an application. */
static void shorten_application(struct part *part, const char *suffix)
{
    char separator = strcmp(suffix, ".scope") == 0 ? '-' : '@';

    for (size_t length = part->length; length > 1; length--)
        if (part->text[length - 1] == separator) {
            part->length = length - 1;
            return;
        }
}

/* Copies a name. systemd writes some characters as \xNN, see systemd.unit(5). */
static void copy_name(struct unit *unit, const char *engine, struct part part)
{
    size_t length = 0;

    unit->engine = engine;
    for (size_t i = 0; i < part.length && length + 1 < sizeof unit->name; i++, length++) {
        char digits[3] = "", *end = digits;
        unsigned long code = 0;

        if (part.length - i >= 4 && memcmp(part.text + i, "\\x", 2) == 0) {
            memcpy(digits, part.text + i + 2, 2);
            code = strtoul(digits, &end, 16);
        }
        unit->name[length] = part.text[i];
        if (code != 0 && end == digits + 2) {
            unit->name[length] = (char)code;
            i += 3;
        }
    }
    unit->name[length] = '\0';
}

static bool match(const struct pattern *pattern, struct part parent, struct part part, bool all,
                  struct unit *unit)
{
    size_t prefix = strlen(pattern->prefix), suffix = strlen(pattern->suffix);

    if (part.length <= prefix + suffix || !begins_with(part, pattern->prefix) ||
        !ends_with(part, pattern->suffix) ||
        (pattern->parent != NULL && !is_parent(parent, pattern->parent)))
        return false;
    part.text += prefix;
    part.length -= prefix + suffix;
    if (pattern->content == ID && !is_id(part))
        return false;
    if (pattern->content == ID && !all)
        part.length = SHORT_ID;
    if (pattern->content == APPLICATION)
        shorten_application(&part, pattern->suffix);
    copy_name(unit, pattern->engine, part);
    return true;
}

void find_unit(const char *path, bool all, struct unit *unit)
{
    const char *const deleted = " (deleted)"; /* see userns_process_cgroup() */
    struct part rest, part, outermost = { NULL, 0 };

    if (path == NULL) {
        unit->engine = "cgroup";
        strcpy(unit->name, "unknown");
        return;
    }
    rest.text = path;
    rest.length = strlen(path);
    if (ends_with(rest, deleted))
        rest.length -= strlen(deleted);
    for (part = take_last(&rest); part.length > 0; part = take_last(&rest)) {
        struct part above = rest, parent = take_last(&above);

        for (size_t i = 0; i < sizeof patterns / sizeof *patterns; i++)
            if (match(&patterns[i], parent, part, all, unit))
                return;
        if (ends_with(part, ".service") || ends_with(part, ".scope"))
            outermost = part; /* what is below it belongs to it */
    }
    rest.length = strlen(path);
    if (outermost.text != NULL)
        copy_name(unit, "", outermost);
    else
        copy_name(unit, "cgroup", rest);
}
