/*
 * The same work through userns.hpp and through userns.h. Compilers must generate the same calls, and
 * almost the same number of instructions, for NAME_cpp() as for NAME_c().
 */
#include <userns.hpp>

extern "C" {

std::uint64_t nodes_cpp(const userns::snapshot &snapshot)
{
    std::uint64_t sum = 0;
    for (userns::node node : snapshot.nodes())
        sum += node.inode() + node.depth();
    return sum;
}

std::uint64_t nodes_c(const userns_snapshot *const *snapshot)
{
    std::uint64_t sum = 0;
    std::size_t count;
    const userns_node *const *nodes = userns_nodes(*snapshot, &count), *const *end = nodes + count;
    for (; nodes != end; nodes++) {
        const userns_node *node = *nodes;
        sum += userns_inode(node) + userns_depth(node);
    }
    return sum;
}

long pids_cpp(userns::node node)
{
    long sum = 0;
    for (pid_t pid : node.pids())
        sum += pid;
    return sum;
}

long pids_c(const userns_node *node)
{
    long sum = 0;
    std::size_t count;
    const pid_t *pids = userns_pids(node, &count), *end = pids + count;
    for (; pids != end; pids++)
        sum += *pids;
    return sum;
}

std::uint64_t ancestors_cpp(const userns::snapshot &snapshot)
{
    std::uint64_t sum = 0;
    for (userns::node node = snapshot.self(); node; node = node.parent())
        sum += node.inode();
    return sum;
}

std::uint64_t ancestors_c(const userns_snapshot *const *snapshot)
{
    std::uint64_t sum = 0;
    for (const userns_node *node = userns_self(*snapshot); node != nullptr; node = userns_parent(node))
        sum += userns_inode(node);
    return sum;
}

std::uint64_t pins_cpp(userns::node node)
{
    std::uint64_t sum = 0;
    for (userns::pin pin : node.pins())
        if (pin.kind() == userns::pin_kind::owned)
            sum += pin.nonuser().inode();
    return sum;
}

std::uint64_t pins_c(const userns_node *node)
{
    std::uint64_t sum = 0;
    std::size_t count;
    const userns_pin *const *pins = userns_pins(node, &count), *const *end = pins + count;
    for (; pins != end; pins++) {
        const userns_pin *pin = *pins;
        if (userns_pin_kind(pin) == USERNS_PIN_OWNED)
            sum += userns_nonuser_inode(userns_pin_nonuser(pin));
    }
    return sum;
}

uid_t owner_cpp(userns::node node)
{
    return node.owner_uid().value_or(1);
}

uid_t owner_c(const userns_node *node)
{
    uid_t uid;
    return userns_owner_uid(node, &uid) ? uid : 1;
}

std::uint64_t id_cpp(userns::node node)
{
    return node.id().value_or(1);
}

std::uint64_t id_c(const userns_node *node)
{
    const std::uint64_t id = userns_id(node);
    return id != 0 ? id : 1;
}

}
