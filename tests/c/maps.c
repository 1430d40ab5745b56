/* Id maps of user namespaces: of processes, without processes, of nested callers. */
#include "situation.h"
#include "bpf.h"
#include "idmaps.h"
#include "pins.h"

/* ---- With processes ---- */

SITUATION(own, IN_SANDBOX | BY_BPF, "the caller's own namespace maps the ids inside to themselves")
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_MAPS);
    const struct userns_node *self = userns_self(snapshot);
    size_t count;
    const struct userns_extent *map = userns_uid_map(self, &count);
    unsigned inside, outside, length;
    FILE *opened = open_process_file(getpid(), "uid_map", "re");

    CHECK(has_maps(self) && count > 0);
    for (size_t i = 0; i < count; i++) {
        CHECK(fscanf(opened, "%u %u %u", &inside, &outside, &length) == 3);
        CHECK(map[i].inside == inside && map[i].outside == inside && map[i].count == length);
    }
    fclose(opened);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
}

SITUATION(without_the_flag, 0, "a scan that did not read maps knows none")
{
    struct userns_snapshot *snapshot = scan();

    check_no_maps(userns_self(snapshot));
    userns_free(snapshot);
}

SITUATION(below, IN_SANDBOX | BY_BPF, "namespaces below: their maps in the caller's numbers")
{
    pid_t one = start(go_down, &(int){ 1 }), three = start(go_down, &(int){ 3 });
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_MAPS);
    struct all_maps expected;

    read_maps(one, &expected);
    CHECK(expected.denies_setgroups && expected.uid.count == 1);
    check_maps(userns_find_pid(snapshot, one), &expected);
    read_maps(three, &expected);
    check_maps(userns_find_pid(snapshot, three), &expected);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
}

SITUATION(not_written, IN_SANDBOX | BY_BPF, "a map that was not written yet is known, and empty")
{
    pid_t pid = start(go_down_unmapped, NULL);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_MAPS);
    const struct userns_node *node = userns_find_pid(snapshot, pid);
    struct all_maps expected = { .denies_setgroups = denies_setgroups(getpid()) };
    uid_t uid;

    check_maps(node, &expected);
    CHECK_EQ(userns_translate_uid(node, 0, userns_self(snapshot), &uid), -ENOENT);
    CHECK_EQ(userns_translate_uid(userns_self(snapshot), 0, node, &uid), -ENOENT);
    userns_free(snapshot);
}

/* Each id to another one, backwards and with gaps. */
static void fill_map(struct id_map *map, unsigned count)
{
    map->count = count;
    for (unsigned i = 0; i < count; i++)
        map->extents[i] = (struct userns_extent){ 2 * i, 3 * (count - i), 1 };
}

SITUATION(many_extents, IN_SANDBOX | BY_BPF | AS_ROOT,
          "maps of 340 extents, and of 124 and 125, which just fill a page or not")
{
    static const unsigned counts[] = { 5, 6, 123, 124, 125, 248, 249, MOST_EXTENTS };
    enum { COUNT = sizeof counts / sizeof *counts };
    pid_t pids[COUNT];
    struct all_maps expected;
    struct id_map map;
    struct userns_snapshot *snapshot;

    for (int i = 0; i < COUNT; i++) {
        pids[i] = start(go_down_unmapped, NULL);
        fill_map(&map, counts[i]);
        CHECK(write_map(pids[i], "uid_map", &map));
        fill_map(&map, 1 + (unsigned)i);
        CHECK(write_map(pids[i], "gid_map", &map));
        fill_map(&map, counts[COUNT - 1 - i]);
        CHECK(write_map(pids[i], "projid_map", &map));
    }
    snapshot = scan_with(USERNS_SCAN_MAPS);
    for (int i = 0; i < COUNT; i++) {
        read_maps(pids[i], &expected);
        CHECK_EQ(expected.uid.count, counts[i]);
        CHECK(!expected.denies_setgroups);
        check_maps(userns_find_pid(snapshot, pids[i]), &expected);
    }
    userns_free(snapshot);
}

typedef int translate(const struct userns_node *, uint32_t, const struct userns_node *, uint32_t *);

