/* userns_probe(): what each state of the host or the caller makes of it. */
#include "fuse.h"
#include "owners.h"
#include "pins.h"
#include "probe.h"
#include "situation.h"

SITUATION(everything_works, 0, "where nothing forbids it, all steps work in all ways")
{
    need_namespaces();
    check_works(0, ALL_STEPS);
    check_works(USERNS_PROBE_ONE_BY_ONE, ALL_STEPS);
    for (int depth = 1; depth < 3; depth++) {
        new_user_namespace(); /* with one id */
        check_works(0, ALL_STEPS);
        check_works(USERNS_PROBE_ONE_BY_ONE, ALL_STEPS);
    }
}

SITUATION(steps_include_others, 0, "a step includes those that it needs")
{
    static const uint64_t cases[][2] = {
        { USERNS_STEP_CREATE, 0x1 },
        { USERNS_STEP_MAP, 0x3 },
        { USERNS_STEP_CAPABLE, 0x7 },
        { USERNS_STEP_NET, 0xb },
        { USERNS_STEP_PID, 0x17 },
        { USERNS_STEP_NESTED, 0x23 },
        { 0, ALL_STEPS },
        { USERNS_STEP_NET | USERNS_STEP_NESTED, 0x2b },
    };

    need_namespaces();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (uint32_t flags = 0; flags < 4; flags += USERNS_PROBE_ONE_BY_ONE) {
            struct userns_probe *answer = probe(flags, cases[i][0]);

            CHECK_EQ(userns_probe_tried(answer), cases[i][1]);
            CHECK_EQ(userns_probe_worked(answer), cases[i][1]);
            userns_probe_free(answer);
        }
}

SITUATION(steps_not_tried, 0, "what a step needs has failed")
{
    struct userns_probe *answer;

    need_namespaces();
    new_user_namespace();
    CHECK(write_file("/proc/sys/user/max_mnt_namespaces", "0"));
    for (uint32_t flags = 0; flags < 4; flags += USERNS_PROBE_ONE_BY_ONE) {
        answer = probe(flags, ALL_STEPS);
        CHECK_EQ(userns_probe_tried(answer), ALL_STEPS & ~USERNS_STEP_PID);
        userns_probe_free(answer);
    }
    CHECK(write_file("/proc/sys/user/max_user_namespaces", "0"));
    answer = probe(0, ALL_STEPS);
    CHECK_EQ(userns_probe_tried(answer), USERNS_STEP_CREATE);
    userns_probe_free(answer);
    answer = probe(USERNS_PROBE_READ_ONLY, ALL_STEPS);
    CHECK_EQ(userns_probe_tried(answer), 0);
    userns_probe_free(answer);
}

SITUATION(arguments, 0, "NULL, sizes, flags and steps that do not exist")
{
    struct {
        struct userns_probe_options options;
        uint64_t more;
    } larger = { USERNS_PROBE_OPTIONS_INIT, 0 };
    struct userns_probe_options options = USERNS_PROBE_OPTIONS_INIT;
    struct userns_probe *probe = (void *)&options;
    size_t count = 1;

    CHECK(userns_probe(NULL, NULL) == -EINVAL);
    options.size--;
    CHECK(userns_probe(&options, &probe) == -EINVAL && probe == NULL);
    options.size = 4096;
    CHECK(userns_probe(&options, &probe) == -E2BIG);
    options = (struct userns_probe_options)USERNS_PROBE_OPTIONS_INIT;
    options.flags = 0x8;
    CHECK(userns_probe(&options, &probe) == -EINVAL);
    options = (struct userns_probe_options)USERNS_PROBE_OPTIONS_INIT;
    options.steps = 0x40;
    CHECK(userns_probe(&options, &probe) == -EINVAL);
    larger.options.size = sizeof larger;
    larger.options.flags = USERNS_PROBE_READ_ONLY;
    CHECK(userns_probe(&larger.options, &probe) == 0);
    userns_probe_free(probe);
    larger.more = 1;
    CHECK(userns_probe(&larger.options, &probe) == -E2BIG && probe == NULL);
    CHECK(userns_probe(NULL, &probe) == 0);
    userns_probe_reasons(probe, NULL);
    userns_probe_free(probe);
    userns_probe_free(NULL);
    CHECK(userns_probe_tried(NULL) == 0 && userns_probe_worked(NULL) == 0 &&
          userns_probe_failed_step(NULL) == 0);
    CHECK(userns_probe_error(NULL) == 0);
    CHECK(userns_probe_reasons(NULL, &count) == NULL && count == 0);
    CHECK((int)userns_reason_kind(NULL) == 0 && !userns_reason_is_proved(NULL));
    CHECK(userns_reason_text(NULL) == NULL);
}

