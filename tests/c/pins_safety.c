/* What a search for pins must not do: wait, touch what is no namespace, change or leave things. */
#include "pins.h"
#include <grp.h>
#include <linux/fuse.h>
#include <pthread.h>
#include <stdatomic.h>

enum { DEADLINE = 120 /* seconds for scans that could hang */ };

/* Does something in a child that is killed if it hangs, whatever signals it blocks. */
static void before_deadline(void (*act)(void *), void *argument)
{
    pid_t pid = fork_child();
    siginfo_t info = { 0 };

    if (pid == 0) {
        act(argument);
        exit(0);
    }
    for (int i = 0; i < DEADLINE * 100 && info.si_pid == 0; i++) {
        CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0);
        usleep(info.si_pid == 0 ? 10000 : 0);
    }
    if (info.si_pid == 0) {
        kill(pid, SIGKILL);
        fail("a scan hangs");
    }
    expect_success(pid);
}

/* ---- What only looks like a namespace ---- */

#define INITIAL_NAME "user:[4026531837]"

/* Pins that are not processes or owned namespaces. */
static size_t count_holders(const struct userns_pin *const *pins, size_t count)
{
    size_t holders = 0;

    for (size_t i = 0; i < count; i++)
        holders += userns_pin_kind(pins[i]) != USERNS_PIN_MEMBER &&
                   userns_pin_kind(pins[i]) != USERNS_PIN_OWNED;
    return holders;
}

/* How many namespaces and holders a scan finds: the room shows the mounts of the host too. */
struct findings {
    size_t nodes, holders;
    uint32_t gaps;
};

static struct findings find_all(void)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_SOCKETS);
    struct findings findings = { .gaps = userns_gaps(snapshot) };
    const struct userns_node *const *nodes = userns_nodes(snapshot, &findings.nodes);
    size_t owned_count, count;

    for (size_t i = 0; i < findings.nodes; i++) {
        const struct userns_nonuser *const *owned = userns_owned(nodes[i], &owned_count);
        const struct userns_pin *const *pins = userns_pins(nodes[i], &count);

        findings.holders += count_holders(pins, count);
        for (size_t j = 0; j < owned_count; j++) {
            pins = userns_nonuser_pins(owned[j], &count);
            findings.holders += count_holders(pins, count);
        }
    }
    userns_free(snapshot);
    return findings;
}

static void check_nothing_new(const struct findings *before)
{
    struct findings now = find_all();

    CHECK(now.nodes <= before->nodes && now.holders <= before->holders);
    CHECK((now.gaps & ~before->gaps) == 0);
}

static void imitate(void *unused)
{
    static const char *const names[] = { INITIAL_NAME, "user:[1]", "net:[1]", "mnt:[2]" };
    struct findings before = find_all();

    (void)unused;
    mount_tmpfs("/mnt");
    CHECK(chdir("/mnt") == 0);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        CHECK(open(names[i], O_RDWR | O_CREAT | O_CLOEXEC, 0600) >= 0);
        CHECK(memfd_create(names[i], MFD_CLOEXEC) >= 0);
    }
    CHECK(mkdir("nsfs - nsfs nsfs rw", 0700) == 0);
    CHECK(mount("nsfs", "nsfs - nsfs nsfs rw", "tmpfs", 0, NULL) == 0);
    CHECK(mount(" - nsfs nsfs", INITIAL_NAME, "none", MS_BIND, NULL) != 0);
    CHECK(mount("net:[1]", INITIAL_NAME, "none", MS_BIND, NULL) == 0);
    check_nothing_new(&before);
    CHECK(mkdir("proc", 0700) == 0 && mount("proc", "proc", "proc", 0, NULL) == 0);
    CHECK(chroot("/mnt") == 0); /* so that the paths of these files are as short as can be */
    check_nothing_new(&before);
}

