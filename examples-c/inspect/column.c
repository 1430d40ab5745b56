/*
 * The columns of --list. Those that lsns(8) has too have its names and meaning. A cell is "-" if
 * there is nothing, and "?" if it is not known.
 */
#include "inspect.h"
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct cell {
    FILE *out;
    const struct view *view;
    const struct userns_node *node;
    pid_t pid; /* the smallest of the members; 0 if there is none */
    enum syntax syntax;
};

/* A name that could be taken for "-" or "?" is escaped. */
static void put_name(const struct cell *cell, const char *name)
{
    if (strcmp(name, "-") == 0 || strcmp(name, "?") == 0)
        fprintf(cell->out, "\\x%02x", (unsigned char)*name);
    else if (*name == '\0')
        fputs("?", cell->out);
    else
        put_text(cell->out, name, cell->syntax);
}

/* Of a process, which does not exist if the namespace is empty, or may be unknown. */
static void put_of_process(const struct cell *cell, const char *name)
{
    if (name != NULL)
        put_name(cell, name);
    else
        fputs(cell->pid == 0 ? "-" : "?", cell->out);
}

static void put_number(const struct cell *cell, bool is_known, uint64_t number)
{
    if (is_known)
        fprintf(cell->out, "%" PRIu64, number);
    else
        fputs("?", cell->out);
}

static void put_inode(const struct cell *cell)
{
    put_number(cell, true, userns_inode(cell->node));
}

static void put_id(const struct cell *cell)
{
    put_number(cell, userns_id(cell->node) != 0, userns_id(cell->node));
}

static void put_parent(const struct cell *cell)
{
    const struct userns_node *parent = userns_parent(cell->node);

    if (userns_flags(cell->node) & USERNS_NODE_INITIAL)
        fputs("-", cell->out);
    else
        put_number(cell, parent != NULL, userns_inode(parent));
}

static void put_depth(const struct cell *cell)
{
    put_number(cell, true, userns_depth(cell->node));
}

static void put_state(const struct cell *cell)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } states[] = {
        { USERNS_NODE_INITIAL, "initial" },
        { USERNS_NODE_PARENT_HIDDEN, "parent_hidden" },
        { USERNS_NODE_EMPTY, "empty" },
        { USERNS_NODE_ONLY_PINNED, "only_pinned" },
    };
    const char *before = "";

    for (size_t i = 0; i < sizeof states / sizeof *states; i++)
        if (userns_flags(cell->node) & states[i].flag) {
            fprintf(cell->out, "%s%s", before, states[i].word);
            before = ",";
        }
    if (*before == '\0')
        fputs("-", cell->out);
}

static void put_owner_uid(const struct cell *cell)
{
    uid_t uid = 0;
    bool is_known = userns_owner_uid(cell->node, &uid);

    put_number(cell, is_known, uid);
}

static void put_owner(const struct cell *cell)
{
    uid_t uid;

    if (userns_owner_uid(cell->node, &uid) && name_of_owner(cell->view, uid) != NULL)
        put_name(cell, name_of_owner(cell->view, uid));
    else
        put_owner_uid(cell);
}

static void put_processes(const struct cell *cell)
{
    size_t count;

    userns_pids(cell->node, &count);
    put_number(cell, true, count);
}

static void put_pid(const struct cell *cell)
{
    if (cell->pid == 0)
        fputs("-", cell->out);
    else
        put_number(cell, true, (uint64_t)cell->pid);
}

static void put_uid(const struct cell *cell)
{
    uid_t uid = 0;
    bool is_known = userns_process_uid(cell->view->snapshot, cell->pid, &uid);

    if (cell->pid == 0)
        fputs("-", cell->out);
    else
        put_number(cell, is_known, uid);
}

