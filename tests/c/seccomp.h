/* seccomp(2): imitates kernels without a feature, and policies that deny it. */
#ifndef SECCOMP_H
#define SECCOMP_H

#include "process.h"
#include <poll.h>
#include <sched.h>
#include <stdatomic.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>

enum { ANY_ARGUMENT = -1 };

/*
 * From now on a system call fails with an errno value in this process and its children, if the low
 * 32 bits of one of its arguments (0 is the first) have a value; with ANY_ARGUMENT, always.
 */
static UNUSED void deny_syscall(long number, int argument, uint32_t value, int error)
{
    bool always = argument == ANY_ARGUMENT;
    size_t low_word = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    size_t offset =
        offsetof(struct seccomp_data, args) + 8 * (size_t)(always ? 0 : argument) + low_word;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset),
        BPF_JUMP(BPF_JMP | BPF_K | (always ? BPF_JGE : BPF_JEQ), always ? 0 : value, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        skip("cannot filter system calls: %s", strerror(errno));
}

/* ---- System calls that another process answers: seccomp_unotify(2) ---- */

/*
 * From now on all system calls of this process and its children but these wait for an answer.
 * Returns the listener; -1: the kernel refuses.
 */
static UNUSED int report_syscalls(const int *allowed, size_t count)
{
    static struct sock_filter filter[1024] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    struct sock_fprog program = { 1, filter };
    int listener;

    CHECK(2 * count + 2 <= sizeof filter / sizeof *filter);
    for (size_t i = 0; i < count; i++) {
        filter[program.len++] =
            (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)allowed[i], 0, 1);
        filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
    }
    filter[program.len++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF);
    listener = (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                            &program);
    if (listener >= 0 || errno != EACCES)
        return listener;
    /* Without privileges, which a program that is executed must not get either. */
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER,
                        &program);
}

/*
 * The listener of a child, which writes its number into memory that is shared; 0: not yet, -1: there
 * is none. A child that ends before that has failed or skipped, and so does this process.
 */
static UNUSED int take_listener(pid_t child, int pidfd, const atomic_int *number)
{
    siginfo_t info = { 0 };
    int listener;

    while (*number == 0) {
        CHECK(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT | WNOHANG) == 0);
        if (info.si_pid != 0) {
            expect_success(child);
            fail("process %d ended before its system calls were supervised", (int)child);
        }
        sched_yield();
    }
    listener = (int)syscall(SYS_pidfd_getfd, pidfd, *number, 0);
    if (listener < 0)
        skip("cannot supervise system calls: %s", strerror(errno));
    return listener;
}

/* Waits for a call. 1: there is one. 0: the process has ended. -1: neither for so many seconds. */
static UNUSED int wait_for_syscall(int listener, int pidfd, unsigned seconds)
{
    struct pollfd polled[] = { { .fd = listener, .events = POLLIN },
                               { .fd = pidfd, .events = POLLIN } };

    do
        if (poll(polled, 2, (int)seconds * 1000) == 0)
            return -1;
    while (!(polled[0].revents & POLLIN) && polled[1].revents == 0);
    return polled[0].revents & POLLIN ? 1 : 0;
}

/* ---- Kernels without a feature ---- */

/* From now on the kernel is one before Linux 6.8: it has no listmount(2). */
static UNUSED void deny_listmount(void)
{
    enum { LISTMOUNT = 458 };

    deny_syscall(LISTMOUNT, ANY_ARGUMENT, 0, ENOSYS);
}

/* From now on the kernel does not know an ioctl(2). */
static UNUSED void deny_ioctl(uint32_t operation)
{
    deny_syscall(__NR_ioctl, 1, operation, ENOTTY);
}

/* From now on scans read everything in the calling process, as where a policy denies clone3(2). */
static UNUSED void deny_worker(void)
{
    deny_syscall(__NR_clone3, ANY_ARGUMENT, 0, ENOSYS);
}

#endif
