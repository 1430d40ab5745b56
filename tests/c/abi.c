/*
 * A record of the binary interface, for every program that was linked with a release. While the
 * SONAME is libuserns.so.0, no line of it changes or goes away. Each release adds what it
 * introduces. The compiler rejects this file if the header differs from the record; the linker
 * rejects it if the library lacks a function.
 */
#include <stddef.h>
#include <userns.h>

#define FUNCTIONS(F) \
    F(const char *, userns_version, (void)) \
    F(uint32_t, userns_version_number, (void)) \
    F(const char *, userns_strerror, (int)) \
    F(int, userns_scan, (const struct userns_options *, struct userns_snapshot **)) \
    F(void, userns_free, (struct userns_snapshot *)) \
    F(const struct userns_node *, userns_root, (const struct userns_snapshot *)) \
    F(const struct userns_node *const *, userns_roots, (const struct userns_snapshot *, size_t *)) \
    F(const struct userns_node *const *, userns_nodes, (const struct userns_snapshot *, size_t *)) \
    F(const struct userns_node *, userns_self, (const struct userns_snapshot *)) \
    F(const struct userns_node *, userns_find_inode, (const struct userns_snapshot *, uint64_t)) \
    F(const struct userns_node *, userns_find_id, (const struct userns_snapshot *, uint64_t)) \
    F(const struct userns_node *, userns_find_pid, (const struct userns_snapshot *, pid_t)) \
    F(const struct userns_nonuser *const *, userns_nonusers, \
      (const struct userns_snapshot *, size_t *)) \
    F(enum userns_source, userns_source, (const struct userns_snapshot *)) \
    F(int, userns_source_error, (const struct userns_snapshot *)) \
    F(const char *, userns_source_log, (const struct userns_snapshot *)) \
    F(enum userns_empty_source, userns_empty_source, (const struct userns_snapshot *)) \
    F(uint64_t, userns_time, (const struct userns_snapshot *)) \
    F(const char *, userns_boot_id, (const struct userns_snapshot *)) \
    F(uint64_t, userns_pid_namespace, (const struct userns_snapshot *)) \
    F(uint32_t, userns_gaps, (const struct userns_snapshot *)) \
    F(size_t, userns_gap_count, (const struct userns_snapshot *, uint32_t)) \
    F(uint64_t, userns_inode, (const struct userns_node *)) \
    F(uint64_t, userns_device, (const struct userns_node *)) \
    F(uint64_t, userns_id, (const struct userns_node *)) \
    F(uint32_t, userns_flags, (const struct userns_node *)) \
    F(uint32_t, userns_depth, (const struct userns_node *)) \
    F(bool, userns_owner_uid, (const struct userns_node *, uid_t *)) \
    F(const struct userns_node *, userns_parent, (const struct userns_node *)) \
    F(const struct userns_node *const *, userns_children, (const struct userns_node *, size_t *)) \
    F(const pid_t *, userns_pids, (const struct userns_node *, size_t *)) \
    F(bool, userns_is_ancestor, (const struct userns_node *, const struct userns_node *)) \
    F(const struct userns_pin *const *, userns_pins, (const struct userns_node *, size_t *)) \
    F(const struct userns_nonuser *const *, userns_owned, (const struct userns_node *, size_t *)) \
    F(const struct userns_extent *, userns_uid_map, (const struct userns_node *, size_t *)) \
    F(const struct userns_extent *, userns_gid_map, (const struct userns_node *, size_t *)) \
    F(const struct userns_extent *, userns_projid_map, (const struct userns_node *, size_t *)) \
    F(int, userns_translate_uid, \
      (const struct userns_node *, uid_t, const struct userns_node *, uid_t *)) \
    F(int, userns_translate_gid, \
      (const struct userns_node *, gid_t, const struct userns_node *, gid_t *)) \
    F(int, userns_translate_projid, \
      (const struct userns_node *, uint32_t, const struct userns_node *, uint32_t *)) \
    F(const char *, userns_process_name, (const struct userns_snapshot *, pid_t)) \
    F(bool, userns_process_uid, (const struct userns_snapshot *, pid_t, uid_t *)) \
    F(bool, userns_process_capabilities, (const struct userns_snapshot *, pid_t, uint64_t *)) \
    F(const pid_t *, userns_process_pids, (const struct userns_snapshot *, pid_t, size_t *)) \
    F(const char *, userns_process_cgroup, (const struct userns_snapshot *, pid_t)) \
    F(int, userns_capable, \
      (const struct userns_snapshot *, pid_t, int, const struct userns_node *, uint32_t *)) \
    F(const struct userns_charge *, userns_charges, (const struct userns_node *, size_t *)) \
    F(bool, userns_limit, (const struct userns_node *, uint64_t *)) \
    F(int, userns_nonuser_type, (const struct userns_nonuser *)) \
    F(const char *, userns_nonuser_type_name, (const struct userns_nonuser *)) \
    F(uint64_t, userns_nonuser_inode, (const struct userns_nonuser *)) \
    F(uint64_t, userns_nonuser_id, (const struct userns_nonuser *)) \
    F(const struct userns_node *, userns_nonuser_owner, (const struct userns_nonuser *)) \
    F(const struct userns_nonuser *, userns_nonuser_parent, (const struct userns_nonuser *)) \
    F(size_t, userns_nonuser_member_count, (const struct userns_nonuser *)) \
    F(const struct userns_pin *const *, userns_nonuser_pins, \
      (const struct userns_nonuser *, size_t *)) \
    F(enum userns_pin_kind, userns_pin_kind, (const struct userns_pin *)) \
    F(pid_t, userns_pin_pid, (const struct userns_pin *)) \
    F(pid_t, userns_pin_tid, (const struct userns_pin *)) \
    F(int, userns_pin_descriptor, (const struct userns_pin *)) \
    F(const char *, userns_pin_path, (const struct userns_pin *)) \
    F(bool, userns_pin_is_overmounted, (const struct userns_pin *)) \
    F(bool, userns_pin_may_be_locked, (const struct userns_pin *)) \
    F(const struct userns_nonuser *, userns_pin_nonuser, (const struct userns_pin *)) \
    F(int, userns_open, (const struct userns_node *)) \
    F(int, userns_nonuser_open, (const struct userns_nonuser *)) \
    F(int, userns_describe, (int, struct userns_info *)) \
    F(int, userns_compare, \
      (const struct userns_snapshot *, const struct userns_snapshot *, struct userns_changes **)) \
    F(void, userns_changes_free, (struct userns_changes *)) \
    F(const struct userns_change *const *, userns_changes, \
      (const struct userns_changes *, size_t *)) \
    F(enum userns_change_kind, userns_change_kind, (const struct userns_change *)) \
    F(const struct userns_node *, userns_change_node, (const struct userns_change *)) \
    F(pid_t, userns_change_pid, (const struct userns_change *)) \
    F(int, userns_save, (const struct userns_snapshot *, int)) \
    F(int, userns_load, (int, struct userns_snapshot **)) \
    F(int, userns_probe, (const struct userns_probe_options *, struct userns_probe **)) \
    F(void, userns_probe_free, (struct userns_probe *)) \
    F(uint64_t, userns_probe_tried, (const struct userns_probe *)) \
    F(uint64_t, userns_probe_worked, (const struct userns_probe *)) \
    F(uint64_t, userns_probe_failed_step, (const struct userns_probe *)) \
    F(int, userns_probe_error, (const struct userns_probe *)) \
    F(const struct userns_reason *const *, userns_probe_reasons, \
      (const struct userns_probe *, size_t *)) \
    F(enum userns_reason_kind, userns_reason_kind, (const struct userns_reason *)) \
    F(bool, userns_reason_is_proved, (const struct userns_reason *)) \
    F(const char *, userns_reason_text, (const struct userns_reason *))

