/*
 * Shows the user namespaces to a person at a terminal: the owner, the id maps and the processes of
 * each, the namespaces of other types that it owns and, with --pinned, what keeps each of them
 * alive.
 * This file scans and finds; the files in inspect/ read the command line and print.
 */
#define _GNU_SOURCE /* O_PATH */
#include "inspect/inspect.h"
#include <fcntl.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct userns_node *find(const struct request *request)
{
    const struct userns_snapshot *snapshot = request->view.snapshot;

    if (request->show == SELF)
        return userns_self(snapshot);
    if (request->show == ONE_PID)
        return userns_find_pid(snapshot, (pid_t)request->number);
    return userns_find_inode(snapshot, request->number);
}

/* Finds the requested namespace if it is of another type than user. */
static const struct userns_nonuser *find_nonuser(const struct request *request)
{
    size_t count;
    const struct userns_nonuser *const *nonusers;

    nonusers = userns_nonusers(request->view.snapshot, &count);
    for (size_t i = 0; i < count; i++)
        if (request->show == ONE_INODE && userns_nonuser_inode(nonusers[i]) == request->number)
            return nonusers[i];
    return NULL;
}

/* Shows what is requested. Returns false if it does not exist. */
static bool show(const struct request *request)
{
    size_t count;
    const struct userns_node *const *roots = userns_roots(request->view.snapshot, &count), *one;
    const struct userns_nonuser *nonuser = find_nonuser(request);

    if (request->show == ALL) {
        print_trees(&request->view, roots, count);
        return true;
    }
    one = find(request);
    if (one != NULL)
        print_trees(&request->view, &one, 1);
    else if (nonuser != NULL)
        print_nonuser(&request->view, nonuser);
    else if (request->show == ONE_INODE)
        report(NULL, "no namespace %" PRIu64 " was found%s", request->number,
               request->view.pins ? "" : " (--pinned can find more)");
    else if (request->show == ONE_PID)
        report(request->options.proc_path, "process %" PRIu64 " was not found or not readable",
               request->number);
    else
        report(NULL, "its own user namespace is unknown");
    return one != NULL || nonuser != NULL;
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

int main(int argc, char *argv[])
{
    struct request request = { .options = USERNS_OPTIONS_INIT, .view.pids = true, .show = ALL };
    struct userns_snapshot *snapshot;
    int error, status;

    setlocale(LC_CTYPE, "");
    request.options.proc_path = "/proc";
    parse(argc, argv, &request);
    error = userns_scan(&request.options, &snapshot);
    if (error < 0) {
        report(request.options.proc_path, "%s", userns_strerror(error));
        return EXIT_FAILURE;
    }
    request.view.snapshot = snapshot;
    request.view.procfs = open(request.options.proc_path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    begin_output();
    status = show(&request) ? EXIT_SUCCESS : EXIT_FAILURE;
    if (finish_output() != EXIT_SUCCESS)
        status = EXIT_FAILURE;
    if (userns_source_error(snapshot) < 0)
        report(NULL, "processes were found without BPF: %s",
               userns_strerror(userns_source_error(snapshot)));
    if (userns_source_log(snapshot) != NULL)
        report(NULL, "what the kernel says about the BPF program, for the report:\n%s",
               end_of_log(userns_source_log(snapshot)));
    print_gaps(snapshot);
    userns_free(snapshot);
    return status;
}
