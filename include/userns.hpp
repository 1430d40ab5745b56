/*
 * libuserns for C++17 and later: userns.h with ownership, value types, ranges and exceptions.
 *
 *     userns::snapshot snapshot = userns::scan();
 *     for (userns::node node : snapshot.nodes())
 *         std::cout << node.inode() << '\n';
 *
 * All functions are inline and call the C functions of the same name, whose comments in userns.h are
 * the contract.
 *
 * LIFETIME. A snapshot owns the result of a scan; it can be moved, but not copied. Nodes, nonuser
 * namespaces, pins, ranges and strings point into it. They are valid until the snapshot is destroyed
 * or assigned to; moving the snapshot leaves them valid. The class changes owns the result of a
 * comparison in the same way; both snapshots must outlive it. Three checks find errors: a call on a
 * temporary snapshot, as in userns::scan().nodes(), does not compile; clang warns if a function
 * returns a pointer into a local snapshot; and valgrind(1) reports other uses of freed memory.
 *
 * NULL POINTERS. A node, nonuser, pin or change can be null, and is then false in a condition. All its
 * functions can be called; they return null, empty, 0 or false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef USERNS_HPP
#define USERNS_HPP

#include "userns.h"

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#include <utility>
#include <unistd.h>
#include <vector>
#if __cplusplus >= 202002L
#include <span>
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes" /* g++ does not know clang's attribute */

