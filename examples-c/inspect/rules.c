/* The options, and which go together. */
#include "inspect.h"
#include <string.h>

/* Sets of actions, and what is not one. */
enum {
    TREE_LIKE = 1 << SHOW | 1 << LIST | 1 << DOT,
    OF_ONE = TREE_LIKE | 1 << CAN | 1 << LIMITS,
    ONCE = OF_ONE | 1 << METRICS | 1 << SAVE | 1 << MAP,
    EACH = ONCE | 1 << WATCH,
    NO_ACTION = -1
};

/* By enum option_code. */
static const struct rule {
    const char *name;
    bool has_argument;
    int actions; /* those for which the option has a meaning */
    int action;  /* the one that the option itself is */
    bool once;
} rules[] = {
    [PINNED - PINNED] = { "--pinned", false, EACH, NO_ACTION, false },
    [SOCKETS - PINNED] = { "--sockets", false, EACH, NO_ACTION, false },
    [BPF - PINNED] = { "--bpf", false, EACH, NO_ACTION, false },
    [PROC - PINNED] = { "--proc", true, EACH, NO_ACTION, false },
    [NAMESPACE - PINNED] = { "NAMESPACE", false, OF_ONE, NO_ACTION, false },
    [PID_OPTION - PINNED] = { "--pid", true, OF_ONE, NO_ACTION, false },
    [INODE - PINNED] = { "--inode", true, OF_ONE, NO_ACTION, false },
    [EMPTY - PINNED] = { "--empty", false, TREE_LIKE, NO_ACTION, false },
    [USER - PINNED] = { "--user", true, TREE_LIKE | 1 << LIMITS, NO_ACTION, false },
    [SORT - PINNED] = { "--sort", true, TREE_LIKE, NO_ACTION, false },
    [NO_PIDS - PINNED] = { "--no-pids", false, 1 << SHOW | 1 << WATCH, NO_ACTION, false },
    [ALL - PINNED] = { "--all", false, 1 << SHOW, NO_ACTION, false },
    [LIST_OPTION - PINNED] = { "--list", false, 1 << LIST, LIST, false },
    [OUTPUT - PINNED] = { "--output", true, 1 << LIST, NO_ACTION, false },
    [NO_HEADINGS - PINNED] = { "--noheadings", false, 1 << LIST, NO_ACTION, false },
    [RAW - PINNED] = { "--raw", false, 1 << LIST, NO_ACTION, false },
    [DOT_OPTION - PINNED] = { "--dot", false, 1 << DOT, DOT, false },
    [METRICS_OPTION - PINNED] = { "--openmetrics", false, 1 << METRICS, METRICS, false },
    [WATCH_OPTION - PINNED] = { "--watch", true, 1 << WATCH, WATCH, false },
    [JSON_OPTION - PINNED] = { "--json", false, 1 << SAVE | 1 << WATCH, SAVE, false },
    [LOAD - PINNED] = { "--load", true, ONCE, NO_ACTION, true },
    [MAP_OPTION - PINNED] = { "--map", true, 1 << MAP, MAP, true },
    [FROM - PINNED] = { "--from", true, 1 << MAP, NO_ACTION, false },
    [TO - PINNED] = { "--to", true, 1 << MAP, NO_ACTION, false },
    [GID_OPTION - PINNED] = { "--gid", false, 1 << MAP, NO_ACTION, false },
    [PROJID_OPTION - PINNED] = { "--projid", false, 1 << MAP, NO_ACTION, false },
    [CAN_OPTION - PINNED] = { "--can", true, 1 << CAN, CAN, true },
    [LIMITS_OPTION - PINNED] = { "--limits", false, 1 << LIMITS, LIMITS, false },
};

enum { COUNT = sizeof rules / sizeof *rules };

size_t list_options(struct option *options)
{
    size_t count = 0;

    for (int i = 0; i < COUNT; i++) {
        int argument = rules[i].has_argument ? required_argument : no_argument;
        struct option option = { rules[i].name + strlen("--"), argument, NULL, PINNED + i };

        if (PINNED + i != NAMESPACE)
            options[count++] = option;
    }
    return count;
}

static bool is_given(const struct request *request, int option)
{
    return (request->given >> (option - PINNED) & 1) != 0;
}

void note_option(struct request *request, int option)
{
    const struct rule *rule = &rules[option - PINNED];

    if (is_given(request, option) && rule->once)
        reject(rule->name, NULL, "this can be given only once");
    request->given |= UINT64_C(1) << (option - PINNED);
}

/* Ends the program: an option and an action do not go together. */
static void reject_pair(const struct rule *rule, const struct rule *action)
{
    char problem[80];

    snprintf(problem, sizeof problem, "this cannot be combined with %s", action->name);
    reject(rule->name, NULL, problem);
}

/* Ends the program: an option has a meaning only with another one. */
static void reject_alone(const struct rule *rule)
{
    char problem[80];

    for (size_t i = 0; i < COUNT; i++)
        if (rules[i].action != NO_ACTION && rule->actions == 1 << rules[i].action) {
            snprintf(problem, sizeof problem, "this needs %s", rules[i].name);
            reject(rule->name, NULL, problem);
        }
}

static void check_action(const struct request *request, const struct rule *action)
{
    for (int i = 0; i < COUNT; i++)
        if (is_given(request, PINNED + i) && (rules[i].actions >> action->action & 1) == 0)
            reject_pair(&rules[i], action);
}

/* A saved snapshot is not scanned, and of another host than the paths here. */
static void check_load(const struct request *request)
{
    const int scanning[] = { SOCKETS, BPF, PROC };

    if (!is_given(request, LOAD))
        return;
    for (size_t i = 0; i < sizeof scanning / sizeof *scanning; i++)
        if (is_given(request, scanning[i]))
            reject_pair(&rules[LOAD - PINNED], &rules[scanning[i] - PINNED]);
    if (request->target.is_path || request->from.is_path || request->to.is_path)
        reject("--load", NULL, "a namespace is a PID or an inode number here, not a path");
    if (request->action == CAN && request->pid == 0)
        reject("--load", NULL, "'self' is not a process of a saved snapshot");
}

void check_options(struct request *request)
{
    request->action = SHOW;
    for (int i = 0; i < COUNT; i++)
        if (is_given(request, PINNED + i) && rules[i].action != NO_ACTION) {
            if (PINNED + i == JSON_OPTION && is_given(request, WATCH_OPTION))
                continue; /* --watch --json watches */
            request->action = rules[i].action;
            check_action(request, &rules[i]);
        }
    request->json = is_given(request, JSON_OPTION);
    check_load(request);
    for (int i = 0; i < COUNT; i++)
        if (is_given(request, PINNED + i) && (rules[i].actions >> request->action & 1) == 0)
            reject_alone(&rules[i]);
    if (is_given(request, GID_OPTION) && is_given(request, PROJID_OPTION))
        reject_pair(&rules[PROJID_OPTION - PINNED], &rules[GID_OPTION - PINNED]);
    if (request->action == MAP && !is_given(request, FROM) && !is_given(request, TO))
        reject("--map", NULL, "--from or --to is missing");
}
