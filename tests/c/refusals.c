/* What the kernel or a security policy refuses to tell is counted. */
#include "situation.h"
#include "pins.h"
#include "text.h"

/* ---- Parents, owners, ids, names ---- */

struct refusal {
    uint32_t operation;
    int error;
    uint64_t flags;
};

static void scan_refused(void *argument)
{
    const struct refusal *refusal = argument;
    struct userns_snapshot *snapshot = scan_with(refusal->flags);

    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_RELATIONS));
    userns_free(snapshot);
    deny_syscall(SYS_ioctl, 1, refusal->operation, refusal->error);
    snapshot = scan_with(refusal->flags);
    CHECK(userns_find_pid(snapshot, 2) != NULL);
    CHECK(userns_gap_count(snapshot, USERNS_GAP_RELATIONS) >= 1);
    userns_free(snapshot);
}

SITUATION(relations, IN_SANDBOX | AS_ROOT, "refused parents, owners and ids of namespaces")
{
    static struct refusal all[] = {
        { NS_GET_PARENT, EPERM, 0 },
        { NS_GET_PARENT, EACCES, 0 },
        { NS_GET_OWNER_UID, EPERM, 0 },
        { NS_GET_USERNS, EPERM, USERNS_SCAN_OWNED },
        { NS_GET_USERNS, ENOSYS, USERNS_SCAN_OWNED },
        { NS_GET_ID, EPERM, 0 },
    };

    CHECK_EQ(start(go_down, &(int){ 2 }), 2);
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        in_child(scan_refused, &all[i]);
}

SITUATION(names, IN_SANDBOX, "a name that cannot be read is empty, and counted")
{
    struct userns_snapshot *snapshot;

    CHECK_EQ(start(do_nothing, NULL), 2);
    mount_tmpfs("/mnt");
    CHECK(close(creat("/mnt/comm", 0600)) == 0);
    CHECK(mount("/mnt/comm", "/proc/2/comm", "none", MS_BIND, NULL) == 0);
    snapshot = scan_with(USERNS_SCAN_NAMES);
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_NAMES), 1);
    CHECK(strcmp(userns_process_name(snapshot, 2), "") == 0);
    CHECK(strcmp(userns_process_name(snapshot, 1), "") != 0);
    userns_free(snapshot);
    snapshot = scan();
    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_NAMES));
    userns_free(snapshot);
}

/* ---- The root of the procfs ---- */

static void scan_refused_call(void *number)
{
    deny_syscall(*(int *)number, ANY_ARGUMENT, 0, EPERM);
    expect_error("a refused call", NULL, -EPERM);
}

static void scan_failing_call(void *number)
{
    deny_syscall(*(int *)number, ANY_ARGUMENT, 0, EINVAL);
    expect_error("a failing call", NULL, -EIO);
}

SITUATION(directory, 0, "the root directory of the procfs cannot be read")
{
    in_child(scan_refused_call, &(int){ SYS_getdents64 });
    in_child(scan_failing_call, &(int){ SYS_getdents64 });
}

/* ---- An owner that looks unmapped ---- */

static void go_down_as_nobody(void *unused UNUSED)
{
    become_nobody(0);
    CHECK(unshare(CLONE_NEWUSER) == 0);
}

static void scan_mapped(void *unused UNUSED)
{
    struct userns_snapshot *snapshot;
    uid_t owner = 0;

    CHECK(setuid(0) == 0);
    CHECK_EQ(start(go_down_as_nobody, NULL) > 0, 1);
    snapshot = scan();
    for (size_t i = 0, count; i < (userns_children(userns_self(snapshot), &count), count); i++)
        CHECK(userns_owner_uid(userns_children(userns_self(snapshot), &count)[i], &owner));
    CHECK_EQ(owner, NOBODY);
    userns_free(snapshot);
}

/* The map is written from outside, so that it can have more than one id. */
SITUATION(mapped_owner, AS_ROOT,
          "the UID 65534, which is mapped, made a namespace below the caller's")
{
    int ready[2], go[2];
    char path[64];
    pid_t pid;

    CHECK(pipe(ready) == 0 && pipe(go) == 0);
    pid = fork_child();
    if (pid == 0) {
        CHECK(unshare(CLONE_NEWUSER) == 0 && write(ready[1], "", 1) == 1);
        CHECK(read(go[0], path, 1) == 1);
        scan_mapped(NULL);
        exit(0);
    }
    CHECK(read(ready[0], path, 1) == 1);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", (int)pid, i ? "uid_map" : "gid_map");
        CHECK(write_file(path, "0 0 65536"));
    }
    CHECK(write(go[1], "", 1) == 1);
    expect_success(pid);
}

/* ---- hidepid and a security module ---- */

/* From now on this process may not read processes that exist, except those of its own domain. */
static void enter_landlock_domain(void)
{
    uint64_t handled = 1; /* LANDLOCK_ACCESS_FS_EXECUTE */
    int ruleset = (int)syscall(444 /* landlock_create_ruleset(2) */, &handled, sizeof handled, 0);

    if (ruleset < 0)
        skip("cannot use Landlock: %s", strerror(errno));
    CHECK(syscall(446 /* landlock_restrict_self(2) */, ruleset, 0) == 0);
    close(ruleset);
}

static void scan_confined(void *options)
{
    struct userns_snapshot *snapshot;
    pid_t outside = start(do_nothing, NULL), inside;

    mount_procfs("/proc", options);
    snapshot = scan();
    CHECK(userns_find_pid(snapshot, outside) != NULL);
    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_HIDEPID));
    userns_free(snapshot);

    enter_landlock_domain();
    inside = start(do_nothing, NULL);
    snapshot = scan();
    CHECK(userns_find_pid(snapshot, outside) == NULL);
    CHECK(userns_find_pid(snapshot, inside) == userns_self(snapshot));
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 0);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_HIDEPID);
    userns_free(snapshot);

    end(outside); /* nothing is hidden any more */
    snapshot = scan();
    CHECK(!(userns_gaps(snapshot) & USERNS_GAP_HIDEPID));
    userns_free(snapshot);
}

SITUATION(confined_root, AS_ROOT, "hidepid hides processes from root in a Landlock domain")
{
    char ptraceable[] = "hidepid=4", invisible[] = "hidepid=2,gid=4321";

    in_sandbox(scan_confined, ptraceable);
    in_sandbox(scan_confined, invisible);
}