/* Files, a memfd and mounts whose names are those of namespaces. */
static void not_a_namespace(void)
{
    in_clean_room(imitate, NULL);
}

/* ---- Descriptors that must be left alone ---- */

#define FIFO "/mnt/user:[4026531838]"

/* A namespace, and a FIFO that nobody has open for reading. */
static void make_fifo(void)
{
    mount_tmpfs("/mnt");
    CHECK(mkfifo(FIFO, 0600) == 0);
}

/* Tries to write to the FIFO, which cannot be opened so as long as nobody reads. */
static void *watch_fifo(void *touched)
{
    for (;;) {
        int fd = open(FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

        if (fd >= 0 || errno != ENXIO)
            *(atomic_bool *)touched = true;
        if (fd >= 0)
            close(fd);
        sched_yield();
    }
    return NULL;
}

static void start_watching(void *touched)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, watch_fifo, touched) == 0);
}

/* As O_PATH, which opens nothing by itself; and a file with a lease: whoever opens that waits. */
static void open_dangers(void *unused)
{
    static const char *const paths[] = { FIFO, "/dev/tty", "/dev/ptmx", "/dev/zero" };
    struct findings before = find_all();
    int leased;

    (void)unused;
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        CHECK(open(paths[i], O_PATH | O_CLOEXEC) >= 0);
    CHECK(open("/dev/zero", O_RDWR | O_CLOEXEC) >= 0);
    leased = open("/mnt/net:[1]", O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    CHECK(leased >= 0 && signal(SIGIO, SIG_IGN) != SIG_ERR);
    CHECK(fcntl(leased, F_SETLEASE, F_WRLCK) == 0);
    for (int i = 0; i < 200; i++) {
        check_nothing_new(&before);
        CHECK(fcntl(leased, F_GETLEASE) == F_WRLCK);
    }
}

static void dangers_in_room(void *unused)
{
    atomic_bool *touched = shared(sizeof *touched);
    pid_t watcher;

    make_fifo();
    watcher = start(start_watching, touched);
    before_deadline(open_dangers, unused);
    end(watcher);
    CHECK(!*touched);
}

/* A FIFO without a writer, devices, and a file whose open would wait. */
static void dangerous_descriptors(void)
{
    in_clean_room(dangers_in_room, NULL);
}

struct swap {
    int namespace_fd, other, number;
};

static void *keep_swapping(void *argument)
{
    const struct swap *swap = argument;

    for (;;) {
        CHECK(dup2(swap->namespace_fd, swap->number) == swap->number);
        CHECK(dup2(swap->other, swap->number) == swap->number);
    }
    return NULL;
}

static void start_swapping_with(struct held *held, const char *path)
{
    static struct swap swap = { .number = 100 };
    pthread_t thread;

    hold_descriptor(held);
    swap.namespace_fd = open_left_user(); /* one that is not met before, on a lower number */
    swap.other = open(path, O_PATH | O_CLOEXEC);
    CHECK(swap.other >= 0);
    CHECK(dup2(swap.namespace_fd, swap.number) == swap.number && close(swap.namespace_fd) == 0);
    swap.namespace_fd = fcntl(swap.number, F_DUPFD_CLOEXEC, swap.number + 1);
    CHECK(pthread_create(&thread, NULL, keep_swapping, &swap) == 0);
}

static void start_swapping(void *held)
{
    start_swapping_with(held, FIFO);
}

static void scan_amid_swaps(void *argument)
{
    const struct held *held = argument;

    for (int i = 0; i < often(2000); i++)
        CHECK(finds(USERNS_SCAN_PINNED, held->inode));
}

static void swaps_in_room(void *unused)
{
    struct held *held = shared(sizeof *held);
    atomic_bool *touched = shared(sizeof *touched);
    pid_t swapper, watcher;

    (void)unused;
    make_fifo();
    swapper = start(start_swapping, held);
    watcher = start(start_watching, touched);
    before_deadline(scan_amid_swaps, held);
    end(watcher);
    end(swapper);
    CHECK(!*touched);
}

/* One process swaps a namespace for a FIFO on the same number as fast as it can. */
static void swapped_descriptor(void)
{
    in_clean_room(swaps_in_room, NULL);
}

/* ---- A file system whose server stops answering: a directory with the file "ns", by FUSE ---- */

static void answer(int device, uint64_t unique, const void *data, size_t size)
{
    char reply[sizeof(struct fuse_out_header) + 256];
    struct fuse_out_header header = { .len = (uint32_t)(sizeof header + size), .unique = unique };

    memcpy(reply, &header, sizeof header);
    memcpy(reply + sizeof header, data, size);
    CHECK(write(device, reply, header.len) == (ssize_t)header.len);
}

static struct fuse_attr attributes_of(uint64_t node)
{
    bool is_root = node == FUSE_ROOT_ID;

    return (struct fuse_attr){
        .ino = node,
        .nlink = 1,
        .mode = is_root ? S_IFDIR | 0755 : S_IFREG | 0644,
    };
}

static void serve_one(int device)
{
    char request[FUSE_MIN_READ_BUFFER + 4096];
    const struct fuse_in_header *header = (void *)request;
    struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };
    struct fuse_entry_out entry = { .nodeid = 2, .attr = attributes_of(2) };
    struct fuse_attr_out attributes = { .attr = attributes_of(header->nodeid) };

    CHECK(read(device, request, sizeof request) > 0);
    attributes.attr = attributes_of(header->nodeid);
    if (header->opcode == FUSE_INIT)
        answer(device, header->unique, &init, sizeof init);
    else if (header->opcode == FUSE_LOOKUP)
        answer(device, header->unique, &entry, sizeof entry);
    else if (header->opcode == FUSE_GETATTR)
        answer(device, header->unique, &attributes, sizeof attributes);
    else if (header->opcode != FUSE_FORGET)
        answer(device, header->unique, NULL, 0); /* FUSE_ACCESS: allowed */
}

