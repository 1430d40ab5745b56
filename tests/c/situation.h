/*
 * A situation is one named scenario with real processes. It is written in one place:
 *
 *     #include "situation.h"
 *
 *     SITUATION(siblings, IN_SANDBOX | BY_BPF, "two namespaces side by side, each with a member")
 *     {
 *         pid_t a = start(go_down, &(int){ 1 }), b = start(go_down, &(int){ 1 });
 *         struct userns_snapshot *snapshot = scan();
 *
 *         CHECK(userns_find_pid(snapshot, a) != userns_find_pid(snapshot, b));
 *         userns_free(snapshot);
 *     }
 *
 * SITUATION registers it in a linker section. main() below lists the registered situations (--list)
 * or runs one of them. tests/situations.rs asks for the list and runs each.
 *
 * Each situation runs in a process of its own. Processes that it leaves are ended.
 */
#ifndef SITUATION_H
#define SITUATION_H

#include "kit.h"

/* Tags. */
enum {
    IN_SANDBOX = 1, /* runs in a sandbox, see in_sandbox() */
    BY_BPF = 2,     /* runs a second time with all scans by BPF */
    AS_ROOT = 4,    /* is skipped unless the caller is root in the initial user namespace */
};

struct situation {
    const char *name, *summary;
    unsigned tags;
    void (*run)(void);
};

#define SITUATION(name, tags, summary) \
    static void situation_##name(void); \
    static const struct situation record_##name = { #name, summary, tags, situation_##name }; \
    static const struct situation *const pointer_##name \
        __attribute__((used, section("situations"))) = &record_##name; \
    static void situation_##name(void)

/* The linker defines the bounds of the section. */
extern const struct situation *const __start_situations[], *const __stop_situations[];

static void run_body(void *situation)
{
    ((const struct situation *)situation)->run();
}

/* On some 64-bit kernels before Linux 6.12, 32-bit programs have none: docs/kernels.md. */
static void need_ioctls_of_namespaces(void)
{
    int fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
    int parent = fd < 0 ? -1 : ioctl(fd, NS_GET_PARENT);

    if (fd >= 0 && parent < 0 && errno == ENOTTY)
        skip("this kernel has no ioctls of namespaces for programs of %zu bits",
             8 * sizeof(void *));
    if (parent >= 0)
        close(parent);
    if (fd >= 0)
        close(fd);
}

static void run_here(void *argument)
{
    const struct situation *situation = argument;

    need_ioctls_of_namespaces();
    if (situation->tags & AS_ROOT && !is_initial_root())
        skip("needs root in the initial user namespace");
    if (situation->tags & IN_SANDBOX)
        in_sandbox(run_body, argument);
    else
        situation->run();
}

/* A line for each: its name, its tags with a space after each, its summary, separated by tabs. */
static void list_situations(void)
{
    for (const struct situation *const *each = __start_situations; each < __stop_situations; each++)
        printf("%s\t%s%s%s\t%s\n", (*each)->name, (*each)->tags & IN_SANDBOX ? "IN_SANDBOX " : "",
               (*each)->tags & BY_BPF ? "BY_BPF " : "", (*each)->tags & AS_ROOT ? "AS_ROOT " : "",
               (*each)->summary);
}

int main(int argc, char *argv[])
{
    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        list_situations();
        return 0;
    }
    for (const struct situation *const *each = __start_situations; each < __stop_situations; each++)
        if (argc == 2 && strcmp(argv[1], (*each)->name) == 0)
            return run_alone(run_here, (void *)*each);
    fprintf(stderr, "usage: %s --list | SITUATION\n", argv[0]);
    return 2;
}

#endif
