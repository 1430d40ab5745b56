/* Descriptor tables: large and sparse ones, and those that change while they are read. */
#include "situation.h"
#include "interpose.h"
#include "pins.h"
#include <linux/bpf.h>
#include <pthread.h>
#include <semaphore.h>
#include <sys/eventfd.h>
#include <sys/resource.h>

/* Numbers at the borders of words of the bitmap, and in tables that have grown. */
static const int numbers[] = { 10, 63, 64, 127, 128, 255, 1023, 1024, 1500, 4031 };
enum { COUNT = sizeof numbers / sizeof *numbers };

static void allow_descriptors(void)
{
    const struct rlimit limit = { 8192, 8192 };

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

enum { FIRST = 10, MANY = 6000, SWAPPED = FIRST + MANY, OTHERS = 90 };

/* Does not return. The namespace has the number SWAPPED now and then. */
static void swap_file(void)
{
    int other = open("/dev/null", O_RDONLY | O_CLOEXEC);

    for (;;) {
        CHECK(dup3(other, SWAPPED, O_CLOEXEC) == SWAPPED);
        CHECK(dup3(FIRST, SWAPPED, O_CLOEXEC) == SWAPPED);
    }
}

/* Does not return. A child shares the table until this process has taken a copy. Then it clears the original, faster than a scan
 * reads it. */
static void leave_tables(void)
{
    int copied = eventfd(0, EFD_CLOEXEC);
    uint64_t one = 1;

    CHECK(copied >= 0 && copied < FIRST);
    for (;;) {
        pid_t pid = fork_with(CLONE_FILES | SIGCHLD);

        CHECK(pid >= 0);
        if (pid == 0) {
            CHECK(read(copied, &one, sizeof one) == sizeof one);
            (void)syscall(__NR_close_range, FIRST, ~0U, 0);
            _exit(0);
        }
        CHECK(unshare(CLONE_FILES) == 0);
        CHECK(write(copied, &one, sizeof one) == sizeof one && waitpid(pid, NULL, 0) == pid);
    }
}

enum { SMALL = 300, LARGE = 3000, IN_BETWEEN = 10 };
static int last_number = -1; /* if TIDs begin again after LARGE */

/* A thread: has the table that the one before it had, and hands it on to the next one. */
static void *hand_on(void *unshare_first)
{
    pthread_t next;

    if (unshare_first != NULL) {
        CHECK(unshare(CLONE_FILES) == 0);
        CHECK(sem_post(unshare_first) == 0);
    }
    if (last_number >= 0 && syscall(SYS_gettid) > LARGE)
        set_last_number(last_number, SMALL);
    CHECK(pthread_create(&next, NULL, hand_on, NULL) == 0 && pthread_detach(next) == 0);
    return NULL;
}

/* Does not return. Only the newest thread has the descriptors. */
static void hand_on_table(void)
{
    pthread_t first;
    sem_t is_unshared;

    CHECK(sem_init(&is_unshared, 0, 0) == 0);
    CHECK(pthread_create(&first, NULL, hand_on, &is_unshared) == 0 && pthread_detach(first) == 0);
    CHECK(sem_wait(&is_unshared) == 0);
    for (int i = FIRST; i < SWAPPED; i++)
        CHECK(close(i) == 0);
    for (;;)
        pause();
}

/*
 * Does not return. The TIDs of new threads begin again now and then: pid_namespaces(7). The kernel comes to large ones after the
 * descriptors of processes with numbers in the middle, and meanwhile the table can get to a thread with a small one.
 */
static void hand_on_table_with_small_numbers(void)
{
    CHECK(last_number < FIRST);
    set_last_number(last_number, (SMALL + LARGE) / 2);
    for (int i = 0; i < IN_BETWEEN; i++)
        start(do_nothing, NULL);
    hand_on_table();
}

/* Does not return. One more thread lasts. */
static void hand_on_table_beside_thread(void)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, wait_forever, NULL) == 0);
    hand_on_table();
}

/* A process with so many lasting descriptors of a namespace, which runs `change`. */
static pid_t start_changing(void (*change)(void), int lasting, struct held *held)
{
    pid_t pid = fork_child();
    struct held own;

    if (pid != 0) {
        while (*(volatile uint64_t *)&held->inode == 0)
            sched_yield();
        return pid;
    }
    hold_descriptor(&own);
    for (int i = 0; i < lasting; i++)
        CHECK(dup3(own.fd, FIRST + i, O_CLOEXEC) == FIRST + i);
    held->inode = own.inode;
    change();
    return 0;
}