static void *serve(void *device)
{
    for (;;)
        serve_one(*(int *)device);
    return NULL;
}

/* Mounts it with a root of this type; nothing that it answers may be kept. */
static void mount_server(const char *path, unsigned type)
{
    static int device;
    char options[64];
    pthread_t thread;

    device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    if (device < 0)
        skip("cannot open /dev/fuse: %s", strerror(errno));
    snprintf(options, sizeof options, "fd=%d,rootmode=%o,user_id=0,group_id=0", device, type);
    CHECK(mount("none", path, "fuse", 0, options) == 0);
    CHECK(pthread_create(&thread, NULL, serve, &device) == 0);
}

/* For start(), in the mount namespace of the room. */
static void start_server(void *unused)
{
    (void)unused;
    mount_server("/mnt", S_IFDIR);
}

static void mount_on_server(void *argument)
{
    struct held *held = argument;
    int fd = open_left_user();

    held->inode = inode_of_fd(fd);
    mount_namespace(fd, "/mnt/ns");
}

static void live_on_server(void *held)
{
    mount_on_server(held);
    CHECK(chroot("/mnt") == 0 && chdir("/") == 0);
}

/* The namespace is known, and no more than that. */
static void scan_past_server(void *argument)
{
    const struct held *held = argument;
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    const struct userns_node *node = userns_find_inode(snapshot, held->inode);
    size_t count;

    CHECK(node != NULL && userns_parent(node) == NULL);
    CHECK_EQ(userns_flags(node),
             USERNS_NODE_PARENT_HIDDEN | USERNS_NODE_EMPTY | USERNS_NODE_ONLY_PINNED);
    CHECK_EQ(userns_pin_kind(userns_pins(node, &count)[0]), USERNS_PIN_MOUNT);
    CHECK(count >= 1);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_MOUNTS);
    CHECK(userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS) >= 1);
    userns_free(snapshot);
}

