/* The member processes of a namespace, and the containers or units that they belong to. */
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

/* Of more than these, only so many are shown. */
enum { SHOWN_PIDS = 8, SHOWN_NAMES = 24, SHOWN_UNITS = 24 };

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
 * Reads what proc_pid_stat(5) says about a process now: whether it is a zombie, and whether the
 * kernel has marked it as a kernel thread (PF_KTHREAD in include/linux/sched.h). A container can
 * mount another file system there in its own procfs, which could block: RESOLVE_NO_XDEV does not
 * enter it. Before Linux 5.6, neither is known.
 */
static void read_state(const struct view *view, struct member *member)
{
    const unsigned long kernel_thread = 0x200000;
    char text[1024], state = '?', *end_of_name;
    unsigned long flags = 0;
    ssize_t length = 0;
#ifdef SYS_openat2
    struct open_how how = { .flags = O_RDONLY | O_CLOEXEC, .resolve = RESOLVE_NO_XDEV };
    int file;

    snprintf(text, sizeof text, "%ld/stat", (long)member->pid);
    file = (int)syscall(SYS_openat2, view->procfs, text, &how, sizeof how);
    if (file < 0)
        return;
    length = read(file, text, sizeof text - 1);
    close(file);
#endif
    text[length > 0 ? length : 0] = '\0';
    end_of_name = strrchr(text, ')');
    if (end_of_name != NULL)
        sscanf(end_of_name, ") %c %*d %*d %*d %*d %*d %lu", &state, &flags);
    member->is_zombie = state == 'Z';
    member->is_kernel_thread = (flags & kernel_thread) != 0;
}

static bool is_same_unit(const struct member *one, const struct member *other)
{
    return strcmp(one->unit.engine, other->unit.engine) == 0 &&
           strcmp(one->unit.name, other->unit.name) == 0;
}

/* Kernel threads are first. */
static int by_unit_and_name(const void *a, const void *b)
{
    const struct member *one = a, *other = b;
    int order = other->is_kernel_thread - one->is_kernel_thread;

    if (order == 0 && !one->is_kernel_thread) /* mere paths are last */
        order =
            (strcmp(one->unit.engine, "cgroup") == 0) - (strcmp(other->unit.engine, "cgroup") == 0);
    if (order == 0 && !one->is_kernel_thread)
        order = strcmp(one->unit.engine, other->unit.engine);
    if (order == 0 && !one->is_kernel_thread)
        order = strcmp(one->unit.name, other->unit.name);
    if (order == 0)
        order = strcmp(one->name, other->name);
    return order != 0 ? order : (one->pid > other->pid) - (one->pid < other->pid);
}

/* ", 1 zombie": how many of these are zombies, if any. */
static const char *zombies(char text[40], const struct member *members, size_t count)
{
    size_t zombie_count = 0;

    for (size_t i = 0; i < count; i++)
        zombie_count += members[i].is_zombie;
    *text = '\0';
    if (zombie_count > 0)
        snprintf(text, 40, ", %zu zombie%s", zombie_count, zombie_count == 1 ? "" : "s");
    return text;
}

/* "bash 12 45 99,": the processes of one name. */
static void put_pids(const struct view *view, const struct member *members, size_t count,
                     const char *comma)
{
    size_t shown = view->all || count <= SHOWN_PIDS + 1 ? count : SHOWN_PIDS;
    char text[40];

    for (size_t i = 0; i < shown; i++)
        put_named(i == 0 ? members->name : NULL, "%s%ld%s%s", i == 0 ? " " : "",
                  (long)members[i].pid, members[i].is_zombie ? " (zombie)" : "",
                  i + 1 == count ? comma : "");
    if (shown < count)
        put("and %zu more%s%s", count - shown, zombies(text, members + shown, count - shown),
            comma);
}

size_t end_of_name(const struct member *members, size_t count)
{
    size_t end = 1;

    while (end < count && strcmp(members[end].name, members->name) == 0)
        end++;
    return end;
}

