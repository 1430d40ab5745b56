/* The output of userns_tree. The environment variable USERNS_TREE is the path of that program. */
#include "situation.h"
#include <linux/capability.h>

/* ---- Running the program ---- */

/* Without arguments; its PID is the next free one. */
static const struct result *run_tree(void)
{
    return run_program((char *[]){ getenv("USERNS_TREE"), NULL });
}

/* The sandbox is a PID namespace, and can be in a nested user namespace. */
#define OUTSIDE "processes outside the PID namespace of this procfs are not visible\n"
#define ABOVE "namespaces above and beside your own are not visible; "

/* The programs of the bindings, which the environment variable WITHOUT_NOTES announces, print none. */
static void check_only_outside(const char *errors)
{
    bool is_nested = inode_of(getpid()) != INITIAL_INODE;

    if (getenv("WITHOUT_NOTES") != NULL)
        CHECK(strcmp(errors, "") == 0);
    else if (strcmp(errors, is_nested ? "userns_tree: " ABOVE OUTSIDE : "userns_tree: " OUTSIDE) !=
             0)
        fail("these are the errors: %s", errors);
}

static void check_output(const struct result *result, const char *expected)
{
    CHECK(result->status == 0);
    check_only_outside(result->errors);
    if (strcmp(result->output, expected) != 0)
        fail("this was printed:\n%s\nnot this:\n%s\n", result->output, expected);
}

/* ---- The example in the description of the format ---- */

static void go_down_once(void *unused UNUSED)
{
    int one = 1;

    go_down(&one);
}

/* Uses up PIDs until the next process gets this one. */
static void skip_to(pid_t next)
{
    for (;;) {
        pid_t pid = fork_child();
        if (pid == 0)
            _exit(0);
        CHECK(waitpid(pid, NULL, 0) == pid);
        if (pid >= next - 1)
            return;
    }
}

SITUATION(example, IN_SANDBOX, "the example of the description, byte by byte")
{
    pid_t a = start(go_down_once, NULL), b = start(go_down_once, NULL);
    pid_t b2 = start(join, &b), c = start(join_and_go_down, &b), middle, e;
    uint64_t d;
    struct stat status;
    char expected[4096];
    unsigned long long device;

    skip_to(7);
    for (pid_t pid = 7; pid <= 36; pid++)
        CHECK_EQ(start(do_nothing, NULL), pid);
    skip_to(38);
    middle = start(go_down_once, NULL);
    d = inode_of(middle);
    e = start(join_and_go_down, &middle);
    end(middle);
    CHECK(a == 2 && b == 3 && b2 == 4 && c == 5 && e == 39);
    CHECK(stat("/proc/self/ns/user", &status) == 0);
    device = status.st_dev;
    snprintf(expected, sizeof expected,
             "{%llu %llu}\n"
             "            PIDs: 1 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 \n"
             "                  26 27 28 29 30 31 32 33 34 35 36 40 \n"
             "    {%llu %llu}\n"
             "                PIDs: 2 \n"
             "    {%llu %llu}\n"
             "                PIDs: 3 4 \n"
             "        {%llu %llu}\n"
             "                    PIDs: 5 \n"
             "    {%llu %llu}\n"
             "\n"
             "        {%llu %llu}\n"
             "                    PIDs: 39 \n",
             device, (unsigned long long)status.st_ino, device, (unsigned long long)inode_of(a),
             device, (unsigned long long)inode_of(b), device, (unsigned long long)inode_of(c),
             device, (unsigned long long)d, device, (unsigned long long)inode_of(e));
    check_output(run_tree(), expected);
}

/* ---- Random trees, compared with a second implementation of the format ---- */

enum { SPACES = 40, PROCESSES = 400, DEPTH = 10 };

/* In the order in which the walk finds them; so siblings are in the order of the output. */
struct space {
    uint64_t device, inode;
    int parent;
};

struct walk {
    struct space space[SPACES];
    int spaces;
    struct {
        pid_t pid;
        int space;
    } process[PROCESSES];
    int processes;
    char text[256 * 1024];
    size_t length;
};

