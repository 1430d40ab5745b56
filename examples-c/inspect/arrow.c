/* The pins in a graph: arrows from those who hold a namespace. */
#include "inspect.h"
#include <stdlib.h>
#include <string.h>

/* A pin, and the user namespace of its process; NULL if that is not in the graph. */
struct arrow {
    const struct userns_pin *pin;
    const struct userns_node *source;
    size_t place; /* among the pins */
};

static int by_source_and_kind(const void *a, const void *b)
{
    const struct arrow *one = a, *other = b;
    uint64_t source = userns_inode(one->source), other_source = userns_inode(other->source);
    int kind = (int)userns_pin_kind(one->pin), other_kind = (int)userns_pin_kind(other->pin);

    if (source != other_source)
        return source < other_source ? -1 : 1;
    if (kind != other_kind)
        return kind < other_kind ? -1 : 1;
    return (one->place > other->place) - (one->place < other->place);
}

static bool is_shown(const struct shown *shown, uint64_t inode)
{
    size_t low = 0, high = shown->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (shown->inodes[middle] < inode)
            low = middle + 1;
        else
            high = middle;
    }
    return low < shown->count && shown->inodes[low] == inode;
}

/* What holds: "descriptor" and a line "sleep 41 fd 9, and 2 more". */
static void put_label(const struct view *view, const struct arrow *arrows, size_t count)
{
    const struct userns_pin *pin = arrows->pin;
    const struct userns_nonuser *nonuser = userns_pin_nonuser(pin);
    const char *path = userns_pin_path(pin);

    for (const char *word = pin_word(pin); *word != '\0'; word++)
        putchar(*word == '_' ? ' ' : *word);
    if (path != NULL) {
        putchar(' ');
        put_text(stdout, path, HTML);
    }
    if (userns_pin_pid(pin) != 0) {
        printf("<br/>");
        put_text(stdout, name_of(view, userns_pin_pid(pin)), HTML);
        printf(" %ld", (long)userns_pin_pid(pin));
        if (userns_pin_descriptor(pin) >= 0)
            printf(" fd %d", userns_pin_descriptor(pin));
    } else if (nonuser != NULL) {
        printf("<br/>%s %" PRIu64, userns_nonuser_type_name(nonuser),
               userns_nonuser_inode(nonuser));
    }
    if (count > 1)
        printf("<br/>and %zu more", count - 1);
}

/* An arrow for pins of one kind and one source. If that is not in the graph, it has a box. */
static void put_arrow(const struct view *view, const char *box, const struct userns_node *node,
                      bool is_owned, const struct arrow *arrows, size_t count)
{
    const struct userns_node *source = arrows->source;

    if (source == NULL) {
        printf("\"%s %zu\" [fontcolor=\"#9a6700\" fontsize=10 label=<", box, arrows->place);
        put_label(view, arrows, count);
        printf(">]\n\"%s %zu\" -> %s [", box, arrows->place, box);
    } else {
        printf("n%" PRIu64 " -> %s [label=<", userns_inode(source), box);
        put_label(view, arrows, count);
        printf("> ");
    }
    if (is_owned)
        puts("]");
    else
        printf("lhead=cluster_%" PRIu64 "]\n", userns_inode(node));
}

/*
 * Whether an arrow shows a pin. A user namespace lists the namespaces that it owns; and a process
 * in it, or in a descendant, keeps it anyway.
 */
static bool has_arrow(const struct userns_pin *pin, const struct userns_node *source,
                      const struct userns_node *node, bool is_owned)
{
    if (userns_pin_kind(pin) == USERNS_PIN_OWNED)
        return false;
    return is_owned || source == NULL || (source != node && !userns_is_ancestor(node, source));
}

void print_arrows(const struct view *view, const struct shown *shown, const char *box,
                  const struct userns_node *node, bool is_owned,
                  const struct userns_pin *const *pins, size_t count)
{
    struct arrow *arrows = allocate(count, sizeof *arrows);
    size_t used = 0;

    for (size_t i = 0; i < count; i++) {
        const struct userns_node *source = userns_find_pid(view->snapshot, userns_pin_pid(pins[i]));

        if (!has_arrow(pins[i], source, node, is_owned))
            continue;
        arrows[used].pin = pins[i];
        arrows[used].source = is_shown(shown, userns_inode(source)) ? source : NULL;
        arrows[used++].place = i;
    }
    qsort(arrows, used, sizeof *arrows, by_source_and_kind);
    for (size_t i = 0, end; i < used; i = end) {
        for (end = i + 1; end < used && arrows[end].source == arrows[i].source &&
                          userns_pin_kind(arrows[end].pin) == userns_pin_kind(arrows[i].pin);)
            end++;
        put_arrow(view, box, node, is_owned, arrows + i, end - i);
    }
    free(arrows);
}
