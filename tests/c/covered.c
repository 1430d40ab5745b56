/* Something is mounted over entries of the scanned procfs, or of sysfs. */
#include "situation.h"
#include "fuse.h"
#include "pins.h"

/* What a scan by each flag says about process 2, over which something is mounted. */
static void scan_each(void (*check)(const struct userns_snapshot *))
{
    static const uint64_t flags[] = {
        0,          USERNS_SCAN_NAMES,           USERNS_SCAN_OWNED, USERNS_SCAN_PINNED,
        EVERY_FLAG, EVERY_FLAG | USERNS_SCAN_BPF
    };

    for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
        struct userns_snapshot *snapshot = scan_with(flags[i]);

        check(snapshot);
        userns_free(snapshot);
    }
}

static void bind_mount(const char *source, const char *target)
{
    CHECK(mount(source, target, "none", MS_BIND, NULL) == 0);
}

/* ---- Files of the host ---- */

static const char *const files[] = { "/proc/loadavg",
                                     "/proc/sys/kernel/overflowuid",
                                     "/proc/sys/kernel/random/boot_id",
                                     "/proc/2/stat",
                                     "/proc/2/comm",
                                     "/proc/2/mountinfo",
                                     "/proc/self/status",
                                     "/proc/self/mountinfo",
                                     "/sys/kernel/btf/vmlinux" };

enum { FILES = sizeof files / sizeof *files };

static void check_all_there(const struct userns_snapshot *snapshot)
{
    CHECK(has_members(userns_find_pid(snapshot, 2), 1, 2));
    CHECK(userns_find_pid(snapshot, 1) == userns_self(snapshot));
    CHECK(userns_parent(userns_find_pid(snapshot, 2)) == userns_self(snapshot));
}

static void scan_beside_servers(void *unused UNUSED)
{
    scan_each(check_all_there);
    new_user_namespace();
    userns_free(scan_with(EVERY_FLAG));
}

/* For start(): a stopped server of a file over each of the files. */
static void start_servers(void *unused UNUSED)
{
    for (int i = 0; i < FILES; i++)
        if (access(files[i], F_OK) == 0)
            mount_server(files[i], S_IFREG);
}

SITUATION(stopped_servers, IN_SANDBOX,
          "files whose server does not answer over files of procfs and sysfs, as lxcfs mounts them")
{
    pid_t server;

    CHECK_EQ(start(go_down, &(int){ 1 }), 2);
    server = start(start_servers, NULL);
    stop(server);
    before_deadline(scan_beside_servers, NULL);
    end(server);
}

static void scan_beside(void *source)
{
    for (int i = 0; i < FILES; i++)
        if (access(files[i], F_OK) == 0)
            bind_mount(source, files[i]);
    scan_beside_servers(NULL);
}

SITUATION(masked_files, IN_SANDBOX, "/dev/null or a FIFO over the same files")
{
    mount_tmpfs("/mnt");
    CHECK(mkfifo("/mnt/fifo", 0600) == 0);
    CHECK_EQ(start(go_down, &(int){ 1 }), 2);
    before_deadline(scan_beside, (void *)"/dev/null");
    before_deadline(scan_beside, (void *)"/mnt/fifo");
}

/* ---- Roots ---- */

static void start_root_server(void *path)
{
    mount_server(path, S_IFDIR);
}

static void expect_no_procfs(void *path)
{
    struct userns_snapshot *snapshot;
    struct userns_options options = USERNS_OPTIONS_INIT;

    options.proc_path = path;
    expect_error("a stopped server", &options, -ENODEV);
    options.proc_path = NULL;
    options.flags = USERNS_SCAN_BPF;
    CHECK(userns_scan(&options, &snapshot) == 0);
    userns_free(snapshot);
}

