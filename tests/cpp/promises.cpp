/* What userns.hpp promises besides the answers, which dump.cpp compares. */
#include <sys/mman.h>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/wait.h>
#include <type_traits>
#include <unistd.h>
#include <userns.hpp>
#include <utility>
#include <vector>

#define CHECK(condition) \
    ((condition) ? (void)0 : (std::fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition), std::exit(1)))

static_assert(!std::is_copy_constructible_v<userns::snapshot> && !std::is_copy_assignable_v<userns::snapshot>);
static_assert(std::is_nothrow_move_constructible_v<userns::snapshot>);
static_assert(std::is_nothrow_move_assignable_v<userns::snapshot>);
static_assert(sizeof(userns::snapshot) == sizeof(userns_snapshot *));
static_assert(std::is_trivially_copyable_v<userns::node> && std::is_trivially_copyable_v<userns::pin>);
static_assert(std::is_trivially_copyable_v<userns::nonuser> && std::is_trivially_copyable_v<userns::change>);
static_assert(!std::is_copy_constructible_v<userns::changes> && std::is_nothrow_move_assignable_v<userns::changes>);
static_assert(!std::is_convertible_v<userns::node, bool> && !std::is_convertible_v<userns::pin, userns::node>);

static void null_handles()
{
    const userns::snapshot snapshot;
    const userns::node node = snapshot.root();
    const userns::pin pin;
    const userns::nonuser nonuser = pin.nonuser();

    CHECK(snapshot.nodes().empty() && snapshot.roots().size() == 0 && snapshot.nonusers().data() == nullptr);
    CHECK(!node && !node.parent() && node.children().empty() && node.pids().begin() == node.pids().end());
    CHECK(!node.id() && !node.owner_uid() && node.inode() == 0 && !node.is_initial() && node == userns::node());
    CHECK(node.pins().empty() && node.owned().empty());
    CHECK(!nonuser && nonuser.pins().empty() && !nonuser.owner() && !nonuser.parent());
    CHECK(!nonuser.id() && nonuser.type_name() == nullptr && nonuser.member_count() == 0);
    CHECK(pin.pid() == 0 && pin.descriptor() == -1 && pin.path() == nullptr);
    CHECK(snapshot.process_name(1) == nullptr && snapshot.boot_id() == nullptr);
    CHECK(!snapshot.process_uid(1) && !snapshot.process_capabilities(1) && snapshot.process_pids(1).empty());
    CHECK(snapshot.process_cgroup(1) == nullptr && node.charges().empty() && !node.limit());
    CHECK(!snapshot.pid_namespace() && snapshot.gap_count(userns::gap_unreadable) == 0);
}

static void flags()
{
    const userns::snapshot snapshot = userns::scan();

    for (userns::node node : snapshot.nodes()) {
        const auto has = [node](userns::node_flag flag) { return (node.flags() & flag) != 0; };
        CHECK(node.is_initial() == has(userns::node_initial));
        CHECK(node.is_parent_hidden() == has(userns::node_parent_hidden));
        CHECK(node.is_empty() == has(userns::node_empty));
        CHECK(node.is_only_pinned() == has(userns::node_only_pinned));
    }
    CHECK(!snapshot.self().is_empty());
}

static void nodes_stay_when_the_snapshot_moves()
{
    userns::snapshot first = userns::scan();
    const userns::node node = first.self();
    const std::uint64_t inode = node.inode();
    std::vector<userns::snapshot> snapshots;

    CHECK(node && node == first.find_inode(inode));
    snapshots.push_back(std::move(first));
    snapshots.push_back(userns::scan());
    CHECK(node.inode() == inode && node == snapshots[0].self() && node != snapshots[1].self());
    CHECK(!node.is_ancestor_of(snapshots[1].self()));
    snapshots[1] = std::move(snapshots[0]);
    CHECK(node.inode() == inode && node == snapshots[1].self());
}

