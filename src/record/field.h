/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One typed member of a JSON object, read with a named error, and text made fit for JSON
 * and for a terminal. A member that is missing is no error: it leaves the variable as it
 * was.
 */
#ifndef RECORD_FIELD_H
#define RECORD_FIELD_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* ERR_CORRUPT where the text is not one JSON object of at most @limit bytes. */
int field_load(const char *json, size_t size, size_t limit, json_t **ret,
	       struct err *err);

/* ERR_CORRUPT for another type, ERR_INVALID out of [min, max]. */
int field_int(const json_t *object, const char *key, int64_t min, int64_t max,
	      int64_t *ret, struct err *err);

/*
 * Without control characters, see field_clean(). What does not fit is cut, or, where
 * @is_exact, refused: a path that was cut is another path.
 */
int field_string(const json_t *object, const char *key, bool is_exact, char *ret,
		 size_t size, struct err *err);

/* *ret is NULL where it is missing. Borrowed from @object. */
int field_object(const json_t *object, const char *key, const json_t **ret,
		 struct err *err);

/*
 * A copy that is one line of valid UTF-8: a byte that is part of no character, and each
 * control character (C0, DEL, C1), becomes "?"; cut before the character that does not
 * fit.
 */
void field_clean(const char *text, char *ret, size_t size);

/* Would field_clean() with room enough leave it as it is? */
bool field_is_clean(const char *text);

/* The cleaned text as a JSON string; NULL without memory, which json_object_set_new() and
 * json_array_append_new() take and tell. */
json_t *field_new_string(const char *text);

static inline void field_decref(json_t **json)
{
	json_decref(*json);
}
#define _cleanup_json _cleanup_(field_decref)

#endif
