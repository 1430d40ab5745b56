/*
 * The records that benches/walk.c writes, and the instructions that write them.
 */
#ifndef RECORDS_H
#define RECORDS_H

#include "bpf.h"

/* The links of /proc/PID/ns in the order of struct thread. The first eight are in struct nsproxy. */
static const struct {
    const char *link, *member, *type;
} links[] = {
    { "uts", "uts_ns", "uts_namespace" },
    { "ipc", "ipc_ns", "ipc_namespace" },
    { "mnt", "mnt_ns", "mnt_namespace" },
    { "pid_for_children", "pid_ns_for_children", "pid_namespace" },
    { "net", "net_ns", "net" },
    { "time", "time_ns", "time_namespace" },
    { "time_for_children", "time_ns_for_children", "time_namespace" },
    { "cgroup", "cgroup_ns", "cgroup_namespace" },
    { "pid", NULL, "pid_namespace" },
    { "user", NULL, "user_namespace" },
};
enum { LINKS = sizeof links / sizeof links[0], PID_LINK = 8, USER_LINK = 9 };

enum { MOST_PROCESSES = 1 << 18, MOST_FILES = 1 << 19 };

/* The value of the map: the program writes it, user space maps it. */
struct walked {
    uint64_t processes, threads, files;
    uint64_t pid; /* the address of a struct pid, as a number */
    struct process {
        uint32_t pid, inode;
    } process[MOST_PROCESSES];
    struct thread {
        uint32_t tid, pid, inode[LINKS];
        char name[16];
        uint64_t mount, directory; /* addresses */
    } thread[MOST_PROCESSES];
    struct file {
        uint32_t tid, device;
        uint64_t inode;
    } file[MOST_FILES];
};

/* Registers and the stack -------------------------------------------------------------- */

enum {
    R0 = BPF_REG_0,
    R1 = BPF_REG_1,
    R2 = BPF_REG_2,
    R3 = BPF_REG_3,
    R4 = BPF_REG_4,
    R5 = BPF_REG_5,
    ARRAY = BPF_REG_6, /* struct walked */
    OWN = BPF_REG_7,   /* the caller's PID namespace */
    TASK = BPF_REG_8,  /* except in a table of descriptors */
    BITS = BPF_REG_8,
    SLOT = BPF_REG_9, /* the address of an element of fdtable->fd */
    RECORD = BPF_REG_9,
    STACK = BPF_REG_10,
};

/* Offsets on the stack. */
enum { ITERATOR = -24, NUMBER = -32, WORD = -40, WORDS_END = -48, SLOTS = -56 };

/* Instructions ------------------------------------------------------------------------- */

/* r0 = r1 as a pointer to that struct. Changes r1 to r5. */
static void cast(const char *name)
{
    set(R2, (int32_t)find_type(BTF_KIND_STRUCT, name));
    call_kernel("bpf_rdonly_cast");
}

/* to = the value at the address in r1, which is of the same type as an array of files_struct. */
static void load_like(uint8_t to, const char *member)
{
    int16_t offset = offset_of("files_struct", member);

    add(R1, -offset);
    cast("files_struct");
    load(BPF_DW, to, R0, offset);
}

/* Increments a counter, whose value is in r4. Changes r4. */
static void count(size_t counter)
{
    add(R4, 1);
    store(BPF_DW, ARRAY, (int16_t)counter, R4);
}

/* to = element r4 of an array of struct walked. */
static void point_to_element(uint8_t to, size_t array, size_t size)
{
    move(to, R4);
    emit(BPF_ALU64 | BPF_MUL | BPF_K, to, 0, 0, (int32_t)size);
    add_register(to, ARRAY);
    add(to, (int32_t)array);
}

static int16_t inode_of(const char *type)
{
    return (int16_t)(offset_of(type, "ns") + offset_of("ns_common", "inum"));
}

/* The offset of the number in a struct pid, and that of the PID namespace. */
static int16_t number_at(int level, const char *member)
{
    const struct btf_type *upid = btf.type[find_type(BTF_KIND_STRUCT, "upid")];

    return (int16_t)(offset_of("pid", "numbers") + level * (int)upid->size +
                     offset_of("upid", member));
}