/* Each extent of a map begins and ends where the map says, seen from both namespaces. */
static void check_borders(translate *function, const struct id_map *map,
                          const struct userns_node *inside, const struct userns_node *outside)
{
    uint32_t id = 0;

    CHECK(map->count > 0);
    for (size_t i = 0; i < map->count; i++) {
        const struct userns_extent *extent = &map->extents[i];
        uint32_t last = extent->count - 1;

        CHECK_EQ(function(inside, extent->inside, outside, &id), 0);
        CHECK_EQ(id, extent->outside);
        CHECK_EQ(function(outside, extent->outside, inside, &id), 0);
        CHECK_EQ(id, extent->inside);
        CHECK_EQ(function(inside, extent->inside + last, outside, &id), 0);
        CHECK_EQ(id, extent->outside + last);
        CHECK_EQ(function(outside, extent->outside + last, inside, &id), 0);
        CHECK_EQ(id, extent->inside + last);
        /* There is a gap behind each extent, or the end of all ids. */
        CHECK_EQ(function(inside, extent->inside + extent->count, outside, &id), -ENOENT);
        CHECK_EQ(function(outside, extent->outside + extent->count, inside, &id), -ENOENT);
    }
}

SITUATION(borders, IN_SANDBOX | BY_BPF | AS_ROOT,
          "the first and last id of each extent, and the largest ids: UIDs, GIDs and project ids")
{
    static const struct id_map largest = {
        3, { { 0, UINT32_MAX - 3, 3 }, { UINT32_MAX - 1, 2000, 1 }, { 100000, 0, 1000 } }
    };
    pid_t one = start(go_down_unmapped, NULL), two = start(go_down_unmapped, NULL);
    struct userns_snapshot *snapshot;
    const struct userns_node *self, *node;
    struct id_map many, few;

    many.count = MOST_EXTENTS;
    for (unsigned i = 0; i < MOST_EXTENTS; i++)
        many.extents[i] = (struct userns_extent){ 10 * i, 20 * (MOST_EXTENTS - i), 1 + i % 9 };
    fill_map(&few, 5);
    CHECK(write_map(one, "uid_map", &many) && write_map(one, "gid_map", &few));
    CHECK(write_map(one, "projid_map", &largest));
    CHECK(write_map(two, "uid_map", &largest) && write_map(two, "gid_map", &many));
    CHECK(write_map(two, "projid_map", &many));
    snapshot = scan_with(USERNS_SCAN_MAPS);
    self = userns_self(snapshot);
    node = userns_find_pid(snapshot, one);
    check_borders(userns_translate_uid, &many, node, self);
    check_borders(userns_translate_gid, &few, node, self);
    check_borders(userns_translate_projid, &largest, node, self);
    node = userns_find_pid(snapshot, two);
    check_borders(userns_translate_uid, &largest, node, self);
    check_borders(userns_translate_gid, &many, node, self);
    check_borders(userns_translate_projid, &many, node, self);
    userns_free(snapshot);
}

SITUATION(zombie, IN_SANDBOX | BY_BPF, "the only process of a namespace is a zombie")
{
    pid_t pid = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot;
    struct all_maps expected;

    read_maps(pid, &expected);
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitid(P_PID, (id_t)pid, &(siginfo_t){ 0 }, WEXITED | WNOWAIT) == 0);
    snapshot = scan_with(USERNS_SCAN_MAPS);
    check_maps(userns_find_pid(snapshot, pid), &expected);
    userns_free(snapshot);
}

/* ---- Without processes ---- */

/* A namespace without processes can be opened by its file handle: Linux 6.18. */
static void need_handles(void)
{
    if (id_of(getpid()) == 0)
        skip("this kernel does not open namespaces by file handle");
}

