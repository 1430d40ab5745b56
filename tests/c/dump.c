/*
 * Prints everything that the library answers about a procfs: facts DIRECTORY. The programs of the same name in tests/ffi
 * do it in their languages, and must print the same. There is -1 for what is none.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <userns.h>

static void print_text(const char *what, const char *text)
{
    printf(" %s %s", what, text != NULL ? text : "-1");
}

static void print_node(const char *what, const struct userns_node *node)
{
    if (node != NULL)
        printf(" %s %" PRIu64, what, userns_inode(node));
    else
        print_text(what, NULL);
}

static void print_namespace(const char *what, const struct userns_nonuser *ns)
{
    if (ns != NULL)
        printf(" %s %" PRIu64, what, userns_nonuser_inode(ns));
    else
        print_text(what, NULL);
}

static void print_nodes(const char *what, const struct userns_node *const *nodes, size_t count)
{
    printf("%s:", what);
    for (size_t i = 0; i < count; i++)
        printf(" %" PRIu64, userns_inode(nodes[i]));
    printf("\n");
}

static void print_namespaces(const char *what, const struct userns_nonuser *const *all, size_t count)
{
    printf("%s:", what);
    for (size_t i = 0; i < count; i++)
        printf(" %" PRIu64, userns_nonuser_inode(all[i]));
    printf("\n");
}

static void print_pins(const struct userns_pin *const *pins, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        printf("  pin: kind %" PRIu32 " pid %ld tid %ld descriptor %d", userns_pin_kind(pins[i]),
               (long)userns_pin_pid(pins[i]), (long)userns_pin_tid(pins[i]),
               userns_pin_descriptor(pins[i]));
        print_namespace("namespace", userns_pin_nonuser(pins[i]));
        print_text("path", userns_pin_path(pins[i]));
        printf("\n");
    }
}

static void print_owner(const struct userns_node *node)
{
    uid_t uid;

    if (userns_owner_uid(node, &uid))
        printf(" owner %lu", (unsigned long)uid);
    else
        print_text("owner", NULL);
}

static void describe_node(const struct userns_snapshot *snapshot, const struct userns_node *node)
{
    size_t count, others, below = 0;
    const pid_t *pids = userns_pids(node, &count);
    const char *const *names;
    const struct userns_nonuser *const *owned;
    const struct userns_pin *const *pins;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &others);

    for (size_t i = 0; i < others; i++)
        below += userns_is_ancestor(node, nodes[i]);
    printf("node: inode %" PRIu64 " device %" PRIu64 " id %" PRIu64 " flags %" PRIu32
           " depth %" PRIu32 " below %zu",
           userns_inode(node), userns_device(node), userns_id(node), userns_flags(node),
           userns_depth(node), below);
    print_owner(node);
    print_node("parent", userns_parent(node));
    print_node("found", userns_find_inode(snapshot, userns_inode(node)));
    print_node("by id", userns_find_id(snapshot, userns_id(node)));
    print_node("by PID", count > 0 ? userns_find_pid(snapshot, pids[count - 1]) : NULL);
    printf("\n  PIDs:");
    for (size_t i = 0; i < count; i++)
        printf(" %ld", (long)pids[i]);
    printf("\n  names:");
    names = userns_names(node, &count);
    for (size_t i = 0; i < count; i++)
        printf(" %s", names[i]);
    printf("\n");
    nodes = userns_children(node, &count);
    print_nodes("  children", nodes, count);
    owned = userns_owned(node, &count);
    print_namespaces("  owned", owned, count);
    pins = userns_pins(node, &count);
    print_pins(pins, count);
}

static void describe_namespace(const struct userns_nonuser *ns)
{
    size_t count;
    const struct userns_pin *const *pins = userns_nonuser_pins(ns, &count);

    printf("namespace: type %d name %s inode %" PRIu64 " id %" PRIu64 " members %zu",
           userns_nonuser_type(ns), userns_nonuser_type_name(ns), userns_nonuser_inode(ns),
           userns_nonuser_id(ns), userns_nonuser_member_count(ns));
    print_node("owner", userns_nonuser_owner(ns));
    printf("\n");
    print_pins(pins, count);
}

static void describe(const struct userns_snapshot *snapshot)
{
    size_t count, others;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    const struct userns_nonuser *const *all = userns_nonusers(snapshot, &others);

    printf("gaps %" PRIu32 " unreadable %zu %zu %zu %zu source %" PRIu32 " error %d\n",
           userns_gaps(snapshot), userns_gap_count(snapshot, USERNS_GAP_UNREADABLE),
           userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS), userns_gap_count(snapshot, USERNS_GAP_MOUNTS),
           userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS), userns_source(snapshot), userns_source_error(snapshot));
    print_node("root", userns_root(snapshot));
    print_node("self", userns_self(snapshot));
    print_node("no inode", userns_find_inode(snapshot, 1));
    print_node("no id", userns_find_id(snapshot, 0));
    print_node("no PID", userns_find_pid(snapshot, -1));
    printf("\n");
    print_nodes("nodes", nodes, count);
    print_namespaces("namespaces", all, others);
    for (size_t i = 0; i < count; i++)
        describe_node(snapshot, nodes[i]);
    for (size_t i = 0; i < others; i++)
        describe_namespace(all[i]);
    nodes = userns_roots(snapshot, &count);
    print_nodes("roots", nodes, count);
}

int main(int argc, char *argv[])
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    int error;

    if (argc != 2)
        return 2;
    printf("version %s %" PRIu32 "\n", userns_version(), userns_version_number());
    options.proc_path = argv[1];
    options.flags = USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS | USERNS_SCAN_OWNED |
                    USERNS_SCAN_NAMES | USERNS_SCAN_BPF;
    error = userns_scan(&options, &snapshot);
    if (error < 0) {
        printf("error %d %s\n", -error, userns_strerror(error));
        return 1;
    }
    describe(snapshot);
    userns_free(snapshot);
    /* Which is the same as far as it goes. */
    options.flags = 0;
    error = userns_scan(&options, &snapshot);
    if (error < 0)
        return 1;
    describe(snapshot);
    userns_free(snapshot);
    return 0;
}
