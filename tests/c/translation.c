/*
 * Translation of ids between user namespaces, in hundreds of generated situations: chains of up to
 * five namespaces with random maps and owners. In each namespace a process does what it is asked:
 * creates a file with an id of its own, or says whom it sees as the owner of a file.
 */
#include "situation.h"
#include "idmaps.h"
#include <sys/fsuid.h>
#include <sys/socket.h>

enum {
    LEVELS = 5,      /* below the first namespace, which is that of the test */
    MOST_RANDOM = 6, /* extents in most maps */
    IDS = 24,        /* that are tried for each pair of namespaces and kind of ids */
    OVERFLOW_ID = 65534,
};

/* What a process in one of the namespaces is asked, and its answer. */
enum action { CREATE, STAT, LEAVE };
struct order {
    enum action action;
    uint32_t uid, gid;
    bool is_done;
};

struct level {
    pid_t pid;
    int orders, answers; /* the ends of its socket */
    struct id_map uids, gids;
};

static struct level levels[LEVELS + 1];
static int depth;

static const char file[] = "/tmp/file";

/* ---- What happens in a namespace ---- */

/* Creates the file with this owner; false if the namespace does not map an id. */
static bool create_as(uint32_t uid, uint32_t gid)
{
    /* In memory: on riscv64, libc returns a register whose upper half is not as compilers expect. */
    volatile int now_uid, now_gid;
    bool is_changed;
    int fd = -1;

    setfsgid(gid);
    setfsuid(uid);
    now_uid = setfsuid(-1);
    now_gid = setfsgid(-1);
    is_changed = (uint32_t)now_uid == uid && (uint32_t)now_gid == gid;
    if (is_changed)
        fd = open(file, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
    setfsuid(geteuid());
    setfsgid(getegid());
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0); /* the changes have cleared it */
    CHECK(!is_changed || fd >= 0);
    if (fd >= 0)
        close(fd);
    return is_changed;
}

static void obey(struct order *order)
{
    struct stat status;

    switch (order->action) {
    case CREATE:
        order->is_done = create_as(order->uid, order->gid);
        break;
    case STAT:
        CHECK(stat(file, &status) == 0);
        order->uid = status.st_uid;
        order->gid = status.st_gid;
        break;
    case LEAVE:
        exit(0);
    }
}

/* Asks the process of a level; this process is that of level 0. */
static struct order ask(int level, enum action action, uint32_t uid, uint32_t gid)
{
    struct order order = { action, uid, gid, false };

    if (level == 0) {
        obey(&order);
        return order;
    }
    CHECK(write(levels[level].orders, &order, sizeof order) == sizeof order);
    CHECK(read(levels[level].orders, &order, sizeof order) == sizeof order);
    return order;
}

/* ---- Random maps ---- */

static uint32_t below(uint64_t limit)
{
    uint64_t number = (uint64_t)rand() << 31 | (uint64_t)rand();

    return (uint32_t)(limit == 0 ? 0 : number % limit);
}

static bool overlap(uint32_t one, uint32_t one_count, uint32_t two, uint32_t two_count)
{
    return one < (uint64_t)two + two_count && two < (uint64_t)one + one_count;
}

/* Whether an extent can be added to a map. */
static bool fits(const struct id_map *map, const struct userns_extent *extent)
{
    if ((uint64_t)extent->inside + extent->count > UINT32_MAX)
        return false;
    for (size_t i = 0; i < map->count; i++) {
        const struct userns_extent *other = &map->extents[i];

        if (overlap(extent->inside, extent->count, other->inside, other->count) ||
            overlap(extent->outside, extent->count, other->outside, other->count))
            return false;
    }
    return true;
}

/* A map into the ids of the parent, with gaps, in any order; the column outside is the parent's. */
static void generate(struct id_map *map, const struct id_map *parent)
{
    size_t wanted = 1 + below(rand() % 8 == 0 ? 40 : MOST_RANDOM);

    map->count = 0;
    for (int tries = 0; map->count == 0 || (map->count < wanted && tries < 200); tries++) {
        const struct userns_extent *part = &parent->extents[below(parent->count)];
        struct userns_extent extent;
        uint32_t start = below(rand() % 3 == 0 ? 2 : part->count);

        start = start < part->count ? start : 0;
        extent.outside = part->inside + start;
        extent.count =
            1 + below(rand() % 3 != 0 && part->count - start > 70000 ? 70000 : part->count - start);
        if (rand() % 4 == 0)
            extent.count = 1;
        extent.inside = rand() % 3 == 0 ? below(UINT32_MAX) : below(200000);
        if (rand() % 4 == 0)
            extent.inside = 0;
        if (fits(map, &extent))
            map->extents[map->count++] = extent;
    }
}

