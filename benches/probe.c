/*
 * probe LIBRARY [one] [first] [TIMES]: probes TIMES times whether a user namespace can be made, with
 * all steps, or with the first two only; by one call, or one namespace after the other. Prints the
 * time of each probe.
 */
#include "timing.h"
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <userns.h>

int main(int argc, char *argv[])
{
    struct userns_probe_options options = USERNS_PROBE_OPTIONS_INIT;
    void *handle = argc > 1 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
    __typeof__(userns_probe) *probe;
    __typeof__(userns_probe_free) *release;
    __typeof__(userns_probe_failed_step) *failed_step;
    int times = 1;

    if (!handle) {
        fprintf(stderr, "Usage: probe LIBRARY [one] [first] [TIMES]\n");
        return EXIT_FAILURE;
    }
    *(void **)&probe = dlsym(handle, "userns_probe");
    *(void **)&release = dlsym(handle, "userns_probe_free");
    *(void **)&failed_step = dlsym(handle, "userns_probe_failed_step");
    for (int i = 2; i < argc; i++) {
        if (strcmp(argv[i], "one") == 0)
            options.flags |= USERNS_PROBE_ONE_BY_ONE;
        else if (strcmp(argv[i], "first") == 0)
            options.steps = USERNS_STEP_CREATE | USERNS_STEP_MAP;
        else
            times = atoi(argv[i]);
    }
    for (int i = 0; i < times; i++) {
        struct userns_probe *result;
        struct moment start;

        begin(&start);
        if (probe(&options, &result) < 0 || failed_step(result) != 0) {
            fprintf(stderr, "not all steps work here\n");
            return SKIPPED;
        }
        end(&start);
        release(result);
    }
    return EXIT_SUCCESS;
}
