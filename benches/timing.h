/*
 * The clock of the programs of the benchmark. Each program repeats its work several times and
 * prints one line "time WALL USER SYSTEM" per repetition, in microseconds.
 */
#ifndef TIMING_H
#define TIMING_H

#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

enum { SKIPPED = 77 /* exit status: impossible on this machine; standard error has the reason */ };

struct moment {
    struct timespec wall;
    double user, system; /* of this process and of its children: a scan reads procfs in children */
};

static double microseconds(const struct timeval *time)
{
    return (double)time->tv_sec * 1e6 + (double)time->tv_usec;
}

static void read_cpu_time(struct moment *moment)
{
    struct rusage self, children;

    getrusage(RUSAGE_SELF, &self);
    getrusage(RUSAGE_CHILDREN, &children);
    moment->user = microseconds(&self.ru_utime) + microseconds(&children.ru_utime);
    moment->system = microseconds(&self.ru_stime) + microseconds(&children.ru_stime);
}

/*
 * Starts the clock. Before every repetition except the first it waits, as a monitoring agent
 * does: without the wait, all data would still be in the caches of the processor.
 */
static void begin(struct moment *start)
{
    static const struct timespec pause = { .tv_nsec = 20 * 1000 * 1000 };
    static int times;

    if (times++ > 0)
        nanosleep(&pause, NULL);
    read_cpu_time(start);
    clock_gettime(CLOCK_MONOTONIC, &start->wall);
}

/* Stops the clock and prints the time since the start. */
static void end(const struct moment *start)
{
    struct moment stop;

    clock_gettime(CLOCK_MONOTONIC, &stop.wall);
    read_cpu_time(&stop);
    printf("time %.1f %.0f %.0f\n",
           (double)(stop.wall.tv_sec - start->wall.tv_sec) * 1e6 +
               (double)(stop.wall.tv_nsec - start->wall.tv_nsec) / 1e3,
           stop.user - start->user, stop.system - start->system);
}

#endif
