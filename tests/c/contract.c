/* What the header promises to any caller, also to a careless one on a host in trouble. */
#include "kit.h"
#include "text.h"
#include <sys/socket.h>

#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdatomic.h>

#ifndef PIDFD_GET_USER_NAMESPACE /* of linux/pidfd.h, since Linux 6.11 */
#define PIDFD_GET_USER_NAMESPACE _IO(0xff, 9)
#endif

/* The header's promise: a scan never has more descriptors open. */
enum { DESCRIPTORS = 5, PINNED_DESCRIPTORS = 10 };

#define ALL_FLAGS \
    (USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS | USERNS_SCAN_OWNED | USERNS_SCAN_NAMES)

/* Where something can be mounted in a clean room, which has a mount namespace of its own. */
static char elsewhere[] = "/tmp";

static void expect_error(const char *what, const struct userns_options *options, int expected)
{
    static char garbage;
    struct userns_snapshot *snapshot = (void *)&garbage;
    int error = userns_scan(options, &snapshot);

    if (error != expected)
        fail("%s: the scan returned %d, not %d", what, error, expected);
    if (snapshot != NULL)
        fail("%s: the snapshot is not NULL", what);
}

static void expect_path_error(const char *path, int expected)
{
    struct userns_options options = USERNS_OPTIONS_INIT;

    options.proc_path = path;
    expect_error(path, &options, expected);
}

/* ---- Pins ---- */

/*
 * Lets a descriptor, a socket, a mount and a mount that another one hides hold namespaces, as
 * far as this caller may; for scans that have to meet each.
 */
static void hold_in_all_ways(pid_t pid)
{
    static char visible[] = "/tmp/userns-visible-XXXXXX", hidden[] = "/tmp/userns-hidden-XXXXXX";
    char path[64];
    pid_t other = start(go_down, &(int){ 2 });

    CHECK(open_namespace(pid, "user") >= 0);
    CHECK(socket(AF_UNIX, SOCK_STREAM, 0) >= 0);
    CHECK(mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0);
    CHECK(close(mkstemp(visible)) == 0 && close(mkstemp(hidden)) == 0);
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    CHECK(mount(path, visible, "none", MS_BIND, NULL) == 0);
    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)other);
    CHECK(mount(path, hidden, "none", MS_BIND, NULL) == 0);
    CHECK(mount(visible, hidden, "none", MS_BIND, NULL) == 0);
    end(other);
    end(pid);
}

/* ---- NULL ---- */

