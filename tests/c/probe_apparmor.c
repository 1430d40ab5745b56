/* userns_probe(): profiles of AppArmor, which only the machines of make check-policies have. */
#include "confined.h"
#include "situation.h"

#define REFUSED_BY(step, error, is_proved, words) \
    ((struct expected){ WORKED_##step, USERNS_STEP_##step, error, USERNS_REASON_APPARMOR, \
                        is_proved, words })

/* What works if a step fails, and those that need it. */
enum { WORKED_CREATE = 0, WORKED_MAP = 0x1, WORKED_CAPABLE = 0x2b };

static const struct expected works;

/* A profile in tests/kernels/policies/apparmor, as aa_change_profile(2) chooses it. */
static void enter_profile(const char *name)
{
    if (!write_file("/proc/self/attr/apparmor/current", "changeprofile %s", name))
        skip("AppArmor has no profile %s of these tests: %s", name, strerror(errno));
}

SITUATION(permitted, 0, "profiles that permit user namespaces, or refuse nothing")
{
    check_confined(enter_profile, "with_userns", works);
    check_confined(enter_profile, "complaining", works);
    check_confined(enter_profile, "only_named", works);
}

SITUATION(creation, 0, "a profile without the rule for user namespaces")
{
    check_confined(enter_profile, "without_userns",
                   REFUSED_BY(CREATE, EACCES, true, "does not permit user namespaces"));
    enter_profile("without_userns");
    check_read_only(USERNS_REASON_APPARMOR, true);
}

SITUATION(creation_unasked, 0, "the same, and the kernel cannot be asked about the profile")
{
    check_confined(enter_profile, "without_userns_unasked",
                   REFUSED_BY(CREATE, EACCES, false, "\"userns,\""));
    enter_profile("without_userns_unasked");
    check_read_only(USERNS_REASON_APPARMOR, false);
}

SITUATION(capabilities, 0, "a profile lets the namespace be made, and takes its capabilities away")
{
    check_confined(enter_profile, "without_capabilities",
                   REFUSED_BY(MAP, EPERM, true, "CAP_SYS_ADMIN"));
    enter_profile("without_capabilities");
    check_read_only(USERNS_REASON_APPARMOR, false);
}

SITUATION(mounts, 0, "a profile without a rule for mounts")
{
    check_confined(enter_profile, "without_mount",
                   REFUSED_BY(CAPABLE, EACCES, false, "\"mount,\""));
}

SITUATION(maps, 0, "a profile that denies writing the maps")
{
    struct expected expected = REFUSED_BY(MAP, EACCES, false, "uid_map");

    expected.worked = 0x1d;
    check_confined(enter_profile, "without_maps", expected);
}

SITUATION(not_guilty, 0, "something else refuses a mount: no profile is the reason that permits it")
{
    static const char *const profiles[] = { "with_userns", "complaining", "only_named" };

    for (size_t i = 0; i < 3; i++) {
        pid_t child = fork_child();

        if (child == 0) {
            struct userns_probe *answer;

            enter_profile(profiles[i]);
            deny_syscall(__NR_mount, 3, 0, EPERM);
            answer = probe(0, ALL_STEPS);
            print_probe(answer);
            CHECK(userns_probe_error(answer) == -EPERM);
            CHECK(reason_of(answer, USERNS_REASON_APPARMOR) == NULL);
            exit(0);
        }
        expect_success(child);
    }
}
