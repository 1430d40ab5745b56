/* The sentences for errors, and the version of the library. */
#include "situation.h"
#include <limits.h>

static void check_sentence(const char *sentence)
{
    size_t length;

    CHECK(sentence != NULL);
    length = strlen(sentence);
    CHECK(length > 0 && sentence[length - 1] != '.' && strchr(sentence, '\n') == NULL);
}

SITUATION(errors_are_explained, 0, "userns_strerror() has a different sentence for each value")
{
    static const int errors[] = {
        0,       -EINVAL,       -E2BIG,           -ENOENT, -ENOTDIR, -EACCES,
        -ELOOP,  -ENAMETOOLONG, -ENODEV,          -ENOTTY, -ENOMEM,  -EMFILE,
        -ENFILE, -EPERM,        -ENOTRECOVERABLE, -EXDEV,  -ENOEXEC, -EOPNOTSUPP,
        -ENOSYS, -EIO,          -ESTALE,          -EBADF,  -EBADMSG, -EPROTONOSUPPORT,
        -EFBIG,  -EPIPE,        -ENOSPC,          -EISDIR, -4096 /* no errno value */
    };
    size_t count = sizeof errors / sizeof *errors;

    for (size_t i = 0; i < count; i++) {
        check_sentence(userns_strerror(errors[i]));
        for (size_t j = 0; j < i; j++)
            CHECK(strcmp(userns_strerror(errors[i]), userns_strerror(errors[j])) != 0);
    }
    CHECK(strcmp(userns_strerror(INT_MIN), userns_strerror(-4096)) == 0);
    CHECK(strcmp(userns_strerror(1), userns_strerror(0)) == 0);
    CHECK(strcmp(userns_strerror(EINVAL), userns_strerror(0)) == 0);
    CHECK(strcmp(userns_strerror(INT_MAX), userns_strerror(0)) == 0);
}

SITUATION(versions, 0, "both versions of the library agree with the header")
{
    uint32_t number = userns_version_number();
    char text[64];

    CHECK_EQ(number, USERNS_VERSION_NUMBER);
    snprintf(text, sizeof text, "%d.%d.%d", (int)(number >> 16), (int)(number >> 8 & 0xff),
             (int)(number & 0xff));
    CHECK(strcmp(userns_version(), text) == 0);
}
