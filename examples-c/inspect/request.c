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
    "Instead of the tree:\n"
    "      --map ID --from NAMESPACE --to NAMESPACE\n"
    "                      what a UID is elsewhere; 'self' stands for a missing one\n"
    "      --gid, --projid ID is a GID or a project id\n"
    "      --can PID CAP   whether a process has a capability in NAMESPACE, and why\n"
    "                      (default: its own); CAP is a name or number\n"
    "      --limits        how many user namespaces are charged to whom\n"
    "\n"
    "For --map and --can, the exit status is 3 for no and 4 for not known.\n"
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

static void select_one(struct target *target, int kind, uint64_t number, const char *argument)
{
    if (target->kind != NONE)
        reject(argument, NULL, "only one namespace can be selected");
    target->kind = kind;
    target->number = number;
}

/* Reads a PID. Returns 0 for this program. */
static uint64_t parse_pid(const char *option, const char *argument)
{
    uint64_t pid = number_in(argument, argument + strlen(argument), INT32_MAX);

    if (pid == 0 && strcmp(argument, "self") != 0)
        reject(option, argument, "not a PID");
    return pid;
}

static void select_pid(struct target *target, const char *argument)
{
    uint64_t pid = parse_pid("--pid", argument);

    select_one(target, pid == 0 ? SELF : ONE_PID, pid, "--pid");
}

static void select_namespace(struct target *target, const char *argument)
{
    uint64_t inode = inode_in(argument);

    if (strcmp(argument, "self") == 0 || (inode != 0 && inode <= LARGEST_PID && *argument <= '9')) {
        select_pid(target, argument);
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
    select_one(target, ONE_INODE, inode, argument);
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

static uint32_t parse_id(const char *argument)
{
    uint64_t id = number_in(argument, argument + strlen(argument), UINT32_MAX - 1);

    if (id == 0 && strcmp(argument, "0") != 0)
        reject("--map", argument, "not an id");
    return (uint32_t)id;
}

static int parse_capability(const char *argument)
{
    enum { LAST = 63 }; /* the kernel has room for so many */
    int capability = capability_by_name(argument);

    if (capability < 0 && strcmp(argument, "0") != 0) {
        capability = (int)number_in(argument, argument + strlen(argument), LAST);
        if (capability == 0)
            reject("--can", argument, "there is no such capability, see capabilities(7)");
    }
    return capability < 0 ? 0 : capability;
}

enum {
    PINNED = 256,
    SOCKETS,
    BPF,
    PROC,
    PID_OPTION,
    INODE,
    EMPTY,
    USER,
    SORT,
    NO_PIDS,
    ALL,
    MAP_OPTION,
    FROM,
    TO,
    GID_OPTION,
    PROJID_OPTION,
    CAN_OPTION,
    LIMITS_OPTION
};

/* Selects what to do instead of the tree. */
static void select_action(struct request *request, enum action action, const char *option)
{
    if (request->action != SHOW)
        reject(option, NULL, "only one of --map, --can and --limits can be used, and once");
    request->action = action;
}

/* Options that would have no effect are mistakes. */
static void check(const struct request *request, bool has_kind, bool has_order)
{
    static const char *const names[] = { "", "--map", "--can", "--limits" };
    const char *action = names[request->action];
    const struct view *view = &request->view;

    if (request->action != MAP && (request->from.kind != NONE || request->to.kind != NONE))
        reject("--from and --to", NULL, "they need --map");
    if (request->action != MAP && has_kind)
        reject("--gid and --projid", NULL, "they need --map");
    if (request->action == MAP && request->from.kind == NONE && request->to.kind == NONE)
        reject("--map", NULL, "--from or --to is missing");
    if (request->action == MAP && request->target.kind != NONE)
        reject("--map", NULL, "the namespaces are arguments of --from and --to");
    if (request->action != SHOW && (view->empty || view->all || !view->pids || has_order))
        reject(action, NULL, "this cannot be combined with --empty, --sort, --no-pids or --all");
    if ((request->action == MAP || request->action == CAN) && view->owned)
        reject(action, NULL, "this cannot be combined with --user");
}

/* What the scan has to find out besides what is always shown. */
static uint64_t flags_of(const struct request *request)
{
    switch (request->action) {
    case MAP:
        return USERNS_SCAN_MAPS;
    case CAN:
        return USERNS_SCAN_NAMES | USERNS_SCAN_CREDENTIALS;
    case LIMITS:
        return USERNS_SCAN_PINNED;
    default:
        return USERNS_SCAN_NAMES | USERNS_SCAN_OWNED | USERNS_SCAN_CGROUPS |
               (request->view.empty ? 0 : USERNS_SCAN_MAPS);
    }
}

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
        { "pid", required_argument, NULL, PID_OPTION },
        { "inode", required_argument, NULL, INODE },
        { "empty", no_argument, NULL, EMPTY },
        { "user", required_argument, NULL, USER },
        { "sort", required_argument, NULL, SORT },
        { "no-pids", no_argument, NULL, NO_PIDS },
        { "all", no_argument, NULL, ALL },
        { "map", required_argument, NULL, MAP_OPTION },
        { "from", required_argument, NULL, FROM },
        { "to", required_argument, NULL, TO },
        { "gid", no_argument, NULL, GID_OPTION },
        { "projid", no_argument, NULL, PROJID_OPTION },
        { "can", required_argument, NULL, CAN_OPTION },
        { "limits", no_argument, NULL, LIMITS_OPTION },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    /* clang-format on */
    bool has_kind = false, has_order = false;
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
        case PID_OPTION:
            select_pid(&request->target, optarg);
            break;
        case INODE:
            if (inode_in(optarg) == 0)
                reject("--inode", optarg, "not an inode number");
            select_one(&request->target, ONE_INODE, inode_in(optarg), "--inode");
            break;
        case USER:
            request->view.owner = parse_user(optarg);
            request->view.owned = true;
            break;
        case SORT:
            request->view.order = parse_order(optarg);
            has_order = true;
            break;
        case NO_PIDS:
            request->view.pids = false;
            break;
        case ALL:
            request->view.all = true;
            break;
        case MAP_OPTION:
            select_action(request, MAP, "--map");
            request->id = parse_id(optarg);
            break;
        case FROM:
            select_namespace(&request->from, optarg);
            break;
        case TO:
            select_namespace(&request->to, optarg);
            break;
        case GID_OPTION:
        case PROJID_OPTION:
            if (has_kind)
                reject("--gid and --projid", NULL, "only one of them can be used");
            request->kind = option == GID_OPTION ? GID : PROJID;
            has_kind = true;
            break;
        case CAN_OPTION:
            select_action(request, CAN, "--can");
            if (optind == argc)
                reject("--can", optarg, "a capability is missing");
            request->pid = (pid_t)parse_pid("--can", optarg);
            request->capability = parse_capability(argv[optind++]);
            break;
        case LIMITS_OPTION:
            select_action(request, LIMITS, "--limits");
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
        select_namespace(&request->target, argv[optind]);
    check(request, has_kind, has_order);
    request->options.flags |= flags_of(request);
}
