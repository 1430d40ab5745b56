/* userns_probe(): domains of SELinux, which only the machines of make check-policies have. */
#include "confined.h"
#include "situation.h"

#define REFUSED_BY(step, error, is_proved, words) \
    ((struct expected){ WORKED_##step, USERNS_STEP_##step, error, USERNS_REASON_SELINUX, \
                        is_proved, words })

/* What works if a step fails, and those that need it. */
enum { WORKED_CREATE = 0, WORKED_MAP = 0x1, WORKED_CAPABLE = 0x2b, WORKED_NET = 0x37 };

static const struct expected works;

/* A domain in tests/kernels/policies/selinux.cil, as setcon(3) chooses it. */
static void enter_domain(const char *name)
{
    if (!write_file("/proc/self/attr/current", "user:role:%s", name))
        skip("SELinux has no domain %s of these tests: %s", name, strerror(errno));
}

SITUATION(permitted, 0, "a domain that may do everything, and one that is permissive")
{
    check_confined(enter_domain, "unrestricted", works);
    check_confined(enter_domain, "without_userns_permissive", works);
    enter_domain("without_userns_permissive");
    check_read_only(USERNS_REASON_SELINUX, false);
}

SITUATION(creation, 0, "a domain that may make no user namespaces")
{
    check_confined(enter_domain, "without_userns",
                   REFUSED_BY(CREATE, EACCES, true, "\"create\" (class user_namespace)"));
    enter_domain("without_userns");
    check_read_only(USERNS_REASON_SELINUX, true);
}

SITUATION(creation_unasked, 0, "the same, and the domain may not ask about the policy")
{
    check_confined(enter_domain, "without_userns_unasked",
                   REFUSED_BY(CREATE, EACCES, false, "enforce is 1"));
    enter_domain("without_userns_unasked");
    check_read_only(USERNS_REASON_SELINUX, false);
}

SITUATION(capabilities, 0, "a domain has no CAP_SYS_ADMIN in its user namespaces")
{
    check_confined(enter_domain, "without_sys_admin",
                   REFUSED_BY(MAP, EPERM, true, "\"sys_admin\" (class cap_userns)"));
}

SITUATION(network, 0, "a domain has no CAP_NET_ADMIN in its user namespaces")
{
    check_confined(enter_domain, "without_net_admin",
                   REFUSED_BY(NET, EPERM, true, "\"net_admin\" (class cap_userns)"));
}

SITUATION(mounts, 0, "a domain that may not mount")
{
    check_confined(enter_domain, "without_mount",
                   REFUSED_BY(CAPABLE, EACCES, false, "mount(2) of a tmpfs failed with EACCES"));
}

SITUATION(not_guilty, 0, "something else refuses a mount that the policy permits")
{
    struct userns_probe *answer;

    enter_domain("unrestricted");
    deny_syscall(__NR_mount, 3, 0, EPERM);
    answer = probe(0, ALL_STEPS);
    print_probe(answer);
    CHECK(userns_probe_error(answer) == -EPERM);
    CHECK(reason_of(answer, USERNS_REASON_SELINUX) == NULL);
    userns_probe_free(answer);
}
