/*
 * Shows the user namespaces to a person at a terminal: who made each, who lives in it, which
 * namespaces of other types it owns, and with --pinned what keeps each of these alive.
 */
#define _GNU_SOURCE /* getopt_long(3), wcwidth(3) */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <langinfo.h>
#include <locale.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <userns.h>
#include <wchar.h>

static const char usage[] =
    "Usage: userns_inspect [OPTION]...\n"
    "Shows the user namespaces: owner, processes, owned namespaces, what holds them.\n"
    "\n"
    "  -P, --pinned       find namespaces without processes too, and show which\n"
    "                     descriptors and mounts hold each namespace\n"
    "      --no-pids      count the processes of each name, do not list their PIDs\n"
    "      --pid PID      show the namespace of this process, and those below it;\n"
    "                     'self' means this program\n"
    "      --inode INODE  show the namespace with this inode, and those below it\n"
    "  -p, --proc DIR     read the procfs that is mounted at DIR (default: /proc)\n"
    "  -h, --help         show this help\n"
    "  -V, --version      show the version\n";

static const struct userns_snapshot *snapshot;
static bool show_pids = true, show_pins, colour;
static int width = 80;

/* ---- Text that others chose ---- */

/*
 * How many columns a character takes, or 0 if it must not be printed as it is: a control
 * character, one without a width (some change the direction of writing), bytes that are no
 * character in this locale, and what put_safe() itself uses to quote.
 */
static int columns_of(const char *text, size_t left, size_t *length)
{
    mbstate_t state;
    wchar_t character;
    int columns;

    memset(&state, 0, sizeof state);
    *length = mbrtowc(&character, text, left, &state);
    if (*length > left) { /* (size_t)-1 or -2: no character */
        *length = 1;
        return 0;
    }
    columns = wcwidth(character);
    return columns > 0 && character != L'\\' && character != L'"' ? columns : 0;
}

/*
 * Writes a name or a path, which can be any bytes: doubtful ones as \xNN, and in quotes if it
 * could be taken for several words. Returns how many columns that takes. If out is NULL,
 * nothing is written.
 */
static int put_safe(FILE *out, const char *text)
{
    const char *quote = strpbrk(text, " ,") != NULL ? "\"" : "";
    int columns = 2 * (int)strlen(quote);

    if (out != NULL)
        fputs(quote, out);
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        int printable = columns_of(text, left, &length);
        columns += printable > 0 ? printable : 4 * (int)length;
        if (out != NULL && printable > 0)
            fwrite(text, 1, length, out);
        for (size_t i = 0; out != NULL && printable == 0 && i < length; i++)
            fprintf(out, "\\x%02x", (unsigned char)text[i]);
    }
    if (out != NULL)
        fputs(quote, out);
    return columns;
}

/* ---- Lines: the rails of the tree, a label, then items, wrapped at the width ---- */

enum { RAIL = 3, LABEL = 9, HANGING = 2 }; /* columns */

static const char *child_rail = "   ", *last_child_rail = "   ", *beside_rail = "   ";
static const char *const no_rail = "   ";

static const char *const bold = "\x1b[1m", *const dim = "\x1b[2m", *const yellow = "\x1b[33m",
                  *const normal = "\x1b[0m";

static struct {
    const char *rails[40]; /* the kernel nests at most 33 namespaces below a root */
    int depth;             /* how many rails there are */
    int column;            /* where the next item goes */
    int wrapped;           /* where items go if the line is continued */
    bool empty;            /* no item is on it yet */
} line;

static void paint(const char *style)
{
    if (colour)
        fputs(style, stdout);
}

static void begin_line(const char *label, int columns)
{
    paint(dim);
    for (int i = 0; i < line.depth; i++)
        fputs(line.rails[i], stdout);
    printf("%-*s", columns, label);
    paint(normal);
    line.column = RAIL * line.depth + columns;
    line.wrapped = columns + HANGING;
    line.empty = true;
}

static void continue_line(void)
{
    int wrapped = line.wrapped;

    putchar('\n');
    begin_line("", wrapped); /* it ends any colour */
    line.wrapped = wrapped;
}

/* One item: a name or path, unless that is NULL, and text that follows it closely. */
static void put_named(const char *name, const char *format, ...)
{
    char text[128];
    int columns = name != NULL ? put_safe(NULL, name) : 0;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    columns += (int)strlen(text);
    if (!line.empty && line.column + 1 + columns > width)
        continue_line();
    else if (!line.empty)
        line.column += printf(" ");
    if (name != NULL)
        put_safe(stdout, name);
    fputs(text, stdout);
    line.column += columns;
    line.empty = false;
}

