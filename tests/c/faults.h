/*
 * Faults: one system call of a function of the library fails, or all from one on, with an error that
 * it can return.
 *
 * The function runs in a process of its own, the subject. A filter sends its system calls, and those
 * of the children that the library makes, to this program, which answers them: seccomp_unotify(2).
 */
#ifndef FAULTS_H
#define FAULTS_H

#include "allocator.h"
#include "lines.h"
#include "pins.h"
#include "probe.h"
#include "seccomp.h"
#include <sys/uio.h>

/* In place of an errno value. */
enum {
    SHORT = -1, /* read(2), pread(2) or write(2) of one byte */
    END = -2,   /* read(2) at the end of a file that is cut off */
};

#define ENOTSUPP 524 /* of the kernel's own, but bpf(2) gives it */

struct call {
    const char *name;
    int number;
    int errors[20]; /* end with 0 */
};

/* The calls that can fail. A function that makes one which is neither here nor below fails its test. */
static const struct call known_calls[] = {
#define CALL(name) #name, __NR_##name
    { CALL(openat),
      { EACCES, EPERM, ENOENT, ESRCH, EMFILE, ENFILE, ENOMEM, EIO, ENXIO, ENOTDIR, ELOOP, EINTR,
        ENOSYS } },
    { CALL(openat2),
      { EACCES, EPERM, ENOENT, ESRCH, EMFILE, ENFILE, ENOMEM, EIO, ENXIO, ENOTDIR, ELOOP, EXDEV,
        EAGAIN, E2BIG, EINVAL, EINTR, ENOSYS } },
    { CALL(read),
      { EIO, EACCES, EPERM, ESRCH, ENOMEM, EINVAL, EISDIR, EINTR, ENOSYS, SHORT, END } },
    { CALL(pread64), { EIO, EACCES, EPERM, ENOMEM, EINVAL, EINTR, ENOSYS, SHORT } },
    { CALL(write),
      { EIO, EACCES, EPERM, EINVAL, ENOMEM, ENOSPC, EDQUOT, EFBIG, EPIPE, EINTR, ENOSYS, SHORT } },
    { CALL(readlinkat), { EACCES, EPERM, ENOENT, ESRCH, ENOMEM, EINVAL, EIO, ENOSYS } },
    { CALL(getdents64), { EACCES, EPERM, ENOENT, ENOMEM, EIO, EINVAL, ENOSYS } },
#ifdef __NR_newfstatat
    { "fstatat", __NR_newfstatat, { EACCES, EPERM, ENOENT, ENOMEM, EIO, EOVERFLOW, ENOSYS } },
#else /* 32 bits */
    { "fstatat", __NR_fstatat64, { EACCES, EPERM, ENOENT, ENOMEM, EIO, EOVERFLOW, ENOSYS } },
#endif
    { CALL(statx), { EACCES, EPERM, ENOENT, ENOMEM, EIO, ENOSYS } },
    { CALL(fstatfs), { EIO, EPERM, ENOMEM, ENOSYS } },
#ifdef __NR_fstatfs64
    { "fstatfs", __NR_fstatfs64, { EIO, EPERM, ENOMEM, ENOSYS } },
#endif
    { CALL(getxattr), { ENODATA, EOPNOTSUPP, EACCES, EPERM, ENOENT, ENOMEM, ENOSYS } },
    { CALL(ioctl),
      { EPERM, EACCES, ENOTTY, EINVAL, ENOMEM, EMFILE, ENFILE, EIO, ENOENT, ESRCH, ENODEV,
        ENOSYS } },
    { CALL(lseek), { EINVAL, ESPIPE, EPERM, ENOSYS } },
#ifdef __NR__llseek
    { "lseek", __NR__llseek, { EINVAL, ESPIPE, EPERM, ENOSYS } },
#endif
    { CALL(fcntl), { EBADF, EINVAL, EPERM, ENOSYS } },
    { CALL(dup3), { EBADF, EBUSY, EMFILE, EPERM, ENOSYS } },
    { CALL(pidfd_open), { EPERM, ESRCH, EINVAL, EMFILE, ENFILE, ENOMEM, ENOSYS } },
    { CALL(pidfd_getfd), { EPERM, ESRCH, EBADF, EMFILE, ENFILE, ENOSYS } },
    { CALL(close_range), { EPERM, EINVAL, ENOMEM, EMFILE, ENOSYS } },
    { CALL(kcmp), { EPERM, ESRCH, EBADF, ENOSYS } },
    { CALL(clone), { EAGAIN, ENOMEM, EPERM, EACCES, EINVAL, ENOSPC, EUSERS, ENOSYS } },
    { CALL(clone3), { EAGAIN, ENOMEM, EPERM, EACCES, EINVAL, ENOSYS } },
    { CALL(ppoll), { EINTR, EINVAL, ENOMEM, EPERM, ENOSYS } },
    { CALL(futex), { EINTR, EAGAIN, EPERM, ENOSYS } },
    { CALL(pidfd_send_signal), { EPERM, ESRCH, ENOSYS } },
    { CALL(kill), { EPERM, ESRCH, ENOSYS } },
    { CALL(setns), { EPERM, EINVAL, ENOMEM, ENOSYS } },
    { CALL(unshare), { EPERM, EACCES, EINVAL, ENOMEM, ENOSPC, EUSERS, ENOSYS } },
    { CALL(mount), { EPERM, EACCES, EINVAL, ENOENT, ENODEV, EBUSY, ENOMEM, ENOSPC, ENOSYS } },
    { CALL(fchdir), { EACCES, EPERM, ENOMEM, ENOSYS } },
    { CALL(umount2), { EPERM, EINVAL, EBUSY, ENOMEM, ENOSYS } },
    { CALL(wait4), { ECHILD, EINTR, EPERM, ENOSYS } },
    { CALL(waitid), { ECHILD, EINTR, EPERM, ENOSYS } },
    { CALL(execve),
      { EACCES, EPERM, ENOENT, ENOTDIR, ELOOP, ENOEXEC, ETXTBSY, E2BIG, EINVAL, EIO, ENOMEM, EMFILE,
        ENFILE, EAGAIN, ENOSYS } },
    { CALL(socket), { EACCES, EPERM, EAFNOSUPPORT, EMFILE, ENFILE, ENOMEM, ENOSYS } },
    { CALL(capget), { EPERM, EINVAL, ENOSYS } },
    { CALL(getgroups), { EPERM, EINVAL, ENOSYS } },
#ifdef __NR_getgroups32
    { "getgroups", __NR_getgroups32, { EPERM, EINVAL, ENOSYS } },
#endif
    { CALL(prlimit64), { EPERM, EINVAL, ENOSYS } },
    { CALL(prctl), { EPERM, EINVAL, ENOSYS } },
    { CALL(rt_sigpending), { EPERM, ENOSYS } },
    { CALL(rt_sigtimedwait), { EPERM, ENOSYS } }, /* of a signal that is pending */
    { CALL(bpf),
      { EPERM, EINVAL, E2BIG, ENOMEM, EACCES, EAGAIN, EBUSY, EMFILE, ENFILE, ENOENT, ENOSPC, EFAULT,
        EINTR, EOPNOTSUPP, ENOTSUPP, ENOSYS } },
#ifdef __NR_mmap
    { CALL(mmap), { ENOMEM, EPERM, ENODEV } },
#endif
#ifdef __NR_mmap2
    { "mmap", __NR_mmap2, { ENOMEM, EPERM, ENODEV } },
#endif
    { CALL(open_by_handle_at),
      { ESTALE, EACCES, EPERM, EOPNOTSUPP, EINVAL, EBADF, ENOMEM, EMFILE, ENFILE, ENOSYS } },
    /* EOVERFLOW is for paths that are too long: mount_views.c. */
    { "statmount", 457, { ENOENT, EPERM, EINVAL, ENOMEM, ENOSYS } },
    { "listmount", 458, { ENOENT, EPERM, EINVAL, ENOMEM, ENOSYS } },
    { "listns", 470, { EPERM, EINVAL, EFAULT, EOVERFLOW, ENOMEM, ENOSYS } },
#undef CALL
};