SITUATION(without_handles, IN_SANDBOX,
          "before Linux 6.18: through a descriptor, a mount, what it owns, and a process below")
{
    struct held owned;
    pid_t first = start(go_down, &(int){ 1 }), pid;
    int fd = open_namespace(first, "user");
    uint64_t by_descriptor = inode_of_fd(fd), by_mount;
    struct userns_snapshot *snapshot;
    struct all_maps expected;

    read_maps(first, &expected);
    end(first);
    first = start(go_down, &(int){ 1 });
    pid = start(join_and_go_down, &first);
    end(first);
    deny_ioctl(NS_GET_ID);
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
    CHECK_EQ(userns_id(userns_self(snapshot)), 0);
    check_maps(userns_find_inode(snapshot, by_descriptor), &expected);
    check_maps(userns_parent(userns_find_pid(snapshot, pid)), &expected);
    CHECK(has_members(userns_parent(userns_find_pid(snapshot, pid)), 0));
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
    mount_tmpfs("/mnt");
    by_mount = mount_left_user("/mnt/ns");
    make_file("/mnt/net");
    mount_namespace(open_left_network(&owned), "/mnt/net");
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
    check_maps(userns_find_inode(snapshot, by_mount), &expected);
    check_maps(userns_find_inode(snapshot, owned.inode), &expected);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
    /* The mount is below another one. */
    mount_tmpfs("/mnt");
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
    check_no_maps(userns_find_inode(snapshot, by_mount));
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 2);
    userns_free(snapshot);
}

SITUATION(ancestor, IN_SANDBOX | BY_BPF, "a parent of which all processes have ended")
{
    pid_t pid, first;
    struct userns_snapshot *snapshot;
    struct all_maps expected;

    need_handles();
    pid = start(go_down, &(int){ 1 });
    first = pid;
    read_maps(first, &expected);
    pid = start(join_and_go_down, &first);
    end(first);
    snapshot = scan_with(USERNS_SCAN_MAPS);
    CHECK(has_members(userns_parent(userns_find_pid(snapshot, pid)), 0));
    check_maps(userns_parent(userns_find_pid(snapshot, pid)), &expected);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
}

SITUATION(pinned, IN_SANDBOX | BY_BPF, "namespaces that only a descriptor or a mount keeps")
{
    pid_t pid;
    int fd;
    uint64_t by_descriptor, by_mount;
    struct userns_snapshot *snapshot;
    struct all_maps expected;

    need_handles();
    pid = start(go_down, &(int){ 1 });
    fd = open_namespace(pid, "user");
    by_descriptor = inode_of_fd(fd);
    read_maps(pid, &expected);
    end(pid);
    mount_tmpfs("/mnt");
    by_mount = mount_left_user("/mnt/ns");
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
    check_maps(userns_find_inode(snapshot, by_descriptor), &expected);
    check_maps(userns_find_inode(snapshot, by_mount), &expected);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
}

SITUATION(pinned_not_written, IN_SANDBOX | BY_BPF, "a namespace without processes and maps")
{
    struct all_maps expected = { .denies_setgroups = denies_setgroups(getpid()) };
    struct userns_snapshot *snapshot;
    int fd;

    need_handles();
    fd = open_left(go_down_unmapped, NULL, "user");
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
    check_maps(userns_find_inode(snapshot, inode_of_fd(fd)), &expected);
    userns_free(snapshot);
}

SITUATION(setns_denied, IN_SANDBOX, "what cannot be joined is counted, and not known")
{
    int fd = open_left_user();
    struct userns_snapshot *snapshot;

    deny_syscall(SYS_setns, ANY_ARGUMENT, 0, EPERM);
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
    check_no_maps(userns_find_inode(snapshot, inode_of_fd(fd)));
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 1);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_MAPS);
    userns_free(snapshot);
}

SITUATION(caller_unchanged, IN_SANDBOX,
          "joining a namespace changes nothing about the caller, and leaves no child")
{
    struct userns_snapshot *snapshot;
    int fd, descriptors, dumpable = prctl(PR_GET_DUMPABLE);
    uint64_t inode = inode_of(getpid());

    need_handles();
    fd = open_left_user();
    descriptors = open_descriptors();
    for (int i = 0; i < 20; i++) {
        snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
        CHECK(has_maps(userns_find_inode(snapshot, inode_of_fd(fd))));
        userns_free(snapshot);
    }
    CHECK_EQ(prctl(PR_GET_DUMPABLE), dumpable);
    CHECK_EQ(inode_of(getpid()), inode);
    CHECK_EQ(open_descriptors(), descriptors);
    CHECK(waitpid(-1, NULL, WNOHANG | __WALL) == -1 && errno == ECHILD);
}

/* ---- Obstacles ---- */