namespace userns
{

/* ---- Constants, which userns.h describes ---- */

/** Bits of options::flags. */
enum scan_flag : std::uint64_t {
    scan_pinned = USERNS_SCAN_PINNED,
    scan_sockets = USERNS_SCAN_SOCKETS,
    scan_owned = USERNS_SCAN_OWNED,
    scan_names = USERNS_SCAN_NAMES,
    scan_bpf = USERNS_SCAN_BPF,
    scan_maps = USERNS_SCAN_MAPS,
    scan_credentials = USERNS_SCAN_CREDENTIALS,
    scan_cgroups = USERNS_SCAN_CGROUPS,
};

/** Bits of snapshot::gaps(). A newer library can return more. */
enum gap : std::uint32_t {
    gap_unreadable = USERNS_GAP_UNREADABLE,
    gap_hidepid = USERNS_GAP_HIDEPID,
    gap_pidns = USERNS_GAP_PIDNS,
    gap_nested = USERNS_GAP_NESTED,
    gap_links = USERNS_GAP_LINKS,
    gap_descriptors = USERNS_GAP_DESCRIPTORS,
    gap_sockets = USERNS_GAP_SOCKETS,
    gap_mounts = USERNS_GAP_MOUNTS,
    gap_mount_namespaces = USERNS_GAP_MOUNT_NAMESPACES,
    gap_chrooted = USERNS_GAP_CHROOTED,
    gap_unopened_mounts = USERNS_GAP_UNOPENED_MOUNTS,
    gap_relations = USERNS_GAP_RELATIONS,
    gap_names = USERNS_GAP_NAMES,
    gap_pins = USERNS_GAP_PINS,
    gap_maps = USERNS_GAP_MAPS,
    gap_credentials = USERNS_GAP_CREDENTIALS,
    gap_cgroups = USERNS_GAP_CGROUPS,
};

/** Bits of node::flags(). A newer library can return more. */
enum node_flag : std::uint32_t {
    node_initial = USERNS_NODE_INITIAL,
    node_parent_hidden = USERNS_NODE_PARENT_HIDDEN,
    node_empty = USERNS_NODE_EMPTY,
    node_only_pinned = USERNS_NODE_ONLY_PINNED,
    node_maps = USERNS_NODE_MAPS,
    node_setgroups_denied = USERNS_NODE_SETGROUPS_DENIED,
};

/** Bits of info::flags, which can also have node_initial and node_parent_hidden. */
enum info_flag : std::uint32_t {
    info_own = USERNS_INFO_OWN,
    info_owner_uid = USERNS_INFO_OWNER_UID,
};

/** Where a scan read the processes. A newer library can return other values; a loaded snapshot can have 0. */
enum class source : std::uint32_t {
    procfs = USERNS_SOURCE_PROCFS,
    bpf_processes = USERNS_SOURCE_BPF_PROCESSES,
    bpf_tasks = USERNS_SOURCE_BPF_TASKS,
};

/** How far a scan looked for namespaces without processes. A newer library can return other values. */
enum class empty_source : std::uint32_t {
    ancestors = USERNS_EMPTY_SOURCE_ANCESTORS,
    pins = USERNS_EMPTY_SOURCE_PINS,
    mount_namespaces = USERNS_EMPTY_SOURCE_MOUNT_NAMESPACES,
    listns = USERNS_EMPTY_SOURCE_LISTNS,
};

/** What keeps a namespace alive. A newer library can return other values. */
enum class pin_kind : std::uint32_t {
    member = USERNS_PIN_MEMBER,
    for_children = USERNS_PIN_FOR_CHILDREN,
    descriptor = USERNS_PIN_DESCRIPTOR,
    mount = USERNS_PIN_MOUNT,
    socket = USERNS_PIN_SOCKET,
    owned = USERNS_PIN_OWNED,
    child_namespace = USERNS_PIN_CHILD_NAMESPACE,
    io_uring = USERNS_PIN_IO_URING,
    credentials = USERNS_PIN_CREDENTIALS,
    peer = USERNS_PIN_PEER,
    file_system = USERNS_PIN_FILE_SYSTEM,
    pidfd = USERNS_PIN_PIDFD,
    out_of_sight = USERNS_PIN_OUT_OF_SIGHT,
};

/** What decides whether a process has a capability. A newer library can return other values. */
enum class why : std::uint32_t {
    member = USERNS_WHY_MEMBER,
    ancestor = USERNS_WHY_ANCESTOR,
    owner = USERNS_WHY_OWNER,
    outside = USERNS_WHY_OUTSIDE,
    hidden = USERNS_WHY_HIDDEN,
};

/** What differs between two snapshots. A newer library can return other values. */
enum class change_kind : std::uint32_t {
    appeared = USERNS_CHANGE_APPEARED,
    ended = USERNS_CHANGE_ENDED,
    emptied = USERNS_CHANGE_EMPTIED,
    mapped = USERNS_CHANGE_MAPPED,
    joined = USERNS_CHANGE_JOINED,
    left = USERNS_CHANGE_LEFT,
};

/** Bits of probe_options::flags. */
enum probe_flag : std::uint32_t {
    probe_read_only = USERNS_PROBE_READ_ONLY,
    probe_one_by_one = USERNS_PROBE_ONE_BY_ONE,
    probe_subids = USERNS_PROBE_SUBIDS,
};

/** The steps of a probe, bits of probe_options::steps. */
enum step : std::uint64_t {
    step_create = USERNS_STEP_CREATE,
    step_map = USERNS_STEP_MAP,
    step_capable = USERNS_STEP_CAPABLE,
    step_net = USERNS_STEP_NET,
    step_pid = USERNS_STEP_PID,
    step_nested = USERNS_STEP_NESTED,
};

/** Why a step of a probe fails. A newer library can return other values. */
enum class reason_kind : std::uint32_t {
    not_built = USERNS_REASON_NOT_BUILT,
    chroot = USERNS_REASON_CHROOT,
    limit = USERNS_REASON_LIMIT,
    depth = USERNS_REASON_DEPTH,
    unmapped = USERNS_REASON_UNMAPPED,
    sysctl = USERNS_REASON_SYSCTL,
    apparmor = USERNS_REASON_APPARMOR,
    selinux = USERNS_REASON_SELINUX,
    seccomp = USERNS_REASON_SECCOMP,
    helper = USERNS_REASON_HELPER,
    proc_masked = USERNS_REASON_PROC_MASKED,
    processes = USERNS_REASON_PROCESSES,
    timeout = USERNS_REASON_TIMEOUT,
    lsm = USERNS_REASON_LSM,
    unknown = USERNS_REASON_UNKNOWN,
};

/* ---- Types ---- */

/** The options of a scan: the fields of struct userns_options. */
struct options {
    const char *proc_path = nullptr; /**< null means "/proc" */
    std::uint64_t flags = 0;         /**< bits of scan_flag */
    std::uint64_t limit = 0;         /**< the largest number of pins; 0 means 1,000,000 */
};

/** A range of ids in a map: inside, outside and count. */
using extent = userns_extent;

/** Whether a process has a capability in a user namespace. */
struct verdict {
    std::optional<bool> holds; /**< none: it cannot be known */
    why reason;
};

/** How many user namespaces the kernel charges to a user: the fields uid and count. */
using charge = userns_charge;

/** A time of the system clock, as exact as the library reports it. */
using time_point = std::chrono::time_point<std::chrono::system_clock, std::chrono::nanoseconds>;

/** An array of a snapshot. From C++20 on it converts to std::span<const T>. */
template <typename T> class range
{
  public:
    using value_type = T;
    using iterator = const T *;
    using const_iterator = const T *;

    constexpr range() noexcept = default;
    constexpr range(const T *first, std::size_t size) noexcept : first_(first), size_(size)
    {
    }
    [[nodiscard]] constexpr const T *begin() const noexcept
    {
        return first_;
    }
    [[nodiscard]] constexpr const T *end() const noexcept
    {
        return first_ + size_;
    }
    [[nodiscard]] constexpr const T *data() const noexcept
    {
        return first_;
    }
    [[nodiscard]] constexpr std::size_t size() const noexcept
    {
        return size_;
    }
    [[nodiscard]] constexpr bool empty() const noexcept
    {
        return size_ == 0;
    }
    constexpr const T &operator[](std::size_t index) const noexcept
    {
        return first_[index];
    }

  private:
    const T *first_ = nullptr;
    std::size_t size_ = 0;
};

/** The error category of the library: values are those of errno(3), messages are userns_strerror(). */
[[nodiscard]] inline const std::error_category &category() noexcept
{
    class userns_category final : public std::error_category
    {
        const char *name() const noexcept override
        {
            return "userns";
        }
        std::string message(int value) const override
        {
            return userns_strerror(-value);
        }
        /* Makes errors comparable with std::errc. */
        std::error_condition default_error_condition(int value) const noexcept override
        {
            return { value, std::generic_category() };
        }
    };
    static const userns_category instance;
    return instance;
}

/** An open descriptor of a namespace, closed when destroyed. It can be moved, but not copied. */
class descriptor
{
  public:
    /** No descriptor. */
    descriptor() noexcept = default;
    /** Takes ownership of a descriptor. */
    explicit descriptor(int fd) noexcept : fd_(fd)
    {
    }
    descriptor(descriptor &&other) noexcept : fd_(other.release())
    {
    }
    descriptor &operator=(descriptor &&other) noexcept
    {
        descriptor moved(std::move(other)); /* closes what this has */
        std::swap(fd_, moved.fd_);
        return *this;
    }
    ~descriptor()
    {
        if (fd_ >= 0)
            ::close(fd_);
    }
    /** The number, for example for setns(2); -1 if there is none. */
    [[nodiscard]] int get() const noexcept
    {
        return fd_;
    }
    /** Gives up ownership. */
    [[nodiscard]] int release() noexcept
    {
        return std::exchange(fd_, -1);
    }

