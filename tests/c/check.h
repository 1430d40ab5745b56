/* Checks: how a situation fails, and how it says that it cannot run here. */
#ifndef CHECK_H
#define CHECK_H

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

/* The exit status of a situation that cannot run here. */
enum { SKIPPED = 77 };

#define CHECK(condition) ((condition) ? (void)0 : fail("%s:%d: %s", __FILE__, __LINE__, #condition))
#define CHECK_EQ(actual, expected) \
    check_eq((uint64_t)(actual), (uint64_t)(expected), #actual, __FILE__, __LINE__)

/* For functions in headers, and for parameters that a callback does not need. */
#define UNUSED __attribute__((unused))

/* EPERM for 1. musl has only sentences. */
static UNUSED const char *error_name(int error)
{
#ifdef __GLIBC__
    return strerrorname_np(error);
#else
    return strerror(error);
#endif
}

static _Noreturn UNUSED void fail(const char *format, ...)
{
    va_list arguments;
    int error = errno;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fprintf(stderr, " (errno: %s)\n", strerror(error));
    exit(1);
}

/* Ends the situation; the message says why it cannot run here. */
static _Noreturn UNUSED void skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(SKIPPED);
}

static UNUSED void check_eq(uint64_t actual, uint64_t expected, const char *what, const char *file,
                            int line)
{
    if (actual != expected)
        fail("%s:%d: %s is %" PRIu64 ", not %" PRIu64, file, line, what, actual, expected);
}

/* Whether the kernel is older than this. Only for what a situation cannot find out otherwise. */
static UNUSED bool is_before(int major, int minor)
{
    struct utsname name;
    int own_major = 0, own_minor = 0;

    uname(&name);
    sscanf(name.release, "%d.%d", &own_major, &own_minor);
    return own_major < major || (own_major == major && own_minor < minor);
}

/* Whether someone runs a situation by hand, with the number of its scans in the variable SCANS. */
static UNUSED bool is_long_run(void)
{
    return getenv("SCANS") != NULL;
}

#endif