static void check_changing(uint64_t flags, void (*change)(void), size_t lasting, int fewest)
{
    static bool is_found[SWAPPED];
    struct held *held = shared(sizeof *held);
    int scans = scan_count(fewest);
    pid_t pid;

    allow_descriptors();
    pid = start_changing(change, (int)lasting, held);
    for (int i = 0; i < scans; i++) {
        struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED | flags);
        size_t count, found = 0;
        const struct userns_pin *const *pins =
            userns_pins(userns_find_inode(snapshot, held->inode), &count);

        memset(is_found, 0, sizeof is_found);
        for (size_t j = 0; j < count; j++) {
            int number = userns_pin_descriptor(pins[j]);

            if (userns_pin_pid(pins[j]) == pid && number >= FIRST && number < SWAPPED) {
                found += !is_found[number];
                is_found[number] = true;
            }
        }
        if (found != lasting && userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS) == 0)
            fail("scan %d of %d found %zu of %zu descriptors", i, scans, found, lasting);
        userns_free(snapshot);
    }
}

SITUATION(swapped_file, IN_SANDBOX | BY_BPF, "one descriptor changes all the time")
{
    check_changing(0, swap_file, 2, 200);
}

/* Does not return. A descriptor has one number, then another one. */
static void change_number(void)
{
    static const int numbers[] = { FIRST, SWAPPED };

    CHECK(syscall(__NR_close_range, 3, FIRST - 1, 0) == 0);
    for (int i = 0; i < OTHERS; i++)
        CHECK(open("/dev/null", O_RDONLY | O_CLOEXEC) >= 0);
    for (unsigned turn = 0;; turn++) {
        usleep(50);
        CHECK(dup3(numbers[turn % 2], numbers[(turn + 1) % 2], O_CLOEXEC) >= 0);
        CHECK(close(numbers[turn % 2]) == 0);
    }
}

SITUATION(changed_number, IN_SANDBOX | BY_BPF,
          "the number of a descriptor changes all the time: found, or a gap")
{
    struct held *held = shared(sizeof *held);

    allow_descriptors();
    start_changing(change_number, 1, held);
    for (int i = scan_count(200); i > 0; i--) {
        struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_PINNED);

        if (userns_source(snapshot) == USERNS_SOURCE_BPF_TASKS)
            skip("before Linux 6.7, and without a JIT compiler, such a descriptor can be missed");
        CHECK(userns_find_inode(snapshot, held->inode) != NULL ||
              userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS) > 0);
        userns_free(snapshot);
    }
}

SITUATION(left_tables, IN_SANDBOX | BY_BPF,
          "a process takes copies of its table, and the original is cleared")
{
    check_changing(0, leave_tables, MANY, 100);
}

SITUATION(handed_on, IN_SANDBOX | BY_BPF, "a table is handed on from thread to thread")
{
    check_changing(0, hand_on_table, MANY, 100);
}

SITUATION(handed_on_beside_thread, IN_SANDBOX | BY_BPF,
          "the same beside a thread that does nothing")
{
    check_changing(0, hand_on_table_beside_thread, MANY, 20);
}

/* Whether the kernel is one before Linux 6.7: no program passes the tables itself. */
static bool has_visits_only;

static bool answer_call(long number, const long arguments[6], long *result)
{
    if (!has_visits_only || number != SYS_bpf || arguments[0] != BPF_PROG_LOAD ||
        ((const union bpf_attr *)arguments[1])->prog_type != BPF_PROG_TYPE_SYSCALL)
        return false;
    errno = EINVAL;
    *result = -1;
    return true;
}

SITUATION(handed_on_amid_visits, IN_SANDBOX,
          "the same while the kernel shows descriptor after descriptor to a program, by TID")
{
    need_bpf();
    has_visits_only = true;
    check_changing(USERNS_SCAN_BPF, hand_on_table, MANY, 50);
}

SITUATION(handed_on_with_small_numbers, IN_SANDBOX, "the same, and the TIDs begin again")
{
    need_bpf();
    last_number = open_last_number();
    has_visits_only = true;
    check_changing(USERNS_SCAN_BPF, hand_on_table_with_small_numbers, MANY, 20);
}
