/* Namespaces and processes as the command line names them. */
#define _GNU_SOURCE /* O_PATH */
#include "inspect.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

enum { LARGEST_PID = 4194304, NSFS = 0x6e736673 };

uint64_t number_in(const char *text, const char *end, uint64_t max)
{
    char *stop;
    uint64_t number;

    errno = 0;
    number = strtoull(text, &stop, 10);
    return *text >= '0' && *text <= '9' && stop == end && errno == 0 && number <= max ? number : 0;
}

uint64_t inode_in(const char *text)
{
    const char *end = text + strlen(text);
    size_t type = strspn(text, "abcdefghijklmnopqrstuvwxyz_");

    if (type > 0 && strncmp(text + type, ":[", 2) == 0 && end[-1] == ']') {
        text += type + 2;
        end--;
    }
    return number_in(text, end, UINT64_MAX);
}

/*
 * The inode number of a namespace, by its file or the directory of a process. Returns 0 if it is
 * none, with errno set if that is unknown.
 */
static uint64_t inode_of_path(int directory, const char *path)
{
    int file = openat(directory, path, O_PATH | O_CLOEXEC);
    struct stat status;
    struct statfs system;
    uint64_t inode = 0;

    if (file < 0)
        return 0;
    if (fstat(file, &status) == 0 && fstatfs(file, &system) == 0) {
        if (system.f_type == NSFS)
            inode = status.st_ino;
        else if (S_ISDIR(status.st_mode) && directory == AT_FDCWD)
            inode = inode_of_path(file, "ns/user");
        if (inode == 0 && errno == ENOENT) /* the path exists, but is no directory of a process */
            errno = 0;
    }
    close(file); /* open, it would be a pin itself */
    return inode;
}

void select_one(struct target *target, int kind, uint64_t number, const char *argument)
{
    if (target->kind != NONE)
        reject(argument, NULL, "only one namespace can be selected");
    target->kind = kind;
    target->number = number;
}

uint64_t parse_pid(const char *option, const char *argument)
{
    uint64_t pid = number_in(argument, argument + strlen(argument), INT32_MAX);

    if (pid == 0 && strcmp(argument, "self") != 0)
        reject(option, argument, "not a PID");
    return pid;
}

void select_pid(struct target *target, const char *argument)
{
    uint64_t pid = parse_pid("--pid", argument);

    select_one(target, pid == 0 ? SELF : ONE_PID, pid, "--pid");
}

void select_namespace(struct target *target, const char *argument)
{
    uint64_t inode = inode_in(argument);

    if (strcmp(argument, "self") == 0 || (inode != 0 && inode <= LARGEST_PID && *argument <= '9')) {
        select_pid(target, argument);
        return;
    }
    if (inode == 0) {
        errno = 0;
        inode = inode_of_path(AT_FDCWD, argument);
        target->is_path = true;
        if (inode == 0) {
            report(argument, "%s", errno != 0 ? strerror(errno) : "this is not a namespace");
            exit(EXIT_FAILURE);
        }
    }
    select_one(target, ONE_INODE, inode, argument);
}
