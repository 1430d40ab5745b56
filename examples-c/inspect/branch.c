/* Branches of the tree: which nodes are shown, and in which order. */
#include "inspect.h"
#include <stdlib.h>

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
    grow_branches(view, branch, children, child_count);
    return branch->matches || branch->child_count > 0;
}

void sort_branches(const struct view *view, struct branch *branches, size_t count)
{
    static int (*const orders[])(const void *, const void *) = { by_pid, by_inode, by_processes,
                                                                 by_owner };

    qsort(branches, count, sizeof *branches, orders[view->order]);
}

void grow_branches(const struct view *view, struct branch *branch,
                   const struct userns_node *const *children, size_t count)
{
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
    sort_branches(view, branch->children, branch->child_count);
}

void cut_branches(struct branch *branch)
{
    for (size_t i = 0; i < branch->child_count; i++)
        cut_branches(&branch->children[i]);
    free(branch->children);
}
