/* The command line. */
#define _GNU_SOURCE /* O_PATH */
#include "inspect.h"
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

static const char usage[] =
    "Usage: userns_inspect [OPTION]... [NAMESPACE]\n"
    "Shows the user namespaces: owner, maps, processes, owned namespaces, pins.\n"
    "\n"
    "NAMESPACE selects one namespace; a user namespace is shown with its descendants:\n"
    "  PID            that of a process; 'self' is userns_inspect itself\n"
    "  INODE          that with this inode number (above 4194304, the largest PID)\n"
    "  TYPE:[INODE]   the same, as readlink(1) and lsns(8) print it\n"
    "  PATH           a file: /proc/PID/ns/TYPE or a bind mount; or /proc/PID\n"
    "      --pid PID, --inode INODE   the same, for any number\n"
    "\n"
    "      --pinned        also find namespaces without processes, and show which\n"
    "                      descriptors and mounts keep each namespace alive\n"
    "      --sockets       like --pinned, and show sockets\n"
    "      --bpf           find processes by BPF, which is faster if there are many\n"
    "      --proc DIR      read the procfs that is mounted at DIR (default: /proc)\n"
    "\n"
    "      --empty         like --pinned, and show only namespaces without processes\n"
    "      --user USER     show only namespaces whose owner is USER, a name or UID\n"
    "      --sort ORDER    order siblings by pid (the smallest of each; the default),\n"
    "                      inode, processes (most first) or owner\n"
    "      --no-pids       count the processes of each name instead of listing PIDs\n"
    "      --all           show long lists in full\n"
    "\n"
    "  -h, --help          show this help\n"
    "  -V, --version       show the version\n";

enum { LARGEST_PID = 4194304, NSFS = 0x6e736673 };

/* Reads a decimal number up to the end of the text. Returns 0 if it is not in 1 ... max. */
static uint64_t number_in(const char *text, const char *end, uint64_t max)
{
    char *stop;
    uint64_t number;

    errno = 0;
    number = strtoull(text, &stop, 10);
    return *text >= '0' && *text <= '9' && stop == end && errno == 0 && number <= max ? number : 0;
}

/* The inode number in "4026531837" or "user:[4026531837]"; 0 if it is neither. */
static uint64_t inode_in(const char *text)
{
    const char *end = text + strlen(text);
    size_t type = strspn(text, "abcdefghijklmnopqrstuvwxyz_");

    if (type > 0 && strncmp(text + type, ":[", 2) == 0 && end[-1] == ']') {
        text += type + 2;
        end--;
    }
    return number_in(text, end, UINT64_MAX);
}

/*
 * The inode number of a namespace, by its file or the directory of a process. Returns 0 if it is
 * none, with errno set if that is unknown.
 */
static uint64_t inode_of_path(int directory, const char *path)
{
    int file = openat(directory, path, O_PATH | O_CLOEXEC);
    struct stat status;
    struct statfs system;
    uint64_t inode = 0;

    if (file < 0)
        return 0;
    if (fstat(file, &status) == 0 && fstatfs(file, &system) == 0) {
        if (system.f_type == NSFS)
            inode = status.st_ino;
        else if (S_ISDIR(status.st_mode) && directory == AT_FDCWD)
            inode = inode_of_path(file, "ns/user");
        if (inode == 0 && errno == ENOENT) /* the path exists, but is no directory of a process */
            errno = 0;
    }
    close(file); /* open, it would be a pin itself */
    return inode;
}

static void select_one(struct request *request, int show, uint64_t number, const char *argument)
{
    if (request->show != ALL)
        reject(argument, NULL, "only one namespace can be selected");
    request->show = show;
    request->number = number;
}

static void select_pid(struct request *request, const char *argument)
{
    uint64_t pid = number_in(argument, argument + strlen(argument), INT32_MAX);
    bool is_self = strcmp(argument, "self") == 0;

    if (pid == 0 && !is_self)
        reject("--pid", argument, "not a PID");
    select_one(request, is_self ? SELF : ONE_PID, pid, "--pid");
}

static void select_namespace(struct request *request, const char *argument)
{
    uint64_t inode = inode_in(argument);

    if (strcmp(argument, "self") == 0 || (inode != 0 && inode <= LARGEST_PID && *argument <= '9')) {
        select_pid(request, argument);
        return;
    }
    if (inode == 0) {
        errno = 0;
        inode = inode_of_path(AT_FDCWD, argument);
        if (inode == 0) {
            report(argument, "%s", errno != 0 ? strerror(errno) : "this is not a namespace");
            exit(EXIT_FAILURE);
        }
    }
    select_one(request, ONE_INODE, inode, argument);
}

