/* userns_save() and userns_load(): files, pipes and sockets, and files that nobody saved. */
#include "situation.h"
#include "pins.h"
#include "text.h"
#include <sys/resource.h>
#include <sys/time.h>
#include <sys/socket.h>

static char garbage;

static void expect_load_error(int fd, int expected)
{
    struct userns_snapshot *snapshot = (void *)&garbage;

    CHECK_EQ(userns_load(fd, &snapshot), expected);
    CHECK(snapshot == NULL);
}

static void expect_text_error(const char *text, int expected)
{
    int fd = memory_file();

    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(lseek(fd, 0, SEEK_SET) == 0);
    expect_load_error(fd, expected);
    close(fd);
}

SITUATION(same_answers, IN_SANDBOX | BY_BPF, "a loaded snapshot answers as the saved one")
{
    pid_t pid = start(go_down, &(int){ 3 });
    struct userns_snapshot *snapshot, *loaded;
    size_t length;
    char *text;
    int fd;

    hold_in_all_ways(pid);
    snapshot = scan_with(EVERY_FLAG);
    fd = save(snapshot);
    loaded = load_from(fd);
    CHECK(same_snapshot(snapshot, loaded));
    CHECK(same_text(pins_of(snapshot), pins_of(loaded)));
    CHECK_EQ(userns_time(loaded), userns_time(snapshot));
    CHECK(strcmp(userns_boot_id(loaded), userns_boot_id(snapshot)) == 0);
    CHECK_EQ(userns_pid_namespace(loaded), userns_pid_namespace(snapshot));
    CHECK(userns_empty_source(loaded) == userns_empty_source(snapshot));
    CHECK(userns_source(loaded) == userns_source(snapshot));
    text = text_of(fd, &length);
    CHECK(length > 1000 && text[0] == '{' && strcmp(text + length - 4, "]\n}\n") == 0);
    free(text);
    userns_free(snapshot);
    userns_free(loaded);
    close(fd);
}

SITUATION(opened, IN_SANDBOX | BY_BPF, "a loaded snapshot opens namespaces that still exist")
{
    pid_t pid = start(go_down, &(int){ 1 }), short_lived = start(go_down, &(int){ 1 });
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_OWNED), *loaded;
    uint64_t inode = inode_of(pid), other = inode_of(short_lived);
    struct stat stat;
    int fd = save(snapshot), opened;

    loaded = load_from(fd);
    userns_free(snapshot);
    opened = userns_open(userns_find_inode(loaded, inode));
    CHECK(opened >= 0 && fstat(opened, &stat) == 0);
    CHECK_EQ(stat.st_ino, inode);
    close(opened);
    end(short_lived);
    opened = userns_open(userns_find_inode(loaded, other));
    for (int i = 0; i < 5000 && opened >= 0; i++) { /* the kernel releases it some time later */
        close(opened);
        usleep(1000);
        opened = userns_open(userns_find_inode(loaded, other));
    }
    CHECK(opened == -ESTALE || opened == -EACCES);
    userns_free(loaded);
    close(fd);
}

SITUATION(elsewhere, 0, "a loaded snapshot of another boot, or of no boot, opens nothing")
{
    static const char *const files[] = {
        "{\"format\":{\"major\":1},\"boot_id\":\"00000000-0000-0000-0000-000000000000\","
        "\"self\":4026531837,\"nodes\":[{\"inode\":4026531837}]}",
        "{\"format\":{\"major\":1},\"self\":4026531837,\"nodes\":[{\"inode\":4026531837}]}",
    };

    for (int i = 0; i < 2; i++) {
        struct userns_snapshot *loaded;
        int fd = memory_file();

        CHECK(write(fd, files[i], strlen(files[i])) > 0);
        loaded = load_from(fd);
        CHECK(userns_inode(userns_self(loaded)) == 4026531837);
        CHECK_EQ(userns_open(userns_self(loaded)), -EXDEV);
        userns_free(loaded);
        close(fd);
    }
}

