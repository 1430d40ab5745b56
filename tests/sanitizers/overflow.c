/* A write behind a block of memory, which AddressSanitizer has to find. */
#include <stdlib.h>

int main(int count, char **arguments)
{
    char *block = malloc((size_t)count);

    (void)arguments;
    block[count] = 1;
    free(block);
    return 0;
}
