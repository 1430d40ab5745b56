/* A kernel without a JIT compiler for BPF: it refuses programs that call its functions. */
#include "situation.h"
#include "bpf.h"
#include "interpose.h"
#include "text.h"
#include <linux/bpf.h>

enum { NOT_SUPPORTED = 524 }; /* ENOTSUPP of the kernel */

static int refused;
static bool compiler_is_expected; /* also for a helper that it would replace */

static bool is_kernel_function(const struct bpf_insn *call)
{
    return call->src_reg == BPF_PSEUDO_KFUNC_CALL;
}

static bool is_current_task(const struct bpf_insn *call)
{
    return call->src_reg == 0 && call->imm == BPF_FUNC_get_current_task;
}

static bool calls(const union bpf_attr *attributes, bool (*is)(const struct bpf_insn *))
{
    const struct bpf_insn *code = (const struct bpf_insn *)(uintptr_t)attributes->insns;

    for (uint32_t i = 0; i < attributes->insn_cnt; i++)
        if (code[i].code == (BPF_JMP | BPF_CALL) && is(&code[i]))
            return true;
    return false;
}

static bool answer_call(long number, const long arguments[6], long *result)
{
    const union bpf_attr *attributes = (const union bpf_attr *)arguments[1];

    if (number != SYS_bpf || arguments[0] != BPF_PROG_LOAD)
        return false;
    if (calls(attributes, is_kernel_function))
        errno = NOT_SUPPORTED;
    else if (compiler_is_expected && calls(attributes, is_current_task))
        errno = EINVAL;
    else
        return false;
    refused++;
    *result = -1;
    return true;
}

SITUATION(no_compiler, IN_SANDBOX, "the kernel interprets programs, without kernel functions")
{
    static const uint64_t flags[] = { 0, USERNS_SCAN_PINNED };
    pid_t pid = start(go_down, &(int){ 2 });

    need_bpf();
    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct userns_snapshot *by_procfs = scan_with(flags[i]), *by_bpf;

        refused = 0;
        by_bpf = scan_with(flags[i] | USERNS_SCAN_BPF);
        CHECK(refused > 0 || is_before(6, 4)); /* no program calls functions there */
        CHECK_EQ(userns_source(by_bpf), USERNS_SOURCE_BPF_TASKS);
        CHECK_EQ(userns_inode(userns_find_pid(by_bpf, pid)), inode_of(pid));
        CHECK(same_snapshot(by_procfs, by_bpf));
        CHECK(same_text(pins_of(by_procfs), pins_of(by_bpf)));
        userns_free(by_procfs);
        userns_free(by_bpf);
    }
}

SITUATION(no_replaced_helper, IN_SANDBOX,
          "a kernel without a compiler does not interpret a helper that the compiler would replace")
{
    struct userns_snapshot *snapshot;

    need_bpf();
    if (is_before(6, 4))
        skip("all programs of this kernel are as without a compiler");
    compiler_is_expected = true;
    snapshot = scan_as(NULL, USERNS_SCAN_BPF);
    CHECK(refused > 0);
    CHECK_EQ(userns_source(snapshot), USERNS_SOURCE_PROCFS);
    CHECK_EQ(userns_source_error(snapshot), -EOPNOTSUPP);
    CHECK(userns_source_log(snapshot) == NULL);
    CHECK(userns_find_pid(snapshot, getpid()) == userns_self(snapshot));
    userns_free(snapshot);
}
