/* userns_probe(): seccomp filters, and what they stand for that cannot be had here. */
#include "probe.h"
#include "situation.h"

enum { IS_FATAL = -1 };

/*
 * From now on a system call fails with an errno value, or ends its process (IS_FATAL), if one of
 * its arguments has one of these bits; with ANY_ARGUMENT always. Other calls end nothing.
 */
static void filter_bits(long number, int argument, uint32_t bits, int error)
{
    bool always = argument == ANY_ARGUMENT;
    size_t low_word = __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ ? 0 : 4;
    size_t offset =
        offsetof(struct seccomp_data, args) + 8 * (size_t)(always ? 0 : argument) + low_word;
    uint32_t answer =
        error == IS_FATAL ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ERRNO | (unsigned)error;
    struct sock_filter filter[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (unsigned)number, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offset),
        BPF_JUMP(BPF_JMP | BPF_K | (always ? BPF_JGE : BPF_JSET), always ? 0 : bits, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, answer),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof filter / sizeof *filter, filter };

    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0)
        skip("cannot filter system calls: %s", strerror(errno));
}

/* A filter, and what it makes of a probe by one call, and of one by one. */
struct filter {
    long number;
    int argument;
    uint32_t bits;
    /* What fails, and works: with an errno value, and if the filter is fatal. 0: nothing fails. */
    uint64_t failed[2], worked[2], worked_if_fatal[2];
};

static const struct filter filters[] = {
    { __NR_clone3, ANY_ARGUMENT, 0, { 0, 0 }, { 0, 0 }, { 0, 0 } },
    { __NR_setns, ANY_ARGUMENT, 0, { 0, 0 }, { 0, 0 }, { 0, 0 } },
    { __NR_unshare, ANY_ARGUMENT, 0, { 0, USERNS_STEP_CREATE }, { 0, 0 }, { 0, 0 } },
    { __NR_unshare, 0, CLONE_NEWUSER, { 0, USERNS_STEP_CREATE }, { 0, 0 }, { 0, 0 } },
    { __NR_unshare, 0, CLONE_NEWNET, { 0, USERNS_STEP_NET }, { 0, 0x37 }, { 0, 0x27 } },
    { __NR_clone, CLONE_FLAGS, CLONE_NEWUSER, { USERNS_STEP_CREATE, 0 }, { 0, 0 }, { 0, 0 } },
    { __NR_clone, CLONE_FLAGS, CLONE_NEWNET, { USERNS_STEP_NET, 0 }, { 0x37, 0 }, { 0x37, 0 } },
    { __NR_clone, CLONE_FLAGS, CLONE_NEWNS, { USERNS_STEP_CAPABLE, 0 }, { 0x2b, 0 }, { 0x2b, 0 } },
    { __NR_clone, CLONE_FLAGS, CLONE_NEWPID, { USERNS_STEP_PID, 0 }, { 0x2f, 0 }, { 0x2f, 0 } },
    { __NR_mount,
      ANY_ARGUMENT,
      0,
      { USERNS_STEP_CAPABLE, USERNS_STEP_CAPABLE },
      { 0x2b, 0x2b },
      { 0x23, 0x23 } },
};

struct trial {
    const struct filter *filter;
    int error, way;
};

static void probe_filtered(void *argument)
{
    const struct trial *trial = argument;
    const struct filter *filter = trial->filter;
    uint32_t flags = trial->way == 1 ? USERNS_PROBE_ONE_BY_ONE : 0;
    uint64_t failed = filter->failed[trial->way];
    bool is_fatal = trial->error == IS_FATAL;

    filter_bits(filter->number, filter->argument, filter->bits, trial->error);
    if (failed == 0) {
        check_works(flags, ALL_STEPS);
        return;
    }
    check_probe(
        flags, ALL_STEPS,
        (struct expected){ (is_fatal ? filter->worked_if_fatal : filter->worked)[trial->way],
                           failed, is_fatal ? EINTR : trial->error, USERNS_REASON_SECCOMP, true,
                           is_fatal ? "SIGSYS" : "Seccomp" });
}

SITUATION(filters, 0, "filters answer with errno values, or kill")
{
    static const int errors[] = { EPERM, ENOSYS, EACCES, EINVAL + 100, IS_FATAL };

    need_namespaces();
    for (size_t i = 0; i < sizeof filters / sizeof *filters; i++)
        for (size_t j = 0; j < sizeof errors / sizeof *errors; j++)
            for (int way = 0; way < 2; way++) {
                struct trial trial = { &filters[i], errors[j], way };

                fprintf(stderr, "system call %ld, bits %#x, errno %d, way %d\n", filters[i].number,
                        filters[i].bits, errors[j], way);
                in_child(probe_filtered, &trial);
            }
}

