/*
 * Verdicts: whether a process has a capability in a user namespace. They are compared with what the
 * kernel permits: setns(2) to another user namespace takes CAP_SYS_ADMIN in it, sethostname(2) takes
 * it in the owner of the UTS namespace.
 */
#include "situation.h"
#include "owners.h"

enum { SPACES = 8, DEPTH = 5, SUBJECTS = 10, TREES = 12, USERS = 3 };

/* Index 0 is the namespace of the sandbox. */
struct space {
    int parent, depth, descriptor;
    unsigned ids;
    pid_t root; /* a process in it */
    uint64_t inode;
};

struct subject {
    int space;
    bool keeps_uid; /* that of the initial user namespace with which it joins */
    unsigned uid;
    uint64_t wanted; /* capabilities */
    /* What the kernel says, in shared memory. */
    uint64_t capabilities;
    bool may[SPACES];
    pid_t pid;
};

static struct space spaces[SPACES];
static struct subject *subjects;

static bool is_at_or_below(int space, int above)
{
    while (space != above && space > 0)
        space = spaces[space].parent;
    return space == above;
}

static void make_spaces(void)
{
    spaces[0] = (struct space){ .parent = -1,
                                .descriptor = open_namespace(getpid(), "user"),
                                .ids = 1 << 20,
                                .root = getpid(),
                                .inode = inode_of(getpid()) };
    for (int i = 1; i < SPACES; i++) {
        struct space *space = &spaces[i], *parent;
        struct maker maker;

        do
            space->parent = rand() % 2 == 0 ? i - 1 : rand() % i;
        while (spaces[space->parent].depth == DEPTH);
        parent = &spaces[space->parent];
        space->depth = parent->depth + 1;
        space->ids = space->depth == 1 ? 16 : parent->ids / 2;
        maker = (struct maker){ .parent = parent->descriptor,
                                .ids = space->ids,
                                .in_extents = true,
                                .has_more = space->depth == 1 };
        maker.owner = (unsigned)rand() % (parent->ids < USERS ? parent->ids : USERS);
        if (rand() % 2 == 0)
            maker.lower = space->depth == 1 ? 100000 : parent->ids - space->ids;
        if (space->parent == 0)
            maker.parent = -1; /* setns(2) does not enter the present one */
        space->root = start(make_namespace, &maker);
        space->descriptor = open_namespace(space->root, "user");
        space->inode = inode_of(space->root);
    }
}

/* Whether the kernel lets this process enter a namespace, or change the host name in its own. */
static bool may(int target, int own)
{
    pid_t pid;
    int status;

    if (target == own)
        return sethostname("situation", 9) == 0 || (CHECK(errno == EPERM), false);
    pid = fork();
    CHECK(pid >= 0);
    if (pid == 0) {
        if (setns(spaces[target].descriptor, CLONE_NEWUSER) == 0)
            _exit(0);
        _exit(errno == EPERM ? 1 : 2);
    }
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) < 2);
    return WEXITSTATUS(status) == 0;
}

static void act(void *argument)
{
    struct subject *subject = argument;

    if (subject->space != 0)
        CHECK(setns(spaces[subject->space].descriptor, CLONE_NEWUSER) == 0);
    CHECK(unshare(CLONE_NEWUTS) == 0);
    if (!subject->keeps_uid)
        become(subject->uid);
    set_capabilities(subject->wanted);
    CHECK(prctl(PR_SET_DUMPABLE, 1) == 0);
    subject->capabilities = effective_capabilities();
    for (int i = 0; i < SPACES; i++)
        subject->may[i] = may(i, subject->space);
}

static void start_subjects(void)
{
    static const uint64_t sets[] = { 0, UINT64_MAX, UINT64_C(1) << CAP_SYS_ADMIN,
                                     ~(UINT64_C(1) << CAP_SYS_ADMIN) };

    for (int i = 0; i < SUBJECTS; i++) {
        struct subject *subject = &subjects[i];
        unsigned ids;

        subject->space = rand() % SPACES;
        ids = spaces[subject->space].ids;
        subject->keeps_uid = rand() % 6 == 0;
        subject->uid = (unsigned)rand() % (ids < USERS ? ids : USERS);
        subject->wanted = sets[rand() % 4];
        subject->pid = start(act, subject);
    }
}

static void end_all(void)
{
    for (int i = 0; i < SUBJECTS; i++)
        end(subjects[i].pid);
    for (int i = SPACES; i-- > 0;) {
        close(spaces[i].descriptor);
        if (i > 0)
            end(spaces[i].root);
    }
}

