/* The parts of userns_inspect, by the file that defines them. */
#ifndef INSPECT_H
#define INSPECT_H

#include <getopt.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <userns.h>

/* Which namespaces to show, in which order, and how much of each. */
struct view {
    const struct userns_snapshot *snapshot;
    int procfs; /* a descriptor of the scanned procfs, or -1 */
    bool pids;  /* list the PIDs of members */
    bool pins;  /* list pins */
    bool all;   /* list what is long in full */
    bool empty; /* only namespaces without processes */
    bool owned; /* only namespaces with this owner: */
    uid_t owner;
    enum order { BY_PID, BY_INODE, BY_PROCESSES, BY_OWNER } order;
    bool sorted;     /* the order is requested */
    bool is_foreign; /* the snapshot may be of another host */
};

/* A namespace as the command line names it. */
struct target {
    enum { NONE, SELF, ONE_PID, ONE_INODE } kind;
    uint64_t number; /* for ONE_PID and ONE_INODE */
    bool is_path;    /* it was found by a path */
};

enum id_kind { UID, GID, PROJID };

/* The columns of --list. */
struct columns {
    bool raw, no_headings;
    size_t count; /* 0 stands for the default */
    unsigned char at[64];
};

/* The options. All other values of getopt_long(3) are letters. */
enum option_code {
    PINNED = 256,
    SOCKETS,
    BPF,
    PROC,
    NAMESPACE, /* this is the argument that is not an option */
    PID_OPTION,
    INODE,
    EMPTY,
    USER,
    SORT,
    NO_PIDS,
    ALL,
    LIST_OPTION,
    OUTPUT,
    NO_HEADINGS,
    RAW,
    DOT_OPTION,
    METRICS_OPTION,
    WATCH_OPTION,
    JSON_OPTION,
    LOAD,
    MAP_OPTION,
    FROM,
    TO,
    GID_OPTION,
    PROJID_OPTION,
    CAN_OPTION,
    LIMITS_OPTION
};

enum { OPTION_COUNT = LIMITS_OPTION - PINNED }; /* without NAMESPACE */

/* The command line. */
struct request {
    struct userns_options options;
    struct view view;
    struct columns columns; /* for LIST */
    uint64_t given;         /* a bit for each option */
    enum action { SHOW, LIST, DOT, METRICS, WATCH, SAVE, MAP, CAN, LIMITS } action;
    const char *file;       /* to load; NULL is to scan */
    unsigned seconds;       /* for WATCH */
    bool json;              /* for WATCH */
    struct target target;   /* NONE is all */
    struct target from, to; /* for MAP; NONE is that of this program */
    enum id_kind kind;      /* for MAP */
    uint32_t id;            /* for MAP */
    pid_t pid;              /* for CAN */
    int capability;         /* for CAN */
};

/* Exit statuses besides EXIT_SUCCESS, EXIT_FAILURE and 2, which is wrong usage. */
enum {
    EXIT_NO = 3,     /* the id is unmapped, the process does not have the capability */
    EXIT_UNKNOWN = 4 /* that is not known */
};

/* request.c */

/* Reads the command line. Ends the program if it is wrong, or asks for help or the version. */
void parse(int argc, char *argv[], struct request *request);

/* target.c */

/* Reads a decimal number up to the end of the text. Returns 0 if it is not in 1 ... max. */
uint64_t number_in(const char *text, const char *end, uint64_t max);

/* The inode number in "4026531837" or "user:[4026531837]"; 0 if it is neither. */
uint64_t inode_in(const char *text);

/* Reads a PID. Returns 0 for this program. */
uint64_t parse_pid(const char *option, const char *argument);

/* Select a namespace, which must be the first. */
void select_one(struct target *target, int kind, uint64_t number, const char *argument);
void select_pid(struct target *target, const char *argument);
void select_namespace(struct target *target, const char *argument);

/* rules.c */

/* Lists the options for getopt_long(3). Returns their number, OPTION_COUNT. */
size_t list_options(struct option *options);

/* Notes that an option is given. Ends the program if it may be given only once, and is again. */
void note_option(struct request *request, int option);

/* Finds out the action, and ends the program if options do not go together. */
void check_options(struct request *request);

/* usage.c */

void print_help(void);

/* message.c: messages on standard error, which begin with the name of the program. */

/* Prints a message: what it is about, which may be NULL and contain any bytes, and a sentence. */
void report(const char *about, const char *format, ...);

/* Reports wrong usage, with an argument that may be NULL, and ends the program. */
void reject(const char *option, const char *argument, const char *problem);

/* Writes buffered output, which can fail. Returns the exit status. */
int finish_output(void);