static void scan_beside_stopped_server(void (*live)(void *))
{
    struct held *held = shared(sizeof *held);
    pid_t server = start(start_server, NULL), pid = start(live, held);

    CHECK(kill(server, SIGSTOP) == 0);
    before_deadline(scan_past_server, held);
    end(server);
    end(pid);
}

static void hanging_path_in_room(void *unused)
{
    (void)unused;
    scan_beside_stopped_server(mount_on_server);
}

static void hanging_path(void)
{
    in_clean_room(hanging_path_in_room, NULL);
}

static void hanging_root_in_room(void *unused)
{
    (void)unused;
    scan_beside_stopped_server(live_on_server);
}

/* The root directory of a process is on the file system that does not answer. */
static void hanging_root(void)
{
    in_clean_room(hanging_root_in_room, NULL);
}

static void start_cover(void *argument)
{
    struct held *held = argument;

    mount_tmpfs("/mnt");
    held->inode = mount_left_user("/mnt/ns");
    mount_server("/mnt/ns", S_IFREG);
}

static void scan_held(void *argument)
{
    CHECK(finds(USERNS_SCAN_PINNED, ((const struct held *)argument)->inode));
}

static void hanging_cover_in_room(void *unused)
{
    struct held *held = shared(sizeof *held);
    pid_t server = start(start_cover, held);

    (void)unused;
    CHECK(kill(server, SIGSTOP) == 0);
    before_deadline(scan_held, held);
    end(server);
}

/* A mount that hides a namespace is of the file system that does not answer. */
static void hanging_cover(void)
{
    in_clean_room(hanging_cover_in_room, NULL);
}

static void start_swapping_file(void *argument)
{
    start_swapping_with(argument, "/mnt/ns");
}

static void hanging_swap_in_room(void *unused)
{
    struct held *held = shared(sizeof *held);
    pid_t server = start(start_server, unused), swapper = start(start_swapping_file, held);

    CHECK(kill(server, SIGSTOP) == 0);
    before_deadline(scan_amid_swaps, held);
    end(server);
    end(swapper);
}

/* One process swaps a namespace for a file there on the same number as fast as it can. */
static void hanging_swap(void)
{
    in_clean_room(hanging_swap_in_room, NULL);
}

/* ---- Nothing is left, nothing is changed ---- */

/* A user namespace mounted, in another mount namespace, below another mount on the same path. */
static void hold_covered_mount(void *argument)
{
    struct held *held = argument;

    new_mount_namespace();
    mount_tmpfs("/mnt");
    held->inode = mount_left_user("/mnt/ns");
    CHECK(mount("/dev/null", "/mnt/ns", "none", MS_BIND, NULL) == 0);
}

static void scan_many_times(void *unused)
{
    struct held *held = shared(2 * sizeof *held);
    int descriptors = open_descriptors();
    long limit = 256 * 1024 / sysconf(_SC_PAGESIZE), before = 0;

    (void)unused;
    start(hold_descriptor, &held[0]);
    start(hold_covered_mount, &held[1]);
    for (int i = 1; i <= 10000; i++) {
        CHECK(finds(USERNS_SCAN_SOCKETS | USERNS_SCAN_NAMES, held[i % 2].inode));
        if (i == 1000)
            before = resident_pages();
    }
    CHECK(resident_pages() - before < limit);
    CHECK_EQ(open_descriptors(), descriptors);
}

static void many_scans_leave_nothing(void)
{
    in_clean_room(scan_many_times, NULL);
}

static void print_link(FILE *out, const char *directory, const char *name)
{
    char path[300], target[4096];
    ssize_t length;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    length = readlink(path, target, sizeof target);
    fprintf(out, "%s: %.*s\n", path, length < 0 ? 0 : (int)length, target);
}

