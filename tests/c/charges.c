/* Limits: max_user_namespaces, and how many user namespaces the kernel charges to whom. */
#include "situation.h"
#include "owners.h"
#include "bpf.h"
#include "pins.h"
#include <sys/socket.h>

#define LIMIT_FILE "/proc/sys/user/max_user_namespaces"
enum { LIMIT = 6, MOST = 64 };

/* For start(): makes a namespace with several ids and a limit. */
static void make_limited(void *maker)
{
    make_namespace(maker);
    CHECK(write_file(LIMIT_FILE, "%d", (int)LIMIT));
}

/* For try_to_start(). */
struct request {
    int parent;   /* a descriptor of the namespace; -1: that of this process */
    unsigned uid; /* who makes a namespace below it */
};

/* Starts a process that makes a namespace. 0: the limit is reached. */
static pid_t try_to_start(const struct request *request)
{
    int ready[2], error;
    pid_t pid;

    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    pid = fork_child();
    if (pid == 0) {
        if (request->parent >= 0) {
            CHECK(setns(request->parent, CLONE_NEWUSER) == 0);
            become(request->uid);
        }
        error = unshare(CLONE_NEWUSER) == 0 ? 0 : errno;
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 && prctl(PR_SET_DUMPABLE, 1) == 0);
        CHECK(write(ready[1], &error, sizeof error) == sizeof error);
        for (;;)
            pause();
    }
    close(ready[1]);
    CHECK(read(ready[0], &error, sizeof error) == sizeof error);
    close(ready[0]);
    if (error == 0)
        return pid;
    CHECK_EQ(error, ENOSPC);
    end(pid);
    return 0;
}

static uint32_t charged(const struct userns_node *node, uid_t uid)
{
    size_t count;
    const struct userns_charge *charges = userns_charges(node, &count);

    for (size_t i = 0; i < count; i++) {
        CHECK(i == 0 || charges[i - 1].uid < charges[i].uid);
        if (charges[i].uid == uid)
            return charges[i].count;
    }
    return 0;
}

/* For start(): scans in the limited namespace. */
static void scan_inside(void *descriptor)
{
    struct userns_options options = USERNS_OPTIONS_INIT; /* BPF needs the initial namespace */
    struct userns_snapshot *snapshot;
    const struct userns_node *self;
    uint64_t limit = 0;

    CHECK(setns(*(int *)descriptor, CLONE_NEWUSER) == 0);
    become(0);
    set_capabilities(UINT64_MAX);
    options.flags = USERNS_SCAN_PINNED;
    CHECK(userns_scan(&options, &snapshot) == 0);
    self = userns_self(snapshot);
    CHECK(userns_limit(self, &limit));
    CHECK_EQ(limit, LIMIT);
    CHECK_EQ(charged(self, 1), LIMIT);
    CHECK_EQ(charged(self, 2), LIMIT);
    userns_free(snapshot);
}

/* Whether a scan by BPF tells charges and limits: where it visits threads. */
static bool is_told(void)
{
    return is_by_bpf() && calls_functions();
}

SITUATION(two_users, AS_ROOT | IN_SANDBOX | BY_BPF,
          "each user makes namespaces until the limit; then the charges are the limit")
{
    pid_t limited = start(make_limited, &(struct maker){ -1, 1000, 100000, 16, false, false }),
          inner;
    int descriptor = open_namespace(limited, "user"), below;
    struct userns_snapshot *snapshot;
    const struct userns_node *node;
    uint64_t limit;

    /* User 1 has a namespace in which its root makes one: both are charged to user 1. */
    inner = start(make_namespace, &(struct maker){ descriptor, 1, 4, 4, false, false });
    below = open_namespace(inner, "user");
    CHECK(try_to_start(&(struct request){ below, 3 }) != 0);
    for (unsigned uid = 1; uid <= 2; uid++) {
        int made = uid == 1 ? 2 : 0;

        while (try_to_start(&(struct request){ descriptor, uid }) != 0)
            CHECK(++made <= MOST);
        CHECK_EQ(made, LIMIT);
    }
    /* Nor has user 1 any left further down. */
    CHECK(try_to_start(&(struct request){ below, 3 }) == 0);
    CHECK(try_to_start(&(struct request){ descriptor, 3 }) != 0);

    snapshot = scan_with(USERNS_SCAN_PINNED);
    node = userns_find_pid(snapshot, limited);
    CHECK_EQ(charged(node, 100001), LIMIT);
    CHECK_EQ(charged(node, 100002), LIMIT);
    CHECK_EQ(charged(node, 100003), 1);
    CHECK_EQ(charged(node, 100000), 0);
    CHECK_EQ(charged(userns_find_pid(snapshot, inner), 100004 + 3), 1);
    CHECK(charged(userns_self(snapshot), 1000) >= 2 * LIMIT + 2);
    CHECK_EQ(userns_limit(node, &limit), is_told());
    if (is_told()) {
        CHECK_EQ(limit, LIMIT);
        CHECK(userns_limit(userns_find_pid(snapshot, inner), &limit));
        CHECK_EQ(limit, INT32_MAX);
    }
    userns_free(snapshot);
    end(start(scan_inside, &descriptor));
}

