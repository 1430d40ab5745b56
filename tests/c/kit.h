/*
 * What the situations share. A program lists its situations and calls run():
 *
 *     int main(int argc, char *argv[])
 *     {
 *         static const struct situation all[] = { { "siblings", siblings }, { NULL, NULL } };
 *         return run(all, argc, argv);
 *     }
 *
 * run() does each in a process of its own and ends and reaps whatever that leaves.
 */
#ifndef KIT_H
#define KIT_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <inttypes.h>
#include <linux/filter.h>
#include <linux/nsfs.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <userns.h>

enum { SKIPPED = 77, PATIENCE = 300 /* seconds for one situation */ };

#ifndef NS_GET_ID /* since Linux 6.18 */
#define NS_GET_ID _IOR(NSIO, 13, uint64_t)
#endif

#define INITIAL_INODE UINT64_C(4026531837)

#define CHECK(condition) \
    ((condition) ? (void)0 : fail("%s:%d: %s", __FILE__, __LINE__, #condition))
#define CHECK_EQ(actual, expected) \
    check_eq((uint64_t)(actual), (uint64_t)(expected), #actual, __FILE__, __LINE__)

#define UNUSED __attribute__((unused))

static _Noreturn UNUSED void fail(const char *format, ...)
{
    va_list arguments;
    int error = errno;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, " (errno: %s)\n", strerror(error));
    exit(1);
}

/* What cannot be tested here, and why. */
static _Noreturn UNUSED void skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(SKIPPED);
}

static UNUSED void check_eq(uint64_t actual, uint64_t expected, const char *what,
                            const char *file, int line)
{
    if (actual != expected)
        fail("%s:%d: %s is %" PRIu64 ", not %" PRIu64, file, line, what, actual, expected);
}

/* ---- Processes ---- */

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

/* Waits for a child that must succeed; passes on that it failed or cannot test here. */
static UNUSED void expect_success(pid_t pid)
{
    int status;

    CHECK(waitpid(pid, &status, 0) == pid);
    if (!WIFEXITED(status))
        fail("process %d ended by signal %d", (int)pid, WTERMSIG(status));
    if (WEXITSTATUS(status) != 0)
        exit(WEXITSTATUS(status));
}

/* Does something in a process of its own, to the end. */
static UNUSED void in_child(void (*act)(void *), void *argument)
{
    pid_t pid = fork_child();

    if (pid == 0) {
        act(argument);
        exit(0);
    }
    expect_success(pid);
}

/* Starts a process that does something and then stays as it is; returns when it has. */
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

/* For start(). */
static UNUSED void do_nothing(void *unused)
{
    (void)unused;
}

/* Memory that this process and those it forks have in common, zeroed. */
static UNUSED void *shared(size_t size)
{
    void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

    CHECK(memory != MAP_FAILED);
    return memory;
}

enum { NOBODY = 65534 };

/* Gives up root for good, but lets others with the same UID read this process. 0 is no group. */
static UNUSED void become_nobody(gid_t group)
{
    if (setgroups(group != 0, &group) != 0 || setresgid(NOBODY, NOBODY, NOBODY) != 0 ||
        setresuid(NOBODY, NOBODY, NOBODY) != 0)
        skip("cannot become an ordinary user: %s", strerror(errno));
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    CHECK(prctl(PR_SET_PDEATHSIG, SIGKILL) == 0); /* which the change has cleared */
}

/* From now on an ioctl(2) fails with ENOTTY, as with a kernel that does not know it. */
static UNUSED void unlearn_ioctl(uint32_t operation)
{
    size_t low_word = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1]) + low_word),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, operation, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOTTY),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        skip("cannot filter system calls: %s", strerror(errno));
}

/* ---- Programs ---- */

struct result {
    pid_t pid;
    int status;
    char output[256 * 1024], errors[4096];
};

/* From now on a system call is refused, if its first argument is this one or that is -1. */
static UNUSED void forbid(long call, int command, int error)
{
    size_t low_word = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)call, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[0]) + low_word),
        BPF_JUMP(command < 0 ? BPF_JMP | BPF_JGE | BPF_K : BPF_JMP | BPF_JEQ | BPF_K,
                 command < 0 ? 0 : (unsigned)command, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | (unsigned)error),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        skip("cannot filter system calls: %s", strerror(errno));
}

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

/* Runs a program to its end; what that was stays until the next one is run. */
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

/* ---- Namespaces ---- */

static UNUSED bool write_file(const char *path, const char *format, ...)
{
    char text[128];
    va_list arguments;
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    int length;
    bool done;

    if (fd < 0)
        return false;
    va_start(arguments, format);
    length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    done = write(fd, text, (size_t)length) == length;
    close(fd);
    return done;
}

/* Moves this process into a new user namespace, below its own, in which it is root. */
static UNUSED void new_user_namespace(void)
{
    unsigned uid = geteuid(), gid = getegid();

    if (unshare(CLONE_NEWUSER) != 0)
        skip("cannot make a user namespace: %s", strerror(errno));
    if (!write_file("/proc/self/setgroups", "deny") ||
        !write_file("/proc/self/uid_map", "0 %u 1", uid) ||
        !write_file("/proc/self/gid_map", "0 %u 1", gid))
        skip("cannot map ids in a user namespace: %s", strerror(errno));
}

/* For start(): goes as many user namespaces down as the int says that the argument points to. */
static UNUSED void go_down(void *levels)
{
    for (int i = 0; i < *(int *)levels; i++)
        new_user_namespace();
}

