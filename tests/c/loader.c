/*
 * The library as a plugin. This program is not linked with it: 1,000 times, it opens the library
 * that USERNS_LIBRARY names with dlopen(3), scans, and closes it.
 */
#include "situation.h"
#include <dlfcn.h>
#include <pthread.h>

enum {
    TIMES = 1000,
    WARM = 100,      /* until then, memory is allocated that the library keeps */
    GROWTH_KIB = 128 /* far below one KiB for each of the other times */
};

/* Looks up a function. ISO C has no cast to it from the result of dlsym(3). */
static void find(void *handle, const char *name, void *function)
{
    void *address = dlsym(handle, name);

    if (address == NULL)
        fail("%s", dlerror());
    memcpy(function, &address, sizeof(address));
}

static void *load_scan_close(void *unused)
{
    int (*scan_procfs)(const struct userns_options *, struct userns_snapshot **);
    void (*release)(struct userns_snapshot *);
    const struct userns_node *(*self)(const struct userns_snapshot *);
    struct userns_snapshot *snapshot;
    void *handle = dlopen(getenv("USERNS_LIBRARY"), RTLD_NOW | RTLD_LOCAL);

    if (handle == NULL)
        fail("%s", dlerror());
    find(handle, "userns_scan", &scan_procfs);
    find(handle, "userns_self", &self);
    find(handle, "userns_free", &release);
    CHECK(scan_procfs(NULL, &snapshot) == 0);
    CHECK(self(snapshot) != NULL);
    release(snapshot);
    CHECK(dlclose(handle) == 0);
    return unused;
}

static void *in_a_thread(void *unused)
{
    pthread_t thread;

    CHECK(pthread_create(&thread, NULL, load_scan_close, unused) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    return unused;
}

/* The anonymous memory. smaps_rollup counts each page; statm is an estimate. */
static long anonymous_kib(void)
{
    FILE *smaps = fopen("/proc/self/smaps_rollup", "r");
    char line[256];
    long kib = -1;

    CHECK(smaps != NULL);
    while (kib < 0 && fgets(line, sizeof(line), smaps) != NULL)
        sscanf(line, "Anonymous: %ld kB", &kib);
    fclose(smaps);
    CHECK(kib >= 0);
    return kib;
}

static int mappings(void)
{
    int count = 0, byte;
    FILE *maps = fopen("/proc/self/maps", "r");

    CHECK(maps != NULL);
    while ((byte = getc(maps)) != EOF)
        count += byte == '\n';
    fclose(maps);
    return count;
}

/* In a sandbox: other processes would change the memory that a scan needs. */
static void repeat(void *(*once)(void *))
{
    long early_kib = 0;
    int early_mappings = 0, early_descriptors = 0;

    for (int i = 0; i < TIMES; i++) {
        once(NULL);
        if (i == WARM) {
            early_kib = anonymous_kib();
            early_mappings = mappings();
            early_descriptors = open_descriptors();
        }
    }
    CHECK(anonymous_kib() <= early_kib + GROWTH_KIB);
    CHECK_EQ(mappings(), early_mappings);
    CHECK_EQ(open_descriptors(), early_descriptors);
    /* The library stays mapped, for threads that end after dlclose(3). */
    CHECK(dlopen(getenv("USERNS_LIBRARY"), RTLD_NOW | RTLD_NOLOAD) != NULL);
}

SITUATION(one_thread, IN_SANDBOX, "in one thread")
{
    repeat(load_scan_close);
}

SITUATION(a_thread_each, IN_SANDBOX, "each time in a thread that then ends")
{
    repeat(in_a_thread);
}