static void probe_without_parent(void *flags)
{
    filter_bits(__NR_getppid, ANY_ARGUMENT, 0, IS_FATAL);
    check_probe(
        *(uint32_t *)flags, ALL_STEPS,
        (struct expected){ 0, USERNS_STEP_CREATE, EINTR, USERNS_REASON_SECCOMP, true, "SIGSYS" });
}

SITUATION(first_call_kills, 0, "a filter kills for a call that the first child makes at once")
{
    need_namespaces();
    for (uint32_t flags = 0; flags < 4; flags += USERNS_PROBE_ONE_BY_ONE)
        in_child(probe_without_parent, &flags);
}

/* Each is told. Without its mount namespace, a procfs is not tried. */
static void probe_with_two_fatal(void *with_mounts)
{
    bool is_mount = *(bool *)with_mounts;
    uint64_t first = is_mount ? USERNS_STEP_CAPABLE : USERNS_STEP_NET;
    struct userns_probe *answer;
    const struct userns_reason *const *reasons;
    size_t count;

    filter_bits(__NR_clone, CLONE_FLAGS, is_mount ? CLONE_NEWNS : CLONE_NEWPID, IS_FATAL);
    filter_bits(__NR_clone, CLONE_FLAGS, CLONE_NEWNET, IS_FATAL);
    answer = probe(0, ALL_STEPS);
    print_probe(answer);
    CHECK_EQ(userns_probe_failed_step(answer), first);
    CHECK(userns_probe_error(answer) == -EINTR);
    CHECK_EQ(userns_probe_tried(answer), ALL_STEPS & ~(is_mount ? USERNS_STEP_PID : 0));
    CHECK_EQ(userns_probe_worked(answer), is_mount ? 0x23 : 0x27);
    reasons = userns_probe_reasons(answer, &count);
    CHECK_EQ(count, 2);
    for (size_t i = 0; i < 2; i++)
        CHECK(userns_reason_kind(reasons[i]) == USERNS_REASON_SECCOMP &&
              userns_reason_is_proved(reasons[i]));
    userns_probe_free(answer);
}

SITUATION(two_fatal_filters, 0, "filters kill for two types of namespaces")
{
    need_namespaces();
    in_child(probe_with_two_fatal, &(bool){ true });
    in_child(probe_with_two_fatal, &(bool){ false });
}

SITUATION(all_namespaces_denied, 0,
          "as in a container: no call that makes a namespace, whatever its flags")
{
    static const uint32_t all = CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID;

    need_namespaces();
    filter_bits(__NR_clone, CLONE_FLAGS, all, EPERM);
    filter_bits(__NR_unshare, ANY_ARGUMENT, 0, EPERM);
    filter_bits(__NR_setns, ANY_ARGUMENT, 0, EPERM);
    filter_bits(__NR_clone3, ANY_ARGUMENT, 0, ENOSYS);
    for (uint32_t flags = 0; flags < 4; flags += USERNS_PROBE_ONE_BY_ONE)
        check_probe(flags, ALL_STEPS,
                    (struct expected){ 0, USERNS_STEP_CREATE, EPERM, USERNS_REASON_SECCOMP, true,
                                       "an impossible call" });
}

/* Each namespace that is missing has an error and a reason of its own. */
static void probe_two_failures(void *way)
{
    uint32_t flags = *(uint32_t *)way;
    struct userns_probe *answer;
    size_t count;
    const struct userns_reason *const *reasons;

    filter_bits(flags == 0 ? __NR_clone : __NR_unshare, flags == 0 ? CLONE_FLAGS : 0, CLONE_NEWNS,
                EPERM);
    answer = probe(flags, USERNS_STEP_CAPABLE | USERNS_STEP_NET);
    reasons = userns_probe_reasons(answer, &count);
    print_probe(answer);
    CHECK_EQ(userns_probe_failed_step(answer), USERNS_STEP_CAPABLE);
    CHECK_EQ(count, 2);
    for (size_t i = 0; i < count; i++) {
        bool is_limit = userns_reason_kind(reasons[i]) == USERNS_REASON_LIMIT;

        CHECK(userns_reason_is_proved(reasons[i]));
        CHECK(is_limit || userns_reason_kind(reasons[i]) == USERNS_REASON_SECCOMP);
        CHECK(strstr(userns_reason_text(reasons[i]),
                     is_limit ? "/proc/sys/user/max_net_namespaces" : "CLONE_NEWNS") != NULL);
    }
    userns_probe_free(answer);
}