/*
 * Writes the PID (r3) and the user namespace of the task in r0. Returns a jump, taken when the
 * array is full.
 */
static int write_process(int next)
{
    load(BPF_DW, R2, R0, offset_of("task_struct", "real_cred"));
    jump_back_if(R2, BPF_JEQ, 0, next);
    load(BPF_DW, R2, R2, offset_of("cred", "user_ns"));
    load(BPF_W, R2, R2, inode_of("user_namespace"));
    load(BPF_DW, R4, ARRAY, offsetof(struct walked, processes));
    int full = jump_if(R4, BPF_JGE, MOST_PROCESSES);
    point_to_element(R5, offsetof(struct walked, process), sizeof(struct process));
    store(BPF_W, R5, offsetof(struct process, pid), R3);
    store(BPF_W, R5, offsetof(struct process, inode), R2);
    count(offsetof(struct walked, processes));
    return full;
}

/* Counts TASK, also as a process if it is a leader. */
static void count_thread(void)
{
    load(BPF_DW, R1, TASK, offset_of("task_struct", "group_leader"));
    int thread = jump_if_registers(R1, BPF_JNE, TASK);
    load(BPF_DW, R4, ARRAY, offsetof(struct walked, processes));
    count(offsetof(struct walked, processes));
    land(thread);
    load(BPF_DW, R4, ARRAY, offsetof(struct walked, threads));
    count(offsetof(struct walked, threads));
}

/* Writes the number of a namespace, which r1 points to. Changes r1. */
static void write_link(int link)
{
    load(BPF_W, R1, R1, inode_of(links[link].type));
    store(BPF_W, RECORD, (int16_t)(offsetof(struct thread, inode) + 4 * (size_t)link), R1);
}

/* Writes the number of the PID namespace of TASK: thread_pid->numbers[thread_pid->level].ns. */
static void write_pid_namespace(void)
{
    load(BPF_DW, R1, TASK, offset_of("task_struct", "thread_pid"));
    load(BPF_W, R2, R1, offset_of("pid", "level"));
    emit(BPF_ALU64 | BPF_MUL | BPF_K, R2, 0, 0, number_at(1, "ns") - number_at(0, "ns"));
    /* The verifier allows no index that varies, but arithmetic with a number from memory. */
    store(BPF_DW, ARRAY, offsetof(struct walked, pid), R1);
    load(BPF_DW, R1, ARRAY, offsetof(struct walked, pid));
    add_register(R1, R2);
    add(R1, offset_of("pid", "numbers"));
    cast("upid");
    load(BPF_DW, R1, R0, offset_of("upid", "ns"));
    write_link(PID_LINK);
}

/* Writes all about TASK except its files. Its number is on the stack. */
static int write_thread(int level)
{
    load(BPF_DW, R4, ARRAY, offsetof(struct walked, threads));
    int full = jump_if(R4, BPF_JGE, MOST_PROCESSES);
    point_to_element(RECORD, offsetof(struct walked, thread), sizeof(struct thread));
    load(BPF_DW, R1, STACK, NUMBER);
    store(BPF_W, RECORD, offsetof(struct thread, tid), R1);
    load(BPF_DW, R1, TASK, offset_of("task_struct", "group_leader"));
    load(BPF_DW, R1, R1, offset_of("task_struct", "thread_pid"));
    load(BPF_W, R1, R1, number_at(level, "nr"));
    store(BPF_W, RECORD, offsetof(struct thread, pid), R1);

    load(BPF_DW, R2, TASK, offset_of("task_struct", "nsproxy"));
    for (int link = 0; link < PID_LINK; link++) {
        load(BPF_DW, R1, R2, offset_of("nsproxy", links[link].member));
        write_link(link);
    }
    write_pid_namespace();
    load(BPF_DW, R1, TASK, offset_of("task_struct", "real_cred"));
    int no_credentials = jump_if(R1, BPF_JEQ, 0);
    load(BPF_DW, R1, R1, offset_of("cred", "user_ns"));
    write_link(USER_LINK);
    land(no_credentials);

    for (int16_t part = 0; part < 16; part += 8) {
        load(BPF_DW, R1, TASK, (int16_t)(offset_of("task_struct", "comm") + part));
        store(BPF_DW, RECORD, (int16_t)(offsetof(struct thread, name) + (size_t)part), R1);
    }
    int16_t root = offset_of("fs_struct", "root");
    load(BPF_DW, R2, TASK, offset_of("task_struct", "fs"));
    load(BPF_DW, R1, R2, (int16_t)(root + offset_of("path", "mnt")));
    store(BPF_DW, RECORD, offsetof(struct thread, mount), R1);
    load(BPF_DW, R1, R2, (int16_t)(root + offset_of("path", "dentry")));
    store(BPF_DW, RECORD, offsetof(struct thread, directory), R1);
    return full;
}

