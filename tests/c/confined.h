/* Probes of processes that a security module confines, on the machines of make check-policies. */
#ifndef CONFINED_H
#define CONFINED_H

#include "probe.h"

struct confined {
    void (*enter)(const char *label);
    const char *label;
    bool as_nobody;
    struct expected expected;
};

static UNUSED void check_only_kind(uint32_t flags, enum userns_reason_kind kind)
{
    struct userns_probe *answer = probe(flags, ALL_STEPS);
    size_t count;
    const struct userns_reason *const *reasons = userns_probe_reasons(answer, &count);

    for (size_t i = 0; i < count; i++)
        if (userns_reason_kind(reasons[i]) != kind) {
            print_probe(answer);
            fail("a reason is not of kind %d", (int)kind);
        }
    userns_probe_free(answer);
}

static UNUSED void probe_confined(void *argument)
{
    const struct confined *confined = argument;

    if (confined->as_nobody)
        become_nobody(0);
    confined->enter(confined->label);
    for (uint32_t flags = 0; flags < 4; flags += USERNS_PROBE_ONE_BY_ONE)
        if (confined->expected.failed == 0) {
            check_works(flags, ALL_STEPS);
        } else {
            check_probe(flags, ALL_STEPS, confined->expected);
            check_only_kind(flags, confined->expected.kind);
        }
}

/* Probes as root and as an ordinary user, in both ways. If no step is expected to fail, all work. */
static UNUSED void check_confined(void (*enter)(const char *), const char *label,
                                  struct expected expected)
{
    in_child(probe_confined, &(struct confined){ enter, label, false, expected });
    in_child(probe_confined, &(struct confined){ enter, label, true, expected });
}

/* What files tell, without a trial. */
static UNUSED void check_read_only(enum userns_reason_kind kind, bool is_told)
{
    struct userns_probe *answer = probe(USERNS_PROBE_READ_ONLY, ALL_STEPS);
    const struct userns_reason *reason = reason_of(answer, kind);

    print_probe(answer);
    CHECK(is_told ? reason != NULL && userns_reason_is_proved(reason) : reason == NULL);
    userns_probe_free(answer);
}

#endif