static void null_snapshot(void)
{
    size_t count = 7;

    CHECK(userns_root(NULL) == NULL);
    CHECK(userns_roots(NULL, NULL) == NULL);
    CHECK(userns_roots(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_nodes(NULL, NULL) == NULL);
    CHECK(userns_nodes(NULL, &count) == NULL && count == 0);
    CHECK(userns_self(NULL) == NULL);
    CHECK(userns_find_inode(NULL, INITIAL_INODE) == NULL);
    CHECK(userns_find_id(NULL, 1) == NULL);
    CHECK(userns_find_pid(NULL, getpid()) == NULL);
    CHECK_EQ(userns_gaps(NULL), 0);
    CHECK_EQ(userns_gap_count(NULL, USERNS_GAP_UNREADABLE), 0);
    userns_free(NULL);
}

static void null_node(const struct userns_node *other)
{
    size_t count = 7;
    uid_t uid = 12345;

    CHECK_EQ(userns_inode(NULL), 0);
    CHECK_EQ(userns_device(NULL), 0);
    CHECK_EQ(userns_id(NULL), 0);
    CHECK_EQ(userns_flags(NULL), 0);
    CHECK_EQ(userns_depth(NULL), 0);
    CHECK(!userns_owner_uid(NULL, NULL));
    CHECK(!userns_owner_uid(NULL, &uid) && uid == 12345);
    CHECK(userns_parent(NULL) == NULL);
    CHECK(userns_children(NULL, NULL) == NULL);
    CHECK(userns_children(NULL, &count) == NULL && count == 0);
    count = 7;
    CHECK(userns_pids(NULL, NULL) == NULL);
    CHECK(userns_pids(NULL, &count) == NULL && count == 0);
    CHECK(!userns_is_ancestor(NULL, NULL));
    CHECK(!userns_is_ancestor(other, NULL));
    CHECK(!userns_is_ancestor(NULL, other));
}

static void null_handles(void)
{
    struct userns_snapshot *snapshot = scan();

    null_snapshot();
    null_node(userns_self(snapshot));
    userns_free(snapshot);
}

static void null_outputs(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot = scan();
    const struct userns_node *own = userns_self(snapshot);
    size_t count;
    uid_t uid;

    CHECK_EQ(userns_scan(NULL, NULL), -EINVAL);
    CHECK_EQ(userns_scan(&options, NULL), -EINVAL);
    CHECK(userns_roots(snapshot, NULL) == userns_roots(snapshot, &count) && count > 0);
    CHECK(userns_nodes(snapshot, NULL) == userns_nodes(snapshot, &count) && count > 0);
    CHECK(userns_pids(own, NULL) == userns_pids(own, &count) && count > 0);
    CHECK(userns_children(own, NULL) == userns_children(own, &count));
    CHECK((userns_children(own, NULL) == NULL) == (count == 0));
    CHECK(userns_owner_uid(own, NULL) == userns_owner_uid(own, &uid));
    userns_free(snapshot);
}

static void nothing_found(void)
{
    struct userns_snapshot *snapshot = scan();

    CHECK(userns_find_inode(snapshot, 0) == NULL);
    CHECK(userns_find_inode(snapshot, UINT64_MAX) == NULL);
    CHECK(userns_find_inode(snapshot, INITIAL_INODE + (UINT64_C(1) << 32)) == NULL);
    CHECK(userns_find_id(snapshot, 0) == NULL);
    CHECK(userns_find_id(snapshot, UINT64_MAX) == NULL);
    CHECK(userns_find_pid(snapshot, 0) == NULL);
    CHECK(userns_find_pid(snapshot, -1) == NULL);
    CHECK(userns_find_pid(snapshot, INT_MIN) == NULL);
    CHECK(userns_find_pid(snapshot, INT_MAX) == NULL); /* above the kernel's limit for PIDs */
    userns_free(snapshot);
}

/* ---- Options ---- */

/*
 * Zeroed memory for options, beyond which nothing can be read. What looks at more bytes than
 * it may ends by a signal.
 */
static struct userns_options *before_an_abyss(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *memory = mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED && size <= page);
    CHECK(mprotect(memory + page, page, PROT_NONE) == 0);
    return (void *)(memory + page - size);
}

/* Sizes with which nothing but the size itself may be looked at. */
static void refused_sizes(void)
{
    struct userns_options *options = before_an_abyss(sizeof options->size);

    for (size_t size = 0; size < sizeof *options; size++) {
        options->size = size;
        expect_error("a smaller size", options, -EINVAL);
    }
    options->size = 4096;
    expect_error("size 4096", options, -E2BIG);
    options->size = SIZE_MAX;
    expect_error("size SIZE_MAX", options, -E2BIG);
}

static void longer_options(size_t size)
{
    struct userns_options *options = before_an_abyss(size);
    struct userns_snapshot *snapshot;

    options->size = size;
    CHECK_EQ(userns_scan(options, &snapshot), 0);
    userns_free(snapshot);
    for (size_t i = sizeof *options; i < size; i++) {
        ((unsigned char *)options)[i] = i % 2 == 0 ? 1 : 0x80;
        expect_error("an unknown field", options, -E2BIG);
        ((unsigned char *)options)[i] = 0;
    }
}

static void option_sizes(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT, *exact = before_an_abyss(sizeof *exact);
    struct userns_snapshot *snapshot;
    size_t page = (size_t)sysconf(_SC_PAGESIZE);

    userns_free(scan());
    CHECK_EQ(userns_scan(&options, &snapshot), 0);
    userns_free(snapshot);

    *exact = options;
    exact->proc_path = "/proc";
    CHECK(mprotect((char *)(exact + 1) - page, page, PROT_READ) == 0);
    CHECK_EQ(userns_scan(exact, &snapshot), 0);
    userns_free(snapshot);

    refused_sizes();
    longer_options(sizeof options + 8);
    longer_options(sizeof options + 64);
    longer_options(4096 - 8);
}

