/* The report as one JSON object (RFC 8259), which userns_check(1) describes. It is ASCII. */
#include "../common/json.h"
#include "check.h"
#include <string.h>
#include <unistd.h>

/* A byte that is not part of a character becomes U+FFFD. */
static void put_string(const char *text)
{
    putchar('"');
    for (size_t left = strlen(text), length; left > 0; text += length, left -= length) {
        uint32_t code = 0;

        length = decode(text, left, &code);
        put_in_string(length > 0 ? code : 0xfffd);
        length += length == 0;
    }
    putchar('"');
}

/* A name in words as one word, as userns-json(5) writes it: "not built" is not_built. */
static void put_word(const char *name)
{
    putchar('"');
    for (; *name != '\0'; name++)
        putchar(*name == ' ' ? '_' : *name);
    putchar('"');
}

static void put_flag(const char *name, bool is_set)
{
    printf(",\"%s\":%s", name, is_set ? "true" : "false");
}

static void put_step(const struct check *check, const struct step *step)
{
    static const char *const results[] = { "works", "fails", "not_tried" };
    int error = userns_probe_error(check->probe);

    printf("{\"step\":\"%s\",\"result\":\"%s\"", step->name, results[result_of(check, step->bit)]);
    if (userns_probe_failed_step(check->probe) == step->bit) {
        printf(",\"errno\":%d,\"error\":", -error);
        put_string(error_text(error));
    }
    putchar('}');
}

static void put_steps(const struct check *check)
{
    const char *before = "";

    fputs(",\"steps\":[", stdout);
    for (size_t i = 0; i < STEP_COUNT; i++) {
        if (check->options.steps & steps[i].bit) {
            fputs(before, stdout);
            put_step(check, &steps[i]);
            before = ",";
        }
    }
    putchar(']');
}

static void put_reasons(const struct check *check)
{
    size_t count;
    const struct userns_reason *const *reasons = userns_probe_reasons(check->probe, &count);

    fputs(",\"reasons\":[", stdout);
    for (size_t i = 0; i < count; i++) {
        printf("%s{\"kind\":", i > 0 ? "," : "");
        put_word(kind_name(userns_reason_kind(reasons[i])));
        put_flag("proved", userns_reason_is_proved(reasons[i]));
        fputs(",\"text\":", stdout);
        put_string(userns_reason_text(reasons[i]));
        putchar('}');
    }
    putchar(']');
}

void print_json(const struct check *check)
{
    uint32_t flags = check->options.flags;
    bool is_known = !check->works || !(flags & USERNS_PROBE_READ_ONLY);

    printf("{\"version\":\"%s\",\"uid\":%lu", userns_version(), (unsigned long)geteuid());
    put_flag("read_only", flags & USERNS_PROBE_READ_ONLY);
    put_flag("one_by_one", flags & USERNS_PROBE_ONE_BY_ONE);
    put_flag("subids", flags & USERNS_PROBE_SUBIDS);
    printf(",\"works\":%s", !is_known ? "null" : check->works ? "true" : "false");
    put_steps(check);
    put_reasons(check);
    fputs("}\n", stdout);
}
