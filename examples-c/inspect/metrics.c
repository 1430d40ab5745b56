/*
 * --openmetrics: numbers for Prometheus, through the textfile collector of its node exporter. That
 * reads the Prometheus text format; this is OpenMetrics 1.0, of which it uses only gauges, so that
 * it is both: "# UNIT" and "# EOF" are comments in the older format.
 */
#include "inspect.h"

static void begin_gauge(const char *name, const char *unit, const char *help)
{
    printf("# HELP %s %s\n# TYPE %s gauge\n", name, help, name);
    if (unit != NULL)
        printf("# UNIT %s %s\n", name, unit);
}

static void put_gauge(const char *name, uint64_t value, const char *help)
{
    begin_gauge(name, NULL, help);
    printf("%s %" PRIu64 "\n", name, value);
}

static void put_version(void)
{
    begin_gauge("userns_build_info", NULL, "The version of libuserns.");
    printf("userns_build_info{version=\"");
    put_text(stdout, userns_version(), LABEL_VALUE);
    puts("\"} 1");
}

static void put_time(const struct userns_snapshot *snapshot)
{
    const uint64_t second = 1000000000;
    uint64_t time = userns_time(snapshot);

    begin_gauge("userns_snapshot_timestamp_seconds", "seconds", "When the scan began.");
    printf("userns_snapshot_timestamp_seconds %" PRIu64 ".%09" PRIu64 "\n", time / second,
           time % second);
}

static void put_totals(const struct userns_snapshot *snapshot)
{
    size_t count, processes = 0, empty = 0;
    const struct userns_node *const *nodes = userns_nodes(snapshot, &count);

    for (size_t i = 0; i < count; i++) {
        size_t members;

        userns_pids(nodes[i], &members);
        processes += members;
        empty += (userns_flags(nodes[i]) & USERNS_NODE_EMPTY) != 0;
    }
    put_gauge("userns_namespaces", count, "User namespaces.");
    put_gauge("userns_empty_namespaces", empty, "User namespaces without a process.");
    put_gauge("userns_processes", processes, "Processes, in all user namespaces.");
}

/* Each gap has a sample, so that a rule need not know which are possible. */
static void put_gaps(const struct userns_snapshot *snapshot)
{
    const char *name;
    uint32_t gap;

    begin_gauge("userns_gap_things", NULL,
                "Things that the scan could not see, by gap; 1 for a gap without a number.");
    for (size_t i = 0; (name = gap_name(i, &gap)) != NULL; i++)
        printf("userns_gap_things{gap=\"%s\"} %zu\n", name, userns_gap_count(snapshot, gap));
}

static void put_user(const struct view *view, uid_t uid)
{
    const char *name = uid == (uid_t)-1 ? NULL : name_of_owner(view, uid);

    if (uid == (uid_t)-1)
        printf("{uid=\"unknown\",user=\"");
    else
        printf("{uid=\"%lu\",user=\"", (unsigned long)uid);
    if (name != NULL)
        put_text(stdout, name, LABEL_VALUE);
    printf("\"}");
}

/* The inode numbers of other namespaces would be labels that come and go. */
static void put_charges(const struct view *view)
{
    const struct userns_node *self = userns_self(view->snapshot);
    size_t count;
    const struct userns_charge *charges = userns_charges(self, &count);
    uint64_t limit;

    if (userns_limit(self, &limit))
        put_gauge("userns_max_namespaces", limit,
                  "User namespaces that each user may have (max_user_namespaces).");
    if (count > 0)
        begin_gauge("userns_charged_namespaces", NULL,
                    "User namespaces that count for that limit, at least, by user.");
    for (size_t i = 0; i < count; i++) {
        printf("userns_charged_namespaces");
        put_user(view, charges[i].uid);
        printf(" %" PRIu32 "\n", charges[i].count);
    }
}

void print_metrics(const struct view *view)
{
    put_version();
    put_time(view->snapshot);
    put_totals(view->snapshot);
    put_charges(view);
    put_gaps(view->snapshot);
    puts("# EOF");
}
