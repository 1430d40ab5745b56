/* A program with a data race, which ThreadSanitizer has to find. */
#include <pthread.h>
#include <stddef.h>

static int number;

static void *count(void *unused)
{
    (void)unused;
    for (int i = 0; i < 1000; i++)
        number++;
    return NULL;
}

int main(void)
{
    pthread_t threads[2];

    for (int i = 0; i < 2; i++)
        if (pthread_create(&threads[i], NULL, count, NULL) != 0)
            return 0;
    for (int i = 0; i < 2; i++)
        pthread_join(threads[i], NULL);
    return 0;
}