SITUATION(arguments, 0, "NULL, and descriptors that are none, or not open for this")
{
    struct userns_snapshot *snapshot = scan();
    int read_only = open("/dev/null", O_RDONLY), write_only = open("/dev/null", O_WRONLY);
    int directory = open("/", O_RDONLY), path = open("/dev/null", O_PATH),
        full = open("/dev/full", O_WRONLY);

    CHECK_EQ(userns_save(NULL, write_only), -EINVAL);
    CHECK_EQ(userns_load(read_only, NULL), -EINVAL);
    CHECK_EQ(userns_save(snapshot, write_only), 0);
    CHECK_EQ(userns_save(snapshot, read_only), -EBADF);
    CHECK_EQ(userns_save(snapshot, path), -EBADF);
    CHECK_EQ(userns_save(snapshot, -1), -EBADF);
    CHECK_EQ(userns_save(snapshot, INT32_MAX), -EBADF);
    if (full >= 0)
        CHECK_EQ(userns_save(snapshot, full), -ENOSPC);
    expect_load_error(write_only, -EBADF);
    expect_load_error(path, -EBADF);
    expect_load_error(-1, -EBADF);
    expect_load_error(directory, -EISDIR);
    expect_load_error(read_only, -EBADMSG); /* empty */
    userns_free(snapshot);
}

SITUATION(what_is_no_snapshot, 0, "files that nobody saved are errors")
{
    expect_text_error("", -EBADMSG);
    expect_text_error("{}", -EBADMSG);
    expect_text_error("{\"format\":{\"major\":1}", -EBADMSG);
    expect_text_error("{\"format\":{\"major\":1}}x", -EBADMSG);
    expect_text_error("{\"format\":{\"major\":1},\"nodes\":[{\"inode\":1},{\"inode\":1}]}",
                      -EBADMSG);
    expect_text_error("{\"nodes\":{},\"format\":{\"major\":2}}", -EPROTONOSUPPORT);
    expect_text_error("{\"format\":{\"major\":1},\"boot_id\":\"\\u0000\"}", -EBADMSG);
}

/* Puts a text behind the first occurrence of another one. */
static void insert_behind(int fd, const char *text, const char *place, const char *inserted)
{
    const char *found = strstr(text, place);
    size_t before;

    CHECK(found != NULL);
    before = (size_t)(found - text) + strlen(place);
    CHECK(dprintf(fd, "%.*s%s%s", (int)before, text, inserted, text + before) > 0);
}

SITUATION(later_format, IN_SANDBOX | BY_BPF,
          "a file of a later minor version, with members that this one does not know")
{
    struct userns_snapshot *snapshot, *loaded;
    size_t length;
    char *text;
    int saved, later = memory_file(), more = memory_file();

    start(go_down, &(int){ 2 });
    snapshot = scan_with(EVERY_FLAG);
    saved = save(snapshot);
    text = text_of(saved, &length);
    insert_behind(later, text, "\"minor\":", "7"); /* 70 */
    free(text);
    text = text_of(later, &length);
    insert_behind(more, text, "{", "\"later\": [{\"deep\": [null, -1.5e3, \"\\u0000\"]}],");
    loaded = load_from(more);
    CHECK(same_snapshot(snapshot, loaded));
    CHECK(same_text(pins_of(snapshot), pins_of(loaded)));
    free(text);
    userns_free(snapshot);
    userns_free(loaded);
    close(saved);
    close(later);
    close(more);
}

