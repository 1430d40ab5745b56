/*
 * Finds out whether user namespaces can be created and used here, by this user, and if not, why. The
 * library tries it; this program asks for it, and reports what came of it to a person or, with
 * --json, to a program.
 * This file has the command line and what both reports say; the files in check/ print them. Those in
 * common/ are of userns_inspect, too.
 */
#include "check/check.h"
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>

const struct step steps[STEP_COUNT] = {
    { USERNS_STEP_CREATE, "create", "create a user namespace" },
    { USERNS_STEP_MAP, "map", "map this user and group into it" },
    { USERNS_STEP_CAPABLE, "capable", "mount a file system in it" },
    { USERNS_STEP_NET, "net", "create a network namespace with a loopback device" },
    { USERNS_STEP_PID, "pid", "create a PID namespace with its own /proc" },
    { USERNS_STEP_NESTED, "nested", "create one more user namespace inside" },
};

static void print_help(void)
{
    fputs(
        "Usage: userns_check [OPTION]...\n"
        "Finds out whether user namespaces can be created and used here, and if not, why.\n"
        "\n"
        "      --steps STEP[,STEP]...\n"
        "                    try only these steps, and those that they include:\n",
        stdout);
    for (size_t i = 0; i < STEP_COUNT; i++)
        printf("                    %-8s %s\n", steps[i].name, steps[i].text);
    fputs(
        "      --subids      also map subordinate ids (/etc/subuid, newuidmap)\n"
        "      --one-by-one  create one namespace after the other, as shell scripts do\n"
        "      --read-only   try nothing, only read files\n"
        "\n"
        "      --json        print one JSON object\n"
        "      --quiet       print nothing\n"
        "  -h, --help        show this help\n"
        "  -V, --version     show the version\n"
        "\n"
        "The exit status is 0 if all these steps work, 1 if not, and 2 for wrong usage.\n",
        stdout);
}

enum result result_of(const struct check *check, uint64_t step)
{
    if (!(userns_probe_tried(check->probe) & step))
        return NOT_TRIED;
    return userns_probe_worked(check->probe) & step ? WORKS : FAILS;
}

const char *error_text(int error)
{
    switch (error) {
    case -EINTR:
        return "a signal ended the process that tried it";
    case -ETIMEDOUT:
        return "it took too long";
    default:
        return strerror(-error);
    }
}

const char *kind_name(enum userns_reason_kind kind)
{
    switch (kind) {
    case USERNS_REASON_NOT_BUILT:
        return "not built";
    case USERNS_REASON_CHROOT:
        return "chroot";
    case USERNS_REASON_LIMIT:
        return "limit";
    case USERNS_REASON_DEPTH:
        return "depth";
    case USERNS_REASON_UNMAPPED:
        return "unmapped";
    case USERNS_REASON_SYSCTL:
        return "sysctl";
    case USERNS_REASON_APPARMOR:
        return "apparmor";
    case USERNS_REASON_SELINUX:
        return "selinux";
    case USERNS_REASON_SECCOMP:
        return "seccomp";
    case USERNS_REASON_HELPER:
        return "helper";
    case USERNS_REASON_PROC_MASKED:
        return "proc masked";
    case USERNS_REASON_PROCESSES:
        return "processes";
    case USERNS_REASON_TIMEOUT:
        return "timeout";
    case USERNS_REASON_LSM:
        return "lsm";
    case USERNS_REASON_UNKNOWN:
        break; /* also what a newer library returns */
    }
    return "unknown";
}

/* Reports wrong usage, with an argument that may be NULL, and ends the program. */
static void reject(const char *option, const char *argument, const char *problem)
{
    fputs("userns_check: ", stderr);
    put_text(stderr, option);
    if (argument != NULL) {
        fputc(' ', stderr);
        put_text(stderr, argument);
    }
    fprintf(stderr, ": %s\nTry 'userns_check --help'.\n", problem);
    exit(2);
}

/* Reads the argument of --steps. */
static uint64_t parse_steps(const char *argument)
{
    uint64_t wanted = 0;

    for (const char *name = argument;; name++) {
        size_t length = strcspn(name, ",");
        uint64_t step = 0;

        for (size_t i = 0; i < STEP_COUNT; i++)
            if (strlen(steps[i].name) == length && strncmp(steps[i].name, name, length) == 0)
                step = steps[i].bit;
        if (step == 0)
            reject("--steps", argument, "the steps are create, map, capable, net, pid and nested");
        wanted |= step;
        name += length;
        if (*name == '\0')
            return wanted;
    }
}

