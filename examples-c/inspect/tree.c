/* The trees of nodes: which of them are shown, in which order, and their totals. */
#include "inspect.h"
#include <stdlib.h>

/* A node with its descendants, as far as they are shown. */
struct branch {
    const struct userns_node *node;
    struct branch *children;
    size_t child_count;
    bool matches;     /* if not, it is shown because a descendant matches */
    pid_t first;      /* the smallest PID in the subtree, or 0 */
    size_t processes; /* in the subtree */
};

struct totals {
    size_t nodes, empty, processes, nonusers;
};

static int compare(uint64_t one, uint64_t other)
{
    return (one > other) - (one < other);
}

static int by_inode(const void *a, const void *b)
{
    const struct branch *one = a, *other = b;

    return compare(userns_inode(one->node), userns_inode(other->node));
}

/* Those without a process are last, since the difference of 0 is the largest number. */
static int by_pid(const void *a, const void *b)
{
    const struct branch *one = a, *other = b;
    int order = compare((uint64_t)one->first - 1, (uint64_t)other->first - 1);

    return order != 0 ? order : by_inode(a, b);
}

static int by_processes(const void *a, const void *b)
{
    const struct branch *one = a, *other = b;
    int order = compare(other->processes, one->processes);

    return order != 0 ? order : by_pid(a, b);
}

/* An unknown owner is last. */
static int by_owner(const void *a, const void *b)
{
    const struct branch *one = a, *other = b;
    uid_t one_uid = (uid_t)-1, other_uid = (uid_t)-1;
    int order;

    userns_owner_uid(one->node, &one_uid);
    userns_owner_uid(other->node, &other_uid);
    order = compare(one_uid, other_uid);
    return order != 0 ? order : by_pid(a, b);
}

static bool matches(const struct view *view, const struct userns_node *node)
{
    uid_t owner;

    if (view->empty && !(userns_flags(node) & USERNS_NODE_EMPTY))
        return false;
    return !view->owned || (userns_owner_uid(node, &owner) && owner == view->owner);
}

static void grow(const struct view *view, struct branch *branch,
                 const struct userns_node *const *children, size_t count);

/* Returns false if nothing of it is shown. */
static bool grow_node(const struct view *view, struct branch *branch,
                      const struct userns_node *node)
{
    size_t count, child_count;
    const pid_t *pids = userns_pids(node, &count);
    const struct userns_node *const *children = userns_children(node, &child_count);

    branch->node = node;
    branch->matches = matches(view, node);
    branch->first = count > 0 ? pids[0] : 0;
    branch->processes = count;
    grow(view, branch, children, child_count);
    return branch->matches || branch->child_count > 0;
}

static void grow(const struct view *view, struct branch *branch,
                 const struct userns_node *const *children, size_t count)
{
    static int (*const orders[])(const void *, const void *) = { by_pid, by_inode, by_processes,
                                                                 by_owner };

    branch->children = allocate(count, sizeof *branch->children);
    branch->child_count = 0;
    for (size_t i = 0; i < count; i++) {
        struct branch *child = &branch->children[branch->child_count];
        bool is_shown = grow_node(view, child, children[i]);
        if (child->first != 0 && (branch->first == 0 || child->first < branch->first))
            branch->first = child->first;
        branch->processes += child->processes;
        if (is_shown)
            branch->child_count++;
        else
            free(child->children);
    }
    qsort(branch->children, branch->child_count, sizeof *branch->children, orders[view->order]);
}

static void print_branch(const struct view *view, const struct branch *branch,
                         struct totals *totals)
{
    size_t processes, nonusers;

    begin_heading(branch->child_count > 0);
    put_heading(branch->node);
    end_line();
    if (branch->matches) {
        print_node(view, branch->node);
        userns_pids(branch->node, &processes);
        userns_owned(branch->node, &nonusers);
        totals->nodes++;
        totals->empty += (userns_flags(branch->node) & USERNS_NODE_EMPTY) != 0;
        totals->processes += processes;
        totals->nonusers += nonusers;
    }
    pop_rail();
    for (size_t i = 0; i < branch->child_count; i++) {
        push_rail(i + 1 == branch->child_count ? LAST_CHILD_RAIL : CHILD_RAIL);
        print_branch(view, &branch->children[i], totals);
        pop_rail();
    }
}

static void cut(struct branch *branch)
{
    for (size_t i = 0; i < branch->child_count; i++)
        cut(&branch->children[i]);
    free(branch->children);
}

static void print_totals(const struct totals *totals)
{
    begin_line("total", LABEL, HANGING);
    put("%zu user namespace%s", totals->nodes, totals->nodes == 1 ? "" : "s");
    put("(%zu empty),", totals->empty);
    put("%zu process%s,", totals->processes, totals->processes == 1 ? "" : "es");
    put("%zu owned namespace%s", totals->nonusers, totals->nonusers == 1 ? "" : "s");
    end_line();
}

void print_trees(const struct view *view, const struct userns_node *const *nodes, size_t count)
{
    struct branch trunk = { .node = NULL };
    struct totals totals = { 0, 0, 0, 0 };

    grow(view, &trunk, nodes, count);
    for (size_t i = 0; i < trunk.child_count; i++)
        print_branch(view, &trunk.children[i], &totals);
    print_totals(&totals);
    cut(&trunk);
}