/*
 * line.c: a line of output consists of rails (the lines of the tree), a label and items. Items
 * that do not fit into the width go to the next line.
 */

enum { LABEL = 9, HANGING = 2 }; /* columns */
enum rail { NO_RAIL, CHILD_RAIL, LAST_CHILD_RAIL, BESIDE_RAIL };
enum style { NORMAL, BOLD, DIM, YELLOW };

/* Looks up the width and the abilities of the terminal. Comes before all other output. */
void begin_output(void);

/* A sign of the locale: it is ASCII without UTF-8. */
enum glyph { ARROW, DASH };
const char *glyph(enum glyph glyph);

/* Adds a rail in front of the following lines, or removes the last one. */
void push_rail(enum rail rail);
void pop_rail(void);

/*
 * Begins the heading of a node, at the end of the branch that the last rail is. The lines that
 * follow, also if the heading itself wraps, are beside that branch and have one more rail: the
 * line to the node's children, if it has any.
 */
void begin_heading(bool has_children);

/* Begins a line with a label of this many columns. If it wraps, it is indented by hanging. */
void begin_line(const char *label, int columns, int hanging);
void end_line(void);
void set_style(enum style style);

/*
 * Adds an item: a name or path, and text that follows it without a space. name may be NULL; it
 * may contain any bytes, because put_named() escapes it.
 */
void put_named(const char *name, const char *format, ...);
#define put(...) put_named(NULL, __VA_ARGS__)

/* Adds each word of a sentence as an item. */
void put_words(const char *format, ...);

/* text.c */

/* What text is written into, and so which characters it must not contain. */
enum syntax {
    QUOTED,     /* a line: in quotes if it could be read as several words */
    WORD,       /* without a blank */
    HTML,       /* a label of Graphviz */
    LABEL_VALUE /* a label of OpenMetrics, in quotes */
};

/*
 * Writes a name or path, with escapes \xNN. Returns its number of columns. If out is NULL, it only
 * counts.
 */
int put_text(FILE *out, const char *text, enum syntax syntax);

/* The number of columns of text that has been escaped. */
int columns_in(const char *text);

/* unit.c */

/* A container or unit: "docker" and "9c1b…", or "" and "nginx.service", or "cgroup" and a path. */
struct unit {
    const char *engine;
    char name[256]; /* any bytes */
};

/*
 * Finds the container or unit of a cgroup, by its path, which can be NULL if it is unknown. all
 * is whether to keep the whole id of a container.
 */
void find_unit(const char *path, bool all, struct unit *unit);

/* maps.c */

/* Prints the id maps of a namespace. */
void print_maps(const struct view *view, const struct userns_node *node);

/* "0:100000:65536", as podman(1) and docker(1) write it: inside, outside, count; "-" for none. */
void put_extents(FILE *out, const struct userns_extent *extents, size_t count);

/* Whether a map leaves all ids as they are. */
bool is_everything(const struct userns_extent *extents, size_t count);

/* "0", or "0-65535" with the dash of the locale. */
const char *range(char text[40], uint32_t first, uint32_t count);

/* The name of a UID or GID, if this program is in the initial user namespace; or NULL. */
const char *name_of_id(const struct view *view, enum id_kind kind, uint32_t id);

/* The name of the owner of a namespace; NULL if there is none on this host. */
const char *name_of_owner(const struct view *view, uid_t uid);

/* translate.c, capability.c and limits.c: questions other than the tree. */

/* Prints what an id of one namespace is in another one. Returns the exit status. */
int print_translation(const struct view *view, enum id_kind kind, uint32_t id,
                      const struct userns_node *from, const struct userns_node *to);

/* The number of a capability by its name, with or without "cap_"; -1 if there is none. */
int capability_by_name(const char *name);

/* Prints whether a process has a capability in a namespace. Returns the exit status. */
int print_verdict(const struct view *view, pid_t pid, int capability,
                  const struct userns_node *node);

/* Prints who is charged for user namespaces in a namespace and its descendants; NULL is all. */
void print_limits(const struct view *view, const struct userns_node *top);

/* members.c */

struct member {
    const char *name;
    struct unit unit;
    pid_t pid;
    bool is_kernel_thread;
    bool is_zombie;
};

/* Allocates an array of processes, by unit and name; kernel threads are first. */
struct member *read_members(const struct view *view, const pid_t *pids, size_t count);

/* The number of kernel threads, which are the first members. */
size_t count_kernel_threads(const struct member *members, size_t count);

/* The end of the members that have the same name as the first, or belong to the same unit. */
size_t end_of_name(const struct member *members, size_t count);
size_t end_of_unit(const struct member *members, size_t count);
size_t count_units(const struct member *members, size_t count);

