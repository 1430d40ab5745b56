/* Scans that cannot use BPF read procfs; and the data that a scan by BPF still reads from it. */
#include "situation.h"
#include "bpf.h"

/* A scan that asks for BPF, but uses procfs because of an error. */
static struct userns_snapshot *scan_without(const char *proc_path, int error)
{
    struct userns_snapshot *snapshot = scan_as(proc_path, USERNS_SCAN_BPF);

    CHECK_EQ(userns_source(snapshot), USERNS_SOURCE_PROCFS);
    if (userns_source_error(snapshot) != error)
        fail("not by BPF: %d (%s), not %d", userns_source_error(snapshot),
             userns_strerror(userns_source_error(snapshot)), error);
    return snapshot;
}

/* ---- Callers without privileges ---- */

SITUATION(unprivileged, 0, "an ordinary user")
{
    if (geteuid() == 0)
        become_nobody(0);
    userns_free(scan_without(NULL, -EPERM));
}

SITUATION(nested, 0, "capabilities in a nested user namespace do not suffice")
{
    struct userns_snapshot *snapshot;

    new_user_namespace();
    snapshot = scan_without(NULL, -EPERM);
    CHECK_EQ(userns_inode(userns_self(snapshot)), inode_of(getpid()));
    userns_free(snapshot);
}

static void scan_outer_procfs(void)
{
    struct userns_snapshot *snapshot = scan_without("/proc", -EXDEV);
    char self[16] = "";

    CHECK(readlink("/proc/self", self, sizeof self - 1) > 0);
    CHECK(getpid() == 1 && atoi(self) > 1);
    CHECK(userns_find_pid(snapshot, atoi(self)) == userns_self(snapshot));
    userns_free(snapshot);
}

SITUATION(outer_procfs, 0, "the procfs of the outer PID namespace")
{
    pid_t pid;

    if (geteuid() != 0)
        new_user_namespace();
    if (unshare(CLONE_NEWPID) != 0)
        skip("cannot make a PID namespace: %s", strerror(errno));
    pid = fork_child();
    if (pid == 0) {
        scan_outer_procfs();
        exit(0);
    }
    expect_success(pid);
}

/* ---- Kernels without BPF, policies that deny it, limits ---- */

/* bpf(2) fails for a command, or for ANY_ARGUMENT. */
struct refusal {
    int command, error, expected;
};

static void scan_refused(void *argument)
{
    struct refusal *refusal = argument;
    struct userns_snapshot *before = scan_by(0, USERNS_SOURCE_PROCFS), *after;

    if (refusal->command == ANY_ARGUMENT)
        deny_syscall(__NR_bpf, ANY_ARGUMENT, 0, refusal->error);
    else
        deny_syscall(__NR_bpf, 0, (uint32_t)refusal->command, refusal->error);
    after = scan_without(NULL, refusal->expected);
    CHECK(userns_source_log(after) == NULL); /* the verifier said nothing */
    CHECK(same_snapshot(before, after));
    userns_free(before);
    userns_free(after);
}

SITUATION(without_bpf, IN_SANDBOX, "bpf(2) fails, with each error")
{
    struct refusal refusals[] = {
        { ANY_ARGUMENT, ENOSYS, -EOPNOTSUPP },
        { ANY_ARGUMENT, EPERM, -EPERM },
        { BPF_MAP_CREATE, EPERM, -EPERM },
        { BPF_MAP_CREATE, EACCES, -EPERM },
        { BPF_MAP_CREATE, EINVAL, -EOPNOTSUPP },
        { BPF_MAP_CREATE, E2BIG, -EOPNOTSUPP },
        { BPF_MAP_CREATE, EIO, -EOPNOTSUPP },
        { BPF_MAP_CREATE, ENOMEM, -ENOMEM },
        { BPF_PROG_LOAD, EACCES, -ENOEXEC },
        { BPF_PROG_LOAD, EINVAL, -ENOEXEC },
        { BPF_PROG_LOAD, EPERM, -EPERM },
        { BPF_PROG_LOAD, 524, -EOPNOTSUPP }, /* the kernel's ENOTSUPP: without the JIT compiler */
    };

    need_bpf();
    for (size_t i = 0; i < sizeof refusals / sizeof *refusals; i++)
        in_child(scan_refused, &refusals[i]);
}

static void need_bpf_in_child(void *unused UNUSED)
{
    need_bpf();
}

SITUATION(without_btf, IN_SANDBOX, "a kernel that was built without type information (BTF)")
{
    in_child(need_bpf_in_child, NULL); /* this process must not know the layout of the kernel yet */
    if (mount("tmpfs", "/sys/kernel/btf", "tmpfs", 0, NULL) != 0)
        skip("cannot mount over /sys/kernel/btf: %s", strerror(errno));
    userns_free(scan_without(NULL, -EOPNOTSUPP));
    CHECK(umount("/sys/kernel/btf") == 0);
    userns_free(scan_by(USERNS_SCAN_BPF, best_source())); /* it tries again */
}

