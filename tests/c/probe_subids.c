/* userns_probe(): USERNS_PROBE_SUBIDS. */
#include "probe.h"
#include "situation.h"
#include "subids.h"
#include <poll.h>
#include <pthread.h>
#include <time.h>

SITUATION(mapped, IN_SANDBOX | AS_ROOT, "newuidmap and newgidmap map a range")
{
    have_programs(map_ids, 0755);
    for (uint32_t flags = 0; flags < 4; flags += USERNS_PROBE_ONE_BY_ONE)
        check_works(flags | USERNS_PROBE_SUBIDS, ALL_STEPS);
}

/* The shadow project reads /etc/subuid, and checks who calls. */
SITUATION(real_programs, IN_SANDBOX | AS_ROOT, "newuidmap(1) and newgidmap(1) themselves")
{
    if (access("/usr/bin/newuidmap", X_OK) != 0 || access("/usr/bin/newgidmap", X_OK) != 0)
        skip("newuidmap(1) is not installed");
    mount_tmpfs("/etc");
    make_text_file("/etc/passwd", 0644, accounts);
    make_text_file("/etc/subuid", 0644, ranges);
    make_text_file("/etc/subgid", 0644, ranges);
    become_nobody(NOBODY);
    check_works(USERNS_PROBE_SUBIDS, ALL_STEPS);
    check_works(USERNS_PROBE_SUBIDS | USERNS_PROBE_ONE_BY_ONE, ALL_STEPS);
}

/* The maps of the second process, as a script writes them down. */
SITUATION(arguments_of_programs, IN_SANDBOX | AS_ROOT, "the arguments of the programs")
{
    char text[64] = "";
    int fd;

    have_programs("echo \"$kind $# $2 $3 $4 $5 $6 $7\" >>/mnt/log", 0755);
    check_works(USERNS_PROBE_SUBIDS, USERNS_STEP_CREATE | USERNS_STEP_MAP);
    fd = open("/mnt/log", O_RDONLY | O_CLOEXEC);
    CHECK(fd >= 0);
    read_all(fd, text, sizeof text);
    CHECK(strcmp(text, "uid 7 0 0 1 1 200000 65536\ngid 7 0 0 1 1 200000 65536\n") == 0);
}

static const struct expected failing = {
    ALL_STEPS & ~USERNS_STEP_MAP, USERNS_STEP_MAP, ENOENT, USERNS_REASON_HELPER, true, NULL,
};

static void expect(uint32_t flags, int error, bool is_proved, const char *words)
{
    struct expected expected = failing;

    expected.error = error;
    expected.is_proved = is_proved;
    expected.words = words;
    check_probe(flags | USERNS_PROBE_SUBIDS, ALL_STEPS, expected);
}

SITUATION(missing, IN_SANDBOX | AS_ROOT, "there are no such programs")
{
    have_programs(NULL, 0);
    expect(0, ENOENT, true, "newuidmap is not installed");
    make_text_file("/usr/bin/newuidmap", 0755, "");
    expect(USERNS_PROBE_ONE_BY_ONE, ENOENT, true, "newgidmap is not installed");
    check_probe(USERNS_PROBE_SUBIDS | USERNS_PROBE_READ_ONLY, ALL_STEPS,
                (struct expected){ 0, 0, 0, USERNS_REASON_HELPER, true, "newgidmap" });
}

/* Executed with another PATH, by elsewhere() below; the directory can be found in it then. */
static void probe_elsewhere(void)
{
    have_programs(NULL, 0);
    CHECK(mkdir("/mnt/bin", 0755) == 0);
    make_text_file("/mnt/bin/newuidmap", 0755, "");
    expect(0, ENOENT, false, "/mnt/bin/newuidmap");
}

SITUATION(elsewhere, IN_SANDBOX | AS_ROOT, "the program is where only PATH leads")
{
    const char *path = getenv("PATH");

    if (path != NULL && strstr(path, "/mnt/bin") != NULL) {
        probe_elsewhere();
        return;
    }
    CHECK(setenv("PATH", "relative::/nowhere:/mnt/bin:/bin", 1) == 0);
    execl("/proc/self/exe", "/proc/self/exe", "elsewhere", (char *)NULL);
    fail("cannot execute this program again");
}

SITUATION(no_range, IN_SANDBOX | AS_ROOT, "the user has no range of ids")
{
    have_programs(map_ids, 0755);
    make_text_file("/etc/subgid", 0644, "other:1:1\n");
    expect(0, ENOENT, true, "/etc/subgid has no line");
    make_text_file("/etc/subuid", 0644, "");
    expect(0, ENOENT, true, "/etc/subuid has no line");
}

