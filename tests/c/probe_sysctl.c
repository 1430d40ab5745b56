/*
 * userns_probe(): the sysctl of Debian's kernels that forbids user namespaces to all but root. It is
 * one of the whole machine, so only the machines of make check-policies set it, and there is only
 * one situation.
 */
#include "probe.h"
#include "seccomp.h"
#include "situation.h"

static const char *const sysctl = "/proc/sys/kernel/unprivileged_userns_clone";

static void expect(uint32_t flags, uint64_t worked, uint64_t failed, enum userns_reason_kind kind,
                   const char *words)
{
    check_probe(flags, ALL_STEPS, (struct expected){ worked, failed, EPERM, kind, true, words });
}

/* Of the kind SECCOMP there is no reason: nothing filters the caller, or not the calls of a probe. */
static void expect_sysctl(uint32_t flags, uint64_t worked, uint64_t failed)
{
    struct userns_probe *answer = probe(flags, ALL_STEPS);

    expect(flags, worked, failed, USERNS_REASON_SYSCTL, sysctl);
    CHECK(reason_of(answer, USERNS_REASON_SECCOMP) == NULL);
    userns_probe_free(answer);
}

static void expect_in_both_ways(uint64_t worked, uint64_t failed)
{
    expect_sysctl(0, worked, failed);
    expect_sysctl(USERNS_PROBE_ONE_BY_ONE, worked, failed);
    check_probe(USERNS_PROBE_READ_ONLY, ALL_STEPS,
                (struct expected){ 0, 0, 0, USERNS_REASON_SYSCTL, true, sysctl });
}

/* Inside, root's process is an ordinary one. */
static void probe_as_root(void *unused UNUSED)
{
    expect_in_both_ways(ALL_STEPS & ~USERNS_STEP_NESTED, USERNS_STEP_NESTED);
    new_user_namespace();
    expect_in_both_ways(0, USERNS_STEP_CREATE);
}

static void probe_as_nobody(void *unused UNUSED)
{
    become_nobody(0);
    expect_in_both_ways(0, USERNS_STEP_CREATE);
    deny_syscall(__NR_reboot, ANY_ARGUMENT, 0, EPERM); /* which a probe does not call */
    expect_in_both_ways(0, USERNS_STEP_CREATE);
    deny_syscall(__NR_clone, CLONE_FLAGS, CLONE_NEWUSER | CLONE_FS, EPERM);
    expect(0, 0, USERNS_STEP_CREATE, USERNS_REASON_SECCOMP, "a seccomp filter");
    expect(0, 0, USERNS_STEP_CREATE, USERNS_REASON_SYSCTL, sysctl);
}

SITUATION(unprivileged_userns_clone, AS_ROOT, "only root may make user namespaces")
{
    if (access("/policies/apparmor", F_OK) != 0)
        skip("only a machine of make check-policies may change %s", sysctl);
    need_namespaces();
    if (!write_file(sysctl, "0"))
        skip("this kernel has no %s", sysctl);
    in_child(probe_as_root, NULL);
    in_child(probe_as_nobody, NULL);
}