/* Namespaces, directories, signals and credentials of this thread, as text. */
static char *state_of_thread(void)
{
    char *text, line[512];
    size_t length;
    FILE *out = open_memstream(&text, &length), *status = fopen("/proc/thread-self/status", "re");
    DIR *namespaces = opendir("/proc/thread-self/ns");

    CHECK(out != NULL && status != NULL && namespaces != NULL);
    for (struct dirent *entry; (entry = readdir(namespaces)) != NULL;)
        print_link(out, "/proc/thread-self/ns", entry->d_name);
    print_link(out, "/proc/thread-self", "cwd");
    print_link(out, "/proc/thread-self", "root");
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "Vm", 2) != 0 && strncmp(line, "Rss", 3) != 0 &&
            strstr(line, "ctxt_switches") == NULL)
            fputs(line, out);
    fprintf(out, "descriptors: %d\n", open_descriptors());
    closedir(namespaces);
    fclose(status);
    CHECK(fclose(out) == 0);
    return text;
}

static atomic_int children_signalled;

static void count_signal(int signal)
{
    (void)signal;
    children_signalled++;
}

static void check_unchanged(const struct held *held)
{
    char *before = state_of_thread(), *after;

    CHECK(finds(USERNS_SCAN_SOCKETS, held->inode));
    after = state_of_thread();
    if (strcmp(before, after) != 0)
        fail("before:\n%safter:\n%s", before, after);
    free(before);
    free(after);
}

/* Its own children: none, so that the scan's would show. */
static void scan_without_children(void *argument)
{
    struct sigaction action = { .sa_handler = count_signal };
    sigset_t mask;

    CHECK(sigemptyset(&mask) == 0 && sigaddset(&mask, SIGUSR2) == 0);
    CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
    CHECK(sigaction(SIGCHLD, &action, NULL) == 0);
    CHECK(chdir("/proc/self") == 0);
    umask(0137);
    check_unchanged(argument);
    CHECK(waitpid(-1, NULL, __WALL) == -1 && errno == ECHILD);
    CHECK_EQ(children_signalled, 0);

    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    check_unchanged(argument);
}

static void *wait_for_any(void *returned)
{
    waitpid(-1, NULL, 0);
    *(atomic_bool *)returned = true;
    return NULL;
}

/* Another thread waits for a child, which is to be the one that it knows. */
static void scan_beside_waiter(void *argument)
{
    static atomic_bool returned;
    pid_t child = start(do_nothing, NULL);
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, wait_for_any, &returned) == 0);
    for (int i = 0; i < 200; i++)
        CHECK(finds(USERNS_SCAN_PINNED, ((const struct held *)argument)->inode));
    CHECK(!returned);
    CHECK(kill(child, SIGKILL) == 0 && pthread_join(thread, NULL) == 0);
}

static void state_in_room(void *unused)
{
    struct held *held = shared(sizeof *held);

    (void)unused;
    start(hold_covered_mount, held);
    in_child(scan_without_children, held);
    in_child(scan_beside_waiter, held);
}

static void state_unchanged(void)
{
    in_clean_room(state_in_room, NULL);
}

/* ---- Limited sight ---- */

static uint32_t mounts_gap(size_t *unreadable, size_t *unopened)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
    uint32_t gap = userns_gaps(snapshot) & USERNS_GAP_MOUNTS;

    *unreadable = userns_gap_count(snapshot, USERNS_GAP_MOUNTS);
    *unopened = userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS);
    userns_free(snapshot);
    return gap;
}

static void lock_up(void *unused)
{
    (void)unused;
    new_mount_namespace();
    mount_tmpfs("/mnt");
    mount_left_user("/mnt/ns");
    CHECK(mkdir("/mnt/jail", 0700) == 0 && chroot("/mnt/jail") == 0);
}

static void all_chrooted_in_room(void *unused)
{
    size_t unreadable, unopened, before;

    mounts_gap(&before, &unopened);
    start(lock_up, unused);
    CHECK_EQ(mounts_gap(&unreadable, &unopened), USERNS_GAP_MOUNTS);
    CHECK_EQ(unreadable, before + 1);
}

