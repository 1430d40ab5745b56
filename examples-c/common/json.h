/* Characters in JSON (RFC 8259), for userns_inspect and userns_check. */
#ifndef JSON_H
#define JSON_H

#include <stddef.h>
#include <stdint.h>

/*
 * Decodes the first character of a text in UTF-8. Returns its number of bytes; 0 if it is not
 * UTF-8: cut off, longer than necessary, half a surrogate pair or beyond Unicode.
 */
size_t decode(const char *text, size_t left, uint32_t *code);

/* Prints a character in ASCII: as it is, or as JSON escapes it in strings. */
void put_code(uint32_t code);

/* Prints a character of a string in ASCII. */
void put_in_string(uint32_t code);

#endif
