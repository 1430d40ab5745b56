#include <stdio.h>
#include <string.h>
#include <userns.h>

/* Says whether the caller can make a user namespace and use it, and if not, why. */
int main(void)
{
    struct userns_probe_options options = USERNS_PROBE_OPTIONS_INIT;
    struct userns_probe *probe;
    size_t count;

    options.steps = USERNS_STEP_CAPABLE;
    int error = userns_probe(&options, &probe);
    if (error < 0) {
        fprintf(stderr, "%s\n", userns_strerror(error));
        return 2;
    }
    if (userns_probe_worked(probe) & USERNS_STEP_CAPABLE)
        puts("user namespaces work");
    else
        printf("they do not: %s\n", strerror(-userns_probe_error(probe)));
    const struct userns_reason *const *reasons = userns_probe_reasons(probe, &count);
    for (size_t i = 0; i < count; i++)
        printf("%s: %s\n", userns_reason_is_proved(reasons[i]) ? "reason" : "likely reason",
               userns_reason_text(reasons[i]));
    userns_probe_free(probe);
    return 0;
}