static bool is_reason(const struct subject *subject, int target, uint32_t reason, bool holds)
{
    switch (reason) {
    case USERNS_WHY_MEMBER:
        return subject->space == target;
    case USERNS_WHY_ANCESTOR:
        return subject->space != target && is_at_or_below(target, subject->space);
    case USERNS_WHY_OWNER:
        return subject->space != target && is_at_or_below(target, subject->space) && holds;
    case USERNS_WHY_OUTSIDE:
        return !is_at_or_below(target, subject->space) && !holds;
    default:
        return false;
    }
}

/* The effective UID, as the kernel shows it to this process. */
static uid_t uid_of(pid_t pid)
{
    char path[64];
    struct stat status;

    snprintf(path, sizeof path, "/proc/%d", (int)pid);
    CHECK(stat(path, &status) == 0);
    return status.st_uid;
}

/* The number of verdicts; *unknown: of these, how many are not known. */
static int compare(const struct userns_snapshot *snapshot, int *unknown)
{
    int count = 0;

    *unknown = 0;
    for (int i = 0; i < SUBJECTS; i++) {
        struct subject *subject = &subjects[i];

        for (int target = 0; target < SPACES; target++) {
            const struct userns_node *node = userns_find_inode(snapshot, spaces[target].inode);
            uint32_t reason = 0;
            int verdict;

            if (node == NULL)
                continue;
            verdict = userns_capable(snapshot, subject->pid, CAP_SYS_ADMIN, node, &reason);
            count++;
            if (verdict == -ENODATA && reason == USERNS_WHY_HIDDEN)
                ++*unknown;
            else if (verdict != subject->may[target] ||
                     !is_reason(subject, target, reason, verdict))
                fail("a process in %d with UID %u (%d) and %#" PRIx64
                     ": the verdict about %d is %d, reason %u; the kernel says %d",
                     subject->space, subject->uid, subject->keeps_uid, subject->capabilities,
                     target, verdict, (unsigned)reason, subject->may[target]);
        }
    }
    return count;
}

static void check_facts(const struct userns_snapshot *snapshot)
{
    for (int i = 0; i < SUBJECTS; i++) {
        uint64_t capabilities = 1;
        uid_t uid = 12345;

        CHECK(userns_process_uid(snapshot, subjects[i].pid, &uid));
        CHECK_EQ(uid, uid_of(subjects[i].pid));
        CHECK(userns_process_capabilities(snapshot, subjects[i].pid, &capabilities));
        CHECK_EQ(capabilities, subjects[i].capabilities);
    }
}

SITUATION(as_the_kernel, AS_ROOT | IN_SANDBOX | BY_BPF,
          "generated trees, owners, users and capabilities: every verdict is that of the kernel")
{
    int verdicts = 0, unknown, allowed = 0;

    srand(13);
    subjects = shared(SUBJECTS * sizeof *subjects);
    for (int i = 0; i < rounds(TREES); i++) {
        struct userns_snapshot *snapshot;

        make_spaces();
        start_subjects();
        snapshot = scan_with(USERNS_SCAN_CREDENTIALS);
        verdicts += compare(snapshot, &unknown);
        CHECK_EQ(unknown, 0);
        check_facts(snapshot);
        for (int j = 0; j < SUBJECTS * SPACES; j++)
            allowed += subjects[j / SPACES].may[j % SPACES];
        userns_free(snapshot);
        end_all();
    }
    printf("%d verdicts, %d of them yes\n", verdicts, allowed);
    CHECK_EQ(verdicts, rounds(TREES) * SUBJECTS * SPACES);
    CHECK(allowed > verdicts / 10 && allowed < verdicts * 9 / 10);
}

/* For start(): scans from inside a user namespace. What is below it must be known. */
static void scan_inside(void *argument)
{
    int own = *(int *)argument, unknown, must_be_known = 0, count;
    struct userns_snapshot *snapshot;
    uid_t uid;

    CHECK(setns(spaces[own].descriptor, CLONE_NEWUSER) == 0);
    become(0);
    set_capabilities(UINT64_MAX);
    snapshot = scan_with(USERNS_SCAN_CREDENTIALS);
    CHECK_EQ(userns_inode(userns_self(snapshot)), spaces[own].inode);
    count = compare(snapshot, &unknown);
    for (int i = 0; i < SUBJECTS; i++) {
        /* Unmapped, or unknown whether it is. No namespace maps 65534 ids. */
        bool shows_uid = userns_process_uid(snapshot, subjects[i].pid, &uid);

        CHECK(shows_uid == (uid_of(subjects[i].pid) != NOBODY));
        for (int target = 0; target < SPACES; target++)
            must_be_known += is_at_or_below(subjects[i].space, own) && is_at_or_below(target, own);
    }
    CHECK(count - unknown >= must_be_known);
    userns_free(snapshot);
}

