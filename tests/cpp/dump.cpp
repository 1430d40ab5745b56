/* What tests/c/facts.c prints, in C++. */
#include <iostream>
#include <userns.hpp>

/* The inode number of a node or another namespace, if it is one. */
template <typename T>
static std::string number(T handle)
{
    return handle ? std::to_string(handle.inode()) : "-1";
}

template <typename T>
static void print_all(const char *what, userns::range<T> range)
{
    std::cout << what << ':';
    for (T handle : range)
        std::cout << ' ' << handle.inode();
    std::cout << '\n';
}

static void print_pins(userns::range<userns::pin> pins)
{
    for (userns::pin pin : pins)
        std::cout << "  pin: kind " << static_cast<std::uint32_t>(pin.kind()) << " pid " << pin.pid() << " tid "
                  << pin.tid() << " descriptor " << pin.descriptor() << " namespace " << number(pin.other())
                  << " path " << (pin.path() != nullptr ? pin.path() : "-1") << '\n';
}

static void describe_node(const userns::snapshot &snapshot, userns::node node)
{
    const int flags = 1 * node.is_initial() | 2 * node.is_parent_hidden() | 4 * node.is_empty() |
                      8 * node.is_known_by_pin();
    const userns::range<pid_t> pids = node.pids();
    std::size_t below = 0;

    for (userns::node other : snapshot.nodes())
        below += node.is_ancestor_of(other);
    std::cout << "node: inode " << node.inode() << " device " << node.device() << " id " << node.id().value_or(0)
              << " flags " << flags << " depth " << node.depth() << " below " << below << " owner "
              << (node.owner() ? std::to_string(*node.owner()) : "-1") << " parent " << number(node.parent())
              << " found " << number(snapshot.find(node.inode())) << " by id "
              << number(snapshot.find_id(node.id().value_or(0))) << " by PID "
              << (pids.empty() ? "-1" : number(snapshot.find_pid(pids[pids.size() - 1]))) << "\n  PIDs:";
    for (pid_t pid : pids)
        std::cout << ' ' << pid;
    std::cout << "\n  names:";
    for (const char *name : node.names())
        std::cout << ' ' << name;
    std::cout << '\n';
    print_all("  children", node.children());
    print_all("  owned", node.owned());
    print_pins(node.pins());
}

static void describe(const userns::snapshot &snapshot)
{
    std::cout << "gaps " << snapshot.gaps() << " unreadable " << snapshot.unreadable() << ' '
              << snapshot.unreadable_descriptors() << ' ' << snapshot.unreadable_mounts() << ' '
              << snapshot.unopened_mounts() << " source " << static_cast<std::uint32_t>(snapshot.source()) << " error "
              << -snapshot.source_error().value() << '\n';
    std::cout << " root " << number(snapshot.root()) << " self " << number(snapshot.self()) << " no inode "
              << number(snapshot.find(1)) << " no id " << number(snapshot.find_id(0)) << " no PID "
              << number(snapshot.find_pid(-1)) << '\n';
    print_all("nodes", snapshot.nodes());
    print_all("namespaces", snapshot.namespaces());
    for (userns::node node : snapshot.nodes())
        describe_node(snapshot, node);
    for (userns::other_namespace other : snapshot.namespaces()) {
        std::cout << "namespace: type " << other.type() << " name " << other.name() << " inode " << other.inode()
                  << " id " << other.id().value_or(0) << " members " << other.members() << " owner "
                  << number(other.owner()) << '\n';
        print_pins(other.pins());
    }
    print_all("roots", snapshot.roots());
}

int main(int argc, char *argv[])
try {
    if (argc != 2)
        return 2;
    std::cout << "version " << userns::version() << ' ' << userns::version_number() << '\n';
    describe(userns::scan({argv[1], userns::scan_pinned | userns::scan_sockets | userns::scan_owned |
                                        userns::scan_names | userns::scan_bpf}));
    describe(userns::scan({argv[1], 0}));
} catch (const std::system_error &error) {
    std::cout << "error " << error.code().value() << ' ' << error.code().message() << '\n';
    return 1;
}
