/* userns_tree in C++. Usage: userns_tree_cpp [DIR], where DIR is the root of a procfs. */
#include <cerrno>
#include <iostream>
#include <string>
#include <userns.hpp>

int main(int argc, char *argv[])
try {
    const userns::snapshot snapshot = userns::scan({argc > 1 ? argv[1] : nullptr, 0});
    for (userns::node node : snapshot.nodes()) {
        const std::string indent(4 * node.depth(), ' ');
        std::cout << indent << '{' << node.device() << ' ' << node.inode() << "}\n";
        std::string label = "            PIDs: ", line;
        for (pid_t pid : node.pids()) {
            if (indent.size() + 25 + line.size() >= 80 && line.size() > 32) {
                std::cout << indent << label << line << '\n';
                label.assign(label.size(), ' ');
                line.clear();
            }
            line += std::to_string(pid) + ' ';
        }
        std::cout << (line.empty() ? "" : indent + label + line) << '\n';
    }
    if (!std::cout.flush())
        throw std::system_error(errno, std::generic_category(), "standard output");
} catch (const std::system_error &error) {
    std::cerr << "userns_tree_cpp: " << error.what() << '\n';
    return 1;
}
