/*
 * A program with two static libraries in Rust, each of which contains Rust's standard library.
 * The other one, other.rs, catches a panic.
 */
#include <stdio.h>
#include <userns.h>

int other_caught(void);

int main(void)
{
    struct userns_snapshot *snapshot;
    int before = userns_scan(NULL, &snapshot), after;
    const struct userns_node *self = userns_self(snapshot);

    if (before < 0 || !self || other_caught() != 1)
        return 1;
    userns_free(snapshot);
    after = userns_scan(NULL, &snapshot);
    self = userns_self(snapshot);
    userns_free(snapshot);
    return after < 0 || !self;
}
