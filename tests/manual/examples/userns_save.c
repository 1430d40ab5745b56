#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <unistd.h>
#include <userns.h>

/* Saves a snapshot to a file and loads it, as another machine could. */
int main(int argc, char **argv)
{
    struct userns_snapshot *snapshot, *loaded = NULL;
    size_t count;

    if (argc != 2)
        return 2;
    int fd = open(argv[1], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        perror(argv[1]);
        return 1;
    }
    int error = userns_scan(NULL, &snapshot);
    if (error == 0)
        error = userns_save(snapshot, fd);
    userns_free(snapshot);
    if (error == 0 && lseek(fd, 0, SEEK_SET) != 0)
        error = -errno;
    if (error == 0)
        error = userns_load(fd, &loaded);
    close(fd);
    if (error < 0) {
        fprintf(stderr, "%s: %s\n", argv[1], userns_strerror(error));
        return 1;
    }
    userns_nodes(loaded, &count);
    printf("%zu user namespaces\n", count);
    userns_free(loaded);
    return 0;
}
