/*
 * A scan duplicates sockets of other processes. Meanwhile their owner replaces or closes them. This
 * program defines functions of libc, which the library then calls, also in its helper process.
 */
#include "situation.h"
#include "fuse.h"
#include "interpose.h"
#include "pins.h"
#include <netinet/in.h>
#include <stdatomic.h>

enum { NUMBER = 100, GET_NETWORK = 0x894c /* SIOCGSKNS */ };

/* ---- The calls of the library ---- */

/* Shared with the owner of the descriptor NUMBER, which acts when it is asked. */
static struct request {
    atomic_bool asked, done, ready;
    atomic_int duplicates; /* how often the scan has duplicated the descriptor */
} * request;

static enum event { NOTHING, BEFORE_DUPLICATE, AFTER_QUESTION } event;
static bool is_number; /* the last duplicate is of the descriptor */

static void happen(enum event now)
{
    if (event != now || !is_number)
        return;
    event = NOTHING;
    request->asked = true;
    while (!request->done)
        sched_yield();
    usleep(now == BEFORE_DUPLICATE ? 100000 : 0); /* the owner can be about to execute */
}

int ioctl(int fd, ioctl_operation operation, ...)
{
    int (*real)(int, unsigned long, void *), result;
    va_list arguments;
    void *argument;

    *(void **)&real = function_of_libc("ioctl");
    va_start(arguments, operation);
    argument = va_arg(arguments, void *);
    va_end(arguments);
    result = real(fd, operation, argument);
    if (operation == GET_NETWORK)
        happen(AFTER_QUESTION);
    return result;
}

static bool answer_call(long number, const long arguments[6], long *result UNUSED)
{
    if (number == SYS_pidfd_getfd) {
        is_number = arguments[1] == NUMBER;
        request->duplicates += is_number;
        happen(BEFORE_DUPLICATE);
    }
    return false;
}

/* ---- The owner of a socket ---- */

/* What the owner does. */
struct owner {
    const char *path; /* of a file that it opens first, or NULL */
    void (*open)(void);
    void (*act)(int file);
};

static void open_socket(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    CHECK(fd >= 0 && dup3(fd, NUMBER, O_CLOEXEC) == NUMBER && close(fd) == 0);
}

static void replace(int file)
{
    CHECK(dup3(file, NUMBER, O_CLOEXEC) == NUMBER);
    request->done = true;
}

static void execute(int file UNUSED)
{
    request->done = true; /* the scan goes on after a moment */
    execl("/bin/true", "true", NULL);
    fail("cannot execute /bin/true");
}

static void close_socket(int file UNUSED)
{
    CHECK(close(NUMBER) == 0);
    request->done = true;
}

/* Starts an owner; `device` is not for it. */
static pid_t start_owner(const struct owner *owner, int device)
{
    pid_t pid;

    request->asked = request->done = request->ready = false;
    request->duplicates = 0;
    pid = fork_child();
    if (pid == 0) {
        int file = -1;

        close(device);
        if (owner->path != NULL)
            CHECK((file = open(owner->path, O_RDONLY | O_CLOEXEC)) >= 0);
        owner->open();
        request->ready = true;
        while (!request->asked)
            sched_yield();
        owner->act(file);
        for (;;)
            pause();
    }
    return pid;
}

/* If the owner ends before that, it has failed or is skipped, and so is the situation. */
static void wait_until_ready(pid_t owner)
{
    int status;

    while (!request->ready) {
        if (waitpid(owner, &status, WNOHANG) == owner)
            exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
        sched_yield();
    }
}

/* ---- Checks ---- */

/* A process whose socket, with a number above NUMBER, holds a network namespace. */
static void hold_lasting(void *argument)
{
    struct held *held = argument;
    int fd;

    hold_socket(held);
    fd = fcntl(held->fd, F_DUPFD_CLOEXEC, NUMBER + 1);
    CHECK(fd > NUMBER && close(held->fd) == 0);
    held->fd = fd;
}

struct outcome {
    bool is_found; /* the lasting namespace */
    size_t gap;
};

/* Scans in a few seconds at most, while something happens. */
static struct outcome scan_while(enum event expected, const struct held *held)
{
    int descriptors = open_descriptors();
    struct timespec start, end;
    struct userns_snapshot *snapshot;
    struct outcome outcome;

    event = expected;
    CHECK(clock_gettime(CLOCK_MONOTONIC, &start) == 0);
    snapshot = scan_with(USERNS_SCAN_SOCKETS);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &end) == 0);
    outcome.is_found = userns_find_inode(snapshot, held->inode) != NULL;
    outcome.gap = userns_gap_count(snapshot, USERNS_GAP_SOCKETS);
    userns_free(snapshot);
    CHECK(end.tv_sec - start.tv_sec < 20); /* a SO_LINGER takes 60 */
    CHECK_EQ(open_descriptors(), descriptors);
    return outcome;
}

/* ---- Situations ---- */

struct scene {
    struct owner owner;
    struct held held;
};

/* Starts an owner, and then a process whose socket is to be found. */
static pid_t start_both(struct scene *scene, int device)
{
    pid_t owner = start_owner(&scene->owner, device);

    if (device >= 0)
        serve_until_open(device);
    wait_until_ready(owner);
    return start(hold_lasting, &scene->held);
}