static int by_text(const void *a, const void *b)
{
    char one[16], other[16];

    snprintf(one, sizeof one, "%d", (int)*(const pid_t *)a);
    snprintf(other, sizeof other, "%d", (int)*(const pid_t *)b);
    return strcmp(one, other);
}

static int by_number(const void *a, const void *b)
{
    return *(const pid_t *)a - *(const pid_t *)b;
}

/* Returns the index of a namespace; a new one is added after its parent. */
static int meet(struct walk *walk, int fd)
{
    struct stat status;
    int parent, index = -1;

    CHECK(fstat(fd, &status) == 0);
    for (int i = 0; i < walk->spaces; i++)
        if (walk->space[i].inode == status.st_ino)
            return i;
    parent = ioctl(fd, NS_GET_PARENT);
    if (parent >= 0) {
        index = meet(walk, parent);
        close(parent);
    }
    CHECK(walk->spaces < SPACES);
    walk->space[walk->spaces] = (struct space){ status.st_dev, status.st_ino, index };
    return walk->spaces++;
}

static void walk_processes(struct walk *walk, const pid_t *pids, int count)
{
    pid_t sorted[PROCESSES];

    memcpy(sorted, pids, (size_t)count * sizeof *pids);
    qsort(sorted, (size_t)count, sizeof *sorted, by_text);
    for (int i = 0; i < count; i++) {
        int fd = open_namespace(sorted[i], "user");
        CHECK(fd >= 0);
        walk->process[walk->processes].pid = sorted[i];
        walk->process[walk->processes++].space = meet(walk, fd);
        close(fd);
    }
}

static void put(struct walk *walk, const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    walk->length += (size_t)vsnprintf(walk->text + walk->length, sizeof walk->text - walk->length,
                                      format, arguments);
    va_end(arguments);
}

static void draw_pids(struct walk *walk, int space, int depth)
{
    pid_t pids[PROCESSES];
    size_t count = 0;
    int base = 4 * depth + 25, counter = base;

    for (int i = 0; i < walk->processes; i++)
        if (walk->process[i].space == space)
            pids[count++] = walk->process[i].pid;
    qsort(pids, count, sizeof *pids, by_number);
    for (size_t i = 0; i < count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%d", (int)pids[i]);
        if (i == 0)
            put(walk, "%*s            PIDs: ", 4 * depth, "");
        else if (counter >= 80 && counter > base + 32) {
            put(walk, "\n%*s                  ", 4 * depth, "");
            counter = base;
        }
        put(walk, "%s ", number);
        counter += (int)strlen(number) + 1;
    }
    put(walk, "\n");
}

static void draw(struct walk *walk, int space, int depth)
{
    put(walk, "%*s{%" PRIu64 " %" PRIu64 "}\n", 4 * depth, "", walk->space[space].device,
        walk->space[space].inode);
    draw_pids(walk, space, depth);
    for (int i = 0; i < walk->spaces; i++)
        if (walk->space[i].parent == space)
            draw(walk, i, depth + 1);
}

/* Deep enough for the lines that hold 32 characters at any depth. */
static void print_generated(void *seed)
{
    static struct walk walk;
    static pid_t pids[PROCESSES];
    int count = 0, spaces = 1;

    srand(*(unsigned *)seed);
    skip_to((int[]){ 2, 90, 985 }[*(unsigned *)seed % 3]); /* PIDs of different lengths */
    pids[count++] = getpid();
    while (count < PROCESSES / 2 - 1) {
        /* First a chain, then members everywhere in it and some more namespaces. */
        pid_t *host = &pids[count < DEPTH ? count - 1 : rand() % DEPTH];
        bool deeper = spaces < SPACES && (count < DEPTH || rand() % 10 == 0);
        bool own = inode_of(*host) == inode_of(getpid());
        void (*in_own)(void *) = deeper ? go_down_once : do_nothing;
        void (*in_other)(void *) = deeper ? join_and_go_down : join;

        spaces += deeper;
        pids[count++] = start(own ? in_own : in_other, host);
    }
    for (int i = 1; i < count; i++) {
        if (rand() % 8 == 0) {
            end(pids[i]);
            pids[i--] = pids[--count];
        }
    }
    const struct result *result = run_tree();
    pids[count] = result->pid;
    /* The program has ended. This process was in the same namespace. */
    walk_processes(&walk, pids, count);
    walk.process[walk.processes].pid = result->pid;
    for (int i = 0; i < walk.processes; i++)
        if (walk.process[i].pid == getpid())
            walk.process[walk.processes].space = walk.process[i].space;
    walk.processes++;
    for (int i = 0; i < walk.spaces; i++)
        if (walk.space[i].parent < 0)
            draw(&walk, i, 0);
    check_output(result, walk.text);
}

