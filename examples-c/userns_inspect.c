/*
 * Shows the user namespaces to a person at a terminal: the owner, the id maps and the processes of
 * each, the namespaces of other types that it owns and, with --pinned, what keeps each of them
 * alive. It also answers questions: what an id is elsewhere, what a process may do, who uses how
 * much of the limits; and it writes lists, graphs and numbers for other programs.
 * This file scans and finds; the files in inspect/ read the command line and print.
 */
#define _GNU_SOURCE /* O_PATH */
#include "inspect/inspect.h"
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct userns_node *find(const struct view *view, struct target target)
{
    if (target.kind == ONE_PID)
        return userns_find_pid(view->snapshot, (pid_t)target.number);
    if (target.kind == ONE_INODE)
        return userns_find_inode(view->snapshot, target.number);
    return userns_self(view->snapshot);
}

/* Finds the requested namespace if it is of another type than user. */
static const struct userns_nonuser *find_nonuser(const struct view *view, struct target target)
{
    size_t count;
    const struct userns_nonuser *const *nonusers = userns_nonusers(view->snapshot, &count);

    for (size_t i = 0; i < count; i++)
        if (target.kind == ONE_INODE && userns_nonuser_inode(nonusers[i]) == target.number)
            return nonusers[i];
    return NULL;
}

static void report_missing(const struct request *request, struct target target)
{
    bool is_pinned = (request->options.flags & USERNS_SCAN_PINNED) != 0;
    const char *type = request->action == SHOW ? "" : "user ";

    if (target.kind == ONE_INODE)
        report(NULL, "no %snamespace %" PRIu64 " was found%s", type, target.number,
               is_pinned || request->file != NULL ? "" : " (--pinned can find more)");
    else if (target.kind == ONE_PID)
        report(request->file != NULL ? request->file : request->options.proc_path,
               "process %" PRIu64 " was not found or not readable", target.number);
    else
        report(NULL, "its own user namespace is unknown");
}

/* Shows a tree, a list or a graph. */
static void show_nodes(const struct request *request, const struct userns_node *const *nodes,
                       size_t count)
{
    if (request->action == LIST)
        print_list(&request->view, &request->columns, nodes, count);
    else if (request->action == DOT)
        print_graph(&request->view, nodes, count);
    else
        print_trees(&request->view, nodes, count);
}

static int show(const struct request *request)
{
    size_t count;
    const struct userns_node *const *roots = userns_roots(request->view.snapshot, &count), *one;
    const struct userns_nonuser *nonuser = NULL;

    if (request->target.kind == NONE) {
        show_nodes(request, roots, count);
        return EXIT_SUCCESS;
    }
    one = find(&request->view, request->target);
    if (request->action == SHOW)
        nonuser = find_nonuser(&request->view, request->target);
    if (one != NULL)
        show_nodes(request, &one, 1);
    else if (nonuser != NULL)
        print_nonuser(&request->view, nonuser);
    else
        report_missing(request, request->target);
    return one != NULL || nonuser != NULL ? EXIT_SUCCESS : EXIT_FAILURE;
}

static int map(const struct request *request)
{
    const struct userns_node *from = find(&request->view, request->from);
    const struct userns_node *to = find(&request->view, request->to);

    if (from != NULL && to != NULL)
        return print_translation(&request->view, request->kind, request->id, from, to);
    report_missing(request, from == NULL ? request->from : request->to);
    return EXIT_FAILURE;
}

/* By default, the question is about the namespace of the process itself. */
static int can(const struct request *request)
{
    pid_t pid = request->pid == 0 ? getpid() : request->pid;
    struct target home = { .kind = ONE_PID, .number = (uint64_t)pid };
    struct target target = request->target.kind == NONE ? home : request->target;
    const struct userns_node *node = find(&request->view, target);

    if (node != NULL)
        return print_verdict(&request->view, pid, request->capability, node);
    report_missing(request, target);
    return EXIT_FAILURE;
}

static int limits(const struct request *request)
{
    const struct userns_node *top = NULL;

    if (request->target.kind != NONE) {
        top = find(&request->view, request->target);
        if (top == NULL) {
            report_missing(request, request->target);
            return EXIT_FAILURE;
        }
    }
    print_limits(&request->view, top);
    return EXIT_SUCCESS;
}

/* Does what is requested. Returns the exit status. */
static int answer(const struct request *request)
{
    switch (request->action) {
    case MAP:
        return map(request);
    case CAN:
        return can(request);
    case LIMITS:
        return limits(request);
    case METRICS:
        print_metrics(&request->view);
        return EXIT_SUCCESS;
    case SAVE:
        return print_json(request->view.snapshot);
    default:
        return show(request);
    }
}

/* The last lines, which say what the kernel rejects. */
static const char *end_of_log(const char *log)
{
    enum { LINES = 20 };
    const char *end = log + strlen(log);

    for (int lines = 0; end > log; end--)
        if (end[-1] == '\n' && ++lines > LINES)
            break;
    return end;
}

/* The log is plain text, but that of a saved snapshot can be anything. */
static void report_log(const char *log)
{
    report(NULL, "what the kernel says about the BPF program, for the report:");
    for (log = end_of_log(log); *log != '\0'; log++)
        if (*log == '\n' || *log == '\t' || (*log >= ' ' && *log <= '~'))
            fputc(*log, stderr);
        else
            fprintf(stderr, "\\x%02x", (unsigned char)*log);
    fputc('\n', stderr);
}

/* Scans, or loads what was saved. Returns NULL if that fails, after a message. */
static struct userns_snapshot *observe(struct request *request)
{
    struct userns_snapshot *snapshot;
    int error;

    if (request->file != NULL)
        return load(request);
    error = userns_scan(&request->options, &snapshot);
    if (error < 0)
        report(request->options.proc_path, "%s", userns_strerror(error));
    return snapshot;
}

/* Says what the snapshot does not show. */
static void report_rest(const struct userns_snapshot *snapshot)
{
    if (userns_source_error(snapshot) < 0)
        report(NULL, "processes were found without BPF: %s",
               userns_strerror(userns_source_error(snapshot)));
    if (userns_source_log(snapshot) != NULL)
        report_log(userns_source_log(snapshot));
    print_gaps(snapshot);
}

int main(int argc, char *argv[])
{
    struct request request = { .options = USERNS_OPTIONS_INIT, .view.pids = true };
    struct userns_snapshot *snapshot;
    int status;

    setlocale(LC_CTYPE, "");
    request.options.proc_path = "/proc";
    request.view.procfs = -1;
    parse(argc, argv, &request);
    if (request.action == WATCH)
        return watch(&request);
    snapshot = observe(&request);
    if (snapshot == NULL)
        return EXIT_FAILURE;
    request.view.snapshot = snapshot;
    if (request.file == NULL)
        request.view.procfs = open(request.options.proc_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    begin_output();
    status = answer(&request);
    if (finish_output() != EXIT_SUCCESS)
        status = EXIT_FAILURE;
    report_rest(snapshot);
    userns_free(snapshot);
    return status;
}