#define CONSTANTS(C) \
    C(uint64_t, USERNS_SCAN_PINNED, 0x1) \
    C(uint64_t, USERNS_SCAN_SOCKETS, 0x2) \
    C(uint64_t, USERNS_SCAN_OWNED, 0x4) \
    C(uint64_t, USERNS_SCAN_NAMES, 0x8) \
    C(uint64_t, USERNS_SCAN_BPF, 0x10) \
    C(uint64_t, USERNS_SCAN_MAPS, 0x20) \
    C(uint64_t, USERNS_SCAN_CREDENTIALS, 0x40) \
    C(uint64_t, USERNS_SCAN_CGROUPS, 0x80) \
    C(unsigned int, USERNS_GAP_UNREADABLE, 0x1) \
    C(unsigned int, USERNS_GAP_HIDEPID, 0x2) \
    C(unsigned int, USERNS_GAP_PIDNS, 0x4) \
    C(unsigned int, USERNS_GAP_NESTED, 0x8) \
    C(unsigned int, USERNS_GAP_LINKS, 0x10) \
    C(unsigned int, USERNS_GAP_DESCRIPTORS, 0x20) \
    C(unsigned int, USERNS_GAP_SOCKETS, 0x40) \
    C(unsigned int, USERNS_GAP_MOUNTS, 0x80) \
    C(unsigned int, USERNS_GAP_MOUNT_NAMESPACES, 0x100) \
    C(unsigned int, USERNS_GAP_CHROOTED, 0x200) \
    C(unsigned int, USERNS_GAP_UNOPENED_MOUNTS, 0x400) \
    C(unsigned int, USERNS_GAP_RELATIONS, 0x800) \
    C(unsigned int, USERNS_GAP_NAMES, 0x1000) \
    C(unsigned int, USERNS_GAP_PINS, 0x2000) \
    C(unsigned int, USERNS_GAP_MAPS, 0x4000) \
    C(unsigned int, USERNS_GAP_CREDENTIALS, 0x8000) \
    C(unsigned int, USERNS_GAP_CGROUPS, 0x10000) \
    C(unsigned int, USERNS_NODE_INITIAL, 0x1) \
    C(unsigned int, USERNS_NODE_PARENT_HIDDEN, 0x2) \
    C(unsigned int, USERNS_NODE_EMPTY, 0x4) \
    C(unsigned int, USERNS_NODE_ONLY_PINNED, 0x8) \
    C(unsigned int, USERNS_INFO_OWN, 0x10000) \
    C(unsigned int, USERNS_INFO_OWNER_UID, 0x20000) \
    C(unsigned int, USERNS_NODE_MAPS, 0x10) \
    C(unsigned int, USERNS_NODE_SETGROUPS_DENIED, 0x20) \
    C(int, USERNS_SOURCE_PROCFS, 1) \
    C(int, USERNS_SOURCE_BPF_PROCESSES, 2) \
    C(int, USERNS_SOURCE_BPF_TASKS, 3) \
    C(int, USERNS_EMPTY_SOURCE_ANCESTORS, 1) \
    C(int, USERNS_EMPTY_SOURCE_PINS, 2) \
    C(int, USERNS_EMPTY_SOURCE_MOUNT_NAMESPACES, 3) \
    C(int, USERNS_EMPTY_SOURCE_LISTNS, 4) \
    C(int, USERNS_PIN_MEMBER, 1) \
    C(int, USERNS_PIN_FOR_CHILDREN, 2) \
    C(int, USERNS_PIN_DESCRIPTOR, 3) \
    C(int, USERNS_PIN_MOUNT, 4) \
    C(int, USERNS_PIN_SOCKET, 5) \
    C(int, USERNS_PIN_OWNED, 6) \
    C(int, USERNS_PIN_CHILD_NAMESPACE, 7) \
    C(int, USERNS_PIN_IO_URING, 8) \
    C(int, USERNS_PIN_CREDENTIALS, 9) \
    C(int, USERNS_PIN_PEER, 10) \
    C(int, USERNS_PIN_FILE_SYSTEM, 11) \
    C(int, USERNS_PIN_PIDFD, 12) \
    C(int, USERNS_PIN_OUT_OF_SIGHT, 13) \
    C(int, USERNS_WHY_MEMBER, 1) \
    C(int, USERNS_WHY_ANCESTOR, 2) \
    C(int, USERNS_WHY_OWNER, 3) \
    C(int, USERNS_WHY_OUTSIDE, 4) \
    C(int, USERNS_WHY_HIDDEN, 5) \
    C(int, USERNS_CHANGE_APPEARED, 1) \
    C(int, USERNS_CHANGE_ENDED, 2) \
    C(int, USERNS_CHANGE_EMPTIED, 3) \
    C(int, USERNS_CHANGE_MAPPED, 4) \
    C(int, USERNS_CHANGE_JOINED, 5) \
    C(int, USERNS_CHANGE_LEFT, 6) \
    C(unsigned int, USERNS_PROBE_READ_ONLY, 0x1) \
    C(unsigned int, USERNS_PROBE_ONE_BY_ONE, 0x2) \
    C(unsigned int, USERNS_PROBE_SUBIDS, 0x4) \
    C(uint64_t, USERNS_STEP_CREATE, 0x1) \
    C(uint64_t, USERNS_STEP_MAP, 0x2) \
    C(uint64_t, USERNS_STEP_CAPABLE, 0x4) \
    C(uint64_t, USERNS_STEP_NET, 0x8) \
    C(uint64_t, USERNS_STEP_PID, 0x10) \
    C(uint64_t, USERNS_STEP_NESTED, 0x20) \
    C(int, USERNS_REASON_NOT_BUILT, 1) \
    C(int, USERNS_REASON_CHROOT, 2) \
    C(int, USERNS_REASON_LIMIT, 3) \
    C(int, USERNS_REASON_DEPTH, 4) \
    C(int, USERNS_REASON_UNMAPPED, 5) \
    C(int, USERNS_REASON_SYSCTL, 6) \
    C(int, USERNS_REASON_APPARMOR, 7) \
    C(int, USERNS_REASON_SELINUX, 8) \
    C(int, USERNS_REASON_SECCOMP, 9) \
    C(int, USERNS_REASON_HELPER, 10) \
    C(int, USERNS_REASON_PROC_MASKED, 11) \
    C(int, USERNS_REASON_PROCESSES, 12) \
    C(int, USERNS_REASON_TIMEOUT, 13) \
    C(int, USERNS_REASON_LSM, 14) \
    C(int, USERNS_REASON_UNKNOWN, 15)