/* "bash 12 45 99, sleep 7 (zombie)", or only the numbers: "bash (3, 1 zombie)". */
static void put_members(const struct view *view, const struct member *members, size_t count)
{
    size_t names = 0;
    char text[40];

    for (size_t i = 0, end; i < count; i = end) {
        const char *comma;

        if (++names > SHOWN_NAMES && !view->all) {
            put("and %zu other%s", count - i, count - i == 1 ? "" : "s");
            return;
        }
        end = i + end_of_name(members + i, count - i);
        comma = end < count ? "," : "";
        if (view->pids)
            put_pids(view, members + i, end - i, comma);
        else
            put_named(members[i].name, " (%zu%s)%s", end - i, zombies(text, members + i, end - i),
                      comma);
    }
}

size_t count_kernel_threads(const struct member *members, size_t count)
{
    size_t threads = 0;

    while (threads < count && members[threads].is_kernel_thread)
        threads++;
    return threads;
}

size_t end_of_unit(const struct member *members, size_t count)
{
    size_t end = 1;

    while (end < count && is_same_unit(members, members + end))
        end++;
    return end;
}

static void put_unit(const struct unit *unit, const char *colon)
{
    if (*unit->engine != '\0')
        put("%s", unit->engine);
    put_named(unit->name, "%s", colon);
}

size_t count_units(const struct member *members, size_t count)
{
    size_t units = 0;

    for (size_t i = 0; i < count; i += end_of_unit(members + i, count - i))
        units++;
    return units;
}

/* One line for each container or unit. */
static void print_units(const struct view *view, const struct member *members, size_t count)
{
    size_t units = count_units(members, count);
    size_t shown = view->all || units <= SHOWN_UNITS + 1 ? units : SHOWN_UNITS;

    for (size_t end; shown > 0; shown--, members += end, count -= end) {
        end = end_of_unit(members, count);
        begin_line("", LABEL, HANGING);
        put_unit(&members->unit, ":");
        put_members(view, members, end);
        end_line();
    }
    if (count > 0) {
        begin_line("", LABEL, HANGING);
        put("and %zu more", count);
        end_line();
    }
}

/* The container or unit to which all members belong, unless that says nothing. */
static void print_common_unit(const struct unit *unit)
{
    if (strcmp(unit->engine, "cgroup") == 0 &&
        (strcmp(unit->name, "/") == 0 || strcmp(unit->name, "unknown") == 0))
        return;
    begin_line("part of", LABEL, HANGING);
    put_unit(unit, "");
    end_line();
}

static void put_kernel_threads(const struct view *view, const struct member *members, size_t count)
{
    put("%zu kernel thread%s%s", count, count == 1 ? "" : "s", view->all ? ":" : "");
    if (view->all)
        put_members(view, members, count);
}

static void print_sorted(const struct view *view, const struct member *members, size_t count)
{
    size_t threads = count_kernel_threads(members, count), others = count - threads;
    size_t units = count_units(members + threads, others);

    if (units == 1)
        print_common_unit(&members[threads].unit);
    begin_line("members", LABEL, HANGING);
    if (threads == 0 && units > 1)
        put("%zu in %zu cgroups:", count, units);
    else
        put("%zu:", count);
    if (threads > 0)
        put_kernel_threads(view, members, threads);
    if (threads > 0 && units == 1) {
        end_line();
        begin_line("", LABEL, HANGING);
    }
    if (units == 1)
        put_members(view, members + threads, others);
    end_line();
    if (units > 1)
        print_units(view, members + threads, others);
}

struct member *read_members(const struct view *view, const pid_t *pids, size_t count)
{
    struct member *members = allocate(count, sizeof *members);

    for (size_t i = 0; i < count; i++) {
        members[i].name = name_of(view, pids[i]);
        members[i].pid = pids[i];
        find_unit(userns_process_cgroup(view->snapshot, pids[i]), view->all, &members[i].unit);
        read_state(view, &members[i]);
    }
    qsort(members, count, sizeof *members, by_unit_and_name);
    return members;
}

void print_members(const struct view *view, const pid_t *pids, size_t count)
{
    struct member *members;

    if (count == 0)
        return;
    members = read_members(view, pids, count);
    print_sorted(view, members, count);
    free(members);
}
