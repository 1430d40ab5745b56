/* The tree: which namespaces exist, their parents and their members. */
#include "situation.h"
#include "model.h"
#include <pthread.h>

/* ---- Small trees ---- */

SITUATION(siblings, BY_BPF, "two namespaces side by side, each with a member")
{
    int one = 1;
    pid_t a = start(go_down, &one), b = start(go_down, &one);
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *own = userns_self(snapshot);
    const struct userns_node *node_a = userns_find_pid(snapshot, a);
    const struct userns_node *node_b = userns_find_pid(snapshot, b);

    CHECK_EQ(userns_inode(own), inode_of(getpid()));
    CHECK(userns_find_pid(snapshot, getpid()) == own);
    CHECK(node_a != node_b);
    CHECK(userns_parent(node_a) == own && userns_parent(node_b) == own);
    CHECK(has_members(node_a, 1, a) && has_members(node_b, 1, b));
    userns_free(snapshot);
}

SITUATION(deepest_nesting, BY_BPF,
          "as deep as the kernel allows: 33 levels below the initial namespace")
{
    struct userns_snapshot *snapshot = scan();
    bool initial = userns_flags(userns_self(snapshot)) & USERNS_NODE_INITIAL;
    int levels = 33;
    const struct userns_node *own, *node;
    uid_t owner;
    pid_t pid;

    userns_free(snapshot);
    if (!initial)
        skip("the caller is nested already, so 33 more levels are too many");
    pid = start(go_down, &levels);
    snapshot = scan();
    own = userns_self(snapshot);
    node = userns_find_pid(snapshot, pid);
    CHECK_EQ(userns_inode(node), inode_of(pid));
    CHECK(has_members(node, 1, pid));
    for (int depth = levels; depth > 0; depth--, node = userns_parent(node)) {
        CHECK_EQ(userns_depth(node), depth);
        CHECK_EQ(userns_flags(node), depth == levels ? 0 : USERNS_NODE_EMPTY);
        CHECK(userns_owner_uid(node, &owner) && owner == geteuid());
        CHECK(userns_is_ancestor(own, node) && !userns_is_ancestor(node, own));
        CHECK(depth == levels || has_members(node, 0));
    }
    CHECK(node == own && userns_parent(own) == NULL && userns_depth(own) == 0);
    userns_free(snapshot);
}

SITUATION(empty_in_the_middle, IN_SANDBOX | BY_BPF,
          "a namespace without processes that has a child namespace")
{
    int one = 1;
    pid_t upper = start(go_down, &one), lower = start(join_and_go_down, &upper);
    uint64_t middle = inode_of(upper);
    struct userns_snapshot *snapshot;
    const struct userns_node *node;

    end(upper);
    snapshot = scan();
    node = userns_parent(userns_find_pid(snapshot, lower));
    CHECK_EQ(userns_inode(node), middle);
    CHECK(has_members(node, 0));
    CHECK(userns_pids(node, NULL) == NULL);
    CHECK(userns_parent(node) == userns_self(snapshot));
    userns_free(snapshot);

    end(lower);
    snapshot = scan();
    CHECK(userns_find_inode(snapshot, middle) == NULL);
    userns_free(snapshot);
}

SITUATION(zombie, BY_BPF, "a process that has ended and was not waited for")
{
    int one = 1;
    pid_t pid = start(go_down, &one);
    uint64_t inode = inode_of(pid);
    struct userns_snapshot *snapshot;
    siginfo_t info;

    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT) == 0);
    snapshot = scan();
    CHECK_EQ(userns_inode(userns_find_pid(snapshot, pid)), inode);
    CHECK(has_members(userns_find_inode(snapshot, inode), 1, pid));
    userns_free(snapshot);
}

static char state_of(pid_t pid)
{
    char path[64], line[512], *after_name;
    FILE *file;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    file = fopen(path, "re");
    CHECK(file != NULL && fgets(line, sizeof line, file) != NULL);
    fclose(file);
    after_name = strrchr(line, ')');
    CHECK(after_name != NULL);
    return after_name[2];
}

static void leave_a_thread(void)
{
    pthread_t thread;
    int one = 1;

    go_down(&one);
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    CHECK(pthread_create(&thread, NULL, wait_forever, NULL) == 0);
    syscall(SYS_exit, 0); /* this thread only */
}

SITUATION(exited_leader, BY_BPF, "the thread-group leader has ended, another thread runs")
{
    pid_t pid = fork_child();
    struct userns_snapshot *snapshot;
    int status;

    if (pid == 0)
        leave_a_thread();
    while (state_of(pid) != 'Z')
        sched_yield();
    if (waitpid(pid, &status, WNOHANG) != 0) /* the whole process has ended */
        exit(WEXITSTATUS(status));
    snapshot = scan();
    CHECK_EQ(userns_inode(userns_find_pid(snapshot, pid)), inode_of(pid));
    CHECK(has_members(userns_find_pid(snapshot, pid), 1, pid));
    CHECK(userns_parent(userns_find_pid(snapshot, pid)) == userns_self(snapshot));
    userns_free(snapshot);
}

