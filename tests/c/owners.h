/* User namespaces that map several ids, made by users other than root; credentials of processes. */
#ifndef OWNERS_H
#define OWNERS_H

#include "kit.h"
#include <linux/capability.h>

/* For make_namespace(). */
struct maker {
    int parent;          /* a descriptor of the user namespace; -1: that of this process */
    unsigned owner;      /* who makes it, as the parent numbers the users */
    unsigned lower, ids; /* 0, 1, … are these in the parent */
    bool
        in_extents; /* but the second half of the ids comes first; a namespace below can have one half */
    bool has_more; /* and more ids, behind a gap */
};

/* Becomes another user; the capabilities remain permitted. */
static UNUSED void become(unsigned uid)
{
    CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
    CHECK(setresgid(uid, uid, uid) == 0 && setresuid(uid, uid, uid) == 0);
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
}

static UNUSED void set_capabilities(uint64_t effective)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];

    CHECK(syscall(SYS_capget, &header, data) == 0);
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].permitted & (uint32_t)(effective >> 32 * i);
    CHECK(syscall(SYS_capset, &header, data) == 0);
}

static UNUSED uint64_t effective_capabilities(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];

    CHECK(syscall(SYS_capget, &header, data) == 0);
    return (uint64_t)data[1].effective << 32 | data[0].effective;
}

/* Maps the ids of the parent process, once it is in its new user namespace. */
static UNUSED void map_ids_of_parent(const struct maker *maker, const int ready[2])
{
    static const char *const files[] = { "uid_map", "gid_map" };
    unsigned half = maker->in_extents ? maker->ids / 2 : 0;
    char byte, path[64], map[160];

    snprintf(map, sizeof map, "0 %u %u", maker->lower, maker->ids);
    if (half > 0)
        snprintf(map, sizeof map, "0 %u %u\n%u %u %u\n%s", maker->lower + half, half, half,
                 maker->lower, half, maker->has_more ? "1000 200000 5\n" : "");
    /* A maker that has become another user and fails cannot end its child by a signal. */
    close(ready[1]);
    if (read(ready[0], &byte, 1) != 1)
        _exit(1);
    for (int i = 0; i < 2; i++) {
        snprintf(path, sizeof path, "/proc/%d/%s", (int)getppid(), files[i]);
        CHECK(write_file(path, "%s", map));
    }
}

/* For start(): makes a user namespace and is root in it; the argument points to a struct maker. */
static UNUSED void make_namespace(void *argument)
{
    const struct maker *maker = argument;
    int ready[2];
    pid_t helper;

    if (maker->parent >= 0)
        CHECK(setns(maker->parent, CLONE_NEWUSER) == 0);
    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    helper = fork_child();
    if (helper == 0) {
        map_ids_of_parent(maker, ready);
        _exit(0);
    }
    become(maker->owner);
    if (unshare(CLONE_NEWUSER) != 0)
        skip("cannot make a user namespace: %s", strerror(errno));
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    CHECK(write(ready[1], "", 1) == 1);
    expect_success(helper);
    close(ready[0]);
    close(ready[1]);
    become(0);
    set_capabilities(UINT64_MAX);
}

#endif