/* An id that a map maps. */
static uint32_t mapped_id(const struct id_map *map)
{
    const struct userns_extent *extent = &map->extents[below(map->count)];

    return extent->inside + (rand() % 2 == 0 ? 0 : below(extent->count));
}

/* ---- A chain of namespaces ---- */

static void read_byte(int fd)
{
    char byte;

    CHECK(read(fd, &byte, 1) == 1);
}

static void write_byte(int fd)
{
    CHECK(write(fd, "", 1) == 1);
}

static void descend(int level);

/* The process of a level: enters its namespace, starts the next level, and obeys. */
static void live_in(int level)
{
    struct order order;
    int answers = levels[level].answers;
    uint32_t uid = mapped_id(&levels[level].uids), gid = mapped_id(&levels[level].gids);

    CHECK(unshare(CLONE_NEWUSER) == 0);
    write_byte(answers);
    read_byte(answers);
    /* It keeps its capabilities with any UID. The UID is the owner of the next namespace. */
    CHECK(prctl(PR_SET_SECUREBITS, 1 << 2 /* SECBIT_NO_SETUID_FIXUP */) == 0);
    CHECK(setresgid(gid, gid, gid) == 0 && setresuid(uid, uid, uid) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    if (level < depth)
        descend(level + 1);
    write_byte(answers);
    while (read(answers, &order, sizeof order) == sizeof order) {
        obey(&order);
        CHECK(write(answers, &order, sizeof order) == sizeof order);
    }
    exit(0);
}

/* Starts a level and writes its maps, which takes a process in the parent namespace. */
static void descend(int level)
{
    pid_t pid = fork_child();
    int orders = levels[level].orders;

    if (pid == 0)
        live_in(level);
    read_byte(orders);
    CHECK(write_map(pid, "uid_map", &levels[level].uids));
    CHECK(write_map(pid, "gid_map", &levels[level].gids));
    write_byte(orders);
    read_byte(orders);
}

/* Each process of the chain has one child, the next one. */
static void find_pids(void)
{
    for (int level = 1; level <= depth; level++) {
        char path[64];
        FILE *children;

        snprintf(path, sizeof path, "/proc/%d/task/%d/children", (int)levels[level - 1].pid,
                 (int)levels[level - 1].pid);
        children = fopen(path, "re");
        CHECK(children != NULL && fscanf(children, "%d", &levels[level].pid) == 1);
        fclose(children);
    }
}

static void start_chain(const struct all_maps *own)
{
    depth = 1 + rand() % LEVELS;
    levels[0].pid = getpid();
    levels[0].uids = own->uid;
    levels[0].gids = own->gid;
    for (int level = 1; level <= depth; level++) {
        int ends[2];

        CHECK(socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == 0);
        levels[level].orders = ends[0];
        levels[level].answers = ends[1];
        generate(&levels[level].uids, &levels[level - 1].uids);
        generate(&levels[level].gids, &levels[level - 1].gids);
    }
    descend(1);
    find_pids();
}

static void end_chain(void)
{
    /* A change of credentials has cleared PR_SET_PDEATHSIG. */
    for (int level = 1; level <= depth; level++) {
        struct order order = { LEAVE, 0, 0, false };

        CHECK(write(levels[level].orders, &order, sizeof order) == sizeof order);
        close(levels[level].orders);
        close(levels[level].answers);
    }
    while (waitpid(-1, NULL, 0) > 0)
        ;
}

/* ---- Comparison with the kernel ---- */

static unsigned checks, mapped;

/* An id to try: often one at a border of an extent. */
static uint32_t sample(const struct id_map *map)
{
    const struct userns_extent *extent = &map->extents[below(map->count)];
    static const uint32_t others[] = { 0, 1, OVERFLOW_ID, 65535, UINT32_MAX - 1, UINT32_MAX };

    switch (rand() % 8) {
    case 0:
        return extent->inside - 1; /* can be UINT32_MAX, which is no id */
    case 1:
        return extent->inside;
    case 2:
        return extent->inside + extent->count - 1;
    case 3:
        return extent->inside + extent->count;
    case 4:
        return others[below(sizeof others / sizeof *others)];
    case 5:
        return below(UINT32_MAX);
    default:
        return extent->inside + below(extent->count);
    }
}

/* What the kernel shows in a namespace, and what the library says. */
static void compare(const char *what, int error, uint32_t translated, uint32_t seen)
{
    uint32_t expected = error == 0 ? translated : OVERFLOW_ID;

    if ((error != 0 && error != -ENOENT) || expected != seen)
        fail("%s: the kernel shows %u, the library %d, %u", what, seen, error, translated);
    checks++;
    mapped += error == 0;
}

static void compare_pair(const struct userns_node *const nodes[], int from, int to)
{
    for (int i = 0; i < IDS; i++) {
        uint32_t uid = sample(&levels[from].uids), gid = sample(&levels[from].gids);
        uint32_t other_uid = 7, other_gid = 7, same;
        int uid_error = userns_translate_uid(nodes[from], uid, nodes[to], &other_uid);
        int gid_error = userns_translate_gid(nodes[from], gid, nodes[to], &other_gid);
        bool has_uid = userns_translate_uid(nodes[from], uid, nodes[from], &same) == 0;
        bool has_gid = userns_translate_gid(nodes[from], gid, nodes[from], &same) == 0;
        struct order order;

        CHECK_EQ(ask(from, CREATE, uid, gid).is_done, has_uid && has_gid);
        if (!has_uid)
            CHECK_EQ(uid_error, -ENOENT);
        if (!has_gid)
            CHECK_EQ(gid_error, -ENOENT);
        if (!has_uid || !has_gid)
            continue;
        order = ask(to, STAT, 0, 0);
        compare("a UID", uid_error, other_uid, order.uid);
        compare("a GID", gid_error, other_gid, order.gid);
        CHECK(unlink(file) == 0);
    }
}

/* One situation. All maps are known, since each namespace has a process. */
static void try_one(const struct all_maps *own)
{
    const struct userns_node *nodes[LEVELS + 1];
    struct userns_snapshot *snapshot;

    start_chain(own);
    snapshot = scan_with(USERNS_SCAN_MAPS);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    for (int level = 0; level <= depth; level++) {
        nodes[level] = userns_find_pid(snapshot, levels[level].pid);
        CHECK(nodes[level] != NULL && has_maps(nodes[level]));
        CHECK(level == 0 || userns_parent(nodes[level]) == nodes[level - 1]);
    }
    for (int from = 0; from <= depth; from++)
        for (int to = 0; to <= depth; to++)
            if (from == 0 || to == 0 || rand() % 2 == 0)
                compare_pair(nodes, from, to);
    userns_free(snapshot);
    end_chain();
}

static void try_all(unsigned seed, int count)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_MAPS);
    const struct userns_node *self = userns_self(snapshot);
    const struct userns_extent *extents;
    struct all_maps own;

    srand(seed);
    CHECK(has_maps(self));
    extents = userns_uid_map(self, &own.uid.count);
    memcpy(own.uid.extents, extents, own.uid.count * sizeof *extents);
    extents = userns_gid_map(self, &own.gid.count);
    memcpy(own.gid.extents, extents, own.gid.count * sizeof *extents);
    userns_free(snapshot);
    umask(0);
    /* All processes of a chain become its children. */
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    for (int i = 0; i < count; i++)
        try_one(&own);
    /* Most ids that are tried are mapped somewhere. */
    CHECK(checks > 20u * (unsigned)count && mapped > checks / 10);
}

