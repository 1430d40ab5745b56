/* FUSE file systems: a directory with the file "ns", served by a thread; one of a single file. */
#ifndef FUSE_H
#define FUSE_H

#include "kit.h"
#include <linux/fuse.h>
#include <pthread.h>

static UNUSED void answer(int device, uint64_t unique, const void *data, size_t size)
{
    char reply[sizeof(struct fuse_out_header) + 256];
    struct fuse_out_header header = { .len = (uint32_t)(sizeof header + size), .unique = unique };

    memcpy(reply, &header, sizeof header);
    memcpy(reply + sizeof header, data, size);
    CHECK(write(device, reply, header.len) == (ssize_t)header.len);
}

static UNUSED void answer_init(int device, uint64_t unique)
{
    struct fuse_init_out init = { .major = FUSE_KERNEL_VERSION, .minor = 31, .max_write = 4096 };

    answer(device, unique, &init, sizeof init);
}

static UNUSED struct fuse_attr attributes_of(uint64_t node)
{
    bool is_root = node == FUSE_ROOT_ID;

    return (struct fuse_attr){
        .ino = node,
        .nlink = 1,
        .mode = is_root ? S_IFDIR | 0755 : S_IFREG | 0644,
    };
}

static UNUSED void serve_one(int device)
{
    char request[FUSE_MIN_READ_BUFFER + 4096];
    const struct fuse_in_header *header = (void *)request;
    struct fuse_entry_out entry = { .nodeid = 2, .attr = attributes_of(2) };
    struct fuse_attr_out attributes = { .attr = attributes_of(header->nodeid) };

    CHECK(read(device, request, sizeof request) > 0);
    attributes.attr = attributes_of(header->nodeid);
    if (header->opcode == FUSE_INIT)
        answer_init(device, header->unique);
    else if (header->opcode == FUSE_LOOKUP)
        answer(device, header->unique, &entry, sizeof entry);
    else if (header->opcode == FUSE_GETATTR)
        answer(device, header->unique, &attributes, sizeof attributes);
    else if (header->opcode != FUSE_FORGET)
        answer(device, header->unique, NULL, 0); /* FUSE_ACCESS: allowed */
}

static UNUSED void *serve(void *device)
{
    for (;;)
        serve_one(*(int *)device);
    return NULL;
}

/* Mounts a file system with a root of this type; returns the device, which nobody serves yet. */
static UNUSED int mount_device(const char *path, unsigned type)
{
    int device = open("/dev/fuse", O_RDWR | O_CLOEXEC);
    char options[64];

    if (device < 0)
        skip("cannot open /dev/fuse: %s", strerror(errno));
    snprintf(options, sizeof options, "fd=%d,rootmode=%o,user_id=0,group_id=0", device, type);
    CHECK(mount("none", path, "fuse", 0, options) == 0);
    return device;
}

/* Mounts it, with a directory or a file as its root, and a thread that serves the device. */
static UNUSED void mount_server_with(const char *path, unsigned type, void *(*act)(void *))
{
    int *device = malloc(sizeof *device); /* for the thread */
    pthread_t thread;

    CHECK(device != NULL);
    *device = mount_device(path, type);
    CHECK(pthread_create(&thread, NULL, act, device) == 0);
}

/* The kernel caches no answer. */
static UNUSED void mount_server(const char *path, unsigned type)
{
    mount_server_with(path, type, serve);
}

/* ---- A file whose server does not answer ---- */

/* Mounts it on a new file; returns the device. */
static UNUSED int mount_dead_server(const char *path)
{
    CHECK(close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0666)) == 0);
    return mount_device(path, S_IFREG | 0755);
}

/* Answers until the file has been opened; nobody answers FLUSH. */
static UNUSED void serve_until_open(int device)
{
    char request[FUSE_MIN_READ_BUFFER + 4096];
    const struct fuse_in_header *header = (void *)request;
    struct fuse_attr_out attributes = { .attr_valid = 3600, .attr = attributes_of(FUSE_ROOT_ID) };
    struct fuse_open_out opened = { .fh = 1 };

    attributes.attr.mode = S_IFREG | 0755;
    do {
        CHECK(read(device, request, sizeof request) > 0);
        if (header->opcode == FUSE_INIT)
            answer_init(device, header->unique);
        else if (header->opcode == FUSE_GETATTR)
            answer(device, header->unique, &attributes, sizeof attributes);
        else if (header->opcode == FUSE_OPEN)
            answer(device, header->unique, &opened, sizeof opened);
    } while (header->opcode != FUSE_OPEN);
}

#endif
