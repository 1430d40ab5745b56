/* Pins: sockets that hold a network namespace. */
#include "situation.h"
#include "pins.h"

SITUATION(socket_alone, IN_SANDBOX | BY_BPF, "a network namespace that only a socket holds")
{
    struct held *held = shared(sizeof *held);
    pid_t pid = start(hold_socket, held);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_SOCKETS);
    const struct userns_pin *pin;

    check_place(snapshot, held->inode);
    pin = check_owned(only_pin(snapshot, held->inode), CLONE_NEWNET, held->other);
    CHECK_EQ(userns_pin_kind(pin), USERNS_PIN_SOCKET);
    CHECK(userns_pin_pid(pin) == pid && userns_pin_tid(pin) == pid);
    CHECK_EQ(userns_pin_descriptor(pin), held->fd);
    CHECK(userns_pin_path(pin) == NULL && userns_pin_nonuser(pin) == NULL);
    userns_free(snapshot);
    CHECK(!finds(USERNS_SCAN_PINNED, held->inode));
    end(pid);
    CHECK(!finds(USERNS_SCAN_SOCKETS, held->inode));
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
