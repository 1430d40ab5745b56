/*
 * Process 1 of an emulated machine, see main.rs. Tells which features the kernel has, runs the
 * situations that the file /situations lists, and turns the machine off.
 *
 * The answers go to the console.
 */
#include "../c/kit.h"
#include <linux/nsfs.h>
#include <net/if.h>
#include <semaphore.h>
#include <sys/ioctl.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysinfo.h>
#include <termios.h>
#include <time.h>

enum { LIMIT = 600 /* seconds for one situation, beyond those that it has itself */ };

struct test {
    char name[128], program[256], situation[64];
    int by_bpf;
};

static struct test *tests;
static int test_count, answers;

struct common {
    int next;     /* the next test */
    int ended;    /* how many workers have ended */
    sem_t answer; /* whoever writes an answer holds it */
};

/* ---- The machine ---- */

static void mount_at(const char *path, const char *type)
{
    mkdir(path, 0755);
    if (mount(type, path, type, 0, NULL) != 0)
        fail("cannot mount a %s at %s", type, path);
}

/* On a machine with disks, the root directory is a mount on top of the first one, too. */
static void cover_root(void)
{
    mkdir("/root", 0700);
    CHECK(mount("/", "/root", NULL, MS_BIND, NULL) == 0);
    CHECK(chdir("/root") == 0 && mount(".", "/", NULL, MS_MOVE, NULL) == 0);
    CHECK(chroot(".") == 0 && chdir("/") == 0);
}

static void load_modules(void)
{
    DIR *directory = opendir("/modules");
    char path[512];

    for (struct dirent *entry; directory != NULL && (entry = readdir(directory)) != NULL;) {
        int fd;

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof path, "/modules/%s", entry->d_name);
        fd = open(path, O_RDONLY | O_CLOEXEC);
        if (syscall(SYS_finit_module, fd, "", 0) != 0 && errno != EEXIST)
            dprintf(answers, "problem: module %s: %s\n", entry->d_name, strerror(errno));
        close(fd);
    }
    if (directory != NULL)
        closedir(directory);
}

/* The kernel takes a policy as a whole. */
static void load_policy(const char *path, const char *loader)
{
    static char policy[1 << 20];
    int from = open(path, O_RDONLY | O_CLOEXEC), to = open(loader, O_WRONLY | O_CLOEXEC);
    ssize_t length = read(from, policy, sizeof policy);

    if (length <= 0 || write(to, policy, (size_t)length) != length)
        dprintf(answers, "problem: %s: %s\n", path, strerror(errno));
    close(from);
    close(to);
}

/* That of the module that the kernel has; not every machine has policies. */
static void load_policies(void)
{
    if (access("/policies/apparmor", F_OK) != 0)
        return;
    mount_at("/sys/kernel/security", "securityfs");
    if (mount("selinuxfs", "/sys/fs/selinux", "selinuxfs", 0, NULL) == 0)
        load_policy("/policies/selinux", "/sys/fs/selinux/load");
    else
        load_policy("/policies/apparmor", "/sys/kernel/security/apparmor/.load");
}

/* Situations limit the number of processes. */
static void delegate_pids(void)
{
    if (!write_file("/sys/fs/cgroup/cgroup.subtree_control", "+pids"))
        dprintf(answers, "problem: pids controller: %s\n", strerror(errno));
}

/* It is there, but not used, on riscv64. Without this file there is none, or it is always used. */
static void use_compiler_of_bpf(void)
{
    write_file("/proc/sys/net/core/bpf_jit_enable", "1");
}

/* Situations connect to this host. */
static void start_loopback(void)
{
    struct ifreq request = { .ifr_name = "lo", .ifr_flags = IFF_UP };
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (ioctl(fd, SIOCSIFFLAGS, &request) != 0)
        dprintf(answers, "problem: loopback: %s\n", strerror(errno));
    close(fd);
}

static void open_answers(void)
{
    struct termios settings;

    answers = open("/dev/console", O_RDWR | O_NOCTTY | O_CLOEXEC);
    CHECK(answers >= 0 && tcgetattr(answers, &settings) == 0);
    cfmakeraw(&settings);
    CHECK(tcsetattr(answers, TCSANOW, &settings) == 0);
}

/* ---- Features ---- */

static void feature(const char *name, bool is_there)
{
    if (is_there)
        dprintf(answers, "feature %s\n", name);
}

static bool has_syscall(long number)
{
    return syscall(number, NULL, NULL, 0, 0) >= 0 || errno != ENOSYS;
}

