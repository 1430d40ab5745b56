/*
 * The functions of a probe for userns_check, which is compiled with this file: environment variables
 * are the answers, also those that no host of a test gives.
 */
#include <stdlib.h>
#include <userns.h>

static long number(const char *variable)
{
    const char *text = getenv(variable);

    return text != NULL ? atol(text) : 0;
}

int userns_probe(const struct userns_probe_options *options, struct userns_probe **probe)
{
    static char nothing;

    (void)options;
    *probe = (struct userns_probe *)&nothing;
    return (int)number("PROBE");
}

void userns_probe_free(struct userns_probe *probe)
{
    (void)probe;
}

uint64_t userns_probe_tried(const struct userns_probe *probe)
{
    (void)probe;
    return (uint64_t)number("TRIED");
}

uint64_t userns_probe_worked(const struct userns_probe *probe)
{
    (void)probe;
    return (uint64_t)number("WORKED");
}

uint64_t userns_probe_failed_step(const struct userns_probe *probe)
{
    (void)probe;
    return (uint64_t)number("FAILED");
}

int userns_probe_error(const struct userns_probe *probe)
{
    (void)probe;
    return (int)number("ERROR");
}

const struct userns_reason *const *userns_probe_reasons(const struct userns_probe *probe,
                                                        size_t *count)
{
    static const struct userns_reason *reason;

    *count = getenv("TEXT") != NULL;
    reason = (const struct userns_reason *)probe;
    return &reason;
}

enum userns_reason_kind userns_reason_kind(const struct userns_reason *reason)
{
    (void)reason;
    return (enum userns_reason_kind)number("KIND");
}

bool userns_reason_is_proved(const struct userns_reason *reason)
{
    (void)reason;
    return number("PROVED") != 0;
}

const char *userns_reason_text(const struct userns_reason *reason)
{
    (void)reason;
    return getenv("TEXT");
}
