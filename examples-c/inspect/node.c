/* A node of the tree: its heading, members, pins and the namespaces that it owns. */
#include "inspect.h"
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct member {
    const char *name;
    pid_t pid;
};

static int by_name(const void *a, const void *b)
{
    const struct member *one = a, *other = b;
    int order = strcmp(one->name, other->name);

    return order != 0 ? order : (one->pid > other->pid) - (one->pid < other->pid);
}

/* "bash 12 45 99, sleep 7": short even for thousands of processes. */
static void put_members(const struct view *view, const struct member *members, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && strcmp(members[end].name, members[i].name) == 0;)
            end++;
        const char *comma = end < count ? "," : "";
        if (!view->pids) {
            put_named(members[i].name, " (%zu)%s", end - i, comma);
            continue;
        }
        put_named(members[i].name, " %ld%s", (long)members[i].pid, end - i == 1 ? comma : "");
        for (size_t j = i + 1; j < end; j++)
            put("%ld%s", (long)members[j].pid, j + 1 == end ? comma : "");
    }
}

static void print_members(const struct view *view, const struct userns_node *node)
{
    size_t count;
    const pid_t *pids = userns_pids(node, &count);
    struct member *members = calloc(count + 1, sizeof *members);

    if (members == NULL) {
        perror("userns_inspect");
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < count; i++) {
        members[i].name = name_of(view, pids[i]);
        members[i].pid = pids[i];
    }
    qsort(members, count, sizeof *members, by_name);
    if (count > 0) {
        begin_line("members", LABEL, HANGING);
        put("%zu:", count);
        put_members(view, members, count);
        end_line();
    }
    free(members);
}

static void print_owned(const struct view *view, const struct userns_node *node)
{
    size_t count;
    const struct userns_nonuser *const *owned = userns_owned(node, &count);

    for (size_t i = 0; i < count; i++) {
        size_t processes = userns_nonuser_member_count(owned[i]), pin_count, members = 0;
        const struct userns_pin *const *pins = userns_nonuser_pins(owned[i], &pin_count);

        while (members < pin_count && userns_pin_kind(pins[members]) == USERNS_PIN_MEMBER)
            members++; /* members are the first kind */
        begin_line(i == 0 ? "owns" : "", LABEL, 2 * HANGING);
        put("%-6s %10" PRIu64 " %6zu process%s%s", userns_nonuser_type_name(owned[i]),
            userns_nonuser_inode(owned[i]), processes, processes == 1 ? "" : "es",
            view->pins && members > 0 ? ":" : "");
        if (view->pins)
            put_holders(view, pins, members);
        end_line();
        if (view->pins)
            print_pins(view, "", LABEL + HANGING, pins + members, pin_count - members);
    }
}

static void print_heading(const struct userns_node *node)
{
    static const struct {
        uint32_t flag;
        const char *notice;
    } flags[] = {
        { USERNS_NODE_INITIAL, "[initial]" },
        { USERNS_NODE_PARENT_HIDDEN, "[parent hidden]" },
        { USERNS_NODE_EMPTY, "[empty]" },
        { USERNS_NODE_ONLY_PINNED, "[known only through a pin]" },
    };
    const struct passwd *user;
    uid_t uid;

    begin_line("", 0, HANGING);
    set_style(BOLD);
    put("%" PRIu64, userns_inode(node));
    set_style(NORMAL);
    if (!userns_owner_uid(node, &uid))
        put("owner unknown");
    else if ((user = getpwuid(uid)) != NULL)
        put_named(user->pw_name, " (UID %lu)", (unsigned long)uid);
    else
        put("UID %lu", (unsigned long)uid);
    if (userns_id(node) != 0)
        put("id %" PRIu64, userns_id(node));
    set_style(YELLOW);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (userns_flags(node) & flags[i].flag)
            put("%s", flags[i].notice);
    set_style(NORMAL);
    end_line();
}

/* Prints everything but the heading, then the descendants. */
static void print_below_heading(const struct view *view, const struct userns_node *node)
{
    size_t count, pin_count;
    const struct userns_node *const *children = userns_children(node, &count);
    const struct userns_pin *const *pins = userns_pins(node, &pin_count);

    push_rail(count > 0 ? BESIDE_RAIL : NO_RAIL);
    print_members(view, node);
    if (view->pins)
        print_pins(view, "held by", LABEL, pins, pin_count);
    print_owned(view, node);
    pop_rail();

    for (size_t i = 0; i < count; i++) {
        bool is_last = i + 1 == count;
        push_rail(is_last ? LAST_CHILD_RAIL : CHILD_RAIL);
        print_heading(children[i]);
        replace_rail(is_last ? NO_RAIL : BESIDE_RAIL);
        print_below_heading(view, children[i]);
        pop_rail();
    }
}

void print_tree(const struct view *view, const struct userns_node *node)
{
    print_heading(node);
    print_below_heading(view, node);
}
