/*
 * A snapshot as text with a line for each fact, sorted, so that a program can tell which facts
 * another snapshot lacks.
 */
#ifndef LINES_H
#define LINES_H

#include "kit.h"
#include <userns.h>

static int compare_lines(const void *one, const void *other)
{
    return strcmp(*(char *const *)one, *(char *const *)other);
}

static UNUSED void sort_lines(char *text)
{
    char *lines[4096], *copy = strdup(text);
    size_t count = 0;

    for (char *line = strtok(copy, "\n"); line != NULL; line = strtok(NULL, "\n")) {
        CHECK(count < 4096);
        lines[count++] = line;
    }
    qsort(lines, count, sizeof *lines, compare_lines);
    for (size_t i = 0; i < count; i++)
        text += sprintf(text, "%s\n", lines[i]);
    free(copy);
}

/* Not the pins of this process, and not which process shows a mount. */
static void print_pins_of(FILE *out, uint64_t inode, const struct userns_pin *const *pins,
                          size_t count)
{
    for (size_t i = 0; i < count; i++) {
        const char *path = userns_pin_path(pins[i]);

        if (userns_pin_pid(pins[i]) == getpid() && path == NULL)
            continue;
        fprintf(out, "pin %" PRIu64 " %d", inode, (int)userns_pin_kind(pins[i]));
        if (path != NULL)
            fprintf(out, " %s\n", path);
        else
            fprintf(out, " %d %d %d %" PRIu64 "\n", (int)userns_pin_pid(pins[i]),
                    (int)userns_pin_tid(pins[i]), userns_pin_descriptor(pins[i]),
                    userns_nonuser_inode(userns_pin_nonuser(pins[i])));
    }
}

/*
 * A scan under which mounts change elsewhere looks up the procfs in a helper, before it lists
 * processes. If wait4(2) failed, that helper is a zombie, and so it is listed.
 */
static bool is_helper(pid_t pid)
{
    siginfo_t info;

    return waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
}

enum { CAP_SYS_ADMIN = 21 };

/* What is known of a process; and the verdicts about it. */
static void print_process(FILE *out, const struct userns_snapshot *snapshot, pid_t pid)
{
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const char *name = userns_process_name(snapshot, pid);
    const char *cgroup = userns_process_cgroup(snapshot, pid);
    const pid_t *pids;
    uint64_t capabilities;
    uid_t uid;

    if (name != NULL && *name != '\0')
        fprintf(out, "name %d %s\n", (int)pid, name);
    if (cgroup != NULL)
        fprintf(out, "cgroup %d %s\n", (int)pid, cgroup);
    if (userns_process_uid(snapshot, pid, &uid))
        fprintf(out, "uid %d %u\n", (int)pid, (unsigned)uid);
    if (userns_process_capabilities(snapshot, pid, &capabilities))
        fprintf(out, "capabilities %d %" PRIx64 "\n", (int)pid, capabilities);
    for (size_t i = 0; i < count; i++) {
        int verdict = userns_capable(snapshot, pid, CAP_SYS_ADMIN, nodes[i], NULL);

        if (verdict >= 0)
            fprintf(out, "verdict %d %" PRIu64 " %d\n", (int)pid, userns_inode(nodes[i]), verdict);
    }
    pids = userns_process_pids(snapshot, pid, &count);
    for (size_t i = 0; i < count; i++)
        fprintf(out, "PID %d %zu of %zu is %d\n", (int)pid, i, count, (int)pids[i]);
}

static void print_map(FILE *out, const char *name, const struct userns_node *node,
                      const struct userns_extent *extents, size_t count)
{
    for (size_t i = 0; i < count; i++)
        fprintf(out, "%s %" PRIu64 " %u %u %u\n", name, userns_inode(node), extents[i].inside,
                extents[i].outside, extents[i].count);
}

