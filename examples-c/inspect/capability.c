/* --can: whether a process has a capability in a namespace, and why. */
#include "inspect.h"
#include <errno.h>
#include <stdlib.h>
#include <strings.h>

/* By number, see capabilities(7) and linux/capability.h. */
static const char *const names[] = {
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
};

enum { NAMED = sizeof names / sizeof *names };

int capability_by_name(const char *name)
{
    if (strncasecmp(name, "cap_", 4) == 0)
        name += 4;
    for (int i = 0; i < NAMED; i++)
        if (strcasecmp(name, names[i]) == 0)
            return i;
    return -1;
}

/* The child of the namespace of a process through which the process owns a node. */
static const struct userns_node *owned_through(const struct userns_node *home,
                                               const struct userns_node *node)
{
    while (userns_parent(node) != NULL && userns_parent(node) != home)
        node = userns_parent(node);
    return node;
}

static void put_reason(const struct view *view, pid_t pid, const struct userns_node *node, bool has,
                       uint32_t reason)
{
    const struct userns_node *home = userns_find_pid(view->snapshot, pid);

    switch (reason) {
    case USERNS_WHY_MEMBER:
        put_words("it is in this namespace, and %s", has ? "has it there" : "lacks it there");
        break;
    case USERNS_WHY_ANCESTOR:
        put_words("it is in an ancestor, %" PRIu64 ", and %s", userns_inode(home),
                  has ? "has it there" : "lacks it there");
        break;
    case USERNS_WHY_OWNER:
        put_words("it is in the parent of %" PRIu64 ", and has the UID of its owner",
                  userns_inode(owned_through(home, node)));
        break;
    case USERNS_WHY_OUTSIDE:
        put_words("it is neither in this namespace nor in an ancestor");
        break;
    default:
        put_words("its namespace, its credentials, an ancestor or an owner are out of sight");
    }
}

int print_verdict(const struct view *view, pid_t pid, int capability,
                  const struct userns_node *node)
{
    const char *name = userns_process_name(view->snapshot, pid);
    uint32_t reason = USERNS_WHY_HIDDEN;
    int answer = userns_capable(view->snapshot, pid, capability, node, &reason);

    if (answer < 0 && answer != -ENODATA) {
        report(NULL, "%s", userns_strerror(answer));
        return EXIT_FAILURE;
    }
    begin_line("", 0, HANGING);
    if (name != NULL && *name != '\0')
        put_named(name, " %ld", (long)pid);
    else
        put_words("process %ld", (long)pid);
    put_words(answer == 1 ? "has" : answer == 0 ? "does not have" : "may or may not have");
    if (capability < NAMED)
        put_words("cap_%s", names[capability]);
    else
        put_words("capability %d", capability);
    put_words("in %" PRIu64 ":", userns_inode(node));
    put_reason(view, pid, node, answer == 1, reason);
    end_line();
    return answer == 1 ? EXIT_SUCCESS : answer == 0 ? EXIT_NO : EXIT_UNKNOWN;
}