SITUATION(in_chroot, IN_SANDBOX, "the root directory of the caller is not that of its mounts")
{
    const struct expected expected = { 0,    USERNS_STEP_CREATE, EPERM, USERNS_REASON_CHROOT,
                                       true, "in a chroot(2)" };

    enter_chroot(false);
    check_probe(0, ALL_STEPS, expected);
    check_probe(USERNS_PROBE_ONE_BY_ONE, ALL_STEPS, expected);
    check_probe(
        USERNS_PROBE_READ_ONLY, ALL_STEPS,
        (struct expected){ 0, 0, 0, USERNS_REASON_CHROOT, true, "is not the root of a mount" });
}

SITUATION(in_chroot_at_mount, IN_SANDBOX, "the same, and the root directory is that of a mount")
{
    enter_chroot(true);
    check_probe(0, ALL_STEPS,
                (struct expected){ 0, USERNS_STEP_CREATE, EPERM, USERNS_REASON_CHROOT, true,
                                   "from the root directory of the mount namespace it works" });
}

/* For in_child(): as a user who cannot leave it. */
static void probe_chroot_as_nobody(void *is_mount)
{
    struct expected expected = { 0,    USERNS_STEP_CREATE,          EPERM, USERNS_REASON_CHROOT,
                                 true, "is not the root of a mount" };

    enter_chroot(*(bool *)is_mount);
    if (*(bool *)is_mount) { /* which no file tells */
        expected.is_proved = false;
        expected.words = "a chroot(2) to the root directory of a mount";
    }
    become_nobody(0);
    check_probe(0, ALL_STEPS, expected);
}

SITUATION(in_chroot_as_nobody, IN_SANDBOX | AS_ROOT, "both, as an ordinary user")
{
    in_child(probe_chroot_as_nobody, &(bool){ false });
    in_child(probe_chroot_as_nobody, &(bool){ true });
}

static const char *const user_limit = "/proc/sys/user/max_user_namespaces";

/* Sets the limit of the own user namespace, which is to be a new one. */
static void set_limit(const char *name, int limit)
{
    char path[64];

    snprintf(path, sizeof path, "/proc/sys/user/max_%s_namespaces", name);
    if (!write_file(path, "%d", limit))
        skip("cannot write %s: %s", path, strerror(errno));
}

SITUATION(no_user_namespaces, 0, "max_user_namespaces is 0")
{
    new_user_namespace();
    set_limit("user", 0);
    check_probe(0, ALL_STEPS,
                (struct expected){ 0, USERNS_STEP_CREATE, ENOSPC, USERNS_REASON_LIMIT, true,
                                   "max_user_namespaces is 0" });
    check_probe(USERNS_PROBE_READ_ONLY, ALL_STEPS,
                (struct expected){ 0, 0, 0, USERNS_REASON_LIMIT, true, user_limit });
}

