/*
 * scan LIBRARY [names] [owned] [pinned] [sockets] [bpf] [maps] [credentials] [cgroups] [save|load] [TIMES]:
 * scans TIMES times, as a monitoring agent does; or scans once, and saves the snapshot, or loads it, TIMES
 * times. Prints the time of each, and what the last one saw.
 *
 * It loads the library with dlopen(3), so that it can use that of another build. Without save and
 * load it calls only functions that have had the same name and meaning in all versions.
 */
#define _GNU_SOURCE /* memfd_create() */
#include "timing.h"
#include <dlfcn.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <userns.h>

#define FUNCTIONS(F) F(scan) F(free) F(nodes) F(pids) F(pins) F(source) F(source_error) F(strerror)

/* library.scan is userns_scan(), and so on. */
static struct {
#define DECLARE(name) __typeof__(userns_##name) *name;
    FUNCTIONS(DECLARE)
} library;

static void *find(void *handle, const char *name)
{
    void *function = handle ? dlsym(handle, name) : NULL;

    if (!function) {
        fprintf(stderr, "%s\n", dlerror());
        exit(EXIT_FAILURE);
    }
    return function;
}

/* The handle of the library, for functions that it may lack. */
static void *handle;

static void load_library(const char *path)
{
    handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

#define FIND(name) *(void **)&library.name = find(handle, "userns_" #name);
    FUNCTIONS(FIND)
}

static void print_seen(const struct userns_snapshot *snapshot)
{
    size_t nodes, processes = 0, pins = 0;
    const struct userns_node *const *node = library.nodes(snapshot, &nodes);
    int error = library.source_error(snapshot);

    for (size_t i = 0; i < nodes; i++) {
        size_t count;
        library.pids(node[i], &count);
        processes += count;
        library.pins(node[i], &count);
        pins += count;
    }
    printf("namespaces %zu\nprocesses %zu\npins %zu\n", nodes, processes, pins);
    printf("source %" PRIu32 "\n", (uint32_t)library.source(snapshot));
    if (error < 0)
        printf("no-bpf %s\n", library.strerror(error));
}

static void check(int error)
{
    if (error < 0) {
        fprintf(stderr, "%s\n", library.strerror(error));
        exit(EXIT_FAILURE);
    }
}

static void save_or_load(struct userns_snapshot **snapshot, bool is_saving, int times)
{
    __typeof__(userns_save) *save;
    __typeof__(userns_load) *load;
    int fd = memfd_create("snapshot", MFD_CLOEXEC);

    *(void **)&save = find(handle, "userns_save");
    *(void **)&load = find(handle, "userns_load");
    check(fd < 0 ? -errno : save(*snapshot, fd));
    for (int i = 0; i < times; i++) {
        struct moment start;

        lseek(fd, 0, SEEK_SET);
        begin(&start);
        if (!is_saving)
            library.free(*snapshot);
        check(is_saving ? save(*snapshot, fd) : load(fd, snapshot));
        end(&start);
    }
    printf("bytes %jd\n", (intmax_t)lseek(fd, 0, SEEK_CUR));
}

int main(int argc, char *argv[])
{
    const char *saved = NULL;
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot = NULL;
    int times = 1;

    if (argc < 2) {
        fprintf(stderr,
                "Usage: scan LIBRARY [names] [owned] [pinned] [sockets] [bpf] [maps] "
                "[credentials] [cgroups] [save|load] [TIMES]\n");
        return EXIT_FAILURE;
    }
    load_library(argv[1]);
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "names") == 0)
            options.flags |= USERNS_SCAN_NAMES;
        else if (strcmp(argv[i], "owned") == 0)
            options.flags |= USERNS_SCAN_OWNED;
        else if (strcmp(argv[i], "pinned") == 0)
            options.flags |= USERNS_SCAN_PINNED;
        else if (strcmp(argv[i], "sockets") == 0)
            options.flags |= USERNS_SCAN_SOCKETS;
        else if (strcmp(argv[i], "bpf") == 0)
            options.flags |= USERNS_SCAN_BPF;
        else if (strcmp(argv[i], "maps") == 0)
            options.flags |= USERNS_SCAN_MAPS;
        else if (strcmp(argv[i], "credentials") == 0)
            options.flags |= USERNS_SCAN_CREDENTIALS;
        else if (strcmp(argv[i], "cgroups") == 0)
            options.flags |= USERNS_SCAN_CGROUPS;
        else if (strcmp(argv[i], "save") == 0 || strcmp(argv[i], "load") == 0)
            saved = argv[i];
        else
            times = atoi(argv[i]);
    }
    if (saved) {
        check(library.scan(&options, &snapshot));
        save_or_load(&snapshot, strcmp(saved, "save") == 0, times);
    }
    for (int i = 0; i < times && !saved; i++) {
        struct moment start;

        begin(&start);
        library.free(snapshot);
        int error = library.scan(&options, &snapshot);
        end(&start);
        if (error < 0) {
            fprintf(stderr, "/proc: %s\n", library.strerror(error));
            return EXIT_FAILURE;
        }
    }
    print_seen(snapshot);
    library.free(snapshot);
    return EXIT_SUCCESS;
}
