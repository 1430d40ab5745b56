/* A kernel without a JIT compiler for BPF: it refuses programs that call its functions. */
#include "situation.h"
#include "bpf.h"
#include "interpose.h"
#include "text.h"
#include <linux/bpf.h>

enum { NOT_SUPPORTED = 524 }; /* ENOTSUPP of the kernel */

static int refused;

static bool calls_kernel_function(const union bpf_attr *attributes)
{
    const struct bpf_insn *code = (const struct bpf_insn *)(uintptr_t)attributes->insns;

    for (uint32_t i = 0; i < attributes->insn_cnt; i++)
        if (code[i].code == (BPF_JMP | BPF_CALL) && code[i].src_reg == BPF_PSEUDO_KFUNC_CALL)
            return true;
    return false;
}

static bool answer_call(long number, const long arguments[6], long *result)
{
    if (number != SYS_bpf || arguments[0] != BPF_PROG_LOAD ||
        !calls_kernel_function((const union bpf_attr *)arguments[1]))
        return false;
    refused++;
    errno = NOT_SUPPORTED;
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
