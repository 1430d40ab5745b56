/* The pins of a namespace: what keeps it alive. */
#include "inspect.h"
#include <string.h>
#include <sys/stat.h>

/* The inode number of the mount namespace of this program, in which umount(8) works as it is. */
static uint64_t own_mount_namespace(void)
{
    static struct stat status; /* it does not change */

    if (status.st_ino == 0 && stat("/proc/self/ns/mnt", &status) != 0)
        status.st_ino = 1; /* of no namespace */
    return status.st_ino;
}

/* "mnt 4026532190 (overmounted)": the mount namespace, if it is another one, and the state. */
static void describe_mount(const struct view *view, const struct userns_pin *pin, char *text,
                           size_t size)
{
    uint64_t inode = userns_nonuser_inode(userns_pin_nonuser(pin));
    const char *state = "";
    char namespace[32] = "";

    if (inode != 0 && (view->is_foreign || inode != own_mount_namespace()))
        snprintf(namespace, sizeof namespace, "mnt %" PRIu64, inode);
    if (userns_pin_is_overmounted(pin) && userns_pin_may_be_locked(pin))
        state = "(overmounted, may be locked)";
    else if (userns_pin_is_overmounted(pin))
        state = "(overmounted)";
    else if (userns_pin_may_be_locked(pin))
        state = "(may be locked)";
    snprintf(text, size, "%s%s%s", namespace, *namespace != '\0' && *state != '\0' ? " " : "",
             state);
}

/* "bash 12 fd 7,": the process of a pin, with its thread and descriptor or mount. */
static void put_holder(const struct view *view, const struct userns_pin *pin, const char *comma)
{
    pid_t pid = userns_pin_pid(pin), tid = userns_pin_tid(pin);
    char thread[32] = "", descriptor[32] = "", mount[80] = "";

    if (tid != 0 && tid != pid) /* a thread other than the thread-group leader */
        snprintf(thread, sizeof thread, " thread %ld", (long)tid);
    if (userns_pin_descriptor(pin) >= 0)
        snprintf(descriptor, sizeof descriptor, " fd %d", userns_pin_descriptor(pin));
    if (userns_pin_kind(pin) == USERNS_PIN_MOUNT)
        describe_mount(view, pin, mount, sizeof mount);
    put_named(name_of(view, pid), " %ld%s%s%s", (long)pid, thread, descriptor,
              *mount == '\0' ? comma : "");
    if (*mount != '\0')
        put("%s%s", mount, comma);
}

/* Only if each descriptor is closed does the namespace end, so descriptors are all listed. */
void put_holders(const struct view *view, const struct userns_pin *const *pins, size_t count)
{
    enum { EXAMPLES = 4 };
    bool all = view->all || count <= EXAMPLES || userns_pin_descriptor(pins[0]) >= 0;
    size_t shown = all ? count : EXAMPLES;

    for (size_t i = 0; i < shown; i++)
        put_holder(view, pins[i], i + 1 < shown ? "," : "");
    if (shown < count)
        put("and %zu more", count - shown);
}

size_t count_members(const struct userns_pin *const *pins, size_t count)
{
    size_t members = 0;

    while (members < count && userns_pin_kind(pins[members]) == USERNS_PIN_MEMBER)
        members++;
    return members;
}

const char *pin_word(const struct userns_pin *pin)
{
    static const char *const words[] = {
        [USERNS_PIN_MEMBER] = "member",
        [USERNS_PIN_FOR_CHILDREN] = "for_children",
        [USERNS_PIN_DESCRIPTOR] = "descriptor",
        [USERNS_PIN_MOUNT] = "mount",
        [USERNS_PIN_SOCKET] = "socket",
        [USERNS_PIN_OWNED] = "owned",
        [USERNS_PIN_CHILD_NAMESPACE] = "child_namespace",
        [USERNS_PIN_IO_URING] = "io_uring",
        [USERNS_PIN_CREDENTIALS] = "credentials",
        [USERNS_PIN_PEER] = "peer",
        [USERNS_PIN_FILE_SYSTEM] = "file_system",
        [USERNS_PIN_PIDFD] = "pidfd",
        [USERNS_PIN_OUT_OF_SIGHT] = "out_of_sight",
    };
    size_t kind = (size_t)userns_pin_kind(pin);

    return kind < sizeof words / sizeof *words && words[kind] != NULL ? words[kind] : "unknown";
}

/* Whether two pins share a line: they have the same kind and, if they are mounts, path. */
static bool is_same_group(const struct userns_pin *a, const struct userns_pin *b)
{
    enum userns_pin_kind kind = userns_pin_kind(a);

    return kind == userns_pin_kind(b) && kind != USERNS_PIN_CHILD_NAMESPACE &&
           (kind != USERNS_PIN_MOUNT ||
            (strcmp(userns_pin_path(a), userns_pin_path(b)) == 0 && userns_pin_pid(a) != 0));
}

static void put_group(const struct view *view, const struct userns_pin *const *pins, size_t count)
{
    const struct userns_nonuser *child = userns_pin_nonuser(pins[0]);

    switch (userns_pin_kind(pins[0])) {
    case USERNS_PIN_MEMBER:
        put(count == 1 ? "member:" : "members:");
        break;
    case USERNS_PIN_FOR_CHILDREN:
        put("for children of");
        break;
    case USERNS_PIN_DESCRIPTOR:
        put(count == 1 ? "descriptor:" : "descriptors:");
        break;
    case USERNS_PIN_MOUNT:
        put("mount");
        put_named(userns_pin_path(pins[0]), "");
        if (userns_pin_pid(pins[0]) == 0) {
            put("in mnt %" PRIu64 ", which has no process", userns_nonuser_inode(child));
            return;
        }
        put("seen by");
        break;
    case USERNS_PIN_SOCKET:
        put(count == 1 ? "socket:" : "sockets:");
        break;
    case USERNS_PIN_OWNED: /* node.c lists these */
        return;
    case USERNS_PIN_CHILD_NAMESPACE: /* its own pins are listed where it is owned */
        put("%s %" PRIu64 " below it", userns_nonuser_type_name(child),
            userns_nonuser_inode(child));
        return;
    case USERNS_PIN_IO_URING:
        put("registered with io_uring:");
        break;
    case USERNS_PIN_CREDENTIALS:
        put("credentials of open %s:", count == 1 ? "file" : "files");
        break;
    case USERNS_PIN_PEER:
        put("peer of %s:", count == 1 ? "socket" : "sockets");
        break;
    case USERNS_PIN_FILE_SYSTEM:
        put("file system of open %s:", count == 1 ? "file" : "files");
        break;
    case USERNS_PIN_PIDFD:
        put(count == 1 ? "pidfd of an ended process:" : "pidfds of ended processes:");
        break;
    case USERNS_PIN_OUT_OF_SIGHT:
        put("something out of sight");
        return;
    default: /* of a newer library than this program was compiled for */
        put("unknown:");
    }
    put_holders(view, pins, count);
}

void print_pins(const struct view *view, const char *label, int columns,
                const struct userns_pin *const *pins, size_t count)
{
    for (size_t i = 0, end; i < count; i = end) {
        for (end = i + 1; end < count && is_same_group(pins[i], pins[end]);)
            end++;
        if (userns_pin_kind(pins[i]) == USERNS_PIN_OWNED)
            continue;
        begin_line(label, columns, HANGING);
        put_group(view, pins + i, end - i);
        end_line();
        label = "";
    }
}
