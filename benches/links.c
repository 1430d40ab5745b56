/*
 * links [ns | fd] [TIMES]: the minimal read of namespaces through procfs. It lists /proc, reads
 * links, and keeps nothing:
 *
 * - by default, the link of each process to its user namespace;
 * - ns: the ten links in the directory `ns` of each process;
 * - fd: these, and the link of each descriptor in its directory `fd`.
 */
#define _GNU_SOURCE
#include "timing.h"
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

enum mode { USER, NS, FD };

/* struct linux_dirent64, see getdents64(2). */
struct entry {
    unsigned long long inode;
    long long offset;
    unsigned short length;
    unsigned char type;
    char name[];
};

/* The size of the buffer for the entries of a directory. */
enum { SIZE = 256 * 1024 };

static bool read_link(int directory, const char *name)
{
    char text[64];

    return readlinkat(directory, name, text, sizeof text) > 0;
}

static bool read_namespaces(int proc, const char *path)
{
    static const char *const names[] = {
        "user",
        "pid",
        "net",
        "mnt",
        "ipc",
        "uts",
        "cgroup",
        "time",
        "pid_for_children",
        "time_for_children",
    };
    int directory = openat(proc, path, O_PATH | O_DIRECTORY);
    bool is_read = false;

    if (directory < 0)
        return false;
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
        is_read |= read_link(directory, names[i]);
    close(directory);
    return is_read;
}

static void read_descriptors(int proc, const char *path)
{
    static _Alignas(struct entry) char buffer[SIZE];
    int directory = openat(proc, path, O_RDONLY | O_DIRECTORY);
    long filled;

    if (directory < 0)
        return;
    while ((filled = syscall(SYS_getdents64, directory, buffer, sizeof buffer)) > 0) {
        for (long offset = 0; offset < filled;) {
            const struct entry *entry = (const struct entry *)(buffer + offset);

            offset += entry->length;
            if (entry->name[0] != '.')
                read_link(directory, entry->name);
        }
    }
    close(directory);
}

/* Reads the links of one process. Returns whether it can. */
static bool read_process(int proc, const char *pid, enum mode mode)
{
    char path[32];
    size_t length = strlen(pid);

    memcpy(path, pid, length);
    strcpy(path + length, mode == USER ? "/ns/user" : "/ns");
    if (mode == USER)
        return read_link(proc, path);
    bool is_read = read_namespaces(proc, path);
    if (mode == FD) {
        strcpy(path + length, "/fd");
        read_descriptors(proc, path);
    }
    return is_read;
}

/* Returns the number of processes whose links can be read. */
static unsigned long read_processes(int proc, enum mode mode)
{
    static _Alignas(struct entry) char buffer[SIZE];
    unsigned long count = 0;
    long filled;

    while ((filled = syscall(SYS_getdents64, proc, buffer, sizeof buffer)) > 0) {
        for (long offset = 0; offset < filled;) {
            const struct entry *entry = (const struct entry *)(buffer + offset);

            offset += entry->length;
            if (entry->name[0] >= '0' && entry->name[0] <= '9' && strlen(entry->name) <= 10)
                count += read_process(proc, entry->name, mode);
        }
    }
    return count;
}

int main(int argc, char *argv[])
{
    enum mode mode = USER;
    unsigned long count = 0;
    int times = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "ns") == 0)
            mode = NS;
        else if (strcmp(argv[i], "fd") == 0)
            mode = FD;
        else
            times = atoi(argv[i]);
    }
    while (times-- > 0) {
        struct moment start;

        begin(&start);
        int proc = open("/proc", O_RDONLY | O_DIRECTORY);
        if (proc < 0) {
            perror("/proc");
            return EXIT_FAILURE;
        }
        count = read_processes(proc, mode);
        close(proc);
        end(&start);
    }
    printf("processes %lu\n", count);
    return EXIT_SUCCESS;
}
