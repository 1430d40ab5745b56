/* proc_path: the paths that a scan accepts, and the errors for all others. */
#include "situation.h"
#include <ftw.h>
#include <limits.h>

/* ---- A temporary directory ---- */

static char scratch[PATH_MAX];
static pid_t scratch_maker;

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *walk)
{
    (void)status, (void)type, (void)walk;
    return remove(path);
}

static void remove_scratch(void)
{
    if (getpid() == scratch_maker) /* forked processes inherit atexit(3) handlers */
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

/* ---- Paths ---- */

static void check_refused_paths(void)
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

SITUATION(paths, 0, "each error of proc_path, and valid paths")
{
    const char *good[] = { "/proc", "/proc/", "//proc/.", "/proc/self/..", "proc", "./proc" };

    make_scratch();
    check_refused_paths();
    CHECK(symlink("/proc", in_scratch("link")) == 0);
    userns_free(scan_at(in_scratch("link")));
    CHECK(chdir("/") == 0);
    for (size_t i = 0; i < sizeof good / sizeof *good; i++)
        userns_free(scan_at(good[i]));
}

/* It has the files that a scan looks for, and its root has inode number 1, too. */
SITUATION(imitated_procfs, IN_SANDBOX, "a tmpfs that looks like a procfs")
{
    CHECK(mount("tmpfs", "/tmp", "tmpfs", 0, NULL) == 0);
    CHECK(chdir("/tmp") == 0);
    CHECK(mkdir("1", 0755) == 0 && mkdir("1/ns", 0755) == 0 && symlink("1", "self") == 0);
    CHECK(symlink("/proc/1/ns/user", "1/ns/user") == 0);
    CHECK(access("self/ns/user", R_OK) == 0);
    expect_path_error("/tmp", -ENODEV);
}

static void scan_forbidden(void *unused UNUSED)
{
    if (geteuid() == 0)
        become_nobody(0);
    expect_path_error(in_scratch("forbidden"), -EACCES);
    expect_path_error(in_scratch("forbidden/proc"), -EACCES);
}

SITUATION(forbidden_paths, 0, "a directory that the caller may not search")
{
    make_scratch();
    CHECK(mkdir(in_scratch("forbidden"), 0) == 0);
    in_child(scan_forbidden, NULL);
}