  private:
    int fd_ = -1;
};

/** What describe() tells: the fields of struct userns_info; empty if hidden or unknown. */
struct info {
    std::uint32_t flags; /**< bits of node_flag and info_flag */
    std::uint64_t inode, device;
    std::optional<std::uint64_t> id, parent, owner;
    int type; /**< CLONE_NEWUSER, for example; 0 if unknown */
    std::optional<uid_t> owner_uid;

    [[nodiscard]] bool is_initial() const noexcept
    {
        return flags & node_initial;
    }
    [[nodiscard]] bool is_parent_hidden() const noexcept
    {
        return flags & node_parent_hidden;
    }
    /** Whether the calling thread is in the namespace. */
    [[nodiscard]] bool is_own() const noexcept
    {
        return flags & info_own;
    }
};

/** The options of a probe: the fields of struct userns_probe_options. */
struct probe_options {
    std::uint32_t flags = 0; /**< bits of probe_flag */
    std::uint64_t steps = 0; /**< bits of step; 0 means all */
};

/** A reason why a step of a probe fails. */
struct reason {
    reason_kind kind;
    bool is_proved;   /**< otherwise it is likely */
    std::string text; /**< a sentence without a final full stop */
};

/** What came of a probe. It owns its memory. */
struct probe_result {
    std::uint64_t tried;                     /**< bits of step */
    std::uint64_t worked;                    /**< of these */
    std::optional<userns::step> failed_step; /**< the first step that failed */
    std::error_code error;                   /**< of that step, an errno value of the kernel */
    std::vector<reason> reasons;             /**< those that are proved first */
};

/** The base of node, nonuser, pin and change: a pointer of the C interface. */
template <typename C> class handle
{
  public:
    constexpr handle() noexcept = default;
    constexpr explicit handle(const C *pointer) noexcept : pointer_(pointer)
    {
    }
    /** The pointer, for the functions of userns.h. */
    [[nodiscard]] constexpr const C *get() const noexcept
    {
        return pointer_;
    }
    constexpr explicit operator bool() const noexcept
    {
        return pointer_ != nullptr;
    }
    friend constexpr bool operator==(handle a, handle b) noexcept
    {
        return a.pointer_ == b.pointer_;
    }
    friend constexpr bool operator!=(handle a, handle b) noexcept
    {
        return a.pointer_ != b.pointer_;
    }

  private:
    const C *pointer_ = nullptr;
};

namespace detail
{

/* A handle is nothing but a pointer, so an array of C pointers is also an array of handles. */
template <typename... T>
inline constexpr bool
    are_pointers = ((std::is_standard_layout_v<T> && sizeof(T) == sizeof(void *)) && ...);

/* Calls a C function that returns an array. */
template <typename T, auto function, typename Of> range<T> array(const Of *of) noexcept
{
    std::size_t count;
    const auto *first = function(of, &count);
    return { reinterpret_cast<const T *>(first), count }; /* see are_pointers */
}

using optional_number = std::optional<std::uint64_t>;

inline optional_number nonzero(std::uint64_t number) noexcept
{
    return number != 0 ? optional_number(number) : std::nullopt;
}

/* Takes what a C function returned: a descriptor or an error. */
inline descriptor opened(int fd, const char *what)
{
    if (fd < 0)
        throw std::system_error(-fd, category(), what);
    return descriptor(fd);
}

} // namespace detail

class nonuser;
class pin;

/** A user namespace in a snapshot. */
class node : public handle<userns_node>
{
  public:
    using handle::handle;

