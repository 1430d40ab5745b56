/* The trees of nodes, and their totals. */
#include "inspect.h"

struct totals {
    size_t nodes, empty, processes, nonusers;
};

static void print_branch(const struct view *view, const struct branch *branch,
                         struct totals *totals)
{
    size_t processes, nonusers;

    begin_heading(branch->child_count > 0);
    put_heading(view, branch->node);
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

    grow_branches(view, &trunk, nodes, count);
    for (size_t i = 0; i < trunk.child_count; i++)
        print_branch(view, &trunk.children[i], &totals);
    print_totals(&totals);
    cut_branches(&trunk);
}
