/* The member processes of a namespace. */
#define _GNU_SOURCE /* syscall(2) */
#include "inspect.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>
#ifdef SYS_openat2
#include <linux/openat2.h>
#endif

struct member {
    const char *name;
    pid_t pid;
    bool is_zombie;
};

void *allocate(size_t count, size_t size)
{
    void *array = calloc(count + 1, size);

    if (array == NULL) {
        report(NULL, "out of memory");
        exit(EXIT_FAILURE);
    }
    return array;
}

const char *name_of(const struct view *view, pid_t pid)
{
    const char *name = userns_process_name(view->snapshot, pid);

    return name != NULL && *name != '\0' ? name : "?";
}

/*
 * Whether a process is a zombie now, see proc_pid_stat(5). A container can mount another file
 * system there in its own procfs, which could block: RESOLVE_NO_XDEV does not enter it. Before
 * Linux 5.6, zombies are not marked.
 */
static bool is_zombie(const struct view *view, pid_t pid)
{
    char text[1024], *end_of_name;
    ssize_t length = 0;
#ifdef SYS_openat2
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV };
    int file;

    snprintf(text, sizeof text, "%ld/stat", (long)pid);
    file = (int)syscall(SYS_openat2, view->procfs, text, &how, sizeof how);
    if (file < 0)
        return false;
    length = read(file, text, sizeof text - 1);
    close(file);
#endif
    text[length > 0 ? length : 0] = '\0';
    end_of_name = strrchr(text, ')');
    return end_of_name != NULL && strncmp(end_of_name, ") Z", 3) == 0;
}

static int by_name(const void *a, const void *b)
{
    const struct member *one = a, *other = b;
    int order = strcmp(one->name, other->name);

    return order != 0 ? order : (one->pid > other->pid) - (one->pid < other->pid);
}

/* "bash (3, 1 zombie)" */
static void put_number(const struct member *members, size_t count, const char *comma)
{
    char zombies[40] = "";
    size_t zombie_count = 0;

    for (size_t i = 0; i < count; i++)
        zombie_count += members[i].is_zombie;
    if (zombie_count > 0)
        snprintf(zombies, sizeof zombies, ", %zu zombie%s", zombie_count,
                 zombie_count == 1 ? "" : "s");
    put_named(members->name, " (%zu%s)%s", count, zombies, comma);
}

/* "bash 12 45 99, sleep 7 (zombie)": short even for thousands of processes. */
static void put_members(const struct view *view, const struct member *members, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && strcmp(members[end].name, members[i].name) == 0;)
            end++;
        if (!view->pids) {
            put_number(members + i, end - i, end < count ? "," : "");
            continue;
        }
        for (size_t j = i; j < end; j++) {
            const char *zombie = members[j].is_zombie ? " (zombie)" : "";
            const char *comma = j + 1 == end && end < count ? "," : "";
            put_named(j == i ? members[j].name : NULL, "%s%ld%s%s", j == i ? " " : "",
                      (long)members[j].pid, zombie, comma);
        }
    }
}

void print_members(const struct view *view, const pid_t *pids, size_t count)
{
    struct member *members;

    if (count == 0)
        return;
    members = allocate(count, sizeof *members);
    for (size_t i = 0; i < count; i++) {
        members[i].name = name_of(view, pids[i]);
        members[i].pid = pids[i];
        members[i].is_zombie = is_zombie(view, pids[i]);
    }
    qsort(members, count, sizeof *members, by_name);
    begin_line("members", LABEL, HANGING);
    put("%zu:", count);
    put_members(view, members, count);
    end_line();
    free(members);
}
