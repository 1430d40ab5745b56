/*
 * What benches/walk.c needs to make and run a BPF program: the kernel's types (BTF), one function
 * per kind of instruction, and bpf(2).
 *
 * This is a reference for the library, so it shares no code with it.
 */
#ifndef BPF_H
#define BPF_H

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
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

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

static struct bpf_insn program[512];
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

static void add(uint8_t to, int32_t value)
{
    emit(BPF_ALU64 | BPF_ADD | BPF_K, to, 0, 0, value);
}

static void add_register(uint8_t to, uint8_t from)
{
    emit(BPF_ALU64 | BPF_ADD | BPF_X, to, from, 0, 0);
}

/* Jumps back to target if the register and a number compare like this. */
static void jump_back_if(uint8_t to, uint8_t comparison, int32_t value, int target)
{
    emit(BPF_JMP | comparison | BPF_K, to, 0, (int16_t)(target - length - 1), value);
}

static void jump_back(int target)
{
    jump_back_if(0, BPF_JA, 0, target);
}

/* Jumps forward, to where land() is called with the result. */
static int jump_if(uint8_t to, uint8_t comparison, int32_t value)
{
    emit(BPF_JMP | comparison | BPF_K, to, 0, 0, value);
    return length - 1;
}

static int jump_if_registers(uint8_t to, uint8_t comparison, uint8_t from)
{
    emit(BPF_JMP | comparison | BPF_X, to, from, 0, 0);
    return length - 1;
}

/* May jump forward: the verifier wants it in a loop (Linux 6.9), see BPF_JCOND. */
static int may_jump(void)
{
    emit(BPF_JMP | 0xe0, 0, 0, 0, 0);
    return length - 1;
}

static void land(int jump)
{
    program[jump].off = (int16_t)(length - jump - 1);
}

static void call_kernel(const char *function)
{
    emit(BPF_JMP | BPF_CALL, 0, BPF_PSEUDO_KFUNC_CALL, 0,
         (int32_t)find_type(BTF_KIND_FUNC, function));
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

#endif
