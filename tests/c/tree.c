/* The shape of the tree: who is where, below whom. */
#include "kit.h"

/* Two namespaces side by side, each with a member. */
static void siblings(void)
{
    int one = 1;
    pid_t a = start(go_down, &one), b = start(go_down, &one);
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *own = userns_self(snapshot);
    const struct userns_node *node_a = userns_find_pid(snapshot, a);
    const struct userns_node *node_b = userns_find_pid(snapshot, b);

    CHECK_EQ(userns_inode(own), inode_of(getpid()));
    CHECK(userns_find_pid(snapshot, getpid()) == own);
    CHECK(userns_parent(node_a) == own && userns_parent(node_b) == own);
    CHECK(has_members(node_a, 1, a) && has_members(node_b, 1, b));
    userns_free(snapshot);
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "siblings", siblings },
        { NULL, NULL },
    };

    return run(all, argc, argv);
}
