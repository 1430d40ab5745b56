/* Characters in JSON. */
#include "json.h"
#include <inttypes.h>
#include <stdio.h>

size_t decode(const char *text, size_t left, uint32_t *code)
{
    static const uint32_t smallest[] = { 0, 0, 0x80, 0x800, 0x10000 };
    unsigned char first = (unsigned char)*text;
    size_t length = first < 0x80             ? 1
                    : (first & 0xe0) == 0xc0 ? 2
                    : (first & 0xf0) == 0xe0 ? 3
                    : (first & 0xf8) == 0xf0 ? 4
                                             : 0;

    if (length == 0 || length > left)
        return 0;
    *code = length == 1 ? first : first & (0x7fu >> length);
    for (size_t i = 1; i < length; i++) {
        if (((unsigned char)text[i] & 0xc0) != 0x80)
            return 0;
        *code = *code << 6 | ((unsigned char)text[i] & 0x3fu);
    }
    if (*code < smallest[length] || (*code >= 0xd800 && *code < 0xe000) || *code > 0x10ffff)
        return 0;
    return length;
}

void put_code(uint32_t code)
{
    if (code >= 0x10000)
        printf("\\u%04" PRIx32 "\\u%04" PRIx32, 0xd7c0 + (code >> 10), 0xdc00 + (code & 0x3ff));
    else if (code < 0x20 || code >= 0x7f)
        printf("\\u%04" PRIx32, code);
    else
        putchar((int)code);
}

void put_in_string(uint32_t code)
{
    if (code == '"' || code == '\\')
        putchar('\\');
    put_code(code);
}