/* For start(): fills a new namespace with namespaces of its only user. */
static void fill(void *unused UNUSED)
{
    int made = 0;
    struct userns_snapshot *snapshot;
    uint64_t limit = 0;

    new_user_namespace();
    CHECK(write_file(LIMIT_FILE, "%d", (int)LIMIT));
    while (try_to_start(&(struct request){ -1, 0 }) != 0)
        CHECK(++made <= MOST);
    CHECK_EQ(made, LIMIT);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    CHECK_EQ(charged(userns_self(snapshot), 0), LIMIT);
    CHECK(userns_limit(userns_self(snapshot), &limit));
    CHECK_EQ(limit, LIMIT);
    userns_free(snapshot);
}

SITUATION(one_user, IN_SANDBOX, "a user fills a namespace of its own")
{
    end(start(fill, NULL));
}

SITUATION(limit_of_the_caller, IN_SANDBOX | BY_BPF,
          "the limit is known of the caller's own namespace, by BPF also of others")
{
    pid_t below = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    uint64_t limit = 0;
    unsigned long long expected;
    FILE *file = fopen(LIMIT_FILE, "re");

    CHECK(file != NULL && fscanf(file, "%llu", &expected) == 1);
    fclose(file);
    CHECK(userns_limit(userns_self(snapshot), NULL) && userns_limit(userns_self(snapshot), &limit));
    CHECK_EQ(limit, expected);
    limit = 77;
    CHECK(!userns_limit(NULL, &limit) && limit == 77);
    CHECK_EQ(userns_limit(userns_find_pid(snapshot, below), &limit), is_told());
    CHECK_EQ(limit, is_told() ? INT32_MAX : 77);
    userns_free(snapshot);

    snapshot = scan();
    CHECK(!userns_limit(userns_self(snapshot), &limit));
    CHECK(userns_charges(NULL, &(size_t){ 1 }) == NULL);
    CHECK_EQ(charged(userns_self(snapshot), 0),
             is_initial_root() ? 1 : charged(userns_self(snapshot), 0));
    userns_free(snapshot);
}

SITUATION(out_of_sight, AS_ROOT | IN_SANDBOX | BY_BPF,
          "BPF tells charges for namespaces that a scan does not find")
{
    pid_t limited = start(make_limited, &(struct maker){ -1, 1000, 100000, 16, false, false }), pid;
    int descriptor = open_namespace(limited, "user"), hidden, sockets[2];
    struct userns_snapshot *snapshot;
    uint64_t inode;

    CHECK(try_to_start(&(struct request){ descriptor, 1 }) != 0);
    pid = try_to_start(&(struct request){ descriptor, 1 });
    inode = inode_of(pid);
    hidden = open_namespace(pid, "user");
    CHECK(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sockets) == 0);
    send_descriptor(sockets[0], hidden);
    close(hidden);
    end(pid);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    /* From Linux 6.19 on the kernel lists it. */
    CHECK_EQ(charged(userns_find_pid(snapshot, limited), 100001),
             is_told() || userns_find_inode(snapshot, inode) != NULL ? 2 : 1);
    userns_free(snapshot);
    snapshot = scan();
    CHECK_EQ(charged(userns_find_pid(snapshot, limited), 100001), 1);
    userns_free(snapshot);
}

/* A file over the limit: the library must not believe it. */
SITUATION(covered, IN_SANDBOX, "something is mounted over the file with the limit")
{
    struct userns_snapshot *snapshot;
    uint64_t limit;

    mount_tmpfs("/mnt");
    CHECK(close(open("/mnt/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0600)) == 0);
    CHECK(write_file("/mnt/file", "5\n"));
    CHECK(mount("/mnt/file", LIMIT_FILE, "none", MS_BIND, NULL) == 0);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    CHECK(!userns_limit(userns_self(snapshot), &limit));
    userns_free(snapshot);
}
