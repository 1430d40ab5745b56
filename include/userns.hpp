/*
 * libuserns for C++17 and later: the interface of userns.h with an owner, values, ranges and exceptions.
 *
 *     userns::snapshot snapshot = userns::scan();
 *     for (userns::node node : snapshot.nodes())
 *         std::cout << node.inode() << '\n';
 *
 * Everything is inline and becomes calls of the C functions, whose comments in userns.h say what each answers.
 *
 * LIFETIME. A snapshot owns what a scan observed; it can be moved, not copied. All that comes from it points into it:
 * nodes, pins, other namespaces, ranges and strings are valid until the snapshot is destroyed or assigned to. To move
 * the snapshot leaves them valid. What outlives it is noticed: to ask a snapshot that nothing holds, as in
 * userns::scan().nodes(), does not compile; clang also warns of a function that returns what belongs to a snapshot of
 * its own; and what no compiler sees, valgrind(1) reports as a use of freed memory.
 *
 * NONE. A node, pin or other_namespace that there is not is false in a condition. It may be asked all the same: every
 * answer is then none, empty, 0 or false.
 *
 * SPDX-License-Identifier: MIT OR Apache-2.0
 */
#ifndef USERNS_HPP
#define USERNS_HPP

#include "userns.h"

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <type_traits>
#if __cplusplus >= 202002L
#include <span>
#endif

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wattributes" /* g++ does not know clang's attribute */

namespace userns {

/** What options::flags can ask for, combined with |; each is described in userns.h. */
enum scan_flag : std::uint64_t {
    scan_pinned = USERNS_SCAN_PINNED,
    scan_sockets = USERNS_SCAN_SOCKETS,
    scan_owned = USERNS_SCAN_OWNED,
    scan_names = USERNS_SCAN_NAMES,
    scan_bpf = USERNS_SCAN_BPF,
};

/** The bits of snapshot::gaps(). Later versions of the library can return more. */
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
};

/** Where a scan read the processes; see userns_source(). Later versions of the library can return others. */
enum class source : std::uint32_t {
    procfs = USERNS_SOURCE_PROCFS,
    bpf_processes = USERNS_SOURCE_BPF_PROCESSES,
    bpf_tasks = USERNS_SOURCE_BPF_TASKS,
};

/** What keeps a namespace alive; see userns_pin_kind(). Later versions of the library can return others. */
enum class pin_kind : std::uint32_t {
    descriptor = USERNS_PIN_DESCRIPTOR,
    mount = USERNS_PIN_MOUNT,
    owned = USERNS_PIN_OWNED,
    socket = USERNS_PIN_SOCKET,
    process = USERNS_PIN_MEMBER,
    child = USERNS_PIN_CHILD_NAMESPACE,
    parent = USERNS_PIN_FOR_CHILDREN,
};

/** What to scan: the fields of userns_options. */
struct options {
    const char *proc_path = nullptr; /**< null means "/proc" */
    std::uint64_t flags = 0;         /**< scan_flag */
};

/** An array of a snapshot: for range-for, algorithms and, from C++20 on, std::span<const T>. */
template <typename T>
class range {
public:
    using value_type = T;
    using iterator = const T *;
    using const_iterator = const T *;

    constexpr range() noexcept = default;
    constexpr range(const T *first, std::size_t size) noexcept : first_(first), size_(size) {}
    constexpr const T *begin() const noexcept { return first_; }
    constexpr const T *end() const noexcept { return first_ + size_; }
    constexpr const T *data() const noexcept { return first_; }
    constexpr std::size_t size() const noexcept { return size_; }
    constexpr bool empty() const noexcept { return size_ == 0; }
    constexpr const T &operator[](std::size_t index) const noexcept { return first_[index]; }

private:
    const T *first_ = nullptr;
    std::size_t size_ = 0;
};

/** What node, pin and other_namespace are: a pointer of the C interface. Equal are those of one thing. */
template <typename C>
class handle {
public:
    constexpr handle() noexcept = default;
    constexpr explicit handle(const C *pointer) noexcept : pointer_(pointer) {}
    /** For the functions of userns.h. */
    constexpr const C *get() const noexcept { return pointer_; }
    constexpr explicit operator bool() const noexcept { return pointer_ != nullptr; }
    friend constexpr bool operator==(handle a, handle b) noexcept { return a.pointer_ == b.pointer_; }
    friend constexpr bool operator!=(handle a, handle b) noexcept { return a.pointer_ != b.pointer_; }

private:
    const C *pointer_ = nullptr;
};

