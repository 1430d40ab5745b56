/* Processes: starting and ending them, their credentials and resources, running programs. */
#ifndef PROCESS_H
#define PROCESS_H

#include "check.h"
#include <dirent.h>
#include <fcntl.h>
#include <grp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>

/* ---- Limits on the time ---- */

/* How much longer everything takes on an emulated machine: the environment variable TIME_FACTOR. */
static UNUSED unsigned time_factor(void)
{
    const char *factor = getenv("TIME_FACTOR");

    return factor != NULL ? (unsigned)atoi(factor) : 1;
}

static UNUSED unsigned stretched(unsigned seconds)
{
    return seconds * time_factor();
}

/* For situations in which the library reaches its own limits on the time if all takes longer. */
static UNUSED void need_real_time(void)
{
    if (time_factor() > 1)
        skip("on an emulated machine, the library reaches its limits on the time");
}

/* ---- Start and end ---- */

/* Forks; the child ends when its parent does. */
static UNUSED pid_t fork_child(void)
{
    pid_t parent = getpid();
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0) {
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        if (getppid() != parent && getppid() != 0) /* 0: the parent is outside this PID namespace */
            _exit(1);
    }
    return pid;
}

/* The number of the argument of clone(2) with the flags. On s390x the first one is the stack. */
#ifdef __s390__
enum { CLONE_FLAGS = 1 };
#else
enum { CLONE_FLAGS = 0 };
#endif

/* Like fork(2), with flags of clone(2). */
static UNUSED pid_t fork_with(unsigned long flags)
{
    unsigned long first[2] = { 0 };

    first[CLONE_FLAGS] = flags;
    return (pid_t)syscall(__NR_clone, first[0], first[1], NULL, NULL, NULL);
}

/* Waits for a child; if it failed or skipped, so does this process. */
static UNUSED void expect_success(pid_t pid)
{
    int status;

    CHECK(waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status))
        fail("process %d ended by signal %d", (int)pid, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        exit(WEXITSTATUS(status));
}

/* Runs a function in a child and waits for it. */
static UNUSED void in_child(void (*act)(void *), void *argument)
{
    pid_t pid = fork_child();

    if (pid == 0) {
        act(argument);
        exit(0);
    }
    expect_success(pid);
}

enum { DEADLINE = 120 /* seconds for a scan that could hang */ };

/* Like in_child(), but fails if the child hangs, even if it blocks signals. */
static UNUSED void before_deadline(void (*act)(void *), void *argument)
{
    pid_t pid = fork_child();
    siginfo_t info = { 0 };

    if (pid == 0) {
        act(argument);
        exit(0);
    }
    for (unsigned i = 0; i < stretched(DEADLINE) * 100 && info.si_pid == 0; i++) {
        CHECK(waitid(P_PID, (id_t)pid, &info, WEXITED | WNOWAIT | WNOHANG) == 0);
        usleep(info.si_pid == 0 ? 10000 : 0);
    }
    if (info.si_pid == 0) {
        kill(pid, SIGKILL);
        fail("a scan hangs");
    }
    expect_success(pid);
}

/* Starts a process that runs a function and then sleeps; returns when the function has returned. */
static UNUSED pid_t start(void (*act)(void *), void *argument)
{
    int ready[2];
    char byte;
    pid_t pid;

    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    pid = fork_child();
    if (pid == 0) {
        close(ready[0]);
        act(argument);
        /* A change of credentials can have cleared it, see prctl(2). */
        CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
        CHECK(write(ready[1], "", 1) == 1);
        close(ready[1]);
        for (;;)
            pause();
    }
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1) {
        expect_success(pid);
        fail("process %d ended early", (int)pid);
    }
    close(ready[0]);
    return pid;
}

static UNUSED void end(pid_t pid)
{
    CHECK(kill(pid, SIGKILL) == 0);
    CHECK(waitpid(pid, NULL, 0) == pid);
}

/*
 * Stops a child. Its threads stop one after the other, and kill(2) does not wait for that: a file
 * server could answer once more.
 */
