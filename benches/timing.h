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
    struct rusage usage;
};

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
    getrusage(RUSAGE_SELF, &start->usage);
    clock_gettime(CLOCK_MONOTONIC, &start->wall);
}

static double cpu_time(const struct timeval *from, const struct timeval *to)
{
    return (double)(to->tv_sec - from->tv_sec) * 1e6 + (double)(to->tv_usec - from->tv_usec);
}

/* Stops the clock and prints the time since the start. */
static void end(const struct moment *start)
{
    struct moment stop;

    clock_gettime(CLOCK_MONOTONIC, &stop.wall);
    getrusage(RUSAGE_SELF, &stop.usage);
    printf("time %.1f %.0f %.0f\n",
           (double)(stop.wall.tv_sec - start->wall.tv_sec) * 1e6 +
               (double)(stop.wall.tv_nsec - start->wall.tv_nsec) / 1e3,
           cpu_time(&start->usage.ru_utime, &stop.usage.ru_utime),
           cpu_time(&start->usage.ru_stime, &stop.usage.ru_stime));
}

#endif