namespace detail {

/* The arrays of C hold pointers, and a handle is such a pointer and nothing else: one can be read as the other. */
template <typename... T>
inline constexpr bool are_pointers = ((std::is_standard_layout_v<T> && sizeof(T) == sizeof(void *)) && ...);

template <typename T, auto question, typename Of>
range<T> array(const Of *of) noexcept
{
    std::size_t count;
    const auto *first = question(of, &count);
    return {reinterpret_cast<const T *>(first), count}; /* see are_pointers */
}

using optional_id = std::optional<std::uint64_t>;
inline optional_id known(std::uint64_t id) noexcept { return id != 0 ? optional_id(id) : std::nullopt; }

} // namespace detail

class pin;
class other_namespace;

/** One user namespace of a snapshot. */
class node : public handle<userns_node> {
public:
    using handle::handle;
    std::uint64_t inode() const noexcept { return userns_inode(get()); }
    std::uint64_t device() const noexcept { return userns_device(get()); }
    std::optional<std::uint64_t> id() const noexcept { return detail::known(userns_id(get())); }
    bool is_initial() const noexcept { return userns_flags(get()) & USERNS_NODE_INITIAL; }
    bool is_parent_hidden() const noexcept { return userns_flags(get()) & USERNS_NODE_PARENT_HIDDEN; }
    bool is_empty() const noexcept { return userns_flags(get()) & USERNS_NODE_EMPTY; }
    bool is_known_by_pin() const noexcept { return userns_flags(get()) & USERNS_NODE_ONLY_PINNED; }
    std::uint32_t depth() const noexcept { return userns_depth(get()); }
    std::optional<uid_t> owner() const noexcept
    {
        uid_t uid;
        return userns_owner_uid(get(), &uid) ? std::optional(uid) : std::nullopt;
    }
    node parent() const noexcept { return node(userns_parent(get())); }
    range<node> children() const noexcept { return detail::array<node, userns_children>(get()); }
    range<pid_t> pids() const noexcept { return detail::array<pid_t, userns_pids>(get()); }
    bool is_ancestor_of(node other) const noexcept { return userns_is_ancestor(get(), other.get()); }
    /** One for each of pids(), if the scan was to read names. */
    range<const char *> names() const noexcept { return detail::array<const char *, userns_names>(get()); }
    range<pin> pins() const noexcept { return detail::array<pin, userns_pins>(get()); }
    range<other_namespace> owned() const noexcept { return detail::array<other_namespace, userns_owned>(get()); }
};

/** A namespace of another type than user. */
class other_namespace : public handle<userns_nonuser> {
public:
    using handle::handle;
    /** CLONE_NEWNET and so on. */
    int type() const noexcept { return userns_nonuser_type(get()); }
    /** "net" and so on. */
    const char *name() const noexcept { return userns_nonuser_type_name(get()); }
    std::uint64_t inode() const noexcept { return userns_nonuser_inode(get()); }
    std::optional<std::uint64_t> id() const noexcept { return detail::known(userns_nonuser_id(get())); }
    std::size_t members() const noexcept { return userns_nonuser_member_count(get()); }
    node owner() const noexcept { return node(userns_nonuser_owner(get())); }
    range<pin> pins() const noexcept { return detail::array<pin, userns_nonuser_pins>(get()); }
};

/** Something that keeps a namespace alive. */
class pin : public handle<userns_pin> {
public:
    using handle::handle;
    pin_kind kind() const noexcept { return static_cast<pin_kind>(userns_pin_kind(get())); }
    pid_t pid() const noexcept { return userns_pin_pid(get()); }
    pid_t tid() const noexcept { return userns_pin_tid(get()); }
    int descriptor() const noexcept { return userns_pin_descriptor(get()); }
    const char *path() const noexcept { return userns_pin_path(get()); }
    other_namespace other() const noexcept { return other_namespace(userns_pin_nonuser(get())); }
};

