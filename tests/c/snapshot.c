/* A snapshot as a whole: it never changes; its time, boot id and PID namespace. */
#include "situation.h"
#include "text.h"
#include <time.h>

SITUATION(deterministic, IN_SANDBOX, "snapshots of the same state are equal and never change")
{
    int one = 1, three = 3;
    pid_t a = start(go_down, &one), b = start(go_down, &three), c = start(join_and_go_down, &a);
    struct userns_snapshot *first = scan(), *second = scan(), *third;
    char *shape = shape_of(first), *facts = facts_of(first), *later;
    const struct userns_node *const *nodes = userns_nodes(first, NULL);

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

/* ---- Time ---- */

static uint64_t realtime_now(void)
{
    struct timespec now;

    CHECK(clock_gettime(CLOCK_REALTIME, &now) == 0);
    return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

SITUATION(time, BY_BPF, "the time is that at which the scan began")
{
    uint64_t before = realtime_now(), after, later;
    struct userns_snapshot *first = scan(), *second;

    after = realtime_now();
    CHECK(before <= userns_time(first) && userns_time(first) <= after);
    second = scan();
    later = userns_time(second);
    CHECK(after <= later && later <= realtime_now());
    CHECK(userns_time(first) <= after && userns_time(second) == later);
    userns_free(first);
    userns_free(second);
}

/* ---- Boot ---- */

static void read_boot_id(char *id, size_t size)
{
    int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    size_t length;

    CHECK(fd >= 0);
    length = read_all(fd, id, size);
    CHECK(length > 0 && id[length - 1] == '\n');
    id[length - 1] = '\0';
}

SITUATION(boot_id, IN_SANDBOX | BY_BPF, "the boot id is that of the kernel, with each procfs")
{
    char id[64];
    struct userns_snapshot *snapshot = scan();

    read_boot_id(id, sizeof id);
    CHECK_EQ(strlen(id), 36);
    CHECK(strcmp(userns_boot_id(snapshot), id) == 0);
    userns_free(snapshot);
    if (is_by_bpf())
        return;

    mount_inner_procfs("/tmp", 0);
    snapshot = scan_at("/tmp");
    CHECK(strcmp(userns_boot_id(snapshot), id) == 0);
    userns_free(snapshot);
}

static void scan_without_boot_id(void *unused UNUSED)
{
    struct userns_snapshot *snapshot = scan();

    CHECK(userns_boot_id(snapshot) == NULL);
    CHECK(userns_self(snapshot) != NULL && userns_time(snapshot) != 0);
    userns_free(snapshot);
}

SITUATION(no_boot_id, IN_SANDBOX, "the file does not exist, or is a FIFO")
{
    mount_tmpfs("/proc/sys/kernel/random");
    before_deadline(scan_without_boot_id, NULL);
    CHECK(mkfifo("/proc/sys/kernel/random/boot_id", 0600) == 0);
    before_deadline(scan_without_boot_id, NULL);
}

/* ---- PID namespaces; see also procfs.c ---- */

SITUATION(pid_namespace, BY_BPF, "the PIDs are numbers of the caller's PID namespace")
{
    struct userns_snapshot *snapshot = scan();

    CHECK_EQ(userns_pid_namespace(snapshot), inode_of_link(getpid(), "pid"));
    userns_free(snapshot);
}
