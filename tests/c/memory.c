/*
 * Memory: each allocation of a scan, action, comparison or probe, or of saving and loading fails in
 * turn; and how much loading needs.
 */
#include "situation.h"
#include "allocator.h"
#include "pins.h"
#include "seccomp.h"
#include "text.h"

/* Whether a scan has kept the block that it may keep. */
static bool kept;
/* The result of a scan with enough memory. */
static struct userns_snapshot *reference;

/* Scans while the nth allocation fails. Returns whether the scan made that many. */
static bool scan_is_refused(uint64_t flags, long nth)
{
    struct userns_options options = USERNS_OPTIONS_INIT;
    static char garbage;
    struct userns_snapshot *snapshot = (void *)&garbage;
    long before = in_use;
    int error;

    calls = 0;
    first_refused = nth;
    options.flags = flags;
    error = userns_scan(&options, &snapshot);
    first_refused = 0;
    if (calls < nth) {
        CHECK_EQ(error, 0);
        userns_free(snapshot);
    } else if (error == 0) {
        CHECK(flags & USERNS_SCAN_BPF); /* else procfs and single descriptors cannot replace it */
        CHECK(!refuses_on);
        /* What the verifier of an older kernel says about the first program can be missing. */
        if (!(flags & USERNS_SCAN_PINNED) && userns_source(snapshot) == USERNS_SOURCE_PROCFS)
            CHECK_EQ(userns_source_error(snapshot), -ENOMEM);
        CHECK(same_snapshot(reference, snapshot));
        CHECK(same_text(pins_of(reference), pins_of(snapshot)));
        userns_free(snapshot);
    } else {
        CHECK_EQ(error, -ENOMEM);
        CHECK(snapshot == NULL);
    }
    /* The first scan by BPF keeps the layout of the kernel. */
    CHECK(in_use == before || (flags & USERNS_SCAN_BPF && in_use == before + 1 && !kept));
    kept |= in_use != before;
    return calls >= nth;
}

static void refuse_each_in_turn(uint64_t flags)
{
    int descriptors = open_descriptors();
    long nth = 1;

    reference = scan_as(NULL, flags & ~USERNS_SCAN_BPF);
    while (scan_is_refused(flags, nth))
        nth += time_factor();
    CHECK(nth > 5);
    CHECK_EQ(open_descriptors(), descriptors);
    userns_free(reference);
}

/* Without a handle, each way to a namespace is tried. Whether it made that many allocations. */
static bool actions_are_refused(const struct userns_node *node,
                                const struct userns_nonuser *nonuser, long nth)
{
    struct userns_info info = USERNS_INFO_INIT;
    long before = in_use;
    int results[4];

    calls = 0;
    first_refused = nth;
    results[0] = userns_open(node);
    results[1] = userns_nonuser_open(nonuser);
    results[2] = userns_describe(-1, &info);
    results[3] = userns_describe(0, &info);
    first_refused = 0;
    for (int i = 0; i < 4; i++) {
        CHECK(results[i] >= 0 || (calls >= nth && results[i] == -ENOMEM) ||
              (i == 3 && results[i] == -ENOTTY));
        if (i < 2 && results[i] >= 0)
            close(results[i]);
    }
    CHECK_EQ(in_use, before);
    return calls >= nth;
}

static void refuse_each_of_actions(void *pid)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_OWNED | USERNS_SCAN_PINNED);
    const struct userns_node *node = userns_find_pid(snapshot, *(pid_t *)pid);
    uint64_t inode = inode_of_link(*(pid_t *)pid, "net");
    int descriptors;
    long nth;

    deny_syscall(__NR_open_by_handle_at, ANY_ARGUMENT, 0, EOPNOTSUPP);
    descriptors = open_descriptors();
    for (int i = 0; i < 2; i++) {
        refuses_on = i == 1;
        nth = 1;
        while (actions_are_refused(node, find_nonuser(snapshot, inode), nth))
            nth++;
        CHECK(nth > 2);
    }
    CHECK_EQ(open_descriptors(), descriptors);
    userns_free(snapshot);
}

/* Whether saving made that many allocations. */
static bool saving_is_refused(const struct userns_snapshot *snapshot, long nth)
{
    long before = in_use;
    int fd = memory_file(), error;

    calls = 0;
    first_refused = nth;
    error = userns_save(snapshot, fd);
    first_refused = 0;
    close(fd);
    CHECK_EQ(error, calls >= nth ? -ENOMEM : 0);
    CHECK_EQ(in_use, before);
    return calls >= nth;
}

