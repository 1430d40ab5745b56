/*
 * walk [TIMES]: the fastest walk over all processes that Linux offers. A BPF program (bpf(2))
 * with the open-coded task iterator (Linux 6.7) writes the PID of each process, and the inode
 * number of its user namespace, to an array, and does nothing else. It visits the processes
 * of the caller's own PID namespace only.
 *
 * This is a reference for the library, so it shares no code with it.
 */
#define _GNU_SOURCE
#include "timing.h"
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* The value of the map: the program writes it, user space maps it. */
struct walked {
    uint64_t count;
    struct {
        uint32_t pid, inode;
    } process[1 << 18];
};
enum { CAPACITY = sizeof((struct walked *)0)->process / sizeof((struct walked *)0)->process[0] };

static _Noreturn void skip(const char *format, ...)
{
    va_list arguments;

    va_start(arguments, format);
    vfprintf(stderr, format, arguments);
    va_end(arguments);
    fputc('\n', stderr);
    exit(SKIPPED);
}

/* The kernel's types ------------------------------------------------------------------- */

static struct {
    const char *strings;
    const struct btf_type **type; /* by id; 0 is void */
    uint32_t types;
} btf;

/* The number of bytes that follow a type. */
static size_t trailer(const struct btf_type *type)
{
    size_t elements = BTF_INFO_VLEN(type->info);

    switch (BTF_INFO_KIND(type->info)) {
    case BTF_KIND_STRUCT:
    case BTF_KIND_UNION:
        return elements * sizeof(struct btf_member);
    case BTF_KIND_ENUM:
        return elements * sizeof(struct btf_enum);
    case BTF_KIND_FUNC_PROTO:
        return elements * sizeof(struct btf_param);
    case BTF_KIND_DATASEC:
        return elements * sizeof(struct btf_var_secinfo);
    case 19: /* BTF_KIND_ENUM64: three numbers per value */
        return elements * 12;
    case BTF_KIND_INT:
    case BTF_KIND_VAR:
    case 17: /* BTF_KIND_DECL_TAG */
        return sizeof(uint32_t);
    case BTF_KIND_ARRAY:
        return sizeof(struct btf_array);
    default:
        return 0;
    }
}

static void read_btf(const char *path)
{
    struct stat status;
    int file = open(path, O_RDONLY);
    if (file < 0 || fstat(file, &status) < 0)
        skip("%s: %s", path, strerror(errno));
    char *data = malloc((size_t)status.st_size);
    ssize_t got = 0, length = 0;
    while (data && (got = read(file, data + length, (size_t)(status.st_size - length))) > 0)
        length += got;
    close(file);
    const struct btf_header *header = (const struct btf_header *)data;
    if (!data || length < status.st_size || header->magic != BTF_MAGIC)
        skip("%s: cannot be read", path);

    const char *at = data + header->hdr_len + header->type_off;
    const char *stop = at + header->type_len;
    btf.strings = data + header->hdr_len + header->str_off;
    btf.type = calloc(header->type_len / sizeof(struct btf_type) + 1, sizeof *btf.type);
    if (!btf.type)
        skip("no memory for the kernel's types");
    while (at < stop) {
        const struct btf_type *type = (const struct btf_type *)at;
        btf.type[++btf.types] = type;
        at += sizeof *type + trailer(type);
    }
}

static uint32_t find_type(uint32_t kind, const char *name)
{
    for (uint32_t id = 1; id <= btf.types; id++) {
        const struct btf_type *type = btf.type[id];
        if (BTF_INFO_KIND(type->info) == kind && strcmp(btf.strings + type->name_off, name) == 0)
            return id;
    }
    skip("this kernel has no %s", name);
}

/* Finds the offset of a member, also in anonymous structs and unions. */
static bool find_member(const struct btf_type *type, const char *name, uint32_t *offset)
{
    const struct btf_member *member = (const struct btf_member *)(type + 1);

    for (uint32_t i = 0; i < BTF_INFO_VLEN(type->info); i++) {
        const char *member_name = btf.strings + member[i].name_off;
        uint32_t inner = 0;
        uint32_t kind = BTF_INFO_KIND(btf.type[member[i].type]->info);
        bool found = strcmp(member_name, name) == 0;
        if (member_name[0] == '\0' && (kind == BTF_KIND_STRUCT || kind == BTF_KIND_UNION))
            found = find_member(btf.type[member[i].type], name, &inner);
        if (found) {
            *offset = BTF_MEMBER_BIT_OFFSET(member[i].offset) / 8 + inner;
            return true;
        }
    }
    return false;
}