/* Too few for BPF can be enough for procfs; both can be too few. */
SITUATION(few_descriptors, IN_SANDBOX, "each limit on open descriptors")
{
    struct userns_snapshot *reference, *snapshot;
    struct userns_options options = USERNS_OPTIONS_INIT;
    struct rlimit limit, lower;
    int failed = 0, done = 0;

    need_bpf();
    reference = scan_by(0, USERNS_SOURCE_PROCFS);
    close_inherited_descriptors();
    CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0);
    lower = limit;
    options.flags = USERNS_SCAN_BPF;
    for (rlim_t left = 0; left <= 6; left++) {
        int error;

        lower.rlim_cur = STDERR_FILENO + 1 + left;
        CHECK(setrlimit(RLIMIT_NOFILE, &lower) == 0);
        error = userns_scan(&options, &snapshot);
        CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
        CHECK_EQ(open_descriptors(), STDERR_FILENO + 1);
        CHECK(error == 0 || (error == -EMFILE && left < 5));
        failed += error != 0;
        done += error == 0;
        if (error != 0)
            continue;
        CHECK(same_snapshot(reference, snapshot));
        CHECK_EQ(userns_source_error(snapshot),
                 userns_source(snapshot) == USERNS_SOURCE_PROCFS ? -EMFILE : 0);
        CHECK(left < 5 || userns_source(snapshot) != USERNS_SOURCE_PROCFS);
        userns_free(snapshot);
    }
    CHECK(failed > 0 && done > 0); /* else this tested nothing */
    userns_free(reference);
}

SITUATION(not_asked_for, 0, "without the flag, a scan does not call bpf(2)")
{
    deny_syscall(__NR_bpf, ANY_ARGUMENT, 0, EFAULT);
    userns_free(scan_by(0, USERNS_SOURCE_PROCFS));
    userns_free(scan_by(USERNS_SCAN_SOCKETS, USERNS_SOURCE_PROCFS));
}

/* ---- Data that only procfs has ---- */

static void scan_hidden(void *holder)
{
    const struct userns_node *init;
    struct userns_snapshot *snapshot, *other;

    keep_bpf_alone();
    snapshot = scan_by(0, USERNS_SOURCE_PROCFS);
    CHECK(userns_find_pid(snapshot, 1) == NULL);
    CHECK(userns_gaps(snapshot) & USERNS_GAP_HIDEPID);
    userns_free(snapshot);
    snapshot = scan_by(USERNS_SCAN_BPF, best_source());
    CHECK(userns_find_pid(snapshot, 1) == userns_self(snapshot));
    CHECK_EQ(userns_gaps(snapshot) & (USERNS_GAP_HIDEPID | USERNS_GAP_UNREADABLE), 0);
    userns_free(snapshot);

    /*
     * No gaps from Linux 6.4 on: BPF tells the descriptors and the namespaces of all threads, and
     * that both hidden processes see the same mounts as the caller.
     */
    snapshot = scan_by(USERNS_SCAN_BPF | USERNS_SCAN_PINNED | USERNS_SCAN_NAMES, best_source());
    init = userns_find_pid(snapshot, 1);
    CHECK(init && init == userns_find_pid(snapshot, *(pid_t *)holder));
    CHECK(userns_gaps(snapshot) & USERNS_GAP_HIDEPID);
    CHECK(userns_gap_count(snapshot, USERNS_GAP_DESCRIPTORS) <= (is_before(5, 11) ? 2 : 1));
    if (userns_source(snapshot) == USERNS_SOURCE_BPF_PROCESSES) {
        CHECK_EQ(userns_gaps(snapshot) & (USERNS_GAP_LINKS | USERNS_GAP_MOUNTS), 0);
    } else {
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_MOUNTS), 2);
    }
    CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 0);

    /* The same if pidfds cannot show that these processes still exist. */
    deny_syscall(__NR_pidfd_open, ANY_ARGUMENT, 0, EPERM);
    other = scan_by(USERNS_SCAN_BPF | USERNS_SCAN_PINNED | USERNS_SCAN_NAMES, best_source());
    CHECK(same_snapshot(snapshot, other));
    CHECK(same_text(pins_of(snapshot), pins_of(other)));
    userns_free(other);
    userns_free(snapshot);
}

static void hold_descriptor(void *unused UNUSED)
{
    CHECK(open_namespace(getpid(), "net") >= 0);
}

static void scan_with_hidepid(void *options)
{
    pid_t holder;

    mount_procfs("/proc", options);
    holder = start(hold_descriptor, NULL);
    in_child(scan_hidden, &holder);
}

SITUATION(hidepid, 0, "a scan by BPF sees processes that hidepid hides")
{
    static char options[][sizeof "hidepid=1"] = { "hidepid=1", "hidepid=2", "hidepid=4" };

    need_bpf();
    for (size_t i = 0; i < sizeof options / sizeof options[0]; i++)
        in_sandbox(scan_with_hidepid, options[i]);
}