/* Calls that never fail here, or that cannot be answered in place of the kernel. */
static const int left_alone[] = {
    /* The kernel closes the descriptor, whatever it answers; and ends the process. */
    __NR_close,
    __NR_exit,
    __NR_exit_group,
    /* The allocator: memory.c refuses each allocation. */
    __NR_brk,
    __NR_munmap,
    __NR_mremap,
    __NR_madvise,
    __NR_mprotect,
    /* With valid arguments they cannot fail. */
    __NR_rt_sigprocmask,
    __NR_rt_sigaction,
    __NR_rt_sigreturn,
    __NR_sched_yield,
    __NR_getpid,
    __NR_gettid,
    __NR_getppid,
    __NR_getuid,
    __NR_geteuid,
    __NR_getgid,
    __NR_getegid,
    __NR_clock_gettime,
#ifdef __NR_getuid32
    __NR_getuid32,
    __NR_geteuid32,
    __NR_getgid32,
    __NR_getegid32,
    __NR_clock_gettime64,
#endif
};

#define LENGTH(array) (sizeof(array) / sizeof *(array))

enum { CALLS = LENGTH(known_calls), FACTS = 128 * 1024 };

static int index_of_call(int number)
{
    int call = 0;

    while (call < CALLS && known_calls[call].number != number)
        call++;
    return call < CALLS ? call : -1;
}

