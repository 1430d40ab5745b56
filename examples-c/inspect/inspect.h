/* The parts of userns_inspect, by the file that defines them. */
#ifndef INSPECT_H
#define INSPECT_H

#include <inttypes.h>
#include <stdbool.h>
#include <userns.h>

/* What to show. */
struct view {
    const struct userns_snapshot *snapshot;
    bool pids; /* list the PIDs of members */
    bool pins; /* list pins */
};

/*
 * line.c: a line of output consists of rails (the lines of the tree), a label and items. Items
 * that do not fit into the width go to the next line.
 */

enum { LABEL = 9, HANGING = 2 }; /* columns */
enum rail { NO_RAIL, CHILD_RAIL, LAST_CHILD_RAIL, BESIDE_RAIL };
enum style { NORMAL, BOLD, DIM, YELLOW };

/* Looks up the width and the abilities of the terminal. Comes before all other output. */
void begin_output(void);

/* Adds a rail in front of the following lines, replaces the last one, or removes it. */
void push_rail(enum rail rail);
void replace_rail(enum rail rail);
void pop_rail(void);

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

/* pins.c */

/* Prints one line for each group of pins, except those of kind USERNS_PIN_OWNED. */
void print_pins(const struct view *view, const char *label, int columns,
                const struct userns_pin *const *pins, size_t count);

/* Adds the holders of pins to a line. Of many processes it names only a few. */
void put_holders(const struct view *view, const struct userns_pin *const *pins, size_t count);

/* The name of a process for output, "?" if it is unknown. */
const char *name_of(const struct view *view, pid_t pid);

/* node.c */

/* Prints a node and all its descendants. */
void print_tree(const struct view *view, const struct userns_node *node);

/* gaps.c */

/* Reports on standard error what the snapshot does not contain. */
void print_gaps(const struct userns_snapshot *snapshot);

#endif