SITUATION(two_failures, 0, "a filter refuses mount namespaces, and a limit network namespaces")
{
    need_namespaces();
    new_user_namespace();
    CHECK(write_file("/proc/sys/user/max_net_namespaces", "0"));
    in_child(probe_two_failures, &(uint32_t){ 0 });
    in_child(probe_two_failures, &(uint32_t){ USERNS_PROBE_ONE_BY_ONE });
    /* What is told of the user namespace is its own error, not that of a namespace beside it. */
    CHECK(write_file("/proc/sys/user/max_user_namespaces", "0"));
    filter_bits(__NR_clone, CLONE_FLAGS, CLONE_NEWNET, EPERM);
    check_probe(0, ALL_STEPS,
                (struct expected){ 0, USERNS_STEP_CREATE, ENOSPC, USERNS_REASON_LIMIT, true,
                                   "max_user_namespaces is 0" });
}

/* What only keeps the library from finding the reason is none. */
SITUATION(killed_experiment, IN_SANDBOX,
          "a filter ends an experiment, and a chroot(2) is the reason")
{
    struct userns_probe *answer;
    size_t count;

    enter_chroot(false);
    filter_bits(__NR_setns, ANY_ARGUMENT, 0, IS_FATAL);
    answer = probe(0, ALL_STEPS);
    print_probe(answer);
    CHECK(userns_probe_error(answer) == -EPERM);
    CHECK(userns_probe_reasons(answer, &count) != NULL && count == 1);
    CHECK(reason_of(answer, USERNS_REASON_CHROOT) != NULL);
    userns_probe_free(answer);
}

/* A scan tells who has used up a limit, and would make the call. */
static void probe_without_clone3(void *unused UNUSED)
{
    filter_bits(__NR_clone3, ANY_ARGUMENT, 0, IS_FATAL);
    check_probe(0, ALL_STEPS,
                (struct expected){ 0, USERNS_STEP_CREATE, ENOSPC, USERNS_REASON_LIMIT, false,
                                   "max_user_namespaces" });
}

SITUATION(limit_without_clone3, 0, "a limit is reached, and a filter ends who calls clone3(2)")
{
    pid_t user;

    need_namespaces();
    new_user_namespace();
    CHECK(write_file("/proc/sys/user/max_user_namespaces", "1"));
    user = start(go_down, &(int){ 1 });
    in_child(probe_without_clone3, NULL);
    end(user);
}

SITUATION(no_new_privileges, 0, "no_new_privs takes nothing away")
{
    need_namespaces();
    CHECK(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0);
    check_works(0, ALL_STEPS);
    check_works(USERNS_PROBE_ONE_BY_ONE, ALL_STEPS);
}

SITUATION(without_close_range, 0, "the kernel has no close_range(2): before Linux 5.9, or a filter")
{
    static const int errors[] = { ENOSYS, EPERM, IS_FATAL };

    need_namespaces();
    for (size_t i = 0; i < 3; i++) {
        int before = open_descriptors();
        pid_t child = fork_child();

        if (child == 0) {
            filter_bits(__NR_close_range, ANY_ARGUMENT, 0, errors[i]);
            check_works(0, ALL_STEPS);
            CHECK(open_descriptors() == before);
            exit(0);
        }
        expect_success(child);
    }
}

/*
 * A filter that only answers the call of the step itself, not the impossible one, stands for a
 * module without files that tell anything: its errors are not taken for a filter's, and nothing is
 * proved. AppArmor and SELinux are tried for real in probe_apparmor.c and probe_selinux.c.
 */
SITUATION(unknown_security_module, 0, "a policy refuses to make a user namespace, or its mounts")
{
    static const int errors[] = { EPERM, EACCES };

    need_namespaces();
    if (access("/sys/kernel/security/lsm", R_OK) == 0 || access("/sys/fs/selinux", F_OK) == 0)
        skip("this kernel can have a security module itself");
    for (size_t i = 0; i < 2; i++) {
        pid_t child = fork_child();

        if (child == 0) {
            struct expected expected = { 0,         USERNS_STEP_CREATE,
                                         errors[i], USERNS_REASON_UNKNOWN,
                                         false,     "unshare(2) with CLONE_NEWUSER" };

            if (errors[i] == EPERM && geteuid() != 0) { /* who cannot exclude it */
                expected.kind = USERNS_REASON_CHROOT;
                expected.words = "a security module";
            }
            deny_syscall(__NR_unshare, 0, CLONE_NEWUSER, errors[i]);
            deny_syscall(__NR_mount, 3, 0, errors[i]);
            check_probe(USERNS_PROBE_ONE_BY_ONE, ALL_STEPS, expected);
            check_probe(0, ALL_STEPS,
                        (struct expected){ 0x3b, USERNS_STEP_CAPABLE, errors[i],
                                           USERNS_REASON_UNKNOWN, false, "mount(2) of a tmpfs" });
            exit(0);
        }
        expect_success(child);
    }
}
