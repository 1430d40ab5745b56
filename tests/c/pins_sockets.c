/* Pins: sockets that hold a network namespace. */
#include "situation.h"
#include "pins.h"

/* Only a file of this process holds the network namespace, which alone holds its owner. */
static void check_held(const struct userns_snapshot *snapshot, const struct held *held, pid_t pid)
{
    const struct userns_pin *pin;

    check_place(snapshot, held->inode);
    pin = check_owned(only_pin(snapshot, held->inode), CLONE_NEWNET, held->other);
    check_file(pin, USERNS_PIN_SOCKET, pid, pid, held->fd);
}

SITUATION(socket_alone, IN_SANDBOX | BY_BPF, "a network namespace that only a socket holds")
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold_socket, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_SOCKETS);

    check_held(snapshot, held, pid);
    userns_free(snapshot);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
    end(pid);
    CHECK(ends(USERNS_SCAN_SOCKETS, held->inode));
}

static void share_socket(void *held)
{
    hold_socket(held);
    start(do_nothing, NULL); /* has a copy of the descriptor table */
}

SITUATION(shared_socket, IN_SANDBOX | BY_BPF, "two processes have the same socket")
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(share_socket, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_SOCKETS);
    const struct userns_nonuser *ns;
    const struct userns_pin *const *pins;
    size_t count;

    ns = userns_pin_nonuser(only_pin(snapshot, held->inode));
    pins = userns_nonuser_pins(ns, &count);
    CHECK_EQ(count, 2);
    CHECK(userns_pin_pid(pins[0]) == pid && userns_pin_pid(pins[1]) > pid);
    for (size_t i = 0; i < count; i++) {
        CHECK_EQ(userns_pin_kind(pins[i]), USERNS_PIN_SOCKET);
        CHECK_EQ(userns_pin_descriptor(pins[i]), held->fd);
    }
    userns_free(snapshot);
}

/* ---- Devices of network interfaces ---- */

SITUATION(tun_device, IN_SANDBOX, "a network namespace that only /dev/net/tun holds")
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold_tun, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

    check_held(snapshot, held, pid);
    userns_free(snapshot);
    CHECK(finds(USERNS_SCAN_SOCKETS, held->inode));
    end(pid);
    CHECK(ends(USERNS_SCAN_SOCKETS, held->inode));
}

static size_t sockets_gap(uint64_t flags)
{
    struct userns_snapshot *snapshot = scan_with(flags);
    size_t count = userns_gap_count(snapshot, USERNS_GAP_SOCKETS);

    userns_free(snapshot);
    return count;
}

SITUATION(unused_tun_device, IN_SANDBOX, "an O_PATH descriptor of /dev/net/tun holds nothing")
{
    size_t before = sockets_gap(USERNS_SCAN_PINNED);

    if (open("/dev/net/tun", O_PATH | O_CLOEXEC) < 0)
        skip("there is no /dev/net/tun");
    CHECK_EQ(sockets_gap(USERNS_SCAN_PINNED), before);
}

/* Makes a macvtap interface and its device file; returns a descriptor of that. */
static int open_macvtap(void)
{
    static const char make[] =
        "exec 2>/dev/null; ip tuntap add userns0 mode tap && ip link set userns0 up &&"
        " ip link add link userns0 name userns1 type macvtap && mount -t sysfs none /mnt &&"
        " device=$(cat /mnt/class/net/userns1/tap*/dev) && umount /mnt && mount -t tmpfs none /mnt"
        " && mknod /mnt/tap c ${device%:*} ${device#*:}";

    CHECK(unshare(CLONE_NEWNET) == 0);
    if (system(make) != 0)
        skip("cannot make a macvtap interface");
    return open("/mnt/tap", O_RDWR | O_CLOEXEC);
}

SITUATION(macvtap_device, IN_SANDBOX | AS_ROOT, "a macvtap device is counted")
{
    size_t before = sockets_gap(USERNS_SCAN_PINNED);
    int fd = open_macvtap();

    CHECK(fd >= 0);
    CHECK_EQ(sockets_gap(USERNS_SCAN_PINNED), before + 1);
    CHECK(close(fd) == 0);
    CHECK_EQ(sockets_gap(USERNS_SCAN_PINNED), before);
}

/* ---- Sockets that a scan must not touch ---- */

SITUATION(
    unknown_classes, IN_SANDBOX,
    "a duplicate would change the class of a socket, unless the cgroups tell that none has one")
{
    struct held *held = shared(sizeof *held);
    char path[64];
    size_t before;

    start(hold_socket, held);
    before = sockets_gap(USERNS_SCAN_SOCKETS);
    CHECK(finds(USERNS_SCAN_SOCKETS, held->inode));
    snprintf(path, sizeof path, "/proc/%d/task/%d/cgroup", (int)getpid(), (int)getpid());
    CHECK(mount("/dev/null", path, NULL, MS_BIND, NULL) == 0);
    CHECK(!finds(USERNS_SCAN_SOCKETS, held->inode));
    CHECK(sockets_gap(USERNS_SCAN_SOCKETS) > before);
}
