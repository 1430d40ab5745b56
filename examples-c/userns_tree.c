/*
 * Shows the tree of user namespaces: the device and inode number of each, the PIDs of its
 * processes and, indented, its children.
 */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <userns.h>

static const char usage[] =
    "Usage: userns_tree [-p DIR]\n"
    "Shows the tree of user namespaces with the processes in each.\n"
    "\n"
    "  -p, --proc DIR  read the procfs that is mounted at DIR (default: /proc)\n"
    "  -h, --help      show this help\n"
    "  -V, --version   show the version\n";

/* A line of PIDs ends at column LINE_END, but has more than LINE_MIN characters. */
enum { LINE_END = 80, LINE_MIN = 32 };

static void print_pids(const struct userns_node *node, int indent)
{
    int base = indent + 25;
    int column = base;
    size_t count;
    const pid_t *pids = userns_pids(node, &count);

    for (size_t i = 0; i < count; i++) {
        if (i == 0) {
            printf("%*sPIDs: ", indent + 12, "");
        } else if (column >= LINE_END && column > base + LINE_MIN) {
            printf("\n%*s", indent + 18, "");
            column = base;
        }
        column += printf("%ld ", (long)pids[i]);
    }
    printf("\n");
}

static void print_tree(const struct userns_snapshot *snapshot)
{
    size_t count;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);

    for (size_t i = 0; i < count; i++) {
        int indent = 4 * (int)userns_depth(nodes[i]);
        printf("%*s{%" PRIu64 " %" PRIu64 "}\n", indent, "", userns_device(nodes[i]),
               userns_inode(nodes[i]));
        print_pids(nodes[i], indent);
    }
}

/* Reports on standard error, in one line, what the tree does not show. */
static void print_gaps(const struct userns_snapshot *snapshot)
{
    static const struct {
        uint32_t gap;
        const char *note;
    } notes[] = {
        { USERNS_GAP_HIDEPID, "processes may be hidden (hidepid, see proc(5))" },
        { USERNS_GAP_NESTED, "namespaces above and beside your own are not visible" },
        { USERNS_GAP_PIDNS, "processes outside the PID namespace of this procfs are not visible" },
        { USERNS_GAP_RELATIONS, "the parents of some namespaces could not be read" },
    };
    size_t unreadable = userns_gap_count(snapshot, USERNS_GAP_UNREADABLE);
    const char *before = "userns_tree: ";

    if (unreadable > 0) {
        fprintf(stderr, "%s%zu %s could not be read", before, unreadable,
                unreadable == 1 ? "process" : "processes");
        before = "; ";
    }
    for (size_t i = 0; i < sizeof notes / sizeof *notes; i++) {
        if (userns_gaps(snapshot) & notes[i].gap) {
            fprintf(stderr, "%s%s", before, notes[i].note);
            before = "; ";
        }
    }
    if (*before == ';')
        fputc('\n', stderr);
}

/* Writes buffered output, which can fail. */
static int finish_output(void)
{
    if (fflush(stdout) == EOF || ferror(stdout)) {
        fprintf(stderr, "userns_tree: standard output: %s\n", strerror(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}

int main(int argc, char *argv[])
{
    static const struct option long_options[] = {
        { "proc", required_argument, NULL, 'p' },
        { "help", no_argument, NULL, 'h' },
        { "version", no_argument, NULL, 'V' },
        { NULL, 0, NULL, 0 },
    };
    static char name[] = "userns_tree";
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot;
    int option, error;

    argv[0] = name; /* the messages of getopt_long(3) begin with it */
    options.proc_path = "/proc";
    while ((option = getopt_long(argc, argv, "p:hV", long_options, NULL)) != -1) {
        switch (option) {
        case 'p':
            options.proc_path = optarg;
            break;
        case 'h':
            fputs(usage, stdout);
            return finish_output();
        case 'V':
            printf("userns_tree %s\n", userns_version());
            return finish_output();
        default:
            fputs("Try 'userns_tree --help'.\n", stderr);
            return 2;
        }
    }
    if (optind < argc) {
        fprintf(stderr, "userns_tree: unexpected argument '%s'\nTry 'userns_tree --help'.\n",
                argv[optind]);
        return 2;
    }

    error = userns_scan(&options, &snapshot);
    if (error < 0) {
        fprintf(stderr, "userns_tree: %s: %s\n", options.proc_path, userns_strerror(error));
        return EXIT_FAILURE;
    }
    print_tree(snapshot);
    error = finish_output();
    print_gaps(snapshot);
    userns_free(snapshot);
    return error;
}