SITUATION(services, IN_SANDBOX | AS_ROOT, "names or ranges can come from elsewhere than from files")
{
    have_programs(map_ids, 0755);
    make_text_file("/etc/subuid", 0644, "# comment\nroot:x:1\nroot:1\nroot\nroot:5:0\nother:1:1\n");
    expect(0, ENOENT, true, "/etc/subuid has no line");
    make_text_file("/etc/nsswitch.conf", 0644, "passwd: files\nsubid: sss\n");
    expect(0, ENOENT, false, "a service");
    make_text_file("/etc/nsswitch.conf", 0644, "passwd: files sss\nsubid: files\n");
    expect(0, ENOENT, true, "/etc/subuid has no line");
    make_text_file("/etc/passwd", 0644, "other:x:1:1::/:/bin/sh\n");
    expect(0, ENOENT, false, "/etc/nsswitch.conf");
}

/* The steps that need no other maps go on. */
static void expect_as_nobody(int error, bool is_proved, const char *words)
{
    struct userns_probe *answer;
    const struct userns_reason *reason;

    answer = probe(USERNS_PROBE_SUBIDS, ALL_STEPS);
    reason = reason_of(answer, USERNS_REASON_HELPER);
    if (userns_probe_failed_step(answer) != USERNS_STEP_MAP ||
        userns_probe_error(answer) != -error || reason == NULL ||
        userns_reason_is_proved(reason) != is_proved ||
        strstr(userns_reason_text(reason), words) == NULL) {
        print_probe(answer);
        fail("expected: newuidmap fails, '%s'", words);
    }
    userns_probe_free(answer);
}

SITUATION(not_setuid, IN_SANDBOX | AS_ROOT, "the program has no privileges of its own")
{
    have_programs("exit 1", 0755);
    become_nobody(0);
    expect_as_nobody(EPERM, true, "neither setuid root nor has it capabilities");
}

SITUATION(nosuid, IN_SANDBOX | AS_ROOT, "the mount of the program gives no privileges")
{
    have_programs("exit 1", 04755);
    CHECK(mount(NULL, "/usr/bin", NULL, MS_REMOUNT | MS_BIND | MS_NOSUID, NULL) == 0);
    become_nobody(0);
    expect_as_nobody(EPERM, true, "nosuid");
}

SITUATION(no_new_privileges, IN_SANDBOX | AS_ROOT, "no_new_privs keeps it from getting them")
{
    have_programs("exit 1", 04755);
    become_nobody(0);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    expect_as_nobody(EPERM, true, "no_new_privs");
}

static void drop_capability(int number)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];
    uint32_t rest = ~(1U << number % 32);

    CHECK(syscall(SYS_capget, &header, data) == 0);
    data[number / 32].permitted &= rest;
    data[number / 32].effective &= rest;
    data[number / 32].inheritable &= rest;
    CHECK(syscall(SYS_capset, &header, data) == 0);
}

/* As in a container: root has some capabilities, but not CAP_SYS_ADMIN. */
SITUATION(some_capabilities, IN_SANDBOX | AS_ROOT,
          "root needs no privileges from the program, so no_new_privs does not matter")
{
    struct userns_probe *answer;
    size_t count;

    have_programs(map_ids, 0755);
    drop_capability(CAP_SYS_ADMIN);
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    check_works(USERNS_PROBE_SUBIDS, ALL_STEPS);
    answer = probe(USERNS_PROBE_SUBIDS | USERNS_PROBE_READ_ONLY, ALL_STEPS);
    print_probe(answer);
    userns_probe_reasons(answer, &count);
    CHECK_EQ(count, 0);
    userns_probe_free(answer);
}

/* Not for other users, who lose them when they execute a program, unless they are ambient. */
SITUATION(capable_user, IN_SANDBOX | AS_ROOT, "capabilities of a user other than root")
{
    have_programs("exit 1", 0755);
    become_capable_nobody();
    expect_as_nobody(EPERM, true, "neither setuid root nor has it capabilities");
    for (int number = CAP_SETGID; number <= CAP_SETUID; number++)
        CHECK(prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number, 0, 0) == 0);
    expect_as_nobody(EPERM, false, "wait status 0x100");
}

SITUATION(refused, IN_SANDBOX | AS_ROOT, "the program fails for a reason of its own")
{
    have_programs("exit 3", 04755);
    become_nobody(0);
    expect_as_nobody(EPERM, false, "wait status 0x300");
}

