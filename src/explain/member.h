/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One member of a JSON object in a report, written and read. Numbers that may need more
 * than 53 bits are strings "0x...".
 */
#ifndef EXPLAIN_MEMBER_H
#define EXPLAIN_MEMBER_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* Nothing is escaped twice: what a report holds is clean, unless its maker erred. */
json_t *member_new_string(const char *text);

/*
 * Writers return 0 or -1, and go on after a failure: it is told once, at the end. A text
 * that is empty and a number that is 0 have no member.
 */
int member_put_string(json_t *object, const char *key, const char *text);
int member_put_number(json_t *object, const char *key, uint64_t number);
int member_put_hex(json_t *object, const char *key, uint64_t number);

/* Readers: a member that is missing leaves the variable as it was. */
int member_get_string(const json_t *object, const char *key, char *ret, size_t size,
		      struct err *err);
int member_get_number(const json_t *object, const char *key, uint64_t max, uint64_t *ret,
		      struct err *err);
int member_get_hex(const json_t *object, const char *key, uint64_t *ret, struct err *err);

/* NULL where it is missing; ERR_LIMIT with more than @max elements. Borrowed. */
int member_get_array(const json_t *object, const char *key, size_t max,
		     const json_t **ret, struct err *err);

/* One clean line of any length; "" where @value is NULL. */
int member_get_new_string(const json_t *value, const char *key, char **ret,
			  struct err *err);

#endif
