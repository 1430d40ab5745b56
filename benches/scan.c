/*
 * scan LIBRARY [names] [owned] [pinned] [sockets] [bpf] [TIMES]: scans TIMES times, as a monitoring
 * agent does. Prints the time of each scan, and what the last one saw.
 *
 * It loads the library with dlopen(3), so that it can use that of another build. It calls
 * only functions that have had the same name and meaning in all versions.
 */
#include "timing.h"
#include <dlfcn.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
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

static void load(const char *path)
{
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);

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

int main(int argc, char *argv[])
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct userns_snapshot *snapshot = NULL;
    int times = 1;

    if (argc < 2) {
        fprintf(stderr, "Usage: scan LIBRARY [names] [owned] [pinned] [sockets] [bpf] [TIMES]\n");
        return EXIT_FAILURE;
    }
    load(argv[1]);
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
        else
            times = atoi(argv[i]);
    }
    for (int i = 0; i < times; i++) {
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