/* Whether it depends on the time how often a call is made. */
static bool waits(int call)
{
    int number = known_calls[call].number;

    return number == __NR_ppoll || number == __NR_futex || number == __NR_wait4;
}

/* The call that fails: the occurrence of it from 0 on. call: -1 for none. */
struct fault {
    int call, occurrence, error;
    bool always; /* from then on */
};

/* A function of the library, and what there is to fail in. */
struct subject {
    const char *function;
    uint64_t flags;
    void (*set_scene)(void); /* once */
    void (*prepare)(void);   /* in the process of the subject, before calls fail; NULL: nothing */
    int (*act)(void);        /* calls fail only here; returns what the function does */
    void (*tell)(FILE *);    /* what came of it, a line for each fact; frees it */
    bool is_file;            /* not facts: a file, of which the order matters */
    /* The calls that fail, only the first and the last time; NULL: all calls. */
    const char *only[2];
    /* Errors that a call has without a fault, too; NULL: none. 0: the kernel answers. */
    int (*standing)(const struct seccomp_data *, int occurrence);
};

/* What the process of a subject tells. */
static struct run {
    const struct subject *subject;
    struct fault fault;
    atomic_int listener; /* 0: not yet made */
    atomic_bool is_supervised, is_acting;
    int unknown_call; /* 0: none */
    int error;
    time_t seconds; /* that it took */
    long blocks;    /* of memory that are left */
    size_t gaps[32];
    char facts[FACTS]; /* sorted lines */
} * run;

/* ---- The process of a subject ---- */

static void install_filter(void)
{
    int listener = report_syscalls(left_alone, LENGTH(left_alone));

    run->listener = listener >= 0 ? listener : -1;
    while (!run->is_supervised)
        sched_yield();
}

/* The mappings that are not of a program, a library or the allocator. */
static int shared_mappings(void)
{
    static char text[65536];
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC), count = 0;

    CHECK(fd >= 0);
    read_all(fd, text, sizeof text);
    for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n"))
        count += strstr(line, "bpf-map") != NULL || strstr(line, "/btf/") != NULL;
    return count;
}