SITUATION(stopped_roots, IN_SANDBOX,
          "a stopped server instead of a procfs, and one over /sys (Linux 6.8)")
{
    char procfs[] = "/mnt", sysfs[] = "/sys";
    pid_t server = start(start_root_server, procfs), other = start(start_root_server, sysfs);

    if (syscall(458 /* listmount(2) */, NULL, NULL, 0, 0) != 0 && errno == ENOSYS)
        skip("the kernel has no listmount(2)");
    stop(server);
    stop(other);
    before_deadline(expect_no_procfs, procfs);
    end(server);
    end(other);
}

/* ---- Entries of processes ---- */

/* Process 2 is lost, and that is counted. Nothing is forged. */
static void check_counted(const struct userns_snapshot *snapshot)
{
    size_t count;

    CHECK(userns_find_pid(snapshot, 1) == userns_self(snapshot));
    if (userns_source(snapshot) == USERNS_SOURCE_PROCFS) {
        CHECK(userns_find_pid(snapshot, 2) == NULL);
        CHECK_EQ(userns_gap_count(snapshot, USERNS_GAP_UNREADABLE), 1);
    }
    CHECK(userns_find_inode(snapshot, 1) == NULL);
    userns_nonusers(snapshot, &count);
    CHECK(find_nonuser(snapshot, 1) == NULL);
}

static void scan_forged(void *unused UNUSED)
{
    scan_each(check_counted);
}

/* A directory that looks like that of a process in the namespace with this text. */
static void forge(const char *path, const char *text)
{
    char name[64];

    CHECK(mkdir(path, 0755) == 0);
    snprintf(name, sizeof name, "%s/ns", path);
    CHECK(mkdir(name, 0755) == 0);
    snprintf(name, sizeof name, "%s/ns/user", path);
    CHECK(symlink(text, name) == 0);
}

SITUATION(forged_directory, IN_SANDBOX,
          "over the directory of a process, one with a forged link to a namespace")
{
    char text[64];

    CHECK_EQ(start(go_down, &(int){ 1 }), 2);
    mount_tmpfs("/mnt");
    snprintf(text, sizeof text, "user:[%" PRIu64 "]", inode_of(getpid()));
    forge("/mnt/own", text);
    forge("/mnt/other", "user:[1]");
    forge("/mnt/file", "/etc/passwd");
    bind_mount("/mnt/own", "/proc/2");
    before_deadline(scan_forged, NULL);
    bind_mount("/mnt/other", "/proc/2");
    before_deadline(scan_forged, NULL);
    bind_mount("/mnt/file", "/proc/2");
    before_deadline(scan_forged, NULL);
    CHECK(umount("/proc/2") == 0 && umount("/proc/2") == 0 && umount("/proc/2") == 0);
    bind_mount("/mnt/own/ns", "/proc/2/ns");
    before_deadline(scan_forged, NULL);
}

SITUATION(another_process, IN_SANDBOX, "over the directory of a process, that of another one")
{
    CHECK_EQ(start(go_down, &(int){ 1 }), 2);
    bind_mount("/proc/1", "/proc/2");
    before_deadline(scan_forged, NULL);
}

SITUATION(empty_directory, IN_SANDBOX, "an empty directory over that of a process")
{
    CHECK_EQ(start(go_down, &(int){ 1 }), 2);
    mount_tmpfs("/proc/2");
    before_deadline(scan_forged, NULL);
}

SITUATION(stopped_directory, IN_SANDBOX,
          "over the directory of a process, that of a stopped server")
{
    char path[] = "/proc/2";
    pid_t server;

    CHECK_EQ(start(go_down, &(int){ 1 }), 2);
    server = start(start_root_server, path);
    stop(server);
    before_deadline(scan_forged, NULL);
    end(server);
}

/* A symbolic link over a link, by move_mount(2). */
static void cover_link(const char *source, const char *target)
{
    int from = (int)syscall(SYS_open_tree, AT_FDCWD, source, AT_SYMLINK_NOFOLLOW | 1 /* CLONE */);

    if (from < 0 || syscall(SYS_move_mount, from, "", AT_FDCWD, target, 4 /* F_EMPTY_PATH */) != 0)
        skip("cannot mount over %s: %s", target, strerror(errno));
    close(from);
}

