/* Id maps: writing them, and comparing those of a snapshot with the kernel's own. */
#ifndef IDMAPS_H
#define IDMAPS_H

#include "kit.h"

enum { MOST_EXTENTS = 340 };

/* A map as the test knows it. */
struct id_map {
    size_t count;
    struct userns_extent extents[MOST_EXTENTS];
};

static UNUSED bool has_maps(const struct userns_node *node)
{
    return userns_flags(node) & USERNS_NODE_MAPS;
}

/* A file of a process, such as uid_map. */
static UNUSED FILE *open_process_file(pid_t pid, const char *file, const char *mode)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, file);
    return fopen(path, mode);
}

/* Writes a map in one call, as the kernel demands; false if it refuses. */
static UNUSED bool write_map(pid_t pid, const char *file, const struct id_map *map)
{
    static char text[16 * 1024];
    size_t length = 0;
    FILE *opened = open_process_file(pid, file, "we");
    bool written;

    CHECK(opened != NULL);
    for (size_t i = 0; i < map->count; i++)
        length += (size_t)snprintf(text + length, sizeof text - length, "%u %u %u\n",
                                   map->extents[i].inside, map->extents[i].outside,
                                   map->extents[i].count);
    written = write(fileno(opened), text, length) == (ssize_t)length;
    fclose(opened);
    return written;
}

/*
 * Reads a map of a process, in the numbers of this process. That must not be in the same user
 * namespace: the file would show numbers of the parent.
 */
static UNUSED void read_map(pid_t pid, const char *file, struct id_map *map)
{
    FILE *opened = open_process_file(pid, file, "re");
    struct userns_extent *next = map->extents;

    CHECK(opened != NULL && inode_of(pid) != inode_of(getpid()));
    while (fscanf(opened, "%u %u %u", &next->inside, &next->outside, &next->count) == 3)
        next++;
    map->count = (size_t)(next - map->extents);
    fclose(opened);
}

static UNUSED bool is_map(const struct id_map *expected, const struct userns_extent *extents,
                          size_t count)
{
    if (count != expected->count || (extents == NULL) != (count == 0))
        return false;
    for (size_t i = 0; i < count; i++)
        if (extents[i].inside != expected->extents[i].inside ||
            extents[i].outside != expected->extents[i].outside ||
            extents[i].count != expected->extents[i].count)
            return false;
    return true;
}

/* All that a snapshot can say about maps. */
struct all_maps {
    struct id_map uid, gid, projid;
    bool denies_setgroups;
};

/* Whether setgroups(2) is denied in the namespace of a process. New namespaces below inherit it. */
static UNUSED bool denies_setgroups(pid_t pid)
{
    char rule[8] = "";
    FILE *opened = open_process_file(pid, "setgroups", "re");

    CHECK(opened != NULL && fscanf(opened, "%7s", rule) == 1);
    fclose(opened);
    return strcmp(rule, "deny") == 0;
}

static UNUSED void read_maps(pid_t pid, struct all_maps *maps)
{
    maps->denies_setgroups = denies_setgroups(pid);
    read_map(pid, "uid_map", &maps->uid);
    read_map(pid, "gid_map", &maps->gid);
    read_map(pid, "projid_map", &maps->projid);
}

/* The maps of a node are these. */
static UNUSED void check_maps(const struct userns_node *node, const struct all_maps *expected)
{
    const struct userns_extent *extents;
    size_t count;

    CHECK(node != NULL && has_maps(node));
    extents = userns_uid_map(node, &count);
    CHECK(is_map(&expected->uid, extents, count));
    extents = userns_gid_map(node, &count);
    CHECK(is_map(&expected->gid, extents, count));
    extents = userns_projid_map(node, &count);
    CHECK(is_map(&expected->projid, extents, count));
    CHECK_EQ(!!(userns_flags(node) & USERNS_NODE_SETGROUPS_DENIED), expected->denies_setgroups);
}

/* The maps of a node are not known. */
static UNUSED void check_no_maps(const struct userns_node *node)
{
    size_t count = 7;
    uid_t uid = 5;

    CHECK(node != NULL && !has_maps(node));
    CHECK(!(userns_flags(node) & USERNS_NODE_SETGROUPS_DENIED));
    CHECK(userns_uid_map(node, &count) == NULL && count == 0);
    CHECK(userns_gid_map(node, NULL) == NULL && userns_projid_map(node, NULL) == NULL);
    CHECK_EQ(userns_translate_uid(node, 0, node, &uid), -ENODATA);
    CHECK_EQ(userns_translate_uid(node, (uid_t)-1, node, &uid), -ENOENT);
    CHECK_EQ(uid, 5);
}

/* For start(): makes a user namespace without maps. */
static UNUSED void go_down_unmapped(void *unused UNUSED)
{
    if (unshare(CLONE_NEWUSER) != 0)
        skip("cannot make a user namespace: %s", strerror(errno));
}

#endif
