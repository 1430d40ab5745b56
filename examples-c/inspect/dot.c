/*
 * --dot: the tree as a graph for dot(1) of Graphviz. Each user namespace is a box (a cluster) in
 * that of its parent, with a text in it. Invisible edges from text to text put children to the
 * right of what is said about their parent.
 */
#include "inspect.h"
#include <stdlib.h>
#include <string.h>

enum { EXAMPLES = 4 };

#define DIM_ROW "<font color=\"#57606a\">"

static const char head[] =
    "digraph userns {\n"
    "graph [rankdir=LR nodesep=0.12 ranksep=0.4 compound=true ordering=out]\n"
    "graph [fontname=\"Helvetica,sans-serif\"]\n"
    "node [shape=plaintext margin=0 fontname=\"Helvetica,sans-serif\" fontsize=11\n"
    "      fontcolor=\"#24292f\"]\n"
    "edge [style=dashed color=\"#9a6700\" fontcolor=\"#9a6700\" arrowsize=0.7\n"
    "      fontname=\"Helvetica,sans-serif\" fontsize=10]\n";

static void begin_row(const char *style)
{
    printf("<tr><td align=\"left\">%s", style);
}

static void end_row(const char *style)
{
    printf("%s</td></tr>\n", style);
}

static void put_owner(const struct view *view, const struct userns_node *node)
{
    const char *name;
    uid_t uid;

    if (!userns_owner_uid(node, &uid))
        printf("unknown");
    else if ((name = name_of_owner(view, uid)) != NULL)
        put_text(stdout, name, HTML);
    else
        printf("UID %lu", (unsigned long)uid);
}

static void put_title(const struct view *view, const struct userns_node *node)
{
    uint32_t flags = userns_flags(node);

    begin_row("<font point-size=\"13\"><b>");
    printf("%" PRIu64 "&#160;</b></font>owner ", userns_inode(node));
    put_owner(view, node);
    printf("%s%s%s", (flags & USERNS_NODE_INITIAL) ? " [initial]" : "",
           (flags & USERNS_NODE_PARENT_HIDDEN) ? " [parent hidden]" : "",
           (flags & USERNS_NODE_EMPTY) ? " [empty]" : "");
    end_row("");
}

/* "docker 9c1b… (3), cron.service (1), and 7 more", or the same with names of processes. */
static void put_groups(const struct member *members, size_t count, bool by_unit)
{
    for (size_t i = 0, end, groups = 0; i < count; i = end) {
        const struct unit *unit = &members[i].unit;

        if (++groups > EXAMPLES) {
            printf("and %zu more", count - i);
            return;
        }
        end = i + (by_unit ? end_of_unit : end_of_name)(members + i, count - i);
        if (by_unit && *unit->engine != '\0')
            printf("%s ", unit->engine);
        put_text(stdout, by_unit ? unit->name : members[i].name, HTML);
        if (end - i > 1)
            printf(" (%zu)", end - i);
        printf("%s", end < count ? ", " : "");
    }
}

/* "1 process: web", or the names in a row of their own. */
static void put_processes(const struct view *view, const struct userns_node *node)
{
    size_t count, threads, others;
    const pid_t *pids = userns_pids(node, &count);
    struct member *members = read_members(view, pids, count);

    threads = count_kernel_threads(members, count);
    others = count - threads;
    begin_row("");
    printf("%zu process%s%s", count, count == 1 ? "" : "es", count == 1 && others > 0 ? ": " : "");
    if (threads > 0)
        printf(", %zu of them kernel threads", threads);
    if (count > 1) {
        end_row("");
        begin_row(DIM_ROW);
    }
    put_groups(members + threads, others, count_units(members + threads, others) > 1);
    end_row(count > 1 ? "</font>" : "");
    free(members);
}

/* "uid 0–65535 → 100000–165535": the first of the extents, unless all ids are unchanged. */
static void put_map(const struct userns_node *node)
{
    size_t count;
    const struct userns_extent *extents = userns_uid_map(node, &count);
    char inside[40], outside[40];

    if (count == 0 || is_everything(extents, count))
        return;
    begin_row(DIM_ROW "uid ");
    printf("%s ", range(inside, extents->inside, extents->count));
    put_text(stdout, glyph(ARROW), HTML);
    printf(" %s", range(outside, extents->outside, extents->count));
    if (count > 1)
        printf(" and %zu more", count - 1);
    end_row("</font>");
}

/* Whether an owned namespace has a box of its own: it has no process, so that pins matter. */
static bool has_box(const struct view *view, const struct userns_nonuser *nonuser)
{
    return view->pins && userns_nonuser_member_count(nonuser) == 0;
}

/* "owns net, 2 mnt, uts": the namespaces without a box, which the library sorts by type. */
static void put_owned(const struct view *view, const struct userns_node *node)
{
    size_t count, number;
    const struct userns_nonuser *const *owned = userns_owned(node, &count);
    bool is_first = true;

    for (size_t i = 0, end; i < count; i = end) {
        int type = userns_nonuser_type(owned[i]);

        number = 0;
        for (end = i; end < count && userns_nonuser_type(owned[end]) == type; end++)
            number += !has_box(view, owned[end]);
        if (number == 0)
            continue;
        if (is_first)
            begin_row(DIM_ROW "owns ");
        printf("%s", is_first ? "" : ", ");
        if (number > 1)
            printf("%zu ", number);
        printf("%s", userns_nonuser_type_name(owned[i]));
        is_first = false;
    }
    if (!is_first)
        end_row("</font>");
}