SITUATION(generated, 0, "random trees, compared with a second implementation of the format")
{
    for (unsigned seed = 1; seed <= (unsigned)rounds(9); seed++)
        in_sandbox(print_generated, &seed);
}

/* ---- Errors and warnings ---- */

SITUATION(unmounted_procfs, 0, "/proc is no procfs: an error message")
{
    const struct result *result;

    if (geteuid() != 0)
        new_user_namespace();
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/proc", "tmpfs", 0, NULL) != 0)
        skip("cannot mount over /proc: %s", strerror(errno));
    result = run_tree();
    CHECK(WIFEXITED(result->status) && WEXITSTATUS(result->status) == 1);
    CHECK(strcmp(result->output, "") == 0);
    CHECK(strstr(result->errors, "/proc: ") != NULL);
    CHECK(strstr(result->errors, "not the root directory of a procfs") != NULL);
}

/* The parent of the sandbox's namespace is not visible. */
static void print_nested(void *unused)
{
    const struct result *result;
    char expected[256];
    struct stat status;

    CHECK(unused == NULL && stat("/proc/self/ns/user", &status) == 0);
    result = run_tree();
    snprintf(expected, sizeof expected, "{%llu %llu}\n            PIDs: 1 %d \n",
             (unsigned long long)status.st_dev, (unsigned long long)status.st_ino,
             (int)result->pid);
    check_output(result, expected);
}

SITUATION(nested, 0, "in a nested user namespace")
{
    new_user_namespace();
    in_sandbox(print_nested, NULL);
}

static void check_errors(const struct result *result, int status, const char *output,
                         const char *errors)
{
    CHECK(WIFEXITED(result->status));
    if (WEXITSTATUS(result->status) == 127)
        skip("the program may not be run by others: %s", result->errors);
    CHECK_EQ(WEXITSTATUS(result->status), status);
    CHECK(strncmp(result->output, output, strlen(output)) == 0);
    CHECK((strcmp(result->output, "") == 0) == (strcmp(output, "") == 0));
    if (strcmp(result->errors, errors) != 0)
        fail("these are the errors: %s", result->errors);
}

/* Root without CAP_SYS_PTRACE may not read processes that have it: process 1 and this one. */
static void print_denied(void *unused UNUSED)
{
    CHECK(prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE) == 0);
    check_errors(run_tree(), 0, "{", "userns_tree: 2 processes could not be read; " OUTSIDE);
}

SITUATION(denied, IN_SANDBOX | AS_ROOT, "a warning counts processes that could not be read")
{
    in_child(print_denied, NULL);
}

static void print_hidden(void *unused UNUSED)
{
    become_nobody(0);
    check_errors(run_tree(), 0, "{",
                 "userns_tree: processes may be hidden (hidepid, see proc(5)); " OUTSIDE);
}

SITUATION(hidden, IN_SANDBOX | AS_ROOT, "a warning says that hidepid may hide processes")
{
    mount_procfs("/proc", "hidepid=2");
    in_child(print_hidden, NULL);
}

SITUATION(no_kernel_support, 0, "a kernel before Linux 4.9: an error message")
{
    char errors[512];

    snprintf(errors, sizeof errors, "userns_tree: /proc: %s\n", userns_strerror(-ENOTTY));
    deny_ioctl(NS_GET_PARENT);
    check_errors(run_tree(), 1, "", errors);
}
