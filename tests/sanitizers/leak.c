/* Loses memory: LeakSanitizer has to say so. */
#include <stdlib.h>

int main(void)
{
    char *volatile lost = malloc(100);

    lost = NULL;
    return lost != NULL;
}