/*
 * Prints the member processes by name and, if they are of several, by container or unit. Of kernel
 * threads, and of many processes with the same name, it prints the number.
 */
void print_members(const struct view *view, const pid_t *pids, size_t count);

/* The name of a process for output, "?" if it is unknown. */
const char *name_of(const struct view *view, pid_t pid);

/* Allocates an array of zeros. Ends the program if there is no memory. */
void *allocate(size_t count, size_t size);

/* pins.c */

/* Prints one line for each group of pins, except those of kind USERNS_PIN_OWNED. */
void print_pins(const struct view *view, const char *label, int columns,
                const struct userns_pin *const *pins, size_t count);

/* Adds the holders of pins to a line. Of many processes it names only a few. */
void put_holders(const struct view *view, const struct userns_pin *const *pins, size_t count);

/* The kind of a pin: the name of its constant in lower case. */
const char *pin_word(const struct userns_pin *pin);

/* The number of pins of kind USERNS_PIN_MEMBER, which are the first. */
size_t count_members(const struct userns_pin *const *pins, size_t count);

/* node.c */

/* Adds the heading of a node to a line: inode number, owner, id and properties. */
void put_heading(const struct view *view, const struct userns_node *node);

/* Prints the members, the pins and the owned namespaces of a node. */
void print_node(const struct view *view, const struct userns_node *node);

/* Prints a nonuser namespace with its owner, its members and its other pins. */
void print_nonuser(const struct view *view, const struct userns_nonuser *nonuser);

/* branch.c */

/* A node with its descendants, as far as they are shown. */
struct branch {
    const struct userns_node *node;
    struct branch *children;
    size_t child_count;
    bool matches;     /* if not, it is shown because a descendant matches */
    pid_t first;      /* the smallest PID in the subtree, or 0 */
    size_t processes; /* in the subtree */
};

/* Finds the children of a branch that are shown, from these nodes, and sorts them. */
void grow_branches(const struct view *view, struct branch *branch,
                   const struct userns_node *const *children, size_t count);

/* Frees the children of a branch. */
void cut_branches(struct branch *branch);

void sort_branches(const struct view *view, struct branch *branches, size_t count);

/* tree.c */

/* Prints nodes and their descendants, as far as the view shows them, and a line of totals. */
void print_trees(const struct view *view, const struct userns_node *const *nodes, size_t count);

/* column.c */

/* Reads the names of columns; "+" at the beginning stands for the default. */
void parse_columns(const char *argument, struct columns *chosen);

/* What a scan has to find out for these columns. */
uint64_t flags_of_columns(const struct columns *chosen);

/* Prints the names of all columns, and what they mean. */
void print_columns(void);

/* Whether the cells of a column are numbers. */
bool is_number(size_t column);

/* The text of a heading, or of a cell, which the caller frees. */
char *heading_of(size_t column);
char *cell_of(const struct view *view, const struct userns_node *node, size_t column,
              enum syntax syntax);

/* list.c */

/* Prints a line for each of these nodes and their descendants, as far as the view shows them. */
void print_list(const struct view *view, const struct columns *columns,
                const struct userns_node *const *nodes, size_t count);

/* dot.c */

/* Prints these nodes and their descendants as a graph for dot(1), as far as the view shows them. */
void print_graph(const struct view *view, const struct userns_node *const *nodes, size_t count);

/* arrow.c */

/* The user namespaces in a graph, by inode number, in ascending order. */
struct shown {
    uint64_t *inodes;
    size_t count;
};

/*
 * Prints arrows to a box from the user namespaces of the processes that pin it. node is the user
 * namespace of the box, or that which owns it.
 */
void print_arrows(const struct view *view, const struct shown *shown, const char *box,
                  const struct userns_node *node, bool is_owned,
                  const struct userns_pin *const *pins, size_t count);

/* metrics.c */

/* Prints numbers for Prometheus. */
void print_metrics(const struct view *view);

/* json.c */

/* Prints all that a snapshot knows as JSON. Returns the exit status. */
int print_json(const struct userns_snapshot *snapshot);

/* Prints a string of bytes, as userns-json(5) describes it. */
void put_json(const char *text);

/* load.c */

/*
 * Reads a saved snapshot. Returns NULL if that fails, after a message. Says if what is requested
 * needs pins, and the snapshot was saved without them.
 */
struct userns_snapshot *load(struct request *request);

/* watch.c */

/* Prints changes until it is ended. Returns the exit status. */
int watch(const struct request *request);

/* gaps.c */

/* The name of gap number i: that of its constant in lower case; NULL after the last. */
const char *gap_name(size_t i, uint32_t *gap);

/* Reports on standard error what the snapshot does not contain. */
void print_gaps(const struct userns_snapshot *snapshot);

#endif