SITUATION(limit_used_up, IN_SANDBOX, "the caller has as many user namespaces as it may have")
{
    char words[64];
    pid_t user;

    new_user_namespace();
    set_limit("user", 1);
    CHECK(prctl(PR_SET_NAME, "limited") == 0);
    user = start(go_down, &(int){ 1 });
    snprintf(words, sizeof words, "process %d (limited)", (int)user);
    check_probe(
        0, ALL_STEPS,
        (struct expected){ 0, USERNS_STEP_CREATE, ENOSPC, USERNS_REASON_LIMIT, true, words });
    end(user);
}

/* For in_child(): a descriptor or a mount of a process keeps the only namespace that is permitted. */
static void check_kept(void *is_mount)
{
    struct held *held = shared(sizeof *held);
    pid_t keeper;
    char words[64];

    new_user_namespace();
    set_limit("user", 1);
    CHECK(prctl(PR_SET_NAME, "keeper") == 0);
    keeper = start(*(bool *)is_mount ? hold_by_mount : hold_descriptor, held);
    snprintf(words, sizeof words, "sees 1 in use, for example kept by process %d (keeper); end",
             (int)keeper);
    check_probe(
        0, ALL_STEPS,
        (struct expected){ 0, USERNS_STEP_CREATE, ENOSPC, USERNS_REASON_LIMIT, true, words });
    end(keeper);
}

SITUATION(limit_used_up_without_processes, IN_SANDBOX,
          "the same, and only a descriptor or a mount keeps them")
{
    in_child(check_kept, &(bool){ false });
    in_child(check_kept, &(bool){ true });
}

SITUATION(limit_of_ancestor, IN_SANDBOX,
          "an ancestor of the caller's user namespace permits no more")
{
    new_user_namespace();
    set_limit("user", 1);
    new_user_namespace();
    check_probe(0, ALL_STEPS,
                (struct expected){ 0, USERNS_STEP_CREATE, ENOSPC, USERNS_REASON_LIMIT, false,
                                   "of an ancestor" });
}

SITUATION(limit_when_nested, IN_SANDBOX, "one more inside is too much")
{
    new_user_namespace();
    set_limit("user", 1);
    check_probe(0, ALL_STEPS,
                (struct expected){ ALL_STEPS & ~USERNS_STEP_NESTED, USERNS_STEP_NESTED, ENOSPC,
                                   USERNS_REASON_LIMIT, false, NULL });
}

SITUATION(limits_of_others, 0, "no nonuser namespaces of one type")
{
    static const struct {
        const char *name;
        uint64_t failed, worked;
    } cases[] = {
        { "mnt", USERNS_STEP_CAPABLE, 0x2b },
        { "net", USERNS_STEP_NET, 0x37 },
        { "pid", USERNS_STEP_PID, 0x2f },
    };

    need_namespaces();
    new_user_namespace();
    for (size_t i = 0; i < 3; i++) {
        set_limit(cases[i].name, 0);
        for (uint32_t flags = 0; flags < 4; flags += USERNS_PROBE_ONE_BY_ONE)
            check_probe(flags, ALL_STEPS,
                        (struct expected){ cases[i].worked, cases[i].failed, ENOSPC,
                                           USERNS_REASON_LIMIT, true, cases[i].name });
        set_limit(cases[i].name, 1000);
    }
}

SITUATION(thirty_three_levels, 0, "user namespaces are nested as deeply as the kernel permits")
{
    new_user_namespace();
    while (unshare(CLONE_NEWUSER) == 0) {
        CHECK(write_file("/proc/self/setgroups", "deny"));
        CHECK(write_file("/proc/self/uid_map", "0 0 1"));
        CHECK(write_file("/proc/self/gid_map", "0 0 1"));
    }
    CHECK(errno == ENOSPC);
    check_probe(
        0, ALL_STEPS,
        (struct expected){ 0, USERNS_STEP_CREATE, ENOSPC, USERNS_REASON_DEPTH, false, "33 times" });
}