static void run_scene(struct owner owner, void (*act)(void *))
{
    struct scene *scene = shared(sizeof *scene);

    request = shared(sizeof *request);
    scene->owner = owner;
    before_deadline(act, scene);
}

/* Each scan leaves a process, up to a limit, beyond which a scan asks about no socket. */
static void scan_beside_dead_server(void *argument)
{
    enum { MOST_ABANDONED = 8 };
    struct scene *scene = argument;
    int device = mount_dead_server(scene->owner.path);
    size_t gap = scan_while(NOTHING, &scene->held).gap;
    bool is_found = false;

    for (int i = 0; i < MOST_ABANDONED + 2; i++) {
        pid_t lasting = start_both(scene, device);
        struct outcome outcome = scan_while(BEFORE_DUPLICATE, &scene->held);

        CHECK((event == NOTHING) == (i < MOST_ABANDONED));
        CHECK_EQ(request->duplicates, i < MOST_ABANDONED);
        if (i < MOST_ABANDONED - 1)
            CHECK(outcome.is_found && outcome.gap == gap);
        if (i >= MOST_ABANDONED)
            CHECK(!outcome.is_found && outcome.gap > gap);
        CHECK_EQ(waitpid(-1, NULL, __WCLONE | WNOHANG), 0);
        end(lasting);
    }
    close(device); /* the kernel ends all requests */
    start(hold_lasting, &scene->held);
    for (int i = 0; i < 500 && !is_found; i++) {
        usleep(10000);
        is_found = scan_while(NOTHING, &scene->held).is_found;
    }
    CHECK(is_found);
    scan_while(NOTHING, &scene->held);
    CHECK(waitpid(-1, NULL, __WCLONE | WNOHANG) == -1 && errno == ECHILD);
}

SITUATION(dead_server, IN_SANDBOX | AS_ROOT,
          "a socket becomes a file whose server does not answer; a scan leaves it to a process")
{
    need_real_time();
    mount_tmpfs("/mnt");
    run_scene((struct owner){ "/mnt/file", open_socket, replace }, scan_beside_dead_server);
}

static void scan_beside_executing(void *argument)
{
    struct scene *scene = argument;
    int device = mount_dead_server(scene->owner.path);
    struct outcome outcome;

    start_both(scene, device);
    outcome = scan_while(BEFORE_DUPLICATE, &scene->held);
    CHECK(event == NOTHING && outcome.is_found && outcome.gap > 0);
    CHECK(waitpid(-1, NULL, __WCLONE | WNOHANG) == -1 && errno == ECHILD);
}

SITUATION(inside_execve, IN_SANDBOX | AS_ROOT,
          "the owner of a socket is inside execve(2) when a scan asks for the socket")
{
    need_real_time(); /* the owner has to begin within the time that a helper may take */
    mount_tmpfs("/mnt");
    run_scene((struct owner){ "/mnt/file", open_socket, execute }, scan_beside_executing);
}

static void scan_beside_owner(void *argument)
{
    struct scene *scene = argument;
    enum event expected = scene->owner.act == replace ? BEFORE_DUPLICATE : AFTER_QUESTION;
    struct outcome outcome;

    start_both(scene, -1);
    outcome = scan_while(expected, &scene->held);
    CHECK(event == NOTHING && outcome.is_found);
    CHECK_EQ(outcome.gap, scan_while(NOTHING, &scene->held).gap);
    CHECK_EQ(waitpid(-1, NULL, __WCLONE | WNOHANG), -1);
}

SITUATION(another_file, IN_SANDBOX | AS_ROOT, "a socket becomes a file")
{
    run_scene((struct owner){ "/dev/null", open_socket, replace }, scan_beside_owner);
}

/* A connection with data that nobody reads, so that the last close(2) would take a minute. */
static void open_lingering(void)
{
    struct sockaddr_in address = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
    socklen_t length = sizeof address;
    struct linger linger = { .l_onoff = 1, .l_linger = 60 };
    int server = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int client = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    static const char data[65536];

    CHECK(server >= 0 && client >= 0);
    CHECK(bind(server, (struct sockaddr *)&address, sizeof address) == 0 && listen(server, 1) == 0);
    CHECK(getsockname(server, (struct sockaddr *)&address, &length) == 0);
    if (connect(client, (struct sockaddr *)&address, sizeof address) != 0)
        skip("cannot connect to this host: %s", strerror(errno));
    CHECK(setsockopt(client, SOL_SOCKET, SO_LINGER, &linger, sizeof linger) == 0);
    while (send(client, data, sizeof data, MSG_DONTWAIT) > 0)
        ;
    CHECK(errno == EAGAIN);
    CHECK(dup3(client, NUMBER, O_CLOEXEC) == NUMBER && close(client) == 0);
}

SITUATION(lingering, IN_SANDBOX | AS_ROOT,
          "the owner closes a socket with SO_LINGER while a scan has a duplicate")
{
    run_scene((struct owner){ NULL, open_lingering, close_socket }, scan_beside_owner);
}