#define put(...) put_named(NULL, __VA_ARGS__)

/* ---- Members ---- */

struct member {
    const char *name;
    pid_t pid;
};

static int by_name(const void *a, const void *b)
{
    const struct member *one = a, *other = b;
    int order = strcmp(one->name, other->name);

    return order != 0 ? order : (one->pid > other->pid) - (one->pid < other->pid);
}

/* "bash 12 45 99, sleep 7": of the ways to list thousands, the shortest that keeps names. */
static void put_members(const struct member *members, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && strcmp(members[end].name, members[i].name) == 0;)
            end++;
        const char *comma = end < count ? "," : "";
        if (!show_pids) {
            put_named(members[i].name, " (%zu)%s", end - i, comma);
            continue;
        }
        put_named(members[i].name, " %ld%s", (long)members[i].pid, end - i == 1 ? comma : "");
        for (size_t j = i + 1; j < end; j++)
            put("%ld%s", (long)members[j].pid, j + 1 == end ? comma : "");
    }
}

static void print_members(const struct userns_node *node)
{
    size_t count;
    const pid_t *pids = userns_pids(node, &count);
    const char *const *names = userns_names(node, NULL);
    struct member *members = calloc(count + 1, sizeof *members);

    if (members == NULL) {
        perror("userns_inspect");
        exit(EXIT_FAILURE);
    }
    for (size_t i = 0; i < count; i++) {
        members[i].name = *names[i] != '\0' ? names[i] : "?"; /* it ended before it told */
        members[i].pid = pids[i];
    }
    qsort(members, count, sizeof *members, by_name);
    if (count > 0) {
        begin_line("members", LABEL);
        put("%zu:", count);
        put_members(members, count);
        putchar('\n');
    }
    free(members);
}

/* ---- Pins ---- */

static int by_pid(const void *a, const void *b)
{
    pid_t one = *(const pid_t *)a, other = *(const pid_t *)b;

    return (one > other) - (one < other);
}

static const char *name_of(pid_t pid)
{
    const struct userns_node *home = userns_find_pid(snapshot, pid);
    size_t count;
    const pid_t *pids = userns_pids(home, &count);
    const pid_t *found = count > 0 ? bsearch(&pid, pids, count, sizeof pid, by_pid) : NULL;
    const char *name = found != NULL ? userns_names(home, NULL)[found - pids] : "";

    return *name != '\0' ? name : "?";
}

/* "bash 12 fd 7,": the process of a pin, and what is to be known of its thread and descriptor. */
static void put_holder(const struct userns_pin *pin, const char *comma)
{
    pid_t pid = userns_pin_pid(pin), tid = userns_pin_tid(pin);
    char thread[32] = "", descriptor[32] = "";

    if (tid != 0 && tid != pid) /* its first thread does not hold the namespace */
        snprintf(thread, sizeof thread, " thread %ld", (long)tid);
    if (userns_pin_descriptor(pin) >= 0)
        snprintf(descriptor, sizeof descriptor, " fd %d", userns_pin_descriptor(pin));
    put_named(name_of(pid), " %ld%s%s%s", (long)pid, thread, descriptor, comma);
}

/* Whether one line tells of both: they are of one kind, and of one path if that is mounts. */
static bool belong_together(const struct userns_pin *a, const struct userns_pin *b)
{
    uint32_t kind = userns_pin_kind(a);

    return kind == userns_pin_kind(b) && kind != USERNS_PIN_CHILD_NAMESPACE &&
           (kind != USERNS_PIN_MOUNT || strcmp(userns_pin_path(a), userns_pin_path(b)) == 0);
}

/* Each descriptor must be closed to release a namespace; of processes, a few are enough. */
static void put_holders(const struct userns_pin *const *pins, size_t count)
{
    enum { EXAMPLES = 4 };
    bool all = count <= EXAMPLES || userns_pin_descriptor(pins[0]) >= 0;
    size_t shown = all ? count : EXAMPLES;

    for (size_t i = 0; i < shown; i++)
        put_holder(pins[i], i + 1 < shown ? "," : "");
    if (shown < count)
        put("and %zu more", count - shown);
}

static void put_pins(const struct userns_pin *const *pins, size_t count)
{
    const struct userns_nonuser *child = userns_pin_nonuser(pins[0]);

    switch (userns_pin_kind(pins[0])) {
    case USERNS_PIN_DESCRIPTOR:
        put(count == 1 ? "descriptor:" : "descriptors:");
        break;
    case USERNS_PIN_SOCKET:
        put(count == 1 ? "socket:" : "sockets:");
        break;
    case USERNS_PIN_MOUNT:
        put("mount");
        put_named(userns_pin_path(pins[0]), "");
        put("seen by");
        break;
    case USERNS_PIN_FOR_CHILDREN:
        put("for children of");
        break;
    case USERNS_PIN_CHILD_NAMESPACE: /* what holds that is shown where it is owned */
        put("%s %" PRIu64 " below it", userns_nonuser_type_name(child), userns_nonuser_inode(child));
        return;
    default: /* the library can be newer than this program */
        put("unknown:");
    }
    put_holders(pins, count);
}

