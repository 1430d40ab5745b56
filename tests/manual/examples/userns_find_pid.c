#include <stdio.h>
#include <stdlib.h>
#include <userns.h>

int main(int argc, char **argv)
{
    struct userns_snapshot *snapshot;
    int error = userns_scan(NULL, &snapshot);

    if (error < 0 || argc != 2) {
        fprintf(stderr, "%s\n", error < 0 ? userns_strerror(error) : "a PID is needed");
        userns_free(snapshot);
        return 1;
    }
    const struct userns_node *self = userns_self(snapshot);
    const struct userns_node *other = userns_find_pid(snapshot, (pid_t)atol(argv[1]));
    if (other == NULL)
        printf("not visible\n");
    else if (other == self)
        printf("in my user namespace\n");
    else
        printf("in %s\n", userns_is_ancestor(self, other) ? "a descendant" : "another one");
    userns_free(snapshot);
    return 0;
}
