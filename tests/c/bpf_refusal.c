/*
 * The verifier of the kernel rejects programs. This program breaks them before they are loaded: what
 * the verifier says is real.
 */
#include "situation.h"
#include "bpf.h"
#include "interpose.h"

enum { NONE, OF_PROCESSES, FIRST, ALL } broken;
static int loads, logs, broken_loads; /* for FIRST: so many */

/* Loads a copy of a program whose first instruction reads a register that nothing has written. */
static long load_broken(const long arguments[6])
{
    union bpf_attr *attributes = (union bpf_attr *)arguments[1];
    size_t length = attributes->insn_cnt * sizeof(struct bpf_insn);
    struct bpf_insn *code = malloc(length);
    uint64_t original = attributes->insns;
    long result;
    int error;

    CHECK(code != NULL);
    memcpy(code, (const void *)(uintptr_t)original, length);
    for (int i = code[0].code == (BPF_LD | BPF_DW | BPF_IMM); i >= 0; i--) /* that has two parts */
        code[i] = (struct bpf_insn){ .code = BPF_ALU64 | BPF_MOV | BPF_X, .src_reg = 9 };
    attributes->insns = (uintptr_t)code;
    result = pass_call(SYS_bpf, arguments);
    error = errno;
    attributes->insns = original;
    free(code);
    errno = error;
    return result;
}

static bool answer_call(long number, const long arguments[6], long *result)
{
    union bpf_attr *attributes = (union bpf_attr *)arguments[1];

    if (number != SYS_bpf || arguments[0] != BPF_PROG_LOAD)
        return false;
    loads++;
    logs += attributes->log_level != 0;
    if (broken == NONE ||
        (broken == OF_PROCESSES && attributes->prog_type != BPF_PROG_TYPE_SYSCALL) ||
        (broken == FIRST && loads > broken_loads))
        return false;
    *result = load_broken(arguments);
    return true;
}

static void check_plain_text(const char *text)
{
    CHECK(strlen(text) > 0 && strlen(text) < 17 * 1024);
    for (; *text != '\0'; text++)
        CHECK(*text == '\n' || *text == '\t' || (*text >= ' ' && *text <= '~'));
}

SITUATION(all_programs, IN_SANDBOX, "the verifier rejects all programs; its log says why")
{
    struct userns_snapshot *snapshot;
    const char *log, *first;
    bool may_call;

    need_bpf();
    may_call = calls_functions();
    broken = ALL;
    snapshot = scan_as(NULL, USERNS_SCAN_BPF);
    CHECK_EQ(userns_source(snapshot), USERNS_SOURCE_PROCFS);
    CHECK_EQ(userns_source_error(snapshot), -ENOEXEC);
    CHECK(userns_find_pid(snapshot, getpid()) == userns_self(snapshot));
    log = userns_source_log(snapshot);
    CHECK(log != NULL);
    check_plain_text(log);
    first = strstr(log, "R9 !read_ok");
    CHECK(first != NULL && strstr(log, "program of threads:\n") != NULL);
    /* Before Linux 6.7 there is only one; without a compiler the other is refused for its calls. */
    CHECK(strstr(log, "program of processes:\n") == NULL || !may_call ||
          strstr(first + 1, "R9 !read_ok") != NULL);
    CHECK(logs > 0);
    userns_free(snapshot);
}

SITUATION(one_program, IN_SANDBOX,
          "the verifier rejects one program: another one serves, without a log")
{
    struct userns_snapshot *snapshot;

    need_bpf();
    broken = OF_PROCESSES;
    snapshot = scan_by(USERNS_SCAN_BPF, USERNS_SOURCE_BPF_TASKS);
    CHECK(userns_source_log(snapshot) == NULL);
    CHECK(loads > 0 && logs == 0);
    userns_free(snapshot);
}

/* For start(): a nested PID namespace. */
static void nest(void *unused UNUSED)
{
    CHECK(unshare(CLONE_NEWPID) == 0);
    start(do_nothing, NULL);
}

SITUATION(with_credentials, IN_SANDBOX,
          "the verifier rejects programs with credentials: procfs tells these, without a log")
{
    static const uint64_t more[] = { 0, USERNS_SCAN_NAMES, USERNS_SCAN_OWNED };
    struct userns_snapshot *snapshot, *by_procfs;
    int programs;

    need_bpf();
    programs = best_source() == USERNS_SOURCE_BPF_PROCESSES ? 2 : 1;
    start(nest, NULL);
    by_procfs = scan_by(USERNS_SCAN_CREDENTIALS, USERNS_SOURCE_PROCFS);
    for (size_t i = 0; i < sizeof more / sizeof *more; i++) {
        broken = FIRST;
        loads = 0;
        /* First those that also tell nonuser namespaces, which takes loops. */
        broken_loads = programs * (more[i] == USERNS_SCAN_OWNED && !is_before(6, 4) ? 2 : 1);
        snapshot = scan_as(NULL, USERNS_SCAN_BPF | USERNS_SCAN_CREDENTIALS | more[i]);
        CHECK_EQ(userns_source_error(snapshot), 0);
        CHECK(userns_source_log(snapshot) == NULL);
        CHECK(loads > broken_loads && logs == 0);
        CHECK(same_text(facts_of(by_procfs), facts_of(snapshot)));
        userns_free(snapshot);
    }
    userns_free(by_procfs);
}

SITUATION(no_program, IN_SANDBOX, "there is no log where BPF works, or is not wanted")
{
    static const uint64_t flags[] = { 0, USERNS_SCAN_BPF, USERNS_SCAN_BPF | USERNS_SCAN_PINNED };

    need_bpf();
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct userns_snapshot *snapshot = scan_as(NULL, flags[i]);

        CHECK_EQ(userns_source_error(snapshot), 0);
        CHECK(userns_source_log(snapshot) == NULL);
        userns_free(snapshot);
    }
    CHECK(loads > 0 && logs == 0);
}