/* The enums, each of which is an unsigned integer of 32 bits. */
#define ENUMS(E) \
    E(enum userns_source) \
    E(enum userns_empty_source) \
    E(enum userns_pin_kind) \
    E(enum userns_why) \
    E(enum userns_change_kind) \
    E(enum userns_reason_kind)

/* The fields of each struct in its first version. Fields may be added behind them. */
#define FIELDS(F) \
    F(struct userns_options, size_t, size, 0) \
    F(struct userns_options, const char *, proc_path, sizeof(size_t)) \
    F(struct userns_options, uint64_t, flags, sizeof(size_t) + sizeof(void *)) \
    F(struct userns_options, uint64_t, limit, sizeof(size_t) + sizeof(void *) + sizeof(uint64_t)) \
    F(struct userns_info, uint32_t, size, 0) \
    F(struct userns_info, uint32_t, flags, 4) \
    F(struct userns_info, uint64_t, inode, 8) \
    F(struct userns_info, uint64_t, device, 16) \
    F(struct userns_info, uint64_t, id, 24) \
    F(struct userns_info, uint64_t, parent, 32) \
    F(struct userns_info, uint64_t, owner, 40) \
    F(struct userns_info, uint32_t, type, 48) \
    F(struct userns_info, uint32_t, owner_uid, 52) \
    F(struct userns_probe_options, uint32_t, size, 0) \
    F(struct userns_probe_options, uint32_t, flags, 4) \
    F(struct userns_probe_options, uint64_t, steps, 8) \
    F(struct userns_extent, uint32_t, inside, 0) \
    F(struct userns_extent, uint32_t, outside, 4) \
    F(struct userns_extent, uint32_t, count, 8) \
    F(struct userns_charge, uid_t, uid, 0) \
    F(struct userns_charge, uint32_t, count, sizeof(uid_t))

