/* Messages on standard error, and the exit status. */
#include "inspect.h"
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

void report(const char *about, const char *format, ...)
{
    va_list arguments;

    fputs("userns_inspect: ", stderr);
    if (about != NULL) {
        put_text(stderr, about, QUOTED);
        fputs(": ", stderr);
    }
    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
}

void reject(const char *option, const char *argument, const char *problem)
{
    fputs("userns_inspect: ", stderr);
    put_text(stderr, option, QUOTED);
    if (argument != NULL) {
        fputc(' ', stderr);
        put_text(stderr, argument, QUOTED);
    }
    fprintf(stderr, ": %s\nTry 'userns_inspect --help'.\n", problem);
    exit(2);
}

int finish_output(void)
{
    if (fflush(stdout) == EOF || ferror(stdout)) {
        report(NULL, "standard output: %s", strerror(errno));
        return EXIT_FAILURE;
    }
    return EXIT_SUCCESS;
}
