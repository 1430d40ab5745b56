/* What the snapshot does not contain. */
#include "inspect.h"
#include <stdio.h>

static const struct {
    uint32_t gap;
    const char *name;
    bool is_counted;      /* the sentence is followed by a number */
    const char *sentence; /* NULL: print_horizon() has one */
} gaps[] = {
    { USERNS_GAP_UNREADABLE, "unreadable", true, "processes that could not be read" },
    { USERNS_GAP_HIDEPID, "hidepid", false, "processes may be hidden (hidepid, see proc(5))" },
    { USERNS_GAP_PIDNS, "pidns", false, NULL },
    { USERNS_GAP_NESTED, "nested", false, NULL },
    { USERNS_GAP_LINKS, "links", true, "references to namespaces that could not be read" },
    { USERNS_GAP_DESCRIPTORS, "descriptors", true,
      "processes whose descriptors could not be read" },
    { USERNS_GAP_SOCKETS, "sockets", true, "sockets whose network namespace is unknown" },
    { USERNS_GAP_MOUNTS, "mounts", true, "processes whose mounts could not be read" },
    { USERNS_GAP_MOUNT_NAMESPACES, "mount_namespaces", true,
      "mount namespaces without processes, whose mounts could not be read" },
    { USERNS_GAP_CHROOTED, "chrooted", true,
      "mount namespaces with only chrooted processes, which do not see all mounts" },
    { USERNS_GAP_UNOPENED_MOUNTS, "unopened_mounts", true,
      "mounted namespaces that could not be opened" },
    { USERNS_GAP_RELATIONS, "relations", true,
      "namespaces whose parent, owner or id could not be read" },
    { USERNS_GAP_NAMES, "names", true, "processes whose names could not be read" },
    { USERNS_GAP_PINS, "pins", true, "more pins than a scan records" },
    { USERNS_GAP_MAPS, "maps", true, "namespaces whose maps could not be read" },
    { USERNS_GAP_CREDENTIALS, "credentials", true,
      "processes whose credentials could not be read" },
    { USERNS_GAP_CGROUPS, "cgroups", true, "processes whose cgroups could not be read" },
};

const char *gap_name(size_t i, uint32_t *gap)
{
    if (i >= sizeof gaps / sizeof *gaps)
        return NULL;
    *gap = gaps[i].gap;
    return gaps[i].name;
}

/* In a container nobody can mend these two gaps, so they share a line. */
static void print_horizon(uint32_t gaps)
{
    const char *processes = "processes outside the PID namespace of this procfs";
    const char *namespaces = "namespaces above and beside your own";

    if ((gaps & USERNS_GAP_PIDNS) && (gaps & USERNS_GAP_NESTED))
        report(NULL, "not visible: %s; %s", namespaces, processes);
    else if (gaps & (USERNS_GAP_PIDNS | USERNS_GAP_NESTED))
        report(NULL, "not visible: %s", gaps & USERNS_GAP_PIDNS ? processes : namespaces);
}

void print_gaps(const struct userns_snapshot *snapshot)
{
    uint32_t unknown = userns_gaps(snapshot);

    print_horizon(userns_gaps(snapshot));
    for (size_t i = 0; i < sizeof gaps / sizeof *gaps; i++) {
        unknown &= ~gaps[i].gap;
        if ((userns_gaps(snapshot) & gaps[i].gap) == 0 || gaps[i].sentence == NULL)
            continue;
        fprintf(stderr, "userns_inspect: %s", gaps[i].sentence);
        if (gaps[i].is_counted)
            fprintf(stderr, ": %zu", userns_gap_count(snapshot, gaps[i].gap));
        fputc('\n', stderr);
    }
    if (unknown != 0) /* of a newer library than this program was compiled for */
        fprintf(stderr, "userns_inspect: other gaps: %#" PRIx32 "\n", unknown);
}
