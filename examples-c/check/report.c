/* The report for a person: a verdict, a line for each step, and the reasons. */
#include "../common/terminal.h"
#include "check.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const drawn_marks[] = { "✓", "✗", "–" };
static const char *const ascii_marks[] = { "ok  ", "FAIL", "-   " };

/* Writes some bytes like put_text(), or only counts the columns if out is NULL. Returns these. */
static int put_bytes(FILE *out, const char *text, size_t left)
{
    int columns = 0;

    for (size_t length; left > 0; text += length, left -= length) {
        int wide = columns_of_first(text, left, &length);

        if (out != NULL)
            fwrite(wide > 0 ? text : "?", 1, wide > 0 ? length : 1, out);
        columns += wide > 0 ? wide : 1;
    }
    return columns;
}

void put_text(FILE *out, const char *text)
{
    put_bytes(out, text, strlen(text));
}

/* Prints a label and a sentence, with the full stop that it lacks, on as many lines as it takes. */
static void print_sentence(const char *label, const char *sentence)
{
    int limit = width_of_output(), column = printf("%s", label);

    for (const char *word = sentence, *end; *word != '\0'; word = end + strspn(end, " ")) {
        int columns;

        end = word + strcspn(word, " ");
        columns = put_bytes(NULL, word, (size_t)(end - word)) + (*end == '\0'); /* with full stop */
        if (column + 1 + columns > limit)
            column = printf("\n    ") - 1;
        else
            column += printf(" ");
        put_bytes(stdout, word, (size_t)(end - word));
        column += columns;
    }
    printf(".\n");
}

static void print_verdict(const struct check *check)
{
    unsigned long uid = (unsigned long)geteuid();
    bool is_created = userns_probe_worked(check->probe) & USERNS_STEP_CREATE;

    if (check->options.flags & USERNS_PROBE_READ_ONLY)
        printf("Nothing was tried. Files show %s against user namespaces for UID %lu%s\n",
               check->works ? "no reason" : "these reasons", uid, check->works ? "." : ":");
    else if (check->works)
        printf("User namespaces work here for UID %lu.\n", uid);
    else if (is_created)
        printf("User namespaces work here only in part for UID %lu.\n", uid);
    else
        printf("User namespaces do not work here for UID %lu.\n", uid);
}

static void print_steps(const struct check *check)
{
    const char *const *marks = is_able_terminal() && has_utf8() ? drawn_marks : ascii_marks;

    putchar('\n');
    for (size_t i = 0; i < STEP_COUNT; i++) {
        enum result result = result_of(check, steps[i].bit);

        if (!(check->options.steps & steps[i].bit))
            continue;
        printf("  %s %-8s %s", marks[result], steps[i].name, steps[i].text);
        if (steps[i].bit == USERNS_STEP_MAP && check->options.flags & USERNS_PROBE_SUBIDS)
            printf(", and subordinate ids");
        if (userns_probe_failed_step(check->probe) == steps[i].bit)
            printf(": %s", error_text(userns_probe_error(check->probe)));
        else if (result == NOT_TRIED)
            printf(": not tried");
        putchar('\n');
    }
}

/* Security modules with policies for single programs do not give all of them the same answer. */
static bool depends_on_program(enum userns_reason_kind kind)
{
    return kind == USERNS_REASON_APPARMOR || kind == USERNS_REASON_SELINUX;
}

static void print_reasons(const struct check *check)
{
    size_t count;
    const struct userns_reason *const *reasons = userns_probe_reasons(check->probe, &count);
    bool is_ours = false;

    for (size_t i = 0; i < count; i++) {
        enum userns_reason_kind kind = userns_reason_kind(reasons[i]);
        char label[64];

        snprintf(label, sizeof label,
                 "%s (%s):", userns_reason_is_proved(reasons[i]) ? "Reason" : "Likely reason",
                 kind_name(kind));
        putchar('\n');
        print_sentence(label, userns_reason_text(reasons[i]));
        is_ours |= depends_on_program(kind);
    }
    if (is_ours)
        puts("\nSuch a module decides for each program. This is the answer for userns_check.");
}

void print_report(const struct check *check)
{
    bool is_tried = !(check->options.flags & USERNS_PROBE_READ_ONLY);

    print_verdict(check);
    if (is_tried)
        print_steps(check);
    print_reasons(check);
    if (check->works && is_tried && geteuid() == 0)
        puts("\nRoot may do more than other users. Run userns_check as the user in question.");
    if (!check->works)
        puts("\nuserns_check(1) explains the steps and the reasons.");
}
