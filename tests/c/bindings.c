/*
 * The programs in C++, Python and Go print the same as those in C. Environment variables name the
 * programs in C, USERNS_TREE and USERNS_DUMP, and those of a binding, BINDING_TREE and BINDING_DUMP.
 */
#include "situation.h"
#include "pins.h"

/* ---- A sandbox in which nothing changes ---- */

enum { SLEEPERS = 40 }; /* more than fit on one line */

#define ODD_PATH "/mnt/a b\n\xff"
#define ODD_NAME "\xff) \n\\x"

static void take_odd_name(void *unused)
{
    CHECK(unused == NULL && prctl(PR_SET_NAME, ODD_NAME) == 0);
}

static void hold_mount(void *held)
{
    new_mount_namespace();
    mount_tmpfs("/mnt");
    ((struct held *)held)->inode = mount_left_user(ODD_PATH);
}

static void hold_network(void *held)
{
    open_left_network(held);
}

static void have_inner_pid_namespace(void *unused)
{
    CHECK(unused == NULL && unshare(CLONE_NEWPID) == 0);
    start(do_nothing, NULL);
}

static bool has_time_namespaces(void)
{
    return access("/proc/self/ns/time", F_OK) == 0;
}

static void copy_mounts(void *unused)
{
    CHECK(unused == NULL);
    new_user_namespace();
    CHECK(unshare(CLONE_NEWNS) == 0);
}

static void hold_overmounted(void *held)
{
    hold_by_overmounted_mount(held);
    start(copy_mounts, NULL);
}

/* As process 1 of the sandbox. */
static void fill_sandbox(void *held)
{
    int two = 2, types = CLONE_NEWNET | CLONE_NEWUTS;
    pid_t below, middle;

    CHECK(mount("none", "/", "none", MS_REC | MS_PRIVATE, NULL) == 0);
    if (mount("proc", "/proc", "proc", 0, NULL) != 0)
        skip("cannot mount a procfs: %s", strerror(errno));
    for (int i = 0; i < SLEEPERS; i++)
        start(do_nothing, NULL);
    below = start(go_down, &two);
    start(join, &below);
    middle = start(join_and_go_down, &below);
    start(join_and_go_down, &middle);
    end(middle);
    start(take_odd_name, NULL);
    start(hold_descriptor, held);
    start(hold_network, held);
    start(hold_mount, held);
    start(hold_overmounted, held);
    start(have_inner_pid_namespace, NULL);
    if (has_time_namespaces())
        types |= CLONE_NEWTIME;
    start(go_down_with, &types);
}

static void open_sandbox(void *held)
{
    if (geteuid() != 0)
        new_user_namespace();
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0)
        skip("cannot make a PID and a mount namespace: %s", strerror(errno));
    start(fill_sandbox, held);
}

/* Makes the sandbox; returns the path of its procfs. This process and the programs are outside. */
static char *sandbox(void)
{
    static char path[64];
    pid_t outer = start(open_sandbox, shared(sizeof(struct held)));

    snprintf(path, sizeof path, "/proc/%d/root/proc", (int)outer);
    return path;
}

/* ---- Comparing output ---- */

static char *program(const char *variable)
{
    char *path = getenv(variable);

    if (path == NULL)
        fail("the environment variable %s is missing", variable);
    return path;
}

/* Runs both programs, which must print the same and exit with the same status; returns the output. */
static const char *compare(char *const in_c[], char *const in_binding[])
{
    static struct result expected;
    const struct result *result;

    expected = *run_program(in_c);
    CHECK(WIFEXITED(expected.status) && WEXITSTATUS(expected.status) <= 1);
    result = run_program(in_binding);
    if (result->status != expected.status || strcmp(result->output, expected.output) != 0)
        fail("%s printed:\n%s%s\n%s printed:\n%s%s\n", in_c[0], expected.output, expected.errors,
             in_binding[0], result->output, result->errors);
    return expected.output;
}

static const char *compare_trees(char *path)
{
    return compare((char *[]){ program("USERNS_TREE"), "-p", path, NULL },
                   (char *[]){ program("BINDING_TREE"), path, NULL });
}

static const char *compare_dumps(char *path)
{
    return compare((char *[]){ program("USERNS_DUMP"), path, NULL },
                   (char *[]){ program("BINDING_DUMP"), path, NULL });
}

/* Without it the comparison would prove less than it is meant to. */
static void check_contains(const char *output, const char *text)
{
    if (strstr(output, text) == NULL)
        fail("'%s' is missing in:\n%s", text, output);
}

/* ---- Situations ---- */

SITUATION(tree, 0, "the binding prints the tree like userns_tree")
{
    const char *output = compare_trees(sandbox());

    check_contains(output, "PIDs: 1 2 3 ");               /* PIDs of the sandbox */
    check_contains(output, " \n                  ");      /* on several lines */
    check_contains(output, "}\n\n");                      /* a namespace without processes */
    check_contains(output, "                    PIDs: "); /* depth 2 or more */
}

SITUATION(dump, 0, "every answer of the library")
{
    const char *output = compare_dumps(sandbox());

    check_contains(output, "host: time 1 boot ");
    check_contains(output,
                   " source 1 error -18 log -1 empty source "); /* EXDEV: another PID namespace */
    check_contains(output, "pin: kind 1 ");
    if (has_time_namespaces())
        check_contains(output, "pin: kind 2 ");
    check_contains(output, "pin: kind 3 ");
    check_contains(output, "pin: kind 4 ");
    check_contains(output, "pin: kind 6 ");
    check_contains(output, "pin: kind 7 ");
    if (geteuid() == 0) {
        check_contains(output, " overmounted 1 locked 0\n");
        check_contains(output, " overmounted 1 locked 1\n");
        check_contains(output, " uid 0 capabilities ");
        check_contains(output, " in root 1 1 in self 1 1\n");
        check_contains(output, " in root -1 5 in self -1 5\n"); /* without credentials */
    }
    check_contains(output, "path " ODD_PATH " overmounted 0 ");
    check_contains(output, "name " ODD_NAME " cgroup ");
    check_contains(output, " in root 0 4 in self 0 4\n");
    /* Of the scan without these. */
    check_contains(output, " name -1 cgroup -1 uid -1 capabilities -1 pids in root ");
    check_contains(output, "  limit: -1 ");
    check_contains(output, " name uts ");
}

SITUATION(failure, 0, "the error for a path that does not exist")
{
    char *path = "/does/not/exist";
    const struct result *result;

    check_contains(compare_dumps(path), "error 2 the directory does not exist");
    CHECK_EQ(strlen(compare_trees(path)), 0);
    result = run_program((char *[]){ program("BINDING_TREE"), path, NULL });
    check_contains(result->errors, "/does/not/exist: the directory does not exist");
}

SITUATION(probe, 0, "whether user namespaces can be made: here, and where a limit forbids it")
{
    const char *output;

    check_contains(compare_dumps("probe"), "probe: tried ");
    new_user_namespace();
    if (!write_file("/proc/sys/user/max_user_namespaces", "0"))
        skip("cannot set a limit: %s", strerror(errno));
    output = compare_dumps("probe");
    check_contains(output, "probe: tried 1 worked 0 failed 1 error 28 reasons ");
    check_contains(output, "  kind 3 proved 1 text ");
    check_contains(output, "probe: tried 0 worked 0 failed 0 error 0 reasons ");
    check_contains(output, "error 22 an argument is invalid");
}