static bool loading_is_refused(int fd, long nth)
{
    static char garbage;
    struct userns_snapshot *snapshot = (void *)&garbage;
    long before = in_use;
    int error;

    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    calls = 0;
    first_refused = nth;
    error = userns_load(fd, &snapshot);
    first_refused = 0;
    CHECK_EQ(error, calls >= nth ? -ENOMEM : 0);
    CHECK((snapshot == NULL) == (error != 0));
    userns_free(snapshot);
    CHECK_EQ(in_use, before);
    return calls >= nth;
}

SITUATION(saved, IN_SANDBOX, "each allocation in turn fails while a snapshot is saved and loaded")
{
    pid_t pid = start(go_down, &(int){ 3 });
    struct userns_snapshot *snapshot;
    long nth;
    int fd;

    need_allocator();
    hold_in_all_ways(pid);
    snapshot = scan_with(EVERY_FLAG);
    fd = save(snapshot);
    for (int i = 0; i < 2; i++) {
        refuses_on = i == 1;
        for (nth = 1; saving_is_refused(snapshot, nth); nth++)
            ;
        CHECK_EQ(nth, 2); /* the buffer */
        for (nth = 1; loading_is_refused(fd, nth); nth++)
            ;
        CHECK(nth > 20);
    }
    userns_free(snapshot);
    close(fd);
}

/* The shortest records of each kind. All have a number, but the last one. */
static const struct {
    const char *begin, *record, *end;
} dense[] = {
    { "\"nodes\":[", "{\"inode\":%1$d}", "]" },
    { "\"nodes\":[{\"inode\":1,\"pids\":[", "%1$d", "]}]" },
    { "\"nodes\":[", "{\"inode\":%1$d,\"maps\":{}}", "]" },
    { "\"nodes\":[", "{\"inode\":%1$d,\"pids\":[%1$d]}", "]" },
    { "\"nodes\":[{\"inode\":9999999}", "{\"inode\":%1$d,\"parent\":9999999}", "]" },
    { "\"nonusers\":[", "{\"type\":\"net\",\"inode\":%1$d}", "]" },
    { "\"nodes\":[{\"inode\":1}],\"nonusers\":[{\"type\":\"net\",\"inode\":9999999}",
      "{\"type\":\"net\",\"inode\":%1$d,\"owner\":1}", "]" },
    { "\"processes\":[", "{\"pid\":%1$d}", "]" },
    { "\"processes\":[", "{\"pid\":%1$d,\"name\":\"\"}", "]" },
    { "\"processes\":[", "{\"pid\":%1$d,\"cgroup\":\"/%1$d\"}", "]" },
    { "\"nodes\":[{\"inode\":1,\"pins\":[", "{\"kind\":\"mount\"}", "]}]" },
};

static int dense_file(size_t kind, int count)
{
    int fd = memory_file();
    FILE *file = fdopen(dup(fd), "w");

    CHECK(file != NULL);
    fprintf(file, "{\"format\":{\"major\":1},%s", dense[kind].begin);
    for (int i = 1; i <= count; i++) {
        if (i > 1 || strchr(dense[kind].begin, '}') != NULL)
            fputc(',', file);
        fprintf(file, dense[kind].record, i);
    }
    fprintf(file, "%s}", dense[kind].end);
    CHECK(fclose(file) == 0);
    return fd;
}

SITUATION(of_loading, 0, "loading needs at most thirty times the size of the file, and 128 KiB")
{
    static const int counts[] = { 1, 1025, 65537 }; /* just after arrays have grown */

    need_allocator();
    for (size_t i = 0; i < sizeof dense / sizeof *dense; i++)
        for (size_t j = 0; j < sizeof counts / sizeof *counts; j++) {
            int fd = dense_file(i, counts[j]);
            long length = (long)lseek(fd, 0, SEEK_END), before = bytes;

            most_bytes = before;
            userns_free(load_from(fd));
            if (most_bytes - before > 30 * length + (128 << 10))
                fail("%d of '%s': %ld bytes need %ld", counts[j], dense[i].record, length,
                     most_bytes - before);
            CHECK_EQ(bytes, before);
            close(fd);
        }
}