    [[nodiscard]] std::uint64_t inode() const noexcept
    {
        return userns_inode(get());
    }
    [[nodiscard]] std::uint64_t device() const noexcept
    {
        return userns_device(get());
    }
    [[nodiscard]] std::optional<std::uint64_t> id() const noexcept
    {
        return detail::nonzero(userns_id(get()));
    }
    /** Bits of node_flag, which the next six functions test. */
    [[nodiscard]] std::uint32_t flags() const noexcept
    {
        return userns_flags(get());
    }
    [[nodiscard]] bool is_initial() const noexcept
    {
        return flags() & node_initial;
    }
    [[nodiscard]] bool is_parent_hidden() const noexcept
    {
        return flags() & node_parent_hidden;
    }
    [[nodiscard]] bool is_empty() const noexcept
    {
        return flags() & node_empty;
    }
    [[nodiscard]] bool is_only_pinned() const noexcept
    {
        return flags() & node_only_pinned;
    }
    [[nodiscard]] bool has_maps() const noexcept
    {
        return flags() & node_maps;
    }
    [[nodiscard]] bool is_setgroups_denied() const noexcept
    {
        return flags() & node_setgroups_denied;
    }
    [[nodiscard]] std::uint32_t depth() const noexcept
    {
        return userns_depth(get());
    }
    [[nodiscard]] std::optional<uid_t> owner_uid() const noexcept
    {
        uid_t uid;
        return userns_owner_uid(get(), &uid) ? std::optional(uid) : std::nullopt;
    }
    [[nodiscard]] node parent() const noexcept
    {
        return node(userns_parent(get()));
    }
    [[nodiscard]] range<node> children() const noexcept
    {
        return detail::array<node, userns_children>(get());
    }
    [[nodiscard]] range<pid_t> pids() const noexcept
    {
        return detail::array<pid_t, userns_pids>(get());
    }
    [[nodiscard]] range<nonuser> owned() const noexcept
    {
        return detail::array<nonuser, userns_owned>(get());
    }
    [[nodiscard]] range<pin> pins() const noexcept
    {
        return detail::array<pin, userns_pins>(get());
    }
    [[nodiscard]] range<charge> charges() const noexcept
    {
        return detail::array<charge, userns_charges>(get());
    }
    /** That of each user; known of the caller's own user namespace, and with BPF of others. */
    [[nodiscard]] std::optional<std::uint64_t> limit() const noexcept
    {
        std::uint64_t limit;
        return userns_limit(get(), &limit) ? std::optional(limit) : std::nullopt;
    }
    [[nodiscard]] bool is_ancestor_of(node other) const noexcept
    {
        return userns_is_ancestor(get(), other.get());
    }
    /** Opens the namespace, for example for setns(2). Throws std::system_error. */
    [[nodiscard]] descriptor open() const
    {
        return detail::opened(userns_open(get()), "userns_open");
    }
    /** The maps; an empty one is not known unless has_maps(). */
    [[nodiscard]] range<extent> uid_map() const noexcept
    {
        return detail::array<extent, userns_uid_map>(get());
    }
    [[nodiscard]] range<extent> gid_map() const noexcept
    {
        return detail::array<extent, userns_gid_map>(get());
    }
    [[nodiscard]] range<extent> projid_map() const noexcept
    {
        return detail::array<extent, userns_projid_map>(get());
    }
    /** What an id is in another node of the snapshot. Sets the result unless there is an error. */
    [[nodiscard]] std::error_code translate_uid(uid_t uid, node to, uid_t &result) const noexcept
    {
        return { -userns_translate_uid(get(), uid, to.get(), &result), category() };
    }
    [[nodiscard]] std::error_code translate_gid(gid_t gid, node to, gid_t &result) const noexcept
    {
        return { -userns_translate_gid(get(), gid, to.get(), &result), category() };
    }
    [[nodiscard]] std::error_code translate_projid(std::uint32_t projid, node to,
                                                   std::uint32_t &result) const noexcept
    {
        return { -userns_translate_projid(get(), projid, to.get(), &result), category() };
    }
};

/** A nonuser namespace: a namespace of another type than user. */
class nonuser : public handle<userns_nonuser>
{
  public:
    using handle::handle;