static UNUSED void stop(pid_t pid)
{
    siginfo_t info;

    CHECK(kill(pid, SIGSTOP) == 0);
    CHECK(waitid(P_PID, (id_t)pid, &info, WSTOPPED) == 0 && info.si_code == CLD_STOPPED);
}

enum { PATIENCE = 300 /* seconds for one situation */ };

/*
 * Runs a situation in a process of its own, and waits until all processes that it leaves have
 * ended. Returns the exit status for this program.
 */
static UNUSED int run_alone(void (*act)(void *), void *argument)
{
    pid_t pid;
    int status;

    /* This program ends with the program that tests it. */
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0);
    /* Remaining processes become children of this process, and end with their parent. */
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    /* Before Linux 5.11, BPF counts as locked memory, even for a moment after its release. */
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
    fflush(NULL);
    pid = fork_child();
    if (pid == 0) {
        alarm(is_long_run() ? 0 : stretched(PATIENCE)); /* ends this process, and so its children */
        act(argument);
        exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    alarm(stretched(PATIENCE));
    while (wait(NULL) > 0)
        ;
    if (!WIFEXITED(status)) {
        fprintf(stderr, "ended by signal %d\n", WTERMSIG(status));
        return 1;
    }
    return WEXITSTATUS(status);
}

/* For start(). */
static UNUSED void do_nothing(void *unused UNUSED)
{
}

/* For pthread_create(): a thread that does nothing. */
static UNUSED void *wait_forever(void *unused)
{
    for (;;)
        pause();
    return unused;
}

/* Zeroed memory that this process shares with the processes that it forks. */
static UNUSED void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}

/* ---- Credentials ---- */

enum { NOBODY = 65534 };

/* Drops root for good, but lets others with the same UID read this process. 0: no group. */
static UNUSED void become_nobody(gid_t group)
{
    if (setgroups(group != 0, &group) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        skip("cannot become an ordinary user: %s", strerror(errno));
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0); /* the change has cleared it */
}

/* ---- Resources ---- */

static UNUSED long resident_pages(void)
{
    FILE *statm = fopen("/proc/self/statm", "re");
    long pages;

    CHECK(statm != NULL && fscanf(statm, "%*d %ld", &pages) == 1);
    fclose(statm);
    return pages;
}

/* How many descriptors this process has open. */
static UNUSED int open_descriptors(void)
{
    DIR *directory = opendir("/proc/self/fd");
    int count = -1; /* without the descriptor of the directory */

    CHECK(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

static UNUSED void close_inherited_descriptors(void)
{
    for (int fd = STDERR_FILENO + 1; fd < 1024; fd++)
        close(fd);
}

/* ---- Programs ---- */

struct result {
    pid_t pid;
    int status;
    char output[256 * 1024], errors[4096];
};

/* Reads a descriptor to its end and closes it. */
static UNUSED size_t read_all(int fd, char *text, size_t size)
{
    size_t used = 0;
    ssize_t got;

    while ((got = read(fd, text + used, size - 1 - used)) > 0)
        used += (size_t)got;
    CHECK(got == 0 && used < size - 1);
    text[used] = '\0';
    close(fd);
    return used;
}

/* Runs a program to its end. The result is valid until the next call. */
static UNUSED const struct result *run_program(char *const arguments[])
{
    static struct result result;
    int output[2], errors = memfd_create("errors", MFD_CLOEXEC);

    CHECK(errors >= 0 && pipe2(output, O_CLOEXEC) == 0);
    result.pid = fork_child();
    if (result.pid == 0) {
        CHECK(dup2(output[1], 1) == 1 && dup2(errors, 2) == 2);
        execv(arguments[0], arguments);
        fprintf(stderr, "%s: %s\n", arguments[0], strerror(errno));
        _exit(127);
    }
    close(output[1]);
    read_all(output[0], result.output, sizeof result.output);
    CHECK(waitpid(result.pid, &result.status, 0) == result.pid);
    CHECK(lseek(errors, 0, SEEK_SET) == 0);
    read_all(errors, result.errors, sizeof result.errors);
    return &result;
}

#endif
