/* A snapshot as text, for comparing one with another. */
#ifndef TEXT_H
#define TEXT_H

#include "kit.h"

static UNUSED void print_inodes(FILE *out, const char *what,
                                const struct userns_node *const *nodes, size_t count)
{
    fprintf(out, " %s", what);
    for (size_t i = 0; i < count; i++)
        fprintf(out, " %" PRIu64, userns_inode(nodes[i]));
}

static UNUSED void print_node(FILE *out, const struct userns_snapshot *snapshot,
                              const struct userns_node *node)
{
    size_t count;
    const struct userns_node *const *children = userns_children(node, &count);
    const pid_t *pids;

    fprintf(out, "%" PRIu64 " on %" PRIu64 " depth %" PRIu32 " flags %" PRIu32 " below %" PRIu64,
            userns_inode(node), userns_device(node), userns_depth(node), userns_flags(node),
            userns_inode(userns_parent(node)));
    print_inodes(out, "children", children, count);
    pids = userns_pids(node, &count);
    fprintf(out, " pids");
    for (size_t i = 0; i < count; i++) {
        CHECK(userns_find_pid(snapshot, pids[i]) == node);
        fprintf(out, " %d", (int)pids[i]);
    }
    CHECK(userns_find_inode(snapshot, userns_inode(node)) == node);
    fputc('\n', out);
}

/* The tree and its members, to be released with free(). */
static UNUSED char *shape_of(const struct userns_snapshot *snapshot)
{
    size_t count, length;
    const struct userns_node *const *nodes = userns_roots(snapshot, &count);
    char *text;
    FILE *out = open_memstream(&text, &length);

    CHECK(out != NULL);
    fprintf(out, "root %" PRIu64 " self %" PRIu64 " gaps %" PRIu32 " unreadable %zu",
            userns_inode(userns_root(snapshot)), userns_inode(userns_self(snapshot)),
            userns_gaps(snapshot), userns_gap_count(snapshot, USERNS_GAP_UNREADABLE));
    print_inodes(out, "roots", nodes, count);
    fputc('\n', out);
    nodes = userns_nodes(snapshot, &count);
    for (size_t i = 0; i < count; i++)
        print_node(out, snapshot, nodes[i]);
    CHECK(fclose(out) == 0);
    return text;
}

/* Ids and owners, to be released with free(). */
static UNUSED char *facts_of(const struct userns_snapshot *snapshot)
{
    size_t count, length;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    char *text;
    FILE *out = open_memstream(&text, &length);

    CHECK(out != NULL);
    for (size_t i = 0; i < count; i++) {
        uint64_t id = userns_id(nodes[i]);
        uid_t uid = 0;
        bool owned = userns_owner_uid(nodes[i], &uid);

        CHECK(userns_find_id(snapshot, id) == (id == 0 ? NULL : nodes[i]));
        fprintf(out, "id %" PRIu64 " owned %d by %u\n", id, owned, (unsigned)uid);
    }
    CHECK(fclose(out) == 0);
    return text;
}

static UNUSED bool same_text(char *one, char *other)
{
    bool same = strcmp(one, other) == 0;

    if (!same)
        fprintf(stderr, "%s---- differs from ----\n%s", one, other);
    free(one);
    free(other);
    return same;
}

static UNUSED void print_pins(FILE *out, const struct userns_pin *const *pins, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "  kind %" PRIu32 " pid %d tid %d descriptor %d path %s namespace %" PRIu64 "\n",
                userns_pin_kind(pins[i]), (int)userns_pin_pid(pins[i]), (int)userns_pin_tid(pins[i]),
                userns_pin_descriptor(pins[i]),
                userns_pin_path(pins[i]) == NULL ? "" : userns_pin_path(pins[i]),
                userns_nonuser_inode(userns_pin_nonuser(pins[i])));
}

static UNUSED void print_namespaces(FILE *out, const struct userns_nonuser *const *namespaces,
                                    size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t pin_count;
        const struct userns_pin *const *pins = userns_nonuser_pins(namespaces[i], &pin_count);

        fprintf(out, " type %d inode %" PRIu64 " id %" PRIu64 " members %zu\n",
                userns_nonuser_type(namespaces[i]), userns_nonuser_inode(namespaces[i]),
                userns_nonuser_id(namespaces[i]), userns_nonuser_member_count(namespaces[i]));
        print_pins(out, pins, pin_count);
    }
}

/* Names, pins and namespaces of other types, to be released with free(). */
static UNUSED char *pins_of(const struct userns_snapshot *snapshot)
{
    size_t count, length, each;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const struct userns_pin *const *pins;
    const struct userns_nonuser *const *namespaces;
    char *text;
    FILE *out = open_memstream(&text, &length);

    CHECK(out != NULL);
    fprintf(out, "unreadable descriptors %zu mounts %zu unopened mounts %zu\n",
            userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS), userns_gap_count(snapshot, USERNS_GAP_MOUNTS),
            userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS));
    for (size_t i = 0; i < count; i++) {
        const char *const *names = userns_names(nodes[i], &each);

        fprintf(out, "node %" PRIu64 ":", userns_inode(nodes[i]));
        for (size_t j = 0; j < each; j++)
            fprintf(out, " %s", names[j]);
        fprintf(out, "\n");
        pins = userns_pins(nodes[i], &each);
        print_pins(out, pins, each);
    }
    namespaces = userns_nonusers(snapshot, &count);
    print_namespaces(out, namespaces, count);
    CHECK(fclose(out) == 0);
    return text;
}

static UNUSED bool same_snapshot(const struct userns_snapshot *one,
                                 const struct userns_snapshot *other)
{
    return same_text(shape_of(one), shape_of(other)) && same_text(facts_of(one), facts_of(other));
}

#endif