static char *mounts(void)
{
    static char text[2][65536];
    static int next;
    int fd = open("/proc/self/mountinfo", O_RDONLY | O_CLOEXEC);

    CHECK(fd >= 0);
    next = !next;
    read_all(fd, text[next], sizeof text[next]);
    return text[next];
}

/* A helper of which wait4(2) says that there is none has ended or is about to, and stays a zombie. */
static bool has_children(void)
{
    siginfo_t info;

    if (run->fault.call >= 0 && known_calls[run->fault.call].number == __NR_wait4 &&
        run->fault.error == ECHILD)
        return false;
    return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != -1 || errno != ECHILD;
}

static void run_subject(void)
{
    const struct subject *subject = run->subject;
    FILE *out;
    const char *mounts_before;
    sigset_t signals_before = { 0 }, signals = { 0 };
    int descriptors;
    long blocks;
    time_t start;

    if (subject->prepare != NULL)
        subject->prepare();
    CHECK(sigprocmask(SIG_SETMASK, NULL, &signals_before) == 0);
    mounts_before = mounts();
    install_filter();
    descriptors = open_descriptors();
    blocks = in_use;
    run->is_acting = true;
    start = time(NULL);
    run->error = subject->act();
    run->seconds = time(NULL) - start;
    run->is_acting = false;
    out = fmemopen(run->facts, FACTS, "w");
    CHECK(out != NULL);
    subject->tell(out);
    CHECK(fclose(out) == 0 && strlen(run->facts) < FACTS - 1);
    if (!subject->is_file)
        sort_lines(run->facts);
    run->blocks = in_use - blocks;
    CHECK_EQ(open_descriptors(), descriptors);
    CHECK(shared_mappings() <= 1); /* that of the type information stays */
    CHECK(strcmp(mounts(), mounts_before) == 0);
    CHECK(sigprocmask(SIG_SETMASK, NULL, &signals) == 0);
    CHECK(memcmp(&signals, &signals_before, sizeof signals) == 0);
    CHECK(!has_children());
}

/* ---- The supervisor ---- */

static int occurrences[CALLS];
/* How many processes there are without that of the subject. */
static int processes_of_scene;
/* The processes that have executed a program, whose calls are not the library's. */
static pid_t foreign[16];
static size_t foreign_count;

/* Transfers one byte of a read(2), pread(2) or write(2). False if that fails. */
static bool transfer_byte(const struct seccomp_notif *notification)
{
    pid_t pid = (pid_t)notification->pid;
    int process = (int)syscall(SYS_pidfd_open, pid, 0);
    int fd = (int)syscall(SYS_pidfd_getfd, process, (int)notification->data.args[0], 0);
    char byte;
    struct iovec here = { &byte, 1 };
    struct iovec there = { (void *)(uintptr_t)notification->data.args[1], 1 };
    bool done;

    CHECK(process >= 0 && fd >= 0);
    if (notification->data.nr == __NR_read)
        done = read(fd, &byte, 1) == 1 && process_vm_writev(pid, &here, 1, &there, 1, 0) == 1;
    else if (notification->data.nr == __NR_pread64) /* the library reads from the start only */
        done = pread(fd, &byte, 1, 0) == 1 && process_vm_writev(pid, &here, 1, &there, 1, 0) == 1;
    else
        done = process_vm_readv(pid, &here, 1, &there, 1, 0) == 1 && write(fd, &byte, 1) == 1;
    close(fd);
    close(process);
    return done;
}

/* The kernel's type information has millions of bytes. */
enum { MOST_SHORT = 2000 };

static bool is_hit(const struct fault *fault, int call, int occurrence)
{
    if (fault->error == SHORT && occurrence >= fault->occurrence + MOST_SHORT)
        return false;
    return call == fault->call &&
           (fault->always ? occurrence >= fault->occurrence : occurrence == fault->occurrence);
}

static bool is_foreign(pid_t pid)
{
    for (size_t i = 0; i < foreign_count; i++)
        if (foreign[i] == pid)
            return true;
    return false;
}

