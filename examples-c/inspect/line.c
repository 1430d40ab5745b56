/* Lines of output, wrapped at the width of the terminal. */
#include "../common/terminal.h"
#include "inspect.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { RAIL_COLUMNS = 3 };

static const char *const ascii_rails[] = { "   ", "|- ", "`- ", "|  " };
static const char *const drawn_rails[] = { "   ", "├─ ", "└─ ", "│  " };
static const char *const ascii_glyphs[] = { "->", "-" };
static const char *const drawn_glyphs[] = { "→", "–" };
static const char *const styles[] = { "\x1b[0m", "\x1b[1m", "\x1b[2m", "\x1b[33m" };

static const char *const *rail_texts = ascii_rails;
static const char *const *glyph_texts = ascii_glyphs;
static bool is_coloured;
static int width;

static struct {
    enum rail rails[40]; /* the kernel nests at most 33 namespaces below a root */
    int depth;           /* number of rails */
    int column;          /* of the next item */
    int indent;          /* of the next line, if this one wraps */
    bool is_empty;       /* there is no item yet */
    bool is_heading;     /* the first line of a heading */
    bool has_children;   /* of the node of the heading */
} line;

void begin_output(void)
{
    const char *no_colour = getenv("NO_COLOR");

    width = width_of_output();
    is_coloured = is_able_terminal() && (no_colour == NULL || *no_colour == '\0');
    if (has_utf8()) {
        rail_texts = drawn_rails;
        glyph_texts = drawn_glyphs;
    }
}

const char *glyph(enum glyph glyph)
{
    return glyph_texts[glyph];
}

void push_rail(enum rail rail)
{
    line.rails[line.depth++] = rail;
}

void pop_rail(void)
{
    line.depth--;
}

void set_style(enum style style)
{
    if (is_coloured)
        fputs(styles[style], stdout);
}

void begin_line(const char *label, int columns, int hanging)
{
    set_style(DIM);
    for (int i = 0; i < line.depth; i++)
        fputs(rail_texts[line.rails[i]], stdout);
    printf("%-*s", columns, label);
    set_style(NORMAL);
    line.column = RAIL_COLUMNS * line.depth + columns;
    line.indent = columns + hanging;
    line.is_empty = true;
}

void begin_heading(bool has_children)
{
    begin_line("", 0, 0);
    line.is_heading = true;
    line.has_children = has_children;
}

void end_line(void)
{
    enum rail *branch = line.depth > 0 ? &line.rails[line.depth - 1] : NULL;

    putchar('\n');
    if (!line.is_heading)
        return;
    line.is_heading = false;
    if (branch != NULL)
        *branch = *branch == CHILD_RAIL ? BESIDE_RAIL : NO_RAIL;
    push_rail(line.has_children ? BESIDE_RAIL : NO_RAIL);
}

void put_named(const char *name, const char *format, ...)
{
    char text[128];
    int columns = name != NULL ? put_text(NULL, name, QUOTED) : 0;
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (const char *byte = text; *byte != '\0'; byte++)
        columns += ((unsigned char)*byte & 0xc0) != 0x80; /* the first byte of a glyph */
    if (!line.is_empty && line.column + 1 + columns > width) {
        end_line();
        begin_line("", line.indent, 0);
    } else if (!line.is_empty) {
        line.column += printf(" ");
    }
    if (name != NULL)
        put_text(stdout, name, QUOTED);
    fputs(text, stdout);
    line.column += columns;
    line.is_empty = false;
}

void put_words(const char *format, ...)
{
    char text[256];
    va_list arguments;

    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    for (char *word = text, *end; *word != '\0'; word = end) {
        end = word + strcspn(word, " ");
        put("%.*s", (int)(end - word), word);
        end += strspn(end, " ");
    }
}