SITUATION(covered, IN_SANDBOX | BY_BPF,
          "another file is mounted over a map of the only process: it is not believed")
{
    pid_t pid = start(go_down, &(int){ 1 });
    char path[64];
    struct userns_snapshot *snapshot;
    struct all_maps expected;

    read_maps(pid, &expected);
    mount_tmpfs("/mnt");
    make_file("/mnt/map");
    CHECK(write_file("/mnt/map", "         0          5          1\n"));
    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
    CHECK(mount("/mnt/map", path, "none", MS_BIND, NULL) == 0);
    snapshot = scan_with(USERNS_SCAN_MAPS);
    /* A child joins the namespace, which its id or the process leads to. */
    check_maps(userns_find_pid(snapshot, pid), &expected);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
}

SITUATION(refused_handle, IN_SANDBOX | AS_ROOT,
          "outside the initial PID namespace, what the kernel does not open has not ended: it is "
          "found through a process, or a gap")
{
    pid_t pid = start(go_down, &(int){ 1 });
    char path[64];
    struct userns_snapshot *snapshot;
    struct all_maps expected;

    need_handles();
    read_maps(pid, &expected);
    snprintf(path, sizeof path, "/proc/%d/uid_map", (int)pid);
    CHECK(mount("/dev/null", path, "none", MS_BIND, NULL) == 0);
    deny_syscall(__NR_open_by_handle_at, ANY_ARGUMENT, 0, ESTALE); /* as Linux 6.19.14 does */
    snapshot = scan_with(USERNS_SCAN_MAPS);
    check_maps(userns_find_pid(snapshot, pid), &expected);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
    deny_syscall(SYS_setns, ANY_ARGUMENT, 0, EPERM);
    snapshot = scan_with(USERNS_SCAN_MAPS);
    check_no_maps(userns_find_pid(snapshot, pid));
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 1);
    userns_free(snapshot);
}

SITUATION(
    by_bpf_alone, IN_SANDBOX | AS_ROOT,
    "BPF tells the maps of processes, ancestors, descriptors and mounts, and nothing else does")
{
    static const char *const files[] = { "uid_map", "gid_map", "projid_map", "setgroups" };
    pid_t pid = start(go_down_unmapped, NULL), first = start(go_down, &(int){ 1 }), child;
    struct userns_snapshot *snapshot;
    struct all_maps of_many, of_first;
    struct id_map map;
    uint64_t by_mount = 0;
    char path[64];
    int fd;

    need_bpf();
    if (best_source() != USERNS_SOURCE_BPF_PROCESSES)
        skip("before Linux 5.12 procfs tells maps, before 6.4 also those of descriptors");
    fill_map(&map, MOST_EXTENTS);
    CHECK(write_map(pid, "uid_map", &map) && write_map(pid, "projid_map", &map));
    fill_map(&map, 6);
    CHECK(write_map(pid, "gid_map", &map));
    read_maps(pid, &of_many);
    CHECK_EQ(of_many.uid.count, MOST_EXTENTS);
    read_maps(first, &of_first);
    child = start(join_and_go_down, &first);
    end(first);
    fd = open_left_user();
    mount_tmpfs("/mnt");
    if (opens_by_handle(pid))
        by_mount = mount_left_user("/mnt/ns");
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        const pid_t pids[] = { pid, child, getpid() };

        for (size_t j = 0; j < sizeof pids / sizeof *pids; j++) {
            snprintf(path, sizeof path, "/proc/%d/%s", (int)pids[j], files[i]);
            CHECK(mount("/dev/null", path, "none", MS_BIND, NULL) == 0);
        }
    }
    deny_syscall(SYS_setns, ANY_ARGUMENT, 0, EPERM);
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED | USERNS_SCAN_BPF);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    check_maps(userns_find_pid(snapshot, pid), &of_many);
    check_maps(userns_parent(userns_find_pid(snapshot, child)), &of_first);
    CHECK(has_maps(userns_find_pid(snapshot, child)));
    CHECK(has_maps(userns_find_inode(snapshot, inode_of_fd(fd))));
    CHECK(has_maps(userns_self(snapshot)));
    CHECK(by_mount == 0 || has_maps(userns_find_inode(snapshot, by_mount)));
    userns_free(snapshot);
}

/* Process 1 of the sandbox and the namespaces of root are not this caller's. */
static void scan_as_nobody(void *pids)
{
    const pid_t *of_root = pids;
    pid_t own;
    struct userns_snapshot *snapshot;
    struct all_maps expected;

    become_nobody(0);
    own = start(go_down, &(int){ 1 });
    snapshot = scan_with(USERNS_SCAN_MAPS);
    CHECK(userns_find_pid(snapshot, *of_root) == NULL);
    read_maps(own, &expected);
    check_maps(userns_find_pid(snapshot, own), &expected);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
}