/*
 * Who asks whether a child has ended is told that there is none only if it has: then another thread
 * can have waited for it. Children have the same numbers for those who wait as here.
 */
static bool is_true(const struct seccomp_notif *notification, int error)
{
    char path[32], state = 'Z';
    FILE *file;

    if (notification->data.nr != __NR_wait4 || error != ECHILD ||
        !(notification->data.args[2] & WNOHANG))
        return true;
    snprintf(path, sizeof path, "/proc/%d/stat", (int)notification->data.args[0]);
    file = fopen(path, "re");
    if (file != NULL && fscanf(file, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    if (file != NULL)
        fclose(file);
    return state == 'Z';
}

/* The error of a call; 0: the kernel answers. */
static int error_of(const struct seccomp_notif *notification)
{
    int call = index_of_call(notification->data.nr), error = 0, occurrence;

    if (!run->is_acting || is_foreign((pid_t)notification->pid) ||
        !is_true(notification, run->fault.error))
        return 0;
    if (call < 0) {
        run->unknown_call = notification->data.nr;
        return 0;
    }
    occurrence = occurrences[call]++;
    if (is_hit(&run->fault, call, occurrence))
        error = run->fault.error;
    else if (run->subject->standing != NULL)
        error = run->subject->standing(&notification->data, occurrence);
    if (error == 0 && notification->data.nr == __NR_execve && foreign_count < LENGTH(foreign))
        foreign[foreign_count++] = (pid_t)notification->pid;
    return error;
}

static void answer_call(int listener)
{
    struct seccomp_notif notification = { 0 };
    struct seccomp_notif_resp response = { 0 };
    int error;

    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &notification) != 0)
        return; /* the process has ended */
    response.id = notification.id;
    error = error_of(&notification);
    if (error > 0)
        response.error = -error;
    else if (error == SHORT && transfer_byte(&notification))
        response.val = 1;
    else if (error != END)
        response.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &response);
}

enum { SECONDS = 20 };

/* Answers the calls of the subject until it has ended. False if it hangs. */
static bool supervise(int listener, int process)
{
    int event;

    while ((event = wait_for_syscall(listener, process, stretched(SECONDS))) > 0)
        answer_call(listener);
    return event == 0;
}

/* Whether only the processes of the scene are left, after some seconds at most. */
static bool is_alone(unsigned seconds)
{
    for (unsigned i = 0; i < seconds * 500; i++) {
        while (waitpid(-1, NULL, WNOHANG | __WALL) > 0)
            ;
        if (count_processes() == processes_of_scene)
            return true;
        usleep(2000);
    }
    return false;
}

/*
 * Runs the subject with a fault; the result is in `run`. False if the process crashed or hung, or
 * left something: it has said so.
 */
static bool run_with(const struct fault *fault)
{
    int process, listener, status;
    pid_t pid;
    bool ended;

    run->fault = *fault;
    run->listener = run->unknown_call = 0;
    run->is_supervised = run->is_acting = false;
    run->facts[0] = '\0';
    memset(run->gaps, 0, sizeof run->gaps);
    memset(occurrences, 0, sizeof occurrences);
    foreign_count = 0;
    fflush(NULL);
    pid = fork_child();
    if (pid == 0) {
        run_subject();
        exit(0);
    }
    process = (int)syscall(SYS_pidfd_open, pid, 0);
    CHECK(process >= 0);
    listener = take_listener(pid, process, &run->listener);
    run->is_supervised = true;
    ended = supervise(listener, process);
    close(listener); /* what still waits for an answer fails */
    close(process);
    if (!ended) {
        fprintf(stderr, "%s hangs\n", run->subject->function);
        kill(pid, SIGKILL);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    if (run->unknown_call != 0)
        fail("%s makes system call %d, which faults.h does not know", run->subject->function,
             run->unknown_call);
    if (!is_alone(stretched(SECONDS))) {
        fprintf(stderr, "%s leaves a process\n", run->subject->function);
        return false;
    }
    return ended && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

#endif