    /** CLONE_NEWNET, for example. */
    [[nodiscard]] int type() const noexcept
    {
        return userns_nonuser_type(get());
    }
    /** "net", for example. */
    [[nodiscard]] const char *type_name() const noexcept
    {
        return userns_nonuser_type_name(get());
    }
    [[nodiscard]] std::uint64_t inode() const noexcept
    {
        return userns_nonuser_inode(get());
    }
    [[nodiscard]] std::optional<std::uint64_t> id() const noexcept
    {
        return detail::nonzero(userns_nonuser_id(get()));
    }
    [[nodiscard]] node owner() const noexcept
    {
        return node(userns_nonuser_owner(get()));
    }
    [[nodiscard]] nonuser parent() const noexcept
    {
        return nonuser(userns_nonuser_parent(get()));
    }
    [[nodiscard]] std::size_t member_count() const noexcept
    {
        return userns_nonuser_member_count(get());
    }
    [[nodiscard]] range<pin> pins() const noexcept
    {
        return detail::array<pin, userns_nonuser_pins>(get());
    }
    /** Opens the namespace. Throws std::system_error. */
    [[nodiscard]] descriptor open() const
    {
        return detail::opened(userns_nonuser_open(get()), "userns_nonuser_open");
    }
};

/** A reason why the kernel keeps a namespace. */
class pin : public handle<userns_pin>
{
  public:
    using handle::handle;

