/* What userns_tree prints. The environment variable USERNS_TREE says where that program is. */
#include "kit.h"
#include <linux/capability.h>

/* ---- Running the program ---- */

/* Runs userns_tree without arguments; its PID is the next one that is free. */
static const struct result *run_demo(void)
{
    return run_program((char *[]){ getenv("USERNS_TREE"), NULL });
}

static void check_output(const struct result *result, const char *expected)
{
    CHECK(result->status == 0);
    CHECK(strcmp(result->errors, "") == 0);
    if (strcmp(result->output, expected) != 0)
        fail("this was printed:\n%s\nnot this:\n%s\n", result->output, expected);
}

/* ---- The example of the display's description ---- */

static void go_down_once(void *unused)
{
    int one = 1;

    (void)unused;
    go_down(&one);
}

static void stay(void *unused)
{
    (void)unused;
}

/* Lets PIDs pass until the next process gets this one. */
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

static void print_example(void *unused)
{
    pid_t a = start(go_down_once, NULL), b = start(go_down_once, NULL);
    pid_t b2 = start(join, &b), c = start(join_and_go_down, &b), middle, e;
    uint64_t d;
    struct stat status;
    char expected[4096];
    unsigned long long device;

    skip_to(7);
    for (pid_t pid = 7; pid <= 36; pid++)
        CHECK_EQ(start(stay, unused), pid);
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
    check_output(run_demo(), expected);
}

static void example(void)
{
    in_clean_room(print_example, NULL);
}

/* ---- Any tree, against a second implementation of the display's rules ---- */

enum { SPACES = 40, PROCESSES = 400, DEPTH = 10 };

/* In the order in which the walk meets them; so children of one parent are in display order. */
struct space {
    uint64_t device, inode;
    int parent;
};

struct walk {
    struct space space[SPACES];
    int spaces;
    struct { pid_t pid; int space; } process[PROCESSES];
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

/* Finds the namespace, or enters it after the parent that it is below. */
static int meet(struct walk *walk, int fd)
{
    struct stat status;
    int parent, place = -1;

    CHECK(fstat(fd, &status) == 0);
    for (int i = 0; i < walk->spaces; i++)
        if (walk->space[i].inode == status.st_ino)
            return i;
    parent = ioctl(fd, NS_GET_PARENT);
    if (parent >= 0) {
        place = meet(walk, parent);
        close(parent);
    }
    CHECK(walk->spaces < SPACES);
    walk->space[walk->spaces] = (struct space){ status.st_dev, status.st_ino, place };
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

/* Namespaces at random places, down to where lines hold 32 characters however long they get. */
static void print_generated(void *seed)
{
    static struct walk walk;
    static pid_t pids[PROCESSES];
    int count = 0, spaces = 1;

    srand(*(unsigned *)seed);
    skip_to((int[]){ 2, 90, 985 }[*(unsigned *)seed % 3]); /* so that PIDs differ in length */
    pids[count++] = getpid();
    while (count < PROCESSES / 2 - 1) {
        /* First a chain, then members all over it and some more namespaces. */
        pid_t *host = &pids[count < DEPTH ? count - 1 : rand() % DEPTH];
        bool deeper = spaces < SPACES && (count < DEPTH || rand() % 10 == 0);
        bool own = inode_of(*host) == inode_of(getpid());
        void (*act)(void *) = deeper ? (own ? go_down_once : join_and_go_down) : own ? stay : join;

        spaces += deeper;
        pids[count++] = start(act, host);
    }
    for (int i = 1; i < count; i++) {
        if (rand() % 8 == 0) {
            end(pids[i]);
            pids[i--] = pids[--count];
        }
    }
    const struct result *result = run_demo();
    pids[count] = result->pid;
    /* The program has ended; this process stands for it, which was in the same namespace. */
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

static void generated(void)
{
    for (unsigned seed = 1; seed <= 9; seed++)
        in_clean_room(print_generated, &seed);
}

/* ---- What cannot be shown ---- */

static void scan_without_procfs(void *unused)
{
    const struct result *result;

    (void)unused;
    if (geteuid() != 0)
        new_user_namespace();
    if (unshare(CLONE_NEWNS) != 0 || mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) != 0 ||
        mount("tmpfs", "/proc", "tmpfs", 0, NULL) != 0)
        skip("cannot mount over /proc: %s", strerror(errno));
    result = run_demo();
    CHECK(WIFEXITED(result->status) && WEXITSTATUS(result->status) == 1);
    CHECK(strcmp(result->output, "") == 0);
    CHECK(strstr(result->errors, "/proc: this is not the root directory of a procfs") != NULL);
}

static void unmounted_procfs(void)
{
    in_child(scan_without_procfs, NULL);
}

/* The namespace of the room, and one above it that is out of sight: what is there is shown. */
static void print_some(void *unused)
{
    const struct result *result;
    char expected[256];
    struct stat status;

    CHECK(unused == NULL && stat("/proc/self/ns/user", &status) == 0);
    result = run_demo();
    snprintf(expected, sizeof expected, "{%llu %llu}\n            PIDs: 1 %d \n",
             (unsigned long long)status.st_dev, (unsigned long long)status.st_ino, (int)result->pid);
    check_output(result, expected);
}

static void nested(void)
{
    new_user_namespace();
    in_clean_room(print_some, NULL);
}

static void need_root(void)
{
    if (geteuid() != 0 || inode_of(getpid()) != INITIAL_INODE)
        skip("needs root in the initial user namespace");
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

/*
 * Without CAP_SYS_PTRACE even root may not read processes that have it: here, process 1 and the
 * one that starts the program.
 */
static void print_refused(void *unused)
{
    (void)unused;
    CHECK(prctl(PR_CAPBSET_DROP, CAP_SYS_PTRACE) == 0);
    check_errors(run_demo(), 0, "{", "userns_tree: 2 processes could not be read\n");
}

static void refused_in_room(void *unused)
{
    in_child(print_refused, unused);
}

static void refused(void)
{
    need_root();
    in_clean_room(refused_in_room, NULL);
}

static void print_hidden(void *unused)
{
    (void)unused;
    become_nobody(0);
    check_errors(run_demo(), 0, "{",
                 "userns_tree: processes may be hidden (hidepid, see proc(5))\n");
}

static void hidden_in_room(void *unused)
{
    CHECK(mount("proc", "/proc", "proc", 0, "hidepid=2") == 0);
    in_child(print_hidden, unused);
}

static void hidden(void)
{
    need_root();
    in_clean_room(hidden_in_room, NULL);
}

static void no_kernel_support(void)
{
    unlearn_ioctl(NS_GET_PARENT);
    check_errors(run_demo(), 1, "",
                 "userns_tree: /proc: this kernel cannot tell how user namespaces are related; "
                 "Linux 4.9 with CONFIG_USER_NS is needed\n");
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "example", example },
        { "generated", generated },
        { "unmounted_procfs", unmounted_procfs },
        { "nested", nested },
        { "refused", refused },
        { "hidden", hidden },
        { "no_kernel_support", no_kernel_support },
        { NULL, NULL },
    };

    return run(all, argc, argv);
}