SITUATION(later_sources, 0, "a file names sources that this version does not know")
{
    static const char text[] =
        "{\"format\":{\"major\":1,\"minor\":9},\"source\":\"later\","
        "\"empty_source\":\"later\",\"nodes\":[{\"inode\":5}]}";
    struct userns_snapshot *loaded, *again;
    int fd = memory_file(), saved;

    CHECK(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    loaded = load_from(fd);
    CHECK_EQ(userns_source(loaded), 0);
    CHECK_EQ(userns_source_error(loaded), 0);
    CHECK_EQ(userns_empty_source(loaded), USERNS_EMPTY_SOURCE_LISTNS);
    CHECK(userns_find_inode(loaded, 5) != NULL);
    saved = save(loaded);
    again = load_from(saved);
    CHECK_EQ(userns_source(again), 0);
    userns_free(loaded);
    userns_free(again);
    close(fd);
    close(saved);
}

/* For before_deadline(): tries to open the "namespace" of a file that somebody else has written. */
static void open_forged(void *fifo)
{
    struct userns_snapshot *now = scan(), *loaded;
    int fd = memory_file(), error;
    struct stat status;

    CHECK(fstat(*(int *)fifo, &status) == 0);
    CHECK(
        dprintf(fd,
                "{\"format\":{\"major\":1,\"minor\":0},\"boot_id\":\"%s\",\"proc_path\":\"/proc\","
                "\"nodes\":[{\"inode\":%" PRIu64 ",\"device\":%" PRIu64 ",\"pins\":["
                "{\"kind\":\"descriptor\",\"pid\":%d,\"tid\":%d,\"descriptor\":%d},"
                "{\"kind\":\"mount\",\"pid\":%d,\"path\":\"/mnt/fifo\"}]}]}",
                userns_boot_id(now), (uint64_t)status.st_ino, (uint64_t)status.st_dev,
                (int)getpid(), (int)getpid(), *(int *)fifo, (int)getpid()) > 0);
    loaded = load_from(fd);
    error = userns_open(userns_find_inode(loaded, status.st_ino));
    CHECK(error == -ESTALE || error == -EACCES);
    userns_free(now);
    userns_free(loaded);
}

SITUATION(forged, IN_SANDBOX, "a file takes a FIFO for a namespace: it is not opened")
{
    int fifo;

    mount_tmpfs("/mnt");
    CHECK(mkfifo("/mnt/fifo", 0600) == 0);
    CHECK((fifo = open("/mnt/fifo", O_PATH | O_CLOEXEC)) >= 0);
    before_deadline(open_forged, &fifo);
}

SITUATION(offset, 0, "saving and loading begin at the offset, and leave the descriptor open")
{
    struct userns_snapshot *snapshot = scan(), *loaded;
    int fd = memory_file(), descriptors;
    size_t length;
    char *text;

    CHECK(write(fd, "before", 6) == 6);
    descriptors = open_descriptors();
    CHECK_EQ(userns_save(snapshot, fd), 0);
    CHECK(lseek(fd, 6, SEEK_SET) == 6);
    CHECK_EQ(userns_load(fd, &loaded), 0);
    CHECK_EQ(open_descriptors(), descriptors);
    text = text_of(fd, &length);
    CHECK_EQ(lseek(fd, 0, SEEK_CUR), (off_t)length);
    CHECK(strncmp(text, "before{", 7) == 0);
    CHECK(same_snapshot(snapshot, loaded));
    free(text);
    userns_free(snapshot);
    userns_free(loaded);
    close(fd);
}

/* tests/snapshot.json, which the assembler finds beside the headers. Machines that are emulated have no files. */
__asm__(
    ".pushsection .rodata\n"
    ".globl recorded, recorded_length\n" /* GNU ld for ARM takes two local symbols of a section for one */
    ".balign 8\n"                        /* s390x addresses only even bytes by symbols */
    "recorded: .incbin \"../tests/snapshot.json\"\n"
    "1: .balign 8\n"
    "recorded_length: .long 1b - recorded\n"
    ".popsection");
extern __attribute__((visibility("hidden"))) const char recorded[];
extern __attribute__((visibility("hidden"))) const uint32_t recorded_length;

SITUATION(recorded, 0, "a file from a little-endian machine of 64 bits is the same on any machine")
{
    size_t expected = recorded_length, length;
    struct userns_snapshot *loaded;
    int fd = memory_file(), saved;
    char *text;

    CHECK(write(fd, recorded, expected) == (ssize_t)expected);
    loaded = load_from(fd);
    CHECK_EQ(userns_source_error(loaded), -EOPNOTSUPP); /* MIPS has another number */
    CHECK(has_members(userns_find_inode(loaded, 4026532292), 3, 5, 7, 9));
    saved = save(loaded);
    text = text_of(saved, &length);
    CHECK(length == expected && memcmp(text, recorded, length) == 0);
    free(text);
    userns_free(loaded);
    close(fd);
    close(saved);
}

/* ---- Pipes ---- */

/* A snapshot that takes many writes. */
static struct userns_snapshot *large_snapshot(void)
{
    struct userns_snapshot *snapshot;
    int fd = memory_file();

    dprintf(fd, "{\"format\":{\"major\":1},\"nodes\":[{\"inode\":1,\"pids\":[1");
    for (int pid = 2; pid < 100000; pid++)
        dprintf(fd, ",%d", pid);
    dprintf(fd, "]}]}");
    snapshot = load_from(fd);
    close(fd);
    return snapshot;
}

/* Counts the bytes of a pipe, slowly and with short reads at first. */
static int count_slowly(int fd)
{
    static char buffer[100000];
    int total = 0;
    ssize_t got;

    for (int i = 0; (got = read(fd, buffer, i < 100 ? 50 : sizeof buffer)) > 0; i++) {
        total += got;
        if (i < 100)
            usleep(1000);
    }
    return total;
}

static void ignore(int signal)
{
    (void)signal;
}

/* Signals come all the time, and no call is restarted. */
static void be_interrupted(bool often)
{
    struct sigaction action = { .sa_handler = ignore };
    struct itimerval timer = { { 0, often ? 700 : 0 }, { 0, often ? 700 : 0 } };

    CHECK(sigaction(SIGALRM, &action, NULL) == 0 && setitimer(ITIMER_REAL, &timer, NULL) == 0);
}

static void save_to_slow_reader(const struct userns_snapshot *snapshot, int flags, size_t length)
{
    int to[2], back[2], total = 0, status;
    pid_t child;

    CHECK(pipe(to) == 0 && pipe(back) == 0 && fcntl(to[1], F_SETFL, flags) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(to[1]);
        total = count_slowly(to[0]);
        _exit(write(back[1], &total, sizeof total) != sizeof total);
    }
    close(to[0]);
    be_interrupted(true);
    CHECK_EQ(userns_save(snapshot, to[1]), 0);
    be_interrupted(false);
    close(to[1]);
    CHECK(read(back[0], &total, sizeof total) == sizeof total);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK_EQ(total, (int)length);
}

static void load_from_slow_writer(const struct userns_snapshot *snapshot, int flags,
                                  const char *text, size_t length)
{
    struct userns_snapshot *loaded;
    int from[2], status;
    pid_t child;

    CHECK(pipe(from) == 0 && fcntl(from[0], F_SETFL, flags) == 0);
    child = fork();
    CHECK(child >= 0);
    if (child == 0) {
        close(from[0]);
        for (size_t done = 0; done < length;) {
            size_t part = done < 5000 ? 50 : length - done;
            ssize_t written = write(from[1], text + done, part);

            done += written > 0 ? (size_t)written : 0;
            if (part == 50)
                usleep(1000);
        }
        _exit(0);
    }
    close(from[1]);
    be_interrupted(true);
    CHECK_EQ(userns_load(from[0], &loaded), 0);
    be_interrupted(false);
    close(from[0]);
    CHECK(waitpid(child, &status, 0) == child);
    CHECK(same_text(shape_of(snapshot), shape_of(loaded)));
    userns_free(loaded);
}

SITUATION(pipe_that_is_slow, 0, "a pipe is waited for, non-blocking or not, whatever signals come")
{
    struct userns_snapshot *snapshot = large_snapshot();
    int fd = save(snapshot);
    size_t length;
    char *text = text_of(fd, &length);

    for (int i = 0; i < 2; i++) {
        save_to_slow_reader(snapshot, i == 0 ? O_NONBLOCK : 0, length);
        load_from_slow_writer(snapshot, i == 0 ? O_NONBLOCK : 0, text, length);
    }
    free(text);
    userns_free(snapshot);
    close(fd);
}

static bool is_sigpipe_pending(void)
{
    sigset_t pending;

    CHECK(sigpending(&pending) == 0);
    return sigismember(&pending, SIGPIPE);
}

SITUATION(pipe_without_reader, 0,
          "without a reader saving fails, and SIGPIPE does not end the process")
{
    struct userns_snapshot *snapshot = large_snapshot();
    sigset_t before, after, all;
    int ends[2];

    CHECK(signal(SIGPIPE, SIG_DFL) != SIG_ERR && pipe(ends) == 0);
    close(ends[0]);
    sigprocmask(SIG_SETMASK, NULL, &before);
    CHECK_EQ(userns_save(snapshot, ends[1]), -EPIPE);
    sigprocmask(SIG_SETMASK, NULL, &after);
    CHECK(sigismember(&before, SIGPIPE) == 0 && sigismember(&after, SIGPIPE) == 0);
    CHECK(!is_sigpipe_pending());
    CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == 0);
    close(ends[0]);
    CHECK_EQ(userns_save(snapshot, ends[1]), -EPIPE);

    /* One that was blocked and pending before still is. */
    sigfillset(&all);
    CHECK(sigprocmask(SIG_BLOCK, &all, NULL) == 0 && raise(SIGPIPE) == 0);
    CHECK_EQ(userns_save(snapshot, ends[1]), -EPIPE);
    CHECK(is_sigpipe_pending());
    userns_free(snapshot);
}

SITUATION(limit_of_files, 0, "a file that reaches RLIMIT_FSIZE")
{
    struct userns_snapshot *snapshot = large_snapshot();
    struct rlimit limit = { 30000, 30000 };
    char path[] = "/tmp/saved.XXXXXX";
    int fd = mkstemp(path);

    CHECK(fd >= 0 && unlink(path) == 0);
    CHECK(signal(SIGXFSZ, SIG_IGN) != SIG_ERR && setrlimit(RLIMIT_FSIZE, &limit) == 0);
    CHECK_EQ(userns_save(snapshot, fd), -EFBIG);
    userns_free(snapshot);
}