    [[nodiscard]] pin_kind kind() const noexcept
    {
        return static_cast<pin_kind>(userns_pin_kind(get()));
    }
    [[nodiscard]] pid_t pid() const noexcept
    {
        return userns_pin_pid(get());
    }
    [[nodiscard]] pid_t tid() const noexcept
    {
        return userns_pin_tid(get());
    }
    [[nodiscard]] int descriptor() const noexcept
    {
        return userns_pin_descriptor(get());
    }
    [[nodiscard]] const char *path() const noexcept
    {
        return userns_pin_path(get());
    }
    [[nodiscard]] bool is_overmounted() const noexcept
    {
        return userns_pin_is_overmounted(get());
    }
    [[nodiscard]] bool may_be_locked() const noexcept
    {
        return userns_pin_may_be_locked(get());
    }
    /* "class", since a function of this name hides the type. */
    [[nodiscard]] class nonuser nonuser() const noexcept
    {
        return userns::nonuser(userns_pin_nonuser(get()));
    }
};

/** The result of a scan: an immutable tree of user namespaces. */
class snapshot
{
  public:
    /** An empty snapshot, which has no nodes. */
    snapshot() noexcept = default;
    /** Takes ownership of a result of userns_scan() or userns_load(). */
    explicit snapshot(userns_snapshot *scanned) noexcept : owned_(scanned)
    {
    }

    /** The pointer, for the functions of userns.h. */
    [[nodiscard]] userns_snapshot *get() const &noexcept [[clang::lifetimebound]]
    {
        return owned_.get();
    }

    [[nodiscard]] node root() const &noexcept [[clang::lifetimebound]]
    {
        return node(userns_root(get()));
    }
    [[nodiscard]] range<node> roots() const &noexcept [[clang::lifetimebound]]
    {
        return detail::array<node, userns_roots>(get());
    }
    [[nodiscard]] range<node> nodes() const &noexcept [[clang::lifetimebound]]
    {
        return detail::array<node, userns_nodes>(get());
    }
    [[nodiscard]] node self() const &noexcept [[clang::lifetimebound]]
    {
        return node(userns_self(get()));
    }
    [[nodiscard]] range<nonuser> nonusers() const &noexcept [[clang::lifetimebound]]
    {
        return detail::array<nonuser, userns_nonusers>(get());
    }
    [[nodiscard]] node find_inode(std::uint64_t inode) const &noexcept [[clang::lifetimebound]]
    {
        return node(userns_find_inode(get(), inode));
    }
    [[nodiscard]] node find_id(std::uint64_t id) const &noexcept [[clang::lifetimebound]]
    {
        return node(userns_find_id(get(), id));
    }
    [[nodiscard]] node find_pid(pid_t pid) const &noexcept [[clang::lifetimebound]]
    {
        return node(userns_find_pid(get(), pid));
    }
    [[nodiscard]] const char *process_name(pid_t pid) const &noexcept [[clang::lifetimebound]]
    {
        return userns_process_name(get(), pid);
    }
    [[nodiscard]] const char *process_cgroup(pid_t pid) const &noexcept [[clang::lifetimebound]]
    {
        return userns_process_cgroup(get(), pid);
    }
    [[nodiscard]] range<pid_t> process_pids(pid_t pid) const &noexcept [[clang::lifetimebound]]
    {
        std::size_t count;
        const pid_t *first = userns_process_pids(get(), pid, &count);
        return { first, count };
    }
    [[nodiscard]] const char *source_log() const &noexcept [[clang::lifetimebound]]
    {
        return userns_source_log(get());
    }
    [[nodiscard]] const char *boot_id() const &noexcept [[clang::lifetimebound]]
    {
        return userns_boot_id(get());
    }

    [[nodiscard]] std::optional<uid_t> process_uid(pid_t pid) const noexcept
    {
        uid_t uid;
        return userns_process_uid(get(), pid, &uid) ? std::optional(uid) : std::nullopt;
    }
    [[nodiscard]] std::optional<std::uint64_t> process_capabilities(pid_t pid) const noexcept
    {
        std::uint64_t bits;
        return userns_process_capabilities(get(), pid, &bits) ? std::optional(bits) : std::nullopt;
    }
    /** Throws std::system_error if the scan did not see the process, or for a wrong argument. */
    [[nodiscard]] verdict capable(pid_t pid, int capability, node where) const
    {
        std::uint32_t reason = 0;
        const int holds = userns_capable(get(), pid, capability, where.get(), &reason);

        if (holds < 0 && reason == 0)
            throw std::system_error(-holds, category());
        return { holds < 0 ? std::nullopt : std::optional(holds > 0), static_cast<why>(reason) };
    }

