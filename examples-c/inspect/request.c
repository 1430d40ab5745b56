/* The command line. */
#include "inspect.h"
#include <pwd.h>
#include <stdlib.h>
#include <string.h>

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

static unsigned parse_seconds(const char *argument)
{
    enum { DAY = 86400 };
    uint64_t seconds = number_in(argument, argument + strlen(argument), DAY);

    if (seconds == 0)
        reject("--watch", argument, "not a number of seconds from 1 to 86400");
    return (unsigned)seconds;
}

/* What the scan has to find out besides what is always shown. */
static uint64_t flags_of(const struct request *request)
{
    const uint64_t shown = USERNS_SCAN_NAMES | USERNS_SCAN_OWNED | USERNS_SCAN_CGROUPS;

    switch (request->action) {
    case MAP:
        return USERNS_SCAN_MAPS;
    case CAN:
        return USERNS_SCAN_NAMES | USERNS_SCAN_CREDENTIALS;
    case LIMITS:
    case METRICS:
        return USERNS_SCAN_PINNED;
    case LIST:
        return flags_of_columns(&request->columns);
    case DOT:
        return shown | USERNS_SCAN_MAPS;
    case SAVE:
        return shown | USERNS_SCAN_MAPS | USERNS_SCAN_CREDENTIALS;
    case WATCH:
        return USERNS_SCAN_NAMES | USERNS_SCAN_MAPS;
    default:
        return shown | (request->view.empty ? 0 : USERNS_SCAN_MAPS);
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

/* The options of lsns(8) have letters, too. */
static int without_letter(int option)
{
    switch (option) {
    case 'l':
        return LIST_OPTION;
    case 'o':
        return OUTPUT;
    case 'n':
        return NO_HEADINGS;
    case 'r':
        return RAW;
    default:
        return option;
    }
}

/* Takes one option. */
static void take(int option, char *argument, int argc, char *argv[], struct request *request)
{
    struct view *view = &request->view;

    switch (option) {
    case EMPTY:
    case SOCKETS:
    case PINNED:
        request->options.flags |= USERNS_SCAN_PINNED;
        request->options.flags |= option == SOCKETS ? USERNS_SCAN_SOCKETS : 0;
        view->pins = true;
        view->empty |= option == EMPTY;
        break;
    case BPF:
        request->options.flags |= USERNS_SCAN_BPF;
        break;
    case PROC:
        request->options.proc_path = argument;
        break;
    case PID_OPTION:
        select_pid(&request->target, argument);
        break;
    case INODE:
        if (inode_in(argument) == 0)
            reject("--inode", argument, "not an inode number");
        select_one(&request->target, ONE_INODE, inode_in(argument), "--inode");
        break;
    case USER:
        view->owner = parse_user(argument);
        view->owned = true;
        break;
    case SORT:
        view->order = parse_order(argument);
        view->sorted = true;
        break;
    case NO_PIDS:
        view->pids = false;
        break;
    case ALL:
        view->all = true;
        break;
    case OUTPUT:
        parse_columns(argument, &request->columns);
        break;
    case NO_HEADINGS:
        request->columns.no_headings = true;
        break;
    case RAW:
        request->columns.raw = true;
        break;
    case WATCH_OPTION:
        request->seconds = parse_seconds(argument);
        break;
    case LOAD:
        request->file = argument;
        break;
    case MAP_OPTION:
        request->id = parse_id(argument);
        break;
    case FROM:
        select_namespace(&request->from, argument);
        break;
    case TO:
        select_namespace(&request->to, argument);
        break;
    case GID_OPTION:
    case PROJID_OPTION:
        request->kind = option == GID_OPTION ? GID : PROJID;
        break;
    case CAN_OPTION:
        if (optind == argc)
            reject("--can", argument, "a capability is missing");
        request->pid = (pid_t)parse_pid("--can", argument);
        request->capability = parse_capability(argv[optind++]);
        break;
    }
}

void parse(int argc, char *argv[], struct request *request)
{
    static const struct option general[] = {
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    struct option options[OPTION_COUNT + sizeof general / sizeof *general];
    int option;

    memcpy(options + list_options(options), general, sizeof general);
    opterr = 0; /* its own messages do not escape arguments */
    while ((option = getopt_long(argc, argv, ":hVlno:r", options, NULL)) != -1) {
        if (option == 'h')
            print_help();
        if (option == 'V')
            printf("userns_inspect %s\n", userns_version());
        if (option == 'h' || option == 'V')
            exit(finish_output());
        if (option == ':' || option == '?')
            reject_option(option, argv);
        option = without_letter(option);
        note_option(request, option);
        take(option, optarg, argc, argv, request);
    }
    for (; optind < argc; optind++) {
        note_option(request, NAMESPACE);
        select_namespace(&request->target, argv[optind]);
    }
    check_options(request);
    request->options.flags |= flags_of(request);
}