/* Writes the file in the slot, if there is one. */
static void write_file(void)
{
    move(R1, SLOT);
    load_like(R0, "fd_array");
    int closed = jump_if(R0, BPF_JEQ, 0);
    load(BPF_DW, R1, R0, offset_of("file", "f_inode"));
    load(BPF_DW, R2, R1, offset_of("inode", "i_ino"));
    load(BPF_DW, R1, R1, offset_of("inode", "i_sb"));
    load(BPF_W, R3, R1, offset_of("super_block", "s_dev"));
    load(BPF_DW, R4, ARRAY, offsetof(struct walked, files));
    int full = jump_if(R4, BPF_JGE, MOST_FILES);
    point_to_element(R5, offsetof(struct walked, file), sizeof(struct file));
    load(BPF_DW, R1, STACK, NUMBER);
    store(BPF_W, R5, offsetof(struct file, tid), R1);
    store(BPF_W, R5, offsetof(struct file, device), R3);
    store(BPF_DW, R5, offsetof(struct file, inode), R2);
    count(offsetof(struct walked, files));
    land(closed);
    land(full);
}

/*
 * Writes the files of TASK, unless its leader has the same table. Two loops: over the words of
 * the bitmap of open descriptors, and over the bits of a word. Changes all registers of the task.
 */
static void write_files(void)
{
    load(BPF_DW, R1, TASK, offset_of("task_struct", "files"));
    int none = jump_if(R1, BPF_JEQ, 0);
    load(BPF_DW, R2, TASK, offset_of("task_struct", "group_leader"));
    int leader = jump_if_registers(R2, BPF_JEQ, TASK);
    load(BPF_DW, R2, R2, offset_of("task_struct", "files"));
    int shared = jump_if_registers(R2, BPF_JEQ, R1);
    land(leader);

    load(BPF_DW, R1, R1, offset_of("files_struct", "fdt"));
    load(BPF_W, R2, R1, offset_of("fdtable", "max_fds"));
    load(BPF_DW, R3, R1, offset_of("fdtable", "open_fds"));
    load(BPF_DW, SLOT, R1, offset_of("fdtable", "fd"));
    emit(BPF_ALU64 | BPF_RSH | BPF_K, R2, 0, 0, 3); /* a multiple of 8 */
    add_register(R2, R3);
    store(BPF_DW, STACK, WORD, R3);
    store(BPF_DW, STACK, WORDS_END, R2);
    store(BPF_DW, STACK, SLOTS, SLOT);

    int word = length;
    int endless = may_jump();
    load(BPF_DW, R1, STACK, WORD);
    load(BPF_DW, R2, STACK, WORDS_END);
    int done = jump_if_registers(R1, BPF_JGE, R2);
    load_like(BITS, "open_fds_init");
    load(BPF_DW, R1, STACK, WORD);
    add(R1, 8);
    store(BPF_DW, STACK, WORD, R1);
    load(BPF_DW, SLOT, STACK, SLOTS);
    move(R1, SLOT);
    add(R1, 64 * 8);
    store(BPF_DW, STACK, SLOTS, R1);

    int bit = length;
    jump_back_if(BITS, BPF_JEQ, 0, word);
    int endless_too = may_jump();
    int is_open = jump_if(BITS, BPF_JSET, 1);
    int skip_file = jump_if(0, BPF_JA, 0);
    land(is_open);
    write_file();
    land(skip_file);
    emit(BPF_ALU64 | BPF_RSH | BPF_K, BITS, 0, 0, 1);
    add(SLOT, 8);
    jump_back(bit);

    land(none);
    land(shared);
    land(endless);
    land(endless_too);
    land(done);
}

#endif
