/* Pins: bind mounts that hold a user namespace. They are in /mnt, in a private mount namespace. */
#include "situation.h"
#include "pins.h"

SITUATION(here, IN_SANDBOX | BY_BPF, "a bind mount in the mount namespace of the caller")
{
    struct userns_snapshot *snapshot;
    uint64_t inode;

    mount_tmpfs("/mnt");
    inode = mount_left_user("/mnt/ns");
    snapshot = scan_with(USERNS_SCAN_PINNED);
    check_place(snapshot, inode);
    check_mount(only_pin(snapshot, inode), getpid(), "/mnt/ns");
    userns_free(snapshot);
    CHECK(umount("/mnt/ns") == 0);
    CHECK(!finds(USERNS_SCAN_PINNED, inode));
}

/* Starts a process that mounts a user namespace, checks what a scan says, ends it. */
static void check_held_by_mount(void (*hold)(void *), const char *path)
{
    struct held *held = shared(sizeof *held);
    uint32_t gaps_before = pinned_gaps(); /* namespaces can be mounted on the host */
    pid_t pid = start(hold, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    check_place(snapshot, held->inode);
    check_mount(only_pin(snapshot, held->inode), pid, path);
    CHECK_EQ(userns_gaps(snapshot), gaps_before);
    userns_free(snapshot);
    end(pid);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
}

SITUATION(elsewhere, IN_SANDBOX | BY_BPF, "a bind mount in another mount namespace")
{
    check_held_by_mount(hold_by_mount, "/mnt/ns");
}

/* ---- Overmounts ---- */

static void hold_by_twice_overmounted_mount(void *held)
{
    hold_by_overmounted_mount(held);
    overmount("/mnt/ns");
}

static void hold_by_mount_in_overmounted_directory(void *held)
{
    hold_by_mount(held);
    mount_tmpfs("/mnt");
}

SITUATION(overmounted, IN_SANDBOX | BY_BPF, "one or two other mounts are on the same path")
{
    check_held_by_mount(hold_by_overmounted_mount, "/mnt/ns");
    check_held_by_mount(hold_by_twice_overmounted_mount, "/mnt/ns");
}

SITUATION(overmounted_directory, IN_SANDBOX, "another mount is on the directory of the mount")
{
    check_held_by_mount(hold_by_mount_in_overmounted_directory, "/mnt/ns");
}

/* ---- chroot(2) ---- */

/* The mount is outside of the jail, an empty directory for chroot(2). */
static void hold_beside_jail(void *held)
{
    hold_by_mount(held);
    CHECK(mkdir("/mnt/jail", 0700) == 0);
}

static void hold_in_jail(void *held)
{
    hold_beside_jail(held);
    CHECK(chroot("/mnt/jail") == 0);
}

static void join_in_jail(void *pid)
{
    join_mount_namespace(pid);
    CHECK(chroot("/mnt/jail") == 0);
}

/* Of two processes of a mount namespace, the first or the second one is chrooted. */
static void scan_with_chrooted(void *first_is_chrooted)
{
    bool first = *(bool *)first_is_chrooted;
    struct held *held = shared(sizeof *held);
    pid_t a = start(first ? hold_in_jail : hold_beside_jail, held);
    pid_t b = start(first ? join_mount_namespace : join_in_jail, &a);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    check_place(snapshot, held->inode);
    check_mount(only_pin(snapshot, held->inode), first ? b : a, "/mnt/ns");
    userns_free(snapshot);
    end(a);
    end(b);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
}

SITUATION(chrooted_process, 0, "one of two processes sees the mount; the other one is chrooted")
{
    in_sandbox(scan_with_chrooted, &(bool){ false });
    in_sandbox(scan_with_chrooted, &(bool){ true });
}

/* ---- Paths ---- */

#define ODD_PATH "/mnt/a b\\040c\\d\te\nf#g - nsfs nsfs\xff"

static void hold_on_odd_path(void *argument)
{
    struct held *held = argument;

    new_mount_namespace();
    mount_tmpfs("/mnt");
    held->inode = mount_left_user(ODD_PATH);
}

SITUATION(escaped_path, IN_SANDBOX, "a path with bytes that proc_pid_mountinfo(5) escapes")
{
    check_held_by_mount(hold_on_odd_path, ODD_PATH);
}