SITUATION(unprivileged, IN_SANDBOX | AS_ROOT, "an ordinary user: namespaces of its own")
{
    pid_t *of_root = shared(sizeof *of_root);

    *of_root = start(go_down, &(int){ 1 });
    in_child(scan_as_nobody, of_root);
}

/* Opens, as an ordinary user, a namespace that it owns, and one that root owns. */
static void scan_pins_as_nobody(void *roots)
{
    int own, of_root = *(int *)roots;
    pid_t pid;
    struct userns_snapshot *snapshot;
    struct all_maps expected;

    become_nobody(0);
    pid = start(go_down, &(int){ 1 });
    own = open_namespace(pid, "user");
    CHECK(own >= 0);
    read_maps(pid, &expected);
    end(pid);
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
    check_maps(userns_find_inode(snapshot, inode_of_fd(own)), &expected);
    check_no_maps(userns_find_inode(snapshot, inode_of_fd(of_root)));
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 1);
    userns_free(snapshot);
}

SITUATION(unprivileged_pinned, IN_SANDBOX | AS_ROOT,
          "an ordinary user joins a namespace that it owns, and no other one")
{
    int of_root;

    need_handles();
    of_root = open_left_user();
    in_child(scan_pins_as_nobody, &of_root);
}

/* ---- Nested callers ---- */

/* Ids 0 to 9 and 20 to 29 of a nested caller. */
static const struct id_map two_parts = { 2, { { 0, 1000, 10 }, { 20, 5000, 10 } } };

/* For start(): a namespace below that of a nested caller. */
static void go_down_to_both_parts(void *unused UNUSED)
{
    static const struct id_map map = { 2, { { 7, 25, 3 }, { 100, 4, 2 } } };
    pid_t parent = getppid(), pid;
    int status;

    /* Its maps are written by a process that has stayed above. */
    pid = fork_child();
    if (pid == 0) {
        while (inode_of(parent) == inode_of(getppid()))
            usleep(1000);
        _exit(!write_map(getppid(), "uid_map", &map) || !write_map(getppid(), "gid_map", &map));
    }
    CHECK(unshare(CLONE_NEWUSER) == 0);
    CHECK(waitpid(pid, &status, 0) == pid && status == 0);
}

static void scan_nested(void *outer)
{
    pid_t sibling = *(pid_t *)outer, pid = start(go_down_to_both_parts, NULL);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_MAPS);
    const struct userns_node *self = userns_self(snapshot), *node = userns_find_pid(snapshot, pid);
    static const struct {
        uid_t inside, outside;
    } same[] = { { 7, 25 }, { 8, 26 }, { 9, 27 }, { 100, 4 }, { 101, 5 } };
    struct all_maps expected;
    size_t count;
    const struct userns_extent *map = userns_uid_map(self, &count);
    uid_t uid;

    CHECK(has_maps(self) && count == 2);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(map[i].inside, two_parts.extents[i].inside);
        CHECK_EQ(map[i].outside, two_parts.extents[i].inside);
        CHECK_EQ(map[i].count, two_parts.extents[i].count);
    }
    read_maps(pid, &expected);
    check_maps(node, &expected);
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        CHECK_EQ(userns_translate_uid(node, same[i].inside, self, &uid), 0);
        CHECK_EQ(uid, same[i].outside);
        CHECK_EQ(userns_translate_uid(self, same[i].outside, node, &uid), 0);
        CHECK_EQ(uid, same[i].inside);
    }
    CHECK_EQ(userns_translate_uid(self, 10, node, &uid), -ENOENT);
    CHECK_EQ(userns_translate_uid(self, 10, self, &uid), -ENOENT);
    CHECK_EQ(userns_translate_uid(self, 29, self, &uid), 0);
    CHECK_EQ(uid, 29);
    CHECK(userns_find_pid(snapshot, sibling) == NULL);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
    /* The same without processes. */
    if (id_of(getpid()) != 0) {
        int fd = open_namespace(pid, "user");

        end(pid);
        snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
        check_maps(userns_find_inode(snapshot, inode_of_fd(fd)), &expected);
        userns_free(snapshot);
        close(fd);
    }
}