static void unknown_flags(void)
{
    for (int bit = 5; bit < 64; bit++) { /* those below are known */
        struct userns_options options = USERNS_OPTIONS_INIT;

        options.flags = UINT64_C(1) << bit;
        expect_error("an unknown flag", &options, -EINVAL);
    }
}

/* ---- Paths ---- */

static char scratch[PATH_MAX];
static pid_t scratch_maker;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

static void remove_scratch(void)
{
    if (getpid() == scratch_maker) /* atexit(3) is for forked processes too */
        nftw(scratch, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

static void make_scratch(void)
{
    const char *directory = getenv("TMPDIR");

    snprintf(scratch, sizeof scratch, "%s/userns-XXXXXX", directory ? directory : "/tmp");
    CHECK(mkdtemp(scratch) != NULL);
    scratch_maker = getpid();
    CHECK(atexit(remove_scratch) == 0);
    CHECK(chmod(scratch, 0755) == 0);
}

/* A path in the scratch directory; the next call overwrites it. */
static const char *in_scratch(const char *name)
{
    static char path[PATH_MAX + 64];

    snprintf(path, sizeof path, "%s/%s", scratch, name);
    return path;
}

static void make_file(const char *name)
{
    int fd = open(in_scratch(name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);

    CHECK(fd >= 0 && close(fd) == 0);
}

static void refused_paths(void)
{
    static char too_long[PATH_MAX + 1];

    make_file("file");
    CHECK(mkdir(in_scratch("directory"), 0755) == 0);
    CHECK(symlink("loop", in_scratch("loop")) == 0);
    CHECK(symlink("nowhere", in_scratch("dangling")) == 0);
    CHECK(mkfifo(in_scratch("fifo"), 0644) == 0);
    memset(too_long, '/', sizeof too_long - 1);

    expect_path_error("", -ENOENT);
    expect_path_error(in_scratch("missing"), -ENOENT);
    expect_path_error(in_scratch("dangling"), -ENOENT);
    expect_path_error(in_scratch("file"), -ENOTDIR);
    expect_path_error(in_scratch("file/proc"), -ENOTDIR);
    expect_path_error(in_scratch("fifo"), -ENOTDIR);
    expect_path_error(in_scratch("loop"), -ELOOP);
    expect_path_error(too_long, -ENAMETOOLONG);
    expect_path_error("/", -ENODEV);
    expect_path_error(in_scratch("directory"), -ENODEV);
    expect_path_error("/proc/self", -ENODEV);
    expect_path_error("/proc/self/task", -ENODEV);
    expect_path_error("/proc/sys", -ENODEV);
}

static void paths(void)
{
    const char *good[] = { "/proc", "/proc/", "//proc/.", "/proc/self/..", "proc", "./proc" };

    make_scratch();
    refused_paths();
    CHECK(symlink("/proc", in_scratch("link")) == 0);
    userns_free(scan_at(in_scratch("link")));
    CHECK(chdir("/") == 0);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        userns_free(scan_at(good[i]));
}

/* A file system that has what a scan looks for, even the inode number of its root, 1. */
static void scan_imitation(void *unused)
{
    (void)unused;
    CHECK(mount("tmpfs", elsewhere, "tmpfs", 0, NULL) == 0);
    CHECK(chdir(elsewhere) == 0);
    CHECK(mkdir("1", 0755) == 0 && mkdir("1/ns", 0755) == 0 && symlink("1", "self") == 0);
    CHECK(symlink("/proc/1/ns/user", "1/ns/user") == 0);
    CHECK(access("self/ns/user", R_OK) == 0);
    expect_path_error(elsewhere, -ENODEV);
}

static void imitated_procfs(void)
{
    in_clean_room(scan_imitation, NULL);
}

static void open_forbidden(void *unused)
{
    (void)unused;
    if (geteuid() == 0)
        become_nobody(0);
    expect_path_error(in_scratch("forbidden"), -EACCES);
    expect_path_error(in_scratch("forbidden/proc"), -EACCES);
}

static void forbidden_paths(void)
{
    make_scratch();
    CHECK(mkdir(in_scratch("forbidden"), 0) == 0);
    in_child(open_forbidden, NULL);
}

/* ---- Errors and versions ---- */

static void check_sentence(const char *sentence)
{
    size_t length;

    CHECK(sentence != NULL);
    length = strlen(sentence);
    CHECK(length > 0 && sentence[length - 1] != '.' && strchr(sentence, '\n') == NULL);
}

static void errors_are_explained(void)
{
    static const int errors[] = {
        0,      -EINVAL, -E2BIG,  -ENOENT, -ENOTDIR, -EACCES, -ELOOP,           -ENAMETOOLONG,
        -ENODEV, -ENOTTY, -ENOMEM, -EMFILE, -ENFILE,  -ENOTRECOVERABLE, -4096 /* no errno value */,
    };
    size_t count = sizeof errors / sizeof *errors;

    for (size_t i = 0; i < count; i++) {
        check_sentence(userns_strerror(errors[i]));
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(userns_strerror(errors[i]), userns_strerror(errors[j])) != 0);
    }
    CHECK(strcmp(userns_strerror(INT_MIN), userns_strerror(-4096)) == 0);
    CHECK(strcmp(userns_strerror(1), userns_strerror(0)) == 0);
    CHECK(strcmp(userns_strerror(EINVAL), userns_strerror(0)) == 0);
    CHECK(strcmp(userns_strerror(INT_MAX), userns_strerror(0)) == 0);
}

static void versions(void)
{
    uint32_t number = userns_version_number();
    char text[64];

    CHECK_EQ(number, USERNS_VERSION_NUMBER);
    snprintf(text, sizeof text, "%d.%d.%d", (int)(number >> 16), (int)(number >> 8 & 0xff),
             (int)(number & 0xff));
    CHECK(strcmp(userns_version(), text) == 0);
}

/* ---- Out of memory ---- */

#ifdef __GLIBC__

/*
 * This program's own allocator, for the library too: glibc's, except that it counts what is in
 * use, and refuses from the first_refused'th call on (0: never) or only that one.
 */
static atomic_long in_use;
static long calls, first_refused;
static bool refuses_on, kept;
/* What a scan with enough memory sees. */
static struct userns_snapshot *reference;

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static bool refuses(void)
{
    if (first_refused == 0)
        return false;
    calls++;
    return refuses_on ? calls >= first_refused : calls == first_refused;
}

static void *counted(void *memory)
{
    in_use += memory != NULL;
    return memory;
}

void *malloc(size_t size)
{
    return refuses() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return refuses() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    if (refuses())
        return NULL;
    return memory == NULL ? counted(__libc_malloc(size)) : __libc_realloc(memory, size);
}

void *memalign(size_t alignment, size_t size)
{
    return refuses() ? NULL : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *allocated = memalign(alignment, size);

    if (allocated == NULL)
        return ENOMEM;
    *memory = allocated;
    return 0;
}

void free(void *memory)
{
    in_use -= memory != NULL;
    __libc_free(memory);
}

/* Scans while the nth allocation is refused; whether the scan got that far. */
static bool scan_is_refused(uint64_t flags, long nth)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    static char garbage;
    struct userns_snapshot *snapshot = (void *)&garbage;
    long before = in_use;
    int error;

    calls = 0;
    first_refused = nth;
    options.flags = flags;
    error = userns_scan(&options, &snapshot);
    first_refused = 0;
    if (calls < nth) {
        CHECK_EQ(error, 0);
        userns_free(snapshot);
    } else if (error == 0) {
        CHECK(flags & USERNS_SCAN_BPF); /* for which procfs, or the descriptors one by one, serve */
        CHECK(!refuses_on);
        CHECK(userns_source_error(snapshot) == -ENOMEM || flags & USERNS_SCAN_PINNED);
        CHECK(same_snapshot(reference, snapshot));
        CHECK(same_text(pins_of(reference), pins_of(snapshot)));
        userns_free(snapshot);
    } else {
        CHECK_EQ(error, -ENOMEM);
        CHECK(snapshot == NULL);
    }
    /* The first scan by BPF keeps for good what it found out about the kernel. */
    CHECK(in_use == before || (flags & USERNS_SCAN_BPF && in_use == before + 1 && !kept));
    kept |= in_use != before;
    return calls >= nth;
}

static void refuse_each_in_turn(uint64_t flags)
{
    int descriptors = open_descriptors();
    long nth = 1;

    reference = scan_as(NULL, flags & ~USERNS_SCAN_BPF);
    while (scan_is_refused(flags, nth))
        nth++;
    CHECK(nth > 5);
    CHECK_EQ(open_descriptors(), descriptors);
    userns_free(reference);
}

static void little_memory(void *unused)
{
    pid_t pid = start(go_down, &(int){ 3 });

    (void)unused;
    hold_in_all_ways(pid);
    refuse_each_in_turn(0);
    refuse_each_in_turn(ALL_FLAGS);
    for (int i = 0; i < 2; i++) { /* once what is found out about the kernel is known, it is another way */
        refuse_each_in_turn(USERNS_SCAN_BPF);
        refuse_each_in_turn(ALL_FLAGS | USERNS_SCAN_BPF);
    }
    refuses_on = true;
    refuse_each_in_turn(0);
    refuse_each_in_turn(ALL_FLAGS);
    refuse_each_in_turn(USERNS_SCAN_BPF);
    refuse_each_in_turn(ALL_FLAGS | USERNS_SCAN_BPF);
}

static void out_of_memory(void)
{
    in_clean_room(little_memory, NULL);
}

#else

static void out_of_memory(void)
{
    skip("only with glibc can a program refuse memory to a library");
}

#endif

/* ---- Descriptors ---- */

static int lowest_unused_descriptor(void)
{
    int fd = dup(STDERR_FILENO);

    CHECK(fd >= 0 && close(fd) == 0);
    return fd;
}

static void close_inherited_descriptors(void)
{
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
        close(fd);
}

/* A scan that can open only so many descriptors fails or is as good as any. */
static void scan_with(int left, const struct userns_options *options,
                      const struct userns_snapshot *reference)
{
    int used = lowest_unused_descriptor();
    struct userns_snapshot *snapshot;
    int enough = options->flags == 0 ? DESCRIPTORS : PINNED_DESCRIPTORS;
    struct rlimit limit, lower;
    int error;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    lower = limit;
    lower.rlim_cur = (rlim_t)(used + left);
    CHECK(setrlimit(RLIMIT_NOFILE, &lower) == 0);
    error = userns_scan(options, &snapshot);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);

    CHECK_EQ(lowest_unused_descriptor(), used);
    CHECK(error == 0 || left < enough);
    CHECK(error != 0 || left > 0);
    if (error == 0) {
        CHECK(same_snapshot(snapshot, reference));
        userns_free(snapshot);
    } else {
        CHECK_EQ(error, -EMFILE);
        CHECK(snapshot == NULL);
    }
}

