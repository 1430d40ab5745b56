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
    CHECK(!userns_pin_is_overmounted(only_pin(snapshot, inode)));
    CHECK(!userns_pin_may_be_locked(only_pin(snapshot, inode)));
    userns_free(snapshot);
    CHECK(umount("/mnt/ns") == 0);
    CHECK(ends(USERNS_SCAN_PINNED, inode));
}

/* Starts a process that mounts a user namespace, checks what a scan says, ends it. */
static void check_held_by_mount(void (*hold)(void *), const char *path, bool is_overmounted)
{
    struct held *held = shared(sizeof *held);
    uint32_t gaps_before = pinned_gaps(); /* namespaces can be mounted on the host */
    pid_t pid = start(hold, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    check_place(snapshot, held->inode);
    check_mount(only_pin(snapshot, held->inode), pid, path);
    CHECK_EQ(userns_pin_is_overmounted(only_pin(snapshot, held->inode)), is_overmounted);
    CHECK(!userns_pin_may_be_locked(only_pin(snapshot, held->inode)));
    CHECK_EQ(userns_gaps(snapshot), gaps_before);
    userns_free(snapshot);
    end(pid);
    CHECK(ends(USERNS_SCAN_PINNED, held->inode));
}

SITUATION(elsewhere, IN_SANDBOX | BY_BPF, "a bind mount in another mount namespace")
{
    check_held_by_mount(hold_by_mount, "/mnt/ns", false);
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

static void hold_far_below(struct held *held)
{
    new_mount_namespace();
    mount_tmpfs("/mnt");
    CHECK(mkdir("/mnt/a", 0700) == 0);
    mount_tmpfs("/mnt/a");
    CHECK(mkdir("/mnt/a/b", 0700) == 0 && mkdir("/mnt/a/b/c", 0700) == 0);
    CHECK(mkdir("/mnt/a/b/c/other", 0700) == 0);
    held->inode = mount_left_user("/mnt/a/b/c/ns");
}

static void hold_by_mount_far_below_overmount(void *held)
{
    hold_far_below(held);
    mount_tmpfs("/mnt/a");
}

static void hold_by_mount_beside_overmount(void *held)
{
    hold_far_below(held);
    mount_tmpfs("/mnt/a/b/c/other");
}

SITUATION(overmounted, IN_SANDBOX | BY_BPF, "one or two other mounts are on the same path")
{
    check_held_by_mount(hold_by_overmounted_mount, "/mnt/ns", true);
    check_held_by_mount(hold_by_twice_overmounted_mount, "/mnt/ns", true);
}

SITUATION(overmounted_directory, IN_SANDBOX | BY_BPF,
          "another mount is on the directory of the mount")
{
    check_held_by_mount(hold_by_mount_in_overmounted_directory, "/mnt/ns", true);
    check_held_by_mount(hold_by_mount_far_below_overmount, "/mnt/a/b/c/ns", true);
    check_held_by_mount(hold_by_mount_beside_overmount, "/mnt/a/b/c/ns", false);
}

SITUATION(overmounted_by_itself, IN_SANDBOX | BY_BPF, "a namespace is mounted twice on one path")
{
    struct userns_snapshot *snapshot;
    const struct userns_pin *const *pins;
    uint64_t inode;
    size_t count;

    mount_tmpfs("/mnt");
    inode = mount_left_user("/mnt/ns");
    CHECK(mount("/mnt/ns", "/mnt/ns", "none", MS_BIND, NULL) == 0);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    check_place(snapshot, inode);
    pins = userns_pins(userns_find_inode(snapshot, inode), &count);
    CHECK_EQ(count, 2);
    check_mount(pins[0], getpid(), "/mnt/ns");
    check_mount(pins[1], getpid(), "/mnt/ns");
    CHECK_EQ(userns_pin_is_overmounted(pins[0]) + userns_pin_is_overmounted(pins[1]), 1);
    userns_free(snapshot);
}

/* ---- Copies in other mount namespaces ---- */

/* What umount(2) of a process says about its mount: 0, or an errno value. */
struct unmounted {
    const char *path;
    int error;
    bool asked, done;
};

static void unmount_when_asked(struct unmounted *unmounted)
{
    if (fork_child() != 0)
        return;
    while (!*(volatile bool *)&unmounted->asked)
        sched_yield();
    unmounted->error = umount(unmounted->path) == 0 ? 0 : errno;
    *(volatile bool *)&unmounted->done = true;
    wait_forever(NULL);
}

static int unmount(struct unmounted *unmounted)
{
    unmounted->asked = true;
    while (!*(volatile bool *)&unmounted->done)
        sched_yield();
    return unmounted->error;
}

static void copy_in_same_user_namespace(void *unmounted)
{
    new_mount_namespace();
    unmount_when_asked(unmounted);
}

static void copy_in_new_user_namespace(void *unmounted)
{
    new_user_namespace();
    copy_in_same_user_namespace(unmounted);
}

SITUATION(copies, IN_SANDBOX | BY_BPF,
          "each pin names its mount namespace, and whether the mount can be locked")
{
    struct unmounted *same = shared(2 * sizeof *same), *other = same + 1;
    struct userns_snapshot *snapshot;
    const struct userns_pin *const *pins;
    uint64_t inode;
    pid_t processes[2];
    size_t count;

    mount_tmpfs("/mnt");
    inode = mount_left_user("/mnt/ns");
    same->path = other->path = "/mnt/ns";
    processes[0] = start(copy_in_same_user_namespace, same);
    processes[1] = start(copy_in_new_user_namespace, other);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    check_place(snapshot, inode);
    pins = userns_pins(userns_find_inode(snapshot, inode), &count);
    CHECK_EQ(count, 3);
    check_mount(pins[0], getpid(), "/mnt/ns");
    check_mount(pins[1], processes[0], "/mnt/ns");
    check_mount(pins[2], processes[1], "/mnt/ns");
    CHECK(userns_nonuser_owner(userns_pin_nonuser(pins[1])) == userns_self(snapshot));
    CHECK(userns_nonuser_owner(userns_pin_nonuser(pins[2])) ==
          userns_find_pid(snapshot, processes[1]));
    CHECK(!userns_pin_may_be_locked(pins[0]) && !userns_pin_may_be_locked(pins[1]));
    CHECK(userns_pin_may_be_locked(pins[2]));
    userns_free(snapshot);
    CHECK_EQ(unmount(same), 0);
    CHECK_EQ(unmount(other), EINVAL);
}

struct maker {
    struct held user, network;
    struct unmounted unmounted;
};

/* In a user namespace and a mount namespace of its own, mounts what is created there. */
static void mount_in_new_user_namespace(void *argument)
{
    struct maker *maker = argument;

    new_user_namespace();
    hold_by_mount(&maker->user);
    make_file("/mnt/net");
    mount_namespace(open_left_network(&maker->network), "/mnt/net");
    unmount_when_asked(&maker->unmounted);
}

SITUATION(made_there, IN_SANDBOX | BY_BPF, "mounts that a container makes are not locked")
{
    struct maker *maker = shared(sizeof *maker);
    struct userns_snapshot *snapshot;
    const struct userns_pin *pin;
    pid_t pid;

    maker->unmounted.path = "/mnt/ns";
    pid = start(mount_in_new_user_namespace, maker);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    pin = only_pin(snapshot, maker->user.inode);
    check_mount(pin, pid, "/mnt/ns");
    CHECK(!userns_pin_may_be_locked(pin));
    pin = only_nonuser_pin(userns_pin_nonuser(only_pin(snapshot, maker->network.inode)));
    check_mount(pin, pid, "/mnt/net");
    CHECK(!userns_pin_may_be_locked(pin));
    userns_free(snapshot);
    CHECK_EQ(unmount(&maker->unmounted), 0);
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
    CHECK(ends(USERNS_SCAN_PINNED, held->inode));
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
    check_held_by_mount(hold_on_odd_path, ODD_PATH, false);
}
