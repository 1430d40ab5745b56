/* Descriptor tables: large and sparse ones, and those that change while they are read. */
#include "situation.h"
#include "pins.h"
#include <sys/resource.h>

/* Numbers at the borders of words of the bitmap, and in tables that have grown. */
static const int numbers[] = { 10, 63, 64, 127, 128, 255, 1023, 1024, 1500, 4031 };
enum { COUNT = sizeof numbers / sizeof *numbers };

static void allow_descriptors(void)
{
    const struct rlimit limit = { 4096, 4096 };

    if (setrlimit(RLIMIT_NOFILE, &limit) != 0)
        skip("cannot raise the limit of descriptors");
}

/* For start() */
static void hold_sparsely(void *argument)
{
    struct held *held = argument;

    hold_descriptor(held);
    for (size_t i = 0; i < COUNT; i++)
        CHECK(dup3(held->fd, numbers[i], O_CLOEXEC) == numbers[i]);
    close(held->fd);
}

/* For in_thread(): the thread has a table of its own, as large. */
static void hold_sparsely_alone(void *held)
{
    CHECK(unshare(CLONE_FILES) == 0);
    hold_sparsely(held);
}

static void hold_sparsely_in_thread(void *held)
{
    in_thread(hold_sparsely_alone, held);
}

static void check_sparse(void (*hold)(void *))
{
    struct held *held = shared(sizeof *held);
    struct userns_snapshot *snapshot;
    const struct userns_pin *const *pins;
    size_t count;
    pid_t pid;

    allow_descriptors();
    pid = start(hold, held);
    snapshot = scan_with(USERNS_SCAN_PINNED);
    pins = userns_pins(userns_find_inode(snapshot, held->inode), &count);
    CHECK_EQ(count, COUNT);
    for (size_t i = 0; i < COUNT; i++)
        check_descriptor(pins[i], pid, hold == hold_sparsely ? pid : held->tid, numbers[i]);
    userns_free(snapshot);
}

SITUATION(sparse, IN_SANDBOX | BY_BPF, "a large table with few descriptors")
{
    check_sparse(hold_sparsely);
}

SITUATION(sparse_in_thread, IN_SANDBOX | BY_BPF, "the same in a table that one thread has")
{
    check_sparse(hold_sparsely_in_thread);
}

/* ---- Tables that change ---- */

enum { FIRST = 10, SWAPPED = 11, LAST = 12, FILES = 2000 };

/* Does not return. The namespace keeps the numbers FIRST and LAST, and has SWAPPED now and then. */
static void swap_file(const struct held *held)
{
    int other = open("/dev/null", O_RDONLY | O_CLOEXEC);

    for (;;) {
        CHECK(dup3(other, SWAPPED, O_CLOEXEC) == SWAPPED);
        CHECK(dup3(held->fd, SWAPPED, O_CLOEXEC) == SWAPPED);
    }
}

/* Does not return. A child shares the table; while it ends, this process takes a copy. The namespace keeps both numbers. */
static void leave_tables(const struct held *held)
{
    (void)held;
    while (fcntl(LAST + FILES, F_GETFD) < 0)
        CHECK(fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, LAST + 1) > LAST);
    for (;;) {
        pid_t pid = (pid_t)syscall(__NR_clone, CLONE_FILES | SIGCHLD, NULL, NULL, NULL, NULL);

        CHECK(pid >= 0);
        if (pid == 0)
            _exit(0);
        CHECK(unshare(CLONE_FILES) == 0);
        CHECK(waitpid(pid, NULL, 0) == pid);
    }
}

/* Scans while a process runs `change`, in which one of the descriptors may be missing if it is SWAPPED. */
static void check_changing(void (*change)(const struct held *), int last)
{
    struct held *held = shared(sizeof *held);
    int scans = scan_count(200);
    pid_t pid;

    allow_descriptors();
    pid = fork_child();
    if (pid == 0) {
        struct held own;

        hold_descriptor(&own);
        CHECK(dup3(own.fd, FIRST, O_CLOEXEC) == FIRST && dup3(own.fd, last, O_CLOEXEC) == last);
        close(own.fd);
        own.fd = FIRST;
        held->inode = own.inode;
        change(&own);
    }
    while (*(volatile uint64_t *)&held->inode == 0)
        sched_yield();
    for (int i = 0; i < scans; i++) {
        struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);
        size_t count, lasting = 0;
        const struct userns_pin *const *pins =
            userns_pins(userns_find_inode(snapshot, held->inode), &count);

        for (size_t j = 0; j < count; j++) {
            int number = userns_pin_descriptor(pins[j]);

            if (userns_pin_pid(pins[j]) != pid)
                continue; /* a child that has the same table */
            CHECK(number == FIRST || number == last || number == SWAPPED);
            lasting += number != SWAPPED;
        }
        if (lasting != 2 && userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS) == 0)
            fail("scan %d of %d found %zu of 2 descriptors", i, scans, lasting);
        userns_free(snapshot);
    }
}

SITUATION(swapped_file, IN_SANDBOX | BY_BPF,
          "one descriptor changes all the time between two that last")
{
    check_changing(swap_file, LAST);
}

SITUATION(left_tables, IN_SANDBOX | BY_BPF,
          "a process takes copies of its table, and the original is cleared")
{
    check_changing(leave_tables, LAST + FILES + 1);
}