static void scan_with_few_descriptors(const char *proc_path, uint64_t flags)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *reference;

    options.proc_path = proc_path;
    options.flags = flags;
    CHECK(userns_scan(&options, &reference) == 0);
    for (int left = 0; left <= PINNED_DESCRIPTORS + 1; left++)
        scan_with(left, &options, reference);
    userns_free(reference);
}

static void few_descriptors(void *unused)
{
    pid_t pid = start(go_down, &(int){ 3 });

    (void)unused;
    close_inherited_descriptors();
    scan_with_few_descriptors("/proc", 0);
    hold_in_all_ways(pid);
    scan_with_few_descriptors("/proc", ALL_FLAGS);
}

static void out_of_descriptors(void)
{
    in_clean_room(few_descriptors, NULL);
}

static void mount_procfs(void *unused)
{
    int three = 3;

    (void)unused;
    CHECK(mount("proc", elsewhere, "proc", 0, NULL) == 0);
    start(go_down, &three);
}

/* The own namespace is looked for in the scanned procfs, then in /proc, then by a pidfd. */
static void few_descriptors_elsewhere(void *unused)
{
    (void)unused;
    CHECK(unshare(CLONE_NEWPID) == 0);
    start(mount_procfs, NULL);
    close_inherited_descriptors();
    scan_with_few_descriptors(elsewhere, 0);
    scan_with_few_descriptors(elsewhere, ALL_FLAGS);
    CHECK(mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
    scan_with_few_descriptors(elsewhere, 0);
}

static void out_of_descriptors_elsewhere(void)
{
    in_clean_room(few_descriptors_elsewhere, NULL);
}

static atomic_bool scans_are_done;

/* Counts how often it meets a descriptor of the scanning thread; each is close-on-exec. */
static void *watch_descriptors(void *count)
{
    while (!scans_are_done) {
        for (int fd = STDERR_FILENO + 1; fd <= STDERR_FILENO + DESCRIPTORS + 1; fd++) {
            int flags = fcntl(fd, F_GETFD);

            CHECK(flags == -1 || flags == FD_CLOEXEC);
            *(atomic_int *)count += flags != -1;
        }
    }
    return NULL;
}

static void descriptors_are_private(void)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    atomic_int count = 0;
    pthread_t watcher;
    int descriptors;

    close_inherited_descriptors();
    descriptors = open_descriptors();
    CHECK(pthread_create(&watcher, NULL, watch_descriptors, &count) == 0);
    while (count < 1000) /* the limit is the time for the situation */
        userns_free(scan());
    scans_are_done = true;
    CHECK(pthread_join(watcher, NULL) == 0);
    CHECK_EQ(open_descriptors(), descriptors);

    expect_path_error("/", -ENODEV);
    expect_path_error("/proc/self", -ENODEV);
    expect_path_error("/nonexistent", -ENOENT);
    options.flags = UINT64_C(1) << 63;
    expect_error("an unknown flag", &options, -EINVAL);
    CHECK_EQ(open_descriptors(), descriptors);
}