/* clang-format off */
#define SAME_TYPE(expression, type) _Generic((expression), type: 1, default: 0)
/* clang-format on */

/* The addresses come before the declarations below, so the header has to declare each function. */
#define ADDRESS(returned, name, parameters) (void (*)(void)) name,
static void (*const functions[])(void) = { FUNCTIONS(ADDRESS) };

#define DECLARE(returned, name, parameters) extern returned name parameters;
FUNCTIONS(DECLARE)

#define CHECK_CONSTANT(type, name, value) \
    _Static_assert((name) == (value), "the value of " #name " has changed"); \
    _Static_assert(SAME_TYPE(name, type), "the type of " #name " has changed");
CONSTANTS(CHECK_CONSTANT)

#define CHECK_ENUM(type) \
    _Static_assert(sizeof(type) == 4, "the size of " #type " has changed"); \
    _Static_assert((type)(-1) > 0, "the sign of " #type " has changed");
ENUMS(CHECK_ENUM)

#define CHECK_FIELD(of, type, name, offset) \
    _Static_assert(offsetof(of, name) == (offset), #of ": " #name " has moved"); \
    _Static_assert(SAME_TYPE(((of *)0)->name, type), #of ": the type of " #name " has changed");
FIELDS(CHECK_FIELD)

int main(void)
{
    static const struct userns_options options = USERNS_OPTIONS_INIT;
    static const struct userns_info info = USERNS_INFO_INIT;
    static const struct userns_probe_options probe = USERNS_PROBE_OPTIONS_INIT;

    for (size_t i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (functions[i] == NULL)
            return 1;
    return options.size != sizeof(options) || options.proc_path != NULL || options.flags != 0 ||
           options.limit != 0 || info.size != sizeof(info) || info.flags != 0 || info.inode != 0 ||
           probe.size != sizeof(probe) || probe.flags != 0 || probe.steps != 0x3f;
}