static UNUSED int open_namespace(pid_t pid, const char *type)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/ns/%s", (int)pid, type);
    return open(path, O_RDONLY | O_CLOEXEC);
}

/* For start(): joins the user namespace of the process whose PID the argument points to. */
static UNUSED void join(void *pid)
{
    int fd = open_namespace(*(pid_t *)pid, "user");

    CHECK(fd >= 0);
    CHECK(setns(fd, CLONE_NEWUSER) == 0);
    close(fd);
}

/* For start(): joins it, and makes a new one below. */
static UNUSED void join_and_go_down(void *pid)
{
    int one = 1;

    join(pid);
    go_down(&one);
}

/* The inode number of the user namespace of a process, as the kernel tells it. */
static UNUSED uint64_t inode_of(pid_t pid)
{
    char path[64];
    struct stat status;

    snprintf(path, sizeof path, "/proc/%d/ns/user", (int)pid);
    CHECK(stat(path, &status) == 0);
    return status.st_ino;
}

/* The 64-bit id of the user namespace of a process, 0 where the kernel gives none. */
static UNUSED uint64_t id_of(pid_t pid)
{
    int fd = open_namespace(pid, "user");
    uint64_t id = 0;

    CHECK(fd >= 0);
    if (ioctl(fd, NS_GET_ID, &id) != 0)
        id = 0;
    close(fd);
    return id;
}

/*
 * Does something as process 1 of a new PID namespace with a procfs of its own at /proc, where
 * no other processes are than those it starts. An ordinary user needs a user namespace for that.
 */
static UNUSED void in_clean_room(void (*act)(void *), void *argument)
{
    pid_t outer = fork_child(), inner;

    if (outer != 0) {
        expect_success(outer);
        return;
    }
    if (geteuid() != 0)
        new_user_namespace();
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0)
        skip("cannot make a PID and a mount namespace: %s", strerror(errno));
    inner = fork_child();
    if (inner == 0) {
        CHECK(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
        if (mount("proc", "/proc", "proc", 0, NULL) != 0)
            skip("cannot mount a procfs: %s", strerror(errno));
        act(argument);
        exit(0);
    }
    expect_success(inner);
    exit(0);
}

/* ---- Snapshots ---- */

/*
 * With the environment variable BY_BPF all scans are to be by BPF, so that the same situations
 * serve both; what cannot be seen so here is not tested.
 */
static UNUSED struct userns_snapshot *scan_as(const char *proc_path, uint64_t flags)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    bool by_bpf = getenv("BY_BPF") != NULL;
    int error;

    options.proc_path = proc_path;
    options.flags = flags | (by_bpf ? USERNS_SCAN_BPF : 0);
    error = userns_scan(&options, &snapshot);
    if (error != 0)
        fail("userns_scan: %d: %s", error, userns_strerror(error));
    error = userns_source_error(snapshot);
    if (by_bpf && error != 0 && error != -EPERM && error != -EOPNOTSUPP && error != -EXDEV)
        fail("not through BPF: %d: %s", error, userns_strerror(error));
    if (by_bpf && error != 0)
        skip("not through BPF: %s", userns_strerror(userns_source_error(snapshot)));
    return snapshot;
}

/* How often to scan, for what is the same each time. A storm delays the loading of programs. */
static UNUSED int often(int count)
{
    return getenv("BY_BPF") != NULL ? count / 4 : count;
}

static UNUSED struct userns_snapshot *scan(void)
{
    return scan_as(NULL, 0);
}

static UNUSED struct userns_snapshot *scan_at(const char *proc_path)
{
    return scan_as(proc_path, 0);
}

static UNUSED size_t node_count(const struct userns_snapshot *snapshot)
{
    size_t count;

    userns_nodes(snapshot, &count);
    return count;
}

/* Whether exactly these processes live in a node. */
static UNUSED bool has_members(const struct userns_node *node, size_t expected, ...)
{
    size_t count, i;
    const pid_t *pids = userns_pids(node, &count);
    va_list arguments;
    bool same = count == expected;

    va_start(arguments, expected);
    for (i = 0; same && i < count; i++)
        same = pids[i] == va_arg(arguments, pid_t);
    va_end(arguments);
    return same;
}

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
    int count = -1; /* that of the directory itself */

    CHECK(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] != '.';
    closedir(directory);
    return count;
}

/* ---- Situations ---- */

struct situation {
    const char *name;
    void (*act)(void);
};

static UNUSED int run_one(const struct situation *situation)
{
    pid_t pid;
    int status;

    /* What the situation leaves becomes a child of this process, and ends with its parent. */
    CHECK(prctl(PR_SET_CHILD_SUBREAPER, 1) == 0);
    /* Before Linux 5.11 BPF counts as locked memory, for a moment also what was released. */
    setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ RLIM_INFINITY, RLIM_INFINITY });
    fflush(NULL);
    pid = fork_child();
    if (pid == 0) {
        alarm(PATIENCE);
        situation->act();
        exit(0);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    alarm(PATIENCE); /* what is left has to end, too */
    while (wait(NULL) > 0)
        ;
    if (!WIFEXITED(status)) {
        fprintf(stderr, "%s ended by signal %d\n", situation->name, WTERMSIG(status));
        return 1;
    }
    return WEXITSTATUS(status);
}

/* Runs the situation that the only argument names. */
static UNUSED int run(const struct situation *all, int argc, char *argv[])
{
    for (; argc == 2 && all->name != NULL; all++)
        if (strcmp(all->name, argv[1]) == 0)
            return run_one(all);
    fprintf(stderr, "usage: %s SITUATION\n", argv[0]);
    return 2;
}

#endif
