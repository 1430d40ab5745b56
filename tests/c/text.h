/* A snapshot as text, to compare it with another one. */
#ifndef TEXT_H
#define TEXT_H

#include "kit.h"

static UNUSED void print_inodes(FILE *out, const char *what, const struct userns_node *const *nodes,
                                size_t count)
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

static UNUSED void print_process(FILE *out, const struct userns_snapshot *snapshot, pid_t pid)
{
    uid_t uid = 0;
    uint64_t capabilities = 0;
    size_t count;
    const pid_t *pids = userns_process_pids(snapshot, pid, &count);
    const char *cgroup = userns_process_cgroup(snapshot, pid);
    bool known = userns_process_uid(snapshot, pid, &uid);

    userns_process_capabilities(snapshot, pid, &capabilities);
    fprintf(out, " process %d known %d uid %u capabilities %" PRIx64 " cgroup %s pids", (int)pid,
            known, (unsigned)uid, capabilities, cgroup != NULL ? cgroup : "(unknown)");
    for (size_t i = 0; i < count; i++)
        fprintf(out, " %d", (int)pids[i]);
    fputc('\n', out);
}

static UNUSED void print_map(FILE *out, const struct userns_extent *extents, size_t count)
{
    fprintf(out, " map");
    for (size_t i = 0; i < count; i++)
        fprintf(out, " %u %u %u,", extents[i].inside, extents[i].outside, extents[i].count);
    fputc('\n', out);
}

static UNUSED void print_maps(FILE *out, const struct userns_node *node)
{
    size_t count;
    const struct userns_extent *extents = userns_uid_map(node, &count);

    fprintf(out, " flags %x\n", (unsigned)userns_flags(node));
    print_map(out, extents, count);
    extents = userns_gid_map(node, &count);
    print_map(out, extents, count);
    extents = userns_projid_map(node, &count);
    print_map(out, extents, count);
}

/* Ids, owners, maps, credentials and cgroups, to be released with free(). */
static UNUSED char *facts_of(const struct userns_snapshot *snapshot)
{
    size_t count, length, processes;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const pid_t *pids;
    char *text;
    FILE *out = open_memstream(&text, &length);

    CHECK(out != NULL);
    for (size_t i = 0; i < count; i++) {
        uint64_t id = userns_id(nodes[i]);
        uid_t uid = 0;
        bool owned = userns_owner_uid(nodes[i], &uid);

        CHECK(userns_find_id(snapshot, id) == (id == 0 ? NULL : nodes[i]));
        fprintf(out, "id %" PRIu64 " owned %d by %u\n", id, owned, (unsigned)uid);
        print_maps(out, nodes[i]);
        pids = userns_pids(nodes[i], &processes);
        for (size_t j = 0; j < processes; j++)
            print_process(out, snapshot, pids[j]);
    }
    CHECK(fclose(out) == 0);
    return text;
}

/* If not, prints both, and the first line that differs. */
static UNUSED bool same_text(char *one, char *other)
{
    bool same = strcmp(one, other) == 0;
    size_t line = 0;

    for (size_t i = 0; !same && one[i] == other[i]; i++)
        line = one[i] == '\n' ? i + 1 : line;
    if (!same)
        fprintf(stderr, "%s---- differs from ----\n%s---- first in ----\n%.*s\n%.*s\n", one, other,
                (int)strcspn(one + line, "\n"), one + line, (int)strcspn(other + line, "\n"),
                other + line);
    free(one);
    free(other);
    return same;
}

static UNUSED void print_pins(FILE *out, const struct userns_pin *const *pins, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out,
                "  kind %d pid %d tid %d descriptor %d path %s overmounted %d locked %d"
                " namespace %" PRIu64 "\n",
                (int)userns_pin_kind(pins[i]), (int)userns_pin_pid(pins[i]),
                (int)userns_pin_tid(pins[i]), userns_pin_descriptor(pins[i]),
                userns_pin_path(pins[i]) == NULL ? "" : userns_pin_path(pins[i]),
                userns_pin_is_overmounted(pins[i]), userns_pin_may_be_locked(pins[i]),
                userns_nonuser_inode(userns_pin_nonuser(pins[i])));
}

static UNUSED void print_nonusers(FILE *out, const struct userns_nonuser *const *all, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t pin_count;
        const struct userns_pin *const *pins = userns_nonuser_pins(all[i], &pin_count);

        fprintf(out, " type %d inode %" PRIu64 " id %" PRIu64 " parent %" PRIu64 " members %zu\n",
                userns_nonuser_type(all[i]), userns_nonuser_inode(all[i]),
                userns_nonuser_id(all[i]), userns_nonuser_inode(userns_nonuser_parent(all[i])),
                userns_nonuser_member_count(all[i]));
        print_pins(out, pins, pin_count);
    }
}

/* Gap counts, names, pins and nonuser namespaces, to be released with free(). */
static UNUSED char *pins_of(const struct userns_snapshot *snapshot)
{
    size_t count, length, each;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const struct userns_pin *const *pins;
    const struct userns_nonuser *const *all;
    char *text;
    FILE *out = open_memstream(&text, &length);

    CHECK(out != NULL);
    fprintf(out, "gap counts");
    for (uint32_t gap = 1; gap <= USERNS_GAP_PINS; gap <<= 1)
        fprintf(out, " %zu", userns_gap_count(snapshot, gap));
    fputc('\n', out);
    for (size_t i = 0; i < count; i++) {
        const pid_t *pids = userns_pids(nodes[i], &each);

        fprintf(out, "node %" PRIu64 ":", userns_inode(nodes[i]));
        for (size_t j = 0; j < each; j++) {
            const char *name = userns_process_name(snapshot, pids[j]);

            fprintf(out, " %s", name != NULL ? name : "(not read)");
        }
        fprintf(out, "\n");
        pins = userns_pins(nodes[i], &each);
        print_pins(out, pins, each);
    }
    all = userns_nonusers(snapshot, &count);
    print_nonusers(out, all, count);
    CHECK(fclose(out) == 0);
    return text;
}

static UNUSED bool same_snapshot(const struct userns_snapshot *one,
                                 const struct userns_snapshot *other)
{
    return same_text(shape_of(one), shape_of(other)) && same_text(facts_of(one), facts_of(other));
}

#endif
