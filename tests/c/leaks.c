/* Thousands of scans leave no memory, no mappings and no descriptors. */
#include "situation.h"
#include "bpf.h"
#include "pins.h"

SITUATION(plain_scans, IN_SANDBOX, "plain scans leave no memory and no descriptors")
{
    int two = 2, descriptors = open_descriptors();
    long limit = 256 * 1024 / sysconf(_SC_PAGESIZE), before = 0;

    start(go_down, &two);
    for (int i = 1; i <= rounds(10000); i++) {
        userns_free(scan());
        if (i == rounds(1000))
            before = resident_pages();
    }
    CHECK(resident_pages() - before < limit);
    CHECK_EQ(open_descriptors(), descriptors);
}

SITUATION(pinned_scans, IN_SANDBOX, "scans for pins leave no memory and no descriptors")
{
    struct held *held = shared(2 * sizeof *held);
    int descriptors = open_descriptors();
    long limit = 256 * 1024 / sysconf(_SC_PAGESIZE), before = 0;

    start(hold_descriptor, &held[0]);
    start(hold_by_overmounted_mount, &held[1]);
    for (int i = 1; i <= rounds(10000); i++) {
        CHECK(finds(USERNS_SCAN_SOCKETS | USERNS_SCAN_NAMES, held[i % 2].inode));
        if (i == rounds(1000))
            before = resident_pages();
    }
    CHECK(resident_pages() - before < limit);
    CHECK_EQ(open_descriptors(), descriptors);
}

static int lines_of(const char *path)
{
    FILE *file = fopen(path, "re");
    int lines = 0, c;

    CHECK(file != NULL);
    while ((c = fgetc(file)) != EOF)
        lines += c == '\n';
    fclose(file);
    return lines;
}

SITUATION(bpf_scans, IN_SANDBOX, "scans by BPF leave no memory, no mappings and no descriptors")
{
    uint32_t source;
    int descriptors, mappings;
    long pages;

    need_bpf();
    source = best_source();
    start(go_down, &(int){ 3 });
    for (int i = 0; i < 20; i++)
        userns_free(scan_by(USERNS_SCAN_PINNED | USERNS_SCAN_BPF, source));
    descriptors = open_descriptors();
    mappings = lines_of("/proc/self/maps");
    pages = resident_pages();
    for (int i = 0; i < rounds(1000); i++)
        userns_free(scan_by(USERNS_SCAN_BPF | (i % 8 == 0 ? USERNS_SCAN_PINNED : 0), source));
    CHECK_EQ(open_descriptors(), descriptors);
    /* While other tests run thousands of threads, glibc keeps more freed memory. */
    CHECK(lines_of("/proc/self/maps") < mappings + 10);
    CHECK(resident_pages() < pages + 256);
}
