/*
 * The allocator of this program and of the library: that of glibc, but it counts the blocks in use,
 * and can refuse memory. With another libc, it cannot be replaced: nothing is counted or refused.
 */
#ifndef ALLOCATOR_H
#define ALLOCATOR_H

#include "check.h"
#include <malloc.h>
#include <stdatomic.h>

static UNUSED atomic_long in_use;
/* The bytes of these blocks, and the most that there were at a time. */
static UNUSED atomic_long bytes, most_bytes;
/* Call number first_refused (0: never) is refused; with refuses_on, all later ones, too. */
static UNUSED long calls, first_refused;
static UNUSED bool refuses_on;

#ifdef __GLIBC__

extern void *__libc_malloc(size_t);
extern void *__libc_calloc(size_t, size_t);
extern void *__libc_realloc(void *, size_t);
extern void *__libc_memalign(size_t, size_t);
extern void __libc_free(void *);

static bool refuses(void)
{
    if (first_refused == 0)
        return false;
    calls++;
    return refuses_on ? calls >= first_refused : calls == first_refused;
}

static void *counted(void *memory)
{
    in_use += memory != NULL;
    bytes += (long)malloc_usable_size(memory);
    if (bytes > most_bytes)
        most_bytes = (long)bytes;
    return memory;
}

static void forget(long size)
{
    in_use--;
    bytes -= size;
}

void *malloc(size_t size)
{
    return refuses() ? NULL : counted(__libc_malloc(size));
}

void *calloc(size_t count, size_t size)
{
    return refuses() ? NULL : counted(__libc_calloc(count, size));
}

void *realloc(void *memory, size_t size)
{
    long old_size = (long)malloc_usable_size(memory);
    void *new_memory;

    if (refuses())
        return NULL;
    if (memory == NULL)
        return counted(__libc_malloc(size));
    /* Both blocks count, since it may have to be copied. */
    new_memory = counted(__libc_realloc(memory, size));
    if (new_memory != NULL)
        forget(old_size);
    return new_memory;
}

void *memalign(size_t alignment, size_t size)
{
    return refuses() ? NULL : counted(__libc_memalign(alignment, size));
}

void *aligned_alloc(size_t alignment, size_t size)
{
    return memalign(alignment, size);
}

int posix_memalign(void **memory, size_t alignment, size_t size)
{
    void *allocated = memalign(alignment, size);

    if (allocated == NULL)
        return ENOMEM;
    *memory = allocated;
    return 0;
}

void free(void *memory)
{
    if (memory != NULL)
        forget((long)malloc_usable_size(memory));
    __libc_free(memory);
}

#endif

/* Skips the situation if nothing would be refused. */
static UNUSED void need_allocator(void)
{
#ifndef __GLIBC__
    skip("only with glibc can a program replace the allocator of a library");
#endif
}

#endif
