/* The calling process stays as it is: namespaces, credentials, signals, directories, children. */
#include "situation.h"
#include "pins.h"
#include <stdatomic.h>

/* ---- The state of this thread, as text ---- */

static void print_link(FILE *out, const char *directory, const char *name)
{
    char path[300], target[4096];
    ssize_t length;

    snprintf(path, sizeof path, "%s/%s", directory, name);
    length = readlink(path, target, sizeof target);
    fprintf(out, "%s: %.*s\n", path, length < 0 ? 0 : (int)length, target);
}

/*
 * Credentials, signals, umask, number of threads and more, without lines that change by themselves.
 * SigQ counts signals of all processes of the user.
 */
static void print_status(FILE *out)
{
    FILE *status = fopen("/proc/thread-self/status", "re");
    char line[512];

    CHECK(status != NULL);
    while (fgets(line, sizeof line, status) != NULL)
        if (strncmp(line, "Vm", 2) != 0 && strncmp(line, "Rss", 3) != 0 &&
            strncmp(line, "SigQ", 4) != 0 && strstr(line, "ctxt_switches") == NULL)
            fputs(line, out);
    fclose(status);
}

/* To be released with free(). */
static char *state_of_thread(void)
{
    char *text;
    size_t length;
    FILE *out = open_memstream(&text, &length);
    DIR *namespaces = opendir("/proc/thread-self/ns");
    stack_t stack;

    CHECK(out != NULL && namespaces != NULL);
    for (struct dirent *entry; (entry = readdir(namespaces)) != NULL;)
        print_link(out, "/proc/thread-self/ns", entry->d_name);
    closedir(namespaces);
    print_link(out, "/proc/thread-self", "cwd");
    print_link(out, "/proc/thread-self", "root");
    print_status(out);
    CHECK(sigaltstack(NULL, &stack) == 0);
    fprintf(out, "dumpable: %d\nalternate stack: %p\ndescriptors: %d\n", prctl(PR_GET_DUMPABLE),
            stack.ss_sp, open_descriptors());
    CHECK(fclose(out) == 0);
    return text;
}

/* Compares with the state now; releases it. */
static void check_same_state(char *before)
{
    char *after = state_of_thread();

    if (strcmp(before, after) != 0)
        fail("before:\n%safter:\n%s", before, after);
    free(before);
    free(after);
}

static atomic_int signals;

static void count_signal(int number UNUSED)
{
    signals++;
}

/* A blocked signal, a handler, a directory and a umask that differ from the defaults. */
static void set_up_state(int handled)
{
    struct sigaction action = { .sa_handler = count_signal };
    sigset_t mask;

    CHECK(sigemptyset(&mask) == 0 && sigaddset(&mask, SIGUSR2) == 0);
    CHECK(sigprocmask(SIG_BLOCK, &mask, NULL) == 0);
    CHECK(sigaction(handled, &action, NULL) == 0);
    CHECK(chdir("/proc/self") == 0);
    umask(0137);
}

/* ---- A plain scan ---- */

SITUATION(plain_scan, 0, "a plain scan changes nothing about the process")
{
    char *before;

    set_up_state(SIGUSR1);
    before = state_of_thread();
    userns_free(scan());
    expect_path_error("/", -ENODEV);
    check_same_state(before);
    CHECK_EQ(signals, 0);
}

/* ---- A scan for pins ---- */

static void check_unchanged(const struct held *held)
{
    char *before = state_of_thread();

    CHECK(finds(USERNS_SCAN_SOCKETS, held->inode));
    check_same_state(before);
}

/* This process has no children, so that the child of a scan would be noticed. */
static void scan_without_children(void *held)
{
    set_up_state(SIGCHLD);
    check_unchanged(held);
    CHECK(waitpid(-1, NULL, __WALL) == -1 && errno == ECHILD);
    CHECK_EQ(signals, 0);

    CHECK(signal(SIGCHLD, SIG_IGN) != SIG_ERR);
    check_unchanged(held);
}

static void *wait_for_any(void *returned)
{
    waitpid(-1, NULL, 0);
    *(atomic_bool *)returned = true;
    return NULL;
}

/* Another thread waits for any child. It must not get the child of a scan. */
static void scan_beside_waiter(void *argument)
{
    static atomic_bool returned;
    pid_t child = start(do_nothing, NULL);
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, wait_for_any, &returned) == 0);
    for (int i = 0; i < rounds(200); i++)
        CHECK(finds(USERNS_SCAN_PINNED, ((const struct held *)argument)->inode));
    CHECK(!returned);
    CHECK(kill(child, SIGKILL) == 0 && pthread_join(thread, NULL) == 0);
}

/* That must not be a helper of the library: when it ends, this process can have no more children. */
static void scan_before_first_child(void)
{
    static const uint64_t flags[] = { 0, USERNS_SCAN_MAPS, EVERY_FLAG,
                                      EVERY_FLAG | USERNS_SCAN_BPF };
    struct userns_snapshot *snapshot;
    int descriptor;
    pid_t pid;

    hold_in_all_ways(start(go_down, &(int){ 1 }));
    CHECK(unshare(CLONE_NEWPID) == 0);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        snapshot = scan_with(flags[i]);
        descriptor = userns_open(userns_self(snapshot));
        CHECK_EQ(descriptor < 0 ? descriptor : 0, 0);
        close(descriptor);
        userns_free(snapshot);
    }
    pid = fork_child();
    if (pid == 0) {
        CHECK_EQ(getpid(), 1);
        exit(0);
    }
    expect_success(pid);
}

SITUATION(before_first_child, IN_SANDBOX,
          "the first child of the caller after unshare(CLONE_NEWPID) is one of its own")
{
    scan_before_first_child();
}

SITUATION(
    before_first_child_without_openat2, IN_SANDBOX,
    "the same before Linux 5.6, where a child looks whether the file system of a path answers")
{
    deny_syscall(__NR_openat2, ANY_ARGUMENT, 0, ENOSYS);
    scan_before_first_child();
}

SITUATION(pinned_scan, IN_SANDBOX | BY_BPF,
          "a scan for pins changes nothing; its child process is not noticed")
{
    struct held *held = shared(sizeof *held);

    start(hold_by_overmounted_mount, held);
    in_child(scan_without_children, held);
    in_child(scan_beside_waiter, held);
}
