/* --watch: a line for each change, until a signal or a closed pipe ends it. */
#define _GNU_SOURCE /* ppoll(2) */
#include "inspect.h"
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static volatile sig_atomic_t is_ended;

static void end(int signal)
{
    (void)signal;
    is_ended = 1;
}

/*
 * Lets SIGINT and SIGTERM end the program only while it waits, so that a round is either complete
 * or not there. A closed pipe is an error of a write.
 */
static void prepare_signals(sigset_t *while_waiting)
{
    struct sigaction action;
    sigset_t signals;

    memset(&action, 0, sizeof action);
    sigemptyset(&action.sa_mask);
    action.sa_handler = end;
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
    action.sa_handler = SIG_IGN;
    sigaction(SIGPIPE, &action, NULL);
    sigemptyset(&signals);
    sigaddset(&signals, SIGINT);
    sigaddset(&signals, SIGTERM);
    sigprocmask(SIG_BLOCK, &signals, while_waiting);
    sigdelset(while_waiting, SIGINT);
    sigdelset(while_waiting, SIGTERM);
}

/* Returns false if the program is to end, also because nobody reads its output any more. */
static bool wait_seconds(unsigned seconds, const sigset_t *while_waiting)
{
    struct pollfd output = { .fd = STDOUT_FILENO, .events = 0 };
    struct timespec time = { .tv_sec = (time_t)seconds, .tv_nsec = 0 };
    int ready = ppoll(&output, 1, &time, while_waiting);

    return !is_ended && ready == 0;
}

static const char *word_of(const struct userns_change *change)
{
    static const char *const words[] = { "changed", "appeared", "ended", "emptied",
                                         "mapped",  "joined",   "left" };
    size_t kind = (size_t)userns_change_kind(change);

    return words[kind < sizeof words / sizeof *words ? kind : 0];
}

/* "2026-11-26T16:22:25Z joined   4026532180 web 12" */
static void put_line(const struct view *view, const struct userns_change *change, uint64_t when)
{
    const struct userns_node *node = userns_change_node(change);
    pid_t pid = userns_change_pid(change);
    time_t seconds = (time_t)(when / 1000000000);
    char time[32] = "";
    struct tm parts;
    size_t count;
    uid_t uid;

    if (gmtime_r(&seconds, &parts) != NULL)
        strftime(time, sizeof time, "%Y-%m-%dT%H:%M:%SZ", &parts);
    printf("%s %-8s %" PRIu64, time, word_of(change), userns_inode(node));
    if (pid != 0) {
        putchar(' ');
        put_text(stdout, name_of(view, pid), QUOTED);
        printf(" %ld", (long)pid);
    } else if (userns_change_kind(change) == USERNS_CHANGE_MAPPED) {
        const struct userns_extent *extents = userns_uid_map(node, &count);
        fputs(" uid ", stdout);
        put_extents(stdout, extents, count);
        extents = userns_gid_map(node, &count);
        fputs(" gid ", stdout);
        put_extents(stdout, extents, count);
    } else {
        if (userns_parent(node) != NULL)
            printf(" in %" PRIu64, userns_inode(userns_parent(node)));
        if (userns_owner_uid(node, &uid)) {
            fputs(" of ", stdout);
            if (name_of_owner(view, uid) != NULL)
                put_text(stdout, name_of_owner(view, uid), QUOTED);
            else
                printf("UID %lu", (unsigned long)uid);
        }
    }
    putchar('\n');
}

/* A number, which is a string if some languages would round it, as in userns-json(5). */
static void put_number(const char *member, uint64_t number)
{
    bool is_exact = number < UINT64_C(1) << 53;

    printf(is_exact ? "%s%" PRIu64 : "%s\"%" PRIu64 "\"", member, number);
}

static void put_json_extents(const char *member, const struct userns_extent *extents, size_t count)
{
    fputs(member, stdout);
    for (size_t i = 0; i < count; i++)
        printf("%s[%" PRIu32 ",%" PRIu32 ",%" PRIu32 "]", i == 0 ? "" : ",", extents[i].inside,
               extents[i].outside, extents[i].count);
    putchar(']');
}

