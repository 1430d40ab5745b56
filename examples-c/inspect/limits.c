/* --limits: how many user namespaces the kernel charges to each user, and how many it permits. */
#include "inspect.h"

static void put_user(const struct view *view, uid_t uid)
{
    const char *name = name_of_id(view, UID, uid);

    if (uid == (uid_t)-1)
        put("users whose UID is unknown");
    else if (name != NULL)
        put_named(name, " (UID %lu)", (unsigned long)uid);
    else
        put("UID %lu", (unsigned long)uid);
}

/*
 * A count can be a lower bound: the kernel also charges namespaces that only it knows, for example
 * through the credentials of an open file. With BPF most are the kernel's own numbers, but the
 * library does not tell which, see userns_charges().
 */
static void print_charge(const struct view *view, const struct userns_node *node,
                         const struct userns_charge *charge, const char *label)
{
    uint64_t limit;

    begin_line(label, LABEL, HANGING);
    put_user(view, charge->uid);
    put("at least %" PRIu32, charge->count);
    if (charge->uid != (uid_t)-1 && userns_limit(node, &limit)) {
        set_style(charge->count >= limit ? YELLOW : NORMAL);
        put("of %" PRIu64, limit);
        set_style(NORMAL);
    }
    end_line();
}

static bool is_wanted(const struct view *view, const struct userns_charge *charge)
{
    return !view->owned || charge->uid == view->owner;
}

/* Returns the number of lines below the heading. */
static size_t print_charges(const struct view *view, const struct userns_node *node)
{
    size_t count, shown = 0;
    const struct userns_charge *charges = userns_charges(node, &count);

    for (size_t i = 0; i < count; i++) {
        if (!is_wanted(view, &charges[i]))
            continue;
        if (shown == 0) {
            begin_heading(false);
            put_heading(view, node);
            end_line();
        }
        print_charge(view, node, &charges[i], shown == 0 ? "charged" : "");
        shown++;
    }
    if (shown > 0)
        pop_rail();
    return shown;
}

void print_limits(const struct view *view, const struct userns_node *top)
{
    size_t count, shown = 0;
    const struct userns_node *const *nodes = userns_nodes(view->snapshot, &count);

    for (size_t i = 0; i < count; i++)
        if (top == NULL || nodes[i] == top || userns_is_ancestor(top, nodes[i]))
            shown += print_charges(view, nodes[i]);
    if (shown == 0) {
        begin_line("", 0, HANGING);
        put_words("nobody is charged for a user namespace that is visible");
        end_line();
    }
}
