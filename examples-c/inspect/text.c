/* Names and paths, which can contain any bytes, as text that is safe to print. */
#include "../common/terminal.h"
#include "inspect.h"
#include <string.h>

/* The columns of a character; 0 if it must be escaped. The escapes consist of these two. */
static int columns_of(const char *text, size_t left, size_t *length)
{
    int columns = columns_of_first(text, left, length);

    return *text != '\\' && *text != '"' ? columns : 0;
}

/* The characters that a syntax does not leave as they are, and what stands for each. */
static const char *substitute(enum syntax syntax, char character)
{
    switch (syntax) {
    case WORD: /* one word is one cell of a table */
        return character == ' ' ? "\\x20" : NULL;
    case HTML:
        return character == '&'   ? "&amp;"
               : character == '<' ? "&lt;"
               : character == '>' ? "&gt;"
                                  : NULL;
    default:
        return NULL;
    }
}

static int put_character(FILE *out, const char *text, size_t length, int columns,
                         enum syntax syntax)
{
    const char *other = substitute(syntax, *text);

    /* Files such as that of Graphviz contain ASCII if the locale does not have UTF-8. */
    if (syntax != QUOTED && !has_utf8() && (unsigned char)*text >= 0x80)
        columns = 0;
    if (columns > 0 && other == NULL) {
        if (out != NULL)
            fwrite(text, 1, length, out);
        return columns;
    }
    if (columns > 0) {
        if (out != NULL)
            fputs(other, out);
        return (int)strlen(other);
    }
    for (size_t i = 0; out != NULL && i < length; i++)
        fprintf(out, "%s\\x%02x", syntax == LABEL_VALUE ? "\\" : "", (unsigned char)text[i]);
    return 4 * (int)length;
}

int put_text(FILE *out, const char *text, enum syntax syntax)
{
    bool is_quoted = syntax == QUOTED && (*text == '\0' || strpbrk(text, " ,") != NULL);
    int columns = is_quoted ? 2 : 0;

    if (out != NULL && is_quoted)
        fputc('"', out);
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        int printable = columns_of(text, left, &length);
        columns += put_character(out, text, length, printable, syntax);
    }
    if (out != NULL && is_quoted)
        fputc('"', out);
    return columns;
}

int columns_in(const char *text)
{
    int columns = 0;

    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        int printable = columns_of(text, left, &length);
        columns += printable > 0 ? printable : (int)length;
    }
    return columns;
}
