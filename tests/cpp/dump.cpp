/* Prints what tests/c/dump.c prints. */
#include <chrono>
#include <iostream>
#include <string>
#include <userns.hpp>

/* The inode number of a node or a nonuser namespace, if there is one. */
template <typename T> static std::string number(T handle)
{
    return handle ? std::to_string(handle.inode()) : "-1";
}

static const char *text(const char *text)
{
    return text != nullptr ? text : "-1";
}

template <typename T> static void print_all(const char *what, userns::range<T> range)
{
    std::cout << what << ':';
    for (T handle : range)
        std::cout << ' ' << handle.inode();
    std::cout << '\n';
}

static void print_pins(userns::range<userns::pin> pins)
{
    for (userns::pin pin : pins)
        std::cout << "  pin: kind " << static_cast<unsigned>(pin.kind()) << " pid " << pin.pid()
                  << " tid " << pin.tid() << " descriptor " << pin.descriptor() << " nonuser "
                  << number(pin.nonuser()) << " path " << text(pin.path()) << " overmounted "
                  << pin.is_overmounted() << " locked " << pin.may_be_locked() << '\n';
}

static void print_map(const char *what, userns::range<userns::extent> map)
{
    std::cout << ' ' << what;
    for (const userns::extent &extent : map)
        std::cout << ' ' << extent.inside << '-' << extent.outside << '-' << extent.count;
}

static void print_id(std::error_code error, std::uint32_t id)
{
    if (error)
        std::cout << ' ' << (error == std::errc::no_such_file_or_directory ? -2 : -1);
    else
        std::cout << ' ' << id;
}

static void dump_maps(userns::node root, userns::node node)
{
    std::uint32_t id = 0;

    std::cout << "  maps:";
    print_map("uid", node.uid_map());
    print_map("gid", node.gid_map());
    print_map("projid", node.projid_map());
    std::cout << " translated";
    for (std::uint32_t i = 0; i <= 1000; i += 1000) {
        std::error_code error = root.translate_uid(i, node, id);
        print_id(error, id);
        error = root.translate_gid(i, node, id);
        print_id(error, id);
        error = node.translate_projid(i, root, id);
        print_id(error, id);
    }
    std::cout << '\n';
}

static void print_verdict(const char *what, const userns::snapshot &snapshot, pid_t pid,
                          userns::node node)
{
    int holds = -1;
    unsigned reason = 0;

    try {
        const userns::verdict verdict = snapshot.capable(pid, 21, node);
        holds = verdict.holds ? *verdict.holds : -1;
        reason = static_cast<unsigned>(verdict.reason);
    } catch (const std::system_error &) {
    }
    std::cout << ' ' << what << ' ' << holds << ' ' << reason;
}

static void print_process(const userns::snapshot &snapshot, pid_t pid)
{
    const std::optional<uid_t> uid = snapshot.process_uid(pid);
    const std::optional<std::uint64_t> capabilities = snapshot.process_capabilities(pid);

    std::cout << "  process: " << pid << " name " << text(snapshot.process_name(pid)) << " cgroup "
              << text(snapshot.process_cgroup(pid)) << " uid "
              << (uid ? std::to_string(*uid) : "-1");
    if (capabilities)
        std::cout << " capabilities " << std::hex << *capabilities << std::dec;
    else
        std::cout << " capabilities -1";
    std::cout << " pids";
    for (pid_t each : snapshot.process_pids(pid))
        std::cout << ' ' << each;
    print_verdict("in root", snapshot, pid, snapshot.root());
    print_verdict("in self", snapshot, pid, snapshot.self());
    std::cout << '\n';
}

static void print_limits(userns::node node)
{
    const std::optional<std::uint64_t> limit = node.limit();

    std::cout << "  limit: " << (limit ? std::to_string(*limit) : "-1");
    for (const userns::charge &charge : node.charges())
        std::cout << ' ' << (charge.uid == UINT32_MAX ? "-1" : std::to_string(charge.uid)) << ": "
                  << charge.count;
    std::cout << '\n';
}

