/* Command names of processes. */
#include "situation.h"

static const char *const odd_names[] = { "a) S 1 (b", "\n", "a\n\n", "\x1b[31m\x01\xff\t\\n", "" };
enum { NAMES = sizeof odd_names / sizeof *odd_names };

static void take_name(void *name)
{
    CHECK(prctl(PR_SET_NAME, name) == 0);
}

SITUATION(odd_bytes, IN_SANDBOX | BY_BPF, "the bytes that prctl(2) set")
{
    pid_t pids[NAMES];
    struct userns_snapshot *snapshot;

    for (int i = 0; i < NAMES; i++)
        pids[i] = start(take_name, (void *)odd_names[i]);
    snapshot = scan_with(USERNS_SCAN_NAMES);
    CHECK(has_members(userns_self(snapshot), NAMES + 1, 1, pids[0], pids[1], pids[2], pids[3],
                      pids[4]));
    for (int i = 0; i < NAMES; i++)
        CHECK(strcmp(userns_process_name(snapshot, pids[i]), odd_names[i]) == 0);
    CHECK(userns_process_name(snapshot, 1) != NULL);
    userns_free(snapshot);
}

SITUATION(in_all_nodes, IN_SANDBOX | BY_BPF,
          "processes of several namespaces have names, threads have none")
{
    pid_t here = start(take_name, "here"), below = start(go_down, &(int){ 2 });
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_NAMES);
    char own[16];

    CHECK(prctl(PR_GET_NAME, own) == 0);
    CHECK(strcmp(userns_process_name(snapshot, here), "here") == 0);
    CHECK(strcmp(userns_process_name(snapshot, below), own) == 0);
    CHECK(userns_depth(userns_find_pid(snapshot, below)) ==
          2 + userns_depth(userns_self(snapshot)));
    CHECK(userns_process_name(snapshot, getpid()) != userns_process_name(snapshot, below));
    userns_free(snapshot);
}

SITUATION(unknown, IN_SANDBOX | BY_BPF, "a PID that the scan did not see, and a scan without names")
{
    pid_t pid = start(do_nothing, NULL);
    struct userns_snapshot *with = scan_with(USERNS_SCAN_NAMES), *without;

    end(pid);
    without = scan_with(USERNS_SCAN_NAMES);
    CHECK(userns_process_name(with, pid) != NULL && userns_process_name(without, pid) == NULL);
    CHECK(userns_find_pid(without, pid) == NULL);
    userns_free(with);
    userns_free(without);

    without = scan_with(USERNS_SCAN_PINNED);
    CHECK(userns_find_pid(without, 1) != NULL);
    CHECK(userns_process_name(without, 1) == NULL);
    userns_free(without);
}

/* A FIFO over /proc/PID/comm. */
static void mount_over_name(pid_t pid)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/comm", (int)pid);
    mount_tmpfs("/mnt");
    CHECK(mkfifo("/mnt/fifo", 0600) == 0);
    CHECK(mount("/mnt/fifo", path, "none", MS_BIND, NULL) == 0);
}

SITUATION(unreadable, IN_SANDBOX | BY_BPF, "a name that cannot be read is empty; BPF reads no file")
{
    pid_t pid = start(do_nothing, NULL);
    struct userns_snapshot *snapshot;

    mount_over_name(pid);
    snapshot = scan_with(USERNS_SCAN_NAMES);
    CHECK(userns_find_pid(snapshot, pid) == userns_self(snapshot));
    CHECK(userns_process_name(snapshot, pid) != NULL);
    if (userns_source(snapshot) == USERNS_SOURCE_PROCFS) {
        CHECK(strcmp(userns_process_name(snapshot, pid), "") == 0);
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_NAMES), 1);
    } else {
        CHECK(strcmp(userns_process_name(snapshot, pid), userns_process_name(snapshot, 1)) == 0);
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_NAMES), 0);
    }
    CHECK(strcmp(userns_process_name(snapshot, 1), "") != 0);
    userns_free(snapshot);
}