/* A snapshot of userns_scan() can be owned, and the functions of C accept handles. */
static void together_with_c()
{
    userns_snapshot *scanned;

    CHECK(userns_scan(nullptr, &scanned) == 0);
    const userns::snapshot snapshot(scanned);
    CHECK(snapshot.get() == scanned && userns_inode(snapshot.self().get()) == snapshot.self().inode());
}

static void errors()
{
    for (const char *path : {"/does/not/exist", "/"}) {
        try {
            const userns::snapshot snapshot = userns::scan({path, 0});
            CHECK(false);
        } catch (const std::system_error &error) {
            const bool missing = std::strlen(path) > 1;
            CHECK(error.code().category() == userns::category());
            CHECK(error.code() == (missing ? std::errc::no_such_file_or_directory : std::errc::no_such_device));
            CHECK(error.code().message() == userns_strerror(missing ? -ENOENT : -ENODEV));
            CHECK(std::string(error.what()) == path + std::string(": ") + error.code().message());
        }
    }
    try {
        (void)userns::scan({nullptr, std::uint64_t{1} << 63});
        CHECK(false);
    } catch (const std::system_error &error) {
        CHECK(error.code() == std::errc::invalid_argument && std::strncmp(error.what(), "/proc: ", 7) == 0);
    }
    CHECK(!userns::scan().source_error());
}

static void actions()
{
    const userns::snapshot snapshot = userns::scan({nullptr, userns::scan_owned});
    const userns::info own = userns::describe();
    userns::descriptor opened = snapshot.self().open(), other(-1);
    const int number = opened.get();

    CHECK(own.inode == snapshot.self().inode() && own.is_own() && !own.owner);
    CHECK(own.is_initial() == snapshot.self().is_initial() && own.id == snapshot.self().id());
    CHECK(own.is_parent_hidden() == snapshot.self().is_parent_hidden());
    CHECK(own.owner_uid == snapshot.self().owner_uid());
    CHECK(number >= 0 && userns::describe(number).inode == own.inode);
    other = std::move(opened);
    CHECK(opened.get() == -1 && other.get() == number);
    other = userns::descriptor();
    CHECK(fcntl(number, F_GETFD) == -1);
    for (const userns::nonuser nonuser : snapshot.nonusers())
        if (nonuser.owner() == snapshot.self() && nonuser.type() == CLONE_NEWUTS) {
            const userns::info told = userns::describe(nonuser.open().get());
            CHECK(told.inode == nonuser.inode() && told.type == CLONE_NEWUTS && !told.parent);
        }
    try {
        (void)userns::node().open();
        CHECK(false);
    } catch (const std::system_error &error) {
        CHECK(error.code() == std::errc::invalid_argument);
    }
}

static bool has(const userns::changes &changes, userns::change_kind kind, userns::node node, pid_t pid)
{
    for (userns::change change : changes.all())
        if (change.kind() == kind && change.node() == node && change.pid() == pid)
            return true;
    return false;
}

static void changes()
{
    const userns::snapshot before = userns::scan();
    const pid_t pid = fork();

    if (pid == 0)
        for (;;)
            pause();
    const userns::snapshot between = userns::scan();
    CHECK(kill(pid, SIGKILL) == 0 && waitpid(pid, nullptr, 0) == pid);
    const userns::snapshot after = userns::scan();
    const userns::changes joined = userns::compare(before, between);

    CHECK(has(joined, userns::change_kind::joined, between.self(), pid));
    CHECK(has(userns::compare(between, after), userns::change_kind::left, between.self(), pid));
    const userns::changes none, same = userns::compare(after, after);
    CHECK(none.all().empty() && same.all().empty());
    CHECK(!userns::change().node() && userns::change().pid() == 0);
    try {
        const userns::snapshot empty;
        (void)userns::compare(before, empty);
        CHECK(false);
    } catch (const std::system_error &error) {
        CHECK(error.code() == std::errc::invalid_argument);
    }
}