static void print_pins(const char *label, int columns, const struct userns_pin *const *pins,
                       size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && belong_together(pins[i], pins[end]);)
            end++;
        if (userns_pin_kind(pins[i]) == USERNS_PIN_OWNED)
            continue; /* these are the lines of print_owned() */
        begin_line(label, columns);
        put_pins(pins + i, end - i);
        putchar('\n');
        label = "";
    }
}

static void print_owned(const struct userns_node *node)
{
    size_t count;
    const struct userns_nonuser *const *owned = userns_owned(node, &count);

    for (size_t i = 0; i < count; i++) {
        size_t members = userns_nonuser_member_count(owned[i]), pin_count, inside = 0;
        const struct userns_pin *const *pins = userns_nonuser_pins(owned[i], &pin_count);

        while (inside < pin_count && userns_pin_kind(pins[inside]) == USERNS_PIN_MEMBER)
            inside++; /* processes come first */
        begin_line(i == 0 ? "owns" : "", LABEL);
        line.wrapped += HANGING;
        put("%-6s %10" PRIu64 " %6zu process%s%s", userns_nonuser_type_name(owned[i]),
            userns_nonuser_inode(owned[i]), members, members == 1 ? "" : "es",
            show_pins && inside > 0 ? ":" : "");
        if (show_pins)
            put_holders(pins, inside);
        putchar('\n');
        if (show_pins)
            print_pins("", LABEL + HANGING, pins + inside, pin_count - inside);
    }
}

/* ---- The tree ---- */

static void print_heading(const struct userns_node *node)
{
    static const struct {
        uint32_t flag;
        const char *notice;
    } flags[] = {
        { USERNS_NODE_INITIAL, "[initial]" },
        { USERNS_NODE_PARENT_HIDDEN, "[parent hidden]" },
        { USERNS_NODE_EMPTY, "[empty]" },
        { USERNS_NODE_ONLY_PINNED, "[known only through a pin]" },
    };
    const struct passwd *user;
    uid_t uid;

    begin_line("", 0);
    paint(bold);
    put("%" PRIu64, userns_inode(node));
    paint(normal);
    if (!userns_owner_uid(node, &uid))
        put("owner unknown");
    else if ((user = getpwuid(uid)) != NULL)
        put_named(user->pw_name, " (UID %lu)", (unsigned long)uid);
    else
        put("UID %lu", (unsigned long)uid);
    if (userns_id(node) != 0)
        put("id %" PRIu64, userns_id(node));
    paint(yellow);
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++)
        if (userns_flags(node) & flags[i].flag)
            put("%s", flags[i].notice);
    paint(normal);
    putchar('\n');
}

/* The rail before the heading is NULL for a root; the rail below it leads on to siblings. */
static void print_subtree(const struct userns_node *node, const char *rail, const char *rail_below)
{
    size_t count, pin_count;
    const struct userns_node *const *children = userns_children(node, &count);
    const struct userns_pin *const *pins = userns_pins(node, &pin_count);

    if (rail != NULL)
        line.rails[line.depth++] = rail;
    print_heading(node);
    if (rail != NULL)
        line.rails[line.depth - 1] = rail_below;

    line.rails[line.depth++] = count > 0 ? beside_rail : no_rail;
    print_members(node);
    if (show_pins)
        print_pins("held by", LABEL, pins, pin_count);
    print_owned(node);
    line.depth--;

    for (size_t i = 0; i < count; i++) {
        if (i + 1 < count)
            print_subtree(children[i], child_rail, beside_rail);
        else
            print_subtree(children[i], last_child_rail, no_rail);
    }
    if (rail != NULL)
        line.depth--;
}

/* ---- What the scan could not see ---- */

static void print_gap(uint32_t gap, const char *reason, size_t count)
{
    if ((userns_gaps(snapshot) & gap) == 0)
        return;
    fprintf(stderr, "userns_inspect: %s", reason);
    if (count > 0)
        fprintf(stderr, ": %zu", count);
    fputc('\n', stderr);
}

