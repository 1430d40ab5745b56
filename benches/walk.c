/*
 * walk [files | facts] [TIMES]: the fastest walk over all processes that Linux offers. A BPF
 * program (bpf(2)) with the open-coded task iterator (Linux 6.7) writes what it finds to an
 * array, and does nothing else:
 *
 * - by default, the PID of each process, and the inode number of its user namespace;
 * - files: the device and inode number of each open file of each descriptor table (Linux 6.9);
 * - facts: of each thread its TID and PID, the inode numbers of its namespaces of all types, its
 *   command name and its root directory; and the files.
 *
 * It visits the processes of the caller's own PID namespace only. This is a reference for the
 * library, so it shares no code with it.
 */
#define _GNU_SOURCE
#include "records.h"
#include <sys/mman.h>
#include <sys/sysmacros.h>

enum mode { PROCESSES, FILES, FACTS };

/* The program -------------------------------------------------------------------------- */

/* r1 = the task iterator: 24 bytes on the stack, which the verifier checks. */
static void point_to_iterator(void)
{
    move(R1, STACK);
    add(R1, ITERATOR);
}

/* r1 = current->thread_pid, the struct pid of the calling process. */
static void find_caller(void)
{
    emit(BPF_JMP | BPF_CALL, 0, 0, 0, BPF_FUNC_get_current_task_btf);
    load(BPF_DW, R1, R0, offset_of("task_struct", "thread_pid"));
}

/* The depth of the caller's PID namespace. A program of its own reads it. */
static int own_level(void)
{
    length = 0;
    find_caller();
    load(BPF_W, R0, R1, offset_of("pid", "level"));
    finish();
    int fd = load_program();
    int level = (int)run(fd);
    close(fd);
    return level;
}

/* Goes to the next task unless the one in r0 is in OWN or below. r3 = its number there. */
static void find_number(int level, int next)
{
    load(BPF_DW, R1, R0, offset_of("task_struct", "thread_pid"));
    if (level > 0) {
        load(BPF_W, R2, R1, offset_of("pid", "level"));
        jump_back_if(R2, BPF_JLT, level, next);
        load(BPF_DW, R2, R1, number_at(level, "ns"));
        emit(BPF_JMP | BPF_JNE | BPF_X, R2, OWN, (int16_t)(next - length - 1), 0);
    }
    load(BPF_W, R3, R1, number_at(level, "nr"));
}

static void assemble(int map, int level, enum mode mode)
{
    int full = -1;

    length = 0;
    emit(BPF_LD | BPF_DW | BPF_IMM, ARRAY, BPF_PSEUDO_MAP_VALUE, 0, map);
    emit(0, 0, 0, 0, 0);
    find_caller();
    load(BPF_DW, OWN, R1, number_at(level, "ns"));
    call_kernel("bpf_rcu_read_lock");
    point_to_iterator();
    set(R2, 0);                         /* no task to start from */
    set(R3, mode == PROCESSES ? 0 : 1); /* BPF_TASK_ITER_ALL_PROCS, BPF_TASK_ITER_ALL_THREADS */
    call_kernel("bpf_iter_task_new");
    set(R1, 0);
    store(BPF_DW, ARRAY, offsetof(struct walked, processes), R1);
    store(BPF_DW, ARRAY, offsetof(struct walked, threads), R1);
    store(BPF_DW, ARRAY, offsetof(struct walked, files), R1);

    int next = length;
    point_to_iterator();
    call_kernel("bpf_iter_task_next");
    int at_end = jump_if(R0, BPF_JEQ, 0);
    find_number(level, next);
    if (mode == PROCESSES) {
        full = write_process(next);
    } else {
        move(TASK, R0);
        store(BPF_DW, STACK, NUMBER, R3);
        if (mode == FACTS)
            full = write_thread(level);
        count_thread();
        write_files();
    }
    jump_back(next);

    land(at_end);
    if (full >= 0)
        land(full);
    point_to_iterator();
    call_kernel("bpf_iter_task_destroy");
    call_kernel("bpf_rcu_read_unlock");
    set(R0, 0);
    finish();
}

/* Checks ------------------------------------------------------------------------------- */

/* Whether the walk saw this process, with its user namespace. */
static bool has_process(const struct walked *walked, ino_t inode)
{
    for (uint64_t i = 0; i < walked->processes; i++) {
        if (walked->process[i].pid == (uint32_t)getpid())
            return walked->process[i].inode == inode;
    }
    return false;
}

/* Whether it saw an open file of this process. */
static bool has_file(const struct walked *walked, const struct stat *status)
{
    uint32_t device = major(status->st_dev) << 20 | minor(status->st_dev);

    for (uint64_t i = 0; i < walked->files; i++) {
        const struct file *file = &walked->file[i];
        if (file->tid == (uint32_t)getpid() && file->device == device &&
            file->inode == status->st_ino)
            return true;
    }
    return false;
}

/* Whether it saw this process with its namespaces and its name. */
static bool has_thread(const struct walked *walked, const char *name)
{
    const struct thread *own = NULL;

    for (uint64_t i = 0; i < walked->threads; i++) {
        if (walked->thread[i].tid == (uint32_t)getpid())
            own = &walked->thread[i];
    }
    if (!own || own->pid != own->tid || strncmp(own->name, name, sizeof own->name - 1) != 0)
        return false;
    for (size_t i = 0; i < LINKS; i++) {
        struct stat status;
        char path[64];
        snprintf(path, sizeof path, "/proc/self/ns/%s", links[i].link);
        if (stat(path, &status) < 0 || status.st_ino != own->inode[i])
            return false;
    }
    return own->mount && own->directory;
}

static bool is_complete(const struct walked *walked, enum mode mode, const struct stat *own)
{
    extern char *program_invocation_short_name;

    if (mode == PROCESSES)
        return walked->processes < MOST_PROCESSES && has_process(walked, own->st_ino);
    return walked->threads < MOST_PROCESSES && walked->files < MOST_FILES &&
           has_file(walked, own) &&
           (mode == FILES || has_thread(walked, program_invocation_short_name));
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
    enum mode mode = PROCESSES;
    struct stat own;
    int times = 1;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "files") == 0)
            mode = FILES;
        else if (strcmp(argv[i], "facts") == 0)
            mode = FACTS;
        else
            times = atoi(argv[i]);
    }
    int map = bpf(BPF_MAP_CREATE, &attributes);
    if (map < 0)
        skip("BPF_MAP_CREATE: %s", strerror(errno));
    const struct walked *walked = mmap(NULL, sizeof *walked, PROT_READ, MAP_SHARED, map, 0);
    if (walked == MAP_FAILED)
        skip("mmap: %s", strerror(errno));
    /* It stays open, so that the walk sees it. */
    int namespace = open("/proc/self/ns/user", O_RDONLY);
    if (namespace < 0 || fstat(namespace, &own) < 0)
        skip("/proc/self/ns/user: %s", strerror(errno));

    read_btf("/sys/kernel/btf/vmlinux");
    assemble(map, own_level(), mode);
    int fd = load_program();
    while (times-- > 0) {
        struct moment start;

        begin(&start);
        run(fd);
        end(&start);
    }
    if (!is_complete(walked, mode, &own)) {
        fprintf(stderr, "walk: this process is missing among %llu\n",
                (unsigned long long)walked->processes);
        return EXIT_FAILURE;
    }
    printf("processes %llu\n", (unsigned long long)walked->processes);
    if (mode != PROCESSES)
        printf("threads %llu\nfiles %llu\n", (unsigned long long)walked->threads,
               (unsigned long long)walked->files);
    return EXIT_SUCCESS;
}
