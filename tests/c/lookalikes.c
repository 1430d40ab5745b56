/* Files and mounts that look like namespaces, or that are mounted over files of a procfs. */
#include "situation.h"
#include "findings.h"
#include "pins.h"

/* ---- Names of namespaces ---- */

#define INITIAL_NAME "user:[4026531837]"

SITUATION(not_a_namespace, IN_SANDBOX, "files, memfds and mounts with the names of namespaces")
{
    static const char *const names[] = { INITIAL_NAME, "user:[1]", "net:[1]", "mnt:[2]" };
    struct findings before = find_all();

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
    CHECK(chroot("/mnt") == 0); /* makes the paths of these files as short as possible */
    check_nothing_new(&before);
}

/* ---- Files in a procfs ---- */

/* /proc/PID/ns/user is a link to a file or to a FIFO, with the name of a namespace. */
static void check_false_links(pid_t pid)
{
    struct userns_snapshot *snapshot;
    char path[32], link[64], file[64];

    for (mode_t type = S_IFREG; type != 0; type = type == S_IFREG ? S_IFIFO : 0) {
        snprintf(path, sizeof path, "/proc/%d/ns", (int)pid);
        CHECK(mount("tmpfs", path, "tmpfs", 0, NULL) == 0);
        snprintf(link, sizeof link, "%s/user", path);
        snprintf(file, sizeof file, "%s/user:[1]", path);
        CHECK(symlink("user:[1]", link) == 0 && mknod(file, type | 0600, 0) == 0);
        snapshot = scan();
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 1);
        CHECK(userns_find_inode(snapshot, 1) == NULL && userns_find_pid(snapshot, pid) == NULL);
        CHECK(userns_find_pid(snapshot, 1) == userns_self(snapshot));
        userns_free(snapshot);
        CHECK(umount(path) == 0);
    }
}

SITUATION(false_links, IN_SANDBOX, "other files are mounted over the namespace links of a process")
{
    pid_t pid = start(do_nothing, NULL), own = getpid();

    check_false_links(pid);
    /* The scan then finds its own namespace in another way. */
    if (userns_id(userns_self(scan())) != 0) { /* Linux 6.18, so 6.11, too */
        struct userns_snapshot *snapshot;

        CHECK(mount("tmpfs", "/proc/self/ns", "tmpfs", 0, NULL) == 0);
        CHECK(mknod("/proc/self/ns/user", S_IFIFO | 0600, 0) == 0);
        snapshot = scan();
        CHECK(userns_self(snapshot) != NULL);
        CHECK(userns_find_pid(snapshot, own) == NULL &&
              userns_gap_count(snapshot, USERNS_GAP_UNREADABLE) == 1);
        userns_free(snapshot);
    }
}

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
    CHECK(strcmp(userns_process_name(snapshot, *(pid_t *)pid), "") == 0);
    userns_free(snapshot);
}

SITUATION(fifos, IN_SANDBOX, "FIFOs are mounted over /proc/PID/comm and /proc/PID/mountinfo")
{
    pid_t pid = start(do_nothing, NULL);

    before_deadline(scan_past_fifos, &pid);
}

static void scan_past_fifos_of_the_host(void *unused UNUSED)
{
    static const char *const paths[] = { "/proc/2/stat", "/proc/self/status",
                                         "/proc/self/mountinfo", "/proc/sys/kernel/overflowuid" };
    struct userns_snapshot *snapshot;

    mount_tmpfs("/mnt");
    CHECK(mkfifo("/mnt/fifo", 0600) == 0);
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++)
        CHECK(mount("/mnt/fifo", paths[i], "none", MS_BIND, NULL) == 0);
    snapshot = scan();
    CHECK(userns_find_pid(snapshot, 2) == userns_self(snapshot));
    CHECK(userns_find_pid(snapshot, getpid()) == userns_self(snapshot));
    userns_free(snapshot);
    new_user_namespace();
    snapshot = scan();
    CHECK_EQ(userns_inode(userns_self(snapshot)), inode_of(getpid()));
    userns_free(snapshot);
}

SITUATION(fifos_of_the_host, IN_SANDBOX,
          "FIFOs are mounted over files that describe the host or the caller")
{
    CHECK_EQ(start(do_nothing, NULL), 2);
    before_deadline(scan_past_fifos_of_the_host, NULL);
}