SITUATION(unmapped, 0, "the ids of the caller are not mapped in its user namespace")
{
    if (unshare(CLONE_NEWUSER) != 0)
        skip("cannot make a user namespace: %s", strerror(errno));
    check_probe(0, ALL_STEPS,
                (struct expected){ 0, USERNS_STEP_CREATE, EPERM, USERNS_REASON_UNMAPPED, true,
                                   "/proc/self/uid_map" });
    check_probe(USERNS_PROBE_READ_ONLY, ALL_STEPS,
                (struct expected){ 0, 0, 0, USERNS_REASON_UNMAPPED, true, NULL });
}

SITUATION(unmapped_beside_nobody, AS_ROOT,
          "the same, and the map has the id that stands for all that are not mapped")
{
    int ready[2];
    pid_t helper;

    CHECK(pipe2(ready, O_CLOEXEC) == 0);
    helper = fork_child();
    if (helper == 0) {
        map_ids_of_parent(&(struct maker){ .lower = 100000, .ids = 65536 }, ready);
        _exit(0);
    }
    become(7);
    if (unshare(CLONE_NEWUSER) != 0)
        skip("cannot make a user namespace: %s", strerror(errno));
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    CHECK(write(ready[1], "", 1) == 1);
    expect_success(helper);
    CHECK(geteuid() == 65534);
    check_probe(0, ALL_STEPS,
                (struct expected){ 0, USERNS_STEP_CREATE, EPERM, USERNS_REASON_UNMAPPED, false,
                                   "/proc/sys/kernel/overflowuid" });
    become(65534);
    check_works(0, USERNS_STEP_CREATE | USERNS_STEP_MAP);
}

/*
 * Covers procfs mounts elsewhere, which the sandbox has from the host. As long as one of them is fully
 * visible, a procfs can be mounted in a user namespace, whatever is mounted over /proc: see
 * mnt_already_visible() in fs/namespace.c.
 */
static void cover_other_procfs(void)
{
    FILE *mounts = fopen("/proc/self/mountinfo", "re");
    char line[8192], root[4096], point[4096];

    CHECK(mounts != NULL);
    while (fgets(line, sizeof line, mounts) != NULL)
        if (sscanf(line, "%*d %*d %*s %4095s %4095s", root, point) == 2 && strcmp(root, "/") == 0 &&
            strcmp(point, "/proc") != 0 && strstr(line, " - proc ") != NULL &&
            mount("none", point, "tmpfs", 0, NULL) != 0)
            skip("cannot cover the procfs at %s: %s", point, strerror(errno));
    fclose(mounts);
}

SITUATION(masked_proc, IN_SANDBOX, "something is mounted over a path in /proc, as in containers")
{
    static const char *const paths[] = { "/proc/driver", "/proc/fs", "/proc/sys" };

    cover_other_procfs();
    for (size_t i = 0; i < 3; i++) {
        int flags = i == 2 ? MS_BIND | MS_REC : 0;

        if (mount(i == 2 ? paths[i] : "none", paths[i], "tmpfs", (unsigned)flags, NULL) != 0)
            fail("cannot mount over %s", paths[i]);
        for (uint32_t way = 0; way < 4; way += USERNS_PROBE_ONE_BY_ONE)
            check_probe(way, ALL_STEPS,
                        (struct expected){ ALL_STEPS & ~USERNS_STEP_PID, USERNS_STEP_PID, EPERM,
                                           USERNS_REASON_PROC_MASKED, true, paths[i] });
        check_probe(USERNS_PROBE_READ_ONLY, ALL_STEPS,
                    (struct expected){ 0, 0, 0, USERNS_REASON_PROC_MASKED, true, paths[i] });
        CHECK(umount2(paths[i], MNT_DETACH) == 0);
    }
}