/* ---- Other kernels ---- */

static void scan_without_parents(void *unused)
{
    (void)unused;
    userns_free(scan());
    unlearn_ioctl(NS_GET_PARENT);
    expect_error("a kernel before Linux 4.9", NULL, -ENOTTY);
}

static void no_kernel_support(void)
{
    int two = 2;

    in_clean_room(scan_without_parents, NULL);
    start(go_down, &two);
    in_child(scan_without_parents, NULL);
}

/* Linux 4.9 has neither owners nor ids. */
static void scan_without_facts(void *unused)
{
    int three = 3;
    struct userns_snapshot *newer, *older;
    const struct userns_node *const *nodes;
    size_t count;
    pid_t lowest;

    (void)unused;
    lowest = start(go_down, &three);
    newer = scan();
    unlearn_ioctl(NS_GET_ID);
    unlearn_ioctl(NS_GET_OWNER_UID);
    older = scan();
    CHECK(same_text(shape_of(newer), shape_of(older)));
    CHECK(userns_owner_uid(userns_find_pid(newer, lowest), NULL));
    CHECK_EQ(node_count(older), 4);
    nodes = userns_nodes(older, &count);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(userns_id(nodes[i]), 0);
        CHECK(!userns_owner_uid(nodes[i], NULL));
    }
    nodes = userns_nodes(newer, &count);
    for (size_t i = 0; i < count; i++)
        CHECK(userns_find_id(older, userns_id(nodes[i])) == NULL);
    userns_free(newer);
    userns_free(older);
}

