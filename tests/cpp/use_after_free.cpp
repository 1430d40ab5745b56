/* Uses a node after its snapshot is freed. No compiler warns; valgrind(1) must report it. */
#include <cstdio>
#include <userns.hpp>

int main()
{
    userns::snapshot snapshot = userns::scan();
    const userns::node node = snapshot.self();

    snapshot = userns::scan();
    std::printf("%d\n", node.is_empty());
}