static int16_t offset_of(const char *name, const char *member)
{
    uint32_t offset;

    if (!find_member(btf.type[find_type(BTF_KIND_STRUCT, name)], member, &offset))
        skip("this kernel's struct %s has no %s", name, member);
    return (int16_t)offset;
}

/* The program -------------------------------------------------------------------------- */

static struct bpf_insn program[64];
static int length;

static void emit(uint8_t code, uint8_t to, uint8_t from, int16_t offset, int32_t immediate)
{
    program[length++] = (struct bpf_insn){ code, to, from, offset, immediate };
}

static void load(uint8_t size, uint8_t to, uint8_t from, int16_t offset)
{
    emit(BPF_LDX | BPF_MEM | size, to, from, offset, 0);
}

static void store(uint8_t size, uint8_t to, int16_t offset, uint8_t from)
{
    emit(BPF_STX | BPF_MEM | size, to, from, offset, 0);
}

static void move(uint8_t to, uint8_t from)
{
    emit(BPF_ALU64 | BPF_MOV | BPF_X, to, from, 0, 0);
}

static void set(uint8_t to, int32_t value)
{
    emit(BPF_ALU64 | BPF_MOV | BPF_K, to, 0, 0, value);
}

/* Jumps back to target if the register and a number compare like this. */
static void jump_back_if(uint8_t to, uint8_t comparison, int32_t value, int target)
{
    emit(BPF_JMP | comparison | BPF_K, to, 0, (int16_t)(target - length - 1), value);
}

static void call_kernel(const char *function)
{
    emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0,
         (int32_t)find_type(BTF_KIND_FUNC, function));
}

/* r1 = the task iterator: 24 bytes on the stack, which the verifier checks. */
static void point_to_iterator(void)
{
    move(BPF_REG_1, BPF_REG_10);
    emit(BPF_ALU64 | BPF_ADD | BPF_K, BPF_REG_1, 0, 0, -24);
}

