/*
 * What a process can notice of a scan, and use: SECURITY.md says the same. It watches its files, its entries in procfs and its
 * namespaces by inotify(7), and looks at the times of access.
 */
#include "situation.h"
#include "interpose.h"
#include "pins.h"
#include <limits.h>
#include <sys/inotify.h>

/* What a process watches. */
enum place {
    DIRECTORY,
    FILE_,
    MOUNTED,
    OWN,
    HELD,
    PROC,
    PROC_NS,
    PROC_FD,
    PROC_TASK,
    PROC_STATUS,
    PROC_COMM,
    PROC_CGROUP,
    PROC_UID_MAP,
    PROC_GID_MAP,
    PROC_PROJID_MAP,
    PROC_SETGROUPS,
    PROC_STAT,
    PROC_MOUNTINFO,
    PROC_FDINFO,
    PROC_ENVIRON,
    PROC_MAPS,
    PLACES
};

static const char *const paths[PLACES] = {
    [DIRECTORY] = "/mnt",
    [FILE_] = "/mnt/file",
    [MOUNTED] = "/mnt/ns",
    [OWN] = "/proc/self/ns/user",
    [HELD] = "/mnt/held", /* a link to a descriptor */
    [PROC] = "/proc/self",
    [PROC_NS] = "/proc/self/ns",
    [PROC_FD] = "/proc/self/fd",
    [PROC_TASK] = "/proc/self/task",
    [PROC_STATUS] = "/proc/self/status",
    [PROC_COMM] = "/proc/self/comm",
    [PROC_CGROUP] = "/proc/self/cgroup",
    [PROC_UID_MAP] = "/proc/self/uid_map",
    [PROC_GID_MAP] = "/proc/self/gid_map",
    [PROC_PROJID_MAP] = "/proc/self/projid_map",
    [PROC_SETGROUPS] = "/proc/self/setgroups",
    [PROC_STAT] = "/proc/self/stat",
    [PROC_MOUNTINFO] = "/proc/self/mountinfo",
    [PROC_FDINFO] = "/proc/self/fdinfo",
    [PROC_ENVIRON] = "/proc/self/environ",
    [PROC_MAPS] = "/proc/self/maps",
};

static struct subject {
    int inotify, watches[PLACES], held;
    pid_t pid;
    int directory, namespace; /* of this process: /mnt of the other one, and what it holds */
} * subject;

/* For start(). */
static void live_watched(void *has_threads)
{
    static struct held held;
    char target[64];

    new_mount_namespace();
    CHECK(mount("none", "/mnt", "tmpfs", MS_STRICTATIME, NULL) == 0);
    make_file("/mnt/file");
    CHECK(open("/mnt/file", O_RDONLY) >= 0);
    mount_left_user("/mnt/ns");
    subject->held = open_left_user();
    snprintf(target, sizeof target, "/proc/self/fd/%d", subject->held);
    CHECK(symlink(target, paths[HELD]) == 0);
    new_user_namespace();
    CHECK(socket(AF_INET, SOCK_DGRAM, 0) >= 0);
    if (*(bool *)has_threads)
        in_thread(do_nothing, &held);
    for (int i = 0; i < PLACES; i++) {
        subject->watches[i] = inotify_add_watch(subject->inotify, paths[i], IN_ALL_EVENTS);
        CHECK(subject->watches[i] >= 0);
    }
}

/* The file of the last event in each directory that is a place. */
static char files[PLACES][NAME_MAX + 1];

/* Takes the events since the last call; returns the set of places of which there were any. */
static unsigned noticed(void)
{
    char buffer[64 * 1024] __attribute__((aligned(__alignof__(struct inotify_event))));
    unsigned places = 0;
    ssize_t length;

    while ((length = read(subject->inotify, buffer, sizeof buffer)) > 0)
        for (char *at = buffer; at < buffer + length;) {
            struct inotify_event *event = (void *)at;

            for (int i = 0; i < PLACES; i++) {
                if (event->wd != subject->watches[i])
                    continue;
                places |= 1u << i;
                strcpy(files[i], event->len > 0 ? event->name : "itself");
            }
            CHECK(!(event->mask & IN_Q_OVERFLOW));
            at += sizeof *event + event->len;
        }
    CHECK(errno == EAGAIN);
    return places;
}

/* Before Linux 6.10 and updates of earlier ones, also an open(2) with O_PATH is told. */
static void need_silent_lookup(void)
{
    char path[64];
    int fd;

    noticed();
    snprintf(path, sizeof path, "/proc/%d/ns", (int)subject->pid);
    fd = open(path, O_PATH | O_CLOEXEC);
    CHECK(fd >= 0);
    close(fd);
    if (noticed() != 0)
        skip("this kernel reports files that are opened by O_PATH");
}

