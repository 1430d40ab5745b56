/*
 * The programs in the languages of tests/ffi print the same as those in C: environment variables say where
 * USERNS_TREE and USERNS_FACTS are, and their likes in the other language, FACE_TREE and FACE_FACTS.
 */
#include "pins.h"

/* ---- What they look at: a room in which nothing moves ---- */

enum { SLEEPERS = 40 }; /* more than a line shows */

#define ODD_PATH "/mnt/a b\n\xff"

static void take_odd_name(void *unused)
{
    CHECK(unused == NULL && prctl(PR_SET_NAME, "\xff) \n\\x") == 0);
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

/* As process 1 of the room. */
static void furnish(void *held)
{
    pid_t below, middle;
    int two = 2;

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
    start(go_down_with, &(int){ CLONE_NEWNET | CLONE_NEWUTS });
}

static void open_room(void *held)
{
    if (geteuid() != 0)
        new_user_namespace();
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0)
        skip("cannot make a PID and a mount namespace: %s", strerror(errno));
    start(furnish, held);
}

/* Makes the room; returns the path of its procfs, which this process and the programs are not in. */
static char *room(void)
{
    static char path[64];

    snprintf(path, sizeof path, "/proc/%d/root/proc", (int)start(open_room, shared(sizeof(struct held))));
    return path;
}

/* ---- What they print ---- */

static char *named(const char *variable)
{
    char *program = getenv(variable);

    if (program == NULL)
        fail("the environment variable %s is missing", variable);
    return program;
}

/* Runs a program in C and its like, both to the same end; what they print is the same. */
static const char *compare(char *const in_c[], char *const like[])
{
    static struct result expected;
    const struct result *result;

    expected = *run_program(in_c);
    CHECK(WIFEXITED(expected.status) && WEXITSTATUS(expected.status) <= 1);
    result = run_program(like);
    if (result->status != expected.status || strcmp(result->output, expected.output) != 0)
        fail("%s printed:\n%s%s\n%s printed:\n%s%s\n", in_c[0], expected.output, expected.errors,
             like[0], result->output, result->errors);
    return expected.output;
}

static void check_shown(const char *output, const char *text)
{
    if (strstr(output, text) == NULL)
        fail("nothing shows '%s' in:\n%s", text, output);
}

static void tree(void)
{
    char *path = room();
    const char *output = compare((char *[]){ named("USERNS_TREE"), "-p", path, NULL },
                                 (char *[]){ named("FACE_TREE"), path, NULL });

    check_shown(output, "PIDs: 1 2 3 ");               /* of the room's namespace, */
    check_shown(output, " \n                  ");       /* in several lines */
    check_shown(output, "}\n\n");                      /* an empty namespace */
    check_shown(output, "                    PIDs: "); /* depth 2 at least */
}

static void facts(void)
{
    char *path = room();
    const char *output = compare((char *[]){ named("USERNS_FACTS"), path, NULL },
                                 (char *[]){ named("FACE_FACTS"), path, NULL });

    check_shown(output, "pin: kind 1 ");
    check_shown(output, "pin: kind 2 ");
    check_shown(output, "pin: kind 3 ");
    check_shown(output, "pin: kind 5 ");
    check_shown(output, ODD_PATH);
    check_shown(output, "\xff) \n\\x");
    check_shown(output, "name uts");
    check_shown(output, "source 1 error -18"); /* EXDEV: not the procfs of the programs */
}

static void failure(void)
{
    char *path = "/does/not/exist";

    check_shown(compare((char *[]){ named("USERNS_FACTS"), path, NULL },
                        (char *[]){ named("FACE_FACTS"), path, NULL }),
                "error 2 there is no such directory");
    CHECK_EQ(strlen(compare((char *[]){ named("USERNS_TREE"), "-p", path, NULL },
                            (char *[]){ named("FACE_TREE"), path, NULL })), 0);
    check_shown(run_program((char *[]){ named("FACE_TREE"), path, NULL })->errors,
                "/does/not/exist: there is no such directory");
}

int main(int argc, char *argv[])
{
    static const struct situation all[] = {
        { "tree", tree },
        { "facts", facts },
        { "failure", failure },
        { NULL, NULL },
    };

    return run(all, argc, argv);
}