static void finish(void)
{
    emit(BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

static int bpf(int command, union bpf_attr *attributes)
{
    return (int)syscall(SYS_bpf, command, attributes, sizeof *attributes);
}

static int load_program(void)
{
    static char log[1 << 16];
    union bpf_attr attributes = {
        .prog_type = BPF_PROG_TYPE_SYSCALL,
        .prog_flags = BPF_F_SLEEPABLE,
        .insns = (uintptr_t)program,
        .insn_cnt = (uint32_t)length,
        /* Kernel functions need a license that the kernel regards as compatible with the GPL. */
        .license = (uintptr_t) "Dual MIT/GPL",
    };
    int fd = bpf(BPF_PROG_LOAD, &attributes);
    if (fd >= 0)
        return fd;
    int error = errno;
    attributes.log_buf = (uintptr_t)log;
    attributes.log_size = sizeof log;
    attributes.log_level = 1;
    bpf(BPF_PROG_LOAD, &attributes);
    skip("BPF_PROG_LOAD: %s\n%s", strerror(error), log);
}

/* Runs the program and returns its result. */
static uint32_t run(int fd)
{
    union bpf_attr attributes = { .test.prog_fd = (uint32_t)fd };

    if (bpf(BPF_PROG_TEST_RUN, &attributes) < 0)
        skip("BPF_PROG_TEST_RUN: %s", strerror(errno));
    return attributes.test.retval;
}

/* r1 = current->thread_pid, the struct pid of the calling process. */
static void find_caller(void)
{
    emit(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_task_btf);
    load(BPF_DW, BPF_REG_1, BPF_REG_0, offset_of("task_struct", "thread_pid"));
}

/* The depth of the caller's PID namespace. A program of its own reads it. */
static int own_level(void)
{
    length = 0;
    find_caller();
    load(BPF_W, BPF_REG_0, BPF_REG_1, offset_of("pid", "level"));
    finish();
    int fd = load_program();
    int level = (int)run(fd);
    close(fd);
    return level;
}

/* Assembles the walk. r6: the array; r7: the caller's PID namespace. */
static void assemble(int map, int level)
{
    const uint8_t r0 = BPF_REG_0, r1 = BPF_REG_1, r2 = BPF_REG_2, r3 = BPF_REG_3, r4 = BPF_REG_4,
                  r5 = BPF_REG_5;
    const uint8_t array = BPF_REG_6, own = BPF_REG_7;
    const struct btf_type *upid = btf.type[find_type(BTF_KIND_STRUCT, "upid")];
    int16_t number = (int16_t)(offset_of("pid", "numbers") + level * (int)upid->size);
    int16_t inode = (int16_t)(offset_of("user_namespace", "ns") + offset_of("ns_common", "inum"));

    length = 0;
    emit(BPF_LD | BPF_DW | BPF_IMM, array, BPF_PSEUDO_MAP_VALUE, 0, map);
    emit(0, 0, 0, 0, 0);
    find_caller();
    load(BPF_DW, own, r1, (int16_t)(number + offset_of("upid", "ns")));
    call_kernel("bpf_rcu_read_lock");
    point_to_iterator();
    set(r2, 0); /* no task to start from */
    set(r3, 0); /* BPF_TASK_ITER_ALL_PROCS */
    call_kernel("bpf_iter_task_new");
    set(r1, 0);
    store(BPF_DW, array, offsetof(struct walked, count), r1);

    int next = length;
    point_to_iterator();
    call_kernel("bpf_iter_task_next");
    int at_end = length;
    emit(BPF_JMP | BPF_JEQ | BPF_K, r0, 0, 0, 0);
    load(BPF_DW, r1, r0, offset_of("task_struct", "thread_pid"));
    if (level > 0) {
        load(BPF_W, r2, r1, offset_of("pid", "level"));
        jump_back_if(r2, BPF_JLT, level, next);
        load(BPF_DW, r2, r1, (int16_t)(number + offset_of("upid", "ns")));
        emit(BPF_JMP | BPF_JNE | BPF_X, r2, own, (int16_t)(next - length - 1), 0);
    }
    load(BPF_W, r3, r1, (int16_t)(number + offset_of("upid", "nr")));
    load(BPF_DW, r2, r0, offset_of("task_struct", "real_cred"));
    jump_back_if(r2, BPF_JEQ, 0, next);
    load(BPF_DW, r2, r2, offset_of("cred", "user_ns"));
    load(BPF_W, r2, r2, inode);
    load(BPF_DW, r4, array, offsetof(struct walked, count));
    int at_full = length;
    emit(BPF_JMP | BPF_JGE | BPF_K, r4, 0, 0, CAPACITY);
    move(r5, r4);
    emit(BPF_ALU64 | BPF_LSH | BPF_K, r5, 0, 0, 3);
    emit(BPF_ALU64 | BPF_ADD | BPF_X, r5, array, 0, 0);
    store(BPF_W, r5, offsetof(struct walked, process[0].pid), r3);
    store(BPF_W, r5, offsetof(struct walked, process[0].inode), r2);
    emit(BPF_ALU64 | BPF_ADD | BPF_K, r4, 0, 0, 1);
    store(BPF_DW, array, offsetof(struct walked, count), r4);
    emit(BPF_JMP | BPF_JA, 0, 0, (int16_t)(next - length - 1), 0);

    program[at_end].off = (int16_t)(length - at_end - 1);
    program[at_full].off = (int16_t)(length - at_full - 1);
    point_to_iterator();
    call_kernel("bpf_iter_task_destroy");
    call_kernel("bpf_rcu_read_unlock");
    set(r0, 0);
    finish();
}

/* Whether the walk saw this process, with its user namespace. */
static bool has_caller(const struct walked *walked)
{
    struct stat own;

    if (stat("/proc/self/ns/user", &own) < 0)
        return false;
    for (uint64_t i = 0; i < walked->count; i++) {
        if (walked->process[i].pid == (uint32_t)getpid())
            return walked->process[i].inode == own.st_ino;
    }
    return false;
}

int main(int argc, char *argv[])
{
    union bpf_attr attributes = {
        .map_type = BPF_MAP_TYPE_ARRAY,
        .key_size = sizeof(uint32_t),
        .value_size = sizeof(struct walked),
        .max_entries = 1,
        .map_flags = BPF_F_MMAPABLE,
    };
    int map = bpf(BPF_MAP_CREATE, &attributes);
    if (map < 0)
        skip("BPF_MAP_CREATE: %s", strerror(errno));
    const struct walked *walked = mmap(NULL, sizeof *walked, PROT_READ, MAP_SHARED, map, 0);
    if (walked == MAP_FAILED)
        skip("mmap: %s", strerror(errno));

    read_btf("/sys/kernel/btf/vmlinux");
    assemble(map, own_level());
    int fd = load_program();
    for (int times = argc > 1 ? atoi(argv[1]) : 1; times > 0; times--) {
        struct moment start;

        begin(&start);
        run(fd);
        end(&start);
    }
    if (walked->count == CAPACITY || !has_caller(walked)) {
        fprintf(stderr, "walk: this process is missing among %llu\n",
                (unsigned long long)walked->count);
        return EXIT_FAILURE;
    }
    printf("processes %llu\n", (unsigned long long)walked->count);
    return EXIT_SUCCESS;
}