static void put_user(const struct cell *cell)
{
    uid_t uid;

    if (userns_process_uid(cell->view->snapshot, cell->pid, &uid) &&
        name_of_owner(cell->view, uid) != NULL)
        put_name(cell, name_of_owner(cell->view, uid));
    else
        put_uid(cell);
}

static void put_command(const struct cell *cell)
{
    put_of_process(cell, userns_process_name(cell->view->snapshot, cell->pid));
}

static void put_cgroup(const struct cell *cell)
{
    put_of_process(cell, userns_process_cgroup(cell->view->snapshot, cell->pid));
}

static void put_unit(const struct cell *cell)
{
    const char *path = userns_process_cgroup(cell->view->snapshot, cell->pid);
    struct unit unit;
    char text[320];

    find_unit(path, true, &unit);
    snprintf(text, sizeof text, "%s%s%s", unit.engine, *unit.engine != '\0' ? ":" : "", unit.name);
    put_of_process(cell, path != NULL ? text : NULL);
}

static void put_map(const struct cell *cell, const struct userns_extent *extents, size_t count)
{
    if (userns_flags(cell->node) & USERNS_NODE_MAPS)
        put_extents(cell->out, extents, count);
    else
        fputs("?", cell->out);
}

static void put_uid_map(const struct cell *cell)
{
    size_t count;
    const struct userns_extent *extents = userns_uid_map(cell->node, &count);

    put_map(cell, extents, count);
}

static void put_gid_map(const struct cell *cell)
{
    size_t count;
    const struct userns_extent *extents = userns_gid_map(cell->node, &count);

    put_map(cell, extents, count);
}

static void put_setgroups(const struct cell *cell)
{
    uint32_t flags = userns_flags(cell->node);

    if (!(flags & USERNS_NODE_MAPS))
        fputs("?", cell->out);
    else
        fputs((flags & USERNS_NODE_SETGROUPS_DENIED) ? "deny" : "allow", cell->out);
}

static void put_owned(const struct cell *cell)
{
    size_t count;

    userns_owned(cell->node, &count);
    put_number(cell, true, count);
}

/* "descriptor:2,mount:1": those of a kind are next to each other. */
static void put_pins(const struct cell *cell)
{
    size_t count;
    const struct userns_pin *const *pins = userns_pins(cell->node, &count);
    const char *before = "";

    if (userns_empty_source(cell->view->snapshot) == USERNS_EMPTY_SOURCE_ANCESTORS)
        fputs("?", cell->out);
    else if (count == 0)
        fputs("-", cell->out);
    for (size_t i = 0, end; i < count; i = end, before = ",") {
        for (end = i + 1; end < count && userns_pin_kind(pins[end]) == userns_pin_kind(pins[i]);)
            end++;
        fprintf(cell->out, "%s%s:%zu", before, pin_word(pins[i]), end - i);
    }
}

static const struct column {
    const char *name;
    bool is_number, is_default;
    uint64_t flags; /* of the scan */
    void (*write)(const struct cell *cell);
    const char *help;
} columns[] = {
    { "NS", true, true, 0, put_inode, "inode number" },
    { "ID", true, false, 0, put_id, "64-bit id (Linux 6.18)" },
    { "PNS", true, true, 0, put_parent, "inode number of the parent" },
    { "DEPTH", true, false, 0, put_depth, "number of visible ancestors" },
    { "STATE", false, false, 0, put_state, "initial, parent_hidden, empty, only_pinned" },
    { "OUID", true, false, 0, put_owner_uid, "UID of the owner, who created it" },
    { "OWNER", false, true, 0, put_owner, "name of the owner" },
    { "NPROCS", true, true, 0, put_processes, "number of processes" },
    { "PID", true, true, 0, put_pid, "smallest PID in the namespace" },
    { "UID", true, false, USERNS_SCAN_CREDENTIALS, put_uid, "effective UID of the PID" },
    { "USER", false, false, USERNS_SCAN_CREDENTIALS, put_user, "name of that UID" },
    { "COMMAND", false, true, USERNS_SCAN_NAMES, put_command, "command name of the PID" },
    { "CGROUP", false, false, USERNS_SCAN_CGROUPS, put_cgroup, "cgroup of the PID" },
    { "UNIT", false, false, USERNS_SCAN_CGROUPS, put_unit, "container or unit of the PID" },
    { "UIDMAP", false, false, USERNS_SCAN_MAPS, put_uid_map, "map of UIDs, INSIDE:OUTSIDE:COUNT" },
    { "GIDMAP", false, false, USERNS_SCAN_MAPS, put_gid_map, "map of GIDs" },
    { "SETGROUPS", false, false, USERNS_SCAN_MAPS, put_setgroups, "allow or deny" },
    { "OWNED", true, false, USERNS_SCAN_OWNED, put_owned, "number of owned namespaces" },
    { "PINS", false, false, USERNS_SCAN_PINNED, put_pins, "what holds it; like --pinned" },
};

