/* Probes: what userns_probe() answers. */
#ifndef PROBE_H
#define PROBE_H

#include "kit.h"
#include <userns.h>

#define ALL_STEPS UINT64_C(0x3f)

/* Probes; the result is to be freed. */
static UNUSED struct userns_probe *probe(uint32_t flags, uint64_t steps)
{
    struct userns_probe_options options = USERNS_PROBE_OPTIONS_INIT;
    struct userns_probe *result;
    int error;

    options.flags = flags;
    options.steps = steps;
    error = userns_probe(&options, &result);
    if (error != 0)
        fail("userns_probe(): %d, %s", error, userns_strerror(error));
    return result;
}

/* The first reason of a kind; NULL if there is none. */
static UNUSED const struct userns_reason *reason_of(const struct userns_probe *probe,
                                                    enum userns_reason_kind kind)
{
    size_t count;
    const struct userns_reason *const *reasons = userns_probe_reasons(probe, &count);

    for (size_t i = 0; i < count; i++)
        if (userns_reason_kind(reasons[i]) == kind)
            return reasons[i];
    return NULL;
}

static UNUSED void print_probe(const struct userns_probe *probe)
{
    size_t count;
    const struct userns_reason *const *reasons = userns_probe_reasons(probe, &count);

    fprintf(stderr, "tried %#" PRIx64 ", worked %#" PRIx64 ", failed %#" PRIx64 " (%d)\n",
            userns_probe_tried(probe), userns_probe_worked(probe), userns_probe_failed_step(probe),
            userns_probe_error(probe));
    for (size_t i = 0; i < count; i++)
        fprintf(stderr, "  %d %s: %s\n", (int)userns_reason_kind(reasons[i]),
                userns_reason_is_proved(reasons[i]) ? "proved" : "likely",
                userns_reason_text(reasons[i]));
}

/* What a probe has to answer. */
struct expected {
    uint64_t worked, failed;
    int error; /* positive */
    enum userns_reason_kind kind;
    bool is_proved;
    const char *words; /* that the sentence contains; NULL for any */
};

static UNUSED void check_probe(uint32_t flags, uint64_t steps, struct expected expected)
{
    struct userns_probe *answer = probe(flags, steps);
    const struct userns_reason *reason = reason_of(answer, expected.kind);

    if (userns_probe_worked(answer) != expected.worked ||
        userns_probe_failed_step(answer) != expected.failed ||
        userns_probe_error(answer) != -expected.error || reason == NULL ||
        userns_reason_is_proved(reason) != expected.is_proved ||
        (expected.words != NULL && strstr(userns_reason_text(reason), expected.words) == NULL)) {
        print_probe(answer);
        fail("expected: worked %#" PRIx64 ", failed %#" PRIx64 " (%d), %s reason %d with '%s'",
             expected.worked, expected.failed, -expected.error,
             expected.is_proved ? "proved" : "likely", (int)expected.kind,
             expected.words != NULL ? expected.words : "");
    }
    userns_probe_free(answer);
}

/* All of the steps work. */
static UNUSED void check_works(uint32_t flags, uint64_t steps)
{
    struct userns_probe *answer = probe(flags, steps);
    size_t count = 1;

    if (userns_probe_worked(answer) != steps) {
        print_probe(answer);
        fail("not all of %#" PRIx64 " worked", steps);
    }
    CHECK_EQ(userns_probe_tried(answer), steps);
    CHECK_EQ(userns_probe_failed_step(answer), 0);
    CHECK(userns_probe_error(answer) == 0);
    CHECK(userns_probe_reasons(answer, &count) == NULL && count == 0);
    userns_probe_free(answer);
}

/* Skips the situation unless everything works before it begins. */
static UNUSED void need_namespaces(void)
{
    struct userns_probe *answer = probe(0, ALL_STEPS);

    if (userns_probe_worked(answer) != ALL_STEPS) {
        print_probe(answer);
        skip("not all namespaces can be made here");
    }
    userns_probe_free(answer);
}

/* In a sandbox: into a directory that is or is not the root of a mount. */
static UNUSED void enter_chroot(bool is_mount)
{
    mount_tmpfs("/mnt");
    CHECK(mkdir("/mnt/root", 0755) == 0);
    if (is_mount)
        mount_tmpfs("/mnt/root");
    CHECK(mkdir("/mnt/root/proc", 0755) == 0);
    mount_procfs("/mnt/root/proc", NULL);
    CHECK(chroot("/mnt/root") == 0 && chdir("/") == 0);
}

/* The number of processes in the sandbox, of whatever kind. */
static UNUSED int count_processes(void)
{
    DIR *directory = opendir("/proc");
    int count = 0;

    CHECK(directory != NULL);
    for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
        count += entry->d_name[0] >= '1' && entry->d_name[0] <= '9';
    closedir(directory);
    return count;
}

/* In process 1: after a moment the sandbox has only so many processes. */
static UNUSED void expect_processes(int expected)
{
    for (int i = 0; i < 200 && count_processes() > expected; i++) {
        waitpid(-1, NULL, __WALL | WNOHANG); /* orphans become children of process 1 */
        usleep(10000);
    }
    CHECK_EQ(count_processes(), expected);
}

#endif
