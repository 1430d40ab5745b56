/* What a terminal shows, for userns_inspect and userns_check. */
#ifndef TERMINAL_H
#define TERMINAL_H

#include <stdbool.h>
#include <stddef.h>

/* Whether standard output is a terminal that does more than write characters. */
bool is_able_terminal(void);

/* The columns of the terminal; else what COLUMNS says, or 80. */
int width_of_output(void);

/* Whether the locale has UTF-8. */
bool has_utf8(void);

/*
 * The columns of the first character of a text, and its number of bytes. Returns 0 for what is not
 * safe to print: control characters; characters without a width, since some of them change the
 * direction of writing; and a byte that is not a character in this locale.
 */
int columns_of_first(const char *text, size_t left, size_t *length);

#endif