static void dump_node(const userns::snapshot &snapshot, userns::node node)
{
    const userns::range<pid_t> pids = node.pids();
    const std::optional<uid_t> owner = node.owner_uid();
    std::size_t below = 0;

    for (userns::node other : snapshot.nodes())
        below += node.is_ancestor_of(other);
    std::cout << "node: inode " << node.inode() << " device " << node.device() << " id "
              << node.id().value_or(0) << " flags " << node.flags() << " depth " << node.depth()
              << " below " << below << " owner " << (owner ? std::to_string(*owner) : "-1")
              << " parent " << number(node.parent()) << " by inode "
              << number(snapshot.find_inode(node.inode())) << " by id "
              << number(snapshot.find_id(node.id().value_or(0))) << " by PID "
              << (pids.empty() ? "-1" : number(snapshot.find_pid(pids[pids.size() - 1]))) << '\n';
    for (pid_t pid : pids)
        print_process(snapshot, pid);
    dump_maps(snapshot.root(), node);
    print_limits(node);
    print_all("  children", node.children());
    print_all("  owned", node.owned());
    print_pins(node.pins());
}

static void dump_nonuser(userns::nonuser nonuser)
{
    std::cout << "nonuser: type " << nonuser.type() << " name " << nonuser.type_name() << " inode "
              << nonuser.inode() << " id " << nonuser.id().value_or(0) << " members "
              << nonuser.member_count() << " owner " << number(nonuser.owner()) << " parent "
              << number(nonuser.parent()) << '\n';
    print_pins(nonuser.pins());
}

static void dump_host(const userns::snapshot &snapshot, userns::time_point before)
{
    const userns::time_point time = snapshot.time();
    const bool is_now = before <= time && time <= before + std::chrono::minutes(1);

    std::cout << "host: time " << is_now << " boot " << text(snapshot.boot_id())
              << " PID namespace " << snapshot.pid_namespace().value_or(0) << " source "
              << static_cast<unsigned>(snapshot.source()) << " error "
              << -snapshot.source_error().value() << " log " << text(snapshot.source_log())
              << " empty source " << static_cast<unsigned>(snapshot.empty_source()) << '\n';
}

static void dump(const userns::snapshot &snapshot)
{
    std::cout << "gaps: " << snapshot.gaps();
    for (unsigned bit = 0; bit < 32; bit++)
        std::cout << ' ' << snapshot.gap_count(static_cast<userns::gap>(1u << bit));
    std::cout << "\nfound: root " << number(snapshot.root()) << " self " << number(snapshot.self())
              << " no inode " << number(snapshot.find_inode(1)) << " no id "
              << number(snapshot.find_id(0)) << " no PID " << number(snapshot.find_pid(-1))
              << " no name " << text(snapshot.process_name(-1));
    print_verdict("no verdict", snapshot, -1, snapshot.root());
    std::cout << '\n';
    print_all("nodes", snapshot.nodes());
    print_all("nonusers", snapshot.nonusers());
    for (userns::node node : snapshot.nodes())
        dump_node(snapshot, node);
    for (userns::nonuser nonuser : snapshot.nonusers())
        dump_nonuser(nonuser);
    print_all("roots", snapshot.roots());
}

static void scan_and_dump(const char *proc_path, std::uint64_t flags)
{
    const userns::time_point before = std::chrono::system_clock::now();
    const userns::snapshot snapshot = userns::scan({ proc_path, flags });

    dump_host(snapshot, before);
    dump(snapshot);
}

static void probe_and_dump(std::uint32_t flags, std::uint64_t steps)
{
    const userns::probe_result result = userns::probe({ flags, steps });

    std::cout << "probe: tried " << result.tried << " worked " << result.worked << " failed "
              << static_cast<std::uint64_t>(result.failed_step.value_or(userns::step{}))
              << " error " << result.error.value() << " reasons " << result.reasons.size() << '\n';
    for (const userns::reason &reason : result.reasons)
        std::cout << "  kind " << static_cast<unsigned>(reason.kind) << " proved "
                  << reason.is_proved << " text " << reason.text << '\n';
}

static void dump_probes()
{
    probe_and_dump(0, 0);
    probe_and_dump(userns::probe_read_only, 0);
    probe_and_dump(userns::probe_one_by_one | userns::probe_subids,
                   userns::step_net | userns::step_nested);
    probe_and_dump(0, std::uint64_t(1) << 40);
}

int main(int argc, char *argv[])
try {
    if (argc != 2)
        return 2;
    if (argv[1] == std::string("probe")) {
        dump_probes();
        return 0;
    }
    std::cout << "version: " << userns::version() << ' ' << userns::version_number() << '\n';
    scan_and_dump(argv[1], userns::scan_pinned | userns::scan_sockets | userns::scan_owned |
                               userns::scan_names | userns::scan_bpf | userns::scan_maps |
                               userns::scan_credentials | userns::scan_cgroups);
    scan_and_dump(argv[1], 0);
} catch (const std::system_error &error) {
    std::cout << "error " << error.code().value() << ' ' << error.code().message() << '\n';
    return 1;
}
