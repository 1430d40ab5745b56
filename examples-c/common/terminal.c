/* What a terminal shows. */
#define _GNU_SOURCE /* wcwidth(3) */
#include "terminal.h"
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <wchar.h>

bool is_able_terminal(void)
{
    const char *terminal = getenv("TERM");

    return isatty(STDOUT_FILENO) && terminal != NULL && *terminal != '\0' &&
           strcmp(terminal, "dumb") != 0;
}

int width_of_output(void)
{
    const char *columns = getenv("COLUMNS");
    struct winsize window;

    if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) == 0 && window.ws_col > 0)
        return window.ws_col;
    return columns != NULL && atoi(columns) > 0 ? atoi(columns) : 80;
}

bool has_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

int columns_of_first(const char *text, size_t left, size_t *length)
{
    mbstate_t state;
    wchar_t character;
    int columns;

    memset(&state, 0, sizeof state);
    *length = mbrtowc(&character, text, left, &state);
    if (*length > left) { /* (size_t)-1 or -2: not a character */
        *length = 1;
        return 0;
    }
    columns = wcwidth(character);
    return columns > 0 ? columns : 0;
}