SITUATION(not_started, IN_SANDBOX | AS_ROOT, "there can be no process for the program")
{
    have_programs(map_ids, 0755);
    deny_syscall(__NR_clone, CLONE_FLAGS, 0, EAGAIN); /* as the limit on processes does */
    check_probe(
        USERNS_PROBE_SUBIDS, ALL_STEPS,
        (struct expected){ 0x1d, USERNS_STEP_MAP, EAGAIN, USERNS_REASON_PROCESSES, false, NULL });
}

SITUATION(slow, IN_SANDBOX | AS_ROOT, "the program does not end")
{
    struct timespec before, after;
    struct userns_probe *answer;

    have_programs("while :; do :; done", 0755);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    answer = probe(USERNS_PROBE_SUBIDS, USERNS_STEP_MAP);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK_EQ(userns_probe_failed_step(answer), USERNS_STEP_MAP);
    CHECK(userns_probe_error(answer) == -ETIMEDOUT);
    CHECK(reason_of(answer, USERNS_REASON_TIMEOUT) != NULL);
    userns_probe_free(answer);
    CHECK(after.tv_sec - before.tv_sec < 11);
    CHECK(waitpid(-1, NULL, __WALL | WNOHANG) == -1 && errno == ECHILD);
}

/* The shell has no sleep of its own. */
static const char slow_then_endless[] =
    "read now rest </proc/uptime\n"
    "end=$((${now%.*} + 4))\n"
    "while [ ${now%.*} -lt $end ] || [ $kind = gid ]; do read now rest </proc/uptime; done\n"
    "printf '%s %s %s\\n' $2 $3 $4 >/proc/$1/uid_map";

SITUATION(both_slow, IN_SANDBOX | AS_ROOT, "both programs together have as long as one")
{
    struct timespec before, after;

    have_programs(slow_then_endless, 0755);
    CHECK(clock_gettime(CLOCK_MONOTONIC, &before) == 0);
    check_probe(USERNS_PROBE_SUBIDS, ALL_STEPS & ~USERNS_STEP_NESTED,
                (struct expected){ 0x1d, USERNS_STEP_MAP, ETIMEDOUT, USERNS_REASON_TIMEOUT, true,
                                   "/usr/bin/newgidmap had not ended" });
    CHECK(clock_gettime(CLOCK_MONOTONIC, &after) == 0);
    CHECK(after.tv_sec - before.tv_sec < 8); /* else nine */
}

/* ---- While a program runs, the child of the caller waits ---- */

static void probe_slowly(void *unused UNUSED)
{
    userns_probe_free(probe(USERNS_PROBE_SUBIDS, USERNS_STEP_MAP));
}

SITUATION(ends_with_caller, IN_SANDBOX | AS_ROOT, "the caller is killed while a program runs")
{
    pid_t caller;

    have_programs("echo begun >>/mnt/log; while :; do :; done", 0755);
    caller = fork_child();
    if (caller == 0) {
        probe_slowly(NULL);
        exit(0);
    }
    for (int i = 0; i < 500 && access("/mnt/log", F_OK) != 0; i++)
        usleep(10000);
    CHECK(access("/mnt/log", F_OK) == 0);
    CHECK(kill(caller, SIGKILL) == 0);
    CHECK(waitpid(caller, NULL, 0) == caller);
    expect_processes(1);
}

static _Atomic int *handled;

static void count_signal(int number UNUSED)
{
    ++*handled;
}

static void *probe_in_thread(void *unused)
{
    probe_slowly(unused);
    return NULL;
}

/* The child neither keeps descriptors of the caller open nor runs handlers of it. */
SITUATION(undisturbed, IN_SANDBOX | AS_ROOT, "descriptors are closed and signals come meanwhile")
{
    struct sigaction action = { .sa_handler = count_signal };
    pthread_t thread;
    int ends[2];

    have_programs("echo begun >>/mnt/log; i=0; while [ $i -lt 200000 ]; do i=$((i+1)); done", 0755);
    handled = shared(sizeof *handled);
    CHECK(setpgid(0, 0) == 0 && sigaction(SIGUSR1, &action, NULL) == 0);
    CHECK(pipe2(ends, O_CLOEXEC) == 0);
    CHECK(pthread_create(&thread, NULL, probe_in_thread, NULL) == 0);
    for (int i = 0; i < 500 && access("/mnt/log", F_OK) != 0; i++)
        usleep(10000);
    CHECK(access("/mnt/log", F_OK) == 0);
    close(ends[1]);
    CHECK(poll(&(struct pollfd){ ends[0], POLLIN, 0 }, 1, 50) == 1);
    CHECK(kill(0, SIGUSR1) == 0);
    CHECK(pthread_join(thread, NULL) == 0);
    CHECK_EQ(*handled, 1);
}