enum { COUNT = sizeof columns / sizeof *columns };

bool is_number(size_t column)
{
    return columns[column].is_number;
}

char *heading_of(size_t column)
{
    char *heading = allocate(strlen(columns[column].name) + 1, 1);

    return strcpy(heading, columns[column].name);
}

char *cell_of(const struct view *view, const struct userns_node *node, size_t column,
              enum syntax syntax)
{
    size_t count, size;
    const pid_t *pids = userns_pids(node, &count);
    char *text = NULL;
    struct cell cell = { NULL, view, node, count > 0 ? pids[0] : 0, syntax };

    cell.out = open_memstream(&text, &size);
    if (cell.out != NULL) {
        columns[column].write(&cell);
        fclose(cell.out);
    }
    return text != NULL ? text : allocate(1, 1); /* which ends the program without memory */
}

static void add_column(struct columns *chosen, size_t column)
{
    if (chosen->count == sizeof chosen->at)
        reject("--output", NULL, "too many columns");
    chosen->at[chosen->count++] = (unsigned char)column;
}

/* Ends the program: there is no such column. Says which there are. */
static void reject_column(const char *name)
{
    char *problem = allocate(COUNT, 16);

    strcpy(problem, "there is no such column; there are");
    for (size_t i = 0; i < COUNT; i++)
        sprintf(problem + strlen(problem), " %s", columns[i].name);
    reject("--output", name, problem);
}

static void add_by_name(struct columns *chosen, const char *name, size_t length)
{
    char text[64];

    for (size_t i = 0; i < COUNT; i++)
        if (strlen(columns[i].name) == length && strncasecmp(columns[i].name, name, length) == 0) {
            add_column(chosen, i);
            return;
        }
    snprintf(text, sizeof text, "%.*s", (int)(length < sizeof text ? length : sizeof text), name);
    reject_column(text);
}

void parse_columns(const char *argument, struct columns *chosen)
{
    chosen->count = 0; /* the last option counts */
    for (size_t i = 0; *argument == '+' && i < COUNT; i++)
        if (columns[i].is_default)
            add_column(chosen, i);
    argument += *argument == '+';
    while (*argument != '\0') {
        size_t length = strcspn(argument, ",");
        add_by_name(chosen, argument, length);
        argument += length + (argument[length] == ',' && argument[length + 1] != '\0');
    }
    if (chosen->count == 0)
        reject_column(argument);
}

uint64_t flags_of_columns(const struct columns *chosen)
{
    struct columns shown = *chosen;
    uint64_t flags = 0;

    if (shown.count == 0)
        parse_columns("+", &shown);
    for (size_t i = 0; i < shown.count; i++)
        flags |= columns[shown.at[i]].flags;
    return flags;
}

void print_columns(void)
{
    for (size_t i = 0; i < COUNT; i++)
        printf("  %-10s  %s%s\n", columns[i].name, columns[i].help,
               columns[i].is_default ? " (default)" : "");
}