static void an_older_kernel(void)
{
    in_clean_room(scan_without_facts, NULL);
}

/* Before Linux 6.11, only a procfs that shows the caller tells where that is. */
static void scan_without_pidfds(void *unused)
{
    uint64_t own = inode_of(getpid());
    struct userns_snapshot *snapshot;

    (void)unused;
    CHECK(unshare(CLONE_NEWPID) == 0);
    start(mount_procfs, NULL);
    unlearn_ioctl(PIDFD_GET_USER_NAMESPACE);
    snapshot = scan_at(elsewhere);
    CHECK_EQ(userns_inode(userns_self(snapshot)), own);
    CHECK_EQ(node_count(snapshot), 4);
    userns_free(snapshot);

    CHECK(mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
    snapshot = scan_at(elsewhere);
    CHECK(userns_self(snapshot) == NULL);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_NESTED);
    CHECK_EQ(userns_inode(userns_root(snapshot)), own);
    CHECK_EQ(node_count(snapshot), 4);
    userns_free(snapshot);
}

static void an_older_kernel_elsewhere(void)
{
    in_clean_room(scan_without_pidfds, NULL);
}

/* Without CONFIG_USER_NS, /proc/PID/ns has no file `user`. */
static void scan_without_namespace_files(void *unused)
{
    char path[64];

    (void)unused;
    snprintf(path, sizeof path, "/proc/%d/ns", (int)getpid());
    if (mount("tmpfs", path, "tmpfs", 0, NULL) != 0)
        skip("cannot mount over %s: %s", path, strerror(errno));
    CHECK(access("/proc/self/ns", F_OK) == 0 && access("/proc/self/ns/user", F_OK) != 0);
    expect_error("a kernel without user namespaces", NULL, -ENOTTY);
}