static void print_gaps(void)
{
    print_gap(USERNS_GAP_UNREADABLE, "processes that could not be read",
              userns_gap_count(snapshot, USERNS_GAP_UNREADABLE));
    print_gap(USERNS_GAP_HIDEPID, "processes may be hidden (hidepid, see proc(5))", 0);
    print_gap(USERNS_GAP_PIDNS, "processes outside this procfs's PID namespace are not shown", 0);
    print_gap(USERNS_GAP_NESTED, "namespaces above and beside your own are out of reach", 0);
    print_gap(USERNS_GAP_LINKS, "the namespaces of some threads could not be read", 0);
    print_gap(USERNS_GAP_DESCRIPTORS, "processes whose descriptors could not be read",
              userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS));
    if (userns_gap_count(snapshot, USERNS_GAP_MOUNTS) > 0)
        print_gap(USERNS_GAP_MOUNTS, "processes whose mounts could not be read",
                  userns_gap_count(snapshot, USERNS_GAP_MOUNTS));
    if (userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS) > 0)
        print_gap(USERNS_GAP_MOUNTS, "mounted namespaces that could not be opened",
                  userns_gap_count(snapshot, USERNS_GAP_UNOPENED_MOUNTS));
    print_gap(USERNS_GAP_MOUNT_NAMESPACES, "mount namespaces without processes were not read", 0);
}

/* ---- The command ---- */

/* What the command line asks for. */
struct request {
    struct userns_options options;
    enum { ALL, SELF, ONE_PID, ONE_INODE } show;
    uint64_t number; /* for ONE_PID and ONE_INODE */
};

static void ask_terminal(void)
{
    const char *columns = getenv("COLUMNS"), *no_colour = getenv("NO_COLOR");
    struct winsize window;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        width = window.ws_col;
    else if (columns != NULL && atoi(columns) > 0)
        width = atoi(columns);
    colour = isatty(STDOUT_FILENO) && (no_colour == NULL || *no_colour == '\0');
    if (strcmp(nl_langinfo(CODESET), "UTF-8") == 0) {
        child_rail = "├─ ";
        last_child_rail = "└─ ";
        beside_rail = "│  ";
    }
}

/* What was printed may still be in a buffer; writing it can fail. */
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
        wrong_usage("this number cannot be:", text);
    return number;
}

static void parse(int argc, char *argv[], struct request *request)
{
    enum { NO_PIDS = 256, PID, INODE };
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
    int option;

    while ((option = getopt_long(argc, argv, "Pp:hV", options, NULL)) != -1) {
        switch (option) {
        case 'P':
            request->options.flags |= USERNS_SCAN_PINNED;
            show_pins = true;
            break;
        case NO_PIDS:
            show_pids = false;
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
    if (request->show == SELF)
        return userns_self(snapshot);
    if (request->show == ONE_PID)
        return userns_find_pid(snapshot, (pid_t)request->number);
    return userns_find_inode(snapshot, request->number);
}

/* Shows what was asked for; false if that is not there. */
static bool show(const struct request *request)
{
    size_t count;
    const struct userns_node *const *roots = userns_roots(snapshot, &count), *one;

    if (request->show == ALL) {
        for (size_t i = 0; i < count; i++)
            print_subtree(roots[i], NULL, NULL);
        return true;
    }
    one = find(request);
    if (one != NULL)
        print_subtree(one, NULL, NULL);
    else if (request->show == ONE_INODE)
        fprintf(stderr, "userns_inspect: no user namespace %" PRIu64 " was found%s\n",
                request->number, show_pins ? "" : " (with --pinned, more can be found)");
    else if (request->show == ONE_PID)
        fprintf(stderr, "userns_inspect: %s: process %" PRIu64 " was not found or not readable\n",
                request->options.proc_path, request->number);
    else
        fprintf(stderr, "userns_inspect: the kernel does not tell this program's namespace\n");
    return one != NULL;
}

int main(int argc, char *argv[])
{
    struct request request = { USERNS_OPTIONS_INIT, ALL, 0 };
    struct userns_snapshot *scanned;
    int error, status;

    setlocale(LC_CTYPE, "");
    request.options.proc_path = "/proc";
    request.options.flags = USERNS_SCAN_NAMES | USERNS_SCAN_OWNED;
    parse(argc, argv, &request);
    error = userns_scan(&request.options, &scanned);
    if (error < 0) {
        fprintf(stderr, "userns_inspect: %s: %s\n", request.options.proc_path,
                userns_strerror(error));
        return EXIT_FAILURE;
    }
    snapshot = scanned;
    ask_terminal();
    status = show(&request) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (finish_output() != EXIT_SUCCESS)
        status = EXIT_FAILURE;
    print_gaps();
    userns_free(scanned);
    return status;
}