SITUATION(another_proc, IN_SANDBOX, "the same, with another procfs, over which nothing is mounted")
{
    mount_tmpfs("/mnt");
    CHECK(mkdir("/mnt/proc", 0755) == 0);
    CHECK(mount("proc", "/mnt/proc", "proc", 0, NULL) == 0);
    CHECK(mount("none", "/proc/driver", "tmpfs", 0, NULL) == 0);
    check_works(0, ALL_STEPS);
    check_probe(USERNS_PROBE_READ_ONLY, ALL_STEPS,
                (struct expected){ 0, 0, 0, USERNS_REASON_PROC_MASKED, false, "/proc/driver" });
}

/* With and without a trial, whose step a policy refuses, as a filter imitates it: this reads most. */
static void probe_covered(const char *path)
{
    fprintf(stderr, "%s is covered\n", path);
    alarm(stretched(60));
    userns_probe_free(probe(USERNS_PROBE_READ_ONLY, ALL_STEPS));
    if (strcmp(path, "/proc") == 0) /* an experiment takes ten seconds */
        return;
    check_probe(0, USERNS_STEP_CREATE,
                (struct expected){ 0, USERNS_STEP_CREATE, EPERM, USERNS_REASON_UNKNOWN, false,
                                   "CLONE_NEWUSER" });
}

/* In a child, since process 1 ignores SIGALRM. */
static void cover_files(void *unused UNUSED)
{
    static const char *const files[] = {
        "/proc/self/uid_map",
        "/proc/self/cgroup",
        "/proc/sys/user/max_user_namespaces",
        "/proc/self/mountinfo",
    };
    static const char *const directories[] = {
        "/proc/sys/kernel", "/proc/sys", "/proc/self/attr", "/proc/self/ns", "/sys/kernel",
        "/sys/fs/cgroup",   "/sys",      "/proc",
    };

    if (access("/sys/kernel/security/lsm", R_OK) == 0)
        skip("this kernel can have a security module itself");
    deny_syscall(__NR_clone, CLONE_FLAGS, CLONE_NEWUSER, EPERM);
    for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
        CHECK(mount_device(files[i], S_IFREG) >= 0);
        probe_covered(files[i]);
    }
    for (size_t i = 0; i < sizeof directories / sizeof *directories; i++) {
        if (access(directories[i], F_OK) == 0)
            CHECK(mount_device(directories[i], S_IFDIR) >= 0);
        probe_covered(directories[i]);
    }
}

SITUATION(dead_servers, IN_SANDBOX | AS_ROOT, "file servers over files of /proc and /sys are dead")
{
    in_child(cover_files, NULL);
}

SITUATION(read_only_sysctls, IN_SANDBOX, "/proc/sys is read-only, as in containers")
{
    cover_other_procfs();
    CHECK(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL) == 0);
    CHECK(mount(NULL, "/proc/sys", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0);
    check_works(0, ALL_STEPS & ~USERNS_STEP_PID);
    check_probe(0, ALL_STEPS,
                (struct expected){ ALL_STEPS & ~USERNS_STEP_PID, USERNS_STEP_PID, EPERM,
                                   USERNS_REASON_PROC_MASKED, true, "/proc/sys" });
}

SITUATION(no_proc, IN_SANDBOX, "no procfs is mounted at /proc")
{
    uint64_t worked = USERNS_STEP_CREATE | USERNS_STEP_CAPABLE | USERNS_STEP_NET;

    mount_tmpfs("/proc");
    for (uint32_t flags = 0; flags < 4; flags += USERNS_PROBE_ONE_BY_ONE)
        check_probe(flags, ALL_STEPS & ~USERNS_STEP_PID,
                    (struct expected){ worked, USERNS_STEP_MAP, ENOENT, USERNS_REASON_PROC_MASKED,
                                       true, "no procfs is mounted" });
}

