/* Saved snapshots. */
#ifndef SAVED_H
#define SAVED_H

#include "check.h"
#include <pthread.h>
#include <sys/mman.h>
#include <userns.h>

/* A file without a name, in memory. */
static UNUSED int memory_file(void)
{
    int fd = memfd_create("snapshot", MFD_CLOEXEC);

    CHECK(fd >= 0);
    return fd;
}

/* The whole of a file, to be released with free(). */
static UNUSED char *text_of(int fd, size_t *length)
{
    off_t size = lseek(fd, 0, SEEK_END);
    char *text = malloc(size + 1);

    CHECK(text != NULL && pread(fd, text, size, 0) == size);
    text[size] = '\0';
    *length = size;
    return text;
}

static UNUSED struct userns_snapshot *load_from(int fd)
{
    struct userns_snapshot *snapshot;
    int error;

    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    error = userns_load(fd, &snapshot);
    if (error != 0)
        fail("userns_load: %d: %s", error, userns_strerror(error));
    return snapshot;
}

static UNUSED int save(const struct userns_snapshot *snapshot)
{
    int fd = memory_file(), error = userns_save(snapshot, fd);

    if (error != 0)
        fail("userns_save: %d: %s", error, userns_strerror(error));
    return fd;
}

/*
 * Whether this run is one in which all snapshots of a situation are saved and loaded. The environment
 * variable SAVED says so. If it is "log", they are also appended to standard input.
 */
static UNUSED bool is_saved(void)
{
    return getenv("SAVED") != NULL;
}

/* Replaces a snapshot by one that was saved and loaded, which the situation then checks. */
static UNUSED struct userns_snapshot *saved_and_loaded(struct userns_snapshot *snapshot)
{
    int first, second, cancel;
    size_t length, other_length;
    char *text, *other_text;
    struct userns_snapshot *loaded;

    /* The functions of this file are cancellation points. */
    CHECK(pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel) == 0);
    first = save(snapshot);
    text = text_of(first, &length);
    loaded = load_from(first);
    second = save(loaded);
    other_text = text_of(second, &other_length);
    if (length != other_length || memcmp(text, other_text, length) != 0)
        fail("saved again, a snapshot differs:\n%s\n----\n%s", text, other_text);
    if (strcmp(getenv("SAVED"), "log") == 0)
        CHECK(write(STDIN_FILENO, text, length) == (ssize_t)length);
    free(text);
    free(other_text);
    close(first);
    close(second);
    userns_free(snapshot);
    CHECK(pthread_setcancelstate(cancel, NULL) == 0);
    return loaded;
}

#endif