static void put_box(const struct view *view, const struct branch *branch)
{
    const struct userns_node *node = branch->node;

    printf("n%" PRIu64
           " [label=<<table border=\"0\" cellborder=\"0\" cellspacing=\"0\" "
           "cellpadding=\"1\">\n",
           userns_inode(node));
    put_title(view, node);
    if (branch->matches) {
        if (!(userns_flags(node) & USERNS_NODE_EMPTY))
            put_processes(view, node);
        put_map(node);
        put_owned(view, node);
    }
    printf("</table>>]\n");
}

static void put_owned_boxes(const struct view *view, const struct userns_node *node)
{
    size_t count;
    const struct userns_nonuser *const *owned = userns_owned(node, &count);

    for (size_t i = 0; i < count; i++)
        if (has_box(view, owned[i]))
            printf("%s%" PRIu64 " [label=\"%s %" PRIu64
                   "\" shape=box margin=\"0.08,0.04\" height=0 "
                   "style=\"rounded,filled,dashed\" color=\"#8c959f\" fillcolor=\"#fff8c5\"]\n"
                   "n%" PRIu64 " -> %s%" PRIu64 " [style=invis]\n",
                   userns_nonuser_type_name(owned[i]), userns_nonuser_inode(owned[i]),
                   userns_nonuser_type_name(owned[i]), userns_nonuser_inode(owned[i]),
                   userns_inode(node), userns_nonuser_type_name(owned[i]),
                   userns_nonuser_inode(owned[i]));
}

static void put_branch(const struct view *view, const struct branch *branch, unsigned depth,
                       struct shown *shown)
{
    static const char *const colours[] = { "#ffffff", "#ddf4ff", "#b6e3ff", "#cfe9ff" };
    bool is_empty = (userns_flags(branch->node) & USERNS_NODE_EMPTY) != 0;
    const char *colour = depth == 0 ? colours[0] : colours[1 + (depth - 1) % 3];

    shown->inodes[shown->count++] = userns_inode(branch->node);
    printf("subgraph cluster_%" PRIu64 " {\n", userns_inode(branch->node));
    printf("graph [margin=8 color=\"#8c959f\" style=\"rounded,filled%s\" fillcolor=\"%s\"]\n",
           is_empty ? ",dashed" : "", is_empty ? "#fff8c5" : colour);
    put_box(view, branch);
    if (branch->matches)
        put_owned_boxes(view, branch->node);
    for (size_t i = 0; i < branch->child_count; i++)
        put_branch(view, &branch->children[i], depth + 1, shown);
    for (size_t i = 0; i < branch->child_count; i++)
        printf("n%" PRIu64 " -> n%" PRIu64 " [style=invis]\n", userns_inode(branch->node),
               userns_inode(branch->children[i].node));
    puts("}");
}

/* The pins of a namespace, and of those that it owns and that have a box. */
static void put_pins(const struct view *view, const struct branch *branch,
                     const struct shown *shown)
{
    size_t count, pin_count;
    const struct userns_pin *const *pins = userns_pins(branch->node, &pin_count);
    const struct userns_nonuser *const *owned = userns_owned(branch->node, &count);
    char box[32];

    if (branch->matches) {
        snprintf(box, sizeof box, "n%" PRIu64, userns_inode(branch->node));
        print_arrows(view, shown, box, branch->node, false, pins, pin_count);
    }
    for (size_t i = 0; i < count && branch->matches; i++) {
        if (!has_box(view, owned[i]))
            continue;
        pins = userns_nonuser_pins(owned[i], &pin_count);
        snprintf(box, sizeof box, "%s%" PRIu64, userns_nonuser_type_name(owned[i]),
                 userns_nonuser_inode(owned[i]));
        print_arrows(view, shown, box, branch->node, true, pins, pin_count);
    }
    for (size_t i = 0; i < branch->child_count; i++)
        put_pins(view, &branch->children[i], shown);
}

/* Puts several roots below each other. Graphviz takes very long for many separate graphs. */
static void put_roots(const struct branch *trunk)
{
    if (trunk->child_count > 1)
        puts("roots [style=invis shape=point]");
    for (size_t i = 0; i < trunk->child_count && trunk->child_count > 1; i++)
        printf("roots -> n%" PRIu64 " [style=invis]\n", userns_inode(trunk->children[i].node));
}

static int by_number(const void *a, const void *b)
{
    uint64_t one = *(const uint64_t *)a, other = *(const uint64_t *)b;

    return (one > other) - (one < other);
}

void print_graph(const struct view *view, const struct userns_node *const *nodes, size_t count)
{
    struct branch trunk = { .node = NULL };
    struct shown shown = { NULL, 0 };
    size_t all;

    userns_nodes(view->snapshot, &all);
    shown.inodes = allocate(all, sizeof *shown.inodes);
    grow_branches(view, &trunk, nodes, count);
    fputs(head, stdout);
    for (size_t i = 0; i < trunk.child_count; i++)
        put_branch(view, &trunk.children[i], 0, &shown);
    put_roots(&trunk);
    qsort(shown.inodes, shown.count, sizeof *shown.inodes, by_number);
    for (size_t i = 0; i < trunk.child_count && view->pins; i++)
        put_pins(view, &trunk.children[i], &shown);
    puts("}");
    cut_branches(&trunk);
    free(shown.inodes);
}
