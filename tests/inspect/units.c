/* Prints the container or unit of each path of standard input; an argument asks for whole ids. */
#include "../../examples-c/inspect/inspect.h"
#include <string.h>

int main(int argc, char *argv[])
{
    char path[5000];
    struct unit unit;

    (void)argv;
    while (fgets(path, sizeof path, stdin) != NULL) {
        path[strcspn(path, "\n")] = '\0';
        find_unit(*path != '\0' ? path : NULL, argc > 1, &unit);
        printf("%s|%s\n", unit.engine, unit.name);
    }
    return 0;
}
