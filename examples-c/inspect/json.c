/*
 * --json: all that a snapshot knows, see userns-json(5). What this file prints itself is ASCII: a
 * terminal could take other characters for commands, and JSON has an escape for each.
 */
#include "../common/json.h"
#include "inspect.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The number of bytes at the beginning that are UTF-8. */
static size_t valid_length(const char *text)
{
    size_t valid = 0, length;
    uint32_t code;

    while (text[valid] != '\0' && (length = decode(text + valid, 4, &code)) > 0)
        valid += length;
    return valid;
}

static void put_valid(const char *text, size_t length)
{
    uint32_t code = 0;

    putchar('"');
    for (size_t i = 0; i < length;) {
        i += decode(text + i, length - i, &code);
        put_in_string(code);
    }
    putchar('"');
}

void put_json(const char *text)
{
    size_t length = valid_length(text);
    const char *before = "[";

    if (text[length] == '\0') {
        put_valid(text, length);
        return;
    }
    for (; *text != '\0'; text += length, before = ",") {
        fputs(before, stdout);
        length = valid_length(text);
        if (length > 0) {
            put_valid(text, length);
        } else {
            printf("%d", (unsigned char)*text);
            length = 1;
        }
    }
    putchar(']');
}

/* Prints JSON in UTF-8, in which only strings contain other than ASCII. */
static int print_as_ascii(const char *text, size_t length)
{
    uint32_t code = 0;

    for (size_t i = 0, step; i < length; i += step) {
        step = decode(text + i, length - i, &code);
        if (step == 0)
            return -EIO;
        if (code == '\n')
            putchar('\n');
        else
            put_code(code);
    }
    return 0;
}

static int print_file_as_ascii(FILE *file)
{
    long size = fseek(file, 0, SEEK_END) == 0 ? ftell(file) : -1;
    size_t length = size > 0 ? (size_t)size : 0;
    char *text = allocate(length, 1);
    int error;

    rewind(file);
    error =
        size >= 0 && fread(text, 1, length, file) == length ? print_as_ascii(text, length) : -EIO;
    free(text);
    return error;
}

/* For a terminal, with what it could take for commands escaped. */
static int save_to_terminal(const struct userns_snapshot *snapshot)
{
    FILE *file = tmpfile();
    int error = file == NULL ? -errno : userns_save(snapshot, fileno(file));

    if (error == 0)
        error = print_file_as_ascii(file);
    if (file != NULL)
        fclose(file);
    return error;
}

int print_json(const struct userns_snapshot *snapshot)
{
    int error =
        isatty(STDOUT_FILENO) ? save_to_terminal(snapshot) : userns_save(snapshot, STDOUT_FILENO);

    if (error == 0)
        return EXIT_SUCCESS;
    if (error != -EPIPE) /* which ends the other forms by a signal */
        report(NULL, "standard output: %s", userns_strerror(error));
    return EXIT_FAILURE;
}