SITUATION(actions, IN_SANDBOX, "each allocation in turn fails while namespaces are opened")
{
    pid_t pid = start(go_down_with, &(int){ CLONE_NEWNET });

    need_allocator();
    in_child(refuse_each_of_actions, &pid);
}

/* Whether a comparison made that many allocations. */
static bool comparison_is_refused(const struct userns_snapshot *before,
                                  const struct userns_snapshot *after, long nth)
{
    static char garbage;
    struct userns_changes *changes = (void *)&garbage;
    size_t count;
    long in_use_before = in_use;
    int error;

    calls = 0;
    first_refused = nth;
    error = userns_compare(before, after, &changes);
    first_refused = 0;
    if (calls < nth) {
        CHECK_EQ(error, 0);
        CHECK(userns_changes(changes, &count) != NULL && count >= 3);
        userns_changes_free(changes);
    } else {
        CHECK_EQ(error, -ENOMEM);
        CHECK(changes == NULL);
    }
    CHECK_EQ(in_use, in_use_before);
    return calls >= nth;
}

SITUATION(comparison, IN_SANDBOX, "each allocation in turn fails while snapshots are compared")
{
    pid_t pid = start(go_down, &(int){ 1 });
    struct userns_snapshot *before = scan(), *after;

    need_allocator();
    end(pid);
    start(go_down, &(int){ 2 });
    after = scan();
    for (int i = 0; i < 2; i++) {
        long nth = 1;

        refuses_on = i == 1;
        while (comparison_is_refused(before, after, nth))
            nth++;
        CHECK(nth > 5);
    }
    userns_free(before);
    userns_free(after);
}

/* Whether a probe made that many allocations. */
static bool probe_is_refused(uint32_t flags, long nth)
{
    struct userns_probe_options options = USERNS_PROBE_OPTIONS_INIT;
    struct userns_probe *probe;
    long before = in_use;
    int error;

    options.flags = flags;
    calls = 0;
    first_refused = nth;
    error = userns_probe(&options, &probe);
    first_refused = 0;
    CHECK(error == 0 || (calls >= nth && error == -ENOMEM && probe == NULL));
    userns_probe_free(probe);
    CHECK_EQ(in_use, before);
    return calls >= nth;
}

static void refuse_each_of_probe(uint32_t flags, long least)
{
    int descriptors = open_descriptors();

    for (int i = 0; i < 2; i++) {
        long nth = 1;

        refuses_on = i == 1;
        while (probe_is_refused(flags, nth))
            nth += time_factor();
        CHECK(nth > least);
    }
    CHECK_EQ(open_descriptors(), descriptors);
}

SITUATION(probe, IN_SANDBOX, "each allocation in turn fails while a probe finds reasons")
{
    pid_t pid;

    need_allocator();
    userns_free(scan()); /* which keeps the boot id */
    new_user_namespace();
    refuse_each_of_probe(0, 1);
    refuse_each_of_probe(USERNS_PROBE_SUBIDS, 2);
    refuse_each_of_probe(USERNS_PROBE_READ_ONLY, 2);
    pid = start(go_down, &(int){ 1 });
    CHECK(write_file("/proc/sys/user/max_user_namespaces", "1"));
    refuse_each_of_probe(0, 10); /* it scans */
    end(pid);
}

SITUATION(out_of_memory, IN_SANDBOX, "each allocation in turn fails")
{
    pid_t pid = start(go_down, &(int){ 3 });
    /* Without handles, BPF tells more maps than procfs, which takes its place. */
    uint64_t every_flag = opens_by_handle(pid) ? EVERY_FLAG : EVERY_FLAG & ~USERNS_SCAN_MAPS;

    need_allocator();
    hold_in_all_ways(pid);
    refuse_each_in_turn(0);
    refuse_each_in_turn(EVERY_FLAG);
    for (int i = 0; i < 2; i++) { /* the second time, the layout of the kernel is known */
        refuse_each_in_turn(USERNS_SCAN_BPF);
        refuse_each_in_turn(every_flag | USERNS_SCAN_BPF);
    }
    refuses_on = true;
    refuse_each_in_turn(0);
    refuse_each_in_turn(EVERY_FLAG);
    refuse_each_in_turn(USERNS_SCAN_BPF);
    refuse_each_in_turn(every_flag | USERNS_SCAN_BPF);
}
