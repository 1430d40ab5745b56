/*
 * Defines syscall(), which the library then calls in place of the function of libc: the program
 * that includes this header sees the library's system calls and can answer them.
 */
#ifndef INTERPOSE_H
#define INTERPOSE_H

#include "check.h"
#include <dlfcn.h>
#include <sys/syscall.h>

/* The program defines it: sets the result (and errno) of a call, or returns false to let it pass. */
static bool answer_call(long number, const long arguments[6], long *result);

/* What ioctl(2) is declared with. */
#ifdef __GLIBC__
typedef unsigned long ioctl_operation;
#else
typedef int ioctl_operation;
#endif

/* The functions that programs replace. */
static struct {
    const char *name;
    void *function;
} functions_of_libc[] = {
    { "syscall", NULL },   { "ioctl", NULL },     { "readlinkat", NULL },
    { "fstatat64", NULL }, { "fstatfs64", NULL },
};

enum { FUNCTIONS = sizeof functions_of_libc / sizeof *functions_of_libc };

/*
 * Before main(): dlsym(3) takes a lock, and a child of a scan that is killed in a system call would
 * never release it.
 */
__attribute__((constructor)) static void find_functions(void)
{
    for (int i = 0; i < FUNCTIONS; i++)
        functions_of_libc[i].function = dlsym(RTLD_NEXT, functions_of_libc[i].name);
}

static UNUSED void *function_of_libc(const char *name)
{
    int i = 0;

    while (strcmp(functions_of_libc[i].name, name) != 0)
        CHECK(++i < FUNCTIONS);
    CHECK(functions_of_libc[i].function != NULL);
    return functions_of_libc[i].function;
}

static UNUSED long pass_call(long number, const long arguments[6])
{
    const long *a = arguments;
    long (*real)(long, ...);

    *(void **)&real = function_of_libc("syscall");
    return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* A call has up to six arguments; what lies behind those that it has is read, too. */
__attribute__((no_sanitize("address"))) long syscall(long number, ...)
{
    long arguments[6], result;
    va_list list;

    va_start(list, number);
    for (int i = 0; i < 6; i++)
        arguments[i] = va_arg(list, long);
    va_end(list);
    return answer_call(number, arguments, &result) ? result : pass_call(number, arguments);
}

#endif
