/*
 * links [TIMES]: the minimal read of the user namespaces of all processes through procfs. It
 * lists /proc, reads the link of each process, and keeps nothing.
 */
#define _GNU_SOURCE
#include "timing.h"
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* struct linux_dirent64, see getdents64(2). */
struct entry {
    unsigned long long inode;
    long long offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* Returns the number of processes whose link can be read. */
static unsigned long read_links(int proc)
{
    static _Alignas(struct entry) char buffer[256 * 1024];
    static const char link[] = "/ns/user";
    unsigned long count = 0;
    long filled;

    while ((filled = syscall(SYS_getdents64, proc, buffer, sizeof buffer)) > 0) {
        for (long offset = 0; offset < filled;) {
            const struct entry *entry = (const struct entry *)(buffer + offset);
            char path[32], text[32];
            size_t length = strlen(entry->name);

            offset += entry->length;
            if (entry->name[0] < '0' || entry->name[0] > '9' || length > 10)
                continue;
            memcpy(path, entry->name, length);
            memcpy(path + length, link, sizeof link);
            count += readlinkat(proc, path, text, sizeof text) > 0;
        }
    }
    return count;
}

int main(int argc, char *argv[])
{
    unsigned long count = 0;

    for (int times = argc > 1 ? atoi(argv[1]) : 1; times > 0; times--) {
        struct moment start;

        begin(&start);
        int proc = open("/proc", O_RDONLY | O_DIRECTORY);
        if (proc < 0) {
            perror("/proc");
            return EXIT_FAILURE;
        }
        count = read_links(proc);
        close(proc);
        end(&start);
    }
    printf("processes %lu\n", count);
    return EXIT_SUCCESS;
}