SITUATION(generated, IN_SANDBOX | BY_BPF,
          "hundreds of chains of namespaces: the kernel and the library agree on each id")
{
    mount_tmpfs("/tmp");
    CHECK(chmod("/tmp", 0777) == 0);
    try_all(1, 300 / (int)time_factor());
}

/* ---- A nested caller ---- */

static void try_nested(void *unused UNUSED)
{
    static const struct id_map own = {
        3, { { 0, 1000, 1 }, { 1, 100000, 65536 }, { 1 << 20, 5, 7 } }
    };
    int ready[2], go[2];
    pid_t pid;

    CHECK(pipe2(ready, O_CLOEXEC) == 0 && pipe2(go, O_CLOEXEC) == 0);
    pid = fork_child();
    if (pid == 0) {
        CHECK(unshare(CLONE_NEWUSER) == 0);
        write_byte(ready[1]);
        read_byte(go[0]);
        CHECK(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
        CHECK(prctl(PR_SET_DUMPABLE, 1) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        try_all(2, rounds(50));
        exit(0);
    }
    read_byte(ready[0]);
    CHECK(write_map(pid, "uid_map", &own) && write_map(pid, "gid_map", &own));
    write_byte(go[1]);
    expect_success(pid);
}

SITUATION(generated_nested, IN_SANDBOX | AS_ROOT, "the same by a caller in a nested namespace")
{
    mount_tmpfs("/tmp");
    CHECK(chmod("/tmp", 0777) == 0);
    try_nested(NULL);
}
