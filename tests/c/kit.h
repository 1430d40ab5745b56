/* The tools of situations; each header says what it is about. situation.h registers and runs them.
 */
#ifndef KIT_H
#define KIT_H

#include "check.h"
#include "namespace.h"
#include "process.h"
#include "scan.h"
#include "seccomp.h"

#ifndef SITUATION_H
/* For programs that list their situations in main(): loader.c and bindings.c. */
#define in_clean_room in_sandbox

struct situation {
    const char *name;
    void (*act)(void);
};

static UNUSED void act_out(void *situation)
{
    ((const struct situation *)situation)->act();
}

static UNUSED int run(const struct situation *all, int argc, char *argv[])
{
    for (; argc == 2 && all->name != NULL; all++)
        if (strcmp(all->name, argv[1]) == 0)
            return run_alone(act_out, (void *)all);
    fprintf(stderr, "usage: %s SITUATION\n", argv[0]);
    return 2;
}
#endif

#endif