/* Nobody shows what is mounted outside the one directory where the only process is locked up. */
static void all_chrooted(void)
{
    in_clean_room(all_chrooted_in_room, NULL);
}

static void cover_in_other_owner(void *unused)
{
    (void)unused;
    new_user_namespace();
    new_mount_namespace();
    mount_tmpfs("/mnt");
    mount_left_user("/mnt/ns");
    mount_tmpfs("/mnt");
}

static void covered_elsewhere_in_room(void *unused)
{
    size_t unreadable, unopened, before;

    mounts_gap(&unreadable, &before);
    start(cover_in_other_owner, unused);
    CHECK_EQ(mounts_gap(&unreadable, &unopened), USERNS_GAP_MOUNTS);
    CHECK_EQ(unopened, before + 1);
}

/* What is hidden in a mount namespace that another user namespace owns is known by number only. */
static void covered_elsewhere(void)
{
    in_clean_room(covered_elsewhere_in_room, NULL);
}

/* Whoever may mount can put a FIFO where files of a process are looked for. */
static void scan_past_fifos(void *pid)
{
    char source[] = "/mnt/fifo", path[64];
    struct userns_snapshot *snapshot;

    mount_tmpfs("/mnt");
    CHECK(mkfifo(source, 0600) == 0);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", (int)*(pid_t *)pid, i ? "mountinfo" : "comm");
        CHECK(mount(source, path, "none", MS_BIND, NULL) == 0);
    }
    snapshot = scan_with(USERNS_SCAN_PINNED | USERNS_SCAN_NAMES);
    CHECK(userns_find_pid(snapshot, *(pid_t *)pid) == userns_self(snapshot));
    userns_free(snapshot);
}

static void false_files_in_room(void *unused)
{
    pid_t pid = start(do_nothing, unused);

    before_deadline(scan_past_fifos, &pid);
}

static void false_files(void)
{
    in_clean_room(false_files_in_room, NULL);
}

/* Of root are process 1 of the room and one that holds a namespace. */
static void scan_as_nobody(void *roots)
{
    struct held own;
    struct userns_snapshot *snapshot;
    uint32_t expected = USERNS_GAP_UNREADABLE | USERNS_GAP_DESCRIPTORS | USERNS_GAP_MOUNTS;

    become_nobody(0);
    hold_descriptor(&own);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    CHECK_EQ(userns_gaps(snapshot) & expected, expected);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 2);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS), 2);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MOUNTS), 2);
    CHECK(userns_find_inode(snapshot, ((struct held *)roots)->inode) == NULL);
    check_place(snapshot, own.inode);
    check_descriptor(only_pin(snapshot, own.inode), getpid(), getpid(), own.fd);
    userns_free(snapshot);
}

static void unprivileged_in_room(void *unused)
{
    struct held *held = shared(sizeof *held);

    (void)unused;
    start(hold_descriptor, held);
    in_child(scan_as_nobody, held);
}

static void unprivileged(void)
{
    if (geteuid() != 0 || inode_of(getpid()) != INITIAL_INODE)
        skip("needs root in the initial user namespace");
    in_clean_room(unprivileged_in_room, NULL);
}

/* ---- Only what the flags ask for ---- */