static void put_json_maps(const struct userns_node *node)
{
    size_t count;
    const struct userns_extent *extents = userns_uid_map(node, &count);

    put_json_extents(",\"maps\":{\"uid\":[", extents, count);
    extents = userns_gid_map(node, &count);
    put_json_extents(",\"gid\":[", extents, count);
    extents = userns_projid_map(node, &count);
    put_json_extents(",\"projid\":[", extents, count);
    putchar('}');
}

/* The same in JSON, with the names of userns-json(5). */
static void put_json_line(const struct view *view, const struct userns_change *change,
                          uint64_t when)
{
    const struct userns_node *node = userns_change_node(change);
    const char *name = userns_process_name(view->snapshot, userns_change_pid(change));
    uid_t uid;

    printf("{\"time\":{\"seconds\":%" PRIu64 ",\"nanoseconds\":%" PRIu64 "},\"change\":\"%s\"",
           when / 1000000000, when % 1000000000, word_of(change));
    put_number(",\"inode\":", userns_inode(node));
    if (userns_id(node) != 0)
        printf(",\"id\":\"%" PRIu64 "\"", userns_id(node));
    if (userns_parent(node) != NULL)
        put_number(",\"parent\":", userns_inode(userns_parent(node)));
    if (userns_owner_uid(node, &uid))
        printf(",\"owner_uid\":%lu", (unsigned long)uid);
    if (userns_change_kind(change) == USERNS_CHANGE_MAPPED)
        put_json_maps(node);
    if (userns_change_pid(change) != 0)
        printf(",\"pid\":%ld", (long)userns_change_pid(change));
    if (name != NULL) {
        fputs(",\"name\":", stdout);
        put_json(name);
    }
    puts("}");
}

/* Prints the changes of one round. Returns 0 or a negative errno value. */
static int print_changes(const struct request *request, const struct userns_snapshot *before,
                         const struct userns_snapshot *after)
{
    struct userns_changes *changes;
    size_t count;
    const struct userns_change *const *list;
    int error = userns_compare(before, after, &changes);

    if (error < 0)
        return error;
    list = userns_changes(changes, &count);
    for (size_t i = 0; i < count; i++) {
        enum userns_change_kind kind = userns_change_kind(list[i]);
        bool is_past = kind == USERNS_CHANGE_LEFT || kind == USERNS_CHANGE_ENDED;
        struct view view = request->view;

        if (!view.pids && userns_change_pid(list[i]) != 0)
            continue;
        view.snapshot = is_past ? before : after;
        if (request->json)
            put_json_line(&view, list[i], userns_time(after));
        else
            put_line(&view, list[i], userns_time(after));
    }
    userns_changes_free(changes);
    return 0;
}

/* Writes what is buffered. Returns false if that failed or nobody reads it. */
static bool flush(int *status)
{
    /* As long as nothing is written, nothing else shows that there is no standard output. */
    if (fflush(stdout) != EOF && !ferror(stdout) && fcntl(STDOUT_FILENO, F_GETFD) >= 0)
        return true;
    if (errno != EPIPE) {
        report(NULL, "standard output: %s", strerror(errno));
        *status = EXIT_FAILURE;
    }
    return false;
}

int watch(const struct request *request)
{
    struct userns_snapshot *before = NULL, *after;
    int status = EXIT_SUCCESS;
    sigset_t while_waiting;

    prepare_signals(&while_waiting);
    do {
        int error = userns_scan(&request->options, &after);

        if (error == 0 && before != NULL)
            error = print_changes(request, before, after);
        if (before == NULL && error == 0)
            print_gaps(after);
        userns_free(before);
        before = after;
        if (error < 0) {
            report(request->options.proc_path, "%s", userns_strerror(error));
            status = EXIT_FAILURE;
        }
    } while (status == EXIT_SUCCESS && flush(&status) &&
             wait_seconds(request->seconds, &while_waiting));
    userns_free(before);
    return status;
}