static void tell_features(void)
{
    struct userns_snapshot *snapshot = scan_as(NULL, USERNS_SCAN_BPF | USERNS_SCAN_PINNED);
    int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
    uint64_t info[2];

    feature("BPF over processes", userns_source(snapshot) == USERNS_SOURCE_BPF_PROCESSES);
    feature("BPF over threads", userns_source(snapshot) == USERNS_SOURCE_BPF_TASKS);
    feature("listns", userns_empty_source(snapshot) == USERNS_EMPTY_SOURCE_LISTNS);
    feature("ids", userns_id(userns_self(snapshot)) != 0);
    feature("statmount", has_syscall(457));
    feature("mount namespaces", ioctl(fd, NS_MNT_GET_NEXT, info) == 0 || errno != ENOTTY);
    close(fd);
    if (userns_source_error(snapshot) != 0)
        dprintf(answers, "problem: no BPF: %s\n", userns_strerror(userns_source_error(snapshot)));
    userns_free(snapshot);
}

/* ---- Tests ---- */

static void read_tests(void)
{
    FILE *list = fopen("/situations", "re");
    struct test test;

    CHECK(list != NULL);
    while (fscanf(list, "%127s %255s %63s %d", test.name, test.program, test.situation,
                  &test.by_bpf) == 4) {
        tests = realloc(tests, (size_t)(test_count + 1) * sizeof *tests);
        CHECK(tests != NULL);
        tests[test_count++] = test;
    }
    fclose(list);
}

static _Noreturn void execute(const struct test *test, int output)
{
    dup2(open("/dev/null", O_RDWR), 0);
    dup2(output, 1);
    dup2(output, 2);
    if (test->by_bpf)
        setenv("BY_BPF", "1", 1);
    alarm(stretched(LIMIT)); /* execve(2) keeps it */
    execl(test->program, test->program, test->situation, (char *)NULL);
    perror(test->program);
    _exit(1);
}

/* The exit status of a test; -1 if a signal ended it. */
static int run_test(const struct test *test, int output)
{
    int status;
    pid_t pid = fork();

    CHECK(pid >= 0);
    if (pid == 0)
        execute(test, output);
    CHECK(waitpid(pid, &status, 0) == pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void answer(const struct test *test, int status, double seconds, int output,
                   struct common *common)
{
    char text[4096]; /* the end: that is where a failure is */
    off_t size = lseek(output, 0, SEEK_END);
    ssize_t length =
        pread(output, text, sizeof text, size > (off_t)sizeof text ? size - (off_t)sizeof text : 0);

    sem_wait(&common->answer);
    dprintf(answers, "begin\n");
    for (ssize_t done = 0, got; done < length; done += got)
        if ((got = write(answers, text + done, (size_t)(length - done))) < 0)
            break;
    dprintf(answers, "\nend %d %.1f %s\n", status, seconds, test->name);
    sem_post(&common->answer);
}

static void run_tests(struct common *common)
{
    for (int i; (i = __atomic_fetch_add(&common->next, 1, __ATOMIC_RELAXED)) < test_count;) {
        int output = memfd_create("output", MFD_CLOEXEC), status;
        struct timespec start, end;

        clock_gettime(CLOCK_MONOTONIC, &start);
        status = run_test(&tests[i], output);
        clock_gettime(CLOCK_MONOTONIC, &end);
        answer(&tests[i], status,
               (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9,
               output, common);
        close(output);
    }
}

int main(void)
{
    struct common *common = shared(sizeof *common);
    int workers = get_nprocs();

    cover_root();
    mount_at("/proc", "proc");
    mount_at("/sys", "sysfs");
    mount_at("/sys/fs/cgroup", "cgroup2");
    mount_at("/dev", "devtmpfs");
    mkdir("/tmp", 0700); /* the programs can be below it */
    CHECK(chmod("/tmp", 01777) == 0);
    mkdir("/mnt", 0755);
    open_answers();
    delegate_pids();
    use_compiler_of_bpf();
    start_loopback();
    load_modules();
    load_policies();
    read_tests();
    tell_features();
    CHECK(sem_init(&common->answer, 1, 1) == 0);
    for (int i = 0; i < workers; i++)
        if (fork() == 0) {
            run_tests(common);
            __atomic_fetch_add(&common->ended, 1, __ATOMIC_SEQ_CST);
            _exit(0);
        }
    while (common->ended < workers) /* what tests leave behind ends here, too */
        wait(NULL);
    dprintf(answers, "done\n");
    tcdrain(answers);
    reboot(RB_AUTOBOOT); /* QEMU ends */
}
