/* A program that calls a function of the newer library. */
#include <userns.h>

int userns_added(void);

int main(void)
{
    return userns_version() == NULL || userns_added() != 0;
}