SITUATION(from_inside, AS_ROOT | IN_SANDBOX,
          "a nested caller: no verdict is wrong, and all about processes below it are known")
{
    srand(14);
    subjects = shared(SUBJECTS * sizeof *subjects);
    for (int i = 0; i < rounds(TREES); i++) {
        make_spaces();
        start_subjects();
        for (int own = 1; own < SPACES; own++)
            end(start(scan_inside, &own));
        end_all();
    }
}

/* For start(): root in a namespace below another one, without capabilities there. */
static void drop_all(void *levels)
{
    go_down(levels);
    set_capabilities(0);
}

SITUATION(ordinary_user, IN_SANDBOX | BY_BPF, "verdicts about processes of one user")
{
    pid_t strong = start(go_down, &(int){ 1 }), weak = start(drop_all, &(int){ 1 });
    pid_t below = start(join_and_go_down, &weak);
    struct userns_snapshot *snapshot = scan_with(USERNS_SCAN_CREDENTIALS);
    const struct userns_node *self = userns_self(snapshot);
    uint32_t reason;

    CHECK_EQ(userns_capable(snapshot, 1, CAP_SYS_ADMIN, self, &reason), 1);
    CHECK_EQ(reason, USERNS_WHY_MEMBER);
    CHECK_EQ(userns_capable(snapshot, strong, CAP_KILL, userns_find_pid(snapshot, strong), NULL),
             1);
    CHECK_EQ(userns_capable(snapshot, strong, CAP_KILL, self, &reason), 0);
    CHECK_EQ(reason, USERNS_WHY_OUTSIDE);
    CHECK_EQ(userns_capable(snapshot, weak, CAP_KILL, userns_find_pid(snapshot, weak), &reason), 0);
    CHECK_EQ(reason, USERNS_WHY_MEMBER);
    CHECK_EQ(userns_capable(snapshot, weak, CAP_KILL, userns_find_pid(snapshot, below), &reason),
             1);
    CHECK_EQ(reason, USERNS_WHY_OWNER);
    CHECK_EQ(userns_capable(snapshot, 1, CAP_KILL, userns_find_pid(snapshot, below), &reason), 1);
    CHECK_EQ(reason, USERNS_WHY_OWNER);
    CHECK_EQ(userns_capable(snapshot, 1, CAP_KILL, userns_find_pid(snapshot, strong), &reason), 1);
    CHECK_EQ(reason, USERNS_WHY_OWNER);
    userns_free(snapshot);
}

SITUATION(arguments, IN_SANDBOX | BY_BPF, "wrong arguments, and what is not known")
{
    pid_t below = start(go_down, &(int){ 1 }), gone = start(do_nothing, NULL);
    struct userns_snapshot *snapshot, *other = scan();
    const struct userns_node *self;
    uint32_t reason = 77;

    end(gone);
    snapshot = scan_with(USERNS_SCAN_CREDENTIALS);
    self = userns_self(snapshot);
    CHECK_EQ(userns_capable(NULL, 1, 0, self, &reason), -EINVAL);
    CHECK_EQ(userns_capable(snapshot, 1, 0, NULL, &reason), -EINVAL);
    CHECK_EQ(userns_capable(snapshot, 1, -1, self, &reason), -EINVAL);
    CHECK_EQ(userns_capable(snapshot, 1, 64, self, &reason), -EINVAL);
    CHECK_EQ(userns_capable(snapshot, 1, 0, userns_self(other), &reason), -EINVAL);
    CHECK_EQ(userns_capable(snapshot, gone, 0, self, &reason), -ESRCH);
    CHECK_EQ(userns_capable(snapshot, -1, 0, self, &reason), -ESRCH);
    CHECK_EQ(reason, 77);
    CHECK_EQ(userns_capable(snapshot, 1, 63, self, &reason), 0);
    CHECK_EQ(reason, USERNS_WHY_MEMBER);

    /* Without credentials only what does not depend on them is known. */
    CHECK_EQ(userns_capable(other, 1, 0, userns_self(other), &reason), -ENODATA);
    CHECK_EQ(reason, USERNS_WHY_HIDDEN);
    CHECK_EQ(userns_capable(other, 1, 0, userns_find_pid(other, below), NULL), -ENODATA);
    CHECK_EQ(userns_capable(other, below, 0, userns_self(other), &reason), 0);
    CHECK_EQ(reason, USERNS_WHY_OUTSIDE);
    userns_free(snapshot);
    userns_free(other);
}