static uid_t parse_user(const char *argument)
{
    const struct passwd *user = getpwnam(argument);
    const char *end = argument + strlen(argument);

    if (user != NULL)
        return user->pw_uid;
    if (strcmp(argument, "0") != 0 && number_in(argument, end, UINT32_MAX - 1) == 0)
        reject("--user", argument, "there is no such user");
    return (uid_t)strtoul(argument, NULL, 10);
}

static enum order parse_order(const char *argument)
{
    static const char *const names[] = { "pid", "inode", "processes", "owner" };

    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (strcmp(argument, names[i]) == 0)
            return (enum order)i;
    reject("--sort", argument, "the orders are pid, inode, processes and owner");
    return BY_PID;
}

enum { PINNED = 256, SOCKETS, BPF, PROC, PID, INODE, EMPTY, USER, SORT, NO_PIDS, IN_FULL };

/* The option that getopt_long() did not accept is optopt, or the last argument that it read. */
static void reject_option(int problem, char *argv[])
{
    const char letter[] = { '-', (char)optopt, '\0' };
    bool is_long = optopt == 0 || optopt >= PINNED || strncmp(argv[optind - 1], "--", 2) == 0;
    const char *option = is_long ? argv[optind - 1] : letter;

    if (problem == ':')
        reject(option, NULL, "this option needs an argument");
    if (optopt >= PINNED)
        reject(option, NULL, "this option has no argument");
    if (!is_long && (optopt == 'p' || optopt == 'P')) /* options of lsns(8) and userns_tree(1) */
        reject(option, NULL, "there is no such option; there are --pid, --pinned and --proc");
    reject(option, NULL, "there is no such option, or it is ambiguous");
}

void parse(int argc, char *argv[], struct request *request)
{
    /* clang-format off */
    static const struct option options[] = {
        { "pinned", no_argument, NULL, PINNED },
        { "sockets", no_argument, NULL, SOCKETS },
        { "bpf", no_argument, NULL, BPF },
        { "proc", required_argument, NULL, PROC },
        { "pid", required_argument, NULL, PID },
        { "inode", required_argument, NULL, INODE },
        { "empty", no_argument, NULL, EMPTY },
        { "user", required_argument, NULL, USER },
        { "sort", required_argument, NULL, SORT },
        { "no-pids", no_argument, NULL, NO_PIDS },
        { "all", no_argument, NULL, IN_FULL },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    /* clang-format on */
    int option;

    opterr = 0; /* its own messages do not escape arguments */
    while ((option = getopt_long(argc, argv, ":hV", options, NULL)) != -1) {
        switch (option) {
        case EMPTY:
        case SOCKETS:
        case PINNED:
            request->options.flags |= USERNS_SCAN_PINNED;
            request->options.flags |= option == SOCKETS ? USERNS_SCAN_SOCKETS : 0;
            request->view.pins = true;
            request->view.empty |= option == EMPTY;
            break;
        case BPF:
            request->options.flags |= USERNS_SCAN_BPF;
            break;
        case PROC:
            request->options.proc_path = optarg;
            break;
        case PID:
            select_pid(request, optarg);
            break;
        case INODE:
            if (inode_in(optarg) == 0)
                reject("--inode", optarg, "not an inode number");
            select_one(request, ONE_INODE, inode_in(optarg), "--inode");
            break;
        case USER:
            request->view.owner = parse_user(optarg);
            request->view.owned = true;
            break;
        case SORT:
            request->view.order = parse_order(optarg);
            break;
        case NO_PIDS:
            request->view.pids = false;
            break;
        case IN_FULL:
            request->view.all = true;
            break;
        case 'h':
            fputs(usage, stdout);
            exit(finish_output());
        case 'V':
            printf("userns_inspect %s\n", userns_version());
            exit(finish_output());
        default:
            reject_option(option, argv);
        }
    }
    for (; optind < argc; optind++)
        select_namespace(request, argv[optind]);
    request->options.flags |= USERNS_SCAN_NAMES | USERNS_SCAN_OWNED | USERNS_SCAN_CGROUPS |
                              (request->view.empty ? 0 : USERNS_SCAN_MAPS);
}
