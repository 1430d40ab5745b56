/* Random trees of namespaces and processes. */
#ifndef MODEL_H
#define MODEL_H

#include "kit.h"

enum { SPACES = 40, PROCESSES = 120 };

/* The tree that a snapshot must show. Index 0 is the namespace of the sandbox. */
struct model {
    int spaces;
    struct {
        uint64_t inode;
        int parent;
        bool alive;
    } space[SPACES];
    int processes;
    struct {
        pid_t pid;
        int space;
    } process[PROCESSES];
};

/* Each process joins a namespace or makes one below it; then some end. */
static UNUSED void grow(struct model *model)
{
    model->spaces = 1;
    model->space[0].inode = inode_of(getpid());
    model->space[0].parent = -1;
    model->processes = 1;
    model->process[0].pid = getpid();
    while (model->processes < PROCESSES) {
        int host = rand() % model->processes, space = model->process[host].space;
        bool makes_one = model->spaces < SPACES && rand() % 3 == 0;
        pid_t *joined = &model->process[host].pid;
        pid_t pid;

        if (makes_one) {
            pid = start(space == 0 ? go_down : join_and_go_down,
                        space == 0 ? (void *)&(int){ 1 } : joined);
            model->space[model->spaces].inode = inode_of(pid);
            model->space[model->spaces].parent = space;
            space = model->spaces++;
        } else {
            static int none;
            pid = start(space == 0 ? go_down : join, space == 0 ? (void *)&none : joined);
        }
        model->process[model->processes].pid = pid;
        model->process[model->processes++].space = space;
    }
}

static UNUSED void prune(struct model *model)
{
    for (int i = 1; i < model->processes; i++) {
        if (rand() % 3 == 0) {
            end(model->process[i].pid);
            model->process[i--] = model->process[--model->processes];
        }
    }
    for (int i = 0; i < model->processes; i++)
        for (int space = model->process[i].space; space >= 0; space = model->space[space].parent)
            model->space[space].alive = true;
}

#endif
