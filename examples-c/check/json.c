/* The report as one JSON object (RFC 8259), which userns_check(1) describes. It is ASCII. */
#include "check.h"
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

/*
 * Reads a character of UTF-8. Returns its length in bytes. A byte that is not part of a character
 * becomes U+FFFD.
 */
static size_t decode(const char *text, uint32_t *character)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0x80 ? 1 : first < 0xc0 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    uint32_t value = length <= 1 ? first : first & (0xffu >> (length + 1));

    *character = 0xfffd;
    for (size_t i = 1; i < length; i++) {
        unsigned char next = (unsigned char)text[i];
        if ((next & 0xc0) != 0x80) /* also the end of the text */
            return 1;
        value = value << 6 | (next & 0x3f);
    }
    if (length == 0 || first >= 0xf8 || value < smallest[length] || value > 0x10ffff ||
        (value >= 0xd800 && value <= 0xdfff))
        return 1;
    *character = value;
    return length;
}

static void put_string(const char *text)
{
    uint32_t character;

    putchar('"');
    while (*text != '\0') {
        text += decode(text, &character);
        if (character >= 0x10000)
            printf("\\u%04" PRIx32 "\\u%04" PRIx32, 0xd800 + ((character - 0x10000) >> 10),
                   0xdc00 + (character & 0x3ff));
        else if (character < ' ' || character > '~')
            printf("\\u%04" PRIx32, character);
        else if (character == '"' || character == '\\')
            printf("\\%c", (int)character);
        else
            putchar((int)character);
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
