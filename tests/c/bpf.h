/* Scans by BPF, and comparing them with scans through procfs. */
#ifndef SCAN_BY_BPF_H
#define SCAN_BY_BPF_H /* linux/filter.h defines BPF_H */

#include "kit.h"
#include "text.h"
#include <linux/bpf.h>
#include <linux/capability.h>

static UNUSED struct userns_snapshot *scan_by(uint64_t flags, uint32_t source)
{
    struct userns_snapshot *snapshot = scan_as(NULL, flags);

    CHECK_EQ(userns_source(snapshot), source);
    CHECK_EQ(userns_source_error(snapshot), 0);
    return snapshot;
}

/* The source of scans by BPF here. Linux 6.7 introduced the iterator over processes. */
static UNUSED uint32_t best_source(void)
{
    struct userns_snapshot *snapshot = scan_as(NULL, USERNS_SCAN_BPF);
    uint32_t source = userns_source(snapshot);

    CHECK(source == USERNS_SOURCE_BPF_PROCESSES || source == USERNS_SOURCE_BPF_TASKS);
    userns_free(snapshot);
    return source;
}

/* Compares a scan by BPF with one through procfs. */
static UNUSED void compare_with(uint64_t flags, uint32_t source)
{
    struct userns_snapshot *by_procfs = scan_by(flags, USERNS_SOURCE_PROCFS);
    struct userns_snapshot *by_bpf = scan_by(flags | USERNS_SCAN_BPF, source);

    CHECK(same_snapshot(by_procfs, by_bpf));
    CHECK_EQ(userns_gap_count(by_bpf, USERNS_GAP_UNREADABLE), 0);
    userns_free(by_procfs);
    userns_free(by_bpf);
}

/* The same of plain scans, and of those with facts about processes and namespaces. */
static UNUSED void compare(uint32_t source)
{
    compare_with(0, source);
    compare_with(USERNS_SCAN_CREDENTIALS | USERNS_SCAN_CGROUPS | USERNS_SCAN_MAPS, source);
    compare_with(USERNS_SCAN_MAPS | USERNS_SCAN_PINNED, source);
    compare_with(USERNS_SCAN_CREDENTIALS | USERNS_SCAN_NAMES, source);
}

static UNUSED void compare_pinned(uint64_t flags)
{
    struct userns_snapshot *by_procfs = scan_by(flags, USERNS_SOURCE_PROCFS);
    struct userns_snapshot *by_bpf = scan_by(flags | USERNS_SCAN_BPF, best_source());

    CHECK(same_snapshot(by_procfs, by_bpf));
    CHECK(same_text(pins_of(by_procfs), pins_of(by_bpf)));
    userns_free(by_procfs);
    userns_free(by_bpf);
}

/* A kernel before Linux 6.7 cannot run a BPF program by a system call. */
static UNUSED void imitate_kernel_before_6_7(void)
{
    deny_syscall(__NR_bpf, 0, BPF_PROG_TEST_RUN, EINVAL);
}

/* Keeps only the capabilities that loading a BPF program needs, see capset(2). */
static UNUSED void keep_bpf_alone(void)
{
    struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
    struct __user_cap_data_struct data[2] = { 0 };

    CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
    become_nobody(1234);
    data[1].effective = data[1].permitted = CAP_TO_MASK(CAP_BPF) | CAP_TO_MASK(CAP_PERFMON);
    CHECK(syscall(SYS_capset, &header, data) == 0);
}

#endif
