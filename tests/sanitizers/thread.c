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
 * memory. To the runtime, such a child is the calling thread. If both run at the same time, they
 * overwrite its record of this thread's stack, and it crashes. So the caller does not run until the
 * child has ended (CLONE_VFORK): a scan waits for it anyway, and would only end it if it were stuck.
 * Except if the child waits in turn for the caller, as CLONE_CHILD_CLEARTID tells here.
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
    if ((flags & (CLONE_VM | CLONE_CHILD_CLEARTID)) == CLONE_VM)
        flags |= CLONE_VFORK;
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