SITUATION(more_namespaces_than_descriptors, BY_BPF,
          "more namespaces than a process may have descriptors")
{
    enum { COUNT = 2000, DESCRIPTORS = 48 };
    static pid_t pids[COUNT];
    struct rlimit limit;
    struct userns_snapshot *snapshot;
    int one = 1;
    size_t children;

    for (int i = 0; i < COUNT; i++)
        pids[i] = start(go_down, &one);
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    limit.rlim_cur = DESCRIPTORS;
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    snapshot = scan();
    for (int i = 0; i < COUNT; i++) {
        const struct userns_node *node = userns_find_pid(snapshot, pids[i]);
        CHECK_EQ(userns_inode(node), inode_of(pids[i]));
        CHECK(has_members(node, 1, pids[i]));
        CHECK(userns_parent(node) == userns_self(snapshot));
    }
    userns_children(userns_self(snapshot), &children);
    CHECK(children >= COUNT);
    userns_free(snapshot);
}

/* ---- Random trees, compared with the model that they were made of ---- */

enum { TREES = 6 };

static bool is_below(const struct model *model, int space, int ancestor)
{
    do
        space = model->space[space].parent;
    while (space >= 0 && space != ancestor);
    return space >= 0;
}

/* The smallest PID, as text, of a subtree; "~" is larger than any. */
static void smallest_name(const struct model *model, int space, char name[16])
{
    strcpy(name, "~");
    for (int i = 0; i < model->processes; i++) {
        int home = model->process[i].space;
        char text[16];

        snprintf(text, sizeof text, "%d", (int)model->process[i].pid);
        if ((home == space || is_below(model, home, space)) && strcmp(text, name) < 0)
            strcpy(name, text);
    }
}

static void check_members(const struct model *model, int space,
                          const struct userns_snapshot *snapshot)
{
    const struct userns_node *node = userns_find_inode(snapshot, model->space[space].inode);
    size_t count, expected = 0;
    const pid_t *pids = userns_pids(node, &count);

    for (int i = 0; i < model->processes; i++) {
        if (model->process[i].space != space)
            continue;
        expected++;
        CHECK(userns_find_pid(snapshot, model->process[i].pid) == node);
        CHECK_EQ(userns_id(node), id_of(model->process[i].pid));
        if (userns_id(node) != 0)
            CHECK(userns_find_id(snapshot, userns_id(node)) == node);
    }
    CHECK_EQ(count, expected);
    for (size_t i = 1; i < count; i++)
        CHECK(pids[i - 1] < pids[i]);
}

static void check_relations(const struct model *model, int space,
                            const struct userns_snapshot *snapshot)
{
    const struct userns_node *node = userns_find_inode(snapshot, model->space[space].inode);
    int parent = model->space[space].parent;
    uid_t owner;

    if (space != 0) {
        CHECK(userns_parent(node) == userns_find_inode(snapshot, model->space[parent].inode));
        CHECK_EQ(userns_depth(node), userns_depth(userns_parent(node)) + 1);
        CHECK(userns_owner_uid(node, &owner) && owner == geteuid());
        CHECK_EQ(userns_flags(node), userns_pids(node, NULL) == NULL ? USERNS_NODE_EMPTY : 0);
    }
    CHECK_EQ(userns_device(node), userns_device(userns_self(snapshot)));
    for (int other = 0; other < model->spaces; other++)
        if (model->space[other].alive)
            CHECK(userns_is_ancestor(userns_find_inode(snapshot, model->space[other].inode),
                                     node) == is_below(model, space, other));
}

/* Depth first, siblings by the smallest PID as text. Returns the number of nodes in the subtree. */
static size_t check_order(const struct model *model, const struct userns_node *const *nodes)
{
    size_t children, used = 1;
    const struct userns_node *const *child = userns_children(nodes[0], &children);
    char name[16], previous[16] = "";

    for (size_t i = 0; i < children; i++) {
        int space = 0;

        while (model->space[space].inode != userns_inode(child[i]))
            CHECK(++space < model->spaces);
        smallest_name(model, space, name);
        CHECK(strcmp(previous, name) < 0);
        strcpy(previous, name);
        CHECK(nodes[used] == child[i]);
        used += check_order(model, nodes + used);
    }
    return used;
}

static void check_model(void *seed)
{
    static struct model model;
    struct userns_snapshot *snapshot;
    const struct userns_node *const *nodes;
    size_t count, alive = 0;

    srand(*(unsigned *)seed);
    grow(&model);
    prune(&model);
    snapshot = scan();
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 0);
    for (int space = 0; space < model.spaces; space++) {
        CHECK((userns_find_inode(snapshot, model.space[space].inode) != NULL) ==
              model.space[space].alive);
        if (!model.space[space].alive)
            continue;
        alive++;
        check_members(&model, space, snapshot);
        check_relations(&model, space, snapshot);
    }
    nodes = userns_nodes(snapshot, &count);
    CHECK_EQ(count, alive);
    CHECK(nodes[0] == userns_root(snapshot) && nodes[0] == userns_self(snapshot));
    CHECK_EQ(check_order(&model, nodes), count);
    userns_free(snapshot);
}

SITUATION(generated_trees, BY_BPF, "random trees, compared with a model in every answer")
{
    for (unsigned seed = 1; seed <= TREES; seed++)
        in_sandbox(check_model, &seed);
}
