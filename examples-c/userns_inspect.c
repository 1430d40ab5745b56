/*
 * Shows the user namespaces to a person at a terminal: the owner and the processes of each, the
 * namespaces of other types that it owns and, with --pinned, what keeps each of them alive.
 * This file reads the command line; the files in inspect/ print.
 */
#define _GNU_SOURCE /* getopt_long(3) */
#include "inspect/inspect.h"
#include <errno.h>
#include <getopt.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char usage[] =
    "Usage: userns_inspect [OPTION]...\n"
    "Shows the user namespaces: owner, processes, owned namespaces, pins.\n"
    "\n"
    "  -P, --pinned       also find namespaces without processes, and show which\n"
    "                     descriptors and mounts keep each namespace alive\n"
    "      --no-pids      count the processes of each name instead of listing PIDs\n"
    "      --pid PID      show the namespace of this process and its descendants;\n"
    "                     'self' is userns_inspect itself\n"
    "      --inode INODE  show the namespace with this inode number and its\n"
    "                     descendants\n"
    "  -p, --proc DIR     read the procfs that is mounted at DIR (default: /proc)\n"
    "  -h, --help         show this help\n"
    "  -V, --version      show the version\n";

/* The command line. */
struct request {
    struct userns_options options;
    struct view view;
    enum { ALL, SELF, ONE_PID, ONE_INODE } show;
    uint64_t number; /* for ONE_PID and ONE_INODE */
};

/* Writes buffered output, which can fail. */
static int finish_output(void)
{
    if (fflush(stdout) == EOF || ferror(stdout)) {
        fprintf(stderr, "userns_inspect: standard output: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

static void wrong_usage(const char *problem, const char *argument)
{
    fprintf(stderr, "userns_inspect: %s '%s'\n%s", problem, argument, usage);
    exit(2);
}

static uint64_t parse_number(const char *text, uint64_t max)
{
    char *end;
    uint64_t number;

    errno = 0;
    number = strtoull(text, &end, 10);
    if (*text < '0' || *text > '9' || *end != '\0' || errno != 0 || number == 0 || number > max)
        wrong_usage("invalid number", text);
    return number;
}

static void parse(int argc, char *argv[], struct request *request)
{
    enum { NO_PIDS = 256, PID, INODE };
    /* clang-format off */
    static const struct option options[] = {
        { "pinned", no_argument, NULL, 'P' },
        { "no-pids", no_argument, NULL, NO_PIDS },
        { "pid", required_argument, NULL, PID },
        { "inode", required_argument, NULL, INODE },
        { "proc", required_argument, NULL, 'p' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    /* clang-format on */
    int option;

    while ((option = getopt_long(argc, argv, "Pp:hV", options, NULL)) != -1) {
        switch (option) {
        case 'P':
            request->options.flags |= USERNS_SCAN_PINNED;
            request->view.pins = true;
            break;
        case NO_PIDS:
            request->view.pids = false;
            break;
        case PID:
            request->show = strcmp(optarg, "self") == 0 ? SELF : ONE_PID;
            if (request->show == ONE_PID)
                request->number = parse_number(optarg, INT32_MAX);
            break;
        case INODE:
            request->show = ONE_INODE;
            request->number = parse_number(optarg, UINT64_MAX);
            break;
        case 'p':
            request->options.proc_path = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(finish_output());
        case 'V':
            printf("userns_inspect %s\n", userns_version());
            exit(finish_output());
        default:
            fputs(usage, stderr);
            exit(2);
        }
    }
    if (optind < argc)
        wrong_usage("unexpected argument", argv[optind]);
}

static const struct userns_node *find(const struct request *request)
{
    const struct userns_snapshot *snapshot = request->view.snapshot;

    if (request->show == SELF)
        return userns_self(snapshot);
    if (request->show == ONE_PID)
        return userns_find_pid(snapshot, (pid_t)request->number);
    return userns_find_inode(snapshot, request->number);
}

/* Shows the requested part of the tree. Returns false if it does not exist. */
static bool show(const struct request *request)
{
    size_t count;
    const struct userns_node *const *roots = userns_roots(request->view.snapshot, &count), *one;

    if (request->show == ALL) {
        for (size_t i = 0; i < count; i++)
            print_tree(&request->view, roots[i]);
        return true;
    }
    one = find(request);
    if (one != NULL)
        print_tree(&request->view, one);
    else if (request->show == ONE_INODE)
        fprintf(stderr, "userns_inspect: no user namespace %" PRIu64 " was found%s\n",
                request->number, request->view.pins ? "" : " (--pinned can find more)");
    else if (request->show == ONE_PID)
        fprintf(stderr, "userns_inspect: %s: process %" PRIu64 " was not found or not readable\n",
                request->options.proc_path, request->number);
    else
        fprintf(stderr, "userns_inspect: its own user namespace is unknown\n");
    return one != NULL;
}

int main(int argc, char *argv[])
{
    struct request request = { .options = USERNS_OPTIONS_INIT, .view.pids = true, .show = ALL };
    struct userns_snapshot *snapshot;
    int error, status;

    setlocale(LC_CTYPE, "");
    request.options.proc_path = "/proc";
    request.options.flags = USERNS_SCAN_NAMES | USERNS_SCAN_OWNED;
    parse(argc, argv, &request);
    error = userns_scan(&request.options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "userns_inspect: %s: %s\n", request.options.proc_path,
                userns_strerror(error));
        return EXIT_FAILURE;
    }
    request.view.snapshot = snapshot;
    begin_output();
    status = show(&request) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (finish_output() != EXIT_SUCCESS)
        status = EXIT_FAILURE;
    print_gaps(snapshot);
    userns_free(snapshot);
    return status;
}
