/* The parts of userns_check, by the file that defines them. */
#ifndef CHECK_H
#define CHECK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <userns.h>

/* What was asked for, and what came of it. */
struct check {
    struct userns_probe_options options;
    const struct userns_probe *probe;
    bool works; /* all wanted steps work; with --read-only, there is no reason against it */
};

/* A step: its bit, its name at the command line and in JSON, and what it is. */
struct step {
    uint64_t bit;
    const char *name, *text;
};

enum { STEP_COUNT = 6 };
extern const struct step steps[STEP_COUNT];

enum result { WORKS, FAILS, NOT_TRIED };

/* What came of a step. */
enum result result_of(const struct check *check, uint64_t step);

/* An error of a step in words. */
const char *error_text(int error);

/* The name of a kind of reasons. */
const char *kind_name(enum userns_reason_kind kind);

/* report.c: the report for a person. */

void print_report(const struct check *check);

/* Writes a text in which "?" stands for what is not printable. */
void put_text(FILE *out, const char *text);

/* json.c: the report for a program, one object. */

void print_json(const struct check *check);

#endif
