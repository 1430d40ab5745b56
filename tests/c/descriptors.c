/* Descriptors: a scan opens no more than the header says, and closes them. */
#include "situation.h"
#include "pins.h"
#include "text.h"
#include <stdatomic.h>

/* The header promises that a scan never has more descriptors open. */
enum { DESCRIPTORS = 6, PINNED_DESCRIPTORS = 11 };

/* Without a procfs, unlike open_descriptors(). */
static int lowest_unused_descriptor(void)
{
    int fd = dup(STDERR_FILENO);

    CHECK(fd >= 0 && close(fd) == 0);
    return fd;
}

/* With so few descriptors left, a scan fails or is complete. */
static void scan_with_descriptors(int left, const struct userns_options *options,
                                  const struct userns_snapshot *reference)
{
    int used = lowest_unused_descriptor();
    struct userns_snapshot *snapshot;
    int enough = options->flags & USERNS_SCAN_PINNED ? PINNED_DESCRIPTORS : DESCRIPTORS;
    struct rlimit limit, lower;
    int error;

    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    lower = limit;
    lower.rlim_cur = (rlim_t)(used + left);
    CHECK(setrlimit(RLIMIT_NOFILE, &lower) == 0);
    error = userns_scan(options, &snapshot);
    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);

    CHECK_EQ(lowest_unused_descriptor(), used);
    if (error != 0 && left >= enough)
        fail("flags %#" PRIx64 " of %s with %d descriptors: %d", options->flags, options->proc_path,
             left, error);
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
        scan_with_descriptors(left, &options, reference);
    userns_free(reference);
}

SITUATION(out_of_descriptors, IN_SANDBOX, "each limit on open descriptors")
{
    pid_t pid = start(go_down, &(int){ 3 });

    close_inherited_descriptors();
    scan_with_few_descriptors("/proc", 0);
    scan_with_few_descriptors("/proc", USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS);
    hold_in_all_ways(pid);
    scan_with_few_descriptors("/proc", EVERY_FLAG);
}

/* The scan looks for its own namespace in the scanned procfs, then in /proc, then by a pidfd. */
SITUATION(out_of_descriptors_elsewhere, IN_SANDBOX,
          "the same, with a procfs of another PID namespace")
{
    mount_inner_procfs("/tmp", 3);
    close_inherited_descriptors();
    scan_with_few_descriptors("/tmp", 0);
    scan_with_few_descriptors("/tmp", EVERY_FLAG);
    CHECK(mount("tmpfs", "/proc", "tmpfs", 0, NULL) == 0);
    scan_with_few_descriptors("/tmp", 0);
}

static atomic_bool scans_are_done;

/* Counts how often it sees a descriptor of the scanning thread; each is close-on-exec. */
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

SITUATION(descriptors_are_private, 0, "descriptors of a scan are close-on-exec and are closed")
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    atomic_int count = 0;
    pthread_t watcher;
    int descriptors;

    close_inherited_descriptors();
    descriptors = open_descriptors();
    CHECK(pthread_create(&watcher, NULL, watch_descriptors, &count) == 0);
    while (count < 1000) /* PATIENCE limits this loop */
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
