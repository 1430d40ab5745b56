/* One namespace: its heading, its members, its pins, and what it owns or which node owns it. */
#include "inspect.h"

void put_heading(const struct view *view, const struct userns_node *node)
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
    const char *user;
    uid_t uid;

    set_style(BOLD);
    put("%" PRIu64, userns_inode(node));
    set_style(NORMAL);
    if (!userns_owner_uid(node, &uid))
        put("owner unknown");
    else if ((user = name_of_owner(view, uid)) != NULL)
        put_named(user, " (UID %lu)", (unsigned long)uid);
    else
        put("UID %lu", (unsigned long)uid);
    if (userns_id(node) != 0)
        put("id %" PRIu64, userns_id(node));
    set_style(YELLOW);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (userns_flags(node) & flags[i].flag)
            put("%s", flags[i].notice);
    set_style(NORMAL);
}

static void print_owned(const struct view *view, const struct userns_node *node)
{
    size_t count;
    const struct userns_nonuser *const *owned = userns_owned(node, &count);

    for (size_t i = 0; i < count; i++) {
        size_t processes = userns_nonuser_member_count(owned[i]), pin_count, members;
        const struct userns_pin *const *pins = userns_nonuser_pins(owned[i], &pin_count);

        members = count_members(pins, pin_count);
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

void print_node(const struct view *view, const struct userns_node *node)
{
    size_t count, pin_count;
    const pid_t *pids = userns_pids(node, &count);
    const struct userns_pin *const *pins = userns_pins(node, &pin_count);

    if (!view->empty) /* that is only about what keeps namespaces alive */
        print_maps(view, node);
    print_members(view, pids, count);
    if (view->pins)
        print_pins(view, "held by", LABEL, pins, pin_count);
    print_owned(view, node);
}

void print_nonuser(const struct view *view, const struct userns_nonuser *nonuser)
{
    const struct userns_node *owner = userns_nonuser_owner(nonuser);
    const struct userns_nonuser *parent = userns_nonuser_parent(nonuser);
    size_t count, members;
    const struct userns_pin *const *pins = userns_nonuser_pins(nonuser, &count);
    struct view all = *view;

    all.all = true;
    begin_heading(false);
    put("%s", userns_nonuser_type_name(nonuser));
    set_style(BOLD);
    put("%" PRIu64, userns_nonuser_inode(nonuser));
    set_style(NORMAL);
    if (userns_nonuser_id(nonuser) != 0)
        put("id %" PRIu64, userns_nonuser_id(nonuser));
    end_line();

    begin_line("owner", LABEL, HANGING);
    if (owner != NULL)
        put_heading(view, owner);
    else
        put("not visible");
    end_line();
    if (parent != NULL) {
        begin_line("parent", LABEL, HANGING);
        put("%" PRIu64, userns_nonuser_inode(parent));
        end_line();
    }
    members = count_members(pins, count);
    if (members > 0) {
        begin_line("members", LABEL, HANGING);
        put("%zu:", userns_nonuser_member_count(nonuser));
        put_holders(&all, pins, members);
        end_line();
    }
    print_pins(&all, "held by", LABEL, pins + members, count - members);
    pop_rail();
}