    /** Bits of gap. */
    [[nodiscard]] std::uint32_t gaps() const noexcept
    {
        return userns_gaps(get());
    }
    [[nodiscard]] std::size_t gap_count(gap which) const noexcept
    {
        return userns_gap_count(get(), which);
    }
    [[nodiscard]] userns::source source() const noexcept
    {
        return static_cast<userns::source>(userns_source(get()));
    }
    [[nodiscard]] std::error_code source_error() const noexcept
    {
        return { -userns_source_error(get()), category() };
    }
    [[nodiscard]] userns::empty_source empty_source() const noexcept
    {
        return static_cast<userns::empty_source>(userns_empty_source(get()));
    }
    [[nodiscard]] time_point time() const noexcept
    {
        return time_point(std::chrono::nanoseconds(userns_time(get())));
    }
    [[nodiscard]] std::optional<std::uint64_t> pid_namespace() const noexcept
    {
        return detail::nonzero(userns_pid_namespace(get()));
    }

    /** Writes the snapshot as JSON, see userns-json(5). Throws std::system_error. */
    void save(int fd) const
    {
        if (const int error = userns_save(get(), fd); error < 0)
            throw std::system_error(-error, category(), "userns_save");
    }

    /* A temporary snapshot is destroyed before the result could be used. */
    void get() const && = delete;
    void root() const && = delete;
    void roots() const && = delete;
    void nodes() const && = delete;
    void self() const && = delete;
    void nonusers() const && = delete;
    void find_inode(std::uint64_t) const && = delete;
    void find_id(std::uint64_t) const && = delete;
    void find_pid(pid_t) const && = delete;
    void process_name(pid_t) const && = delete;
    void process_cgroup(pid_t) const && = delete;
    void process_pids(pid_t) const && = delete;
    void source_log() const && = delete;
    void boot_id() const && = delete;

  private:
    struct release {
        void operator()(userns_snapshot *scanned) const noexcept
        {
            userns_free(scanned);
        }
    };
    std::unique_ptr<userns_snapshot, release> owned_;
};

/** A difference between two snapshots. */
class change : public handle<userns_change>
{
  public:
    using handle::handle;

    [[nodiscard]] change_kind kind() const noexcept
    {
        return static_cast<change_kind>(userns_change_kind(get()));
    }
    /** Of the first snapshot if it has ended or a process has left it, else of the second. */
    [[nodiscard]] class node node() const noexcept
    {
        return userns::node(userns_change_node(get()));
    }
    /** The process that joined or left; 0 if there is none. */
    [[nodiscard]] pid_t pid() const noexcept
    {
        return userns_change_pid(get());
    }
};

/** The differences between two snapshots, in an order in which they can have happened. */
class changes
{
  public:
    /** No changes. */
    changes() noexcept = default;
    /** Takes ownership of a result of userns_compare(). "struct", since a function hides it. */
    explicit changes(struct userns_changes *compared) noexcept : owned_(compared)
    {
    }

    /** The pointer, for the functions of userns.h. */
    [[nodiscard]] struct userns_changes *get() const &noexcept [[clang::lifetimebound]]
    {
        return owned_.get();
    }
    [[nodiscard]] range<change> all() const &noexcept [[clang::lifetimebound]]
    {
        return detail::array<change, ::userns_changes>(get());
    }

    /* Temporary changes are destroyed before the result could be used. */
    void get() const && = delete;
    void all() const && = delete;