/** The errors of the library: values are those of errno(3), messages are those of userns_strerror(). */
inline const std::error_category &category() noexcept
{
    class userns_category final : public std::error_category {
        const char *name() const noexcept override { return "userns"; }
        std::string message(int value) const override { return userns_strerror(-value); }
        std::error_condition default_error_condition(int value) const noexcept override
        {
            return {value, std::generic_category()}; /* so that it can be compared with std::errc */
        }
    };
    static const userns_category instance;
    return instance;
}

/** What one scan observed. */
class snapshot {
public:
    /** Empty: it has no nodes. */
    snapshot() noexcept = default;
    /** Owns what userns_scan() made from now on. */
    explicit snapshot(userns_snapshot *scanned) noexcept : owned_(scanned) {}

    /** For the functions of userns.h. */
    userns_snapshot *get() const & noexcept [[clang::lifetimebound]] { return owned_.get(); }
    node root() const & noexcept [[clang::lifetimebound]] { return node(userns_root(get())); }
    range<node> roots() const & noexcept [[clang::lifetimebound]] { return detail::array<node, userns_roots>(get()); }
    range<node> nodes() const & noexcept [[clang::lifetimebound]] { return detail::array<node, userns_nodes>(get()); }
    node self() const & noexcept [[clang::lifetimebound]] { return node(userns_self(get())); }
    node find(std::uint64_t inode) const & noexcept [[clang::lifetimebound]] { return node(userns_find_inode(get(), inode)); }
    node find_id(std::uint64_t id) const & noexcept [[clang::lifetimebound]] { return node(userns_find_id(get(), id)); }
    node find_pid(pid_t pid) const & noexcept [[clang::lifetimebound]] { return node(userns_find_pid(get(), pid)); }
    range<other_namespace> namespaces() const & noexcept [[clang::lifetimebound]]
    {
        return detail::array<other_namespace, userns_nonusers>(get());
    }

    /** The bits of gap. */
    std::uint32_t gaps() const noexcept { return userns_gaps(get()); }
    std::size_t unreadable() const noexcept { return userns_unreadable(get()); }
    std::size_t unreadable_descriptors() const noexcept { return userns_unreadable_descriptors(get()); }
    std::size_t unreadable_mounts() const noexcept { return userns_unreadable_mounts(get()); }
    std::size_t unopened_mounts() const noexcept { return userns_unopened_mounts(get()); }
    userns::source source() const noexcept { return static_cast<userns::source>(userns_source(get())); }
    std::error_code source_error() const noexcept { return {-userns_source_error(get()), category()}; }

    /* A snapshot that nothing holds is gone before its answer is used. */
    void get() const && = delete;
    void root() const && = delete;
    void roots() const && = delete;
    void nodes() const && = delete;
    void self() const && = delete;
    void find(std::uint64_t) const && = delete;
    void find_id(std::uint64_t) const && = delete;
    void find_pid(pid_t) const && = delete;
    void namespaces() const && = delete;

private:
    struct release {
        void operator()(userns_snapshot *scanned) const noexcept { userns_free(scanned); }
    };
    std::unique_ptr<userns_snapshot, release> owned_;
};

/** Observes the user namespaces of the host. Throws std::system_error, with the path in what(). */
[[nodiscard]] inline snapshot scan(const options &wanted = {})
{
    userns_options c_options = USERNS_OPTIONS_INIT;
    userns_snapshot *scanned;

    c_options.proc_path = wanted.proc_path;
    c_options.flags = wanted.flags;
    if (const int error = userns_scan(&c_options, &scanned); error < 0)
        throw std::system_error(-error, category(), wanted.proc_path != nullptr ? wanted.proc_path : "/proc");
    return snapshot(scanned);
}

/** The version of the library that is in use. */
inline const char *version() noexcept { return userns_version(); }
/** The same, to compare with USERNS_VERSION_NUMBER. */
inline std::uint32_t version_number() noexcept { return userns_version_number(); }

static_assert(detail::are_pointers<node, pin, other_namespace>);

} // namespace userns

#pragma GCC diagnostic pop

#if __cplusplus >= 202002L
/* Its iterators point into the snapshot, not into the range. */
template <typename T>
inline constexpr bool std::ranges::enable_borrowed_range<userns::range<T>> = true;
#endif

#endif