static void saved()
{
    const userns::snapshot snapshot = userns::scan({nullptr, userns::scan_owned, 0});
    const int file = memfd_create("snapshot", MFD_CLOEXEC), null = open("/dev/null", O_RDONLY | O_CLOEXEC);

    snapshot.save(file);
    CHECK(lseek(file, 0, SEEK_SET) == 0);
    const userns::snapshot loaded = userns::load(file);
    CHECK(loaded.time() == snapshot.time() && loaded.nodes().size() == snapshot.nodes().size());
    CHECK(loaded.nonusers().size() == snapshot.nonusers().size());
    CHECK(loaded.self().inode() == snapshot.self().inode() && loaded.self() != snapshot.self());
    try {
        snapshot.save(null);
        CHECK(false);
    } catch (const std::system_error &error) {
        CHECK(error.code() == std::errc::bad_file_descriptor);
    }
    try {
        (void)userns::load(null);
        CHECK(false);
    } catch (const std::system_error &error) {
        CHECK(error.code() == std::errc::bad_message);
    }
    close(file);
    close(null);
}

static void probes()
{
    const userns::probe_result result = userns::probe({0, userns::step_map});

    CHECK(!result.failed_step == !result.error && !result.failed_step == result.reasons.empty());
    CHECK(result.failed_step || result.tried == result.worked);
    CHECK(result.failed_step || result.worked == (userns::step_create | userns::step_map));
    try {
        (void)userns::probe({0, std::uint64_t{1} << 63});
        CHECK(false);
    } catch (const std::system_error &error) {
        CHECK(error.code() == std::errc::invalid_argument);
        CHECK(error.code().category() == userns::category());
    }
}

static std::size_t count_own_descriptors(std::uint64_t limit)
{
    const userns::snapshot snapshot = userns::scan({nullptr, userns::scan_pinned, limit});
    std::size_t count = 0;

    for (userns::node node : snapshot.nodes())
        for (userns::pin pin : node.pins())
            count += pin.kind() == userns::pin_kind::descriptor && pin.pid() == getpid();
    return count;
}

static void limits()
{
    std::vector<int> fds;

    for (int i = 0; i < 10; i++)
        fds.push_back(open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC));
    CHECK(count_own_descriptors(0) == 10 && count_own_descriptors(1) < 5);
    for (int fd : fds)
        close(fd);
}

static void ranges()
{
    const userns::snapshot snapshot = userns::scan();
    const userns::range<userns::node> nodes = snapshot.nodes();
    const auto has_parent = [](userns::node node) { return static_cast<bool>(node.parent()); };

    static_assert(std::is_same_v<decltype(*nodes.begin()), const userns::node &>);
    CHECK(nodes.size() == static_cast<std::size_t>(std::distance(nodes.begin(), nodes.end())));
    CHECK(nodes[0] == *nodes.data() && nodes[0] == snapshot.roots()[0]);
    CHECK(static_cast<std::size_t>(std::count_if(nodes.begin(), nodes.end(), has_parent)) ==
          nodes.size() - snapshot.roots().size());
#if __cplusplus >= 202002L
    const std::span<const userns::node> span = snapshot.nodes();
    const std::span pids = snapshot.self().pids();
    static_assert(std::is_same_v<decltype(pids), const std::span<const pid_t>>);
    CHECK(span.data() == nodes.data() && span.size() == nodes.size());
    CHECK(std::ranges::count_if(snapshot.nodes(), has_parent) == std::count_if(nodes.begin(), nodes.end(), has_parent));
    CHECK(std::ranges::find(snapshot.nodes(), snapshot.self()) != nodes.end());
    CHECK(std::ranges::find(pids, snapshot.self().pids()[0]) == pids.begin());
#endif
}

int main()
{
    null_handles();
    flags();
    nodes_stay_when_the_snapshot_moves();
    together_with_c();
    errors();
    actions();
    changes();
    saved();
    probes();
    limits();
    ranges();
}