  private:
    struct release {
        void operator()(struct userns_changes *compared) const noexcept
        {
            userns_changes_free(compared);
        }
    };
    std::unique_ptr<struct userns_changes, release> owned_;
};

/* ---- Functions ---- */

/** Scans the user namespaces of the host. Throws std::system_error, with the path in what(). */
[[nodiscard]] inline snapshot scan(const options &wanted = {})
{
    userns_options c_options = USERNS_OPTIONS_INIT;
    userns_snapshot *scanned;

    c_options.proc_path = wanted.proc_path;
    c_options.flags = wanted.flags;
    c_options.limit = wanted.limit;
    if (const int error = userns_scan(&c_options, &scanned); error < 0) {
        const char *path = wanted.proc_path != nullptr ? wanted.proc_path : "/proc";
        throw std::system_error(-error, category(), path);
    }
    return snapshot(scanned);
}

/**
 * Finds out what changed between two snapshots. The result is valid while both are. Throws
 * std::system_error.
 */
[[nodiscard]] inline changes compare(const snapshot &before, const snapshot &after)
{
    struct userns_changes *compared;

    if (const int error = userns_compare(before.get(), after.get(), &compared); error < 0)
        throw std::system_error(-error, category(), "userns_compare");
    return changes(compared);
}
/* A temporary snapshot is destroyed before the result could be used. */
void compare(const snapshot &&, const snapshot &) = delete;
void compare(const snapshot &, const snapshot &&) = delete;
void compare(const snapshot &&, const snapshot &&) = delete;

/** Reads a snapshot that was saved. Throws std::system_error. */
[[nodiscard]] inline snapshot load(int fd)
{
    userns_snapshot *loaded;

    if (const int error = userns_load(fd, &loaded); error < 0)
        throw std::system_error(-error, category(), "userns_load");
    return snapshot(loaded);
}

/** Describes the namespace of a descriptor; with -1, the caller's own. Throws std::system_error. */
[[nodiscard]] inline info describe(int fd = -1)
{
    userns_info told = USERNS_INFO_INIT;

    if (const int error = userns_describe(fd, &told); error < 0)
        throw std::system_error(-error, category(), "userns_describe");
    const bool is_owned = told.flags & info_owner_uid;
    return { told.flags,
             told.inode,
             told.device,
             detail::nonzero(told.id),
             detail::nonzero(told.parent),
             detail::nonzero(told.owner),
             static_cast<int>(told.type),
             is_owned ? std::optional<uid_t>(told.owner_uid) : std::nullopt };
}

/** Finds out whether the caller can make a user namespace, and why not. Throws std::system_error. */
[[nodiscard]] inline probe_result probe(const probe_options &wanted = {})
{
    userns_probe_options c_options = USERNS_PROBE_OPTIONS_INIT;
    struct userns_probe *probed;
    std::size_t count;

    c_options.flags = wanted.flags;
    c_options.steps = wanted.steps;
    if (const int error = ::userns_probe(&c_options, &probed); error < 0)
        throw std::system_error(-error, category(), "userns_probe");
    const std::unique_ptr<struct userns_probe, decltype(&userns_probe_free)> owned(
        probed, userns_probe_free);
    probe_result result = { userns_probe_tried(probed),
                            userns_probe_worked(probed),
                            std::nullopt,
                            { -userns_probe_error(probed), std::generic_category() },
                            {} };
    if (const std::uint64_t failed = userns_probe_failed_step(probed); failed != 0)
        result.failed_step = static_cast<step>(failed);
    const userns_reason *const *first = userns_probe_reasons(probed, &count);
    for (const userns_reason *each : range<const userns_reason *>(first, count))
        result.reasons.push_back({ static_cast<reason_kind>(userns_reason_kind(each)),
                                   userns_reason_is_proved(each), userns_reason_text(each) });
    return result;
}

/** The version of the library in use. */
[[nodiscard]] inline const char *version() noexcept
{
    return userns_version();
}
/** The version of the library in use, to compare with USERNS_VERSION_NUMBER. */
[[nodiscard]] inline std::uint32_t version_number() noexcept
{
    return userns_version_number();
}

static_assert(detail::are_pointers<node, nonuser, pin, change>);

} // namespace userns

#pragma GCC diagnostic pop

#if __cplusplus >= 202002L
/* Iterators of a range point into the snapshot, and stay valid without the range. */
template <typename T>
inline constexpr bool std::ranges::enable_borrowed_range<userns::range<T>> = true;
#endif

#endif