static void print_maps(FILE *out, const struct userns_node *node)
{
    size_t count;
    const struct userns_extent *extents = userns_uid_map(node, &count);

    print_map(out, "UIDs", node, extents, count);
    extents = userns_gid_map(node, &count);
    print_map(out, "GIDs", node, extents, count);
    extents = userns_projid_map(node, &count);
    print_map(out, "projids", node, extents, count);
    if (userns_flags(node) & USERNS_NODE_MAPS)
        fprintf(out, "maps %" PRIu64 " %d\n", userns_inode(node),
                !!(userns_flags(node) & USERNS_NODE_SETGROUPS_DENIED));
}

static void print_node(FILE *out, const struct userns_snapshot *snapshot,
                       const struct userns_node *node)
{
    uint64_t inode = userns_inode(node);
    size_t count;
    const pid_t *pids = userns_pids(node, &count);
    const struct userns_pin *const *pins;
    uid_t owner;

    fprintf(out, "user %" PRIu64 "\n", inode);
    if (userns_parent(node) != NULL)
        fprintf(out, "parent %" PRIu64 " %" PRIu64 "\n", inode, userns_inode(userns_parent(node)));
    if (userns_owner_uid(node, &owner))
        fprintf(out, "owner %" PRIu64 " %u\n", inode, (unsigned)owner);
    if (userns_id(node) != 0)
        fprintf(out, "id %" PRIu64 " %" PRIu64 "\n", inode, userns_id(node));
    for (size_t i = 0; i < count; i++) {
        if (pids[i] == getpid() || is_helper(pids[i]))
            continue;
        fprintf(out, "member %" PRIu64 " %d\n", inode, (int)pids[i]);
        print_process(out, snapshot, pids[i]);
    }
    pins = userns_pins(node, &count);
    print_pins_of(out, inode, pins, count);
    print_maps(out, node);
}

static void print_nonuser(FILE *out, const struct userns_nonuser *nonuser)
{
    uint64_t inode = userns_nonuser_inode(nonuser);
    size_t count;
    const struct userns_pin *const *pins = userns_nonuser_pins(nonuser, &count);

    fprintf(out, "%s %" PRIu64 "\n", userns_nonuser_type_name(nonuser), inode);
    if (userns_nonuser_owner(nonuser) != NULL)
        fprintf(out, "owned %" PRIu64 " %" PRIu64 "\n", inode,
                userns_inode(userns_nonuser_owner(nonuser)));
    if (userns_nonuser_parent(nonuser) != NULL)
        fprintf(out, "parent %" PRIu64 " %" PRIu64 "\n", inode,
                userns_nonuser_inode(userns_nonuser_parent(nonuser)));
    if (userns_nonuser_id(nonuser) != 0)
        fprintf(out, "id %" PRIu64 " %" PRIu64 "\n", inode, userns_nonuser_id(nonuser));
    print_pins_of(out, inode, pins, count);
}

/* Not the facts about this process. */
static UNUSED void print_facts(FILE *out, const struct userns_snapshot *snapshot)
{
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const struct userns_nonuser *const *nonusers;

    if (userns_self(snapshot) != NULL)
        fprintf(out, "self %" PRIu64 "\n", userns_inode(userns_self(snapshot)));
    for (size_t i = 0; i < count; i++)
        print_node(out, snapshot, nodes[i]);
    nonusers = userns_nonusers(snapshot, &count);
    for (size_t i = 0; i < count; i++)
        print_nonuser(out, nonusers[i]);
}

/* Whether each line of one sorted text is in another one. Prints the first one that is not. */
static UNUSED bool is_subset(const char *text, const char *of, const char *what)
{
    while (*text != '\0') {
        size_t length = strcspn(text, "\n") + 1, other;
        int order = 1;

        while (*of != '\0' && order > 0) {
            other = strcspn(of, "\n") + 1;
            order = strncmp(text, of, length > other ? length : other);
            if (order >= 0)
                of += other;
        }
        if (order != 0) {
            if (what != NULL)
                printf("    %s: %.*s\n", what, (int)length - 1, text);
            return false;
        }
        text += length;
    }
    return true;
}

#endif
