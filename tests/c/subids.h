/*
 * Subordinate ids: a sandbox of root has files of its own in /etc, and programs of its own in
 * /usr/bin: shell scripts, which need no setuid bit there.
 */
#ifndef SUBIDS_H
#define SUBIDS_H

#include "namespace.h"
#include <linux/capability.h>

static UNUSED void make_text_file(const char *path, mode_t mode, const char *text)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);

    CHECK(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    CHECK(fchmod(fd, mode) == 0);
    close(fd);
}

/* A copy of the shell, which remains when /usr/bin is another directory. */
static UNUSED void keep_shell(void)
{
    char buffer[65536];
    int from = open("/bin/sh", O_RDONLY | O_CLOEXEC), to;
    ssize_t length;

    mount_tmpfs("/mnt");
    to = open("/mnt/sh", O_WRONLY | O_CREAT | O_CLOEXEC, 0755);
    if (from < 0)
        skip("needs /bin/sh");
    CHECK(to >= 0);
    while ((length = read(from, buffer, sizeof buffer)) > 0)
        CHECK(write(to, buffer, (size_t)length) == length);
    close(from);
    close(to);
}

static UNUSED const char *const accounts =
    "root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:/bin/sh\n";
static UNUSED const char *const ranges = "other:1:1\nroot:200000:65536\nnobody:300000:1000\n";

/* The programs, one for users and one for groups, each with this line behind "#!/mnt/sh". */
static UNUSED void have_programs(const char *line, mode_t mode)
{
    static const char *const kinds[] = { "uid", "gid" };
    char path[64], script[256];

    keep_shell();
    mount_tmpfs("/usr/bin");
    mount_tmpfs("/etc");
    make_text_file("/etc/passwd", 0644, accounts);
    make_text_file("/etc/subuid", 0644, ranges);
    make_text_file("/etc/subgid", 0644, ranges);
    for (size_t i = 0; i < 2 && line != NULL; i++) {
        snprintf(path, sizeof path, "/usr/bin/new%smap", kinds[i]);
        snprintf(script, sizeof script, "#!/mnt/sh\nkind=%s\n%s\n", kinds[i], line);
        make_text_file(path, mode, script);
    }
}

/* What the real programs do. */
static UNUSED const char *const map_ids =
    "printf '%s %s %s\\n%s %s %s\\n' $2 $3 $4 $5 $6 $7 >/proc/$1/${kind}_map";

/* Makes the permitted capabilities effective and inheritable again. */
static UNUSED void raise_capabilities(void)
{
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct data[2];

    CHECK(syscall(SYS_capget, &header, data) == 0);
    for (int i = 0; i < 2; i++)
        data[i].effective = data[i].inheritable = data[i].permitted;
    CHECK(syscall(SYS_capset, &header, data) == 0);
}

/* A user other than root who has all capabilities. */
static UNUSED void become_capable_nobody(void)
{
    CHECK(prctl(PR_SET_KEEPCAPS, 1) == 0);
    become_nobody(0);
    raise_capabilities();
}

#endif