static void unsupported_user_namespaces(void)
{
    in_clean_room(scan_without_namespace_files, NULL);
}

/* ---- The same again ---- */

static void scan_and_scan_again(void *unused)
{
    int one = 1, three = 3;
    pid_t a = start(go_down, &one), b = start(go_down, &three), c = start(join_and_go_down, &a);
    struct userns_snapshot *first = scan(), *second = scan(), *third;
    char *shape = shape_of(first), *facts = facts_of(first), *later;
    const struct userns_node *const *nodes = userns_nodes(first, NULL);

    (void)unused;
    CHECK(same_snapshot(first, second));
    end(c);
    end(b);
    end(a);
    third = scan();
    CHECK(userns_nodes(first, NULL) == nodes);
    later = shape_of(third);
    CHECK(strcmp(shape, later) != 0);
    free(later);
    CHECK(same_text(shape, shape_of(first)) && same_text(facts, facts_of(first)));
    userns_free(first);
    CHECK(userns_find_pid(second, b) != NULL && userns_find_pid(third, b) == NULL);
    userns_free(second);
    userns_free(third);
}

static void deterministic(void)
{
    in_clean_room(scan_and_scan_again, NULL);
}

static void scan_many_times(void *unused)
{
    int two = 2, descriptors = open_descriptors();
    long limit = 256 * 1024 / sysconf(_SC_PAGESIZE), before = 0;

    (void)unused;
    start(go_down, &two);
    for (int i = 1; i <= 10000; i++) {
        userns_free(scan());
        if (i == 1000)
            before = resident_pages();
    }
    CHECK(resident_pages() - before < limit);
    CHECK_EQ(open_descriptors(), descriptors);
}

static void many_scans(void)
{
    in_clean_room(scan_many_times, NULL);
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "null_handles", null_handles },
        { "null_outputs", null_outputs },
        { "nothing_found", nothing_found },
        { "option_sizes", option_sizes },
        { "unknown_flags", unknown_flags },
        { "paths", paths },
        { "imitated_procfs", imitated_procfs },
        { "forbidden_paths", forbidden_paths },
        { "errors_are_explained", errors_are_explained },
        { "versions", versions },
        { "out_of_memory", out_of_memory },
        { "out_of_descriptors", out_of_descriptors },
        { "out_of_descriptors_elsewhere", out_of_descriptors_elsewhere },
        { "descriptors_are_private", descriptors_are_private },
        { "no_kernel_support", no_kernel_support },
        { "an_older_kernel", an_older_kernel },
        { "an_older_kernel_elsewhere", an_older_kernel_elsewhere },
        { "unsupported_user_namespaces", unsupported_user_namespaces },
        { "deterministic", deterministic },
        { "many_scans", many_scans },
        { NULL, NULL },
    };

    return run(all, argc, argv);
}