/* For start(): waits in a new namespace until its maps are written, and scans there. */
static void scan_when_mapped(void *outer)
{
    struct id_map map;
    FILE *opened;

    go_down_unmapped(NULL);
    do {
        usleep(1000);
        opened = open_process_file(getpid(), "gid_map", "re");
        map.count = (size_t)(fgetc(opened) != EOF);
        fclose(opened);
    } while (map.count == 0);
    CHECK(setresgid(0, 0, 0) == 0 && setresuid(0, 0, 0) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    scan_nested(outer);
}

SITUATION(nested_caller, IN_SANDBOX | AS_ROOT,
          "a caller in a nested namespace: its own ids, those below, nothing outside")
{
    pid_t sibling = start(go_down, &(int){ 1 }), pid = fork_child();

    if (pid == 0) {
        scan_when_mapped(&sibling);
        exit(0);
    }
    while (inode_of(pid) == inode_of(getpid()))
        usleep(1000);
    CHECK(write_map(pid, "uid_map", &two_parts) && write_map(pid, "gid_map", &two_parts));
    expect_success(pid);
}

static void scan_unmapped(void *unused UNUSED)
{
    struct userns_snapshot *snapshot;
    struct all_maps expected = { .denies_setgroups = denies_setgroups(getpid()) };

    go_down_unmapped(NULL);
    snapshot = scan_with(USERNS_SCAN_MAPS);
    check_maps(userns_self(snapshot), &expected);
    userns_free(snapshot);
}

SITUATION(unmapped_caller, IN_SANDBOX, "a caller whose own maps were not written yet")
{
    in_child(scan_unmapped, NULL);
}

static void scan_outside_as_nested(void *fd)
{
    struct userns_snapshot *snapshot;
    const struct userns_node *outside;

    new_user_namespace();
    snapshot = scan_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED);
    outside = userns_find_inode(snapshot, inode_of_fd(*(int *)fd));
    CHECK(userns_flags(outside) & USERNS_NODE_PARENT_HIDDEN);
    check_no_maps(outside);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MAPS), 0);
    userns_free(snapshot);
}

SITUATION(outside, IN_SANDBOX, "a nested caller has a descriptor of a namespace outside: no maps")
{
    int fd = open_left_user();

    in_child(scan_outside_as_nested, &fd);
}

/* ---- Arguments ---- */

SITUATION(arguments, 0, "NULL, nodes of different snapshots, and what is no id")
{
    struct userns_snapshot *one = scan_with(USERNS_SCAN_MAPS), *two = scan_with(USERNS_SCAN_MAPS);
    const struct userns_node *self = userns_self(one);
    size_t count = 7;
    uid_t uid = 5;
    gid_t gid = 5;
    uint32_t projid = 5;

    CHECK(userns_uid_map(NULL, &count) == NULL && count == 0);
    CHECK(userns_gid_map(NULL, NULL) == NULL && userns_projid_map(NULL, NULL) == NULL);
    CHECK_EQ(userns_translate_uid(NULL, 0, self, &uid), -EINVAL);
    CHECK_EQ(userns_translate_uid(self, 0, NULL, &uid), -EINVAL);
    CHECK_EQ(userns_translate_uid(self, 0, self, NULL), -EINVAL);
    CHECK_EQ(userns_translate_gid(self, 0, userns_self(two), &gid), -EINVAL);
    CHECK_EQ(userns_translate_projid(NULL, 0, NULL, NULL), -EINVAL);
    CHECK_EQ(userns_translate_uid(self, (uid_t)-1, self, &uid), -ENOENT);
    CHECK_EQ(userns_translate_gid(self, (gid_t)-1, self, &gid), -ENOENT);
    CHECK_EQ(userns_translate_projid(self, UINT32_MAX, self, &projid), -ENOENT);
    CHECK(uid == 5 && gid == 5 && projid == 5);
    CHECK_EQ(userns_translate_uid(self, geteuid(), self, &uid), 0);
    CHECK_EQ(userns_translate_gid(self, getegid(), self, &gid), 0);
    CHECK(uid == geteuid() && gid == getegid());
    userns_free(one);
    userns_free(two);
}
