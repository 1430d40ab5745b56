/* What no compiler notices: a node that is asked after its snapshot is gone. valgrind(1) must. */
#include <cstdio>
#include <userns.hpp>

int main()
{
    userns::snapshot snapshot = userns::scan();
    const userns::node node = snapshot.self();

    snapshot = userns::scan();
    std::printf("%d\n", node.is_empty());
}