/* Adds the steps that others include. */
static uint64_t complete(uint64_t wanted)
{
    if (wanted & USERNS_STEP_PID)
        wanted |= USERNS_STEP_CAPABLE;
    if (wanted & ~USERNS_STEP_CREATE)
        wanted |= USERNS_STEP_MAP;
    return wanted | USERNS_STEP_CREATE;
}

/* Writes buffered output, which can fail. Returns the exit status. */
static int finish_output(void)
{
    if (fflush(stdout) == EOF || ferror(stdout)) {
        fprintf(stderr, "userns_check: standard output: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

enum format { REPORT, JSON, QUIET };
enum { STEPS = 256, SUBIDS, ONE_BY_ONE, READ_ONLY, AS_JSON, QUIETLY };

/* The option that getopt_long() did not accept is optopt, or the last argument that it read. */
static void reject_option(int problem, const char *last)
{
    const char letter[] = { '-', (char)optopt, '\0' };

    if (problem == ':')
        reject(last, NULL, "this option needs an argument");
    if (optopt >= STEPS)
        reject(last, NULL, "this option has no argument");
    reject(optopt == 0 ? last : letter, NULL, "there is no such option, or it is ambiguous");
}

static enum format parse(int argc, char *argv[], struct userns_probe_options *options)
{
    /* clang-format off */
    static const struct option long_options[] = {
        { "steps", required_argument, NULL, STEPS },
        { "subids", no_argument, NULL, SUBIDS },
        { "one-by-one", no_argument, NULL, ONE_BY_ONE },
        { "read-only", no_argument, NULL, READ_ONLY },
        { "json", no_argument, NULL, AS_JSON },
        { "quiet", no_argument, NULL, QUIETLY },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    /* clang-format on */
    enum format format = REPORT;
    uint64_t wanted = 0;
    int option;

    opterr = 0; /* its own messages do not escape arguments */
    while ((option = getopt_long(argc, argv, ":hV", long_options, NULL)) != -1) {
        switch (option) {
        case STEPS:
            wanted |= parse_steps(optarg);
            break;
        case SUBIDS:
            options->flags |= USERNS_PROBE_SUBIDS;
            break;
        case ONE_BY_ONE:
            options->flags |= USERNS_PROBE_ONE_BY_ONE;
            break;
        case READ_ONLY:
            options->flags |= USERNS_PROBE_READ_ONLY;
            break;
        case AS_JSON:
        case QUIETLY:
            if (format == (option == AS_JSON ? QUIET : JSON))
                reject("--json", NULL, "this cannot be combined with --quiet");
            format = option == AS_JSON ? JSON : QUIET;
            break;
        case 'h':
            print_help();
            exit(finish_output());
        case 'V':
            printf("userns_check %s\n", userns_version());
            exit(finish_output());
        default:
            reject_option(option, argv[optind - 1]);
        }
    }
    if (optind < argc)
        reject(argv[optind], NULL, "unexpected argument; steps are named by --steps");
    if (wanted != 0) /* otherwise all */
        options->steps = complete(wanted);
    return format;
}

int main(int argc, char *argv[])
{
    struct check check = { .options = USERNS_PROBE_OPTIONS_INIT };
    struct userns_probe *probe;
    enum format format;
    size_t reason_count;
    int error, status;

    setlocale(LC_CTYPE, "");
    format = parse(argc, argv, &check.options);
    error = userns_probe(&check.options, &probe);
    if (error < 0) {
        fprintf(stderr, "userns_check: %s\n", userns_strerror(error));
        return EXIT_FAILURE;
    }
    check.probe = probe;
    userns_probe_reasons(probe, &reason_count);
    check.works = check.options.flags & USERNS_PROBE_READ_ONLY
                      ? reason_count == 0
                      : userns_probe_worked(probe) == check.options.steps;
    if (format == JSON)
        print_json(&check);
    else if (format == REPORT)
        print_report(&check);
    status = finish_output();
    userns_probe_free(probe);
    return check.works ? status : EXIT_FAILURE;
}