/* On a busy machine a visit to a process can end too late, and is repeated in another way. */
enum { TRIES = 3 };

/* Checks which events a scan causes, and that it changes no time of access. */
static void check_notice(uint64_t flags, unsigned expected)
{
    struct stat before[2], after[2];
    unsigned places = ~expected;

    CHECK(fstatat(subject->directory, "file", &before[0], 0) == 0 &&
          fstat(subject->namespace, &before[1]) == 0);
    for (int i = 0; i < TRIES && places != expected; i++) {
        noticed();
        userns_free(scan_with(flags));
        places = noticed();
    }
    for (int i = 0; i < PLACES; i++)
        if ((places ^ expected) >> i & 1)
            fail("a scan with flags %#" PRIx64 " %s %s: %s", flags,
                 places >> i & 1 ? "opens" : "does not open", paths[i], files[i]);
    CHECK(fstatat(subject->directory, "file", &after[0], 0) == 0 &&
          fstat(subject->namespace, &after[1]) == 0);
    for (int i = 0; i < 2; i++)
        CHECK(memcmp(&before[i].st_atim, &after[i].st_atim, sizeof before[i].st_atim) == 0);
}

/* Of what BPF tells, from this release of Linux on, a scan opens nothing. */
static unsigned unless_told(int major, int minor, unsigned places)
{
    return is_by_bpf() && !is_before(major, minor) ? 0 : places;
}

static void check_events(bool has_threads)
{
    unsigned of_threads = has_threads ? 1 << PROC_TASK : 0;
    /* Before Linux 6.11 nothing else lists the mounts of other mount namespaces. */
    unsigned of_mounts = is_before(6, 11) ? 1 << MOUNTED | 1 << PROC_MOUNTINFO : 1 << MOUNTED;
    unsigned of_descriptors = 1 << HELD | 1 << PROC | 1 << PROC_FD | of_threads;
    bool are_told = is_by_bpf() && calls_functions();
    const unsigned pinned = (are_told ? 0 : of_descriptors) | of_mounts;
    char path[64];

    subject = shared(sizeof *subject);
    subject->inotify = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    CHECK(subject->inotify >= 0);
    subject->pid = start(live_watched, &has_threads);
    snprintf(path, sizeof path, "/proc/%d/root/mnt", (int)subject->pid);
    subject->directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    snprintf(path, sizeof path, "/proc/%d/fd/%d", (int)subject->pid, subject->held);
    subject->namespace = open(path, O_RDONLY | O_CLOEXEC);
    CHECK(subject->directory >= 0 && subject->namespace >= 0);
    need_silent_lookup();
    check_notice(0, 0);
    check_notice(USERNS_SCAN_NAMES, unless_told(5, 8, 1 << PROC | 1 << PROC_COMM));
    check_notice(USERNS_SCAN_CREDENTIALS, unless_told(5, 8, 1 << PROC | 1 << PROC_STATUS));
    check_notice(USERNS_SCAN_CGROUPS, unless_told(5, 12, 1 << PROC | 1 << PROC_CGROUP));
    check_notice(USERNS_SCAN_MAPS, unless_told(6, 4,
                                               1 << PROC | 1 << PROC_UID_MAP | 1 << PROC_GID_MAP |
                                                   1 << PROC_PROJID_MAP | 1 << PROC_SETGROUPS));
    check_notice(USERNS_SCAN_OWNED, 0);
    check_notice(USERNS_SCAN_PINNED, pinned);
    check_notice(USERNS_SCAN_PINNED | USERNS_SCAN_SOCKETS, pinned);
}

SITUATION(events, IN_SANDBOX | BY_BPF,
          "which files of a process a scan opens, as inotify(7) tells it")
{
    check_events(false);
}

SITUATION(events_of_threads, IN_SANDBOX | BY_BPF, "the same of a process with two threads")
{
    check_events(true);
}

/* ---- The child process that joins a namespace ---- */

static struct joins {
    int count, dumpable;
} * joins;

static bool answer_call(long number, const long arguments[6], long *result UNUSED)
{
    if (number == SYS_setns && arguments[1] == CLONE_NEWUSER) {
        joins->count++;
        joins->dumpable += prctl(PR_GET_DUMPABLE) == 1;
    }
    return false;
}

SITUATION(joining, IN_SANDBOX,
          "nobody in a user namespace can trace the child process that joins it to read its maps")
{
    joins = shared(sizeof *joins);
    start(hold_descriptor, shared(sizeof(struct held)));
    userns_free(scan_with(USERNS_SCAN_PINNED | USERNS_SCAN_MAPS));
    if (joins->count == 0)
        skip("the scan joins no namespace here");
    CHECK_EQ(joins->dumpable, 0);
}