SITUATION(forged_links, IN_SANDBOX, "symbolic links over the links of a process")
{
    static const char *const texts[] = { "user:[1]", "/etc/passwd", "/dev/zero" };

    CHECK_EQ(start(go_down, &(int){ 1 }), 2);
    mount_tmpfs("/mnt");
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        unlink("/mnt/link");
        CHECK(symlink(texts[i], "/mnt/link") == 0);
        cover_link("/mnt/link", "/proc/2/ns/user");
        before_deadline(scan_forged, NULL);
        CHECK(umount2("/proc/2/ns/user", UMOUNT_NOFOLLOW) == 0);
    }
}

/* ---- The procfs of a container ---- */

static void cover_as_container(void *unused UNUSED)
{
    new_mount_namespace();
    mount_procfs("/proc", NULL);
    mount_tmpfs("/mnt");
    forge("/mnt/forged", "user:[1]");
    bind_mount("/mnt/forged", "/proc/2");
    bind_mount("/dev/null", "/proc/loadavg");
}

/* Through its root directory: the mounts are in another mount namespace. */
static void scan_container(void *pid)
{
    struct userns_snapshot *snapshot;
    char path[64];

    snprintf(path, sizeof path, "/proc/%d/root/proc", (int)*(pid_t *)pid);
    snapshot = scan_at(path);
    check_counted(snapshot);
    CHECK(userns_find_pid(snapshot, *(pid_t *)pid) == userns_self(snapshot));
    userns_free(snapshot);
}

SITUATION(covered_in_a_container, IN_SANDBOX | AS_ROOT,
          "the procfs of another mount namespace, which is covered there")
{
    pid_t pid;

    CHECK_EQ(start(go_down, &(int){ 1 }), 2);
    pid = start(cover_as_container, NULL);
    scan_container(&pid);
}

/* ---- Old kernels ---- */

/* Without openat2(2), close_range(2), statx(2), statmount(2). */
static void scan_without_new_calls(void *unused UNUSED)
{
    deny_syscall(SYS_openat2, ANY_ARGUMENT, 0, ENOSYS);
    deny_syscall(SYS_close_range, ANY_ARGUMENT, 0, ENOSYS);
    deny_syscall(457, ANY_ARGUMENT, 0, ENOSYS);
    deny_syscall(458, ANY_ARGUMENT, 0, ENOSYS);
    scan_each(check_counted);
    deny_syscall(SYS_statx, ANY_ARGUMENT, 0, ENOSYS);
    scan_each(check_counted);
}

SITUATION(old_kernel, IN_SANDBOX,
          "the same without openat2(2), close_range(2), statmount(2) and statx(2)")
{
    CHECK_EQ(start(go_down, &(int){ 1 }), 2);
    mount_tmpfs("/mnt");
    forge("/mnt/forged", "user:[1]");
    bind_mount("/mnt/forged", "/proc/2");
    before_deadline(scan_without_new_calls, NULL);
    CHECK(umount("/proc/2") == 0);
    bind_mount("/mnt/forged/ns", "/proc/2/ns");
    before_deadline(scan_without_new_calls, NULL);
}

static void scan_without_statx(void *inode)
{
    deny_syscall(SYS_statx, ANY_ARGUMENT, 0, ENOSYS);
    for (int i = 0; i < 2; i++) {
        struct userns_snapshot *snapshot = scan_with(EVERY_FLAG | (i ? USERNS_SCAN_BPF : 0));

        CHECK(userns_find_inode(snapshot, ((struct held *)inode)->inode) != NULL);
        CHECK(strcmp(userns_process_name(snapshot, 2), "") != 0);
        CHECK(!(userns_gaps(snapshot) & (USERNS_GAP_LINKS | USERNS_GAP_NAMES)));
        userns_free(snapshot);
    }
}

SITUATION(no_statx, IN_SANDBOX, "without statx(2), names and pins are complete")
{
    struct held *held = shared(sizeof *held);

    start(hold_descriptor, held);
    in_child(scan_without_statx, held);
}
