/*
 * Lets ThreadSanitizer watch programs that use the library: see run. Replaces two functions of its
 * runtime.
 */
#define _GNU_SOURCE
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>

int __clone(int (*run)(void *), void *stack, int flags, void *argument, ...);

/*
 * The runtime takes each clone(2) for a fork(2), and ends the process if the child has the same
 * memory. A scan waits for such a child, so to the runtime this is the calling thread.
 */
int clone(int (*run)(void *), void *stack, int flags, void *argument, ...)
{
    va_list more;
    pid_t *parent, *child;
    void *tls;

    va_start(more, argument);
    parent = va_arg(more, pid_t *);
    tls = va_arg(more, void *);
    child = va_arg(more, pid_t *);
    va_end(more);
    return __clone(run, stack, flags, argument, parent, tls, child);
}

/* The runtime starts a thread that gives memory back. A process with two threads cannot make a user namespace. */
void *start_thread(void *(*run)(void *),
                   void *argument) __asm__("_ZN11__sanitizer21internal_start_threadEPFPvS0_ES0_");

void *start_thread(void *(*run)(void *), void *argument)
{
    (void)run;
    (void)argument;
    return NULL;
}
