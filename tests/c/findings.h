/* How much a scan for pins finds, for situations in which it must find nothing new. */
#ifndef FINDINGS_H
#define FINDINGS_H

#include "kit.h"

/* Pins other than member processes and owned namespaces. */
static UNUSED size_t count_holders(const struct userns_pin *const *pins, size_t count)
{
    size_t holders = 0;

    for (size_t i = 0; i < count; i++)
        holders += userns_pin_kind(pins[i]) != USERNS_PIN_MEMBER &&
                   userns_pin_kind(pins[i]) != USERNS_PIN_OWNED;
    return holders;
}

/* In a sandbox, they include mounts of the host. */
struct findings {
    size_t nodes, holders;
    uint32_t gaps;
};

static UNUSED struct findings find_all(void)
{
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_SOCKETS);
    struct findings findings = { .gaps = userns_gaps(snapshot) };
    const struct userns_node *const *nodes = userns_nodes(snapshot, &findings.nodes);
    size_t owned_count, count;

    for (size_t i = 0; i < findings.nodes; i++) {
        const struct userns_nonuser *const *owned = userns_owned(nodes[i], &owned_count);
        const struct userns_pin *const *pins = userns_pins(nodes[i], &count);

        findings.holders += count_holders(pins, count);
        for (size_t j = 0; j < owned_count; j++) {
            pins = userns_nonuser_pins(owned[j], &count);
            findings.holders += count_holders(pins, count);
        }
    }
    userns_free(snapshot);
    return findings;
}

/* An emulated machine is so slow that a scan can reach its limits on the time; not twice. */
static UNUSED void check_nothing_new(const struct findings *before)
{
    struct findings now = find_all();
    uint32_t gaps = now.gaps & ~before->gaps;

    CHECK(now.nodes <= before->nodes && now.holders <= before->holders);
    if (gaps != 0 && time_factor() > 1)
        gaps &= find_all().gaps;
    if (gaps != 0)
        fail("new gaps: %#" PRIx32, gaps);
}

#endif