SITUATION(read_only_proc, IN_SANDBOX, "the procfs at /proc is read-only")
{
    CHECK(mount(NULL, "/proc", NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0);
    check_probe(0, USERNS_STEP_MAP,
                (struct expected){ USERNS_STEP_CREATE, USERNS_STEP_MAP, EROFS,
                                   USERNS_REASON_PROC_MASKED, true, "read-only" });
}

SITUATION(not_dumpable, AS_ROOT,
          "the caller is not dumpable, and so the maps of its child are root's")
{
    become_nobody(0);
    CHECK(prctl(PR_SET_DUMPABLE, 0) == 0);
    check_probe(0, USERNS_STEP_MAP,
                (struct expected){ USERNS_STEP_CREATE, USERNS_STEP_MAP, EACCES,
                                   USERNS_REASON_UNKNOWN, true, "PR_GET_DUMPABLE" });
}

static bool all_works(void)
{
    struct userns_probe *answer = probe(0, ALL_STEPS);
    uint64_t worked = userns_probe_worked(answer);

    userns_probe_free(answer);
    return worked == ALL_STEPS;
}

SITUATION(root_without_setfcap, 0, "root may not map its UID without a capability")
{
    need_namespaces();
    new_user_namespace();
    set_capabilities(~(UINT64_C(1) << CAP_SETFCAP));
    if (all_works())
        skip("this kernel lets root map itself: before Linux 5.12");
    check_probe(0, ALL_STEPS,
                (struct expected){ 0x1d, USERNS_STEP_MAP, EPERM, USERNS_REASON_UNKNOWN, false,
                                   "CAP_SETFCAP" });
}

SITUATION(no_processes, AS_ROOT, "RLIMIT_NPROC of the caller is reached")
{
    become_nobody(0);
    CHECK(setrlimit(RLIMIT_NPROC, &(struct rlimit){ 1, 1 }) == 0);
    check_probe(0, ALL_STEPS,
                (struct expected){ 0, USERNS_STEP_CREATE, EAGAIN, USERNS_REASON_PROCESSES, true,
                                   "RLIMIT_NPROC of the caller is 1" });
}

/* A filter stands for whatever else answers EAGAIN. */
SITUATION(processes_of_root, AS_ROOT, "RLIMIT_NPROC does not hold for root")
{
    struct userns_probe *answer;
    const struct userns_reason *reason;

    CHECK(setrlimit(RLIMIT_NPROC, &(struct rlimit){ 1, 1 }) == 0);
    deny_syscall(__NR_clone, ANY_ARGUMENT, 0, EAGAIN);
    answer = probe(0, ALL_STEPS);
    reason = reason_of(answer, USERNS_REASON_PROCESSES);
    CHECK(userns_probe_error(answer) == -EAGAIN);
    CHECK(reason != NULL && !userns_reason_is_proved(reason));
    CHECK(strstr(userns_reason_text(reason), "RLIMIT_NPROC") == NULL);
    userns_probe_free(answer);
}

/* Makes a cgroup with this limit, and enters it. */
static void enter_cgroup(char *path, size_t size, const char *limit)
{
    static const char *const roots[] = { "/sys/fs/cgroup/pids", "/sys/fs/cgroup" };
    char file[128];

    for (size_t i = 0; i < 2; i++) {
        snprintf(path, size, "%s/userns-probe-XXXXXX", roots[i]);
        if (mkdtemp(path) == NULL)
            continue;
        CHECK(chmod(path, 0755) == 0);
        snprintf(file, sizeof file, "%s/pids.max", path);
        if (write_file(file, "%s", limit)) {
            snprintf(file, sizeof file, "%s/cgroup.procs", path);
            CHECK(write_file(file, "%d", (int)getpid()));
            return;
        }
        rmdir(path);
    }
    skip("there is no cgroup with a pids controller");
}

/* One by one, since the process of a nested namespace is then made inside. */
static void probe_in_cgroup(char *path, int limit)
{
    struct expected expected = {
        0, USERNS_STEP_CREATE, EAGAIN, USERNS_REASON_PROCESSES, true, NULL
    };
    struct userns_probe *answer;
    char text[16], words[64];
    size_t count;

    snprintf(text, sizeof text, "%d", limit);
    enter_cgroup(path, 64, text);
    CHECK(setrlimit(RLIMIT_NPROC, &(struct rlimit){ 10000, 10000 }) == 0);
    become_nobody(0);
    if (limit == 3) {
        expected.worked = 0x3;
        expected.failed = USERNS_STEP_NESTED;
    }
    snprintf(words, sizeof words, "pids.max is %d, and the cgroup has 1 processes", limit);
    expected.words = words;
    check_probe(USERNS_PROBE_ONE_BY_ONE, USERNS_STEP_NESTED, expected);
    answer = probe(USERNS_PROBE_ONE_BY_ONE, USERNS_STEP_NESTED);
    userns_probe_reasons(answer, &count);
    CHECK_EQ(count, 1);
    userns_probe_free(answer);
}

/* One more is enough. */
static void probe_in_sufficient_cgroup(char *path)
{
    enter_cgroup(path, 64, "4");
    become_nobody(0);
    check_works(USERNS_PROBE_ONE_BY_ONE, ALL_STEPS);
}

static void with_cgroup(int limit)
{
    char *path = shared(64);
    pid_t child = fork_child();
    int status;

    if (child == 0) {
        if (limit < 4)
            probe_in_cgroup(path, limit);
        else
            probe_in_sufficient_cgroup(path);
        exit(0);
    }
    CHECK(waitpid(child, &status, 0) == child);
    for (int i = 0; i < 100 && rmdir(path) != 0; i++)
        usleep(10000);
    if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
        exit(WIFEXITED(status) ? WEXITSTATUS(status) : 1);
}

SITUATION(full_cgroup, AS_ROOT, "the cgroup of the caller has no room for the processes of a probe")
{
    need_namespaces();
    for (int limit = 1; limit <= 4; limit++)
        with_cgroup(limit);
}

static void unshare_and_probe(void *unused UNUSED)
{
    struct userns_probe *answer;

    CHECK(unshare(CLONE_NEWPID) == 0);
    CHECK(userns_probe(NULL, &answer) == -ECHILD && answer == NULL);
    CHECK(strstr(userns_strerror(-ECHILD), "process 1") != NULL);
    end(start(do_nothing, NULL)); /* as process 1 */
}

static void unshare_and_probe_without_proc(void *unused UNUSED)
{
    mount_tmpfs("/proc");
    unshare_and_probe(NULL);
}

SITUATION(no_process_yet, IN_SANDBOX, "a child of the caller would be process 1 of a PID namespace")
{
    in_child(unshare_and_probe, NULL);
    if (!is_before(6, 11)) /* a pidfd tells namespaces */
        in_child(unshare_and_probe_without_proc, NULL);
}

SITUATION(children_elsewhere, IN_SANDBOX, "children of the caller are in another PID namespace")
{
    pid_t first;

    need_namespaces();
    CHECK(unshare(CLONE_NEWPID) == 0);
    first = start(do_nothing, NULL);
    check_works(0, ALL_STEPS);
    check_works(USERNS_PROBE_ONE_BY_ONE, ALL_STEPS);
    end(first);
}

static void probe_read_only(void *unused UNUSED)
{
    struct userns_probe *answer = probe(USERNS_PROBE_READ_ONLY, 0);

    CHECK_EQ(userns_probe_worked(answer), 0);
    CHECK_EQ(userns_probe_failed_step(answer), 0);
    userns_probe_free(answer);
}

SITUATION(read_only_makes_no_process, 0,
          "a probe that only reads calls neither clone(2) nor unshare(2)")
{
    deny_syscall(__NR_unshare, ANY_ARGUMENT, 0, ENOSYS);
    in_child(probe_read_only, NULL);
    /* From now on nothing can be started. */
    deny_syscall(__NR_clone, ANY_ARGUMENT, 0, EPERM);
    deny_syscall(__NR_clone3, ANY_ARGUMENT, 0, EPERM);
    probe_read_only(NULL);
}