/* Whether any node shows pins, owned namespaces and names, as the bits 0, 1 and 2. */
static unsigned shown(uint64_t flags)
{
    struct userns_snapshot *snapshot = scan_with(flags);
    uint32_t gaps = USERNS_GAP_DESCRIPTORS | USERNS_GAP_SOCKETS | USERNS_GAP_MOUNTS |
                    USERNS_GAP_MOUNT_NAMESPACES;
    size_t count, pins, owned, names;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);
    unsigned bits = 0;

    for (size_t i = 0; i < count; i++) {
        CHECK((userns_pins(nodes[i], &pins) == NULL) == (pins == 0));
        CHECK((userns_owned(nodes[i], &owned) == NULL) == (owned == 0));
        CHECK((userns_names(nodes[i], &names) == NULL) == (names == 0));
        bits |= (pins > 0) | (owned > 0) << 1 | (names > 0) << 2;
        CHECK(flags & USERNS_SCAN_PINNED || !(userns_flags(nodes[i]) & USERNS_NODE_ONLY_PINNED));
    }
    if (!(flags & USERNS_SCAN_PINNED)) {
        CHECK(!(userns_gaps(snapshot) & gaps));
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS) + userns_gap_count(snapshot, USERNS_GAP_MOUNTS), 0);
    }
    userns_free(snapshot);
    return bits;
}

static void flags_in_room(void *unused)
{
    struct held *held = shared(sizeof *held);
    enum { PINS = 1, OWNED = 2, NAMES = 4 };

    (void)unused;
    start(hold_descriptor, held);
    CHECK_EQ(shown(0), 0);
    CHECK_EQ(shown(USERNS_SCAN_NAMES), NAMES);
    CHECK_EQ(shown(USERNS_SCAN_OWNED) & (OWNED | NAMES), OWNED);
    CHECK_EQ(shown(USERNS_SCAN_PINNED), PINS | OWNED);
    CHECK_EQ(shown(USERNS_SCAN_PINNED | USERNS_SCAN_NAMES), PINS | OWNED | NAMES);
}

static void flags_do_not_mix(void)
{
    in_clean_room(flags_in_room, NULL);
}

static void null_handles(void)
{
    size_t count = 7;

    CHECK(userns_names(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_pins(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_owned(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_nonuser_pins(NULL, &count) == NULL && count == 0);
    CHECK(userns_names(NULL, NULL) == NULL && userns_pins(NULL, NULL) == NULL);
    CHECK(userns_owned(NULL, NULL) == NULL && userns_nonuser_pins(NULL, NULL) == NULL);
    CHECK(userns_gap_count(NULL, USERNS_GAP_DESCRIPTORS) == 0 && userns_gap_count(NULL, USERNS_GAP_MOUNTS) == 0);
    CHECK(userns_gap_count(NULL, USERNS_GAP_UNOPENED_MOUNTS) == 0 && userns_nonusers(NULL, NULL) == NULL);
    CHECK(userns_pin_kind(NULL) == 0 && userns_pin_pid(NULL) == 0 && userns_pin_tid(NULL) == 0);
    CHECK(userns_pin_path(NULL) == NULL && userns_pin_nonuser(NULL) == NULL);
    CHECK_EQ(userns_pin_descriptor(NULL), -1);
    CHECK(userns_nonuser_type(NULL) == 0 && userns_nonuser_type_name(NULL) == NULL);
    CHECK(userns_nonuser_inode(NULL) == 0 && userns_nonuser_id(NULL) == 0);
    CHECK(userns_nonuser_member_count(NULL) == 0 && userns_nonuser_owner(NULL) == NULL);
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "not_a_namespace", not_a_namespace },
        { "dangerous_descriptors", dangerous_descriptors },
        { "swapped_descriptor", swapped_descriptor },
        { "hanging_path", hanging_path },
        { "hanging_root", hanging_root },
        { "hanging_cover", hanging_cover },
        { "hanging_swap", hanging_swap },
        { "many_scans_leave_nothing", many_scans_leave_nothing },
        { "state_unchanged", state_unchanged },
        { "unprivileged", unprivileged },
        { "all_chrooted", all_chrooted },
        { "covered_elsewhere", covered_elsewhere },
        { "false_files", false_files },
        { "flags_do_not_mix", flags_do_not_mix },
        { "null_handles", null_handles },
        { NULL, NULL },
    };

    return run(all, argc, argv);
}
